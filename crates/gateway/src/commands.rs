//! What a client's text message asks for: its shape is checked and, for a command, its record made.
//! Which commands exist is the backend's to know.

use crate::events::push_string;
use crate::json::{self, Fields, Invalid};
use crate::wire::ROOMS_MAX;
pub(crate) use crate::wire::{GatewayCode, Refused, Seen};
use blazing_sun_backbone::derived_id::derived_id;
use blazing_sun_backbone::messages::{INTERNAL_COMMANDS, typed_payload};
use blazing_sun_domain::{CommandId, RoomId, UserId};
use std::borrow::Cow;
use uuid::Uuid;

impl Refused {
    pub(crate) fn new(code: GatewayCode, message: impl Into<Cow<'static, str>>) -> Refused {
        Refused {
            code,
            message: message.into(),
            command_id: None,
        }
    }

    pub(crate) fn of(self, command_id: Option<Uuid>) -> Refused {
        Refused { command_id, ..self }
    }

    fn field(name: &str, expected: &str) -> Refused {
        Refused::new(
            GatewayCode::InvalidFormat,
            format!("`{name}` must be {expected}"),
        )
    }

    /// The frame's JSON text.
    pub(crate) fn frame(&self) -> Vec<u8> {
        typed_payload("system.error", self).into_bytes()
    }
}

/// A question about rooms costs as many messages as it names.
pub(crate) fn cost_of(rooms: &[Seen]) -> u32 {
    u32::try_from(rooms.len()).unwrap_or(u32::MAX).max(1)
}

/// A message of the right shape.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    Heartbeat,
    Authenticate {
        token: Cow<'a, str>,
        resume: Vec<Seen>,
    },
    Resume {
        rooms: Vec<Seen>,
    },
    Lobby {
        watch: bool,
        game_type: Option<Cow<'a, str>>,
    },
    Command(Command<'a>),
}

impl Message<'_> {
    /// As how many messages it counts.
    pub(crate) fn cost(&self) -> u32 {
        match self {
            Message::Authenticate { resume, .. } => cost_of(resume),
            Message::Resume { rooms } => cost_of(rooms),
            _ => 1,
        }
    }
}

/// A command of the right shape; whether there is such a one is not known here.
#[derive(Debug)]
pub(crate) struct Command<'a> {
    /// `games.command.…`; lower-case letters, digits, `_` and `.`.
    pub(crate) event_type: Cow<'a, str>,
    pub(crate) command_id: Uuid,
    /// The room that it is about, from the client.
    pub(crate) room_id: Option<RoomId>,
    pub(crate) password: Option<Cow<'a, str>>,
    fields: Fields<'a>,
}

const FIELDS_MAX: usize = 64;
const DEPTH_MAX: u32 = 32;
const NAME_BYTES_MAX: usize = 120;
const CREATE_ROOM: &str = "games.command.create_room";

/// Whether arrays and objects stand deeper in each other than any command needs.
fn is_too_deep(text: &str) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_u32, false, false);
    for byte in text.bytes() {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

fn text_of<'a>(fields: &Fields<'a>, name: &str) -> Result<Option<Cow<'a, str>>, Refused> {
    let Some(value) = fields.get(name) else {
        return Ok(None);
    };
    match json::string(value) {
        Some(text) => Ok(Some(text)),
        None => Err(Refused::field(name, "a string")),
    }
}

fn seen_of(fields: &Fields<'_>, name: &str) -> Result<Vec<Seen>, Refused> {
    let Some(value) = fields.get(name) else {
        return Ok(Vec::new());
    };
    let rooms = serde_json::from_str::<Vec<Seen>>(value).ok();
    let invalid = || {
        Refused::field(
            name,
            &format!("a list of at most {ROOMS_MAX} {{room_id, room_seq}}"),
        )
    };
    let rooms = rooms
        .filter(|rooms| rooms.len() <= ROOMS_MAX)
        .ok_or_else(invalid)?;
    let mut once: Vec<Seen> = Vec::with_capacity(rooms.len());
    for seen in rooms {
        if once.iter().all(|other| other.room_id != seen.room_id) {
            once.push(seen);
        }
    }
    Ok(once)
}

/// Reads a message. `new_id` makes the command_id where the client sent none.
pub(crate) fn parse(text: &str, new_id: impl FnOnce() -> Uuid) -> Result<Message<'_>, Refused> {
    let fields = Fields::parse_within(text, DEPTH_MAX).map_err(|Invalid| {
        let what = if is_too_deep(text) {
            "the message is nested too deeply"
        } else {
            "the message is not a JSON object"
        };
        Refused::new(GatewayCode::InvalidFormat, what)
    })?;
    if fields.list.len() > FIELDS_MAX {
        let message = format!("the message has more than {FIELDS_MAX} fields");
        return Err(Refused::new(GatewayCode::InvalidFormat, message));
    }
    for (at, (key, _)) in fields.list.iter().enumerate() {
        if fields.list[..at].iter().any(|(other, _)| other == key) {
            let shown: String = key.chars().take(80).collect();
            return Err(Refused::field(&shown, "there only once"));
        }
    }
    let command_id = command_id_of(&fields);
    let known_id = command_id.as_ref().ok().copied().flatten();
    let read = || {
        let kind = text_of(&fields, "type")?.ok_or_else(|| Refused::field("type", "a string"))?;
        Ok(match &*kind {
            "system.heartbeat" => Message::Heartbeat,
            "system.authenticate" => Message::Authenticate {
                token: text_of(&fields, "token")?
                    .ok_or_else(|| Refused::field("token", "a string"))?,
                resume: seen_of(&fields, "resume")?,
            },
            "system.resume" => Message::Resume {
                rooms: seen_of(&fields, "rooms")?,
            },
            "system.lobby" => Message::Lobby {
                watch: fields
                    .read("watch")
                    .ok_or_else(|| Refused::field("watch", "true or false"))?,
                game_type: text_of(&fields, "game_type")?,
            },
            _ => {
                check_name(&kind)?;
                let room_id = match text_of(&fields, "room_id")? {
                    Some(_) if kind == CREATE_ROOM => None,
                    Some(id) => Some(id.parse().map_err(|error| {
                        Refused::new(GatewayCode::InvalidFormat, format!("`room_id`: {error}"))
                    })?),
                    None => None,
                };
                Message::Command(Command {
                    command_id: command_id?.unwrap_or_else(new_id),
                    room_id,
                    password: text_of(&fields, "password")?,
                    event_type: kind,
                    fields: Fields::default(),
                })
            }
        })
    };
    match read() {
        Ok(Message::Command(command)) => Ok(Message::Command(Command { fields, ..command })),
        Ok(message) => Ok(message),
        Err(refused) => Err(Refused::of(refused, known_id)),
    }
}

fn command_id_of(fields: &Fields<'_>) -> Result<Option<Uuid>, Refused> {
    let Some(text) = text_of(fields, "command_id")? else {
        return Ok(None);
    };
    let id: Option<CommandId> = text.parse().ok().filter(|_| text.len() == 36);
    match id.filter(|id| id.0.get_version_num() == 7) {
        Some(id) => Ok(Some(id.0)),
        None => Err(Refused::field("command_id", "a UUIDv7")),
    }
}

fn check_name(kind: &str) -> Result<(), Refused> {
    let unknown = || {
        Err(Refused::new(
            GatewayCode::UnknownCommand,
            "there is no such command",
        ))
    };
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.');
    let rest = ["games.command.", "chat.command.", "wallet.command."]
        .into_iter()
        .find_map(|prefix| kind.strip_prefix(prefix));
    match rest {
        Some(name) if name.split('.').any(str::is_empty) => unknown(),
        Some(_) if INTERNAL_COMMANDS.contains(&kind) => unknown(),
        Some(name) if name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) => unknown(),
        Some(_) => Ok(()),
        None => unknown(),
    }
}

impl Command<'_> {
    /// Whether it goes to `chat.commands`, not to `games.commands`.
    pub(crate) fn is_chat(&self) -> bool {
        self.event_type.starts_with("chat.")
    }

    /// The room whose owner decides it; none where it concerns the user alone.
    pub(crate) fn room_of(&self, user: UserId) -> Option<RoomId> {
        if self.event_type == CREATE_ROOM {
            Some(created_room(user, self.command_id))
        } else if self.event_type.starts_with("wallet.") {
            None
        } else {
            self.room_id.clone()
        }
    }

    /// About how long the record's payload is.
    pub(crate) fn payload_bytes(&self) -> usize {
        let fields = self.fields.list.iter();
        128 + fields
            .map(|(key, value)| key.len() + value.len() + 4)
            .sum::<usize>()
    }

    /// Adds the record's payload: the client's fields but those that the gateway decides.
    pub(crate) fn write_payload(
        &self,
        room: Option<&RoomId>,
        password_sealed: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(b"{\"command_id\":\"");
        let mut id_text = Uuid::encode_buffer();
        let id: &str = self.command_id.hyphenated().encode_lower(&mut id_text);
        out.extend_from_slice(id.as_bytes());
        out.push(b'"');
        if let Some(room) = room {
            out.extend_from_slice(b",\"room_id\":");
            push_string(out, room.as_str());
        }
        if let Some(sealed) = password_sealed {
            out.extend_from_slice(b",\"password_sealed\":");
            push_string(out, sealed);
        }
        for (key, value) in &self.fields.list {
            let decided_here = match &**key {
                "type" | "command_id" | "password" | "password_sealed" => true,
                "room_id" => room.is_some() || self.event_type == CREATE_ROOM,
                _ => false,
            };
            if !decided_here {
                out.push(b',');
                push_string(out, key);
                out.push(b':');
                out.extend_from_slice(value.as_bytes());
            }
        }
        out.push(b'}');
    }
}

/// The id of the room that this command creates: the same through any gateway, however often it is sent.
fn created_room(user: UserId, command_id: Uuid) -> RoomId {
    derived_id([user.to_string().as_bytes(), command_id.as_bytes()])
        .to_string()
        .parse()
        .expect("a UUID's text is a room id")
}

#[cfg(test)]
#[path = "commands_tests.rs"]
mod tests;
