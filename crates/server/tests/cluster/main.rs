//! Several processes on a real Kafka and a real PostgreSQL.

mod backends;
mod bench;
mod console;
#[path = "../support/console.rs"]
mod console_api;
mod console_topics;
mod doctor;
mod games;
mod gateways;
mod guests;
mod house_bot;
mod live_settings;
mod operators;
mod payments;
#[path = "../support/topics_seen.rs"]
mod topics_seen;
mod traces;
