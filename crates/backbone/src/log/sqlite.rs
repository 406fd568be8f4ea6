//! The durable embedded log: one SQLite file, WAL, synchronous=FULL. One row holds all records of one
//! commit over all topics and partitions, because a row per record costs four times as much.
//!
//! [`SqliteLog`] is the handle for everyone; [`SqliteAppender`] is the one writer, owned by whoever
//! owns the write connection, so that the log commits together with what else is in its transaction.

mod appender;
mod catalog;
pub(crate) mod codec;
mod describe;
mod error;
mod queue;
mod reader;
mod schema;
mod standalone;
mod tail;
mod walk;

pub use appender::{Batch, Delivery, SqliteAppender};
pub use describe::{Glance, TopicDescription};
pub use error::SqliteLogError;
pub use queue::{PendingAppend, Waited};

use super::{
    Appended, Bounds, EventLog, LogError, NewRecord, Record, Span, Start, Subscription, Topic,
    Walk, Way,
};
use crate::topics::TopicSpec;
use async_trait::async_trait;
use blazing_sun_domain::Millis;
use catalog::{Catalog, TopicEntry, unknown};
use parking_lot::{Mutex, RwLock};
use reader::{Place, PollSubscription, TailSubscription};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tail::{Feed, Tails, Wanted};
use walk::{SqliteWalk, WalkPlace};

/// How long `ensure_topics` waits for the writer's transaction to end.
const WRITER_WAIT: Duration = Duration::from_secs(10);

const IDLE_READERS: usize = 4;

/// Bounds and times of a [`SqliteLog`].
#[derive(Clone)]
pub struct SqliteLogOptions {
    /// Records that may wait to be committed; more are refused.
    pub queue_records: usize,
    /// Bytes that may wait to be committed; more are refused.
    pub queue_bytes: usize,
    /// Records that may wait in memory for one reader; more it reads from the file.
    pub tail_records: usize,
    /// Bytes that may wait in memory for one reader; more it reads from the file.
    pub tail_bytes: usize,
    /// How often a log opened for reading only looks for new records.
    pub poll_interval: Duration,
    /// The clock of a standalone log; otherwise the appender is told the time.
    pub clock: Arc<dyn Fn() -> Millis + Send + Sync>,
}

impl Default for SqliteLogOptions {
    fn default() -> Self {
        SqliteLogOptions {
            queue_records: 16_384,
            queue_bytes: 16 << 20,
            tail_records: 65_536,
            tail_bytes: 32 << 20,
            poll_interval: Duration::from_millis(50),
            clock: Arc::new(crate::clock::now),
        }
    }
}

/// The handle of an embedded log: appends, and reads without ever blocking the writer.
#[derive(Clone)]
pub struct SqliteLog {
    shared: Arc<Shared>,
    _driver: Option<Arc<standalone::Driver>>,
}

struct Shared {
    path: PathBuf,
    options: SqliteLogOptions,
    is_read_only: bool,
    queue: queue::Queue,
    catalog: RwLock<Arc<Catalog>>,
    /// The longest of all topics; below 0: for ever.
    retention_ms: AtomicI64,
    tails: Mutex<Tails>,
    readers: Mutex<Vec<Connection>>,
}

impl Shared {
    fn new(path: &Path, options: SqliteLogOptions, is_read_only: bool) -> Arc<Shared> {
        Arc::new(Shared {
            path: path.to_owned(),
            is_read_only,
            queue: queue::Queue::new(options.queue_records, options.queue_bytes),
            options,
            catalog: RwLock::default(),
            retention_ms: AtomicI64::new(-1),
            tails: Mutex::default(),
            readers: Mutex::default(),
        })
    }

    fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.read())
    }

    fn retention_ms(&self) -> Option<i64> {
        Some(self.retention_ms.load(Ordering::Relaxed)).filter(|retention_ms| *retention_ms >= 0)
    }

    fn reload_topics(&self, conn: &Connection) -> Result<(), SqliteLogError> {
        let mut current = self.catalog.write();
        let mut catalog = Catalog::clone(&current);
        let longest = schema::load_topics(conn, &mut catalog)?;
        self.retention_ms
            .store(longest.unwrap_or(-1), Ordering::Relaxed);
        *current = Arc::new(catalog);
        Ok(())
    }

    fn with_reader<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, SqliteLogError>,
    ) -> Result<T, SqliteLogError> {
        let idle = self.readers.lock().pop();
        let conn = match idle {
            Some(conn) => conn,
            None => reader::connect(&self.path)?,
        };
        let outcome = read(&conn)?;
        let mut readers = self.readers.lock();
        if readers.len() < IDLE_READERS {
            readers.push(conn);
        }
        Ok(outcome)
    }

    /// The topic, if others than the engine may have it.
    fn public_entry<'c>(
        &self,
        catalog: &'c Catalog,
        topic: &Topic,
    ) -> Result<&'c Arc<TopicEntry>, LogError> {
        let entry = catalog.get(topic).filter(|entry| !entry.is_internal);
        entry.ok_or_else(|| unknown(topic, 0))
    }
}

impl SqliteLog {
    /// Opens the log in the file at `path`, to which `conn` is the one write connection: sets WAL and
    /// synchronous=FULL on it, makes missing tables, restores all offsets.
    pub fn open(
        conn: &Connection,
        path: &Path,
        options: SqliteLogOptions,
    ) -> Result<(SqliteLog, SqliteAppender), LogError> {
        schema::prepare(conn)?;
        let shared = Shared::new(path, options, false);
        let appender = SqliteAppender::new(Arc::clone(&shared), conn)?;
        Ok((
            SqliteLog {
                shared,
                _driver: None,
            },
            appender,
        ))
    }

    /// Opens a log with its own write connection and a thread that commits what is appended. The
    /// thread ends, after all that was queued, with the last handle.
    pub fn standalone(path: &Path, options: SqliteLogOptions) -> Result<SqliteLog, LogError> {
        let conn = Connection::open(path)?;
        let (log, appender) = SqliteLog::open(&conn, path, options)?;
        let shared = Arc::clone(&log.shared);
        let driver = standalone::Driver::start(conn, appender, shared, &log.shared.options)?;
        Ok(SqliteLog {
            _driver: Some(Arc::new(driver)),
            ..log
        })
    }

    /// Opens the log beside its writer, in another process or none, for reading alone.
    pub fn open_read_only(path: &Path) -> Result<SqliteLog, LogError> {
        let shared = Shared::new(path, SqliteLogOptions::default(), true);
        shared.with_reader(|conn| shared.reload_topics(conn))?;
        shared.queue.close();
        Ok(SqliteLog {
            shared,
            _driver: None,
        })
    }

    /// Makes the appender's `wait` return: its owner has something else to do.
    pub fn wake(&self) {
        self.shared.queue.wake();
    }

    /// Ends what [`SqliteAppender::hold`] began.
    pub fn release(&self) {
        self.shared.queue.release();
    }

    /// Takes no more appends; what is queued is still committed.
    pub fn close(&self) {
        self.shared.queue.close();
    }

    /// All stored batches from this number on, internal topics included, each with its number, time
    /// and records in the order of their pushes. Decodes lazily; ends after the first error.
    pub fn batches_from(
        conn: &Connection,
        batch_no: u64,
    ) -> Result<impl Iterator<Item = Result<(u64, Millis, Vec<Record>), LogError>> + '_, LogError>
    {
        Ok(reader::Batches::new(conn, batch_no)?)
    }

    /// The topic, also one that a writer elsewhere has made meanwhile.
    fn current_entry(&self, topic: &Topic) -> Result<Arc<TopicEntry>, LogError> {
        let shared = &self.shared;
        let find = || {
            let catalog = shared.catalog();
            shared.public_entry(&catalog, topic).cloned()
        };
        if find().is_err() && shared.is_read_only {
            shared.with_reader(|conn| shared.reload_topics(conn))?;
        }
        find()
    }

    fn subscribe_read_only(
        &self,
        from: Vec<(Topic, u32, Start)>,
    ) -> Result<Box<dyn Subscription>, LogError> {
        let shared = &self.shared;
        shared.with_reader(|conn| shared.reload_topics(conn))?;
        let catalog = shared.catalog();
        let (mut wanted, mut next) = (Wanted::default(), Vec::new());
        for (topic, partition, start) in from {
            let entry = shared.public_entry(&catalog, &topic)?;
            let partition = entry.partition(Some(partition), &[])?;
            let offset = match start {
                Start::Offset(offset) => offset,
                Start::End => {
                    let bounds = shared.with_reader(|conn| schema::bounds(conn, topic.as_str()))?;
                    let bounds = bounds.and_then(|bounds| bounds.get(partition as usize).copied());
                    bounds.ok_or_else(|| unknown(&topic, partition))?.end
                }
            };
            wanted.add(entry.id, &topic, partition, next.len());
            next.push((entry.id, partition, offset));
        }
        Ok(Box::new(PollSubscription {
            shared: Arc::clone(shared),
            wanted: Arc::new(wanted),
            place: Place::new(next),
            interval: shared.options.poll_interval,
        }))
    }
}

#[async_trait]
impl EventLog for SqliteLog {
    async fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        if self.shared.is_read_only {
            return Err(SqliteLogError::ReadOnly.into());
        }
        let (shared, topics) = (Arc::clone(&self.shared), topics.to_vec());
        let made = tokio::task::spawn_blocking(move || {
            let conn = Connection::open(&shared.path)?;
            conn.busy_timeout(WRITER_WAIT)?;
            conn.pragma_update(None, "synchronous", "FULL")?;
            schema::ensure_topics(&conn, &topics)?;
            Ok::<_, LogError>(shared.reload_topics(&conn)?)
        });
        made.await.map_err(|_| SqliteLogError::ReaderStopped)?
    }

    fn append(&self, records: Vec<NewRecord>, appended: Appended) -> Result<(), LogError> {
        if self.shared.is_read_only {
            return Err(SqliteLogError::ReadOnly.into());
        }
        let catalog = self.shared.catalog();
        for record in &records {
            let entry = self.shared.public_entry(&catalog, &record.topic)?;
            if record
                .partition
                .is_some_and(|partition| partition >= entry.partitions())
            {
                return Err(unknown(&record.topic, record.partition.unwrap_or(0)));
            }
        }
        self.shared.queue.push(records, appended)
    }

    fn subscribe(&self, from: Vec<(Topic, u32, Start)>) -> Result<Box<dyn Subscription>, LogError> {
        if self.shared.is_read_only {
            return self.subscribe_read_only(from);
        }
        let shared = &self.shared;
        let catalog = shared.catalog();
        let (mut wanted, mut entries) = (Wanted::default(), Vec::new());
        for (topic, partition, start) in &from {
            let entry = shared.public_entry(&catalog, topic)?;
            let partition = entry.partition(Some(*partition), &[])?;
            wanted.add(entry.id, &entry.topic, partition, entries.len());
            entries.push((entry, partition, *start));
        }
        let options = &shared.options;
        let feed = Arc::new(Feed::new(wanted, options.tail_records, options.tail_bytes));
        // Offsets move only under this lock, so that ends and attachment are of one instant.
        let mut tails = shared.tails.lock();
        let mut is_at_end = true;
        let next = entries.into_iter().map(|(entry, partition, start)| {
            let end = entry.ends[partition as usize].load(Ordering::Acquire);
            let offset = match start {
                Start::End => end,
                Start::Offset(offset) => offset,
            };
            is_at_end &= offset >= end;
            (entry.id, partition, offset)
        });
        let mut place = Place::new(next.collect());
        tails.register(Arc::clone(&feed));
        let shared = Arc::clone(shared);
        if is_at_end {
            place.after_batch(tails.attach(&feed));
            drop(tails);
            return Ok(Box::new(TailSubscription::at_tail(shared, feed, place)));
        }
        drop(tails);
        Ok(Box::new(TailSubscription::from_file(shared, feed, place)))
    }

    async fn bounds(&self, topic: &Topic) -> Result<Vec<Bounds>, LogError> {
        if self.shared.is_read_only {
            let (shared, name) = (Arc::clone(&self.shared), topic.to_string());
            let read = tokio::task::spawn_blocking(move || {
                shared.with_reader(|conn| schema::bounds(conn, &name))
            });
            let bounds = read.await.map_err(|_| SqliteLogError::ReaderStopped)??;
            return bounds.ok_or_else(|| unknown(topic, 0));
        }
        let catalog = self.shared.catalog();
        Ok(catalog
            .get(topic)
            .ok_or_else(|| unknown(topic, 0))?
            .bounds())
    }

    /// By the times that the log itself gave, which follow its clock.
    async fn since(&self, topic: &Topic, at: Millis) -> Result<Vec<u64>, LogError> {
        let entry = self.current_entry(topic)?;
        let since = move |conn: &Connection| walk::since(conn, entry.id, entry.partitions(), at);
        reader::read_off_thread(&self.shared, since).await
    }

    fn walk(&self, topic: &Topic, way: Way, spans: Vec<Span>) -> Result<Box<dyn Walk>, LogError> {
        let entry = self.current_entry(topic)?;
        let mut wanted = Wanted::default();
        for (place, span) in spans.iter().enumerate() {
            let partition = entry.partition(Some(span.partition), &[])?;
            wanted.add(entry.id, topic, partition, place);
        }
        Ok(Box::new(SqliteWalk {
            shared: Arc::clone(&self.shared),
            wanted: Arc::new(wanted),
            place: WalkPlace::new(way, entry.id, spans),
        }))
    }
}

#[cfg(test)]
mod tests;
