//! Figures for Prometheus. A part of the program registers its own once, and counts by the handles that it gets: that
//! allocates nothing. Labels have few values, all known beforehand; never a user's or a room's id.

use prometheus::core::Collector;
use prometheus::{HistogramOpts, Opts, Registry, TextEncoder};
use std::sync::LazyLock;

pub use prometheus::{
    Counter, Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec,
};

/// What a label has that stands for all that is not known beforehand.
pub const OTHER: &str = "other";

/// The media type of [`text`].
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4";

/// From a sixteenth of a millisecond to half a minute.
const SECONDS: [f64; 15] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
    30.0,
];
const COUNTS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::new);

fn registered<C: Collector + Clone + 'static>(made: prometheus::Result<C>) -> C {
    let collector = made.expect("a metric's name and labels are plain words");
    let added = REGISTRY.register(Box::new(collector.clone()));
    added.expect("each metric is registered once");
    collector
}

/// Counts; its name ends in `_total`.
pub fn counter(name: &str, help: &str) -> IntCounter {
    registered(IntCounter::new(name, help))
}

/// Counts in fractions.
pub fn float_counter(name: &str, help: &str) -> Counter {
    registered(Counter::new(name, help))
}

/// The same for each value of some labels.
pub fn counters(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    registered(IntCounterVec::new(Opts::new(name, help), labels))
}

/// The handles of a counter's values of one label, in their order.
pub fn each(counters: &IntCounterVec, values: &[&str]) -> Vec<IntCounter> {
    let values = values.iter();
    values
        .map(|value| counters.with_label_values(&[value]))
        .collect()
}

/// What goes up and down.
pub fn gauge(name: &str, help: &str) -> IntGauge {
    registered(IntGauge::new(name, help))
}

/// The same for each value of some labels.
pub fn gauges(name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    registered(IntGaugeVec::new(Opts::new(name, help), labels))
}

/// What goes up and down, in fractions.
pub fn float_gauge(name: &str, help: &str) -> Gauge {
    registered(Gauge::new(name, help))
}

/// How long something takes; its name ends in `_seconds`.
pub fn seconds(name: &str, help: &str) -> Histogram {
    let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
    registered(Histogram::with_opts(options))
}

/// The same for each value of some labels.
pub fn seconds_by(name: &str, help: &str, labels: &[&str]) -> HistogramVec {
    let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
    registered(HistogramVec::new(options, labels))
}

/// How many there are of something at once.
pub fn counts(name: &str, help: &str) -> Histogram {
    let options = HistogramOpts::new(name, help).buckets(COUNTS.to_vec());
    registered(Histogram::with_opts(options))
}

/// All that is registered, in Prometheus's text format.
pub fn text() -> String {
    let mut text = String::new();
    // Writing to a text fails for a metric without values alone, and such are left out when they are gathered.
    let _ = TextEncoder::new().encode_utf8(&REGISTRY.gather(), &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_stands_in_the_text() {
        let asked = counters("test_asked_total", "What was asked", &["kind"]);
        let handles = each(&asked, &["one", OTHER]);
        handles[0].inc_by(3);
        seconds("test_taken_seconds", "How long it took").observe(0.002);
        let text = text();
        for line in [
            "# TYPE test_asked_total counter",
            "test_asked_total{kind=\"one\"} 3",
            "test_asked_total{kind=\"other\"} 0",
            "test_taken_seconds_bucket{le=\"0.0025\"} 1",
            "test_taken_seconds_bucket{le=\"0.001\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
