//! Every file under `fuzz/corpus/` goes through its target, and then mutations of it: bits flipped, cut,
//! spliced with another, numbers pushed to their extremes, nested. The same mutations on every run.
//!
//! The whole of it runs under a bound on memory: what asks for more than that ends the test.

use blazing_sun_backbone::fuzzing as backbone;
use blazing_sun_backend::fuzzing as backend;
use blazing_sun_domain::fuzzing as domain;
use blazing_sun_gateway::fuzzing as gateway;
use blazing_sun_server::fuzzing as server;
use std::alloc::System;
use std::path::{Path, PathBuf};

#[global_allocator]
static MEMORY: cap::Cap<System> = cap::Cap::new(System, 256 * 1024 * 1024);

/// Mutations of all files of a target together; `MUTATIONS=1000000` in the environment makes a long run.
const MUTATIONS: usize = 4_000;

fn mutations() -> usize {
    let wanted = std::env::var("MUTATIONS").ok();
    wanted.map_or(MUTATIONS, |wanted| {
        wanted.parse().expect("MUTATIONS is a number")
    })
}

/// A small generator with a fixed start (SplitMix64), so that what fails here fails everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

const EXTREMES: [&str; 14] = [
    "0",
    "-0",
    "-1",
    "1.5",
    "255",
    "65536",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e400",
    "-1e400",
    "1e-400",
];

/// The places of runs of digits.
fn numbers(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    for run in bytes.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()) {
        if run[0].is_ascii_digit() {
            found.push((at, at + run.len()));
        }
        at += run.len();
    }
    found
}

fn mutate(dice: &mut Dice, seed: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=dice.below(3) {
        let at = dice.below(bytes.len() + 1);
        match dice.below(8) {
            0 | 1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << dice.below(8);
                }
            }
            2 => bytes.truncate(at),
            3 => {
                let from = dice.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            4 => {
                let numbers = numbers(&bytes);
                if !numbers.is_empty() {
                    let (from, to) = numbers[dice.below(numbers.len())];
                    let extreme = EXTREMES[dice.below(EXTREMES.len())];
                    bytes.splice(from..to, extreme.bytes());
                }
            }
            5 => {
                let (open, close) = [("[", "]"), ("{\"a\":", "}")][dice.below(2)];
                let depth = [3, 40, 200, 10_000][dice.below(4)];
                let inside = bytes.split_off(at);
                bytes.extend_from_slice(open.repeat(depth).as_bytes());
                bytes.extend_from_slice(&inside);
                bytes.extend_from_slice(close.repeat(depth).as_bytes());
            }
            6 => {
                let length = dice.below(16).min(bytes.len() - at);
                let piece = bytes[at..at + length].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let byte = [0, 0x0a, 0x22, 0x5c, 0x7f, 0x80, 0xc0, 0xff][dice.below(8)];
                bytes.insert(at, byte);
            }
        }
    }
    bytes
}

fn files(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).expect("a file");
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

/// Runs a target on an input; a panic names both.
fn check_one(check: fn(&[u8]), path: &Path, bytes: &[u8]) {
    let held = std::panic::catch_unwind(|| check(bytes)).is_ok();
    let shown = &bytes[..bytes.len().min(2_000)];
    assert!(
        held,
        "from {}: b\"{}\"",
        path.display(),
        shown.escape_ascii()
    );
}

fn run(target: &str, check: fn(&[u8])) {
    let files = files(target);
    assert!(files.len() >= 3, "{target} has {} files", files.len());
    for (path, bytes) in &files {
        check_one(check, path, bytes);
    }
    for n in 0..mutations() {
        let (path, seed) = &files[n % files.len()];
        let mut dice = Dice(n as u64);
        let other = &files[dice.below(files.len())].1;
        let bytes = &mutate(&mut dice, seed, other);
        check_one(check, path, bytes);
    }
}

macro_rules! targets {
    ($($krate:ident::$target:ident,)*) => {
        $(#[test] fn $target() { run(stringify!($target), $krate::$target); })*

        #[test]
        fn every_folder_has_a_target_and_every_target_a_harness() {
            let names = [$(stringify!($target),)*];
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
            let entries = std::fs::read_dir(root.join("corpus")).expect("the corpora");
            let mut folders: Vec<String> = entries
                .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
                .collect();
            folders.sort();
            let mut sorted = names.map(str::to_owned).to_vec();
            sorted.sort();
            assert_eq!(folders, sorted);
            let harness = std::fs::read_to_string(root.join("Cargo.toml")).expect("the harness");
            for name in names {
                assert!(harness.contains(&format!("name = \"{name}\"")), "{name}");
            }
        }
    };
}

targets! {
    gateway::client_frames,
    gateway::client_message,
    gateway::event_record,
    backbone::envelope,
    backbone::command,
    backbone::presence,
    backbone::checkout,
    backbone::log_batch,
    backbone::log_offsets,
    backbone::headers,
    backbone::token,
    backbone::sealed,
    backbone::keys_file,
    backbone::texts,
    domain::room_snapshot,
    domain::room_inputs,
    backend::journal_record,
    backend::inbox,
    backend::http_body,
    backend::name,
    server::config_file,
    server::config_environment,
    server::shown_record,
    server::transcript,
}
