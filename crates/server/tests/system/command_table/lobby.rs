//! Coming and going.

use super::scene::{Ended, Row, STRANGER, Scene, WATCHER};
use serde_json::{Value, json};

const PASSWORD: &str = "canary-of-the-password";

fn entering(room: &str, password: Option<&str>) -> Value {
    json!({ "room_id": room, "password": password })
}

/// The ids of a list of players.
fn ids(list: &Value) -> Vec<&str> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|one| one["user_id"].as_str()).collect()
}

pub async fn create_room(row: Row) -> Ended {
    let mut scene = row.scene(&["host", "host+"]).await;
    let asked = |fields: Value| {
        let mut asked = json!({ "game_type": "bigger_dice", "room_name": "Den" });
        let fields = fields.as_object().expect("fields").clone();
        asked.as_object_mut().expect("fields").extend(fields);
        asked
    };
    for (fields, code) in [
        (json!({ "game_type": "chess" }), "unknown_game"),
        (json!({ "room_name": " " }), "invalid_name"),
        (json!({ "max_players": 1 }), "invalid_player_count"),
        (json!({ "max_players": 11 }), "invalid_player_count"),
    ] {
        scene
            .refused("host", "create_room", asked(fields), code)
            .await;
    }
    let fields = json!({ "password": PASSWORD, "max_players": 3, "allow_spectators": false });
    let told = "
        room_created broadcast
        room_state user: host host+";
    let id = scene.does("host", "create_room", asked(fields), told).await;
    let room = scene.event("host", &id, "room_state").await["room"].take();
    assert_eq!(room["host_id"], scene.id("host"));
    assert_eq!(ids(&room["lobby"]), [scene.id("host")]);
    assert_eq!(
        json!([
            room["status"],
            room["player_count"],
            room["is_password_protected"]
        ]),
        json!(["waiting", 3, true])
    );
    let created = scene.event(WATCHER, &id, "room_created").await;
    assert_eq!(
        json!([
            created["room_id"],
            created["room_name"],
            created["allow_spectators"]
        ]),
        json!([room["room_id"], "Den", false])
    );
    assert_eq!(scene.balance("host").await, 5_000);
    scene.secret(PASSWORD, &[]);
    scene.ends().await
}

pub async fn join_room(row: Row) -> Ended {
    let dear = ("GAMES__TIC_TAC_TOE__ENTRY_FEE_CENTS", "6000");
    let people = ["host", "host+", "guest", "guest+", "third"];
    let mut scene = row.scene_with(&people, &[dear]).await;
    let room = scene.opens(json!({ "password": PASSWORD }), &[]).await;
    for password in [None, Some("canary-of-a-guess")] {
        let fields = entering(&room, password);
        scene
            .refused("guest", "join_room", fields, "wrong_password")
            .await;
    }
    let nowhere = json!({ "room_id": "nowhere" });
    scene
        .refused("guest", "join_room", nowhere, "room_not_found")
        .await;
    let nowhere = json!({ "room_name": "Nowhere" });
    scene
        .refused("guest", "join_room", nowhere, "room_not_found")
        .await;
    let dear = json!({ "room_name": "Elsewhere" });
    scene
        .refused("guest", "join_room", dear, "insufficient_balance")
        .await;

    let told = "
        room_state user: guest guest+
        lobby_joined room: guest guest+ host host+
        room_updated broadcast";
    let fields = entering(&room, Some(PASSWORD));
    let id = scene.does("guest", "join_room", fields.clone(), told).await;
    let state = scene.event("guest", &id, "room_state").await;
    assert_eq!(
        ids(&state["room"]["lobby"]),
        [scene.id("host"), scene.id("guest")]
    );
    let joined = scene.event("host", &id, "lobby_joined").await;
    assert_eq!(joined["player"]["user_id"], scene.id("guest"));
    scene
        .refused("guest+", "join_room", fields.clone(), "already_in_room")
        .await;

    let by_name = json!({ "room_name": "Den", "password": PASSWORD });
    let told = "
        room_state user: third
        lobby_joined room: guest guest+ host host+ third
        room_updated broadcast";
    scene
        .does("third", "join_room", by_name.clone(), told)
        .await;
    let target = json!({ "room_id": room, "target_user_id": scene.id("third") });
    scene.given("host", "ban_player", target.clone()).await;
    scene
        .refused("third", "join_room", fields.clone(), "banned")
        .await;
    scene.given("host", "unban_player", target).await;
    scene.seats(&room, &["host", "guest"]).await;
    scene
        .refused("third", "join_room", fields.clone(), "room_full")
        .await;
    for name in ["host", "guest"] {
        scene.given(name, "ready", json!({ "room_id": room })).await;
    }
    scene
        .refused("third", "join_room", fields, "game_in_progress")
        .await;
    let twin = json!({ "game_type": "bigger_dice", "room_name": "Elsewhere" });
    scene.given("third", "create_room", twin).await;
    let twins = json!({ "room_name": "Elsewhere" });
    scene
        .refused("guest", "join_room", twins, "ambiguous_room_name")
        .await;
    scene.secret(PASSWORD, &[]);
    scene.secret("canary-of-a-guess", &[]);
    scene.ends().await
}

pub async fn list_rooms(row: Row) -> Ended {
    let mut scene = row.scene(&["host", "guest", "guest+"]).await;
    let room = scene.opens(json!({}), &[]).await;
    for (fields, names) in [
        (json!({}), vec!["Den", "Elsewhere"]),
        (json!({ "game_type": "bigger_dice" }), vec!["Den"]),
        (json!({ "game_type": "chess" }), vec![]),
    ] {
        let told = "room_list user: guest guest+";
        let id = scene.does("guest", "list_rooms", fields, told).await;
        let list = scene.event("guest", &id, "room_list").await;
        let rooms = list["rooms"].as_array().expect("a list");
        let mut found: Vec<&str> = rooms
            .iter()
            .filter_map(|r| r["room_name"].as_str())
            .collect();
        found.sort_unstable();
        assert_eq!(found, names);
        for line in rooms.iter().filter(|line| line["room_id"] == room.as_str()) {
            assert_eq!(
                json!([
                    line["host_id"],
                    line["status"],
                    line["player_count"],
                    line["can_rejoin"]
                ]),
                json!([scene.id("host"), "waiting", 1, false])
            );
        }
    }
    scene.ends().await
}

pub async fn quick_match(row: Row) -> Ended {
    let dear = ("GAMES__TIC_TAC_TOE__ENTRY_FEE_CENTS", "6000");
    let mut scene = row.scene_with(&["host", "host+", "guest"], &[dear]).await;
    let dice = || json!({ "game_type": "bigger_dice" });
    let dear = json!({ "game_type": "tic_tac_toe" });
    scene
        .refused("guest", "quick_match", dear, "insufficient_balance")
        .await;
    let chess = json!({ "game_type": "chess" });
    scene
        .refused("guest", "quick_match", chess, "unknown_game")
        .await;

    let waiting = "quick_match_waiting user: host host+";
    let cancel = json!({ "game_type": "bigger_dice", "cancel": true });
    for (fields, place) in [
        (dice(), json!([1, true])),
        (dice(), json!([1, true])),
        (cancel, json!([0, false])),
        (dice(), json!([1, true])),
    ] {
        let id = scene.does("host", "quick_match", fields, waiting).await;
        let answer = scene.event("host", &id, "quick_match_waiting").await;
        assert_eq!(json!([answer["waiting"], answer["is_waiting"]]), place);
    }
    let told = "
        quick_match_waiting user: guest
        room_created broadcast
        room_state user: host host+
        room_state user: guest
        player_selected room: guest host host+
        seed_renewed room: guest host host+
        player_selected room: guest host host+
        seed_renewed room: guest host host+
        game_starting room: guest host host+
        room_updated broadcast
        wallet.balance_changed user: host host+
        wallet.balance_changed user: guest";
    let id = scene.does("guest", "quick_match", dice(), told).await;
    let starting = scene.event("host", &id, "game_starting").await;
    assert_eq!(
        ids(&starting["players"]),
        [scene.id("host"), scene.id("guest")]
    );
    for name in ["host", "guest"] {
        assert_eq!(scene.balance(name).await, 4_000);
    }
    scene.ends().await
}

pub async fn rejoin_room(row: Row) -> Ended {
    let mut scene = row.scene(&["host", "guest", "guest+"]).await;
    let room = scene.opens(json!({}), &["guest"]).await;
    scene.plays(&room, &["host", "guest"]).await;
    let here = || json!({ "room_id": room });
    scene.given("guest", "leave_room", here()).await;
    for name in [STRANGER, WATCHER] {
        scene
            .refused(name, "rejoin_room", here(), "not_in_room")
            .await;
    }
    let nowhere = json!({ "room_id": "nowhere" });
    scene
        .refused("guest", "rejoin_room", nowhere, "room_not_found")
        .await;
    let told = "
        room_state user: guest guest+
        bigger_dice.state user: guest guest+
        player_rejoined room: guest guest+ host
        turn_changed? room: guest guest+ host";
    let id = scene.does("guest", "rejoin_room", here(), told).await;
    let state = scene.event("guest", &id, "room_state").await;
    assert_eq!(state["room"]["status"], "in_progress");
    let rejoined = scene.event("host", &id, "player_rejoined").await;
    assert_eq!(rejoined["user_id"], scene.id("guest"));
    let line = scene.room("guest", &room).await;
    assert_eq!(line["auto_players"], json!([]));
    scene.ends().await
}

pub async fn leave_room(row: Row) -> Ended {
    let mut scene = row.scene(&["host", "host+", "guest", "third"]).await;
    let seats = json!({ "max_players": 3 });
    let room = scene.opens(seats, &["guest", "third"]).await;
    let here = || json!({ "room_id": room });
    scene
        .refused(STRANGER, "leave_room", here(), "not_in_room")
        .await;
    scene.seats(&room, &["guest"]).await;
    let told = "
        player_left room: guest host host+ third
        seed_renewed room: host host+ third
        room_updated broadcast
        wallet.balance_changed user: guest";
    let id = scene.does("guest", "leave_room", here(), told).await;
    let left = scene.event("host", &id, "player_left").await;
    assert_eq!(left["user_id"], scene.id("guest"));
    assert_eq!(scene.balance("guest").await, 5_000);
    scene
        .refused("guest", "leave_room", here(), "not_in_room")
        .await;

    let told = "
        player_left room: host host+ third
        host_changed room: third
        room_updated broadcast";
    let id = scene.does("host+", "leave_room", here(), told).await;
    let changed = scene.event("third", &id, "host_changed").await;
    assert_eq!(changed["host_id"], scene.id("third"));
    let told = "
        player_left room: third
        room_removed broadcast
        seed_revealed room: nobody";
    let id = scene.does("third", "leave_room", here(), told).await;
    let removed = scene.event(WATCHER, &id, "room_removed").await;
    assert_eq!(removed["reason"], "abandoned");
    scene
        .refused("third", "join_room", here(), "room_not_found")
        .await;
    scene.ends().await
}

pub async fn leave_room_in_play(row: Row) -> Ended {
    let mut scene = row.scene(&["host", "guest", "guest+"]).await;
    let room = scene.opens(json!({}), &["guest"]).await;
    scene.plays(&room, &["host", "guest"]).await;
    let here = json!({ "room_id": room });
    let told = "
        player_disconnected room: guest guest+ host
        turn_changed? room: host";
    let id = scene.does("guest", "leave_room", here.clone(), told).await;
    let gone = scene.event("host", &id, "player_disconnected").await;
    assert_eq!(gone["user_id"], scene.id("guest"));
    assert!(gone["timeout_at"].is_string(), "{gone}");
    assert_eq!(scene.balance("guest").await, 4_000);
    scene
        .refused("guest", "leave_room", here, "not_in_room")
        .await;
    let says = json!({ "room_id": room, "channel": "players", "content": "without the guest" });
    let told = "chat_message room: host";
    scene.does("host", "send_chat", says, told).await;
    scene.secret("without the guest", &["host"]);
    scene.ends().await
}

pub async fn invite_players(row: Row) -> Ended {
    let mut scene = row
        .scene(&["host", "host+", "guest", "third", "third+"])
        .await;
    let room = scene.opens(json!({ "password": PASSWORD }), &[]).await;
    let fields = entering(&room, Some(PASSWORD));
    scene.given("guest", "join_room", fields).await;
    let asks = |scene: &Scene| {
        let users = [scene.id("guest"), scene.id("third")];
        json!({ "room_id": room, "target_user_ids": users, "rematch_of": "before" })
    };
    let (asked, none) = (
        asks(&scene),
        json!({ "room_id": room, "target_user_ids": [] }),
    );
    scene
        .refused("guest", "invite_players", asked.clone(), "not_host")
        .await;
    scene
        .refused(STRANGER, "invite_players", asked.clone(), "not_in_room")
        .await;
    scene
        .refused("host", "invite_players", none, "invalid_format")
        .await;
    let told = "
        room_invited user: host host+
        room_invited users: third third+";
    let id = scene
        .does("host", "invite_players", asked.clone(), told)
        .await;
    let invited = scene.event("third", &id, "room_invited").await;
    assert_eq!(
        json!([
            invited["room_id"],
            invited["host_id"],
            invited["rematch_of"]
        ]),
        json!([room, scene.id("host"), "before"])
    );
    // Once is enough.
    let told = "room_invited user: host host+";
    scene.does("host", "invite_players", asked, told).await;
    scene
        .given("third", "join_room", entering(&room, None))
        .await;
    let fields = entering(&room, None);
    scene
        .refused(STRANGER, "join_room", fields, "wrong_password")
        .await;
    scene.secret(PASSWORD, &[]);
    scene.ends().await
}

/// Nobody's to send: a gateway tells of it.
pub async fn player_disconnected(row: Row) -> Ended {
    let mut scene = row.scene(&["host", "guest", "guest+", "fan"]).await;
    let room = scene.opens(json!({}), &["guest"]).await;
    scene
        .given("fan", "spectate", json!({ "room_id": room }))
        .await;
    let fields = json!({ "room_id": room, "user_id": scene.id("guest") });
    for name in ["host", "fan", STRANGER] {
        let fields = fields.clone();
        scene
            .turned_away(name, "player_disconnected", fields, "unknown_command")
            .await;
    }
    let guest = scene.id("guest");
    scene.hangs_up("guest+");
    scene.hangs_up("guest");
    for name in ["host", "fan"] {
        let gone = scene.next(name, "player_disconnected").await;
        assert_eq!(gone["user_id"], guest);
        assert!(gone["timeout_at"].is_string(), "{gone}");
    }
    let told = scene.records("games.events").await;
    let mut told = told.iter();
    let told = told.find(|event| event["event_type"] == "games.event.player_disconnected");
    let id = told.expect("an event")["event_id"]
        .as_str()
        .map(str::to_owned);
    scene.secret(&id.expect("its id"), &["fan", "host"]);
    scene.ends().await
}

/// What any command can be answered.
pub async fn general_refusals(row: Row) -> Ended {
    let mut scene = row.scene(&["host", "host+", "guest"]).await;
    let room = scene.opens(json!({}), &["guest"]).await;
    for (name, fields, code) in [
        ("fly", json!({ "room_id": room }), "unknown_command"),
        ("chat.command.shout", json!({}), "unknown_command"),
        (
            "bigger_dice.cheat",
            json!({ "room_id": room }),
            "game_not_started",
        ),
        ("ready", json!({}), "invalid_format"),
        (
            "ready",
            json!({ "room_id": room, "is_ready": "yes" }),
            "invalid_format",
        ),
        (
            "select_player",
            json!({ "room_id": room }),
            "invalid_format",
        ),
        ("chat.command.typing", json!({}), "invalid_format"),
    ] {
        scene.refused("host", name, fields, code).await;
    }
    for name in [
        "sync_user",
        "sync_room",
        "open_matched_room",
        "match_settled",
        "quick_match_left",
        "matched_while_gone",
        "gateway_seen",
        "wallet.command.demo_grant",
        "wallet.command.credit",
        "wallet.command.close_guest",
        "Ready",
        "system.command.x",
    ] {
        let fields = json!({ "room_id": room, "user_id": scene.id("guest"), "amount_cents": 1 });
        scene
            .turned_away("guest", name, fields, "unknown_command")
            .await;
    }
    let nowhere = json!({ "room_id": "" });
    scene
        .turned_away("guest", "leave_room", nowhere, "invalid_format")
        .await;
    assert_eq!(scene.balance("guest").await, 5_000);
    scene.ends().await
}
