//! Rooms that can not be loaded, on any connection to the file.

use super::engine_store::{SNAPSHOT, parse_room, parse_user, snapshot_of};
use crate::store::{QuarantinedRoom, RoomSnapshot, StoreError, WithheldRoom, Writes};
use blazing_sun_domain::{Account, Cents, Millis, RoomId, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::path::Path;

const QUARANTINED: &str =
    "SELECT room_id, partition, batch_no, since_ms, inputs FROM room_quarantine";

/// One room, if it is kept so. None, too, in a file that an earlier program has left.
pub fn quarantined_room(
    connection: &Connection,
    room: &RoomId,
) -> Result<Option<QuarantinedRoom>, StoreError> {
    let table = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'room_quarantine'";
    if !connection.prepare(table)?.exists([])? {
        return Ok(None);
    }
    let query = format!("{QUARANTINED} WHERE room_id = ?1");
    let found = connection.query_row(&query, [room.as_str()], |row| Ok(read(row)));
    found.optional()?.transpose()
}

/// How many rooms are kept so.
pub fn quarantined_rooms(path: &Path) -> Result<u64, StoreError> {
    let connection = super::open_reader(path)?;
    let count = "SELECT count(*) FROM room_quarantine";
    let count: i64 = connection.query_row(count, [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

pub(super) fn all(connection: &Connection) -> Result<Vec<QuarantinedRoom>, StoreError> {
    let mut statement = connection.prepare(&format!("{QUARANTINED} ORDER BY room_id"))?;
    let mut rows = statement.query([])?;
    let mut rooms = Vec::new();
    while let Some(row) = rows.next()? {
        rooms.push(read(row)?);
    }
    Ok(rooms)
}

/// One room, whole.
pub(super) fn withheld(
    connection: &Connection,
    room: &RoomId,
) -> Result<Option<WithheldRoom>, StoreError> {
    let Some(kept) = quarantined_room(connection, room)? else {
        return Ok(None);
    };
    let mut withheld = WithheldRoom {
        snapshot: saved(connection, room)?,
        saved_inputs: Vec::new(),
        kept,
        listed: None,
        members: Vec::new(),
        transfers: Vec::new(),
        escrow: Cents::ZERO,
    };
    let mut parts =
        connection.prepare("SELECT inputs FROM room_journal WHERE room_id = ?1 ORDER BY part")?;
    let mut rows = parts.query([room.as_str()])?;
    while let Some(row) = rows.next()? {
        let part = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        withheld.saved_inputs.extend_from_slice(part);
    }
    let status = "SELECT status FROM room_directory WHERE room_id = ?1";
    let listed = connection.query_row(status, [room.as_str()], |row| row.get(0));
    withheld.listed = listed.optional()?;
    let members = "SELECT user_id FROM room_member WHERE room_id = ?1 ORDER BY user_id";
    let mut members = connection.prepare(members)?;
    let mut rows = members.query([room.as_str()])?;
    while let Some(row) = rows.next()? {
        withheld.members.push(parse_user(row.get(0)?)?);
    }
    let mut transfers = connection.prepare(
        "SELECT key, kind, user_id, amount_cents FROM ledger_transfer WHERE room_id = ?1 ORDER BY id",
    )?;
    let rows = transfers.query_map([room.as_str()], |row| {
        let user: Option<i64> = row.get(2)?;
        let user = user.and_then(|user| UserId::new(u64::try_from(user).ok()?));
        Ok((row.get(0)?, row.get(1)?, user, Cents(row.get(3)?)))
    })?;
    withheld.transfers = rows.collect::<Result<_, _>>()?;
    let account = Account::Escrow(room.clone()).to_string();
    let balance = "SELECT balance FROM account_balance WHERE account = ?1";
    let balance = connection.query_row(balance, [account], |row| row.get(0));
    withheld.escrow = balance.optional()?.map_or(Cents::ZERO, Cents);
    Ok(Some(withheld))
}

fn saved(connection: &Connection, room: &RoomId) -> Result<Option<RoomSnapshot>, StoreError> {
    let mut statement = connection.prepare(&format!("{SNAPSHOT} WHERE room_id = ?1"))?;
    let mut rows = statement.query([room.as_str()])?;
    rows.next()?.map(snapshot_of).transpose()
}

fn read(row: &Row<'_>) -> Result<QuarantinedRoom, StoreError> {
    Ok(QuarantinedRoom {
        room_id: parse_room(&row.get::<_, String>(0)?)?,
        partition: row.get(1)?,
        batch_no: row.get::<_, i64>(2)? as u64,
        since: Millis(row.get(3)?),
        inputs: row.get(4)?,
    })
}

pub(super) fn write(connection: &Connection, writes: &Writes) -> Result<(), StoreError> {
    for room in &writes.quarantined {
        connection
            .prepare_cached(
                "INSERT INTO room_quarantine (room_id, partition, batch_no, since_ms, inputs)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (room_id) DO UPDATE SET batch_no = excluded.batch_no,
                 inputs = inputs || excluded.inputs",
            )?
            .execute(params![
                room.room_id.as_str(),
                room.partition,
                room.batch_no as i64,
                room.since.0,
                room.inputs,
            ])?;
    }
    for room in &writes.released {
        connection
            .prepare_cached("DELETE FROM room_quarantine WHERE room_id = ?1")?
            .execute([room.as_str()])?;
    }
    Ok(())
}
