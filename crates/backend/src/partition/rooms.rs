//! Rooms: decide on a copy, then keep what came of it: state, money, journal, deadline, listing.

use super::journal::{JournaledNow, put_journal};
use super::money::{move_money, push_payment};
use super::{Asked, Dirty, Opened, Partition, Taken, Turn};
use crate::chat::RoomChat;
use crate::inbox::{Answer, Answered};
use crate::metrics::METRICS;
use crate::store::{
    JournalDigest, Listing, ListingChange, RoomArchive, RoomSnapshot, Standing, Store, StoreError,
};
use blazing_sun_backbone::{messages, topics};
use blazing_sun_domain::fairness::RoomSecret;
use blazing_sun_domain::json::put_on_one_line;
use blazing_sun_domain::room::{
    Action, Effects, EventAudience, Input, Membership, RULES_VERSION, Room,
};
use blazing_sun_domain::{Games, Millis, Refusal, RefusalCode, RoomId, SeatedPlayer, UserId};
use serde_json::value::RawValue;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes of journal that a room keeps in memory before they are saved.
const JOURNAL_BYTES_MAX: usize = 64 * 1024;
/// Deadlines in a row at which a game may panic.
const PANICKED_DEADLINES_MAX: u32 = 3;
/// How long a deadline is put off that changed nothing.
const DEADLINE_RETRY_MS: i64 = 60_000;

/// A room and what is kept with it.
pub struct RoomSlot {
    pub(super) room: Room,
    pub(super) opened: Opened,
    /// Inputs since the last saved part, one JSON object a line.
    inputs: Vec<u8>,
    pub(super) chat: RoomChat,
    pub(super) journal_parts: u32,
    /// The chain over the saved parts.
    pub(super) journal_digest: Option<JournalDigest>,
    pub(super) last_now: Millis,
    pub(super) dirty_since: Option<u64>,
    pub(super) deadline: Option<Millis>,
    pub(super) is_listed: bool,
    /// Deadlines in a row at which the game panicked.
    panicked_deadlines: u32,
    /// It could not be loaded before, and was not saved since.
    pub(super) is_returned: bool,
}

impl RoomSlot {
    /// A room without a saved journal.
    pub(super) fn new(room: Room, opened: Opened) -> RoomSlot {
        RoomSlot {
            room,
            opened,
            inputs: Vec::new(),
            chat: RoomChat::default(),
            journal_parts: 0,
            journal_digest: Some(JournalDigest::default()),
            last_now: Millis::default(),
            dirty_since: None,
            deadline: None,
            is_listed: false,
            panicked_deadlines: 0,
            is_returned: false,
        }
    }

    pub(super) fn add_input(&mut self, input: &RawValue) {
        let begin = self.inputs.len();
        self.inputs.extend_from_slice(input.get().as_bytes());
        put_on_one_line(&mut self.inputs[begin..]);
        self.inputs.push(b'\n');
    }
}

/// What a decision came to.
pub(super) enum Decided {
    Done(Effects),
    Refused(Refusal),
    Panicked(Box<dyn Any + Send>),
}

impl Partition {
    /// Opens a room from [`Action::Create`].
    pub(super) fn open_room<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Option<Asked<'_>>,
        by: SeatedPlayer,
        room_id: &RoomId,
        action: Action,
        password: Option<&str>,
    ) -> Result<Option<Refusal>, StoreError> {
        if self.has_room(room_id) || has_ended(turn, room_id)? {
            return Ok(Some(Refusal::because(
                RefusalCode::AlreadyInRoom,
                "The room exists already",
            )));
        }
        let fresh = (turn.fresh_secret)().and_then(|secret| {
            Some((
                secret,
                turn.rules
                    .sealer
                    .seal(&secret, room_id.as_str().as_bytes())
                    .ok()?,
            ))
        });
        let Some((secret, sealed_secret)) = fresh else {
            return Ok(Some(RefusalCode::Unavailable.into()));
        };
        let password_mac = password.map(|text| turn.rules.mac.room_password(room_id, text));
        let opened = Opened {
            sealed_secret,
            password_mac,
        };
        let mut balances = Vec::new();
        for account in action.accounts(by.user_id) {
            balances.push((account, turn.balance(account)?));
        }
        let input = Input {
            now: turn.now,
            by,
            balances,
            action,
        };
        let created = catch_unwind(AssertUnwindSafe(|| {
            Room::create(&input, &turn.rules.games, RoomSecret(secret))
        }));
        let (room, effects) = match created {
            Ok(Ok(made)) => made,
            Ok(Err(refusal)) => return Ok(Some(refusal)),
            Err(panic) => return Ok(Some(self.panicked(turn, asked, room_id, &input, &*panic))),
        };
        self.rooms
            .insert(room_id.clone(), RoomSlot::new(room, opened.clone()));
        self.apply(turn, asked, room_id, 0, &input, effects, Some(opened))?;
        Ok(None)
    }

    /// Whether the room is here.
    pub(super) fn has_room(&self, room_id: &RoomId) -> bool {
        self.rooms.contains_key(room_id) || self.quarantined.contains_key(room_id)
    }

    /// The game that the room plays.
    pub(super) fn game_of(&self, room_id: &RoomId) -> Option<&'static str> {
        Some(self.rooms.get(room_id)?.room.game_type())
    }

    /// What a room's password is checked against; none where it has none.
    pub(super) fn password_mac(&self, room_id: &RoomId) -> Option<&[u8; 32]> {
        self.rooms.get(room_id)?.opened.password_mac.as_ref()
    }

    /// Puts one input to a room.
    pub(super) fn act<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Option<Asked<'_>>,
        room_id: &RoomId,
        by: SeatedPlayer,
        action: Action,
    ) -> Result<Option<Refusal>, StoreError> {
        let mut balances = Vec::new();
        for account in action.accounts(by.user_id) {
            balances.push((account, turn.balance(account)?));
        }
        let Some(slot) = self.rooms.get_mut(room_id) else {
            return Ok(Some(self.missing_room(room_id)));
        };
        slot.last_now = slot.last_now.max(turn.now);
        let input = Input {
            now: slot.last_now,
            by,
            balances,
            action,
        };
        let seq_before = slot.room.room_seq();
        match decide(&mut slot.room, &input, &turn.rules.games) {
            Decided::Refused(refusal) => Ok(Some(refusal)),
            Decided::Panicked(panic) => {
                Ok(Some(self.panicked(turn, asked, room_id, &input, &*panic)))
            }
            Decided::Done(effects) => {
                self.apply(turn, asked, room_id, seq_before, &input, effects, None)?;
                Ok(None)
            }
        }
    }

    /// Why a room that is not here can not be asked.
    pub(super) fn missing_room(&self, room_id: &RoomId) -> Refusal {
        match self.quarantined.contains_key(room_id) {
            true => Refusal::because(
                RefusalCode::Unavailable,
                "The room can not be loaded; what was paid stays in its escrow",
            ),
            false => RefusalCode::RoomNotFound.into(),
        }
    }

    /// Keeps and sends what an input caused.
    fn apply<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Option<Asked<'_>>,
        room_id: &RoomId,
        seq_before: u64,
        input: &Input,
        effects: Effects,
        opened: Option<Opened>,
    ) -> Taken {
        let number = self.number;
        let cause = asked.map(|asked| asked.cause());
        let Some(slot) = self.rooms.get_mut(room_id) else {
            return Ok(());
        };

        let game = (slot.room.game_type(), slot.room.room_name());
        for transfer in &effects.transfers {
            push_payment(turn.outgoing, number, turn.now, game, transfer);
        }
        slot.chat.note(&input.action, &effects);
        let mut answer = Answer::Applied(Some(room_id.clone()), slot.room.room_seq());
        let mut listing_changed = false;
        for event in &effects.events {
            listing_changed |=
                event.audience == EventAudience::Broadcast || changes_line(&event.name);
            turn.outgoing.room_event(number, room_id, event, cause);
            let is_mine = |asked: Asked<'_>| event.audience == EventAudience::User(asked.user);
            if event.name == "room_state" && asked.is_some_and(is_mine) {
                answer = Answer::State(room_id.clone());
            }
            for (user, membership) in &event.membership {
                let standing = match membership {
                    Membership::None if slot.room.can_rejoin(*user) => Standing::Left,
                    Membership::None => Standing::Out,
                    is_in => Standing::In(*is_in),
                };
                turn.writes.members.push((*user, room_id.clone(), standing));
            }
        }
        for transfer in effects.transfers {
            move_money(turn, number, transfer, asked)?;
        }
        let answered = asked
            .filter(|asked| asked.is_kept)
            .and_then(|asked| Some((asked.user, Answered(asked.command_id?, answer))));

        let topic = &self.topics.journal;
        if effects.changed {
            let begin = slot.inputs.len();
            input.write_json(&mut slot.inputs);
            let applied = JournaledNow {
                room_id,
                after_seq: seq_before,
                input: &slot.inputs[begin..],
                opened,
            };
            turn.outgoing.plain(topic, number, |out| {
                put_journal(out, Some(applied), answered.as_ref());
            });
            slot.inputs.push(b'\n');
            if slot.dirty_since.is_none() {
                slot.dirty_since = Some(turn.batch_no);
                self.dirty
                    .insert((turn.batch_no, Dirty::Room(room_id.clone())));
            }
            if listing_changed {
                relist(turn, slot, room_id);
            }
        } else if answered.is_some() {
            turn.outgoing.plain(topic, number, |out| {
                put_journal(out, None, answered.as_ref());
            });
        }
        let (is_over, is_long) = (slot.room.is_over(), slot.inputs.len() > JOURNAL_BYTES_MAX);
        let deadline = slot.room.next_deadline().filter(|_| !is_over);
        self.set_deadline(room_id, deadline);
        if let Some((user, answered)) = answered {
            self.keep_answer(turn.batch_no, turn.now, user, answered);
        }
        if is_over {
            self.archive_room(turn, room_id);
        } else if is_long {
            self.long.push(room_id.clone());
        }
        Ok(())
    }

    pub(super) fn set_deadline(&mut self, room_id: &RoomId, deadline: Option<Millis>) {
        let Some(slot) = self.rooms.get_mut(room_id) else {
            return;
        };
        if slot.deadline == deadline {
            return;
        }
        if let Some(old) = slot.deadline {
            self.deadlines.remove(&(old, room_id.clone()));
        }
        if let Some(new) = deadline {
            self.deadlines.insert((new, room_id.clone()));
        }
        slot.deadline = deadline;
    }

    /// A room's deadline has come.
    pub(super) fn room_deadline<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        due: Millis,
        room_id: &RoomId,
    ) -> Taken {
        let refusal = self.act(turn, None, room_id, system(), Action::Deadline)?;
        let has_panicked =
            refusal.as_ref().map(|refusal| refusal.code) == Some(RefusalCode::Internal);
        if let Some(slot) = self.rooms.get_mut(room_id) {
            slot.panicked_deadlines = if has_panicked {
                slot.panicked_deadlines + 1
            } else {
                0
            };
            if slot.panicked_deadlines >= PANICKED_DEADLINES_MAX {
                self.call_off(turn, room_id, "its game panics at every deadline")?;
                return Ok(());
            }
        }
        if self.deadlines.contains(&(due, room_id.clone())) {
            // It would come again at once and for ever.
            tracing::error!(room.id = %room_id, ?refusal, "a room's deadline changed nothing; it is put off");
            self.set_deadline(room_id, Some(turn.now.plus(DEADLINE_RETRY_MS)));
        }
        Ok(())
    }

    /// Whether a room's deadline has come by `horizon`.
    pub fn is_room_due(&self, room_id: &RoomId, horizon: Millis) -> bool {
        let deadline = self.rooms.get(room_id).and_then(|slot| slot.deadline);
        deadline.is_some_and(|deadline| deadline <= horizon)
    }

    /// Lets a room's deadline fire no earlier than at `until`.
    pub fn put_off_deadline(&mut self, room_id: &RoomId, until: Millis) {
        let deadline = self.rooms.get(room_id).and_then(|slot| slot.deadline);
        if deadline.is_some_and(|deadline| deadline < until) {
            self.set_deadline(room_id, Some(until));
        }
    }

    /// Tells of a room's deadline that the store does not take.
    pub fn deadline_refused<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        room_id: &RoomId,
        reason: &str,
    ) {
        let letter = messages::DeadLetter {
            topic: topics::GAMES_COMMANDS.into(),
            partition: self.number,
            offset: None,
            key: Some(room_id.as_str().to_owned()),
            error: reason.to_owned(),
            failed_at: turn.now.to_string(),
            original: br#"{"deadline":null}"#.to_vec(),
        };
        self.send_dead_letter(turn, &letter);
    }

    /// Ends a room whose game fails or whose deadline the store does not take, and gives the fees back; whether
    /// it could.
    pub fn call_off<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        room_id: &RoomId,
        reason: &str,
    ) -> Result<bool, StoreError> {
        tracing::error!(room.id = %room_id, reason, "a room is called off");
        let refusal = self.act(turn, None, room_id, system(), Action::CallOff)?;
        Ok(refusal.is_none())
    }

    /// Ends a room for an operator, who looks for it among those that have ended: asked again, nothing happens.
    pub(super) fn close_room<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        room_id: &RoomId,
    ) -> Taken {
        let asked = Asked {
            is_kept: false,
            ..asked
        };
        if self.is_quarantined(room_id) {
            return self.close_unloaded(turn, asked, room_id);
        }
        let refusal = self.act(turn, Some(asked), room_id, system(), Action::Close)?;
        let correlation_id = asked.correlation_id;
        tracing::info!(correlation_id, room.id = %room_id, ?refusal, "an operator closes a room");
        Ok(())
    }

    /// Moves every room's deadlines back by the time in which nobody could act.
    pub fn shift_deadlines<S: Store>(&mut self, turn: &mut Turn<'_, S>, by_ms: i64) -> Taken {
        let is_returned = |room: &RoomId| self.rooms.get(room).is_some_and(|slot| slot.is_returned);
        let waiting = self.deadlines.iter().map(|(_, room)| room.clone());
        // What returned has been away for longer.
        let waiting: Vec<RoomId> = waiting.filter(|room| !is_returned(room)).collect();
        for room in waiting {
            self.act(turn, None, &room, system(), Action::Shift { by_ms })?;
        }
        Ok(())
    }

    pub(super) fn set_room_clean(&mut self, room_id: &RoomId) {
        let since = self
            .rooms
            .get_mut(room_id)
            .and_then(|slot| slot.dirty_since.take());
        if let Some(since) = since {
            self.dirty.remove(&(since, Dirty::Room(room_id.clone())));
        }
    }

    /// Saves a room as this batch leaves it: nothing may happen to it in this batch any more. One that
    /// can not be saved ends.
    pub(super) fn save_room<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        room_id: &RoomId,
    ) -> Taken {
        let Some(slot) = self.rooms.get(room_id) else {
            return Ok(());
        };
        let state = match saved(&slot.room) {
            Ok(state) => state,
            Err(reason) => {
                if !self.call_off(turn, room_id, &reason)? {
                    self.withdraw(room_id, turn.batch_no, &reason);
                }
                return Ok(());
            }
        };
        self.set_room_clean(room_id);
        let Some(slot) = self.rooms.get_mut(room_id) else {
            return Ok(());
        };
        if std::mem::take(&mut slot.is_returned) {
            turn.writes.released.push(room_id.clone());
        }
        let part = (!slot.inputs.is_empty()).then(|| std::mem::take(&mut slot.inputs));
        if let Some(part) = &part {
            slot.journal_parts += 1;
            slot.journal_digest = slot.journal_digest.map(|digest| digest.after(part));
        }
        let snapshot = RoomSnapshot {
            room_id: room_id.clone(),
            partition: self.number,
            batch_no: turn.batch_no,
            sealed_secret: slot.opened.sealed_secret.clone(),
            password_mac: slot.opened.password_mac,
            journal_parts: slot.journal_parts,
            journal_digest: slot.journal_digest,
            chat: slot.chat.save(),
            state,
        };
        turn.writes.rooms.push((snapshot, part));
        Ok(())
    }

    fn archive_room<S: Store>(&mut self, turn: &mut Turn<'_, S>, room_id: &RoomId) {
        self.set_deadline(room_id, None);
        self.set_room_clean(room_id);
        let Some(slot) = self.rooms.remove(room_id) else {
            return;
        };
        if slot.is_listed {
            turn.writes
                .listings
                .push(ListingChange::Remove(room_id.clone()));
        }
        if slot.is_returned {
            turn.writes.released.push(room_id.clone());
        }
        let game_type = slot.room.game_type();
        turn.writes.archives.push(RoomArchive {
            room_id: room_id.clone(),
            partition: self.number,
            game_type: game_type.to_owned(),
            room_name: slot.room.room_name().to_owned(),
            game_version: slot.room.game_version(),
            rules_version: RULES_VERSION,
            ended: turn.now,
            sealed_secret: slot.opened.sealed_secret,
            journal_digest: slot.journal_digest.map(|digest| digest.after(&slot.inputs)),
            last_inputs: slot.inputs,
        });
    }

    /// A game has panicked: its input is put aside, and the asker hears `internal`.
    fn panicked<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        asked: Option<Asked<'_>>,
        room_id: &RoomId,
        input: &Input,
        panic: &(dyn Any + Send),
    ) -> Refusal {
        let error = panic_text(panic);
        METRICS.panics.inc();
        let correlation_id = asked.map(|asked| asked.correlation_id);
        let user = asked.map(|asked| tracing::field::display(asked.user));
        tracing::error!(correlation_id, room.id = %room_id, user.id = user, error, "a game panicked; its room goes on unchanged");
        let letter = messages::DeadLetter {
            topic: topics::GAMES_COMMANDS.into(),
            partition: self.number,
            offset: None,
            key: Some(room_id.as_str().to_owned()),
            error,
            failed_at: turn.now.to_string(),
            original: serde_json::to_vec(input).unwrap_or_default(),
        };
        self.send_dead_letter(turn, &letter);
        RefusalCode::Internal.into()
    }

    /// Puts a record aside that nobody could take.
    pub(super) fn send_dead_letter<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        letter: &messages::DeadLetter,
    ) {
        METRICS.dead_letters.inc();
        let key = letter.key.clone().unwrap_or_default().into();
        let id = turn.outgoing.event_id().to_string();
        turn.outgoing
            .raw(self.number, topics::DEAD_LETTER, key, &id, letter);
    }

    /// How many rooms run here.
    pub fn room_count(&self) -> usize {
        self.rooms.len()
    }
}

/// The system as a room's input names it.
pub(super) fn system() -> SeatedPlayer {
    SeatedPlayer::person(UserId::SYSTEM, "system")
}

/// What of a running room's line in the directory changes without a broadcast.
fn changes_line(event: &str) -> bool {
    event.starts_with("spectator") || matches!(event, "host_changed" | "player_banned")
}

/// Decides on a copy, so that neither a refusal nor a game's panic leaves anything half done.
pub(super) fn decide(room: &mut Room, input: &Input, games: &Games) -> Decided {
    if matches!(
        input.action,
        Action::CallOff | Action::Close | Action::CloseUnloaded
    ) {
        // Without a copy: the game may fail to be copied too, and no other part of it is touched.
        let decided = catch_unwind(AssertUnwindSafe(|| room.decide(input, games)));
        return match decided {
            Ok(Ok(effects)) => Decided::Done(effects),
            Ok(Err(refusal)) => Decided::Refused(refusal),
            Err(panic) => Decided::Panicked(panic),
        };
    }
    let decided = catch_unwind(AssertUnwindSafe(|| {
        let mut copy = room.clone();
        copy.decide(input, games).map(|effects| (copy, effects))
    }));
    match decided {
        Ok(Ok((copy, effects))) => {
            *room = copy;
            Decided::Done(effects)
        }
        Ok(Err(refusal)) => Decided::Refused(refusal),
        Err(panic) => Decided::Panicked(panic),
    }
}

/// The room as bytes, or why its game has none.
fn saved(room: &Room) -> Result<Vec<u8>, String> {
    match catch_unwind(AssertUnwindSafe(|| room.save())) {
        Ok(saved) => saved.map_err(|error| error.to_string()),
        Err(panic) => Err(panic_text(&*panic)),
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a message".to_owned())
}

/// Whether the room has ended before, or earlier in this batch.
pub(super) fn has_ended<S: Store>(
    turn: &mut Turn<'_, S>,
    room_id: &RoomId,
) -> Result<bool, StoreError> {
    let is_this = |archive: &RoomArchive| archive.room_id == *room_id;
    Ok(turn.writes.archives.iter().any(is_this) || turn.store.ended_room(room_id)?.is_some())
}

fn relist<S: Store>(turn: &mut Turn<'_, S>, slot: &mut RoomSlot, room_id: &RoomId) {
    match slot.room.summary() {
        Some(summary) => {
            let status = serde_json::to_value(summary.status).unwrap_or_default();
            turn.writes.listings.push(ListingChange::Put(Listing {
                room_id: room_id.clone(),
                room_name: summary.room_name.to_string(),
                game_type: summary.game_type.to_string(),
                status: status.as_str().unwrap_or_default().to_owned(),
                summary: serde_json::to_string(&summary).expect("a summary is a plain JSON value"),
            }));
            slot.is_listed = true;
        }
        None if slot.is_listed => {
            turn.writes
                .listings
                .push(ListingChange::Remove(room_id.clone()));
            slot.is_listed = false;
        }
        None => {}
    }
}
