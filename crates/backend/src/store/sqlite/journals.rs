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
    /// Whether a column is null that the row has to have.
    pub lacks: bool,
}

impl ArchivedJournal {
    /// Whether the row is as it was written; none where it has no digest and needs none.
    pub fn is_as_written(&self) -> Option<bool> {
        if self.lacks {
            return Some(false);
        }
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
    /// Whether there is no digest, and has to be one.
    pub lacks: bool,
}

impl SavedJournal {
    /// Whether the parts are as they were written; none where there is no digest and needs to be none.
    pub fn is_as_written(&self) -> Option<bool> {
        if self.lacks {
            return Some(false);
        }
        Some(JournalDigest::default().after(&self.inputs) == self.digest?)
    }
}

const ARCHIVED: &str = "SELECT room_id, partition, game_type, room_name, game_version, ended_ms,
     sealed_secret, inputs, rules_version, digest FROM room_archive";
const SAVED: &str = "SELECT room_id, partition, batch_no, sealed_secret, state, journal_parts,
     journal_digest FROM room_snapshot";

/// The journal of an ended room.
pub fn archived_journal(
    connection: &Connection,
    room: &RoomId,
) -> Result<Option<ArchivedJournal>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{ARCHIVED} WHERE room_id = ?1"))?;
    let mut rows = statement.query([room.as_str()])?;
    let since = digests_since(connection)?;
    let row = rows.next()?;
    row.map(|row| read_archived(row, since)).transpose()
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
    read_saved(connection, row, digests_since(connection)?).map(Some)
}

/// Calls `take` with every ended room's journal.
pub fn each_archived_journal(
    connection: &Connection,
    mut take: impl FnMut(Result<ArchivedJournal, StoreError>),
) -> Result<(), StoreError> {
    let since = digests_since(connection)?;
    let mut statement = connection.prepare(ARCHIVED)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(read_archived(row, since));
    }
    Ok(())
}

/// Calls `take` with every saved room's journal.
pub fn each_saved_journal(
    connection: &Connection,
    mut take: impl FnMut(Result<SavedJournal, StoreError>),
) -> Result<(), StoreError> {
    let since = digests_since(connection)?;
    let mut statement = connection.prepare(SAVED)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(read_saved(connection, row, since));
    }
    Ok(())
}

/// Whether the file has what digests are kept in: one that no program of today has opened has not.
pub fn has_digests(connection: &Connection) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM pragma_table_info('room_archive') WHERE name = 'digest'";
    let found = connection.query_row(sql, [], |_| Ok(())).optional()?;
    Ok(found.is_some())
}

/// Since when every room that begins has a digest; from ever where the file does not say.
fn digests_since(connection: &Connection) -> Result<Millis, StoreError> {
    let sql = "SELECT CAST(unixepoch(applied_on, 'subsec') * 1000 AS INTEGER)
         FROM refinery_schema_history WHERE version = 3";
    let found = connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
    Ok(Millis(found.optional()?.flatten().unwrap_or(i64::MIN)))
}

/// When a room was opened, as far as its first input can be read.
fn opened_at(inputs: &[u8]) -> Option<Millis> {
    #[derive(serde::Deserialize)]
    struct Head {
        now: Millis,
    }
    let mut inputs = serde_json::Deserializer::from_slice(inputs).into_iter::<Head>();
    inputs.next()?.ok().map(|first| first.now)
}

fn read_archived(row: &Row<'_>, since: Millis) -> Result<ArchivedJournal, StoreError> {
    let inputs: Vec<u8> = row.get(7)?;
    let rules_version: Option<u32> = row.get(8)?;
    let digest: Option<[u8; 32]> = row.get(9)?;
    let ended = Millis(row.get(5)?);
    Ok(ArchivedJournal {
        lacks: match digest {
            Some(_) => rules_version.is_none(),
            None => opened_at(&inputs).unwrap_or(ended) > since,
        },
        archive: RoomArchive {
            room_id: parse_room(&row.get::<_, String>(0)?)?,
            partition: row.get(1)?,
            game_type: row.get(2)?,
            room_name: row.get(3)?,
            game_version: row.get(4)?,
            ended,
            sealed_secret: row.get(6)?,
            last_inputs: inputs,
            // Before it was kept there was one.
            rules_version: rules_version.unwrap_or(1),
            journal_digest: None,
        },
        digest,
    })
}

fn read_saved(
    connection: &Connection,
    row: &Row<'_>,
    since: Millis,
) -> Result<SavedJournal, StoreError> {
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
        lacks: false,
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
    saved.lacks =
        saved.digest.is_none() && opened_at(&saved.inputs).is_some_and(|opened| opened > since);
    Ok(saved)
}
