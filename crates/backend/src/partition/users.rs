//! What concerns a user and no one room: answers given, sign-in, demo money.

use super::money::move_money;
use super::{Asked, Dirty, InboxSlot, Partition, Taken, Turn};
use crate::inbox::{AGE_MS_MAX, Answer, Answered, Inbox};
use crate::store::{InboxSnapshot, Standing, Store, StoreError};
use blazing_sun_backbone::envelope::{Audience, EventEnvelope, PRODUCER_BACKEND};
use blazing_sun_backbone::log::Topic;
use blazing_sun_backbone::messages;
use blazing_sun_backbone::partitioner::partition_of;
use blazing_sun_domain::{Cents, Millis, RoomId, SeatedPlayer, Transfer, UserId};
use std::collections::BTreeSet;

impl Partition {
    /// Keeps an answer for the command's return.
    pub fn keep_answer(&mut self, batch_no: u64, now: Millis, user: UserId, answered: Answered) {
        let slot = self.inboxes.entry(user).or_default();
        slot.inbox.keep(answered, now);
        slot.last_kept = now;
        if slot.dirty_since.is_none() {
            slot.dirty_since = Some(batch_no);
            self.dirty.insert((batch_no, Dirty::Inbox(user)));
        }
    }

    pub(super) fn save_inbox<S: Store>(&mut self, turn: &mut Turn<'_, S>, user: UserId) {
        let Some(slot) = self.inboxes.get_mut(&user) else {
            return;
        };
        slot.dirty_since = None;
        turn.writes.inboxes.push(InboxSnapshot {
            partition: self.number,
            user,
            batch_no: turn.batch_no,
            answers: slot.inbox.save(),
        });
    }

    /// Takes saved answers back.
    pub fn restore_inbox(
        &mut self,
        snapshot: &InboxSnapshot,
        now: Millis,
    ) -> Result<(), StoreError> {
        let inbox = Inbox::load(&snapshot.answers).map_err(|error| {
            StoreError::Corrupt(format!("answers of user {}: {error}", snapshot.user))
        })?;
        let slot = InboxSlot {
            inbox,
            dirty_since: None,
            last_kept: now,
        };
        self.inboxes.insert(snapshot.user, slot);
        Ok(())
    }

    /// Forgets the answers of users who have asked nothing for so long that anything they could
    /// repeat has expired.
    pub fn forget_old_answers<S: Store>(&mut self, turn: &mut Turn<'_, S>) {
        self.forget_rested(turn.now);
        self.forget_lost(turn.now);
        let horizon = turn.now.plus(-2 * AGE_MS_MAX);
        let is_old = |_: &UserId, slot: &mut InboxSlot| slot.last_kept < horizon;
        for (user, slot) in self.inboxes.extract_if(is_old) {
            if let Some(since) = slot.dirty_since {
                self.dirty.remove(&(since, Dirty::Inbox(user)));
            }
            turn.writes.forgotten.push((self.number, user));
        }
    }

    /// The rooms that a user is in, as this batch leaves them so far.
    pub(super) fn rooms_of<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        user: UserId,
    ) -> Result<BTreeSet<RoomId>, StoreError> {
        let mut rooms: BTreeSet<RoomId> = turn.store.rooms_of(user)?.into_iter().collect();
        let changes = turn.writes.members.iter();
        for (_, room, standing) in changes.filter(|(member, ..)| *member == user) {
            if matches!(standing, Standing::In(_)) {
                rooms.insert(room.clone());
            } else {
                rooms.remove(room);
            }
        }
        Ok(rooms)
    }

    /// Puts a command where its key belongs; it is decided there, by its own id.
    pub(super) fn send_command<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        key: &str,
        envelope: &EventEnvelope<'_>,
    ) {
        let partition = partition_of(key.as_bytes(), turn.rules.partitions);
        self.send_command_to(turn, partition, key, envelope);
    }

    /// Puts a command into this partition.
    pub(super) fn send_command_to<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        partition: u32,
        key: &str,
        envelope: &EventEnvelope<'_>,
    ) {
        self.forward(turn, &self.topics.commands, partition, key, envelope);
    }

    /// The same on any topic of commands.
    pub(super) fn forward<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        topic: &Topic,
        partition: u32,
        key: &str,
        envelope: &EventEnvelope<'_>,
    ) {
        turn.outgoing.forward(topic, partition, key, envelope);
    }

    /// `sync_user`: every room of the user, and every room that the client named, is asked to answer.
    pub(super) fn sync_user<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        envelope: &EventEnvelope<'_>,
        user: UserId,
        named: Vec<RoomId>,
    ) -> Taken {
        let mut rooms = self.rooms_of(turn, user)?;
        rooms.extend(named);
        for room in rooms {
            let id = envelope.correlation_id.as_deref().unwrap_or_default();
            self.ask_room(turn, envelope, id, &room, user);
        }
        Ok(())
    }

    /// Has a room answer a user's question with its state.
    fn ask_room<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        envelope: &EventEnvelope<'_>,
        command_id: &str,
        room: &RoomId,
        user: UserId,
    ) {
        let payload = messages::sync_room(command_id, room, user);
        let forwarded = EventEnvelope {
            event_type: messages::SYNC_ROOM.into(),
            producer: PRODUCER_BACKEND.into(),
            audience: Audience::room(room),
            payload: &payload,
            ..envelope.clone()
        };
        self.send_command(turn, room.as_str(), &forwarded);
    }

    /// Demo money for a new account, once for ever.
    pub(super) fn demo_grant<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        player: SeatedPlayer,
    ) -> Taken {
        if turn.rules.wallet.is_real {
            tracing::warn!(user.id = %player.user_id, "a demo grant was refused: the money here is real");
            return Ok(());
        }
        let transfer = Transfer::demo_grant(player, turn.rules.demo_grant);
        self.move_once(turn, asked, transfer)
    }

    /// Demo money that an operator gives, once for each command. Who never had a demo grant is nobody
    /// here: the tools give a new account its grant first.
    pub(super) fn credit<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        user_id: UserId,
        amount: Cents,
    ) -> Taken {
        let Some(command_id) = asked.command_id else {
            return Ok(());
        };
        let player = SeatedPlayer::person(user_id, "");
        let grant = Transfer::demo_grant(player.clone(), turn.rules.demo_grant);
        if !is_transferred(turn, &grant.key)? {
            tracing::warn!(user.id = %user_id, command.id = %command_id, "a credit for nobody was refused");
            return Ok(());
        }
        self.move_once(turn, asked, Transfer::credit(player, command_id, amount))
    }

    /// What a guest has whose account was closed goes back to where it came from. Whoever is there all the same, or in
    /// a room, keeps it until another command finds them gone.
    pub(super) fn close_guest<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        user: UserId,
    ) -> Taken {
        let Some(command_id) = asked.command_id else {
            return Ok(());
        };
        if turn.rules.wallet.is_real {
            tracing::warn!(user.id = %user, "a guest's money was not taken back: the money here is real");
            return Ok(());
        }
        let is_there = self.connections.contains_key(&user);
        let amount = turn.balance(user)?;
        if is_there || amount <= Cents::ZERO || !self.rooms_of(turn, user)?.is_empty() {
            return Ok(());
        }
        let player = SeatedPlayer::person(user, "");
        let transfer = Transfer::guest_closed(player, command_id, amount);
        self.move_once(turn, asked, transfer)
    }

    fn move_once<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        transfer: Transfer,
    ) -> Taken {
        if is_transferred(turn, &transfer.key)? {
            return Ok(());
        }
        move_money(turn, self.number, transfer, Some(asked))
    }

    /// The answer given before, given again.
    pub(super) fn repeat_answer<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        envelope: &EventEnvelope<'_>,
        answer: &Answer,
    ) -> Taken {
        match answer {
            Answer::Refused(room, refusal) => {
                self.send_refusal(turn, asked, room.as_ref(), refusal);
                Ok(())
            }
            Answer::Applied(room, room_seq) => {
                self.send_applied(turn, asked, room.as_ref(), *room_seq);
                Ok(())
            }
            Answer::State(room) => {
                let owner = partition_of(room.as_str().as_bytes(), turn.rules.partitions);
                if owner == self.number {
                    return self.tell_state(turn, asked, room, asked.user);
                }
                self.ask_room(turn, envelope, asked.correlation_id, room, asked.user);
                Ok(())
            }
            Answer::Queued(game_type) => {
                self.answer_waiting(turn, asked, game_type);
                Ok(())
            }
            Answer::Passed(room) => {
                self.pass_on(turn, envelope, room);
                Ok(())
            }
            Answer::TopUp(request_id) => self.tell_top_up(turn, asked, *request_id),
            Answer::Limits => self.tell_limits(turn, asked),
        }
    }
}

/// Whether a transfer with this key is stored, or in this batch.
pub(super) fn is_transferred<S: Store>(
    turn: &mut Turn<'_, S>,
    key: &str,
) -> Result<bool, StoreError> {
    let in_this_batch = turn
        .writes
        .transfers
        .iter()
        .any(|(earlier, _)| earlier.key == key);
    Ok(in_this_batch || turn.store.is_transferred(key)?)
}
