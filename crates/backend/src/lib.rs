//! Consume, decide, commit, publish: the partition actors and their store, durable timers, accounts
//! and the HTTP API. Only this crate writes the ledger.

pub mod accounts;
pub mod api;
pub mod audit;
pub mod chat;
mod directory;
pub mod engine;
pub mod export;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod inbox;
pub mod live;
pub mod mail;
mod metrics;
pub mod names;
pub mod outgoing;
pub mod owner;
pub mod partition;
pub mod payouts;
mod quarantine;
mod recovery;
pub mod replay;
mod steady_clock;
pub mod store;
mod traced;
pub mod transcript;
pub mod wallet;
