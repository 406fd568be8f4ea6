//! Kill rounds: the same players over many servers on one folder, each killed at another instant, and all
//! checkers over what is on disk in between.

use crate::Violation;
use crate::auditor::{Auditor, Ledger, Tariff};
use crate::checks::{Chat, Commands, Events, Outage, Poison, check_transcript};
use crate::crew::{Crew, PASSWORD};
use crate::history::{History, text};
use blazing_sun_backend::audit::audit;
use blazing_sun_backend::store::sqlite::open_reader;
use blazing_sun_harness::{Launch, TestServer, built};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// The program with kill points, planted faults and the game that panics.
pub const PROGRAM: &str = "blazing-sun-under-fault";
/// What every account begins with.
const GRANT_CENTS: i64 = 5_000;
/// A server that a kill point does not end by then is killed.
const ROUND_MAX: Duration = Duration::from_secs(4);
/// Rounds between two whole audits.
const AUDIT_EVERY: u64 = 25;

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Decides everything that is decided by chance.
    pub seed: u64,
    /// Servers to kill.
    pub rounds: u64,
    /// Players at a time.
    pub players: usize,
    /// `BLAZING_SUN_FAULT` of every server.
    pub fault: Option<String>,
    /// Where to kill, in turn; all places if empty.
    pub kills: Vec<Kill>,
    /// No further round after so long.
    pub time_max: Duration,
}

impl Plan {
    /// Kill rounds of a product that has no planted fault.
    pub fn new(seed: u64, rounds: u64, players: usize) -> Plan {
        Plan {
            seed,
            rounds,
            players,
            fault: None,
            kills: Vec::new(),
            time_max: Duration::MAX,
        }
    }
}

/// How a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kill {
    /// At a kill point, named as in `BLAZING_SUN_FAILPOINT`.
    Point(&'static str),
    /// SIGKILL after so many frames.
    Signal,
    /// SIGTERM after so many frames.
    Drain,
    /// SIGSTOP after so many frames, and SIGCONT once others have taken over: of a cluster alone.
    Freeze,
    /// The same at a kill point.
    FreezeAt(&'static str),
}

const KILLS: [Kill; 6] = [
    Kill::Point("K1"),
    Kill::Point("K2"),
    Kill::Point("K3"),
    Kill::Point("K9"),
    Kill::Signal,
    Kill::Drain,
];

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kill::Point(name) => f.write_str(name),
            Kill::Signal => f.write_str("SIGKILL"),
            Kill::Drain => f.write_str("SIGTERM"),
            Kill::Freeze => f.write_str("SIGSTOP"),
            Kill::FreezeAt(name) => write!(f, "SIGSTOP at {name}"),
        }
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// As planned.
    pub seed: u64,
    /// Servers that were killed.
    pub rounds: u64,
    /// By place.
    pub kills: BTreeMap<String, u64>,
    /// Partitions whose owner found that it had lost them.
    pub fenced: u64,
    /// Games played to their end.
    pub games: u64,
    /// Commands on the log, copies included.
    pub commands: u64,
    /// Frames that players heard.
    pub deliveries: u64,
    /// Events on the topics.
    pub events: u64,
    /// Unreadable records that were put aside.
    pub letters: u64,
    /// Inputs at which a game panicked.
    pub panics: u64,
    /// Guests that played.
    pub guests: u64,
    /// Secrets that were looked for.
    pub secrets: u64,
    /// From the end of a cluster's gateways until all was decided and published.
    pub at_rest_in: Duration,
    /// How long it took.
    pub took: Duration,
    /// What must never be, and is.
    pub violations: Vec<Violation>,
    /// What a cluster's processes said, where something is wrong.
    pub logs: Option<PathBuf>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kills: Vec<String> = self
            .kills
            .iter()
            .map(|(kill, times)| format!("{kill} {times}"))
            .collect();
        writeln!(
            f,
            "seed {:#x}, {} rounds in {:.0?}",
            self.seed, self.rounds, self.took
        )?;
        writeln!(f, "  kills       {}", kills.join(", "))?;
        if self.fenced > 0 {
            writeln!(f, "  fenced      {} owners", self.fenced)?;
        }
        writeln!(f, "  games       {} by {} guests", self.games, self.guests)?;
        writeln!(
            f,
            "  commands    {} on the log, copies included",
            self.commands
        )?;
        writeln!(
            f,
            "  deliveries  {} frames, of {} events",
            self.deliveries, self.events
        )?;
        writeln!(
            f,
            "  put aside   {} unreadable records, {} panics of a game",
            self.letters, self.panics
        )?;
        writeln!(f, "  secrets     {} looked for everywhere", self.secrets)?;
        if !self.at_rest_in.is_zero() {
            writeln!(
                f,
                "  at rest     {:.2?} after the last gateway",
                self.at_rest_in
            )?;
        }
        if let Some(logs) = &self.logs {
            writeln!(f, "  logs        {}", logs.display())?;
        }
        write!(f, "  violations  {}", self.violations.len())?;
        for violation in self.violations.iter().take(20) {
            let text: String = violation.to_string().chars().take(1_500).collect();
            write!(f, "\n    {text}")?;
        }
        Ok(())
    }
}

/// What the games of a run cost: none of the fees comes out even.
fn tariffs() -> BTreeMap<String, Tariff> {
    let tariff = |fee_cents, prize_percent, seats| Tariff {
        fee_cents,
        prize_percent,
        seats,
        quick_seats: 2,
    };
    BTreeMap::from([
        ("bigger_dice".to_owned(), tariff(101, 80, (2, 10))),
        ("vault".to_owned(), tariff(77, 93, (2, 3))),
    ])
}

/// The dearest seat of a run's games.
pub(crate) fn fee_cents_max() -> i64 {
    let fees = tariffs();
    let fees = fees.values().map(|tariff| tariff.fee_cents);
    fees.max().unwrap_or_default()
}

/// What every process of a run is told, beside its faults.
pub(crate) fn environment() -> Vec<(String, String)> {
    let mut all = vec![
        (
            "BLAZING_SUN_ACCOUNTS__ACCESS_TOKEN_MINUTES".to_owned(),
            "1440".to_owned(),
        ),
        (
            "BLAZING_SUN_GATEWAY__LIMITS__CONNECTIONS_PER_ADDRESS_MAX".to_owned(),
            "10000".to_owned(),
        ),
        // A game's panics are many, and who looks for their places holds up the partition.
        ("RUST_BACKTRACE".to_owned(), "0".to_owned()),
    ];
    for (game, tariff) in tariffs() {
        let prefix = format!("BLAZING_SUN_GAMES__{}__", game.to_uppercase());
        all.push((
            format!("{prefix}ENTRY_FEE_CENTS"),
            tariff.fee_cents.to_string(),
        ));
        all.push((
            format!("{prefix}PRIZE_PERCENT"),
            tariff.prize_percent.to_string(),
        ));
    }
    all
}

/// How the server of a run is started, beside its faults.
pub fn launch(faults: &[(&str, String)]) -> Launch {
    let mut all = environment();
    let more = faults.iter();
    all.extend(more.map(|(name, value)| ((*name).to_owned(), value.clone())));
    Launch {
        program: Some(built(PROGRAM)),
        environment: all,
        listen: Some(quiet_port()),
        ..Launch::default()
    }
}

/// A free port below those that the system gives out: while the server is away nobody else may take
/// its port, and no client's own socket may get it.
pub(crate) fn quiet_port() -> SocketAddr {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let ports = 20_000..32_000;
    let begin = std::process::id() as u16 % 12_000 + TAKEN.fetch_add(1, Ordering::Relaxed) % 1_000;
    let mut free = ports.clone().cycle().skip(begin.into()).take(ports.len());
    let free = free.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    (Ipv4Addr::LOCALHOST, free.expect("a free port")).into()
}

/// All checkers over one folder of data.
pub struct Watch {
    history: History,
    /// None where games are played whose rules it does not know.
    auditor: Option<Auditor>,
    events: Events,
    commands: Commands,
    chat: Chat,
    poison: Poison,
    /// None where each partition has an outage of its own.
    outage: Option<Outage>,
    starts: u64,
}

impl Default for Watch {
    fn default() -> Watch {
        Watch {
            history: History::default(),
            auditor: Some(Auditor::new(tariffs(), GRANT_CENTS)),
            events: Events::default(),
            commands: Commands::default(),
            chat: Chat::default(),
            poison: Poison::default(),
            outage: Some(Outage::default()),
            starts: 0,
        }
    }
}

impl Watch {
    /// Without the auditor, which knows two games.
    pub fn of_any_game() -> Watch {
        Watch {
            auditor: None,
            ..Watch::default()
        }
    }

    /// Over the export of a cluster, whose owners decide each record where it stands.
    pub fn of_a_cluster() -> Watch {
        Watch {
            auditor: Some(Auditor::new(tariffs(), GRANT_CENTS).in_order()),
            outage: None,
            ..Watch::default()
        }
    }

    /// Holds everything against everything, while no server writes.
    pub fn look(&mut self, database: &Path, crew: &Crew) -> anyhow::Result<Vec<Violation>> {
        let mut found = self.look_at_log(database)?;
        let (transcripts, by_players) = crew.heard();
        found.extend(by_players);
        for mut transcript in transcripts {
            crew.with_canaries(|canaries| canaries.search(&transcript, &mut found));
            self.chat.search(&transcript, &mut found);
            let acknowledged: Vec<String> = transcript
                .frames
                .iter()
                .filter(|frame| frame["type"] == "system.ack")
                .map(|frame| text(&frame["command_id"]).to_owned())
                .collect();
            self.commands
                .check_acknowledged(acknowledged.iter(), &mut found);
            check_transcript(&mut transcript, &self.events, &mut found);
        }
        self.events.recent.clear();
        Ok(found)
    }

    /// What one server has written: to be called before the next one is started.
    pub fn look_at_log(&mut self, database: &Path) -> anyhow::Result<Vec<Violation>> {
        let mut found = Vec::new();
        for batch in self.history.read(database)? {
            if let Some(auditor) = &mut self.auditor {
                auditor.take(&batch);
            }
            self.events.take(&batch, &mut found);
            self.commands.take(&batch, &mut found);
            self.chat.take(&batch, &mut found);
            self.poison.take(&batch, &mut found);
            if let Some(outage) = &mut self.outage {
                outage.take(&batch, self.starts, &mut found);
            }
            for entry in &batch.entries {
                let payload = String::from_utf8_lossy(&entry.payload);
                if payload.contains(PASSWORD) {
                    found.push(Violation::of(
                        "I8 private",
                        format!("a password is written: {payload}"),
                    ));
                }
            }
        }
        self.starts += 1;
        if let Some(auditor) = &mut self.auditor {
            found.extend(auditor.compare(&Ledger::read(&open_reader(database)?)?));
        }
        Ok(found)
    }

    /// The product's own audit.
    pub fn audit(database: &Path) -> anyhow::Result<Vec<Violation>> {
        let report = audit(database)?;
        let wrong = report.checks.iter().filter(|check| check.differences > 0);
        Ok(wrong
            .map(|check| {
                let named = check.named.join("; ");
                Violation::of(
                    "audit",
                    format!("{}: {}: {named}", check.name, check.differences),
                )
            })
            .collect())
    }

    /// Messages in rooms so far, by channel.
    pub fn messages(&self) -> &BTreeMap<String, u64> {
        &self.chat.written
    }

    /// Texts of which the topics say who may hear them.
    pub fn secrets(&self) -> u64 {
        self.chat.secrets()
    }

    /// What was counted.
    pub fn count_into(&self, report: &mut Report) {
        report.games = self.auditor.as_ref().map_or(0, Auditor::games);
        report.commands = self.commands.copies;
        report.events = self.events.count;
        report.letters = self.poison.letters;
        report.panics = self.poison.panics;
    }
}

/// Runs it; ends early at the first round with violations.
pub async fn run(plan: &Plan, mut tell: impl FnMut(&str)) -> anyhow::Result<Report> {
    let begun = Instant::now();
    let mut random = Rng::with_seed(plan.seed);
    let mut report = Report {
        seed: plan.seed,
        ..Report::default()
    };
    let mut server = TestServer::launch(launch(&plan.environment())).await;
    let database = server.data_dir().join("blazing-sun.db");
    let mut crew = Crew::hire(
        server.address(),
        plan.players,
        &mut random,
        fee_cents_max(),
        Duration::ZERO,
    )
    .await;
    let mut watch = Watch::default();
    let mut kill = Kill::Signal;
    while report.rounds < plan.rounds && begun.elapsed() < plan.time_max {
        let frames = random.u64(100..=1_500);
        let kill_now = tokio::select! {
            () = crew.shared.frames_more(frames), if !matches!(kill, Kill::Point(_)) => true,
            _ = server.ended() => false,
            () = tokio::time::sleep(ROUND_MAX) => true,
        };
        if kill_now {
            match kill {
                Kill::Drain => drop(server.terminate().await),
                _ => server.kill().await,
            }
            if matches!(kill, Kill::Point(_)) {
                kill = Kill::Signal;
            }
        }
        crew.server_ended().await;
        report.rounds += 1;
        *report.kills.entry(kill.to_string()).or_default() += 1;
        let mut found = watch.look(&database, &crew)?;
        if report.rounds.is_multiple_of(AUDIT_EVERY) || !found.is_empty() {
            found.extend(Watch::audit(&database)?);
        }
        tell(&format!(
            "round {}: {kill}, {} violations",
            report.rounds,
            found.len()
        ));
        report.violations.extend(found);
        if !report.violations.is_empty() {
            break;
        }
        kill = plan.kill_of(report.rounds, &mut random);
        let mut environment = plan.environment();
        if let Kill::Point(point) = kill {
            // The first few are hit while the server starts.
            let hits = if point == "K9" { 10..=1_500 } else { 10..=200 };
            environment.push((
                "BLAZING_SUN_FAILPOINT",
                format!("{point}:{}", random.u64(hits)),
            ));
        }
        server.restart_with(launch(&environment)).await;
        crew.server_started();
    }
    if report.violations.is_empty() {
        server.terminate().await;
        crew.server_ended().await;
        report.violations = watch.look(&database, &crew)?;
        report.violations.extend(Watch::audit(&database)?);
    }
    crew.dismiss().await;
    report.violations.extend(crew.heard().1);
    watch.count_into(&mut report);
    report.deliveries = crew.shared.counts.frames.load(Ordering::Relaxed);
    report.guests = crew.shared.counts.guests.load(Ordering::Relaxed);
    report.secrets = crew.with_canaries(|canaries| canaries.count() as u64);
    report.took = begun.elapsed();
    Ok(report)
}

impl Plan {
    fn environment(&self) -> Vec<(&'static str, String)> {
        let poison = ("BLAZING_SUN_POISON", "100".to_owned());
        let fault = self.fault.clone().map(|fault| ("BLAZING_SUN_FAULT", fault));
        fault.into_iter().chain([poison]).collect()
    }

    fn kill_of(&self, round: u64, random: &mut Rng) -> Kill {
        match self.kills.as_slice() {
            [] => KILLS[random.usize(..KILLS.len())],
            kills => kills[round as usize % kills.len()],
        }
    }
}
