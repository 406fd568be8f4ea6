//! Log lines that clients can cause: so many a second are written, and of the others how many they were.

use parking_lot::Mutex;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// The pace of one kind of line in a process.
#[derive(Debug)]
pub struct LinePace {
    max_per_s: u32,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    since: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl LinePace {
    /// At most so many a second.
    pub const fn new(max_per_s: u32) -> LinePace {
        LinePace {
            max_per_s,
            written: Mutex::new(Written {
                since: None,
                lines: 0,
                left_out: 0,
            }),
        }
    }

    /// How many were left out since the last one, if another may be written.
    pub fn take(&self) -> Option<u64> {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> Option<u64> {
        let mut written = self.written.lock();
        let is_over = |since: Instant| now.saturating_duration_since(since) >= SECOND;
        if written.since.is_none_or(is_over) {
            (written.since, written.lines) = (Some(now), 0);
        }
        if written.lines == self.max_per_s {
            written.left_out += 1;
            return None;
        }
        written.lines += 1;
        Some(std::mem::take(&mut written.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_counted() {
        let (pace, begun) = (LinePace::new(2), Instant::now());
        let at = |ms| pace.take_at(begun + Duration::from_millis(ms));
        assert_eq!(
            [at(0), at(10), at(20), at(999)],
            [Some(0), Some(0), None, None]
        );
        assert_eq!([at(1_000), at(1_001), at(1_002)], [Some(2), Some(0), None]);
        assert_eq!(at(5_000), Some(1));
    }
}
