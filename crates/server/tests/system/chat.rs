//! Chat over real sockets: who hears it, who must never, and what is left after a kill.

use blazing_sun_harness::{Client, Guest, Launch, TestServer, text};
use serde_json::{Value, json};
use uuid::Uuid;

/// Nothing else in these tests contains it.
const CANARY: &str = "canary-7f3a";

async fn start() -> TestServer {
    let burst = |name: &str| {
        let variable = format!("BLAZING_SUN_CHAT__{name}__BURST");
        (variable, "1000".to_owned())
    };
    TestServer::launch(Launch {
        environment: vec![burst("MESSAGES"), burst("TYPING")],
        ..Launch::default()
    })
    .await
}

async fn chat(client: &mut Client, name: &str, mut fields: Value) -> Uuid {
    let id = Uuid::now_v7();
    fields["type"] = format!("chat.command.{name}").into();
    fields["command_id"] = id.to_string().into();
    client.send(fields).await;
    id
}

async fn direct(from: &mut Client, to: &Guest, content: &str) {
    let fields = json!({ "recipient_id": to.user_id, "content": content });
    chat(from, "send_message", fields).await;
}

/// Waits until everything that was routed before has come.
async fn catch_up(client: &mut Client) {
    client.send(json!({ "type": "system.heartbeat" })).await;
    client.event("system.heartbeat_ack").await;
    let id = client.command("list_rooms", json!({})).await.to_string();
    let answer = |frame: &Value| frame["command_id"] == id || frame["correlation_id"] == id;
    client.until("the list of rooms", answer).await;
}

fn assert_never_heard(client: &Client) {
    for frame in &client.seen {
        assert!(!frame.to_string().contains(CANARY), "{frame}");
    }
}

async fn get(server: &TestServer, guest: &Guest, path: &str) -> Value {
    let request = server
        .http()
        .get(server.url(path))
        .bearer_auth(&guest.token);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.expect("JSON")
}

#[tokio::test]
async fn a_direct_message_reaches_all_sockets_of_both_and_nobody_else() {
    let mut server = start().await;
    let (ann, bob, eve) = (
        server.guest().await,
        server.guest().await,
        server.guest().await,
    );
    let mut ann_client = Client::sign_in(&server, &ann).await;
    let mut ann_again = Client::sign_in(&server, &ann).await;
    let mut bob_client = Client::sign_in(&server, &bob).await;
    let mut eve_client = Client::sign_in(&server, &eve).await;
    eve_client
        .send(json!({ "type": "system.lobby", "watch": true }))
        .await;

    let written = format!("<b>{CANARY}</b> & \"quoted\"");
    direct(&mut ann_client, &bob, &written).await;
    for client in [&mut ann_client, &mut ann_again, &mut bob_client] {
        let message = client.event("chat.event.message_received").await;
        assert_eq!(message["content"], written.as_str());
        assert_eq!(
            (&message["sender_id"], &message["recipient_id"]),
            (&json!(ann.user_id), &json!(bob.user_id))
        );
    }
    chat(
        &mut ann_client,
        "typing",
        json!({ "recipient_id": bob.user_id }),
    )
    .await;
    let typing = bob_client.event("chat.event.typing").await;
    assert_eq!(typing["user_id"], ann.user_id.as_str());

    server.kill().await;
    server.restart().await;
    let kept = get(&server, &bob, "/api/v1/me/messages").await;
    assert_eq!(kept["unread_count"], 1);
    assert_eq!(kept["messages"][0]["content"], written.as_str());
    let mut bob_client = Client::sign_in(&server, &bob).await;
    let read = json!({ "message_ids": [kept["messages"][0]["message_id"]] });
    chat(&mut bob_client, "mark_read", read).await;
    bob_client.event("chat.event.messages_read").await;
    let kept = get(&server, &bob, "/api/v1/me/messages").await;
    assert_eq!(kept["unread_count"], 0);
    assert_eq!(kept["messages"][0]["is_read"], true);

    let strangers = get(&server, &eve, "/api/v1/me/messages").await;
    assert_eq!(strangers["messages"], json!([]));
    assert_never_heard(&eve_client);
    let mut eve_client = Client::sign_in(&server, &eve).await;
    catch_up(&mut eve_client).await;
    assert_never_heard(&eve_client);
    assert!(!server.log().contains(CANARY), "the server's log");
    assert_eq!(server.audit().await["clean"], true);
}

#[tokio::test]
async fn a_rooms_chat_stays_in_its_channel_over_a_kill_and_a_resume() {
    let mut server = start().await;
    let (host, other, waiting) = (
        server.guest().await,
        server.guest().await,
        server.guest().await,
    );
    let mut host_client = Client::sign_in(&server, &host).await;
    let mut other_client = Client::sign_in(&server, &other).await;
    let mut waiting_client = Client::sign_in(&server, &waiting).await;
    let mut stranger = Client::sign_in(&server, &server.guest().await).await;
    let room = host_client.create_room("Chat").await;
    other_client.join_room(&room).await;
    waiting_client.join_room(&room).await;
    let say = |channel: &str, content: &str| json!({ "room_id": room, "channel": channel, "content": content });

    other_client
        .command("send_chat", say("lobby", "hello all"))
        .await;
    for client in [&mut host_client, &mut other_client, &mut waiting_client] {
        let message = client.event("games.event.chat_message").await;
        assert_eq!(
            (&message["channel"], &message["content"]),
            (&json!("lobby"), &json!("hello all"))
        );
        assert_eq!(message["user_id"], other.user_id.as_str());
    }
    host_client.select(&room, &[&host]).await;
    host_client
        .command("send_chat", say("players", CANARY))
        .await;
    let message = host_client.event("games.event.chat_message").await;
    assert_eq!(message["content"], CANARY);
    for (channel, code) in [
        ("players", "channel_access_denied"),
        ("spectators", "channel_access_denied"),
    ] {
        let id = waiting_client.command("send_chat", say(channel, "x")).await;
        assert_eq!(waiting_client.refusal(id).await, code);
        let history = json!({ "room_id": room, "channel": channel });
        let id = waiting_client.command("get_chat_history", history).await;
        assert_eq!(waiting_client.refusal(id).await, code);
    }
    // What spectators say to each other no player hears, nor a spectator what players said before.
    let mut spectator = Client::sign_in(&server, &server.guest().await).await;
    spectator
        .command("spectate", json!({ "room_id": room }))
        .await;
    spectator.event("games.event.room_state").await;
    let aside = format!("aside-{CANARY}");
    spectator
        .command("send_chat", say("spectators", &aside))
        .await;
    let message = spectator.event("games.event.chat_message").await;
    assert_eq!(message["content"], aside.as_str());
    let mute = json!({ "room_id": room, "target_user_id": other.user_id });
    host_client.command("mute_user", mute).await;
    other_client.event("games.event.user_muted").await;
    let id = other_client.command("send_chat", say("lobby", "x")).await;
    assert_eq!(other_client.refusal(id).await, "muted");
    host_client.event("games.event.user_muted").await;
    let heard = host_client.seen.iter().map(Value::to_string);
    assert!(heard.into_iter().all(|frame| !frame.contains(&aside)));
    let id = stranger.command("send_chat", say("lobby", "x")).await;
    assert_eq!(stranger.refusal(id).await, "not_in_room");

    server.kill().await;
    server.restart().await;
    let mut again = Client::sign_in(&server, &waiting).await;
    again.event("games.event.room_state").await;
    let history = json!({ "room_id": room, "channel": "lobby" });
    again.command("get_chat_history", history).await;
    let history = again.event("games.event.chat_history").await;
    assert_eq!(history["messages"][0]["content"], "hello all");
    assert_eq!(history["messages"].as_array().map(Vec::len), Some(1));
    let mut resumed = Client::connect(&server, &waiting).await;
    let seen = json!([{ "room_id": room, "room_seq": 1 }]);
    resumed
        .send(json!({ "type": "system.authenticate", "token": waiting.token, "resume": seen }))
        .await;
    resumed.event("games.event.room_state").await;
    for client in [&waiting_client, &again, &resumed, &stranger, &other_client] {
        assert_never_heard(client);
    }
    assert_eq!(server.audit().await["clean"], true);
}

#[tokio::test]
async fn the_lobby_hears_what_is_written_to_it_and_keeps_it() {
    let mut server = start().await;
    let (ann, bob) = (server.guest().await, server.guest().await);
    let mut ann_client = Client::sign_in(&server, &ann).await;
    let mut bob_client = Client::sign_in(&server, &bob).await;
    for client in [&mut ann_client, &mut bob_client] {
        client
            .send(json!({ "type": "system.lobby", "watch": true }))
            .await;
        catch_up(client).await;
    }
    let fields = json!({ "lobby_id": "main", "content": "anyone for dice?" });
    chat(&mut ann_client, "send_lobby_message", fields).await;
    for client in [&mut ann_client, &mut bob_client] {
        let message = client.event("chat.event.lobby_message").await;
        assert_eq!(message["content"], "anyone for dice?");
        assert_eq!(message["user_id"], ann.user_id.as_str());
    }
    server.kill().await;
    server.restart().await;
    let kept = get(&server, &bob, "/api/v1/lobbies/main/messages").await;
    assert_eq!(kept["messages"][0]["content"], "anyone for dice?");
    assert_eq!(kept["messages"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn refused_messages_are_told_to_the_asking_socket_alone() {
    let server = TestServer::start().await;
    let (ann, bob) = (server.guest().await, server.guest().await);
    let mut ann_client = Client::sign_in(&server, &ann).await;
    let mut ann_again = Client::sign_in(&server, &ann).await;
    let mut bob_client = Client::sign_in(&server, &bob).await;
    let to_bob = |content: &str| json!({ "recipient_id": bob.user_id, "content": content });
    let to_oneself = json!({ "recipient_id": ann.user_id, "content": "x" });
    let to_nobody = json!({ "recipient_id": "999999", "content": "x" });
    for (fields, code) in [
        (to_bob(""), "invalid_format"),
        (to_bob("a\u{202e}b"), "invalid_format"),
        (to_bob(&"x".repeat(501)), "too_long"),
        (to_oneself, "cannot_target_self"),
        (to_nobody, "user_not_found"),
    ] {
        let id = chat(&mut ann_client, "send_message", fields).await;
        assert_eq!(ann_client.refusal(id).await, code);
    }
    // Sent at once, so that the long-run rate adds little.
    let mut ids = Vec::new();
    for _ in 0..30 {
        ids.push(
            chat(&mut ann_client, "send_message", to_bob("x"))
                .await
                .to_string(),
        );
    }
    let refused = |frame: &Value| frame["code"] == "rate_limited";
    let frame = ann_client.until("a rate's refusal", refused).await;
    assert_eq!(frame["type"], "chat.event.error");
    assert!(ids.contains(&text(&frame["command_id"])));
    for client in [&mut ann_again, &mut bob_client] {
        catch_up(client).await;
        assert_eq!(client.seen_of("chat.event.error").count(), 0);
    }
}
