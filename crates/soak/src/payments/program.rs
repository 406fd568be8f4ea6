//! The checkout on an embedded log that is killed: it takes requests by HTTP, and says on its output where it listens.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use blazing_sun_backbone::log::sqlite::{SqliteLog, SqliteLogOptions};
use blazing_sun_backbone::log::{EventLog, Headers, NewRecord, Topic};
use blazing_sun_backbone::messages::CheckoutRequest;
use blazing_sun_backbone::topics;
use blazing_sun_checkout::secret::Secret;
use blazing_sun_checkout::store::SqlitePaymentStore;
use blazing_sun_checkout::stripe::{RetryPolicy, StripeOptions};
use blazing_sun_checkout::{Checkout, CheckoutOptions, Pace};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The bank's key.
pub const KEY: &str = "sk_test_soak";
/// With which the bank signs.
pub const SECRET: &str = "whsec_soak";
/// The log's file in the folder.
pub const LOG: &str = "log.sqlite3";

const NO_GAMES: &[&str] = &[];

/// Hours are seconds here.
const PACE: fn() -> Pace = || Pace {
    look_after: Duration::from_secs(2),
    look_every: Duration::from_secs(1),
    list_every: Duration::from_secs(20),
    poll: Duration::from_millis(50),
    retry: Duration::from_millis(20),
    retry_max: Duration::from_millis(500),
    ..Pace::default()
};

/// Serves until it is killed.
pub async fn serve(folder: &Path, bank: &str) -> anyhow::Result<()> {
    let log = SqliteLog::standalone(&folder.join(LOG), SqliteLogOptions::default())?;
    let log: Arc<dyn EventLog> = Arc::new(log);
    log.ensure_topics(&topics::all(NO_GAMES, topics::DEFAULT_PARTITIONS))
        .await?;
    let store = SqlitePaymentStore::open(&folder.join("checkout.sqlite3"))?;
    let stripe = StripeOptions {
        api_base: bank.to_owned(),
        retries: RetryPolicy {
            pause: Duration::from_millis(20),
            ..RetryPolicy::default()
        },
        ..StripeOptions::new(Secret::new(KEY))
    };
    let mut options = CheckoutOptions::new(stripe, vec![Secret::new(SECRET)]);
    options.pace = PACE();
    let checkout = Checkout::start(options, Arc::clone(&log), store)?;
    let asked = axum::Router::new().route("/ask", post(ask)).with_state(log);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    Ok(axum::serve(listener, checkout.router().merge(asked)).await?)
}

/// Appends a request as a backend would: answered once it is durable.
async fn ask(State(log): State<Arc<dyn EventLog>>, body: Bytes) -> StatusCode {
    let Ok(asked) = serde_json::from_slice::<CheckoutRequest>(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    let record = NewRecord {
        topic: Topic::new(topics::CHECKOUT_REQUESTS),
        partition: None,
        key: asked.user_id.to_string().into_bytes().into(),
        headers: Headers::default(),
        payload: body,
    };
    match log.append_and_wait(vec![record]).await {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
