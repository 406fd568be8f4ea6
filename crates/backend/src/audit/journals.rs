//! The journals of all rooms against their digests.

use super::{AuditCheck, Result};
use crate::store::StoreError;
use crate::store::sqlite::{each_archived_journal, each_saved_journal, has_digests};
use rusqlite::Connection;

/// Checks every journal that has a digest.
pub(super) fn check(connection: &Connection) -> Result<AuditCheck> {
    let mut check =
        AuditCheck::new("every room's journal is the one that was written, by its SHA-256");
    if !has_digests(connection)? {
        return Ok(check);
    }
    each_archived_journal(connection, |journal| match journal {
        Ok(journal) => {
            let Some(is_right) = journal.is_as_written() else {
                return;
            };
            let room = &journal.archive.room_id;
            check.expect(is_right, || {
                format!("room {room}: its archived journal is not the one that was written")
            });
        }
        Err(error) => unreadable(&mut check, "an archived journal", &error),
    })?;
    each_saved_journal(connection, |journal| match journal {
        Ok(journal) => {
            let Some(is_right) = journal.is_as_written() else {
                return;
            };
            let room = &journal.room_id;
            check.expect(is_right, || {
                format!("room {room}: its saved journal is not the one that was written")
            });
        }
        Err(error) => unreadable(&mut check, "a saved journal", &error),
    })?;
    Ok(check)
}

fn unreadable(check: &mut AuditCheck, what: &str, error: &StoreError) {
    let cause = std::error::Error::source(error).map_or_else(String::new, |why| format!(": {why}"));
    check.expect(false, || format!("{what} can not be read: {error}{cause}"));
}
