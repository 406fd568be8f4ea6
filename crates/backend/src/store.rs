//! The store port: what must be kept beside the log, and its adapters.

pub mod sqlite;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process owns the partition now; nothing was written.
    #[error("another process has taken over this store (epoch {epoch})")]
    Fenced {
        /// The epoch that this process held.
        epoch: i64,
    },
    /// SQLite failed; nothing was written.
    #[error("the SQLite store failed")]
    Sqlite(#[from] rusqlite::Error),
    /// What is stored can not be read back.
    #[error("stored data can not be read: {0}")]
    Corrupt(String),
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}
