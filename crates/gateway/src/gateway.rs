//! A running gateway: its start, its route, its end.

use crate::config::GatewayConfig;
use crate::frames;
use crate::live::Rates;
use crate::metrics::METRICS;
use crate::presence;
use crate::readiness::{self, NotReady};
use crate::router;
use crate::shared::Shared;
use crate::socket::{Closing, Socket};
use crate::upgrade::{self, duration_ms};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use blazing_sun_backbone::credentials::{PasswordSealer, TokenVerifier};
use blazing_sun_backbone::log::{EventLog, LogError, Topic};
use blazing_sun_domain::UserId;
use serde::Serialize;
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A gateway. Dropping it ends its work without a word; [`Gateway::drain`] ends it well.
pub struct Gateway {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

/// What operators may ask of a running gateway.
#[derive(Clone)]
pub struct Control(Arc<Shared>);

impl Control {
    /// The next offset that it reads of each partition of the event topics; none if it does not answer in time.
    pub async fn positions(&self) -> Option<Vec<ReadPosition>> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.0.positions_asked.lock().push(sender);
        self.0.asked.notify_one();
        let answer = tokio::time::timeout(POSITIONS_WITHIN, receiver).await;
        answer.ok()?.ok()
    }

    /// Whether the gateway reads, and within so long has read everything that was there when it was asked.
    pub async fn is_at_end(&self, within: Duration) -> Result<(), NotReady> {
        let reached = readiness::is_at_end(self);
        match tokio::time::timeout(within, reached).await {
            Ok(outcome) => outcome,
            Err(_) => Err(NotReady::Behind),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// How much the gateway holds in memory.
    pub fn held(&self) -> Held {
        let mut held = Held {
            connections: self.0.connections.lock().len(),
            ..Held::default()
        };
        self.0.tables.lock().add_held(&mut held);
        held
    }

    /// Counts messages by these rates from now on.
    pub fn set_rates(&self, rates: &Rates) {
        self.0.live.set_rates(rates);
    }

    /// Tells sockets that sign in from now on of this event, whose envelope this is; none: of nothing.
    pub fn set_news(&self, envelope: Option<&[u8]>) {
        self.0.live.set_news(envelope);
    }

    /// What waits to be written to sockets, but for what the system would not take yet.
    pub fn waiting(&self) -> Waiting {
        let sockets: Vec<Arc<Socket>> = self.0.connections.lock().values().cloned().collect();
        let mut waiting = Waiting::default();
        for socket in sockets {
            let bytes = socket.state.lock().behind();
            waiting.bytes = waiting.bytes.saturating_add(bytes);
            waiting.bytes_most = waiting.bytes_most.max(bytes);
        }
        waiting
    }

    /// How many records of each event topic are not read yet; none where log or router do not answer.
    pub async fn lag(&self) -> Option<Vec<(&'static str, u64)>> {
        let mut ends = Vec::new();
        for name in router::READ {
            ends.push((name, self.0.log.bounds(&Topic::new(name)).await.ok()?));
        }
        let positions = self.positions().await?;
        let lag = ends.into_iter().map(|(name, bounds)| {
            let of_topic = positions.iter().filter(|at| at.topic == name);
            let behind = of_topic.filter_map(|at| {
                let end = bounds.get(at.partition as usize)?.end;
                Some(end.saturating_sub(at.next))
            });
            (name, behind.sum())
        });
        Some(lag.collect())
    }

    /// Closes all of a user's connections to the gateway, and tells them why.
    pub fn close_user(&self, user: UserId, reason: &'static str) {
        let closing = Closing::policy(reason);
        self.0.tables.lock().close_user(user, closing);
    }
}

/// How much a gateway holds in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Open connections, signed in or not.
    pub connections: usize,
    /// Users with a connection.
    pub users: usize,
    /// Rooms whose frames are kept.
    pub rooms: usize,
    /// Bytes of these frames.
    pub ring_bytes: usize,
    /// Rooms that connections read, one by one.
    pub follows: usize,
    /// Connections that watch the lobby.
    pub watchers: usize,
}

/// What waits to be written to sockets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Bytes, of all of them.
    pub bytes: u64,
    /// Of the one with the most.
    pub bytes_most: u64,
}

/// How far a gateway has read a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadPosition {
    /// Its topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The next offset.
    pub next: u64,
}

const POSITIONS_WITHIN: Duration = Duration::from_secs(2);

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
#[error("the gateway cannot read the event topics")]
pub struct StartError(#[from] LogError);

impl Gateway {
    /// Starts to read the event topics from their end. The topics must exist. Must be called on a
    /// tokio runtime.
    pub async fn start(
        config: GatewayConfig,
        log: Arc<dyn EventLog>,
        verifier: TokenVerifier,
        passwords: PasswordSealer,
    ) -> Result<Gateway, StartError> {
        let shared = Arc::new(Shared::new(config, log, verifier, passwords));
        let reader = router::Reader::open(&shared).await?;
        let reading = read(shared.clone(), reader);
        Ok(Gateway::with(shared, reading))
    }

    /// Starts at once, and lets nobody in before `prepared` has come and it can read the event topics, which
    /// it tries again and again. Must be called on a tokio runtime.
    pub fn start_patiently(
        config: GatewayConfig,
        log: Arc<dyn EventLog>,
        verifier: TokenVerifier,
        passwords: PasswordSealer,
        prepared: impl Future<Output = ()> + Send + 'static,
    ) -> Gateway {
        let shared = Arc::new(Shared::new(config, log, verifier, passwords));
        let waiting = shared.clone();
        let reading = async move {
            prepared.await;
            let reader = router::Reader::open_when_possible(&waiting).await;
            read(waiting, reader).await;
        };
        Gateway::with(shared, reading)
    }

    fn with(shared: Arc<Shared>, reading: impl Future<Output = ()> + Send + 'static) -> Gateway {
        // So that they are there, as 0, before anything happens.
        LazyLock::force(&METRICS);
        let tasks = vec![tokio::spawn(reading), tokio::spawn(sweep(shared.clone()))];
        Gateway { shared, tasks }
    }

    /// Serves `GET /ws`. Connections must be plain TCP. With axum's `ConnectInfo<SocketAddr>` the limits per
    /// address are applied before the upgrade, without it just after.
    pub fn router(&self) -> Router {
        let shared = self.shared.clone();
        let handler = move |request: Request<Body>| {
            let response = upgrade::upgrade(&shared, request);
            std::future::ready(response)
        };
        Router::new().route(upgrade::PATH, get(handler))
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.shared.connections.lock().len()
    }

    /// Closes all of a user's connections to this gateway, and tells them why.
    pub fn close_user(&self, user: UserId, reason: &'static str) {
        self.control().close_user(user, reason);
    }

    /// What operators may ask of it, for as long as it is kept.
    pub fn control(&self) -> Control {
        Control(self.shared.clone())
    }

    /// Takes no more connections, tells all clients to come back elsewhere (1012), and waits until they are gone and
    /// the log has answered all, at most so long. Gives whether all of that was reached.
    pub async fn drain(&self, within: Duration) -> bool {
        let until = Instant::now() + within;
        self.shared.draining.store(true, Ordering::Release);
        let open: Vec<Arc<Socket>> = self.shared.connections.lock().values().cloned().collect();
        for socket in open {
            socket.close(Closing::DRAINING);
        }
        loop {
            presence::pay(&self.shared);
            let done = self.connections() == 0
                && self.shared.in_flight() == 0
                && self.shared.owed.lock().is_empty();
            if done || Instant::now() >= until {
                return done;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Routes what is read and says that the gateway lives, for ever.
async fn read(shared: Arc<Shared>, reader: router::Reader) {
    let every = shared.config.heartbeat_every;
    tokio::join!(
        router::run(shared.clone(), reader),
        presence::beat(shared, every)
    );
}

/// Looks at all deadlines, for ever. One timer for all: a timer a socket would be memory a socket.
async fn sweep(shared: Arc<Shared>) {
    let config = &shared.config;
    let mut ticks = tokio::time::interval(config.sweep_every());
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (grace_ms, close_ms) = (
        duration_ms(config.ring_grace),
        duration_ms(config.close_grace),
    );
    let (ping_ms, silence_ms, stall_ms) = (
        duration_ms(config.ping_after),
        duration_ms(config.silence_max),
        duration_ms(config.write_stall_max),
    );
    loop {
        ticks.tick().await;
        let now_ms = shared.now_ms();
        let past = |since: u64, span: u64| since != 0 && now_ms.saturating_sub(since) > span;
        let mut due: Vec<(Arc<Socket>, Option<Closing>)> = Vec::new();
        let mut quiet: Vec<Arc<Socket>> = Vec::new();
        for socket in shared.connections.lock().values() {
            let heard_at = socket.heard_at.load(Ordering::Relaxed);
            let closing = if past(socket.closing_since.load(Ordering::Relaxed), close_ms) {
                None
            } else if socket.closing_since.load(Ordering::Relaxed) != 0 {
                continue;
            } else if past(socket.blocked_since.load(Ordering::Relaxed), stall_ms) {
                Some(Closing::SLOW)
            } else if past(socket.authentic_until.load(Ordering::Relaxed), 0) {
                Some(Closing::policy("not signed in"))
            } else if past(heard_at, silence_ms) {
                Some(Closing::policy("silent"))
            } else {
                let is_asked = || socket.asked_after.swap(heard_at, Ordering::Relaxed) == heard_at;
                if past(heard_at, ping_ms) && !is_asked() {
                    quiet.push(socket.clone());
                }
                continue;
            };
            due.push((socket.clone(), closing));
        }
        for (socket, closing) in due {
            match closing {
                Some(closing) => socket.close(closing),
                None => socket.kill(),
            }
        }
        for socket in quiet {
            socket.push(frames::ping());
            socket.wake();
        }
        shared.addresses.sweep(shared.now_us());
        let mut tables = shared.tables.lock();
        tables.set_now(now_ms);
        tables.sweep(grace_ms, config.rings_bytes_max);
    }
}
