//! The checkout in a process: begun in the background and tried again until it works, so that nothing that it lacks keeps
//! games from being played.

use super::front::Front;
use super::settings;
use crate::brokers::postgres_options_of_checkout;
use crate::config::{Config, PaymentProvider};
use crate::late_log::{LateLog, is_due};
use crate::test_bank::BankFolder;
use anyhow::Context;
use axum::Router;
use axum::extract::Request;
use axum::routing::any;
use blazing_sun_backbone::log::{EventLog, Topic};
use blazing_sun_backbone::postgres::PgOptions;
use blazing_sun_backbone::topics;
use blazing_sun_checkout::bank::BankHandle;
use blazing_sun_checkout::secret::Secret;
use blazing_sun_checkout::store::{PgPaymentStore, SqlitePaymentStore};
use blazing_sun_checkout::stripe::StripeOptions;
use blazing_sun_checkout::{Checkout, CheckoutOptions, Gauge, webhook};
use blazing_sun_domain::Games;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const TRY_AGAIN: Duration = Duration::from_secs(1);
/// How long others wait for its first try, which takes milliseconds where nothing is amiss.
const FIRST_TRY: Duration = Duration::from_secs(5);

/// A checkout that works, or will.
pub(super) struct Payments {
    watch: Watch,
    starting: JoinHandle<Running>,
    tried: oneshot::Receiver<()>,
}

/// What is known of a checkout from outside. Clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Watch {
    front: Front,
    gauge: Arc<OnceLock<Gauge>>,
}

impl Watch {
    /// Of the one that works; else what it waits for.
    pub(super) fn gauge(&self) -> Result<&Gauge, String> {
        self.gauge.get().ok_or_else(|| self.front.why())
    }
}

/// One that works.
struct Running {
    checkout: Checkout,
    /// Where it is of this process.
    bank: Option<BankHandle>,
}

impl Payments {
    /// Beside everything else on a folder; none where nobody collects money.
    pub(super) fn embedded(
        config: &Config,
        data_dir: &Path,
        games: &Games,
        log: Arc<dyn EventLog>,
        address: SocketAddr,
    ) -> anyhow::Result<Option<Payments>> {
        let provider = match config.payments.provider {
            None | Some(PaymentProvider::None) => return Ok(None),
            Some(provider) => provider,
        };
        let stripe = match provider {
            PaymentProvider::Stripe => Some(settings::stripe(config)?),
            _ => None,
        };
        let embedded = Embedded {
            config: config.clone(),
            data_dir: data_dir.to_owned(),
            games: games.clone(),
            log,
            address,
            stripe,
        };
        let start = move || {
            let embedded = embedded.clone();
            async move { embedded.start().await }
        };
        Ok(Some(Payments::begin(start)))
    }

    /// On Kafka's topics, with a database of its own; any number of these.
    pub(super) fn distributed(
        config: &Config,
        games: &Games,
        log: LateLog,
        address: SocketAddr,
    ) -> anyhow::Result<Payments> {
        let distributed = Distributed {
            options: settings::checkout(config, games, settings::stripe(config)?, address),
            postgres: postgres_options_of_checkout(config)?,
            log,
        };
        let start = move || {
            let distributed = distributed.clone();
            async move { distributed.start().await }
        };
        Ok(Payments::begin(start))
    }

    fn begin<F>(start: impl Fn() -> F + Send + 'static) -> Payments
    where
        F: Future<Output = anyhow::Result<Running>> + Send + 'static,
    {
        let watch = Watch::default();
        watch.front.waits_for("the checkout is not there yet");
        let (told, tried) = oneshot::channel();
        let starting = tokio::spawn(begin(watch.clone(), start, told));
        Payments {
            watch,
            starting,
            tried,
        }
    }

    /// Until it works or has failed once, so that a server which says that it serves can be paid in at once.
    pub(super) async fn wait_for_first_try(&mut self) {
        // Whoever takes longer, or has ended, is not waited for.
        let _ = tokio::time::timeout(FIRST_TRY, &mut self.tried).await;
    }

    /// Takes webhooks, from the start on.
    pub(super) fn router(&self) -> Router {
        let front = self.watch.front.clone();
        let answer = move |request: Request| {
            let front = front.clone();
            async move { front.answer(request).await }
        };
        Router::new().route(webhook::PATH, any(answer))
    }

    /// For whoever asks how it is.
    pub(super) fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// Ends it; what was under way is done by the next one.
    pub(super) async fn stop(self) {
        if !self.starting.is_finished() {
            self.starting.abort();
        }
        if let Ok(Running { checkout, bank }) = self.starting.await {
            checkout.shutdown().await;
            if let Some(bank) = bank {
                bank.shutdown().await;
            }
        }
    }
}

/// Tries until it works.
async fn begin<F>(watch: Watch, start: impl Fn() -> F, tried: oneshot::Sender<()>) -> Running
where
    F: Future<Output = anyhow::Result<Running>>,
{
    let front = &watch.front;
    // Dropped, it says the same.
    let mut tried = Some(tried);
    let mut told = None;
    loop {
        let error = match start().await {
            Ok(running) => {
                front.open(running.checkout.router());
                // Nobody else sets it.
                let _ = watch.gauge.set(running.checkout.gauge());
                return running;
            }
            Err(error) => format!("{error:#}"),
        };
        front.waits_for(format!("the checkout does not start: {error}"));
        tried.take();
        if is_due(&mut told) {
            tracing::error!(
                error,
                "the checkout does not start, so that nobody can pay in; trying again"
            );
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

/// What a checkout in one folder stands on.
#[derive(Clone)]
struct Embedded {
    config: Config,
    data_dir: PathBuf,
    games: Games,
    log: Arc<dyn EventLog>,
    /// This server's own.
    address: SocketAddr,
    /// None: a test bank is started.
    stripe: Option<(StripeOptions, Vec<Secret>)>,
}

impl Embedded {
    async fn start(&self) -> anyhow::Result<Running> {
        let (stripe, webhook_secrets, bank) = match &self.stripe {
            Some((stripe, secrets)) => (stripe.clone(), secrets.clone(), None),
            None => {
                let folder = BankFolder::new(&self.data_dir);
                let bank = folder.start(self.config.payments.test_bank_listen).await?;
                bank.send_webhooks_to(&format!("http://{}{}", self.address, webhook::PATH))?;
                tracing::info!(
                    bank.url = bank.url(),
                    "players pay in at a test bank, with test money"
                );
                let stripe = StripeOptions {
                    api_base: bank.url().to_owned(),
                    ..StripeOptions::new(folder.secret_key()?)
                };
                (stripe, vec![folder.webhook_secret()?], Some(bank))
            }
        };
        let file = self.data_dir.join(CHECKOUT_DATABASE);
        let opened = tokio::task::spawn_blocking(move || SqlitePaymentStore::open(&file)).await?;
        let options = settings::checkout(
            &self.config,
            &self.games,
            (stripe, webhook_secrets),
            self.address,
        );
        let checkout = Checkout::start(options, self.log.clone(), opened?)?;
        Ok(Running { checkout, bank })
    }
}

/// What a checkout on topics that others have too stands on.
#[derive(Clone)]
struct Distributed {
    options: CheckoutOptions,
    postgres: PgOptions,
    log: LateLog,
}

impl Distributed {
    async fn start(&self) -> anyhow::Result<Running> {
        let requests = Topic::new(topics::CHECKOUT_REQUESTS);
        let found = self.log.bounds(&requests).await;
        found.context("its topics can not be read; the first backend makes them")?;
        let store = PgPaymentStore::open(&self.postgres).await?;
        let log = Arc::new(self.log.clone());
        let checkout = Checkout::start(self.options.clone(), log, store)?;
        Ok(Running {
            checkout,
            bank: None,
        })
    }
}

/// What the checkout keeps in a data directory.
pub const CHECKOUT_DATABASE: &str = "checkout.sqlite3";
