//! What goes from one partition to another, with a backend for each.

use super::records;
use super::rig::{Rig, abandon, key_in, stop, two, until, user_in};
use blazing_sun_backend::store::operators::{LiveSettings, NewEntry, Outcome};
use blazing_sun_backend::store::postgres::{PgOperators, PgPool};
use blazing_sun_domain::Millis;
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn rooms_are_joined_by_name_listed_and_asked_for_across_backends() {
    let mut rig = Rig::new().await;
    let backends = two(&rig).await;
    let (host, guest) = (user_in(0), user_in(1));
    rig.grant(host).await;
    rig.grant(guest).await;
    let room = key_in(0, |n| format!("named-{n}"));
    let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": "By name" });
    rig.send(host, "create_room", create).await;
    rig.expect("games.event.room_created").await;

    let by_name = json!({ "room_name": "By name" });
    let join = rig.send(guest, "join_room", by_name).await;
    let joined = rig.answer(join).await;
    assert_eq!(joined["payload"]["room_id"], json!(room), "{joined}");
    assert_ne!(joined["event_type"], "games.event.error", "{joined}");

    let list = rig.send(guest, "list_rooms", json!({})).await;
    let listed = rig.answer(list).await;
    let rooms = listed["payload"]["rooms"].as_array().unwrap();
    assert_eq!(rooms.len(), 1, "{listed}");
    assert_eq!(rooms[0]["room_id"], json!(room));

    let sync = rig.send(guest, "sync_user", json!({})).await;
    let state = rig.answer(sync).await;
    assert_eq!(state["event_type"], "games.event.room_state", "{state}");
    assert_eq!(state["payload"]["room"]["room_id"], json!(room));
    rig.assert_dense(&room);
    for backend in backends {
        stop(backend).await;
    }
}

/// As an operator sets it.
async fn set_fee(rig: &Rig, cents: i64) {
    let name = "games.bigger_dice.entry_fee_cents";
    let entry = NewEntry {
        at: Millis(1),
        operator: "cli:ada".to_owned(),
        action: "settings.set".to_owned(),
        target: Some(name.to_owned()),
        detail: json!({ "value": cents }),
        outcome: Outcome::Done,
    };
    let operators = PgOperators::new(PgPool::open(&rig.postgres()).await.unwrap());
    let set = operators.set(name, Some(&json!(cents)), entry).await;
    set.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn players_of_both_partitions_are_matched_and_play() {
    let mut rig = Rig::new().await;
    // Who starts knows it before a partition is owned.
    set_fee(&rig, 250).await;
    let backends = two(&rig).await;
    let players = [user_in(0), user_in(1)];
    for player in players {
        rig.grant(player).await;
    }
    for player in players {
        let ask = json!({ "game_type": "bigger_dice" });
        rig.send(player, "quick_match", ask).await;
    }
    let created = rig.expect("games.event.room_created").await;
    assert_eq!(created["payload"]["entry_fee_cents"], 250);
    let room = created["payload"]["room_id"].as_str().unwrap().to_owned();
    for player in players {
        rig.send(player, "ready", json!({ "room_id": room })).await;
    }
    rig.play_to_the_end(&room).await;
    rig.assert_dense(&room);
    rig.assert_money_is_whole().await;
    for backend in backends {
        stop(backend).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_a_gateway_that_falls_silent_are_gone_in_all_partitions() {
    let mut rig = Rig::new().await;
    let backends = two(&rig).await;
    let (host, guest) = (user_in(0), user_in(1));
    let gateway = key_in(0, |n| format!("gateway-{n}"));
    let gateway = (gateway.as_str(), "boot");
    rig.append(records::heartbeat(gateway)).await;
    for user in [host, guest] {
        rig.grant(user).await;
        let payload = json!({
            "user_id": user.to_string(), "gateway_id": gateway.0, "boot_id": gateway.1,
            "connection_id": format!("c{user}"),
        });
        let online = records::presence_record("user_online", &user.to_string(), &payload);
        rig.append(online).await;
    }
    // Each room in the partition of the other.
    let rooms = [
        key_in(1, |n| format!("r-{n}")),
        key_in(0, |n| format!("r-{n}")),
    ];
    for (user, room) in [host, guest].into_iter().zip(&rooms) {
        let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": room });
        rig.send(user, "create_room", create).await;
        rig.expect("games.event.room_created").await;
    }
    let mut gone = Vec::new();
    while gone.len() < 2 {
        let event = rig.expect("games.event.player_disconnected").await;
        gone.push(event["payload"]["room_id"].as_str().unwrap().to_owned());
    }
    gone.sort();
    let mut rooms = rooms.to_vec();
    rooms.sort();
    assert_eq!(gone, rooms);
    assert!(rig.comes(Duration::from_millis(300)).await.is_none());
    for backend in backends {
        stop(backend).await;
    }
}

async fn sign_in(rig: &mut Rig, user: u64, gateway: (&str, &str)) {
    rig.grant(user).await;
    let payload = json!({
        "user_id": user.to_string(), "gateway_id": gateway.0, "boot_id": gateway.1,
        "connection_id": format!("c{user}"),
    });
    let online = records::presence_record("user_online", &user.to_string(), &payload);
    rig.append(online).await;
}

async fn open_room(rig: &mut Rig, user: u64, room: &str) {
    let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": room });
    rig.send(user, "create_room", create).await;
    rig.expect("games.event.room_created").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_stay_whose_partition_alone_is_taken_over() {
    let mut rig = Rig::new().await;
    let [first, second] = two(&rig).await;
    let (taken, other) = (first.owned()[0], second.owned()[0]);
    let gateway = key_in(other, |n| format!("gateway-{n}"));
    let gateway = (gateway.as_str(), "boot");
    rig.append(records::heartbeat(gateway)).await;
    let user = user_in(taken);
    sign_in(&mut rig, user, gateway).await;
    let room = key_in(other, |n| format!("r-{n}"));
    open_room(&mut rig, user, &room).await;
    while rig.comes(Duration::from_millis(300)).await.is_some() {
        rig.next().await;
    }
    rig.append(records::heartbeat(gateway)).await;
    abandon(first).await;
    until("the other owns both", async || {
        rig.append(records::heartbeat(gateway)).await;
        second.owned().len() == 2
    })
    .await;
    // For longer than connections are waited for after a take-over.
    for _ in 0..3 {
        rig.append(records::heartbeat(gateway)).await;
        let event = rig.comes(Duration::from_secs(1)).await;
        assert!(event.is_none(), "{event:?}");
    }
    // And then its gateway is silent.
    rig.expect("games.event.player_disconnected").await;
    stop(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_ends_together_with_who_heard_it_is_missed() {
    let mut rig = Rig::new().await;
    let [first, second] = two(&rig).await;
    let (taken, other) = (first.owned()[0], second.owned()[0]);
    let gateway = key_in(taken, |n| format!("gateway-{n}"));
    let gateway = (gateway.as_str(), "boot");
    rig.append(records::heartbeat(gateway)).await;
    let user = user_in(other);
    sign_in(&mut rig, user, gateway).await;
    let room = key_in(other, |n| format!("r-{n}"));
    open_room(&mut rig, user, &room).await;
    abandon(first).await;
    rig.expect("games.event.player_disconnected").await;
    stop(second).await;
}
