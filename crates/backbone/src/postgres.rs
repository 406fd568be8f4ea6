//! How PostgreSQL is reached, and how what it answers is told: the same for whoever keeps something there.

mod failure;
mod options;
mod tls;

pub use failure::{PgFailure, told};
pub use options::{PgOptions, PgOptionsError};
