//! What a player does next: mostly what leads on, now and then what should not be done.

use super::view::Phase;
use super::{BORED_AFTER, Player};
use crate::crew::PASSWORD;
use crate::history::text;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::Arc;

impl Player {
    pub(super) fn chance(&mut self, percent: u8) -> bool {
        self.random.u8(..100) < percent
    }

    pub(super) async fn act(&mut self) {
        if self.shared.winds_down() {
            return self.end_what_was_begun().await;
        }
        match self.random.u8(..100) {
            0 => return self.lose_connection().await,
            1 if self.lines[1].is_none() => {
                self.connect(1).await;
                return;
            }
            2 => self.hang_up(1).await,
            3..=7 => return self.repeat_an_old_one().await,
            8..=9 => return self.say_nonsense().await,
            10 => return self.ask_for_what_is_refused().await,
            11 => return self.watch_the_lobby().await,
            12..=13 => return self.ask_for_a_match().await,
            14..=33 if self.shared.crowd().is_some() => return self.be_sociable().await,
            _ => {}
        }
        if let Some(stray) = self.strays.pop_first() {
            let fields = json!({ "room_id": stray });
            return self.command("leave_room", fields).await;
        }
        match self.view.room.clone() {
            None => self.find_a_room().await,
            Some(room) if self.view.is_spectator => self.watch_on(room).await,
            Some(room) => match self.view.phase {
                Phase::Waiting => self.prepare(room).await,
                Phase::Revealing => self.reveal(room).await,
                Phase::Playing => self.take_turn(room).await,
            },
        }
    }

    async fn repeat_an_old_one(&mut self) {
        if self.done.is_empty() {
            return;
        }
        let at = self.random.usize(..self.done.len());
        let (id, frame) = self.done[at].clone();
        let name = text(&frame["type"]).replacen("games.command.", "", 1);
        if name == "leave_room" {
            self.doubted.insert(text(&frame["room_id"]).to_owned());
        }
        self.pend(id, &name, frame).await;
    }

    async fn say_nonsense(&mut self) {
        const NONSENSE: [&str; 8] = [
            "",
            "{",
            "[]",
            "null",
            "{\"type\":7}",
            "{\"type\":\"games.command.fly\",\"room_id\":\"r\"}",
            "{\"type\":\"games.command.player_disconnected\",\"room_id\":\"r\",\"user_id\":\"1\"}",
            "{\"type\":\"games.command.ready\",\"room_id\":{\"a\":[[[[[[[[]]]]]]]]}}",
        ];
        let said = NONSENSE[self.random.usize(..NONSENSE.len())];
        if let Some(line) = &mut self.lines[0] {
            line.transcript.sent_nameless = true;
            line.send_text(said).await;
        }
    }

    async fn ask_for_what_is_refused(&mut self) {
        let room = self.view.room.clone();
        let own = room.unwrap_or_else(|| "no-such-room".to_owned());
        match self.random.u8(..5) {
            0 => self.command("join_room", json!({ "room_id": own })).await,
            1 => {
                let fields =
                    json!({ "room_id": "no-such-room", "target_user_id": self.user.to_string() });
                self.command("select_player", fields).await;
            }
            2 => {
                let fields =
                    json!({ "game_type": "bigger_dice", "room_name": "n", "max_players": 99 });
                self.command("create_room", fields).await;
            }
            3 => {
                self.command("bigger_dice.roll", json!({ "room_id": own }))
                    .await
            }
            _ => {
                let fields = json!({ "room_id": own, "client_seed": "00".repeat(32) });
                self.command("reveal_seed", fields).await;
            }
        }
    }

    async fn find_a_room(&mut self) {
        if self.balance_cents < self.shared.fee_cents_max() {
            // Who vanishes out of a queue may leave a matched room behind for a minute.
            if self.shared.crowd().is_some() && !self.waits_for.is_empty() {
                return self.cancel_a_match().await;
            }
            return self.begin_anew().await;
        }
        if let Some(room) = self.left.take()
            && self.chance(60)
        {
            return self
                .command("rejoin_room", json!({ "room_id": room }))
                .await;
        }
        if self.chance(30) {
            return self.ask_for_a_match().await;
        }
        if let Some(offer) = self.shared.some_offer(&mut self.random) {
            let name = match self.shared.crowd().is_some() && self.chance(25) {
                true => "spectate",
                false => "join_room",
            };
            return self.enter(name, offer).await;
        }
        let game = if self.shared.crowd().is_some() {
            self.some_game()
        } else if self.chance(35) {
            "vault".to_owned()
        } else {
            "bigger_dice".to_owned()
        };
        let seats = match &*game {
            "bigger_dice" => self.random.u32(2..=3),
            _ => 2,
        };
        let name = format!("soak {}", self.hex(4));
        let mut fields = json!({
            "game_type": game,
            "room_name": name,
            "max_players": seats,
        });
        let password = self
            .chance(25)
            .then(|| format!("{}{}", PASSWORD, self.hex(16)));
        if let Some(password) = &password {
            fields["password"] = password.as_str().into();
        }
        self.view.made_as = Some((name, password));
        self.command("create_room", fields).await;
    }

    pub(super) fn hex(&mut self, bytes: usize) -> String {
        (0..bytes)
            .map(|_| format!("{:02x}", self.random.u8(..)))
            .collect()
    }

    /// Too little money is left: goes on as a new guest.
    async fn begin_anew(&mut self) {
        self.hang_up(0).await;
        self.hang_up(1).await;
        if let Some(guest) = self.shared.new_guest().await {
            let random = self.random.fork();
            let shared = Arc::clone(&self.shared);
            shared.change_player(self.user, &guest);
            *self = Player::new(guest, random, shared);
        }
    }

    async fn prepare(&mut self, room: String) {
        let is_host = self.view.host == self.user;
        let is_seated = self.view.seats.contains(&self.user);
        let is_full = self.view.seats.len() >= self.view.seats_max;
        let waiting: Vec<i64> = self
            .view
            .members
            .iter()
            .copied()
            .filter(|member| !self.view.seats.contains(member))
            .collect();
        if self.chance(2) {
            return self.command("leave_room", json!({ "room_id": room })).await;
        }
        if is_host && self.chance(3) {
            return self.moderate(room).await;
        }
        if is_host
            && !is_full
            && !waiting.is_empty()
            && (waiting.len() > 1 || self.view.members.len() > 1)
        {
            let target = waiting[self.random.usize(..waiting.len())];
            let fields = json!({ "room_id": room, "target_user_id": target.to_string() });
            return self.command("select_player", fields).await;
        }
        if is_host && self.chance(4) {
            if self.random.bool() {
                return self.command("start_game", json!({ "room_id": room })).await;
            }
            if let Some(target) = self.view.seats.first() {
                let fields = json!({ "room_id": room, "target_user_id": target.to_string() });
                return self.command("deselect_player", fields).await;
            }
        }
        if is_seated && !self.view.ready.contains(&self.user) {
            let mut fields = json!({ "room_id": room, "is_ready": true });
            self.seed = None;
            if self.random.bool() {
                let seed = self.hex(32);
                let bytes = hex::decode(&seed).expect("it was just written in hex");
                fields["seed_commitment"] = hex::encode(Sha256::digest(bytes)).into();
                self.seed = Some(seed);
            }
            return self.command("ready", fields).await;
        }
        self.wait_or_move_on(room).await;
    }

    /// Sends somebody out, or lets the one banned last in again.
    async fn moderate(&mut self, room: String) {
        const MEASURES: [&str; 5] = [
            "kick_player",
            "ban_player",
            "mute_user",
            "unmute_user",
            "kick_spectator",
        ];
        let here = self.view.members.iter().chain(&self.view.spectators);
        let members: Vec<i64> = here.copied().collect();
        let (name, target) = match self.view.banned.take() {
            Some(banned) => ("unban_player", banned),
            None if members.is_empty() => return,
            None => (
                MEASURES[self.random.usize(..MEASURES.len())],
                members[self.random.usize(..members.len())],
            ),
        };
        let fields = json!({ "room_id": room, "target_user_id": target.to_string() });
        self.command(name, fields).await;
    }

    pub(super) async fn reveal(&mut self, room: String) {
        if let Some(seed) = self.seed.take() {
            match self.random.u8(..100) {
                // Never: the deadline takes the seat.
                0..=2 => {}
                3..=5 => {
                    let wrong = self.hex(32);
                    self.seed = Some(seed);
                    let fields = json!({ "room_id": room, "client_seed": wrong });
                    self.command("reveal_seed", fields).await;
                }
                _ => {
                    let fields = json!({ "room_id": room, "client_seed": seed });
                    self.command("reveal_seed", fields).await;
                }
            }
            return;
        }
        self.wait_or_move_on(room).await;
    }

    async fn take_turn(&mut self, room: String) {
        if self.view.turn != Some(self.user) {
            return self.wait_or_move_on(room).await;
        }
        if self.chance(2) {
            return self.command("leave_room", json!({ "room_id": room })).await;
        }
        if self.chance(2) {
            let name = format!("{}.enable_auto_play", self.view.game);
            let fields = json!({ "room_id": room, "enabled": self.random.bool() });
            return self.command(&name, fields).await;
        }
        self.move_on(room).await;
    }

    /// A move in this one's turn.
    pub(super) async fn move_on(&mut self, room: String) {
        match &*self.view.game {
            "bigger_dice" => {
                return self
                    .command("bigger_dice.roll", json!({ "room_id": room }))
                    .await;
            }
            "vault" => {}
            _ => return self.make_any_move(room).await,
        }
        match self.random.u8(..10) {
            0 => {
                self.command("vault.break", json!({ "room_id": room }))
                    .await
            }
            1..=3 => {
                let secret = format!("secret-{}", self.hex(16));
                self.shared.secret(secret.clone(), self.user);
                let fields = json!({ "room_id": room, "secret": secret });
                self.command("vault.hide", fields).await;
            }
            _ => self.command("vault.step", json!({ "room_id": room })).await,
        }
    }

    /// Nothing is to be done here now.
    async fn wait_or_move_on(&mut self, room: String) {
        if self.heard_at.elapsed() < BORED_AFTER {
            self.view.is_idle = true;
            return;
        }
        match self.random.u8(..10) {
            0 if self.view.phase != Phase::Playing || self.may_be_paused() => {
                self.command("leave_room", json!({ "room_id": room })).await;
            }
            1 => {
                self.command("rejoin_room", json!({ "room_id": room }))
                    .await
            }
            _ => self.view.is_idle = true,
        }
    }
}
