//! What operators read in PostgreSQL.

use super::batch::decode_consumed;
use super::pool::PgPool;
use super::prefetch::{stored, user_of};
use crate::store::StoreError;
use crate::store::overview::{
    DecidedIn, FamilyRow, LISTED, MemberRow, Overview, RoomFilter, RoomRow, Sessions, TRANSFER,
    Totals, TransferRow, statement_sql, totals_sql, with_balances,
};
use async_trait::async_trait;
use blazing_sun_domain::{Account, Cents, Millis, RoomId, UserId};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// Among how many batches the one that decided a record is looked for.
const BATCHES_MAX: i64 = 2_000;
/// Clocks of brokers and backends differ.
const CLOCKS_DIFFER_MS: i64 = 10_000;

const ENDED: &str =
    "SELECT room_id, room_name, game_type, 'ended'::text, ended_ms, NULL::text, NULL::bigint
     FROM room_archive";

/// Operators' reads in PostgreSQL.
#[derive(Debug, Clone)]
pub struct PgOverview {
    pool: PgPool,
}

impl PgOverview {
    /// Reads on these connections.
    pub fn new(pool: PgPool) -> PgOverview {
        PgOverview { pool }
    }
}

fn room_of(row: &Row) -> Result<RoomRow, StoreError> {
    Ok(RoomRow {
        room_id: row.try_get(0)?,
        room_name: row.try_get(1)?,
        game_type: row.try_get(2)?,
        status: row.try_get(3)?,
        at: Millis(row.try_get(4)?),
        summary: row.try_get(5)?,
        quarantined: row.try_get::<_, Option<i64>>(6)?.map(Millis),
    })
}

fn transfer_of(row: &Row) -> Result<TransferRow, StoreError> {
    let user: Option<i64> = row.try_get(7)?;
    Ok(TransferRow {
        position: row.try_get(0)?,
        key: row.try_get(1)?,
        kind: row.try_get(2)?,
        from: row.try_get(3)?,
        to: row.try_get(4)?,
        amount: Cents(row.try_get(5)?),
        room_id: row.try_get(6)?,
        user: user.and_then(|user| UserId::new(u64::try_from(user).ok()?)),
        correlation_id: row.try_get(8)?,
        batch_no: row.try_get::<_, i64>(9)?.unsigned_abs(),
        at: Millis(row.try_get(10)?),
    })
}

#[async_trait]
impl Overview for PgOverview {
    async fn rooms(
        &self,
        filter: &RoomFilter,
        before: Option<(Millis, String)>,
        limit: u32,
    ) -> Result<Vec<RoomRow>, StoreError> {
        let (at, id) = before.map_or((i64::MAX, String::new()), |(at, id)| (at.0, id));
        let given = [&filter.game_type, &filter.status];
        let has_nul = |text: &String| text.contains('\0');
        if given.into_iter().flatten().any(has_nul) || has_nul(&id) {
            return Ok(Vec::new());
        }
        let sql = match filter.ended {
            true => format!(
                "{ENDED} WHERE (ended_ms, room_id) < ($1, $2) AND ($3::text IS NULL OR game_type = $3)
                 AND $4::text IS NULL ORDER BY ended_ms DESC, room_id DESC LIMIT $5"
            ),
            false => format!(
                "{LISTED} WHERE (listed_ms, listed.room_id) < ($1, $2)
                 AND ($3::text IS NULL OR game_type = $3) AND ($4::text IS NULL OR status = $4)
                 ORDER BY listed_ms DESC, listed.room_id DESC LIMIT $5"
            ),
        };
        let limit = i64::from(limit);
        let given: [&(dyn ToSql + Sync); 5] = [&at, &id, &filter.game_type, &filter.status, &limit];
        let rows = self.pool.rows(&sql, &given).await?;
        rows.iter().map(room_of).collect()
    }

    async fn room(&self, room: &RoomId) -> Result<Option<RoomRow>, StoreError> {
        for sql in [
            format!("{LISTED} WHERE listed.room_id = $1"),
            format!("{ENDED} WHERE room_id = $1"),
        ] {
            let rows = self.pool.rows(&sql, &[&room.as_str()]).await?;
            if let Some(row) = rows.first() {
                return room_of(row).map(Some);
            }
        }
        Ok(None)
    }

    async fn quarantined(&self, room: &RoomId) -> Result<Option<Millis>, StoreError> {
        let sql = "SELECT since_ms FROM room_quarantine WHERE room_id = $1";
        let since = self.one(sql, &[&room.as_str()]).await?;
        Ok(since.map(Millis))
    }

    async fn members(&self, room: &RoomId) -> Result<Vec<MemberRow>, StoreError> {
        let sql = "SELECT user_id, username, membership FROM room_member
                   LEFT JOIN users ON users.id = user_id WHERE room_id = $1 ORDER BY user_id";
        let rows = self.pool.rows(sql, &[&room.as_str()]).await?;
        let member = |row: &Row| {
            Ok(MemberRow {
                user: user_of(row, 0)?,
                username: row.try_get(1)?,
                membership: row.try_get(2)?,
            })
        };
        rows.iter().map(member).collect()
    }

    async fn escrow(&self, room: &RoomId) -> Result<Cents, StoreError> {
        let account = Account::Escrow(room.clone()).to_string();
        let sql = "SELECT balance FROM account_balance WHERE account = $1";
        let rows = self.pool.rows(sql, &[&account]).await?;
        let balance = rows.first().map(|row| row.try_get(0)).transpose()?;
        Ok(balance.map_or(Cents::ZERO, Cents))
    }

    async fn transfers_of_room(
        &self,
        room: &RoomId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<TransferRow>, StoreError> {
        let sql =
            format!("SELECT {TRANSFER} WHERE room_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
        let (before, limit) = (before.unwrap_or(i64::MAX), i64::from(limit));
        let rows = self
            .pool
            .rows(&sql, &[&room.as_str(), &before, &limit])
            .await?;
        rows.iter().map(transfer_of).collect()
    }

    async fn transfers_of_player(
        &self,
        user: UserId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<(TransferRow, Cents)>, StoreError> {
        let account = Account::Player(user).to_string();
        let sql = statement_sql();
        let (before, limit) = (before.unwrap_or(i64::MAX), i64::from(limit));
        let rows = self
            .pool
            .rows(&sql, &[&stored(&user), &before, &account, &limit])
            .await?;
        let row = |row: &Row| Ok((transfer_of(row)?, Cents(row.try_get(11)?)));
        let rows = rows.iter().map(row).collect::<Result<_, StoreError>>()?;
        Ok(with_balances(rows, &account))
    }

    async fn transfers_after(
        &self,
        correlation_id: &str,
        room: Option<&RoomId>,
        user: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<TransferRow>, StoreError> {
        let sql = format!(
            "SELECT {TRANSFER} WHERE room_id = $1 AND correlation_id = $3
             UNION SELECT {TRANSFER} WHERE user_id = $2 AND correlation_id = $3
             ORDER BY 1 LIMIT $4"
        );
        let (room, user) = (room.map(RoomId::as_str), user.as_ref().map(stored));
        let limit = i64::from(limit);
        let rows = self
            .pool
            .rows(&sql, &[&room, &user, &correlation_id, &limit])
            .await?;
        rows.iter().map(transfer_of).collect()
    }

    async fn rooms_of(&self, user: UserId) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "SELECT room_id, membership FROM room_member WHERE user_id = $1 ORDER BY room_id";
        let rows = self.pool.rows(sql, &[&stored(&user)]).await?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect()
    }

    async fn users_beginning(&self, name: &str, limit: u32) -> Result<Vec<UserId>, StoreError> {
        if name.contains('\0') {
            return Ok(Vec::new());
        }
        // The last character of all that begin so is no higher than this.
        let last = format!("{name}\u{10ffff}");
        let sql = "SELECT id FROM users WHERE username >= $1 AND username <= $2 AND starts_with(username, $1)
                   ORDER BY username, id LIMIT $3";
        let rows = self
            .pool
            .rows(sql, &[&name, &last, &i64::from(limit)])
            .await?;
        rows.iter().map(|row| user_of(row, 0)).collect()
    }

    async fn sessions(&self, user: UserId, now: Millis) -> Result<Sessions, StoreError> {
        let sql =
            "SELECT family, min(issued_ms), max(issued_ms), max(expires_ms) FROM refresh_token
                   WHERE user_id = $1 GROUP BY family HAVING max(expires_ms) > $2 ORDER BY 3 DESC";
        let family = |row: &Row| {
            Ok(FamilyRow {
                family: row.try_get(0)?,
                begun: Millis(row.try_get(1)?),
                renewed: Millis(row.try_get(2)?),
                expires: Millis(row.try_get(3)?),
            })
        };
        let rows = self.pool.rows(sql, &[&stored(&user), &now.0]).await?;
        let families = rows.iter().map(family).collect::<Result<_, StoreError>>()?;
        let sql = "SELECT gateway_id, connection_id FROM presence WHERE user_id = $1 ORDER BY connection_id";
        let rows = self.pool.rows(sql, &[&stored(&user)]).await?;
        let sockets = rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<Result<_, StoreError>>()?;
        Ok(Sessions { families, sockets })
    }

    async fn totals(&self, since: Millis) -> Result<Totals, StoreError> {
        let first = self.first_transfer_since(since).await?;
        let sql = totals_sql("split_part(account, '/', 1)");
        let rows = self.pool.rows(&sql, &[&first, &since.0]).await?;
        let row = |row: &Row| {
            Ok((
                row.try_get(0)?,
                row.try_get(1)?,
                row.try_get::<_, i64>(2)?.unsigned_abs(),
                Cents(row.try_get(3)?),
            ))
        };
        let rows = rows.iter().map(row).collect::<Result<_, StoreError>>()?;
        Ok(Totals::of(rows))
    }

    async fn decided_in(
        &self,
        topic: &str,
        partition: u32,
        offset: u64,
        written: Millis,
    ) -> Result<Option<DecidedIn>, StoreError> {
        let own = partition as i32;
        let from = written.plus(-CLOCKS_DIFFER_MS);
        let newest = "SELECT max(batch_no) FROM batch WHERE partition = $1";
        let newest = self.one(newest, &[&own]).await?.unwrap_or(0);
        let at = "SELECT at_ms FROM batch WHERE batch_no >= $1 AND partition = $2
                  ORDER BY batch_no LIMIT 1";
        let first = self.by_halves(newest + 1, from, at, Some(own)).await?;
        let sql = "SELECT batch_no, at_ms, consumed FROM batch
                   WHERE partition = $1 AND batch_no >= $2 ORDER BY batch_no LIMIT $3";
        let rows = self.pool.rows(sql, &[&own, &first, &BATCHES_MAX]).await?;
        for row in rows {
            let batch_no = row.try_get::<_, i64>(0)?.unsigned_abs();
            let consumed = decode_consumed(batch_no, row.try_get(2)?)?;
            let is_it = consumed.iter().any(|run| {
                run.topic.as_str() == topic
                    && (run.offset..run.offset + run.count).contains(&offset)
            });
            if is_it {
                return Ok(Some(DecidedIn {
                    batch_no,
                    at: Millis(row.try_get(1)?),
                }));
            }
        }
        Ok(None)
    }

    async fn decided_upto(&self, topic: &str, partition: u32) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT next_offset FROM partition_offset WHERE partition = $1 AND topic = $2";
        let rows = self.pool.rows(sql, &[&(partition as i32), &topic]).await?;
        let next = rows.first().map(|row| row.try_get::<_, i64>(0));
        Ok(next.transpose()?.map(i64::unsigned_abs))
    }
}

impl PgOverview {
    /// The one number that a query answers with; none where it is null or there is no row.
    async fn one(
        &self,
        sql: &str,
        given: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<i64>, StoreError> {
        let rows = self.pool.rows(sql, given).await?;
        let number = rows.first().map(|row| row.try_get::<_, Option<i64>>(0));
        Ok(number.transpose()?.flatten())
    }

    /// The place of the first transfer that is as new: places and instants grow together, but for what owners commit
    /// side by side.
    async fn first_transfer_since(&self, since: Millis) -> Result<i64, StoreError> {
        let newest = "SELECT max(id) FROM ledger_transfer";
        let newest = self.one(newest, &[]).await?.unwrap_or(0);
        let at = "SELECT at_ms FROM ledger_transfer WHERE id >= $1 ORDER BY id LIMIT 1";
        let since = since.plus(-CLOCKS_DIFFER_MS);
        self.by_halves(newest + 1, since, at, None).await
    }

    /// The first number below `high` that has no older instant. `at` answers with the instant of a number, or of the
    /// next one that there is.
    async fn by_halves(
        &self,
        mut high: i64,
        since: Millis,
        at: &str,
        partition: Option<i32>,
    ) -> Result<i64, StoreError> {
        let mut low = 0;
        while low < high {
            let middle = low.midpoint(high);
            let instant = match &partition {
                Some(partition) => self.one(at, &[&middle, partition]).await?,
                None => self.one(at, &[&middle]).await?,
            };
            match instant.is_some_and(|instant| instant < since.0) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Ok(low)
    }
}
