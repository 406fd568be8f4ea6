//! The running checkout: loops that take requests, ask the provider, deal with its events and publish what came of
//! it. Each step is one transaction, so that a kill between any two of them loses and doubles nothing.

mod drive;
mod events;
mod gauge;
mod intake;
mod leader;
mod listing;
mod payments;
mod publisher;

pub use gauge::Gauge;

use crate::metrics::METRICS;
use crate::payment::Terms;
use crate::secret::Secret;
use crate::store::{Backlog, JournalRow, PaymentStore, Place, StoreError};
use crate::stripe::{StripeClient, StripeOptions, StripeOptionsError};
use crate::webhook;
use axum::Router;
use blazing_sun_backbone::clock;
use blazing_sun_backbone::log::EventLog;
use blazing_sun_domain::{Millis, UserId};
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use uuid::Uuid;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// Hears how far topics were read, after it was kept.
pub type Consumed = Arc<dyn Fn(&[Place]) + Send + Sync>;

/// What a checkout has to know.
#[derive(Clone)]
pub struct CheckoutOptions {
    /// How the provider is reached.
    pub stripe: StripeOptions,
    /// With one of which the provider signs its webhooks; two while one replaces the other.
    pub webhook_secrets: Vec<Secret>,
    /// Whether payments are of real money; what the provider says otherwise is held.
    pub livemode: bool,
    /// The deployment's, lower case; other requests fail.
    pub currency: String,
    /// What is paid for, as the payer reads it.
    pub product_name: String,
    /// Where the payer goes after paying, where the request does not say.
    pub success_url: String,
    /// The games whose payment records are kept.
    pub games: Vec<String>,
    /// How often things are looked at.
    pub pace: Pace,
    /// Tells the time.
    pub clock: Clock,
    /// Hears how far topics were read.
    pub consumed: Option<Consumed>,
}

impl CheckoutOptions {
    /// Test money in `eur` with the provider at this address, and everything else as usual.
    pub fn new(stripe: StripeOptions, webhook_secrets: Vec<Secret>) -> CheckoutOptions {
        CheckoutOptions {
            stripe,
            webhook_secrets,
            livemode: false,
            currency: "eur".to_owned(),
            product_name: "Top-up".to_owned(),
            success_url: "http://localhost/".to_owned(),
            games: Vec::new(),
            pace: Pace::default(),
            clock: Arc::new(clock::now),
            consumed: None,
        }
    }
}

impl fmt::Debug for CheckoutOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckoutOptions")
            .field("stripe", &self.stripe)
            .field("webhook_secrets", &self.webhook_secrets)
            .field("livemode", &self.livemode)
            .field("currency", &self.currency)
            .field("games", &self.games)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

/// How often things are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How old an unpaid page is before the provider is asked about it.
    pub look_after: Duration,
    /// How soon it is asked again.
    pub look_every: Duration,
    /// How often the provider's list of events is read.
    pub list_every: Duration,
    /// How long a page can be paid.
    pub page_open: Duration,
    /// How far a webhook's time may lie from now.
    pub webhook_tolerance: Duration,
    /// How long a leader that has gone is waited for.
    pub lease: Duration,
    /// How often a leader says that it is there.
    pub lease_renewal: Duration,
    /// How often it is looked whether anything is due.
    pub poll: Duration,
    /// Between attempts at what failed; doubled each time up to `retry_max`.
    pub retry: Duration,
    /// The longest pause between attempts.
    pub retry_max: Duration,
    /// How long published records are kept.
    pub keep_published: Duration,
    /// How long events that are dealt with are kept: longer than the provider sends them, or has them in its list.
    pub keep_events: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            look_after: Duration::from_secs(120),
            look_every: Duration::from_secs(60),
            list_every: Duration::from_secs(30),
            page_open: Duration::from_secs(3_600),
            webhook_tolerance: Duration::from_secs(webhook::signature::TOLERANCE_S),
            lease: Duration::from_secs(5),
            lease_renewal: Duration::from_secs(1),
            poll: Duration::from_secs(1),
            retry: Duration::from_secs(1),
            retry_max: Duration::from_secs(300),
            keep_published: Duration::from_secs(7 * 86_400),
            keep_events: Duration::from_secs(35 * 86_400),
        }
    }
}

/// The provider lets a page be open from 30 min to 24 h, by its own clock and from when it was reached. A key is known
/// to it for 24 h, and is not used once a page's time is over.
const PAGE_OPEN_MIN: Duration = Duration::from_secs(2_400);
/// The longest.
const PAGE_OPEN_MAX: Duration = Duration::from_secs(82_800);

/// Why a checkout does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The provider can not be reached like that.
    #[error(transparent)]
    Stripe(#[from] StripeOptionsError),
    /// A key of real money beside test money, or the other way round.
    #[error("the payment provider's key is {key} key, and the deployment's money is {money}")]
    Livemode {
        /// `a live` or `a test`.
        key: &'static str,
        /// `real` or `test money`.
        money: &'static str,
    },
    /// Whoever sends a webhook would be believed, or nobody.
    #[error("a webhook secret is missing or empty: the payment provider shows it as `whsec_…`")]
    WebhookSecret,
    /// The provider would refuse every page.
    #[error("a payment's page can be open from 40 min to 23 h, not {0:?}")]
    PageOpen(Duration),
}

/// What the loops share.
pub(crate) struct Shared {
    pub(crate) options: CheckoutOptions,
    pub(crate) store: Arc<dyn PaymentStore>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) stripe: StripeClient,
    pub(crate) payments_due: Notify,
    pub(crate) events_due: Notify,
    pub(crate) outgoing_due: Notify,
    leads: watch::Sender<bool>,
    stops: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn now(&self) -> Millis {
        (self.options.clock)()
    }

    fn terms(&self) -> Terms {
        Terms {
            livemode: self.options.livemode,
            look_after_ms: ms(self.options.pace.look_after),
            look_every_ms: ms(self.options.pace.look_every),
        }
    }

    /// After so many attempts that failed: the pause before the next, by chance up to half shorter.
    fn pause(&self, attempts: u32) -> Duration {
        let doubled = self
            .options
            .pace
            .retry
            .saturating_mul(1 << attempts.min(16));
        let longest = doubled.min(self.options.pace.retry_max);
        longest.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// Waits until this process leads; false once it is to stop.
    async fn until_leading(&self) -> bool {
        let mut leads = self.leads.subscribe();
        tokio::select! {
            () = self.until_stopped() => false,
            led = leads.wait_for(|leads| *leads) => led.is_ok(),
        }
    }

    /// Waits until another may lead, or this process is to stop.
    async fn until_not_leading(&self) {
        let mut leads = self.leads.subscribe();
        tokio::select! {
            () = self.until_stopped() => {}
            _ = leads.wait_for(|leads| !*leads) => {}
        }
    }

    async fn until_stopped(&self) {
        let mut stops = self.stops.subscribe();
        let _ = stops.wait_for(|stops| *stops).await;
    }

    /// Waits so long; false if it is to stop before.
    async fn rests(&self, pause: Duration) -> bool {
        tokio::select! {
            () = self.until_stopped() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}

pub(crate) fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A running checkout.
pub struct Checkout {
    shared: Arc<Shared>,
    loops: JoinSet<()>,
    holder: Uuid,
}

impl Checkout {
    /// Starts its loops, on the runtime that this is called on. Topics have to exist. Of several processes on one
    /// store one does the work; webhooks are taken by each.
    pub fn start(
        options: CheckoutOptions,
        log: Arc<dyn EventLog>,
        store: Arc<dyn PaymentStore>,
    ) -> Result<Checkout, StartError> {
        check(&options)?;
        // So that they are there, as 0, before anything happens.
        LazyLock::force(&METRICS);
        let stripe = StripeClient::new(&options.stripe)?;
        let shared = Arc::new(Shared {
            options,
            store,
            log,
            stripe,
            payments_due: Notify::new(),
            events_due: Notify::new(),
            outgoing_due: Notify::new(),
            leads: watch::Sender::new(false),
            stops: watch::Sender::new(false),
        });
        let holder = Uuid::new_v4();
        let mut loops = JoinSet::new();
        loops.spawn(leader::run(Arc::clone(&shared), holder));
        loops.spawn(intake::run(Arc::clone(&shared)));
        loops.spawn(payments::run(Arc::clone(&shared)));
        loops.spawn(events::run(Arc::clone(&shared)));
        loops.spawn(listing::run(Arc::clone(&shared)));
        loops.spawn(publisher::run(Arc::clone(&shared)));
        Ok(Checkout {
            shared,
            loops,
            holder,
        })
    }

    /// Takes the provider's webhooks: `POST /webhooks/stripe`.
    pub fn router(&self) -> Router {
        webhook::router(Arc::clone(&self.shared))
    }

    /// Whether this process does the work.
    pub fn is_leading(&self) -> bool {
        *self.shared.leads.borrow()
    }

    /// How much there is to do.
    pub async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.shared.store.backlog().await
    }

    /// Says the same to whoever does not own it.
    pub fn gauge(&self) -> Gauge {
        Gauge::new(Arc::clone(&self.shared))
    }

    /// A player's payment records, the newest first, from those before this row on.
    pub async fn statement(
        &self,
        user: UserId,
        before: Option<(Millis, String)>,
        limit: u32,
    ) -> Result<Vec<JournalRow>, StoreError> {
        self.shared.store.statement(user, before, limit).await
    }

    /// Ends its loops, and lets another process lead at once. What was under way is done again by whoever leads next.
    pub async fn shutdown(mut self) {
        self.shared.stops.send_replace(true);
        while let Some(ended) = self.loops.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a loop of the checkout has ended badly");
            }
        }
        if let Err(error) = self.shared.store.release_lease(self.holder).await {
            tracing::debug!(%error, "the checkout's lease was not given up; it ends by itself");
        }
    }
}

fn check(options: &CheckoutOptions) -> Result<(), StartError> {
    let key = options.stripe.secret_key.expose();
    let is_of = |mode: &str| {
        key.starts_with(&format!("sk_{mode}_")) || key.starts_with(&format!("rk_{mode}_"))
    };
    if is_of("live") && !options.livemode {
        return Err(StartError::Livemode {
            key: "a live",
            money: "test money",
        });
    }
    if !is_of("live") && options.livemode {
        return Err(StartError::Livemode {
            key: "no live",
            money: "real",
        });
    }
    let secrets = &options.webhook_secrets;
    if secrets.is_empty() || secrets.iter().any(|secret| secret.expose().is_empty()) {
        return Err(StartError::WebhookSecret);
    }
    let page_open = options.pace.page_open;
    match (PAGE_OPEN_MIN..=PAGE_OPEN_MAX).contains(&page_open) {
        true => Ok(()),
        false => Err(StartError::PageOpen(page_open)),
    }
}
