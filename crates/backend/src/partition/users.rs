//! What concerns a user and no one room: answers given, presence, sign-in, demo money.

use super::money::move_money;
use super::{Asked, Dirty, InboxSlot, Partition, Taken, Turn};
use crate::inbox::{AGE_MS_MAX, Answer, Answered, Inbox};
use crate::store::{Connection, InboxSnapshot, PresenceChange, Store, StoreError};
use blazing_sun_backbone::envelope::{Actor, Audience, EventEnvelope, PRODUCER_BACKEND};
use blazing_sun_backbone::log::{HeadersBuilder, NewRecord, Record};
use blazing_sun_backbone::messages::{self, PresenceMessage};
use blazing_sun_backbone::partitioner::partition_of;
use blazing_sun_domain::room::Membership;
use blazing_sun_domain::{Cents, Millis, RoomId, SeatedPlayer, Transfer, UserId};
use bytes::Bytes;
use serde_json::value::RawValue;
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
        let horizon = turn.now.plus(-2 * AGE_MS_MAX);
        let is_old = |_: &UserId, slot: &mut InboxSlot| slot.last_kept < horizon;
        for (user, slot) in self.inboxes.extract_if(is_old) {
            if let Some(since) = slot.dirty_since {
                self.dirty.remove(&(since, Dirty::Inbox(user)));
            }
            turn.writes.forgotten.push((self.number, user));
        }
    }

    /// Takes back a connection that was known before the start.
    pub fn restore_connection(&mut self, connection: Connection, gone_at: Millis) {
        self.set_gone(connection.user, Some(gone_at));
        self.connections
            .entry(connection.user)
            .or_default()
            .push(connection);
    }

    /// The rooms that a user is in, as this batch leaves them so far.
    pub(super) fn rooms_of<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        user: UserId,
    ) -> Result<BTreeSet<RoomId>, StoreError> {
        let mut rooms: BTreeSet<RoomId> = turn.store.rooms_of(user)?.into_iter().collect();
        for (_, room, membership) in turn
            .writes
            .members
            .iter()
            .filter(|(member, ..)| *member == user)
        {
            if *membership == Membership::None {
                rooms.remove(room);
            } else {
                rooms.insert(room.clone());
            }
        }
        Ok(rooms)
    }

    /// A record of `gateway.presence`.
    pub(super) fn presence<S: Store>(&mut self, turn: &mut Turn<'_, S>, record: &Record) -> Taken {
        let parsed = EventEnvelope::parse(&record.payload).map_err(|error| error.to_string());
        let message = parsed.and_then(|envelope| {
            messages::parse_presence(&envelope.event_type, envelope.payload)
                .map_err(|error| error.to_string())
        });
        match message {
            Ok(PresenceMessage::UserOnline {
                user_id,
                gateway_id,
                boot_id,
                connection_id,
            }) => {
                let connection = Connection {
                    user: user_id,
                    gateway_id,
                    boot_id,
                    connection_id,
                };
                self.user_online(turn, connection);
            }
            Ok(PresenceMessage::UserOffline {
                user_id,
                connection_id,
                ..
            }) => {
                self.user_offline(turn, user_id, &connection_id);
            }
            // The one gateway of this mode lives as long as this process.
            Ok(PresenceMessage::GatewayHeartbeat { .. }) => {}
            Err(error) => self.dead_record(turn, record, &error),
        }
        Ok(())
    }

    /// When the rooms are told that the user is gone, or not at all; whether it was awaited before.
    pub(super) fn set_gone(&mut self, user: UserId, at: Option<Millis>) -> bool {
        let before = match at {
            Some(at) => self.gone_at.insert(user, at),
            None => self.gone_at.remove(&user),
        };
        if let Some(before) = before {
            self.gone.remove(&(before, user));
        }
        if let Some(at) = at {
            self.gone.insert((at, user));
        }
        before.is_some()
    }

    fn user_online<S: Store>(&mut self, turn: &mut Turn<'_, S>, connection: Connection) {
        let user = connection.user;
        // What waits to be told as gone is gone, and so is what an earlier start of this gateway had.
        let was_gone = self.set_gone(user, None);
        let known = self.connections.entry(user).or_default();
        let is_stale = |old: &Connection| {
            was_gone
                || (old.gateway_id == connection.gateway_id && old.boot_id != connection.boot_id)
        };
        for old in known.extract_if(.., |old| {
            is_stale(old) || old.connection_id == connection.connection_id
        }) {
            let connection_id = old.connection_id;
            turn.writes.presence.push(PresenceChange::Remove {
                user,
                connection_id,
            });
        }
        // Most users have one, so no more than that is reserved.
        known.reserve_exact(1);
        known.push(connection.clone());
        turn.writes.presence.push(PresenceChange::Put(connection));
    }

    fn user_offline<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        user: UserId,
        connection_id: &str,
    ) {
        let Some(known) = self.connections.get_mut(&user) else {
            return;
        };
        let is_this = |known: &Connection| known.connection_id == connection_id;
        if !known.iter().any(is_this) {
            return;
        }
        if known.len() == 1 {
            // The row stays until the rooms are told, so that a restart tells them too.
            self.set_gone(user, Some(turn.now.plus(turn.rules.gone_ms)));
        } else {
            known.retain(|known| !is_this(known));
            let connection_id = connection_id.to_owned();
            turn.writes.presence.push(PresenceChange::Remove {
                user,
                connection_id,
            });
        }
    }

    /// A user's last connection has been gone for long enough.
    pub(super) fn user_gone<S: Store>(&mut self, turn: &mut Turn<'_, S>, user: UserId) -> Taken {
        for old in self.connections.remove(&user).unwrap_or_default() {
            let connection_id = old.connection_id;
            turn.writes.presence.push(PresenceChange::Remove {
                user,
                connection_id,
            });
        }
        for room in self.rooms_of(turn, user)? {
            let command_id = turn.outgoing.event_id();
            let payload = messages::player_disconnected(command_id, &room, user);
            let (event_type, id) = (messages::PLAYER_DISCONNECTED, command_id.to_string());
            let envelope = EventEnvelope {
                event_id: id.as_str().into(),
                event_type: event_type.into(),
                timestamp: turn.outgoing.now_text().to_owned().into(),
                correlation_id: Some(id.as_str().into()),
                producer: PRODUCER_BACKEND.into(),
                actor: Actor::system(),
                audience: Audience::room(&room),
                payload: &payload,
            };
            self.send_command(turn, room.as_str(), &envelope);
        }
        Ok(())
    }

    /// Puts a command where its key belongs; it is decided there, by its own id.
    pub(super) fn send_command<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        key: &str,
        envelope: &EventEnvelope<'_>,
    ) {
        let mut headers = HeadersBuilder::default();
        headers.push("event_id", envelope.event_id.as_bytes());
        headers.push("event_type", envelope.event_type.as_bytes());
        if let Some(correlation_id) = &envelope.correlation_id {
            headers.push("correlation_id", correlation_id.as_bytes());
        }
        turn.outgoing.records.push(NewRecord {
            topic: self.topics.commands.clone(),
            partition: Some(partition_of(key.as_bytes(), turn.rules.partitions)),
            key: Bytes::copy_from_slice(key.as_bytes()),
            headers: headers.build(),
            payload: envelope.to_bytes().into(),
        });
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
            let payload: Box<RawValue> = messages::sync_room(
                envelope.correlation_id.as_deref().unwrap_or_default(),
                &room,
                user,
            );
            let forwarded = EventEnvelope {
                event_type: messages::SYNC_ROOM.into(),
                producer: PRODUCER_BACKEND.into(),
                audience: Audience::room(&room),
                payload: &payload,
                ..envelope.clone()
            };
            self.send_command(turn, room.as_str(), &forwarded);
        }
        Ok(())
    }

    /// Demo money for a new account, once for ever.
    pub(super) fn demo_grant<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        player: SeatedPlayer,
    ) -> Taken {
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
            Answer::State(room) => self.tell_state(turn, asked, room, asked.user),
            Answer::Passed(room) => {
                self.pass_on(turn, envelope, room);
                Ok(())
            }
        }
    }
}

/// Whether a transfer with this key is stored, or in this batch.
fn is_transferred<S: Store>(turn: &mut Turn<'_, S>, key: &str) -> Result<bool, StoreError> {
    let in_this_batch = turn
        .writes
        .transfers
        .iter()
        .any(|(earlier, _)| earlier.key == key);
    Ok(in_this_batch || turn.store.is_transferred(key)?)
}
