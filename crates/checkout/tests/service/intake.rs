//! What comes by topics.

use crate::rig::{GAME, Rig, until};
use blazing_sun_backbone::topics;
use blazing_sun_domain::{Cents, UserId};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_is_the_same_payment() {
    let mut rig = Rig::new().await;
    let request = rig.request(1, 2_500);
    for _ in 0..3 {
        rig.ask(&request).await;
    }
    rig.until_told(1, "session_created").await;
    rig.ask(&rig.request(1, 9_900)).await;
    let letter = rig.letter(1).await;
    assert!(
        letter.contains("another user, amount or currency"),
        "{letter}"
    );
    rig.until_idle().await;
    let told = rig.told(1).await;
    assert_eq!((told.len(), told[0].amount_cents), (1, Cents(2_500)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_paid_fails_at_once_and_says_why() {
    let mut rig = Rig::new().await;
    let mut dollars = rig.request(2, 2_500);
    dollars.currency = "usd".to_owned();
    let mut url = rig.request(3, 2_500);
    url.success_url = Some("https://play.example/\u{0}".to_owned());
    let requests = [
        (1, rig.request(1, 0), "amount is 0"),
        (2, dollars, "currency is `usd`"),
        (3, url, "success_url"),
    ];
    for (at, request, names) in requests {
        rig.ask(&request).await;
        let failed = rig.until_told(at, "failed").await;
        assert!(failed.error_message.unwrap().contains(names));
        let letter = rig.letter(at as usize).await;
        assert!(letter.contains(names), "{letter}");
    }
    let small = rig.request(4, 1);
    rig.ask(&small).await;
    let failed = rig.until_told(4, "failed").await;
    assert!(failed.error_message.is_some(), "in the provider's words");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_can_read_stalls_nothing() {
    let mut rig = Rig::new().await;
    let mut gift = rig.request(1, 2_500);
    gift.purpose = "gift".to_owned();
    let gift = serde_json::to_vec(&gift).unwrap();
    for bad in [&b""[..], b"\xff\xfe", b"{}", b"[1]", &gift] {
        rig.put(topics::CHECKOUT_REQUESTS, bad).await;
    }
    for bad in [
        &b""[..],
        b"\xff",
        b"{}",
        br#"{"event_id":"","user_id":1}"#,
        br#"{"event_id":"\u0000","user_id":1}"#,
    ] {
        rig.put(&topics::win_prize(GAME), bad).await;
    }
    rig.letter(10).await;
    rig.opened(2).await;
    rig.until_idle().await;
    assert_eq!(rig.letters().await, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payment_records_are_kept_once_as_they_are() {
    let is_gone = Arc::new(AtomicBool::new(false));
    let of_game = Arc::clone(&is_gone);
    let mut rig = Rig::with(move |options| {
        if of_game.load(Ordering::Relaxed) {
            options.games.clear();
        }
    })
    .await;
    let record = |id: &str| {
        format!(
            r#"{{"event_type":"game.prize.won","event_id":"{id}","user_id":123,"amount_cents":1600}}"#
        )
    };
    for id in ["a", "b", "a"] {
        rig.put(&topics::win_prize(GAME), record(id)).await;
        rig.put(
            &topics::participation_payed(GAME),
            record(&format!("{id}-fee")),
        )
        .await;
    }
    let user = UserId::new(123).unwrap();
    let count = || async { rig.store.statement(user, None, 9).await.unwrap().len() == 4 };
    until("all are kept", count).await;
    // Where it was is known after a restart: nothing is read again.
    rig.put(topics::CHECKOUT_REQUESTS, "no request").await;
    rig.letter(1).await;
    rig.until_idle().await;
    rig.stop().await;
    rig.put(&topics::participation_refunded(GAME), record("c"))
        .await;
    rig.start();
    let count = || async { rig.store.statement(user, None, 9).await.unwrap().len() == 5 };
    until("what came meanwhile is kept", count).await;
    let rows = rig
        .checkout
        .as_ref()
        .unwrap()
        .statement(user, None, 9)
        .await
        .unwrap();
    let row = rows.iter().find(|row| row.event_id == "c").unwrap();
    assert_eq!(
        (row.record.as_str(), row.topic.as_str()),
        (record("c").as_str(), "dice.participation_refunded")
    );
    rig.until_idle().await;
    // Also once the game is gone.
    rig.stop().await;
    is_gone.store(true, Ordering::Relaxed);
    rig.put(&topics::participation_refunded(GAME), record("d"))
        .await;
    rig.start();
    let count = || async { rig.store.statement(user, None, 9).await.unwrap().len() == 6 };
    until("a refund of a game that is gone is kept", count).await;
    rig.until_idle().await;
    assert_eq!(rig.letters().await, 1);
}
