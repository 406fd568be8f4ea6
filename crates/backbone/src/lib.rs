//! How messages look and how they travel: the envelope, the topics, the generic payloads, the event
//! log port with its adapters, the way to PostgreSQL, and the credentials that both sides of the log must agree on. A
//! game's own payloads pass through as a name and JSON.

pub mod bans;
pub mod client_address;
pub mod clock;
pub mod credentials;
pub mod deliveries;
pub mod derived_id;
pub mod envelope;
pub mod failpoints;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod line_pace;
pub mod live;
pub mod log;
pub mod messages;
pub mod metrics;
pub mod partitioner;
pub mod postgres;
pub mod rest;
pub mod schema;
pub mod topics;
pub mod trace;
pub mod varint;
