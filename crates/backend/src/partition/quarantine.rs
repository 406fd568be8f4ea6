//! Rooms that can not be kept or found again. One such harms no other, and what recovery needs of it is kept
//! beside it, so that no other has to be read again for it; once it can be loaded it goes on.

use super::restore::SecretOf;
use super::rooms::system;
use super::{JournaledInput, Partition, Taken, Turn};
use crate::store::{QuarantinedRoom, Store, StoreError};
use blazing_sun_domain::room::Action;
use blazing_sun_domain::{Games, RoomId};

/// A room that is not in play.
#[derive(Debug, Default)]
pub(super) struct Quarantined {
    /// The first batch with an input that is neither in its snapshot nor kept beside it.
    pub(super) unsaved: Option<u64>,
    /// Whether the store knows that it can not be loaded.
    is_kept: bool,
}

impl Partition {
    /// Takes a room out of play that can not be kept or found again, as of where it was last saved: before
    /// `batch_no`, at the latest.
    pub fn withdraw(&mut self, room_id: &RoomId, batch_no: u64, reason: &str) {
        let since = self.rooms.get(room_id).and_then(|slot| slot.dirty_since);
        self.set_deadline(room_id, None);
        self.set_room_clean(room_id);
        self.rooms.remove(room_id);
        self.quarantine(room_id, Some(since.unwrap_or(batch_no)), reason);
    }

    pub(super) fn quarantine(&mut self, room_id: &RoomId, unsaved: Option<u64>, reason: &str) {
        tracing::error!(room.id = %room_id, reason, "a room can not be kept or loaded and is quarantined");
        let quarantined = Quarantined {
            unsaved,
            is_kept: false,
        };
        self.quarantined.insert(room_id.clone(), quarantined);
    }

    /// Tries a room again that could not be loaded. What the log has of it begins at `floor` or later.
    pub fn restore_quarantined(
        &mut self,
        kept: QuarantinedRoom,
        floor: u64,
        games: &Games,
        secret_of: SecretOf<'_>,
    ) {
        let room_id = kept.room_id;
        let next_batch = floor.max(kept.batch_no + 1);
        for line in kept.inputs.lines() {
            if self.quarantined.contains_key(&room_id) {
                break;
            }
            let journaled = serde_json::from_str::<JournaledInput>(line);
            let replayed = journaled
                .map_err(|error| format!("its inputs can not be read: {error}"))
                .and_then(|journaled| self.replay(journaled, next_batch, games, secret_of));
            if let Err(reason) = replayed {
                self.withdraw(&room_id, next_batch, &reason);
            }
        }
        match self.rooms.get_mut(&room_id) {
            Some(slot) => {
                tracing::info!(room.id = %room_id, "a room can be loaded again");
                slot.is_returned = true;
                self.returned.push((room_id, kept.since));
            }
            None => {
                let is_kept = Quarantined {
                    unsaved: None,
                    is_kept: true,
                };
                self.quarantined.insert(room_id, is_kept);
            }
        }
    }

    /// Brings rooms back into play that could not be loaded for a while, in which nobody could act and who came or
    /// went was not told. They are saved with this batch.
    pub fn bring_back<S: Store>(&mut self, turn: &mut Turn<'_, S>) -> Taken {
        for (room_id, since) in std::mem::take(&mut self.returned) {
            let Some(slot) = self.rooms.get(&room_id) else {
                continue;
            };
            if slot.deadline.is_some() {
                let by_ms = (turn.now.0 - since.0).max(0);
                self.act(turn, None, &room_id, system(), Action::Shift { by_ms })?;
            }
            let slot = self.rooms.get(&room_id);
            let members = slot.map_or_else(Vec::new, |slot| slot.room.members());
            for (user, _) in members {
                self.ask_for_member(turn, &room_id, user);
            }
            self.long.push(room_id);
        }
        Ok(())
    }

    /// Rooms of which the store does not have all that recovery needs, and where in the log the rest begins.
    pub fn unkept_rooms(&self) -> impl Iterator<Item = (&RoomId, Option<u64>)> {
        let quarantined = self.quarantined.iter();
        quarantined
            .filter(|(_, room)| !room.is_kept || room.unsaved.is_some())
            .map(|(room_id, room)| (room_id, room.unsaved))
    }

    /// All that recovery needs of the room is written with this batch.
    pub fn room_is_kept(&mut self, room_id: &RoomId) {
        if let Some(quarantined) = self.quarantined.get_mut(room_id) {
            (quarantined.unsaved, quarantined.is_kept) = (None, true);
        }
    }

    /// Forgets rooms that have ended: the log may still have inputs of these.
    pub fn forget_ended(
        &mut self,
        mut has_ended: impl FnMut(&RoomId) -> Result<bool, StoreError>,
    ) -> Taken {
        let mut ended = Vec::new();
        for room_id in self.quarantined.keys() {
            if has_ended(room_id)? {
                ended.push(room_id.clone());
            }
        }
        for room_id in ended {
            self.quarantined.remove(&room_id);
        }
        Ok(())
    }
}
