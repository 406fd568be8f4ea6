//! Who counts as gone, and when the rooms are told.

use crate::harness::{PARTITIONS, Rig, heartbeat, options};
use blazing_sun_backbone::log::{EventLog, Start, Topic};
use blazing_sun_backbone::topics;
use blazing_sun_backend::engine::EngineOptions;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const ONE: (&str, &str) = ("one", "boot-1");
const TWO: (&str, &str) = ("two", "boot-1");
/// Never says that it lives.
const FOREIGN: (&str, &str) = ("foreign", "boot-1");

fn quick(dir: &Path) -> EngineOptions {
    EngineOptions {
        gateway_silence_ms: 300,
        ..options(dir)
    }
}

/// A room of the user's own, named after it.
async fn with_room(rig: &mut Rig, user: u64) {
    let room = format!("room-{user}");
    let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": "r" });
    rig.send(user, "create_room", create).await;
    rig.expect("games.event.room_created").await;
}

/// Whose disconnect is told next.
async fn next_gone(rig: &mut Rig) -> u64 {
    let event = rig.expect("games.event.player_disconnected").await;
    id(&event["payload"]["user_id"])
}

fn id(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

fn gone_so_far(rig: &Rig) -> Vec<u64> {
    let events = rig.seen.iter();
    events
        .filter(|event| event["event_type"] == "games.event.player_disconnected")
        .map(|event| id(&event["payload"]["user_id"]))
        .collect()
}

#[tokio::test]
async fn a_gateway_that_falls_silent_takes_its_users_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(quick(dir.path()));
    for user in 1..=4 {
        with_room(&mut rig, user).await;
    }
    rig.beat(ONE).await;
    rig.beat(TWO).await;
    // The first on one gateway, the second on both, the third on one that never said that it lives; the
    // fourth was never announced.
    rig.presence("user_online", 1, ONE, "a").await;
    rig.presence("user_online", 2, ONE, "b").await;
    rig.presence("user_online", 2, TWO, "c").await;
    rig.presence("user_online", 3, FOREIGN, "d").await;
    let gone = {
        tokio::select! {
            () = beats_of(rig.log.clone(), TWO) => unreachable!("it beats for ever"),
            held = until_connected(&rig, 2) => held,
        }
    };
    assert_eq!(gone, 2, "the second is still there, and so is the third");
    assert_eq!(next_gone(&mut rig).await, 1);
    // Now the other gateway is silent too.
    assert_eq!(next_gone(&mut rig).await, 2);
    rig.presence("user_offline", 3, FOREIGN, "d").await;
    assert_eq!(next_gone(&mut rig).await, 3);
    assert_eq!(
        gone_so_far(&rig),
        [1, 2, 3],
        "who was never announced never goes"
    );
    let held = rig.engine.held().await.unwrap();
    assert_eq!((held.connected_users, held.gateways), (0, 0), "{held:?}");
}

async fn beats_of(log: Arc<dyn EventLog>, gateway: (&str, &str)) {
    loop {
        let beaten = log.append_and_wait(vec![heartbeat(gateway)]).await;
        beaten.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn until_gateways_are_silent(rig: &Rig) {
    while rig.engine.held().await.unwrap().gateways > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until no more users than these count as connected.
async fn until_connected(rig: &Rig, expected: usize) -> usize {
    loop {
        let held = rig.engine.held().await.unwrap();
        if held.connected_users <= expected {
            return held.connected_users;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn only_the_last_connection_counts_and_coming_back_in_time_tells_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(EngineOptions {
        gone_ms: 200,
        ..quick(dir.path())
    });
    for user in 1..=3 {
        with_room(&mut rig, user).await;
    }
    rig.presence("user_online", 1, ONE, "a").await;
    rig.presence("user_online", 1, TWO, "b").await;
    rig.presence("user_online", 2, ONE, "c").await;
    rig.presence("user_online", 3, ONE, "d").await;
    // One of two is gone; one went and came back as another connection; one is gone for good.
    rig.presence("user_offline", 1, ONE, "a").await;
    rig.presence("user_offline", 2, ONE, "c").await;
    rig.presence("user_online", 2, TWO, "e").await;
    rig.presence("user_offline", 3, ONE, "d").await;
    assert_eq!(next_gone(&mut rig).await, 3);
    rig.presence("user_offline", 1, TWO, "b").await;
    assert_eq!(next_gone(&mut rig).await, 1);
    assert_eq!(gone_so_far(&rig), [3, 1]);

    // Back a while later: the place in the room is still there.
    rig.presence("user_online", 3, ONE, "f").await;
    rig.send(3, "sync_user", json!({})).await;
    let back = rig.expect("games.event.player_rejoined").await;
    assert_eq!(back["payload"]["user_id"], "3");
}

#[tokio::test]
async fn a_gateways_restart_takes_what_it_had_with_its_silence() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(quick(dir.path()));
    for user in 1..=2 {
        with_room(&mut rig, user).await;
    }
    rig.beat(ONE).await;
    rig.presence("user_online", 1, ONE, "a").await;
    rig.presence("user_online", 2, ONE, "b").await;
    let again = ("one", "boot-2");
    rig.beat(again).await;
    rig.presence("user_online", 2, again, "c").await;
    let beats = tokio::spawn(beats_of(rig.log.clone(), again));
    assert_eq!(next_gone(&mut rig).await, 1);
    assert_eq!(rig.engine.held().await.unwrap().connected_users, 1);
    beats.abort();
    // Silent from now on, it takes the other too.
    assert_eq!(next_gone(&mut rig).await, 2);
}

#[tokio::test]
async fn two_gateways_of_one_id_cut_nobody_of_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(quick(dir.path()));
    for user in 1..=4 {
        with_room(&mut rig, user).await;
    }
    let twin = ("one", "boot-2");
    let beats = [ONE, twin].map(|gateway| tokio::spawn(beats_of(rig.log.clone(), gateway)));
    rig.presence("user_online", 1, ONE, "a").await;
    rig.presence("user_online", 2, twin, "b").await;
    // There by both.
    rig.presence("user_online", 3, ONE, "c").await;
    rig.presence("user_online", 3, twin, "d").await;
    // Who goes by silence is told, after more than that time.
    rig.beat(TWO).await;
    rig.presence("user_online", 4, TWO, "e").await;
    rig.presence("user_offline", 3, twin, "d").await;
    assert_eq!(next_gone(&mut rig).await, 4);
    assert_eq!(rig.engine.held().await.unwrap().connected_users, 3);
    for beats in beats {
        beats.abort();
    }
    let mut last = Vec::new();
    for _ in 1..=3 {
        last.push(next_gone(&mut rig).await);
    }
    last.sort_unstable();
    assert_eq!(last, [1, 2, 3]);
}

#[tokio::test]
async fn a_restart_of_the_backend_keeps_those_whose_gateway_lives() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(quick(dir.path()));
    for user in 1..=2 {
        with_room(&mut rig, user).await;
    }
    rig.beat(ONE).await;
    rig.beat(TWO).await;
    rig.presence("user_online", 1, ONE, "a").await;
    rig.presence("user_online", 2, TWO, "b").await;
    rig.engine.stop();
    let mut rig = Rig::start_with(EngineOptions {
        gateway_silence_ms: 60_000,
        ..quick(dir.path())
    });
    assert_eq!(rig.engine.held().await.unwrap().connected_users, 2);
    rig.beat(ONE).await;
    assert_eq!(
        next_gone(&mut rig).await,
        2,
        "its gateway is not heard again"
    );
    assert_eq!(rig.engine.held().await.unwrap().connected_users, 1);
    rig.presence("user_offline", 1, ONE, "a").await;
    assert_eq!(next_gone(&mut rig).await, 1);
}

/// Keeps batches with a record that says `text` from being committed.
struct Refusal(rusqlite::Connection);

impl Refusal {
    fn of(dir: &Path, text: &str) -> Refusal {
        let connection = rusqlite::Connection::open(options(dir).path).unwrap();
        let trigger = format!(
            "CREATE TRIGGER refusal BEFORE INSERT ON log_batch
             WHEN instr(NEW.body, CAST('{text}' AS BLOB))
             BEGIN SELECT RAISE(ABORT, 'refused'); END"
        );
        connection.execute_batch(&trigger).unwrap();
        Refusal(connection)
    }

    /// Waits until a batch was refused, which an append of its own was in.
    async fn strikes(&self, rig: &Rig) {
        let refused = async {
            let harmless = || rig.try_presence("user_online", 9, FOREIGN, "nine");
            while harmless().await.is_ok() {}
        };
        let refused = tokio::time::timeout(Duration::from_secs(60), refused).await;
        refused.expect("what is due is tried again and again");
    }

    fn end(self) {
        self.0.execute_batch("DROP TRIGGER refusal").unwrap();
    }
}

#[tokio::test]
async fn who_is_gone_is_told_after_a_commit_that_failed() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(quick(dir.path()));
    rig.grant(1).await;
    with_room(&mut rig, 1).await;
    rig.presence("user_online", 1, FOREIGN, "a").await;
    let fields = json!({ "game_type": "bigger_dice" });
    rig.send(1, "quick_match", fields).await;
    rig.expect("games.event.quick_match_waiting").await;
    let refusal = Refusal::of(dir.path(), "games.command.player_disconnected");
    rig.presence("user_offline", 1, FOREIGN, "a").await;
    refusal.strikes(&rig).await;
    assert_eq!(rig.engine.held().await.unwrap().queued, 1);
    refusal.end();
    assert_eq!(next_gone(&mut rig).await, 1);
    assert_eq!(rig.engine.held().await.unwrap().queued, 0);
    rig.presence("user_offline", 9, FOREIGN, "nine").await;
    assert_eq!(until_connected(&rig, 0).await, 0);
}

#[tokio::test]
async fn a_silent_gateway_is_told_after_a_commit_that_failed() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(quick(dir.path()));
    with_room(&mut rig, 1).await;
    rig.beat(ONE).await;
    rig.presence("user_online", 1, ONE, "a").await;
    let refusal = Refusal::of(dir.path(), "\"lives\":false");
    refusal.strikes(&rig).await;
    assert_eq!(rig.engine.held().await.unwrap().gateways, 1);
    refusal.end();
    assert_eq!(next_gone(&mut rig).await, 1);
    until_gateways_are_silent(&rig).await;
}

/// The connections that a start would find.
fn rows(dir: &Path) -> Vec<(u64, String)> {
    let connection = rusqlite::Connection::open(options(dir).path).unwrap();
    let query = "SELECT user_id, connection_id FROM presence ORDER BY user_id, connection_id";
    let mut statement = connection.prepare(query).unwrap();
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?));
    let rows = statement.query_map([], row).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn connections_of_a_commit_that_failed_are_written_with_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(quick(dir.path()));
    for user in 1..=3 {
        with_room(&mut rig, user).await;
    }
    rig.presence("user_online", 2, FOREIGN, "two-stays").await;
    rig.presence("user_online", 2, FOREIGN, "two-goes").await;
    // One comes, and one of two goes, in commits that fail: twice, for those of the first are in the second.
    let refusal = Refusal::of(dir.path(), "presence.event");
    for (what, user, socket) in [("user_online", 1, "one"), ("user_offline", 2, "two-goes")] {
        let said = rig.try_presence(what, user, FOREIGN, socket).await;
        assert!(said.is_err());
    }
    let row = |user, socket: &str| (user, socket.to_owned());
    let before = [row(2, "two-goes"), row(2, "two-stays")];
    assert_eq!(rows(dir.path()), before);
    refusal.end();
    rig.presence("user_online", 3, FOREIGN, "three").await;
    let after = [row(1, "one"), row(2, "two-stays"), row(3, "three")];
    assert_eq!(rows(dir.path()), after);
    // A start that hears of none of them again tells that all are gone.
    rig.engine.stop();
    let mut rig = Rig::start_with(quick(dir.path()));
    let mut gone = Vec::new();
    while gone.len() < 3 {
        gone.push(next_gone(&mut rig).await);
    }
    gone.sort_unstable();
    assert_eq!(gone, [1, 2, 3]);
    rig.engine.stop();
    assert_eq!(rows(dir.path()), []);
}

#[tokio::test]
async fn users_are_back_with_their_gateway_once_it_is_heard_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(quick(dir.path()));
    for user in 1..=3 {
        with_room(&mut rig, user).await;
    }
    rig.beat(ONE).await;
    rig.presence("user_online", 1, ONE, "a").await;
    rig.presence("user_online", 2, ONE, "b").await;
    rig.presence("user_online", 2, FOREIGN, "c").await;
    rig.presence("user_online", 3, FOREIGN, "d").await;
    assert_eq!(next_gone(&mut rig).await, 1);
    assert_eq!(rig.engine.held().await.unwrap().gateways, 0);
    // What tells of the return is lost once.
    let refusal = Refusal::of(dir.path(), "games.command.sync_room");
    assert!(rig.try_beat(ONE).await.is_err());
    refusal.end();
    rig.beat(ONE).await;
    let back = rig.expect("games.event.player_rejoined").await;
    assert_eq!(id(&back["payload"]["user_id"]), 1);
    // The second has only this gateway now, and is there by it; the third has none.
    let beats = tokio::spawn(beats_of(rig.log.clone(), ONE));
    rig.presence("user_offline", 2, FOREIGN, "c").await;
    rig.presence("user_offline", 3, FOREIGN, "d").await;
    assert_eq!(next_gone(&mut rig).await, 3);
    assert_eq!(rig.engine.held().await.unwrap().connected_users, 2);
    beats.abort();
    let mut last = [next_gone(&mut rig).await, next_gone(&mut rig).await];
    last.sort_unstable();
    assert_eq!(last, [1, 2]);
    // Another start of the gateway has none of its connections.
    rig.beat(("one", "boot-2")).await;
    assert_eq!(rig.engine.held().await.unwrap().connected_users, 0);
}

#[tokio::test]
async fn a_gateway_that_is_heard_again_in_time_loses_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(EngineOptions {
        gone_ms: 2_000,
        ..quick(dir.path())
    });
    for user in 1..=2 {
        with_room(&mut rig, user).await;
    }
    rig.beat(ONE).await;
    rig.presence("user_online", 1, ONE, "a").await;
    rig.presence("user_online", 2, FOREIGN, "b").await;
    until_gateways_are_silent(&rig).await;
    rig.beat(ONE).await;
    rig.presence("user_offline", 2, FOREIGN, "b").await;
    let left = tokio::select! {
        () = beats_of(rig.log.clone(), ONE) => unreachable!("it beats for ever"),
        left = until_connected(&rig, 1) => left,
    };
    assert_eq!((left, next_gone(&mut rig).await), (1, 2));
}

#[tokio::test]
async fn a_process_that_was_stopped_does_not_take_its_gateway_for_dead() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::start_with(quick(dir.path()));
    let all = [topics::GAMES_COMMANDS, topics::GATEWAY_PRESENCE];
    let all = all.into_iter().flat_map(|topic| {
        (0..PARTITIONS).map(move |partition| (Topic::new(topic), partition, Start::End))
    });
    let mut records = rig.log.subscribe(all.collect()).unwrap();
    rig.beat(ONE).await;
    // For longer than the gateway may be silent the engine does nothing.
    let (begins, begun) = tokio::sync::oneshot::channel();
    let access = rig.engine.access();
    let stopped = access.write(|_| {
        begins.send(()).unwrap();
        std::thread::sleep(Duration::from_millis(400));
        Ok(())
    });
    let first = async {
        begun.await.unwrap();
        rig.presence("user_online", 1, FOREIGN, "first").await;
    };
    let (stopped, ()) = tokio::join!(stopped, first);
    stopped.unwrap();
    let (mut goes_on, mut silent_at) = (None, None);
    while silent_at.is_none() {
        let next = tokio::time::timeout(Duration::from_secs(60), records.next()).await;
        for record in next.unwrap().unwrap() {
            let text = String::from_utf8_lossy(&record.payload);
            if text.contains("\"first\"") {
                goes_on = Some(record.timestamp);
            } else if text.contains("\"lives\":false") {
                silent_at = silent_at.or(Some(record.timestamp));
            }
        }
    }
    assert!(
        silent_at > goes_on,
        "the gateway has some time left: {silent_at:?}, {goes_on:?}"
    );
}
