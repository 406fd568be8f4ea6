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
    /// `fee`, `refund`, `prize`, `demo_grant`, `top_up`.
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
