//! Each call against Stripe's own stand-in, which checks it against Stripe's description of its API.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use blazing_sun_checkout::secret::Secret;
use blazing_sun_checkout::stripe::{
    EventFilter, NewSession, StripeClient, StripeError, StripeOptions,
};
use blazing_sun_domain::{Cents, UserId};
use blazing_sun_harness::stripe_mock::{KEY, StripeMock};
use uuid::Uuid;

async fn client(key: &str) -> StripeClient {
    let mock = tokio::task::spawn_blocking(StripeMock::shared)
        .await
        .unwrap();
    let options = StripeOptions {
        api_base: mock.url().to_owned(),
        ..StripeOptions::new(Secret::new(key))
    };
    StripeClient::new(&options).unwrap()
}

fn new_session() -> NewSession {
    NewSession {
        request_id: Uuid::from_u128(7),
        user_id: UserId::new(123).unwrap(),
        amount: Cents(2_500),
        currency: "eur".to_owned(),
        product_name: "Top-up".to_owned(),
        success_url: "https://play.example/ok?session={CHECKOUT_SESSION_ID}".to_owned(),
        cancel_url: Some("https://play.example/back".to_owned()),
        expires_at_s: 1_900_000_000,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_as_stripe_describes_it_and_every_answer_reads() {
    let client = client(KEY).await;
    let session = client.create_session(&new_session(), "bs-7").await.unwrap();
    assert!(session.object.id.starts_with("cs_"), "{}", session.raw);
    let session = client.retrieve_session("cs_test_1").await.unwrap();
    assert!(session.object.id.starts_with("cs_"), "{}", session.raw);
    let session = client
        .expire_session("cs_test_1", "bs-7-expire")
        .await
        .unwrap();
    assert!(session.object.id.starts_with("cs_"), "{}", session.raw);
    let payment = client.retrieve_payment_intent("pi_1").await.unwrap();
    assert!(payment.object.id.starts_with("pi_"), "{}", payment.raw);
    let dispute = client.retrieve_dispute("dp_1").await.unwrap();
    assert!(dispute.object.amount > 0, "{}", dispute.raw);
    let filter = EventFilter {
        kinds: &["checkout.session.completed", "charge.refunded"],
        created_from_s: 1_700_000_000,
        before: Some("evt_1".to_owned()),
    };
    let page = client.list_events(&filter).await.unwrap();
    assert!(!page.events.is_empty() && page.events[0].object.id.starts_with("evt_"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stripe_does_not_take_is_refused() {
    let no_key = client("pk_none").await;
    let error = no_key.retrieve_session("cs_test_1").await.unwrap_err();
    assert!(
        matches!(error, StripeError::Refused { status: 401, .. }),
        "{error:?}"
    );
}
