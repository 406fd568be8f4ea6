//! Owners that end, lose their partition, or can reach nobody.

use super::rig::{Rig, abandon, key_in, shared, stop, two, until, user_in};
use blazing_sun_backbone::topics;
use blazing_sun_backend::store::Store;
use blazing_sun_backend::store::postgres::PgStore;
use blazing_sun_domain::Millis;
use blazing_sun_harness::kafka::{Settings, TestKafka};
use blazing_sun_harness::postgres::TestPostgres;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_game_goes_on_where_its_owner_has_ended_without_a_word() {
    let mut rig = Rig::new().await;
    let [first, second] = two(&rig).await;
    let players = [user_in(0), user_in(1)];
    for player in players {
        rig.grant(player).await;
    }
    let of_first = first.owned()[0];
    let rooms = [
        key_in(of_first, |n| format!("t-{n}")),
        key_in(1 - of_first, |n| format!("t-{n}")),
    ];
    for room in &rooms {
        rig.begin_game(room, players).await;
        let turn = rig.expect("games.event.turn_changed").await;
        rig.roll(room, &turn).await;
        rig.expect("games.event.bigger_dice.rolled").await;
    }
    abandon(first).await;
    until("the other owns both", async || second.owned().len() == 2).await;
    for room in &rooms {
        let sync = json!({ "room_id": room, "user_id": players[0].to_string() });
        let asked = rig.send(0, "sync_room", sync).await;
        let state = rig.answer(asked).await;
        assert_eq!(state["payload"]["room"]["status"], "in_progress", "{state}");
        let turn: Value =
            json!({ "payload": { "current_turn": state["payload"]["room"]["current_turn"] } });
        rig.roll(room, &turn).await;
        rig.play_to_the_end(room).await;
        rig.assert_dense(room);
    }
    rig.assert_money_is_whole().await;
    stop(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_and_not_published_is_published_by_the_next_owner() {
    let mut rig = Rig::new().await;
    let first = rig.backend("first").await;
    rig.grant(1).await;
    let room = key_in(0, |n| format!("p-{n}"));
    let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": "Held back" });
    first.hold_back(true);
    let id = rig.send(1, "create_room", create).await;
    let rooms = "SELECT count(*) FROM room_directory";
    until("the room is committed", async || {
        rig.number(rooms).await == 1
    })
    .await;
    assert!(rig.comes(Duration::from_millis(300)).await.is_none());
    abandon(first).await;
    let second = rig.backend("second").await;
    let created = rig.answer(id).await;
    assert_eq!(created["payload"]["room_id"], json!(room), "{created}");
    let join = rig.send(1, "join_room", json!({ "room_id": room })).await;
    rig.answer(join).await;
    rig.assert_dense(&room);
    stop(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_fails_loses_nothing() {
    let mut rig = Rig::new().await;
    let backend = rig.backend("alone").await;
    rig.grant(1).await;
    rig.grant(2).await;
    let room = key_in(1, |n| format!("f-{n}"));
    backend.hold_back(true);
    let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": "Later" });
    let id = rig.send(1, "create_room", create).await;
    let rooms = "SELECT count(*) FROM room_directory";
    until("the room is committed", async || {
        rig.number(rooms).await == 1
    })
    .await;
    backend.hold_back(false);
    rig.answer(id).await;
    rig.send(2, "join_room", json!({ "room_id": room })).await;
    rig.expect("games.event.lobby_joined").await;
    rig.assert_dense(&room);
    stop(backend).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_again_changes_nothing() {
    let mut rig = Rig::new().await;
    let first = rig.backend("first").await;
    let players = [user_in(0), user_in(1)];
    for player in players {
        rig.grant(player).await;
    }
    for player in players {
        let ask = json!({ "game_type": "bigger_dice" });
        rig.send(player, "quick_match", ask).await;
    }
    let created = rig.expect("games.event.room_created").await;
    let room = created["payload"]["room_id"].as_str().unwrap().to_owned();
    for player in players {
        rig.send(player, "ready", json!({ "room_id": room })).await;
    }
    rig.play_to_the_end(&room).await;
    // An answer that would be given again, by another partition than the one that was asked.
    let waiting = key_in(1, |n| format!("w-{n}"));
    let create = json!({ "room_id": waiting, "game_type": "bigger_dice", "room_name": "Waiting" });
    rig.send(players[0], "create_room", create).await;
    rig.expect("games.event.room_created").await;
    let sync = rig.send(players[0], "sync_user", json!({})).await;
    rig.answer(sync).await;
    stop(first).await;
    while rig.comes(Duration::from_millis(500)).await.is_some() {
        rig.next().await;
    }
    let (seen, rows) = (rig.seen.len(), "SELECT count(*) FROM ledger_transfer");
    let moved = rig.number(rows).await;
    let forget = "WITH moved AS (UPDATE partition_owner SET published_upto = 0 RETURNING 1) SELECT count(*) FROM moved";
    assert_eq!(rig.number(forget).await, 2);
    let second = rig.backend("second").await;
    // All that is sent to other partitions again stands before this.
    until("everything is published", async || {
        let behind = "SELECT count(*) FROM partition_owner WHERE published_upto < batch_no";
        rig.number(behind).await == 0
    })
    .await;
    for user in players {
        let list = rig.send(user, "list_rooms", json!({})).await;
        let answered = rig.answer(list).await;
        assert_eq!(answered["event_type"], "games.event.room_list");
    }
    assert_eq!(rig.seen.len(), seen + 2, "{:?}", &rig.seen[seen..]);
    assert!(rig.repeats > 0);
    assert_eq!(rig.number(rows).await, moved);
    stop(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_was_taken_over_commits_nothing_more_and_comes_back_if_it_is_still_its_own() {
    let mut rig = Rig::new().await;
    let backend = rig.backend("alone").await;
    rig.grant(1).await;
    let partition = 0;
    let mut thief = PgStore::new(&rig.postgres(), partition, "thief").unwrap();
    let thief = tokio::task::spawn_blocking(move || {
        let by = thief.take_over(Millis(1)).unwrap();
        (thief, by)
    });
    let (thief, by) = thief.await.unwrap();
    let batch = "SELECT batch_no FROM partition_owner WHERE partition = 0";
    let room = key_in(partition, |n| format!("z-{n}"));
    let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": "Fenced" });
    let id = rig.send(1, "create_room", create).await;
    assert!(
        rig.comes(Duration::from_secs(2)).await.is_none(),
        "it is fenced"
    );
    assert_eq!(rig.number(batch).await as u64, by.batch_no);
    tokio::task::spawn_blocking(move || drop(thief))
        .await
        .unwrap();
    let created = rig.answer(id).await;
    assert_eq!(created["payload"]["room_id"], json!(room), "{created}");
    rig.assert_dense(&room);
    stop(backend).await;
}

/// Brokers to stop.
async fn own_kafka() -> (TestKafka, &'static TestPostgres) {
    let settings = Settings {
        // A broker that its controller has given up tells clients of no broker, and they forget it for good.
        properties: vec![("broker.session.timeout.ms".into(), "60000".into())],
        ..Settings::default()
    };
    let servers = tokio::task::spawn_blocking(move || {
        (TestKafka::own_with(&settings), TestPostgres::shared())
    });
    servers.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_that_its_owner_does_not_outlive_rolls_for_nobody() {
    let (kafka, postgres) = own_kafka().await;
    let mut rig = Rig::on(&kafka, postgres).await;
    rig.games.get_mut("bigger_dice").unwrap().spec.turn_ms = Some(4_000);
    let first = rig.backend("first").await;
    rig.grant(1).await;
    rig.grant(2).await;
    let room = key_in(0, |n| format!("o-{n}"));
    rig.begin_game(&room, [1, 2]).await;
    let turn = rig.expect("games.event.turn_changed").await;
    kafka.stop_signal();
    tokio::time::sleep(Duration::from_secs(8)).await;
    // What it saves last is no sign that commands could come.
    stop(first).await;
    kafka.continue_signal();
    let second = rig.backend("second").await;
    let moved = rig.expect("games.event.turn_changed").await;
    assert_eq!(
        moved["payload"]["turn_number"],
        turn["payload"]["turn_number"]
    );
    let (deadline, now) = (&moved["payload"]["deadline"], &moved["timestamp"]);
    assert!(deadline.as_str() > now.as_str(), "{moved}");
    stop(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deadlines_wait_for_brokers_that_are_away_and_move_by_the_time() {
    let (kafka, postgres) = own_kafka().await;
    let mut rig = Rig::on(&kafka, postgres).await;
    rig.games.get_mut("bigger_dice").unwrap().spec.turn_ms = Some(4_000);
    let backend = rig.backend("alone").await;
    rig.grant(1).await;
    rig.grant(2).await;
    let room = key_in(0, |n| format!("d-{n}"));
    rig.begin_game(&room, [1, 2]).await;
    let turn = rig.expect("games.event.turn_changed").await;
    let number = turn["payload"]["turn_number"].clone();
    let actions = "SELECT count(*) FROM batch";
    kafka.stop_signal();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let batches = rig.number(actions).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.number(actions).await, batches, "nothing is decided");
    kafka.continue_signal();
    let moved = rig.expect("games.event.turn_changed").await;
    assert_eq!(moved["payload"]["turn_number"], number, "{moved}");
    assert_ne!(moved["payload"]["deadline"], turn["payload"]["deadline"]);
    let rolled = |event: &&Value| event["event_type"] == "games.event.bigger_dice.rolled";
    assert_eq!(rig.seen.iter().filter(rolled).count(), 0, "nobody rolled");
    // And then it does fire.
    rig.expect("games.event.bigger_dice.rolled").await;
    rig.assert_dense(&room);
    stop(backend).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_wait_for_a_database_that_is_away() {
    let servers = tokio::task::spawn_blocking(|| (TestKafka::shared(), TestPostgres::own()));
    let (kafka, postgres) = servers.await.unwrap();
    let mut rig = Rig::on(kafka, &postgres).await;
    let backend = rig.backend("alone").await;
    rig.grant(1).await;
    rig.grant(2).await;
    let room = key_in(1, |n| format!("w-{n}"));
    rig.begin_game(&room, [1, 2]).await;
    postgres.kill();
    let turn = rig.expect("games.event.turn_changed").await;
    while rig.comes(Duration::from_millis(500)).await.is_some() {
        rig.next().await;
    }
    rig.roll(&room, &turn).await;
    assert!(rig.comes(Duration::from_secs(1)).await.is_none());
    postgres.start_again();
    rig.expect("games.event.bigger_dice.rolled").await;
    rig.play_to_the_end(&room).await;
    rig.assert_dense(&room);
    rig.assert_money_is_whole().await;
    stop(backend).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_store_can_not_take_is_put_aside_alone() {
    let mut rig = Rig::new().await;
    let backend = rig.backend("alone").await;
    let (bad, good) = (
        key_in(0, |n| format!("bad-{n}")),
        key_in(0, |n| format!("good-{n}")),
    );
    rig.grant(1).await;
    for room in [&bad, &good] {
        let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": room });
        let id = rig.send(1, "create_room", create).await;
        rig.answer(id).await;
    }
    let taken = format!(
        "WITH taken AS (INSERT INTO ledger_transfer (key, kind, from_account, to_account, amount_cents, partition, batch_no, at_ms)
         VALUES ('fee/{bad}/1/1', 'fee', 'a', 'b', 1, 0, 0, 0) RETURNING 1) SELECT count(*) FROM taken"
    );
    assert_eq!(rig.number(&taken).await, 1);
    let select = |room: &str| json!({ "room_id": room, "target_user_id": "1" });
    rig.send(1, "select_player", select(&bad)).await;
    let id = rig.send(1, "select_player", select(&good)).await;
    let answer = rig.answer(id).await;
    assert_eq!(answer["payload"]["room_id"], json!(good), "{answer}");
    assert_ne!(answer["event_type"], "games.event.error", "{answer}");
    let selected = rig.seen.iter();
    let selected = selected.filter(|event| event["event_type"] == "games.event.player_selected");
    assert_eq!(selected.count(), 1);
    let letters = "SELECT next_seq FROM outbox_position WHERE topic = 'events.dead_letter'";
    assert_eq!(rig.number(letters).await, 1);
    // What was decided in vain has used up no numbers, also of topics that had none before.
    let fees =
        "SELECT next_seq FROM outbox_position WHERE topic = 'bigger_dice.participation_payed'";
    assert_eq!(rig.number(fees).await, 1);
    rig.assert_dense(&good);
    stop(backend).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_brokers_have_lost_is_published_again() {
    let (kafka, postgres) = shared().await;
    let mut rig = Rig::on(kafka, postgres).await;
    let first = rig.backend("first").await;
    rig.grant(1).await;
    rig.grant(2).await;
    let room = key_in(0, |n| format!("l-{n}"));
    rig.begin_game(&room, [1, 2]).await;
    rig.play_to_the_end(&room).await;
    let played = rig.sequence(&room);
    stop(first).await;
    rig.lose(kafka, topics::GAMES_EVENTS).await;
    let second = rig.backend("second").await;
    while rig.sequence(&room).len() < played.len() {
        rig.next().await;
    }
    assert_eq!(rig.sequence(&room), played);
    stop(second).await;
}
