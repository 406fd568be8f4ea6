//! A checkout that ends between any two of its steps, and another that goes on from there.

use crate::mortal::Mortal;
use crate::rig::{DEADLINE, Rig, until};
use blazing_sun_backbone::messages::CheckoutFinished;
use blazing_sun_checkout::bank::{Misbehaviour, Way};
use blazing_sun_checkout::store::SqlitePaymentStore;
use blazing_sun_domain::Cents;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

/// More changes than a payment with a refund takes, or one that is cancelled.
const STEPS_MAX: i64 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_any_two_steps_nothing_is_lost_or_doubled() {
    after_any_steps(10, befalls).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_asked_before_the_end_is_asked_alike_after_it() {
    for (is_other_name, expected) in [(false, "session_created"), (true, "failed")] {
        let folder = tempfile::tempdir().unwrap();
        let store = SqlitePaymentStore::open(&folder.path().join("checkout.sqlite3")).unwrap();
        // The request and the attempt are written, what came of it is not.
        let mortal = Mortal::after(2, Arc::clone(&store) as _);
        let is_second = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_second);
        let mut rig = Rig::on(folder, store, move |options| {
            if seen.load(Ordering::SeqCst) {
                options.success_url = "https://other.example/".to_owned();
                if is_other_name {
                    options.product_name = "Credits".to_owned();
                }
            }
        })
        .await;
        // Nor is there a list to read, or anything to forget, which are changes too.
        let now_s = rig.now().0 / 1_000;
        for mark in ["events_listed_s", "forgotten_s"] {
            rig.store.set_mark(mark, now_s).await.unwrap();
        }
        rig.start_on(Arc::clone(&mortal) as _);
        let mut request = rig.request(1, 2_500);
        request.success_url = None;
        rig.ask(&request).await;
        until("the first has ended", || async { mortal.has_died() }).await;
        is_second.store(true, Ordering::SeqCst);
        restart(&mut rig).await;
        let told = rig.until_told(1, expected).await;
        let why = is_other_name.then_some("the payment provider failed");
        assert_eq!(told.error_message.as_deref(), why);
        let sessions = rig.ask_bank("checkout/sessions").await;
        assert_eq!(sessions["data"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_panics_takes_up_no_place() {
    const PANICS: u128 = 40;
    let folder = tempfile::tempdir().unwrap();
    let store = SqlitePaymentStore::open(&folder.path().join("checkout.sqlite3")).unwrap();
    let mortal = Arc::new(Mortal {
        inner: Arc::clone(&store),
        left: AtomicI64::new(i64::MAX),
        panics_to: PANICS,
    });
    let mut rig = Rig::on(folder, store, |_| ()).await;
    rig.start_on(mortal);
    for id in 1..=PANICS + 1 {
        rig.ask(&rig.request(id, 2_500)).await;
    }
    rig.until_told(PANICS + 1, "session_created").await;
}

/// One whole payment whose first checkout ends after so many changes; whether it did.
async fn befalls(steps: i64) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let store = SqlitePaymentStore::open(&folder.path().join("checkout.sqlite3")).unwrap();
    let mortal = Mortal::after(steps, Arc::clone(&store) as _);
    let mut rig = Rig::on(folder, store, |_| ()).await;
    rig.misbehave(Misbehaviour {
        duplicates: 0.3,
        ..Misbehaviour::default()
    })
    .await;
    rig.start_on(Arc::clone(&mortal) as _);
    rig.ask(&rig.request(1, 2_500)).await;
    let session = go_on(&mut rig, &mortal, "session_created", |told| {
        told.session_id.is_some()
    })
    .await;
    rig.pay(&session.session_id.unwrap(), Way::Pay).await;
    let is_paid = |told: &CheckoutFinished| told.status.as_str() == "success";
    let paid = go_on(&mut rig, &mortal, "success", is_paid).await;
    let payment = paid.payment_intent_id.unwrap();
    rig.bank().refund(&payment, Some(700)).await.unwrap();
    let is_refunded = |told: &CheckoutFinished| told.refunded_cents == Some(Cents(700));
    go_on(&mut rig, &mortal, "refunded", is_refunded).await;
    let has_died = finish(&mut rig, &mortal).await;
    let told = rig.told(1).await;
    let statuses: Vec<&str> = told.iter().map(|told| told.status.as_str()).collect();
    assert_eq!(
        statuses,
        ["session_created", "success", "refunded"],
        "after {steps} steps"
    );
    assert_eq!(rig.letters().await, 0, "after {steps} steps");
    let sessions = rig.ask_bank("checkout/sessions").await;
    assert_eq!(
        sessions["data"].as_array().unwrap().len(),
        1,
        "after {steps} steps"
    );
    has_died
}

/// Waits for this to be told, and starts another checkout where the first has ended.
pub async fn go_on(
    rig: &mut Rig,
    mortal: &Mortal,
    what: &str,
    is_it: impl Fn(&CheckoutFinished) -> bool,
) -> CheckoutFinished {
    loop {
        let told = rig.told(1).await;
        if let Some(told) = told.into_iter().find(&is_it) {
            return told;
        }
        if mortal.has_died() {
            restart(rig).await;
            return rig.until(1, what, &is_it).await;
        }
        tokio::task::yield_now().await;
    }
}

/// All that is left happens, with another checkout where the first has ended; whether it had.
pub async fn finish(rig: &mut Rig, mortal: &Mortal) -> bool {
    let has_died = rig.until_idle_or_dead(mortal).await;
    if has_died {
        restart(rig).await;
    }
    rig.until_idle().await;
    has_died
}

/// What befalls with an end after each number of steps, until one is not reached any more; it is beyond `least`.
pub async fn after_any_steps(least: i64, befalls: impl AsyncFn(i64) -> bool) {
    for steps in 0..STEPS_MAX {
        let befallen = tokio::time::timeout(2 * DEADLINE, befalls(steps)).await;
        if !befallen.unwrap_or_else(|_| panic!("nothing more happens after {steps} steps")) {
            assert!(steps > least, "it takes more steps than {steps}");
            return;
        }
    }
    panic!("it takes more than {STEPS_MAX} steps");
}

pub async fn restart(rig: &mut Rig) {
    rig.stop().await;
    // What is asked again is asked later.
    rig.move_on(Duration::from_secs(3));
    rig.start();
    until("another leads", || async {
        rig.checkout.as_ref().unwrap().is_leading()
    })
    .await;
}
