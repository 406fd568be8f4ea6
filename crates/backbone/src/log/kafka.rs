//! The event log on Apache Kafka: what several gateways and backends share.
//!
//! [`KafkaLog`] is the port's adapter. [`settings`] and [`KafkaOffsets`] are for those who need more than the
//! port has: members of a group, publishers with an outbox of their own.

mod catalog;
mod describe;
mod error;
pub mod groups;
mod hearing;
mod leader_hints;
mod offsets;
mod options;
mod paced;
mod pending;
mod reader;
mod records;
pub mod retention;
mod sender;
pub mod settings;
mod threads;
mod topics;
mod walk;

#[cfg(test)]
mod tests;

pub use describe::{KnownGroup, PartitionCopies, TopicSetting, TopicSettings};
pub use error::KafkaLogError;
pub use hearing::Hearing;
pub use offsets::KafkaOffsets;
pub use options::{
    KafkaOptionError, KafkaOptions, KafkaSecurity, KafkaTls, Password, SaslMechanism,
};
pub use paced::{DeliveryContext, GIVEN_BACK, PacedProducer};
pub use records::{incoming, record_bytes_read};

use super::{
    Appended, Bounds, EventLog, LogError, NewRecord, Span, Start, Subscription, Topic, Walk, Way,
};
use crate::topics::TopicSpec;
use async_trait::async_trait;
use blazing_sun_domain::Millis;
use catalog::Catalog;
use describe::GroupClients;
use parking_lot::Mutex;
use reader::Readers;
use sender::Sender;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use threads::Threads;
use topics::TopicMaker;
use walk::KafkaWalk;

/// What the ends of all clients may take beyond what appends may wait.
const CLOSE_MARGIN: Duration = Duration::from_secs(2);

/// A log on Kafka. Clones are handles of the same log: the last one to go ends its producer in the
/// background, once what was taken is acknowledged or `append_wait` is over. Subscriptions are their own.
///
/// Beyond what [`EventLog`] says:
/// - An append's records go out together and in order, with no other append's between them, but Kafka may
///   have taken only some of them when an append ends in an error.
/// - An append that is not acknowledged within `append_wait` is answered with [`LogError::Storage`], and with it
///   everything that was taken after it, so that none of these can overtake another. They may still
///   be in the log, or even come to be there later, as those of a process that was killed. Until a
///   broker answers again, appends are refused with [`LogError::Unavailable`].
/// - Offsets are dense unless other programs write transactions, or compaction is set on a topic.
/// - If brokers lost the end of a partition (a power failure, an unclean election), a reader goes on
///   where it now ends; if that can not be told, from the earliest record kept.
#[derive(Clone)]
pub struct KafkaLog {
    handle: Arc<Handle>,
}

struct Handle {
    options: Arc<KafkaOptions>,
    catalog: Arc<Catalog>,
    offsets: KafkaOffsets,
    sender: Arc<Sender>,
    readers: Readers,
    threads: Threads,
    group_clients: Mutex<GroupClients>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.sender.close();
        for (_, client) in std::mem::take(&mut *self.group_clients.lock()) {
            self.threads.retire(client);
        }
    }
}

impl KafkaLog {
    /// Connects, which waits for a broker's answer, at most `request_wait`. With a group, what subscriptions
    /// have handed out is written as its offsets about once a second, so that Kafka's own tools show
    /// its lag; the group has no members.
    pub fn connect(options: KafkaOptions, group: Option<String>) -> Result<KafkaLog, LogError> {
        let (options, threads) = (Arc::new(options), Threads::default());
        let offsets = KafkaOffsets::connect_with(&options, threads.clone())?;
        let catalog = Arc::new(Catalog::new(&options.topic_prefix));
        offsets.refresh(&catalog)?;
        let sender = Sender::start(&options, &catalog, &offsets, &threads)?;
        let readers = Readers {
            options: Arc::clone(&options),
            group,
            catalog: Arc::clone(&catalog),
            offsets: offsets.clone(),
            threads: threads.clone(),
            is_closed: Arc::new(AtomicBool::new(false)),
            #[cfg(test)]
            deafens: Arc::default(),
        };
        Ok(KafkaLog {
            handle: Arc::new(Handle {
                options,
                catalog,
                offsets,
                sender,
                readers,
                threads,
                group_clients: Mutex::default(),
            }),
        })
    }

    /// Takes no more appends, waits for the acknowledgements of those taken, ends all subscriptions and
    /// has their last positions written. Gives whether all of it came to its end in time; what did not
    /// was answered, and holds up nobody.
    pub async fn close(&self) -> bool {
        self.handle.sender.close();
        self.handle.readers.is_closed.store(true, Ordering::Relaxed);
        let threads = self.handle.threads.clone();
        let at_most = self.handle.options.append_wait + CLOSE_MARGIN;
        let waiter = Threads::default();
        waiter
            .ask(move || Ok(threads.wait(at_most)))
            .await
            .unwrap_or(false)
    }

    /// Asks the brokers for offsets, on this log's connection.
    pub fn offsets(&self) -> &KafkaOffsets {
        &self.handle.offsets
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    /// Topics that are made keep records for `retention_ms` and, where there are three copies or more, need
    /// two to acknowledge. Those that exist stay as they are.
    async fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        let maker = TopicMaker {
            options: Arc::clone(&self.handle.options),
            offsets: self.handle.offsets.clone(),
            catalog: Arc::clone(&self.handle.catalog),
            threads: self.handle.threads.clone(),
        };
        maker.ensure(topics.to_vec()).await
    }

    fn append(&self, records: Vec<NewRecord>, appended: Appended) -> Result<(), LogError> {
        self.handle.sender.append(records, appended)
    }

    /// Waits for the brokers' answer, at most `request_wait`: the end must be known before this returns.
    fn subscribe(&self, from: Vec<(Topic, u32, Start)>) -> Result<Box<dyn Subscription>, LogError> {
        self.handle.readers.subscribe(from)
    }

    async fn bounds(&self, topic: &Topic) -> Result<Vec<Bounds>, LogError> {
        let (offsets, catalog) = (
            self.handle.offsets.clone(),
            Arc::clone(&self.handle.catalog),
        );
        let (topic, wait) = (topic.clone(), self.handle.options.request_wait);
        let bounds = move || {
            if catalog.topic(&topic).is_none() {
                offsets.refresh(&catalog)?;
            }
            let known = catalog.place(&topic, 0)?;
            let places: Vec<_> = (0..known.partitions)
                .map(|partition| (topic.clone(), partition))
                .collect();
            offsets.bounds(&places, wait)
        };
        self.handle.threads.ask(bounds).await
    }

    async fn since(&self, topic: &Topic, at: Millis) -> Result<Vec<u64>, LogError> {
        let topics = std::slice::from_ref(topic);
        let Some((_, spans)) = self.written_since(topics, at).await?.pop() else {
            let topic = topic.to_string();
            return Err(LogError::UnknownPartition {
                topic,
                partition: 0,
            });
        };
        Ok(spans.iter().map(|span| span.from).collect())
    }

    /// A few requests for all topics, where one topic after the other would take a few each.
    async fn written_since(
        &self,
        topics: &[Topic],
        at: Millis,
    ) -> Result<Vec<(Topic, Vec<Span>)>, LogError> {
        let places = self.places_of(topics.to_vec()).await?;
        let (offsets, wait) = (
            self.handle.offsets.clone(),
            self.handle.options.request_wait,
        );
        let ask = move || {
            let ends = offsets.ends(&places, wait)?;
            let since = offsets.since(&places, at, wait)?;
            let mut written: Vec<(Topic, Vec<Span>)> = Vec::new();
            for (((topic, partition), end), from) in places.into_iter().zip(ends).zip(since) {
                // Where nothing is as new, what comes next is.
                let from = from.map_or(end, |from| from.min(end));
                let span = Span {
                    partition,
                    from,
                    to: end,
                };
                match written.last_mut().filter(|(last, _)| *last == topic) {
                    Some((_, spans)) => spans.push(span),
                    None => written.push((topic, vec![span])),
                }
            }
            Ok(written)
        };
        self.handle.threads.ask(ask).await
    }

    /// Joins no group. A walk's consumer is made with its first question, and ends with it.
    fn walk(&self, topic: &Topic, way: Way, spans: Vec<Span>) -> Result<Box<dyn Walk>, LogError> {
        let handle = &self.handle;
        if spans
            .iter()
            .any(|span| handle.catalog.place(topic, span.partition).is_err())
        {
            handle.offsets.refresh(&handle.catalog)?;
        }
        for span in &spans {
            handle.catalog.place(topic, span.partition)?;
        }
        let (options, threads) = (Arc::clone(&handle.options), handle.threads.clone());
        Ok(Box::new(KafkaWalk::new(
            options, threads, topic, way, spans,
        )))
    }
}
