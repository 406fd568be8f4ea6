//! A room whose game fails ends, and everybody's fee goes back, to the cent.

use crate::actions::{named, player};
use crate::scene::{SECRET, Scene, check};
use blazing_sun_domain::room::{Action, Input, Room, RoomStatus, removal_of_unloaded};
use serde_json::json;

fn cents(scene: &Scene) -> [i64; 2] {
    ["ann", "bob"].map(|name| scene.money.of(named(name).user_id))
}

#[test]
fn in_play_everybody_is_told_and_gets_the_fee_back() {
    let mut scene = Scene::after(
        "ann create bigger_dice 2; bob join; ann select ann; ann select bob; cid spectate; ann ready; bob ready",
    );
    assert_eq!(cents(&scene), [4_000, 4_000]);
    check(
        &mut scene,
        "call off => bigger_dice.match_cancelled#13 seed_revealed#14(1:none)(2:none)(3:none) | refund/room-1/1/1=1000 refund/room-1/2/1=1000
         call off => nothing",
    );
    assert_eq!(
        scene.last("bigger_dice.match_cancelled"),
        json!({ "reason": "game_failed", "refunds": [["1", 1_000], ["2", 1_000]] })
    );
    assert_eq!(scene.room().status(), RoomStatus::Abandoned);
    assert_eq!(cents(&scene), [5_000, 5_000]);
}

#[test]
fn before_play_the_room_leaves_the_list_too() {
    let mut scene = Scene::after("ann create bigger_dice 3; bob join; ann select bob");
    check(
        &mut scene,
        "call off => ~room_removed seed_revealed#4(1:none)(2:none) | refund/room-1/2/1=1000",
    );
    assert_eq!(scene.last("room_removed")["reason"], "cancelled");
    assert_eq!(cents(&scene), [5_000, 5_000]);
}

#[test]
fn it_is_one_word_in_the_journal_and_replays() {
    let input: Input = serde_json::from_value(json!({
        "now": 1, "by": player(0), "action": "call_off",
    }))
    .unwrap();
    assert!(matches!(input.action, Action::CallOff));
    let mut scene = Scene::after("ann create tic_tac_toe 2; bob join; ann select ann");
    scene.run("ann select bob; ann ready; bob ready; call off");
    let journal = serde_json::to_string(&scene.journal).unwrap();
    let journal: Vec<Input> = serde_json::from_str(&journal).unwrap();
    let (mut room, _) = Room::create(&journal[0], &scene.games, SECRET).unwrap();
    for input in &journal[1..] {
        room.decide(input, &scene.games).unwrap();
    }
    assert_eq!(room.save().unwrap(), scene.room().save().unwrap());
    assert_eq!(cents(&scene), [5_000, 5_000]);
}

#[test]
fn an_operator_closes_a_room_at_any_time_and_once() {
    let seated = "ann create bigger_dice 2; bob join; ann select ann; ann select bob";
    let mut waiting = Scene::after(seated);
    check(
        &mut waiting,
        "close => ~room_removed seed_revealed#7(1:none)(2:none) | refund/room-1/1/1=1000 refund/room-1/2/1=1000
         close => nothing",
    );
    assert_eq!(waiting.last("room_removed")["reason"], "cancelled");
    assert_eq!(cents(&waiting), [5_000, 5_000]);

    let mut running = Scene::after(&format!("{seated}; ann ready; bob ready"));
    running.run("close");
    assert_eq!(
        running.last("bigger_dice.match_cancelled"),
        json!({ "reason": "closed_by_operator", "refunds": [["1", 1_000], ["2", 1_000]] })
    );
    assert_eq!(running.room().status(), RoomStatus::Abandoned);
    assert_eq!(cents(&running), [5_000, 5_000]);
    let last = running
        .journal
        .last()
        .map(|input| serde_json::to_value(input).unwrap());
    assert_eq!(last.unwrap()["action"], "close");
}

#[test]
fn what_was_closed_without_being_loaded_replays_as_it_was_told() {
    let seated = "ann create bigger_dice 2; bob join; ann select ann; ann select bob";
    let running = format!("{seated}; ann ready; bob ready");
    for (scene, told) in [(seated, vec!["room_removed"]), (&running, vec![])] {
        let scene = Scene::after(scene);
        let mut room = scene.room().clone();
        let input: Input = serde_json::from_value(json!({
            "now": scene.now, "by": player(0), "action": "close_unloaded",
        }))
        .unwrap();
        let effects = room.decide(&input, &scene.games).unwrap();
        assert!(effects.changed);
        let names: Vec<_> = effects.events.iter().map(|event| &*event.name).collect();
        assert_eq!(names, told);
        for event in &effects.events {
            assert_eq!(event.body, removal_of_unloaded("My Game").body);
        }
        let keys: Vec<_> = effects
            .transfers
            .iter()
            .map(|transfer| &*transfer.key)
            .collect();
        assert_eq!(keys, ["refund/room-1/1/1", "refund/room-1/2/1"]);
        assert_eq!(room.status(), RoomStatus::Abandoned);
        assert!(!room.decide(&input, &scene.games).unwrap().changed);
    }
}
