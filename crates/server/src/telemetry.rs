//! What a process tells of itself: log lines on standard error, for a person on a terminal and as JSON elsewhere, and
//! traces, where a collector is configured.

mod traces;

pub use traces::{Traces, is_collector};

use crate::config::{Format, Telemetry};
use std::io::IsTerminal;
use std::sync::OnceLock;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

/// The filter of this process's log lines.
static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// Why the filter stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// It is none.
    #[error("not a filter of log lines, as `info` or `warn,blazing_sun_gateway=debug`")]
    Unreadable(#[from] ParseError),
    /// Nothing has been started here whose filter it could be.
    #[error("this process has no log lines to filter")]
    NotStarted,
}

/// Begins to log. `RUST_LOG` goes before the configured filter.
pub fn start(config: &Telemetry) {
    let (filter, handle) = reload::Layer::new(at_start(config));
    let terminal = std::io::stderr().is_terminal();
    let json = match config.format {
        Format::Auto => !terminal,
        Format::Human => false,
        Format::Json => true,
    };
    let lines = tracing_subscriber::fmt::layer()
        // It would say so on standard error, and a line that cannot be written there ends its thread.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let lines = match json {
        true => lines.json().flatten_event(true).boxed(),
        false => lines.with_ansi(terminal).boxed(),
    };
    // Started twice in one process, as tests do: the first one stays.
    if Registry::default()
        .with(lines.with_filter(filter))
        .try_init()
        .is_ok()
    {
        let _ = FILTER.set(handle);
    }
}

/// Filters log lines by this from now on, whatever was configured.
pub fn set_filter(filter: &str) -> Result<(), FilterError> {
    let filter = quiet(filter).parse::<EnvFilter>()?;
    let handle = FILTER.get().ok_or(FilterError::NotStarted)?;
    let set = handle.reload(without_secrets(filter));
    set.map_err(|_| FilterError::NotStarted)
}

/// Goes back to what was configured.
pub fn reset_filter(config: &Telemetry) -> Result<(), FilterError> {
    let handle = FILTER.get().ok_or(FilterError::NotStarted)?;
    let set = handle.reload(at_start(config));
    set.map_err(|_| FilterError::NotStarted)
}

fn at_start(config: &Telemetry) -> EnvFilter {
    let filter = std::env::var("RUST_LOG")
        .ok()
        .and_then(|filter| quiet(&filter).parse().ok());
    without_secrets(filter.unwrap_or_else(|| EnvFilter::new(quiet(&config.filter))))
}

/// Migrations say at every start that there are none, with paths of the machine that built them; a filter that
/// names `refinery` goes before this.
fn quiet(filter: &str) -> String {
    format!("refinery=warn,{filter}")
}

/// At its level DEBUG the database's client writes down what rows are written with, hashes of passwords included.
fn without_secrets(filter: EnvFilter) -> EnvFilter {
    let quiet = "tokio_postgres::query=info".parse();
    filter.add_directive(quiet.expect("a directive"))
}

/// Whether this is a filter.
pub fn is_filter(text: &str) -> bool {
    text.parse::<EnvFilter>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_none_changes_nothing() {
        for filter in ["a=b=c", "info,[", "warn,x=loud"] {
            assert!(
                matches!(set_filter(filter), Err(FilterError::Unreadable(_))),
                "{filter}"
            );
        }
    }

    #[test]
    fn no_filter_shows_what_is_written_to_the_database() {
        for filter in [
            "trace",
            "tokio_postgres=trace",
            "tokio_postgres::query=trace",
        ] {
            let filter = without_secrets(EnvFilter::new(filter)).to_string();
            let of_queries = filter
                .split(',')
                .find(|directive| directive.starts_with("tokio_postgres::query"));
            assert_eq!(of_queries, Some("tokio_postgres::query=info"), "{filter}");
        }
    }
}
