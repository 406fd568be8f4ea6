//! What brokers acknowledged and have lost: it is still in the database's batches, and is published again.

use super::failure::with_sources;
use super::hold::Hold;
use super::shared::Shared;
use crate::partition::Partition;
use crate::store::StoreError;
use crate::store::postgres::OutboxPosition;
use blazing_sun_backbone::log::Topic;

impl Hold {
    /// Looks for what others lack of what was acknowledged, and has it published again. Who has it already drops it
    /// by its number.
    pub fn find_unpublished(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let acknowledged = shared.publisher.lanes().acknowledged(self.number);
        if acknowledged == 0 {
            return Ok(());
        }
        let next_in_log = self.next_in_log(shared);
        let lost = self.first_lost(&next_in_log, acknowledged)?;
        let undecided = match self.is_first || self.has_lost {
            true => self.next_undecided()?,
            false => Vec::new(),
        };
        let undecided = self.first_lost(&undecided, acknowledged)?;
        if let Some(missing) = lost {
            tracing::error!(
                partition = self.number,
                published_upto = acknowledged,
                missing_from = missing,
                "the brokers have lost acknowledged records; they are published again"
            );
        }
        if let Some(undecided) = undecided {
            tracing::info!(
                partition = self.number,
                published_upto = acknowledged,
                undecided_from = undecided,
                "what other partitions have not decided is sent to them again"
            );
        }
        self.has_lost = false;
        let Some(from) = lost.into_iter().chain(undecided).min() else {
            return Ok(());
        };
        self.store.rewind(&self.ownership, from - 1)?;
        shared.publisher.lanes().begin(self.number, from - 1);
        self.published_upto = from - 1;
        (self.unpublished_from, self.unpublished_records) = (Some(from), 0);
        Ok(())
    }

    fn first_lost(
        &mut self,
        next: &[OutboxPosition],
        acknowledged: u64,
    ) -> Result<Option<u64>, StoreError> {
        let missing = self.store.first_missing(next)?;
        Ok(missing.filter(|missing| *missing <= acknowledged))
    }

    /// The numbers that follow in the topics whose partition is this one's alone to write, as far as they are known.
    fn next_in_log(&self, shared: &Shared) -> Vec<OutboxPosition> {
        let own = self.positions.keys().filter(|(topic, target)| {
            *target == self.number && !Partition::consumes(topic.as_str())
        });
        let own: Vec<Topic> = own.map(|(topic, _)| topic.clone()).collect();
        if own.is_empty() {
            return Vec::new();
        }
        shared
            .tails
            .next_seqs(self.number, &own)
            .unwrap_or_else(|error| {
                tracing::warn!(
                    partition = self.number,
                    error = with_sources(&error),
                    "whether the topics have all that was acknowledged is not known"
                );
                Vec::new()
            })
    }

    /// The numbers of what other partitions have not decided yet: whether it is lost, or only not read, their owners
    /// alone could say.
    fn next_undecided(&mut self) -> Result<Vec<OutboxPosition>, StoreError> {
        let mut undecided = self.store.undecided_elsewhere()?;
        undecided.retain(|position| Partition::consumes(position.topic.as_str()));
        Ok(undecided)
    }
}
