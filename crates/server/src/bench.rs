//! `blazing-sun bench`: plays many rooms against a running server, counts what comes back, and says
//! how fast it was and what was the limit.

mod accounts;
mod cluster;
mod command;
mod dice;
mod fanout;
mod figures;
mod floor;
mod frames;
mod idle;
mod machine;
mod relay;
mod report;
mod sockets;
mod telemetry;
mod watched;

pub use cluster::{ClusterOptions, run as cluster};
pub use fanout::{FanoutOptions, run as fanout};
pub use figures::Figures;
pub use floor::{FloorOptions, run as floor};
pub use idle::{IdleOptions, run as idle};
pub use report::Report;
pub use telemetry::{TelemetryOptions, run as telemetry};
pub use watched::Watched;

use accounts::{Accounts, Tokens};
use anyhow::{Context, bail};
use machine::{Machine, Sample};
use report::Round;
use sockets::{Arrived, Sockets};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;
use watched::Watch;

const SECOND_NS: u64 = 1_000_000_000;
/// The gateway closes a connection that is silent for 20 s.
const HEARTBEAT_NS: u64 = 8 * SECOND_NS;
const HEARTBEAT: &[u8] = br#"{"type":"system.heartbeat"}"#;
const SETUP_NS: u64 = 60 * SECOND_NS;
/// A command without its events for so long no longer holds up its room.
const STALLED_NS: u64 = 5 * SECOND_NS;

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Played {
    /// Commands come back as they are; only on a server started with --bench.
    Relay,
    /// Whole games, with fees and prizes.
    BiggerDice,
}

impl Played {
    fn name(self) -> &'static str {
        match self {
            Played::Relay => "relay",
            Played::BiggerDice => "bigger_dice",
        }
    }
}

/// A load.
#[derive(Debug, Clone)]
pub struct RoomsOptions {
    /// `http://ADDR:PORT`
    pub url: String,
    /// None: `relay` where the server has it.
    pub game: Option<Played>,
    /// Rooms of two players each.
    pub rooms: usize,
    /// Measured seconds of each round.
    pub seconds: f64,
    /// Seconds before each round that do not count.
    pub warmup: f64,
    /// Commands a second in all rooms together; none: each as soon as the one before has arrived.
    pub rate: Option<f64>,
    /// How often to measure.
    pub rounds: usize,
    /// Bytes of a relayed JSON object.
    pub payload_bytes: usize,
    /// Access tokens, one a line; none: guests are signed in.
    pub tokens: Option<PathBuf>,
    /// Where the sockets are; none: at `url`.
    pub gateways: Vec<SocketAddr>,
    /// Whose CPU to report beside the server's.
    pub watched: Vec<Watched>,
}

/// Measures rooms of two players.
pub fn rooms(options: &RoomsOptions) -> anyhow::Result<Report> {
    let server = address_of(&options.url)?;
    let mut gateways = options.gateways.clone();
    if gateways.is_empty() {
        gateways.push(server);
    }
    let watch = Watch::over(&options.watched)?;
    let mut notes = Vec::new();
    let accounts = Accounts::at(&options.url)?;
    let offered = accounts.games()?;
    let measuring = offered
        .iter()
        .any(|game| game.game_type == Played::Relay.name());
    let game = match options.game {
        Some(Played::Relay) if !measuring => {
            notes.push("the server has no game `relay` (start it with --bench): Bigger Dice was played instead".to_owned());
            Played::BiggerDice
        }
        Some(game) => game,
        None if measuring => Played::Relay,
        None => Played::BiggerDice,
    };
    let mut options = options.clone();
    if game == Played::BiggerDice && !measuring && options.rate.is_none() {
        // Well below what one address may send, games' setting up included.
        let rate = (options.rooms as f64 * 2.0).min(50.0);
        notes.push(format!(
            "the server runs with its limits: paced at {rate} rolls/s and slower where refused"
        ));
        options.rate = Some(rate);
    }
    let mut tokens = match &options.tokens {
        Some(path) => Tokens::from_file(path)?,
        None => Tokens::of_guests(accounts, options.rooms * 2),
    };
    let machine = Machine::beside(gateways[0]).watching(watch);
    let load_average = machine::load_average();
    let fee_cents = offered
        .iter()
        .find(|offer| offer.game_type == game.name())
        .with_context(|| format!("the server does not offer the game `{}`", game.name()))?
        .entry_fee_cents;
    let rounds = match game {
        Played::Relay => relay::run(&options, &gateways, &machine, &mut tokens)?,
        Played::BiggerDice => dice::run(
            &options,
            &gateways,
            &machine,
            &mut tokens,
            fee_cents,
            &mut notes,
        )?,
    };
    if let Some(why) = tokens.ended_because() {
        notes.push(why);
    }
    Ok(Report {
        game: game.name(),
        rooms: options.rooms,
        rate: options.rate,
        payload_bytes: (game == Played::Relay).then_some(options.payload_bytes),
        server_cores: machine.server().map(|_| machine.server_cores()),
        load_average,
        watched: machine.watched(),
        rounds,
        notes,
    })
}

fn address_of(url: &str) -> anyhow::Result<SocketAddr> {
    let expected = "--url takes http://ADDRESS:PORT";
    let authority = url.strip_prefix("http://").context(expected)?;
    let authority = authority.trim_end_matches('/');
    if authority.contains('/') {
        bail!("{expected}, got {url}");
    }
    let mut addresses = authority
        .to_socket_addrs()
        .with_context(|| format!("{expected}, got {url}"))?;
    addresses
        .next()
        .with_context(|| format!("{authority} has no address"))
}

/// One measured stretch: its bounds, and the CPU that went into it.
struct Window {
    from_ns: u64,
    end_ns: u64,
    started: Option<(u64, Sample)>,
}

impl Window {
    fn after(now_ns: u64, options: &RoomsOptions) -> Window {
        let from_ns = now_ns + (options.warmup * SECOND_NS as f64) as u64;
        Window {
            from_ns,
            end_ns: from_ns + (options.seconds * SECOND_NS as f64) as u64,
            started: None,
        }
    }

    fn holds(&self, at_ns: u64) -> bool {
        (self.from_ns..self.end_ns).contains(&at_ns)
    }

    /// To be called in every turn of the loop.
    fn tick(&mut self, now_ns: u64, machine: &Machine) {
        if self.started.is_none() && now_ns >= self.from_ns {
            self.started = Some((now_ns, machine.sample()));
        }
    }

    fn finish(&self, now_ns: u64, machine: &Machine, round: &mut Round) {
        if let Some((from_ns, before)) = &self.started {
            let seconds = now_ns.saturating_sub(*from_ns).max(1) as f64 / SECOND_NS as f64;
            round.measured(seconds, before, &machine.sample());
        }
    }
}

/// Waits until each of these connections has got a text that holds `wanted`; a refusal ends it.
fn until_all(
    sockets: &mut Sockets,
    connections: std::ops::Range<usize>,
    wanted: &[u8],
) -> anyhow::Result<()> {
    until_each(sockets, connections, wanted, &mut |_| {})
}

/// Like [`until_all`]; hands over each text that was waited for.
fn until_each(
    sockets: &mut Sockets,
    connections: std::ops::Range<usize>,
    wanted: &[u8],
    found: &mut dyn FnMut(&[u8]),
) -> anyhow::Result<()> {
    let finder = memchr::memmem::Finder::new(wanted);
    let mut missing: std::collections::BTreeSet<usize> = connections.collect();
    let mut refusal = None;
    let deadline_ns = sockets.now_ns() + SETUP_NS;
    while !missing.is_empty() {
        sockets.beat();
        sockets.poll(
            Duration::from_millis(50),
            &mut |index, _, arrived, _| match arrived {
                Arrived::Text(text) if finder.find(text).is_some() => {
                    if missing.remove(&index) {
                        found(text);
                    }
                }
                Arrived::Text(text) if is_refusal(text) && !is_there_already(text) => {
                    refusal = Some(String::from_utf8_lossy(text).into_owned());
                }
                Arrived::Text(_) | Arrived::Open => {}
                Arrived::Closed(why) => {
                    refusal = Some(format!("the server closed a connection: {why}"))
                }
            },
        )?;
        let wanted = String::from_utf8_lossy(wanted);
        if let Some(refusal) = refusal {
            bail!("expected {wanted}, got {refusal}");
        }
        if sockets.now_ns() > deadline_ns {
            bail!("{} connections got no {wanted} within 60 s", missing.len());
        }
    }
    Ok(())
}

fn is_refusal(text: &[u8]) -> bool {
    let head = &text[..text.len().min(64)];
    memchr::memmem::find(head, br#".error""#).is_some()
}

/// The state of the room comes all the same, for the sign-in asked for it.
fn is_there_already(text: &[u8]) -> bool {
    memchr::memmem::find(text, br#""already_in_room""#).is_some()
}

fn authenticate(token: &str) -> String {
    serde_json::json!({ "type": "system.authenticate", "token": token }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_names_an_address_and_a_port() {
        assert!(address_of("http://127.0.0.1:8080/").is_ok());
        for bad in [
            "127.0.0.1:8080",
            "https://127.0.0.1:8080",
            "http://127.0.0.1",
            "http://127.0.0.1:1/x",
        ] {
            assert!(address_of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn refusals_are_told_from_other_frames() {
        assert!(is_refusal(
            br#"{"type":"games.event.error","code":"room_full"}"#
        ));
        assert!(is_refusal(
            br#"{"type":"system.error","code":"rate_limited"}"#
        ));
        assert!(!is_refusal(br#"{"type":"system.ack","command_id":"x"}"#));
    }
}
