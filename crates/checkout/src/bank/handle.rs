//! The running bank, and the hand that its owner has on it.

use super::books::{self, Books, Cause};
use super::deliveries::Delivery;
use super::error::{BankError, Declined};
use super::misbehaviour::Misbehaviour;
use super::payments::{DisputeStage, Settlement, Way};
use super::state::Metadata;
use super::store::Store;
use super::{BankOptions, http, sender};
use ::http::Uri;
use blazing_sun_domain::Millis;
use parking_lot::Mutex;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// How long requests under way may take when it is shut down.
const DRAIN_MAX: Duration = Duration::from_secs(2);
/// How many webhooks are listed where nobody says how many.
pub(super) const DELIVERIES_MAX: u32 = 1_000;

/// What all parts of a running bank share.
pub(super) struct Core {
    pub(super) options: BankOptions,
    pub(super) base_url: String,
    /// Told when a webhook may have been queued.
    pub(super) queued: Notify,
    store: Store,
    webhook_url: Mutex<Option<Uri>>,
    has_ended: watch::Sender<bool>,
}

impl Core {
    pub(super) fn now(&self) -> Millis {
        (self.options.clock)()
    }

    pub(super) fn webhook_url(&self) -> Option<Uri> {
        self.webhook_url.lock().clone()
    }

    /// Returns once the bank is to end.
    pub(super) async fn ended(&self) {
        // An error means that the sender is gone, which is `self`'s.
        let _ = self.has_ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Runs it in a transaction of its own.
    pub(super) async fn books<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Books<'_>) -> Result<T, Declined> + Send + 'static,
    ) -> Result<T, Declined> {
        let core = self.clone();
        self.store
            .transact(move |tx| {
                let mut books = Books {
                    tx,
                    now: core.now(),
                    base_url: &core.base_url,
                    settle_after: core.options.settle_after,
                    misbehaviour: books::misbehaviour(tx)?,
                    cause: Cause::default(),
                };
                work(&mut books)
            })
            .await
    }

    /// The same for what may queue webhooks.
    pub(super) async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Books<'_>) -> Result<T, Declined> + Send + 'static,
    ) -> Result<T, Declined> {
        let done = self.books(work).await;
        self.queued.notify_one();
        done
    }
}

/// A running bank. It ends with this.
pub struct BankHandle {
    core: Arc<Core>,
    address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

impl BankHandle {
    pub(super) async fn start(options: BankOptions) -> Result<BankHandle, BankError> {
        if !options.listen.ip().is_loopback() {
            return Err(BankError::NotLoopback(options.listen));
        }
        let webhook_url = options.webhook_url.as_deref().map(parsed).transpose()?;
        let store = Store::open(&options.database)?;
        let failed = |source| BankError::Listen {
            address: options.listen,
            source,
        };
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let core = Arc::new(Core {
            base_url: format!("http://{address}"),
            queued: Notify::new(),
            store,
            webhook_url: Mutex::new(webhook_url),
            has_ended: watch::Sender::new(false),
            options,
        });
        let tasks = vec![
            tokio::spawn(http::serve(core.clone(), listener)),
            tokio::spawn(sender::run(core.clone())),
        ];
        Ok(BankHandle {
            core,
            address,
            tasks,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://` and its address: the base of its API and of its pages.
    pub fn url(&self) -> &str {
        &self.core.base_url
    }

    /// Says where webhooks go from now on, those that wait too.
    pub fn send_webhooks_to(&self, url: &str) -> Result<(), BankError> {
        *self.core.webhook_url.lock() = Some(parsed(url)?);
        self.core.queued.notify_one();
        Ok(())
    }

    /// Does what a payer does on a session's page. Where they are sent then; nowhere after a card that was declined.
    pub async fn pay(&self, session: &str, way: Way) -> Result<Option<String>, BankError> {
        let session = session.to_owned();
        Ok(self
            .core
            .change(move |books| books.pay(&session, way))
            .await?)
    }

    /// Ends the waiting for a payment by "pay later".
    pub async fn settle(
        &self,
        payment_intent: &str,
        settlement: Settlement,
    ) -> Result<(), BankError> {
        let id = payment_intent.to_owned();
        self.core
            .change(move |books| books.settle(&id, settlement))
            .await?;
        Ok(())
    }

    /// Pays back some of a payment, or all that is left. The refund, as the API shows it.
    pub async fn refund(
        &self,
        payment_intent: &str,
        amount: Option<i64>,
    ) -> Result<Value, BankError> {
        let id = payment_intent.to_owned();
        let refund = move |books: &mut Books<'_>| {
            let payment = books.payment(&id)?;
            books.pay_back(payment, amount, None, Metadata::new())
        };
        Ok(self.core.change(refund).await?)
    }

    /// Takes a payment's dispute one step further. The dispute, as the API shows it.
    pub async fn dispute(
        &self,
        payment_intent: &str,
        stage: DisputeStage,
    ) -> Result<Value, BankError> {
        let id = payment_intent.to_owned();
        Ok(self
            .core
            .change(move |books| books.dispute_at(&id, stage))
            .await?)
    }

    /// Ends an open session.
    pub async fn expire(&self, session: &str) -> Result<(), BankError> {
        let session = session.to_owned();
        self.core
            .change(move |books| books.expire(&session))
            .await?;
        Ok(())
    }

    /// Has it misbehave so from now on, over restarts too.
    pub async fn misbehave(&self, misbehaviour: Misbehaviour) -> Result<(), BankError> {
        misbehaviour.check().map_err(Declined::invalid)?;
        Ok(self
            .core
            .change(move |books| books.set_misbehaviour(misbehaviour))
            .await?)
    }

    /// The newest webhooks, at most a thousand, in the order in which they were queued.
    pub async fn deliveries(&self) -> Result<Vec<Delivery>, BankError> {
        Ok(self
            .core
            .books(|books| books.deliveries(DELIVERIES_MAX))
            .await?)
    }

    /// Ends it. Requests under way are answered first; webhooks that wait are sent by the next bank on the same file.
    pub async fn shutdown(mut self) {
        self.core.has_ended.send_replace(true);
        for task in std::mem::take(&mut self.tasks) {
            let abort = task.abort_handle();
            if tokio::time::timeout(DRAIN_MAX, task).await.is_err() {
                abort.abort();
            }
        }
    }
}

impl Drop for BankHandle {
    fn drop(&mut self) {
        self.core.has_ended.send_replace(true);
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn parsed(url: &str) -> Result<Uri, BankError> {
    sender::webhook_url(url).ok_or_else(|| BankError::WebhookUrl(url.to_owned()))
}
