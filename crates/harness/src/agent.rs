//! A player who goes on through every outage: reconnects, resumes, sends unanswered commands again under
//! their ids, as the browser's client does.

use super::{Client, Guest, text, within};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use uuid::Uuid;

/// Counts the frames of all agents, so that a fault can strike after a certain one.
#[derive(Debug, Default)]
pub struct Frames {
    count: AtomicU64,
    changed: Notify,
}

impl Frames {
    fn another(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// Waits until so many frames have come.
    pub async fn reach(&self, count: u64) {
        loop {
            let changed = self.changed.notified();
            if self.count.load(Ordering::Relaxed) >= count {
                return;
            }
            changed.await;
        }
    }
}

/// The player.
pub struct Agent {
    /// Who.
    pub guest: Guest,
    /// Tried in turns.
    addresses: Vec<SocketAddr>,
    attempts: usize,
    socket: Option<WebSocketStream<MaybeTlsStream<TcpStream>>>,
    frames: Arc<Frames>,
    room: Option<String>,
    /// The event of each room_seq.
    events: BTreeMap<u64, String>,
    turn: Option<String>,
    members: Vec<String>,
    ended: bool,
}

impl Agent {
    /// Not yet connected.
    pub fn new(address: SocketAddr, guest: Guest, frames: Arc<Frames>) -> Agent {
        Agent::roaming(vec![address], guest, frames)
    }

    /// One who goes to the next of these addresses whenever a connection is lost, or can not be had.
    pub fn roaming(addresses: Vec<SocketAddr>, guest: Guest, frames: Arc<Frames>) -> Agent {
        assert!(!addresses.is_empty(), "somewhere to go");
        Agent {
            guest,
            addresses,
            attempts: 0,
            socket: None,
            frames,
            room: None,
            events: BTreeMap::new(),
            turn: None,
            members: Vec::new(),
            ended: false,
        }
    }

    /// Makes a room, plays it with the one who joins, to its end.
    pub async fn host(mut self, room: watch::Sender<Option<String>>, other: Guest) -> Agent {
        let fields = json!({ "game_type": "bigger_dice", "room_name": "r", "max_players": 2 });
        let answer = self.call("create_room", fields).await;
        let id = text(&answer["room"]["room_id"]);
        self.room = Some(id.clone());
        room.send_replace(Some(id.clone()));
        while !self.members.contains(&other.user_id) {
            self.take().await;
        }
        for player in [self.guest.user_id.clone(), other.user_id] {
            self.call(
                "select_player",
                json!({ "room_id": id, "target_user_id": player }),
            )
            .await;
        }
        self.play(&id).await;
        self
    }

    /// Joins the room, plays it to its end.
    pub async fn join(mut self, mut room: watch::Receiver<Option<String>>) -> Agent {
        let id = within("a room", room.wait_for(Option::is_some))
            .await
            .expect("a host")
            .clone();
        let id = id.expect("an id");
        self.room = Some(id.clone());
        self.call("join_room", json!({ "room_id": id })).await;
        while !self
            .members
            .contains(&format!("selected {}", self.guest.user_id))
        {
            self.take().await;
        }
        self.play(&id).await;
        self
    }

    async fn play(&mut self, room: &str) {
        // Seats may be filled while we were away; not_selected means a moment too early.
        loop {
            let answer = self
                .call("ready", json!({ "room_id": room, "is_ready": true }))
                .await;
            if answer["code"] != "not_selected" {
                break;
            }
            self.take().await;
        }
        while !self.ended {
            if self.turn.as_ref() == Some(&self.guest.user_id) {
                self.turn = None;
                let answer = self
                    .call("bigger_dice.roll", json!({ "room_id": room }))
                    .await;
                let code = answer["code"].as_str().unwrap_or_default();
                let fine = [
                    "",
                    "not_your_turn",
                    "game_not_started",
                    "room_not_found",
                    "not_in_room",
                ];
                assert!(fine.contains(&code), "{answer}");
            } else {
                self.take().await;
            }
        }
    }

    /// Sends a command until it is answered.
    async fn call(&mut self, name: &str, mut fields: Value) -> Value {
        let id = Uuid::now_v7().to_string();
        fields["type"] = format!("games.command.{name}").into();
        fields["command_id"] = id.as_str().into();
        let answers = |frame: &Value| {
            let kind = frame["type"].as_str().unwrap_or_default();
            match kind {
                "system.ack" => false,
                // Its room_state is the answer; room_created goes to everyone.
                _ if name == "create_room" => {
                    kind == "games.event.room_state" && frame["correlation_id"] == id
                }
                _ => frame["correlation_id"] == id || frame["command_id"] == id,
            }
        };
        within(&format!("an answer to {name}"), async {
            loop {
                self.connect().await;
                self.send(&fields).await;
                while let Some(frame) = self.next().await {
                    if answers(&frame) {
                        return frame;
                    }
                    // A state may hold the command's effect already; then its events are not sent.
                    if frame["type"] == "games.event.room_state" {
                        self.send(&fields).await;
                    }
                }
            }
        })
        .await
    }

    async fn send(&mut self, frame: &Value) {
        if let Some(socket) = &mut self.socket
            && socket.send(Message::text(frame.to_string())).await.is_err()
        {
            self.socket = None;
        }
    }

    /// Takes one frame, reconnecting if need be.
    async fn take(&mut self) {
        let what = format!(
            "another frame, turn {:?}, members {:?}",
            self.turn, self.members
        );
        within(&what, async {
            loop {
                self.connect().await;
                if self.next().await.is_some() {
                    return;
                }
            }
        })
        .await;
    }

    async fn connect(&mut self) {
        while self.socket.is_none() {
            let address = self.addresses[self.attempts % self.addresses.len()];
            self.attempts += 1;
            let Ok(socket) = Client::socket(address).await else {
                // The server is down: the deadline around this call bounds the attempts.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            self.socket = Some(socket);
            let last = self.events.keys().next_back().copied().unwrap_or(0);
            let resume: Vec<Value> = self
                .room
                .iter()
                .filter(|_| last > 0)
                .map(|room| json!({ "room_id": room, "room_seq": last }))
                .collect();
            let sign_in = json!({ "type": "system.authenticate", "token": self.guest.token, "resume": resume });
            self.send(&sign_in).await;
        }
    }

    /// The next frame, noted; none once the connection is lost.
    async fn next(&mut self) -> Option<Value> {
        loop {
            match self.socket.as_mut()?.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).expect("a frame is JSON");
                    self.note(&frame);
                    self.frames.another();
                    return Some(frame);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => {
                    self.socket = None;
                    return None;
                }
            }
        }
    }

    fn note(&mut self, frame: &Value) {
        let kind = frame["type"].as_str().unwrap_or_default();
        let seq = frame["room_seq"].as_u64();
        if let (Some(seq), Some(event)) = (seq, frame["event_id"].as_str())
            && kind != "games.event.command_applied"
        {
            let known = self.events.insert(seq, event.to_owned());
            assert!(
                known.is_none_or(|known| known == event),
                "two events have room_seq {seq}"
            );
        }
        match kind {
            "games.event.room_state" => {
                let room = &frame["room"];
                let ids = |list: &Value| -> Vec<String> {
                    let id =
                        |one: &Value| one["user_id"].as_str().or(one.as_str()).map(str::to_owned);
                    list.as_array()
                        .into_iter()
                        .flatten()
                        .filter_map(id)
                        .collect()
                };
                self.members.extend(ids(&room["lobby"]));
                let selected = ids(&room["selected_players"])
                    .into_iter()
                    .chain(ids(&room["players"]));
                self.members
                    .extend(selected.map(|id| format!("selected {id}")));
                self.turn = room["current_turn"].as_str().map(str::to_owned);
                if matches!(room["status"].as_str(), Some("finished" | "abandoned")) {
                    self.ended = true;
                }
            }
            "games.event.lobby_joined" => self.members.push(text(&frame["player"]["user_id"])),
            "games.event.player_selected" => {
                self.members
                    .push(format!("selected {}", text(&frame["player"]["user_id"])));
            }
            "games.event.turn_changed" => {
                self.turn = frame["current_turn"].as_str().map(str::to_owned);
            }
            "games.event.seed_revealed" | "games.event.not_in_room" => self.ended = true,
            _ => {}
        }
    }
}
