//! Configuration: defaults, then a TOML file, then `BLAZING_SUN_*`, then flags. A value that cannot be
//! used is an error that names its key, says what it got and what it takes.

mod deployment;
pub(crate) mod keys;
mod payments;
mod sections;
mod sources;

pub mod in_force;

pub use deployment::{Database, Kafka, KafkaSasl, KafkaTls, Mode, Role, SecretText};
pub use keys::{KEYS, Key};
pub use payments::{PaymentProvider, Payments};
pub use sections::{
    Accounts, Bot, Chat, Config, Deposits, Format, GameSettings, Gateway, Limits, Log,
    MailSettings, Money, Rate, Rooms, Server, Telemetry,
};
pub use sources::Flag;

use figment::providers::{Format as _, Serialized, Toml};
use figment::value::Value;
use figment::{Figment, Provider};
use std::path::{Path, PathBuf};

/// Where values come from, beside the defaults.
#[derive(Debug, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// The environment; names without the prefix `BLAZING_SUN_` are ignored.
    pub environment: Vec<(String, String)>,
    /// What was given on the command line.
    pub flags: Vec<Flag>,
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there, or may not be read.
    #[error("cannot read the configuration file {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file {path} is not valid TOML: {reason}")]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// No such key.
    #[error("unknown configuration key `{key}` in {source_name}{}", suggestion(.nearest))]
    UnknownKey {
        /// As it was given.
        key: String,
        /// The file, variable or flag.
        source_name: String,
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
    /// A value that the key does not take.
    #[error("`{key}` takes {takes}, got {got} from {source_name}")]
    BadValue {
        /// The key.
        key: String,
        /// What it takes.
        takes: String,
        /// The value, in short.
        got: String,
        /// The file, variable or flag.
        source_name: String,
    },
    /// A key without which what is set makes no deployment.
    #[error("{} is missing: {why}", named(.key))]
    Missing {
        /// The key.
        key: &'static str,
        /// What needs it.
        why: String,
    },
    /// A file with a secret can not be read.
    #[error("cannot read `{key}` {}", path.display())]
    SecretFile {
        /// The key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Kinds of money that do not go together.
    #[error("{why}")]
    Payments {
        /// Which, and what to do.
        why: String,
    },
}

/// Keys whose values are shown to nobody.
const SECRETS: [&str; 7] = [
    "database.url",
    "kafka.sasl.password",
    "keys",
    "mail.smtp_url",
    "payments.database_url",
    "payments.secret_key",
    "payments.webhook_secrets",
];

/// A key, with the variable by which it is usually set.
fn named(key: &str) -> String {
    match key {
        "database.url" => format!("DATABASE_URL (`{key}`)"),
        "kafka.bootstrap_servers" => format!("KAFKA_BOOTSTRAP_SERVERS (`{key}`)"),
        "keys" => format!("BLAZING_SUN_KEYS (`{key}`)"),
        "payments.api_url" => format!("STRIPE_API_URL (`{key}`)"),
        "payments.database_url" => format!("CHECKOUT_DATABASE_URL (`{key}`)"),
        "payments.secret_key" => format!("STRIPE_SECRET_KEY (`{key}`)"),
        "payments.webhook_secrets" => format!("STRIPE_WEBHOOK_SECRET (`{key}`)"),
        "KAFKA_HOST" => key.to_owned(),
        _ => format!("`{key}`"),
    }
}

fn suggestion(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |nearest| {
        format!("; did you mean `{nearest}`?")
    })
}

impl Sources {
    /// This process's environment, a file if one is named, and flags.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<Flag>) -> Sources {
        // Variables that are not Unicode cannot be ours.
        let unicode = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Sources {
            file,
            environment: std::env::vars_os().filter_map(unicode).collect(),
            flags,
        }
    }

    /// The configuration in force.
    pub fn load(&self) -> Result<Config, ConfigError> {
        checked(&self.figment()?)
    }

    fn figment(&self) -> Result<Figment, ConfigError> {
        let mut figment = Figment::from(Serialized::defaults(Config::default()));
        if let Some(path) = &self.file {
            figment = figment.merge(toml(path)?);
        }
        self.over(figment)
    }

    /// The same with a file of this text.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn load_text(&self, text: &str) -> Result<Config, ConfigError> {
        check_toml(Path::new("file"), text)?;
        let figment = Figment::from(Serialized::defaults(Config::default()));
        checked(&self.over(figment.merge(Toml::string(text)))?)
    }

    fn over(&self, mut figment: Figment) -> Result<Figment, ConfigError> {
        for setting in sources::shared_variables(&self.environment)? {
            figment = figment.merge(setting);
        }
        for (name, value) in &self.environment {
            if let Some(setting) = sources::variable(name, value) {
                figment = figment.merge(setting);
            }
        }
        for flag in &self.flags {
            figment = figment.merge(flag);
        }
        Ok(figment)
    }

    /// The configuration of a server on a folder, whatever else is configured.
    pub fn load_for_folder(&self) -> Result<Config, ConfigError> {
        let mut config = self.load()?;
        config.check_payments(Role::Serve, Mode::Embedded)?;
        config.settle_payments(Role::Serve, Mode::Embedded);
        Ok(config)
    }

    /// The configuration of a role, and what it runs on.
    pub fn load_for(&self, role: Role) -> Result<(Config, Mode), ConfigError> {
        let mut config = self.load()?;
        let mode = config.mode(role)?;
        config.check_payments(role, mode)?;
        config.settle_payments(role, mode);
        Ok((config, mode))
    }
}

fn checked(figment: &Figment) -> Result<Config, ConfigError> {
    check_keys(figment)?;
    let config: Config = figment
        .extract()
        .map_err(|error| wrong_type(figment, &error))?;
    if let Some(key) = config.out_of_range() {
        return Err(bad_value(figment, &key));
    }
    match config.incomplete() {
        Some((key, why)) => Err(ConfigError::Missing {
            key,
            why: why.to_owned(),
        }),
        None => Ok(config),
    }
}

fn toml(path: &Path) -> Result<figment::providers::Data<Toml>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    check_toml(path, &text)?;
    Ok(Toml::file_exact(path))
}

fn check_toml(path: &Path, text: &str) -> Result<(), ConfigError> {
    match text.parse::<toml::Table>() {
        Ok(_) => Ok(()),
        Err(error) => Err(ConfigError::NotToml {
            path: path.to_owned(),
            reason: place_of(text, &error),
        }),
    }
}

/// Without the line itself, which may hold a password.
fn place_of(text: &str, error: &toml::de::Error) -> String {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("{} at line {line} column {column}", error.message())
}

fn check_keys(figment: &Figment) -> Result<(), ConfigError> {
    let profiles = figment
        .data()
        .map_err(|error| wrong_type(figment, &error))?;
    let values = profiles
        .into_values()
        .flat_map(|section| leaves(&section.into(), ""));
    let values: Vec<String> = values.collect();
    match values.into_iter().find(|key| keys::find(key).is_none()) {
        Some(key) => Err(ConfigError::UnknownKey {
            source_name: source_of(figment, &key),
            nearest: keys::nearest(&key),
            key: key.chars().take(200).collect(),
        }),
        None => Ok(()),
    }
}

fn leaves(value: &Value, path: &str) -> Vec<String> {
    match value {
        Value::Dict(_, fields) => fields
            .iter()
            .flat_map(|(name, value)| {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                leaves(value, &path)
            })
            .collect(),
        _ => vec![path.to_owned()],
    }
}

fn wrong_type(figment: &Figment, error: &figment::Error) -> ConfigError {
    let mut path = error.path.clone();
    // Inside a list the path ends in a place of the list.
    while path.len() > 1 && keys::find(&path.join(".")).is_none() {
        path.pop();
    }
    bad_value(figment, &path.join("."))
}

fn bad_value(figment: &Figment, key: &str) -> ConfigError {
    let got = figment
        .find_value(key)
        .map_or_else(|_| "nothing".to_owned(), |value| shown(&value));
    ConfigError::BadValue {
        key: key.to_owned(),
        takes: keys::find(key)
            .map_or("another value", |key| key.takes)
            .to_owned(),
        got: if SECRETS.contains(&key) {
            "a value".to_owned()
        } else {
            got
        },
        source_name: source_of(figment, key),
    }
}

fn shown(value: &Value) -> String {
    let text = serde_json::to_string(value).unwrap_or_else(|_| "a value".to_owned());
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn source_of(figment: &Figment, key: &str) -> String {
    let Some(metadata) = figment.find_metadata(key) else {
        return "the configuration".to_owned();
    };
    match &metadata.source {
        Some(figment::Source::File(path)) => path.display().to_string(),
        _ => metadata.name.to_string(),
    }
}

#[cfg(test)]
mod tests;
