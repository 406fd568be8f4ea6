//! Demo money by `wallet.command.credit`, as it stands on the log: from whoever may write there, as often
//! as they write it.

use crate::harness::{Rig, options};
use blazing_sun_backend::audit::audit;
use serde_json::{Value, json};
use uuid::Uuid;

const CREDIT: &str = "wallet.command.credit";

async fn credit(rig: &Rig, fields: Value, id: Uuid) {
    rig.send_as(0, CREDIT, fields, id, "").await;
}

async fn balance(rig: &mut Rig) -> (String, i64) {
    let event = rig.expect("wallet.event.balance_changed").await;
    let user = event["audience"]["user_ids"][0]
        .as_str()
        .unwrap()
        .to_owned();
    (user, event["payload"]["balance_cents"].as_i64().unwrap())
}

#[tokio::test]
async fn a_credit_on_the_log_counts_once_and_for_players_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    rig.grant(2).await;
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    let of = |user: u64, cents: i64| json!({ "user_id": user.to_string(), "amount_cents": cents });
    // Often at once, for another user and amount too: the id alone counts.
    tokio::join!(
        credit(&rig, of(1, 70), first),
        credit(&rig, of(1, 70), first),
        credit(&rig, of(1, 70), first)
    );
    credit(&rig, of(2, 80), first).await;
    for wrong in [
        of(1, 0),
        of(1, -5),
        of(1, 100_000_001),
        of(99, 5),
        json!({ "user_id": "1" }),
    ] {
        credit(&rig, wrong, Uuid::now_v7()).await;
    }
    assert_eq!(balance(&mut rig).await, ("1".to_owned(), 5_070));
    rig.engine.stop();

    let mut rig = Rig::start(dir.path());
    credit(&rig, of(1, 70), first).await;
    credit(&rig, of(2, 1), second).await;
    assert_eq!(balance(&mut rig).await, ("2".to_owned(), 5_001));
    credit(&rig, of(1, 1), Uuid::now_v7()).await;
    assert_eq!(balance(&mut rig).await, ("1".to_owned(), 5_071));
    rig.engine.stop();
    let report = audit(&options(dir.path()).path).unwrap();
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(report.totals.mint_cents, -10_072);
}

#[tokio::test]
async fn what_a_closed_guest_has_goes_back_once_they_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    for user in [1, 2, 3] {
        rig.grant(user).await;
    }
    let close = async |rig: &Rig, user: u64| {
        let fields = json!({ "user_id": user.to_string() });
        let id = Uuid::now_v7();
        rig.send_as(0, "wallet.command.close_guest", fields, id, "")
            .await;
        id
    };
    rig.presence("user_online", 1, ("g", "b"), "s").await;
    rig.beat(("g", "b")).await;
    rig.send(
        2,
        "create_room",
        json!({ "room_id": "r", "game_type": "bigger_dice", "room_name": "R" }),
    )
    .await;
    rig.expect("games.event.room_created").await;
    // One is connected, one in a room, and nobody has no money.
    for user in [1, 2, 99] {
        close(&rig, user).await;
    }
    let id = close(&rig, 3).await;
    close(&rig, 3).await;
    assert_eq!(balance(&mut rig).await, ("3".to_owned(), 0));
    let key = format!("guest_closed/{id}");
    let query = format!(
        "SELECT from_account || ' ' || to_account, amount_cents FROM ledger_transfer WHERE key = '{key}'"
    );
    assert_eq!(
        rig.row(&query).await,
        ("player/3 demo/mint".to_owned(), 5_000)
    );

    rig.presence("user_offline", 1, ("g", "b"), "s").await;
    rig.send(2, "leave_room", json!({ "room_id": "r" })).await;
    rig.expect("games.event.room_removed").await;
    close(&rig, 2).await;
    assert_eq!(balance(&mut rig).await, ("2".to_owned(), 0));
    while rig
        .row("SELECT '', count(*) FROM user_online WHERE user_id = 1")
        .await
        .1
        == 0
    {
        tokio::task::yield_now().await;
    }
    close(&rig, 1).await;
    assert_eq!(balance(&mut rig).await, ("1".to_owned(), 0));
    rig.engine.stop();
    let report = audit(&options(dir.path()).path).unwrap();
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(report.totals.mint_cents, 0);
}
