//! Every key in one table: what it takes, its default, what it means. The documentation is made from it.

/// A key's row. `<name>` in a key stands for any one part.
#[derive(Debug)]
pub struct Key {
    /// With dots between its parts.
    pub name: &'static str,
    /// Which values.
    pub takes: &'static str,
    /// What holds where nothing is set.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

const fn key(
    name: &'static str,
    takes: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key {
        name,
        takes,
        default,
        meaning,
    }
}

const RATE: &str = "a whole number above 0";

/// All keys, in the order of the documentation.
pub const KEYS: &[Key] = &[
    key(
        "keys",
        "the path of a file",
        "`keys` in the data directory",
        "The keys that sign access tokens and seal passwords. Made at the first start, readable by its owner alone; belongs in every backup. On Kafka it must be named and there: `blazing-sun keys`",
    ),
    key(
        "money",
        "demo, or a currency's code of three lower-case letters, e.g. eur",
        "demo",
        "What is played for, fixed at the first start. demo: everybody is given some, guests and the house's bot play, and payments are tests. A currency: real money, without any of that",
    ),
    key(
        "deposits.enabled",
        "true or false",
        "true with a provider of payments",
        "Whether players may pay in; where not, it is refused with `payments_unavailable`. False closes it for a while: what was begun still ends",
    ),
    key(
        "deposits.min_cents",
        "cents, 1 to 100000000",
        "100",
        "The least that is paid in at once",
    ),
    key(
        "deposits.max_cents",
        "cents, deposits.min_cents to 100000000",
        "100000",
        "The most that is paid in at once",
    ),
    key(
        "deposits.day_cents",
        "cents, 0 to 100000000",
        "none: no limit",
        "The most that one player pays in within 24 hours; players set limits of their own beside it",
    ),
    key(
        "deposits.week_cents",
        "cents, 0 to 100000000",
        "none: no limit",
        "The same within 7 days",
    ),
    key(
        "deposits.month_cents",
        "cents, 0 to 100000000",
        "none: no limit",
        "The same within 30 days",
    ),
    key(
        "payments.provider",
        "none, test_bank or stripe",
        "stripe with a `payments.secret_key`; else test_bank where `serve` plays for demo money on loopback without a proxy",
        "Who collects payments ([payments.md](payments.md)). Gateways and backends of a cluster are told too, without any key",
    ),
    key(
        "payments.secret_key",
        "sk_live_…, rk_live_…, sk_test_… or rk_test_…",
        "none",
        "The provider's secret key: a live one with real money, a test one with demo money. Also STRIPE_SECRET_KEY",
    ),
    key(
        "payments.secret_key_file",
        "the path of a file",
        "none",
        "A file with it alone",
    ),
    key(
        "payments.webhook_secrets",
        "whsec_…, several separated by commas",
        "none",
        "With one of which the provider signs webhooks; two while one replaces the other. Also STRIPE_WEBHOOK_SECRET",
    ),
    key(
        "payments.webhook_secrets_file",
        "the path of a file",
        "none",
        "A file with them alone",
    ),
    key(
        "payments.api_url",
        "http://127.0.0.1:PORT",
        "none: Stripe",
        "Where a stand-in for Stripe's API is, with a test key alone: stripe-mock, or a test bank. Also STRIPE_API_URL",
    ),
    key(
        "payments.database_url",
        "postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE",
        "none: `checkout.sqlite3` in the data directory",
        "PostgreSQL of the role `checkout`, its schema is `checkout`; `database.ca` and `database.pool_size` hold here too. Also CHECKOUT_DATABASE_URL",
    ),
    key(
        "payments.test_bank_url",
        "http://127.0.0.1:PORT",
        "none: `serve` has its own",
        "Where the test bank of a cluster is: `blazing-sun test-bank`",
    ),
    key(
        "payments.test_bank_listen",
        "an ADDRESS:PORT on loopback; port 0 takes a free one, and keeps it",
        "127.0.0.1:0",
        "Where the test bank of `serve` listens",
    ),
    key(
        "payments.product_name",
        "1 to 250 characters",
        "Top-up",
        "What is paid for, as the payer reads it",
    ),
    key(
        "payments.page_open_minutes",
        "whole minutes, 40 to 1380",
        "60",
        "How long a page can be paid",
    ),
    key(
        "payments.look_after_s",
        "whole seconds, 1 to 86400",
        "120",
        "How old an unpaid page is before the provider is asked about it",
    ),
    key(
        "payments.look_every_s",
        "whole seconds, 1 to 86400",
        "60",
        "How soon it is asked again; the more seldom, the older the page",
    ),
    key(
        "payments.list_every_s",
        "whole seconds, 1 to 86400",
        "30",
        "How often the provider's list of events is read, for webhooks that were lost",
    ),
    key(
        "kafka.bootstrap_servers",
        "HOST:PORT, several separated by commas",
        "none: topics are in the data directory",
        "Kafka's brokers. Also KAFKA_BOOTSTRAP_SERVERS, else KAFKA_HOST and KAFKA_PORT",
    ),
    key(
        "kafka.topic_prefix",
        "at most 100 letters, digits, `.`, `_` and `-`",
        "",
        "Stands before the name of every topic and group, so that deployments can share brokers",
    ),
    key(
        "kafka.replication_factor",
        "a number from 1 to 100, or -1",
        "-1",
        "Of topics that are made; -1: the brokers' default",
    ),
    key(
        "kafka.buffer_bytes",
        "bytes, 1048576 to 1073741824",
        "33554432",
        "What may wait for brokers that do not answer; above it commands are refused with `unavailable`",
    ),
    key(
        "kafka.session_timeout_ms",
        "milliseconds, 500 to 60000",
        "6000",
        "How long a backend may be silent before others take its partitions over; the brokers' `group.min.session.timeout.ms` is the least",
    ),
    key(
        "kafka.tls.enabled",
        "true or false",
        "false",
        "Whether connections to the brokers are encrypted and their certificates checked",
    ),
    key(
        "kafka.tls.ca",
        "the path of a PEM file",
        "none: the system's authorities",
        "The authorities whose certificates the brokers may have",
    ),
    key(
        "kafka.tls.cert",
        "the path of a PEM file",
        "none",
        "The own certificate, where brokers ask for one",
    ),
    key(
        "kafka.tls.key",
        "the path of a PEM file",
        "none",
        "The key of `kafka.tls.cert`",
    ),
    key(
        "kafka.sasl.mechanism",
        "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
        "none: without a sign-in",
        "How one signs in to the brokers",
    ),
    key("kafka.sasl.user", "a text", "none", "As whom"),
    key(
        "kafka.sasl.password",
        "a text",
        "none",
        "With which password; best from the environment, or a file of its own",
    ),
    key(
        "kafka.sasl.password_file",
        "the path of a file",
        "none",
        "A file with the password alone",
    ),
    key(
        "database.url",
        "postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE",
        "none: state is in the data directory",
        "PostgreSQL, where Kafka has the topics; gateways need none. MODE: disable, prefer, require or verify-full. Also DATABASE_URL",
    ),
    key(
        "database.ca",
        "the path of a PEM file",
        "none: the system's authorities",
        "The authorities whose certificate the database may have, with sslmode=verify-full",
    ),
    key(
        "database.pool_size",
        "a number from 1 to 1000",
        "8",
        "Connections for reading and for accounts; each partition has one of its own beside these",
    ),
    key(
        "server.listen",
        "ADDRESS:PORT, e.g. 127.0.0.1:8080; port 0 takes a free one",
        "127.0.0.1:8080",
        "Where the pages, the HTTP API and the socket are served. Beyond loopback it belongs behind a proxy with TLS",
    ),
    key(
        "server.data_dir",
        "the path of a folder",
        "./data",
        "Database and keys; one process at a time",
    ),
    key(
        "server.public_url",
        "an origin, e.g. https://play.example",
        "the address of `server.listen`, where that is loopback",
        "What links in mails begin with, and where payers come back to; needed with `mail.smtp_url`, and beyond loopback with payments",
    ),
    key(
        "server.request_head_within_s",
        "whole seconds above 0",
        "10",
        "A connection on which no whole request head comes for so long is closed",
    ),
    key(
        "server.connections_max",
        RATE,
        "8192",
        "Open HTTP connections; sockets are counted on their own",
    ),
    key(
        "server.connections_per_address_max",
        RATE,
        "1024",
        "Open HTTP connections from one address, or one /64 of IPv6; proxies of gateway.trusted_proxies may have more",
    ),
    key(
        "gateway.id",
        "1 to 64 characters",
        "none: a new one at each start",
        "The gateway's name in presence records, no other's: where two that live have one, backends log an error, the one that started first is not ready, and which of the two reads how far is not told apart; where it is set, Kafka's tools see how far it has read as group ws_gateway.<id>, otherwise as ws_gateway",
    ),
    key(
        "gateway.allowed_origins",
        "a list of origins, e.g. [\"https://play.example\"]",
        "[]",
        "Origins whose pages may open the socket, compared exactly. Empty: the own host's pages, on loopback alone",
    ),
    key(
        "gateway.trusted_proxies",
        "a list of addresses or blocks, e.g. [\"10.0.0.0/8\"]",
        "[]",
        "Proxies whose X-Forwarded-For counts as the client's address",
    ),
    key(
        "gateway.authenticate_within_s",
        "whole seconds above 0",
        "5",
        "How long a new socket has to sign in",
    ),
    key(
        "gateway.silence_max_s",
        "whole seconds above 0",
        "20",
        "A socket that says nothing for so long is closed; clients send a heartbeat every 10 s",
    ),
    key(
        "gateway.limits.message_bytes_max",
        "bytes, 1024 to 1048576",
        "16384",
        "The largest message from a client",
    ),
    key(
        "gateway.limits.behind_bytes_max",
        "bytes, 4096 to 268435456",
        "262144",
        "A socket with more waiting for it is closed: it is too slow",
    ),
    key(
        "gateway.limits.connections_per_address_max",
        RATE,
        "200",
        "Sockets from one address",
    ),
    key(
        "gateway.limits.connection.per_second",
        RATE,
        "20",
        "Messages of one socket, in the long run",
    ),
    key(
        "gateway.limits.connection.burst",
        RATE,
        "60",
        "Messages of one socket, at once",
    ),
    key(
        "gateway.limits.user.per_second",
        RATE,
        "30",
        "Messages of one user, in the long run",
    ),
    key(
        "gateway.limits.user.burst",
        RATE,
        "90",
        "Messages of one user, at once",
    ),
    key(
        "gateway.limits.address.per_second",
        RATE,
        "200",
        "Messages from one address, in the long run",
    ),
    key(
        "gateway.limits.address.burst",
        RATE,
        "600",
        "Messages from one address, at once",
    ),
    key(
        "accounts.allow_guests",
        "true or false",
        "true where `money` is demo",
        "Whether one can play, for demo money, without an account; with real money it can not be true",
    ),
    key(
        "accounts.guests_per_hour",
        RATE,
        "10",
        "New guests from one address in an hour",
    ),
    key(
        "accounts.guests_idle_days",
        "whole days, 1 to 3650",
        "30",
        "After how many days without a visit a guest's account is closed; its demo money goes back",
    ),
    key(
        "accounts.attempts_per_quarter_hour",
        RATE,
        "30",
        "Registrations and sign-ins from one address in a quarter of an hour",
    ),
    key(
        "accounts.access_token_minutes",
        "whole minutes, 1 to 1440",
        "15",
        "How long an access token lives; clients renew it by themselves",
    ),
    key(
        "mail.smtp_url",
        "smtps://USER:PASSWORD@HOST:PORT, or smtp://… with ?tls=required",
        "none: links are printed to the log of an embedded server on loopback, elsewhere there are none",
        "The server that takes mail: links for forgotten passwords and for verifying an address. Best from the environment",
    ),
    key(
        "mail.from",
        "a mail address, e.g. Blazing Sun <play@example.com>",
        "none",
        "Whom mail is from; needed with `mail.smtp_url`",
    ),
    key(
        "rooms.spectators_max",
        "a number from 0 to 100000",
        "1000",
        "People who may watch one room; a room keeps what it was opened with",
    ),
    key(
        "rooms.abandoned_after_s",
        "seconds, 1 to 86400",
        "1800",
        "How long a room goes on without players, as long as somebody watches it",
    ),
    key(
        "chat.message_chars_max",
        "characters, 1 to 2000",
        "500",
        "The longest message in any chat",
    ),
    key(
        "chat.messages.per_second",
        RATE,
        "1",
        "Messages of one user in each room, and to others and the lobby together, in the long run",
    ),
    key("chat.messages.burst", RATE, "8", "The same, at once"),
    key(
        "chat.typing.per_second",
        RATE,
        "1",
        "How often a user is told to be typing, in the long run",
    ),
    key("chat.typing.burst", RATE, "3", "The same, at once"),
    key(
        "chat.kept_days",
        "whole days, 1 to 3650",
        "90",
        "How long direct messages and those of the lobby are kept; a room's chat goes with the room",
    ),
    key(
        "bot.enabled",
        "true or false",
        "true",
        "Whether the house's bot plays with lone visitors, for demo money; not with --bench",
    ),
    key(
        "bot.joins_after_ms",
        "milliseconds, 0 to 600000",
        "2000",
        "How long somebody waits alone in an open room before the bot comes; at once to who asks for it",
    ),
    key(
        "bot.move_after_ms",
        "milliseconds, 0 to 4000",
        "700",
        "How long the bot takes to be ready, and for a move",
    ),
    key(
        "bot.rooms_max",
        "a number from 1 to 500",
        "50",
        "Rooms that the bot is in at once; each 16 take one account and one connection",
    ),
    key(
        "bot.gateway",
        "ADDRESS:PORT",
        "none: only `serve` has a bot",
        "The gateway through which the bot of a `backend` plays; of several processes it plays from one at a time",
    ),
    key(
        "games.<name>.entry_fee_cents",
        "cents, 0 to 100000000",
        "the game's own: 1000",
        "What a seat costs in rooms made from now on",
    ),
    key(
        "games.<name>.prize_percent",
        "percent, 0 to 100",
        "the game's own: 80",
        "The winner's share of the pot in rooms made from now on; the rest is the house's",
    ),
    key(
        "log.partitions",
        "a number from 1 to 1024",
        "12",
        "Partitions of every topic; fixed at the first start",
    ),
    key(
        "log.retention_days",
        "whole days, 1 to 3650",
        "7",
        "How long records of topics are kept",
    ),
    key(
        "telemetry.filter",
        "a filter, e.g. info,blazing_sun_gateway=debug",
        "info",
        "Which log lines are written; RUST_LOG goes before it",
    ),
    key(
        "telemetry.format",
        "auto, human or json",
        "auto",
        "Log lines on standard error: auto is human on a terminal, JSON elsewhere",
    ),
    key(
        "telemetry.metrics_listen",
        "ADDRESS:PORT",
        "none: `/metrics` of server.listen, for this machine alone",
        "Where Prometheus finds this process's figures; then there alone, and for whoever reaches it",
    ),
    key(
        "telemetry.otlp_endpoint",
        "http://HOST:PORT",
        "none: nothing is traced",
        "The collector that traces are sent to, by OTLP over HTTP; OTEL_EXPORTER_OTLP_ENDPOINT sets it too",
    ),
    key(
        "telemetry.trace_ratio",
        "a fraction from 0.0 to 1.0",
        "0.01",
        "How many of the traces that begin here are sent; OTEL_TRACES_SAMPLER_ARG sets it too",
    ),
];

/// The row of a key.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| {
        let (mut parts, mut given) = (key.name.split('.'), name.split('.'));
        loop {
            match (parts.next(), given.next()) {
                (None, None) => return true,
                (Some(part), Some(given)) if part == given || part.starts_with('<') => {}
                _ => return false,
            }
        }
    })
}

/// The key that was probably meant; none for what is much longer than any.
pub fn nearest(name: &str) -> Option<&'static str> {
    if name.len() > 200 {
        return None;
    }
    let last = |name: &'static str| name.rsplit('.').next().unwrap_or(name);
    let similarity = |key: &&Key| {
        let whole = strsim::jaro_winkler(key.name, name);
        let last = strsim::jaro_winkler(last(key.name), name.rsplit('.').next().unwrap_or(name));
        whole.max(last * 0.98)
    };
    KEYS.iter()
        .map(|key| (similarity(&key), key.name))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

/// The documentation's table.
#[cfg(test)]
pub fn table() -> String {
    let mut table = String::from("| key | takes | default | meaning |\n|---|---|---|---|\n");
    for Key {
        name,
        takes,
        default,
        meaning,
    } in KEYS
    {
        table.push_str(&format!("| `{name}` | {takes} | {default} | {meaning} |\n"));
    }
    table
}
