//! Consume, decide, commit, publish: the partition actors and their store, durable timers, accounts
//! and the HTTP API. Only this crate writes the ledger.

pub mod accounts;
pub mod api;
pub mod store;
