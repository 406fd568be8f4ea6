//! Questions to the brokers: which topics there are, where partitions begin and end.

use super::catalog::Catalog;
use super::error::{KafkaLogError, client_error, is_refusal};
use super::options::KafkaOptions;
use super::settings::{self, ClientLog};
use super::threads::Threads;
use crate::log::{Bounds, LogError, Topic};
use blazing_sun_domain::Millis;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one attempt at the start may take before it is looked at why.
const CONNECT_SLICE: Duration = Duration::from_millis(500);
/// Between attempts of what a moving leader makes fail.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// How many of the library's log lines are taken at a time.
const EVENTS: usize = 32;

/// Asks the brokers for offsets. Clones are handles of one client, and may ask at the same time.
#[derive(Clone)]
pub struct KafkaOffsets {
    client: Arc<Retired>,
    options: Arc<KafkaOptions>,
}

/// A client that is dropped on a thread of its own.
struct Retired {
    client: Option<BaseConsumer<ClientLog>>,
    threads: Threads,
}

impl Drop for Retired {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            self.threads.retire(client);
        }
    }
}

impl KafkaOffsets {
    /// Connects and waits for a broker's answer, at most `request_wait`.
    pub fn connect(options: &KafkaOptions) -> Result<KafkaOffsets, LogError> {
        KafkaOffsets::connect_with(&Arc::new(options.clone()), Threads::default())
    }

    pub(super) fn connect_with(
        options: &Arc<KafkaOptions>,
        threads: Threads,
    ) -> Result<KafkaOffsets, LogError> {
        options.check().map_err(KafkaLogError::from)?;
        let client: BaseConsumer<ClientLog> = settings::admin(options)
            .create_with_context(ClientLog::default())
            .map_err(client_error)?;
        let offsets = KafkaOffsets {
            client: Arc::new(Retired {
                client: Some(client),
                threads,
            }),
            options: Arc::clone(options),
        };
        offsets.wait_for_broker()?;
        Ok(offsets)
    }

    fn wait_for_broker(&self) -> Result<(), LogError> {
        let wait = self.options.request_wait;
        let deadline = Instant::now() + wait;
        loop {
            let Err(error) = self.metadata(None, CONNECT_SLICE) else {
                return Ok(());
            };
            let latest = self.client()?.client().context().latest();
            let servers = self.options.bootstrap_servers.clone();
            let (code, reason) = latest.unwrap_or((RDKafkaErrorCode::Fail, error.to_string()));
            if is_refusal(code, &reason) {
                return Err(KafkaLogError::Refused { servers, reason }.into());
            }
            if Instant::now() >= deadline {
                return Err(KafkaLogError::Unreachable {
                    servers,
                    wait,
                    reason,
                }
                .into());
            }
        }
    }

    fn client(&self) -> Result<&BaseConsumer<ClientLog>, LogError> {
        self.client.client.as_ref().ok_or(LogError::Closed)
    }

    /// Takes the library's log lines, which otherwise collect.
    pub(super) fn serve(&self) {
        if let Ok(client) = self.client() {
            // Nothing is given for a log line as for no line, so it does not tell whether there are more.
            for _ in 0..EVENTS {
                drop(client.poll(Duration::ZERO));
            }
        }
    }

    /// What there is on the brokers: one topic, or all.
    pub(super) fn metadata(
        &self,
        topic: Option<&str>,
        wait: Duration,
    ) -> Result<Metadata, KafkaError> {
        let client = self.client().map_err(|_| KafkaError::Canceled)?;
        let metadata = client.fetch_metadata(topic, wait);
        self.serve();
        metadata
    }

    /// What the brokers call their cluster.
    pub fn cluster_id(&self) -> Result<String, LogError> {
        let id = self
            .client()?
            .client()
            .fetch_cluster_id(self.options.request_wait);
        self.serve();
        id.ok_or(LogError::Unavailable)
    }

    /// The topics that there are, within `request_wait`.
    pub(super) fn refresh(&self, catalog: &Catalog) -> Result<(), LogError> {
        let metadata = self
            .metadata(None, self.options.request_wait)
            .map_err(KafkaLogError::library("the list of topics did not come"))?;
        catalog.learn(&metadata);
        Ok(())
    }

    /// One past the newest record of each of these partitions, in their order: everything that was there
    /// when this was called lies before. One request to each broker that leads some of them.
    pub fn ends(&self, places: &[(Topic, u32)], wait: Duration) -> Result<Vec<u64>, LogError> {
        known(self.list(places, Offset::End, wait)?)
    }

    /// The oldest record kept of each of these partitions, in their order.
    pub fn earliest(&self, places: &[(Topic, u32)], wait: Duration) -> Result<Vec<u64>, LogError> {
        known(self.list(places, Offset::Beginning, wait)?)
    }

    /// The first record as new as this of each of these partitions, in their order; none where none is.
    pub fn since(
        &self,
        places: &[(Topic, u32)],
        at: Millis,
        wait: Duration,
    ) -> Result<Vec<Option<u64>>, LogError> {
        self.list(places, Offset::Offset(at.0.max(0)), wait)
    }

    /// The bounds of each of these partitions, in their order.
    pub fn bounds(&self, places: &[(Topic, u32)], wait: Duration) -> Result<Vec<Bounds>, LogError> {
        let deadline = Instant::now() + wait;
        // In this order, so that neither can have passed the other.
        let earliest = self.earliest(places, wait)?;
        let ends = self.ends(places, deadline.saturating_duration_since(Instant::now()))?;
        let bounds = earliest.into_iter().zip(ends);
        Ok(bounds
            .map(|(earliest, end)| Bounds { earliest, end })
            .collect())
    }

    fn list(
        &self,
        places: &[(Topic, u32)],
        which: Offset,
        wait: Duration,
    ) -> Result<Vec<Option<u64>>, LogError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = Instant::now() + wait;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.list_once(places, which, left) {
                Err(error) if is_passing(&error) && left > RETRY_AFTER => {
                    std::thread::sleep(RETRY_AFTER);
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    fn list_once(
        &self,
        places: &[(Topic, u32)],
        which: Offset,
        wait: Duration,
    ) -> Result<Vec<Option<u64>>, KafkaLogError> {
        const DOING: &str = "the brokers did not tell offsets";
        let client = self
            .client()
            .map_err(|_| KafkaLogError::library(DOING)(KafkaError::Canceled))?;
        let mut wanted = TopicPartitionList::with_capacity(places.len());
        let names: Vec<String> = places
            .iter()
            .map(|(topic, _)| self.options.full_name(topic.as_str()))
            .collect();
        for (name, (_, partition)) in names.iter().zip(places) {
            // The library takes the marks of the beginning and the end for times, as the protocol does.
            wanted
                .add_partition_offset(name, *partition as i32, which)
                .map_err(KafkaLogError::library(DOING))?;
        }
        let answer = client.offsets_for_times(wanted, wait);
        self.serve();
        let answer = answer.map_err(KafkaLogError::library(DOING))?;
        let found = names.iter().zip(places).map(|(name, (_, partition))| {
            let element = answer.find_partition(name, *partition as i32);
            let element = element.ok_or_else(|| KafkaLogError::topic(name, "not in the answer"))?;
            element.error().map_err(KafkaLogError::library(DOING))?;
            match element.offset() {
                Offset::Offset(offset) if offset >= 0 => Ok(Some(offset as u64)),
                // So it is written that there is none.
                Offset::End => Ok(None),
                other => Err(KafkaLogError::topic(name, format!("offset {other:?}"))),
            }
        });
        found.collect()
    }
}

/// Bounds, which every partition has.
fn known(found: Vec<Option<u64>>) -> Result<Vec<u64>, LogError> {
    let found: Option<Vec<u64>> = found.into_iter().collect();
    found.ok_or(LogError::Unavailable)
}

/// What a leader's move or a broker's start makes fail for a moment.
fn is_passing(error: &KafkaLogError) -> bool {
    let KafkaLogError::Library { source, .. } = error else {
        return matches!(error, KafkaLogError::Topic { .. });
    };
    matches!(
        source.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::ReplicaNotAvailable
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::OffsetNotAvailable
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::FencedLeaderEpoch
                | RDKafkaErrorCode::UnknownLeaderEpoch
                | RDKafkaErrorCode::RequestTimedOut
        )
    )
}
