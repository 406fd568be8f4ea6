//! The bank's SQLite file: one connection, one transaction a request.

use super::error::{BankError, Declined};
use parking_lot::Mutex;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::Path;
use std::sync::Arc;

mod migrations {
    refinery::embed_migrations!("migrations/test_bank");
}

/// The file.
#[derive(Clone)]
pub(super) struct Store(Arc<Mutex<Connection>>);

impl Store {
    pub(super) fn open(path: &Path) -> Result<Store, BankError> {
        let failed = |source| BankError::Database {
            path: path.to_owned(),
            source,
        };
        let mut connection = Connection::open(path).map_err(failed)?;
        prepare(&connection).map_err(failed)?;
        let runner = migrations::migrations::runner().set_abort_divergent(true);
        runner
            .run(&mut connection)
            .map_err(|error| BankError::Schema {
                path: path.to_owned(),
                reason: error.to_string(),
            })?;
        Ok(Store(Arc::new(Mutex::new(connection))))
    }

    /// Runs it in a transaction of its own, which is undone if it fails.
    pub(super) async fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Declined> + Send + 'static,
    ) -> Result<T, Declined> {
        let store = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut connection = store.0.lock();
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        });
        done.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a request to the test bank panicked");
            Err(Declined::internal())
        })
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.busy_timeout(std::time::Duration::from_secs(5))
}
