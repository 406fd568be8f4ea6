//! What the provider calls: its notes that something happened. They are kept, and answered; what they mean is looked
//! at afterwards.

pub mod signature;

use crate::clean::clean;
use crate::metrics::{METRICS, Webhook};
use crate::service::Shared;
use crate::store::{EventSource, NewEvent};
use crate::stripe::{Event, is_id};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use blazing_sun_backbone::kill_point;
use blazing_sun_backbone::rest::problem::*;
use blazing_sun_backbone::rest::{Answer, Operation, Parameter, Place, Tag};
use bytes::Bytes;
use schemars::json_schema;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// Where the provider is told to call.
pub const PATH: &str = "/webhooks/stripe";

/// The longest body; Stripe's have some KiB.
pub const BODY_BYTES_MAX: usize = 256 << 10;

/// How long a body may take to come.
const BODY_WITHIN: Duration = Duration::from_secs(10);

const KIND_BYTES_MAX: usize = 128;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().route(PATH, post(take)).with_state(shared)
}

/// Why a webhook is not taken.
enum Refused {
    TooLarge,
    Slow,
    Signature(signature::SignatureError),
    Unreadable(String),
    Store,
}

/// The route as its one client sees it.
pub fn operation() -> Operation {
    let event = NotedEvent {
        id: "evt_1Qa2Bb3Cc".to_owned(),
        kind: "checkout.session.completed".to_owned(),
    };
    let signature = Parameter {
        place: Place::Header,
        name: signature::HEADER,
        description: "When the body was signed, and HMAC-SHA-256 of that and the body under the webhook's secret.",
        is_required: true,
        schema: json_schema!({ "type": "string" }),
        example: "t=1769890500,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd"
            .into(),
    };
    Operation::post(PATH, "stripeWebhook", Tag::Service)
        .says(
            "Note an event of the payment provider",
            "For Stripe alone, where payments are taken. What is noted is looked up before anything comes of it.",
        )
        .parameter(signature)
        .signed_body(event)
        .answers(Answer::empty(200, "It is kept."))
        .refuses(&[INVALID_SIGNATURE, INVALID_EVENT, PAYLOAD_TOO_LARGE])
}

/// What is read of an event; the rest is fetched.
#[derive(Serialize, schemars::JsonSchema)]
struct NotedEvent {
    /// The provider's id.
    #[schemars(regex(pattern = "^[A-Za-z0-9_]+$"))]
    id: String,
    /// What happened.
    #[serde(rename = "type")]
    #[schemars(length(max = KIND_BYTES_MAX))]
    kind: String,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (kind, detail) = match self {
            Refused::TooLarge => (
                PAYLOAD_TOO_LARGE,
                format!("a webhook has up to {BODY_BYTES_MAX} bytes"),
            ),
            Refused::Slow => (
                TIMEOUT,
                format!("the body has to come within {} s", BODY_WITHIN.as_secs()),
            ),
            Refused::Signature(error) => (INVALID_SIGNATURE, error.to_string()),
            Refused::Unreadable(why) => (INVALID_EVENT, why),
            Refused::Store => (
                UNAVAILABLE,
                "it could not be kept; send it again".to_owned(),
            ),
        };
        let status = StatusCode::from_u16(kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let title = status.canonical_reason().unwrap_or("Error");
        let problem = ProblemDocument::new(kind, title, &detail);
        let mut response = (status, Json(problem)).into_response();
        let kind = HeaderValue::from_static(MEDIA_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let soon = HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, soon);
        }
        response
    }
}

async fn take(State(shared): State<Arc<Shared>>, request: Request) -> Result<StatusCode, Refused> {
    let taken = keep(&shared, request).await;
    METRICS.webhook(match &taken {
        Ok(0) => Webhook::Repeated,
        Ok(_) => Webhook::Kept,
        Err(Refused::Signature(_)) => Webhook::Signature,
        Err(Refused::TooLarge | Refused::Slow | Refused::Unreadable(_)) => Webhook::Unreadable,
        Err(Refused::Store) => Webhook::NotKept,
    });
    taken.map(|_| StatusCode::OK)
}

/// Keeps an event; how many are new by it.
async fn keep(shared: &Shared, request: Request) -> Result<u64, Refused> {
    let (head, body) = request.into_parts();
    let taken = tokio::time::timeout(BODY_WITHIN, body_of(body)).await;
    let body = taken.map_err(|_| Refused::Slow)??;
    let options = &shared.options;
    let now = shared.now();
    let signed = signature::verify(
        head.headers
            .get(signature::HEADER)
            .map(HeaderValue::as_bytes),
        &body,
        &options.webhook_secrets,
        now,
        options.pace.webhook_tolerance.as_secs(),
    );
    if let Err(error) = signed {
        tracing::warn!(%error, "a webhook is refused");
        return Err(Refused::Signature(error));
    }
    let unreadable = |why: String| {
        tracing::error!(why, "a webhook that is rightly signed can not be read");
        Refused::Unreadable(why)
    };
    let text =
        String::from_utf8(body.into()).map_err(|_| unreadable("it is not UTF-8".to_owned()))?;
    let event: Event = serde_json::from_str(&text)
        .map_err(|error| unreadable(format!("it is no event: {error}")))?;
    if !is_id(&event.id) || event.kind.len() > KIND_BYTES_MAX {
        return Err(unreadable("its id or type can not be one".to_owned()));
    }
    let event_id = event.id.clone();
    let event = NewEvent {
        event_id: event.id,
        kind: clean(&event.kind),
        body: text,
        source: EventSource::Webhook,
        received_at: now,
    };
    let added = shared.store.add_events(vec![event]).await;
    let added = added.map_err(|error| {
        tracing::error!(event.id = event_id, %error, "a webhook could not be kept; the provider will send it again");
        Refused::Store
    })?;
    kill_point!(WebhookKept);
    shared.events_due.notify_one();
    Ok(added)
}

async fn body_of(body: Body) -> Result<Bytes, Refused> {
    to_bytes(body, BODY_BYTES_MAX)
        .await
        .map_err(|_| Refused::TooLarge)
}
