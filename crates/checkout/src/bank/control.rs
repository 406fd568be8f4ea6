//! The control API: what a payer, their bank or bad luck does to a payment, told in JSON. It is for people and tests on this
//! machine; a page in a browser can not call it.

use super::error::Declined;
use super::handle::{Core, DELIVERIES_MAX};
use super::http::{Asked, json};
use super::misbehaviour::Misbehaviour;
use super::payments::{DisputeStage, Settlement, Way};
use super::state::Metadata;
use axum::response::Response;
use http::Method;
use http::uri::Authority;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json as value};
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pay {
    session: String,
    way: Way,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settle {
    payment_intent: String,
    #[serde(rename = "as")]
    settlement: Settlement,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refund {
    payment_intent: String,
    amount: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dispute {
    payment_intent: String,
    stage: DisputeStage,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expire {
    session: String,
}

pub(super) async fn answer(core: &Arc<Core>, asked: &Asked) -> Response {
    match handle(core, asked).await {
        Ok(body) => json(200, &body),
        Err(declined) => json(declined.status, &value!({ "error": declined.message })),
    }
}

async fn handle(core: &Arc<Core>, asked: &Asked) -> Result<Value, Declined> {
    check_caller(asked)?;
    match (asked.method.as_str(), asked.places().as_slice()) {
        ("GET", ["_bank", "misbehave"]) => core.books(|books| Ok(value!(books.misbehaviour))).await,
        ("POST", ["_bank", "misbehave"]) => {
            let misbehaviour: Misbehaviour = body(asked)?;
            misbehaviour.check().map_err(Declined::invalid)?;
            core.change(move |books| books.set_misbehaviour(misbehaviour))
                .await?;
            Ok(value!(misbehaviour))
        }
        ("GET", ["_bank", "deliveries"]) => {
            let deliveries = core.books(|books| books.deliveries(DELIVERIES_MAX)).await?;
            Ok(value!({ "deliveries": deliveries }))
        }
        ("POST", ["_bank", "pay"]) => {
            let Pay { session, way } = body(asked)?;
            let sent_to = core.change(move |books| books.pay(&session, way)).await?;
            Ok(value!({ "redirect": sent_to }))
        }
        ("POST", ["_bank", "settle"]) => {
            let Settle {
                payment_intent,
                settlement,
            } = body(asked)?;
            core.change(move |books| books.settle(&payment_intent, settlement))
                .await
        }
        ("POST", ["_bank", "refund"]) => {
            let Refund {
                payment_intent,
                amount,
            } = body(asked)?;
            if amount.is_some_and(|amount| amount < 1) {
                return Err(Declined::invalid("`amount` is at least 1, in minor units"));
            }
            let work = move |books: &mut super::books::Books<'_>| {
                let payment = books.payment(&payment_intent)?;
                books.pay_back(payment, amount, None, Metadata::new())
            };
            core.change(work).await
        }
        ("POST", ["_bank", "dispute"]) => {
            let Dispute {
                payment_intent,
                stage,
            } = body(asked)?;
            core.change(move |books| books.dispute_at(&payment_intent, stage))
                .await
        }
        ("POST", ["_bank", "expire"]) => {
            let Expire { session } = body(asked)?;
            core.change(move |books| books.expire(&session)).await
        }
        _ => Err(Declined::unknown_url(asked.method.as_str(), &asked.path)),
    }
}

/// A page could send a form without asking, and could have its own host's name lead here; neither gets this far.
fn check_caller(asked: &Asked) -> Result<(), Declined> {
    let host = asked
        .header("host")
        .and_then(|host| host.parse::<Authority>().ok());
    let is_local = host.is_some_and(|host| {
        let name = host.host().trim_start_matches('[').trim_end_matches(']');
        name == "localhost"
            || name
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
    });
    if !is_local {
        return Err(Declined::forbidden(
            "the control API is called by this machine's own address alone",
        ));
    }
    if asked.method == Method::POST && !asked.is_of("application/json") {
        return Err(Declined::invalid(
            "the body has to be of type application/json",
        ));
    }
    Ok(())
}

fn body<T: DeserializeOwned>(asked: &Asked) -> Result<T, Declined> {
    serde_json::from_slice(&asked.body)
        .map_err(|error| Declined::invalid(format!("the body can not be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue};

    fn asked(host: &'static str, media_type: &'static str) -> Asked {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static(host));
        headers.insert("content-type", HeaderValue::from_static(media_type));
        Asked {
            method: Method::POST,
            path: "/_bank/pay".to_owned(),
            query: String::new(),
            headers,
            body: Vec::new(),
        }
    }

    #[test]
    fn only_this_machines_programs_may_call_it() {
        for host in ["127.0.0.1:1", "localhost:1", "[::1]:1"] {
            assert_eq!(
                check_caller(&asked(host, "application/json; charset=utf-8")),
                Ok(()),
                "{host}"
            );
        }
        for host in ["pages.example", "127.0.0.1.pages.example:1", ""] {
            assert_eq!(
                check_caller(&asked(host, "application/json"))
                    .unwrap_err()
                    .status,
                403,
                "{host}"
            );
        }
        for media_type in ["text/plain", "application/x-www-form-urlencoded"] {
            assert_eq!(
                check_caller(&asked("localhost", media_type))
                    .unwrap_err()
                    .status,
                400
            );
        }
    }
}
