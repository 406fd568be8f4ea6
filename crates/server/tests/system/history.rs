//! What a player reads afterwards of a game: it is what the player's socket got, and nobody else's to read.

use blazing_sun_harness::contract::check_answer;
use blazing_sun_harness::{Client, Guest, TestServer, text};
use serde_json::{Value, json};

async fn get(server: &TestServer, guest: &Guest, path: &str) -> (u16, Value) {
    let url = server.url(&format!("/api/v1/{path}"));
    let request = server.http().get(url).bearer_auth(&guest.token);
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("JSON"))
}

/// The frames of a room that its transcript has too, without what differs from one telling to another.
fn of_room(frames: &[Value], room: &str) -> Vec<Value> {
    let told_apart = ["event_id", "correlation_id", "command_id"];
    let left_out = [
        "room_created",
        "room_removed",
        "room_updated",
        "room_list",
        "chat_message",
        "error",
    ];
    let is_of_room = |frame: &&Value| {
        let name = frame["type"].as_str().unwrap_or_default();
        let name = name.strip_prefix("games.event.").unwrap_or("error");
        let about = [&frame["room_id"], &frame["room"]["room_id"]];
        !left_out.contains(&name) && about.contains(&&json!(room))
    };
    let bare = |frame: &Value| {
        let mut frame = frame.clone();
        let fields = frame.as_object_mut().expect("an object");
        fields.retain(|name, _| !told_apart.contains(&name.as_str()));
        frame
    };
    frames.iter().filter(is_of_room).map(bare).collect()
}

#[tokio::test]
async fn a_played_game_is_read_again_by_its_players_alone() {
    let server = TestServer::start().await;
    let (ada, bob, eve) = (
        server.guest().await,
        server.guest().await,
        server.guest().await,
    );
    let mut host = Client::sign_in(&server, &ada).await;
    let mut other = Client::sign_in(&server, &bob).await;
    let mut watcher = Client::sign_in(&server, &eve).await;
    let open = json!({ "game_type": "bigger_dice", "room_name": "My Game", "max_players": 2, "allow_spectators": true });
    host.command("create_room", open).await;
    let state = host.event("games.event.room_state").await;
    let room = text(&state["room"]["room_id"]);
    other.join_room(&room).await;
    watcher
        .command("join_as_spectator", json!({ "room_id": room }))
        .await;
    watcher.event("games.event.room_state").await;
    let chat = json!({ "room_id": room, "channel": "lobby", "content": "between us" });
    host.command("send_chat", chat).await;
    host.event("games.event.chat_message").await;
    host.select(&room, &[&ada, &bob]).await;
    host.ready(&room).await;

    let transcript = format!("games/bigger_dice/history/{room}");
    let (status, answer) = get(&server, &ada, &transcript).await;
    assert_eq!(
        (status, &answer["code"]),
        (404, &json!("room_not_found")),
        "it runs"
    );
    other.ready(&room).await;
    tokio::join!(host.play(&room), other.play(&room));
    watcher.event("games.event.seed_revealed").await;

    let over = host.seen_of("games.event.bigger_dice.game_over").next();
    let winner = over.expect("an end")["winner_id"].clone();
    for client in [&host, &other] {
        let (status, answer) = get(&server, &client.guest, &transcript).await;
        assert_eq!(status, 200, "{answer}");
        check_answer("GameTranscript", &answer);
        let frames = answer["frames"].as_array().expect("frames");
        assert!(frames.len() > 20, "{answer}");
        assert_eq!(of_room(frames, &room), of_room(&client.seen, &room));
        assert!(!answer.to_string().contains("between us"));

        let has_won = client.guest.user_id == winner;
        let game = &answer["game"];
        let told = ["result", "fee_cents", "returned_cents", "prize_cents"].map(|name| &game[name]);
        let (result, prize) = if has_won { ("won", 1600) } else { ("lost", 0) };
        assert_eq!(json!(told), json!([result, 1000, 0, prize]));
        let players = game["players"].as_array().expect("players").iter();
        let players =
            players.map(|seat| json!([seat["user_id"], seat["username"], seat["has_won"]]));
        let seat = |guest: &Guest| json!([guest.user_id, guest.username, guest.user_id == winner]);
        assert_eq!(players.collect::<Vec<_>>(), [seat(&ada), seat(&bob)]);

        for path in [
            "me/games",
            "me/games?game_type=bigger_dice",
            "games/bigger_dice/history",
        ] {
            let (_, list) = get(&server, &client.guest, path).await;
            check_answer("PlayedGames", &list);
            assert_eq!(
                list,
                json!({ "games": [game], "next_cursor": null }),
                "{path}"
            );
        }
        let (_, none) = get(&server, &client.guest, "me/games?game_type=tic_tac_toe").await;
        assert_eq!(none["games"], json!([]));
        let (_, statistics) = get(&server, &client.guest, "me/statistics").await;
        check_answer("Statistics", &statistics);
        let dice = json!({ "game_type": "bigger_dice", "played": 1, "won": u8::from(has_won),
            "returned": 0, "fees_cents": 1000, "prizes_cents": prize });
        assert_eq!(statistics, json!({ "games": [dice], "currency": "eur" }));
    }

    // Whoever watched saw it, but did not play.
    let (_, list) = get(&server, &eve, "me/games").await;
    assert_eq!(list["games"], json!([]));
    let no_such = [
        transcript.clone(),
        format!("games/tic_tac_toe/history/{room}"),
        "games/bigger_dice/history/none".to_owned(),
        "games/bigger_dice/history/%00".to_owned(),
        "games/bigger_dice/history/%ff".to_owned(),
    ];
    for (guest, path) in no_such
        .iter()
        .map(|path| (&eve, path))
        .chain([(&ada, &no_such[1])])
    {
        let (status, answer) = get(&server, guest, path).await;
        assert_eq!(
            (status, &answer["code"]),
            (404, &json!("room_not_found")),
            "{path}"
        );
    }
    for (path, status) in [
        ("me/games?game_type=chess", 400),
        ("games/chess/history", 404),
        ("games/%ff/history", 404),
    ] {
        let answer = get(&server, &ada, path).await;
        assert_eq!(
            (answer.0, &answer.1["code"]),
            (status, &json!("unknown_game")),
            "{path}"
        );
    }
    let mut nobody = ada.clone();
    nobody.token = String::new();
    for path in [
        transcript.as_str(),
        "me/games",
        "me/statistics",
        "games/bigger_dice/history",
    ] {
        assert_eq!(get(&server, &nobody, path).await.0, 401, "{path}");
    }
}
