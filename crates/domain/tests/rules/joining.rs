//! create_room, join_room.

use crate::actions::{create, named};
use crate::scene::{Scene, check};
use blazing_sun_domain::room::{Action, RoomStatus};
use blazing_sun_domain::{Cents, RefusalCode};

#[test]
fn the_host_enters_the_lobby_of_a_new_room() {
    check(
        &mut Scene::new(),
        "ann create bigger_dice 2 => ~room_created room_state>1(1:lobby)",
    );
}

#[test]
fn a_joiner_gets_the_room_before_the_others_hear_of_it() {
    check(
        &mut Scene::after("ann create bigger_dice 2"),
        "bob join => room_state>2(2:lobby) lobby_joined#1 ~room_updated
         bob join => ! already_in_room
         cid join => room_state>3(3:lobby) lobby_joined#2 ~room_updated",
    );
}

fn refused(action: Action) -> RefusalCode {
    Scene::new().decide(&named("ann"), action).unwrap_err().code
}

#[test]
fn what_no_room_can_be_made_of_is_refused() {
    assert_eq!(refused(create("chess", None)), RefusalCode::UnknownGame);
    assert_eq!(refused(Action::Leave), RefusalCode::RoomNotFound);
    for seats in [0, 1, 11, u32::MAX] {
        let action = create("bigger_dice", Some(seats));
        assert_eq!(refused(action), RefusalCode::InvalidPlayerCount, "{seats}");
    }
    let with_name = |name: &str| {
        let mut action = create("bigger_dice", None);
        if let Action::Create { room_name, .. } = &mut action {
            *room_name = name.into();
        }
        action
    };
    for name in [
        "",
        "  ",
        "a\nb",
        "\u{200d}",
        "a\u{202e}b",
        "a\u{200b}b",
        &"x".repeat(51),
    ] {
        assert_eq!(
            refused(with_name(name)),
            RefusalCode::InvalidName,
            "{name:?}"
        );
    }
    for name in ["x", " trimmed ", "Ünïcödé 日本", "👩‍👩‍👧", &"日".repeat(50)] {
        let mut scene = Scene::new();
        scene.decide(&named("ann"), with_name(name)).unwrap();
        assert_eq!(scene.room().room_name(), name.trim());
    }
}

#[test]
fn a_room_is_made_once() {
    check(
        &mut Scene::after("ann create bigger_dice 2"),
        "bob create bigger_dice 2 => ! invalid_format",
    );
}

#[test]
fn hostile_fees_and_percentages_make_no_money() {
    let mut scene = Scene::new();
    let mut action = create("bigger_dice", Some(2));
    if let Action::Create {
        entry_fee,
        prize_percent,
        ..
    } = &mut action
    {
        (*entry_fee, *prize_percent) = (Cents(-5), 255);
    }
    scene.decide(&named("ann"), action).unwrap();
    let summary = scene.room().summary().unwrap();
    assert_eq!(
        (summary.entry_fee_cents, summary.prize_cents),
        (Cents(0), Cents(0))
    );
}

#[test]
fn who_may_not_join_is_told_the_first_reason() {
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
    scene.money.set(named("cid").user_id, 999);
    scene.money.set(named("dan").user_id, 1_000);
    check(
        &mut scene,
        "bob join => ! wrong_password
         bob join wrong => ! wrong_password
         ann join wrong => ! already_in_room
         cid join wrong => ! wrong_password
         cid join right => ! insufficient_balance
         dan join right => room_state>4(4:lobby) lobby_joined#1 ~room_updated",
    );
}

#[test]
fn a_room_with_all_seats_taken_is_full_until_one_frees() {
    check(
        &mut Scene::after("ann create bigger_dice 2; bob join; ann select ann; ann select bob"),
        "cid join => ! room_full
         ann deselect bob => player_deselected#7(2:lobby) selected_players_updated#8 seed_renewed#9 | refund/room-1/2/1=1000
         cid join => room_state>3(3:lobby) lobby_joined#10 ~room_updated",
    );
}

#[test]
fn nobody_joins_while_seeds_are_revealed_or_in_play() {
    let before = "ann create bigger_dice 3; bob join; ann select ann; ann select bob; ann ready seed; bob ready; ann start";
    check(
        &mut Scene::after(before),
        "cid join => ! game_in_progress
         ann reveal => game_started#9 turn_changed#10 bigger_dice.state#11 ~room_removed
         cid join => ! game_in_progress",
    );
    let full = "ann create bigger_dice 2; bob join; ann select ann; ann select bob; ann ready seed; bob ready";
    check(&mut Scene::after(full), "cid join => ! room_full");
}

#[test]
fn the_list_shows_waiting_and_running_rooms() {
    let mut scene =
        Scene::after("ann create bigger_dice 4; bob join; ann select ann; ann select bob");
    let summary = scene.room().summary().unwrap();
    assert_eq!(summary.status, RoomStatus::Waiting);
    assert_eq!((summary.player_count, summary.max_players), (2, 4));
    assert_eq!(
        (summary.entry_fee_cents, summary.prize_cents),
        (Cents(1_000), Cents(3_200))
    );
    assert_eq!(&*summary.host_name, "ann");
    scene.run("ann ready; bob ready; ann start");
    assert_eq!(
        scene.room().summary().unwrap().status,
        RoomStatus::InProgress
    );
}

#[test]
fn a_fee_is_the_one_at_creation() {
    let mut scene = Scene::after("ann create bigger_dice 2; bob join");
    scene.games.get_mut("bigger_dice").unwrap().entry_fee = Cents(4_000);
    check(
        &mut scene,
        "ann select bob => player_selected#2(2:player) seed_renewed#3 | fee/room-1/2/1=1000",
    );
}

#[test]
fn a_lobby_is_bounded() {
    let mut scene = Scene::after("ann create bigger_dice 2");
    let join = || Action::Join {
        password: Default::default(),
    };
    for id in 2..=1_000 {
        scene
            .decide_quietly(&crate::actions::player(id), join())
            .unwrap();
    }
    let refused = scene
        .decide(&crate::actions::player(1_001), join())
        .unwrap_err();
    assert_eq!(refused.code, RefusalCode::RoomFull);
}
