//! Reads an envelope that stands exactly as our own programs write it: no white space, all fields in
//! their order, no escapes outside of the payload. That is nearly every one, and costs a fraction of
//! what a reader costs that takes anything; whatever differs is left to serde.

use super::{Actor, Audience, AudienceKind, EventEnvelope};
use blazing_sun_domain::UserId;
use blazing_sun_domain::json::plain_length;
use std::borrow::Cow;

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn take(&mut self, literal: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(literal)?;
        Some(())
    }

    /// A text and the quote that ends it.
    fn text(&mut self) -> Option<&'a str> {
        let end = plain_length(self.rest.as_bytes());
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.strip_prefix('"')?;
        Some(text)
    }

    fn text_or_null(&mut self) -> Option<Option<Cow<'a, str>>> {
        match self.rest.strip_prefix("null") {
            Some(rest) => {
                self.rest = rest;
                Some(None)
            }
            None => {
                self.take("\"")?;
                Some(Some(Cow::Borrowed(self.text()?)))
            }
        }
    }

    /// A list of texts, from behind its opening bracket.
    fn texts(&mut self, mut each: impl FnMut(&'a str) -> Option<()>) -> Option<()> {
        if self.take("]").is_some() {
            return Some(());
        }
        loop {
            self.take("\"")?;
            each(self.text()?)?;
            if self.take("]").is_some() {
                return Some(());
            }
            self.take(",")?;
        }
    }
}

/// The envelope; none where it stands in any other way, or is none.
pub(super) fn read(bytes: &[u8]) -> Option<EventEnvelope<'_>> {
    let mut reader = Reader {
        rest: std::str::from_utf8(bytes).ok()?,
    };
    reader.take(r#"{"event_id":""#)?;
    let event_id = reader.text()?;
    reader.take(r#","event_type":""#)?;
    let event_type = reader.text()?;
    reader.take(r#","timestamp":""#)?;
    let timestamp = reader.text()?;
    reader.take(r#","correlation_id":"#)?;
    let correlation_id = reader.text_or_null()?;
    reader.take(r#","producer":""#)?;
    let producer = reader.text()?;
    reader.take(r#","actor":{"user_id":""#)?;
    let user_id: UserId = reader.text()?.parse().ok()?;
    reader.take(r#","username":""#)?;
    let username = reader.text()?;
    reader.take(r#","socket_id":""#)?;
    let socket_id = reader.text()?;
    let mut roles = Vec::new();
    reader.take(r#","roles":["#)?;
    reader.texts(|role| {
        roles.push(Cow::Borrowed(role));
        Some(())
    })?;
    reader.take(r#"},"audience":{"type":""#)?;
    let kind = AudienceKind::parse(reader.text()?)?;
    let mut user_ids = Vec::new();
    reader.take(r#","user_ids":["#)?;
    reader.texts(|user| {
        user_ids.push(user.parse().ok()?);
        Some(())
    })?;
    reader.take(r#","room_id":"#)?;
    let room_id = reader.text_or_null()?;
    reader.take(r#","game_id":"#)?;
    let game_id = reader.text_or_null()?;
    reader.take(r#"},"payload":"#)?;
    let payload = reader.rest.strip_suffix('}')?;
    if !payload.starts_with('{') {
        return None;
    }
    Some(EventEnvelope {
        event_id: Cow::Borrowed(event_id),
        event_type: Cow::Borrowed(event_type),
        timestamp: Cow::Borrowed(timestamp),
        correlation_id,
        producer: Cow::Borrowed(producer),
        actor: Actor {
            user_id,
            username: Cow::Borrowed(username),
            socket_id: Cow::Borrowed(socket_id),
            roles,
        },
        audience: Audience {
            kind,
            user_ids,
            room_id,
            game_id,
        },
        payload: serde_json::from_str(payload).ok()?,
    })
}
