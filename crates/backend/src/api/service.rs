//! The key set, the probes, and the answers to what does not exist.

use super::ApiState;
use super::problem::Problem;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use blazing_sun_backbone::log::Topic;
use blazing_sun_backbone::topics::GAMES_COMMANDS;
use std::time::Duration;

const PROBE_WITHIN: Duration = Duration::from_secs(2);

pub(super) async fn jwks(State(state): State<ApiState>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/jwk-set+json"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, state.0.jwks.clone()).into_response()
}

/// The process answers.
pub(super) async fn healthz() -> &'static str {
    "ok"
}

/// The process can do its work: store and log answer.
pub(super) async fn readyz(State(state): State<ApiState>) -> Result<&'static str, Problem> {
    let commands = Topic::new(GAMES_COMMANDS);
    let probe = async {
        (
            state.0.reads.ping().await,
            state.0.log.bounds(&commands).await,
        )
    };
    let not_ready = |detail| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail);
    match tokio::time::timeout(PROBE_WITHIN, probe).await {
        Ok((Ok(()), Ok(_))) => Ok("ready"),
        Ok((Err(error), _)) => {
            tracing::warn!(%error, "not ready: the store does not answer");
            Err(not_ready("The store does not answer."))
        }
        Ok((_, Err(error))) => {
            tracing::warn!(%error, "not ready: the event log does not answer");
            Err(not_ready("The event log does not answer."))
        }
        Err(_) => Err(not_ready("Store or event log took too long to answer.")),
    }
}

pub(super) async fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "There is nothing at this path.",
    )
}

pub(super) async fn method_not_allowed() -> Problem {
    let detail = "This path does not take this method; see `Allow`.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}
