//! The read side on PostgreSQL, and the list of rooms.

use super::played;
use super::pool::PgPool;
use super::prefetch::{stored, user_of};
use super::wallet::{TOP_UP, top_up_of, wallet_of};
use crate::directory::{ROOMS_MAX, listed};
use crate::partition::ListQuery;
use crate::store::played::{GameTally, PlayedIn, PlayedRoom};
use crate::store::reads::{Movement, Placed, ReadSide};
use crate::store::wallet::{TopUp, Wallet};
use crate::store::{RoomArchive, StoreError};
use async_trait::async_trait;
use blazing_sun_backbone::messages::{Content, DirectMessage, LobbyMessage};
use blazing_sun_domain::{Account, Cents, Millis, RoomId, UserId};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use uuid::Uuid;

/// Reads of ledger, messages and directory.
#[derive(Debug, Clone)]
pub struct PgReads {
    pool: PgPool,
}

impl PgReads {
    /// Reads on these connections.
    pub fn new(pool: PgPool) -> PgReads {
        PgReads { pool }
    }
}

#[async_trait]
impl ReadSide for PgReads {
    async fn balance(&self, user: UserId) -> Result<Cents, StoreError> {
        let account = Account::Player(user).to_string();
        let sql = "SELECT balance FROM account_balance WHERE account = $1";
        let rows = self.pool.rows(sql, &[&account]).await?;
        let balance = rows.first().map(|row| row.try_get(0)).transpose()?;
        Ok(balance.map_or(Cents::ZERO, Cents))
    }

    async fn transferred(&self, key: &str) -> Result<Option<(Option<UserId>, Cents)>, StoreError> {
        let sql = "SELECT user_id, amount_cents FROM ledger_transfer WHERE key = $1";
        let rows = self.pool.rows(sql, &[&key]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let user: Option<i64> = row.try_get(0)?;
        let user = user.and_then(|user| UserId::new(u64::try_from(user).ok()?));
        Ok(Some((user, Cents(row.try_get(1)?))))
    }

    async fn money(&self) -> Result<String, StoreError> {
        let sql = "SELECT value FROM deployment WHERE name = 'money'";
        let rows = self.pool.rows(sql, &[]).await?;
        let Some(row) = rows.first() else {
            return Err(StoreError::Corrupt("the deployment's money".to_owned()));
        };
        Ok(row.try_get(0)?)
    }

    async fn movements(
        &self,
        user: UserId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Movement>, StoreError> {
        // A player's transfers have the order of their ids: the account is locked before one is drawn.
        let sql =
            "SELECT moved.*, coalesce(ended.game_type, listed.game_type),
                          coalesce(ended.room_name, listed.room_name)
                   FROM (SELECT id, kind, CASE WHEN to_account = $2 THEN amount_cents ELSE -amount_cents END,
                                room_id, at_ms
                         FROM ledger_transfer
                         WHERE user_id = $1 AND id < $3 AND (to_account = $2 OR from_account = $2)
                         ORDER BY id DESC LIMIT $4) AS moved
                   LEFT JOIN room_archive AS ended ON ended.room_id = moved.room_id
                   LEFT JOIN room_directory AS listed ON listed.room_id = moved.room_id
                   ORDER BY id DESC";
        let account = Account::Player(user).to_string();
        let before = before.unwrap_or(i64::MAX);
        let limit = i64::from(limit);
        let rows = self
            .pool
            .rows(sql, &[&stored(&user), &account, &before, &limit])
            .await?;
        let movement = |row: &Row| {
            Ok(Movement {
                position: row.try_get(0)?,
                kind: row.try_get(1)?,
                change: Cents(row.try_get(2)?),
                room_id: row.try_get(3)?,
                at: Millis(row.try_get(4)?),
                game_type: row.try_get(5)?,
                room_name: row.try_get(6)?,
            })
        };
        rows.iter().map(movement).collect()
    }

    async fn played(
        &self,
        user: UserId,
        within: &PlayedIn,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<PlayedRoom>, StoreError> {
        played::rooms(&self.pool, user, within, before, limit).await
    }

    async fn tally(&self, user: UserId) -> Result<Vec<GameTally>, StoreError> {
        played::tally(&self.pool, user).await
    }

    async fn ended_room(&self, room: &RoomId) -> Result<Option<RoomArchive>, StoreError> {
        played::ended_room(&self.pool, room).await
    }

    async fn top_up(&self, request_id: Uuid) -> Result<Option<TopUp>, StoreError> {
        let sql = format!("SELECT {TOP_UP} FROM top_up WHERE request_id = $1");
        let rows = self.pool.rows(&sql, &[&request_id]).await?;
        rows.first().map(top_up_of).transpose()
    }

    async fn limits(
        &self,
        user: UserId,
        since: Millis,
    ) -> Result<(Option<Wallet>, Vec<TopUp>), StoreError> {
        let sql =
            "SELECT user_id, owed_cents, limits, excluded_until_ms FROM wallet WHERE user_id = $1";
        let wallet = self.pool.rows(sql, &[&stored(&user)]).await?;
        let wallet = wallet.first().map(wallet_of).transpose()?;
        let sql = format!(
            "SELECT {TOP_UP} FROM top_up
             WHERE user_id = $1 AND status IN ('requested', 'session_created')
             UNION ALL SELECT {TOP_UP} FROM top_up
             WHERE user_id = $1 AND payment IS NOT NULL AND finished_ms > $2"
        );
        let rows = self.pool.rows(&sql, &[&stored(&user), &since.0]).await?;
        let counted = rows.iter().map(top_up_of).collect::<Result<_, _>>()?;
        Ok((wallet, counted))
    }

    async fn direct_messages(
        &self,
        user: UserId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Placed<(DirectMessage, Option<Millis>)>>, StoreError> {
        // Each half by its own index, and no more of it than is asked for.
        let sql =
            "SELECT id, message_id, sender_id, sender_username, recipient_id, recipient_username,
                          content, sent_ms, read_ms
                   FROM ((SELECT * FROM direct_message WHERE sender_id = $1 AND id < $2
                          ORDER BY id DESC LIMIT $3)
                         UNION ALL
                         (SELECT * FROM direct_message WHERE recipient_id = $1 AND id < $2
                          ORDER BY id DESC LIMIT $3)) AS both_ways
                   ORDER BY id DESC LIMIT $3";
        let before = before.unwrap_or(i64::MAX);
        let limit = i64::from(limit);
        let rows = self
            .pool
            .rows(sql, &[&stored(&user), &before, &limit])
            .await?;
        let message = |row: &Row| {
            let message = DirectMessage {
                message_id: row.try_get(1)?,
                sender_id: user_of(row, 2)?,
                sender_username: row.try_get(3)?,
                recipient_id: user_of(row, 4)?,
                recipient_username: row.try_get(5)?,
                content: Content(row.try_get(6)?),
                timestamp: Millis(row.try_get(7)?),
            };
            Ok(Placed {
                position: row.try_get(0)?,
                message: (message, row.try_get::<_, Option<i64>>(8)?.map(Millis)),
            })
        };
        rows.iter().map(message).collect()
    }

    async fn unread_messages(&self, user: UserId) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM direct_message WHERE recipient_id = $1 AND read_ms IS NULL";
        let rows = self.pool.rows(sql, &[&stored(&user)]).await?;
        let count: Option<i64> = rows.first().map(|row| row.try_get(0)).transpose()?;
        Ok(count.unwrap_or(0).unsigned_abs())
    }

    async fn lobby_messages(
        &self,
        lobby_id: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Placed<LobbyMessage>>, StoreError> {
        let sql = "SELECT id, message_id, lobby_id, user_id, username, content, sent_ms FROM lobby_message
                   WHERE lobby_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
        let before = before.unwrap_or(i64::MAX);
        let limit = i64::from(limit);
        let rows = self.pool.rows(sql, &[&lobby_id, &before, &limit]).await?;
        let message = |row: &Row| {
            Ok(Placed {
                position: row.try_get(0)?,
                message: LobbyMessage {
                    message_id: row.try_get(1)?,
                    lobby_id: row.try_get(2)?,
                    user_id: user_of(row, 3)?,
                    username: row.try_get(4)?,
                    content: Content(row.try_get(5)?),
                    timestamp: Millis(row.try_get(6)?),
                },
            })
        };
        rows.iter().map(message).collect()
    }

    async fn rooms(
        &self,
        game_type: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Box<RawValue>>, StoreError> {
        let sql = "SELECT summary FROM room_directory
                   WHERE status IN ('waiting', 'in_progress') AND ($1::text IS NULL OR game_type = $1)
                   ORDER BY status <> 'waiting', room_name, room_id LIMIT $2";
        let rows = self
            .pool
            .rows(sql, &[&game_type, &i64::from(limit)])
            .await?;
        let summary = |row: &Row| {
            RawValue::from_string(row.try_get(0)?)
                .map_err(|error| StoreError::Corrupt(format!("a room's summary: {error}")))
        };
        rows.iter().map(summary).collect()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let sql = "SELECT 1 FROM account_balance LIMIT 1";
        self.pool.rows(sql, &[]).await.map(|_| ())
    }
}

/// The list of rooms, read beside the owners so that no batch ever waits for it.
#[derive(Debug, Clone)]
pub struct PgDirectory {
    pool: PgPool,
}

impl PgDirectory {
    /// The directory on these connections.
    pub fn new(pool: PgPool) -> PgDirectory {
        PgDirectory { pool }
    }

    /// The rooms as `room_list` has them for this user: the user's own and those to join first, then the newest.
    pub async fn room_list(&self, query: &ListQuery) -> Result<Vec<Value>, StoreError> {
        let sql = "SELECT summary, membership FROM room_directory
                   LEFT JOIN room_member ON room_member.room_id = room_directory.room_id AND user_id = $1
                   WHERE $2::text IS NULL OR game_type = $2
                   ORDER BY membership IS NULL, status = 'waiting' DESC, listed_ms DESC, room_directory.room_id
                   LIMIT $3";
        let rows = self
            .pool
            .rows(
                sql,
                &[&stored(&query.user), &query.game_type, &(ROOMS_MAX as i64)],
            )
            .await?;
        let room = |row: &Row| listed(row.try_get(0)?, row.try_get(1)?);
        rows.iter().map(room).collect()
    }
}
