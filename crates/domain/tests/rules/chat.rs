//! Who writes and reads where, and whom a message reaches.

use crate::actions::{channel_named, named};
use crate::scene::{Scene, check};
use blazing_sun_domain::room::{Action, Channel, EventAudience, Order};
use serde_json::json;

#[test]
fn the_lobby_is_everybodys_until_play_begins() {
    let mut scene = Scene::after("ann create bigger_dice 2; bob join; cid join");
    check(
        &mut scene,
        "ann writes lobby hi    => chat_message#3
         cid writes lobby hi    => chat_message#4
         dan writes lobby hi    => ! not_in_room
         ann select ann         => player_selected#5(1:player) seed_renewed#6 | fee/room-1/1/1=1000
         ann writes lobby hi    => chat_message#7
         bob writes lobby hi    => chat_message#8",
    );
    scene.run("ann select bob; ann ready; bob ready");
    check(
        &mut scene,
        "ann writes lobby hi    => ! channel_access_denied
         cid writes lobby hi    => ! not_in_room",
    );
}

#[test]
fn players_write_to_each_other_once_they_are_selected_and_the_lobby_does_not_read_it() {
    let mut scene = Scene::after("ann create bigger_dice 2; bob join; cid join");
    scene.run("ann select ann");
    check(
        &mut scene,
        "bob writes players hi      => ! channel_access_denied
         bob writes spectators hi   => ! channel_access_denied
         ann writes spectators hi   => ! channel_access_denied
         ann writes players hi      => chat_message[Users([UserId(1)]) After(4)]",
    );
    scene.run("ann select bob; ann ready; bob ready");
    let effects = scene
        .decide(&named("bob"), chat(Channel::Players, "hi"))
        .unwrap();
    assert_eq!(
        effects.events[0].audience,
        EventAudience::Room,
        "all in the room play"
    );
    scene.run("bob leave");
    check(
        &mut scene,
        "bob writes players hi => ! not_in_room
         cid writes players hi => ! not_in_room",
    );
}

#[test]
fn reading_follows_the_same_rules_and_the_lobbys_messages_stay() {
    let mut scene = Scene::after("ann create bigger_dice 2; bob join; cid join; ann select ann");
    let may_read = |scene: &Scene, name: &str, channel: &str| {
        let read = scene
            .room()
            .may_read(named(name).user_id, channel_named(channel));
        read.map_or_else(|refusal| refusal.code.as_str(), |()| "yes")
    };
    for (name, channel, expected) in [
        ("ann", "lobby", "yes"),
        ("bob", "lobby", "yes"),
        ("dan", "lobby", "not_in_room"),
        ("ann", "players", "yes"),
        ("bob", "players", "channel_access_denied"),
        ("dan", "players", "not_in_room"),
        ("ann", "spectators", "channel_access_denied"),
        ("bob", "spectators", "channel_access_denied"),
    ] {
        assert_eq!(
            may_read(&scene, name, channel),
            expected,
            "{name} {channel}"
        );
    }
    scene.run("ann select bob; ann ready; bob ready");
    assert_eq!(may_read(&scene, "bob", "lobby"), "yes");
    assert_eq!(may_read(&scene, "cid", "lobby"), "not_in_room");
}

#[test]
fn every_message_has_an_id_of_its_own_also_after_a_reload() {
    let mut scene = Scene::after("ann create bigger_dice 2; bob join; ann writes lobby one");
    let message = scene.last("chat_message");
    assert_eq!(
        message,
        json!({
            "channel": "lobby", "message_id": "room-1:1", "user_id": "1", "username": "ann",
            "content": "one", "is_system": false, "timestamp": message["timestamp"],
        })
    );
    scene.reload();
    scene.run("bob writes lobby two");
    assert_eq!(scene.last("chat_message")["message_id"], "room-1:2");
}

#[test]
fn what_is_said_is_text_and_nothing_else() {
    let mut scene = Scene::after("ann create bigger_dice 2");
    let text = "\"}],\"x\":<script>\\u0022 \u{7f} ünï";
    scene
        .decide(&named("ann"), chat(Channel::Lobby, text))
        .unwrap();
    assert_eq!(scene.last("chat_message")["content"], text);
}

#[test]
fn a_message_moves_no_deadline_and_no_money() {
    let mut scene =
        Scene::after("ann create bigger_dice 2; bob join; ann select ann; ann select bob");
    let (deadline, escrow) = (scene.room().next_deadline(), scene.money.escrow);
    scene.now = scene.now.plus(1_000);
    let effects = scene
        .decide(&named("ann"), chat(Channel::Players, "hi"))
        .unwrap();
    assert!(effects.transfers.is_empty() && effects.changed);
    assert!(matches!(effects.events[0].order, Order::Room(_)));
    assert_eq!(
        (scene.room().next_deadline(), scene.money.escrow),
        (deadline, escrow)
    );
}

fn chat(channel: Channel, content: &str) -> Action {
    Action::Chat {
        channel,
        content: content.to_owned(),
    }
}

#[test]
fn spectators_read_the_players_and_have_a_channel_that_players_never_see() {
    let mut scene =
        Scene::after("ann create bigger_dice 2; bob join; dan spectate; ann select ann");
    check(
        &mut scene,
        "dan writes players hi      => ! channel_access_denied
         dan writes spectators hi   => chat_message[Spectators After(4)]
         dan writes lobby hi        => chat_message#5
         ann writes spectators hi   => ! channel_access_denied
         ann writes players hi      => chat_message[Users([UserId(1), UserId(4)]) After(5)]",
    );
    scene.run("ann select bob; ann ready; bob ready");
    check(
        &mut scene,
        "bob writes spectators hi   => ! channel_access_denied
         dan writes lobby hi        => ! channel_access_denied",
    );
    let effects = scene
        .decide(&named("bob"), chat(Channel::Players, "hi"))
        .unwrap();
    assert_eq!(effects.events[0].audience, EventAudience::Room);
    let room = scene.room();
    let (bob, dan) = (named("bob").user_id, named("dan").user_id);
    assert!(room.may_read(dan, Channel::Players).is_ok());
    assert!(room.may_read(dan, Channel::Spectators).is_ok());
    assert!(room.may_read(bob, Channel::Spectators).is_err());
    scene.run("dan stop spectating");
    check(&mut scene, "dan writes spectators hi => ! not_in_room");
}

#[test]
fn the_host_decides_who_may_not_speak() {
    let mut scene = Scene::after(
        "ann create bigger_dice 2; bob join; dan spectate; ann mute bob; ann mute dan",
    );
    for (command, code) in [
        ("bob writes lobby hi", "muted"),
        ("dan writes spectators hi", "muted"),
        ("bob writes players hi", "channel_access_denied"),
    ] {
        assert_eq!(scene.line(command), format!("! {code}"), "{command}");
    }
    scene.reload();
    assert_eq!(scene.line("bob writes lobby hi"), "! muted");
    let bob = named("bob").user_id;
    assert!(scene.room().may_read(bob, Channel::Lobby).is_ok());
    scene.run("ann unmute bob; bob writes lobby hi; ann ban bob");
    assert_eq!(scene.line("bob writes lobby hi"), "! not_in_room");
    assert!(scene.room().may_read(bob, Channel::Lobby).is_err());
}
