//! What a player knows of the room that it is in.

use crate::history::{number, text};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Phase {
    #[default]
    Waiting,
    Revealing,
    Playing,
}

#[derive(Debug, Default)]
pub(crate) struct View {
    pub room: Option<String>,
    pub game: String,
    pub host: i64,
    pub members: BTreeSet<i64>,
    pub seats: Vec<i64>,
    pub seats_max: usize,
    pub ready: BTreeSet<i64>,
    pub spectators: BTreeSet<i64>,
    /// Watches, and does not play.
    pub is_spectator: bool,
    /// Who was banned last.
    pub banned: Option<i64>,
    pub phase: Phase,
    pub turn: Option<i64>,
    /// A room that was just made, to be offered to others.
    pub made: Option<String>,
    /// The name and password that it was made with.
    pub made_as: Option<(String, Option<String>)>,
    /// Nothing can be done before something is heard.
    pub is_idle: bool,
}

impl View {
    /// Whether it is time to do something: there is news, or there has been none for long.
    pub fn is_fresh(&self, heard_at: Instant, bored_after: Duration) -> bool {
        !self.is_idle || heard_at.elapsed() >= bored_after
    }

    pub fn leave(&mut self) {
        let made_as = self.made_as.take();
        *self = View {
            made_as,
            ..View::default()
        };
    }

    pub fn note(&mut self, frame: &Value, me: i64) {
        self.is_idle = false;
        let kind = text(&frame["type"]);
        let room = frame["room_id"].as_str();
        if kind == "games.event.room_state" {
            return self.note_state(frame, me);
        }
        if self.room.is_none() || room != self.room.as_deref() {
            return;
        }
        let user = number(&frame["user_id"]);
        match kind.strip_prefix("games.event.").unwrap_or_default() {
            "not_in_room" | "seed_revealed" => self.leave(),
            "removed_from_game" if user.is_none_or(|user| user == me) => self.leave(),
            "lobby_joined" => {
                let user = number(&frame["player"]["user_id"]);
                self.is_spectator &= user != Some(me);
                self.spectators.retain(|one| Some(*one) != user);
                self.members.extend(user);
            }
            "spectator_joined" => {
                self.is_spectator |= user == Some(me);
                self.members.retain(|member| Some(*member) != user);
                self.spectators.extend(user);
            }
            "spectator_left" | "spectator_kicked" if user == Some(me) => self.leave(),
            "spectator_left" | "spectator_kicked" => {
                self.spectators.retain(|one| Some(*one) != user);
            }
            "player_selected" => self.seats.extend(number(&frame["player"]["user_id"])),
            "selected_players_updated" => {
                self.phase = Phase::Waiting;
                self.seats = ids(&frame["selected_players"]);
            }
            "player_kicked" | "player_banned" if user == Some(me) => self.leave(),
            "player_left" | "player_kicked" | "player_banned" => {
                if kind.ends_with("player_banned") {
                    self.banned = user;
                }
                if self.phase != Phase::Playing {
                    self.phase = Phase::Waiting;
                }
                self.members.retain(|member| Some(*member) != user);
                self.spectators.retain(|one| Some(*one) != user);
                self.seats.retain(|seat| Some(*seat) != user);
            }
            "player_ready_changed" if frame["is_ready"] == true => self.ready.extend(user),
            "seed_renewed" => self.ready.clear(),
            "host_changed" => self.host = number(&frame["host_id"]).unwrap_or_default(),
            "seeds_requested" => self.phase = Phase::Revealing,
            "game_started" => self.phase = Phase::Playing,
            "turn_changed" => self.turn = number(&frame["current_turn"]),
            _ => {}
        }
    }

    fn note_state(&mut self, frame: &Value, me: i64) {
        let state = &frame["room"];
        let room = text(&frame["room_id"]).to_owned();
        if self.room.is_some() && self.room.as_ref() != Some(&room) {
            return;
        }
        if matches!(text(&state["status"]), "finished" | "abandoned") {
            return self.leave();
        }
        if self.room.is_none() && number(&state["host_id"]) == Some(me) {
            self.made = Some(room.clone());
        }
        self.room = Some(room);
        text(&state["game_type"]).clone_into(&mut self.game);
        self.host = number(&state["host_id"]).unwrap_or_default();
        self.members = ids(&state["lobby"])
            .into_iter()
            .chain(ids(&state["players"]))
            .collect();
        self.spectators = ids(&state["spectators"]).into_iter().collect();
        self.is_spectator = self.spectators.contains(&me);
        self.seats = ids(&state["selected_players"]);
        self.seats_max = state["player_count"].as_u64().unwrap_or(2) as usize;
        let players = state["players"].as_array().into_iter().flatten();
        let ready = players.filter(|player| player["is_ready"] == true);
        self.ready = ready
            .filter_map(|player| number(&player["user_id"]))
            .collect();
        self.turn = number(&state["current_turn"]);
        self.phase = match text(&state["status"]) {
            "in_progress" => Phase::Playing,
            _ if state["seeds_deadline"].is_string() => Phase::Revealing,
            _ => Phase::Waiting,
        };
    }
}

fn ids(list: &Value) -> Vec<i64> {
    let values = list.as_array().into_iter().flatten();
    values
        .filter_map(|value| number(&value["user_id"]).or_else(|| number(value)))
        .collect()
}
