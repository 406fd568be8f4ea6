//! What backends say outside of rooms' own events.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blazing_sun_domain::{Cents, Refusal};
use serde::{Serialize, Serializer};
use serde_json::json;

/// `wallet.event.balance_changed`, beside `room_id`.
#[derive(Debug, Clone, Serialize)]
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

/// A record of `events.dead_letter`.
#[derive(Debug, Clone, Serialize)]
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
    pub failed_at: String,
    /// Its bytes; base64 on the wire.
    #[serde(serialize_with = "as_base64")]
    pub original: Vec<u8>,
}

fn as_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

/// The fields of `games.event.error` and `chat.event.error`, beside `command_id`.
pub fn error_body(refusal: &Refusal, socket_id: &str) -> String {
    json!({ "code": refusal.code, "message": refusal.message, "socket_id": socket_id }).to_string()
}

/// The fields of `command_applied`, beside `command_id`.
pub fn command_applied_body(room_seq: u64) -> String {
    json!({ "room_seq": room_seq }).to_string()
}

/// The fields of `not_in_room` for a room that is not there any more.
pub fn gone_room_body(room_name: &str) -> String {
    json!({
        "room_name": room_name,
        "status": "finished",
        "is_password_protected": false,
        "allow_spectators": false,
    })
    .to_string()
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
                r#"{"allow_spectators":false,"is_password_protected":false,"#,
                r#""room_name":"My Game","status":"finished"}"#,
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
