//! The read side of the embedded store.

use super::{SqliteAccess, archived_journal, messages, played, wallet};
use crate::store::played::{GameTally, PlayedIn, PlayedRoom};
use crate::store::reads::{Movement, Placed, ReadSide};
use crate::store::wallet::{TopUp, Wallet};
use crate::store::{RoomArchive, StoreError};
use async_trait::async_trait;
use blazing_sun_backbone::messages::{DirectMessage, LobbyMessage};
use blazing_sun_domain::{Account, Cents, Millis, RoomId, UserId};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::value::RawValue;
use uuid::Uuid;

/// Reads of the embedded store's file.
#[derive(Clone)]
pub struct SqliteReads {
    access: SqliteAccess,
}

impl SqliteReads {
    /// Reads of this file.
    pub fn new(access: SqliteAccess) -> SqliteReads {
        SqliteReads { access }
    }
}

#[async_trait]
impl ReadSide for SqliteReads {
    async fn balance(&self, user: UserId) -> Result<Cents, StoreError> {
        let read = move |connection: &Connection| {
            let mut statement = connection
                .prepare_cached("SELECT balance FROM account_balance WHERE account = ?1")?;
            let account = Account::Player(user).to_string();
            let balance = statement
                .query_row([account], |row| row.get(0))
                .optional()?;
            Ok(balance.map_or(Cents::ZERO, Cents))
        };
        self.access.read(read).await
    }

    async fn transferred(&self, key: &str) -> Result<Option<(Option<UserId>, Cents)>, StoreError> {
        let key = key.to_owned();
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(
                "SELECT user_id, amount_cents FROM ledger_transfer WHERE key = ?1",
            )?;
            let found = statement.query_row([key], |row| {
                let user: Option<i64> = row.get(0)?;
                let user = user.and_then(|user| UserId::new(u64::try_from(user).ok()?));
                Ok((user, Cents(row.get(1)?)))
            });
            Ok(found.optional()?)
        };
        self.access.read(read).await
    }

    async fn money(&self) -> Result<String, StoreError> {
        let query = "SELECT value FROM deployment WHERE name = 'money'";
        let read =
            move |connection: &Connection| Ok(connection.query_row(query, [], |row| row.get(0))?);
        self.access.read(read).await
    }

    async fn movements(
        &self,
        user: UserId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Movement>, StoreError> {
        let read = move |connection: &Connection| {
            let account = Account::Player(user).to_string();
            let mut statement = connection.prepare_cached(
                "SELECT moved.*, coalesce(ended.game_type, listed.game_type),
                        coalesce(ended.room_name, listed.room_name)
                 FROM (SELECT id, kind, CASE WHEN to_account = ?2 THEN amount_cents ELSE -amount_cents END,
                              room_id, at_ms
                       FROM ledger_transfer
                       WHERE user_id = ?1 AND id < ?3 AND (to_account = ?2 OR from_account = ?2)
                       ORDER BY id DESC LIMIT ?4) AS moved
                 LEFT JOIN room_archive AS ended ON ended.room_id = moved.room_id
                 LEFT JOIN room_directory AS listed ON listed.room_id = moved.room_id
                 ORDER BY id DESC",
            )?;
            let range = params![
                user.get() as i64,
                account,
                before.unwrap_or(i64::MAX),
                limit
            ];
            let rows = statement.query_map(range, |row| {
                Ok(Movement {
                    position: row.get(0)?,
                    kind: row.get(1)?,
                    change: Cents(row.get(2)?),
                    room_id: row.get(3)?,
                    at: Millis(row.get(4)?),
                    game_type: row.get(5)?,
                    room_name: row.get(6)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        self.access.read(read).await
    }

    async fn played(
        &self,
        user: UserId,
        within: &PlayedIn,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<PlayedRoom>, StoreError> {
        let (within, before) = (within.clone(), before.unwrap_or(i64::MAX));
        let read =
            move |connection: &Connection| played::rooms(connection, user, &within, before, limit);
        self.access.read(read).await
    }

    async fn tally(&self, user: UserId) -> Result<Vec<GameTally>, StoreError> {
        let read = move |connection: &Connection| played::tally(connection, user);
        self.access.read(read).await
    }

    async fn ended_room(&self, room: &RoomId) -> Result<Option<RoomArchive>, StoreError> {
        let room = room.clone();
        let read = move |connection: &Connection| archived_journal(connection, &room);
        let found = self.access.read(read).await?;
        Ok(found.map(|found| found.archive))
    }

    async fn top_up(&self, request_id: Uuid) -> Result<Option<TopUp>, StoreError> {
        let read = move |connection: &Connection| wallet::top_up(connection, request_id);
        self.access.read(read).await
    }

    async fn limits(
        &self,
        user: UserId,
        since: Millis,
    ) -> Result<(Option<Wallet>, Vec<TopUp>), StoreError> {
        let read = move |connection: &Connection| {
            let counted = wallet::counted(connection, user, since)?;
            Ok((wallet::wallet(connection, user)?, counted))
        };
        self.access.read(read).await
    }

    async fn direct_messages(
        &self,
        user: UserId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Placed<(DirectMessage, Option<Millis>)>>, StoreError> {
        let before = before.unwrap_or(i64::MAX);
        let read =
            move |connection: &Connection| messages::of_user(connection, user, before, limit);
        self.access.read(read).await
    }

    async fn unread_messages(&self, user: UserId) -> Result<u64, StoreError> {
        let read = move |connection: &Connection| messages::unread(connection, user);
        self.access.read(read).await
    }

    async fn lobby_messages(
        &self,
        lobby_id: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Placed<LobbyMessage>>, StoreError> {
        let (lobby_id, before) = (lobby_id.to_owned(), before.unwrap_or(i64::MAX));
        let read =
            move |connection: &Connection| messages::of_lobby(connection, &lobby_id, before, limit);
        self.access.read(read).await
    }

    async fn rooms(
        &self,
        game_type: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Box<RawValue>>, StoreError> {
        let game_type = game_type.map(str::to_owned);
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(
                "SELECT summary FROM room_directory
                 WHERE status IN ('waiting', 'in_progress') AND (?1 IS NULL OR game_type = ?1)
                 ORDER BY status <> 'waiting', room_name, room_id LIMIT ?2",
            )?;
            let summaries = statement.query_map(params![game_type, limit], |row| row.get(0))?;
            let summaries: Vec<String> = summaries.collect::<Result<_, _>>()?;
            let read = |summary| {
                RawValue::from_string(summary)
                    .map_err(|error| StoreError::Corrupt(format!("a room's summary: {error}")))
            };
            summaries.into_iter().map(read).collect()
        };
        self.access.read(read).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let read = |connection: &Connection| {
            Ok(connection
                .query_row("SELECT 1 FROM account_balance LIMIT 1", [], |_| Ok(()))
                .optional()?)
        };
        self.access.read(read).await.map(|_| ())
    }
}
