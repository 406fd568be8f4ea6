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
    let parsed = value
        .parse::<Value>()
        .unwrap_or_else(|never| match never {});
    Some(Flag {
        source: format!("the environment variable {name}"),
        key: key.to_ascii_lowercase().replace("__", "."),
        value: parsed,
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
