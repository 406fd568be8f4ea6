//! What corpora and fuzzers run: each function takes any bytes, and panics where something does not hold.

use crate::config::{ConfigError, Sources};
use crate::verify;
use blazing_sun_console::messages;
use blazing_sun_domain::games;
use serde_json::Value;

/// A configuration file: what is wrong names its key.
pub fn config_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let loaded = Sources::default().load_text(text);
    if let Err(error @ (ConfigError::BadValue { .. } | ConfigError::UnknownKey { .. })) = loaded {
        assert!(error.to_string().contains('`'), "{error}");
    }
}

/// Environment variables, one a line.
pub fn config_environment(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let environment = pairs.map(|(name, value)| (format!("BLAZING_SUN_{name}"), value.to_owned()));
    let sources = Sources {
        environment: environment.collect(),
        ..Sources::default()
    };
    if let Err(error) = sources.load() {
        assert!(!error.to_string().is_empty());
    }
}

/// A record as `tail` shows it: one line, no password, nothing that a terminal obeys.
pub fn shown_record(bytes: &[u8]) {
    let line = messages::line_of(bytes);
    assert!(!line.contains(['\n', '\r', '\u{1b}']), "{line:?}");
    match serde_json::from_str::<Value>(&line) {
        Ok(value) => assert!(is_masked(&value), "{line:?}"),
        Err(_) => assert!(!line.contains("password"), "{line:?}"),
    }
}

/// A transcript: each of its rooms is judged, in lines that a terminal only shows.
pub fn transcript(bytes: &[u8]) {
    let said = verify::fuzz_transcript(bytes, &games::built_in());
    let said = String::from_utf8(said).expect("sentences");
    for line in said.lines() {
        assert!(!line.contains(messages::is_obeyed), "{line:?}");
    }
}

fn is_masked(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter().all(|(name, value)| {
            let shown = name == "password" && !value.is_null() && value != "***";
            !shown && is_masked(value)
        }),
        Value::Array(values) => values.iter().all(is_masked),
        _ => true,
    }
}
