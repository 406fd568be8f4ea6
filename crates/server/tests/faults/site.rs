//! A cluster with its servers, and the verdict over what it has written.

use crate::tables::Tables;
use blazing_sun_backbone::log::kafka::groups::committed;
use blazing_sun_backbone::log::kafka::{KafkaLog, KafkaOptions};
use blazing_sun_backbone::log::{EventLog, Topic};
use blazing_sun_backbone::topics::{self, Party};
use blazing_sun_backend::audit::audit;
use blazing_sun_backend::export::{ExportOptions, compare_topics, export};
use blazing_sun_backend::store::postgres::{PgOptions, PgPool};
use blazing_sun_harness::kafka::{Settings, TestBrokers, TestKafka};
use blazing_sun_harness::postgres::TestPostgres;
use blazing_sun_harness::{Cluster, ClusterLaunch};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub const PARTITIONS: u32 = 6;
/// Everything is decided and published so soon after the last command.
const AT_REST_WITHIN: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// What a site waits for that stands still is told so soon.
const LOOK_WITHIN: Duration = Duration::from_secs(20);
/// What is to be known of a fault that was not survived.
const LOGGED: &str = "info,blazing_sun_backend::owner=debug,blazing_sun_gateway=debug,blazing_sun_backbone::log=debug";

/// Servers of a test's own, where it is to harm them.
#[derive(Default)]
pub struct Servers {
    pub kafka: Option<Arc<TestKafka>>,
    /// Three of them, in place of one.
    pub brokers: Option<Arc<TestBrokers>>,
    pub postgres: Option<Arc<TestPostgres>>,
}

impl Servers {
    pub async fn own_kafka() -> (Arc<TestKafka>, Servers) {
        Servers::own_kafka_by(TestKafka::own).await
    }

    /// With a broker of the test's own that is configured so.
    pub async fn own_kafka_with(properties: Vec<(&str, String)>) -> (Arc<TestKafka>, Servers) {
        let properties = properties.into_iter();
        let settings = Settings {
            properties: properties
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            ..Settings::default()
        };
        Servers::own_kafka_by(move || TestKafka::own_with(&settings)).await
    }

    pub async fn own_kafka_by(
        start: impl FnOnce() -> TestKafka + Send + 'static,
    ) -> (Arc<TestKafka>, Servers) {
        let started = tokio::task::spawn_blocking(start);
        let kafka = Arc::new(started.await.expect("Kafka"));
        let servers = Servers {
            kafka: Some(Arc::clone(&kafka)),
            ..Servers::default()
        };
        (kafka, servers)
    }

    pub async fn own_brokers() -> (Arc<TestBrokers>, Servers) {
        let started = tokio::task::spawn_blocking(TestBrokers::three);
        let brokers = Arc::new(started.await.expect("three brokers"));
        let servers = Servers {
            brokers: Some(Arc::clone(&brokers)),
            ..Servers::default()
        };
        (brokers, servers)
    }

    pub async fn own_postgres() -> (Arc<TestPostgres>, Servers) {
        let started = tokio::task::spawn_blocking(TestPostgres::own);
        let postgres = Arc::new(started.await.expect("PostgreSQL"));
        let servers = Servers {
            postgres: Some(Arc::clone(&postgres)),
            ..Servers::default()
        };
        (postgres, servers)
    }
}

/// The cluster.
pub struct Site {
    pub cluster: Cluster,
    pub log: Arc<dyn EventLog>,
    pub pool: PgPool,
    url: String,
    kafka: KafkaOptions,
    /// What was logged is shown.
    is_shown: AtomicBool,
}

impl Site {
    /// Two gateways and two backends on these servers.
    pub async fn open(servers: &Servers) -> Site {
        Site::open_with(servers, |url| url).await
    }

    /// The same; the backends reach the database by another URL.
    pub async fn open_with(servers: &Servers, by: impl FnOnce(String) -> String) -> Site {
        let (own_kafka, own_postgres) = (servers.kafka.clone(), servers.postgres.clone());
        let brokers = servers.brokers.clone();
        let places = tokio::task::spawn_blocking(move || {
            let postgres = own_postgres.as_deref();
            let postgres = postgres.unwrap_or_else(|| TestPostgres::shared());
            let kafka = match brokers {
                Some(all) => (all.bootstrap_servers(), all.broker(1).new_prefix()),
                None => {
                    let kafka = own_kafka.as_deref().unwrap_or_else(|| TestKafka::shared());
                    (kafka.bootstrap_servers().to_owned(), kafka.new_prefix())
                }
            };
            (kafka, postgres.new_database())
        });
        let (kafka, url) = places.await.expect("Kafka and PostgreSQL");
        let options = KafkaOptions {
            topic_prefix: kafka.1.clone(),
            ..KafkaOptions::new(&kafka.0)
        };
        let cluster = Cluster::launch(ClusterLaunch {
            partitions: PARTITIONS,
            environment: [
                ("BLAZING_SUN_GAMES__BIGGER_DICE__ENTRY_FEE_CENTS", "101"),
                ("BLAZING_SUN_ACCOUNTS__ACCESS_TOKEN_MINUTES", "60"),
                ("BLAZING_SUN_TELEMETRY__FILTER", LOGGED),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
            kafka: Some(kafka),
            database_url: Some(by(url.clone())),
            ..ClusterLaunch::default()
        })
        .await;
        let connecting = options.clone();
        let log = tokio::task::spawn_blocking(|| KafkaLog::connect(connecting, None));
        let pool = PgOptions::parse(&url).expect("a URL");
        Site {
            cluster,
            log: Arc::new(log.await.expect("no panic").expect("a log")),
            pool: PgPool::new(&pool).expect("a pool"),
            url,
            kafka: options,
            is_shown: AtomicBool::new(false),
        }
    }

    /// Waits until every table has got so many more answers; how long that took.
    pub async fn all_go_on(&self, tables: &Tables, more: u64, within: Duration) -> Duration {
        let stuck = match tables.all_go_on(more, within).await {
            Ok(took) => return took,
            Err(stuck) => stuck,
        };
        let looking = tokio::time::timeout(LOOK_WITHIN, self.where_it_stands());
        let stands = looking.await;
        let stands = stands.unwrap_or_else(|_| vec!["Kafka, which does not answer".to_owned()]);
        self.fail(&format!("{stuck}\nthe site waits for {stands:#?}"))
    }

    /// Fails where a gateway has closed a socket, or ended.
    pub fn assert_none_lost(&self, tables: &Tables) {
        let lost = tables.lost();
        if !lost.is_empty() {
            self.fail(&format!("gateways keep their sockets: {lost:#?}"));
        }
    }

    /// Says what is wrong behind all that was logged: of a long text the end is kept.
    fn fail(&self, wrong: &str) -> ! {
        self.show_logs();
        panic!("{wrong}");
    }

    fn show_logs(&self) {
        if !self.is_shown.swap(true, Ordering::Relaxed) {
            println!("{}", self.cluster.logs());
        }
    }

    /// What the database answers.
    pub async fn rows(&self, query: &str) -> Vec<tokio_postgres::Row> {
        let connected = tokio_postgres::connect(&self.url, tokio_postgres::NoTls).await;
        let (client, connection) = connected.expect("a connection");
        let connection = tokio::spawn(connection);
        let rows = client.query(query, &[]).await.expect("rows");
        drop(client);
        connection.await.expect("no panic").expect("a clean end");
        rows
    }

    /// Ends the players, lets everything come to rest, ends the processes, and holds all that was written against itself.
    pub async fn verdict(self, tables: Tables) {
        let games = tables.counts.games.load(Ordering::Relaxed);
        println!("{games} games were played to their end");
        self.close(tables.rise().await).await;
    }

    /// The same without players; `wrong` is what was found already.
    pub async fn close(mut self, mut wrong: Vec<String>) {
        wrong.extend(self.until_at_rest().await);
        let (gateways, backends) = self.cluster.counts();
        for at in 0..gateways {
            self.cluster.gateway(at).terminate().await;
        }
        for at in 0..backends {
            if self.cluster.backend(at).is_running() {
                self.cluster.backend(at).terminate().await;
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("blazing-sun.db");
        let options = ExportOptions {
            into: database.clone(),
            games: ["bigger_dice", "tic_tac_toe"].map(str::to_owned).to_vec(),
            partitions: PARTITIONS,
            consumed_from: Some(Arc::clone(&self.log)),
        };
        let exported = export(&self.pool, options).await.expect("an export");
        assert!(
            exported.batches > 0 && exported.transfers > 0 && exported.consumed > 0,
            "{exported:?}"
        );
        let report = audit(&database).expect("an audit");
        let topics = compare_topics(&self.pool, &*self.log).await;
        let mut checks = report.checks;
        checks.push(topics.expect("topics and outbox"));
        let differ = checks.iter().filter(|check| check.differences > 0);
        wrong.extend(differ.map(|check| {
            let named = check.named.join("; ");
            format!("{}: {}: {named}", check.name, check.differences)
        }));
        println!("{exported:?}");
        if !wrong.is_empty() {
            self.fail(&format!("{wrong:#?}"));
        }
    }

    /// Waits until every command is decided and every batch published; what is not.
    async fn until_at_rest(&self) -> Vec<String> {
        let until = Instant::now() + AT_REST_WITHIN;
        loop {
            let waits_for = self.waits_for().await;
            if waits_for.is_empty() || Instant::now() > until {
                return waits_for;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// How many commands there are.
    pub async fn commands(&self) -> u64 {
        let topic = Topic::new(topics::GAMES_COMMANDS);
        let bounds = self.log.bounds(&topic).await.expect("bounds");
        bounds.iter().map(|bounds| bounds.end).sum()
    }

    /// Whether every command so far is decided.
    pub async fn is_decided(&self) -> bool {
        self.undecided().await.is_empty()
    }

    async fn waits_for(&self) -> Vec<String> {
        let mut waits_for = self.undecided().await;
        for owner in self.pool.progress().await.expect("progress") {
            let (partition, published, last) = (owner.partition, owner.published_upto, owner.last);
            if published < last {
                waits_for.push(format!(
                    "partition {partition}: {published} of {last} published"
                ));
            }
        }
        waits_for
    }

    /// The same, and what the gateways have not read.
    async fn where_it_stands(&self) -> Vec<String> {
        let mut stands = self.waits_for().await;
        let (gateways, _) = self.cluster.counts();
        let topic = Topic::new(topics::GAMES_EVENTS);
        let places: Vec<_> = (0..PARTITIONS)
            .map(|partition| (topic.clone(), partition))
            .collect();
        for at in 0..gateways {
            let group = format!("{}.g{at}", Party::Gateway.group());
            let (kafka, asked) = (self.kafka.clone(), places.clone());
            let read = tokio::task::spawn_blocking(move || committed(&kafka, &group, &asked));
            let read = read.await.expect("no panic").expect("a group's offsets");
            let bounds = self.log.bounds(&topic).await.expect("bounds");
            for (partition, (read, bounds)) in read.into_iter().zip(bounds).enumerate() {
                let (read, end) = (read.unwrap_or_default(), bounds.end);
                if read < end {
                    stands.push(format!(
                        "{topic} {partition}: g{at} has read {read} of {end}"
                    ));
                }
            }
        }
        stands
    }

    async fn undecided(&self) -> Vec<String> {
        let mut waits_for = Vec::new();
        let decided = self.pool.decided_offsets().await.expect("offsets");
        for name in [topics::GAMES_COMMANDS, topics::CHAT_COMMANDS] {
            let bounds = self.log.bounds(&Topic::new(name)).await.expect("bounds");
            for (partition, bounds) in (0u32..).zip(bounds) {
                let at = decided.get(&(partition, name.to_owned()));
                let at = at.copied().unwrap_or_default();
                if at < bounds.end {
                    waits_for.push(format!(
                        "{name} {partition}: {at} of {} decided",
                        bounds.end
                    ));
                }
            }
        }
        waits_for
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_logs();
        }
    }
}
