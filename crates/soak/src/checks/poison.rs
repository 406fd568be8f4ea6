//! I14: what cannot be read is put aside whole, at once, and nothing else is.

use crate::Violation;
use crate::history::{Batch, Entry, text};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::collections::HashMap;

const INVARIANT: &str = "I14 poison";
const WITHIN_MS: i64 = 1_000;

/// All that could not be read.
#[derive(Debug, Default)]
pub struct Poison {
    /// Put aside so far.
    pub letters: u64,
    /// Inputs at which a game panicked.
    pub panics: u64,
}

impl Poison {
    /// Takes one batch: a letter is written with the record that it is about.
    pub fn take(&mut self, batch: &Batch, found: &mut Vec<Violation>) {
        let mut due: HashMap<(String, u32, u64), &Entry> = HashMap::new();
        for entry in &batch.entries {
            if is_consumed(&entry.topic) && !is_envelope(entry) {
                let place = (entry.topic.clone(), entry.partition, entry.offset);
                due.insert(place, entry);
            }
        }
        for entry in batch.of("events.dead_letter") {
            let letter = &entry.json;
            let Some(offset) = letter["offset"].as_u64() else {
                self.panics += 1;
                continue;
            };
            self.letters += 1;
            let partition = letter["partition"].as_u64().unwrap_or(u64::MAX) as u32;
            let place = (text(&letter["topic"]).to_owned(), partition, offset);
            let Some(poison) = due.remove(&place) else {
                let what = format!("a letter about a record that is fine, or none: {letter}");
                found.push(Violation::of(INVARIANT, what));
                continue;
            };
            let original = BASE64_STANDARD.decode(text(&letter["original"]));
            if original.ok().as_ref() != Some(&poison.payload) {
                let what = format!("the letter does not hold what came: {letter}");
                found.push(Violation::of(INVARIANT, what));
            }
            if text(&letter["error"]).is_empty() || entry.at_ms - poison.at_ms > WITHIN_MS {
                let what = format!("a letter late or without a reason: {letter}");
                found.push(Violation::of(INVARIANT, what));
            }
        }
        for place in due.keys() {
            let what = format!("{place:?} cannot be read and is in no dead letter");
            found.push(Violation::of(INVARIANT, what));
        }
    }
}

fn is_consumed(topic: &str) -> bool {
    matches!(
        topic,
        "games.commands" | "chat.commands" | "gateway.presence"
    )
}

fn is_envelope(entry: &Entry) -> bool {
    let json = &entry.json;
    json["event_id"].is_string() && json["event_type"].is_string() && json["actor"].is_object()
}
