//! The engine as a whole, on a real file.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cancellations;
mod chat;
mod credits;
mod harness;
mod isolation;
mod limits;
mod live_settings;
mod payments;
mod presence;
mod quarantine;
mod quick_match;
mod rooms;

use blazing_sun_backbone::topics;
use blazing_sun_backend::audit::{AuditTotals, audit};
use blazing_sun_backend::engine::{Engine, EngineError, EngineOptions};
use blazing_sun_backend::replay::{ReplayReport, replay};
use blazing_sun_backend::store::StoreError;
use harness::{Rig, options};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

fn sequence(events: &[Value], room: &str) -> Vec<u64> {
    let of_room = events
        .iter()
        .filter(|event| event["payload"]["room_id"] == room);
    of_room
        .filter_map(|event| event["payload"]["room_seq"].as_u64())
        .collect()
}

#[tokio::test]
async fn a_whole_game_moves_the_money_and_audits_clean() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    rig.grant(2).await;
    rig.begin_game("room-1", [1, 2]).await;
    rig.play_to_the_end("room-1").await;
    let over = rig
        .seen
        .iter()
        .find(|event| event["event_type"] == "games.event.bigger_dice.game_over");
    let over = over.expect("the game ends with game_over")["payload"].clone();
    assert_eq!(over["prize_cents"], 1_600);

    let room_seq = sequence(&rig.seen, "room-1");
    assert_eq!(room_seq, (1..=room_seq.len() as u64).collect::<Vec<_>>());
    rig.engine.stop();
    let report = audit(&options(dir.path()).path).unwrap();
    assert!(report.is_clean(), "{report:#?}");
    let expected = AuditTotals {
        players_cents: 9_600,
        rake_cents: 400,
        mint_cents: -10_000,
        ..AuditTotals::default()
    };
    assert_eq!(report.totals, expected);
}

#[tokio::test]
async fn a_command_sent_again_has_one_effect_and_the_same_answer_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    let (create, id) = (
        json!({ "room_id": "room-1", "game_type": "bigger_dice", "room_name": "My Game" }),
        Uuid::now_v7(),
    );
    rig.send_as(1, "create_room", create.clone(), id, "a").await;
    let state = rig.expect("games.event.room_state").await;
    let select = Uuid::now_v7();
    let fields = json!({ "room_id": "room-1", "target_user_id": "1" });
    rig.send_as(1, "select_player", fields.clone(), select, "a")
        .await;
    rig.expect("games.event.player_selected").await;
    let refused = Uuid::now_v7();
    rig.send_as(
        1,
        "bigger_dice.roll",
        json!({ "room_id": "room-1" }),
        refused,
        "a",
    )
    .await;
    let refusal = rig.expect("games.event.error").await;
    assert_eq!(refusal["payload"]["code"], "game_not_started");

    for round in 0..4 {
        if round == 2 {
            rig.engine.stop();
            rig = Rig::start(dir.path());
        }
        rig.send_as(1, "create_room", create.clone(), id, "b").await;
        let again = rig.answer(id).await;
        assert_eq!(
            again["event_type"], "games.event.room_state",
            "round {round}"
        );
        assert_eq!(again["payload"]["command_id"], json!(id));
        let (room, before) = (&again["payload"]["room"], &state["payload"]["room"]);
        for field in ["room_id", "room_name", "created_at", "host_id", "lobby"] {
            assert_eq!(room[field].is_null(), before[field].is_null(), "{field}");
        }
        assert_eq!(room["created_at"], before["created_at"], "one room");
        rig.send_as(1, "select_player", fields.clone(), select, "b")
            .await;
        let applied = rig.answer(select).await;
        assert_eq!(applied["event_type"], "games.event.command_applied");
        assert_eq!(applied["payload"]["command_id"], json!(select));
        rig.send_as(
            1,
            "bigger_dice.roll",
            json!({ "room_id": "room-1" }),
            refused,
            "b",
        )
        .await;
        let again = rig.answer(refused).await;
        assert_eq!(again["payload"]["code"], refusal["payload"]["code"]);
        assert_eq!(
            again["payload"]["socket_id"], "b",
            "the socket that asks now gets it"
        );
    }
    rig.engine.stop();
    let report = audit(&options(dir.path()).path).unwrap();
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(
        (report.totals.escrow_cents, report.totals.players_cents),
        (1_000, 4_000)
    );
}

/// A copy of the file as a kill would leave it: nothing is flushed or saved for it.
pub(crate) fn copy_as_killed(from: &std::path::Path, to: &std::path::Path) {
    for name in ["keys", "blazing-sun.db-wal", "blazing-sun.db"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_in_the_middle_of_a_game() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    rig.grant(2).await;
    rig.begin_game("room-1", [1, 2]).await;
    let turn = rig.expect("games.event.turn_changed").await;
    let roller: u64 = turn["payload"]["current_turn"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let roll = rig
        .send(roller, "bigger_dice.roll", json!({ "room_id": "room-1" }))
        .await;
    let rolled = rig.answer(roll).await;
    let last = *sequence(&rig.seen, "room-1").last().unwrap();

    let after = tempfile::tempdir().unwrap();
    copy_as_killed(dir.path(), after.path());
    let mut rig = Rig::start(after.path());
    rig.send_as(
        roller,
        "bigger_dice.roll",
        json!({ "room_id": "room-1" }),
        roll,
        "b",
    )
    .await;
    let again = rig.answer(roll).await;
    assert_eq!(
        again["event_type"], "games.event.command_applied",
        "{rolled} is not rolled twice"
    );

    let sync = json!({ "room_id": "room-1", "user_id": "1" });
    rig.send_as(0, "sync_room", sync, Uuid::now_v7(), "c").await;
    let state = rig.expect("games.event.room_state").await;
    let room = &state["payload"]["room"];
    assert_eq!(room["status"], "in_progress");
    assert!(room["room_seq"].as_u64().unwrap() >= last);
    let turn: u64 = room["current_turn"].as_str().unwrap().parse().unwrap();
    rig.send(turn, "bigger_dice.roll", json!({ "room_id": "room-1" }))
        .await;
    rig.play_to_the_end("room-1").await;
    rig.engine.stop();
    let report = audit(&options(after.path()).path).unwrap();
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(report.totals.rake_cents, 400);
}

#[tokio::test]
async fn a_game_goes_on_by_its_own_timers_when_everyone_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    for (user, socket) in [(1, "s1"), (2, "s2")] {
        rig.grant(user).await;
        presence(&rig, "user_online", user, socket).await;
    }
    rig.begin_game("room-1", [1, 2]).await;
    for (user, socket) in [(1, "s1"), (2, "s2")] {
        presence(&rig, "user_offline", user, socket).await;
    }
    rig.expect("games.event.player_disconnected").await;
    rig.expect("games.event.player_disconnected").await;
    let rolled = rig.expect("games.event.bigger_dice.rolled").await;
    assert_eq!(rolled["payload"]["room_id"], "room-1");
}

async fn presence(rig: &Rig, what: &str, user: u64, socket: &str) {
    rig.presence(what, user, ("g", "b"), socket).await;
}

#[tokio::test]
async fn foreign_records_are_taken_or_put_aside_and_halt_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.append(topics::GAMES_COMMANDS, "x", "not json").await;
    rig.append(topics::GAMES_COMMANDS, "x", "{}").await;
    rig.append(topics::GATEWAY_PRESENCE, "x", r#"{"event_id":1}"#)
        .await;
    // Keyed by its event's id instead of the room's, user ids as numbers, no command id.
    for event_id in ["7c8f2d1e-9f3b-4c1a-8b1a-0123456789ab"; 2] {
        let envelope = json!({
            "event_id": event_id,
            "event_type": "games.command.create_room",
            "timestamp": "2024-01-20T10:30:01Z",
            "producer": "ws_gateway",
            "actor": { "user_id": 7, "username": "Foreign", "socket_id": "s", "roles": ["user"] },
            "audience": { "audience_type": "user", "user_ids": ["7"], "room_id": null, "game_id": null },
            "payload": { "room_id": "room-abc123", "game_type": "bigger_dice", "room_name": "My Game" },
        });
        for key in ["a", "b", "c", "d", "e"] {
            rig.append(topics::GAMES_COMMANDS, key, envelope.to_string())
                .await;
        }
    }
    let created = rig.expect("games.event.room_created").await;
    assert_eq!(created["payload"]["host_id"], "7");
    let after = rig
        .send(7, "join_room", json!({ "room_id": "room-abc123" }))
        .await;
    let refused = rig.answer(after).await;
    assert_eq!(refused["payload"]["code"], "already_in_room");
    let created = rig
        .seen
        .iter()
        .filter(|event| event["event_type"] == "games.event.room_created");
    assert_eq!(created.count(), 1, "ten deliveries, one room");
}

#[tokio::test]
async fn hostile_records_become_dead_letters_and_move_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    let envelope = |changes: Value| {
        let mut envelope = json!({
            "event_id": "e",
            "event_type": "games.command.create_room",
            "timestamp": "2024-01-20T10:30:01Z",
            "producer": "elsewhere",
            "actor": { "user_id": "1", "username": "x", "socket_id": "s", "roles": [] },
            "audience": { "type": "user", "user_ids": [], "room_id": null, "game_id": null },
            "payload": {},
        });
        for (name, value) in changes.as_object().unwrap() {
            envelope[name] = value.clone();
        }
        envelope.to_string()
    };
    let without = |name: &str| {
        let mut envelope: Value = serde_json::from_str(&envelope(json!({}))).unwrap();
        envelope.as_object_mut().unwrap().remove(name);
        envelope.to_string()
    };
    let actor = |user_id: Value| envelope(json!({ "actor": { "user_id": user_id } }));
    let rows = [
        ("nothing", Vec::new()),
        ("a word", b"nonsense".to_vec()),
        ("no UTF-8", vec![0xff, 0xfe, 0x00]),
        ("a number out of range", b"1e400".to_vec()),
        ("a list", b"[]".to_vec()),
        ("10,000 deep", "[".repeat(10_000).into()),
        (
            "10,000 deep in the payload",
            envelope(json!({}))
                .replace("{}", &"[".repeat(10_000))
                .into(),
        ),
        (
            "half of an envelope",
            envelope(json!({})).as_bytes()[..90].to_vec(),
        ),
        (
            "a payload that is a list",
            envelope(json!({ "payload": [] })).into(),
        ),
        (
            "a payload that is null",
            envelope(json!({ "payload": null })).into(),
        ),
        ("no actor", without("actor").into()),
        ("no event type", without("event_type").into()),
        ("no audience", without("audience").into()),
        ("a user of -1", actor(json!(-1)).into()),
        (
            "a user of 2^53",
            actor(json!(9_007_199_254_740_992_u64)).into(),
        ),
        ("a user of 1.5", actor(json!(1.5)).into()),
        ("a user that is a word", actor(json!("root")).into()),
        (
            "an unknown audience",
            envelope(json!({ "audience": { "type": "everybody" } })).into(),
        ),
        (
            "an event type twice",
            envelope(json!({}))
                .replacen('{', r#"{"event_type":"x","#, 1)
                .into(),
        ),
        ("a megabyte of blanks", vec![b' '; 1 << 20]),
    ];
    for (fault, payload) in &rows {
        rig.append(topics::GAMES_COMMANDS, "room-1", payload.clone())
            .await;
        let letter = rig.dead_letter().await;
        assert_eq!(letter["topic"], topics::GAMES_COMMANDS, "{fault}");
        assert!(
            letter["error"]
                .as_str()
                .is_some_and(|error| !error.is_empty()),
            "{fault}"
        );
        let original = letter["original"].as_str().unwrap();
        let length =
            original.len() / 4 * 3 - original.bytes().rev().take_while(|b| *b == b'=').count();
        assert_eq!(length, payload.len(), "{fault}: the original is kept");
    }
    let id = rig.send(
        1,
        "create_room",
        json!({ "room_id": "r", "game_type": "bigger_dice", "room_name": "x" }),
    );
    let answer = id.await;
    let answer = rig.answer(answer).await;
    assert_eq!(answer["event_type"], "games.event.room_created");
    let moved = rig
        .seen
        .iter()
        .filter(|event| event["event_type"] == "wallet.event.balance_changed");
    assert_eq!(moved.count(), 1, "the grant alone");
}

#[tokio::test]
async fn refusals_reach_the_asking_socket_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    for (name, fields, code, mentions) in [
        ("fly", json!({}), "unknown_command", "fly"),
        ("join_room", json!({}), "invalid_format", "room_id"),
        (
            "join_room",
            json!({ "room_id": 5 }),
            "invalid_format",
            "room_id",
        ),
        (
            "join_room",
            json!({ "room_id": "nowhere", "password": 1 }),
            "invalid_format",
            "password",
        ),
        (
            "leave_room",
            json!({ "room_id": "nowhere" }),
            "room_not_found",
            "room",
        ),
        (
            "join_room",
            json!({ "room_name": "No such room" }),
            "room_not_found",
            "room",
        ),
        (
            "create_room",
            json!({ "room_id": "r", "game_type": "chess", "room_name": "x" }),
            "unknown_game",
            "game",
        ),
        (
            "create_room",
            json!({ "room_id": "r", "game_type": "bigger_dice", "room_name": "x", "max_players": 11 }),
            "invalid_player_count",
            "players",
        ),
        (
            "create_room",
            json!({ "room_id": "r", "game_type": "bigger_dice", "room_name": "x".repeat(51) }),
            "invalid_name",
            "`room_name`: A name has 1 to 50 characters",
        ),
        (
            "create_room",
            json!({ "room_id": "r", "game_type": "bigger_dice", "room_name": "\u{202e}x" }),
            "invalid_name",
            "`room_name`",
        ),
        (
            "create_room",
            json!({ "room_id": "r", "game_type": "bigger_dice", "room_name": "Тhe Ноuse" }),
            "invalid_name",
            "reserved",
        ),
    ] {
        let id = rig.send(7, name, fields).await;
        let answer = rig.answer(id).await;
        assert_eq!(answer["event_type"], "games.event.error", "{name}");
        assert_eq!(answer["payload"]["code"], code, "{name}");
        assert_eq!(answer["payload"]["socket_id"], "socket");
        assert_eq!(answer["payload"]["command_id"], json!(id));
        assert_eq!(answer["audience"]["user_ids"], json!(["7"]));
        assert!(
            answer["payload"]["message"]
                .as_str()
                .unwrap()
                .contains(mentions),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn rooms_are_listed_and_joined_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    rig.grant(2).await;
    for (room, name) in [("room-1", "One"), ("room-2", "Two"), ("room-3", "Two")] {
        let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": name, "password": "pw" });
        rig.send(1, "create_room", create).await;
        rig.expect("games.event.room_state").await;
    }
    let list = rig.send(1, "list_rooms", json!({})).await;
    let rooms = rig.answer(list).await["payload"]["rooms"].clone();
    assert_eq!(rooms.as_array().unwrap().len(), 3);
    assert_eq!(rooms[0]["can_rejoin"], true);
    assert_eq!(rooms[0]["entry_fee_cents"], 1_000);

    let ambiguous = rig
        .send(
            2,
            "join_room",
            json!({ "room_name": "Two", "password": "pw" }),
        )
        .await;
    assert_eq!(
        rig.answer(ambiguous).await["payload"]["code"],
        "ambiguous_room_name"
    );
    let wrong = rig
        .send(
            2,
            "join_room",
            json!({ "room_name": "One", "password": "no" }),
        )
        .await;
    assert_eq!(rig.answer(wrong).await["payload"]["code"], "wrong_password");
    let right = rig
        .send(
            2,
            "join_room",
            json!({ "room_name": "One", "password": "pw" }),
        )
        .await;
    let state = rig.answer(right).await;
    assert_eq!(state["event_type"], "games.event.room_state");
    assert_eq!(state["payload"]["room"]["room_id"], "room-1");
    assert_eq!(state["payload"]["room"]["is_password_protected"], true);
}

#[tokio::test]
async fn an_outage_rolls_for_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    rig.grant(2).await;
    rig.begin_game("room-1", [1, 2]).await;
    let before = rig.expect("games.event.turn_changed").await["payload"].clone();
    let after = tempfile::tempdir().unwrap();
    copy_as_killed(dir.path(), after.path());
    // The old owner died an hour ago.
    let connection = rusqlite::Connection::open(options(after.path()).path).unwrap();
    connection
        .execute(
            "UPDATE partition_owner SET alive_ms = alive_ms - 3600000",
            [],
        )
        .unwrap();
    drop(connection);
    let engine = Engine::start(options(after.path())).unwrap();
    engine.stop();
    let announced = last_event(after.path(), "games.event.turn_changed");
    assert_eq!(announced["turn_number"], before["turn_number"]);
    assert_eq!(announced["current_turn"], before["current_turn"]);
    assert!(announced["deadline"].as_str() > before["deadline"].as_str());
}

fn last_event(dir: &std::path::Path, event_type: &str) -> Value {
    use blazing_sun_backbone::log::sqlite::SqliteLog;
    let connection = rusqlite::Connection::open(options(dir).path).unwrap();
    let mut last = Value::Null;
    for batch in SqliteLog::batches_from(&connection, 0).unwrap() {
        for record in batch.unwrap().2 {
            if record.headers.text("event_type") == Some(event_type) {
                last = serde_json::from_slice::<Value>(&record.payload).unwrap()["payload"].clone();
            }
        }
    }
    last
}

#[tokio::test]
async fn a_second_engine_fences_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let first = Rig::start(dir.path());
    let mut second = Rig::start(dir.path());
    let record = json!({ "room_id": "r", "game_type": "bigger_dice", "room_name": "x" });
    let lost = tokio::time::timeout(
        Duration::from_secs(60),
        first
            .log
            .append_and_wait(vec![blazing_sun_backbone::log::NewRecord {
                topic: blazing_sun_backbone::log::Topic::new(topics::GAMES_COMMANDS),
                partition: None,
                key: "r".into(),
                headers: Default::default(),
                payload: record.to_string().into(),
            }]),
    );
    assert!(
        lost.await.unwrap().is_err(),
        "the fenced engine acknowledges nothing"
    );
    let failure = tokio::time::timeout(Duration::from_secs(60), first.engine.failed())
        .await
        .unwrap();
    assert!(
        matches!(*failure, EngineError::Store(StoreError::Fenced { .. })),
        "{failure:?}"
    );
    second.grant(1).await;
}

#[tokio::test]
async fn a_join_sent_again_after_leaving_shows_nothing_of_the_room() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    rig.grant(2).await;
    let create = json!({ "room_id": "room-1", "game_type": "bigger_dice", "room_name": "One" });
    rig.send(1, "create_room", create).await;
    let (join, fields) = (Uuid::now_v7(), json!({ "room_id": "room-1" }));
    rig.send_as(2, "join_room", fields.clone(), join, "a").await;
    assert_eq!(
        rig.answer(join).await["event_type"],
        "games.event.room_state"
    );
    rig.send(2, "leave_room", fields.clone()).await;
    rig.expect("games.event.player_left").await;
    rig.send_as(2, "join_room", fields, join, "b").await;
    let again = rig.answer(join).await;
    assert_eq!(again["event_type"], "games.event.not_in_room", "{again}");
}

#[tokio::test]
async fn a_commit_that_fails_refuses_its_command_alone_and_forgets_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    for (user, socket) in [(1, "s1"), (2, "s2")] {
        rig.grant(user).await;
        presence(&rig, "user_online", user, socket).await;
    }
    let create = json!({ "room_id": "room-1", "game_type": "bigger_dice", "room_name": "One" });
    rig.send(1, "create_room", create).await;
    rig.send(2, "join_room", json!({ "room_id": "room-1" }))
        .await;
    rig.expect("games.event.lobby_joined").await;
    // The ledger holds the key already that selecting the host would use.
    let other = rusqlite::Connection::open(options(dir.path()).path).unwrap();
    other
        .execute(
            "INSERT INTO ledger_transfer
             (key, kind, from_account, to_account, amount_cents, batch_no, at_ms)
             VALUES ('fee/room-1/1/1', 'fee', 'a', 'b', 1, 0, 0)",
            [],
        )
        .unwrap();
    let select = |user: &str| json!({ "room_id": "room-1", "target_user_id": user });
    let (poison, sound) = (Uuid::now_v7(), Uuid::now_v7());
    let (poisoned, taken) = tokio::join!(
        rig.try_send(1, "select_player", select("1"), poison, "s1"),
        rig.try_send(1, "select_player", select("2"), sound, "s1"),
    );
    assert!(poisoned.is_err(), "nothing of it was written");
    taken.unwrap();
    let selected = rig.answer(sound).await;
    assert_eq!(selected["payload"]["player"]["user_id"], "2");
    let unknown = rig
        .seen
        .iter()
        .any(|event| event["correlation_id"] == json!(poison));
    assert!(!unknown, "an append that failed has no events");

    // Both are still known to be connected, so that leaving is noticed.
    presence(&rig, "user_offline", 2, "s2").await;
    let gone = rig.expect("games.event.player_disconnected").await;
    assert_eq!(gone["payload"]["user_id"], "2");
    let told = rig
        .seen
        .iter()
        .filter(|e| e["event_type"] == "games.event.player_disconnected");
    assert_eq!(told.count(), 1);
}

#[tokio::test]
async fn a_room_that_can_not_be_loaded_harms_no_other_and_comes_back_with_its_game() {
    let dir = tempfile::tempdir().unwrap();
    let patient = || {
        let mut options = options(dir.path());
        options.gone_after_restart_ms = 60_000;
        options
    };
    let mut rig = Rig::start_with(patient());
    let gateway = ("gateway", "boot-1");
    rig.presence("user_online", 1, gateway, "socket").await;
    rig.send(1, "join_room", json!({ "room_id": "table" }))
        .await;
    rig.expect("games.event.lobby_joined").await;
    rig.engine.stop();

    let mut without = patient();
    without.games = blazing_sun_domain::games::built_in();
    let mut rig = Rig::start_with(without);
    let say = json!({ "room_id": "table", "data": 1 });
    let id = rig.send(1, "relay.say", say.clone()).await;
    assert_eq!(rig.answer(id).await["payload"]["code"], "unavailable");
    rig.grant(2).await;
    rig.engine.stop();

    let mut rig = Rig::start_with(patient());
    rig.send(1, "relay.say", say).await;
    rig.expect("games.event.relay.said").await;
}

#[tokio::test]
async fn a_user_is_in_so_many_rooms_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    for room in 0..16 {
        let create = json!({
            "room_id": format!("room-{room}"), "game_type": "bigger_dice", "room_name": "One",
        });
        rig.send(1, "create_room", create).await;
        rig.expect("games.event.room_state").await;
    }
    let create = json!({ "room_id": "room-x", "game_type": "bigger_dice", "room_name": "One" });
    let id = rig.send(1, "create_room", create.clone()).await;
    assert_eq!(rig.answer(id).await["payload"]["code"], "too_many_rooms");
    let other = json!({ "room_id": "room-y", "game_type": "bigger_dice", "room_name": "Other" });
    rig.send(2, "create_room", other).await;
    rig.expect("games.event.room_created").await;
    let fields = json!({ "room_id": "room-y" });
    for (name, fields) in [
        ("join_room", fields.clone()),
        ("spectate", fields.clone()),
        ("join_room", json!({ "room_name": "Other" })),
        ("join_room", json!({ "room_id": "new-table" })),
    ] {
        let id = rig.send(1, name, fields.clone()).await;
        let refusal = rig.answer(id).await;
        assert_eq!(
            refusal["payload"]["code"], "too_many_rooms",
            "{name} {fields}"
        );
    }
    let id = rig
        .send(1, "join_room", json!({ "room_id": "room-1" }))
        .await;
    assert_eq!(rig.answer(id).await["payload"]["code"], "already_in_room");
    assert_eq!(rig.engine.held().await.unwrap().rooms, 17);
    rig.send(1, "leave_room", json!({ "room_id": "room-0" }))
        .await;
    rig.expect("games.event.player_left").await;
    let id = rig.send(1, "create_room", create).await;
    let created = rig.expect("games.event.room_state").await;
    assert_eq!(created["correlation_id"], json!(id));
}

#[tokio::test]
async fn the_directory_follows_a_room_in_play() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    for user in 1..=2 {
        rig.grant(user).await;
    }
    rig.begin_game("room-1", [1, 2]).await;
    let fields = json!({ "room_id": "room-1" });
    for user in [3, 4] {
        rig.send(user, "spectate", fields.clone()).await;
        rig.expect("games.event.spectator_joined").await;
    }
    let line = |list: Value| {
        let room = &list["payload"]["rooms"][0];
        (room["host_id"].clone(), room["spectator_count"].clone())
    };
    let list = rig.send(2, "list_rooms", json!({})).await;
    assert_eq!(line(rig.answer(list).await), (json!("1"), json!(2)));
    let ban = json!({ "room_id": "room-1", "target_user_id": "3" });
    rig.send(1, "ban_player", ban).await;
    rig.expect("games.event.player_banned").await;
    let list = rig.send(2, "list_rooms", json!({})).await;
    assert_eq!(line(rig.answer(list).await), (json!("1"), json!(1)));
    rig.send(1, "leave_room", fields).await;
    rig.expect("games.event.host_changed").await;
    let list = rig.send(2, "list_rooms", json!({})).await;
    assert_eq!(line(rig.answer(list).await), (json!("2"), json!(1)));
}

#[tokio::test]
async fn who_invites_is_answered_and_only_the_newly_invited_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    let create = json!({ "room_id": "room-1", "game_type": "bigger_dice", "room_name": "One" });
    rig.send(1, "create_room", create).await;
    rig.expect("games.event.room_created").await;
    let invite = json!({ "room_id": "room-1", "target_user_ids": ["2"], "rematch_of": "room-0" });
    for is_first in [true, false] {
        let id = rig.send(1, "invite_players", invite.clone()).await;
        let answer = rig.answer(id).await;
        assert_eq!(answer["event_type"], "games.event.room_invited", "{answer}");
        assert_eq!(answer["payload"]["command_id"], json!(id));
        assert_eq!(answer["audience"]["user_ids"], json!(["1"]));
        if is_first {
            let told = rig.expect("games.event.room_invited").await;
            assert_eq!(told["audience"]["user_ids"], json!(["2"]));
        }
    }
    rig.send(1, "leave_room", json!({ "room_id": "room-1" }))
        .await;
    rig.expect("games.event.seed_revealed").await;
    let told = rig
        .seen
        .iter()
        .filter(|event| event["audience"]["user_ids"] == json!(["2"]));
    assert_eq!(told.count(), 1);
    rig.engine.stop();
    let replayed = replay_of(dir.path(), "room-1");
    assert!(replayed.is_equal(), "{replayed:#?}");
    assert_eq!(replayed.answers, 1, "the second invitation changed nothing");
}

/// A room that ended, played again from its journal.
fn replay_of(dir: &std::path::Path, room: &str) -> ReplayReport {
    let EngineOptions {
        path,
        games,
        sealer,
        ..
    } = options(dir);
    replay(&path, &room.parse().unwrap(), &games, &sealer, &mut |_| {
        Ok(())
    })
    .unwrap()
}
