//! Payments that their players do not want to make any more.

use crate::harness::{Rig, options};
use blazing_sun_backbone::topics;
use blazing_sun_backend::store::reads::ReadSide;
use blazing_sun_backend::store::sqlite::SqliteReads;
use blazing_sun_domain::{Cents, UserId};
use serde_json::{Value, json};
use uuid::Uuid;

const TOP_UP: &str = "wallet.command.top_up";
const CANCEL: &str = "wallet.command.cancel_top_up";
const EXCLUDE: &str = "wallet.command.exclude_self";

async fn answer(rig: &mut Rig, user: u64, name: &str, fields: Value) -> Value {
    let id = rig.send(user, name, fields).await;
    rig.answer(id).await
}

async fn ask(rig: &mut Rig, user: u64) -> Value {
    let fields = json!({ "amount_cents": 2_500 });
    let answer = answer(rig, user, TOP_UP, fields).await;
    answer["payload"]["request_id"].clone()
}

async fn tell(rig: &mut Rig, request: &Value, status: &str, url: Option<&str>) {
    let record = json!({
        "request_id": request, "user_id": 1, "amount_cents": 2_500, "currency": "eur",
        "purpose": "balance_topup", "status": status, "timestamp": "2026-01-20T10:30:01.000Z",
        "session_url": url,
    });
    rig.append(topics::CHECKOUT_FINISHED, "1", record.to_string())
        .await;
    rig.expect("wallet.event.top_up").await;
}

async fn refused(rig: &mut Rig, user: u64, request: &Value) -> (String, String) {
    let fields = json!({ "request_id": request });
    let answer = answer(rig, user, CANCEL, fields).await;
    assert_eq!(answer["event_type"], "games.event.error", "{answer}");
    let text = |name: &str| answer["payload"][name].as_str().unwrap().to_owned();
    (text("code"), text("message"))
}

async fn used_cents(rig: &mut Rig) -> Value {
    let fields = json!({ "period": "day", "amount_cents": 9_000 });
    let told = answer(rig, 1, "wallet.command.set_deposit_limit", fields).await;
    told["payload"]["limits"][0]["used_cents"].clone()
}

#[tokio::test]
async fn a_cancelled_payment_is_open_and_counts_until_the_checkout_says_how_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    let request = ask(&mut rig, 1).await;
    let (id, fields) = (Uuid::now_v7(), json!({ "request_id": request }));
    for _ in 0..2 {
        rig.send_as(1, CANCEL, fields.clone(), id, "s").await;
        let told = rig.answer(id).await;
        assert_eq!(
            json!([told["payload"]["request_id"], told["payload"]["status"]]),
            json!([request, "requested"])
        );
    }
    assert_eq!(
        rig.records(topics::CHECKOUT_CANCELLATIONS).await,
        [json!({ "request_id": request, "user_id": 1, "reason": "cancelled" })]
    );
    assert_eq!(used_cents(&mut rig).await, 2_500);
    tell(
        &mut rig,
        &request,
        "session_created",
        Some("https://pay.example/1"),
    )
    .await;
    let told = answer(&mut rig, 1, CANCEL, fields).await;
    assert_eq!(told["payload"]["status"], "session_created");
    tell(&mut rig, &request, "expired", None).await;
    assert_eq!(used_cents(&mut rig).await, 0);
    // Paid all the same it is credited.
    tell(&mut rig, &request, "success", None).await;
    assert_eq!(used_cents(&mut rig).await, 2_500);
    let reads = SqliteReads::new(rig.engine.access());
    let balance = reads.balance(UserId::new(1).unwrap()).await.unwrap();
    assert_eq!(balance, Cents(7_500));
}

#[tokio::test]
async fn what_is_not_ones_own_or_not_open_can_not_be_cancelled() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    let unknown = json!(Uuid::now_v7());
    let request = ask(&mut rig, 1).await;
    for (user, request) in [(1, &unknown), (2, &request), (5, &request)] {
        let (code, _) = refused(&mut rig, user, request).await;
        assert_eq!(code, "payment_not_found");
    }
    let url = Some("https://pay.example/1");
    for (status, names) in [
        ("processing", "on its way"),
        ("failed", "failed already"),
        ("expired", "expired already"),
        ("success", "paid already"),
        ("refunded", "paid already"),
    ] {
        let request = ask(&mut rig, 1).await;
        tell(&mut rig, &request, "session_created", url).await;
        if status == "refunded" {
            tell(&mut rig, &request, "success", None).await;
        }
        tell(&mut rig, &request, status, None).await;
        let (code, message) = refused(&mut rig, 1, &request).await;
        assert_eq!(code, "payment_not_open");
        assert!(message.contains(names), "{message}");
    }
    assert!(rig.records(topics::CHECKOUT_CANCELLATIONS).await.is_empty());
}

#[tokio::test]
async fn who_is_excluded_by_their_own_wish_has_nothing_left_to_pay() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(options(dir.path()));
    rig.grant(1).await;
    let mut requests = Vec::new();
    for _ in 0..4 {
        requests.push(ask(&mut rig, 1).await);
    }
    ask(&mut rig, 2).await;
    tell(&mut rig, &requests[0], "failed", None).await;
    let url = Some("https://pay.example/1");
    tell(&mut rig, &requests[1], "session_created", url).await;
    tell(&mut rig, &requests[2], "processing", None).await;
    let told = answer(&mut rig, 1, EXCLUDE, json!({ "days": 1 })).await;
    assert_eq!(told["event_type"], "wallet.event.limits");
    let mut cancelled = rig.records(topics::CHECKOUT_CANCELLATIONS).await;
    cancelled.sort_by_key(|record| record["request_id"] != requests[1]);
    let excluded =
        |request: &Value| json!({ "request_id": request, "user_id": 1, "reason": "self_excluded" });
    assert_eq!(cancelled, [excluded(&requests[1]), excluded(&requests[3])]);
}
