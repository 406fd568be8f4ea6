//! select_player, deselect_player, ready, start_game, and the deadlines before play.

use crate::actions::named;
use crate::scene::{Scene, check};
use serde_json::json;

#[test]
fn selecting_takes_the_fee_and_renews_the_seed() {
    let mut scene = Scene::after("ann create bigger_dice 3; bob join; cid join");
    let first = scene.room().summary().unwrap();
    check(
        &mut scene,
        "ann select bob => player_selected#3(2:player) seed_renewed#4 | fee/room-1/2/1=1000
         ann select bob => ! already_selected
         bob select cid => ! not_host
         eve select cid => ! not_in_room
         ann select eve => ! player_not_in_lobby
         ann select ann => player_selected#5(1:player) seed_renewed#6 | fee/room-1/1/1=1000",
    );
    assert_eq!(scene.money.of(named("bob").user_id), 4_000);
    assert_eq!(scene.money.escrow, 2_000);
    assert_eq!(
        scene.room().summary().unwrap(),
        first,
        "the list shows no seats"
    );
}

#[test]
fn who_cannot_pay_is_not_selected() {
    let mut scene = Scene::after("ann create bigger_dice 2; bob join");
    scene.money.set(named("bob").user_id, 999);
    check(&mut scene, "ann select bob => ! insufficient_balance");
    scene.money.set(named("bob").user_id, 1_000);
    check(
        &mut scene,
        "ann select bob => player_selected#2(2:player) seed_renewed#3 | fee/room-1/2/1=1000",
    );
}

#[test]
fn full_seats_close_the_lobby() {
    let mut scene = Scene::after("ann create bigger_dice 2; bob join; cid join; dan join");
    check(
        &mut scene,
        "ann select bob => player_selected#4(2:player) seed_renewed#5 | fee/room-1/2/1=1000
         ann select cid => player_selected#6(3:player) seed_renewed#7 removed_from_game>1(1:none) removed_from_game>4(4:none) host_changed#8 game_starting#9 ~room_updated | fee/room-1/3/1=1000
         ann select cid => ! not_in_room
         bob deselect ann => ! not_selected
         bob deselect bob => player_deselected#10(2:lobby) selected_players_updated#11 seed_renewed#12 | refund/room-1/2/1=1000
         bob select dan => ! player_not_in_lobby",
    );
    assert_eq!(scene.last("host_changed")["host_id"], "2");
    assert_eq!(
        scene.last("game_starting")["deadline"],
        "2024-01-20T10:30:30.000Z"
    );
}

#[test]
fn deselecting_refunds_and_clears_who_was_ready() {
    let mut scene = Scene::after(
        "ann create bigger_dice 3; bob join; cid join; ann select bob; ann select cid",
    );
    check(
        &mut scene,
        "cid ready seed => player_ready_changed#7
         bob deselect cid => ! not_host
         ann deselect ann => ! not_selected
         eve deselect bob => ! not_in_room
         ann deselect bob => player_deselected#8(2:lobby) selected_players_updated#9 seed_renewed#10 | refund/room-1/2/1=1000
         ann deselect bob => ! not_selected",
    );
    assert_eq!(
        scene.last("selected_players_updated"),
        json!({"selected_players": ["3"]})
    );
    check(&mut scene, "sync cid => room_state>3(3:player)");
    assert_eq!(
        scene.last("room_state")["room"]["players"][0]["is_ready"],
        false
    );
    assert_eq!(scene.money.of(named("bob").user_id), 5_000);
}

#[test]
fn all_ready_without_seeds_start_at_once() {
    check(
        &mut Scene::after("ann create bigger_dice 2; bob join; ann select ann; ann select bob"),
        "eve ready => ! not_in_room
         ann ready => player_ready_changed#7
         ann unready => player_ready_changed#8
         ann ready => player_ready_changed#9
         bob ready => player_ready_changed#10 game_started#11 turn_changed#12 bigger_dice.state#13 ~room_removed
         bob ready => ! game_in_progress
         ann select bob => ! game_in_progress
         ann deselect bob => ! game_in_progress
         ann start => ! game_in_progress
         ann reveal => ! game_in_progress",
    );
}

#[test]
fn all_ready_with_seeds_reveal_them_first() {
    let mut scene =
        Scene::after("ann create bigger_dice 2; bob join; ann select ann; ann select bob");
    check(
        &mut scene,
        "ann ready seed => player_ready_changed#7
         ann reveal => ! game_not_started
         bob ready => player_ready_changed#8 seeds_requested#9
         bob ready seed => ! game_in_progress
         ann deselect bob => ! game_in_progress
         ann start => ! game_in_progress
         eve reveal => ! not_in_room
         bob reveal => ! seed_mismatch
         ann reveal wrong => ! seed_mismatch
         ann reveal => game_started#10 turn_changed#11 bigger_dice.state#12 ~room_removed",
    );
    let started = scene.last("game_started");
    assert_eq!(started["seeds"], json!(["01".repeat(32), null]));
    assert_eq!(
        started["commitments"],
        scene.last("seeds_requested")["commitments"]
    );
}

#[test]
fn a_seed_revealed_twice_counts_once() {
    check(
        &mut Scene::after(
            "ann create bigger_dice 2; bob join; ann select ann; ann select bob; ann ready seed; bob ready seed",
        ),
        "ann reveal => ok
         ann reveal => nothing
         bob reveal => game_started#10 turn_changed#11 bigger_dice.state#12 ~room_removed",
    );
}

#[test]
fn only_the_selected_are_ready_or_reveal() {
    let mut scene = Scene::after("ann create bigger_dice 3; bob join; ann select bob");
    check(&mut scene, "ann ready => ! not_selected");
}

#[test]
fn who_is_not_ready_in_time_loses_the_seat() {
    let mut scene = Scene::after(
        "ann create bigger_dice 2; bob join; ann select ann; ann select bob; ann ready seed",
    );
    check(
        &mut scene,
        "too early => nothing
         deadline => player_deselected#8(2:lobby) selected_players_updated#9 seed_renewed#10 | refund/room-1/2/1=1000
         bob ready => ! not_selected
         ann select bob => player_selected#11(2:player) seed_renewed#12 game_starting#13 | fee/room-1/2/2=1000",
    );
    assert_eq!(
        scene.last("game_starting")["deadline"],
        "2024-01-20T10:31:00.000Z"
    );
    check(
        &mut scene,
        "deadline => player_deselected#14(1:lobby) player_deselected#15(2:lobby) selected_players_updated#16 seed_renewed#17 | refund/room-1/1/1=1000 refund/room-1/2/2=1000",
    );
    assert_eq!(scene.room().next_deadline(), None);
    assert_eq!(scene.money.escrow, 0);
}

#[test]
fn who_does_not_reveal_in_time_loses_the_seat() {
    let mut scene = Scene::after(
        "ann create bigger_dice 3; bob join; cid join; ann select ann; ann select bob; ann select cid; ann ready seed; bob ready seed; cid ready; ann reveal",
    );
    assert_eq!(
        scene.last("seeds_requested")["deadline"],
        "2024-01-20T10:30:05.000Z"
    );
    check(
        &mut scene,
        "too early => nothing
         deadline => seed_voided#14 player_deselected#15(2:lobby) selected_players_updated#16 seed_renewed#17 | refund/room-1/2/1=1000
         bob reveal => ! game_not_started",
    );
    assert_eq!(scene.last("seed_voided"), json!({"user_id": "2"}));
}

#[test]
fn the_host_may_start_below_full_seats() {
    check(
        &mut Scene::after("ann create bigger_dice 4; bob join; cid join; ann select ann"),
        "bob start => ! not_host
         eve start => ! not_in_room
         ann start => ! not_all_ready
         ann ready => player_ready_changed#5
         ann start => ! not_enough_players
         ann select bob => player_selected#6(2:player) seed_renewed#7 | fee/room-1/2/1=1000
         ann ready => player_ready_changed#8
         bob ready => player_ready_changed#9
         ann start => removed_from_game>3(3:none) game_started#10 turn_changed#11 bigger_dice.state#12 ~room_removed",
    );
}

#[test]
fn a_host_without_players_cannot_start() {
    check(
        &mut Scene::after("ann create bigger_dice 2"),
        "ann start => ! not_enough_players",
    );
}

#[test]
fn an_outage_before_play_gives_the_time_back() {
    let mut scene =
        Scene::after("ann create bigger_dice 2; bob join; ann select ann; ann select bob");
    check(&mut scene, "shift 7000 => ok");
    assert_eq!(
        scene.room().next_deadline().unwrap().to_string(),
        "2024-01-20T10:30:37.000Z"
    );
    check(&mut scene, "shift 0 => nothing");
    check(
        &mut Scene::after("ann create bigger_dice 2"),
        "shift 7000 => nothing",
    );
}
