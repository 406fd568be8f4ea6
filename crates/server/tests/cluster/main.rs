//! Several processes on a real Kafka and a real PostgreSQL.

mod backends;
mod bench;
mod console;
#[path = "../support/console.rs"]
mod console_api;
mod games;
mod gateways;
mod guests;
mod house_bot;
mod operators;
mod payments;
