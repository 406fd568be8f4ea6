//! What the bank answers has the shape of what Stripe answers: its own stand-in is asked the same.

use crate::rig::{Answer, Rig, SESSION, encoded, id, text};
use blazing_sun_checkout::bank::{DisputeStage, Way};
use blazing_sun_harness::stripe_mock::{self, StripeMock};
use serde_json::Value;

/// Fields of objects that the version which the checkout asks for does not have, or not for payments like these.
const NOT_HERE: &[&str] = &[
    "allowed_payment_method_types",
    "customer",
    "customer_account",
    "enhanced_eligibility",
    "excluded_payment_method_types",
    "integration_identifier",
    "managed_payments",
    "origin_context",
    "payment_method",
    "refunds",
];

/// Fields whose parts are the caller's, or another one for each way of paying.
const OPEN: &[&str] = &[
    "evidence",
    "fraud_details",
    "last_payment_error",
    "metadata",
    "object",
    "payment_method_details",
    "payment_method_options",
];

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What differs between an answer of the bank's and the example.
fn differences(ours: &Value, theirs: &Value, at: &str, found: &mut Vec<String>) {
    let (Value::Object(ours), Value::Object(theirs)) = (ours, theirs) else {
        if !ours.is_null() && !theirs.is_null() && kind(ours) != kind(theirs) {
            found.push(format!("{at}: {} instead of {}", kind(ours), kind(theirs)));
        }
        if let (Value::Array(ours), Value::Array(theirs)) = (ours, theirs)
            && let (Some(ours), Some(theirs)) = (ours.first(), theirs.first())
        {
            differences(ours, theirs, &format!("{at}[0]"), found);
        }
        return;
    };
    for (name, value) in ours {
        match theirs.get(name) {
            None => found.push(format!("{at}.{name}: Stripe knows none")),
            Some(_) if OPEN.contains(&name.as_str()) => {}
            Some(example) => differences(value, example, &format!("{at}.{name}"), found),
        }
    }
    let is_whole = ours.contains_key("object");
    for name in theirs.keys().filter(|_| is_whole) {
        if !ours.contains_key(name) && !NOT_HERE.contains(&name.as_str()) {
            found.push(format!("{at}.{name}: is missing"));
        }
    }
}

async fn theirs(path: &str, form: Option<&[(&str, &str)]>) -> Value {
    let url = format!("{}{path}", StripeMock::shared().url());
    let client = reqwest::Client::new();
    let request = match form {
        None => client.get(url),
        Some(form) => client
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(encoded(form)),
    };
    let answer = request
        .bearer_auth(stripe_mock::KEY)
        .send()
        .await
        .expect("an answer");
    Answer::of(answer).await.good()
}

fn check(ours: &Value, theirs: &Value) {
    let mut found = Vec::new();
    differences(ours, theirs, &text(&ours["object"]), &mut found);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

async fn check_get(rig: &Rig, path: &str) -> Value {
    let ours = rig.get(path).await.good();
    check(&ours, &theirs(path, None).await);
    ours
}

#[tokio::test]
async fn every_object_has_stripes_shape() {
    let rig = Rig::new().await;
    let path = "/v1/checkout/sessions";
    let session = rig.post(path, SESSION, None).await.good();
    check(&session, &theirs(path, Some(SESSION)).await);
    let of_session = format!("{path}/{}", id(&session));
    check_get(&rig, &of_session).await;
    rig.pay(&session, Way::Decline).await;
    let expanded = format!("{of_session}?expand[]=payment_intent.latest_charge");
    let declined = check_get(&rig, &expanded).await;
    assert_eq!(
        declined["payment_intent"]["last_payment_error"]["decline_code"],
        "generic_decline"
    );
    rig.pay(&session, Way::Pay).await;
    let paid = check_get(&rig, &expanded).await;
    let (payment, charge) = (
        id(&paid["payment_intent"]),
        id(&paid["payment_intent"]["latest_charge"]),
    );
    check_get(&rig, &format!("/v1/payment_intents/{payment}")).await;
    check_get(&rig, &format!("/v1/charges/{charge}")).await;
    check_get(&rig, &format!("{path}?payment_intent={payment}")).await;

    let form = [("payment_intent", payment.as_str()), ("amount", "400")];
    let refund = rig.post("/v1/refunds", &form, None).await.good();
    check(&refund, &theirs("/v1/refunds", Some(&form)).await);
    check_get(&rig, &format!("/v1/refunds/{}", id(&refund))).await;

    let dispute = rig
        .bank
        .dispute(&payment, DisputeStage::Created)
        .await
        .expect("disputed");
    rig.bank
        .dispute(&payment, DisputeStage::FundsWithdrawn)
        .await
        .expect("withdrawn");
    check_get(&rig, &format!("/v1/disputes/{}", id(&dispute))).await;

    let events = check_get(
        &rig,
        "/v1/events?limit=3&types[0]=charge.refunded&created[gte]=1",
    )
    .await;
    check_get(&rig, &format!("/v1/events/{}", id(&events["data"][0]))).await;
}

#[tokio::test]
async fn an_expired_session_has_stripes_shape() {
    let rig = Rig::new().await;
    let path = format!("/v1/checkout/sessions/{}/expire", id(&rig.session().await));
    let ours = rig.post(&path, &[], None).await.good();
    check(&ours, &theirs(&path, Some(&[])).await);
    assert_eq!(
        (&ours["status"], &ours["url"]),
        (&Value::from("expired"), &Value::Null)
    );
}

#[tokio::test]
async fn ids_and_fields_are_as_stripe_has_them() {
    let rig = Rig::new().await;
    let session = rig.session().await;
    assert!(id(&session).starts_with("cs_test_"), "{session}");
    assert_eq!(session["livemode"], false);
    assert_eq!(session["amount_total"], 2_500);
    assert_eq!(session["payment_status"], "unpaid");
    assert_eq!(session["client_reference_id"], "request-7");
    assert_eq!(session["metadata"]["request_id"], "request-7");
    assert!(session["payment_intent"].is_null());
    let (created, expires) = (
        session["created"].as_i64().unwrap(),
        session["expires_at"].as_i64().unwrap(),
    );
    assert_eq!(expires - created, 24 * 60 * 60);
    rig.pay(&session, Way::Pay).await;
    let paid = rig.session_again(&session).await;
    let payment = &paid["payment_intent"];
    assert!(
        id(payment).starts_with("pi_") && id(&payment["latest_charge"]).starts_with("ch_"),
        "{paid}"
    );
    assert_eq!(payment["metadata"]["request_id"], "request-7");
    assert_eq!(payment["amount_received"], 2_500);
    let refund = rig.bank.refund(&id(payment), None).await.expect("a refund");
    assert!(id(&refund).starts_with("re_"), "{refund}");
    let events = rig.get("/v1/events").await.good();
    assert!(id(&events["data"][0]).starts_with("evt_"), "{events}");
}

#[test]
fn a_difference_is_found() {
    let example =
        serde_json::json!({ "object": "x", "id": "x_1", "amount": 5, "part": { "a": 1 } });
    for bad in [
        serde_json::json!({ "object": "x", "id": "x_1", "amount": "5", "part": null }),
        serde_json::json!({ "object": "x", "id": "x_1", "amount": 5 }),
        serde_json::json!({ "object": "x", "id": "x_1", "amount": 5, "part": { "b": 1 } }),
    ] {
        let mut found = Vec::new();
        differences(&bad, &example, "x", &mut found);
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
