//! A room from lobby to settlement, as one deterministic state machine. The shell feeds it inputs,
//! stores what comes out, and never looks inside.

mod chat;
pub mod events;
mod invitations;
mod lobby;
mod moderation;
pub mod pause;
mod play;
mod roster;
mod seats;
mod settle;
mod snapshot;
mod spectators;
mod state;
mod view;

pub use chat::Channel;
pub use moderation::Measure;
pub use settle::removal_of_unloaded;
pub use snapshot::{LoadError, RULES_VERSION, saved_rules_version, saved_versions};
pub use state::Room;
pub use view::{RoomStatus, RoomSummary, RoomView};

use crate::fairness::{Commitment, Seed};
use crate::game::{SeatedPlayer, is_false};
use crate::ids::{Millis, RoomId, UserId};
use crate::json::{JsonObject, push_number, push_signed, push_text, put_on_one_line};
use crate::ledger::Transfer;
use crate::money::Cents;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// One applied input: what the journal keeps, and all that a decision depends on beside the state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Input {
    /// When it is decided; never before an earlier input's.
    pub now: Millis,
    /// Who asks; the system itself for deadlines, shifts and disconnects.
    pub by: SeatedPlayer,
    /// Balances of the accounts that [`Action::accounts`] names, in minor units.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub balances: Vec<(UserId, Cents)>,
    /// What is asked.
    pub action: Action,
}

impl Input {
    /// Adds its JSON on one line, otherwise byte for byte as serde writes it: moves, which are most
    /// inputs, by hand.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let begin = out.len();
        self.write_as_serde(out);
        // A move's fields are as the player wrote them.
        put_on_one_line(&mut out[begin..]);
    }

    fn write_as_serde(&self, out: &mut Vec<u8>) {
        let Input {
            now,
            by:
                SeatedPlayer {
                    user_id,
                    username,
                    is_bot: false,
                },
            balances,
            action:
                Action::Move {
                    game_type,
                    name,
                    fields,
                },
        } = self
        else {
            return self.write_any(out);
        };
        if !balances.is_empty() {
            return self.write_any(out);
        }
        out.reserve(fields.get().len() + 192);
        out.extend_from_slice(br#"{"now":"#);
        push_signed(out, now.0);
        out.extend_from_slice(br#","by":{"user_id":""#);
        push_number(out, user_id.get());
        out.extend_from_slice(br#"","username":"#);
        push_text(out, username);
        out.extend_from_slice(br#"},"action":{"move":{"game_type":"#);
        push_text(out, game_type);
        out.extend_from_slice(br#","name":"#);
        push_text(out, name);
        out.extend_from_slice(br#","fields":"#);
        out.extend_from_slice(fields.get().as_bytes());
        out.extend_from_slice(b"}}}");
    }

    fn write_any(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(out, self).expect("inputs are plain JSON values");
    }
}

/// Whether a password came with the command, and whether it was the room's. Passwords themselves
/// never reach the rules or the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum PasswordCheck {
    /// None was given.
    #[default]
    Absent,
    /// It is the room's.
    Match,
    /// It is not.
    Mismatch,
}

/// What an operator bounds in every room; a room keeps what it was opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomLimits {
    /// How many may watch.
    #[serde(default = "max_spectators", skip_serializing_if = "is_max_spectators")]
    pub max_spectators: u32,
    /// How long a room goes on that only spectators are in.
    #[serde(
        default = "abandoned_after",
        skip_serializing_if = "is_abandoned_after"
    )]
    pub abandoned_after_ms: i64,
}

impl Default for RoomLimits {
    fn default() -> RoomLimits {
        RoomLimits {
            max_spectators: max_spectators(),
            abandoned_after_ms: abandoned_after(),
        }
    }
}

fn max_spectators() -> u32 {
    1_000
}

fn is_max_spectators(count: &u32) -> bool {
    *count == max_spectators()
}

fn abandoned_after() -> i64 {
    30 * 60_000
}

fn is_abandoned_after(ms: &i64) -> bool {
    *ms == abandoned_after()
}

/// Everything that can happen to a room.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// `create_room`; fee and percentage are those in force now.
    Create {
        /// The new room.
        room_id: RoomId,
        /// A registered game.
        game_type: String,
        /// As the host typed it.
        room_name: String,
        /// Wanted seats; the game's quick seats where not given.
        max_players: Option<u32>,
        /// Whether others may watch.
        allow_spectators: bool,
        /// Whether joining asks for a password.
        is_password_protected: bool,
        /// What a seat costs here.
        entry_fee: Cents,
        /// The winner's share in percent.
        prize_percent: u8,
        /// Whether the host asks for the house's bot.
        #[serde(default, skip_serializing_if = "is_false")]
        invites_bot: bool,
        /// Those whom quick match has brought together, the host among them: seated from the first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        seated: Vec<SeatedPlayer>,
        /// The bounds in force now.
        #[serde(flatten)]
        limits: RoomLimits,
    },
    /// `join_room`
    Join {
        /// The outcome of the password check.
        password: PasswordCheck,
    },
    /// `spectate`, `join_as_spectator`
    Spectate {
        /// The outcome of the password check.
        password: PasswordCheck,
    },
    /// `stop_spectating`, `leave_spectate`
    StopSpectating,
    /// `become_spectator`; `select_spectator` by the host
    BecomeSpectator {
        /// Whom; oneself where none is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<UserId>,
    },
    /// `become_player`
    BecomePlayer,
    /// The asker has been refused for a wrong password: it counts.
    WrongPassword,
    /// What a host does to somebody.
    Moderate {
        /// What.
        measure: Measure,
        /// To whom.
        target: UserId,
    },
    /// `invite_players`
    Invite {
        /// Whom.
        users: Vec<UserId>,
        /// The room that this one opens anew, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rematch_of: Option<RoomId>,
    },
    /// `leave_room`
    Leave,
    /// `rejoin_room`
    Rejoin,
    /// `select_player`
    Select {
        /// Whom.
        target: UserId,
    },
    /// `deselect_player`
    Deselect {
        /// Whom.
        target: UserId,
    },
    /// `ready`, `set_ready`
    Ready {
        /// Or not any more.
        is_ready: bool,
        /// SHA-256 of the player's own seed, if the player takes part in the draw.
        seed_commitment: Option<Commitment>,
    },
    /// `reveal_seed`
    RevealSeed {
        /// The seed behind the commitment.
        #[serde(with = "seed_hex")]
        client_seed: Seed,
    },
    /// `start_game`
    Start,
    /// `<game>.enable_auto_play`
    AutoPlay {
        /// On or off.
        enabled: bool,
    },
    /// `<game>.<move>`
    Move {
        /// The game named by the command.
        game_type: String,
        /// The move's name.
        name: String,
        /// The command's payload.
        fields: Box<RawValue>,
    },
    /// `send_chat`
    Chat {
        /// Where.
        channel: Channel,
        /// What; its length and characters were checked before.
        content: String,
    },
    /// The user's last connection is gone.
    Disconnected {
        /// Who.
        user: UserId,
    },
    /// The user signed in, or saw a gap: answer with the room's state, and take an absent player back.
    Sync {
        /// Who.
        user: UserId,
    },
    /// [`Room::next_deadline`] has come.
    Deadline,
    /// Nobody could act for so long: deadlines move back by it.
    Shift {
        /// Milliseconds.
        by_ms: i64,
    },
    /// The game fails: the room ends, and everybody's fee goes back.
    CallOff,
    /// An operator ends the room, and everybody's fee goes back.
    Close,
    /// The same where the room can not be loaded: its fees went back by the ledger, and of its events none was made.
    CloseUnloaded,
}

impl Action {
    /// The players whose balance the decision needs in [`Input::balances`].
    pub fn accounts(&self, by: UserId) -> Vec<UserId> {
        match self {
            Action::Join { .. } | Action::BecomePlayer => vec![by],
            Action::Select { target } => vec![*target],
            Action::Create { seated, .. } => seated.iter().map(|player| player.user_id).collect(),
            _ => Vec::new(),
        }
    }
}

/// What an input caused.
#[derive(Debug, Clone, Default)]
pub struct Effects {
    /// In order.
    pub events: Vec<RoomEvent>,
    /// In order; each applies, or the whole input does not.
    pub transfers: Vec<Transfer>,
    /// False where the input only asked and changed nothing, so that no journal needs it.
    pub changed: bool,
}

/// An event of a room.
#[derive(Debug, Clone)]
pub struct RoomEvent {
    /// `player_selected`, `bigger_dice.rolled`: the event type after `games.event.`.
    pub name: Cow<'static, str>,
    /// Who gets it.
    pub audience: EventAudience,
    /// Its place among the room's events.
    pub order: Order,
    /// A JSON object: its fields beside `type`, `room_id`, `room_seq` and `after_seq`.
    pub body: JsonObject,
    /// Whose place in the room changes with it.
    pub membership: Vec<(UserId, Membership)>,
}

/// Who gets an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventAudience {
    /// Everyone in the room: lobby, players, spectators.
    Room,
    /// Everyone in the room but spectators.
    Players,
    /// Spectators alone.
    Spectators,
    /// One user, about this room.
    User(UserId),
    /// Several users, about this room.
    Users(Vec<UserId>),
    /// Everyone connected (who looks at the lobby).
    Broadcast,
}

/// Where an event stands among its room's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The room-wide event with this `room_seq`, dense from 1.
    Room(u64),
    /// A narrower one after the room-wide event `after_seq`.
    After(u64),
    /// A broadcast about the room: outside its order.
    Outside,
}

/// What a user is to a room, as gateways route by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Membership {
    /// Seated or selected.
    Player,
    /// Waiting in the lobby.
    Lobby,
    /// Watching.
    Spectator,
    /// Not in the room (any more).
    None,
}

mod seed_hex {
    use crate::fairness::Seed;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(seed: &Seed, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&seed.to_hex())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Seed, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn inputs_are_written_as_serde_writes_them(
            now: i64, user in 0..1_u64 << 53, username: String, game_type: String, name: String,
            is_bot: bool, balance in proptest::option::of(0..9_i64), data: String,
        ) {
            let by = SeatedPlayer { user_id: UserId::new(user).unwrap(), username: username.into(), is_bot };
            let fields = serde_json::value::to_raw_value(&[data]).unwrap();
            let balances = balance.map(|balance| (by.user_id, Cents(balance))).into_iter().collect();
            let action = Action::Move { game_type, name, fields };
            for action in [action, Action::Leave] {
                let input = Input { now: Millis(now), by: by.clone(), balances: Vec::clone(&balances), action };
                let mut out = b"before".to_vec();
                input.write_json(&mut out);
                prop_assert_eq!(String::from_utf8(out).unwrap(), format!("before{}", serde_json::to_string(&input).unwrap()));
            }
        }
    }

    #[test]
    fn an_input_is_one_line_however_its_fields_were_written() {
        for is_bot in [false, true] {
            let by = SeatedPlayer {
                is_bot,
                ..SeatedPlayer::person(UserId::SYSTEM, "a\nb")
            };
            let text = "{\"x\":{\r\n\"y\":\t\"\\n\"\n}}";
            let action = Action::Move {
                game_type: "g".to_owned(),
                name: "m".to_owned(),
                fields: RawValue::from_string(text.to_owned()).unwrap(),
            };
            let input = Input {
                now: Millis(1),
                by,
                balances: Vec::new(),
                action,
            };
            let mut out = b"before\n".to_vec();
            input.write_json(&mut out);
            let written = String::from_utf8(out).unwrap();
            let line = written.strip_prefix("before\n").unwrap();
            assert!(!line.contains(['\n', '\r']), "{line:?}");
            assert!(
                line.ends_with("\"fields\":{\"x\":{  \"y\":\t\"\\n\" }}}}}"),
                "{line:?}"
            );
            assert!(line.contains("a\\nb"), "{line:?}");
        }
    }
}
