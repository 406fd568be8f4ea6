//! A room for those whom quick match has brought together.

use crate::actions::{create, named};
use crate::scene::{Scene, check};
use blazing_sun_domain::RefusalCode;
use blazing_sun_domain::room::{Action, EventAudience, RoomStatus};
use serde_json::json;

fn matched(names: &[&str]) -> Action {
    let mut action = create("bigger_dice", None);
    if let Action::Create { seated, .. } = &mut action {
        *seated = names.iter().map(|name| named(name)).collect();
    }
    action
}

#[test]
fn the_matched_are_seated_and_have_paid_when_the_room_opens() {
    let mut scene = Scene::new();
    let action = matched(&["ann", "bob"]);
    let asked = action.accounts(named("ann").user_id);
    assert_eq!(asked, [named("ann").user_id, named("bob").user_id]);
    let effects = scene.decide(&named("ann"), action).unwrap();
    let told: Vec<(&str, bool)> = effects
        .events
        .iter()
        .map(|event| (&*event.name, event.audience == EventAudience::Broadcast))
        .collect();
    assert_eq!(
        told,
        [
            ("room_created", true),
            ("room_state", false),
            ("room_state", false),
            ("player_selected", false),
            ("seed_renewed", false),
            ("player_selected", false),
            ("seed_renewed", false),
            ("game_starting", false),
            ("room_updated", true),
        ]
    );
    assert_eq!(scene.last("room_updated")["player_count"], 2);
    for name in ["ann", "bob"] {
        assert_eq!(scene.money.of(named(name).user_id), 4_000, "{name}");
    }
    assert_eq!(scene.money.escrow, 2_000);
    assert_eq!(scene.last("room_state")["room"]["host_id"], "1");
    check(&mut scene, "cid join => ! room_full");
    scene.reload();
    check(
        &mut scene,
        "ann ready => player_ready_changed#6
         deadline => player_deselected#7(2:lobby) selected_players_updated#8 seed_renewed#9 | refund/room-1/2/1=1000
         bob leave => player_left#10(2:none) ~room_updated
         ann leave => player_left#11(1:none) ~room_removed seed_revealed#12 | refund/room-1/1/1=1000",
    );
    assert_eq!(scene.room().status(), RoomStatus::Abandoned);
    assert_eq!(scene.money.of(named("ann").user_id), 5_000);
    assert_eq!(scene.money.of(named("bob").user_id), 5_000);
}

#[test]
fn who_cannot_pay_keeps_the_room_from_opening() {
    let mut scene = Scene::new();
    scene.money.set(named("bob").user_id, 999);
    let refusal = scene
        .decide(&named("ann"), matched(&["ann", "bob"]))
        .unwrap_err();
    assert_eq!(refusal.code, RefusalCode::InsufficientBalance);
}

#[test]
fn journals_of_rooms_that_a_host_made_stay_as_they_were() {
    let made = serde_json::to_value(create("bigger_dice", None)).unwrap();
    assert!(made["create"].get("seated").is_none(), "{made}");
    let read: Action = serde_json::from_value(made).unwrap();
    assert!(matches!(read, Action::Create { seated, .. } if seated.is_empty()));
    let kept = serde_json::to_value(matched(&["ann"])).unwrap();
    assert_eq!(
        kept["create"]["seated"],
        json!([{ "user_id": "1", "username": "ann" }])
    );
}
