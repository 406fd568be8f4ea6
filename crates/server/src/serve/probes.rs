//! `/healthz` and `/readyz`, for whatever stands before the processes of a deployment.

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use blazing_sun_gateway::Control;
use http::{StatusCode, header};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use std::time::Duration;

/// A gateway that has not read up to the end in this time is not given clients.
const AT_END_WITHIN: Duration = Duration::from_secs(2);

const NOT_HERE: &str = "This is a gateway: the HTTP API is served by `blazing-sun backend`, and the proxy before \
                        both sends /api and /.well-known there.\n";

/// The probes of a process that is a gateway alone.
pub fn of_gateway(control: Control) -> Router {
    let elsewhere = || async { (StatusCode::NOT_FOUND, NOT_HERE) };
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route(
            "/readyz",
            get(move || {
                let control = control.clone();
                async move { gateway_is_ready(&control).await }
            }),
        )
        .route("/api/{*path}", axum::routing::any(elsewhere))
        .route("/.well-known/jwks.json", axum::routing::any(elsewhere))
}

/// Routes whose own `/readyz` counts only where the gateway beside them is ready too.
pub fn with_gateway(routes: Router, control: Control) -> Router {
    let inner = TowerToHyperService::new(routes.clone());
    let ready = move |request: Request| {
        let (inner, control) = (inner.clone(), control.clone());
        async move {
            let answer = match inner.call(request).await {
                Ok(answer) => answer,
                Err(never) => match never {},
            };
            match answer.status().is_success() {
                true => gateway_is_ready(&control).await,
                false => answer,
            }
        }
    };
    Router::new()
        .route("/readyz", get(ready))
        .fallback_service(routes)
}

async fn gateway_is_ready(control: &Control) -> Response {
    let kept = [(header::CACHE_CONTROL, "no-store")];
    match control.is_at_end(AT_END_WITHIN).await {
        Ok(()) => (kept, "ready").into_response(),
        Err(why) => {
            tracing::warn!(
                error = format!("{:#}", anyhow::Error::from(why.clone())),
                "not ready"
            );
            (StatusCode::SERVICE_UNAVAILABLE, kept, format!("{why}\n")).into_response()
        }
    }
}
