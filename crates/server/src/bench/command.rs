//! Commands as text, with ids that are made without asking the system for randomness each time.

use std::fmt::Write;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use uuid::{Builder, Uuid};

/// Makes UUIDv7 command ids.
pub struct CommandIds {
    started: Instant,
    started_ms: u64,
    run: [u8; 6],
    count: u32,
}

impl CommandIds {
    /// Ids that no other run makes.
    pub fn new() -> CommandIds {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let random = Uuid::new_v4().into_bytes();
        let [a, b, c, d, e, f, ..] = random;
        CommandIds {
            started: Instant::now(),
            started_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX >> 16),
            run: [a, b, c, d, e, f],
            count: 0,
        }
    }

    /// A fresh id.
    pub fn next(&mut self) -> Uuid {
        self.count = self.count.wrapping_add(1);
        let now_ms = self.started_ms + self.started.elapsed().as_millis() as u64;
        let [a, b, c, d] = self.count.to_be_bytes();
        let [e, f, g, h, i, j] = self.run;
        Builder::from_unix_timestamp_millis(now_ms, &[e, f, g, h, i, j, a, b, c, d]).into_uuid()
    }
}

/// The number that an id of [`CommandIds`] carries.
pub fn number_of(id: &Uuid) -> u32 {
    let [.., a, b, c, d] = *id.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// The same of the id's text.
pub fn number_in(id: &[u8]) -> Option<u32> {
    id.last_chunk::<8>()?.iter().try_fold(0, |number, digit| {
        Some(number << 4 | char::from(*digit).to_digit(16)?)
    })
}

/// A command whose fields are JSON text already: `"room_id":"…"`, without braces.
pub fn text(into: &mut String, name: &str, id: Uuid, fields: &str) {
    into.clear();
    let comma = if fields.is_empty() { "" } else { "," };
    // Writing to a String cannot fail.
    let _ = write!(
        into,
        r#"{{"type":"games.command.{name}","command_id":"{}"{comma}{fields}}}"#,
        id.hyphenated()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_7_and_differ() {
        let mut ids = CommandIds::new();
        let many: std::collections::HashSet<Uuid> = (0..10_000).map(|_| ids.next()).collect();
        assert_eq!(many.len(), 10_000);
        assert!(many.iter().all(|id| id.get_version_num() == 7));
        let id = ids.next();
        assert_eq!(number_of(&id), 10_001);
        assert_eq!(number_in(id.to_string().as_bytes()), Some(10_001));
        assert_eq!(number_in(b"not-an-id"), None);
    }

    #[test]
    fn commands_are_json() {
        let mut out = String::new();
        text(&mut out, "join_room", Uuid::nil(), r#""room_id":"r""#);
        let parsed: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(parsed["type"], "games.command.join_room");
        assert_eq!(parsed["room_id"], "r");
        text(&mut out, "list_rooms", Uuid::nil(), "");
        assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok());
    }
}
