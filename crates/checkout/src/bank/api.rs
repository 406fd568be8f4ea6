//! Stripe's API, as much of it as the checkout uses: form-encoded requests, JSON answers, errors and headers as Stripe has them.

mod requests;

use super::books::{Books, Cause};
use super::error::Declined;
use super::expand::expand;
use super::handle::Core;
use super::http::{Asked, set, text};
use super::idempotency::{self, Kept};
use super::params::Params;
use super::render;
use super::state::new_id;
use axum::response::Response;
use http::Method;
use http::header::{HeaderName, WWW_AUTHENTICATE};
use serde_json::Value;
use std::sync::Arc;
use subtle::ConstantTimeEq;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const ORIGINAL_REQUEST: HeaderName = HeaderName::from_static("original-request");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const VERSION: HeaderName = HeaderName::from_static("stripe-version");
const FORM: &str = "application/x-www-form-urlencoded";
const EXPAND_CHARS_MAX: usize = 200;
const REQUESTS: &str = "requests";

/// What is answered, and whether it was before.
struct Answered {
    kept: Kept,
    is_replayed: bool,
}

pub(super) async fn answer(core: &Arc<Core>, asked: Asked) -> Response {
    let request = new_id("req_", 14);
    let key = asked.header(IDEMPOTENCY_KEY.as_str()).map(str::to_owned);
    let version = asked.header(VERSION.as_str()).map(str::to_owned);
    let answered = handle(core, asked, &request, key.clone()).await;
    let mut response = match &answered {
        Ok(Answered { kept, .. }) => text(kept.status, "application/json", kept.body.clone()),
        Err(declined) => text(
            declined.status,
            "application/json",
            declined.body().to_string(),
        ),
    };
    set(&mut response, REQUEST_ID, &request);
    let names_and_values = [(IDEMPOTENCY_KEY, key), (VERSION, version)];
    for (name, value) in names_and_values {
        if let Some(value) = value {
            set(&mut response, name, &value);
        }
    }
    match answered {
        Ok(Answered {
            kept,
            is_replayed: true,
        }) => {
            set(&mut response, REPLAYED, "true");
            set(&mut response, ORIGINAL_REQUEST, &kept.request);
        }
        Err(Declined { status: 401, .. }) => {
            set(&mut response, WWW_AUTHENTICATE, "Bearer realm=\"Stripe\"")
        }
        _ => {}
    }
    response
}

async fn handle(
    core: &Arc<Core>,
    asked: Asked,
    request: &str,
    key: Option<String>,
) -> Result<Answered, Declined> {
    authorize(core, &asked)?;
    let params = params(&asked)?;
    let cause = Cause {
        request: Some(request.to_owned()),
        idempotency_key: key.filter(|_| asked.method == Method::POST),
    };
    if let Some(key) = &cause.idempotency_key {
        idempotency::check(key)?;
    }
    match asked.method {
        Method::POST => {
            core.change(move |books| posted(books, cause, &asked, params))
                .await
        }
        _ => {
            let answered = core.books(move |books| got(books, &asked, params)).await?;
            Ok(Answered {
                kept: kept(200, &answered, request),
                is_replayed: false,
            })
        }
    }
}

fn authorize(core: &Core, asked: &Asked) -> Result<(), Declined> {
    let given = asked
        .header("authorization")
        .and_then(|value| value.split_once(' '));
    let (scheme, key) = given.ok_or_else(|| {
        Declined::unauthorized(
            "You did not provide an API key: it belongs into the Authorization header, as 'Bearer YOUR_SECRET_KEY'.",
        )
    })?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Declined::unauthorized(
            "The Authorization header has to begin with 'Bearer'.",
        ));
    }
    let expected = core.options.secret_key.expose().as_bytes();
    match bool::from(key.trim().as_bytes().ct_eq(expected)) {
        true => Ok(()),
        false if key.contains("_live_") => Err(Declined::unauthorized(
            "The test bank takes no live key. Nothing was done with it.",
        )),
        false => Err(Declined::unauthorized("Invalid API Key provided.")),
    }
}

fn params(asked: &Asked) -> Result<Params, Declined> {
    if asked.method != Method::POST {
        return Params::parse(asked.query.as_bytes());
    }
    if !asked.body.is_empty() && !asked.is_of(FORM) {
        let message = format!("The body of a request has to be of type {FORM}.");
        return Err(Declined::invalid(message));
    }
    Params::parse(&asked.body)
}

fn kept(status: u16, body: &Value, request: &str) -> Kept {
    Kept {
        status,
        body: body.to_string(),
        request: request.to_owned(),
    }
}

fn got(books: &mut Books<'_>, asked: &Asked, mut params: Params) -> Result<Value, Declined> {
    let expansions = params.texts("expand", EXPAND_CHARS_MAX)?;
    let mut answer = match (asked.method.as_str(), asked.places().as_slice()) {
        ("GET", ["v1", "checkout", "sessions", id]) => requests::session(books, id)?,
        ("GET", ["v1", "checkout", "sessions"]) => requests::sessions(books, &mut params)?,
        ("GET", ["v1", "payment_intents", id]) => render::payment(&books.payment(id)?),
        ("GET", ["v1", "charges", id]) => render::charge_by_id(id, books)?
            .ok_or_else(|| Declined::not_found("charge", "id", id))?,
        ("GET", ["v1", "refunds", id]) => render::refund(&books.refund(id)?),
        ("GET", ["v1", "disputes", id]) => render::dispute(&books.dispute(id)?),
        ("GET", ["v1", "events", id]) => books.event(id)?,
        ("GET", ["v1", "events"]) => books.events(&mut params)?,
        _ => return Err(Declined::unknown_url(asked.method.as_str(), &asked.path)),
    };
    params.finish()?;
    expand(&mut answer, &expansions, books)?;
    Ok(answer)
}

/// Carries it out, once for each idempotency key.
fn posted(
    books: &mut Books<'_>,
    cause: Cause,
    asked: &Asked,
    params: Params,
) -> Result<Answered, Declined> {
    let request = cause.request.clone().unwrap_or_default();
    let key = cause.idempotency_key.clone();
    books.cause = cause;
    let digest = params.digest();
    if let Some(key) = &key
        && let Some(kept) = books.kept(key, &asked.path, &digest)?
    {
        return Ok(Answered {
            kept,
            is_replayed: true,
        });
    }
    let kept = match execute(books, asked, params) {
        Ok(_) if fails_after_effect(books)? => kept(500, &Declined::internal().body(), &request),
        Ok(answer) => kept(200, &answer, &request),
        Err(declined) if declined.is_of_execution => {
            kept(declined.status, &declined.body(), &request)
        }
        Err(declined) => return Err(declined),
    };
    if let Some(key) = &key {
        books.keep(key, &asked.path, &digest, &kept)?;
    }
    Ok(Answered {
        kept,
        is_replayed: false,
    })
}

fn execute(books: &mut Books<'_>, asked: &Asked, mut params: Params) -> Result<Value, Declined> {
    let expansions = params.texts("expand", EXPAND_CHARS_MAX)?;
    let mut answer = match asked.places().as_slice() {
        ["v1", "checkout", "sessions"] => requests::create_session(books, params)?,
        ["v1", "checkout", "sessions", id, "expire"] => {
            params.finish()?;
            books.expire(id)?
        }
        ["v1", "refunds"] => requests::create_refund(books, params)?,
        _ => return Err(Declined::unknown_url(asked.method.as_str(), &asked.path)),
    };
    expand(&mut answer, &expansions, books)?;
    Ok(answer)
}

/// Whether this request is one of those that are answered with a 500 although they had their effect.
fn fails_after_effect(books: &Books<'_>) -> Result<bool, Declined> {
    let count = super::books::setting(books.tx, REQUESTS)?;
    let number = count.and_then(|count| count.parse().ok()).unwrap_or(0_i64) + 1;
    books.set(REQUESTS, &number.to_string())?;
    Ok(books.misbehaviour.strikes("error_500_after_effect", number))
}
