//! Gateways by their heartbeats.

use blazing_sun_domain::Millis;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// How often it is told that two gateways have one id.
const TWINS_EVERY_MS: i64 = 60_000;

/// A gateway's id, and the id of one start of it. Two gateways may have been given one id, and both live.
type Start = (String, String);

/// The gateways whose heartbeats come to this partition.
#[derive(Debug, Default)]
pub(in crate::partition) struct Gateways {
    heard: FxHashMap<Start, Heard>,
    /// When a gateway that is not heard again is doubted, or counts as gone.
    due: BTreeSet<(Millis, Start)>,
    /// Which start of each gateway was heard last, and when it was told that there are two.
    last: FxHashMap<String, (String, Option<Millis>)>,
    /// What this batch tells; none of it is told where the batch is not committed.
    told: Told,
}

#[derive(Debug)]
struct Heard {
    due: Millis,
    /// Not heard for most of the time that it has. A process that was stopped finds all of its timers due
    /// when it goes on, its own gateway's too, which is heard again within the rest of that time.
    is_doubted: bool,
    /// Whether all partitions know that it lives.
    is_told: bool,
}

#[derive(Debug, Default)]
struct Told {
    heard: Vec<Start>,
    silent: Vec<Start>,
}

/// The last part of a gateway's time, which it has after having been looked for.
fn last_part_ms(silence_ms: i64) -> i64 {
    silence_ms / 6
}

impl Gateways {
    /// Notes a heartbeat; whether all partitions are to be told that this start of the gateway lives.
    pub(super) fn hear(
        &mut self,
        gateway_id: &str,
        boot_id: &str,
        now: Millis,
        silence_ms: i64,
    ) -> bool {
        let start = (gateway_id.to_owned(), boot_id.to_owned());
        let due = now.plus(silence_ms - last_part_ms(silence_ms));
        let heard = Heard {
            due,
            is_doubted: false,
            is_told: true,
        };
        let before = self.heard.insert(start.clone(), heard);
        let is_known = before.as_ref().is_some_and(|before| before.is_told);
        if let Some(before) = before {
            self.due.remove(&(before.due, start.clone()));
        }
        self.due.insert((due, start.clone()));
        if self.has_twin(gateway_id, boot_id, is_known, now) {
            tracing::error!(
                gateway.id = gateway_id,
                "two gateways that live have the same `gateway.id`: give each its own"
            );
        }
        if !is_known {
            self.told.heard.push(start);
        }
        !is_known
    }

    /// Whether it is to be told that another start of the gateway was heard after this one was, and before now.
    fn has_twin(&mut self, gateway_id: &str, boot_id: &str, is_known: bool, now: Millis) -> bool {
        let Some((last, told)) = self.last.get_mut(gateway_id) else {
            let first = (boot_id.to_owned(), None);
            self.last.insert(gateway_id.to_owned(), first);
            return false;
        };
        if last == boot_id {
            return false;
        }
        boot_id.clone_into(last);
        let is_due = told.is_none_or(|told| now.0 - told.0 >= TWINS_EVERY_MS);
        let is_told = is_known && is_due;
        if is_told {
            *told = Some(now);
        }
        is_told
    }

    /// Expects the heartbeats of a gateway that the owner before may have heard.
    pub(super) fn expect(&mut self, gateway_id: &str, boot_id: &str, now: Millis, silence_ms: i64) {
        let start = (gateway_id.to_owned(), boot_id.to_owned());
        if self.heard.contains_key(&start) {
            return;
        }
        let due = now.plus(silence_ms - last_part_ms(silence_ms));
        let heard = Heard {
            due,
            is_doubted: false,
            is_told: false,
        };
        self.heard.insert(start.clone(), heard);
        self.due.insert((due, start));
    }

    /// A gateway that has been silent for too long: its id and start.
    pub(super) fn take_silent(
        &mut self,
        horizon: Millis,
        now: Millis,
        silence_ms: i64,
    ) -> Option<(String, String)> {
        loop {
            let (at, _) = self.due.first()?;
            if *at > horizon {
                return None;
            }
            let (_, start) = self.due.pop_first()?;
            let heard = self.heard.get_mut(&start)?;
            if heard.is_doubted {
                self.heard.remove(&start);
                if self
                    .last
                    .get(&start.0)
                    .is_some_and(|(last, _)| *last == start.1)
                {
                    self.last.remove(&start.0);
                }
                self.told.silent.push(start.clone());
                return Some(start);
            }
            heard.is_doubted = true;
            heard.due = now.plus(last_part_ms(silence_ms));
            self.due.insert((heard.due, start));
        }
    }

    /// Whether this start of the gateway is heard.
    pub(super) fn hears(&self, gateway_id: &str, boot_id: &str) -> bool {
        let start = (gateway_id.to_owned(), boot_id.to_owned());
        self.heard.contains_key(&start)
    }

    pub(in crate::partition) fn len(&self) -> usize {
        self.heard.len()
    }

    pub(in crate::partition) fn next_due(&self) -> Option<Millis> {
        self.due.first().map(|(at, _)| *at)
    }

    /// What was told until now is committed.
    pub(super) fn begin_batch(&mut self) {
        self.told.heard.clear();
        self.told.silent.clear();
    }

    /// Nothing that this batch told has been heard by anybody, and for a while no gateway could be heard:
    /// all is told again, and all have their whole time again.
    pub(super) fn take_back(&mut self, now: Millis, silence_ms: i64) {
        for start in std::mem::take(&mut self.told.heard) {
            if let Some(heard) = self.heard.get_mut(&start) {
                heard.is_told = false;
            }
        }
        for start in std::mem::take(&mut self.told.silent) {
            self.heard.entry(start).or_insert(Heard {
                due: now,
                is_doubted: false,
                is_told: false,
            });
        }
        self.begin_again(now, silence_ms);
    }

    /// All have their whole time again.
    pub(super) fn begin_again(&mut self, now: Millis, silence_ms: i64) {
        self.due.clear();
        let due = now.plus(silence_ms - last_part_ms(silence_ms));
        for (start, heard) in &mut self.heard {
            (heard.due, heard.is_doubted) = (due, false);
            self.due.insert((due, start.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_that_live_by_one_id_are_told_of_now_and_then_and_a_restart_is_not() {
        let mut gateways = Gateways::default();
        let mut told = Vec::new();
        let mut known = BTreeSet::new();
        let mut hear = |at_s: i64, boot_id| {
            let is_known = !known.insert(boot_id);
            if gateways.has_twin("one", boot_id, is_known, Millis(at_s * 1_000)) {
                told.push(at_s);
            }
        };
        for (at_s, boot_id) in [(0, "a"), (2, "a"), (4, "b"), (6, "b")] {
            hear(at_s, boot_id);
        }
        for at_s in (10..100).step_by(2) {
            hear(at_s, if at_s % 4 == 0 { "a" } else { "b" });
        }
        assert_eq!(told, [12, 72]);
    }
}
