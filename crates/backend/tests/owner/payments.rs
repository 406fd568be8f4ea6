//! Payments over Kafka and PostgreSQL: from any partition, over a take-over, to the cent.

use super::records;
use super::rig::{Rig, abandon, key_in, stop, two, user_in};
use blazing_sun_backbone::log::{Headers, NewRecord, Topic};
use blazing_sun_backbone::topics;
use blazing_sun_backend::audit::audit;
use blazing_sun_backend::export::{ExportOptions, compare_topics, export};
use blazing_sun_backend::store::postgres::PgPool;
use serde_json::{Value, json};
use uuid::Uuid;

fn finished(user: u64, key: &str, record: &Value) -> NewRecord {
    let mut whole = json!({
        "user_id": user, "amount_cents": 2_500, "currency": "eur", "purpose": "balance_topup",
        "timestamp": "2026-01-20T10:30:01.000Z",
    });
    for (name, value) in record.as_object().unwrap() {
        whole[name] = value.clone();
    }
    NewRecord {
        topic: Topic::new(topics::CHECKOUT_FINISHED),
        partition: None,
        key: key.to_owned().into(),
        headers: Headers::default(),
        payload: whole.to_string().into(),
    }
}

async fn heard(rig: &mut Rig) -> Value {
    rig.expect("wallet.event.top_up").await["payload"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_counts_once_wherever_it_is_told_and_whoever_owns_the_partition() {
    let mut rig = Rig::new().await;
    let backends = two(&rig).await;
    let (user, other) = (user_in(0), user_in(1));
    rig.grant(user).await;
    rig.grant(other).await;
    let (command, fields) = (Uuid::now_v7(), json!({ "amount_cents": 2_500 }));
    let ask = || records::command(user, "wallet.command.top_up", fields.clone(), command, "s");
    rig.append(ask()).await;
    let asked = heard(&mut rig).await;
    assert_eq!(asked["status"], "requested", "{asked}");
    let request = asked["request_id"].clone();
    let success =
        json!({ "request_id": request, "status": "success", "payment_intent_id": "pi_1" });
    // Under a key of the other partition too.
    let elsewhere = key_in(1, |n| format!("k-{n}"));
    for key in [elsewhere.clone(), user.to_string(), elsewhere] {
        rig.append(finished(user, &key, &success)).await;
    }
    let paid = heard(&mut rig).await;
    assert_eq!(paid["status"], "success", "{paid}");
    let limit = json!({ "period": "day", "amount_cents": 2_600 });
    rig.send(user, "wallet.command.set_deposit_limit", limit)
        .await;
    let told = rig.expect("wallet.event.limits").await;
    assert_eq!(told["payload"]["limits"][0]["used_cents"], 2_500, "{told}");
    for backend in backends {
        abandon(backend).await;
    }

    let backend = rig.backend("after").await;
    rig.append(ask()).await;
    assert_eq!(heard(&mut rig).await["status"], "success");
    let more = rig
        .send(
            user,
            "wallet.command.top_up",
            json!({ "amount_cents": 101 }),
        )
        .await;
    let refused = rig.answer(more).await;
    assert_eq!(refused["payload"]["code"], "deposit_limit", "{refused}");
    rig.append(finished(user, &user.to_string(), &success))
        .await;
    let dispute = json!({ "id": "du_1", "stage": "funds_withdrawn", "amount_cents": 1_000 });
    let disputed = json!({ "request_id": request, "status": "disputed", "dispute": dispute });
    rig.append(finished(user, &user.to_string(), &disputed))
        .await;
    assert_eq!(heard(&mut rig).await["status"], "disputed");
    let refunded = json!({ "request_id": request, "status": "refunded", "refunded_cents": 300 });
    rig.append(finished(user, &user.to_string(), &refunded))
        .await;
    assert_eq!(heard(&mut rig).await["refunded_cents"], 300);
    let balance = format!("SELECT balance FROM account_balance WHERE account = 'player/{user}'");
    assert_eq!(rig.number(&balance).await, 5_000 + 2_500 - 1_000 - 300);
    let credits = "SELECT count(*) FROM ledger_transfer WHERE kind = 'top_up'";
    assert_eq!(rig.number(credits).await, 1);
    // A room of the other partition keeps out who is excluded.
    rig.send(user, "wallet.command.exclude_self", json!({ "days": 1 }))
        .await;
    rig.expect("wallet.event.limits").await;
    let room = key_in(1, |n| format!("r-{n}"));
    let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": "R" });
    let created = rig.send(user, "create_room", create).await;
    let refused = rig.answer(created).await;
    assert_eq!(refused["payload"]["code"], "self_excluded", "{refused}");
    stop(backend).await;
    assert_whole(&rig).await;
}

/// As an embedded database the deployment holds what its topics and its ledger say.
async fn assert_whole(rig: &Rig) {
    let pool = PgPool::open(&rig.postgres()).await.unwrap();
    let topics = compare_topics(&pool, &rig.log).await.unwrap();
    assert_eq!(topics.differences, 0, "{topics:?}");
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("copy.sqlite3");
    let options = ExportOptions {
        into: into.clone(),
        games: rig.games.iter().map(|game| game.name.to_owned()).collect(),
        partitions: 2,
        consumed_from: None,
    };
    export(&pool, options).await.unwrap();
    let report = tokio::task::spawn_blocking(move || audit(&into));
    let report = report.await.unwrap().unwrap();
    assert!(report.is_clean(), "{report:#?}");
    let totals = report.totals;
    assert_eq!(
        (totals.test_clearing_cents, totals.disputed_cents),
        (-1_200, 0)
    );
    let looked_at = |name: &str| {
        let check = report.checks.iter().find(|check| check.name.contains(name));
        check.map_or(0, |check| check.looked_at)
    };
    let payments = looked_at("every payment that was credited");
    assert_eq!((payments, looked_at("every player owes")), (2, 1));
}
