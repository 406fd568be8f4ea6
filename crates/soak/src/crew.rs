//! What all players of a run share: where the server is, rooms to join, what was heard, what went wrong.

use crate::Violation;
use crate::checks::Canaries;
use crate::player::Player;
use crate::transcript::Transcript;
use blazing_sun_harness::Guest;
use fastrand::Rng;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// How every room password begins, so that it is found wherever it should not be.
pub const PASSWORD: &str = "pass-canary-";
/// All players have noticed an end so soon.
const NOTICED_WITHIN: Duration = Duration::from_secs(90);
const OFFERS_MAX: usize = 64;

/// A room that others may join.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Which.
    pub room: String,
    /// Its name.
    pub name: String,
    /// What it asks for.
    pub password: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The n-th server is there.
    Up(u64),
    /// It is gone, and the next is not there yet.
    Down,
    /// The run is over.
    Over,
}

/// Counted over a whole run.
#[derive(Debug, Default)]
pub struct Counts {
    /// Frames heard.
    pub frames: AtomicU64,
    /// Commands sent, copies included.
    pub copies: AtomicU64,
    /// Commands answered.
    pub answers: AtomicU64,
    /// Guests that played.
    pub guests: AtomicU64,
}

/// A game as the server describes it: its name, and a JSON Schema of each move's fields.
#[derive(Debug, Clone)]
pub(crate) struct KnownGame {
    pub name: String,
    pub moves: Vec<(String, Value)>,
}

/// What a crowd does beside what a crew does.
#[derive(Debug)]
pub(crate) struct Crowd {
    /// All that the server has.
    pub games: Vec<KnownGame>,
    /// Players rest between two things that they do, up to so long.
    pub rests: Duration,
}

/// Where players get in.
#[derive(Debug, Clone)]
pub struct Doors {
    /// The HTTP API, at least once.
    pub api: Vec<SocketAddr>,
    /// Sockets, at least once.
    pub sockets: Vec<SocketAddr>,
}

impl From<SocketAddr> for Doors {
    fn from(address: SocketAddr) -> Doors {
        Doors {
            api: vec![address],
            sockets: vec![address],
        }
    }
}

/// Shared by all players of a run.
pub struct Shared {
    doors: Doors,
    http: reqwest::Client,
    state: watch::Sender<State>,
    everyone: Mutex<BTreeSet<i64>>,
    /// Who has found that there is no server.
    down: Mutex<BTreeSet<i64>>,
    /// Who has signed in since the last server ended.
    back: Mutex<BTreeSet<i64>>,
    /// Who has been answered since that was last asked.
    answered: Mutex<BTreeSet<i64>>,
    noticed: Notify,
    /// Players wait up to so long before they come back.
    jitter: Duration,
    offers: Mutex<Vec<Offer>>,
    transcripts: Mutex<Vec<Transcript>>,
    canaries: Mutex<Canaries>,
    violations: Mutex<Vec<Violation>>,
    fee_cents_max: i64,
    /// What a crowd plays by chance; a crew of kill rounds plays as fast as it can.
    crowd: OnceLock<Crowd>,
    /// Whether everyone ends what was begun, and begins nothing.
    winds_down: AtomicBool,
    /// What each player is at, for one that does not come.
    at: Mutex<BTreeMap<i64, &'static str>>,
    /// What was counted.
    pub counts: Counts,
    /// In which channels of rooms a message was heard.
    spoken_in: Mutex<BTreeSet<String>>,
    news: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn new(doors: Doors, fee_cents_max: i64, jitter: Duration) -> Shared {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .no_proxy()
            .build()
            .expect("a client");
        Shared {
            doors,
            http,
            state: watch::Sender::new(State::Up(0)),
            everyone: Mutex::default(),
            down: Mutex::default(),
            back: Mutex::default(),
            answered: Mutex::default(),
            noticed: Notify::new(),
            jitter,
            offers: Mutex::default(),
            transcripts: Mutex::default(),
            canaries: Mutex::default(),
            violations: Mutex::default(),
            fee_cents_max,
            crowd: OnceLock::new(),
            winds_down: AtomicBool::new(false),
            at: Mutex::default(),
            counts: Counts::default(),
            spoken_in: Mutex::default(),
            news: Notify::new(),
        }
    }

    /// Any of the addresses with sockets.
    pub(crate) fn socket_address(&self, random: &mut Rng) -> SocketAddr {
        match self.doors.sockets.as_slice() {
            // Without a choice there is nothing to draw: seeds stay what they were.
            [only] => *only,
            many => many[random.usize(..many.len())],
        }
    }

    pub(crate) fn fee_cents_max(&self) -> i64 {
        self.fee_cents_max
    }

    /// Waits until there is a server; false once the run is over.
    pub(crate) async fn is_up(&self, user: i64) -> bool {
        let mut state = self.state.subscribe();
        loop {
            let seen = *state.borrow_and_update();
            match seen {
                State::Up(_) => return true,
                State::Over => return false,
                State::Down => {
                    lock(&self.down).insert(user);
                    self.noticed.notify_one();
                }
            }
            if state.changed().await.is_err() {
                return false;
            }
        }
    }

    /// Waits until the run is over.
    pub(crate) async fn goes_home(&self) {
        let mut state = self.state.subscribe();
        // The sender is here.
        let _ = state.wait_for(|state| *state == State::Over).await;
    }

    /// A player finds no server: it waits for the next.
    pub(crate) async fn is_down(&self, user: i64) {
        let mut state = self.state.subscribe();
        let seen = *state.borrow_and_update();
        lock(&self.down).insert(user);
        self.noticed.notify_one();
        if let State::Up(_) = seen {
            // Either its end is about to be told, or it was gone for a moment only.
            let told = state.wait_for(|state| *state != seen);
            let _ = tokio::time::timeout(Duration::from_millis(50), told).await;
        }
    }

    /// What a player does now.
    pub(crate) fn is_at(&self, user: i64, what: &'static str) {
        lock(&self.at).insert(user, what);
    }

    /// A player has signed in.
    pub(crate) fn is_back(&self, user: i64) {
        lock(&self.down).remove(&user);
        lock(&self.back).insert(user);
        self.noticed.notify_one();
    }

    /// Players do not all come back at the same instant.
    pub(crate) async fn wait_in_line(&self, random: &mut Rng) {
        if !self.jitter.is_zero() {
            tokio::time::sleep(self.jitter.mul_f64(random.f64())).await;
        }
    }

    /// From now on the players are a crowd.
    pub(crate) fn be_a_crowd(&self, crowd: Crowd) {
        // It is one already.
        let _ = self.crowd.set(crowd);
    }

    pub(crate) fn crowd(&self) -> Option<&Crowd> {
        self.crowd.get()
    }

    /// Whether all end what was begun.
    pub(crate) fn wind_down(&self, yes: bool) {
        self.winds_down.store(yes, Ordering::Relaxed);
    }

    pub(crate) fn winds_down(&self) -> bool {
        self.winds_down.load(Ordering::Relaxed)
    }

    pub(crate) fn change_player(&self, old: i64, guest: &Guest) {
        let mut everyone = lock(&self.everyone);
        everyone.remove(&old);
        everyone.extend(guest.user_id.parse::<i64>());
        self.counts.guests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) async fn new_guest(&self) -> Option<Guest> {
        for address in &self.doors.api {
            let url = format!("http://{address}/api/v1/auth/guest");
            let Ok(answer) = self.http.post(url).send().await else {
                continue;
            };
            let answer = answer.error_for_status().ok()?;
            return Some(Guest::from_answer(&answer.json().await.ok()?));
        }
        None
    }

    /// Somebody who plays, or has played a moment ago.
    pub(crate) fn someone(&self, random: &mut Rng) -> i64 {
        let everyone = lock(&self.everyone);
        let nth = random.usize(..everyone.len().max(1));
        everyone.iter().nth(nth).copied().unwrap_or_default()
    }

    pub(crate) fn keep(&self, transcript: Transcript) {
        lock(&self.transcripts).push(transcript);
    }

    pub(crate) fn secret(&self, secret: String, user: i64) {
        lock(&self.canaries).add(secret, user);
    }

    pub(crate) fn violated(&self, invariant: &'static str, what: String) {
        lock(&self.violations).push(Violation { invariant, what });
    }

    pub(crate) fn offer(&self, offer: Offer) {
        let mut offers = lock(&self.offers);
        offers.retain(|other| other.room != offer.room);
        offers.push(offer);
        if offers.len() > OFFERS_MAX {
            offers.remove(0);
        }
    }

    pub(crate) fn some_offer(&self, random: &mut Rng) -> Option<Offer> {
        let offers = lock(&self.offers);
        // The last ones wait for players; those before are full, mostly.
        let last = offers.len().saturating_sub(8);
        random.choice(&offers[last..]).cloned()
    }

    /// Whether a room that refuses so is no offer any more.
    pub(crate) fn offers_fail(&self, code: &str) -> bool {
        matches!(
            code,
            "room_full" | "game_in_progress" | "room_not_found" | "already_in_room"
        )
    }

    pub(crate) fn withdraw(&self, room: &str) {
        lock(&self.offers).retain(|offer| offer.room != room);
    }

    pub(crate) fn count_frame(&self) {
        self.counts.frames.fetch_add(1, Ordering::Relaxed);
        self.news.notify_waiters();
    }

    pub(crate) fn count_copy(&self) {
        self.counts.copies.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_answer(&self, user: i64) {
        self.counts.answers.fetch_add(1, Ordering::Relaxed);
        lock(&self.answered).insert(user);
        self.noticed.notify_one();
    }

    pub(crate) fn is_spoken_in(&self, channel: &str) {
        if lock(&self.spoken_in).insert(channel.to_owned()) {
            self.news.notify_waiters();
        }
    }

    /// Waits until a message was heard in each of so many channels, and so many commands were answered.
    pub(crate) async fn channels_and_answers(&self, channels: usize, answers: u64) {
        let answered = || self.counts.answers.load(Ordering::Relaxed);
        self.news_until(|| lock(&self.spoken_in).len() >= channels && answered() >= answers)
            .await;
    }

    /// Waits until so many frames more have come.
    pub async fn frames_more(&self, more: u64) {
        let frames = || self.counts.frames.load(Ordering::Relaxed);
        let until = frames() + more;
        self.news_until(|| frames() >= until).await;
    }

    async fn news_until(&self, is_so: impl Fn() -> bool) {
        loop {
            let news = self.news.notified();
            if is_so() {
                return;
            }
            news.await;
        }
    }
}

/// The players of a run.
pub struct Crew {
    /// What they share.
    pub shared: Arc<Shared>,
    players: Vec<JoinHandle<()>>,
    starts: u64,
}

impl Crew {
    /// So many players on this server.
    pub async fn hire(
        doors: impl Into<Doors>,
        players: usize,
        random: &mut Rng,
        fee_cents_max: i64,
        jitter: Duration,
    ) -> Crew {
        let shared = Arc::new(Shared::new(doors.into(), fee_cents_max, jitter));
        let mut crew = Crew {
            shared: Arc::clone(&shared),
            players: Vec::new(),
            starts: 0,
        };
        let mut guests = BTreeMap::new();
        for _ in 0..players {
            let guest = shared.new_guest().await.expect("a guest");
            guests.insert(guest.user_id.parse::<i64>().expect("a number"), guest);
        }
        shared
            .counts
            .guests
            .fetch_add(players as u64, Ordering::Relaxed);
        lock(&shared.everyone).extend(guests.keys());
        for guest in guests.into_values() {
            let player = Player::new(guest, random.fork(), Arc::clone(&shared));
            crew.players.push(tokio::spawn(player.play()));
        }
        crew
    }

    /// The server has ended: waits until all players have heard everything that it said.
    pub async fn server_ended(&mut self) {
        self.shared.state.send_replace(State::Down);
        let shared = &self.shared;
        self.wait_for("that the server ended", || {
            lock(&shared.everyone).is_subset(&lock(&shared.down))
        })
        .await;
        self.count_who_comes_back();
    }

    /// From now on a player is back who signs in once more.
    pub fn count_who_comes_back(&self) {
        lock(&self.shared.back).clear();
    }

    /// Waits until all players have signed in to the server that is there now.
    pub async fn all_back(&self) {
        let shared = &self.shared;
        self.wait_for("that the server is back", || {
            lock(&shared.everyone).is_subset(&lock(&shared.back))
        })
        .await;
    }

    /// Waits until all players have been answered once more.
    pub async fn all_answered(&self) {
        let shared = &self.shared;
        lock(&shared.answered).clear();
        self.wait_for("that they are answered", || {
            lock(&shared.everyone).is_subset(&lock(&shared.answered))
        })
        .await;
    }

    async fn wait_for(&self, what: &str, is_so: impl Fn() -> bool) {
        let waiting = async {
            while !is_so() {
                self.shared.noticed.notified().await;
            }
        };
        if tokio::time::timeout(NOTICED_WITHIN, waiting).await.is_err() {
            let (down, back) = (lock(&self.shared.down), lock(&self.shared.back));
            let at = lock(&self.shared.at);
            let everyone = lock(&self.shared.everyone);
            panic!(
                "not all players have noticed {what}: {everyone:?} play, {down:?} are down, {back:?} are back: {at:?}"
            );
        }
    }

    /// The next server is there.
    pub fn server_started(&mut self) {
        self.starts += 1;
        self.shared.state.send_replace(State::Up(self.starts));
    }

    /// What was heard since the last time, and what the players themselves found wrong.
    pub fn heard(&self) -> (Vec<Transcript>, Vec<Violation>) {
        let transcripts = std::mem::take(&mut *lock(&self.shared.transcripts));
        let violations = std::mem::take(&mut *lock(&self.shared.violations));
        (transcripts, violations)
    }

    /// Works with all secrets so far.
    pub fn with_canaries<T>(&self, work: impl FnOnce(&Canaries) -> T) -> T {
        work(&lock(&self.shared.canaries))
    }

    /// Sends everyone home.
    pub async fn dismiss(&mut self) {
        self.shared.state.send_replace(State::Over);
        for player in self.players.drain(..) {
            if let Err(error) = player.await {
                self.shared.violated("a player failed", error.to_string());
            }
        }
    }
}
