//! The durable embedded log.

use super::{Appended, Bounds, EventLog, LogError, NewRecord, Position, Record, Start, Subscription, Topic};
use crate::topics::TopicSpec;
use async_trait::async_trait;
use blazing_sun_domain::Millis;
use rusqlite::Connection;
use std::path::Path;
use std::time::Instant;

/// Bounds and times of a [`SqliteLog`].
#[derive(Debug, Clone, Default)]
pub struct SqliteLogOptions {}

/// The log.
#[derive(Clone)]
pub struct SqliteLog {}

/// The writing side.
pub struct SqliteAppender {}

/// One commit's records.
pub struct Batch {}

/// An append that waits to be committed.
pub struct PendingAppend {
    /// Its records.
    pub records: Vec<NewRecord>,
    /// When it was queued.
    pub arrived: Instant,
    /// To be called once the records are durable, or cannot be.
    pub appended: Appended,
}

/// What [`SqliteAppender::wait`] took from the queue.
pub struct Waited {
    /// In order of arrival; whole appends.
    pub appends: Vec<PendingAppend>,
    /// Whether appends are left in the queue.
    pub more: bool,
    /// When the oldest one left arrived.
    pub oldest_left: Option<Instant>,
    /// Whether the log is closed: nothing comes after what is left.
    pub closed: bool,
}

impl SqliteLog {
    /// Opens.
    pub fn open(
        _conn: &Connection,
        _path: &Path,
        _options: SqliteLogOptions,
    ) -> Result<(SqliteLog, SqliteAppender), LogError> {
        todo!()
    }
    /// Opens with an own connection and thread.
    pub fn standalone(_path: &Path, _options: SqliteLogOptions) -> Result<SqliteLog, LogError> {
        todo!()
    }
    /// Opens beside a running server, for reading alone.
    pub fn open_read_only(_path: &Path) -> Result<SqliteLog, LogError> {
        todo!()
    }
    /// Makes the appender's wait return.
    pub fn wake(&self) {
        todo!()
    }
    /// Takes no more appends.
    pub fn close(&self) {
        todo!()
    }
    /// All stored batches from this number on.
    pub fn batches_from(
        _conn: &Connection,
        _batch_no: u64,
    ) -> Result<impl Iterator<Item = Result<(u64, Millis, Vec<Record>), LogError>> + '_, LogError> {
        Ok(std::iter::empty())
    }
}

impl SqliteAppender {
    /// Takes what is queued.
    pub fn wait(&mut self, _until: Option<Instant>, _max_records: usize) -> Waited {
        todo!()
    }
    /// A new batch.
    pub fn begin(&mut self, _now: Millis) -> Batch {
        todo!()
    }
    /// Stores the batch in the open transaction.
    pub fn write(&mut self, _batch: &Batch, _conn: &Connection) -> Result<(), LogError> {
        todo!()
    }
    /// Delivers the batch.
    pub fn committed(&mut self, _batch: Batch) {
        todo!()
    }
    /// Forgets the batch.
    pub fn rolled_back(&mut self, _batch: Batch) {
        todo!()
    }
    /// The next batch's number.
    pub fn next_batch_no(&self) -> u64 {
        todo!()
    }
    /// Batches from this number on are kept whatever their age.
    pub fn set_floor(&mut self, _batch_no: u64) {
        todo!()
    }
    /// Makes topics that are missing; on the write connection, outside a batch.
    pub fn ensure_topics(&mut self, _topics: &[TopicSpec], _conn: &Connection) -> Result<(), LogError> {
        todo!()
    }
}

impl Batch {
    /// Adds a record; it stands where the answer says once the batch is committed.
    pub fn push(&mut self, _record: NewRecord) -> Result<Position, LogError> {
        todo!()
    }
    /// All records so far, in the order of their pushes.
    pub fn records(&self) -> &[Record] {
        todo!()
    }
    /// Its number.
    pub fn batch_no(&self) -> u64 {
        todo!()
    }
}

#[async_trait]
impl EventLog for SqliteLog {
    async fn ensure_topics(&self, _topics: &[TopicSpec]) -> Result<(), LogError> {
        todo!()
    }
    fn append(&self, _records: Vec<NewRecord>, _appended: Appended) -> Result<(), LogError> {
        todo!()
    }
    fn subscribe(&self, _from: Vec<(Topic, u32, Start)>) -> Result<Box<dyn Subscription>, LogError> {
        todo!()
    }
    async fn bounds(&self, _topic: &Topic) -> Result<Vec<Bounds>, LogError> {
        todo!()
    }
}
