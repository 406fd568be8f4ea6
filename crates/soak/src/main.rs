//! `blazing-sun-soak`: kill rounds, a drain, slow clients and planted faults; exit code 1 on a violation.

use blazing_sun_soak::cluster::{ClusterPlan, run_cluster};
use blazing_sun_soak::crowd::crowd;
use blazing_sun_soak::drain::{BACK_WITHIN, drain};
use blazing_sun_soak::payments::{On, PaymentsPlan, payments};
use blazing_sun_soak::planted::PLANTED;
use blazing_sun_soak::rolling::rolling;
use blazing_sun_soak::run::{Kill, Plan, run};
use blazing_sun_soak::slow::{CLOSED_WITHIN, slow};
use clap::{Parser, ValueEnum};
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Fault runs over whole systems.
#[derive(Debug, Parser)]
#[command(name = "blazing-sun-soak")]
struct Arguments {
    /// Decides all that is decided by chance; a number, also in hex [default: the time]
    #[arg(long, env = "SOAK_SEED", value_parser = parse_seed)]
    seed: Option<u64>,
    /// Servers to kill
    #[arg(long, env = "SOAK_ROUNDS", default_value_t = 200)]
    rounds: u64,
    /// Processes of the cluster to end at each kill point
    #[arg(long, env = "SOAK_CLUSTER_ROUNDS", default_value_t = 200)]
    cluster_rounds: u64,
    /// Players at a time
    #[arg(long, env = "SOAK_PLAYERS", default_value_t = 24)]
    players: usize,
    /// No further kill round after so many minutes
    #[arg(long, env = "SOAK_MINUTES")]
    minutes: Option<u64>,
    /// Sockets of the drain, and of the rolling restart
    #[arg(long, env = "SOAK_SOCKETS", default_value_t = 500)]
    sockets: usize,
    /// Players of the crowd
    #[arg(long, env = "SOAK_CROWD", default_value_t = 200)]
    crowd: usize,
    /// How long the crowd plays
    #[arg(long, env = "SOAK_CROWD_SECONDS", default_value_t = 60)]
    crowd_seconds: u64,
    /// Payments at a bank that misbehaves
    #[arg(long, env = "SOAK_PAYMENTS", default_value_t = 10_000)]
    payments: u64,
    /// On what they are paid [default: on one after the other]
    #[arg(long, value_enum)]
    payments_on: Option<On>,
    /// These parts alone
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// These ends of the cluster's processes alone, as a report names them: `K6`, `SIGSTOP at K1`
    #[arg(long)]
    kill: Vec<String>,
    /// These planted faults alone
    #[arg(long)]
    fault: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The kill rounds.
    Rounds,
    /// The drain.
    Drain,
    /// Kill rounds over two gateways and two backends on Kafka and PostgreSQL.
    Cluster,
    /// All processes of a cluster, one after the other, under players.
    Rolling,
    /// Many players in all games, and nothing left behind.
    Crowd,
    /// Payments at a bank that misbehaves, with processes that are killed.
    Payments,
    /// Clients that never read.
    Slow,
    /// The planted faults, one by one.
    Faults,
}

fn parse_seed(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("takes a number up to 2^64, also in hex, not `{text}`"))
}

fn say(text: impl std::fmt::Display) {
    // Without a reader there is nobody to tell; the exit code says it too.
    let _ = writeln!(std::io::stdout(), "{text}");
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match soak(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(format!("blazing-sun-soak: {error:#}"));
            ExitCode::from(2)
        }
    }
}

async fn soak(arguments: &Arguments) -> anyhow::Result<bool> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seed = arguments.seed.unwrap_or(now.map_or(1, |now| now.as_secs()));
    let wants = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let mut is_well = true;
    if wants(Part::Rounds) {
        let mut plan = Plan::new(seed, arguments.rounds, arguments.players);
        if let Some(minutes) = arguments.minutes {
            plan.time_max = Duration::from_secs(60 * minutes);
        }
        let report = run(&plan, |line| say(line)).await?;
        say(&report);
        if !report.violations.is_empty() {
            say(format!(
                "  again with: make soak SOAK_SEED={seed:#x} SOAK_ROUNDS={} SOAK_PLAYERS={}",
                report.rounds, arguments.players
            ));
            is_well = false;
        }
    }
    if wants(Part::Cluster) {
        let mut plan = ClusterPlan::new(seed, arguments.cluster_rounds, arguments.players);
        if let Some(minutes) = arguments.minutes {
            plan.time_max = Duration::from_secs(60 * minutes);
        }
        if !arguments.kill.is_empty() {
            let is_wanted = |kill: &Kill| arguments.kill.contains(&kill.to_string());
            plan.kills.retain(|(kill, _)| is_wanted(kill));
            if plan.kills.is_empty() {
                anyhow::bail!("--kill: there is no {:?}", arguments.kill);
            }
        }
        let report = run_cluster(&plan, |line| say(line)).await?;
        say(&report);
        is_well &= report.violations.is_empty();
    }
    if wants(Part::Rolling) {
        let rolled = rolling(seed, arguments.sockets).await?;
        say(&rolled);
        is_well &= rolled.report.violations.is_empty();
    }
    if wants(Part::Drain) {
        let drained = drain(seed, arguments.sockets).await?;
        say(&drained);
        is_well &= drained.violations.is_empty();
        if drained.back_in > BACK_WITHIN {
            say(format!("  slower than {BACK_WITHIN:?}"));
            is_well = false;
        }
    }
    if wants(Part::Crowd) {
        let time = Duration::from_secs(arguments.crowd_seconds);
        let crowded = crowd(seed, arguments.crowd, time).await?;
        say(&crowded);
        is_well &= crowded.report.violations.is_empty();
    }
    if wants(Part::Payments) {
        let on = match arguments.payments_on {
            None => vec![On::Cluster, On::Folder],
            Some(on) => vec![on],
        };
        for on in on {
            let report = payments(&PaymentsPlan::new(seed, on, arguments.payments)).await?;
            say(&report);
            is_well &= report.violations.is_empty();
        }
    }
    if wants(Part::Slow) {
        let slow = slow(18, 2).await?;
        say(&slow);
        if slow.gone_in > CLOSED_WITHIN {
            say(format!("  later than {CLOSED_WITHIN:?}"));
            is_well = false;
        }
    }
    if wants(Part::Faults) {
        let is_wanted = |fault: &str| {
            let mut wanted = arguments.fault.iter();
            arguments.fault.is_empty() || wanted.any(|name| fault.starts_with(name.as_str()))
        };
        for planted in PLANTED {
            if !is_wanted(planted.fault) {
                continue;
            }
            let report = planted.run(seed).await?;
            let found: std::collections::BTreeSet<&str> = report
                .violations
                .iter()
                .map(|violation| violation.invariant)
                .collect();
            let noticed = planted.noticed_by.iter().all(|name| found.contains(name));
            let found: Vec<&str> = found.into_iter().collect();
            say(format!(
                "planted {}: {} after {} rounds, by {}",
                planted.fault,
                if noticed { "noticed" } else { "NOT NOTICED" },
                report.rounds,
                found.join(", ")
            ));
            is_well &= noticed;
        }
    }
    Ok(is_well)
}
