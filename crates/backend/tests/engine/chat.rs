//! Chat through the engine: who hears it, what is refused, and what is still there after a restart or a
//! kill.

use crate::copy_as_killed;
use crate::harness::{Rig, options};
use blazing_sun_backbone::envelope::{Actor, Audience, EventEnvelope, PRODUCER_GATEWAY};
use blazing_sun_backbone::topics;
use blazing_sun_backend::audit::audit;
use blazing_sun_backend::chat::Rate;
use blazing_sun_backend::engine::EngineOptions;
use blazing_sun_backend::replay::replay;
use blazing_sun_backend::store::reads::ReadSide;
use blazing_sun_backend::store::sqlite::SqliteReads;
use blazing_sun_domain::UserId;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;
use uuid::Uuid;

const SEND: &str = "chat.command.send_message";
const LOBBY: &str = "chat.command.send_lobby_message";

/// Nothing here is about rates, but where a test says so.
fn unhurried(dir: &Path) -> EngineOptions {
    let mut options = options(dir);
    let rate = Rate {
        per_second: 1,
        burst: 1_000,
    };
    (options.chat.messages, options.chat.typing) = (rate, rate);
    options
}

async fn waiting_room(rig: &mut Rig) {
    for user in 1..=3 {
        rig.grant(user).await;
    }
    let create = json!({ "room_id": "r", "game_type": "bigger_dice", "room_name": "My Game" });
    rig.send(1, "create_room", create).await;
    for user in [2, 3] {
        rig.send(user, "join_room", json!({ "room_id": "r" })).await;
    }
    let select = json!({ "room_id": "r", "target_user_id": "1" });
    rig.send(1, "select_player", select).await;
    rig.expect("games.event.player_selected").await;
}

async fn say(rig: &mut Rig, user: u64, channel: &str, content: &str) -> Value {
    let fields = json!({ "room_id": "r", "channel": channel, "content": content });
    let id = rig.send(user, "send_chat", fields).await;
    rig.answer(id).await
}

async fn history(rig: &mut Rig, user: u64, channel: &str) -> Value {
    let fields = json!({ "room_id": "r", "channel": channel });
    let id = rig.send(user, "get_chat_history", fields).await;
    rig.answer(id).await
}

fn contents(history: &Value) -> Vec<&str> {
    let messages = history["payload"]["messages"].as_array().unwrap();
    let contents = messages.iter().map(|message| message["content"].as_str());
    contents.map(Option::unwrap).collect()
}

async fn direct(rig: &mut Rig, from: u64, to: u64, content: &str) -> Value {
    let fields = json!({ "recipient_id": to.to_string(), "content": content });
    let id = rig.send(from, SEND, fields).await;
    rig.answer(id).await
}

fn code(event: &Value) -> &str {
    event["payload"]["code"].as_str().unwrap_or("no refusal")
}

#[tokio::test]
async fn a_rooms_chat_reaches_its_channel_and_outlives_restart_and_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(unhurried(dir.path()));
    waiting_room(&mut rig).await;
    let in_lobby = say(&mut rig, 2, "lobby", "  hello <b>  ").await;
    assert_eq!(in_lobby["event_type"], "games.event.chat_message");
    assert_eq!(in_lobby["audience"]["type"], "room");
    assert_eq!(in_lobby["payload"]["content"], "hello <b>");
    assert!(in_lobby["payload"]["room_seq"].is_u64());
    let of_players = say(&mut rig, 1, "players", "only us").await;
    assert_eq!(of_players["audience"]["user_ids"], json!(["1"]));
    assert_eq!(
        code(&say(&mut rig, 2, "players", "x").await),
        "channel_access_denied"
    );

    // Saved with the room, and in the log alone.
    rig.engine.stop();
    let mut rig = Rig::start_with(unhurried(dir.path()));
    say(&mut rig, 3, "lobby", "later").await;
    let killed = tempfile::tempdir().unwrap();
    copy_as_killed(dir.path(), killed.path());
    std::fs::copy(dir.path().join("keys"), killed.path().join("keys")).unwrap();
    rig.engine.stop();

    let mut rig = Rig::start_with(unhurried(killed.path()));
    let lobby = history(&mut rig, 3, "lobby").await;
    assert_eq!(lobby["event_type"], "games.event.chat_history");
    assert_eq!(
        (&lobby["audience"]["user_ids"], &lobby["payload"]["channel"]),
        (&json!(["3"]), &json!("lobby"))
    );
    assert_eq!(contents(&lobby), ["hello <b>", "later"]);
    assert_eq!(
        contents(&history(&mut rig, 1, "players").await),
        ["only us"]
    );
    assert_eq!(
        code(&history(&mut rig, 3, "players").await),
        "channel_access_denied"
    );
    assert_eq!(
        code(&history(&mut rig, 1, "spectators").await),
        "channel_access_denied"
    );
    assert_eq!(code(&history(&mut rig, 4, "lobby").await), "not_in_room");
    let id = rig
        .send(
            2,
            "get_chat_history",
            json!({ "room_id": "r", "channel": "lobby", "limit": 1 }),
        )
        .await;
    assert_eq!(contents(&rig.answer(id).await), ["later"]);
    rig.engine.stop();
    assert_clean_and_replayed(killed.path());
}

fn assert_clean_and_replayed(dir: &Path) {
    let options = options(dir);
    let report = audit(&options.path).unwrap();
    assert!(report.is_clean(), "{report:#?}");
    let room = "r".parse().unwrap();
    let report = replay(
        &options.path,
        &room,
        &options.games,
        &options.sealer,
        &mut |_| Ok(()),
    );
    let report = report.unwrap();
    assert!(report.is_equal(), "{report:#?}");
}

#[tokio::test]
async fn an_ended_rooms_chat_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(unhurried(dir.path()));
    waiting_room(&mut rig).await;
    say(&mut rig, 1, "lobby", "bye").await;
    for user in [2, 3, 1] {
        rig.send(user, "leave_room", json!({ "room_id": "r" }))
            .await;
    }
    rig.expect("games.event.seed_revealed").await;
    assert_eq!(code(&history(&mut rig, 1, "lobby").await), "room_not_found");
    assert_eq!(
        code(&say(&mut rig, 1, "lobby", "x").await),
        "room_not_found"
    );
    rig.engine.stop();
    assert_clean_and_replayed(dir.path());
}

#[tokio::test]
async fn a_message_sent_again_is_said_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(unhurried(dir.path()));
    waiting_room(&mut rig).await;
    rig.register(&[(1, "active"), (2, "active"), (3, "active")])
        .await;
    let in_room = json!({ "room_id": "r", "channel": "lobby", "content": "once" });
    let to_two = json!({ "recipient_id": "2", "content": "once" });
    let in_lobby = json!({ "lobby_id": "main", "content": "once" });
    for (name, fields, event) in [
        ("send_chat", &in_room, "games.event.chat_message"),
        (SEND, &to_two, "chat.event.message_received"),
        (LOBBY, &in_lobby, "chat.event.lobby_message"),
    ] {
        let id = Uuid::now_v7();
        for round in 0..3 {
            if round == 2 {
                rig.engine.stop();
                rig = Rig::start_with(unhurried(dir.path()));
            }
            rig.send_as(1, name, fields.clone(), id, "socket").await;
            let answer = rig.answer(id).await;
            let expected = if round == 0 {
                event
            } else {
                "games.event.command_applied"
            };
            assert_eq!(answer["event_type"], expected, "round {round}");
        }
    }
    assert_eq!(contents(&history(&mut rig, 2, "lobby").await), ["once"]);
    let reads = SqliteReads::new(rig.engine.access());
    assert_eq!(
        reads.direct_messages(user(2), None, 9).await.unwrap().len(),
        1
    );
    assert_eq!(
        reads.lobby_messages("main", None, 9).await.unwrap().len(),
        1
    );
    rig.engine.stop();
    assert_clean_and_replayed(dir.path());
}

fn user(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

#[tokio::test]
async fn a_direct_message_goes_to_both_and_is_unread_until_its_reader_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(unhurried(dir.path()));
    rig.register(&[(1, "active"), (2, "active"), (3, "active")])
        .await;
    let sent = direct(&mut rig, 1, 2, "psst").await;
    assert_eq!(sent["event_type"], "chat.event.message_received");
    assert_eq!(
        sent["audience"],
        json!({ "type": "users", "user_ids": ["1", "2"], "room_id": null, "game_id": null })
    );
    let payload = &sent["payload"];
    assert_eq!(
        payload,
        &json!({
            "type": "message_received", "message_id": payload["message_id"], "sender_id": "1",
            "sender_username": "P1", "recipient_id": "2", "recipient_username": "P2",
            "content": "psst", "timestamp": payload["timestamp"],
        })
    );

    let reads = SqliteReads::new(rig.engine.access());
    let unread = async |id| reads.unread_messages(user(id)).await.unwrap();
    assert_eq!(
        (unread(1).await, unread(2).await, unread(3).await),
        (0, 1, 0)
    );
    // Neither the writer nor a stranger can read it for another.
    for (reader, left) in [(3, 1), (1, 1), (2, 0), (2, 0)] {
        let fields = json!({ "message_ids": [payload["message_id"]] });
        let id = rig.send(reader, "chat.command.mark_read", fields).await;
        let answer = rig.answer(id).await;
        assert_eq!(answer["event_type"], "chat.event.messages_read");
        assert_eq!(answer["audience"]["user_ids"], json!([reader.to_string()]));
        assert_eq!(unread(2).await, left, "after {reader}");
    }
    let typing = json!({ "recipient_id": "2" });
    let id = rig.send(1, "chat.command.typing", typing).await;
    let told = rig.answer(id).await;
    assert_eq!(told["event_type"], "chat.event.typing");
    assert_eq!(told["audience"]["user_ids"], json!(["2"]));
    assert_eq!(
        told["payload"],
        json!({ "type": "typing", "user_id": "1", "username": "P1" })
    );

    rig.engine.stop();
    let rig = Rig::start_with(unhurried(dir.path()));
    let reads = SqliteReads::new(rig.engine.access());
    for (id, found) in [(1, 1), (2, 1), (3, 0)] {
        let messages = reads.direct_messages(user(id), None, 9).await.unwrap();
        assert_eq!(messages.len(), found, "of user {id}");
    }
    rig.engine.stop();
    assert!(audit(&options(dir.path()).path).unwrap().is_clean());
}

#[tokio::test]
async fn what_can_not_be_written_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(unhurried(dir.path()));
    waiting_room(&mut rig).await;
    let users = [
        (1, "active"),
        (2, "active"),
        (3, "active"),
        (5, "closed"),
        (6, "banned"),
    ];
    rig.register(&users).await;
    let (long, longest) = ("ä".repeat(501), "ä".repeat(500));
    let to =
        |recipient: u64, content: &str| json!({ "recipient_id": recipient, "content": content });
    let lobby = |lobby: &str, content: &str| json!({ "lobby_id": lobby, "content": content });
    let room = |channel: &str, content: &str| json!({ "room_id": "r", "channel": channel, "content": content });
    let typing = "chat.command.typing";
    let mark = "chat.command.mark_read";
    for (name, fields, expected) in [
        (SEND, to(4, "x"), "user_not_found"),
        (SEND, to(1, "x"), "cannot_target_self"),
        (SEND, to(5, "x"), "account_closed"),
        (SEND, to(6, "x"), "account_closed"),
        (SEND, to(2, ""), "invalid_format"),
        (SEND, to(2, " \n "), "invalid_format"),
        (SEND, to(2, "a\u{202e}b"), "invalid_format"),
        (SEND, to(2, "a\nb"), "invalid_format"),
        (SEND, to(2, &long), "too_long"),
        (SEND, to(2, &longest), "no refusal"),
        (SEND, json!({ "recipient_id": "2" }), "invalid_format"),
        (
            SEND,
            json!({ "recipient_id": "two", "content": "x" }),
            "invalid_format",
        ),
        (typing, json!({ "recipient_id": "1" }), "cannot_target_self"),
        (typing, json!({ "recipient_id": "4" }), "user_not_found"),
        (typing, json!({ "recipient_id": "5" }), "account_closed"),
        (mark, json!({ "message_ids": [] }), "invalid_format"),
        (mark, json!({ "message_ids": ["7"] }), "invalid_format"),
        (
            mark,
            json!({ "message_ids": vec![Uuid::nil(); 101] }),
            "invalid_format",
        ),
        (LOBBY, lobby("other", "x"), "lobby_not_found"),
        (LOBBY, lobby("main", "\u{7}"), "invalid_format"),
        (LOBBY, lobby("main", &long), "too_long"),
        ("chat.command.shout", json!({}), "unknown_command"),
        ("send_chat", room("lobby", "\u{200b}"), "invalid_format"),
        ("send_chat", room("lobby", &long), "too_long"),
        (
            "send_chat",
            room("spectators", &long),
            "channel_access_denied",
        ),
        ("send_chat", room("kitchen", "x"), "invalid_format"),
        (
            "send_chat",
            json!({ "room_id": "none", "channel": "lobby", "content": "x" }),
            "room_not_found",
        ),
        (
            "get_chat_history",
            json!({ "room_id": "r" }),
            "invalid_format",
        ),
        (
            "get_chat_history",
            json!({ "room_id": "none", "channel": "lobby" }),
            "room_not_found",
        ),
    ] {
        let id = Uuid::now_v7();
        rig.send_as(1, name, fields.clone(), id, "socket-7").await;
        let answer = rig.answer(id).await;
        assert_eq!(code(&answer), expected, "{name} {fields}");
        if expected == "no refusal" {
            continue;
        }
        let family = if name.starts_with("chat") {
            "chat"
        } else {
            "games"
        };
        assert_eq!(answer["event_type"], format!("{family}.event.error"));
        assert_eq!(answer["audience"]["user_ids"], json!(["1"]));
        assert_eq!(answer["payload"]["socket_id"], "socket-7");
        assert_eq!(answer["payload"]["command_id"], json!(id));
        assert!(answer["payload"]["message"].as_str().unwrap().len() > 5);
    }
    rig.engine.stop();
    assert_clean_and_replayed(dir.path());
}

#[tokio::test]
async fn each_user_has_a_rate_in_each_room_and_outside() {
    const SENT: usize = 20;
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    let rate = Rate {
        per_second: 1,
        burst: 2,
    };
    (options.chat.messages, options.chat.typing) = (rate, rate);
    let mut rig = Rig::start_with(options);
    waiting_room(&mut rig).await;
    rig.register(&[(1, "active"), (2, "active")]).await;
    let room = json!({ "room_id": "r", "channel": "lobby", "content": "x" });
    let to_two = json!({ "recipient_id": "2", "content": "x" });
    let in_lobby = json!({ "lobby_id": "main", "content": "x" });
    for commands in [
        vec![("send_chat", &room)],
        vec![("get_chat_history", &room)],
        vec![(SEND, &to_two), (LOBBY, &in_lobby)],
        vec![("chat.command.typing", &to_two)],
    ] {
        let begun = Instant::now();
        let mut ids = Vec::new();
        for (name, fields) in commands.iter().cycle().take(SENT) {
            ids.push(rig.send(1, name, (*fields).clone()).await);
        }
        let mut codes = Vec::new();
        for id in ids {
            codes.push(code(&rig.answer(id).await).to_owned());
        }
        let taken = codes.iter().filter(|code| *code == "no refusal").count();
        let refused = codes.iter().filter(|code| *code == "rate_limited").count();
        assert_eq!(taken + refused, SENT, "{commands:?}: {codes:?}");
        assert_eq!(codes[..2], ["no refusal", "no refusal"], "{commands:?}");
        let earned = begun.elapsed().as_secs() as usize + 1;
        assert!(taken <= 2 + earned, "{commands:?}: {codes:?}");
    }
    let others = say(&mut rig, 2, "lobby", "another's rate").await;
    assert_eq!(code(&others), "no refusal");
    rig.engine.stop();
}

#[tokio::test]
async fn a_users_commands_meet_in_one_partition_whatever_their_key() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(unhurried(dir.path()));
    rig.register(&[(1, "active"), (2, "active")]).await;
    let id = Uuid::now_v7();
    let fields = json!({ "command_id": id, "recipient_id": "2", "content": "hi" });
    let payload = serde_json::value::to_raw_value(&fields).unwrap();
    let correlation_id = id.to_string();
    for key in ["1", "a", "b", "c", "d", "e"] {
        let envelope = EventEnvelope {
            event_id: Uuid::new_v4().to_string().into(),
            event_type: SEND.into(),
            timestamp: "2024-01-20T10:30:01Z".into(),
            correlation_id: Some(correlation_id.as_str().into()),
            producer: PRODUCER_GATEWAY.into(),
            actor: Actor {
                user_id: user(1),
                username: "P1".into(),
                socket_id: "socket".into(),
                roles: Vec::new(),
            },
            audience: Audience::user(user(1)),
            payload: &payload,
        };
        rig.append(topics::CHAT_COMMANDS, key, envelope.to_bytes())
            .await;
        rig.answer(id).await;
    }
    let reads = SqliteReads::new(rig.engine.access());
    assert_eq!(
        reads.direct_messages(user(2), None, 9).await.unwrap().len(),
        1
    );
    rig.engine.stop();
}
