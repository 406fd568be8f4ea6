//! What PostgreSQL refused, told without the rows concerned: they may hold what nobody is to read.

use std::error::Error;
use std::fmt;
use tokio_postgres::error::{DbError, SqlState};

/// What PostgreSQL, or the way to it, answered. The rows concerned are left out of the text: they may hold what
/// nobody is to read.
pub struct PgFailure(Box<dyn Error + Send + Sync>);

impl PgFailure {
    /// A failure that is none of PostgreSQL's own.
    pub fn other(error: impl Into<Box<dyn Error + Send + Sync>>) -> PgFailure {
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
    pub fn is_of_time(&self) -> bool {
        self.code() == Some(&SqlState::QUERY_CANCELED)
    }

    /// Whether it lies in what was to be written: a bad value, a constraint, too much of it.
    pub fn is_of_what_was_written(&self) -> bool {
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

/// The text of an error and of its causes. What PostgreSQL refused is told without the rows concerned.
pub fn told(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let db_error = cause.downcast_ref::<DbError>();
        let cause_text = db_error.map_or_else(|| cause.to_string(), |db| db.message().to_owned());
        text = format!("{text}: {cause_text}");
        source = cause.source();
    }
    text
}
