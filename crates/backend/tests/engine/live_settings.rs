//! What operators have set holds for an engine from its start on.

use crate::harness::{Rig, options};
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
