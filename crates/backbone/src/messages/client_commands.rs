//! What clients may ask, one type a command: reading a payload, the list of commands and their published schemas all come
//! from these declarations.

use super::chat::{ChatCommand, Content, READ_AT_ONCE_MAX};
use super::commands::{
    Command, CreateRoom, INVITED_AT_ONCE_MAX, JoinRoom, ROOM_NAME_CHARS_MAX, is_no_room_name,
};
use super::fields::{Fields, InvalidField};
use super::fields_of_types::{FromField, Nullable, Password};
use super::quick_match::QuickMatch;
use super::wallet::{self, WalletCommand};
use blazing_sun_domain::fairness::{Commitment, Seed};
use blazing_sun_domain::room::events::RevealedSeed;
use blazing_sun_domain::room::{Channel, Measure};
use blazing_sun_domain::wallet::Period;
use blazing_sun_domain::wallet::limits::EXCLUSION_DAYS_MAX;
use blazing_sun_domain::{Cents, RoomId, UserId};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use uuid::Uuid;

/// Commands that ask the same: their types on the wire, and the schema of their fields.
#[derive(Debug, Clone)]
pub struct CommandSchema {
    /// The type to send first, then other spellings of it.
    pub names: &'static [&'static str],
    /// Its fields, beside `command_id`.
    pub fields: Schema,
}

macro_rules! client_commands {
    ($(
        $(#[$doc:meta])*
        $first:literal $(| $other:literal)* => $name:ident { $( $(#[$field_doc:meta])* $field:ident: $type:ty, )* }
    )*) => {
        /// The fields of each command, as they stand on the wire.
        pub(super) mod asked {
            use super::*;
            $(
                #[derive(Debug, Clone, JsonSchema)]
                $(#[$doc])*
                pub struct $name { $( $(#[$field_doc])* pub $field: $type, )* }
            )*
        }

        /// A client's command as it stands on the wire, beside the games' own.
        #[derive(Debug)]
        pub(super) enum Asked { $($name(asked::$name),)* }

        impl Asked {
            /// Reads it; none: there is no such command.
            pub(super) fn read(event_type: &str, f: &Fields<'_>) -> Result<Option<Asked>, InvalidField> {
                Ok(Some(match event_type {
                    $($first $(| $other)* => Asked::$name(asked::$name {
                        $($field: FromField::from_field(f, stringify!($field))?,)*
                    }),)*
                    _ => return Ok(None),
                }))
            }
        }

        /// Commands that clients send, beside the games' own.
        pub const CLIENT_COMMANDS: &[&str] = &[$($first, $($other,)*)*];

        /// The schema of each of them, in the order in which people read them.
        pub fn command_schemas(generator: &mut SchemaGenerator) -> Vec<CommandSchema> {
            vec![$(CommandSchema {
                names: &[$first, $($other,)*],
                fields: asked::$name::json_schema(generator),
            },)*]
        }
    };
}

client_commands! {
    /// Opens a room; who opens it is its host, and waits in its lobby.
    "games.command.create_room" => CreateRoom {
        /// A game of this server.
        game_type: String,
        /// As typed: 1 to 50 visible characters.
        room_name: String,
        /// What joining asks for; nothing where it is left out.
        password: Option<Password>,
        /// Seats; the game's fewest where it is left out.
        max_players: Option<u32>,
        /// Whether others may watch; they may where it is left out.
        allow_spectators: Option<bool>,
        /// Asks for the house's bot to come at once; not where it is left out.
        invites_bot: Option<bool>,
        /// What a seat is to cost: refused where it costs something else now.
        entry_fee_cents: Option<Cents>,
        /// The room's id, which the gateway adds; a client's own is not taken.
        room_id: Option<RoomId>,
        /// The password, which the gateway seals for this command.
        password_sealed: Option<Password>,
    }

    /// Comes into a room's lobby.
    #[schemars(extend("anyOf" = [{ "required": ["room_id"] }, { "required": ["room_name"] }]))]
    "games.command.join_room" => JoinRoom {
        /// Which; where it is left out, `room_name` says it.
        room_id: Option<RoomId>,
        /// Its name, where no other room has the same.
        room_name: Option<String>,
        /// Where the room asks for one.
        password: Option<Password>,
        /// The password, which the gateway seals for this command.
        password_sealed: Option<Password>,
    }

    /// Finds others who want to play at once; when enough wait, a room opens with all of them selected.
    "games.command.quick_match" => QuickMatch {
        /// The game.
        game_type: String,
        /// Gives the place up instead.
        cancel: Option<bool>,
        /// What a seat is to cost: refused where it costs something else now. Without it one agrees to what it costs
        /// when this is decided; nobody pays anything else.
        entry_fee_cents: Option<Cents>,
    }

    /// Asks for the rooms that are open.
    "games.command.list_rooms" => ListRooms {
        /// Of one game; of all where it is left out.
        game_type: Option<String>,
    }

    /// Asks for a room's state, and says that one is back.
    "games.command.rejoin_room" => RejoinRoom {
        /// Which.
        room_id: RoomId,
    }

    /// Leaves a room. Before play a paid fee comes back; in play it does not.
    "games.command.leave_room" => LeaveRoom {
        /// Which.
        room_id: RoomId,
    }

    /// As host, asks users who are not in the room into it; they need no password.
    "games.command.invite_players" => InvitePlayers {
        /// Where to.
        room_id: RoomId,
        /// Whom.
        #[schemars(length(min = 1, max = INVITED_AT_ONCE_MAX))]
        target_user_ids: Vec<UserId>,
        /// The room that this one opens anew, where it is a rematch.
        rematch_of: Option<RoomId>,
    }

    /// Watches a room.
    #[schemars(extend("anyOf" = [{ "required": ["room_id"] }, { "required": ["room_name"] }]))]
    "games.command.join_as_spectator" | "games.command.spectate" => Spectate {
        /// Which; where it is left out, `room_name` says it.
        room_id: Option<RoomId>,
        /// Its name, where no other room has the same.
        room_name: Option<String>,
        /// Where the room asks for one.
        password: Option<Password>,
        /// The password, which the gateway seals for this command.
        password_sealed: Option<Password>,
    }

    /// Watches no more.
    "games.command.leave_spectate" | "games.command.stop_spectating" => StopSpectating {
        /// Which.
        room_id: RoomId,
    }

    /// Goes from the lobby among the spectators.
    "games.command.become_spectator" => BecomeSpectator {
        /// Where.
        room_id: RoomId,
        /// Whom, as host; oneself where it is left out.
        target_user_id: Option<UserId>,
    }

    /// Goes from among the spectators into the lobby.
    "games.command.become_player" => BecomePlayer {
        /// Where.
        room_id: RoomId,
        /// Oneself: no other is taken.
        target_user_id: Option<UserId>,
    }

    /// As host, sends somebody from the lobby among the spectators.
    "games.command.select_spectator" => SelectSpectator {
        /// Where.
        room_id: RoomId,
        /// Whom.
        target_user_id: UserId,
    }

    /// As host, gives somebody in the lobby a seat: the fee is taken.
    "games.command.select_player" => SelectPlayer {
        /// Where.
        room_id: RoomId,
        /// Whom.
        target_user_id: UserId,
    }

    /// As host, takes the seat back: the fee is refunded.
    "games.command.deselect_player" => DeselectPlayer {
        /// Where.
        room_id: RoomId,
        /// Whom.
        target_user_id: UserId,
    }

    /// Says that one is ready to play, or not any more; with all ready, play begins.
    "games.command.ready" | "games.command.set_ready" => Ready {
        /// Where.
        room_id: RoomId,
        /// Whether one is; one is where it is left out.
        is_ready: Option<bool>,
        /// The same, as other programs spell it.
        #[schemars(extend("deprecated" = true))]
        ready: Option<bool>,
        /// SHA-256 of one's own seed, for a part in the draw.
        seed_commitment: Option<Commitment>,
    }

    /// Reveals the seed behind the commitment, within 5 s of `seeds_requested`.
    "games.command.reveal_seed" => RevealSeed {
        /// Where.
        room_id: RoomId,
        /// 32 bytes, in hex.
        #[schemars(with = "RevealedSeed")]
        client_seed: Seed,
    }

    /// As host, begins below full seats, with at least the game's fewest, all of them ready.
    "games.command.start_game" => StartGame {
        /// Which.
        room_id: RoomId,
    }

    /// As host, sends somebody out, who may come back.
    "games.command.kick_player" => KickPlayer {
        /// Where.
        room_id: RoomId,
        /// Whom.
        target_user_id: UserId,
    }

    /// As host, sends a spectator out, who may come back.
    "games.command.kick_spectator" => KickSpectator {
        /// Where.
        room_id: RoomId,
        /// Whom.
        target_user_id: UserId,
    }

    /// As host, sends somebody out for good.
    "games.command.ban_player" => BanPlayer {
        /// Where.
        room_id: RoomId,
        /// Whom.
        target_user_id: UserId,
    }

    /// As host, lets somebody in again.
    "games.command.unban_player" => UnbanPlayer {
        /// Where.
        room_id: RoomId,
        /// Whom.
        target_user_id: UserId,
    }

    /// As host, keeps somebody from writing in this room's chat.
    "games.command.mute_user" => MuteUser {
        /// Where.
        room_id: RoomId,
        /// Whom.
        target_user_id: UserId,
    }

    /// As host, lets somebody write again.
    "games.command.unmute_user" => UnmuteUser {
        /// Where.
        room_id: RoomId,
        /// Whom.
        target_user_id: UserId,
    }

    /// Writes into one of the room's chat channels.
    "games.command.send_chat" => SendChat {
        /// Where.
        room_id: RoomId,
        /// In which of its channels.
        channel: Channel,
        /// As typed.
        content: Content,
    }

    /// Asks for what was written in a channel of the room.
    "games.command.get_chat_history" => GetChatHistory {
        /// Where.
        room_id: RoomId,
        /// Of which channel.
        channel: Channel,
        /// The most messages, the newest ones; all that are kept where it is left out.
        limit: Option<u32>,
    }

    /// Writes to one user.
    "chat.command.send_message" => SendMessage {
        /// To whom.
        recipient_id: UserId,
        /// As typed.
        content: Content,
    }

    /// Writes to everyone who is connected.
    "chat.command.send_lobby_message" => SendLobbyMessage {
        /// `main`, the one lobby.
        lobby_id: String,
        /// As typed.
        content: Content,
    }

    /// Says that one is writing to somebody.
    "chat.command.typing" => Typing {
        /// Who is to see it.
        recipient_id: UserId,
    }

    /// Says that one has read messages.
    "chat.command.mark_read" => MarkRead {
        /// Which.
        #[schemars(length(min = 1, max = READ_AT_ONCE_MAX))]
        message_ids: Vec<Uuid>,
    }

    /// Asks for a page of the payment provider to pay in on.
    "wallet.command.top_up" => TopUp {
        /// How much.
        amount_cents: Cents,
        /// Where to go after paying: an address of this site.
        success_url: Option<String>,
        /// Where to go instead.
        cancel_url: Option<String>,
    }

    /// Asks for a payment not to be made any more. It stays open until it is told to be `expired`.
    "wallet.command.cancel_top_up" => CancelTopUp {
        /// The payment's request.
        request_id: Uuid,
    }

    /// Limits what one may pay in. A lower limit counts at once, a higher one a day later.
    "wallet.command.set_deposit_limit" => SetDepositLimit {
        /// For what.
        period: Period,
        /// Null: no limit.
        amount_cents: Nullable<Cents>,
    }

    /// Keeps oneself from playing and paying in, for days that nobody shortens.
    "wallet.command.exclude_self" => ExcludeSelf {
        /// For how long.
        #[schemars(range(min = 1, max = EXCLUSION_DAYS_MAX))]
        days: u32,
    }
}

/// Has the server play one's seat, or not any more.
#[derive(Debug, Clone, JsonSchema)]
pub struct AutoPlay {
    /// Where.
    pub(super) room_id: RoomId,
    /// Or not any more; it does where it is left out.
    pub(super) enabled: Option<bool>,
}

impl AutoPlay {
    pub(super) fn read(f: &Fields<'_>) -> Result<AutoPlay, InvalidField> {
        Ok(AutoPlay {
            room_id: FromField::from_field(f, "room_id")?,
            enabled: FromField::from_field(f, "enabled")?,
        })
    }
}

fn join(
    room_id: Option<RoomId>,
    room_name: Option<String>,
    password: Option<Password>,
    password_sealed: Option<Password>,
) -> Result<JoinRoom, InvalidField> {
    if room_name.as_deref().is_some_and(is_no_room_name) {
        return Err(InvalidField::Invalid {
            name: "room_name",
            expected: format!(
                "expected 1 to {ROOM_NAME_CHARS_MAX} characters, no control characters"
            ),
        });
    }
    if room_id.is_none() && room_name.is_none() {
        return Err(InvalidField::Missing("room_id` or `room_name"));
    }
    Ok(JoinRoom {
        room_id,
        room_name,
        password: password.map(|Password(text)| text),
        password_sealed: password_sealed.map(|Password(text)| text),
    })
}

/// A list of as many as one command may name.
fn some<T>(
    name: &'static str,
    max: usize,
    what: &str,
    list: Vec<T>,
) -> Result<Vec<T>, InvalidField> {
    if (1..=max).contains(&list.len()) {
        return Ok(list);
    }
    Err(InvalidField::Invalid {
        name,
        expected: format!("expected 1 to {max} {what}"),
    })
}

fn moderate(measure: Measure, room_id: RoomId, target_user_id: UserId) -> Command {
    Command::Moderate {
        room_id,
        measure,
        target_user_id,
    }
}

impl Asked {
    /// What it asks; an error where a value is out of its bounds.
    pub(super) fn into_command(self) -> Result<Command, InvalidField> {
        Ok(match self {
            Asked::CreateRoom(it) => Command::CreateRoom(CreateRoom {
                room_id: it.room_id,
                game_type: it.game_type,
                room_name: it.room_name,
                password: it.password.map(|Password(text)| text),
                password_sealed: it.password_sealed.map(|Password(text)| text),
                max_players: it.max_players,
                allow_spectators: it.allow_spectators.unwrap_or(true),
                invites_bot: it.invites_bot.unwrap_or(false),
                agreed_fee: it.entry_fee_cents,
            }),
            Asked::JoinRoom(it) => Command::JoinRoom(join(
                it.room_id,
                it.room_name,
                it.password,
                it.password_sealed,
            )?),
            Asked::Spectate(it) => Command::Spectate(join(
                it.room_id,
                it.room_name,
                it.password,
                it.password_sealed,
            )?),
            Asked::QuickMatch(it) => Command::QuickMatch(QuickMatch::Asked {
                game_type: it.game_type,
                cancel: it.cancel.unwrap_or(false),
                agreed_fee: it.entry_fee_cents,
            }),
            Asked::ListRooms(it) => Command::ListRooms {
                game_type: it.game_type,
            },
            Asked::RejoinRoom(it) => Command::RejoinRoom {
                room_id: it.room_id,
            },
            Asked::LeaveRoom(it) => Command::LeaveRoom {
                room_id: it.room_id,
            },
            Asked::InvitePlayers(it) => Command::InvitePlayers {
                room_id: it.room_id,
                target_user_ids: some(
                    "target_user_ids",
                    INVITED_AT_ONCE_MAX,
                    "users",
                    it.target_user_ids,
                )?,
                rematch_of: it.rematch_of,
            },
            Asked::StopSpectating(it) => Command::StopSpectating {
                room_id: it.room_id,
            },
            Asked::BecomeSpectator(it) => Command::BecomeSpectator {
                room_id: it.room_id,
                target_user_id: it.target_user_id,
            },
            Asked::SelectSpectator(it) => Command::BecomeSpectator {
                room_id: it.room_id,
                target_user_id: Some(it.target_user_id),
            },
            Asked::BecomePlayer(it) => Command::BecomePlayer {
                room_id: it.room_id,
                target_user_id: it.target_user_id,
            },
            Asked::SelectPlayer(it) => Command::SelectPlayer {
                room_id: it.room_id,
                target_user_id: it.target_user_id,
            },
            Asked::DeselectPlayer(it) => Command::DeselectPlayer {
                room_id: it.room_id,
                target_user_id: it.target_user_id,
            },
            Asked::Ready(it) => Command::Ready {
                room_id: it.room_id,
                is_ready: it.is_ready.or(it.ready).unwrap_or(true),
                seed_commitment: it.seed_commitment,
            },
            Asked::RevealSeed(it) => Command::RevealSeed {
                room_id: it.room_id,
                client_seed: it.client_seed,
            },
            Asked::StartGame(it) => Command::StartGame {
                room_id: it.room_id,
            },
            Asked::KickPlayer(it) => moderate(Measure::KickPlayer, it.room_id, it.target_user_id),
            Asked::KickSpectator(it) => {
                moderate(Measure::KickSpectator, it.room_id, it.target_user_id)
            }
            Asked::BanPlayer(it) => moderate(Measure::Ban, it.room_id, it.target_user_id),
            Asked::UnbanPlayer(it) => moderate(Measure::Unban, it.room_id, it.target_user_id),
            Asked::MuteUser(it) => moderate(Measure::Mute, it.room_id, it.target_user_id),
            Asked::UnmuteUser(it) => moderate(Measure::Unmute, it.room_id, it.target_user_id),
            Asked::SendChat(it) => Command::SendChat {
                room_id: it.room_id,
                channel: it.channel,
                content: it.content,
            },
            Asked::GetChatHistory(it) => Command::GetChatHistory {
                room_id: it.room_id,
                channel: it.channel,
                limit: it.limit,
            },
            Asked::SendMessage(it) => Command::Chat(ChatCommand::SendMessage {
                recipient_id: it.recipient_id,
                content: it.content,
            }),
            Asked::SendLobbyMessage(it) => Command::Chat(ChatCommand::SendLobbyMessage {
                lobby_id: it.lobby_id,
                content: it.content,
            }),
            Asked::Typing(it) => Command::Chat(ChatCommand::Typing {
                recipient_id: it.recipient_id,
            }),
            Asked::MarkRead(it) => Command::Chat(ChatCommand::MarkRead {
                message_ids: some("message_ids", READ_AT_ONCE_MAX, "ids", it.message_ids)?,
            }),
            Asked::TopUp(it) => Command::Wallet(WalletCommand::TopUp {
                amount: it.amount_cents,
                success_url: wallet::short_url("success_url", it.success_url)?,
                cancel_url: wallet::short_url("cancel_url", it.cancel_url)?,
            }),
            Asked::CancelTopUp(it) => Command::Wallet(WalletCommand::CancelTopUp {
                request_id: it.request_id,
            }),
            Asked::SetDepositLimit(it) => Command::Wallet(WalletCommand::SetDepositLimit {
                period: it.period,
                amount: wallet::limit_of(it.amount_cents.0)?,
            }),
            Asked::ExcludeSelf(it) => Command::Wallet(WalletCommand::ExcludeSelf {
                days: wallet::days_of(it.days)?,
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::generate::SchemaSettings;

    #[test]
    fn every_command_has_a_schema_and_says_what_each_field_is() {
        let mut generator = SchemaSettings::draft2020_12()
            .for_deserialize()
            .into_generator();
        let schemas = command_schemas(&mut generator);
        let names: Vec<&str> = schemas
            .iter()
            .flat_map(|command| command.names.iter().copied())
            .collect();
        assert_eq!(names, CLIENT_COMMANDS);
        for command in schemas {
            let schema = command.fields.to_value();
            let described = |schema: &serde_json::Value| schema["description"].is_string();
            assert!(described(&schema), "{:?}", command.names);
            for (name, field) in schema["properties"].as_object().unwrap() {
                assert!(described(field), "{:?}: {name}", command.names);
            }
        }
    }

    #[test]
    fn what_may_be_null_has_to_be_there_all_the_same() {
        let mut generator = SchemaSettings::draft2020_12()
            .for_deserialize()
            .into_generator();
        let schema = asked::SetDepositLimit::json_schema(&mut generator).to_value();
        assert_eq!(
            schema["required"],
            serde_json::json!(["period", "amount_cents"])
        );
    }
}
