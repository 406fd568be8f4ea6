//! Bots of the house: marked as such, and never in a person's way.

use crate::actions::{create, named};
use crate::scene::{Scene, check};
use blazing_sun_domain::room::{Action, Input, RoomStatus};
use blazing_sun_domain::{RefusalCode, SeatedPlayer};
use serde_json::Value;

#[test]
fn a_bot_is_marked_wherever_it_is_named_and_people_are_not() {
    let mut scene = Scene::after(
        "ann create bigger_dice 2; bot-1 join; ann select bot-1; ann select ann; sync ann",
    );
    let state = scene.last("room_state");
    assert_eq!(state["room"]["players"][0]["is_bot"], true);
    assert_eq!(state["room"]["players"][1].get("is_bot"), None);
    assert_eq!(scene.last("lobby_joined")["player"]["is_bot"], true);
    let seated = scene.last("game_starting");
    assert_eq!(seated["players"][0]["is_bot"], true);
    assert_eq!(scene.last("player_selected")["player"].get("is_bot"), None);
    assert_eq!(scene.last("room_updated")["bot_count"], 1);
    scene.run("ann ready; bot-1 ready");
    let started = scene.last("game_started");
    assert_eq!(started["players"][0]["is_bot"], true);
    assert_eq!(started["players"][1].get("is_bot"), None);
    scene.reload();
    scene.run("sync ann");
    assert_eq!(
        scene.last("room_state")["room"]["players"][0]["is_bot"],
        true
    );
}

#[test]
fn a_room_says_whether_its_host_asks_for_the_bot() {
    let mut invited = create("bigger_dice", None);
    if let Action::Create { invites_bot, .. } = &mut invited {
        *invites_bot = true;
    }
    for (action, said) in [
        (invited, Some(&Value::Bool(true))),
        (create("bigger_dice", None), None),
    ] {
        let mut scene = Scene::new();
        scene.decide(&named("ann"), action).unwrap();
        assert_eq!(scene.last("room_created").get("invites_bot"), said);
        assert_eq!(scene.last("room_state")["room"].get("invites_bot"), said);
        scene.reload();
        scene.run("bob join");
        assert_eq!(scene.last("room_updated").get("invites_bot"), said);
    }
}

#[test]
fn what_was_written_before_there_were_bots_is_about_people() {
    let by: SeatedPlayer = serde_json::from_str(r#"{"user_id":"1","username":"ann"}"#).unwrap();
    assert_eq!(by, named("ann"));
    let input = r#"{"now":1,"by":{"user_id":"1","username":"ann"},"action":{"create":{
        "room_id":"r","game_type":"bigger_dice","room_name":"n","max_players":2,
        "allow_spectators":true,"is_password_protected":false,"entry_fee":1,"prize_percent":80}}}"#;
    let input: Input = serde_json::from_str(input).unwrap();
    let written = serde_json::to_string(&input).unwrap();
    assert!(!written.contains("bot"), "{written}");
}

#[test]
fn a_bot_gets_no_seat_that_a_person_waits_for() {
    let mut scene = Scene::after("ann create bigger_dice 2; bob join; bot-1 join");
    check(
        &mut scene,
        "ann select bot-1 => ! room_full
         ann select bob => player_selected#3(2:player) seed_renewed#4 | fee/room-1/2/1=1000
         ann select bot-1 => ! room_full
         gone bob => player_disconnected#5
         ann select bot-1 => ! room_full
         bob leave => player_left#6(2:none) seed_renewed#7 ~room_updated | refund/room-1/2/1=1000
         ann select bot-1 => player_selected#8(10:player) seed_renewed#9 | fee/room-1/10/1=1000",
    );
    let refused = scene.decide(
        &named("ann"),
        Action::Select {
            target: named("bot-1").user_id,
        },
    );
    assert_eq!(refused.unwrap_err().code, RefusalCode::AlreadySelected);
}

#[test]
fn a_person_who_is_away_holds_no_seat_back_from_a_bot() {
    check(
        &mut Scene::after("ann create bigger_dice 2; bob join; bot-1 join; gone bob"),
        "ann select bot-1 => player_selected#4(10:player) seed_renewed#5 | fee/room-1/10/1=1000",
    );
}

#[test]
fn bots_never_host_and_do_not_stay_alone() {
    let mut scene =
        Scene::after("ann create bigger_dice 3; bot-1 join; bob join; bot-2 join; ann leave");
    assert_eq!(scene.last("host_changed")["host_username"], "bob");
    scene.run("bob select bot-1");
    check(
        &mut scene,
        "bob leave => player_left#8(2:none) player_left#9(10:none) player_left#10(11:none) ~room_removed seed_revealed#11 | refund/room-1/10/1=1000",
    );
    assert_eq!(scene.room().status(), RoomStatus::Abandoned);
}

#[test]
fn a_bot_plays_on_against_a_seat_that_was_left_and_does_not_host() {
    let mut scene = Scene::after(
        "ann create bigger_dice 2; bot-1 join; ann select bot-1; ann select ann; ann ready; bot-1 ready; ann leave",
    );
    assert!(
        scene
            .events
            .iter()
            .all(|event| event.name != "host_changed")
    );
    while !scene.room().is_over() {
        scene.run("deadline");
    }
    assert_eq!(scene.room().status(), RoomStatus::Finished);
}
