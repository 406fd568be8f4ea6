//! One publisher and many subscribers in one room: what a delivery costs, how many there can be in a
//! second, and what subscribers that never read do to the others.

mod crowd;
mod stalls;
mod step;

use super::accounts::{self, Accounts};
use super::figures::{Figures, Used, percentile_ms, saturated};
use super::machine::{self, Machine};
use super::{Played, address_of};
use crowd::{Crowd, Talk};
use serde_json::json;
use std::path::PathBuf;
use step::{Pace, Step};

/// Above this the rate is too high.
const P99_MS_MAX: f64 = 100.0;
const RAMP_FACTOR: f64 = 1.5;
const RATE_MAX: f64 = 100_000.0;
/// What a server with its limits takes of one publisher and one address.
const LIMITED_RATE: f64 = 15.0;
const LIMITED_SUBSCRIBERS: usize = 150;
const LIMITED_USERS: usize = 10;

/// A load.
#[derive(Debug, Clone)]
pub struct FanoutOptions {
    /// `http://ADDR:PORT`
    pub url: String,
    /// Connections that listen, beside the one that publishes.
    pub subscribers: usize,
    /// Messages a second; with `ramp`, to begin with.
    pub rate: f64,
    /// Raises the rate while all arrives with p99 ≤ 100 ms, and reports the highest such rate.
    pub ramp: bool,
    /// So many of the subscribers, in percent, stop reading halfway through each round.
    pub stalled_percent: Option<f64>,
    /// Measured seconds of each step.
    pub seconds: f64,
    /// Seconds before each step that do not count.
    pub warmup: f64,
    /// How often to measure.
    pub rounds: usize,
    /// Bytes of the JSON object that is relayed.
    pub payload_bytes: usize,
    /// Access tokens, one a line; none: guests are signed in.
    pub tokens: Option<PathBuf>,
}

/// Measures.
pub fn run(options: &FanoutOptions) -> anyhow::Result<Figures> {
    let server = address_of(&options.url)?;
    let accounts = Accounts::at(&options.url)?;
    let offers_relay = accounts
        .games()?
        .iter()
        .any(|game| game.game_type == Played::Relay.name());
    let mut options = options.clone();
    let mut notes = Vec::new();
    if !offers_relay {
        options.rate = options.rate.min(LIMITED_RATE);
        options.subscribers = options.subscribers.min(LIMITED_SUBSCRIBERS);
        notes.push(format!(
            "the server runs with its limits (start it with --bench to lift them): at most {LIMITED_SUBSCRIBERS} \
             subscribers and {LIMITED_RATE} messages/s, each a `ready` in a room of Bigger Dice"
        ));
        if std::mem::take(&mut options.ramp) {
            notes.push("so the rate was not raised".into());
        }
    }
    let talk = if offers_relay {
        Talk::Relay
    } else {
        Talk::Ready
    };
    let wanted = options.subscribers + 1;
    let guests_max = if offers_relay { wanted } else { LIMITED_USERS };
    let (users, why) = accounts::users(options.tokens.as_deref(), accounts, wanted, guests_max)?;
    if users.len() < wanted {
        notes.push(format!("{} users share the connections {why}", users.len()));
    }
    let machine = Machine::beside(server);
    let load_average = machine::load_average();
    let mut crowd = Crowd::gather(server, talk, &users, &options)?;
    let mut figures = if let Some(percent) = options.stalled_percent {
        stalls::measure(&mut crowd, &options, percent, &machine)?
    } else if options.ramp {
        ramp(&mut crowd, &options, &machine)?
    } else {
        steady(&mut crowd, &options, &machine)?
    };
    figures.rounds = options.rounds;
    figures.load_average = load_average;
    crowd.errors().iter().for_each(|error| figures.error(error));
    notes.append(&mut figures.notes);
    figures.notes = notes;
    Ok(figures)
}

fn titled(options: &FanoutOptions, what: &str) -> Figures {
    let title = format!(
        "fan-out to {} subscribers, {what}, {} rounds of {:.1} s",
        options.subscribers, options.rounds, options.seconds
    );
    let asked = json!({
        "subscribers": options.subscribers,
        "rate": options.rate,
        "ramp": options.ramp,
        "stalled_percent": options.stalled_percent,
        "payload_bytes": options.payload_bytes,
    });
    Figures::new(title, asked)
}

/// Adds what every step tells.
fn add_steps(figures: &mut Figures, steps: &[&Step], machine: &Machine) {
    let rates = steps.iter().map(|step| step.per_second());
    figures.add("deliveries_per_s", 0, rates);
    for (name, percent) in [("p50_ms", 50.0), ("p90_ms", 90.0), ("p99_ms", 99.0)] {
        let values = steps
            .iter()
            .map(|step| percentile_ms(&step.latency_ns, percent));
        figures.add(name, 3, values);
    }
    let cost = steps.iter().map(|step| step.server_us_per_delivery());
    figures.add_visible("server_us_per_delivery", 3, cost);
    let used: Vec<Used> = steps.iter().map(|step| step.used).collect();
    figures.add_used(&used);
    let lost = steps.iter().map(|step| step.lost).sum();
    let doubled = steps.iter().map(|step| step.doubled).sum();
    figures.count("lost", lost, true);
    figures.count("doubled", doubled, true);
    let cores = machine.server().map(|_| machine.server_cores());
    figures.limited_by = saturated(&used, cores)
        .unwrap_or("nothing was saturated")
        .to_owned();
}

fn steady(
    crowd: &mut Crowd,
    options: &FanoutOptions,
    machine: &Machine,
) -> anyhow::Result<Figures> {
    let pace = Pace::of(options, options.rate);
    let steps: Vec<Step> = (0..options.rounds)
        .map(|_| crowd.step(&pace, machine))
        .collect::<anyhow::Result<_>>()?;
    let mut figures = titled(options, &format!("{} messages/s", options.rate));
    let reached = steps.iter().all(|step| step.kept_up(options.rate));
    add_steps(&mut figures, &steps.iter().collect::<Vec<_>>(), machine);
    if reached {
        figures.limited_by = format!("the chosen rate of {} messages/s", options.rate);
    }
    figures.count("closed", crowd.reopen()?, true);
    Ok(figures)
}

/// Multiplies the rate until something breaks, then halves the gap twice.
fn ramp(crowd: &mut Crowd, options: &FanoutOptions, machine: &Machine) -> anyhow::Result<Figures> {
    let (mut best, mut broke_at, mut closed) = (Vec::new(), Vec::new(), 0);
    for _ in 0..options.rounds {
        let (mut good, mut bad, mut rate, mut halvings) = (None, None, options.rate, 0);
        while rate <= RATE_MAX {
            let step = crowd.step(&Pace::of(options, rate), machine)?;
            let lost_connections = crowd.reopen()?;
            closed += lost_connections;
            let ok = step.lost + lost_connections == 0
                && percentile_ms(&step.latency_ns, 99.0) <= P99_MS_MAX;
            if ok {
                good = Some((rate, step));
            } else {
                bad = Some(rate);
            }
            match (&good, bad) {
                (_, None) => rate *= RAMP_FACTOR,
                (Some((good, _)), Some(bad)) if halvings < 2 => {
                    halvings += 1;
                    rate = (good + bad) / 2.0;
                }
                _ => break,
            }
        }
        broke_at.push(bad.unwrap_or(RATE_MAX));
        best.extend(good);
    }
    let mut figures = titled(options, "the highest rate with p99 ≤ 100 ms");
    figures.add("messages_per_s", 0, best.iter().map(|(rate, _)| *rate));
    let steps: Vec<Step> = best.into_iter().map(|(_, step)| step).collect();
    if steps.len() < options.rounds {
        figures.is_complete = false;
        figures.error(&format!(
            "{} messages/s were too many already: begin lower with --rate",
            options.rate
        ));
    }
    add_steps(&mut figures, &steps.iter().collect::<Vec<_>>(), machine);
    figures.add("first_rate_too_high", 0, broke_at.into_iter());
    figures.count("closed_above_it", closed, false);
    Ok(figures)
}
