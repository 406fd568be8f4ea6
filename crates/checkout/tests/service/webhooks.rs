//! Who is believed.

use crate::rig::{Rig, SECRET, until};
use blazing_sun_checkout::bank::DisputeStage;
use blazing_sun_checkout::secret::Secret;
use blazing_sun_checkout::store::{EventSource, NewEvent};
use blazing_sun_checkout::webhook::{BODY_BYTES_MAX, signature};
use blazing_sun_domain::Millis;
use reqwest::Response;
use serde_json::{Value, json};
use std::time::Duration;

fn event(id: &str) -> String {
    json!({
        "id": id, "object": "event", "type": "checkout.session.completed", "created": 1, "livemode": false,
        "data": { "object": { "id": "cs_test_nowhere" } },
    })
    .to_string()
}

fn signed(secret: &str, body: &str, at: Millis) -> String {
    signature::header(&[Secret::new(secret)], body.as_bytes(), at)
}

async fn send(rig: &Rig, header: Option<&str>, body: impl Into<reqwest::Body>) -> Response {
    let request = reqwest::Client::new().post(&rig.webhook_url).body(body);
    let request = match header {
        Some(header) => request.header(signature::HEADER, header),
        None => request,
    };
    request.send().await.unwrap()
}

async fn refused(rig: &Rig, header: Option<&str>, body: impl Into<reqwest::Body>) -> (u16, String) {
    let answer = send(rig, header, body).await;
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["status"], status);
    (status, problem["code"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_believed_without_the_secret_the_time_and_these_bytes() {
    let mut rig = Rig::new().await;
    let (body, now) = (event("evt_1"), rig.now());
    let good = signed(SECRET, &body, now);
    let other = signed("whsec_other", &body, now);
    let stale = signed(SECRET, &body, now.plus(-301_000));
    let early = signed(SECRET, &body, now.plus(310_000));
    let edge = signed(SECRET, &body, now.plus(-290_000));
    let invalid = (400, "invalid_signature".to_owned());
    for header in [
        None,
        Some(""),
        Some("t=1,v1=zz"),
        Some(&other),
        Some(&stale),
        Some(&early),
    ] {
        assert_eq!(
            refused(&rig, header, body.clone()).await,
            invalid,
            "{header:?}"
        );
    }
    let changed = body.replace("nowhere", "elsewhere");
    assert_eq!(refused(&rig, Some(&good), changed).await, invalid);
    assert_eq!(
        refused(&rig, Some(&good), format!("{body} ")).await,
        invalid
    );
    for header in [&good, &edge] {
        assert_eq!(
            send(&rig, Some(header), body.clone()).await.status(),
            200,
            "{header}"
        );
    }
    // Whatever is taken names a session that the provider does not know: it was taken once.
    rig.letter(1).await;
    rig.until_idle().await;
    assert_eq!(rig.letters().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_event_is_refused_whoever_sends_it() {
    let rig = Rig::new().await;
    for body in [
        "",
        "[]",
        "{",
        "null",
        r#"{"id":"evt_1"}"#,
        &event("evt/../1"),
        &event(""),
        &event(&"a".repeat(300)),
        &event("evt_1").replace("\"checkout.", &format!("\"{}.", "a".repeat(200))),
    ] {
        let header = signed(SECRET, body, rig.now());
        let (status, code) = refused(&rig, Some(&header), body.to_owned()).await;
        assert_eq!((status, code.as_str()), (400, "invalid_event"), "{body}");
    }
    let bytes = b"\xff\xfe".to_vec();
    let header = signature::header(&[Secret::new(SECRET)], &bytes, rig.now());
    assert_eq!(refused(&rig, Some(&header), bytes).await.1, "invalid_event");

    let large = " ".repeat(BODY_BYTES_MAX + 1);
    let header = signed(SECRET, &large, rig.now());
    let too_large = (413, "payload_too_large".to_owned());
    assert_eq!(refused(&rig, Some(&header), large).await, too_large);
    let fits = format!(
        "{}{}",
        event("evt_2"),
        " ".repeat(BODY_BYTES_MAX - event("evt_2").len())
    );
    let header = signed(SECRET, &fits, rig.now());
    assert_eq!(send(&rig, Some(&header), fits).await.status(), 200);
    assert_eq!(reqwest::get(&rig.webhook_url).await.unwrap().status(), 405);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_is_the_same_event() {
    let mut rig = Rig::new().await;
    let payment = rig.paid(1).await;
    rig.until_idle().await;
    let before = rig.told(1).await.len();
    // What came before, rightly signed again.
    let body = json!({
        "id": "evt_again", "type": "checkout.session.completed", "created": 1, "livemode": false,
        "data": { "object": { "id": rig.told(1).await[0].session_id } },
    })
    .to_string();
    for _ in 0..3 {
        let header = signed(SECRET, &body, rig.now());
        assert_eq!(send(&rig, Some(&header), body.clone()).await.status(), 200);
    }
    rig.until_idle().await;
    assert_eq!(rig.told(1).await.len(), before, "{payment}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_forgotten_and_comes_again_changes_nothing() {
    let day = Duration::from_secs(86_400);
    let mut rig = Rig::new().await;
    // From the newest event in it the list is read again, and what was forgotten would come in by it.
    let is_listed = || async { rig.store.mark("events_listed_s").await.unwrap().is_some() };
    until("the list is read while it is empty", is_listed).await;
    let payment = rig.paid(1).await;
    rig.bank().refund(&payment, Some(500)).await.unwrap();
    rig.until_told(1, "refunded").await;
    for stage in [DisputeStage::Created, DisputeStage::Lost] {
        rig.bank().dispute(&payment, stage).await.unwrap();
    }
    rig.until_idle().await;
    let count = async |rig: &Rig| {
        // What is there already is not added.
        let list = rig.ask_bank("events?limit=100").await;
        let listed = list["data"].as_array().unwrap().iter();
        let events = listed.map(|event| NewEvent {
            event_id: event["id"].as_str().unwrap().to_owned(),
            kind: event["type"].as_str().unwrap().to_owned(),
            body: event.to_string(),
            source: EventSource::Listed,
            received_at: rig.now(),
        });
        let events: Vec<NewEvent> = events.collect();
        (
            events.len() as u64,
            rig.store.add_events(events).await.unwrap(),
        )
    };
    let (all, missing) = count(&rig).await;
    rig.until_idle().await;
    assert!(all > missing, "{missing} of {all} were not known");
    let before = rig.told(1).await.len();
    rig.move_on(34 * day);
    rig.until_idle().await;
    assert_eq!(count(&rig).await, (all, 0));
    rig.move_on(3 * day);
    let file = rusqlite::Connection::open(rig.folder.path().join("checkout.sqlite3")).unwrap();
    let kept = || -> i64 {
        let kept = "SELECT count(*) FROM provider_event";
        file.query_row(kept, [], |row| row.get(0)).unwrap()
    };
    until("they are forgotten", || async { kept() == 0 }).await;
    assert_eq!(count(&rig).await, (all, all));
    rig.until_idle().await;
    assert_eq!(rig.told(1).await.len(), before);
    assert_eq!(rig.letters().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_by_a_clock_that_is_ahead_waits_for_nobodys() {
    let mut rig = Rig::new().await;
    let ahead = NewEvent {
        event_id: "evt_ahead".to_owned(),
        kind: "checkout.session.completed".to_owned(),
        body: event("evt_ahead"),
        source: EventSource::Webhook,
        received_at: rig.now().plus(300_000),
    };
    rig.store.add_events(vec![ahead]).await.unwrap();
    let letter = rig.letter(1).await;
    assert!(letter.contains("evt_ahead"), "{letter}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_provider_does_not_know_is_put_aside() {
    let mut rig = Rig::new().await;
    let live = event("evt_2").replace(r#""livemode":false"#, r#""livemode":true"#);
    let bad_id = event("evt_3").replace("cs_test_nowhere", "../payouts");
    for (at, body, names) in [
        (1, event("evt_1"), "refused it with 404"),
        (2, live, "livemode is true"),
        (3, bad_id, "is no id"),
    ] {
        let header = signed(SECRET, &body, rig.now());
        assert_eq!(send(&rig, Some(&header), body.clone()).await.status(), 200);
        let letter = rig.letter(at).await;
        assert!(letter.contains(names), "{letter}");
    }
    // Others' events on the same account are nobody's concern.
    let other = event("evt_4").replace("checkout.session.completed", "invoice.paid");
    let header = signed(SECRET, &other, rig.now());
    assert_eq!(send(&rig, Some(&header), other).await.status(), 200);
    rig.until_idle().await;
    assert_eq!(rig.letters().await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_has_failed_is_for_people() {
    let mut rig = Rig::new().await;
    let payment = rig.paid(1).await;
    rig.until_idle().await;
    let body = json!({
        "id": "evt_failed", "type": "refund.failed", "created": 1, "livemode": false,
        "data": { "object": { "id": "re_1", "payment_intent": payment } },
    })
    .to_string();
    let header = signed(SECRET, &body, rig.now());
    assert_eq!(send(&rig, Some(&header), body).await.status(), 200);
    let letter = rig.letter(1).await;
    assert!(letter.contains("has failed"), "{letter}");
    rig.until_idle().await;
    assert_eq!(rig.statuses(1).await, ["session_created", "success"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_waits_for_a_provider_that_is_away() {
    let mut rig = Rig::new().await;
    let session = rig.opened(1).await;
    rig.bank.take().unwrap().shutdown().await;
    let body = event("evt_1").replace("cs_test_nowhere", &session);
    let header = signed(SECRET, &body, rig.now());
    assert_eq!(send(&rig, Some(&header), body).await.status(), 200);
    let tried = || async {
        let due = rig
            .store
            .due_events(rig.now().plus(600_000), 9)
            .await
            .unwrap();
        due.iter().any(|event| event.attempts > 2)
    };
    until("it was tried more than twice", tried).await;
    rig.open_bank().await;
    rig.until_idle().await;
    assert_eq!(rig.letters().await, 0);
}
