//! Loads the engine alone with `relay`, without a gateway: what a command costs behind the log.
//! `cargo run --release -p blazing-sun-backend --example engine_load`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool")]

use blazing_sun_backbone::credentials::Keys;
use blazing_sun_backbone::envelope::{Actor, Audience, EventEnvelope, PRODUCER_GATEWAY};
use blazing_sun_backbone::log::sqlite::SqliteLogOptions;
use blazing_sun_backbone::log::{EventLog, NewRecord, Topic};
use blazing_sun_backend::engine::{Engine, EngineOptions};
use blazing_sun_domain::{Cents, GameDefinition, Millis, UserId};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

fn record(user: u64, name: &str, room: &str, mut fields: Value) -> NewRecord {
    let id = Uuid::now_v7();
    fields["command_id"] = json!(id);
    fields["room_id"] = json!(room);
    let payload = serde_json::value::to_raw_value(&fields).unwrap();
    let id = id.to_string();
    let envelope = EventEnvelope {
        event_id: Uuid::new_v4().to_string().into(),
        event_type: format!("games.command.{name}").into(),
        timestamp: "2024-01-20T10:30:01Z".into(),
        correlation_id: Some(id.as_str().into()),
        producer: PRODUCER_GATEWAY.into(),
        actor: Actor {
            user_id: UserId::new(user).unwrap(),
            username: "Player".into(),
            socket_id: Uuid::new_v4().to_string().into(),
            roles: Vec::new(),
        },
        audience: Audience::user(UserId::new(user).unwrap()),
        payload: &payload,
    };
    NewRecord {
        topic: Topic::new("games.commands"),
        partition: None,
        key: room.to_owned().into(),
        headers: Default::default(),
        payload: envelope.to_bytes().into(),
    }
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::load_or_create(&dir.path().join("keys"), Millis(0)).unwrap();
    let mut games = blazing_sun_domain::games::built_in();
    games.insert(GameDefinition::of::<blazing_sun_domain::games::relay::Relay>());
    let engine = Engine::start(EngineOptions {
        path: dir.path().join("db"),
        partitions: 12,
        games,
        sealer: keys.sealer(),
        mac: keys.cluster_mac(),
        demo_grant: Cents(5_000),
        currency: "eur".to_owned(),
        log: SqliteLogOptions::default(),
        gone_ms: 2_000,
        gone_after_restart_ms: 10_000,
    })
    .unwrap();
    let log: Arc<dyn EventLog> = engine.log();
    let done = Arc::new(AtomicU64::new(0));
    let data = json!({ "m": "x".repeat(40), "type": "dice.rolled", "pad": "y".repeat(220) });
    for room in 0..100 {
        for user in 0..2 {
            let join = record(
                1 + room * 2 + user,
                "join_room",
                &format!("room-{room}"),
                json!({}),
            );
            log.append(vec![join], Box::new(|_| {})).unwrap();
        }
    }
    let (begin, mut sent) = (Instant::now(), 0u64);
    while begin.elapsed() < Duration::from_secs(10) {
        if sent - done.load(Ordering::Relaxed) >= 100 {
            std::thread::yield_now();
            continue;
        }
        let room = sent % 100;
        let say = record(
            1 + room * 2 + sent / 100 % 2,
            "relay.say",
            &format!("room-{room}"),
            json!({ "data": data }),
        );
        let done = Arc::clone(&done);
        log.append(
            vec![say],
            Box::new(move |_| {
                done.fetch_add(1, Ordering::Relaxed);
            }),
        )
        .unwrap();
        sent += 1;
    }
    println!(
        "{:.0} commands/s",
        done.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64()
    );
    engine.stop();
}
