use super::world::{Setup, World};
use crate::accounts::AccountsConfig;
use blazing_sun_backbone::envelope::EventEnvelope;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;

const REGISTER: &str = "/api/v1/auth/register";
const LOGIN: &str = "/api/v1/auth/login";
const GUEST: &str = "/api/v1/auth/guest";
const REFRESH: &str = "/api/v1/auth/refresh";
const BALANCE: &str = "/api/v1/me/balance";
const TRANSACTIONS: &str = "/api/v1/me/transactions";

fn ada() -> Value {
    json!({ "email": "ada@example.com", "password": "correct horse", "username": "Ada" })
}

#[tokio::test]
async fn demo_money_is_a_command_that_is_submitted_once() {
    let world = World::new().await;
    let registered = world.post(REGISTER, &ada()).await;
    world.post(LOGIN, &ada()).await.ok();
    world
        .post_cookie(REFRESH, &registered.refresh_token())
        .await
        .ok();
    let commands = world.commands().await;
    assert_eq!(commands.len(), 1);
    let command = &commands[0];
    assert_eq!(command.key, "1");
    assert_eq!(
        command.headers.text("event_type"),
        Some("wallet.command.demo_grant")
    );
    let envelope = EventEnvelope::parse(&command.payload).unwrap();
    assert_eq!(envelope.actor.user_id.get(), 0);
    assert_eq!(envelope.audience.user_ids[0].get(), 1);
    let payload: Value = serde_json::from_str(envelope.payload.get()).unwrap();
    assert_eq!(
        (&payload["user_id"], &payload["username"]),
        (&json!("1"), &json!("Ada"))
    );
    assert_eq!(
        payload["command_id"],
        envelope.correlation_id.as_deref().unwrap()
    );
    let text = std::str::from_utf8(&command.payload).unwrap();
    assert!(
        !text.contains("example.com") && !text.contains("horse"),
        "{text}"
    );

    let token = registered.access_token();
    let balance = world.get_as(&token, BALANCE).await.ok();
    assert_eq!(balance, json!({ "balance_cents": 5000, "currency": "eur" }));
}

#[tokio::test]
async fn an_answer_waits_for_the_money() {
    let world = World::with(Setup {
        engine_runs: false,
        ..Setup::default()
    })
    .await;
    let body = json!({});
    let mut answer = std::pin::pin!(world.post(GUEST, &body));
    let submitted = async {
        while world.commands().await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        early = &mut answer => panic!("answered before the money was there: {early:?}"),
        () = submitted => {}
    }
    world.start_engine();
    assert_eq!(answer.await.ok()["user"]["balance_cents"], 5000);
}

#[tokio::test]
async fn without_an_engine_the_answer_comes_in_time_with_the_balance_known() {
    let grant_wait = Duration::from_millis(30);
    let accounts = AccountsConfig {
        grant_wait,
        ..AccountsConfig::default()
    };
    let world = World::with(Setup {
        accounts,
        engine_runs: false,
        ..Setup::default()
    })
    .await;
    let registered = world.post(REGISTER, &ada()).await;
    assert_eq!(registered.ok()["user"]["balance_cents"], 0);
    let again = world.post(LOGIN, &ada()).await;
    assert_eq!(again.ok()["user"]["balance_cents"], 0);
    let commands = world.commands().await;
    assert_eq!(commands.len(), 2);
    assert_eq!(
        commands[0].headers.text("event_id"),
        commands[1].headers.text("event_id")
    );

    world.start_engine();
    let token = registered.access_token();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while world.get_as(&token, BALANCE).await.ok()["balance_cents"] != 5000 {
        assert!(tokio::time::Instant::now() < deadline);
    }
    let once = world.get_as(&token, TRANSACTIONS).await.ok();
    assert_eq!(once["transactions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_grant_that_got_lost_is_submitted_by_the_next_sign_in() {
    let down = World::with(Setup {
        log_is_up: false,
        ..Setup::default()
    })
    .await;
    let registered = down.post(REGISTER, &ada()).await;
    assert_eq!(registered.ok()["user"]["balance_cents"], 0);
    let guest = down.post(GUEST, &json!({})).await;

    let world = World::in_folder(down.folder(), Setup::default()).await;
    assert_eq!(
        world.post(LOGIN, &ada()).await.ok()["user"]["balance_cents"],
        5000
    );
    let renewed = world.post_cookie(REFRESH, &guest.refresh_token()).await;
    assert_eq!(renewed.ok()["user"]["balance_cents"], 5000);
}

#[tokio::test]
async fn where_money_is_real_nobody_is_given_any() {
    let accounts = AccountsConfig {
        demo_grants: false,
        allow_guests: false,
        currency: "usd".to_owned(),
        ..AccountsConfig::default()
    };
    let world = World::with(Setup {
        accounts,
        ..Setup::default()
    })
    .await;
    let user = world.post(REGISTER, &ada()).await.ok()["user"].clone();
    assert_eq!(
        (&user["balance_cents"], &user["currency"]),
        (&json!(0), &json!("usd"))
    );
    assert!(world.commands().await.is_empty());
}

#[tokio::test]
async fn transactions_are_read_page_by_page_newest_first() {
    let world = World::new().await;
    let ada = world.post(REGISTER, &ada()).await.access_token();
    let eve = world.post(GUEST, &json!({})).await.access_token();
    let mut rows = String::new();
    for n in 1..=60 {
        let at_ms = 1_700_000_000_000_i64 + n;
        rows += &format!(
            "INSERT INTO ledger_transfer
                 (key, kind, from_account, to_account, amount_cents, room_id, user_id, batch_no, at_ms)
             VALUES ('fee/r/1/{n}', 'fee', 'player/1', 'escrow/r', {n}, 'r', 1, 2, {at_ms}),
                    ('prize/r/1/{n}', 'prize', 'escrow/r', 'player/1', {n}, 'r', 1, 2, {at_ms}),
                    ('rake/r/{n}', 'rake', 'escrow/r', 'house/rake', {n}, 'r', NULL, 2, {at_ms});"
        );
    }
    rows += "INSERT INTO room_archive
                 (room_id, partition, game_type, room_name, game_version, rules_version, ended_ms, sealed_secret, inputs)
             VALUES ('r', 0, 'bigger_dice', 'Ada’s table', 1, 1, 0, '', x'');
             INSERT INTO ledger_transfer
                 (key, kind, from_account, to_account, amount_cents, room_id, user_id, batch_no, at_ms)
             VALUES ('fee/x/2/1', 'fee', 'player/2', 'escrow/x', 5, 'x', 2, 2, 0),
                    ('fee/y/2/1', 'fee', 'player/2', 'escrow/y', 6, 'y', 2, 2, 0);
             INSERT INTO room_directory (room_id, room_name, game_type, status, summary, listed_ms)
             VALUES ('x', 'Duel', 'tic_tac_toe', 'in_progress', '{}', 0);";
    world.sql(rows).await;

    let mut seen = Vec::new();
    let mut path = TRANSACTIONS.to_owned();
    let mut pages = 0;
    loop {
        let page = world.get_as(&ada, &path).await.ok();
        seen.extend(page["transactions"].as_array().unwrap().clone());
        pages += 1;
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("{TRANSACTIONS}?cursor={cursor}");
    }
    assert_eq!((pages, seen.len()), (3, 121));
    let id = seen[0]["id"].as_str().unwrap();
    assert_eq!(
        seen[0],
        json!({
            "id": id, "kind": "prize", "change_cents": 60, "currency": "eur", "room_id": "r",
            "game_type": "bigger_dice", "room_name": "Ada’s table", "at": "2023-11-14T22:13:20.060Z",
        })
    );
    let after = world
        .get_as(&ada, &format!("{TRANSACTIONS}?cursor={id}"))
        .await
        .ok();
    assert_eq!(after["transactions"][0], seen[1]);
    let ids: HashSet<_> = seen.iter().map(|row| row["id"].to_string()).collect();
    assert_eq!(ids.len(), seen.len());
    assert_eq!(
        (&seen[1]["kind"], &seen[1]["change_cents"]),
        (&json!("fee"), &json!(-60))
    );
    assert_eq!(seen[120]["kind"], "demo_grant");
    let sum: i64 = seen
        .iter()
        .map(|row| row["change_cents"].as_i64().unwrap())
        .sum();
    assert_eq!(sum, 5000);

    let other = world.get_as(&eve, TRANSACTIONS).await.ok();
    let rooms = other["transactions"].as_array().unwrap().iter();
    let rooms = rooms.map(|row| json!([row["change_cents"], row["game_type"], row["room_name"]]));
    assert_eq!(
        rooms.collect::<Vec<_>>(),
        [
            json!([-6, null, null]),
            json!([-5, "tic_tac_toe", "Duel"]),
            json!([5_000, null, null])
        ]
    );
    assert_eq!(other["next_cursor"], Value::Null);
    for bad in ["x", "%00", "AAAA", "-1", "AAAAAAAAAAAAAAAA", "%ff", "'"] {
        let answer = world
            .get_as(&ada, &format!("{TRANSACTIONS}?cursor={bad}"))
            .await;
        assert_eq!(
            answer.problem(400, "invalid_format")["field"],
            "cursor",
            "{bad}"
        );
    }
}
