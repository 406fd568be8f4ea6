//! Chat: in rooms, where the room's rules say who may, and outside of them, by the sender's partition.

use super::commands::Outcome;
use super::{Asked, Partition, Turn};
use crate::chat::{Meter, checked};
use crate::inbox::Answer;
use crate::outgoing::{Event, Family};
use crate::store::{Store, StoreError};
use blazing_sun_backbone::envelope::AudienceKind;
use blazing_sun_backbone::messages::{
    self, ChatCommand, Content, DirectMessage, LOBBY_ID, LobbyMessage,
};
use blazing_sun_domain::room::{Action, Channel, Order};
use blazing_sun_domain::{Millis, Refusal, RefusalCode, RoomId, SeatedPlayer, UserId};
use uuid::Uuid;

/// What a user has taken of chat outside of rooms. Not saved: after a restart everybody has rested.
#[derive(Debug, Default)]
pub(super) struct ChatTaken {
    written: Meter,
    typed: Meter,
}

/// Nothing, or why not.
type Refused = Result<(), Refusal>;

impl Partition {
    /// `send_chat`
    pub(super) fn send_chat<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        by: SeatedPlayer,
        room_id: RoomId,
        channel: Channel,
        content: &Content,
    ) -> Result<Outcome, StoreError> {
        let admitted = visible(content).and_then(|content| {
            if let Some(slot) = self.rooms.get_mut(&room_id) {
                slot.room.may_write(asked.user, channel)?;
                check_length(turn, content)?;
                let rate = turn.rules.chat.messages;
                allow(slot.chat.may_write(asked.user, rate, turn.now))?;
            }
            Ok(content.to_owned())
        });
        let refused = match admitted {
            Ok(content) => {
                let action = Action::Chat { channel, content };
                self.act(turn, Some(asked), &room_id, by, action)?
            }
            Err(refusal) => Some(refusal),
        };
        Ok(refused.map_or(Outcome::Answered, |refusal| {
            Outcome::Refused(Some(room_id), refusal)
        }))
    }

    /// `get_chat_history`
    pub(super) fn chat_history<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        room_id: RoomId,
        channel: Channel,
        limit: Option<u32>,
    ) -> Outcome {
        let missing = self.missing_room(&room_id);
        let Some(slot) = self.rooms.get_mut(&room_id) else {
            return Outcome::Refused(Some(room_id), missing);
        };
        let rate = turn.rules.chat.messages;
        let may_read = slot.room.may_read(asked.user, channel);
        let admitted = may_read.and_then(|()| allow(slot.chat.may_ask(asked.user, rate, turn.now)));
        if let Err(refusal) = admitted {
            return Outcome::Refused(Some(room_id), refusal);
        }
        let messages = slot.chat.newest(channel, limit);
        let body = messages::chat_history_body(channel, &messages);
        let what = (Family::Games, "chat_history");
        self.answer(turn, asked, what, Some(&room_id), &body);
        Outcome::NotKept
    }

    /// A command of `chat.commands`.
    pub(super) fn chat_command<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        by: &SeatedPlayer,
        command: ChatCommand,
    ) -> Result<Outcome, StoreError> {
        let done = match command {
            ChatCommand::SendMessage {
                recipient_id,
                content,
            } => self.send_message(turn, asked, by, recipient_id, &content)?,
            ChatCommand::SendLobbyMessage { lobby_id, content } => {
                self.send_lobby_message(turn, asked, by, lobby_id, &content)
            }
            ChatCommand::Typing { recipient_id } => {
                let told = self.tell_typing(turn, asked, by, recipient_id)?;
                return Ok(told.map_or_else(
                    |refusal| Outcome::Refused(None, refusal),
                    |()| Outcome::NotKept,
                ));
            }
            ChatCommand::MarkRead { message_ids } => {
                self.mark_read(turn, asked, message_ids);
                Ok(())
            }
        };
        if let Err(refusal) = done {
            return Ok(Outcome::Refused(None, refusal));
        }
        if let Some(command_id) = asked.command_id {
            self.keep(turn, asked.user, command_id, Answer::Applied(None, 0));
        }
        Ok(Outcome::Answered)
    }

    fn send_message<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        by: &SeatedPlayer,
        recipient: UserId,
        content: &Content,
    ) -> Result<Refused, StoreError> {
        let content = match visible(content) {
            Ok(content) => content,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let recipient_username = match username_of(turn, asked.user, recipient)? {
            Ok(username) => username,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Err(refusal) =
            check_length(turn, content).and_then(|()| self.count_written(turn, asked.user))
        {
            return Ok(Err(refusal));
        }
        let message = DirectMessage {
            message_id: turn.outgoing.event_id(),
            sender_id: asked.user,
            sender_username: by.username.to_string(),
            recipient_id: recipient,
            recipient_username,
            content: Content(content.to_owned()),
            timestamp: turn.now,
        };
        let body = to_json(&message);
        let audience = (AudienceKind::Users, &[asked.user, recipient][..]);
        self.tell_chat(turn, asked, "message_received", audience, &body);
        turn.writes.direct_messages.push(message);
        Ok(Ok(()))
    }

    fn send_lobby_message<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        by: &SeatedPlayer,
        lobby_id: String,
        content: &Content,
    ) -> Refused {
        let content = visible(content)?;
        if lobby_id != LOBBY_ID {
            let unknown = format!("There is no such lobby; the one for all is `{LOBBY_ID}`");
            return Err(Refusal::because(RefusalCode::LobbyNotFound, unknown));
        }
        check_length(turn, content)?;
        self.count_written(turn, asked.user)?;
        let message = LobbyMessage {
            lobby_id,
            message_id: turn.outgoing.event_id(),
            user_id: asked.user,
            username: by.username.to_string(),
            content: Content(content.to_owned()),
            timestamp: turn.now,
        };
        let body = to_json(&message);
        let everyone = (AudienceKind::Broadcast, &[][..]);
        self.tell_chat(turn, asked, "lobby_message", everyone, &body);
        turn.writes.lobby_messages.push(message);
        Ok(())
    }

    fn tell_typing<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        by: &SeatedPlayer,
        recipient: UserId,
    ) -> Result<Refused, StoreError> {
        if let Err(refusal) = username_of(turn, asked.user, recipient)? {
            return Ok(Err(refusal));
        }
        let (rate, now) = (turn.rules.chat.typing, turn.now);
        let taken = self.chat_taken.entry(asked.user).or_default();
        if let Err(refusal) = allow(taken.typed.take(rate, now)) {
            return Ok(Err(refusal));
        }
        let body = messages::typing_body(asked.user, &by.username);
        let audience = (AudienceKind::User, &[recipient][..]);
        self.tell_chat(turn, asked, "typing", audience, &body);
        Ok(Ok(()))
    }

    /// Ids of others' messages, or of none, change nothing.
    fn mark_read<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        message_ids: Vec<Uuid>,
    ) {
        let body = messages::messages_read_body(&message_ids);
        let audience = (AudienceKind::User, &[asked.user][..]);
        self.tell_chat(turn, asked, "messages_read", audience, &body);
        turn.writes.messages_read.push((asked.user, message_ids));
    }

    fn count_written<S: Store>(&mut self, turn: &Turn<'_, S>, user: UserId) -> Refused {
        let taken = self.chat_taken.entry(user).or_default();
        allow(taken.written.take(turn.rules.chat.messages, turn.now))
    }

    /// Forgets what users have taken who could take all of it again.
    pub(super) fn forget_rested(&mut self, now: Millis) {
        self.chat_taken
            .retain(|_, taken| !(taken.written.is_rested(now) && taken.typed.is_rested(now)));
    }

    fn tell_chat<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        name: &str,
        (audience, user_ids): (AudienceKind, &[UserId]),
        body: &str,
    ) {
        let event = Event {
            family: Family::Chat,
            name,
            room_id: None,
            audience,
            user_ids,
            order: Order::Outside,
            body,
            membership: &[],
            cause: Some(asked.cause()),
        };
        turn.outgoing.event(self.number, event);
    }
}

/// The message without the blanks around it, if there is something to see and nothing hidden.
fn visible(content: &Content) -> Result<&str, Refusal> {
    checked(&content.0).map_err(|invalid| {
        let message = format!("`content`: {invalid}");
        Refusal::because(RefusalCode::InvalidFormat, message)
    })
}

fn check_length<S: Store>(turn: &Turn<'_, S>, content: &str) -> Refused {
    let most = turn.rules.chat.message_chars_max;
    // Never walks to the end of what is much too long.
    if content.chars().nth(most).is_some() {
        let message = format!("A message has at most {most} characters");
        return Err(Refusal::because(RefusalCode::TooLong, message));
    }
    Ok(())
}

fn allow(is_within_rate: bool) -> Refused {
    match is_within_rate {
        true => Ok(()),
        false => {
            let wait = "You are doing this too often; wait a moment";
            Err(Refusal::because(RefusalCode::RateLimited, wait))
        }
    }
}

/// The name of somebody whom one can write to.
fn username_of<S: Store>(
    turn: &mut Turn<'_, S>,
    sender: UserId,
    recipient: UserId,
) -> Result<Result<String, Refusal>, StoreError> {
    if recipient == sender {
        let oneself = "You can not write to yourself";
        let refusal = Refusal::because(RefusalCode::CannotTargetSelf, oneself);
        return Ok(Err(refusal));
    }
    Ok(match turn.store.recipient(recipient)? {
        None => Err(RefusalCode::UserNotFound.into()),
        Some(found) if !found.is_active => Err(RefusalCode::AccountClosed.into()),
        Some(found) => Ok(found.username),
    })
}

fn to_json(message: &impl serde::Serialize) -> String {
    serde_json::to_string(message).expect("a message is a plain JSON value")
}
