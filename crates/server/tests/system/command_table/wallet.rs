//! Paying in, and being kept from it.

use super::scene::{Ended, Row};
use serde_json::json;

pub async fn top_up(row: Row) -> Ended {
    let environment = [
        ("DEPOSITS__ENABLED", "true"),
        ("PAYMENTS__PROVIDER", "none"),
        ("DEPOSITS__DAY_CENTS", "3000"),
        ("GATEWAY__ALLOWED_ORIGINS", r#"["https://play.example"]"#),
    ];
    let mut scene = row.scene_with(&["ann", "ann+"], &environment).await;
    let fields = json!({ "amount_cents": 2_500, "success_url": "https://play.example/paid" });
    let told = "wallet.top_up user: ann ann+";
    let id = scene
        .does("ann", "wallet.command.top_up", fields, told)
        .await;
    let answer = scene.event("ann", &id, "wallet.top_up").await;
    assert_eq!(
        json!([answer["status"], answer["amount_cents"], answer["currency"]]),
        json!(["requested", 2_500, "eur"])
    );
    let path = format!(
        "/api/v1/checkout/sessions/{}",
        answer["request_id"].as_str().expect("a request")
    );
    let read = scene.get("ann", &path).await;
    assert_eq!(
        json!([read["request_id"], read["status"], read["session_url"]]),
        json!([answer["request_id"], "requested", null])
    );
    let requests = scene.records("checkout.requests").await;
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(requests[0]["request_id"], answer["request_id"]);
    for (fields, code) in [
        (json!({ "amount_cents": 501 }), "deposit_limit"),
        (json!({ "amount_cents": 1 }), "invalid_amount"),
        (
            json!({ "amount_cents": 500, "success_url": "https://evil.example/" }),
            "invalid_url",
        ),
        (json!({ "amount_cents": "much" }), "invalid_format"),
    ] {
        scene
            .refused("ann", "wallet.command.top_up", fields, code)
            .await;
    }
    scene.ends().await
}

pub async fn top_up_without_a_checkout(row: Row) -> Ended {
    let mut scene = row
        .scene_with(&["ann"], &[("PAYMENTS__PROVIDER", "none")])
        .await;
    let fields = json!({ "amount_cents": 500 });
    scene
        .refused(
            "ann",
            "wallet.command.top_up",
            fields,
            "payments_unavailable",
        )
        .await;
    scene.ends().await
}

pub async fn cancel_top_up(row: Row) -> Ended {
    let environment = [
        ("DEPOSITS__ENABLED", "true"),
        ("PAYMENTS__PROVIDER", "none"),
    ];
    let mut scene = row.scene_with(&["ann", "ann+", "bob"], &environment).await;
    let told = "wallet.top_up user: ann ann+";
    let fields = json!({ "amount_cents": 2_500 });
    let id = scene
        .does("ann", "wallet.command.top_up", fields, told)
        .await;
    let asked = scene.event("ann", &id, "wallet.top_up").await;
    let fields = json!({ "request_id": asked["request_id"] });
    let id = scene
        .does("ann", "wallet.command.cancel_top_up", fields.clone(), told)
        .await;
    // It is open until the checkout says how it ended.
    let answer = scene.event("ann", &id, "wallet.top_up").await;
    assert_eq!(
        json!([answer["request_id"], answer["status"]]),
        json!([asked["request_id"], "requested"])
    );
    let cancelled = scene.records("checkout.cancellations").await;
    assert_eq!(cancelled.len(), 1, "{cancelled:?}");
    assert_eq!(cancelled[0]["request_id"], asked["request_id"]);
    for (who, fields, code) in [
        ("bob", fields, "payment_not_found"),
        ("ann", json!({ "request_id": 7 }), "invalid_format"),
    ] {
        scene
            .refused(who, "wallet.command.cancel_top_up", fields, code)
            .await;
    }
    scene.ends().await
}

pub async fn set_deposit_limit(row: Row) -> Ended {
    let mut scene = row.scene(&["ann", "ann+"]).await;
    let fields = json!({ "period": "week", "amount_cents": 5_000 });
    let told = "wallet.limits user: ann ann+";
    let id = scene
        .does("ann", "wallet.command.set_deposit_limit", fields, told)
        .await;
    let answer = scene.event("ann", &id, "wallet.limits").await;
    assert_eq!(
        answer["limits"][1],
        json!({ "period": "week", "amount_cents": 5_000, "used_cents": 0 })
    );
    let read = scene.get("ann", "/api/v1/me/limits").await;
    assert_eq!(
        read["limits"][1],
        json!({ "period": "week", "amount_cents": 5_000, "used_cents": 0, "pending": null })
    );
    let year = json!({ "period": "year", "amount_cents": 5_000 });
    scene
        .refused(
            "ann",
            "wallet.command.set_deposit_limit",
            year,
            "invalid_format",
        )
        .await;
    scene.ends().await
}

pub async fn exclude_self(row: Row) -> Ended {
    let mut scene = row.scene(&["ann", "ann+"]).await;
    let told = "wallet.limits user: ann ann+";
    let id = scene
        .does(
            "ann",
            "wallet.command.exclude_self",
            json!({ "days": 7 }),
            told,
        )
        .await;
    let answer = scene.event("ann", &id, "wallet.limits").await;
    let until = answer["excluded_until"].as_str().expect("an instant");
    let read = scene.get("ann", "/api/v1/me/limits").await;
    assert_eq!(read["excluded_until"], until);
    let dice = json!({ "game_type": "bigger_dice" });
    scene
        .refused("ann", "quick_match", dice, "self_excluded")
        .await;
    let room = json!({ "game_type": "bigger_dice", "room_name": "Own" });
    scene
        .refused("ann", "create_room", room, "self_excluded")
        .await;
    for days in [0, 1_826] {
        let fields = json!({ "days": days });
        scene
            .refused(
                "ann",
                "wallet.command.exclude_self",
                fields,
                "invalid_format",
            )
            .await;
    }
    scene.ends().await
}
