use super::*;
use proptest::prelude::*;

fn user(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

fn written(audience: Audience<'_>, actor: Actor<'_>, correlation_id: Option<&str>) -> String {
    let payload =
        RawValue::from_string(r#"{"type":"room_created","room_seq":1}"#.to_owned()).unwrap();
    let envelope = EventEnvelope {
        event_id: "0190d2a0-0000-7000-8000-000000000001".into(),
        event_type: "games.event.room_created".into(),
        timestamp: "2024-01-20T10:30:01.000Z".into(),
        correlation_id: correlation_id.map(Cow::Borrowed),
        producer: PRODUCER_BACKEND.into(),
        actor,
        audience,
        payload: &payload,
    };
    String::from_utf8(envelope.to_bytes()).unwrap()
}

#[test]
fn the_written_form_is_pinned_in_the_contracts_order() {
    assert_eq!(
        written(Audience::broadcast(), Actor::system(), None),
        concat!(
            r#"{"event_id":"0190d2a0-0000-7000-8000-000000000001","#,
            r#""event_type":"games.event.room_created","timestamp":"2024-01-20T10:30:01.000Z","#,
            r#""correlation_id":null,"producer":"blazing_sun","#,
            r#""actor":{"user_id":"0","username":"system","socket_id":"","roles":[]},"#,
            r#""audience":{"type":"broadcast","user_ids":[],"room_id":null,"game_id":null},"#,
            r#""payload":{"type":"room_created","room_seq":1}}"#,
        ),
    );
    let room = "room-abc123".parse().unwrap();
    let actor = Actor {
        user_id: user(7),
        username: "Ann \"A\"".into(),
        socket_id: "s-1".into(),
        roles: vec!["player".into()],
    };
    let text = written(Audience::user_in(user(7), &room), actor, Some("c-1"));
    assert!(text.contains(concat!(
        r#""correlation_id":"c-1","producer":"blazing_sun","#,
        r#""actor":{"user_id":"7","username":"Ann \"A\"","socket_id":"s-1","roles":["player"]},"#,
        r#""audience":{"type":"user","user_ids":["7"],"room_id":"room-abc123","game_id":null},"#,
    )));
}

/// Both readers, which must not differ where the quick one reads at all.
fn read_both_ways(bytes: &[u8]) -> (Option<String>, Option<String>) {
    let shown = |envelope: EventEnvelope<'_>| format!("{envelope:?}");
    (
        plain::read(bytes).map(shown),
        EventEnvelope::parse_any(bytes).ok().map(shown),
    )
}

#[test]
fn what_our_programs_write_is_read_the_quick_way() {
    let room = "room-abc123".parse().unwrap();
    let actor = || Actor {
        user_id: user(7),
        username: "Änn".into(),
        socket_id: "s-1".into(),
        roles: vec!["player".into(), "admin".into()],
    };
    for audience in [
        Audience::broadcast(),
        Audience::room(&room),
        Audience::user_in(user(7), &room),
    ] {
        let text = written(audience, actor(), Some("c-1"));
        let (quick, any) = read_both_ways(text.as_bytes());
        assert!(quick.is_some(), "{text}");
        assert_eq!(quick, any);
        let envelope = EventEnvelope::parse(text.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(envelope.to_bytes()).unwrap(), text);
    }
}

#[test]
fn every_kind_of_audience_is_named_as_in_the_contract() {
    for name in [
        "user",
        "users",
        "room",
        "broadcast",
        "spectators",
        "players",
    ] {
        let kind = AudienceKind::parse(name).unwrap();
        assert_eq!(kind.as_str(), name);
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{name}\""));
    }
    assert_eq!(AudienceKind::parse("everyone"), None);
    let room = "r".parse().unwrap();
    assert_eq!(
        (Audience::room(&room).kind, Audience::room(&room).about()),
        (AudienceKind::Room, Some("r"))
    );
}

#[test]
fn a_written_envelope_reads_back() {
    let text = written(Audience::user(user(7)), Actor::system(), Some("c-1"));
    let envelope = EventEnvelope::parse(text.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(envelope.to_bytes()).unwrap(), text);
    assert!(
        matches!(envelope.event_type, Cow::Borrowed(_)),
        "plain text is not copied"
    );
}

/// As other programs write it: other spelling, ids as numbers, more fields, another order, less.
const FOREIGN: &str = r#"{
    "payload": {"room_id": "r", "nested": {"a": [1, 2]}},
    "audience": {"audience_type": "users", "user_ids": [7, "8"], "game_id": "room-9", "zone": "eu"},
    "actor": {"user_id": 7, "trace": null},
    "producer": "gateway \u0022x\u0022", "timestamp": "2024-01-20T10:30:01+00:00",
    "event_type": "games.command.le\u0061ve_room", "event_id": "not a uuid", "version": 3
}"#;

#[test]
fn foreign_envelopes_read() {
    let envelope = EventEnvelope::parse(FOREIGN.as_bytes()).unwrap();
    assert_eq!(envelope.event_type, "games.command.leave_room");
    assert_eq!(envelope.producer, "gateway \"x\"");
    assert_eq!(
        (envelope.event_id.as_ref(), envelope.correlation_id),
        ("not a uuid", None)
    );
    assert_eq!(envelope.actor.user_id, user(7));
    assert_eq!(
        (&*envelope.actor.username, envelope.actor.roles.len()),
        ("", 0)
    );
    assert_eq!(envelope.audience.kind, AudienceKind::Users);
    assert_eq!(envelope.audience.user_ids, [user(7), user(8)]);
    assert_eq!(envelope.audience.about(), Some("room-9"));
    assert_eq!(
        envelope.payload.get(),
        r#"{"room_id": "r", "nested": {"a": [1, 2]}}"#
    );
}

#[test]
fn room_id_stands_before_game_id() {
    let both = FOREIGN.replace("\"zone\"", "\"room_id\": \"room-1\", \"zone\"");
    assert_eq!(
        EventEnvelope::parse(both.as_bytes())
            .unwrap()
            .audience
            .about(),
        Some("room-1")
    );
}

#[test]
fn texts_that_no_database_holds_are_refused_where_they_would_be_kept() {
    for (before, after, name) in [
        ("not a uuid", "not\\u0000a uuid", "event_id"),
        (
            r#""version": 3"#,
            r#""correlation_id": "\u0000""#,
            "correlation_id",
        ),
        (
            r#""trace": null"#,
            r#""username": "a\u0000""#,
            "actor.username",
        ),
        (
            r#""trace": null"#,
            r#""socket_id": "\u0000s""#,
            "actor.socket_id",
        ),
    ] {
        let text = FOREIGN.replace(before, after);
        match EventEnvelope::parse(text.as_bytes()) {
            Err(InvalidEnvelope::Nul(found)) => assert_eq!(found, name),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn what_is_no_envelope_is_an_error() {
    let not_object = |json: &str| {
        let text = FOREIGN.replace(r#"{"room_id": "r", "nested": {"a": [1, 2]}}"#, json);
        matches!(
            EventEnvelope::parse(text.as_bytes()),
            Err(InvalidEnvelope::PayloadNotObject)
        )
    };
    for json in ["[]", "null", "7", "\"{}\""] {
        assert!(not_object(json), "{json}");
    }
    let deep = "[".repeat(100_000);
    for bad in [
        "",
        "null",
        "[]",
        "{}",
        &FOREIGN[..FOREIGN.len() - 1],
        &format!("{FOREIGN}x"),
        &deep,
    ] {
        assert!(matches!(
            EventEnvelope::parse(bad.as_bytes()),
            Err(InvalidEnvelope::Json(_))
        ));
    }
    for (field, bad) in [
        ("\"user_id\": 7", "\"user_id\": -7"),
        ("\"users\"", "\"everyone\""),
    ] {
        let text = FOREIGN.replace(field, bad);
        assert!(EventEnvelope::parse(text.as_bytes()).is_err(), "{bad}");
    }
    assert!(EventEnvelope::parse(b"{\"event_id\":\"\xff\"}").is_err());
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes: Vec<u8>, at in 0..FOREIGN.len(), byte: u8, cut in 0..FOREIGN.len()) {
        let _ = EventEnvelope::parse(&bytes);
        let mut changed = FOREIGN.as_bytes().to_vec();
        changed[at] = byte;
        for bytes in [&changed[..], &changed[..cut]] {
            if let Ok(envelope) = EventEnvelope::parse(bytes) {
                EventEnvelope::parse(&envelope.to_bytes()).unwrap();
            }
        }
    }

    #[test]
    fn the_quick_reader_reads_as_serde_does_or_not_at_all(
        at in 0..370_usize, put in prop::sample::select(vec![
            "", " ", "\"", "\\", "\\n", "{", "}", "[]", "[", "]", ",", ",,", "null", "0", "7", "\u{1}", "é", "\"x\":1,",
        ]), cut in 0..4_usize,
    ) {
        let room = "room-abc123".parse().unwrap();
        let actor = Actor { roles: vec!["player".into()], ..Actor::system() };
        let text = written(Audience::user_in(user(7), &room), actor, Some("c-1"));
        let at = at.min(text.len());
        let end = (at + cut).min(text.len());
        let changed = [&text[..at], put, &text[end..]].concat();
        let (quick, any) = read_both_ways(changed.as_bytes());
        if quick.is_some() {
            prop_assert_eq!(quick, any, "{}", changed);
        }
    }

    #[test]
    fn any_text_reads_as_written(name: String, id in 0..1_u64 << 53) {
        let actor = Actor { user_id: user(id), username: name.as_str().into(), ..Actor::system() };
        let text = written(Audience::user(user(id)), actor, Some(&name));
        let envelope = EventEnvelope::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(&*envelope.actor.username, &name);
        prop_assert_eq!(envelope.correlation_id.as_deref(), Some(&*name));
        prop_assert_eq!(envelope.audience.user_ids, vec![user(id)]);
    }
}
