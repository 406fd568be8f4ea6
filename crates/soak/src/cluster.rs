//! Kill rounds over a cluster: two gateways and two backends on Kafka and PostgreSQL, one of which is killed at a
//! time while the players go on at the other. In the end, with everything at rest, all that was written and heard is
//! held against the invariants: an export of the cluster is what an embedded server would have written.

use crate::Violation;
use crate::crew::{Crew, Doors};
use crate::run::{Kill, PROGRAM, Report, Watch, environment, fee_cents_max};
use anyhow::{Context, bail};
use blazing_sun_backbone::log::kafka::{KafkaLog, KafkaOptions};
use blazing_sun_backbone::log::{EventLog, Topic};
use blazing_sun_backbone::topics;
use blazing_sun_backend::export::{ExportOptions, compare_topics, export};
use blazing_sun_backend::store::postgres::{PgOptions, PgPool};
use blazing_sun_harness::{Cluster, ClusterLaunch, Process, built};
use fastrand::Rng;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Partitions of the cluster's topics: each backend has some.
const PARTITIONS: u32 = 4;
/// A process that its kill point does not end by then is killed.
const ROUND_MAX: Duration = Duration::from_secs(6);
/// Everything is decided and published so soon after the last command.
const AT_REST_WITHIN: Duration = Duration::from_secs(60);
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
    /// Every kill point so often, and signals a quarter as often.
    pub fn new(seed: u64, each: u64, players: usize) -> ClusterPlan {
        let points = ["K1", "K2", "K3", "K4", "K5", "K6", "K9"].map(Kill::Point);
        let points = points.map(|kill| (kill, each));
        let signals = [Kill::Signal, Kill::Drain, Kill::Freeze];
        let signals = signals.map(|kill| (kill, each.div_ceil(4)));
        ClusterPlan {
            seed,
            kills: points.into_iter().chain(signals).collect(),
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

/// One of the processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Gateway(usize),
    Backend(usize),
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
    let crew = Crew::hire(
        doors,
        plan.players,
        &mut random,
        fee_cents_max(),
        Duration::ZERO,
    )
    .await;
    let mut dead: Option<Who> = None;
    for kill in plan.order(&mut random) {
        if begun.elapsed() > plan.time_max {
            break;
        }
        let victim = victim_of(kill, dead, &mut random);
        if let Some(who) = dead.filter(|who| *who != victim) {
            start(&mut cluster, who, None).await;
        }
        match kill {
            Kill::Point(point) => {
                if dead != Some(victim) {
                    process(&mut cluster, victim).kill().await;
                }
                let hits = match point {
                    "K6" => 1..=2,
                    "K9" => 10..=400,
                    _ => 2..=40,
                };
                let hits = random.u64(hits);
                start(&mut cluster, victim, Some(&format!("{point}:{hits}"))).await;
                if let (Who::Backend(at), "K6", 2..) = (victim, point, hits) {
                    // The first rebalance is its own; the next one comes with another member.
                    let other = Who::Backend(1 - at);
                    process(&mut cluster, other).kill().await;
                    start(&mut cluster, other, None).await;
                }
                let ended = process(&mut cluster, victim).ended();
                if tokio::time::timeout(ROUND_MAX, ended).await.is_err() {
                    *report
                        .kills
                        .entry(format!("{point} not reached"))
                        .or_default() += 1;
                    process(&mut cluster, victim).kill().await;
                }
            }
            Kill::Freeze => {
                if dead == Some(victim) {
                    start(&mut cluster, victim, None).await;
                }
                // A zombie is who has owned something.
                cluster.until_ready().await;
                some_frames(&crew, &mut random).await;
                if !freeze(&mut cluster, victim, &stores).await? {
                    *report
                        .kills
                        .entry("SIGSTOP without a take-over".to_owned())
                        .or_default() += 1;
                }
                some_frames(&crew, &mut random).await;
            }
            Kill::Signal | Kill::Drain => {
                if dead == Some(victim) {
                    start(&mut cluster, victim, None).await;
                }
                some_frames(&crew, &mut random).await;
                let process = process(&mut cluster, victim);
                if kill == Kill::Drain {
                    process.terminate().await;
                } else {
                    process.kill().await;
                }
            }
        }
        dead = (kill != Kill::Freeze).then_some(victim);
        report.rounds += 1;
        *report.kills.entry(kill.to_string()).or_default() += 1;
        tell(&format!("round {}: {kill} of {victim:?}", report.rounds));
    }
    if let Some(who) = dead {
        start(&mut cluster, who, None).await;
    }
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
    report.violations = stores.until_at_rest().await?;
    for at in 0..2 {
        cluster.backend(at).terminate().await;
        let log = cluster.backend(at).log();
        report.fenced += log.matches(FENCED).count() as u64;
    }
    let found = stores.look(&mut watch, &crew).await?;
    report.violations.extend(found);
    crew.dismiss().await;
    report.violations.extend(crew.heard().1);
    watch.count_into(report);
    report.deliveries = crew.shared.counts.frames.load(Ordering::Relaxed);
    report.guests = crew.shared.counts.guests.load(Ordering::Relaxed);
    report.secrets = crew.with_canaries(|canaries| canaries.count() as u64);
    Ok(())
}

/// Waits until players have heard something more; where hardly anything is heard any more that is found later.
async fn some_frames(crew: &Crew, random: &mut Rng) {
    let frames = crew.shared.frames_more(random.u64(100..=1_500));
    let _ = tokio::time::timeout(ROUND_MAX, frames).await;
}

/// Stops a process until others have taken over what it owned; whether they have.
async fn freeze(cluster: &mut Cluster, victim: Who, stores: &Stores) -> anyhow::Result<bool> {
    let before = stores.epochs().await?;
    process(cluster, victim).stop_signal();
    let until = Instant::now() + ROUND_MAX;
    let is_taken_over = loop {
        let epochs = stores.epochs().await?;
        let taken = epochs.iter().zip(&before).filter(|(now, then)| now > then);
        if taken.count() >= PARTITIONS as usize / 2 {
            break true;
        }
        if Instant::now() > until {
            break false;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    };
    process(cluster, victim).continue_signal();
    Ok(is_taken_over)
}

fn victim_of(kill: Kill, dead: Option<Who>, random: &mut Rng) -> Who {
    let is_gateways = match kill {
        Kill::Point(point) => point == "K9",
        Kill::Signal | Kill::Drain => random.bool(),
        Kill::Freeze => false,
    };
    // The dead one as often as the other: both come to be armed while the other goes on.
    let at = random.usize(..2);
    let victim = match is_gateways {
        true => Who::Gateway(at),
        false => Who::Backend(at),
    };
    dead.filter(|dead| {
        std::mem::discriminant(dead) == std::mem::discriminant(&victim) && random.bool()
    })
    .unwrap_or(victim)
}

fn process(cluster: &mut Cluster, who: Who) -> &mut Process {
    match who {
        Who::Gateway(at) => cluster.gateway(at),
        Who::Backend(at) => cluster.backend(at),
    }
}

async fn start(cluster: &mut Cluster, who: Who, failpoint: Option<&str>) {
    let armed = failpoint.map(|at| ("BLAZING_SUN_FAILPOINT".to_owned(), at.to_owned()));
    let armed: Vec<(String, String)> = armed.into_iter().collect();
    match who {
        Who::Gateway(at) => cluster.restart_gateway_with(at, &armed).await,
        Who::Backend(at) => cluster.restart_backend_with(at, &armed).await,
    }
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

/// What a cluster keeps.
pub struct Stores {
    pool: PgPool,
    log: Arc<dyn EventLog>,
}

impl Stores {
    /// Those of this cluster.
    pub fn open(cluster: &Cluster) -> anyhow::Result<Stores> {
        let (brokers, prefix) = cluster.kafka();
        let options = KafkaOptions {
            topic_prefix: prefix.to_owned(),
            ..KafkaOptions::new(brokers.to_owned())
        };
        Ok(Stores {
            pool: PgPool::new(&PgOptions::parse(cluster.database_url())?)?,
            log: Arc::new(KafkaLog::connect(options, None)?),
        })
    }

    /// Waits until every consumed record is decided and every batch is published.
    pub async fn until_at_rest(&self) -> anyhow::Result<Vec<Violation>> {
        let until = Instant::now() + AT_REST_WITHIN;
        loop {
            let waits_for = self.waits_for().await?;
            if waits_for.is_empty() {
                return Ok(Vec::new());
            }
            if Instant::now() > until {
                let what = format!("after {AT_REST_WITHIN:?}: {}", waits_for.join(", "));
                return Ok(vec![Violation::of("I4 reaches the log", what)]);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// How often each partition has been taken over.
    async fn epochs(&self) -> anyhow::Result<Vec<i64>> {
        let owners = self.pool.progress().await?;
        Ok(owners.into_iter().map(|owner| owner.epoch).collect())
    }

    async fn waits_for(&self) -> anyhow::Result<Vec<String>> {
        let mut waits_for = Vec::new();
        let decided = self.pool.decided_offsets().await?;
        for name in [topics::GAMES_COMMANDS, topics::CHAT_COMMANDS] {
            let bounds = self.log.bounds(&Topic::new(name)).await?;
            for (partition, bounds) in (0_u32..).zip(bounds) {
                let decided = decided
                    .get(&(partition, name.to_owned()))
                    .copied()
                    .unwrap_or(0);
                if decided < bounds.end {
                    waits_for.push(format!("{name} {partition}: {decided} of {}", bounds.end));
                }
            }
        }
        for owner in self.pool.progress().await? {
            let (partition, published, last) = (owner.partition, owner.published_upto, owner.last);
            if published < last {
                waits_for.push(format!(
                    "partition {partition}: batch {published} of {last} is published"
                ));
            }
        }
        Ok(waits_for)
    }

    /// Holds everything against everything, at rest.
    pub async fn look(&self, watch: &mut Watch, crew: &Crew) -> anyhow::Result<Vec<Violation>> {
        let folder = tempfile::tempdir()?;
        let database = folder.path().join("blazing-sun.db");
        let options = ExportOptions {
            into: database.clone(),
            games: ["bigger_dice", "tic_tac_toe", "vault"]
                .map(str::to_owned)
                .to_vec(),
            partitions: PARTITIONS,
            consumed_from: Some(Arc::clone(&self.log)),
        };
        let exported = export(&self.pool, options).await.context("no export")?;
        if exported.batches == 0 || exported.consumed == 0 {
            bail!("the cluster has done nothing: {exported:?}");
        }
        let mut found = watch.look(&database, crew)?;
        found.extend(Watch::audit(&database)?);
        let topics = compare_topics(&self.pool, &*self.log).await?;
        if topics.differences > 0 {
            let what = format!("{}: {}", topics.name, topics.named.join("; "));
            found.push(Violation::of("I4 reaches the log", what));
        }
        Ok(found)
    }
}
