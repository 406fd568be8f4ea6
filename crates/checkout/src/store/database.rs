//! What the two databases have in common: a transaction that runs statements. The statements are the same for both.

use super::StoreError;
use async_trait::async_trait;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use uuid::Uuid;

/// A column's value, or a statement's parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Int(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Value {
        Value::Int(number.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Value {
        Value::Bytes(bytes)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, T::into)
    }
}

/// A row, read from its first column to its last.
#[derive(Debug)]
pub(super) struct Row(std::vec::IntoIter<Value>);

impl Row {
    pub(super) fn new(values: Vec<Value>) -> Row {
        Row(values.into_iter())
    }

    fn next(&mut self) -> Value {
        self.0.next().unwrap_or(Value::Null)
    }

    pub(super) fn maybe_int(&mut self) -> Result<Option<i64>, StoreError> {
        match self.next() {
            Value::Null => Ok(None),
            Value::Int(number) => Ok(Some(number)),
            Value::Text(_) | Value::Bytes(_) => Err(unexpected("a number")),
        }
    }

    pub(super) fn int(&mut self) -> Result<i64, StoreError> {
        self.maybe_int()?.ok_or_else(|| unexpected("a number"))
    }

    pub(super) fn unsigned<T: TryFrom<i64>>(&mut self) -> Result<T, StoreError> {
        T::try_from(self.int()?).map_err(|_| unexpected("a number from 0 on"))
    }

    pub(super) fn maybe_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.next() {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            Value::Int(_) | Value::Bytes(_) => Err(unexpected("text")),
        }
    }

    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        self.maybe_text()?.ok_or_else(|| unexpected("text"))
    }

    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        match self.next() {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Null | Value::Int(_) | Value::Text(_) => Err(unexpected("bytes")),
        }
    }
}

pub(super) fn unexpected(what: &str) -> StoreError {
    StoreError::Corrupt(format!("a column is not {what}"))
}

/// A transaction.
#[async_trait]
pub(super) trait Transaction: Send {
    /// The rows of a statement, whose parameters are `$1`, `$2` and so on.
    async fn rows(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError>;

    /// The rows of a statement that nobody else changes until the transaction ends.
    async fn locked(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError>;

    /// Runs a statement once for each of these; how many rows it changed in all.
    async fn each(&mut self, sql: &str, parameters: Vec<Vec<Value>>) -> Result<u64, StoreError>;
}

/// Work within a transaction.
pub(super) type Work<'t, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 't>>;

/// A database.
#[async_trait]
pub(super) trait Database: Send + Sync + 'static {
    /// Runs `work` in a transaction, and commits it if that is well.
    async fn transact<T: Send + 'static>(
        &self,
        work: impl for<'t> FnOnce(&'t mut dyn Transaction) -> Work<'t, T> + Send + 'static,
    ) -> Result<T, StoreError>;

    /// See [`PaymentStore::hold_lease`](super::PaymentStore::hold_lease).
    async fn hold_lease(&self, holder: Uuid, period: Duration) -> Result<bool, StoreError>;

    /// See [`PaymentStore::release_lease`](super::PaymentStore::release_lease).
    async fn release_lease(&self, holder: Uuid) -> Result<(), StoreError>;
}
