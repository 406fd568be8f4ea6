use super::*;
use proptest::prelude::*;

const ID: &str = "018d2661-3aa8-7000-8000-000000000000";

fn new_id() -> Uuid {
    Uuid::try_parse("018d2661-3aa8-7000-8000-0000000000ff").unwrap()
}

fn refused(text: &str) -> Refused {
    parse(text, new_id).unwrap_err()
}

fn command(text: &str) -> (String, String, Option<String>) {
    let Message::Command(command) = parse(text, new_id).unwrap() else {
        panic!("{text}")
    };
    let room = command.room_of("7".parse().unwrap());
    let mut payload = Vec::new();
    let sealed = command.password.as_ref().map(|_| "SEALED");
    command.write_payload(room.as_ref(), sealed, &mut payload);
    let room = room.map(|room| room.to_string());
    (
        command.event_type.to_string(),
        String::from_utf8(payload).unwrap(),
        room,
    )
}

#[test]
fn a_command_keeps_its_fields_but_those_that_the_gateway_decides() {
    let text = format!(
        r#"{{"type":"games.command.join_room","command_id":"{ID}","room_id":"r-1","password":"pw","password_sealed":"forged","user_id":"99","n":[1, 2]}}"#
    );
    let (kind, payload, room) = command(&text);
    assert_eq!(kind, "games.command.join_room");
    assert_eq!(room.as_deref(), Some("r-1"));
    assert_eq!(
        payload,
        format!(
            r#"{{"command_id":"{ID}","room_id":"r-1","password_sealed":"SEALED","user_id":"99","n":[1, 2]}}"#
        )
    );
}

#[test]
fn a_created_room_has_the_same_id_however_often_it_is_asked_for() {
    let text = format!(
        r#"{{"type":"games.command.create_room","command_id":"{ID}","room_id":"mine","room_name":"x"}}"#
    );
    let (_, payload, room) = command(&text);
    let room = room.unwrap();
    assert_eq!(command(&text).2, Some(room.clone()));
    assert_eq!(Uuid::try_parse(&room).unwrap().get_version_num(), 8);
    assert_eq!(
        payload,
        format!(r#"{{"command_id":"{ID}","room_id":"{room}","room_name":"x"}}"#)
    );
    let other = created_room("8".parse().unwrap(), Uuid::try_parse(ID).unwrap());
    assert_ne!(other.as_str(), room);
}

#[test]
fn what_concerns_a_user_has_no_room() {
    assert_eq!(
        command(r#"{"type":"games.command.list_rooms","room_id":null}"#).2,
        None
    );
    assert_eq!(
        command(r#"{"type":"wallet.command.top_up","amount_cents":5}"#).2,
        None
    );
    let (_, payload, _) = command(r#"{"type":"chat.command.typing","recipient_id":"4"}"#);
    let id = new_id();
    assert_eq!(
        payload,
        format!(r#"{{"command_id":"{id}","recipient_id":"4"}}"#)
    );
}

#[test]
fn a_refusal_names_the_field() {
    let deep = format!(r#"{{"type":"x","a":{}{}}}"#, "[".repeat(40), "]".repeat(40));
    let many: Vec<String> = (0..70).map(|n| format!("\"f{n}\":1")).collect();
    for (text, code, named) in [
        ("", "invalid_format", "JSON object"),
        ("[]", "invalid_format", "JSON object"),
        ("{\"type\":", "invalid_format", "JSON object"),
        (&deep, "invalid_format", "nested"),
        (
            &format!("{{{}}}", many.join(",")),
            "invalid_format",
            "fields",
        ),
        ("{}", "invalid_format", "`type`"),
        (r#"{"type":5}"#, "invalid_format", "`type`"),
        (
            r#"{"type":"system.authenticate"}"#,
            "invalid_format",
            "`token`",
        ),
        (
            r#"{"type":"system.authenticate","token":"t","resume":5}"#,
            "invalid_format",
            "`resume`",
        ),
        (
            r#"{"type":"system.resume","rooms":[{"room_id":"a b"}]}"#,
            "invalid_format",
            "`rooms`",
        ),
        (r#"{"type":"system.lobby"}"#, "invalid_format", "`watch`"),
        (
            r#"{"type":"games.command.roll","room_id":5}"#,
            "invalid_format",
            "`room_id`",
        ),
        (
            r#"{"type":"games.command.roll","room_id":"a b"}"#,
            "invalid_format",
            "`room_id`",
        ),
        (
            r#"{"type":"games.command.join","password":{}}"#,
            "invalid_format",
            "`password`",
        ),
        (
            r#"{"type":"games.command.a","x":1,"x":2}"#,
            "invalid_format",
            "`x`",
        ),
        (
            r#"{"type":"games.command.a","command_id":"x"}"#,
            "invalid_format",
            "`command_id`",
        ),
        (
            r#"{"type":"games.command.a","command_id":"7c8f2d1e-9f3b-4c1a-8b1a-0123456789ab"}"#,
            "invalid_format",
            "`command_id`",
        ),
        (
            r#"{"type":"games.command.sync_user"}"#,
            "unknown_command",
            "",
        ),
        (
            r#"{"type":"games.command.player_disconnected"}"#,
            "unknown_command",
            "",
        ),
        (r#"{"type":"games.command."}"#, "unknown_command", ""),
        (r#"{"type":"games.command..x"}"#, "unknown_command", ""),
        (r#"{"type":"games.command.x."}"#, "unknown_command", ""),
        (r#"{"type":"games.command.a..b"}"#, "unknown_command", ""),
        (&resume_of(17), "invalid_format", "`rooms`"),
        (r#"{"type":"games.command.a b"}"#, "unknown_command", ""),
        (r#"{"type":"games.event.rolled"}"#, "unknown_command", ""),
        (r#"{"type":"system.welcome"}"#, "unknown_command", ""),
    ] {
        let refused = refused(text);
        assert_eq!(serde_json::json!(refused.code), code, "{text}");
        assert!(
            refused.message.contains(named),
            "{text}: {}",
            refused.message
        );
    }
}

fn resume_of(rooms: usize) -> String {
    let rooms: Vec<String> = (0..rooms)
        .map(|n| format!(r#"{{"room_id":"r{n}"}}"#))
        .collect();
    format!(
        r#"{{"type":"system.resume","rooms":[{}]}}"#,
        rooms.join(",")
    )
}

#[test]
fn a_resume_names_each_room_once_and_costs_as_many() {
    let text = r#"{"type":"system.resume","rooms":[{"room_id":"a","room_seq":null},{"room_id":"b","room_seq":4},{"room_id":"a","room_seq":9}]}"#;
    let message = parse(text, new_id).unwrap();
    assert_eq!(message.cost(), 2);
    let Message::Resume { rooms } = message else {
        panic!("{text}")
    };
    let rooms: Vec<_> = rooms
        .iter()
        .map(|seen| (seen.room_id.as_str(), seen.room_seq))
        .collect();
    assert_eq!(rooms, [("a", 0), ("b", 4)]);
    assert_eq!(parse(&resume_of(0), new_id).unwrap().cost(), 1);
    assert_eq!(parse(&resume_of(16), new_id).unwrap().cost(), 16);
}

#[test]
fn a_refusal_says_which_command_it_is_about() {
    let text = format!(r#"{{"type":"games.command.roll","command_id":"{ID}","room_id":7}}"#);
    let refused = refused(&text);
    assert_eq!(refused.command_id, Some(Uuid::try_parse(ID).unwrap()));
    let frame = String::from_utf8(refused.frame()).unwrap();
    assert!(
        frame.contains(&format!("\"command_id\":\"{ID}\"")),
        "{frame}"
    );
}

proptest! {
    #[test]
    fn any_text_is_a_message_or_a_refusal(text in ".{0,300}") {
        let _ = parse(&text, new_id);
    }

    #[test]
    fn any_object_is_a_message_or_a_refusal(
        kind in "(games|chat|wallet|system)\\.(command\\.)?[a-z_.]{0,20}",
        rest in prop::collection::vec(("[a-z_]{1,12}", "(\"[^\"\\\\\\p{C}]{0,9}\"|null|true|[0-9]{1,5}|\\[\\]|\\{\\})"), 0..6),
    ) {
        let fields: Vec<String> =
            rest.iter().map(|(key, value)| format!(",\"{key}\":{value}")).collect();
        let text = format!("{{\"type\":\"{kind}\"{}}}", fields.concat());
        if let Ok(Message::Command(command)) = parse(&text, new_id) {
            let room = command.room_of("7".parse().unwrap());
            let mut out = Vec::new();
            command.write_payload(room.as_ref(), None, &mut out);
            prop_assert!(Fields::parse(std::str::from_utf8(&out).unwrap()).is_ok());
        }
    }
}
