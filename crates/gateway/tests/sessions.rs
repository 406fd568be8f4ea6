//! Signing in, staying alive, being closed.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

mod support;

use blazing_sun_gateway::GatewayConfig;
use futures_util::SinkExt;
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use support::{Client, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_signs_in_and_the_topics_learn_of_it() {
    let world = World::start().await;
    let mut client = world.connect().await;
    client
        .send(json!({"type": "system.authenticate", "token": world.token(7)}))
        .await;
    let authenticated = client.next().await;
    assert_eq!(authenticated["type"], "system.authenticated");
    assert_eq!(authenticated["user_id"], "7");
    assert_eq!(authenticated["username"], "name-7");
    assert_eq!(authenticated["roles"], json!(["player"]));

    let (record, sync) = world.command_record("games.command.sync_user").await;
    assert_eq!(&record.key[..], b"7");
    assert_eq!(sync["payload"]["user_id"], "7");
    assert_eq!(sync["payload"]["command_id"], sync["correlation_id"]);
    assert_eq!(
        sync["actor"],
        json!({"user_id": "7", "username": "name-7", "socket_id": client.id, "roles": ["player"]})
    );
    let online = world.presence("presence.event.user_online").await;
    assert_eq!(online["payload"]["connection_id"], client.id);
    assert_eq!(online["payload"]["gateway_id"], "gateway-test");
    let beat = world.presence("presence.event.gateway_heartbeat").await;
    assert_eq!(beat["payload"]["boot_id"], online["payload"]["boot_id"]);

    client.send(json!({"type": "system.heartbeat"})).await;
    assert!(client.next().await["timestamp"].is_string());
    drop(client);
    let offline = world.presence("presence.event.user_offline").await;
    assert_eq!(
        offline["payload"]["connection_id"],
        online["payload"]["connection_id"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_but_signing_in_is_possible_before_it() {
    let world = World::start().await;
    let mut client = world.connect().await;
    for message in [
        json!({"type": "games.command.list_rooms"}),
        json!({"type": "system.resume", "rooms": []}),
        json!({"type": "system.lobby", "watch": true}),
    ] {
        client.send(message).await;
        assert_eq!(client.next().await["code"], "unauthenticated");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_token_ends_the_connection() {
    let world = World::start().await;
    let other = World::start().await;
    for token in ["", "a.b.c", &world.token_for(7, -60), &other.token(7)] {
        let mut client = world.connect().await;
        client
            .send(json!({"type": "system.authenticate", "token": token}))
            .await;
        assert_eq!(client.next().await["code"], "auth_failed");
        assert_eq!(client.closed().await, 1008);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_sign_in_is_closed() {
    let config = GatewayConfig {
        authenticate_within: Duration::from_millis(100),
        ..GatewayConfig::for_testing()
    };
    let world = World::with(config).await;
    let mut silent = world.connect().await;
    assert_eq!(silent.closed().await, 1008);
    world
        .until("the connection is forgotten", || {
            world.gateway.connections() == 0
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_closes_and_neither_heartbeats_nor_answers_to_pings_let_it() {
    let config = GatewayConfig {
        ping_after: Duration::from_millis(180),
        silence_max: Duration::from_millis(300),
        ..GatewayConfig::for_testing()
    };
    let world = World::with(config).await;
    let mut silent = world.sign_in(1).await;
    let mut lively = world.sign_in(2).await;
    let mut hidden = world.sign_in(3).await;
    let beats = async {
        for _ in 0..40 {
            lively.send(json!({"type": "system.heartbeat"})).await;
            assert_eq!(lively.next().await["type"], "system.heartbeat_ack");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // Who is asked again has answered: so many times is longer than one may be silent.
    let pongs = hidden.answers_pings(3);
    // Its library answers nothing as long as nobody reads.
    let closed = world.until("the silent one is closed", || {
        world.gateway.connections() == 2
    });
    tokio::join!(closed, beats, pongs);
    assert_eq!(silent.closed().await, 1008);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_runs_out_unless_the_same_user_signs_in_again() {
    let world = World::start().await;
    let sign_in = async |lifetime_s: i64| {
        let mut client = world.connect().await;
        let token = world.token_for(7, lifetime_s);
        client
            .send(json!({"type": "system.authenticate", "token": token}))
            .await;
        assert_eq!(client.next().await["type"], "system.authenticated");
        client
    };
    // A token's end is a whole second, rounded down; its check allows some more.
    let (mut runs_out, mut extends) = (sign_in(1).await, sign_in(1).await);
    extends
        .send(json!({"type": "system.authenticate", "token": world.token(7)}))
        .await;
    assert_eq!(extends.next().await["type"], "system.authenticated");
    assert_eq!(runs_out.closed().await, 1008);
    extends
        .send(json!({"type": "system.authenticate", "token": "wrong"}))
        .await;
    assert_eq!(extends.next().await["code"], "auth_failed");
    extends.send(json!({"type": "system.heartbeat"})).await;
    assert_eq!(extends.next().await["type"], "system.heartbeat_ack");
    extends
        .send(json!({"type": "system.authenticate", "token": world.token(8)}))
        .await;
    assert_eq!(extends.closed().await, 1008);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_other_origins_are_refused_before_the_upgrade() {
    let config = GatewayConfig {
        allowed_origins: vec!["https://play.example".to_owned()],
        ..GatewayConfig::for_testing()
    };
    let world = World::with(config).await;
    for (origin, allowed) in [
        ("https://play.example", true),
        ("https://evil.example", false),
    ] {
        let mut request = format!("ws://{}/ws", world.address)
            .into_client_request()
            .unwrap();
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        match tokio_tungstenite::connect_async(request).await {
            Ok(_) => assert!(allowed, "{origin}"),
            Err(Error::Http(response)) => {
                assert_eq!(
                    (response.status().as_u16(), allowed),
                    (403, false),
                    "{origin}"
                );
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// What the server answers to these bytes, up to its end of the stream.
async fn raw(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(support::DEADLINE, stream.read_to_end(&mut answer)).await;
    let _ = read.expect("an end of the stream");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_handshake_is_a_bad_request() {
    let world = World::start().await;
    let good = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: close, Upgrade\r\n\
                Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: d3Nsb2FkLXdzbG9hZC0wMA==\r\n\r\n";
    for (from, to) in [
        ("Upgrade: websocket\r\n", ""),
        ("Version: 13", "Version: 12"),
        ("Key: d3Nsb2FkLXdzbG9hZC0wMA==", "Key: short"),
    ] {
        let answer = raw(world.address, good.replace(from, to).as_bytes()).await;
        assert!(
            answer.starts_with(b"HTTP/1.1 400"),
            "{to}: {}",
            answer.escape_ascii()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_sent_together_with_the_handshake_are_not_lost() {
    let world = World::start().await;
    let mut bytes = b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: d3Nsb2FkLXdzbG9hZC0wMA==\r\n\r\n"
        .to_vec();
    bytes.extend_from_slice(&[0x81, 0x82, 0, 0, 0, 0, b'{', b'}']);
    bytes.extend_from_slice(&[0x88, 0x80, 0, 0, 0, 0]);
    let answer = String::from_utf8_lossy(&raw(world.address, &bytes).await).into_owned();
    assert!(answer.contains("system.welcome"), "{answer}");
    assert!(answer.contains("invalid_format"), "{answer}");
}

async fn send_raw(client: &mut Client, opcode: OpCode, body: Vec<u8>, fin: bool) {
    let frame = Frame::message(body, opcode, fin);
    client.socket.send(Message::Frame(frame)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_frames_end_their_connection_and_no_other() {
    let world = World::start().await;
    let mut other = world.sign_in(1).await;
    for (name, opcode, body, code) in [
        (
            "too large",
            OpCode::Data(Data::Text),
            vec![b'x'; 20_000],
            1009,
        ),
        ("binary", OpCode::Data(Data::Binary), vec![1, 2, 3], 1003),
        (
            "not UTF-8",
            OpCode::Data(Data::Text),
            vec![0xff, 0xfe],
            1007,
        ),
        (
            "a lone continuation",
            OpCode::Data(Data::Continue),
            vec![b'x'],
            1002,
        ),
        (
            "a reserved opcode",
            OpCode::Data(Data::Reserved(3)),
            vec![b'x'],
            1002,
        ),
    ] {
        let mut client = world.connect().await;
        send_raw(&mut client, opcode, body, true).await;
        assert_eq!(client.closed().await, code, "{name}");
    }
    let mut client = world.connect().await;
    for text in ["", "nonsense", "[]", "{\"type\":{}}", &"[".repeat(10_000)] {
        client
            .socket
            .send(Message::text(text.to_owned()))
            .await
            .unwrap();
        assert_eq!(client.next().await["code"], "invalid_format", "{text}");
    }
    client
        .socket
        .send(Message::Ping(b"there".to_vec().into()))
        .await
        .unwrap();
    let pong = futures_util::StreamExt::next(&mut client.socket)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(pong, Message::Pong(b"there".to_vec().into()));
    client.socket.close(None).await.unwrap();
    other.send(json!({"type": "system.heartbeat"})).await;
    assert_eq!(other.next().await["type"], "system.heartbeat_ack");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_may_come_in_fragments_with_pings_between() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let text = json!({"type": "system.authenticate", "token": world.token(3)}).to_string();
    let (first, second) = text.as_bytes().split_at(40);
    send_raw(&mut client, OpCode::Data(Data::Text), first.to_vec(), false).await;
    client
        .socket
        .send(Message::Ping(Default::default()))
        .await
        .unwrap();
    send_raw(
        &mut client,
        OpCode::Data(Data::Continue),
        second.to_vec(),
        true,
    )
    .await;
    let mut got = Vec::new();
    for _ in 0..2 {
        got.push(
            futures_util::StreamExt::next(&mut client.socket)
                .await
                .unwrap()
                .unwrap(),
        );
    }
    assert!(got.iter().any(Message::is_pong), "{got:?}");
    assert!(
        got.iter()
            .any(|m| m.to_string().contains("system.authenticated")),
        "{got:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_half_a_frame_and_no_more_is_closed() {
    let config = GatewayConfig {
        authenticate_within: Duration::from_millis(300),
        silence_max: Duration::from_millis(600),
        ..GatewayConfig::for_testing()
    };
    let world = World::with(config).await;
    let half = async |client: &mut Client| {
        let stream = client.socket.get_mut();
        stream
            .write_all(&[0x81, 0xfe, 0x10, 0x00, 1, 2, 3, 4, b'x'])
            .await
            .unwrap();
    };
    let mut unsigned = world.connect().await;
    half(&mut unsigned).await;
    // Each byte is a sign of life, but of nobody who may stay.
    let drops = async {
        let mut stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
        let head = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: d3Nsb2FkLXdzbG9hZC0wMA==\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
            .write_all(&[0x81, 0xfe, 0x10, 0x00, 1, 2, 3, 4])
            .await
            .unwrap();
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let cut_off = tokio::time::timeout(support::DEADLINE, drops).await;
    cut_off.expect("who sends by drops is cut off");
    assert_eq!(unsigned.closed().await, 1008);
    let mut signed = world.sign_in(1).await;
    half(&mut signed).await;
    // Not read before: its library would answer pings inside of the frame.
    world
        .until("all are forgotten", || world.gateway.connections() == 0)
        .await;
    assert_eq!(signed.closed().await, 1008);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_sends_everyone_elsewhere() {
    let world = World::start().await;
    let mut clients = vec![
        world.sign_in(1).await,
        world.sign_in(2).await,
        world.connect().await,
    ];
    clients[0]
        .send(json!({"type": "games.command.list_rooms"}))
        .await;
    world.command("games.command.list_rooms").await;
    let drained = world.gateway.drain(support::DEADLINE);
    let closed = async {
        for client in &mut clients {
            assert_eq!(client.closed().await, 1012);
        }
    };
    let (drained, ()) = tokio::join!(drained, closed);
    assert!(drained);
    assert_eq!(world.gateway.connections(), 0);
    for _ in 0..2 {
        world.presence("presence.event.user_offline").await;
    }
    let refused = tokio_tungstenite::connect_async(format!("ws://{}/ws", world.address)).await;
    assert!(refused.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_banned_users_connections_are_closed() {
    let world = World::start().await;
    let (mut banned, mut other) = (world.sign_in(1).await, world.sign_in(2).await);
    world.gateway.close_user("1".parse().unwrap(), "banned");
    assert_eq!(banned.closed().await, 1008);
    other.send(json!({"type": "system.heartbeat"})).await;
    assert_eq!(other.next().await["type"], "system.heartbeat_ack");
}
