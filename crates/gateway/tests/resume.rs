//! Coming back: exactly what was missed, or the room's state.

mod support;

use blazing_sun_gateway::GatewayConfig;
use serde_json::{Value, json};
use std::time::Duration;
use support::{Client, Event, World, numbers, room_state, types};

fn wide(seq: u64) -> Event {
    Event::room("games.event.x", "r", seq).with("n", json!(seq))
}

fn narrow(user: u64, after: u64, n: u64) -> Event {
    Event::user("games.event.x", user)
        .about("r")
        .with("after_seq", json!(after))
        .with("n", json!(n))
}

/// The backend's answer to a question: the room's state and the game's.
fn answer(world: &World, sync: &str, user: u64, role: &'static str, room_seq: u64) {
    world.publish(&room_state("r", user, role, room_seq).answering(sync));
    let state = Event::user("games.event.bigger_dice.state", user).about("r");
    world.publish(&state.with("after_seq", json!(room_seq)).answering(sync));
}

async fn come_back(world: &World, user: u64, seen: u64) -> (Client, String) {
    world
        .sign_in_resuming(user, json!([{"room_id": "r", "room_seq": seen}]))
        .await
}

const STATE: [&str; 2] = ["games.event.room_state", "games.event.bigger_dice.state"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ring_replays_exactly_what_was_missed() {
    let world = World::start().await;
    let mut first = world.sign_in(1).await;
    let mut other = world.sign_in(2).await;
    world.enter("r", 1, "lobby", 1);
    world.enter("r", 2, "spectator", 1);
    for seq in 2..=3 {
        world.publish(&wide(seq));
    }
    assert_eq!(numbers(&world.settle(&mut first).await), [2, 3]);
    drop(first);
    world.presence("presence.event.user_offline").await;
    world.publish(&narrow(1, 3, 103));
    world.publish(&narrow(2, 3, 203));
    world.publish(&wide(4));
    world.publish(&Event::narrow("games.event.x", "players", "r", 4).with("n", json!(304)));
    world.publish(&Event::narrow("games.event.x", "spectators", "r", 4).with("n", json!(404)));
    world.publish(&wide(5));
    let (mut back, sync) = come_back(&world, 1, 3).await;
    // Until the answer has come nothing of the room may be seen.
    world.publish(&wide(6));
    assert_eq!(numbers(&world.settle(&mut back).await), [0_u64; 0]);
    answer(&world, &sync, 1, "lobby", 6);
    world.publish(&wide(7));
    let frames = world.settle(&mut back).await;
    assert_eq!(numbers(&frames), [103, 4, 304, 5, 6, 7]);
    assert!(!types(&frames).contains(&"games.event.room_state"));
    assert!(!types(&frames).contains(&"games.event.bigger_dice.state"));
    assert_eq!(
        numbers(&world.settle(&mut other).await),
        [2, 3, 203, 4, 404, 5, 6, 7]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_ring_cannot_tell_is_told_by_the_state() {
    let world = World::start().await;
    let mut stays = world.sign_in(2).await;
    world.enter("r", 2, "lobby", 10);
    for seq in 11..=12 {
        world.publish(&wide(seq));
    }
    world.settle(&mut stays).await;
    // Before the ring began, at its uncertain edge, and beyond what the room has reached.
    for seen in [3, 10, 99] {
        let (mut back, sync) = come_back(&world, 1, seen).await;
        answer(&world, &sync, 1, "lobby", 12);
        let frames = world.settle(&mut back).await;
        assert_eq!(types(&frames), STATE, "{seen}");
        assert_eq!(frames[0]["room"]["recovered"], false);
    }
    let (mut back, sync) = come_back(&world, 1, 11).await;
    answer(&world, &sync, 1, "lobby", 12);
    assert_eq!(numbers(&world.settle(&mut back).await), [12]);
    // The question of somebody else's socket is not the answer to one's own.
    assert_eq!(numbers(&world.settle(&mut stays).await), [0_u64; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hears_of_being_out_of_a_room_while_asking_for_it_gets_its_state_anew() {
    let world = World::start().await;
    let mut stays = world.sign_in(2).await;
    world.enter("r", 2, "lobby", 1);
    world.publish(&wide(2));
    world.settle(&mut stays).await;
    let (mut back, sync) = come_back(&world, 1, 2).await;
    // To a command that came again before the question.
    let out = Event::user("games.event.not_in_room", 1).about("r");
    world.publish(&out.with("after_seq", json!(2)));
    let frames = world.settle(&mut back).await;
    assert_eq!(types(&frames), ["games.event.not_in_room"]);
    world.publish(&wide(3));
    answer(&world, &sync, 1, "lobby", 3);
    world.publish(&wide(4));
    let frames = world.settle(&mut back).await;
    assert_eq!(types(&frames), [STATE[0], STATE[1], "games.event.x"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ring_that_is_full_forgets_its_oldest() {
    let config = GatewayConfig {
        ring_bytes_max: 8 * 1024,
        ..GatewayConfig::for_testing()
    };
    let world = World::with(config).await;
    let mut stays = world.sign_in(2).await;
    world.enter("r", 2, "lobby", 0);
    for seq in 1..=100 {
        world.publish(&wide(seq).with("pad", json!("x".repeat(200))));
        if seq % 10 == 0 {
            world.settle(&mut stays).await;
        }
    }
    let (mut back, sync) = come_back(&world, 1, 98).await;
    answer(&world, &sync, 1, "lobby", 100);
    assert_eq!(numbers(&world.settle(&mut back).await), [99, 100]);
    let (mut back, sync) = come_back(&world, 1, 5).await;
    answer(&world, &sync, 1, "lobby", 100);
    assert_eq!(types(&world.settle(&mut back).await), STATE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_without_sockets_is_forgotten_after_its_grace() {
    let config = GatewayConfig {
        ring_grace: Duration::from_millis(100),
        ..GatewayConfig::for_testing()
    };
    let world = World::with(config).await;
    let mut first = world.sign_in(1).await;
    world.enter("r", 1, "lobby", 0);
    world.publish(&wide(1));
    world.publish(&wide(2));
    world.settle(&mut first).await;
    drop(first);
    world.presence("presence.event.user_offline").await;
    let deadline = tokio::time::Instant::now() + support::DEADLINE;
    loop {
        let (mut back, sync) = come_back(&world, 1, 1).await;
        // A little longer than the grace with nobody there, tried again on a busy machine.
        drop(tokio::time::timeout(Duration::from_millis(300), back.next()).await);
        answer(&world, &sync, 1, "lobby", 2);
        let frames = world.settle(&mut back).await;
        if types(&frames) == STATE {
            break;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "the room is still kept"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_is_filled_at_any_time() {
    let world = World::start().await;
    let mut client = world.sign_in(1).await;
    world.enter("r", 1, "lobby", 0);
    for seq in 1..=4 {
        world.publish(&wide(seq));
    }
    world.settle(&mut client).await;
    let rooms = json!([{"room_id": "r", "room_seq": 2}]);
    client
        .send(json!({"type": "system.resume", "rooms": rooms}))
        .await;
    let sync = world.command("games.command.sync_user").await;
    assert_eq!(sync["payload"]["rooms"], json!(["r"]));
    answer(
        &world,
        sync["correlation_id"].as_str().unwrap(),
        1,
        "lobby",
        4,
    );
    world.publish(&wide(5));
    assert_eq!(numbers(&world.settle(&mut client).await), [3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_in_the_room_gets_nothing_of_it() {
    let world = World::start().await;
    let mut stays = world.sign_in(2).await;
    world.enter("r", 2, "lobby", 0);
    world.publish(&wide(1));
    world.publish(&wide(2));
    let (mut stranger, sync) = come_back(&world, 1, 1).await;
    let not_in_room = Event::user("games.event.not_in_room", 1)
        .about("r")
        .answering(&sync);
    world.publish(&not_in_room.member(1, "none"));
    world.publish(&wide(3));
    assert_eq!(
        types(&world.settle(&mut stranger).await),
        ["games.event.not_in_room"]
    );
    assert_eq!(numbers(&world.settle(&mut stays).await), [1, 2, 3]);
}

/// The room decides on leaving before it answers the question: nothing of it is told out of its order, and the
/// command sent again has its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_before_the_answer_comes_hears_that_it_is_not_in_the_room() {
    let world = World::start().await;
    let mut stays = world.sign_in(2).await;
    world.enter("r", 2, "lobby", 0);
    world.enter("r", 1, "spectator", 0);
    world.publish(&wide(1));
    world.publish(&wide(2));
    let left = |event: Event| event.answering("leave").member(1, "none");
    let (mut alone, alone_sync) = come_back(&world, 1, 1).await;
    world.publish(&left(wide(3)));
    let (mut one_of_many, sync) = come_back(&world, 1, 1).await;
    world.publish(&left(narrow(1, 3, 103)));
    for sync in [&alone_sync, &sync] {
        let not_in_room = Event::user("games.event.not_in_room", 1)
            .about("r")
            .with("after_seq", json!(3))
            .answering(sync);
        world.publish(&not_in_room.member(1, "none"));
    }
    let applied = Event::user("games.event.command_applied", 1).about("r");
    world.publish(&applied.answering("leave"));
    for client in [&mut alone, &mut one_of_many] {
        let frames = world.settle(client).await;
        let told = ["games.event.not_in_room", "games.event.command_applied"];
        assert_eq!(types(&frames), told);
    }
    assert_eq!(numbers(&world.settle(&mut stays).await), [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_became_a_spectator_meanwhile_is_not_replayed_what_players_said() {
    let world = World::start().await;
    let mut stays = world.sign_in(2).await;
    world.enter("r", 2, "lobby", 0);
    world.enter("r", 1, "spectator", 0);
    world.publish(&wide(1));
    let secret = Event::narrow("games.event.x", "players", "r", 1).with("n", json!(900));
    world.publish(&secret);
    world.publish(&Event::narrow("games.event.x", "spectators", "r", 1).with("n", json!(800)));
    world.publish(&wide(2).member(1, "lobby"));
    let (mut back, sync) = come_back(&world, 1, 1).await;
    answer(&world, &sync, 1, "lobby", 2);
    let frames = world.settle(&mut back).await;
    assert_eq!(types(&frames), STATE, "{frames:?}");
    let (mut back, sync) = come_back(&world, 1, 2).await;
    answer(&world, &sync, 1, "lobby", 2);
    world.publish(&wide(3));
    assert_eq!(numbers(&world.settle(&mut back).await), [3]);
    world.settle(&mut stays).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_sockets_answer_does_not_end_the_waiting() {
    let world = World::start().await;
    let (mut first, first_sync) = world.sign_in_resuming(1, json!([])).await;
    let (mut second, second_sync) = world.sign_in_resuming(1, json!([])).await;
    answer(&world, &first_sync, 1, "lobby", 1);
    world.publish(&wide(2));
    assert_eq!(types(&world.settle(&mut second).await), [""; 0]);
    answer(&world, &second_sync, 1, "lobby", 2);
    world.publish(&wide(3));
    assert_eq!(numbers(&world.settle(&mut first).await), [2, 3]);
    let frames = world.settle(&mut second).await;
    assert_eq!(types(&frames)[..2], STATE);
    assert_eq!(numbers(&frames), [3]);
}

/// Sockets come and go while a room's events run: each sees a state and all after it, or all after what it had.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_events_leave_no_gap_and_no_duplicate() {
    let world = World::start().await;
    let mut stays = world.sign_in(2).await;
    world.enter("r", 2, "lobby", 0);
    let mut seq = 0;
    let mut seen = 0;
    for round in 0..30_u64 {
        let (mut client, sync) = come_back(&world, 1, seen).await;
        for _ in 0..round % 5 {
            seq += 1;
            world.publish(&wide(seq));
        }
        answer(&world, &sync, 1, "lobby", seq);
        for _ in 0..round % 7 {
            seq += 1;
            world.publish(&wide(seq));
        }
        let frames = world.settle(&mut client).await;
        let state = frames
            .iter()
            .find(|frame| frame["type"] == "games.event.room_state");
        let from = match state {
            Some(state) => state["room"]["room_seq"].as_u64().unwrap(),
            None => seen,
        };
        let expected: Vec<u64> = (from + 1..=seq).collect();
        assert_eq!(numbers(&frames), expected, "round {round}");
        // Some rounds lose the end of what was written.
        seen = frames
            .iter()
            .filter_map(|f| f["n"].as_u64())
            .next_back()
            .unwrap_or(seen);
        seen = if round % 3 == 0 {
            seen.saturating_sub(1)
        } else {
            seen
        };
    }
    let all: Vec<u64> = (1..=seq).collect();
    assert_eq!(numbers(&world.settle(&mut stays).await), all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_backends_room_is_followed_without_headers() {
    let world = World::start().await;
    let mut client = world.sign_in(1).await;
    let state = Event::user("games.event.room_state", 1)
        .about("r")
        .without_headers();
    world.publish(&state.with("room", json!({"room_id": "r", "spectators": ["1"]})));
    let said = |audience, n: u64| {
        Event::narrow("games.event.x", audience, "r", 0)
            .with("n", json!(n))
            .without_headers()
    };
    world.publish(&said("spectators", 1));
    world.publish(&said("players", 2));
    let frames: Vec<Value> = world.settle(&mut client).await;
    assert_eq!(numbers(&frames), [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_comes_before_the_answer_is_not_followed_by_what_it_holds() {
    let world = World::start().await;
    let mut stays = world.sign_in(2).await;
    world.enter("r", 2, "lobby", 1);
    for seq in 2..=5 {
        world.publish(&wide(seq));
    }
    world.settle(&mut stays).await;
    let (mut back, sync) = come_back(&world, 1, 3).await;
    world.publish(&room_state("r", 1, "lobby", 5));
    answer(&world, &sync, 1, "lobby", 5);
    world.publish(&wide(6));
    let frames = world.settle(&mut back).await;
    assert_eq!(types(&frames), ["games.event.room_state", "games.event.x"]);
    assert_eq!(numbers(&frames[1..]), [6]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_narrow_event_of_a_room_that_is_asked_for_waits_for_its_state() {
    let world = World::start().await;
    let (mut back, sync) = come_back(&world, 1, 3).await;
    world.publish(&narrow(1, 4, 104));
    answer(&world, &sync, 1, "lobby", 4);
    world.publish(&narrow(1, 4, 105));
    let frames = world.settle(&mut back).await;
    assert_eq!(types(&frames)[..2], STATE);
    assert_eq!(numbers(&frames[2..]), [105]);
}
