//! A game from sign-in to pay-out.

use blazing_sun_harness::{Client, TestServer, whole_game};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn a_whole_game_pays_the_winner_and_the_house() {
    let server = TestServer::start().await;
    let (host, other, room) = whole_game(&server).await;

    let over = host
        .seen_of("games.event.bigger_dice.game_over")
        .next()
        .expect("an end")
        .clone();
    assert_eq!(over["prize_cents"], 1600);
    let (winner, loser) = if over["winner_id"] == host.guest.user_id.as_str() {
        (&host.guest, &other.guest)
    } else {
        (&other.guest, &host.guest)
    };
    assert_eq!(over["winner_username"], winner.username.as_str());
    assert_eq!(host.guest.balance_cents, 5000);
    assert_eq!(server.balance_cents(winner).await, 5600);
    assert_eq!(server.balance_cents(loser).await, 4000);

    let report = server.audit().await;
    assert_eq!(report["clean"], true, "{report:#}");
    assert_eq!(report["totals"]["rake_cents"], 400);
    assert_eq!(report["totals"]["escrow_cents"], 0);
    assert_eq!(report["totals"]["players_cents"], 9600);

    for client in [&host, &other] {
        let seqs: Vec<u64> = client
            .seen
            .iter()
            .filter(|frame| frame["room_id"] == room.as_str())
            .filter_map(|frame| frame["room_seq"].as_u64())
            .collect();
        let first = *seqs.first().expect("events");
        let dense: Vec<u64> = (first..first + seqs.len() as u64).collect();
        assert_eq!(seqs, dense, "{}", client.guest.username);
        let rolls: Vec<&Value> = client.seen_of("games.event.bigger_dice.rolled").collect();
        assert!(rolls.len() >= 20, "ten points take ten rounds of two");
        let nonces: BTreeSet<u64> = rolls
            .iter()
            .map(|roll| roll["proof"]["nonce"].as_u64().expect("a nonce"))
            .collect();
        assert_eq!(nonces.len(), rolls.len(), "each roll has a draw of its own");
        assert!(
            rolls
                .iter()
                .all(|roll| (1..=6).contains(&roll["roll"].as_u64().unwrap_or(0)))
        );
    }
}

#[tokio::test]
async fn leaving_before_the_start_gives_the_fee_back() {
    let server = TestServer::start().await;
    let (host, other) = (server.guest().await, server.guest().await);
    let mut host_client = Client::sign_in(&server, &host).await;
    let mut other_client = Client::sign_in(&server, &other).await;
    let room = host_client.create_room("r").await;
    other_client.join_room(&room).await;
    host_client.select(&room, &[&other]).await;
    assert_eq!(server.balance_cents(&other).await, 4000);
    other_client
        .command("leave_room", json!({ "room_id": room }))
        .await;
    host_client.event("games.event.player_left").await;
    assert_eq!(server.balance_cents(&other).await, 5000);
    let refunds = server.records("bigger_dice.participation_refunded").await;
    assert_eq!(refunds.len(), 1);
    assert_eq!(server.audit().await["clean"], true);
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_missed() {
    let server = TestServer::start().await;
    let (host, other) = (server.guest().await, server.guest().await);
    let mut host_client = Client::sign_in(&server, &host).await;
    let mut other_client = Client::sign_in(&server, &other).await;
    let room = host_client.create_room("r").await;
    other_client.join_room(&room).await;
    let joined = host_client.event("games.event.lobby_joined").await;
    drop(host_client);
    other_client
        .command("leave_room", json!({ "room_id": room }))
        .await;
    other_client.event("games.event.player_left").await;

    let mut back = Client::connect(&server, &host).await;
    let resume = json!([{ "room_id": room, "room_seq": joined["room_seq"] }]);
    back.send(json!({ "type": "system.authenticate", "token": host.token, "resume": resume }))
        .await;
    let missed = back.event("games.event.player_left").await;
    assert_eq!(missed["user_id"], other.user_id.as_str());
    assert!(missed["room_seq"].as_u64() > joined["room_seq"].as_u64());
}
