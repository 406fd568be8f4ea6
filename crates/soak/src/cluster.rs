//! Kill rounds over a cluster: two gateways and two backends on Kafka and PostgreSQL, one of which is killed at a
//! time while the players go on at the other. In the end, with everything at rest, all that was written and heard is
//! held against the invariants: an export of the cluster is what an embedded server would have written.

mod rounds;
mod stores;

pub use stores::Stores;

use crate::Violation;
use crate::crew::{Crew, Doors};
use crate::run::{Kill, PROGRAM, Report, Watch, environment, fee_cents_max};
use blazing_sun_backbone::log::{EventLog, Topic};
use blazing_sun_backbone::topics;
use blazing_sun_harness::{Cluster, ClusterLaunch, built};
use fastrand::Rng;
use rounds::Rounds;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Partitions of the cluster's topics: each backend has some.
const PARTITIONS: u32 = 4;
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// What a backend says that finds itself a zombie.
const FENCED: &str = "another process has taken the partition over";
/// An unreadable record comes so often.
const POISON_EVERY: Duration = Duration::from_millis(700);

/// What to run.
#[derive(Debug, Clone)]
pub struct ClusterPlan {
    /// Decides everything that is decided by chance.
    pub seed: u64,
    /// How processes end: each so often, in an order that the seed decides.
    pub kills: Vec<(Kill, u64)>,
    /// Players at a time.
    pub players: usize,
    /// `BLAZING_SUN_FAULT` of every process.
    pub fault: Option<String>,
    /// No further round after so long.
    pub time_max: Duration,
}

impl ClusterPlan {
    /// Every kill point so often, signals a quarter as often, and each way to be frozen half as often as these.
    pub fn new(seed: u64, each: u64, players: usize) -> ClusterPlan {
        let points = ["K1", "K2", "K3", "K4", "K5", "K6", "K9"].map(Kill::Point);
        let points = points.map(|kill| (kill, each));
        let signals = [Kill::Signal, Kill::Drain].map(|kill| (kill, each.div_ceil(4)));
        let freezes = ["K1", "K2", "K3"].map(Kill::FreezeAt);
        let freezes = freezes.into_iter().chain([Kill::Freeze]);
        let freezes = freezes.map(|kill| (kill, each.div_ceil(8)));
        ClusterPlan {
            seed,
            kills: points.into_iter().chain(signals).chain(freezes).collect(),
            players,
            fault: None,
            time_max: Duration::MAX,
        }
    }

    fn order(&self, random: &mut Rng) -> Vec<Kill> {
        let times = self.kills.iter();
        let mut order: Vec<Kill> = times
            .flat_map(|(kill, times)| (0..*times).map(|_| *kill))
            .collect();
        random.shuffle(&mut order);
        order
    }
}

/// Runs it.
pub async fn run_cluster(plan: &ClusterPlan, mut tell: impl FnMut(&str)) -> anyhow::Result<Report> {
    let begun = Instant::now();
    let mut random = Rng::with_seed(plan.seed);
    let mut report = Report {
        seed: plan.seed,
        ..Report::default()
    };
    let (mut cluster, doors) = launch(plan.fault.as_deref()).await;
    let stores = Stores::open(&cluster)?;
    let poison = tokio::spawn(poison(Arc::clone(&stores.log), random.fork()));
    let order = plan.order(&mut random);
    let crew = Crew::hire(
        doors,
        plan.players,
        &mut random,
        fee_cents_max(),
        Duration::ZERO,
    )
    .await;
    let mut rounds = Rounds::new(&mut cluster, &stores, &crew, random);
    for kill in order {
        if begun.elapsed() > plan.time_max {
            break;
        }
        let begun = Instant::now();
        let round = rounds.next(kill).await?;
        report.rounds += 1;
        *report.kills.entry(kill.to_string()).or_default() += u64::from(round.missed.is_none());
        tell(&format!(
            "round {}: {kill} of {:?} in {:.1?}",
            report.rounds,
            round.victim,
            begun.elapsed()
        ));
        if let Some(missed) = round.missed {
            let what = format!(
                "round {}, {kill} of {:?}: {missed}",
                report.rounds, round.victim
            );
            report.violations.push(Violation::of("the round", what));
        }
    }
    rounds.end().await;
    poison.abort();
    end(cluster, stores, crew, &mut report).await?;
    report.took = begun.elapsed();
    Ok(report)
}

/// Two gateways and two backends, and how to get in.
pub(crate) async fn launch(fault: Option<&str>) -> (Cluster, Doors) {
    let mut all = environment();
    // Who takes over waits for little else.
    let session = "BLAZING_SUN_KAFKA__SESSION_TIMEOUT_MS";
    all.push((session.to_owned(), "1000".to_owned()));
    all.extend(fault.map(|fault| ("BLAZING_SUN_FAULT".to_owned(), fault.to_owned())));
    let mut cluster = Cluster::launch(ClusterLaunch {
        partitions: PARTITIONS,
        program: Some(built(PROGRAM)),
        environment: all,
        ..ClusterLaunch::default()
    })
    .await;
    let doors = Doors {
        api: (0..2).map(|at| cluster.backend(at).address()).collect(),
        sockets: (0..2).map(|at| cluster.gateway(at).address()).collect(),
    };
    (cluster, doors)
}

/// Ends all, and holds all that was written and heard against the invariants.
pub(crate) async fn end(
    mut cluster: Cluster,
    stores: Stores,
    mut crew: Crew,
    report: &mut Report,
) -> anyhow::Result<()> {
    cluster.until_ready().await;
    for at in 0..2 {
        cluster.gateway(at).terminate().await;
    }
    crew.server_ended().await;
    let mut watch = Watch::of_a_cluster();
    let ended = Instant::now();
    report.violations.extend(stores.until_at_rest().await?);
    report.at_rest_in = ended.elapsed();
    for at in 0..2 {
        cluster.backend(at).terminate().await;
        let log = cluster.backend(at).log();
        report.fenced += log.matches(FENCED).count() as u64;
    }
    let found = stores.look(&mut watch, &crew).await?;
    report.violations.extend(found);
    crew.dismiss().await;
    report.violations.extend(crew.heard().1);
    if !report.violations.is_empty() {
        report.logs = Some(cluster.keep_logs()?);
    }
    watch.count_into(report);
    report.deliveries = crew.shared.counts.frames.load(Ordering::Relaxed);
    report.guests = crew.shared.counts.guests.load(Ordering::Relaxed);
    report.secrets = crew.with_canaries(|canaries| canaries.count() as u64);
    Ok(())
}

/// Puts a record that nobody can read on the log, now and then.
async fn poison(log: Arc<dyn EventLog>, mut random: Rng) {
    let topic = Topic::new(topics::GAMES_COMMANDS);
    loop {
        tokio::time::sleep(POISON_EVERY).await;
        let record = blazing_sun_backbone::log::NewRecord {
            topic: topic.clone(),
            partition: Some(random.u32(..PARTITIONS)),
            key: bytes::Bytes::new(),
            headers: blazing_sun_backbone::log::Headers::default(),
            payload: format!("{{\"poison\":{}", random.u32(..)).into(),
        };
        // Without a broker there is nothing to poison.
        let _ = log.append_and_wait(vec![record]).await;
    }
}
