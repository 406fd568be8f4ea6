//! The AsyncAPI 3.0 document: the socket and the topics, who sends and receives what on them, and every message.

use crate::catalog::{Catalog, Flow, Message};
use crate::outcomes;
use crate::records::Record;
use crate::schema;
use blazing_sun_backbone::topics::{self, DEFAULT_PARTITIONS, KeyRule, Party};
use blazing_sun_domain::games::built_in;
use serde_json::{Map, Value, json};

const SOCKET: &str = "socket";
const EVENT_META: &str = "EventMeta";
const PAYLOAD_META: &str = "PayloadMeta";
const COMMAND_META: &str = "CommandMeta";
const KAFKA_BINDING: &str = "0.5.0";

/// What a record on a topic is called among the components, beside the frame of the same message.
fn on_topic(message: &Message) -> String {
    format!("record.{}", message.name)
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// The document.
pub(crate) fn document(catalog: &Catalog) -> Value {
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Blazing Sun",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A server for real-time multiplayer games: what browsers and it say on the socket, and what its \
                            parts say to each other on topics. For people the same is in protocol.md.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": {
            "gateway": {
                "host": "localhost:8080",
                "protocol": "ws",
                "description": "A gateway, or the whole program; `wss` behind a proxy.",
            },
            "kafka": {
                "host": "localhost:9092",
                "protocol": "kafka",
                "description": "The brokers. In the embedded mode the same records stand in a file.",
            },
        },
        "channels": channels(catalog),
        "operations": operations(catalog),
        "components": { "messages": messages(catalog), "schemas": schemas(catalog) },
    })
}

/// The types that fields have, what many messages have in them, and each message's own fields.
fn schemas(catalog: &Catalog) -> Map<String, Value> {
    let definitions = catalog.definitions.iter();
    let definitions = definitions.map(|(name, schema)| (name.clone(), within(schema)));
    let shared = [
        (EVENT_META, within(&catalog.event_meta)),
        (PAYLOAD_META, within(&catalog.payload_meta())),
        (COMMAND_META, within(&catalog.command_meta)),
    ];
    let shared = shared.map(|(name, schema)| (name.to_owned(), schema));
    let messages = catalog.messages().iter();
    let own = messages.map(|message| (message.name.clone(), within(&message.fields)));
    definitions.chain(shared).chain(own).collect()
}

/// An object that is all of these, and whose `type` is this.
fn typed(kind: Option<&str>, meta: Option<&str>, is_of_a_room: bool, own: Value) -> Value {
    let mut parts = Vec::new();
    let mut required: Vec<&str> = kind.map(|_| "type").into_iter().collect();
    required.extend(is_of_a_room.then_some("room_id"));
    if let Some(kind) = kind {
        parts.push(json!({
            "type": "object",
            "required": required,
            "properties": { "type": { "const": kind } },
        }));
    }
    parts.extend(meta.map(|meta| reference("schemas", meta)));
    parts.push(own);
    json!({ "allOf": parts })
}

/// A schema with references into the document, in the dialect of AsyncAPI's own schemas.
fn within(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let mut out = Map::new();
            for (key, field) in fields {
                match key.as_str() {
                    "$ref" => {
                        let name = field.as_str().and_then(schema::named);
                        let address = name.map(|name| format!("#/components/schemas/{name}"));
                        out.insert(
                            key.clone(),
                            address.map_or_else(|| field.clone(), Value::from),
                        );
                    }
                    "prefixItems" => {
                        out.insert("items".to_owned(), within(field));
                    }
                    // Says how long a tuple is, which its items say already.
                    "items" if fields.contains_key("prefixItems") => {}
                    _ => {
                        out.insert(key.clone(), within(field));
                    }
                }
            }
            out.into()
        }
        Value::Array(items) => items.iter().map(within).collect(),
        plain => plain.clone(),
    }
}

fn game_names() -> Vec<String> {
    built_in().iter().map(|game| game.name.to_owned()).collect()
}

fn channels(catalog: &Catalog) -> Map<String, Value> {
    let mut channels = Map::new();
    let frames = catalog.messages().iter().filter(|it| it.is_on_the_socket());
    let messages: Map<String, Value> = frames
        .map(|message| (message.name.clone(), reference("messages", &message.name)))
        .collect();
    channels.insert(
        SOCKET.to_owned(),
        json!({
            "address": "/ws",
            "title": "The socket",
            "description": "JSON text frames, each with its `type`. The server speaks first.",
            "servers": [{ "$ref": "#/servers/gateway" }],
            "messages": messages,
            "bindings": { "ws": { "method": "GET", "bindingVersion": "0.1.0" } },
        }),
    );
    for (name, row) in topics::rows(&game_names()) {
        let messages: Map<String, Value> = on(catalog, &name)
            .into_iter()
            .map(|message| {
                let address = reference("messages", &message);
                (message, address)
            })
            .collect();
        channels.insert(
            name.clone(),
            json!({
                "address": name,
                "description": format!("Keyed by {}.", key(row.key)),
                "servers": [{ "$ref": "#/servers/kafka" }],
                "messages": messages,
                "bindings": { "kafka": {
                    "topic": name,
                    "partitions": DEFAULT_PARTITIONS,
                    "topicConfiguration": { "retention.ms": row.retention_ms },
                    "bindingVersion": KAFKA_BINDING,
                } },
            }),
        );
    }
    channels
}

/// The messages of a topic, by their names among the components.
fn on(catalog: &Catalog, topic: &str) -> Vec<String> {
    let enveloped = catalog
        .messages()
        .iter()
        .filter(|message| message.topic() == Some(topic));
    let mut names: Vec<String> = enveloped.map(on_topic).collect();
    let plain = catalog
        .records()
        .iter()
        .filter(|record| is_on(record, topic));
    names.extend(plain.map(|record| format!("record.{}", record.topic)));
    names
}

fn is_on(record: &Record, topic: &str) -> bool {
    record.topic == topic
        || topic.split_once('.').is_some_and(|(game, end)| {
            record.topic == end && game_names().iter().any(|known| known == game)
        })
}

/// By what a topic's records are keyed, in words.
pub(crate) fn key(rule: KeyRule) -> &'static str {
    match rule {
        KeyRule::RoomOrUser => "the room's id; the user's where no room is concerned",
        KeyRule::User => "the user's id",
        KeyRule::UserOrGateway => "the user's id; the gateway's for its heartbeat",
        KeyRule::Original => "what the record had that it is about",
    }
}

/// A party's name in sentences and ids.
pub(crate) fn party(party: Party) -> &'static str {
    match party {
        Party::Gateway => "gateway",
        Party::Backend => "backend",
        Party::Checkout => "checkout",
    }
}

fn operations(catalog: &Catalog) -> Map<String, Value> {
    let mut operations = Map::new();
    for (id, action, summary, is_from_clients) in [
        ("takeFromClients", "receive", "What clients send.", true),
        ("sendToClients", "send", "What clients get.", false),
    ] {
        let messages: Vec<Value> = catalog
            .messages()
            .iter()
            .filter(|it| it.is_on_the_socket() && it.is_from_clients() == is_from_clients)
            .map(|it| json!({ "$ref": format!("#/channels/{SOCKET}/messages/{}", it.name) }))
            .collect();
        operations.insert(
            id.to_owned(),
            json!({
                "action": action,
                "channel": { "$ref": format!("#/channels/{SOCKET}") },
                "summary": summary,
                "messages": messages,
            }),
        );
    }
    for (topic, row) in topics::rows(&game_names()) {
        for (parties, action) in [(row.writers, "send"), (row.readers, "receive")] {
            for by in parties {
                let (id, operation) = operation(&topic, *by, action);
                operations.insert(id, operation);
            }
        }
    }
    operations
}

fn operation(topic: &str, by: Party, action: &str) -> (String, Value) {
    let mut operation = json!({
        "action": action,
        "channel": { "$ref": format!("#/channels/{topic}") },
        "summary": format!("The {} {action}s on `{topic}`.", party(by)),
    });
    if action == "receive" {
        operation["bindings"] = json!({ "kafka": {
            "groupId": { "type": "string", "enum": [by.group()] },
            "bindingVersion": KAFKA_BINDING,
        } });
    }
    (format!("{}.{action}.{topic}", party(by)), operation)
}

fn messages(catalog: &Catalog) -> Map<String, Value> {
    let mut messages = Map::new();
    for message in catalog.messages() {
        if message.is_on_the_socket() {
            messages.insert(message.name.clone(), frame(catalog, message));
        }
        if message.topic().is_some() {
            messages.insert(on_topic(message), enveloped(catalog, message));
        }
    }
    for record in catalog.records() {
        messages.insert(
            format!("record.{}", record.topic),
            json!({
                "name": record.topic,
                "summary": record.summary,
                "payload": within(&record.schema),
                "examples": [{ "payload": record.example }],
                "bindings": kafka_key("the user's id; the original's of a dead letter"),
            }),
        );
    }
    messages
}

fn kafka_key(what: &str) -> Value {
    json!({ "kafka": {
        "key": { "type": "string", "description": what },
        "bindingVersion": KAFKA_BINDING,
    } })
}

fn frame(catalog: &Catalog, message: &Message) -> Value {
    let fields = catalog.socket_fields(message);
    let own = match fields == message.fields {
        true => reference("schemas", &message.name),
        false => within(&fields),
    };
    let meta = match message.flow {
        Flow::Command => Some(COMMAND_META),
        Flow::Event => Some(EVENT_META),
        _ => None,
    };
    let payload = typed(Some(&message.name), meta, message.is_of_a_room(), own);
    let mut told = json!({
        "name": message.name,
        "summary": message.summary,
        "payload": payload,
        "examples": [{ "payload": catalog.frame_example(message) }],
    });
    if !message.other_names.is_empty() {
        told["x-other-types"] = message.other_names.clone().into();
    }
    if message.flow == Flow::Command {
        let outcome = outcomes::of(&message.name);
        told["description"] = format!("Leads to: {}.", outcome.events).into();
        told["x-refusals"] = outcomes::refusals(&message.name).into();
    }
    told
}

fn enveloped(catalog: &Catalog, message: &Message) -> Value {
    let meta = match message.flow {
        Flow::Command => Some(COMMAND_META),
        Flow::Event => Some(PAYLOAD_META),
        _ => None,
    };
    let own = reference("schemas", &message.name);
    let payload = typed(message.short_name(), meta, message.is_of_a_room(), own);
    let envelope = json!({ "allOf": [
        reference("schemas", "EventEnvelope"),
        { "type": "object", "properties": {
            "event_type": { "const": message.name },
            "payload": payload,
        } },
    ] });
    json!({
        "name": message.name,
        "summary": message.summary,
        "headers": reference("schemas", "RecordHeaders"),
        "payload": envelope,
        "examples": [{ "payload": catalog.record_example(message) }],
        "bindings": kafka_key("the room's id; the user's where no room is concerned"),
    })
}
