//! How a Kafka cluster is reached: addresses, names, security, bounds. [`KafkaOptions::check`] says which
//! option is wrong before anything is connected.

use super::settings;
use rdkafka::ClientConfig;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// The longest topic name that Kafka takes is 249; this leaves room for the names themselves.
const PREFIX_CHARS_MAX: usize = 120;

/// How a cluster is reached and used.
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// `host:port`, several separated by commas; the cluster's other brokers are learned from them.
    pub bootstrap_servers: String,
    /// Stands before the name of every topic and group; empty in production.
    pub topic_prefix: String,
    /// Copies of each partition of a topic that is made; -1: the broker's default.
    pub replication_factor: i16,
    /// How the brokers and this program know each other.
    pub security: KafkaSecurity,
    /// How this program is called in the brokers' logs and quotas.
    pub client_id: String,
    /// Bytes that may wait for the brokers; appends beyond are refused.
    pub buffer_bytes: usize,
    /// How long an accepted append may wait for the brokers before it is answered with an error.
    pub append_wait: Duration,
    /// How long a member of a group may be silent before its partitions are given to others. The brokers have bounds
    /// of their own for it.
    pub session: Duration,
    /// How long a question to the brokers may take: at the start, for offsets, for new topics.
    pub request_wait: Duration,
}

/// How brokers and clients know each other.
#[derive(Debug, Clone, Default)]
pub enum KafkaSecurity {
    /// In the clear, for a network that nobody else is on.
    #[default]
    Plaintext,
    /// By certificates.
    Tls(KafkaTls),
    /// By name and password.
    Sasl {
        /// How the password is shown.
        mechanism: SaslMechanism,
        /// The name.
        user: String,
        /// The password.
        password: Password,
        /// None: in the clear.
        tls: Option<KafkaTls>,
    },
}

/// Certificates, as paths of PEM files.
#[derive(Debug, Clone, Default)]
pub struct KafkaTls {
    /// Who the brokers' certificates must be signed by; none: whom the system trusts.
    pub ca: Option<PathBuf>,
    /// This program's certificate, where the brokers ask for one.
    pub cert: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
}

/// How a password is shown to a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslMechanism {
    /// As it is: only behind TLS.
    Plain,
    /// By a challenge, over SHA-256.
    ScramSha256,
    /// By a challenge, over SHA-512.
    ScramSha512,
}

impl SaslMechanism {
    /// Every mechanism.
    pub const ALL: [SaslMechanism; 3] = [
        SaslMechanism::Plain,
        SaslMechanism::ScramSha256,
        SaslMechanism::ScramSha512,
    ];

    /// Its registered name.
    pub const fn name(self) -> &'static str {
        match self {
            SaslMechanism::Plain => "PLAIN",
            SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
            SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

impl std::str::FromStr for SaslMechanism {
    type Err = KafkaOptionError;

    fn from_str(name: &str) -> Result<SaslMechanism, KafkaOptionError> {
        let mut all = SaslMechanism::ALL.into_iter();
        all.find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                let reason = format!("`{name}` is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512");
                KafkaOptionError::new("security.mechanism", reason)
            })
    }
}

/// A password: never shown, and wiped from memory.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(password: String) -> Password {
        Password(Zeroizing::new(password))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An option that can not be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("kafka option `{option}`: {reason}")]
pub struct KafkaOptionError {
    /// Which one, as it is called in [`KafkaOptions`].
    pub option: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl KafkaOptionError {
    pub(super) fn new(option: &'static str, reason: impl Into<String>) -> KafkaOptionError {
        KafkaOptionError {
            option,
            reason: reason.into(),
        }
    }
}

impl KafkaOptions {
    /// The defaults, for the cluster at these addresses.
    pub fn new(bootstrap_servers: impl Into<String>) -> KafkaOptions {
        KafkaOptions {
            bootstrap_servers: bootstrap_servers.into(),
            topic_prefix: String::new(),
            replication_factor: -1,
            security: KafkaSecurity::Plaintext,
            client_id: "blazing-sun".into(),
            buffer_bytes: 32 << 20,
            session: Duration::from_secs(6),
            append_wait: Duration::from_secs(10),
            request_wait: Duration::from_secs(10),
        }
    }

    /// What every client of the cluster is set up with; [`settings`] has the rest by kind of client.
    pub fn client_config(&self) -> ClientConfig {
        settings::client(self)
    }

    /// The name on the brokers of a topic or group.
    pub fn full_name(&self, name: &str) -> String {
        format!("{}{name}", self.topic_prefix)
    }

    /// The topic to ask for where any answer will do: brokers that hold thousands of others' topics work long on one that
    /// lists them all.
    pub(super) fn probed(&self) -> String {
        self.full_name(crate::topics::GAMES_EVENTS)
    }

    /// Finds what can be known to be wrong without asking a broker.
    pub fn check(&self) -> Result<(), KafkaOptionError> {
        check_addresses(&self.bootstrap_servers)?;
        let is_legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if self.topic_prefix.len() > PREFIX_CHARS_MAX || !self.topic_prefix.chars().all(is_legal) {
            let reason = format!(
                "`{}` is not up to {PREFIX_CHARS_MAX} letters, digits, `.`, `_`, `-`",
                self.topic_prefix
            );
            return Err(KafkaOptionError::new("topic_prefix", reason));
        }
        if self.replication_factor != -1 && self.replication_factor < 1 {
            let reason = format!(
                "{} is neither 1 or more nor -1 (the broker's default)",
                self.replication_factor
            );
            return Err(KafkaOptionError::new("replication_factor", reason));
        }
        for (option, text) in [("client_id", &self.client_id)] {
            if text.is_empty() || text.contains('\0') {
                return Err(KafkaOptionError::new(option, "it is empty or has a NUL"));
            }
        }
        if self.buffer_bytes == 0 {
            return Err(KafkaOptionError::new(
                "buffer_bytes",
                "0 would take nothing",
            ));
        }
        for (option, wait) in [
            ("append_wait", self.append_wait),
            ("session", self.session),
            ("request_wait", self.request_wait),
        ] {
            if wait.is_zero() || wait > Duration::from_secs(300) {
                let reason = format!("{wait:?} is not above 0 and up to 300 s");
                return Err(KafkaOptionError::new(option, reason));
            }
        }
        self.security.check()
    }
}

fn check_addresses(servers: &str) -> Result<(), KafkaOptionError> {
    for address in servers.split(',').map(str::trim) {
        let is_right = address.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && port.parse().is_ok_and(|port: u16| port > 0)
        });
        if !is_right || address.contains(char::is_whitespace) || address.contains('\0') {
            let reason = format!("`{address}` is not `host:port`");
            return Err(KafkaOptionError::new("bootstrap_servers", reason));
        }
    }
    Ok(())
}

impl KafkaSecurity {
    /// The certificates, where TLS is spoken.
    pub fn tls(&self) -> Option<&KafkaTls> {
        match self {
            KafkaSecurity::Plaintext => None,
            KafkaSecurity::Tls(tls) => Some(tls),
            KafkaSecurity::Sasl { tls, .. } => tls.as_ref(),
        }
    }

    fn check(&self) -> Result<(), KafkaOptionError> {
        if let Some(tls) = self.tls() {
            tls.check()?;
        }
        if let KafkaSecurity::Sasl { user, password, .. } = self {
            for (option, text) in [
                ("security.user", user.as_str()),
                ("security.password", password.reveal()),
            ] {
                if text.is_empty() || text.contains('\0') {
                    return Err(KafkaOptionError::new(option, "it is empty or has a NUL"));
                }
            }
        }
        Ok(())
    }
}

impl KafkaTls {
    fn check(&self) -> Result<(), KafkaOptionError> {
        for (option, path) in [
            ("security.ca", &self.ca),
            ("security.cert", &self.cert),
            ("security.key", &self.key),
        ] {
            if let Some(path) = path {
                check_pem(option, path)?;
            }
        }
        match (&self.cert, &self.key) {
            (Some(_), None) => Err(KafkaOptionError::new(
                "security.key",
                "a certificate needs its private key",
            )),
            (None, Some(_)) => Err(KafkaOptionError::new(
                "security.cert",
                "a private key needs its certificate",
            )),
            _ => Ok(()),
        }
    }
}

/// The file can be read and holds PEM. What it holds is never told.
fn check_pem(option: &'static str, path: &Path) -> Result<(), KafkaOptionError> {
    let at = path.display();
    let text = std::fs::read(path)
        .map(Zeroizing::new)
        .map_err(|error| KafkaOptionError::new(option, format!("`{at}`: {error}")))?;
    match path.to_str() {
        Some(_) if text.windows(11).any(|bytes| bytes == b"-----BEGIN ") => Ok(()),
        Some(_) => Err(KafkaOptionError::new(
            option,
            format!("`{at}` is not a PEM file"),
        )),
        None => Err(KafkaOptionError::new(
            option,
            format!("`{at}` is not UTF-8"),
        )),
    }
}

#[cfg(test)]
impl KafkaOptions {
    /// The same, where nobody listens.
    pub(super) fn of_nobody(&self) -> KafkaOptions {
        KafkaOptions {
            bootstrap_servers: "127.0.0.1:1".to_owned(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(change: impl FnOnce(&mut KafkaOptions)) -> String {
        let mut options = KafkaOptions::new("localhost:9092");
        change(&mut options);
        options.check().expect_err("it is wrong").to_string()
    }

    #[test]
    fn names_the_option_that_is_wrong() {
        let folder = tempfile::tempdir().expect("a folder");
        let not_pem = folder.path().join("ca.pem");
        std::fs::write(&not_pem, "secret text").expect("a file");
        for servers in [
            "",
            "localhost",
            "localhost:",
            ":9092",
            "a:9092,",
            "a:70000",
            "a:0",
            "a b:1",
        ] {
            let error = wrong(|options| options.bootstrap_servers = servers.into());
            assert!(error.contains("`bootstrap_servers`"), "{error}");
        }
        for (option, error) in [
            ("topic_prefix", wrong(|o| o.topic_prefix = "a b".into())),
            ("replication_factor", wrong(|o| o.replication_factor = 0)),
            ("client_id", wrong(|o| o.client_id.clear())),
            ("buffer_bytes", wrong(|o| o.buffer_bytes = 0)),
            ("append_wait", wrong(|o| o.append_wait = Duration::ZERO)),
            (
                "security.ca",
                wrong(|o| {
                    o.security = KafkaSecurity::Tls(KafkaTls {
                        ca: Some("/no/such/file".into()),
                        ..KafkaTls::default()
                    });
                }),
            ),
            (
                "security.cert",
                wrong(|o| {
                    o.security = KafkaSecurity::Tls(KafkaTls {
                        cert: Some(not_pem.clone()),
                        ..KafkaTls::default()
                    });
                }),
            ),
            (
                "security.user",
                wrong(|o| {
                    o.security = KafkaSecurity::Sasl {
                        mechanism: SaslMechanism::Plain,
                        user: String::new(),
                        password: Password::from("p".to_owned()),
                        tls: None,
                    };
                }),
            ),
        ] {
            assert!(error.contains(&format!("`{option}`")), "{error}");
            assert!(!error.contains("secret text"), "{error}");
        }
        let mechanism = "GSSAPI".parse::<SaslMechanism>().expect_err("not built in");
        assert!(mechanism.to_string().contains("`security.mechanism`"));
        assert_eq!("scram-sha-512".parse(), Ok(SaslMechanism::ScramSha512));
        assert_eq!(KafkaOptions::new("a:1, [::1]:9092").check(), Ok(()));
    }

    #[test]
    fn shows_no_password() {
        let mut options = KafkaOptions::new("localhost:9092");
        options.security = KafkaSecurity::Sasl {
            mechanism: SaslMechanism::Plain,
            user: "gateway".into(),
            password: Password::from("hunter2".to_owned()),
            tls: None,
        };
        let shown = format!("{options:?} {:?}", options.client_config());
        assert!(
            shown.contains("gateway") && !shown.contains("hunter2"),
            "{shown}"
        );
        assert_eq!(
            options.client_config().get("sasl.password"),
            Some("hunter2")
        );
    }
}
