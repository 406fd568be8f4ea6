//! A producer that hands the library no more of a partition than it sends at once. While five records of a partition
//! are on their way an idempotent producer of the library sends no more of it, and with more in its queue it
//! looks again and again, without a pause, whether it may. So what would have to wait waits here.

use super::options::KafkaOptions;
use super::records::outgoing_headers;
use super::settings;
use crate::log::{NewRecord, Position, Topic};
use blazing_sun_domain::Millis;
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::Message;
use rdkafka::client::Client;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext, PurgeConfig};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

/// Records of one partition that the library has at once: it sends them whatever else is on its way.
const UNDER_WAY: usize = 5;
/// Where more than this wait, large batches are worth more than a thread that does not rest until the next
/// acknowledgement, …
const MANY: usize = 16;
/// … and the library gets so many.
const BATCH: usize = 1_000;

/// The error of a record that was not sent because one before it was refused.
pub const GIVEN_BACK: RDKafkaErrorCode = RDKafkaErrorCode::PurgeQueue;

/// Hears what became of the records. Nothing of the producer's is locked meanwhile.
pub trait DeliveryContext: ClientContext + 'static {
    /// Says which record it was.
    type Receipt: Send + Sync + 'static;

    /// Whether what waits behind a record that is not taken is given back, as [`GIVEN_BACK`] says, and all that is
    /// given until the library has nothing more of that partition. Otherwise it is sent.
    const GIVES_BACK: bool;

    /// A record is durable, or will not be sent.
    fn delivered(&self, outcome: Result<Position, KafkaError>, receipt: Self::Receipt);
}

/// One idempotent producer. Records of a partition are sent in the order in which they were given.
pub struct PacedProducer<C: DeliveryContext> {
    client: Arc<BaseProducer<Paced<C>>>,
    topic_prefix: String,
    lanes: Mutex<FxHashMap<(Topic, u32), Arc<Lane<C::Receipt>>>>,
}

/// What becomes of a partition's records on their way to it.
struct Lane<R> {
    topic: String,
    partition: u32,
    load: Mutex<Load<R>>,
}

struct Load<R> {
    /// Records that the library has.
    under_way: usize,
    /// Those that it gets next. There are none while it has none.
    waiting: VecDeque<(NewRecord, Option<Millis>, R)>,
    /// Nothing is sent until the library has none.
    gives_back: bool,
}

/// What the library carries with a record.
struct Ticket<R> {
    lane: Arc<Lane<R>>,
    receipt: R,
}

/// The library's context: it passes on what is heard.
struct Paced<C: DeliveryContext> {
    context: C,
    client: OnceLock<Weak<BaseProducer<Paced<C>>>>,
}

impl<C: DeliveryContext> ClientContext for Paced<C> {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.context.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.context.error(error, reason);
    }
}

impl<C: DeliveryContext> ProducerContext for Paced<C> {
    type DeliveryOpaque = Box<Ticket<C::Receipt>>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket<C::Receipt>>) {
        let outcome = match result {
            Ok(message) => Ok(Position {
                partition: message.partition() as u32,
                offset: message.offset() as u64,
            }),
            Err((error, _)) => Err(error.clone()),
        };
        let Ticket { lane, receipt } = *ticket;
        let is_refused = outcome.is_err();
        self.context.delivered(outcome, receipt);
        // Gone where the producer is being dropped: nothing more is sent.
        if let Some(client) = self.client.get().and_then(Weak::upgrade) {
            for (error, receipt) in lane.arrived(&client, is_refused) {
                self.context.delivered(Err(error), receipt);
            }
        }
    }
}

impl<R: Send + Sync + 'static> Lane<R> {
    /// A record has arrived, or was refused; once none is on its way, the next ones go. Gives those that are not sent.
    fn arrived<C>(
        self: &Arc<Self>,
        client: &BaseProducer<Paced<C>>,
        is_refused: bool,
    ) -> Vec<(KafkaError, R)>
    where
        C: DeliveryContext<Receipt = R>,
    {
        let mut load = self.load.lock();
        load.under_way = load.under_way.saturating_sub(1);
        load.gives_back |= is_refused && C::GIVES_BACK;
        let mut refused = load.give_back();
        while load.under_way == 0 && !load.waiting.is_empty() {
            let count = match load.waiting.len() {
                many if many > MANY => many.min(BATCH),
                few => few.min(UNDER_WAY),
            };
            for _ in 0..count {
                let Some((record, at, receipt)) = load.waiting.pop_front() else {
                    break;
                };
                match self.hand_over(client, &record, at, receipt) {
                    Ok(()) => load.under_way += 1,
                    Err((error, receipt)) => {
                        load.gives_back |= C::GIVES_BACK;
                        refused.push((error, receipt));
                        refused.append(&mut load.give_back());
                    }
                }
            }
        }
        refused
    }

    fn hand_over<C>(
        self: &Arc<Self>,
        client: &BaseProducer<Paced<C>>,
        record: &NewRecord,
        at: Option<Millis>,
        receipt: R,
    ) -> Result<(), (KafkaError, R)>
    where
        C: DeliveryContext<Receipt = R>,
    {
        let ticket = Box::new(Ticket {
            lane: Arc::clone(self),
            receipt,
        });
        let mut outgoing = BaseRecord::with_opaque_to(&self.topic, ticket)
            .partition(self.partition as i32)
            .key(&record.key[..])
            .payload(&record.payload[..]);
        outgoing.timestamp = at.map(|at| at.0);
        outgoing.headers = outgoing_headers(&record.headers);
        client
            .send(outgoing)
            .map_err(|(error, outgoing)| (error, outgoing.delivery_opaque.receipt))
    }
}

impl<R> Load<R> {
    /// What is not sent because a record before it was refused.
    fn give_back(&mut self) -> Vec<(KafkaError, R)> {
        if !self.gives_back {
            return Vec::new();
        }
        self.gives_back = self.under_way > 0;
        let given_back = |(_, _, receipt)| (KafkaError::MessageProduction(GIVEN_BACK), receipt);
        self.waiting.drain(..).map(given_back).collect()
    }
}

impl<C: DeliveryContext> PacedProducer<C> {
    /// Connects in the background.
    pub fn new(options: &KafkaOptions, context: C) -> Result<PacedProducer<C>, KafkaError> {
        let paced = Paced {
            context,
            client: OnceLock::new(),
        };
        let client: Arc<BaseProducer<_>> =
            Arc::new(settings::producer(options).create_with_context(paced)?);
        // It is the first to be set.
        let _ = client.context().client.set(Arc::downgrade(&client));
        Ok(PacedProducer {
            client,
            topic_prefix: options.topic_prefix.clone(),
            lanes: Mutex::default(),
        })
    }

    /// Sends a record to a partition that the topic is known to have, after all that was given for it before, as
    /// written at `at` or now. Calls of several threads for one partition are ordered by them. An error is of this
    /// record alone: it is not sent.
    pub fn send(
        &self,
        partition: u32,
        record: &NewRecord,
        at: Option<Millis>,
        receipt: C::Receipt,
    ) -> Result<(), (KafkaError, C::Receipt)> {
        let lane = self.lane(&record.topic, partition);
        let mut load = lane.load.lock();
        if load.gives_back {
            return Err((KafkaError::MessageProduction(GIVEN_BACK), receipt));
        }
        if load.waiting.is_empty() && load.under_way < UNDER_WAY {
            lane.hand_over(&self.client, record, at, receipt)?;
            load.under_way += 1;
        } else if self.client.client().fatal_error().is_some() {
            let error = KafkaError::MessageProduction(RDKafkaErrorCode::Fatal);
            return Err((error, receipt));
        } else {
            load.waiting.push_back((record.clone(), at, receipt));
        }
        Ok(())
    }

    fn lane(&self, topic: &Topic, partition: u32) -> Arc<Lane<C::Receipt>> {
        let mut lanes = self.lanes.lock();
        let lane = lanes.entry((topic.clone(), partition)).or_insert_with(|| {
            Arc::new(Lane {
                topic: format!("{}{topic}", self.topic_prefix),
                partition,
                load: Mutex::new(Load {
                    under_way: 0,
                    waiting: VecDeque::new(),
                    gives_back: false,
                }),
            })
        });
        Arc::clone(lane)
    }

    /// Has the context hear what came, for so long.
    pub fn poll(&self, wait: Duration) {
        self.client.poll(wait);
    }

    /// What hears.
    pub fn context(&self) -> &C {
        &self.client.context().context
    }

    /// The library's client, to be asked.
    pub fn client(&self) -> &Client<impl ClientContext + use<C>> {
        self.client.client()
    }

    /// The full name of a topic whose records wait for the brokers, or of any that it has sent to.
    pub fn topic_to_hear_of(&self) -> Option<String> {
        let lanes = self.lanes.lock();
        let waits = lanes.values().find(|lane| lane.load.lock().under_way > 0);
        let lane = waits.or_else(|| lanes.values().next());
        lane.map(|lane| lane.topic.clone())
    }

    /// Has the library look what the brokers say of a topic now: what it was told before it believes for minutes.
    pub fn look_up(&self, topic: &Topic, within: Duration) {
        let name = format!("{}{topic}", self.topic_prefix);
        if let Err(error) = self.client.client().fetch_metadata(Some(&name), within) {
            tracing::debug!(%error, kafka.topic = name, "a topic was not looked up");
        }
    }

    /// Sends nothing more.
    pub fn give_up(&self) {
        for lane in self.lanes.lock().values() {
            lane.load.lock().waiting.clear();
        }
        self.client.purge(PurgeConfig::default().queue().inflight());
    }
}

#[cfg(test)]
impl<C: DeliveryContext> PacedProducer<C> {
    /// How many records the library has.
    pub(super) fn held_by_library(&self) -> i32 {
        self.client.in_flight_count()
    }

    /// Waits until all is sent.
    pub(super) fn flush(&self, within: Duration) {
        let until = std::time::Instant::now() + within;
        let is_empty = |lane: &Arc<Lane<C::Receipt>>| lane.load.lock().under_way == 0;
        while !self.lanes.lock().values().all(is_empty) {
            assert!(std::time::Instant::now() < until, "the broker runs");
            self.poll(Duration::from_millis(10));
        }
    }
}
