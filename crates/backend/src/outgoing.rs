//! How decisions become records: envelopes, headers and the dense `outbox_seq` of every event topic.

use crate::traced::Traced;
use blazing_sun_backbone::envelope::{AudienceKind, EventEnvelope, PRODUCER_BACKEND};
use blazing_sun_backbone::log::{
    Headers, HeadersBuilder, NewRecord, Record, Topic, put_header, put_header_with,
};
use blazing_sun_backbone::messages::header;
use blazing_sun_backbone::{is_planted, topics};
use blazing_sun_domain::json::{push_number, push_text};
use blazing_sun_domain::room::{EventAudience, Membership, Order, RoomEvent};
use blazing_sun_domain::{CommandId, Millis, RoomId, UserId};
use bytes::{Bytes, BytesMut};
use rustc_hash::FxHashMap;
use serde::Serialize;
use uuid::{Builder, Uuid};

/// The command that something follows from.
#[derive(Debug, Clone, Copy)]
pub struct Cause<'a> {
    /// The correlation id of all that follows.
    pub correlation_id: &'a str,
    /// The command's own id, where that is another.
    pub command_id: Option<CommandId>,
    /// Who asked; direct answers carry the command's id.
    pub user: UserId,
}

/// What an event's type begins with; the name follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `games.event.`
    Games,
    /// `chat.event.`
    Chat,
    /// `wallet.event.`
    Wallet,
}

impl Family {
    /// The beginning of the type.
    pub fn prefix(self) -> &'static str {
        match self {
            Family::Games => "games.event.",
            Family::Chat => "chat.event.",
            Family::Wallet => "wallet.event.",
        }
    }
}

/// An event about to become a record.
pub struct Event<'a> {
    /// What its type begins with.
    pub family: Family,
    /// `player_selected`
    pub name: &'a str,
    /// The room that it is about.
    pub room_id: Option<&'a RoomId>,
    /// Who gets it.
    pub audience: AudienceKind,
    /// For `user` and `users`.
    pub user_ids: &'a [UserId],
    /// Its place in the room's order.
    pub order: Order,
    /// The JSON object of its own fields.
    pub body: &'a str,
    /// Whose place in the room changes with it.
    pub membership: &'a [(UserId, Membership)],
    /// What it follows from.
    pub cause: Option<Cause<'a>>,
}

/// Makes records for the partitions of one owner.
pub struct Outgoing {
    now: Millis,
    now_text: String,
    random: u64,
    games_events: Topic,
    chat_events: Topic,
    /// The dense numbering of `games.events`, by partition.
    events_seq: Vec<u64>,
    /// That of all other topics.
    outbox_seq: FxHashMap<(Topic, u32), u64>,
    /// The partition that forwards, where what it sends to others may arrive more than once.
    from: Option<u32>,
    /// A record while it is written: headers, then payload.
    scratch: Vec<u8>,
    arena: BytesMut,
    /// What of the trace of the command that is being decided goes into headers.
    traceparent: Option<String>,
    /// Commands of the batch that are part of a trace.
    traced: Vec<Traced>,
    /// Made and not yet appended.
    pub records: Vec<NewRecord>,
}

/// The records' bytes stand in blocks of this size, so that a record needs no allocation of its own.
const ARENA_BYTES: usize = 64 * 1024;

impl Outgoing {
    /// `random` seeds the event ids, which need to be unique and nothing more.
    pub fn new(random: u64) -> Outgoing {
        Outgoing {
            now: Millis::default(),
            now_text: String::new(),
            random: random | 1,
            games_events: Topic::new(topics::GAMES_EVENTS),
            chat_events: Topic::new(topics::CHAT_EVENTS),
            events_seq: Vec::new(),
            outbox_seq: FxHashMap::default(),
            from: None,
            scratch: Vec::new(),
            arena: BytesMut::new(),
            traceparent: None,
            traced: Vec::new(),
            records: Vec::new(),
        }
    }

    /// What is made from now on comes of this command, if it is part of a trace.
    pub(crate) fn begin_command(&mut self, record: &Record) {
        let traced = Traced::take(record);
        self.traceparent = traced.as_ref().map(Traced::traceparent);
        self.traced.extend(traced);
    }

    /// Notes what the command is, once it is read.
    pub(crate) fn command_is(&mut self, event_type: &str, correlation_id: &str) {
        if self.traceparent.is_some()
            && let Some(traced) = self.traced.last_mut()
        {
            traced.is_of(event_type, correlation_id);
        }
    }

    /// What is made from now on comes of something else.
    pub(crate) fn end_command(&mut self) {
        if self.traceparent.take().is_some()
            && let Some(traced) = self.traced.last()
        {
            traced.decided();
        }
    }

    /// The batch's commands that are part of a trace.
    pub(crate) fn take_traced(&mut self) -> Vec<Traced> {
        self.traceparent = None;
        std::mem::take(&mut self.traced)
    }

    /// From now on this is for one partition alone, and numbers what it sends to consumed topics, so that
    /// they can tell what comes again.
    pub fn number_forwarded(&mut self, from: u32) {
        self.from = Some(from);
    }

    /// The bytes, for a record to hold.
    fn store(arena: &mut BytesMut, bytes: &[u8]) -> Bytes {
        if arena.capacity() - arena.len() < bytes.len() {
            *arena = BytesMut::with_capacity(ARENA_BYTES.max(bytes.len()));
        }
        arena.extend_from_slice(bytes);
        arena.split().freeze()
    }

    /// Adds a record without headers, whose payload `write` adds to an empty buffer.
    pub fn plain(&mut self, topic: &Topic, partition: u32, write: impl FnOnce(&mut Vec<u8>)) {
        self.scratch.clear();
        write(&mut self.scratch);
        let payload = Outgoing::store(&mut self.arena, &self.scratch);
        self.records.push(NewRecord {
            topic: topic.clone(),
            partition: Some(partition),
            key: Bytes::new(),
            headers: Headers::default(),
            payload,
        });
    }

    /// The instant of the records made from now on.
    pub fn set_now(&mut self, now: Millis) {
        if now != self.now || self.now_text.is_empty() {
            self.now = now;
            self.now_text = now.to_string();
        }
    }

    /// The instant of the records made now, as text.
    pub fn now_text(&self) -> &str {
        &self.now_text
    }

    /// Where the dense numbering of a topic's partition goes on.
    pub fn set_outbox_seq(&mut self, topic: Topic, partition: u32, next: u64) {
        if topic == self.games_events {
            *Outgoing::events_seq_of(&mut self.events_seq, partition) = next;
        } else {
            self.outbox_seq.insert((topic, partition), next);
        }
    }

    /// Forgets what was made and not committed: every numbering begins anew that is not set again.
    pub fn forget(&mut self) {
        self.records.clear();
        self.take_traced();
        self.events_seq.clear();
        self.outbox_seq.clear();
    }

    /// Where the dense numbering of each topic's partition goes on.
    pub fn outbox_positions(&self) -> impl Iterator<Item = (&Topic, u32, u64)> {
        let events = (0..).zip(&self.events_seq);
        let events = events.map(|(partition, next)| (&self.games_events, partition, *next));
        let others = self.outbox_seq.iter();
        let others = others.map(|((topic, partition), next)| (topic, *partition, *next));
        events.filter(|(_, _, next)| *next > 0).chain(others)
    }

    fn events_seq_of(events_seq: &mut Vec<u64>, partition: u32) -> &mut u64 {
        let at = partition as usize;
        if events_seq.len() <= at {
            events_seq.resize(at + 1, 0);
        }
        &mut events_seq[at]
    }

    fn next_outbox_seq(&mut self, topic: &Topic, partition: u32) -> u64 {
        let next = self
            .outbox_seq
            .entry((topic.clone(), partition))
            .or_default();
        *next += 1;
        *next - 1
    }

    /// A fresh UUIDv7.
    pub fn event_id(&mut self) -> Uuid {
        let mut random = [0; 10];
        for half in random.chunks_exact_mut(5) {
            // xorshift64*: its upper bytes are the good ones.
            self.random ^= self.random >> 12;
            self.random ^= self.random << 25;
            self.random ^= self.random >> 27;
            let mixed = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d);
            half.copy_from_slice(&mixed.to_be_bytes()[..5]);
        }
        Builder::from_unix_timestamp_millis(self.now.0.max(0) as u64, &random).into_uuid()
    }

    /// A room's event.
    pub fn room_event(
        &mut self,
        partition: u32,
        room_id: &RoomId,
        event: &RoomEvent,
        cause: Option<Cause<'_>>,
    ) {
        let one;
        let (audience, user_ids): (AudienceKind, &[UserId]) = match &event.audience {
            EventAudience::Room => (AudienceKind::Room, &[]),
            EventAudience::Players => (AudienceKind::Players, &[]),
            EventAudience::Spectators => (AudienceKind::Spectators, &[]),
            EventAudience::User(user) => {
                one = [*user];
                (AudienceKind::User, &one)
            }
            EventAudience::Users(users) => (AudienceKind::Users, users),
            EventAudience::Broadcast => (AudienceKind::Broadcast, &[]),
        };
        self.event(
            partition,
            Event {
                family: Family::Games,
                name: &event.name,
                room_id: Some(room_id),
                audience,
                user_ids,
                order: event.order,
                body: event.body.get(),
                membership: &event.membership,
                cause,
            },
        );
    }

    /// An event, on the topic of its family.
    pub fn event(&mut self, partition: u32, event: Event<'_>) {
        let mut id_text = [0; uuid::fmt::Hyphenated::LENGTH];
        let event_id: &str = self.event_id().hyphenated().encode_lower(&mut id_text);
        let (topic, outbox_seq) = match event.family {
            Family::Chat => {
                let topic = self.chat_events.clone();
                let outbox_seq = self.next_outbox_seq(&topic, partition);
                (topic, outbox_seq)
            }
            Family::Games | Family::Wallet => {
                let seq = Outgoing::events_seq_of(&mut self.events_seq, partition);
                *seq += 1;
                (self.games_events.clone(), *seq - 1)
            }
        };

        let out = &mut self.scratch;
        out.clear();
        put_headers(out, &event, event_id, outbox_seq);
        if let Some(traceparent) = &self.traceparent {
            put_header(out, header::TRACEPARENT, traceparent.as_bytes());
        }
        let payload_at = out.len();
        put_envelope(out, &event, event_id, &self.now_text);
        let stored = Outgoing::store(&mut self.arena, out);
        let key = match (event.room_id, event.user_ids.first()) {
            (Some(room), _) => Outgoing::store(&mut self.arena, room.as_str().as_bytes()),
            (None, Some(user)) => user.to_string().into(),
            (None, None) => Bytes::new(),
        };
        self.records.push(NewRecord {
            topic,
            partition: Some(partition),
            key,
            headers: Headers::from_encoded(stored.slice(..payload_at)),
            payload: stored.slice(payload_at..),
        });
        if matches!(event.order, Order::Room(_)) {
            if is_planted!(EventSkipped) {
                self.records.pop();
            }
            if is_planted!(EventDoubled) {
                self.records.extend(self.records.last().cloned());
            }
        }
    }

    /// A command for a partition, its own or another.
    pub fn forward(
        &mut self,
        topic: &Topic,
        partition: u32,
        key: &str,
        envelope: &EventEnvelope<'_>,
    ) {
        let mut headers = HeadersBuilder::default();
        headers.push(header::EVENT_ID, envelope.event_id.as_bytes());
        headers.push(header::EVENT_TYPE, envelope.event_type.as_bytes());
        if let Some(correlation_id) = &envelope.correlation_id {
            headers.push(header::CORRELATION_ID, correlation_id.as_bytes());
        }
        if let Some(traceparent) = &self.traceparent {
            headers.push(header::TRACEPARENT, traceparent);
        }
        if let Some(from) = self.from {
            let outbox_seq = self.next_outbox_seq(topic, partition);
            headers.push(header::OUTBOX_FROM, from.to_string());
            headers.push(header::OUTBOX_SEQ, outbox_seq.to_string());
        }
        self.records.push(NewRecord {
            topic: topic.clone(),
            partition: Some(partition),
            key: Bytes::copy_from_slice(key.as_bytes()),
            headers: headers.build(),
            payload: envelope.to_bytes().into(),
        });
    }

    /// A record that another program wrote for a partition that does not decide it: as it is, under the right key.
    pub fn pass_on(&mut self, record: &Record, partition: u32, key: &str) {
        let mut headers = HeadersBuilder::default();
        for (name, value) in record.headers.iter() {
            let name = String::from_utf8_lossy(name);
            if name != header::OUTBOX_FROM && name != header::OUTBOX_SEQ {
                headers.push(&name, value);
            }
        }
        if let Some(from) = self.from {
            let outbox_seq = self.next_outbox_seq(&record.topic, partition);
            headers.push(header::OUTBOX_FROM, from.to_string());
            headers.push(header::OUTBOX_SEQ, outbox_seq.to_string());
        }
        self.records.push(NewRecord {
            topic: record.topic.clone(),
            partition: Some(partition),
            key: Bytes::copy_from_slice(key.as_bytes()),
            headers: headers.build(),
            payload: record.payload.clone(),
        });
    }

    /// A record that is no envelope: payments, dead letters.
    pub fn raw(
        &mut self,
        partition: u32,
        topic: &str,
        key: Bytes,
        event_id: &str,
        json: &impl Serialize,
    ) {
        let topic = Topic::new(topic);
        let outbox_seq = self.next_outbox_seq(&topic, partition);
        let mut headers = HeadersBuilder::default();
        headers
            .push("event_id", event_id)
            .push("outbox_seq", outbox_seq.to_string());
        if let Some(traceparent) = &self.traceparent {
            headers.push(header::TRACEPARENT, traceparent);
        }
        let payload = to_json(json).into();
        let record = NewRecord {
            topic,
            partition: Some(partition),
            key,
            headers: headers.build(),
            payload,
        };
        self.records.push(record);
    }
}

fn put_headers(out: &mut Vec<u8>, event: &Event<'_>, event_id: &str, outbox_seq: u64) {
    put_header(out, "event_id", event_id.as_bytes());
    put_header_with(out, "event_type", |out| {
        out.extend_from_slice(event.family.prefix().as_bytes());
        out.extend_from_slice(event.name.as_bytes());
    });
    if let Some(cause) = event.cause {
        put_header(out, "correlation_id", cause.correlation_id.as_bytes());
    }
    if let Some(room) = event.room_id {
        put_header(out, "room_id", room.as_str().as_bytes());
    }
    if let Order::Room(seq) = event.order {
        put_header_with(out, "room_seq", |out| push_number(out, seq));
    }
    put_header_with(out, "outbox_seq", |out| push_number(out, outbox_seq));
    put_header(out, "audience", event.audience.as_str().as_bytes());
    if !event.user_ids.is_empty() {
        put_header_with(out, "recipients", |out| put_users(out, event.user_ids));
    }
    if !event.membership.is_empty() {
        put_header(out, "membership", to_json(&event.membership).as_bytes());
    }
}

fn put_users(out: &mut Vec<u8>, users: &[UserId]) {
    out.push(b'[');
    for (at, user) in users.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"\"" } else { b",\"" });
        push_number(out, user.get());
        out.push(b'"');
    }
    out.push(b']');
}

/// The envelope, field by field as [`EventEnvelope`](blazing_sun_backbone::envelope::EventEnvelope)
/// has them.
fn put_envelope(out: &mut Vec<u8>, event: &Event<'_>, event_id: &str, timestamp: &str) {
    out.reserve(448 + event.body.len());
    out.extend_from_slice(br#"{"event_id":""#);
    out.extend_from_slice(event_id.as_bytes());
    out.extend_from_slice(br#"","event_type":""#);
    out.extend_from_slice(event.family.prefix().as_bytes());
    out.extend_from_slice(event.name.as_bytes());
    out.extend_from_slice(br#"","timestamp":""#);
    out.extend_from_slice(timestamp.as_bytes());
    out.extend_from_slice(br#"","correlation_id":"#);
    match event.cause {
        Some(cause) => push_text(out, cause.correlation_id),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(br#","producer":""#);
    out.extend_from_slice(PRODUCER_BACKEND.as_bytes());
    out.extend_from_slice(
        br#"","actor":{"user_id":"0","username":"system","socket_id":"","roles":[]},"audience":{"type":""#,
    );
    out.extend_from_slice(event.audience.as_str().as_bytes());
    out.extend_from_slice(br#"","user_ids":"#);
    put_users(out, event.user_ids);
    out.extend_from_slice(br#","room_id":"#);
    match event.room_id {
        Some(room) => put_room(out, room),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(br#","game_id":null},"payload":"#);
    put_payload(out, event);
    out.push(b'}');
}

/// Room ids are plain ASCII without quotes.
fn put_room(out: &mut Vec<u8>, room: &RoomId) {
    out.push(b'"');
    out.extend_from_slice(room.as_str().as_bytes());
    out.push(b'"');
}

fn put_payload(out: &mut Vec<u8>, event: &Event<'_>) {
    out.extend_from_slice(br#"{"type":""#);
    out.extend_from_slice(event.name.as_bytes());
    out.push(b'"');
    if let Some(room) = event.room_id {
        out.extend_from_slice(br#","room_id":"#);
        put_room(out, room);
    }
    match event.order {
        Order::Room(seq) => {
            out.extend_from_slice(br#","room_seq":"#);
            push_number(out, seq);
        }
        Order::After(seq) => {
            out.extend_from_slice(br#","after_seq":"#);
            push_number(out, seq);
        }
        Order::Outside => {}
    }
    if let Some(cause) = event.cause
        && event.audience == AudienceKind::User
        && event.user_ids == [cause.user]
    {
        out.extend_from_slice(br#","command_id":"#);
        match cause.command_id {
            Some(id) => push_text(
                out,
                id.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()),
            ),
            None => push_text(out, cause.correlation_id),
        }
    }
    let fields = event.body.trim_start().strip_prefix('{').unwrap_or("}");
    if !fields.trim_start().starts_with('}') {
        out.push(b',');
    }
    out.extend_from_slice(fields.as_bytes());
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("wire types have string keys and plain values")
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_domain::json::JsonObject;
    use serde_json::{Value, json};

    fn one(
        cause: Option<Cause<'_>>,
        audience: EventAudience,
        order: Order,
        body: &str,
    ) -> NewRecord {
        let mut outgoing = Outgoing::new(7);
        outgoing.set_now(Millis(1_705_746_601_000));
        let event = RoomEvent {
            name: "player_selected".into(),
            audience,
            order,
            body: JsonObject::of(&serde_json::from_str::<Value>(body).unwrap()).unwrap(),
            membership: vec![(UserId::new(7).unwrap(), Membership::Player)],
        };
        outgoing.room_event(3, &"room-1".parse().unwrap(), &event, cause);
        outgoing.records.pop().unwrap()
    }

    #[test]
    fn a_room_event_is_an_envelope_of_the_contract() {
        let cause = Cause {
            correlation_id: "c-1",
            command_id: None,
            user: UserId::new(7).unwrap(),
        };
        let record = one(
            Some(cause),
            EventAudience::Room,
            Order::Room(4),
            r#"{"player":{"score":0}}"#,
        );
        // Gateways read exactly this at known places, and anything else more slowly.
        let text = std::str::from_utf8(&record.payload).unwrap();
        let behind_the_id = text.split_once(r#","event_type""#).unwrap().1;
        assert_eq!(
            behind_the_id,
            r#":"games.event.player_selected","timestamp":"2024-01-20T10:30:01.000Z","correlation_id":"c-1","producer":"blazing_sun","actor":{"user_id":"0","username":"system","socket_id":"","roles":[]},"audience":{"type":"room","user_ids":[],"room_id":"room-1","game_id":null},"payload":{"type":"player_selected","room_id":"room-1","room_seq":4,"player":{"score":0}}}"#
        );
        let mut value: Value = serde_json::from_slice(&record.payload).unwrap();
        value["event_id"] = json!("id");
        assert_eq!(
            value,
            json!({
                "event_id": "id",
                "event_type": "games.event.player_selected",
                "timestamp": "2024-01-20T10:30:01.000Z",
                "correlation_id": "c-1",
                "producer": "blazing_sun",
                "actor": { "user_id": "0", "username": "system", "socket_id": "", "roles": [] },
                "audience": { "type": "room", "user_ids": [], "room_id": "room-1", "game_id": null },
                "payload": {
                    "type": "player_selected", "room_id": "room-1", "room_seq": 4, "player": { "score": 0 }
                },
            })
        );
        assert!(EventEnvelope::parse(&record.payload).is_ok());
        let headers = &record.headers;
        assert_eq!(headers.text("room_seq"), Some("4"));
        assert_eq!(headers.text("outbox_seq"), Some("0"));
        assert_eq!(headers.text("membership"), Some(r#"[["7","player"]]"#));
        assert_eq!(headers.text("recipients"), None);
        assert_eq!(
            (record.key.as_ref(), record.partition),
            (&b"room-1"[..], Some(3))
        );
    }

    #[test]
    fn a_direct_answer_carries_the_command_and_an_empty_body_stays_well_formed() {
        let user = UserId::new(7).unwrap();
        let cause = Cause {
            correlation_id: "c-1",
            command_id: None,
            user,
        };
        let record = one(
            Some(cause),
            EventAudience::User(user),
            Order::After(4),
            "{}",
        );
        let value: Value = serde_json::from_slice(&record.payload).unwrap();
        let expected = json!({
            "type": "player_selected", "room_id": "room-1", "after_seq": 4, "command_id": "c-1"
        });
        assert_eq!(value["payload"], expected);
        assert_eq!(record.headers.text("recipients"), Some(r#"["7"]"#));
    }

    #[test]
    fn event_ids_are_distinct() {
        let mut outgoing = Outgoing::new(1);
        let ids: std::collections::BTreeSet<_> = (0..10_000).map(|_| outgoing.event_id()).collect();
        assert_eq!(ids.len(), 10_000);
    }
}
