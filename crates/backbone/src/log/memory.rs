//! A log in memory, for tests alone: nothing of it survives the process.

use super::walk::{Head, merge};
use super::{
    Appended, Bounds, EventLog, LogError, NewRecord, Position, Record, Span, Start, Subscription,
    Topic, Walk, Way,
};
use crate::partitioner::partition_of;
use crate::topics::TopicSpec;
use async_trait::async_trait;
use blazing_sun_domain::Millis;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::sync::watch;

/// A log in memory. Clones are handles of the same log.
#[derive(Clone)]
pub struct MemoryLog {
    state: Arc<Mutex<State>>,
    appended: Arc<watch::Sender<()>>,
}

#[derive(Default)]
struct State {
    topics: BTreeMap<Topic, Vec<Vec<Record>>>,
    now: Millis,
}

impl State {
    fn partition(&self, topic: &Topic, partition: u32) -> Result<&Vec<Record>, LogError> {
        let found = self
            .topics
            .get(topic)
            .and_then(|topic| topic.get(partition as usize));
        found.ok_or_else(|| LogError::UnknownPartition {
            topic: topic.to_string(),
            partition,
        })
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        MemoryLog {
            state: Arc::default(),
            appended: Arc::new(watch::Sender::new(())),
        }
    }
}

impl MemoryLog {
    /// Sets the time that records are given from now on.
    pub fn set_now(&self, now: Millis) {
        self.state.lock().now = now;
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        let mut state = self.state.lock();
        for TopicSpec {
            name, partitions, ..
        } in topics
        {
            match state.topics.get(&Topic::new(name)) {
                Some(found) if found.len() != *partitions as usize => {
                    return Err(LogError::PartitionCount {
                        topic: name.clone(),
                        found: found.len() as u32,
                        wanted: *partitions,
                    });
                }
                _ => (),
            }
        }
        for TopicSpec {
            name, partitions, ..
        } in topics
        {
            let missing = || vec![Vec::new(); *partitions as usize];
            state.topics.entry(Topic::new(name)).or_insert_with(missing);
        }
        Ok(())
    }

    fn append(&self, records: Vec<NewRecord>, appended: Appended) -> Result<(), LogError> {
        let mut state = self.state.lock();
        for record in &records {
            state.partition(&record.topic, record.partition.unwrap_or(0))?;
        }
        let now = state.now;
        let mut positions = Vec::with_capacity(records.len());
        for NewRecord {
            topic,
            partition,
            key,
            headers,
            payload,
        } in records
        {
            let Some(partitions) = state.topics.get_mut(&topic) else {
                continue;
            };
            let by_key = || partition_of(&key, partitions.len() as u32);
            let partition = partition.unwrap_or_else(by_key);
            let records = &mut partitions[partition as usize];
            let offset = records.len() as u64;
            positions.push(Position { partition, offset });
            records.push(Record {
                topic,
                partition,
                offset,
                timestamp: now,
                key,
                headers,
                payload,
            });
        }
        drop(state);
        self.appended.send_replace(());
        appended(Ok(positions));
        Ok(())
    }

    fn subscribe(&self, from: Vec<(Topic, u32, Start)>) -> Result<Box<dyn Subscription>, LogError> {
        let state = self.state.lock();
        let places = from.into_iter().map(|(topic, partition, start)| {
            let end = state.partition(&topic, partition)?.len() as u64;
            let next = match start {
                Start::End => end,
                Start::Offset(offset) => offset,
            };
            Ok((topic, partition, next))
        });
        Ok(Box::new(MemorySubscription {
            places: places.collect::<Result<_, LogError>>()?,
            log: self.clone(),
            appended: self.appended.subscribe(),
        }))
    }

    async fn bounds(&self, topic: &Topic) -> Result<Vec<Bounds>, LogError> {
        let state = self.state.lock();
        state.partition(topic, 0)?;
        let partitions = state.topics.get(topic).into_iter().flatten();
        Ok(partitions
            .map(|records| Bounds {
                earliest: 0,
                end: records.len() as u64,
            })
            .collect())
    }

    fn walk(&self, topic: &Topic, way: Way, spans: Vec<Span>) -> Result<Box<dyn Walk>, LogError> {
        let state = self.state.lock();
        let heads = spans.into_iter().map(|span| {
            let all = state.partition(topic, span.partition)?;
            let kept = all.iter().filter(|record| span.covers(record.offset));
            let mut buffered: VecDeque<Record> = kept.cloned().collect();
            if way == Way::Back {
                buffered.make_contiguous().reverse();
            }
            Ok(Head {
                buffered,
                is_whole: true,
            })
        });
        let heads = heads.collect::<Result<_, LogError>>()?;
        Ok(Box::new(MemoryWalk { way, heads }))
    }
}

/// What a walk hands out at once.
const WALK_RECORDS: usize = 512;

struct MemoryWalk {
    way: Way,
    heads: Vec<Head>,
}

#[async_trait]
impl Walk for MemoryWalk {
    async fn next(&mut self) -> Result<Vec<Record>, LogError> {
        Ok(merge(self.way, self.heads.iter_mut(), WALK_RECORDS))
    }
}

struct MemorySubscription {
    log: MemoryLog,
    places: Vec<(Topic, u32, u64)>,
    appended: watch::Receiver<()>,
}

#[async_trait]
impl Subscription for MemorySubscription {
    async fn next(&mut self) -> Result<Vec<Record>, LogError> {
        loop {
            self.appended.borrow_and_update();
            let mut records = Vec::new();
            {
                let state = self.log.state.lock();
                for (topic, partition, next) in &mut self.places {
                    let all = state.partition(topic, *partition)?;
                    let new = all.get(*next as usize..).unwrap_or(&[]);
                    *next += new.len() as u64;
                    records.extend_from_slice(new);
                }
            }
            if !records.is_empty() {
                return Ok(records);
            }
            if self.appended.changed().await.is_err() {
                return Err(LogError::Closed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::conformance::{self, Harness, Stalled};

    #[async_trait]
    impl Harness for MemoryLog {
        async fn open(&self) -> Arc<dyn EventLog> {
            self.set_now(Millis(1));
            Arc::new(self.clone())
        }

        async fn stalled(&self, _: usize) -> Option<Stalled> {
            None
        }

        async fn expire(&self) -> bool {
            false
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn conforms() {
        conformance::run(&MemoryLog::default()).await;
    }
}
