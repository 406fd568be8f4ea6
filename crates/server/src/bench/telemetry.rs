//! What telemetry costs: two servers that differ in it alone are measured in turns, so that a machine that is faster or
//! slower for a while is so for both, and what is reported is the one divided by the other. The figures of the one with
//! telemetry are scraped meanwhile, as Prometheus would.

use super::figures::Figures;
use super::report::pace;
use super::{RoomsOptions, address_of, rooms};
use anyhow::Context;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Compared by their names in both reports, which say the unit; with the digits that they are shown with.
const COMPARED: [(&str, usize); 4] = [
    ("commands_per_s", 0),
    ("server_us_per_command", 1),
    ("p50_ms", 3),
    ("p99_ms", 3),
];

/// Prometheus's usual interval is longer.
const SCRAPED_EVERY: Duration = Duration::from_secs(5);
const SCRAPE_WITHIN: Duration = Duration::from_secs(5);
const REST: Duration = Duration::from_millis(50);

/// A load, and on which servers.
#[derive(Debug, Clone)]
pub struct TelemetryOptions {
    /// The load; its `url` is the server without telemetry.
    pub rooms: RoomsOptions,
    /// The server with telemetry.
    pub with_url: String,
}

/// One turn of both.
struct Turn {
    without: Value,
    with: Value,
}

/// Measures the one, then the other, and so on; who begins changes with each turn.
pub fn run(options: &TelemetryOptions) -> anyhow::Result<Figures> {
    let load_average = super::machine::load_average();
    let scraped = address_of(&options.with_url)?;
    scrape(scraped).context("the server with telemetry does not say its figures")?;
    let mut figures = Figures::new(title(options), asked(options));
    let mut turns = Vec::with_capacity(options.rooms.rounds);
    for round in 0..options.rooms.rounds {
        let with = || scraping(scraped, || measured(options, &options.with_url));
        let without = || measured(options, &options.rooms.url);
        let (without, with) = match round % 2 {
            0 => {
                let without = without()?;
                (without, with()?)
            }
            _ => {
                let with = with()?;
                (without()?, with)
            }
        };
        figures.is_complete &= without.1 && with.1;
        turns.push(Turn {
            without: without.0,
            with: with.0,
        });
    }
    fill(&mut figures, &turns);
    figures.load_average = load_average;
    Ok(figures)
}

fn measured(options: &TelemetryOptions, url: &str) -> anyhow::Result<(Value, bool)> {
    let report = rooms(&RoomsOptions {
        rounds: 1,
        url: url.to_owned(),
        ..options.rooms.clone()
    })?;
    Ok((report.to_json(), report.is_complete()))
}

/// Does it while the server is scraped.
fn scraping<T>(server: SocketAddr, does: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut due = Instant::now();
            while !is_over.load(Ordering::Relaxed) {
                if Instant::now() >= due {
                    // One that fails costs the server no less.
                    let _ = scrape(server);
                    due = Instant::now() + SCRAPED_EVERY;
                }
                std::thread::sleep(REST);
            }
        });
        let done = does();
        is_over.store(true, Ordering::Relaxed);
        done
    })
}

fn scrape(server: SocketAddr) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect_timeout(&server, SCRAPE_WITHIN)?;
    stream.set_read_timeout(Some(SCRAPE_WITHIN))?;
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    anyhow::ensure!(answer.starts_with(b"HTTP/1.1 200 "), "no `/metrics` there");
    Ok(())
}

fn title(options: &TelemetryOptions) -> String {
    let RoomsOptions {
        rooms,
        rate,
        rounds,
        seconds,
        ..
    } = &options.rooms;
    let pace = pace(*rate);
    format!(
        "a server with telemetry beside one without: {rooms} rooms of 2, {pace}, {rounds} rounds of {seconds} s each, in \
         turns"
    )
}

fn asked(options: &TelemetryOptions) -> Value {
    json!({
        "rooms": options.rooms.rooms,
        "rate": options.rooms.rate,
        "payload_bytes": options.rooms.payload_bytes,
    })
}

fn fill(figures: &mut Figures, turns: &[Turn]) {
    figures.rounds = turns.len();
    for (name, digits) in COMPARED {
        let of = |value: &Value| value[name]["median"].as_f64();
        figures.add_visible(
            &format!("without_{name}"),
            digits,
            turns.iter().map(|turn| of(&turn.without)),
        );
        figures.add_visible(
            &format!("with_{name}"),
            digits,
            turns.iter().map(|turn| of(&turn.with)),
        );
        let ratio = |turn: &Turn| {
            let without = of(&turn.without).filter(|figure| *figure > 0.0)?;
            Some(of(&turn.with)? / without)
        };
        figures.add_visible(&format!("{name}_ratio"), 3, turns.iter().map(ratio));
    }
    for name in ["lost", "doubled", "errors"] {
        let both = turns.iter().flat_map(|turn| [&turn.without, &turn.with]);
        let counts = both.filter_map(|value| value[name].as_u64());
        figures.count(name, counts.sum(), true);
    }
    for turn in turns {
        let errors = [&turn.without, &turn.with].into_iter();
        let errors = errors.filter_map(|value| value["first_errors"].as_array());
        for error in errors.flatten() {
            figures.error(error.as_str().unwrap_or_default());
        }
    }
    if let Some(last) = turns.last() {
        let limit = last.with["limited_by"].as_str();
        figures.limited_by = limit.unwrap_or_default().to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_the_same_turn() {
        let of = |commands_per_s: f64| json!({ "commands_per_s": { "median": commands_per_s }, "lost": 0, "errors": 1 });
        let turn = |without, with| Turn {
            without: of(without),
            with: of(with),
        };
        let mut figures = Figures::new(String::new(), Value::Null);
        // Slow for both in the second turn: the medians' ratio would be 0.9.
        let turns = [turn(100.0, 90.0), turn(10.0, 9.8), turn(200.0, 196.0)];
        fill(&mut figures, &turns);
        let value = figures.to_json();
        assert_eq!(value["commands_per_s_ratio"]["median"], 0.98);
        assert_eq!(value["without_commands_per_s"]["median"], 100.0);
        assert_eq!(value["errors"], 6);
    }
}
