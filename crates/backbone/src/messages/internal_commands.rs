//! Commands that no client may send, as they are written: what gateways and partitions ask each other over the same topics.

use super::quick_match::{MatchedRoom, SettledMatch};
use blazing_sun_domain::{Cents, RoomId, UserId};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use uuid::Uuid;

macro_rules! internal_commands {
    ($(
        $(#[$doc:meta])*
        $wire:path => $name:ident $(<$life:lifetime>)? { $( $(#[$field_doc:meta])* $field:ident: $type:ty, )* }
    )*) => {
        $(
            #[derive(Serialize, JsonSchema)]
            $(#[$doc])*
            pub(super) struct $name $(<$life>)? { $( $(#[$field_doc])* pub(super) $field: $type, )* }
        )*

        /// Commands that no client may send: a gateway answers them with `unknown_command`.
        pub const INTERNAL_COMMANDS: &[&str] = &[$($wire,)*];

        /// The schema of each of them, for a generator of what is written.
        pub fn internal_command_schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
            vec![$( ($wire, $name::json_schema(generator)), )*]
        }
    };
}

internal_commands! {
    /// A user signed in, or saw a gap: every room of the user is asked to answer with its state.
    super::SYNC_USER => SyncUser<'a> {
        /// The question.
        command_id: Uuid,
        /// For whom.
        user_id: UserId,
        /// Rooms to answer for beside the user's own.
        rooms: &'a [RoomId],
    }

    /// One room is asked to answer with its state.
    super::SYNC_ROOM => SyncRoom<'a> {
        /// The question.
        command_id: &'a str,
        /// Which.
        room_id: &'a RoomId,
        /// For whom.
        user_id: UserId,
    }

    /// A user's last connection is gone.
    super::PLAYER_DISCONNECTED => PlayerDisconnected<'a> {
        /// Its id.
        command_id: Uuid,
        /// Where.
        room_id: &'a RoomId,
        /// Who.
        user_id: UserId,
    }

    /// Quick match has found players for a room.
    super::OPEN_MATCHED_ROOM => OpenMatchedRoom<'a> {
        /// Its id.
        command_id: Uuid,
        /// The room, and who was matched.
        #[serde(flatten)]
        room: &'a MatchedRoom,
    }

    /// What became of a match.
    super::MATCH_SETTLED => MatchSettled<'a> {
        /// Its id.
        command_id: Uuid,
        /// What became of it.
        #[serde(flatten)]
        settled: &'a SettledMatch,
    }

    /// A user who waits for a quick match is gone.
    super::QUICK_MATCH_LEFT => QuickMatchLeft<'a> {
        /// Its id.
        command_id: Uuid,
        /// The game.
        game_type: &'a str,
        /// Who.
        user_id: UserId,
    }

    /// A user was gone when the match got its room.
    super::MATCHED_WHILE_GONE => MatchedWhileGone<'a> {
        /// Its id.
        command_id: Uuid,
        /// The room, which does not decide this.
        matched_room_id: &'a RoomId,
        /// Who.
        user_id: UserId,
    }

    /// A gateway has begun, or is not heard any more.
    super::GATEWAY_SEEN => GatewaySeen<'a> {
        /// Its id.
        command_id: Uuid,
        /// The gateway.
        gateway_id: &'a str,
        /// The start of it that is meant.
        boot_id: &'a str,
        /// Or is not heard any more.
        lives: bool,
    }

    /// Whoever hears this gateway is asked to say whether it does.
    super::GATEWAY_ASKED => GatewayAsked<'a> {
        /// Its id.
        command_id: Uuid,
        /// The gateway.
        gateway_id: &'a str,
        /// The start of it that is meant.
        boot_id: &'a str,
        /// The partition that asks.
        answer_to: u32,
    }

    /// A room that could not be loaded for a while asks whether this member of it is there.
    super::MEMBER_ASKED => MemberAsked<'a> {
        /// Its id.
        command_id: Uuid,
        /// The room, which is told.
        room_id: &'a RoomId,
        /// Whom of it.
        user_id: UserId,
    }

    /// An operator ends a room: all fees go back, and the seed is revealed.
    super::CLOSE_ROOM => CloseRoom<'a> {
        /// Its id.
        command_id: Uuid,
        /// Which.
        room_id: &'a RoomId,
        /// For whoever reads the log.
        reason: &'a str,
    }

    /// Demo money for a new account.
    super::DEMO_GRANT => DemoGrant<'a> {
        /// Its id.
        command_id: Uuid,
        /// For whom.
        user_id: UserId,
        /// The user's name.
        username: &'a str,
    }

    /// Demo money that an operator gives.
    super::CREDIT => Credit<'a> {
        /// Its id.
        command_id: Uuid,
        /// For whom.
        user_id: UserId,
        /// How much.
        amount_cents: Cents,
        /// For whoever reads the log.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    }

    /// What a guest has whose account was closed goes back.
    super::CLOSE_GUEST => CloseGuest {
        /// Its id.
        command_id: Uuid,
        /// Whose account was closed.
        user_id: UserId,
    }
}
