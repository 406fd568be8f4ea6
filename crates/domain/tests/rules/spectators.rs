//! Watching a room: coming, going, changing places with the lobby, and crowds.

use crate::actions::{create, named, player};
use crate::scene::{Scene, check};
use blazing_sun_domain::room::{
    Action, EventAudience, Measure, Membership, PasswordCheck, RoomLimits,
};
use blazing_sun_domain::{RefusalCode, UserId};
use serde_json::json;

const SPECTATE: Action = Action::Spectate {
    password: PasswordCheck::Absent,
};

#[test]
fn a_spectator_comes_and_goes_before_play() {
    let mut scene = Scene::after("ann create bigger_dice 2; bob join");
    check(
        &mut scene,
        "cid spectate => room_state>3(3:spectator) spectator_joined#2 ~room_updated
         cid spectate => ! already_in_room
         cid join => ! already_in_room
         ann spectate => ! already_in_room
         cid ready => ! not_in_room
         ann select cid => ! player_not_in_lobby
         sync cid => room_state>3(3:spectator)
         cid rejoin => room_state>3(3:spectator)
         bob stop spectating => ! not_a_spectator
         dan stop spectating => ! not_a_spectator
         cid stop spectating => spectator_left#3(3:none) ~room_updated
         cid stop spectating => ! not_a_spectator",
    );
    assert_eq!(
        scene.last("spectator_joined"),
        json!({"spectator_id": "3", "spectator_name": "cid", "spectator_count": 1,
            "user_id": "3", "username": "cid"})
    );
    assert_eq!(
        scene.last("spectator_left"),
        json!({"user_id": "3", "username": "cid", "spectator_count": 0})
    );
    let room = &scene.last("room_state")["room"];
    assert_eq!(room["spectators"], json!(["3"]));
    assert_eq!(room["spectators_data"][0]["username"], "cid");
    assert_eq!(
        (&room["spectator_count"], &room["max_spectators"]),
        (&json!(1), &json!(1_000))
    );
}

#[test]
fn spectators_stay_when_the_seats_fill_and_see_the_game() {
    let mut scene =
        Scene::after("ann create bigger_dice 2; bob join; cid spectate; dan join; ann select ann");
    check(
        &mut scene,
        "ann select bob => player_selected#6(2:player) seed_renewed#7 removed_from_game>4(4:none) game_starting#8 ~room_updated | fee/room-1/2/1=1000
         dan spectate => room_state>4(4:spectator) spectator_joined#9 ~room_updated
         dan become player => ! room_full
         dan leave => spectator_left#10(4:none) ~room_updated
         ann ready => player_ready_changed#11
         bob ready => player_ready_changed#12 game_started#13 turn_changed#14 bigger_dice.state#15 ~room_removed
         eve spectate => room_state>5(5:spectator) bigger_dice.state>5 spectator_joined#16
         eve become player => ! game_in_progress
         eve roll => ! not_in_room
         sync eve => room_state>5(5:spectator) bigger_dice.state>5
         ann leave => player_disconnected#17(1:none) host_changed#18 turn_changed#19
         ann spectate => ! already_in_room
         eve stop spectating => spectator_left#20(5:none)",
    );
    let mut routed = scene.routed.clone();
    while !scene.room().is_over() {
        scene.run("deadline");
    }
    routed.retain(|_, membership| *membership == Membership::Spectator);
    assert_eq!(routed.len(), 1);
    assert!(scene.routed.is_empty(), "the end lets spectators go too");
}

#[test]
fn a_room_may_take_no_spectators_or_only_so_many() {
    let mut closed = create("bigger_dice", Some(2));
    if let Action::Create {
        allow_spectators, ..
    } = &mut closed
    {
        *allow_spectators = false;
    }
    let mut scene = Scene::new();
    scene.decide(&named("ann"), closed).unwrap();
    check(
        &mut scene,
        "bob join => room_state>2(2:lobby) lobby_joined#1 ~room_updated
         cid spectate => ! spectators_not_allowed
         bob become spectator => ! spectators_not_allowed
         ann select spectator bob => ! spectators_not_allowed",
    );

    let mut small = create("bigger_dice", Some(2));
    if let Action::Create { limits, .. } = &mut small {
        limits.max_spectators = 1;
    }
    let mut scene = Scene::new();
    scene.decide(&named("ann"), small).unwrap();
    check(
        &mut scene,
        "bob join => room_state>2(2:lobby) lobby_joined#1 ~room_updated
         cid spectate => room_state>3(3:spectator) spectator_joined#2 ~room_updated
         dan spectate => ! spectators_full
         bob become spectator => ! spectators_full
         ann kick spectator bob => ! not_a_spectator
         bob kick spectator cid => ! not_host
         cid kick spectator ann => ! not_in_room
         ann kick spectator ann => ! cannot_target_self
         ann kick spectator cid => spectator_kicked#3(3:none) ~room_updated
         dan spectate => room_state>4(4:spectator) spectator_joined#4 ~room_updated",
    );
    assert_eq!(
        scene.last("spectator_kicked"),
        json!({"user_id": "3", "username": "cid", "spectator_count": 0})
    );
}

#[test]
fn places_in_the_lobby_and_among_spectators_are_exchanged() {
    let mut scene = Scene::after("ann create bigger_dice 3; bob join; cid join; ann select cid");
    scene.money.set(named("dan").user_id, 999);
    check(
        &mut scene,
        "bob become player => ! not_a_spectator
         dan become player => ! not_a_spectator
         dan become spectator => ! not_in_room
         cid become spectator => ! already_selected
         bob become spectator => room_state>2(2:spectator) spectator_joined#5 ~room_updated
         bob become spectator => ! already_in_room
         bob select spectator ann => ! not_in_room
         bob become player => room_state>2(2:lobby) lobby_joined#6 ~room_updated
         bob select spectator ann => ! not_host
         ann select spectator dan => ! player_not_in_lobby
         ann select spectator bob => room_state>2(2:spectator) spectator_joined#7 ~room_updated
         ann select spectator bob => ! already_in_room
         dan spectate => room_state>4(4:spectator) spectator_joined#8 ~room_updated
         dan become player => ! insufficient_balance
         ann become spectator => room_state>1(1:spectator) spectator_joined#9 host_changed#10 ~room_updated
         ann select bob => ! not_in_room",
    );
    assert_eq!(scene.last("host_changed")["host_id"], "3");
}

#[test]
fn a_spectator_without_a_connection_is_kept_for_a_minute() {
    let mut scene = Scene::after("ann create bigger_dice 2; bob join; cid spectate");
    check(
        &mut scene,
        "gone cid => ok
         gone cid => nothing
         too early => nothing
         sync cid => room_state>3(3:spectator)",
    );
    assert_eq!(scene.room().next_deadline(), None);
    check(
        &mut scene,
        "gone cid => ok
         shift 5000 => ok
         deadline => spectator_left#3(3:none) ~room_updated
         cid rejoin => ! not_in_room
         cid spectate => room_state>3(3:spectator) spectator_joined#4 ~room_updated
         ann select ann => player_selected#5(1:player) seed_renewed#6 | fee/room-1/1/1=1000
         ann select bob => player_selected#7(2:player) seed_renewed#8 game_starting#9 | fee/room-1/2/1=1000
         ann ready => player_ready_changed#10
         bob ready => player_ready_changed#11 game_started#12 turn_changed#13 bigger_dice.state#14 ~room_removed",
    );
    // In play it ends between the turns' deadlines.
    scene.run("gone cid");
    let gone = scene.now;
    let left = |scene: &Scene| {
        scene
            .events
            .iter()
            .filter(|e| e.name == "spectator_left")
            .count()
    };
    while left(&scene) < 2 {
        scene.run("deadline");
    }
    assert!(!scene.room().is_over());
    assert_eq!(scene.now, gone.plus(60_000));
    // An absent one whom the host moves keeps the time.
    let mut scene = Scene::after("ann create bigger_dice 2; bob join; gone bob");
    check(
        &mut scene,
        "ann select spectator bob => room_state>2(2:spectator) spectator_joined#3 ~room_updated
         deadline => spectator_left#4(2:none) ~room_updated",
    );
}

#[test]
fn a_room_without_players_waits_half_an_hour_for_one() {
    let mut scene =
        Scene::after("ann create bigger_dice 2; bob spectate; cid spectate; ann select ann");
    check(
        &mut scene,
        "ann leave => player_left#5(1:none) seed_renewed#6 ~room_updated | refund/room-1/1/1=1000
         bot-1 join => ! room_full
         ann select ann => ! not_in_room
         too early => nothing
         shift 10 => ok",
    );
    let waits_until = scene.room().next_deadline().unwrap();
    assert_eq!(waits_until.to_string(), "2024-01-20T11:00:00.010Z");
    check(
        &mut scene,
        "bob become player => room_state>2(2:lobby) lobby_joined#7 host_changed#8 ~room_updated
         bob become spectator => room_state>2(2:spectator) spectator_joined#9 seed_renewed#10 ~room_updated
         ann join => room_state>1(1:lobby) lobby_joined#11 host_changed#12 ~room_updated
         ann leave => player_left#13(1:none) seed_renewed#14 ~room_updated
         deadline => ~room_removed seed_revealed#15(3:none)(2:none)",
    );
    assert_eq!(scene.last("room_removed")["reason"], "abandoned");
    assert!(scene.room().is_over());
}

#[test]
fn the_last_spectator_of_a_room_without_players_ends_it() {
    check(
        &mut Scene::after("ann create bigger_dice 2; bob spectate; cid spectate; ann leave"),
        "bob stop spectating => spectator_left#5(2:none) ~room_updated
         gone cid => ok
         deadline => spectator_left#6(3:none) ~room_removed seed_revealed#7",
    );
}

#[test]
fn bots_do_not_play_for_spectators_alone() {
    let mut scene =
        Scene::after("ann create bigger_dice 2; bot-1 join; bob spectate; ann select bot-1");
    check(
        &mut scene,
        "ann leave => player_left#5(1:none) player_left#6(10:none) seed_renewed#7 ~room_updated | refund/room-1/10/1=1000",
    );
    assert_eq!(scene.money.escrow, 0);
}

#[test]
fn how_long_a_room_waits_for_players_is_fixed_at_its_creation() {
    let mut action = create("bigger_dice", Some(2));
    if let Action::Create { limits, .. } = &mut action {
        *limits = RoomLimits {
            abandoned_after_ms: 5_000,
            ..RoomLimits::default()
        };
    }
    let mut scene = Scene::new();
    scene.decide(&named("ann"), action).unwrap();
    scene.run("bob spectate; ann leave");
    scene.reload();
    let waits_until = scene.room().next_deadline().unwrap();
    assert_eq!(waits_until, scene.now.plus(5_000));
}

/// Users 101, 102, …
fn nth(n: u64) -> UserId {
    UserId::new(100 + n).unwrap()
}

fn comes(scene: &mut Scene, n: u64) -> String {
    said(scene, n, SPECTATE)
}

fn goes(scene: &mut Scene, n: u64) -> String {
    said(scene, n, Action::StopSpectating)
}

fn said(scene: &mut Scene, n: u64, action: Action) -> String {
    let effects = scene.decide(&player(nth(n).get()), action).unwrap();
    let to = |audience: &EventAudience| match audience {
        EventAudience::User(_) => ">",
        EventAudience::Broadcast => "~",
        _ => "",
    };
    let events = effects.events.iter();
    let names: Vec<_> = events
        .map(|e| format!("{}{}", to(&e.audience), e.name))
        .collect();
    names.join(" ")
}

#[test]
fn a_crowd_is_told_by_number_at_most_once_a_second() {
    let mut scene = Scene::after("ann create bigger_dice 2");
    for n in 1..=50 {
        let told = comes(&mut scene, n);
        assert_eq!(told, ">room_state spectator_joined ~room_updated");
    }
    let updated = ">room_state spectators_updated ~room_updated";
    assert_eq!(comes(&mut scene, 51), updated);
    assert_eq!(
        scene.last("spectators_updated"),
        json!({"spectator_count": 51})
    );
    let room = &scene.last("room_state")["room"];
    assert_eq!(room["spectator_count"], 51);
    assert_eq!(room["spectators"].as_array().unwrap().len(), 50);
    assert_eq!(room["spectators_data"].as_array().unwrap().len(), 50);

    assert_eq!(comes(&mut scene, 52), ">room_state");
    assert_eq!(goes(&mut scene, 1), ">spectator_left");
    assert_eq!(comes(&mut scene, 53), ">room_state");
    scene.reload();
    check(&mut scene, "too early => nothing");
    check(
        &mut scene,
        "deadline => spectators_updated#52 ~room_updated",
    );
    assert_eq!(
        scene.last("spectators_updated"),
        json!({"spectator_count": 52})
    );
    assert_eq!(scene.room().next_deadline(), None);

    // Moves between lobby and spectators are told by name: the lobby changes.
    scene.run("bob join");
    check(
        &mut scene,
        "bob become spectator => room_state>2(2:spectator) spectator_joined#54 ~room_updated
         bob become player => room_state>2(2:lobby) lobby_joined#55 ~room_updated
         ann kick spectator bob => ! not_a_spectator",
    );
    scene.run("deadline");
    // Down to fifty, the names are told again, once.
    goes(&mut scene, 2);
    goes(&mut scene, 3);
    assert_eq!(goes(&mut scene, 4), ">spectator_left");
    scene.run("deadline");
    let told = scene.last("spectators_updated");
    assert_eq!(told["spectator_count"], 49);
    let names = told["spectators_data"].as_array().unwrap();
    assert_eq!((names.len(), &names[0]["user_id"]), (49, &json!("105")));
    assert_eq!(goes(&mut scene, 5), "spectator_left ~room_updated");
}

#[test]
fn whom_the_host_sends_out_of_a_crowd_is_counted_like_the_others() {
    let mut scene = Scene::after("ann create bigger_dice 2");
    for n in 1..=52 {
        comes(&mut scene, n);
    }
    scene.run("deadline");
    scene.now = scene.now.plus(5_000);
    let sends_out = |scene: &mut Scene, n: u64, measure: Measure| {
        let target = nth(n);
        let action = Action::Moderate { measure, target };
        let effects = scene.decide(&named("ann"), action).unwrap();
        let names: Vec<_> = effects
            .events
            .iter()
            .map(|event| event.name.clone())
            .collect();
        names.join(" ")
    };
    assert_eq!(
        sends_out(&mut scene, 1, Measure::KickSpectator),
        "spectator_kicked spectators_updated room_updated"
    );
    assert_eq!(
        scene.last("spectators_updated"),
        json!({"spectator_count": 51})
    );
    assert_eq!(sends_out(&mut scene, 2, Measure::Ban), "player_banned");
    scene.run("deadline");
    // Nobody knew the names of the last two.
    let told = scene.last("spectators_updated");
    assert_eq!(told["spectator_count"], 50);
    assert_eq!(told["spectators_data"].as_array().unwrap().len(), 50);
    assert_eq!(
        sends_out(&mut scene, 3, Measure::KickSpectator),
        "spectator_kicked room_updated"
    );
    assert_eq!(
        sends_out(&mut scene, 4, Measure::Ban),
        "player_banned room_updated"
    );
}

#[test]
fn a_thousand_may_watch() {
    let mut scene = Scene::after("ann create bigger_dice 2");
    for n in 1..=1_000 {
        scene
            .decide_quietly(&player(nth(n).get()), SPECTATE)
            .unwrap();
    }
    let refused = scene.decide(&player(nth(1_001).get()), SPECTATE);
    assert_eq!(refused.unwrap_err().code, RefusalCode::SpectatorsFull);
    let told = scene
        .events
        .iter()
        .filter(|e| e.name == "spectators_updated");
    assert_eq!(told.count(), 1, "all in one instant");
    scene.run("deadline");
    assert_eq!(scene.last("spectators_updated")["spectator_count"], 1_000);
    assert_eq!(scene.routed.len(), 1_001);
}

#[test]
fn what_watches_a_game_with_secrets_sees_none() {
    let mut scene = Scene::after(
        "ann create duel 2; bob join; cid spectate; ann select ann; ann select bob; ann ready; bob ready",
    );
    scene.run("ann chooses 7");
    let about_cid = |e: &&blazing_sun_domain::room::RoomEvent| match &e.audience {
        EventAudience::Room | EventAudience::Spectators => true,
        EventAudience::User(user) => *user == named("cid").user_id,
        _ => false,
    };
    let secret = |e: &&blazing_sun_domain::room::RoomEvent| e.body.get() == r#"{"own":7}"#;
    assert_eq!(scene.events.iter().filter(secret).count(), 1, "ann's alone");
    let seen = || scene.events.iter().filter(about_cid);
    assert!(seen().any(|e| e.audience == EventAudience::Spectators));
    assert_eq!(seen().filter(secret).count(), 0);
}
