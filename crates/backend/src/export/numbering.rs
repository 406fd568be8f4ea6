//! How the batches of all partitions become one sequence.

use crate::store::StoreError;
use blazing_sun_domain::Millis;
use std::collections::HashMap;
use tokio_postgres::Transaction;

/// Where each partition's batches stand in the one sequence.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    /// By partition, in order: a batch's number there, and in the sequence.
    of_partition: HashMap<i32, Vec<(i64, u64)>>,
    has_expired: bool,
    first_at: Millis,
    last: u64,
    floor: u64,
    epoch: i64,
    alive: Millis,
}

impl Numbering {
    pub async fn read(snapshot: &Transaction<'_>) -> Result<Numbering, StoreError> {
        let mut numbering = Numbering::default();
        let owners = snapshot
            .query(
                "SELECT partition, epoch, batch_no, alive_ms, floor,
                        (SELECT min(batch_no) FROM batch WHERE batch.partition = owner.partition)
                 FROM partition_owner AS owner",
                &[],
            )
            .await?;
        for owner in &owners {
            let (last, first): (i64, Option<i64>) = (owner.get(2), owner.get(5));
            numbering.has_expired |= first.map_or(last > 0, |first| first > 1);
            numbering.epoch = numbering.epoch.max(owner.get(1));
            numbering.alive = numbering.alive.max(Millis(owner.get(3)));
        }
        // The one that stands for what has expired.
        numbering.last = u64::from(numbering.has_expired);
        let query = "SELECT partition, batch_no, at_ms FROM batch ORDER BY commit_no";
        for row in snapshot.query(query, &[]).await? {
            if numbering.of_partition.is_empty() {
                numbering.first_at = Millis(row.get(2));
            }
            numbering.last += 1;
            let of_partition = numbering.of_partition.entry(row.get(0)).or_default();
            of_partition.push((row.get(1), numbering.last));
        }
        numbering.floor = numbering.last + 1;
        for owner in &owners {
            let floor = numbering.from(owner.get(0), owner.get(4));
            numbering.floor = numbering.floor.min(floor);
        }
        Ok(numbering)
    }

    /// The place of the partition's first batch from this one on.
    fn from(&self, partition: i32, batch_no: i64) -> u64 {
        let of_partition = self.of_partition.get(&partition);
        let found = of_partition.and_then(|batches| {
            let at = batches.partition_point(|(known, _)| *known < batch_no);
            batches.get(at)
        });
        found.map_or(self.last + 1, |(_, place)| *place)
    }

    /// The place of a batch; where it has expired, that of all that have.
    pub fn of(&self, partition: i32, batch_no: i64) -> u64 {
        let of_partition = self.of_partition.get(&partition);
        let found = of_partition.and_then(|batches| {
            let at = batches.binary_search_by_key(&batch_no, |(known, _)| *known);
            batches.get(at.ok()?)
        });
        found.map_or(u64::from(self.has_expired), |(_, place)| *place)
    }

    /// Whether a partition had batches that are gone.
    pub fn has_expired(&self) -> bool {
        self.has_expired
    }

    /// When the first batch that is there was decided.
    pub fn first_at(&self) -> Millis {
        self.first_at
    }

    /// The first batch that recovery needs.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// The highest epoch of any partition.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// The last sign of life of any owner.
    pub fn alive(&self) -> Millis {
        self.alive
    }
}
