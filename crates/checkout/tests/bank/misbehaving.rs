//! Each misbehaviour happens when it is asked for, and not otherwise.

use crate::rig::{Hook, Receiver, Rig, WEBHOOK_SECRET, id, text, until};
use blazing_sun_checkout::bank::{Delivery, DeliveryKind, DeliveryState, Misbehaviour, Way};
use blazing_sun_checkout::webhook::signature::SignatureError;
use std::collections::BTreeMap;

struct Scene {
    rig: Rig,
    receiver: Receiver,
}

impl Scene {
    async fn of(misbehaviour: Misbehaviour) -> Scene {
        let receiver = Receiver::new().await;
        let rig = Rig::with(|options| options.webhook_url = Some(receiver.url.clone())).await;
        rig.bank.misbehave(misbehaviour).await.expect("told");
        Scene { rig, receiver }
    }

    /// Sessions are paid, and all webhooks come that will.
    async fn pay(&self, count: usize) -> Vec<Delivery> {
        for _ in 0..count {
            let session = self.rig.session().await;
            self.rig.pay(&session, Way::Pay).await;
        }
        self.all_done().await
    }

    async fn all_done(&self) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        until("all webhooks", async || {
            deliveries = self.rig.bank.deliveries().await.expect("listed");
            deliveries
                .iter()
                .all(|delivery| delivery.state != DeliveryState::Pending)
        })
        .await;
        deliveries
    }
}

fn how_often(hooks: &[Hook]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for hook in hooks {
        *counts.entry(hook.id()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn nothing_goes_wrong_unasked() {
    let scene = Scene::of(Misbehaviour::default()).await;
    let deliveries = scene.pay(5).await;
    assert_eq!(deliveries.len(), 20);
    assert!(
        deliveries
            .iter()
            .all(|one| one.kind == DeliveryKind::Genuine && one.attempts == 1)
    );
    assert!(
        how_often(&scene.receiver.hooks())
            .values()
            .all(|count| *count == 1)
    );
}

#[tokio::test]
async fn duplicates_come_twice() {
    let scene = Scene::of(Misbehaviour {
        seed: 1,
        duplicates: 0.5,
        ..Misbehaviour::default()
    })
    .await;
    scene.pay(5).await;
    let counts = how_often(&scene.receiver.taken());
    let twice = counts.values().filter(|count| **count == 2).count();
    assert!(counts.len() == 20 && (1..20).contains(&twice), "{counts:?}");
}

#[tokio::test]
async fn what_is_dropped_is_still_listed() {
    let scene = Scene::of(Misbehaviour {
        drop: 1.0,
        ..Misbehaviour::default()
    })
    .await;
    let deliveries = scene.pay(2).await;
    assert!(
        deliveries
            .iter()
            .all(|one| one.state == DeliveryState::Dropped && one.attempts == 0)
    );
    assert_eq!(scene.receiver.hooks().len(), 0);
    assert_eq!(scene.rig.event_types().await.len(), 8);
}

#[tokio::test]
async fn what_is_reordered_is_overtaken() {
    // With this seed some are held back, and some that come later are not.
    let scene = Scene::of(Misbehaviour {
        seed: 1,
        reorder: 0.5,
        ..Misbehaviour::default()
    })
    .await;
    let session = scene.rig.session().await;
    scene.rig.pay(&session, Way::Pay).await;
    scene.pay(3).await;
    let came: Vec<String> = scene.receiver.taken().iter().map(Hook::id).collect();
    let mut queued: Vec<String> = Vec::new();
    for delivery in scene.rig.bank.deliveries().await.expect("listed") {
        queued.push(delivery.event_id);
    }
    assert_ne!(came, queued);
    assert_eq!(how_often(&scene.receiver.taken()).len(), queued.len());
}

#[tokio::test]
async fn what_is_late_comes_when_it_is_due() {
    let scene = Scene::of(Misbehaviour {
        seed: 3,
        delay_ms: 3_600_000,
        ..Misbehaviour::default()
    })
    .await;
    let session = scene.rig.session().await;
    scene.rig.pay(&session, Way::Pay).await;
    let deliveries = scene.rig.bank.deliveries().await.expect("listed");
    assert!(
        deliveries
            .iter()
            .any(|one| one.state == DeliveryState::Pending && one.attempts == 0)
    );
    // The receiver's clock does not jump with the bank's.
    scene.receiver.answer_next([200; 4]);
    scene.rig.pass(3_600);
    let deliveries = scene.all_done().await;
    assert!(
        deliveries
            .iter()
            .all(|one| one.state == DeliveryState::Delivered)
    );
}

#[tokio::test]
async fn while_secrets_are_exchanged_two_sign() {
    let scene = Scene::of(Misbehaviour {
        rotate_secret: 1.0,
        ..Misbehaviour::default()
    })
    .await;
    scene.pay(1).await;
    for hook in scene.receiver.taken() {
        assert_eq!(hook.signature.matches("v1=").count(), 2);
        assert_eq!(hook.check(WEBHOOK_SECRET), Ok(()));
    }
}

#[tokio::test]
async fn a_forged_one_claims_more_and_is_refused() {
    let scene = Scene::of(Misbehaviour {
        forge_signature: 1.0,
        ..Misbehaviour::default()
    })
    .await;
    let deliveries = scene.pay(1).await;
    let forged: Vec<_> = deliveries
        .iter()
        .filter(|one| one.kind == DeliveryKind::Forged)
        .collect();
    assert_eq!(forged.len(), 4);
    assert!(
        forged
            .iter()
            .all(|one| one.state == DeliveryState::Refused && one.attempts == 1)
    );
    let refused: Vec<Hook> = scene
        .receiver
        .hooks()
        .into_iter()
        .filter(|hook| hook.status == 400)
        .collect();
    assert_eq!(refused.len(), 4);
    for hook in &refused {
        assert_eq!(hook.check(WEBHOOK_SECRET), Err(SignatureError::Forged));
        assert_eq!(
            scene
                .rig
                .get(&format!("/v1/events/{}", hook.id()))
                .await
                .status,
            404
        );
    }
    let completed = refused
        .iter()
        .map(Hook::event)
        .find(|event| event["type"] == "checkout.session.completed");
    assert_eq!(
        completed.expect("one of a session")["data"]["object"]["amount_total"],
        250_000
    );
    assert_eq!(scene.receiver.taken().len(), 4);
}

#[tokio::test]
async fn a_forged_one_that_is_taken_shows() {
    let scene = Scene::of(Misbehaviour {
        forge_signature: 1.0,
        ..Misbehaviour::default()
    })
    .await;
    scene.receiver.answer_next([200; 100]);
    let deliveries = scene.pay(1).await;
    let taken = deliveries
        .iter()
        .filter(|one| one.kind == DeliveryKind::Forged && one.state == DeliveryState::Delivered);
    assert_eq!(taken.count(), 4);
}

#[tokio::test]
async fn a_stale_one_is_signed_well_and_too_old() {
    let scene = Scene::of(Misbehaviour {
        stale_signature: 1.0,
        ..Misbehaviour::default()
    })
    .await;
    scene.pay(1).await;
    let refused: Vec<Hook> = scene
        .receiver
        .hooks()
        .into_iter()
        .filter(|hook| hook.status == 400)
        .collect();
    assert_eq!(refused.len(), 4);
    for hook in refused {
        assert!(matches!(
            hook.check(WEBHOOK_SECRET),
            Err(SignatureError::Stale { .. })
        ));
    }
}

#[tokio::test]
async fn another_amount_or_currency_is_what_was_paid() {
    for (misbehaviour, amount, currency) in [
        (
            Misbehaviour {
                wrong_amount: 1.0,
                ..Misbehaviour::default()
            },
            2_600,
            "eur",
        ),
        (
            Misbehaviour {
                wrong_currency: 1.0,
                ..Misbehaviour::default()
            },
            2_500,
            "usd",
        ),
    ] {
        let scene = Scene::of(misbehaviour).await;
        let session = scene.rig.session().await;
        assert_eq!(
            (&session["amount_total"], &session["currency"]),
            (&2_500.into(), &"eur".into())
        );
        scene.rig.pay(&session, Way::Decline).await;
        scene.rig.pay(&session, Way::Pay).await;
        let paid = scene.rig.session_again(&session).await;
        assert_eq!(paid["payment_status"], "paid");
        for (object, name) in [
            (&paid, "amount_total"),
            (&paid["payment_intent"], "amount_received"),
        ] {
            assert_eq!(
                (&object[name], &object["currency"]),
                (&amount.into(), &currency.into())
            );
        }
    }
}

#[tokio::test]
async fn the_same_seed_does_the_same_again() {
    let misbehaviour = Misbehaviour {
        seed: 11,
        duplicates: 0.3,
        drop: 0.3,
        forge_signature: 0.3,
        stale_signature: 0.3,
        ..Misbehaviour::default()
    };
    let mut runs = Vec::new();
    for seed in [11, 11, 12] {
        let scene = Scene::of(Misbehaviour {
            seed,
            ..misbehaviour
        })
        .await;
        let deliveries = scene.pay(3).await;
        let told: Vec<_> = deliveries
            .iter()
            .map(|one| (one.event_type.clone(), one.kind, one.state))
            .collect();
        runs.push(told);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test]
async fn it_misbehaves_over_a_restart() {
    let scene = Scene::of(Misbehaviour {
        drop: 1.0,
        ..Misbehaviour::default()
    })
    .await;
    let rig = scene.rig.restarted().await;
    let session = rig.session().await;
    rig.bank.expire(&id(&session)).await.expect("expired");
    let delivery = rig.bank.deliveries().await.expect("listed").remove(0);
    assert_eq!(delivery.state, DeliveryState::Dropped);
    let impossible = Misbehaviour {
        drop: 1.5,
        ..Misbehaviour::default()
    };
    let refused = rig.bank.misbehave(impossible).await.expect_err("no rate");
    assert!(refused.to_string().contains("`drop`"), "{refused}");
    assert!(text(&session["id"]).starts_with("cs_"));
}
