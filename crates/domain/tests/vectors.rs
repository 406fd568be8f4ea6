//! 10⁵ rolls that every implementation of the draws must come to: `vectors/rolls.json`, which the web
//! client's tests read too.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use blazing_sun_domain::RoomId;
use blazing_sun_domain::fairness::{Dice, Seed};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

const SETS: u64 = 20;
const ROLLS_PER_SET: usize = 5_000;
/// Digits a line of the file.
const DIGITS: usize = 100;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Vectors {
    /// Where the draws are described.
    about: String,
    sets: Vec<Set>,
}

/// Rolls of one game from a nonce on.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Set {
    server_seed: String,
    room_id: RoomId,
    /// In seat order; null for a seat that takes no part.
    seeds: Vec<Option<String>>,
    first_nonce: u64,
    count: usize,
    /// Of all digits.
    sha256: String,
    /// A digit a roll.
    rolls: Vec<String>,
}

/// A seed that anyone can make again: SHA-256 of its name.
fn seed_of(name: &str) -> Seed {
    Seed(Sha256::digest(name).into())
}

fn digits_of(
    server_seed: Seed,
    room: &RoomId,
    seeds: &[Option<Seed>],
    first: u64,
    count: usize,
) -> String {
    let mut dice = Dice::new(server_seed, room, seeds, first);
    let rolls = (0..count).map(|_| char::from(b'0' + dice.roll().0));
    rolls.collect()
}

/// From no seat to 19, each third of them without a seed; rooms' ids from 1 to 64 characters; nonces
/// from 0 up to those of more than 32 bits.
fn set(number: u64) -> Set {
    let server_seed = seed_of(&format!("server {number}"));
    let letters = "room-0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let length = 1 + (number as usize * 17) % 64;
    let room_id: RoomId = letters[..length].parse().unwrap();
    let seed = |seat| seed_of(&format!("seat {number} {seat}"));
    let seeds: Vec<Option<Seed>> = (0..number)
        .map(|seat| (!(number + seat).is_multiple_of(3)).then(|| seed(seat)))
        .collect();
    let first_nonce = match number % 4 {
        0 => 0,
        1 => number,
        2 => u64::from(u32::MAX) - 10,
        _ => (1 << 53) - 1 - ROLLS_PER_SET as u64 * 2,
    };
    let digits = digits_of(server_seed, &room_id, &seeds, first_nonce, ROLLS_PER_SET);
    Set {
        server_seed: server_seed.to_hex(),
        room_id,
        seeds: seeds
            .iter()
            .map(|seed| seed.map(|seed| seed.to_hex()))
            .collect(),
        first_nonce,
        count: ROLLS_PER_SET,
        sha256: hex::encode(Sha256::digest(&digits)),
        rolls: digits
            .as_bytes()
            .chunks(DIGITS)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect(),
    }
}

fn file() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "vectors", "rolls.json"]
        .iter()
        .collect()
}

#[test]
fn the_vectors_are_generated_from_these_rules() {
    let vectors = Vectors {
        about: "Draws of six-sided dice, as docs/fairness.md describes them".to_owned(),
        sets: (0..SETS).map(set).collect(),
    };
    let generated = serde_json::to_string_pretty(&vectors).unwrap() + "\n";
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(file(), &generated).unwrap();
    }
    let committed = std::fs::read_to_string(file()).unwrap();
    assert!(committed == generated, "run `make generated`");
}

/// From the file alone, as any other implementation would.
#[test]
fn a_hundred_thousand_rolls_are_those_of_the_vectors() {
    let vectors: Vectors = serde_json::from_slice(&std::fs::read(file()).unwrap()).unwrap();
    let mut rolls = 0;
    for set in &vectors.sets {
        let seeds: Vec<Option<Seed>> = set
            .seeds
            .iter()
            .map(|seed| seed.as_ref().map(|seed| seed.parse().unwrap()))
            .collect();
        let server_seed = set.server_seed.parse().unwrap();
        let digits = digits_of(
            server_seed,
            &set.room_id,
            &seeds,
            set.first_nonce,
            set.count,
        );
        assert_eq!(digits, set.rolls.concat(), "room {}", set.room_id);
        assert_eq!(hex::encode(Sha256::digest(&digits)), set.sha256);
        rolls += digits.len();
    }
    assert_eq!(rolls, 100_000);
}
