//! Frames from envelopes, and the short way to read our own ones against the long one.

use super::*;
use proptest::prelude::*;

fn frame(envelope: &str, room_seq: Option<u64>) -> String {
    let mut out = Vec::new();
    Envelope::parse(envelope.as_bytes())
        .unwrap()
        .write_frame(room_seq, &mut out);
    String::from_utf8(out).unwrap()
}

fn envelope(payload: &str) -> String {
    format!(
        r#"{{"event_id":"e1","event_type":"games.event.x","timestamp":"t1","correlation_id":"c1",
        "producer":"blazing_sun","actor":{{"user_id":"0"}},
        "audience":{{"type":"room","user_ids":[],"room_id":"r","game_id":null}},"payload":{payload}}}"#
    )
}

#[test]
fn a_frame_is_the_payload_behind_the_envelopes_fields() {
    assert_eq!(
        frame(
            &envelope(r#"{"type":"x","room_id":"r","room_seq":7,"n":[1, {"a":2}]}"#),
            Some(7)
        ),
        r#"{"type":"games.event.x","event_id":"e1","correlation_id":"c1","timestamp":"t1","room_id":"r","room_seq":7,"n":[1, {"a":2}]}"#
    );
    assert_eq!(
        frame(&envelope("{}"), Some(7)),
        r#"{"type":"games.event.x","event_id":"e1","correlation_id":"c1","timestamp":"t1","room_seq":7}"#
    );
}

#[test]
fn the_payloads_fields_stand_on_a_collision() {
    assert_eq!(
        frame(
            &envelope(r#"{"type":"x","timestamp":5,"event_id":"own","ty\"pe":1}"#),
            None
        ),
        r#"{"type":"games.event.x","correlation_id":"c1","timestamp":5,"event_id":"own","ty\"pe":1}"#
    );
}

#[test]
fn recipients_read_in_every_form() {
    let expected: Vec<UserId> = vec!["7".parse().unwrap(), "12".parse().unwrap()];
    for text in ["7,12", r#"["7","12"]"#, "[7, 12]", "7 12"] {
        assert_eq!(parse_users(text), expected, "{text}");
    }
    assert_eq!(parse_users("[]"), []);
}

#[test]
fn an_envelope_alone_routes_too() {
    let payload = r#"{"type":"player_left","user_id":9,"room_seq":3}"#;
    let text = envelope(payload).replace("games.event.x", "games.event.player_left");
    let envelope = Envelope::parse(text.as_bytes()).unwrap();
    let route = Route::from_envelope(envelope, None).unwrap();
    assert_eq!(route.kind, AudienceKind::Room);
    assert_eq!(route.room_seq, Some(3));
    assert_eq!(route.membership, [("9".parse().unwrap(), Standing::None)]);
}

/// As a backend writes it.
fn written(
    event_type: &str,
    correlation_id: Option<&str>,
    audience: &Audience<'_>,
    payload: &str,
) -> String {
    format!(
        r#"{{"event_id":"01890000-0000-7000-8000-000000000001","event_type":"{event_type}","timestamp":"2024-01-20T10:30:01.000Z","correlation_id":{},"producer":"blazing_sun","actor":{{"user_id":"0","username":"system","socket_id":"","roles":[]}},"audience":{},"payload":{payload}}}"#,
        serde_json::to_string(&correlation_id).unwrap(),
        serde_json::to_string(audience).unwrap(),
    )
}

/// All that a gateway takes from it.
fn taken(envelope: &Envelope<'_>) -> (String, String, Vec<(String, String)>) {
    let mut out = Vec::new();
    envelope.write_frame(Some(9), &mut out);
    out.push(b'\n');
    envelope.write_frame(None, &mut out);
    let fields = envelope.payload.list.iter();
    let fields = fields.map(|(key, value)| (key.to_string(), (*value).to_owned()));
    let Envelope {
        event_id,
        event_type,
        timestamp,
        correlation_id,
        audience,
        ..
    } = envelope;
    let rest = format!("{event_id} {event_type} {timestamp} {correlation_id:?} {audience:?}");
    (String::from_utf8(out).unwrap(), rest, fields.collect())
}

#[test]
fn what_a_backend_writes_is_read_at_known_places() {
    let room = "room-1".parse().unwrap();
    for audience in [
        Audience::room(&room),
        Audience::broadcast(),
        Audience::user_in("7".parse().unwrap(), &room),
        Audience {
            kind: AudienceKind::Users,
            user_ids: vec!["7".parse().unwrap(), "12".parse().unwrap()],
            room_id: None,
            game_id: None,
        },
    ] {
        let text = written(
            "games.event.player_selected",
            Some("c-1"),
            &audience,
            r#"{"type":"player_selected","room_id":"room-1","room_seq":4,"player":{"score":0}}"#,
        );
        let short = Envelope::of_backend(text.as_bytes()).expect("the short way");
        let long = Envelope::of_anyone(text.as_bytes()).expect("the long way");
        assert_eq!(taken(&short), taken(&long));
        assert_eq!(
            taken(&short).0.lines().next(),
            Some(
                r#"{"type":"games.event.player_selected","event_id":"01890000-0000-7000-8000-000000000001","correlation_id":"c-1","timestamp":"2024-01-20T10:30:01.000Z","room_id":"room-1","room_seq":4,"player":{"score":0}}"#
            )
        );
    }
}

#[test]
fn others_envelopes_are_read_the_long_way() {
    let text = envelope(r#"{"type":"x"}"#);
    assert!(Envelope::of_backend(text.as_bytes()).is_none());
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let text = written("x", None, &Audience::broadcast(), &deep);
    assert!(Envelope::of_backend(text.as_bytes()).is_none());
    let parsed = Envelope::parse(text.as_bytes()).expect("the long way");
    assert_eq!(parsed.payload.list.len(), 1);
}

fn audience() -> impl Strategy<Value = (AudienceKind, Vec<UserId>, Option<String>)> {
    let kind = prop::sample::select(vec![
        AudienceKind::User,
        AudienceKind::Users,
        AudienceKind::Room,
        AudienceKind::Broadcast,
        AudienceKind::Spectators,
        AudienceKind::Players,
    ]);
    let user = (1_u64..1 << 53).prop_map(|id| UserId::new(id).unwrap());
    (
        kind,
        prop::collection::vec(user, 0..4),
        prop::option::of("[A-Za-z0-9_.-]{1,64}"),
    )
}

/// A payload as games make them: any names, those of the envelope too.
fn payload() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        "[a-z_]{1,8}",
        prop::sample::select(vec![
            "type",
            "event_id",
            "timestamp",
            "correlation_id",
            "room_seq",
            "after_seq"
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    let value = prop_oneof![
        any::<u32>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just(r#"{"m":"@@1","pad":["x", null]}"#.to_owned()),
        Just("null".to_owned()),
    ];
    let typed = prop::option::of(any::<String>());
    (typed, prop::collection::vec((key, value), 0..6)).prop_map(|(typed, fields)| {
        let typed = typed.map(|name| ("type".to_owned(), serde_json::to_string(&name).unwrap()));
        let fields: Vec<String> = typed
            .into_iter()
            .chain(fields)
            .map(|(key, value)| format!("{}:{value}", serde_json::to_string(&key).unwrap()))
            .collect();
        format!("{{{}}}", fields.join(","))
    })
}

proptest! {
    #[test]
    fn both_ways_read_alike_what_a_backend_writes(
        event_type in "[a-z_.]{1,40}",
        correlation_id in prop::option::of("[0-9a-f-]{1,36}"),
        (kind, user_ids, room_id) in audience(),
        payload in payload(),
    ) {
        let room_id = room_id.map(Into::into);
        let audience = Audience { kind, user_ids, room_id, game_id: None };
        let text = written(&event_type, correlation_id.as_deref(), &audience, &payload);
        let short = Envelope::of_backend(text.as_bytes());
        let long = Envelope::of_anyone(text.as_bytes());
        prop_assert!(short.is_some(), "{}", text);
        prop_assert_eq!(short.as_ref().map(taken), long.ok().as_ref().map(taken));
    }

    #[test]
    fn what_was_altered_is_left_to_the_long_way_or_read_alike(
        (kind, user_ids, room_id) in audience(),
        payload in payload(),
        at in any::<prop::sample::Index>(),
        with in prop_oneof![
            Just(None),
            any::<u8>().prop_map(Some),
            prop::sample::select(b"\"\\{}[],: 07ntx".to_vec()).prop_map(Some),
        ],
        insert in any::<bool>(),
    ) {
        let room_id = room_id.map(Into::into);
        let audience = Audience { kind, user_ids, room_id, game_id: None };
        let mut bytes = written("games.event.x", Some("c-1"), &audience, &payload).into_bytes();
        let at = at.index(bytes.len());
        match (with, insert) {
            (Some(with), true) => bytes.insert(at, with),
            (Some(with), false) => bytes[at] = with,
            (None, _) => drop(bytes.remove(at)),
        }
        if let Some(short) = Envelope::of_backend(&bytes) {
            let long = Envelope::of_anyone(&bytes);
            prop_assert!(long.is_ok(), "{}", String::from_utf8_lossy(&bytes));
            prop_assert_eq!(Some(taken(&short)), long.ok().as_ref().map(taken));
        }
    }
}
