//! Payments, disputes and wallets in the embedded file.

use crate::store::wallet::{DisputeRow, TopUp, TopUpStatus, Wallet};
use crate::store::{StoreError, Writes};
use blazing_sun_domain::wallet::{Dispute, DisputeFacts, DisputeState};
use blazing_sun_domain::{Cents, Millis, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

const TOP_UP: &str = "request_id, user_id, amount_cents, currency, status, session_id, session_url,
     payment_intent_id, payment, refunded_cents, requested_ms, finished_ms, error";

pub(super) fn wallet(connection: &Connection, user: UserId) -> Result<Option<Wallet>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT owed_cents, limits, excluded_until_ms FROM wallet WHERE user_id = ?1",
    )?;
    let row = statement.query_row([user.get() as i64], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, Option<i64>>(2)?,
        ))
    });
    let Some((owed, limits, excluded)) = row.optional()? else {
        return Ok(None);
    };
    let limits = serde_json::from_str(&limits);
    Ok(Some(Wallet {
        user,
        owed: Cents(owed),
        limits: limits.map_err(|error| corrupt("limits", user, &error))?,
        excluded_until: excluded.map(Millis),
    }))
}

pub(super) fn top_up(
    connection: &Connection,
    request_id: Uuid,
) -> Result<Option<TopUp>, StoreError> {
    let query = format!("SELECT {TOP_UP} FROM top_up WHERE request_id = ?1");
    let mut statement = connection.prepare_cached(&query)?;
    let mut rows = statement.query([request_id.as_bytes().as_slice()])?;
    rows.next()?.map(top_up_of).transpose()
}

/// Those that may still be paid, and those that were since then.
pub(super) fn counted(
    connection: &Connection,
    user: UserId,
    since: Millis,
) -> Result<Vec<TopUp>, StoreError> {
    let query = format!(
        "SELECT {TOP_UP} FROM top_up WHERE user_id = ?1 AND status IN ('requested', 'session_created')
         UNION
         SELECT {TOP_UP} FROM top_up WHERE user_id = ?1 AND payment IS NOT NULL AND finished_ms > ?2"
    );
    let mut statement = connection.prepare_cached(&query)?;
    let mut rows = statement.query(params![user.get() as i64, since.0])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(top_up_of(row)?);
    }
    Ok(found)
}

pub(super) fn disputes(
    connection: &Connection,
    request_id: Uuid,
) -> Result<Vec<DisputeRow>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT dispute_id, user_id, amount_cents, facts, state, held_cents, short_cents
         FROM top_up_dispute WHERE request_id = ?1 ORDER BY dispute_id",
    )?;
    let mut rows = statement.query([request_id.as_bytes().as_slice()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let dispute_id: String = row.get(0)?;
        let (facts, state): (u8, String) = (row.get(3)?, row.get(4)?);
        let unknown = || StoreError::Corrupt(format!("dispute {dispute_id} of {request_id}"));
        found.push(DisputeRow {
            request_id,
            user: user_of(row.get(1)?)?,
            dispute: Dispute {
                key: DisputeRow::key(request_id, &dispute_id),
                amount: Cents(row.get(2)?),
                facts: DisputeFacts::from_bits(facts).ok_or_else(unknown)?,
                state: DisputeState::parse(&state).ok_or_else(unknown)?,
                held: Cents(row.get(5)?),
                short: Cents(row.get(6)?),
            },
            dispute_id,
        });
    }
    Ok(found)
}

pub(super) fn write(connection: &Connection, writes: &Writes) -> Result<(), StoreError> {
    for wallet in writes.wallets.values() {
        let limits = serde_json::to_string(&wallet.limits);
        let limits = limits.map_err(|error| corrupt("limits", wallet.user, &error))?;
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO wallet (user_id, owed_cents, limits, excluded_until_ms)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                wallet.user.get() as i64,
                wallet.owed.0,
                limits,
                wallet.excluded_until.map(|until| until.0),
            ])?;
    }
    for top_up in writes.top_ups.values() {
        write_top_up(connection, top_up)?;
    }
    for row in writes.disputes.values() {
        let dispute = &row.dispute;
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO top_up_dispute
                 (request_id, dispute_id, user_id, amount_cents, facts, state, held_cents, short_cents)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                row.request_id.as_bytes().as_slice(),
                row.dispute_id,
                row.user.get() as i64,
                dispute.amount.0,
                dispute.facts.bits(),
                dispute.state.as_str(),
                dispute.held.0,
                dispute.short.0,
            ])?;
    }
    Ok(())
}

fn write_top_up(connection: &Connection, top_up: &TopUp) -> Result<(), StoreError> {
    // Never REPLACE: of two rows with one payment the earlier would go.
    connection
        .prepare_cached(
            "INSERT INTO top_up
             (request_id, user_id, amount_cents, currency, status, session_id, session_url, payment_intent_id,
              payment, refunded_cents, requested_ms, finished_ms, error)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (request_id) DO UPDATE SET status = excluded.status,
                 session_id = excluded.session_id, session_url = excluded.session_url,
                 payment_intent_id = excluded.payment_intent_id, payment = excluded.payment,
                 refunded_cents = excluded.refunded_cents, finished_ms = excluded.finished_ms,
                 error = excluded.error",
        )?
        .execute(params![
            top_up.request_id.as_bytes().as_slice(),
            top_up.user.get() as i64,
            top_up.amount.0,
            top_up.currency,
            top_up.status.as_str(),
            top_up.session_id,
            top_up.session_url,
            top_up.payment_intent_id,
            top_up.payment,
            top_up.refunded.0,
            top_up.requested.0,
            top_up.finished.map(|at| at.0),
            top_up.error,
        ])?;
    Ok(())
}

fn top_up_of(row: &Row<'_>) -> Result<TopUp, StoreError> {
    let id: [u8; 16] = row.get(0)?;
    let request_id = Uuid::from_bytes(id);
    let status: String = row.get(4)?;
    let unknown = || StoreError::Corrupt(format!("the status of payment {request_id}"));
    Ok(TopUp {
        request_id,
        user: user_of(row.get(1)?)?,
        amount: Cents(row.get(2)?),
        currency: row.get(3)?,
        status: TopUpStatus::parse(&status).ok_or_else(unknown)?,
        session_id: row.get(5)?,
        session_url: row.get(6)?,
        payment_intent_id: row.get(7)?,
        payment: row.get(8)?,
        refunded: Cents(row.get(9)?),
        requested: Millis(row.get(10)?),
        finished: row.get::<_, Option<i64>>(11)?.map(Millis),
        error: row.get(12)?,
    })
}

fn corrupt(what: &str, user: UserId, error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt(format!("the {what} of user {user}: {error}"))
}

fn user_of(id: i64) -> Result<UserId, StoreError> {
    let user = u64::try_from(id).ok().and_then(UserId::new);
    user.ok_or_else(|| StoreError::Corrupt(format!("{id} is no user id")))
}
