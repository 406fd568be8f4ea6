//! I9 and durability: a command is applied once however often it came, and what a client was told is
//! written.

use crate::Violation;
use crate::history::{Batch, text};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

const INVARIANT: &str = "I9 repeats";

/// What one command is answered with once, if it is applied.
const ONCE: [&str; 26] = [
    "lobby_joined",
    "player_selected",
    "player_deselected",
    "player_left",
    "player_kicked",
    "player_banned",
    "player_unbanned",
    "user_muted",
    "user_unmuted",
    "spectator_joined",
    "spectator_left",
    "spectator_kicked",
    "chat_message",
    "room_invited",
    "message_received",
    "lobby_message",
    "player_ready_changed",
    "player_rejoined",
    "player_auto_enabled",
    "player_auto_disabled",
    "game_starting",
    "game_started",
    "bigger_dice.rolled",
    "vault.stepped",
    "room_created",
    "seed_revealed",
];

/// All commands so far.
#[derive(Debug, Default)]
pub struct Commands {
    /// Ids of those on the log.
    logged: HashSet<String>,
    effects: HashMap<String, HashSet<String>>,
    /// How often a user was away from a room, by both.
    away: HashMap<(String, String), u64>,
    /// Copies on the log, the first included.
    pub copies: u64,
}

impl Commands {
    /// Takes one batch.
    pub fn take(&mut self, batch: &Batch, found: &mut Vec<Violation>) {
        let commands = ["games.commands", "chat.commands"].map(|topic| batch.of(topic));
        for entry in commands.into_iter().flatten() {
            if let Some(id) = entry.json["payload"]["command_id"].as_str() {
                self.copies += 1;
                self.logged.insert(id.to_owned());
            }
        }
        let events = ["games.events", "chat.events"].map(|topic| batch.of(topic));
        for entry in events.into_iter().flatten() {
            let payload = &entry.json["payload"];
            let name = text(&payload["type"]);
            let of = || {
                let of = ["user_id", "room_id"].map(|field| text(&payload[field]).to_owned());
                <(String, String)>::from(of)
            };
            if name == "player_disconnected" {
                *self.away.entry(of()).or_default() += 1;
            }
            let Some(cause) = entry.json["correlation_id"].as_str() else {
                continue;
            };
            if !ONCE.contains(&name) {
                continue;
            }
            // `remove_the_rest` and the like may name several users in one application.
            let about = payload["user_id"]
                .as_str()
                .or(payload["player_id"].as_str())
                .or(payload["player"]["user_id"].as_str());
            // One sign-in brings its user back into all rooms.
            let room = text(&payload["room_id"]);
            // What names no user may be told to several, each in its own event.
            let to = entry.json["audience"]["user_ids"].to_string();
            let mut effect = format!("{name} {} {room}", about.unwrap_or(&to));
            if name == "player_rejoined" {
                // Who comes back by a command, is away and sends it again is back once more.
                let away = self.away.get(&of()).copied().unwrap_or(0);
                effect = format!("{effect} after {away}");
            }
            let effects = self.effects.entry(cause.to_owned()).or_default();
            if !effects.insert(effect) {
                let what = format!("command {cause} was applied twice: {}", entry.json);
                found.push(Violation::of(INVARIANT, what));
            }
        }
    }

    /// Holds against the log what clients were told is on it.
    pub fn check_acknowledged<'a>(
        &self,
        acknowledged: impl Iterator<Item = &'a String>,
        found: &mut Vec<Violation>,
    ) {
        for id in acknowledged {
            if !self.logged.contains(id) {
                let what = format!("command {id} was acknowledged and is not on the log");
                found.push(Violation::of("durable", what));
            }
        }
    }
}

/// Whether a frame answers a command's copy, beside the room event that the first one causes.
pub fn is_answer(frame: &Value, id: &str) -> bool {
    frame["command_id"] == id && frame["type"] != "system.ack"
}
