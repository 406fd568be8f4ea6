//! The writing side: batches on the connection of whoever owns it.

use super::catalog::{Catalog, TopicEntry, unknown};
use super::codec::{self, Section};
use super::queue::Waited;
use super::schema::{self, INDEX_EVERY};
use super::tail::Delivered;
use super::{Shared, SqliteLogError};
use crate::log::{LogError, NewRecord, Position, Record, Topic};
use crate::topics::TopicSpec;
use blazing_sun_domain::Millis;
use rusqlite::{Connection, params};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// How many old batches go with one new one, so that neither they nor the cost of their removal pile up.
const REMOVED_PER_WRITE: usize = 4;

/// The one writer of a log. It belongs to the thread that owns the write connection, and puts its
/// batches into that thread's transactions: `wait`, `begin`, `push` …, `write` within the transaction,
/// then `committed` or `rolled_back`, and only after that the callbacks of the appends. Where a commit is
/// durable only later, `written` stands for `committed`, and the batch is delivered then.
pub struct SqliteAppender {
    shared: Arc<Shared>,
    last_batch_no: u64,
    floor: u64,
    oldest: Option<(u64, Millis)>,
    removed: Option<Removed>,
    spare: Buffers,
    blob: Vec<u8>,
}

/// What a write removed, until it is committed.
struct Removed {
    oldest: Option<(u64, Millis)>,
    earliest: Vec<(u32, Vec<u64>)>,
}

#[derive(Default)]
struct Buffers {
    records: Vec<Record>,
    section_of_slot: Vec<u32>,
    body: Vec<u8>,
    /// How many records and sections the last batch had: as much room the next one gets at once.
    records_before: usize,
    sections_before: usize,
}

/// One commit's records: in memory until [`SqliteAppender::write`]. Dropping it is rolling it back.
pub struct Batch {
    shared: Arc<Shared>,
    catalog: Arc<Catalog>,
    batch_no: u64,
    now: Millis,
    sections: Vec<OpenSection>,
    section_of_record: Vec<u32>,
    buffers: Buffers,
}

struct OpenSection {
    entry: Arc<TopicEntry>,
    section: Section,
}

impl Batch {
    /// Adds a record; it stands where the answer says once the batch is committed.
    pub fn push(&mut self, record: NewRecord) -> Result<Position, LogError> {
        let entry = match self.catalog.get(&record.topic) {
            Some(entry) => entry,
            None => {
                self.catalog = self.shared.catalog();
                self.catalog
                    .get(&record.topic)
                    .ok_or_else(|| unknown(&record.topic, record.partition.unwrap_or(0)))?
            }
        };
        let partition = entry.partition(record.partition, &record.key)?;
        let slot = entry.first_slot + partition as usize;
        if self.buffers.section_of_slot.len() <= slot {
            self.buffers
                .section_of_slot
                .resize(self.catalog.slots(), NO_SECTION);
        }
        let index = match self.buffers.section_of_slot[slot] {
            NO_SECTION => {
                let index = self.sections.len() as u32;
                let base = entry.next[partition as usize].load(Ordering::Acquire);
                let section = Section {
                    topic_id: entry.id,
                    partition,
                    base,
                    count: 0,
                };
                self.sections.push(OpenSection {
                    entry: Arc::clone(entry),
                    section,
                });
                self.buffers.section_of_slot[slot] = index;
                index
            }
            index => index,
        };
        let section = &mut self.sections[index as usize].section;
        let offset = section.base + section.count;
        section.count += 1;
        codec::put_record(&mut self.buffers.body, index, &record);
        self.section_of_record.push(index);
        self.buffers.records.push(Record {
            topic: record.topic,
            partition,
            offset,
            timestamp: self.now,
            key: record.key,
            headers: record.headers,
            payload: record.payload,
        });
        Ok(Position { partition, offset })
    }

    /// All records so far, in the order of their pushes.
    pub fn records(&self) -> &[Record] {
        &self.buffers.records
    }

    /// Its number: one more than that of the last committed batch.
    pub fn batch_no(&self) -> u64 {
        self.batch_no
    }

    /// The instant that its records carry.
    pub fn now(&self) -> Millis {
        self.now
    }

    /// The bytes that its records take in the file.
    pub fn len_bytes(&self) -> usize {
        self.buffers.body.len()
    }
}

/// A committed batch that no reader has seen yet.
pub struct Delivery {
    shared: Arc<Shared>,
    batch_no: u64,
    bytes: usize,
    records: Vec<Record>,
    section_of_record: Vec<u32>,
    sections: Vec<OpenSection>,
}

impl Delivery {
    /// The batch is durable: its offsets count, its records go to the readers. Never blocks.
    pub fn deliver(self) {
        let mut tails = self.shared.tails.lock();
        for OpenSection { entry, section } in &self.sections {
            entry.ends[section.partition as usize]
                .store(section.base + section.count, Ordering::Release);
        }
        tails.last_batch_no = self.batch_no;
        tails.deliver(|| Delivered {
            batch_no: self.batch_no,
            bytes: self.bytes,
            records: self.records,
            section_of_record: self.section_of_record,
            sections: self.sections.iter().map(|open| open.section).collect(),
        });
    }
}

const NO_SECTION: u32 = u32::MAX;

impl SqliteAppender {
    pub(super) fn new(shared: Arc<Shared>, conn: &Connection) -> Result<Self, SqliteLogError> {
        let mut appender = SqliteAppender {
            shared,
            last_batch_no: 0,
            floor: 0,
            oldest: None,
            removed: None,
            spare: Buffers::default(),
            blob: Vec::new(),
        };
        appender.shared.reload_topics(conn)?;
        let catalog = appender.shared.catalog();
        appender.last_batch_no = schema::restore_offsets(conn, &catalog)?;
        appender.shared.tails.lock().last_batch_no = appender.last_batch_no;
        schema::for_sections(conn, 0, u64::MAX, |batch_no, at, _| {
            appender.oldest = Some((batch_no, at));
            Ok(false)
        })?;
        Ok(appender)
    }

    /// Blocks until something is queued, the log is woken or closed, or `until` has come; never while
    /// something is queued. Takes whole appends up to `max_records`, and always one.
    pub fn wait(&mut self, until: Option<Instant>, max_records: usize) -> Waited {
        self.shared.queue.wait(until, max_records)
    }

    /// Whether appends are queued.
    pub fn has_queued(&self) -> bool {
        self.shared.queue.has_appends()
    }

    /// Until [`SqliteLog::release`](super::SqliteLog::release), `wait` returns only for a good many records: what
    /// is queued meanwhile shares a batch.
    pub fn hold(&self) {
        self.shared.queue.hold();
    }

    /// A new batch, whose records carry `now`.
    pub fn begin(&mut self, now: Millis) -> Batch {
        let mut buffers = std::mem::take(&mut self.spare);
        buffers.records.reserve(buffers.records_before);
        Batch {
            shared: Arc::clone(&self.shared),
            catalog: self.shared.catalog(),
            batch_no: self.next_batch_no(),
            now,
            sections: Vec::with_capacity(buffers.sections_before),
            section_of_record: Vec::with_capacity(buffers.records_before),
            buffers,
        }
    }

    /// Stores the batch in the transaction that is open on `conn`, and removes a few batches that
    /// retention has no use for. May be called again for the same batch after a rollback.
    pub fn write(&mut self, batch: &Batch, conn: &Connection) -> Result<(), LogError> {
        self.removed = None;
        self.insert(batch, conn)?;
        self.remove_expired(batch, conn)?;
        Ok(())
    }

    fn insert(&mut self, batch: &Batch, conn: &Connection) -> Result<(), SqliteLogError> {
        let batch_no = batch.batch_no as i64;
        let body = &batch.buffers.body;
        codec::put_table(
            &mut self.blob,
            batch.sections.iter().map(|open| open.section),
            body,
        );
        conn.prepare_cached(
            "INSERT INTO log_batch (batch_no, at_ms, sections, body) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![batch_no, batch.now.0, self.blob, body])?;
        if batch.batch_no.is_multiple_of(INDEX_EVERY) {
            self.put_offsets(&self.shared.catalog().next());
            conn.prepare_cached("INSERT INTO log_index (batch_no, next_offsets) VALUES (?1, ?2)")?
                .execute(params![batch_no, self.blob])?;
        }
        Ok(())
    }

    fn put_offsets(&mut self, offsets: &[(u32, Vec<u64>)]) {
        let offsets = offsets
            .iter()
            .map(|(id, offsets)| (*id, offsets.as_slice()));
        codec::put_offsets(&mut self.blob, offsets);
    }

    fn remove_expired(&mut self, batch: &Batch, conn: &Connection) -> Result<(), SqliteLogError> {
        let Some(retention_ms) = self.shared.retention_ms() else {
            return Ok(());
        };
        let horizon = Millis(batch.now.0.saturating_sub(retention_ms));
        let floor = self.floor.min(batch.batch_no);
        let is_expired = |(batch_no, at): (u64, Millis)| batch_no < floor && at < horizon;
        let Some((first, _)) = self.oldest.filter(|oldest| is_expired(*oldest)) else {
            return Ok(());
        };
        let mut earliest = self.shared.catalog().earliest();
        let (mut count, mut oldest) = (0, None);
        schema::for_sections(conn, first, batch.batch_no, |batch_no, at, table| {
            if count == REMOVED_PER_WRITE || !is_expired((batch_no, at)) {
                oldest = Some((batch_no, at));
                return Ok(false);
            }
            count += 1;
            for section in &table.sections {
                let of_topic = earliest.iter_mut().find(|(id, _)| *id == section.topic_id);
                if let Some(first) =
                    of_topic.and_then(|(_, offsets)| offsets.get_mut(section.partition as usize))
                {
                    *first = section.base + section.count;
                }
            }
            Ok(true)
        })?;
        let kept_from = oldest.map_or(batch.batch_no, |(batch_no, _)| batch_no) as i64;
        for sql in [
            "DELETE FROM log_batch WHERE batch_no < ?1",
            "DELETE FROM log_index WHERE batch_no < ?1",
        ] {
            conn.prepare_cached(sql)?.execute([kept_from])?;
        }
        self.put_offsets(&earliest);
        conn.prepare_cached(
            "INSERT OR REPLACE INTO log_earliest (one, batch_no, next_offsets) VALUES (1, ?1, ?2)",
        )?
        .execute(params![kept_from, self.blob])?;
        self.removed = Some(Removed { oldest, earliest });
        Ok(())
    }

    /// The transaction with this batch is committed and durable: its offsets count, its records go to the
    /// readers. Never blocks.
    pub fn committed(&mut self, batch: Batch) {
        self.written(batch).deliver();
    }

    /// The transaction with this batch is committed: the next batch begins behind it. No reader sees it before it
    /// is delivered, and batches must be delivered in their order.
    pub fn written(&mut self, batch: Batch) -> Delivery {
        let Batch {
            batch_no,
            now,
            sections,
            section_of_record,
            mut buffers,
            ..
        } = batch;
        buffers.records_before = buffers.records.len();
        self.last_batch_no = batch_no;
        self.oldest = self.oldest.or(Some((batch_no, now)));
        for OpenSection { entry, section } in &sections {
            entry.next[section.partition as usize]
                .store(section.base + section.count, Ordering::Release);
        }
        if let Some(removed) = self.removed.take() {
            let _offsets = self.shared.tails.lock();
            self.oldest = removed.oldest.or(Some((batch_no, now)));
            let catalog = self.shared.catalog();
            for (id, offsets) in &removed.earliest {
                let Some(entry) = catalog.by_id(*id) else {
                    continue;
                };
                for (earliest, offset) in entry.earliest.iter().zip(offsets) {
                    earliest.store(*offset, Ordering::Release);
                }
            }
        }
        let (bytes, records) = (buffers.body.len(), std::mem::take(&mut buffers.records));
        self.recycle(buffers, &sections);
        Delivery {
            shared: Arc::clone(&self.shared),
            batch_no,
            bytes,
            records,
            section_of_record,
            sections,
        }
    }

    /// The transaction with this batch was rolled back: offsets are as before.
    pub fn rolled_back(&mut self, batch: Batch) {
        self.removed = None;
        self.recycle(batch.buffers, &batch.sections);
    }

    fn recycle(&mut self, mut buffers: Buffers, sections: &[OpenSection]) {
        for OpenSection { entry, section } in sections {
            let slot = entry.first_slot + section.partition as usize;
            buffers.section_of_slot[slot] = NO_SECTION;
        }
        buffers.sections_before = sections.len();
        buffers.records.clear();
        buffers.body.clear();
        buffers.body.shrink_to(KEPT_BYTES);
        self.spare = buffers;
    }

    /// The number of the next batch; the first is 1.
    pub fn next_batch_no(&self) -> u64 {
        self.last_batch_no + 1
    }

    /// The offset that the next record of each partition gets, of every topic that there is.
    pub fn next_offsets(&self) -> Vec<(Topic, u32, u64)> {
        let catalog = self.shared.catalog();
        let of_entry = |entry: &Arc<TopicEntry>| {
            let topic = entry.topic.clone();
            let next = entry.next.iter().map(|next| next.load(Ordering::Acquire));
            (0..)
                .zip(next.collect::<Vec<_>>())
                .map(move |(partition, next)| (topic.clone(), partition, next))
        };
        catalog.entries().flat_map(of_entry).collect()
    }

    /// Batches from this number on are kept whatever their age; 0, the start, keeps all.
    pub fn set_floor(&mut self, batch_no: u64) {
        self.floor = batch_no;
    }

    /// Makes topics that are missing, on the write connection. Outside a batch.
    pub fn ensure_topics(
        &mut self,
        topics: &[TopicSpec],
        conn: &Connection,
    ) -> Result<(), LogError> {
        schema::ensure_topics(conn, topics)?;
        self.shared.reload_topics(conn)?;
        Ok(())
    }
}

/// What a body's buffer keeps between batches.
const KEPT_BYTES: usize = 4 << 20;

impl Drop for SqliteAppender {
    fn drop(&mut self) {
        for append in self.shared.queue.close_and_drain() {
            (append.appended)(Err(LogError::Closed));
        }
        self.shared.tails.lock().close();
    }
}
