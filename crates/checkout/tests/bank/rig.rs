//! A bank on a folder of its own, a client of its API, and a receiver of its webhooks.

use axum::Router;
use axum::extract::Request;
use blazing_sun_backbone::clock;
use blazing_sun_checkout::bank::{Bank, BankHandle, BankOptions, Way};
use blazing_sun_checkout::secret::Secret;
use blazing_sun_checkout::webhook::signature;
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const KEY: &str = "sk_test_rig";
pub const WEBHOOK_SECRET: &str = "whsec_rig";
pub const SUCCESS_URL: &str = "https://play.example/paid?session={CHECKOUT_SESSION_ID}";
pub const CANCEL_URL: &str = "https://play.example/back";
const DEADLINE: Duration = Duration::from_secs(90);

/// What a session of 25 euros is asked for with.
pub const SESSION: &[(&str, &str)] = &[
    ("mode", "payment"),
    ("client_reference_id", "request-7"),
    ("line_items[0][quantity]", "1"),
    ("line_items[0][price_data][currency]", "eur"),
    ("line_items[0][price_data][unit_amount]", "2500"),
    (
        "line_items[0][price_data][product_data][name]",
        "25 euros to play with",
    ),
    ("metadata[request_id]", "request-7"),
    ("payment_intent_data[metadata][request_id]", "request-7"),
    ("success_url", SUCCESS_URL),
    ("cancel_url", CANCEL_URL),
];

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn of(response: reqwest::Response) -> Answer {
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.expect("a body"),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("text"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The body of an answer that has to be a good one.
    pub fn good(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }
}

/// One that sends people nowhere by itself.
pub fn http() -> reqwest::Client {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    client.build().expect("a client")
}

pub fn encoded(form: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish()
}

pub struct Rig {
    pub bank: BankHandle,
    pub http: reqwest::Client,
    options: BankOptions,
    ahead_ms: Arc<AtomicI64>,
    folder: Arc<TempDir>,
}

impl Rig {
    pub async fn new() -> Rig {
        Rig::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut BankOptions)) -> Rig {
        let folder = tempfile::tempdir().expect("a folder");
        let ahead_ms = Arc::new(AtomicI64::new(0));
        let mut options = options(folder.path());
        let ahead = ahead_ms.clone();
        options.clock = Arc::new(move || clock::now().plus(ahead.load(Ordering::SeqCst)));
        change(&mut options);
        Rig {
            bank: Bank::start(options.clone()).await.expect("a bank"),
            http: http(),
            options,
            ahead_ms,
            folder: Arc::new(folder),
        }
    }

    /// The same bank, started again on its file.
    pub async fn restarted(self) -> Rig {
        self.bank.shutdown().await;
        Rig {
            bank: Bank::start(self.options.clone()).await.expect("a bank"),
            http: http(),
            options: self.options,
            ahead_ms: self.ahead_ms,
            folder: self.folder,
        }
    }

    pub fn pass(&self, seconds: i64) {
        self.ahead_ms.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.bank.url())
    }

    pub async fn get(&self, path: &str) -> Answer {
        let request = self.http.get(self.url(path)).bearer_auth(KEY);
        Answer::of(request.send().await.expect("an answer")).await
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)], key: Option<&str>) -> Answer {
        let mut request = self
            .http
            .post(self.url(path))
            .bearer_auth(KEY)
            .body(encoded(form));
        request = request.header("content-type", "application/x-www-form-urlencoded");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        Answer::of(request.send().await.expect("an answer")).await
    }

    pub async fn control(&self, what: &str, body: Value) -> Answer {
        let request = self
            .http
            .post(self.url(&format!("/_bank/{what}")))
            .json(&body);
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// An open session.
    pub async fn session(&self) -> Value {
        self.post("/v1/checkout/sessions", SESSION, None)
            .await
            .good()
    }

    /// The payer of a session does something there.
    pub async fn pay(&self, session: &Value, way: Way) {
        let paid = self.bank.pay(&id(session), way).await;
        paid.unwrap_or_else(|error| panic!("{way:?} at {session}: {error}"));
    }

    pub async fn session_again(&self, session: &Value) -> Value {
        let path = format!(
            "/v1/checkout/sessions/{}?expand[]=payment_intent.latest_charge",
            id(session)
        );
        self.get(&path).await.good()
    }

    /// The types of all events so far, the first one first.
    pub async fn event_types(&self) -> Vec<String> {
        let events = self.get("/v1/events?limit=100").await.good();
        let events = events["data"].as_array().expect("a list");
        let mut types: Vec<String> = events.iter().map(|event| text(&event["type"])).collect();
        types.reverse();
        types
    }
}

pub fn options(folder: &std::path::Path) -> BankOptions {
    let mut options = BankOptions::new(folder.join("bank.sqlite3"), Secret::new(KEY));
    options.webhook_secrets = vec![Secret::new(WEBHOOK_SECRET)];
    options.retries.pause = Duration::from_millis(20);
    options.retries.pause_max = Duration::from_millis(100);
    options
}

pub fn id(object: &Value) -> String {
    text(&object["id"])
}

pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a string: {value}"))
        .to_owned()
}

/// A webhook that came.
#[derive(Debug, Clone)]
pub struct Hook {
    pub signature: String,
    pub body: String,
    /// What it was answered with.
    pub status: u16,
}

impl Hook {
    pub fn event(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    pub fn id(&self) -> String {
        id(&self.event())
    }

    /// Whether a receiver that knows this secret takes it, with its clock so far ahead of the machine's.
    pub fn check(&self, secret: &str) -> Result<(), signature::SignatureError> {
        let (header, body) = (self.signature.as_bytes(), self.body.as_bytes());
        signature::verify(
            Some(header),
            body,
            &[Secret::new(secret)],
            clock::now(),
            signature::TOLERANCE_S,
        )
    }
}

/// Takes webhooks as a careful receiver does: 200 for what is signed well, 400 for anything else.
pub struct Receiver {
    pub url: String,
    hooks: Arc<Mutex<Vec<Hook>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Receiver {
    pub async fn new() -> Receiver {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}/webhooks", listener.local_addr().expect("bound"));
        let (hooks, answers) = (Arc::default(), Arc::new(Mutex::new(VecDeque::new())));
        let (taken, planned): (Arc<Mutex<Vec<Hook>>>, _) = (Arc::clone(&hooks), answers.clone());
        let app = Router::new().fallback(move |request: Request| {
            let (taken, planned) = (taken.clone(), planned.clone());
            async move { take(request, &taken, &planned).await }
        });
        let server = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("it serves");
        });
        Receiver {
            url,
            hooks,
            answers,
            server,
        }
    }

    /// What the next ones are answered with, whatever they are.
    pub fn answer_next(&self, statuses: impl IntoIterator<Item = u16>) {
        self.answers.lock().expect("no panic").extend(statuses);
    }

    pub fn hooks(&self) -> Vec<Hook> {
        self.hooks.lock().expect("no panic").clone()
    }

    pub fn taken(&self) -> Vec<Hook> {
        let hooks = self.hooks();
        hooks
            .into_iter()
            .filter(|hook| hook.status == 200)
            .collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(
    request: Request,
    taken: &Mutex<Vec<Hook>>,
    planned: &Mutex<VecDeque<u16>>,
) -> http::StatusCode {
    let header = request.headers().get("stripe-signature");
    let signature = header
        .map(|value| value.to_str().expect("text").to_owned())
        .unwrap_or_default();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20)
        .await
        .expect("a body");
    let mut hook = Hook {
        signature,
        body: String::from_utf8(body.into()).expect("text"),
        status: 200,
    };
    let planned = planned.lock().expect("no panic").pop_front();
    hook.status = planned.unwrap_or_else(|| {
        if hook.check(WEBHOOK_SECRET).is_ok() {
            200
        } else {
            400
        }
    });
    let status = hook.status;
    taken.lock().expect("no panic").push(hook);
    http::StatusCode::from_u16(status).expect("a status")
}

/// Waits for it, but not for ever.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is_so().await {
        assert!(Instant::now() < end, "waited {DEADLINE:?} for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
