//! Games whose players are on different gateways, and go from one to the other.

use blazing_sun_harness::{Agent, Client, Cluster, Frames, Guest};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::watch;

const TURN: &str = "games.event.turn_changed";

async fn balances(cluster: &Cluster, players: [&Guest; 2]) -> [i64; 2] {
    let mut all = Vec::new();
    for backend in 0..2 {
        let mut of_backend = [0; 2];
        for (balance, player) in of_backend.iter_mut().zip(players) {
            *balance = cluster.balance_cents_at(backend, player).await;
        }
        all.push(of_backend);
    }
    assert_eq!(all[0], all[1], "every backend reads the same");
    all[0]
}

/// Ten euros each, and eight of ten for the winner.
fn check_money(mut balances: [i64; 2]) {
    balances.sort_unstable();
    assert_eq!(balances, [4_000, 5_600]);
}

/// The numbers of a room's events that a client saw follow each other.
fn check_order(client: &Client, room: &str) {
    let of_room = |frame: &&Value| frame["room_id"] == room;
    let numbers = client.seen.iter().filter(of_room);
    let numbers: Vec<u64> = numbers
        .filter_map(|frame| frame["room_seq"].as_u64())
        .collect();
    assert!(numbers.len() > 5, "{numbers:?}");
    for pair in numbers.windows(2) {
        assert_eq!(pair[1], pair[0] + 1, "{numbers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_players_on_two_gateways_play_to_the_end_and_the_money_is_right() {
    let mut cluster = Cluster::start(2, 2).await;
    let (host, other) = (cluster.guest_at(0).await, cluster.guest_at(1).await);
    let addresses = [cluster.gateway(0).address(), cluster.gateway(1).address()];
    let mut hosts = Client::sign_in_at(addresses[0], &host, &[]).await;
    let mut others = Client::sign_in_at(addresses[1], &other, &[]).await;
    for at in 0..3 {
        let room = hosts.create_room(&format!("room {at}")).await;
        others.join_room(&room).await;
        hosts.event("games.event.lobby_joined").await;
        if at > 0 {
            // Rooms in which nothing is played, on other partitions.
            hosts
                .command("leave_room", json!({ "room_id": room }))
                .await;
            others
                .command("leave_room", json!({ "room_id": room }))
                .await;
            continue;
        }
        hosts.select(&room, &[&host, &other]).await;
        hosts.ready(&room).await;
        others.ready(&room).await;
        tokio::join!(hosts.play(&room), others.play(&room));
        check_order(&hosts, &room);
        check_order(&others, &room);
    }
    check_money(balances(&cluster, [&host, &other]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_goes_on_at_the_other_gateway_and_a_command_sent_again_there_applies_once() {
    let mut cluster = Cluster::start(2, 2).await;
    let (host, other) = (cluster.guest_at(0).await, cluster.guest_at(1).await);
    let addresses = [cluster.gateway(0).address(), cluster.gateway(1).address()];
    let mut hosts = Client::sign_in_at(addresses[0], &host, &[]).await;
    let mut others = Client::sign_in_at(addresses[1], &other, &[]).await;
    let room = hosts.create_room("r").await;
    others.join_room(&room).await;
    hosts.event("games.event.lobby_joined").await;
    hosts.select(&room, &[&host, &other]).await;
    hosts.ready(&room).await;
    others.ready(&room).await;
    let turn = hosts.event(TURN).await;
    // Whoever's turn it is rolls, and goes to the gateway of the other.
    let is_hosts = turn["current_turn"] == host.user_id.as_str();
    let (mut mover, stays, to) = match is_hosts {
        true => (hosts, others, addresses[1]),
        false => (others, hosts, addresses[0]),
    };
    let mut stays = stays;
    if !is_hosts {
        mover.event(TURN).await;
    }
    let roll = mover
        .command("bigger_dice.roll", json!({ "room_id": room }))
        .await;
    let rolled = mover.event("games.event.bigger_dice.rolled").await;
    let seen = rolled["room_seq"].as_u64().expect("a number");
    let guest = mover.guest.clone();
    drop(mover);
    let mut moved = Client::sign_in_at(to, &guest, &[(&room, seen)]).await;
    // What was missed, or the room's state as it is now.
    let next = moved
        .until("the room", |frame| {
            frame["room_id"] == room.as_str() && frame["room_seq"].is_u64()
                || frame["type"] == "games.event.room_state"
        })
        .await;
    match next["room_seq"].as_u64() {
        Some(number) => assert_eq!(number, seen + 1, "{next}"),
        None => assert!(
            next["room"]["room_seq"].as_u64() >= Some(seen),
            "behind {seen}: {next}"
        ),
    }
    moved
        .command_again(roll, "bigger_dice.roll", json!({ "room_id": room }))
        .await;
    // The events of the first time have its id too.
    let is_applied = |frame: &Value| {
        frame["type"] == "games.event.command_applied"
            && frame["correlation_id"] == roll.to_string()
    };
    moved.until("the answer to the repeat", is_applied).await;
    // What was read with the answer may hold one's next turn: the state tells it again.
    moved
        .command("rejoin_room", json!({ "room_id": room }))
        .await;
    let state = moved.event("games.event.room_state").await;
    if state["room"]["current_turn"] == guest.user_id.as_str() {
        moved
            .command("bigger_dice.roll", json!({ "room_id": room }))
            .await;
    }
    tokio::join!(moved.play(&room), stays.play(&room));
    check_order(&stays, &room);
    let of_roll = stays
        .seen_of("games.event.bigger_dice.rolled")
        .filter(|frame| frame["correlation_id"] == roll.to_string());
    assert_eq!(of_roll.count(), 1);
    check_money(balances(&cluster, [&host, &other]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_gateway_ends_its_players_play_on_at_the_other() {
    let mut cluster = Cluster::start(2, 2).await;
    let (host, other) = (cluster.guest_at(0).await, cluster.guest_at(1).await);
    let addresses = vec![cluster.gateway(0).address(), cluster.gateway(1).address()];
    let frames = Arc::new(Frames::default());
    let agent = |guest: &Guest| Agent::roaming(addresses.clone(), guest.clone(), frames.clone());
    let (made, room) = watch::channel(None);
    let hosting = tokio::spawn(agent(&host).host(made, other.clone()));
    let joining = tokio::spawn(agent(&other).join(room));
    frames.reach(25).await;
    let ended = cluster.gateway(0).terminate().await;
    assert!(ended.success(), "{}", cluster.gateway(0).log());
    let (hosted, joined) = tokio::join!(hosting, joining);
    hosted.expect("the host's game");
    joined.expect("the other's game");
    check_money(balances(&cluster, [&host, &other]).await);
}
