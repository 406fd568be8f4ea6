//! The lobby on real sockets: quick match, the list of rooms as it changes, who is connected, and what is
//! left of rooms that have ended.

use blazing_sun_harness::{Client, Guest, Launch, TestServer, text};
use serde_json::{Value, json};

fn dice() -> Value {
    json!({ "game_type": "bigger_dice" })
}

async fn signed_in(server: &TestServer, count: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let guest = server.guest().await;
        clients.push(Client::sign_in(server, &guest).await);
    }
    clients
}

/// Asks for a quick match of Bigger Dice; how many wait, and whether this one does.
async fn ask(client: &mut Client, fields: Value) -> (u64, bool) {
    let id = client.command("quick_match", fields).await.to_string();
    let is_answer = |frame: &Value| frame["command_id"] == id && frame["waiting"].is_u64();
    let answer = client.until("its place", is_answer).await;
    (
        answer["waiting"].as_u64().expect("a number"),
        answer["is_waiting"] == true,
    )
}

/// The room that quick match has opened for this client.
async fn matched(client: &mut Client) -> String {
    let starting = client.event("games.event.game_starting").await;
    text(&starting["room_id"])
}

async fn balances(server: &TestServer, guests: &[&Guest]) -> Vec<i64> {
    let mut balances = Vec::new();
    for guest in guests {
        balances.push(server.balance_cents(guest).await);
    }
    balances
}

#[tokio::test]
async fn strangers_are_matched_over_a_kill_and_play_for_money() {
    let mut server = TestServer::start().await;
    let mut clients = signed_in(&server, 2).await;
    let (first, second) = (clients[0].guest.clone(), clients[1].guest.clone());
    assert_eq!(ask(&mut clients[0], dice()).await, (1, true));
    assert_eq!(ask(&mut clients[0], dice()).await, (1, true), "one place");

    server.kill().await;
    server.restart().await;
    let mut one = Client::sign_in(&server, &first).await;
    let mut two = Client::sign_in(&server, &second).await;
    assert_eq!(ask(&mut two, dice()).await, (2, true));
    let room = matched(&mut one).await;
    assert_eq!(matched(&mut two).await, room);
    assert_eq!(balances(&server, &[&first, &second]).await, [4_000, 4_000]);

    server.kill().await;
    server.restart().await;
    let mut one = Client::sign_in(&server, &first).await;
    let mut two = Client::sign_in(&server, &second).await;
    for client in [&mut one, &mut two] {
        client.event("games.event.room_state").await;
        client.ready(&room).await;
    }
    tokio::join!(one.play(&room), two.play(&room));
    let mut after = balances(&server, &[&first, &second]).await;
    after.sort_unstable();
    assert_eq!(after, [4_000, 5_600]);
    assert_eq!(server.audit().await["clean"], true);
}

#[tokio::test]
async fn a_place_is_given_up_by_cancelling_and_by_going_away() {
    let server = TestServer::start().await;
    let mut clients = signed_in(&server, 3).await;
    ask(&mut clients[0], dice()).await;
    let cancel = json!({ "game_type": "bigger_dice", "cancel": true });
    assert_eq!(ask(&mut clients[0], cancel).await, (0, false));
    ask(&mut clients[1], dice()).await;
    drop(clients.remove(1));
    server
        .until_it_holds("the place to be given up", |held| {
            held["backend"]["queued"] == 0
        })
        .await;
    assert_eq!(ask(&mut clients[0], dice()).await, (1, true));
    assert_eq!(ask(&mut clients[1], dice()).await, (2, true));
    let room = matched(&mut clients[0]).await;
    for client in &mut clients {
        leave(client, &room).await;
    }
    let guests: Vec<&Guest> = clients.iter().map(|client| &client.guest).collect();
    assert_eq!(balances(&server, &guests).await, [5_000, 5_000]);
}

#[tokio::test]
async fn who_left_a_running_game_finds_it_in_the_list_and_comes_back() {
    let server = TestServer::start().await;
    let mut clients = signed_in(&server, 3).await;
    ask(&mut clients[0], dice()).await;
    ask(&mut clients[1], dice()).await;
    let room = matched(&mut clients[0]).await;
    matched(&mut clients[1]).await;
    for client in &mut clients[..2] {
        client.ready(&room).await;
    }
    for client in &mut clients[..2] {
        client.event("games.event.game_started").await;
    }
    let leave = clients[0]
        .command("leave_room", json!({ "room_id": room }))
        .await;
    let is_left = |frame: &Value| {
        frame["type"] == "games.event.player_disconnected"
            && frame["correlation_id"] == leave.to_string()
    };
    clients[0].until("its leaving", is_left).await;
    for (at, expected) in [
        (0, json!([true, "player"])),
        (1, json!([true, "player"])),
        (2, json!([false, null])),
    ] {
        let line = listed(&mut clients[at], &room).await;
        assert_eq!(
            json!([line["can_rejoin"], line["rejoin_role"]]),
            expected,
            "{at}"
        );
        assert_eq!(line["status"], "in_progress");
    }
    clients[0]
        .command("list_rooms", json!({ "game_type": "relay" }))
        .await;
    let others = clients[0].event("games.event.room_list").await;
    assert_eq!(others["rooms"], json!([]), "another game's");

    clients[0]
        .command("rejoin_room", json!({ "room_id": room }))
        .await;
    clients[0].event("games.event.player_rejoined").await;
    let [one, two, _] = &mut clients[..] else {
        panic!("three")
    };
    tokio::join!(one.play(&room), two.play(&room));
    for client in &mut clients {
        client.command("list_rooms", json!({})).await;
        let list = client.event("games.event.room_list").await;
        assert_eq!(list["rooms"], json!([]), "nothing is left of it");
    }
    server
        .until_it_holds("the room to be forgotten", |held| {
            held["backend"]["rooms"] == 0 && held["gateway"]["rooms"] == 0
        })
        .await;
    assert_eq!(server.audit().await["clean"], true);
}

async fn leave(client: &mut Client, room: &str) {
    client
        .command("leave_room", json!({ "room_id": room }))
        .await;
    let me = client.guest.user_id.clone();
    let is_out = |frame: &Value| {
        frame["type"] == "games.event.player_left" && frame["user_id"] == me.as_str()
    };
    client.until("its leaving", is_out).await;
}

async fn listed(client: &mut Client, room: &str) -> Value {
    client.command("list_rooms", dice()).await;
    let list = client.event("games.event.room_list").await;
    let mut rooms = list["rooms"].as_array().into_iter().flatten();
    let line = rooms.find(|line| line["room_id"] == room);
    line.unwrap_or_else(|| panic!("{room} is not in {list}"))
        .clone()
}

#[tokio::test]
async fn a_closed_socket_is_told_in_time_and_coming_back_restores_the_seat() {
    let server = TestServer::start().await;
    let mut clients = signed_in(&server, 2).await;
    let guest = clients[0].guest.clone();
    let second_connection = Client::sign_in(&server, &guest).await;
    ask(&mut clients[0], dice()).await;
    ask(&mut clients[1], dice()).await;
    let room = matched(&mut clients[1]).await;

    // One of two connections: nobody hears of it. The other: the room does.
    drop(second_connection);
    let mut other = clients.pop().expect("two");
    drop(clients);
    let gone = other.event("games.event.player_disconnected").await;
    assert_eq!(gone["user_id"], guest.user_id.as_str());
    assert!(gone["timeout_at"].is_string(), "{gone}");
    let told = other.seen_of("games.event.player_disconnected").count();
    assert_eq!(told, 1);

    let mut back = Client::sign_in(&server, &guest).await;
    let state = back.event("games.event.room_state").await;
    assert_eq!(state["room"]["selected_players"][0], guest.user_id.as_str());
    let rejoined = other.event("games.event.player_rejoined").await;
    assert_eq!(rejoined["user_id"], guest.user_id.as_str());
    leave(&mut back, &room).await;
    leave(&mut other, &room).await;
    assert_eq!(
        balances(&server, &[&guest, &other.guest]).await,
        [5_000, 5_000]
    );
}

#[tokio::test]
async fn ended_rooms_leave_nothing_behind() {
    const ROUND: usize = 60;
    const ROUNDS: usize = 4;
    const PARTITIONS: u64 = 12;
    /// What one room may cost at most, over all that the allocator keeps for itself.
    const BYTES_PER_ROOM_MAX: u64 = 4 * 1_024;
    const SLACK_BYTES: u64 = 6 << 20;
    let server = TestServer::launch(Launch {
        environment: vec![(
            "BLAZING_SUN_GAMES__BIGGER_DICE__ENTRY_FEE_CENTS".to_owned(),
            "1".to_owned(),
        )],
        ..Launch::default()
    })
    .await;
    let mut clients = signed_in(&server, 2).await;
    // Fills what is bounded: the answers that are kept of each user.
    rooms(&mut clients, ROUND).await;
    let idle = |held: &Value| {
        let (backend, gateway) = (&held["backend"], &held["gateway"]);
        backend["rooms"] == 0
            && backend["deadlines"] == 0
            && backend["queued"] == 0
            && gateway["rooms"] == 0
            && gateway["ring_bytes"] == 0
            && gateway["follows"] == 0
    };
    let before = server.until_it_holds("nothing of rooms", idle).await;
    let resident_before = server.resident_bytes();
    for _ in 0..ROUNDS {
        rooms(&mut clients, ROUND).await;
    }
    let after = server.until_it_holds("nothing of rooms", idle).await;
    // One for each partition whose rooms a user was in, and which those are is chance.
    let answered = after["backend"]["answered_users"].as_u64();
    assert!(
        answered.is_some_and(|users| users <= 2 * PARTITIONS),
        "{after}"
    );
    for table in ["connected_users", "gateways", "may_wait"] {
        assert_eq!(after["backend"][table], before["backend"][table], "{table}");
    }
    assert_eq!(after["gateway"], before["gateway"]);
    let grown = server.resident_bytes().saturating_sub(resident_before);
    let rooms_played = (ROUND * ROUNDS) as u64;
    assert!(
        grown <= SLACK_BYTES + rooms_played * BYTES_PER_ROOM_MAX,
        "{rooms_played} rooms have left {grown} bytes"
    );
    for client in &mut clients {
        client.command("list_rooms", json!({})).await;
        assert_eq!(
            client.event("games.event.room_list").await["rooms"],
            json!([])
        );
    }
    let database = rusqlite::Connection::open_with_flags(
        server.data_dir().join("blazing-sun.db"),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
    )
    .expect("the database");
    for table in [
        "room_directory",
        "room_member",
        "room_snapshot",
        "room_journal",
        "room_quarantine",
        "quick_queue",
    ] {
        let query = format!("SELECT count(*) FROM {table}");
        let rows: i64 = database
            .query_row(&query, [], |row| row.get(0))
            .expect("a count");
        assert_eq!(rows, 0, "{table}");
    }
    assert_eq!(server.audit().await["clean"], true);
}

/// So many rooms from a match to their end: the first is left, the second leaves, and so on in turn.
async fn rooms(clients: &mut [Client], count: usize) {
    for n in 0..count {
        for client in &mut *clients {
            client.command("quick_match", dice()).await;
        }
        let mut room = String::new();
        for client in &mut *clients {
            room = matched(client).await;
        }
        for at in [n % 2, (n + 1) % 2] {
            leave(&mut clients[at], &room).await;
        }
        for client in &mut *clients {
            client.seen.clear();
        }
    }
}
