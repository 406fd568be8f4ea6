//! What a host does to others.

use super::scene::{Ended, Row, STRANGER, Scene};
use serde_json::{Value, json};

fn about(scene: &Scene, room: &str, target: &str) -> Value {
    json!({ "room_id": room, "target_user_id": scene.id(target) })
}

/// What everybody but the host hears of a measure, and the host of one against oneself.
async fn is_the_hosts(scene: &mut Scene, room: &str, name: &str) {
    let (guest, host) = (about(scene, room, "guest"), about(scene, room, "host"));
    scene
        .refused("third", name, guest.clone(), "not_host")
        .await;
    scene
        .refused("fan", name, guest.clone(), "not_in_room")
        .await;
    scene.refused(STRANGER, name, guest, "not_in_room").await;
    scene
        .refused("host", name, host, "cannot_target_self")
        .await;
}

async fn furnished(row: Row) -> (Scene, String) {
    let mut scene = row
        .scene(&["host", "guest", "guest+", "third", "fan", "fan+"])
        .await;
    let seats = json!({ "max_players": 3 });
    let room = scene.opens(seats, &["guest", "third"]).await;
    scene
        .given("fan", "spectate", json!({ "room_id": room }))
        .await;
    (scene, room)
}

/// `host` and `third` play, and `guest` too.
async fn plays(scene: &mut Scene, room: &str) {
    scene.plays(room, &["host", "guest", "third"]).await;
}

pub async fn kick(row: Row) -> Ended {
    let (mut scene, room) = furnished(row).await;
    for name in ["kick_player", "kick_spectator"] {
        is_the_hosts(&mut scene, &room, name).await;
    }
    let (guest, fan) = (about(&scene, &room, "guest"), about(&scene, &room, "fan"));
    scene
        .refused("host", "kick_player", fan.clone(), "player_not_in_lobby")
        .await;
    scene
        .refused("host", "kick_spectator", guest.clone(), "not_a_spectator")
        .await;
    scene.seats(&room, &["guest"]).await;
    let told = "
        player_kicked room: fan fan+ guest guest+ host third
        seed_renewed room: fan fan+ host third
        room_updated broadcast
        wallet.balance_changed user: guest guest+";
    let id = scene.does("host", "kick_player", guest.clone(), told).await;
    let kicked = scene.event("guest", &id, "player_kicked").await;
    assert_eq!(kicked["user_id"], scene.id("guest"));
    assert_eq!(scene.balance("guest").await, 5_000);
    let told = "
        spectator_kicked room: fan fan+ host third
        room_updated broadcast";
    let id = scene.does("host", "kick_spectator", fan, told).await;
    let kicked = scene.event("fan+", &id, "spectator_kicked").await;
    assert_eq!(kicked["user_id"], scene.id("fan"));
    let says = json!({ "room_id": room, "channel": "lobby", "content": "without them" });
    let told = "chat_message room: host third";
    scene.does("host", "send_chat", says, told).await;
    scene.secret("without them", &["host", "third"]);
    // They may come back.
    scene
        .given("fan", "spectate", json!({ "room_id": room }))
        .await;
    scene
        .given("guest", "join_room", json!({ "room_id": room }))
        .await;
    plays(&mut scene, &room).await;
    scene
        .refused("host", "kick_player", guest, "game_in_progress")
        .await;
    scene.ends().await
}

pub async fn ban(row: Row) -> Ended {
    let (mut scene, room) = furnished(row).await;
    for name in ["ban_player", "unban_player"] {
        is_the_hosts(&mut scene, &room, name).await;
    }
    let here = json!({ "room_id": room });
    let (guest, fan) = (about(&scene, &room, "guest"), about(&scene, &room, "fan"));
    scene
        .refused("host", "unban_player", guest.clone(), "not_banned")
        .await;
    scene.seats(&room, &["guest"]).await;
    let told = "
        player_banned room: fan fan+ guest guest+ host third
        seed_renewed room: fan fan+ host third
        room_updated broadcast
        wallet.balance_changed user: guest guest+";
    let id = scene.does("host", "ban_player", guest.clone(), told).await;
    let banned = scene.event("guest", &id, "player_banned").await;
    assert_eq!(banned["user_id"], scene.id("guest"));
    assert_eq!(scene.balance("guest").await, 5_000);
    scene
        .refused("guest", "join_room", here.clone(), "banned")
        .await;
    let told = "
        player_banned room: fan fan+ host third
        room_updated broadcast";
    scene.does("host", "ban_player", fan, told).await;
    scene
        .refused("fan", "spectate", here.clone(), "banned")
        .await;
    let state = scene.room("host", &room).await;
    let mut banned = [scene.id("guest"), scene.id("fan")];
    banned.sort_by_key(|id| id.parse::<u64>().expect("a number"));
    assert_eq!(state["banned_users"], json!(banned));

    let told = "player_unbanned room: host third";
    let id = scene
        .does("host", "unban_player", guest.clone(), told)
        .await;
    let unbanned = scene.event("third", &id, "player_unbanned").await;
    assert_eq!(unbanned["user_id"], scene.id("guest"));
    scene.given("guest", "join_room", here).await;
    plays(&mut scene, &room).await;
    scene
        .refused("host", "ban_player", guest, "game_in_progress")
        .await;
    scene.ends().await
}

pub async fn mute(row: Row) -> Ended {
    let (mut scene, room) = furnished(row).await;
    for name in ["mute_user", "unmute_user"] {
        is_the_hosts(&mut scene, &room, name).await;
    }
    let guest = about(&scene, &room, "guest");
    let says = json!({ "room_id": room, "channel": "lobby", "content": "canary-of-the-muted" });
    let told = "user_muted room: fan fan+ guest guest+ host third";
    let id = scene.does("host", "mute_user", guest.clone(), told).await;
    let muted = scene.event("fan", &id, "user_muted").await;
    assert_eq!(
        json!([muted["target_user_id"], muted["target_username"]]),
        json!([scene.id("guest"), scene.username("guest")])
    );
    scene.refused("guest+", "send_chat", says, "muted").await;
    let state = scene.room("guest", &room).await;
    assert_eq!(state["muted_users"], json!([scene.id("guest")]));
    let told = "user_unmuted room: fan fan+ guest guest+ host third";
    scene.does("host", "unmute_user", guest, told).await;
    let says = json!({ "room_id": room, "channel": "lobby", "content": "hello again" });
    scene.given("guest", "send_chat", says).await;
    scene.secret("canary-of-the-muted", &[]);
    scene.ends().await
}
