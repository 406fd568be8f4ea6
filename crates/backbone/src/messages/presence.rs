//! `gateway.presence`: who is connected where.

use super::fields::{Fields, InvalidField};
use blazing_sun_domain::UserId;
use serde_json::value::RawValue;

/// A message on `gateway.presence`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PresenceMessage {
    /// A user's socket has signed in.
    UserOnline {
        /// The user.
        user_id: UserId,
        /// The gateway.
        gateway_id: String,
        /// The gateway's start.
        boot_id: String,
        /// The socket.
        connection_id: String,
    },
    /// A user's socket is gone.
    UserOffline {
        /// The user.
        user_id: UserId,
        /// The gateway.
        gateway_id: String,
        /// The gateway's start.
        boot_id: String,
        /// The socket.
        connection_id: String,
    },
    /// A gateway lives.
    GatewayHeartbeat {
        /// The gateway.
        gateway_id: String,
        /// The gateway's start.
        boot_id: String,
    },
}

/// Reads a message of `gateway.presence`.
pub fn parse_presence(event_type: &str, payload: &RawValue) -> Result<PresenceMessage, InvalidField> {
    let fields = Fields::of(payload)?;
    let (gateway_id, boot_id) = (fields.required("gateway_id")?, fields.required("boot_id")?);
    let user = || fields.required("user_id");
    let socket = || fields.required("connection_id");
    match event_type {
        "presence.event.user_online" => Ok(PresenceMessage::UserOnline {
            user_id: user()?, gateway_id, boot_id, connection_id: socket()?,
        }),
        "presence.event.user_offline" => Ok(PresenceMessage::UserOffline {
            user_id: user()?, gateway_id, boot_id, connection_id: socket()?,
        }),
        "presence.event.gateway_heartbeat" => Ok(PresenceMessage::GatewayHeartbeat { gateway_id, boot_id }),
        _ => Err(InvalidField::Invalid {
            name: "event_type",
            expected: "user_online, user_offline or gateway_heartbeat".to_owned(),
        }),
    }
}
