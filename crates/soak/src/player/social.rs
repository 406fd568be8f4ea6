//! What a crowd does beside play: watches rooms and changes places, talks in every channel, writes to one
//! another, asks others in, and looks through lists.

use super::Player;
use super::lobby::EXITS;
use super::view::Phase;
use crate::crew::{Offer, PASSWORD};
use crate::history::{number, text};
use serde_json::{Value, json};

const CHANNELS: [&str; 3] = ["lobby", "players", "spectators"];
/// Messages that one remembers to mark as read.
const UNREAD_MAX: usize = 20;

impl Player {
    /// Remembers messages that came to this one.
    pub(super) fn note_message(&mut self, frame: &Value, kind: &str) {
        if kind != "chat.event.message_received"
            || number(&frame["recipient_id"]) != Some(self.user)
        {
            return;
        }
        let id = text(&frame["message_id"]);
        if !self.unread.iter().any(|other| other == id) {
            self.unread.push_back(id.to_owned());
        }
        if self.unread.len() > UNREAD_MAX {
            self.unread.pop_front();
        }
    }

    /// Anything that has to do with others; much of it is refused, here and now.
    pub(super) async fn be_sociable(&mut self) {
        let room = self.view.room.clone();
        match (self.random.u8(..15), room) {
            (0, _) => self.list_rooms().await,
            (1..=2, _) => self.write_to_someone().await,
            (3, _) => self.be_typing().await,
            (4, _) => self.mark_read().await,
            (5, _) => self.write_in_the_lobby().await,
            (6, _) | (_, None) => self.look_into_a_room().await,
            (7..=9, Some(room)) => self.say_something(room).await,
            (10, Some(room)) => self.read_on(room).await,
            (11, Some(room)) => self.change_places(room).await,
            (12, Some(room)) => self.ask_someone_in(room).await,
            (13, Some(room)) => self.make_someone_watch(room).await,
            (_, Some(room)) => self.mute_or_not(room).await,
        }
    }

    /// Among the spectators of a room.
    pub(super) async fn watch_on(&mut self, room: String) {
        match self.random.u8(..10) {
            0 => self.stop_watching(room).await,
            1..=2 => self.say_something(room).await,
            3 => self.read_on(room).await,
            4 if self.view.phase == Phase::Waiting => self.change_places(room).await,
            _ => self.view.is_idle = true,
        }
    }

    pub(super) async fn stop_watching(&mut self, room: String) {
        let name = EXITS[self.random.usize(..EXITS.len())];
        self.command(name, json!({ "room_id": room })).await;
    }

    /// Into an offered room, with its password, mostly: by `join_room` or `spectate`.
    pub(super) async fn enter(&mut self, name: &str, offer: Offer) {
        let is_crowd = self.shared.crowd().is_some();
        let mut fields = match is_crowd && self.chance(20) {
            true => json!({ "room_name": offer.name }),
            false => json!({ "room_id": offer.room }),
        };
        if let Some(password) = offer.password {
            fields["password"] = match self.chance(10) {
                true => format!("{PASSWORD}wrong").into(),
                false => password.into(),
            };
        }
        self.command(name, fields).await;
    }

    async fn look_into_a_room(&mut self) {
        const NAMES: [&str; 3] = ["spectate", "join_as_spectator", "join_room"];
        let name = NAMES[self.random.usize(..NAMES.len())];
        match self.shared.some_offer(&mut self.random) {
            Some(offer) => self.enter(name, offer).await,
            None => self.list_rooms().await,
        }
    }

    async fn list_rooms(&mut self) {
        let fields = match self.random.u8(..8) {
            0 => json!({}),
            1 => json!({ "game_type": "no_such_game" }),
            _ => json!({ "game_type": self.some_game() }),
        };
        self.command("list_rooms", fields).await;
    }

    /// A text unlike any other, by which those are found who hear it.
    fn canary(&mut self) -> String {
        format!("canary-{}", self.hex(12))
    }

    async fn write_to_someone(&mut self) {
        let (recipient, content) = (self.shared.someone(&mut self.random), self.canary());
        self.shared.secret(content.clone(), self.user);
        self.shared.secret(content.clone(), recipient);
        let fields = json!({ "recipient_id": recipient.to_string(), "content": content });
        self.command("chat.command.send_message", fields).await;
    }

    async fn be_typing(&mut self) {
        let recipient = self.shared.someone(&mut self.random);
        let fields = json!({ "recipient_id": recipient.to_string() });
        self.command("chat.command.typing", fields).await;
    }

    async fn mark_read(&mut self) {
        let ids: Vec<String> = self.unread.drain(..).collect();
        if !ids.is_empty() {
            let fields = json!({ "message_ids": ids });
            self.command("chat.command.mark_read", fields).await;
        }
    }

    async fn write_in_the_lobby(&mut self) {
        let lobby = if self.chance(10) { "attic" } else { "main" };
        let fields = json!({ "lobby_id": lobby, "content": self.canary() });
        self.command("chat.command.send_lobby_message", fields)
            .await;
    }

    async fn say_something(&mut self, room: String) {
        let content = match self.random.u8(..20) {
            0 => String::new(),
            1 => "long ".repeat(200),
            _ => self.canary(),
        };
        let channel = self.some_channel();
        let fields = json!({ "room_id": room, "channel": channel, "content": content });
        self.command("send_chat", fields).await;
    }

    async fn read_on(&mut self, room: String) {
        let mut fields = json!({ "room_id": room, "channel": self.some_channel() });
        if self.random.bool() {
            fields["limit"] = self.random.u32(1..=100).into();
        }
        self.command("get_chat_history", fields).await;
    }

    fn some_channel(&mut self) -> &'static str {
        if self.chance(60) {
            return match self.view.is_spectator {
                true => "spectators",
                false if self.view.seats.contains(&self.user) => "players",
                false => "lobby",
            };
        }
        CHANNELS[self.random.usize(..CHANNELS.len())]
    }

    /// Between lobby and spectators.
    async fn change_places(&mut self, room: String) {
        let name = match self.view.is_spectator {
            true => "become_player",
            false => "become_spectator",
        };
        self.command(name, json!({ "room_id": room })).await;
    }

    async fn ask_someone_in(&mut self, room: String) {
        let count = self.random.usize(1..=3);
        let users: Vec<String> = (0..count)
            .map(|_| self.shared.someone(&mut self.random).to_string())
            .collect();
        let fields = json!({ "room_id": room, "target_user_ids": users });
        self.command("invite_players", fields).await;
    }

    /// As the host alone may; others are refused.
    async fn make_someone_watch(&mut self, room: String) {
        let target = self.someone_here();
        let fields = json!({ "room_id": room, "target_user_id": target.to_string() });
        self.command("select_spectator", fields).await;
    }

    async fn mute_or_not(&mut self, room: String) {
        let name = match self.random.bool() {
            true => "mute_user",
            false => "unmute_user",
        };
        let target = self.someone_here();
        let fields = json!({ "room_id": room, "target_user_id": target.to_string() });
        self.command(name, fields).await;
    }

    fn someone_here(&mut self) -> i64 {
        let here = self.view.members.iter().chain(&self.view.spectators);
        let here: Vec<i64> = here.copied().collect();
        self.random.choice(&here).copied().unwrap_or(self.user)
    }
}
