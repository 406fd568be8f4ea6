//! Load: tables of two who play Bigger Dice one game after the other, through every outage. Commands are sent
//! again under their ids until they are answered, connections resume; each socket's events are held to be dense.

use blazing_sun_harness::{Client, Cluster, Guest, within};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use uuid::Uuid;

/// How long any outage of these tests may keep a command from its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(90);
/// A command that is not answered by then is sent again.
const SEND_AGAIN: Duration = Duration::from_secs(5);
/// After a refusal that says `unavailable`.
const RETRY: Duration = Duration::from_millis(100);
const TICK: Duration = Duration::from_millis(100);
const HEARTBEAT: Duration = Duration::from_secs(5);
const TRAIL: usize = 12;

/// What all tables count.
#[derive(Debug, Default)]
pub struct Counts {
    /// Commands answered, by table.
    answers: Vec<AtomicU64>,
    /// Games played to their end.
    pub games: AtomicU64,
    /// Commands refused as `unavailable`, and sent again.
    pub unavailable: AtomicU64,
    /// Why connections were lost.
    lost: Mutex<Vec<String>>,
    /// Turns whose deadline was moved.
    pub moved: AtomicU64,
    ends: AtomicBool,
    wrong: Mutex<Vec<String>>,
    /// What happened at each table of late.
    heard: Vec<Mutex<Heard>>,
    news: Notify,
}

/// To be told if something is wrong at a table.
#[derive(Debug, Default)]
struct Heard {
    /// The command that is not answered, and when it was given first.
    asked: Option<(String, Instant)>,
    /// The last frames.
    trail: VecDeque<String>,
}

impl Heard {
    fn trail(&self) -> String {
        let lines: Vec<&str> = self.trail.iter().map(String::as_str).collect();
        lines.join("\n")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tables that play until they are asked to end.
pub struct Tables {
    pub counts: Arc<Counts>,
    tasks: Vec<JoinHandle<()>>,
}

impl Tables {
    /// So many tables, whose players sit at all gateways in turns.
    pub async fn sit(cluster: &mut Cluster, count: usize) -> Tables {
        let (gateways, _) = cluster.counts();
        let gateways: Vec<SocketAddr> = (0..gateways)
            .map(|at| cluster.gateway(at).address())
            .collect();
        let counts = Arc::new(Counts {
            answers: (0..count).map(|_| AtomicU64::new(0)).collect(),
            heard: (0..count).map(|_| Mutex::default()).collect(),
            ..Counts::default()
        });
        let mut tasks = Vec::new();
        for number in 0..count {
            let guests = [
                guest_with_money(cluster).await,
                guest_with_money(cluster).await,
            ];
            let mut at = 0;
            let seats = guests.map(|guest| {
                at += 1;
                Seat::new(guest, number + at)
            });
            let table = Table {
                number,
                seats,
                gateways: gateways.clone(),
                counts: Arc::clone(&counts),
            };
            tasks.push(tokio::spawn(table.play()));
        }
        Tables { counts, tasks }
    }

    /// Waits until every table has got so many more answers; how long that took, or what those wait for that have not.
    pub async fn all_go_on(&self, more: u64, within: Duration) -> Result<Duration, String> {
        let begun = Instant::now();
        let counts = self.counts.answers.iter();
        let goals: Vec<u64> = counts
            .map(|count| count.load(Ordering::Relaxed) + more)
            .collect();
        let behind = || -> Vec<usize> {
            let counts = self.counts.answers.iter().zip(&goals).enumerate();
            let behind = counts.filter(|(_, (count, goal))| count.load(Ordering::Relaxed) < **goal);
            behind.map(|(table, _)| table).collect()
        };
        let waiting = async {
            loop {
                let news = self.counts.news.notified();
                if behind().is_empty() {
                    return;
                }
                news.await;
            }
        };
        if tokio::time::timeout(within, waiting).await.is_ok() {
            return Ok(begun.elapsed());
        }
        let (tables, wrong) = (behind(), lock(&self.counts.wrong).clone());
        let each = tables.iter().map(|table| self.waits_for(*table));
        let each: Vec<String> = each.collect();
        Err(format!(
            "tables {tables:?} did not go on within {within:?}: {wrong:#?}\n{}",
            each.join("\n")
        ))
    }

    fn waits_for(&self, table: usize) -> String {
        let heard = lock(&self.counts.heard[table]);
        let asked = heard.asked.as_ref();
        let asked = asked.map(|(what, since)| format!("{what}, since {:.1?}", since.elapsed()));
        let asked = asked.unwrap_or_else(|| "no answer".to_owned());
        format!(
            "table {table} waits for {asked}; it heard\n{}",
            heard.trail()
        )
    }

    /// Sockets that a gateway has closed, or that ended with it.
    pub fn lost(&self) -> Vec<String> {
        lock(&self.counts.lost).clone()
    }

    /// Everyone gets up once the last command is answered; what was wrong.
    pub async fn rise(self) -> Vec<String> {
        self.counts.ends.store(true, Ordering::Relaxed);
        for task in self.tasks {
            if let Err(error) = task.await {
                let error = format!("a table failed: {error}");
                lock(&self.counts.wrong).push(error);
            }
        }
        lock(&self.counts.wrong).clone()
    }
}

/// A guest's money may wait for the next sign-in, where Kafka is slow to take it.
async fn guest_with_money(cluster: &Cluster) -> Guest {
    within("a guest with money", async {
        loop {
            let guest = cluster.guest().await;
            for _ in 0..20 {
                if cluster.balance_cents_at(0, &guest).await > 0 {
                    return guest;
                }
                tokio::time::sleep(TICK).await;
            }
        }
    })
    .await
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Seat {
    guest: Guest,
    /// Which gateway is next.
    next_gateway: usize,
    socket: Option<Socket>,
    beaten: Instant,
    /// The room of now, and the last `room_seq` heard of it.
    room: Option<String>,
    seq: Option<u64>,
    turn: Option<String>,
    turn_number: Option<u64>,
    is_over: bool,
}

impl Seat {
    fn new(guest: Guest, gateway: usize) -> Seat {
        Seat {
            guest,
            next_gateway: gateway,
            socket: None,
            beaten: Instant::now(),
            room: None,
            seq: None,
            turn: None,
            turn_number: None,
            is_over: false,
        }
    }

    async fn connect(&mut self, gateways: &[SocketAddr]) {
        if self.socket.is_some() {
            return;
        }
        let address = gateways[self.next_gateway % gateways.len()];
        let Ok(mut socket) = Client::socket(address).await else {
            self.next_gateway += 1;
            return;
        };
        let resume = match (&self.room, self.seq) {
            (Some(room), Some(seq)) => json!([{ "room_id": room, "room_seq": seq }]),
            _ => json!([]),
        };
        let sign_in =
            json!({ "type": "system.authenticate", "token": self.guest.token, "resume": resume });
        if socket
            .send(Message::text(sign_in.to_string()))
            .await
            .is_ok()
        {
            self.socket = Some(socket);
            self.beaten = Instant::now();
        }
    }

    async fn send(&mut self, frame: &Value) {
        if let Some(socket) = &mut self.socket
            && socket.send(Message::text(frame.to_string())).await.is_err()
        {
            self.lose();
        }
    }

    fn lose(&mut self) {
        self.socket = None;
        self.next_gateway += 1;
    }

    async fn beat(&mut self) {
        if self.beaten.elapsed() > HEARTBEAT {
            self.beaten = Instant::now();
            self.send(&json!({ "type": "system.heartbeat" })).await;
        }
    }

    /// The next frame, or why the connection is lost. Waits for ever where there is none.
    async fn read(&mut self) -> Result<Value, String> {
        let Some(socket) = &mut self.socket else {
            return std::future::pending().await;
        };
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    return Ok(serde_json::from_str(&text).expect("a frame is JSON"));
                }
                Some(Ok(Message::Close(why))) => return Err(format!("{why:?}")),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err("it ended".to_owned()),
            }
        }
    }

    /// Takes in a frame; what is wrong with it.
    fn note(&mut self, frame: &Value, counts: &Counts) -> Option<String> {
        let kind = frame["type"].as_str().unwrap_or_default();
        let is_state = kind == "games.event.room_state";
        let room = match is_state {
            true => &frame["room"]["room_id"],
            false => &frame["room_id"],
        };
        if self.room.is_none() || room.as_str() != self.room.as_deref() {
            return None;
        }
        let mut wrong = None;
        if is_state {
            let seq = frame["room"]["room_seq"].as_u64();
            if seq < self.seq {
                wrong = Some(format!("a state of {seq:?} after {:?}", self.seq));
            }
            self.seq = seq;
            self.turn = frame["room"]["current_turn"].as_str().map(str::to_owned);
            let status = frame["room"]["status"].as_str();
            self.is_over |= matches!(status, Some("finished" | "abandoned"));
        } else if let Some(seq) = frame["room_seq"].as_u64()
            && kind != "games.event.command_applied"
        {
            if self.seq.is_some_and(|known| seq != known + 1) {
                wrong = Some(format!("{kind} {seq} after {:?}", self.seq));
            }
            self.seq = self.seq.map(|_| seq);
        }
        match kind {
            "games.event.turn_changed" => {
                self.turn = frame["current_turn"].as_str().map(str::to_owned);
                let number = frame["turn_number"].as_u64();
                if number.is_some() && number == self.turn_number {
                    counts.moved.fetch_add(1, Ordering::Relaxed);
                }
                self.turn_number = number;
            }
            "games.event.seed_revealed"
            | "games.event.not_in_room"
            | "games.event.match_cancelled" => self.is_over = true,
            _ => {}
        }
        wrong
    }
}

struct Table {
    number: usize,
    seats: [Seat; 2],
    gateways: Vec<SocketAddr>,
    counts: Arc<Counts>,
}

impl Table {
    async fn play(mut self) {
        while !self.ends() {
            self.game().await;
        }
    }

    fn ends(&self) -> bool {
        self.counts.ends.load(Ordering::Relaxed)
    }

    async fn game(&mut self) {
        for seat in &mut self.seats {
            (seat.room, seat.seq, seat.turn) = (None, None, None);
            (seat.turn_number, seat.is_over) = (None, false);
        }
        let fields = json!({ "game_type": "bigger_dice", "room_name": "t", "max_players": 2 });
        let answer = self.call(0, "create_room", fields).await;
        let Some(room) = answer["room"]["room_id"].as_str().map(str::to_owned) else {
            return self.wrong(format!("no room: {answer}"));
        };
        self.seats[0].room = Some(room.clone());
        self.seats[0].seq = answer["room"]["room_seq"].as_u64();
        self.seats[1].room = Some(room.clone());
        self.call(1, "join_room", json!({ "room_id": room })).await;
        for seat in 0..2 {
            let user = self.seats[seat].guest.user_id.clone();
            let fields = json!({ "room_id": room, "target_user_id": user });
            self.call(0, "select_player", fields).await;
        }
        for seat in 0..2 {
            let fields = json!({ "room_id": room, "is_ready": true });
            self.call(seat, "ready", fields).await;
        }
        while !self.ends() {
            if self.seats.iter().any(|seat| seat.is_over) {
                self.counts.games.fetch_add(1, Ordering::Relaxed);
                return;
            }
            // Either may have heard of the turn first.
            let is_next = |seat: &Seat| seat.turn.as_ref() == Some(&seat.guest.user_id);
            let Some(seat) = self.seats.iter().position(is_next) else {
                self.take().await;
                continue;
            };
            self.seats[seat].turn = None;
            let roll = self
                .call(seat, "bigger_dice.roll", json!({ "room_id": room }))
                .await;
            if let Some(code) = roll["code"].as_str()
                && !self.seats[seat].is_over
            {
                // The turn may have changed, or the match have been paused, while the connection was gone.
                self.trail(format!("asks after {code}"));
                self.call(seat, "rejoin_room", json!({ "room_id": room }))
                    .await;
            }
        }
    }

    /// Sends a command until it is answered.
    async fn call(&mut self, seat: usize, name: &str, mut fields: Value) -> Value {
        let id = Uuid::now_v7().to_string();
        fields["type"] = format!("games.command.{name}").into();
        fields["command_id"] = id.as_str().into();
        let is_answer = |frame: &Value| match frame["type"].as_str().unwrap_or_default() {
            "system.ack" => false,
            kind if name == "create_room" && !kind.ends_with(".error") => {
                kind == "games.event.room_state" && frame["correlation_id"] == id
            }
            _ => frame["correlation_id"] == id || frame["command_id"] == id,
        };
        let begun = Instant::now();
        let what = format!("an answer to {fields} of {seat}");
        lock(self.heard()).asked = Some((what, begun));
        let mut sent: Option<Instant> = None;
        loop {
            if self.seats[seat].socket.is_none() {
                sent = None;
            }
            self.connect().await;
            if self.seats[seat].socket.is_some() && sent.is_none_or(|at| at.elapsed() > SEND_AGAIN)
            {
                self.seats[seat].send(&fields).await;
                sent = Some(Instant::now());
            }
            if begun.elapsed() > ANSWER_WITHIN {
                let trail = lock(self.heard()).trail();
                self.wrong(format!(
                    "no answer to {fields} within {ANSWER_WITHIN:?}:\n{trail}"
                ));
                panic!("no answer to {name}");
            }
            let Some((from, frame)) = self.take().await else {
                continue;
            };
            if from != seat || !is_answer(&frame) {
                continue;
            }
            if matches!(frame["code"].as_str(), Some("unavailable" | "rate_limited")) {
                self.counts.unavailable.fetch_add(1, Ordering::Relaxed);
                self.counts.news.notify_waiters();
                tokio::time::sleep(RETRY).await;
                sent = None;
                continue;
            }
            lock(self.heard()).asked = None;
            self.counts.answers[self.number].fetch_add(1, Ordering::Relaxed);
            self.counts.news.notify_waiters();
            return frame;
        }
    }

    async fn connect(&mut self) {
        for seat in &mut self.seats {
            seat.connect(&self.gateways).await;
            seat.beat().await;
        }
    }

    /// The next frame of either, if one comes soon.
    async fn take(&mut self) -> Option<(usize, Value)> {
        self.connect().await;
        let [one, other] = &mut self.seats;
        let (at, frame) = tokio::select! {
            frame = one.read() => (0, frame),
            frame = other.read() => (1, frame),
            () = tokio::time::sleep(TICK) => return None,
        };
        let frame = match frame {
            Ok(frame) => frame,
            Err(why) => {
                let number = self.number;
                lock(&self.counts.lost).push(format!("table {number}, {at}: {why}"));
                self.trail(format!("{at} has lost its connection: {why}"));
                self.seats[at].lose();
                return None;
            }
        };
        let shown: String = frame.to_string().chars().take(300).collect();
        self.trail(format!("{at} {shown}"));
        let moved = self.counts.moved.load(Ordering::Relaxed);
        if let Some(wrong) = self.seats[at].note(&frame, &self.counts) {
            let trail = lock(self.heard()).trail();
            self.wrong(format!("{at} heard {wrong}:\n{trail}"));
        }
        if self.counts.moved.load(Ordering::Relaxed) > moved {
            self.counts.news.notify_waiters();
        }
        Some((at, frame))
    }

    fn heard(&self) -> &Mutex<Heard> {
        &self.counts.heard[self.number]
    }

    fn trail(&self, what: String) {
        let mut heard = lock(self.heard());
        if heard.trail.len() >= TRAIL {
            heard.trail.pop_front();
        }
        heard.trail.push_back(what);
    }

    fn wrong(&self, what: String) {
        let table = self.number;
        lock(&self.counts.wrong).push(format!("table {table}: {what}"));
    }
}
