//! Recomputes every balance from the ledger's rows and holds ledger, rooms and topics against each
//! other. Reads one consistent snapshot, also beside a running server, and changes nothing.

use crate::partition::JOURNAL_TOPIC;
use crate::store::StoreError;
use crate::store::sqlite::open_reader;
use blazing_sun_backbone::log::Record;
use blazing_sun_backbone::log::sqlite::SqliteLog;
use blazing_sun_backbone::messages;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Differences named in one check; there may be more.
const NAMED_MAX: usize = 20;

/// What an audit found.
#[derive(Debug, Clone, Serialize)]
pub struct AuditReport {
    /// Every check, in the order in which they were made.
    pub checks: Vec<AuditCheck>,
    /// Where the money is, in minor units.
    pub totals: AuditTotals,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
pub struct AuditCheck {
    /// What is checked.
    pub name: &'static str,
    /// How many things were looked at.
    pub looked_at: u64,
    /// How many of them are wrong.
    pub differences: u64,
    /// The first of them, in words.
    pub named: Vec<String>,
}

/// Where the money is, in minor units.
#[derive(Debug, Clone, Copy, Default, Serialize, PartialEq, Eq)]
pub struct AuditTotals {
    /// With all players.
    pub players_cents: i64,
    /// In escrow.
    pub escrow_cents: i64,
    /// The house's.
    pub rake_cents: i64,
    /// Given out as demo money, below 0.
    pub mint_cents: i64,
    /// Come in through the payment provider, below 0.
    pub clearing_cents: i64,
    /// The sum of all these: 0.
    pub sum_cents: i64,
}

impl AuditReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.checks.iter().all(|check| check.differences == 0)
    }
}

impl AuditCheck {
    fn new(name: &'static str) -> AuditCheck {
        AuditCheck {
            name,
            looked_at: 0,
            differences: 0,
            named: Vec::new(),
        }
    }

    fn expect(&mut self, is_right: bool, what: impl FnOnce() -> String) {
        self.looked_at += 1;
        if !is_right {
            self.differences += 1;
            if self.named.len() < NAMED_MAX {
                self.named.push(what());
            }
        }
    }
}

struct TransferRow {
    key: String,
    kind: String,
    from: String,
    to: String,
    amount: i64,
    room: Option<String>,
    user: Option<i64>,
}

/// Audits the embedded store at `path`.
pub fn audit(path: &Path) -> Result<AuditReport, StoreError> {
    let connection = open_reader(path)?;
    // One snapshot for everything that follows.
    connection.execute_batch("BEGIN")?;
    let transfers = transfers(&connection)?;
    let balances = balances(&connection)?;
    let ended = ended_rooms(&connection)?;
    let computed = recompute(&transfers);
    let totals = totals(&computed);

    let mut checks = vec![
        check_balances(&computed, &balances),
        check_rooms(&transfers, &computed, &ended),
    ];
    let mut sum = AuditCheck::new("all accounts add up to 0");
    sum.expect(totals.sum_cents == 0, || {
        format!("they add up to {}", totals.sum_cents)
    });
    checks.insert(0, sum);
    checks.extend(check_topics(&connection, &transfers)?);
    connection.execute_batch("COMMIT")?;
    Ok(AuditReport { checks, totals })
}

fn transfers(connection: &Connection) -> Result<Vec<TransferRow>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT key, kind, from_account, to_account, amount_cents, room_id, user_id
         FROM ledger_transfer ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(TransferRow {
            key: row.get(0)?,
            kind: row.get(1)?,
            from: row.get(2)?,
            to: row.get(3)?,
            amount: row.get(4)?,
            room: row.get(5)?,
            user: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn balances(connection: &Connection) -> Result<BTreeMap<String, i64>, StoreError> {
    let mut statement = connection.prepare("SELECT account, balance FROM account_balance")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn ended_rooms(connection: &Connection) -> Result<BTreeSet<String>, StoreError> {
    let mut statement = connection.prepare("SELECT room_id FROM room_archive")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn recompute(transfers: &[TransferRow]) -> BTreeMap<String, i64> {
    let mut accounts = BTreeMap::new();
    for transfer in transfers {
        *accounts.entry(transfer.from.clone()).or_insert(0) -= transfer.amount;
        *accounts.entry(transfer.to.clone()).or_insert(0) += transfer.amount;
    }
    accounts
}

fn is_bounded(account: &str) -> bool {
    account.starts_with("player/") || account.starts_with("escrow/")
}

fn totals(computed: &BTreeMap<String, i64>) -> AuditTotals {
    let sum_of = |prefix: &str| -> i64 {
        computed
            .iter()
            .filter(|(account, _)| account.starts_with(prefix))
            .map(|(_, cents)| *cents)
            .sum()
    };
    AuditTotals {
        players_cents: sum_of("player/"),
        escrow_cents: sum_of("escrow/"),
        rake_cents: sum_of("house/rake"),
        mint_cents: sum_of("demo/mint"),
        clearing_cents: sum_of("stripe/clearing"),
        sum_cents: computed.values().sum(),
    }
}

fn check_balances(computed: &BTreeMap<String, i64>, stored: &BTreeMap<String, i64>) -> AuditCheck {
    let mut check =
        AuditCheck::new("every balance is what its transfers come to, and none is below 0");
    let accounts: BTreeSet<&String> = computed
        .keys()
        .filter(|account| is_bounded(account))
        .chain(stored.keys())
        .collect();
    for account in accounts {
        let (right, found) = (
            computed.get(account).unwrap_or(&0),
            stored.get(account).unwrap_or(&0),
        );
        check.expect(right == found && *found >= 0, || {
            format!("{account} has {found}, its transfers come to {right}")
        });
    }
    check
}

fn check_rooms(
    transfers: &[TransferRow],
    computed: &BTreeMap<String, i64>,
    ended: &BTreeSet<String>,
) -> AuditCheck {
    let mut check = AuditCheck::new(
        "in every room, fees = refunds + prize + rake + escrow, and an ended room holds nothing",
    );
    let mut rooms: BTreeMap<&str, BTreeMap<&str, i64>> = BTreeMap::new();
    for transfer in transfers {
        if let Some(room) = &transfer.room {
            *rooms
                .entry(room)
                .or_default()
                .entry(&transfer.kind)
                .or_insert(0) += transfer.amount;
        }
    }
    for (room, sums) in rooms {
        let of = |kind: &str| sums.get(kind).copied().unwrap_or(0);
        let escrow = computed
            .get(&format!("escrow/{room}"))
            .copied()
            .unwrap_or(0);
        let (fees, out) = (of("fee"), of("refund") + of("prize") + of("rake"));
        check.expect(fees == out + escrow && escrow >= 0, || {
            format!("room {room}: {fees} came in, {out} went out, {escrow} is in escrow")
        });
        if ended.contains(room) {
            check.expect(escrow == 0, || {
                format!("room {room} has ended with {escrow} in escrow")
            });
        }
    }
    check
}

/// What the audit reads of a payment record.
#[derive(Deserialize)]
struct PaymentFields {
    event_id: String,
    user_id: i64,
    amount_cents: i64,
}

fn check_topics(
    connection: &Connection,
    transfers: &[TransferRow],
) -> Result<Vec<AuditCheck>, StoreError> {
    let mut payments = AuditCheck::new("ledger and payment records say the same, each once");
    let mut outbox = AuditCheck::new("outbox_seq is dense in every partition of every topic");
    let mut rooms = AuditCheck::new("room_seq is dense in every room");
    let mut expected: BTreeMap<String, &TransferRow> = BTreeMap::new();
    for transfer in transfers {
        if let Some(kind) = messages::PaymentKind::of_transfer(&transfer.kind) {
            let _ = kind;
            expected.insert(
                messages::payment_event_id(&transfer.key).to_string(),
                transfer,
            );
        }
    }
    let mut seen = BTreeSet::new();
    let mut last_outbox: BTreeMap<(String, u32), u64> = BTreeMap::new();
    let mut last_room: BTreeMap<String, u64> = BTreeMap::new();
    let mut is_whole_log = true;
    for (index, batch) in SqliteLog::batches_from(connection, 0)?.enumerate() {
        let (batch_no, _, records) = batch?;
        is_whole_log &= index > 0 || batch_no <= 1;
        for record in records
            .iter()
            .filter(|record| record.topic.as_str() != JOURNAL_TOPIC)
        {
            let number = |name: &str| {
                record
                    .headers
                    .text(name)
                    .and_then(|text| text.parse::<u64>().ok())
            };
            let at = || format!("{} {}/{}", record.topic, record.partition, record.offset);
            if let Some(found) = number("outbox_seq") {
                let key = (record.topic.as_str().to_owned(), record.partition);
                let next = last_outbox
                    .insert(key, found)
                    .map_or(found, |last| last + 1);
                outbox.expect(found == next, || {
                    format!("{}: {found} where {next} comes", at())
                });
            }
            if let (Some(found), Some(room)) = (number("room_seq"), record.headers.text("room_id"))
            {
                let first = if is_whole_log { 1 } else { found };
                let next = last_room
                    .insert(room.to_owned(), found)
                    .map_or(first, |last| last + 1);
                rooms.expect(found == next, || {
                    format!("{}: room {room} has {found} where {next} comes", at())
                });
            }
            if is_payment_topic(record.topic.as_str()) {
                check_payment(&mut payments, record, &expected, &mut seen);
            }
        }
    }
    if is_whole_log {
        for (event_id, transfer) in &expected {
            payments.expect(seen.contains(event_id), || {
                format!("transfer {} has no record", transfer.key)
            });
        }
    }
    Ok(vec![payments, outbox, rooms])
}

fn is_payment_topic(topic: &str) -> bool {
    [
        ".participation_payed",
        ".win_prize",
        ".participation_refunded",
    ]
    .iter()
    .any(|end| topic.ends_with(end))
}

fn check_payment(
    check: &mut AuditCheck,
    record: &Record,
    expected: &BTreeMap<String, &TransferRow>,
    seen: &mut BTreeSet<String>,
) {
    let at = || format!("{} {}/{}", record.topic, record.partition, record.offset);
    let Ok(payment) = serde_json::from_slice::<PaymentFields>(&record.payload) else {
        check.expect(false, || format!("{}: not a payment record", at()));
        return;
    };
    let is_right = expected.get(&payment.event_id).is_some_and(|transfer| {
        transfer.amount == payment.amount_cents && transfer.user == Some(payment.user_id)
    });
    check.expect(is_right, || {
        format!("{}: {} is not in the ledger so", at(), payment.event_id)
    });
    let is_new = seen.insert(payment.event_id.clone());
    check.expect(is_new, || {
        format!("{}: {} comes twice", at(), payment.event_id)
    });
}
