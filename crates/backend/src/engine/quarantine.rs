//! What recovery needs of rooms that can not be loaded goes from the log into rows of their own, so that it need
//! not read the log from ever further back.

use crate::partition::{JOURNAL_TOPIC, JournalRecord, Partition, Turn};
use crate::store::sqlite::SqliteStore;
use crate::store::{QuarantinedRoom, StoreError};
use blazing_sun_backbone::log::sqlite::SqliteLog;
use blazing_sun_domain::json::put_on_one_line;
use blazing_sun_domain::{Millis, RoomId};
use std::collections::BTreeMap;

/// A room on its way into its row, and where in the log its inputs begin.
struct Unkept {
    room: QuarantinedRoom,
    from: Option<u64>,
}

/// Writes the rooms that are not in play since an earlier batch or a start: `since` they can not be acted in.
pub(super) fn keep(
    partitions: &mut [Partition],
    turn: &mut Turn<'_, SqliteStore>,
    since: Millis,
) -> Result<(), StoreError> {
    let mut unkept = BTreeMap::new();
    for (partition, number) in partitions.iter().zip(0..) {
        for (room_id, from) in partition.unkept_rooms() {
            let room = QuarantinedRoom {
                room_id: room_id.clone(),
                partition: number,
                batch_no: turn.batch_no,
                since,
                inputs: String::new(),
            };
            unkept.insert(room_id.clone(), Unkept { room, from });
        }
    }
    if unkept.is_empty() {
        return Ok(());
    }
    read_inputs(turn.store, &mut unkept)?;
    for (room_id, Unkept { room, .. }) in unkept {
        if let Some(partition) = partitions.get_mut(room.partition as usize) {
            partition.room_is_kept(&room_id);
        }
        turn.writes.quarantined.push(room);
    }
    Ok(())
}

fn read_inputs(
    store: &SqliteStore,
    unkept: &mut BTreeMap<RoomId, Unkept>,
) -> Result<(), StoreError> {
    let Some(from) = unkept.values().filter_map(|unkept| unkept.from).min() else {
        return Ok(());
    };
    for batch in SqliteLog::batches_from(store.connection(), from)? {
        let (batch_no, _, records) = batch?;
        let journal = records
            .iter()
            .filter(|record| record.topic.as_str() == JOURNAL_TOPIC);
        for record in journal {
            let unreadable =
                |error| StoreError::Corrupt(format!("journal in batch {batch_no}: {error}"));
            let journaled: JournalRecord =
                serde_json::from_slice(&record.payload).map_err(unreadable)?;
            let Some(input) = journaled.room else {
                continue;
            };
            let Some(Unkept { room, from }) = unkept.get_mut(&input.room_id) else {
                continue;
            };
            if from.is_some_and(|from| from <= batch_no) {
                let mut line = serde_json::to_vec(&input).map_err(unreadable)?;
                put_on_one_line(&mut line);
                room.inputs.push_str(&String::from_utf8_lossy(&line));
                room.inputs.push('\n');
            }
        }
    }
    Ok(())
}
