//! Consumed topics that have lost records: too old ones that nobody had decided, or the newest, also decided ones,
//! with brokers that lost their disks or with a topic that was made anew. What came after such a loss has numbers
//! that the owner takes for decided; it is told from what was decided by its time.

use super::hold::Hold;
use super::shared::{Offsets, Shared};
use super::tails::{TailError, Tails};
use crate::store::StoreError;
use blazing_sun_backbone::log::{Bounds, LogError, Topic};
use blazing_sun_domain::Millis;
use std::collections::BTreeMap;
use std::time::Duration;

/// Clocks of those who send differ by less. What is read again for it was decided before, and is dropped as repeated.
const CLOCKS_DIFFER_MS: i64 = 60_000;
/// A record's time counts no further ahead of its owner's clock.
pub(super) const AHEAD_MS_MAX: i64 = 300_000;
/// For one question to the brokers.
const PATIENCE: Duration = Duration::from_secs(2);

/// The newest instants of what is decided, by topic.
pub(super) type Newest = BTreeMap<Topic, Millis>;

/// Why it is not known whether anything is lost, or could not be kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum LossError {
    #[error("the bounds of the topics did not come")]
    Bounds(#[from] LogError),
    #[error("the last decided record could not be looked at")]
    Last(#[from] TailError),
    #[error("where topics are read on from could not be stored")]
    Store(#[from] StoreError),
}

/// A topic whose records of one partition are not those that the owner knows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Loss {
    pub topic: Topic,
    pub bounds: Bounds,
    /// Where it is read on from.
    pub from: u64,
}

impl Tails {
    /// The time of a record, where one stands there.
    fn instant(
        &self,
        topic: &Topic,
        partition: u32,
        offset: u64,
    ) -> Result<Option<Millis>, LossError> {
        let place = (topic.clone(), offset);
        let found = self.records(partition, vec![place], PATIENCE)?;
        let found = found.into_iter().find(|record| record.offset == offset);
        Ok(found.map(|record| record.timestamp))
    }

    /// What was lost of the partition's topics, by what is decided of each.
    pub fn losses(
        &self,
        partition: u32,
        decided: &Offsets,
        newest: &Newest,
    ) -> Result<Vec<Loss>, LossError> {
        let offsets = &self.offsets;
        let place = |topic: &Topic| (topic.clone(), partition);
        let places: Vec<(Topic, u32)> = decided.keys().map(place).collect();
        // The ends first: what is written from here on is newer than all that is decided.
        let bounds = offsets.bounds(&places, PATIENCE)?;
        let mut losses = Vec::new();
        for ((topic, next), bounds) in decided.iter().zip(bounds) {
            let since = |at: Millis| -> Result<u64, LossError> {
                let found = offsets.since(&[place(topic)], at, PATIENCE)?;
                Ok(found.into_iter().next().flatten().unwrap_or(bounds.end))
            };
            let newest = newest.get(topic).copied().filter(|newest| newest.0 > 0);
            let last = || self.instant(topic, partition, next.saturating_sub(1));
            if let Some(from) = read_on_from(*next, &bounds, newest, since, last)? {
                let topic = topic.clone();
                losses.push(Loss {
                    topic,
                    bounds,
                    from,
                });
            }
        }
        Ok(losses)
    }
}

/// Where a topic is read on from of which all is decided below `next`; none: from there. `since` finds the first
/// record that is no older; `last` has the time of the record before `next`.
fn read_on_from<E>(
    next: u64,
    bounds: &Bounds,
    newest: Option<Millis>,
    since: impl Fn(Millis) -> Result<u64, E>,
    last: impl Fn() -> Result<Option<Millis>, E>,
) -> Result<Option<u64>, E> {
    if next < bounds.earliest {
        return Ok(Some(bounds.earliest));
    }
    let is_short = next > bounds.end;
    let Some(newest) = newest else {
        return Ok(is_short.then_some(bounds.earliest));
    };
    // One that was dated ahead of its time is found by the search, too, and was decided as what is behind it.
    let is_known = || -> Result<bool, E> { Ok(last()?.is_some_and(|at| at <= newest)) };
    if !is_short && (since(newest.plus(1))? >= next || is_known()?) {
        return Ok(None);
    }
    let from = since(newest.plus(1 - CLOCKS_DIFFER_MS))?;
    Ok(Some(from.clamp(bounds.earliest, bounds.end.min(next))))
}

impl Hold {
    /// Looks for what the topics have lost, and keeps where they are read on from.
    pub fn find_losses(&mut self, shared: &Shared) -> Result<(), LossError> {
        let losses = shared.tails.losses(self.number, &self.next, &self.newest)?;
        for Loss {
            topic,
            bounds,
            from,
        } in losses
        {
            let next = self.next.get(&topic).copied().unwrap_or(0);
            self.store.move_offset(&self.ownership, &topic, from)?;
            if from > next {
                tracing::error!(
                    topic = topic.as_str(),
                    partition = self.number,
                    lost = from - next,
                    read_on_from = from,
                    "a topic has lost records that nobody had decided"
                );
            } else {
                tracing::error!(
                    topic = topic.as_str(),
                    partition = self.number,
                    decided = next,
                    first = bounds.earliest,
                    end = bounds.end,
                    lost_at_least = next.saturating_sub(bounds.end),
                    read_on_from = from,
                    "a topic has lost its newest records; it is read on from where others follow"
                );
            }
            self.next.insert(topic, from);
            self.has_lost = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    const MINUTE: i64 = 60_000;

    /// A topic that begins with the 10th record, and whose records have these times.
    fn read_on(next: u64, newest: Option<i64>, times: &[i64]) -> Option<u64> {
        let bounds = Bounds {
            earliest: 10,
            end: 10 + times.len() as u64,
        };
        let since = |at: Millis| {
            let at = times.iter().position(|time| *time >= at.0);
            Ok::<u64, Infallible>(at.map_or(bounds.end, |at| 10 + at as u64))
        };
        let last = || {
            let before = next.checked_sub(11).and_then(|at| times.get(at as usize));
            Ok(before.copied().map(Millis))
        };
        let newest = newest.map(Millis);
        let Ok(from) = read_on_from(next, &bounds, newest, since, last);
        from
    }

    #[test]
    fn what_has_lost_nothing_is_read_on() {
        let times: Vec<i64> = (1..=5).map(|n| n * MINUTE).collect();
        assert_eq!(read_on(13, Some(3 * MINUTE), &times), None);
        assert_eq!(read_on(15, Some(5 * MINUTE), &times), None);
        assert_eq!(read_on(13, None, &times), None);
        assert_eq!(read_on(10, Some(MINUTE), &[]), None);
    }

    #[test]
    fn a_record_that_was_dated_ahead_is_no_loss() {
        // Decided in minute 3, it counts as of minute 8.
        let ahead = [1, 2, 60, 3, 4].map(|at| at * MINUTE);
        assert_eq!(read_on(15, Some(8 * MINUTE), &ahead), None);
        // What was decided behind it is lost, and others came.
        let lost = [1, 2, 60, 20, 21].map(|at| at * MINUTE);
        assert_eq!(read_on(15, Some(8 * MINUTE), &lost), Some(12));
    }

    #[test]
    fn what_was_deleted_undecided_is_passed_over() {
        assert_eq!(read_on(7, Some(MINUTE), &[9 * MINUTE]), Some(10));
    }

    #[test]
    fn after_a_lost_end_what_is_newer_is_read_and_little_else() {
        // Decided up to the 19th, minute 10; the brokers have the 10th to 12th, and two that came later.
        let times = [MINUTE, 2 * MINUTE, 3 * MINUTE, 20 * MINUTE, 21 * MINUTE];
        assert_eq!(read_on(20, Some(10 * MINUTE), &times), Some(13));
        assert_eq!(read_on(20, Some(10 * MINUTE), &times[..3]), Some(13));
        // As many came as were lost.
        assert_eq!(read_on(15, Some(10 * MINUTE), &times), Some(13));
        assert_eq!(read_on(14, Some(10 * MINUTE), &times), Some(13));
        // Of unknown time: all of it.
        assert_eq!(read_on(20, None, &times), Some(10));
    }
}
