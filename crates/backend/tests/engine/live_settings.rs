//! What operators have set holds for an engine from its start on.

use crate::harness::{Rig, options};
use blazing_sun_backbone::live::{LiveSet, MAINTENANCE_SETTING};
use blazing_sun_backend::store::operators::{LiveSettings, NewEntry, Outcome};
use blazing_sun_backend::store::sqlite::SqliteOperators;
use blazing_sun_domain::{Cents, Millis};
use serde_json::json;

const FEE: &str = "games.bigger_dice.entry_fee_cents";

#[tokio::test]
async fn an_engine_that_starts_decides_by_what_was_set_before() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::start(dir.path());
    let entry = NewEntry {
        at: Millis(1),
        operator: "cli:ada".to_owned(),
        action: "settings.set".to_owned(),
        target: Some(FEE.to_owned()),
        detail: json!({ "value": 250 }),
        outcome: Outcome::Done,
    };
    let operators = SqliteOperators::new(rig.engine.access());
    let set = operators.set(FEE, Some(&json!(250)), entry).await;
    set.unwrap();
    rig.engine.stop();

    let options = options(dir.path());
    let (live, games) = (options.live.clone(), options.games.clone());
    let rig = Rig::start_with(options);
    let costs = live.costs(games.get("bigger_dice").unwrap());
    assert_eq!(costs.entry_fee, Cents(250));
    rig.engine.stop();
}

fn maintenance(revision: i64, starts_at_ms: Option<i64>) -> LiveSet {
    let value = starts_at_ms.map(|at| json!({ "starts_at_ms": at, "message": "Soon." }));
    let value = value.map(|value| (MAINTENANCE_SETTING.to_owned(), value));
    LiveSet {
        revision,
        settings: value.into_iter().collect(),
    }
}

#[tokio::test]
async fn a_place_that_maintenance_took_is_given_to_the_same_command_once_it_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let live = options.live.clone();
    let mut rig = Rig::start_with(options);
    for user in 1..=2 {
        rig.grant(user).await;
    }
    let dice = || json!({ "game_type": "bigger_dice" });
    let id = rig.send(1, "quick_match", dice()).await;
    assert_eq!(rig.answer(id).await["payload"]["is_waiting"], true);
    live.set(maintenance(1, Some(0)));
    // The engine has something to decide.
    rig.send(2, "quick_match", dice()).await;
    let answer = rig.answer(id).await;
    assert_eq!(answer["payload"]["code"], "unavailable", "{answer}");
    live.set(maintenance(2, None));
    rig.send_as(1, "quick_match", dice(), id, "socket").await;
    let answer = rig.answer(id).await;
    assert_eq!(answer["payload"]["is_waiting"], true, "{answer}");
    rig.engine.stop();
}

#[tokio::test]
async fn maintenance_opens_no_table_for_who_joins() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let live = options.live.clone();
    let mut rig = Rig::start_with(options);
    live.set(maintenance(1, Some(0)));
    let table = json!({ "room_id": "table-1" });
    let id = rig.send(1, "join_room", table.clone()).await;
    let answer = rig.answer(id).await;
    assert_eq!(answer["payload"]["code"], "unavailable", "{answer}");
    live.set(maintenance(2, None));
    let id = rig.send(1, "join_room", table).await;
    let answer = rig.answer(id).await;
    assert_eq!(answer["event_type"], "games.event.room_state", "{answer}");
    rig.engine.stop();
}
