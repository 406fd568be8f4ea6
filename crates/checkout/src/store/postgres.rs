//! The distributed store: PostgreSQL, in the schema `checkout` of its database.

use super::database::{Database, Row, Transaction, Value, Work, unexpected};
use super::sql::SqlStore;
use super::{PaymentBooks, PaymentStore, StoreError};
use async_trait::async_trait;
use blazing_sun_backbone::postgres::{PgFailure, PgOptions, told};
use blazing_sun_backbone::schema::SchemaVersions;
use bytes::BytesMut;
use deadpool_postgres::{Object, Pool, PoolError};
use futures_util::future::try_join_all;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

mod migrations {
    refinery::embed_migrations!("migrations/postgres");
}

/// Whoever migrates holds this advisory lock; the number is arbitrary, and the same for all checkouts.
const MIGRATION_LOCK: i64 = 0x626c_617a_696e_6723;

/// How long migrations may take, those of other processes included.
const MIGRATION_PATIENCE: Duration = Duration::from_secs(600);

/// Where the tables are.
const SCHEMA: &str = "-c search_path=checkout";

/// What a migrating session asks of the server: its statements may take long.
const MIGRATING: &str = "-c search_path=checkout -c lock_timeout=0 -c statement_timeout=0 \
     -c idle_in_transaction_session_timeout=0";

/// Under this name one process does what only one is to do.
const LEASE: &str = "checkout";

/// By the server's clock, so that it does not matter what the processes' show.
const HOLD_LEASE: &str = "WITH clock AS
    (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms)
    INSERT INTO lease (name, holder, until_ms) SELECT $1, $2, now_ms + $3 FROM clock
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
    WHERE lease.holder = excluded.holder OR lease.until_ms <= (SELECT now_ms FROM clock)
    RETURNING 1::bigint";

/// Makes the distributed store.
#[derive(Debug, Clone, Copy)]
pub struct PgPaymentStore;

impl PgPaymentStore {
    /// Brings the schema `checkout` to this program's, at whatever time other processes do the same.
    pub async fn open(options: &PgOptions) -> Result<Arc<dyn PaymentStore>, StoreError> {
        let migrated = tokio::time::timeout(MIGRATION_PATIENCE, migrate(options)).await;
        migrated.map_err(|_| {
            let silence = "its schema was not brought up to date within 10 min";
            StoreError::Unsuitable(silence.to_owned())
        })??;
        Ok(Arc::new(SqlStore(Server(pool(options)?))))
    }

    /// The schema of a checkout's database, a newer program's included; nothing is changed in it.
    pub async fn schema(options: &PgOptions) -> Result<SchemaVersions, StoreError> {
        let server = Server(pool(options)?);
        let client = server.client().await?;
        versions(&client).await
    }

    /// Of a database that a checkout has brought to its schema, to be read; nothing is changed in it.
    pub async fn open_books(options: &PgOptions) -> Result<Arc<dyn PaymentBooks>, StoreError> {
        let server = Server(pool(options)?);
        let client = server.client().await?;
        if !check(&client).await? {
            let why = "it has no checkout's schema yet".to_owned();
            return Err(StoreError::Unsuitable(why));
        }
        drop(client);
        Ok(Arc::new(SqlStore(server)))
    }
}

fn pool(options: &PgOptions) -> Result<Pool, StoreError> {
    let pool = options.pool(options.session("blazing-sun checkout", SCHEMA));
    pool.map_err(StoreError::Postgres)
}

/// Brings the schema up to date. Of several at once each waits for the one before it.
async fn migrate(options: &PgOptions) -> Result<(), StoreError> {
    let config = options.session("blazing-sun checkout migration", MIGRATING);
    let (mut client, connection) = config.connect(options.connector()).await?;
    // Ends with the client.
    let connection = tokio::spawn(connection);
    client
        .execute("SELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK])
        .await?;
    client
        .batch_execute("CREATE SCHEMA IF NOT EXISTS checkout")
        .await?;
    check(&client).await?;
    let runner = migrations::migrations::runner().set_abort_divergent(true);
    let migrated = runner.run_async(&mut client).await;
    drop(client);
    let _ = connection.await;
    migrated
        .map(|_| ())
        .map_err(|error| StoreError::Unsuitable(format!("its schema: {}", told(&error))))
}

/// Whether there is a schema. Refuses a newer program's.
async fn check(client: &Client) -> Result<bool, StoreError> {
    let versions = versions(client).await?;
    let SchemaVersions { found, known } = versions;
    match versions.is_newer() {
        true => Err(StoreError::Newer { found, known }),
        false => Ok(found > 0),
    }
}

/// Refuses a database whose text is not all text, and a schema that is another program's.
async fn versions(client: &Client) -> Result<SchemaVersions, StoreError> {
    let encoding: String = client
        .query_one("SHOW server_encoding", &[])
        .await?
        .try_get(0)?;
    if encoding != "UTF8" {
        return Err(StoreError::Unsuitable(format!(
            "the database's encoding is {encoding}; make it with ENCODING 'UTF8'"
        )));
    }
    let sql = "SELECT count(*), count(*) FILTER (WHERE relname = 'refinery_schema_history')
        FROM pg_class WHERE relnamespace = to_regnamespace('checkout') AND relkind IN ('r', 'p', 'v')";
    let row = client.query_one(sql, &[]).await?;
    let runner = migrations::migrations::runner();
    let known = runner.get_migrations().iter().map(|known| known.version());
    let known = i64::from(known.max().unwrap_or(0));
    match (row.try_get::<_, i64>(0)?, row.try_get::<_, i64>(1)?) {
        (0, _) => return Ok(SchemaVersions { found: 0, known }),
        (_, 0) => {
            let whose = "its schema `checkout` is another program's".to_owned();
            return Err(StoreError::Unsuitable(whose));
        }
        _ => {}
    }
    let sql = "SELECT coalesce(max(version), 0)::bigint FROM refinery_schema_history";
    let found = client.query_one(sql, &[]).await?.try_get(0)?;
    Ok(SchemaVersions { found, known })
}

/// The server, by a pool of connections.
struct Server(Pool);

impl Server {
    async fn client(&self) -> Result<Object, StoreError> {
        self.0.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Closed => StoreError::Closed,
            other => StoreError::Postgres(PgFailure::other(other)),
        })
    }
}

#[async_trait]
impl Database for Server {
    async fn transact<T: Send + 'static>(
        &self,
        work: impl for<'t> FnOnce(&'t mut dyn Transaction) -> Work<'t, T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut client = self.client().await?;
        let mut open = Open(client.transaction().await?);
        // Dropped without a commit it is rolled back.
        let done = work(&mut open).await?;
        open.0.commit().await?;
        Ok(done)
    }

    async fn hold_lease(&self, holder: Uuid, period: Duration) -> Result<bool, StoreError> {
        let period_ms = i64::try_from(period.as_millis()).unwrap_or(i64::MAX);
        let client = self.client().await?;
        let statement = client.prepare_cached(HOLD_LEASE).await?;
        let parameters: [&(dyn ToSql + Sync); 3] = [&LEASE, &holder.to_string(), &period_ms];
        let held = client.query_opt(&statement, &parameters).await?;
        Ok(held.is_some())
    }

    async fn release_lease(&self, holder: Uuid) -> Result<(), StoreError> {
        let client = self.client().await?;
        let sql = "DELETE FROM lease WHERE name = $1 AND holder = $2";
        client.execute(sql, &[&LEASE, &holder.to_string()]).await?;
        Ok(())
    }
}

struct Open<'c>(deadpool_postgres::Transaction<'c>);

impl Open<'_> {
    async fn prepared(&self, sql: &str) -> Result<Statement, StoreError> {
        Ok(self.0.prepare_cached(sql).await?)
    }
}

#[async_trait]
impl Transaction for Open<'_> {
    async fn rows(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        let statement = self.prepared(sql).await?;
        let rows = self.0.query(&statement, &borrowed(parameters)).await?;
        rows.iter().map(read).collect()
    }

    async fn locked(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.rows(&format!("{sql} FOR UPDATE"), parameters).await
    }

    /// Sent one behind the other without waiting for answers.
    async fn each(&mut self, sql: &str, parameters: Vec<Vec<Value>>) -> Result<u64, StoreError> {
        if parameters.is_empty() {
            return Ok(0);
        }
        let statement = self.prepared(sql).await?;
        let transaction = &self.0;
        let runs = parameters.iter().map(|one| {
            let statement = &statement;
            async move { transaction.execute(statement, &borrowed(one)).await }
        });
        Ok(try_join_all(runs).await?.iter().sum())
    }
}

fn borrowed(parameters: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    parameters.iter().map(|value| value as _).collect()
}

fn read(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let values = row.columns().iter().enumerate().map(|(at, column)| {
        Ok(match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(at)?.into(),
            Type::TEXT => row.try_get::<_, Option<String>>(at)?.into(),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(at)?.into(),
            _ => return Err(unexpected("of a known type")),
        })
    });
    Ok(Row::new(values.collect::<Result<_, StoreError>>()?))
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(number) => number.to_sql_checked(kind, out),
            Value::Text(text) => text.to_sql_checked(kind, out),
            Value::Bytes(bytes) => bytes.to_sql_checked(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Which it is decides the value: see above.
        true
    }

    to_sql_checked!();
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> StoreError {
        StoreError::Postgres(error.into())
    }
}
