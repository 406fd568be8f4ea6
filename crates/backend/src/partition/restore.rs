//! How a partition finds its rooms again: the saved state, then every input since.

use super::rooms::{Decided, RoomSlot, decide, panic_text};
use super::{Dirty, JournaledInput, Opened, Partition};
use crate::chat::RoomChat;
use crate::store::RoomSnapshot;
use blazing_sun_domain::fairness::RoomSecret;
use blazing_sun_domain::room::{Action, Effects, Input, Room};
use blazing_sun_domain::{Games, Refusal, RoomId};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a room's secret is opened with.
pub type SecretOf<'a> = &'a dyn Fn(&RoomId, &str) -> Option<RoomSecret>;

impl Partition {
    /// Takes a saved room back.
    pub fn restore_room(&mut self, snapshot: RoomSnapshot, games: &Games, secret_of: SecretOf<'_>) {
        let room_id = snapshot.room_id;
        let loaded = secret_of(&room_id, &snapshot.sealed_secret)
            .ok_or_else(foreign_secret)
            .and_then(|secret| loaded(&snapshot.state, games, secret));
        let room = match loaded {
            Ok(room) => room,
            Err(reason) => return self.quarantine(&room_id, None, &reason),
        };
        let opened = Opened {
            sealed_secret: snapshot.sealed_secret,
            password_mac: snapshot.password_mac,
        };
        let deadline = room.next_deadline();
        let mut slot = RoomSlot::new(room, opened);
        if let Some(saved) = &snapshot.chat {
            match RoomChat::load(saved) {
                Ok(chat) => slot.chat = chat,
                // What was said is worth less than the game and its money, which go on.
                Err(error) => {
                    tracing::error!(room.id = %room_id, %error, "a room's chat can not be read and begins anew");
                }
            }
        }
        slot.journal_parts = snapshot.journal_parts;
        slot.journal_digest = snapshot.journal_digest;
        slot.is_listed = slot.room.summary().is_some();
        self.rooms.insert(room_id.clone(), slot);
        self.set_deadline(&room_id, deadline);
    }

    /// Applies a journaled input again, as it was applied in batch `batch_no`.
    pub fn replay_input(
        &mut self,
        journaled: JournaledInput,
        batch_no: u64,
        games: &Games,
        secret_of: SecretOf<'_>,
    ) {
        let room_id = journaled.room_id.clone();
        if let Some(quarantined) = self.quarantined.get_mut(&room_id) {
            quarantined.unsaved.get_or_insert(batch_no);
            return;
        }
        if let Err(reason) = self.replay(journaled, batch_no, games, secret_of) {
            self.withdraw(&room_id, batch_no, &reason);
        }
    }

    pub(super) fn replay(
        &mut self,
        journaled: JournaledInput,
        batch_no: u64,
        games: &Games,
        secret_of: SecretOf<'_>,
    ) -> Result<(), String> {
        let room_id = journaled.room_id;
        let input: Input =
            serde_json::from_str(journaled.input.get()).map_err(|error| error.to_string())?;
        if let Some(opened) = journaled.opened {
            let secret = secret_of(&room_id, &opened.sealed_secret).ok_or_else(foreign_secret)?;
            let made = catch_unwind(AssertUnwindSafe(|| Room::create(&input, games, secret)));
            let made = made.map_err(|panic| panic_text(&*panic))?;
            let (room, _) = made.map_err(|refusal| refusal.to_string())?;
            self.rooms
                .insert(room_id.clone(), RoomSlot::new(room, opened));
        } else {
            // Of a room that ended later, neither snapshot nor opening may be in reach.
            let Some(slot) = self.rooms.get_mut(&room_id) else {
                return Ok(());
            };
            let (found, expected) = (slot.room.room_seq(), journaled.after_seq);
            // Who closed it without having it did not know.
            let is_known = !matches!(input.action, Action::CloseUnloaded);
            if is_known && found != expected {
                return Err(format!("expected room_seq {expected}, found {found}"));
            }
            match decide(&mut slot.room, &input, games) {
                Decided::Done(effects) => slot.chat.note(&input.action, &effects),
                Decided::Refused(refusal) => return Err(refusal.to_string()),
                Decided::Panicked(panic) => return Err(panic_text(&*panic)),
            }
        }
        let Some(slot) = self.rooms.get_mut(&room_id) else {
            return Ok(());
        };
        slot.last_now = input.now;
        slot.add_input(&journaled.input);
        slot.is_listed = slot.room.summary().is_some();
        if slot.dirty_since.is_none() {
            slot.dirty_since = Some(batch_no);
            self.dirty.insert((batch_no, Dirty::Room(room_id.clone())));
        }
        let (is_over, deadline) = (slot.room.is_over(), slot.room.next_deadline());
        self.set_deadline(&room_id, deadline.filter(|_| !is_over));
        if is_over {
            self.set_room_clean(&room_id);
            self.rooms.remove(&room_id);
        }
        Ok(())
    }
}

/// Applies a journaled input again, the first of a room's included; the outer error is a panic.
pub(crate) fn replayed(
    room: &mut Option<Room>,
    input: &Input,
    games: &Games,
    secret: RoomSecret,
) -> std::thread::Result<Result<Effects, Refusal>> {
    catch_unwind(AssertUnwindSafe(|| match room {
        Some(room) => room.decide(input, games),
        None => Room::create(input, games, secret).map(|(made, effects)| {
            *room = Some(made);
            effects
        }),
    }))
}

/// What an input would cause in a room, if it would change nothing there.
pub(crate) fn decided_on_copy(room: &Room, input: &Input, games: &Games) -> Option<Effects> {
    match decide(&mut room.clone(), input, games) {
        Decided::Done(effects) => Some(effects).filter(|effects| !effects.changed),
        Decided::Refused(_) | Decided::Panicked(_) => None,
    }
}

fn loaded(state: &[u8], games: &Games, secret: RoomSecret) -> Result<Room, String> {
    match catch_unwind(AssertUnwindSafe(|| Room::load(state, games, secret))) {
        Ok(loaded) => loaded.map_err(|error| error.to_string()),
        Err(panic) => Err(panic_text(&*panic)),
    }
}

fn foreign_secret() -> String {
    "its secret does not open with this deployment's keys".to_owned()
}
