//! Gateways of one id. Each says on `system.events` that it starts: one that hears a later start of its id was replaced, or
//! somebody has given its id to another, and it is to be given no more clients. Those that it has stay.

use crate::shared::Shared;
use blazing_sun_backbone::envelope::EventEnvelope;
use blazing_sun_backbone::log::Record;
use blazing_sun_backbone::messages::{GatewayStart, typed_payload};
use blazing_sun_backbone::topics;
use serde::Deserialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use uuid::Uuid;

const STARTED: &str = "system.event.gateway_started";

/// What a gateway knows of the starts of its id.
#[derive(Debug, Default)]
pub(crate) struct Starts(AtomicU8);

/// Its own is to be said, …
const UNSAID: u8 = 0;
/// … is said, perhaps in vain, …
const SAID: u8 = 1;
/// … is heard, …
const HEARD: u8 = 2;
/// … and a later one is.
const REPLACED: u8 = 3;

impl Starts {
    pub(crate) fn is_replaced(&self) -> bool {
        self.0.load(Ordering::Relaxed) == REPLACED
    }

    fn change(&self, from: u8, to: u8) -> bool {
        let order = Ordering::Relaxed;
        self.0.compare_exchange(from, to, order, order).is_ok()
    }

    /// A start of this gateway's id is heard; whether that one is later than its own.
    fn hear(&self, is_own: bool) -> bool {
        match is_own {
            true => {
                let _ = self.change(UNSAID, HEARD) || self.change(SAID, HEARD);
                false
            }
            // Before it has heard its own, others' are earlier.
            false => self.change(HEARD, REPLACED),
        }
    }
}

#[derive(Deserialize)]
struct Started {
    gateway_id: String,
    boot_id: Uuid,
}

/// This gateway, and this start of it.
pub(crate) fn own(shared: &Shared) -> GatewayStart<'_> {
    GatewayStart {
        gateway_id: &shared.config.gateway_id,
        boot_id: shared.boot_id,
        sockets: None,
    }
}

/// Says that this gateway starts, unless it has; what the log does not take is said again later.
pub(crate) fn say(shared: &Arc<Shared>) {
    if !shared.starts.change(UNSAID, SAID) {
        return;
    }
    let record = shared.own_event(STARTED, &typed_payload("gateway_started", &own(shared)));
    let taken = shared.append(vec![record], |shared, durable| {
        if !durable {
            shared.starts.change(SAID, UNSAID);
        }
    });
    if taken.is_err() {
        shared.starts.change(SAID, UNSAID);
    }
}

/// Whether an event is a gateway's start.
pub(crate) fn is_start(event_type: Option<&str>) -> bool {
    event_type == Some(STARTED)
}

/// Takes note of a gateway's start. What is none of a gateway's says nothing.
pub(crate) fn hear(shared: &Shared, record: &Record) {
    let started = EventEnvelope::parse(&record.payload);
    let started = started
        .ok()
        .filter(|envelope| is_start(Some(&envelope.event_type)));
    let started: Option<Started> =
        started.and_then(|envelope| serde_json::from_str(envelope.payload.get()).ok());
    let Some(started) = started else { return };
    if record.topic.as_str() != topics::SYSTEM_EVENTS
        || started.gateway_id != shared.config.gateway_id
    {
        return;
    }
    if shared.starts.hear(started.boot_id == shared.boot_id) {
        tracing::error!(
            gateway.id = shared.config.gateway_id,
            "another gateway has started with this one's `gateway.id`; this one is to be given no more clients"
        );
    }
}
