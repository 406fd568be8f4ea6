//! A client on the socket that keeps everything it was sent.

use super::{Guest, TestServer, contract, text, within};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use uuid::Uuid;

/// A connection, signed in or not.
pub struct Client {
    /// Who.
    pub guest: Guest,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// What was sent: the types of commands by their ids.
    commands: HashMap<String, String>,
    /// Every frame, in order.
    pub seen: Vec<Value>,
    /// How the server closed the connection.
    pub closed: Option<CloseFrame>,
}

impl Client {
    /// Connects without signing in.
    pub async fn connect(server: &TestServer, guest: &Guest) -> Client {
        Client::connect_at(server.address(), guest).await
    }

    /// The same with whatever listens there.
    pub async fn connect_at(address: SocketAddr, guest: &Guest) -> Client {
        let socket = Client::socket(address).await.expect("a socket");
        let mut client = Client {
            guest: guest.clone(),
            socket,
            commands: HashMap::new(),
            seen: Vec::new(),
            closed: None,
        };
        client.event("system.welcome").await;
        client
    }

    /// The bare socket.
    pub async fn socket(
        address: SocketAddr,
    ) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, tokio_tungstenite::tungstenite::Error>
    {
        let connected = tokio_tungstenite::connect_async(format!("ws://{address}/ws"));
        within("a socket", connected)
            .await
            .map(|(socket, _)| socket)
    }

    /// Connects and signs in.
    pub async fn sign_in(server: &TestServer, guest: &Guest) -> Client {
        Client::sign_in_at(server.address(), guest, &[]).await
    }

    /// The same with whatever listens there, to go on in rooms behind these numbers.
    pub async fn sign_in_at(address: SocketAddr, guest: &Guest, seen: &[(&str, u64)]) -> Client {
        let mut client = Client::connect_at(address, guest).await;
        let resume = seen
            .iter()
            .map(|(room, seq)| json!({ "room_id": room, "room_seq": seq }));
        let resume: Vec<Value> = resume.collect();
        client
            .send(json!({ "type": "system.authenticate", "token": guest.token, "resume": resume }))
            .await;
        let answer = client.event("system.authenticated").await;
        assert_eq!(answer["user_id"], guest.user_id.as_str());
        client
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: Value) {
        if let (Some(id), Some(kind)) = (frame["command_id"].as_str(), frame["type"].as_str()) {
            self.commands.insert(id.to_owned(), kind.to_owned());
        }
        self.send_text(&frame.to_string()).await;
    }

    /// Sends a text frame.
    pub async fn send_text(&mut self, text: &str) {
        within("sending", self.socket.send(Message::text(text)))
            .await
            .expect("sent");
    }

    /// Sends a command under a new id.
    pub async fn command(&mut self, name: &str, fields: Value) -> Uuid {
        let id = Uuid::now_v7();
        self.command_again(id, name, fields).await;
        id
    }

    /// Sends a command under this id.
    pub async fn command_again(&mut self, id: Uuid, name: &str, mut fields: Value) {
        fields["type"] = format!("games.command.{name}").into();
        fields["command_id"] = id.to_string().into();
        self.send(fields).await;
    }

    /// A backend's refusal is one that the contract has for the command.
    fn check_refusal(&self, frame: &Value) {
        let is_refusal = text(&frame["type"]).ends_with(".event.error");
        let command = frame["command_id"].as_str();
        let command = command.and_then(|id| self.commands.get(id));
        if let Some(command) = command.filter(|_| is_refusal) {
            contract::check_refusal(command, frame);
        }
    }

    /// The next frame; none once the connection is closed.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            match self.socket.next().await? {
                Ok(Message::Text(text)) => {
                    let frame: Value = serde_json::from_str(&text).expect("a frame is JSON");
                    contract::check(&frame);
                    self.check_refusal(&frame);
                    self.seen.push(frame.clone());
                    return Some(frame);
                }
                Ok(Message::Close(frame)) => self.closed = frame,
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// Skips to the next frame that is wanted.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let from = self.seen.len();
        let search = async {
            while let Some(frame) = self.next().await {
                if wanted(&frame) {
                    return Some(frame);
                }
            }
            None
        };
        let found = tokio::time::timeout(super::DEADLINE, search)
            .await
            .unwrap_or(None);
        found.unwrap_or_else(|| {
            let last: Vec<String> = self.seen[from..]
                .iter()
                .rev()
                .take(8)
                .map(Value::to_string)
                .collect();
            panic!(
                "{} got no {what} (closed: {:?}); the last of what came: {last:#?}",
                self.guest.username, self.closed
            )
        })
    }

    /// Skips to the next frame of this type.
    pub async fn event(&mut self, kind: &str) -> Value {
        self.until(kind, |frame| frame["type"] == kind).await
    }

    /// Skips to the refusal of a command, and gives its code.
    pub async fn refusal(&mut self, id: Uuid) -> String {
        let id = id.to_string();
        let is_refusal =
            |frame: &Value| text(&frame["type"]).ends_with(".error") && frame["command_id"] == id;
        text(&self.until("refusal", is_refusal).await["code"])
    }

    /// Reads until the server has closed the connection; the code.
    pub async fn closed(&mut self) -> Option<u16> {
        within("the server to close", async {
            while self.next().await.is_some() {}
        })
        .await;
        self.closed.as_ref().map(|frame| frame.code.into())
    }

    /// Makes a room of Bigger Dice for two; its id.
    pub async fn create_room(&mut self, name: &str) -> String {
        self.create_room_of("bigger_dice", name).await
    }

    /// Makes a room of a game for two; its id.
    pub async fn create_room_of(&mut self, game: &str, name: &str) -> String {
        let fields = json!({ "game_type": game, "room_name": name, "max_players": 2 });
        self.command("create_room", fields).await;
        text(&self.event("games.event.room_state").await["room"]["room_id"])
    }

    /// Joins a room's lobby.
    pub async fn join_room(&mut self, room: &str) {
        self.command("join_room", json!({ "room_id": room })).await;
        self.event("games.event.room_state").await;
    }

    /// As host, takes these players to the table.
    pub async fn select(&mut self, room: &str, players: &[&Guest]) {
        for player in players {
            let fields = json!({ "room_id": room, "target_user_id": player.user_id });
            self.command("select_player", fields).await;
            self.event("games.event.player_selected").await;
        }
    }

    /// Says that it is ready, without a seed.
    pub async fn ready(&mut self, room: &str) {
        self.command("ready", json!({ "room_id": room, "is_ready": true }))
            .await;
    }

    /// Rolls whenever it is its turn, until the room ends. On a slow machine the server may have rolled before.
    pub async fn play(&mut self, room: &str) {
        loop {
            let frame = self
                .until("a turn or the end", |frame| {
                    let kind = frame["type"].as_str().unwrap_or_default();
                    matches!(
                        kind,
                        "games.event.turn_changed"
                            | "games.event.seed_revealed"
                            | "games.event.error"
                    )
                })
                .await;
            match frame["type"].as_str() {
                Some("games.event.seed_revealed") => return,
                Some("games.event.turn_changed")
                    if frame["current_turn"] == self.guest.user_id.as_str() =>
                {
                    self.command("bigger_dice.roll", json!({ "room_id": room }))
                        .await;
                }
                Some("games.event.error") if frame["code"] == "not_your_turn" => {}
                Some("games.event.error") => panic!("{}: {frame}", self.guest.username),
                _ => {}
            }
        }
    }

    /// Of everything seen, the frames of this type.
    pub fn seen_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.seen.iter().filter(move |frame| frame["type"] == kind)
    }
}

/// Two guests play one game from making the room to its end; their clients and the room's id.
pub async fn whole_game(server: &TestServer) -> (Client, Client, String) {
    let (host, other) = (server.guest().await, server.guest().await);
    let mut host_client = Client::sign_in(server, &host).await;
    let mut other_client = Client::sign_in(server, &other).await;
    let room = host_client.create_room("My Game").await;
    other_client.join_room(&room).await;
    host_client.select(&room, &[&host, &other]).await;
    host_client.ready(&room).await;
    other_client.ready(&room).await;
    tokio::join!(host_client.play(&room), other_client.play(&room));
    (host_client, other_client, room)
}
