//! Payments that are not to be made any more, at whatever point that is heard.

use crate::kills::{after_any_steps, finish, go_on};
use crate::mortal::Mortal;
use crate::outages::DROP_ALL;
use crate::rig::{Rig, until};
use blazing_sun_backbone::messages::{CancelReason, CheckoutFinished};
use blazing_sun_backbone::topics;
use blazing_sun_checkout::bank::{Misbehaviour, Way};
use blazing_sun_checkout::store::SqlitePaymentStore;
use blazing_sun_domain::UserId;
use std::sync::Arc;
use std::time::Duration;

async fn sessions(rig: &Rig) -> Vec<String> {
    let listed = rig.ask_bank("checkout/sessions").await;
    let rows = listed["data"].as_array().unwrap().iter();
    rows.map(|row| row["status"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_before_it_is_asked_for_it_has_no_page() {
    let mut rig = Rig::new().await;
    // The two topics are read in no common order.
    rig.cancel(1, CancelReason::SelfExcluded).await;
    rig.cancel(2, CancelReason::Cancelled).await;
    rig.put(topics::CHECKOUT_CANCELLATIONS, "read up to here")
        .await;
    rig.letter(1).await;
    rig.ask(&rig.request(1, 2_500)).await;
    let told = rig.until_told(1, "expired").await;
    assert!(told.error_message.unwrap().contains("self-excluded"));
    // Somebody else's word counts for nothing.
    let mut of_another = rig.request(2, 2_500);
    of_another.user_id = UserId::new(124).unwrap();
    rig.ask(&of_another).await;
    rig.until_told(2, "session_created").await;
    rig.until_idle().await;
    assert_eq!(rig.statuses(1).await, ["expired"]);
    assert_eq!(sessions(&rig).await, ["open"]);
    let payment = rig.payment(1).await.unwrap();
    assert_eq!((payment.attempts, payment.due_at), (0, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_page_is_closed_and_told_once_however_often_it_is_cancelled() {
    let mut rig = Rig::new().await;
    let session = rig.opened(1).await;
    for _ in 0..3 {
        rig.cancel(1, CancelReason::Cancelled).await;
    }
    let told = rig.until_told(1, "expired").await;
    assert_eq!(
        told.error_message.as_deref(),
        Some("the payment was cancelled")
    );
    assert_eq!(sessions(&rig).await, ["expired"]);
    assert!(rig.bank().pay(&session, Way::Pay).await.is_err());
    rig.cancel(1, CancelReason::Cancelled).await;
    // What is read after that shows that it was read.
    rig.opened(2).await;
    rig.until_idle().await;
    assert_eq!(rig.statuses(1).await, ["session_created", "expired"]);
    assert_eq!(rig.letters().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_paid_or_on_its_way_stays_so() {
    let mut rig = Rig::new().await;
    rig.misbehave(DROP_ALL).await;
    for (id, way, expected) in [
        (1, Way::Pay, "success"),
        (2, Way::PayLater, "processing"),
        (3, Way::Decline, "expired"),
    ] {
        let session = rig.opened(id).await;
        rig.pay(&session, way).await;
        rig.cancel(id, CancelReason::Cancelled).await;
        rig.until_told(id, expected).await;
        assert_eq!(rig.statuses(id).await, ["session_created", expected]);
    }
    // Its cancellation is over: it is looked at as any other.
    let on_its_way = rig.payment(2).await.unwrap();
    assert_eq!(on_its_way.cancelled, None);
    assert!(on_its_way.due_at.unwrap() > rig.now());
    rig.cancel(1, CancelReason::Cancelled).await;
    rig.opened(4).await;
    assert_eq!(
        rig.payment(1).await.unwrap().cancelled,
        Some(CancelReason::Cancelled)
    );
    assert_eq!(rig.statuses(1).await, ["session_created", "success"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_lost_is_made_good() {
    let mut rig = Rig::new().await;
    rig.misbehave(DROP_ALL).await;
    rig.opened(1).await;
    rig.misbehave(Misbehaviour {
        error_500_after_effect: 1.0,
        ..DROP_ALL
    })
    .await;
    rig.cancel(1, CancelReason::Cancelled).await;
    rig.until_told(1, "expired").await;
    assert_eq!(sessions(&rig).await, ["expired"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_provider_it_is_tried_until_it_is_there() {
    let mut rig = Rig::new().await;
    rig.misbehave(DROP_ALL).await;
    rig.opened(1).await;
    rig.bank.take().unwrap().shutdown().await;
    rig.cancel(1, CancelReason::Cancelled).await;
    // This one was asked for by then: there may be a page.
    rig.ask(&rig.request(2, 2_500)).await;
    let was_asked = || async {
        let payment = rig.payment(2).await;
        payment.is_some_and(|payment| payment.attempts > 0)
    };
    until("it was asked for", was_asked).await;
    rig.cancel(2, CancelReason::Cancelled).await;
    let was_tried = || async {
        let (one, two) = (rig.payment(1).await.unwrap(), rig.payment(2).await.unwrap());
        one.attempts > 2 && two.cancelled.is_some()
    };
    until("it was tried in vain", was_tried).await;
    assert_eq!(rig.statuses(1).await, ["session_created"]);
    rig.open_bank().await;
    rig.until_told(1, "expired").await;
    rig.until_told(2, "expired").await;
    // Nobody was sent to the page that was only made to be known.
    assert_eq!(rig.statuses(2).await, ["expired"]);
    assert_eq!(sessions(&rig).await, ["expired", "expired"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_cancellation_is_put_aside() {
    let mut rig = Rig::new().await;
    let id = "00000000-0000-0000-0000-000000000001";
    for (at, bad) in [
        String::new(),
        "\u{0}".to_owned(),
        "{}".to_owned(),
        format!(r#"{{"request_id":"{id}\u0000","user_id":123,"reason":"cancelled"}}"#),
        format!(r#"{{"request_id":"{id}","user_id":123,"reason":"boredom"}}"#),
        format!(r#"{{"request_id":"{id}","user_id":-1,"reason":"cancelled"}}"#),
    ]
    .into_iter()
    .enumerate()
    {
        rig.put(topics::CHECKOUT_CANCELLATIONS, bad).await;
        let letter = rig.letter(at + 1).await;
        assert!(letter.contains("no cancellation of a payment"), "{letter}");
    }
    rig.opened(1).await;
    let of_another = format!(r#"{{"request_id":"{id}","user_id":124,"reason":"cancelled"}}"#);
    rig.put(topics::CHECKOUT_CANCELLATIONS, of_another).await;
    let letter = rig.letter(7).await;
    assert!(letter.contains("another user"), "{letter}");
    assert_eq!(rig.statuses(1).await, ["session_created"]);
    assert_eq!(rig.payment(1).await.unwrap().cancelled, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_any_two_steps_of_a_cancellation_nothing_is_lost_or_doubled() {
    after_any_steps(6, befalls).await;
}

/// One payment that is opened and cancelled, whose first checkout ends after so many changes; whether it did.
async fn befalls(steps: i64) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let store = SqlitePaymentStore::open(&folder.path().join("checkout.sqlite3")).unwrap();
    let mortal = Mortal::after(steps, Arc::clone(&store) as _);
    let mut rig = Rig::on(folder, store, |options| {
        options.pace.look_after = Duration::from_secs(10_000);
    })
    .await;
    rig.start_on(Arc::clone(&mortal) as _);
    rig.ask(&rig.request(1, 2_500)).await;
    let is_open = |told: &CheckoutFinished| told.status.as_str() == "session_created";
    go_on(&mut rig, &mortal, "session_created", is_open).await;
    rig.cancel(1, CancelReason::Cancelled).await;
    let is_over = |told: &CheckoutFinished| told.status.as_str() == "expired";
    go_on(&mut rig, &mortal, "expired", is_over).await;
    let has_died = finish(&mut rig, &mortal).await;
    assert_eq!(
        rig.statuses(1).await,
        ["session_created", "expired"],
        "after {steps} steps"
    );
    assert_eq!(rig.letters().await, 0, "after {steps} steps");
    assert_eq!(sessions(&rig).await, ["expired"], "after {steps} steps");
    has_died
}
