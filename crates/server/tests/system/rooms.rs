//! A room with everybody that there can be: host, player, spectator, and one who has no business
//! there. What each hears, and that nobody hears what is another's.

use blazing_sun_harness::{Client, TestServer, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const PASSWORD: &str = "canary-7f3a9c-password";

/// A refusal of this command is what the asker hears.
async fn refused(asker: &mut Client, name: &str, fields: Value, code: &str) {
    let id = asker.command(name, fields).await;
    assert_eq!(asker.refusal(id).await, code, "{name}");
}

/// Each of these hears of it.
async fn all_hear<const N: usize>(clients: [&mut Client; N], event: &str) -> Value {
    let mut heard = Value::Null;
    for client in clients {
        heard = client.event(&format!("games.event.{event}")).await;
    }
    heard
}

/// Everything that was sent to it before has come once the answer to a last question has.
async fn has_heard_all(client: &mut Client) {
    let id = client.command("list_rooms", json!({})).await.to_string();
    let is_answer = |frame: &Value| frame["correlation_id"] == *id && frame["rooms"].is_array();
    client.until("the answer", is_answer).await;
}

fn is_narrow(frame: &Value) -> bool {
    let kind = frame["type"].as_str().unwrap_or_default();
    kind.ends_with(".error")
        || matches!(
            kind,
            "games.event.room_state"
                | "games.event.room_list"
                | "games.event.not_in_room"
                | "games.event.command_applied"
                | "wallet.event.balance_changed"
        )
}

#[tokio::test]
async fn everyone_in_and_outside_a_room_hears_what_is_theirs_and_no_more() {
    let server = TestServer::start().await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        let guest = server.guest().await;
        clients.push(Client::sign_in(&server, &guest).await);
    }
    let [mut host, mut player, mut watcher, mut outsider] =
        <[Client; 4]>::try_from(clients).unwrap_or_else(|_| unreachable!("four"));
    let create = json!({
        "game_type": "bigger_dice", "room_name": "Den", "max_players": 2, "password": PASSWORD,
    });
    host.command("create_room", create).await;
    let room = text(&host.event("games.event.room_state").await["room"]["room_id"]);
    let here = || json!({ "room_id": room });
    let about =
        |client: &Client| json!({ "room_id": room, "target_user_id": client.guest.user_id });
    let entering = |password: &str| json!({ "room_id": room, "password": password });

    refused(
        &mut player,
        "join_room",
        entering("wrong"),
        "wrong_password",
    )
    .await;
    refused(&mut outsider, "spectate", here(), "wrong_password").await;
    player.command("join_room", entering(PASSWORD)).await;
    all_hear([&mut host, &mut player], "lobby_joined").await;
    let by_name = json!({ "room_name": "Den", "password": PASSWORD });
    watcher.command("join_as_spectator", by_name).await;
    let state = watcher.event("games.event.room_state").await;
    assert_eq!(state["room"]["spectators"], json!([watcher.guest.user_id]));
    let joined = all_hear([&mut host, &mut player, &mut watcher], "spectator_joined").await;
    assert_eq!(joined["spectator_count"], 1);

    for name in ["select_player", "kick_player", "ban_player", "mute_user"] {
        refused(&mut player, name, about(&watcher), "not_host").await;
        refused(&mut watcher, name, about(&player), "not_in_room").await;
        refused(&mut outsider, name, about(&player), "not_in_room").await;
    }
    for name in [
        "kick_player",
        "ban_player",
        "mute_user",
        "unmute_user",
        "kick_spectator",
    ] {
        let oneself = about(&host);
        refused(&mut host, name, oneself, "cannot_target_self").await;
    }
    host.command("mute_user", about(&watcher)).await;
    let muted = all_hear([&mut host, &mut player, &mut watcher], "user_muted").await;
    assert_eq!(muted["target_user_id"], watcher.guest.user_id.as_str());
    host.command("unmute_user", about(&watcher)).await;
    all_hear([&mut host, &mut player, &mut watcher], "user_unmuted").await;

    host.command("kick_spectator", about(&watcher)).await;
    all_hear([&mut host, &mut player, &mut watcher], "spectator_kicked").await;
    refused(&mut watcher, "stop_spectating", here(), "not_a_spectator").await;
    watcher.command("spectate", entering(PASSWORD)).await;
    all_hear([&mut host, &mut player, &mut watcher], "spectator_joined").await;
    watcher.command("become_player", here()).await;
    all_hear([&mut host, &mut player, &mut watcher], "lobby_joined").await;
    host.command("select_spectator", about(&watcher)).await;
    all_hear([&mut host, &mut player, &mut watcher], "spectator_joined").await;

    host.command("select_player", about(&player)).await;
    all_hear([&mut host, &mut player, &mut watcher], "player_selected").await;
    host.command("deselect_player", about(&player)).await;
    all_hear([&mut host, &mut player, &mut watcher], "player_deselected").await;
    host.command("select_player", about(&player)).await;
    all_hear([&mut host, &mut player, &mut watcher], "player_selected").await;
    host.command("kick_player", about(&player)).await;
    all_hear([&mut host, &mut player, &mut watcher], "player_kicked").await;
    assert_eq!(server.balance_cents(&player.guest).await, 5_000);
    host.command("ban_player", about(&player)).await;
    all_hear([&mut host, &mut watcher], "player_banned").await;
    refused(&mut player, "join_room", entering(PASSWORD), "banned").await;
    refused(&mut player, "spectate", entering(PASSWORD), "banned").await;
    host.command("unban_player", about(&player)).await;
    all_hear([&mut host, &mut watcher], "player_unbanned").await;
    refused(&mut host, "unban_player", about(&player), "not_banned").await;
    player.command("join_room", entering(PASSWORD)).await;
    all_hear([&mut host, &mut player, &mut watcher], "lobby_joined").await;

    let seats = [host.guest.clone(), player.guest.clone()];
    host.select(&room, &[&seats[0], &seats[1]]).await;
    host.ready(&room).await;
    player.ready(&room).await;
    all_hear([&mut host, &mut player, &mut watcher], "game_started").await;
    for name in ["kick_player", "ban_player", "deselect_player"] {
        refused(&mut host, name, about(&player), "game_in_progress").await;
    }
    watcher.event("games.event.bigger_dice.rolled").await;
    watcher.command("leave_spectate", here()).await;
    all_hear([&mut host, &mut player, &mut watcher], "spectator_left").await;

    let left_at = watcher.seen.len();
    let mut all = [host, player, watcher, outsider];
    for client in &mut all {
        has_heard_all(client).await;
    }
    // What was for one of them is in nobody else's transcript.
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    for client in &all {
        for frame in client.seen.iter().filter(|frame| is_narrow(frame)) {
            let owner = &*client.guest.user_id;
            let first = owners.insert(text(&frame["event_id"]), owner);
            assert!(first.is_none_or(|first| first == owner), "{frame}");
        }
        let heard = serde_json::to_string(&client.seen).expect("frames are JSON");
        assert!(!heard.contains(PASSWORD), "{}", client.guest.username);
    }
    assert!(owners.len() > 30, "{}", owners.len());
    // Nobody hears of a room that they are not in, but for their own answers.
    let [.., watcher, outsider] = &all;
    let about_room = |frame: &&Value| frame["room_id"] == *room && !is_narrow(frame);
    assert_eq!(outsider.seen.iter().filter(about_room).count(), 0);
    assert_eq!(watcher.seen[left_at..].iter().filter(about_room).count(), 0);
}
