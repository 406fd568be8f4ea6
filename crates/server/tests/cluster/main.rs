//! Several processes on a real Kafka and a real PostgreSQL.

mod backends;
mod games;
mod gateways;
mod house_bot;
mod operators;
