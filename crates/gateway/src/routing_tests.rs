//! What is read of records that are for nobody here.

use super::*;
use crate::events::PARSED;
use crate::limits::Addresses;
use crate::socket::{Identity, Pieces};
use blazing_sun_backbone::log::HeadersBuilder;
use blazing_sun_domain::Millis;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

/// How many envelopes are read for a record with these headers, where nobody is connected.
fn parsed(topic: &str, headers: &[(&str, &str)]) -> usize {
    let mut builder = HeadersBuilder::default();
    for (name, value) in headers {
        builder.push(name, value);
    }
    let record = Record {
        topic: blazing_sun_backbone::log::Topic::new(topic),
        partition: 0,
        offset: 0,
        timestamp: Millis(0),
        key: Bytes::new(),
        headers: builder.build(),
        payload: Bytes::from_static(b"{}"),
    };
    let before = PARSED.get();
    Tables::new(64 * 1024).route(&record, events::known(&record.headers));
    PARSED.get() - before
}

#[test]
fn headers_alone_tell_that_a_record_is_for_nobody_here() {
    let room = [("room_id", "r"), ("room_seq", "3")];
    for (audience, kind, more) in [
        ("user", "games.event.x", &[("recipients", "[\"7\"]")][..]),
        (
            "users",
            "games.event.x",
            &[("recipients", "[\"7\",\"8\"]")][..],
        ),
        ("room", "games.event.x", &room[..]),
        ("players", "games.event.x", &room[..]),
        ("spectators", "games.event.x", &room[..]),
        ("broadcast", "games.event.room_updated", &room[..]),
        ("broadcast", "system.event.user_connected", &[][..]),
        (
            "user",
            ROOM_STATE,
            &[
                ("recipients", "[\"7\"]"),
                ("room_id", "r"),
                ("membership", "[[\"7\",\"player\"]]"),
            ][..],
        ),
    ] {
        let mut headers = vec![("audience", audience), ("event_type", kind)];
        headers.extend(more);
        assert_eq!(
            parsed(topics::GAMES_EVENTS, &headers),
            0,
            "{audience} {kind}"
        );
    }
    // What says too little has to be read.
    for headers in [
        &[][..],
        &[("event_type", "games.event.x")][..],
        &[("audience", "user"), ("event_type", "games.event.x")][..],
    ] {
        assert_eq!(parsed(topics::GAMES_EVENTS, headers), 1, "{headers:?}");
    }
}

/// An event about room `r` for user 7.
fn event(kind: &str, audience: &str, headers: &[(&str, &str)], payload: Value) -> Record {
    let mut builder = HeadersBuilder::default();
    builder
        .push("event_type", kind)
        .push("audience", audience)
        .push("room_id", "r");
    for (name, value) in headers {
        builder.push(name, value);
    }
    let envelope = json!({
        "event_id": Uuid::new_v4(),
        "event_type": kind,
        "timestamp": "2026-01-01T00:00:00.000Z",
        "correlation_id": null,
        "producer": "blazing_sun",
        "actor": {"user_id": "0", "username": "system", "socket_id": "", "roles": []},
        "audience": {"type": audience, "user_ids": ["7"], "room_id": "r", "game_id": null},
        "payload": payload,
    });
    Record {
        topic: blazing_sun_backbone::log::Topic::new(topics::GAMES_EVENTS),
        partition: 0,
        offset: 0,
        timestamp: Millis(0),
        key: Bytes::new(),
        headers: builder.build(),
        payload: envelope.to_string().into(),
    }
}

fn signed_in(tables: &mut Tables, user: u64) -> Arc<Socket> {
    let user = UserId::new(user).unwrap();
    let address = Addresses::default().enter([127, 0, 0, 1].into(), 1);
    let socket = Socket::new(Uuid::new_v4(), address.unwrap(), 0, u64::MAX);
    let socket = Arc::new(socket);
    socket.state.lock().identity = Some(Arc::new(Identity {
        user,
        actor: "{}".into(),
        meter: Arc::default(),
    }));
    tables.sign_in(user, &socket);
    socket
}

#[test]
fn what_comes_after_all_have_left_a_room_is_heard_behind_its_last_event() {
    let mut tables = Tables::new(64 * 1024);
    let socket = signed_in(&mut tables, 7);
    let for_user = ("recipients", "[\"7\"]");
    for record in [
        event(
            ROOM_STATE,
            "user",
            &[for_user, ("membership", "[[\"7\",\"lobby\"]]")],
            json!({"room": {"room_seq": 0}, "after_seq": 0}),
        ),
        event(
            "games.event.player_left",
            "room",
            &[("room_seq", "1"), ("membership", "[[\"7\",\"none\"]]")],
            json!({"user_id": "7"}),
        ),
        event(
            NOT_IN_ROOM,
            "user",
            &[for_user],
            json!({"room_id": "r", "after_seq": 1}),
        ),
    ] {
        // The socket is slower than the log.
        tables.route(&record, events::known(&record.headers));
        tables.finish();
    }
    let mut pieces = Pieces::default();
    socket.state.lock().read(&mut pieces).unwrap();
    let said: Vec<u8> = pieces.rest(0).into_iter().flatten().collect();
    let said = String::from_utf8_lossy(&said);
    let kinds = [ROOM_STATE, "games.event.player_left", NOT_IN_ROOM];
    let places = kinds.map(|kind| said.find(kind));
    assert!(places.iter().all(Option::is_some), "{said}");
    assert!(places.is_sorted(), "{said}");
}

/// To how many sockets the record is said to have gone, if it follows from a command.
fn noted(tables: &mut Tables, kind: &str, audience: &str, headers: &[(&str, &str)]) -> u32 {
    static OFFSET: AtomicU64 = AtomicU64::new(1);
    let command = Uuid::new_v4().to_string();
    let headers = [headers, &[("correlation_id", &*command)]].concat();
    let payload = json!({"room": {"room_seq": 2}, "after_seq": 2});
    let mut record = event(kind, audience, &headers, payload);
    record.offset = OFFSET.fetch_add(1, Ordering::Relaxed);
    tables.route(&record, events::known(&record.headers));
    tables.finish();
    tables.deliveries().sockets_of(record.offset)
}

#[test]
fn what_is_for_one_role_is_noted_for_those_who_follow_in_it() {
    let mut tables = Tables::new(64 * 1024);
    let sockets = [7, 8, 8, 9].map(|user| signed_in(&mut tables, user));
    for (user, role) in [("7", "player"), ("8", "spectator"), ("9", "spectator")] {
        let recipients = ("recipients", &*format!("[\"{user}\"]"));
        let membership = ("membership", &*format!("[[\"{user}\",\"{role}\"]]"));
        let state = noted(&mut tables, ROOM_STATE, "user", &[recipients, membership]);
        assert_eq!(state, 1 + u32::from(user == "8"));
    }
    let told = |tables: &mut Tables| {
        ["players", "spectators", "room"]
            .map(|audience| noted(tables, "games.event.x", audience, &[]))
    };
    assert_eq!(told(&mut tables), [1, 3, 4]);
    // It has not asked for the room.
    signed_in(&mut tables, 8);
    assert_eq!(told(&mut tables), [1, 3, 4]);
    let seats = |tables: &mut Tables, membership: &str| {
        noted(
            tables,
            "games.event.x",
            "room",
            &[("membership", membership)],
        );
    };
    seats(&mut tables, "[[\"9\",\"player\"]]");
    assert_eq!(told(&mut tables), [2, 2, 4]);
    tables.leave(&sockets[1]);
    assert_eq!(told(&mut tables), [2, 1, 3]);
    seats(&mut tables, "[[\"7\",\"spectator\"]]");
    assert_eq!(told(&mut tables), [1, 2, 3]);
    seats(&mut tables, "[[\"8\",\"none\"],[\"9\",\"none\"]]");
    assert_eq!(told(&mut tables), [0, 1, 1]);
    tables.leave(&sockets[0]);
    assert_eq!(told(&mut tables), [0, 0, 0]);
}

#[test]
fn what_a_socket_hears_with_the_answer_to_its_question_is_noted() {
    let mut tables = Tables::new(64 * 1024);
    let socket = signed_in(&mut tables, 7);
    socket.state.lock().syncs.push(crate::socket::Sync {
        id: Uuid::new_v4(),
        rooms: vec![("r".parse().unwrap(), 3)],
        replayed: Vec::new(),
    });
    let for_user = ("recipients", "[\"7\"]");
    let player = ("membership", "[[\"7\",\"player\"]]");
    // It is behind what the client has.
    assert_eq!(
        noted(&mut tables, ROOM_STATE, "user", &[for_user, player]),
        1
    );
    assert_eq!(noted(&mut tables, "games.event.x", "user", &[for_user]), 1);
    let mut pieces = Pieces::default();
    socket.state.lock().read(&mut pieces).unwrap();
    assert_eq!(pieces.rest(0).into_iter().flatten().count(), 0);
    socket.state.lock().syncs.clear();
    // It is a member, and gets the room's state first.
    assert_eq!(noted(&mut tables, "games.event.x", "user", &[for_user]), 1);
}
