//! From committed batches to topics: one idempotent producer for all partitions of this process. Each
//! partition's records are sent by its owner's thread, in order; what is not acknowledged yet is kept. What
//! brokers refuse is tried again by itself; where the producer fails for good a new one sends the rest.

use super::aside::{end_aside, has_ended};
use super::lanes::{Fate, Lanes, Place};
use super::receipts::{Receipts, Standing, is_for_good};
use crate::traced::Publishing;
use blazing_sun_backbone::log::NewRecord;
use blazing_sun_backbone::log::kafka::{Hearing, KafkaOffsets, KafkaOptions, PacedProducer};
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
/// How long the brokers are asked for a topic that refused something: acknowledgements wait meanwhile.
const LOOK_UP_WITHIN: Duration = Duration::from_millis(300);
/// The thread's last turn.
const STOP_WITHIN: Duration = Duration::from_secs(5);

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
    /// `publishing` is dropped once all of them are on their topics.
    pub fn publish(
        &self,
        partition: u32,
        batch_no: u64,
        at: Millis,
        records: Vec<NewRecord>,
        publishing: Option<Box<Publishing>>,
    ) {
        let producer = self.producer.read();
        let has_any = !records.is_empty();
        let lanes = &self.standing.lanes;
        lanes.put(partition, batch_no, at, records);
        if let Some(publishing) = publishing {
            lanes.note(partition, batch_no, publishing);
        }
        if has_any {
            self.send(&producer, partition, batch_no);
            kill_point!(Produced);
        }
    }

    /// Sends what waits of a partition, after its owner has looked what the topics hold.
    pub fn resume(&self, partition: u32) {
        let producer = self.producer.read();
        self.standing.lanes.trust(partition);
        self.send(&producer, partition, 0);
    }

    /// Sends what waits of a partition from this batch on.
    fn send(&self, producer: &Client, partition: u32, from: u64) {
        if !self.is_held() && !self.standing.is_broken() {
            let lanes = &self.standing.lanes;
            let mut hand = |record: &NewRecord, at, place| self.hand(producer, record, at, place);
            lanes.send(partition, from, Instant::now(), &mut hand);
        }
    }

    /// Sends what is due of what was refused.
    fn send_due(&self) {
        let (lanes, now) = (&self.standing.lanes, Instant::now());
        let topics = lanes.due(now);
        if topics.is_empty() || self.is_held() {
            return;
        }
        let producer = self.producer.read();
        for topic in &topics {
            producer.look_up(topic, LOOK_UP_WITHIN);
        }
        let mut hand = |record: &NewRecord, at, place| self.hand(&producer, record, at, place);
        for partition in lanes.partitions() {
            lanes.send_due(partition, now, &mut hand);
        }
    }

    /// Gives a record to the producer.
    fn hand(&self, producer: &Client, record: &NewRecord, at: Millis, place: Place) -> Fate {
        if is_planted!(RelaySkipsOne) {
            return Fate::PassedOver;
        }
        let receipt = self.standing.receipt(place);
        let target = record.partition.unwrap_or_default();
        let Err((error, _)) = producer.send(target, record, Some(at), receipt) else {
            return Fate::UnderWay;
        };
        let code = error.rdkafka_error_code();
        if self.standing.is_failed(code) {
            return Fate::Stays;
        }
        if is_for_good(code) {
            self.standing.tell_passed_over(place, code);
            return Fate::PassedOver;
        }
        self.standing.refuse(code);
        Fate::Refused
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
        let producer = self.producer.read();
        let topic = || producer.topic_to_hear_of();
        !self.is_held() && hearing.is_deaf(producer.client(), topic, others)
    }

    /// Whether the producer has records, and none has been acknowledged for long.
    fn is_silent(&self) -> bool {
        let waits = self.standing.lanes.any_under_way();
        let mut heard = self.standing.heard.lock();
        if !waits || self.is_held() {
            *heard = Instant::now();
        }
        heard.elapsed() > SILENCE_MAX
    }

    /// Begins with a new producer, which is given what is not acknowledged once owners have looked what is lost.
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
        tracing::warn!("the producer has failed; a new one sends what was not acknowledged");
        self.standing.generation.fetch_add(1, Ordering::AcqRel);
        self.standing.is_broken.store(false, Ordering::Relaxed);
        let failed = std::mem::replace(&mut *producer, renewed);
        failed.give_up();
        end_aside(failed);
        self.standing.lanes.doubt(Instant::now());
    }

    /// Waits until all of a partition is acknowledged but what is refused, at most so long.
    pub fn flush_partition(&self, partition: u32, within: Duration) {
        let until = Instant::now() + within;
        let lanes = &self.standing.lanes;
        while !self.is_held() && !lanes.rests(partition) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Hands in what is on its way and ends.
    pub fn stop(&self) {
        self.stop_within(STOP_WITHIN);
    }

    fn stop_within(&self, within: Duration) {
        let until = Instant::now() + FLUSH_WITHIN;
        for partition in self.standing.lanes.partitions() {
            self.flush_partition(partition, until.saturating_duration_since(Instant::now()));
        }
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.lock().take()
            && !has_ended(&thread, within)
        {
            tracing::warn!("the publisher does not end; it is left behind");
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
        publisher.send_due();
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn an_end_waits_for_no_thread_that_does_not_end() {
        let standing = Standing::new(Lanes::new(1, |_| {}));
        let options = KafkaOptions::new("127.0.0.1:1");
        let (_held, hold) = channel::<()>();
        let stuck = std::thread::spawn(move || {
            let _ = hold.recv();
        });
        let publisher = Publisher {
            producer: RwLock::new(client(&options, &standing).expect("a producer")),
            standing,
            options,
            is_over: AtomicBool::new(false),
            is_held: AtomicBool::new(false),
            thread: Mutex::new(Some(stuck)),
        };
        publisher.stop_within(Duration::from_millis(20));
        assert!(publisher.is_over());
    }
}
