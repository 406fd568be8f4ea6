//! What comes of each command: the events that answer it, and the refusals that it can meet beside the general ones. The
//! harness of the system's tests holds every refusal that it sees against these.

use blazing_sun_domain::RefusalCode::{self, *};

/// What comes of a command.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// What is said, in its order: to the room where nothing else is said of an event.
    pub events: &'static str,
    /// Why it may be refused.
    pub refusals: &'static [RefusalCode],
}

/// Why any command may be refused, by a backend.
pub const GENERAL: &[RefusalCode] = &[
    Unavailable,
    Internal,
    InvalidFormat,
    UnknownCommand,
    CommandExpired,
];

const fn outcome(events: &'static str, refusals: &'static [RefusalCode]) -> Outcome {
    Outcome { events, refusals }
}

/// The codes of all refusals that a command can meet.
pub fn refusals(command: &str) -> Vec<&'static str> {
    let codes = of(command).refusals.iter().chain(GENERAL);
    codes.map(|code| code.as_str()).collect()
}

/// What comes of this command.
pub fn of(command: &str) -> Outcome {
    let name = command.strip_prefix("games.command.").unwrap_or(command);
    match name {
        "create_room" => outcome(
            "`room_created` to everyone, `room_state` to the host",
            &[
                UnknownGame,
                InvalidName,
                InvalidPlayerCount,
                TooManyRooms,
                SelfExcluded,
                FeeChanged,
                AlreadyInRoom,
            ],
        ),
        "join_room" => outcome(
            "`room_state` to the one who joins, `lobby_joined`",
            &[
                RoomNotFound,
                AmbiguousRoomName,
                Banned,
                AlreadyInRoom,
                WrongPassword,
                RateLimited,
                RoomFull,
                GameInProgress,
                InsufficientBalance,
                TooManyRooms,
                SelfExcluded,
            ],
        ),
        "quick_match" => outcome(
            "`quick_match_waiting` to those who wait; with enough of them a room opens, all selected and their fees taken. A place taken at a fee that is another by now is given back with `fee_changed` once somebody else asks",
            &[
                UnknownGame,
                InsufficientBalance,
                FeeChanged,
                TooManyRooms,
                SelfExcluded,
                InvalidFormat,
            ],
        ),
        "list_rooms" => outcome("`room_list` to the one who asks", &[UnknownGame]),
        "rejoin_room" => outcome(
            "`room_state` and the game's state to the one who is back, `player_rejoined`; `not_in_room` to a stranger",
            &[RoomNotFound, NotInRoom],
        ),
        "leave_room" => outcome(
            "`player_left`; the fee is refunded before play, and not in it; a host who leaves hands over: `host_changed`",
            &[RoomNotFound, NotInRoom],
        ),
        "invite_players" => outcome(
            "`room_invited` to them and to the host",
            &[
                RoomNotFound,
                NotInRoom,
                NotHost,
                CannotTargetSelf,
                Banned,
                RateLimited,
                GameInProgress,
            ],
        ),
        "join_as_spectator" => outcome(
            "`room_state` to the one who watches, `spectator_joined`",
            &[
                RoomNotFound,
                AmbiguousRoomName,
                Banned,
                AlreadyInRoom,
                WrongPassword,
                RateLimited,
                SpectatorsNotAllowed,
                SpectatorsFull,
                TooManyRooms,
            ],
        ),
        "leave_spectate" => outcome(
            "`spectator_left`",
            &[RoomNotFound, NotInRoom, NotASpectator],
        ),
        "become_spectator" | "select_spectator" => outcome(
            "`room_state` to the one who watches now, `spectator_joined`",
            &[
                AlreadyInRoom,
                AlreadySelected,
                RoomNotFound,
                NotInRoom,
                NotHost,
                GameInProgress,
                PlayerNotInLobby,
                SpectatorsNotAllowed,
                SpectatorsFull,
            ],
        ),
        "become_player" => outcome(
            "`lobby_joined`",
            &[
                RoomNotFound,
                NotInRoom,
                NotHost,
                GameInProgress,
                RoomFull,
                NotASpectator,
                InsufficientBalance,
                SelfExcluded,
            ],
        ),
        "select_player" => outcome(
            "`player_selected`; with all seats taken `removed_from_game` to the rest, then `game_starting`",
            &[
                RoomNotFound,
                NotInRoom,
                NotHost,
                GameInProgress,
                PlayerNotInLobby,
                AlreadySelected,
                RoomFull,
                InsufficientBalance,
                SelfExcluded,
            ],
        ),
        "deselect_player" => outcome(
            "`player_deselected`, `selected_players_updated`, `seed_renewed`",
            &[
                RoomNotFound,
                NotInRoom,
                NotHost,
                GameInProgress,
                NotSelected,
            ],
        ),
        "ready" => outcome(
            "`player_ready_changed`; with all ready `seeds_requested` where anyone committed to a seed, else `game_started` and `turn_changed`",
            &[RoomNotFound, NotInRoom, GameInProgress, NotSelected],
        ),
        "reveal_seed" => outcome(
            "with the last of them `game_started` and `turn_changed`",
            &[
                RoomNotFound,
                NotInRoom,
                NotSelected,
                SeedMismatch,
                GameInProgress,
                GameNotStarted,
            ],
        ),
        "start_game" => outcome(
            "as with the last `ready`",
            &[
                RoomNotFound,
                NotInRoom,
                NotHost,
                GameInProgress,
                NotAllReady,
                NotEnoughPlayers,
            ],
        ),
        "kick_player" => outcome(
            "`player_kicked`",
            &[
                RoomNotFound,
                NotInRoom,
                NotHost,
                CannotTargetSelf,
                GameInProgress,
                PlayerNotInLobby,
            ],
        ),
        "kick_spectator" => outcome(
            "`spectator_kicked`",
            &[
                RoomNotFound,
                NotInRoom,
                NotHost,
                CannotTargetSelf,
                NotASpectator,
                GameInProgress,
            ],
        ),
        "ban_player" => outcome(
            "`player_banned`",
            &[
                RoomNotFound,
                NotInRoom,
                NotHost,
                CannotTargetSelf,
                GameInProgress,
                Banned,
            ],
        ),
        "unban_player" => outcome(
            "`player_unbanned`",
            &[
                RoomNotFound,
                NotInRoom,
                NotHost,
                CannotTargetSelf,
                NotBanned,
            ],
        ),
        "mute_user" | "unmute_user" => outcome(
            "`user_muted` or `user_unmuted`",
            &[RoomNotFound, NotInRoom, NotHost, CannotTargetSelf],
        ),
        "send_chat" => outcome(
            "`chat_message` to those who may read the channel",
            &[
                RoomNotFound,
                NotInRoom,
                ChannelAccessDenied,
                Muted,
                TooLong,
                RateLimited,
            ],
        ),
        "get_chat_history" => outcome(
            "`chat_history` to the one who asks",
            &[RoomNotFound, NotInRoom, ChannelAccessDenied],
        ),
        "chat.command.send_message" => outcome(
            "`chat.event.message_received` to both",
            &[
                UserNotFound,
                AccountClosed,
                CannotTargetSelf,
                TooLong,
                RateLimited,
            ],
        ),
        "chat.command.send_lobby_message" => outcome(
            "`chat.event.lobby_message` to everyone",
            &[LobbyNotFound, TooLong, RateLimited],
        ),
        "chat.command.typing" => outcome(
            "`chat.event.typing` to the other",
            &[UserNotFound, AccountClosed, CannotTargetSelf, RateLimited],
        ),
        "chat.command.mark_read" => outcome(
            "`chat.event.messages_read` to the one who read them",
            &[RateLimited],
        ),
        "wallet.command.top_up" => outcome(
            "`wallet.event.top_up` with `requested`, then with each change of the payment; once paid `wallet.event.balance_changed`",
            &[
                PaymentsUnavailable,
                SelfExcluded,
                InvalidUrl,
                InvalidAmount,
                DepositLimit,
                RateLimited,
            ],
        ),
        "wallet.command.cancel_top_up" => outcome(
            "`wallet.event.top_up` as the payment stands; once nobody can pay it any more with `expired`",
            &[PaymentsUnavailable, PaymentNotFound, PaymentNotOpen],
        ),
        "wallet.command.set_deposit_limit" => {
            outcome("`wallet.event.limits` to the player", &[InvalidAmount])
        }
        "wallet.command.exclude_self" => outcome("`wallet.event.limits` to the player", &[]),
        _ if name.ends_with(".enable_auto_play") => outcome(
            "`player_auto_enabled` or `player_auto_disabled`",
            &[
                RoomNotFound,
                NotInRoom,
                NotSelected,
                WrongGame,
                GameNotStarted,
            ],
        ),
        _ => outcome(
            "the game's events",
            &[
                RoomNotFound,
                NotInRoom,
                NotSelected,
                WrongGame,
                GameNotStarted,
                NotYourTurn,
                InvalidMove,
            ],
        ),
    }
}
