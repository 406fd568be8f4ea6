//! What the engine does when a commit fails.

use super::{Accepted, EngineError, Running, Work};
use crate::store::{PresenceChange, StoreError};
use blazing_sun_backbone::log::sqlite::{Batch, PendingAppend};
use blazing_sun_backbone::log::{LogError, NewRecord, Record};
use blazing_sun_backbone::partitioner::partition_of;
use blazing_sun_domain::{Millis, UserId};
use std::time::{Duration, Instant};

/// How long the engine waits after a failed commit, doubled with each further one up to the most.
const BACKOFF_MS: u64 = 100;
const BACKOFF_MS_MAX: u64 = 1_600;

impl Running {
    /// Nothing of the batch was written, and state is read again. Where one of several appends is what
    /// the store can not take, each is tried alone; otherwise all are refused, and the engine waits
    /// before it tries more.
    pub(super) fn after_failure(
        &mut self,
        now: Millis,
        batch: Batch,
        accepted: Vec<Accepted>,
        error: StoreError,
    ) -> Result<(), EngineError> {
        let refuse_all = |accepted: Vec<Accepted>| {
            for accepted in accepted {
                (accepted.appended)(Err(LogError::Unavailable));
            }
        };
        if matches!(error, StoreError::Fenced { .. } | StoreError::Closed) {
            refuse_all(accepted);
            return Err(error.into());
        }
        self.failures += 1;
        // Where one is at fault, it is tried alone in the end.
        let of_one = match accepted.len() {
            1 => batch.records().first(),
            _ => None,
        };
        tracing::error!(
            error = with_sources(&error),
            correlation_id = of_one.and_then(|record| record.headers.text("correlation_id")),
            appends = accepted.len(),
            failures = self.failures,
            "a batch was not committed; all state is read again"
        );
        if !error.is_of_what_was_written() || accepted.len() <= 1 {
            refuse_all(accepted);
            self.store.appender.rolled_back(batch);
            let wait_ms = BACKOFF_MS << (self.failures - 1).min(8);
            std::thread::sleep(Duration::from_millis(wait_ms.min(BACKOFF_MS_MAX)));
            return self.recover();
        }
        let mut begin = 0;
        let mut again = Vec::new();
        for Accepted { end, appended, .. } in accepted {
            let records = batch.records()[begin..end].iter().map(as_new).collect();
            begin = end;
            again.push(PendingAppend {
                records,
                arrived: Instant::now(),
                appended,
            });
        }
        self.store.appender.rolled_back(batch);
        self.recover()?;
        for append in again {
            let work = Work {
                appends: vec![append],
                horizon: Millis(i64::MIN),
                ..Work::default()
            };
            self.one_batch(now, work)?;
        }
        Ok(())
    }

    /// Who is connected is kept over a failed commit, and read nowhere: the next commit writes it.
    pub(super) fn presence_is_unwritten(&mut self, changes: &[PresenceChange]) {
        let connections = changes.iter().map(PresenceChange::connection);
        let owned = connections.map(|(user, id)| (user, id.to_owned()));
        self.unwritten.extend(owned);
    }

    pub(super) fn unwritten_presence(&mut self) -> Vec<PresenceChange> {
        let unwritten = std::mem::take(&mut self.unwritten).into_iter();
        let row = |(user, connection_id): (UserId, String)| {
            let owner = partition_of(user.to_string().as_bytes(), self.rules.partitions);
            self.partitions[owner as usize].connection_row(user, &connection_id)
        };
        unwritten.map(row).collect()
    }
}

fn as_new(record: &Record) -> NewRecord {
    NewRecord {
        topic: record.topic.clone(),
        partition: Some(record.partition),
        key: record.key.clone(),
        headers: record.headers.clone(),
        payload: record.payload.clone(),
    }
}

/// An error with all that caused it, on one line.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
