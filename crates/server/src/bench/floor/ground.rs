//! Topics and tables for one measurement, under names that nobody else has.

use super::FloorOptions;
use anyhow::Context;
use blazing_sun_backbone::log::EventLog;
use blazing_sun_backbone::log::kafka::{KafkaLog, KafkaOptions, settings};
use blazing_sun_backbone::topics::TopicSpec;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use tokio_postgres::NoTls;

const COMMANDS: &str = "floor.commands";
const EVENTS: &str = "floor.events";
/// Long enough for a measurement that was killed to be looked into; then the broker removes its records.
const RETENTION_MS: i64 = 3_600_000;

/// Where is measured.
pub struct Ground {
    pub kafka: KafkaOptions,
    pub database_url: String,
    /// The schema of the tables.
    pub schema: String,
}

impl Ground {
    /// Makes topics and tables.
    pub async fn make(kafka: KafkaOptions, options: &FloorOptions) -> anyhow::Result<Ground> {
        let run = uuid::Uuid::new_v4().simple().to_string();
        let ground = Ground {
            kafka: KafkaOptions {
                topic_prefix: format!("bench-{}.", &run[..12]),
                ..kafka
            },
            database_url: options.database_url.clone(),
            schema: format!("bench_{}", &run[..12]),
        };
        let made = ground.make_all(options.partitions).await;
        if made.is_err() {
            // What it could not make it can not remove: the first error is the one to tell.
            let _ = ground.remove().await;
        }
        made.map(|()| ground)
    }

    async fn make_all(&self, partitions: u32) -> anyhow::Result<()> {
        let options = self.kafka.clone();
        let connected = tokio::task::spawn_blocking(move || KafkaLog::connect(options, None));
        let log = connected
            .await?
            .with_context(|| format!("cannot reach Kafka at {}", self.kafka.bootstrap_servers))?;
        let topics = [COMMANDS, EVENTS].map(|name| TopicSpec {
            name: name.to_owned(),
            partitions,
            retention_ms: RETENTION_MS,
        });
        log.ensure_topics(&topics).await?;
        log.close().await;
        let schema = &self.schema;
        self.execute(&format!(
            "CREATE SCHEMA {schema};
             CREATE TABLE {schema}.owner (partition int PRIMARY KEY, batch_no bigint NOT NULL);
             CREATE TABLE {schema}.batch (partition int, batch_no bigint, records bytea NOT NULL,
               PRIMARY KEY (partition, batch_no));
             INSERT INTO {schema}.owner SELECT partition, 0 FROM generate_series(0, {}) AS partition;",
            partitions.saturating_sub(1)
        ))
        .await
    }

    /// The name on the brokers of the topic of commands.
    pub fn commands(&self) -> String {
        self.kafka.full_name(COMMANDS)
    }

    /// The name on the brokers of the topic of events.
    pub fn events(&self) -> String {
        self.kafka.full_name(EVENTS)
    }

    /// Removes everything.
    pub async fn remove(&self) -> anyhow::Result<()> {
        let tables = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.schema);
        let tables = self.execute(&tables).await;
        let admin: AdminClient<DefaultClientContext> = settings::admin(&self.kafka).create()?;
        let topics = [self.commands(), self.events()];
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        admin
            .delete_topics(&names, &AdminOptions::new())
            .await
            .context("the topics of the measurement could not be removed")?;
        tables
    }

    async fn execute(&self, statements: &str) -> anyhow::Result<()> {
        let (client, connection) = connect(&self.database_url).await?;
        let connection = tokio::spawn(connection);
        let done = client.batch_execute(statements).await;
        drop(client);
        connection.await?.ok();
        done.context("PostgreSQL refused the tables of the measurement")
    }
}

type Connection =
    tokio_postgres::Connection<tokio_postgres::Socket, tokio_postgres::tls::NoTlsStream>;

/// A connection in the clear.
pub async fn connect(url: &str) -> anyhow::Result<(tokio_postgres::Client, Connection)> {
    let connected = tokio_postgres::connect(url, NoTls).await;
    // Its own words name no password.
    connected.context("cannot connect to PostgreSQL")
}
