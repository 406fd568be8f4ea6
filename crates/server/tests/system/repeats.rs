//! A command sent again has its effect once and its answer each time.

use blazing_sun_harness::{Client, TestServer, text};
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::test]
async fn five_times_the_same_command_make_one_room() {
    let mut server = TestServer::start().await;
    let guest = server.guest().await;
    let (id, fields) = (
        Uuid::now_v7(),
        json!({ "game_type": "bigger_dice", "room_name": "once", "max_players": 2 }),
    );
    let mut rooms = Vec::new();
    let mut one = Client::sign_in(&server, &guest).await;
    let mut two = Client::sign_in(&server, &guest).await;
    for client in [&mut one, &mut two] {
        for _ in 0..2 {
            client
                .command_again(id, "create_room", fields.clone())
                .await;
            rooms.push(answered_room(client, id).await);
        }
    }
    server.kill().await;
    server.restart().await;
    let mut again = Client::sign_in(&server, &guest).await;
    again.command_again(id, "create_room", fields).await;
    rooms.push(answered_room(&mut again, id).await);

    assert_eq!(rooms.len(), 5);
    assert!(rooms.iter().all(|room| *room == rooms[0]), "{rooms:?}");
    let created: Vec<Value> = server.records("games.events").await;
    let created = created
        .iter()
        .filter(|event| event["event_type"] == "games.event.room_created");
    assert_eq!(created.count(), 1);
}

#[tokio::test]
async fn five_times_the_same_selection_take_one_fee() {
    let mut server = TestServer::start().await;
    let guest = server.guest().await;
    let mut client = Client::sign_in(&server, &guest).await;
    let room = client.create_room("r").await;
    let id = Uuid::now_v7();
    let fields = json!({ "room_id": room, "target_user_id": guest.user_id });
    for _ in 0..4 {
        client
            .command_again(id, "select_player", fields.clone())
            .await;
    }
    client.event("games.event.player_selected").await;
    for _ in 0..3 {
        applied(&mut client, id).await;
    }
    server.kill().await;
    server.restart().await;
    let mut client = Client::sign_in(&server, &guest).await;
    client.command_again(id, "select_player", fields).await;
    applied(&mut client, id).await;

    assert_eq!(server.balance_cents(&guest).await, 4000);
    assert_eq!(
        server
            .records("bigger_dice.participation_payed")
            .await
            .len(),
        1
    );
    assert_eq!(client.seen_of("games.event.player_selected").count(), 0);
    assert_eq!(server.audit().await["clean"], true);
}

#[tokio::test]
async fn a_refusal_is_given_again_as_it_was() {
    let server = TestServer::start().await;
    let guest = server.guest().await;
    let mut client = Client::sign_in(&server, &guest).await;
    let (id, fields) = (
        Uuid::now_v7(),
        json!({ "room_id": Uuid::new_v4().to_string() }),
    );
    for _ in 0..2 {
        client.command_again(id, "join_room", fields.clone()).await;
        assert_eq!(client.refusal(id).await, "room_not_found");
    }
    // Backend and gateway have a line about what they refused, by its id.
    let misshapen = client.command("join_room", json!({ "room_id": 5 })).await;
    assert_eq!(client.refusal(misshapen).await, "invalid_format");
    let log = server.log();
    let line = |id: Uuid| {
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut of_it = lines.filter(|line| line["correlation_id"] == id.to_string());
        of_it.next().unwrap_or_else(|| panic!("{id}: {log}"))
    };
    for (id, code) in [(id, "room_not_found"), (misshapen, "invalid_format")] {
        let line = line(id);
        assert_eq!(line["code"], code, "{line}");
        assert_eq!(line["user.id"], guest.user_id, "{line}");
    }
    assert_eq!(line(id)["room.id"], fields["room_id"]);
}

async fn applied(client: &mut Client, id: Uuid) {
    let id = id.to_string();
    let is_answer =
        |frame: &Value| frame["type"] == "games.event.command_applied" && frame["command_id"] == id;
    client.until("command_applied", is_answer).await;
}

async fn answered_room(client: &mut Client, id: Uuid) -> String {
    let id = id.to_string();
    let is_answer =
        |frame: &Value| frame["type"] == "games.event.room_state" && frame["correlation_id"] == id;
    text(&client.until("its room", is_answer).await["room"]["room_id"])
}
