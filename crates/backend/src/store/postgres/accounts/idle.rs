//! Guests who have not come for long, in PostgreSQL. Several processes may look for them at once: each takes rows that
//! no other holds.

/// Of $1 idle since, $2 at most, $3 now.
pub(super) const CLOSE: &str = "WITH idle AS (
        SELECT id FROM users
        WHERE status = 'active' AND roles = '[\"guest\"]' AND email IS NULL AND last_seen_ms < $1
          AND id NOT IN (SELECT user_id FROM presence)
          AND NOT EXISTS (SELECT 1 FROM room_member WHERE user_id = users.id)
          AND NOT EXISTS (SELECT 1 FROM user_online WHERE user_id = users.id AND last_ms >= $1)
          AND NOT EXISTS (SELECT 1 FROM top_up
                          WHERE user_id = users.id AND status IN ('requested', 'session_created'))
          AND NOT EXISTS (SELECT 1 FROM ledger_transfer WHERE user_id = users.id AND at_ms >= $1)
        ORDER BY last_seen_ms LIMIT $2 FOR UPDATE OF users SKIP LOCKED
    ), closed AS (
        UPDATE users SET status = 'closed', closed_ms = $3 FROM idle WHERE users.id = idle.id RETURNING users.id
    )
    INSERT INTO guest_closing (user_id, tried_ms) SELECT id, 0 FROM closed
    ON CONFLICT (user_id) DO UPDATE SET tried_ms = 0 RETURNING user_id";

/// Those who have been asked about, and have nothing any more.
pub(super) const FORGET: &str = "DELETE FROM guest_closing WHERE tried_ms > 0 AND NOT EXISTS (
        SELECT 1 FROM account_balance WHERE account = 'player/' || user_id AND balance > 0)";

/// Of $1 now, $2 at most.
pub(super) const WITH_MONEY: &str = "UPDATE guest_closing SET tried_ms = $1 WHERE user_id IN (
        SELECT user_id FROM guest_closing ORDER BY tried_ms, user_id LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING user_id";
