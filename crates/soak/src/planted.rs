//! The faults that the server can be built with, each with the checkers that must notice it.

use crate::run::{Kill, Plan};

/// A fault, how it is made to show, and who must find it.
#[derive(Debug, Clone, Copy)]
pub struct Planted {
    /// As `BLAZING_SUN_FAULT` names it.
    pub fault: &'static str,
    /// Where its servers are killed.
    pub kills: &'static [Kill],
    /// Which invariants' checkers notice.
    pub noticed_by: &'static [&'static str],
}

const DRAINS: &[Kill] = &[Kill::Drain];

/// All of them.
pub const PLANTED: [Planted; 11] = [
    planted("dedupe_off", DRAINS, &["I9 repeats"]),
    planted("transfer_doubled:5", DRAINS, &["I1-I3 money", "audit"]),
    planted("rake_lost:1", DRAINS, &["I1-I3 money", "audit"]),
    planted("event_skipped:40", DRAINS, &["I5 order", "audit"]),
    planted("event_doubled:40", DRAINS, &["I2 once", "I5 order"]),
    planted("delivery_skipped:40", DRAINS, &["I5 order"]),
    planted("private_leaked:20", DRAINS, &["I8 private"]),
    planted("refusal_shared", DRAINS, &["I8 private"]),
    planted("ack_early", &[Kill::Point("K2")], &["durable"]),
    planted("poison_dropped", DRAINS, &["I14 poison"]),
    planted("outage_rolls", &[Kill::Signal], &["outage"]),
];

const fn planted(
    fault: &'static str,
    kills: &'static [Kill],
    noticed_by: &'static [&'static str],
) -> Planted {
    Planted {
        fault,
        kills,
        noticed_by,
    }
}

impl Planted {
    /// A run that shows it.
    pub fn plan(&self, seed: u64) -> Plan {
        Plan {
            fault: Some(self.fault.to_owned()),
            kills: self.kills.to_vec(),
            ..Plan::new(seed, 60, 16)
        }
    }
}
