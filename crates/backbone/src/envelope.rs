//! The `EventEnvelope` of the contract: read without copying, written in one pass.

mod plain;

use blazing_sun_domain::room::events::Timestamp;
use blazing_sun_domain::{RoomId, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// `producer` of gateways.
pub const PRODUCER_GATEWAY: &str = "ws_gateway";
/// `producer` of backends.
pub const PRODUCER_BACKEND: &str = "blazing_sun";
/// `producer` of checkouts.
pub const PRODUCER_CHECKOUT: &str = "checkout";

/// What every message on `games.*`, `chat.*`, `system.*` and `gateway.presence` looks like.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct EventEnvelope<'a> {
    /// A UUID; other programs' may be any text.
    #[serde(borrow)]
    pub event_id: Cow<'a, str>,
    /// `games.event.room_created`
    #[serde(borrow)]
    pub event_type: Cow<'a, str>,
    /// RFC 3339, UTC.
    #[serde(borrow)]
    #[schemars(with = "Timestamp")]
    pub timestamp: Cow<'a, str>,
    /// The id of the command that this follows from.
    #[serde(borrow, default)]
    pub correlation_id: Option<Cow<'a, str>>,
    /// `ws_gateway`, `blazing_sun` or `checkout`.
    #[serde(borrow)]
    pub producer: Cow<'a, str>,
    /// Who caused it.
    #[serde(borrow)]
    pub actor: Actor<'a>,
    /// Who gets it.
    #[serde(borrow)]
    pub audience: Audience<'a>,
    /// A JSON object.
    #[serde(borrow)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub payload: &'a RawValue,
}

/// Who caused a message.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Actor<'a> {
    /// 0 is the system.
    pub user_id: UserId,
    /// The user's name.
    #[serde(borrow, default)]
    pub username: Cow<'a, str>,
    /// The WebSocket connection; empty for the system.
    #[serde(borrow, default)]
    pub socket_id: Cow<'a, str>,
    /// `player`, `guest`, `admin`, …
    #[serde(borrow, default)]
    pub roles: Vec<Cow<'a, str>>,
}

/// The role of the house's bots. A token says it, and so only the house can.
pub const BOT_ROLE: &str = "bot";

impl Actor<'_> {
    /// Whether it is a bot of the house.
    pub fn is_bot(&self) -> bool {
        self.roles.iter().any(|role| role == BOT_ROLE)
    }

    /// The system itself.
    pub fn system() -> Actor<'static> {
        Actor {
            user_id: UserId::SYSTEM,
            username: Cow::Borrowed("system"),
            socket_id: Cow::Borrowed(""),
            roles: Vec::new(),
        }
    }
}

/// Who gets a message.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Audience<'a> {
    /// The kind; some programs spell the key `audience_type`.
    #[serde(rename = "type", alias = "audience_type")]
    pub kind: AudienceKind,
    /// For `user` and `users`.
    #[serde(default)]
    pub user_ids: Vec<UserId>,
    /// For `room`, `players` and `spectators`; and the room that a `user`'s message is about.
    #[serde(borrow, default)]
    pub room_id: Option<Cow<'a, str>>,
    /// Stands for `room_id` where that is null.
    #[serde(borrow, default)]
    pub game_id: Option<Cow<'a, str>>,
}

/// The six kinds of audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AudienceKind {
    /// One user.
    User,
    /// Several users.
    Users,
    /// Everyone in a room, spectators too.
    Room,
    /// Everyone connected.
    Broadcast,
    /// The spectators of a room.
    Spectators,
    /// Everyone in a room but its spectators.
    Players,
}

impl AudienceKind {
    /// As in the envelope and in the `audience` header.
    pub fn as_str(self) -> &'static str {
        match self {
            AudienceKind::User => "user",
            AudienceKind::Users => "users",
            AudienceKind::Room => "room",
            AudienceKind::Broadcast => "broadcast",
            AudienceKind::Spectators => "spectators",
            AudienceKind::Players => "players",
        }
    }

    /// From the `audience` header.
    pub fn parse(text: &str) -> Option<AudienceKind> {
        [
            AudienceKind::User,
            AudienceKind::Users,
            AudienceKind::Room,
            AudienceKind::Broadcast,
            AudienceKind::Spectators,
            AudienceKind::Players,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == text)
    }
}

impl<'a> Audience<'a> {
    /// One user.
    pub fn user(user: UserId) -> Audience<'static> {
        Audience {
            kind: AudienceKind::User,
            user_ids: vec![user],
            room_id: None,
            game_id: None,
        }
    }

    /// One user, about a room.
    pub fn user_in(user: UserId, room: &'a RoomId) -> Audience<'a> {
        Audience {
            room_id: Some(Cow::Borrowed(room.as_str())),
            ..Audience::user(user)
        }
    }

    /// Everyone in a room.
    pub fn room(room: &'a RoomId) -> Audience<'a> {
        Audience {
            kind: AudienceKind::Room,
            user_ids: Vec::new(),
            room_id: Some(Cow::Borrowed(room.as_str())),
            game_id: None,
        }
    }

    /// Everyone connected.
    pub fn broadcast() -> Audience<'static> {
        Audience {
            kind: AudienceKind::Broadcast,
            user_ids: Vec::new(),
            room_id: None,
            game_id: None,
        }
    }

    /// The room that this is about: `room_id`, or `game_id` where that is null.
    pub fn about(&self) -> Option<&str> {
        self.room_id.as_deref().or(self.game_id.as_deref())
    }
}

/// A record's payload that is not an envelope.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEnvelope {
    /// Not JSON, or a field is missing or of the wrong type.
    #[error("not an event envelope: {0}")]
    Json(#[from] serde_json::Error),
    /// `payload` is something else.
    #[error("not an event envelope: `payload` is not an object")]
    PayloadNotObject,
    /// A text that databases can not hold.
    #[error("not an event envelope: `{0}` has the character U+0000")]
    Nul(&'static str),
}

impl<'a> EventEnvelope<'a> {
    /// Reads a record's payload.
    pub fn parse(bytes: &'a [u8]) -> Result<EventEnvelope<'a>, InvalidEnvelope> {
        match plain::read(bytes) {
            Some(envelope) => Ok(envelope),
            None => EventEnvelope::parse_any(bytes),
        }
    }

    fn parse_any(bytes: &'a [u8]) -> Result<EventEnvelope<'a>, InvalidEnvelope> {
        let envelope: EventEnvelope<'a> = serde_json::from_slice(bytes)?;
        if !envelope.payload.get().starts_with('{') {
            return Err(InvalidEnvelope::PayloadNotObject);
        }
        match envelope.text_with_nul() {
            Some(name) => Err(InvalidEnvelope::Nul(name)),
            None => Ok(envelope),
        }
    }

    /// The one of the texts that are kept with what a message leads to that PostgreSQL could not hold. Only an
    /// escape can write such.
    fn text_with_nul(&self) -> Option<&'static str> {
        let correlation_id = self.correlation_id.as_deref().unwrap_or_default();
        let texts = [
            ("event_id", &*self.event_id),
            ("correlation_id", correlation_id),
            ("actor.username", &*self.actor.username),
            ("actor.socket_id", &*self.actor.socket_id),
        ];
        let found = texts.into_iter().find(|(_, text)| text.contains('\0'));
        found.map(|(name, _)| name)
    }

    /// The JSON text of a record's payload.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(self.payload.get().len() + 512);
        serde_json::to_writer(&mut json, self)
            .expect("an envelope's keys are strings and its values serialise");
        json
    }
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
