//! From committed batches to topics: one idempotent producer for all partitions of this process. Each
//! partition's records are sent by its owner's thread, in order; what is not acknowledged yet is kept, and
//! sent again by a new producer where this one fails for good.

use super::refused::{Refused, Tell};
use blazing_sun_backbone::log::NewRecord;
use blazing_sun_backbone::log::kafka::settings::{self, ClientLog};
use blazing_sun_backbone::log::kafka::{Hearing, KafkaOffsets, KafkaOptions, outgoing_headers};
use blazing_sun_backbone::{clock, is_planted, kill_point};
use blazing_sun_domain::Millis;
use parking_lot::{Mutex, RwLock};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{
    BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext, PurgeConfig,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bytes of one partition's records that wait in memory; beyond, its owner reads them again from the store.
const LANE_BYTES_MAX: usize = 8 << 20;
/// How long the producer is given to hand in what it has, when it ends.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(100);
/// A producer that hears nothing for so long is replaced.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Between two attempts to begin with a new producer.
const RENEW_AFTER: Duration = Duration::from_millis(500);

/// A committed batch on its way.
struct Sent {
    batch_no: u64,
    at: Millis,
    records: Vec<NewRecord>,
    bytes: usize,
    /// Records that are not acknowledged.
    left: usize,
}

/// What of one partition is on its way, in the order of its batches.
#[derive(Default)]
struct Lane {
    sent: VecDeque<Sent>,
    bytes: usize,
    /// Grows when what was on its way is forgotten: acknowledgements from before count for nothing.
    epoch: u64,
}

/// How far a partition has come.
#[derive(Default)]
struct Progress {
    /// All records of all batches up to this one are acknowledged.
    acknowledged: AtomicU64,
    /// Records that wait for it.
    waiting: AtomicU64,
}

/// What a partition's records wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Backlog {
    /// Records.
    pub records: u64,
    /// How long the oldest has waited, in milliseconds.
    pub oldest_ms: i64,
}

/// Which record an acknowledgement is for.
struct Receipt {
    partition: u32,
    batch_no: u64,
    lane_epoch: u64,
    generation: u64,
}

type Client = BaseProducer<Receipts>;

struct Shared {
    lanes: Vec<Mutex<Lane>>,
    progress: Vec<Progress>,
    /// The producer of this generation.
    generation: AtomicU64,
    is_broken: AtomicBool,
    is_over: AtomicBool,
    /// Nothing is sent, as if this process ended before it.
    is_held: AtomicBool,
    /// When a record was last acknowledged, or none was waited for.
    heard: Mutex<Instant>,
    refused: Mutex<Refused>,
    /// Whether an acknowledgement came since this was last looked at.
    has_come: AtomicBool,
    /// Told when a partition's acknowledgements have come further.
    wake: Box<dyn Fn(u32) + Send + Sync>,
}

/// Hears what became of each record.
struct Receipts {
    shared: Arc<Shared>,
    log: ClientLog,
}

impl ClientContext for Receipts {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.log.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::Fatal)) {
            self.shared.is_broken.store(true, Ordering::Relaxed);
        }
        self.log.error(error, reason);
    }
}

impl ProducerContext for Receipts {
    type DeliveryOpaque = Box<Receipt>;

    fn delivery(&self, result: &DeliveryResult<'_>, receipt: Box<Receipt>) {
        if receipt.generation != self.shared.generation.load(Ordering::Acquire) {
            return;
        }
        match result {
            Ok(_) => {
                *self.shared.heard.lock() = Instant::now();
                self.shared.refused.lock().published();
                self.shared.has_come.store(true, Ordering::Relaxed);
                self.shared.acknowledge(&receipt);
            }
            Err((error, _)) => match error.rdkafka_error_code() {
                Some(
                    code @ (RDKafkaErrorCode::MessageSizeTooLarge
                    | RDKafkaErrorCode::InvalidMessageSize
                    | RDKafkaErrorCode::InvalidRecord),
                ) => {
                    // No attempt would help, and all that follows must not wait for it.
                    tracing::error!(
                        partition = receipt.partition,
                        batch_no = receipt.batch_no,
                        kafka.error = %code,
                        "a committed record is never published: the brokers do not take it"
                    );
                    self.shared.acknowledge(&receipt);
                }
                code => {
                    self.shared.tell_refused(code);
                    self.shared.is_broken.store(true, Ordering::Relaxed);
                }
            },
        }
    }
}

impl Shared {
    fn tell_refused(&self, code: Option<RDKafkaErrorCode>) {
        match self.refused.lock().refused(Instant::now()) {
            Some(Tell::First) => {
                tracing::warn!(kafka.error = ?code, "a record was not published; all since are sent again");
            }
            Some(Tell::More(records)) => {
                tracing::warn!(kafka.error = ?code, records, "records are still not published");
            }
            Some(Tell::Over(..)) | None => {}
        }
    }

    fn tell_if_over(&self) {
        if let Some(Tell::Over(attempts, took)) = self.refused.lock().look(Instant::now()) {
            let outage_ms = took.as_millis() as u64;
            tracing::warn!(attempts, outage_ms, "records are published again");
        }
    }

    fn acknowledge(&self, receipt: &Receipt) {
        let partition = receipt.partition as usize;
        let (Some(lane), Some(progress)) =
            (self.lanes.get(partition), self.progress.get(partition))
        else {
            return;
        };
        let mut lane = lane.lock();
        if lane.epoch != receipt.lane_epoch {
            return;
        }
        let sent = lane.sent.iter_mut();
        if let Some(sent) = sent
            .into_iter()
            .find(|sent| sent.batch_no == receipt.batch_no)
        {
            sent.left = sent.left.saturating_sub(1);
            progress.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        self.come_further(receipt.partition, &mut lane);
    }

    /// Forgets batches that are acknowledged as a whole, the oldest first.
    fn come_further(&self, partition: u32, lane: &mut Lane) {
        let mut acknowledged = None;
        while lane.sent.front().is_some_and(|sent| sent.left == 0) {
            if let Some(sent) = lane.sent.pop_front() {
                kill_point!(Acknowledged);
                lane.bytes -= sent.bytes;
                acknowledged = Some(sent.batch_no);
            }
        }
        if let Some(batch_no) = acknowledged {
            self.progress[partition as usize]
                .acknowledged
                .store(batch_no, Ordering::Release);
            (self.wake)(partition);
        }
    }
}

/// The producer, and what is on its way.
pub(super) struct Publisher {
    shared: Arc<Shared>,
    producer: Arc<RwLock<Client>>,
    options: KafkaOptions,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Publisher {
    /// A producer for so many partitions. `wake` hears of a partition whose records were acknowledged.
    pub fn start(
        options: &KafkaOptions,
        offsets: KafkaOffsets,
        partitions: u32,
        wake: impl Fn(u32) + Send + Sync + 'static,
    ) -> Result<Arc<Publisher>, PublisherError> {
        let shared = Arc::new(Shared {
            lanes: (0..partitions).map(|_| Mutex::default()).collect(),
            progress: (0..partitions).map(|_| Progress::default()).collect(),
            generation: AtomicU64::new(0),
            is_broken: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            is_held: AtomicBool::new(false),
            heard: Mutex::new(Instant::now()),
            refused: Mutex::default(),
            has_come: AtomicBool::new(false),
            wake: Box::new(wake),
        });
        let producer = client(options, &shared)?;
        let publisher = Arc::new(Publisher {
            shared,
            producer: Arc::new(RwLock::new(producer)),
            options: options.clone(),
            thread: Mutex::new(None),
        });
        let polling = Arc::downgrade(&publisher);
        let thread = std::thread::Builder::new()
            .name("publisher".to_owned())
            .spawn(move || {
                let mut hearing = Hearing::default();
                while let Some(publisher) = polling.upgrade() {
                    if publisher.shared.is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    publisher.producer.read().poll(POLL);
                    publisher.shared.tell_if_over();
                    if publisher.shared.is_broken.load(Ordering::Relaxed) {
                        publisher.renew();
                        hearing = Hearing::default();
                    } else if publisher.is_deaf(&mut hearing, &offsets) || publisher.is_silent() {
                        publisher.shared.is_broken.store(true, Ordering::Relaxed);
                        *publisher.shared.heard.lock() = Instant::now();
                    }
                }
            })?;
        *publisher.thread.lock() = Some(thread);
        Ok(publisher)
    }

    /// A partition begins anew: nothing of it is on its way, and all batches up to this one are published.
    pub fn begin(&self, partition: u32, published_upto: u64) {
        let mut lane = self.shared.lanes[partition as usize].lock();
        lane.epoch += 1;
        lane.sent.clear();
        lane.bytes = 0;
        let progress = &self.shared.progress[partition as usize];
        progress
            .acknowledged
            .store(published_upto, Ordering::Release);
        progress.waiting.store(0, Ordering::Relaxed);
    }

    /// Whether more of a partition may be on its way.
    pub fn has_room(&self, partition: u32) -> bool {
        self.shared.lanes[partition as usize].lock().bytes < LANE_BYTES_MAX
    }

    /// All records of the partition's batches up to this one are acknowledged.
    pub fn acknowledged(&self, partition: u32) -> u64 {
        self.shared.progress[partition as usize]
            .acknowledged
            .load(Ordering::Acquire)
    }

    /// What waits in memory.
    pub fn backlog(&self, partition: u32) -> Backlog {
        let lane = self.shared.lanes[partition as usize].lock();
        let waiting = &self.shared.progress[partition as usize].waiting;
        let oldest = lane.sent.front();
        Backlog {
            records: waiting.load(Ordering::Relaxed),
            oldest_ms: oldest.map_or(0, |sent| (clock::now().0 - sent.at.0).max(0)),
        }
    }

    /// Sends the records of a batch, which comes after all before. Called by one thread a partition.
    pub fn publish(&self, partition: u32, batch_no: u64, at: Millis, records: Vec<NewRecord>) {
        let producer = self.producer.read();
        let mut lane = self.shared.lanes[partition as usize].lock();
        let bytes = records.iter().map(len_of).sum();
        let progress = &self.shared.progress[partition as usize];
        progress
            .waiting
            .fetch_add(records.len() as u64, Ordering::Relaxed);
        lane.bytes += bytes;
        lane.sent.push_back(Sent {
            batch_no,
            at,
            left: records.len(),
            records: records.clone(),
            bytes,
        });
        if records.is_empty() {
            self.shared.come_further(partition, &mut lane);
            return;
        }
        if self.shared.is_held.load(Ordering::Relaxed) {
            return;
        }
        let epoch = lane.epoch;
        // Acknowledgements come from another thread and need it.
        drop(lane);
        for record in &records {
            if is_planted!(RelaySkipsOne) {
                self.shared
                    .acknowledge(&self.receipt(partition, batch_no, epoch));
                continue;
            }
            let receipt = self.receipt(partition, batch_no, epoch);
            if !self.send(&producer, record, at, receipt) {
                break;
            }
        }
        kill_point!(Produced);
    }

    fn receipt(&self, partition: u32, batch_no: u64, lane_epoch: u64) -> Receipt {
        Receipt {
            partition,
            batch_no,
            lane_epoch,
            generation: self.shared.generation.load(Ordering::Acquire),
        }
    }

    /// Hands a record to the library; false: it fails for good, and everything is sent again.
    fn send(&self, producer: &Client, record: &NewRecord, at: Millis, receipt: Receipt) -> bool {
        let topic = self.options.full_name(record.topic.as_str());
        let mut outgoing = BaseRecord::with_opaque_to(&topic, Box::new(receipt))
            .key(&record.key[..])
            .payload(&record.payload[..])
            .partition(record.partition.unwrap_or_default() as i32)
            .timestamp(at.0);
        outgoing.headers = outgoing_headers(&record.headers);
        loop {
            let Err((error, refused)) = producer.send(outgoing) else {
                return true;
            };
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => {
                    outgoing = refused;
                    // Whoever renews the producer is the one who polls it otherwise.
                    producer.poll(Duration::from_millis(1));
                    let is = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
                    if is(&self.shared.is_over) || is(&self.shared.is_broken) {
                        return false;
                    }
                }
                Some(
                    code @ (RDKafkaErrorCode::MessageSizeTooLarge
                    | RDKafkaErrorCode::InvalidMessageSize),
                ) => {
                    tracing::error!(
                        topic = record.topic.as_str(),
                        bytes = len_of(record),
                        kafka.error = %code,
                        "a committed record is never published: it is too large"
                    );
                    self.shared.acknowledge(&refused.delivery_opaque);
                    return true;
                }
                code => {
                    self.shared.tell_refused(code);
                    self.shared.is_broken.store(true, Ordering::Relaxed);
                    return false;
                }
            }
        }
    }

    /// Whether the producer hears no broker while others do.
    fn is_deaf(&self, hearing: &mut Hearing, others: &KafkaOffsets) -> bool {
        if self.shared.has_come.swap(false, Ordering::Relaxed) {
            hearing.heard();
        }
        let is_held = self.shared.is_held.load(Ordering::Relaxed);
        !is_held && hearing.is_deaf(self.producer.read().client(), None, others)
    }

    /// Whether records wait, and none has been acknowledged for long.
    fn is_silent(&self) -> bool {
        let mut progress = self.shared.progress.iter();
        let waits = progress.any(|of| of.waiting.load(Ordering::Relaxed) > 0);
        let mut heard = self.shared.heard.lock();
        if !waits || self.shared.is_held.load(Ordering::Relaxed) {
            *heard = Instant::now();
        }
        heard.elapsed() > SILENCE_MAX
    }

    /// Begins with a new producer, which is given all that is not acknowledged.
    fn renew(&self) {
        std::thread::sleep(RENEW_AFTER);
        let mut producer = self.producer.write();
        let renewed = match client(&self.options, &self.shared) {
            Ok(renewed) => renewed,
            Err(error) => {
                tracing::error!(%error, "no new producer");
                return;
            }
        };
        // What is refused by every new one too has been told already.
        match self.shared.refused.lock().is_on() {
            true => tracing::debug!("a new producer sends what was refused"),
            false => {
                tracing::warn!("the producer has failed; a new one sends what was not acknowledged")
            }
        }
        self.shared.generation.fetch_add(1, Ordering::AcqRel);
        self.shared.is_broken.store(false, Ordering::Relaxed);
        let failed = std::mem::replace(&mut *producer, renewed);
        failed.purge(PurgeConfig::default().queue().inflight());
        drop_aside(failed);
        for (partition, lane) in (0..).zip(&self.shared.lanes) {
            let mut again = Vec::new();
            let mut lane = lane.lock();
            let epoch = lane.epoch;
            for sent in &mut lane.sent {
                let acknowledged = sent.records.len() - sent.left;
                self.shared.progress[partition as usize]
                    .waiting
                    .fetch_add(acknowledged as u64, Ordering::Relaxed);
                sent.left = sent.records.len();
                again.push((sent.batch_no, sent.at, sent.records.clone()));
            }
            drop(lane);
            for (batch_no, at, records) in again {
                for record in &records {
                    let receipt = self.receipt(partition, batch_no, epoch);
                    if !self.send(&producer, record, at, receipt) {
                        return;
                    }
                }
            }
        }
    }

    /// Waits until all that was sent of a partition is acknowledged, at most so long.
    pub fn flush_partition(&self, partition: u32, within: Duration) {
        let until = Instant::now() + within;
        let lane = &self.shared.lanes[partition as usize];
        let is_held = || self.shared.is_held.load(Ordering::Relaxed);
        while !is_held() && !lane.lock().sent.is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Hands in what is on its way and ends.
    pub fn stop(&self) {
        let until = Instant::now() + FLUSH_WITHIN;
        for partition in 0..self.shared.lanes.len() as u32 {
            self.flush_partition(partition, until.saturating_duration_since(Instant::now()));
        }
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.lock().take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }

    /// Sends nothing from now on; or all of it, by a new producer. For tests.
    pub fn hold(&self, is_held: bool) {
        self.shared.is_held.store(is_held, Ordering::Relaxed);
        self.shared.is_broken.store(!is_held, Ordering::Relaxed);
    }
}

/// The end of a client may wait for brokers.
fn drop_aside(client: Client) {
    let ended = std::thread::Builder::new()
        .name("publisher-end".to_owned())
        .spawn(move || drop(client));
    if let Err(error) = ended {
        tracing::warn!(%error, "a producer is dropped where it was used");
    }
}

/// Why there is no producer.
#[derive(Debug, thiserror::Error)]
pub enum PublisherError {
    /// The client refused its settings.
    #[error("a Kafka producer could not be made")]
    Client(#[from] KafkaError),
    /// The system gave no thread.
    #[error("the system gave no thread")]
    Thread(#[from] std::io::Error),
}

fn client(options: &KafkaOptions, shared: &Arc<Shared>) -> Result<Client, KafkaError> {
    use rdkafka::config::FromClientConfigAndContext;
    let context = Receipts {
        shared: Arc::clone(shared),
        log: ClientLog::default(),
    };
    BaseProducer::from_config_and_context(&settings::producer(options), context)
}

fn len_of(record: &NewRecord) -> usize {
    record.key.len() + record.headers.encoded().len() + record.payload.len()
}
