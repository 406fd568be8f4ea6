//! What a listener answers from its first moment on: that it lives, and what it waits for, until there is something to serve.

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

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
        let why = format!("{}\n", self.why());
        (StatusCode::SERVICE_UNAVAILABLE, headers, why).into_response()
    }
}
