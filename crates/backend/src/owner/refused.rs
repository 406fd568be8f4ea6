//! What is told of records that brokers refuse: the first one, then how many in a while, and that it is over.

use std::time::{Duration, Instant};

/// How often it is told how many.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// It is over once nothing has been refused for so long, and something published since.
const OVER_AFTER: Duration = Duration::from_secs(3);

/// What is to be told now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tell {
    /// A record, the first.
    First,
    /// So many since something was told last.
    More(u64),
    /// So many in all, from the first to the last in so long.
    Over(u64, Duration),
}

/// Refused records since the first, if that is not over.
#[derive(Default)]
pub(super) struct Refused(Option<Outage>);

struct Outage {
    first: Instant,
    last: Instant,
    told: Instant,
    untold: u64,
    all: u64,
    /// Whether anything was published since the last.
    published_since: bool,
}

impl Refused {
    /// A record was refused.
    pub fn refused(&mut self, now: Instant) -> Option<Tell> {
        let Some(outage) = &mut self.0 else {
            self.0 = Some(Outage {
                first: now,
                last: now,
                told: now,
                untold: 0,
                all: 1,
                published_since: false,
            });
            return Some(Tell::First);
        };
        outage.last = now;
        outage.published_since = false;
        outage.untold += 1;
        outage.all += 1;
        if now.duration_since(outage.told) < TELL_EVERY {
            return None;
        }
        outage.told = now;
        Some(Tell::More(std::mem::take(&mut outage.untold)))
    }

    /// A record was published.
    pub fn published(&mut self) {
        if let Some(outage) = &mut self.0 {
            outage.published_since = true;
        }
    }

    /// Looks whether it is over.
    pub fn look(&mut self, now: Instant) -> Option<Tell> {
        let outage = self.0.as_ref()?;
        let is_over = outage.published_since && now.duration_since(outage.last) >= OVER_AFTER;
        let outage = self.0.take_if(|_| is_over)?;
        Some(Tell::Over(outage.all, outage.last - outage.first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_refused_records_few_lines_are_told_and_none_goes_uncounted() {
        let mut refused = Refused::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let told: Vec<(u64, Tell)> = (0..25_000)
            .filter_map(|ms| Some((ms, refused.refused(at(ms))?)))
            .collect();
        let more = |ms| (ms, Tell::More(10_000));
        assert_eq!(told, [(0, Tell::First), more(10_000), more(20_000)]);
        assert_eq!(refused.look(at(60_000)), None, "nothing is published");
        refused.published();
        assert_eq!(refused.look(at(25_100)), None, "the next may be refused");
        let over = Tell::Over(25_000, Duration::from_millis(24_999));
        assert_eq!(refused.look(at(28_000)), Some(over));
        assert_eq!(refused.look(at(40_000)), None);
        assert_eq!(refused.refused(at(50_000)), Some(Tell::First));
    }
}
