//! The event log port: what the product asks of the thing that carries its messages, and its adapters.

pub mod kafka;
pub mod memory;
pub mod sqlite;
mod walk;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

use crate::topics::TopicSpec;
use async_trait::async_trait;
use blazing_sun_domain::Millis;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

pub use walk::{Span, Walk, Way};

/// A topic's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Arc<str>);

impl Topic {
    /// The topic of this name.
    pub fn new(name: &str) -> Topic {
        Topic(name.into())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Record headers: names with values, in order, held encoded in one allocation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(Bytes);

/// Collects headers.
#[derive(Debug)]
pub struct HeadersBuilder(Vec<u8>);

/// Room for a record's usual headers, so that collecting them allocates once.
const HEADERS_BYTES: usize = 320;

impl Default for HeadersBuilder {
    fn default() -> Self {
        HeadersBuilder(Vec::with_capacity(HEADERS_BYTES))
    }
}

/// Adds a header in its encoded form; a name has at most 255 bytes, and what is longer is cut.
pub fn put_header(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    let name = &name.as_bytes()[..name.len().min(255)];
    out.push(name.len() as u8);
    out.extend_from_slice(name);
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(value);
}

/// The same for a value that `write` adds.
pub fn put_header_with(out: &mut Vec<u8>, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
    put_header(out, name, &[]);
    let at = out.len();
    write(out);
    let length = (out.len() - at) as u32;
    out[at - 4..at].copy_from_slice(&length.to_le_bytes());
}

impl HeadersBuilder {
    /// No headers yet, and room for so many bytes of them.
    pub fn with_capacity(bytes: usize) -> HeadersBuilder {
        HeadersBuilder(Vec::with_capacity(bytes))
    }

    /// Adds a header; a name has at most 255 bytes, and what is longer is cut.
    pub fn push(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Self {
        put_header(&mut self.0, name, value.as_ref());
        self
    }

    /// The headers.
    pub fn build(self) -> Headers {
        Headers(self.0.into())
    }
}

impl Headers {
    /// The first value under this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter()
            .find(|(found, _)| *found == name.as_bytes())
            .map(|(_, value)| value)
    }

    /// The first value under this name, as text.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// All headers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest: &[u8] = &self.0;
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first()?;
            let (name, after) = after.split_at_checked(usize::from(*length))?;
            let (length, after) = after.split_first_chunk::<4>()?;
            let (value, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = after;
            Some((name, value))
        })
    }

    /// The encoded form: for each header a byte with the name's length, the name, the value's length
    /// as u32 little-endian, the value.
    pub fn encoded(&self) -> &Bytes {
        &self.0
    }

    /// Headers from their encoded form.
    pub fn from_encoded(encoded: Bytes) -> Headers {
        Headers(encoded)
    }
}

/// A record to append.
#[derive(Debug, Clone)]
pub struct NewRecord {
    /// Where to.
    pub topic: Topic,
    /// Where exactly; none: the key's murmur2 decides, as with Kafka's own clients.
    pub partition: Option<u32>,
    /// The room's or user's id.
    pub key: Bytes,
    /// For routing without parsing.
    pub headers: Headers,
    /// The JSON text.
    pub payload: Bytes,
}

/// A record as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where from.
    pub topic: Topic,
    /// Its partition.
    pub partition: u32,
    /// Its place in the partition, dense from 0 where nobody writes in transactions.
    pub offset: u64,
    /// When it was appended.
    pub timestamp: Millis,
    /// The room's or user's id.
    pub key: Bytes,
    /// For routing without parsing.
    pub headers: Headers,
    /// The JSON text.
    pub payload: Bytes,
}

/// Where an appended record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Its partition.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
}

/// Where a reader begins in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the next record that is appended.
    End,
    /// With this offset, or the earliest kept after it.
    Offset(u64),
}

/// A partition's bounds: offsets from `earliest` up to, not including, `end` can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The oldest kept.
    pub earliest: u64,
    /// One past the newest, which may be no record: [`Subscription::passed`].
    pub end: u64,
}

/// Why the log could not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    /// The bounded buffer is full or the log cannot be reached; nothing was taken: try again later.
    #[error("the event log takes nothing right now")]
    Unavailable,
    /// No such topic or partition.
    #[error("the event log has no partition {partition} of topic `{topic}`")]
    UnknownPartition {
        /// The topic asked for.
        topic: String,
        /// The partition asked for.
        partition: u32,
    },
    /// A topic exists with another number of partitions.
    #[error(
        "topic `{topic}` has {found} partitions, this deployment needs {wanted}: the number can not be \
         changed afterwards; set `log.partitions` to {found}, or start on an empty log"
    )]
    PartitionCount {
        /// The topic.
        topic: String,
        /// As it exists.
        found: u32,
        /// As it is configured.
        wanted: u32,
    },
    /// A record is larger than the log takes; nothing was taken.
    #[error("a record for topic `{topic}` has {bytes} bytes, the event log takes up to {max}")]
    TooLarge {
        /// Where it was to go.
        topic: String,
        /// Its key, headers and payload.
        bytes: usize,
        /// How many are taken.
        max: usize,
    },
    /// The storage failed; whether the append took place is unknown.
    #[error("the event log failed")]
    Storage(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The log is closed.
    #[error("the event log is closed")]
    Closed,
}

/// Called exactly once per accepted append: with the positions in the order of the records once all
/// are durable, or with the error. It runs on the log's own thread and must not block.
pub type Appended = Box<dyn FnOnce(Result<Vec<Position>, LogError>) + Send>;

/// A durable, partitioned, append-only log.
///
/// Guarantees: records of one partition are read in the order of their offsets, which are dense where no other program
/// writes in transactions;
/// appends from one caller to one partition keep their order; what was acknowledged survives a
/// kill at any instant; a record is never read before it is durable; a slow reader delays neither
/// writers nor other readers, and still gets every record that retention keeps.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Makes the topics that are missing; one that exists with another number of partitions is an error.
    async fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError>;

    /// Takes the records, to be appended together and in order. An error here means that nothing
    /// was taken and that `appended` will not be called.
    fn append(&self, records: Vec<NewRecord>, appended: Appended) -> Result<(), LogError>;

    /// Reads the given partitions from the given places on, for ever.
    fn subscribe(&self, from: Vec<(Topic, u32, Start)>) -> Result<Box<dyn Subscription>, LogError>;

    /// The bounds of each partition of a topic, in order.
    async fn bounds(&self, topic: &Topic) -> Result<Vec<Bounds>, LogError>;

    /// Where to begin in each partition of a topic, in order, so that nothing appended from this instant on is
    /// missed. What is older may come too.
    async fn since(&self, topic: &Topic, at: Millis) -> Result<Vec<u64>, LogError> {
        let _ = at;
        let bounds = self.bounds(topic).await?;
        Ok(bounds.iter().map(|bounds| bounds.earliest).collect())
    }

    /// What was written from this instant on to each partition of those of these topics that there are, in order. Older
    /// records may be in it.
    async fn written_since(
        &self,
        topics: &[Topic],
        at: Millis,
    ) -> Result<Vec<(Topic, Vec<Span>)>, LogError> {
        let mut written = Vec::with_capacity(topics.len());
        for topic in topics {
            let bounds = match self.bounds(topic).await {
                Err(LogError::UnknownPartition { .. }) => continue,
                bounds => bounds?,
            };
            let since = self.since(topic, at).await?;
            let spans = (0..).zip(bounds).zip(since);
            let spans = spans.map(|((partition, bounds), from)| Span {
                partition,
                from: from.min(bounds.end),
                to: bounds.end,
            });
            written.push((topic.clone(), spans.collect()));
        }
        Ok(written)
    }

    /// Looks through these spans of a topic, which lie within its bounds. A log that can not is `Unavailable`.
    fn walk(&self, topic: &Topic, way: Way, spans: Vec<Span>) -> Result<Box<dyn Walk>, LogError> {
        let _ = (topic, way, spans);
        Err(LogError::Unavailable)
    }
}

/// A reader of some partitions.
#[async_trait]
pub trait Subscription: Send {
    /// The next records, in order within each partition; none where only what is no record was passed, which
    /// [`Subscription::passed`] tells. Cancel-safe.
    async fn next(&mut self) -> Result<Vec<Record>, LogError>;

    /// Where partitions go on of which the last call of `next` passed what is no record: Kafka gives offsets to the
    /// marks of transactions, too. Who waits for an end has to ask. It is told once.
    fn passed(&mut self) -> Vec<(Topic, u32, u64)> {
        Vec::new()
    }
}

impl dyn EventLog {
    /// Appends and waits until it is durable.
    pub async fn append_and_wait(
        &self,
        records: Vec<NewRecord>,
    ) -> Result<Vec<Position>, LogError> {
        self.append_now(records)?.await
    }

    /// Appends at once, after what was appended before; the future ends when it is durable.
    pub fn append_now(
        &self,
        records: Vec<NewRecord>,
    ) -> Result<impl Future<Output = Result<Vec<Position>, LogError>> + use<>, LogError> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.append(records, Box::new(move |outcome| drop(sender.send(outcome))))?;
        Ok(async { receiver.await.unwrap_or(Err(LogError::Closed)) })
    }
}
