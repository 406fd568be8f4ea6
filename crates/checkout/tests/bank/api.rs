//! Keys, errors, idempotency and pages of events.

use crate::rig::{Answer, KEY, Rig, SESSION, id, text};
use blazing_sun_checkout::bank::{Bank, BankError, BankOptions, Misbehaviour, Way};
use blazing_sun_checkout::secret::Secret;
use serde_json::Value;

const SESSIONS: &str = "/v1/checkout/sessions";

/// A session's parameters, one of them replaced or (by nothing) left out.
fn session_with<'a>(name: &'a str, value: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    let others = SESSION.iter().copied().filter(|(other, _)| *other != name);
    others.chain(value.map(|value| (name, value))).collect()
}

fn error(answer: &Answer) -> (u16, String, String, String) {
    let error = &answer.json()["error"];
    let of = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    assert!(!of("message").is_empty(), "{}", answer.text);
    (answer.status, of("type"), of("code"), of("param"))
}

fn told(status: u16, kind: &str, code: &str, param: &str) -> (u16, String, String, String) {
    (status, kind.to_owned(), code.to_owned(), param.to_owned())
}

const INVALID: &str = "invalid_request_error";

#[tokio::test]
async fn only_who_shows_the_key_is_answered() {
    let rig = Rig::new().await;
    let asked = async |authorization: Option<&str>| {
        let mut request = rig.http.get(rig.url("/v1/events"));
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        Answer::of(request.send().await.expect("an answer")).await
    };
    for bad in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer sk_test_other"),
        Some("Basic c2s6"),
        Some("Bearer sk_test_rigg"),
    ] {
        let answer = asked(bad).await;
        assert_eq!(error(&answer), told(401, INVALID, "", ""), "{bad:?}");
        assert!(
            !answer.text.contains("sk_test_other"),
            "a key is told to nobody"
        );
    }
    let live = asked(Some("Bearer sk_live_something")).await;
    assert!(
        live.text.contains("no live key") && !live.text.contains("something"),
        "{}",
        live.text
    );
    assert_eq!(asked(Some(&format!("Bearer {KEY}"))).await.status, 200);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_named() {
    let rig = Rig::new().await;
    let unit = "line_items[0][price_data][unit_amount]";
    let currency = "line_items[0][price_data][currency]";
    for (name, value, code, param) in [
        ("mode", None, "parameter_missing", "mode"),
        (
            "mode",
            Some("subscription"),
            "parameter_invalid_empty",
            "mode",
        ),
        ("surprise", Some("1"), "parameter_unknown", "surprise"),
        (
            "line_items[0][surprise]",
            Some("1"),
            "parameter_unknown",
            "line_items[0][surprise]",
        ),
        (unit, Some("12.5"), "parameter_invalid_integer", unit),
        (unit, None, "parameter_missing", unit),
        (unit, Some("-1"), "parameter_invalid_integer", "line_items"),
        (unit, Some("9223372036854775807"), "amount_too_large", ""),
        (unit, Some("49"), "amount_too_small", ""),
        (
            "line_items[0][quantity]",
            Some("9223372036854775807"),
            "amount_too_large",
            "",
        ),
        (
            currency,
            Some("euro"),
            "parameter_invalid_empty",
            "currency",
        ),
        ("success_url", None, "parameter_missing", "success_url"),
        (
            "success_url",
            Some("javascript:alert(1)"),
            "url_invalid",
            "success_url",
        ),
        (
            "success_url",
            Some("https://a.example/\r\nx: y"),
            "url_invalid",
            "success_url",
        ),
        ("cancel_url", Some("/relative"), "url_invalid", "cancel_url"),
        (
            "expires_at",
            Some("1"),
            "parameter_invalid_integer",
            "expires_at",
        ),
        (
            "metadata[k]",
            Some(&"v".repeat(501)),
            "parameter_invalid_string_too_long",
            "metadata[k]",
        ),
        (
            "expand[]",
            Some("amount_total"),
            "property_not_expandable",
            "expand",
        ),
        (
            "expand[]",
            Some("nothing"),
            "property_not_expandable",
            "expand",
        ),
    ] {
        let answer = rig.post(SESSIONS, &session_with(name, value), None).await;
        assert_eq!(
            error(&answer),
            told(400, INVALID, code, param),
            "{name}={value:?}: {}",
            answer.text
        );
    }
    assert_eq!(
        rig.get(SESSIONS).await.good()["data"],
        Value::Array(Vec::new()),
        "nothing was made"
    );
    for (path, param) in [
        ("/v1/checkout/sessions/cs_test_none", "session"),
        ("/v1/payment_intents/pi_none", "intent"),
        ("/v1/disputes/dp_none", "dispute"),
        ("/v1/refunds/re_none", "refund"),
        ("/v1/charges/ch_none", "id"),
        ("/v1/events/evt_none", "id"),
    ] {
        let answer = rig.get(path).await;
        assert_eq!(
            error(&answer),
            told(404, INVALID, "resource_missing", param),
            "{path}"
        );
    }
    for path in [
        "/v1/nothing",
        "/v2/events",
        "/",
        "/v1/checkout/sessions/cs_1/more",
    ] {
        assert_eq!(
            error(&rig.get(path).await),
            told(404, INVALID, "", ""),
            "{path}"
        );
    }
    let refund = rig
        .post("/v1/refunds", &[("payment_intent", "pi_none")], None)
        .await;
    assert_eq!(
        error(&refund),
        told(404, INVALID, "resource_missing", "payment_intent")
    );
}

#[tokio::test]
async fn the_same_key_is_answered_the_same_over_a_restart() {
    let rig = Rig::new().await;
    let first = rig.post(SESSIONS, SESSION, Some("key-1")).await;
    assert_eq!(
        (first.status, first.header("idempotent-replayed")),
        (200, None)
    );
    let mut reversed = SESSION.to_vec();
    reversed.reverse();
    let again = rig.post(SESSIONS, &reversed, Some("key-1")).await;
    assert_eq!((again.status, &again.text), (200, &first.text));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("original-request"), first.header("request-id"));
    assert_eq!(again.header("idempotency-key"), Some("key-1"));
    let rig = rig.restarted().await;
    let again = rig.post(SESSIONS, SESSION, Some("key-1")).await;
    // The bank has another address now; what was answered has not.
    assert_eq!((again.status, &again.text), (200, &first.text));

    let other = rig
        .post(
            SESSIONS,
            &session_with("client_reference_id", Some("8")),
            Some("key-1"),
        )
        .await;
    assert_eq!(error(&other), told(400, "idempotency_error", "", ""));
    let elsewhere = rig
        .post("/v1/refunds", &[("payment_intent", "pi_1")], Some("key-1"))
        .await;
    assert_eq!(error(&elsewhere), told(400, "idempotency_error", "", ""));
    let other_key = rig.post(SESSIONS, SESSION, Some("key-2")).await;
    assert_ne!(id(&other_key.good()), id(&first.good()));
    assert_eq!(
        rig.get(SESSIONS).await.good()["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    rig.pass(24 * 60 * 60 + 1);
    let anew = rig.post(SESSIONS, SESSION, Some("key-1")).await;
    assert_eq!(anew.header("idempotent-replayed"), None);
    assert_ne!(id(&anew.good()), id(&first.good()));
}

#[tokio::test]
async fn an_answer_is_kept_only_of_what_was_carried_out() {
    let rig = Rig::new().await;
    let malformed = rig
        .post(SESSIONS, &session_with("mode", None), Some("key"))
        .await;
    assert_eq!(malformed.status, 400);
    let session = rig.post(SESSIONS, SESSION, Some("key")).await.good();
    rig.pay(&session, Way::Pay).await;
    let path = format!("{SESSIONS}/{}/expire", id(&session));
    let refused = rig.post(&path, &[], Some("expire")).await;
    assert_eq!(error(&refused), told(400, INVALID, "", ""));
    let again = rig.post(&path, &[], Some("expire")).await;
    assert_eq!(
        (&again.text, again.header("idempotent-replayed")),
        (&refused.text, Some("true"))
    );
    assert_eq!(
        rig.post(SESSIONS, SESSION, Some(&"k".repeat(256)))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn a_500_after_the_effect_is_the_answer_from_then_on() {
    let rig = Rig::new().await;
    let always = Misbehaviour {
        error_500_after_effect: 1.0,
        ..Misbehaviour::default()
    };
    rig.bank.misbehave(always).await.expect("told");
    let failed = rig.post(SESSIONS, SESSION, Some("key")).await;
    assert_eq!(error(&failed), told(500, "api_error", "", ""));
    assert_eq!(
        rig.get(SESSIONS).await.good()["data"]
            .as_array()
            .unwrap()
            .len(),
        1,
        "it had its effect"
    );
    rig.bank
        .misbehave(Misbehaviour::default())
        .await
        .expect("told");
    let rig = rig.restarted().await;
    let again = rig.post(SESSIONS, SESSION, Some("key")).await;
    assert_eq!(
        (again.status, again.header("idempotent-replayed")),
        (500, Some("true"))
    );
    assert_eq!(
        rig.get(SESSIONS).await.good()["data"]
            .as_array()
            .unwrap()
            .len(),
        1,
        "and had it once"
    );
}

#[tokio::test]
async fn refunds_add_up_to_the_payment_and_no_further() {
    let rig = Rig::new().await;
    let session = rig.session().await;
    rig.pay(&session, Way::Pay).await;
    let payment = id(&rig.session_again(&session).await["payment_intent"]);
    let refund = async |amount: Option<&str>| {
        let mut form = vec![("payment_intent", payment.as_str())];
        form.extend(amount.map(|amount| ("amount", amount)));
        rig.post("/v1/refunds", &form, None).await
    };
    assert_eq!(refund(Some("1000")).await.good()["amount"], 1_000);
    let charge = rig.session_again(&session).await["payment_intent"]["latest_charge"].clone();
    assert_eq!(
        (&charge["amount_refunded"], &charge["refunded"]),
        (&1_000.into(), &false.into())
    );
    assert_eq!(
        error(&refund(Some("1501")).await),
        told(400, INVALID, "amount_too_large", "amount")
    );
    assert_eq!(
        error(&refund(Some("0")).await),
        told(400, INVALID, "parameter_invalid_integer", "amount")
    );
    assert_eq!(refund(None).await.good()["amount"], 1_500);
    assert_eq!(
        error(&refund(None).await),
        told(400, INVALID, "charge_already_refunded", "")
    );
    let charge = rig.session_again(&session).await["payment_intent"]["latest_charge"].clone();
    assert_eq!(
        (&charge["amount_refunded"], &charge["refunded"]),
        (&2_500.into(), &true.into())
    );
}

#[tokio::test]
async fn events_come_in_pages_the_newest_first() {
    let rig = Rig::new().await;
    for _ in 0..5 {
        let session = rig.session().await;
        rig.bank.expire(&id(&session)).await.expect("expired");
    }
    let paid = rig.session().await;
    rig.pay(&paid, Way::Pay).await;
    let all = rig.get("/v1/events?limit=100").await.good();
    let all: Vec<String> = all["data"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(all.len(), 9);
    let mut seen: Vec<String> = Vec::new();
    let mut path = "/v1/events?limit=4".to_owned();
    loop {
        let page = rig.get(&path).await.good();
        let ids: Vec<String> = page["data"].as_array().unwrap().iter().map(id).collect();
        seen.extend(ids.clone());
        if page["has_more"] == false {
            break;
        }
        assert_eq!(ids.len(), 4);
        path = format!("/v1/events?limit=4&starting_after={}", ids.last().unwrap());
    }
    assert_eq!(seen, all);
    let before = rig
        .get(&format!("/v1/events?limit=2&ending_before={}", all[4]))
        .await
        .good();
    let before: Vec<String> = before["data"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(before, all[2..4]);

    let of = async |query: &str| {
        let page = rig
            .get(&format!("/v1/events?limit=100&{query}"))
            .await
            .good();
        let events = page["data"].as_array().unwrap();
        events
            .iter()
            .map(|event| text(&event["type"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(of("type=checkout.session.expired").await.len(), 5);
    assert_eq!(of("type=charge.*").await, ["charge.succeeded"]);
    let both = "types[]=charge.succeeded&types[]=checkout.session.completed";
    assert_eq!(
        of(both).await,
        ["checkout.session.completed", "charge.succeeded"]
    );
    assert_eq!(of("created[gte]=1&created[lt]=99999999999").await.len(), 9);
    assert_eq!(of("created[gt]=99999999999").await.len(), 0);
    for bad in [
        "limit=0",
        "limit=101",
        "limit=x",
        "starting_after=evt_none",
        "created[near]=1",
        "type=a&types[]=b",
    ] {
        assert_eq!(
            rig.get(&format!("/v1/events?{bad}")).await.status,
            400,
            "{bad}"
        );
    }
}

#[tokio::test]
async fn an_event_tells_how_things_were_then_and_who_asked() {
    let rig = Rig::new().await;
    let session = rig.session().await;
    let path = format!("{SESSIONS}/{}/expire", id(&session));
    let answer = rig.post(&path, &[], Some("the-key")).await;
    let events = rig.get("/v1/events").await.good();
    let event = &events["data"][0];
    assert_eq!(event["type"], "checkout.session.expired");
    assert_eq!(event["data"]["object"]["id"], session["id"]);
    assert_eq!(event["data"]["object"]["status"], "expired");
    assert_eq!(event["request"]["idempotency_key"], "the-key");
    assert_eq!(event["request"]["id"], answer.header("request-id").unwrap());
    assert_eq!(event["livemode"], false);
}

#[tokio::test]
async fn it_listens_on_this_machine_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = BankOptions::new(folder.path().join("bank.sqlite3"), Secret::new(KEY));
    for address in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"] {
        options.listen = address.parse().unwrap();
        let refused = Bank::start(options.clone()).await;
        assert!(
            matches!(refused, Err(BankError::NotLoopback(_))),
            "{address}"
        );
    }
    options.listen = "127.0.0.1:0".parse().unwrap();
    for url in [
        "https://127.0.0.1/x",
        "http://play.example/x",
        "http://127.0.0.1.example/",
        "x",
    ] {
        options.webhook_url = Some(url.to_owned());
        let refused = Bank::start(options.clone()).await;
        assert!(matches!(refused, Err(BankError::WebhookUrl(_))), "{url}");
    }
    options.webhook_url = None;
    let bank = Bank::start(options.clone()).await.expect("a bank");
    assert!(bank.address().ip().is_loopback());
    options.listen = bank.address();
    options.database = folder.path().join("other.sqlite3");
    let taken = Bank::start(options.clone()).await;
    assert!(matches!(taken, Err(BankError::Listen { .. })));
    options.listen = "127.0.0.1:0".parse().unwrap();
    options.database = folder.path().join("none/bank.sqlite3");
    let nowhere = Bank::start(options).await;
    let complaint = nowhere.err().expect("no folder").to_string();
    assert!(complaint.contains("none/bank.sqlite3"), "{complaint}");
}
