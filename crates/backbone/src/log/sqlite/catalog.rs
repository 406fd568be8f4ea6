//! Which topics there are, and their offsets in memory.

use super::codec::Section;
use crate::log::{Bounds, LogError, Topic};
use crate::partitioner::partition_of;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Topics whose name starts with this are the engine's own.
const INTERNAL: char = '_';

/// A topic. `ends` and `earliest` are those of batches that readers may see.
#[derive(Debug)]
pub(super) struct TopicEntry {
    pub id: u32,
    pub topic: Topic,
    pub is_internal: bool,
    /// The place of partition 0 among the partitions of all topics.
    pub first_slot: usize,
    /// The offsets that the writer gives next.
    pub next: Box<[AtomicU64]>,
    pub ends: Box<[AtomicU64]>,
    pub earliest: Box<[AtomicU64]>,
}

impl TopicEntry {
    pub(super) fn partitions(&self) -> u32 {
        self.ends.len() as u32
    }

    pub(super) fn bounds(&self) -> Vec<Bounds> {
        let load = |offset: &AtomicU64| offset.load(Ordering::Acquire);
        (self.earliest.iter().zip(&self.ends))
            .map(|(earliest, end)| Bounds {
                earliest: load(earliest),
                end: load(end),
            })
            .collect()
    }

    /// The partition asked for, or the one of the key.
    pub(super) fn partition(&self, wanted: Option<u32>, key: &[u8]) -> Result<u32, LogError> {
        match wanted {
            None => Ok(partition_of(key, self.partitions())),
            Some(partition) if partition < self.partitions() => Ok(partition),
            Some(partition) => Err(unknown(&self.topic, partition)),
        }
    }
}

pub(super) fn unknown(topic: &Topic, partition: u32) -> LogError {
    LogError::UnknownPartition {
        topic: topic.to_string(),
        partition,
    }
}

/// All topics; grows by replacement.
#[derive(Debug, Clone, Default)]
pub(super) struct Catalog {
    by_name: FxHashMap<Topic, Arc<TopicEntry>>,
    by_id: Vec<Option<Arc<TopicEntry>>>,
    slots: usize,
}

impl Catalog {
    /// Adds a topic that is not there yet.
    pub(super) fn add(&mut self, id: u32, name: &str, partitions: u32) {
        let topic = Topic::new(name);
        if self.by_name.contains_key(&topic) {
            return;
        }
        let zeroes = || (0..partitions).map(|_| AtomicU64::new(0)).collect();
        let entry = Arc::new(TopicEntry {
            id,
            topic: topic.clone(),
            is_internal: name.starts_with(INTERNAL),
            first_slot: self.slots,
            next: zeroes(),
            ends: zeroes(),
            earliest: zeroes(),
        });
        self.slots += partitions as usize;
        let index = id as usize;
        if self.by_id.len() <= index {
            self.by_id.resize(index + 1, None);
        }
        self.by_id[index] = Some(Arc::clone(&entry));
        self.by_name.insert(topic, entry);
    }

    pub(super) fn get(&self, topic: &Topic) -> Option<&Arc<TopicEntry>> {
        self.by_name.get(topic)
    }

    pub(super) fn by_id(&self, id: u32) -> Option<&Arc<TopicEntry>> {
        self.by_id.get(id as usize)?.as_ref()
    }

    /// The partitions of all topics together.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Arc<TopicEntry>> {
        self.by_id.iter().flatten()
    }

    /// The partition's entry, if the section names one that exists.
    pub(super) fn entry_of(&self, section: &Section) -> Option<&Arc<TopicEntry>> {
        self.by_id(section.topic_id)
            .filter(|entry| section.partition < entry.partitions())
    }

    /// All next offsets, as the codec writes them.
    pub(super) fn next(&self) -> Vec<(u32, Vec<u64>)> {
        self.offsets(|entry| &entry.next)
    }

    /// All earliest offsets, likewise.
    pub(super) fn earliest(&self) -> Vec<(u32, Vec<u64>)> {
        self.offsets(|entry| &entry.earliest)
    }

    fn offsets(&self, of: impl Fn(&TopicEntry) -> &[AtomicU64]) -> Vec<(u32, Vec<u64>)> {
        self.entries()
            .map(|entry| {
                let offsets = of(entry)
                    .iter()
                    .map(|offset| offset.load(Ordering::Acquire));
                (entry.id, offsets.collect())
            })
            .collect()
    }
}
