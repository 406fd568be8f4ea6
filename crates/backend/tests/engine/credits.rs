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
