//! What a gateway says of itself and of its users' connections on `gateway.presence` and
//! `system.events`.

use crate::shared::{Addressee, Draft, SYSTEM_ACTOR, Shared};
use crate::socket::{Identity, Socket};
use crate::starts;
use blazing_sun_backbone::log::NewRecord;
use blazing_sun_backbone::messages::{GatewayStart, UserConnection, UserPresence, typed_payload};
use std::sync::Arc;
use std::time::Duration;

/// So many records of departures wait for the log; half of them may be what is only shown to others.
const OWED_MAX: usize = 50_000;

/// Departures that the log did not take yet, the latest of each connection last.
#[derive(Default)]
pub(crate) struct Owed {
    records: Vec<NewRecord>,
    /// How many found no room since the last were taken.
    dropped: u64,
}

impl Owed {
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Keeps these; of what `is_needed` does not hold for only so many that there is room for as many others.
    fn add(&mut self, records: Vec<NewRecord>, is_needed: impl Fn(&NewRecord) -> bool) {
        for record in records {
            let most = if is_needed(&record) {
                OWED_MAX
            } else {
                OWED_MAX / 2
            };
            match self.records.len() < most {
                true => self.records.push(record),
                false => self.dropped += 1,
            }
        }
    }

    fn take(&mut self) -> Vec<NewRecord> {
        if self.dropped > 0 {
            tracing::error!(
                dropped = self.dropped,
                "the log took nothing for so long that departures were forgotten"
            );
        }
        std::mem::take(self).records
    }
}

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
        trace: None,
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
            let kind = if online {
                "user_online"
            } else {
                "user_offline"
            };
            let own = UserPresence {
                user_id: identity.user,
                gateway_id: &shared.config.gateway_id,
                boot_id: shared.boot_id,
                connection_id: socket.id,
            };
            out.extend_from_slice(typed_payload(kind, &own).as_bytes());
        }),
        shared.record(&system, |out| {
            let kind = if online {
                "user_connected"
            } else {
                "user_disconnected"
            };
            let own = UserConnection {
                connection_id: socket.id,
            };
            out.extend_from_slice(typed_payload(kind, &own).as_bytes());
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
            owe(shared, again);
        }
    });
    if taken.is_err() {
        owe(shared, records);
    }
}

fn owe(shared: &Shared, records: Vec<NewRecord>) {
    let is_needed = |record: &NewRecord| record.topic == shared.presence;
    shared.owed.lock().add(records, is_needed);
}

/// Says what is owed.
pub(crate) fn pay(shared: &Arc<Shared>) {
    let owed = shared.owed.lock().take();
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
        if shared.config.shares_log {
            starts::say(&shared);
        }
        pay(&shared);
        let record = shared.record(
            &Draft {
                topic: &shared.presence,
                key: &shared.config.gateway_id,
                event_type: "presence.event.gateway_heartbeat",
                correlation_id: None,
                actor: SYSTEM_ACTOR,
                addressee: Addressee::Everyone,
                trace: None,
                payload_bytes: 128,
            },
            |out| {
                let sockets = shared.connections.lock().len() as u64;
                let own = GatewayStart {
                    sockets: Some(sockets),
                    ..starts::own(&shared)
                };
                out.extend_from_slice(typed_payload("gateway_heartbeat", &own).as_bytes());
            },
        );
        if let Err(error) = shared.append(vec![record], |_, _| {}) {
            tracing::warn!(%error, "no heartbeat could be said");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_backbone::log::Topic;

    #[test]
    fn what_is_owed_is_bounded_and_what_backends_need_comes_first() {
        let record = |topic: &str| NewRecord {
            topic: Topic::new(topic),
            partition: None,
            key: Default::default(),
            headers: Default::default(),
            payload: Default::default(),
        };
        let both = || vec![record("needed"), record("shown")];
        let is_needed = |record: &NewRecord| record.topic.as_str() == "needed";
        let mut owed = Owed::default();
        for _ in 0..OWED_MAX {
            owed.add(both(), is_needed);
        }
        let taken = owed.take();
        assert_eq!(taken.len(), OWED_MAX);
        let shown = taken.iter().filter(|record| !is_needed(record)).count();
        assert_eq!(shown, OWED_MAX / 4);
        assert!(owed.is_empty());
    }
}
