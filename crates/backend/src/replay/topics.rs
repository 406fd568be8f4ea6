//! What the topics still have of a room against the records that its replay comes to, in order.

use super::Result;
use super::journal::{Journal, unreadable};
use crate::outgoing::Outgoing;
use crate::partition::{Changed, decided_on_copy, push_balance, push_payment};
use blazing_sun_backbone::envelope::AudienceKind;
use blazing_sun_backbone::log::sqlite::SqliteLog;
use blazing_sun_backbone::log::{Headers, LogError, NewRecord, Record};
use blazing_sun_backbone::messages::{PaymentKind, header};
use blazing_sun_backbone::topics;
use blazing_sun_domain::difference::first_difference;
use blazing_sun_domain::room::{Action, Input, Room};
use blazing_sun_domain::{Account, Cents, Games, Millis, RoomId, SeatedPlayer, Transfer, UserId};
use rusqlite::{Connection, OptionalExtension};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

/// Fields that each record has for itself.
const OWN_FIELDS: [&str; 2] = [header::EVENT_ID, header::CORRELATION_ID];
/// Batches of several partitions are in the order of their commits, and are of the instants when they began, by
/// the clocks of different machines.
const OUT_OF_ORDER_MS: i64 = 60_000;
/// Answers that no state decides.
const PLAIN_ANSWERS: [&str; 4] = [
    "games.event.chat_history",
    "games.event.error",
    "games.event.command_applied",
    "games.event.not_in_room",
];

type Batch = std::result::Result<(u64, Millis, Vec<Record>), LogError>;

/// One input and all that came of it.
pub(super) struct Step<'a> {
    pub now: Millis,
    /// The room that it found; none before it was opened.
    pub before: Option<&'a Room>,
    pub room: &'a Room,
    /// The room's events as records.
    pub events: Vec<NewRecord>,
    pub transfers: &'a [Transfer],
    /// By transfer: what its player has then, by the ledger.
    pub balances: &'a [Option<i64>],
}

/// The records of a room, as the log has them.
pub(super) struct ToldRecords<'c> {
    room_id: RoomId,
    partition: u32,
    currency: String,
    batches: Box<dyn Iterator<Item = Batch> + 'c>,
    /// No record of an ended room is later.
    until: Option<Millis>,
    /// When the first kept batch was written, where earlier ones have expired.
    kept_from: Option<Millis>,
    payment_topics: Vec<String>,
    queue: VecDeque<Record>,
    is_at_end: bool,
    /// Nothing more is compared after the first difference: all that follows would differ too.
    has_stopped: bool,
    pub compared: u64,
    pub expired: u64,
    pub answers: u64,
}

impl<'c> ToldRecords<'c> {
    pub fn new(connection: &'c Connection, journal: &Journal) -> Result<ToldRecords<'c>> {
        let money: Option<String> = connection
            .query_row(
                "SELECT value FROM deployment WHERE name = 'money'",
                [],
                |row| row.get(0),
            )
            .optional()?;
        let currency = money.as_deref().and_then(|money| money.split_once(' '));
        let first = connection
            .query_row(
                "SELECT batch_no, at_ms FROM log_batch ORDER BY batch_no LIMIT 1",
                [],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
            )
            .optional()?;
        let from = match journal.opened_at() {
            Some(opened) => first_batch_at(connection, opened)?,
            None => 0,
        };
        let kept_from = match first {
            Some((batch_no, at_ms)) => (batch_no > 1).then_some(Millis(at_ms)),
            None => Some(Millis(i64::MAX)),
        };
        Ok(ToldRecords {
            room_id: journal.room_id.clone(),
            partition: journal.partition,
            currency: currency.map_or_else(String::new, |(_, currency)| currency.to_owned()),
            batches: Box::new(SqliteLog::batches_from(connection, from)?),
            until: journal.ended_at(),
            kept_from,
            payment_topics: Vec::new(),
            queue: VecDeque::new(),
            is_at_end: false,
            has_stopped: false,
            compared: 0,
            expired: 0,
            answers: 0,
        })
    }

    /// What differs between a step's records and the log's.
    pub fn compare(
        &mut self,
        step: Step<'_>,
        outgoing: &mut Outgoing,
        games: &Games,
    ) -> Result<Option<String>> {
        if self.has_stopped {
            return Ok(None);
        }
        if self.payment_topics.is_empty() {
            let kinds = [
                PaymentKind::Participation,
                PaymentKind::Refund,
                PaymentKind::Prize,
            ];
            let game = step.room.game_type();
            self.payment_topics = kinds.map(|kind| kind.topic(game)).to_vec();
        }
        let (now, before) = (step.now, step.before);
        let expected = self.expected(step, outgoing);
        if self.is_expired(now, expected.first())? {
            self.expired += expected.len() as u64;
            return Ok(None);
        }
        let mut is_first = true;
        for record in &expected {
            let wrong = self.compare_one(record, now, before.filter(|_| is_first), games)?;
            if wrong.is_some() {
                self.has_stopped = true;
                return Ok(wrong);
            }
            is_first = false;
        }
        Ok(None)
    }

    /// What the log tells of the room beyond its journal.
    pub fn end(&mut self, room: &Room, games: &Games) -> Result<Option<String>> {
        while !self.has_stopped {
            let Some(record) = self.next()? else {
                break;
            };
            match record {
                Ok(record) if self.take_answer(&record, Some(room), games) => {}
                Ok(record) => {
                    let at = place(&record);
                    return Ok(Some(format!("{at} does not follow from the journal")));
                }
                Err(wrong) => return Ok(Some(wrong)),
            }
        }
        Ok(None)
    }

    fn compare_one(
        &mut self,
        expected: &NewRecord,
        now: Millis,
        before: Option<&Room>,
        games: &Games,
    ) -> Result<Option<String>> {
        let name = name_of(&expected.headers, expected.topic.as_str());
        loop {
            let record = match self.next()? {
                Some(Ok(record)) => record,
                Some(Err(wrong)) => return Ok(Some(wrong)),
                None => return Ok(Some(format!("{name} is not in the log"))),
            };
            let Some(wrong) = difference(expected, &record, now) else {
                self.compared += 1;
                return Ok(None);
            };
            // Where an input's own records begin, answers that no journal has may stand before them.
            if !self.take_answer(&record, before, games) {
                return Ok(Some(format!(
                    "{name} in the log, {}: {wrong}",
                    place(&record)
                )));
            }
        }
    }

    /// Takes an answer to a command that changed nothing; whether it is one, and the right one.
    fn take_answer(&mut self, record: &Record, room: Option<&Room>, games: &Games) -> bool {
        let is_to_one = record.topic.as_str() == topics::GAMES_EVENTS
            && record.headers.text(header::AUDIENCE) == Some(AudienceKind::User.as_str())
            && record.headers.get(header::ROOM_SEQ).is_none();
        let event_type = record.headers.text(header::EVENT_TYPE).unwrap_or_default();
        let Some(told) = Told::of(&record.headers, &record.payload).filter(|_| is_to_one) else {
            return false;
        };
        let has_place = told.value["payload"].get("after_seq").is_some();
        let is_right = match room {
            _ if PLAIN_ANSWERS.contains(&event_type) && !has_place => true,
            Some(room) => state_answers(room, record, self.partition, games)
                .iter()
                .any(|answer| difference(answer, record, record.timestamp).is_none()),
            None => false,
        };
        self.answers += u64::from(is_right);
        is_right
    }

    fn next(&mut self) -> Result<Option<std::result::Result<Record, String>>> {
        while self.queue.is_empty() && !self.is_at_end {
            let (at, records) = match self.batches.next() {
                Some(Ok((_, at, records))) => (at, records),
                Some(Err(error)) => {
                    self.is_at_end = true;
                    return Ok(Some(Err(unreadable(&error))));
                }
                None => {
                    self.is_at_end = true;
                    break;
                }
            };
            // Batches of other partitions may be of a later instant and stand before this one's last.
            let is_own = |record: &Record| {
                record.partition == self.partition && record.topic.as_str() == topics::GAMES_EVENTS
            };
            if self.until.is_some_and(|until| at > until) && records.iter().any(is_own) {
                self.is_at_end = true;
                break;
            }
            let mine = records.into_iter().filter(|record| self.is_of_room(record));
            let mine: Vec<Record> = mine.collect();
            self.queue.extend(mine);
        }
        Ok(self.queue.pop_front().map(Ok))
    }

    fn is_of_room(&self, record: &Record) -> bool {
        let topic = record.topic.as_str();
        if topic == topics::GAMES_EVENTS {
            return record.headers.text(header::ROOM_ID) == Some(self.room_id.as_str());
        }
        self.payment_topics.iter().any(|payment| payment == topic)
            && serde_json::from_slice::<Value>(&record.payload)
                .is_ok_and(|payment| payment["room_id"] == self.room_id.as_str())
    }

    /// Whether the log no longer has the records of a step.
    fn is_expired(&mut self, now: Millis, first: Option<&NewRecord>) -> Result<bool> {
        let Some(kept_from) = self.kept_from.filter(|_| self.compared == 0) else {
            return Ok(false);
        };
        if now != kept_from {
            return Ok(now < kept_from);
        }
        // Two batches can be of one instant, and only the later of them kept.
        let next = match self.next()? {
            Some(Ok(next)) => next,
            Some(Err(_)) | None => return Ok(true),
        };
        let is_here = first.is_some_and(|first| difference(first, &next, now).is_none());
        self.queue.push_front(next);
        Ok(!is_here)
    }

    /// The records of a step in the engine's order: payments, events, balances.
    fn expected(&self, step: Step<'_>, outgoing: &mut Outgoing) -> Vec<NewRecord> {
        let partition = self.partition;
        outgoing.records.clear();
        let game = (step.room.game_type(), step.room.room_name());
        for transfer in step.transfers {
            push_payment(outgoing, partition, step.now, game, transfer);
        }
        outgoing.records.extend(step.events);
        for (transfer, balance) in step.transfers.iter().zip(step.balances) {
            self.push_balance(transfer, *balance, outgoing);
        }
        std::mem::take(&mut outgoing.records)
    }

    fn push_balance(&self, transfer: &Transfer, balance: Option<i64>, outgoing: &mut Outgoing) {
        let (user, change) = match (&transfer.from, &transfer.to) {
            (Account::Player(user), _) => (*user, Cents::ZERO - transfer.amount),
            (_, Account::Player(user)) => (*user, transfer.amount),
            _ => return,
        };
        let changed = Changed {
            user,
            balance: Cents(balance.unwrap_or_default()),
            change,
        };
        let (partition, currency) = (self.partition, &self.currency);
        push_balance(outgoing, partition, currency, transfer, &changed, None);
    }
}

/// A record without what is its own: what must be equal.
struct Told {
    headers: BTreeMap<String, String>,
    value: Value,
}

impl Told {
    fn of(headers: &Headers, payload: &[u8]) -> Option<Told> {
        let mut value: Value = serde_json::from_slice(payload).ok()?;
        let mut headers: BTreeMap<String, String> = headers
            .iter()
            .map(|(name, value)| {
                let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                (text(name), text(value))
            })
            .collect();
        headers.remove(header::OUTBOX_SEQ);
        headers.remove(header::TRACEPARENT);
        let is_envelope = value.get("payload").is_some();
        for name in OWN_FIELDS {
            let in_header = headers.remove(name);
            let in_envelope = value.get(name).and_then(Value::as_str);
            if in_header.as_deref() != in_envelope {
                // Kept, so that they are told as a difference.
                headers.insert(name.to_owned(), in_header.unwrap_or_default());
            } else if is_envelope && let Some(envelope) = value.as_object_mut() {
                envelope.remove(name);
            }
        }
        if is_envelope && let Some(fields) = value["payload"].as_object_mut() {
            fields.remove("command_id");
        }
        Some(Told { headers, value })
    }
}

/// The first difference between a record as it must be and as it is.
fn difference(expected: &NewRecord, found: &Record, now: Millis) -> Option<String> {
    if expected.topic != found.topic {
        return Some(format!("{} comes here", expected.topic.as_str()));
    }
    if expected.partition != Some(found.partition) || expected.key != found.key {
        return Some("it has another partition or key".to_owned());
    }
    if found.timestamp != now {
        return Some(format!("it was written at {}, not {now}", found.timestamp));
    }
    let right = Told::of(&expected.headers, &expected.payload)?;
    let Some(is) = Told::of(&found.headers, &found.payload) else {
        return Some("it is not JSON".to_owned());
    };
    if right.headers != is.headers {
        let names = right.headers.keys().chain(is.headers.keys());
        let mut names = names.filter(|name| right.headers.get(*name) != is.headers.get(*name));
        return Some(format!("header {} differs", names.next()?));
    }
    first_difference(&right.value, &is.value)
}

/// What the room answers its recipient who asks how it stands, or invites nobody new, as records.
fn state_answers(room: &Room, record: &Record, partition: u32, games: &Games) -> Vec<NewRecord> {
    let recipients = record.headers.text(header::RECIPIENTS).unwrap_or_default();
    let Ok([user]) = serde_json::from_str::<[UserId; 1]>(recipients) else {
        return Vec::new();
    };
    let (by, action) = match invitation(record) {
        Some(invitation) => {
            let invite = Action::Invite {
                users: Vec::new(),
                rematch_of: invitation.rematch_of,
            };
            (SeatedPlayer::person(user, invitation.host_username), invite)
        }
        None => {
            let system = SeatedPlayer::person(UserId::SYSTEM, "system");
            (system, Action::Sync { user })
        }
    };
    let input = Input {
        now: record.timestamp,
        by,
        balances: Vec::new(),
        action,
    };
    let mut outgoing = Outgoing::new(1);
    outgoing.set_now(record.timestamp);
    if let Some(effects) = decided_on_copy(room, &input, games) {
        for event in &effects.events {
            outgoing.room_event(partition, room.room_id(), event, None);
        }
    }
    outgoing.records
}

/// Of a `room_invited`, what its room does not know.
#[derive(Deserialize)]
struct Invitation {
    host_username: String,
    #[serde(default)]
    rematch_of: Option<RoomId>,
}

fn invitation(record: &Record) -> Option<Invitation> {
    #[derive(Deserialize)]
    struct Invited {
        payload: Invitation,
    }
    let is_one = record.headers.text(header::EVENT_TYPE) == Some("games.event.room_invited");
    let invited: Option<Invited> = serde_json::from_slice(&record.payload).ok();
    invited.filter(|_| is_one).map(|invited| invited.payload)
}

/// A batch that is not later than the first of this instant, and not much earlier; found by halving.
fn first_batch_at(connection: &Connection, at: Millis) -> Result<u64> {
    let bounds = connection.query_row(
        "SELECT coalesce(min(batch_no), 0), coalesce(max(batch_no), -1) FROM log_batch",
        [],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
    )?;
    // The first that is not before this: no later one than the first that is not before `at`.
    let at = at.0.saturating_sub(OUT_OF_ORDER_MS);
    let (mut low, mut high) = (bounds.0, bounds.1.saturating_add(1));
    let mut next = connection.prepare(
        "SELECT batch_no, at_ms FROM log_batch WHERE batch_no >= ?1 ORDER BY batch_no LIMIT 1",
    )?;
    while low < high {
        let middle = low + (high - low) / 2;
        let found = next
            .query_row([middle], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            })
            .optional()?;
        match found {
            Some((batch_no, at_ms)) if at_ms < at => low = batch_no + 1,
            _ => high = middle,
        }
    }
    Ok(low.max(0) as u64)
}

fn name_of(headers: &Headers, topic: &str) -> String {
    let event_type = headers.text(header::EVENT_TYPE).unwrap_or(topic);
    match headers.text(header::ROOM_SEQ) {
        Some(seq) => format!("{event_type} (room_seq {seq})"),
        None => event_type.to_owned(),
    }
}

fn place(record: &Record) -> String {
    let (topic, partition, offset) = (record.topic.as_str(), record.partition, record.offset);
    let name = name_of(&record.headers, topic);
    format!("{name} at {topic}/{partition} offset {offset}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_batch_is_passed_over_where_instants_are_out_of_order() {
        let connection = Connection::open_in_memory().unwrap();
        let table = "CREATE TABLE log_batch (batch_no INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL)";
        connection.execute(table, []).unwrap();
        let base = 1_000_000;
        let instants = [0, 10, 900_000, 900_009, 900_004, 900_008, 900_010, 900_008];
        for (batch_no, at) in (1..).zip(instants) {
            let row: [i64; 2] = [batch_no, base + at];
            connection
                .execute("INSERT INTO log_batch VALUES (?1, ?2)", row)
                .unwrap();
        }
        for (batch_no, at) in (1..).zip(instants) {
            let found = first_batch_at(&connection, Millis(base + at)).unwrap();
            assert!(found <= batch_no, "{found} for {batch_no}");
        }
        // What is long before is left out.
        assert_eq!(
            first_batch_at(&connection, Millis(base + 900_009)).unwrap(),
            3
        );
    }
}
