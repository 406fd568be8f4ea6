//! Where a search goes on.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use blazing_sun_backbone::log::Way;

/// What a written cursor looks like.
pub const CURSOR_PATTERN: &str = "^[A-Za-z0-9_-]{1,4000}$";
const CHARS_MAX: usize = 4_000;
const VERSION: u32 = 1;

/// Which way a search goes, and where it stands in each of its partitions: on, at the offset that comes next; back, at
/// the one after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Which way.
    pub way: Way,
    /// Partitions with their places.
    pub places: Vec<(u32, u64)>,
}

impl Cursor {
    /// As clients keep it.
    pub fn write(&self) -> String {
        let is_back = self.way == Way::Back;
        let written = serde_json::to_vec(&(VERSION, is_back, &self.places));
        BASE64_URL_SAFE_NO_PAD.encode(written.unwrap_or_default())
    }

    /// From what [`Cursor::write`] gave; none if it is something else.
    pub fn read(text: &str) -> Option<Cursor> {
        if text.len() > CHARS_MAX {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (version, is_back, mut places): (u32, bool, Vec<(u32, u64)>) =
            serde_json::from_slice(&bytes).ok()?;
        let way = if is_back { Way::Back } else { Way::On };
        places.sort_unstable();
        places.dedup_by_key(|(partition, _)| *partition);
        let is_fit = version == VERSION && places.iter().all(|(_, at)| *at <= i64::MAX as u64);
        is_fit.then_some(Cursor { way, places })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_as_written_and_anything_else_is_none() {
        for way in [Way::On, Way::Back] {
            let places = vec![(0, 17), (3, i64::MAX as u64)];
            let cursor = Cursor { way, places };
            assert_eq!(Cursor::read(&cursor.write()), Some(cursor));
        }
        let no_offset = Cursor {
            way: Way::On,
            places: vec![(0, u64::MAX)],
        };
        let other = BASE64_URL_SAFE_NO_PAD.encode("[2,true,[]]");
        for text in [
            "",
            "x",
            "AAAA",
            &other,
            &no_offset.write(),
            &"A".repeat(5_000),
        ] {
            assert_eq!(Cursor::read(text), None, "{text}");
        }
    }
}
