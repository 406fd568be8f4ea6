//! What can go wrong in the log's file.

use crate::log::LogError;
use std::sync::Arc;

/// Why the embedded log could not read or write its file; the source of [`LogError::Storage`].
#[derive(Debug, thiserror::Error)]
pub enum SqliteLogError {
    /// SQLite said no.
    #[error("SQLite refused")]
    Sqlite(#[from] rusqlite::Error),
    /// A stored batch is not what was written.
    #[error("batch {batch_no} of the log is damaged: {what}")]
    Damaged {
        /// The batch.
        batch_no: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A stored batch is of another version of this program.
    #[error(
        "batch {batch_no} of the log has format version {version}, which this program does not read"
    )]
    UnknownVersion {
        /// The batch.
        batch_no: u64,
        /// Its version.
        version: u8,
    },
    /// The log was opened beside a running server, for reading alone.
    #[error("the log was opened for reading only")]
    ReadOnly,
    /// The log's own thread could not be started.
    #[error("the log's thread could not be started")]
    Thread(#[source] std::io::Error),
    /// A read failed half-way.
    #[error("a reader of the log stopped")]
    ReaderStopped,
}

impl From<SqliteLogError> for LogError {
    fn from(error: SqliteLogError) -> LogError {
        LogError::Storage(Arc::new(error))
    }
}

impl From<rusqlite::Error> for LogError {
    fn from(error: rusqlite::Error) -> LogError {
        SqliteLogError::from(error).into()
    }
}
