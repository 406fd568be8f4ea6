//! A log that drives itself: its own connection, on its own thread.

use super::{SqliteAppender, SqliteLogError, SqliteLogOptions};
use crate::log::{LogError, Position};
use blazing_sun_domain::Millis;
use rusqlite::Connection;
use std::sync::Arc;
use std::thread::{JoinHandle, ThreadId};

const RECORDS_PER_COMMIT: usize = 4_096;

/// Ends the thread when the last handle goes.
pub(super) struct Driver {
    shared: Arc<super::Shared>,
    thread: Option<JoinHandle<()>>,
    thread_id: ThreadId,
}

impl Driver {
    pub(super) fn start(
        conn: Connection,
        mut appender: SqliteAppender,
        shared: Arc<super::Shared>,
        options: &SqliteLogOptions,
    ) -> Result<Driver, SqliteLogError> {
        let clock = Arc::clone(&options.clock);
        appender.set_floor(u64::MAX);
        let thread = std::thread::Builder::new()
            .name("sqlite-log".into())
            .spawn(move || drive(&conn, &mut appender, &*clock))
            .map_err(SqliteLogError::Thread)?;
        let thread_id = thread.thread().id();
        Ok(Driver {
            shared,
            thread: Some(thread),
            thread_id,
        })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.queue.close();
        // The last handle may be dropped in a callback, which runs on the thread itself.
        if std::thread::current().id() != self.thread_id
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn drive(conn: &Connection, appender: &mut SqliteAppender, clock: &dyn Fn() -> Millis) {
    loop {
        let waited = appender.wait(None, RECORDS_PER_COMMIT);
        if waited.appends.is_empty() {
            match waited.closed {
                true => return,
                false => continue,
            }
        }
        let mut batch = appender.begin(clock());
        let (mut pushed, mut callbacks) = (Vec::new(), Vec::new());
        for append in waited.appends {
            let positions: Result<Vec<Position>, LogError> = append
                .records
                .into_iter()
                .map(|record| batch.push(record))
                .collect();
            pushed.push(positions);
            callbacks.push(append.appended);
        }
        let written = (|| {
            conn.execute_batch("BEGIN IMMEDIATE")?;
            appender.write(&batch, conn)?;
            conn.execute_batch("COMMIT")?;
            Ok::<_, LogError>(())
        })();
        match &written {
            Ok(()) => appender.committed(batch),
            Err(error) => {
                tracing::error!(error = error as &dyn std::error::Error, "log.commit_failed");
                if !conn.is_autocommit() {
                    let _ = conn.execute_batch("ROLLBACK");
                }
                appender.rolled_back(batch);
            }
        }
        for (positions, appended) in pushed.into_iter().zip(callbacks) {
            appended(written.clone().and(positions));
        }
    }
}
