//! Moves, turns, auto-play, the pay-out.

use crate::actions::{game_move, named, raw};
use crate::scene::{Scene, check};
use blazing_sun_domain::room::{Action, RoomStatus};
use blazing_sun_domain::{Cents, RefusalCode};
use serde_json::json;

const STARTED: &str =
    "ann create bigger_dice 2; bob join; ann select ann; ann select bob; ann ready; bob ready";

#[test]
fn players_roll_in_turn() {
    let mut scene = Scene::after(STARTED);
    check(
        &mut scene,
        "bob roll => ! not_your_turn
         eve roll => ! not_in_room
         ann roll => bigger_dice.rolled#12 turn_changed#13 bigger_dice.state#14
         ann roll => ! not_your_turn
         bob roll => bigger_dice.rolled#15 bigger_dice.round_result#16 turn_changed#17 bigger_dice.state#18",
    );
    assert_eq!(scene.last("turn_changed")["turn_number"], 3);
}

#[test]
fn moves_that_are_none() {
    let mut scene = Scene::after(STARTED);
    check(
        &mut scene,
        "ann move tic_tac_toe move {} => ! wrong_game
         ann move bigger_dice cheat {} => ! unknown_command
         ann move bigger_dice roll [] => ! invalid_format
         bob move bigger_dice cheat {} => ! not_your_turn",
    );
    check(
        &mut Scene::after("ann create bigger_dice 2"),
        "ann roll => ! game_not_started
         ann auto on => ! game_not_started
         ann move relay say {} => ! wrong_game
         eve roll => ! not_in_room",
    );
}

#[test]
fn complaints_are_bounded() {
    let mut scene = Scene::after(STARTED);
    let name = "x".repeat(10_000);
    let action = game_move("bigger_dice", &name, "{}");
    let refusal = scene.decide(&named("ann"), action).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::UnknownCommand);
    assert!(refusal.message.len() <= 200);
}

#[test]
fn the_server_rolls_when_time_is_over() {
    let mut scene = Scene::after(STARTED);
    check(
        &mut scene,
        "too early => nothing
         deadline => bigger_dice.rolled#12 turn_changed#13 bigger_dice.state#14
         deadline => bigger_dice.rolled#15 bigger_dice.round_result#16 turn_changed#17 bigger_dice.state#18",
    );
    assert_eq!(scene.now.to_string(), "2024-01-20T10:30:10.000Z");
}

#[test]
fn auto_play_rolls_after_a_second() {
    let mut scene = Scene::after(STARTED);
    check(
        &mut scene,
        "ann auto on => player_auto_enabled#12 turn_changed#13",
    );
    assert_eq!(
        scene.last("turn_changed")["deadline"],
        "2024-01-20T10:30:01.000Z"
    );
    check(
        &mut scene,
        "ann auto on => player_auto_enabled#14
         bob auto on => player_auto_enabled#15
         eve auto on => ! not_in_room
         deadline => bigger_dice.rolled#16 turn_changed#17 bigger_dice.state#18
         sync ann => room_state>1(1:player) bigger_dice.state>1",
    );
    assert_eq!(
        scene.last("room_state")["room"]["auto_players"],
        json!(["1", "2"])
    );
    check(
        &mut scene,
        "bob auto off => player_auto_disabled#19 turn_changed#20",
    );
    assert_eq!(
        scene.last("turn_changed")["deadline"],
        "2024-01-20T10:30:06.000Z"
    );
}

#[test]
fn asking_twice_for_auto_play_does_not_wait_twice() {
    let mut scene = Scene::after(STARTED);
    scene.run("ann auto on");
    scene.now = scene.now.plus(900);
    check(&mut scene, "ann auto on => player_auto_enabled#14");
    assert_eq!(
        scene.room().next_deadline().unwrap().to_string(),
        "2024-01-20T10:30:01.000Z"
    );
}

#[test]
fn switching_auto_play_gains_no_time() {
    let mut scene = Scene::after(STARTED);
    for _ in 0..10 {
        scene.now = scene.now.plus(450);
        scene.run("ann auto on; ann auto off");
        assert_eq!(
            scene.last("turn_changed")["deadline"],
            "2024-01-20T10:30:05.000Z"
        );
    }
    scene.run("ann auto on");
    assert_eq!(
        scene.last("turn_changed")["deadline"],
        "2024-01-20T10:30:05.000Z"
    );
}

#[test]
fn an_outage_in_play_gives_the_time_back() {
    let mut scene = Scene::after(STARTED);
    check(&mut scene, "shift 60000 => turn_changed#12");
    let changed =
        json!({"current_turn": "1", "turn_number": 1, "deadline": "2024-01-20T10:31:05.000Z"});
    assert_eq!(scene.last("turn_changed"), changed);
    check(&mut scene, "shift -5 => nothing");
}

#[test]
fn the_winner_takes_the_prize_and_the_house_the_rest() {
    let mut scene = Scene::after(STARTED);
    let mut last = String::new();
    while !scene.room().is_over() {
        last = scene.line("deadline");
    }
    let winner = scene.room().winner().unwrap();
    let mut expected = String::from("bigger_dice.rolled#");
    let seq = scene.room().room_seq();
    expected += &format!(
        "{} bigger_dice.round_result#{} bigger_dice.game_over#{} ",
        seq - 4,
        seq - 3,
        seq - 2
    );
    expected += &format!(
        "bigger_dice.state#{} seed_revealed#{seq}(1:none)(2:none) ",
        seq - 1
    );
    expected += &format!("| prize/room-1/{winner}=1600 rake/room-1=400");
    assert_eq!(last, expected);
    let over = scene.last("bigger_dice.game_over");
    assert_eq!(over["winner_id"], json!(winner));
    assert_eq!(over["prize_cents"], 1_600);
    assert_eq!(scene.money.of(winner), 5_600);
    assert_eq!(scene.money.rake, 400);
    assert_eq!(scene.room().status(), RoomStatus::Finished);
    assert_eq!(scene.room().members(), []);
    check(&mut scene, "ann roll => ! room_not_found");
}

#[test]
fn the_prize_is_what_the_escrow_holds_rounded_down() {
    let mut scene = Scene::new();
    let action = Action::Create {
        room_id: "room-1".parse().unwrap(),
        game_type: "bigger_dice".into(),
        room_name: "odd".into(),
        max_players: Some(3),
        allow_spectators: false,
        is_password_protected: false,
        entry_fee: Cents(333),
        prize_percent: 77,
        invites_bot: false,
        seated: Vec::new(),
        limits: Default::default(),
    };
    scene.decide(&named("ann"), action).unwrap();
    scene.run("bob join; cid join; ann select ann; ann select bob; ann select cid");
    scene.run("ann ready; bob ready; cid ready");
    while !scene.room().is_over() {
        scene.run("deadline");
    }
    assert_eq!(scene.last("bigger_dice.game_over")["prize_cents"], 769);
    assert_eq!(scene.money.rake, 999 - 769);
}

#[test]
fn fields_that_a_move_does_not_have_are_ignored() {
    let mut scene = Scene::after(STARTED);
    let fields = raw(r#"{"room_id":"room-1","command_id":"x","deep":[[[[]]]],"roll":6}"#);
    let (game_type, name) = ("bigger_dice".into(), "roll".into());
    assert!(
        scene
            .decide(
                &named("ann"),
                Action::Move {
                    game_type,
                    name,
                    fields
                }
            )
            .is_ok()
    );
}
