//! Killed at any instant, the server goes on where it was: every match ends, no roll or cent is lost
//! or counted twice.

use blazing_sun_harness::{Agent, Frames, TestServer};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::watch;

const KILLS: u64 = 10;
const ROOMS: usize = 2;
/// About as many frames as one match of two sends to its players, from sign-in to end.
const FRAMES_OF_A_MATCH: u64 = 160;
const SEED: u64 = 0x5eed_b1a2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_random_instants_lose_nothing() {
    let mut server = TestServer::start().await;
    let mut random = SEED;
    for round in 0..KILLS {
        let frames = Arc::new(Frames::default());
        let mut agents = Vec::new();
        for _ in 0..ROOMS {
            let (host, other) = (server.guest().await, server.guest().await);
            let (sender, receiver) = watch::channel(None);
            let host_agent = Agent::new(server.address(), host, Arc::clone(&frames));
            let other_agent = Agent::new(server.address(), other.clone(), Arc::clone(&frames));
            agents.push(tokio::spawn(host_agent.host(sender, other)));
            agents.push(tokio::spawn(other_agent.join(receiver)));
        }
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let strike = (random >> 33) % (FRAMES_OF_A_MATCH * ROOMS as u64);
        tokio::select! {
            () = frames.reach(strike) => {}
            // Shorter matches than expected end before the strike: then it hits an idle server.
            () = async { while !agents.iter().all(|agent| agent.is_finished()) { tokio::task::yield_now().await } } => {}
        }
        server.kill().await;
        server.restart().await;
        for agent in agents {
            let agent = agent.await;
            if let Err(error) = agent {
                panic!(
                    "seed {SEED:#x}, kill {round} after {strike} frames: {error}\n{}",
                    server.log()
                );
            }
        }
        let report = server.audit().await;
        assert_eq!(
            report["clean"], true,
            "kill {round} after {strike} frames: {report:#}"
        );
        assert_eq!(
            report["totals"]["escrow_cents"], 0,
            "kill {round}: {report:#}"
        );
    }
    let events = server.records("games.events").await;
    check_rooms(&events);
    let games = KILLS as usize * ROOMS;
    assert_eq!(server.records("bigger_dice.win_prize").await.len(), games);
    assert_eq!(
        server.audit().await["totals"]["rake_cents"],
        games as i64 * 400
    );
}

/// room_seq is dense in every room, and no draw was used twice.
fn check_rooms(events: &[Value]) {
    let mut seqs: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let mut nonces: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for event in events {
        assert!(
            ids.insert(event["event_id"].as_str()),
            "twice on the topic: {event}"
        );
        let Some(room) = event["audience"]["room_id"].as_str() else {
            continue;
        };
        if event["audience"]["type"] == "room" {
            seqs.entry(room)
                .or_default()
                .push(event["payload"]["room_seq"].as_u64().expect("a room_seq"));
        }
        if event["event_type"] == "games.event.bigger_dice.rolled" {
            nonces.entry(room).or_default().push(
                event["payload"]["proof"]["nonce"]
                    .as_u64()
                    .expect("a nonce"),
            );
        }
    }
    assert_eq!(seqs.len(), KILLS as usize * ROOMS);
    for (room, seqs) in seqs {
        let dense: Vec<u64> = (1..=seqs.len() as u64).collect();
        assert_eq!(seqs, dense, "{room}");
    }
    for (room, nonces) in nonces {
        let distinct: BTreeSet<u64> = nonces.iter().copied().collect();
        assert_eq!(distinct.len(), nonces.len(), "{room}");
    }
}

#[test]
#[should_panic(expected = "assertion")]
fn the_check_finds_a_gap() {
    let event = |seq: u64| {
        serde_json::json!({
            "event_id": seq.to_string(), "event_type": "games.event.x",
            "audience": { "type": "room", "room_id": "r" }, "payload": { "room_seq": seq },
        })
    };
    check_rooms(&[event(1), event(3)]);
}
