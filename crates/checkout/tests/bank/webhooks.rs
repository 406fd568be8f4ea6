//! Webhooks: signed, sent until they are taken, from a queue that outlives the bank.

use crate::rig::{Receiver, Rig, WEBHOOK_SECRET, id, text, until};
use blazing_sun_checkout::bank::{DeliveryState, Way};
use blazing_sun_checkout::secret::Secret;
use blazing_sun_checkout::webhook::signature::SignatureError;
use std::time::Duration;

async fn paid(rig: &Rig) {
    let session = rig.session().await;
    rig.pay(&session, Way::Pay).await;
}

async fn all_done(rig: &Rig) {
    until("all webhooks", async || {
        let deliveries = rig.bank.deliveries().await.expect("listed");
        deliveries
            .iter()
            .all(|delivery| delivery.state != DeliveryState::Pending)
    })
    .await;
}

#[tokio::test]
async fn each_event_comes_signed_and_as_the_api_shows_it() {
    let receiver = Receiver::new().await;
    let rig = Rig::with(|options| options.webhook_url = Some(receiver.url.clone())).await;
    paid(&rig).await;
    all_done(&rig).await;
    let hooks = receiver.taken();
    assert_eq!(hooks.len(), 4);
    for hook in &hooks {
        assert_eq!(hook.check(WEBHOOK_SECRET), Ok(()));
        assert_eq!(hook.check("whsec_other"), Err(SignatureError::Forged));
        let listed = rig.get(&format!("/v1/events/{}", hook.id())).await.good();
        assert_eq!(listed, hook.event());
    }
}

#[tokio::test]
async fn what_is_not_taken_comes_again_and_then_no_more() {
    let receiver = Receiver::new().await;
    receiver.answer_next([500, 404, 302, 400, 503]);
    let rig = Rig::with(|options| options.webhook_url = Some(receiver.url.clone())).await;
    let session = rig.session().await;
    rig.bank.expire(&id(&session)).await.expect("expired");
    all_done(&rig).await;
    let hooks = receiver.hooks();
    assert_eq!(
        hooks.iter().map(|hook| hook.status).collect::<Vec<_>>(),
        [500, 404, 302, 400, 503, 200]
    );
    assert!(
        hooks
            .iter()
            .all(|hook| hook.body == hooks[0].body && hook.check(WEBHOOK_SECRET).is_ok())
    );
    let delivery = rig.bank.deliveries().await.expect("listed").remove(0);
    assert_eq!(
        (delivery.state, delivery.attempts, delivery.last_status),
        (DeliveryState::Delivered, 6, Some(200))
    );
    assert_eq!(delivery.event_id, hooks[0].id());
}

#[tokio::test]
async fn a_receiver_that_is_away_gets_it_later_and_over_a_restart() {
    let receiver = Receiver::new().await;
    let rig = Rig::with(|options| {
        // Nobody listens on it.
        options.webhook_url = Some("http://127.0.0.1:1/webhooks".to_owned());
    })
    .await;
    paid(&rig).await;
    until("a failed attempt", async || {
        let deliveries = rig.bank.deliveries().await.expect("listed");
        deliveries
            .iter()
            .all(|delivery| delivery.attempts > 0 && delivery.last_error.is_some())
    })
    .await;
    let rig = rig.restarted().await;
    assert_eq!(rig.bank.deliveries().await.expect("listed").len(), 4);
    rig.bank
        .send_webhooks_to(&receiver.url)
        .expect("an address");
    all_done(&rig).await;
    assert_eq!(receiver.taken().len(), 4);
    assert!(rig.bank.send_webhooks_to("https://play.example/").is_err());
}

#[tokio::test]
async fn what_is_not_taken_for_long_is_given_up() {
    let receiver = Receiver::new().await;
    receiver.answer_next([500; 1_000]);
    let rig = Rig::with(|options| {
        options.webhook_url = Some(receiver.url.clone());
        options.retries.give_up_after = Duration::from_millis(150);
    })
    .await;
    let session = rig.session().await;
    rig.bank.expire(&id(&session)).await.expect("expired");
    all_done(&rig).await;
    let delivery = rig.bank.deliveries().await.expect("listed").remove(0);
    assert_eq!(
        (delivery.state, delivery.last_status),
        (DeliveryState::GivenUp, Some(500))
    );
    assert!(delivery.attempts >= 1 && delivery.done_at_ms.is_some());
    assert_eq!(receiver.hooks().len(), delivery.attempts as usize);
}

#[tokio::test]
async fn a_silent_receiver_holds_up_nobody_elses() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    let rig = Rig::with(|options| {
        options.webhook_url = Some(url);
        options.retries.timeout = Duration::from_millis(100);
    })
    .await;
    paid(&rig).await;
    until("the attempts' ends", async || {
        let deliveries = rig.bank.deliveries().await.expect("listed");
        deliveries.iter().all(|delivery| {
            delivery
                .last_error
                .as_deref()
                .is_some_and(|error| error.contains("within"))
        })
    })
    .await;
    assert_eq!(rig.get("/v1/events").await.status, 200);
}

#[tokio::test]
async fn all_active_secrets_sign() {
    let receiver = Receiver::new().await;
    let rig = Rig::with(|options| {
        options.webhook_url = Some(receiver.url.clone());
        options.webhook_secrets = vec![Secret::new("whsec_old"), Secret::new(WEBHOOK_SECRET)];
    })
    .await;
    paid(&rig).await;
    all_done(&rig).await;
    for hook in receiver.taken() {
        assert_eq!(
            (hook.check("whsec_old"), hook.check(WEBHOOK_SECRET)),
            (Ok(()), Ok(()))
        );
        assert!(text(&hook.event()["type"]).contains('.'));
    }
}
