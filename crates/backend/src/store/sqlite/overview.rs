//! What operators read of the embedded file.

use super::SqliteAccess;
use crate::store::StoreError;
use crate::store::overview::{
    DecidedIn, FamilyRow, LISTED, MemberRow, Overview, RoomFilter, RoomRow, Sessions, TRANSFER,
    Totals, TransferRow, statement_sql, totals_sql, with_balances,
};
use async_trait::async_trait;
use blazing_sun_backbone::log::sqlite::SqliteLog;
use blazing_sun_domain::{Account, Cents, Millis, RoomId, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

/// How many batches are looked through for the one that has a record.
const BATCHES_MAX: usize = 64;

/// Operators' reads of the embedded store's file.
#[derive(Clone)]
pub struct SqliteOverview {
    access: SqliteAccess,
}

impl SqliteOverview {
    /// Reads of this file.
    pub fn new(access: SqliteAccess) -> SqliteOverview {
        SqliteOverview { access }
    }
}

fn user_of(id: Option<i64>) -> Option<UserId> {
    UserId::new(u64::try_from(id?).ok()?)
}

fn transfer_of(row: &Row<'_>) -> rusqlite::Result<TransferRow> {
    Ok(TransferRow {
        position: row.get(0)?,
        key: row.get(1)?,
        kind: row.get(2)?,
        from: row.get(3)?,
        to: row.get(4)?,
        amount: Cents(row.get(5)?),
        room_id: row.get(6)?,
        user: user_of(row.get(7)?),
        correlation_id: row.get(8)?,
        batch_no: row.get::<_, i64>(9)?.unsigned_abs(),
        at: Millis(row.get(10)?),
    })
}

fn listed(row: &Row<'_>) -> rusqlite::Result<RoomRow> {
    Ok(RoomRow {
        room_id: row.get(0)?,
        room_name: row.get(1)?,
        game_type: row.get(2)?,
        status: row.get(3)?,
        at: Millis(row.get(4)?),
        summary: row.get(5)?,
        quarantined: row.get::<_, Option<i64>>(6)?.map(Millis),
    })
}

const ENDED: &str =
    "SELECT room_id, room_name, game_type, 'ended', ended_ms, NULL, NULL FROM room_archive";

#[async_trait]
impl Overview for SqliteOverview {
    async fn rooms(
        &self,
        filter: &RoomFilter,
        before: Option<(Millis, String)>,
        limit: u32,
    ) -> Result<Vec<RoomRow>, StoreError> {
        let filter = filter.clone();
        let (at, id) = before.map_or((i64::MAX, String::new()), |(at, id)| (at.0, id));
        let read = move |connection: &Connection| {
            let sql = match filter.ended {
                true => format!(
                    "{ENDED} WHERE (ended_ms, room_id) < (?1, ?2) AND (?3 IS NULL OR game_type = ?3)
                     AND ?4 IS NULL ORDER BY ended_ms DESC, room_id DESC LIMIT ?5"
                ),
                false => format!(
                    "{LISTED} WHERE (listed_ms, listed.room_id) < (?1, ?2)
                     AND (?3 IS NULL OR game_type = ?3) AND (?4 IS NULL OR status = ?4)
                     ORDER BY listed_ms DESC, listed.room_id DESC LIMIT ?5"
                ),
            };
            let mut statement = connection.prepare_cached(&sql)?;
            let given = params![at, id, filter.game_type, filter.status, limit];
            let rows = statement.query_map(given, listed)?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        self.access.read(read).await
    }

    async fn room(&self, room: &RoomId) -> Result<Option<RoomRow>, StoreError> {
        let room = room.clone();
        let read = move |connection: &Connection| {
            for sql in [
                format!("{LISTED} WHERE listed.room_id = ?1"),
                format!("{ENDED} WHERE room_id = ?1"),
            ] {
                let mut statement = connection.prepare_cached(&sql)?;
                let found = statement.query_row([room.as_str()], listed).optional()?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            Ok(None)
        };
        self.access.read(read).await
    }

    async fn quarantined(&self, room: &RoomId) -> Result<Option<Millis>, StoreError> {
        let room = room.clone();
        let read = move |connection: &Connection| {
            let sql = "SELECT since_ms FROM room_quarantine WHERE room_id = ?1";
            let since = connection.query_row(sql, [room.as_str()], |row| row.get(0));
            Ok(since.optional()?.map(Millis))
        };
        self.access.read(read).await
    }

    async fn members(&self, room: &RoomId) -> Result<Vec<MemberRow>, StoreError> {
        let room = room.clone();
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(
                "SELECT user_id, username, membership FROM room_member
                 LEFT JOIN users ON users.id = user_id WHERE room_id = ?1 ORDER BY user_id",
            )?;
            let rows = statement.query_map([room.as_str()], |row| {
                Ok(MemberRow {
                    user: user_of(row.get(0)?).unwrap_or_default(),
                    username: row.get(1)?,
                    membership: row.get(2)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        self.access.read(read).await
    }

    async fn escrow(&self, room: &RoomId) -> Result<Cents, StoreError> {
        let account = Account::Escrow(room.clone()).to_string();
        let read = move |connection: &Connection| {
            let sql = "SELECT balance FROM account_balance WHERE account = ?1";
            let balance = connection.query_row(sql, [account], |row| row.get(0));
            Ok(balance.optional()?.map_or(Cents::ZERO, Cents))
        };
        self.access.read(read).await
    }

    async fn transfers_of_room(
        &self,
        room: &RoomId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<TransferRow>, StoreError> {
        let room = room.clone();
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {TRANSFER} WHERE room_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3"
            ))?;
            let given = params![room.as_str(), before.unwrap_or(i64::MAX), limit];
            let rows = statement.query_map(given, transfer_of)?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        self.access.read(read).await
    }

    async fn transfers_of_player(
        &self,
        user: UserId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<(TransferRow, Cents)>, StoreError> {
        let account = Account::Player(user).to_string();
        let read = move |connection: &Connection| {
            // By their numbers, where `$` would be names, numbered as they come.
            let sql = statement_sql().replace('$', "?");
            let mut statement = connection.prepare_cached(&sql)?;
            let before = before.unwrap_or(i64::MAX);
            let given = params![user.get() as i64, before, account, limit];
            let row = |row: &Row<'_>| Ok((transfer_of(row)?, Cents(row.get(11)?)));
            let rows = statement.query_map(given, row)?;
            Ok(with_balances(rows.collect::<Result<_, _>>()?, &account))
        };
        self.access.read(read).await
    }

    async fn transfers_after(
        &self,
        correlation_id: &str,
        room: Option<&RoomId>,
        user: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<TransferRow>, StoreError> {
        let correlation_id = correlation_id.to_owned();
        let (room, user) = (room.cloned(), user.map(|user| user.get() as i64));
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {TRANSFER} WHERE room_id = ?1 AND correlation_id = ?3
                 UNION SELECT {TRANSFER} WHERE user_id = ?2 AND correlation_id = ?3
                 ORDER BY 1 LIMIT ?4"
            ))?;
            let room = room.as_ref().map(RoomId::as_str);
            let rows =
                statement.query_map(params![room, user, correlation_id, limit], transfer_of)?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        self.access.read(read).await
    }

    async fn rooms_of(&self, user: UserId) -> Result<Vec<(String, String)>, StoreError> {
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(
                "SELECT room_id, membership FROM room_member WHERE user_id = ?1 ORDER BY room_id",
            )?;
            let rows =
                statement.query_map([user.get() as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        self.access.read(read).await
    }

    async fn users_beginning(&self, name: &str, limit: u32) -> Result<Vec<UserId>, StoreError> {
        let name = name.to_owned();
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id FROM users WHERE substr(username, 1, length(?1)) = ?1 ORDER BY username, id LIMIT ?2",
            )?;
            let rows = statement.query_map(params![name, limit], |row| row.get::<_, i64>(0))?;
            let ids = rows.collect::<Result<Vec<_>, _>>()?;
            Ok(ids.into_iter().filter_map(|id| user_of(Some(id))).collect())
        };
        self.access.read(read).await
    }

    async fn sessions(&self, user: UserId, now: Millis) -> Result<Sessions, StoreError> {
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(
                "SELECT family, min(issued_ms), max(issued_ms), max(expires_ms) FROM refresh_token
                 WHERE user_id = ?1 GROUP BY family HAVING max(expires_ms) > ?2 ORDER BY 3 DESC",
            )?;
            let mut rows = statement.query(params![user.get() as i64, now.0])?;
            let mut sessions = Sessions::default();
            while let Some(row) = rows.next()? {
                let family: Vec<u8> = row.get(0)?;
                sessions.families.push(FamilyRow {
                    family: Uuid::from_slice(&family)
                        .map_err(|_| StoreError::Corrupt("a family's id".to_owned()))?,
                    begun: Millis(row.get(1)?),
                    renewed: Millis(row.get(2)?),
                    expires: Millis(row.get(3)?),
                });
            }
            let mut statement = connection.prepare_cached(
                "SELECT gateway_id, connection_id FROM presence WHERE user_id = ?1 ORDER BY connection_id",
            )?;
            let sockets =
                statement.query_map([user.get() as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
            sessions.sockets = sockets.collect::<Result<_, _>>()?;
            Ok(sessions)
        };
        self.access.read(read).await
    }

    async fn totals(&self, since: Millis) -> Result<Totals, StoreError> {
        let read = move |connection: &Connection| {
            let first = first_transfer_since(connection, since)?;
            let sql = totals_sql("substr(account, 1, instr(account, '/') - 1)");
            let row = |row: &Row<'_>| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get::<_, i64>(2)?.unsigned_abs(),
                    Cents(row.get(3)?),
                ))
            };
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![first, since.0], row)?;
            Ok(Totals::of(rows.collect::<Result<_, _>>()?))
        };
        self.access.read(read).await
    }

    async fn decided_in(
        &self,
        topic: &str,
        partition: u32,
        offset: u64,
        written: Millis,
    ) -> Result<Option<DecidedIn>, StoreError> {
        let topic = topic.to_owned();
        // A record is decided in the batch that appends it.
        let read = move |connection: &Connection| {
            let first = first_batch_since(connection, written)?;
            for batch in SqliteLog::batches_from(connection, first)?.take(BATCHES_MAX) {
                let (batch_no, at, records) = batch?;
                let is_it = records.iter().any(|record| {
                    record.topic.as_str() == topic
                        && record.partition == partition
                        && record.offset == offset
                });
                if is_it {
                    return Ok(Some(DecidedIn { batch_no, at }));
                }
                if at > written {
                    break;
                }
            }
            Ok(None)
        };
        self.access.read(read).await
    }

    async fn decided_upto(&self, _: &str, _: u32) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }
}

/// The place of the first transfer that is as new: places and instants grow together.
fn first_transfer_since(connection: &Connection, since: Millis) -> Result<i64, StoreError> {
    let newest = "SELECT coalesce(max(id), 0) FROM ledger_transfer";
    let newest: i64 = connection.query_row(newest, [], |row| row.get(0))?;
    let mut at = connection
        .prepare_cached("SELECT at_ms FROM ledger_transfer WHERE id >= ?1 ORDER BY id LIMIT 1")?;
    by_halves(0, newest + 1, |place| {
        let found = at.query_row([place], |row| row.get::<_, i64>(0));
        Ok(found.optional()?.is_some_and(|at| at < since.0))
    })
}

/// The number of the first batch of the log that is as new.
fn first_batch_since(connection: &Connection, since: Millis) -> Result<u64, StoreError> {
    let newest = "SELECT coalesce(max(batch_no), 0) FROM log_batch";
    let newest: i64 = connection.query_row(newest, [], |row| row.get(0))?;
    let mut at = connection.prepare_cached(
        "SELECT at_ms FROM log_batch WHERE batch_no >= ?1 ORDER BY batch_no LIMIT 1",
    )?;
    let found = by_halves(0, newest + 1, |number| {
        let found = at.query_row([number], |row| row.get::<_, i64>(0));
        Ok(found.optional()?.is_some_and(|at| at < since.0))
    })?;
    Ok(found.unsigned_abs())
}

/// The first number that is not too low.
fn by_halves(
    mut low: i64,
    mut high: i64,
    mut is_too_low: impl FnMut(i64) -> Result<bool, StoreError>,
) -> Result<i64, StoreError> {
    while low < high {
        let middle = low.midpoint(high);
        match is_too_low(middle)? {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEES: i64 = 2_000;

    #[tokio::test]
    async fn totals_are_of_one_instant_while_money_moves() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let overview = SqliteOverview::new(SqliteAccess::standalone(&path).unwrap());
        let writer = Connection::open(&path).unwrap();
        let transfer = "INSERT INTO ledger_transfer (key, kind, from_account, to_account, amount_cents, batch_no, at_ms)
                        VALUES (?1, ?2, ?3, ?4, ?5, 1, 1)";
        let grant = params!["grant", "demo_grant", "demo/mint", "player/1", FEES];
        writer.execute(transfer, grant).unwrap();
        let balance = "INSERT INTO account_balance VALUES ('player/1', ?1)";
        writer.execute(balance, [FEES]).unwrap();
        let moving = std::thread::spawn(move || {
            for number in 0..FEES {
                let moves = writer.unchecked_transaction().unwrap();
                let fee = params![number.to_string(), "rake", "player/1", "house/rake", 1];
                moves.execute(transfer, fee).unwrap();
                let paid = "UPDATE account_balance SET balance = balance - 1";
                moves.execute(paid, []).unwrap();
                moves.commit().unwrap();
            }
        });
        while !moving.is_finished() {
            let totals = overview.totals(Millis(0)).await.unwrap();
            let balances = totals.balances.iter().map(|(_, _, sum)| sum.0);
            let house = totals.house.iter().map(|(_, sum)| sum.0);
            assert_eq!(balances.chain(house).sum::<i64>(), 0, "{totals:?}");
        }
        moving.join().unwrap();
    }
}
