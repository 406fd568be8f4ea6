//! Samples of how far groups are behind and how much topics grow, kept in memory.

use crate::groups::{self, GroupInfo, LagSample};
use crate::{Console, ConsoleParts};
use blazing_sun_domain::Millis;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Between samples.
const EVERY: Duration = Duration::from_secs(10);
/// An hour of them.
const SAMPLES: usize = 360;
/// A topic's rate is over as many as lie within so long, and half an interval, for no timer is exact.
const RATE_OVER_MS: i64 = 65_000;

/// The samples of this process.
#[derive(Default)]
pub struct LagHistory(Mutex<Samples>);

#[derive(Default)]
struct Samples {
    groups: HashMap<String, VecDeque<(Millis, u64)>>,
    topics: HashMap<String, VecDeque<(Millis, u64)>>,
}

impl LagHistory {
    /// Records a second over the last minute; none before there are two samples.
    pub fn rate(&self, topic: &str) -> Option<f64> {
        let samples = self.0.lock();
        let of_topic = samples.topics.get(topic)?;
        let (newest, end) = *of_topic.back()?;
        let is_recent = |(at, _): &&(Millis, u64)| newest.0 - at.0 <= RATE_OVER_MS;
        let (oldest, before) = *of_topic.iter().find(is_recent)?;
        let ms = newest.0 - oldest.0;
        (ms > 0).then(|| end.saturating_sub(before) as f64 * 1_000.0 / ms as f64)
    }

    /// A group's samples from then on; none for a group that was never seen.
    pub fn of_group(&self, group: &str, since: Millis) -> Option<Vec<LagSample>> {
        let samples = self.0.lock();
        let of_group = samples.groups.get(group)?.iter();
        let recent = of_group.filter(|(at, _)| *at >= since);
        let sample = |(at, lag): &(Millis, u64)| LagSample {
            at: at.to_string(),
            lag: *lag,
        };
        Some(recent.map(sample).collect())
    }

    fn take(&self, at: Millis, groups: &[GroupInfo]) {
        let mut samples = self.0.lock();
        for group in groups {
            let of_group = samples.groups.entry(group.group.clone()).or_default();
            push(of_group, (at, group.lag));
        }
        for (topic, end) in groups::ends(groups) {
            push(samples.topics.entry(topic).or_default(), (at, end));
        }
    }
}

fn push(samples: &mut VecDeque<(Millis, u64)>, sample: (Millis, u64)) {
    if samples.len() == SAMPLES {
        samples.pop_front();
    }
    samples.push_back(sample);
}

/// Samples for as long as the console is there.
pub(crate) async fn sample(parts: Weak<ConsoleParts>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(console) = parts.upgrade().map(Console) else {
            return;
        };
        match groups::read(&*console.log, &console.keeper, &console.games).await {
            Ok(groups) => console.lags.take((console.clock)(), &groups),
            Err(error) => tracing::debug!(%error, "groups were not sampled"),
        }
    }
}

/// Begins to, where there is a runtime.
pub(crate) fn start(parts: &Arc<ConsoleParts>) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(sample(Arc::downgrade(parts)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::GroupPlace;

    fn group(end: u64, committed: u64) -> GroupInfo {
        let place = GroupPlace {
            topic: "t".to_owned(),
            partition: 0,
            committed: Some(committed),
            end,
            lag: Some(end - committed),
        };
        GroupInfo {
            group: "g".to_owned(),
            members: None,
            lag: end - committed,
            partitions: vec![place],
        }
    }

    #[test]
    fn an_hour_is_kept_and_the_rate_is_of_the_last_minute() {
        let history = LagHistory::default();
        assert_eq!(history.rate("t"), None);
        assert_eq!(history.of_group("g", Millis(0)), None);
        for at in 0..400_u64 {
            // Twice as fast in the end.
            let end = if at < 390 {
                at * 10
            } else {
                3_900 + (at - 390) * 20
            };
            history.take(Millis(at as i64 * 10_000), &[group(end, end / 2)]);
        }
        assert_eq!(history.rate("t"), Some(2.0));
        let all = history.of_group("g", Millis(0)).unwrap();
        assert_eq!(
            (all.len(), all[0].at.as_str()),
            (360, "1970-01-01T00:06:40.000Z")
        );
        let last = history.of_group("g", Millis(3_990_000)).unwrap();
        assert_eq!((last.len(), last[0].lag), (1, 2_040));
    }
}
