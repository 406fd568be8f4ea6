//! Without a connection before play: how long a place is kept, and what becomes of the room.

use crate::actions::{named, player};
use crate::scene::{Scene, check};
use blazing_sun_domain::RefusalCode;
use blazing_sun_domain::room::{Action, RoomStatus};
use serde_json::json;

#[test]
fn who_comes_back_in_time_keeps_the_place() {
    let mut scene = Scene::after("ann create bigger_dice 2; bob join");
    check(
        &mut scene,
        "gone cid => ! not_in_room
         gone bob => player_disconnected#2
         gone bob => nothing",
    );
    let timeout_at = "2024-01-20T10:31:00.000Z";
    assert_eq!(scene.last("player_disconnected")["timeout_at"], timeout_at);
    assert_eq!(
        scene.room().next_deadline().unwrap().to_string(),
        timeout_at
    );
    check(
        &mut scene,
        "too early => nothing
         sync bob => room_state>2(2:lobby) player_rejoined#3
         sync bob => room_state>2(2:lobby)
         bob rejoin => room_state>2(2:lobby)
         sync cid => not_in_room>3(3:none)
         cid rejoin => ! not_in_room",
    );
    assert_eq!(scene.room().next_deadline(), None);
    check(
        &mut scene,
        "gone bob => player_disconnected#4
         bob rejoin => room_state>2(2:lobby) player_rejoined#5",
    );
    assert_eq!(scene.room().next_deadline(), None);
}

#[test]
fn who_does_not_come_back_departs_as_if_leaving() {
    for told in [
        "bob leave => player_left#7(2:none) seed_renewed#8 ~room_updated | refund/room-1/2/1=1000",
        "deadline => player_left#7(2:none) seed_renewed#8 ~room_updated | refund/room-1/2/1=1000",
    ] {
        let mut scene = Scene::after(
            "ann create bigger_dice 3; bob join; ann select ann; ann select bob; gone bob",
        );
        check(&mut scene, told);
        check(
            &mut scene,
            "bob rejoin => ! not_in_room
             bob join => room_state>2(2:lobby) lobby_joined#9 ~room_updated",
        );
        assert_eq!(scene.room().next_deadline(), None);
    }
}

#[test]
fn an_absent_host_hands_over_to_the_longest_there_who_is_connected() {
    let mut scene =
        Scene::after("ann create bigger_dice 3; bob join; cid join; dan join; gone bob");
    scene.now = scene.now.plus(-1);
    check(
        &mut scene,
        "gone ann => player_disconnected#5
         deadline => player_left#6(1:none) host_changed#7 ~room_updated
         cid select dan => player_selected#8(4:player) seed_renewed#9 | fee/room-1/4/1=1000",
    );
    assert_eq!(
        scene.last("host_changed"),
        json!({"host_id": "3", "host_username": "cid"})
    );
    check(
        &mut scene,
        "deadline => player_left#10(2:none) ~room_updated",
    );
}

#[test]
fn a_host_who_leaves_only_absent_people_hands_over_to_the_longest_there() {
    check(
        &mut Scene::after("ann create bigger_dice 3; bob join; cid join; gone bob; gone cid"),
        "ann leave => player_left#5(1:none) host_changed#6 ~room_updated
         deadline => player_left#7(2:none) host_changed#8 player_left#9(3:none) ~room_removed seed_revealed#10",
    );
}

#[test]
fn the_last_of_the_absent_ends_the_room() {
    let mut scene = Scene::after("ann create bigger_dice 3; ann select ann; gone ann");
    check(
        &mut scene,
        "deadline => player_left#4(1:none) ~room_removed seed_revealed#5 | refund/room-1/1/1=1000",
    );
    assert_eq!(scene.room().status(), RoomStatus::Abandoned);
    assert_eq!(scene.room().next_deadline(), None);
}

#[test]
fn an_absent_player_is_not_selected() {
    let mut scene = Scene::after("ann create bigger_dice 2; bob join; gone bob");
    let target = named("bob").user_id;
    let refusal = scene.decide(&player(1), Action::Select { target });
    let refusal = refusal.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::PlayerNotInLobby);
    assert_eq!(refusal.message, "The player is not connected right now");
    check(
        &mut scene,
        "sync bob => room_state>2(2:lobby) player_rejoined#3
         ann select bob => player_selected#4(2:player) seed_renewed#5 | fee/room-1/2/1=1000
         gone bob => player_disconnected#6
         ann select bob => ! already_selected",
    );
}

const FILLED: &str = "ann create bigger_dice 2; bob join; ann select ann; ann select bob";

#[test]
fn the_ready_phase_comes_first_where_both_are_due() {
    let mut scene = Scene::after(FILLED);
    scene.run("ann ready");
    let asked = scene.now;
    scene.run("gone bob");
    scene.now = asked.plus(60_000);
    check(
        &mut scene,
        "deadline => player_deselected#9(2:lobby) selected_players_updated#10 seed_renewed#11 player_left#12(2:none) ~room_updated | refund/room-1/2/1=1000",
    );
}

#[test]
fn an_absence_outlasts_the_ready_phase() {
    let mut scene = Scene::after(FILLED);
    check(
        &mut scene,
        "gone bob => player_disconnected#7
         ann ready => player_ready_changed#8
         deadline => player_deselected#9(2:lobby) selected_players_updated#10 seed_renewed#11 | refund/room-1/2/1=1000
         deadline => player_left#12(2:none) ~room_updated",
    );
    assert_eq!(scene.room().next_deadline(), None);
}

#[test]
fn an_absence_may_end_within_a_phase() {
    let mut scene = Scene::after("ann create bigger_dice 2; bob join; ann select bob; gone bob");
    scene.now = scene.now.plus(40_000);
    check(
        &mut scene,
        "ann select ann => player_selected#5(1:player) seed_renewed#6 game_starting#7 | fee/room-1/1/1=1000
         too early => nothing
         deadline => player_left#8(2:none) seed_renewed#9 ~room_updated | refund/room-1/2/1=1000",
    );
    assert_eq!(scene.room().next_deadline(), None, "selection is open");

    let mut scene = Scene::after(FILLED);
    scene.run("bob ready seed; gone bob");
    let gone = scene.now;
    scene.run("shift 50000");
    scene.now = gone.plus(109_000);
    scene.run("ann ready seed");
    check(
        &mut scene,
        "deadline => seed_voided#11 player_left#12(2:none) seed_renewed#13 ~room_updated | refund/room-1/2/1=1000",
    );
    assert_eq!(scene.now, gone.plus(110_000), "an outage costs nobody time");
}

#[test]
fn in_play_the_seats_of_the_absent_stay() {
    let mut scene = Scene::after(FILLED);
    scene.run("bob ready; gone bob; ann ready");
    assert_eq!(
        scene.last("turn_changed")["deadline"],
        "2024-01-20T10:30:05.000Z"
    );
    while !scene.room().is_over() {
        scene.run("deadline");
    }
    assert_eq!(scene.room().status(), RoomStatus::Finished);
    assert!(scene.events.iter().all(|event| event.name != "player_left"));
}

#[test]
fn the_version_is_that_of_the_start() {
    let mut scene = Scene::after("ann create bigger_dice 2; bob join");
    let version = scene.games.get("bigger_dice").unwrap().spec.version;
    let raise = |scene: &mut Scene| {
        scene.games.get_mut("bigger_dice").unwrap().spec.version += 1;
        scene.reload();
    };
    assert_eq!(scene.room().game_version(), version);
    raise(&mut scene);
    assert_eq!(scene.room().game_version(), version, "not started");
    scene.run("ann select ann; ann select bob; ann ready; bob ready");
    assert_eq!(scene.room().game_version(), version + 1);
    raise(&mut scene);
    while !scene.room().is_over() {
        scene.run("deadline");
    }
    scene.reload();
    assert_eq!(scene.room().game_version(), version + 1);
}
