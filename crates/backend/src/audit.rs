//! Holds ledger, balances, rooms, log and topics against each other, and derives from each what the
//! others must say. Reads one consistent snapshot, also beside a running server, and changes nothing.

mod books;
mod frame;
mod journals;
mod ledger;
pub(crate) mod log;
mod payments;
mod progress;
mod rooms;

pub use books::{BookedTopUp, BookedTransfer, LedgerBooks, ledger_books};

use crate::store::StoreError;
use crate::store::sqlite::open_reader;
use blazing_sun_backbone::log::LogError;
use blazing_sun_domain::Account;
use frame::LogFrame;
use ledger::Ledger;
use progress::Progress;
use rusqlite::{Connection, ErrorCode, OptionalExtension};
use serde::Serialize;
use std::path::Path;

/// Differences named in one check; there may be more.
const NAMED_MAX: usize = 20;

/// Why there is nothing to say about a file.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file is empty, something else's, or no database.
    #[error("this is no Blazing Sun database")]
    NotOurs,
    /// It could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for AuditError {
    fn from(error: rusqlite::Error) -> AuditError {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => AuditError::NotOurs,
            _ => AuditError::Store(error.into()),
        }
    }
}

impl From<LogError> for AuditError {
    fn from(error: LogError) -> AuditError {
        AuditError::Store(error.into())
    }
}

type Result<T> = std::result::Result<T, AuditError>;

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

/// Where the money is, in minor units: players and escrow as their balances say, the others as their
/// transfers come to.
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
    /// Come in as test payments, below 0.
    pub test_clearing_cents: i64,
    /// Owed by players, below 0.
    pub receivable_cents: i64,
    /// Held because it is disputed.
    pub disputed_cents: i64,
    /// Held to be paid out.
    pub withdrawal_cents: i64,
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
    /// Nothing is looked at yet.
    pub fn new(name: &'static str) -> AuditCheck {
        AuditCheck {
            name,
            looked_at: 0,
            differences: 0,
            named: Vec::new(),
        }
    }

    /// Looks at one thing.
    pub fn expect(&mut self, is_right: bool, what: impl FnOnce() -> String) {
        self.looked_at += 1;
        if !is_right {
            self.differ(what);
        }
    }

    /// A difference in something that has been counted already, or is not there to be counted.
    fn differ(&mut self, what: impl FnOnce() -> String) {
        self.differences += 1;
        if self.named.len() < NAMED_MAX {
            self.named.push(what());
        }
    }
}

/// Audits the embedded store at `path`.
pub fn audit(path: &Path) -> Result<AuditReport> {
    audit_telling(path, &|_| ())
}

/// The same; `tell` hears how many percent are done, whenever that is another number.
pub fn audit_telling(path: &Path, tell: &dyn Fn(u8)) -> Result<AuditReport> {
    let connection = open_reader(path)?;
    // One snapshot for everything that follows.
    connection.execute_batch("BEGIN")?;
    for table in ["ledger_transfer", "account_balance", "partition_owner"] {
        if !has_table(&connection, table)? {
            return Err(AuditError::NotOurs);
        }
    }
    let progress = Progress::of(&connection, tell)?;
    let report = audit_all(&connection, &progress)?;
    connection.execute_batch("COMMIT")?;
    Ok(report)
}

fn audit_all(connection: &Connection, progress: &Progress<'_>) -> Result<AuditReport> {
    let mut frame = LogFrame::read(connection)?;
    let mut ledger = Ledger::new(clearing(connection)?);
    let log = log::check(connection, &mut frame, &mut ledger, progress)?;
    let (balances, mut totals) = ledger.check_balances(connection)?;
    totals.sum_cents = [
        totals.players_cents,
        totals.escrow_cents,
        totals.rake_cents,
        totals.mint_cents,
        totals.clearing_cents,
        totals.test_clearing_cents,
        totals.receivable_cents,
        totals.disputed_cents,
        totals.withdrawal_cents,
    ]
    .into_iter()
    .fold(0, i64::saturating_add);
    let mut sum =
        AuditCheck::new("the stored balances and the house's transfers add up to 0 together");
    sum.expect(totals.sum_cents == 0, || {
        format!("they add up to {}", totals.sum_cents)
    });
    let grants = ledger::check_grants(connection)?;
    let (money, known) = rooms::check(connection, &frame, &log.rooms, progress)?;
    let mut checks = vec![
        sum,
        ledger.rows,
        balances,
        grants,
        payments::check(connection, &ledger.payments)?,
        payments::check_wallets(connection, &ledger.payments)?,
        money,
        known,
        journals::check(connection)?,
    ];
    checks.extend(log.checks);
    Ok(AuditReport { checks, totals })
}

fn has_table(connection: &Connection, name: &str) -> Result<bool> {
    let mut statement = connection
        .prepare_cached("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1")?;
    Ok(statement.exists([name])?)
}

/// One value, where there is such a row.
fn one<T: rusqlite::types::FromSql>(connection: &Connection, sql: &str) -> Result<Option<T>> {
    let row = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(row)
}

/// Where the deployment's money comes from.
fn clearing(connection: &Connection) -> Result<Account> {
    if !has_table(connection, "deployment")? {
        return Ok(Account::TestClearing);
    }
    let money: Option<String> = one(
        connection,
        "SELECT value FROM deployment WHERE name = 'money'",
    )?;
    Ok(match money {
        Some(money) if money.starts_with("real ") => Account::StripeClearing,
        _ => Account::TestClearing,
    })
}

/// The house's accounts, which are rows alone.
fn house_accounts() -> [String; 4] {
    [
        Account::HouseRake,
        Account::DemoMint,
        Account::StripeClearing,
        Account::TestClearing,
    ]
    .map(|account| account.to_string())
}
