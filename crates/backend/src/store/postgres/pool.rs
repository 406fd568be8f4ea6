//! Connections for everyone but partitions' owners, and the schema.

use crate::store::StoreError;
use blazing_sun_backbone::postgres::{PgFailure, PgOptions, told};
use blazing_sun_backbone::schema::SchemaVersions;
use deadpool_postgres::{Object, Pool};
use std::fmt;
use std::time::Duration;
use tokio_postgres::{Client, Row};

mod migrations {
    refinery::embed_migrations!("migrations/postgres");
}

/// Whoever migrates holds this advisory lock; the number is arbitrary, and the same for all programs of this kind.
const MIGRATION_LOCK: i64 = 0x626c_617a_696e_6721;

/// How long an answer is waited for: longer than the server lets a statement run, for it may not run itself.
const ANSWER_WITHIN: Duration = Duration::from_secs(25);
/// How long migrations may take, those of other processes included.
const MIGRATION_PATIENCE: Duration = Duration::from_secs(600);

/// What a migrating session asks of the server: its statements may take long.
const MIGRATING: &str =
    "-c lock_timeout=0 -c statement_timeout=0 -c idle_in_transaction_session_timeout=0";

/// A pool of connections to the one database.
#[derive(Clone)]
pub struct PgPool {
    pool: Pool,
    options: PgOptions,
    answer_within: Duration,
}

impl fmt::Debug for PgPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PgPool({})", self.options)
    }
}

impl PgPool {
    /// Brings the database's schema to this program's, at whatever time other processes do the same, and makes a
    /// pool for it.
    pub async fn open(options: &PgOptions) -> Result<PgPool, StoreError> {
        let migrated = tokio::time::timeout(MIGRATION_PATIENCE, migrate(options)).await;
        let silence = "the schema was not brought up to date within 10 min";
        migrated.map_err(|_| StoreError::Unreachable(PgFailure::other(silence)))??;
        PgPool::new(options)
    }

    /// The schema of a database of this kind of program, a newer one's included; changes nothing.
    pub async fn schema(options: &PgOptions) -> Result<SchemaVersions, StoreError> {
        let pool = PgPool::new(options)?;
        let client = pool.get().await?;
        pool.answer(versions(&client)).await
    }

    /// A pool for a database whose schema is this program's, without a look at it.
    pub fn new(options: &PgOptions) -> Result<PgPool, StoreError> {
        Ok(PgPool {
            pool: options
                .pool(options.config())
                .map_err(StoreError::Unreachable)?,
            options: options.clone(),
            answer_within: ANSWER_WITHIN,
        })
    }

    /// An answer, unless the server is silent for too long: it may be frozen, with all of its connections open.
    pub(super) async fn answer<T>(
        &self,
        asked: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let answer = tokio::time::timeout(self.answer_within, asked).await;
        let silence = || PgFailure::other("the database does not answer");
        answer.unwrap_or_else(|_| Err(StoreError::Unreachable(silence())))
    }

    pub(super) fn options(&self) -> &PgOptions {
        &self.options
    }

    /// A connection, for as long as it is held.
    pub(crate) async fn get(&self) -> Result<Object, StoreError> {
        Ok(self.pool.get().await?)
    }

    /// The rows of one statement.
    pub(super) async fn rows(
        &self,
        sql: &str,
        parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let client = self.get().await?;
        let rows = self.answer(async {
            let statement = client.prepare_cached(sql).await?;
            Ok(client.query(&statement, parameters).await?)
        });
        let rows = rows.await;
        if matches!(rows, Err(StoreError::Unreachable(_))) {
            // What it may still answer is nobody's.
            drop(Object::take(client));
        }
        rows
    }

    /// Keeps what a deployment never changes: answers with what is kept under this name, which is `wanted` if
    /// nothing was.
    pub async fn keep(&self, name: &str, wanted: &str) -> Result<String, StoreError> {
        let insert = "INSERT INTO deployment (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.rows(insert, &[&name, &wanted]).await?;
        let kept = self.kept(name).await?;
        kept.ok_or_else(|| StoreError::Corrupt(format!("the deployment's {name}")))
    }

    /// What is kept of a deployment under this name.
    pub async fn kept(&self, name: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT value FROM deployment WHERE name = $1";
        let rows = self.rows(sql, &[&name]).await?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
    }

    /// Keeps something else under this name from now on.
    pub async fn keep_instead(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO deployment (name, value) VALUES ($1, $2)
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.rows(sql, &[&name, &value]).await?;
        Ok(())
    }

    /// How many partitions' owners are connected to the database.
    pub async fn owners_connected(&self) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name LIKE 'blazing-sun partition %'";
        let rows = self.rows(sql, &[]).await?;
        let Some(row) = rows.first() else {
            return Err(StoreError::Corrupt("the sessions".to_owned()));
        };
        Ok(row.try_get(0)?)
    }

    /// Whether a partition was ever owned.
    pub async fn has_owners(&self) -> Result<bool, StoreError> {
        let rows = self
            .rows("SELECT 1 FROM partition_owner LIMIT 1", &[])
            .await?;
        Ok(!rows.is_empty())
    }

    /// Closes all connections; whoever asks for one is told so.
    pub fn close(&self) {
        self.pool.close();
    }
}

/// Brings the schema up to date. Of several at once each waits for the one before it.
async fn migrate(options: &PgOptions) -> Result<(), StoreError> {
    let config = options.session("blazing-sun migration", MIGRATING);
    let (mut client, connection) = config.connect(options.connector()).await?;
    // Ends with the client.
    let connection = tokio::spawn(connection);
    client
        .execute("SELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK])
        .await?;
    check(&client).await?;
    let runner = migrations::migrations::runner().set_abort_divergent(true);
    let migrated = runner.run_async(&mut client).await;
    drop(client);
    let _ = connection.await;
    migrated.map(|_| ()).map_err(|error| {
        StoreError::Unsuitable(format!(
            "its schema can not be brought up to date: {}",
            told(&error)
        ))
    })
}

/// Refuses a database that is another program's, a newer one's, or can not hold all text.
async fn check(client: &Client) -> Result<(), StoreError> {
    let versions = versions(client).await?;
    let SchemaVersions { found, known } = versions;
    match versions.is_newer() {
        true => Err(StoreError::Newer { found, known }),
        false => Ok(()),
    }
}

/// Refuses a database that is another program's, or can not hold all text.
async fn versions(client: &Client) -> Result<SchemaVersions, StoreError> {
    let row = client.query_one("SHOW server_encoding", &[]).await?;
    let encoding: &str = row.try_get(0)?;
    if encoding != "UTF8" {
        return Err(StoreError::Unsuitable(format!(
            "its encoding is {encoding}; make it with ENCODING 'UTF8'"
        )));
    }
    let sql = "SELECT count(*), count(*) FILTER (WHERE relname IN
                   ('refinery_schema_history', 'ledger_transfer', 'partition_owner'))
               FROM pg_class WHERE relnamespace = to_regnamespace(current_schema()) AND relkind IN ('r', 'p', 'v')";
    let row = client.query_one(sql, &[]).await?;
    let runner = migrations::migrations::runner();
    let known = runner.get_migrations().iter().map(|known| known.version());
    let known = i64::from(known.max().unwrap_or(0));
    match (row.try_get::<_, i64>(0)?, row.try_get::<_, i64>(1)?) {
        (0, _) => return Ok(SchemaVersions { found: 0, known }),
        (_, 3) => {}
        _ => return Err(StoreError::NotOurs),
    }
    let sql = "SELECT coalesce(max(version), 0)::bigint FROM refinery_schema_history";
    let found = client.query_one(sql, &[]).await?.try_get(0)?;
    Ok(SchemaVersions { found, known })
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_harness::postgres::TestPostgres;

    const SOON: Duration = Duration::from_millis(300);

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_answer_that_does_not_come_is_not_waited_for_for_ever() {
        let postgres = tokio::task::spawn_blocking(TestPostgres::shared);
        let url = postgres.await.unwrap().new_database();
        let options = PgOptions::parse(&url).unwrap();
        let mut pool = PgPool::open(&options).await.unwrap();
        pool.keep("name", "value").await.unwrap();
        let lock = pool.get().await.unwrap();
        lock.batch_execute("BEGIN; LOCK TABLE deployment")
            .await
            .unwrap();
        pool.answer_within = SOON;
        let silent = pool.kept("name").await;
        assert!(
            matches!(silent, Err(StoreError::Unreachable(_))),
            "{silent:?}"
        );
        drop(Object::take(lock));
        pool.answer_within = ANSWER_WITHIN;
        assert_eq!(pool.kept("name").await.unwrap().as_deref(), Some("value"));
    }

    #[tokio::test]
    async fn a_lock_of_a_server_that_says_nothing_is_not_waited_for_for_ever() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = silent.local_addr().unwrap().port();
        let url = format!("postgres://somebody@127.0.0.1:{port}/any?sslmode=disable");
        let mut pool = PgPool::new(&PgOptions::parse(&url).unwrap()).unwrap();
        pool.answer_within = SOON;
        let lock = tokio::time::timeout(ANSWER_WITHIN, pool.try_lock("a"));
        let lock = lock
            .await
            .expect("it is given up")
            .map(|lock| lock.is_some());
        assert!(matches!(lock, Err(StoreError::Unreachable(_))), "{lock:?}");
    }
}
