//! What a gateway says of itself and of its users' connections on `gateway.presence` and
//! `system.events`.

use crate::shared::{Addressee, Draft, SYSTEM_ACTOR, Shared};
use crate::socket::{Identity, Socket};
use blazing_sun_backbone::log::NewRecord;
use std::sync::Arc;
use std::time::Duration;

/// The two records that say that a user's connection came or went.
pub(crate) fn records(
    shared: &Shared,
    identity: &Identity,
    socket: &Socket,
    online: bool,
) -> [NewRecord; 2] {
    let key = identity.user.to_string();
    let draft = |topic, event_type, addressee| Draft {
        topic,
        key: &key,
        event_type,
        correlation_id: None,
        actor: &identity.actor,
        addressee,
        payload_bytes: 256,
    };
    let (presence, system) = match online {
        true => ("presence.event.user_online", "system.event.user_connected"),
        false => (
            "presence.event.user_offline",
            "system.event.user_disconnected",
        ),
    };
    let presence = draft(&shared.presence, presence, Addressee::User(identity.user));
    let system = draft(&shared.system_events, system, Addressee::Everyone);
    [
        shared.record(&presence, |out| {
            let own = serde_json::json!({
                "type": if online { "user_online" } else { "user_offline" },
                "user_id": identity.user,
                "gateway_id": shared.config.gateway_id,
                "boot_id": shared.boot_id,
                "connection_id": socket.id,
            });
            out.extend_from_slice(own.to_string().as_bytes());
        }),
        shared.record(&system, |out| {
            let kind = if online {
                "user_connected"
            } else {
                "user_disconnected"
            };
            out.extend_from_slice(
                format!(
                    "{{\"type\":\"{kind}\",\"connection_id\":\"{}\"}}",
                    socket.id
                )
                .as_bytes(),
            );
        }),
    ]
}

/// Says that a connection went; what the log does not take now is said with a later heartbeat.
pub(crate) fn went_offline(shared: &Arc<Shared>, socket: &Socket) {
    let Some(identity) = socket.state.lock().identity.clone() else {
        return;
    };
    say(shared, records(shared, &identity, socket, false).to_vec());
}

fn say(shared: &Arc<Shared>, records: Vec<NewRecord>) {
    let again = records.clone();
    let taken = shared.append(records.clone(), move |shared, durable| {
        if !durable {
            shared.owed.lock().extend(again);
        }
    });
    if taken.is_err() {
        shared.owed.lock().extend(records);
    }
}

/// Says what is owed.
pub(crate) fn pay(shared: &Arc<Shared>) {
    let owed = std::mem::take(&mut *shared.owed.lock());
    if !owed.is_empty() {
        say(shared, owed);
    }
}

/// Says in turns that the gateway lives, for ever.
pub(crate) async fn beat(shared: Arc<Shared>, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        pay(&shared);
        let record = shared.record(
            &Draft {
                topic: &shared.presence,
                key: &shared.config.gateway_id,
                event_type: "presence.event.gateway_heartbeat",
                correlation_id: None,
                actor: SYSTEM_ACTOR,
                addressee: Addressee::Everyone,
                payload_bytes: 128,
            },
            |out| {
                let own = serde_json::json!({
                    "type": "gateway_heartbeat",
                    "gateway_id": shared.config.gateway_id,
                    "boot_id": shared.boot_id,
                });
                out.extend_from_slice(own.to_string().as_bytes());
            },
        );
        if let Err(error) = shared.append(vec![record], |_, _| {}) {
            tracing::warn!(%error, "no heartbeat could be said");
        }
    }
}
