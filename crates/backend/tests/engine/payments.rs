//! Money from outside to the cent: asked for, paid, paid back and disputed, told twice, in any order, and wrongly.

use crate::harness::{PARTITIONS, Rig, options};
use blazing_sun_backbone::partitioner::partition_of;
use blazing_sun_backbone::topics;
use blazing_sun_backend::audit::{AuditTotals, audit};
use blazing_sun_backend::engine::EngineOptions;
use blazing_sun_backend::store::reads::ReadSide;
use blazing_sun_backend::store::sqlite::SqliteReads;
use blazing_sun_backend::store::wallet::TopUpStatus;
use blazing_sun_domain::{Cents, UserId};
use serde_json::{Value, json};
use std::path::Path;
use uuid::Uuid;

const TOP_UP: &str = "wallet.command.top_up";

fn with_grants_of(dir: &Path, cents: i64) -> EngineOptions {
    EngineOptions {
        demo_grant: Cents(cents),
        ..options(dir)
    }
}

/// Asks for a payment, and answers with its request.
async fn ask(rig: &mut Rig, user: u64, amount: i64) -> Uuid {
    let id = rig
        .send(user, TOP_UP, json!({ "amount_cents": amount }))
        .await;
    let answer = rig.answer(id).await;
    assert_eq!(answer["payload"]["status"], "requested", "{answer}");
    answer["payload"]["request_id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// What the checkout says of user 1's payment of 2500.
fn told(request: Uuid, status: &str, more: Value) -> Value {
    let mut record = json!({
        "request_id": request, "user_id": 1, "amount_cents": 2_500, "currency": "eur",
        "purpose": "balance_topup", "status": status, "timestamp": "2026-01-20T10:30:01.000Z",
    });
    for (name, value) in more.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

async fn tell(rig: &Rig, record: &Value) {
    rig.append(topics::CHECKOUT_FINISHED, "1", record.to_string())
        .await;
}

/// A payment of user 1 that was asked for and paid.
async fn paid(rig: &mut Rig, payment: &str) -> Uuid {
    let request = ask(rig, 1, 2_500).await;
    tell(
        rig,
        &told(request, "success", json!({ "payment_intent_id": payment })),
    )
    .await;
    request
}

async fn balance(rig: &Rig) -> i64 {
    let reads = SqliteReads::new(rig.engine.access());
    reads.balance(UserId::new(1).unwrap()).await.unwrap().0
}

async fn owed(rig: &Rig) -> i64 {
    let reads = SqliteReads::new(rig.engine.access());
    let user = UserId::new(1).unwrap();
    let (wallet, _) = reads
        .limits(user, blazing_sun_domain::Millis(0))
        .await
        .unwrap();
    wallet.map_or(0, |wallet| wallet.owed.0)
}

/// Stops the engine, and holds everything against everything.
fn clean(rig: Rig, dir: &Path) -> AuditTotals {
    rig.engine.stop();
    let report = audit(&options(dir).path).unwrap();
    assert!(report.is_clean(), "{report:#?}");
    report.totals
}

/// The next word about a payment.
async fn heard(rig: &mut Rig) -> Value {
    rig.expect("wallet.event.top_up").await["payload"].take()
}

#[tokio::test]
async fn a_payment_is_credited_once_however_often_it_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    let command = Uuid::now_v7();
    let fields = || json!({ "amount_cents": 2_500 });
    rig.send_as(1, TOP_UP, fields(), command, "s").await;
    let first = rig.answer(command).await["payload"].take();
    assert_eq!(
        json!([
            first["status"],
            first["amount_cents"],
            first["currency"],
            first["command_id"]
        ]),
        json!(["requested", 2_500, "eur", command])
    );
    let request: Uuid = first["request_id"].as_str().unwrap().parse().unwrap();
    tell(
        &rig,
        &told(
            request,
            "session_created",
            json!({ "session_id": "cs_1", "session_url": "https://pay.example/1" }),
        ),
    )
    .await;
    let open = heard(&mut rig).await;
    assert_eq!(
        json!([open["status"], open["session_url"]]),
        json!(["session_created", "https://pay.example/1"])
    );
    // Asked again, it is the same payment as it stands now.
    rig.send_as(1, TOP_UP, fields(), command, "s").await;
    assert_eq!(heard(&mut rig).await["status"], "session_created");
    let success = told(
        request,
        "success",
        json!({ "user_id": "1", "session_id": "cs_1", "payment_intent_id": "pi_1", "livemode": false, "extra": [] }),
    );
    for _ in 0..3 {
        tell(&rig, &success).await;
    }
    tell(&rig, &told(request, "session_created", json!({}))).await;
    tell(
        &rig,
        &told(request, "failed", json!({ "error_message": "late" })),
    )
    .await;
    tell(
        &rig,
        &told(request, "success", json!({ "session_id": "cs_1" })),
    )
    .await;
    tell(&rig, &told(request, "in_review", json!({}))).await;
    let paid = heard(&mut rig).await;
    assert_eq!(
        json!([paid["status"], paid["session_url"]]),
        json!(["success", null])
    );
    assert_eq!(balance(&rig).await, 7_500);
    rig.engine.stop();

    let mut rig = Rig::start(dir.path());
    tell(&rig, &success).await;
    rig.send_as(1, TOP_UP, fields(), command, "s").await;
    assert_eq!(heard(&mut rig).await["status"], "success");
    // Another request can not be paid by the same payment.
    let other = ask(&mut rig, 1, 2_500).await;
    tell(
        &rig,
        &told(other, "success", json!({ "payment_intent_id": "pi_1" })),
    )
    .await;
    let letter = rig.dead_letter().await;
    let error = letter["error"].as_str().unwrap();
    assert!(
        error.contains("pi_1 was credited to another request"),
        "{error}"
    );
    // Nor a request by two.
    tell(
        &rig,
        &told(request, "success", json!({ "payment_intent_id": "pi_2" })),
    )
    .await;
    let error = rig.dead_letter().await["error"].to_string();
    assert!(
        error.contains("credited by payment pi_1, this is pi_2"),
        "{error}"
    );
    assert_eq!(balance(&rig).await, 7_500);
    let totals = clean(rig, dir.path());
    assert_eq!(
        (totals.players_cents, totals.test_clearing_cents),
        (7_500, -2_500)
    );
}

#[tokio::test]
async fn a_command_leads_to_one_request_on_the_topic() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.wallet.return_origins = vec!["https://play.example".to_owned()];
    let mut rig = Rig::start_with(options);
    rig.grant(1).await;
    let (id, fields) = (
        Uuid::now_v7(),
        json!({ "amount_cents": 2_500, "success_url": "https://play.example/paid" }),
    );
    for _ in 0..2 {
        rig.send_as(1, TOP_UP, fields.clone(), id, "s").await;
    }
    let request = rig.answer(id).await["payload"]["request_id"].clone();
    let records = rig.records(topics::CHECKOUT_REQUESTS).await;
    assert_eq!(records.len(), 1, "{records:?}");
    let mut record = records[0].clone();
    assert!(
        record["timestamp"]
            .take()
            .as_str()
            .is_some_and(|at| at.ends_with('Z'))
    );
    assert_eq!(
        record,
        json!({
            "request_id": request, "user_id": 1, "amount_cents": 2_500, "currency": "eur",
            "purpose": "balance_topup", "timestamp": null, "success_url": "https://play.example/paid",
            "cancel_url": null,
        })
    );
}

#[tokio::test]
async fn what_does_not_fit_the_request_is_put_aside_by_name_and_credits_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    let request = ask(&mut rig, 1, 2_500).await;
    let pi = json!({ "payment_intent_id": "pi_1" });
    let but = |name: &str, value: Value| {
        let mut record = told(request, "success", pi.clone());
        record[name] = value;
        record.to_string()
    };
    for (record, expected) in [
        (but("user_id", json!(2)), "`user_id` is 2, must be 1"),
        (
            but("amount_cents", json!(2_501)),
            "`amount_cents` is 2501, must be 2500",
        ),
        (
            but("currency", json!("usd")),
            "`currency` is usd, must be eur",
        ),
        (
            but("purpose", json!("gift")),
            "`purpose` is gift, must be balance_topup",
        ),
        (
            but("livemode", json!(true)),
            "`livemode` is true, must be false",
        ),
        (but("request_id", json!(Uuid::nil())), "no payment 00000000"),
        (but("user_id", json!(0)), "`user_id` must be a user's"),
        (
            but("session_url", json!("javascript:alert(1)")),
            "`session_url` must begin with https:// or http://",
        ),
        (
            but("session_id", json!("")),
            "`session_id` must have 1 to 255 bytes",
        ),
        (
            but("amount_cents", json!("x")),
            "no record of a checkout: invalid type",
        ),
        ("{".to_owned(), "no record of a checkout: EOF"),
    ] {
        rig.append(topics::CHECKOUT_FINISHED, "1", record).await;
        let letter = rig.dead_letter().await;
        let error = letter["error"].as_str().unwrap();
        assert!(error.contains(expected), "{error}");
        assert_eq!(letter["topic"], topics::CHECKOUT_FINISHED);
    }
    for (status, more, expected) in [
        (
            "refunded",
            json!({ "refunded_cents": 2_501 }),
            "`refunded_cents` of request",
        ),
        (
            "refunded",
            json!({ "refunded_cents": 0 }),
            "must be from 1 to 2500",
        ),
        (
            "disputed",
            json!({ "dispute": { "id": "d", "stage": "created", "amount_cents": 2_501 } }),
            "is of 2501",
        ),
        (
            "disputed",
            json!({ "dispute": { "id": "d", "stage": "begun", "amount_cents": 5 } }),
            "unknown variant",
        ),
    ] {
        tell(&rig, &told(request, status, more)).await;
        let error = rig.dead_letter().await["error"].to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(balance(&rig).await, 5_000);
    // The right one still counts, also under a key of another partition.
    let here = partition_of(b"1", PARTITIONS);
    let elsewhere = (0..).map(|n| format!("k{n}"));
    let key = elsewhere
        .into_iter()
        .find(|key| partition_of(key.as_bytes(), PARTITIONS) != here);
    let record = told(request, "success", pi).to_string();
    rig.append(topics::CHECKOUT_FINISHED, &key.unwrap(), record)
        .await;
    assert_eq!(heard(&mut rig).await["status"], "success");
    assert_eq!(balance(&rig).await, 7_500);
    clean(rig, dir.path());
}

#[tokio::test]
async fn paid_is_paid_also_after_it_had_failed_or_expired() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    for (n, status) in ["failed", "expired"].into_iter().enumerate() {
        let request = ask(&mut rig, 1, 2_500).await;
        tell(
            &rig,
            &told(request, status, json!({ "error_message": "card declined" })),
        )
        .await;
        let over = heard(&mut rig).await;
        assert_eq!(
            json!([over["status"], over["error_message"]]),
            json!([status, "card declined"])
        );
        let payment = json!({ "session_id": format!("cs_{n}") });
        tell(&rig, &told(request, "success", payment)).await;
        let paid = heard(&mut rig).await;
        assert_eq!(
            json!([paid["status"], paid["error_message"]]),
            json!(["success", null])
        );
    }
    assert_eq!(balance(&rig).await, 10_000);
    clean(rig, dir.path());
}

#[tokio::test]
async fn a_payment_on_its_way_is_open_and_has_no_page() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    let begun = balance(&rig).await;
    let request = ask(&mut rig, 1, 2_500).await;
    let url = json!({ "session_url": "https://pay.example/1" });
    for (status, more, expected) in [
        ("session_created", &url, json!("https://pay.example/1")),
        ("processing", &json!({}), Value::Null),
    ] {
        tell(&rig, &told(request, status, more.clone())).await;
        let heard = heard(&mut rig).await;
        assert_eq!(
            json!([heard["status"], heard["session_url"]]),
            json!(["session_created", expected])
        );
    }
    let reads = SqliteReads::new(rig.engine.access());
    let row = reads.top_up(request).await.unwrap().unwrap();
    assert!(row.status.is_open() && row.session_url.is_none());
    let paid = json!({ "payment_intent_id": "pi_1" });
    tell(&rig, &told(request, "success", paid)).await;
    assert_eq!(heard(&mut rig).await["status"], "success");
    // It is over: nothing is on its way.
    tell(&rig, &told(request, "processing", json!({}))).await;
    let next = ask(&mut rig, 1, 2_500).await;
    assert_eq!(
        reads.top_up(request).await.unwrap().unwrap().status,
        TopUpStatus::Success
    );
    assert_ne!(next, request);
    assert_eq!(balance(&rig).await, begun + 2_500);
    clean(rig, dir.path());
}

#[tokio::test]
async fn what_is_paid_back_is_taken_and_what_is_not_there_any_more_is_owed() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(with_grants_of(dir.path(), 1_000));
    rig.grant(1).await;
    rig.grant(2).await;
    let request = paid(&mut rig, "pi_1").await;
    // All at once, in the wrong order, and twice.
    for in_all in [500, 300, 500] {
        tell(
            &rig,
            &told(request, "refunded", json!({ "refunded_cents": in_all })),
        )
        .await;
    }
    assert_eq!((balance(&rig).await, owed(&rig).await), (3_000, 0));
    let create = json!({ "room_id": "r", "game_type": "bigger_dice", "room_name": "R" });
    rig.send(1, "create_room", create).await;
    rig.send(
        1,
        "select_player",
        json!({ "room_id": "r", "target_user_id": "1" }),
    )
    .await;
    assert_eq!(balance(&rig).await, 2_000);
    // All of it: 2000 more.
    tell(&rig, &told(request, "refunded", json!({}))).await;
    assert_eq!((balance(&rig).await, owed(&rig).await), (0, 0));
    let second = paid(&mut rig, "pi_2").await;
    tell(
        &rig,
        &told(second, "refunded", json!({ "refunded_cents": 2_000 })),
    )
    .await;
    rig.send(1, "leave_room", json!({ "room_id": "r" })).await;
    assert_eq!(balance(&rig).await, 1_500);
    rig.send(
        1,
        "create_room",
        json!({ "room_id": "r2", "game_type": "bigger_dice", "room_name": "R" }),
    )
    .await;
    rig.send(
        1,
        "select_player",
        json!({ "room_id": "r2", "target_user_id": "1" }),
    )
    .await;
    // 500 are there, 500 more are to be taken.
    tell(&rig, &told(second, "refunded", json!({}))).await;
    assert_eq!((balance(&rig).await, owed(&rig).await), (0, 0));
    let third = paid(&mut rig, "pi_3").await;
    rig.send(1, "leave_room", json!({ "room_id": "r2" })).await;
    assert_eq!(balance(&rig).await, 3_500);
    for room in ["a", "b", "c"] {
        let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": room });
        rig.send(1, "create_room", create).await;
        rig.send(
            1,
            "select_player",
            json!({ "room_id": room, "target_user_id": "1" }),
        )
        .await;
    }
    tell(&rig, &told(third, "refunded", json!({}))).await;
    assert_eq!((balance(&rig).await, owed(&rig).await), (0, 2_000));
    rig.engine.stop();

    let mut rig = Rig::start_with(with_grants_of(dir.path(), 1_000));
    paid(&mut rig, "pi_4").await;
    assert_eq!((balance(&rig).await, owed(&rig).await), (500, 0));
    let totals = clean(rig, dir.path());
    assert_eq!((totals.escrow_cents, totals.receivable_cents), (3_000, 0));
}

#[tokio::test]
async fn a_refund_that_is_told_before_the_payment_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    let request = ask(&mut rig, 1, 2_500).await;
    tell(
        &rig,
        &told(request, "refunded", json!({ "refunded_cents": 700 })),
    )
    .await;
    assert_eq!(balance(&rig).await, 5_000);
    tell(
        &rig,
        &told(request, "success", json!({ "payment_intent_id": "pi_1" })),
    )
    .await;
    let over = heard(&mut rig).await;
    assert_eq!(
        json!([over["status"], over["refunded_cents"]]),
        json!(["refunded", 700])
    );
    assert_eq!(balance(&rig).await, 6_800);
    clean(rig, dir.path());
}

/// Every order of these.
fn permutations<T: Copy>(all: &[T]) -> Vec<Vec<T>> {
    if all.is_empty() {
        return vec![Vec::new()];
    }
    let mut orders = Vec::new();
    for at in 0..all.len() {
        let mut rest = all.to_vec();
        let first = rest.remove(at);
        for mut order in permutations(&rest) {
            order.insert(0, first);
            orders.push(order);
        }
    }
    orders
}

#[tokio::test]
async fn disputes_end_the_same_in_whatever_order_they_are_told() {
    let dir = tempfile::tempdir().unwrap();
    // 100 and what is paid: less than what is disputed, once some is spent.
    let mut rig = Rig::start_with(with_grants_of(dir.path(), 100));
    rig.grant(1).await;
    let mut n = 0;
    for (stages, state, taken) in [
        (&["success", "created"][..], "held", 0),
        (&["success", "created", "funds_withdrawn"], "out", 2_500),
        (
            &["success", "created", "funds_withdrawn", "lost"],
            "out",
            2_500,
        ),
        (&["success", "created", "lost"], "out", 2_500),
        (&["success", "created", "won"], "free", 0),
        (
            &[
                "success",
                "created",
                "funds_withdrawn",
                "funds_reinstated",
                "won",
            ],
            "free",
            0,
        ),
    ] {
        for order in permutations(stages) {
            n += 1;
            let before = balance(&rig).await - owed(&rig).await;
            let request = ask(&mut rig, 1, 2_500).await;
            let dispute = format!("du_{n}");
            for stage in order.iter().flat_map(|stage| [stage, stage]) {
                if *stage == "success" {
                    let payment = json!({ "payment_intent_id": format!("pi_{n}") });
                    tell(&rig, &told(request, "success", payment)).await;
                    continue;
                }
                let (stage, outcome) = match *stage {
                    "won" | "lost" => ("closed", Some(*stage)),
                    stage => (stage, None),
                };
                let dispute = json!({
                    "id": dispute, "stage": stage, "amount_cents": 2_500, "outcome": outcome,
                });
                tell(
                    &rig,
                    &told(request, "disputed", json!({ "dispute": dispute })),
                )
                .await;
            }
            let query =
                format!("SELECT state, held_cents FROM top_up_dispute WHERE dispute_id = 'du_{n}'");
            let (found, held): (String, i64) = rig.row(&query).await;
            assert_eq!(found, state, "{order:?}");
            let after = balance(&rig).await - owed(&rig).await;
            assert_eq!(after + held - before, 2_500 - taken, "{order:?}");
            if state == "held" {
                assert_eq!(held, 2_500, "{order:?}");
                let won = json!({
                    "id": dispute, "stage": "closed", "amount_cents": 2_500, "outcome": "won",
                });
                tell(&rig, &told(request, "disputed", json!({ "dispute": won }))).await;
            }
        }
    }
    let totals = clean(rig, dir.path());
    assert_eq!((totals.disputed_cents, totals.receivable_cents), (0, 0));
}

#[tokio::test]
async fn a_dispute_of_what_was_spent_is_owed_and_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(with_grants_of(dir.path(), 100));
    rig.grant(1).await;
    let request = paid(&mut rig, "pi_1").await;
    for room in ["a", "b"] {
        let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": room });
        rig.send(1, "create_room", create).await;
        rig.send(
            1,
            "select_player",
            json!({ "room_id": room, "target_user_id": "1" }),
        )
        .await;
    }
    assert_eq!(balance(&rig).await, 600);
    let stage = |stage: &str, outcome: Option<&str>| {
        let dispute = json!({
            "id": "du_1", "stage": stage, "amount_cents": 2_500, "outcome": outcome,
        });
        told(request, "disputed", json!({ "dispute": dispute }))
    };
    tell(&rig, &stage("created", None)).await;
    assert_eq!((balance(&rig).await, owed(&rig).await), (0, 0));
    tell(&rig, &stage("funds_withdrawn", None)).await;
    assert_eq!((balance(&rig).await, owed(&rig).await), (0, 1_900));
    rig.engine.stop();

    let mut rig = Rig::start_with(with_grants_of(dir.path(), 100));
    tell(&rig, &stage("funds_withdrawn", None)).await;
    tell(&rig, &stage("funds_reinstated", None)).await;
    tell(&rig, &stage("closed", Some("won"))).await;
    assert_eq!((balance(&rig).await, owed(&rig).await), (600, 0));
    // One of another size is no word about this dispute.
    let other = json!({ "id": "du_1", "stage": "closed", "amount_cents": 5, "outcome": "lost" });
    tell(
        &rig,
        &told(request, "disputed", json!({ "dispute": other })),
    )
    .await;
    let error = rig.dead_letter().await["error"].to_string();
    assert!(error.contains("is of 5, and was of 2500 before"), "{error}");
    // A checkout that tells no more than that there is a dispute.
    tell(&rig, &told(request, "disputed", json!({}))).await;
    assert_eq!(balance(&rig).await, 0);
    let totals = clean(rig, dir.path());
    assert_eq!((totals.disputed_cents, totals.receivable_cents), (600, 0));
}

#[tokio::test]
async fn an_address_as_long_as_the_checkout_takes_keeps_no_payment_from_being_credited() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    let request = ask(&mut rig, 1, 2_500).await;
    let url = format!("https://pay.example/{}", "a".repeat(8_192 - 20));
    let page = json!({ "session_id": "cs_1", "session_url": url, "payment_intent_id": "pi_1" });
    for status in ["session_created", "success"] {
        tell(&rig, &told(request, status, page.clone())).await;
        assert_eq!(heard(&mut rig).await["status"], status);
    }
    assert_eq!(balance(&rig).await, 7_500);
    clean(rig, dir.path());
}

#[tokio::test]
async fn a_dispute_that_is_won_is_told_as_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    let request = paid(&mut rig, "pi_1").await;
    assert_eq!(heard(&mut rig).await["status"], "success");
    for (stage, outcome, status) in [
        ("created", None, "disputed"),
        ("funds_withdrawn", None, "disputed"),
        ("funds_reinstated", None, "disputed"),
        ("closed", Some("won"), "success"),
    ] {
        let dispute =
            json!({ "id": "du_1", "stage": stage, "amount_cents": 2_500, "outcome": outcome });
        tell(
            &rig,
            &told(request, "disputed", json!({ "dispute": dispute })),
        )
        .await;
        assert_eq!(heard(&mut rig).await["status"], status, "{stage}");
    }
    assert_eq!(balance(&rig).await, 7_500);
    clean(rig, dir.path());
}

#[tokio::test]
async fn what_is_paid_back_while_it_is_disputed_is_not_given_back_once_more() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(with_grants_of(dir.path(), 100));
    rig.grant(1).await;
    let orders: [[&str; 3]; 3] = [
        ["created", "refunded", "closed"],
        ["refunded", "created", "closed"],
        ["created", "closed", "refunded"],
    ];
    for (n, order) in orders.into_iter().enumerate() {
        let request = paid(&mut rig, &format!("pi_{n}")).await;
        for what in order {
            let record = match what {
                "refunded" => told(request, "refunded", json!({})),
                stage => {
                    let outcome = (stage == "closed").then_some("won");
                    let dispute = json!({
                        "id": format!("du_{n}"), "stage": stage, "amount_cents": 2_500, "outcome": outcome,
                    });
                    told(request, "disputed", json!({ "dispute": dispute }))
                }
            };
            tell(&rig, &record).await;
        }
        let left = (balance(&rig).await, owed(&rig).await);
        assert_eq!(left, (100, 0), "{order:?}");
    }
    let totals = clean(rig, dir.path());
    assert_eq!((totals.disputed_cents, totals.receivable_cents), (0, 0));
}

#[tokio::test]
async fn where_money_is_real_only_real_payments_count_and_none_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.wallet.is_real = true;
    let path = options.path.clone();
    let mut rig = Rig::start_with(options);
    let grant = json!({ "user_id": "1", "username": "P1" });
    rig.send_as(0, "wallet.command.demo_grant", grant, Uuid::now_v7(), "")
        .await;
    let request = ask(&mut rig, 1, 2_500).await;
    for livemode in [json!(false), Value::Null] {
        let more = json!({ "payment_intent_id": "pi_1", "livemode": livemode });
        tell(&rig, &told(request, "success", more)).await;
        let error = rig.dead_letter().await["error"].to_string();
        assert!(
            error.contains("`livemode` is false, must be true"),
            "{error}"
        );
    }
    assert_eq!(balance(&rig).await, 0);
    let more = json!({ "payment_intent_id": "pi_1", "livemode": true });
    tell(&rig, &told(request, "success", more)).await;
    assert_eq!(balance(&rig).await, 2_500);
    rig.engine.stop();
    let report = audit(&path).unwrap();
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(
        (report.totals.clearing_cents, report.totals.mint_cents),
        (-2_500, 0)
    );
    let Err(error) =
        blazing_sun_backend::engine::Engine::start(crate::harness::options(dir.path()))
    else {
        panic!("another money was taken");
    };
    assert!(error.to_string().contains("`real eur`"), "{error}");
}

#[tokio::test]
async fn the_audit_finds_what_does_not_fit() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    let request = paid(&mut rig, "pi_1").await;
    tell(
        &rig,
        &told(request, "refunded", json!({ "refunded_cents": 500 })),
    )
    .await;
    tell(&rig, &told(request, "disputed", json!({}))).await;
    let path = options(dir.path()).path;
    clean(rig, dir.path());
    let connection = rusqlite::Connection::open(&path).unwrap();
    for (planted, undone, expected) in [
        (
            "UPDATE top_up SET refunded_cents = 400",
            "UPDATE top_up SET refunded_cents = 500",
            "400 of it paid back; the ledger credits 2500 to user 1 by payment pi_1, and takes 500 back",
        ),
        (
            "UPDATE top_up SET status = 'failed'",
            "UPDATE top_up SET status = 'refunded'",
            "(failed) is of",
        ),
        (
            "UPDATE top_up SET payment = 'pi_9'",
            "UPDATE top_up SET payment = 'pi_1'",
            "by payment pi_9",
        ),
        (
            "UPDATE top_up SET payment = NULL",
            "UPDATE top_up SET payment = 'pi_1'",
            "payment pi_1 has transfers, and no row",
        ),
        (
            "UPDATE top_up_dispute SET held_cents = held_cents + 1",
            "UPDATE top_up_dispute SET held_cents = held_cents - 1",
            "by the ledger 2500 is held",
        ),
        (
            "INSERT INTO wallet (user_id, owed_cents, limits) VALUES (1, 7, '{}')",
            "DELETE FROM wallet",
            "user 1 owes 7, by the ledger 0",
        ),
        (
            "UPDATE account_balance SET balance = 1 WHERE account = 'disputed/1'",
            "UPDATE account_balance SET balance = 2500 WHERE account = 'disputed/1'",
            "disputed/1 has 1, its transfers come to 2500",
        ),
    ] {
        connection.execute(planted, []).unwrap();
        let report = audit(&path).unwrap();
        let named: Vec<String> = report
            .checks
            .into_iter()
            .flat_map(|check| check.named)
            .collect();
        assert!(
            named.iter().any(|named| named.contains(expected)),
            "{planted}: {named:?}"
        );
        connection.execute(undone, []).unwrap();
        assert!(audit(&path).unwrap().is_clean(), "{undone}");
    }
}
