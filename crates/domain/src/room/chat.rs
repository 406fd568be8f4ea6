//! Who may write and read in which of a room's chat channels, and whom a message reaches. The room
//! itself keeps no message: its shell does.

use super::events::{ChatMessage, EventBody, Timestamp};
use super::state::{Context, Out, Room, body_of};
use super::view::RoomStatus;
use super::{EventAudience, Membership, Order, RoomEvent};
use crate::ids::UserId;
use crate::refusal::{Refusal, RefusalCode};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// A channel of a room's chat.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ChatChannel")]
pub enum Channel {
    /// Before play: everyone in the room writes and reads.
    Lobby,
    /// Who has a seat writes; spectators read too.
    Players,
    /// Spectators alone.
    Spectators,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Channel; 3] = [Channel::Lobby, Channel::Players, Channel::Spectators];

    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Lobby => "lobby",
            Channel::Players => "players",
            Channel::Spectators => "spectators",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Room {
    /// Whether the user may write there now.
    pub fn may_write(&self, user: UserId, channel: Channel) -> Result<(), Refusal> {
        let standing = self.standing_here(user)?;
        let is_open = match channel {
            Channel::Lobby => self.status() == RoomStatus::Waiting,
            Channel::Players => standing == Membership::Player,
            Channel::Spectators => standing == Membership::Spectator,
        };
        if !is_open {
            return Err(RefusalCode::ChannelAccessDenied.into());
        }
        if self.is_muted(user) {
            return Err(RefusalCode::Muted.into());
        }
        Ok(())
    }

    /// Whether the user may read what was written there. The lobby's messages stay open to everyone in
    /// the room when play has begun.
    pub fn may_read(&self, user: UserId, channel: Channel) -> Result<(), Refusal> {
        let standing = self.standing_here(user)?;
        let is_open = match channel {
            Channel::Lobby => true,
            Channel::Players => matches!(standing, Membership::Player | Membership::Spectator),
            Channel::Spectators => standing == Membership::Spectator,
        };
        if is_open {
            Ok(())
        } else {
            Err(RefusalCode::ChannelAccessDenied.into())
        }
    }

    /// What the user is to the room, who must be in it.
    fn standing_here(&self, user: UserId) -> Result<Membership, Refusal> {
        match self.standing(user) {
            Membership::None => Err(RefusalCode::NotInRoom.into()),
            standing => Ok(standing),
        }
    }

    pub(super) fn chat(
        &mut self,
        context: &Context<'_>,
        channel: Channel,
        content: &str,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        self.may_write(context.by.user_id, channel)?;
        self.chat_count += 1;
        let message = ChatMessage {
            channel,
            message_id: format!("{}:{}", self.config.room_id, self.chat_count),
            user_id: context.by.user_id,
            username: context.by.username.clone(),
            content: content.to_owned(),
            is_system: false,
            timestamp: Timestamp(context.now),
        };
        let audience = self.audience_of(channel);
        let order = match audience {
            EventAudience::Room => self.next_order(),
            _ => Order::After(self.room_seq),
        };
        out.events.push(RoomEvent {
            name: Cow::Borrowed(ChatMessage::NAME),
            audience,
            order,
            body: body_of(&message),
            membership: Vec::new(),
        });
        Ok(true)
    }

    /// Whom a message reaches there: exactly those who may read it.
    fn audience_of(&self, channel: Channel) -> EventAudience {
        match channel {
            Channel::Lobby => EventAudience::Room,
            Channel::Spectators => EventAudience::Spectators,
            Channel::Players => {
                let members = self.members();
                let reads = |(_, standing): &(UserId, Membership)| *standing != Membership::Lobby;
                if members.iter().all(reads) {
                    return EventAudience::Room;
                }
                let readers = members.iter().filter(|member| reads(member));
                EventAudience::Users(readers.map(|(user, _)| *user).collect())
            }
        }
    }
}
