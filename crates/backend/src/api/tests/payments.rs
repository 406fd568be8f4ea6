use super::world::{Setup, World};
use crate::accounts::AccountsConfig;
use crate::api::ApiConfig;
use crate::wallet::WalletRules;
use blazing_sun_backbone::envelope::EventEnvelope;
use blazing_sun_backbone::messages::top_up_request_id;
use blazing_sun_domain::wallet::DepositRules;
use blazing_sun_domain::{Cents, CommandId, UserId};
use serde_json::{Value, json};
use uuid::Uuid;

const GUEST: &str = "/api/v1/auth/guest";
const SESSIONS: &str = "/api/v1/checkout/sessions";
const TERMS: &str = "/api/v1/checkout/terms";
const LIMITS: &str = "/api/v1/me/limits";

/// Without an engine: commands stay on the log as they were written.
async fn world() -> World {
    let accounts = AccountsConfig {
        demo_grants: false,
        ..AccountsConfig::default()
    };
    World::with(Setup {
        accounts,
        engine_runs: false,
        ..Setup::default()
    })
    .await
}

#[tokio::test]
async fn a_payment_is_asked_for_by_a_command_like_a_gateways() {
    let world = world().await;
    let token = world.post(GUEST, &json!({})).await.access_token();
    let bearer = format!("Bearer {token}");
    let key = Uuid::now_v7();
    let key_text = key.to_string();
    let headers = [
        ("authorization", bearer.as_str()),
        ("idempotency-key", &key_text),
    ];
    let body = json!({ "amount_cents": 500, "success_url": "https://play.example/" });
    for _ in 0..2 {
        let answer = world.post_with(SESSIONS, &headers, &body).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let request = top_up_request_id(UserId::new(1).unwrap(), CommandId(key));
        assert_eq!(answer.json(), json!({ "request_id": request }));
    }
    let commands = world.commands().await;
    assert_eq!(commands.len(), 2);
    assert_eq!(commands[0].payload.len(), commands[1].payload.len());
    assert_eq!(commands[0].key, "1");
    let envelope = EventEnvelope::parse(&commands[0].payload).unwrap();
    assert_eq!(envelope.event_type, "wallet.command.top_up");
    assert_eq!(
        (envelope.actor.user_id.get(), &*envelope.actor.socket_id),
        (1, "")
    );
    let payload: Value = serde_json::from_str(envelope.payload.get()).unwrap();
    assert_eq!(
        payload,
        json!({
            "command_id": key, "amount_cents": 500, "success_url": "https://play.example/",
            "cancel_url": null,
        })
    );
    for (fields, field) in [
        (json!({}), "`amount_cents` is missing."),
        (
            json!({ "amount_cents": 1.5 }),
            "`amount_cents` must be a whole number.",
        ),
        (
            json!({ "amount_cents": 5, "cancel_url": 5 }),
            "`cancel_url` must be a text.",
        ),
        (
            json!({ "amount_cents": 5, "cancel_url": "x".repeat(2_049) }),
            "at most 2048 bytes",
        ),
    ] {
        let refused = world.post_with(SESSIONS, &headers[..1], &fields).await;
        refused.problem(400, "invalid_format");
        assert!(refused.text.contains(field), "{refused:?}");
    }
    let bad_key = [headers[0], ("idempotency-key", "again")];
    world
        .post_with(SESSIONS, &bad_key, &body)
        .await
        .problem(400, "invalid_format");
    world
        .post(SESSIONS, &body)
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_payment_is_cancelled_by_a_command_like_a_gateways() {
    let world = world().await;
    let token = world.post(GUEST, &json!({})).await.access_token();
    let bearer = format!("Bearer {token}");
    let (key, request) = (Uuid::now_v7(), Uuid::from_u128(7));
    let key_text = key.to_string();
    let headers = [
        ("authorization", bearer.as_str()),
        ("idempotency-key", &key_text),
    ];
    let path = format!("{SESSIONS}/{request}/cancel");
    for _ in 0..2 {
        let answer = world.post_with(&path, &headers, &json!({})).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        assert_eq!(answer.json(), json!({ "request_id": request }));
    }
    let commands = world.commands().await;
    assert_eq!(commands.len(), 2);
    assert_eq!(commands[0].key, "1");
    let envelope = EventEnvelope::parse(&commands[0].payload).unwrap();
    assert_eq!(envelope.event_type, "wallet.command.cancel_top_up");
    let payload: Value = serde_json::from_str(envelope.payload.get()).unwrap();
    assert_eq!(payload, json!({ "command_id": key, "request_id": request }));
    let bad_key = [headers[0], ("idempotency-key", "again")];
    let refused = world.post_with(&path, &bad_key, &json!({})).await;
    refused.problem(400, "invalid_format");
    let nameless = format!("{SESSIONS}/7%00/cancel");
    let refused = world.post_with(&nameless, &headers, &json!({})).await;
    refused.problem(404, "not_found");
    let stranger = world.post(&path, &json!({})).await;
    stranger.problem(401, "unauthenticated");
}

#[tokio::test]
async fn payments_and_limits_are_read_by_whose_they_are() {
    let world = world().await;
    let ada = world.post(GUEST, &json!({})).await.access_token();
    let eve = world.post(GUEST, &json!({})).await.access_token();
    let now = world.now().0;
    world
        .sql(format!(
            "INSERT INTO top_up (request_id, user_id, amount_cents, currency, status, session_url, payment,
                                 refunded_cents, requested_ms, finished_ms)
             VALUES (x'{id:032x}', 1, 2500, 'eur', 'session_created', 'https://pay.example', NULL, 0, 0, NULL),
                    (x'{newer:032x}', 1, 300, 'eur', 'requested', NULL, NULL, 0, 1, NULL),
                    (x'{failed:032x}', 1, 300, 'eur', 'failed', NULL, NULL, 0, 2, {now}),
                    (x'{paid:032x}', 1, 700, 'eur', 'refunded', 'https://pay.example', 'pi_1', 200, 0, {now});
             INSERT INTO wallet (user_id, owed_cents, limits, excluded_until_ms)
             VALUES (1, 0, '{{\"week\":{{\"amount_cents\":5000}}}}', {until})",
            id = 7,
            newer = 5,
            failed = 6,
            paid = 8,
            until = now + 1,
        ))
        .await;
    let path = |id: u128| format!("{SESSIONS}/{}", Uuid::from_u128(id));
    let open = world.get_as(&ada, &path(7)).await.ok();
    assert_eq!(
        open,
        json!({
            "request_id": Uuid::from_u128(7), "status": "session_created", "amount_cents": 2_500,
            "currency": "eur", "refunded_cents": 0, "session_url": "https://pay.example",
            "error_message": null, "requested_at": "1970-01-01T00:00:00.000Z", "finished_at": null,
        })
    );
    let paid = world.get_as(&ada, &path(8)).await.ok();
    assert_eq!(
        json!([paid["status"], paid["refunded_cents"], paid["session_url"]]),
        json!(["refunded", 200, null])
    );
    let listed = world.get_as(&ada, SESSIONS).await.ok();
    assert_eq!(listed["payments"].as_array().unwrap().len(), 2);
    assert_eq!(
        listed["payments"][0]["request_id"],
        json!(Uuid::from_u128(5))
    );
    assert_eq!(listed["payments"][1], open);
    let of_eve = world.get_as(&eve, SESSIONS).await.ok();
    assert_eq!(of_eve, json!({ "payments": [] }));
    world.get(SESSIONS).await.problem(401, "unauthenticated");
    for path in [path(7), path(9), format!("{SESSIONS}/x")] {
        world.get_as(&eve, &path).await.problem(404, "not_found");
    }
    world.get(&path(7)).await.problem(401, "unauthenticated");
    let limits = world.get_as(&ada, LIMITS).await.ok();
    assert_eq!(
        limits["limits"][1],
        json!({ "period": "week", "amount_cents": 5_000, "used_cents": 3_300, "pending": null })
    );
    assert!(limits["excluded_until"].is_string());
    let none = world.get_as(&eve, LIMITS).await.ok();
    assert_eq!(
        json!([
            none["limits"][0]["amount_cents"],
            none["limits"][0]["used_cents"],
            none["excluded_until"]
        ]),
        json!([null, 0, null])
    );
}

#[tokio::test]
async fn the_terms_are_told_to_everybody() {
    let told = world().await.get(TERMS).await.ok();
    assert_eq!(
        told,
        json!({
            "is_open": true, "is_test_money": true, "currency": "eur", "min_cents": 100, "max_cents": 100_000,
            "day_cents": null, "week_cents": null, "month_cents": null,
        })
    );
    let wallet = WalletRules {
        is_real: true,
        takes_payments: false,
        deposits: DepositRules {
            least: Cents(500),
            most: Cents(20_000),
            day: None,
            week: Some(Cents(30_000)),
            month: Some(Cents(90_000)),
        },
        ..WalletRules::default()
    };
    let world = World::with(Setup {
        api: ApiConfig {
            wallet,
            ..ApiConfig::default()
        },
        ..Setup::default()
    })
    .await;
    let told = world.get(TERMS).await.ok();
    assert_eq!(
        told,
        json!({
            "is_open": false, "is_test_money": false, "currency": "eur", "min_cents": 500, "max_cents": 20_000,
            "day_cents": null, "week_cents": 30_000, "month_cents": 90_000,
        })
    );
}
