//! Rooms that can not be loaded, on any connection to the file.

use super::engine_store::parse_room;
use crate::store::{QuarantinedRoom, StoreError, Writes};
use blazing_sun_domain::{Millis, RoomId};
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
