//! A player at a socket: asks to pay, keeps what it hears, and goes on after an outage as a browser does.

use crate::crew::Doors;
use anyhow::{Context, bail};
use blazing_sun_domain::UserId;
use blazing_sun_harness::{Client, Guest};
use futures_util::{SinkExt, StreamExt};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use uuid::Uuid;

/// Between two attempts to reach a server that was killed.
const AGAIN: Duration = Duration::from_millis(50);
/// A player who has heard nothing of a payment for so long asks again, and looks by HTTP.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the first word of a payment may take.
const FIRST_WITHIN: Duration = Duration::from_secs(120);

/// What a player has heard.
#[derive(Debug, Default)]
pub struct Heard {
    /// Frames, over all connections.
    pub frames: u64,
    /// Connections there were.
    pub connections: u64,
    /// What was told of each payment, in order.
    pub top_ups: BTreeMap<Uuid, Vec<String>>,
    /// By how much each payment changed the balance, by the event's id.
    pub credits: BTreeMap<Uuid, BTreeMap<String, i64>>,
    /// As it was told last.
    pub balance: Option<i64>,
    /// Events that were heard before on the same connection.
    pub repeats: Vec<String>,
    /// What was refused, by the command's id.
    refused: BTreeMap<String, String>,
    /// Where each payment can be paid.
    urls: BTreeMap<Uuid, String>,
}

/// A player.
pub struct Player {
    /// Who.
    pub user: UserId,
    /// What it began with.
    pub grant: i64,
    guest: Guest,
    doors: Doors,
    http: reqwest::Client,
    next_door: AtomicUsize,
    heard: Arc<Mutex<Heard>>,
    changes: watch::Receiver<u64>,
    says: mpsc::UnboundedSender<String>,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

impl Player {
    /// A new guest, whose socket is open until this is dropped.
    pub async fn sign_in(doors: &Doors, http: &reqwest::Client) -> anyhow::Result<Player> {
        let url = format!("http://{}/api/v1/auth/guest", doors.api[0]);
        let answer = http.post(url).send().await?.error_for_status()?;
        let guest = Guest::from_answer(&answer.json().await?);
        let user = guest.user_id.parse().ok().and_then(UserId::new);
        let heard = Arc::default();
        let (changed, changes) = watch::channel(0);
        let (says, said) = mpsc::unbounded_channel();
        let socket = Listening {
            token: guest.token.clone(),
            doors: doors.sockets.clone(),
            heard: Arc::clone(&heard),
            changed,
        };
        tokio::spawn(socket.run(said));
        Ok(Player {
            user: user.context("a guest without an id")?,
            grant: guest.balance_cents,
            guest,
            doors: doors.clone(),
            http: http.clone(),
            next_door: AtomicUsize::new(0),
            heard,
            changes,
            says,
        })
    }

    /// What it has heard.
    pub fn heard(&self) -> MutexGuard<'_, Heard> {
        locked(&self.heard)
    }

    /// Asks on the socket.
    pub fn ask(&self, command: Uuid, amount: i64) {
        let frame = json!({
            "type": "wallet.command.top_up", "command_id": command, "amount_cents": amount,
        });
        // The socket ends with this.
        let _ = self.says.send(frame.to_string());
    }

    /// Asks by HTTP until it is taken; false if so much was asked by HTTP lately that it is refused.
    pub async fn ask_by_http(&self, command: Uuid, amount: i64) -> anyhow::Result<bool> {
        loop {
            let sent = self
                .http
                .post(self.url("/api/v1/checkout/sessions"))
                .bearer_auth(&self.guest.token)
                .header("idempotency-key", command.to_string())
                .json(&json!({ "amount_cents": amount }))
                .send();
            match sent.await.map(|answer| answer.status()) {
                Ok(StatusCode::ACCEPTED) => return Ok(true),
                Ok(StatusCode::TOO_MANY_REQUESTS) => return Ok(false),
                Ok(status) if status.is_client_error() => bail!("asking is answered {status}"),
                Ok(_) | Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    /// Waits for where a payment can be paid; none: it came to nothing.
    pub async fn page(
        &self,
        command: Uuid,
        request_id: Uuid,
        amount: i64,
    ) -> anyhow::Result<Option<String>> {
        let until = Instant::now() + FIRST_WITHIN;
        let mut changes = self.changes.clone();
        while Instant::now() < until {
            if let Some(page) = self.page_heard(command, request_id)? {
                return Ok(page);
            }
            let changed = tokio::time::timeout(PATIENCE, changes.changed()).await;
            if changed.is_err() {
                if let Some(page) = self.page_by_http(request_id).await {
                    return Ok(page);
                }
                self.ask(command, amount);
            }
        }
        let heard = self.heard();
        let told = heard.top_ups.get(&request_id);
        bail!("no page within {FIRST_WITHIN:?}; told was {told:?}")
    }

    fn page_heard(
        &self,
        command: Uuid,
        request_id: Uuid,
    ) -> anyhow::Result<Option<Option<String>>> {
        let heard = self.heard();
        if let Some(code) = heard.refused.get(&command.to_string())
            && code != "unavailable"
        {
            bail!("refused: {code}");
        }
        if let Some(url) = heard.urls.get(&request_id) {
            return Ok(Some(Some(url.clone())));
        }
        let told = heard.top_ups.get(&request_id);
        let told = told.and_then(|told| told.last());
        Ok(told.filter(|status| is_over(status)).map(|_| None))
    }

    async fn page_by_http(&self, request_id: Uuid) -> Option<Option<String>> {
        let path = format!("/api/v1/checkout/sessions/{request_id}");
        let seen = self.get(&path).await?;
        match (seen["session_url"].as_str(), seen["status"].as_str()) {
            (Some(url), _) => Some(Some(url.to_owned())),
            (None, Some(status)) if is_over(status) => Some(None),
            _ => None,
        }
    }

    /// What the API says that the player has.
    pub async fn balance(&self) -> anyhow::Result<i64> {
        let until = Instant::now() + FIRST_WITHIN;
        while Instant::now() < until {
            let balance = self.get("/api/v1/me/balance").await;
            match balance.and_then(|balance| balance["balance_cents"].as_i64()) {
                Some(balance) => return Ok(balance),
                None => tokio::time::sleep(AGAIN).await,
            }
        }
        bail!("no balance within {FIRST_WITHIN:?}")
    }

    async fn get(&self, path: &str) -> Option<Value> {
        let asked = self.http.get(self.url(path)).bearer_auth(&self.guest.token);
        let answer = asked.send().await.ok()?.error_for_status().ok()?;
        answer.json().await.ok()
    }

    /// At one backend after the other: one of them may be dead.
    fn url(&self, path: &str) -> String {
        let at = self.next_door.fetch_add(1, Ordering::Relaxed) % self.doors.api.len();
        format!("http://{}{path}", self.doors.api[at])
    }
}

fn is_over(status: &str) -> bool {
    matches!(status, "failed" | "expired")
}

fn locked(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The player's connection.
struct Listening {
    token: String,
    doors: Vec<SocketAddr>,
    heard: Arc<Mutex<Heard>>,
    changed: watch::Sender<u64>,
}

impl Listening {
    /// Until nobody has anything to say any more.
    async fn run(self, mut said: mpsc::UnboundedReceiver<String>) {
        for door in (0..).map(|attempt| self.doors[attempt % self.doors.len()]) {
            if said.is_closed() {
                return;
            }
            match self.connect(door).await {
                Some(socket) => self.listen(socket, &mut said).await,
                None => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    async fn connect(&self, door: SocketAddr) -> Option<Socket> {
        let connecting = tokio::time::timeout(PATIENCE, Client::socket(door));
        let mut socket = connecting.await.ok()?.ok()?;
        let sign_in = json!({ "type": "system.authenticate", "token": self.token, "resume": [] });
        let sent = socket.send(Message::text(sign_in.to_string())).await;
        locked(&self.heard).connections += 1;
        sent.ok().map(|()| socket)
    }

    async fn listen(&self, mut socket: Socket, said: &mut mpsc::UnboundedReceiver<String>) {
        let mut events = BTreeSet::new();
        loop {
            tokio::select! {
                frame = socket.next() => match frame {
                    Some(Ok(Message::Text(text))) => self.hear(&text, &mut events),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                },
                frame = said.recv() => {
                    let Some(frame) = frame else { return };
                    if socket.send(Message::text(frame)).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn hear(&self, text: &str, events: &mut BTreeSet<String>) {
        let frame: Value = serde_json::from_str(text).unwrap_or_default();
        let of = |field: &str| frame[field].as_str().unwrap_or_default().to_owned();
        let id = |field: &str| Uuid::try_parse(&of(field)).unwrap_or_default();
        let mut heard = locked(&self.heard);
        heard.frames += 1;
        let event = of("event_id");
        if !event.is_empty() && !events.insert(event.clone()) {
            heard.repeats.push(frame.to_string());
        }
        match frame["type"].as_str() {
            Some("wallet.event.top_up") => {
                let request_id = id("request_id");
                let told = heard.top_ups.entry(request_id).or_default();
                told.push(of("status"));
                if let Some(url) = frame["session_url"].as_str() {
                    heard.urls.insert(request_id, url.to_owned());
                }
            }
            Some("wallet.event.balance_changed") => {
                heard.balance = frame["balance_cents"].as_i64();
                let change = frame["change_cents"].as_i64().unwrap_or_default();
                if frame["reason"] == "top_up" {
                    let credits = heard.credits.entry(id("correlation_id")).or_default();
                    credits.insert(event, change);
                }
            }
            _ if frame["code"].is_string() => {
                let command = match frame["command_id"].is_string() {
                    true => of("command_id"),
                    false => of("correlation_id"),
                };
                let code = of("code");
                heard.refused.insert(command, code);
            }
            _ => {}
        }
        drop(heard);
        self.changed.send_modify(|count| *count += 1);
    }
}
