//! How the database is reached: its URL, TLS, and what every session asks of the server.

use super::PgFailure;
use super::tls::{self, TlsMode};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Connections that the HTTP API and reads have at most, where nothing else is said.
const POOL_SIZE: usize = 8;

/// How long a connection of a pool is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What sessions ask of the server. Whoever stops in the middle of a transaction holds locks for so long at
/// most; what was acknowledged has to be on the disk.
const SESSION: &str = "-c idle_in_transaction_session_timeout=3000 -c lock_timeout=10000 \
     -c statement_timeout=20000 -c synchronous_commit=on -c client_min_messages=warning";

/// How the database is reached. The password is in neither its text nor its errors.
#[derive(Clone)]
pub struct PgOptions {
    config: Config,
    mode: TlsMode,
    connector: MakeRustlsConnect,
    pool_size: usize,
}

/// Why a database's URL is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PgOptionsError {
    /// Another scheme, or none.
    #[error("the database's URL must begin with `postgres://` or `postgresql://`")]
    Scheme,
    /// It can not be read. It may hold a password, so that it is not repeated.
    #[error(
        "the database's URL can not be read; it has the form \
         `postgres://user:password@host:port/database?sslmode=require`, with special characters of the \
         password percent-encoded"
    )]
    Malformed,
    /// No server is named.
    #[error("the database's URL names no host")]
    NoHost,
    /// An unknown `sslmode`.
    #[error("`sslmode` is `{found}`, it takes disable, prefer, require or verify-full")]
    Mode {
        /// As given.
        found: String,
    },
    /// An option that is not known here.
    #[error("the database's URL has the option `{option}`, which is not supported")]
    Option {
        /// Its name.
        option: String,
    },
    /// Certificates that a server is held to can not be read.
    #[error("the certificates to trust can not be read from {place}: {reason}")]
    Certificates {
        /// The file, or the system.
        place: String,
        /// Why not.
        reason: String,
    },
}

impl PgOptions {
    /// From a URL: `postgres://user:password@host:port/database`, with `sslmode` (disable, prefer, require,
    /// verify-full), `sslrootcert` and the other options of libpq that concern the way to the server.
    pub fn parse(url: &str) -> Result<PgOptions, PgOptionsError> {
        let is_url = ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| url.starts_with(scheme));
        if !is_url {
            return Err(PgOptionsError::Scheme);
        }
        let (mut kept, query) = match url.split_once('?') {
            Some((base, query)) => (base.to_owned(), query),
            None => (url.to_owned(), ""),
        };
        let (mut mode, mut roots, mut separator) = (TlsMode::Prefer, None, '?');
        for option in query.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("sslmode", found)) => {
                    mode = TlsMode::parse(found).ok_or_else(|| PgOptionsError::Mode {
                        found: found.to_owned(),
                    })?;
                }
                Some(("sslrootcert", path)) => roots = Some(decoded(path)?),
                Some((name, _)) if OPTIONS.contains(&name) => {
                    kept.push(separator);
                    kept.push_str(option);
                    separator = '&';
                }
                Some((name, _)) if OTHERS.contains(&name) => {
                    let option = name.to_owned();
                    return Err(PgOptionsError::Option { option });
                }
                _ => return Err(PgOptionsError::Malformed),
            }
        }
        let mut config: Config = kept.parse().map_err(|_| PgOptionsError::Malformed)?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(PgOptionsError::NoHost);
        }
        let asked = config.get_options().unwrap_or_default();
        let options = format!("{asked} {SESSION}");
        config.options(options.trim_start());
        if config.get_application_name().is_none() {
            config.application_name("blazing-sun");
        }
        config.ssl_mode(mode.of_the_client());
        bound_waiting(&mut config);
        Ok(PgOptions {
            config,
            mode,
            connector: tls::connector(mode, roots.as_deref())?,
            pool_size: POOL_SIZE,
        })
    }

    /// With the certificates in this file as the only ones that a server is held to.
    pub fn trusting(mut self, roots: &Path) -> Result<PgOptions, PgOptionsError> {
        self.connector = tls::connector(self.mode, Some(roots))?;
        Ok(self)
    }

    /// With so many connections at most for the HTTP API and reads.
    pub fn pool_size(mut self, pool_size: usize) -> PgOptions {
        self.pool_size = pool_size.max(1);
        self
    }

    /// What a session begins with that has another name in the server's own tables, and with more to ask of it.
    pub fn session(&self, name: &str, more: &str) -> Config {
        let mut config = self.config.clone();
        let options = config.get_options().unwrap_or_default();
        let options = format!("{options} {more}");
        config.options(options.trim_end()).application_name(name);
        config
    }

    /// What every session begins with.
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    /// A pool of connections that begin with this. None is made before one is asked for.
    pub fn pool(&self, config: Config) -> Result<Pool, PgFailure> {
        let manager = Manager::from_config(
            config,
            self.connector(),
            ManagerConfig {
                // After a restart of the server no request fails of a connection that was lost before.
                recycling_method: RecyclingMethod::Verified,
            },
        );
        Pool::builder(manager)
            .max_size(self.pool_size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .recycle_timeout(Some(PATIENCE))
            .build()
            .map_err(PgFailure::other)
    }

    /// What makes its connections.
    pub fn connector(&self) -> MakeRustlsConnect {
        self.connector.clone()
    }
}

impl fmt::Display for PgOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, host) in self.config.get_hosts().iter().enumerate() {
            let ports = self.config.get_ports();
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
            f.write_str(if at == 0 { "" } else { "," })?;
            match host {
                Host::Tcp(name) => write!(f, "{name}:{port}")?,
                Host::Unix(path) => write!(f, "{}:{port}", path.display())?,
            }
        }
        let user = self.config.get_user().unwrap_or_default();
        write!(f, "/{}", self.config.get_dbname().unwrap_or(user))
    }
}

impl fmt::Debug for PgOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PgOptions({self}, {:?})", self.mode)
    }
}

/// A server that is gone without a word is noticed within seconds.
fn bound_waiting(config: &mut Config) {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(5));
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(Duration::from_secs(10));
    }
    config
        .keepalives_idle(Duration::from_secs(5))
        .keepalives_interval(Duration::from_secs(2))
        .keepalives_retries(3);
}

/// Options of the URL that are the client library's.
const OPTIONS: [&str; 10] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "host",
    "hostaddr",
    "load_balance_hosts",
    "options",
    "port",
    "target_session_attrs",
    "tcp_user_timeout",
];

/// Other options of libpq. What is none of them may be a part of a password, and is not repeated.
const OTHERS: [&str; 18] = [
    "client_encoding",
    "dbname",
    "gssencmode",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "krbsrvname",
    "passfile",
    "password",
    "require_auth",
    "service",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslnegotiation",
    "sslpassword",
    "user",
];

fn decoded(text: &str) -> Result<PathBuf, PgOptionsError> {
    let path = percent_encoding::percent_decode_str(text).decode_utf8();
    let path = path.map_err(|_| PgOptionsError::Malformed)?;
    Ok(PathBuf::from(path.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        PgOptions::parse(url).unwrap_err().to_string()
    }

    #[test]
    fn a_password_is_never_shown() {
        let url =
            "postgres://ann:s3cret@db.example:6432,other/games?sslmode=require&application_name=x";
        let options = PgOptions::parse(url).unwrap();
        assert_eq!(options.to_string(), "db.example:6432,other:5432/games");
        let debug = format!("{options:?}");
        assert_eq!(
            debug,
            "PgOptions(db.example:6432,other:5432/games, Require)"
        );
        for url in [
            "postgres://ann:s3cret@host:port/games",
            "postgres://ann:s3cret@/?host=&s3cret",
            "postgres://ann:s3cret?s3cret/@host/games",
            "postgres://ann:pw?x=s3cret/@host/games",
            "postgres://ann:pw?s3cret=x/@host/games",
            "host=h password=s3cret",
        ] {
            let error = refused(url);
            assert!(!error.contains("s3cret"), "{url}: {error}");
        }
    }

    #[test]
    fn what_can_not_be_done_is_said() {
        let of = |rest: &str| refused(&format!("postgres://host/{rest}"));
        let modes = "it takes disable, prefer, require or verify-full";
        assert_eq!(
            of("?sslmode=allow"),
            format!("`sslmode` is `allow`, {modes}")
        );
        assert!(of("?sslcert=x").contains("`sslcert`, which is not supported"));
        assert!(of("?sslmode=verify-full&sslrootcert=/no/such%20file").contains("/no/such file"));
        assert!(refused("mysql://host/db").contains("must begin with `postgres://`"));
        assert!(refused("postgres:///db").contains("no host"));
    }

    #[test]
    fn sessions_are_bounded_and_durable_whatever_the_url_asks() {
        let url = "postgres://host/db?options=-c%20synchronous_commit%3Doff";
        let config = PgOptions::parse(url).unwrap().session("p", "-c x=1");
        let options = config.get_options().unwrap();
        let (asked, ours) = options.split_once(" -c idle_in_transaction").unwrap();
        assert_eq!(asked, "-c synchronous_commit=off");
        assert!(
            ours.contains("synchronous_commit=on") && ours.ends_with("-c x=1"),
            "{options}"
        );
        assert_eq!(config.get_application_name(), Some("p"));
    }
}
