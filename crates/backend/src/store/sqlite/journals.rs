//! The stored journals of rooms, with what they are held to, on any connection to the file.

use super::engine_store::parse_room;
use crate::store::{JournalDigest, RoomArchive, StoreError};
use blazing_sun_domain::{Millis, RoomId};
use rusqlite::{Connection, OptionalExtension, Row};

/// An ended room's journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedJournal {
    /// The row; `last_inputs` are all of its inputs.
    pub archive: RoomArchive,
    /// What it is held to; none where the room began before there was a digest.
    pub digest: Option<[u8; 32]>,
}

impl ArchivedJournal {
    /// Whether the row is as it was written; none where it has no digest.
    pub fn is_as_written(&self) -> Option<bool> {
        let chain = JournalDigest::default().after(&self.archive.last_inputs);
        Some(chain.seal(&self.archive) == self.digest?)
    }
}

/// A running room's journal, as far as it is saved beside the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedJournal {
    /// The room.
    pub room_id: RoomId,
    /// Its partition.
    pub partition: u32,
    /// The batch as of whose end it is saved.
    pub batch_no: u64,
    /// The room's secret, sealed.
    pub sealed_secret: String,
    /// `Room::save`.
    pub state: Vec<u8>,
    /// How many parts there must be.
    pub parts: u32,
    /// How many there are.
    pub parts_found: u32,
    /// The inputs in all parts that are there.
    pub inputs: Vec<u8>,
    /// What they are held to; none where the room began before there was a digest.
    pub digest: Option<JournalDigest>,
}

impl SavedJournal {
    /// Whether the parts are as they were written; none where there is no digest.
    pub fn is_as_written(&self) -> Option<bool> {
        Some(JournalDigest::default().after(&self.inputs) == self.digest?)
    }
}

const ARCHIVED: &str = "SELECT room_id, partition, game_type, room_name, game_version, ended_ms,
     sealed_secret, inputs, coalesce(rules_version, 1), digest FROM room_archive";
const SAVED: &str = "SELECT room_id, partition, batch_no, sealed_secret, state, journal_parts,
     journal_digest FROM room_snapshot";

/// The journal of an ended room.
pub fn archived_journal(
    connection: &Connection,
    room: &RoomId,
) -> Result<Option<ArchivedJournal>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{ARCHIVED} WHERE room_id = ?1"))?;
    let mut rows = statement.query([room.as_str()])?;
    rows.next()?.map(read_archived).transpose()
}

/// The journal of a running room that has been saved at least once.
pub fn saved_journal(
    connection: &Connection,
    room: &RoomId,
) -> Result<Option<SavedJournal>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{SAVED} WHERE room_id = ?1"))?;
    let mut rows = statement.query([room.as_str()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    read_saved(connection, row).map(Some)
}

/// Calls `take` with every ended room's journal.
pub fn each_archived_journal(
    connection: &Connection,
    mut take: impl FnMut(Result<ArchivedJournal, StoreError>),
) -> Result<(), StoreError> {
    let mut statement = connection.prepare(ARCHIVED)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(read_archived(row));
    }
    Ok(())
}

/// Calls `take` with every saved room's journal.
pub fn each_saved_journal(
    connection: &Connection,
    mut take: impl FnMut(Result<SavedJournal, StoreError>),
) -> Result<(), StoreError> {
    let mut statement = connection.prepare(SAVED)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(read_saved(connection, row));
    }
    Ok(())
}

/// Whether the file has what digests are kept in: one that no program of today has opened has not.
pub fn has_digests(connection: &Connection) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM pragma_table_info('room_archive') WHERE name = 'digest'";
    let found = connection.query_row(sql, [], |_| Ok(())).optional()?;
    Ok(found.is_some())
}

fn read_archived(row: &Row<'_>) -> Result<ArchivedJournal, StoreError> {
    Ok(ArchivedJournal {
        archive: RoomArchive {
            room_id: parse_room(&row.get::<_, String>(0)?)?,
            partition: row.get(1)?,
            game_type: row.get(2)?,
            room_name: row.get(3)?,
            game_version: row.get(4)?,
            ended: Millis(row.get(5)?),
            sealed_secret: row.get(6)?,
            last_inputs: row.get(7)?,
            rules_version: row.get(8)?,
            journal_digest: None,
        },
        digest: row.get(9)?,
    })
}

fn read_saved(connection: &Connection, row: &Row<'_>) -> Result<SavedJournal, StoreError> {
    let mut saved = SavedJournal {
        room_id: parse_room(&row.get::<_, String>(0)?)?,
        partition: row.get(1)?,
        batch_no: row.get::<_, i64>(2)?.max(0) as u64,
        sealed_secret: row.get(3)?,
        state: row.get(4)?,
        parts: row.get(5)?,
        parts_found: 0,
        inputs: Vec::new(),
        digest: row.get::<_, Option<_>>(6)?.map(JournalDigest),
    };
    let mut statement = connection.prepare_cached(
        "SELECT inputs FROM room_journal WHERE room_id = ?1 AND part < ?2 ORDER BY part",
    )?;
    let mut rows = statement.query((saved.room_id.as_str(), saved.parts))?;
    while let Some(row) = rows.next()? {
        let part = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        saved.inputs.extend_from_slice(part);
        saved.parts_found += 1;
    }
    Ok(saved)
}
