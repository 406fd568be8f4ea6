//! Looking for records by an id: around the time that the id was made at, and on from the command where its room and its
//! user are.

use super::{Budget, Sources, TraceError, is_of_commands, room_of};
use blazing_sun_backbone::envelope::EventEnvelope;
use blazing_sun_backbone::log::{Record, Start, Topic};
use blazing_sun_backbone::messages::header;
use blazing_sun_backbone::partitioner::partition_of;
use blazing_sun_backbone::topics;
use blazing_sun_domain::{Millis, RoomId, UserId};
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;
use uuid::Uuid;

const SOCKET_CLOSED: &str = "presence.event.user_offline";

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
/// Around the id's own time, until its command is found: clients' clocks are wrong, and a command is taken for an hour.
const WINDOWS: [(i64, i64); 4] = [
    (SECOND_MS / 2, SECOND_MS),
    (2 * SECOND_MS, 5 * SECOND_MS),
    (MINUTE_MS, MINUTE_MS),
    (10 * MINUTE_MS, 65 * MINUTE_MS),
];
/// How far back is looked for an id that has no time in it.
const UNTIMED_MS: i64 = 60 * MINUTE_MS;
/// What follows from a command follows at once, unless its owner or Kafka is behind; a payment takes its user's time.
const FOLLOWS_AT_ONCE_MS: i64 = 3 * SECOND_MS;
const FOLLOWS_MS: i64 = 30 * SECOND_MS;
const PAYMENT_FOLLOWS_MS: i64 = 65 * MINUTE_MS;

/// A record that names the id.
pub(super) struct Found {
    pub(super) record: Record,
    /// The id that all of one command carry.
    correlation_id: Option<Uuid>,
    event_id: Option<Uuid>,
    room: Option<RoomId>,
    user: Option<UserId>,
    is_command: bool,
    is_payment: bool,
    /// The socket that it came by.
    socket: Option<String>,
    is_closing: bool,
}

impl Found {
    fn of(record: Record) -> Found {
        let mut found = Found {
            correlation_id: None,
            event_id: None,
            room: None,
            user: None,
            is_command: false,
            socket: None,
            is_closing: false,
            is_payment: record.topic.as_str().starts_with("checkout."),
            record,
        };
        if let Ok(envelope) = EventEnvelope::parse(&found.record.payload) {
            let id = |text: &str| Uuid::try_parse(text).ok();
            found.correlation_id = envelope.correlation_id.as_deref().and_then(id);
            found.event_id = id(&envelope.event_id);
            found.room = room_of(&envelope, &found.record.key);
            let user = envelope.actor.user_id;
            let told = envelope.audience.user_ids.first().copied();
            found.user = Some(user).filter(|user| *user != UserId::SYSTEM).or(told);
            found.is_command = is_of_commands(&found.record);
            found.is_closing = envelope.event_type == SOCKET_CLOSED;
            let socket = Some(envelope.actor.socket_id).filter(|socket| !socket.is_empty());
            found.socket = socket.map(Into::into);
            found.is_payment |= envelope.event_type.starts_with("wallet.command.");
        }
        found
    }

    /// Whether it is the command itself.
    pub(super) fn is_command(&self) -> bool {
        self.is_command
    }

    /// Whether it says that the socket closed by which the command had come.
    pub(super) fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// The room that it is about.
    pub(super) fn room(&self) -> Option<RoomId> {
        self.room.clone()
    }

    /// Who asked, or who is told.
    pub(super) fn user(&self) -> Option<UserId> {
        self.user
    }
}

/// A search through the topics.
pub(super) struct Search<'a> {
    sources: &'a Sources<'a>,
    deadline: Instant,
    records_left: u64,
    is_cut: bool,
    /// The socket by which the command came.
    socket: Option<String>,
    /// Records that name the id, in the order of their topics' records.
    pub(super) found: Vec<Found>,
    seen: BTreeSet<(Topic, u32, u64)>,
    pub(super) scanned: u64,
}

impl<'a> Search<'a> {
    pub(super) fn new(sources: &'a Sources<'a>, budget: Budget) -> Search<'a> {
        Search {
            sources,
            deadline: Instant::now() + budget.time,
            records_left: budget.records,
            is_cut: false,
            socket: None,
            found: Vec::new(),
            seen: BTreeSet::new(),
            scanned: 0,
        }
    }

    /// Whether all was looked through that was to be.
    pub(super) fn is_complete(&self) -> bool {
        !self.is_cut
    }

    /// The instant of the first record that was found.
    pub(super) fn first_at(&self) -> Option<Millis> {
        self.found.iter().map(|found| found.record.timestamp).min()
    }

    /// The id that what was found carries: the given one where a record carries it, else the one of a record that has it
    /// as its own or names it.
    pub(super) fn correlation_of(&self, id: Uuid) -> Uuid {
        let carried = |found: &&Found| found.correlation_id == Some(id);
        if self.found.iter().any(|found| carried(&found)) {
            return id;
        }
        let own = self.found.iter().find(|found| found.event_id == Some(id));
        let other = own.or(self.found.first());
        other.and_then(|found| found.correlation_id).unwrap_or(id)
    }

    /// Looks around the time at which the id was made, further and further until its command is found.
    pub(super) async fn around(&mut self, id: Uuid, at: Option<Millis>) -> Result<(), TraceError> {
        let Some(at) = at else {
            let now = blazing_sun_backbone::clock::now();
            return self.look(id, now.plus(-UNTIMED_MS), now, None).await;
        };
        for (before, after) in WINDOWS {
            let (from, to) = (at.plus(-before), at.plus(after));
            self.look(id, from, to, None).await?;
            let is_found = self.found.iter().any(Found::is_command);
            if is_found || self.is_cut {
                break;
            }
        }
        Ok(())
    }

    /// Looks on from the command, in the partitions of its room and its user.
    pub(super) async fn follow(&mut self, id: Uuid) -> Result<(), TraceError> {
        let Some(command) = self.found.iter().find(|found| found.is_command()) else {
            return Ok(());
        };
        let is_payment = self.found.iter().any(|found| found.is_payment);
        let (written, from) = (
            command.record.timestamp,
            command.record.timestamp.plus(-SECOND_MS),
        );
        let keys: Vec<String> = [
            command.room.as_ref().map(RoomId::to_string),
            command.user.map(|user| user.to_string()),
            std::str::from_utf8(&command.record.key)
                .ok()
                .map(str::to_owned),
        ]
        .into_iter()
        .flatten()
        .collect();
        self.socket = command.socket.clone();
        if is_payment {
            let to = written.plus(PAYMENT_FOLLOWS_MS);
            return self.look(id, from, to, Some(&keys)).await;
        }
        let at_once = written.plus(FOLLOWS_AT_ONCE_MS);
        self.look(id, from, at_once, Some(&keys)).await?;
        let follows = |found: &Found| !found.is_command() && !found.is_closing();
        let has_followed = self.found.iter().any(follows);
        if !has_followed && !self.is_cut {
            let to = written.plus(FOLLOWS_MS);
            return self.look(id, at_once, to, Some(&keys)).await;
        }
        Ok(())
    }

    /// Looks through what was written between two instants, in the partitions of these keys if any are given.
    async fn look(
        &mut self,
        id: Uuid,
        from: Millis,
        to: Millis,
        keys: Option<&[String]>,
    ) -> Result<(), TraceError> {
        let (starts, mut ends) = self.spans(from, keys).await?;
        if ends.is_empty() {
            return Ok(());
        }
        let mut text = Uuid::encode_buffer();
        let text: &str = id.hyphenated().encode_lower(&mut text);
        let mut reader = self.sources.log.subscribe(starts)?;
        while !ends.is_empty() {
            let next = tokio::time::timeout_at(self.deadline, reader.next()).await;
            let Ok(records) = next else {
                self.is_cut = true;
                return Ok(());
            };
            for record in records? {
                let place = (record.topic.clone(), record.partition);
                let Some(end) = ends.get(&place).copied() else {
                    continue;
                };
                if self.records_left == 0 {
                    self.is_cut = true;
                    return Ok(());
                }
                if record.offset + 1 >= end || record.timestamp > to {
                    ends.remove(&place);
                }
                self.scanned += 1;
                self.records_left -= 1;
                let is_wanted = || names(&record, text) || self.closes(&record);
                if record.timestamp <= to && is_wanted() {
                    self.take(record);
                }
            }
            for (topic, partition, next) in reader.passed() {
                let place = (topic, partition);
                if ends.get(&place).is_some_and(|end| next >= *end) {
                    ends.remove(&place);
                }
            }
        }
        Ok(())
    }

    fn closes(&self, record: &Record) -> bool {
        let is_closing = record.topic.as_str() == topics::GATEWAY_PRESENCE
            && record.headers.get(header::EVENT_TYPE) == Some(SOCKET_CLOSED.as_bytes());
        let is_its =
            |socket: &String| memchr::memmem::find(&record.payload, socket.as_bytes()).is_some();
        is_closing && self.socket.as_ref().is_some_and(is_its)
    }

    fn take(&mut self, record: Record) {
        let place = (record.topic.clone(), record.partition, record.offset);
        if self.seen.insert(place) {
            self.found.push(Found::of(record));
        }
    }

    /// Where to begin in each partition, and where there is nothing more.
    async fn spans(
        &self,
        from: Millis,
        keys: Option<&[String]>,
    ) -> Result<(Vec<(Topic, u32, Start)>, BTreeMap<(Topic, u32), u64>), TraceError> {
        let names: Vec<&str> = self.sources.games.iter().map(|game| game.name).collect();
        let rows = topics::rows(&names).map(|(name, row)| (Topic::new(&name), row.key));
        let rules: BTreeMap<Topic, topics::KeyRule> = rows.collect();
        let all: Vec<Topic> = rules.keys().cloned().collect();
        let (mut starts, mut ends) = (Vec::new(), BTreeMap::new());
        // A game may be one that this deployment has not had yet.
        for (topic, spans) in self.sources.log.written_since(&all, from).await? {
            let partitions = spans.len() as u32;
            let is_of_any = rules.get(&topic) == Some(&topics::KeyRule::Original);
            let is_of = |partition: u32, key: &String| {
                partition_of(key.as_bytes(), partitions) == partition
            };
            let wanted = |partition: u32| {
                keys.is_none_or(|keys| is_of_any || keys.iter().any(|key| is_of(partition, key)))
            };
            for span in spans {
                if span.from < span.to && wanted(span.partition) {
                    starts.push((topic.clone(), span.partition, Start::Offset(span.from)));
                    ends.insert((topic.clone(), span.partition), span.to);
                }
            }
        }
        Ok((starts, ends))
    }
}

/// Whether a record carries an id, names it, or has put aside one that does.
fn names(record: &Record, id: &str) -> bool {
    let carries = |name| record.headers.get(name) == Some(id.as_bytes());
    carries(header::CORRELATION_ID)
        || carries(header::EVENT_ID)
        || memchr::memmem::find(&record.payload, id.as_bytes()).is_some()
        || record.topic.as_str() == topics::DEAD_LETTER && original_names(&record.payload, id)
}

fn original_names(letter: &[u8], id: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Letter {
        original: String,
    }
    let Ok(letter) = serde_json::from_slice::<Letter>(letter) else {
        return false;
    };
    use base64::Engine as _;
    let original = base64::prelude::BASE64_STANDARD.decode(letter.original);
    original.is_ok_and(|original| memchr::memmem::find(&original, id.as_bytes()).is_some())
}
