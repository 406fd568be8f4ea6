//! Quick match over several partitions: places, matches, money, and what survives a kill.

use crate::copy_as_killed;
use crate::harness::{PARTITIONS, Rig, command, options};
use blazing_sun_backbone::derived_id::derived_id;
use blazing_sun_backbone::log::{NewRecord, Start, Topic};
use blazing_sun_backbone::messages::{MATCH_SETTLED, OPEN_MATCHED_ROOM, queue_key};
use blazing_sun_backbone::topics;
use blazing_sun_backend::audit::{AuditTotals, audit};
use serde_json::{Value, json};
use std::path::Path;
use uuid::Uuid;

fn dice() -> Value {
    json!({ "game_type": "bigger_dice" })
}

fn cancel() -> Value {
    json!({ "game_type": "bigger_dice", "cancel": true })
}

async fn rig_with(dir: &Path, users: impl IntoIterator<Item = u64>) -> Rig {
    let mut rig = Rig::start(dir);
    for user in users {
        rig.grant(user).await;
    }
    rig
}

/// Asks for a quick match; how many wait, and whether this one does.
async fn ask(rig: &mut Rig, user: u64, fields: Value) -> (Uuid, u64, bool) {
    let id = rig.send(user, "quick_match", fields).await;
    let answer = rig.answer(id).await;
    let (waiting, is_waiting) = told(&answer, user);
    assert_eq!(answer["payload"]["command_id"], json!(id));
    (id, waiting, is_waiting)
}

fn told(answer: &Value, user: u64) -> (u64, bool) {
    assert_eq!(
        answer["event_type"], "games.event.quick_match_waiting",
        "{answer}"
    );
    assert_eq!(answer["payload"]["game_type"], "bigger_dice");
    assert_eq!(answer["audience"]["user_ids"], json!([user.to_string()]));
    let payload = &answer["payload"];
    (
        payload["waiting"].as_u64().unwrap(),
        payload["is_waiting"].as_bool().unwrap(),
    )
}

/// The room that was opened for these, who are its players.
async fn matched(rig: &mut Rig, users: [u64; 2]) -> String {
    let starting = rig.expect("games.event.game_starting").await;
    let players = starting["payload"]["players"].as_array().unwrap();
    let players: Vec<String> = players
        .iter()
        .map(|player| player["user_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(players, users.map(|user| user.to_string()));
    starting["payload"]["room_id"].as_str().unwrap().to_owned()
}

fn clean(dir: &Path) -> AuditTotals {
    let report = audit(&options(dir).path).unwrap();
    assert!(report.is_clean(), "{report:#?}");
    report.totals
}

#[tokio::test]
async fn two_who_ask_get_a_room_and_play_it_for_money() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = rig_with(dir.path(), 1..=2).await;
    let (first, waiting, is_waiting) = ask(&mut rig, 1, dice()).await;
    assert_eq!((waiting, is_waiting), (1, true));
    let (second, waiting, is_waiting) = ask(&mut rig, 2, dice()).await;
    assert_eq!((waiting, is_waiting), (2, true));
    let room = matched(&mut rig, [1, 2]).await;
    let created = rig
        .seen
        .iter()
        .find(|e| e["event_type"] == "games.event.room_created");
    let created = &created.unwrap()["payload"];
    assert_eq!(
        (&created["host_id"], &created["player_count"]),
        (&json!("1"), &json!(2))
    );
    assert_eq!(created["entry_fee_cents"], 1_000);
    let states = rig
        .seen
        .iter()
        .filter(|e| e["event_type"] == "games.event.room_state");
    let told: Vec<&Value> = states
        .map(|state| &state["audience"]["user_ids"][0])
        .collect();
    assert_eq!(told, [&json!("1"), &json!("2")]);

    for (user, id) in [(1, first), (2, second)] {
        rig.send_as(user, "quick_match", dice(), id, "again").await;
        let again = rig.answer(id).await;
        assert_eq!(again["event_type"], "games.event.room_state", "{again}");
        assert_eq!(again["payload"]["command_id"], json!(id));
        assert_eq!(again["payload"]["room_id"], json!(room));
    }
    for user in [1, 2] {
        rig.send(user, "ready", json!({ "room_id": room })).await;
    }
    rig.play_to_the_end(&room).await;
    rig.send_as(1, "quick_match", dice(), first, "again").await;
    let again = rig.answer(first).await;
    assert_eq!(again["event_type"], "games.event.not_in_room");

    let held = rig.engine.held().await.unwrap();
    assert_eq!(
        (held.rooms, held.queued, held.deadlines),
        (0, 0, 0),
        "{held:?}"
    );
    rig.engine.stop();
    let expected = AuditTotals {
        players_cents: 9_600,
        rake_cents: 400,
        mint_cents: -10_000,
        ..AuditTotals::default()
    };
    assert_eq!(clean(dir.path()), expected);
}

#[tokio::test]
async fn asking_twice_is_one_place_and_cancelling_gives_it_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = rig_with(dir.path(), 1..=3).await;
    for _ in 0..3 {
        let (_, waiting, is_waiting) = ask(&mut rig, 1, dice()).await;
        assert_eq!((waiting, is_waiting), (1, true));
    }
    let (given_up, waiting, is_waiting) = ask(&mut rig, 1, cancel()).await;
    assert_eq!((waiting, is_waiting), (0, false));
    let (_, waiting, _) = ask(&mut rig, 2, dice()).await;
    assert_eq!(waiting, 1, "the first has no place any more");
    rig.send_as(1, "quick_match", cancel(), given_up, "b").await;
    let again = rig.answer(given_up).await;
    assert_eq!(
        told(&again, 1),
        (1, false),
        "one waits, and it is the other"
    );
    ask(&mut rig, 3, dice()).await;
    matched(&mut rig, [2, 3]).await;
    let id = rig
        .send(1, "quick_match", json!({ "game_type": "chess" }))
        .await;
    assert_eq!(rig.answer(id).await["payload"]["code"], "unknown_game");
    let id = rig.send(1, "quick_match", json!({})).await;
    let refusal = rig.answer(id).await;
    assert_eq!(refusal["payload"]["code"], "invalid_format");
    assert!(
        refusal["payload"]["message"]
            .as_str()
            .unwrap()
            .contains("game_type")
    );
}

#[tokio::test]
async fn the_queue_survives_a_kill_and_with_it_what_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = rig_with(dir.path(), 1..=2).await;
    let (first, ..) = ask(&mut rig, 1, dice()).await;
    let after = tempfile::tempdir().unwrap();
    copy_as_killed(dir.path(), after.path());
    let mut rig = Rig::start(after.path());
    assert_eq!(rig.engine.held().await.unwrap().queued, 1);
    rig.send_as(1, "quick_match", dice(), first, "b").await;
    let again = rig.answer(first).await;
    assert_eq!(told(&again, 1), (1, true));
    let (second, ..) = ask(&mut rig, 2, dice()).await;
    let room = matched(&mut rig, [1, 2]).await;

    // Killed once more, right behind the match.
    let last = tempfile::tempdir().unwrap();
    copy_as_killed(after.path(), last.path());
    let mut rig = Rig::start(last.path());
    rig.send_as(2, "quick_match", dice(), second, "c").await;
    let again = rig.answer(second).await;
    assert_eq!(again["payload"]["room_id"], json!(room), "{again}");
    for user in [1, 2] {
        rig.send(user, "leave_room", json!({ "room_id": room }))
            .await;
    }
    rig.expect("games.event.seed_revealed").await;
    rig.engine.stop();
    let totals = clean(last.path());
    assert_eq!((totals.players_cents, totals.escrow_cents), (10_000, 0));
}

#[tokio::test]
async fn who_cannot_pay_any_more_is_refused_and_the_other_returns_to_the_front() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = rig_with(dir.path(), 1..=4).await;
    let poor = rig.send(9, "quick_match", dice()).await;
    assert_eq!(
        rig.answer(poor).await["payload"]["code"],
        "insufficient_balance"
    );

    let (waits, ..) = ask(&mut rig, 1, dice()).await;
    for n in 0..5 {
        let room = format!("spent-{n}");
        let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": "r" });
        rig.send(1, "create_room", create).await;
        let select = json!({ "room_id": room, "target_user_id": "1" });
        rig.send(1, "select_player", select).await;
        rig.expect("games.event.player_selected").await;
    }
    // Two more in the same batch: whoever was matched with the first goes before the third.
    let asked = rig
        .send_together(&[(2, "quick_match", dice()), (3, "quick_match", dice())])
        .await;
    let room = matched(&mut rig, [2, 3]).await;
    let refusals: Vec<&Value> = rig
        .seen
        .iter()
        .filter(|event| event["payload"]["code"] == "insufficient_balance")
        .collect();
    let [_, refusal] = refusals[..] else {
        panic!("{refusals:?}")
    };
    assert_eq!(refusal["payload"]["command_id"], json!(waits));
    assert_eq!(
        refusal["payload"]["socket_id"], "",
        "for all of the user's sockets"
    );
    assert_eq!(refusal["audience"]["user_ids"], json!(["1"]));
    rig.send_as(1, "quick_match", dice(), waits, "b").await;
    let again = rig.answer(waits).await;
    assert_eq!(again["payload"]["code"], "insufficient_balance", "{again}");
    assert!(asked.iter().all(|id| *id != waits));
    assert_eq!(rig.engine.held().await.unwrap().queued, 0);

    for user in [2, 3] {
        rig.send(user, "leave_room", json!({ "room_id": room }))
            .await;
    }
    rig.expect("games.event.seed_revealed").await;
    rig.engine.stop();
    let totals = clean(dir.path());
    assert_eq!((totals.players_cents, totals.escrow_cents), (15_000, 5_000));
}

#[tokio::test]
async fn who_cancels_while_being_matched_hears_one_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = rig_with(dir.path(), 1..=4).await;
    // Behind the match: too late.
    ask(&mut rig, 1, dice()).await;
    let asked = rig
        .send_together(&[(2, "quick_match", dice()), (1, "quick_match", cancel())])
        .await;
    let room = matched(&mut rig, [1, 2]).await;
    let late = rig.answer(asked[1]).await;
    assert_eq!(late["payload"]["code"], "already_selected", "{late}");
    rig.send_as(1, "quick_match", cancel(), asked[1], "b").await;
    let again = rig.answer(asked[1]).await;
    assert_eq!(again["payload"]["code"], "already_selected", "{again}");
    for user in [1, 2] {
        rig.send(user, "leave_room", json!({ "room_id": room }))
            .await;
    }
    // Before it: the place is given up.
    ask(&mut rig, 3, dice()).await;
    let asked = rig
        .send_together(&[(3, "quick_match", cancel()), (4, "quick_match", dice())])
        .await;
    let given_up = rig.answer(asked[0]).await;
    assert_eq!(told(&given_up, 3), (0, false));
    let waits = rig.answer(asked[1]).await;
    assert_eq!(told(&waits, 4), (1, true));
    assert_eq!(rig.engine.held().await.unwrap().queued, 1);
    rig.engine.stop();
    assert_eq!(clean(dir.path()).players_cents, 20_000);
}

#[tokio::test]
async fn going_away_gives_the_place_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = rig_with(dir.path(), 1..=3).await;
    let gateway = ("g", "b");
    rig.presence("user_online", 1, gateway, "s1").await;
    ask(&mut rig, 1, dice()).await;
    rig.presence("user_offline", 1, gateway, "s1").await;
    wait_for_queued(&rig, 0).await;
    ask(&mut rig, 2, dice()).await;

    // A restart keeps the place of who comes back, and not that of who does not.
    rig.presence("user_online", 2, gateway, "s2").await;
    rig.engine.stop();
    let mut rig = Rig::start(dir.path());
    assert_eq!(rig.engine.held().await.unwrap().queued, 1);
    wait_for_queued(&rig, 0).await;
    let (_, waiting, _) = ask(&mut rig, 3, dice()).await;
    assert_eq!(waiting, 1);
}

async fn wait_for_queued(rig: &Rig, expected: usize) {
    let waiting = async {
        while rig.engine.held().await.unwrap().queued != expected {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(60), waiting).await;
    waited.unwrap_or_else(|_| panic!("{expected} queued"));
}

#[tokio::test]
async fn a_banned_account_and_one_in_too_many_rooms_are_not_matched() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = rig_with(dir.path(), 1..=3).await;
    let banned = |user: i64| {
        let database = rusqlite::Connection::open(options(dir.path()).path).unwrap();
        database
            .busy_timeout(std::time::Duration::from_secs(60))
            .unwrap();
        let query = "INSERT INTO users (id, username, roles, status, created_ms, last_seen_ms)
                     VALUES (?1, 'P', '[]', 'banned', 0, 0)";
        database.execute(query, [user]).unwrap();
    };
    let (waits, ..) = ask(&mut rig, 1, dice()).await;
    banned(1);
    ask(&mut rig, 2, dice()).await;
    let refusal = rig.answer(waits).await;
    assert_eq!(
        refusal["payload"]["code"], "banned",
        "banned while it waited"
    );
    let id = rig.send(1, "quick_match", dice()).await;
    assert_eq!(rig.answer(id).await["payload"]["code"], "banned");
    assert_eq!(
        rig.engine.held().await.unwrap().queued,
        1,
        "the other waits on"
    );

    for n in 0..16 {
        let room = format!("many-{n}");
        let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": "r" });
        rig.send(3, "create_room", create).await;
        rig.expect("games.event.room_created").await;
    }
    let id = rig.send(3, "quick_match", dice()).await;
    assert_eq!(rig.answer(id).await["payload"]["code"], "too_many_rooms");
}

#[tokio::test]
async fn a_bot_waits_for_no_match() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = rig_with(dir.path(), [1]).await;
    let id = Uuid::now_v7();
    let record = command(1, "quick_match", dice(), id, "socket");
    let mut envelope: Value = serde_json::from_slice(&record.payload).unwrap();
    envelope["actor"]["roles"] = json!(["bot"]);
    rig.append("games.commands", "1", envelope.to_string())
        .await;
    assert_eq!(rig.answer(id).await["payload"]["code"], "not_host");
}

#[tokio::test]
async fn of_those_who_were_gone_when_matched_the_room_hears_who_still_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = rig_with(dir.path(), 1..=2).await;
    rig.presence("user_online", 1, ("one", "boot-1"), "a").await;
    // All of it reaches the queue's partition before the room is open.
    let ask = |user| command(user, "quick_match", dice(), Uuid::now_v7(), "socket");
    let left = |user: u64| {
        let fields = json!({ "game_type": "bigger_dice", "user_id": user.to_string() });
        command(0, "quick_match_left", fields, Uuid::now_v7(), "")
    };
    let mut together = vec![ask(1), ask(2), left(1), left(2)];
    for record in &mut together {
        record.key = queue_key("bigger_dice").into();
    }
    rig.log.append_and_wait(together).await.unwrap();
    matched(&mut rig, [1, 2]).await;
    let gone = rig.expect("games.event.player_disconnected").await;
    assert_eq!(gone["payload"]["user_id"], "2");
}

/// Clients may add a `room_id`, which gateways route by; other producers key as they like.
#[tokio::test]
async fn going_away_gives_the_place_up_however_the_asking_was_keyed() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = rig_with(dir.path(), [1]).await;
    for n in 0..8 {
        let socket = format!("s{n}");
        rig.presence("user_online", 1, ("g", "b"), &socket).await;
        let fields = json!({ "game_type": "bigger_dice", "room_id": format!("x{n}") });
        let (_, waiting, is_waiting) = ask(&mut rig, 1, fields).await;
        assert_eq!((waiting, is_waiting), (1, true));
        rig.presence("user_offline", 1, ("g", "b"), &socket).await;
        wait_for_queued(&rig, 0).await;
    }
}

#[tokio::test]
async fn a_match_of_a_game_that_is_gone_is_settled_for_all() {
    let dir = tempfile::tempdir().unwrap();
    let rig = rig_with(dir.path(), []).await;
    let from = (0..PARTITIONS).map(|p| (Topic::new(topics::GAMES_COMMANDS), p, Start::End));
    let mut commands = rig.log.subscribe(from.collect()).unwrap();
    let players = [1, 2].map(|user| json!({ "user_id": user.to_string(), "username": "P" }));
    let open = json!({ "room_id": "m1", "game_type": "chess", "players": players });
    let name = OPEN_MATCHED_ROOM.strip_prefix("games.command.").unwrap();
    rig.send_as(0, name, open, Uuid::now_v7(), "").await;
    let settled = async {
        loop {
            for record in commands.next().await.unwrap() {
                let envelope: Value = serde_json::from_slice(&record.payload).unwrap();
                if envelope["event_type"] == MATCH_SETTLED {
                    return envelope["payload"].clone();
                }
            }
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(60), settled).await;
    let refused = waited.unwrap()["refused"].clone();
    for (at, user) in ["1", "2"].iter().enumerate() {
        assert_eq!(refused[at][0], json!(user), "{refused}");
        assert_eq!(refused[at][1]["code"], "unknown_game", "{refused}");
    }
}

/// As when the system has no randomness for a new room.
#[tokio::test]
async fn whose_room_can_not_be_opened_yet_wait_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = rig_with(dir.path(), 1..=2).await;
    let key = queue_key("bigger_dice");
    let ids = [Uuid::now_v7(), Uuid::now_v7()];
    let parts = [key.clone().into_bytes()].into_iter();
    let parts = parts.chain(ids.iter().map(|id| id.as_bytes().to_vec()));
    let room_id = derived_id(parts).to_string();
    let refusal = json!({ "code": "unavailable", "message": "Not now" });
    let settled = json!({ "matched_room_id": room_id, "game_type": "bigger_dice",
        "refused": [["1", refusal], ["2", refusal]] });
    let name = MATCH_SETTLED.strip_prefix("games.command.").unwrap();
    let asked = [
        (1, "quick_match", dice()),
        (2, "quick_match", dice()),
        (0, name, settled),
    ];
    let records = asked.into_iter().zip([ids[0], ids[1], Uuid::now_v7()]);
    let records = records.map(|((user, name, fields), id)| NewRecord {
        key: key.clone().into(),
        ..command(user, name, fields, id, "socket")
    });
    rig.log.append_and_wait(records.collect()).await.unwrap();
    for (user, id) in [(1, ids[0]), (2, ids[1])] {
        rig.send_as(user, "quick_match", dice(), id, "again").await;
        let is_answer = |event: &&Value| {
            event["event_type"] == "games.event.quick_match_waiting"
                && event["correlation_id"] == json!(id)
        };
        while rig.seen.iter().filter(is_answer).count() < 2 {
            rig.next().await;
        }
        let again = rig.seen.iter().rfind(is_answer).unwrap();
        assert_eq!(told(again, user), (2, true));
    }
    assert_eq!(rig.engine.held().await.unwrap().queued, 2);
}
