//! The house's bot: whoever is alone can play at once, against a player that is marked as a bot, pays as
//! everyone does, and makes room for people.

use blazing_sun_domain::RoomId;
use blazing_sun_domain::fairness::{Dice, Seed};
use blazing_sun_harness::{Client, Guest, Launch, TestServer, text, tool, within};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const SEED: Seed = Seed([0x5e; 32]);

/// A server with a bot that does not keep tests waiting.
async fn server_with_bot(settings: &[(&str, &str)]) -> TestServer {
    let quick = [
        ("BOT__ENABLED", "true"),
        ("BOT__JOINS_AFTER_MS", "100"),
        ("BOT__MOVE_AFTER_MS", "10"),
    ];
    let settings = quick.iter().chain(settings);
    let environment =
        settings.map(|(name, value)| (format!("BLAZING_SUN_{name}"), (*value).into()));
    let launch = Launch {
        environment: environment.collect(),
        ..Launch::default()
    };
    TestServer::launch(launch).await
}

/// Waits for the bot in the lobby; its id.
async fn bot_comes(host: &mut Client) -> String {
    let joined = host.event("games.event.lobby_joined").await;
    assert_eq!(joined["player"]["is_bot"], true, "{joined}");
    assert_eq!(joined["player"]["username"], "House bot");
    text(&joined["player"]["user_id"])
}

async fn select(host: &mut Client, room: &str, user_id: &str) -> Value {
    let fields = json!({ "room_id": room, "target_user_id": user_id });
    host.command("select_player", fields).await;
    host.event("games.event.player_selected").await
}

/// A lone guest makes a room and is about to begin with the bot.
async fn alone_with_bot(server: &TestServer) -> (Client, String, String) {
    let guest = server.guest().await;
    let mut host = Client::sign_in(server, &guest).await;
    let room = host.create_room("Alone").await;
    let bot = bot_comes(&mut host).await;
    let selected = select(&mut host, &room, &bot).await;
    assert_eq!(selected["player"]["is_bot"], true);
    let selected = select(&mut host, &room, &guest.user_id).await;
    assert_eq!(selected["player"].get("is_bot"), None);
    (host, room, bot)
}

async fn clean_audit(server: &TestServer) -> Value {
    let report = server.audit().await;
    assert_eq!(report["clean"], true, "{report:#}");
    assert_eq!(report["totals"]["escrow_cents"], 0);
    report
}

fn bot_commands<'a>(records: &'a [Value], bot: &str) -> Vec<&'a Value> {
    let is_bots = |record: &&Value| record["actor"]["user_id"] == bot;
    records.iter().filter(is_bots).collect()
}

#[tokio::test]
async fn a_lone_guest_plays_a_match_with_dice_that_follow_from_the_guests_seed_alone() {
    let server = server_with_bot(&[("BOT__ROOMS_MAX", "1")]).await;
    let (mut host, room, bot) = alone_with_bot(&server).await;
    let ready = json!({ "room_id": room, "is_ready": true, "seed_commitment": SEED.commitment() });
    host.command("ready", ready).await;
    host.event("games.event.seeds_requested").await;
    let reveal = json!({ "room_id": room, "client_seed": SEED.to_hex() });
    host.command("reveal_seed", reveal).await;
    let started = host.event("games.event.game_started").await;
    assert_eq!(started["seeds"], json!([null, SEED.to_hex()]));
    assert_eq!(started["players"][0]["is_bot"], true);
    assert_eq!(started["players"][1].get("is_bot"), None);
    host.play(&room).await;

    let revealed = host
        .seen_of("games.event.seed_revealed")
        .next()
        .expect("a seed");
    let server_seed: Seed = text(&revealed["server_seed"]).parse().expect("a seed");
    let room_id: RoomId = room.parse().expect("a room");
    let rolls: Vec<&Value> = host.seen_of("games.event.bigger_dice.rolled").collect();
    assert!(rolls.len() >= 20, "ten points take ten rounds of two");
    for roll in rolls {
        let nonce = roll["proof"]["nonce"].as_u64().expect("a nonce");
        let mut dice = Dice::new(server_seed, &room_id, &[None, Some(SEED)], nonce);
        assert_eq!(roll["roll"], dice.roll().0, "{roll}");
    }

    let report = clean_audit(&server).await;
    assert_eq!(report["totals"]["rake_cents"], 400);
    let over = host.seen_of("games.event.bigger_dice.game_over").next();
    let has_won = over.expect("an end")["winner_id"] == host.guest.user_id.as_str();
    let balance = server.balance_cents(&host.guest).await;
    assert_eq!(balance, if has_won { 5_600 } else { 4_000 });
    let prizes = server.records("bigger_dice.win_prize").await;
    assert_eq!(prizes.len(), 1, "{prizes:#?}");

    let commands = server.records("games.commands").await;
    let of_bot = bot_commands(&commands, &bot);
    let kinds: BTreeSet<String> = of_bot.iter().map(|it| text(&it["event_type"])).collect();
    let expected = ["join_room", "list_rooms", "ready", "bigger_dice.roll"];
    for kind in expected.map(|name| format!("games.command.{name}")) {
        assert!(kinds.contains(&kind), "no {kind} in {kinds:?}");
    }
    assert!(!kinds.contains("games.command.reveal_seed"), "{kinds:?}");
    let has_seed = |record: &&Value| record["payload"].get("seed_commitment").is_some();
    assert_eq!(of_bot.into_iter().find(has_seed), None);
}

#[tokio::test]
async fn after_a_kill_the_same_bot_plays_on() {
    let mut server = server_with_bot(&[("BOT__ROOMS_MAX", "1")]).await;
    let (mut host, room, bot) = alone_with_bot(&server).await;
    host.ready(&room).await;
    for _ in 0..5 {
        let turn = host.event("games.event.turn_changed").await;
        if turn["current_turn"] == host.guest.user_id.as_str() {
            host.command("bigger_dice.roll", json!({ "room_id": room }))
                .await;
        }
    }
    server.kill().await;
    server.restart().await;
    let mut host = Client::sign_in(&server, &host.guest).await;
    let state = host.event("games.event.room_state").await;
    assert_eq!(state["room"]["players"][0]["is_bot"], true);
    if state["room"]["current_turn"] == host.guest.user_id.as_str() {
        host.command("bigger_dice.roll", json!({ "room_id": room }))
            .await;
    }
    host.play(&room).await;
    clean_audit(&server).await;
    let again = host.create_room("Again").await;
    assert_eq!(bot_comes(&mut host).await, bot, "found again by its role");
    assert_ne!(again, room);
}

#[tokio::test]
async fn a_bot_whose_connection_is_cut_again_and_again_plays_on() {
    let settings = [
        ("GATEWAY__SILENCE_MAX_S", "1"),
        ("BOT__MOVE_AFTER_MS", "1800"),
    ];
    let server = server_with_bot(&settings).await;
    let guest = server.guest().await;
    let mut host = Client::sign_in(&server, &guest).await;
    let (mut room, mut bot, mut rolls) = (String::new(), String::new(), 0);
    let fields = json!({ "game_type": "bigger_dice", "room_name": "r", "invites_bot": true });
    host.command("create_room", fields).await;
    let mut alive = tokio::time::interval(Duration::from_millis(300));
    within("three rolls of the bot", async {
        while rolls < 3 {
            let frame = tokio::select! {
                frame = host.next() => frame.expect("a connection"),
                _ = alive.tick() => {
                    host.send(json!({ "type": "system.heartbeat" })).await;
                    continue;
                }
            };
            match frame["type"].as_str().unwrap_or_default() {
                "games.event.room_state" => room = text(&frame["room"]["room_id"]),
                "games.event.lobby_joined" => {
                    bot = text(&frame["player"]["user_id"]);
                    for target in [&bot, &guest.user_id] {
                        let fields = json!({ "room_id": room, "target_user_id": target });
                        host.command("select_player", fields).await;
                    }
                    host.ready(&room).await;
                }
                "games.event.turn_changed" if frame["current_turn"] == guest.user_id.as_str() => {
                    host.command("bigger_dice.roll", json!({ "room_id": room }))
                        .await;
                }
                "games.event.bigger_dice.rolled" if frame["player_id"] == bot.as_str() => {
                    rolls += 1
                }
                _ => {}
            }
        }
    })
    .await;
    let commands = server.records("games.commands").await;
    let is_roll = |record: &&&Value| record["event_type"] == "games.command.bigger_dice.roll";
    let asked = bot_commands(&commands, &bot);
    assert!(
        asked.iter().filter(is_roll).count() >= 3,
        "the server rolled for it"
    );
    let is_cut = |record: &&Value| {
        record["event_type"] == "presence.event.user_offline"
            && record["payload"]["user_id"] == bot.as_str()
    };
    // A busy gateway may tell of the last one later.
    within("three cuts", async {
        let presence = async || server.records("gateway.presence").await;
        while presence().await.iter().filter(is_cut).count() < 3 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(server.audit().await["clean"], true);
}

#[tokio::test]
async fn where_it_is_off_nobody_comes() {
    let server = server_with_bot(&[("BOT__ENABLED", "false")]).await;
    let guest = server.guest().await;
    assert_eq!(guest.user_id, "1", "no accounts were made for bots");
    assert!(!has_bot(&server).await);
    let commands = server.records("games.commands").await;
    assert!(
        commands
            .iter()
            .all(|it| it["event_type"] != "games.command.list_rooms")
    );
}

async fn has_bot(server: &TestServer) -> bool {
    let games = server.http().get(server.url("/api/v1/games")).send().await;
    let games: Value = games.expect("an answer").json().await.expect("JSON");
    games["games"][0]["has_bot"] == true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_who_are_alone_all_get_a_game() {
    let server = server_with_bot(&[("BOT__JOINS_AFTER_MS", "600000")]).await;
    assert!(has_bot(&server).await);
    let mut rooms = Vec::new();
    for _ in 0..3 {
        let guest = server.guest().await;
        let mut host = Client::sign_in(&server, &guest).await;
        let fields = json!({ "game_type": "bigger_dice", "room_name": "r", "invites_bot": true });
        host.command("create_room", fields).await;
        let state = host.event("games.event.room_state").await;
        assert_eq!(state["room"]["invites_bot"], true);
        rooms.push((host, text(&state["room"]["room_id"])));
    }
    let mut games = Vec::new();
    for (mut host, room) in rooms {
        games.push(tokio::spawn(async move {
            let bot = bot_comes(&mut host).await;
            select(&mut host, &room, &bot).await;
            let me = host.guest.user_id.clone();
            select(&mut host, &room, &me).await;
            host.ready(&room).await;
            host.play(&room).await;
        }));
    }
    for game in games {
        game.await.expect("a whole game");
    }
    assert_eq!(clean_audit(&server).await["totals"]["rake_cents"], 3 * 400);
}

/// A guest asks for the bot in a room of their own; the bot that came.
async fn invite(server: &TestServer) -> (Client, String) {
    let guest = server.guest().await;
    let mut host = Client::sign_in(server, &guest).await;
    let fields = json!({ "game_type": "bigger_dice", "room_name": "r", "invites_bot": true });
    host.command("create_room", fields).await;
    let bot = bot_comes(&mut host).await;
    (host, bot)
}

/// The bots that watched the lobby, in the order of their commands.
async fn watchers(server: &TestServer) -> Vec<String> {
    let commands = server.records("games.commands").await;
    let lists = commands
        .iter()
        .filter(|record| record["event_type"] == "games.command.list_rooms");
    // A command may be on the log again.
    let by_command: BTreeMap<String, String> = lists
        .map(|record| {
            let command_id = text(&record["payload"]["command_id"]);
            (command_id, text(&record["actor"]["user_id"]))
        })
        .collect();
    by_command.into_values().collect()
}

#[tokio::test]
async fn when_the_bot_that_watches_the_lobby_is_banned_another_does() {
    let settings = [("BOT__JOINS_AFTER_MS", "600000"), ("BOT__ROOMS_MAX", "32")];
    let server = server_with_bot(&settings).await;
    let (_first, _) = invite(&server).await;
    let before = watchers(&server).await;
    assert_eq!(before.len(), 1, "{before:?}");
    let ban = ["user", "ban", &before[0], "--reason", "test"];
    let banned = tool(&ban, &server.data_dir()).await;
    assert!(banned.status.success(), "{banned:?}");
    let (_second, bot) = invite(&server).await;
    assert_ne!(bot, before[0]);
    assert_eq!(watchers(&server).await, [before, vec![bot]].concat());
}

#[tokio::test]
async fn the_bot_makes_room_for_a_person_and_passes_closed_rooms_by() {
    let server = server_with_bot(&[]).await;
    let (host, other) = (server.guest().await, server.guest().await);
    let mut host = Client::sign_in(&server, &host).await;
    let closed = json!({
        "game_type": "bigger_dice", "room_name": "closed", "password": "x", "invites_bot": true,
    });
    host.command("create_room", closed).await;
    let closed = text(&host.event("games.event.room_state").await["room"]["room_id"]);
    let room = host.create_room("open").await;
    let bot = bot_comes(&mut host).await;
    let joined = |client: &Client, room: &str| {
        let joined = client.seen_of("games.event.lobby_joined");
        joined.filter(|frame| frame["room_id"] == room).count()
    };
    assert_eq!(
        joined(&host, &closed),
        0,
        "it waited longer, and behind a password"
    );
    select(&mut host, &room, &bot).await;

    let mut other = Client::sign_in(&server, &other).await;
    other.join_room(&room).await;
    let left = host.event("games.event.player_left").await;
    assert_eq!(
        (&left["room_id"], &left["user_id"]),
        (&json!(room), &json!(bot))
    );
    let (me, them) = (host.guest.clone(), other.guest.clone());
    host.select(&room, &[&me, &them]).await;
    host.ready(&room).await;
    other.ready(&room).await;
    tokio::join!(host.play(&room), other.play(&room));
    clean_audit(&server).await;
}

#[tokio::test]
async fn when_the_host_leaves_so_does_the_bot() {
    let server = server_with_bot(&[]).await;
    let guest = server.guest().await;
    let mut host = Client::sign_in(&server, &guest).await;
    let room = host.create_room("r").await;
    bot_comes(&mut host).await;
    host.send(json!({ "type": "system.lobby", "watch": true }))
        .await;
    host.command("leave_room", json!({ "room_id": room })).await;
    let removed = host.event("games.event.room_removed").await;
    assert_eq!(
        (&removed["room_id"], &removed["reason"]),
        (&json!(room), &json!("abandoned"))
    );
    clean_audit(&server).await;
}

#[tokio::test]
async fn a_bot_that_can_not_pay_is_credited_once() {
    let settings = [
        ("BOT__ROOMS_MAX", "2"),
        ("GAMES__BIGGER_DICE__ENTRY_FEE_CENTS", "4000"),
    ];
    let mut server = server_with_bot(&settings).await;
    let (mut first, first_room, bot) = alone_with_bot(&server).await;
    let (mut second, second_room, same) = alone_with_bot(&server).await;
    assert_eq!(bot, same, "one account is enough for two rooms");
    for (host, room) in [(&mut first, &first_room), (&mut second, &second_room)] {
        host.ready(room).await;
        host.play(room).await;
    }
    server.kill().await;
    server.restart().await;
    let guest = server.guest().await;
    let mut third = Client::sign_in(&server, &guest).await;
    third.create_room("third").await;
    assert_eq!(bot_comes(&mut third).await, bot);

    let events = server.records("games.events").await;
    let credits: Vec<&Value> = events
        .iter()
        .filter(|event| event["event_type"] == "wallet.event.balance_changed")
        .filter(|event| event["payload"]["reason"] == "credit")
        .collect();
    assert_eq!(credits.len(), 1, "{credits:#?}");
    assert_eq!(credits[0]["audience"]["user_ids"], json!([bot]));
    assert_eq!(
        clean_audit(&server).await["totals"]["rake_cents"],
        2 * 1_600
    );
}

#[tokio::test]
async fn a_client_can_not_pass_for_a_bot() {
    let server = server_with_bot(&[("BOT__JOINS_AFTER_MS", "600000")]).await;
    let claims = json!({ "username": "Robot", "roles": ["bot"], "is_bot": true });
    let answer = server.http().post(server.url("/api/v1/auth/guest"));
    let answer = answer.json(&claims).send().await.expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    let guest = match answer.get("access_token") {
        Some(_) => Guest::from_answer(&answer),
        // Fields that nobody asked for may be refused.
        None => server.guest().await,
    };
    let mut host = Client::sign_in(&server, &guest).await;
    let actor = json!({ "user_id": guest.user_id, "username": "x", "roles": ["bot"] });
    let fields = json!({
        "game_type": "bigger_dice", "room_name": "r", "is_bot": true, "roles": ["bot"], "actor": actor,
    });
    host.command("create_room", fields).await;
    let state = host.event("games.event.room_state").await;
    assert_eq!(state["room"]["lobby"][0]["user_id"], guest.user_id.as_str());
    assert_eq!(state["room"]["lobby"][0].get("is_bot"), None, "{state}");
    for name in ["House bot", "house BOT"] {
        let named = server.http().post(server.url("/api/v1/auth/guest"));
        let named = named.json(&json!({ "username": name })).send().await;
        let refused: Value = named.expect("an answer").json().await.expect("JSON");
        assert_eq!(refused["code"], "invalid_username", "{name}: {refused}");
    }
}
