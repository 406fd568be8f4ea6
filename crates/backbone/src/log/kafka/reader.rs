//! Subscriptions: a consumer on a thread of its own, which hands over through a bounded channel. It is told
//! its partitions and takes part in no group; a group's offsets are written for Kafka's own tools alone. A
//! consumer that is deaf is replaced by one that goes on at the next offsets.

use super::catalog::{Catalog, KnownTopic};
use super::error::{KafkaLogError, client_error};
use super::hearing::Hearing;
use super::offsets::KafkaOffsets;
use super::options::KafkaOptions;
use super::records::{incoming, record_bytes_read};
use super::settings::{self, ClientLog};
use super::threads::Threads;
use crate::log::{Bounds, LogError, Record, Start, Subscription, Topic};
use async_trait::async_trait;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long the thread waits for records before it looks at the clock.
const POLL: Duration = Duration::from_millis(100);
/// Records handed over at once.
const CHUNK_RECORDS: usize = 512;
/// Bytes handed over at once, about.
const CHUNK_BYTES: usize = 1 << 20;
/// How many times that may wait for the reader.
const CHUNKS: usize = 4;
/// How often positions that moved are written.
const COMMIT_INTERVAL: Duration = Duration::from_secs(1);
/// How often all are, so that none expires while its partition is silent.
const COMMIT_ALL_INTERVAL: Duration = Duration::from_secs(600);
/// How long the last positions are waited for.
const LAST_COMMIT_WAIT: Duration = Duration::from_millis(500);

/// How often it is looked, while records come, for partitions whose last offsets are no records.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long a deaf consumer's thread waits to be told where partitions begin and end.
const BOUNDS_WAIT: Duration = Duration::from_secs(2);

/// What a log and all its readers share.
#[derive(Clone)]
pub(super) struct Readers {
    pub(super) options: Arc<KafkaOptions>,
    pub(super) group: Option<String>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) offsets: KafkaOffsets,
    pub(super) threads: Threads,
    pub(super) is_closed: Arc<AtomicBool>,
    /// Has the next reader that looks read by a consumer that hears nobody.
    #[cfg(test)]
    pub(super) deafens: Arc<AtomicBool>,
}

struct Place {
    topic: Topic,
    full_name: String,
    partition: u32,
    /// What is to be read next; at first, where the reader begins.
    next: u64,
    /// Whether a record from there on was seen: before, a log that has not grown so far may give older ones.
    has_started: bool,
}

struct Chunk {
    records: Vec<Record>,
    /// For each of these places, one past its last record in the chunk; in one without records, where it goes on.
    ends: Vec<(usize, u64)>,
}

struct KafkaSubscription {
    chunks: mpsc::Receiver<Result<Chunk, LogError>>,
    /// Each place's topic and partition.
    places: Arc<[(Topic, u32)]>,
    passed: Vec<(usize, u64)>,
    handed_out: Arc<[AtomicU64]>,
}

#[async_trait]
impl Subscription for KafkaSubscription {
    async fn next(&mut self) -> Result<Vec<Record>, LogError> {
        let chunk = self.chunks.recv().await.unwrap_or(Err(LogError::Closed))?;
        for (place, end) in &chunk.ends {
            self.handed_out[*place].store(*end, Ordering::Relaxed);
        }
        self.passed.clear();
        if chunk.records.is_empty() {
            self.passed = chunk.ends;
        }
        Ok(chunk.records)
    }

    fn passed(&mut self) -> Vec<(Topic, u32, u64)> {
        let passed = self.passed.drain(..).map(|(place, next)| {
            let (topic, partition) = &self.places[place];
            (topic.clone(), *partition, next)
        });
        passed.collect()
    }
}

impl Readers {
    /// Asks the brokers where the partitions begin and end, which it waits for, and starts to read.
    pub(super) fn subscribe(
        &self,
        from: Vec<(Topic, u32, Start)>,
    ) -> Result<Box<dyn Subscription>, LogError> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(LogError::Closed);
        }
        let known = self.known(&from)?;
        let asked: Vec<(Topic, u32)> = from
            .iter()
            .map(|(topic, partition, _)| (topic.clone(), *partition))
            .collect();
        let bounds = self.offsets.bounds(&asked, self.options.request_wait)?;
        let mut places = Vec::with_capacity(from.len());
        let mut first = TopicPartitionList::with_capacity(from.len());
        for (((topic, partition, start), known), bounds) in from.into_iter().zip(known).zip(bounds)
        {
            let Bounds { earliest, end } = bounds;
            let start = match start {
                Start::End => end,
                Start::Offset(offset) => offset.max(earliest),
            };
            // Kafka takes an offset past the end for a mistake, and would begin at the earliest.
            first
                .add_partition_offset(
                    &known.full_name,
                    partition as i32,
                    Offset::Offset(start.min(end) as i64),
                )
                .map_err(KafkaLogError::library("a partition can not be read"))?;
            places.push(Place {
                topic,
                full_name: known.full_name.clone(),
                partition,
                next: start,
                has_started: false,
            });
        }
        self.start(places, &first)
    }

    /// The topics, looked for again if one is not known.
    fn known(&self, from: &[(Topic, u32, Start)]) -> Result<Vec<Arc<KnownTopic>>, LogError> {
        let find = || {
            from.iter()
                .map(|(topic, partition, _)| self.catalog.place(topic, *partition))
                .collect()
        };
        let known: Result<Vec<_>, LogError> = find();
        if known.is_err() {
            self.offsets.refresh(&self.catalog)?;
            return find();
        }
        known
    }

    fn start(
        &self,
        places: Vec<Place>,
        first: &TopicPartitionList,
    ) -> Result<Box<dyn Subscription>, LogError> {
        let consumer = self.consumer(first)?;
        let handed_out: Arc<[AtomicU64]> = places
            .iter()
            .map(|place| AtomicU64::new(place.next))
            .collect();
        let (sender, chunks) = mpsc::channel(CHUNKS);
        let mut index: FxHashMap<String, Vec<Option<usize>>> = FxHashMap::default();
        for (at, place) in places.iter().enumerate() {
            let of_topic = index.entry(place.full_name.clone()).or_default();
            let partition = place.partition as usize;
            of_topic.resize(of_topic.len().max(partition + 1), None);
            of_topic[partition] = Some(at);
        }
        let named = places.iter();
        let named = named
            .map(|place| (place.topic.clone(), place.partition))
            .collect();
        let reader = Reader {
            shared: self.clone(),
            consumer,
            hearing: Hearing::default(),
            committed: self.group.as_ref().map(|_| vec![None; places.len()]),
            commits_asked: 0,
            places,
            index,
            chunks: sender,
            handed_out: Arc::clone(&handed_out),
        };
        self.threads.start("kafka-reader", move || reader.run())?;
        Ok(Box::new(KafkaSubscription {
            chunks,
            places: named,
            passed: Vec::new(),
            handed_out,
        }))
    }

    /// A consumer that reads from there.
    fn consumer(
        &self,
        first: &TopicPartitionList,
    ) -> Result<BaseConsumer<ClientLog>, KafkaLogError> {
        let consumer: BaseConsumer<ClientLog> =
            settings::reader(&self.options, self.group.as_deref())
                .create_with_context(ClientLog::default())
                .map_err(client_error)?;
        if let Err(error) = consumer.assign(first) {
            self.threads.retire(consumer);
            return Err(KafkaLogError::library("partitions can not be read")(error));
        }
        Ok(consumer)
    }
}

struct Reader {
    shared: Readers,
    consumer: BaseConsumer<ClientLog>,
    hearing: Hearing,
    places: Vec<Place>,
    /// By name on the brokers and partition: the place.
    index: FxHashMap<String, Vec<Option<usize>>>,
    chunks: mpsc::Sender<Result<Chunk, LogError>>,
    handed_out: Arc<[AtomicU64]>,
    /// What was committed of each place; none at all where no group is.
    committed: Option<Vec<Option<u64>>>,
    commits_asked: usize,
}

impl Reader {
    fn run(mut self) {
        let mut committed_at = None;
        let mut all_committed_at = Instant::now();
        let mut looked_at = Instant::now();
        while !self.shared.is_closed.load(Ordering::Relaxed) && !self.chunks.is_closed() {
            #[cfg(test)]
            self.deafen_if_wanted();
            if !self.read_on(&mut looked_at) {
                break;
            }
            let now = Instant::now();
            if now.duration_since(all_committed_at) > COMMIT_ALL_INTERVAL {
                self.committed
                    .iter_mut()
                    .flatten()
                    .for_each(|at| *at = None);
                all_committed_at = now;
            }
            if committed_at.is_none_or(|at| now.duration_since(at) > COMMIT_INTERVAL) {
                self.commit();
                committed_at = Some(now);
            }
        }
        let is_asked = self.commit();
        let Reader {
            consumer,
            chunks,
            commits_asked,
            ..
        } = self;
        // Before the consumer ends, which may take as long as the brokers like.
        drop(chunks);
        let deadline = Instant::now() + LAST_COMMIT_WAIT;
        let answered = || consumer.client().context().commits_answered();
        while is_asked && Instant::now() < deadline && commits_asked > answered() {
            // What is still read meanwhile is nobody's.
            drop(consumer.poll(POLL));
        }
    }

    /// Hands over what comes; whether anybody takes it.
    fn read_on(&mut self, looked_at: &mut Instant) -> bool {
        let chunk = self.read();
        let is_silent = chunk.is_none();
        let is_taken = chunk.is_none_or(|chunk| self.hand_over(chunk));
        if is_taken && (is_silent || looked_at.elapsed() > LOOK_INTERVAL) {
            *looked_at = Instant::now();
            match self.pass() {
                Some(chunk) => return self.hand_over(Ok(chunk)),
                None if is_silent => self.listen(),
                None => (),
            }
        }
        is_taken
    }

    fn hand_over(&mut self, chunk: Result<Chunk, LogError>) -> bool {
        self.hearing.heard();
        self.chunks.blocking_send(chunk).is_ok()
    }

    /// The places that have passed what is no record since their last one.
    fn pass(&mut self) -> Option<Chunk> {
        let positions = self.consumer.position().ok()?;
        let mut ends = Vec::new();
        for element in positions.elements() {
            let Offset::Offset(position) = element.offset() else {
                continue;
            };
            let of_topic = self.index.get(element.topic());
            let at = of_topic.and_then(|all| *all.get(element.partition() as usize)?);
            let Some((at, place)) = at.and_then(|at| Some((at, self.places.get_mut(at)?))) else {
                continue;
            };
            if position as u64 > place.next {
                (place.next, place.has_started) = (position as u64, true);
                ends.push((at, place.next));
            }
        }
        let records = Vec::new();
        (!ends.is_empty()).then_some(Chunk { records, ends })
    }

    /// Looks, where nothing comes, whether anything can, and otherwise goes on with a new consumer.
    fn listen(&mut self) {
        let first = self.places.first();
        let topic = || first.map(|place| place.full_name.to_string());
        let client = self.consumer.client();
        if !self.hearing.is_deaf(client, topic, &self.shared.offsets) {
            return;
        }
        match self.renew() {
            Ok(()) => tracing::warn!("a Kafka reader has heard nothing; a new one reads on"),
            Err(error) => tracing::debug!(%error, "a Kafka reader could not be replaced yet"),
        }
    }

    /// Reads on, at the next offsets, with a new consumer.
    fn renew(&mut self) -> Result<(), LogError> {
        let places = self.places.iter();
        let asked: Vec<(Topic, u32)> = places
            .map(|place| (place.topic.clone(), place.partition))
            .collect();
        let bounds = self.shared.offsets.bounds(&asked, BOUNDS_WAIT)?;
        let mut first = TopicPartitionList::with_capacity(asked.len());
        for (place, Bounds { earliest, end }) in self.places.iter_mut().zip(bounds) {
            // Kafka takes an offset past the end for a mistake, and would begin at the earliest.
            let at = place.next.max(earliest).min(end);
            if place.has_started {
                place.next = at;
            }
            first
                .add_partition_offset(
                    &place.full_name,
                    place.partition as i32,
                    Offset::Offset(at as i64),
                )
                .map_err(KafkaLogError::library("a partition can not be read"))?;
        }
        let deaf = std::mem::replace(&mut self.consumer, self.shared.consumer(&first)?);
        // Its end waits for brokers that it hears nothing of, perhaps for ever, and nobody waits for it.
        Threads::default().retire(deaf);
        self.hearing = Hearing::default();
        self.commits_asked = 0;
        // What was to be written last may not be.
        self.committed
            .iter_mut()
            .flatten()
            .for_each(|at| *at = None);
        Ok(())
    }

    /// What came until none is there or the chunk is full; none if nothing came.
    fn read(&mut self) -> Option<Result<Chunk, LogError>> {
        let mut chunk = Chunk {
            records: Vec::new(),
            ends: Vec::new(),
        };
        let (mut bytes, mut wait) = (0, POLL);
        while chunk.records.len() < CHUNK_RECORDS && bytes < CHUNK_BYTES {
            match self.consumer.poll(wait) {
                Some(Ok(message)) => {
                    let found = place_of(&self.index, &message);
                    if let Some((at, place)) =
                        found.and_then(|at| Some((at, self.places.get_mut(at)?)))
                    {
                        bytes += take(&mut chunk, at, place, &message);
                    }
                    wait = Duration::ZERO;
                }
                Some(Err(error)) if is_final(&error) && chunk.records.is_empty() => {
                    let doing = "a topic can not be read";
                    return Some(Err(KafkaLogError::library(doing)(error).into()));
                }
                // The library goes on by itself; what it told was logged.
                Some(Err(_)) => wait = Duration::ZERO,
                None => break,
            }
        }
        (!chunk.records.is_empty()).then_some(Ok(chunk))
    }

    /// Writes the positions that moved. Gives whether there were any.
    fn commit(&mut self) -> bool {
        let Some(committed) = &mut self.committed else {
            return false;
        };
        let mut moved = TopicPartitionList::new();
        for ((place, handed_out), committed) in
            self.places.iter().zip(&*self.handed_out).zip(committed)
        {
            let position = handed_out.load(Ordering::Relaxed);
            let offset = Offset::Offset(position as i64);
            if *committed != Some(position)
                && moved
                    .add_partition_offset(&place.full_name, place.partition as i32, offset)
                    .is_ok()
            {
                *committed = Some(position);
            }
        }
        if moved.count() == 0 {
            return false;
        }
        match self.consumer.commit(&moved, CommitMode::Async) {
            Ok(()) => {
                self.commits_asked += 1;
                true
            }
            Err(error) => {
                tracing::debug!(%error, "positions were not written");
                false
            }
        }
    }
}

fn place_of(
    index: &FxHashMap<String, Vec<Option<usize>>>,
    message: &BorrowedMessage<'_>,
) -> Option<usize> {
    let partition = usize::try_from(message.partition()).ok()?;
    *index.get(message.topic())?.get(partition)?
}

/// Adds a message to the chunk, unless it stands before where the reader begins. Gives its size.
fn take(chunk: &mut Chunk, at: usize, place: &mut Place, message: &BorrowedMessage<'_>) -> usize {
    let offset = message.offset() as u64;
    if !place.has_started && offset < place.next {
        return 0;
    }
    place.has_started = true;
    place.next = offset + 1;
    let record = incoming(&place.topic, message);
    let bytes = record_bytes_read(&record);
    match chunk.ends.iter_mut().find(|(place, _)| *place == at) {
        Some((_, end)) => *end = offset + 1,
        None => chunk.ends.push((at, offset + 1)),
    }
    chunk.records.push(record);
    bytes
}

/// What does not mend by itself.
pub(super) fn is_final(error: &KafkaError) -> bool {
    matches!(error, KafkaError::MessageConsumptionFatal(_))
        || matches!(
            error.rdkafka_error_code(),
            Some(RDKafkaErrorCode::TopicAuthorizationFailed)
        )
}

#[cfg(test)]
impl Reader {
    fn deafen_if_wanted(&mut self) {
        if self.shared.deafens.swap(false, Ordering::Relaxed) {
            let nobody = self.shared.options.of_nobody();
            let consumer = settings::reader(&nobody, self.shared.group.as_deref())
                .create_with_context(ClientLog::default());
            self.consumer = consumer.expect("a consumer");
        }
    }
}
