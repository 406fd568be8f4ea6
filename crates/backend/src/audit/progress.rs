//! How far an audit has come: the log's batches and the transfers of rooms are what takes its time.

use super::{Result, has_table, one};
use rusqlite::Connection;
use std::cell::Cell;

/// Tells percents, each once.
pub(super) struct Progress<'a> {
    all: u64,
    done: Cell<u64>,
    percent: Cell<Option<u8>>,
    tell: &'a dyn Fn(u8),
}

impl Progress<'_> {
    /// Of what is to be looked at here.
    pub fn of<'a>(connection: &Connection, tell: &'a dyn Fn(u8)) -> Result<Progress<'a>> {
        let batches = match has_table(connection, "log_batch")? {
            true => one::<i64>(connection, "SELECT count(*) FROM log_batch")?,
            false => None,
        };
        let of_rooms = "SELECT count(*) FROM ledger_transfer WHERE room_id IS NOT NULL";
        let transfers = one::<i64>(connection, of_rooms)?;
        let counts = [batches, transfers].into_iter().flatten();
        let progress = Progress {
            all: counts.map(i64::unsigned_abs).sum(),
            done: Cell::new(0),
            percent: Cell::new(None),
            tell,
        };
        progress.tell();
        Ok(progress)
    }

    /// One more is looked at.
    pub fn step(&self) {
        self.done.set(self.done.get() + 1);
        self.tell();
    }

    /// Short of all until it is over.
    fn tell(&self) {
        let percent = self.done.get().saturating_mul(100) / self.all.max(1);
        let percent = u8::try_from(percent.min(99)).unwrap_or(99);
        if self.percent.replace(Some(percent)) != Some(percent) {
            (self.tell)(percent);
        }
    }
}
