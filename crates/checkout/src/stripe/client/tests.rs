use super::*;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// What the provider answers next, the last for ever; and what it was asked.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Scripted>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[derive(Clone)]
enum Scripted {
    Status(u16, &'static [(&'static str, &'static str)], &'static str),
    Silence,
}

#[derive(Debug, Clone)]
struct Asked {
    line: String,
    headers: HeaderMap,
    body: String,
}

async fn answer(State(script): State<Script>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    script.asked.lock().unwrap().push(Asked {
        line: format!("{} {}", head.method, head.uri),
        headers: head.headers,
        body: String::from_utf8(body.into()).unwrap(),
    });
    let scripted = {
        let mut answers = script.answers.lock().unwrap();
        match answers.len() {
            0 | 1 => answers.front().cloned(),
            _ => answers.pop_front(),
        }
    };
    match scripted {
        Some(Scripted::Status(status, headers, body)) => {
            let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
            for (name, value) in headers {
                response.headers_mut().insert(*name, value.parse().unwrap());
            }
            response
        }
        Some(Scripted::Silence) | None => std::future::pending().await,
    }
}

async fn provider(answers: &[Scripted]) -> (StripeClient, Script) {
    let script = Script::default();
    script
        .answers
        .lock()
        .unwrap()
        .extend(answers.iter().cloned());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(answer).with_state(script.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (client(&format!("http://{address}")), script)
}

fn client(api_base: &str) -> StripeClient {
    let retries = RetryPolicy {
        retries_max: 2,
        pause: Duration::from_millis(1),
        pause_max: Duration::from_millis(2),
    };
    StripeClient::new(&StripeOptions {
        api_base: api_base.to_owned(),
        timeout: Duration::from_millis(500),
        retries,
        ..StripeOptions::new(Secret::new("sk_test_secret"))
    })
    .unwrap()
}

fn new_session() -> NewSession {
    NewSession {
        request_id: Uuid::from_u128(7),
        user_id: UserId::new(123).unwrap(),
        amount: Cents(2_500),
        currency: "eur".to_owned(),
        product_name: "Top-up".to_owned(),
        success_url: "https://play.example/ok?s={CHECKOUT_SESSION_ID}".to_owned(),
        cancel_url: None,
        expires_at_s: 1_700_003_600,
    }
}

const SESSION: &str = r#"{"id":"cs_1","object":"checkout.session","status":"open",
    "payment_status":"unpaid","amount_total":2500,"currency":"eur","livemode":false,
    "url":"https://pay.example/cs_1","new":1}"#;
const BROKEN: &str = r#"{"error":{"type":"api_error","message":"Something is broken"}}"#;

#[tokio::test]
async fn a_session_is_asked_for_with_all_that_names_it() {
    let (client, script) = provider(&[Scripted::Status(200, &[], SESSION)]).await;
    let session = client.create_session(&new_session(), "bs-7").await.unwrap();
    assert_eq!(
        (session.object.id.as_str(), session.raw.as_str()),
        ("cs_1", SESSION)
    );
    let asked = script.asked.lock().unwrap()[0].clone();
    assert_eq!(asked.line, "POST /v1/checkout/sessions");
    let header = |name: &str| asked.headers[name].to_str().unwrap();
    assert_eq!(header("authorization"), "Bearer sk_test_secret");
    assert_eq!(header("stripe-version"), STRIPE_VERSION);
    assert_eq!(header("idempotency-key"), "bs-7");
    assert_eq!(header("content-type"), "application/x-www-form-urlencoded");
    let mut pairs: Vec<String> = form_urlencoded::parse(asked.body.as_bytes())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.sort();
    let id = "00000000-0000-0000-0000-000000000007";
    let expected = [
        &format!("client_reference_id={id}"),
        "expires_at=1700003600",
        "line_items[0][price_data][currency]=eur",
        "line_items[0][price_data][product_data][name]=Top-up",
        "line_items[0][price_data][unit_amount]=2500",
        "line_items[0][quantity]=1",
        &format!("metadata[request_id]={id}"),
        "metadata[user_id]=123",
        "mode=payment",
        &format!("payment_intent_data[metadata][request_id]={id}"),
        "payment_intent_data[metadata][user_id]=123",
        "success_url=https://play.example/ok?s={CHECKOUT_SESSION_ID}",
    ];
    assert_eq!(pairs, expected);
    assert_eq!(
        format!("{client:?}"),
        format!("StripeClient({})", client.transport.base())
    );
}

#[tokio::test]
async fn what_passes_is_tried_again_with_the_same_key() {
    for passing in [
        Scripted::Status(500, &[], BROKEN),
        Scripted::Status(503, &[], "<html>"),
        Scripted::Status(429, &[("retry-after", "0")], "{}"),
        Scripted::Status(409, &[], "{}"),
        Scripted::Status(400, &[("stripe-should-retry", "true")], "{}"),
        Scripted::Status(200, &[], "{\"id\":"),
        Scripted::Silence,
    ] {
        let answers = [
            passing.clone(),
            passing,
            Scripted::Status(200, &[], SESSION),
        ];
        let (client, script) = provider(&answers).await;
        let session = client.create_session(&new_session(), "bs-7").await.unwrap();
        assert_eq!(session.object.id, "cs_1");
        let asked = script.asked.lock().unwrap();
        assert_eq!(asked.len(), 3);
        assert!(asked.iter().all(|one| one.body == asked[0].body));
        assert!(
            asked
                .iter()
                .all(|one| one.headers["idempotency-key"] == "bs-7")
        );
    }
}

#[tokio::test]
async fn tries_are_bounded_and_told_by_what_may_have_happened() {
    let (posts, script) = provider(&[Scripted::Status(500, &[], BROKEN)]).await;
    let error = posts
        .create_session(&new_session(), "bs-7")
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            StripeError::Ambiguous {
                is_final: false,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("Something is broken"), "{error}");
    assert_eq!(script.asked.lock().unwrap().len(), 3);
    let error = posts.retrieve_session("cs_1").await.unwrap_err();
    assert!(matches!(error, StripeError::Retryable { .. }), "{error:?}");

    let nobody = client("http://127.0.0.1:1");
    let error = nobody
        .create_session(&new_session(), "bs-7")
        .await
        .unwrap_err();
    assert!(
        matches!(error, StripeError::Retryable { .. }),
        "never sent: {error:?}"
    );
}

#[tokio::test]
async fn what_stays_is_not_tried_again() {
    const REFUSED: &str = r#"{"error":{"type":"invalid_request_error","code":"amount_too_small",
        "param":"line_items","message":"At least 50 cents"}}"#;
    let cases: [(Scripted, fn(&StripeError) -> bool); 4] = [
        (Scripted::Status(400, &[], REFUSED), |error| {
            matches!(error, StripeError::Refused { status: 400, code: Some(code), message, .. }
                if code == "amount_too_small" && message == "At least 50 cents")
        }),
        (Scripted::Status(404, &[], "{}"), StripeError::is_missing),
        (
            Scripted::Status(500, &[("idempotent-replayed", "true")], BROKEN),
            |error| matches!(error, StripeError::Ambiguous { is_final: true, .. }),
        ),
        (
            Scripted::Status(500, &[("stripe-should-retry", "false")], BROKEN),
            |error| matches!(error, StripeError::Ambiguous { is_final: true, .. }),
        ),
    ];
    for (answer, is_expected) in cases {
        let (client, script) = provider(&[answer]).await;
        let error = client
            .create_session(&new_session(), "bs-7")
            .await
            .unwrap_err();
        assert!(is_expected(&error), "{error:?}");
        assert_eq!(script.asked.lock().unwrap().len(), 1, "{error}");
    }
}

#[tokio::test]
async fn reads_ask_for_what_they_need() {
    let (client, script) = provider(&[Scripted::Status(404, &[], "{}")]).await;
    let _ = client.retrieve_session("cs_1").await;
    let _ = client.retrieve_payment_intent("pi_1").await;
    let _ = client.retrieve_dispute("dp_1").await;
    let _ = client.expire_session("cs_1", "bs-7-expire").await;
    let kinds = ["checkout.session.completed", "charge.refunded"];
    let filter = EventFilter {
        kinds: &kinds,
        created_from_s: 5,
        before: Some("evt_9".to_owned()),
    };
    let _ = client.list_events(&filter).await;
    let asked = script.asked.lock().unwrap().clone();
    let lines: Vec<&str> = asked.iter().map(|asked| asked.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "GET /v1/checkout/sessions/cs_1?expand%5B0%5D=payment_intent.latest_charge",
            "GET /v1/payment_intents/pi_1?expand%5B0%5D=latest_charge",
            "GET /v1/disputes/dp_1",
            "POST /v1/checkout/sessions/cs_1/expire",
            "GET /v1/events?created%5Bgte%5D=5&limit=100&starting_after=evt_9\
             &types%5B0%5D=checkout.session.completed&types%5B1%5D=charge.refunded",
        ]
    );
    for bad in ["../events", "", "cs_1/expire"] {
        let error = client.retrieve_session(bad).await.unwrap_err();
        assert!(matches!(error, StripeError::InvalidId(_)), "{error:?}");
    }
    assert_eq!(script.asked.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn events_come_with_their_text() {
    const PAGE: &str = r#"{"object":"list","has_more":true,"data":[{"id":"evt_2","type":"x","created":2,
        "livemode":false,"data":{"object":{"id":"cs_1","odd":[1]}}}]}"#;
    let (client, _) = provider(&[Scripted::Status(200, &[], PAGE)]).await;
    let page = client.list_events(&EventFilter::default()).await.unwrap();
    assert!(page.has_more);
    assert_eq!(
        page.events[0].object.data.object.id.as_deref(),
        Some("cs_1")
    );
    assert_eq!(
        (page.unreadable, page.last.as_deref()),
        (vec![], Some("evt_2"))
    );
    assert!(
        page.events[0].raw.starts_with(r#"{"id":"evt_2""#) && page.events[0].raw.contains("odd")
    );
}

#[tokio::test]
async fn an_event_that_can_not_be_read_keeps_none_of_the_others_from_being_read() {
    const PAGE: &str = r#"{"data":[
        {"id":"evt_3","type":7},
        {"id":"evt_2","type":"x","created":2,"livemode":false,"data":{"object":{"id":"cs_1"}}},
        [], {"id":"evt_1"}]}"#;
    let (client, _) = provider(&[Scripted::Status(200, &[], PAGE)]).await;
    let page = client.list_events(&EventFilter::default()).await.unwrap();
    let read: Vec<&str> = page
        .events
        .iter()
        .map(|event| event.object.id.as_str())
        .collect();
    assert_eq!(read, ["evt_2"]);
    let ids: Vec<Option<&str>> = page
        .unreadable
        .iter()
        .map(|(id, _)| id.as_deref())
        .collect();
    assert_eq!(ids, [Some("evt_3"), None, Some("evt_1")]);
    assert_eq!(page.last.as_deref(), Some("evt_1"));
}
