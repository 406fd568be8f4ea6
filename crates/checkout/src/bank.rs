//! The test bank: a stand-in for Stripe on this machine alone, for development and tests. It speaks as much of Stripe's API as the
//! checkout uses, has a page on which people pay with test money, sends signed webhooks, and misbehaves when told to.
//!
//! What it answers to is in `docs/payments.md`. Whatever it has said it knows again after a kill at any instant.

mod api;
mod books;
mod control;
mod deliveries;
mod error;
mod events;
mod expand;
mod handle;
mod http;
mod idempotency;
mod misbehaviour;
mod page;
mod params;
mod payments;
mod render;
mod sender;
mod state;
mod store;

pub use deliveries::{Delivery, DeliveryKind, DeliveryState};
pub use error::{BankError, Declined};
pub use handle::BankHandle;
pub use misbehaviour::Misbehaviour;
pub use payments::{DisputeStage, Settlement, Way};

use crate::secret::Secret;
use blazing_sun_domain::Millis;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How a bank is to be.
#[derive(Clone)]
pub struct BankOptions {
    /// Its SQLite file; made where there is none.
    pub database: PathBuf,
    /// Where it listens: an address of this machine alone, port 0 for a free one.
    pub listen: SocketAddr,
    /// The key that callers of its API show.
    pub secret_key: Secret,
    /// Where webhooks go; [`BankHandle::send_webhooks_to`] says so later. Until then they wait.
    pub webhook_url: Option<String>,
    /// Each webhook is signed with all of these.
    pub webhook_secrets: Vec<Secret>,
    /// When a webhook is sent again.
    pub retries: WebhookRetries,
    /// After how long a payment made by "pay later" settles by itself; never, where nothing is said.
    pub settle_after: Option<Duration>,
    /// The time.
    pub clock: Arc<dyn Fn() -> Millis + Send + Sync>,
}

impl BankOptions {
    /// On a free port, with the machine's clock, without an address for webhooks.
    pub fn new(database: impl Into<PathBuf>, secret_key: Secret) -> BankOptions {
        BankOptions {
            database: database.into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            secret_key,
            webhook_url: None,
            webhook_secrets: Vec::new(),
            retries: WebhookRetries::default(),
            settle_after: None,
            clock: Arc::new(blazing_sun_backbone::clock::now),
        }
    }
}

/// When a webhook that was not taken is sent again.
#[derive(Debug, Clone, Copy)]
pub struct WebhookRetries {
    /// After the first attempt; doubled after each.
    pub pause: Duration,
    /// The longest pause.
    pub pause_max: Duration,
    /// No attempt begins when an event is older than this.
    pub give_up_after: Duration,
    /// How long an attempt may take.
    pub timeout: Duration,
}

impl Default for WebhookRetries {
    fn default() -> WebhookRetries {
        WebhookRetries {
            pause: Duration::from_secs(1),
            pause_max: Duration::from_secs(60),
            give_up_after: Duration::from_secs(3 * 24 * 60 * 60),
            timeout: Duration::from_secs(10),
        }
    }
}

impl WebhookRetries {
    fn pause_after(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(20);
        self.pause
            .saturating_mul(1 << doublings)
            .min(self.pause_max)
    }
}

/// The test bank.
pub struct Bank;

impl Bank {
    /// Opens its file and listens; it serves until the handle is shut down or dropped.
    pub async fn start(options: BankOptions) -> Result<BankHandle, BankError> {
        BankHandle::start(options).await
    }
}
