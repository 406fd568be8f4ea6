//! When an owner and the brokers last showed that they live. Time in which they did not counts for nobody:
//! deadlines move by it.

use blazing_sun_domain::Millis;

/// How often both are to show it while something waits for its time.
pub(super) const ALIVE_MS: i64 = 1_000;
/// A silence longer than this is an outage.
const OUTAGE_MS: i64 = 3_000;

/// The last signs of life.
#[derive(Debug, Clone, Copy)]
pub(super) struct Liveness {
    /// The brokers have answered.
    brokers: Millis,
    /// The store has committed.
    store: Millis,
    outage_since: Option<Millis>,
}

impl Liveness {
    /// Both live.
    pub fn at(now: Millis) -> Liveness {
        Liveness {
            brokers: now,
            store: now,
            outage_since: None,
        }
    }

    pub fn brokers_answered(&mut self, now: Millis) {
        self.look(now);
        self.brokers = now;
    }

    pub fn store_committed(&mut self, now: Millis) {
        self.look(now);
        self.store = now;
    }

    /// Nothing waits for its time: nobody would notice an outage.
    pub fn nothing_waits(&mut self, now: Millis, for_store: bool, for_brokers: bool) {
        if self.outage_since.is_none() {
            if for_store {
                self.store = now;
            }
            if for_brokers {
                self.brokers = now;
            }
        }
    }

    /// Up to when time counts, for whoever takes over: a silence of the brokers goes on for the next owner.
    pub fn alive(&self, now: Millis) -> Millis {
        self.outage_since.unwrap_or(self.brokers).min(now)
    }

    /// Since when an outage goes on, or one that is over has moved no deadlines yet.
    pub fn silent_since(&self) -> Option<Millis> {
        self.outage_since
    }

    /// When the brokers are to be asked again.
    pub fn brokers_due(&self) -> Millis {
        self.brokers.plus(ALIVE_MS)
    }

    /// When a commit is due.
    pub fn store_due(&self) -> Millis {
        self.store.plus(ALIVE_MS)
    }

    /// Whether this is an outage: nothing fires.
    pub fn is_outage(&mut self, now: Millis) -> bool {
        self.look(now);
        self.outage_since.is_some()
    }

    /// How long the outage was that is over now, if one is.
    pub fn outage_over(&mut self, now: Millis) -> Option<i64> {
        self.look(now);
        let is_over = now.0 - self.brokers.min(self.store).0 < OUTAGE_MS / 2;
        let since = self.outage_since.filter(|_| is_over)?;
        Some((now.0 - since.0).max(0))
    }

    /// The last sign of life of the store.
    pub fn last(&self) -> Millis {
        self.store
    }

    /// Deadlines have been moved by it.
    pub fn outage_told(&mut self) {
        self.outage_since = None;
    }

    fn look(&mut self, now: Millis) {
        let last = self.brokers.min(self.store);
        if self.outage_since.is_none() && now.0 - last.0 > OUTAGE_MS {
            self.outage_since = Some(last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_of_either_is_an_outage_until_both_live_again() {
        for is_brokers in [true, false] {
            let mut liveness = Liveness::at(Millis(10_000));
            let answer = |liveness: &mut Liveness, now| match is_brokers {
                true => liveness.brokers_answered(Millis(now)),
                false => liveness.store_committed(Millis(now)),
            };
            for now in [11_000, 12_000, 13_500] {
                answer(&mut liveness, now);
            }
            assert!(liveness.is_outage(Millis(13_500)), "the other is silent");
            assert_eq!(liveness.outage_over(Millis(13_600)), None);
            answer(&mut liveness, 20_000);
            match is_brokers {
                true => liveness.store_committed(Millis(20_000)),
                false => liveness.brokers_answered(Millis(20_000)),
            }
            assert_eq!(liveness.outage_over(Millis(20_100)), Some(10_100));
            liveness.outage_told();
            assert!(!liveness.is_outage(Millis(20_200)));
        }
    }

    #[test]
    fn a_stopped_process_finds_an_outage_before_it_fires_anything() {
        let mut liveness = Liveness::at(Millis(10_000));
        assert!(!liveness.is_outage(Millis(12_000)));
        assert!(liveness.is_outage(Millis(20_000)));
        liveness.brokers_answered(Millis(20_001));
        assert_eq!(liveness.outage_over(Millis(20_001)), None);
    }

    #[test]
    fn a_store_that_lives_does_not_hide_from_the_next_owner_that_brokers_are_silent() {
        let mut liveness = Liveness::at(Millis(10_000));
        for now in [11_000, 12_000, 15_000, 20_000] {
            liveness.store_committed(Millis(now));
            assert_eq!(liveness.alive(Millis(now)), Millis(10_000));
        }
        liveness.brokers_answered(Millis(21_000));
        assert_eq!(
            liveness.alive(Millis(21_000)),
            Millis(10_000),
            "not moved yet"
        );
        liveness.outage_told();
        assert_eq!(liveness.alive(Millis(21_500)), Millis(21_000));
    }

    #[test]
    fn nothing_that_waits_is_no_outage() {
        let mut liveness = Liveness::at(Millis(10_000));
        liveness.nothing_waits(Millis(60_000), true, true);
        assert!(!liveness.is_outage(Millis(61_000)));
    }
}
