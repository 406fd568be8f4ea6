//! The bank's HTTP server: requests are read within bounds and handed to the API, the pages or the control API.

use super::error::Declined;
use super::handle::Core;
use super::{api, control, page};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

const BODY_BYTES_MAX: usize = 64 * 1024;
const READ_WITHIN: Duration = Duration::from_secs(10);

/// A request that was read whole.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Asked {
    /// The path between its slashes.
    pub(super) fn places(&self) -> Vec<&str> {
        self.path.trim_matches('/').split('/').collect()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether the body is of this kind, whatever its parameters.
    pub(super) fn is_of(&self, media_type: &str) -> bool {
        let given = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        let given = given.split(';').next().unwrap_or_default().trim();
        given.eq_ignore_ascii_case(media_type)
    }
}

/// Serves until the bank ends.
pub(super) async fn serve(core: Arc<Core>, listener: TcpListener) {
    let shared = core.clone();
    let app = Router::new().fallback(move |request: Request| {
        let core = shared.clone();
        async move { answer(&core, request).await }
    });
    let ended = async move { core.ended().await };
    let served = axum::serve(listener, app)
        .with_graceful_shutdown(ended)
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "the test bank no longer listens");
    }
}

async fn answer(core: &Arc<Core>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = match read(body).await {
        Ok(body) => body,
        Err(declined) => return json(declined.status, &declined.body()),
    };
    let asked = Asked {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    match asked.places()[0] {
        "pay" => page::answer(core, &asked).await,
        "_bank" => control::answer(core, &asked).await,
        _ => api::answer(core, asked).await,
    }
}

async fn read(body: Body) -> Result<Vec<u8>, Declined> {
    let read = Limited::new(body, BODY_BYTES_MAX).collect();
    match tokio::time::timeout(READ_WITHIN, read).await {
        Ok(Ok(body)) => Ok(body.to_bytes().into()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Declined::too_large(BODY_BYTES_MAX))
        }
        Ok(Err(_)) => Err(Declined::invalid("The request's body could not be read.")),
        Err(_) => Err(Declined::too_slow()),
    }
}

pub(super) fn json(status: u16, body: &Value) -> Response {
    text(status, "application/json", body.to_string())
}

pub(super) fn text(status: u16, media_type: &'static str, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, body).into_response();
    set(&mut response, CONTENT_TYPE, media_type);
    response
}

/// Sets a header, unless the text can not stand in one.
pub(super) fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
