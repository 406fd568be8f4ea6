//! What one client may take, and that nobody else suffers from it.

mod support;

use blazing_sun_gateway::{GatewayConfig, Limits, Rate};
use serde_json::json;
use std::time::{Duration, Instant};
use support::{Event, World, numbers};
use tokio_tungstenite::tungstenite::{Error, Message};

fn limited(limits: Limits) -> GatewayConfig {
    GatewayConfig {
        limits,
        ..GatewayConfig::for_testing()
    }
}

const WIDE: Rate = Rate {
    per_second: 1_000_000,
    burst: 1_000_000,
};
const NARROW: Rate = Rate {
    per_second: 1,
    burst: 5,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rates_hold_per_connection_user_and_address() {
    let open = Limits {
        connection: WIDE,
        user: WIDE,
        address: WIDE,
        ..Limits::default()
    };
    for (name, limits, shared) in [
        (
            "connection",
            Limits {
                connection: NARROW,
                ..open.clone()
            },
            false,
        ),
        (
            "user",
            Limits {
                user: NARROW,
                ..open.clone()
            },
            true,
        ),
    ] {
        let world = World::with(limited(limits)).await;
        let mut first = world.sign_in(1).await;
        let mut second = world.sign_in(1).await;
        let mut other = world.sign_in(2).await;
        let mut refused = 0;
        for _ in 0..20 {
            first.send(json!({"type": "system.heartbeat"})).await;
            let answer = first.next().await;
            refused += u32::from(answer["code"] == "rate_limited");
        }
        assert!((10..=17).contains(&refused), "{name}: {refused}");
        second.send(json!({"type": "system.heartbeat"})).await;
        assert_eq!(
            second.next().await["code"] == "rate_limited",
            shared,
            "{name}"
        );
        other.send(json!({"type": "system.heartbeat"})).await;
        assert_eq!(other.next().await["type"], "system.heartbeat_ack", "{name}");
    }
    let world = World::with(limited(Limits {
        address: NARROW,
        ..open
    }))
    .await;
    let (mut first, mut second) = (world.connect().await, world.connect().await);
    for _ in 0..5 {
        first.send(json!({"type": "system.heartbeat"})).await;
        first.next().await;
    }
    second.send(json!({"type": "system.heartbeat"})).await;
    assert_eq!(second.next().await["code"], "rate_limited");
}

/// Who comes back finds what was taken: by the user, and by the address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coming_back_gives_no_new_budget() {
    let narrow = Rate {
        per_second: 1,
        burst: 20,
    };
    let open = Limits {
        connection: WIDE,
        user: WIDE,
        address: WIDE,
        ..Limits::default()
    };
    let of_user = Limits {
        user: narrow,
        ..open.clone()
    };
    let of_address = Limits {
        address: narrow,
        ..open
    };
    for limits in [of_user, of_address] {
        let world = World::with(limited(limits)).await;
        let (started, mut taken) = (Instant::now(), 0);
        for _ in 0..4 {
            let url = format!("ws://{}/ws", world.address);
            let Ok((mut socket, _)) = tokio_tungstenite::connect_async(&url).await else {
                continue;
            };
            use futures_util::{SinkExt, StreamExt};
            let token = world.token(1);
            let sign_in = json!({"type": "system.authenticate", "token": token}).to_string();
            let beat = json!({"type": "system.heartbeat"}).to_string();
            drop(socket.send(Message::text(sign_in)).await);
            for _ in 0..30 {
                drop(socket.send(Message::text(beat.clone())).await);
            }
            let mut answers = 0;
            while answers < 31
                && let Ok(Some(Ok(Message::Text(text)))) =
                    tokio::time::timeout(support::DEADLINE, socket.next()).await
            {
                answers += u32::from(!text.contains("system.welcome"));
                taken += u32::from(text.contains("heartbeat_ack"));
            }
            drop(socket);
            world
                .until("it is gone", || world.gateway.connections() == 0)
                .await;
        }
        let elapsed = u32::try_from(started.elapsed().as_secs()).unwrap() + 1;
        assert!((10..=20 + elapsed).contains(&taken), "{taken}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_command_is_named() {
    let world = World::with(limited(Limits {
        connection: NARROW,
        ..Limits::default()
    }))
    .await;
    let mut client = world.sign_in(1).await;
    for _ in 0..10 {
        let id = uuid::Uuid::now_v7().to_string();
        client
            .send(json!({"type": "games.command.list_rooms", "command_id": id}))
            .await;
        assert_eq!(client.next().await["command_id"], id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_cut_off() {
    use futures_util::SinkExt;
    let world = World::start().await;
    for message in [
        Message::text("{}"),
        Message::Ping(Default::default()),
        Message::Pong(Default::default()),
    ] {
        let mut client = world.connect().await;
        let flood = async {
            while client.socket.feed(message.clone()).await.is_ok()
                && client.socket.flush().await.is_ok()
            {}
        };
        tokio::time::timeout(support::DEADLINE, flood)
            .await
            .expect("the flood is cut off");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_has_so_many_connections_and_gets_them_back() {
    let limits = Limits {
        connections_per_address_max: 3,
        ..Limits::default()
    };
    let world = World::with(limited(limits)).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(world.connect().await);
    }
    let url = format!("ws://{}/ws", world.address);
    match tokio_tungstenite::connect_async(&url).await {
        Err(Error::Http(response)) => {
            assert_eq!(response.status().as_u16(), 429);
        }
        other => panic!("{other:?}"),
    }
    clients.pop();
    world
        .until("one is gone", || world.gateway.connections() == 2)
        .await;
    world.connect().await;
}

/// One member of a room reads nothing at all; it is cut off, and the others get everything in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_client_is_cut_off_and_harms_nobody() {
    let config = GatewayConfig {
        limits: Limits {
            behind_bytes_max: 64 * 1024,
            ..Limits::default()
        },
        // Only the bound can be what cuts it off.
        write_stall_max: Duration::from_secs(600),
        ring_bytes_max: 1 << 30,
        unlimited: true,
        ..GatewayConfig::for_testing()
    };
    let world = World::with(config).await;
    let slow = world.sign_in(1).await;
    let mut quick = Vec::new();
    for user in 2..=5 {
        quick.push(world.sign_in(user).await);
    }
    for user in 1..=5 {
        world.enter("r", user, "lobby", 0);
    }
    let mut seq = 0;
    let started = Instant::now();
    let mut expected = Vec::new();
    // Until the kernel's buffers for the slow one are full, and it is more than its bound behind.
    while world.gateway.connections() == 5 {
        assert!(
            started.elapsed() < support::DEADLINE,
            "the slow client is still there"
        );
        for _ in 0..20 {
            seq += 1;
            let event = Event::room("games.event.x", "r", seq).with("n", json!(seq));
            world.publish(&event.with("pad", json!("x".repeat(1_500))));
            expected.push(seq);
        }
        for client in &mut quick {
            assert_eq!(
                numbers(&world.settle(client).await),
                expected[expected.len() - 20..]
            );
        }
    }
    drop(slow);
}

/// Who watches the lobby and reads nothing is cut off at the same bound.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_that_reads_nothing_is_cut_off() {
    let config = GatewayConfig {
        limits: Limits {
            behind_bytes_max: 64 * 1024,
            ..Limits::default()
        },
        write_stall_max: Duration::from_secs(600),
        lobby_every: Duration::from_millis(1),
        unlimited: true,
        ..GatewayConfig::for_testing()
    };
    let world = World::with(config).await;
    let (mut slow, mut other) = (world.sign_in(1).await, world.sign_in(2).await);
    slow.send(json!({"type": "system.lobby", "watch": true}))
        .await;
    let control = world.gateway.control();
    world
        .until("it watches", || control.held().watchers == 1)
        .await;
    let started = Instant::now();
    let mut rooms = 0;
    while world.gateway.connections() == 2 {
        assert!(
            started.elapsed() < support::DEADLINE,
            "the slow watcher is still there"
        );
        for _ in 0..20 {
            rooms += 1;
            let event = Event::broadcast("games.event.room_created")
                .with("room_id", json!(format!("r{rooms}")))
                .with("room_name", json!("x".repeat(1_500)));
            world.publish(&event);
        }
        assert!(world.settle(&mut other).await.is_empty());
    }
    assert_eq!(control.held().watchers, 0);
    drop(slow);
}

/// The kernel's buffer is full and little comes after it: the bound is never passed, but nothing moves either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_client_is_cut_off() {
    let config = GatewayConfig {
        write_stall_max: Duration::from_millis(300),
        limits: Limits {
            behind_bytes_max: 16 * 1024 * 1024,
            ..Limits::default()
        },
        ring_bytes_max: 64 * 1024 * 1024,
        ..GatewayConfig::for_testing()
    };
    let world = World::with(config).await;
    let _stuck = world.sign_in(1).await;
    world.enter("r", 1, "lobby", 0);
    for seq in 1..=12_000 {
        let event = Event::room("games.event.x", "r", seq);
        world.publish(&event.with("pad", json!("x".repeat(1_000))));
    }
    world
        .until("it is cut off", || world.gateway.connections() == 0)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unlimited_lifts_the_rates() {
    let config = GatewayConfig {
        unlimited: true,
        ..limited(Limits {
            connection: NARROW,
            ..Limits::default()
        })
    };
    let world = World::with(config).await;
    let mut client = world.sign_in(1).await;
    for _ in 0..300 {
        client.send(json!({"type": "system.heartbeat"})).await;
        assert_eq!(client.next().await["type"], "system.heartbeat_ack");
    }
}
