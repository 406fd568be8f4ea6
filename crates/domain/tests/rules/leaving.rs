//! leave_room, disconnects, coming back.

use crate::actions::named;
use crate::scene::{Scene, check};
use blazing_sun_domain::room::RoomStatus;
use serde_json::json;

#[test]
fn leaving_the_lobby() {
    check(
        &mut Scene::after("ann create bigger_dice 2; bob join"),
        "cid leave => ! not_in_room
         bob leave => player_left#2(2:none) ~room_updated
         bob leave => ! not_in_room",
    );
}

#[test]
fn leaving_a_seat_refunds_and_renews_the_seed() {
    let mut scene = Scene::after(
        "ann create bigger_dice 3; bob join; cid join; ann select bob; ann select cid; cid ready seed",
    );
    check(
        &mut scene,
        "bob leave => player_left#8(2:none) seed_renewed#9 ~room_updated | refund/room-1/2/1=1000
         bob join => room_state>2(2:lobby) lobby_joined#10 ~room_updated
         ann select bob => player_selected#11(2:player) seed_renewed#12 | fee/room-1/2/2=1000",
    );
    let state = scene.last("player_selected");
    assert_eq!(state["player"]["is_ready"], false);
}

#[test]
fn a_host_who_leaves_hands_over_to_the_longest_there() {
    let mut scene = Scene::after(
        "ann create bigger_dice 3; bob join; cid join; bob leave; bob join; ann select ann",
    );
    check(
        &mut scene,
        "ann leave => player_left#7(1:none) host_changed#8 seed_renewed#9 ~room_updated | refund/room-1/1/1=1000
         bob select bob => ! not_host
         cid select bob => player_selected#10(2:player) seed_renewed#11 | fee/room-1/2/1=1000",
    );
    assert_eq!(
        scene.last("host_changed"),
        json!({"host_id": "3", "host_username": "cid"})
    );
}

#[test]
fn the_last_one_out_ends_the_room() {
    let mut scene = Scene::after("ann create bigger_dice 2; bob join; bob leave; ann select ann");
    check(
        &mut scene,
        "ann leave => player_left#5(1:none) ~room_removed seed_revealed#6 | refund/room-1/1/1=1000
         ann join => ! room_not_found
         ann rejoin => ! room_not_found
         sync ann => ! room_not_found
         shift 5 => nothing
         gone ann => nothing",
    );
    assert_eq!(scene.room().status(), RoomStatus::Abandoned);
    assert_eq!(scene.room().summary(), None);
    assert_eq!(scene.room().next_deadline(), None);
    assert_eq!(scene.money.of(named("ann").user_id), 5_000);
}

#[test]
fn leaving_while_seeds_are_revealed_counts_as_not_revealing() {
    check(
        &mut Scene::after(
            "ann create bigger_dice 2; bob join; ann select ann; ann select bob; ann ready seed; bob ready seed; bob reveal",
        ),
        "bob leave => seed_voided#10 player_left#11(2:none) seed_renewed#12 ~room_updated | refund/room-1/2/1=1000
         ann reveal => ! game_not_started
         ann select bob => ! player_not_in_lobby",
    );
}

#[test]
fn leaving_a_running_game_keeps_the_seat_and_the_fee() {
    let mut scene = Scene::after(
        "ann create bigger_dice 2; bob join; ann select ann; ann select bob; ann ready; bob ready",
    );
    check(
        &mut scene,
        "ann leave => player_disconnected#12(1:none) host_changed#13 turn_changed#14
         ann leave => ! not_in_room
         ann roll => ! not_in_room
         ann join => ! already_in_room
         sync ann => not_in_room>1(1:none)
         deadline => bigger_dice.rolled#15 turn_changed#16 bigger_dice.state#17
         ann rejoin => room_state>1(1:player) bigger_dice.state>1 player_rejoined#18
         ann rejoin => room_state>1(1:player) bigger_dice.state>1",
    );
    assert!(scene.room().can_rejoin(named("ann").user_id));
    assert!(!scene.room().can_rejoin(named("cid").user_id));
    assert_eq!(
        scene.last("player_disconnected")["timeout_at"],
        "2024-01-20T10:30:01.000Z"
    );
}

#[test]
fn a_game_that_all_have_left_is_played_to_its_end() {
    let mut scene = Scene::after(
        "ann create bigger_dice 2; bob join; ann select ann; ann select bob; ann ready; bob ready; ann leave; gone bob",
    );
    while scene.room().next_deadline().is_some() {
        scene.run("deadline");
    }
    assert_eq!(scene.room().status(), RoomStatus::Finished);
    assert_eq!(scene.money.rake, 400);
}

#[test]
fn who_comes_back_on_their_turn_gets_the_turns_whole_time() {
    let mut scene = Scene::after(
        "ann create bigger_dice 2; bob join; ann select ann; ann select bob; ann ready; bob ready",
    );
    assert_eq!(
        scene.last("turn_changed")["deadline"],
        "2024-01-20T10:30:05.000Z"
    );
    check(
        &mut scene,
        "gone ann => player_disconnected#12 turn_changed#13",
    );
    let changed =
        json!({"current_turn": "1", "turn_number": 1, "deadline": "2024-01-20T10:30:01.000Z"});
    assert_eq!(scene.last("turn_changed"), changed);
    check(
        &mut scene,
        "sync ann => room_state>1(1:player) bigger_dice.state>1 player_rejoined#14 turn_changed#15",
    );
    let changed =
        json!({"current_turn": "1", "turn_number": 1, "deadline": "2024-01-20T10:30:05.000Z"});
    assert_eq!(scene.last("turn_changed"), changed);
    assert_eq!(
        scene.last("room_state")["room"]["turn_deadline"],
        "2024-01-20T10:30:05.000Z"
    );
}
