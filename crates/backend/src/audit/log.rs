//! The log batch by batch beside the ledger: nothing of it may be missing, and each batch's records
//! must tell of exactly the transfers that were committed with it.

use super::frame::{LogFrame, Offsets, decode_offsets};
use super::ledger::{COLUMNS, Ledger, LedgerRows, TransferRow};
use super::progress::Progress;
use super::{AuditCheck, Result, has_table};
use crate::partition::{JOURNAL_TOPIC, JournalRecord};
use blazing_sun_backbone::log::sqlite::SqliteLog;
use blazing_sun_backbone::log::{Headers, Record};
use blazing_sun_backbone::messages::{PaymentKind, header, payment_event_id};
use blazing_sun_backbone::topics::{self, Party};
use blazing_sun_domain::UserId;
use rusqlite::{Connection, OptionalExtension};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::HashMap;

/// The log's own rule: before such a batch stands a row of `log_index`.
const INDEX_EVERY: u64 = 256;
/// The event that tells a player's new balance.
const BALANCE_CHANGED: &str = "wallet.event.balance_changed";
/// The last event of every room.
const SEED_REVEALED: &str = "games.event.seed_revealed";

/// What the log tells of a room.
#[derive(Debug, Default)]
pub(super) struct LoggedRoom {
    /// Its last `room_seq`.
    pub last_seq: u64,
    /// The batch that opened it.
    pub opened: Option<u64>,
    /// Whether it told its last event.
    pub has_ended: bool,
}

/// What the pass over the log found.
pub(super) struct Logged {
    pub checks: Vec<AuditCheck>,
    pub rooms: HashMap<String, LoggedRoom>,
}

/// Reads log and ledger through, side by side.
pub(super) fn check(
    connection: &Connection,
    frame: &mut LogFrame,
    ledger: &mut Ledger,
    progress: &Progress<'_>,
) -> Result<Logged> {
    let mut statement = connection.prepare(&format!(
        "SELECT {COLUMNS} FROM ledger_transfer ORDER BY id"
    ))?;
    let mut rows = LedgerRows::new(statement.query([])?);
    let mut expected = frame.first.max(1);
    let last = frame.last;
    let mut pass = Pass::new(connection, frame)?;
    let mut from = 0;
    while has_table(connection, "log_batch")? {
        let mut failed = None;
        for batch in SqliteLog::batches_from(connection, from)? {
            let (batch_no, at, records) = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            };
            from = batch_no + 1;
            progress.step();
            pass.batch_stands(batch_no, &mut expected);
            while let Some(row) = rows.next_upto(batch_no.saturating_sub(1))? {
                let row = ledger.take(row);
                pass.transfer_without_batch(&row);
            }
            let mut of_batch = Vec::new();
            while let Some(row) = rows.next_upto(batch_no)? {
                of_batch.push(ledger.take(row));
            }
            pass.take(batch_no, at.0, &records, &of_batch)?;
        }
        let Some(error) = failed else { break };
        let damaged = connection
            .query_row(
                "SELECT batch_no FROM log_batch WHERE batch_no >= ?1 ORDER BY batch_no LIMIT 1",
                [from as i64],
                |row| row.get::<_, i64>(0),
            )
            .optional()?;
        let Some(damaged) = damaged else {
            return Err(error.into());
        };
        from = damaged.max(0) as u64 + 1;
        pass.batch_stands(from - 1, &mut expected);
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        pass.log.differ(|| {
            let why = cause.unwrap_or_else(|| error.to_string());
            format!("batch {damaged} can not be read: {why}")
        });
    }
    if expected <= last {
        pass.log
            .differ(|| format!("batches {expected} to {last} are missing at the log's end"));
    }
    if expected > last + 1 {
        pass.log.differ(|| {
            let found = expected - 1;
            format!("the log ends with batch {found}, the store with {last}")
        });
    }
    while let Some(row) = rows.next_upto(u64::MAX)? {
        let row = ledger.take(row);
        pass.transfer_without_batch(&row);
    }
    Ok(pass.end())
}

/// A journal record's room and whether it opens it: what [`JournalRecord`] calls so, of any version.
#[derive(Deserialize)]
struct JournalFields {
    r: Option<JournalInput>,
}

#[derive(Deserialize)]
struct JournalInput {
    r: String,
    o: Option<IgnoredAny>,
}

/// A payment record, as far as the ledger says the same.
#[derive(Deserialize)]
struct PaymentFields {
    event_type: String,
    event_id: String,
    user_id: i64,
    amount_cents: i64,
    game_type: String,
    room_id: String,
}

#[derive(Deserialize)]
struct BalanceEnvelope {
    payload: BalanceFields,
}

/// A `balance_changed`, as far as the ledger says the same.
#[derive(Deserialize)]
struct BalanceFields {
    #[serde(default)]
    room_id: Option<String>,
    balance_cents: i64,
    change_cents: i64,
    reason: String,
}

struct Pass<'c> {
    connection: &'c Connection,
    frame: &'c LogFrame,
    log: AuditCheck,
    payments: AuditCheck,
    balances: AuditCheck,
    outbox: AuditCheck,
    room_seq: AuditCheck,
    topic_ids: HashMap<String, u32>,
    next: Offsets,
    last_outbox: HashMap<(String, u32), u64>,
    rooms: HashMap<String, LoggedRoom>,
}

impl<'c> Pass<'c> {
    fn new(connection: &'c Connection, frame: &'c mut LogFrame) -> Result<Pass<'c>> {
        let mut log = AuditCheck::new(
            "the log has every batch from the first kept to the store's last, and every offset",
        );
        for wrong in frame.wrongs.drain(..) {
            log.differ(|| wrong);
        }
        let mut topic_ids = HashMap::new();
        if has_table(connection, "log_topic")? {
            let mut statement = connection.prepare("SELECT name, id FROM log_topic")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            topic_ids = rows.collect::<rusqlite::Result<_>>()?;
        }
        Ok(Pass {
            connection,
            log,
            payments: AuditCheck::new(
                "every fee, refund and prize has one payment record in its batch, and no other is there",
            ),
            balances: AuditCheck::new(
                "every transfer of a player's has one balance_changed in its batch, with the right balance",
            ),
            outbox: AuditCheck::new("outbox_seq is dense in every partition of every topic"),
            room_seq: AuditCheck::new("room_seq is dense in every room"),
            topic_ids,
            next: std::mem::take(&mut frame.next),
            frame,
            last_outbox: HashMap::new(),
            rooms: HashMap::new(),
        })
    }

    fn end(self) -> Logged {
        Logged {
            checks: vec![
                self.log,
                self.payments,
                self.balances,
                self.outbox,
                self.room_seq,
            ],
            rooms: self.rooms,
        }
    }

    fn batch_stands(&mut self, batch_no: u64, expected: &mut u64) {
        let next = *expected;
        self.log.expect(batch_no == next, || {
            if batch_no < next {
                format!("batch {batch_no} is there, though removed: the first kept is {next}")
            } else if batch_no == next + 1 {
                format!("batch {next} is missing")
            } else {
                format!("batches {next} to {} are missing", batch_no - 1)
            }
        });
        *expected = next.max(batch_no + 1);
    }

    fn transfer_without_batch(&mut self, row: &TransferRow) {
        if row.batch_no >= self.frame.first {
            self.payments.expect(false, || {
                let (key, batch_no) = (&row.key, row.batch_no);
                format!("transfer {key} is of batch {batch_no}, which the log does not have")
            });
        }
    }

    fn take(
        &mut self,
        batch_no: u64,
        at_ms: i64,
        records: &[Record],
        rows: &[TransferRow],
    ) -> Result<()> {
        if batch_no.is_multiple_of(INDEX_EVERY) {
            self.take_index(batch_no)?;
        }
        for row in rows.iter().filter(|row| row.at_ms != at_ms) {
            self.payments
                .differ(|| format!("transfer {} is not of its batch's time {at_ms}", row.key));
        }
        for record in records {
            self.take_offset(record);
            if record.topic.as_str() == JOURNAL_TOPIC {
                self.take_journal(batch_no, record);
            }
        }
        let mut movers = rows.iter().filter(|row| row.change().is_some());
        let mut to_pay: HashMap<String, &TransferRow> = rows
            .iter()
            .filter(|row| PaymentKind::of_transfer(&row.kind).is_some())
            .map(|row| (payment_event_id(&row.key).to_string(), row))
            .collect();
        for record in records {
            if record.topic.as_str() == JOURNAL_TOPIC {
                continue;
            }
            self.take_outbox(record);
            self.take_room_seq(record);
            let event_type = record.headers.text(header::EVENT_TYPE);
            if record.topic.as_str() == topics::GAMES_EVENTS && event_type == Some(BALANCE_CHANGED)
            {
                self.take_balance(record, movers.next());
            }
            if topics::game_of_payments(record.topic.as_str()).is_some() {
                self.take_payment(batch_no, record, &mut to_pay)?;
            }
        }
        for row in movers {
            self.balances.expect(false, || {
                format!(
                    "transfer {} has no balance_changed in batch {batch_no}",
                    row.key
                )
            });
        }
        for row in rows {
            if to_pay.contains_key(&payment_event_id(&row.key).to_string()) {
                self.payments.expect(false, || {
                    format!("transfer {} has no record in batch {batch_no}", row.key)
                });
            }
        }
        Ok(())
    }

    fn take_index(&mut self, batch_no: u64) -> Result<()> {
        let row = self
            .connection
            .prepare_cached("SELECT next_offsets FROM log_index WHERE batch_no = ?1")?
            .query_row([batch_no as i64], |row| row.get::<_, Vec<u8>>(0))
            .optional()?;
        let index = row.as_deref().and_then(decode_offsets);
        let next = &self.next;
        let is_right = index.as_ref().is_some_and(|index| {
            index
                .iter()
                .all(|(at, offset)| next.get(at).unwrap_or(&0) == offset)
                && next
                    .iter()
                    .all(|(at, offset)| index.get(at).unwrap_or(&0) == offset)
        });
        self.log.expect(is_right, || match index {
            Some(_) => format!("the index before batch {batch_no} has other offsets than the log"),
            None => format!("the index before batch {batch_no} is missing or not readable"),
        });
        Ok(())
    }

    fn take_offset(&mut self, record: &Record) {
        let Some(topic) = self.topic_ids.get(record.topic.as_str()) else {
            return;
        };
        let next = self.next.entry((*topic, record.partition)).or_default();
        let right = std::mem::replace(next, record.offset + 1);
        self.log.expect(record.offset == right, || {
            format!("{}: offset {right} comes here", at(record))
        });
    }

    fn take_journal(&mut self, batch_no: u64, record: &Record) {
        if batch_no >= self.frame.floor
            && let Err(error) = serde_json::from_slice::<JournalRecord>(&record.payload)
        {
            let at = at(record);
            self.log
                .differ(|| format!("{at}: recovery can not read it: {error}"));
        }
        let input = match serde_json::from_slice::<JournalFields>(&record.payload) {
            Ok(JournalFields { r: Some(input) }) if input.o.is_some() => input,
            _ => return,
        };
        let room = self.rooms.entry(input.r.clone()).or_default();
        if let Some(earlier) = room.opened.replace(batch_no) {
            self.log.differ(|| {
                let room = &input.r;
                format!("room {room} is opened in batch {earlier} and again in {batch_no}")
            });
        }
    }

    fn take_outbox(&mut self, record: &Record) {
        let Some(found) = number(record, header::OUTBOX_SEQ) else {
            return;
        };
        let topic = record.topic.as_str();
        let first = if self.frame.is_whole() { 0 } else { found };
        let key = (topic.to_owned(), record.partition);
        let last = self.last_outbox.insert(key, found);
        let next = last.map_or(first, |last| last + 1);
        let is_right = if is_shared(topic) {
            // After a restart the numbers go on from the offset, which counts the others' records too.
            found >= next
        } else {
            found == next
        };
        self.outbox.expect(is_right, || {
            format!("{}: {found} where {next} comes", at(record))
        });
    }

    fn take_room_seq(&mut self, record: &Record) {
        let (Some(found), Some(name)) = (
            number(record, header::ROOM_SEQ),
            record.headers.text(header::ROOM_ID),
        ) else {
            return;
        };
        let is_whole = self.frame.is_whole();
        let room = self.rooms.entry(name.to_owned()).or_default();
        let next = match room.last_seq {
            0 if room.opened.is_some() || is_whole => 1,
            0 => found,
            last => last + 1,
        };
        room.last_seq = found;
        let ended_before = room.has_ended;
        room.has_ended |= record.headers.text(header::EVENT_TYPE) == Some(SEED_REVEALED);
        self.room_seq.expect(found == next && !ended_before, || {
            if ended_before {
                format!("{}: room {name} goes on after its end", at(record))
            } else {
                format!("{}: room {name} has {found} where {next} comes", at(record))
            }
        });
    }

    fn take_balance(&mut self, record: &Record, row: Option<&TransferRow>) {
        let Ok(BalanceEnvelope { payload }) =
            serde_json::from_slice::<BalanceEnvelope>(&record.payload)
        else {
            self.balances
                .expect(false, || format!("{}: no balance_changed", at(record)));
            return;
        };
        let recipients = record.headers.text(header::RECIPIENTS);
        let users = recipients.and_then(|text| serde_json::from_str::<Vec<UserId>>(text).ok());
        let user = users.and_then(|users| users.first().copied());
        let user = user.map_or(-1, |user| user.get() as i64);
        let BalanceFields {
            room_id,
            balance_cents,
            change_cents,
            reason,
        } = payload;
        let told = format!(
            "{}: user {user}, {reason} of {change_cents} to {balance_cents}",
            at(record)
        );
        let Some(row) = row else {
            self.balances
                .expect(false, || format!("{told}: no such transfer in its batch"));
            return;
        };
        let is_right = row.user == Some(user)
            && row.change() == Some(change_cents)
            && row.balance_after == balance_cents
            && row.kind == reason
            && row.room == room_id;
        self.balances.expect(is_right, || {
            let user = row.user.unwrap_or(-1);
            format!(
                "{told}: by transfer {} it is user {user}, {} of {} to {}",
                row.key,
                row.kind,
                row.change().unwrap_or(0),
                row.balance_after
            )
        });
    }

    fn take_payment(
        &mut self,
        batch_no: u64,
        record: &Record,
        to_pay: &mut HashMap<String, &TransferRow>,
    ) -> Result<()> {
        let Ok(payment) = serde_json::from_slice::<PaymentFields>(&record.payload) else {
            self.payments
                .expect(false, || format!("{}: not a payment record", at(record)));
            return Ok(());
        };
        let Some(row) = to_pay.remove(&payment.event_id) else {
            self.payments.expect(false, || {
                format!(
                    "{}: record {} ({} of {} for user {}) has no transfer left in batch {batch_no}",
                    at(record),
                    payment.event_id,
                    payment.event_type,
                    payment.amount_cents,
                    payment.user_id
                )
            });
            return Ok(());
        };
        let kind = PaymentKind::of_transfer(&row.kind);
        let event_type = match kind {
            Some(PaymentKind::Participation) => "game.participation.deducted",
            Some(PaymentKind::Refund) => "game.participation.refunded",
            Some(PaymentKind::Prize) => "game.prize.won",
            None => "nothing",
        };
        let game = self.game_of(&payment.room_id)?;
        let game = game.unwrap_or_else(|| payment.game_type.clone());
        let topic = kind.map(|kind| kind.topic(&game)).unwrap_or_default();
        let wrongs: Vec<String> = [
            ("topic", record.topic.as_str().to_owned(), topic),
            ("event_type", payment.event_type, event_type.to_owned()),
            ("game_type", payment.game_type, game),
            (
                "user_id",
                payment.user_id.to_string(),
                row.user.unwrap_or(-1).to_string(),
            ),
            (
                "amount_cents",
                payment.amount_cents.to_string(),
                row.amount.to_string(),
            ),
            (
                "room_id",
                payment.room_id,
                row.room.clone().unwrap_or_default(),
            ),
        ]
        .into_iter()
        .filter(|(_, found, right)| found != right)
        .map(|(field, found, right)| format!("{field} is {found}, must be {right}"))
        .collect();
        self.payments.expect(wrongs.is_empty(), || {
            format!(
                "{}: the record of transfer {}: {}",
                at(record),
                row.key,
                wrongs.join(", ")
            )
        });
        Ok(())
    }

    fn game_of(&self, room: &str) -> Result<Option<String>> {
        let found = self
            .connection
            .prepare_cached(
                "SELECT game_type FROM room_archive WHERE room_id = ?1
                 UNION ALL SELECT game_type FROM room_directory WHERE room_id = ?1 LIMIT 1",
            )?
            .query_row([room], |row| row.get(0))
            .optional()?;
        Ok(found)
    }
}

fn at(record: &Record) -> String {
    format!("{} {}/{}", record.topic, record.partition, record.offset)
}

/// A header that is a number.
pub(crate) fn number(record: &Record, name: &str) -> Option<u64> {
    number_in(&record.headers, name)
}

/// The same of headers alone.
pub(crate) fn number_in(headers: &Headers, name: &str) -> Option<u64> {
    headers.text(name)?.parse().ok()
}

/// Whether others than the backends write it, too.
pub(crate) fn is_shared(topic: &str) -> bool {
    topics::TOPICS
        .iter()
        .any(|row| row.name == topic && row.writers != [Party::Backend])
}
