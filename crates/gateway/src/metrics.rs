//! What a gateway counts. Handles are made once; whoever has one adds a number.

use crate::router::READ;
use crate::socket::Closing;
use crate::wire::GatewayCode;
use blazing_sun_backbone::metrics::{
    Histogram, IntCounter, IntCounterVec, OTHER, counter, counters, each, seconds,
};
use std::sync::LazyLock;

pub(crate) static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// Why sockets are closed by the server, as it is told to clients and as it is counted.
const CLOSED: [(&str, &str); 9] = [
    ("too slow", "slow"),
    ("silent", "silent"),
    ("not signed in", "not_signed_in"),
    ("sign-in failed", "sign_in_failed"),
    ("too many messages", "too_many_messages"),
    ("too many connections", "too_many_connections"),
    ("too many sign-ins", "too_many_sign_ins"),
    ("banned", "banned"),
    ("come back", "draining"),
];

pub(crate) struct Metrics {
    pub(crate) frames: IntCounter,
    pub(crate) commands: IntCounter,
    pub(crate) append: Histogram,
    pub(crate) append_failures: IntCounter,
    pub(crate) sent_bytes: IntCounter,
    pub(crate) writes: IntCounter,
    pub(crate) event_age: Histogram,
    events: Vec<IntCounter>,
    refusals: Vec<IntCounter>,
    closed: Vec<IntCounter>,
    closed_otherwise: IntCounter,
}

impl Metrics {
    fn new() -> Metrics {
        let closed: IntCounterVec = counters(
            "blazing_sun_gateway_closed_sockets_total",
            "Sockets that the gateway closed, by why",
            &["reason"],
        );
        let refusals = counters(
            "blazing_sun_gateway_refusals_total",
            "Messages that the gateway refused, by the code that clients are told",
            &["code"],
        );
        let events = counters(
            "blazing_sun_gateway_events_total",
            "Records of event topics that were read",
            &["topic"],
        );
        Metrics {
            frames: counter(
                "blazing_sun_gateway_received_frames_total",
                "Text messages of clients",
            ),
            commands: counter(
                "blazing_sun_gateway_commands_total",
                "Commands that were given to the event log",
            ),
            append: seconds(
                "blazing_sun_gateway_append_seconds",
                "From giving records to the event log to their being durable",
            ),
            append_failures: counter(
                "blazing_sun_gateway_append_failures_total",
                "Appends that the event log did not take or did not keep",
            ),
            sent_bytes: counter(
                "blazing_sun_gateway_sent_bytes_total",
                "Bytes written to sockets",
            ),
            writes: counter(
                "blazing_sun_gateway_writes_total",
                "System calls that wrote them",
            ),
            event_age: seconds(
                "blazing_sun_gateway_event_age_seconds",
                "From an event's being appended to its being routed, for the newest of what is read at once",
            ),
            events: each(&events, &READ),
            refusals: each(&refusals, &GatewayCode::ALL.map(GatewayCode::as_str)),
            closed: each(&closed, &CLOSED.map(|(_, reason)| reason)),
            closed_otherwise: closed.with_label_values(&[OTHER]),
        }
    }

    pub(crate) fn read(&self, topic: &str) {
        if let Some(at) = READ.iter().position(|name| *name == topic) {
            self.events[at].inc();
        }
    }

    pub(crate) fn refused(&self, code: GatewayCode) {
        if let Some(at) = GatewayCode::ALL.iter().position(|known| *known == code) {
            self.refusals[at].inc();
        }
    }

    pub(crate) fn closed(&self, closing: Closing) {
        let known = CLOSED.iter().position(|(told, _)| *told == closing.reason);
        match known {
            Some(at) => self.closed[at].inc(),
            None => self.closed_otherwise.inc(),
        }
    }
}
