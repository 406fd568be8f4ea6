//! Two people play for money, on a real server over real sockets.

use blazing_sun_harness::{Client, Guest, Launch, TestServer};
use serde_json::{Value, json};

const EVENT: &str = "games.event.rock_paper_scissors";

async fn started() -> (TestServer, Client, Client, String) {
    let server = TestServer::launch(Launch {
        program: Some(env!("CARGO_BIN_EXE_rock-paper-scissors").into()),
        ..Launch::default()
    })
    .await;
    let (ann, bob) = (server.guest().await, server.guest().await);
    let mut host = Client::sign_in(&server, &ann).await;
    let mut other = Client::sign_in(&server, &bob).await;
    let fields = json!({ "game_type": "rock_paper_scissors", "room_name": "Best of five" });
    host.command("create_room", fields).await;
    let state = host.event("games.event.room_state").await;
    let room = state["room"]["room_id"]
        .as_str()
        .expect("a room")
        .to_owned();
    other.join_room(&room).await;
    host.select(&room, &[&ann, &bob]).await;
    host.ready(&room).await;
    other.ready(&room).await;
    for client in [&mut host, &mut other] {
        client.event("games.event.game_started").await;
    }
    (server, host, other, room)
}

async fn choose(client: &mut Client, room: &str, hand: &str) {
    let fields = json!({ "room_id": room, "hand": hand });
    client.command("rock_paper_scissors.choose", fields).await;
}

/// Everything that shows the host's hand before it may be seen.
fn told_early(client: &Client) -> Vec<&Value> {
    let shows = |frame: &&Value| frame.to_string().contains("\"paper\"");
    let of_round = |frame: &&Value| frame["type"] == format!("{EVENT}.round_result");
    client
        .seen
        .iter()
        .filter(shows)
        .filter(|frame| !of_round(frame))
        .collect()
}

#[tokio::test]
async fn three_rounds_take_the_prize_and_no_hand_is_seen_early() {
    let (server, mut host, mut other, room) = started().await;
    for round in 1..=3 {
        choose(&mut host, &room, "paper").await;
        other.event(&format!("{EVENT}.chosen")).await;
        let state = other.event(&format!("{EVENT}.state")).await;
        assert_eq!(state["have_chosen"], json!([host.guest.user_id]));
        assert_eq!(state["own_hand"], Value::Null);
        assert_eq!(told_early(&other), [&Value::Null; 0], "round {round}");
        choose(&mut other, &room, "rock").await;
        for client in [&mut host, &mut other] {
            let result = client.event(&format!("{EVENT}.round_result")).await;
            assert_eq!(result["hands"][0][1], "paper", "{result}");
            assert_eq!(result["hands"][1][1], "rock", "{result}");
        }
    }
    let winner = host.guest.user_id.clone();
    for client in [&mut host, &mut other] {
        let over = client.event(&format!("{EVENT}.game_over")).await;
        assert_eq!(
            (&over["winner_id"], &over["prize_cents"]),
            (&json!(winner), &json!(1_600))
        );
        client.event("games.event.seed_revealed").await;
    }
    assert_eq!(server.balance_cents(&host.guest).await, 5_600);
    assert_eq!(server.balance_cents(&other.guest).await, 4_000);
    assert_eq!(
        server.records("rock_paper_scissors.win_prize").await.len(),
        1
    );
    assert_eq!(server.audit().await["clean"], true);
    let replayed = server.tool(&["replay", &room]).await;
    assert!(
        replayed.status.success(),
        "{}",
        String::from_utf8_lossy(&replayed.stdout)
    );
}

#[tokio::test]
async fn who_goes_is_waited_for_and_loses_nothing_by_coming_back() {
    let (server, mut host, other, room) = started().await;
    let Client { guest, .. } = &other;
    let guest: Guest = guest.clone();
    drop(other);
    let paused = host.event(&format!("{EVENT}.game_paused")).await;
    assert_eq!(paused["player_id"], guest.user_id.as_str());
    let mut back = Client::sign_in(&server, &guest).await;
    host.event(&format!("{EVENT}.game_resumed")).await;
    choose(&mut back, &room, "rock").await;
    choose(&mut host, &room, "rock").await;
    let result = host.event(&format!("{EVENT}.round_result")).await;
    assert_eq!(result["winner_id"], Value::Null);
    for client in [&mut host, &mut back] {
        client
            .command("leave_room", json!({ "room_id": room }))
            .await;
    }
    // Both have left the match: it is cancelled, and the fees go back.
    host.until("the end", |frame| {
        frame["type"] == "games.event.player_disconnected"
    })
    .await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while server.balance_cents(&guest).await != 5_000 {
        assert!(std::time::Instant::now() < deadline, "no refund");
    }
    assert_eq!(server.balance_cents(&host.guest).await, 5_000);
    assert_eq!(server.audit().await["clean"], true);
}

#[tokio::test]
async fn the_page_comes_with_the_program() {
    let (server, ..) = started().await;
    let games = server.http().get(server.url("/api/v1/games")).send().await;
    let games: Value = games.expect("an answer").json().await.expect("JSON");
    let games = games["games"].as_array().expect("a list");
    let game = games
        .iter()
        .find(|game| game["game_type"] == "rock_paper_scissors");
    let game = game.expect("the game is listed");
    let hand = &game["moves"]["choose"]["properties"]["hand"];
    assert!(hand.to_string().contains("scissors"), "{hand}");
    for (path, kind) in [
        (game["page"].as_str().expect("a page"), "text/javascript"),
        ("/games/rock_paper_scissors/style.css", "text/css"),
    ] {
        let answer = server
            .http()
            .get(server.url(path))
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        let told = answer.headers()["content-type"]
            .to_str()
            .expect("text")
            .to_owned();
        assert!(told.starts_with(kind), "{path}: {told}");
    }
}
