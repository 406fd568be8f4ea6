//! What payers, their banks and bad luck do.

use crate::rig::{Rig, SECRET, until};
use blazing_sun_backbone::messages::CheckoutFinished;
use blazing_sun_checkout::bank::{DisputeStage, Misbehaviour, Settlement, Way};
use blazing_sun_checkout::secret::Secret;
use blazing_sun_checkout::store::DueFor;
use blazing_sun_domain::Cents;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paid_is_a_success_with_its_payment() {
    let mut rig = Rig::new().await;
    let session = rig.opened(1).await;
    let told = rig.told(1).await;
    assert!(
        told[0].session_url.as_ref().unwrap().starts_with("http"),
        "{told:?}"
    );
    rig.pay(&session, Way::Pay).await;
    let success = rig.until_told(1, "success").await;
    assert_eq!(
        (success.amount_cents, success.livemode),
        (Cents(2_500), Some(false))
    );
    assert_eq!(success.session_id.as_deref(), Some(session.as_str()));
    assert!(success.payment_intent_id.unwrap().starts_with("pi_"));
    rig.until_idle().await;
    assert_eq!(rig.statuses(1).await, ["session_created", "success"]);
    assert_eq!(rig.letters().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn declined_is_nothing_yet() {
    let mut rig = Rig::new().await;
    let session = rig.opened(1).await;
    rig.pay(&session, Way::Decline).await;
    rig.until_idle().await;
    assert_eq!(rig.statuses(1).await, ["session_created"]);
    rig.pay(&session, Way::Pay).await;
    rig.until_told(1, "success").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_paid_in_time_expires() {
    let mut rig = Rig::new().await;
    let session = rig.opened(1).await;
    rig.pay(&session, Way::Abandon).await;
    rig.bank().expire(&session).await.unwrap();
    rig.until_told(1, "expired").await;
    let _ = rig.opened(2).await;
    rig.move_on(Duration::from_secs(3_700));
    rig.until_told(2, "expired").await;
    rig.until_idle().await;
    assert_eq!(rig.statuses(2).await, ["session_created", "expired"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_paid_later_is_told_when_it_is_known() {
    let mut rig = Rig::new().await;
    for (id, settlement, status) in [
        (1, Settlement::Paid, "success"),
        (2, Settlement::Failed, "failed"),
    ] {
        let session = rig.opened(id).await;
        rig.pay(&session, Way::PayLater).await;
        rig.until_idle().await;
        assert_eq!(rig.statuses(id).await, ["session_created", "processing"]);
        rig.bank()
            .settle(&payment_of(&rig, &session).await, settlement)
            .await
            .unwrap();
        rig.until_told(id, status).await;
        rig.until_idle().await;
        let statuses = rig.statuses(id).await;
        assert_eq!(statuses, ["session_created", "processing", status]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_webhook_is_made_good_within_minutes() {
    let mut rig = Rig::new().await;
    let drop_all = Misbehaviour {
        drop: 1.0,
        ..Misbehaviour::default()
    };
    rig.misbehave(drop_all).await;
    let session = rig.opened(1).await;
    rig.pay(&session, Way::Pay).await;
    rig.until_idle().await;
    assert_eq!(rig.statuses(1).await, ["session_created"]);
    rig.move_on(Duration::from_secs(125));
    let payment = rig
        .until_told(1, "success")
        .await
        .payment_intent_id
        .unwrap();
    // What happens to it afterwards comes by the list.
    rig.bank().refund(&payment, Some(500)).await.unwrap();
    rig.bank()
        .dispute(&payment, DisputeStage::Created)
        .await
        .unwrap();
    rig.move_on(Duration::from_secs(3_700));
    assert_eq!(
        rig.until_told(1, "refunded").await.refunded_cents,
        Some(Cents(500))
    );
    rig.until_told(1, "disputed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_may_come_twice_late_and_in_any_order() {
    let mut rig = Rig::new().await;
    rig.misbehave(Misbehaviour {
        seed: 7,
        duplicates: 0.7,
        reorder: 0.5,
        delay_ms: 50,
        rotate_secret: 0.5,
        forge_signature: 0.5,
        stale_signature: 0.5,
        ..Misbehaviour::default()
    })
    .await;
    for id in 1..=8 {
        let session = rig.opened(id).await;
        let way = if id % 2 == 0 { Way::Pay } else { Way::PayLater };
        rig.pay(&session, way).await;
        if way == Way::PayLater {
            let payment = payment_of(&rig, &session).await;
            rig.bank().settle(&payment, Settlement::Paid).await.unwrap();
        }
    }
    for id in 1..=8 {
        let payment = rig
            .until_told(id, "success")
            .await
            .payment_intent_id
            .unwrap();
        for cents in [500, 2_000] {
            rig.bank().refund(&payment, Some(cents)).await.unwrap();
        }
    }
    for id in 1..=8 {
        rig.until(id, "all of it given back", |told| {
            told.refunded_cents == Some(Cents(2_500))
        })
        .await;
    }
    rig.until_idle().await;
    for id in 1..=8 {
        let statuses = rig.statuses(id).await;
        let successes = statuses
            .iter()
            .filter(|status| *status == "success")
            .count();
        assert_eq!(successes, 1, "{statuses:?}");
        assert!(
            !statuses
                .iter()
                .any(|status| status == "failed" || status == "expired"),
            "{statuses:?}"
        );
    }
    assert_eq!(rig.letters().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_amount_or_currency_is_never_a_success() {
    for (misbehaviour, names) in [
        (
            Misbehaviour {
                wrong_amount: 1.0,
                ..Misbehaviour::default()
            },
            "amount is 2600, not 2500",
        ),
        (
            Misbehaviour {
                wrong_currency: 1.0,
                ..Misbehaviour::default()
            },
            "currency is usd, not eur",
        ),
    ] {
        let mut rig = Rig::new().await;
        rig.misbehave(misbehaviour).await;
        let session = rig.opened(1).await;
        rig.pay(&session, Way::Pay).await;
        let letter = rig.letter(1).await;
        assert!(letter.contains(names), "{letter}");
        rig.move_on(Duration::from_secs(7_200));
        rig.until_idle().await;
        let looks_again = || async {
            rig.store
                .due_payments(DueFor::Look, rig.now(), 9)
                .await
                .unwrap()
                .is_empty()
        };
        until("it was looked at again", looks_again).await;
        assert_eq!(rig.store.backlog().await.unwrap().held_payments, 1);
        assert_eq!(rig.statuses(1).await, ["session_created"]);
        assert_eq!(rig.letters().await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_whose_answer_was_lost_fails_and_may_still_be_paid() {
    let mut rig = Rig::new().await;
    rig.misbehave(Misbehaviour {
        error_500_after_effect: 1.0,
        ..Misbehaviour::default()
    })
    .await;
    rig.ask(&rig.request(1, 2_500)).await;
    let failed = rig.until_told(1, "failed").await;
    assert_eq!(
        failed.error_message.as_deref(),
        Some("the payment provider failed")
    );
    let session = session_of(&rig, 0).await;
    rig.pay(&session, Way::Pay).await;
    rig.until_told(1, "success").await;
    rig.until_idle().await;
    assert_eq!(rig.statuses(1).await, ["failed", "success"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_away_is_asked_until_it_is_back() {
    let mut rig = Rig::new().await;
    rig.bank.take().unwrap().shutdown().await;
    rig.ask(&rig.request(1, 2_500)).await;
    let request_id = rig.request(1, 1).request_id;
    let find = blazing_sun_checkout::store::Find::Request(request_id);
    let tries = || async {
        let payment = rig.store.payment(find).await.unwrap();
        payment.is_some_and(|payment| payment.attempts > 3)
    };
    until("it was asked more than three times", tries).await;
    assert!(rig.statuses(1).await.is_empty());
    rig.open_bank().await;
    rig.until_told(1, "session_created").await;
    // Nobody waits for a page for an hour.
    rig.bank.take().unwrap().shutdown().await;
    rig.ask(&rig.request(2, 2_500)).await;
    let find = blazing_sun_checkout::store::Find::Request(rig.request(2, 1).request_id);
    let tries = || async {
        let payment = rig.store.payment(find).await.unwrap();
        payment.is_some_and(|payment| payment.attempts > 0)
    };
    until("it was asked", tries).await;
    rig.move_on(Duration::from_secs(3_700));
    let told = rig.until_told(2, "expired").await;
    assert_eq!(
        told.error_message.as_deref(),
        Some("the payment provider was not reached in time")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refunds_are_told_in_all() {
    let mut rig = Rig::new().await;
    let payment = rig.paid(1).await;
    for (cents, all) in [(Some(500), 500), (None, 2_500)] {
        rig.bank().refund(&payment, cents).await.unwrap();
        let is_it = |told: &CheckoutFinished| told.refunded_cents == Some(Cents(all));
        let told = rig.until(1, "refunded", is_it).await;
        assert_eq!(
            (told.amount_cents, told.payment_intent_id.as_ref()),
            (Cents(2_500), Some(&payment))
        );
    }
    rig.until_idle().await;
    let expected = ["session_created", "success", "refunded", "refunded"];
    assert_eq!(rig.statuses(1).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disputes_are_told_stage_by_stage() {
    let mut rig = Rig::new().await;
    let payment = rig.paid(1).await;
    for (stage, told) in [
        (DisputeStage::Created, "created"),
        (DisputeStage::FundsWithdrawn, "funds_withdrawn"),
        (DisputeStage::FundsReinstated, "funds_reinstated"),
        (DisputeStage::Won, "closed"),
    ] {
        rig.bank().dispute(&payment, stage).await.unwrap();
        let is_it = |record: &CheckoutFinished| {
            record
                .dispute
                .as_ref()
                .is_some_and(|dispute| dispute.stage.as_str() == told)
        };
        let record = rig.until(1, told, is_it).await;
        assert_eq!(record.status.as_str(), "disputed");
        assert_eq!(record.dispute.unwrap().amount_cents, Cents(2_500));
    }
    rig.until_idle().await;
    assert_eq!(rig.told(1).await.len(), 2 + 4, "each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_secrets_are_taken_while_one_replaces_the_other() {
    let mut rig = Rig::with(|options| {
        options.webhook_secrets = vec![Secret::new("whsec_next"), Secret::new(SECRET)];
    })
    .await;
    rig.paid(1).await;
    // With another alone nothing is believed, and the money is found by looking.
    let mut rig =
        Rig::with(|options| options.webhook_secrets = vec![Secret::new("whsec_next")]).await;
    let session = rig.opened(1).await;
    rig.pay(&session, Way::Pay).await;
    let refused = || async {
        let deliveries = rig.bank().deliveries().await.unwrap();
        deliveries.iter().any(|delivery| delivery.attempts > 1)
    };
    until("a webhook was refused", refused).await;
    assert_eq!(rig.statuses(1).await, ["session_created"]);
    rig.move_on(Duration::from_secs(125));
    rig.until_told(1, "success").await;
}

/// The sessions that the bank has, the newest first.
async fn session_of(rig: &Rig, at: usize) -> String {
    rig.ask_bank("checkout/sessions").await["data"][at]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn payment_of(rig: &Rig, session: &str) -> String {
    let session = rig.ask_bank(&format!("checkout/sessions/{session}")).await;
    session["payment_intent"].as_str().unwrap().to_owned()
}
