//! Who counts as gone, and when the rooms are told.

use crate::harness::{Rig, options};
use blazing_sun_backend::engine::EngineOptions;
use serde_json::{Value, json};
use std::path::Path;

const ONE: (&str, &str) = ("one", "boot-1");
const TWO: (&str, &str) = ("two", "boot-1");

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
    rig.presence("user_online", 3, ("foreign", "boot-1"), "d")
        .await;
    let gone = {
        let beats = async {
            loop {
                rig.beat(TWO).await;
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            () = beats => unreachable!("it beats for ever"),
            held = until_connected(&rig, 2) => held,
        }
    };
    assert_eq!(gone, 2, "the second is still there, and so is the third");
    assert_eq!(next_gone(&mut rig).await, 1);
    // Now the other gateway is silent too.
    assert_eq!(next_gone(&mut rig).await, 2);
    rig.presence("user_offline", 3, ("foreign", "boot-1"), "d")
        .await;
    assert_eq!(next_gone(&mut rig).await, 3);
    assert_eq!(
        gone_so_far(&rig),
        [1, 2, 3],
        "who was never announced never goes"
    );
    let held = rig.engine.held().await.unwrap();
    assert_eq!((held.connected_users, held.gateways), (0, 0), "{held:?}");
}

/// Waits until no more users than these count as connected.
async fn until_connected(rig: &Rig, expected: usize) -> usize {
    loop {
        let held = rig.engine.held().await.unwrap();
        if held.connected_users <= expected {
            return held.connected_users;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
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
async fn a_gateways_restart_cuts_what_it_had() {
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
    assert_eq!(next_gone(&mut rig).await, 1);
    assert_eq!(rig.engine.held().await.unwrap().connected_users, 1);
    // Silent from now on, it takes the other too.
    assert_eq!(next_gone(&mut rig).await, 2);
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
