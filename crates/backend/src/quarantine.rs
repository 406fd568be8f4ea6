//! What recovery needs of rooms that can not be loaded goes from the log into rows of their own, so that it need
//! not read the log from ever further back.

use crate::partition::{JournalRecord, Partition, Turn};
use crate::store::{QuarantinedRoom, Store, StoreError};
use blazing_sun_domain::json::put_on_one_line;
use blazing_sun_domain::{Millis, RoomId};
use std::collections::BTreeMap;

/// A room on its way into its row, and where in the log its inputs begin.
struct Unkept {
    at: usize,
    room: QuarantinedRoom,
    from: Option<u64>,
}

/// Hears of a journal: a batch's number, and a record of it.
pub(crate) type Note<'a> = &'a mut dyn FnMut(u64, &[u8]) -> Result<(), StoreError>;

/// Writes the rooms that are not in play since an earlier batch or a start: `since` they can not be acted in.
/// `journal` tells of all that was journaled from a batch on.
pub(crate) fn keep<S: Store>(
    partitions: &mut [Partition],
    turn: &mut Turn<'_, S>,
    since: Millis,
    journal: impl FnOnce(&mut S, u64, Note<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut unkept = BTreeMap::new();
    for (at, partition) in partitions.iter().enumerate() {
        for (room_id, from) in partition.unkept_rooms() {
            let room = QuarantinedRoom {
                room_id: room_id.clone(),
                partition: partition.number(),
                batch_no: turn.batch_no,
                since,
                inputs: String::new(),
            };
            unkept.insert(room_id.clone(), Unkept { at, room, from });
        }
    }
    if unkept.is_empty() {
        return Ok(());
    }
    if let Some(from) = unkept.values().filter_map(|unkept| unkept.from).min() {
        journal(turn.store, from, &mut |batch_no, record| {
            note(&mut unkept, batch_no, record)
        })?;
    }
    for (room_id, Unkept { at, room, .. }) in unkept {
        partitions[at].room_is_kept(&room_id);
        turn.writes.quarantined.push(room);
    }
    Ok(())
}

fn note(
    unkept: &mut BTreeMap<RoomId, Unkept>,
    batch_no: u64,
    record: &[u8],
) -> Result<(), StoreError> {
    let unreadable = |error| StoreError::Corrupt(format!("journal in batch {batch_no}: {error}"));
    let journaled: JournalRecord = serde_json::from_slice(record).map_err(unreadable)?;
    let Some(input) = journaled.room else {
        return Ok(());
    };
    if let Some(Unkept { room, from, .. }) = unkept.get_mut(&input.room_id)
        && from.is_some_and(|from| from <= batch_no)
    {
        let mut line = serde_json::to_vec(&input).map_err(unreadable)?;
        put_on_one_line(&mut line);
        room.inputs.push_str(&String::from_utf8_lossy(&line));
        room.inputs.push('\n');
    }
    Ok(())
}
