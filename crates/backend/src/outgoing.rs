//! How decisions become records: envelopes, headers and the dense `outbox_seq` of every event topic.

use blazing_sun_backbone::envelope::{Audience, AudienceKind, PRODUCER_BACKEND};
use blazing_sun_backbone::log::{HeadersBuilder, NewRecord, Topic};
use blazing_sun_backbone::{is_planted, topics};
use blazing_sun_domain::room::{EventAudience, Membership, Order, RoomEvent};
use blazing_sun_domain::{CommandId, Millis, RoomId, UserId};
use bytes::Bytes;
use rustc_hash::FxHashMap;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;
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

/// An event about to become a record.
pub struct Event<'a> {
    /// `games.event.player_selected`
    pub event_type: &'a str,
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
    outbox_seq: FxHashMap<(Topic, u32), u64>,
    /// Made and not yet appended.
    pub records: Vec<NewRecord>,
}

impl Outgoing {
    /// `random` seeds the event ids, which need to be unique and nothing more.
    pub fn new(random: u64) -> Outgoing {
        Outgoing {
            now: Millis::default(),
            now_text: String::new(),
            random: random | 1,
            games_events: Topic::new(topics::GAMES_EVENTS),
            outbox_seq: FxHashMap::default(),
            records: Vec::new(),
        }
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
        self.outbox_seq.insert((topic, partition), next);
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
        let event_type = format!("games.event.{}", event.name);
        self.event(
            partition,
            Event {
                event_type: &event_type,
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

    /// An event on `games.events`.
    pub fn event(&mut self, partition: u32, event: Event<'_>) {
        let answers = match event.cause {
            Some(cause) if event.audience == AudienceKind::User => event.user_ids == [cause.user],
            _ => false,
        };
        let payload = payload_of(&event, answers);
        let topic = self.games_events.clone();
        self.envelope(partition, &topic, &event, &payload);
    }

    fn envelope(&mut self, partition: u32, topic: &Topic, event: &Event<'_>, payload: &str) {
        let mut id_text = [0; uuid::fmt::Hyphenated::LENGTH];
        let event_id: &str = self.event_id().hyphenated().encode_lower(&mut id_text);
        let outbox_seq = self.next_outbox_seq(topic, partition);
        let mut json = String::with_capacity(384 + payload.len());
        json.push_str(r#"{"event_id":""#);
        json.push_str(event_id);
        json.push_str(r#"","event_type":""#);
        json.push_str(event.event_type);
        json.push_str(r#"","timestamp":""#);
        json.push_str(&self.now_text);
        json.push_str(r#"","correlation_id":"#);
        match event.cause {
            Some(cause) => push_json(&mut json, &cause.correlation_id),
            None => json.push_str("null"),
        }
        json.push_str(r#","producer":""#);
        json.push_str(PRODUCER_BACKEND);
        json.push_str(r#"","actor":{"user_id":"0","username":"system","socket_id":"","roles":[]},"audience":"#);
        let audience = Audience {
            kind: event.audience,
            user_ids: event.user_ids.to_vec(),
            room_id: event.room_id.map(|room| room.as_str().into()),
            game_id: None,
        };
        push_json(&mut json, &audience);
        json.push_str(r#","payload":"#);
        json.push_str(payload);
        json.push('}');

        let mut headers = HeadersBuilder::default();
        headers
            .push("event_id", event_id)
            .push("event_type", event.event_type);
        if let Some(cause) = event.cause {
            headers.push("correlation_id", cause.correlation_id);
        }
        if let Some(room) = event.room_id {
            headers.push("room_id", room.as_str());
        }
        let mut number = Vec::with_capacity(20);
        let mut push_number = |headers: &mut HeadersBuilder, name: &str, value: u64| {
            number.clear();
            // Writing to a vector cannot fail.
            let _ = write!(number, "{value}");
            headers.push(name, &number);
        };
        if let Order::Room(seq) = event.order {
            push_number(&mut headers, "room_seq", seq);
        }
        push_number(&mut headers, "outbox_seq", outbox_seq);
        headers.push("audience", event.audience.as_str());
        if !event.user_ids.is_empty() {
            headers.push("recipients", to_json(&event.user_ids));
        }
        if !event.membership.is_empty() {
            headers.push("membership", to_json(&event.membership));
        }
        let key = match (event.room_id, event.user_ids.first()) {
            (Some(room), _) => Bytes::copy_from_slice(room.as_str().as_bytes()),
            (None, Some(user)) => user.to_string().into(),
            (None, None) => Bytes::new(),
        };
        self.records.push(NewRecord {
            topic: topic.clone(),
            partition: Some(partition),
            key,
            headers: headers.build(),
            payload: json.into(),
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

fn payload_of(event: &Event<'_>, answers: bool) -> String {
    let mut payload = String::with_capacity(event.body.len() + 128);
    payload.push_str(r#"{"type":""#);
    payload.push_str(event.name);
    payload.push('"');
    if let Some(room) = event.room_id {
        // Room ids are plain ASCII without quotes.
        let _ = write!(payload, r#","room_id":"{room}""#);
    }
    let _ = match event.order {
        Order::Room(seq) => write!(payload, r#","room_seq":{seq}"#),
        Order::After(seq) => write!(payload, r#","after_seq":{seq}"#),
        Order::Outside => Ok(()),
    };
    if let Some(cause) = event.cause.filter(|_| answers) {
        payload.push_str(r#","command_id":"#);
        match cause.command_id {
            Some(id) => push_json(&mut payload, &id),
            None => push_json(&mut payload, &cause.correlation_id),
        }
    }
    let fields = event.body.trim_start().strip_prefix('{').unwrap_or("}");
    if !fields.trim_start().starts_with('}') {
        payload.push(',');
    }
    payload.push_str(fields);
    payload
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("wire types have string keys and plain values")
}

fn push_json(text: &mut String, value: &impl Serialize) {
    text.push_str(&to_json(value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_backbone::envelope::EventEnvelope;
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
            body: serde_json::from_str(body).unwrap(),
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
