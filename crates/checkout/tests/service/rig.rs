//! A checkout on a log and a store of its own, the test bank, and a payer. Only the clock is ours: it can be
//! moved on.

use crate::mortal::Mortal;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use blazing_sun_backbone::clock;
use blazing_sun_backbone::log::sqlite::{SqliteLog, SqliteLogOptions};
use blazing_sun_backbone::log::{EventLog, Headers, NewRecord, Record, Start, Subscription, Topic};
use blazing_sun_backbone::messages::{
    CancelReason, CheckoutCancellation, CheckoutFinished, CheckoutRequest, PURPOSE_TOP_UP,
};
use blazing_sun_backbone::topics;
use blazing_sun_checkout::bank::{
    Bank, BankHandle, BankOptions, Delivery, DeliveryState, Misbehaviour, Way, WebhookRetries,
};
use blazing_sun_checkout::payment::Payment;
use blazing_sun_checkout::secret::Secret;
use blazing_sun_checkout::store::{Find, PaymentStore, SqlitePaymentStore};
use blazing_sun_checkout::stripe::{RetryPolicy, StripeOptions};
use blazing_sun_checkout::{Checkout, CheckoutOptions, Clock, Pace};
use blazing_sun_domain::{Cents, Millis, UserId};
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

/// How long anything may take.
pub const DEADLINE: Duration = Duration::from_secs(90);
pub const KEY: &str = "sk_test_rig";
pub const SECRET: &str = "whsec_rig";
pub const GAME: &str = "dice";
const USER: u64 = 123;

/// What a test may change about the checkout before it starts.
pub type Adjust = Arc<dyn Fn(&mut CheckoutOptions) + Send + Sync>;

pub struct Rig {
    pub folder: TempDir,
    pub log: Arc<dyn EventLog>,
    pub bank: Option<BankHandle>,
    pub store: Arc<dyn PaymentStore>,
    pub checkout: Option<Checkout>,
    pub webhook_url: String,
    adjust: Adjust,
    bank_url: String,
    offset_ms: Arc<AtomicI64>,
    bank_offset_ms: Arc<AtomicI64>,
    router: Arc<Mutex<Option<Router>>>,
    told: Reader,
    letters: Reader,
}

/// What a topic had so far.
struct Reader {
    subscription: Box<dyn Subscription>,
    records: Vec<Record>,
}

impl Reader {
    fn new(log: &Arc<dyn EventLog>, topic: &str) -> Reader {
        let from = (0..topics::DEFAULT_PARTITIONS)
            .map(|partition| (Topic::new(topic), partition, Start::Offset(0)));
        Reader {
            subscription: log.subscribe(from.collect()).unwrap(),
            records: Vec::new(),
        }
    }

    /// Reads on until `is_enough`.
    async fn until<T>(&mut self, what: &str, is_enough: impl Fn(&[Record]) -> Option<T>) -> T {
        let until = tokio::time::Instant::now() + DEADLINE;
        loop {
            if let Some(enough) = is_enough(&self.records) {
                return enough;
            }
            match tokio::time::timeout_at(until, self.subscription.next()).await {
                Ok(records) => self.records.extend(records.unwrap()),
                Err(_) => panic!("{what} has not come; there is {:#?}", texts(&self.records)),
            }
        }
    }

    /// What is there now.
    async fn catch_up(&mut self) {
        let no_time = Duration::from_millis(1);
        while let Ok(records) = tokio::time::timeout(no_time, self.subscription.next()).await {
            self.records.extend(records.unwrap());
        }
    }
}

fn texts(records: &[Record]) -> Vec<String> {
    let payloads = records.iter().map(|record| &record.payload);
    payloads
        .map(|payload| String::from_utf8_lossy(payload).into_owned())
        .collect()
}

async fn forward(State(router): State<Arc<Mutex<Option<Router>>>>, request: Request) -> Response {
    let router = router.lock().clone();
    match router {
        Some(router) => tower::ServiceExt::oneshot(router, request)
            .await
            .into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

impl Rig {
    pub async fn new() -> Rig {
        Rig::with(|_| ()).await
    }

    pub async fn with(adjust: impl Fn(&mut CheckoutOptions) + Send + Sync + 'static) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let store = SqlitePaymentStore::open(&folder.path().join("checkout.sqlite3")).unwrap();
        let mut rig = Rig::on(folder, store, adjust).await;
        rig.start();
        rig
    }

    /// Without a checkout yet.
    pub async fn on(
        folder: TempDir,
        store: Arc<dyn PaymentStore>,
        adjust: impl Fn(&mut CheckoutOptions) + Send + Sync + 'static,
    ) -> Rig {
        let path = folder.path().join("log.sqlite3");
        let log = SqliteLog::standalone(&path, SqliteLogOptions::default()).unwrap();
        let log: Arc<dyn EventLog> = Arc::new(log);
        let specs = topics::all(&[GAME], topics::DEFAULT_PARTITIONS);
        log.ensure_topics(&specs).await.unwrap();
        let router: Arc<Mutex<Option<Router>>> = Arc::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new()
            .fallback(forward)
            .with_state(Arc::clone(&router));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let mut rig = Rig {
            told: Reader::new(&log, topics::CHECKOUT_FINISHED),
            letters: Reader::new(&log, topics::DEAD_LETTER),
            folder,
            log,
            bank: None,
            store,
            checkout: None,
            webhook_url: format!("http://{address}/webhooks/stripe"),
            adjust: Arc::new(adjust),
            bank_url: String::new(),
            offset_ms: Arc::default(),
            bank_offset_ms: Arc::default(),
            router,
        };
        rig.open_bank().await;
        rig
    }

    /// Starts the bank, on its file and address of before.
    pub async fn open_bank(&mut self) {
        let path = self.folder.path().join("bank.sqlite3");
        let mut options = BankOptions::new(path, Secret::new(KEY));
        if let Some(address) = self.bank_url.strip_prefix("http://") {
            options.listen = address.parse().unwrap();
        }
        options.webhook_url = Some(self.webhook_url.clone());
        options.webhook_secrets = vec![Secret::new(SECRET)];
        let (clock, offset_ms) = (self.clock(), Arc::clone(&self.bank_offset_ms));
        options.clock = Arc::new(move || clock().plus(offset_ms.load(Ordering::Relaxed)));
        options.retries = WebhookRetries {
            pause: Duration::from_millis(20),
            pause_max: Duration::from_millis(100),
            ..WebhookRetries::default()
        };
        let bank = Bank::start(options).await.unwrap();
        self.bank_url = bank.url().to_owned();
        self.bank = Some(bank);
    }

    pub fn bank(&self) -> &BankHandle {
        self.bank.as_ref().unwrap()
    }

    pub fn options(&self) -> CheckoutOptions {
        let retries = RetryPolicy {
            retries_max: 1,
            pause: Duration::from_millis(5),
            pause_max: Duration::from_millis(10),
        };
        let stripe = StripeOptions {
            api_base: self.bank_url.clone(),
            retries,
            ..StripeOptions::new(Secret::new(KEY))
        };
        let mut options = CheckoutOptions::new(stripe, vec![Secret::new(SECRET)]);
        options.games = vec![GAME.to_owned()];
        options.clock = self.clock();
        options.pace = Pace {
            // By the test's own clock.
            list_every: Duration::from_secs(3_600),
            lease_renewal: Duration::from_millis(20),
            poll: Duration::from_millis(20),
            retry: Duration::from_millis(10),
            retry_max: Duration::from_millis(50),
            ..Pace::default()
        };
        (self.adjust)(&mut options);
        options
    }

    pub fn start(&mut self) {
        self.start_on(Arc::clone(&self.store));
    }

    pub fn start_on(&mut self, store: Arc<dyn PaymentStore>) {
        let checkout = Checkout::start(self.options(), Arc::clone(&self.log), store).unwrap();
        *self.router.lock() = Some(checkout.router());
        self.checkout = Some(checkout);
    }

    pub async fn stop(&mut self) {
        self.router.lock().take();
        if let Some(checkout) = self.checkout.take() {
            checkout.shutdown().await;
        }
    }

    pub fn clock(&self) -> Clock {
        let offset_ms = Arc::clone(&self.offset_ms);
        Arc::new(move || clock::now().plus(offset_ms.load(Ordering::Relaxed)))
    }

    pub fn now(&self) -> Millis {
        (self.clock())()
    }

    pub fn move_on(&self, by: Duration) {
        self.offset_ms
            .fetch_add(by.as_millis() as i64, Ordering::Relaxed);
    }

    pub fn move_back(&self, by: Duration) {
        self.offset_ms
            .fetch_sub(by.as_millis() as i64, Ordering::Relaxed);
    }

    /// Puts the checkout's clock on, and not the bank's.
    pub fn get_ahead(&self, by: Duration) {
        self.move_on(by);
        self.bank_offset_ms
            .fetch_sub(by.as_millis() as i64, Ordering::Relaxed);
    }

    pub async fn misbehave(&self, misbehaviour: Misbehaviour) {
        self.bank().misbehave(misbehaviour).await.unwrap();
    }

    /// Puts a record on a topic.
    pub async fn put(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        let record = NewRecord {
            topic: Topic::new(topic),
            partition: None,
            key: USER.to_string().into_bytes().into(),
            headers: Headers::default(),
            payload: payload.into().into(),
        };
        self.log.append_and_wait(vec![record]).await.unwrap();
    }

    pub fn request(&self, id: u128, cents: i64) -> CheckoutRequest {
        CheckoutRequest {
            request_id: Uuid::from_u128(id),
            user_id: UserId::new(USER).unwrap(),
            amount_cents: Cents(cents),
            currency: "eur".to_owned(),
            purpose: PURPOSE_TOP_UP.to_owned(),
            timestamp: self.now().to_string(),
            success_url: Some("https://play.example/ok".to_owned()),
            cancel_url: None,
        }
    }

    pub async fn ask(&self, request: &CheckoutRequest) {
        let payload = serde_json::to_vec(request).unwrap();
        self.put(topics::CHECKOUT_REQUESTS, payload).await;
    }

    pub async fn cancel(&self, id: u128, reason: CancelReason) {
        let cancellation = CheckoutCancellation {
            request_id: Uuid::from_u128(id),
            user_id: UserId::new(USER).unwrap(),
            reason,
        };
        let payload = serde_json::to_vec(&cancellation).unwrap();
        self.put(topics::CHECKOUT_CANCELLATIONS, payload).await;
    }

    /// Asks for a payment of 25.00 and waits for its page; the session's id.
    pub async fn opened(&mut self, id: u128) -> String {
        self.ask(&self.request(id, 2_500)).await;
        self.until_told(id, "session_created")
            .await
            .session_id
            .unwrap()
    }

    pub async fn pay(&self, session: &str, way: Way) {
        self.bank().pay(session, way).await.unwrap();
    }

    /// Asks for a payment and pays it; the payment's id.
    pub async fn paid(&mut self, id: u128) -> String {
        let session = self.opened(id).await;
        self.pay(&session, Way::Pay).await;
        self.until_told(id, "success")
            .await
            .payment_intent_id
            .unwrap()
    }

    /// Waits until this is told of the request.
    pub async fn until_told(&mut self, id: u128, status: &str) -> CheckoutFinished {
        self.until(id, status, |record| record.status.as_str() == status)
            .await
    }

    pub async fn until(
        &mut self,
        id: u128,
        what: &str,
        is_it: impl Fn(&CheckoutFinished) -> bool,
    ) -> CheckoutFinished {
        let find = |records: &[Record]| {
            let told = records.iter().map(finished);
            let id = Uuid::from_u128(id);
            told.into_iter()
                .find(|told| told.request_id == id && is_it(told))
        };
        self.told.until(what, find).await
    }

    /// All that was told of a request, each record once: told twice it is the same.
    pub async fn told(&mut self, id: u128) -> Vec<CheckoutFinished> {
        self.told.catch_up().await;
        let mut by_id: BTreeMap<String, CheckoutFinished> = BTreeMap::new();
        let mut order = Vec::new();
        for record in &self.told.records {
            let told = finished(record);
            let event_id = record.headers.text("event_id").unwrap().to_owned();
            if told.request_id != Uuid::from_u128(id) {
                continue;
            }
            if by_id.insert(event_id.clone(), told).is_none() {
                order.push(event_id);
            }
        }
        order
            .iter()
            .filter_map(|event_id| by_id.remove(event_id))
            .collect()
    }

    pub async fn statuses(&mut self, id: u128) -> Vec<String> {
        let told = self.told(id).await;
        told.iter()
            .map(|told| told.status.as_str().to_owned())
            .collect()
    }

    /// Waits until so many dead letters are there; what is wrong with the last.
    pub async fn letter(&mut self, count: usize) -> String {
        let error = |records: &[Record]| {
            let record = records.get(count - 1)?;
            let letter: Value = serde_json::from_slice(&record.payload).unwrap();
            Some(letter["error"].as_str().unwrap().to_owned())
        };
        self.letters.until("a dead letter", error).await
    }

    pub async fn letters(&mut self) -> usize {
        self.letters.catch_up().await;
        self.letters.records.len()
    }

    /// What the bank's API says.
    pub async fn ask_bank(&self, path: &str) -> Value {
        let url = format!("{}/v1/{path}", self.bank_url);
        let answer = reqwest::Client::new()
            .get(url)
            .bearer_auth(KEY)
            .send()
            .await;
        answer.unwrap().json().await.unwrap()
    }

    /// How the checkout has it.
    pub async fn payment(&self, id: u128) -> Option<Payment> {
        let find = Find::Request(Uuid::from_u128(id));
        self.store.payment(find).await.unwrap()
    }

    /// Waits until there is nothing to publish, whatever the bank still sends in vain.
    pub async fn until_idle_but_webhooks(&self) {
        let is_idle = || async {
            let backlog = self.store.backlog().await.unwrap();
            backlog.events == 0 && backlog.outgoing == 0
        };
        until("all is dealt with", is_idle).await;
    }

    /// Whether there is nothing to publish and no event to deal with.
    async fn is_idle(&self) -> bool {
        let backlog = self.store.backlog().await.unwrap();
        let deliveries = self.bank().deliveries().await.unwrap();
        let is_sent = |delivery: &Delivery| delivery.state != DeliveryState::Pending;
        backlog.events == 0 && backlog.outgoing == 0 && deliveries.iter().all(is_sent)
    }

    /// Waits until there is nothing to publish and no event to deal with.
    pub async fn until_idle(&self) {
        until("all is dealt with", || self.is_idle()).await;
    }

    /// The same, also where the checkout on that store ends just before; whether it has ended.
    pub async fn until_idle_or_dead(&self, mortal: &Mortal) -> bool {
        let is_so = || async { mortal.has_died() || self.is_idle().await };
        until("all is dealt with", is_so).await;
        mortal.has_died()
    }
}

fn finished(record: &Record) -> CheckoutFinished {
    serde_json::from_slice(&record.payload).unwrap()
}

/// Waits for a condition.
pub async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(DEADLINE, waiting).await.is_err() {
        panic!("not within {DEADLINE:?}: {what}");
    }
}
