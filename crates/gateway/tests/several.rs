//! Several gateways on one log, and one that starts before its log is there.

mod support;

use blazing_sun_backbone::credentials::Keys;
use blazing_sun_backbone::log::memory::MemoryLog;
use blazing_sun_backbone::log::{EventLog, Start, Subscription, Topic};
use blazing_sun_backbone::topics;
use blazing_sun_gateway::{Gateway, GatewayConfig, NotReady};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use support::{DEADLINE, Event, World, now, numbers, room_state};
use uuid::Uuid;

async fn two() -> (World, World) {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::default());
    let with_id = |id: &str| GatewayConfig {
        gateway_id: id.to_owned(),
        ..GatewayConfig::for_testing()
    };
    let one = World::on(log.clone(), with_id("one")).await;
    (one, World::on(log, with_id("other")).await)
}

fn wide(seq: u64) -> Event {
    Event::room("games.event.x", "r", seq).with("n", json!(seq))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_goes_on_at_another_gateway_and_misses_nothing() {
    let (one, other) = two().await;
    let mut moves = one.sign_in(1).await;
    other.command("games.command.sync_user").await;
    let mut stays = other.sign_in(2).await;
    one.command("games.command.sync_user").await;
    one.enter("r", 1, "lobby", 1);
    one.enter("r", 2, "lobby", 1);
    for seq in 2..=3 {
        one.publish(&wide(seq));
    }
    assert_eq!(numbers(&one.settle(&mut moves).await), [2, 3]);
    assert_eq!(numbers(&one.settle(&mut stays).await), [2, 3]);
    drop(moves);
    one.publish(&wide(4));
    let (mut back, sync) = other
        .sign_in_resuming(1, json!([{"room_id": "r", "room_seq": 3}]))
        .await;
    one.publish(&wide(5));
    one.publish(&room_state("r", 1, "lobby", 5).answering(&sync));
    one.publish(&wide(6));
    // The other gateway follows the room for the one who stays.
    assert_eq!(numbers(&one.settle(&mut back).await), [4, 5, 6]);
    assert_eq!(numbers(&one.settle(&mut stays).await), [4, 5, 6]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_has_read_less_than_a_client_has_heard_tells_it_no_older_state() {
    let (_, lags) = two().await;
    let (mut back, sync) = lags
        .sign_in_resuming(1, json!([{"room_id": "r", "room_seq": 3}]))
        .await;
    // What another gateway has told the client before.
    lags.publish(&room_state("r", 1, "lobby", 1));
    for seq in 2..=4 {
        lags.publish(&wide(seq));
    }
    assert!(lags.settle(&mut back).await.is_empty());
    lags.publish(&room_state("r", 1, "lobby", 4).answering(&sync));
    lags.publish(&wide(5));
    assert_eq!(numbers(&lags.settle(&mut back).await), [4, 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_the_same_through_either_gateway() {
    let (one, other) = two().await;
    let id = Uuid::now_v7();
    let create = json!({"type": "games.command.create_room", "command_id": id, "game_type": "x"});
    let mut client = one.sign_in(1).await;
    client.send(create.clone()).await;
    let (first, _) = one.command_record("games.command.create_room").await;
    other.command("games.command.sync_user").await;
    let mut client = other.sign_in(1).await;
    client.send(create).await;
    let (second, envelope) = other.command_record("games.command.create_room").await;
    assert_eq!(first.key, second.key, "the room's id");
    assert_eq!(envelope["correlation_id"], id.to_string());
    assert_eq!(
        envelope["payload"]["room_id"].as_str().map(str::as_bytes),
        Some(&first.key[..])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_gateways_say_of_connections_need_not_be_read_by_gateways() {
    let world = World::start().await;
    let from = vec![(Topic::new(topics::SYSTEM_EVENTS), 0, Start::Offset(0))];
    let mut system = world.log.subscribe(from).unwrap();
    let _client = world.sign_in(1).await;
    let records = tokio::time::timeout(DEADLINE, system.next()).await.unwrap();
    for record in records.unwrap() {
        assert_eq!(record.headers.text("audience"), Some("broadcast"));
        let kind = record.headers.text("event_type");
        assert_eq!(kind, Some("system.event.user_connected"));
    }
}

/// Waits until so many gateways have said that they start.
async fn started(system: &mut dyn Subscription, count: usize) {
    let mut found = 0;
    while found < count {
        let records = tokio::time::timeout(DEADLINE, system.next()).await;
        let records = records
            .expect("gateways say that they start")
            .expect("the log reads");
        let kinds = records
            .iter()
            .map(|record| record.headers.text("event_type"));
        found += kinds
            .filter(|kind| *kind == Some("system.event.gateway_started"))
            .count();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_whose_id_a_later_one_has_is_given_no_more_clients() {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::default());
    let none: [&str; 0] = [];
    log.ensure_topics(&topics::all(&none, 1)).await.unwrap();
    let from = vec![(Topic::new(topics::SYSTEM_EVENTS), 0, Start::End)];
    let mut system = log.subscribe(from).unwrap();
    let with_id = |id: &str| GatewayConfig {
        gateway_id: id.to_owned(),
        shares_log: true,
        ..GatewayConfig::for_testing()
    };
    let ready = async |world: &World| world.gateway.control().is_at_end(DEADLINE).await;
    let first = World::on(log.clone(), with_id("one")).await;
    let other = World::on(log.clone(), with_id("other")).await;
    started(&mut *system, 2).await;
    ready(&first).await.expect("the other has another id");
    let mut stays = first.sign_in(1).await;

    let later = World::on(log.clone(), with_id("one")).await;
    started(&mut *system, 1).await;
    let replaced = tokio::time::timeout(DEADLINE, async {
        loop {
            match ready(&first).await {
                Ok(()) => tokio::task::yield_now().await,
                Err(why) => return why,
            }
        }
    });
    let replaced = replaced.await.expect("not ready");
    assert!(matches!(replaced, NotReady::Replaced), "{replaced:?}");
    ready(&later).await.expect("the later one has the id");
    ready(&other).await.expect("nobody has its id");
    first.settle(&mut stays).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_topics_can_be_read_nobody_is_let_in() {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::default());
    let keys = Keys::generate(now()).unwrap();
    let (prepared, is_prepared) = tokio::sync::oneshot::channel::<()>();
    let gateway = Gateway::start_patiently(
        GatewayConfig::for_testing(),
        log.clone(),
        keys.verifier(),
        keys.sealer().passwords().clone(),
        async { is_prepared.await.unwrap() },
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = gateway.router();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let url = format!("ws://{address}/ws");
    let refused = tokio_tungstenite::connect_async(&url).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("503"), "{refused}");
    let control = gateway.control();
    let not_ready = control.is_at_end(Duration::from_secs(1)).await;
    assert!(
        matches!(not_ready, Err(NotReady::Starting)),
        "{not_ready:?}"
    );

    let none: [&str; 0] = [];
    log.ensure_topics(&topics::all(&none, 1)).await.unwrap();
    let not_ready = control.is_at_end(Duration::from_secs(1)).await;
    assert!(matches!(not_ready, Err(NotReady::Starting)), "not prepared");
    prepared.send(()).unwrap();
    let ready = tokio::time::timeout(DEADLINE, async {
        while control.is_at_end(Duration::from_secs(1)).await.is_err() {
            tokio::task::yield_now().await;
        }
    });
    ready.await.expect("ready");
    tokio_tungstenite::connect_async(&url).await.unwrap();
    gateway.drain(DEADLINE).await;
    let draining = control.is_at_end(Duration::from_secs(1)).await;
    assert!(matches!(draining, Err(NotReady::Draining)), "{draining:?}");
}
