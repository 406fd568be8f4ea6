//! Texts that PostgreSQL can not hold come to no statement, whichever command brings them.

use super::records;
use super::refused::LETTERS;
use super::rig::{Rig, stop};
use blazing_sun_backbone::log::EventLog;
use blazing_sun_backbone::messages::{CLIENT_COMMANDS, INTERNAL_COMMANDS};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

const NUL: &str = "a\0";

/// All that any command reads, as it may be.
fn fields() -> Value {
    json!({
        "room_id": "no-such-room", "room_name": "Room", "game_type": "bigger_dice", "password": "pw",
        "password_sealed": "x", "target_user_id": "2", "user_id": "2", "username": "P2",
        "target_user_ids": ["2"], "rematch_of": "other-room", "seed_commitment": "ab".repeat(32),
        "client_seed": "ab".repeat(32), "channel": "lobby", "content": "hi", "recipient_id": "2",
        "lobby_id": "main", "message_ids": [Uuid::nil()], "amount_cents": 500,
        "success_url": "https://play.example/paid", "cancel_url": "https://play.example/not", "period": "day",
        "days": 1, "matched_room_id": "other-room", "players": [], "refused": [], "rooms": ["other-room"],
        "gateway_id": "gw", "boot_id": "boot", "lives": true, "answer_to": 0, "reason": "why",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_of_any_command_is_one_that_the_store_can_not_hold() {
    let mut rig = Rig::new().await;
    let backend = rig.backend("alone").await;
    rig.grant(1).await;
    let of_a_game = [
        "games.command.bigger_dice.roll",
        "games.command.bigger_dice.enable_auto_play",
    ];
    let all = CLIENT_COMMANDS.iter().chain(INTERNAL_COMMANDS);
    let (all, fields) = (all.chain(&of_a_game), fields());
    let texts = fields.as_object().unwrap().iter();
    let texts: Vec<&String> = texts
        .filter(|(_, value)| value.is_string() || value.is_array())
        .map(|(name, _)| name)
        .collect();
    let mut sent = BTreeMap::new();
    let mut batch = Vec::new();
    for command in all {
        for text in &texts {
            let mut fields = fields.clone();
            // A room's name alone is looked up only where no room is named by its id.
            if *text == "room_name" {
                fields.as_object_mut().unwrap().remove("room_id");
            }
            fields[text.as_str()] = match fields[text.as_str()].is_array() {
                true => json!([NUL]),
                false => json!(NUL),
            };
            let name = command.strip_prefix("games.command.").unwrap_or(command);
            let id = Uuid::now_v7();
            let mut record = records::command(1, name, fields, id, "socket");
            record.key = "1".into();
            batch.push(record);
            sent.insert(id.to_string(), (*command, text.as_str()));
        }
    }
    let log: &dyn EventLog = &rig.log;
    log.append_and_wait(batch).await.unwrap();
    sent.retain(|_, (command, _)| !INTERNAL_COMMANDS.contains(command));
    while !sent.is_empty() {
        let event = rig.next().await;
        let cause = event["correlation_id"].as_str().unwrap_or_default();
        if let Some((command, text)) = sent.remove(cause) {
            let code = &event["payload"]["code"];
            assert_eq!(code, "invalid_format", "{command} with {text}: {event}");
        }
    }
    let list = rig.send(1, "list_rooms", json!({})).await;
    let answer = rig.answer(list).await;
    assert_eq!(answer["event_type"], "games.event.room_list", "{answer}");
    assert_eq!(rig.number(LETTERS).await, 0);
    stop(backend).await;
}
