//! When partitions of topics whose records brokers refuse are tried again: with one record, after pauses that grow, and
//! once that is taken with all others.

use blazing_sun_backbone::log::Topic;
use rustc_hash::FxHashMap;
use std::time::{Duration, Instant};

/// The pause after the first refusal; each that follows doubles it, …
pub(super) const PAUSE: Duration = Duration::from_millis(500);
/// … up to this.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// A topic's partition that records are sent to.
pub(super) type Target = (Topic, u32);

/// A record of a batch.
pub(super) type Numbered = (u64, u32);

/// What is to be sent to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Try {
    /// One record, on trial.
    One,
    /// All that waits.
    All,
}

struct Retry {
    pause: Duration,
    /// How often the record that is tried was refused.
    trials: u32,
    state: State,
}

enum State {
    Pausing(Instant),
    /// This record is on its way.
    Trying(Numbered),
    Taken,
}

/// The targets that take nothing for now.
#[derive(Default)]
pub(super) struct Retries(FxHashMap<Target, Retry>);

impl Retries {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether nothing is sent to a target but what is due.
    pub fn hold(&self, topic: &Topic, partition: u32) -> bool {
        // Targets are rarely refused: most records cost no key.
        !self.0.is_empty() && self.0.contains_key(&(topic.clone(), partition))
    }

    /// A record was refused. The first one's target is tried again after `pause`. Gives how often it was on trial.
    pub fn refused(
        &mut self,
        target: Target,
        record: Numbered,
        now: Instant,
        pause: Duration,
    ) -> u32 {
        let Some(retry) = self.0.get_mut(&target) else {
            let first = Retry {
                pause: PAUSE,
                trials: 0,
                state: State::Pausing(now + pause),
            };
            self.0.insert(target, first);
            return 0;
        };
        match retry.state {
            State::Trying(tried) if tried == record => {
                retry.pause = PAUSE_MAX.min(retry.pause * 2);
                retry.state = State::Pausing(now + retry.pause);
                retry.trials += 1;
                retry.trials
            }
            // It was sent before the refusal was heard of.
            State::Pausing(_) | State::Trying(_) | State::Taken => 0,
        }
    }

    /// A record will never be sent: the next one is tried at once.
    pub fn passed_over(&mut self, target: &Target, now: Instant) {
        if let Some(retry) = self.0.get_mut(target) {
            retry.state = State::Pausing(now);
            retry.trials = 0;
        }
    }

    /// A record was taken.
    pub fn taken(&mut self, target: &Target, record: Numbered) {
        if let Some(retry) = self.0.get_mut(target)
            && matches!(retry.state, State::Trying(tried) if tried == record)
        {
            retry.state = State::Taken;
        }
    }

    /// What is due. Until it is tried, or let go, it remains so.
    pub fn due(&self, now: Instant) -> Vec<(Target, Try)> {
        let due = self.0.iter().filter_map(|(target, retry)| {
            let due = match retry.state {
                State::Pausing(until) => (until <= now).then_some(Try::One)?,
                State::Trying(_) => return None,
                State::Taken => Try::All,
            };
            Some((target.clone(), due))
        });
        due.collect()
    }

    /// A record is on trial.
    pub fn tried(&mut self, target: &Target, record: Numbered) {
        if let Some(retry) = self.0.get_mut(target) {
            retry.state = State::Trying(record);
        }
    }

    /// A target takes records as others do.
    pub fn let_go(&mut self, target: &Target) {
        self.0.remove(target);
    }

    /// What was on trial is not on its way any more.
    pub fn forget_trials(&mut self, now: Instant) {
        for retry in self.0.values_mut() {
            if let State::Trying(_) | State::Taken = retry.state {
                retry.state = State::Pausing(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_each_trial_that_is_refused_and_not_with_what_was_sent_before_it() {
        let (topic, mut retries) = (Topic::new("events"), Retries::default());
        let target = (topic.clone(), 1);
        let (mut now, mut pauses) = (Instant::now(), Vec::new());
        assert_eq!(retries.refused(target.clone(), (1, 0), now, PAUSE), 0);
        for trial in 1..10 {
            let begun = now;
            for later in 1..4 {
                assert_eq!(retries.refused(target.clone(), (1, later), now, PAUSE), 0);
            }
            while retries.due(now).is_empty() {
                now += PAUSE / 2;
            }
            assert_eq!(retries.due(now), [(target.clone(), Try::One)]);
            pauses.push((now - begun).as_millis());
            retries.tried(&target, (1, 0));
            assert!(retries.due(now + PAUSE_MAX).is_empty());
            assert_eq!(retries.refused(target.clone(), (1, 0), now, PAUSE), trial);
        }
        let doubled = [500, 1_000, 2_000, 4_000, 8_000, 16_000];
        assert_eq!(pauses, [&doubled[..], &[30_000; 3]].concat());
        assert!(retries.hold(&topic, 1) && !retries.hold(&topic, 0));
    }

    #[test]
    fn all_goes_once_the_record_on_trial_is_taken_and_no_other() {
        let (target, mut retries) = ((Topic::new("events"), 1), Retries::default());
        let now = Instant::now();
        retries.refused(target.clone(), (1, 0), now, PAUSE);
        retries.taken(&target, (1, 7));
        assert!(retries.due(now).is_empty());
        retries.tried(&target, (1, 0));
        retries.taken(&target, (1, 7));
        assert!(retries.due(now).is_empty());
        retries.taken(&target, (1, 0));
        assert_eq!(retries.due(now), [(target.clone(), Try::All)]);
        retries.let_go(&target);
        assert!(retries.is_empty());
    }
}
