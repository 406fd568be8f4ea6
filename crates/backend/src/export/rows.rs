//! The rows beside the log, table by table.

use super::copy::Copy;
use super::numbering::Numbering;
use crate::store::StoreError;
use futures_util::TryStreamExt;
use rusqlite::types::Value;
use tokio_postgres::types::Type;
use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

/// Tables that are copied as they are: name, columns, and the order of the rows where their place is the order.
const TABLES: [(&str, &str, &str); 17] = [
    ("deployment", "name, value", ""),
    ("account_balance", "account, balance", ""),
    ("room_journal", "room_id, part, inputs", ""),
    (
        "room_archive",
        "room_id, partition, game_type, room_name, game_version, rules_version, ended_ms, sealed_secret, inputs, digest",
        "",
    ),
    (
        "room_directory",
        "room_id, room_name, game_type, status, summary, listed_ms",
        "",
    ),
    ("room_member", "user_id, room_id, membership", ""),
    ("quick_queue", "game_type, state", ""),
    (
        "users",
        "id, email, username, roles, password_hash, status, ban_reason, created_ms, last_seen_ms, closed_ms",
        "",
    ),
    ("user_online", "user_id, last_ms", ""),
    ("guest_closing", "user_id, tried_ms", ""),
    (
        "direct_message",
        "id, message_id, sender_id, sender_username, recipient_id, recipient_username, content, sent_ms, read_ms",
        "ORDER BY id",
    ),
    (
        "lobby_message",
        "id, message_id, lobby_id, user_id, username, content, sent_ms",
        "ORDER BY id",
    ),
    (
        "top_up",
        "request_id, user_id, amount_cents, currency, status, session_id, session_url, payment_intent_id, payment, refunded_cents, requested_ms, finished_ms, error",
        "",
    ),
    (
        "top_up_dispute",
        "request_id, dispute_id, user_id, amount_cents, facts, state, held_cents, short_cents",
        "",
    ),
    (
        "wallet",
        "user_id, owed_cents, limits, excluded_until_ms",
        "",
    ),
    (
        "operator_log",
        "id, at_ms, operator, action, target, detail, outcome",
        "ORDER BY id",
    ),
    ("live_setting", "name, value, changed_ms, changed_by", ""),
];

/// Copies all tables but those of sessions, connections and owners, which are of the processes that run. Answers with
/// how many transfers there are.
pub(super) async fn copy_all(
    snapshot: &Transaction<'_>,
    copy: &Copy,
    numbering: &Numbering,
) -> Result<u64, StoreError> {
    for (table, columns, order) in TABLES {
        let query = format!("SELECT {columns} FROM {table} {order}");
        let rows = snapshot.query_raw(&query, Vec::<i64>::new()).await?;
        let mut rows = std::pin::pin!(rows);
        while let Some(row) = rows.try_next().await? {
            copy.row(table, columns, &values(&row, 0)?)?;
        }
    }
    numbered(
        snapshot,
        copy,
        numbering,
        "room_snapshot",
        "room_id, sealed_secret, password_mac, journal_parts, journal_digest, chat, state",
        "SELECT partition, batch_no, room_id, sealed_secret, password_mac, journal_parts, journal_digest, chat, state
         FROM room_snapshot",
    )
    .await?;
    numbered(
        snapshot,
        copy,
        numbering,
        "inbox_snapshot",
        "user_id, answers",
        "SELECT partition, batch_no, user_id, answers FROM inbox_snapshot",
    )
    .await?;
    numbered(
        snapshot,
        copy,
        numbering,
        "room_quarantine",
        "room_id, since_ms, inputs",
        "SELECT partition, batch_no, room_id, since_ms, inputs FROM room_quarantine",
    )
    .await?;
    transfers(snapshot, copy, numbering).await
}

/// Copies a table whose first two columns are partition and batch.
async fn numbered(
    snapshot: &Transaction<'_>,
    copy: &Copy,
    numbering: &Numbering,
    table: &str,
    columns: &str,
    query: &str,
) -> Result<(), StoreError> {
    let columns = format!("partition, batch_no, {columns}");
    let rows = snapshot.query_raw(query, Vec::<i64>::new()).await?;
    let mut rows = std::pin::pin!(rows);
    while let Some(row) = rows.try_next().await? {
        let (partition, batch_no): (i32, i64) = (row.get(0), row.get(1));
        let place = numbering.of(partition, batch_no);
        let mut all = vec![Value::from(partition), Value::from(place as i64)];
        all.extend(values(&row, 2)?);
        copy.row(table, &columns, &all)?;
    }
    Ok(())
}

/// Copies the ledger in the order of the commits, and numbers its rows anew.
async fn transfers(
    snapshot: &Transaction<'_>,
    copy: &Copy,
    numbering: &Numbering,
) -> Result<u64, StoreError> {
    let query = "SELECT partition, batch_no, key, kind, from_account, to_account, amount_cents, room_id, user_id,
            correlation_id, ledger_transfer.at_ms
         FROM ledger_transfer LEFT JOIN batch USING (partition, batch_no)
         ORDER BY coalesce(commit_no, 0), id";
    let columns = "id, batch_no, key, kind, from_account, to_account, amount_cents, room_id, user_id, correlation_id, at_ms";
    let rows = snapshot.query_raw(query, Vec::<i64>::new()).await?;
    let mut rows = std::pin::pin!(rows);
    let mut count = 0_u64;
    while let Some(row) = rows.try_next().await? {
        count += 1;
        let place = numbering.of(row.get(0), row.get(1));
        let mut all = vec![Value::from(count as i64), Value::from(place as i64)];
        all.extend(values(&row, 2)?);
        copy.row("ledger_transfer", columns, &all)?;
    }
    Ok(count)
}

/// A row's columns from this one on, as SQLite has them.
fn values(row: &Row, from: usize) -> Result<Vec<Value>, StoreError> {
    let columns = row.columns().iter().enumerate().skip(from);
    let value = |(at, column): (usize, &tokio_postgres::Column)| -> Result<Value, StoreError> {
        let kind = column.type_();
        let value = if *kind == Type::INT4 {
            row.get::<_, Option<i32>>(at).map(Value::from)
        } else if *kind == Type::INT8 {
            row.get::<_, Option<i64>>(at).map(Value::from)
        } else if *kind == Type::TEXT {
            row.get::<_, Option<String>>(at).map(Value::from)
        } else if *kind == Type::BYTEA {
            row.get::<_, Option<Vec<u8>>>(at).map(Value::from)
        } else if *kind == Type::UUID {
            let id = row.get::<_, Option<Uuid>>(at);
            id.map(|id| Value::from(id.as_bytes().to_vec()))
        } else {
            let name = column.name();
            return Err(StoreError::Corrupt(format!(
                "column `{name}` has the type {kind}"
            )));
        };
        Ok(value.unwrap_or(Value::Null))
    };
    columns.map(value).collect()
}
