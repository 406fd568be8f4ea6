//! From committed batches to topics: one idempotent producer for all partitions of this process. Each
//! partition's records are sent by its owner's thread, in order; what is not acknowledged yet is kept, and
//! sent again by a new producer where this one fails for good.

use super::aside::end_aside;
use super::lanes::{Lanes, Parcel};
use super::receipts::{Receipt, Receipts, Standing};
use blazing_sun_backbone::log::NewRecord;
use blazing_sun_backbone::log::kafka::{
    DeliveryContext, Hearing, KafkaOffsets, KafkaOptions, PacedProducer,
};
use blazing_sun_backbone::{is_planted, kill_point};
use blazing_sun_domain::Millis;
use parking_lot::{Mutex, RwLock};
use rdkafka::error::KafkaError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the producer is given to hand in what it has, when it ends.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(100);
/// A producer that hears nothing for so long is replaced.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Between two attempts to begin with a new producer.
const RENEW_AFTER: Duration = Duration::from_millis(500);

type Client = PacedProducer<Receipts>;

/// The producer, and what is on its way.
pub(super) struct Publisher {
    standing: Arc<Standing>,
    producer: RwLock<Client>,
    options: KafkaOptions,
    is_over: AtomicBool,
    /// Nothing is sent, as if this process ended before it.
    is_held: AtomicBool,
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
        let standing = Standing::new(Lanes::new(partitions, wake));
        let publisher = Arc::new(Publisher {
            producer: RwLock::new(client(options, &standing)?),
            standing,
            options: options.clone(),
            is_over: AtomicBool::new(false),
            is_held: AtomicBool::new(false),
            thread: Mutex::new(None),
        });
        let polling = Arc::downgrade(&publisher);
        let thread = std::thread::Builder::new()
            .name("publisher".to_owned())
            .spawn(move || poll_all(&polling, &offsets))?;
        *publisher.thread.lock() = Some(thread);
        Ok(publisher)
    }

    /// What is on its way.
    pub fn lanes(&self) -> &Lanes {
        &self.standing.lanes
    }

    /// Sends the records of a batch, which comes after all before. Called by one thread a partition.
    pub fn publish(&self, partition: u32, batch_no: u64, at: Millis, records: Vec<NewRecord>) {
        let producer = self.producer.read();
        let lanes = &self.standing.lanes;
        let parcel = lanes.put(partition, batch_no, at, records);
        if parcel.records.is_empty() || self.is_held() {
            return;
        }
        for record in &parcel.records {
            if is_planted!(RelaySkipsOne) {
                lanes.acknowledge(parcel.place);
                continue;
            }
            let receipt = self.standing.receipt(parcel.place);
            if !self.send(&producer, record, at, receipt) {
                break;
            }
        }
        kill_point!(Produced);
    }

    /// Gives a record to the producer; false: it fails for good, and everything is sent again.
    fn send(&self, producer: &Client, record: &NewRecord, at: Millis, receipt: Receipt) -> bool {
        let partition = record.partition.unwrap_or_default();
        if let Err((error, receipt)) = producer.send(partition, record, Some(at), receipt) {
            producer.context().delivered(Err(error), receipt);
        }
        !self.standing.is_broken()
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn is_held(&self) -> bool {
        self.is_held.load(Ordering::Relaxed)
    }

    /// Whether the producer hears no broker while others do.
    fn is_deaf(&self, hearing: &mut Hearing, others: &KafkaOffsets) -> bool {
        if self.standing.has_come.swap(false, Ordering::Relaxed) {
            hearing.heard();
        }
        !self.is_held() && hearing.is_deaf(self.producer.read().client(), None, others)
    }

    /// Whether records wait, and none has been acknowledged for long.
    fn is_silent(&self) -> bool {
        let waits = self.standing.lanes.any_waits();
        let mut heard = self.standing.heard.lock();
        if !waits || self.is_held() {
            *heard = Instant::now();
        }
        heard.elapsed() > SILENCE_MAX
    }

    /// Begins with a new producer, which is given all that is not acknowledged.
    fn renew(&self) {
        std::thread::sleep(RENEW_AFTER);
        let mut producer = self.producer.write();
        let renewed = match client(&self.options, &self.standing) {
            Ok(renewed) => renewed,
            Err(error) => {
                tracing::error!(%error, "no new producer");
                return;
            }
        };
        // What is refused by every new one too has been told already.
        match self.standing.refused.lock().is_on() {
            true => tracing::debug!("a new producer sends what was refused"),
            false => {
                tracing::warn!("the producer has failed; a new one sends what was not acknowledged")
            }
        }
        self.standing.generation.fetch_add(1, Ordering::AcqRel);
        self.standing.is_broken.store(false, Ordering::Relaxed);
        let failed = std::mem::replace(&mut *producer, renewed);
        failed.give_up();
        end_aside(failed);
        for partition in self.standing.lanes.partitions() {
            for Parcel { place, at, records } in self.standing.lanes.take_again(partition) {
                for record in &records {
                    if !self.send(&producer, record, at, self.standing.receipt(place)) {
                        return;
                    }
                }
            }
        }
    }

    /// Waits until all that was sent of a partition is acknowledged, at most so long.
    pub fn flush_partition(&self, partition: u32, within: Duration) {
        let until = Instant::now() + within;
        let lanes = &self.standing.lanes;
        while !self.is_held() && !lanes.is_empty(partition) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Hands in what is on its way and ends.
    pub fn stop(&self) {
        let until = Instant::now() + FLUSH_WITHIN;
        for partition in self.standing.lanes.partitions() {
            self.flush_partition(partition, until.saturating_duration_since(Instant::now()));
        }
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.lock().take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }

    /// Sends nothing from now on; or all of it, by a new producer. For tests.
    pub fn hold(&self, is_held: bool) {
        self.is_held.store(is_held, Ordering::Relaxed);
        self.standing.is_broken.store(!is_held, Ordering::Relaxed);
    }
}

/// Hears acknowledgements, and has the producer replaced, until the publisher is over.
fn poll_all(polling: &Weak<Publisher>, offsets: &KafkaOffsets) {
    let mut hearing = Hearing::default();
    while let Some(publisher) = polling.upgrade() {
        if publisher.is_over() {
            return;
        }
        publisher.producer.read().poll(POLL);
        let standing = &publisher.standing;
        standing.tell_if_over();
        if standing.is_broken() {
            publisher.renew();
            hearing = Hearing::default();
        } else if publisher.is_deaf(&mut hearing, offsets) || publisher.is_silent() {
            standing.is_broken.store(true, Ordering::Relaxed);
            *standing.heard.lock() = Instant::now();
        }
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

fn client(options: &KafkaOptions, standing: &Arc<Standing>) -> Result<Client, KafkaError> {
    PacedProducer::new(options, Receipts::of(standing))
}
