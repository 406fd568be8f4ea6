//! A random player on real sockets: makes rooms, plays, leaves, loses connections, repeats commands and
//! says nonsense, over every outage, and keeps what it heard.

mod choices;
mod line;
mod lobby;
mod social;
mod view;

use crate::checks::is_answer;
use crate::crew::{Offer, Shared};
use crate::history::text;
use blazing_sun_harness::Guest;
use fastrand::Rng;
use line::Line;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;
use view::{Phase, View};

/// A command may take so long to be answered, on a connection that lives: longer than any outage that a run brings about,
/// on a busy machine too.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
/// After so long without news a player tries something else.
const BORED_AFTER: Duration = Duration::from_millis(150);
/// What answers a command by its id.
const ANSWERS: [&str; 9] = [
    "chat.event.error",
    "games.event.chat_history",
    "games.event.room_list",
    "games.event.quick_match_waiting",
    "games.event.room_state",
    "games.event.command_applied",
    "games.event.error",
    "games.event.not_in_room",
    // Of more than 50 spectators, the one who leaves alone is told.
    "games.event.spectator_left",
];
/// How the commands begin that are about no room.
const CHAT: &str = "chat.command.";
/// Commands that are sent again later on.
const REMEMBERED: usize = 12;

/// A command under way.
struct Pending {
    name: String,
    frame: Value,
    room: Option<String>,
    /// Copies sent, by connection.
    copies: [usize; 2],
    answers: BTreeSet<String>,
    has_event: bool,
    /// Its sender hears of nothing but a refusal.
    is_told_to_others: bool,
    is_refused: bool,
    acks: usize,
    since: Instant,
}

impl Pending {
    fn is_answered(&self) -> bool {
        let copies = self.copies[0] + self.copies[1];
        let answers = self.answers.len() + usize::from(self.has_event);
        copies > 0 && self.acks >= copies && (answers >= copies || self.is_told_to_others)
    }

    /// Whether its answer is the room's state.
    fn is_entering(&self) -> bool {
        matches!(
            &*self.name,
            "create_room"
                | "join_room"
                | "rejoin_room"
                | "spectate"
                | "join_as_spectator"
                | "become_spectator"
                | "become_player"
        )
    }

    /// How its room stands, or that it is not this one's any more, may hold what it has done; that is then not
    /// told again.
    fn note_standing(&mut self, frame: &Value, kind: &str) {
        let tells = match kind {
            "games.event.room_state" => true,
            "games.event.not_in_room" => !self.is_entering(),
            _ => false,
        };
        if tells && self.room.as_deref() == frame["room_id"].as_str() {
            self.has_event |= frame["command_id"].is_null()
                || frame["correlation_id"].as_str() != self.frame["command_id"].as_str();
        }
    }
}

/// One seed of several is taken without a word, and who writes in the lobby may not watch it.
fn is_silent(command: &str) -> bool {
    matches!(command, "reveal_seed" | "chat.command.send_lobby_message")
}

/// The player.
pub struct Player {
    guest: Guest,
    user: i64,
    random: Rng,
    shared: Arc<Shared>,
    lines: [Option<Line>; 2],
    known: BTreeMap<String, u64>,
    view: View,
    pending: BTreeMap<String, Pending>,
    done: VecDeque<(String, Value)>,
    left: Option<String>,
    seed: Option<String>,
    heard_at: Instant,
    balance_cents: i64,
    /// Games whose quick match this one waits for.
    waits_for: BTreeSet<String>,
    /// Rooms beside the one that this one looks at.
    strays: BTreeSet<String>,
    /// Rooms that one is perhaps in still: a refusal said otherwise, which may have meant that one only watches, or an answer
    /// that was repeated, which may have been so once.
    doubted: BTreeSet<String>,
    /// Messages to this one that were not yet marked as read.
    unread: VecDeque<String>,
    acts_at: Instant,
}

impl Player {
    /// Not yet connected.
    pub fn new(guest: Guest, random: Rng, shared: Arc<Shared>) -> Player {
        let user = guest.user_id.parse().expect("a user id is a number");
        shared.secret(guest.token.clone(), user);
        Player {
            user,
            balance_cents: guest.balance_cents,
            guest,
            random,
            shared,
            lines: [None, None],
            known: BTreeMap::new(),
            view: View::default(),
            pending: BTreeMap::new(),
            done: VecDeque::new(),
            left: None,
            seed: None,
            heard_at: Instant::now(),
            waits_for: BTreeSet::new(),
            strays: BTreeSet::new(),
            doubted: BTreeSet::new(),
            unread: VecDeque::new(),
            acts_at: Instant::now(),
        }
    }

    /// Plays until the crew is sent home.
    pub async fn play(mut self) {
        while self.shared.is_up(self.user).await {
            self.shared.is_at(self.user, "signing in");
            if self.connect(0).await {
                self.shared.is_at(self.user, "connected");
                self.shared.is_back(self.user);
                self.session().await;
                self.hang_up(1).await;
                self.shared.is_at(self.user, "disconnected");
            } else {
                self.shared.is_down(self.user).await;
                self.shared.wait_in_line(&mut self.random).await;
            }
        }
        self.hang_up(0).await;
        self.hang_up(1).await;
    }

    /// From sign-in to the loss of the connection.
    async fn session(&mut self) {
        self.send_unanswered().await;
        while self.lines[0].is_some() {
            let [first, second] = &mut self.lines;
            tokio::select! {
                frame = Line::next(first) => self.heard(0, frame).await,
                frame = Line::next(second) => self.heard(1, frame).await,
                () = tokio::time::sleep(BORED_AFTER) => {}
                () = self.shared.goes_home() => return,
            }
            if self.lines[0].is_some() {
                self.give_up_waiting();
                if self.pending.is_empty()
                    && self.acts_at <= Instant::now()
                    && self.view.is_fresh(self.heard_at, BORED_AFTER)
                {
                    self.shared.is_at(self.user, "acting");
                    self.act().await;
                    self.rest();
                    self.shared.is_at(self.user, "listening");
                }
            }
        }
    }

    async fn connect(&mut self, which: usize) -> bool {
        let resume = if which == 0 {
            self.known.clone()
        } else {
            BTreeMap::new()
        };
        let address = self.shared.socket_address(&mut self.random);
        let connected = Line::sign_in(address, &self.guest, self.user, resume).await;
        let is_connected = connected.is_some();
        self.lines[which] = connected;
        is_connected
    }

    async fn hang_up(&mut self, which: usize) {
        if let Some(line) = self.lines[which].take() {
            if which == 0 {
                self.known.clone_from(&line.known);
                // What becomes of a command in a room that is not named nobody has to say, and it is about
                // these rooms that commands come next.
                let under_way = self
                    .pending
                    .values()
                    .filter(|pending| !pending.is_entering());
                let rooms: BTreeSet<&String> = under_way
                    .filter_map(|pending| pending.room.as_ref())
                    .chain(&self.view.room)
                    .chain(&self.strays)
                    .collect();
                self.known.retain(|known, _| rooms.contains(known));
                for stray in &self.strays {
                    self.known.entry(stray.clone()).or_default();
                }
            }
            // Which copies got through is not known: they count anew.
            for pending in self.pending.values_mut() {
                if pending.copies[which] > 0 {
                    pending.copies = [0, 0];
                    pending.answers.clear();
                    pending.has_event = is_silent(&pending.name);
                    pending.acks = 0;
                    pending.since = Instant::now();
                }
            }
            self.shared.keep(line.transcript);
        }
    }

    async fn heard(&mut self, which: usize, frame: Option<Value>) {
        let Some(frame) = frame else {
            self.hang_up(which).await;
            if which == 1 {
                self.send_unanswered().await;
            }
            return;
        };
        self.heard_at = Instant::now();
        self.shared.count_frame();
        let kind = text(&frame["type"]).to_owned();
        let id = frame["command_id"].as_str().map(str::to_owned);
        if kind == "games.event.chat_message" {
            self.shared.is_spoken_in(text(&frame["channel"]));
        }
        if kind == "wallet.event.balance_changed" {
            self.balance_cents = frame["balance_cents"].as_i64().unwrap_or_default();
            self.shared
                .secret(text(&frame["event_id"]).to_owned(), self.user);
        }
        if kind.ends_with(".error")
            && let Some(id) = &id
        {
            let code = text(&frame["code"]);
            if !matches!(code, "unavailable" | "rate_limited") {
                self.shared.secret(id.clone(), self.user);
            }
            if self.shared.offers_fail(code)
                && let Some(room) = self
                    .pending
                    .get(id)
                    .and_then(|pending| pending.room.clone())
            {
                self.shared.withdraw(&room);
            }
        }
        self.note_lobby(&frame, &kind);
        self.note_message(&frame, &kind);
        if which == 0 {
            self.view.note(&frame, self.user);
            if let (Some(room), Some(made_as)) = (&self.view.made, self.view.made_as.take()) {
                let (name, password) = made_as;
                self.shared.offer(Offer {
                    room: room.clone(),
                    name,
                    password,
                });
                self.view.made = None;
            }
        }
        self.note_answer(&frame, &kind);
    }

    fn note_answer(&mut self, frame: &Value, kind: &str) {
        let cause = frame["correlation_id"]
            .as_str()
            .or(frame["command_id"].as_str());
        for pending in self.pending.values_mut() {
            pending.note_standing(frame, kind);
        }
        if let Some(id) = cause {
            self.note_answer_to(id, frame, kind);
        }
        let answered = self.pending.iter().filter(|(_, of)| of.is_answered());
        let answered: Vec<String> = answered.map(|(id, _)| id.clone()).collect();
        for id in answered {
            self.is_answered(id);
        }
    }

    fn note_answer_to(&mut self, id: &str, frame: &Value, kind: &str) {
        let Some(pending) = self.pending.get_mut(id) else {
            return;
        };
        let is_private_effect = matches!(
            kind,
            "games.event.chat_message"
                | "games.event.room_invited"
                | "chat.event.message_received"
                | "chat.event.messages_read"
        );
        if kind == "system.ack" {
            pending.acks += 1;
        } else if ANSWERS.contains(&kind)
            && (is_answer(frame, id) || kind == "games.event.room_list")
        {
            pending.is_refused |= kind.ends_with(".error");
            pending.answers.insert(text(&frame["event_id"]).to_owned());
        } else if kind == "system.error" {
            // The gateway's own refusal is not on the log, and so not acknowledged.
            pending.acks += 1;
            pending.is_refused = true;
            let nth = pending.answers.len().to_string();
            pending.answers.insert(nth);
        } else if is_private_effect || (frame["room_seq"].is_u64() && !pending.is_entering()) {
            pending.has_event = true;
        }
    }

    fn is_answered(&mut self, id: String) {
        let Some(pending) = self.pending.remove(&id) else {
            return;
        };
        let is_of_view = pending.room.is_some() && pending.room == self.view.room;
        if pending.name == "leave_room" && is_of_view && !pending.is_refused {
            if self.view.phase == Phase::Playing {
                self.left = self.view.room.clone();
            }
            self.view.leave();
        }
        self.done.push_back((id, pending.frame));
        if self.done.len() > REMEMBERED {
            self.done.pop_front();
        }
        self.shared.count_answer(self.user);
    }

    fn give_up_waiting(&mut self) {
        let late = |pending: &Pending| pending.since.elapsed() > ANSWERED_WITHIN;
        let ids: Vec<String> = self
            .pending
            .iter()
            .filter(|(_, pending)| late(pending))
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            let pending = self.pending.remove(&id).expect("it was just there");
            self.shared.violated(
                "I9 repeats",
                format!(
                    "{} {id} of {}: of {:?} copies {} were acknowledged, {} answered{}",
                    pending.name,
                    self.user,
                    pending.copies,
                    pending.acks,
                    pending.answers.len(),
                    if pending.has_event {
                        " and its event heard"
                    } else {
                        ""
                    },
                ),
            );
        }
    }

    /// After a reconnect: what has no answer is sent again under its id.
    async fn send_unanswered(&mut self) {
        let unanswered: Vec<String> = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.copies == [0, 0])
            .map(|(id, _)| id.clone())
            .collect();
        for id in unanswered {
            self.send_copies(&id, 1).await;
        }
    }

    async fn send_copies(&mut self, id: &str, copies: usize) {
        for _ in 0..copies {
            let second = self.lines[1].is_some() && self.random.bool();
            let which = usize::from(second);
            let Some(pending) = self.pending.get_mut(id) else {
                return;
            };
            pending.copies[which] += 1;
            let frame = pending.frame.clone();
            if let Some(line) = &mut self.lines[which] {
                self.shared.count_copy();
                line.send(&frame, id).await;
            }
        }
    }

    async fn command(&mut self, name: &str, mut fields: Value) {
        let is_chat = name.starts_with(CHAT);
        let family = if is_chat { "" } else { "games.command." };
        let id = Uuid::now_v7().to_string();
        fields["type"] = format!("{family}{name}").into();
        fields["command_id"] = id.as_str().into();
        self.pend(id, name, fields).await;
    }

    async fn pend(&mut self, id: String, name: &str, frame: Value) {
        let copies = if self.random.u8(..10) < 2 {
            self.random.usize(2..=5)
        } else {
            1
        };
        let pending = Pending {
            name: name.to_owned(),
            room: frame["room_id"].as_str().map(str::to_owned),
            frame,
            copies: [0, 0],
            answers: BTreeSet::new(),
            has_event: is_silent(name),
            is_told_to_others: name == "chat.command.typing",
            is_refused: false,
            acks: 0,
            since: Instant::now(),
        };
        self.pending.insert(id.clone(), pending);
        self.send_copies(&id, copies).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pending(name: &str) -> Pending {
        Pending {
            name: name.to_owned(),
            frame: json!({ "room_id": "r", "command_id": "own" }),
            room: Some("r".to_owned()),
            copies: [1, 0],
            answers: BTreeSet::new(),
            has_event: false,
            is_told_to_others: false,
            is_refused: false,
            acks: 1,
            since: Instant::now(),
        }
    }

    /// Whether a command is answered by what a connection hears first when it comes back.
    fn is_answered_by(name: &str, kind: &str, room: &str, cause: &str) -> bool {
        let mut pending = pending(name);
        let frame = json!({ "room_id": room, "correlation_id": cause, "command_id": cause });
        pending.note_standing(&frame, kind);
        pending.is_answered()
    }

    #[test]
    fn who_is_told_to_be_out_of_a_room_has_left_it() {
        let (out, state) = ("games.event.not_in_room", "games.event.room_state");
        assert!(is_answered_by("stop_spectating", out, "r", "sign-in"));
        assert!(is_answered_by("stop_spectating", state, "r", "sign-in"));
        assert!(!is_answered_by("stop_spectating", out, "other", "sign-in"));
        assert!(!is_answered_by("stop_spectating", state, "r", "own"));
        // A join that is under way is still to be decided.
        assert!(!is_answered_by("join_room", out, "r", "sign-in"));
    }
}
