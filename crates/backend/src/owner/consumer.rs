//! The thread that reads the consumed topics as a member of the group: it hands every record to its
//! partition's owner, reads no further for an owner that has enough, and has owners come and go with the
//! group's members. Offsets are the owners'; the group's are committed for Kafka's own tools alone.

use super::OwnerError;
use super::mailbox::Wanted;
use super::shared::{CONSUMED, Offsets, Shared, Told};
use blazing_sun_backbone::kill_point;
use blazing_sun_backbone::log::kafka::settings::{self, ClientLog};
use blazing_sun_backbone::log::kafka::{KafkaOptions, incoming};
use blazing_sun_backbone::log::{Record, Topic};
use blazing_sun_backbone::topics::Party;
use parking_lot::Mutex;
use rdkafka::bindings::rd_kafka_resp_err_t as ErrorCode;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Message, Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the thread rests when nothing comes.
const POLL: Duration = Duration::from_millis(20);
/// Records taken before owners are handed theirs.
const RECORDS_AT_ONCE: usize = 1_024;
/// How long members that go on wait for owners to finish their batches.
const PARK_WITHIN: Duration = Duration::from_secs(3);
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// Questions to the brokers.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the group has given to this member.
#[derive(Default)]
struct Assigned {
    /// Counts changes.
    generation: u64,
    partitions: BTreeSet<u32>,
}

/// Hears of changes in the group, on the consumer's thread.
struct Member {
    shared: Arc<Shared>,
    options: KafkaOptions,
    assigned: Mutex<Assigned>,
    log: ClientLog,
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.log.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.error(error, reason);
    }
}

impl ConsumerContext for Member {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: ErrorCode,
        list: &mut TopicPartitionList,
    ) {
        let outcome = match code {
            ErrorCode::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                // Nothing is read before its owner says from where on.
                let nothing = TopicPartitionList::new();
                let done = consumer.assign(&nothing);
                self.come(list);
                done
            }
            _ => {
                self.go();
                consumer.unassign()
            }
        };
        if let Err(error) = outcome {
            tracing::error!(%error, "a change of the group's members failed");
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            // A later one says the same.
            tracing::debug!(%error, "the group's offsets were not committed");
        }
    }
}

impl Member {
    fn come(&self, list: &TopicPartitionList) {
        let mut topics: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
        for element in list.elements() {
            let of_partition = topics.entry(element.partition() as u32).or_default();
            of_partition.insert(element.topic().to_owned());
        }
        let wanted: BTreeSet<String> = CONSUMED
            .iter()
            .map(|topic| self.options.full_name(topic))
            .collect();
        let count = self.shared.mailboxes.len() as u32;
        let is_complete =
            |(partition, found): (&u32, &BTreeSet<String>)| *partition < count && *found == wanted;
        if let Some((partition, found)) = topics.iter().find(|(p, t)| !is_complete((p, t))) {
            self.shared.fail(OwnerError::Torn {
                partition: *partition,
                topics: found.iter().cloned().collect(),
            });
            return;
        }
        let generation = {
            let mut assigned = self.assigned.lock();
            assigned.generation += 1;
            assigned.partitions = topics.keys().copied().collect();
            assigned.generation
        };
        tracing::info!(partitions = ?topics.keys().collect::<Vec<_>>(), "the group has given partitions to this process");
        for (partition, mailbox) in (0..).zip(self.shared.mailboxes.iter()) {
            mailbox.want(match topics.contains_key(&partition) {
                true => Wanted::Owned(generation),
                false => Wanted::Nothing,
            });
        }
        kill_point!(Rebalanced);
    }

    /// Owners finish what they are at, and rest with what they hold until it is known who goes on.
    fn go(&self) {
        let partitions = {
            let mut assigned = self.assigned.lock();
            assigned.generation += 1;
            std::mem::take(&mut assigned.partitions)
        };
        for partition in &partitions {
            self.shared.mailbox(*partition).want(Wanted::Parked);
        }
        kill_point!(Rebalanced);
        let until = Instant::now() + PARK_WITHIN;
        for partition in &partitions {
            if !self.shared.mailbox(*partition).wait_noted(until) {
                tracing::warn!(
                    partition,
                    "an owner has not finished its batch; the fence will stop it"
                );
            }
        }
    }
}

/// The consumer's thread.
pub(super) struct Consumer {
    is_over: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Consumer {
    pub fn start(options: &KafkaOptions, shared: Arc<Shared>) -> Result<Consumer, OwnerError> {
        let mut config = settings::member(options, Party::Backend.group());
        // Where to begin is the owners' to say; what they say may not be there any more.
        config.set("auto.offset.reset", "error");
        // While the members change nobody decides; each hears of it by a heartbeat's answer.
        config.set("heartbeat.interval.ms", "500");
        let member = Member {
            shared: Arc::clone(&shared),
            options: options.clone(),
            assigned: Mutex::default(),
            log: ClientLog::default(),
        };
        let consumer: BaseConsumer<Member> = config
            .create_with_context(member)
            .map_err(OwnerError::Kafka)?;
        let names = CONSUMED.map(|topic| options.full_name(topic));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        consumer.subscribe(&names).map_err(OwnerError::Kafka)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let reading = Reading {
            topics: CONSUMED
                .map(|topic| (options.full_name(topic), Topic::new(topic)))
                .into(),
            options: options.clone(),
            consumer,
            shared,
            read: BTreeMap::new(),
            full: BTreeSet::new(),
            last_commit: Instant::now(),
            committed: BTreeMap::new(),
            is_over: Arc::clone(&is_over),
        };
        let thread = std::thread::Builder::new()
            .name("consumer".to_owned())
            .spawn(move || reading.run())
            .map_err(OwnerError::Thread)?;
        Ok(Consumer {
            is_over,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Leaves the group. Others take over at once.
    pub fn stop(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.lock().take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}

/// What is read of one partition: the next offset of each topic.
type Places = BTreeMap<Topic, Offset>;

struct Reading {
    consumer: BaseConsumer<Member>,
    options: KafkaOptions,
    shared: Arc<Shared>,
    topics: BTreeMap<String, Topic>,
    read: BTreeMap<u32, Places>,
    /// Partitions whose owners have enough.
    full: BTreeSet<u32>,
    last_commit: Instant,
    committed: BTreeMap<u32, Offsets>,
    is_over: Arc<AtomicBool>,
}

impl Reading {
    fn run(mut self) {
        while !self.is_over.load(Ordering::Relaxed) {
            let (records, error) = self.poll();
            self.hand_out(records);
            self.listen();
            if let Some(error) = error {
                self.mend(&error);
            }
            self.resume();
            if self.last_commit.elapsed() > COMMIT_EVERY {
                self.commit();
            }
        }
        self.commit();
        let Reading { consumer, .. } = self;
        consumer.unsubscribe();
        // Whoever is told of the group's change is asked for nothing any more. The end may wait for brokers.
        let (ended, has_ended) = std::sync::mpsc::channel::<()>();
        let spawned = std::thread::Builder::new()
            .name("consumer-end".to_owned())
            .spawn(move || {
                drop(consumer);
                drop(ended);
            });
        if spawned.is_ok() {
            // Ends by the sender's going.
            let _ = has_ended.recv_timeout(PATIENCE);
        }
    }

    fn poll(&self) -> (BTreeMap<u32, Vec<Record>>, Option<KafkaError>) {
        let mut all: BTreeMap<u32, Vec<Record>> = BTreeMap::new();
        let mut wait = POLL;
        for _ in 0..RECORDS_AT_ONCE {
            let message = match self.consumer.poll(wait) {
                None => break,
                Some(Err(error)) => return (all, Some(error)),
                Some(Ok(message)) => message,
            };
            wait = Duration::ZERO;
            let Some(topic) = self.topics.get(message.topic()) else {
                continue;
            };
            let record = incoming(topic, &message);
            all.entry(record.partition).or_default().push(record);
        }
        (all, None)
    }

    fn hand_out(&mut self, records: BTreeMap<u32, Vec<Record>>) {
        for (partition, records) in records {
            // What was read before partitions came and went belongs to nobody.
            let Some(places) = self.read.get_mut(&partition) else {
                continue;
            };
            let fresh = records.into_iter().filter(|record| {
                let next = Offset::Offset(record.offset as i64 + 1);
                let is_fresh = match places.get(&record.topic) {
                    Some(Offset::Offset(next)) => record.offset as i64 >= *next,
                    _ => true,
                };
                if is_fresh {
                    places.insert(record.topic.clone(), next);
                }
                is_fresh
            });
            if !self.shared.mailbox(partition).put(fresh) && self.full.insert(partition) {
                self.pause(partition, true);
            }
        }
    }

    /// Takes note of what owners say, and of what the group says: only what both agree on is read.
    fn listen(&mut self) {
        let told = std::mem::take(&mut *self.shared.told.lock());
        let (generation, partitions) = {
            let assigned = self.consumer.context().assigned.lock();
            (assigned.generation, assigned.partitions.clone())
        };
        self.read
            .retain(|partition, _| partitions.contains(partition));
        let mut has_changed = false;
        for told in told {
            match told {
                Told::Ready {
                    partition,
                    generation: of,
                    offsets,
                } if of == generation && partitions.contains(&partition) => {
                    self.read.insert(partition, self.places(&offsets));
                    has_changed = true;
                }
                Told::Ready { .. } => {}
                Told::Lost { partition } => has_changed |= self.read.remove(&partition).is_some(),
            }
        }
        if has_changed {
            self.assign();
        }
    }

    fn places(&self, offsets: &Offsets) -> Places {
        let place = |topic: &Topic| match offsets.get(topic) {
            Some(next) => Offset::Offset(*next as i64),
            None => Offset::Beginning,
        };
        self.topics
            .values()
            .map(|topic| (topic.clone(), place(topic)))
            .collect()
    }

    /// Reads what there is to be read, and nothing else.
    fn assign(&mut self) {
        let list = self.list(self.read.keys().copied());
        if let Err(error) = list.and_then(|list| self.consumer.assign(&list)) {
            tracing::error!(%error, "partitions can not be read");
        }
        for partition in std::mem::take(&mut self.full) {
            if self.read.contains_key(&partition) {
                self.full.insert(partition);
                self.pause(partition, true);
            }
        }
    }

    fn list(&self, partitions: impl Iterator<Item = u32>) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            for (topic, place) in self.read.get(&partition).into_iter().flatten() {
                let name = self.options.full_name(topic.as_str());
                list.add_partition_offset(&name, partition as i32, *place)?;
            }
        }
        Ok(list)
    }

    fn pause(&self, partition: u32, is_paused: bool) {
        let outcome = self
            .list(std::iter::once(partition))
            .and_then(|list| match is_paused {
                true => self.consumer.pause(&list),
                false => self.consumer.resume(&list),
            });
        if let Err(error) = outcome {
            tracing::warn!(partition, %error, "a partition could not be paused or read on");
        }
    }

    /// Reads on for owners that have worked off what they had.
    fn resume(&mut self) {
        let shared = &self.shared;
        let rested = self
            .full
            .extract_if(.., |partition| shared.mailbox(*partition).has_room());
        for partition in rested.collect::<Vec<_>>() {
            self.pause(partition, false);
        }
    }

    /// What the owners want to read on from may be gone: by its age, or with brokers that lost it.
    fn mend(&mut self, error: &KafkaError) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {}
            Some(RDKafkaErrorCode::PartitionEOF) => return,
            _ => {
                tracing::debug!(%error, "reading the topics failed for now");
                return;
            }
        }
        let mut moved = Vec::new();
        for (partition, places) in &self.read {
            for (topic, place) in places {
                let Offset::Offset(wanted) = place else {
                    continue;
                };
                let name = self.options.full_name(topic.as_str());
                let bounds = self
                    .consumer
                    .fetch_watermarks(&name, *partition as i32, PATIENCE);
                match bounds {
                    Ok((first, end)) if !(first..=end).contains(wanted) => {
                        tracing::error!(
                            log.topic = topic.as_str(),
                            partition,
                            wanted,
                            first,
                            end,
                            "the topic has not got what is to be read next; it is read on from where it has"
                        );
                        moved.push((*partition, topic.clone(), (*wanted).clamp(first, end)));
                    }
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(%error, "the bounds of a topic could not be asked for");
                        return;
                    }
                }
            }
        }
        for (partition, topic, place) in moved {
            if let Some(places) = self.read.get_mut(&partition) {
                self.shared
                    .mailbox(partition)
                    .put_moved(topic.clone(), place.max(0) as u64);
                places.insert(topic, Offset::Offset(place));
            }
        }
        self.assign();
    }

    /// Tells the group what is decided, without waiting.
    fn commit(&mut self) {
        self.last_commit = Instant::now();
        let mut list = TopicPartitionList::new();
        for partition in self.read.keys() {
            let decided = self.shared.decided[*partition as usize].lock().clone();
            if self.committed.get(partition) == Some(&decided) {
                continue;
            }
            for (topic, next) in &decided {
                let name = self.options.full_name(topic.as_str());
                let offset = Offset::Offset(*next as i64);
                // A name of ours and an offset are never refused.
                let _ = list.add_partition_offset(&name, *partition as i32, offset);
            }
            self.committed.insert(*partition, decided);
        }
        if list.count() > 0
            && let Err(error) = self.consumer.commit(&list, CommitMode::Async)
        {
            tracing::debug!(%error, "the group's offsets were not committed");
        }
    }
}
