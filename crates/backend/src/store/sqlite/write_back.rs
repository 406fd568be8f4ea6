//! Writing the write-ahead log back into the file on a thread and a connection of its own, so that no
//! batch waits for it.

use super::open_writer;
use crate::store::StoreError;
use rusqlite::Connection;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// How far one run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// Pages in the write-ahead log.
    pub logged: i64,
    /// How many of them are in the file.
    pub written: i64,
}

/// The thread, which ends with this.
pub(super) struct WriteBack {
    ask: Option<Sender<()>>,
    done: Receiver<rusqlite::Result<Progress>>,
    is_running: bool,
    thread: Option<JoinHandle<()>>,
}

impl WriteBack {
    pub fn start(path: &Path) -> Result<WriteBack, StoreError> {
        let connection = open_writer(path)?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        let (ask, asked) = channel();
        let (tell, done) = channel();
        let thread = std::thread::Builder::new()
            .name("write-back".to_owned())
            .spawn(move || {
                for () in asked {
                    if tell.send(checkpoint(&connection)).is_err() {
                        return;
                    }
                }
            })
            .map_err(StoreError::Thread)?;
        Ok(WriteBack {
            ask: Some(ask),
            done,
            is_running: false,
            thread: Some(thread),
        })
    }

    /// Begins a run; false while one goes on.
    pub fn begin(&mut self) -> bool {
        if self.is_running {
            return false;
        }
        self.is_running = self.ask.as_ref().is_some_and(|ask| ask.send(()).is_ok());
        self.is_running
    }

    /// How far a run came that has ended since this was asked last.
    pub fn ended(&mut self) -> Option<rusqlite::Result<Progress>> {
        let ended = self.done.try_recv().ok()?;
        self.is_running = false;
        Some(ended)
    }
}

impl Drop for WriteBack {
    fn drop(&mut self) {
        self.ask = None;
        if let Some(thread) = self.thread.take() {
            // What is not written back stays in the write-ahead log, where it is as safe.
            let _ = thread.join();
        }
    }
}

/// Writes back what is there, and waits for nobody.
pub(super) fn checkpoint(connection: &Connection) -> rusqlite::Result<Progress> {
    let mut statement = connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?;
    statement.query_row([], |row| {
        Ok(Progress {
            logged: row.get(1)?,
            written: row.get(2)?,
        })
    })
}
