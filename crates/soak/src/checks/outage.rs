//! An outage rolls for nobody: a turn that waits is announced again after a start before its time is up.

use crate::Violation;
use crate::history::{Batch, text};
use std::collections::HashMap;

const INVARIANT: &str = "outage";

/// The turns that wait.
#[derive(Debug, Default)]
pub struct Outage {
    /// By room: the start in whose time the turn was announced, and its deadline.
    turns: HashMap<String, (u64, String)>,
}

impl Outage {
    /// Takes one batch that the server's n-th start wrote.
    pub fn take(&mut self, batch: &Batch, start: u64, found: &mut Vec<Violation>) {
        for entry in batch.of("games.events") {
            let payload = &entry.json["payload"];
            let room = text(&payload["room_id"]);
            match text(&payload["type"]) {
                "turn_changed" => {
                    let deadline = text(&payload["deadline"]).to_owned();
                    self.turns.insert(room.to_owned(), (start, deadline));
                }
                "seed_revealed" => {
                    self.turns.remove(room);
                }
                "bigger_dice.rolled" | "vault.stepped"
                    if entry.json["correlation_id"].is_null() =>
                {
                    let Some((announced, deadline)) = self.turns.get(room) else {
                        continue;
                    };
                    // Instants of one format are in order as texts.
                    if *announced != start || text(&entry.json["timestamp"]) < deadline.as_str() {
                        let what = format!(
                            "played for the late before {deadline}, announced by start {announced} of {start}: {}",
                            entry.json
                        );
                        found.push(Violation::of(INVARIANT, what));
                    }
                }
                _ => {}
            }
        }
    }
}
