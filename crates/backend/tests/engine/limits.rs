//! What players are kept from: by their own limits, by the operator's, and by their own exclusion.

use crate::harness::{Rig, options};
use blazing_sun_domain::Cents;
use serde_json::{Value, json};
use uuid::Uuid;

const TOP_UP: &str = "wallet.command.top_up";
const SET_LIMIT: &str = "wallet.command.set_deposit_limit";
const EXCLUDE: &str = "wallet.command.exclude_self";

async fn answer(rig: &mut Rig, user: u64, name: &str, fields: Value) -> Value {
    let id = rig.send(user, name, fields).await;
    rig.answer(id).await
}

/// The code of a refusal, and what it says.
async fn refused(rig: &mut Rig, user: u64, name: &str, fields: Value) -> (String, String) {
    let answer = answer(rig, user, name, fields).await;
    assert_eq!(answer["event_type"], "games.event.error", "{answer}");
    let text = |name: &str| answer["payload"][name].as_str().unwrap().to_owned();
    (text("code"), text("message"))
}

#[tokio::test]
async fn more_than_the_limits_is_refused_and_open_requests_count() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.wallet.deposits.week = Some(Cents(5_000));
    let mut rig = Rig::start_with(options);
    rig.grant(1).await;
    let pay = |cents: i64| json!({ "amount_cents": cents });
    for cents in [0, 99, 100_001, -5] {
        let (code, message) = refused(&mut rig, 1, TOP_UP, pay(cents)).await;
        assert_eq!(code, "invalid_amount");
        assert!(message.contains("from 100 to 100000"), "{message}");
    }
    let foreign = json!({ "amount_cents": 500, "cancel_url": "https://evil.example/" });
    let (code, message) = refused(&mut rig, 1, TOP_UP, foreign).await;
    assert_eq!(
        (code.as_str(), message.contains("`cancel_url`")),
        ("invalid_url", true)
    );
    assert_eq!(
        answer(&mut rig, 1, TOP_UP, pay(3_000)).await["payload"]["status"],
        "requested"
    );
    let (code, message) = refused(&mut rig, 1, TOP_UP, pay(2_001)).await;
    assert_eq!(code, "deposit_limit");
    assert!(
        message.contains("this site's limit for a week is 5000 cents, and 2000"),
        "{message}"
    );
    let told = answer(
        &mut rig,
        1,
        SET_LIMIT,
        json!({ "period": "day", "amount_cents": 3_500 }),
    )
    .await;
    assert_eq!(told["event_type"], "wallet.event.limits");
    assert_eq!(
        told["payload"]["limits"],
        json!([
            { "period": "day", "amount_cents": 3_500, "used_cents": 3_000 },
            { "period": "week", "used_cents": 3_000 },
            { "period": "month", "used_cents": 3_000 },
        ])
    );
    // Raised, it holds for a day yet; also over a restart.
    let raise = json!({ "period": "day", "amount_cents": null });
    let id = Uuid::now_v7();
    rig.send_as(1, SET_LIMIT, raise.clone(), id, "s").await;
    let told = rig.answer(id).await;
    let day = &told["payload"]["limits"][0];
    assert_eq!(day["amount_cents"], 3_500);
    assert!(day["pending"]["from"].is_string() && day["pending"]["amount_cents"].is_null());
    rig.engine.stop();
    let mut rig = Rig::start_with(crate::harness::options(dir.path()));
    rig.send_as(1, SET_LIMIT, raise, id, "s").await;
    assert_eq!(rig.answer(id).await["payload"]["limits"][0], *day);
    let (code, message) = refused(&mut rig, 1, TOP_UP, pay(501)).await;
    assert_eq!(code, "deposit_limit");
    assert!(
        message.contains("your limit for a day is 3500 cents, and 500 of them"),
        "{message}"
    );
    // What is asked in one batch counts too.
    let ids = rig
        .send_together(&[(1, TOP_UP, pay(300)), (1, TOP_UP, pay(300))])
        .await;
    assert_eq!(
        rig.answer(ids[0]).await["event_type"],
        "wallet.event.top_up"
    );
    assert_eq!(rig.answer(ids[1]).await["payload"]["code"], "deposit_limit");
    // Another's are another's.
    assert_eq!(
        answer(&mut rig, 2, TOP_UP, pay(600)).await["payload"]["status"],
        "requested"
    );
}

#[tokio::test]
async fn without_a_checkout_nothing_is_paid_in_and_open_requests_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let mut none = options(dir.path());
    none.wallet.takes_payments = false;
    let mut rig = Rig::start_with(none);
    let pay = json!({ "amount_cents": 500 });
    assert_eq!(
        refused(&mut rig, 1, TOP_UP, pay.clone()).await.0,
        "payments_unavailable"
    );
    rig.engine.stop();
    let mut rig = Rig::start(dir.path());
    rig.register(&[(2, "banned")]).await;
    assert_eq!(refused(&mut rig, 2, TOP_UP, pay.clone()).await.0, "banned");
    for _ in 0..32 {
        answer(&mut rig, 1, TOP_UP, pay.clone()).await;
    }
    assert_eq!(refused(&mut rig, 1, TOP_UP, pay).await.0, "rate_limited");
}

#[tokio::test]
async fn who_is_excluded_comes_to_no_table_and_pays_nothing_in() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    for user in 1..=3 {
        rig.grant(user).await;
    }
    let create =
        |room: &str| json!({ "room_id": room, "game_type": "bigger_dice", "room_name": room });
    let room = json!({ "room_id": "r" });
    let dice = json!({ "game_type": "bigger_dice" });
    rig.send(2, "create_room", create("r")).await;
    rig.send(1, "join_room", room.clone()).await;
    let waits = answer(&mut rig, 1, "quick_match", dice.clone()).await;
    assert_eq!(waits["payload"]["is_waiting"], true);
    let told = answer(&mut rig, 1, EXCLUDE, json!({ "days": 30 })).await;
    let until = told["payload"]["excluded_until"]
        .as_str()
        .unwrap()
        .to_owned();
    // It is never shortened.
    let told = answer(&mut rig, 1, EXCLUDE, json!({ "days": 1 })).await;
    assert_eq!(told["payload"]["excluded_until"], until.as_str());
    // The place in the queue is given up: the next two are matched.
    let (waiting, of) = (
        answer(&mut rig, 3, "quick_match", dice.clone()).await,
        "payload",
    );
    assert_eq!(waiting[of]["waiting"], 1);
    rig.engine.stop();

    let mut rig = Rig::start(dir.path());
    for (name, fields) in [
        ("create_room", create("own")),
        ("join_room", json!({ "room_name": "r" })),
        ("join_room", room.clone()),
        ("become_player", room.clone()),
        ("quick_match", dice),
        (TOP_UP, json!({ "amount_cents": 500 })),
    ] {
        let (code, message) = refused(&mut rig, 1, name, fields).await;
        assert_eq!(code, "self_excluded", "{name}");
        assert!(message.contains(&until), "{name}: {message}");
    }
    let select = json!({ "room_id": "r", "target_user_id": "1" });
    let (code, message) = refused(&mut rig, 2, "select_player", select.clone()).await;
    assert_eq!(code, "self_excluded");
    assert!(!message.contains(&until), "{message}");
    // Nobody but the host learns it.
    assert_eq!(
        refused(&mut rig, 3, "select_player", select).await.0,
        "not_in_room"
    );
    // The others go on, and one may leave.
    rig.send(3, "join_room", room.clone()).await;
    rig.expect("games.event.lobby_joined").await;
    let left = answer(&mut rig, 1, "leave_room", room).await;
    assert_eq!(left["event_type"], "games.event.player_left");
}
