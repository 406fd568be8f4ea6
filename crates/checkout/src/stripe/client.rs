//! The calls.

use super::error::{StripeError, StripeOptionsError};
use super::form;
use super::objects::{Dispute, EventPage, Fetched, PaymentIntent, Session, is_id};
use super::transport::{Answer, Call, Transport};
use crate::metrics::METRICS;
use crate::secret::Secret;
use blazing_sun_domain::{Cents, UserId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::fmt;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The version of the API that these calls and fields are written for.
pub const STRIPE_VERSION: &str = "2025-03-31.basil";

/// Stripe's own address.
pub const STRIPE_API: &str = "https://api.stripe.com";

/// How the provider is reached.
#[derive(Debug, Clone)]
pub struct StripeOptions {
    /// `https://api.stripe.com`, or where its stand-in is.
    pub api_base: String,
    /// `sk_…` or `rk_…`
    pub secret_key: Secret,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How often an attempt is repeated within a call.
    pub retries: RetryPolicy,
}

impl StripeOptions {
    /// Stripe itself, with this key.
    pub fn new(secret_key: Secret) -> StripeOptions {
        StripeOptions {
            api_base: STRIPE_API.to_owned(),
            secret_key,
            timeout: Duration::from_secs(10),
            retries: RetryPolicy::default(),
        }
    }
}

/// How often and after what pauses an attempt is repeated.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// After the first attempt.
    pub retries_max: u32,
    /// Before the first repetition; doubled each time.
    pub pause: Duration,
    /// The longest pause.
    pub pause_max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy {
            retries_max: 2,
            pause: Duration::from_millis(500),
            pause_max: Duration::from_secs(8),
        }
    }
}

impl RetryPolicy {
    /// Between half of the pause before this repetition (from 0 on) and all of it, by chance: so that callers that
    /// failed together do not come back together.
    pub fn pause_before(&self, repetition: u32) -> Duration {
        let doubled = self.pause.saturating_mul(1 << repetition.min(20));
        doubled
            .min(self.pause_max)
            .mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

/// A page to pay on, as it is asked for. The same request always is the same text: the provider refuses a key that
/// comes with another.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The request.
    pub request_id: Uuid,
    /// Who pays.
    pub user_id: UserId,
    /// How much.
    pub amount: Cents,
    /// Lower case.
    pub currency: String,
    /// What it is called on the page.
    pub product_name: String,
    /// Where the payer goes after paying.
    pub success_url: String,
    /// Where the payer goes instead.
    pub cancel_url: Option<String>,
    /// Until when it can be paid, in seconds: from 30 min to 24 h from now.
    pub expires_at_s: i64,
}

impl NewSession {
    fn parameters(&self) -> Value {
        let metadata = json!({
            "request_id": self.request_id.to_string(),
            "user_id": self.user_id.get().to_string(),
        });
        json!({
            "mode": "payment",
            "client_reference_id": self.request_id.to_string(),
            "line_items": [{
                "quantity": 1,
                "price_data": {
                    "currency": self.currency,
                    "unit_amount": self.amount.0,
                    "product_data": { "name": self.product_name },
                },
            }],
            "metadata": metadata,
            "payment_intent_data": { "metadata": metadata },
            "success_url": self.success_url,
            "cancel_url": self.cancel_url,
            "expires_at": self.expires_at_s,
        })
    }
}

/// Which events are asked for.
#[derive(Debug, Clone, Default)]
pub struct EventFilter<'a> {
    /// Their types; none: all.
    pub kinds: &'a [&'a str],
    /// The oldest, in seconds.
    pub created_from_s: i64,
    /// Only older ones than this one.
    pub before: Option<String>,
}

/// How many events a page has at most.
const EVENTS_A_PAGE: u32 = 100;

/// Makes calls to the provider. Clones share its connections.
#[derive(Clone)]
pub struct StripeClient {
    transport: Transport,
    retries: RetryPolicy,
}

impl fmt::Debug for StripeClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StripeClient({})", self.transport.base())
    }
}

impl StripeClient {
    /// Connects to nothing yet.
    pub fn new(options: &StripeOptions) -> Result<StripeClient, StripeOptionsError> {
        Ok(StripeClient {
            transport: Transport::new(&options.api_base, &options.secret_key, options.timeout)?,
            retries: options.retries,
        })
    }

    /// Opens a page to pay on. The same key with the same session gives the same page, however often it is asked.
    pub async fn create_session(
        &self,
        session: &NewSession,
        idempotency_key: &str,
    ) -> Result<Fetched<Session>, StripeError> {
        self.post(
            "/v1/checkout/sessions",
            &session.parameters(),
            idempotency_key,
        )
        .await
    }

    /// A session as it stands, with its payment and that one's last charge.
    pub async fn retrieve_session(&self, id: &str) -> Result<Fetched<Session>, StripeError> {
        let expand = json!({ "expand": ["payment_intent.latest_charge"] });
        self.get(&of_object("checkout/sessions", id)?, &expand)
            .await
    }

    /// Ends a session that is open: nobody can pay it any more.
    pub async fn expire_session(
        &self,
        id: &str,
        idempotency_key: &str,
    ) -> Result<Fetched<Session>, StripeError> {
        let path = format!("{}/expire", of_object("checkout/sessions", id)?);
        self.post(&path, &json!({}), idempotency_key).await
    }

    /// A payment as it stands, with its last charge.
    pub async fn retrieve_payment_intent(
        &self,
        id: &str,
    ) -> Result<Fetched<PaymentIntent>, StripeError> {
        let expand = json!({ "expand": ["latest_charge"] });
        self.get(&of_object("payment_intents", id)?, &expand).await
    }

    /// A dispute as it stands.
    pub async fn retrieve_dispute(&self, id: &str) -> Result<Fetched<Dispute>, StripeError> {
        self.get(&of_object("disputes", id)?, &json!({})).await
    }

    /// Events, the newest first, a page of them.
    pub async fn list_events(&self, filter: &EventFilter<'_>) -> Result<EventPage, StripeError> {
        #[derive(Deserialize)]
        struct Page {
            data: Vec<Box<RawValue>>,
            #[serde(default)]
            has_more: bool,
        }
        #[derive(Deserialize)]
        struct Named {
            id: String,
        }
        let parameters = json!({
            "limit": EVENTS_A_PAGE,
            "created": { "gte": filter.created_from_s },
            "types": filter.kinds,
            "starting_after": filter.before,
        });
        let page: Fetched<Page> = self.get("/v1/events", &parameters).await?;
        let (mut events, mut unreadable, mut last) = (Vec::new(), Vec::new(), None);
        for raw in &page.object.data {
            let id = serde_json::from_str(raw.get()).ok().map(|Named { id }| id);
            last = id.clone().or(last);
            match serde_json::from_str(raw.get()) {
                Ok(object) => events.push(Fetched {
                    object,
                    raw: raw.get().to_owned(),
                }),
                Err(error) => unreadable.push((id, error.to_string())),
            }
        }
        Ok(EventPage {
            events,
            unreadable,
            last,
            has_more: page.object.has_more,
        })
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        parameters: &Value,
    ) -> Result<Fetched<T>, StripeError> {
        let query = form::encode(parameters);
        let path = match query.is_empty() {
            true => path.to_owned(),
            false => format!("{path}?{query}"),
        };
        self.call(&Call::Get { path }).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        parameters: &Value,
        idempotency_key: &str,
    ) -> Result<Fetched<T>, StripeError> {
        self.call(&Call::Post {
            path: path.to_owned(),
            form: form::encode(parameters),
            idempotency_key: idempotency_key.to_owned(),
        })
        .await
    }

    async fn call<T: DeserializeOwned>(&self, call: &Call) -> Result<Fetched<T>, StripeError> {
        let mut repetition = 0;
        loop {
            let begun = Instant::now();
            let answered = self.transport.send(call).await;
            METRICS.call.observe(begun.elapsed().as_secs_f64());
            let answered = answered.and_then(|Answer { text }| read(&text));
            METRICS.called(call.path_alone(), &answered);
            let error = match answered {
                Ok(fetched) => return Ok(fetched),
                Err(error) => error,
            };
            if !error.may_be_repeated() || repetition >= self.retries.retries_max {
                return Err(error);
            }
            let mut pause = self.retries.pause_before(repetition);
            if let StripeError::Retryable {
                after: Some(after), ..
            } = &error
            {
                pause = pause.max(*after).min(self.retries.pause_max);
            }
            tracing::debug!(path = call.path_alone(), %error, "a call to the payment provider is repeated");
            tokio::time::sleep(pause).await;
            repetition += 1;
        }
    }
}

fn of_object(kind: &str, id: &str) -> Result<String, StripeError> {
    match is_id(id) {
        true => Ok(format!("/v1/{kind}/{id}")),
        false => Err(StripeError::InvalidId(id.chars().take(64).collect())),
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<Fetched<T>, StripeError> {
    match serde_json::from_str(text) {
        Ok(object) => Ok(Fetched {
            object,
            raw: text.to_owned(),
        }),
        // It was done, and what came of it can be asked for again.
        Err(error) => Err(StripeError::Ambiguous {
            reason: format!("its answer can not be read: {error}"),
            is_final: false,
        }),
    }
}

#[cfg(test)]
mod tests;
