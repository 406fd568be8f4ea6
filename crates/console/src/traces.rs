//! Traces over HTTP.

use crate::trace::{
    Budget, Sources, StepKind, StepPlace, Trace, TraceError, TraceGateway, TraceStep, ask_gateways,
    trace,
};
use crate::{Admin, Console, Endpoint, query};
use axum::Json;
use axum::extract::{Path, State};
use blazing_sun_backbone::log::LogError;
use blazing_sun_backbone::rest::problem::{INVALID_FORMAT, UNAVAILABLE};
use blazing_sun_backbone::rest::{Answer, Parameter, Place};
use blazing_sun_backend::api::Problem;
use blazing_sun_backend::api::endpoint::example_user;
use schemars::json_schema;
use serde_json::json;
use std::time::Duration;

/// A request looks through so much at most.
const BUDGET: Budget = Budget {
    records: 400_000,
    time: Duration::from_secs(3),
};

const ID: &str = "0190a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b";

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let id = Parameter {
        place: Place::Path,
        name: "correlation_id",
        description: "The command's id, an event's, or that of a payment that was asked for.",
        is_required: true,
        schema: json_schema!({ "type": "string", "format": "uuid" }),
        example: ID.into(),
    };
    let refused = TraceStep {
        at: "2026-01-31T20:15:00.012Z".to_owned(),
        what: StepKind::Refusal,
        title: "not_your_turn".to_owned(),
        place: StepPlace {
            topic: Some("games.events".to_owned()),
            partition: Some(3),
            offset: Some(1_207),
            outbox_seq: Some(1_207),
            batch_no: None,
        },
        user_id: Some(example_user()),
        room_id: Some(ID.to_owned()),
        since_start_ms: 12,
        since_previous_ms: 4,
        data: json!({ "payload": { "code": "not_your_turn", "message": "It is not your turn" } }),
    };
    let traced = Trace {
        correlation_id: ID.to_owned(),
        steps: vec![refused],
        verdict: "refused: not_your_turn (It is not your turn)".to_owned(),
        complete: true,
        scanned: 412,
        gateways: vec![TraceGateway {
            gateway_id: "gateway-1".to_owned(),
            remembers_since: "2026-01-31T20:02:11.482Z".to_owned(),
            user_sockets: 1,
            is_connected: true,
        }],
        silent_gateways: Vec::new(),
    };
    let operation = query::get("/api/v1/admin/trace/{correlation_id}", "trace")
        .says(
            "Find out what became of a command",
            "From the frame to what was told of it, with durations. Gateways are asked, by a record on `system.events`, which \
             sockets that went to: they remember it for some minutes to hours. An id that nothing is known of is answered \
             too: the verdict says so.",
        )
        .parameter(id)
        .answers(Answer::json(200, "What happened.", &traced))
        .refuses(&[INVALID_FORMAT]);
    vec![Endpoint::new(operation, traced_id)]
}

async fn traced_id(
    _: Admin,
    State(console): State<Console>,
    Path(id): Path<String>,
) -> Result<Json<Trace>, Problem> {
    let sources = Sources {
        log: &*console.log,
        overview: &*console.overview,
        reads: &*console.reads,
        games: &console.games,
    };
    let mut found = trace(&sources, &id, BUDGET).await.map_err(refused)?;
    if let Some(asked) = found.question() {
        match ask_gateways(sources.log, &asked).await {
            Ok(answers) => found.take(answers),
            // The rest is true without it.
            Err(error) => tracing::warn!(%error, "gateways can not be asked what they sent"),
        }
    }
    Ok(Json(found))
}

fn refused(error: TraceError) -> Problem {
    match error {
        TraceError::InvalidId(_) => {
            let detail = "`correlation_id` must be a UUID.";
            Problem::invalid_format(detail).in_field("correlation_id")
        }
        TraceError::Store(error) => error.into(),
        TraceError::Log(LogError::Unavailable | LogError::Closed) => {
            Problem::new(UNAVAILABLE, "The topics can not be read right now.")
                .retry_after(Duration::from_secs(1))
        }
        TraceError::Log(error) => Problem::internal(&error),
    }
}
