//! Questions to the brokers: which topics there are, where partitions begin and end. A client that gets no answers
//! is replaced: this is how the others know that it is not the brokers who are silent.

use super::catalog::Catalog;
use super::error::{KafkaLogError, client_error, is_refusal};
use super::options::KafkaOptions;
use super::settings::{self, ClientLog};
use super::threads::Threads;
use crate::log::{Bounds, LogError, Topic};
use blazing_sun_domain::Millis;
use parking_lot::Mutex;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::groups::GroupList;
use rdkafka::metadata::Metadata;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the first attempt at the start may take before it is looked at why; each further one twice as long, for the
/// brokers may be slow.
const CONNECT_SLICE: Duration = Duration::from_millis(500);
/// None takes longer than this: what a broker refuses is told behind it.
const CONNECT_SLICE_MAX: Duration = Duration::from_secs(4);
/// A client that has found no broker for so long may have forgotten those that it was configured with.
const FORGETS_AFTER: Duration = Duration::from_secs(2);
/// Between attempts of what a moving leader makes fail.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// How many of the library's log lines are taken at a time.
const EVENTS: usize = 32;

/// How long the first attempt at a question may take; each further one may take twice as long, for the brokers may be
/// slow.
const ATTEMPT: Duration = Duration::from_secs(1);
/// Between attempts that end at once.
const ATTEMPT_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// A client that has answered nothing for so long, while it was asked, and names no broker, is replaced; so is one that
/// knows no partitions that it is asked for.
const RENEW_AFTER: Duration = Duration::from_secs(2);
/// The same of one that names brokers.
const RENEW_ANYWAY_AFTER: Duration = Duration::from_secs(10);
/// How long a client has to name brokers.
const NAMES_WITHIN: Duration = Duration::from_millis(300);

/// Asks the brokers for offsets. Clones are handles of one client, and may ask at the same time.
#[derive(Clone)]
pub struct KafkaOffsets {
    asked: Arc<Mutex<Asked>>,
    options: Arc<KafkaOptions>,
    threads: Threads,
}

struct Asked {
    client: Arc<Retired>,
    /// Since when no question was answered.
    silent_since: Option<Instant>,
    /// Since when it does not know partitions that it is asked for, or who leads them.
    ignorant_since: Option<Instant>,
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

impl Retired {
    fn client(&self) -> Result<&BaseConsumer<ClientLog>, KafkaError> {
        self.client.as_ref().ok_or(KafkaError::Canceled)
    }

    /// Takes the library's log lines, which otherwise collect.
    fn serve(&self) {
        if let Some(client) = &self.client {
            // Nothing is given for a log line as for no line, so it does not tell whether there are more.
            for _ in 0..EVENTS {
                drop(client.poll(Duration::ZERO));
            }
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
        let client = connected(options, &threads)?;
        let asked = Asked {
            client,
            silent_since: None,
            ignorant_since: None,
        };
        Ok(KafkaOffsets {
            asked: Arc::new(Mutex::new(asked)),
            options: Arc::clone(options),
            threads,
        })
    }

    fn current(&self) -> Arc<Retired> {
        Arc::clone(&self.asked.lock().client)
    }

    /// Takes the library's log lines, which otherwise collect.
    pub(super) fn serve(&self) {
        self.current().serve();
    }

    /// What there is on the brokers: one topic, or all.
    pub(super) fn metadata(
        &self,
        topic: Option<&str>,
        wait: Duration,
    ) -> Result<Metadata, KafkaError> {
        self.ask(wait, |client, wait| {
            named(client.fetch_metadata(topic, wait))
        })
    }

    /// Any answer of the brokers, which names them.
    pub(super) fn probe(&self, wait: Duration) -> Result<Metadata, KafkaError> {
        self.metadata(Some(&self.probed()), wait)
    }

    /// See [`KafkaOptions::probed`].
    pub(super) fn probed(&self) -> String {
        self.options.probed()
    }

    /// The groups that the brokers know.
    pub(super) fn group_list(&self, wait: Duration) -> Result<GroupList, KafkaError> {
        self.ask(wait, |client, wait| client.fetch_group_list(None, wait))
    }

    /// Asks until there is an answer, or the time is over; what goes on with another client if this one hears nothing.
    fn ask<T>(
        &self,
        wait: Duration,
        question: impl Fn(&BaseConsumer<ClientLog>, Duration) -> Result<T, KafkaError>,
    ) -> Result<T, KafkaError> {
        let deadline = Instant::now() + wait;
        let mut attempt = ATTEMPT;
        loop {
            let asked = self.current();
            let begun = Instant::now();
            let left = deadline.saturating_duration_since(begun);
            let answer = question(asked.client()?, left.min(attempt));
            asked.serve();
            match answer {
                Err(error) if is_silence(&error) || is_ignorance(&error) => {
                    self.note_failure(&asked, begun, &error);
                    if Instant::now() + ATTEMPT_AGAIN_AFTER >= deadline {
                        return Err(error);
                    }
                    std::thread::sleep(ATTEMPT_AGAIN_AFTER.saturating_sub(begun.elapsed()));
                    attempt *= 2;
                }
                answer => {
                    self.answers(&asked);
                    return answer;
                }
            }
        }
    }

    fn answers(&self, client: &Arc<Retired>) {
        let mut asked = self.asked.lock();
        if Arc::ptr_eq(&asked.client, client) {
            asked.silent_since = None;
        }
    }

    /// A question that was asked then was not answered. The library forgets all brokers, also those it was configured
    /// with, where one that has just gone on after a stop names none, and what it has heard of partitions from such a
    /// broker it believes for minutes: only another client helps then.
    fn note_failure(&self, client: &Arc<Retired>, since: Instant, error: &KafkaError) {
        let is_ignorant = is_ignorance(error);
        let lasted = {
            let mut asked = self.asked.lock();
            if !Arc::ptr_eq(&asked.client, client) {
                return;
            }
            let of_such = match is_ignorant {
                true => &mut asked.ignorant_since,
                false => &mut asked.silent_since,
            };
            of_such.get_or_insert(since).elapsed()
        };
        let names_brokers = || {
            let client = client.client().ok();
            let answer = client.map(|it| it.fetch_metadata(Some(&self.probed()), NAMES_WITHIN));
            answer.is_some_and(|answer| named(answer).is_ok())
        };
        if lasted < RENEW_AFTER || !is_ignorant && lasted < RENEW_ANYWAY_AFTER && names_brokers() {
            return;
        }
        let renewed = new_client(&self.options, &self.threads);
        let mut asked = self.asked.lock();
        match renewed {
            Ok(renewed) if Arc::ptr_eq(&asked.client, client) => {
                tracing::debug!(%error, "Kafka answers no questions; another client asks");
                asked.client = renewed;
                (asked.silent_since, asked.ignorant_since) = (None, None);
            }
            // Another has been quicker.
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "there is no new Kafka client"),
        }
    }

    /// What the brokers call their cluster.
    pub fn cluster_id(&self) -> Result<String, LogError> {
        let asked = self.current();
        let client = asked.client().map_err(|_| LogError::Closed)?.client();
        let id = client.fetch_cluster_id(self.options.request_wait);
        asked.serve();
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
        let found = self.ask(wait, |client, wait| {
            let answer = client.offsets_for_times(wanted.clone(), wait)?;
            found_in(&answer, &names, places)
        });
        let found = found.map_err(KafkaLogError::library(DOING))?;
        self.asked.lock().ignorant_since = None;
        let found = names.iter().zip(found).map(|(name, found)| match found {
            Some(Offset::Offset(offset)) if offset >= 0 => Ok(Some(offset as u64)),
            // So it is written that there is none.
            Some(Offset::End) => Ok(None),
            Some(other) => Err(KafkaLogError::topic(name, format!("offset {other:?}"))),
            None => Err(KafkaLogError::topic(name, "not in the answer")),
        });
        found.collect()
    }
}

/// What an answer says of each of these partitions, unless it is that one of them could not be asked about.
fn found_in(
    answer: &TopicPartitionList,
    names: &[String],
    places: &[(Topic, u32)],
) -> Result<Vec<Option<Offset>>, KafkaError> {
    let found = names.iter().zip(places).map(|(name, (_, partition))| {
        let Some(element) = answer.find_partition(name, *partition as i32) else {
            return Ok(None);
        };
        element.error()?;
        Ok(Some(element.offset()))
    });
    found.collect()
}

fn new_client(options: &KafkaOptions, threads: &Threads) -> Result<Arc<Retired>, KafkaError> {
    let client = settings::admin(options).create_with_context(ClientLog::default())?;
    Ok(Arc::new(Retired {
        client: Some(client),
        threads: threads.clone(),
    }))
}

/// A client that a broker has answered.
fn connected(options: &KafkaOptions, threads: &Threads) -> Result<Arc<Retired>, LogError> {
    let wait = options.request_wait;
    let deadline = Instant::now() + wait;
    let probed = options.probed();
    let (mut slice, mut known) = (CONNECT_SLICE, None);
    let mut client = new_client(options, threads).map_err(client_error)?;
    loop {
        let begun = Instant::now();
        let asked = client.client().map_err(client_error)?;
        let left = deadline.saturating_duration_since(begun);
        let answer = asked.fetch_metadata(Some(&probed), left.clamp(CONNECT_SLICE, slice));
        client.serve();
        let names_none = answer.is_ok();
        let Err(error) = named(answer) else {
            return Ok(client);
        };
        known = asked.client().context().latest().or(known);
        let servers = options.bootstrap_servers.clone();
        let (code, reason) = known
            .clone()
            .unwrap_or((RDKafkaErrorCode::Fail, error.to_string()));
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
        // Those that end at once are as rare as those that do not.
        std::thread::sleep((slice / 2).saturating_sub(begun.elapsed()));
        // Who is slow is heard yet; who has forgotten all brokers hears none again.
        let finds_none =
            error.rdkafka_error_code() == Some(RDKafkaErrorCode::BrokerTransportFailure);
        if names_none || finds_none && slice >= FORGETS_AFTER {
            client = new_client(options, threads).map_err(client_error)?;
        }
        slice = (slice * 2).min(CONNECT_SLICE_MAX);
    }
}

/// Metadata that names brokers: without any it is no answer, and the client that got it knows none any more.
pub(super) fn named(metadata: Result<Metadata, KafkaError>) -> Result<Metadata, KafkaError> {
    match metadata {
        Ok(metadata) if metadata.brokers().is_empty() => Err(KafkaError::MetadataFetch(
            RDKafkaErrorCode::BrokerNotAvailable,
        )),
        metadata => metadata,
    }
}

/// That nobody has answered, or not all who were asked.
fn is_silence(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::Partial
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerDestroy
                | RDKafkaErrorCode::BrokerNotAvailable
                | RDKafkaErrorCode::RequestTimedOut
        )
    )
}

/// That the client knows of no such partition, or of none who leads it. It asks nobody again before it thinks what it
/// knows too old.
fn is_ignorance(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::UnknownPartition | RDKafkaErrorCode::LeaderNotAvailable)
    )
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

#[cfg(test)]
impl KafkaOffsets {
    /// Asks by a client that hears nobody, as one that has forgotten all brokers.
    pub(super) fn deafen(&self) {
        let deaf = new_client(&self.options.of_nobody(), &self.threads);
        self.asked.lock().client = deaf.expect("a client");
    }
}
