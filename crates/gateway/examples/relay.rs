//! A gateway alone, to be measured: behind it stands a relay that keeps nothing and answers at once.
//!
//! `relay ADDRESS TOKENS_FILE USERS` listens, and writes as many users' tokens. `games.command.join_room` enters a room
//! that need not exist; `games.command.relay.say {room_id, data}` becomes `games.event.relay.said {data}`.

use async_trait::async_trait;
use blazing_sun_backbone::credentials::{Claims, Keys};
use blazing_sun_backbone::log::{
    Appended, Bounds, EventLog, HeadersBuilder, LogError, NewRecord, Position, Record, Start,
    Subscription, Topic,
};
use blazing_sun_backbone::topics::{GAMES_EVENTS, TopicSpec};
use blazing_sun_domain::{Millis, UserId};
use blazing_sun_gateway::{Gateway, GatewayConfig};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

const COMMIT: Duration = Duration::from_micros(200);

#[derive(Default)]
struct Relay {
    queue: Mutex<Vec<(Vec<NewRecord>, Appended)>>,
    filled: Condvar,
    readers: Mutex<Vec<mpsc::UnboundedSender<Vec<Record>>>>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    event_type: &'a str,
    correlation_id: Option<&'a str>,
    actor: Actor<'a>,
    #[serde(borrow)]
    payload: Payload<'a>,
}

#[derive(Deserialize)]
struct Actor<'a> {
    user_id: &'a str,
}

#[derive(Deserialize)]
struct Payload<'a> {
    room_id: Option<&'a str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Default)]
struct Rooms {
    seqs: HashMap<String, u64>,
    offset: u64,
}

impl Rooms {
    fn answer(&mut self, command: &NewRecord, into: &mut Vec<Record>) {
        let Ok(command) = serde_json::from_slice::<Envelope<'_>>(&command.payload) else {
            return;
        };
        let Some(room) = command.payload.room_id else {
            return;
        };
        let seq = self.seqs.entry(room.to_owned()).or_default();
        let user = command.actor.user_id;
        let correlation_id = command.correlation_id.unwrap_or_default();
        let mut headers = HeadersBuilder::default();
        headers
            .push("correlation_id", correlation_id)
            .push("room_id", room);
        let (event_type, audience, payload) = match command.event_type {
            "games.command.join_room" => {
                headers
                    .push("audience", "user")
                    .push("recipients", format!("[\"{user}\"]"));
                headers.push("membership", format!("[[\"{user}\",\"lobby\"]]"));
                let payload = format!(
                    "{{\"after_seq\":{seq},\"room_id\":\"{room}\",\"room\":{{\"room_seq\":{seq}}}}}"
                );
                ("games.event.room_state", "user", payload)
            }
            "games.command.relay.say" => {
                *seq += 1;
                headers
                    .push("audience", "room")
                    .push("room_seq", seq.to_string());
                let data = command.payload.data.map_or("null", RawValue::get);
                let payload = format!(
                    "{{\"type\":\"relay.said\",\"room_id\":\"{room}\",\"room_seq\":{seq},\"data\":{data}}}"
                );
                ("games.event.relay.said", "room", payload)
            }
            _ => return,
        };
        headers.push("event_type", event_type);
        self.offset += 1;
        let envelope = format!(
            "{{\"event_id\":\"{:036}\",\"event_type\":\"{event_type}\",\"timestamp\":\"2026-01-01T00:00:00.000Z\",\
             \"correlation_id\":\"{correlation_id}\",\"producer\":\"relay\",\"actor\":{{\"user_id\":\"0\"}},\
             \"audience\":{{\"type\":\"{audience}\",\"user_ids\":[\"{user}\"],\"room_id\":\"{room}\"}},\"payload\":{payload}}}",
            self.offset
        );
        into.push(Record {
            topic: Topic::new(GAMES_EVENTS),
            partition: 0,
            offset: self.offset,
            timestamp: Millis(0),
            key: Bytes::copy_from_slice(room.as_bytes()),
            headers: headers.build(),
            payload: envelope.into(),
        });
    }
}

impl Relay {
    fn run(&self) {
        let mut rooms = Rooms::default();
        loop {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            while queue.is_empty() {
                queue = self
                    .filled
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            let batch = std::mem::take(&mut *queue);
            drop(queue);
            // As long as a real log's disk takes.
            std::thread::sleep(COMMIT);
            let mut events = Vec::new();
            for (records, appended) in batch {
                records
                    .iter()
                    .for_each(|record| rooms.answer(record, &mut events));
                let position = Position {
                    partition: 0,
                    offset: 0,
                };
                appended(Ok(vec![position; records.len()]));
            }
            if !events.is_empty() {
                for reader in self
                    .readers
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .iter()
                {
                    drop(reader.send(events.clone()));
                }
            }
        }
    }
}

struct Handle(Arc<Relay>);

#[async_trait]
impl EventLog for Handle {
    async fn ensure_topics(&self, _: &[TopicSpec]) -> Result<(), LogError> {
        Ok(())
    }

    fn append(&self, records: Vec<NewRecord>, appended: Appended) -> Result<(), LogError> {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.push((records, appended));
        if queue.len() == 1 {
            self.0.filled.notify_one();
        }
        Ok(())
    }

    fn subscribe(&self, _: Vec<(Topic, u32, Start)>) -> Result<Box<dyn Subscription>, LogError> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.0
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sender);
        Ok(Box::new(Events(receiver)))
    }

    async fn bounds(&self, _: &Topic) -> Result<Vec<Bounds>, LogError> {
        Ok(vec![Bounds {
            earliest: 0,
            end: 0,
        }])
    }
}

struct Events(mpsc::UnboundedReceiver<Vec<Record>>);

#[async_trait]
impl Subscription for Events {
    async fn next(&mut self) -> Result<Vec<Record>, LogError> {
        self.0.recv().await.ok_or(LogError::Closed)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, tokens, users] = &arguments[..] else {
        return Err("relay ADDRESS TOKENS_FILE USERS".into());
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let now = Millis(i64::try_from(now.as_millis())?);
    let keys = Keys::generate(now)?;
    let mut lines = String::new();
    for user in 1..=users.parse::<u64>()? {
        let user = UserId::new(user).ok_or("too many users")?;
        let claims = Claims::new(user, &format!("user-{user}"), &["player"], now, 86_400);
        lines.push_str(&keys.signer().sign(&claims));
        lines.push('\n');
    }
    std::fs::write(tokens, lines)?;
    let relay = Arc::new(Relay::default());
    let engine = relay.clone();
    std::thread::spawn(move || engine.run());
    let config = GatewayConfig {
        unlimited: true,
        ..GatewayConfig::default()
    };
    let log = Arc::new(Handle(relay));
    let gateway = Gateway::start(
        config,
        log,
        keys.verifier(),
        keys.sealer().passwords().clone(),
    )
    .await?;
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, gateway.router()).await?;
    Ok(())
}
