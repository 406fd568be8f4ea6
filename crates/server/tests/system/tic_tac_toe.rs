//! Tic-tac-toe on the real server: to the prize, and through a pause and a kill.

use blazing_sun_harness::{Client, TestServer, text};
use serde_json::{Value, json};

const EVENT: &str = "games.event.tic_tac_toe";
/// Who begins takes the top row.
const WON: [u32; 5] = [0, 3, 1, 4, 2];

async fn started(server: &TestServer) -> (Client, Client, String) {
    let (ann, bob) = (server.guest().await, server.guest().await);
    let mut host = Client::sign_in(server, &ann).await;
    let mut other = Client::sign_in(server, &bob).await;
    let create = json!({ "game_type": "tic_tac_toe", "room_name": "Best of nine" });
    host.command("create_room", create).await;
    let room = text(&host.event("games.event.room_state").await["room"]["room_id"]);
    other.join_room(&room).await;
    host.select(&room, &[&ann, &bob]).await;
    host.ready(&room).await;
    other.ready(&room).await;
    for client in [&mut host, &mut other] {
        client.event("games.event.game_started").await;
    }
    (host, other, room)
}

async fn marks(client: &mut Client, room: &str, position: u32) {
    let fields = json!({ "room_id": room, "position": position });
    client.command("tic_tac_toe.move", fields).await;
}

#[tokio::test]
async fn five_games_are_paid_audited_and_replayed() {
    let server = TestServer::start().await;
    let (mut host, mut other, room) = started(&server).await;
    for game in 0..9 {
        for (turn, cell) in WON.into_iter().enumerate() {
            let mut both = [&mut host, &mut other];
            marks(both[(game + turn) % 2], &room, cell).await;
            for client in &mut both {
                let moved = client.event(&format!("{EVENT}.moved")).await;
                assert_eq!(moved["position"], cell, "game {game}");
            }
        }
    }
    let winner = host.guest.user_id.clone();
    for client in [&mut host, &mut other] {
        let ended = client.event(&format!("{EVENT}.match_ended")).await;
        assert_eq!(
            (&ended["winner_id"], &ended["prize_cents"]),
            (&json!(winner), &json!(1_600))
        );
        client.event("games.event.seed_revealed").await;
    }
    assert_eq!(server.balance_cents(&host.guest).await, 5_600);
    assert_eq!(server.balance_cents(&other.guest).await, 4_000);
    assert_eq!(
        server.records("tic_tac_toe.win_prize").await[0]["description"],
        "WON TIC TAC TOE GAME"
    );
    assert_eq!(server.audit().await["clean"], true);
    for tool in ["replay", "verify"] {
        let output = server.tool(&[tool, &room]).await;
        assert!(
            output.status.success(),
            "{tool}: {}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}

#[tokio::test]
async fn a_pause_outlives_the_server() {
    let mut server = TestServer::start().await;
    let (mut host, other, room) = started(&server).await;
    let (ann, bob) = (host.guest.clone(), other.guest.clone());
    marks(&mut host, &room, 4).await;
    host.event(&format!("{EVENT}.moved")).await;
    drop(other);
    let paused = host.event(&format!("{EVENT}.game_paused")).await;
    assert_eq!(paused["player_id"], bob.user_id.as_str());
    server.kill().await;
    server.restart().await;

    let mut host = Client::sign_in(&server, &ann).await;
    let state = host.event(&format!("{EVENT}.state")).await;
    assert_eq!(
        (&state["is_paused"], &state["board"][4]),
        (&json!(true), &json!("X"))
    );
    assert_eq!(state["disconnected_player"], bob.user_id.as_str());
    let mut other = Client::sign_in(&server, &bob).await;
    host.event(&format!("{EVENT}.game_resumed")).await;
    marks(&mut other, &room, 0).await;
    let moved = host.event(&format!("{EVENT}.moved")).await;
    assert_eq!(
        (&moved["mark"], &moved["position"]),
        (&json!("O"), &json!(0))
    );

    // The one goes for good, the other leaves as well: nobody is left to play for the pot.
    for client in [&mut host, &mut other] {
        client
            .command("leave_room", json!({ "room_id": room }))
            .await;
    }
    let refunded = |frame: &Value| frame["reason"] == "refund" || frame["change_cents"] == 1_000;
    for client in [&mut host, &mut other] {
        client.until("the fee back", refunded).await;
    }
    for guest in [&ann, &bob] {
        assert_eq!(server.balance_cents(guest).await, 5_000);
    }
    let report = server.audit().await;
    assert_eq!(
        (&report["clean"], &report["totals"]["escrow_cents"]),
        (&json!(true), &json!(0))
    );
    assert!(server.tool(&["replay", &room]).await.status.success());
}
