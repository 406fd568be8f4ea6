//! I5, I2: every topic is dense, every room is dense, and nothing was written twice.

use crate::Violation;
use crate::history::{Batch, Entry, text};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

const INVARIANT: &str = "I5 order";

/// All events so far, by what later ones must follow.
#[derive(Debug, Default)]
pub struct Events {
    outbox: HashMap<(String, u32), u64>,
    rooms: HashMap<String, u64>,
    ids: HashSet<String>,
    /// The envelopes of the events since the transcripts were last looked at.
    pub recent: HashMap<String, Value>,
    /// How many there were in all.
    pub count: u64,
}

impl Events {
    /// Takes one batch.
    pub fn take(&mut self, batch: &Batch, found: &mut Vec<Violation>) {
        for entry in &batch.entries {
            if let Some(seq) = entry.outbox_seq {
                let key = (entry.topic.clone(), entry.partition);
                let next = self.outbox.entry(key).or_default();
                if seq != *next {
                    let what = format!(
                        "{}/{}: outbox_seq {seq} where {next} is due",
                        entry.topic, entry.partition
                    );
                    found.push(Violation::of(INVARIANT, what));
                }
                *next = seq + 1;
            }
            if entry.is_event() {
                self.event(entry, found);
            }
        }
    }

    fn event(&mut self, entry: &Entry, found: &mut Vec<Violation>) {
        self.count += 1;
        let json = &entry.json;
        let id = text(&json["event_id"]).to_owned();
        if !self.ids.insert(id.clone()) {
            let what = format!("event {id} is written twice: {json}");
            found.push(Violation::of("I2 once", what));
        }
        if json["audience"]["type"] == "room" {
            let room = text(&json["audience"]["room_id"]);
            let last = self.rooms.entry(room.to_owned()).or_default();
            let seq = json["payload"]["room_seq"].as_u64();
            if seq != Some(*last + 1) {
                let what = format!("room {room}: {seq:?} after {last}: {json}");
                found.push(Violation::of(INVARIANT, what));
            }
            *last = seq.unwrap_or(*last);
        }
        self.recent.insert(id, json.clone());
    }

    /// The last room-wide event of a room.
    pub fn room_seq(&self, room: &str) -> Option<u64> {
        self.rooms.get(room).copied()
    }
}
