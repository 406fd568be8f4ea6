//! Backends on a real Kafka and a real PostgreSQL, driven through the topics as gateways drive them.

use super::records;
use blazing_sun_backbone::credentials::Keys;
use blazing_sun_backbone::log::kafka::{KafkaLog, KafkaOptions};
use blazing_sun_backbone::log::{EventLog, NewRecord, Record, Start, Subscription, Topic};
use blazing_sun_backbone::messages::header;
use blazing_sun_backbone::partitioner::partition_of;
use blazing_sun_backbone::topics;
use blazing_sun_backend::owner::{Backend, OwnerOptions};
use blazing_sun_backend::store::postgres::PgOptions;
use blazing_sun_domain::{Cents, Games, Millis};
use blazing_sun_harness::kafka::TestKafka;
use blazing_sun_harness::postgres::TestPostgres;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

pub const PARTITIONS: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(90);
const DAY_MS: i64 = 86_400_000;

pub struct Rig {
    kafka: KafkaOptions,
    pub url: String,
    keys: Keys,
    dir: TempDir,
    pub games: Games,
    pub log: KafkaLog,
    events: Box<dyn Subscription>,
    /// The last `outbox_seq` of each topic's partition.
    last: BTreeMap<(Topic, u32), u64>,
    queue: VecDeque<Value>,
    pub seen: Vec<Value>,
    /// Records that had come before.
    pub repeats: usize,
}

impl Rig {
    pub async fn new() -> Rig {
        let (kafka, postgres) = shared().await;
        Rig::on(kafka, postgres).await
    }

    pub async fn on(kafka: &TestKafka, postgres: &TestPostgres) -> Rig {
        // With RUST_LOG set, a failed test shows what the backends said.
        let log = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .try_init();
        // Every test of this process but the first finds it done.
        drop(log);
        let kafka = KafkaOptions {
            topic_prefix: kafka.new_prefix(),
            ..KafkaOptions::new(kafka.bootstrap_servers())
        };
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::load_or_create(&dir.path().join("keys"), Millis(0)).unwrap();
        let games = blazing_sun_domain::games::built_in();
        let connect = kafka.clone();
        let log = tokio::task::spawn_blocking(move || KafkaLog::connect(connect, None));
        let log = log.await.unwrap().unwrap();
        let names: Vec<&str> = games.iter().map(|game| game.name).collect();
        log.ensure_topics(&topics::all(&names, PARTITIONS))
            .await
            .unwrap();
        let events = events_of(&log);
        Rig {
            url: postgres.new_database(),
            kafka,
            keys,
            dir,
            games,
            log,
            events,
            last: BTreeMap::new(),
            queue: VecDeque::new(),
            seen: Vec::new(),
            repeats: 0,
        }
    }

    /// Has the brokers lose all of a topic; events are read from the first on again.
    pub async fn lose(&mut self, kafka: &'static TestKafka, topic: &str) {
        let full_name = self.kafka.full_name(topic);
        let delete = move || kafka.tool("kafka-topics", &["--delete", "--topic", &full_name]);
        tokio::task::spawn_blocking(delete).await.unwrap();
        let connect = self.kafka.clone();
        let log = tokio::task::spawn_blocking(move || KafkaLog::connect(connect, None));
        self.log = log.await.unwrap().unwrap();
        let names: Vec<&str> = self.games.iter().map(|game| game.name).collect();
        let topics = topics::all(&names, PARTITIONS);
        // While brokers still tell of what is deleted, it is not made anew.
        let (log, lost) = (&self.log, Topic::new(topic));
        until("the topic is another", async || {
            // It may be told as there by one broker, and be gone before it is looked at.
            if log.ensure_topics(&topics).await.is_err() {
                return false;
            }
            let bounds = log.bounds(&lost).await.unwrap_or_default();
            !bounds.is_empty() && bounds.iter().all(|bounds| bounds.end == 0)
        })
        .await;
        self.events = events_of(&self.log);
        self.last.clear();
        self.queue.clear();
        self.seen.clear();
    }

    /// Changes a topic's settings.
    pub async fn configure(&self, kafka: &'static TestKafka, topic: &str, how: &str, what: &str) {
        let topic = self.kafka.full_name(topic);
        let (how, what) = (how.to_owned(), what.to_owned());
        let change = move || {
            let change = ["--alter", "--topic", &topic, &how, &what];
            kafka.tool("kafka-configs", &change)
        };
        tokio::task::spawn_blocking(change).await.unwrap();
    }

    /// Has the brokers delete a partition's records before this offset.
    pub async fn delete_before(
        &self,
        kafka: &'static TestKafka,
        topic: &str,
        partition: u32,
        offset: u64,
    ) {
        let full_name = self.kafka.full_name(topic);
        let which = json!({
            "version": 1,
            "partitions": [{ "topic": full_name, "partition": partition, "offset": offset }],
        });
        let file = self.dir.path().join("delete.json");
        std::fs::write(&file, which.to_string()).unwrap();
        let delete = move || {
            let file = file.to_str().unwrap();
            kafka.tool("kafka-delete-records", &["--offset-json-file", file])
        };
        tokio::task::spawn_blocking(delete).await.unwrap();
    }

    /// A session of the database, which ends when it is dropped.
    pub async fn session(&self) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(&self.url, tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client
    }

    /// Keeps a partition's owner from deciding until the session is dropped.
    pub async fn hold_owner(&self, partition: u32) -> tokio_postgres::Client {
        let session = self.session().await;
        let hold = format!(
            "BEGIN; SELECT 1 FROM partition_owner WHERE partition = {partition} FOR UPDATE"
        );
        session.batch_execute(&hold).await.unwrap();
        session
    }

    /// So many records that are no commands.
    pub async fn fill(&self, partition: u32, count: u64) {
        let record = NewRecord {
            topic: Topic::new(topics::GAMES_COMMANDS),
            partition: Some(partition),
            key: Default::default(),
            headers: Default::default(),
            payload: "not json".into(),
        };
        let log: &dyn EventLog = &self.log;
        let records = vec![record; count as usize];
        for records in records.chunks(500) {
            log.append_and_wait(records.to_vec()).await.unwrap();
        }
    }

    /// Another program writes a record in a transaction, and takes it back.
    pub async fn take_back_a_transaction(&self, topic: &str, partition: i32) {
        let name = self.kafka.full_name(topic);
        let servers = self.kafka.bootstrap_servers.clone();
        let write = move || {
            let producer: BaseProducer = ClientConfig::new()
                .set("bootstrap.servers", servers)
                .set("transactional.id", &name)
                .create()?;
            producer.init_transactions(PATIENCE)?;
            producer.begin_transaction()?;
            let record = BaseRecord::<[u8], str>::to(&name).partition(partition);
            let sent = producer.send(record.payload("foreign"));
            sent.map_err(|(error, _)| error)?;
            // What was not sent yet would leave no mark.
            producer.flush(PATIENCE)?;
            producer.abort_transaction(PATIENCE)
        };
        tokio::task::spawn_blocking(write).await.unwrap().unwrap();
    }

    pub async fn execute(&self, sql: &str) {
        self.session().await.batch_execute(sql).await.unwrap();
    }

    pub fn postgres(&self) -> PgOptions {
        PgOptions::parse(&self.url).unwrap()
    }

    /// Starts a backend and waits until it owns so many partitions.
    pub async fn backend(&self, name: &str) -> Backend {
        Backend::start(self.options(name)).await.unwrap()
    }

    pub fn options(&self, name: &str) -> OwnerOptions {
        OwnerOptions {
            kafka: self.kafka.clone(),
            postgres: self.postgres(),
            name: name.to_owned(),
            partitions: PARTITIONS,
            games: self.games.clone(),
            sealer: self.keys.sealer(),
            mac: self.keys.cluster_mac(),
            demo_grant: Cents(5_000),
            currency: "eur".to_owned(),
            wallet: Default::default(),
            gone_ms: 50,
            gone_after_restart_ms: 1_500,
            gateway_silence_ms: 3_000,
            limits: Default::default(),
            chat: Default::default(),
            live: Default::default(),
            retention_ms: 7 * DAY_MS,
            for_bench: false,
        }
    }

    pub async fn append(&self, record: NewRecord) {
        let log: &dyn EventLog = &self.log;
        log.append_and_wait(vec![record]).await.unwrap();
    }

    /// Sends a command with an id of its own; answers with the id.
    pub async fn send(&self, user: u64, name: &str, fields: Value) -> Uuid {
        let id = Uuid::now_v7();
        let record = records::command(user, name, fields, id, "socket");
        self.append(record).await;
        id
    }

    pub async fn grant(&mut self, user: u64) {
        let fields = json!({ "user_id": user.to_string(), "username": format!("P{user}") });
        let id = Uuid::now_v7();
        let mut record = records::command(0, "wallet.command.demo_grant", fields, id, "");
        record.key = user.to_string().into();
        self.append(record).await;
        self.expect("wallet.event.balance_changed").await;
    }

    /// Whether the record is new; the numbers of new ones have no gaps.
    fn admits(&mut self, record: &Record) -> bool {
        let seq: u64 = record
            .headers
            .text(header::OUTBOX_SEQ)
            .unwrap()
            .parse()
            .unwrap();
        let place = (record.topic.clone(), record.partition);
        let before = self.last.get(&place).copied();
        if before.is_some_and(|before| seq <= before) {
            self.repeats += 1;
            return false;
        }
        let expected = before.map_or(0, |before| before + 1);
        assert_eq!(seq, expected, "{}/{}", record.topic, record.partition);
        self.last.insert(place, seq);
        true
    }

    async fn take_in(&mut self, patience: Duration) -> bool {
        while self.queue.is_empty() {
            let Ok(records) = timeout(patience, self.events.next()).await else {
                return false;
            };
            for record in records.unwrap() {
                if self.admits(&record) {
                    self.queue
                        .push_back(serde_json::from_slice(&record.payload).unwrap());
                }
            }
        }
        true
    }

    /// The next event of any kind.
    pub async fn next(&mut self) -> Value {
        if !self.take_in(PATIENCE).await {
            let seen: Vec<_> = self.seen.iter().map(|event| &event["event_type"]).collect();
            panic!("no event within {PATIENCE:?}; before: {seen:?}");
        }
        let event = self.queue.pop_front().unwrap();
        self.seen.push(event.clone());
        event
    }

    /// Whether an event comes within this time, which is to be looked at.
    pub async fn comes(&mut self, within: Duration) -> Option<Value> {
        self.take_in(within).await.then(|| self.queue[0].clone())
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
        let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": room });
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
                "games.event.turn_changed" => self.roll(room, &event).await,
                "games.event.seed_revealed" => return event,
                _ => {}
            }
        }
    }

    /// Rolls for whose turn it is.
    pub async fn roll(&self, room: &str, turn_changed: &Value) {
        let turn = turn_changed["payload"]["current_turn"].as_str().unwrap();
        let roll = json!({ "room_id": room });
        self.send(turn.parse().unwrap(), "bigger_dice.roll", roll)
            .await;
    }

    /// The `room_seq` of a room's events as they came.
    pub fn sequence(&self, room: &str) -> Vec<u64> {
        let of_room = self.seen.iter();
        let of_room = of_room.filter(|event| event["payload"]["room_id"] == room);
        of_room
            .filter_map(|event| event["payload"]["room_seq"].as_u64())
            .collect()
    }

    pub fn assert_dense(&self, room: &str) {
        let found = self.sequence(room);
        assert_eq!(
            found,
            (1..=found.len() as u64).collect::<Vec<_>>(),
            "{room}"
        );
    }

    /// The one number that a query answers with.
    pub async fn number(&self, sql: &str) -> i64 {
        let (client, connection) = tokio_postgres::connect(&self.url, tokio_postgres::NoTls)
            .await
            .unwrap();
        let connection = tokio::spawn(connection);
        let row = client.query_one(sql, &[]).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
        row.get(0)
    }

    /// Money is as much as was minted, and nobody has less than nothing.
    pub async fn assert_money_is_whole(&self) {
        let balances = "SELECT coalesce(sum(balance), 0)::bigint FROM account_balance";
        let minted = "SELECT coalesce(sum(amount_cents), 0)::bigint FROM ledger_transfer WHERE from_account = 'demo/mint'";
        let rake = "SELECT coalesce(sum(amount_cents), 0)::bigint FROM ledger_transfer WHERE to_account = 'house/rake'";
        let (balances, minted, rake) = (
            self.number(balances).await,
            self.number(minted).await,
            self.number(rake).await,
        );
        assert_eq!(balances + rake, minted);
    }
}

fn events_of(log: &KafkaLog) -> Box<dyn Subscription> {
    let from = [topics::GAMES_EVENTS, topics::CHAT_EVENTS]
        .into_iter()
        .flat_map(|topic| (0..PARTITIONS).map(move |p| (Topic::new(topic), p, Start::Offset(0))));
    log.subscribe(from.collect()).unwrap()
}

/// A key of this kind that belongs to the partition.
pub fn key_in(partition: u32, of: impl Fn(u64) -> String) -> String {
    let mut keys = (1..).map(of);
    let found = keys.find(|key| partition_of(key.as_bytes(), PARTITIONS) == partition);
    found.unwrap()
}

/// A user whose own partition this is.
pub fn user_in(partition: u32) -> u64 {
    let mut users = 1..;
    let is_in = |user: &u64| partition_of(user.to_string().as_bytes(), PARTITIONS) == partition;
    users.find(is_in).unwrap()
}

/// Asks until it is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Two backends of which each owns one of the two partitions.
pub async fn two(rig: &Rig) -> [Backend; 2] {
    let first = rig.backend("first").await;
    let second = rig.backend("second").await;
    until("each owns a partition", async || {
        first.owned().len() == 1 && second.owned().len() == 1
    })
    .await;
    [first, second]
}

pub async fn stop(backend: Backend) {
    tokio::task::spawn_blocking(move || backend.stop())
        .await
        .unwrap();
}

pub async fn abandon(backend: Backend) {
    tokio::task::spawn_blocking(move || backend.abandon())
        .await
        .unwrap();
}

pub async fn shared() -> (&'static TestKafka, &'static TestPostgres) {
    tokio::task::spawn_blocking(|| (TestKafka::shared(), TestPostgres::shared()))
        .await
        .unwrap()
}
