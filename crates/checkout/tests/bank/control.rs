//! The control API, in JSON.

use crate::rig::{Answer, Rig, id};
use serde_json::{Value, json};

#[tokio::test]
async fn all_that_can_happen_to_a_payment_can_be_told() {
    let rig = Rig::new().await;
    let session = rig.session().await;
    let redirect = rig
        .control(
            "pay",
            json!({ "session": id(&session), "way": "pay_later" }),
        )
        .await
        .good();
    assert_eq!(
        redirect["redirect"],
        format!("https://play.example/paid?session={}", id(&session))
    );
    let payment = id(&rig.session_again(&session).await["payment_intent"]);
    let settled = rig
        .control("settle", json!({ "payment_intent": payment, "as": "paid" }))
        .await
        .good();
    assert_eq!(settled["status"], "succeeded");
    let refund = rig
        .control(
            "refund",
            json!({ "payment_intent": payment, "amount": 500 }),
        )
        .await
        .good();
    assert_eq!(refund["amount"], 500);
    for (stage, status) in [
        ("created", "needs_response"),
        ("funds_withdrawn", "needs_response"),
        ("lost", "lost"),
    ] {
        let dispute = rig
            .control(
                "dispute",
                json!({ "payment_intent": payment, "stage": stage }),
            )
            .await
            .good();
        assert_eq!(
            (&dispute["status"], &dispute["amount"]),
            (&status.into(), &2_000.into())
        );
    }
    let other = rig.session().await;
    let expired = rig
        .control("expire", json!({ "session": id(&other) }))
        .await
        .good();
    assert_eq!(expired["status"], "expired");
    let listed = rig.get("/_bank/deliveries").await.good();
    let listed = listed["deliveries"].as_array().unwrap();
    assert_eq!(listed.len(), rig.event_types().await.len());
    assert_eq!(
        (&listed[0]["event_type"], &listed[0]["state"]),
        (&"payment_intent.created".into(), &"pending".into())
    );
}

#[tokio::test]
async fn how_it_misbehaves_is_told_and_asked() {
    let rig = Rig::new().await;
    let told = rig
        .control("misbehave", json!({ "seed": 7, "drop": 0.5 }))
        .await
        .good();
    assert_eq!(
        (&told["seed"], &told["drop"], &told["duplicates"]),
        (&7.into(), &0.5.into(), &0.0.into())
    );
    assert_eq!(rig.get("/_bank/misbehave").await.good(), told);
    // What is not named is as it should be again.
    let told = rig.control("misbehave", json!({})).await.good();
    assert_eq!(told["drop"], 0.0);
}

#[tokio::test]
async fn what_can_not_be_done_is_said() {
    let rig = Rig::new().await;
    let session = rig.session().await;
    rig.control("expire", json!({ "session": id(&session) }))
        .await
        .good();
    for (what, body, status, words) in [
        (
            "pay",
            json!({ "session": id(&session), "way": "pay" }),
            409,
            "expired, not open",
        ),
        (
            "pay",
            json!({ "session": "cs_test_none", "way": "pay" }),
            404,
            "No such checkout.session",
        ),
        (
            "pay",
            json!({ "session": id(&session), "way": "steal" }),
            400,
            "unknown variant `steal`",
        ),
        (
            "pay",
            json!({ "session": id(&session) }),
            400,
            "missing field `way`",
        ),
        (
            "expire",
            json!({ "session": id(&session), "now": true }),
            400,
            "unknown field `now`",
        ),
        (
            "expire",
            json!({ "session": id(&session) }),
            400,
            "status of expired",
        ),
        (
            "settle",
            json!({ "payment_intent": "pi_none", "as": "paid" }),
            404,
            "No such payment_intent",
        ),
        (
            "refund",
            json!({ "payment_intent": "pi_none", "amount": 0 }),
            400,
            "`amount` is at least 1",
        ),
        (
            "misbehave",
            json!({ "drop": 2 }),
            400,
            "`drop` is a rate from 0 to 1, not 2",
        ),
        (
            "misbehave",
            json!({ "delay_ms": 3_600_001 }),
            400,
            "`delay_ms` is at most",
        ),
        (
            "misbehave",
            json!({ "surprise": 1 }),
            400,
            "unknown field `surprise`",
        ),
        ("nothing", json!({}), 404, "Unrecognized request URL"),
    ] {
        let answer = rig.control(what, body).await;
        let error = answer.json()["error"].clone();
        assert!(
            answer.status == status && error.as_str().unwrap_or_default().contains(words),
            "{what}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_page_of_another_host_is_kept_out() {
    let rig = Rig::new().await;
    let post = || rig.http.post(rig.url("/_bank/misbehave"));
    let rebound = post()
        .header("host", "pages.example")
        .json(&Value::Object(Default::default()));
    assert_eq!(Answer::of(rebound.send().await.unwrap()).await.status, 403);
    let form = post()
        .header("content-type", "text/plain")
        .body("{\"drop\":1}");
    assert_eq!(Answer::of(form.send().await.unwrap()).await.status, 400);
    assert_eq!(rig.get("/_bank/misbehave").await.good()["drop"], 0.0);
}
