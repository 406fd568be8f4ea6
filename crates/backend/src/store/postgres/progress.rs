//! How far the owners of all partitions have come.

use super::PgPool;
use crate::store::StoreError;
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
}

impl PgPool {
    /// How far each partition's batches are committed, and published.
    pub async fn progress(&self) -> Result<Vec<Progress>, StoreError> {
        let sql = "SELECT partition, batch_no, published_upto, owner FROM partition_owner ORDER BY partition";
        let rows = self.rows(sql, &[]).await?;
        let progress = rows.iter().map(|row| {
            Ok(Progress {
                partition: row.try_get::<_, i32>(0)?.unsigned_abs(),
                owner: row.try_get(3)?,
                last: row.try_get::<_, i64>(1)?.unsigned_abs(),
                published_upto: row.try_get::<_, i64>(2)?.unsigned_abs(),
            })
        });
        progress.collect()
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
