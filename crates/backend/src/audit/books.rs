//! What the ledger says of money that others keep books of too: fees, prizes and refunds of games, and payments.

use super::{Result, has_table};
use crate::store::sqlite::open_reader;
use blazing_sun_backbone::messages::{PaymentKind, payment_event_id};
use std::path::Path;
use uuid::Uuid;

/// The ledger's side.
#[derive(Debug, Clone, Default)]
pub struct LedgerBooks {
    /// Every transfer that has a payment record.
    pub transfers: Vec<BookedTransfer>,
    /// Every payment that was asked for.
    pub top_ups: Vec<BookedTopUp>,
    /// The games of all rooms, also such as no program has any more.
    pub games: Vec<String>,
}

/// A transfer that has a payment record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookedTransfer {
    /// The transfer's.
    pub key: String,
    /// The record's.
    pub event_id: String,
    /// Whose.
    pub user_id: i64,
    /// How much.
    pub amount_cents: i64,
    /// When.
    pub at_ms: i64,
}

/// A payment that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookedTopUp {
    /// The request.
    pub request_id: Uuid,
    /// Whose.
    pub user_id: i64,
    /// How much.
    pub amount_cents: i64,
    /// Lower case.
    pub currency: String,
    /// Whether it was credited.
    pub is_credited: bool,
    /// How much of it was said to have been paid back.
    pub refunded_cents: i64,
}

/// Reads one consistent snapshot of the embedded store at `path`.
pub fn ledger_books(path: &Path) -> Result<LedgerBooks> {
    let connection = open_reader(path)?;
    connection.execute_batch("BEGIN")?;
    let mut books = LedgerBooks::default();
    let sql = "SELECT kind, key, user_id, amount_cents, at_ms FROM ledger_transfer ORDER BY id";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if PaymentKind::of_transfer(row.get_ref(0)?.as_str().unwrap_or_default()).is_none() {
            continue;
        }
        let key: String = row.get(1)?;
        books.transfers.push(BookedTransfer {
            event_id: payment_event_id(&key).to_string(),
            key,
            user_id: row.get::<_, Option<i64>>(2)?.unwrap_or_default(),
            amount_cents: row.get(3)?,
            at_ms: row.get(4)?,
        });
    }
    if has_table(&connection, "top_up")? {
        let sql = "SELECT request_id, user_id, amount_cents, currency, payment IS NOT NULL, refunded_cents FROM top_up";
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            books.top_ups.push(BookedTopUp {
                request_id: Uuid::from_bytes(row.get(0)?),
                user_id: row.get(1)?,
                amount_cents: row.get(2)?,
                currency: row.get(3)?,
                is_credited: row.get(4)?,
                refunded_cents: row.get(5)?,
            });
        }
    }
    let sql = "SELECT game_type FROM room_archive UNION SELECT game_type FROM room_directory";
    let mut statement = connection.prepare(sql)?;
    let games = statement.query_map([], |row| row.get(0))?;
    books.games = games.collect::<std::result::Result<_, _>>()?;
    Ok(books)
}
