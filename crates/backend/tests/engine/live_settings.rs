//! What operators have set holds for an engine from its start on.

use crate::harness::{Rig, options};
use blazing_sun_backbone::live::{LiveSet, MAINTENANCE_SETTING};
use blazing_sun_backbone::messages::OPEN_MATCHED_ROOM;
use blazing_sun_backend::live::Live;
use blazing_sun_backend::store::operators::{LiveSettings, NewEntry, Outcome};
use blazing_sun_backend::store::sqlite::SqliteOperators;
use blazing_sun_domain::{Cents, Millis};
use serde_json::{Value, json};
use std::path::Path;
use uuid::Uuid;

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

/// What is set there takes effect while the engine runs.
fn rig_and_live(folder: &Path) -> (Rig, Live) {
    let options = options(folder);
    let live = options.live.clone();
    (Rig::start_with(options), live)
}

#[tokio::test]
async fn a_place_that_maintenance_took_is_given_to_the_same_command_once_it_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let (mut rig, live) = rig_and_live(dir.path());
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
    let (mut rig, live) = rig_and_live(dir.path());
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

fn fee(revision: i64, cents: i64) -> LiveSet {
    LiveSet {
        revision,
        settings: [(FEE.to_owned(), json!(cents))].into(),
    }
}

/// What a command is refused with, now or later.
async fn refused(rig: &mut Rig, id: Uuid) -> Value {
    loop {
        let answer = rig.answer(id).await;
        if answer["event_type"] == "games.event.error" {
            return answer["payload"]["code"].clone();
        }
    }
}

#[tokio::test]
async fn nobody_is_charged_another_fee_than_was_agreed_to() {
    let dir = tempfile::tempdir().unwrap();
    let (mut rig, live) = rig_and_live(dir.path());
    for user in 1..=2 {
        rig.grant(user).await;
    }
    let dice = |fee: i64| json!({ "game_type": "bigger_dice", "entry_fee_cents": fee });
    live.set(fee(1, 200));
    let first = rig.send(1, "quick_match", dice(200)).await;
    assert_eq!(rig.answer(first).await["payload"]["waiting"], 1);
    live.set(fee(2, 5_000));
    let outdated = rig.send(2, "quick_match", dice(200)).await;
    assert_eq!(refused(&mut rig, outdated).await, "fee_changed");
    let mut room = dice(200);
    room["room_id"] = json!("r");
    room["room_name"] = json!("My Game");
    let outdated = rig.send(2, "create_room", room).await;
    assert_eq!(refused(&mut rig, outdated).await, "fee_changed");
    // Whoever asks next may find others who agreed to the same.
    rig.send(2, "quick_match", dice(5_000)).await;
    assert_eq!(refused(&mut rig, first).await, "fee_changed");
    rig.send_as(1, "quick_match", dice(200), first, "again")
        .await;
    assert_eq!(refused(&mut rig, first).await, "fee_changed");
    rig.send(1, "quick_match", dice(5_000)).await;
    let created = rig.expect("games.event.room_created").await;
    assert_eq!(created["payload"]["entry_fee_cents"], 5_000);
    assert_eq!(created["payload"]["host_id"], "2");
    rig.engine.stop();
}

#[tokio::test]
async fn an_outdated_page_takes_no_place_away_without_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let (mut rig, live) = rig_and_live(dir.path());
    rig.grant(1).await;
    let dice = |fee: i64| json!({ "game_type": "bigger_dice", "entry_fee_cents": fee });
    live.set(fee(1, 200));
    let place = Uuid::now_v7();
    rig.send_as(1, "quick_match", dice(200), place, "phone")
        .await;
    assert_eq!(rig.answer(place).await["payload"]["is_waiting"], true);
    let outdated = Uuid::now_v7();
    rig.send_as(1, "quick_match", dice(100), outdated, "laptop")
        .await;
    assert_eq!(refused(&mut rig, outdated).await, "fee_changed");
    assert_eq!(rig.engine.held().await.unwrap().queued, 1);

    // Now the place is at an outdated fee, too, and whoever holds it is told.
    live.set(fee(2, 300));
    let outdated = Uuid::now_v7();
    rig.send_as(1, "quick_match", dice(200), outdated, "laptop")
        .await;
    assert_eq!(refused(&mut rig, place).await, "fee_changed");
    assert_eq!(refused(&mut rig, outdated).await, "fee_changed");
    assert_eq!(rig.engine.held().await.unwrap().queued, 0);
    rig.engine.stop();
}

/// As where the owner of the room has heard of a change, and the owner of the queue has not.
#[tokio::test]
async fn a_matched_room_is_opened_at_the_fee_that_was_agreed_to() {
    let dir = tempfile::tempdir().unwrap();
    let (mut rig, live) = rig_and_live(dir.path());
    let players = [1, 2].map(|user| json!({ "user_id": user.to_string(), "username": "P" }));
    for user in 1..=2 {
        rig.grant(user).await;
    }
    // More than anybody has.
    live.set(fee(1, 6_000));
    let open = json!({ "room_id": "m1", "game_type": "bigger_dice", "players": players,
        "entry_fee_cents": 250, "prize_percent": 100 });
    let name = OPEN_MATCHED_ROOM.strip_prefix("games.command.").unwrap();
    rig.send_as(0, name, open, Uuid::now_v7(), "").await;
    let created = rig.expect("games.event.room_created").await;
    assert_eq!(created["payload"]["entry_fee_cents"], 250);
    assert_eq!(created["payload"]["prize_cents"], 500);
    rig.engine.stop();
}
