//! Requests over HTTP, as they are counted: by the pattern of their route, never by an address that somebody made up.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use blazing_sun_backbone::metrics::{HistogramVec, IntCounterVec, OTHER, counters, seconds_by};
use std::sync::LazyLock;
use std::time::Instant;

static REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counters(
        "blazing_sun_http_requests_total",
        "Requests that were answered, by the pattern of their route; pages and what is nowhere are `other`",
        &["method", "route", "status"],
    )
});
static SECONDS: LazyLock<HistogramVec> = LazyLock::new(|| {
    seconds_by(
        "blazing_sun_http_request_seconds",
        "From a request's head to that of its answer",
        &["route"],
    )
});

/// Counts a request once its answer begins.
pub(super) async fn count(request: Request, next: Next) -> Response {
    let method = method_of(request.method().as_str());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let begun = Instant::now();
    let response = next.run(request).await;
    let route = matched.as_ref().map_or(OTHER, MatchedPath::as_str);
    let status = response.status();
    let labels = [method, route, status.as_str()];
    REQUESTS.with_label_values(&labels).inc();
    let seconds = SECONDS.with_label_values(&[route]);
    seconds.observe(begun.elapsed().as_secs_f64());
    response
}

/// Clients may name methods as they like.
fn method_of(name: &str) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    KNOWN
        .into_iter()
        .find(|known| *known == name)
        .unwrap_or(OTHER)
}
