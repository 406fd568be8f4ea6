//! Several processes on a real Kafka and a real PostgreSQL.

mod games;
mod gateways;
mod operators;
