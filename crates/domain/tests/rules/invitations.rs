//! invite_players: a host asks users in, who need no password.

use crate::actions::{create, named};
use crate::scene::{Scene, check};
use blazing_sun_domain::room::Action;

fn protected() -> Scene {
    let mut scene = Scene::new();
    let mut action = create("bigger_dice", Some(2));
    if let Action::Create {
        is_password_protected,
        ..
    } = &mut action
    {
        *is_password_protected = true;
    }
    scene.decide(&named("ann"), action).unwrap();
    scene
}

#[test]
fn the_invited_are_told_and_come_in_without_the_password_that_others_need() {
    let mut scene = protected();
    check(
        &mut scene,
        "bob join => ! wrong_password
         bob invite bob => ! not_in_room
         ann invite bob => room_invited>1 room_invited[Users([UserId(2)]) After(0)]",
    );
    let told = scene.last("room_invited");
    assert_eq!(
        told,
        serde_json::json!({
            "room_name": "My Game", "game_type": "bigger_dice", "host_id": "1", "host_username": "ann",
            "max_players": 2, "entry_fee_cents": 1_000, "prize_cents": 1_600, "rematch_of": "room-0",
        })
    );
    scene.reload();
    check(
        &mut scene,
        "cid join => ! wrong_password
         bob join => room_state>2(2:lobby) lobby_joined#1 ~room_updated
         bob invite cid => ! not_host
         ann invite bob => room_invited>1
         ann invite bob cid dan => room_invited>1 room_invited[Users([UserId(3), UserId(4)]) After(1)]
         ann invite cid => room_invited>1
         bob leave => player_left#2(2:none) ~room_updated
         bob join => room_state>2(2:lobby) lobby_joined#3 ~room_updated",
    );
}

#[test]
fn nobody_is_asked_into_a_game_that_runs_nor_too_many_into_any() {
    let mut scene =
        Scene::after("ann create bigger_dice 2; bob join; ann select bob; ann select ann");
    scene.run("ann ready; bob ready");
    check(&mut scene, "ann invite cid => ! game_in_progress");

    let mut scene = protected();
    let many = |from: u64| Action::Invite {
        users: (from..from + 60)
            .map(|id| crate::actions::player(id).user_id)
            .collect(),
        rematch_of: None,
    };
    scene.decide(&named("ann"), many(100)).unwrap();
    let refusal = scene.decide(&named("ann"), many(200)).unwrap_err();
    assert!(
        refusal.message.contains("at most 100"),
        "{}",
        refusal.message
    );
    scene.decide(&named("ann"), many(100)).unwrap();
}

#[test]
fn journals_of_before_are_read_and_an_invitation_is_written_as_it_was_given() {
    let action: Action = serde_json::from_str(r#"{"invite":{"users":["7"]}}"#).unwrap();
    assert_eq!(
        serde_json::to_string(&action).unwrap(),
        r#"{"invite":{"users":["7"]}}"#
    );
}
