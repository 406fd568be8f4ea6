//! What brokers acknowledged and have lost: it is still in the database's batches, and is published again.

use super::failure::with_sources;
use super::hold::Hold;
use super::shared::Shared;
use super::tails::TailError;
use crate::partition::Partition;
use crate::store::StoreError;
use crate::store::postgres::OutboxPosition;
use blazing_sun_backbone::log::Topic;
use std::time::{Duration, Instant};

/// Between looks whose answers do not come.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// So often it is looked in vain although the brokers answer.
const LOOKS_MAX: u32 = 10;

impl Hold {
    /// Looks for what others lack of what was acknowledged, and has it published again. Who has it already drops it
    /// by its number.
    pub fn find_unpublished(&mut self, shared: &Shared) -> Result<(), StoreError> {
        if shared.publisher.lanes().acknowledged(self.number) == 0 {
            return Ok(());
        }
        let next_in_log = self.next_in_log(shared).unwrap_or_else(|error| {
            self.tell_unknown(&error);
            Vec::new()
        });
        self.publish_missing(shared, next_in_log)
    }

    /// The same after a producer has failed, before anything is sent that would hide what is missing; so it is waited
    /// for brokers that do not answer.
    pub fn look_again(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let lanes = shared.publisher.lanes();
        if !lanes.is_to_be_looked_at(self.number, Instant::now()) {
            return Ok(());
        }
        let next_in_log = match self.next_in_log(shared) {
            Ok(next_in_log) => next_in_log,
            Err(error) => {
                self.looks += u32::from(!matches!(error, TailError::Ends(_)));
                if self.looks < LOOKS_MAX {
                    lanes.look_again_at(self.number, Instant::now() + LOOK_AGAIN_AFTER);
                    return Ok(());
                }
                self.tell_unknown(&error);
                Vec::new()
            }
        };
        self.has_lost = true;
        // Where the store does not answer it is looked later.
        lanes.look_again_at(self.number, Instant::now() + LOOK_AGAIN_AFTER);
        self.publish_missing(shared, next_in_log)?;
        self.looks = 0;
        Ok(())
    }

    fn tell_unknown(&self, error: &TailError) {
        tracing::warn!(
            partition = self.number,
            error = with_sources(error),
            "whether the topics have all that was acknowledged is not known"
        );
    }

    fn publish_missing(
        &mut self,
        shared: &Shared,
        next_in_log: Vec<OutboxPosition>,
    ) -> Result<(), StoreError> {
        let lanes = shared.publisher.lanes();
        let acknowledged = lanes.acknowledged(self.number);
        let lost = self.first_lost(&next_in_log, acknowledged)?;
        let undecided = match self.is_first || self.has_lost {
            true => self.next_undecided()?,
            false => Vec::new(),
        };
        // Batches that are not acknowledged as a whole may have records that are.
        let mut lacking = next_in_log.iter().chain(&undecided);
        let is_receipt_lost = lacking.any(|position| {
            let target = (position.topic.clone(), position.target);
            lanes.has_acknowledged(self.number, &target, position.next_seq)
        });
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
        let unacknowledged = is_receipt_lost.then_some(acknowledged + 1);
        let found = lost.into_iter().chain(undecided).chain(unacknowledged);
        let Some(from) = found.min() else {
            shared.publisher.resume(self.number);
            return Ok(());
        };
        if from <= acknowledged {
            self.store.rewind(&self.ownership, from - 1)?;
        }
        lanes.begin(self.number, from - 1);
        self.published_upto = self.published_upto.min(from - 1);
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
    fn next_in_log(&self, shared: &Shared) -> Result<Vec<OutboxPosition>, TailError> {
        let own = self.positions.keys().filter(|(topic, target)| {
            *target == self.number && !Partition::consumes(topic.as_str())
        });
        let own: Vec<Topic> = own.map(|(topic, _)| topic.clone()).collect();
        match own.is_empty() {
            true => Ok(Vec::new()),
            false => shared.tails.next_seqs(self.number, &own),
        }
    }

    /// The numbers of what other partitions have not decided yet: whether it is lost, or only not read, their owners
    /// alone could say.
    fn next_undecided(&mut self) -> Result<Vec<OutboxPosition>, StoreError> {
        let mut undecided = self.store.undecided_elsewhere()?;
        undecided.retain(|position| Partition::consumes(position.topic.as_str()));
        Ok(undecided)
    }
}
