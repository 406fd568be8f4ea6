//! Every message of the contract, and the definitions that their fields refer to.

use crate::examples::{self, Examples};
use crate::games;
use crate::records::{self, Record, RecordHeaders};
use crate::schema::{self, Definitions};
use blazing_sun_backbone::bans::{
    ACCOUNT_BANNED, AccountBanned, KEYS_IN_USE, SIGNED_OUT, SignedOut,
};
use blazing_sun_backbone::credentials::KeysInUse;
use blazing_sun_backbone::deliveries::{
    DELIVERIES_ASKED, DELIVERIES_TOLD, DeliveriesAsked, DeliveriesTold,
};
use blazing_sun_backbone::envelope::EventEnvelope;
use blazing_sun_backbone::live::{LIVE_SETTINGS, LiveSet};
use blazing_sun_backbone::messages::{
    BalanceChanged, ChatHistory, CommandApplied, DirectMessage, GatewayStart, LimitsTold,
    LobbyMessage, Maintenance, MessagesRead, QuickMatchWaiting, Refused, RoomList, TopUpChanged,
    TypingTold, UserConnection, UserPresence, command_schemas, internal_command_schemas,
};
use blazing_sun_backbone::topics;
use blazing_sun_domain::games::built_in;
use blazing_sun_domain::room::events;
use blazing_sun_domain::{CommandId, RoomId};
use blazing_sun_gateway::wire;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

/// Whose word a message is, and how far it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// A client's, for its gateway alone.
    Asked,
    /// A client's, which the gateway puts on a topic.
    Command,
    /// A gateway's own, for a client.
    Said,
    /// A backend's, on a topic and from there to clients.
    Event,
    /// On a topic, between gateways and backends alone.
    Between,
}

/// A message that the socket or a topic carries.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its type: `games.event.room_created`.
    pub name: String,
    /// Other types that ask for the same.
    pub other_names: Vec<String>,
    /// Whose it is.
    pub flow: Flow,
    /// What it says, for a person.
    pub summary: String,
    /// Its own fields: a JSON Schema of an object.
    pub fields: Value,
    /// One that was really said, or could be: its own fields.
    pub example: Value,
}

impl Message {
    /// The topic that it is carried on, if it is on one.
    pub fn topic(&self) -> Option<&'static str> {
        let (family, _) = self.name.split_once('.')?;
        let is_command = self.name.contains(".command.");
        Some(match (self.flow, family) {
            (Flow::Asked | Flow::Said, _) => return None,
            (_, "chat") if is_command => topics::CHAT_COMMANDS,
            _ if is_command => topics::GAMES_COMMANDS,
            (_, "chat") => topics::CHAT_EVENTS,
            (_, "system") => topics::SYSTEM_EVENTS,
            (_, "presence") => topics::GATEWAY_PRESENCE,
            _ => topics::GAMES_EVENTS,
        })
    }

    /// What a topic's payload has as its `type`; commands' have none.
    pub fn short_name(&self) -> Option<&str> {
        let (_, rest) = self.name.split_once(".event.")?;
        Some(rest)
    }

    /// Whether it is always about a room.
    pub fn is_of_a_room(&self) -> bool {
        self.flow == Flow::Event
            && self.name.starts_with("games.event.")
            && !OUTSIDE_ROOMS.contains(&self.name.as_str())
    }

    /// Whether clients see it.
    pub fn is_on_the_socket(&self) -> bool {
        self.flow != Flow::Between
    }

    /// Whether clients send it.
    pub fn is_from_clients(&self) -> bool {
        matches!(self.flow, Flow::Asked | Flow::Command)
    }
}

/// What the gateway adds to a client's command, or puts in the place of another field.
const ADDED_BY_GATEWAY: &[(&str, &str)] = &[
    ("games.command.create_room", "room_id"),
    ("games.command.create_room", "password_sealed"),
    ("games.command.join_room", "password_sealed"),
    ("games.command.join_as_spectator", "password_sealed"),
];

/// Fields that frames of events have beside the event's own.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "its schema is what it is for")]
pub(crate) struct EventMeta {
    /// Unlike any other's: an event that comes again, after a resume, has the same.
    event_id: String,
    /// The command that it follows from, where it follows from one.
    correlation_id: Option<String>,
    /// When.
    timestamp: events::Timestamp,
    /// Its place among the room's events, from 1 on and without holes; narrower events have none.
    #[schemars(skip_serializing_if = "Option::is_none")]
    room_seq: Option<u64>,
    /// For an event of a room that not all of the room get: the last room-wide event before it.
    #[schemars(skip_serializing_if = "Option::is_none")]
    after_seq: Option<u64>,
    /// The room that it is about.
    #[schemars(skip_serializing_if = "Option::is_none")]
    room_id: Option<RoomId>,
    /// The command that it answers: to the one who sent it.
    #[schemars(skip_serializing_if = "Option::is_none")]
    command_id: Option<CommandId>,
}

/// The fields of an event's payload on its topic, beside the event's own.
const IN_PAYLOAD: [&str; 4] = ["room_id", "room_seq", "after_seq", "command_id"];

/// All messages.
#[derive(Debug)]
pub struct Catalog {
    messages: Vec<Message>,
    records: Vec<Record>,
    pub(crate) definitions: Definitions,
    /// What frames of events have beside the event's own.
    pub(crate) event_meta: Value,
    /// What commands have beside their own.
    pub(crate) command_meta: Value,
}

impl Catalog {
    /// Those that this program sends and takes.
    pub fn of_the_program() -> Catalog {
        let settings = SchemaSettings::draft2020_12();
        let mut written = settings.clone().for_serialize().into_generator();
        let mut read = settings.for_deserialize().into_generator();
        let examples = Examples::gather();
        let mut messages = Vec::new();
        let mut add = |flow, name: String, other_names: Vec<String>, fields: Schema| {
            let mut fields = fields.to_value();
            if !matches!(flow, Flow::Asked | Flow::Command) {
                schema::left_out_is_not_null(&mut fields);
            }
            messages.push(Message {
                example: examples.of(&name),
                summary: schema::description(&fields).to_owned(),
                other_names,
                flow,
                name,
                fields,
            });
        };
        for (name, fields) in wire::taken(&mut read) {
            add(Flow::Asked, name.to_owned(), Vec::new(), fields);
        }
        for command in command_schemas(&mut read) {
            let others = command.names[1..].iter();
            let others = others.map(|name| (*name).to_owned()).collect();
            add(
                Flow::Command,
                command.names[0].to_owned(),
                others,
                command.fields,
            );
        }
        for (name, fields) in games::commands(&built_in(), &mut read) {
            add(Flow::Command, name, Vec::new(), fields);
        }
        for (name, fields) in wire::said(&mut written) {
            add(Flow::Said, name.to_owned(), Vec::new(), fields);
        }
        for (name, fields) in events::schemas_in(&mut written) {
            let name = format!("games.event.{name}");
            add(Flow::Event, name, Vec::new(), fields);
        }
        for (name, fields) in answers(&mut written) {
            add(Flow::Event, name.to_owned(), Vec::new(), fields);
        }
        for (name, fields) in games::events(&mut written) {
            add(Flow::Event, name, Vec::new(), fields);
        }
        for (name, fields) in between(&mut written) {
            add(Flow::Between, name.to_owned(), Vec::new(), fields);
        }
        for (name, fields) in internal_command_schemas(&mut written) {
            add(Flow::Between, name.to_owned(), Vec::new(), fields);
        }
        let records = records::all(&mut written);
        written.subschema_for::<EventEnvelope<'_>>();
        written.subschema_for::<RecordHeaders>();
        let mut event_meta = EventMeta::json_schema(&mut written).to_value();
        schema::left_out_is_not_null(&mut event_meta);
        let command_meta = wire::any_command(&mut read).to_value();
        let mut definitions: Definitions = written.take_definitions(true).into_iter().collect();
        definitions
            .values_mut()
            .for_each(schema::left_out_is_not_null);
        for (name, definition) in read.take_definitions(true) {
            let known = definitions
                .entry(name)
                .or_insert_with(|| definition.clone());
            assert_eq!(*known, definition, "two types of one name");
        }
        Catalog {
            messages,
            records,
            definitions,
            event_meta,
            command_meta,
        }
    }

    /// In the order in which people read them.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Records without an envelope, by topic.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// A message's whole object as it stands on the socket.
    pub fn frame(&self, message: &Message) -> Value {
        let kind = json!({
            "properties": { "type": { "const": message.name } },
            "required": ["type"],
        });
        let fields = self.socket_fields(message);
        let parts: &[&Value] = match message.flow {
            Flow::Command => &[&kind, &self.command_meta, &fields],
            Flow::Event if message.topic().is_some() => &[&kind, &self.event_meta, &fields],
            _ => &[&kind, &fields],
        };
        self.with_room(message, schema::merged(&message.summary, parts))
    }

    /// A message's own fields on the socket.
    pub(crate) fn socket_fields(&self, message: &Message) -> Value {
        schema::without(&message.fields, |field| {
            ADDED_BY_GATEWAY.contains(&(&message.name, field))
        })
    }

    /// A message's own fields on the socket, with the room where it is always about one.
    pub(crate) fn own_fields(&self, message: &Message) -> Value {
        let mut fields = self.socket_fields(message);
        if message.is_of_a_room() {
            let room = schema::without(&self.event_meta, |field| field != "room_id");
            fields = schema::merged(&message.summary, &[&room, &fields]);
            schema::require(&mut fields, "room_id");
        }
        fields
    }

    /// What events' payloads have beside the event's own.
    pub(crate) fn payload_meta(&self) -> Value {
        schema::without(&self.event_meta, |field| !IN_PAYLOAD.contains(&field))
    }

    /// A message's payload within the envelope on its topic.
    pub fn payload(&self, message: &Message) -> Value {
        let kind = match message.short_name() {
            Some(name) => {
                json!({ "properties": { "type": { "const": name } }, "required": ["type"] })
            }
            None => json!({}),
        };
        let meta = match message.flow {
            Flow::Command => self.command_meta.clone(),
            Flow::Event => self.payload_meta(),
            _ => json!({}),
        };
        let whole = schema::merged(&message.summary, &[&kind, &meta, &message.fields]);
        self.with_room(message, whole)
    }

    /// Whatever a room says names the room.
    fn with_room(&self, message: &Message, mut schema: Value) -> Value {
        if message.is_of_a_room() {
            schema::require(&mut schema, "room_id");
        }
        if let Some(also) = message.fields.get("anyOf") {
            schema["anyOf"] = also.clone();
        }
        schema
    }

    /// A frame's schema that needs nothing beside it.
    pub fn frame_schema(&self, message: &Message) -> Value {
        schema::standalone(&message.name, &self.frame(message), &self.definitions)
    }

    /// A whole example of a frame.
    pub fn frame_example(&self, message: &Message) -> Value {
        examples::frame(message, message.is_of_a_room())
    }

    /// A whole example of a payload.
    pub fn payload_example(&self, message: &Message) -> Value {
        examples::payload(message, message.is_of_a_room())
    }

    /// A whole example of a record on the message's topic.
    pub fn record_example(&self, message: &Message) -> Value {
        examples::record(message, self.payload_example(message))
    }

    /// The schema of the message's records on its topic, which needs nothing beside it.
    pub fn record_schema(&self, message: &Message) -> Value {
        let envelope = json!({
            "properties": { "event_type": { "const": message.name }, "payload": self.payload(message) },
        });
        let envelope = schema::merged(
            &message.summary,
            &[&self.definitions["EventEnvelope"], &envelope],
        );
        schema::standalone(&message.name, &envelope, &self.definitions)
    }

    /// The schema of a record without an envelope, which needs nothing beside it.
    pub fn plain_schema(&self, record: &Record) -> Value {
        schema::standalone(record.topic, &record.schema, &self.definitions)
    }

    /// The envelope's schema, which needs nothing beside it.
    pub fn envelope_schema(&self) -> Value {
        let envelope = &self.definitions["EventEnvelope"];
        schema::standalone("EventEnvelope", envelope, &self.definitions)
    }
}

/// Answers and what is told to users, which may be about a room and may not.
const OUTSIDE_ROOMS: &[&str] = &[
    "games.event.error",
    "games.event.command_applied",
    "games.event.room_list",
    "games.event.quick_match_waiting",
];

/// What backends say beside rooms' own events.
fn answers(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
    vec![
        ("games.event.error", Refused::json_schema(generator)),
        (
            "games.event.command_applied",
            CommandApplied::json_schema(generator),
        ),
        ("games.event.room_list", <RoomList>::json_schema(generator)),
        (
            "games.event.chat_history",
            ChatHistory::json_schema(generator),
        ),
        (
            "games.event.quick_match_waiting",
            QuickMatchWaiting::json_schema(generator),
        ),
        ("chat.event.error", Refused::json_schema(generator)),
        (
            "chat.event.message_received",
            DirectMessage::json_schema(generator),
        ),
        (
            "chat.event.lobby_message",
            LobbyMessage::json_schema(generator),
        ),
        ("chat.event.typing", TypingTold::json_schema(generator)),
        (
            "chat.event.messages_read",
            MessagesRead::json_schema(generator),
        ),
        (
            "wallet.event.balance_changed",
            BalanceChanged::json_schema(generator),
        ),
        ("wallet.event.top_up", TopUpChanged::json_schema(generator)),
        ("wallet.event.limits", LimitsTold::json_schema(generator)),
        (
            "system.event.maintenance",
            Maintenance::json_schema(generator),
        ),
    ]
}

/// What gateways and backends tell each other.
fn between(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
    vec![
        (
            "presence.event.user_online",
            UserPresence::json_schema(generator),
        ),
        (
            "presence.event.user_offline",
            UserPresence::json_schema(generator),
        ),
        (
            "presence.event.gateway_heartbeat",
            GatewayStart::json_schema(generator),
        ),
        (
            "system.event.gateway_started",
            GatewayStart::json_schema(generator),
        ),
        (
            "system.event.user_connected",
            UserConnection::json_schema(generator),
        ),
        (
            "system.event.user_disconnected",
            UserConnection::json_schema(generator),
        ),
        (ACCOUNT_BANNED, AccountBanned::json_schema(generator)),
        (SIGNED_OUT, SignedOut::json_schema(generator)),
        (KEYS_IN_USE, KeysInUse::json_schema(generator)),
        (LIVE_SETTINGS, LiveSet::json_schema(generator)),
        (DELIVERIES_ASKED, DeliveriesAsked::json_schema(generator)),
        (DELIVERIES_TOLD, DeliveriesTold::json_schema(generator)),
    ]
}
