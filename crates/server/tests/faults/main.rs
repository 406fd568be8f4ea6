//! What befalls a cluster of real processes: frozen backends, killed and frozen brokers, a killed database, connections
//! cut around a COMMIT. Afterwards every cent, every room and every record is held against the others.
#![allow(clippy::print_stdout, reason = "how long players waited is to be read")]

mod backends;
mod backlog;
mod brokers;
mod commits;
mod database;
mod lists;
mod site;
mod tables;
mod takeover;
mod tools;
