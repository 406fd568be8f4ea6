//! Payments, disputes and wallets against the ledger: each transfer of money from outside has its row, and each row
//! what its transfers say.

use super::ledger::TransferRow;
use super::{AuditCheck, Result, has_table};
use rusqlite::Connection;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What the ledger says of money from outside.
#[derive(Debug, Default)]
pub(super) struct PaymentSums {
    /// By what the transfers of a payment are known by.
    payments: BTreeMap<String, Payment>,
    /// By what the transfers of a dispute are known by.
    disputes: BTreeMap<String, Disputed>,
    /// What each user owes.
    owed: BTreeMap<String, i64>,
}

#[derive(Debug, Default)]
struct Payment {
    user: Option<i64>,
    credited: i64,
    refunded: i64,
}

#[derive(Debug, Default)]
struct Disputed {
    user: Option<i64>,
    held: i64,
    out: i64,
}

impl PaymentSums {
    /// Adds a row of the ledger.
    pub fn add(&mut self, row: &TransferRow) {
        for (account, change) in [(&row.from, row.amount), (&row.to, -row.amount)] {
            if let Some(user) = account.strip_prefix("receivable/") {
                *self.owed.entry(user.to_owned()).or_default() += change;
            }
        }
        let Some((_, name)) = row.key.split_once('/') else {
            return;
        };
        let whole = name.strip_suffix("/short").unwrap_or(name);
        let parent = || whole.rsplit_once('/').map_or(whole, |(parent, _)| parent);
        match row.kind.as_str() {
            "top_up" => {
                let payment = self.payments.entry(name.to_owned()).or_default();
                payment.user = row.user;
                payment.credited += row.amount;
            }
            "top_up_refund" => {
                let payment = self.payments.entry(parent().to_owned()).or_default();
                payment.refunded += row.amount;
            }
            kind @ ("dispute_hold" | "dispute_release" | "dispute_withdrawn"
            | "dispute_reinstated") => {
                let dispute = self.disputes.entry(parent().to_owned()).or_default();
                dispute.user = row.user;
                if row.to.starts_with("disputed/") {
                    dispute.held += row.amount;
                } else if row.from.starts_with("disputed/") {
                    dispute.held -= row.amount;
                }
                match kind {
                    "dispute_withdrawn" => dispute.out += row.amount,
                    "dispute_reinstated" => dispute.out -= row.amount,
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// Holds payments and their disputes against the ledger, both ways.
pub(super) fn check(connection: &Connection, sums: &PaymentSums) -> Result<AuditCheck> {
    let mut check = AuditCheck::new(
        "every payment that was credited, paid back or disputed has its row, and each row its transfers",
    );
    let mut payments: BTreeMap<&str, &Payment> = BTreeMap::new();
    payments.extend(sums.payments.iter().map(|(name, sum)| (name.as_str(), sum)));
    let mut disputes: BTreeMap<&str, &Disputed> = BTreeMap::new();
    disputes.extend(sums.disputes.iter().map(|(name, sum)| (name.as_str(), sum)));
    if has_table(connection, "top_up")? {
        check_top_ups(connection, &mut check, &mut payments)?;
        check_disputes(connection, &mut check, &mut disputes)?;
    }
    for name in payments.into_keys() {
        check.expect(false, || {
            format!("payment {name} has transfers, and no row")
        });
    }
    for name in disputes.into_keys() {
        check.expect(false, || {
            format!("dispute {name} has transfers, and no row")
        });
    }
    Ok(check)
}

fn check_top_ups(
    connection: &Connection,
    check: &mut AuditCheck,
    payments: &mut BTreeMap<&str, &Payment>,
) -> Result<()> {
    let mut statement = connection.prepare(
        "SELECT request_id, user_id, amount_cents, status, payment, refunded_cents FROM top_up",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = Uuid::from_bytes(row.get(0)?);
        let (user, amount): (i64, i64) = (row.get(1)?, row.get(2)?);
        let (status, payment): (String, Option<String>) = (row.get(3)?, row.get(4)?);
        let refunded: i64 = row.get(5)?;
        let is_paid = matches!(status.as_str(), "success" | "refunded");
        let Some(payment) = payment else {
            check.expect(!is_paid, || {
                format!("request {id} is {status}, and no payment was credited to it")
            });
            continue;
        };
        let sum = payments.remove(payment.as_str());
        let expected = (Some(user), amount, refunded);
        let found = sum.map_or((None, 0, 0), |sum| (sum.user, sum.credited, sum.refunded));
        check.expect(is_paid && found == expected, || {
            let (of, credited, back) = found;
            let of = of.map_or_else(|| "nobody".to_owned(), |user| format!("user {user}"));
            format!(
                "request {id} ({status}) is of {amount} for user {user}, {refunded} of it paid back; the ledger \
                 credits {credited} to {of} by payment {payment}, and takes {back} back"
            )
        });
    }
    Ok(())
}

fn check_disputes(
    connection: &Connection,
    check: &mut AuditCheck,
    disputes: &mut BTreeMap<&str, &Disputed>,
) -> Result<()> {
    let mut statement = connection.prepare(
        "SELECT request_id, dispute_id, user_id, amount_cents, state, held_cents FROM top_up_dispute",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = Uuid::from_bytes(row.get(0)?);
        let name = format!("{id}/{}", row.get::<_, String>(1)?);
        let (user, amount): (i64, i64) = (row.get(2)?, row.get(3)?);
        let (state, held): (String, i64) = (row.get(4)?, row.get(5)?);
        let out = if state == "out" { amount } else { 0 };
        let sum = disputes.remove(name.as_str());
        let found = sum.map_or((user, 0, 0), |sum| {
            (sum.user.unwrap_or(-1), sum.held, sum.out)
        });
        check.expect(found == (user, held, out), || {
            let (of, has, gone) = found;
            format!(
                "dispute {name} is {state}, {held} held and {out} gone for user {user}; by the ledger {has} is held \
                 and {gone} gone for user {of}"
            )
        });
    }
    Ok(())
}

/// What players owe, by their wallets and by the ledger.
pub(super) fn check_wallets(connection: &Connection, sums: &PaymentSums) -> Result<AuditCheck> {
    let mut check =
        AuditCheck::new("every player owes what the ledger says, and nobody less than nothing");
    let mut owed = sums.owed.clone();
    if has_table(connection, "wallet")? {
        let mut statement = connection.prepare("SELECT user_id, owed_cents FROM wallet")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (user, found): (i64, i64) = (row.get(0)?, row.get(1)?);
            let right = owed.remove(&user.to_string()).unwrap_or(0);
            check.expect(found == right && right >= 0, || {
                format!("user {user} owes {found}, by the ledger {right}")
            });
        }
    }
    for (user, right) in owed {
        check.expect(right == 0, || {
            format!("user {user} owes {right} by the ledger, and has no wallet")
        });
    }
    Ok(check)
}
