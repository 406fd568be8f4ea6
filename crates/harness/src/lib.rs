//! A real server for tests: the program on a folder of its own and a free port, guests signed in over
//! HTTP, and typed clients on its socket; and the servers that it may need, [`kafka`], [`postgres`] and [`stripe_mock`].
//! Everything waits for a condition with a deadline.

mod agent;
mod bank;
mod beside;
mod client;
mod cluster;
pub mod collector;
pub mod contract;
pub mod generated;
pub mod kafka;
pub mod postgres;
pub mod prometheus;
pub mod proxy;
mod server;
pub mod slow_proxy;
pub mod stripe_mock;
mod wire;

pub use agent::{Agent, Frames};
pub use bank::PaymentPage;
pub use client::{Client, whole_game};
pub use cluster::{Cluster, ClusterLaunch, Process};
pub use server::{Launch, TestServer, built, command, program, tool};
pub use wire::{Answer, Wire, frame};

use serde_json::Value;
use std::time::Duration;

/// How long anything may take.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// A signed-in guest.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The access token.
    pub token: String,
    /// As on the wire.
    pub user_id: String,
    /// As on the wire.
    pub username: String,
    /// At sign-in.
    pub balance_cents: i64,
}

impl Guest {
    /// From the answer of the API.
    pub fn from_answer(answer: &Value) -> Guest {
        let user = &answer["user"];
        Guest {
            token: text(&answer["access_token"]),
            user_id: text(&user["user_id"]),
            username: text(&user["username"]),
            balance_cents: user["balance_cents"].as_i64().expect("a balance"),
        }
    }
}

/// A JSON string's text.
pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a string: {value}"))
        .to_owned()
}

/// Waits, but not for ever.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {DEADLINE:?} for {what}"),
    }
}
