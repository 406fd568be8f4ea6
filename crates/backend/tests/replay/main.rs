//! Replays of rooms that a real engine ran: equal as they are, and different after any change of
//! journal, ledger or topics.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "the engine's own tests use the rest")]
#[path = "../engine/harness.rs"]
mod harness;

use blazing_sun_backbone::credentials::Keys;
use blazing_sun_backbone::log::Record;
use blazing_sun_backbone::log::sqlite::SqliteLog;
use blazing_sun_backbone::topics;
use blazing_sun_backend::engine::EngineOptions;
use blazing_sun_backend::replay::{ReplayError, ReplayReport, replay};
use blazing_sun_backend::store::JournalDigest;
use blazing_sun_backend::store::sqlite::{archived_journal, open_reader};
use blazing_sun_domain::fairness::Seed;
use blazing_sun_domain::{Games, Millis};
use harness::Rig;
use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;
use uuid::Uuid;

/// Rooms of [`play`], each of which ended or stopped in its own way.
const ROOMS: [&str; 5] = ["seeded", "left", "voided", "abandoned", "running"];

/// Absent players' seats are played at once.
fn options(dir: &Path) -> EngineOptions {
    let mut options = harness::options(dir);
    options
        .games
        .get_mut("bigger_dice")
        .unwrap()
        .spec
        .auto_play_ms = 1;
    options
}

fn games(dir: &Path) -> Games {
    options(dir).games
}

fn seed_of(user: u64) -> Seed {
    Seed([user as u8; 32])
}

async fn seat(rig: &Rig, room: &str, players: [u64; 2]) {
    let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": room });
    rig.send(players[0], "create_room", create).await;
    rig.send(players[1], "join_room", json!({ "room_id": room }))
        .await;
    for player in players {
        select(rig, room, players[0], player, "select_player").await;
    }
}

async fn select(rig: &Rig, room: &str, host: u64, target: u64, command: &str) {
    let fields = json!({ "room_id": room, "target_user_id": target.to_string() });
    rig.send(host, command, fields).await;
}

async fn ready(rig: &Rig, room: &str, user: u64, has_seed: bool) {
    let mut fields = json!({ "room_id": room });
    if has_seed {
        fields["seed_commitment"] = json!(seed_of(user).commitment());
    }
    rig.send(user, "ready", fields).await;
}

async fn reveal(rig: &Rig, room: &str, user: u64) {
    let fields = json!({ "room_id": room, "client_seed": seed_of(user).to_hex() });
    rig.send(user, "reveal_seed", fields).await;
}

async fn connection(rig: &Rig, what: &str, user: u64) {
    let socket = format!("socket-of-{user}");
    let message = json!({
        "event_id": Uuid::new_v4(),
        "event_type": format!("presence.event.{what}"),
        "timestamp": "2024-01-20T10:30:01Z",
        "correlation_id": null,
        "producer": "ws_gateway",
        "actor": { "user_id": user.to_string(), "username": "P", "socket_id": socket, "roles": [] },
        "audience": { "type": "broadcast", "user_ids": [], "room_id": null, "game_id": null },
        "payload": { "user_id": user.to_string(), "gateway_id": "g", "boot_id": "b", "connection_id": socket },
    });
    rig.append(
        topics::GATEWAY_PRESENCE,
        &user.to_string(),
        message.to_string(),
    )
    .await;
}

/// Whole games, and what can come between.
async fn play() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(options(dir.path()));
    for user in 1..=8 {
        rig.grant(user).await;
    }

    seat(&rig, "seeded", [1, 2]).await;
    ready(&rig, "seeded", 1, true).await;
    // Nobody's turn, and a stranger's question: neither changes anything.
    rig.send(1, "bigger_dice.roll", json!({ "room_id": "seeded" }))
        .await;
    for user in ["1", "8"] {
        let sync = json!({ "room_id": "seeded", "user_id": user });
        rig.send_as(0, "sync_room", sync, Uuid::now_v7(), "").await;
    }
    ready(&rig, "seeded", 2, true).await;
    rig.expect("games.event.seeds_requested").await;
    reveal(&rig, "seeded", 1).await;
    reveal(&rig, "seeded", 2).await;
    rig.expect("games.event.game_started").await;
    let sync = json!({ "room_id": "seeded", "user_id": "2" });
    rig.send_as(0, "sync_room", sync, Uuid::now_v7(), "").await;
    rig.play_to_the_end("seeded").await;

    // One leaves for good, the other's connection is lost: the server plays both seats.
    seat(&rig, "left", [3, 4]).await;
    select(&rig, "left", 3, 4, "deselect_player").await;
    select(&rig, "left", 3, 4, "select_player").await;
    ready(&rig, "left", 3, false).await;
    ready(&rig, "left", 4, false).await;
    rig.expect("games.event.game_started").await;
    connection(&rig, "user_online", 4).await;
    rig.send(3, "leave_room", json!({ "room_id": "left" }))
        .await;
    connection(&rig, "user_offline", 4).await;
    rig.expect("games.event.seed_revealed").await;

    // Who leaves between commitments and reveal is voided and refunded; then nobody is left.
    seat(&rig, "voided", [5, 6]).await;
    ready(&rig, "voided", 5, true).await;
    ready(&rig, "voided", 6, true).await;
    rig.expect("games.event.seeds_requested").await;
    reveal(&rig, "voided", 5).await;
    rig.send(6, "leave_room", json!({ "room_id": "voided" }))
        .await;
    rig.expect("games.event.seed_voided").await;
    rig.send(5, "leave_room", json!({ "room_id": "voided" }))
        .await;
    rig.expect("games.event.seed_revealed").await;

    let free = json!({ "room_id": "abandoned", "game_type": "bigger_dice", "room_name": "Free" });
    rig.send(7, "create_room", free).await;
    rig.send(7, "leave_room", json!({ "room_id": "abandoned" }))
        .await;
    rig.expect("games.event.seed_revealed").await;

    seat(&rig, "running", [7, 8]).await;
    ready(&rig, "running", 7, true).await;
    ready(&rig, "running", 8, false).await;
    rig.expect("games.event.seeds_requested").await;
    reveal(&rig, "running", 7).await;
    rig.expect("games.event.turn_changed").await;
    let killed = copy_of(dir.path());
    rig.engine.stop();
    // As it stands at a kill, the running room is in the log alone.
    let report = replay_of(killed.path(), "running").unwrap();
    assert!(report.is_equal(), "{report:#?}");
    assert_eq!(report.digest_is_right, None);
    dir
}

fn replay_of(dir: &Path, room: &str) -> Result<ReplayReport, ReplayError> {
    replay_with(dir, room, &games(dir), &mut Vec::new())
}

fn replay_with(
    dir: &Path,
    room: &str,
    games: &Games,
    events: &mut Vec<String>,
) -> Result<ReplayReport, ReplayError> {
    let keys = Keys::load(&dir.join("keys")).unwrap();
    let (path, room) = (dir.join("blazing-sun.db"), room.parse().unwrap());
    replay(&path, &room, games, &keys.sealer(), &mut |event| {
        events.push(serde_json::to_string(event)?);
        Ok(())
    })
}

fn copy_of(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    for name in ["keys", "blazing-sun.db-wal", "blazing-sun.db"] {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.path().join(name)).unwrap();
        }
    }
    to
}

/// Past all triggers.
fn change(dir: &Path, sql: &str) {
    let connection = Connection::open(dir.join("blazing-sun.db")).unwrap();
    connection
        .execute_batch(
            "DROP TRIGGER IF EXISTS ledger_transfer_is_never_changed;
             DROP TRIGGER IF EXISTS ledger_transfer_is_never_deleted;",
        )
        .unwrap();
    connection.execute_batch(sql).unwrap();
}

fn ended(report: &ReplayReport, kind: &str) -> Vec<i64> {
    let transfers = report.transfers.iter();
    let of_kind = transfers.filter(|transfer| transfer.kind == kind);
    of_kind.map(|transfer| transfer.amount_cents).collect()
}

#[tokio::test]
async fn a_replay_of_any_room_equals_play() {
    let dir = play().await;
    for room in ROOMS {
        let mut events = Vec::new();
        let report = replay_with(dir.path(), room, &games(dir.path()), &mut events).unwrap();
        assert!(report.is_equal(), "{room}: {report:#?}");
        assert_eq!(report.digest_is_right, Some(true), "{room}");
        assert_eq!(report.records_expired, 0, "{room}");
        assert_eq!(report.events, events.len() as u64, "{room}");
        // Each room event is a record; payments and balances are records beside them.
        let moved = report
            .transfers
            .iter()
            .filter(|transfer| transfer.kind != "rake");
        let records = report.events + 2 * moved.count() as u64;
        assert_eq!(report.records_compared, records, "{room}");
        assert_eq!(report.is_over, room != "running");
        let told = told_of(dir.path(), room);
        let replayed: Vec<Value> = events
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["payload"].take())
            .filter(|payload| payload.get("room_seq").is_some())
            .collect();
        assert_eq!(replayed, told, "{room}");
    }
    let seeded = replay_of(dir.path(), "seeded").unwrap();
    assert_eq!(
        (ended(&seeded, "prize"), ended(&seeded, "rake")),
        (vec![1600], vec![400])
    );
    assert!(matches!(
        seeded.winner_username.as_deref(),
        Some("P1" | "P2")
    ));
    // A refused roll and two questions; a third in play is answered with the game's state as well.
    assert_eq!(seeded.answers, 5);
    let voided = replay_of(dir.path(), "voided").unwrap();
    assert_eq!(
        (ended(&voided, "fee"), ended(&voided, "refund")),
        (vec![1000; 2], vec![1000; 2])
    );
    assert_eq!(voided.winner_id, None);
}

/// JSON may stand on several lines, also what a player sends as a move. Journals of earlier programs
/// have it as it came.
#[tokio::test]
async fn line_breaks_in_a_move_do_not_break_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(options(dir.path()));
    for user in 1..=4 {
        rig.grant(user).await;
    }
    let mut copies = Vec::new();
    for (room, players) in [("ended", [1, 2]), ("running", [3, 4])] {
        seat(&rig, room, players).await;
        ready(&rig, room, players[0], false).await;
        ready(&rig, room, players[1], false).await;
        let turn = rig.expect("games.event.turn_changed").await;
        let turn: u64 = turn["payload"]["current_turn"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        roll_with_line_breaks(&rig, room, turn).await;
        rig.expect("games.event.bigger_dice.rolled").await;
        // As it stands at a kill, and after a restart from there.
        copies.push((room, copy_of(dir.path())));
        if room == "ended" {
            let next = rig.expect("games.event.turn_changed").await;
            let next = next["payload"]["current_turn"].as_str().unwrap().to_owned();
            rig.send(
                next.parse().unwrap(),
                "bigger_dice.roll",
                json!({ "room_id": room }),
            )
            .await;
            rig.play_to_the_end(room).await;
        }
    }
    rig.engine.stop();
    copies.push(("ended", copy_of(dir.path())));
    copies.push(("running", dir));
    for (room, copy) in &copies {
        let report = replay_of(copy.path(), room).unwrap();
        assert!(report.is_equal(), "{room}: {report:#?}");
        Rig::start_with(options(copy.path())).engine.stop();
        let report = replay_of(copy.path(), room).unwrap();
        assert!(report.is_equal(), "{room}: {report:#?}");
        assert_eq!(report.digest_is_right, Some(true), "{room}");
    }

    let (room, copy) = &copies[2];
    assert_eq!(*room, "ended");
    let connection = Connection::open(copy.path().join("blazing-sun.db")).unwrap();
    let inputs: Vec<u8> = connection
        .query_row(
            "SELECT inputs FROM room_archive WHERE room_id = 'ended'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let lines = inputs.split(|byte| *byte == b'\n').count() as u64 - 1;
    let report = replay_of(copy.path(), room).unwrap();
    assert_eq!(lines, report.inputs, "one input a line");
    let raw = "UPDATE room_archive SET inputs = CAST(replace(replace(CAST(inputs AS TEXT),
         '\"x\":{ }', '\"x\":{' || char(13, 10) || '}'), ',\"by\"', char(10) || ',\"by\"') AS BLOB)";
    connection.execute_batch(raw).unwrap();
    let row = archived_journal(&connection, &room.parse().unwrap());
    let row = row.unwrap().unwrap();
    let digest = JournalDigest::default().after(&row.archive.last_inputs);
    let resealed = digest.seal(&row.archive);
    connection
        .execute("UPDATE room_archive SET digest = ?1", [resealed])
        .unwrap();
    let early = replay_of(copy.path(), room).unwrap();
    assert!(early.is_equal(), "{early:#?}");
    assert_eq!(
        (early.digest_is_right, early.inputs, early.events),
        (Some(true), report.inputs, report.events)
    );
}

async fn roll_with_line_breaks(rig: &Rig, room: &str, user: u64) {
    let id = Uuid::now_v7();
    let fields = json!({ "room_id": room, "x": {}, "command_id": id });
    let envelope = json!({
        "event_id": Uuid::new_v4(),
        "event_type": "games.command.bigger_dice.roll",
        "timestamp": "2024-01-20T10:30:01Z",
        "correlation_id": id,
        "producer": "ws_gateway",
        "actor": { "user_id": user.to_string(), "username": format!("P{user}"), "socket_id": "s", "roles": [] },
        "audience": { "type": "user", "user_ids": [user.to_string()], "room_id": null, "game_id": null },
        "payload": fields,
    });
    let broken = envelope.to_string().replace("\"x\":{}", "\"x\":{\n}");
    rig.append(topics::GAMES_COMMANDS, room, broken).await;
}

/// The payloads of a room's room-wide events, as the log has them.
fn told_of(dir: &Path, room: &str) -> Vec<Value> {
    let records = records(dir).into_iter();
    let mine = records.filter(|(_, record)| record.headers.text("room_id") == Some(room));
    let wide = mine.filter(|(_, record)| record.headers.get("room_seq").is_some());
    wide.map(|(_, record)| {
        serde_json::from_slice::<Value>(&record.payload).unwrap()["payload"].take()
    })
    .collect()
}

fn records(dir: &Path) -> Vec<(u64, Record)> {
    let connection = open_reader(&dir.join("blazing-sun.db")).unwrap();
    let batches = SqliteLog::batches_from(&connection, 0).unwrap();
    let batches: Vec<_> = batches.map(Result::unwrap).collect();
    batches
        .into_iter()
        .flat_map(|(number, _, records)| records.into_iter().map(move |record| (number, record)))
        .collect()
}

#[track_caller]
fn assert_differs(dir: &Path, room: &str, wanted: &str) {
    let report = replay_of(dir, room).unwrap();
    let named = &report.differences;
    assert!(
        named.iter().any(|name| name.contains(wanted)),
        "`{wanted}` is not among {named:#?}"
    );
}

/// What of a room is stored beside the log, cell by cell.
const CELLS: [(&str, &str, &str); 10] = [
    ("abandoned", "room_archive", "inputs"),
    ("seeded", "room_archive", "inputs"),
    ("left", "room_archive", "inputs"),
    ("voided", "room_archive", "inputs"),
    ("seeded", "room_archive", "sealed_secret"),
    ("seeded", "room_archive", "room_name"),
    ("seeded", "room_archive", "digest"),
    ("running", "room_journal", "inputs"),
    ("running", "room_snapshot", "journal_digest"),
    ("running", "room_snapshot", "sealed_secret"),
];

/// Also where nothing else could tell: the altered byte may be a blank or a balance, and the topics
/// may have expired.
#[tokio::test]
async fn one_altered_byte_of_a_stored_journal_is_found() {
    let dir = play().await;
    let copy = copy_of(dir.path());
    let connection = Connection::open(copy.path().join("blazing-sun.db")).unwrap();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for (room, table, column) in CELLS {
        let read = format!("SELECT {column} FROM {table} WHERE room_id = '{room}'");
        let write = format!("UPDATE {table} SET {column} = ?1 WHERE room_id = '{room}'");
        let whole: Sql = connection.query_row(&read, [], |row| row.get(0)).unwrap();
        let bytes = match &whole {
            Sql::Text(text) => text.clone().into_bytes(),
            Sql::Blob(bytes) => bytes.clone(),
            other => panic!("{table}.{column} is {other:?}"),
        };
        // Every byte of the shortest journal, a sample of the others.
        let positions: Vec<usize> = match (room, column) {
            ("abandoned", _) => (0..bytes.len()).collect(),
            (_, "inputs") => (0..40)
                .map(|_| next(&mut random) as usize % bytes.len())
                .collect(),
            _ => (0..8)
                .map(|_| next(&mut random) as usize % bytes.len())
                .collect(),
        };
        for position in positions {
            let mut altered = bytes.clone();
            // One bit, which keeps text text.
            altered[position] ^= 1 << (next(&mut random) % 4);
            let altered = match &whole {
                Sql::Text(_) => Sql::Text(String::from_utf8(altered).unwrap()),
                _ => Sql::Blob(altered),
            };
            connection.execute(&write, [&altered]).unwrap();
            let what = format!("{room}: byte {position} of {table}.{column}");
            match replay_of(copy.path(), room) {
                Ok(report) => assert!(!report.is_equal(), "{what}"),
                // A running room's secret stands under no digest: it is its own.
                Err(ReplayError::ForeignKeys(_)) if room == "running" => {}
                Err(error) => panic!("{what}: {error}"),
            }
        }
        connection.execute(&write, [&whole]).unwrap();
        assert!(
            replay_of(copy.path(), room).unwrap().is_equal(),
            "{room} restored"
        );
    }
}

/// xorshift64.
fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
}

#[tokio::test]
async fn another_ledger_is_named() {
    let dir = play().await;
    let more = "UPDATE ledger_transfer SET amount_cents = amount_cents + 1 WHERE key";
    for (room, sql, wanted) in [
        (
            "seeded",
            format!("{more} = 'rake/seeded'"),
            "transfer rake/seeded: amount_cents is 401 in the ledger, replayed 400",
        ),
        (
            "left",
            format!("{more} = 'refund/left/4/1'"),
            "transfer refund/left/4/1: amount_cents is 1001",
        ),
        (
            "running",
            format!("{more} = 'fee/running/7/1'"),
            "transfer fee/running/7/1: amount_cents is 1001",
        ),
        (
            "seeded",
            "UPDATE ledger_transfer SET to_account = 'player/8' WHERE key = 'refund/voided/5/1';
             UPDATE ledger_transfer SET to_account = 'player/8' WHERE key GLOB 'prize/seeded/*'"
                .to_owned(),
            "to_account is player/8 in the ledger, replayed player/",
        ),
        (
            "voided",
            "UPDATE ledger_transfer SET room_id = 'left' WHERE key = 'refund/voided/6/1'"
                .to_owned(),
            "transfer refund/voided/6/1: room_id is left in the ledger, replayed voided",
        ),
        (
            "voided",
            "UPDATE ledger_transfer SET at_ms = at_ms + 1 WHERE key = 'refund/voided/6/1'"
                .to_owned(),
            "transfer refund/voided/6/1: at_ms is",
        ),
        (
            "voided",
            "DELETE FROM ledger_transfer WHERE key = 'refund/voided/6/1'".to_owned(),
            "the ledger has no transfer refund/voided/6/1 (of 1000)",
        ),
        (
            "abandoned",
            "UPDATE ledger_transfer SET room_id = 'abandoned' WHERE key = 'rake/seeded'".to_owned(),
            "transfer rake/seeded is in the ledger, and does not follow from the journal",
        ),
        (
            "voided",
            more_of("player/8", "escrow/voided", "NULL"),
            "transfer more is in the ledger, and does not follow from the journal",
        ),
        (
            "running",
            more_of("escrow/running", "player/8", "'left'"),
            "transfer more is in the ledger, and does not follow from the journal",
        ),
    ] {
        let copy = copy_of(dir.path());
        change(copy.path(), &sql);
        assert_differs(copy.path(), room, wanted);
    }
}

/// One more transfer.
fn more_of(from: &str, to: &str, room_id: &str) -> String {
    format!(
        "INSERT INTO ledger_transfer (key, kind, from_account, to_account, amount_cents, room_id, user_id, batch_no, at_ms)
         VALUES ('more', 'refund', '{from}', '{to}', 5, {room_id}, 8, 1, 1)"
    )
}

/// Replaces bytes in one batch of the log by as many others, and makes its checksums right again.
fn forge(dir: &Path, batch_no: u64, from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let connection = Connection::open(dir.join("blazing-sun.db")).unwrap();
    let (mut table, mut body): (Vec<u8>, Vec<u8>) = connection
        .query_row(
            "SELECT sections, body FROM log_batch WHERE batch_no = ?1",
            [batch_no as i64],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let at = body
        .windows(from.len())
        .position(|window| window == from)
        .unwrap();
    body[at..at + to.len()].copy_from_slice(to);
    // The table ends in the body's CRC-32 and its own.
    let end = table.len();
    table[end - 8..end - 4].copy_from_slice(&crc32fast::hash(&body).to_le_bytes());
    let own = crc32fast::hash(&table[..end - 4]).to_le_bytes();
    table[end - 4..].copy_from_slice(&own);
    connection
        .execute(
            "UPDATE log_batch SET sections = ?2, body = ?3 WHERE batch_no = ?1",
            (batch_no as i64, table, body),
        )
        .unwrap();
}

#[tokio::test]
async fn another_event_in_the_log_is_named() {
    let dir = play().await;
    let all = records(dir.path());
    for (room, event_type, from, to, wanted) in [
        (
            "seeded",
            "games.event.bigger_dice.rolled",
            "\"proof\":{\"nonce\":",
            "\"proof\":{\"nunce\":",
            "payload.proof.nonce is missing",
        ),
        (
            "seeded",
            "games.event.turn_changed",
            "\"turn_number\":1",
            "\"turn_number\":2",
            "payload.turn_number is 2, must be 1",
        ),
        (
            "seeded",
            "games.event.room_state",
            "\"status\":\"in_progress\"",
            "\"status\":\"in_progresz\"",
            "at games.events/",
        ),
        (
            "left",
            "wallet.event.balance_changed",
            "\"change_cents\":-1000",
            "\"change_cents\":-1001",
            "payload.change_cents is -1001, must be -1000",
        ),
        (
            "left",
            "wallet.event.balance_changed",
            "\"balance_cents\":4000",
            "\"balance_cents\":4001",
            "payload.balance_cents is 4001, must be 4000",
        ),
        (
            "voided",
            "games.event.seed_voided",
            "\"user_id\":\"6\"",
            "\"user_id\":\"5\"",
            "payload.user_id is \"5\", must be \"6\"",
        ),
        (
            "running",
            "games.event.game_started",
            "\"type\":\"room\"",
            "\"type\":\"roof\"",
            "audience.type is \"roof\"",
        ),
    ] {
        let (batch_no, payload) = all
            .iter()
            .filter(|(_, record)| record.headers.text("room_id") == Some(room))
            .filter(|(_, record)| record.headers.text("event_type") == Some(event_type))
            .map(|(batch_no, record)| {
                (
                    *batch_no,
                    String::from_utf8(record.payload.to_vec()).unwrap(),
                )
            })
            .find(|(_, payload)| payload.contains(from))
            .unwrap();
        let copy = copy_of(dir.path());
        forge(
            copy.path(),
            batch_no,
            payload.as_bytes(),
            payload.replacen(from, to, 1).as_bytes(),
        );
        assert_differs(copy.path(), room, wanted);
    }
    let payments = |record: &Record| record.topic.as_str() == "bigger_dice.win_prize";
    let (batch_no, prize) = all.iter().find(|(_, record)| payments(record)).unwrap();
    let prize = String::from_utf8(prize.payload.to_vec()).unwrap();
    let copy = copy_of(dir.path());
    let more = prize.replace("1600", "1700");
    forge(copy.path(), *batch_no, prize.as_bytes(), more.as_bytes());
    assert_differs(copy.path(), "seeded", "amount_cents is 1700, must be 1600");

    let copy = copy_of(dir.path());
    change(
        copy.path(),
        &format!(
            "UPDATE log_batch SET body = CAST(body || x'00' AS BLOB) WHERE batch_no = {batch_no}"
        ),
    );
    assert_differs(copy.path(), "seeded", &format!("batch {batch_no}"));
    change(
        copy.path(),
        &format!("DELETE FROM log_batch WHERE batch_no = {batch_no}"),
    );
    assert_differs(copy.path(), "seeded", "");
}

/// What retention has removed is said and not missed; the rest is compared.
#[tokio::test]
async fn expired_records_are_counted_and_the_rest_is_compared() {
    let dir = play().await;
    let whole = replay_of(dir.path(), "seeded").unwrap();
    let all = records(dir.path());
    let of_room = |record: &Record, event_type: &str| {
        record.headers.text("room_id") == Some("seeded")
            && record.headers.text("event_type") == Some(event_type)
    };
    let (started, _) = all
        .iter()
        .find(|(_, record)| of_room(record, "games.event.game_started"))
        .unwrap();
    change(
        dir.path(),
        &format!("DELETE FROM log_batch WHERE batch_no < {started}"),
    );
    let report = replay_of(dir.path(), "seeded").unwrap();
    assert!(report.is_equal(), "{report:#?}");
    assert!(
        report.records_expired > 10 && report.records_compared > 20,
        "{report:#?}"
    );
    assert_eq!(
        report.records_expired + report.records_compared,
        whole.records_compared
    );

    let (rolled, record) = all
        .iter()
        .find(|(_, record)| of_room(record, "games.event.bigger_dice.rolled"))
        .unwrap();
    let payload = String::from_utf8(record.payload.to_vec()).unwrap();
    let forged = payload.replace("\"nonce\"", "\"nunce\"");
    forge(dir.path(), *rolled, payload.as_bytes(), forged.as_bytes());
    assert_differs(dir.path(), "seeded", "payload.proof.nonce is missing");

    change(dir.path(), "DELETE FROM log_batch");
    let report = replay_of(dir.path(), "seeded").unwrap();
    assert!(report.is_equal(), "{report:#?}");
    assert_eq!(report.records_compared, 0);
    assert_eq!(report.records_expired, whole.records_compared);
}

#[tokio::test]
async fn what_can_not_be_replayed_says_why() {
    let dir = play().await;
    let old = copy_of(dir.path());
    let none =
        "UPDATE room_archive SET digest = NULL; UPDATE room_snapshot SET journal_digest = NULL;";
    change(old.path(), none);
    for room in ROOMS {
        assert_differs(old.path(), room, "its SHA-256 is missing");
    }
    // As if they had begun under an earlier schema.
    let later = "UPDATE refinery_schema_history SET applied_on = '2100-01-01T00:00:00.5Z' WHERE version = 3";
    change(old.path(), later);
    for room in ROOMS {
        let report = replay_of(old.path(), room).unwrap();
        assert!(report.is_equal(), "{room}: {report:#?}");
        assert_eq!(report.digest_is_right, None);
    }
    let unversioned = copy_of(dir.path());
    change(
        unversioned.path(),
        "UPDATE room_archive SET rules_version = NULL",
    );
    assert_differs(unversioned.path(), "seeded", "its rules_version is missing");
    // Without a digest, what decides something is still found.
    let decisive = [
        (
            "inputs = CAST(replace(CAST(inputs AS TEXT), '\"leave\"', '\"start\"') AS BLOB)",
            "input 2 (start by user 7) is refused",
        ),
        (
            "inputs = CAST(replace(CAST(inputs AS TEXT), '{', '[') AS BLOB)",
            "input 1 can not be read",
        ),
        ("inputs = x''", "the journal has no input"),
        ("inputs = x'ff00ff'", "input 1 can not be read"),
        (
            "inputs = CAST(inputs || inputs AS BLOB)",
            "input 3 (create by user 7)",
        ),
        (
            "inputs = substr(inputs, 1, instr(inputs, x'0a'))",
            "the room is archived, and not over by its journal",
        ),
        (
            "room_name = 'Other'",
            "room_name: archived is Other, replayed Free",
        ),
    ];
    for (set, wanted) in decisive {
        let copy = copy_of(old.path());
        change(
            copy.path(),
            &format!("UPDATE room_archive SET {set} WHERE room_id = 'abandoned'"),
        );
        assert_differs(copy.path(), "abandoned", wanted);
    }

    let error = |dir: &Path, room: &str, games: &Games| {
        replay_with(dir, room, games, &mut Vec::new()).unwrap_err()
    };
    let games = games(dir.path());
    let unknown = error(dir.path(), "nowhere", &games);
    assert_eq!(
        unknown.to_string(),
        "there is no room `nowhere`, neither running nor ended"
    );

    let mut later = games.clone();
    later.get_mut("bigger_dice").unwrap().spec.version += 1;
    let other = error(dir.path(), "seeded", &later);
    assert!(
        matches!(
            other,
            ReplayError::OtherVersion {
                then: 1,
                now: 2,
                ..
            }
        ),
        "{other}"
    );
    let other = error(dir.path(), "seeded", &Games::default());
    assert!(matches!(other, ReplayError::UnknownGame { .. }), "{other}");

    let foreign = copy_of(dir.path());
    std::fs::remove_file(foreign.path().join("keys")).unwrap();
    Keys::load_or_create(&foreign.path().join("keys"), Millis(0)).unwrap();
    for room in ["seeded", "running"] {
        let error = error(foreign.path(), room, &games);
        assert!(
            matches!(error, ReplayError::ForeignKeys(_)),
            "{room}: {error}"
        );
    }

    let nothing = tempfile::tempdir().unwrap();
    std::fs::copy(dir.path().join("keys"), nothing.path().join("keys")).unwrap();
    std::fs::write(nothing.path().join("blazing-sun.db"), "").unwrap();
    assert!(matches!(
        error(nothing.path(), "r", &games),
        ReplayError::NotOurs
    ));
}
