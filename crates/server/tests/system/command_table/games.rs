//! The games' own commands.

use super::scene::{Ended, Row, STRANGER, Scene};
use serde_json::json;

async fn furnished(row: Row, game: &str) -> (Scene, String) {
    let mut scene = row.scene(&["host", "guest", "guest+", "fan"]).await;
    let room = scene.opens(json!({ "game_type": game }), &["guest"]).await;
    scene
        .given("fan", "spectate", json!({ "room_id": room }))
        .await;
    (scene, room)
}

pub async fn roll(row: Row) -> Ended {
    let (mut scene, room) = furnished(row, "bigger_dice").await;
    let here = || json!({ "room_id": room });
    scene
        .refused("host", "bigger_dice.roll", here(), "game_not_started")
        .await;
    scene.plays(&room, &["host", "guest"]).await;
    scene
        .refused("guest", "bigger_dice.roll", here(), "not_your_turn")
        .await;
    let wrong = json!({ "room_id": room, "position": 1 });
    scene
        .refused("host", "tic_tac_toe.move", wrong, "wrong_game")
        .await;
    for outsider in ["fan", STRANGER] {
        scene
            .refused(outsider, "bigger_dice.roll", here(), "not_in_room")
            .await;
    }
    let told = "
        bigger_dice.rolled room: fan guest guest+ host
        turn_changed room: fan guest guest+ host
        bigger_dice.state room: fan guest guest+ host";
    let id = scene.does("host", "bigger_dice.roll", here(), told).await;
    let rolled = scene.event("fan", &id, "bigger_dice.rolled").await;
    assert_eq!(rolled["player_id"], scene.id("host"));
    assert!((1..=6).contains(&rolled["roll"].as_i64().expect("a number")));
    let turn = scene.event("guest", &id, "turn_changed").await;
    assert_eq!(
        json!([turn["current_turn"], turn["turn_number"]]),
        json!([scene.id("guest"), 2])
    );
    let told = "
        bigger_dice.rolled room: fan guest guest+ host
        bigger_dice.round_result room: fan guest guest+ host
        bigger_dice.tiebreaker_started? room: fan guest guest+ host
        turn_changed room: fan guest guest+ host
        bigger_dice.state room: fan guest guest+ host";
    let id = scene.does("guest", "bigger_dice.roll", here(), told).await;
    let result = scene.event("fan", &id, "bigger_dice.round_result").await;
    assert_eq!(
        result["rolls"][0],
        json!([scene.id("host"), rolled["roll"]])
    );
    scene.ends().await
}

pub async fn bigger_dice_auto_play(row: Row) -> Ended {
    let (mut scene, room) = furnished(row, "bigger_dice").await;
    let name = "bigger_dice.enable_auto_play";
    let asks = |enabled: bool| json!({ "room_id": room, "enabled": enabled });
    scene
        .refused("host", name, asks(true), "game_not_started")
        .await;
    scene.plays(&room, &["host", "guest"]).await;
    for outsider in ["fan", STRANGER] {
        scene
            .refused(outsider, name, asks(true), "not_in_room")
            .await;
    }
    let wrong = "tic_tac_toe.enable_auto_play";
    scene.refused("host", wrong, asks(true), "wrong_game").await;
    let told = "
        player_auto_enabled room: fan guest guest+ host
        turn_changed room: fan guest guest+ host";
    let id = scene
        .does("host", name, json!({ "room_id": room }), told)
        .await;
    let enabled = scene.event("fan", &id, "player_auto_enabled").await;
    assert_eq!(enabled["user_id"], scene.id("host"));
    let rolled = scene.next("guest", "bigger_dice.rolled").await;
    assert_eq!(rolled["player_id"], scene.id("host"));
    assert!(rolled["correlation_id"].is_null(), "{rolled}");
    let told = "player_auto_disabled room: fan guest guest+ host";
    scene.does("host", name, asks(false), told).await;
    let state = scene.room("host", &room).await;
    assert_eq!(state["auto_players"], json!([]));
    scene.ends().await
}

pub async fn mark_a_cell(row: Row) -> Ended {
    let (mut scene, room) = furnished(row, "tic_tac_toe").await;
    let mark = |position: u8| json!({ "room_id": room, "position": position });
    scene
        .refused("host", "tic_tac_toe.move", mark(4), "game_not_started")
        .await;
    scene.plays(&room, &["host", "guest"]).await;
    scene
        .refused("guest", "tic_tac_toe.move", mark(4), "not_your_turn")
        .await;
    let roll = json!({ "room_id": room });
    scene
        .refused("host", "bigger_dice.roll", roll, "wrong_game")
        .await;
    for outsider in ["fan", STRANGER] {
        scene
            .refused(outsider, "tic_tac_toe.move", mark(4), "not_in_room")
            .await;
    }
    scene
        .refused("host", "tic_tac_toe.move", mark(9), "invalid_move")
        .await;
    let told = "
        tic_tac_toe.moved room: fan guest guest+ host
        turn_changed room: fan guest guest+ host
        tic_tac_toe.state room: fan guest guest+ host";
    let id = scene.does("host", "tic_tac_toe.move", mark(0), told).await;
    let moved = scene.event("fan", &id, "tic_tac_toe.moved").await;
    assert_eq!(
        json!([moved["player_id"], moved["position"], moved["mark"]]),
        json!([scene.id("host"), 0, "X"])
    );
    scene
        .refused("guest", "tic_tac_toe.move", mark(0), "invalid_move")
        .await;
    for (name, position) in [("guest", 3), ("host", 1), ("guest", 4)] {
        scene
            .does(name, "tic_tac_toe.move", mark(position), told)
            .await;
    }
    let told = "
        tic_tac_toe.moved room: fan guest guest+ host
        tic_tac_toe.game_result room: fan guest guest+ host
        turn_changed room: fan guest guest+ host
        tic_tac_toe.state room: fan guest guest+ host";
    let id = scene.does("host", "tic_tac_toe.move", mark(2), told).await;
    let result = scene.event("guest", &id, "tic_tac_toe.game_result").await;
    assert_eq!(
        json!([result["winner_id"], result["winning_line"]]),
        json!([scene.id("host"), [0, 1, 2]])
    );
    scene.ends().await
}

/// The game waits for its players.
pub async fn tic_tac_toe_auto_play(row: Row) -> Ended {
    let (mut scene, room) = furnished(row, "tic_tac_toe").await;
    let asks = || json!({ "room_id": room });
    let name = "tic_tac_toe.enable_auto_play";
    scene.refused("host", name, asks(), "wrong_game").await;
    scene.plays(&room, &["host", "guest"]).await;
    scene.refused("host", name, asks(), "wrong_game").await;
    for outsider in ["fan", STRANGER] {
        scene.refused(outsider, name, asks(), "not_in_room").await;
    }
    let wrong = "bigger_dice.enable_auto_play";
    scene.refused("host", wrong, asks(), "wrong_game").await;
    scene.ends().await
}
