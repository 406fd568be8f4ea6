//! What a room says: one type an event, with the wire's field names. `type`, `room_id`, `room_seq`
//! and `after_seq` are added by the shell.

use super::chat::Channel;
use super::view::is_zero;
use super::view::{RoomStatus, RoomView};
use crate::fairness::{Commitment, Seed};
use crate::game::is_false;
use crate::ids::{Millis, RoomId, UserId};
use crate::money::Cents;
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An event of every room, whatever it plays.
pub trait EventBody: Serialize + schemars::JsonSchema {
    /// The event type after `games.event.`.
    const NAME: &'static str;
}

/// An instant as the wire has it: RFC 3339, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp(pub Millis);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.with_text(|any, usual| match usual {
            Some(text) => serializer.serialize_str(text),
            None => serializer.collect_str(&any),
        })
    }
}

impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "An instant: RFC 3339, UTC.",
            "type": "string", "format": "date-time",
        })
    }
}

/// A seed that may be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RevealedSeed(#[serde(with = "super::seed_hex")] pub Seed);

impl schemars::JsonSchema for RevealedSeed {
    fn schema_name() -> Cow<'static, str> {
        "RevealedSeed".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A seed that may be seen: 32 bytes in hex.",
            "type": "string", "pattern": "^[0-9a-f]{64}$",
        })
    }
}

/// A player, in a room's lists and in events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Player {
    /// The user.
    pub user_id: UserId,
    /// The name shown to others.
    pub username: Arc<str>,
    /// Points in the running game.
    pub score: i64,
    /// Whether a selected player has said to be ready.
    pub is_ready: bool,
    /// When the player came into the room.
    pub joined_at: Timestamp,
    /// Whether it is a bot of the house; left out where it is not.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_bot: bool,
}

/// A player by id and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "UserRef")]
pub struct PlayerName {
    /// The user.
    pub user_id: UserId,
    /// The name shown to others.
    pub username: Arc<str>,
    /// Whether it is a bot of the house; left out where it is not.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_bot: bool,
}

macro_rules! events {
    ($(
        $(#[$doc:meta])*
        $wire:literal $name:ident { $( $(#[$field_doc:meta])* $field:ident: $type:ty, )* }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
            pub struct $name { $( $(#[$field_doc])* pub $field: $type, )* }

            impl EventBody for $name {
                const NAME: &'static str = $wire;
            }
        )*

        /// A JSON Schema of each event's fields, by event name.
        pub fn schemas() -> BTreeMap<&'static str, serde_json::Value> {
            BTreeMap::from([$( ($wire, schemars::schema_for!($name).to_value()), )*])
        }

        /// The same, with what they refer to among the generator's definitions.
        pub fn schemas_in(generator: &mut schemars::SchemaGenerator) -> Vec<(&'static str, schemars::Schema)> {
            vec![$( ($wire, <$name as schemars::JsonSchema>::json_schema(generator)), )*]
        }
    };
}

events! {
    /// A room was opened. Broadcast.
    "room_created" RoomCreated {
        /// Its name.
        room_name: Arc<str>,
        /// Its game.
        game_type: Arc<str>,
        /// Who opened it.
        host_id: UserId,
        /// Who opened it, by name.
        host_username: Arc<str>,
        /// Whether joining asks for a password.
        is_password_protected: bool,
        /// Seats wanted.
        player_count: u32,
        /// Whether others may watch.
        allow_spectators: bool,
        /// What a seat costs.
        entry_fee_cents: Cents,
        /// What the winner gets if all seats are taken.
        prize_cents: Cents,
        /// The commitment to the first server seed.
        seed_commitment: Commitment,
        /// Whether the host asks for the house's bot; left out where not.
        #[serde(default, skip_serializing_if = "is_false")]
        invites_bot: bool,
    }

    /// The host asks users who are not in the room into it; they need no password. To them and to the host.
    "room_invited" RoomInvited {
        /// Its name.
        room_name: Arc<str>,
        /// Its game.
        game_type: Arc<str>,
        /// Who asks.
        host_id: UserId,
        /// Who asks, by name.
        host_username: Arc<str>,
        /// Seats.
        max_players: u32,
        /// What a seat costs.
        entry_fee_cents: Cents,
        /// What the winner gets if all seats are taken.
        prize_cents: Cents,
        /// The room that it opens anew, as the host says; left out where it is no rematch.
        #[serde(skip_serializing_if = "Option::is_none")]
        rematch_of: Option<RoomId>,
    }

    /// A listed room's line has changed. Broadcast.
    "room_updated" RoomUpdated {
        /// Its name.
        room_name: Arc<str>,
        /// Its game.
        game_type: Arc<str>,
        /// Its host.
        host_id: UserId,
        /// Its host's name.
        host_name: Arc<str>,
        /// Where it stands.
        status: RoomStatus,
        /// People in lobby and seats.
        player_count: u32,
        /// People watching.
        spectator_count: u32,
        /// Seats.
        max_players: u32,
        /// Whether joining asks for a password.
        is_password_protected: bool,
        /// Whether others may watch.
        allow_spectators: bool,
        /// What a seat costs.
        entry_fee_cents: Cents,
        /// What the winner gets if all seats are taken.
        prize_cents: Cents,
        /// Bots among the people; left out where there are none.
        #[serde(default, skip_serializing_if = "is_zero")]
        bot_count: u32,
        /// Whether the host asks for the house's bot; left out where not.
        #[serde(default, skip_serializing_if = "is_false")]
        invites_bot: bool,
    }

    /// A room is no longer listed. Broadcast.
    "room_removed" RoomRemoved {
        /// Its name.
        room_name: Arc<str>,
        /// Why.
        reason: RemovalReason,
    }

    /// The whole room, for one user.
    "room_state" RoomState {
        /// The room.
        room: RoomView,
    }

    /// The answer to one who asks for a room's state and is not in it.
    "not_in_room" NotInRoom {
        /// The room's name.
        room_name: Arc<str>,
        /// Where it stands.
        status: RoomStatus,
        /// Whether joining asks for a password.
        is_password_protected: bool,
        /// Whether others may watch.
        allow_spectators: bool,
    }

    /// Somebody came into the lobby, from outside or from among the spectators.
    "lobby_joined" LobbyJoined {
        /// Who.
        player: Player,
    }

    /// Somebody left.
    "player_left" PlayerLeft {
        /// Who.
        user_id: UserId,
        /// Who, by name.
        username: Arc<str>,
    }

    /// The host sent somebody out, who may come back. A fee that was paid is refunded.
    "player_kicked" PlayerKicked {
        /// Who.
        user_id: UserId,
        /// Who, by name.
        username: Arc<str>,
    }

    /// The host let nobody of this name in any more; whoever was here is out. A fee that was paid
    /// is refunded.
    "player_banned" PlayerBanned {
        /// Who.
        user_id: UserId,
        /// Who, by name.
        username: Arc<str>,
    }

    /// Somebody who was banned may come in again.
    "player_unbanned" PlayerUnbanned {
        /// Who.
        user_id: UserId,
        /// Who, by name.
        username: Arc<str>,
    }

    /// Somebody may not chat here any more.
    "user_muted" UserMuted {
        /// Who.
        target_user_id: UserId,
        /// Who, by name.
        target_username: Arc<str>,
    }

    /// Somebody may chat here again.
    "user_unmuted" UserUnmuted {
        /// Who.
        target_user_id: UserId,
        /// Who, by name.
        target_username: Arc<str>,
    }

    /// Somebody watches now, coming from outside or out of the lobby.
    "spectator_joined" SpectatorJoined {
        /// Who.
        spectator_id: UserId,
        /// Who, by name.
        spectator_name: Arc<str>,
        /// How many watch now.
        spectator_count: u32,
        /// Who, as in other events.
        user_id: UserId,
        /// Who, by name, as in other events.
        username: Arc<str>,
    }

    /// Somebody watches no more. Where more than 50 watched, only the one who left is told.
    "spectator_left" SpectatorLeft {
        /// Who.
        user_id: UserId,
        /// Who, by name.
        username: Arc<str>,
        /// How many watch now.
        spectator_count: u32,
    }

    /// The host sent a spectator out.
    "spectator_kicked" SpectatorKicked {
        /// Who.
        user_id: UserId,
        /// Who, by name.
        username: Arc<str>,
        /// How many watch now.
        spectator_count: u32,
    }

    /// How many watch, at most once a second: above 50 in place of who comes and goes.
    "spectators_updated" SpectatorsUpdated {
        /// How many.
        spectator_count: u32,
        /// Who, in the order of coming: once they are no more than 50 again.
        #[serde(skip_serializing_if = "Option::is_none")]
        spectators_data: Option<Vec<Player>>,
    }

    /// The host left or was removed; another hosts the room now.
    "host_changed" HostChanged {
        /// The new host.
        host_id: UserId,
        /// The new host's name.
        host_username: Arc<str>,
    }

    /// Somebody's last connection is gone, or somebody left the running game.
    "player_disconnected" PlayerDisconnected {
        /// Who.
        user_id: UserId,
        /// Who, by name.
        username: Arc<str>,
        /// From when the absence counts: the server plays the seat, or the place
        /// before play is given up.
        timeout_at: Option<Timestamp>,
    }

    /// Somebody absent is back.
    "player_rejoined" PlayerRejoined {
        /// Who.
        user_id: UserId,
        /// Who, by name.
        username: Arc<str>,
    }

    /// The host gave somebody a seat, and the fee is paid.
    "player_selected" PlayerSelected {
        /// Who.
        player: Player,
    }

    /// Somebody lost the seat, and the fee is refunded.
    "player_deselected" PlayerDeselected {
        /// Who.
        user_id: UserId,
        /// Who, by name.
        username: Arc<str>,
    }

    /// Who has a seat after a change that took one.
    "selected_players_updated" SelectedPlayersUpdated {
        /// In seat order.
        selected_players: Vec<UserId>,
    }

    /// The seats are taken and the one addressed has none.
    "removed_from_game" RemovedFromGame {
        /// The one addressed.
        user_id: UserId,
        /// For a program.
        reason: Cow<'static, str>,
        /// For a person.
        message: Cow<'static, str>,
    }

    /// All seats are taken; who is not ready by the deadline loses the seat.
    "game_starting" GameStarting {
        /// In seat order.
        players: Vec<Player>,
        /// When.
        deadline: Timestamp,
    }

    /// Somebody is ready, or not any more.
    "player_ready_changed" PlayerReadyChanged {
        /// Who.
        user_id: UserId,
        /// Who, by name.
        username: Arc<str>,
        /// Now.
        is_ready: bool,
    }

    /// The commitments are frozen; their seeds are wanted by the deadline.
    "seeds_requested" SeedsRequested {
        /// The commitment to the server seed of this game.
        seed_commitment: Commitment,
        /// In seat order; null for a seat that takes no part in the draw.
        commitments: Vec<Option<Commitment>>,
        /// When.
        deadline: Timestamp,
    }

    /// Somebody did not reveal in time.
    "seed_voided" SeedVoided {
        /// Who.
        user_id: UserId,
    }

    /// The set of selected players changed, and with it the server seed.
    "seed_renewed" SeedRenewed {
        /// The commitment to the new one.
        seed_commitment: Commitment,
        /// The old one, which no game was played with.
        previous_server_seed: RevealedSeed,
    }

    /// Play begins.
    "game_started" GameStarted {
        /// The game.
        game_type: Arc<str>,
        /// In seat order.
        players: Vec<PlayerName>,
        /// Who begins.
        #[serde(skip_serializing_if = "Option::is_none")]
        first_turn: Option<UserId>,
        /// The seats' commitments, in seat order.
        commitments: Vec<Option<Commitment>>,
        /// The seats' seeds, in seat order.
        seeds: Vec<Option<RevealedSeed>>,
    }

    /// Somebody's turn has begun, or (with the same number) its deadline has moved.
    "turn_changed" TurnChanged {
        /// Whose.
        current_turn: UserId,
        /// From 1.
        turn_number: u64,
        /// When the server moves instead; null where the game sets no time.
        deadline: Option<Timestamp>,
    }

    /// The server plays somebody's seat because that player wants so.
    "player_auto_enabled" PlayerAutoEnabled {
        /// Who.
        user_id: UserId,
        /// Who, by name.
        username: Arc<str>,
    }

    /// The player plays again.
    "player_auto_disabled" PlayerAutoDisabled {
        /// Who.
        user_id: UserId,
        /// Who, by name.
        username: Arc<str>,
    }

    /// Somebody wrote into a channel of the room's chat.
    "chat_message" ChatMessage {
        /// Where.
        channel: Channel,
        /// Unlike any other's.
        message_id: String,
        /// Who.
        user_id: UserId,
        /// Who, by name.
        username: Arc<str>,
        /// As it was written: a client shows it as text.
        content: String,
        /// Whether the room itself says it.
        is_system: bool,
        /// When.
        timestamp: Timestamp,
    }

    /// The room's last event, however it ended.
    "seed_revealed" SeedRevealed {
        /// The seed that the game's draws came from.
        server_seed: RevealedSeed,
        /// What had been published before play.
        seed_commitment: Commitment,
    }
}

/// Why a room is no longer listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RemovalReason {
    /// Play has begun.
    GameStarted,
    /// Nobody is left.
    Abandoned,
    /// Closed before its end.
    Cancelled,
}
