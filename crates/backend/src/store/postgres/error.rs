//! What PostgreSQL's answers mean to whoever writes: whether it may be tried again, and where the fault lies.

use crate::store::StoreError;
use blazing_sun_backbone::postgres::PgFailure;
use deadpool_postgres::PoolError;
use std::error::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

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
