//! A record as operators see it.

use super::masks::masked;
use blazing_sun_backbone::log::Record;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A message, passwords masked.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Message {
    /// Where it stands.
    pub topic: String,
    /// Its partition.
    pub partition: u32,
    /// Its place in the partition.
    pub offset: u64,
    /// When it was appended: RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// The room's or user's id, mostly.
    pub key: String,
    /// `games.event.bigger_dice.rolled`; null where it has none.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The command that it follows from.
    pub correlation_id: Option<String>,
    /// Who sent it, or else whom it is for or about, where that is one user.
    pub user_id: Option<String>,
    /// The room that it is about.
    pub room_id: Option<String>,
    /// Its headers, as text.
    pub headers: BTreeMap<String, String>,
    /// Its payload: JSON, or a string where it is something else.
    pub value: Value,
    /// The bytes of key, headers and payload.
    pub size: u64,
}

impl Message {
    /// Of this record.
    pub fn of(record: &Record) -> Message {
        let text = masked(&record.payload);
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|_| text.into());
        let text_at = |pointer: &str| value.pointer(pointer)?.as_str().map(str::to_owned);
        let header = |name| record.headers.text(name).map(str::to_owned);
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = record.headers.iter();
        let size = record.key.len() + record.headers.encoded().len() + record.payload.len();
        let rooms = [
            "/audience/room_id",
            "/audience/game_id",
            "/payload/room_id",
            "/room_id",
        ];
        Message {
            topic: record.topic.to_string(),
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp.to_string(),
            key: lossy(&record.key),
            kind: header("event_type").or_else(|| text_at("/event_type")),
            correlation_id: header("correlation_id").or_else(|| text_at("/correlation_id")),
            user_id: user_of(&value),
            room_id: header("room_id").or_else(|| rooms.into_iter().find_map(text_at)),
            headers: headers
                .map(|(name, value)| (lossy(name), lossy(value)))
                .collect(),
            size: size as u64,
            value,
        }
    }
}

fn user_of(value: &Value) -> Option<String> {
    let id = |value: &Value| match value {
        Value::String(id) if id != "0" => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    };
    let at = |pointer: &str| value.pointer(pointer).and_then(id);
    let addressee = || match value.pointer("/audience/user_ids")?.as_array()?.as_slice() {
        [only] => id(only),
        _ => None,
    };
    let about = || {
        ["/payload/user_id", "/payload/player_id", "/user_id"]
            .into_iter()
            .find_map(at)
    };
    at("/actor/user_id").or_else(addressee).or_else(about)
}
