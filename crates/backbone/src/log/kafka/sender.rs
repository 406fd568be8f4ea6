//! The one producer of a log: its order is the order of the appends. Where the brokers do not acknowledge
//! for too long, or the library gives up, everything that waits is answered as unknown and a new
//! producer goes on: none of it can be sent after what is appended later.

use super::catalog::Catalog;
use super::error::{KafkaLogError, client_error};
use super::hearing::Hearing;
use super::offsets::KafkaOffsets;
use super::options::KafkaOptions;
use super::paced::{DeliveryContext, PacedProducer};
use super::pending::{Append, Pending};
use super::records::{buffered_bytes, record_bytes};
use super::settings::{ClientLog, RECORD_BYTES_MAX};
use super::threads::Threads;
use crate::log::{Appended, LogError, NewRecord, Position};
use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long the thread looks for acknowledgements before it looks at the clock.
const POLL: Duration = Duration::from_millis(50);
/// How long an answer is waited for before a new producer is made.
const PROBE: Duration = Duration::from_secs(1);
/// How long the old producer's end is waited for, so that it sends nothing beside the new one.
const END_WAIT: Duration = Duration::from_secs(2);
/// From when on it is worth a warning that acknowledgements do not come.
const SLOW: Duration = Duration::from_secs(2);
/// How often unknown topics are looked for at most.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);
/// What a record's frame may add to its own bytes.
const FRAME_BYTES: usize = 1_024;

pub(super) struct Sender {
    options: Arc<KafkaOptions>,
    catalog: Arc<Catalog>,
    offsets: KafkaOffsets,
    slot: Mutex<Slot>,
    pending: Pending,
    threads: Threads,
    is_refresh_wanted: AtomicBool,
}

enum Slot {
    Open(Arc<PacedProducer<Deliveries>>),
    /// Between two producers.
    Away,
    /// Until what was taken is acknowledged, or until then.
    Closing(Arc<PacedProducer<Deliveries>>, Instant),
    Closed,
}

struct Delivery {
    append: Arc<Append>,
    index: usize,
}

#[derive(Default)]
struct Deliveries {
    log: ClientLog,
    /// Whether an acknowledgement came since this was last looked at.
    has_come: AtomicBool,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.log.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.error(error, reason);
    }
}

impl DeliveryContext for Deliveries {
    type Receipt = Delivery;
    /// Appends are of many callers: each is taken or refused by itself.
    const GIVES_BACK: bool = false;

    fn delivered(&self, outcome: Result<Position, KafkaError>, delivery: Delivery) {
        if outcome.is_ok() {
            self.has_come.store(true, Ordering::Relaxed);
        }
        let outcome = outcome.map_err(unacknowledged);
        delivery.append.acknowledged(delivery.index, outcome);
    }
}

fn unacknowledged(error: KafkaError) -> LogError {
    KafkaLogError::Unacknowledged(error.to_string()).into()
}

fn make_producer(options: &KafkaOptions) -> Result<Arc<PacedProducer<Deliveries>>, KafkaLogError> {
    let producer = PacedProducer::new(options, Deliveries::default()).map_err(client_error)?;
    Ok(Arc::new(producer))
}

impl Sender {
    /// Starts the producer and the thread that hears its acknowledgements.
    pub(super) fn start(
        options: &Arc<KafkaOptions>,
        catalog: &Arc<Catalog>,
        offsets: &KafkaOffsets,
        threads: &Threads,
    ) -> Result<Arc<Sender>, LogError> {
        let sender = Arc::new(Sender {
            slot: Mutex::new(Slot::Open(make_producer(options)?)),
            pending: Pending::new(options.buffer_bytes),
            options: Arc::clone(options),
            catalog: Arc::clone(catalog),
            offsets: offsets.clone(),
            threads: threads.clone(),
            is_refresh_wanted: AtomicBool::new(false),
        });
        let running = Arc::clone(&sender);
        threads.start("kafka-sender", move || running.run())?;
        Ok(sender)
    }

    /// Takes no more; what was taken is still sent, for at most `append_wait`.
    pub(super) fn close(&self) {
        let mut slot = self.slot.lock();
        *slot = match std::mem::replace(&mut *slot, Slot::Closed) {
            Slot::Open(producer) => {
                Slot::Closing(producer, Instant::now() + self.options.append_wait)
            }
            Slot::Away => Slot::Closed,
            closing => closing,
        };
    }

    pub(super) fn append(
        &self,
        records: Vec<NewRecord>,
        appended: Appended,
    ) -> Result<(), LogError> {
        let mut places = Vec::with_capacity(records.len());
        let mut bytes = 0;
        for record in &records {
            let place = self.catalog.destination(record);
            places.push(place.inspect_err(|_| {
                self.is_refresh_wanted.store(true, Ordering::Relaxed);
            })?);
            check_size(record)?;
            bytes += buffered_bytes(record);
        }
        // Held for all records: appends do not mix, and there is one order.
        let slot = self.slot.lock();
        let producer = match &*slot {
            Slot::Open(producer) => producer,
            Slot::Away => return Err(LogError::Unavailable),
            Slot::Closing(..) | Slot::Closed => return Err(LogError::Closed),
        };
        let append = self
            .pending
            .take(records.len(), bytes, appended)
            .map_err(|_| LogError::Unavailable)?;
        if records.is_empty() {
            self.pending.settle(append);
            return Ok(());
        }
        for (index, (record, (topic, partition))) in records.iter().zip(&places).enumerate() {
            let delivery = Delivery {
                append: Arc::clone(&append),
                index,
            };
            if let Err((error, _)) = producer.send(*partition, record, None, delivery) {
                tracing::warn!(%error, kafka.topic = topic.full_name, "a record was not taken");
                if index == 0 {
                    append.withdraw();
                    return Err(LogError::Unavailable);
                }
                append.fail(unacknowledged(error));
                self.pending.settle(append);
                break;
            }
        }
        Ok(())
    }
}

impl Sender {
    fn run(&self) {
        let mut watch = Watch::default();
        loop {
            let (producer, deadline) = match &*self.slot.lock() {
                Slot::Open(producer) => (Arc::clone(producer), None),
                Slot::Closing(producer, deadline) => (Arc::clone(producer), Some(*deadline)),
                Slot::Away | Slot::Closed => return,
            };
            producer.poll(POLL);
            self.pending.answer_settled();
            self.offsets.serve();
            self.refresh_if_wanted(&mut watch);
            let oldest = self.pending.oldest();
            watch.tell(oldest);
            let is_over = |deadline| oldest.is_none() || Instant::now() >= deadline;
            if deadline.is_some_and(is_over) {
                *self.slot.lock() = Slot::Closed;
                self.pending.give_up("the log was closed");
                return self.threads.retire(producer);
            }
            let fatal = producer.client().fatal_error();
            if let Some((_, reason)) = fatal {
                self.replace(producer, &reason);
            } else if watch.is_deaf(&producer, &self.offsets) {
                self.replace(producer, "the producer hears no broker");
            } else if oldest.is_some_and(|waited| waited > self.options.append_wait) {
                let reason = format!("no answer for {:?}", self.options.append_wait);
                self.replace(producer, &reason);
            }
        }
    }

    /// Gives up what waits, and goes on with a new producer once a broker answers.
    fn replace(&self, producer: Arc<PacedProducer<Deliveries>>, reason: &str) {
        {
            let mut slot = self.slot.lock();
            if matches!(*slot, Slot::Open(_)) {
                *slot = Slot::Away;
            } else {
                *slot = Slot::Closed;
            }
        }
        let given_up = self.pending.give_up(reason);
        tracing::warn!(
            kafka.appends = given_up,
            "Kafka acknowledges nothing ({reason}); what waited was answered as unknown"
        );
        self.end(producer);
        while matches!(*self.slot.lock(), Slot::Away) {
            let asked = Instant::now();
            let made = match self.offsets.probe(PROBE) {
                Ok(_) => make_producer(&self.options).ok(),
                Err(_) => None,
            };
            if let Some(producer) = made {
                let mut slot = self.slot.lock();
                if matches!(*slot, Slot::Away) {
                    *slot = Slot::Open(producer);
                }
                tracing::info!("Kafka answers again");
                return;
            }
            std::thread::sleep(POLL.saturating_sub(asked.elapsed()));
        }
    }

    /// Ends a producer and waits for that, within a bound.
    fn end(&self, producer: Arc<PacedProducer<Deliveries>>) {
        let (sender, ended) = std::sync::mpsc::channel::<()>();
        self.threads.retire((producer, sender));
        // An error is what the end looks like: the thread has dropped its side.
        if ended.recv_timeout(END_WAIT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!("a Kafka producer takes long to end");
        }
    }

    /// Looks for topics that others have made, after one was asked for that is not known.
    fn refresh_if_wanted(&self, watch: &mut Watch) {
        let is_due = watch
            .refreshed
            .is_none_or(|at| at.elapsed() > REFRESH_INTERVAL);
        if is_due && self.is_refresh_wanted.swap(false, Ordering::Relaxed) {
            watch.refreshed = Some(Instant::now());
            let (offsets, catalog) = (self.offsets.clone(), Arc::clone(&self.catalog));
            let refresh = move || {
                if let Err(error) = offsets.refresh(&catalog) {
                    tracing::debug!(%error, "topics were not looked for");
                }
            };
            if let Err(error) = self.threads.start("kafka-ask", refresh) {
                tracing::warn!(%error, "topics were not looked for");
            }
        }
    }
}

#[derive(Default)]
struct Watch {
    refreshed: Option<Instant>,
    is_slow: bool,
    hearing: Hearing,
}

impl Watch {
    /// Whether the producer is to be replaced: it then hears of no broker any more.
    fn is_deaf(&mut self, producer: &PacedProducer<Deliveries>, offsets: &KafkaOffsets) -> bool {
        if producer.context().has_come.swap(false, Ordering::Relaxed) {
            self.hearing.heard();
        }
        let topic = || producer.topic_to_hear_of();
        let is_deaf = self.hearing.is_deaf(producer.client(), topic, offsets);
        if is_deaf {
            self.hearing = Hearing::default();
        }
        is_deaf
    }

    /// Says when acknowledgements are late, and when they come again.
    fn tell(&mut self, oldest: Option<Duration>) {
        let is_slow = oldest.is_some_and(|waited| waited > SLOW);
        if is_slow && !self.is_slow {
            tracing::warn!("Kafka has acknowledged nothing for {SLOW:?}; appends wait");
        } else if self.is_slow && !is_slow {
            tracing::info!("Kafka acknowledges in time");
        }
        self.is_slow = is_slow;
    }
}

fn check_size(record: &NewRecord) -> Result<(), LogError> {
    let max = RECORD_BYTES_MAX - FRAME_BYTES;
    let bytes = record_bytes(record);
    if bytes <= max {
        return Ok(());
    }
    Err(LogError::TooLarge {
        topic: record.topic.to_string(),
        bytes,
        max,
    })
}

#[cfg(test)]
impl Sender {
    /// Has the library give the producer up, by its own hook for tests.
    #[allow(unsafe_code)]
    pub(super) fn make_fatal(&self) {
        use rdkafka::bindings::{rd_kafka_resp_err_t, rd_kafka_test_fatal_error};
        if let Slot::Open(producer) = &*self.slot.lock() {
            let code = rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
            let client = producer.client().native_ptr();
            // SAFETY: the client lives as long as the lock is held, and the text ends in NUL.
            unsafe { rd_kafka_test_fatal_error(client, code, c"a test".as_ptr()) };
        }
    }
}

#[cfg(test)]
impl Sender {
    /// Goes on with a producer that hears nobody, as one that has forgotten all brokers.
    pub(super) fn deafen(&self) {
        let deaf = make_producer(&self.options.of_nobody()).expect("a producer");
        let mut slot = self.slot.lock();
        if let Slot::Open(producer) = std::mem::replace(&mut *slot, Slot::Open(deaf)) {
            // What it was given before is not what the test is about.
            producer.flush(END_WAIT);
        }
    }
}
