//! One rate for some seconds: open loop, latency counts from the scheduled time.

use super::FanoutOptions;
use super::crowd::{Crowd, PUBLISHER};
use crate::bench::figures::{Used, latencies};
use crate::bench::machine::{Machine, Sample};
use crate::bench::sockets::Arrived;
use crate::bench::{SECOND_NS, command};
use hdrhistogram::Histogram;
use std::time::Duration;

/// Deliveries are waited for so long after the last was due.
const DRAIN_NS: u64 = 10 * SECOND_NS;
/// The correlation id stands near the start of a frame.
const HEAD_BYTES: usize = 240;
/// What may wait for one connection at most, as the server's default has it.
const BEHIND_BYTES_MAX: u64 = 256 * 1024;
const ID_KEY: &[u8] = br#""correlation_id":""#;
const ID_BYTES: usize = 36;

/// How fast, and for how long.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Messages a second.
    pub rate: f64,
    /// Measured seconds.
    pub seconds: f64,
    /// Seconds before them.
    pub warmup: f64,
}

impl Pace {
    /// As asked for, at this rate.
    pub fn of(options: &FanoutOptions, rate: f64) -> Pace {
        Pace {
            rate,
            seconds: options.seconds,
            warmup: options.warmup,
        }
    }
}

/// What came of it.
pub struct Step {
    /// Of the subscribers that count.
    pub latency_ns: Histogram<u64>,
    /// Deliveries that never came.
    pub lost: u64,
    /// Deliveries that came again, or out of order.
    pub doubled: u64,
    delivered: u64,
    subscribers: usize,
    seconds: f64,
    /// CPU meanwhile.
    pub used: Used,
    /// See [`Tally`].
    pub bytes: u64,
    /// See [`Tally`].
    pub behind_ns: Option<u64>,
}

impl Step {
    /// Deliveries a second.
    pub fn per_second(&self) -> f64 {
        self.delivered as f64 / self.seconds
    }

    /// The server's CPU for one; none where it is not visible.
    pub fn server_us_per_delivery(&self) -> Option<f64> {
        let cores = self.used.server.filter(|_| self.delivered > 0);
        cores.map(|cores| cores * 1e6 / self.per_second())
    }

    /// Whether all arrived about as fast as it was published.
    pub fn kept_up(&self, rate: f64) -> bool {
        self.lost == 0 && self.per_second() >= 0.98 * rate * self.subscribers as f64
    }
}

/// Which member has which deliveries.
pub struct Tally {
    /// The number of the first message, and when each since was due.
    first: u32,
    due_ns: Vec<u64>,
    /// The highest number that each member has.
    newest: Vec<Option<u32>>,
    /// Those whose deliveries are waited for.
    counts: Vec<bool>,
    arrived: u64,
    doubled: u64,
    /// Bytes that one of those who count has got, and when they were too many to wait for one connection.
    pub bytes: u64,
    pub behind_ns: Option<u64>,
    witness: usize,
}

impl Tally {
    /// Nothing yet but these bytes; `counts` says of each member whether it is to get all.
    pub fn new(counts: Vec<bool>, bytes: u64) -> Tally {
        Tally {
            first: 0,
            due_ns: Vec::new(),
            newest: vec![None; counts.len()],
            witness: counts.iter().position(|counts| *counts).unwrap_or(0),
            counts,
            arrived: 0,
            doubled: 0,
            bytes,
            behind_ns: None,
        }
    }

    /// A message was published.
    pub fn published(&mut self, number: u32, due_ns: u64) {
        if self.due_ns.is_empty() {
            self.first = number;
        }
        self.due_ns.push(due_ns);
    }

    /// A delivery came; gives when it was due if it counts.
    pub fn delivered(
        &mut self,
        (member, number): (usize, u32),
        bytes: usize,
        now_ns: u64,
    ) -> Option<u64> {
        let due_ns = *self.due_ns.get(number.checked_sub(self.first)? as usize)?;
        if !self.counts[member] {
            return None;
        }
        if self.newest[member].is_some_and(|newest| newest >= number) {
            self.doubled += 1;
            return None;
        }
        self.newest[member] = Some(number);
        self.arrived += 1;
        if member == self.witness {
            self.bytes += bytes as u64;
            if self.bytes >= BEHIND_BYTES_MAX {
                self.behind_ns.get_or_insert(now_ns);
            }
        }
        Some(due_ns)
    }

    fn expected(&self) -> u64 {
        let counting = self.counts.iter().filter(|counts| **counts).count();
        (self.due_ns.len() * counting) as u64
    }

    /// Deliveries that have not come.
    pub fn missing(&self) -> u64 {
        self.expected().saturating_sub(self.arrived)
    }
}

/// The number of the message that a frame delivers; none if it is something else.
pub fn number_in(text: &[u8], delivery: &[u8], key: &memchr::memmem::Finder<'_>) -> Option<u32> {
    if !text.starts_with(delivery) {
        return None;
    }
    let head = &text[..text.len().min(HEAD_BYTES)];
    let at = key.find(head)? + ID_KEY.len();
    command::number_in(head.get(at..at + ID_BYTES)?)
}

/// What finds a frame's correlation id.
pub fn id_finder() -> memchr::memmem::Finder<'static> {
    memchr::memmem::Finder::new(ID_KEY)
}

impl Crowd {
    /// All subscribers count.
    pub fn step(&mut self, pace: &Pace, machine: &Machine) -> anyhow::Result<Step> {
        self.step_of(pace, machine, |_| true)
    }

    /// Those count for whom it is said.
    pub fn step_of(
        &mut self,
        pace: &Pace,
        machine: &Machine,
        counts: impl Fn(usize) -> bool,
    ) -> anyhow::Result<Step> {
        let counts: Vec<bool> = (0..=self.subscribers())
            .map(|member| member != PUBLISHER && counts(member))
            .collect();
        let subscribers = counts.iter().filter(|counts| **counts).count();
        let mut tally = Tally::new(counts, 0);
        let mut latency_ns = latencies();
        let start_ns = self.sockets.now_ns();
        let nanoseconds = |seconds: f64| (seconds * SECOND_NS as f64) as u64;
        let from_ns = start_ns + nanoseconds(pace.warmup);
        let end_ns = from_ns + nanoseconds(pace.seconds);
        let gap_ns = SECOND_NS as f64 / pace.rate;
        let (mut published, mut delivered, mut last_ns) = (0_u64, 0, from_ns);
        let mut started: Option<(u64, Sample)> = None;
        loop {
            let now_ns = self.sockets.now_ns();
            if started.is_none() && now_ns >= from_ns {
                started = Some((now_ns, machine.sample()));
            }
            let mut wait_ns = SECOND_NS / 50;
            loop {
                let due_ns = start_ns + (published as f64 * gap_ns) as u64;
                if due_ns >= end_ns {
                    break;
                }
                if due_ns > now_ns {
                    wait_ns = wait_ns.min(due_ns - now_ns);
                    break;
                }
                tally.published(self.publish(), due_ns);
                published += 1;
            }
            self.take(wait_ns, &mut tally, &mut |due_ns, now_ns| {
                if due_ns >= from_ns {
                    delivered += 1;
                    last_ns = now_ns;
                    latency_ns.saturating_record(now_ns.saturating_sub(due_ns));
                }
            })?;
            self.sockets.beat();
            let now_ns = self.sockets.now_ns();
            if now_ns >= end_ns && (tally.missing() == 0 || now_ns > end_ns + DRAIN_NS) {
                break;
            }
        }
        let (sampled_ns, before) = started.unwrap_or_else(|| (from_ns, machine.sample()));
        let until_ns = self.sockets.now_ns();
        let wall = until_ns.saturating_sub(sampled_ns).max(1) as f64 / SECOND_NS as f64;
        let span_ns = last_ns.max(end_ns).saturating_sub(from_ns).max(1);
        Ok(Step {
            latency_ns,
            lost: tally.missing(),
            doubled: tally.doubled,
            delivered,
            subscribers,
            seconds: span_ns as f64 / SECOND_NS as f64,
            used: Used::between(wall, &before, &machine.sample()),
            bytes: tally.bytes,
            behind_ns: tally.behind_ns,
        })
    }

    /// Takes what comes within so long; `each` learns when a delivery that counts was due and came.
    pub fn take(
        &mut self,
        wait_ns: u64,
        tally: &mut Tally,
        each: &mut dyn FnMut(u64, u64),
    ) -> anyhow::Result<()> {
        let (delivery, key) = (self.delivery(), id_finder());
        let (mut refusals, mut closed) = (Vec::new(), Vec::new());
        let member_of = &self.member_of;
        self.sockets.poll(
            Duration::from_nanos(wait_ns),
            &mut |connection, now_ns, arrived, _| {
                let member = member_of[connection];
                match arrived {
                    Arrived::Text(text) => match number_in(text, delivery, &key) {
                        Some(number) => {
                            if let Some(due_ns) =
                                tally.delivered((member, number), text.len(), now_ns)
                            {
                                each(due_ns, now_ns);
                            }
                        }
                        None if crate::bench::is_refusal(text) => {
                            refusals.push(String::from_utf8_lossy(text).into_owned());
                        }
                        None => {}
                    },
                    Arrived::Closed(why) => closed.push((member, now_ns, why.to_owned())),
                    Arrived::Open => {}
                }
            },
        )?;
        for (member, at_ns, why) in closed {
            self.lost(member, at_ns, &why);
        }
        refusals.into_iter().for_each(|refusal| self.error(refusal));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::command::CommandIds;

    #[test]
    fn a_delivery_is_recognised_by_its_commands_number() {
        let mut ids = CommandIds::new();
        let id = ids.next();
        let start = br#"{"type":"games.event.relay.said""#;
        let frame = format!(
            r#"{{"type":"games.event.relay.said","event_id":"e","correlation_id":"{id}"}}"#
        );
        let key = id_finder();
        assert_eq!(
            number_in(frame.as_bytes(), start, &key),
            Some(command::number_of(&id))
        );
        let ack = format!(r#"{{"type":"system.ack","command_id":"{id}"}}"#);
        assert_eq!(number_in(ack.as_bytes(), start, &key), None);
    }

    #[test]
    fn what_is_missing_and_what_came_twice_is_counted() {
        let mut tally = Tally::new(vec![false, true, true, false], 0);
        tally.published(10, 100);
        tally.published(11, 200);
        assert_eq!(tally.missing(), 4);
        let mut came = |member, number| tally.delivered((member, number), 5, 7);
        assert_eq!(came(1, 10), Some(100));
        assert_eq!(came(1, 10), None);
        assert_eq!(came(3, 10), None, "does not count");
        assert_eq!(came(2, 9), None, "from before");
        assert_eq!(came(1, 11), Some(200));
        assert_eq!((tally.missing(), tally.doubled, tally.bytes), (2, 1, 10));
    }
}
