//! The writing side of an export: an embedded database, filled in one transaction.

use crate::partition::JOURNAL_TOPIC;
use crate::store::StoreError;
use crate::store::sqlite::{migrate, open_writer};
use blazing_sun_backbone::log::sqlite::{SqliteAppender, SqliteLog, SqliteLogOptions};
use blazing_sun_backbone::log::{NewRecord, Topic};
use blazing_sun_backbone::topics::{self, TopicSpec};
use blazing_sun_domain::Millis;
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};
use std::collections::BTreeSet;
use std::path::Path;

/// Records are kept for ever: a copy does not age.
const FOR_EVER: i64 = -1;

/// An embedded database that is being written.
pub(super) struct Copy {
    connection: Connection,
    appender: SqliteAppender,
    partitions: u32,
    topics: BTreeSet<Topic>,
}

impl Copy {
    /// A new database at `path`; everything is written in one transaction, which [`Copy::finish`] ends.
    pub fn begin(path: &Path, games: &[&str], partitions: u32) -> Result<Copy, StoreError> {
        let mut connection = open_writer(path)?;
        migrate(&mut connection)?;
        let (_, appender) = SqliteLog::open(&connection, path, SqliteLogOptions::default())?;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut copy = Copy {
            connection,
            appender,
            partitions,
            topics: BTreeSet::new(),
        };
        let mut known = topics::all(games, partitions);
        known.push(TopicSpec {
            name: JOURNAL_TOPIC.to_owned(),
            partitions,
            retention_ms: FOR_EVER,
        });
        copy.add_topics(known)?;
        Ok(copy)
    }

    fn add_topics(&mut self, mut specs: Vec<TopicSpec>) -> Result<(), StoreError> {
        for spec in &mut specs {
            spec.retention_ms = FOR_EVER;
            self.topics.insert(Topic::new(&spec.name));
        }
        self.appender.ensure_topics(&specs, &self.connection)?;
        Ok(())
    }

    /// Says that batches before the next one have expired: an empty batch stands for all of them, and goes.
    pub fn expire_earlier(&mut self, at: Millis) -> Result<(), StoreError> {
        let all: Vec<TopicSpec> = self
            .topics
            .iter()
            .map(|topic| self.spec(topic, 0))
            .collect();
        self.appender.ensure_topics(&all, &self.connection)?;
        self.batch(Millis(at.0.saturating_sub(1)), Vec::new())?;
        self.appender.set_floor(u64::MAX);
        Ok(())
    }

    /// Ends what [`Copy::expire_earlier`] began, once the first batch that is kept is written.
    pub fn expire_no_more(&mut self) -> Result<(), StoreError> {
        self.appender.set_floor(0);
        let all = self.topics.iter().map(|topic| self.spec(topic, FOR_EVER));
        let all: Vec<TopicSpec> = all.collect();
        Ok(self.appender.ensure_topics(&all, &self.connection)?)
    }

    fn spec(&self, topic: &Topic, retention_ms: i64) -> TopicSpec {
        TopicSpec {
            name: topic.as_str().to_owned(),
            partitions: self.partitions,
            retention_ms,
        }
    }

    /// Adds a batch of the log.
    pub fn batch(&mut self, at: Millis, records: Vec<NewRecord>) -> Result<(), StoreError> {
        let unknown = records.iter().map(|record| &record.topic);
        let unknown: BTreeSet<Topic> = unknown
            .filter(|topic| !self.topics.contains(*topic))
            .cloned()
            .collect();
        if !unknown.is_empty() {
            let specs = unknown.iter().map(|topic| self.spec(topic, FOR_EVER));
            self.add_topics(specs.collect())?;
        }
        let mut batch = self.appender.begin(at);
        for record in records {
            batch.push(record)?;
        }
        self.appender.write(&batch, &self.connection)?;
        self.appender.committed(batch);
        Ok(())
    }

    /// Adds a row; `columns` as in an INSERT.
    pub fn row(&self, table: &str, columns: &str, values: &[Value]) -> Result<(), StoreError> {
        let places = vec!["?"; values.len()].join(", ");
        self.connection
            .prepare_cached(&format!(
                "INSERT OR REPLACE INTO {table} ({columns}) VALUES ({places})"
            ))?
            .execute(params_from_iter(values))?;
        Ok(())
    }

    /// Sets whose batches these are, and makes everything durable.
    pub fn finish(self, epoch: i64, alive: Millis, floor: u64) -> Result<(), StoreError> {
        let last = self.appender.next_batch_no() - 1;
        self.connection.execute(
            "INSERT OR REPLACE INTO partition_owner (partition, epoch, batch_no, alive_ms, floor)
             VALUES (-1, ?1, ?2, ?3, ?4)",
            params![epoch, last as i64, alive.0, floor as i64],
        )?;
        self.connection.execute_batch("COMMIT")?;
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}
