//! kick, ban, mute and their opposites; wrong passwords.

use crate::actions::{create, named, player};
use crate::scene::{Scene, check};
use blazing_sun_domain::room::{Action, Measure, PasswordCheck};
use blazing_sun_domain::{RefusalCode, UserId};
use serde_json::json;

#[test]
fn the_host_kicks_who_is_in_the_lobby_or_selected() {
    let mut scene = Scene::after(
        "ann create bigger_dice 3; bob join; cid join; dan spectate; ann select bob; ann select cid; cid ready",
    );
    check(
        &mut scene,
        "bob kick cid => ! not_host
         dan kick cid => ! not_in_room
         eve kick cid => ! not_in_room
         ann kick ann => ! cannot_target_self
         ann kick eve => ! player_not_in_lobby
         ann kick dan => ! player_not_in_lobby
         ann kick bob => player_kicked#9(2:none) seed_renewed#10 ~room_updated | refund/room-1/2/1=1000
         bob rejoin => ! not_in_room
         ann kick cid => player_kicked#11(3:none) seed_renewed#12 ~room_updated | refund/room-1/3/1=1000
         bob join => room_state>2(2:lobby) lobby_joined#13 ~room_updated
         ann kick bob => player_kicked#14(2:none) ~room_updated",
    );
    let kicked = json!({"user_id": "2", "username": "bob"});
    assert_eq!(scene.last("player_kicked"), kicked);
}

#[test]
fn a_kick_opens_the_selection_again_when_all_seats_were_taken() {
    let mut scene = Scene::after(
        "ann create bigger_dice 2; bob join; ann select ann; ann select bob; ann ready",
    );
    check(
        &mut scene,
        "ann kick bob => player_kicked#8(2:none) seed_renewed#9 ~room_updated | refund/room-1/2/1=1000
         bob join => room_state>2(2:lobby) lobby_joined#10 ~room_updated",
    );
    assert_eq!(scene.room().next_deadline(), None);
    assert_eq!(scene.money.escrow, 1_000);
}

const REVEALING: &str = "ann create bigger_dice 2; bob join; cid spectate; ann select ann; ann select bob; ann ready seed; bob ready";

#[test]
fn from_the_frozen_commitments_on_a_seat_is_kept() {
    let refused = "ann deselect bob => ! game_in_progress
                   ann kick bob => ! game_in_progress
                   ann ban bob => ! game_in_progress
                   ann kick spectator bob => ! not_a_spectator
                   bob become spectator => ! game_in_progress
                   ann select spectator bob => ! game_in_progress";
    let mut scene = Scene::after(REVEALING);
    check(&mut scene, refused);
    scene.run("ann reveal");
    check(&mut scene, refused);
    check(
        &mut scene,
        "ann mute bob => user_muted#14
         ann kick spectator cid => spectator_kicked#15(3:none)
         ann ban cid => player_banned#16
         cid spectate => ! banned",
    );
}

#[test]
fn who_is_banned_does_not_come_back_by_any_way() {
    let mut scene =
        Scene::after("ann create bigger_dice 3; bob join; cid join; dan spectate; ann select bob");
    check(
        &mut scene,
        "bob ban cid => ! not_host
         ann ban ann => ! cannot_target_self
         ann unban ann => ! cannot_target_self
         ann unban bob => ! not_banned
         ann ban bob => player_banned#6(2:none) seed_renewed#7 ~room_updated | refund/room-1/2/1=1000
         bob join => ! banned
         bob spectate => ! banned
         bob rejoin => ! banned
         bob leave => ! not_in_room
         sync bob => not_in_room>2(2:none)
         ann select bob => ! player_not_in_lobby
         ann ban bob => player_banned#8
         ann ban dan => player_banned#9(4:none) ~room_updated
         dan spectate => ! banned
         ann ban eve => player_banned#10
         eve join => ! banned
         cid unban bob => ! not_host
         ann unban bob => player_unbanned#11
         ann unban bob => ! not_banned
         bob join => room_state>2(2:lobby) lobby_joined#12 ~room_updated",
    );
    let room = &scene.last("room_state")["room"];
    assert_eq!(room["banned_users"], json!(["4", "5"]));
    let names = json!([{"user_id": "4", "username": "dan"}, {"user_id": "5", "username": "5"}]);
    assert_eq!(room["banned_users_data"], names);
    let unbanned = json!({"user_id": "2", "username": "bob"});
    assert_eq!(scene.last("player_unbanned"), unbanned);
    // Nobody here knew eve.
    let banned = json!({"user_id": "5", "username": "5"});
    assert_eq!(scene.last("player_banned"), banned);
}

#[test]
fn a_ban_outlasts_the_host() {
    check(
        &mut Scene::after("ann create bigger_dice 3; bob join; cid join; ann ban cid; ann leave"),
        "cid join => ! banned
         bob unban cid => player_unbanned#6
         cid join => room_state>3(3:lobby) lobby_joined#7 ~room_updated",
    );
}

#[test]
fn the_host_mutes_and_unmutes() {
    let mut scene = Scene::after("ann create bigger_dice 2; bob join; cid spectate");
    let (bob, cid) = (named("bob").user_id, named("cid").user_id);
    check(
        &mut scene,
        "bob mute ann => ! not_host
         cid mute ann => ! not_in_room
         ann mute ann => ! cannot_target_self
         ann unmute ann => ! cannot_target_self
         ann mute bob => user_muted#3
         ann mute cid => user_muted#4
         bob unmute bob => ! not_host
         cid leave => spectator_left#5(3:none) ~room_updated
         cid spectate => room_state>3(3:spectator) spectator_joined#6 ~room_updated",
    );
    assert!(scene.room().is_muted(bob) && scene.room().is_muted(cid));
    assert!(!scene.room().is_muted(named("ann").user_id));
    let room = &scene.last("room_state")["room"];
    assert_eq!(room["muted_users"], json!(["2", "3"]));
    scene.reload();
    check(&mut scene, "ann unmute bob => user_unmuted#7");
    assert!(!scene.room().is_muted(bob) && scene.room().is_muted(cid));
    let unmuted = json!({"target_user_id": "2", "target_username": "bob"});
    assert_eq!(scene.last("user_unmuted"), unmuted);
}

#[test]
fn the_lists_of_a_room_are_bounded() {
    for measure in [Measure::Ban, Measure::Mute] {
        let mut scene = Scene::after("ann create bigger_dice 2");
        let on = |id| Action::Moderate {
            measure,
            target: UserId::new(id).unwrap(),
        };
        for id in 2..1_002 {
            scene.decide_quietly(&player(1), on(id)).unwrap();
        }
        let refused = scene.decide(&player(1), on(1_002)).unwrap_err();
        assert_eq!(refused.code, RefusalCode::TooLong);
        scene.decide(&player(1), on(1_001)).unwrap();
    }
}

/// A room with a password, where ann hosts.
fn protected() -> Scene {
    let mut action = create("bigger_dice", Some(2));
    if let Action::Create {
        is_password_protected,
        ..
    } = &mut action
    {
        *is_password_protected = true;
    }
    let mut scene = Scene::new();
    scene.decide(&named("ann"), action).unwrap();
    scene
}

#[test]
fn a_password_is_asked_of_spectators_too() {
    check(
        &mut protected(),
        "bob spectate => ! wrong_password
         bob spectate wrong => ! wrong_password
         bob spectate right => room_state>2(2:spectator) spectator_joined#1 ~room_updated
         bob become player => room_state>2(2:lobby) lobby_joined#2 ~room_updated",
    );
}

#[test]
fn after_five_wrong_passwords_one_waits_a_minute() {
    let mut scene = protected();
    for _ in 0..4 {
        check(
            &mut scene,
            "bob join wrong => ! wrong_password
             bob guessed wrong => ok",
        );
    }
    let before = scene.now;
    scene.now = before.plus(59_999);
    check(
        &mut scene,
        "bob spectate wrong => ! wrong_password
         bob guessed wrong => ok
         bob guessed wrong => nothing",
    );
    let blocked = scene.now;
    for password in [PasswordCheck::Match, PasswordCheck::Mismatch] {
        for action in [Action::Join { password }, Action::Spectate { password }] {
            let refused = scene.decide(&named("bob"), action).unwrap_err();
            assert_eq!(refused.code, RefusalCode::RateLimited);
            let words = "Too many wrong passwords; try again in 60 s";
            assert_eq!(refused.message, words);
        }
    }
    // Another one's guesses are another matter.
    scene.run("cid join right");
    scene.reload();
    scene.now = blocked.plus(59_001);
    let password = PasswordCheck::Match;
    let refused = scene.decide(&named("bob"), Action::Join { password });
    let words = "Too many wrong passwords; try again in 1 s";
    assert_eq!(refused.unwrap_err().message, words);
    scene.now = blocked.plus(60_000);
    check(
        &mut scene,
        "bob join wrong => ! wrong_password
         bob guessed wrong => ok
         bob join right => room_state>2(2:lobby) lobby_joined#2 ~room_updated",
    );
}

#[test]
fn nothing_counts_where_there_is_no_password() {
    check(
        &mut Scene::after("ann create bigger_dice 2"),
        "bob guessed wrong => nothing
         bob join wrong => room_state>2(2:lobby) lobby_joined#1 ~room_updated",
    );
}
