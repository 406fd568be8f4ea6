//! The relay: a room without host, seats, fees and turns.

use crate::actions::{game_move, named, player};
use crate::scene::{Scene, check};
use blazing_sun_domain::room::{Action, EventAudience, PasswordCheck, RoomStatus};
use serde_json::json;

#[test]
fn whoever_comes_sits_down_and_speaks() {
    let mut scene = Scene::new();
    check(
        &mut scene,
        "ann create relay => room_state>1(1:player)
         bob join => room_state>2(2:player) lobby_joined#1
         bob join => ! already_in_room
         bob says 1 => relay.said#2
         ann says [1,{}] => relay.said#3
         eve says 1 => ! not_in_room
         bob roll => ! wrong_game
         bob auto on => ! wrong_game
         bob select bob => ! not_host
         bob ready => ! game_in_progress
         bob start => ! not_host
         sync bob => room_state>2(2:player)
         bob leave => player_left#4(2:none)
         gone bob => ! not_in_room
         bob join => room_state>2(2:player) lobby_joined#5
         gone bob => player_left#6(2:none)",
    );
    assert_eq!(scene.room().next_deadline(), None);
    assert_eq!(scene.room().summary(), None);
    check(
        &mut scene,
        "ann leave => player_left#7(1:none) seed_revealed#8",
    );
    assert_eq!(scene.room().status(), RoomStatus::Abandoned);
}

#[test]
fn the_system_opens_a_table_and_is_not_at_it() {
    let mut scene = Scene::after("system create relay");
    assert!(scene.events.is_empty());
    assert_eq!(scene.room().members(), []);
    assert_eq!(scene.room().summary(), None);
    assert_eq!(scene.room().status(), RoomStatus::InProgress);
    check(
        &mut scene,
        "too early => nothing
         sync ann => not_in_room>1(1:none)
         gone ann => ! not_in_room
         ann says 1 => ! not_in_room
         ann join => room_state>1(1:player) lobby_joined#1",
    );
    let room = &scene.last("room_state")["room"];
    assert_eq!(room["player_count"], 1);
    assert_eq!(room["host_id"], "1");
    assert_eq!(scene.room().next_deadline(), None);
    check(
        &mut scene,
        "shift 1 => nothing
         ann says 1 => relay.said#2
         bob join => room_state>2(2:player) lobby_joined#3
         ann leave => player_left#4(1:none) host_changed#5
         gone bob => player_left#6(2:none) seed_revealed#7",
    );
    assert_eq!(scene.room().status(), RoomStatus::Abandoned);
}

#[test]
fn a_table_that_nobody_comes_to_is_gone_after_a_while() {
    let mut scene = Scene::after("system create relay; shift 5000");
    scene.reload();
    let deadline = scene.room().next_deadline().unwrap().to_string();
    assert_eq!(deadline, "2024-01-20T10:31:05.000Z");
    check(&mut scene, "deadline => seed_revealed#1");
    assert_eq!(scene.room().status(), RoomStatus::Abandoned);
    check(&mut scene, "ann join => ! room_not_found");
}

#[test]
fn what_is_said_arrives_byte_for_byte() {
    let mut scene = Scene::after("ann create relay; bob join");
    for data in [
        "1.50",
        r#"{"b" : 1,  "a":[1e3,"\u00e9"]}"#,
        "null",
        r#""x""#,
    ] {
        let fields = format!(r#"{{"room_id":"room-1","data":{data},"command_id":"x"}}"#);
        let effects = scene
            .decide(&named("bob"), game_move("relay", "say", &fields))
            .unwrap();
        assert_eq!(
            effects.events[0].body.get(),
            format!(r#"{{"data":{data}}}"#)
        );
        assert_eq!(effects.events[0].audience, EventAudience::Room);
    }
    check(
        &mut scene,
        "bob move relay say {} => ! invalid_format
         bob move relay shout {} => ! unknown_command",
    );
}

#[test]
fn a_thousand_members() {
    let mut scene = Scene::after("ann create relay");
    for id in 2..=1_000 {
        let join = Action::Join {
            password: PasswordCheck::Absent,
        };
        scene.decide_quietly(&player(id), join).unwrap();
    }
    assert_eq!(scene.room().members().len(), 1_000);
    scene.run("sync bob");
    let room = &scene.last("room_state")["room"];
    assert_eq!(room["player_count"], 1_000);
    assert_eq!(
        room["players"].as_array().unwrap().len(),
        50,
        "the first ones"
    );
    assert_eq!(room["status"], "in_progress");
    for id in 1..=999 {
        scene.decide_quietly(&player(id), Action::Leave).unwrap();
    }
    assert_eq!(
        scene.last("host_changed"),
        json!({"host_id": "1000", "host_username": "user-1000"})
    );
    let effects = scene
        .decide(&player(1_000), game_move("relay", "say", r#"{"data":1}"#))
        .unwrap();
    assert_eq!(effects.events.len(), 1);
}
