//! Who owns the file's partitions.

use super::SqliteAccess;
use crate::store::StoreError;
use rusqlite::{Connection, OptionalExtension};

impl SqliteAccess {
    /// How often the file was taken over, and the last batch of its owner; none where there never was one.
    pub async fn owner(&self) -> Result<Option<(i64, u64)>, StoreError> {
        let read = |connection: &Connection| {
            let mut statement =
                connection.prepare_cached("SELECT epoch, batch_no FROM partition_owner")?;
            let owner = statement.query_row([], |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
            });
            Ok(owner.optional()?)
        };
        self.read(read).await
    }
}
