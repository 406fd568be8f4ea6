//! Gateways by their heartbeats.

use blazing_sun_domain::Millis;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// The gateways whose heartbeats come to this partition.
#[derive(Debug, Default)]
pub(in crate::partition) struct Gateways {
    heard: FxHashMap<String, Heard>,
    /// When a gateway that is not heard again is doubted, or counts as gone.
    due: BTreeSet<(Millis, String)>,
    /// What this batch tells; none of it is told where the batch is not committed.
    told: Told,
}

#[derive(Debug)]
struct Heard {
    boot_id: String,
    due: Millis,
    /// Not heard for most of the time that it has. A process that was stopped finds all of its timers due
    /// when it goes on, its own gateway's too, which is heard again within the rest of that time.
    is_doubted: bool,
    /// Whether all partitions know that it lives.
    is_told: bool,
}

#[derive(Debug, Default)]
struct Told {
    heard: Vec<String>,
    silent: Vec<(String, String)>,
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
        let due = now.plus(silence_ms - last_part_ms(silence_ms));
        let heard = Heard {
            boot_id: boot_id.to_owned(),
            due,
            is_doubted: false,
            is_told: true,
        };
        let before = self.heard.insert(gateway_id.to_owned(), heard);
        let is_known = before
            .as_ref()
            .is_some_and(|before| before.boot_id == boot_id && before.is_told);
        if let Some(before) = before {
            self.due.remove(&(before.due, gateway_id.to_owned()));
        }
        self.due.insert((due, gateway_id.to_owned()));
        if !is_known {
            self.told.heard.push(gateway_id.to_owned());
        }
        !is_known
    }

    /// Expects the heartbeats of a gateway that the owner before may have heard.
    pub(super) fn expect(&mut self, gateway_id: &str, boot_id: &str, now: Millis, silence_ms: i64) {
        if self.heard.contains_key(gateway_id) {
            return;
        }
        let due = now.plus(silence_ms - last_part_ms(silence_ms));
        let heard = Heard {
            boot_id: boot_id.to_owned(),
            due,
            is_doubted: false,
            is_told: false,
        };
        self.heard.insert(gateway_id.to_owned(), heard);
        self.due.insert((due, gateway_id.to_owned()));
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
            let (_, gateway_id) = self.due.pop_first()?;
            let heard = self.heard.get_mut(&gateway_id)?;
            if heard.is_doubted {
                let heard = self.heard.remove(&gateway_id)?;
                let silent = (gateway_id, heard.boot_id);
                self.told.silent.push(silent.clone());
                return Some(silent);
            }
            heard.is_doubted = true;
            heard.due = now.plus(last_part_ms(silence_ms));
            self.due.insert((heard.due, gateway_id));
        }
    }

    /// Whether this start of the gateway is heard.
    pub(super) fn hears(&self, gateway_id: &str, boot_id: &str) -> bool {
        let heard = self.heard.get(gateway_id);
        heard.is_some_and(|heard| heard.boot_id == boot_id)
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
        for gateway_id in std::mem::take(&mut self.told.heard) {
            if let Some(heard) = self.heard.get_mut(&gateway_id) {
                heard.is_told = false;
            }
        }
        for (gateway_id, boot_id) in std::mem::take(&mut self.told.silent) {
            self.heard.entry(gateway_id).or_insert(Heard {
                boot_id,
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
        for (gateway_id, heard) in &mut self.heard {
            (heard.due, heard.is_doubted) = (due, false);
            self.due.insert((due, gateway_id.clone()));
        }
    }
}
