//! Watching a room, and changing places with its lobby.

use super::scene::{Ended, Row, STRANGER};
use serde_json::json;

const PASSWORD: &str = "canary-of-the-password";

pub async fn spectate(row: Row) -> Ended {
    let one = ("ROOMS__SPECTATORS_MAX", "1");
    let mut scene = row
        .scene_with(&["host", "guest", "fan", "fan+", "other"], &[one])
        .await;
    let room = scene.opens(json!({ "password": PASSWORD }), &[]).await;
    let private = json!({ "room_name": "Alone", "allow_spectators": false });
    let private = scene.opens(private, &["guest"]).await;
    let private = json!({ "room_id": private });
    let here = |password: &str| json!({ "room_id": room, "password": password });
    let by_name = json!({ "room_name": "Den", "password": PASSWORD });
    scene.given("guest", "join_room", here(PASSWORD)).await;
    let target = json!({ "room_id": room, "target_user_id": scene.id("other") });
    for name in ["spectate", "join_as_spectator"] {
        scene
            .refused("fan", name, private.clone(), "spectators_not_allowed")
            .await;
        scene
            .refused("fan", name, here("canary-of-a-guess"), "wrong_password")
            .await;
        scene
            .refused(
                "fan",
                name,
                json!({ "room_id": "nowhere" }),
                "room_not_found",
            )
            .await;
        scene
            .refused("guest", name, here(PASSWORD), "already_in_room")
            .await;
        scene.given("host", "ban_player", target.clone()).await;
        scene.refused("other", name, here(PASSWORD), "banned").await;
        scene.given("host", "unban_player", target.clone()).await;
    }
    let told = "
        room_state user: fan fan+
        spectator_joined room: fan fan+ guest host
        room_updated broadcast";
    let id = scene.does("fan", "spectate", here(PASSWORD), told).await;
    let state = scene.event("fan", &id, "room_state").await;
    assert_eq!(state["room"]["spectators"], json!([scene.id("fan")]));
    let joined = scene.event("host", &id, "spectator_joined").await;
    assert_eq!(
        json!([joined["user_id"], joined["spectator_count"]]),
        json!([scene.id("fan"), 1])
    );
    for name in ["spectate", "join_as_spectator"] {
        scene
            .refused("other", name, here(PASSWORD), "spectators_full")
            .await;
        scene
            .refused("fan", name, here(PASSWORD), "already_in_room")
            .await;
    }
    scene
        .given("fan", "stop_spectating", json!({ "room_id": room }))
        .await;
    let told = "
        room_state user: fan fan+
        spectator_joined room: fan fan+ guest host
        room_updated broadcast";
    scene.does("fan", "join_as_spectator", by_name, told).await;
    scene.secret(PASSWORD, &[]);
    scene.secret("canary-of-a-guess", &[]);
    scene.ends().await
}

pub async fn stop_spectating(row: Row) -> Ended {
    let mut scene = row.scene(&["host", "guest", "fan", "fan+"]).await;
    let room = scene.opens(json!({}), &["guest"]).await;
    let here = || json!({ "room_id": room });
    for name in ["stop_spectating", "leave_spectate"] {
        for outsider in ["host", "guest", "fan", STRANGER] {
            scene
                .refused(outsider, name, here(), "not_a_spectator")
                .await;
        }
        scene.given("fan", "spectate", here()).await;
        let told = "
            spectator_left room: fan fan+ guest host
            room_updated broadcast";
        let id = scene.does("fan", name, here(), told).await;
        let left = scene.event("guest", &id, "spectator_left").await;
        assert_eq!(
            json!([left["user_id"], left["spectator_count"]]),
            json!([scene.id("fan"), 0])
        );
        let says = json!({ "room_id": room, "channel": "lobby", "content": "without the fan" });
        let told = "chat_message room: guest host";
        scene.does("host", "send_chat", says, told).await;
    }
    scene.secret("without the fan", &["guest", "host"]);
    assert_eq!(scene.room("host", &room).await["spectators"], json!([]));
    scene.ends().await
}

pub async fn change_places(row: Row) -> Ended {
    let mut scene = row.scene(&["host", "guest", "guest+", "fan"]).await;
    let private = json!({ "room_name": "Alone", "allow_spectators": false });
    let private = scene.opens(private, &["guest"]).await;
    let private = json!({ "room_id": private });
    let room = scene.opens(json!({}), &["guest"]).await;
    let here = || json!({ "room_id": room });
    let target = json!({ "room_id": room, "target_user_id": scene.id("guest") });
    scene.given("fan", "spectate", here()).await;

    scene
        .refused(
            "guest",
            "become_spectator",
            private,
            "spectators_not_allowed",
        )
        .await;
    scene
        .refused("fan", "become_spectator", here(), "already_in_room")
        .await;
    scene
        .refused(STRANGER, "become_spectator", here(), "not_in_room")
        .await;
    let told = "
        room_state user: guest guest+
        spectator_joined room: fan guest guest+ host
        room_updated broadcast";
    let id = scene.does("guest", "become_spectator", here(), told).await;
    let joined = scene.event("host", &id, "spectator_joined").await;
    assert_eq!(joined["user_id"], scene.id("guest"));

    scene
        .refused("host", "become_player", here(), "not_a_spectator")
        .await;
    scene
        .refused(STRANGER, "become_player", here(), "not_a_spectator")
        .await;
    // Coming into the lobby is consent to the fee.
    scene
        .refused("host", "become_player", target.clone(), "invalid_format")
        .await;
    let told = "
        room_state user: guest guest+
        lobby_joined room: fan guest guest+ host
        room_updated broadcast";
    let id = scene.does("guest", "become_player", here(), told).await;
    let joined = scene.event("host", &id, "lobby_joined").await;
    assert_eq!(joined["player"]["user_id"], scene.id("guest"));

    scene
        .refused("fan", "select_spectator", target.clone(), "not_in_room")
        .await;
    let host = json!({ "room_id": room, "target_user_id": scene.id("host") });
    scene
        .refused("guest", "select_spectator", host, "not_host")
        .await;
    let stranger = json!({ "room_id": room, "target_user_id": scene.id(STRANGER) });
    scene
        .refused("host", "select_spectator", stranger, "player_not_in_lobby")
        .await;
    let told = "
        room_state user: guest guest+
        spectator_joined room: fan guest guest+ host
        room_updated broadcast";
    let id = scene.does("host", "select_spectator", target, told).await;
    let joined = scene.event("fan", &id, "spectator_joined").await;
    assert_eq!(joined["user_id"], scene.id("guest"));
    let state = scene.room("guest", &room).await;
    assert_eq!(
        state["spectators"],
        json!([scene.id("fan"), scene.id("guest")])
    );

    scene.given("guest", "become_player", here()).await;
    scene.seats(&room, &["host", "guest"]).await;
    scene
        .refused("fan", "become_player", here(), "room_full")
        .await;
    scene
        .refused("guest", "become_spectator", here(), "already_selected")
        .await;
    scene.ends().await
}
