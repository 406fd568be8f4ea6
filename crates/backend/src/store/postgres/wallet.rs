//! Payments, disputes and wallets in PostgreSQL.

use super::pipeline::{Calls, parameters};
use super::prefetch::{stored, user_of};
use super::statements::Sql;
use crate::store::wallet::{DisputeRow, TopUp, TopUpStatus, Wallet};
use crate::store::{StoreError, Writes};
use blazing_sun_domain::wallet::{Dispute, DisputeFacts, DisputeState};
use blazing_sun_domain::{Cents, Millis};
use tokio_postgres::Row;
use uuid::Uuid;

/// The columns of `user_id, owed_cents, limits, excluded_until_ms`.
pub(super) fn wallet_of(row: &Row) -> Result<Wallet, StoreError> {
    let user = user_of(row, 0)?;
    let limits = serde_json::from_str(row.try_get(2)?)
        .map_err(|error| StoreError::Corrupt(format!("the limits of user {user}: {error}")))?;
    Ok(Wallet {
        user,
        owed: Cents(row.try_get(1)?),
        limits,
        excluded_until: row.try_get::<_, Option<i64>>(3)?.map(Millis),
    })
}

/// The columns that [`top_up_of`] reads.
pub(super) const TOP_UP: &str =
    "request_id, user_id, amount_cents, currency, status, session_id, session_url,
     payment_intent_id, payment, refunded_cents, requested_ms, finished_ms, error";

/// The columns of `top_up` in their order.
pub(super) fn top_up_of(row: &Row) -> Result<TopUp, StoreError> {
    let request_id: Uuid = row.try_get(0)?;
    let unknown = || StoreError::Corrupt(format!("the status of payment {request_id}"));
    Ok(TopUp {
        request_id,
        user: user_of(row, 1)?,
        amount: Cents(row.try_get(2)?),
        currency: row.try_get(3)?,
        status: TopUpStatus::parse(row.try_get(4)?).ok_or_else(unknown)?,
        session_id: row.try_get(5)?,
        session_url: row.try_get(6)?,
        payment_intent_id: row.try_get(7)?,
        payment: row.try_get(8)?,
        refunded: Cents(row.try_get(9)?),
        requested: Millis(row.try_get(10)?),
        finished: row.try_get::<_, Option<i64>>(11)?.map(Millis),
        error: row.try_get(12)?,
    })
}

/// The columns of `top_up_dispute` in their order.
pub(super) fn dispute_of(row: &Row) -> Result<DisputeRow, StoreError> {
    let (request_id, dispute_id): (Uuid, String) = (row.try_get(0)?, row.try_get(1)?);
    let unknown = || StoreError::Corrupt(format!("dispute {dispute_id} of {request_id}"));
    let facts = u8::try_from(row.try_get::<_, i32>(4)?).map_err(|_| unknown())?;
    Ok(DisputeRow {
        user: user_of(row, 2)?,
        dispute: Dispute {
            key: DisputeRow::key(request_id, &dispute_id),
            amount: Cents(row.try_get(3)?),
            facts: DisputeFacts::from_bits(facts).ok_or_else(unknown)?,
            state: DisputeState::parse(row.try_get(5)?).ok_or_else(unknown)?,
            held: Cents(row.try_get(6)?),
            short: Cents(row.try_get(7)?),
        },
        request_id,
        dispute_id,
    })
}

pub(super) fn put_wallets<'a>(calls: &mut Calls<'a>, writes: &'a Writes) -> Result<(), StoreError> {
    let rows: Vec<&Wallet> = writes.wallets.values().collect();
    if !rows.is_empty() {
        let limits = rows.iter().map(|row| serde_json::to_string(&row.limits));
        let limits = limits.collect::<Result<Vec<String>, _>>();
        let limits = limits.map_err(|error| StoreError::Corrupt(format!("limits: {error}")))?;
        calls.push(
            Sql::PutWallets,
            parameters![
                column(&rows, |row| stored(&row.user)),
                column(&rows, |row| row.owed.0),
                limits,
                column(&rows, |row| row.excluded_until.map(|until| until.0)),
            ],
        );
    }
    let rows: Vec<&'a TopUp> = writes.top_ups.values().collect();
    if !rows.is_empty() {
        calls.push(
            Sql::PutTopUps,
            parameters![
                column(&rows, |row| row.request_id),
                column(&rows, |row| stored(&row.user)),
                column(&rows, |row| row.amount.0),
                column(&rows, |row| row.currency.as_str()),
                column(&rows, |row| row.status.as_str()),
                column(&rows, |row| row.session_id.as_deref()),
                column(&rows, |row| row.session_url.as_deref()),
                column(&rows, |row| row.payment_intent_id.as_deref()),
                column(&rows, |row| row.payment.as_deref()),
                column(&rows, |row| row.refunded.0),
                column(&rows, |row| row.requested.0),
                column(&rows, |row| row.finished.map(|at| at.0)),
                column(&rows, |row| row.error.as_deref()),
            ],
        );
    }
    let rows: Vec<&'a DisputeRow> = writes.disputes.values().collect();
    if !rows.is_empty() {
        calls.push(
            Sql::PutDisputes,
            parameters![
                column(&rows, |row| row.request_id),
                column(&rows, |row| row.dispute_id.as_str()),
                column(&rows, |row| stored(&row.user)),
                column(&rows, |row| row.dispute.amount.0),
                column(&rows, |row| i32::from(row.dispute.facts.bits())),
                column(&rows, |row| row.dispute.state.as_str()),
                column(&rows, |row| row.dispute.held.0),
                column(&rows, |row| row.dispute.short.0),
            ],
        );
    }
    Ok(())
}

/// A column of rows.
fn column<'a, R, V>(rows: &[&'a R], of: impl Fn(&'a R) -> V) -> Vec<V> {
    rows.iter().map(|row| of(row)).collect()
}
