//! What a player has played, read from the ledger and the archive.

use crate::store::StoreError;
use crate::store::played::{GameTally, MONEY, MoneyRow, PLAYED, PlayedIn, PlayedRoom, TALLY};
use blazing_sun_domain::{Cents, Millis, UserId};
use rusqlite::{Connection, ToSql};

pub(super) fn rooms(
    connection: &Connection,
    user: UserId,
    within: &PlayedIn,
    before: i64,
    limit: u32,
) -> Result<Vec<PlayedRoom>, StoreError> {
    let user = user.get() as i64;
    let (condition, value) = within.condition();
    let mut statement = connection.prepare_cached(&format!(
        "{PLAYED} AND fee.id < $2{condition} ORDER BY fee.id DESC LIMIT $3"
    ))?;
    let mut given = vec![("$1", &user as &dyn ToSql), ("$2", &before), ("$3", &limit)];
    given.extend(value.as_ref().map(|value| ("$4", value as &dyn ToSql)));
    let rows = statement.query_map(&*given, |row| {
        Ok(PlayedRoom {
            position: row.get(0)?,
            room_id: row.get(1)?,
            room_name: row.get(2)?,
            game_type: row.get(3)?,
            seated: Millis(row.get(4)?),
            ended: Millis(row.get(5)?),
            players: Vec::new(),
        })
    })?;
    let mut found: Vec<PlayedRoom> = rows.collect::<Result<_, _>>()?;
    let mut money =
        connection.prepare_cached(&format!("{MONEY} AND moved.room_id = $1 ORDER BY moved.id"))?;
    for room in &mut found {
        let mut rows = money.query([room.room_id.clone()])?;
        while let Some(row) = rows.next()? {
            let user: i64 = row.get(1)?;
            let Some(user) = u64::try_from(user).ok().and_then(UserId::new) else {
                continue;
            };
            room.take(MoneyRow {
                user,
                kind: row.get(2)?,
                amount: Cents(row.get(3)?),
                at: Millis(row.get(4)?),
                username: row.get(5)?,
                roles: row.get(6)?,
            });
        }
    }
    Ok(found)
}

pub(super) fn tally(connection: &Connection, user: UserId) -> Result<Vec<GameTally>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {TALLY} FROM ({PLAYED}) AS played GROUP BY game_type ORDER BY game_type"
    ))?;
    let rows = statement.query_map([user.get() as i64], |row| {
        let count = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
        Ok(GameTally {
            game_type: row.get(0)?,
            played: count(1)?,
            won: count(2)?,
            returned: count(3)?,
            paid: Cents(row.get(4)?),
            prizes: Cents(row.get(5)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
