//! How the engine finds its state again: the last snapshots, and every batch since.

use super::{EngineError, Running, all_topics};
use crate::partition::{JOURNAL_TOPIC, JournalRecord, Partition};
use crate::store::{Store, StoreError};
use blazing_sun_backbone::log::Topic;
use blazing_sun_backbone::log::sqlite::SqliteLog;
use blazing_sun_backbone::messages::queue_key;
use blazing_sun_backbone::partitioner::partition_of;
use blazing_sun_domain::fairness::RoomSecret;
use blazing_sun_domain::{RoomId, UserId};
use rustc_hash::FxHashMap;

impl Running {
    /// Drops all state but who is connected, and reads it again.
    pub(super) fn recover(&mut self) -> Result<(), EngineError> {
        let count = self.rules.partitions;
        let before = std::mem::take(&mut self.partitions);
        self.partitions = (0..count).map(Partition::new).collect();
        let now = self.now();
        for (partition, before) in self.partitions.iter_mut().zip(before) {
            partition.keep_presence_of(before, now, self.rules.gateway_silence_ms);
        }
        self.outgoing.records.clear();
        for topic in all_topics(&self.rules.games, count) {
            let topic = Topic::new(&topic.name);
            for partition in 0..count {
                let next = self.store.appender.next_offset(&topic, partition)?;
                self.outgoing.set_outbox_seq(topic.clone(), partition, next);
            }
        }

        let sealer = self.rules.sealer.clone();
        let secret_of = move |room: &RoomId, sealed: &str| {
            let opened = sealer.open(sealed, room.as_str().as_bytes()).ok()?;
            <[u8; 32]>::try_from(opened.as_slice()).ok().map(RoomSecret)
        };
        let mut saved_rooms: FxHashMap<RoomId, u64> = FxHashMap::default();
        for snapshot in self.store.rooms()? {
            saved_rooms.insert(snapshot.room_id.clone(), snapshot.batch_no);
            let partition = partition_of(snapshot.room_id.as_str().as_bytes(), count) as usize;
            self.partitions[partition].restore_room(snapshot, &self.rules.games, &secret_of);
        }
        let floor = self.store.floor()?;
        for kept in self.store.quarantined_rooms()? {
            let saved = saved_rooms.entry(kept.room_id.clone()).or_default();
            *saved = kept.batch_no.max(*saved);
            let partition = partition_of(kept.room_id.as_str().as_bytes(), count) as usize;
            self.partitions[partition].restore_quarantined(
                kept,
                floor,
                &self.rules.games,
                &secret_of,
            );
        }
        let now = self.now();
        let mut saved_inboxes: FxHashMap<(u32, UserId), u64> = FxHashMap::default();
        for snapshot in self.store.inboxes()? {
            saved_inboxes.insert((snapshot.partition, snapshot.user), snapshot.batch_no);
            if let Some(partition) = self.partitions.get_mut(snapshot.partition as usize) {
                partition.restore_inbox(&snapshot, now)?;
            }
        }
        for (game_type, state) in self.store.queues()? {
            let owner = partition_of(queue_key(&game_type).as_bytes(), count) as usize;
            for user in self.partitions[owner].restore_queue(&game_type, &state)? {
                let of_user = partition_of(user.to_string().as_bytes(), count) as usize;
                self.partitions[of_user].restore_place(user, &game_type);
            }
        }
        for batch in SqliteLog::batches_from(self.store.connection(), floor)? {
            let (batch_no, at, records) = batch?;
            for record in records
                .iter()
                .filter(|record| record.topic.as_str() == JOURNAL_TOPIC)
            {
                let Some(partition) = self.partitions.get_mut(record.partition as usize) else {
                    continue;
                };
                let journaled: JournalRecord =
                    serde_json::from_slice(&record.payload).map_err(|error| {
                        StoreError::Corrupt(format!("journal in batch {batch_no}: {error}"))
                    })?;
                if let Some(input) = journaled.room {
                    let is_saved = saved_rooms
                        .get(&input.room_id)
                        .is_some_and(|saved| *saved >= batch_no);
                    if !is_saved {
                        partition.replay_input(input, batch_no, &self.rules.games, &secret_of);
                    }
                }
                if let Some((user, answered)) = journaled.answer {
                    let saved = saved_inboxes.get(&(record.partition, user));
                    if saved.is_none_or(|saved| *saved < batch_no) {
                        partition.keep_answer(batch_no, at, user, answered);
                    }
                }
            }
        }
        for partition in &mut self.partitions {
            partition.forget_ended(|room| Ok(self.store.ended_room(room)?.is_some()))?;
        }
        Ok(())
    }

    /// Takes back who was connected when the process before this one ended: all of these connections
    /// are cut, and who does not come back is gone.
    pub(super) fn recover_presence(&mut self) -> Result<(), EngineError> {
        let gone_at = self.now().plus(self.rules.gone_after_restart_ms);
        for connection in self.store.connections()? {
            let key = connection.user.to_string();
            let partition = partition_of(key.as_bytes(), self.rules.partitions) as usize;
            self.partitions[partition].restore_connection(connection, gone_at);
        }
        Ok(())
    }
}
