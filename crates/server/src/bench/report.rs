//! What was measured, for a person and as JSON: medians over the rounds with minimum and maximum.

use super::figures::{Spread, Used, latencies, percentile_ms, row, saturated, watched_between};
use super::machine::Sample;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::fmt;

const ERRORS_SHOWN: usize = 3;

/// One round.
pub struct Round {
    latency_ns: Histogram<u64>,
    /// Deliveries that never came.
    pub lost: u64,
    /// Deliveries that came again.
    pub doubled: u64,
    /// Refused commands and lost connections.
    pub errors: u64,
    /// Commands sent again because the server's limits refused them.
    pub limited: u64,
    /// Games played to their end.
    pub games: u64,
    first_errors: Vec<String>,
    seconds: f64,
    used: Used,
    watched_s: Vec<f64>,
}

impl Default for Round {
    fn default() -> Round {
        Round {
            latency_ns: latencies(),
            lost: 0,
            doubled: 0,
            errors: 0,
            limited: 0,
            games: 0,
            first_errors: Vec::new(),
            seconds: 0.0,
            used: Used::default(),
            watched_s: Vec::new(),
        }
    }
}

impl Round {
    /// A command has arrived everywhere.
    pub fn completed(&mut self, latency_ns: u64) {
        self.latency_ns.saturating_record(latency_ns);
    }

    /// Counts an error and keeps the first few.
    pub fn error(&mut self, text: &[u8]) {
        self.errors += 1;
        if self.first_errors.len() < ERRORS_SHOWN {
            let shown = &text[..text.len().min(300)];
            self.first_errors
                .push(String::from_utf8_lossy(shown).into_owned());
        }
    }

    /// The first error, or nothing.
    pub fn first_error(&self) -> &str {
        self.first_errors.first().map_or("", String::as_str)
    }

    /// Notes the CPU used between two samples, `seconds` apart.
    pub fn measured(&mut self, seconds: f64, before: &Sample, after: &Sample) {
        self.seconds = seconds;
        self.used = Used::between(seconds, before, after);
        self.watched_s = watched_between(before, after);
    }

    fn commands_per_s(&self) -> f64 {
        if self.seconds > 0.0 {
            self.latency_ns.len() as f64 / self.seconds
        } else {
            0.0
        }
    }

    fn percentile_ms(&self, percent: f64) -> f64 {
        percentile_ms(&self.latency_ns, percent)
    }

    fn server_us_per_command(&self) -> Option<f64> {
        let commands = self.commands_per_s();
        self.used
            .server
            .filter(|_| commands > 0.0)
            .map(|cores| cores * 1e6 / commands)
    }
}

/// All rounds of one load.
pub struct Report {
    /// What was played.
    pub game: &'static str,
    /// Rooms of two players.
    pub rooms: usize,
    /// Commands a second asked for; none: as fast as possible.
    pub rate: Option<f64>,
    /// Bytes of a relayed object.
    pub payload_bytes: Option<usize>,
    /// Cores that the server may use; none: its process is not visible.
    pub server_cores: Option<usize>,
    /// The machine's, when it began.
    pub load_average: String,
    /// Of whom CPU is reported beside the server's.
    pub watched: Vec<String>,
    /// In order.
    pub rounds: Vec<Round>,
    /// What a reader must know.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether each command arrived once at each player.
    pub fn is_complete(&self) -> bool {
        self.rounds
            .iter()
            .all(|round| round.lost + round.doubled + round.errors == 0)
    }

    fn spread(&self, of: impl Fn(&Round) -> f64) -> Spread {
        Spread::over(self.rounds.iter().map(of))
    }

    fn visible(&self, of: impl Fn(&Round) -> Option<f64>) -> Option<Spread> {
        Spread::of_visible(self.rounds.iter().map(of))
    }

    /// Microseconds of CPU a command, by watched group.
    fn watched_us(&self) -> impl Iterator<Item = (String, Spread)> {
        self.watched.iter().enumerate().map(|(at, name)| {
            let each = |round: &Round| {
                let cpu_s = round.watched_s.get(at).copied().unwrap_or_default();
                cpu_s * 1e6 / (round.latency_ns.len().max(1) as f64)
            };
            (format!("{name}_us_per_command"), self.spread(each))
        })
    }

    fn sum(&self, of: impl Fn(&Round) -> u64) -> u64 {
        self.rounds.iter().map(of).sum()
    }

    /// What kept it from being faster.
    fn limited_by(&self) -> String {
        if let Some(rate) = self.rate {
            let reached = self.spread(Round::commands_per_s).median;
            if reached >= rate * 0.98 {
                return format!("the chosen rate of {rate} commands/s");
            }
        }
        let used: Vec<Used> = self.rounds.iter().map(|round| round.used).collect();
        saturated(&used, self.server_cores).map_or_else(
            || {
                "nothing was saturated: the time of a command's way, its write to disk included"
                    .into()
            },
            str::to_owned,
        )
    }

    /// Everything, for programs.
    pub fn to_json(&self) -> Value {
        let percentile = |percent| self.spread(|round| round.percentile_ms(percent)).json();
        let cores = |of: fn(&Used) -> f64| self.spread(|round| of(&round.used)).json();
        let watched = self.watched_us();
        let mut all = json!({
            "game": self.game,
            "rooms": self.rooms,
            "rate": self.rate,
            "payload_bytes": self.payload_bytes,
            "rounds": self.rounds.len(),
            "commands_per_s": self.spread(Round::commands_per_s).json(),
            "p50_ms": percentile(50.0),
            "p90_ms": percentile(90.0),
            "p99_ms": percentile(99.0),
            "games": self.sum(|round| round.games),
            "lost": self.sum(|round| round.lost),
            "doubled": self.sum(|round| round.doubled),
            "errors": self.sum(|round| round.errors),
            "limited": self.sum(|round| round.limited),
            "server_us_per_command": self.visible(Round::server_us_per_command).map(Spread::json),
            "server_cores_used": self.visible(|round| round.used.server).map(Spread::json),
            "server_busiest_thread": self.visible(|round| round.used.server_thread).map(Spread::json),
            "load_tool_cores_used": cores(|used| used.own),
            "other_cores_used": cores(|used| used.others),
            "disk_wait_cores": cores(|used| used.disk_wait),
            "steal_cores": cores(|used| used.steal),
            "load_average": self.load_average,
            "limited_by": self.limited_by(),
            "first_errors": self.first_errors(),
            "notes": self.notes,
        });
        for (name, spread) in watched {
            all[name] = spread.json();
        }
        all
    }

    fn first_errors(&self) -> Vec<&String> {
        self.rounds
            .iter()
            .flat_map(|round| &round.first_errors)
            .take(ERRORS_SHOWN)
            .collect()
    }
}

/// How fast commands were to come.
pub(super) fn pace(rate: Option<f64>) -> String {
    rate.map_or_else(
        || "as fast as possible".to_owned(),
        |rate| format!("{rate} commands/s"),
    )
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pace = pace(self.rate);
        writeln!(
            f,
            "{} with {} rooms of 2, {pace}, {} rounds of {:.1} s",
            self.game,
            self.rooms,
            self.rounds.len(),
            self.rounds.first().map_or(0.0, |round| round.seconds),
        )?;
        writeln!(f, "{:<28}{:>12}{:>12}{:>12}", "", "median", "min", "max")?;
        row(
            f,
            "commands_per_s",
            Some(self.spread(Round::commands_per_s)),
            0,
        )?;
        for (name, percent) in [("p50_ms", 50.0), ("p90_ms", 90.0), ("p99_ms", 99.0)] {
            row(
                f,
                name,
                Some(self.spread(|round| round.percentile_ms(percent))),
                3,
            )?;
        }
        row(
            f,
            "server_us_per_command",
            self.visible(Round::server_us_per_command),
            1,
        )?;
        for (name, spread) in self.watched_us() {
            row(f, &name, Some(spread), 1)?;
        }
        row(
            f,
            "server_cores_used",
            self.visible(|round| round.used.server),
            2,
        )?;
        row(
            f,
            "load_tool_cores_used",
            Some(self.spread(|round| round.used.own)),
            2,
        )?;
        row(
            f,
            "other_cores_used",
            Some(self.spread(|round| round.used.others)),
            2,
        )?;
        row(
            f,
            "steal_cores",
            Some(self.spread(|round| round.used.steal)),
            2,
        )?;
        write!(f, "lost {}", self.sum(|round| round.lost))?;
        write!(f, "   doubled {}", self.sum(|round| round.doubled))?;
        write!(f, "   errors {}", self.sum(|round| round.errors))?;
        if self.sum(|round| round.games + round.limited) > 0 {
            write!(f, "   games {}", self.sum(|round| round.games))?;
            write!(
                f,
                "   refused by limits {}",
                self.sum(|round| round.limited)
            )?;
        }
        writeln!(f, "\nload average before: {}", self.load_average)?;
        writeln!(f, "limited by: {}", self.limited_by())?;
        for error in self.first_errors() {
            writeln!(f, "error: {error}")?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(own: f64, server: Option<f64>) -> Report {
        let mut round = Round {
            seconds: 2.0,
            ..Round::default()
        };
        (0..1_000).for_each(|_| round.completed(2_000_000));
        round.used = Used {
            own,
            server,
            ..Used::default()
        };
        Report {
            game: "relay",
            rooms: 1,
            rate: None,
            payload_bytes: Some(300),
            server_cores: server.map(|_| 1),
            load_average: "0.1 0.2".into(),
            watched: Vec::new(),
            rounds: vec![round],
            notes: Vec::new(),
        }
    }

    #[test]
    fn the_report_names_its_limit_and_what_it_cannot_see() {
        let saturated = report(0.5, Some(0.97));
        assert!(saturated.limited_by().starts_with("the server"));
        assert_eq!(
            saturated.to_json()["server_us_per_command"]["median"],
            1_940.0
        );
        let hidden = report(0.95, None);
        assert!(hidden.limited_by().starts_with("the load tool"));
        assert!(hidden.to_string().contains("not visible"));
        assert_eq!(hidden.to_json()["commands_per_s"]["median"], 500.0);
        let p99_ms = hidden.to_json()["p99_ms"]["median"].as_f64().unwrap();
        assert!((p99_ms - 2.0).abs() < 0.01, "{p99_ms}");
    }

    #[test]
    fn one_lost_delivery_makes_it_incomplete() {
        let mut report = report(0.5, None);
        assert!(report.is_complete());
        report.rounds[0].lost = 1;
        assert!(!report.is_complete());
    }
}
