//! What PostgreSQL's answers mean to whoever writes: whether it may be tried again, and where the fault lies.

use crate::store::StoreError;
use deadpool_postgres::PoolError;
use std::error::Error;
use std::fmt;
use tokio_postgres::error::{DbError, Severity, SqlState};

/// What PostgreSQL, or the way to it, answered. The rows concerned are left out of the text: they may hold what
/// nobody is to read.
pub struct PgFailure(Box<dyn Error + Send + Sync>);

impl PgFailure {
    /// A failure that is none of PostgreSQL's own.
    pub(super) fn other(error: impl Into<Box<dyn Error + Send + Sync>>) -> PgFailure {
        PgFailure(error.into())
    }

    fn db_error(&self) -> Option<&DbError> {
        self.0
            .downcast_ref::<tokio_postgres::Error>()?
            .as_db_error()
    }

    /// PostgreSQL's code for it, if it was PostgreSQL that refused.
    pub fn code(&self) -> Option<&SqlState> {
        self.db_error().map(DbError::code)
    }

    /// Whether a statement took longer than it may.
    pub(in crate::store) fn is_of_time(&self) -> bool {
        self.code() == Some(&SqlState::QUERY_CANCELED)
    }

    /// Whether it lies in what was to be written: a bad value, a constraint, too much of it.
    pub(in crate::store) fn is_of_what_was_written(&self) -> bool {
        let code = self.code().map_or("", SqlState::code);
        ["21", "22", "23", "54"]
            .iter()
            .any(|class| code.starts_with(class))
    }
}

impl fmt::Display for PgFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(error) = self.db_error() else {
            write!(f, "{}", self.0)?;
            let mut source = self.0.source();
            while let Some(cause) = source {
                write!(f, ": {cause}")?;
                source = cause.source();
            }
            return Ok(());
        };
        write!(
            f,
            "{} {}: {}",
            error.severity(),
            error.code().code(),
            error.message()
        )?;
        match error.constraint() {
            Some(constraint) => write!(f, " (constraint `{constraint}`)"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for PgFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PgFailure({self})")
    }
}

impl Error for PgFailure {}

impl From<tokio_postgres::Error> for PgFailure {
    fn from(error: tokio_postgres::Error) -> PgFailure {
        PgFailure(Box::new(error))
    }
}

/// Whether an answer means that the session has ended, so that nothing after it was executed.
fn ends_session(error: &DbError) -> bool {
    matches!(
        error.parsed_severity(),
        Some(Severity::Fatal | Severity::Panic)
    )
}

/// Whether the server said that it has not done it, or will not have; without such an answer nobody knows.
pub(super) fn is_refusal(error: &tokio_postgres::Error) -> bool {
    error
        .as_db_error()
        .is_some_and(|error| !ends_session(error))
}

/// Whether the server answered at all.
pub(super) fn is_answer(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some()
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> StoreError {
        let Some(db_error) = error.as_db_error() else {
            // Bad parameters and unreadable columns are faults of this program; all else is the way there.
            let is_of_the_way = error.is_closed()
                || error
                    .source()
                    .is_some_and(|cause| cause.is::<std::io::Error>())
                || error.to_string().starts_with("error connecting")
                || error.to_string().starts_with("timeout");
            return match is_of_the_way {
                true => StoreError::Unreachable(error.into()),
                false => StoreError::Postgres(error.into()),
            };
        };
        let code = db_error.code();
        let class = &code.code()[..code.code().len().min(2)];
        if *code == SqlState::T_R_SERIALIZATION_FAILURE
            || *code == SqlState::T_R_DEADLOCK_DETECTED
            || *code == SqlState::LOCK_NOT_AVAILABLE
            || *code == SqlState::QUERY_CANCELED
        {
            StoreError::Conflict(error.into())
        } else if ends_session(db_error)
            || class == "08"
            || class == "57"
            || *code == SqlState::READ_ONLY_SQL_TRANSACTION
            || *code == SqlState::TOO_MANY_CONNECTIONS
        {
            StoreError::Unreachable(error.into())
        } else {
            StoreError::Postgres(error.into())
        }
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> StoreError {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Closed => StoreError::Closed,
            other => StoreError::Unreachable(PgFailure::other(other)),
        }
    }
}
