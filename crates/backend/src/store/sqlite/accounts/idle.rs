//! Guests who have not come for long, in the embedded store.

use super::{stored, user_ids};
use crate::store::StoreError;
use blazing_sun_domain::{Millis, UserId};
use rusqlite::{Connection, params};

pub(super) fn close(
    connection: &Connection,
    idle_since: Millis,
    limit: u32,
    now: Millis,
) -> Result<Vec<UserId>, StoreError> {
    let idle = "SELECT id FROM users
         WHERE status = 'active' AND roles = '[\"guest\"]' AND email IS NULL AND last_seen_ms < ?1
           AND NOT EXISTS (SELECT 1 FROM presence WHERE user_id = users.id)
           AND NOT EXISTS (SELECT 1 FROM room_member WHERE user_id = users.id)
           AND NOT EXISTS (SELECT 1 FROM user_online WHERE user_id = users.id AND last_ms >= ?1)
           AND NOT EXISTS (SELECT 1 FROM top_up
                           WHERE user_id = users.id AND status IN ('requested', 'session_created'))
           AND NOT EXISTS (SELECT 1 FROM ledger_transfer WHERE user_id = users.id AND at_ms >= ?1)
         ORDER BY last_seen_ms LIMIT ?2";
    let idle = user_ids(connection, idle, params![idle_since.0, limit])?;
    let mut close = connection
        .prepare_cached("UPDATE users SET status = 'closed', closed_ms = ?2 WHERE id = ?1")?;
    let mut keep = connection
        .prepare_cached("INSERT OR IGNORE INTO guest_closing (user_id, tried_ms) VALUES (?1, 0)")?;
    for user in &idle {
        close.execute(params![stored(*user), now.0])?;
        keep.execute([stored(*user)])?;
    }
    Ok(idle)
}

pub(super) fn with_money(
    connection: &Connection,
    limit: u32,
    now: Millis,
) -> Result<Vec<UserId>, StoreError> {
    connection
        .prepare_cached(
            "DELETE FROM guest_closing WHERE tried_ms > 0 AND NOT EXISTS (
                 SELECT 1 FROM account_balance WHERE account = 'player/' || user_id AND balance > 0)",
        )?
        .execute([])?;
    let next = "UPDATE guest_closing SET tried_ms = ?1 WHERE user_id IN (
                    SELECT user_id FROM guest_closing ORDER BY tried_ms, user_id LIMIT ?2)
                RETURNING user_id";
    user_ids(connection, next, params![now.0, limit])
}
