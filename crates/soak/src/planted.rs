//! The faults that the server can be built with, each with the checkers that must notice it.

use crate::cluster::{ClusterPlan, run_cluster};
use crate::crowd::crowd_under;
use crate::payments::{On, PaymentsPlan, payments};
use crate::run::{Kill, Plan, Report, run};
use std::time::Duration;

/// A fault, how it is made to show, and who must find it.
#[derive(Debug, Clone, Copy)]
pub struct Planted {
    /// As `BLAZING_SUN_FAULT` names it.
    pub fault: &'static str,
    /// Under what it shows.
    pub shown_by: Shown,
    /// Which invariants' checkers notice.
    pub noticed_by: &'static [&'static str],
}

/// Under what a fault shows.
#[derive(Debug, Clone, Copy)]
pub enum Shown {
    /// Servers that are killed there.
    Rounds(&'static [Kill]),
    /// Processes of a cluster that end so, each once.
    Cluster(&'static [Kill]),
    /// A crowd: in kill rounds nobody watches or talks.
    Crowd,
    /// Payments: else nobody pays anything in.
    Payments,
}

const DRAINS: Shown = Shown::Rounds(&[Kill::Drain]);
const PLAYERS: usize = 16;
const ROUNDS: u64 = 60;
const PAYMENTS: u64 = 80;
/// A fault stays for ever; what a webhook that was lost would have told is found long before.
const SETTLED_WITHIN: Duration = Duration::from_secs(4);
const CROWD: usize = 40;
const CROWD_PLAYS: Duration = Duration::from_secs(10);

/// All of them.
pub const PLANTED: [Planted; 17] = [
    planted("dedupe_off", DRAINS, &["I9 repeats"]),
    planted("transfer_doubled:5", DRAINS, &["I1-I3 money", "audit"]),
    planted(
        "credit_doubled:5",
        Shown::Payments,
        &["I10 balances", "audit"],
    ),
    planted("unpaid_credited", Shown::Payments, &["I10 payments"]),
    planted("rake_lost:1", DRAINS, &["I1-I3 money", "audit"]),
    planted("event_skipped:40", DRAINS, &["I5 order", "audit"]),
    planted("event_doubled:40", DRAINS, &["I2 once", "I5 order"]),
    planted("delivery_skipped:40", DRAINS, &["I5 order"]),
    planted("private_leaked:20", DRAINS, &["I8 private"]),
    planted("chat_leaked", Shown::Crowd, &["I8 private"]),
    planted("refusal_shared", DRAINS, &["I8 private"]),
    planted(
        "ack_early",
        Shown::Rounds(&[Kill::Point("K2")]),
        &["durable"],
    ),
    planted("poison_dropped", DRAINS, &["I14 poison"]),
    planted("outage_rolls", Shown::Rounds(&[Kill::Signal]), &["outage"]),
    planted(
        "relay_skips_one:40",
        Shown::Cluster(&[Kill::Signal]),
        &["I4 reaches the log"],
    ),
    planted(
        "fence_off",
        // It takes a batch with records to be stale.
        Shown::Cluster(&[Kill::FreezeAt("K1"); 3]),
        &["I5 order", "audit"],
    ),
    planted(
        "dedupe_off",
        Shown::Cluster(&[Kill::Signal]),
        &["I9 repeats"],
    ),
];

const fn planted(
    fault: &'static str,
    shown_by: Shown,
    noticed_by: &'static [&'static str],
) -> Planted {
    Planted {
        fault,
        shown_by,
        noticed_by,
    }
}

impl Planted {
    /// A run that shows it, if chance lets it strike.
    pub async fn run(&self, seed: u64) -> anyhow::Result<Report> {
        let kills = match self.shown_by {
            Shown::Rounds(kills) => kills.to_vec(),
            Shown::Cluster(kills) => {
                let plan = ClusterPlan {
                    fault: Some(self.fault.to_owned()),
                    kills: kills.iter().map(|kill| (*kill, 1)).collect(),
                    ..ClusterPlan::new(seed, 1, PLAYERS)
                };
                return run_cluster(&plan, |_| ()).await;
            }
            Shown::Payments => {
                let plan = PaymentsPlan {
                    fault: Some(self.fault.to_owned()),
                    hits: None,
                    settled_within: SETTLED_WITHIN,
                    ..PaymentsPlan::new(seed, On::Folder, PAYMENTS)
                };
                let paid = payments(&plan).await?;
                return Ok(Report {
                    seed,
                    rounds: 1,
                    violations: paid.violations,
                    ..Report::default()
                });
            }
            Shown::Crowd => return crowd_under(self.fault, seed, CROWD, CROWD_PLAYS).await,
        };
        let plan = Plan {
            fault: Some(self.fault.to_owned()),
            kills,
            ..Plan::new(seed, ROUNDS, PLAYERS)
        };
        run(&plan, |_| ()).await
    }
}
