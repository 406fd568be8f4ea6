//! Records as a gateway makes them.

use blazing_sun_backbone::envelope::{Actor, Audience, EventEnvelope, PRODUCER_GATEWAY};
use blazing_sun_backbone::log::{NewRecord, Topic};
use blazing_sun_backbone::topics;
use blazing_sun_domain::UserId;
use serde_json::{Value, json};
use uuid::Uuid;

/// A command's record, as a gateway makes it.
pub fn command(user: u64, name: &str, mut fields: Value, id: Uuid, socket: &str) -> NewRecord {
    fields["command_id"] = json!(id);
    let key = fields["room_id"]
        .as_str()
        .map_or_else(|| user.to_string(), str::to_owned);
    let payload = serde_json::value::to_raw_value(&fields).unwrap();
    let id = id.to_string();
    let event_type = match name.split_once('.') {
        Some(("wallet" | "chat", _)) => name.to_owned(),
        _ => format!("games.command.{name}"),
    };
    let topic = match event_type.starts_with("chat.") {
        true => topics::CHAT_COMMANDS,
        false => topics::GAMES_COMMANDS,
    };
    let envelope = EventEnvelope {
        event_id: Uuid::new_v4().to_string().into(),
        event_type: event_type.into(),
        timestamp: "2024-01-20T10:30:01Z".into(),
        correlation_id: Some(id.as_str().into()),
        producer: PRODUCER_GATEWAY.into(),
        actor: Actor {
            user_id: UserId::new(user).unwrap(),
            username: format!("P{user}").into(),
            socket_id: socket.to_owned().into(),
            roles: Vec::new(),
        },
        audience: Audience::user(UserId::new(user).unwrap()),
        payload: &payload,
    };
    NewRecord {
        topic: Topic::new(topic),
        partition: None,
        key: key.into(),
        headers: Default::default(),
        payload: envelope.to_bytes().into(),
    }
}

/// A record of `gateway.presence`.
pub fn presence_record(what: &str, key: &str, payload: &Value) -> NewRecord {
    let envelope = json!({
        "event_id": Uuid::new_v4(),
        "event_type": format!("presence.event.{what}"),
        "timestamp": "2024-01-20T10:30:01Z",
        "correlation_id": null,
        "producer": "ws_gateway",
        "actor": { "user_id": "0", "username": "system", "socket_id": "", "roles": [] },
        "audience": { "type": "broadcast", "user_ids": [], "room_id": null, "game_id": null },
        "payload": payload,
    });
    NewRecord {
        topic: Topic::new(topics::GATEWAY_PRESENCE),
        partition: None,
        key: key.to_owned().into(),
        headers: Default::default(),
        payload: envelope.to_string().into(),
    }
}

/// A gateway's heartbeat.
pub fn heartbeat((gateway_id, boot_id): (&str, &str)) -> NewRecord {
    let payload = json!({ "gateway_id": gateway_id, "boot_id": boot_id });
    presence_record("gateway_heartbeat", gateway_id, &payload)
}
