//! `/healthz` and `/readyz`, for whatever stands before the processes of a deployment.

use super::keys_in_use::OwnKeys;
use super::payments::Watch;
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use blazing_sun_backend::owner::Readiness;
use blazing_sun_gateway::Control;
use http::{StatusCode, header};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use std::time::Duration;

/// A gateway that has not read up to the end in this time is not given clients.
const AT_END_WITHIN: Duration = Duration::from_secs(2);

/// A database that takes longer is away.
const STORE_WITHIN: Duration = Duration::from_secs(3);

const NOT_HERE: &str = "This is a gateway: the HTTP API is served by `blazing-sun backend`, and the proxy before \
                        both sends /api and /.well-known there.\n";

/// The probes of a process that is a gateway alone.
pub(super) fn of_gateway(control: Control, keys: OwnKeys) -> Router {
    let elsewhere = || async { (StatusCode::NOT_FOUND, NOT_HERE) };
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route(
            "/readyz",
            get(move || {
                let (control, keys) = (control.clone(), keys.clone());
                async move {
                    match keys.wrong() {
                        Some(why) => not_ready(&why),
                        None => gateway_is_ready(&control).await,
                    }
                }
            }),
        )
        .route("/api/{*path}", axum::routing::any(elsewhere))
        .route("/.well-known/jwks.json", axum::routing::any(elsewhere))
}

/// Of a process that is a checkout alone.
pub(super) fn of_checkout(watch: Watch) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route(
            "/readyz",
            get(move || {
                let watch = watch.clone();
                async move {
                    match keeps(&watch).await {
                        Ok(()) => ready(),
                        Err(why) => not_ready(&why),
                    }
                }
            }),
        )
}

/// Fails while its store can not be reached: then it takes no webhook either.
async fn keeps(watch: &Watch) -> Result<(), String> {
    let gauge = watch.gauge()?;
    let backlog = tokio::time::timeout(STORE_WITHIN, gauge.backlog()).await;
    let backlog = backlog.map_err(|_| "the checkout's database does not answer".to_owned())?;
    backlog.map_err(|error| format!("{:#}", anyhow::Error::from(error)))?;
    Ok(())
}

/// Routes whose own `/readyz` counts only where the gateway beside them is ready too.
pub fn with_gateway(routes: Router, control: Control) -> Router {
    and_ready(routes, move || {
        let control = control.clone();
        async move { gateway_is_ready(&control).await }
    })
}

/// The same where the backend has taken over what the group gave to it at first.
pub fn with_backend(routes: Router, backend: Readiness) -> Router {
    and_ready(routes, move || {
        std::future::ready(backend_is_ready(&backend))
    })
}

/// Asks `more` where the routes' own answer is that they are ready.
fn and_ready<F>(routes: Router, more: impl Fn() -> F + Clone + Send + Sync + 'static) -> Router
where
    F: Future<Output = Response> + Send + 'static,
{
    let inner = TowerToHyperService::new(routes.clone());
    let ready = move |request: Request| {
        let (inner, more) = (inner.clone(), more.clone());
        async move {
            let answer = match inner.call(request).await {
                Ok(answer) => answer,
                Err(never) => match never {},
            };
            match answer.status().is_success() {
                true => more().await,
                false => answer,
            }
        }
    };
    Router::new()
        .route("/readyz", get(ready))
        .fallback_service(routes)
}

fn backend_is_ready(backend: &Readiness) -> Response {
    match backend.check() {
        Ok(()) => ready(),
        Err(why) => not_ready(&why),
    }
}

fn ready() -> Response {
    ([(header::CACHE_CONTROL, "no-store")], "ready").into_response()
}

fn not_ready(why: &dyn std::fmt::Display) -> Response {
    let kept = [(header::CACHE_CONTROL, "no-store")];
    (StatusCode::SERVICE_UNAVAILABLE, kept, format!("{why}\n")).into_response()
}

async fn gateway_is_ready(control: &Control) -> Response {
    match control.is_at_end(AT_END_WITHIN).await {
        Ok(()) => ready(),
        Err(why) => {
            tracing::warn!(
                error = format!("{:#}", anyhow::Error::from(why.clone())),
                "not ready"
            );
            not_ready(&why)
        }
    }
}
