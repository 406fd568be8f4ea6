//! Environment variables and flags as figment's providers, each under its own name so that an error
//! can say where a value came from.

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

const PREFIX: &str = "BLAZING_SUN_";
/// Read by scripts of the repository and by the command line, not part of the configuration.
const NOT_KEYS: &[&str] = &[
    "BIN",
    "CONFIG",
    "TOOLS",
    #[cfg(feature = "failpoints")]
    "FAILPOINT",
    #[cfg(feature = "failpoints")]
    "FAULT",
    #[cfg(feature = "failpoints")]
    "POISON",
];

/// How deep keys and values may be.
const DEPTH_MAX: usize = 8;

/// A value with its key and where it was given.
#[derive(Debug, Clone)]
pub struct Flag {
    source: String,
    key: String,
    value: Value,
}

impl Flag {
    /// A flag's value for a key.
    pub fn new(flag: &str, key: &str, value: impl Into<String>) -> Flag {
        let value: String = value.into();
        Flag {
            source: flag.to_owned(),
            key: key.to_owned(),
            value: Value::from(value),
        }
    }
}

/// The setting of an environment variable, if it is one of ours: `BLAZING_SUN_LOG__PARTITIONS` is
/// `log.partitions`.
pub fn variable(name: &str, value: &str) -> Option<Flag> {
    let key = name
        .strip_prefix(PREFIX)
        .filter(|rest| !NOT_KEYS.contains(rest) && !rest.is_empty())?;
    // Numbers, booleans and lists are written as in TOML; whatever is none of these is a string.
    let parsed = match is_too_deep(value) {
        false => value
            .parse::<Value>()
            .unwrap_or_else(|never| match never {}),
        true => Value::from(value.to_owned()),
    };
    let shown: String = name.chars().take(200).collect();
    Some(Flag {
        source: format!("the environment variable {shown}"),
        key: key.to_ascii_lowercase().replacen("__", ".", DEPTH_MAX),
        value: parsed,
    })
}

/// Whether brackets stand deeper in each other than any key's value needs: the parser calls itself for each.
fn is_too_deep(value: &str) -> bool {
    let mut depth = 0_usize;
    value.bytes().any(|byte| {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > DEPTH_MAX
    })
}

impl Provider for Flag {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let nested = figment::util::nest(&self.key, self.value.clone());
        let dict = nested.into_dict().unwrap_or_default();
        Ok(Profile::Default.collect(dict))
    }
}
