//! The thread that reads the consumed topics as a member of the group: it hands every record to its
//! partition's owner, reads no further for an owner that has enough, and has owners come and go with the
//! group's members. Offsets are the owners'; the group's are committed for Kafka's own tools alone.

use super::OwnerError;
use super::aside::{end_aside, end_within, has_ended};
use super::member::{Assigned, Member};
use super::shared::{CONSUMED, Offsets, Shared, Told};
use blazing_sun_backbone::log::kafka::settings::{self, ClientLog};
use blazing_sun_backbone::log::kafka::{Hearing, KafkaOptions, incoming, record_bytes_read};
use blazing_sun_backbone::log::{Record, Topic};
use blazing_sun_backbone::topics::Party;
use parking_lot::Mutex;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Message, Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often it is looked for topics whose last offsets are no records.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long the thread rests when nothing comes.
const POLL: Duration = Duration::from_millis(20);
/// Records taken before owners are handed theirs.
const RECORDS_AT_ONCE: usize = 1_024;
/// No more are taken at once than about so many bytes hold.
const BYTES_AT_ONCE: usize = 4 << 20;
/// A client that the group counts out for so long is replaced, although it hears the brokers. The group waits for who
/// was its member, so this is well above a session.
const RENEW_AFTER: Duration = Duration::from_secs(20);
/// Brokers that change their leaders may say for a while that something is not there.
const ASK_OWNERS_EVERY: Duration = Duration::from_millis(500);
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// Questions to the brokers.
const PATIENCE: Duration = Duration::from_secs(5);

/// The thread's last turn, and the end of its client.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// The consumer's thread.
pub(super) struct Consumer {
    assigned: Arc<Mutex<Assigned>>,
    is_over: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Consumer {
    pub fn start(options: &KafkaOptions, shared: Arc<Shared>) -> Result<Consumer, OwnerError> {
        let assigned: Arc<Mutex<Assigned>> = Arc::default();
        let consumer = join(options, &shared, &assigned)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let reading = Reading {
            topics: CONSUMED
                .map(|topic| (options.full_name(topic), Topic::new(topic)))
                .into(),
            options: options.clone(),
            consumer,
            shared,
            assigned: Arc::clone(&assigned),
            heard: Instant::now(),
            hearing: Hearing::default(),
            read: Read::default(),
            full: BTreeSet::new(),
            is_astray: false,
            asked_owners: Instant::now(),
            last_look: Instant::now(),
            last_commit: Instant::now(),
            committed: Committed::default(),
            is_over: Arc::clone(&is_over),
        };
        let thread = std::thread::Builder::new()
            .name("consumer".to_owned())
            .spawn(move || reading.run())
            .map_err(OwnerError::Thread)?;
        Ok(Consumer {
            assigned,
            is_over,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// What the group has given to this process.
    pub fn assigned(&self) -> Arc<Mutex<Assigned>> {
        Arc::clone(&self.assigned)
    }

    /// Leaves the group. Others take over at once.
    pub fn stop(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.lock().take()
            && !has_ended(&thread, STOP_WITHIN)
        {
            tracing::warn!("the consumer does not end; it is left behind");
        }
    }
}

/// A new member of the group.
fn join(
    options: &KafkaOptions,
    shared: &Arc<Shared>,
    assigned: &Arc<Mutex<Assigned>>,
) -> Result<BaseConsumer<Member>, OwnerError> {
    let mut config = settings::member(options, Party::Backend.group());
    // Where to begin is the owners' to say; what they say may not be there any more.
    config.set("auto.offset.reset", "error");
    // While the members change nobody decides; each hears of it by a heartbeat's answer.
    config.set("heartbeat.interval.ms", "500");
    let member = Member {
        shared: Arc::clone(shared),
        options: options.clone(),
        number: assigned.lock().begin(),
        assigned: Arc::clone(assigned),
        has_refused: AtomicBool::new(false),
        log: ClientLog::default(),
    };
    let consumer: BaseConsumer<Member> = config
        .create_with_context(member)
        .map_err(OwnerError::Kafka)?;
    let names = CONSUMED.map(|topic| options.full_name(topic));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    consumer.subscribe(&names).map_err(OwnerError::Kafka)?;
    Ok(consumer)
}

/// What is read of one partition: the next offset of each topic.
type Places = BTreeMap<Topic, Offset>;

/// What is read, by partition, since one change of the group's members.
#[derive(Default)]
struct Read {
    generation: u64,
    places: BTreeMap<u32, Places>,
    /// Where topics go on that have passed what is no record since their last one.
    passed: BTreeMap<u32, Offsets>,
}

impl Read {
    /// Follows a change of members. Owners have dropped what they had not decided, also those that keep their
    /// partition: until they say from where on, nothing is read for them.
    fn follow(&mut self, generation: u64) {
        if self.generation != generation {
            self.generation = generation;
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.places.clear();
        self.passed.clear();
    }

    /// Reads a partition from there on.
    fn begin(&mut self, partition: u32, places: Places) {
        self.places.insert(partition, places);
        self.passed.remove(&partition);
    }

    /// Takes note of where a topic is read on; whether there is something that is no record before it.
    fn pass(&mut self, partition: u32, topic: &Topic, position: u64) -> bool {
        let Some(place) = self.places.get(&partition).and_then(|all| all.get(topic)) else {
            return false;
        };
        let passed = self.passed.entry(partition).or_default();
        let before = match (passed.get(topic), place) {
            (Some(passed), _) => *passed,
            (None, Offset::Offset(next)) => next.unsigned_abs(),
            (None, _) => 0,
        };
        let has_passed = position > before;
        if has_passed {
            passed.insert(topic.clone(), position);
        }
        has_passed
    }

    /// What the group is told of a topic that is decided up to `next`.
    fn done(&self, partition: u32, topic: &Topic, next: u64) -> u64 {
        let of = |all: &BTreeMap<u32, Offsets>| all.get(&partition)?.get(topic).copied();
        let place = self.places.get(&partition).and_then(|all| all.get(topic));
        match of(&self.passed) {
            Some(passed) if place == Some(&Offset::Offset(next as i64)) => passed.max(next),
            _ => next,
        }
    }
}

/// What the group was told is decided, since one change of its members: what was said meanwhile it may have refused.
#[derive(Default)]
struct Committed {
    generation: u64,
    told: BTreeMap<u32, Offsets>,
}

impl Committed {
    /// Tells all again where the group has refused anything, or may have.
    fn follow(&mut self, generation: u64, has_failed: bool) {
        if has_failed || self.generation != generation {
            self.generation = generation;
            self.told.clear();
        }
    }
}

struct Reading {
    consumer: BaseConsumer<Member>,
    options: KafkaOptions,
    shared: Arc<Shared>,
    assigned: Arc<Mutex<Assigned>>,
    /// When the group was last known to count on this member.
    heard: Instant,
    hearing: Hearing,
    topics: BTreeMap<String, Topic>,
    read: Read,
    /// Partitions whose owners have enough.
    full: BTreeSet<u32>,
    /// What is read next is not there, of some topic.
    is_astray: bool,
    /// When owners were last asked because of that.
    asked_owners: Instant,
    last_look: Instant,
    last_commit: Instant,
    committed: Committed,
    is_over: Arc<AtomicBool>,
}

impl Reading {
    fn run(mut self) {
        while !self.is_over.load(Ordering::Relaxed) {
            let (records, error) = self.poll();
            let is_deaf = self.is_deaf(!records.is_empty());
            self.hand_out(records);
            if self.last_look.elapsed() > LOOK_EVERY {
                self.pass();
            }
            self.listen();
            if let Some(error) = error {
                self.note(&error);
            }
            if self.is_astray && self.asked_owners.elapsed() > ASK_OWNERS_EVERY {
                self.ask_owners();
            }
            self.resume();
            if is_deaf || self.heard.elapsed() > RENEW_AFTER {
                self.renew();
            }
            if self.last_commit.elapsed() > COMMIT_EVERY {
                self.commit();
            }
        }
        self.commit();
        let Reading { consumer, .. } = self;
        consumer.unsubscribe();
        end_within(consumer, PATIENCE);
    }

    /// Whether the client hears no broker while others do.
    fn is_deaf(&mut self, has_read: bool) -> bool {
        if has_read {
            self.hearing.heard();
            return false;
        }
        let topic = || self.topics.keys().next().cloned();
        let client = self.consumer.client();
        self.hearing
            .is_deaf(client, topic, &self.shared.tails.offsets)
    }

    /// Begins with a new client.
    fn renew(&mut self) {
        self.heard = Instant::now();
        self.hearing = Hearing::default();
        tracing::warn!(
            "the group has not been heard of for long; a new client asks to be its member"
        );
        // Owners rest: the group may not have taken anything back from a client that did not hear of it.
        self.consumer.context().go();
        match join(&self.options, &self.shared, &self.assigned) {
            Ok(consumer) => {
                let before = std::mem::replace(&mut self.consumer, consumer);
                end_aside(before);
                self.read.forget();
                self.full.clear();
            }
            Err(error) => tracing::error!(%error, "there is no new client"),
        }
    }

    fn poll(&self) -> (BTreeMap<u32, Vec<Record>>, Option<KafkaError>) {
        let mut all: BTreeMap<u32, Vec<Record>> = BTreeMap::new();
        let mut wait = POLL;
        let (mut count, mut bytes) = (0, 0);
        while count < RECORDS_AT_ONCE && bytes < BYTES_AT_ONCE {
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
            count += 1;
            bytes += record_bytes_read(&record);
            all.entry(record.partition).or_default().push(record);
        }
        (all, None)
    }

    fn hand_out(&mut self, records: BTreeMap<u32, Vec<Record>>) {
        // Owners may have begun anew while this was read.
        let generation = self.assigned.lock().generation;
        self.read.follow(generation);
        for (partition, records) in records {
            // What was read before partitions came and went belongs to nobody.
            let Some(places) = self.read.places.get_mut(&partition) else {
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

    /// Tells owners how far their topics are read where what stands there last is no record, such as the marks of
    /// other programs' transactions.
    fn pass(&mut self) {
        self.last_look = Instant::now();
        // Those of a partition begin anew with each `assign`, which the client has carried out before it answers.
        let Ok(positions) = self.consumer.position() else {
            return;
        };
        for element in positions.elements() {
            let (Some(topic), Offset::Offset(position)) =
                (self.topics.get(element.topic()), element.offset())
            else {
                continue;
            };
            let (partition, position) = (element.partition() as u32, position.unsigned_abs());
            if self.read.pass(partition, topic, position) {
                let mailbox = self.shared.mailbox(partition);
                mailbox.put_passed(topic, position);
            }
        }
    }

    /// Takes note of what owners say, and of what the group says: only what both agree on is read.
    fn listen(&mut self) {
        let told = std::mem::take(&mut *self.shared.told.lock());
        let (generation, partitions) = {
            let assigned = self.assigned.lock();
            if assigned.is_member {
                self.heard = Instant::now();
            }
            (assigned.generation, assigned.partitions.clone())
        };
        self.read.follow(generation);
        let mut has_changed = false;
        for told in told {
            match told {
                Told::Ready {
                    partition,
                    generation: of,
                    offsets,
                } if of == generation && partitions.contains(&partition) => {
                    self.read.begin(partition, self.places(&offsets));
                    has_changed = true;
                }
                Told::Ready { .. } => {}
                Told::Lost { partition } => {
                    has_changed |= self.read.places.remove(&partition).is_some()
                }
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
        let list = self.list(self.read.places.keys().copied());
        if let Err(error) = list.and_then(|list| self.consumer.assign(&list)) {
            tracing::error!(%error, "partitions can not be read");
        }
        for partition in std::mem::take(&mut self.full) {
            if self.read.places.contains_key(&partition) {
                self.full.insert(partition);
                self.pause(partition, true);
            }
        }
    }

    fn list(&self, partitions: impl Iterator<Item = u32>) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            for (topic, place) in self.read.places.get(&partition).into_iter().flatten() {
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

    /// What the owners want to read on from may be gone: by its age, or with brokers that lost it. The error does
    /// not say of which topic; owners decide what they have, and look for themselves.
    fn note(&mut self, error: &KafkaError) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                self.is_astray = true;
            }
            Some(RDKafkaErrorCode::PartitionEOF) => {}
            _ => tracing::debug!(%error, "reading the topics failed for now"),
        }
    }

    /// Reads nothing more until the owners have said anew from where on.
    fn ask_owners(&mut self) {
        (self.is_astray, self.asked_owners) = (false, Instant::now());
        let places = std::mem::take(&mut self.read.places);
        self.read.forget();
        for partition in places.into_keys() {
            self.shared.mailbox(partition).put_astray();
        }
        self.assign();
    }

    /// Tells the group what is decided, without waiting.
    fn commit(&mut self) {
        self.last_commit = Instant::now();
        let has_failed = self.consumer.context().take_refused();
        self.committed.follow(self.read.generation, has_failed);
        let mut list = TopicPartitionList::new();
        for partition in self.read.places.keys() {
            let mut decided = self.shared.decided[*partition as usize].lock().clone();
            for (topic, next) in &mut decided {
                *next = self.read.done(*partition, topic, *next);
            }
            if self.committed.told.get(partition) == Some(&decided) {
                continue;
            }
            for (topic, next) in &decided {
                let name = self.options.full_name(topic.as_str());
                let offset = Offset::Offset(*next as i64);
                // A name of ours and an offset are never refused.
                let _ = list.add_partition_offset(&name, *partition as i32, offset);
            }
            self.committed.told.insert(*partition, decided);
        }
        if list.count() > 0
            && let Err(error) = self.consumer.commit(&list, CommitMode::Async)
        {
            tracing::debug!(%error, "the group's offsets were not committed");
            self.committed.told.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_group_has_refused_is_told_again() {
        let mut committed = Committed::default();
        let mut is_told_again = |generation, has_failed| {
            let offsets = Offsets::from([(Topic::new("a"), 11)]);
            committed.follow(generation, has_failed);
            committed.told.insert(0, offsets).is_none()
        };
        let looks = [(1, false), (1, false), (1, true), (1, false), (3, false)];
        let again = looks.map(|(generation, failed)| is_told_again(generation, failed));
        assert_eq!(again, [true, false, true, false, true]);
    }

    #[test]
    fn after_a_change_of_members_nothing_is_read_from_where_it_was_read_before() {
        let places = Places::from([(Topic::new("a"), Offset::Offset(11))]);
        let mut read = Read::default();
        read.follow(1);
        read.places.insert(0, places);
        read.follow(1);
        assert_eq!(read.places.len(), 1);
        // Taken back and given again between two looks.
        read.follow(3);
        assert!(read.places.is_empty());
    }
}
