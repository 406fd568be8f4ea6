//! What a player has played, read from the ledger and the archive.

use super::pool::PgPool;
use super::prefetch::{stored, user_of};
use crate::store::played::{GameTally, MONEY, MoneyRow, PLAYED, PlayedIn, PlayedRoom, TALLY};
use crate::store::{RoomArchive, StoreError};
use blazing_sun_domain::{Cents, Millis, RoomId, UserId};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

pub(super) async fn rooms(
    pool: &PgPool,
    user: UserId,
    within: &PlayedIn,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<PlayedRoom>, StoreError> {
    // A player's transfers have the order of their ids: the account is locked before one is drawn.
    let (condition, value) = within.condition();
    let sql = format!("{PLAYED} AND fee.id < $2{condition} ORDER BY fee.id DESC LIMIT $3");
    let (user, before, limit) = (stored(&user), before.unwrap_or(i64::MAX), i64::from(limit));
    let mut given: Vec<&(dyn ToSql + Sync)> = vec![&user, &before, &limit];
    given.extend(value.as_ref().map(|value| value as &(dyn ToSql + Sync)));
    let rows = pool.rows(&sql, &given).await?;
    let room = |row: &Row| {
        Ok(PlayedRoom {
            position: row.try_get(0)?,
            room_id: row.try_get(1)?,
            room_name: row.try_get(2)?,
            game_type: row.try_get(3)?,
            seated: Millis(row.try_get(4)?),
            ended: Millis(row.try_get(5)?),
            players: Vec::new(),
        })
    };
    let mut found: Vec<PlayedRoom> = rows.iter().map(room).collect::<Result<_, StoreError>>()?;
    let ids: Vec<&str> = found.iter().map(|room| room.room_id.as_str()).collect();
    let sql = format!("{MONEY} AND moved.room_id = ANY($1) ORDER BY moved.id");
    for row in pool.rows(&sql, &[&ids]).await? {
        let room_id: &str = row.try_get(0)?;
        let Some(room) = found.iter_mut().find(|room| room.room_id == room_id) else {
            continue;
        };
        room.take(MoneyRow {
            user: user_of(&row, 1)?,
            kind: row.try_get(2)?,
            amount: Cents(row.try_get(3)?),
            at: Millis(row.try_get(4)?),
            username: row.try_get(5)?,
            roles: row.try_get(6)?,
        });
    }
    Ok(found)
}

pub(super) async fn tally(pool: &PgPool, user: UserId) -> Result<Vec<GameTally>, StoreError> {
    let sql = format!(
        "SELECT {TALLY} FROM ({PLAYED}) AS played GROUP BY game_type ORDER BY game_type COLLATE \"C\""
    );
    let rows = pool.rows(&sql, &[&stored(&user)]).await?;
    let count = |row: &Row, at| row.try_get::<_, i64>(at).map(i64::unsigned_abs);
    let tally = |row: &Row| {
        Ok(GameTally {
            game_type: row.try_get(0)?,
            played: count(row, 1)?,
            won: count(row, 2)?,
            returned: count(row, 3)?,
            paid: Cents(row.try_get(4)?),
            prizes: Cents(row.try_get(5)?),
        })
    };
    rows.iter().map(tally).collect()
}

pub(super) async fn ended_room(
    pool: &PgPool,
    room: &RoomId,
) -> Result<Option<RoomArchive>, StoreError> {
    let sql = "SELECT partition, game_type, room_name, game_version, rules_version, ended_ms, sealed_secret, inputs
               FROM room_archive WHERE room_id = $1";
    let rows = pool.rows(sql, &[&room.as_str()]).await?;
    let version = |row: &Row, at| row.try_get::<_, i64>(at).map(|version| version as u32);
    let archive = |row: &Row| {
        Ok(RoomArchive {
            room_id: room.clone(),
            partition: row.try_get::<_, i32>(0)? as u32,
            game_type: row.try_get(1)?,
            room_name: row.try_get(2)?,
            game_version: version(row, 3)?,
            rules_version: version(row, 4)?,
            ended: Millis(row.try_get(5)?),
            sealed_secret: row.try_get(6)?,
            last_inputs: row.try_get(7)?,
            journal_digest: None,
        })
    };
    rows.first().map(archive).transpose()
}
