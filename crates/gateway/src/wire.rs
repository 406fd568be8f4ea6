//! The gateway's own messages: what it says and takes on the socket beside commands and events, and what it tells backends
//! of itself. All else on the socket is the backends'.

use blazing_sun_domain::room::events::Timestamp;
use blazing_sun_domain::{CommandId, RoomId, UserId};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use uuid::Uuid;

/// Rooms that one message names at most.
pub(crate) const ROOMS_MAX: usize = 16;

/// The first frame of every connection.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Welcome {
    /// The connection, which is also the `socket_id` of what is said about it.
    pub(crate) connection_id: Uuid,
    /// The server's time, from which clients take their countdowns.
    pub(crate) timestamp: Timestamp,
}

/// The connection is signed in. What the user missed follows, room by room.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Authenticated<'a> {
    /// Who.
    pub(crate) user_id: UserId,
    /// The name shown to others.
    pub(crate) username: &'a str,
    /// `player`, `guest`, `admin`, …
    pub(crate) roles: &'a [String],
    /// The server's time.
    pub(crate) timestamp: Timestamp,
}

/// The answer to a heartbeat.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HeartbeatAck {
    /// The server's time.
    pub(crate) timestamp: Timestamp,
}

/// A command is durable in the log: it will be decided, whatever fails meanwhile. What came of it follows as an event.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Ack {
    /// Which.
    pub(crate) command_id: Uuid,
}

/// What the gateway itself refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Refused {
    /// For a program.
    pub(crate) code: GatewayCode,
    /// For a person; it names the field that is wrong.
    pub(crate) message: Cow<'static, str>,
    /// The command, where it is known which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command_id: Option<Uuid>,
}

/// Why the gateway itself refuses a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GatewayCode {
    /// The message is no JSON object, or one of its fields is not what it has to be.
    InvalidFormat,
    /// There is no such command, or clients may not send it.
    UnknownCommand,
    /// The connection is not signed in.
    Unauthenticated,
    /// The access token is not valid, or not any more.
    AuthFailed,
    /// More messages than may come in that time.
    RateLimited,
    /// The log does not take it now; try again.
    Unavailable,
}

impl GatewayCode {
    /// Every code.
    pub(crate) const ALL: [GatewayCode; 6] = [
        GatewayCode::InvalidFormat,
        GatewayCode::UnknownCommand,
        GatewayCode::Unauthenticated,
        GatewayCode::AuthFailed,
        GatewayCode::RateLimited,
        GatewayCode::Unavailable,
    ];

    /// As it stands on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            GatewayCode::InvalidFormat => "invalid_format",
            GatewayCode::UnknownCommand => "unknown_command",
            GatewayCode::Unauthenticated => "unauthenticated",
            GatewayCode::AuthFailed => "auth_failed",
            GatewayCode::RateLimited => "rate_limited",
            GatewayCode::Unavailable => "unavailable",
        }
    }
}

/// Says that the client lives; every 10 s, for a connection that was silent for 20 s is closed.
#[derive(JsonSchema)]
pub(crate) struct Heartbeat {}

/// Signs the connection in, within 5 s of the welcome, or goes on with a fresher token of the same user.
#[derive(JsonSchema)]
#[allow(
    dead_code,
    reason = "read field by field, so that an error can name the field"
)]
pub(crate) struct Authenticate {
    /// An access token.
    token: String,
    /// What the client has seen of which rooms.
    #[schemars(length(max = ROOMS_MAX))]
    resume: Option<Vec<Seen>>,
}

/// Asks for what was missed of rooms, at any time.
#[derive(JsonSchema)]
#[allow(
    dead_code,
    reason = "read field by field, so that an error can name the field"
)]
pub(crate) struct Resume {
    /// What the client has seen of which.
    #[schemars(length(max = ROOMS_MAX))]
    rooms: Vec<Seen>,
}

/// Asks for changes to the list of rooms, or for no more of them.
#[derive(JsonSchema)]
#[allow(
    dead_code,
    reason = "read field by field, so that an error can name the field"
)]
pub(crate) struct Lobby {
    /// Whether to watch.
    watch: bool,
    /// One game; all of them where it is left out.
    game_type: Option<String>,
}

/// A room and the last `room_seq` that the client has of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) struct Seen {
    /// The room.
    pub(crate) room_id: RoomId,
    /// 0 where it is left out: nothing.
    #[serde(default, deserialize_with = "or_zero")]
    #[schemars(with = "Option<u64>")]
    pub(crate) room_seq: u64,
}

fn or_zero<'de, D: Deserializer<'de>>(value: D) -> Result<u64, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or_default())
}

/// What every command has beside its own fields.
#[derive(JsonSchema)]
#[allow(
    dead_code,
    reason = "read field by field, so that an error can name the field"
)]
pub(crate) struct AnyCommand {
    /// A UUIDv7 of the client's own: sent again with it, a command changes nothing and gets the same answer. The
    /// gateway makes one where it is left out.
    command_id: Option<CommandId>,
}

/// A message's type and the schema of its fields.
pub type NamedSchema = (&'static str, Schema);

/// What the gateway says on the socket, for a generator of what is written.
pub fn said(generator: &mut SchemaGenerator) -> Vec<NamedSchema> {
    vec![
        ("system.welcome", Welcome::json_schema(generator)),
        (
            "system.authenticated",
            Authenticated::json_schema(generator),
        ),
        ("system.heartbeat_ack", HeartbeatAck::json_schema(generator)),
        ("system.ack", Ack::json_schema(generator)),
        ("system.error", Refused::json_schema(generator)),
    ]
}

/// What the gateway takes on the socket, for a generator of what is read.
pub fn taken(generator: &mut SchemaGenerator) -> Vec<NamedSchema> {
    vec![
        ("system.authenticate", Authenticate::json_schema(generator)),
        ("system.heartbeat", Heartbeat::json_schema(generator)),
        ("system.resume", Resume::json_schema(generator)),
        ("system.lobby", Lobby::json_schema(generator)),
    ]
}

/// What every command has beside its own fields, for a generator of what is read.
pub fn any_command(generator: &mut SchemaGenerator) -> Schema {
    AnyCommand::json_schema(generator)
}
