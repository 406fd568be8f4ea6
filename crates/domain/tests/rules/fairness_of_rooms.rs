//! A whole room's draws, checked from its events alone, as a player would.

use crate::scene::Scene;
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
