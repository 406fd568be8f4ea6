//! An example of every message. Those of events are made by the code that sends them; those of commands are read by the code
//! that takes them, as a test shows.

use crate::catalog::{Flow, Message};
use blazing_sun_backbone::bans::{
    ACCOUNT_BANNED, AccountBanned, KEYS_IN_USE, SIGNED_OUT, SignedOut,
};
use blazing_sun_backbone::credentials::{KeysInUse, NamedKey};
use blazing_sun_backbone::deliveries::{
    DELIVERIES_ASKED, DELIVERIES_TOLD, Delivered, DeliveriesAsked, DeliveriesTold, RecordPlace,
};
use blazing_sun_backbone::envelope::{
    Actor, Audience, EventEnvelope, PRODUCER_BACKEND, PRODUCER_GATEWAY,
};
use blazing_sun_backbone::live::{LIVE_SETTINGS, LiveSet};
use blazing_sun_backbone::messages as told;
use blazing_sun_domain::fairness::{Dice, Seed};
use blazing_sun_domain::game::{Ended, GameEvent, Seat, SeatedPlayer, Table, Viewer};
use blazing_sun_domain::games::built_in;
use blazing_sun_domain::room::RoomStatus;
use blazing_sun_domain::room::RoomSummary;
use blazing_sun_domain::room::events::Timestamp;
use blazing_sun_domain::room::pause::{GamePaused, GameResumed, MatchCancelled};
use blazing_sun_domain::wallet::Period;
use blazing_sun_domain::{Cents, Millis, RefusalCode, RoomId, UserId};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The rules' own record of every event of a room, made by whole games.
const ROOM_EVENTS: &str = include_str!(
    "../../domain/tests/rules/snapshots/rules__payloads__every_event_as_it_stands_on_the_wire.snap"
);

pub(crate) const ROOM: &str = "0190f5c2-7f5e-7c3a-9d51-6f3e2b8a4c10";
const NOW: Millis = Millis(1_705_746_601_000);
const COMMAND: Uuid = Uuid::from_u128(0x018d_2661_3aa8_7000_8000_0000_0000_0001);
const EVENT: Uuid = Uuid::from_u128(0x018d_2661_3aa9_7000_8000_0000_0000_0002);
const SOCKET: Uuid = Uuid::from_u128(0x7f3c_0d52_94b1_4a6e_8d2f_1c5b_9e07_a364);
const BOOT: Uuid = Uuid::from_u128(0x2b9e_61f7_c84d_4f03_a51e_d07c_3f96_b82a);
const SEED: &str = "0202020202020202020202020202020202020202020202020202020202020202";
const SEED_COMMITMENT: &str = "75877bb41d393b5fb8455ce60ecd8dda001d06316496b14dfa7f895656eeca4a";

/// A message's own fields by its type.
pub(crate) struct Examples(BTreeMap<String, Value>);

fn value(fields: &impl Serialize) -> Value {
    serde_json::to_value(fields).expect("an example is JSON")
}

fn user(id: u64) -> UserId {
    UserId::new(id).expect("a small number is a user's")
}

impl Examples {
    /// All of them.
    pub(crate) fn gather() -> Examples {
        let mut examples = BTreeMap::new();
        for line in ROOM_EVENTS.lines() {
            if let Some((name, body)) = line.split_once(" {") {
                let body = serde_json::from_str(&format!("{{{body}"));
                if let Ok(body) = body {
                    examples.insert(format!("games.event.{name}"), body);
                }
            }
        }
        for (name, fields) in cells() {
            examples.insert(format!("games.event.tic_tac_toe.{name}"), fields);
        }
        for (name, fields) in pauses() {
            examples.insert(format!("games.event.tic_tac_toe.{name}"), fields);
        }
        let cancelled = value(&MatchCancelled {
            reason: "game_failed",
            refunds: vec![(user(123), Cents(1_000)), (user(124), Cents(1_000))],
        });
        examples.insert(
            "games.event.bigger_dice.match_cancelled".to_owned(),
            cancelled,
        );
        for (name, fields) in answers()
            .into_iter()
            .chain(between())
            .chain(internal())
            .chain(asked())
        {
            examples.insert(name.to_owned(), fields);
        }
        Examples(examples)
    }

    /// The example of a message's own fields; none is null, which no schema takes.
    pub(crate) fn of(&self, name: &str) -> Value {
        self.0.get(name).cloned().unwrap_or_default()
    }
}

/// A whole frame.
pub(crate) fn frame(message: &Message, is_of_a_room: bool) -> Value {
    let mut frame = Map::new();
    frame.insert("type".into(), message.name.clone().into());
    let own = message.example.as_object();
    let has = |name: &str| own.is_some_and(|own| own.contains_key(name));
    let mut add = |name: &str, value: Value| {
        if !has(name) {
            frame.insert(name.into(), value);
        }
    };
    match message.flow {
        Flow::Command => add("command_id", value(&COMMAND)),
        Flow::Event => {
            add("event_id", value(&EVENT));
            add("correlation_id", value(&COMMAND));
            add("timestamp", value(&Timestamp(NOW)));
            if is_of_a_room {
                add("room_id", ROOM.into());
            }
            if message.name.ends_with(".error") {
                add("command_id", value(&COMMAND));
            }
        }
        Flow::Asked | Flow::Said | Flow::Between => {}
    }
    frame.extend(own.cloned().unwrap_or_default());
    frame.into()
}

/// A payload within its envelope.
pub(crate) fn payload(message: &Message, is_of_a_room: bool) -> Value {
    let mut payload = Map::new();
    if let Some(name) = message.short_name() {
        payload.insert("type".into(), name.into());
    }
    if message.flow == Flow::Command || message.name.ends_with(".error") {
        payload.insert("command_id".into(), value(&COMMAND));
    }
    if is_of_a_room {
        payload.insert("room_id".into(), ROOM.into());
    }
    payload.extend(message.example.as_object().cloned().unwrap_or_default());
    payload.into()
}

/// A record: the payload in its envelope, written as the program writes it.
pub(crate) fn record(message: &Message, payload: Value) -> Value {
    let (socket, event, command) = (SOCKET.to_string(), EVENT.to_string(), COMMAND.to_string());
    let timestamp = NOW.to_string();
    let is_command = message.flow == Flow::Command;
    let is_by_gateway = is_command || message.name.starts_with("presence.");
    let room: Option<RoomId> = payload["room_id"]
        .as_str()
        .and_then(|room| room.parse().ok());
    let audience = match &room {
        Some(room) => Audience::room(room),
        None => Audience::user(user(123)),
    };
    let payload = to_raw_value(&payload).expect("an example is JSON");
    let actor = Actor {
        user_id: user(123),
        username: "Player1".into(),
        socket_id: socket.into(),
        roles: vec!["player".into()],
    };
    value(&EventEnvelope {
        event_id: event.into(),
        event_type: message.name.as_str().into(),
        timestamp: timestamp.into(),
        correlation_id: Some(command.into()),
        producer: match is_by_gateway {
            true => PRODUCER_GATEWAY.into(),
            false => PRODUCER_BACKEND.into(),
        },
        actor: if is_command { actor } else { Actor::system() },
        audience,
        payload: &payload,
    })
}

/// Two players at a table of tic-tac-toe: X takes the first row.
fn cells() -> Vec<(String, Value)> {
    let games = built_in();
    let Some(game) = games.get("tic_tac_toe") else {
        return Vec::new();
    };
    let players = [
        SeatedPlayer::person(user(123), "Player1"),
        SeatedPlayer::person(user(124), "Player2"),
    ];
    let room = ROOM.parse().expect("a room's id");
    let seed: Seed = SEED.parse().expect("a seed in hex");
    let mut dice = Dice::new(seed, &room, &[None, None], 0);
    let mut table = Table::new(&players, Cents(1_600), &mut dice);
    let mut running = game.start(&mut table);
    for (seat, position) in [(0, 0), (1, 3), (0, 1), (1, 4), (0, 2)] {
        let fields = RawValue::from_string(format!("{{\"position\":{position}}}"));
        let fields = fields.expect("a number in an object is JSON");
        let moved = running.apply(&mut table, Seat(seat), "move", &fields);
        moved.expect("a free cell of the one whose turn it is");
    }
    let mut state = running.view(Viewer::Spectator, &players);
    state["is_paused"] = false.into();
    state["disconnected_player"] = Value::Null;
    state["move_deadline"] = value(&Timestamp(Millis(NOW.0 + 60_000)));
    running.on_timeout(&mut table, Seat(1));
    let mut shown: Vec<(String, Value)> = Vec::new();
    for GameEvent { name, body, .. } in table.into_events() {
        let body = serde_json::from_str(body.get()).expect("an event's fields are JSON");
        if shown.iter().all(|(known, _)| *known != name) {
            shown.push((name.into_owned(), body));
        }
    }
    shown.push(("state".to_owned(), state));
    shown.push((
        "match_ended".to_owned(),
        value(&Ended {
            winner_id: Some(user(123)),
            winner_username: Some("Player1".into()),
            final_scores: vec![
                (user(123), "Player1".into(), 5),
                (user(124), "Player2".into(), 2),
            ],
            prize_cents: Cents(1_600),
        }),
    ));
    shown
}

fn pauses() -> Vec<(&'static str, Value)> {
    vec![
        (
            "game_paused",
            value(&GamePaused {
                player_id: user(124),
                player_username: "Player2".into(),
                timeout_at: Timestamp(Millis(NOW.0 + 600_000)),
            }),
        ),
        (
            "game_resumed",
            value(&GameResumed {
                player_id: user(124),
                player_username: "Player2".into(),
            }),
        ),
        (
            "match_cancelled",
            value(&MatchCancelled {
                reason: "all_players_gone",
                refunds: vec![(user(123), Cents(1_000)), (user(124), Cents(1_000))],
            }),
        ),
    ]
}

/// What gateways and backends answer.
fn answers() -> Vec<(&'static str, Value)> {
    let refused = told::Refused {
        code: RefusalCode::RoomFull,
        message: RefusalCode::RoomFull.message(),
        socket_id: &SOCKET.to_string(),
    };
    let line = told::RoomLine {
        summary: RoomSummary {
            room_id: ROOM.parse().expect("a room's id"),
            room_name: "My Game".into(),
            game_type: "bigger_dice".into(),
            host_id: user(123),
            host_name: "Player1".into(),
            status: RoomStatus::Waiting,
            player_count: 1,
            spectator_count: 0,
            max_players: 2,
            is_password_protected: false,
            allow_spectators: true,
            entry_fee_cents: Cents(1_000),
            prize_cents: Cents(1_600),
            bot_count: 0,
            invites_bot: false,
        },
        can_rejoin: true,
        rejoin_role: Some(told::RejoinRole::Lobby),
    };
    let message = json!({
        "channel": "lobby", "message_id": format!("{ROOM}:1"), "user_id": "123", "username": "Player1",
        "content": "hi", "is_system": false, "timestamp": Timestamp(NOW),
    });
    vec![
        (
            "system.welcome",
            json!({ "connection_id": SOCKET, "timestamp": Timestamp(NOW) }),
        ),
        (
            "system.authenticated",
            json!({
                "user_id": "123", "username": "Player1", "roles": ["player"], "timestamp": Timestamp(NOW),
            }),
        ),
        (
            "system.heartbeat_ack",
            json!({ "timestamp": Timestamp(NOW) }),
        ),
        ("system.ack", json!({ "command_id": COMMAND })),
        (
            "system.error",
            json!({
                "code": "invalid_format", "message": "`room_id` must be a string", "command_id": COMMAND,
            }),
        ),
        ("games.event.error", value(&refused)),
        (
            "chat.event.error",
            value(&told::Refused {
                code: RefusalCode::UserNotFound,
                message: RefusalCode::UserNotFound.message(),
                ..refused
            }),
        ),
        (
            "games.event.command_applied",
            value(&told::CommandApplied { room_seq: 7 }),
        ),
        (
            "games.event.room_list",
            value(&told::RoomList { rooms: vec![line] }),
        ),
        (
            "games.event.chat_history",
            json!({ "channel": "lobby", "messages": [message] }),
        ),
        (
            "games.event.quick_match_waiting",
            value(&told::QuickMatchWaiting {
                game_type: "bigger_dice",
                waiting: 1,
                is_waiting: true,
            }),
        ),
        (
            "chat.event.message_received",
            value(&told::DirectMessage {
                message_id: EVENT,
                sender_id: user(123),
                sender_username: "Player1".to_owned(),
                recipient_id: user(124),
                recipient_username: "Player2".to_owned(),
                content: told::Content("hi".to_owned()),
                timestamp: NOW,
            }),
        ),
        (
            "chat.event.lobby_message",
            value(&told::LobbyMessage {
                lobby_id: told::LOBBY_ID.to_owned(),
                message_id: EVENT,
                user_id: user(123),
                username: "Player1".to_owned(),
                content: told::Content("hi".to_owned()),
                timestamp: NOW,
            }),
        ),
        (
            "chat.event.typing",
            value(&told::TypingTold {
                user_id: user(123),
                username: "Player1",
            }),
        ),
        (
            "chat.event.messages_read",
            value(&told::MessagesRead {
                message_ids: &[EVENT],
            }),
        ),
        (
            "wallet.event.balance_changed",
            value(&told::BalanceChanged {
                balance_cents: Cents(4_000),
                change_cents: Cents(-1_000),
                currency: "eur".to_owned(),
                reason: "fee".to_owned(),
            }),
        ),
        (
            "wallet.event.top_up",
            value(&told::TopUpChanged {
                request_id: COMMAND,
                status: "session_created".to_owned(),
                amount_cents: Cents(2_500),
                currency: "eur".to_owned(),
                refunded_cents: Cents::ZERO,
                session_url: Some("https://pay.example/session".to_owned()),
                error_message: None,
            }),
        ),
        (
            "wallet.event.limits",
            value(&told::LimitsTold {
                limits: vec![told::LimitTold {
                    period: Period::Week,
                    amount_cents: Some(Cents(10_000)),
                    used_cents: Cents(2_500),
                    pending: Some(told::PendingTold {
                        amount_cents: None,
                        from: NOW,
                    }),
                }],
                excluded_until: None,
            }),
        ),
        (
            "system.event.maintenance",
            value(&told::Maintenance {
                starts_at: Timestamp(NOW),
                message: "A new version comes in; you will be back in a minute".to_owned(),
                is_over: false,
            }),
        ),
    ]
}

fn between() -> Vec<(&'static str, Value)> {
    let presence = value(&told::UserPresence {
        user_id: user(123),
        gateway_id: "gateway-1",
        boot_id: BOOT,
        connection_id: SOCKET,
    });
    let start = |sockets| {
        value(&told::GatewayStart {
            gateway_id: "gateway-1",
            boot_id: BOOT,
            sockets,
        })
    };
    let connection = value(&told::UserConnection {
        connection_id: SOCKET,
    });
    let key = |id: &str| NamedKey {
        id: id.to_owned(),
        fingerprint: "5d41402abc4b2a76b9719d911017c592".to_owned(),
    };
    let rolled = RecordPlace {
        topic: "games.events".to_owned(),
        partition: 3,
        offset: 1_207,
    };
    vec![
        ("presence.event.user_online", presence.clone()),
        ("presence.event.user_offline", presence),
        ("presence.event.gateway_heartbeat", start(Some(3))),
        ("system.event.gateway_started", start(None)),
        ("system.event.user_connected", connection.clone()),
        ("system.event.user_disconnected", connection),
        (
            ACCOUNT_BANNED,
            value(&AccountBanned {
                user_id: user(123),
                is_banned: true,
            }),
        ),
        (SIGNED_OUT, value(&SignedOut { user_id: user(123) })),
        (
            KEYS_IN_USE,
            value(&KeysInUse {
                token_key: key("t-1"),
                password_keys: vec![key("p-1")],
            }),
        ),
        (
            LIVE_SETTINGS,
            value(&LiveSet {
                revision: 12,
                settings: [("games.bigger_dice.entry_fee_cents".to_owned(), 500.into())].into(),
            }),
        ),
        (
            DELIVERIES_ASKED,
            value(&DeliveriesAsked {
                ask_id: COMMAND,
                user_id: Some(user(123)),
                connection_id: Some(SOCKET),
                records: vec![rolled.clone()],
            }),
        ),
        (
            DELIVERIES_TOLD,
            value(&DeliveriesTold {
                ask_id: COMMAND,
                gateway_id: "gateway-1".to_owned(),
                remembers_since_ms: NOW.0 - 60_000,
                delivered: vec![Delivered {
                    record: rolled,
                    at_ms: NOW.0,
                    sockets: 2,
                }],
                unread: Vec::new(),
                user_sockets: 1,
                is_connected: true,
            }),
        ),
    ]
}

/// What gateways and partitions ask each other.
fn internal() -> Vec<(&'static str, Value)> {
    let room: RoomId = ROOM.parse().expect("a room's id");
    let (boot, command) = (BOOT.to_string(), COMMAND.to_string());
    let matched = told::MatchedRoom {
        room_id: room.clone(),
        game_type: "bigger_dice".to_owned(),
        players: vec![
            SeatedPlayer::person(user(123), "Player1"),
            SeatedPlayer::person(user(124), "Player2"),
        ],
        entry_fee_cents: Some(Cents(1_000)),
        prize_percent: Some(60),
    };
    let settled = told::SettledMatch {
        room_id: room.clone(),
        game_type: "bigger_dice".to_owned(),
        refused: vec![(user(124), RefusalCode::InsufficientBalance.into())],
    };
    let payloads = [
        (
            told::SYNC_USER,
            told::sync_user(COMMAND, user(123), std::slice::from_ref(&room)),
        ),
        (told::SYNC_ROOM, told::sync_room(&command, &room, user(123))),
        (
            told::PLAYER_DISCONNECTED,
            told::player_disconnected(COMMAND, &room, user(123)),
        ),
        (
            told::OPEN_MATCHED_ROOM,
            told::open_matched_room(COMMAND, &matched),
        ),
        (told::MATCH_SETTLED, told::match_settled(COMMAND, &settled)),
        (
            told::QUICK_MATCH_LEFT,
            told::quick_match_left(COMMAND, "bigger_dice", user(123)),
        ),
        (
            told::MATCHED_WHILE_GONE,
            told::matched_while_gone(COMMAND, &room, user(123)),
        ),
        (
            told::GATEWAY_SEEN,
            told::gateway_seen(COMMAND, "gateway-1", &boot, true),
        ),
        (
            told::GATEWAY_ASKED,
            told::gateway_asked(COMMAND, "gateway-1", &boot, 3),
        ),
        (
            told::MEMBER_ASKED,
            told::member_asked(COMMAND, &room, user(123)),
        ),
        (
            told::CLOSE_ROOM,
            told::close_room(COMMAND, &room, "the game hangs"),
        ),
        (
            told::DEMO_GRANT,
            told::demo_grant(COMMAND, user(123), "Player1"),
        ),
        (
            told::CREDIT,
            told::credit(COMMAND, user(123), Cents(2_500), Some("a trial")),
        ),
        (told::CLOSE_GUEST, told::close_guest(COMMAND, user(123))),
    ];
    let payloads = payloads.into_iter();
    payloads
        .map(|(name, payload)| (name, value(&payload)))
        .collect()
}

/// What clients ask.
fn asked() -> Vec<(&'static str, Value)> {
    let in_room = json!({ "room_id": ROOM });
    let whom = json!({ "room_id": ROOM, "target_user_id": "124" });
    let mut asked = vec![
        (
            "system.authenticate",
            json!({
                "token": "eyJhbGciOiJFZERTQSJ9.…", "resume": [{ "room_id": ROOM, "room_seq": 7 }],
            }),
        ),
        ("system.heartbeat", json!({})),
        (
            "system.resume",
            json!({ "rooms": [{ "room_id": ROOM, "room_seq": 7 }] }),
        ),
        (
            "system.lobby",
            json!({ "watch": true, "game_type": "bigger_dice" }),
        ),
        (
            "games.command.create_room",
            json!({ "game_type": "bigger_dice", "room_name": "My Game", "max_players": 2 }),
        ),
        (
            "games.command.join_room",
            json!({ "room_id": ROOM, "password": "open sesame" }),
        ),
        (
            "games.command.quick_match",
            json!({ "game_type": "bigger_dice", "entry_fee_cents": 1_000 }),
        ),
        (
            "games.command.list_rooms",
            json!({ "game_type": "bigger_dice" }),
        ),
        (
            "games.command.invite_players",
            json!({ "room_id": ROOM, "target_user_ids": ["124"] }),
        ),
        ("games.command.become_spectator", in_room.clone()),
        ("games.command.become_player", in_room.clone()),
        (
            "games.command.ready",
            json!({ "room_id": ROOM, "is_ready": true, "seed_commitment": SEED_COMMITMENT }),
        ),
        (
            "games.command.reveal_seed",
            json!({ "room_id": ROOM, "client_seed": SEED }),
        ),
        (
            "games.command.send_chat",
            json!({ "room_id": ROOM, "channel": "lobby", "content": "hi" }),
        ),
        (
            "games.command.get_chat_history",
            json!({ "room_id": ROOM, "channel": "lobby", "limit": 50 }),
        ),
        (
            "games.command.tic_tac_toe.move",
            json!({ "room_id": ROOM, "position": 4 }),
        ),
        (
            "chat.command.send_message",
            json!({ "recipient_id": "124", "content": "hi" }),
        ),
        (
            "chat.command.send_lobby_message",
            json!({ "lobby_id": told::LOBBY_ID, "content": "hi" }),
        ),
        ("chat.command.typing", json!({ "recipient_id": "124" })),
        ("chat.command.mark_read", json!({ "message_ids": [EVENT] })),
        (
            told::TOP_UP,
            json!({ "amount_cents": 2_500, "success_url": "https://play.example/wallet" }),
        ),
        (told::CANCEL_TOP_UP, json!({ "request_id": COMMAND })),
        (
            "wallet.command.set_deposit_limit",
            json!({ "period": "week", "amount_cents": 10_000 }),
        ),
        ("wallet.command.exclude_self", json!({ "days": 30 })),
    ];
    for name in [
        "games.command.bigger_dice.enable_auto_play",
        "games.command.tic_tac_toe.enable_auto_play",
    ] {
        asked.push((name, json!({ "room_id": ROOM, "enabled": true })));
    }
    for name in [
        "games.command.rejoin_room",
        "games.command.leave_room",
        "games.command.join_as_spectator",
        "games.command.leave_spectate",
        "games.command.start_game",
        "games.command.bigger_dice.roll",
    ] {
        asked.push((name, in_room.clone()));
    }
    for name in [
        "games.command.select_spectator",
        "games.command.select_player",
        "games.command.deselect_player",
        "games.command.kick_player",
        "games.command.kick_spectator",
        "games.command.ban_player",
        "games.command.unban_player",
        "games.command.mute_user",
        "games.command.unmute_user",
    ] {
        asked.push((name, whom.clone()));
    }
    asked
}
