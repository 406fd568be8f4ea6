//! What the file says of its topics, for whoever looks from outside.

use super::{SqliteLog, SqliteLogError, reader, schema};
use crate::log::{Bounds, LogError};
use crate::topics::TopicSpec;
use blazing_sun_domain::Millis;
use rusqlite::{Connection, OptionalExtension};

/// A topic as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// The bounds of each partition, in order.
    pub partitions: Vec<Bounds>,
    /// How long records are kept, in milliseconds; below 0: for ever.
    pub retention_ms: i64,
    /// Keys, headers and payloads of all records that are kept.
    pub bytes: u64,
    /// When the oldest record that is kept was appended.
    pub oldest: Option<Millis>,
    /// When the newest was.
    pub newest: Option<Millis>,
}

/// What is known of a log without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// Its topics, the engine's own excepted.
    pub topics: Vec<TopicSpec>,
    /// When its newest records were appended.
    pub newest: Option<Millis>,
}

impl SqliteLog {
    /// Topics and the newest record's time.
    pub async fn glance(&self) -> Result<Glance, LogError> {
        let shared = self.shared.clone();
        let read = tokio::task::spawn_blocking(move || glance(&reader::connect(&shared.path)?));
        read.await.map_err(|_| SqliteLogError::ReaderStopped)?
    }

    /// Every topic but the engine's own, in the order in which they were made. Reads the whole log.
    pub async fn describe(&self) -> Result<Vec<TopicDescription>, LogError> {
        let shared = self.shared.clone();
        let read = tokio::task::spawn_blocking(move || describe(&reader::connect(&shared.path)?));
        read.await.map_err(|_| SqliteLogError::ReaderStopped)?
    }
}

fn glance(conn: &Connection) -> Result<Glance, LogError> {
    let mut catalog = super::Catalog::default();
    schema::load_topics(conn, &mut catalog)?;
    let mut statement =
        conn.prepare_cached("SELECT partitions, retention_ms FROM log_topic WHERE id = ?1")?;
    let topics = catalog.entries().filter(|entry| !entry.is_internal);
    let topics = topics.map(|entry| {
        statement.query_row([entry.id], |row| {
            Ok(TopicSpec {
                name: entry.topic.to_string(),
                partitions: row.get(0)?,
                retention_ms: row.get(1)?,
            })
        })
    });
    let topics = topics.collect::<Result<_, _>>()?;
    let newest = "SELECT at_ms FROM log_batch ORDER BY batch_no DESC LIMIT 1";
    let newest = conn.query_row(newest, [], |row| row.get(0)).optional()?;
    Ok(Glance {
        topics,
        newest: newest.map(Millis),
    })
}

fn describe(conn: &Connection) -> Result<Vec<TopicDescription>, LogError> {
    // One instant for bounds and records.
    let snapshot = conn.unchecked_transaction()?;
    let mut catalog = super::Catalog::default();
    schema::load_topics(&snapshot, &mut catalog)?;
    schema::restore_offsets(&snapshot, &catalog)?;
    let mut topics = Vec::new();
    let mut statement =
        snapshot.prepare_cached("SELECT retention_ms FROM log_topic WHERE id = ?1")?;
    for entry in catalog.entries().filter(|entry| !entry.is_internal) {
        topics.push(TopicDescription {
            name: entry.topic.to_string(),
            partitions: entry.bounds(),
            retention_ms: statement.query_row([entry.id], |row| row.get(0))?,
            bytes: 0,
            oldest: None,
            newest: None,
        });
    }
    for batch in reader::Batches::new(&snapshot, 0)? {
        let (_, at, records) = batch?;
        for record in records {
            let is_its = |topic: &&mut TopicDescription| topic.name == record.topic.as_str();
            let Some(topic) = topics.iter_mut().find(is_its) else {
                continue;
            };
            let length = record.key.len() + record.headers.encoded().len() + record.payload.len();
            topic.bytes += length as u64;
            topic.oldest = topic.oldest.or(Some(at));
            topic.newest = Some(at);
        }
    }
    Ok(topics)
}
