//! A whole room's draws, checked from its events alone, as a player would.

use crate::public_record::{check, public};
use crate::scene::{SECRET, Scene};
use blazing_sun_domain::fairness::{Commitment, ProvenRoll, Seed, Transcript};
use serde_json::Value;

fn body(event: &blazing_sun_domain::room::RoomEvent) -> Value {
    serde_json::from_str(event.body.get()).unwrap()
}

/// What the room published, or none if it was not played to its end.
pub fn transcript(scene: &Scene) -> Option<Transcript> {
    let of = |name: &str| {
        scene
            .events
            .iter()
            .rev()
            .find(|event| event.name == name)
            .map(body)
    };
    let (started, revealed) = (of("game_started")?, of("seed_revealed")?);
    let announced = of("seed_renewed").unwrap();
    let commitments = started["commitments"].as_array().unwrap().iter();
    let seats = commitments
        .zip(started["seeds"].as_array().unwrap())
        .map(|(commitment, seed)| {
            let commitment: Commitment = commitment.as_str()?.parse().unwrap();
            Some((commitment, seed.as_str()?.parse::<Seed>().unwrap()))
        });
    let rolled = scene
        .events
        .iter()
        .filter(|event| event.name == "bigger_dice.rolled");
    let rolls = rolled.map(|event| {
        let body = body(event);
        let roll = body["roll"].as_u64().unwrap() as u8;
        ProvenRoll {
            nonce: body["proof"]["nonce"].as_u64().unwrap(),
            roll,
        }
    });
    Some(Transcript {
        room_id: scene.room().room_id().clone(),
        seed_commitment: announced["seed_commitment"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap(),
        server_seed: revealed["server_seed"].as_str().unwrap().parse().unwrap(),
        seats: seats.collect(),
        rolls: rolls.collect(),
    })
}

#[test]
fn a_game_verifies_and_a_changed_roll_does_not() {
    let mut scene = Scene::after(
        "ann create bigger_dice 3; bob join; cid join
         ann select ann; ann select bob; ann select cid
         ann ready seed; bob ready; cid ready seed; ann reveal; cid reveal",
    );
    while !scene.room().is_over() {
        scene.run("deadline");
        scene.reload();
    }
    let mut transcript = transcript(&scene).unwrap();
    assert_eq!(transcript.verify(), Ok(()));
    assert!(transcript.rolls.len() > 20);
    transcript.rolls[7].roll = transcript.rolls[7].roll % 6 + 1;
    assert!(transcript.verify().is_err());
}

#[test]
fn every_seed_that_is_replaced_is_shown_to_be_the_one_committed_to() {
    let scene = Scene::after(
        "ann create bigger_dice 3; bob join; ann select ann; ann select bob; ann deselect ann",
    );
    let mut committed = scene.last("room_created")["seed_commitment"].clone();
    let renewals = scene
        .events
        .iter()
        .filter(|event| event.name == "seed_renewed");
    for renewal in renewals.map(body) {
        let previous: Seed = renewal["previous_server_seed"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(committed, previous.commitment().to_string());
        committed = renewal["seed_commitment"].clone();
    }
    assert_ne!(committed, scene.last("room_created")["seed_commitment"]);
}

/// Each server seed is shown by the one event that ends its use, stands in nothing earlier, and no
/// commitment to it comes later. What is stored of the room never holds one that is in force.
#[track_caller]
pub fn assert_no_seed_is_known_early(scene: &Scene) {
    let bodies: Vec<&str> = scene.events.iter().map(|event| event.body.get()).collect();
    let ends = |event: &&blazing_sun_domain::room::RoomEvent| {
        matches!(&*event.name, "seed_renewed" | "seed_revealed")
    };
    let shown = scene.events.iter().filter(ends).count();
    for number in 0..=shown {
        let seed = SECRET.server_seed(u32::try_from(number).unwrap());
        let places = |hex: &str| -> Vec<usize> {
            let all = bodies.iter().enumerate();
            all.filter(|(_, body)| body.contains(hex))
                .map(|(at, _)| at)
                .collect()
        };
        let (of_seed, of_commitment) = (
            places(&seed.to_hex()),
            places(&seed.commitment().to_string()),
        );
        if number == shown {
            assert_eq!(of_seed, [0; 0], "seed {number} is in force");
            let saved = String::from_utf8(scene.room().save().unwrap()).unwrap();
            let journal = serde_json::to_string(&scene.journal).unwrap();
            assert!(!saved.contains(&seed.to_hex()) && !journal.contains(&seed.to_hex()));
            continue;
        }
        let [at] = of_seed[..] else {
            panic!("seed {number} is in the events {of_seed:?}");
        };
        assert!(ends(&&scene.events[at]), "{}", scene.events[at].name);
        assert!(
            of_commitment.iter().all(|told| *told <= at),
            "{of_commitment:?} after {at}"
        );
    }
}

/// Whatever takes or frees a seat, and whenever, the next one who commits does so to a new seed.
#[test]
fn every_change_of_the_seats_renews_the_seed_before_anyone_commits() {
    let seated = "ann create bigger_dice 3; bob join; cid join; ann select ann; ann select bob; ann select cid";
    let frozen = "ann ready seed; bob ready seed; cid ready seed";
    for change in [
        "ann deselect cid",
        "cid leave",
        "ann ready seed; bob ready seed; ann deselect bob",
        "ann ready seed; deadline",
        &format!("{frozen}; cid leave"),
        &format!("{frozen}; ann reveal; bob leave"),
        &format!("{frozen}; ann reveal; bob reveal; ann leave"),
        &format!("{frozen}; ann reveal; deadline"),
        &format!("{frozen}; deadline"),
    ] {
        let mut scene = Scene::after(seated);
        let before = scene.last("seed_renewed");
        scene.run(change);
        let renewed = scene.last("seed_renewed");
        assert_ne!(renewed, before, "{change}");
        let previous: Seed = renewed["previous_server_seed"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(
            before["seed_commitment"],
            previous.commitment().to_string(),
            "{change}"
        );
        let saved: Value = serde_json::from_slice(&scene.room().save().unwrap()).unwrap();
        for seat in saved["roster"]["seats"].as_array().unwrap() {
            assert_eq!(seat["is_ready"], false, "{change}: {seat}");
            assert!(
                seat["commitment"].is_null() && seat["revealed"].is_null(),
                "{change}: {seat}"
            );
        }
        assert_no_seed_is_known_early(&scene);
        let found = check(&public(&scene));
        assert_eq!(found.wrong, [""; 0], "{change}");
    }
}
