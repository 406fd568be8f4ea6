//! What a partition's owner reads to go on where the one before it ended, and what it keeps of the outbox.

use super::batch::{Forwarded, OutboxPosition, Run, StoredBatch, decode_consumed, decode_records};
use super::owner_store::PgStore;
use crate::store::{Ownership, StoreError};
use blazing_sun_backbone::log::Topic;
use blazing_sun_domain::Millis;
use bytes::Bytes;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// How far a partition has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartitionState {
    /// All records of batches up to this one are in the event log.
    pub published_upto: u64,
    /// The first offset that is not decided yet, by topic.
    pub next_offsets: Vec<(Topic, u64)>,
    /// The newest instants of what is decided, by topic, where they are known.
    pub newest: Vec<(Topic, Millis)>,
    /// The last of what other partitions sent.
    pub forwarded: Vec<Forwarded>,
    /// Where the numberings of what is sent go on.
    pub positions: Vec<OutboxPosition>,
}

/// Batches that are read at once, looking for a record.
const READ_AT_ONCE: u32 = 64;
/// From so many bytes of records on no further batch is read with them.
const BYTES_AT_ONCE: i64 = 8 << 20;

impl PgStore {
    /// How far the partition has come.
    pub fn state(&mut self) -> Result<PartitionState, StoreError> {
        let partition = self.partition;
        let mut state = PartitionState::default();
        let sql = "SELECT published_upto FROM partition_owner WHERE partition = $1";
        if let Some(row) = self.rows(sql, &[&partition])?.first() {
            state.published_upto = row.try_get::<_, i64>(0)? as u64;
        }
        let sql = "SELECT topic, next_offset, newest_ms FROM partition_offset WHERE partition = $1";
        for row in self.rows(sql, &[&partition])? {
            let (topic, next) = (topic_of(&row, 0)?, row.try_get::<_, i64>(1)? as u64);
            state.next_offsets.push((topic.clone(), next));
            let newest = Millis(row.try_get(2)?);
            state
                .newest
                .extend((newest.0 > 0).then_some((topic, newest)));
        }
        let sql = "SELECT topic, source, seq FROM partition_forwarded WHERE partition = $1";
        for row in self.rows(sql, &[&partition])? {
            state.forwarded.push(Forwarded {
                topic: topic_of(&row, 0)?,
                source: row.try_get::<_, i32>(1)? as u32,
                seq: row.try_get::<_, i64>(2)? as u64,
            });
        }
        let sql = "SELECT topic, target, next_seq FROM outbox_position WHERE partition = $1";
        for row in self.rows(sql, &[&partition])? {
            state.positions.push(OutboxPosition {
                topic: topic_of(&row, 0)?,
                target: row.try_get::<_, i32>(1)? as u32,
                next_seq: row.try_get::<_, i64>(2)? as u64,
            });
        }
        Ok(state)
    }

    /// The starts of gateways that any partition's users are connected to, as far as is known: id and start.
    pub fn gateways(&mut self) -> Result<Vec<(String, String)>, StoreError> {
        let rows = self.rows("SELECT DISTINCT gateway_id, boot_id FROM presence", &[])?;
        let read = |row: &Row| Ok((row.try_get(0)?, row.try_get(1)?));
        rows.iter().map(read).collect()
    }

    /// Goes on as if nobody had taken the partition over: what a fence is there to prevent.
    #[cfg(feature = "failpoints")]
    pub fn ignore_fence(&mut self, ownership: &mut Ownership) -> Result<(), StoreError> {
        let sql = "SELECT epoch, batch_no FROM partition_owner WHERE partition = $1";
        let partition = self.partition;
        if let Some(row) = self.rows(sql, &[&partition])?.first() {
            ownership.epoch = row.try_get(0)?;
            ownership.batch_no = row.try_get::<_, i64>(1)? as u64;
        }
        Ok(())
    }

    /// The stored batches from `from` on, in order: `limit` at most, and no more than fit into some megabytes,
    /// but one if there is any. Numbers may be missing.
    pub fn batches(&mut self, from: u64, limit: u32) -> Result<Vec<StoredBatch>, StoreError> {
        self.read_batches("batch_no >= $2", "batch_no", from as i64, limit)
    }

    /// Notes that all records of batches up to this one are in the event log, outside of any batch. It need not
    /// survive: what is published twice is dropped by those who read it.
    pub fn set_published_upto(
        &mut self,
        ownership: &Ownership,
        batch_no: u64,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE partition_owner SET published_upto = greatest(published_upto, $3)
                   WHERE partition = $1 AND epoch = $2 RETURNING 1";
        self.as_owner(ownership, sql, batch_no as i64)
    }

    /// Notes that the owner lives, without a batch.
    pub fn show_alive(&mut self, ownership: &Ownership, now: Millis) -> Result<(), StoreError> {
        let sql = "UPDATE partition_owner SET alive_ms = greatest(alive_ms, $3)
                   WHERE partition = $1 AND epoch = $2 RETURNING 1";
        self.as_owner(ownership, sql, now.0)
    }

    /// Notes where a topic is read on from that has not got what was to be read next, outside of any batch.
    pub fn move_offset(
        &mut self,
        ownership: &Ownership,
        topic: &Topic,
        next: u64,
    ) -> Result<(), StoreError> {
        // The owner's row is locked, so that whoever takes over reads what this wrote, or stops it.
        let sql = "WITH owner AS (SELECT 1 FROM partition_owner WHERE partition = $1 AND epoch = $2 FOR UPDATE)
                   UPDATE partition_offset SET next_offset = $3 FROM owner
                   WHERE partition = $1 AND topic = $4 RETURNING 1";
        let (partition, epoch, next) = (self.partition, ownership.epoch, next as i64);
        let moved = self.rows(sql, &[&partition, &epoch, &next, &topic.as_str()])?;
        match moved.is_empty() {
            true => Err(StoreError::Fenced { epoch }),
            false => Ok(()),
        }
    }

    fn as_owner(&mut self, ownership: &Ownership, sql: &str, value: i64) -> Result<(), StoreError> {
        let (partition, epoch) = (self.partition, ownership.epoch);
        let held = self.rows(sql, &[&partition, &epoch, &value])?;
        match held.is_empty() {
            true => Err(StoreError::Fenced { epoch }),
            false => Ok(()),
        }
    }

    /// Moves `published_upto` back to a batch, where the event log has turned out to have lost what was there.
    pub fn rewind(&mut self, ownership: &Ownership, batch_no: u64) -> Result<(), StoreError> {
        let sql = "UPDATE partition_owner SET published_upto = least(published_upto, $3)
                   WHERE partition = $1 AND epoch = $2 RETURNING 1";
        self.as_owner(ownership, sql, batch_no as i64)
    }

    /// Deletes batches of before an instant that neither recovery nor the outbox needs, the oldest first, `limit`
    /// at most. Answers with how many.
    pub fn delete_batches(&mut self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        let sql = "WITH oldest AS MATERIALIZED (
                       SELECT batch.batch_no FROM batch JOIN partition_owner AS owner USING (partition)
                       WHERE partition = $1 AND at_ms < $2
                         AND batch.batch_no < least(owner.floor, owner.published_upto + 1)
                         AND batch.batch_no < (SELECT min(batch_no) + $3 FROM batch WHERE partition = $1))
                   DELETE FROM batch USING oldest
                   WHERE partition = $1 AND batch.batch_no = oldest.batch_no RETURNING 1";
        let partition = self.partition;
        let deleted = self.rows(sql, &[&partition, &before.0, &i64::from(limit)])?;
        Ok(deleted.len() as u64)
    }

    /// The first stored batch with a record that the event log lacks, by the next number that each topic's
    /// partition there should have, as far as batches are kept; none if it lacks nothing. Topics' partitions that
    /// are not given lack nothing.
    pub fn first_missing(
        &mut self,
        next_in_log: &[OutboxPosition],
    ) -> Result<Option<u64>, StoreError> {
        let positions = self.state()?.positions;
        let next_here = |given: &OutboxPosition| {
            let is_same =
                |own: &&OutboxPosition| own.topic == given.topic && own.target == given.target;
            positions.iter().find(is_same).map_or(0, |own| own.next_seq)
        };
        let mut missing: Vec<&OutboxPosition> = next_in_log
            .iter()
            .filter(|given| given.next_seq < next_here(given))
            .collect();
        let (mut first, mut before) = (None, i64::MAX);
        while !missing.is_empty() {
            let batches = self.batches_before(before, READ_AT_ONCE)?;
            let Some(oldest) = batches.last() else {
                break;
            };
            before = oldest.batch_no as i64;
            for batch in &batches {
                let (mut is_lacking, mut found) = (false, vec![false; missing.len()]);
                for record in &batch.records {
                    let is_its = |given: &&OutboxPosition| {
                        given.topic == record.topic && Some(given.target) == record.partition
                    };
                    let at = missing.iter().position(is_its);
                    if let (Some(at), Some(seq)) = (at, outbox_seq(record)) {
                        is_lacking |= seq >= missing[at].next_seq;
                        found[at] |= seq <= missing[at].next_seq;
                    }
                }
                let mut found = found.into_iter();
                missing.retain(|_| found.next() != Some(true));
                if is_lacking {
                    first = Some(batch.batch_no);
                }
            }
        }
        Ok(first)
    }

    /// Of what this partition has sent over any topic to any partition: the number after the last that is noted there
    /// as another's, where more was sent.
    pub fn undecided_elsewhere(&mut self) -> Result<Vec<OutboxPosition>, StoreError> {
        let sql = "SELECT sent.topic, sent.target, coalesce(noted.seq + 1, 0)
                   FROM outbox_position AS sent
                   LEFT JOIN partition_forwarded AS noted ON noted.partition = sent.target
                        AND noted.source = sent.partition AND noted.topic = sent.topic
                   WHERE sent.partition = $1 AND sent.next_seq > coalesce(noted.seq + 1, 0)";
        let partition = self.partition;
        let rows = self.rows(sql, &[&partition])?;
        let position = |row: &Row| {
            Ok(OutboxPosition {
                topic: topic_of(row, 0)?,
                target: row.try_get::<_, i32>(1)? as u32,
                next_seq: row.try_get::<_, i64>(2)? as u64,
            })
        };
        rows.iter().map(position).collect()
    }

    /// The number of the next record that a partition will send to this one over a topic.
    pub fn next_forwarded(&mut self, source: u32, topic: &Topic) -> Result<u64, StoreError> {
        let sql = "SELECT next_seq FROM outbox_position WHERE partition = $1 AND topic = $2 AND target = $3";
        // There is no partition of so great a number.
        let source = i32::try_from(source).unwrap_or(-1);
        let target = self.partition;
        let rows = self.rows(sql, &[&source, &topic.as_str(), &target])?;
        let next: Option<i64> = rows.first().map(|row| row.try_get(0)).transpose()?;
        Ok(next.map_or(0, i64::unsigned_abs))
    }

    fn batches_before(&mut self, before: i64, limit: u32) -> Result<Vec<StoredBatch>, StoreError> {
        self.read_batches("batch_no < $2", "batch_no DESC", before, limit)
    }

    fn read_batches(
        &mut self,
        which: &str,
        order: &str,
        bound: i64,
        limit: u32,
    ) -> Result<Vec<StoredBatch>, StoreError> {
        // The lengths of values are known without reading them.
        let sql = format!(
            "SELECT batch_no, commit_no, at_ms, consumed, records FROM (
                 SELECT *, sum(octet_length(records)) OVER (ORDER BY {order}) - octet_length(records) AS before
                 FROM (SELECT * FROM batch WHERE partition = $1 AND {which} ORDER BY {order} LIMIT $3) AS nearest
             ) AS measured
             WHERE before < $4 ORDER BY {order}"
        );
        let partition = self.partition;
        let parameters: [&(dyn ToSql + Sync); 4] =
            [&partition, &bound, &i64::from(limit), &BYTES_AT_ONCE];
        let rows = self.rows(&sql, &parameters)?;
        rows.iter().map(batch_of).collect()
    }
}

fn outbox_seq(record: &blazing_sun_backbone::log::NewRecord) -> Option<u64> {
    record.headers.text("outbox_seq")?.parse().ok()
}

fn topic_of(row: &Row, column: usize) -> Result<Topic, StoreError> {
    Ok(Topic::new(row.try_get(column)?))
}

fn batch_of(row: &Row) -> Result<StoredBatch, StoreError> {
    let batch_no = row.try_get::<_, i64>(0)? as u64;
    let consumed: Vec<Run> = decode_consumed(batch_no, row.try_get(3)?)?;
    let records = Bytes::from(row.try_get::<_, Vec<u8>>(4)?);
    Ok(StoredBatch {
        batch_no,
        commit_no: row.try_get::<_, i64>(1)? as u64,
        at: Millis(row.try_get(2)?),
        consumed,
        records: decode_records(batch_no, &records)?,
    })
}
