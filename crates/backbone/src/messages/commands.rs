//! Commands: from event type and payload to what is asked.

use super::chat::{ChatCommand, Content};
use super::client_commands::{Asked, AutoPlay};
use super::fields::{Fields, InvalidField};
use super::internal_commands as internal;
use super::quick_match::QuickMatch;
use super::wallet::WalletCommand;
use super::{
    CLOSE_GUEST, CLOSE_ROOM, CREDIT, DEMO_GRANT, GATEWAY_ASKED, GATEWAY_SEEN, INTERNAL_COMMANDS,
    MEMBER_ASKED, PLAYER_DISCONNECTED, SYNC_ROOM, SYNC_USER,
};
use blazing_sun_domain::fairness::{Commitment, Seed};
use blazing_sun_domain::room::{Channel, Measure};
use blazing_sun_domain::{Cents, CommandId, Refusal, RefusalCode, RoomId, UserId};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use std::fmt;
use uuid::Uuid;

/// The most that one `wallet.command.credit` gives.
pub const CREDIT_CENTS_MAX: Cents = Cents(100_000_000);

/// Characters of a room's name.
pub const ROOM_NAME_CHARS_MAX: usize = 50;

/// Users that one `invite_players` names at most.
pub(super) const INVITED_AT_ONCE_MAX: usize = 20;

/// What a command asks.
#[derive(Debug, Clone)]
pub enum Command {
    /// `create_room`
    CreateRoom(CreateRoom),
    /// `join_room`
    JoinRoom(JoinRoom),
    /// `spectate`, `join_as_spectator`
    Spectate(JoinRoom),
    /// `stop_spectating`, `leave_spectate`
    StopSpectating {
        /// Which.
        room_id: RoomId,
    },
    /// `become_spectator`, `select_spectator`
    BecomeSpectator {
        /// Where.
        room_id: RoomId,
        /// Whom; the asker where none is named.
        target_user_id: Option<UserId>,
    },
    /// `become_player`
    BecomePlayer {
        /// Where.
        room_id: RoomId,
        /// Only the asker's own is taken.
        target_user_id: Option<UserId>,
    },
    /// `kick_player`, `kick_spectator`, `ban_player`, `unban_player`, `mute_user`, `unmute_user`
    Moderate {
        /// Where.
        room_id: RoomId,
        /// What.
        measure: Measure,
        /// To whom.
        target_user_id: UserId,
    },
    /// `list_rooms`
    ListRooms {
        /// One game, or all.
        game_type: Option<String>,
    },
    /// `quick_match`, and what follows from it.
    QuickMatch(QuickMatch),
    /// Internal: a gateway lives, or not any more.
    GatewaySeen {
        /// The gateway.
        gateway_id: String,
        /// The start of it that is meant.
        boot_id: String,
        /// Or is not heard any more.
        lives: bool,
    },
    /// Internal: a partition asks whether a gateway is heard.
    GatewayAsked {
        /// The gateway.
        gateway_id: String,
        /// The start of it that is meant.
        boot_id: String,
        /// The partition that asks.
        answer_to: u32,
    },
    /// Internal: whether a member of a room is there.
    MemberAsked {
        /// The room, which is told.
        room_id: RoomId,
        /// Whom of it.
        user_id: UserId,
    },
    /// `rejoin_room`
    RejoinRoom {
        /// Which.
        room_id: RoomId,
    },
    /// `invite_players`
    InvitePlayers {
        /// Where to.
        room_id: RoomId,
        /// From 1 to 20.
        target_user_ids: Vec<UserId>,
        /// The room that this one opens anew.
        rematch_of: Option<RoomId>,
    },
    /// `leave_room`
    LeaveRoom {
        /// Which.
        room_id: RoomId,
    },
    /// `select_player`
    SelectPlayer {
        /// Where.
        room_id: RoomId,
        /// Whom.
        target_user_id: UserId,
    },
    /// `deselect_player`
    DeselectPlayer {
        /// Where.
        room_id: RoomId,
        /// Whom.
        target_user_id: UserId,
    },
    /// `ready`, `set_ready`
    Ready {
        /// Where.
        room_id: RoomId,
        /// Or not any more.
        is_ready: bool,
        /// SHA-256 of the player's own seed.
        seed_commitment: Option<Commitment>,
    },
    /// `reveal_seed`
    RevealSeed {
        /// Where.
        room_id: RoomId,
        /// The seed behind the commitment.
        client_seed: Seed,
    },
    /// `start_game`
    StartGame {
        /// Which.
        room_id: RoomId,
    },
    /// `send_chat`
    SendChat {
        /// Where.
        room_id: RoomId,
        /// In which of its channels.
        channel: Channel,
        /// As typed.
        content: Content,
    },
    /// `get_chat_history`
    GetChatHistory {
        /// Where.
        room_id: RoomId,
        /// Of which channel.
        channel: Channel,
        /// The most messages, the newest ones; all that are kept where nothing is said.
        limit: Option<u32>,
    },
    /// `chat.command.…`
    Chat(ChatCommand),
    /// `wallet.command.…` of players.
    Wallet(WalletCommand),
    /// `<game>.enable_auto_play`
    EnableAutoPlay {
        /// Where.
        room_id: RoomId,
        /// The game that the command names.
        game_type: String,
        /// On or off.
        enabled: bool,
    },
    /// `<game>.<move>`
    Move {
        /// Where.
        room_id: RoomId,
        /// The game that the command names.
        game_type: String,
        /// The move.
        name: String,
        /// The whole payload.
        fields: Box<RawValue>,
    },
    /// Internal.
    PlayerDisconnected {
        /// Where.
        room_id: RoomId,
        /// Who.
        user_id: UserId,
    },
    /// Internal.
    SyncRoom {
        /// Which.
        room_id: RoomId,
        /// For whom.
        user_id: UserId,
    },
    /// Internal: an operator ends a room.
    CloseRoom {
        /// Which.
        room_id: RoomId,
    },
    /// Internal.
    SyncUser {
        /// Rooms to answer for beside the user's own.
        rooms: Vec<RoomId>,
    },
    /// Internal.
    DemoGrant {
        /// For whom.
        user_id: UserId,
        /// The user's name.
        username: String,
    },
    /// Internal.
    Credit {
        /// For whom.
        user_id: UserId,
        /// From 1 to [`CREDIT_CENTS_MAX`].
        amount: Cents,
    },
    /// Internal.
    CloseGuest {
        /// Whose account was closed.
        user_id: UserId,
    },
}

/// `create_room`. Its `Debug` shows no password.
#[derive(Clone)]
pub struct CreateRoom {
    /// Added by the gateway.
    pub room_id: Option<RoomId>,
    /// A registered game.
    pub game_type: String,
    /// As typed.
    pub room_name: String,
    /// In plain, from gateways that do not seal.
    pub password: Option<String>,
    /// Sealed for this command.
    pub password_sealed: Option<String>,
    /// Wanted seats.
    pub max_players: Option<u32>,
    /// Whether others may watch; they may where nothing is said.
    pub allow_spectators: bool,
    /// Whether the house's bot is asked for.
    pub invites_bot: bool,
    /// What a seat is to cost, where the asker says it.
    pub agreed_fee: Option<Cents>,
}

/// `join_room`, `spectate`. Its `Debug` shows no password.
#[derive(Clone)]
pub struct JoinRoom {
    /// Which, or
    pub room_id: Option<RoomId>,
    /// by name.
    pub room_name: Option<String>,
    /// In plain, from gateways that do not seal.
    pub password: Option<String>,
    /// Sealed for this command.
    pub password_sealed: Option<String>,
}

/// A command that can not be decided.
#[derive(Debug, Clone)]
pub struct InvalidCommand {
    /// Its id, if that much could be read.
    pub command_id: Option<CommandId>,
    /// `unknown_command` or `invalid_format`, which names the field.
    pub refusal: Refusal,
}

impl fmt::Debug for CreateRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateRoom")
            .field("room_id", &self.room_id)
            .field("game_type", &self.game_type)
            .field("room_name", &self.room_name)
            .field("max_players", &self.max_players)
            .field("allow_spectators", &self.allow_spectators)
            .field("invites_bot", &self.invites_bot)
            .field("agreed_fee", &self.agreed_fee)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for JoinRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinRoom")
            .field("room_id", &self.room_id)
            .field("room_name", &self.room_name)
            .finish_non_exhaustive()
    }
}

impl Command {
    /// The room that decides it; none for what concerns a user, or a room known by name alone.
    pub fn room_id(&self) -> Option<&RoomId> {
        match self {
            Command::CreateRoom(create) => create.room_id.as_ref(),
            Command::JoinRoom(join) | Command::Spectate(join) => join.room_id.as_ref(),
            Command::QuickMatch(quick) => quick.room_id(),
            Command::ListRooms { .. }
            | Command::GatewaySeen { .. }
            | Command::GatewayAsked { .. }
            | Command::MemberAsked { .. }
            | Command::Chat(_)
            | Command::Wallet(_)
            | Command::SyncUser { .. }
            | Command::DemoGrant { .. }
            | Command::Credit { .. }
            | Command::CloseGuest { .. } => None,
            Command::StopSpectating { room_id }
            | Command::BecomeSpectator { room_id, .. }
            | Command::BecomePlayer { room_id, .. }
            | Command::Moderate { room_id, .. }
            | Command::InvitePlayers { room_id, .. }
            | Command::RejoinRoom { room_id }
            | Command::CloseRoom { room_id }
            | Command::LeaveRoom { room_id }
            | Command::SelectPlayer { room_id, .. }
            | Command::DeselectPlayer { room_id, .. }
            | Command::Ready { room_id, .. }
            | Command::RevealSeed { room_id, .. }
            | Command::StartGame { room_id }
            | Command::SendChat { room_id, .. }
            | Command::GetChatHistory { room_id, .. }
            | Command::EnableAutoPlay { room_id, .. }
            | Command::Move { room_id, .. }
            | Command::PlayerDisconnected { room_id, .. }
            | Command::SyncRoom { room_id, .. } => Some(room_id),
        }
    }
}

/// Reads a command and its id.
pub fn parse_command(
    event_type: &str,
    payload: &RawValue,
) -> Result<(Option<CommandId>, Command), InvalidCommand> {
    let invalid = |command_id, error: InvalidField| InvalidCommand {
        command_id,
        refusal: Refusal::because(RefusalCode::InvalidFormat, error.to_string()),
    };
    let fields = Fields::of(payload).map_err(|error| invalid(None, error))?;
    let command_id = fields
        .optional_id::<CommandId>("command_id")
        .map_err(|error| invalid(None, error))?;
    fields
        .without_nul()
        .map_err(|error| invalid(command_id, error))?;
    match read(event_type, payload, &fields) {
        Ok(Some(command)) => Ok((command_id, command)),
        Ok(None) => {
            let name: String = event_type.chars().take(80).collect();
            let refusal = Refusal::because(
                RefusalCode::UnknownCommand,
                format!("there is no command `{name}`"),
            );
            Err(InvalidCommand {
                command_id,
                refusal,
            })
        }
        Err(error) => Err(invalid(command_id, error)),
    }
}

fn read(
    event_type: &str,
    payload: &RawValue,
    f: &Fields<'_>,
) -> Result<Option<Command>, InvalidField> {
    if let Some(asked) = Asked::read(event_type, f)? {
        return asked.into_command().map(Some);
    }
    if !is_of_a_game(event_type) && !INTERNAL_COMMANDS.contains(&event_type) {
        return Ok(None);
    }
    if event_type == DEMO_GRANT {
        let (user_id, username) = (f.required("user_id")?, f.required("username")?);
        return Ok(Some(Command::DemoGrant { user_id, username }));
    }
    if event_type == CREDIT {
        let (user_id, amount) = (f.required("user_id")?, f.required("amount_cents")?);
        if !(Cents(1)..=CREDIT_CENTS_MAX).contains(&amount) {
            return Err(InvalidField::Invalid {
                name: "amount_cents",
                expected: format!("expected 1 to {CREDIT_CENTS_MAX}"),
            });
        }
        return Ok(Some(Command::Credit { user_id, amount }));
    }
    if event_type == CLOSE_GUEST {
        let user_id = f.required("user_id")?;
        return Ok(Some(Command::CloseGuest { user_id }));
    }
    if let Some(quick) = QuickMatch::read(event_type, payload, f)? {
        return Ok(Some(Command::QuickMatch(quick)));
    }
    let Some(name) = event_type.strip_prefix("games.command.") else {
        return Ok(None);
    };
    let room_id = || {
        f.optional_id("room_id")?
            .ok_or(InvalidField::Missing("room_id"))
    };
    Ok(Some(match name {
        _ if event_type == PLAYER_DISCONNECTED => Command::PlayerDisconnected {
            room_id: room_id()?,
            user_id: f.required("user_id")?,
        },
        _ if event_type == CLOSE_ROOM => Command::CloseRoom {
            room_id: room_id()?,
        },
        _ if event_type == SYNC_ROOM => Command::SyncRoom {
            room_id: room_id()?,
            user_id: f.required("user_id")?,
        },
        _ if event_type == GATEWAY_SEEN => Command::GatewaySeen {
            gateway_id: f.required("gateway_id")?,
            boot_id: f.required("boot_id")?,
            lives: f.required("lives")?,
        },
        _ if event_type == GATEWAY_ASKED => Command::GatewayAsked {
            gateway_id: f.required("gateway_id")?,
            boot_id: f.required("boot_id")?,
            answer_to: f.required("answer_to")?,
        },
        _ if event_type == MEMBER_ASKED => Command::MemberAsked {
            room_id: room_id()?,
            user_id: f.required("user_id")?,
        },
        _ if event_type == SYNC_USER => Command::SyncUser {
            rooms: f.optional("rooms")?.unwrap_or_default(),
        },
        _ => {
            let Some((game_type, name)) = name.split_once('.') else {
                return Ok(None);
            };
            let game_type = game_type.to_owned();
            if name == "enable_auto_play" {
                let AutoPlay { room_id, enabled } = AutoPlay::read(f)?;
                Command::EnableAutoPlay {
                    room_id,
                    game_type,
                    enabled: enabled.unwrap_or(true),
                }
            } else {
                Command::Move {
                    room_id: room_id()?,
                    game_type,
                    name: name.to_owned(),
                    fields: payload.to_owned(),
                }
            }
        }
    }))
}

/// `games.command.<game>.<move>`
fn is_of_a_game(event_type: &str) -> bool {
    let name = event_type.strip_prefix("games.command.");
    name.is_some_and(|name| name.contains('.'))
}

/// Whether no room can have this name, whatever else names have to be.
pub(super) fn is_no_room_name(typed: &str) -> bool {
    let name = typed.trim();
    let chars = name.chars().take(ROOM_NAME_CHARS_MAX + 1).count();
    !(1..=ROOM_NAME_CHARS_MAX).contains(&chars) || name.chars().any(char::is_control)
}

pub(super) fn raw(payload: &impl Serialize) -> Box<RawValue> {
    to_raw_value(payload).expect("fields have text keys and plain values")
}

/// The payload of [`PLAYER_DISCONNECTED`].
pub fn player_disconnected(command_id: Uuid, room: &RoomId, user: UserId) -> Box<RawValue> {
    raw(&internal::PlayerDisconnected {
        command_id,
        room_id: room,
        user_id: user,
    })
}

/// The payload of [`SYNC_ROOM`].
pub fn sync_room(command_id: &str, room: &RoomId, user: UserId) -> Box<RawValue> {
    raw(&internal::SyncRoom {
        command_id,
        room_id: room,
        user_id: user,
    })
}

/// The payload of [`MEMBER_ASKED`].
pub fn member_asked(command_id: Uuid, room: &RoomId, user: UserId) -> Box<RawValue> {
    raw(&internal::MemberAsked {
        command_id,
        room_id: room,
        user_id: user,
    })
}

/// The payload of [`SYNC_USER`].
pub fn sync_user(command_id: Uuid, user: UserId, rooms: &[RoomId]) -> Box<RawValue> {
    raw(&internal::SyncUser {
        command_id,
        user_id: user,
        rooms,
    })
}

/// The payload of [`DEMO_GRANT`].
pub fn demo_grant(command_id: Uuid, user: UserId, username: &str) -> Box<RawValue> {
    raw(&internal::DemoGrant {
        command_id,
        user_id: user,
        username,
    })
}

/// The payload of [`CREDIT`]; `reason` is for whoever reads the log.
pub fn credit(
    command_id: Uuid,
    user: UserId,
    amount: Cents,
    reason: Option<&str>,
) -> Box<RawValue> {
    raw(&internal::Credit {
        command_id,
        user_id: user,
        amount_cents: amount,
        reason,
    })
}

/// The payload of [`CLOSE_ROOM`]; `reason` is for whoever reads the log.
pub fn close_room(command_id: Uuid, room: &RoomId, reason: &str) -> Box<RawValue> {
    raw(&internal::CloseRoom {
        command_id,
        room_id: room,
        reason,
    })
}

/// The payload of [`CLOSE_GUEST`].
pub fn close_guest(command_id: Uuid, user: UserId) -> Box<RawValue> {
    raw(&internal::CloseGuest {
        command_id,
        user_id: user,
    })
}

/// A payload with the room that its `room_name` was found to be.
pub fn with_room_id(payload: &RawValue, room: &RoomId) -> Box<RawValue> {
    let mut fields: Map<String, Value> = serde_json::from_str(payload.get()).unwrap_or_default();
    fields.insert("room_id".to_owned(), Value::from(room.as_str()));
    raw(&Value::Object(fields))
}

#[cfg(test)]
#[path = "commands_tests.rs"]
mod tests;
