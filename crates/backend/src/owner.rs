//! A backend among several, on Apache Kafka and PostgreSQL: a thread for each partition that it owns, one
//! that reads for them, one that publishes, one that asks where topics end.

mod actor;
mod aside;
mod batch;
mod begin;
mod caution;
mod consumer;
mod failure;
mod figures;
mod forwarded;
mod hold;
mod horizon;
mod identity;
mod lanes;
mod lists;
mod liveness;
mod losses;
mod mailbox;
mod member;
mod publisher;
mod readiness;
mod receipts;
mod refused;
mod republish;
mod retries;
mod shared;
mod tails;

pub use self::figures::Figures;
pub use self::identity::{Adopted, Configured, adopt_topics, mismatches};
pub use self::readiness::{NotReady, Readiness};

use self::actor::Actor;
use self::consumer::Consumer;
use self::horizon::Horizon;
use self::lists::{Queries, answer_all};
use self::mailbox::{Mailbox, Wanted};
use self::publisher::{Publisher, PublisherError};
use self::shared::Shared;
use self::tails::Tails;
use crate::chat::ChatRules;
use crate::live::Live;
use crate::metrics::METRICS;
use crate::partition::{Held, Rules, panic_text};
use crate::store::StoreError;
use crate::store::operators::LiveSettings;
use crate::store::postgres::{PgDirectory, PgOperators, PgOptions, PgPool};
use crate::wallet::WalletRules;
use blazing_sun_backbone::credentials::{ClusterMac, Sealer};
use blazing_sun_backbone::log::LogError;
use blazing_sun_backbone::log::kafka::{KafkaLog, KafkaOffsets, KafkaOptions};
use blazing_sun_domain::room::RoomLimits;
use blazing_sun_domain::{Cents, Games};
use parking_lot::Mutex;
use rdkafka::error::KafkaError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, LazyLock, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// How long owners save beside what they decide, before they end.
const SAVE_WITHIN: Duration = Duration::from_secs(5);
/// How long owners are given for their last batch.
const END_WITHIN: Duration = Duration::from_secs(15);

/// What a backend is started with.
pub struct OwnerOptions {
    /// The brokers.
    pub kafka: KafkaOptions,
    /// The database.
    pub postgres: PgOptions,
    /// How operators see this process in the database.
    pub name: String,
    /// Partitions of every topic; fixed when the topics are made.
    pub partitions: u32,
    /// The games, with what they cost.
    pub games: Games,
    /// Opens room passwords and seals room secrets.
    pub sealer: Sealer,
    /// Keeps room passwords.
    pub mac: ClusterMac,
    /// What every account starts with.
    pub demo_grant: Cents,
    /// The one currency, lower case.
    pub currency: String,
    /// What money from outside is decided by.
    pub wallet: WalletRules,
    /// How long a user's last connection is gone before the rooms are told.
    pub gone_ms: i64,
    /// The same for connections that were known before a partition was taken over.
    pub gone_after_restart_ms: i64,
    /// A gateway that says nothing for so long is gone.
    pub gateway_silence_ms: i64,
    /// What new rooms are bounded by.
    pub limits: RoomLimits,
    /// What may be written, and how often.
    pub chat: ChatRules,
    /// What operators change meanwhile.
    pub live: Live,
    /// How long batches are kept that nobody needs any more.
    pub retention_ms: i64,
    /// For measuring alone: without limits, on a database that is for nothing else.
    pub for_bench: bool,
}

/// Why a backend could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The brokers failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A client of the brokers refused its settings.
    #[error("a Kafka consumer could not be made")]
    Kafka(#[source] KafkaError),
    /// There is no producer.
    #[error(transparent)]
    Publisher(#[from] PublisherError),
    /// The system gave no thread.
    #[error("the system gave no thread")]
    Thread(#[from] std::io::Error),
    /// The group has given away a partition of some topics and not of the others.
    #[error(
        "the group `blazing_sun` gives partition {partition} of {topics:?} alone to this process: all consumed \
         topics need the same number of partitions, and all members of the group the same topics"
    )]
    Torn {
        /// The partition.
        partition: u32,
        /// Of which topics it was given.
        topics: Vec<String>,
    },
    /// A fault of this program; what was not committed was not done.
    #[error("the owner of partition {partition} panicked: {text}")]
    Panicked {
        /// The partition.
        partition: u32,
        /// What the panic said.
        text: String,
    },
    /// The keys are another deployment's: what is sealed in the database could not be opened with them.
    #[error(
        "the database belongs to a deployment with other keys: all processes of a deployment need the file that its first \
         backend was started with"
    )]
    Keys,
    /// A database that knows nothing yet, beside topics that others have written.
    #[error(
        "the database is new, and `{topic}` holds events of a deployment already: name that one's database, or another \
         `kafka.topic_prefix`"
    )]
    Topics {
        /// One of them, as the brokers call it.
        topic: String,
    },
    /// The database belongs to topics elsewhere.
    #[error(
        "the database belongs to the topics on {found}, and this server is configured for {wanted}: set \
         `kafka.bootstrap_servers` and `kafka.topic_prefix` to where its topics are; if it is to go on with the configured \
         ones, stop all backends and run `blazing-sun topics adopt`"
    )]
    OtherTopics {
        /// As stored at the first start, or when topics were adopted.
        found: String,
        /// As configured.
        wanted: String,
    },
    /// Owners are at work on the database.
    #[error("backends run on the database, with {partitions} partitions: stop all of them first")]
    Running {
        /// How many are owned.
        partitions: i64,
    },
    /// The database belongs to another number of partitions.
    #[error(
        "the database belongs to topics with {found} partitions, and `log.partitions` is {wanted}: set it to {found}; it \
         never changes, for it decides which rooms and users a partition has"
    )]
    Partitions {
        /// As stored at the first start.
        found: String,
        /// As configured.
        wanted: String,
    },
    /// The database holds another deployment's kind of money.
    #[error(
        "the database holds a deployment of `{found}`, this server is configured for `{wanted}`"
    )]
    Money {
        /// As stored at the first start.
        found: String,
        /// As configured.
        wanted: String,
    },
    /// The database is for something else.
    #[error(
        "the database is for {found}, this backend was started for {wanted}: what is measured without limits has a \
         database and topics of its own"
    )]
    Purpose {
        /// As stored at the first start.
        found: String,
        /// As started.
        wanted: String,
    },
}

/// A running backend.
pub struct Backend {
    log: KafkaLog,
    pool: PgPool,
    shared: Arc<Shared>,
    consumer: Consumer,
    threads: Mutex<Vec<JoinHandle<()>>>,
    commits: watch::Receiver<u64>,
    ended: watch::Receiver<bool>,
    was_ready: Arc<AtomicBool>,
}

impl Backend {
    /// Brings topics and schema about, and joins those who own partitions. Within a runtime.
    pub async fn start(options: OwnerOptions) -> Result<Backend, OwnerError> {
        // So that they are there, as 0, before anything happens.
        LazyLock::force(&METRICS);
        let kafka = options.kafka.clone();
        let connect = move || -> Result<(KafkaLog, KafkaOffsets), LogError> {
            let log = KafkaLog::connect(kafka.clone(), None)?;
            Ok((log, KafkaOffsets::connect(&kafka)?))
        };
        let (log, offsets) = blocking(connect).await??;
        let pool = identity::open(&options, &log, &offsets).await?;
        // Before a partition is owned: nothing is decided by what an operator has changed since.
        let changed = PgOperators::new(pool.clone()).all().await?;
        options.live.set(changed.live_set());
        let (queries, asked) = mpsc::unbounded_channel();
        let (shared, commits, ended) = share(options, offsets, queries)?;
        tokio::spawn(answer_all(
            PgDirectory::new(pool.clone()),
            asked,
            Arc::clone(&shared.mailboxes),
        ));
        let threads = (0..shared.rules.partitions).map(|partition| own(partition, &shared));
        let threads = threads.collect::<Result<Vec<_>, _>>()?;
        let kafka = shared.tails.options.clone();
        let joining = Arc::clone(&shared);
        let consumer = blocking(move || Consumer::start(&kafka, joining)).await??;
        Ok(Backend {
            log,
            pool,
            shared,
            consumer,
            threads: Mutex::new(threads),
            commits,
            ended,
            was_ready: Arc::default(),
        })
    }

    /// The log, for gateways and everyone else.
    pub fn log(&self) -> KafkaLog {
        self.log.clone()
    }

    /// The database, for the HTTP API.
    pub fn pool(&self) -> PgPool {
        self.pool.clone()
    }

    /// Counts commits of this process; what others commit is looked for now and then.
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.commits.clone()
    }

    /// Whether it has come to own partitions.
    pub fn readiness(&self) -> Readiness {
        Readiness {
            assigned: self.consumer.assigned(),
            mailboxes: Arc::clone(&self.shared.mailboxes),
            was_ready: Arc::clone(&self.was_ready),
        }
    }

    /// How much it holds in memory; none where an owner does not answer.
    pub async fn held(&self) -> Option<Held> {
        self.figures().held().await
    }

    /// What it has before it and behind it.
    pub fn figures(&self) -> Figures {
        Figures::of(&self.shared)
    }

    /// The partitions that it owns and decides in.
    pub fn owned(&self) -> Vec<u32> {
        figures::owned(&self.shared.mailboxes)
    }

    /// Waits until the backend ends by itself, which is always a failure.
    pub async fn failed(&self) -> Arc<OwnerError> {
        let mut ended = self.ended.clone();
        loop {
            if let Some(error) = self.shared.failed.get() {
                return Arc::clone(error);
            }
            if ended.changed().await.is_err() {
                // Ended as asked: there is nothing to report.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Commits what is begun, saves and publishes everything, and leaves the group. May be called more than
    /// once; blocks.
    pub fn stop(&self) {
        for mailbox in self.shared.mailboxes.iter() {
            mailbox.prepare_end();
        }
        let until = Instant::now() + SAVE_WITHIN;
        for (partition, mailbox) in (0..).zip(self.shared.mailboxes.iter()) {
            if !mailbox.wait_saved(until) {
                tracing::warn!(
                    partition,
                    "not everything is saved in time; the last batch saves it"
                );
            }
        }
        self.end(Wanted::End);
    }

    /// Ends as a kill would, as far as others can see: nothing is saved or handed over. For tests.
    #[doc(hidden)]
    pub fn abandon(&self) {
        self.end(Wanted::Abandoned);
    }

    /// Publishes nothing from now on, or all that was held back, by a new producer. For tests.
    #[doc(hidden)]
    pub fn hold_back(&self, is_held: bool) {
        self.shared.publisher.hold(is_held);
    }

    fn end(&self, wanted: Wanted) {
        for mailbox in self.shared.mailboxes.iter() {
            mailbox.want(wanted);
        }
        let until = Instant::now() + END_WITHIN;
        for (partition, mailbox) in (0..).zip(self.shared.mailboxes.iter()) {
            if !mailbox.wait_noted(until) {
                tracing::warn!(partition, "an owner does not end; the fence will stop it");
            }
        }
        self.consumer.stop();
        self.shared.publisher.stop();
        self.threads.lock().clear();
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, OwnerError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| OwnerError::Thread(std::io::Error::other(error)))
}

type Started = (Arc<Shared>, watch::Receiver<u64>, watch::Receiver<bool>);

fn share(
    options: OwnerOptions,
    offsets: KafkaOffsets,
    queries: Queries,
) -> Result<Started, OwnerError> {
    let partitions = options.partitions;
    let mailboxes: Arc<Vec<Mailbox>> = Arc::new((0..partitions).map(|_| Mailbox::new()).collect());
    let publisher = {
        let mailboxes = Arc::clone(&mailboxes);
        let wake = move |partition: u32| mailboxes[partition as usize].wake();
        Publisher::start(&options.kafka, offsets.clone(), partitions, wake)?
    };
    let horizon = Horizon::start(offsets.clone(), Arc::clone(&mailboxes))?;
    let (commits_sender, commits) = watch::channel(0);
    let (ended_sender, ended) = watch::channel(false);
    let shared = Shared {
        rules: Rules {
            games: options.games,
            limits: options.limits,
            partitions,
            sealer: options.sealer,
            mac: options.mac,
            demo_grant: options.demo_grant,
            currency: options.currency,
            wallet: options.wallet,
            gone_ms: options.gone_ms,
            gone_after_restart_ms: options.gone_after_restart_ms,
            gateway_silence_ms: options.gateway_silence_ms,
            chat: options.chat,
            live: options.live,
        },
        postgres: options.postgres,
        name: options.name,
        retention_ms: options.retention_ms,
        mailboxes,
        publisher,
        horizon,
        queries,
        commits: commits_sender,
        told: Mutex::default(),
        decided: (0..partitions).map(|_| Mutex::default()).collect(),
        unpublished: (0..partitions).map(|_| AtomicU64::new(0)).collect(),
        tails: Tails {
            options: options.kafka,
            offsets,
        },
        failed: OnceLock::new(),
        ended: ended_sender,
    };
    Ok((Arc::new(shared), commits, ended))
}

fn own(partition: u32, shared: &Arc<Shared>) -> std::io::Result<JoinHandle<()>> {
    let actor = Actor::new(partition, Arc::clone(shared));
    let shared = Arc::clone(shared);
    std::thread::Builder::new()
        .name(format!("partition {partition}"))
        .spawn(move || {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| actor.run())) {
                let text = panic_text(&*panic);
                shared.fail(OwnerError::Panicked { partition, text });
            }
        })
}
