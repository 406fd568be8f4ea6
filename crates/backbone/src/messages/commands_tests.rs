use super::super::{CLIENT_COMMANDS, INTERNAL_COMMANDS, OPEN_MATCHED_ROOM};
use super::*;
use proptest::prelude::*;

const ID: &str = "018d2661-3aa8-7000-8000-000000000000";

fn parse(name: &str, json: &str) -> Result<(Option<CommandId>, Command), InvalidCommand> {
    let payload = RawValue::from_string(json.to_owned()).unwrap();
    let event_type = if name.contains("command") {
        name.to_owned()
    } else {
        format!("games.command.{name}")
    };
    parse_command(&event_type, &payload)
}

/// The command as `Debug` shows it: all its fields, less passwords.
#[track_caller]
fn check(name: &str, json: &str, expect: &str) {
    let (_, command) = parse(name, json).unwrap();
    assert_eq!(format!("{command:?}"), expect, "{name}");
}

#[track_caller]
fn refused(name: &str, json: &str, code: RefusalCode, message: &str) {
    let refusal = parse(name, json).unwrap_err().refusal;
    assert_eq!(
        (refusal.code, &*refusal.message),
        (code, message),
        "{name} {json}"
    );
}

#[test]
fn every_command_reads() {
    let room = r#"RoomId("r")"#;
    check(
        "create_room",
        r#"{"game_type":"bigger_dice","room_name":"My Game","password":"hunter2","max_players":3}"#,
        concat!(
            r#"CreateRoom(CreateRoom { room_id: None, game_type: "bigger_dice", room_name: "My Game", "#,
            "max_players: Some(3), allow_spectators: true, invites_bot: false, agreed_fee: None, .. })",
        ),
    );
    let join = r#"{"room_name":"My Game","password":"hunter2","password_sealed":"s-1.hunter2"}"#;
    check(
        "join_room",
        join,
        r#"JoinRoom(JoinRoom { room_id: None, room_name: Some("My Game"), .. })"#,
    );
    check("list_rooms", "{}", "ListRooms { game_type: None }");
    for (name, variant) in [
        ("rejoin_room", "RejoinRoom"),
        ("leave_room", "LeaveRoom"),
        ("start_game", "StartGame"),
    ] {
        check(
            name,
            r#"{"room_id":"r"}"#,
            &format!("{variant} {{ room_id: {room} }}"),
        );
    }
    check(
        "invite_players",
        r#"{"room_id":"r","target_user_ids":["7",8],"rematch_of":"q"}"#,
        concat!(
            r#"InvitePlayers { room_id: RoomId("r"), target_user_ids: [UserId(7), UserId(8)], "#,
            r#"rematch_of: Some(RoomId("q")) }"#,
        ),
    );
    for users in ["[]".to_owned(), format!("{:?}", [7; 21])] {
        refused(
            "invite_players",
            &format!(r#"{{"room_id":"r","target_user_ids":{users}}}"#),
            RefusalCode::InvalidFormat,
            "`target_user_ids`: expected 1 to 20 users",
        );
    }
    for id in ["7", "\"7\""] {
        for (name, variant) in [
            ("select_player", "SelectPlayer"),
            ("deselect_player", "DeselectPlayer"),
        ] {
            check(
                name,
                &format!(r#"{{"room_id":"r","target_user_id":{id}}}"#),
                &format!("{variant} {{ room_id: {room}, target_user_id: UserId(7) }}"),
            );
        }
        for (name, variant) in [
            ("player_disconnected", "PlayerDisconnected"),
            ("sync_room", "SyncRoom"),
        ] {
            check(
                name,
                &format!(r#"{{"room_id":"r","user_id":{id}}}"#),
                &format!("{variant} {{ room_id: {room}, user_id: UserId(7) }}"),
            );
        }
    }
    check(
        "sync_user",
        r#"{"rooms":["r"]}"#,
        r#"SyncUser { rooms: [RoomId("r")] }"#,
    );
    check("sync_user", "{}", "SyncUser { rooms: [] }");
    check(
        "wallet.command.demo_grant",
        r#"{"user_id":"7","username":"Ann"}"#,
        r#"DemoGrant { user_id: UserId(7), username: "Ann" }"#,
    );
    check(
        "bigger_dice.roll",
        r#"{"room_id":"r","x":1}"#,
        concat!(
            r#"Move { room_id: RoomId("r"), game_type: "bigger_dice", name: "roll", "#,
            r#"fields: RawValue({"room_id":"r","x":1}) }"#,
        ),
    );
    for (fields, enabled) in [("", true), (r#","enabled":false"#, false)] {
        check(
            "bigger_dice.enable_auto_play",
            &format!(r#"{{"room_id":"r"{fields}}}"#),
            &format!(
                r#"EnableAutoPlay {{ room_id: {room}, game_type: "bigger_dice", enabled: {enabled} }}"#
            ),
        );
    }
}

#[test]
fn every_listed_command_is_known_and_listed_once() {
    let listed: Vec<&str> = [CLIENT_COMMANDS, INTERNAL_COMMANDS].concat();
    let once: std::collections::BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!(once.len(), listed.len());
    for name in listed {
        if let Err(invalid) = parse(name, "{}") {
            let code = invalid.refusal.code;
            assert_eq!(code, RefusalCode::InvalidFormat, "{name}");
        }
    }
    for name in ["chat.command.shout", "games.command.fly", "games.command.x"] {
        let code = parse(name, "{}").unwrap_err().refusal.code;
        assert_eq!(code, RefusalCode::UnknownCommand, "{name}");
    }
}

#[test]
fn commands_about_others_and_about_watching_read() {
    let room = r#"RoomId("r")"#;
    for (name, measure) in [
        ("kick_player", "KickPlayer"),
        ("kick_spectator", "KickSpectator"),
        ("ban_player", "Ban"),
        ("unban_player", "Unban"),
        ("mute_user", "Mute"),
        ("unmute_user", "Unmute"),
    ] {
        check(
            name,
            r#"{"room_id":"r","target_user_id":"7"}"#,
            &format!(
                "Moderate {{ room_id: {room}, measure: {measure}, target_user_id: UserId(7) }}"
            ),
        );
        let missing = "`target_user_id` is missing";
        let json = r#"{"room_id":"r"}"#;
        refused(name, json, RefusalCode::InvalidFormat, missing);
        refused(
            name,
            r#"{"target_user_id":"7"}"#,
            RefusalCode::InvalidFormat,
            "`room_id` is missing",
        );
    }
    for name in ["spectate", "join_as_spectator"] {
        check(
            name,
            r#"{"room_name":"My Game","password":"hunter2"}"#,
            r#"Spectate(JoinRoom { room_id: None, room_name: Some("My Game"), .. })"#,
        );
        let missing = "`room_id` or `room_name` is missing";
        refused(name, "{}", RefusalCode::InvalidFormat, missing);
    }
    for name in ["stop_spectating", "leave_spectate"] {
        let expect = format!("StopSpectating {{ room_id: {room} }}");
        check(name, r#"{"room_id":"r"}"#, &expect);
    }
    for (name, variant) in [
        ("become_spectator", "BecomeSpectator"),
        ("become_player", "BecomePlayer"),
    ] {
        for (field, target) in [("", "None"), (r#","target_user_id":7"#, "Some(UserId(7))")] {
            check(
                name,
                &format!(r#"{{"room_id":"r"{field}}}"#),
                &format!("{variant} {{ room_id: {room}, target_user_id: {target} }}"),
            );
        }
    }
    check(
        "select_spectator",
        r#"{"room_id":"r","target_user_id":"7"}"#,
        &format!("BecomeSpectator {{ room_id: {room}, target_user_id: Some(UserId(7)) }}"),
    );
    let missing = "`target_user_id` is missing";
    let json = r#"{"room_id":"r"}"#;
    refused(
        "select_spectator",
        json,
        RefusalCode::InvalidFormat,
        missing,
    );
}

#[test]
fn chat_commands_read_and_show_nothing_of_what_was_written() {
    let id = "018d2661-3aa8-7000-8000-000000000000";
    let mark_read = format!(r#"{{"message_ids":["{id}"]}}"#);
    let read = format!("Chat(MarkRead {{ message_ids: [{id}] }})");
    for (name, json, expect) in [
        (
            "send_chat",
            r#"{"room_id":"r","channel":"players","content":"hunter2"}"#,
            r#"SendChat { room_id: RoomId("r"), channel: Players, content: Content(7 bytes) }"#,
        ),
        (
            "get_chat_history",
            r#"{"room_id":"r","channel":"lobby","limit":5}"#,
            r#"GetChatHistory { room_id: RoomId("r"), channel: Lobby, limit: Some(5) }"#,
        ),
        (
            "chat.command.send_message",
            r#"{"recipient_id":7,"content":"hunter2"}"#,
            "Chat(SendMessage { recipient_id: UserId(7), content: Content(7 bytes) })",
        ),
        (
            "chat.command.send_lobby_message",
            r#"{"lobby_id":"main","content":"hunter2"}"#,
            r#"Chat(SendLobbyMessage { lobby_id: "main", content: Content(7 bytes) })"#,
        ),
        (
            "chat.command.typing",
            r#"{"recipient_id":"7"}"#,
            "Chat(Typing { recipient_id: UserId(7) })",
        ),
        ("chat.command.mark_read", &mark_read, &read),
    ] {
        check(name, json, expect);
    }
    refused(
        "chat.command.mark_read",
        r#"{"message_ids":[]}"#,
        RefusalCode::InvalidFormat,
        "`message_ids`: expected 1 to 100 ids",
    );
}

#[test]
fn readiness_is_is_ready_else_ready_else_yes() {
    for name in ["ready", "set_ready"] {
        for (fields, expect) in [
            ("", true),
            (r#","is_ready":false"#, false),
            (r#","ready":false"#, false),
            (r#","is_ready":true,"ready":false"#, true),
            (r#","is_ready":null,"ready":false"#, false),
        ] {
            let (_, command) = parse(name, &format!(r#"{{"room_id":"r"{fields}}}"#)).unwrap();
            let Command::Ready {
                is_ready,
                seed_commitment: None,
                ..
            } = command
            else {
                panic!("{command:?}")
            };
            assert_eq!(is_ready, expect, "{fields}");
        }
    }
}

#[test]
fn seeds_and_commitments_are_32_bytes_of_hex() {
    let hex = "ab".repeat(32);
    let (_, command) = parse(
        "reveal_seed",
        &format!(r#"{{"room_id":"r","client_seed":"{hex}"}}"#),
    )
    .unwrap();
    assert!(matches!(
        command,
        Command::RevealSeed {
            client_seed: Seed([0xab, ..]),
            ..
        }
    ));
    let (_, command) = parse(
        "ready",
        &format!(r#"{{"room_id":"r","seed_commitment":"{hex}"}}"#),
    )
    .unwrap();
    assert!(matches!(
        command,
        Command::Ready {
            seed_commitment: Some(Commitment([0xab, ..])),
            ..
        }
    ));
    let message = "`client_seed`: a seed or commitment is 32 bytes as 64 hex digits";
    for bad in ["", "ab", &"ab".repeat(33), &"zz".repeat(32)] {
        let json = format!(r#"{{"room_id":"r","client_seed":"{bad}"}}"#);
        refused("reveal_seed", &json, RefusalCode::InvalidFormat, message);
    }
}

#[test]
fn refusals_name_the_field_and_keep_the_command_id() {
    let invalid = RefusalCode::InvalidFormat;
    refused("leave_room", "{}", invalid, "`room_id` is missing");
    refused(
        "join_room",
        "{}",
        invalid,
        "`room_id` or `room_name` is missing",
    );
    let no_name = "`room_name`: expected 1 to 50 characters, no control characters";
    let nul = "`room_name`: expected text without the character U+0000";
    let long = "é".repeat(51);
    for (name, message) in [
        ("", no_name),
        ("  ", no_name),
        ("a\\u0007b", no_name),
        (&long, no_name),
        ("a\\u0000b", nul),
    ] {
        let json = format!(r#"{{"room_name":"{name}"}}"#);
        refused("join_room", &json, invalid, message);
        refused("spectate", &json, invalid, message);
    }
    refused("bigger_dice.roll", "{}", invalid, "`room_id` is missing");
    refused(
        "leave_room",
        r#"{"room_id":7}"#,
        invalid,
        "`room_id`: expected a room id as a string, got integer",
    );
    refused(
        "create_room",
        r#"{"game_type":"bigger_dice","room_name":"n","max_players":"two"}"#,
        invalid,
        "`max_players`: expected u32, got string",
    );
    refused(
        "leave_room",
        "[]",
        invalid,
        "the payload is not a JSON object",
    );
    let unknown = RefusalCode::UnknownCommand;
    refused(
        "dance",
        "{}",
        unknown,
        "there is no command `games.command.dance`",
    );
    refused(
        "wallet.command.steal",
        "{}",
        unknown,
        "there is no command `wallet.command.steal`",
    );
    let refused = parse("leave_room", &format!(r#"{{"command_id":"{ID}"}}"#)).unwrap_err();
    assert_eq!(refused.command_id, Some(ID.parse().unwrap()));
    let (command_id, _) = parse(
        "leave_room",
        &format!(r#"{{"command_id":"{ID}","room_id":"r"}}"#),
    )
    .unwrap();
    assert_eq!(command_id, Some(ID.parse().unwrap()));
}

#[test]
fn a_password_is_neither_shown_nor_quoted() {
    for (name, json) in [
        ("join_room", r#"{"room_id":"r","password":"hunter2"}"#),
        (
            "create_room",
            r#"{"game_type":"g","room_name":"n","password":"hunter2"}"#,
        ),
    ] {
        assert!(!format!("{:?}", parse(name, json).unwrap()).contains("hunter2"));
    }
    let mistyped = parse("join_room", r#"{"room_id":"r","password":271828}"#).unwrap_err();
    assert_eq!(
        mistyped.refusal.message,
        "`password`: expected a string, got integer"
    );
}

#[test]
fn internal_commands_read_what_they_are_written_as() {
    let (id, room, user) = (
        Uuid::from_u128(7),
        "r".parse::<RoomId>().unwrap(),
        UserId::new(7).unwrap(),
    );
    let text = id.to_string();
    for (event_type, payload, expect) in [
        (
            PLAYER_DISCONNECTED,
            player_disconnected(id, &room, user),
            "PlayerDisconnected",
        ),
        (SYNC_ROOM, sync_room(&text, &room, user), "SyncRoom"),
        (MEMBER_ASKED, member_asked(id, &room, user), "MemberAsked"),
        (
            SYNC_USER,
            sync_user(id, user, std::slice::from_ref(&room)),
            "SyncUser",
        ),
        (DEMO_GRANT, demo_grant(id, user, "Ann"), "DemoGrant"),
        (
            CREDIT,
            credit(id, user, Cents(5), Some("won a bet")),
            "Credit",
        ),
        (CLOSE_GUEST, close_guest(id, user), "CloseGuest"),
        (CLOSE_ROOM, close_room(id, &room, "it hangs"), "CloseRoom"),
    ] {
        let (command_id, command) = parse_command(event_type, &payload).unwrap();
        assert_eq!(command_id, Some(CommandId(id)));
        assert!(format!("{command:?}").starts_with(expect), "{command:?}");
        assert!(INTERNAL_COMMANDS.contains(&event_type));
    }
    assert!(INTERNAL_COMMANDS.contains(&OPEN_MATCHED_ROOM));
    let payload = with_room_id(
        &RawValue::from_string(r#"{"room_name":"n","x":[1]}"#.into()).unwrap(),
        &room,
    );
    assert_eq!(payload.get(), r#"{"room_id":"r","room_name":"n","x":[1]}"#);
}

#[test]
fn a_credit_has_bounds() {
    let parse = |amount: &str| {
        let payload =
            RawValue::from_string(format!(r#"{{"user_id":"7","amount_cents":{amount}}}"#));
        parse_command(CREDIT, &payload.unwrap()).map(|(_, command)| command)
    };
    for amount in [1, CREDIT_CENTS_MAX.0] {
        let command = parse(&amount.to_string()).unwrap();
        assert!(
            matches!(&command, Command::Credit { user_id, amount: found }
                if user_id.get() == 7 && found.0 == amount),
            "{command:?}"
        );
    }
    for amount in ["0", "-1", "100000001", "9223372036854775807"] {
        let invalid = parse(amount).unwrap_err().refusal;
        assert_eq!(invalid.code, RefusalCode::InvalidFormat);
        assert_eq!(invalid.message, "`amount_cents`: expected 1 to 100000000");
    }
    for amount in ["1e99", "1.5", "\"5\"", "null", "[]"] {
        let invalid = parse(amount).unwrap_err().refusal;
        assert!(invalid.message.contains("amount_cents"), "{invalid}");
    }
}

proptest! {
    #[test]
    fn hostile_commands_never_panic(name in "[a-z_.]{0,20}", value in ".{0,30}") {
        let value = serde_json::to_string(&value).unwrap();
        for name in [&*name, "create_room", "ready", "reveal_seed", "select_player"] {
            for field in ["room_id", "command_id", "target_user_id", "client_seed", "is_ready", "rooms"] {
                for value in [&value, "1e999", "-0", "[[[]]]", "{}"] {
                    let _ = parse(name, &format!(r#"{{"{field}":{value}}}"#));
                }
            }
        }
    }
}
