//! One bot's connection: signed in over the server's own socket as any client is, kept alive, opened
//! again after a cut.

use super::commands::Commands;
use super::house::{House, Order};
use super::player::{Change, Player};
use anyhow::{Context, bail};
use blazing_sun_backbone::clock;
use blazing_sun_backend::accounts::Accounts;
use blazing_sun_backend::store::accounts::User;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const HEARTBEAT_EVERY: Duration = Duration::from_secs(10);
/// A server that says nothing for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(25);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);
const TOKEN_RENEWED_AFTER: Duration = Duration::from_secs(10 * 60);
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// One bot.
pub struct Connection {
    /// Its place among the bots.
    pub number: usize,
    /// Its account.
    pub user: User,
    /// The server's own address.
    pub address: SocketAddr,
    /// Makes its tokens.
    pub accounts: Arc<Accounts>,
    /// What the bots share.
    pub house: Arc<House>,
    /// What it is to join.
    pub orders: mpsc::Receiver<Order>,
    /// What it does.
    pub player: Player,
    /// What it has asked.
    pub commands: Commands,
}

impl Connection {
    /// Plays for ever.
    pub async fn run(mut self) {
        let mut attempt = 0;
        loop {
            let Err(error) = self.session(&mut attempt).await;
            self.house.set_online(self.number, false, Instant::now());
            tracing::debug!(user.id = %self.user.id, error = format!("{error:#}"), "a bot lost its connection");
            let pause = BACKOFF_MIN * 2u32.saturating_pow(attempt.min(16));
            // The bots do not all come back in one instant.
            let pause = pause.min(BACKOFF_MAX) + Duration::from_millis(13) * self.number as u32;
            attempt += 1;
            tokio::time::sleep(pause).await;
        }
    }

    async fn session(&mut self, attempt: &mut u32) -> anyhow::Result<std::convert::Infallible> {
        let url = format!("ws://{}/ws", self.address);
        let connecting = tokio_tungstenite::connect_async(url);
        let connected = tokio::time::timeout(CONNECT_WITHIN, connecting).await;
        let (mut socket, _) = connected.context("no answer to the upgrade")??;
        self.sign_in(&mut socket).await?;
        *attempt = 0;
        let (mut watcher, mut is_watching) = (self.house.watcher(), false);
        let now = Instant::now();
        let (mut heard_at, mut heartbeat_at, mut token_at) =
            (now, now + HEARTBEAT_EVERY, now + TOKEN_RENEWED_AFTER);
        loop {
            let now = Instant::now();
            if now >= heartbeat_at {
                heartbeat_at = now + HEARTBEAT_EVERY;
                send(&mut socket, &json!({ "type": "system.heartbeat" })).await?;
            }
            if now >= token_at {
                token_at = now + TOKEN_RENEWED_AFTER;
                let renewal = json!({ "type": "system.authenticate", "token": self.token() });
                send(&mut socket, &renewal).await?;
            }
            if now >= heard_at + SILENCE_MAX {
                bail!("the server is silent");
            }
            if !is_watching && self.is_watcher() {
                is_watching = true;
                self.watch_lobby(&mut socket, now).await?;
            }
            self.act(&mut socket, now).await?;
            let due = [Some(heartbeat_at), self.next_due(now)];
            let wake_at = due.into_iter().flatten().min().unwrap_or(heartbeat_at);
            tokio::select! {
                message = socket.next() => {
                    heard_at = Instant::now();
                    match message.context("the end of the stream")?? {
                        Message::Text(text) => self.take(&serde_json::from_str(&text)?),
                        Message::Close(why) => bail!("closed: {why:?}"),
                        _ => {}
                    }
                }
                Some(order) = self.orders.recv() => self.join(&order),
                Ok(()) = watcher.changed() => {}
                () = tokio::time::sleep_until(wake_at.into()) => {}
            }
        }
    }

    async fn sign_in(&mut self, socket: &mut Socket) -> anyhow::Result<()> {
        let welcome = next(socket).await?;
        self.commands.set_clock(&welcome["timestamp"], clock::now());
        let sign_in = json!({
            "type": "system.authenticate", "token": self.token(), "resume": self.player.seen(),
        });
        send(socket, &sign_in).await?;
        loop {
            let frame = next(socket).await?;
            match frame["type"].as_str() {
                Some("system.authenticated") => break,
                Some("system.error") => bail!("not signed in: {}", frame["code"]),
                _ => self.take(&frame),
            }
        }
        let now = Instant::now();
        self.commands.send_all_again(now);
        self.tell_house(self.player.rooms(), now);
        self.house.set_online(self.number, true, now);
        Ok(())
    }

    /// For all bots, until this connection ends.
    async fn watch_lobby(&mut self, socket: &mut Socket, now: Instant) -> anyhow::Result<()> {
        self.house.forget_lobby(now);
        send(socket, &json!({ "type": "system.lobby", "watch": true })).await?;
        self.commands
            .add("list_rooms", None, json!({}), clock::now(), now);
        Ok(())
    }

    fn is_watcher(&self) -> bool {
        self.house.is_watcher(self.number)
    }

    fn token(&self) -> String {
        self.accounts.bot_token(&self.user, TOKEN_LIFE).into_text()
    }

    fn next_due(&self, now: Instant) -> Option<Instant> {
        let lobby = self
            .is_watcher()
            .then(|| self.house.next_due(now))
            .flatten();
        let due = [self.player.next_due(), self.commands.next_due(), lobby];
        due.into_iter().flatten().min()
    }

    /// Sends what is due, and gives out the rooms that wait for a bot.
    async fn act(&mut self, socket: &mut Socket, now: Instant) -> anyhow::Result<()> {
        if self.is_watcher() {
            self.house.give_out(now);
        }
        for wanted in self.player.due(now) {
            let room_id = Some(wanted.room_id.as_str());
            self.commands
                .add(&wanted.name, room_id, wanted.fields, clock::now(), now);
        }
        for text in self.commands.take_due(now) {
            socket.send(Message::text(text)).await?;
        }
        Ok(())
    }

    fn join(&mut self, order: &Order) {
        if self.player.is_in(&order.room_id) {
            return;
        }
        let room_id = Some(order.room_id.as_str());
        self.commands.add(
            "join_room",
            room_id,
            json!({}),
            clock::now(),
            Instant::now(),
        );
    }

    fn take(&mut self, frame: &Value) {
        let now = Instant::now();
        if frame["type"] == "system.heartbeat_ack" {
            self.commands.set_clock(&frame["timestamp"], clock::now());
        }
        let answer = self.commands.take(frame, now);
        if self.is_watcher() {
            self.house.note_lobby(frame, now);
        }
        let mut changes = vec![self.player.take(frame, now)];
        if frame["type"] == "games.event.room_state"
            && let Some(room_id) = frame["room"]["room_id"].as_str()
            && !self.commands.is_waiting_for(room_id)
        {
            self.player.ask_anew(room_id, now);
        }
        if let Some(answer) = answer
            && let Some(room_id) = &answer.room_id
        {
            let refusal = answer.refusal.as_deref();
            if let Some(code) = refusal {
                tracing::debug!(user.id = %self.user.id, room.id = room_id, code, "a bot was refused");
            }
            changes.push(
                self.player
                    .answered(room_id, refusal, answer.is_repeated, now),
            );
        }
        self.tell_house(changes.into_iter().flatten(), now);
    }

    fn tell_house(&self, changes: impl IntoIterator<Item = Change>, now: Instant) {
        for change in changes {
            match change {
                Change::In {
                    room_id,
                    host_id,
                    fee_cents,
                } => self.house.hold(self.number, room_id, host_id, fee_cents),
                Change::Out { room_id, rests_for } => {
                    self.house
                        .release(self.number, &room_id, now + rests_for, now);
                }
                Change::Gone { room_id } => self.house.forget_room(self.number, &room_id),
            }
        }
    }
}

async fn send(socket: &mut Socket, frame: &Value) -> anyhow::Result<()> {
    Ok(socket.send(Message::text(frame.to_string())).await?)
}

/// The next frame of a server that is to answer now.
async fn next(socket: &mut Socket) -> anyhow::Result<Value> {
    let next = async {
        while let Some(message) = socket.next().await {
            match message? {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Close(why) => bail!("closed: {why:?}"),
                _ => {}
            }
        }
        bail!("the end of the stream")
    };
    tokio::time::timeout(CONNECT_WITHIN, next)
        .await
        .context("no answer to the sign-in")?
}
