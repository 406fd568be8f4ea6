//! Environment variables and flags as figment's providers, each under its own name so that an error
//! can say where a value came from.

use super::ConfigError;
use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

const PREFIX: &str = "BLAZING_SUN_";
const SERVERS: &str = "kafka.bootstrap_servers";
/// Where none is given.
const KAFKA_PORT: &str = "9092";
/// Read by scripts of the repository and by the command line, not part of the configuration.
const NOT_KEYS: &[&str] = &[
    "BIN",
    "CONFIG",
    "TEST_DATABASE_URL",
    "TEST_KAFKA",
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

/// Keys whose values are texts, whatever they look like.
const TEXTS: [&str; 13] = [
    "database.url",
    "gateway.id",
    "kafka.bootstrap_servers",
    "kafka.sasl.mechanism",
    "kafka.sasl.password",
    "kafka.sasl.user",
    "kafka.topic_prefix",
    "money",
    "payments.database_url",
    "payments.product_name",
    "payments.secret_key",
    "payments.test_bank_url",
    "payments.webhook_secrets",
];

/// Whether the key takes any text, however it looks.
pub fn is_text(key: &str) -> bool {
    TEXTS.contains(&key)
}

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
    let key = key.to_ascii_lowercase().replacen("__", ".", DEPTH_MAX);
    // Numbers, booleans and lists are written as in TOML; whatever is none of these is a string.
    let parsed = match is_too_deep(value) || is_text(&key) {
        false => value
            .parse::<Value>()
            .unwrap_or_else(|never| match never {}),
        true => Value::from(value.to_owned()),
    };
    let shown: String = name.chars().take(200).collect();
    Some(Flag {
        source: of_variable(&shown),
        key,
        value: parsed,
    })
}

fn of_variable(name: &str) -> String {
    format!("the environment variable {name}")
}

/// The variables that every program of a deployment knows by these names; one that is empty is not set. A port
/// without a host is no place.
pub fn shared_variables(environment: &[(String, String)]) -> Result<Vec<Flag>, ConfigError> {
    let value_of = |name: &str| {
        let of_name = environment.iter().find(|(found, _)| found == name);
        of_name
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    };
    let text = |name: &str, key: &str, value: &str| Flag::new(&of_variable(name), key, value);
    let mut flags = Vec::new();
    let (host, port) = (value_of("KAFKA_HOST"), value_of("KAFKA_PORT"));
    if let Some(servers) = value_of("KAFKA_BOOTSTRAP_SERVERS") {
        flags.push(text("KAFKA_BOOTSTRAP_SERVERS", SERVERS, servers));
    } else if let Some(host) = host {
        let host = match host.contains(':') && !host.starts_with('[') {
            true => format!("[{host}]"),
            false => host.to_owned(),
        };
        let server = format!("{host}:{}", port.unwrap_or(KAFKA_PORT));
        flags.push(text("KAFKA_HOST", SERVERS, &server));
    } else if port.is_some() {
        return Err(ConfigError::Missing {
            key: "KAFKA_HOST",
            why: "KAFKA_PORT is set".to_owned(),
        });
    }
    for (name, key) in [
        ("DATABASE_URL", "database.url"),
        ("CHECKOUT_DATABASE_URL", "payments.database_url"),
        ("STRIPE_SECRET_KEY", "payments.secret_key"),
        ("STRIPE_WEBHOOK_SECRET", "payments.webhook_secrets"),
        ("STRIPE_API_URL", "payments.api_url"),
    ] {
        if let Some(value) = value_of(name) {
            flags.push(text(name, key, value));
        }
    }
    flags.extend(of_open_telemetry(value_of));
    Ok(flags)
}

/// What the variables of OpenTelemetry's specification say that is ours to decide; its library reads the others.
fn of_open_telemetry<'a>(value_of: impl Fn(&str) -> Option<&'a str>) -> Vec<Flag> {
    let is_off = value_of("OTEL_SDK_DISABLED") == Some("true")
        || value_of("OTEL_TRACES_EXPORTER") == Some("none");
    let mut flags = Vec::new();
    if let Some(endpoint) = value_of("OTEL_EXPORTER_OTLP_ENDPOINT").filter(|_| !is_off) {
        let source = of_variable("OTEL_EXPORTER_OTLP_ENDPOINT");
        flags.push(Flag::new(&source, "telemetry.otlp_endpoint", endpoint));
    }
    if let Some(ratio) = value_of("OTEL_TRACES_SAMPLER_ARG") {
        let value = ratio
            .parse::<Value>()
            .unwrap_or_else(|never| match never {});
        flags.push(Flag {
            source: of_variable("OTEL_TRACES_SAMPLER_ARG"),
            key: "telemetry.trace_ratio".to_owned(),
            value,
        });
    }
    flags
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
