//! The rooms that one bot is in, as the server's frames tell of them, and what it does there. No I/O.

use super::games::{self, Move};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How long a host may leave it without a game while seats are open.
const PATIENCE: Duration = Duration::from_secs(120);
/// After a refusal, before the same is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// A room that was left or refused is not entered again before.
const REST: Duration = Duration::from_secs(5);
/// A room whose host does not want the bot is not entered again before.
const REST_UNWELCOME: Duration = Duration::from_secs(60 * 60);

/// What the bot does in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Leave,
    Ready,
    /// In the turn of this number.
    Move(u64),
}

/// A command that the bot wants to send.
#[derive(Debug, PartialEq)]
pub struct Wanted {
    /// `ready`, `bigger_dice.roll`
    pub name: String,
    /// Where.
    pub room_id: String,
    /// Beside `room_id`.
    pub fields: Value,
}

/// What a frame changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The bot is in this room of this host.
    In {
        /// Which.
        room_id: String,
        /// Whose.
        host_id: String,
        /// What a seat costs there.
        fee_cents: i64,
    },
    /// It is not any more.
    Out {
        /// Which.
        room_id: String,
        /// How long no bot enters it.
        rests_for: Duration,
    },
    /// There is no such room.
    Gone {
        /// Which.
        room_id: String,
    },
}

impl Change {
    fn out(room_id: &str, is_unwelcome: bool) -> Change {
        Change::Out {
            room_id: room_id.to_owned(),
            rests_for: if is_unwelcome { REST_UNWELCOME } else { REST },
        }
    }
}

/// One room.
#[derive(Debug)]
struct Table {
    game_type: String,
    host_id: String,
    fee_cents: i64,
    room_seq: u64,
    since: Instant,
    seats: usize,
    /// Everyone in the room who is no bot.
    people: BTreeSet<String>,
    selected: BTreeSet<String>,
    is_ready: bool,
    /// The commitment of the seed, once the players' are asked for and until it is renewed: the seats
    /// stand, even where some are free.
    starting: Option<String>,
    is_playing: bool,
    /// Whose, and its number.
    turn: Option<(String, u64)>,
    /// The last `<game>.state`.
    state: Value,
    /// What is to be done, and when.
    plan: Option<(Deed, Instant)>,
    /// What was asked and has not shown itself.
    asked: Option<Deed>,
}

/// One bot.
#[derive(Debug)]
pub struct Player {
    user_id: String,
    move_after: Duration,
    tables: BTreeMap<String, Table>,
}

impl Player {
    /// In no room yet.
    pub fn new(user_id: String, move_after: Duration) -> Player {
        Player {
            user_id,
            move_after,
            tables: BTreeMap::new(),
        }
    }

    /// What to resume from: the rooms with the last `room_seq` of each.
    pub fn seen(&self) -> Vec<Value> {
        let tables = self.tables.iter();
        tables
            .map(|(room_id, table)| json!({ "room_id": room_id, "room_seq": table.room_seq }))
            .collect()
    }

    /// The rooms that the bot is in.
    pub fn rooms(&self) -> Vec<Change> {
        let tables = self.tables.iter();
        tables
            .map(|(room_id, table)| table.change_in(room_id))
            .collect()
    }

    /// Whether the bot is in this room.
    pub fn is_in(&self, room_id: &str) -> bool {
        self.tables.contains_key(room_id)
    }

    /// Notes what a frame about a room says.
    pub fn take(&mut self, frame: &Value, now: Instant) -> Option<Change> {
        let kind = frame["type"].as_str()?.strip_prefix("games.event.")?;
        if kind == "room_state" {
            return self.replace(&frame["room"], now);
        }
        let room_id = frame["room_id"].as_str()?;
        let me = self.user_id.as_str();
        let table = self.tables.get_mut(room_id)?;
        let about = frame["user_id"].as_str().unwrap_or_default();
        let is_out = match kind {
            "seed_revealed" | "not_in_room" => true,
            "player_left" | "player_kicked" | "player_banned" | "removed_from_game" => about == me,
            _ => false,
        };
        if is_out {
            self.tables.remove(room_id);
            let is_unwelcome = matches!(kind, "player_kicked" | "player_banned");
            return Some(Change::out(room_id, is_unwelcome));
        }
        if let Some(room_seq) = frame["room_seq"].as_u64() {
            table.room_seq = table.room_seq.max(room_seq);
        }
        table.fold(kind, frame, me);
        table.plan(me, self.move_after, now);
        None
    }

    /// An answer to a command about a room: whoever was refused is to try anew, later.
    pub fn answered(
        &mut self,
        room_id: &str,
        refusal: Option<&str>,
        is_repeated: bool,
        now: Instant,
    ) -> Option<Change> {
        if matches!(refusal, Some("room_not_found" | "not_in_room")) {
            self.tables.remove(room_id);
        }
        if refusal == Some("room_not_found") {
            let room_id = room_id.to_owned();
            return Some(Change::Gone { room_id });
        }
        let Some(table) = self.tables.get_mut(room_id) else {
            return Some(Change::out(room_id, refusal == Some("banned")));
        };
        if refusal.is_some() || is_repeated {
            table.asked = None;
            table.plan = None;
            table.plan(&self.user_id, self.move_after, now);
            if let Some((_, at)) = &mut table.plan {
                *at = (*at).max(now + AGAIN_AFTER);
            }
        }
        None
    }

    fn replace(&mut self, room: &Value, now: Instant) -> Option<Change> {
        let room_id = room["room_id"].as_str()?;
        let me = self.user_id.as_str();
        let before = self.tables.remove(room_id);
        let was_here = before.is_some();
        let is_running = matches!(room["status"].as_str(), Some("waiting" | "in_progress"));
        let members = || {
            ["players", "lobby"]
                .into_iter()
                .flat_map(|list| each(&room[list]))
        };
        if !is_running || !members().any(|member| id_of(member) == me) {
            return was_here.then(|| Change::out(room_id, false));
        }
        let people = members().filter(|member| member["is_bot"] != true);
        let mine = members().find(|member| id_of(member) == me);
        let turn = room["current_turn"].as_str().map(|turn| {
            let number = room["turn_number"].as_u64().unwrap_or(0);
            (turn.to_owned(), number)
        });
        let mut table = Table {
            game_type: text(&room["game_type"]),
            host_id: text(&room["host_id"]),
            fee_cents: room["entry_fee_cents"].as_i64().unwrap_or(0),
            room_seq: room["room_seq"].as_u64().unwrap_or(0),
            since: before.as_ref().map_or(now, |before| before.since),
            seats: room["player_count"].as_u64().unwrap_or(0) as usize,
            people: people.map(id_of).collect(),
            selected: each(&room["players"]).map(id_of).collect(),
            is_ready: mine.is_some_and(|mine| mine["is_ready"] == true),
            starting: before
                .as_ref()
                .and_then(|before| before.starting.clone())
                .filter(|commitment| room["seed_commitment"] == commitment.as_str()),
            is_playing: room["status"] == "in_progress",
            turn,
            state: Value::Null,
            plan: None,
            asked: before.and_then(|before| before.asked),
        };
        table.plan(me, self.move_after, now);
        let change = table.change_in(room_id);
        self.tables.insert(room_id.to_owned(), table);
        Some(change)
    }

    /// What was asked in this room got lost with its answer, unless it is still waited for.
    pub fn ask_anew(&mut self, room_id: &str, now: Instant) {
        if let Some(table) = self.tables.get_mut(room_id) {
            table.asked = None;
            table.plan(&self.user_id, self.move_after, now);
        }
    }

    /// What is to be sent now.
    pub fn due(&mut self, now: Instant) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        for (room_id, table) in &mut self.tables {
            table.plan(&self.user_id, self.move_after, now);
            let Some((deed, _)) = table.plan.filter(|(_, at)| *at <= now) else {
                continue;
            };
            table.plan = None;
            table.asked = Some(deed);
            let (name, fields) = match deed {
                Deed::Leave => ("leave_room".to_owned(), json!({})),
                Deed::Ready => ("ready".to_owned(), json!({ "is_ready": true })),
                Deed::Move(_) => match table.choose(&self.user_id) {
                    Some(Move { name, fields }) => (format!("{}.{name}", table.game_type), fields),
                    None => continue,
                },
            };
            wanted.push(Wanted {
                name,
                room_id: room_id.clone(),
                fields,
            });
        }
        wanted
    }

    /// When something is to be sent next.
    pub fn next_due(&self) -> Option<Instant> {
        let tables = self.tables.values();
        tables.filter_map(Table::next_due).min()
    }
}

impl Table {
    fn change_in(&self, room_id: &str) -> Change {
        Change::In {
            room_id: room_id.to_owned(),
            host_id: self.host_id.clone(),
            fee_cents: self.fee_cents,
        }
    }

    fn fold(&mut self, kind: &str, frame: &Value, me: &str) {
        let about = frame["user_id"].as_str().unwrap_or_default();
        let player = &frame["player"];
        match kind {
            "lobby_joined" if player["is_bot"] != true => {
                self.people.insert(id_of(player));
            }
            "player_left" | "player_kicked" | "player_banned" => {
                self.people.remove(about);
                self.selected.remove(about);
            }
            "host_changed" => self.host_id = text(&frame["host_id"]),
            "player_selected" => {
                self.selected.insert(id_of(player));
            }
            "player_deselected" => {
                self.selected.remove(about);
            }
            "selected_players_updated" => {
                self.selected = each(&frame["selected_players"]).map(id_of).collect();
            }
            // Whoever has no seat now is out of the room.
            "game_starting" => self.people.retain(|person| self.selected.contains(person)),
            "seeds_requested" => self.starting = Some(text(&frame["seed_commitment"])),
            "seed_renewed" => {
                self.is_ready = false;
                self.starting = None;
            }
            "player_ready_changed" if about == me => self.is_ready = frame["is_ready"] == true,
            "game_started" => self.is_playing = true,
            "turn_changed" => {
                let number = frame["turn_number"].as_u64().unwrap_or(0);
                self.turn = Some((text(&frame["current_turn"]), number));
            }
            _ if kind == format!("{}.state", self.game_type) => self.state = frame.clone(),
            _ => {}
        }
    }

    /// Whether somebody can still be selected.
    fn is_open(&self) -> bool {
        !self.is_playing && self.starting.is_none() && self.selected.len() < self.seats
    }

    fn patience_ends(&self) -> Instant {
        self.since + PATIENCE
    }

    fn wants(&self, me: &str, now: Instant) -> Option<Deed> {
        if self.is_playing {
            let (user, number) = self.turn.as_ref()?;
            return (user == me).then_some(Deed::Move(*number));
        }
        let is_unwanted = self.people.is_empty()
            || self.host_id == me
            || (self.is_open() && (self.people.len() > 1 || now >= self.patience_ends()));
        if is_unwanted {
            Some(Deed::Leave)
        } else {
            (self.selected.contains(me) && !self.is_ready).then_some(Deed::Ready)
        }
    }

    /// Puts what is wanted now into the plan, after a pause where people are to see it happen.
    fn plan(&mut self, me: &str, pause: Duration, now: Instant) {
        let wanted = self.wants(me, now);
        if self.asked != wanted {
            self.asked = None;
        }
        if wanted.is_none() || self.asked.is_some() {
            self.plan = None;
            return;
        }
        let planned = self.plan.map(|(deed, _)| deed);
        if let Some(deed) = wanted.filter(|deed| Some(*deed) != planned) {
            let pause = if deed == Deed::Leave {
                Duration::ZERO
            } else {
                pause
            };
            self.plan = Some((deed, now + pause));
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let is_leaving =
            self.asked == Some(Deed::Leave) || matches!(self.plan, Some((Deed::Leave, _)));
        let patience = (self.is_open() && !is_leaving).then(|| self.patience_ends());
        let planned = self.plan.map(|(_, at)| at);
        planned.into_iter().chain(patience).min()
    }

    fn choose(&self, me: &str) -> Option<Move> {
        games::strategy(&self.game_type)?.choose(&self.state, me)
    }
}

fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// Of a member, or of an id by itself.
fn id_of(member: &Value) -> String {
    text(member.get("user_id").unwrap_or(member))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
