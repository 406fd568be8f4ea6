//! The embedded engine: one thread, one connection, one transaction a loop for all partitions. It
//! appends what was queued, decides it, appends what came of it and commits. Once that is durable, and
//! not before, it is acknowledged and delivered.

mod durability;
#[cfg(feature = "failpoints")]
mod failpoints;
mod failure;
mod recovery;

use self::durability::{Outcome, Syncer};
use crate::chat::ChatRules;
use crate::directory::Directory;
use crate::live::Live;
use crate::metrics::METRICS;
use crate::outgoing::Outgoing;
use crate::partition::{
    Held, JOURNAL_TOPIC, ListAnswer, ListQuery, Partition, Rules, Turn, panic_text,
};
use crate::quarantine;
use crate::recovery::{RecentBatches, SAVED_PER_BATCH};
use crate::steady_clock::SteadyClock;
use crate::store::sqlite::{
    SqliteAccess, SqliteStore, WriteJobs, changed_settings, migrate, open_writer,
};
use crate::store::{Ownership, Store, StoreError, Writes};
use crate::traced::Committing;
use crate::wallet::WalletRules;
use blazing_sun_backbone::clock;
use blazing_sun_backbone::credentials::{ClusterMac, Sealer};
use blazing_sun_backbone::log::sqlite::{Batch, PendingAppend, SqliteLog, SqliteLogOptions};
use blazing_sun_backbone::log::{Appended, EventLog, LogError, Position, Record};
use blazing_sun_backbone::topics::{self, TopicSpec};
use blazing_sun_backbone::{is_planted, kill_point};
use blazing_sun_domain::room::RoomLimits;
use blazing_sun_domain::{Cents, Games, Millis, UserId};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// Records taken into one transaction.
const RECORDS_MAX: usize = 512;
/// How often the engine shows that it lives while rooms wait for a deadline, so that an outage's
/// length is known.
const ALIVE_MS: i64 = 1_000;

/// How long somebody waits to hear how much the engine holds.
const HELD_WITHIN: Duration = Duration::from_secs(5);

/// How often expired answers are looked for.
const SWEEP_MS: i64 = 600_000;
/// How often expired messages are deleted, some at a time: as many as can be written.
const MESSAGES_SWEEP_MS: i64 = 1_000;
/// Appends in a batch from which on it is synced beside the engine: another thread costs more than it
/// gains where the next batch is not there yet.
const SYNCED_BESIDE_MIN: usize = 4;

/// What an engine is started with.
pub struct EngineOptions {
    /// The SQLite file; made where it does not exist.
    pub path: PathBuf,
    /// Partitions of every topic; fixed when the file is made.
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
    /// Bounds of the log.
    pub log: SqliteLogOptions,
    /// How long a user's last connection is gone before the rooms are told.
    pub gone_ms: i64,
    /// The same after a restart, which cuts all connections.
    pub gone_after_restart_ms: i64,
    /// A gateway that says nothing for so long is gone.
    pub gateway_silence_ms: i64,
    /// What new rooms are bounded by.
    pub limits: RoomLimits,
    /// What may be written, and how often.
    pub chat: ChatRules,
    /// What operators change meanwhile.
    pub live: Live,
}

/// Why an engine could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The operating system gave no thread or no randomness.
    #[error("the system refused what the engine needs: {0}")]
    System(String),
    /// What was committed may not be on the disk; nothing of it was acknowledged.
    #[error("the write-ahead log could not be synced")]
    NotDurable(#[source] std::io::Error),
    /// A fault of this program; what was not committed was refused.
    #[error("the engine panicked: {0}")]
    Panicked(String),
    /// The file holds another deployment's kind of money.
    #[error(
        "the data directory holds a deployment of `{found}`, this server is configured for `{wanted}`"
    )]
    Money {
        /// As stored at the first start.
        found: String,
        /// As configured.
        wanted: String,
    },
}

/// A running engine.
pub struct Engine {
    log: SqliteLog,
    partitions: u32,
    access: SqliteAccess,
    committed: watch::Receiver<u64>,
    held_asked: HeldAsked,
    ended: watch::Receiver<Option<Arc<EngineError>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    _directory: Directory,
}

impl Engine {
    /// Opens the file, takes it over, recovers what was running, and goes on.
    pub fn start(options: EngineOptions) -> Result<Engine, EngineError> {
        // So that they are there, as 0, before anything happens.
        LazyLock::force(&METRICS);
        let mut connection = open_writer(&options.path)?;
        migrate(&mut connection)?;
        keep_money(&connection, options.wallet.money(&options.currency))?;
        // Before anything is decided.
        options.live.set(changed_settings(&connection)?.live_set());
        let (log, mut appender) = SqliteLog::open(&connection, &options.path, options.log)?;
        appender.ensure_topics(&all_topics(&options.games, options.partitions), &connection)?;

        let jobs = {
            let log = log.clone();
            WriteJobs::new(move || log.wake())
        };
        let (directory, answers) = Directory::start(&options.path, log.clone())
            .map_err(|error| EngineError::System(error.to_string()))?;
        let (committed_sender, committed) = watch::channel(0);
        let (ended_sender, ended) = watch::channel(None);
        let rules = Rules {
            games: options.games,
            limits: options.limits,
            partitions: options.partitions,
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
        };
        let syncer = {
            let (wal, log) = (write_ahead_log(&connection)?, log.clone());
            let rested = move |is_well: bool| {
                log.release();
                if !is_well {
                    log.wake();
                }
            };
            Syncer::start(move || wal.sync_data(), rested)
                .map_err(|error| EngineError::System(error.to_string()))?
        };
        let held_asked = HeldAsked::default();
        let mut running = Running {
            held_asked: Arc::clone(&held_asked),
            syncer,
            store: SqliteStore::new(connection, appender),
            ownership: Ownership {
                epoch: 0,
                batch_no: 0,
                last_alive: None,
            },
            partitions: Vec::new(),
            outgoing: Outgoing::new(u64::from_le_bytes(random()?)),
            rules,
            jobs: Arc::clone(&jobs),
            queries: directory.sender(),
            answers,
            committed: Arc::new(committed_sender),
            clock: SteadyClock::after(Millis::default()),
            failures: 0,
            unwritten: BTreeSet::new(),
            last_swept: Millis::default(),
            messages_swept: Millis::default(),
            last_commit: Millis::default(),
            recent: RecentBatches::default(),
        };
        running.store.write_back_all()?;
        running.store.write_back_is_ours(&options.path)?;
        running.ownership = running.store.take_over(clock::now())?;
        running.clock = SteadyClock::after(running.ownership.last_alive.unwrap_or_default());
        running.recover()?;
        running.recover_presence()?;
        running.store.sync_is_ours(Arc::clone(&jobs))?;
        let first = running.first_batch()?;
        tracing::info!(
            engine.epoch = running.ownership.epoch,
            engine.rooms = running
                .partitions
                .iter()
                .map(Partition::room_count)
                .sum::<usize>(),
            engine.outage_ms = first,
            "the engine owns the store"
        );
        let access = SqliteAccess::beside_engine(&options.path, Arc::clone(&jobs));
        let closing = log.clone();
        let thread = std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || {
                let ran = catch_unwind(AssertUnwindSafe(|| running.run()));
                let outcome =
                    ran.unwrap_or_else(|panic| Err(EngineError::Panicked(panic_text(&*panic))));
                closing.close();
                jobs.close(outcome.is_ok());
                if let Err(error) = &outcome {
                    tracing::error!(error = %error, "the engine has stopped");
                }
                ended_sender.send_replace(outcome.err().map(Arc::new));
            })
            .map_err(|error| EngineError::System(error.to_string()))?;
        Ok(Engine {
            log,
            partitions: options.partitions,
            access,
            committed,
            held_asked,
            ended,
            thread: Mutex::new(Some(thread)),
            _directory: directory,
        })
    }

    /// The log, for gateways and everyone else.
    pub fn log(&self) -> Arc<dyn EventLog> {
        Arc::new(self.log.clone())
    }

    /// The same, for who has to know that it is a file.
    pub fn log_file(&self) -> SqliteLog {
        self.log.clone()
    }

    /// The store, for the HTTP API.
    pub fn access(&self) -> SqliteAccess {
        self.access.clone()
    }

    /// Counts commits; changes whenever something new can be read.
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.committed.clone()
    }

    /// How many partitions it has, which are all.
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    /// How much it holds in memory; none once it has ended.
    pub async fn held(&self) -> Option<Held> {
        let (sender, receiver) = oneshot::channel();
        self.held_asked.lock().push(sender);
        self.log.wake();
        tokio::time::timeout(HELD_WITHIN, receiver).await.ok()?.ok()
    }

    /// Waits until the engine ends by itself, which is always a failure.
    pub async fn failed(&self) -> Arc<EngineError> {
        let mut ended = self.ended.clone();
        loop {
            if let Some(error) = ended.borrow_and_update().clone() {
                return error;
            }
            if ended.changed().await.is_err() {
                // Ended as asked: there is nothing to report.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Commits what is queued, saves everything and ends. May be called more than once.
    pub fn stop(&self) {
        self.log.close();
        if let Some(thread) = self.thread.lock().take() {
            // A panic of the thread has been told by `failed`.
            let _ = thread.join();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Who asks how much the engine holds.
type HeldAsked = Arc<Mutex<Vec<oneshot::Sender<Held>>>>;

/// Answers of the directory that wait for their batch.
pub(crate) type ListAnswers = Arc<Mutex<Vec<ListAnswer>>>;

struct Running {
    held_asked: HeldAsked,
    store: SqliteStore,
    syncer: Syncer,
    ownership: Ownership,
    partitions: Vec<Partition>,
    outgoing: Outgoing,
    rules: Rules,
    jobs: Arc<WriteJobs>,
    queries: std::sync::mpsc::Sender<ListQuery>,
    answers: ListAnswers,
    committed: Arc<watch::Sender<u64>>,
    clock: SteadyClock,
    /// Commits that failed since the last one that did not.
    failures: u32,
    /// Connections whose rows may not be as they have to be: of commits that failed.
    unwritten: BTreeSet<(UserId, String)>,
    /// When expired answers were last looked for.
    last_swept: Millis,
    /// When expired messages were last deleted.
    messages_swept: Millis,
    last_commit: Millis,
    recent: RecentBatches,
}

/// What was taken in for one transaction.
#[derive(Default)]
struct Work {
    appends: Vec<PendingAppend>,
    answers: Vec<ListAnswer>,
    /// Deadlines up to here fire: every record that was there when they came due is decided.
    horizon: Millis,
    /// By how much deadlines move, on the first batch.
    shift_ms: Option<i64>,
    /// Everything is saved, on the last batch.
    is_last: bool,
}

impl Running {
    fn run(mut self) -> Result<(), EngineError> {
        loop {
            let until = self.next_wake();
            let waited = self.store.appender.wait(until, RECORDS_MAX);
            if let Some(error) = self.syncer.failure() {
                for append in waited.appends {
                    (append.appended)(Err(LogError::Closed));
                }
                return Err(EngineError::NotDurable(error));
            }
            let now = self.clock.now();
            let horizon = match waited.oldest_left {
                Some(arrived) => Millis(now.0 - arrived.elapsed().as_millis() as i64 - 1),
                None => now,
            };
            self.store.add_jobs(self.jobs.take());
            let work = Work {
                appends: waited.appends,
                answers: std::mem::take(&mut *self.answers.lock()),
                horizon,
                shift_ms: None,
                is_last: waited.closed && !waited.more,
            };
            let is_last = work.is_last;
            self.one_batch(now, work)?;
            self.tell_held();
            if is_last {
                self.syncer.rest();
                let failure = self.syncer.failure().map(EngineError::NotDurable);
                return failure.map_or(Ok(()), Err);
            }
            self.store.write_back();
        }
    }

    fn tell_held(&self) {
        let asked = std::mem::take(&mut *self.held_asked.lock());
        if asked.is_empty() {
            return;
        }
        let mut held = Held::default();
        for partition in &self.partitions {
            partition.add_held(&mut held);
        }
        for sender in asked {
            // Who asked may have gone away.
            let _ = sender.send(held);
        }
    }

    /// The first batch after a start: deadlines move by the outage.
    fn first_batch(&mut self) -> Result<i64, EngineError> {
        let now = self.clock.now();
        let outage = self
            .ownership
            .last_alive
            .map_or(0, |alive| (now.0 - alive.0).max(0));
        let outage = if is_planted!(OutageRolls) { 0 } else { outage };
        let work = Work {
            horizon: Millis(i64::MIN),
            shift_ms: Some(outage),
            ..Work::default()
        };
        self.one_batch(now, work)?;
        if let Some(error) = self.syncer.failure() {
            return Err(EngineError::NotDurable(error));
        }
        match self.failures {
            0 => Ok(outage),
            _ => Err(EngineError::System(
                "the first batch could not be committed".to_owned(),
            )),
        }
    }

    /// The last sign of life, this process's or the one's before it.
    fn last_alive(&self) -> Option<Millis> {
        let own = Some(self.last_commit).filter(|at| *at != Millis::default());
        own.or(self.ownership.last_alive)
    }

    fn next_wake(&mut self) -> Option<Instant> {
        let due = self.partitions.iter().filter_map(Partition::next_due).min();
        let alive = self
            .partitions
            .iter()
            .any(Partition::has_deadlines)
            .then(|| self.last_commit.plus(ALIVE_MS));
        let next = due.into_iter().chain(alive).min()?;
        let wait_ms = (next.0 - self.clock.now().0).clamp(0, 3_600_000) as u64;
        Some(Instant::now() + Duration::from_millis(wait_ms))
    }

    fn one_batch(&mut self, now: Millis, mut work: Work) -> Result<(), EngineError> {
        let appends = std::mem::take(&mut work.appends);
        let mut batch = self.store.appender.begin(now);
        let mut accepted = Vec::with_capacity(appends.len());
        for append in appends {
            let (mut positions, mut failed) = (Vec::with_capacity(append.records.len()), None);
            for record in append.records {
                match batch.push(record) {
                    Ok(position) => positions.push(position),
                    Err(error) => failed = Some(error),
                }
                #[cfg(feature = "failpoints")]
                failpoints::push_poison(&mut batch);
            }
            let outcome: Result<Vec<Position>, LogError> = failed.map_or(Ok(positions), Err);
            accepted.push(Accepted {
                outcome,
                end: batch.records().len(),
                appended: append.appended,
            });
        }
        let mut writes = Writes {
            now,
            presence: self.unwritten_presence(),
            ..Writes::default()
        };
        let mut queries = Vec::new();
        kill_point!(Taken);
        if is_planted!(AckEarly) {
            for accepted in accepted.drain(..) {
                (accepted.appended)(accepted.outcome);
            }
            // Long enough for clients to hear of it.
            std::thread::sleep(Duration::from_millis(20));
        }
        let begun = Instant::now();
        let decided = self.decide(&mut batch, &mut writes, &mut queries, &work);
        let decided_at = Instant::now();
        let committing = Committing::begin(self.outgoing.take_traced());
        let changed = !batch.records().is_empty()
            || !writes.rooms.is_empty()
            || !writes.inboxes.is_empty()
            || !writes.presence.is_empty()
            || !writes.queues.is_empty()
            || !writes.forgotten.is_empty()
            || !writes.quarantined.is_empty()
            || self.store.has_jobs();
        let is_alive_due = now.0 - self.last_commit.0 >= ALIVE_MS;
        if decided.is_ok() && !changed && !is_alive_due && !work.is_last {
            self.store.appender.rolled_back(batch);
            for accepted in accepted {
                (accepted.appended)(accepted.outcome);
            }
            return Ok(());
        }
        let outcome =
            decided.and_then(|()| self.store.commit(&mut self.ownership, &batch, &writes));
        let told = self.store.take_outcomes();
        let (jobs, written) = (Arc::clone(&self.jobs), self.jobs.begun());
        if let Err(error) = outcome {
            METRICS.commit_failures.inc();
            self.presence_is_unwritten(&writes.presence);
            told.into_iter().for_each(|outcome| outcome(false));
            if self.syncer.is_at_rest() {
                jobs.is_durable(written);
            } else {
                // Not before those that are under way.
                self.syncer.later(Box::new(move |is_durable| {
                    if is_durable {
                        jobs.is_durable(written);
                    }
                }));
            }
            return self.after_failure(now, batch, accepted, error);
        }
        let committed_at = Instant::now();
        let publishing = committing.map(|committing| committing.committed());
        let inputs: usize = accepted.iter().map(Accepted::records).sum();
        if inputs > 0 {
            METRICS.batch_records.observe(inputs as f64);
            METRICS.decide.observe((decided_at - begun).as_secs_f64());
            METRICS
                .commit
                .observe((committed_at - decided_at).as_secs_f64());
        }
        METRICS.committed(&writes);
        self.recent.note(batch.batch_no(), batch.records().len());
        self.store.appender.set_floor(writes.floor);
        self.last_commit = now;
        self.failures = 0;
        let is_beside = !work.is_last
            && (accepted.len() >= SYNCED_BESIDE_MIN || self.store.appender.has_queued());
        let delivery = self.store.appender.written(batch);
        let committed = Arc::clone(&self.committed);
        let directory = self.queries.clone();
        let outcome: Outcome = Box::new(move |is_durable| {
            told.into_iter().for_each(|outcome| outcome(is_durable));
            if !is_durable {
                for accepted in accepted {
                    (accepted.appended)(Err(LogError::Closed));
                }
                return;
            }
            kill_point!(Committed);
            jobs.is_durable(written);
            // Events first: an acknowledgement wakes its socket directly, and both then leave in one write.
            delivery.deliver();
            for accepted in accepted {
                (accepted.appended)(accepted.outcome);
            }
            if inputs > 0 {
                METRICS
                    .publish
                    .observe(committed_at.elapsed().as_secs_f64());
            }
            drop(publishing);
            committed.send_modify(|count| *count += 1);
            for query in queries {
                // A directory that has ended answers nobody; the client asks again.
                let _ = directory.send(query);
            }
        });
        if is_beside || !self.syncer.is_at_rest() && !work.is_last {
            self.store.appender.hold();
            self.syncer.later(outcome);
        } else {
            self.syncer.now(outcome);
        }
        Ok(())
    }

    fn decide(
        &mut self,
        batch: &mut Batch,
        writes: &mut Writes,
        queries: &mut Vec<ListQuery>,
        work: &Work,
    ) -> Result<(), StoreError> {
        self.outgoing.set_now(batch.now());
        self.partitions.iter_mut().for_each(Partition::begin_batch);
        let last_alive = self.last_alive();
        let mut balances = BTreeMap::new();
        let mut fresh_secret = || random().ok();
        let mut turn = Turn {
            now: batch.now(),
            batch_no: batch.batch_no(),
            store: &mut self.store,
            writes,
            outgoing: &mut self.outgoing,
            balances: &mut balances,
            queries,
            rules: &self.rules,
            live: self.rules.live.as_it_is(),
            is_congested: false,
            fresh_secret: &mut fresh_secret,
        };
        if let Some(by_ms) = work.shift_ms {
            for partition in &mut self.partitions {
                partition.shift_deadlines(&mut turn, by_ms)?;
            }
        }
        for partition in &mut self.partitions {
            partition.bring_back(&mut turn)?;
        }
        for (query, body) in &work.answers {
            if let Some(partition) = self.partitions.get(query.partition as usize) {
                partition.answer_list(&mut turn, query, body.as_deref());
            }
        }
        let mut taken = 0;
        take_all(&mut self.partitions, &mut turn, batch, &mut taken)?;
        for partition in &mut self.partitions {
            partition.fire(&mut turn, work.horizon, usize::MAX)?;
        }
        take_all(&mut self.partitions, &mut turn, batch, &mut taken)?;
        if batch.now().0 - self.last_swept.0 >= SWEEP_MS {
            self.last_swept = batch.now();
            for partition in &mut self.partitions {
                partition.forget_old_answers(&mut turn);
            }
        }
        if batch.now().0 - self.messages_swept.0 >= MESSAGES_SWEEP_MS {
            self.messages_swept = batch.now();
            let kept_from = batch.now().plus(-turn.rules.chat.kept_ms);
            turn.writes.messages_kept_from = Some(kept_from);
        }
        let (until, most) = if work.is_last {
            (u64::MAX, usize::MAX)
        } else {
            (self.recent.first(), SAVED_PER_BATCH)
        };
        // Before others are saved, which may fail: of this batch's inputs the log has none yet.
        let since = last_alive.unwrap_or(turn.now);
        quarantine::keep(
            &mut self.partitions,
            &mut turn,
            since,
            |store, from, note| {
                for batch in SqliteLog::batches_from(store.connection(), from)? {
                    let (batch_no, _, records) = batch?;
                    let journal = |record: &&Record| record.topic.as_str() == JOURNAL_TOPIC;
                    for record in records.iter().filter(journal) {
                        note(batch_no, &record.payload)?;
                    }
                }
                Ok(())
            },
        )?;
        for partition in &mut self.partitions {
            partition.save(&mut turn, until, most)?;
        }
        // A room that could not be saved has ended.
        take_all(&mut self.partitions, &mut turn, batch, &mut taken)?;
        let floor = self.partitions.iter().filter_map(Partition::floor).min();
        turn.writes.floor = floor.unwrap_or(batch.batch_no() + 1);
        Ok(())
    }
}

/// An append that is in the batch.
struct Accepted {
    outcome: Result<Vec<Position>, LogError>,
    /// One past its last record in the batch.
    end: usize,
    appended: Appended,
}

impl Accepted {
    fn records(&self) -> usize {
        self.outcome.as_ref().map_or(0, Vec::len)
    }
}

/// Decides every record of the batch, those too that deciding adds.
fn take_all(
    partitions: &mut [Partition],
    turn: &mut Turn<'_, SqliteStore>,
    batch: &mut Batch,
    taken: &mut usize,
) -> Result<(), StoreError> {
    loop {
        for record in turn.outgoing.records.drain(..) {
            batch.push(record)?;
        }
        let Some(record) = batch.records().get(*taken) else {
            return Ok(());
        };
        *taken += 1;
        if !Partition::consumes(record.topic.as_str()) {
            continue;
        }
        if let Some(partition) = partitions.get_mut(record.partition as usize) {
            partition.take(turn, record)?;
        }
    }
}

fn random<const N: usize>() -> Result<[u8; N], EngineError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| EngineError::System(error.to_string()))?;
    Ok(bytes)
}

/// SQLite's write-ahead log. Its locks are on other files: they outlive the closing of this one.
fn write_ahead_log(connection: &rusqlite::Connection) -> Result<std::fs::File, EngineError> {
    // As SQLite names it, behind any symbolic link.
    let path = connection.path().unwrap_or_default();
    std::fs::File::open(format!("{path}-wal")).map_err(|error| {
        EngineError::System(format!("the write-ahead log can not be opened: {error}"))
    })
}

/// Every topic that exists here, the engine's own included.
fn all_topics(games: &Games, partitions: u32) -> Vec<TopicSpec> {
    let names: Vec<&str> = games.iter().map(|game| game.name).collect();
    let mut all = topics::all(&names, partitions);
    let retention_ms = all
        .iter()
        .map(|topic| topic.retention_ms)
        .max()
        .unwrap_or(-1);
    all.push(TopicSpec {
        name: JOURNAL_TOPIC.to_owned(),
        partitions,
        retention_ms,
    });
    all
}

/// A deployment has one money for ever.
fn keep_money(connection: &rusqlite::Connection, wanted: String) -> Result<(), EngineError> {
    let query = "INSERT INTO deployment (name, value) VALUES ('money', ?1) ON CONFLICT DO NOTHING";
    connection
        .execute(query, [&wanted])
        .map_err(StoreError::from)?;
    let query = "SELECT value FROM deployment WHERE name = 'money'";
    let found: String = connection
        .query_row(query, [], |row| row.get(0))
        .map_err(StoreError::from)?;
    if found == wanted {
        Ok(())
    } else {
        Err(EngineError::Money { found, wanted })
    }
}
