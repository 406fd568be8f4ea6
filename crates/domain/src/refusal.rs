//! Every way the rules can say no. A refusal is data that travels to the one who asked; it is never
//! an error of the machine.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

macro_rules! refusal_codes {
    ($($(#[$doc:meta])* $name:ident => $code:literal, $message:literal;)*) => {
        /// The closed set of refusal codes, in order of precedence: where several apply, the first is given.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum RefusalCode { $($(#[$doc])* #[serde(rename = $code)] $name,)* }

        impl RefusalCode {
            /// Every code, in order of precedence.
            pub const ALL: &'static [RefusalCode] = &[$(RefusalCode::$name,)*];

            /// The code as it stands on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(RefusalCode::$name => $code,)* }
            }

            /// What it means, for a person, where nothing more exact is known.
            pub fn message(self) -> &'static str {
                match self { $(RefusalCode::$name => $message,)* }
            }
        }
    };
}

refusal_codes! {
    /// The machine cannot take it now; try again.
    Unavailable => "unavailable", "The server cannot do this right now; try again";
    /// A game's own code failed; the room goes on unchanged.
    Internal => "internal", "The game failed on this input; nothing was changed";
    /// A field is missing or of the wrong type.
    InvalidFormat => "invalid_format", "The command is not well-formed";
    /// No such command.
    UnknownCommand => "unknown_command", "There is no such command";
    /// The command is too old, or from the future.
    CommandExpired => "command_expired", "The command is too old, or ahead of the server's time; send it again as a new one";
    /// No such game here.
    UnknownGame => "unknown_game", "There is no such game here";
    /// A room's name is empty, too long or has control characters.
    InvalidName => "invalid_name", "A room's name has 1 to 50 visible characters";
    /// A number of players that the game does not play with.
    InvalidPlayerCount => "invalid_player_count", "The game is not played with so many players";
    /// In as many rooms as one may be.
    TooManyRooms => "too_many_rooms", "You are in too many rooms; leave one first";
    /// No way to pay is set up.
    PaymentsUnavailable => "payments_unavailable", "Nothing can be paid in here";
    /// The player wanted to be kept out for this long.
    SelfExcluded => "self_excluded", "The player is excluded by their own wish";
    /// No such room.
    RoomNotFound => "room_not_found", "The room does not exist";
    /// Several rooms have this name.
    AmbiguousRoomName => "ambiguous_room_name", "Several rooms have this name; join by room_id";
    /// No such lobby.
    LobbyNotFound => "lobby_not_found", "There is no such lobby";
    /// No such user.
    UserNotFound => "user_not_found", "There is no such user";
    /// No payment of one's own.
    PaymentNotFound => "payment_not_found", "You have asked for no such payment";
    /// The other's account is closed or banned.
    AccountClosed => "account_closed", "This account is closed; it gets no messages any more";
    /// Banned from this room.
    Banned => "banned", "You are banned from this room";
    /// Already in this room.
    AlreadyInRoom => "already_in_room", "You are already in this room";
    /// Not in this room.
    NotInRoom => "not_in_room", "You are not in this room";
    /// Too often in too short a time.
    RateLimited => "rate_limited", "Too many attempts; try again later";
    /// The password does not match.
    WrongPassword => "wrong_password", "Incorrect room password";
    /// Not the host.
    NotHost => "not_host", "Only the room's host can do this";
    /// Oneself as the target.
    CannotTargetSelf => "cannot_target_self", "You cannot do this to yourself";
    /// The room does not play this game.
    WrongGame => "wrong_game", "The room plays another game";
    /// The game has begun.
    GameInProgress => "game_in_progress", "The game is in progress";
    /// The game has not begun.
    GameNotStarted => "game_not_started", "The game has not started";
    /// Another's turn.
    NotYourTurn => "not_your_turn", "It is not your turn";
    /// The game's rules forbid the move.
    InvalidMove => "invalid_move", "The move is not allowed";
    /// The target is not in the lobby.
    PlayerNotInLobby => "player_not_in_lobby", "The player is not in the room's lobby";
    /// The target has been selected already.
    AlreadySelected => "already_selected", "The player is already selected";
    /// The target is not selected.
    NotSelected => "not_selected", "The player is not selected";
    /// The revealed seed is not the one committed to.
    SeedMismatch => "seed_mismatch", "The seed does not match its commitment";
    /// The payment is paid, on its way, or at its end.
    PaymentNotOpen => "payment_not_open", "The payment can not be cancelled any more";
    /// Somebody selected is not ready.
    NotAllReady => "not_all_ready", "Not all selected players are ready";
    /// Fewer players than the game needs.
    NotEnoughPlayers => "not_enough_players", "The game needs more players";
    /// No room for another player.
    RoomFull => "room_full", "The room has reached its number of players";
    /// Not an address of this deployment.
    InvalidUrl => "invalid_url", "This is no address of this site";
    /// Not an amount that can be paid in.
    InvalidAmount => "invalid_amount", "This amount can not be paid in";
    /// More than the player or the operator wanted to be paid in.
    DepositLimit => "deposit_limit", "This is more than may be paid in now";
    /// A seat costs something else than was agreed to, or wins another share.
    FeeChanged => "fee_changed", "The fee is another by now; ask again to agree to it";
    /// Less money than the fee.
    InsufficientBalance => "insufficient_balance", "Not enough balance for the game's fee";
    /// The room takes no spectators.
    SpectatorsNotAllowed => "spectators_not_allowed", "The room takes no spectators";
    /// No room for another spectator.
    SpectatorsFull => "spectators_full", "The room has reached its number of spectators";
    /// Not a spectator.
    NotASpectator => "not_a_spectator", "You are not a spectator of this room";
    /// The target is not banned.
    NotBanned => "not_banned", "The player is not banned";
    /// The chat channel is not for this one.
    ChannelAccessDenied => "channel_access_denied", "This chat channel is not open to you";
    /// Muted by the host.
    Muted => "muted", "You are muted in this room";
    /// A text past its bound.
    TooLong => "too_long", "The text is too long";
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A command refused: its code and what to tell a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Refusal {
    /// The wire's code.
    pub code: RefusalCode,
    /// For a person.
    pub message: Cow<'static, str>,
}

impl Refusal {
    /// A refusal that says more than its code's own message.
    pub fn because(code: RefusalCode, message: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal {
            code,
            message: message.into(),
        }
    }
}

impl From<RefusalCode> for Refusal {
    fn from(code: RefusalCode) -> Refusal {
        Refusal {
            code,
            message: Cow::Borrowed(code.message()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_and_read_as_on_the_wire() {
        for code in RefusalCode::ALL {
            let json = format!("\"{code}\"");
            assert_eq!(serde_json::to_string(code).unwrap(), json);
            assert_eq!(serde_json::from_str::<RefusalCode>(&json).unwrap(), *code);
        }
        let contract = "room_not_found room_full not_your_turn game_not_started already_in_room \
                        banned wrong_password insufficient_balance";
        for code in contract.split_whitespace() {
            assert!(
                RefusalCode::ALL.iter().any(|known| known.as_str() == code),
                "{code}"
            );
        }
    }

    #[test]
    fn the_list_is_in_order_of_precedence() {
        assert!(RefusalCode::ALL.is_sorted());
    }
}
