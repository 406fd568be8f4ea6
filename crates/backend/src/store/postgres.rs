//! The distributed store: PostgreSQL, written by each partition's owner in one transaction a batch, and beside
//! them by the HTTP API.

mod accounts;
mod batch;
mod error;
mod lock;
mod operators;
mod outbox;
mod overview;
mod owner_store;
mod pipeline;
mod played;
mod pool;
mod prefetch;
mod progress;
mod quarantine;
mod reads;
mod session;
mod statements;
mod wallet;
mod writes;

pub use accounts::PgAccounts;
pub use batch::{
    Forwarded, OutboxPosition, OwnerBatch, Run, StoredBatch, decode_consumed, decode_records,
    encode_consumed, encode_records,
};
pub use blazing_sun_backbone::postgres::{PgFailure, PgOptions, PgOptionsError};
pub use lock::PgLock;
pub use operators::PgOperators;
pub use outbox::PartitionState;
pub use overview::PgOverview;
pub use owner_store::{Landed, PgStore};
pub use pool::PgPool;
pub use prefetch::Declared;
pub use progress::{BACKLOG_BATCHES_MAX, Backlog, Progress};
pub use reads::{PgDirectory, PgReads};

#[cfg(test)]
mod tests;
