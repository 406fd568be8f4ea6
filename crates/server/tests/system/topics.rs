//! What stands on the topics is the contract, field by field.

use blazing_sun_harness::{TestServer, tool, whole_game};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

fn keys(object: &Value) -> BTreeSet<&str> {
    object
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn envelopes_have_the_fields_of_the_contract() {
    let server = TestServer::start().await;
    let (host, other, room) = whole_game(&server).await;
    let kinds = [
        "user",
        "users",
        "room",
        "broadcast",
        "spectators",
        "players",
    ];
    let mut types = BTreeSet::new();
    for (topic, producer) in [
        ("games.events", "blazing_sun"),
        ("games.commands", "ws_gateway"),
    ] {
        let records = server.records(topic).await;
        assert!(!records.is_empty(), "{topic}");
        for record in &records {
            let fields = [
                "actor",
                "audience",
                "correlation_id",
                "event_id",
                "event_type",
                "payload",
                "producer",
                "timestamp",
            ];
            assert_eq!(keys(record), fields.into(), "{record}");
            assert!(
                record["event_id"]
                    .as_str()
                    .is_some_and(|id| Uuid::try_parse(id).is_ok()),
                "{record}"
            );
            assert!(record["timestamp"].as_str().is_some_and(is_utc), "{record}");
            assert!(record["correlation_id"].is_string() || record["correlation_id"].is_null());
            let actor = &record["actor"];
            assert_eq!(
                keys(actor),
                ["roles", "socket_id", "user_id", "username"].into(),
                "{record}"
            );
            assert!(
                actor["user_id"].is_string() && actor["roles"].is_array(),
                "{record}"
            );
            let audience = &record["audience"];
            assert_eq!(
                keys(audience),
                ["game_id", "room_id", "type", "user_ids"].into(),
                "{record}"
            );
            assert!(
                kinds.contains(&audience["type"].as_str().unwrap_or_default()),
                "{record}"
            );
            let users = audience["user_ids"].as_array().expect("a list");
            assert!(users.iter().all(Value::is_string), "{record}");
            assert!(record["payload"].is_object());
            let kind = record["event_type"].as_str().expect("a type");
            types.insert(kind.to_owned());
            if topic == "games.events" {
                assert_eq!(record["producer"], producer, "{record}");
                let name = kind.splitn(3, '.').nth(2).expect("a name");
                assert_eq!(record["payload"]["type"], name, "{record}");
            } else {
                let by_us = ["ws_gateway", "blazing_sun"]
                    .contains(&record["producer"].as_str().unwrap_or_default());
                assert!(by_us, "{record}");
            }
        }
    }
    for wanted in [
        "games.command.create_room",
        "games.command.join_room",
        "games.command.select_player",
        "games.command.bigger_dice.roll",
        "games.event.room_created",
        "games.event.room_state",
        "games.event.lobby_joined",
        "games.event.player_selected",
        "games.event.game_starting",
        "games.event.player_ready_changed",
        "games.event.game_started",
        "games.event.turn_changed",
        "games.event.bigger_dice.rolled",
        "games.event.bigger_dice.round_result",
        "games.event.bigger_dice.game_over",
        "games.event.seed_revealed",
    ] {
        assert!(types.contains(wanted), "no {wanted}: {types:?}");
    }

    let fees = server.records("bigger_dice.participation_payed").await;
    assert_eq!(fees.len(), 2);
    for (fee, guest) in fees.iter().map(|fee| {
        let guest = [&host.guest, &other.guest]
            .into_iter()
            .find(|guest| fee["username"] == guest.username.as_str());
        (fee, guest.expect("one of the two"))
    }) {
        assert_eq!(
            *fee,
            json!({
                "event_type": "game.participation.deducted",
                "event_id": fee["event_id"],
                "timestamp": fee["timestamp"],
                "user_id": guest.user_id.parse::<u64>().expect("a number"),
                "amount_cents": 1000,
                "game_type": "bigger_dice",
                "room_id": room,
                "room_name": "My Game",
                "username": guest.username,
                "description": "PAY BIGGER DICE GAME",
            })
        );
        assert!(fee["timestamp"].as_str().is_some_and(is_utc));
    }
    let prizes = server.records("bigger_dice.win_prize").await;
    let over = host
        .seen_of("games.event.bigger_dice.game_over")
        .next()
        .expect("an end");
    assert_eq!(
        prizes,
        [json!({
            "event_type": "game.prize.won",
            "event_id": prizes[0]["event_id"],
            "timestamp": prizes[0]["timestamp"],
            "user_id": over["winner_id"].as_str().and_then(|id| id.parse::<u64>().ok()),
            "amount_cents": 1600,
            "game_type": "bigger_dice",
            "room_id": room,
            "room_name": "My Game",
            "username": over["winner_username"],
            "total_players": 2,
            "description": "WON BIGGER DICE GAME",
        })]
    );
}

#[tokio::test]
async fn no_password_is_on_any_topic() {
    let server = TestServer::start().await;
    let guest = server.guest().await;
    let mut client = blazing_sun_harness::Client::sign_in(&server, &guest).await;
    let password = "a secret that nobody may read";
    let fields = json!({ "game_type": "bigger_dice", "room_name": "r", "max_players": 2, "password": password });
    client.command("create_room", fields).await;
    let state = client.event("games.event.room_state").await;
    assert_eq!(state["room"]["is_password_protected"], true);
    for topic in ["games.commands", "games.events"] {
        let records = server.records(topic).await;
        assert!(!records.is_empty(), "{topic}");
        assert!(
            records
                .iter()
                .all(|record| !record.to_string().contains(password)),
            "{topic}"
        );
    }
    assert!(!server.log().contains(password) && !server.log().contains(&guest.token));
    for file in std::fs::read_dir(server.data_dir())
        .expect("files")
        .flatten()
    {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        let found = bytes
            .windows(password.len())
            .any(|window| window == password.as_bytes());
        assert!(!found, "in {:?}", file.path());
    }
}

#[tokio::test]
async fn tail_follows_a_running_server_and_stops_after_so_many() {
    let server = TestServer::start().await;
    let guest = server.guest().await;
    let mut client = blazing_sun_harness::Client::sign_in(&server, &guest).await;
    let data_dir = server.data_dir();
    client.create_room("first").await;
    let following = tokio::spawn(async move {
        tool(
            &["tail", "games.events", "--from-beginning", "--max", "3"],
            &data_dir,
        )
        .await
    });
    client.create_room("second").await;
    let output = following.await.expect("an output");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 3);
}

fn is_utc(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 20 && bytes[10] == b'T' && (text.ends_with('Z') || text.ends_with("+00:00"))
}
