//! How the engine finds its state again: the last snapshots, and every batch since.

use super::{EngineError, Running};
use crate::partition::{JOURNAL_TOPIC, Partition};
use crate::recovery::Recovery;
use crate::store::Store;
use blazing_sun_backbone::log::sqlite::SqliteLog;
use blazing_sun_backbone::messages::queue_key;
use blazing_sun_backbone::partitioner::partition_of;

impl Running {
    /// Drops all state but who is connected, and reads it again.
    pub(super) fn recover(&mut self) -> Result<(), EngineError> {
        let count = self.rules.partitions;
        let before = std::mem::take(&mut self.partitions);
        self.partitions = (0..count).map(Partition::new).collect();
        let now = self.clock.now();
        for (partition, before) in self.partitions.iter_mut().zip(before) {
            partition.keep_presence_of(before, now, self.rules.gateway_silence_ms);
        }
        self.outgoing.forget();
        // Of every topic that is there: rooms of a game that is gone have money to give back, too.
        for (topic, partition, next) in self.store.appender.next_offsets() {
            self.outgoing.set_outbox_seq(topic, partition, next);
        }

        let now = self.clock.now();
        let mut recovery = Recovery::new(&self.rules);
        for snapshot in self.store.rooms()? {
            let partition = partition_of(snapshot.room_id.as_str().as_bytes(), count) as usize;
            recovery.room(&mut self.partitions[partition], snapshot);
        }
        let floor = self.store.floor()?;
        for kept in self.store.quarantined_rooms()? {
            let partition = partition_of(kept.room_id.as_str().as_bytes(), count) as usize;
            recovery.quarantined(&mut self.partitions[partition], kept, floor);
        }
        for snapshot in self.store.inboxes()? {
            if let Some(partition) = self.partitions.get_mut(snapshot.partition as usize) {
                recovery.inbox(partition, &snapshot, now)?;
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
                let number = record.partition;
                if let Some(partition) = self.partitions.get_mut(number as usize) {
                    recovery.journal((number, partition), batch_no, at, &record.payload)?;
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
        let gone_at = self.clock.now().plus(self.rules.gone_after_restart_ms);
        for connection in self.store.connections()? {
            let key = connection.user.to_string();
            let partition = partition_of(key.as_bytes(), self.rules.partitions) as usize;
            self.partitions[partition].restore_connection(connection, gone_at);
        }
        Ok(())
    }
}
