//! Rooms that can not be loaded for a while: nothing is lost of them, and nobody waits for them.

use crate::copy_as_killed;
use crate::harness::{PARTITIONS, Rig, options};
use crate::isolation::{begun, books, breaks, is_refused, passes, resigns, seated, with_fragile};
use blazing_sun_backbone::log::{LogError, Position, Start, Topic};
use blazing_sun_backbone::partitioner::partition_of;
use blazing_sun_backbone::topics;
use blazing_sun_backend::audit::{audit, ledger_books};
use blazing_sun_backend::engine::EngineOptions;
use blazing_sun_backend::replay::{ReplayError, replay};
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;
use uuid::Uuid;

/// Its connections outlive any test's restarts.
const ELSEWHERE: (&str, &str) = ("elsewhere", "boot-1");

fn patient(options: EngineOptions) -> EngineOptions {
    EngineOptions {
        gone_after_restart_ms: 60_000,
        ..options
    }
}

/// A server without the weak room's game.
fn without(dir: &Path) -> Rig {
    Rig::start_with(patient(options(dir)))
}

fn with(dir: &Path) -> Rig {
    Rig::start_with(patient(with_fragile(dir)))
}

async fn comes(rig: &Rig, user: u64) {
    let socket = format!("of-{user}");
    rig.presence("user_online", user, ELSEWHERE, &socket).await;
}

async fn goes(rig: &Rig, user: u64) {
    let socket = format!("of-{user}");
    rig.presence("user_offline", user, ELSEWHERE, &socket).await;
}

/// Waits until nobody is waited for any more.
async fn until_all_are_gone(rig: &Rig) {
    while rig.engine.held().await.unwrap().connected_users > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What the weak room has told of who is there, from its opening on: that many times.
async fn comings_and_goings(rig: &Rig, count: usize) -> Vec<(String, u64)> {
    let topic = Topic::new(topics::GAMES_EVENTS);
    let from = (0..PARTITIONS).map(|partition| (topic.clone(), partition, Start::Offset(0)));
    let mut events = rig.log.subscribe(from.collect()).unwrap();
    let mut told = Vec::new();
    while told.len() < count {
        let records = timeout(Duration::from_secs(60), events.next()).await;
        for record in records.expect("an event within ten seconds").unwrap() {
            let event: serde_json::Value = serde_json::from_slice(&record.payload).unwrap();
            let kind = event["event_type"].as_str().unwrap();
            let kind = kind.trim_start_matches("games.event.").to_owned();
            if ["player_disconnected", "player_rejoined"].contains(&&*kind) {
                let user = event["payload"]["user_id"].as_str().unwrap();
                told.push((kind, user.parse().unwrap()));
            }
        }
    }
    told
}

fn number(dir: &Path, query: &str) -> i64 {
    let connection = rusqlite::Connection::open(options(dir).path).unwrap();
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

/// Whether recovery would read nothing of the log.
fn needs_no_log(dir: &Path) -> bool {
    let query = "SELECT floor = batch_no + 1 FROM partition_owner";
    number(dir, query) == 1
}

fn quarantined(dir: &Path) -> i64 {
    number(dir, "SELECT count(*) FROM room_quarantine")
}

/// How many inputs a replay of the weak room finds; all of them come to what was told.
fn replayed(dir: &Path) -> u64 {
    let EngineOptions {
        path,
        games,
        sealer,
        ..
    } = with_fragile(dir);
    let weak = "weak".parse().unwrap();
    let replayed = replay(&path, &weak, &games, &sealer, &mut |_| Ok(())).unwrap();
    assert!(replayed.is_equal(), "{replayed:#?}");
    replayed.inputs
}

/// What an audit says of a room that is kept nowhere any more.
fn without_its_row(dir: &Path) -> String {
    let path = dir.join("blazing-sun.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch("DELETE FROM room_quarantine")
        .unwrap();
    let report = audit(&path).unwrap();
    let named = report.checks.into_iter().flat_map(|check| check.named);
    named.collect::<Vec<_>>().join("; ")
}

/// A room of the fragile game with its second player to move, as a kill leaves it: in the log alone, or saved
/// and then in the log.
async fn killed(is_saved: bool) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = with(dir.path());
    for player in [1, 2] {
        comes(&rig, player).await;
    }
    begun(&mut rig, "weak", [1, 2]).await;
    passes(&mut rig, 1, "weak").await;
    if is_saved {
        rig.engine.stop();
        rig = with(dir.path());
    }
    passes(&mut rig, 2, "weak").await;
    passes(&mut rig, 1, "weak").await;
    let killed = tempfile::tempdir().unwrap();
    copy_as_killed(dir.path(), killed.path());
    rig.engine.stop();
    killed
}

#[tokio::test]
async fn a_room_whose_game_is_gone_for_a_while_goes_on_from_where_it_was() {
    for is_saved in [false, true] {
        let dir = killed(is_saved).await;
        let dir = dir.path();
        let inputs = replayed(dir);
        // The second time nothing of it is in what is read of the log.
        for other in ["other-1", "other-2"] {
            let mut rig = without(dir);
            for _ in 0..1_000 {
                is_refused(&mut rig, 2, "unavailable").await;
            }
            rig.send(3, "create_room", room_of_dice(other)).await;
            rig.expect("games.event.room_created").await;
            rig.send(3, "leave_room", json!({ "room_id": other })).await;
            rig.expect("games.event.seed_revealed").await;
            rig.engine.stop();
            assert!(needs_no_log(dir), "{other}");
            assert_eq!(quarantined(dir), 1);
            assert_eq!(books(dir).escrow_cents, 2_000);
            assert_eq!(replayed(dir), inputs);
        }
        let mut rig = with(dir);
        is_refused(&mut rig, 1, "not_your_turn").await;
        passes(&mut rig, 2, "weak").await;
        resigns(&mut rig, 1, "weak").await;
        rig.engine.stop();
        assert_eq!(quarantined(dir), 0);
        let totals = books(dir);
        assert_eq!((totals.rake_cents, totals.escrow_cents), (400, 0));
        // Its time was moved, then two moves more.
        assert_eq!(replayed(dir), inputs + 3);
    }
}

fn room_of_dice(room: &str) -> serde_json::Value {
    json!({ "room_id": room, "game_type": "bigger_dice", "room_name": room })
}

#[tokio::test]
async fn an_audit_misses_what_was_kept_of_a_room() {
    for (is_saved, misses) in [(false, true), (true, false)] {
        let dir = killed(is_saved).await;
        without(dir.path()).engine.stop();
        let said = without_its_row(dir.path());
        let is_missed =
            said.contains("room weak, with 2000 in escrow, is neither saved nor archived");
        assert_eq!(is_missed, misses, "{said}");
    }
}

#[tokio::test]
async fn a_room_that_can_be_loaded_again_is_saved_at_once_and_may_be_set_aside_anew() {
    let first = killed(true).await;
    let rig = without(first.path());
    // Killed before all others are saved, so that the room's inputs are in its row and in what is read of the log.
    let dir = tempfile::tempdir().unwrap();
    copy_as_killed(first.path(), dir.path());
    rig.engine.stop();
    let dir = dir.path();
    assert_eq!((quarantined(dir), needs_no_log(dir)), (1, false));
    let mut rig = with(dir);
    assert_eq!(quarantined(dir), 0);
    passes(&mut rig, 2, "weak").await;
    let again = tempfile::tempdir().unwrap();
    copy_as_killed(dir, again.path());
    rig.engine.stop();
    let again = again.path();
    without(again).engine.stop();
    assert_eq!((quarantined(again), needs_no_log(again)), (1, true));
    let mut rig = with(again);
    passes(&mut rig, 1, "weak").await;
    resigns(&mut rig, 2, "weak").await;
    rig.engine.stop();
    replayed(again);
    assert_eq!(books(again).escrow_cents, 0);
}

#[tokio::test]
async fn no_time_passes_for_a_room_that_can_not_be_loaded() {
    let dir = killed(false).await;
    let dir = dir.path();
    without(dir).engine.stop();
    // As if all had been so for an hour.
    let connection = rusqlite::Connection::open(options(dir).path).unwrap();
    let earlier = "UPDATE room_quarantine SET since_ms = since_ms - 3600000";
    assert_eq!(connection.execute(earlier, []).unwrap(), 1);
    let mut rig = with(dir);
    rig.send(1, "rejoin_room", json!({ "room_id": "weak" }))
        .await;
    let state = rig.expect("games.event.room_state").await;
    let (deadline, now) = (
        &state["payload"]["room"]["turn_deadline"],
        &state["timestamp"],
    );
    let query = "SELECT unixepoch(?1) - unixepoch(?2)";
    let left: i64 = connection
        .query_row(query, [deadline.as_str(), now.as_str()], |row| row.get(0))
        .unwrap();
    assert!(left > 3_600, "{left} s: {state}");
    rig.engine.stop();
}

#[tokio::test]
async fn a_room_that_has_ended_is_not_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = with(dir.path());
    begun(&mut rig, "weak", [1, 2]).await;
    resigns(&mut rig, 1, "weak").await;
    let killed = tempfile::tempdir().unwrap();
    copy_as_killed(dir.path(), killed.path());
    rig.engine.stop();
    let mut rig = without(killed.path());
    assert_eq!(rig.engine.held().await.unwrap().rooms, 0);
    is_refused(&mut rig, 2, "room_not_found").await;
    rig.engine.stop();
    assert_eq!(quarantined(killed.path()), 0);
    books(killed.path());
}

#[tokio::test]
async fn a_state_that_can_not_be_loaded_holds_up_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = with(dir.path());
    begun(&mut rig, "weak", [1, 2]).await;
    breaks(&mut rig, 1, "load").await;
    rig.expect("games.event.fragile.state").await;
    // Stopping saves it.
    rig.engine.stop();
    for _ in 0..2 {
        let mut rig = with(dir.path());
        is_refused(&mut rig, 2, "unavailable").await;
        rig.engine.stop();
        assert!(needs_no_log(dir.path()));
        assert_eq!(books(dir.path()).escrow_cents, 2_000);
    }
}

#[tokio::test]
async fn a_room_that_can_be_loaded_again_is_told_who_has_gone_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = with(dir.path());
    for player in [1, 2] {
        comes(&rig, player).await;
    }
    seated(&mut rig, "weak", [1, 2]).await;
    rig.engine.stop();
    let rig = without(dir.path());
    for player in [1, 2] {
        goes(&rig, player).await;
    }
    until_all_are_gone(&rig).await;
    rig.engine.stop();
    assert_eq!(quarantined(dir.path()), 1);
    let rig = with(dir.path());
    let mut told = comings_and_goings(&rig, 2).await;
    told.sort();
    let gone = |user| ("player_disconnected".to_owned(), user);
    assert_eq!(told, [gone(1), gone(2)]);
    // Its return and what it was told are one: a kill leaves none of them or both.
    let killed = tempfile::tempdir().unwrap();
    copy_as_killed(dir.path(), killed.path());
    rig.engine.stop();
    assert_eq!(quarantined(killed.path()), 0);
    let rig = with(killed.path());
    assert_eq!(comings_and_goings(&rig, 2).await.len(), 2);
    rig.engine.stop();
    replayed(killed.path());
    books(killed.path());
}

#[tokio::test]
async fn a_room_that_can_be_loaded_again_takes_back_who_has_come_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = with(dir.path());
    for player in [1, 2] {
        comes(&rig, player).await;
    }
    begun(&mut rig, "weak", [1, 2]).await;
    goes(&rig, 2).await;
    rig.expect("games.event.player_disconnected").await;
    rig.engine.stop();
    let mut rig = without(dir.path());
    comes(&rig, 2).await;
    is_refused(&mut rig, 2, "unavailable").await;
    rig.engine.stop();
    let rig = with(dir.path());
    let told = comings_and_goings(&rig, 2).await;
    let of_second = |kind: &str| (kind.to_owned(), 2);
    assert_eq!(
        told,
        [
            of_second("player_disconnected"),
            of_second("player_rejoined")
        ]
    );
    rig.engine.stop();
    replayed(dir.path());
}

/// An operator closes a room, and it is stored what by.
async fn closes(rig: &Rig, room: &str) {
    tries_to_close(rig, room).await.unwrap();
}

async fn tries_to_close(rig: &Rig, room: &str) -> Result<Vec<Position>, LogError> {
    let close = json!({ "room_id": room, "reason": "its game is gone" });
    rig.try_send(0, "close_room", close, Uuid::now_v7(), "socket")
        .await
}

async fn balance(rig: &Rig, user: u64) -> i64 {
    let account = format!("player/{user}");
    let query = format!("SELECT account, balance FROM account_balance WHERE account = '{account}'");
    rig.row(&query).await.1
}

/// The weak room's archive: the name of its game, and how many inputs it has.
async fn archived(rig: &Rig) -> (String, i64) {
    let query = "SELECT coalesce(max(game_type), ''), count(*) FROM room_archive";
    rig.row(query).await
}

#[tokio::test]
async fn a_room_that_can_not_be_loaded_is_closed_once_and_every_fee_goes_back() {
    for is_saved in [false, true] {
        let dir = killed(is_saved).await;
        let dir = dir.path();
        let inputs = replayed(dir);
        let mut rig = without(dir);
        is_refused(&mut rig, 1, "unavailable").await;
        assert_eq!(balance(&rig, 1).await, 4_000);
        for _ in 0..2 {
            closes(&rig, "weak").await;
            assert_eq!(archived(&rig).await, ("fragile".to_owned(), 1));
            assert_eq!([balance(&rig, 1).await, balance(&rig, 2).await], [5_000; 2]);
        }
        let told: Vec<_> = [1, 2].map(|_| "games.event.not_in_room").to_vec();
        for kind in told {
            let gone = rig.expect(kind).await;
            assert_eq!(gone["payload"]["status"], "finished", "{gone}");
        }
        let refund = rig.expect("wallet.event.balance_changed").await;
        assert_eq!(refund["payload"]["reason"], "refund", "{refund}");
        let payments = rig.records("fragile.participation_refunded").await;
        let names: Vec<_> = payments.iter().map(|record| &record["username"]).collect();
        assert_eq!(names, ["P1", "P2"]);
        is_refused(&mut rig, 2, "room_not_found").await;
        let killed = tempfile::tempdir().unwrap();
        copy_as_killed(dir, killed.path());
        rig.engine.stop();
        for dir in [dir, killed.path()] {
            // Also once its game is back.
            let mut rig = with(dir);
            assert_eq!(rig.engine.held().await.unwrap().rooms, 0);
            is_refused(&mut rig, 2, "room_not_found").await;
            rig.engine.stop();
            assert_eq!((quarantined(dir), books(dir).escrow_cents), (0, 0));
        }
        let of_rooms = ledger_books(&options(dir).path).unwrap().games;
        assert_eq!(of_rooms, ["fragile"]);
        assert_eq!(replayed(dir), inputs + 1);
    }
}

/// Rooms whose records stand in the same partition of their topics as those of the weak room.
fn beside_the_weak_room() -> impl Iterator<Item = String> {
    let partition = |room: &str| partition_of(room.as_bytes(), PARTITIONS);
    let rooms = (0..).map(|n| format!("weak-{n}"));
    rooms.filter(move |room| partition(room) == partition("weak"))
}

#[tokio::test]
async fn refunds_of_a_game_that_is_gone_are_numbered_on_from_those_before() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let rooms: Vec<String> = beside_the_weak_room().take(3).collect();
    let mut rig = with(dir);
    for (room, players) in rooms.iter().zip([[1, 2], [3, 4], [5, 6]]) {
        seated(&mut rig, room, players).await;
    }
    closes(&rig, &rooms[0]).await;
    rig.engine.stop();
    for (room, refunds) in [(&rooms[1], 4), (&rooms[2], 6)] {
        let rig = without(dir);
        // Nothing of a batch that was not committed is counted.
        let connection = rusqlite::Connection::open(options(dir).path).unwrap();
        let in_the_way = "CREATE TRIGGER in_the_way BEFORE INSERT ON ledger_transfer
            WHEN NEW.kind = 'refund' BEGIN SELECT RAISE(ABORT, 'no refunds now'); END";
        connection.execute_batch(in_the_way).unwrap();
        assert!(tries_to_close(&rig, room).await.is_err());
        connection.execute_batch("DROP TRIGGER in_the_way").unwrap();
        closes(&rig, room).await;
        let told = rig.records("fragile.participation_refunded").await;
        assert_eq!(told.len(), refunds);
        rig.engine.stop();
        books(dir);
    }
}

#[tokio::test]
async fn a_waiting_room_whose_state_can_not_be_read_leaves_the_list_when_it_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = with(dir.path());
    seated(&mut rig, "weak", [1, 2]).await;
    rig.engine.stop();
    let connection = rusqlite::Connection::open(options(dir.path()).path).unwrap();
    let state: Vec<u8> = connection
        .query_row("SELECT state FROM room_snapshot", [], |row| row.get(0))
        .unwrap();
    let change = "UPDATE room_snapshot SET state = ?1";
    connection.execute(change, [b"not JSON"]).unwrap();
    let mut rig = with(dir.path());
    closes(&rig, "weak").await;
    // The first may have come before it was set aside.
    closes(&rig, "weak").await;
    let removed = rig.expect("games.event.room_removed").await;
    assert_eq!(removed["payload"]["reason"], "cancelled", "{removed}");
    assert_eq!([balance(&rig, 1).await, balance(&rig, 2).await], [5_000; 2]);
    rig.engine.stop();
    assert!(!state.is_empty() && books(dir.path()).escrow_cents == 0);
    assert_eq!(number(dir.path(), "SELECT count(*) FROM room_directory"), 0);
    replayed(dir.path());
    // With which version it was played, nobody knew; with this one it does not go on.
    let versions = "SELECT max(game_version, rules_version) FROM room_archive";
    assert_eq!(number(dir.path(), versions), 0);
    let EngineOptions {
        path,
        mut games,
        sealer,
        ..
    } = with_fragile(dir.path());
    games.get_mut("fragile").unwrap().spec.max_seats = 1;
    let weak = "weak".parse().unwrap();
    let other = replay(&path, &weak, &games, &sealer, &mut |_| Ok(())).unwrap_err();
    assert!(
        matches!(other, ReplayError::UnknownVersion { .. }),
        "{other}"
    );
}

#[tokio::test]
async fn a_room_is_not_closed_by_less_than_all_of_it() {
    for change in [
        "UPDATE room_quarantine SET inputs = replace(inputs, '{\"r\"', '{\"x\"')",
        "INSERT INTO ledger_transfer (key, kind, from_account, to_account, amount_cents, room_id, batch_no, at_ms)
         VALUES ('rake/weak', 'rake', 'escrow/weak', 'house/rake', 1, 'weak', 1, 1)",
    ] {
        let dir = killed(false).await;
        without(dir.path()).engine.stop();
        let connection = rusqlite::Connection::open(options(dir.path()).path).unwrap();
        assert_eq!(connection.execute(change, []).unwrap(), 1);
        let mut rig = without(dir.path());
        is_refused(&mut rig, 1, "unavailable").await;
        closes(&rig, "weak").await;
        assert_eq!(archived(&rig).await.1, 0);
        assert_eq!(balance(&rig, 1).await, 4_000);
        rig.engine.stop();
        assert_eq!(quarantined(dir.path()), 1);
    }
}
