//! How partitions find their state again: the last snapshots, then every input and answer journaled since.
//! And how much that is at most.

use crate::partition::{JournalRecord, Partition, Rules};
use crate::store::{InboxSnapshot, QuarantinedRoom, RoomSnapshot, StoreError};
use blazing_sun_backbone::credentials::Sealer;
use blazing_sun_domain::fairness::RoomSecret;
use blazing_sun_domain::{Games, Millis, RoomId, UserId};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// Records since a room or a user's answers were saved: what recovery reads again.
const UNSAVED_RECORDS_MAX: usize = 65_536;
/// How much one batch saves of a partition beside its own work.
pub(crate) const SAVED_PER_BATCH: usize = 8;

/// What has been found so far.
pub(crate) struct Recovery<'a> {
    games: &'a Games,
    sealer: Sealer,
    saved_rooms: FxHashMap<RoomId, u64>,
    saved_inboxes: FxHashMap<(u32, UserId), u64>,
}

impl<'a> Recovery<'a> {
    /// Nothing yet.
    pub fn new(rules: &'a Rules) -> Recovery<'a> {
        Recovery {
            games: &rules.games,
            sealer: rules.sealer.clone(),
            saved_rooms: FxHashMap::default(),
            saved_inboxes: FxHashMap::default(),
        }
    }

    fn secret_of(&self, room: &RoomId, sealed: &str) -> Option<RoomSecret> {
        let opened = self.sealer.open(sealed, room.as_str().as_bytes()).ok()?;
        <[u8; 32]>::try_from(opened.as_slice()).ok().map(RoomSecret)
    }

    /// A saved room of this partition.
    pub fn room(&mut self, partition: &mut Partition, snapshot: RoomSnapshot) {
        let room_id = snapshot.room_id.clone();
        self.saved_rooms.insert(room_id, snapshot.batch_no);
        let secret_of = |room: &RoomId, sealed: &str| self.secret_of(room, sealed);
        partition.restore_room(snapshot, self.games, &secret_of);
    }

    /// A room of this partition that could not be loaded before. The log has nothing of it before `floor`.
    pub fn quarantined(&mut self, partition: &mut Partition, kept: QuarantinedRoom, floor: u64) {
        let saved = self.saved_rooms.entry(kept.room_id.clone()).or_default();
        *saved = kept.batch_no.max(*saved);
        let secret_of = |room: &RoomId, sealed: &str| self.secret_of(room, sealed);
        partition.restore_quarantined(kept, floor, self.games, &secret_of);
    }

    /// Saved answers that this partition gave.
    pub fn inbox(
        &mut self,
        partition: &mut Partition,
        snapshot: &InboxSnapshot,
        now: Millis,
    ) -> Result<(), StoreError> {
        let of = (snapshot.partition, snapshot.user);
        self.saved_inboxes.insert(of, snapshot.batch_no);
        partition.restore_inbox(snapshot, now)
    }

    /// A record of the journal, in the order of writing, once all that was saved is there.
    pub fn journal(
        &self,
        (number, partition): (u32, &mut Partition),
        batch_no: u64,
        at: Millis,
        payload: &[u8],
    ) -> Result<(), StoreError> {
        let journaled: JournalRecord = serde_json::from_slice(payload).map_err(|error| {
            StoreError::Corrupt(format!("journal in batch {batch_no}: {error}"))
        })?;
        if let Some(input) = journaled.room {
            let saved = self.saved_rooms.get(&input.room_id);
            if saved.is_none_or(|saved| *saved < batch_no) {
                let secret_of = |room: &RoomId, sealed: &str| self.secret_of(room, sealed);
                partition.replay_input(input, batch_no, self.games, &secret_of);
            }
        }
        if let Some((user, answered)) = journaled.answer {
            let saved = self.saved_inboxes.get(&(number, user));
            if saved.is_none_or(|saved| *saved < batch_no) {
                partition.keep_answer(batch_no, at, user, answered);
            }
        }
        Ok(())
    }
}

/// The last batches, as many as recovery may read again.
#[derive(Default)]
pub(crate) struct RecentBatches {
    batches: VecDeque<(u64, usize)>,
    records: usize,
}

impl RecentBatches {
    /// Notes a batch with how many records it has.
    pub fn note(&mut self, batch_no: u64, records: usize) {
        self.batches.push_back((batch_no, records));
        self.records += records;
        while self.records > UNSAVED_RECORDS_MAX {
            let Some((_, records)) = self.batches.pop_front() else {
                break;
            };
            self.records -= records;
        }
    }

    /// What changed before this batch is to be saved.
    pub fn first(&self) -> u64 {
        self.batches.front().map_or(0, |(batch_no, _)| *batch_no)
    }
}
