//! Reading: from memory at the tail, from the file on connections of its own everywhere else.

use super::codec::SectionTable;
use super::schema;
use super::tail::{Delivered, Feed, Taken, Wanted};
use super::{Shared, SqliteLogError};
use crate::log::{Headers, LogError, Record, Subscription};
use async_trait::async_trait;
use blazing_sun_domain::Millis;
use bytes::Bytes;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What one read from the file takes at most; short reads let the writer's checkpoints pass.
const CHUNK_RECORDS: usize = 4_096;
const CHUNK_BYTES: usize = 1 << 20;
const CHUNK_BATCHES: usize = 256;

/// A reader so near to the end joins the tail first and reads the rest from the file then.
const NEAR_BATCHES: u64 = 64;

pub(super) fn connect(path: &Path) -> Result<Connection, SqliteLogError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(path, flags)?)
}

/// A reader's place: the next batch, once it is known, and the next offset of each partition.
#[derive(Debug, Clone)]
pub(super) struct Place {
    next_batch: Option<u64>,
    /// By the order in which the partitions were asked for: topic id, partition, next offset.
    pub next: Vec<(u32, u32, u64)>,
}

impl Place {
    pub(super) fn new(next: Vec<(u32, u32, u64)>) -> Place {
        Place {
            next_batch: None,
            next,
        }
    }

    pub(super) fn after_batch(&mut self, batch_no: u64) {
        self.next_batch = Some(batch_no + 1);
    }

    /// Whether the record is the reader's next of its partition or later; moves past it if so.
    fn pass(&mut self, place: usize, offset: u64) -> bool {
        let next = &mut self.next[place].2;
        let is_new = offset >= *next;
        *next = (*next).max(offset + 1);
        is_new
    }

    /// The next records up to batch `upto`, and whether all up to there has been read.
    pub(super) fn read(
        &mut self,
        conn: &Connection,
        wanted: &Wanted,
        upto: u64,
    ) -> Result<(Vec<Record>, bool), SqliteLogError> {
        let from = match self.next_batch {
            Some(batch_no) => batch_no,
            None => schema::seek(conn, &self.next)?,
        };
        let mut statement = conn.prepare_cached(
            "SELECT batch_no, at_ms, sections, body FROM log_batch WHERE batch_no BETWEEN ?1 AND ?2
             ORDER BY batch_no",
        )?;
        let mut rows = statement.query([from as i64, upto as i64])?;
        let (mut records, mut bytes, mut batches) = (Vec::new(), 0, 0);
        while let Some(row) = rows.next()? {
            let (batch_no, at) = (row.get::<_, i64>(0)? as u64, Millis(row.get(1)?));
            let table = SectionTable::decode(batch_no, blob(row, 2)?)?;
            if wanted.any(&table.sections) {
                let body = Bytes::copy_from_slice(blob(row, 3)?);
                bytes += body.len();
                table.decode_body(batch_no, &body, |section, offset, key, headers, payload| {
                    let section = &table.sections[section];
                    let Some((topic, place)) = wanted.place(section) else {
                        return;
                    };
                    if self.pass(place, offset) {
                        records.push(Record {
                            topic: topic.clone(),
                            partition: section.partition,
                            offset,
                            timestamp: at,
                            key,
                            headers: Headers::from_encoded(headers),
                            payload,
                        });
                    }
                })?;
            }
            self.after_batch(batch_no);
            batches += 1;
            if records.len() >= CHUNK_RECORDS || bytes >= CHUNK_BYTES || batches == CHUNK_BATCHES {
                return Ok((records, batch_no == upto));
            }
        }
        self.next_batch = Some(from.max(upto + 1));
        Ok((records, true))
    }

    fn take(&mut self, wanted: &Wanted, delivered: &Delivered, records: &mut Vec<Record>) {
        for (record, section) in delivered.records.iter().zip(&delivered.section_of_record) {
            let section = &delivered.sections[*section as usize];
            let Some((_, place)) = wanted.place(section) else {
                continue;
            };
            if self.pass(place, record.offset) {
                records.push(record.clone());
            }
        }
    }
}

pub(super) fn blob<'a>(
    row: &'a rusqlite::Row<'_>,
    column: usize,
) -> Result<&'a [u8], SqliteLogError> {
    Ok(row
        .get_ref(column)?
        .as_blob()
        .map_err(rusqlite::Error::from)?)
}

/// Reads within the writer's process.
pub(super) struct TailSubscription {
    shared: Arc<Shared>,
    feed: Arc<Feed>,
    place: Place,
    mode: Mode,
}

enum Mode {
    /// Records come through the feed.
    Tail,
    /// Records come from the file; `upto` is set once the feed has everything after it.
    File { upto: Option<u64> },
}

impl TailSubscription {
    /// A reader whose place may lie before the end.
    pub(super) fn from_file(shared: Arc<Shared>, feed: Arc<Feed>, place: Place) -> Self {
        TailSubscription {
            shared,
            feed,
            place,
            mode: Mode::File { upto: None },
        }
    }

    /// A reader whose feed has been attached and has everything from its place on.
    pub(super) fn at_tail(shared: Arc<Shared>, feed: Arc<Feed>, place: Place) -> Self {
        TailSubscription {
            shared,
            feed,
            place,
            mode: Mode::Tail,
        }
    }

    /// Where to read to now, joining the tail first if it is near.
    fn aim(&mut self, joined: Option<u64>) -> u64 {
        if let Some(upto) = joined {
            return upto;
        }
        let tails = self.shared.tails.lock();
        let last = tails.last_batch_no;
        if self
            .place
            .next_batch
            .is_some_and(|next| last.saturating_sub(next) < NEAR_BATCHES)
        {
            self.mode = Mode::File {
                upto: Some(tails.attach(&self.feed)),
            };
        }
        last
    }
}

#[async_trait]
impl Subscription for TailSubscription {
    async fn next(&mut self) -> Result<Vec<Record>, LogError> {
        loop {
            let mut records = Vec::new();
            match self.mode {
                Mode::Tail => match self.feed.take() {
                    Taken::Batches(batches) => {
                        for delivered in batches {
                            self.place.take(&self.feed.wanted, &delivered, &mut records);
                        }
                    }
                    Taken::Lagging { from } => {
                        self.place.next_batch = Some(from);
                        self.mode = Mode::File { upto: None };
                    }
                    Taken::Nothing => self.feed.arrived.notified().await,
                    Taken::Closed => return Err(LogError::Closed),
                },
                Mode::File { upto: joined } => {
                    let upto = self.aim(joined);
                    // The place moves only once the read is here: a caller that gives up loses nothing.
                    let mut place = self.place.clone();
                    let feed = Arc::clone(&self.feed);
                    let (place, read, is_done) = read_off_thread(&self.shared, move |conn| {
                        let (read, is_done) = place.read(conn, &feed.wanted, upto)?;
                        Ok((place, read, is_done))
                    })
                    .await?;
                    self.place = place;
                    records = read;
                    if is_done && matches!(self.mode, Mode::File { upto: Some(_) }) {
                        self.mode = Mode::Tail;
                    }
                }
            }
            if !records.is_empty() {
                return Ok(records);
            }
        }
    }
}

pub(super) async fn read_off_thread<T: Send + 'static>(
    shared: &Arc<Shared>,
    read: impl FnOnce(&Connection) -> Result<T, SqliteLogError> + Send + 'static,
) -> Result<T, LogError> {
    let shared = Arc::clone(shared);
    let outcome = tokio::task::spawn_blocking(move || shared.with_reader(read)).await;
    Ok(outcome.map_err(|_| SqliteLogError::ReaderStopped)??)
}

/// Reads beside a writer in another process, by asking the file again and again.
pub(super) struct PollSubscription {
    pub shared: Arc<Shared>,
    pub wanted: Arc<Wanted>,
    pub place: Place,
    pub interval: Duration,
}

#[async_trait]
impl Subscription for PollSubscription {
    async fn next(&mut self) -> Result<Vec<Record>, LogError> {
        loop {
            let mut place = self.place.clone();
            let wanted = Arc::clone(&self.wanted);
            let (place, records, is_done) = read_off_thread(&self.shared, move |conn| {
                let last = schema::last_batch_no(conn)?;
                let (records, is_done) = place.read(conn, &wanted, last)?;
                Ok((place, records, is_done))
            })
            .await?;
            self.place = place;
            if !records.is_empty() {
                return Ok(records);
            }
            if is_done {
                tokio::time::sleep(self.interval).await;
            }
        }
    }
}

/// All stored batches from one on, decoded one at a time, internal topics included.
pub(super) struct Batches<'c> {
    conn: &'c Connection,
    catalog: super::catalog::Catalog,
    next: u64,
    has_failed: bool,
}

impl<'c> Batches<'c> {
    pub(super) fn new(conn: &'c Connection, from: u64) -> Result<Self, SqliteLogError> {
        let mut catalog = super::catalog::Catalog::default();
        schema::load_topics(conn, &mut catalog)?;
        Ok(Batches {
            conn,
            catalog,
            next: from,
            has_failed: false,
        })
    }

    fn read(&mut self) -> Result<Option<(u64, Millis, Vec<Record>)>, SqliteLogError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT batch_no, at_ms, sections, body FROM log_batch WHERE batch_no >= ?1
             ORDER BY batch_no LIMIT 1",
        )?;
        let found = statement
            .query_row([self.next as i64], |row| {
                let bytes = |column| -> rusqlite::Result<Bytes> {
                    Ok(Bytes::copy_from_slice(row.get_ref(column)?.as_blob()?))
                };
                Ok((
                    row.get::<_, i64>(0)? as u64,
                    Millis(row.get(1)?),
                    bytes(2)?,
                    bytes(3)?,
                ))
            })
            .optional()?;
        let Some((batch_no, at, sections, body)) = found else {
            return Ok(None);
        };
        let table = SectionTable::decode(batch_no, &sections)?;
        let unknown = table
            .sections
            .iter()
            .any(|section| self.catalog.by_id(section.topic_id).is_none());
        if unknown {
            schema::load_topics(self.conn, &mut self.catalog)?;
        }
        let topics = table.sections.iter().map(|section| {
            let what = "it names a topic that does not exist";
            let entry = self.catalog.by_id(section.topic_id);
            Ok(&entry
                .ok_or(SqliteLogError::Damaged { batch_no, what })?
                .topic)
        });
        let topics = topics.collect::<Result<Vec<_>, SqliteLogError>>()?;
        let mut records = Vec::new();
        table.decode_body(batch_no, &body, |section, offset, key, headers, payload| {
            records.push(Record {
                topic: topics[section].clone(),
                partition: table.sections[section].partition,
                offset,
                timestamp: at,
                key,
                headers: Headers::from_encoded(headers),
                payload,
            });
        })?;
        self.next = batch_no + 1;
        Ok(Some((batch_no, at, records)))
    }
}

impl Iterator for Batches<'_> {
    type Item = Result<(u64, Millis, Vec<Record>), LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let read = self.read();
        self.has_failed = read.is_err();
        read.map_err(LogError::from).transpose()
    }
}
