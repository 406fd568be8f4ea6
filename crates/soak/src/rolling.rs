//! A rolling restart: both gateways and both backends of a cluster, one after the other, under playing sockets.

use crate::cluster::{Stores, end, launch};
use crate::crew::Crew;
use crate::run::{Report, fee_cents_max};
use blazing_sun_harness::{Cluster, Process};
use fastrand::Rng;
use std::fmt;
use std::time::{Duration, Instant};

/// Players come back within this, not all at once.
const JITTER: Duration = Duration::from_secs(1);

/// One process that ended and came again.
#[derive(Debug)]
pub struct Restart {
    /// Which.
    pub process: String,
    /// From SIGTERM to the end of the process.
    pub ended_in: Duration,
    /// From SIGTERM to the new one that is ready.
    pub ready_in: Duration,
    /// From SIGTERM to the last player who was answered once more.
    pub answered_in: Duration,
}

/// What came of it.
#[derive(Debug)]
pub struct Rolled {
    /// Playing sockets.
    pub sockets: usize,
    /// In their order.
    pub restarts: Vec<Restart>,
    /// What was written and heard in the whole.
    pub report: Report,
}

impl fmt::Display for Rolled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "rolling restart under {} playing sockets", self.sockets)?;
        for restart in &self.restarts {
            writeln!(
                f,
                "  {:<11} ended in {:.2?}, ready in {:.2?}, all answered again in {:.2?}",
                restart.process, restart.ended_in, restart.ready_in, restart.answered_in
            )?;
        }
        self.report.fmt(f)
    }
}

/// Restarts all processes of a cluster under so many players.
pub async fn rolling(seed: u64, sockets: usize) -> anyhow::Result<Rolled> {
    let begun = Instant::now();
    let mut random = Rng::with_seed(seed);
    let (mut cluster, doors) = launch(None).await;
    let stores = Stores::open(&cluster)?;
    let crew = Crew::hire(doors, sockets, &mut random, fee_cents_max(), JITTER).await;
    crew.all_back().await;
    let frames = 20 * sockets as u64;
    crew.shared.frames_more(frames).await;
    let mut rolled = Rolled {
        sockets,
        restarts: Vec::new(),
        report: Report {
            seed,
            ..Report::default()
        },
    };
    for (is_gateways, at) in [(true, 0), (true, 1), (false, 0), (false, 1)] {
        let restart = restart(&mut cluster, is_gateways, at, &crew).await;
        rolled.restarts.push(restart);
        rolled.report.rounds += 1;
        crew.shared.frames_more(frames).await;
    }
    end(cluster, stores, crew, &mut rolled.report).await?;
    let kills = &mut rolled.report.kills;
    kills.insert("SIGTERM".to_owned(), rolled.restarts.len() as u64);
    rolled.report.took = begun.elapsed();
    Ok(rolled)
}

async fn restart(cluster: &mut Cluster, is_gateways: bool, at: usize, crew: &Crew) -> Restart {
    let asked = Instant::now();
    process(cluster, is_gateways, at).terminate().await;
    let ended_in = asked.elapsed();
    let starting = async {
        match is_gateways {
            true => cluster.restart_gateway(at).await,
            false => cluster.restart_backend(at).await,
        }
        cluster.until_ready().await;
        asked.elapsed()
    };
    let answering = async {
        crew.all_answered().await;
        asked.elapsed()
    };
    let (ready_in, answered_in) = tokio::join!(starting, answering);
    let role = if is_gateways { "gateway" } else { "backend" };
    Restart {
        process: format!("{role} {at}"),
        ended_in,
        ready_in,
        answered_in,
    }
}

fn process(cluster: &mut Cluster, is_gateways: bool, at: usize) -> &mut Process {
    match is_gateways {
        true => cluster.gateway(at),
        false => cluster.backend(at),
    }
}
