//! From the command line to an exit code: 0 is well, 1 failed or found something, 2 was asked wrongly,
//! 3 is of another version, 4 restored what differs.

use crate::asked_wrongly::{is_asked_wrongly, is_of_other_data};
use crate::backup::Restored;
use crate::cli::{
    AuditArgs, BenchArgs, BenchTokens, ClusterArgs, Command, CommandLine, DeploymentArgs,
    FanoutArgs, FloorArgs, IdleArgs, Load, ReplayArgs, RestoreArgs, RoleArgs, RoomsArgs, ServeArgs,
    ServedArgs, TailArgs, TelemetryArgs, TestBankArgs, TopicsAction, TraceArgs, VerifyArgs,
};
use crate::config::{Config, ConfigError, Mode, Role, Sources, in_force};
use crate::operator::{Failure, Target};
use crate::telemetry::Traces;
use crate::{
    audit, backup, bench, dead_letters, doctor, export, groups, inspect, keys, migrate, probe,
    replay, serve, settings_cli, tail, telemetry, test_bank, topics, user, verify,
};
use blazing_sun_domain::{Game, GameDefinition, Games};
use clap::{CommandFactory, Parser};
use serde_json::json;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

const ASKED_WRONGLY: u8 = 2;
const OTHER_VERSION: u8 = 3;
const RESTORED_WITH_DIFFERENCES: u8 = 4;
/// What an envelope adds to a payload, about.
const ENVELOPE_BYTES: usize = 400;

/// The program.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// The program with the games that come with it.
    pub fn builder() -> ServerBuilder {
        ServerBuilder {
            games: blazing_sun_domain::games::built_in(),
            game_pages: Vec::new(),
        }
    }
}

/// The program with its games.
#[derive(Debug)]
pub struct ServerBuilder {
    games: Games,
    game_pages: Vec<(String, PathBuf)>,
}

impl ServerBuilder {
    /// Adds a game.
    pub fn game<G: Game>(mut self) -> ServerBuilder {
        self.games.insert(GameDefinition::of::<G>());
        self
    }

    /// Serves a folder as the page of a game: its `index.js` is loaded where the game is played.
    pub fn page(mut self, game: impl Into<String>, folder: impl Into<PathBuf>) -> ServerBuilder {
        self.game_pages.push((game.into(), folder.into()));
        self
    }

    /// Does what the command line asks for.
    pub fn run(self) -> ExitCode {
        let line = match CommandLine::try_parse() {
            Ok(line) => line,
            Err(error) => {
                let code = u8::try_from(error.exit_code()).unwrap_or(ASKED_WRONGLY);
                if code != 0 && wants_json() {
                    let text = error.render().to_string();
                    return told(code, "usage", text.trim_end());
                }
                // Help goes to standard output, errors to standard error; there is nobody else to tell.
                let _ = error.print();
                return ExitCode::from(code);
            }
        };
        match line.command {
            Command::Serve(args) => self.serve(&args, line.json),
            Command::Gateway(args) => self.role(Role::Gateway, &args, line.json),
            Command::Backend(args) => self.role(Role::Backend, &args, line.json),
            Command::Checkout(args) => {
                let sources = Sources::of_process(args.config.clone(), args.flags());
                self.role_of(Role::Checkout, &sources, false, line.json)
            }
            Command::TestBank(args) => run_test_bank(&args, line.json),
            Command::Keys(args) => match keys::run(&args.action, line.json) {
                Ok(text) => said(&text, ExitCode::SUCCESS),
                Err(error) => {
                    let error = error.into();
                    let code = if is_asked_wrongly(&error) {
                        ASKED_WRONGLY
                    } else {
                        1
                    };
                    failed(code, error)
                }
            },
            Command::Tail(args) => self.tail(&args, line.json),
            Command::Trace(args) => self.trace(&args, line.json),
            Command::Rooms(args) => {
                self.shown(|_| async move { inspect::rooms(&args, line.json).await })
            }
            Command::Room(args) => self.asked(&args.deployment, async |target| {
                inspect::room(&args.action, line.json, target).await
            }),
            Command::Audit(args) => self.audit(&args),
            Command::Replay(args) => self.replay(&args),
            Command::Verify(args) => self.verify(&args),
            Command::Export(args) => self.shown(|mut games| async move {
                games.insert(serve::relay());
                export::run(&args, &games, line.json).await
            }),
            Command::Topics(args) => self.shown(|games| async move {
                match args.action {
                    None | Some(TopicsAction::List) => {
                        topics::topics(&args.data, &games, line.json).await
                    }
                    Some(TopicsAction::Describe { topic }) => {
                        topics::describe(&args.data, &topic, &games, line.json).await
                    }
                    Some(TopicsAction::Create) => {
                        topics::create(&args.data, &games, line.json).await
                    }
                    Some(TopicsAction::Adopt) => topics::adopt(&args.data, line.json).await,
                }
            }),
            Command::Groups(args) => {
                self.shown(|games| async move { groups::run(&args, &games, line.json).await })
            }
            Command::Migrate(args) => {
                self.checked(|_| async move { migrate::run(&args, line.json).await })
            }
            Command::Backup(args) => {
                self.checked(|_| async move { Ok((backup::run(&args, line.json).await?, true)) })
            }
            Command::Restore(args) => self.restore(&args, line.json),
            Command::Doctor(args) => {
                self.checked(|games| async move { doctor::run(&args, &games, line.json).await })
            }
            Command::Completions(args) => completions(args.shell),
            Command::User(args) => self.asked(&args.deployment, async |target| {
                user::run(&args.action, line.json, target).await
            }),
            Command::Settings(args) => self.asked(&args.deployment, async |target| {
                settings_cli::settings(&args.action, line.json, target).await
            }),
            Command::Maintenance(args) => self.asked(&args.deployment, async |target| {
                settings_cli::maintenance(&args.action, line.json, target).await
            }),
            Command::DeadLetters(args) => self.asked(&args.deployment, async |target| {
                dead_letters::run(&args.action, line.json, target).await
            }),
            Command::Config(args) => config(&args, line.json),
            Command::Probe(args) => {
                match runtime().and_then(|runtime| runtime.block_on(probe::run(&args.url))) {
                    Ok(()) => said(&probe::ready(line.json), ExitCode::SUCCESS),
                    Err(error) => failed(1, error),
                }
            }
            Command::Bench(BenchArgs { url, load }) => {
                serve::raise_open_files();
                match load {
                    Load::Rooms(args) => rooms(url, &args),
                    Load::Fanout(args) => fanout(url, &args),
                    Load::Idle(args) => idle(url, &args),
                    Load::Floor(args) => floor(&args),
                    Load::Cluster(args) => cluster(url, &args),
                    Load::Telemetry(args) => measure_telemetry(url, &args),
                }
            }
        }
    }

    fn serve(self, args: &ServeArgs, json: bool) -> ExitCode {
        let sources = Sources::of_process(args.config.clone(), args.flags());
        let (config, mode) = match sources.load_for(Role::Serve) {
            Ok(loaded) => loaded,
            Err(error) => return failed(ASKED_WRONGLY, error.into()),
        };
        if mode == Mode::Distributed && args.data_dir.is_some() {
            let error = "--data-dir names a folder, and KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL something else to \
                         keep everything on: leave out the one or the others";
            return failed(ASKED_WRONGLY, anyhow::Error::msg(error));
        }
        let (bench, bench_tokens) = (args.bench, args.bench_tokens.clone());
        self.run_role(config, Role::Serve, mode, bench, bench_tokens, json)
    }

    fn role(self, role: Role, args: &RoleArgs, json: bool) -> ExitCode {
        let sources = Sources::of_process(args.config.clone(), args.flags());
        self.role_of(role, &sources, args.bench, json)
    }

    fn role_of(self, role: Role, sources: &Sources, bench: bool, json: bool) -> ExitCode {
        match sources.load_for(role) {
            Ok((config, mode)) => self.run_role(config, role, mode, bench, None, json),
            Err(error) => failed(ASKED_WRONGLY, error.into()),
        }
    }

    fn run_role(
        self,
        config: Config,
        role: Role,
        mode: Mode,
        bench: bool,
        bench_tokens: Option<BenchTokens>,
        json: bool,
    ) -> ExitCode {
        telemetry::start(&config.telemetry);
        // Until the end, so that the last ones are sent.
        let _traces = match Traces::start(&config.telemetry, role) {
            Ok(traces) => traces,
            Err(error) => return failed(ASKED_WRONGLY, error),
        };
        #[cfg(feature = "failpoints")]
        if let Err(error) = blazing_sun_backbone::failpoints::plant_from_environment() {
            return failed(ASKED_WRONGLY, anyhow::Error::msg(error));
        }
        let options = serve::Options {
            config,
            role,
            mode,
            games: self.games,
            game_pages: self.game_pages,
            bench,
            bench_tokens,
        };
        let served = runtime().and_then(|runtime| {
            let serving = |address| say_address("blazing-sun serves", address, json);
            let served = runtime.block_on(serve::run(options, serving));
            // Blocking reads of clients that are gone must not hold up the end.
            runtime.shutdown_background();
            served
        });
        match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) if is_asked_wrongly(&error) => failed(ASKED_WRONGLY, error),
            Err(error) => failed(1, error),
        }
    }

    fn tail(&self, args: &TailArgs, json: bool) -> ExitCode {
        let mut games = self.games.clone();
        games.insert(serve::relay());
        let mut out = Output::new();
        let tailed = runtime().and_then(|runtime| {
            runtime.block_on(async {
                tokio::select! {
                    tailed = tail::run(args, json, &games, &mut out) => tailed,
                    asked = serve::asked_to_stop() => asked,
                }
            })
        });
        match tailed {
            Ok(()) => ExitCode::SUCCESS,
            // Whoever read along, `head` for one, has seen enough.
            Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
            Err(error) => failed(out.code_of_failure(), error),
        }
    }

    fn replay(mut self, args: &ReplayArgs) -> ExitCode {
        self.games.insert(serve::relay());
        let mut out = Output::new();
        let replayed = runtime()
            .and_then(|runtime| runtime.block_on(replay::run(args, &self.games, &mut out)));
        match replayed {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
            Err(error) if replay::is_of_another_version(&error) => failed(OTHER_VERSION, error),
            Err(error) => failed(out.code_of_failure(), error),
        }
    }

    fn verify(&self, args: &VerifyArgs) -> ExitCode {
        let mut out = Output::new();
        let verified = runtime()
            .and_then(|runtime| runtime.block_on(verify::run(args, &self.games, &mut out)));
        match verified {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
            Err(error) => failed(out.code_of_failure(), error),
        }
    }

    /// Prints what a tool that only reads has found.
    fn shown<F: Future<Output = anyhow::Result<String>>>(
        &self,
        find: impl FnOnce(Games) -> F,
    ) -> ExitCode {
        let found = runtime().and_then(|runtime| runtime.block_on(find(self.games.clone())));
        match found {
            Ok(text) => said(&text, ExitCode::SUCCESS),
            Err(error) => match error.downcast_ref::<Failure>() {
                Some(failure) => failed(exit_code_of(failure), error),
                None => failed(ASKED_WRONGLY, error),
            },
        }
    }

    fn trace(&self, args: &TraceArgs, json: bool) -> ExitCode {
        let mut games = self.games.clone();
        games.insert(serve::relay());
        let traced =
            runtime().and_then(|runtime| runtime.block_on(inspect::trace(args, &games, json)));
        match traced {
            Ok((text, true)) => said(&text, ExitCode::SUCCESS),
            Ok((text, false)) => said(&text, ExitCode::FAILURE),
            Err(error) => match error.downcast_ref::<Failure>() {
                Some(failure) => failed(exit_code_of(failure), error),
                None => failed(ASKED_WRONGLY, error),
            },
        }
    }

    /// Prints what a tool has done or found, and whether that is well.
    fn checked<F: Future<Output = anyhow::Result<(String, bool)>>>(
        &self,
        find: impl FnOnce(Games) -> F,
    ) -> ExitCode {
        let found = runtime().and_then(|runtime| runtime.block_on(find(self.games.clone())));
        match found {
            Ok((text, true)) => said(&text, ExitCode::SUCCESS),
            Ok((text, false)) => said(&text, ExitCode::FAILURE),
            Err(error) if is_asked_wrongly(&error) || is_of_other_data(&error) => {
                failed(ASKED_WRONGLY, error)
            }
            Err(error) => failed(1, error),
        }
    }

    fn restore(mut self, args: &RestoreArgs, json: bool) -> ExitCode {
        self.games.insert(serve::relay());
        let restored = runtime()
            .and_then(|runtime| runtime.block_on(backup::restore(args, &self.games, json)));
        match restored {
            Ok(Restored { text, is_clean }) => match is_clean {
                true => said(&text, ExitCode::SUCCESS),
                false => said(&text, ExitCode::from(RESTORED_WITH_DIFFERENCES)),
            },
            Err(error) if is_asked_wrongly(&error) || is_of_other_data(&error) => {
                failed(ASKED_WRONGLY, error)
            }
            Err(error) => failed(1, error),
        }
    }

    /// Has a deployment do something.
    fn asked(
        &self,
        deployment: &DeploymentArgs,
        ask: impl AsyncFnOnce(&Target) -> Result<String, Failure>,
    ) -> ExitCode {
        let target = match self.target(deployment) {
            Ok(target) => target,
            Err(error) => return failed(ASKED_WRONGLY, error.into()),
        };
        let done = runtime().map(|runtime| {
            let done = runtime.block_on(ask(&target));
            runtime.shutdown_background();
            done
        });
        match done {
            Ok(Ok(text)) => said(&text, ExitCode::SUCCESS),
            Ok(Err(failure)) => told(exit_code_of(&failure), &failure.code, &failure.message),
            Err(error) => failed(1, error),
        }
    }

    /// The deployment that is meant.
    fn target(&self, deployment: &DeploymentArgs) -> Result<Target, ConfigError> {
        let sources = Sources::of_process(deployment.config.clone(), deployment.flags());
        // A folder that is named is meant, whatever else is configured.
        let (config, mode) = match deployment.data_dir {
            Some(_) => (sources.load()?, Mode::Embedded),
            None => sources.load_for(Role::Serve)?,
        };
        let mut games = self.games.clone();
        games.insert(serve::relay());
        Ok(Target {
            config,
            mode,
            games,
        })
    }

    fn audit(mut self, args: &AuditArgs) -> ExitCode {
        self.games.insert(serve::relay());
        let mut out = Output::new();
        let audited =
            runtime().and_then(|runtime| runtime.block_on(audit::run(args, &self.games, &mut out)));
        match audited {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => failed(out.code_of_failure(), error),
        }
    }
}

fn completions(shell: clap_complete::Shell) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "blazing-sun", &mut text);
    said(String::from_utf8_lossy(&text).trim_end(), ExitCode::SUCCESS)
}

fn say_address(who: &str, address: SocketAddr, json: bool) -> anyhow::Result<()> {
    let url = format!("http://{address}");
    match json {
        true => say(&json!({ "address": address, "url": url }).to_string()),
        false => say(&format!("{who} on {url}")),
    }
}

fn run_test_bank(args: &TestBankArgs, json: bool) -> ExitCode {
    let file = std::env::var_os("BLAZING_SUN_CONFIG").map(PathBuf::from);
    let config = Sources::of_process(file, Vec::new()).load();
    if let Err(error) = config.and_then(|config| config.check_test_bank()) {
        return failed(ASKED_WRONGLY, error.into());
    }
    telemetry::start(&Config::default().telemetry);
    let say = |address| say_address("the test bank is", address, json);
    let ran = runtime().and_then(|runtime| runtime.block_on(test_bank::run(args, say)));
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(1, error),
    }
}

fn config(args: &ServedArgs, json: bool) -> ExitCode {
    let sources = Sources::of_process(args.config.clone(), args.flags());
    let settings = match in_force::settings(&sources, args.role) {
        Ok(settings) => settings,
        Err(error) => return failed(ASKED_WRONGLY, error.into()),
    };
    let text = match json {
        true => serde_json::to_string_pretty(&settings).map_err(Into::into),
        false => Ok(in_force::table(&settings)),
    };
    match text.and_then(|text| say(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(1, error),
    }
}

fn rooms_options(url: String, args: &RoomsArgs) -> bench::RoomsOptions {
    bench::RoomsOptions {
        url,
        game: args.game,
        rooms: args.rooms as usize,
        seconds: args.seconds,
        warmup: args.warmup,
        rate: args.rate,
        rounds: args.rounds as usize,
        payload_bytes: args.payload_bytes as usize,
        tokens: args.tokens.clone(),
        gateways: args.gateways.clone(),
        watched: args.watched.clone(),
    }
}

fn rooms(url: String, args: &RoomsArgs) -> ExitCode {
    let measured = bench::rooms(&rooms_options(url, args));
    report(args.json, measured, |report| {
        (report.to_json(), report.to_string(), report.is_complete())
    })
}

fn fanout(url: String, args: &FanoutArgs) -> ExitCode {
    let options = bench::FanoutOptions {
        url,
        subscribers: args.subscribers as usize,
        rate: args.rate.unwrap_or(if args.ramp { 40.0 } else { 20.0 }),
        ramp: args.ramp,
        stalled_percent: args.stalled,
        seconds: args.seconds.unwrap_or(if args.ramp { 3.0 } else { 10.0 }),
        warmup: args.warmup,
        rounds: args.rounds as usize,
        payload_bytes: args.payload_bytes as usize,
        tokens: args.tokens.clone(),
    };
    report(args.json, bench::fanout(&options), figures)
}

fn idle(url: String, args: &IdleArgs) -> ExitCode {
    let options = bench::IdleOptions {
        url,
        connections: args.connections as usize,
        room_size: args.room_size as usize,
        seconds: args.seconds,
        rounds: args.rounds as usize,
        tokens: args.tokens.clone(),
    };
    report(args.json, bench::idle(&options), figures)
}

fn floor(args: &FloorArgs) -> ExitCode {
    let options = bench::FloorOptions {
        bootstrap_servers: args.kafka.clone(),
        database_url: args.database_url.clone(),
        partitions: args.partitions,
        in_flight: args.in_flight as usize,
        rate: args.rate,
        seconds: args.seconds,
        warmup: args.warmup,
        rounds: args.rounds as usize,
        payload_bytes: args.payload_bytes as usize,
    };
    report(args.json, bench::floor(&options), figures)
}

/// As many commands under way at the floor as in the cluster's rooms.
fn cluster(url: String, args: &ClusterArgs) -> ExitCode {
    let rooms = rooms_options(url, &args.rooms);
    let floor = bench::FloorOptions {
        bootstrap_servers: args.kafka.clone(),
        database_url: args.database_url.clone(),
        partitions: args.partitions,
        in_flight: rooms.rooms,
        rate: rooms.rate,
        seconds: rooms.seconds,
        warmup: rooms.warmup,
        rounds: 1,
        payload_bytes: rooms.payload_bytes + ENVELOPE_BYTES,
    };
    let options = bench::ClusterOptions { rooms, floor };
    report(args.rooms.json, bench::cluster(&options), figures)
}

fn measure_telemetry(url: String, args: &TelemetryArgs) -> ExitCode {
    let options = bench::TelemetryOptions {
        rooms: rooms_options(url, &args.rooms),
        with_url: args.with_url.clone(),
    };
    report(args.rooms.json, bench::telemetry(&options), figures)
}

fn figures(figures: &bench::Figures) -> (serde_json::Value, String, bool) {
    (figures.to_json(), figures.to_string(), figures.is_complete)
}

fn report<T>(
    json: bool,
    measured: anyhow::Result<T>,
    read: impl Fn(&T) -> (serde_json::Value, String, bool),
) -> ExitCode {
    let (value, text, is_complete) = match &measured {
        Ok(measured) => read(measured),
        Err(error) if is_unreachable(error) => {
            return told(1, "unavailable", &format!("{error:#}"));
        }
        Err(error) => return failed(ASKED_WRONGLY, anyhow::anyhow!("{error:#}")),
    };
    let text = if json { format!("{value:#}") } else { text };
    let code = if is_complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    };
    said(text.trim_end(), code)
}

/// One worker for each core that this process may use.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores)
        .enable_all()
        .build()?)
}

/// Standard output that remembers whether it took everything: what a tool then fails of is not what
/// was asked.
struct Output {
    to: std::io::StdoutLock<'static>,
    is_refused: bool,
}

impl Output {
    fn new() -> Output {
        Output {
            to: std::io::stdout().lock(),
            is_refused: false,
        }
    }

    fn code_of_failure(&self) -> u8 {
        if self.is_refused { 1 } else { ASKED_WRONGLY }
    }

    fn noted<T>(&mut self, written: std::io::Result<T>) -> std::io::Result<T> {
        self.is_refused |= written.is_err();
        written
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.to.write(bytes);
        self.noted(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let flushed = self.to.flush();
        self.noted(flushed)
    }
}

/// Prints what was found, and ends with `code` if somebody took it.
fn said(text: &str, code: ExitCode) -> ExitCode {
    match say(text) {
        Ok(()) => code,
        Err(error) if is_broken_pipe(&error) => code,
        Err(error) => failed(1, error),
    }
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

fn failed(code: u8, error: anyhow::Error) -> ExitCode {
    let text = format!("{error:#}");
    match error.downcast_ref::<Failure>() {
        Some(failure) => told(code, &failure.code, &text),
        None if code == ASKED_WRONGLY => told(code, "invalid", &text),
        None => told(code, "failed", &text),
    }
}

/// Says on standard error what went wrong: in words, or with a name for programs where JSON is asked for.
fn told(exit_code: u8, kind: &str, message: &str) -> ExitCode {
    let line = if wants_json() {
        serde_json::json!({ "error": message, "code": kind }).to_string()
    } else {
        format!("blazing-sun: {message}")
    };
    // Standard error may be closed; the exit code says it too.
    let _ = writeln!(std::io::stderr(), "{line}");
    ExitCode::from(exit_code)
}

/// Looked for in the arguments themselves: where they can not be understood, nothing else says it.
fn wants_json() -> bool {
    let arguments = std::env::args_os().take_while(|argument| argument != "--");
    arguments.skip(1).any(|argument| argument == "--json")
}

/// What lies with whoever asked is 2; what may be well another time is 1.
fn exit_code_of(failure: &Failure) -> u8 {
    match failure.code.as_str() {
        "unavailable" | "failed" | "already_decided" | "not_retryable" => 1,
        _ => ASKED_WRONGLY,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    is_of_kind(error, std::io::ErrorKind::BrokenPipe)
}

/// Whether nobody listens where a server was to be.
fn is_unreachable(error: &anyhow::Error) -> bool {
    is_of_kind(error, std::io::ErrorKind::ConnectionRefused)
}

fn is_of_kind(error: &anyhow::Error, kind: std::io::ErrorKind) -> bool {
    let is = |error: &std::io::Error| error.kind() == kind;
    error
        .chain()
        .any(|cause| cause.downcast_ref().is_some_and(is))
}
