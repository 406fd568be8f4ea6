//! A deployment on PostgreSQL and an event log as an embedded database: one consistent snapshot, in the form that
//! audit, replay and the other tools read. Nothing is changed where it comes from.
//!
//! The batches of all partitions become one sequence. They are ordered by the number that each drew while it held
//! its locks, so that the order agrees with that of every partition and of every account.

mod copy;
mod numbering;
mod rows;
mod topics;

use crate::partition::Partition;
use crate::store::StoreError;
use crate::store::postgres::{PgPool, Run, decode_consumed, decode_records};
use blazing_sun_backbone::log::{
    EventLog, HeadersBuilder, LogError, NewRecord, Record, Start, Subscription, Topic,
};
use blazing_sun_backbone::messages::header;
use blazing_sun_domain::Millis;
use bytes::Bytes;
use copy::Copy;
use futures_util::TryStreamExt;
use numbering::Numbering;
use serde::Serialize;
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use topics::compare_topics;

/// What is large takes its time.
const PATIENT: &str =
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

/// What is exported, and where to.
pub struct ExportOptions {
    /// The database to make; there must be none.
    pub into: PathBuf,
    /// The games of the deployment.
    pub games: Vec<String>,
    /// Partitions of every topic.
    pub partitions: u32,
    /// Where the consumed records are, if they are to be in the copy too: each stands before what came of it. Those that
    /// have expired are left out.
    pub consumed_from: Option<Arc<dyn EventLog>>,
}

/// What an export holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Batches of all partitions.
    pub batches: u64,
    /// Consumed records.
    pub consumed: u64,
    /// Consumed records that the log does not have any more.
    pub expired: u64,
    /// Rows of the ledger.
    pub transfers: u64,
}

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store could not be read, or the copy not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There is something already.
    #[error("{} exists already: an export makes a new file", .0.display())]
    Exists(PathBuf),
    /// The thread that writes the copy has panicked.
    #[error("the export was cut off")]
    CutOff,
}

/// Reads one consistent snapshot into a new embedded database.
pub async fn export(pool: &PgPool, options: ExportOptions) -> Result<Exported, ExportError> {
    if options.into.exists() {
        return Err(ExportError::Exists(options.into));
    }
    let pool = pool.clone();
    let runtime = tokio::runtime::Handle::current();
    // The copy's connection stays on one thread.
    let exporting = tokio::task::spawn_blocking(move || {
        let exported = runtime.block_on(run(&pool, &options));
        if exported.is_err() {
            remove(&options.into);
        }
        exported
    });
    exporting.await.map_err(|_| ExportError::CutOff)?
}

/// What an export that failed leaves behind.
fn remove(database: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut name = database.as_os_str().to_owned();
        name.push(end);
        // It may not have come to that.
        let _ = std::fs::remove_file(name);
    }
}

async fn run(pool: &PgPool, options: &ExportOptions) -> Result<Exported, ExportError> {
    let mut client = pool.get().await?;
    let snapshot = client
        .build_transaction()
        .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await
        .map_err(StoreError::from)?;
    snapshot
        .batch_execute(PATIENT)
        .await
        .map_err(StoreError::from)?;
    let games: Vec<&str> = options.games.iter().map(String::as_str).collect();
    let mut copy = Copy::begin(&options.into, &games, options.partitions)?;
    let mut exported = Exported::default();
    let numbering = Numbering::read(&snapshot).await?;
    if numbering.has_expired() {
        copy.expire_earlier(numbering.first_at())?;
    }
    let mut consumed = options.consumed_from.clone().map(Consumed::new);
    let query =
        "SELECT partition, batch_no, at_ms, consumed, records FROM batch ORDER BY commit_no";
    let rows = snapshot
        .query_raw(query, Vec::<i64>::new())
        .await
        .map_err(StoreError::from)?;
    let mut rows = std::pin::pin!(rows);
    while let Some(row) = rows.try_next().await.map_err(StoreError::from)? {
        let partition = row.get::<_, i32>(0) as u32;
        let batch_no = row.get::<_, i64>(1) as u64;
        let mut records = Vec::new();
        if let Some(consumed) = &mut consumed {
            for run in decode_consumed(batch_no, row.get(3))? {
                let count = records.len();
                consumed.take(partition, &run, &mut records).await?;
                let found = (records.len() - count) as u64;
                exported.consumed += found;
                exported.expired += run.count.saturating_sub(found);
            }
        }
        let sent = decode_records(batch_no, &Bytes::copy_from_slice(row.get(4)))?;
        // What goes to owners stands where they consume it.
        let is_for_readers = |record: &NewRecord| !Partition::consumes(record.topic.as_str());
        records.extend(sent.into_iter().filter(is_for_readers));
        copy.batch(Millis(row.get(2)), records)?;
        if exported.batches == 0 && numbering.has_expired() {
            copy.expire_no_more()?;
        }
        exported.batches += 1;
    }
    exported.transfers = rows::copy_all(&snapshot, &copy, &numbering).await?;
    copy.finish(numbering.epoch(), numbering.alive(), numbering.floor())?;
    snapshot.rollback().await.map_err(StoreError::from)?;
    Ok(exported)
}

/// The consumed records, read on as they are asked for.
struct Consumed {
    log: Arc<dyn EventLog>,
    places: HashMap<(Topic, u32), Place>,
}

struct Place {
    subscription: Box<dyn Subscription>,
    ahead: VecDeque<Record>,
    /// The first offset that has not been read.
    next: u64,
    /// The first that did not exist when the reading began.
    end: u64,
}

impl Consumed {
    fn new(log: Arc<dyn EventLog>) -> Consumed {
        Consumed {
            log,
            places: HashMap::new(),
        }
    }

    /// The records of a run that are still there.
    async fn take(
        &mut self,
        partition: u32,
        run: &Run,
        out: &mut Vec<NewRecord>,
    ) -> Result<(), LogError> {
        let at = (run.topic.clone(), partition);
        if !self.places.contains_key(&at) {
            let bounds = self.log.bounds(&run.topic).await?;
            let bounds = bounds.get(partition as usize);
            let from = run.offset.max(bounds.map_or(0, |bounds| bounds.earliest));
            let start = (run.topic.clone(), partition, Start::Offset(from));
            let place = Place {
                subscription: self.log.subscribe(vec![start])?,
                ahead: VecDeque::new(),
                next: from,
                end: bounds.map_or(0, |bounds| bounds.end),
            };
            self.places.insert(at.clone(), place);
        }
        let Some(place) = self.places.get_mut(&at) else {
            return Ok(());
        };
        let until = (run.offset + run.count).min(place.end);
        loop {
            while place
                .ahead
                .front()
                .is_some_and(|record| record.offset < until)
            {
                let record = place.ahead.pop_front();
                out.extend(
                    record
                        .filter(|record| record.offset >= run.offset)
                        .map(|record| as_sent(&record)),
                );
            }
            if !place.ahead.is_empty() || place.next >= until {
                return Ok(());
            }
            let records = place.subscription.next().await?;
            place.next = records
                .last()
                .map_or(place.next, |record| record.offset + 1);
            let passed = place.subscription.passed();
            place.next = passed
                .iter()
                .fold(place.next, |next, (.., at)| next.max(*at));
            place.ahead.extend(records);
        }
    }
}

/// A consumed record as it stands in an embedded log: without the marks of the outbox that passed it on.
fn as_sent(record: &Record) -> NewRecord {
    let mut headers = HeadersBuilder::default();
    for (name, value) in record.headers.iter() {
        let name = String::from_utf8_lossy(name);
        if name != header::OUTBOX_FROM && name != header::OUTBOX_SEQ {
            headers.push(&name, value);
        }
    }
    NewRecord {
        topic: record.topic.clone(),
        partition: Some(record.partition),
        key: record.key.clone(),
        headers: headers.build(),
        payload: record.payload.clone(),
    }
}
