//! Hostile bytes and messages on the socket: each is answered or ends its own connection; the player beside
//! goes on, and nothing has changed.

use blazing_sun_harness::{Answer, Client, TestServer, Wire, frame, text};
use serde_json::{Value, json};
use uuid::Uuid;

const TEXT: u8 = 0x81;
const TEXT_BEGINS: u8 = 0x01;
const CONTINUES: u8 = 0x00;
const ENDS: u8 = 0x80;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;

/// A frame with this head and nothing more of it.
fn head(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

#[tokio::test]
async fn frames_that_no_client_may_send_end_their_connection_alone() {
    let server = TestServer::start().await;
    let guest = server.guest().await;
    let mut player = Client::sign_in(&server, &server.guest().await).await;
    let room = player.create_room("goes on").await;
    let large = vec![b'x'; 17 * 1024];
    let begun = |rest: Vec<u8>| [frame(TEXT_BEGINS, b"{"), rest].concat();
    let unmasked = [&[TEXT, 2][..], b"{}"].concat();
    for (attack, bytes, code) in [
        ("17 KiB in a frame", frame(TEXT, &large), 1009),
        (
            "17 KiB in two fragments",
            [
                frame(TEXT_BEGINS, &large[..9_000]),
                frame(ENDS, &large[..9_000]),
            ]
            .concat(),
            1009,
        ),
        (
            "a length of 2^63",
            head(&[TEXT, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]),
            1009,
        ),
        ("a binary frame", frame(BINARY, &[0, 1, 2]), 1003),
        ("bad UTF-8", frame(TEXT, &[0xff, 0xfe]), 1007),
        ("overlong UTF-8", frame(TEXT, &[0xc0, 0xaf]), 1007),
        (
            "bad UTF-8 over two fragments",
            [frame(TEXT_BEGINS, &[0xe2]), frame(ENDS, &[0x28])].concat(),
            1007,
        ),
        ("no mask", unmasked, 1002),
        ("a reserved bit", frame(TEXT | 0x40, b"{}"), 1002),
        ("a reserved opcode", frame(0x83, b"{}"), 1002),
        ("a continuation of nothing", frame(ENDS, b"{}"), 1002),
        ("a text inside a text", begun(frame(TEXT, b"{}")), 1002),
        ("a fragmented ping", begun(frame(PING & 0x7f, b"x")), 1002),
        ("a ping of 126 bytes", frame(PING, &[0; 126]), 1002),
        ("a close of one byte", frame(CLOSE, &[3]), 1002),
        (
            "a close with a reserved code",
            frame(CLOSE, &[3, 237]),
            1002,
        ),
        (
            "a close with bad UTF-8",
            frame(CLOSE, &[3, 232, 0xff]),
            1007,
        ),
    ] {
        let mut wire = Wire::signed_in(&server, &guest.token).await;
        wire.send(&bytes).await;
        assert_eq!(wire.answer().await, Answer::Close(code), "{attack}");
        assert_eq!(wire.answer().await, Answer::End, "{attack}");
        plays_on(&mut player).await;
    }
    let fragments = [
        frame(TEXT_BEGINS, b"{\"type\":"),
        frame(PING, b"between"),
        frame(CONTINUES, b""),
        frame(CONTINUES, b"\"system.heart"),
        frame(ENDS, b"beat\"}"),
    ];
    let mut wire = Wire::signed_in(&server, &guest.token).await;
    wire.send(&fragments.concat()).await;
    let answers = [wire.answer().await, wire.answer().await];
    assert!(
        answers.contains(&Answer::Pong(b"between".to_vec())),
        "{answers:?}"
    );
    assert!(
        answers.iter().any(
            |answer| matches!(answer, Answer::Text(text) if text["type"] == "system.heartbeat_ack")
        ),
        "{answers:?}"
    );
    nothing_changed(&server, &player, &room).await;
}

#[tokio::test]
async fn a_thousand_messages_at_once_are_answered_in_order() {
    let server = TestServer::start().await;
    let mut player = Client::sign_in(&server, &server.guest().await).await;
    let guest = server.guest().await;
    let mut wire = Wire::signed_in(&server, &guest.token).await;
    let ids: Vec<String> = (0..1_000).map(|_| Uuid::now_v7().to_string()).collect();
    let unknown = |id: &String| {
        let message = json!({ "type": "system.event.maintenance", "command_id": id });
        frame(TEXT, message.to_string().as_bytes())
    };
    wire.send(&ids.iter().map(unknown).collect::<Vec<_>>().concat())
        .await;
    for id in &ids {
        match wire.answer().await {
            Answer::Text(answer) => assert_eq!(answer["command_id"], id.as_str(), "{answer}"),
            other => panic!("{other:?}"),
        }
    }
    plays_on(&mut player).await;
}

#[tokio::test]
async fn messages_that_say_nothing_sensible_are_refused_by_name() {
    let server = TestServer::start().await;
    let mut player = Client::sign_in(&server, &server.guest().await).await;
    let room = player.create_room("goes on").await;
    let victim = player.guest.user_id.clone();
    let mut attacker = Client::sign_in(&server, &server.guest().await).await;
    let command = |name: &str, fields: Value| {
        let mut message = fields;
        message["type"] = format!("games.command.{name}").into();
        message.to_string()
    };
    let in_room = |name: &str, fields: Value| {
        let mut fields = fields;
        fields["room_id"] = room.as_str().into();
        command(name, fields)
    };
    let named = |room_name: Value| {
        command(
            "create_room",
            json!({ "game_type": "bigger_dice", "room_name": room_name }),
        )
    };
    let seats = |number: &str| {
        format!(
            r#"{{"type":"games.command.create_room","game_type":"bigger_dice","room_name":"r","max_players":{number}}}"#
        )
    };
    let rows = [
        ("nothing", String::new(), "invalid_format", "JSON object"),
        ("half an object", r#"{"type":"#.to_owned(), "invalid_format", "JSON object"),
        ("a list", "[]".to_owned(), "invalid_format", "JSON object"),
        ("two objects", "{}{}".to_owned(), "invalid_format", "JSON object"),
        ("a byte order mark", "\u{feff}{}".to_owned(), "invalid_format", "JSON object"),
        ("10,000 deep", "[".repeat(10_000), "invalid_format", "nested"),
        (
            "10,000 deep in a field",
            format!(r#"{{"type":"system.heartbeat","a":{}}}"#, "[".repeat(10_000)),
            "invalid_format",
            "nested",
        ),
        ("no type", "{}".to_owned(), "invalid_format", "`type`"),
        ("a type of a number", r#"{"type":7}"#.to_owned(), "invalid_format", "`type`"),
        (
            "a key twice",
            r#"{"type":"system.heartbeat","type":"games.command.sync_user"}"#.to_owned(),
            "invalid_format",
            "`type`",
        ),
        (
            "a key twice, once in escapes",
            r#"{"type":"system.heartbeat","ty\u0070e":"x"}"#.to_owned(),
            "invalid_format",
            "`type`",
        ),
        (
            "65 fields",
            format!("{{{}}}", (0..65).map(|n| format!("\"f{n}\":0")).collect::<Vec<_>>().join(",")),
            "invalid_format",
            "64 fields",
        ),
        ("an unknown type", r#"{"type":"dance"}"#.to_owned(), "unknown_command", "command"),
        ("a nul in a type", r#"{"type":"games.command.x\u0000"}"#.to_owned(), "unknown_command", "command"),
        ("an unknown command", command("dance", json!({})), "unknown_command", "dance"),
        (
            "demo money",
            r#"{"type":"wallet.command.demo_grant","user_id":"1","username":"x"}"#.to_owned(),
            "unknown_command",
            "command",
        ),
        ("another's state", in_room("sync_room", json!({ "user_id": victim })), "unknown_command", "command"),
        ("another's rooms", command("sync_user", json!({ "user_id": victim })), "unknown_command", "command"),
        (
            "another's disconnect",
            in_room("player_disconnected", json!({ "user_id": victim })),
            "unknown_command",
            "command",
        ),
        (
            "an internal command in escapes",
            r#"{"type":"games.command.sync_\u0072oom","room_id":"r","user_id":"1"}"#.to_owned(),
            "unknown_command",
            "command",
        ),
        (
            "a matched room",
            command("open_matched_room", json!({ "game_type": "bigger_dice" })),
            "unknown_command",
            "command",
        ),
        (
            "an event",
            r#"{"type":"games.event.room_removed"}"#.to_owned(),
            "unknown_command",
            "command",
        ),
        (
            "a top-up below 0",
            r#"{"type":"wallet.command.top_up","amount_cents":-9223372036854775808}"#.to_owned(),
            "invalid_amount",
            "must be from 100",
        ),
        (
            "a top-up of 1e400",
            r#"{"type":"wallet.command.top_up","amount_cents":1e400}"#.to_owned(),
            "invalid_format",
            "amount_cents",
        ),
        ("a room that is a path", command("join_room", json!({ "room_id": "../../x" })), "invalid_format", "room_id"),
        ("a room that is a number", command("join_room", json!({ "room_id": 5 })), "invalid_format", "room_id"),
        ("no room", command("join_room", json!({})), "invalid_format", "room_id"),
        ("a command_id of version 4", command("list_rooms", json!({ "command_id": Uuid::new_v4() })), "invalid_format", "command_id"),
        ("no name", command("create_room", json!({ "game_type": "bigger_dice" })), "invalid_format", "room_name"),
        ("a name that is a list", named(json!([])), "invalid_format", "room_name"),
        ("a name of 10 KB", named(json!("x".repeat(10_240))), "invalid_name", "50 characters"),
        ("a name of blanks", named(json!(" \u{3000} ")), "invalid_name", "50 characters"),
        ("a name that turns the text", named(json!("\u{202e}desrever")), "invalid_name", "direction"),
        ("a name of zero width", named(json!("\u{200b}")), "invalid_name", "invisible"),
        ("a name with a bell", named(json!("a\u{7}b")), "invalid_name", "control"),
        ("a name with a nul", named(json!("a\u{0}b")), "invalid_format", "U+0000"),
        ("a tower of accents", named(json!(format!("a{}", "\u{301}".repeat(20)))), "invalid_name", "accents"),
        ("the house's name", named(json!("House")), "invalid_name", "reserved"),
        ("what looks like the house's name", named(json!("Ноuse Bот")), "invalid_name", "reserved"),
        (
            "half a surrogate pair",
            r#"{"type":"games.command.create_room","game_type":"bigger_dice","room_name":"\ud800"}"#.to_owned(),
            "invalid_format",
            "room_name",
        ),
        ("-1 seats", seats("-1"), "invalid_format", "max_players"),
        ("2.0 seats", seats("2.0"), "invalid_format", "max_players"),
        ("1e400 seats", seats("1e400"), "invalid_format", "max_players"),
        ("2^64 seats", seats("18446744073709551616"), "invalid_format", "max_players"),
        ("2^32-1 seats", seats("4294967295"), "invalid_player_count", "players"),
        (
            "a target of 2^53+1",
            in_room("select_player", json!({ "target_user_id": 9_007_199_254_740_993_u64 })),
            "invalid_format",
            "target_user_id",
        ),
        ("a target of 1.0", in_room("select_player", json!({ "target_user_id": 1.0 })), "invalid_format", "target_user_id"),
        ("a target below 0", in_room("select_player", json!({ "target_user_id": -1 })), "invalid_format", "target_user_id"),
        ("a seed that is no hex", in_room("reveal_seed", json!({ "client_seed": "zz" })), "invalid_format", "client_seed"),
        ("ready with a word", in_room("ready", json!({ "is_ready": "yes" })), "invalid_format", "is_ready"),
    ];
    for (attack, message, code, named) in rows {
        attacker.send_text(&message).await;
        let answer = attacker
            .until(attack, |frame| text(&frame["type"]).ends_with(".error"))
            .await;
        assert_eq!(answer["code"], code, "{attack}: {answer}");
        assert!(
            text(&answer["message"]).contains(named),
            "{attack}: {answer}"
        );
        plays_on(&mut player).await;
    }
    assert_eq!(
        server.balance_cents(&attacker.guest).await,
        attacker.guest.balance_cents
    );
    nothing_changed(&server, &player, &room).await;
}

#[tokio::test]
async fn a_second_sign_in_extends_its_own_socket_and_no_others() {
    let server = TestServer::start().await;
    let (mine, other) = (server.guest().await, server.guest().await);
    let mut player = Client::sign_in(&server, &other).await;
    let mut wire = Wire::signed_in(&server, &mine.token).await;
    let sign_in =
        |token: &str| json!({ "type": "system.authenticate", "token": token }).to_string();
    for token in [&mine.token, "wrong", &mine.token] {
        wire.text(&sign_in(token)).await;
        let Answer::Text(answer) = wire.answer().await else {
            panic!("closed");
        };
        let expected = if token == "wrong" {
            "system.error"
        } else {
            "system.authenticated"
        };
        assert_eq!(answer["type"], expected, "{answer}");
    }
    wire.text(&sign_in(&other.token)).await;
    assert_eq!(wire.answer().await, Answer::Close(1008));
    plays_on(&mut player).await;
}

/// The player beside is answered.
async fn plays_on(player: &mut Client) {
    player.send(json!({ "type": "system.heartbeat" })).await;
    player.event("system.heartbeat_ack").await;
}

/// The room is as it was: its owner alone is in it, has paid nothing, and the books add up.
async fn nothing_changed(server: &TestServer, player: &Client, room: &str) {
    let made = server.records("games.events").await;
    let created = made
        .iter()
        .filter(|event| event["event_type"] == "games.event.room_created");
    assert_eq!(created.count(), 1);
    let in_room: Vec<&Value> = made
        .iter()
        .filter(|event| event["payload"]["room_id"] == room && event["audience"]["type"] == "room")
        .collect();
    assert!(in_room.is_empty(), "{in_room:#?}");
    assert_eq!(
        server.balance_cents(&player.guest).await,
        player.guest.balance_cents
    );
    assert_eq!(server.audit().await["clean"], true);
}
