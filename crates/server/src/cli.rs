//! The command line: what can be asked for, and what each end is called as an exit code.

mod operations;

pub use operations::{
    BackupArgs, CompletionsArgs, DoctorArgs, MaintenanceAction, MaintenanceArgs, MigrateArgs,
    RestoreArgs, SettingsAction, SettingsArgs,
};

use crate::bench::{Played, Watched};
use crate::config::{Flag, Role};
use blazing_sun_backbone::clock;
use blazing_sun_domain::{CommandId, Millis, RoomId, UserId};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Real-time multiplayer games, played for money.
#[derive(Debug, Parser)]
#[command(name = "blazing-sun", version, about, arg_required_else_help = true)]
pub struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Results, and errors on standard error, as JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the pages, the HTTP API and the socket: all in one, with everything kept in one folder, or on Kafka and
    /// PostgreSQL where these are configured
    Serve(ServeArgs),
    /// Serve the pages and the socket, on Kafka alone; any number of these
    Gateway(RoleArgs),
    /// Own partitions and serve the HTTP API, on Kafka and PostgreSQL; any number of these
    Backend(RoleArgs),
    /// Have payments collected, and take the provider's webhooks, on Kafka and a PostgreSQL of its own; any number of these
    Checkout(CheckoutArgs),
    /// Run a stand-in for the payment provider, on this machine alone and with test money: for a cluster on it; `serve` has
    /// its own
    TestBank(TestBankArgs),
    /// Make the keys that the processes of a deployment share
    Keys(KeysArgs),
    /// Print the records of topics, one JSON object a line, also beside a running server
    Tail(TailArgs),
    /// Find out what became of a command: from the frame to what was told of it, with durations; exit code 1 if nothing is
    /// known of it
    Trace(TraceArgs),
    /// List rooms: those whose line changed last, or that ended last, come first
    Rooms(RoomListArgs),
    /// Look at a room, or end it; works beside a running server and without
    Room(RoomArgs),
    /// Check every cent and every room of the stored data; exit code 1 if anything differs
    Audit(AuditArgs),
    /// Play a room again from its journal: every event, winner, payouts; exit code 1 if ledger or topics say
    /// otherwise, 3 if it was played by other rules
    Replay(ReplayArgs),
    /// Check a room's seeds and rolls from its public events alone, without keys; exit code 1 if they
    /// contradict each other
    Verify(VerifyArgs),
    /// Copy a deployment on Kafka and PostgreSQL into a folder that every tool reads; changes nothing there
    Export(ExportArgs),
    /// Bring the stores to this program's schemas, as a server does when it starts; one that a newer program has
    /// written is refused
    Migrate(MigrateArgs),
    /// Copy a server's folder, also while it runs, as it is at one moment; of a deployment on PostgreSQL it says what to do
    Backup(BackupArgs),
    /// Make a server's folder of a backup, check it by its checksums, and audit it; exit code 4 if its books differ
    Restore(RestoreArgs),
    /// Look at all that a deployment stands on, and say of each fault what is to be done; exit code 1 if there is one
    Doctor(DoctorArgs),
    /// Topics with partitions, records, offsets, bytes, retention, oldest and newest record
    Topics(TopicsArgs),
    /// How far each consumer group has read each partition, and its lag
    Groups(GroupsArgs),
    /// Records that nobody could take: look at them, append one once more, discard one
    DeadLetters(DeadLettersArgs),
    /// Look at a user, or change what one has and may do; works beside a running server and without
    User(UserArgs),
    /// See and change what is in force without a restart: filter of log lines, rates, what seats in new rooms cost
    Settings(SettingsArgs),
    /// Announce maintenance to all who are connected: from its start on no room is made, and rooms go on to their end
    Maintenance(MaintenanceArgs),
    /// Print every configuration key in force, its value and where that came from; secrets are masked
    Config(ServedArgs),
    /// Print what a shell completes this command line with
    Completions(CompletionsArgs),
    /// Measure a running server
    Bench(BenchArgs),
    /// Ask a running process whether it may be sent clients; exit code 1 if not, for a container's health check
    Probe(ProbeArgs),
}

/// `probe`
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// Where the process listens
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
}

/// `serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Folder of the database and the keys [default: ./data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// A TOML file; see docs/configuration.md
    #[arg(long, value_name = "FILE", env = "BLAZING_SUN_CONFIG")]
    pub config: Option<PathBuf>,
    /// For measuring: adds the game `relay`, lifts rate limits, listens on loopback alone
    #[arg(long)]
    pub bench: bool,
    /// With --bench: signs in N guests and writes their access tokens, one a line
    #[arg(long, value_name = "FILE:N", requires = "bench", value_parser = parse_bench_tokens)]
    pub bench_tokens: Option<BenchTokens>,
}

/// `gateway` and `backend`
#[derive(Debug, Args)]
pub struct RoleArgs {
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// A TOML file; see docs/configuration.md
    #[arg(long, value_name = "FILE", env = "BLAZING_SUN_CONFIG")]
    pub config: Option<PathBuf>,
    /// For measuring: adds the game `relay`, lifts rate limits, listens on loopback alone, on a database that is for
    /// nothing else
    #[arg(long)]
    pub bench: bool,
}

/// `checkout`
#[derive(Debug, Args)]
pub struct CheckoutArgs {
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// A TOML file; see docs/configuration.md
    #[arg(long, value_name = "FILE", env = "BLAZING_SUN_CONFIG")]
    pub config: Option<PathBuf>,
}

/// `test-bank`
#[derive(Debug, Args)]
pub struct TestBankArgs {
    /// Its folder: what it has been told, and its keys, which are made at the first start: test-bank-secret-key and
    /// test-bank-webhook-secret
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Where to listen, on loopback alone; port 0 takes the one that it had before, or a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Where webhooks go: http://127.0.0.1:PORT/webhooks/stripe of a checkout
    #[arg(long, value_name = "URL")]
    pub webhooks: Option<String>,
}

/// `keys`
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: KeysAction,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeysAction {
    /// Make a file of new keys, for its owner alone; one that is there is left as it is
    Create {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Make a file with what a gateway needs of the keys: it can check tokens and seal passwords, and sign nothing
    Gateway {
        /// The whole file
        #[arg(long, value_name = "FILE", env = "BLAZING_SUN_KEYS")]
        keys: PathBuf,
        /// The gateway's file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Where to write how many tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenchTokens {
    /// The file.
    pub file: PathBuf,
    /// How many guests.
    pub count: usize,
}

/// `tail`
#[derive(Debug, Args)]
pub struct TailArgs {
    /// games.events, games.commands, bigger_dice.win_prize, …; several are printed together
    #[arg(required = true, value_name = "TOPIC")]
    pub topics: Vec<String>,
    /// Only what follows from this command; may be repeated
    #[arg(long = "correlation-id", value_name = "ID")]
    pub correlation_ids: Vec<String>,
    /// Only records with this key, a room's id or a user's; may be repeated
    #[arg(long = "key", value_name = "KEY")]
    pub keys: Vec<String>,
    /// Only this event type, or those that begin so with * at the end; may be repeated
    #[arg(long = "type", value_name = "TYPE", value_parser = parse_type)]
    pub types: Vec<String>,
    /// Only what is from, to or about this user's id; may be repeated
    #[arg(long = "user", value_name = "USER_ID")]
    pub users: Vec<String>,
    /// Only what is about this room's id; may be repeated
    #[arg(long = "room", value_name = "ROOM_ID")]
    pub rooms: Vec<String>,
    /// Only records with this text in key or value, in any case; what is masked is not found; may be repeated
    #[arg(long = "text", value_name = "TEXT")]
    pub texts: Vec<String>,
    /// Begin with the oldest record that is kept; otherwise with the next one
    #[arg(long)]
    pub from_beginning: bool,
    /// Begin with the first record as new as this: RFC 3339, or so long ago: 30s, 15m, 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = parse_instant, conflicts_with = "from_beginning")]
    pub since: Option<Millis>,
    /// Only records older than this, written as for --since
    #[arg(long, value_name = "TIME", value_parser = parse_instant)]
    pub until: Option<Millis>,
    /// Stop after so many records
    #[arg(long, value_name = "N")]
    pub max: Option<u64>,
    /// Stop at what is the end when it begins
    #[arg(long)]
    pub until_end: bool,
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `trace`
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// A command's id (the correlation id of all that follows from it), an event's, or a payment's request id
    pub id: String,
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `rooms`
#[derive(Debug, Args)]
pub struct RoomListArgs {
    /// Only rooms that wait, are in play, or have ended [default: those that have not ended]
    #[arg(long, value_parser = ["waiting", "in_progress", "ended"])]
    pub status: Option<String>,
    /// Only rooms of this game
    #[arg(long, value_name = "GAME")]
    pub game: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max: u32,
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `room`
#[derive(Debug, Args)]
pub struct RoomArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: RoomAction,
    /// Whose room.
    #[command(flatten)]
    pub deployment: DeploymentArgs,
}

/// What can be done about a room.
#[derive(Debug, Subcommand)]
pub enum RoomAction {
    /// Print a room's line, who is in it, its money, and its last events
    Show {
        /// The room's id
        room: RoomId,
    },
    /// End a room, by a command that its owner decides: all fees go back, the seed is revealed; the same again changes
    /// nothing
    Close {
        /// The room's id
        room: RoomId,
        /// For the operators' log
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// `audit`
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Again and again, so many seconds after the one before, until something differs; prints what has changed
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "10",
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub watch: Option<u32>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A transcript (JSON lines: frames as a client saw them, or what `tail games.events` prints), `-` for
    /// standard input, or a room's id, whose events are read from the topics
    #[arg(value_name = "FILE|ROOM")]
    pub source: String,
    /// One JSON object a room
    #[arg(long)]
    pub json: bool,
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `replay`
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The room's id
    pub room: String,
    /// One JSON object a line: the events, then a summary
    #[arg(long)]
    pub json: bool,
    /// The keys file, which opens the room's secret [default: keys in the data directory]
    #[arg(long, value_name = "FILE", env = "BLAZING_SUN_KEYS")]
    pub keys: Option<PathBuf>,
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The folder to make the copy in; it may not have a database yet
    #[arg(long, value_name = "DIR")]
    pub into: PathBuf,
    /// With all commands that Kafka still has, each before what came of it
    #[arg(long)]
    pub commands: bool,
    /// The deployment's TOML file; see docs/configuration.md
    #[arg(long, value_name = "FILE", env = "BLAZING_SUN_CONFIG")]
    pub config: Option<PathBuf>,
}

/// `topics`
#[derive(Debug, Args)]
pub struct TopicsArgs {
    /// What to do [default: list]
    #[command(subcommand)]
    pub action: Option<TopicsAction>,
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
}

/// What can be done about topics.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum TopicsAction {
    /// All topics with what is on them
    List,
    /// One topic: its partitions, who leads them, its settings
    Describe {
        /// games.events, games.commands, …
        topic: String,
    },
    /// Make on Kafka the topics that are missing; in a folder a server makes its own when it starts
    Create,
    /// Have the database belong to the configured topics from now on, while no backend runs: after Kafka was restored or
    /// made anew, or with another prefix
    Adopt,
}

/// `groups`
#[derive(Debug, Args)]
pub struct GroupsArgs {
    /// What to do [default: every partition of every group]
    #[command(subcommand)]
    pub action: Option<GroupsAction>,
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
}

/// What can be asked about groups.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum GroupsAction {
    /// Every group with its members and its lag in all
    List,
    /// Every partition that a group reads
    Describe {
        /// blazing_sun, ws_gateway, ws_gateway.<id>, checkout-service
        group: String,
    },
}

/// `dead-letters`
#[derive(Debug, Args)]
pub struct DeadLettersArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: LettersAction,
    /// Whose letters.
    #[command(flatten)]
    pub deployment: DeploymentArgs,
}

/// What can be done about dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum LettersAction {
    /// Those that there are, newest first
    List {
        /// Only those of this state
        #[arg(long, value_enum)]
        state: Option<LetterStateArg>,
        /// How many at most
        #[arg(long, value_name = "N", default_value = "50")]
        max: u32,
    },
    /// Append a letter's record to its topic once more; only once
    Retry {
        /// Partition and offset of the letter, as `list` has them: 0-17
        id: String,
    },
    /// Discard a letter: it stays on its topic, and is not retried
    Discard {
        /// Partition and offset of the letter, as `list` has them: 0-17
        id: String,
        /// Why, for the operators' log
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// What became of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LetterStateArg {
    /// Nothing yet
    Waiting,
    /// It was asked for, and what came of that was never told
    Unknown,
    /// Appended once more
    Retried,
    /// Discarded
    Discarded,
}

/// `config`: what a role would be told.
#[derive(Debug, Args)]
pub struct ServedArgs {
    /// As for `serve`
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// As for `serve`
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// A TOML file; see docs/configuration.md
    #[arg(long, value_name = "FILE", env = "BLAZING_SUN_CONFIG")]
    pub config: Option<PathBuf>,
    /// Which role is to be told
    #[arg(long, value_enum, default_value = "serve")]
    pub role: Role,
}

/// `user`
#[derive(Debug, Args)]
pub struct UserArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: UserAction,
    /// Whose user.
    #[command(flatten)]
    pub deployment: DeploymentArgs,
}

/// A deployment, as `serve` was told of it.
#[derive(Debug, Args)]
pub struct DeploymentArgs {
    /// Folder of the server's database and keys [default: ./data]
    #[arg(long, value_name = "DIR", global = true)]
    pub data_dir: Option<PathBuf>,
    /// The server's TOML file; see docs/configuration.md
    #[arg(long, value_name = "FILE", env = "BLAZING_SUN_CONFIG", global = true)]
    pub config: Option<PathBuf>,
}

/// What can be done about a user.
#[derive(Debug, Subcommand)]
pub enum UserAction {
    /// Print a user's id, name, email, roles, status and balance
    Show {
        /// An id, an email, or @ and a name
        user: String,
    },
    /// Make a user
    Create(CreateArgs),
    /// Give demo money, by a command on the log; the same command id gives it once
    Credit(CreditArgs),
    /// Give a role or take it; access tokens keep the roles that they were made with
    Role {
        /// An id, an email, or @ and a name
        user: String,
        /// What to do with the role
        #[arg(value_enum)]
        change: RoleChange,
        /// player, guest, bot, moderator or admin
        role: String,
    },
    /// Ban a user: sockets close at once, tokens are refused from then on
    Ban {
        /// An id, an email, or @ and a name
        user: String,
        /// Kept with the account
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Lift a ban
    Unban {
        /// An id, an email, or @ and a name
        user: String,
    },
    /// End all of a user's sign-ins: sockets close at once, an access token is good until it expires
    SignOut {
        /// An id, an email, or @ and a name
        user: String,
    },
    /// Print an access token, for scripts and load tools
    Token {
        /// An id, an email, or @ and a name
        user: String,
        /// How long it lives, 1 to 1440 [default: as those of a sign-in]
        #[arg(long, value_name = "N")]
        minutes: Option<u32>,
    },
}

/// Whether a role is given or taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum RoleChange {
    /// Give it.
    Add,
    /// Take it.
    Remove,
}

/// `user create`
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The name shown to others
    #[arg(long, value_name = "NAME")]
    pub username: String,
    /// The id, below 2^53 and not used before [default: the next one]
    #[arg(long, value_name = "N")]
    pub id: Option<UserId>,
    /// To sign in with; the password is asked for, or read with --password-stdin
    #[arg(long, value_name = "EMAIL")]
    pub email: Option<String>,
    /// Read the password from standard input, up to the first line's end
    #[arg(long, requires = "email")]
    pub password_stdin: bool,
    /// player, guest, bot, moderator or admin; may be repeated [default: player, without an email guest]
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<String>,
}

/// `user credit`
#[derive(Debug, Args)]
pub struct CreditArgs {
    /// An id, an email, or @ and a name
    pub user: String,
    /// How much, 1 to 100000000
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub amount_cents: i64,
    /// Kept in the command's record
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// To repeat a credit safely [default: a new UUIDv7, which is printed]
    #[arg(long, value_name = "UUID")]
    pub command_id: Option<CommandId>,
}

/// Where a server has its data.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// Folder of a server's database [default: what is configured: Kafka and PostgreSQL, else server.data_dir]
    #[arg(long, value_name = "DIR", global = true)]
    pub data_dir: Option<PathBuf>,
    /// The deployment's TOML file; see docs/configuration.md
    #[arg(long, value_name = "FILE", env = "BLAZING_SUN_CONFIG", global = true)]
    pub config: Option<PathBuf>,
}

/// `bench`
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// The server
    #[arg(
        long,
        value_name = "http://ADDRESS:PORT",
        global = true,
        default_value = "http://127.0.0.1:8080"
    )]
    pub url: String,
    /// What to measure.
    #[command(subcommand)]
    pub load: Load,
}

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum Load {
    /// Rooms of two players: a command, its event at both, then the other's turn
    Rooms(RoomsArgs),
    /// One publisher and many subscribers in one room
    Fanout(FanoutArgs),
    /// Connections at rest: their memory, and how fast new ones get in
    Idle(IdleArgs),
    /// The least that a command takes on Kafka and PostgreSQL: two hops and a commit; without a server
    Floor(FloorArgs),
    /// A cluster beside that floor, in turns: what its commands take as a multiple of it
    Cluster(ClusterArgs),
    /// A server with telemetry beside one without, in turns: what telemetry costs
    Telemetry(TelemetryArgs),
}

/// `bench telemetry`
#[derive(Debug, Args)]
pub struct TelemetryArgs {
    /// The server with telemetry; --url is the one without
    #[arg(long, value_name = "URL")]
    pub with_url: String,
    /// The load on both.
    #[command(flatten)]
    pub rooms: RoomsArgs,
}

/// `bench cluster`
#[derive(Debug, Args)]
pub struct ClusterArgs {
    /// The cluster's brokers, reached in the clear
    #[arg(long, value_name = "HOST:PORT", env = "KAFKA_BOOTSTRAP_SERVERS")]
    pub kafka: String,
    /// The cluster's database, reached in the clear; the floor has a schema of its own there
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// Of the floor's topics: as many as the cluster's have
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub partitions: u32,
    /// The load of both.
    #[command(flatten)]
    pub rooms: RoomsArgs,
}

/// `bench floor`
#[derive(Debug, Args)]
pub struct FloorArgs {
    /// The brokers, reached in the clear
    #[arg(long, value_name = "HOST:PORT", env = "KAFKA_BOOTSTRAP_SERVERS")]
    pub kafka: String,
    /// The database, reached in the clear; tables are made in a schema of their own
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// Of the topics of the measurement; each has a connection to the database
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub partitions: u32,
    /// Commands under way at once
    #[arg(long, value_name = "N", default_value_t = 100, conflicts_with = "rate", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub in_flight: u64,
    /// Commands a second, latency from the scheduled time [default: each as soon as one has come back]
    #[arg(long, value_name = "R", value_parser = parse_rate)]
    pub rate: Option<f64>,
    /// Measured seconds of each round
    #[arg(long, value_name = "S", default_value_t = 10.0, value_parser = parse_seconds)]
    pub seconds: f64,
    /// Seconds before each round that do not count
    #[arg(long, value_name = "S", default_value_t = 2.0, value_parser = parse_seconds)]
    pub warmup: f64,
    /// How often to measure
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub rounds: u64,
    /// Bytes of a command, of its row and of its event
    #[arg(long, value_name = "BYTES", default_value_t = 400, value_parser = clap::value_parser!(u64).range(40..=15_000))]
    pub payload_bytes: u64,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// `bench fanout`
#[derive(Debug, Args)]
pub struct FanoutArgs {
    /// Connections that listen
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(2..=50_000))]
    pub subscribers: u64,
    /// Messages a second, latency from the scheduled time; with --ramp, to begin with [default: 20, with --ramp 40]
    #[arg(long, value_name = "R", value_parser = parse_rate)]
    pub rate: Option<f64>,
    /// Looks for the highest rate with p99 ≤ 100 ms
    #[arg(long, conflicts_with = "stalled")]
    pub ramp: bool,
    /// So many of the subscribers stop reading halfway: compares the others' p99, and says when the server closes these
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub stalled: Option<f64>,
    /// Measured seconds of each step [default: 10, with --ramp 3]
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    pub seconds: Option<f64>,
    /// Seconds before each step that do not count
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = parse_seconds)]
    pub warmup: f64,
    /// How often to measure
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub rounds: u64,
    /// Bytes of the JSON object that is relayed
    #[arg(long, value_name = "BYTES", default_value_t = 300, value_parser = clap::value_parser!(u64).range(40..=15_000))]
    pub payload_bytes: u64,
    /// Access tokens, one a line [default: guests are signed in]
    #[arg(long, value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// `bench idle`
#[derive(Debug, Args)]
pub struct IdleArgs {
    /// How many connections
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(2..=200_000))]
    pub connections: u64,
    /// Members of each room; 0: in no room
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=1_000))]
    pub room_size: u64,
    /// Seconds of rest before the memory is read
    #[arg(long, value_name = "S", default_value_t = 10.0, value_parser = parse_seconds)]
    pub seconds: f64,
    /// How often to measure
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub rounds: u64,
    /// Access tokens, one a line [default: guests are signed in]
    #[arg(long, value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// `bench rooms`
#[derive(Debug, Args)]
pub struct RoomsArgs {
    /// What is played [default: relay where the server has it]
    #[arg(long, value_enum)]
    pub game: Option<Played>,
    /// Rooms of two players each
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=50_000))]
    pub rooms: u64,
    /// Measured seconds of each round
    #[arg(long, value_name = "S", default_value_t = 10.0, value_parser = parse_seconds)]
    pub seconds: f64,
    /// Seconds before each round that do not count
    #[arg(long, value_name = "S", default_value_t = 2.0, value_parser = parse_seconds)]
    pub warmup: f64,
    /// Commands a second in all rooms together, latency from the scheduled time [default: as fast as possible]
    #[arg(long, value_name = "R", value_parser = parse_rate)]
    pub rate: Option<f64>,
    /// How often to measure
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub rounds: u64,
    /// Bytes of a relayed JSON object
    #[arg(long, value_name = "BYTES", default_value_t = 300, value_parser = clap::value_parser!(u64).range(40..=15_000))]
    pub payload_bytes: u64,
    /// Access tokens, one a line [default: guests are signed in]
    #[arg(long, value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// Where the sockets are, several behind commas: rooms' players sit at different ones [default: --url]
    #[arg(long = "gateways", value_name = "ADDRESS:PORT", value_delimiter = ',')]
    pub gateways: Vec<SocketAddr>,
    /// Processes of this machine whose CPU is reported, by where they listen: gateway=8081,8082; may be repeated
    #[arg(long = "watch", value_name = "NAME=PORT,PORT")]
    pub watched: Vec<Watched>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

impl ServeArgs {
    /// What was given on the command line, by key.
    pub fn flags(&self) -> Vec<Flag> {
        served_flags(&self.listen, &self.data_dir)
    }
}

impl RoleArgs {
    /// What was given on the command line, by key.
    pub fn flags(&self) -> Vec<Flag> {
        served_flags(&self.listen, &None)
    }
}

impl CheckoutArgs {
    /// What was given on the command line, by key.
    pub fn flags(&self) -> Vec<Flag> {
        served_flags(&self.listen, &None)
    }
}

impl ServedArgs {
    /// What was given on the command line, by key.
    pub fn flags(&self) -> Vec<Flag> {
        served_flags(&self.listen, &self.data_dir)
    }
}

fn served_flags(listen: &Option<String>, data_dir: &Option<PathBuf>) -> Vec<Flag> {
    let listen = listen
        .iter()
        .map(|listen| Flag::new("--listen", "server.listen", listen));
    listen.chain(data_dir_flag(data_dir)).collect()
}

impl DeploymentArgs {
    /// What was given on the command line, by key.
    pub fn flags(&self) -> Vec<Flag> {
        data_dir_flag(&self.data_dir).into_iter().collect()
    }
}

fn data_dir_flag(data_dir: &Option<PathBuf>) -> Option<Flag> {
    let path = data_dir.as_ref()?.to_string_lossy();
    Some(Flag::new("--data-dir", "server.data_dir", path))
}

fn parse_bench_tokens(text: &str) -> Result<BenchTokens, String> {
    let parts = text
        .rsplit_once(':')
        .and_then(|(file, count)| Some((file, count.parse().ok()?)));
    match parts {
        Some((file, count @ 1..=1_000_000)) if !file.is_empty() => Ok(BenchTokens {
            file: file.into(),
            count,
        }),
        _ => Err("takes FILE:N, a file's path and a number from 1 to 1000000".to_owned()),
    }
}

fn parse_type(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('*').unwrap_or(text);
    match !text.is_empty() && !name.contains('*') {
        true => Ok(text.to_owned()),
        false => Err("takes an event type, or its beginning and *".to_owned()),
    }
}

fn parse_instant(text: &str) -> Result<Millis, String> {
    let takes = || "takes an RFC 3339 time, or a time ago: 30s, 15m, 2h, 1d".to_owned();
    let ago = || {
        let unit = text.chars().next_back()?;
        let unit_ms = match unit {
            's' => 1_000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            _ => return None,
        };
        let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
        Some(clock::now().plus(-(i64::from(number) * unit_ms)))
    };
    ago()
        .or_else(|| blazing_sun_console::messages::instant(text))
        .ok_or_else(takes)
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (0.0..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "takes a number of seconds from 0 to 86400".to_owned())
}

fn parse_percent(text: &str) -> Result<f64, String> {
    let percent = text
        .parse()
        .ok()
        .filter(|percent| *percent > 0.0 && *percent < 100.0);
    percent.ok_or_else(|| "takes a number between 0 and 100".to_owned())
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .ok()
        .filter(|rate| *rate > 0.0 && *rate <= 10_000_000.0);
    rate.ok_or_else(|| "takes a number of commands a second above 0".to_owned())
}

#[cfg(test)]
mod reference;

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn bench_tokens_need_a_file_and_a_number() {
        let parsed = parse_bench_tokens("/tmp/a:b:12").unwrap();
        assert_eq!(
            parsed,
            BenchTokens {
                file: "/tmp/a:b".into(),
                count: 12
            }
        );
        for bad in ["", "x", ":3", "x:", "x:0", "x:-1"] {
            assert!(parse_bench_tokens(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn wrong_input_is_refused() {
        for bad in [
            vec!["serve", "--bench-tokens", "x:1"],
            vec!["bench", "rooms", "--rooms", "0"],
            vec!["bench", "rooms", "--rate", "0"],
            vec!["bench", "rooms", "--seconds", "-1"],
            vec!["bench", "rooms", "--game", "chess"],
            vec!["bench", "fanout", "--stalled", "100"],
            vec!["bench", "fanout", "--stalled", "10", "--ramp"],
            vec!["bench", "fanout", "--subscribers", "1"],
            vec!["bench", "idle", "--connections", "0"],
            vec!["gateway", "--data-dir", "x"],
            vec!["backend", "--bench-tokens", "x:1"],
            vec!["keys"],
            vec!["keys", "create"],
            vec!["bench", "rooms", "--watch", "gateway"],
            vec!["bench", "rooms", "--gateways", "localhost"],
            vec!["bench", "floor"],
            vec!["bench", "cluster", "--kafka", "localhost:9092"],
            vec!["tail"],
            vec!["tail", "games.events", "--type", ""],
            vec!["tail", "games.events", "--type", "*.rolled"],
            vec!["dance"],
        ] {
            let line = std::iter::once("blazing-sun").chain(bad.iter().copied());
            assert!(CommandLine::try_parse_from(line).is_err(), "{bad:?}");
        }
    }
}
