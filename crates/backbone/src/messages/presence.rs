//! `gateway.presence`: who is connected where.

use super::commands::raw;
use super::fields::{Fields, InvalidField};
use super::internal_commands as internal;
use blazing_sun_domain::UserId;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

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

impl PresenceMessage {
    /// The key that it is written with: its partition decides it.
    pub fn key(&self) -> String {
        match self {
            PresenceMessage::UserOnline { user_id, .. }
            | PresenceMessage::UserOffline { user_id, .. } => user_id.to_string(),
            PresenceMessage::GatewayHeartbeat { gateway_id, .. } => gateway_id.clone(),
        }
    }
}

/// `user_online` and `user_offline` as a gateway writes them: a user's connection is signed in, or gone.
#[derive(Debug, Serialize, JsonSchema)]
pub struct UserPresence<'a> {
    /// The user.
    pub user_id: UserId,
    /// The gateway.
    pub gateway_id: &'a str,
    /// The gateway's start.
    pub boot_id: Uuid,
    /// The connection.
    pub connection_id: Uuid,
}

/// `gateway_heartbeat` and `gateway_started` as a gateway writes them: it lives.
#[derive(Debug, Serialize, JsonSchema)]
pub struct GatewayStart<'a> {
    /// The gateway.
    pub gateway_id: &'a str,
    /// Its start.
    pub boot_id: Uuid,
    /// With heartbeats: how many connections it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sockets: Option<u64>,
}

/// `user_connected` and `user_disconnected`: a connection of the actor's is signed in, or gone.
#[derive(Debug, Serialize, JsonSchema)]
pub struct UserConnection {
    /// The connection.
    pub connection_id: Uuid,
}

/// Bytes of a gateway's, a start's or a socket's name: all of them are keys in the store.
const ID_BYTES_MAX: usize = 64;

/// Reads a message of `gateway.presence`.
pub fn parse_presence(
    event_type: &str,
    payload: &RawValue,
) -> Result<PresenceMessage, InvalidField> {
    let fields = Fields::of(payload)?;
    let (gateway_id, boot_id) = (id(&fields, "gateway_id")?, id(&fields, "boot_id")?);
    let user = || fields.required("user_id");
    let socket = || id(&fields, "connection_id");
    match event_type {
        "presence.event.user_online" => Ok(PresenceMessage::UserOnline {
            user_id: user()?,
            gateway_id,
            boot_id,
            connection_id: socket()?,
        }),
        "presence.event.user_offline" => Ok(PresenceMessage::UserOffline {
            user_id: user()?,
            gateway_id,
            boot_id,
            connection_id: socket()?,
        }),
        "presence.event.gateway_heartbeat" => Ok(PresenceMessage::GatewayHeartbeat {
            gateway_id,
            boot_id,
        }),
        _ => Err(InvalidField::Invalid {
            name: "event_type",
            expected: "user_online, user_offline or gateway_heartbeat".to_owned(),
        }),
    }
}

fn id(fields: &Fields<'_>, name: &'static str) -> Result<String, InvalidField> {
    let id: String = fields.required(name)?;
    if (1..=ID_BYTES_MAX).contains(&id.len()) && !id.chars().any(char::is_control) {
        return Ok(id);
    }
    Err(InvalidField::Invalid {
        name,
        expected: format!("expected 1 to {ID_BYTES_MAX} bytes, no control characters"),
    })
}

/// The payload of [`super::GATEWAY_SEEN`].
pub fn gateway_seen(
    command_id: Uuid,
    gateway_id: &str,
    boot_id: &str,
    lives: bool,
) -> Box<RawValue> {
    raw(&internal::GatewaySeen {
        command_id,
        gateway_id,
        boot_id,
        lives,
    })
}

/// The payload of [`super::GATEWAY_ASKED`].
pub fn gateway_asked(
    command_id: Uuid,
    gateway_id: &str,
    boot_id: &str,
    answer_to: u32,
) -> Box<RawValue> {
    raw(&internal::GatewayAsked {
        command_id,
        gateway_id,
        boot_id,
        answer_to,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(event: &str, json: &str) -> Result<PresenceMessage, String> {
        let payload = RawValue::from_string(json.to_owned()).unwrap();
        parse_presence(&format!("presence.event.{event}"), &payload).map_err(|e| e.to_string())
    }

    #[test]
    fn reads_every_message_with_ids_of_either_type() {
        let (gateway_id, boot_id) = ("gw-1".to_owned(), "boot".to_owned());
        let user = |connection_id: &str| {
            (
                UserId::new(7).unwrap(),
                gateway_id.clone(),
                boot_id.clone(),
                connection_id.to_owned(),
            )
        };
        for id in ["7", "\"7\""] {
            let json = format!(
                r#"{{"user_id":{id},"gateway_id":"gw-1","boot_id":"boot","connection_id":"c","more":1}}"#
            );
            let (user_id, gateway_id, boot_id, connection_id) = user("c");
            assert_eq!(
                parse("user_online", &json),
                Ok(PresenceMessage::UserOnline {
                    user_id,
                    gateway_id,
                    boot_id,
                    connection_id
                }),
            );
            let (user_id, gateway_id, boot_id, connection_id) = user("c");
            assert_eq!(
                parse("user_offline", &json),
                Ok(PresenceMessage::UserOffline {
                    user_id,
                    gateway_id,
                    boot_id,
                    connection_id
                }),
            );
            assert_eq!(
                parse("gateway_heartbeat", &json),
                Ok(PresenceMessage::GatewayHeartbeat {
                    gateway_id: "gw-1".to_owned(),
                    boot_id: "boot".to_owned(),
                }),
            );
        }
    }

    #[test]
    fn ids_are_such_as_the_store_can_have_as_keys() {
        let with = |name: &str, id: &str| {
            let mut fields =
                json!({ "user_id": 1, "gateway_id": "g", "boot_id": "b", "connection_id": "c" });
            fields[name] = json!(id);
            parse("user_online", &fields.to_string()).map(|_| ())
        };
        for name in ["gateway_id", "boot_id", "connection_id"] {
            for good in ["x".repeat(64), "é".repeat(32)] {
                assert_eq!(with(name, &good), Ok(()), "{name}: {good}");
            }
            for bad in ["", "a\0", "a\n", &"x".repeat(65), &"é".repeat(33)] {
                let expected = format!("`{name}`: expected 1 to 64 bytes, no control characters");
                assert_eq!(with(name, bad), Err(expected), "{name}: {bad}");
            }
        }
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let missing = parse(
            "user_online",
            r#"{"gateway_id":"g","boot_id":"b","user_id":1}"#,
        );
        assert_eq!(missing, Err("`connection_id` is missing".to_owned()));
        let unknown = parse("user_asleep", r#"{"gateway_id":"g","boot_id":"b"}"#);
        assert!(unknown.unwrap_err().contains("event_type"));
    }
}
