//! What all parts of a running gateway share: the log, the keys, the clock, the tables.

use crate::config::GatewayConfig;
use crate::events::push_string;
use crate::gateway::ReadPosition;
use crate::limits::Addresses;
use crate::live::Live;
use crate::metrics::METRICS;
use crate::presence::Owed;
use crate::routing::Tables;
use crate::socket::Socket;
use crate::starts::Starts;
use blazing_sun_backbone::credentials::{PasswordSealer, TokenVerifier};
use blazing_sun_backbone::envelope::PRODUCER_GATEWAY;
use blazing_sun_backbone::log::{EventLog, HeadersBuilder, LogError, NewRecord, Topic};
use blazing_sun_backbone::messages::header;
use blazing_sun_backbone::topics;
use blazing_sun_backbone::trace::Parent;
use blazing_sun_domain::{Millis, RoomId, UserId};
use bytes::Bytes;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

pub(crate) struct Shared {
    pub(crate) config: GatewayConfig,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) verifier: TokenVerifier,
    pub(crate) passwords: PasswordSealer,
    pub(crate) boot_id: Uuid,
    started: Instant,
    ids: AtomicU64,
    pub(crate) games_commands: Topic,
    pub(crate) chat_commands: Topic,
    pub(crate) system_events: Topic,
    pub(crate) presence: Topic,
    pub(crate) addresses: Addresses,
    /// What operators change.
    pub(crate) live: Live,
    /// Every open connection, signed in or not.
    pub(crate) connections: Mutex<FxHashMap<Uuid, Arc<Socket>>>,
    /// Locked before a socket's state, never after it.
    pub(crate) tables: Mutex<Tables>,
    answers: Mutex<Vec<Answer>>,
    pub(crate) answered: Notify,
    in_flight: AtomicUsize,
    /// Who waits to hear how far the router has read.
    pub(crate) positions_asked: Mutex<Vec<oneshot::Sender<Vec<ReadPosition>>>>,
    pub(crate) asked: Notify,
    /// The event topics are read; before that nobody is let in.
    pub(crate) reading: AtomicBool,
    pub(crate) draining: AtomicBool,
    /// Who has started with this gateway's id.
    pub(crate) starts: Starts,
    /// Departures that the log did not take yet.
    pub(crate) owed: Mutex<Owed>,
}

/// What became of a command's append.
pub(crate) struct Answer {
    pub(crate) socket: Arc<Socket>,
    pub(crate) command_id: Uuid,
    pub(crate) durable: bool,
}

/// Whom a record is for.
pub(crate) enum Addressee<'a> {
    Room(&'a RoomId),
    User(UserId),
    Everyone,
}

/// What a record of the gateway's says.
pub(crate) struct Draft<'a> {
    pub(crate) topic: &'a Topic,
    pub(crate) key: &'a str,
    pub(crate) event_type: &'a str,
    pub(crate) correlation_id: Option<Uuid>,
    /// As JSON.
    pub(crate) actor: &'a str,
    pub(crate) addressee: Addressee<'a>,
    /// The span that what comes of it follows from.
    pub(crate) trace: Option<Parent>,
    /// About how long its payload is.
    pub(crate) payload_bytes: usize,
}

/// Two ids and a room's, with the headers' names.
const HEADERS_BYTES: usize = 224;
/// What stands around an envelope's type, actor and payload, a room's id and a correlation id included.
const ENVELOPE_BYTES: usize = 400;

pub(crate) const SYSTEM_ACTOR: &str =
    "{\"user_id\":\"0\",\"username\":\"system\",\"socket_id\":\"\",\"roles\":[]}";

pub(crate) use blazing_sun_backbone::clock::now;

/// Gives the instant as text, which is made once for all that happens within it.
fn with_text_of(now: Millis, read: impl FnOnce(&str)) {
    thread_local! {
        static LAST: RefCell<(Millis, String)> = const { RefCell::new((Millis(i64::MIN), String::new())) };
    }
    LAST.with_borrow_mut(|(last, text)| {
        if *last != now {
            (*last, *text) = (now, now.to_string());
        }
        read(text);
    });
}

/// A bijection that spreads neighbours (splitmix64's).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Shared {
    pub(crate) fn new(
        config: GatewayConfig,
        log: Arc<dyn EventLog>,
        verifier: TokenVerifier,
        passwords: PasswordSealer,
    ) -> Shared {
        let tables = Tables::new(config.ring_bytes_max);
        let live = Live::new(&config.limits);
        Shared {
            config,
            log,
            verifier,
            passwords,
            boot_id: Uuid::new_v4(),
            started: Instant::now(),
            ids: AtomicU64::new(0),
            games_commands: Topic::new(topics::GAMES_COMMANDS),
            chat_commands: Topic::new(topics::CHAT_COMMANDS),
            system_events: Topic::new(topics::SYSTEM_EVENTS),
            presence: Topic::new(topics::GATEWAY_PRESENCE),
            addresses: Addresses::default(),
            live,
            connections: Mutex::default(),
            tables: Mutex::new(tables),
            answers: Mutex::default(),
            answered: Notify::new(),
            in_flight: AtomicUsize::new(0),
            positions_asked: Mutex::default(),
            asked: Notify::new(),
            reading: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            starts: Starts::default(),
            owed: Mutex::default(),
        }
    }

    /// Microseconds since the start; never 0.
    pub(crate) fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros())
            .unwrap_or(u64::MAX)
            .saturating_add(1_000)
    }

    /// Milliseconds since the start; never 0.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_us() / 1_000
    }

    /// A fresh UUIDv7. Its random part is mixed from a counter and this boot's random number: unique, which is all
    /// that is asked of it, and without a system call for every record.
    pub(crate) fn fresh_id(&self) -> Uuid {
        self.id_at(now())
    }

    fn id_at(&self, now: Millis) -> Uuid {
        let (high, low) = self.boot_id.as_u64_pair();
        let count = self.ids.fetch_add(1, Ordering::Relaxed);
        let mut random = [0; 10];
        random[..8].copy_from_slice(&mixed(count.wrapping_add(high)).to_be_bytes());
        random[8..].copy_from_slice(&mixed(count ^ low).to_be_bytes()[..2]);
        let now_ms = u64::try_from(now.0).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(now_ms, &random).into_uuid()
    }

    /// The record of what this gateway itself tells on `system.events`, to the other programs and no user; `payload` is a
    /// JSON object.
    pub(crate) fn own_event(&self, event_type: &str, payload: &str) -> NewRecord {
        let draft = Draft {
            topic: &self.system_events,
            key: &self.config.gateway_id,
            event_type,
            correlation_id: None,
            actor: SYSTEM_ACTOR,
            addressee: Addressee::User(UserId::SYSTEM),
            trace: None,
            payload_bytes: payload.len(),
        };
        self.record(&draft, |out| out.extend_from_slice(payload.as_bytes()))
    }

    /// The record of an envelope; `payload` adds a JSON object.
    pub(crate) fn record(
        &self,
        draft: &Draft<'_>,
        payload: impl FnOnce(&mut Vec<u8>),
    ) -> NewRecord {
        let mut id_text = Uuid::encode_buffer();
        let now = now();
        let event_id: &str = self.id_at(now).hyphenated().encode_lower(&mut id_text);
        let mut correlation_text = Uuid::encode_buffer();
        let correlation_id: Option<&str> = draft
            .correlation_id
            .map(|id| &*id.hyphenated().encode_lower(&mut correlation_text));
        let mut headers = HeadersBuilder::with_capacity(HEADERS_BYTES + draft.event_type.len());
        headers
            .push("event_id", event_id)
            .push("event_type", draft.event_type);
        if let Some(id) = correlation_id {
            headers.push("correlation_id", id);
        }
        if let Some(trace) = draft.trace {
            headers.push(header::TRACEPARENT, trace.to_header());
        }
        let fixed = ENVELOPE_BYTES + draft.event_type.len() + draft.actor.len();
        let mut out = Vec::with_capacity(fixed + draft.payload_bytes);
        let mut part = |name: &str, text: &str| {
            out.extend_from_slice(name.as_bytes());
            push_string(&mut out, text);
        };
        part("{\"event_id\":", event_id);
        part(",\"event_type\":", draft.event_type);
        with_text_of(now, |text| part(",\"timestamp\":", text));
        match correlation_id {
            Some(id) => part(",\"correlation_id\":", id),
            None => out.extend_from_slice(b",\"correlation_id\":null"),
        }
        let mut part = |name: &str, text: &str| {
            out.extend_from_slice(name.as_bytes());
            push_string(&mut out, text);
        };
        part(",\"producer\":", PRODUCER_GATEWAY);
        out.extend_from_slice(b",\"actor\":");
        out.extend_from_slice(draft.actor.as_bytes());
        out.extend_from_slice(b",\"audience\":{\"type\":");
        match draft.addressee {
            Addressee::Room(room) => {
                headers.push("room_id", room.as_str());
                out.extend_from_slice(b"\"room\",\"user_ids\":[],\"room_id\":");
                push_string(&mut out, room.as_str());
                out.extend_from_slice(b",\"game_id\":null}");
            }
            Addressee::User(user) => out.extend_from_slice(
                format!("\"user\",\"user_ids\":[\"{user}\"],\"room_id\":null,\"game_id\":null}}")
                    .as_bytes(),
            ),
            Addressee::Everyone => {
                // So that other gateways need not read it.
                headers.push("audience", "broadcast");
                out.extend_from_slice(
                    b"\"broadcast\",\"user_ids\":[],\"room_id\":null,\"game_id\":null}",
                );
            }
        }
        out.extend_from_slice(b",\"payload\":");
        payload(&mut out);
        out.push(b'}');
        NewRecord {
            topic: draft.topic.clone(),
            partition: None,
            key: Bytes::copy_from_slice(draft.key.as_bytes()),
            headers: headers.build(),
            payload: out.into(),
        }
    }

    /// Appends; `done` learns on the log's own thread whether it is durable.
    pub(crate) fn append(
        self: &Arc<Shared>,
        records: Vec<NewRecord>,
        done: impl FnOnce(&Arc<Shared>, bool) + Send + 'static,
    ) -> Result<(), LogError> {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        let (shared, begun) = (self.clone(), Instant::now());
        let appended = self.log.append(
            records,
            Box::new(move |outcome| {
                match &outcome {
                    Ok(_) => METRICS.append.observe(begun.elapsed().as_secs_f64()),
                    Err(error) => {
                        METRICS.append_failures.inc();
                        tracing::warn!(%error, "an append failed");
                    }
                }
                done(&shared, outcome.is_ok());
                shared.in_flight.fetch_sub(1, Ordering::AcqRel);
            }),
        );
        if appended.is_err() {
            METRICS.append_failures.inc();
            self.in_flight.fetch_sub(1, Ordering::AcqRel);
        }
        appended
    }

    /// Appends whose outcome is not known yet.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// Takes a command's outcome for the router, which passes it on together with the events.
    pub(crate) fn answer(&self, answer: Answer) {
        let mut answers = self.answers.lock();
        answers.push(answer);
        if answers.len() == 1 {
            self.answered.notify_one();
        }
    }

    pub(crate) fn take_answers(&self, into: &mut Vec<Answer>) {
        std::mem::swap(&mut *self.answers.lock(), into);
    }

    /// Nothing reaches the socket any more, and the topics learn that it is gone; the first time alone counts.
    pub(crate) fn leave(self: &Arc<Shared>, socket: &Arc<Socket>) {
        let was_there = self.tables.lock().leave(socket);
        if was_there {
            crate::presence::went_offline(self, socket);
        }
    }
}
