//! Records of the event topics: what their headers say, and the frame that a socket gets of them.

use blazing_sun_backbone::envelope::{Audience, AudienceKind};
use blazing_sun_backbone::log::{Headers, Record};
use blazing_sun_backbone::messages::Entries;
use blazing_sun_domain::{RoomId, UserId};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The fields of a JSON object, in order, their values as they stand.
#[derive(Debug)]
pub(crate) struct Fields<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Entries::deserialize(deserializer).map(|Entries(fields)| Fields(fields))
    }
}

impl<'a> Fields<'a> {
    fn read_from<'de: 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Fields<'a>, D::Error> {
        Fields::deserialize(deserializer)
    }

    /// The value under this name, as it stands; null is as if it were not there.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self
            .0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| *value);
        found.filter(|value| value.get() != "null")
    }

    /// The value under this name, if it reads as a `T`.
    pub(crate) fn read<T: Deserialize<'a>>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }
}

/// An envelope's fields that a gateway needs.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(borrow)]
    pub(crate) event_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) event_type: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) timestamp: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) correlation_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) audience: Audience<'a>,
    #[serde(deserialize_with = "Fields::read_from")]
    pub(crate) payload: Fields<'a>,
}

impl<'a> Envelope<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Envelope<'a>, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The dense number that a room-wide event has in its room.
    pub(crate) fn room_seq(&self) -> Option<u64> {
        self.payload.read("room_seq")
    }

    /// Adds the frame's JSON text. The payload's fields stand where one has a name of ours.
    pub(crate) fn write_frame(&self, room_seq: Option<u64>, out: &mut Vec<u8>) {
        let has = |name: &str| self.payload.0.iter().any(|(key, _)| key == name);
        out.extend_from_slice(b"{\"type\":");
        push_string(out, &self.event_type);
        let mut field = |name: &str, value: Option<&str>| {
            if !has(name) {
                out.extend_from_slice(b",\"");
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\":");
                match value {
                    Some(value) => push_string(out, value),
                    None => out.extend_from_slice(b"null"),
                }
            }
        };
        field("event_id", Some(&self.event_id));
        field("correlation_id", self.correlation_id.as_deref());
        field("timestamp", Some(&self.timestamp));
        if let Some(room_seq) = room_seq.filter(|_| !has("room_seq")) {
            out.extend_from_slice(format!(",\"room_seq\":{room_seq}").as_bytes());
        }
        for (key, value) in self.payload.0.iter().filter(|(key, _)| key != "type") {
            out.push(b',');
            push_string(out, key);
            out.push(b':');
            out.extend_from_slice(value.get().as_bytes());
        }
        out.push(b'}');
    }
}

/// Adds a JSON string.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("a text is JSON and a Vec takes it");
    }
}

/// How a user stands to a room from a record on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    Player,
    Lobby,
    Spectator,
    None,
}

/// What a record says about where it goes, from its headers or else from its envelope.
#[derive(Debug)]
pub(crate) struct Route<'a> {
    pub(crate) kind: AudienceKind,
    /// For `user` and `users`.
    pub(crate) users: Vec<UserId>,
    pub(crate) room: Option<RoomId>,
    pub(crate) event_type: Cow<'a, str>,
    pub(crate) room_seq: Option<u64>,
    pub(crate) correlation_id: Option<Cow<'a, str>>,
    pub(crate) membership: Vec<(UserId, Standing)>,
    /// Present where the envelope had to be read for it.
    pub(crate) envelope: Option<Envelope<'a>>,
}

/// User ids as in the `recipients` header: a JSON array, or separated by commas.
fn parse_users(text: &str) -> Vec<UserId> {
    let ids = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|id| !id.is_empty());
    ids.filter_map(|id| id.parse().ok()).collect()
}

struct Known<'a> {
    audience: Option<&'a str>,
    recipients: Option<&'a str>,
    room_id: Option<&'a str>,
    room_seq: Option<&'a str>,
    event_type: Option<&'a str>,
    correlation_id: Option<&'a str>,
    membership: Option<&'a [u8]>,
}

fn known(headers: &Headers) -> Known<'_> {
    let mut known = Known {
        audience: None,
        recipients: None,
        room_id: None,
        room_seq: None,
        event_type: None,
        correlation_id: None,
        membership: None,
    };
    for (name, value) in headers.iter() {
        let text = || {
            std::str::from_utf8(value)
                .ok()
                .filter(|text| !text.is_empty())
        };
        match name {
            b"audience" => known.audience = text(),
            b"recipients" => known.recipients = text(),
            b"room_id" => known.room_id = text(),
            b"room_seq" => known.room_seq = text(),
            b"event_type" => known.event_type = text(),
            b"correlation_id" => known.correlation_id = text(),
            b"membership" => known.membership = Some(value),
            _ => {}
        }
    }
    known
}

impl<'a> Route<'a> {
    /// Reads the headers, and the envelope where they do not say enough. An error: nobody can read it.
    pub(crate) fn of(record: &'a Record) -> Result<Route<'a>, serde_json::Error> {
        let known = known(&record.headers);
        let kind = known.audience.and_then(AudienceKind::parse);
        let named = !matches!(kind, Some(AudienceKind::User | AudienceKind::Users))
            || known.recipients.is_some();
        match (kind, known.event_type) {
            (Some(kind), Some(event_type)) if named => Ok(Route {
                kind,
                users: known.recipients.map(parse_users).unwrap_or_default(),
                room: known.room_id.and_then(|room| room.parse().ok()),
                event_type: Cow::Borrowed(event_type),
                room_seq: known.room_seq.and_then(|seq| seq.parse().ok()),
                correlation_id: known.correlation_id.map(Cow::Borrowed),
                membership: known
                    .membership
                    .and_then(|text| serde_json::from_slice(text).ok())
                    .unwrap_or_default(),
                envelope: None,
            }),
            _ => Route::from_envelope(Envelope::parse(&record.payload)?, known.membership),
        }
    }

    fn from_envelope(
        envelope: Envelope<'a>,
        membership: Option<&[u8]>,
    ) -> Result<Route<'a>, serde_json::Error> {
        let room_seq = match envelope.audience.kind {
            AudienceKind::Room => envelope.room_seq(),
            _ => None,
        };
        let membership = match membership {
            Some(text) => serde_json::from_slice(text)?,
            None => implied_membership(&envelope),
        };
        Ok(Route {
            kind: envelope.audience.kind,
            users: envelope.audience.user_ids.clone(),
            room: envelope.audience.about().and_then(|room| room.parse().ok()),
            event_type: envelope.event_type.clone(),
            room_seq,
            correlation_id: envelope.correlation_id.clone(),
            membership,
            envelope: Some(envelope),
        })
    }
}

/// What an event without a membership header says about who is in its room.
fn implied_membership(envelope: &Envelope<'_>) -> Vec<(UserId, Standing)> {
    #[derive(Deserialize)]
    struct Room {
        #[serde(default)]
        spectators: Vec<UserId>,
    }
    match &*envelope.event_type {
        ROOM_STATE => {
            let spectators = envelope
                .payload
                .read::<Room>("room")
                .map(|room| room.spectators);
            let spectators = spectators.unwrap_or_default();
            let standing = |user| {
                if spectators.contains(user) {
                    Standing::Spectator
                } else {
                    Standing::Player
                }
            };
            envelope
                .audience
                .user_ids
                .iter()
                .map(|user| (*user, standing(user)))
                .collect()
        }
        "games.event.player_left"
        | "games.event.player_kicked"
        | "games.event.player_banned"
        | "games.event.spectator_left"
        | "games.event.spectator_kicked" => {
            let user = envelope.payload.read("user_id");
            user.map(|user| (user, Standing::None))
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The event that begins a membership for a gateway.
pub(crate) const ROOM_STATE: &str = "games.event.room_state";
/// The answer about a room that the user is not in.
pub(crate) const NOT_IN_ROOM: &str = "games.event.not_in_room";

/// Whether the event is a refusal, for the asking socket alone.
pub(crate) fn is_refusal(event_type: &str) -> bool {
    matches!(event_type, "games.event.error" | "chat.event.error")
}

/// A change of the list of rooms, for those who watch it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LobbyChange {
    Created,
    Updated,
    Removed,
}

impl LobbyChange {
    pub(crate) fn of(event_type: &str) -> Option<LobbyChange> {
        match event_type {
            "games.event.room_created" => Some(LobbyChange::Created),
            "games.event.room_updated" => Some(LobbyChange::Updated),
            "games.event.room_removed" => Some(LobbyChange::Removed),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(envelope: &str, room_seq: Option<u64>) -> String {
        let mut out = Vec::new();
        Envelope::parse(envelope.as_bytes())
            .unwrap()
            .write_frame(room_seq, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn envelope(payload: &str) -> String {
        format!(
            r#"{{"event_id":"e1","event_type":"games.event.x","timestamp":"t1","correlation_id":"c1",
            "producer":"blazing_sun","actor":{{"user_id":"0"}},
            "audience":{{"type":"room","user_ids":[],"room_id":"r","game_id":null}},"payload":{payload}}}"#
        )
    }

    #[test]
    fn a_frame_is_the_payload_behind_the_envelopes_fields() {
        assert_eq!(
            frame(
                &envelope(r#"{"type":"x","room_id":"r","room_seq":7,"n":[1, {"a":2}]}"#),
                Some(7)
            ),
            r#"{"type":"games.event.x","event_id":"e1","correlation_id":"c1","timestamp":"t1","room_id":"r","room_seq":7,"n":[1, {"a":2}]}"#
        );
        assert_eq!(
            frame(&envelope("{}"), Some(7)),
            r#"{"type":"games.event.x","event_id":"e1","correlation_id":"c1","timestamp":"t1","room_seq":7}"#
        );
    }

    #[test]
    fn the_payloads_fields_stand_on_a_collision() {
        assert_eq!(
            frame(
                &envelope(r#"{"type":"x","timestamp":5,"event_id":"own","ty\"pe":1}"#),
                None
            ),
            r#"{"type":"games.event.x","correlation_id":"c1","timestamp":5,"event_id":"own","ty\"pe":1}"#
        );
    }

    #[test]
    fn recipients_read_in_every_form() {
        let expected: Vec<UserId> = vec!["7".parse().unwrap(), "12".parse().unwrap()];
        for text in ["7,12", r#"["7","12"]"#, "[7, 12]", "7 12"] {
            assert_eq!(parse_users(text), expected, "{text}");
        }
        assert_eq!(parse_users("[]"), []);
    }

    #[test]
    fn an_envelope_alone_routes_too() {
        let payload = r#"{"type":"player_left","user_id":9,"room_seq":3}"#;
        let text = envelope(payload).replace("games.event.x", "games.event.player_left");
        let envelope = Envelope::parse(text.as_bytes()).unwrap();
        let route = Route::from_envelope(envelope, None).unwrap();
        assert_eq!(route.kind, AudienceKind::Room);
        assert_eq!(route.room_seq, Some(3));
        assert_eq!(route.membership, [("9".parse().unwrap(), Standing::None)]);
    }
}
