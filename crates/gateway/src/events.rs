//! Records of the event topics: what their headers say, and the frame that a socket gets of them.

use crate::json::{self, Fields, Invalid};
use crate::shared::SYSTEM_ACTOR;
use blazing_sun_backbone::envelope::{Audience, AudienceKind};
use blazing_sun_backbone::log::{Headers, Record};
use blazing_sun_backbone::messages::Entries;
use blazing_sun_domain::{RoomId, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::Write as _;

#[cfg(test)]
thread_local! {
    /// How many envelopes this thread has begun to read.
    pub(crate) static PARSED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// An envelope's fields that a gateway needs.
#[derive(Debug)]
pub(crate) struct Envelope<'a> {
    pub(crate) event_id: Cow<'a, str>,
    pub(crate) event_type: Cow<'a, str>,
    pub(crate) timestamp: Cow<'a, str>,
    pub(crate) correlation_id: Option<Cow<'a, str>>,
    pub(crate) audience: Audience<'a>,
    pub(crate) payload: Fields<'a>,
}

impl<'a> Envelope<'a> {
    /// Reads a record's payload: at known places what our backend wrote, and anything else field by field.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Envelope<'a>, serde_json::Error> {
        #[cfg(test)]
        PARSED.set(PARSED.get() + 1);
        match Envelope::of_backend(bytes) {
            Some(envelope) => Ok(envelope),
            None => Envelope::of_anyone(bytes),
        }
    }

    fn of_anyone(bytes: &'a [u8]) -> Result<Envelope<'a>, serde_json::Error> {
        #[derive(Deserialize)]
        struct Written<'a> {
            #[serde(borrow)]
            event_id: Cow<'a, str>,
            #[serde(borrow)]
            event_type: Cow<'a, str>,
            #[serde(borrow)]
            timestamp: Cow<'a, str>,
            #[serde(borrow, default)]
            correlation_id: Option<Cow<'a, str>>,
            #[serde(borrow)]
            audience: Audience<'a>,
            #[serde(borrow)]
            payload: &'a RawValue,
        }
        let written: Written<'a> = serde_json::from_slice(bytes)?;
        let payload = match Fields::parse(written.payload.get()) {
            Ok(fields) => fields,
            // It may be deeper than what is read in one pass.
            Err(Invalid) => {
                let Entries(list) = serde_json::from_str(written.payload.get())?;
                let list = list.into_iter().map(|(key, value)| (key, value.get()));
                Fields {
                    list: list.collect(),
                    compact: None,
                }
            }
        };
        Ok(Envelope {
            event_id: written.event_id,
            event_type: written.event_type,
            timestamp: written.timestamp,
            correlation_id: written.correlation_id,
            audience: written.audience,
            payload,
        })
    }

    /// Reads exactly what a backend of this version writes; none: it is something else.
    fn of_backend(bytes: &'a [u8]) -> Option<Envelope<'a>> {
        let mut rest = Written(std::str::from_utf8(bytes).ok()?);
        rest.pass("{\"event_id\":")?;
        let event_id = rest.text()?;
        rest.pass(",\"event_type\":")?;
        let event_type = rest.text()?;
        rest.pass(",\"timestamp\":")?;
        let timestamp = rest.text()?;
        rest.pass(",\"correlation_id\":")?;
        let correlation_id = rest.text_or_null()?;
        rest.pass(",\"producer\":\"blazing_sun\",\"actor\":")?;
        rest.pass(SYSTEM_ACTOR)?;
        rest.pass(",\"audience\":{\"type\":")?;
        let kind = AudienceKind::parse(rest.text()?)?;
        rest.pass(",\"user_ids\":[")?;
        let mut user_ids = Vec::new();
        while rest.pass("]").is_none() {
            if !user_ids.is_empty() {
                rest.pass(",")?;
            }
            user_ids.push(rest.text()?.parse().ok()?);
        }
        rest.pass(",\"room_id\":")?;
        let room_id = rest.text_or_null()?;
        rest.pass(",\"game_id\":null},\"payload\":")?;
        let payload = Fields::parse(rest.0.strip_suffix('}')?).ok()?;
        Some(Envelope {
            event_id: event_id.into(),
            event_type: event_type.into(),
            timestamp: timestamp.into(),
            correlation_id: correlation_id.map(Cow::Borrowed),
            audience: Audience {
                kind,
                user_ids,
                room_id: room_id.map(Cow::Borrowed),
                game_id: None,
            },
            payload,
        })
    }

    /// The dense number that a room-wide event has in its room.
    pub(crate) fn room_seq(&self) -> Option<u64> {
        self.payload.number("room_seq")
    }

    /// Adds the frame's JSON text. The payload's fields stand where one has a name of ours.
    pub(crate) fn write_frame(&self, room_seq: Option<u64>, out: &mut Vec<u8>) {
        let (mut types, mut event_id, mut correlation_id) = (0, false, false);
        let (mut timestamp, mut numbered) = (false, false);
        for (key, _) in &self.payload.list {
            match &**key {
                "type" => types += 1,
                "event_id" => event_id = true,
                "correlation_id" => correlation_id = true,
                "timestamp" => timestamp = true,
                "room_seq" => numbered = true,
                _ => {}
            }
        }
        out.extend_from_slice(b"{\"type\":");
        push_string(out, &self.event_type);
        if !event_id {
            out.extend_from_slice(b",\"event_id\":");
            push_string(out, &self.event_id);
        }
        if !correlation_id {
            out.extend_from_slice(b",\"correlation_id\":");
            match &self.correlation_id {
                Some(id) => push_string(out, id),
                None => out.extend_from_slice(b"null"),
            }
        }
        if !timestamp {
            out.extend_from_slice(b",\"timestamp\":");
            push_string(out, &self.timestamp);
        }
        if let Some(room_seq) = room_seq.filter(|_| !numbered) {
            out.extend_from_slice(b",\"room_seq\":");
            push_number(out, room_seq);
        }
        match (self.payload.compact, self.payload.list.first()) {
            // Behind the type, all as it stands.
            (Some(text), Some((key, value))) if types == 1 && key == "type" => {
                out.extend_from_slice(&text.as_bytes()["\"type\":".len() + value.len()..]);
            }
            _ => {
                for (key, value) in self.payload.list.iter().filter(|(key, _)| key != "type") {
                    out.push(b',');
                    push_string(out, key);
                    out.push(b':');
                    out.extend_from_slice(value.as_bytes());
                }
            }
        }
        out.push(b'}');
    }
}

/// The rest of a text whose order of fields is known.
struct Written<'a>(&'a str);

impl<'a> Written<'a> {
    fn pass(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// A string without escapes.
    fn text(&mut self) -> Option<&'a str> {
        let inner = self.0.strip_prefix('"')?;
        let (text, rest) = inner.split_at(json::plain(inner.as_bytes()));
        self.0 = rest.strip_prefix('"')?;
        Some(text)
    }

    fn text_or_null(&mut self) -> Option<Option<&'a str>> {
        match self.pass("null") {
            Some(()) => Some(None),
            None => self.text().map(Some),
        }
    }
}

/// Adds a JSON string.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    if json::plain(text.as_bytes()) == text.len() {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("a text is JSON and a Vec takes it");
    }
}

/// Adds a whole number.
pub(crate) fn push_number(out: &mut Vec<u8>, number: u64) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{number}");
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

/// What a record's headers say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    /// The dense number that its topic's partition gave it.
    pub(crate) outbox_seq: Option<u64>,
    audience: Option<&'a str>,
    recipients: Option<&'a str>,
    room_id: Option<&'a str>,
    room_seq: Option<&'a str>,
    pub(crate) event_type: Option<&'a str>,
    correlation_id: Option<&'a str>,
    membership: Option<&'a [u8]>,
    /// The trace that it is part of.
    pub(crate) traceparent: Option<&'a [u8]>,
}

impl Known<'_> {
    /// Whom it is for, where it is for some users alone.
    pub(crate) fn recipients(&self) -> Option<Vec<UserId>> {
        self.recipients.map(parse_users)
    }

    /// The room that it is about.
    pub(crate) fn room(&self) -> Option<RoomId> {
        self.room_id?.parse().ok()
    }

    /// What it follows from.
    pub(crate) fn correlation_id(&self) -> Option<&str> {
        self.correlation_id
    }
}

/// Reads a record's headers once.
pub(crate) fn known(headers: &Headers) -> Known<'_> {
    let mut known = Known {
        outbox_seq: None,
        audience: None,
        recipients: None,
        room_id: None,
        room_seq: None,
        event_type: None,
        correlation_id: None,
        membership: None,
        traceparent: None,
    };
    for (name, value) in headers.iter() {
        let text = || {
            std::str::from_utf8(value)
                .ok()
                .filter(|text| !text.is_empty())
        };
        match name {
            b"outbox_seq" => known.outbox_seq = text().and_then(|seq| seq.parse().ok()),
            b"audience" => known.audience = text(),
            b"recipients" => known.recipients = text(),
            b"room_id" => known.room_id = text(),
            b"room_seq" => known.room_seq = text(),
            b"event_type" => known.event_type = text(),
            b"correlation_id" => known.correlation_id = text(),
            b"membership" => known.membership = Some(value),
            b"traceparent" => known.traceparent = Some(value),
            _ => {}
        }
    }
    known
}

impl<'a> Route<'a> {
    /// Reads the headers, and the envelope where they do not say enough. An error: nobody can read it.
    pub(crate) fn of(record: &'a Record, known: Known<'a>) -> Result<Route<'a>, serde_json::Error> {
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
pub(crate) const CHAT_MESSAGE: &str = "games.event.chat_message";

/// Whether the event is a refusal, for the asking socket alone.
pub(crate) fn is_refusal(event_type: &str) -> bool {
    matches!(event_type, "games.event.error" | "chat.event.error")
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
