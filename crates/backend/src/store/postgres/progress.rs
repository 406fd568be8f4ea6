//! How far the owners of all partitions have come.

use super::PgPool;
use crate::store::StoreError;
use blazing_sun_domain::Millis;
use std::collections::BTreeMap;

/// How far an owner's batches have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The partition.
    pub partition: u32,
    /// The process that has it, by the name that it has there.
    pub owner: String,
    /// Its last batch.
    pub last: u64,
    /// All records of batches up to this one are in the event log.
    pub published_upto: u64,
    /// How often the partition was taken over.
    pub epoch: i64,
}

/// What of a partition's batches is not in the event log yet, or not known to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// The partition.
    pub partition: u32,
    /// How many batches, up to [`BACKLOG_BATCHES_MAX`].
    pub batches: u64,
    /// When the first of them was decided; none where there is none.
    pub oldest: Option<Millis>,
}

/// More batches are not counted.
pub const BACKLOG_BATCHES_MAX: i64 = 100_000;

impl PgPool {
    /// How far each partition's batches are committed, and published.
    pub async fn progress(&self) -> Result<Vec<Progress>, StoreError> {
        let sql = "SELECT partition, batch_no, published_upto, owner, epoch FROM partition_owner ORDER BY partition";
        let rows = self.rows(sql, &[]).await?;
        let progress = rows.iter().map(|row| {
            Ok(Progress {
                partition: row.try_get::<_, i32>(0)?.unsigned_abs(),
                owner: row.try_get(3)?,
                last: row.try_get::<_, i64>(1)?.unsigned_abs(),
                published_upto: row.try_get::<_, i64>(2)?.unsigned_abs(),
                epoch: row.try_get(4)?,
            })
        });
        progress.collect()
    }

    /// By partition: how many sessions of owners there are.
    pub async fn owners(&self) -> Result<BTreeMap<u32, u32>, StoreError> {
        let sql = "SELECT application_name FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name LIKE 'blazing-sun partition %'";
        let mut owners = BTreeMap::new();
        for row in self.rows(sql, &[]).await? {
            let name: String = row.try_get(0)?;
            let partition = name.rsplit(' ').next().and_then(|last| last.parse().ok());
            if let Some(partition) = partition {
                *owners.entry(partition).or_default() += 1;
            }
        }
        Ok(owners)
    }

    /// The server's clock, in milliseconds since 1970.
    pub async fn clock_ms(&self) -> Result<i64, StoreError> {
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        self.number(sql).await
    }

    /// How many rooms are quarantined.
    pub async fn quarantined_rooms(&self) -> Result<i64, StoreError> {
        self.number("SELECT count(*) FROM room_quarantine").await
    }

    async fn number(&self, sql: &str) -> Result<i64, StoreError> {
        let rows = self.rows(sql, &[]).await?;
        let Some(row) = rows.first() else {
            return Err(StoreError::Corrupt("a number".to_owned()));
        };
        Ok(row.try_get(0)?)
    }

    /// What of each partition's batches is not known to be in the event log.
    pub async fn backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        let sql = "SELECT o.partition, count(b.at_ms), min(b.at_ms)
                   FROM partition_owner o LEFT JOIN LATERAL (
                       SELECT at_ms FROM batch
                       WHERE batch.partition = o.partition AND batch_no > o.published_upto
                       ORDER BY batch_no LIMIT $1
                   ) b ON TRUE GROUP BY o.partition ORDER BY o.partition";
        let rows = self.rows(sql, &[&BACKLOG_BATCHES_MAX]).await?;
        let backlog = rows.iter().map(|row| {
            Ok(Backlog {
                partition: row.try_get::<_, i32>(0)?.unsigned_abs(),
                batches: row.try_get::<_, i64>(1)?.unsigned_abs(),
                oldest: row.try_get::<_, Option<i64>>(2)?.map(Millis),
            })
        });
        backlog.collect()
    }

    /// By partition and topic: the first offset that is not decided.
    pub async fn decided_offsets(&self) -> Result<BTreeMap<(u32, String), u64>, StoreError> {
        let sql = "SELECT partition, topic, next_offset FROM partition_offset";
        let rows = self.rows(sql, &[]).await?;
        let offsets = rows.iter().map(|row| {
            let partition = row.try_get::<_, i32>(0)?.unsigned_abs();
            Ok((
                (partition, row.try_get(1)?),
                row.try_get::<_, i64>(2)?.unsigned_abs(),
            ))
        });
        offsets.collect()
    }
}
