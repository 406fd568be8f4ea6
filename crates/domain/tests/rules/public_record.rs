//! What the public check says of rooms that were played by the rules, and of every forgery.

use crate::scene::Scene;
use blazing_sun_domain::fairness::{Findings, PublicRecord};
use blazing_sun_domain::games::built_in;
use blazing_sun_domain::room::{EventAudience, Order, RoomEvent};
use serde_json::{Value, json};

/// An event as its envelope's payload has it.
fn payload(event: &RoomEvent) -> (String, Value) {
    let mut fields: Value = serde_json::from_str(event.body.get()).unwrap();
    fields["type"] = json!(event.name);
    match event.order {
        Order::Room(seq) => fields["room_seq"] = json!(seq),
        Order::After(seq) => fields["after_seq"] = json!(seq),
        Order::Outside => {}
    }
    (event.name.to_string(), fields)
}

/// What everyone in the room sees.
pub fn public(scene: &Scene) -> Vec<(String, Value)> {
    let narrow = |event: &&RoomEvent| !matches!(event.audience, EventAudience::User(_));
    scene.events.iter().filter(narrow).map(payload).collect()
}

pub fn check(events: &[(String, Value)]) -> Findings {
    let mut record = PublicRecord::new("room-1".parse().unwrap());
    for (name, fields) in events {
        record.event(name, fields);
    }
    record.check(&built_in())
}

/// Ann and Cid take part in the draw, Bob does not.
fn whole_game() -> Scene {
    let mut scene = Scene::after(
        "ann create bigger_dice 3; bob join; cid join
         ann select ann; ann select bob; ann deselect bob; ann select bob; ann select cid
         ann ready seed; bob ready; cid ready seed; ann reveal; cid reveal",
    );
    while !scene.room().is_over() {
        scene.run("deadline");
    }
    scene
}

#[track_caller]
fn assert_says(list: &[String], wanted: &str) {
    assert!(
        list.iter().any(|said| said.contains(wanted)),
        "`{wanted}` is not in {list:#?}"
    );
}

#[test]
fn a_whole_game_is_checked_from_its_public_events_alone() {
    let scene = whole_game();
    assert_eq!(scene.room().room_id().as_str(), "room-1");
    let mut events = public(&scene);
    let found = check(&events);
    assert_eq!(found.wrong, [""; 0]);
    for wanted in [
        "the server's seed is the one that it had committed to",
        "5 replaced server seeds are those",
        "renewed after each of 5 changes of the seats",
        "took part in the draw, with a seed that matches its commitment: ann, cid",
        "took no part in the draw: bob",
        "rolls recomputed from the seeds, none left out",
        "rounds, points and the winner",
        "the prize of 2400 cents is the one announced",
    ] {
        assert_says(&found.checked, wanted);
    }
    assert_says(
        &found.unchecked,
        "what they sent with ready is not in the transcript",
    );
    // Read twice and in another order.
    events.extend(events.clone());
    events.reverse();
    assert_eq!(check(&events), found);
}

#[test]
fn an_unfinished_a_cut_and_an_unseeded_transcript_say_what_they_do_not_allow() {
    let scene = whole_game();
    let events = public(&scene);
    let begins = events
        .iter()
        .position(|(name, _)| name == "game_started")
        .unwrap();
    let unfinished = check(&events[..begins + 8]);
    assert_eq!(unfinished.wrong, [""; 0]);
    assert_says(
        &unfinished.unchecked,
        "the server's seed is not revealed yet",
    );
    assert_says(&check(&events[..begins]).unchecked, "no game has begun");

    let mut cut = events.clone();
    cut.drain(begins + 3..begins + 9);
    let found = check(&cut);
    assert_eq!(found.wrong, [""; 0]);
    assert_says(&found.unchecked, "are not in the transcript");
    assert_says(&found.checked, "rounds, points and the winner");
    // What is left is still held to the seeds.
    let (_, roll) = cut
        .iter_mut()
        .rfind(|(name, _)| name == "bigger_dice.rolled")
        .unwrap();
    roll["roll"] = json!(roll["roll"].as_u64().unwrap() % 6 + 1);
    assert_says(
        &check(&cut).wrong,
        "by the seeds and the rules this never happens",
    );

    // Without its end.
    let mut endless = events.clone();
    endless.retain(|(name, _)| name != "bigger_dice.game_over");
    let found = check(&endless);
    assert_eq!(found.wrong, [""; 0]);
    assert_says(&found.checked, "events of the game follow from the seeds");
    assert_says(&found.unchecked, "the game's end is not in the transcript");

    let mut plain = Scene::after(
        "ann create bigger_dice 2; bob join; ann select ann; ann select bob; ann ready; bob ready",
    );
    while !plain.room().is_over() {
        plain.run("deadline");
    }
    let found = check(&public(&plain));
    assert_eq!(found.wrong, [""; 0]);
    assert_says(&found.checked, "took no part in the draw: ann, bob");
    assert_says(&found.checked, "rolls recomputed");

    let empty = check(&[]);
    assert!(empty.checked.is_empty() && empty.wrong.is_empty());
}

#[test]
fn a_transcript_that_begins_with_a_state_is_checked_from_there() {
    let scene = Scene::after("ann create bigger_dice 2; bob join");
    let state = scene
        .events
        .iter()
        .find(|event| event.name == "room_state" && matches!(event.order, Order::After(0)));
    let state = payload(state.unwrap());
    let mut events = public(&whole_game());
    events.retain(|(name, _)| name != "room_created");
    events.insert(0, state);
    let found = check(&events);
    assert_eq!(found.wrong, [""; 0]);
    assert_says(&found.unchecked, "what came before the first room_state");
    assert_says(&found.checked, "5 replaced server seeds");
}

#[test]
fn what_ready_sent_is_held_against_what_the_room_says() {
    let scene = whole_game();
    let events = public(&scene);
    let (_, requested) = events
        .iter()
        .find(|(name, _)| name == "seeds_requested")
        .unwrap();
    let (_, started) = events
        .iter()
        .find(|(name, _)| name == "game_started")
        .unwrap();
    let ann = serde_json::from_value(started["players"][0]["user_id"].clone()).unwrap();
    let with = |commitment: Option<&str>| {
        let mut record = PublicRecord::new("room-1".parse().unwrap());
        events
            .iter()
            .for_each(|(name, fields)| record.event(name, fields));
        record.ready(ann, commitment);
        record.check(&built_in())
    };
    let right = with(requested["commitments"][0].as_str());
    assert_eq!(right.wrong, [""; 0]);
    assert_says(&right.checked, "is what that user sent with ready");
    for other in [None, requested["commitments"][2].as_str()] {
        assert_says(&with(other).wrong, "is not what that user sent with ready");
    }
}

type Forgery = fn(&mut Vec<(String, Value)>);

fn find<'a>(events: &'a mut [(String, Value)], name: &str, nth: usize) -> &'a mut Value {
    let mut named = events.iter_mut().filter(|(of, _)| of == name);
    &mut named.nth(nth).unwrap().1
}

fn place(events: &[(String, Value)], name: &str) -> usize {
    events.iter().position(|(of, _)| of == name).unwrap()
}

/// Takes a room-wide event out and closes the gap in room_seq, as a server that hides it would.
fn hide(events: &mut Vec<(String, Value)>, at: usize) {
    let (_, hidden) = events.remove(at);
    let seq = hidden["room_seq"].as_u64().unwrap();
    for (_, fields) in events {
        if let Some(later) = fields["room_seq"].as_u64().filter(|later| *later > seq) {
            fields["room_seq"] = json!(later - 1);
        }
    }
}

/// All but the first of the game's own events.
fn hide_play(events: &mut Vec<(String, Value)>, kept: usize) {
    let is_own = |name: &str| name.starts_with("bigger_dice.") && name != "bigger_dice.state";
    let own = events.iter().enumerate();
    let own = own.filter(|(_, (name, _))| is_own(name)).map(|(at, _)| at);
    let hidden: Vec<usize> = own.skip(kept).collect();
    for at in hidden.into_iter().rev() {
        hide(events, at);
    }
}

#[test]
fn every_forgery_is_found_and_named() {
    const OTHER: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let forgeries: [(&str, Forgery); 30] = [
        (
            "seed_renewed (room_seq 4): the previous server seed is not the one",
            |events| {
                find(events, "room_created", 0)["seed_commitment"] = json!(OTHER);
            },
        ),
        (
            "the previous server seed is not the one committed to",
            |events| {
                find(events, "seed_renewed", 2)["previous_server_seed"] = json!(OTHER);
            },
        ),
        ("its seed_commitment is not the one in force", |events| {
            find(events, "seeds_requested", 0)["seed_commitment"] = json!(OTHER);
        }),
        ("the server seed does not match its commitment", |events| {
            find(events, "seed_revealed", 0)["server_seed"] = json!(OTHER);
        }),
        ("this server seed was in force before", |events| {
            let first = find(events, "room_created", 0)["seed_commitment"].clone();
            find(events, "seed_renewed", 4)["seed_commitment"] = first;
        }),
        (
            "the server seed was not renewed after player_selected",
            |events| {
                let at = events
                    .iter()
                    .rposition(|(name, _)| name == "seed_renewed")
                    .unwrap();
                hide(events, at);
            },
        ),
        ("the seed of ann does not match its commitment", |events| {
            find(events, "game_started", 0)["seeds"][0] = json!(OTHER);
        }),
        (
            "its commitments are not those of seeds_requested",
            |events| {
                let started = find(events, "game_started", 0);
                (started["commitments"][2], started["seeds"][2]) = (Value::Null, Value::Null);
            },
        ),
        (
            "there are commitments, and seeds were never requested",
            |events| {
                let at = place(events, "seeds_requested");
                hide(events, at);
            },
        ),
        ("cid has a commitment or a seed, and not both", |events| {
            find(events, "game_started", 0)["seeds"][2] = Value::Null;
        }),
        (
            "it does not list a commitment and a seed for each player",
            |events| {
                find(events, "game_started", 0)["seeds"] = json!([]);
            },
        ),
        ("and the seeds give", |events| {
            let roll = find(events, "bigger_dice.rolled", 5);
            roll["roll"] = json!(roll["roll"].as_u64().unwrap() % 6 + 1);
        }),
        ("roll 3 has nonce 4, and the stream gives 3", |events| {
            let at = events
                .iter()
                .enumerate()
                .filter(|(_, (name, _))| name == "bigger_dice.rolled")
                .nth(3);
            let at = at.unwrap().0;
            hide(events, at);
        }),
        ("a roll has no value or no nonce", |events| {
            find(events, "bigger_dice.rolled", 0)["proof"] = Value::Null;
        }),
        ("player_id is", |events| {
            let other = find(events, "bigger_dice.rolled", 1)["player_id"].clone();
            find(events, "bigger_dice.rolled", 0)["player_id"] = other;
        }),
        ("new_score is 9, must be", |events| {
            find(events, "bigger_dice.rolled", 0)["new_score"] = json!(9);
        }),
        ("scores[0][1] is 9, must be", |events| {
            find(events, "bigger_dice.round_result", 0)["scores"][0][1] = json!(9);
        }),
        ("by the rules round_result comes here", |events| {
            let at = place(events, "bigger_dice.round_result");
            hide(events, at);
        }),
        ("bigger_dice.game_over (room_seq", |events| {
            let over = find(events, "bigger_dice.game_over", 0);
            over["winner_id"] = json!("999");
        }),
        ("the prize is 2399 cents, announced were 2400", |events| {
            find(events, "bigger_dice.game_over", 0)["prize_cents"] = json!(2399);
        }),
        ("there are two different events with room_seq 2", |events| {
            let mut twice = (
                "lobby_joined".to_owned(),
                find(events, "lobby_joined", 1).clone(),
            );
            twice.1["player"] = json!({});
            events.push(twice);
        }),
        ("there are two different room_created", |events| {
            let mut twice = find(events, "room_created", 0).clone();
            twice["seed_commitment"] = json!(OTHER);
            events.insert(0, ("room_created".to_owned(), twice));
        }),
        ("there are two different room_created", |events| {
            let mut twice = find(events, "room_created", 0).clone();
            twice["prize_cents"] = json!(1);
            events.push(("room_created".to_owned(), twice));
        }),
        (
            "there are two different room_state as of room_seq 2",
            |events| {
                let state = |commitment: &str| {
                    let room = json!({ "room_seq": 2, "seed_commitment": commitment });
                    ("room_state".to_owned(), json!({ "room": room }))
                };
                let first = find(events, "room_created", 0)["seed_commitment"].clone();
                events.push(state(OTHER));
                events.push(state(first.as_str().unwrap()));
            },
        ),
        (
            "room_state as of room_seq 0: its seed_commitment is not the one in force",
            |events| {
                let room = json!({ "room_seq": 0, "seed_commitment": OTHER });
                events.push(("room_state".to_owned(), json!({ "room": room })));
            },
        ),
        ("there is a room_seq above 9007199254740992", |events| {
            let last = json!({ "room_seq": u64::MAX });
            events.push(("chat".to_owned(), last));
        }),
        ("there is a room_seq above 9007199254740992", |events| {
            events.retain(|(name, _)| name != "room_created");
            let room = json!({ "room_seq": u64::MAX, "seed_commitment": OTHER });
            events.push(("room_state".to_owned(), json!({ "room": room })));
        }),
        (
            "the room ended before the game did: by the seeds and the rules bigger_dice.rolled was still to come",
            |events| hide_play(events, 0),
        ),
        (
            "the room ended before the game did: by the seeds and the rules bigger_dice.",
            |events| hide_play(events, 5),
        ),
        ("is not 32 bytes as 64 hex digits", |events| {
            find(events, "seed_renewed", 1)["previous_server_seed"] = json!("07");
        }),
    ];
    let honest = public(&whole_game());
    for (wanted, forge) in forgeries {
        let mut events = honest.clone();
        forge(&mut events);
        let found = check(&events);
        assert!(
            found.wrong.iter().any(|wrong| wrong.contains(wanted)),
            "`{wanted}` is not in {:#?}",
            found.wrong
        );
    }
}

/// A table that the game does not have is neither simulated nor recomputed.
#[test]
fn more_seats_than_the_game_has_are_not_played() {
    let mut events = public(&whole_game());
    let started = find(&mut events, "game_started", 0);
    let player = started["players"][1].clone();
    let (seats, none) = (vec![player; 11], vec![Value::Null; 11]);
    started["players"] = json!(seats);
    (started["commitments"], started["seeds"]) = (json!(none), json!(none));
    find(&mut events, "seeds_requested", 0)["commitments"] = json!(none);
    let found = check(&events);
    assert_eq!(found.wrong, [""; 0]);
    assert_says(&found.unchecked, "can not play bigger_dice with 11 seats");
    assert!(!found.checked.iter().any(|said| said.contains("recomputed")));
}

/// Nothing that a stranger's file holds may make the check panic.
#[test]
fn rotten_transcripts_are_taken() {
    let honest = public(&whole_game());
    let mut seen = std::collections::BTreeSet::new();
    for (at, (name, fields)) in honest.iter().enumerate() {
        if !seen.insert(name) {
            continue;
        }
        for field in fields.as_object().unwrap().keys() {
            for rotten in [Value::Null, json!(-1), json!([["x"]])] {
                let mut events = honest.clone();
                events[at].1[field] = rotten;
                check(&events);
            }
        }
        let mut events = honest.clone();
        events[at].1 = json!([name]);
        check(&events);
    }
    assert!(seen.len() > 10);
}
