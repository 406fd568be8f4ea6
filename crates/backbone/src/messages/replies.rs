//! What backends say outside of rooms' own events.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blazing_sun_domain::room::events::{NotInRoom, Timestamp};
use blazing_sun_domain::room::{RoomStatus, RoomSummary};
use blazing_sun_domain::{Cents, Refusal, RefusalCode};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

/// A player's money has changed, whatever by.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct BalanceChanged {
    /// As it is now.
    pub balance_cents: Cents,
    /// By how much it changed.
    pub change_cents: Cents,
    /// Lower case.
    pub currency: String,
    /// The transfer's kind: `fee`, `refund`, `prize`, `demo_grant`, `credit`, `top_up`, `top_up_refund`, …
    pub reason: String,
}

/// A record that nobody could read or decide, put aside with the reason.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DeadLetter {
    /// Where the record was.
    pub topic: String,
    /// Its partition.
    pub partition: u32,
    /// Its offset, where one record is concerned.
    pub offset: Option<u64>,
    /// Its key, if that is text.
    pub key: Option<String>,
    /// Why it was put aside.
    pub error: String,
    /// When.
    #[schemars(with = "Timestamp")]
    pub failed_at: String,
    /// Its bytes; base64 on the wire.
    #[serde(serialize_with = "as_base64")]
    #[schemars(with = "String", extend("contentEncoding" = "base64"))]
    pub original: Vec<u8>,
}

fn as_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

/// A command was refused. To the one who sent it, at the connection that it came from.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Refused<'a> {
    /// For a program.
    pub code: RefusalCode,
    /// For a person.
    pub message: &'a str,
    /// The connection that the command came from; empty: all of the user's.
    pub socket_id: &'a str,
}

/// The answer to a command that was sent again and whose answer had been an event of the room.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CommandApplied {
    /// The room's event that answered it.
    pub room_seq: u64,
}

/// The open rooms: those to come back to first, then those to join, the newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RoomList<T = RoomLine> {
    /// 200 at most.
    pub rooms: Vec<T>,
}

/// A room in the list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RoomSummary")]
pub struct RoomLine {
    /// What everyone sees of it.
    #[serde(flatten)]
    pub summary: RoomSummary,
    /// Whether the one who asks is, or was, in it.
    pub can_rejoin: bool,
    /// As what.
    pub rejoin_role: Option<RejoinRole>,
}

/// As what somebody comes back into a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RejoinRole {
    /// Seated, or selected.
    Player,
    /// In the lobby.
    Lobby,
    /// Among the spectators.
    Spectator,
}

/// The server goes down for a while.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Maintenance {
    /// When.
    pub starts_at: Timestamp,
    /// For a person.
    pub message: String,
    /// It does not, or is back; left out where it goes down.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_over: bool,
}

/// The fields of `games.event.error` and `chat.event.error`, beside `command_id`.
pub fn error_body(refusal: &Refusal, socket_id: &str) -> String {
    to_text(&Refused {
        code: refusal.code,
        message: &refusal.message,
        socket_id,
    })
}

/// The fields of `command_applied`, beside `command_id`.
pub fn command_applied_body(room_seq: u64) -> String {
    to_text(&CommandApplied { room_seq })
}

/// The fields of `not_in_room` for a room that is not there any more.
pub fn gone_room_body(room_name: &str) -> String {
    to_text(&NotInRoom {
        room_name: room_name.into(),
        status: RoomStatus::Finished,
        is_password_protected: false,
        allow_spectators: false,
    })
}

/// The fields of `room_list`.
pub fn room_list_body<T: Serialize>(rooms: Vec<T>) -> String {
    to_text(&RoomList { rooms })
}

/// A payload: its `type`, then its fields.
pub fn typed_payload(kind: &str, fields: &impl Serialize) -> String {
    #[derive(Serialize)]
    struct Typed<'a, F> {
        r#type: &'a str,
        #[serde(flatten)]
        fields: &'a F,
    }
    to_text(&Typed {
        r#type: kind,
        fields,
    })
}

pub(super) fn to_text(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("fields have text keys and plain values")
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_domain::{Millis, RefusalCode};

    #[test]
    fn answers_are_pinned() {
        let balance = BalanceChanged {
            balance_cents: Cents(4_000),
            change_cents: Cents(-1_000),
            currency: "eur".to_owned(),
            reason: "fee".to_owned(),
        };
        assert_eq!(
            serde_json::to_string(&balance).unwrap(),
            r#"{"balance_cents":4000,"change_cents":-1000,"currency":"eur","reason":"fee"}"#,
        );
        assert_eq!(
            error_body(&RefusalCode::RoomFull.into(), "socket-1"),
            concat!(
                r#"{"code":"room_full","message":"The room has reached its number of players","#,
                r#""socket_id":"socket-1"}"#,
            ),
        );
        assert_eq!(command_applied_body(7), r#"{"room_seq":7}"#);
        assert_eq!(
            gone_room_body("My Game"),
            concat!(
                r#"{"room_name":"My Game","status":"finished","#,
                r#""is_password_protected":false,"allow_spectators":false}"#,
            ),
        );
    }

    #[test]
    fn dead_letters_are_pinned() {
        let letter = DeadLetter {
            topic: "games.commands".to_owned(),
            partition: 3,
            offset: Some(41),
            key: None,
            error: "not an event envelope".to_owned(),
            failed_at: Millis(1_705_746_601_000).to_string(),
            original: vec![0, 255, b'{'],
        };
        assert_eq!(
            serde_json::to_string(&letter).unwrap(),
            concat!(
                r#"{"topic":"games.commands","partition":3,"offset":41,"key":null,"#,
                r#""error":"not an event envelope","failed_at":"2024-01-20T10:30:01.000Z","#,
                r#""original":"AP97"}"#,
            ),
        );
    }
}
