//! A gateway on loopback with a log in memory, clients with a real WebSocket library, and a pen
//! with which a test writes what a backend would.

#![allow(dead_code, clippy::unwrap_used)]

use axum::serve;
use blazing_sun_backbone::credentials::{Claims, Keys};
use blazing_sun_backbone::log::memory::MemoryLog;
use blazing_sun_backbone::log::{
    EventLog, HeadersBuilder, NewRecord, Record, Start, Subscription, Topic,
};
use blazing_sun_backbone::topics;
use blazing_sun_domain::{Millis, UserId};
use blazing_sun_gateway::{Gateway, GatewayConfig};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use uuid::Uuid;

pub const DEADLINE: Duration = Duration::from_secs(60);

pub struct World {
    pub gateway: Gateway,
    pub log: Arc<dyn EventLog>,
    pub address: SocketAddr,
    pub keys: Keys,
    commands: tokio::sync::Mutex<Reader>,
    presence: tokio::sync::Mutex<Reader>,
    outbox_seq: AtomicU64,
}

struct Reader {
    subscription: Box<dyn Subscription>,
    read: std::collections::VecDeque<Record>,
}

impl Reader {
    fn of(log: &Arc<dyn EventLog>, topics: &[&str]) -> Reader {
        let from = topics
            .iter()
            .map(|topic| (Topic::new(topic), 0, Start::Offset(0)))
            .collect();
        Reader {
            subscription: log.subscribe(from).unwrap(),
            read: Default::default(),
        }
    }

    async fn next(&mut self) -> (Record, Value) {
        while self.read.is_empty() {
            let records = timeout(DEADLINE, self.subscription.next())
                .await
                .expect("a record");
            self.read.extend(records.unwrap());
        }
        let record = self.read.pop_front().unwrap();
        let envelope = serde_json::from_slice(&record.payload).unwrap();
        (record, envelope)
    }
}

pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Millis(since.as_millis() as i64)
}

impl World {
    pub async fn start() -> World {
        World::with(GatewayConfig::for_testing()).await
    }

    pub async fn with(config: GatewayConfig) -> World {
        World::on(Arc::new(MemoryLog::default()), config).await
    }

    pub async fn on(log: Arc<dyn EventLog>, config: GatewayConfig) -> World {
        let none: [&str; 0] = [];
        log.ensure_topics(&topics::all(&none, 1)).await.unwrap();
        let keys = Keys::generate(now()).unwrap();
        let gateway = Gateway::start(
            config,
            log.clone(),
            keys.verifier(),
            keys.sealer().passwords().clone(),
        )
        .await
        .unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = gateway.router();
        tokio::spawn(async move {
            let app = app.into_make_service_with_connect_info::<SocketAddr>();
            serve(listener, app).await.unwrap();
        });
        let commands = Reader::of(&log, &[topics::GAMES_COMMANDS, topics::CHAT_COMMANDS]).into();
        let presence = Reader::of(&log, &[topics::GATEWAY_PRESENCE]).into();
        World {
            gateway,
            log,
            address,
            keys,
            commands,
            presence,
            outbox_seq: AtomicU64::new(0),
        }
    }

    pub fn token(&self, user: u64) -> String {
        self.token_for(user, 900)
    }

    pub fn token_for(&self, user: u64, lifetime_s: i64) -> String {
        let name = format!("name-{user}");
        let user = UserId::new(user).unwrap();
        self.keys
            .signer()
            .sign(&Claims::new(user, &name, &["player"], now(), lifetime_s))
    }

    pub async fn connect(&self) -> Client {
        let (socket, _) = connect_async(format!("ws://{}/ws", self.address))
            .await
            .unwrap();
        let mut client = Client {
            socket,
            id: String::new(),
            user: 0,
        };
        let welcome = client.next().await;
        assert_eq!(welcome["type"], "system.welcome");
        client.id = welcome["connection_id"].as_str().unwrap().to_owned();
        client
    }

    /// A client that has signed in; its question about its rooms is taken off the log and given too.
    pub async fn sign_in_resuming(&self, user: u64, resume: Value) -> (Client, String) {
        let mut client = self.connect().await;
        client.user = user;
        client
            .send(
                json!({"type": "system.authenticate", "token": self.token(user), "resume": resume}),
            )
            .await;
        assert_eq!(client.next().await["type"], "system.authenticated");
        let sync = self.command("games.command.sync_user").await;
        assert_eq!(sync["actor"]["socket_id"], client.id);
        (client, sync["correlation_id"].as_str().unwrap().to_owned())
    }

    pub async fn sign_in(&self, user: u64) -> Client {
        self.sign_in_resuming(user, json!([])).await.0
    }

    /// The envelope of the next command of this type; others before it are dropped.
    pub async fn command(&self, event_type: &str) -> Value {
        self.command_record(event_type).await.1
    }

    pub async fn command_record(&self, event_type: &str) -> (Record, Value) {
        let mut commands = self.commands.lock().await;
        loop {
            let (record, envelope) = commands.next().await;
            if envelope["event_type"] == event_type {
                return (record, envelope);
            }
        }
    }

    pub async fn presence(&self, event_type: &str) -> Value {
        let mut presence = self.presence.lock().await;
        loop {
            let (_, envelope) = presence.next().await;
            if envelope["event_type"] == event_type {
                return envelope;
            }
        }
    }

    pub fn publish(&self, event: &Event) {
        self.log
            .append(
                vec![self.record(event)],
                Box::new(|outcome| drop(outcome.unwrap())),
            )
            .unwrap();
    }

    pub fn record(&self, event: &Event) -> NewRecord {
        let mut headers = HeadersBuilder::default();
        let outbox_seq = self.outbox_seq.fetch_add(1, Ordering::Relaxed);
        if event.headers {
            headers
                .push("event_type", event.event_type)
                .push("audience", event.audience);
            headers.push("outbox_seq", outbox_seq.to_string());
            if let Some(id) = &event.correlation_id {
                headers.push("correlation_id", id);
            }
            if let Some(room) = event.room {
                headers.push("room_id", room);
            }
            if let Some(seq) = event
                .payload
                .get("room_seq")
                .filter(|_| event.audience == "room")
            {
                headers.push("room_seq", seq.to_string());
            }
            if !event.users.is_empty() {
                let users: Vec<String> = event.users.iter().map(u64::to_string).collect();
                headers.push("recipients", json!(users).to_string());
            }
            if !event.membership.is_empty() {
                let membership: Vec<(String, &str)> = event
                    .membership
                    .iter()
                    .map(|(user, role)| (user.to_string(), *role))
                    .collect();
                headers.push("membership", json!(membership).to_string());
            }
        }
        let users: Vec<String> = event.users.iter().map(u64::to_string).collect();
        let envelope = json!({
            "event_id": Uuid::new_v4(),
            "event_type": event.event_type,
            "timestamp": "2026-01-01T00:00:00.000Z",
            "correlation_id": event.correlation_id,
            "producer": "blazing_sun",
            "actor": {"user_id": "0", "username": "system", "socket_id": "", "roles": []},
            "audience": {
                "type": event.audience, "user_ids": users, "room_id": event.room, "game_id": null,
            },
            "payload": event.payload,
        });
        NewRecord {
            topic: Topic::new(event.topic),
            partition: Some(0),
            key: event.room.unwrap_or("").as_bytes().to_vec().into(),
            headers: headers.build(),
            payload: envelope.to_string().into(),
        }
    }

    /// The room's state for a user who is in it from now on.
    pub fn enter(&self, room: &'static str, user: u64, role: &'static str, room_seq: u64) {
        self.publish(&room_state(room, user, role, room_seq));
    }

    /// Everything that the client gets for what was published so far, from type to type.
    pub async fn settle(&self, client: &mut Client) -> Vec<Value> {
        let mut frames = Vec::new();
        // Partitions are not read at one instant: with the first, some may have been read before what was published. Those
        // that are read with the second were not.
        for _ in 0..2 {
            let marker = Uuid::new_v4().to_string();
            self.publish(
                &Event::user("games.event.marker", client.user).with("marker", json!(marker)),
            );
            loop {
                let frame = client.next().await;
                if frame["marker"] == marker.as_str() {
                    break;
                }
                frames.push(frame);
            }
        }
        // Another socket of the user may have settled before.
        frames.retain(|frame| frame["type"] != "games.event.marker");
        // What was routed with the marker is written before what is asked for after it.
        client.send(json!({"type": "system.heartbeat"})).await;
        loop {
            let frame = client.next().await;
            if frame["type"] == "system.heartbeat_ack" {
                return frames;
            }
            frames.push(frame);
        }
    }

    pub async fn until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let waited = timeout(DEADLINE, async {
            while !condition() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        waited.await.unwrap_or_else(|_| panic!("{what}"));
    }
}

pub fn room_state(room: &'static str, user: u64, role: &'static str, room_seq: u64) -> Event {
    Event::user("games.event.room_state", user)
        .about(room)
        .with("after_seq", json!(room_seq))
        .with(
            "room",
            json!({"room_id": room, "room_seq": room_seq, "recovered": false}),
        )
        .member(user, role)
}

/// An event as a backend would publish it.
#[derive(Clone)]
pub struct Event {
    pub topic: &'static str,
    pub event_type: &'static str,
    pub audience: &'static str,
    pub users: Vec<u64>,
    pub room: Option<&'static str>,
    pub correlation_id: Option<String>,
    pub membership: Vec<(u64, &'static str)>,
    pub payload: Value,
    pub headers: bool,
}

impl Event {
    fn new(event_type: &'static str, audience: &'static str, users: Vec<u64>) -> Event {
        let topic = match event_type.split('.').next() {
            Some("chat") => topics::CHAT_EVENTS,
            Some("system") => topics::SYSTEM_EVENTS,
            _ => topics::GAMES_EVENTS,
        };
        Event {
            topic,
            event_type,
            audience,
            users,
            room: None,
            correlation_id: None,
            membership: Vec::new(),
            payload: json!({"type": event_type.rsplit('.').next()}),
            headers: true,
        }
    }

    pub fn user(event_type: &'static str, user: u64) -> Event {
        Event::new(event_type, "user", vec![user])
    }

    pub fn users(event_type: &'static str, users: &[u64]) -> Event {
        Event::new(event_type, "users", users.to_vec())
    }

    pub fn broadcast(event_type: &'static str) -> Event {
        Event::new(event_type, "broadcast", Vec::new())
    }

    pub fn room(event_type: &'static str, room: &'static str, room_seq: u64) -> Event {
        Event::new(event_type, "room", Vec::new())
            .about(room)
            .with("room_seq", json!(room_seq))
    }

    pub fn narrow(
        event_type: &'static str,
        audience: &'static str,
        room: &'static str,
        after_seq: u64,
    ) -> Event {
        Event::new(event_type, audience, Vec::new())
            .about(room)
            .with("after_seq", json!(after_seq))
    }

    pub fn about(mut self, room: &'static str) -> Event {
        self.room = Some(room);
        self.with("room_id", json!(room))
    }

    pub fn with(mut self, name: &str, value: Value) -> Event {
        self.payload[name] = value;
        self
    }

    pub fn member(mut self, user: u64, role: &'static str) -> Event {
        self.membership.push((user, role));
        self
    }

    pub fn answering(mut self, correlation_id: &str) -> Event {
        self.correlation_id = Some(correlation_id.to_owned());
        self
    }

    pub fn without_headers(mut self) -> Event {
        self.headers = false;
        self
    }
}

pub struct Client {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub id: String,
    pub user: u64,
}

impl Client {
    pub async fn send(&mut self, message: Value) {
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    /// The next frame as JSON.
    pub async fn next(&mut self) -> Value {
        match timeout(DEADLINE, self.socket.next())
            .await
            .expect("a frame in time")
        {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("a text frame, got {other:?}"),
        }
    }

    /// The next frame of this type; others before it are dropped.
    pub async fn expect(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// Whether nothing waits for this client.
    pub async fn next_is_nothing(&mut self, world: &World) -> bool {
        world.settle(self).await.is_empty()
    }

    /// Waits until it is asked so many times whether it is there, and answers each time.
    pub async fn answers_pings(&mut self, times: usize) {
        let mut asked = 0;
        while asked < times {
            let message = timeout(DEADLINE, self.socket.next()).await;
            match message.expect("a ping in time") {
                Some(Ok(Message::Ping(_))) => asked += 1,
                Some(Ok(Message::Text(_))) => {}
                other => panic!("a ping, got {other:?}"),
            }
            // The library has its answer ready, and sends it with what goes out next.
            self.socket.flush().await.expect("a pong");
        }
    }

    /// The code with which the server closes; texts before it are dropped.
    pub async fn closed(&mut self) -> u16 {
        loop {
            match timeout(DEADLINE, self.socket.next())
                .await
                .expect("a close in time")
            {
                Some(Ok(Message::Close(Some(close)))) => return close.code.into(),
                Some(Ok(Message::Text(_) | Message::Ping(_))) => {}
                other => panic!("a close frame, got {other:?}"),
            }
        }
    }
}

/// The types of frames, for comparing.
pub fn types(frames: &[Value]) -> Vec<&str> {
    frames
        .iter()
        .map(|frame| frame["type"].as_str().unwrap())
        .collect()
}

/// The `n` of frames, for comparing.
pub fn numbers(frames: &[Value]) -> Vec<u64> {
    frames
        .iter()
        .filter_map(|frame| frame["n"].as_u64())
        .collect()
}
