//! What a server has written: the batches of its log, read from the file at rest.

use blazing_sun_backbone::log::Record;
use blazing_sun_backbone::log::sqlite::SqliteLog;
use blazing_sun_backend::store::sqlite::open_reader;
use serde_json::Value;
use std::path::Path;

/// One committed batch.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Its number.
    pub number: u64,
    /// In the order in which they were written.
    pub entries: Vec<Entry>,
}

/// One record.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it stands.
    pub topic: String,
    /// Where it stands.
    pub partition: u32,
    /// Where it stands.
    pub offset: u64,
    /// When it was written, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Its number among the topic's events, if it is one.
    pub outbox_seq: Option<u64>,
    /// As it stands.
    pub payload: Vec<u8>,
    /// The same as JSON; null where it is none.
    pub json: Value,
}

impl Batch {
    /// The records of one topic.
    pub fn of<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.topic == topic)
    }
}

impl Entry {
    fn of(record: &Record) -> Entry {
        let outbox_seq = record.headers.text("outbox_seq");
        Entry {
            topic: record.topic.as_str().to_owned(),
            partition: record.partition,
            offset: record.offset,
            at_ms: record.timestamp.0,
            outbox_seq: outbox_seq.and_then(|seq| seq.parse().ok()),
            payload: record.payload.to_vec(),
            json: serde_json::from_slice(&record.payload).unwrap_or_default(),
        }
    }

    /// Whether it is an envelope's event.
    pub fn is_event(&self) -> bool {
        matches!(
            self.topic.as_str(),
            "games.events" | "chat.events" | "system.events"
        )
    }
}

/// Reads on where it ended before.
#[derive(Debug, Default)]
pub struct History {
    next: u64,
}

impl History {
    /// What was written since.
    pub fn read(&mut self, database: &Path) -> anyhow::Result<Vec<Batch>> {
        let connection = open_reader(database)?;
        let mut batches = Vec::new();
        for batch in SqliteLog::batches_from(&connection, self.next)? {
            let (number, _, records) = batch?;
            self.next = number + 1;
            let public = records
                .iter()
                .filter(|record| !record.topic.as_str().starts_with('_'));
            batches.push(Batch {
                number,
                entries: public.map(Entry::of).collect(),
            });
        }
        Ok(batches)
    }
}

/// A user's id, written as a string or as a number.
pub fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// A string, or nothing.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
