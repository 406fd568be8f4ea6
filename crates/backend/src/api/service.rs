//! The key set, the probes, and the answers to what does not exist.

use super::ApiState;
use super::endpoint::Endpoint;
use super::problem::Problem;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use blazing_sun_backbone::credentials::{JsonWebKey, JsonWebKeySet};
use blazing_sun_backbone::log::Topic;
use blazing_sun_backbone::rest::problem;
use blazing_sun_backbone::rest::{Answer, Operation, Tag};
use blazing_sun_backbone::topics::GAMES_COMMANDS;
use std::time::Duration;

const JWKS_TYPE: &str = "application/jwk-set+json";
const PROBE_WITHIN: Duration = Duration::from_secs(2);

/// What is not under `/api`.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let keys = JsonWebKeySet {
        keys: vec![JsonWebKey::of(
            "2026-01-31-1",
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        )],
    };
    vec![
        Endpoint::new(
            Operation::get("/.well-known/jwks.json", "keySet", Tag::Service)
                .says(
                    "Read the public keys of access tokens",
                    "For programs that check tokens by themselves; good for 5 minutes.",
                )
                .answers(Answer::json_of(JWKS_TYPE, 200, "The keys.", &keys)),
            jwks,
        ),
        Endpoint::new(
            Operation::probe("/healthz", "isAlive")
                .says("Ask whether the process answers", "")
                .answers(Answer::text(200, "It does.", "ok")),
            healthz,
        ),
        Endpoint::new(
            Operation::probe("/readyz", "isReady")
                .says("Ask whether the process can do its work", "")
                .answers(Answer::text(200, "It can.", "ready"))
                .answers(Answer::text(
                    503,
                    "It can not at present; the body says why.",
                    "starting: Kafka does not answer",
                ))
                .refuses(&[problem::NOT_READY, problem::TIMEOUT]),
            readyz,
        ),
    ]
}

async fn jwks(State(state): State<ApiState>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, JWKS_TYPE),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, state.0.jwks.clone()).into_response()
}

/// The process answers.
async fn healthz() -> &'static str {
    "ok"
}

/// The process can do its work: store and log answer.
async fn readyz(State(state): State<ApiState>) -> Result<&'static str, Problem> {
    let commands = Topic::new(GAMES_COMMANDS);
    let probe = async {
        (
            state.0.reads.ping().await,
            state.0.log.bounds(&commands).await,
        )
    };
    let not_ready = |detail| Problem::new(problem::NOT_READY, detail);
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
    Problem::new(problem::NOT_FOUND, "There is nothing at this path.")
}

pub(super) async fn method_not_allowed() -> Problem {
    let detail = "This path does not take this method; see `Allow`.";
    Problem::new(problem::METHOD_NOT_ALLOWED, detail)
}
