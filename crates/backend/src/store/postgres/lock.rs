//! Locks that one process of a deployment holds, for as long as it is connected to the database.

use super::pool::PgPool;
use crate::store::StoreError;
use blazing_sun_backbone::postgres::PgFailure;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

/// The server ends the session of a process that is gone without a word within so long, and with it the lock.
const NOTICED: &str =
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3";

/// A lock that is held. Dropping it gives it back.
pub struct PgLock {
    /// The session ends with it.
    client: Client,
    connection: JoinHandle<()>,
}

impl PgPool {
    /// Takes the lock of this name, on a connection of its own; none: another process has it.
    pub async fn try_lock(&self, name: &str) -> Result<Option<PgLock>, StoreError> {
        self.answer(self.ask_for_lock(name)).await
    }

    async fn ask_for_lock(&self, name: &str) -> Result<Option<PgLock>, StoreError> {
        let options = self.options();
        let config = options.session(&format!("blazing-sun {name}"), NOTICED);
        let (client, connection) = config.connect(options.connector()).await?;
        let connection = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %PgFailure::from(error), "a lock's connection to the database has ended");
            }
        });
        let sql = "SELECT pg_try_advisory_lock(hashtextextended('blazing-sun ' || $1, 0))";
        // Its connection ends with it, also where no answer is waited for any more.
        let lock = PgLock { client, connection };
        let row = lock.client.query_one(sql, &[&name]).await?;
        let is_taken = row.try_get(0)?;
        Ok(Some(lock).filter(|_| is_taken))
    }
}

impl PgLock {
    /// Waits until the lock is lost with its connection.
    pub async fn lost(&mut self) {
        // However it has ended.
        let _ = (&mut self.connection).await;
    }
}

impl Drop for PgLock {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
