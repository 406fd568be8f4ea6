//! What every load reports: medians with their bounds, the CPU that went into it, and what was the
//! limit.

use super::machine::Sample;
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};
use std::fmt;

/// What took longer counts as this.
const LATENCY_NS_MAX: u64 = 600_000_000_000;
const ERRORS_SHOWN: usize = 3;

/// No latencies yet, in nanoseconds.
pub fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3).expect("bounds and digits are valid")
}

/// A percentile in milliseconds.
pub fn percentile_ms(latency_ns: &Histogram<u64>, percent: f64) -> f64 {
    latency_ns.value_at_percentile(percent) as f64 / 1e6
}

/// Median, minimum and maximum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The middle one, or the mean of the middle two.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

impl Spread {
    /// Over the rounds; zeros where there is none.
    pub fn over(values: impl Iterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (Some(min), Some(max)) = (values.first(), values.last()) else {
            return Spread {
                median: 0.0,
                min: 0.0,
                max: 0.0,
            };
        };
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            (values[middle - 1] + values[middle]) / 2.0
        };
        Spread {
            median,
            min: *min,
            max: *max,
        }
    }

    /// Over the rounds, where it was visible in all.
    pub fn of_visible(values: impl Iterator<Item = Option<f64>>) -> Option<Spread> {
        let values: Option<Vec<f64>> = values.collect();
        values
            .filter(|values| !values.is_empty())
            .map(|values| Spread::over(values.into_iter()))
    }

    /// For programs.
    pub fn json(self) -> Value {
        let rounded = |value: f64| (value * 1_000.0).round() / 1_000.0;
        json!({ "median": rounded(self.median), "min": rounded(self.min), "max": rounded(self.max) })
    }
}

/// CPU during a round, in cores.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    /// The server; none where its process is not visible.
    pub server: Option<f64>,
    /// Its busiest thread.
    pub server_thread: Option<f64>,
    /// This tool.
    pub own: f64,
    /// Everybody else on this machine.
    pub others: f64,
    /// Idle only because of the disk.
    pub disk_wait: f64,
    /// Taken by other machines of the host.
    pub steal: f64,
}

impl Used {
    /// Between two samples, `seconds` apart.
    pub fn between(seconds: f64, before: &Sample, after: &Sample) -> Used {
        let cores = |before: f64, after: f64| ((after - before) / seconds).max(0.0);
        let both = |before: Option<f64>, after: Option<f64>| Some(cores(before?, after?));
        let server = both(before.server_s, after.server_s);
        let own = cores(before.own_s, after.own_s);
        let busy = cores(before.busy_s, after.busy_s);
        Used {
            server,
            server_thread: both(before.server_thread_s, after.server_thread_s),
            own,
            others: (busy - own - server.unwrap_or(0.0)).max(0.0),
            disk_wait: cores(before.disk_wait_s, after.disk_wait_s),
            steal: cores(before.steal_s, after.steal_s),
        }
    }
}

/// CPU seconds of each watched group between two samples.
pub fn watched_between(before: &Sample, after: &Sample) -> Vec<f64> {
    let pairs = before.watched_s.iter().zip(&after.watched_s);
    pairs
        .map(|(before, after)| (after - before).max(0.0))
        .collect()
}

/// What had no room left during most rounds; none: nothing.
pub fn saturated(rounds: &[Used], server_cores: Option<usize>) -> Option<&'static str> {
    let median = |of: fn(&Used) -> f64| Spread::over(rounds.iter().map(of)).median;
    let visible = |of: fn(&Used) -> Option<f64>| {
        Spread::of_visible(rounds.iter().map(of)).map_or(0.0, |spread| spread.median)
    };
    let cores = server_cores.unwrap_or(1) as f64;
    if median(|used| used.own) >= 0.9 {
        Some("the load tool: its one thread was busy")
    } else if visible(|used| used.server) >= 0.9 * cores {
        Some("the server: its cores were busy")
    } else if visible(|used| used.server_thread) >= 0.85 {
        Some("the server: its busiest thread was busy")
    } else if median(|used| used.disk_wait) >= 0.1 {
        Some("the disk: cores stood idle waiting for it")
    } else if median(|used| used.others) >= 0.25 {
        Some("other programs on this machine")
    } else {
        None
    }
}

/// A line of a report.
pub fn row(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    spread: Option<Spread>,
    digits: usize,
) -> fmt::Result {
    match spread {
        Some(Spread { median, min, max }) => {
            writeln!(
                f,
                "{name:<28}{median:>12.digits$}{min:>12.digits$}{max:>12.digits$}"
            )
        }
        None => writeln!(f, "{name:<28}{:>12}", "not visible"),
    }
}

/// A load's figures, for a person and as JSON.
pub struct Figures {
    /// One line that says what was done.
    pub title: String,
    /// What was asked for.
    pub options: Map<String, Value>,
    /// How often it was measured.
    pub rounds: usize,
    rows: Vec<(String, usize, Option<Spread>)>,
    counts: Vec<(&'static str, u64)>,
    /// The machine's, when it began.
    pub load_average: String,
    /// What kept it from being faster.
    pub limited_by: String,
    /// The first of what went wrong.
    pub errors: Vec<String>,
    /// What a reader must know.
    pub notes: Vec<String>,
    /// Nothing was lost or doubled, and nothing went wrong.
    pub is_complete: bool,
}

impl Figures {
    /// No figures yet.
    pub fn new(title: String, options: Value) -> Figures {
        let options = match options {
            Value::Object(options) => options,
            _ => Map::new(),
        };
        Figures {
            title,
            options,
            rounds: 0,
            rows: Vec::new(),
            counts: Vec::new(),
            load_average: String::new(),
            limited_by: String::new(),
            errors: Vec::new(),
            notes: Vec::new(),
            is_complete: true,
        }
    }

    /// Adds a figure, shown with so many digits; the unit comes last in its name.
    pub fn add(&mut self, name: &str, digits: usize, values: impl Iterator<Item = f64>) {
        let spread = Some(Spread::over(values));
        self.rows.push((name.to_owned(), digits, spread));
    }

    /// Adds a figure of the server's process, which may not be visible.
    pub fn add_visible(
        &mut self,
        name: &str,
        digits: usize,
        values: impl Iterator<Item = Option<f64>>,
    ) {
        let spread = Spread::of_visible(values);
        self.rows.push((name.to_owned(), digits, spread));
    }

    /// Adds who used how many cores.
    pub fn add_used(&mut self, used: &[Used]) {
        self.add_visible("server_cores_used", 2, used.iter().map(|used| used.server));
        let threads = used.iter().map(|used| used.server_thread);
        self.add_visible("server_busiest_thread", 2, threads);
        self.add("load_tool_cores_used", 2, used.iter().map(|used| used.own));
        self.add("other_cores_used", 2, used.iter().map(|used| used.others));
        self.add("steal_cores", 2, used.iter().map(|used| used.steal));
    }

    /// Adds a sum over all rounds; what should be 0 makes the report incomplete if it is not.
    pub fn count(&mut self, name: &'static str, count: u64, should_be_0: bool) {
        self.counts.push((name, count));
        self.is_complete &= count == 0 || !should_be_0;
    }

    /// Adds an error, if it is among the first few.
    pub fn error(&mut self, error: &str) {
        if self.errors.len() < ERRORS_SHOWN {
            self.errors.push(error.chars().take(300).collect());
        }
    }

    /// Everything, for programs.
    pub fn to_json(&self) -> Value {
        let mut all = self.options.clone();
        all.insert("rounds".into(), self.rounds.into());
        for (name, _, spread) in &self.rows {
            let spread = spread.map_or(Value::Null, Spread::json);
            all.insert(name.clone(), spread);
        }
        for (name, count) in &self.counts {
            all.insert((*name).into(), (*count).into());
        }
        all.insert("load_average".into(), self.load_average.as_str().into());
        all.insert("limited_by".into(), self.limited_by.as_str().into());
        all.insert("first_errors".into(), json!(self.errors));
        all.insert("notes".into(), json!(self.notes));
        Value::Object(all)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        writeln!(f, "{:<28}{:>12}{:>12}{:>12}", "", "median", "min", "max")?;
        for (name, digits, spread) in &self.rows {
            row(f, name, *spread, *digits)?;
        }
        let counts: Vec<String> = self
            .counts
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        if !counts.is_empty() {
            writeln!(f, "{}", counts.join("   "))?;
        }
        writeln!(f, "load average before: {}", self.load_average)?;
        writeln!(f, "limited by: {}", self.limited_by)?;
        for error in &self.errors {
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

    #[test]
    fn a_spread_is_the_median_with_its_bounds() {
        let spread = Spread::over([3.0, 1.0, 2.0].into_iter());
        assert_eq!(
            spread,
            Spread {
                median: 2.0,
                min: 1.0,
                max: 3.0
            }
        );
        assert_eq!(Spread::over([1.0, 2.0].into_iter()).median, 1.5);
        assert_eq!(Spread::over(std::iter::empty()).median, 0.0);
        assert_eq!(Spread::of_visible([Some(1.0), None].into_iter()), None);
    }

    #[test]
    fn figures_say_what_is_missing_and_what_went_wrong() {
        let mut figures = Figures::new("a load".into(), json!({ "subscribers": 7 }));
        figures.add("p99_ms", 1, [1.0, 4.0, 2.0].into_iter());
        figures.add_visible("resident_mb", 0, [None].into_iter());
        figures.count("closed", 3, false);
        assert!(figures.is_complete);
        figures.count("lost", 1, true);
        assert!(!figures.is_complete);
        let value = figures.to_json();
        assert_eq!(value["subscribers"], 7);
        assert_eq!(value["p99_ms"]["max"], 4.0);
        assert_eq!(value["resident_mb"], Value::Null);
        assert_eq!(value["lost"], 1);
        let text = figures.to_string();
        assert!(text.contains("not visible") && text.contains("closed 3   lost 1"));
    }

    #[test]
    fn what_was_saturated_is_named() {
        let used = |own, server| Used {
            own,
            server,
            ..Used::default()
        };
        let whom = |used: Used, cores| saturated(&[used], cores).unwrap_or("nothing");
        assert!(whom(used(0.95, None), None).starts_with("the load tool"));
        assert!(whom(used(0.5, Some(0.95)), Some(1)).starts_with("the server"));
        assert_eq!(whom(used(0.5, Some(0.95)), Some(2)), "nothing");
    }
}
