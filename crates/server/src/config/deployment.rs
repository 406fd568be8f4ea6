//! Where a deployment keeps its topics and its state: all in one folder, or Kafka and PostgreSQL.

use super::ConfigError;
use super::sections::Config;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::path::PathBuf;

/// Kafka's own names for these.
const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
const PREFIX_BYTES_MAX: usize = 100;
/// A bound on what one process holds for brokers that do not take it.
const BUFFER_BYTES: u64 = 32 << 20;

/// A text that is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// For whoever has to present it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> SecretText {
        SecretText(text)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SecretText, D::Error> {
        String::deserialize(deserializer).map(SecretText)
    }
}

/// The brokers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kafka {
    /// `HOST:PORT`, several separated by commas; none: everything in one folder.
    pub bootstrap_servers: Option<String>,
    /// Stands before every topic's and group's name.
    pub topic_prefix: String,
    /// Of the topics that are made; -1: the broker's default.
    pub replication_factor: i16,
    /// Bytes that wait for the brokers before commands are refused.
    pub buffer_bytes: u64,
    /// Milliseconds that a backend may be silent before others take its partitions over.
    pub session_timeout_ms: u32,
    /// Encryption.
    pub tls: KafkaTls,
    /// Who one is to the brokers.
    pub sasl: KafkaSasl,
}

/// Encryption towards the brokers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KafkaTls {
    /// Whether to encrypt.
    pub enabled: bool,
    /// Whose certificates count; none: the system's.
    pub ca: Option<PathBuf>,
    /// The own certificate.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

/// A user of the brokers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KafkaSasl {
    /// One of [`MECHANISMS`]; none: no sign-in.
    pub mechanism: Option<String>,
    /// The name.
    pub user: Option<String>,
    /// The password.
    pub password: Option<SecretText>,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
}

/// PostgreSQL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Database {
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full`.
    pub url: Option<SecretText>,
    /// Whose certificates count; none: the system's.
    pub ca: Option<PathBuf>,
    /// Connections for reads and accounts; each partition has one of its own beside these.
    pub pool_size: usize,
}

impl Default for Kafka {
    fn default() -> Kafka {
        Kafka {
            bootstrap_servers: None,
            topic_prefix: String::new(),
            replication_factor: -1,
            buffer_bytes: BUFFER_BYTES,
            session_timeout_ms: 6_000,
            tls: KafkaTls::default(),
            sasl: KafkaSasl::default(),
        }
    }
}

impl Default for Database {
    fn default() -> Database {
        Database {
            url: None,
            ca: None,
            pool_size: 8,
        }
    }
}

/// What a process is started as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// All in one.
    Serve,
    /// Sockets and pages.
    Gateway,
    /// Partitions and the HTTP API.
    Backend,
    /// Payments.
    Checkout,
}

impl Role {
    /// As it is started: `serve`, `gateway`, …
    pub fn name(self) -> &'static str {
        match self {
            Role::Serve => "serve",
            Role::Gateway => "gateway",
            Role::Backend => "backend",
            Role::Checkout => "checkout",
        }
    }
}

/// What topics and state are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One folder.
    Embedded,
    /// Kafka, and PostgreSQL for all but gateways.
    Distributed,
}

const BOTH: &str = "topics on Kafka and state in PostgreSQL belong together";

impl Config {
    /// What the role runs on, if what is set for it belongs together.
    pub fn mode(&self, role: Role) -> Result<Mode, ConfigError> {
        let missing = |key, why: &str| {
            Err(ConfigError::Missing {
                key,
                why: why.to_owned(),
            })
        };
        let (kafka, database) = (
            self.kafka.bootstrap_servers.is_some(),
            self.database.url.is_some(),
        );
        let mode = match (role, kafka, database) {
            (Role::Serve, false, false) => return Ok(Mode::Embedded),
            (Role::Checkout, true, _) => return self.mode_of_checkout(),
            (Role::Checkout, false, _) => {
                return missing(
                    "kafka.bootstrap_servers",
                    "a checkout reads and writes topics on Kafka; `serve` has one in it, without Kafka",
                );
            }
            (Role::Gateway, true, _) | (_, true, true) => Mode::Distributed,
            (Role::Gateway, false, _) => {
                return missing(
                    "kafka.bootstrap_servers",
                    "a gateway reads and writes topics on Kafka; `serve` is all in one, without Kafka",
                );
            }
            (Role::Backend, false, false) => {
                return missing(
                    "kafka.bootstrap_servers",
                    "a backend works on Kafka and PostgreSQL; `serve` is all in one, without them",
                );
            }
            (_, true, false) => return missing("database.url", BOTH),
            (_, false, true) => return missing("kafka.bootstrap_servers", BOTH),
        };
        if self.keys.is_none() {
            return missing(
                "keys",
                "all processes of a deployment share one file of keys; make one with `blazing-sun keys create FILE`",
            );
        }
        Ok(mode)
    }

    /// It has a database of its own, and no keys of players.
    fn mode_of_checkout(&self) -> Result<Mode, ConfigError> {
        match self.payments.database_url {
            Some(_) => Ok(Mode::Distributed),
            None => Err(ConfigError::Missing {
                key: "payments.database_url",
                why: "a checkout keeps payments in PostgreSQL".to_owned(),
            }),
        }
    }

    /// A key that another one needs, and why.
    pub(super) fn incomplete(&self) -> Option<(&'static str, &'static str)> {
        let (tls, sasl) = (&self.kafka.tls, &self.kafka.sasl);
        let sends_mail = self.mail.smtp_url.is_some();
        let checks = [
            (
                !sends_mail || self.mail.from.is_some(),
                "mail.from",
                "`mail.smtp_url` is set",
            ),
            (
                !sends_mail || self.server.public_url.is_some(),
                "server.public_url",
                "links in mails begin with it, and `mail.smtp_url` is set",
            ),
            (
                sends_mail || self.mail.from.is_none(),
                "mail.smtp_url",
                "`mail.from` is set",
            ),
            (
                tls.enabled || (tls.ca.is_none() && tls.cert.is_none() && tls.key.is_none()),
                "kafka.tls.enabled",
                "files for TLS are named, and it is off",
            ),
            (
                tls.cert.is_some() || tls.key.is_none(),
                "kafka.tls.cert",
                "`kafka.tls.key` is set",
            ),
            (
                tls.key.is_some() || tls.cert.is_none(),
                "kafka.tls.key",
                "`kafka.tls.cert` is set",
            ),
            (
                sasl.mechanism.is_some()
                    || (sasl.user.is_none()
                        && sasl.password.is_none()
                        && sasl.password_file.is_none()),
                "kafka.sasl.mechanism",
                "a user or a password for Kafka is set",
            ),
            (
                sasl.user.is_some() || sasl.mechanism.is_none(),
                "kafka.sasl.user",
                "`kafka.sasl.mechanism` is set",
            ),
            (
                sasl.password.is_some() || sasl.password_file.is_some() || sasl.mechanism.is_none(),
                "kafka.sasl.password_file",
                "`kafka.sasl.mechanism` is set, and there is no `kafka.sasl.password` either",
            ),
        ];
        let found = checks.into_iter().find(|(fine, ..)| !fine);
        found.map(|(_, key, why)| (key, why))
    }
}

impl Kafka {
    /// Keys with whether their values make sense.
    pub(super) fn checks(&self) -> [(bool, &'static str); 6] {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let servers = self.bootstrap_servers.as_deref();
        let sasl = &self.sasl;
        [
            (
                servers.is_none_or(|servers| servers.split(',').all(is_server)),
                "kafka.bootstrap_servers",
            ),
            (
                self.topic_prefix.len() <= PREFIX_BYTES_MAX && self.topic_prefix.bytes().all(plain),
                "kafka.topic_prefix",
            ),
            (
                self.replication_factor == -1 || (1..=100).contains(&self.replication_factor),
                "kafka.replication_factor",
            ),
            (
                (1 << 20..=1 << 30).contains(&self.buffer_bytes),
                "kafka.buffer_bytes",
            ),
            (
                (500..=60_000).contains(&self.session_timeout_ms),
                "kafka.session_timeout_ms",
            ),
            (
                sasl.mechanism
                    .as_deref()
                    .is_none_or(|mechanism| MECHANISMS.contains(&mechanism)),
                "kafka.sasl.mechanism",
            ),
        ]
    }
}

impl Database {
    /// Keys with whether their values make sense.
    pub(super) fn checks(&self) -> [(bool, &'static str); 2] {
        let is_url = |url: &SecretText| {
            let url = url.as_str();
            url.starts_with("postgres://") || url.starts_with("postgresql://")
        };
        [
            (self.url.as_ref().is_none_or(is_url), "database.url"),
            ((1..=1_000).contains(&self.pool_size), "database.pool_size"),
        ]
    }
}

fn is_server(server: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:[]".contains(&byte);
    let (host, port) = server.rsplit_once(':').unwrap_or(("", ""));
    !host.is_empty()
        && host.bytes().all(plain)
        && (!host.contains(':') || (host.starts_with('[') && host.ends_with(']')))
        && port.parse().is_ok_and(|port: u16| port > 0)
}

/// A database's address without its password.
pub(super) fn without_password(url: &str) -> String {
    const MASKED: &str = "***";
    let Some((scheme, rest)) = url.split_once("://") else {
        return MASKED.to_owned();
    };
    // Whatever stands in a password, it ends before the last @.
    let (user, address) = match rest.rsplit_once('@') {
        Some((user, address)) => (Some(user), address),
        None => (None, rest),
    };
    let user = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
        // An @ in a parameter, which may be a password's.
        Some((name, _)) if name.contains(['/', '?']) => return format!("{scheme}://{MASKED}"),
        Some((name, "")) => format!("{name}@"),
        Some((name, _)) => format!("{name}:{MASKED}@"),
        None => String::new(),
    };
    // A parameter may be a password too.
    let address = match address.split_once('?') {
        Some((address, _)) => format!("{address}?{MASKED}"),
        None => address.to_owned(),
    };
    format!("{scheme}://{user}{address}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_databases_address_is_shown_without_its_password() {
        for (url, shown) in [
            (
                "postgres://sun:pa@ss@db:5432/sun",
                "postgres://sun:***@db:5432/sun",
            ),
            ("postgres://sun@db/sun", "postgres://sun@db/sun"),
            ("postgresql://db/sun?password=x", "postgresql://db/sun?***"),
            ("postgres://a:b/c?d@e/f", "postgres://a:***@e/f"),
            ("postgres://db/sun?password=x@y", "postgres://***"),
            ("postgres:///sun?password=x:y@z", "postgres://***"),
            ("host=db password=x", "***"),
            ("", "***"),
        ] {
            assert_eq!(without_password(url), shown, "{url}");
        }
        let secret = SecretText("hidden".to_owned());
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
    }

    #[test]
    fn servers_are_hosts_with_ports() {
        for good in ["kafka:9092", "10.0.0.1:1", "[::1]:9092", "a-b.c_d:65535"] {
            assert!(is_server(good), "{good}");
        }
        for bad in [
            "",
            "kafka",
            ":9092",
            "kafka:0",
            "kafka:65536",
            "::1:9092",
            "a b:1",
            "a:b",
        ] {
            assert!(!is_server(bad), "{bad}");
        }
    }
}
