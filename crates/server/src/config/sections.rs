//! One small struct a concern. What each key means stands in the table of keys.

use super::deployment::{Database, Kafka};
use super::payments::Payments;
use blazing_sun_gateway::Network;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Config {
    /// The keys file; none: `keys` in the data directory.
    pub keys: Option<PathBuf>,
    /// What the deployment's one money is.
    pub money: Money,
    /// What may be paid in.
    pub deposits: Deposits,
    /// How it is paid in.
    pub payments: Payments,
    /// The brokers.
    pub kafka: Kafka,
    /// PostgreSQL.
    pub database: Database,
    /// Where it listens and keeps its data.
    pub server: Server,
    /// The WebSocket edge.
    pub gateway: Gateway,
    /// Who may sign in.
    pub accounts: Accounts,
    /// How mail is sent.
    pub mail: MailSettings,
    /// Every room.
    pub rooms: Rooms,
    /// What users may write.
    pub chat: Chat,
    /// The house's bot.
    pub bot: Bot,
    /// Money of each game, by its name.
    pub games: BTreeMap<String, GameSettings>,
    /// The event log.
    pub log: Log,
    /// What it says of itself.
    pub telemetry: Telemetry,
}

/// Where it listens and keeps its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Server {
    /// The address of the pages, the HTTP API and the socket.
    pub listen: SocketAddr,
    /// The folder with the database and the keys.
    pub data_dir: PathBuf,
    /// What links in mails begin with; none: the address, on loopback.
    pub public_url: Option<String>,
    /// Seconds in which a request's head has to come.
    pub request_head_within_s: u32,
    /// Open HTTP connections.
    pub connections_max: usize,
    /// Open HTTP connections from one address.
    pub connections_per_address_max: usize,
}

/// The WebSocket edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gateway {
    /// Its name in presence records; none: one of its own at each start.
    pub id: Option<String>,
    /// Origins whose pages may connect.
    pub allowed_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<String>,
    /// Seconds from connecting to signing in.
    pub authenticate_within_s: u32,
    /// Seconds of silence after which a socket is closed.
    pub silence_max_s: u32,
    /// What one client may take.
    pub limits: Limits,
}

/// What one client may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Bytes of a message.
    pub message_bytes_max: usize,
    /// Bytes that may wait for one socket.
    pub behind_bytes_max: usize,
    /// Sockets from one address.
    pub connections_per_address_max: u32,
    /// Messages of one connection.
    pub connection: Rate,
    /// Messages of one user.
    pub user: Rate,
    /// Messages from one address.
    pub address: Rate,
}

/// So many a second in the long run, so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// In the long run.
    pub per_second: u32,
    /// After a rest.
    pub burst: u32,
}

/// Who may sign in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Accounts {
    /// Whether one can play without an account; none: for demo money.
    pub allow_guests: Option<bool>,
    /// New guests from one address in an hour.
    pub guests_per_hour: NonZeroU32,
    /// After how many days without a visit a guest's account is closed.
    pub guests_idle_days: u32,
    /// Registrations and sign-ins from one address in a quarter of an hour.
    pub attempts_per_quarter_hour: NonZeroU32,
    /// How long an access token lives.
    pub access_token_minutes: u32,
}

/// How mail is sent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MailSettings {
    /// The SMTP server, with the password.
    pub smtp_url: Option<String>,
    /// Whom mail is from.
    pub from: Option<String>,
}

/// Every room, from its opening on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rooms {
    /// People who watch one room.
    pub spectators_max: u32,
    /// Seconds that a room goes on without players, as long as somebody watches it.
    pub abandoned_after_s: u32,
}

/// What users may write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Chat {
    /// Characters of a message.
    pub message_chars_max: usize,
    /// Messages of one user.
    pub messages: Rate,
    /// How often one is told to be typing.
    pub typing: Rate,
    /// How long direct and lobby messages are kept.
    pub kept_days: u32,
}

/// What the deployment's one money is: `demo`, or a currency of real money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(pub String);

impl Money {
    const DEMO: &str = "demo";
    /// What demo money is counted in.
    const DEMO_CURRENCY: &str = "eur";

    /// Whether it is real.
    pub fn is_real(&self) -> bool {
        self.0 != Money::DEMO
    }

    /// Its currency, lower case.
    pub fn currency(&self) -> &str {
        match self.is_real() {
            true => &self.0,
            false => Money::DEMO_CURRENCY,
        }
    }

    fn is_known(&self) -> bool {
        !self.is_real() || self.0.len() == 3 && self.0.bytes().all(|byte| byte.is_ascii_lowercase())
    }
}

impl Default for Money {
    fn default() -> Money {
        Money(Money::DEMO.to_owned())
    }
}

/// What players may pay in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deposits {
    /// Whether there is a checkout that takes payments; none: where there is a provider.
    pub enabled: Option<bool>,
    /// The least at once.
    pub min_cents: i64,
    /// The most at once.
    pub max_cents: i64,
    /// The most of one player in 24 hours.
    pub day_cents: Option<i64>,
    /// The most in 7 days.
    pub week_cents: Option<i64>,
    /// The most in 30 days.
    pub month_cents: Option<i64>,
}

impl Deposits {
    fn checks(&self) -> [(bool, &'static str); 5] {
        let fits =
            |limit: Option<i64>| limit.is_none_or(|limit| (0..=DEPOSIT_MAX).contains(&limit));
        [
            (
                (1..=DEPOSIT_MAX).contains(&self.min_cents),
                "deposits.min_cents",
            ),
            (
                (self.min_cents..=DEPOSIT_MAX).contains(&self.max_cents),
                "deposits.max_cents",
            ),
            (fits(self.day_cents), "deposits.day_cents"),
            (fits(self.week_cents), "deposits.week_cents"),
            (fits(self.month_cents), "deposits.month_cents"),
        ]
    }
}

/// The highest limit of a deposit, in cents.
const DEPOSIT_MAX: i64 = 100_000_000;

/// The house's bot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bot {
    /// Whether it plays.
    pub enabled: bool,
    /// How long somebody waits alone in an open room before it comes by itself.
    pub joins_after_ms: u32,
    /// How long it takes for a move.
    pub move_after_ms: u32,
    /// Rooms that it is in at once.
    pub rooms_max: u32,
    /// The gateway through which a backend's bot plays; none: only `serve` has a bot.
    pub gateway: Option<SocketAddr>,
}

/// A game's money.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GameSettings {
    /// What a seat costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_fee_cents: Option<i64>,
    /// The winner's share of the pot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prize_percent: Option<u8>,
}

/// The event log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Log {
    /// Of every topic.
    pub partitions: u32,
    /// How long records are kept.
    pub retention_days: u32,
}

/// What it says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Telemetry {
    /// Which log lines, as in `RUST_LOG`.
    pub filter: String,
    /// How they look.
    pub format: Format,
    /// Where figures for Prometheus are; none: at `server.listen`, for this machine alone.
    pub metrics_listen: Option<SocketAddr>,
    /// The collector of traces, by OTLP over HTTP; none: nothing is traced.
    pub otlp_endpoint: Option<String>,
    /// How large a part of the traces that begin here is sent there.
    pub trace_ratio: f64,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// For a person on a terminal, JSON elsewhere.
    Auto,
    /// For a person.
    Human,
    /// One JSON object a line.
    Json,
}

impl Default for Server {
    fn default() -> Server {
        Server {
            listen: (Ipv4Addr::LOCALHOST, 8080).into(),
            data_dir: "./data".into(),
            public_url: None,
            request_head_within_s: 10,
            connections_max: 8_192,
            connections_per_address_max: 1_024,
        }
    }
}

impl Default for Gateway {
    fn default() -> Gateway {
        Gateway {
            id: None,
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            authenticate_within_s: 5,
            silence_max_s: 20,
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            message_bytes_max: 16 * 1024,
            behind_bytes_max: 256 * 1024,
            connections_per_address_max: 200,
            connection: Rate {
                per_second: 20,
                burst: 60,
            },
            user: Rate {
                per_second: 30,
                burst: 90,
            },
            address: Rate {
                per_second: 200,
                burst: 600,
            },
        }
    }
}

impl Default for Accounts {
    fn default() -> Accounts {
        Accounts {
            allow_guests: None,
            guests_per_hour: count(10),
            guests_idle_days: 30,
            attempts_per_quarter_hour: count(30),
            access_token_minutes: 15,
        }
    }
}

impl Default for Rooms {
    fn default() -> Rooms {
        Rooms {
            spectators_max: 1_000,
            abandoned_after_s: 1_800,
        }
    }
}

impl Default for Chat {
    fn default() -> Chat {
        let rate = |per_second, burst| Rate { per_second, burst };
        Chat {
            message_chars_max: 500,
            messages: rate(1, 8),
            typing: rate(1, 3),
            kept_days: 90,
        }
    }
}

impl Default for Deposits {
    fn default() -> Deposits {
        Deposits {
            enabled: None,
            min_cents: 100,
            max_cents: 100_000,
            day_cents: None,
            week_cents: None,
            month_cents: None,
        }
    }
}

impl Default for Bot {
    fn default() -> Bot {
        Bot {
            enabled: true,
            joins_after_ms: 2_000,
            move_after_ms: 700,
            rooms_max: 50,
            gateway: None,
        }
    }
}

fn count(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)
}

impl Default for Log {
    fn default() -> Log {
        Log {
            partitions: 12,
            retention_days: 7,
        }
    }
}

impl Default for Telemetry {
    fn default() -> Telemetry {
        Telemetry {
            filter: "info".to_owned(),
            format: Format::Auto,
            metrics_listen: None,
            otlp_endpoint: None,
            trace_ratio: 0.01,
        }
    }
}

impl Config {
    /// The key of a value whose type is right and which still makes no sense.
    pub fn out_of_range(&self) -> Option<String> {
        let Config {
            server,
            gateway,
            accounts,
            mail,
            rooms,
            chat,
            bot,
            log,
            telemetry,
            kafka,
            database,
            money,
            deposits,
            payments,
            ..
        } = self;
        let limits = &gateway.limits;
        let origins = gateway
            .allowed_origins
            .iter()
            .all(|origin| is_origin(origin));
        let proxies = gateway
            .trusted_proxies
            .iter()
            .all(|proxy| proxy.parse::<Network>().is_ok());
        let checks = [
            (money.is_known(), "money"),
            (
                server.request_head_within_s > 0,
                "server.request_head_within_s",
            ),
            (server.connections_max > 0, "server.connections_max"),
            (
                server.public_url.as_deref().is_none_or(is_origin),
                "server.public_url",
            ),
            (
                mail.smtp_url
                    .as_deref()
                    .is_none_or(crate::mail::is_smtp_url),
                "mail.smtp_url",
            ),
            (
                mail.from.as_deref().is_none_or(crate::mail::is_sender),
                "mail.from",
            ),
            (
                server.connections_per_address_max > 0,
                "server.connections_per_address_max",
            ),
            (
                gateway.id.as_ref().is_none_or(|id| {
                    (1..=64).contains(&id.len()) && !id.chars().any(char::is_control)
                }),
                "gateway.id",
            ),
            (origins, "gateway.allowed_origins"),
            (proxies, "gateway.trusted_proxies"),
            (
                gateway.authenticate_within_s > 0,
                "gateway.authenticate_within_s",
            ),
            (gateway.silence_max_s > 0, "gateway.silence_max_s"),
            (
                (1_024..=1 << 20).contains(&limits.message_bytes_max),
                "gateway.limits.message_bytes_max",
            ),
            (
                (4_096..=1 << 28).contains(&limits.behind_bytes_max),
                "gateway.limits.behind_bytes_max",
            ),
            (
                limits.connections_per_address_max > 0,
                "gateway.limits.connections_per_address_max",
            ),
            (
                limits.connection.per_second > 0,
                "gateway.limits.connection.per_second",
            ),
            (
                limits.connection.burst > 0,
                "gateway.limits.connection.burst",
            ),
            (limits.user.per_second > 0, "gateway.limits.user.per_second"),
            (limits.user.burst > 0, "gateway.limits.user.burst"),
            (
                limits.address.per_second > 0,
                "gateway.limits.address.per_second",
            ),
            (limits.address.burst > 0, "gateway.limits.address.burst"),
            (
                (1..=3_650).contains(&accounts.guests_idle_days),
                "accounts.guests_idle_days",
            ),
            (
                (1..=1_440).contains(&accounts.access_token_minutes),
                "accounts.access_token_minutes",
            ),
            (rooms.spectators_max <= 100_000, "rooms.spectators_max"),
            (
                (1..=86_400).contains(&rooms.abandoned_after_s),
                "rooms.abandoned_after_s",
            ),
            (
                (1..=2_000).contains(&chat.message_chars_max),
                "chat.message_chars_max",
            ),
            (chat.messages.per_second > 0, "chat.messages.per_second"),
            (chat.messages.burst > 0, "chat.messages.burst"),
            (chat.typing.per_second > 0, "chat.typing.per_second"),
            (chat.typing.burst > 0, "chat.typing.burst"),
            ((1..=3_650).contains(&chat.kept_days), "chat.kept_days"),
            (bot.joins_after_ms <= 600_000, "bot.joins_after_ms"),
            (bot.move_after_ms <= 4_000, "bot.move_after_ms"),
            ((1..=500).contains(&bot.rooms_max), "bot.rooms_max"),
            ((1..=1_024).contains(&log.partitions), "log.partitions"),
            (
                (1..=3_650).contains(&log.retention_days),
                "log.retention_days",
            ),
            (
                crate::telemetry::is_filter(&telemetry.filter),
                "telemetry.filter",
            ),
            (
                telemetry
                    .otlp_endpoint
                    .as_deref()
                    .is_none_or(crate::telemetry::is_collector),
                "telemetry.otlp_endpoint",
            ),
            (
                (0.0..=1.0).contains(&telemetry.trace_ratio),
                "telemetry.trace_ratio",
            ),
        ];
        let key = checks
            .iter()
            .chain(&kafka.checks())
            .chain(&database.checks())
            .chain(&deposits.checks())
            .chain(&payments.checks())
            .find(|(fine, _)| !fine)
            .map(|(_, key)| (*key).to_owned());
        key.or_else(|| {
            self.games
                .iter()
                .find_map(|(name, game)| game.out_of_range(name))
        })
    }
}

impl GameSettings {
    fn out_of_range(&self, name: &str) -> Option<String> {
        if self
            .entry_fee_cents
            .is_some_and(|fee| !(0..=100_000_000).contains(&fee))
        {
            Some(format!("games.{name}.entry_fee_cents"))
        } else if self.prize_percent.is_some_and(|percent| percent > 100) {
            Some(format!("games.{name}.prize_percent"))
        } else {
            None
        }
    }
}

fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ']))
}
