//! A rate limiter in one number.

use blazing_sun_domain::Millis;

/// So many a second in the long run, so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In the long run.
    pub per_second: u32,
    /// After a rest.
    pub burst: u32,
}

/// When everything taken so far would have been taken at the long-run rate (GCRA).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Meter {
    due_us: i64,
}

impl Meter {
    /// Takes one, if the rate allows it at this time.
    pub(crate) fn take(&mut self, rate: Rate, now: Millis) -> bool {
        let now_us = now.0.saturating_mul(1_000);
        let step_us = 1_000_000 / i64::from(rate.per_second.max(1));
        let ahead_max_us = step_us * i64::from(rate.burst.max(1) - 1);
        let is_allowed = self.due_us <= now_us.saturating_add(ahead_max_us);
        if is_allowed {
            self.due_us = self.due_us.max(now_us).saturating_add(step_us);
        }
        is_allowed
    }

    /// Whether nothing is left of what was taken: a new meter would say the same.
    pub(crate) fn is_rested(&self, now: Millis) -> bool {
        self.due_us <= now.0.saturating_mul(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_gives_its_burst_and_then_its_rate() {
        let rate = Rate {
            per_second: 10,
            burst: 3,
        };
        let mut meter = Meter::default();
        let at = |ms: i64| Millis(1_000 + ms);
        let taken: Vec<bool> = (0..4).map(|_| meter.take(rate, at(0))).collect();
        assert_eq!(taken, [true, true, true, false]);
        assert!(!meter.take(rate, at(99)) && !meter.is_rested(at(99)));
        assert!(meter.take(rate, at(100)) && !meter.take(rate, at(100)));
        assert!(meter.is_rested(at(5_000)));
        let after_a_rest: Vec<bool> = (0..4).map(|_| meter.take(rate, at(5_000))).collect();
        assert_eq!(after_a_rest, [true, true, true, false]);
    }
}
