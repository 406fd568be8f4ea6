//! What the provider calls: its notes that something happened. They are kept, and answered; what they mean is looked
//! at afterwards.

pub mod signature;

use crate::clean::clean;
use crate::service::Shared;
use crate::store::{EventSource, NewEvent};
use crate::stripe::{Event, is_id};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use blazing_sun_backbone::kill_point;
use bytes::Bytes;
use serde_json::json;
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

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, code, detail) = match self {
            Refused::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "payload_too_large",
                format!("a webhook has up to {BODY_BYTES_MAX} bytes"),
            ),
            Refused::Slow => (
                StatusCode::REQUEST_TIMEOUT,
                "timeout",
                format!("the body has to come within {} s", BODY_WITHIN.as_secs()),
            ),
            Refused::Signature(error) => (
                StatusCode::BAD_REQUEST,
                "invalid_signature",
                error.to_string(),
            ),
            Refused::Unreadable(why) => (StatusCode::BAD_REQUEST, "invalid_event", why),
            Refused::Store => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "it could not be kept; send it again".to_owned(),
            ),
        };
        let problem = json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "code": code,
            "detail": detail,
        });
        let mut response = (status, problem.to_string()).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

async fn take(State(shared): State<Arc<Shared>>, request: Request) -> Result<StatusCode, Refused> {
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
    let event = NewEvent {
        event_id: event.id,
        kind: clean(&event.kind),
        body: text,
        source: EventSource::Webhook,
        received_at: now,
    };
    let added = shared.store.add_events(vec![event]).await;
    if let Err(error) = added {
        tracing::error!(%error, "a webhook could not be kept; the provider will send it again");
        return Err(Refused::Store);
    }
    kill_point!(WebhookKept);
    shared.events_due.notify_one();
    Ok(StatusCode::OK)
}

async fn body_of(body: Body) -> Result<Bytes, Refused> {
    to_bytes(body, BODY_BYTES_MAX)
        .await
        .map_err(|_| Refused::TooLarge)
}
