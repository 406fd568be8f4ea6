//! Who gets which event: audiences, memberships, refusals, the lobby.

mod support;

use serde_json::{Value, json};
use support::{Event, World, numbers, types};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_is_the_event_with_its_envelopes_fields() {
    let world = World::start().await;
    let mut client = world.sign_in(1).await;
    world.enter("r", 1, "lobby", 4);
    assert_eq!(client.next().await["room"]["recovered"], false);
    let event = Event::room("games.event.bigger_dice.rolled", "r", 5)
        .with("roll", json!(6))
        .with("timestamp", json!("the payload's own"))
        .answering("c-1");
    world.publish(&event);
    let frame = client.next().await;
    assert!(
        frame["event_id"]
            .as_str()
            .is_some_and(|id| Uuid::try_parse(id).is_ok())
    );
    let mut expected = json!({
        "type": "games.event.bigger_dice.rolled", "correlation_id": "c-1", "room_id": "r",
        "room_seq": 5, "roll": 6, "timestamp": "the payload's own",
    });
    expected["event_id"] = frame["event_id"].clone();
    assert_eq!(frame, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_audience_reaches_whom_it_names() {
    let world = World::start().await;
    let mut clients = Vec::new();
    for user in 1..=5 {
        clients.push(world.sign_in(user).await);
    }
    for (user, role) in [(1, "lobby"), (2, "player"), (3, "spectator")] {
        world.enter("r", user, role, 1);
    }
    world.enter("other", 4, "lobby", 1);
    let audiences = [
        (Event::room("games.event.x", "r", 2), &[1, 2, 3][..]),
        (Event::narrow("games.event.x", "players", "r", 2), &[1, 2]),
        (Event::narrow("games.event.x", "spectators", "r", 2), &[3]),
        (Event::user("games.event.x", 2), &[2]),
        (
            Event::user("games.event.x", 2)
                .about("r")
                .with("after_seq", json!(2)),
            &[2],
        ),
        (Event::users("games.event.x", &[1, 3, 5]), &[1, 3, 5]),
        (
            Event::users("games.event.x", &[1, 4])
                .about("r")
                .with("after_seq", json!(2)),
            &[1, 4],
        ),
        (
            Event::broadcast("system.event.maintenance"),
            &[1, 2, 3, 4, 5],
        ),
        (Event::broadcast("system.event.user_connected"), &[]),
        (Event::room("games.event.x", "nowhere", 1), &[]),
        (Event::user("chat.event.message_received", 5), &[5]),
    ];
    for (n, (event, _)) in (0..).zip(&audiences) {
        world.publish(&event.clone().with("n", json!(n)));
        let foreign = event.clone().with("n", json!(100 + n)).without_headers();
        let seq = foreign.payload.get("room_seq").and_then(Value::as_u64);
        world.publish(&match seq {
            Some(seq) => foreign.with("room_seq", json!(seq + 1)),
            None => foreign,
        });
    }
    for (user, client) in (1..).zip(&mut clients) {
        let mut got = numbers(&world.settle(client).await);
        got.sort_unstable();
        let mine = (0..)
            .zip(&audiences)
            .filter(|(_, (_, users))| users.contains(&user));
        let mine: Vec<u64> = mine.map(|(n, _)| n).collect();
        let expected: Vec<u64> = mine
            .iter()
            .copied()
            .chain(mine.iter().map(|n| 100 + n))
            .collect();
        assert_eq!(got, expected, "user {user}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memberships_begin_before_and_end_behind_their_event() {
    let world = World::start().await;
    let (mut stays, mut goes) = (world.sign_in(1).await, world.sign_in(2).await);
    world.publish(&Event::room("games.event.x", "r", 1).with("n", json!(1)));
    world.enter("r", 1, "lobby", 1);
    world.enter("r", 2, "spectator", 1);
    world.publish(&Event::narrow("games.event.x", "players", "r", 1).with("n", json!(2)));
    let becomes = Event::narrow("games.event.x", "players", "r", 1).member(2, "lobby");
    world.publish(&becomes.with("n", json!(3)));
    world.publish(&Event::narrow("games.event.x", "spectators", "r", 1).with("n", json!(4)));
    let left = Event::room("games.event.player_left", "r", 2).member(2, "none");
    world.publish(&left.with("n", json!(5)));
    world.publish(&Event::room("games.event.x", "r", 3).with("n", json!(6)));
    world.enter("r", 2, "lobby", 3);
    world.publish(&Event::room("games.event.x", "r", 4).with("n", json!(7)));
    let left = Event::room("games.event.player_left", "r", 5).with("user_id", json!("2"));
    world.publish(&left.with("n", json!(8)).without_headers());
    world.publish(&Event::room("games.event.x", "r", 6).with("n", json!(9)));
    assert_eq!(
        numbers(&world.settle(&mut stays).await),
        [2, 3, 5, 6, 7, 8, 9]
    );
    assert_eq!(numbers(&world.settle(&mut goes).await), [3, 5, 7, 8]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_about_a_room_travels_in_the_rooms_order() {
    let world = World::start().await;
    let mut client = world.sign_in(1).await;
    world.enter("r", 1, "lobby", 0);
    let mut expected = Vec::new();
    for n in 0..200_u64 {
        let event = match n % 4 {
            0 => Event::room("games.event.x", "r", n + 1),
            1 => Event::user("games.event.x", 1)
                .about("r")
                .with("after_seq", json!(n)),
            // Too long for the ring, and still in order.
            2 => Event::user("games.event.x", 1)
                .about("r")
                .with("pad", json!("x".repeat(6_000))),
            _ => Event::user("games.event.room_state", 1)
                .about("r")
                .member(1, "lobby"),
        };
        world.publish(&event.with("n", json!(n)).with("room_seq_at", json!(n)));
        expected.push(n);
    }
    assert_eq!(numbers(&world.settle(&mut client).await), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_reaches_the_asking_socket_alone() {
    let world = World::start().await;
    let mut first = world.sign_in(1).await;
    let mut second = world.sign_in(1).await;
    let mut other = world.sign_in(2).await;
    world.enter("r", 1, "lobby", 1);
    let refusal = |socket: &str, n: u64| {
        Event::user("games.event.error", 1)
            .about("r")
            .with("code", json!("not_your_turn"))
            .with("socket_id", json!(socket))
            .with("n", json!(n))
    };
    world.publish(&refusal(&first.id, 1));
    world.publish(&refusal(&second.id, 2).without_headers());
    world.publish(&refusal("", 3));
    // Another user's socket, and one that is not here.
    world.publish(&refusal(&other.id, 4));
    world.publish(&refusal(&Uuid::new_v4().to_string(), 5));
    let chat = Event {
        event_type: "chat.event.error",
        ..refusal(&second.id, 6)
    };
    world.publish(&chat);
    assert_eq!(numbers(&world.settle(&mut first).await), [1, 3]);
    assert_eq!(numbers(&world.settle(&mut second).await), [2, 3, 6]);
    assert_eq!(numbers(&world.settle(&mut other).await), [0_u64; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_events_never_leak() {
    let world = World::start().await;
    let mut clients = Vec::new();
    for user in 1..=6 {
        clients.push(world.sign_in(user).await);
        world.enter(
            "r",
            user,
            if user % 2 == 0 { "spectator" } else { "lobby" },
            0,
        );
    }
    for round in 0..60_u64 {
        let user = round % 6 + 1;
        let canary = |event: Event| event.with("canary", json!(format!("secret-{user}-")));
        world.publish(&canary(Event::user("games.event.x", user)));
        let after = Event::user("games.event.x", user)
            .about("r")
            .with("after_seq", json!(round));
        world.publish(&canary(after));
        world.publish(&Event::room("games.event.x", "r", round + 1));
        let code = Event::user("games.event.error", user).with("code", json!("x"));
        world.publish(&canary(
            code.with("socket_id", json!(clients[round as usize % 6].id)),
        ));
    }
    for (user, client) in (1..).zip(&mut clients) {
        let frames = world.settle(client).await;
        let text = serde_json::to_string(&frames).unwrap();
        for other in (1..=6).filter(|other| *other != user) {
            assert!(
                !text.contains(&format!("secret-{other}-")),
                "{user} saw {other}'s"
            );
        }
        assert_eq!(
            text.matches(&format!("secret-{user}-")).count(),
            30,
            "user {user}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_sockets_of_a_user_follow() {
    let world = World::start().await;
    let mut first = world.sign_in(1).await;
    let mut second = world.sign_in(1).await;
    world.enter("r", 1, "lobby", 1);
    world.publish(&Event::room("games.event.x", "r", 2).with("n", json!(1)));
    for client in [&mut first, &mut second] {
        let frames = world.settle(client).await;
        assert_eq!(types(&frames), ["games.event.room_state", "games.event.x"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_twice_arrives_once() {
    let world = World::start().await;
    let mut client = world.sign_in(1).await;
    world.enter("r", 1, "lobby", 0);
    let records: Vec<_> = (1..=5)
        .map(|n| world.record(&Event::room("games.event.x", "r", n).with("n", json!(n))))
        .collect();
    for record in [&records[..3], &records[1..], &records[..]].concat() {
        world.log.append(vec![record], Box::new(|_| {})).unwrap();
    }
    assert_eq!(numbers(&world.settle(&mut client).await), [1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreadable_record_stops_nothing() {
    let world = World::start().await;
    let mut client = world.sign_in(1).await;
    world.enter("r", 1, "lobby", 0);
    for payload in ["", "null", "[]", "{\"event_id\":1}", "\u{0}"] {
        for headers in [true, false] {
            let event = Event::room("games.event.x", "r", 1);
            let event = if headers {
                event
            } else {
                event.without_headers()
            };
            let mut record = world.record(&event);
            record.payload = payload.as_bytes().to_vec().into();
            world.log.append(vec![record], Box::new(|_| {})).unwrap();
        }
    }
    world.publish(&Event::user("games.event.x", 1).with("n", json!(1)));
    assert_eq!(numbers(&world.settle(&mut client).await), [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lobby_reaches_those_who_watch_it() {
    let world = World::start().await;
    let mut clients = Vec::new();
    for user in 1..=3 {
        clients.push(world.sign_in(user).await);
    }
    clients[0]
        .send(json!({"type": "system.lobby", "watch": true}))
        .await;
    let dice = json!({"type": "system.lobby", "watch": true, "game_type": "bigger_dice"});
    clients[1].send(dice).await;
    for client in &mut clients {
        world.settle(client).await;
    }
    let change = |kind, room: &str, game: &str, n: u64| {
        Event::broadcast(kind)
            .with("room_id", json!(room))
            .with("game_type", json!(game))
            .with("n", json!(n))
    };
    world.publish(&change("games.event.room_created", "a", "bigger_dice", 1));
    world.publish(&change("games.event.room_created", "b", "tic_tac_toe", 2));
    world.publish(&change(
        "games.event.room_created",
        "gone",
        "bigger_dice",
        30,
    ));
    world.publish(&change(
        "games.event.room_updated",
        "gone",
        "bigger_dice",
        31,
    ));
    for n in 3..20 {
        world.publish(&change("games.event.room_updated", "a", "bigger_dice", n));
    }
    // It names no game: whoever watches one may have had that room.
    let removed = Event::broadcast("games.event.room_removed").with("room_id", json!("b"));
    world.publish(&removed.with("n", json!(20)));
    world.publish(&change(
        "games.event.room_removed",
        "gone",
        "bigger_dice",
        32,
    ));
    world.publish(&change("games.event.room_created", "d", "tic_tac_toe", 33));
    for (client, expected) in
        clients
            .iter_mut()
            .zip([&[1, 19, 20, 32, 33][..], &[1, 19, 20, 32], &[]])
    {
        let mut got = Vec::new();
        for _ in expected {
            got.push(client.next().await);
        }
        got.extend(world.settle(client).await);
        assert_eq!(numbers(&got), expected);
    }
    clients[0]
        .send(json!({"type": "system.lobby", "watch": false}))
        .await;
    world.settle(&mut clients[0]).await;
    world.publish(&change("games.event.room_created", "c", "bigger_dice", 21));
    assert_eq!(clients[1].next().await["n"], 21);
    assert_eq!(numbers(&world.settle(&mut clients[0]).await), [0_u64; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lobbys_chat_is_for_those_who_watch_and_what_is_for_all_for_all() {
    let world = World::start().await;
    let (mut watching, mut other) = (world.sign_in(1).await, world.sign_in(2).await);
    let dice = json!({"type": "system.lobby", "watch": true, "game_type": "bigger_dice"});
    watching.send(dice).await;
    world.settle(&mut watching).await;
    for without_headers in [false, true] {
        let chat = Event::broadcast("chat.event.lobby_message").with("n", json!(1));
        let news = Event::broadcast("system.event.maintenance")
            .with("room_id", json!("r"))
            .with("n", json!(2));
        let foreign = Event::broadcast("games.event.news").with("n", json!(3));
        for event in [chat, news, foreign] {
            world.publish(&if without_headers {
                event.without_headers()
            } else {
                event
            });
        }
        // Topics come in no order among each other.
        for (client, expected) in [(&mut watching, &[1, 2, 3][..]), (&mut other, &[2, 3])] {
            let mut heard = numbers(&world.settle(client).await);
            heard.sort_unstable();
            assert_eq!(heard, expected);
        }
    }
    // One that reconnects watches only once it says so again.
    drop(watching);
    let control = world.gateway.control();
    world
        .until("no watcher", || control.held().watchers == 0)
        .await;
    let mut again = world.sign_in(1).await;
    world.publish(&Event::broadcast("chat.event.lobby_message").with("n", json!(4)));
    assert_eq!(numbers(&world.settle(&mut again).await), [0_u64; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_kept_of_rooms_that_have_ended() {
    const ROOMS: [&str; 4] = ["r0", "r1", "r2", "r3"];
    let world = World::start().await;
    let (mut one, mut two) = (world.sign_in(1).await, world.sign_in(2).await);
    let control = world.gateway.control();
    let before = control.held();
    for round in 0..25 {
        let room = ROOMS[round % ROOMS.len()];
        world.enter(room, 1, "player", 0);
        world.enter(room, 2, "player", 0);
        for n in 1..20 {
            let event = Event::room("games.event.x", room, n).with("n", json!(n));
            world.publish(&event.with("filler", json!("x".repeat(500))));
        }
        let last = Event::room("games.event.seed_revealed", room, 20).with("n", json!(20));
        world.publish(&last.member(1, "none").member(2, "none"));
        // Both hear all of it, though the gateway has forgotten the room by then.
        for client in [&mut one, &mut two] {
            let heard = numbers(&world.settle(client).await);
            assert_eq!(heard, (1..=20).collect::<Vec<_>>(), "round {round}");
        }
    }
    world
        .until("all follows to end", || control.held() == before)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_to_a_room_that_was_forgotten_reads_on_in_order() {
    let world = World::start().await;
    let mut client = world.sign_in(1).await;
    world.enter("r", 1, "lobby", 0);
    // All in one go, so that the socket has read nothing of the first time when the second begins.
    let mut records = Vec::new();
    for n in 1..=5 {
        let event = Event::room("games.event.x", "r", n).with("n", json!(n));
        let event = if n == 3 {
            event.member(1, "none")
        } else {
            event
        };
        records.push(world.record(&event));
        if n == 3 {
            records.push(world.record(&support::room_state("r", 1, "lobby", 3)));
        }
    }
    let appended = world
        .log
        .append(records, Box::new(|outcome| drop(outcome.unwrap())));
    appended.unwrap();
    let frames = world.settle(&mut client).await;
    let told: Vec<String> = frames
        .iter()
        .map(|frame| {
            frame["n"]
                .as_u64()
                .map_or("state".to_owned(), |n| n.to_string())
        })
        .collect();
    assert_eq!(told, ["state", "1", "2", "3", "state", "4", "5"]);
}
