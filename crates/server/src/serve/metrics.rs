//! `/metrics`: what is counted, and what is looked at when somebody asks. On the address that serves everything else it
//! is for this machine alone; on one of its own for whoever reaches that.

mod process;

use super::parts::{Owner, Parts};
use super::payments::Watch;
use crate::config::{Mode, Role};
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use blazing_sun_backbone::clock;
use blazing_sun_backbone::log::{Bounds, EventLog, Topic};
use blazing_sun_backbone::metrics::{self, IntGauge, IntGaugeVec, gauge, gauges};
use blazing_sun_backend::engine::Engine;
use blazing_sun_backend::owner::Figures;
use blazing_sun_backend::partition::Held;
use blazing_sun_backend::store::overview::Overview;
use blazing_sun_backend::store::postgres::PgOverview;
use blazing_sun_backend::store::sqlite::SqliteOverview;
use blazing_sun_gateway::Control;
use http::{HeaderMap, StatusCode, header};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

pub(super) const PATH: &str = "/metrics";

/// A part that takes longer is told as silent.
const PART_WITHIN: Duration = Duration::from_secs(3);
/// All of the ledger is added up no more often.
const BOOKS_EVERY: Duration = Duration::from_secs(300);
/// It may take longer than all else.
const BOOKS_WITHIN: Duration = Duration::from_secs(60);

/// The parts of a process that are looked at. Clones are the same one.
#[derive(Clone)]
pub(super) struct Scrape(Arc<Looked>);

struct Looked {
    gateway: Option<Control>,
    owner: Deciding,
    books: Option<Arc<Books>>,
    payments: Option<Watch>,
}

enum Deciding {
    Nobody,
    Embedded(Arc<Engine>),
    Distributed(Figures, Arc<dyn EventLog>),
}

struct Books {
    overview: Box<dyn Overview>,
    looked: Mutex<Option<Instant>>,
}

impl Scrape {
    /// Of these parts.
    pub(super) fn of(parts: &Parts, role: Role, mode: Mode) -> Scrape {
        say_build(role, mode);
        let books = |overview| {
            let looked = Mutex::default();
            Arc::new(Books { overview, looked })
        };
        let (owner, overview): (_, Option<Box<dyn Overview>>) = match &parts.owner {
            Owner::None => (Deciding::Nobody, None),
            Owner::Embedded(engine) => (
                Deciding::Embedded(engine.clone()),
                Some(Box::new(SqliteOverview::new(engine.access()))),
            ),
            Owner::Distributed(backend) => (
                Deciding::Distributed(backend.figures(), Arc::new(backend.log())),
                Some(Box::new(PgOverview::new(backend.pool()))),
            ),
        };
        Scrape(Arc::new(Looked {
            gateway: parts.gateway.as_ref().map(|gateway| gateway.control()),
            owner,
            books: overview.map(books),
            payments: parts.payments.as_ref().map(|payments| payments.watch()),
        }))
    }

    /// For the address that everything else is on.
    pub(super) fn route_for_this_machine(self) -> Router {
        let answer = move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
            let scrape = self.clone();
            async move {
                match is_of_this_machine(peer, request.headers()) {
                    true => scrape.answer().await,
                    false => StatusCode::NOT_FOUND.into_response(),
                }
            }
        };
        Router::new().route(PATH, get(answer))
    }

    /// For an address of its own.
    pub(super) fn route(self) -> Router {
        let answer = move || {
            let scrape = self.clone();
            async move { scrape.answer().await }
        };
        Router::new().route(PATH, get(answer))
    }

    async fn answer(&self) -> Response {
        let Looked {
            gateway,
            owner,
            books,
            payments,
        } = &*self.0;
        tokio::join!(
            async {
                if let Some(gateway) = gateway {
                    look_at_gateway(gateway).await;
                }
            },
            look_at_owner(owner),
            async {
                if let Some(books) = books {
                    Books::look(books).await;
                }
            },
            async {
                if let Some(payments) = payments {
                    look_at_payments(payments).await;
                }
            },
        );
        process::look();
        let headers = [
            (header::CONTENT_TYPE, metrics::MEDIA_TYPE),
            (header::CACHE_CONTROL, "no-store"),
        ];
        (headers, metrics::text()).into_response()
    }
}

/// A proxy beside this process names whom it asks for.
fn is_of_this_machine(peer: SocketAddr, headers: &HeaderMap) -> bool {
    peer.ip().to_canonical().is_loopback()
        && !headers.contains_key("x-forwarded-for")
        && !headers.contains_key(header::FORWARDED)
}

fn say_build(role: Role, mode: Mode) {
    static BUILD: LazyLock<IntGaugeVec> = LazyLock::new(|| {
        gauges(
            "blazing_sun_build_info",
            "1, of the version that runs, as what and on what",
            &["version", "role", "mode"],
        )
    });
    let mode = match mode {
        Mode::Embedded => "embedded",
        Mode::Distributed => "distributed",
    };
    let labels = [env!("CARGO_PKG_VERSION"), role.name(), mode];
    BUILD.with_label_values(&labels).set(1);
}

/// Notes whether a part has answered, and gives its answer.
async fn asked<T>(part: &str, answer: impl Future<Output = Option<T>>) -> Option<T> {
    static UP: LazyLock<IntGaugeVec> = LazyLock::new(|| {
        gauges(
            "blazing_sun_part_up",
            "Whether a part answered when it was looked at; figures of one that did not are those of before",
            &["part"],
        )
    });
    let answered = tokio::time::timeout(PART_WITHIN, answer).await;
    let answer = answered.ok().flatten();
    UP.with_label_values(&[part])
        .set(i64::from(answer.is_some()));
    answer
}

fn set(gauge: &IntGauge, value: impl TryInto<i64>) {
    gauge.set(value.try_into().unwrap_or(i64::MAX));
}

struct OfGateway {
    sockets: IntGauge,
    users: IntGauge,
    rooms: IntGauge,
    ring_bytes: IntGauge,
    watchers: IntGauge,
    queue_bytes: IntGauge,
    queue_bytes_most: IntGauge,
    lag: IntGaugeVec,
}

static OF_GATEWAY: LazyLock<OfGateway> = LazyLock::new(|| OfGateway {
    sockets: gauge("blazing_sun_gateway_sockets", "Open sockets"),
    users: gauge("blazing_sun_gateway_users", "Users with a socket"),
    rooms: gauge(
        "blazing_sun_gateway_rooms",
        "Rooms whose frames are kept for those that come back",
    ),
    ring_bytes: gauge("blazing_sun_gateway_ring_bytes", "Bytes of these frames"),
    watchers: gauge(
        "blazing_sun_gateway_lobby_watchers",
        "Sockets that watch the lobby",
    ),
    queue_bytes: gauge(
        "blazing_sun_gateway_queue_bytes",
        "Bytes that wait to be written to sockets",
    ),
    queue_bytes_most: gauge(
        "blazing_sun_gateway_longest_queue_bytes",
        "Bytes that wait for the socket for which the most wait",
    ),
    lag: gauges(
        "blazing_sun_gateway_lag_records",
        "Records of event topics that are not read yet",
        &["topic"],
    ),
});

async fn look_at_gateway(gateway: &Control) {
    let of = &*OF_GATEWAY;
    let (held, waiting) = (gateway.held(), gateway.waiting());
    set(&of.sockets, held.connections);
    set(&of.users, held.users);
    set(&of.rooms, held.rooms);
    set(&of.ring_bytes, held.ring_bytes);
    set(&of.watchers, held.watchers);
    set(&of.queue_bytes, waiting.bytes);
    set(&of.queue_bytes_most, waiting.bytes_most);
    let lag = asked("gateway", gateway.lag()).await;
    for (topic, behind) in lag.into_iter().flatten() {
        set(&of.lag.with_label_values(&[topic]), behind);
    }
}

struct OfBackend {
    partitions: IntGauge,
    all_partitions: IntGauge,
    rooms: IntGauge,
    users: IntGauge,
    queued: IntGauge,
    unsaved: IntGauge,
    gateways: IntGauge,
    lag: IntGaugeVec,
    backlog: IntGauge,
    oldest: metrics::Gauge,
    difference: IntGauge,
}

static OF_BACKEND: LazyLock<OfBackend> = LazyLock::new(|| OfBackend {
    partitions: gauge(
        "blazing_sun_backend_partitions",
        "Partitions that this process decides in",
    ),
    all_partitions: gauge(
        "blazing_sun_backend_topic_partitions",
        "Partitions of every topic, which all backends together decide in",
    ),
    rooms: gauge("blazing_sun_backend_rooms", "Running rooms"),
    users: gauge("blazing_sun_backend_users", "Users who are connected"),
    queued: gauge(
        "blazing_sun_backend_quick_match_waiting",
        "People who wait for a quick match",
    ),
    unsaved: gauge(
        "blazing_sun_backend_unsaved",
        "Rooms and users' answers that a start would have to decide anew",
    ),
    gateways: gauge(
        "blazing_sun_backend_gateways",
        "Gateways that are heard, each partition for itself",
    ),
    lag: gauges(
        "blazing_sun_backend_lag_records",
        "Records of consumed topics that are not decided yet",
        &["topic"],
    ),
    backlog: gauge(
        "blazing_sun_backend_outbox_backlog_records",
        "Records that are committed and not on their topics yet",
    ),
    oldest: metrics::float_gauge(
        "blazing_sun_backend_outbox_oldest_seconds",
        "How long the oldest of these has waited",
    ),
    difference: gauge(
        "blazing_sun_backend_books_difference_cents",
        "The sum of all accounts, which is 0 in a ledger that is right",
    ),
});

async fn look_at_owner(owner: &Deciding) {
    if matches!(owner, Deciding::Nobody) {
        return;
    }
    let of = &*OF_BACKEND;
    let held = match owner {
        Deciding::Nobody => None,
        Deciding::Embedded(engine) => {
            let held = asked("engine", engine.held()).await;
            // What is decided is delivered with the same commit, and the log ends where deciding does.
            set(&of.partitions, engine.partitions());
            set(&of.all_partitions, engine.partitions());
            for topic in Figures::CONSUMED {
                of.lag.with_label_values(&[topic]).set(0);
            }
            set(&of.backlog, 0);
            of.oldest.set(0.0);
            held
        }
        Deciding::Distributed(figures, log) => {
            set(&of.partitions, figures.owned().len());
            set(&of.all_partitions, figures.partitions());
            let (records, oldest_ms) = figures.outbox();
            set(&of.backlog, records);
            of.oldest.set(oldest_ms as f64 / 1_000.0);
            let ends = asked("log", ends_of(&**log)).await;
            for (topic, behind) in ends.iter().flat_map(|ends| figures.lag(ends)) {
                set(&of.lag.with_label_values(&[topic]), behind);
            }
            asked("engine", figures.held()).await
        }
    };
    if let Some(held) = held {
        tell_held(of, &held);
    }
}

fn tell_held(of: &OfBackend, held: &Held) {
    set(&of.rooms, held.rooms);
    set(&of.users, held.connected_users);
    set(&of.queued, held.queued);
    set(&of.unsaved, held.unsaved);
    set(&of.gateways, held.gateways);
}

async fn ends_of(log: &dyn EventLog) -> Option<Vec<(&'static str, Vec<Bounds>)>> {
    let mut ends = Vec::new();
    for name in Figures::CONSUMED {
        ends.push((name, log.bounds(&Topic::new(name)).await.ok()?));
    }
    Some(ends)
}

impl Books {
    /// Adds all up where that is due, beside whoever asks, who waits for it no longer than for other parts.
    async fn look(books: &Arc<Books>) {
        let own = Arc::clone(books);
        let looked = tokio::spawn(async move { own.add_up().await });
        asked("store", async { looked.await.ok().flatten() }).await;
    }

    /// None where the store does not answer.
    async fn add_up(&self) -> Option<()> {
        let Ok(mut looked) = self.looked.try_lock() else {
            return Some(());
        };
        if looked.is_some_and(|at| at.elapsed() < BOOKS_EVERY) {
            return Some(());
        }
        let totals = tokio::time::timeout(BOOKS_WITHIN, self.overview.totals(clock::now()));
        let totals = totals.await.ok()?.ok()?;
        *looked = Some(Instant::now());
        let balances = totals.balances.iter().map(|(_, _, sum)| sum.0);
        let house = totals.house.iter().map(|(_, sum)| sum.0);
        OF_BACKEND.difference.set(balances.chain(house).sum());
        Some(())
    }
}

struct OfCheckout {
    leads: IntGauge,
    open_payments: IntGauge,
    held_payments: IntGauge,
    waiting_events: IntGauge,
    waiting_records: IntGauge,
}

static OF_CHECKOUT: LazyLock<OfCheckout> = LazyLock::new(|| OfCheckout {
    leads: gauge(
        "blazing_sun_checkout_leads",
        "Whether this process does the work",
    ),
    open_payments: gauge(
        "blazing_sun_checkout_open_payments",
        "Payments that are not at their end",
    ),
    held_payments: gauge(
        "blazing_sun_checkout_held_payments",
        "Payments of which the provider says something else than was asked for",
    ),
    waiting_events: gauge(
        "blazing_sun_checkout_waiting_events",
        "Events of the provider that are not dealt with",
    ),
    waiting_records: gauge(
        "blazing_sun_checkout_waiting_records",
        "Records that are not published",
    ),
});

async fn look_at_payments(payments: &Watch) {
    let looked = async {
        let gauge = payments.gauge().ok()?;
        Some((gauge.is_leading(), gauge.backlog().await.ok()?))
    };
    let of = &*OF_CHECKOUT;
    if let Some((leads, backlog)) = asked("checkout", looked).await {
        set(&of.leads, i64::from(leads));
        set(&of.open_payments, backlog.open_payments);
        set(&of.held_payments, backlog.held_payments);
        set(&of.waiting_events, backlog.events);
        set(&of.waiting_records, backlog.outgoing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_from_elsewhere_is_told_from_this_machine() {
        let none = HeaderMap::new();
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        for (peer, is_here) in [
            ("127.0.0.1:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("10.0.0.1:1", false),
            ("[2001:db8::1]:1", false),
        ] {
            assert_eq!(is_of_this_machine(address(peer), &none), is_here, "{peer}");
        }
        for name in ["X-Forwarded-For", "Forwarded"] {
            let mut proxied = HeaderMap::new();
            let name = header::HeaderName::from_bytes(name.as_bytes()).expect("a name");
            proxied.insert(name, header::HeaderValue::from_static("10.0.0.1"));
            assert!(!is_of_this_machine(address("127.0.0.1:1"), &proxied));
        }
    }
}
