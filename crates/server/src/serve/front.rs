//! What a listener answers from its first moment on: that it lives, and what it waits for, until there is something to serve.

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use blazing_sun_backbone::rest::problem::{MEDIA_TYPE, ProblemDocument, ProblemKind, UNAVAILABLE};
use http::{StatusCode, header};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// Whether programs ask there, which read problem documents.
pub(super) fn is_api(path: &str) -> bool {
    ["/api/", "/webhooks/", "/.well-known/"]
        .iter()
        .any(|start| path.starts_with(start))
}

/// A problem document of this kind.
pub(super) fn problem(kind: ProblemKind, detail: &str) -> Response {
    let status = StatusCode::from_u16(kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let title = status.canonical_reason().unwrap_or("Error");
    let document = ProblemDocument::new(kind, title, detail);
    let body = serde_json::to_string(&document).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response()
}

/// The routes that there will be. Clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Front(Arc<Inner>);

#[derive(Default)]
struct Inner {
    routes: OnceLock<Router>,
    waits_for: RwLock<String>,
}

impl Front {
    /// What is waited for from now on, for whoever asks whether it is ready.
    pub(super) fn waits_for(&self, what: impl Into<String>) {
        let waits_for = self.0.waits_for.write();
        *waits_for.unwrap_or_else(PoisonError::into_inner) = what.into();
    }

    /// The same, for people.
    pub(super) fn why(&self) -> String {
        let waits_for = self.0.waits_for.read();
        let waits_for = waits_for.unwrap_or_else(PoisonError::into_inner);
        format!("starting: {waits_for}")
    }

    /// Serves these from now on.
    pub(super) fn open(&self, routes: Router) {
        // Opened once, by whoever has started everything.
        let _ = self.0.routes.set(routes);
    }

    /// For the listener.
    pub(super) fn router(&self) -> Router {
        let front = self.clone();
        Router::new().fallback(move |request: Request| {
            let front = front.clone();
            async move { front.answer(request).await }
        })
    }

    /// Answers one request.
    pub(super) async fn answer(&self, request: Request) -> Response {
        if let Some(routes) = self.0.routes.get() {
            return match TowerToHyperService::new(routes.clone()).call(request).await {
                Ok(answer) => answer,
                Err(never) => match never {},
            };
        }
        if request.uri().path() == "/healthz" {
            return "ok".into_response();
        }
        let headers = [
            (header::CACHE_CONTROL, "no-store"),
            (header::RETRY_AFTER, "1"),
        ];
        let why = self.why();
        match is_api(request.uri().path()) {
            true => (headers, problem(UNAVAILABLE, &why)).into_response(),
            false => {
                let text = format!("{why}\n");
                (StatusCode::SERVICE_UNAVAILABLE, headers, text).into_response()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};

    #[tokio::test]
    async fn what_is_not_there_yet_is_told_to_each_in_its_words() {
        let front = Front::default();
        front.waits_for("Kafka");
        for (path, kind) in [
            ("/api/v1/me", "application/problem+json"),
            ("/webhooks/stripe", "application/problem+json"),
            ("/readyz", "text/plain; charset=utf-8"),
        ] {
            let request = Request::builder().uri(path).body(Body::empty());
            let answer = front.answer(request.expect("a request")).await;
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert_eq!(answer.headers()[header::CONTENT_TYPE], kind, "{path}");
            assert_eq!(answer.headers()[header::RETRY_AFTER], "1", "{path}");
            let body = to_bytes(answer.into_body(), 1_000).await.expect("a body");
            let text = String::from_utf8_lossy(&body);
            assert!(text.contains("starting: Kafka"), "{text}");
        }
    }
}
