//! What a player does outside of one room: waits for quick matches, watches the lobby, leaves rooms that it
//! came into beside the one it plays in, and ends what was begun.

use super::Player;
use super::view::Phase;
use crate::history::{number, text};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Somebody who stays away longer than this is told as gone.
const AWAY: Duration = Duration::from_millis(2_500);

/// What ends one's part in a room, whether one plays there or watches.
pub(super) const EXITS: [&str; 3] = ["stop_spectating", "leave_spectate", "leave_room"];

impl Player {
    /// What the frame says of places in queues and of rooms beside the one that is looked at.
    pub(super) fn note_lobby(&mut self, frame: &Value, kind: &str) {
        let room = frame["room_id"].as_str();
        match kind.strip_prefix("games.event.").unwrap_or_default() {
            "quick_match_waiting" => {
                let game = text(&frame["game_type"]).to_owned();
                if frame["is_waiting"] == true {
                    self.waits_for.insert(game);
                } else {
                    self.waits_for.remove(&game);
                }
            }
            "error" => {
                if let "not_in_room" | "room_not_found" = text(&frame["code"])
                    && let Some(room) = room
                {
                    let asked = self.pending.get(text(&frame["command_id"]));
                    let is_sure = |name: &str| EXITS.contains(&name) || name == "rejoin_room";
                    if !asked.is_some_and(|asked| is_sure(&asked.name)) {
                        self.doubted.insert(room.to_owned());
                    }
                    self.forget(room);
                }
            }
            "room_state" => {
                let state = &frame["room"];
                if state["room_name"] == "Quick match" {
                    self.waits_for.remove(text(&state["game_type"]));
                }
                let is_other = self
                    .view
                    .room
                    .as_deref()
                    .is_some_and(|own| Some(own) != room);
                let is_over = matches!(text(&state["status"]), "finished" | "abandoned");
                if is_other && !is_over {
                    self.strays.extend(room.map(str::to_owned));
                }
            }
            "not_in_room" | "seed_revealed" | "removed_from_game" => {
                self.strays.remove(room.unwrap_or_default());
            }
            "player_left" | "player_disconnected" | "spectator_left" | "spectator_kicked"
                if number(&frame["user_id"]) == Some(self.user) =>
            {
                self.strays.remove(room.unwrap_or_default());
            }
            // Who was away is told both when it comes back.
            "player_rejoined"
                if number(&frame["user_id"]) == Some(self.user)
                    && self.view.room.as_deref() != room =>
            {
                self.strays.extend(room.map(str::to_owned));
            }
            _ => {}
        }
    }

    fn forget(&mut self, room: &str) {
        self.strays.remove(room);
        if self.view.room.as_deref() == Some(room) {
            self.view.leave();
        }
    }

    /// A crowd does not act as fast as it can, but ends soon what it began.
    pub(super) fn rest(&mut self) {
        if let Some(crowd) = self.shared.crowd() {
            let part = if self.shared.winds_down() { 0.2 } else { 1.0 };
            self.acts_at = Instant::now() + crowd.rests.mul_f64(part * self.random.f64());
        }
    }

    /// Loses the connections; now and then for so long that others hear of it.
    pub(super) async fn lose_connection(&mut self) {
        self.hang_up(0).await;
        if self.shared.crowd().is_some() && self.random.u8(..10) < 3 {
            self.hang_up(1).await;
            tokio::time::sleep(AWAY).await;
        }
    }

    pub(super) async fn watch_the_lobby(&mut self) {
        let watch = self.random.bool();
        if let Some(line) = &mut self.lines[0] {
            let said = json!({ "type": "system.lobby", "watch": watch });
            line.transcript.has_watched |= watch;
            line.send_text(&said.to_string()).await;
        }
    }

    /// Asks for a quick match, or asks no more.
    pub(super) async fn ask_for_a_match(&mut self) {
        if !self.waits_for.is_empty() && self.random.u8(..10) < 3 {
            return self.cancel_a_match().await;
        }
        let game = self.some_game();
        self.command("quick_match", json!({ "game_type": game }))
            .await;
    }

    pub(super) async fn cancel_a_match(&mut self) {
        if let Some(game) = self.waits_for.first().cloned() {
            let fields = json!({ "game_type": game, "cancel": true });
            self.command("quick_match", fields).await;
        }
    }

    /// A game that is played here.
    pub(super) fn some_game(&mut self) -> String {
        let names = self.shared.crowd().map(|crowd| {
            let names = crowd.games.iter().map(|game| game.name.clone());
            names.collect::<Vec<String>>()
        });
        let known = || ["bigger_dice", "vault"].map(str::to_owned).to_vec();
        let mut names = names.unwrap_or_else(known);
        names.swap_remove(self.random.usize(..names.len()))
    }

    /// A move of a game that is known by its description alone.
    pub(super) async fn make_any_move(&mut self, room: String) {
        let game = self.view.game.clone();
        let described = self.shared.crowd().and_then(|crowd| {
            let mut games = crowd.games.iter();
            Some(games.find(|known| known.name == game)?.moves.clone())
        });
        let moves = described.unwrap_or_default();
        let Some((name, schema)) = self.random.choice(&moves).cloned() else {
            self.view.is_idle = true;
            return;
        };
        let mut fields = self.any_value(&schema);
        if !fields.is_object() {
            fields = json!({});
        }
        fields["room_id"] = room.into();
        self.command(&format!("{game}.{name}"), fields).await;
    }

    /// Whether the game waits for who is gone, and so ends only once all are gone.
    pub(super) fn may_be_paused(&self) -> bool {
        !matches!(&*self.view.game, "bigger_dice" | "vault")
    }

    /// A value that a schema allows, of what schemas of moves say.
    fn any_value(&mut self, schema: &Value) -> Value {
        let choices = schema["enum"].as_array().or(schema["oneOf"].as_array());
        if let Some(choice) = choices.and_then(|choices| self.random.choice(choices)) {
            let choice = choice.clone();
            return match choice["const"].is_null() {
                false => choice["const"].clone(),
                true if schema["enum"].is_array() => choice,
                true => self.any_value(&choice),
            };
        }
        match text(&schema["type"]) {
            "object" => {
                let named = schema["properties"]
                    .as_object()
                    .cloned()
                    .unwrap_or_default();
                let named = named
                    .into_iter()
                    .map(|(name, of)| (name, self.any_value(&of)));
                Value::Object(named.collect())
            }
            "integer" | "number" => {
                let bound = |name: &str, or: i64| schema[name].as_i64().unwrap_or(or);
                let (least, most) = (bound("minimum", 0), bound("maximum", 8));
                self.random.i64(least..=most.max(least)).into()
            }
            "boolean" => self.random.bool().into(),
            "string" => self.hex(4).into(),
            _ => Value::Null,
        }
    }

    /// Ends what was begun and begins nothing.
    pub(super) async fn end_what_was_begun(&mut self) {
        if !self.waits_for.is_empty() {
            return self.cancel_a_match().await;
        }
        if let Some(stray) = self.strays.pop_first() {
            return self
                .command("leave_room", json!({ "room_id": stray }))
                .await;
        }
        let Some(room) = self.view.room.clone() else {
            if let Some(doubted) = self.doubted.pop_first() {
                // Its answer is how one stands there.
                let fields = json!({ "room_id": doubted });
                return self.command("rejoin_room", fields).await;
            }
            // A game goes on faster with its players.
            match self.left.take() {
                Some(left) => {
                    self.command("rejoin_room", json!({ "room_id": left }))
                        .await
                }
                None => self.view.is_idle = true,
            }
            return;
        };
        if self.view.is_spectator {
            return self.stop_watching(room).await;
        }
        match self.view.phase {
            Phase::Waiting => self.command("leave_room", json!({ "room_id": room })).await,
            Phase::Revealing => self.reveal(room).await,
            Phase::Playing if self.may_be_paused() && self.random.u8(..10) < 2 => {
                self.command("leave_room", json!({ "room_id": room })).await;
            }
            Phase::Playing if self.view.turn == Some(self.user) => self.move_on(room).await,
            Phase::Playing => self.view.is_idle = true,
        }
    }
}
