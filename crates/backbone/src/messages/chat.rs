//! Chat outside of rooms: what users write to each other and in the lobby.

use super::replies::to_text;
use blazing_sun_domain::room::Channel;
use blazing_sun_domain::room::events::{ChatMessage, Timestamp};
use blazing_sun_domain::{Millis, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fmt;
use uuid::Uuid;

/// The one lobby.
pub const LOBBY_ID: &str = "main";
/// Messages that one `mark_read` names at most.
pub const READ_AT_ONCE_MAX: usize = 100;

/// What somebody wrote. Its `Debug` does not show it: it is nobody's but its readers'.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Content(pub String);

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.0.len())
    }
}

/// What a `chat.command.…` asks.
#[derive(Debug, Clone)]
pub enum ChatCommand {
    /// `send_message`
    SendMessage {
        /// To whom.
        recipient_id: UserId,
        /// As typed.
        content: Content,
    },
    /// `send_lobby_message`
    SendLobbyMessage {
        /// Where.
        lobby_id: String,
        /// As typed.
        content: Content,
    },
    /// `typing`
    Typing {
        /// Who is to see it.
        recipient_id: UserId,
    },
    /// `mark_read`
    MarkRead {
        /// From 1 to [`READ_AT_ONCE_MAX`].
        message_ids: Vec<Uuid>,
    },
}

/// A message from one user to another. To both of them, whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DirectMessage {
    /// Unlike any other's.
    pub message_id: Uuid,
    /// Who wrote it.
    pub sender_id: UserId,
    /// The writer's name then.
    pub sender_username: String,
    /// To whom.
    pub recipient_id: UserId,
    /// The reader's name then.
    pub recipient_username: String,
    /// As it was written.
    pub content: Content,
    /// When.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "Timestamp")]
    pub timestamp: Millis,
}

/// A message in the lobby. To everyone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LobbyMessage {
    /// Where.
    pub lobby_id: String,
    /// Unlike any other's.
    pub message_id: Uuid,
    /// Who wrote it.
    pub user_id: UserId,
    /// The writer's name then.
    pub username: String,
    /// As it was written.
    pub content: Content,
    /// When.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "Timestamp")]
    pub timestamp: Millis,
}

fn as_text<S: serde::Serializer>(at: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
    Timestamp(*at).serialize(serializer)
}

/// Somebody is writing to the one addressed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TypingTold<'a> {
    /// Who.
    pub user_id: UserId,
    /// Who, by name.
    pub username: &'a str,
}

/// Messages were marked as read: to the one who read them, at every connection.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MessagesRead<'a> {
    /// Which.
    pub message_ids: &'a [Uuid],
}

/// What was written in a channel of the room's chat, the oldest first.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ChatHistory<'a> {
    /// Which channel.
    pub channel: Channel,
    /// Each as it was sent.
    #[schemars(with = "Vec<ChatMessage>")]
    pub messages: &'a [&'a RawValue],
}

/// The fields of `typing`.
pub fn typing_body(user: UserId, username: &str) -> String {
    to_text(&TypingTold {
        user_id: user,
        username,
    })
}

/// The fields of `messages_read`, beside `command_id`.
pub fn messages_read_body(message_ids: &[Uuid]) -> String {
    to_text(&MessagesRead { message_ids })
}

/// The fields of `chat_history`, beside `command_id`; each message as it was sent.
pub fn chat_history_body(channel: Channel, messages: &[&RawValue]) -> String {
    to_text(&ChatHistory { channel, messages })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE_ID: Uuid = Uuid::from_u128(0x018d_2661_3aa8_7000_8000_0000_0000_0000);

    fn user(id: u64) -> UserId {
        UserId::new(id).expect("a user id")
    }

    #[test]
    fn messages_are_pinned() {
        let content = || Content("hi <b>".to_owned());
        let direct = DirectMessage {
            message_id: MESSAGE_ID,
            sender_id: user(7),
            sender_username: "Ann".to_owned(),
            recipient_id: user(8),
            recipient_username: "Bob".to_owned(),
            content: content(),
            timestamp: Millis(1_705_746_601_000),
        };
        assert_eq!(
            serde_json::to_string(&direct).expect("JSON"),
            concat!(
                r#"{"message_id":"018d2661-3aa8-7000-8000-000000000000","sender_id":"7","#,
                r#""sender_username":"Ann","recipient_id":"8","recipient_username":"Bob","#,
                r#""content":"hi <b>","timestamp":"2024-01-20T10:30:01.000Z"}"#,
            ),
        );
        let in_lobby = LobbyMessage {
            lobby_id: LOBBY_ID.to_owned(),
            message_id: MESSAGE_ID,
            user_id: user(7),
            username: "Ann".to_owned(),
            content: content(),
            timestamp: Millis(1_705_746_601_000),
        };
        assert_eq!(
            serde_json::to_string(&in_lobby).expect("JSON"),
            concat!(
                r#"{"lobby_id":"main","message_id":"018d2661-3aa8-7000-8000-000000000000","#,
                r#""user_id":"7","username":"Ann","content":"hi <b>","timestamp":"2024-01-20T10:30:01.000Z"}"#,
            ),
        );
        assert_eq!(
            typing_body(user(7), "Ann"),
            r#"{"user_id":"7","username":"Ann"}"#
        );
        assert_eq!(
            messages_read_body(&[MESSAGE_ID]),
            r#"{"message_ids":["018d2661-3aa8-7000-8000-000000000000"]}"#
        );
        let one = RawValue::from_string(r#"{"content":"hi"}"#.to_owned()).expect("JSON");
        assert_eq!(
            chat_history_body(Channel::Spectators, &[&one, &one]),
            r#"{"channel":"spectators","messages":[{"content":"hi"},{"content":"hi"}]}"#
        );
    }

    #[test]
    fn nothing_shows_what_was_written() {
        assert_eq!(
            format!("{:?}", Content("secret".to_owned())),
            "Content(6 bytes)"
        );
    }
}
