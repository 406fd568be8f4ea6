//! I8 of a room's chat: who writes may write there, and who ever hears a message could read it when it was
//! written or when its history was asked for. Who is what in a room is told by the room's events alone.

use super::Canaries;
use crate::Violation;
use crate::history::{Batch, Entry, number, text};
use crate::transcript::Transcript;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};

const PRIVATE: &str = "I8 private";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Lobby,
    Seat,
    /// Has left the running game, and may come back to the seat.
    LeftSeat,
    Spectator,
}

impl Standing {
    fn may_read(self, channel: &str) -> bool {
        match channel {
            "lobby" => self != Standing::LeftSeat,
            "players" => matches!(self, Standing::Seat | Standing::Spectator),
            _ => self == Standing::Spectator,
        }
    }

    fn may_write(self, channel: &str) -> bool {
        match channel {
            "lobby" => self != Standing::LeftSeat,
            "players" => self == Standing::Seat,
            _ => self == Standing::Spectator,
        }
    }
}

/// From one more on, rooms tell only how many spectators come and go.
const SPECTATORS_NAMED_MAX: u64 = 50;

#[derive(Debug, Default)]
struct Room {
    standing: HashMap<i64, Standing>,
    muted: HashSet<i64>,
    /// Messages by id: their channel and content.
    messages: HashMap<String, (String, String)>,
}

/// All rooms' chat so far.
#[derive(Debug, Default)]
pub struct Chat {
    rooms: HashMap<String, Room>,
    /// Ids of commands that leave a room.
    leaving: HashSet<String>,
    readers: Canaries,
    /// Messages so far, by channel.
    pub written: BTreeMap<String, u64>,
}

impl Chat {
    /// Takes one batch.
    pub fn take(&mut self, batch: &Batch, found: &mut Vec<Violation>) {
        for entry in &batch.entries {
            match &*entry.topic {
                "games.commands" if entry.json["event_type"] == "games.command.leave_room" => {
                    let id = text(&entry.json["payload"]["command_id"]);
                    self.leaving.insert(id.to_owned());
                }
                "games.events" => self.event(entry, found),
                _ => {}
            }
        }
    }

    /// How many texts it looks for.
    pub fn secrets(&self) -> u64 {
        self.readers.count() as u64
    }

    /// Looks for messages that this connection's user could not read.
    pub fn search(&self, transcript: &Transcript, found: &mut Vec<Violation>) {
        self.readers.search(transcript, found);
    }

    fn event(&mut self, entry: &Entry, found: &mut Vec<Violation>) {
        let payload = &entry.json["payload"];
        let Some(id) = payload["room_id"].as_str() else {
            return;
        };
        let name = text(&payload["type"]);
        match name {
            "room_state" if !self.rooms.contains_key(id) => {
                self.rooms
                    .insert(id.to_owned(), Room::opened(&payload["room"]));
            }
            "room_state" => {
                if let Some(room) = self.rooms.get_mut(id) {
                    room.state_told(entry);
                }
            }
            "seed_revealed" => {
                self.rooms.insert(id.to_owned(), Room::default());
            }
            "chat_message" => self.message(id, payload, found),
            "chat_history" => self.history(id, entry, found),
            _ => {
                let has_left = self.leaving.contains(text(&entry.json["correlation_id"]));
                if let Some(room) = self.rooms.get_mut(id) {
                    room.note(name, payload, has_left);
                }
            }
        }
    }

    fn message(&mut self, id: &str, payload: &Value, found: &mut Vec<Violation>) {
        let room = self.rooms.entry(id.to_owned()).or_default();
        let (channel, content) = (text(&payload["channel"]), text(&payload["content"]));
        let writer = number(&payload["user_id"]).unwrap_or_default();
        let is_open = room
            .standing
            .get(&writer)
            .is_some_and(|standing| standing.may_write(channel));
        if !is_open || room.muted.contains(&writer) {
            let what = format!("user {writer} may not write this: {payload}");
            found.push(Violation::of(PRIVATE, what));
        }
        for (user, standing) in &room.standing {
            if standing.may_read(channel) {
                self.readers.add(content.to_owned(), *user);
            }
        }
        let message_id = text(&payload["message_id"]).to_owned();
        let kept = (channel.to_owned(), content.to_owned());
        room.messages.insert(message_id, kept);
        *self.written.entry(channel.to_owned()).or_default() += 1;
    }

    fn history(&mut self, id: &str, entry: &Entry, found: &mut Vec<Violation>) {
        let payload = &entry.json["payload"];
        let room = self.rooms.entry(id.to_owned()).or_default();
        let asked = entry.json["audience"]["user_ids"].as_array();
        let reader = asked.and_then(|users| number(users.first()?));
        let reader = reader.unwrap_or_default();
        let channel = text(&payload["channel"]);
        let is_open = room
            .standing
            .get(&reader)
            .is_some_and(|standing| standing.may_read(channel));
        if !is_open {
            let what = format!("user {reader} may not read this: {payload}");
            found.push(Violation::of(PRIVATE, what));
        }
        for message in payload["messages"].as_array().into_iter().flatten() {
            let content = text(&message["content"]);
            let written = room.messages.get(text(&message["message_id"]));
            let is_of_here = written.is_some_and(|(of, said)| of == channel && said == content);
            if !is_of_here {
                let what = format!("{channel} of room {id} never had this: {message}");
                found.push(Violation::of(PRIVATE, what));
            } else if is_open {
                self.readers.add(content.to_owned(), reader);
            }
        }
    }
}

impl Room {
    /// As the first state of a room tells it: nobody has a seat yet.
    fn opened(state: &Value) -> Room {
        let all = ["lobby", "players"].map(|list| state[list].as_array());
        let users = all.into_iter().flatten().flatten();
        let lobby = |user: &Value| Some((number(&user["user_id"])?, Standing::Lobby));
        Room {
            standing: users.filter_map(lobby).collect(),
            ..Room::default()
        }
    }

    /// In a crowd of spectators nobody else hears of one who comes; the state that the newcomer gets tells of it.
    fn state_told(&mut self, entry: &Entry) {
        let state = &entry.json["payload"]["room"];
        let asked = entry.json["audience"]["user_ids"].as_array();
        let Some(user) = asked.and_then(|users| number(users.first()?)) else {
            return;
        };
        let is_crowded = state["spectator_count"]
            .as_u64()
            .is_some_and(|count| count > SPECTATORS_NAMED_MAX);
        let is_listed = ["lobby", "players"].iter().any(|list| {
            let mut list = state[list].as_array().into_iter().flatten();
            list.any(|one| number(&one["user_id"]) == Some(user))
        });
        let has_seat = matches!(
            self.standing.get(&user),
            Some(Standing::Seat | Standing::LeftSeat)
        );
        if is_crowded && !is_listed && !has_seat {
            self.standing.insert(user, Standing::Spectator);
        }
    }

    fn note(&mut self, name: &str, payload: &Value, has_left: bool) {
        let user = ["user_id", "target_user_id"].map(|field| number(&payload[field]));
        let user = user.into_iter().flatten().next();
        let Some(user) = user.or_else(|| number(&payload["player"]["user_id"])) else {
            return;
        };
        match name {
            "lobby_joined" | "player_deselected" => {
                self.standing.insert(user, Standing::Lobby);
            }
            "player_selected" => {
                self.standing.insert(user, Standing::Seat);
            }
            "spectator_joined" => {
                self.standing.insert(user, Standing::Spectator);
            }
            "player_disconnected" if has_left => {
                self.standing.insert(user, Standing::LeftSeat);
            }
            "player_rejoined" => {
                if let Some(standing) = self.standing.get_mut(&user)
                    && *standing == Standing::LeftSeat
                {
                    *standing = Standing::Seat;
                }
            }
            "player_left" | "player_kicked" | "player_banned" | "spectator_left"
            | "spectator_kicked" | "removed_from_game" => {
                self.standing.remove(&user);
            }
            "user_muted" => {
                self.muted.insert(user);
            }
            "user_unmuted" => {
                self.muted.remove(&user);
            }
            _ => {}
        }
    }
}
