//! The page on which people pay, as a browser without scripts sees it.

use crate::rig::{Answer, CANCEL_URL, Rig, SESSION, id, text};
use blazing_sun_checkout::bank::{DisputeStage, Settlement, Way};
use serde_json::Value;
use std::time::Duration;

async fn page(rig: &Rig, session: &Value) -> Answer {
    let url = format!("{}/pay/{}", rig.bank.url(), id(session));
    assert_eq!(session["url"], url.as_str());
    Answer::of(rig.http.get(url).send().await.expect("an answer")).await
}

async fn press(rig: &Rig, session: &Value, way: &str) -> Answer {
    let request = rig
        .http
        .post(text(&session["url"]))
        .body(format!("way={way}"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    Answer::of(request.send().await.expect("an answer")).await
}

fn paid_url(session: &Value) -> String {
    format!("https://play.example/paid?session={}", id(session))
}

#[tokio::test]
async fn who_pays_is_sent_on_and_has_paid() {
    let rig = Rig::new().await;
    let session = rig.session().await;
    let shown = page(&rig, &session).await;
    assert_eq!(shown.status, 200);
    for words in [
        "Test money",
        "€25.00",
        "25 euros to play with",
        "Pay €25.00",
        "name=\"way\" value=\"pay_later\"",
    ] {
        assert!(shown.text.contains(words), "{words}: {}", shown.text);
    }
    let pressed = press(&rig, &session, "pay").await;
    assert_eq!(
        (pressed.status, pressed.header("location")),
        (303, Some(paid_url(&session).as_str()))
    );
    let paid = rig.session_again(&session).await;
    assert_eq!(
        (&paid["status"], &paid["payment_status"], &paid["url"]),
        (&"complete".into(), &"paid".into(), &Value::Null)
    );
    assert_eq!(paid["payment_intent"]["status"], "succeeded");
    assert_eq!(
        rig.event_types().await,
        [
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
            "checkout.session.completed"
        ]
    );
    let shown = Answer::of(rig.http.get(text(&session["url"])).send().await.unwrap()).await;
    assert!(
        shown.text.contains("This is paid") && !shown.text.contains("<form"),
        "{}",
        shown.text
    );
    assert!(shown.text.contains(&paid_url(&session)), "{}", shown.text);
}

#[tokio::test]
async fn pressed_twice_is_paid_once() {
    let rig = Rig::new().await;
    let session = rig.session().await;
    let both = tokio::join!(press(&rig, &session, "pay"), press(&rig, &session, "pay"));
    let mut places = [both.0, both.1].map(|answer| answer.header("location").unwrap().to_owned());
    places.sort();
    assert_eq!(
        places,
        [format!("/pay/{}", id(&session)), paid_url(&session)]
    );
    assert_eq!(
        rig.event_types()
            .await
            .iter()
            .filter(|kind| *kind == "charge.succeeded")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_declined_card_leaves_the_session_open() {
    let rig = Rig::new().await;
    let session = rig.session().await;
    let pressed = press(&rig, &session, "decline").await;
    let back = format!("/pay/{}", id(&session));
    assert_eq!(
        (pressed.status, pressed.header("location")),
        (303, Some(back.as_str()))
    );
    let shown = page(&rig, &session).await;
    assert!(
        shown.text.contains("Your card was declined") && shown.text.contains("<form"),
        "{}",
        shown.text
    );
    let open = rig.session_again(&session).await;
    assert_eq!(
        (&open["status"], &open["payment_status"]),
        (&"open".into(), &"unpaid".into())
    );
    let payment = open["payment_intent"].clone();
    assert_eq!(payment["status"], "requires_payment_method");
    assert_eq!(payment["last_payment_error"]["code"], "card_declined");
    assert_eq!(payment["latest_charge"]["status"], "failed");
    assert_eq!(
        rig.event_types().await,
        [
            "payment_intent.created",
            "charge.failed",
            "payment_intent.payment_failed"
        ]
    );
    press(&rig, &session, "pay").await;
    let paid = rig.session_again(&session).await;
    assert_eq!(
        (&paid["payment_status"], &paid["payment_intent"]["id"]),
        (&"paid".into(), &payment["id"])
    );
    assert!(paid["payment_intent"]["last_payment_error"].is_null());
}

#[tokio::test]
async fn who_pays_later_has_paid_once_it_settles() {
    let rig = Rig::new().await;
    for (way, settlement, status, kind) in [
        (
            "pay_later",
            Settlement::Paid,
            "paid",
            "checkout.session.async_payment_succeeded",
        ),
        (
            "pay_later_fails",
            Settlement::Failed,
            "unpaid",
            "checkout.session.async_payment_failed",
        ),
    ] {
        let session = rig.session().await;
        let pressed = press(&rig, &session, way).await;
        assert_eq!(
            pressed.header("location"),
            Some(paid_url(&session).as_str())
        );
        let waiting = rig.session_again(&session).await;
        assert_eq!(
            (&waiting["status"], &waiting["payment_status"]),
            (&"complete".into(), &"unpaid".into())
        );
        assert_eq!(waiting["payment_intent"]["status"], "processing");
        let payment = id(&waiting["payment_intent"]);
        rig.bank
            .settle(&payment, settlement)
            .await
            .expect("settled");
        let settled = rig.session_again(&session).await;
        assert_eq!(
            (&settled["status"], &settled["payment_status"]),
            (&"complete".into(), &status.into())
        );
        assert_eq!(
            rig.event_types().await.last().map(String::as_str),
            Some(kind)
        );
        assert!(
            rig.bank.settle(&payment, Settlement::Paid).await.is_err(),
            "it settles once"
        );
    }
}

#[tokio::test]
async fn what_is_paid_later_settles_by_itself_when_told_so() {
    let rig = Rig::with(|options| options.settle_after = Some(Duration::from_secs(3_600))).await;
    let (kept, broken) = (rig.session().await, rig.session().await);
    rig.pay(&kept, Way::PayLater).await;
    rig.pay(&broken, Way::PayLaterFails).await;
    // Not before its time, over a restart either.
    let rig = rig.restarted().await;
    assert_eq!(rig.session_again(&kept).await["payment_status"], "unpaid");
    rig.pass(3_601);
    crate::rig::until("the settlement", async || {
        rig.session_again(&kept).await["payment_status"] == "paid"
    })
    .await;
    crate::rig::until("the failure", async || {
        rig.event_types()
            .await
            .contains(&"checkout.session.async_payment_failed".to_owned())
    })
    .await;
    assert_eq!(rig.session_again(&broken).await["payment_status"], "unpaid");
}

#[tokio::test]
async fn who_goes_back_leaves_the_session_open_until_it_expires() {
    let rig = Rig::new().await;
    let session = rig.session().await;
    let pressed = press(&rig, &session, "abandon").await;
    assert_eq!(
        (pressed.status, pressed.header("location")),
        (303, Some(CANCEL_URL))
    );
    assert_eq!(rig.session_again(&session).await["status"], "open");
    assert_eq!(rig.event_types().await, Vec::<String>::new());
    rig.pass(24 * 60 * 60 + 1);
    crate::rig::until("its end", async || !rig.event_types().await.is_empty()).await;
    assert_eq!(rig.event_types().await, ["checkout.session.expired"]);
    assert_eq!(rig.session_again(&session).await["status"], "expired");
    let pressed = press(&rig, &session, "pay").await;
    assert_eq!(
        pressed.header("location"),
        Some(format!("/pay/{}", id(&session)).as_str())
    );
    let shown = Answer::of(
        rig.http
            .get(rig.url(&format!("/pay/{}", id(&session))))
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert!(
        shown.text.contains("has expired") && shown.text.contains(CANCEL_URL),
        "{}",
        shown.text
    );
    assert_eq!(
        rig.session_again(&session).await["payment_status"],
        "unpaid"
    );
}

#[tokio::test]
async fn the_page_lets_nothing_else_in() {
    let rig = Rig::new().await;
    let evil = "<script>alert(1)</script>\"'&";
    let form = |url: &'static str| -> Vec<(&str, &str)> {
        let replaced = |(name, value): &(&'static str, &'static str)| match *name {
            "success_url" => (*name, url),
            "line_items[0][price_data][product_data][name]" | "client_reference_id" => {
                (*name, evil)
            }
            _ => (*name, *value),
        };
        SESSION.iter().map(replaced).collect()
    };
    // A quote can not stand in an address; what can is escaped.
    let quoted = rig
        .post(
            "/v1/checkout/sessions",
            &form("https://play.example:8443/a?b=\""),
            None,
        )
        .await;
    assert_eq!(quoted.status, 400);
    let url = "https://play.example:8443/a?b=1&c='";
    let session = rig
        .post("/v1/checkout/sessions", &form(url), None)
        .await
        .good();
    let shown = page(&rig, &session).await;
    assert!(!shown.text.contains("<script"), "{}", shown.text);
    assert!(
        shown
            .text
            .contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"),
        "{}",
        shown.text
    );
    let policy = shown.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    let targets = "form-action 'self' https://play.example:8443 https://play.example; base-uri 'none'; frame-ancestors 'none'";
    assert!(policy.ends_with(targets), "{policy}");
    assert!(
        !policy.contains("unsafe") && !policy.contains("script-src"),
        "{policy}"
    );
    assert_eq!(shown.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(shown.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(shown.header("cache-control"), Some("no-store"));
    press(&rig, &session, "pay").await;
    let ended = Answer::of(rig.http.get(text(&session["url"])).send().await.unwrap()).await;
    assert!(
        ended
            .text
            .contains("href=\"https://play.example:8443/a?b=1&amp;c=&#39;\""),
        "{}",
        ended.text
    );
}

#[tokio::test]
async fn what_is_no_page_or_no_button_is_said() {
    let rig = Rig::new().await;
    let session = rig.session().await;
    for way in ["", "steal", "way=pay"] {
        assert_eq!(press(&rig, &session, way).await.status, 400, "{way}");
    }
    let untyped = rig
        .http
        .post(text(&session["url"]))
        .body("way=pay")
        .header("content-type", "text/plain");
    assert_eq!(untyped.send().await.unwrap().status(), 400);
    for path in ["/pay/cs_test_none", "/pay/", "/pay", "/pay/a/b", "/pay/%00"] {
        let answer = Answer::of(rig.http.get(rig.url(path)).send().await.unwrap()).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    let deleted = rig.http.delete(text(&session["url"])).send().await.unwrap();
    assert_eq!(deleted.status(), 405);
    assert_eq!(rig.session_again(&session).await["status"], "open");
}

#[tokio::test]
async fn a_dispute_goes_step_by_step() {
    let rig = Rig::new().await;
    let session = rig.session().await;
    rig.pay(&session, Way::Pay).await;
    let payment = id(&rig.session_again(&session).await["payment_intent"]);
    assert!(
        rig.bank
            .dispute(&payment, DisputeStage::FundsWithdrawn)
            .await
            .is_err(),
        "none is open"
    );
    let dispute = rig
        .bank
        .dispute(&payment, DisputeStage::Created)
        .await
        .expect("created");
    let path = format!("/v1/disputes/{}", id(&dispute));
    let amounts = async || {
        let dispute = rig.get(&path).await.good();
        let moves = dispute["balance_transactions"]
            .as_array()
            .expect("a list")
            .clone();
        moves
            .iter()
            .map(|moved| moved["amount"].as_i64().expect("a number"))
            .collect::<Vec<_>>()
    };
    assert_eq!(amounts().await, Vec::<i64>::new());
    assert!(
        rig.bank
            .dispute(&payment, DisputeStage::Created)
            .await
            .is_err(),
        "it is disputed already"
    );
    assert!(
        rig.bank
            .dispute(&payment, DisputeStage::FundsReinstated)
            .await
            .is_err(),
        "nothing was withdrawn"
    );
    rig.bank
        .dispute(&payment, DisputeStage::FundsWithdrawn)
        .await
        .expect("withdrawn");
    assert_eq!(amounts().await, [-2_500]);
    assert!(
        rig.bank
            .dispute(&payment, DisputeStage::FundsWithdrawn)
            .await
            .is_err(),
        "it is withdrawn already"
    );
    assert!(
        rig.bank.refund(&payment, None).await.is_err(),
        "a disputed charge is not paid back"
    );
    rig.bank
        .dispute(&payment, DisputeStage::FundsReinstated)
        .await
        .expect("reinstated");
    assert_eq!(amounts().await, [-2_500, 2_500]);
    rig.bank
        .dispute(&payment, DisputeStage::Won)
        .await
        .expect("won");
    let won = rig.get(&path).await.good();
    assert_eq!(
        (&won["status"], &won["payment_intent"]),
        (&"won".into(), &payment.clone().into())
    );
    assert!(
        rig.bank
            .dispute(&payment, DisputeStage::Lost)
            .await
            .is_err(),
        "it is over"
    );
    let types = rig.event_types().await;
    assert_eq!(
        types[4..],
        [
            "charge.dispute.created",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.funds_reinstated",
            "charge.dispute.closed"
        ]
    );
}
