//! Log lines on standard error: for a person on a terminal, JSON elsewhere.

use crate::config::{Format, Telemetry};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Begins to log. `RUST_LOG` goes before the configured filter.
pub fn start(config: &Telemetry) {
    let filter = std::env::var("RUST_LOG")
        .ok()
        .and_then(|filter| quiet(&filter).parse().ok());
    let filter: EnvFilter = filter.unwrap_or_else(|| EnvFilter::new(quiet(&config.filter)));
    let filter = without_secrets(filter);
    let terminal = std::io::stderr().is_terminal();
    let json = match config.format {
        Format::Auto => !terminal,
        Format::Human => false,
        Format::Json => true,
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // It would say so on standard error, and a line that cannot be written there ends its thread.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    // Started twice in one process, as tests do: the first one stays.
    let _ = if json {
        lines.json().flatten_event(true).try_init()
    } else {
        lines.with_ansi(terminal).try_init()
    };
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
