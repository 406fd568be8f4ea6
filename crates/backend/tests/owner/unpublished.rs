//! What brokers do not take, and what they have lost of what they took.

use super::rig::{Rig, key_in, shared, stop, until, user_in};
use blazing_sun_backbone::topics;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_refuses_holds_up_no_other_and_nothing_is_sent_twice() {
    let (kafka, postgres) = shared().await;
    let mut rig = Rig::on(kafka, postgres).await;
    let backend = rig.backend("alone").await;
    let user = user_in(0);
    rig.grant(user).await;
    let limit = "message.timestamp.before.max.ms";
    let none_is_new_enough = format!("{limit}=0");
    rig.configure(
        kafka,
        topics::CHAT_EVENTS,
        "--add-config",
        &none_is_new_enough,
    )
    .await;
    let message = json!({ "lobby_id": "main", "content": "hello" });
    let said = rig
        .send(user, "chat.command.send_lobby_message", message)
        .await;
    for number in 0..3 {
        let room = key_in(0, |n| format!("beside-{number}-{n}"));
        let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": room });
        let id = rig.send(user, "create_room", create).await;
        let created = rig.answer(id).await;
        assert_eq!(created["payload"]["room_id"], json!(room), "{created}");
        while let Some(event) = rig.comes(Duration::from_secs(1)).await {
            assert_ne!(event["correlation_id"], json!(said), "it is refused");
            rig.next().await;
        }
    }
    rig.configure(kafka, topics::CHAT_EVENTS, "--delete-config", limit)
        .await;
    let heard = rig.answer(said).await;
    assert_eq!(heard["payload"]["content"], "hello", "{heard}");
    assert_eq!(rig.repeats, 0);
    until("all is noted as published", async || {
        let behind = "SELECT count(*) FROM partition_owner WHERE published_upto < batch_no - 1";
        rig.number(behind).await == 0
    })
    .await;
    stop(backend).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_brokers_have_lost_is_published_again_before_a_new_producer_goes_on() {
    let (kafka, postgres) = shared().await;
    let mut rig = Rig::on(kafka, postgres).await;
    let backend = rig.backend("alone").await;
    rig.grant(1).await;
    let rooms = ["lost", "waits"].map(|name| key_in(0, |n| format!("{name}-{n}")));
    let create =
        |room: &str| json!({ "room_id": room, "game_type": "bigger_dice", "room_name": room });
    let id = rig.send(1, "create_room", create(&rooms[0])).await;
    rig.answer(id).await;
    backend.hold_back(true);
    let id = rig.send(1, "create_room", create(&rooms[1])).await;
    until("the room is committed", async || {
        let count = "SELECT count(*) FROM room_directory";
        rig.number(count).await == 2
    })
    .await;
    rig.lose(kafka, topics::GAMES_EVENTS).await;
    backend.hold_back(false);
    // Numbers are looked at from the first on.
    rig.answer(id).await;
    for room in &rooms {
        let mut seen = rig.seen.iter();
        let is_of_room = |event: &Value| event["payload"]["room_id"] == json!(room);
        assert!(seen.any(is_of_room), "{room}");
    }
    stop(backend).await;
}
