//! Chat in a room's channels and outside of rooms.

use super::scene::{Ended, Row, STRANGER, Scene, WATCHER};
use serde_json::{Value, json};

fn say(room: &str, channel: &str, content: &str) -> Value {
    json!({ "room_id": room, "channel": channel, "content": content })
}

/// A room with a host who has a seat, a guest in its lobby and a fan who watches.
async fn furnished(row: Row) -> (Scene, String) {
    let mut scene = row.scene(&["host", "host+", "guest", "fan", "fan+"]).await;
    let room = scene.opens(json!({}), &["guest"]).await;
    scene
        .given("fan", "spectate", json!({ "room_id": room }))
        .await;
    scene.seats(&room, &["host"]).await;
    (scene, room)
}

/// One message each, and who hears it.
const MESSAGES: [(&str, &str, &str, &[&str]); 3] = [
    (
        "lobby",
        "guest",
        "canary-lobby",
        &["fan", "fan+", "guest", "host", "host+"],
    ),
    (
        "players",
        "host",
        "canary-players",
        &["fan", "fan+", "host", "host+"],
    ),
    ("spectators", "fan", "canary-spectators", &["fan", "fan+"]),
];

pub async fn send_chat(row: Row) -> Ended {
    let (mut scene, room) = furnished(row).await;
    for (channel, by, content, hearers) in MESSAGES {
        let audience = match channel {
            "lobby" => "room",
            "players" => "users",
            _ => "spectators",
        };
        let told = format!("chat_message {audience}: {}", hearers.join(" "));
        let id = scene
            .does(by, "send_chat", say(&room, channel, content), &told)
            .await;
        let message = scene.event(hearers[0], &id, "chat_message").await;
        assert_eq!(
            json!([message["channel"], message["user_id"], message["is_system"]]),
            json!([channel, scene.id(by), false])
        );
        scene.secret(content, hearers);
    }
    let shut = [
        ("players", "guest"),
        ("players", "fan"),
        ("spectators", "guest"),
        ("spectators", "host"),
    ];
    for (channel, by) in shut {
        let fields = say(&room, channel, "canary-refused");
        scene
            .refused(by, "send_chat", fields, "channel_access_denied")
            .await;
    }
    for (channel, _, _, _) in MESSAGES {
        let fields = say(&room, channel, "canary-refused");
        scene
            .refused(STRANGER, "send_chat", fields, "not_in_room")
            .await;
    }
    let long = format!("canary-refused{}", "x".repeat(500));
    scene
        .refused("guest", "send_chat", say(&room, "lobby", &long), "too_long")
        .await;
    let hidden = say(&room, "lobby", "canary-refused\u{202e}");
    scene
        .refused("guest", "send_chat", hidden, "invalid_format")
        .await;
    let guest = json!({ "room_id": room, "target_user_id": scene.id("guest") });
    scene.given("host", "mute_user", guest).await;
    let fields = say(&room, "lobby", "canary-refused");
    scene.refused("guest", "send_chat", fields, "muted").await;

    // With nobody in the lobby, all may read what players write; and none may write in the lobby.
    scene.seats(&room, &["guest"]).await;
    for name in ["host", "guest"] {
        scene.given(name, "ready", json!({ "room_id": room })).await;
    }
    let told = "chat_message room: fan fan+ guest host host+";
    scene
        .does("host", "send_chat", say(&room, "players", "in play"), told)
        .await;
    let fields = say(&room, "lobby", "canary-refused");
    scene
        .refused("host", "send_chat", fields, "channel_access_denied")
        .await;
    scene.secret("canary-refused", &[]);
    scene.ends().await
}

pub async fn get_chat_history(row: Row) -> Ended {
    let (mut scene, room) = furnished(row).await;
    for (channel, by, content, hearers) in MESSAGES {
        scene
            .given(by, "send_chat", say(&room, channel, content))
            .await;
        scene.secret(content, hearers);
    }
    let ask = |channel: &str| json!({ "room_id": room, "channel": channel });
    for (channel, by, is_open) in [
        ("lobby", "guest", true),
        ("lobby", "fan", true),
        ("players", "guest", false),
        ("players", "host", true),
        ("players", "fan", true),
        ("spectators", "guest", false),
        ("spectators", "host", false),
        ("spectators", "fan", true),
    ] {
        if !is_open {
            let code = "channel_access_denied";
            scene
                .refused(by, "get_chat_history", ask(channel), code)
                .await;
            continue;
        }
        let told = match by {
            "guest" => "chat_history user: guest".to_owned(),
            _ => format!("chat_history user: {by} {by}+"),
        };
        let id = scene
            .does(by, "get_chat_history", ask(channel), &told)
            .await;
        let history = scene.event(by, &id, "chat_history").await;
        let messages = history["messages"].as_array().expect("a list");
        let written = MESSAGES.iter().find(|(of, ..)| *of == channel);
        let content = written.expect("a message").2;
        assert_eq!(messages.len(), 1, "{history}");
        assert_eq!(messages[0]["content"], content);
    }
    scene
        .refused(STRANGER, "get_chat_history", ask("lobby"), "not_in_room")
        .await;
    let nowhere = json!({ "room_id": "nowhere", "channel": "lobby" });
    scene
        .refused("host", "get_chat_history", nowhere, "room_not_found")
        .await;
    // Who comes later reads no more than others could.
    scene
        .given("guest", "send_chat", say(&room, "lobby", "the newest"))
        .await;
    let newest = json!({ "room_id": room, "channel": "lobby", "limit": 1 });
    let told = "chat_history user: host host+";
    let id = scene.does("host", "get_chat_history", newest, told).await;
    let history = scene.event("host", &id, "chat_history").await;
    assert_eq!(history["messages"][0]["content"], "the newest");
    assert_eq!(history["messages"].as_array().map(Vec::len), Some(1));
    scene.ends().await
}

pub async fn send_message(row: Row) -> Ended {
    let mut scene = row.scene(&["ann", "ann+", "bob", "bob+", "eve"]).await;
    let to = |id: &str, content: &str| json!({ "recipient_id": id, "content": content });
    let (ann, bob) = (scene.id("ann"), scene.id("bob"));
    let name = "chat.command.send_message";
    let told = "chat.message_received users: ann ann+ bob bob+";
    let id = scene
        .does("ann", name, to(&bob, "canary-direct"), told)
        .await;
    let message = scene.event("bob+", &id, "chat.message_received").await;
    assert_eq!(
        json!([
            message["sender_id"],
            message["recipient_id"],
            message["content"]
        ]),
        json!([ann, bob, "canary-direct"])
    );
    for (fields, code) in [
        (to("999999", "canary-refused"), "user_not_found"),
        (to(&ann, "canary-refused"), "cannot_target_self"),
        (to(&bob, &"canary-refused".repeat(50)), "too_long"),
        (to(&bob, "canary-refused\u{202e}"), "invalid_format"),
    ] {
        scene.refused("ann", name, fields, code).await;
    }
    let kept = scene.get("bob", "/api/v1/me/messages").await;
    assert_eq!(kept["unread_count"], 1);
    assert_eq!(kept["messages"].as_array().map(Vec::len), Some(1));
    assert_eq!(kept["messages"][0]["content"], "canary-direct");
    let strangers = scene.get("eve", "/api/v1/me/messages").await;
    assert_eq!(strangers["messages"], json!([]));
    scene.secret("canary-direct", &["ann", "ann+", "bob", "bob+"]);
    scene.secret("canary-refused", &[]);
    scene.ends().await
}

pub async fn send_lobby_message(row: Row) -> Ended {
    let mut scene = row.scene(&["ann", "ann+"]).await;
    let to = |lobby: &str, content: &str| json!({ "lobby_id": lobby, "content": content });
    let name = "chat.command.send_lobby_message";
    // It is for who watches the lobby, and its writer does not.
    let told = format!("chat.lobby_message broadcast: {WATCHER}");
    let id = scene
        .does("ann", name, to("main", "canary-lobby"), &told)
        .await;
    let message = scene.event(WATCHER, &id, "chat.lobby_message").await;
    assert_eq!(
        json!([message["lobby_id"], message["user_id"], message["content"]]),
        json!(["main", scene.id("ann"), "canary-lobby"])
    );
    for (fields, code) in [
        (to("attic", "canary-refused"), "lobby_not_found"),
        (to("main", &"canary-refused".repeat(50)), "too_long"),
        (to("main", " "), "invalid_format"),
    ] {
        scene.refused("ann", name, fields, code).await;
    }
    let kept = scene.get("ann", "/api/v1/lobbies/main/messages").await;
    assert_eq!(kept["messages"].as_array().map(Vec::len), Some(1));
    assert_eq!(kept["messages"][0]["content"], "canary-lobby");
    scene.secret("canary-lobby", &[WATCHER]);
    scene.secret("canary-refused", &[]);
    scene.ends().await
}

pub async fn typing(row: Row) -> Ended {
    let mut scene = row.scene(&["ann", "ann+", "bob", "bob+"]).await;
    let to = |id: &str| json!({ "recipient_id": id });
    let (ann, bob) = (scene.id("ann"), scene.id("bob"));
    let told = "chat.typing user: bob bob+";
    let id = scene
        .does("ann", "chat.command.typing", to(&bob), told)
        .await;
    let typing = scene.event("bob", &id, "chat.typing").await;
    assert_eq!(
        json!([typing["user_id"], typing["username"]]),
        json!([ann, scene.username("ann")])
    );
    for (id, code) in [("999999", "user_not_found"), (&*ann, "cannot_target_self")] {
        scene
            .refused("ann", "chat.command.typing", to(id), code)
            .await;
    }
    scene.ends().await
}

pub async fn mark_read(row: Row) -> Ended {
    let mut scene = row.scene(&["ann", "bob", "bob+", "eve"]).await;
    let fields = json!({ "recipient_id": scene.id("bob"), "content": "hello" });
    let id = scene
        .given("ann", "chat.command.send_message", fields)
        .await;
    let message = scene.event("bob", &id, "chat.message_received").await;
    let read = json!({ "message_ids": [message["message_id"]] });
    // Another's message: nothing changes.
    let told = "chat.messages_read user: eve";
    scene
        .does("eve", "chat.command.mark_read", read.clone(), told)
        .await;
    let kept = scene.get("bob", "/api/v1/me/messages").await;
    assert_eq!(kept["unread_count"], 1);
    let told = "chat.messages_read user: bob bob+";
    scene
        .does("bob+", "chat.command.mark_read", read, told)
        .await;
    let kept = scene.get("bob", "/api/v1/me/messages").await;
    assert_eq!(
        json!([kept["unread_count"], kept["messages"][0]["is_read"]]),
        json!([0, true])
    );
    let none = json!({ "message_ids": [] });
    scene
        .refused("bob", "chat.command.mark_read", none, "invalid_format")
        .await;
    scene.ends().await
}
