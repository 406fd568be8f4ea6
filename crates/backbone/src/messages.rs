//! The payloads of the wire that are not a game's own: commands as backends read them, and what is
//! said outside of rooms. A room's own events are typed in the domain.

mod chat;
mod checkout;
mod client_commands;
mod commands;
mod fields;
mod fields_of_types;
mod internal_commands;
mod payments;
mod presence;
mod quick_match;
mod replies;
mod wallet;

pub use chat::{
    ChatCommand, ChatHistory, Content, DirectMessage, LOBBY_ID, LobbyMessage, MessagesRead,
    READ_AT_ONCE_MAX, TypingTold, chat_history_body, messages_read_body, typing_body,
};
pub use checkout::{
    CancelReason, CheckoutCancellation, CheckoutDispute, CheckoutFinished, CheckoutRequest,
    CheckoutStatus, PURPOSE_TOP_UP,
};
pub use client_commands::{AutoPlay, CLIENT_COMMANDS, CommandSchema, command_schemas};
pub use commands::{
    CREDIT_CENTS_MAX, Command, CreateRoom, InvalidCommand, JoinRoom, ROOM_NAME_CHARS_MAX,
    close_guest, close_room, credit, demo_grant, member_asked, parse_command, player_disconnected,
    sync_room, sync_user, with_room_id,
};
pub use fields::{Entries, Fields, InvalidField, parse_timestamp};
pub use internal_commands::{INTERNAL_COMMANDS, internal_command_schemas};
pub use payments::{PaymentKind, PaymentRecord, payment_event_id};
pub use presence::{
    GatewayStart, PresenceMessage, UserConnection, UserPresence, gateway_asked, gateway_seen,
    parse_presence,
};
pub use quick_match::{
    MatchedRoom, QuickMatch, QuickMatchWaiting, SettledMatch, match_settled, matched_while_gone,
    open_matched_room, queue_key, quick_match_left, quick_match_waiting_body,
};
pub use replies::{
    BalanceChanged, CommandApplied, DeadLetter, Maintenance, Refused, RejoinRole, RoomLine,
    RoomList, command_applied_body, error_body, gone_room_body, room_list_body, typed_payload,
};
pub use wallet::{
    CANCEL_TOP_UP, LimitTold, LimitsTold, PendingTold, TOP_UP, TopUpChanged, WalletCommand,
    cancel_top_up, top_up, top_up_request_id,
};

/// Names of record headers.
pub mod header {
    /// The envelope's.
    pub const EVENT_ID: &str = "event_id";
    /// The envelope's.
    pub const EVENT_TYPE: &str = "event_type";
    /// The envelope's.
    pub const CORRELATION_ID: &str = "correlation_id";
    /// The room that it is about.
    pub const ROOM_ID: &str = "room_id";
    /// Its place among the room's events, in decimal.
    pub const ROOM_SEQ: &str = "room_seq";
    /// Its place among the records of its partition and topic, in decimal; with
    /// [`OUTBOX_FROM`] among those from there.
    pub const OUTBOX_SEQ: &str = "outbox_seq";
    /// The audience's kind.
    pub const AUDIENCE: &str = "audience";
    /// The audience's users: a JSON array of ids.
    pub const RECIPIENTS: &str = "recipients";
    /// Who becomes what in the room: JSON `[[user_id, "player"|"lobby"|"spectator"|"none"]]`.
    pub const MEMBERSHIP: &str = "membership";
    /// The partition whose owner sent this to another, in decimal.
    pub const OUTBOX_FROM: &str = "outbox_from";
    /// W3C trace context.
    pub const TRACEPARENT: &str = "traceparent";
}

/// Internal: a user signed in or saw a gap; every room of the user is asked to answer.
pub const SYNC_USER: &str = "games.command.sync_user";
/// Internal: one room is asked to answer with its state.
pub const SYNC_ROOM: &str = "games.command.sync_room";
/// Internal: a user's last connection is gone.
pub const PLAYER_DISCONNECTED: &str = "games.command.player_disconnected";
/// Internal: quick match has found players for a room.
pub const OPEN_MATCHED_ROOM: &str = "games.command.open_matched_room";
/// Internal: what became of a match.
pub const MATCH_SETTLED: &str = "games.command.match_settled";
/// Internal: a user who waits for a quick match is gone.
pub const QUICK_MATCH_LEFT: &str = "games.command.quick_match_left";
/// Internal: a user was gone when the match got its room.
pub const MATCHED_WHILE_GONE: &str = "games.command.matched_while_gone";
/// Internal: a gateway has begun, or is not heard any more.
pub const GATEWAY_SEEN: &str = "games.command.gateway_seen";
/// Internal: whoever hears this gateway is asked to say whether it does.
pub const GATEWAY_ASKED: &str = "games.command.gateway_asked";
/// Internal: a room that could not be loaded for a while asks whether this member of it is there.
pub const MEMBER_ASKED: &str = "games.command.member_asked";
/// Internal: an operator ends a room.
pub const CLOSE_ROOM: &str = "games.command.close_room";
/// Internal: demo money for a new account.
pub const DEMO_GRANT: &str = "wallet.command.demo_grant";

/// Internal: demo money that an operator gives.
pub const CREDIT: &str = "wallet.command.credit";

/// Internal: what a guest has whose account was closed goes back.
pub const CLOSE_GUEST: &str = "wallet.command.close_guest";
