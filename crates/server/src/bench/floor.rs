//! The floor of a command on Kafka and PostgreSQL: append, consume, commit, append, consume, and nothing
//! else. What a cluster takes beyond it, it takes for rules, sockets and safety.

mod ground;
mod load;
mod owners;

use super::SECOND_NS;
use super::figures::{Figures, Used, percentile_ms, saturated, watched_between};
use super::machine::{self, Machine, Sample};
use super::watched::{Watch, Watched};
use blazing_sun_backbone::log::kafka::KafkaOptions;
use ground::Ground;
use hdrhistogram::Histogram;
use load::Load;
use owners::Owners;
use serde_json::json;
use std::net::ToSocketAddrs;

/// A load, and on what.
#[derive(Debug, Clone)]
pub struct FloorOptions {
    /// The brokers, reached in the clear.
    pub bootstrap_servers: String,
    /// The database, reached in the clear.
    pub database_url: String,
    /// Of both topics; each has a connection to the database of its own.
    pub partitions: u32,
    /// Commands that are under way at once, where no rate is given.
    pub in_flight: usize,
    /// Commands a second; none: each as soon as one before has come back.
    pub rate: Option<f64>,
    /// Measured seconds of each round.
    pub seconds: f64,
    /// Seconds before each round that do not count.
    pub warmup: f64,
    /// How often to measure.
    pub rounds: usize,
    /// Bytes of a command, of its row and of its event.
    pub payload_bytes: usize,
}

/// What one round gave.
struct Round {
    seconds: f64,
    latency_ns: Histogram<u64>,
    commit_ns: Histogram<u64>,
    lost: u64,
    doubled: u64,
    used: Used,
    watched_s: Vec<f64>,
}

/// Measures, on topics and tables of its own, which are gone afterwards.
pub fn run(options: &FloorOptions) -> anyhow::Result<Figures> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let kafka = KafkaOptions {
        client_id: "blazing-sun-bench".to_owned(),
        ..KafkaOptions::new(&options.bootstrap_servers)
    };
    kafka.check()?;
    let load_average = machine::load_average();
    let ground = runtime.block_on(Ground::make(kafka, options))?;
    let measured = measure(options, &ground);
    let removed = runtime.block_on(ground.remove());
    let mut figures = measured?;
    removed?;
    figures.load_average = load_average;
    Ok(figures)
}

fn measure(options: &FloorOptions, ground: &Ground) -> anyhow::Result<Figures> {
    let machine = Machine::alone().watching(Watch::over(&beside(options))?);
    let owners = Owners::start(ground, options)?;
    let mut load = Load::start(ground, options)?;
    if let Err(error) = load.open() {
        // Where an owner has failed, that is why.
        owners.check()?;
        return Err(error);
    }
    let rounds = (0..options.rounds).map(|_| round(&mut load, &owners, &machine));
    let rounds = rounds.collect::<anyhow::Result<Vec<Round>>>();
    drop(load);
    owners.end()?;
    Ok(report(options, &rounds?, &machine.watched()))
}

/// Broker and database, where they run on this machine and are visible.
fn beside(options: &FloorOptions) -> Vec<Watched> {
    let database = options.database_url.parse::<tokio_postgres::Config>().ok();
    let database_port = database.and_then(|config| config.get_ports().first().copied());
    let broker = options.bootstrap_servers.split(',').next();
    let broker = broker.and_then(|address| address.trim().to_socket_addrs().ok()?.next());
    let broker_port = broker
        .filter(|at| at.ip().is_loopback())
        .map(|at| at.port());
    let groups = [("kafka", broker_port), ("postgres", database_port)];
    let visible = groups.into_iter().filter_map(|(name, port)| {
        machine::listener_of(port?)?;
        Some(Watched {
            name: name.to_owned(),
            ports: vec![port?],
        })
    });
    visible.collect()
}

fn round(load: &mut Load, owners: &Owners, machine: &Machine) -> anyhow::Result<Round> {
    let mut started: Option<(u64, Sample)> = None;
    let outcome = load.round(&mut |now_ns| {
        owners.begin_measuring();
        started = Some((now_ns, machine.sample()));
    })?;
    let after = machine.sample();
    let commit_ns = owners.end_measuring();
    owners.check()?;
    let (from_ns, before) = started.unwrap_or_default();
    let seconds = outcome.end_ns.saturating_sub(from_ns).max(1) as f64 / SECOND_NS as f64;
    Ok(Round {
        seconds,
        latency_ns: outcome.latency_ns,
        commit_ns,
        lost: outcome.lost,
        doubled: outcome.doubled,
        used: Used::between(seconds, &before, &after),
        watched_s: watched_between(&before, &after),
    })
}

impl Round {
    fn commands(&self) -> f64 {
        self.latency_ns.len() as f64
    }
}

fn report(options: &FloorOptions, rounds: &[Round], watched: &[String]) -> Figures {
    let pace = options.rate.map_or_else(
        || format!("{} in flight", options.in_flight),
        |rate| format!("{rate} commands/s"),
    );
    let title = format!(
        "the floor: two Kafka hops and one PostgreSQL commit, {} partitions, {pace}, {} rounds of {:.1} s",
        options.partitions,
        rounds.len(),
        rounds.first().map_or(0.0, |round| round.seconds),
    );
    let asked = json!({
        "partitions": options.partitions,
        "in_flight": options.rate.is_none().then_some(options.in_flight),
        "rate": options.rate,
        "payload_bytes": options.payload_bytes,
    });
    let mut figures = Figures::new(title, asked);
    figures.rounds = rounds.len();
    let rates = rounds.iter().map(|round| round.commands() / round.seconds);
    figures.add("commands_per_s", 0, rates);
    for (name, percent) in [("p50_ms", 50.0), ("p90_ms", 90.0), ("p99_ms", 99.0)] {
        let of = |round: &Round| percentile_ms(&round.latency_ns, percent);
        figures.add(name, 3, rounds.iter().map(of));
    }
    for (name, percent) in [("commit_p50_ms", 50.0), ("commit_p99_ms", 99.0)] {
        let of = |round: &Round| percentile_ms(&round.commit_ns, percent);
        figures.add(name, 3, rounds.iter().map(of));
    }
    let batch = |round: &Round| round.commands() / (round.commit_ns.len().max(1) as f64);
    figures.add("commands_per_commit", 2, rounds.iter().map(batch));
    let own = |round: &Round| round.used.own * 1e6 * round.seconds / round.commands().max(1.0);
    figures.add("own_us_per_command", 1, rounds.iter().map(own));
    for (at, name) in watched.iter().enumerate() {
        let of = |round: &Round| {
            let cpu_s = round.watched_s.get(at).copied().unwrap_or_default();
            cpu_s * 1e6 / round.commands().max(1.0)
        };
        figures.add(&format!("{name}_us_per_command"), 1, rounds.iter().map(of));
    }
    let used: Vec<Used> = rounds.iter().map(|round| round.used).collect();
    figures.add("own_cores_used", 2, used.iter().map(|used| used.own));
    figures.add("other_cores_used", 2, used.iter().map(|used| used.others));
    figures.add("steal_cores", 2, used.iter().map(|used| used.steal));
    figures.count("lost", rounds.iter().map(|round| round.lost).sum(), true);
    let doubled = rounds.iter().map(|round| round.doubled).sum();
    figures.count("doubled", doubled, true);
    figures.limited_by = limited_by(options, &used);
    figures
}

fn limited_by(options: &FloorOptions, used: &[Used]) -> String {
    match (options.rate, saturated(used, None)) {
        (Some(rate), _) => format!("the chosen rate of {rate} commands/s"),
        (None, Some("other programs on this machine")) => {
            "broker and database shared the machine's cores with this".to_owned()
        }
        (None, Some(what)) => what.to_owned(),
        (None, None) => "nothing was saturated: the time of a command's way".to_owned(),
    }
}
