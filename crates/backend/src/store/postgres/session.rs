//! The connection of a partition's owner, driven by the owner's own thread: whatever waits for the server waits
//! here, and no other thread has to wake.

use super::statements::{Sql, Statements};
use crate::store::StoreError;
use blazing_sun_backbone::postgres::{PgFailure, PgOptions};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Row};

/// A server that has not answered for so long is taken for lost. The server's own bounds are shorter.
const PATIENCE: Duration = Duration::from_secs(30);

/// Each statement finds its rows by a key. A plan made while tables were empty would read all of them ever after. Where
/// no key helps the plan counts as so dear that the server would compile it first, for half a second.
const PLANS: &str =
    "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off";

/// An open connection with its statements.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) statements: Statements,
    connection: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        // It would wait for answers that nobody wants any more, and hold the session's locks for as long.
        self.connection.abort();
    }
}

impl Session {
    async fn open(options: &PgOptions, name: &str) -> Result<Session, StoreError> {
        let config = options.session(name, PLANS);
        let (client, connection) = config.connect(options.connector()).await?;
        let connection = tokio::spawn(async move {
            // Whoever waits for an answer hears of it too.
            if let Err(error) = connection.await {
                tracing::debug!(error = %PgFailure::from(error), "a connection to the database has ended");
            }
        });
        let statements = Statements::prepare(&client).await?;
        Ok(Session {
            client,
            statements,
            connection,
        })
    }

    pub(super) async fn query(
        &self,
        sql: Sql,
        parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        Ok(self
            .client
            .query(self.statements.get(sql), parameters)
            .await?)
    }
}

/// The way to the database, with a connection as long as that holds.
pub(super) struct Link {
    options: PgOptions,
    name: String,
    session: Option<Session>,
    runtime: Runtime,
}

impl Link {
    pub(super) fn new(options: &PgOptions, name: String) -> Result<Link, StoreError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Link {
            options: options.clone(),
            name,
            session: None,
            runtime: runtime.map_err(StoreError::Thread)?,
        })
    }

    pub(super) fn is_open(&self) -> bool {
        self.session.is_some()
    }

    /// Gives the connection up: the server rolls back what was not committed.
    pub(super) fn close(&mut self) {
        self.session = None;
    }

    /// Runs `work` on the connection, on a new one where there is none. One that was lost is given up.
    pub(super) fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (options, name, session) = (&self.options, &self.name, &mut self.session);
        let outcome = self.runtime.block_on(async {
            let session = match session {
                Some(session) => session,
                None => session.insert(patiently(Session::open(options, name)).await?),
            };
            patiently(work(session)).await
        });
        if matches!(
            outcome,
            Err(StoreError::Unreachable(_) | StoreError::CommitUnknown { .. })
        ) {
            self.close();
        }
        outcome
    }

    /// The same for what may be done twice: where the connection turns out to have been lost before, `work` is
    /// done on a new one.
    pub(super) fn run_again<T>(
        &mut self,
        work: impl AsyncFn(&Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let was_open = self.is_open();
        match self.run(&work) {
            Err(StoreError::Unreachable(_)) if was_open => self.run(work),
            outcome => outcome,
        }
    }
}

async fn patiently<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let outcome = tokio::time::timeout(PATIENCE, work).await;
    outcome.unwrap_or_else(|_| {
        let silence = "the database has not answered for 30 s";
        Err(StoreError::Unreachable(PgFailure::other(silence)))
    })
}
