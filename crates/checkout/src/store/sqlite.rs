//! The embedded store: one SQLite file of the checkout's own.

use super::database::{Database, Row, Transaction, Value, Work};
use super::sql::SqlStore;
use super::{PaymentBooks, PaymentStore, StoreError};
use async_trait::async_trait;
use blazing_sun_backbone::schema::SchemaVersions;
use futures_util::FutureExt;
use parking_lot::Mutex;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement, ToSql, params_from_iter};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

mod migrations {
    refinery::embed_migrations!("migrations/sqlite");
}

/// How long another program may hold the file.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes the embedded store.
#[derive(Debug, Clone, Copy)]
pub struct SqlitePaymentStore;

impl SqlitePaymentStore {
    /// Opens the file, which is made where there is none, and brings it to this program's schema.
    pub fn open(path: &Path) -> Result<Arc<dyn PaymentStore>, StoreError> {
        let mut connection = Connection::open(path)?;
        let opened = connection.busy_timeout(PATIENCE).and_then(|()| {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", "ON")
        });
        opened.map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => {
                StoreError::Unsuitable("the file is no SQLite database".to_owned())
            }
            _ => StoreError::Sqlite(error),
        })?;
        connection.set_prepared_statement_cache_capacity(64);
        migrate(&mut connection)?;
        Ok(Arc::new(SqlStore(File {
            connection: Arc::new(Mutex::new(connection)),
            begin: "BEGIN IMMEDIATE",
        })))
    }

    /// The schema of a file that is there, a newer program's included; nothing is changed in it.
    pub fn schema(path: &Path) -> Result<SchemaVersions, StoreError> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(PATIENCE)?;
        Ok(SchemaVersions {
            found: found_version(&connection)?.unwrap_or(0),
            known: known_version(),
        })
    }

    /// Opens a file that is there, to be read; nothing is changed in it.
    pub fn open_books(path: &Path) -> Result<Arc<dyn PaymentBooks>, StoreError> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(PATIENCE)?;
        match (found_version(&connection)?, known_version()) {
            (Some(found), known) if found > known => Err(StoreError::Newer { found, known }),
            (Some(found), known) if found == known => Ok(Arc::new(SqlStore(File {
                connection: Arc::new(Mutex::new(connection)),
                begin: "BEGIN",
            }))),
            // A process that was killed early may leave no more than the file.
            (None | Some(0), _) => Err(StoreError::Empty),
            (Some(_), _) => Err(StoreError::Unsuitable(
                "the file has an older checkout's schema, which its server brings up to date"
                    .to_owned(),
            )),
        }
    }
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let known = known_version();
    if let Some(found) = found_version(connection)?.filter(|found| *found > known) {
        return Err(StoreError::Newer { found, known });
    }
    let runner = migrations::migrations::runner().set_abort_divergent(true);
    match runner.run(connection) {
        Ok(_) => Ok(()),
        Err(error) => Err(StoreError::Unsuitable(format!("its schema: {error}"))),
    }
}

fn known_version() -> i64 {
    let runner = migrations::migrations::runner();
    let known = runner.get_migrations().iter().map(|known| known.version());
    i64::from(known.max().unwrap_or(0))
}

/// None: the file is empty.
fn found_version(connection: &Connection) -> Result<Option<i64>, StoreError> {
    let tables = "SELECT count(*), count(*) FILTER (WHERE name = 'refinery_schema_history')
         FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let (tables, history): (i64, i64) =
        connection.query_row(tables, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if tables > 0 && history == 0 {
        let whose = "the file is another program's".to_owned();
        return Err(StoreError::Unsuitable(whose));
    }
    if history > 0 {
        let version = "SELECT coalesce(max(version), 0) FROM refinery_schema_history";
        return Ok(Some(connection.query_row(version, [], |row| row.get(0))?));
    }
    Ok(None)
}

/// The one connection.
struct File {
    connection: Arc<Mutex<Connection>>,
    begin: &'static str,
}

#[async_trait]
impl Database for File {
    async fn transact<T: Send + 'static>(
        &self,
        work: impl for<'t> FnOnce(&'t mut dyn Transaction) -> Work<'t, T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (connection, begin) = (Arc::clone(&self.connection), self.begin);
        let run = move || transact(&mut connection.lock(), begin, work);
        let done = tokio::task::spawn_blocking(run).await;
        done.unwrap_or(Err(StoreError::Closed))
    }

    /// A file has one process.
    async fn hold_lease(&self, _: Uuid, _: Duration) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn release_lease(&self, _: Uuid) -> Result<(), StoreError> {
        Ok(())
    }
}

fn transact<T>(
    connection: &mut Connection,
    begin: &str,
    work: impl for<'t> FnOnce(&'t mut dyn Transaction) -> Work<'t, T>,
) -> Result<T, StoreError> {
    // One that was broken off by a panic.
    if !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    connection.execute_batch(begin)?;
    // Nothing here waits, so that it is done at once.
    let done = work(&mut Open(&mut *connection)).now_or_never();
    let done = done.unwrap_or(Err(StoreError::Closed));
    let done = done.and_then(|done| {
        connection.execute_batch("COMMIT")?;
        Ok(done)
    });
    if done.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    done
}

struct Open<'c>(&'c mut Connection);

impl Open<'_> {
    fn prepared<T>(
        &mut self,
        sql: &str,
        run: impl FnOnce(&mut Statement<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut statement = self.0.prepare_cached(&sql.replace('$', "?"))?;
        Ok(run(&mut statement)?)
    }
}

#[async_trait]
impl Transaction for Open<'_> {
    async fn rows(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.prepared(sql, |statement| {
            let columns = statement.column_count();
            let rows = statement.query_map(params_from_iter(parameters), |row| {
                let values = (0..columns).map(|at| Ok(Value::from(row.get_ref(at)?)));
                Ok(Row::new(values.collect::<rusqlite::Result<_>>()?))
            })?;
            rows.collect()
        })
    }

    async fn locked(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.rows(sql, parameters).await
    }

    async fn each(&mut self, sql: &str, parameters: Vec<Vec<Value>>) -> Result<u64, StoreError> {
        self.prepared(sql, |statement| {
            let counts = parameters
                .iter()
                .map(|one| statement.execute(params_from_iter(one)));
            let counts: rusqlite::Result<Vec<usize>> = counts.collect();
            Ok(counts?.iter().sum::<usize>() as u64)
        })
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Value {
        match value {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Int(number),
            // The schema has no reals: a number that is none is found where it is read.
            ValueRef::Real(_) => Value::Null,
            ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        }
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
