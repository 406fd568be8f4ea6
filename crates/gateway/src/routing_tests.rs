//! What is read of records that are for nobody here.

use super::*;
use crate::events::PARSED;
use blazing_sun_backbone::log::HeadersBuilder;
use blazing_sun_domain::Millis;

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
