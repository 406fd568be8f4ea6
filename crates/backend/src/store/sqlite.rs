//! The embedded store: one SQLite file, written by one thread in one transaction a loop.

mod access;
mod accounts;
mod engine_store;
mod journals;
mod messages;
mod operators;
mod overview;
mod owner;
mod played;
mod quarantine;
mod reads;
mod wallet;
mod write_back;

pub use access::{SqliteAccess, WriteJob, WriteJobs};
pub use accounts::SqliteAccounts;
pub use engine_store::SqliteStore;
pub use journals::{
    ArchivedJournal, SavedJournal, archived_journal, each_archived_journal, each_saved_journal,
    has_digests, saved_journal,
};
pub use operators::{SqliteOperators, changed_settings};
pub use overview::SqliteOverview;
pub use quarantine::{quarantined_room, quarantined_rooms};
pub use reads::SqliteReads;

use super::StoreError;
use blazing_sun_backbone::schema::SchemaVersions;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;

mod migrations {
    refinery::embed_migrations!("migrations/sqlite");
}

/// Brings the file to this program's schema. A file of a newer program is refused.
pub fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let runner = migrations::migrations::runner().set_abort_divergent(true);
    let Err(error) = runner.run(connection) else {
        return Ok(());
    };
    check_version(connection)?;
    Err(StoreError::Corrupt(error.to_string()))
}

fn check_version(connection: &Connection) -> Result<(), StoreError> {
    let versions = versions(connection)?;
    let SchemaVersions { found, known } = versions;
    match versions.is_newer() {
        true => Err(StoreError::Newer { found, known }),
        false => Ok(()),
    }
}

fn versions(connection: &Connection) -> Result<SchemaVersions, StoreError> {
    let known = known_version();
    let found = connection.query_row(
        "SELECT coalesce(max(version), 0) FROM refinery_schema_history",
        [],
        |row| row.get(0),
    )?;
    Ok(SchemaVersions { found, known })
}

/// The newest schema that this program knows.
pub fn known_version() -> i64 {
    let runner = migrations::migrations::runner();
    let versions = runner.get_migrations().iter().map(|known| known.version());
    i64::from(versions.max().unwrap_or(0))
}

/// The schema of a file of this kind of program, a newer one's included; changes nothing.
pub fn schema(path: &Path) -> Result<SchemaVersions, StoreError> {
    match check(path) {
        Ok(()) => versions(&open_reader(path)?),
        Err(StoreError::Newer { found, known }) => Ok(SchemaVersions { found, known }),
        Err(error) => Err(error),
    }
}

/// Refuses a file that no program of this kind has written, or a newer one has; changes nothing.
pub fn check(path: &Path) -> Result<(), StoreError> {
    match open_reader(path).and_then(|connection| check_tables(&connection)) {
        Err(StoreError::Sqlite(error))
            if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) =>
        {
            Err(StoreError::NotOurs)
        }
        checked => checked,
    }
}

fn check_tables(connection: &Connection) -> Result<(), StoreError> {
    for table in ["refinery_schema_history", "ledger_transfer", "log_topic"] {
        let found = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
        if !connection.prepare(found)?.exists([table])? {
            return Err(StoreError::NotOurs);
        }
    }
    check_version(connection)
}

/// What the write-ahead log's file keeps of its size once it begins anew.
const WAL_BYTES_KEPT: i64 = 64 << 20;

/// The one connection that writes.
pub fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // KiB. Mostly the log passes through, which is not read again from here.
    connection.pragma_update(None, "cache_size", -4_000)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// A connection that only reads, beside the writer or in another process.
pub fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    #[test]
    fn sqlite_is_built_as_this_workspace_says() {
        let connection = Connection::open_in_memory().unwrap();
        let query = "SELECT count(*) FROM pragma_compile_options WHERE compile_options = ?1";
        let built_with = |option: &str| connection.query_row(query, [option], |row| row.get(0));
        assert_eq!(built_with("DEFAULT_MEMSTATUS=0"), Ok(1_i64));
        assert_eq!(built_with("ENABLE_API_ARMOR"), Ok(0_i64));
    }
}
