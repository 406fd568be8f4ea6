//! What becomes of a client's commands on the log, and what the client is told.

mod support;

use async_trait::async_trait;
use blazing_sun_backbone::log::memory::MemoryLog;
use blazing_sun_backbone::log::{
    Appended, Bounds, EventLog, LogError, NewRecord, Start, Subscription, Topic,
};
use blazing_sun_backbone::topics::TopicSpec;
use blazing_sun_gateway::GatewayConfig;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use support::{Event, World};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_wrapped_keyed_and_acknowledged() {
    let world = World::start().await;
    let mut client = world.sign_in(7).await;
    let id = Uuid::now_v7().to_string();
    client
        .send(json!({
            "type": "games.command.bigger_dice.roll", "command_id": id, "room_id": "r-1",
            "user_id": "99", "actor": {"user_id": "99"}, "anything": {"at": ["all"]},
        }))
        .await;
    let ack = client.next().await;
    assert_eq!(ack, json!({"type": "system.ack", "command_id": id}));
    let (record, envelope) = world.command_record("games.command.bigger_dice.roll").await;
    assert_eq!(&record.key[..], b"r-1");
    assert_eq!(
        record.headers.text("event_type"),
        Some("games.command.bigger_dice.roll")
    );
    assert_eq!(record.headers.text("correlation_id"), Some(&id[..]));
    assert_eq!(record.headers.text("room_id"), Some("r-1"));
    assert_eq!(
        record.headers.text("event_id"),
        envelope["event_id"].as_str()
    );
    assert!(Uuid::try_parse(envelope["event_id"].as_str().unwrap()).is_ok());
    assert_eq!(envelope["producer"], "ws_gateway");
    assert_eq!(envelope["correlation_id"], id);
    assert_eq!(
        envelope["actor"],
        json!({"user_id": "7", "username": "name-7", "socket_id": client.id, "roles": ["player"]})
    );
    assert_eq!(
        envelope["audience"],
        json!({"type": "room", "user_ids": [], "room_id": "r-1", "game_id": null})
    );
    assert_eq!(
        envelope["payload"],
        json!({"command_id": id, "room_id": "r-1", "user_id": "99", "actor": {"user_id": "99"},
               "anything": {"at": ["all"]}})
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_concerns_a_user_is_keyed_by_the_user() {
    let world = World::start().await;
    let mut client = world.sign_in(7).await;
    for kind in [
        "games.command.list_rooms",
        "wallet.command.top_up",
        "chat.command.send_message",
    ] {
        client
            .send(json!({"type": kind, "recipient_id": "8"}))
            .await;
        let ack = client.next().await;
        let (record, envelope) = world.command_record(kind).await;
        assert_eq!(&record.key[..], b"7", "{kind}");
        assert_eq!(envelope["audience"]["user_ids"], json!(["7"]));
        // The gateway makes the id where the client sends none.
        assert_eq!(ack["command_id"], envelope["correlation_id"]);
        assert_eq!(
            envelope["payload"]["command_id"],
            envelope["correlation_id"]
        );
        let topic = if kind.starts_with("chat") {
            "chat.commands"
        } else {
            "games.commands"
        };
        assert_eq!(record.topic.as_str(), topic);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_never_reaches_a_topic() {
    let world = World::start().await;
    let mut client = world.sign_in(7).await;
    let id = Uuid::now_v7();
    let create = json!({
        "type": "games.command.create_room", "command_id": id, "room_name": "x",
        "password": "open sesame",
    });
    for _ in 0..2 {
        client.send(create.clone()).await;
    }
    let (first_record, first) = world.command_record("games.command.create_room").await;
    let (_, second) = world.command_record("games.command.create_room").await;
    assert!(!String::from_utf8_lossy(&first_record.payload).contains("sesame"));
    let sealed = first["payload"]["password_sealed"].as_str().unwrap();
    let sealer = world.keys.sealer().passwords().clone();
    assert_eq!(
        &sealer.open(sealed, id.as_bytes()).unwrap()[..],
        b"open sesame"
    );
    assert!(sealer.open(sealed, Uuid::now_v7().as_bytes()).is_err());
    // Sent again it is the same room.
    assert_eq!(first["payload"]["room_id"], second["payload"]["room_id"]);
    assert_eq!(
        &first_record.key[..],
        first["payload"]["room_id"].as_str().unwrap().as_bytes()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_command_is_refused_by_name() {
    let world = World::start().await;
    let mut client = world.sign_in(7).await;
    let id = Uuid::now_v7();
    for (message, code, named) in [
        (
            json!({"type": "games.command.sync_user"}),
            "unknown_command",
            "",
        ),
        (
            json!({"type": "wallet.command.demo_grant"}),
            "unknown_command",
            "",
        ),
        (
            json!({"type": "wallet.command.credit", "user_id": "1", "amount_cents": 100}),
            "unknown_command",
            "",
        ),
        (
            json!({"type": "system.event.maintenance"}),
            "unknown_command",
            "",
        ),
        (
            json!({"type": "games.command.roll", "room_id": "a/b"}),
            "invalid_format",
            "room_id",
        ),
        (
            json!({"type": "games.command.roll", "command_id": 5}),
            "invalid_format",
            "command_id",
        ),
        (json!({"kind": "x"}), "invalid_format", "type"),
    ] {
        client.send(message.clone()).await;
        let error = client.next().await;
        assert_eq!(error["type"], "system.error", "{message}");
        assert_eq!(error["code"], code, "{message}");
        assert!(
            error["message"].as_str().unwrap().contains(named),
            "{error}"
        );
    }
    client
        .send(json!({"type": "games.command.x", "command_id": id, "room_id": 5}))
        .await;
    assert_eq!(client.next().await["command_id"], id.to_string());
    assert!(client.next_is_nothing(&world).await);
}

/// A log that refuses, or takes and then fails.
struct Failing {
    inner: MemoryLog,
    mode: AtomicU8,
}

#[async_trait]
impl EventLog for Failing {
    async fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        self.inner.ensure_topics(topics).await
    }

    fn append(&self, records: Vec<NewRecord>, appended: Appended) -> Result<(), LogError> {
        let answers = records
            .iter()
            .all(|record| record.topic.as_str().ends_with(".events"));
        match self.mode.load(Ordering::SeqCst) {
            1 if !answers => Err(LogError::Unavailable),
            2 if !answers => {
                appended(Err(LogError::Unavailable));
                Ok(())
            }
            _ => self.inner.append(records, appended),
        }
    }

    fn subscribe(&self, from: Vec<(Topic, u32, Start)>) -> Result<Box<dyn Subscription>, LogError> {
        self.inner.subscribe(from)
    }

    async fn bounds(&self, topic: &Topic) -> Result<Vec<Bounds>, LogError> {
        self.inner.bounds(topic).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_fails_is_a_retryable_error_and_departures_are_said_later() {
    let log = Arc::new(Failing {
        inner: MemoryLog::default(),
        mode: AtomicU8::new(0),
    });
    let world = World::on(log.clone(), GatewayConfig::for_testing()).await;
    let mut client = world.sign_in(7).await;
    let goes = world.sign_in(8).await;
    let left = goes.id.clone();
    for mode in [1, 2] {
        log.mode.store(mode, Ordering::SeqCst);
        let id = Uuid::now_v7().to_string();
        client
            .send(json!({"type": "games.command.list_rooms", "command_id": id}))
            .await;
        let error = client.next().await;
        assert_eq!(
            (&error["code"], &error["command_id"]),
            (&json!("unavailable"), &json!(id))
        );
        let mut late = world.connect().await;
        late.send(json!({"type": "system.authenticate", "token": world.token(9)}))
            .await;
        assert_eq!(late.closed().await, 1012);
    }
    drop(goes);
    world
        .until("it has left", || world.gateway.connections() == 1)
        .await;
    log.mode.store(0, Ordering::SeqCst);
    loop {
        let offline = world.presence("presence.event.user_offline").await;
        if offline["payload"]["connection_id"] == left {
            break;
        }
    }
    client
        .send(json!({"type": "games.command.list_rooms"}))
        .await;
    assert_eq!(client.next().await["type"], "system.ack");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_and_its_event_both_arrive() {
    let world = World::start().await;
    let mut client = world.sign_in(7).await;
    world.enter("r", 7, "lobby", 0);
    client.expect("games.event.room_state").await;
    for n in 1..=50 {
        client
            .send(json!({"type": "games.command.relay.say", "room_id": "r"}))
            .await;
        let command = world.command("games.command.relay.say").await;
        let id = command["correlation_id"].as_str().unwrap();
        world.publish(&Event::room("games.event.relay.said", "r", n).answering(id));
        let (first, second) = (client.next().await, client.next().await);
        let mut kinds = [&first, &second].map(|frame| frame["type"].as_str().unwrap());
        kinds.sort_unstable();
        assert_eq!(kinds, ["games.event.relay.said", "system.ack"]);
        let event = if first["type"] == "system.ack" {
            &second
        } else {
            &first
        };
        assert_eq!(event["correlation_id"], id);
    }
}
