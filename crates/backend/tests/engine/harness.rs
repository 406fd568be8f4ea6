//! A real engine on a real file, driven through its log as a gateway drives it.

use blazing_sun_backbone::credentials::Keys;
use blazing_sun_backbone::log::sqlite::SqliteLogOptions;
use blazing_sun_backbone::log::{
    EventLog, LogError, NewRecord, Position, Start, Subscription, Topic,
};
use blazing_sun_backbone::topics;
use blazing_sun_backend::engine::{Engine, EngineOptions};
use blazing_sun_domain::{Cents, Millis};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use uuid::Uuid;

#[path = "../support/records.rs"]
mod records;

use records::presence_record;
pub use records::{command, heartbeat};

pub const PARTITIONS: u32 = 4;

pub struct Rig {
    pub engine: Engine,
    pub log: Arc<dyn EventLog>,
    events: Box<dyn Subscription>,
    dead: Box<dyn Subscription>,
    queue: std::collections::VecDeque<Value>,
    pub seen: Vec<Value>,
}

pub fn options(dir: &Path) -> EngineOptions {
    let keys = Keys::load_or_create(&dir.join("keys"), Millis(0)).unwrap();
    let mut games = blazing_sun_domain::games::built_in();
    games.insert(blazing_sun_domain::GameDefinition::of::<
        blazing_sun_domain::games::relay::Relay,
    >());
    EngineOptions {
        path: dir.join("blazing-sun.db"),
        partitions: PARTITIONS,
        games,
        sealer: keys.sealer(),
        mac: keys.cluster_mac(),
        demo_grant: Cents(5_000),
        currency: "eur".to_owned(),
        wallet: Default::default(),
        log: SqliteLogOptions::default(),
        gone_ms: 50,
        gone_after_restart_ms: 100,
        gateway_silence_ms: 6_000,
        limits: Default::default(),
        chat: Default::default(),
        live: Default::default(),
    }
}

impl Rig {
    pub fn start(dir: &Path) -> Rig {
        Rig::start_with(options(dir))
    }

    pub fn start_with(options: EngineOptions) -> Rig {
        let engine = Engine::start(options).unwrap();
        let log = engine.log();
        let from = [topics::GAMES_EVENTS, topics::CHAT_EVENTS]
            .into_iter()
            .flat_map(|topic| (0..PARTITIONS).map(move |p| (Topic::new(topic), p, Start::End)))
            .collect();
        let events = log.subscribe(from).unwrap();
        let from = (0..PARTITIONS)
            .map(|p| (Topic::new(topics::DEAD_LETTER), p, Start::End))
            .collect();
        let dead = log.subscribe(from).unwrap();
        Rig {
            engine,
            log,
            events,
            dead,
            queue: Default::default(),
            seen: Vec::new(),
        }
    }

    pub async fn append(&self, topic: &str, key: &str, payload: impl Into<Vec<u8>>) {
        self.try_append(topic, key, payload).await.unwrap();
    }

    pub async fn try_append(
        &self,
        topic: &str,
        key: &str,
        payload: impl Into<Vec<u8>>,
    ) -> Result<Vec<Position>, LogError> {
        let record = NewRecord {
            topic: Topic::new(topic),
            partition: None,
            key: key.to_owned().into(),
            headers: Default::default(),
            payload: payload.into().into(),
        };
        self.log.append_and_wait(vec![record]).await
    }

    /// Sends a command with an id of its own; answers with the id.
    pub async fn send(&self, user: u64, name: &str, fields: Value) -> Uuid {
        let id = Uuid::now_v7();
        self.send_as(user, name, fields, id, "socket").await;
        id
    }

    pub async fn send_as(&self, user: u64, name: &str, fields: Value, id: Uuid, socket: &str) {
        self.try_send(user, name, fields, id, socket).await.unwrap();
    }

    pub async fn try_send(
        &self,
        user: u64,
        name: &str,
        fields: Value,
        id: Uuid,
        socket: &str,
    ) -> Result<Vec<Position>, LogError> {
        let record = command(user, name, fields, id, socket);
        self.log.append_and_wait(vec![record]).await
    }

    /// Several commands that are decided in one batch.
    pub async fn send_together(&self, commands: &[(u64, &str, Value)]) -> Vec<Uuid> {
        let ids: Vec<Uuid> = commands.iter().map(|_| Uuid::now_v7()).collect();
        let records = commands
            .iter()
            .zip(&ids)
            .map(|((user, name, fields), id)| command(*user, name, fields.clone(), *id, "socket"));
        let appended = self.log.append_and_wait(records.collect()).await;
        appended.unwrap();
        ids
    }

    /// A user's connection to a gateway came or went: `user_online`, `user_offline`.
    pub async fn presence(&self, what: &str, user: u64, gateway: (&str, &str), socket: &str) {
        let said = self.try_presence(what, user, gateway, socket).await;
        said.unwrap();
    }

    pub async fn try_presence(
        &self,
        what: &str,
        user: u64,
        gateway: (&str, &str),
        socket: &str,
    ) -> Result<Vec<Position>, LogError> {
        let payload = json!({
            "user_id": user.to_string(), "gateway_id": gateway.0, "boot_id": gateway.1,
            "connection_id": socket,
        });
        let record = presence_record(what, &user.to_string(), &payload);
        self.log.append_and_wait(vec![record]).await
    }

    /// A gateway's heartbeat.
    pub async fn beat(&self, gateway: (&str, &str)) {
        self.try_beat(gateway).await.unwrap();
    }

    pub async fn try_beat(&self, gateway: (&str, &str)) -> Result<Vec<Position>, LogError> {
        self.log.append_and_wait(vec![heartbeat(gateway)]).await
    }

    /// Accounts of these users, as the HTTP API makes them.
    pub async fn register(&self, users: &[(u64, &'static str)]) {
        let users = users.to_vec();
        let add = move |connection: &rusqlite::Connection| {
            for (id, status) in users {
                connection.execute(
                    "INSERT INTO users (id, username, roles, status, created_ms, last_seen_ms)
                     VALUES (?1, ?2, '[]', ?3, 0, 0)",
                    rusqlite::params![id as i64, format!("P{id}"), status],
                )?;
            }
            Ok(())
        };
        self.engine.access().write(add).await.unwrap();
    }

    pub async fn grant(&mut self, user: u64) {
        let id = Uuid::now_v7();
        let fields = json!({ "user_id": user.to_string(), "username": format!("P{user}") });
        self.send_as(0, "wallet.command.demo_grant", fields, id, "")
            .await;
        self.expect("wallet.event.balance_changed").await;
    }

    /// All that a topic holds.
    pub async fn records(&self, topic: &str) -> Vec<Value> {
        let topic = Topic::new(topic);
        let mut found = Vec::new();
        for (partition, bounds) in (0..).zip(self.log.bounds(&topic).await.unwrap()) {
            let from = vec![(topic.clone(), partition, Start::Offset(bounds.earliest))];
            let mut subscription = self.log.subscribe(from).unwrap();
            let mut left = bounds.end - bounds.earliest;
            while left > 0 {
                let records = subscription.next().await.unwrap();
                left -= records.len() as u64;
                let values = records
                    .iter()
                    .map(|record| serde_json::from_slice(&record.payload));
                found.extend(values.map(|value| value.unwrap()));
            }
        }
        found
    }

    /// A row of two columns, as it is committed.
    pub async fn row(&self, query: &str) -> (String, i64) {
        let query = query.to_owned();
        let read = move |connection: &rusqlite::Connection| {
            Ok(connection.query_row(&query, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
        };
        self.engine.access().read(read).await.unwrap()
    }

    /// The next event of any kind.
    pub async fn next(&mut self) -> Value {
        while self.queue.is_empty() {
            let records = timeout(Duration::from_secs(60), self.events.next()).await;
            for record in records.expect("an event within ten seconds").unwrap() {
                self.queue
                    .push_back(serde_json::from_slice(&record.payload).unwrap());
            }
        }
        let event = self.queue.pop_front().unwrap();
        self.seen.push(event.clone());
        event
    }

    /// The next event of this type; others before it are passed over.
    pub async fn expect(&mut self, event_type: &str) -> Value {
        loop {
            let event = self.next().await;
            if event["event_type"] == event_type {
                return event;
            }
        }
    }

    /// The next record that could not be read.
    pub async fn dead_letter(&mut self) -> Value {
        let records = timeout(Duration::from_secs(60), self.dead.next()).await;
        let records = records.expect("a dead letter within ten seconds").unwrap();
        assert_eq!(records.len(), 1);
        serde_json::from_slice(&records[0].payload).unwrap()
    }

    /// The answer to a command: the first event that follows from it.
    pub async fn answer(&mut self, id: Uuid) -> Value {
        loop {
            let event = self.next().await;
            if event["correlation_id"] == json!(id) {
                return event;
            }
        }
    }

    /// Two players seated and ready in a fresh room of Bigger Dice; the game runs.
    pub async fn begin_game(&mut self, room: &str, players: [u64; 2]) {
        let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": "My Game" });
        self.send(players[0], "create_room", create).await;
        self.send(players[1], "join_room", json!({ "room_id": room }))
            .await;
        for player in players {
            let select = json!({ "room_id": room, "target_user_id": player.to_string() });
            self.send(players[0], "select_player", select).await;
        }
        for player in players {
            self.send(player, "ready", json!({ "room_id": room })).await;
        }
        self.expect("games.event.game_started").await;
    }

    /// Rolls for whoever has the turn until the game is over.
    pub async fn play_to_the_end(&mut self, room: &str) -> Value {
        loop {
            let event = self.next().await;
            if event["payload"]["room_id"] != room {
                continue;
            }
            match event["event_type"].as_str().unwrap() {
                "games.event.turn_changed" => {
                    let turn: u64 = event["payload"]["current_turn"]
                        .as_str()
                        .unwrap()
                        .parse()
                        .unwrap();
                    self.send(turn, "bigger_dice.roll", json!({ "room_id": room }))
                        .await;
                }
                "games.event.seed_revealed" => return event,
                _ => {}
            }
        }
    }
}
