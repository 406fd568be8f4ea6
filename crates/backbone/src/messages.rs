//! The payloads of the wire that are not a game's own: commands as backends read them, and what is
//! said outside of rooms. A room's own events are typed in the domain.

mod commands;
mod fields;
mod payments;
mod presence;
mod replies;

pub use commands::{
    Command, CreateRoom, InvalidCommand, JoinRoom, demo_grant, parse_command, player_disconnected, sync_room,
    sync_user, with_room_id,
};
pub use fields::{Fields, InvalidField};
pub use payments::{PaymentKind, PaymentRecord, payment_event_id};
pub use presence::{PresenceMessage, parse_presence};
pub use replies::{
    BalanceChanged, DeadLetter, command_applied_body, error_body, gone_room_body,
};

/// Internal: a user signed in or saw a gap; every room of the user is asked to answer.
pub const SYNC_USER: &str = "games.command.sync_user";
/// Internal: one room is asked to answer with its state.
pub const SYNC_ROOM: &str = "games.command.sync_room";
/// Internal: a user's last connection is gone.
pub const PLAYER_DISCONNECTED: &str = "games.command.player_disconnected";
/// Internal: quick match has found players for a room.
pub const OPEN_MATCHED_ROOM: &str = "games.command.open_matched_room";
/// Internal: demo money for a new account.
pub const DEMO_GRANT: &str = "wallet.command.demo_grant";

/// Commands that no client may send: a gateway answers them with `unknown_command`.
pub const INTERNAL_COMMANDS: &[&str] =
    &[SYNC_USER, SYNC_ROOM, PLAYER_DISCONNECTED, OPEN_MATCHED_ROOM, DEMO_GRANT];
