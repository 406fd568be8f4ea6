//! Routes: what clients are told of each, and what answers it. The router and the document are made of the same.

use super::ApiState;
use super::page::CURSOR_PATTERN;
use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use blazing_sun_backbone::rest::problem::ORIGIN_NOT_ALLOWED;
use blazing_sun_backbone::rest::{Answer, Link, Method, Operation, Parameter, Place};
use blazing_sun_domain::UserId;
use schemars::json_schema;

/// A route of an API with this state.
pub struct Endpoint<S = ApiState> {
    operation: Operation,
    answers: MethodRouter<S>,
}

impl<S: Clone + Send + Sync + 'static> Endpoint<S> {
    /// That this function answers.
    pub fn new<H, T>(operation: Operation, handler: H) -> Endpoint<S>
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let method = match operation.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
        };
        Endpoint {
            answers: on(method, handler),
            operation,
        }
    }
}

/// A router of these, and of nothing else.
pub(super) fn router_of<S: Clone + Send + Sync + 'static>(
    endpoints: Vec<Endpoint<S>>,
) -> Router<S> {
    endpoints
        .into_iter()
        .fold(Router::new(), |router, endpoint| {
            router.route(endpoint.operation.path, endpoint.answers)
        })
}

/// What clients are told of these.
pub fn operations_of<S>(endpoints: Vec<Endpoint<S>>) -> Vec<Operation> {
    let operations = endpoints.into_iter().map(|endpoint| endpoint.operation);
    operations.collect()
}

/// What signs in or out: not for pages of strangers.
pub(super) fn from_own_page(operation: Operation) -> Operation {
    operation.refuses(&[ORIGIN_NOT_ALLOWED])
}

/// The same, with the header that sets or takes back the refresh token.
pub(super) fn with_cookie(answer: Answer) -> Answer {
    answer.header(
        "Set-Cookie",
        "`blazing_sun_refresh`, the refresh token: `HttpOnly`, `SameSite=Strict`, for `/api/v1/auth` alone. Empty \
         where it is taken back.",
    )
}

/// Somebody in an example.
pub fn example_user() -> UserId {
    UserId::new(7_204_518_833).unwrap_or(UserId::SYSTEM)
}

/// `cursor`, of every list in pages.
pub fn cursor() -> Parameter {
    Parameter {
        place: Place::Query,
        name: "cursor",
        description: "The `next_cursor` of an earlier answer, to read on from there.",
        is_required: false,
        schema: json_schema!({ "type": "string", "pattern": CURSOR_PATTERN }),
        example: CURSOR_EXAMPLE.into(),
    }
}

/// Where the next page begins, as an answer says it.
pub const CURSOR_EXAMPLE: &str = "AAAAAAAAADI";

/// From a list's answer to its next page.
pub fn next_page(operation: &'static str) -> Link {
    Link {
        name: "nextPage",
        operation,
        parameter: "cursor",
        pointer: "/next_cursor",
    }
}
