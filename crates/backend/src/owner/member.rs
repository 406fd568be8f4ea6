//! What a member of the group hears: which partitions come and go. Owners come and go with them.

use super::OwnerError;
use super::mailbox::Wanted;
use super::shared::{CONSUMED, Shared};
use blazing_sun_backbone::kill_point;
use blazing_sun_backbone::log::kafka::KafkaOptions;
use blazing_sun_backbone::log::kafka::settings::ClientLog;
use parking_lot::Mutex;
use rdkafka::TopicPartitionList;
use rdkafka::bindings::rd_kafka_resp_err_t as ErrorCode;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long members that go on wait for owners to finish their batches.
const PARK_WITHIN: Duration = Duration::from_secs(3);

/// What the group has given to this process, by its present member.
#[derive(Default)]
pub(super) struct Assigned {
    /// The present one; others are closing.
    member: u64,
    /// Counts changes.
    pub generation: u64,
    pub partitions: BTreeSet<u32>,
    /// Whether the group has said anything since it took back what it gave before.
    pub is_member: bool,
}

impl Assigned {
    /// From now on another member speaks for the group; answers with its number.
    pub fn begin(&mut self) -> u64 {
        self.take_back();
        self.member += 1;
        self.member
    }

    /// For this member to change; none where another has taken its place: what is called at its end is no word of
    /// the group's.
    fn by(&mut self, member: u64) -> Option<&mut Assigned> {
        (self.member == member).then_some(self)
    }

    /// What the group has given; answers with the number of this change.
    fn give(&mut self, partitions: BTreeSet<u32>) -> u64 {
        self.generation += 1;
        self.partitions = partitions;
        self.is_member = true;
        self.generation
    }

    /// What the group takes back.
    fn take_back(&mut self) -> BTreeSet<u32> {
        self.generation += 1;
        self.is_member = false;
        std::mem::take(&mut self.partitions)
    }
}

/// Hears of changes in the group, on the consumer's thread.
pub(super) struct Member {
    pub shared: Arc<Shared>,
    pub options: KafkaOptions,
    /// Which member it is.
    pub number: u64,
    pub assigned: Arc<Mutex<Assigned>>,
    /// The group has refused to take note of what is decided.
    pub has_refused: AtomicBool,
    pub log: ClientLog,
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.log.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.error(error, reason);
    }
}

impl ConsumerContext for Member {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: ErrorCode,
        list: &mut TopicPartitionList,
    ) {
        let outcome = match code {
            ErrorCode::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                // Nothing is read before its owner says from where on.
                let nothing = TopicPartitionList::new();
                let done = consumer.assign(&nothing);
                self.come(list);
                done
            }
            _ => {
                self.go();
                consumer.unassign()
            }
        };
        if let Err(error) = outcome {
            tracing::error!(%error, "a change of the group's members failed");
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            self.has_refused.store(true, Ordering::Relaxed);
            tracing::debug!(%error, "the group's offsets were not committed");
        }
    }
}

impl Member {
    /// Whether the group has refused since the last look to take note of what is decided.
    pub fn take_refused(&self) -> bool {
        self.has_refused.swap(false, Ordering::Relaxed)
    }

    fn come(&self, list: &TopicPartitionList) {
        let mut topics: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
        for element in list.elements() {
            let of_partition = topics.entry(element.partition() as u32).or_default();
            of_partition.insert(element.topic().to_owned());
        }
        let wanted: BTreeSet<String> = CONSUMED
            .iter()
            .map(|topic| self.options.full_name(topic))
            .collect();
        let count = self.shared.mailboxes.len() as u32;
        let is_complete =
            |(partition, found): (&u32, &BTreeSet<String>)| *partition < count && *found == wanted;
        if let Some((partition, found)) = topics.iter().find(|(p, t)| !is_complete((p, t))) {
            self.shared.fail(OwnerError::Torn {
                partition: *partition,
                topics: found.iter().cloned().collect(),
            });
            return;
        }
        let generation = {
            let mut assigned = self.assigned.lock();
            let Some(assigned) = assigned.by(self.number) else {
                return;
            };
            assigned.give(topics.keys().copied().collect())
        };
        tracing::info!(partitions = ?topics.keys().collect::<Vec<_>>(), "the group has given partitions to this process");
        for (partition, mailbox) in (0..).zip(self.shared.mailboxes.iter()) {
            mailbox.want(match topics.contains_key(&partition) {
                true => Wanted::Owned(generation),
                false => Wanted::Nothing,
            });
        }
        kill_point!(Rebalanced);
    }

    /// Owners finish what they are at, and rest with what they hold until it is known who goes on.
    pub fn go(&self) {
        let partitions = {
            let mut assigned = self.assigned.lock();
            let Some(assigned) = assigned.by(self.number) else {
                return;
            };
            assigned.take_back()
        };
        for partition in &partitions {
            self.shared.mailbox(*partition).want(Wanted::Parked);
        }
        kill_point!(Rebalanced);
        let until = Instant::now() + PARK_WITHIN;
        for partition in &partitions {
            if !self.shared.mailbox(*partition).wait_noted(until) {
                tracing::warn!(
                    partition,
                    "an owner has not finished its batch; the fence will stop it"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_member_takes_nothing_from_the_one_in_its_place() {
        let mut assigned = Assigned::default();
        let old = assigned.begin();
        assigned.by(old).unwrap().give(BTreeSet::from([0, 1]));
        let new = assigned.begin();
        assert!(assigned.partitions.is_empty() && !assigned.is_member);
        let generation = assigned.by(new).unwrap().give(BTreeSet::from([1]));
        assert!(assigned.by(old).is_none());
        assert_eq!(assigned.generation, generation);
        assert_eq!(assigned.by(new).unwrap().take_back(), BTreeSet::from([1]));
    }
}
