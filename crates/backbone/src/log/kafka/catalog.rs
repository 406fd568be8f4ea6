//! Which topics there are and how many partitions each has, known without asking a broker.

use crate::log::{LogError, NewRecord, Topic};
use crate::partitioner::partition_of;
use parking_lot::RwLock;
use rdkafka::metadata::Metadata;
use rustc_hash::FxHashMap;
use std::sync::Arc;

pub(super) struct Catalog {
    prefix: String,
    topics: RwLock<FxHashMap<Topic, Arc<KnownTopic>>>,
}

pub(super) struct KnownTopic {
    /// As it is called on the brokers.
    pub(super) full_name: String,
    pub(super) partitions: u32,
}

impl Catalog {
    pub(super) fn new(prefix: &str) -> Catalog {
        Catalog {
            prefix: prefix.to_owned(),
            topics: RwLock::default(),
        }
    }

    /// Adds the topics that are new. What is known stays: a partition more would move keys.
    pub(super) fn learn(&self, metadata: &Metadata) {
        let mut topics = self.topics.write();
        for found in metadata.topics() {
            let partitions = found.partitions().len() as u32;
            let Some(name) = found.name().strip_prefix(&self.prefix) else {
                continue;
            };
            if found.error().is_none() && partitions > 0 {
                topics.entry(Topic::new(name)).or_insert_with(|| {
                    Arc::new(KnownTopic {
                        full_name: found.name().to_owned(),
                        partitions,
                    })
                });
            }
        }
    }

    /// The names of all topics that are known.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.topics.read().keys().map(Topic::to_string).collect();
        names.sort_unstable();
        names
    }

    pub(super) fn topic(&self, topic: &Topic) -> Option<Arc<KnownTopic>> {
        self.topics.read().get(topic).cloned()
    }

    /// The topic, if it has this partition.
    pub(super) fn place(&self, topic: &Topic, partition: u32) -> Result<Arc<KnownTopic>, LogError> {
        let known = self
            .topic(topic)
            .filter(|known| partition < known.partitions);
        known.ok_or_else(|| LogError::UnknownPartition {
            topic: topic.to_string(),
            partition,
        })
    }

    /// Where a record goes: the partition it names, otherwise its key's.
    pub(super) fn destination(
        &self,
        record: &NewRecord,
    ) -> Result<(Arc<KnownTopic>, u32), LogError> {
        let known = self.place(&record.topic, record.partition.unwrap_or(0))?;
        let partition = record
            .partition
            .unwrap_or_else(|| partition_of(&record.key, known.partitions));
        Ok((known, partition))
    }
}
