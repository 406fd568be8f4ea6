//! Providers that are away, clocks that differ, and a log that has lost what was read.

use crate::rig::{GAME, Rig, until};
use axum::Router;
use axum::http::StatusCode;
use blazing_sun_backbone::log::memory::MemoryLog;
use blazing_sun_backbone::log::{EventLog, Headers, NewRecord, Topic};
use blazing_sun_backbone::messages::CheckoutFinished;
use blazing_sun_backbone::topics;
use blazing_sun_checkout::Checkout;
use blazing_sun_checkout::bank::{DisputeStage, Misbehaviour, Way};
use blazing_sun_domain::Cents;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);
pub const DROP_ALL: Misbehaviour = Misbehaviour {
    drop: 1.0,
    seed: 0,
    duplicates: 0.0,
    reorder: 0.0,
    delay_ms: 0,
    error_500_after_effect: 0.0,
    rotate_secret: 0.0,
    forge_signature: 0.0,
    stale_signature: 0.0,
    wrong_amount: 0.0,
    wrong_currency: 0.0,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_webhooks_are_listed_however_many_they_are() {
    const PAYMENTS: u128 = 40;
    let mut rig = Rig::new().await;
    for id in 1..=PAYMENTS {
        rig.ask(&rig.request(id, 2_500)).await;
    }
    let mut payments = Vec::new();
    for id in 1..=PAYMENTS {
        let told = rig.until_told(id, "session_created").await;
        rig.pay(&told.session_id.unwrap(), Way::Pay).await;
    }
    for id in 1..=PAYMENTS {
        let told = rig.until_told(id, "success").await;
        payments.push(told.payment_intent_id.unwrap());
    }
    rig.misbehave(DROP_ALL).await;
    // Three events each.
    for payment in &payments {
        rig.bank().refund(payment, Some(500)).await.unwrap();
        let created = DisputeStage::Created;
        rig.bank().dispute(payment, created).await.unwrap();
    }
    rig.until_idle().await;
    let listed = rig.ask_bank("events?limit=100").await;
    assert_eq!(listed["has_more"], true);
    rig.move_on(HOUR + HOUR / 60);
    for id in 1..=PAYMENTS {
        rig.until_told(id, "refunded").await;
        rig.until_told(id, "disputed").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_was_put_back_delays_no_list() {
    let mut rig = Rig::new().await;
    let payment = rig.paid(1).await;
    rig.until_idle().await;
    let listed = |rig: &Rig| {
        let store = Arc::clone(&rig.store);
        async move { store.mark("events_listed_s").await.unwrap() }
    };
    until("it was listed", || async { listed(&rig).await.is_some() }).await;
    let soon = listed(&rig).await.unwrap() + 3_600;
    rig.move_on(48 * HOUR);
    until("it was listed in the future", || async {
        listed(&rig).await > Some(soon)
    })
    .await;
    rig.move_back(48 * HOUR);
    until("it was listed again", || async {
        listed(&rig).await < Some(soon)
    })
    .await;
    rig.misbehave(DROP_ALL).await;
    rig.bank().refund(&payment, Some(500)).await.unwrap();
    rig.move_on(HOUR + HOUR / 60);
    rig.until_told(1, "refunded").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_far_ahead_of_the_provider_s_loses_nothing() {
    let mut rig = Rig::new().await;
    // All webhooks are too old by it.
    rig.get_ahead(3 * HOUR);
    let session = rig.opened(1).await;
    rig.pay(&session, Way::Pay).await;
    rig.move_on(Duration::from_secs(125));
    let payment = rig.until_told(1, "success").await.payment_intent_id;
    rig.move_on(HOUR + HOUR / 60);
    rig.until_idle_but_webhooks().await;
    rig.bank()
        .refund(&payment.unwrap(), Some(500))
        .await
        .unwrap();
    rig.move_on(HOUR + HOUR / 60);
    rig.until_told(1, "refunded").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_over_is_not_asked_for_again() {
    let asked = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&asked);
    let provider = Router::new().fallback(move || {
        counts.fetch_add(1, Ordering::SeqCst);
        async { StatusCode::SERVICE_UNAVAILABLE }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api_base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, provider).await });
    let mut rig = Rig::with(move |options| {
        options.stripe.api_base.clone_from(&api_base);
        options.pace.list_every = 1_000 * HOUR;
    })
    .await;
    rig.store
        .set_mark("events_listed_s", rig.now().0 / 1000)
        .await
        .unwrap();
    rig.ask(&rig.request(1, 2_500)).await;
    let tries = || async {
        rig.payment(1)
            .await
            .is_some_and(|payment| payment.attempts > 2)
    };
    until("it was asked for", tries).await;
    rig.stop().await;
    let before = asked.load(Ordering::SeqCst);
    // By now the provider would take the key for a new one.
    rig.move_on(25 * HOUR);
    rig.start();
    rig.until_told(1, "expired").await;
    assert_eq!(asked.load(Ordering::SeqCst), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hours_without_the_provider_lose_no_payment() {
    let mut rig = Rig::new().await;
    rig.misbehave(DROP_ALL).await;
    let session = rig.opened(1).await;
    rig.pay(&session, Way::Pay).await;
    rig.until_idle().await;
    rig.bank.take().unwrap().shutdown().await;
    for _ in 0..12 {
        let before = rig.payment(1).await.unwrap().due_at;
        rig.move_on(HOUR / 2);
        let looked = || async { rig.payment(1).await.unwrap().due_at > before };
        until("it was looked for in vain", looked).await;
    }
    let due_at = rig.payment(1).await.unwrap().due_at.unwrap();
    assert!(due_at.0 - rig.now().0 < HOUR.as_millis() as i64);
    rig.open_bank().await;
    rig.move_on(HOUR);
    rig.until_told(1, "success").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_provider_has_forgotten_is_not_waited_for_for_ever() {
    let mut rig = Rig::new().await;
    rig.opened(1).await;
    rig.bank.take().unwrap().shutdown().await;
    for file in ["bank.sqlite3", "bank.sqlite3-wal", "bank.sqlite3-shm"] {
        let _ = std::fs::remove_file(rig.folder.path().join(file));
    }
    rig.open_bank().await;
    rig.move_on(2 * HOUR);
    rig.opened(2).await;
    assert_eq!(rig.statuses(1).await, ["session_created"]);
    rig.move_on(24 * HOUR);
    let failed = rig.until_told(1, "failed").await;
    assert!(failed.error_message.unwrap().contains("knows nothing"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_has_lost_what_was_read_is_read_again() {
    let mut rig = Rig::new().await;
    for id in 1..=5 {
        rig.opened(id).await;
    }
    rig.stop().await;
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::default());
    let specs = topics::all(&[GAME], topics::DEFAULT_PARTITIONS);
    log.ensure_topics(&specs).await.unwrap();
    let put = |id: u128| {
        let (log, request) = (Arc::clone(&log), rig.request(id, 2_500));
        async move {
            let record = NewRecord {
                topic: Topic::new(topics::CHECKOUT_REQUESTS),
                partition: None,
                key: request.user_id.to_string().into_bytes().into(),
                headers: Headers::default(),
                payload: serde_json::to_vec(&request).unwrap().into(),
            };
            log.append_and_wait(vec![record]).await.unwrap();
        }
    };
    put(6).await;
    let start = || {
        let (log, store) = (Arc::clone(&log), Arc::clone(&rig.store));
        Checkout::start(rig.options(), log, store).unwrap()
    };
    let is_asked = |id| {
        let rig = &rig;
        move || async move {
            rig.payment(id)
                .await
                .is_some_and(|payment| payment.session_id.is_some())
        }
    };
    let checkout = start();
    until("what is new is read", is_asked(6)).await;
    checkout.shutdown().await;
    // Where it was read to is known as usual from now on.
    put(7).await;
    let checkout = start();
    until("what came since is read", is_asked(7)).await;
    checkout.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ended_without_a_page_is_left_alone_and_its_refunds_are_put_aside() {
    let mut rig = Rig::new().await;
    rig.misbehave(Misbehaviour {
        error_500_after_effect: 1.0,
        wrong_amount: 1.0,
        ..Misbehaviour::default()
    })
    .await;
    rig.ask(&rig.request(1, 2_500)).await;
    rig.until_told(1, "failed").await;
    let sessions = rig.ask_bank("checkout/sessions").await;
    let session = sessions["data"][0]["id"].as_str().unwrap().to_owned();
    rig.pay(&session, Way::Pay).await;
    assert!(rig.letter(1).await.contains("amount"));
    let held = rig.payment(1).await.unwrap();
    assert_eq!((held.session_id, held.due_at), (None, None));
    let session = rig.ask_bank(&format!("checkout/sessions/{session}")).await;
    let payment = session["payment_intent"].as_str().unwrap();
    rig.bank().refund(payment, None).await.unwrap();
    let waits = || async {
        let due = rig
            .store
            .due_events(rig.now().plus(600_000), 9)
            .await
            .unwrap();
        due.iter().any(|event| event.attempts > 1)
    };
    until("the refund waits", waits).await;
    rig.move_on(73 * HOUR);
    rig.until_idle().await;
    assert!(rig.letter(2).await.contains("has no session"));
    let told: Vec<CheckoutFinished> = rig.told(1).await;
    assert!(
        told.iter()
            .all(|told| told.refunded_cents.is_none_or(|cents| cents == Cents(0)))
    );
    assert_eq!(rig.statuses(1).await, ["failed"]);
}
