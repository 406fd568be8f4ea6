//! What every process that checks access tokens is told on `system.events`: who may not sign in any more, for a token
//! that was given before is good for minutes yet, whose sign-ins have ended, which keys are in use, and what operators have set. It stays there, for processes that start
//! within that time.

use crate::clock;
use crate::credentials::KeysInUse;
use crate::envelope::{Actor, Audience, AudienceKind, EventEnvelope, PRODUCER_BACKEND};
use crate::live::{LIVE_SETTINGS, LiveSet};
use crate::log::{
    EventLog, HeadersBuilder, LogError, NewRecord, Record, Start, Subscription, Topic,
};
use crate::messages::{Fields, header, typed_payload};
use crate::topics::SYSTEM_EVENTS;
use blazing_sun_domain::{Millis, UserId};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The event's type.
pub const ACCOUNT_BANNED: &str = "system.event.account_banned";
/// The same of sign-ins that have ended.
pub const SIGNED_OUT: &str = "system.event.signed_out";
/// The same of keys.
pub const KEYS_IN_USE: &str = "system.event.keys_in_use";

/// What was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Whether a user is banned.
    Ban(UserId, bool),
    /// All of a user's sign-ins have ended.
    SignedOut(UserId),
    /// What backends use. Of several the last one counts.
    Keys(KeysInUse),
    /// What operators have set.
    Live(LiveSet),
}

/// A user may not sign in any more, or may again.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AccountBanned {
    /// Who.
    pub user_id: UserId,
    /// Or not any more.
    pub is_banned: bool,
}

/// An operator has ended all sign-ins of a user: sockets close, and an access token is good until it expires.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SignedOut {
    /// Who.
    pub user_id: UserId,
}

/// How long it is waited after the log has failed.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Says that a user may not sign in any more, or may again.
pub fn record(user: UserId, is_banned: bool) -> NewRecord {
    let banned = AccountBanned {
        user_id: user,
        is_banned,
    };
    let payload = typed_payload("account_banned", &banned);
    event(ACCOUNT_BANNED, &user.to_string(), payload)
}

/// Says that all sign-ins of a user have ended.
pub fn signed_out_record(user: UserId) -> NewRecord {
    let payload = typed_payload("signed_out", &SignedOut { user_id: user });
    event(SIGNED_OUT, &user.to_string(), payload)
}

/// Says which keys a backend uses.
pub fn keys_record(keys: &KeysInUse) -> NewRecord {
    // One key for all, so that they have an order.
    event(
        KEYS_IN_USE,
        "keys_in_use",
        typed_payload("keys_in_use", keys),
    )
}

pub(crate) fn event(event_type: &str, key: &str, payload: String) -> NewRecord {
    // No socket is the system's.
    let audience = Audience::user(UserId::SYSTEM);
    said(event_type, key, payload, audience)
}

/// The same for all sockets.
pub(crate) fn broadcast(event_type: &str, key: &str, payload: String) -> NewRecord {
    said(event_type, key, payload, Audience::broadcast())
}

fn said(event_type: &str, key: &str, payload: String, audience: Audience<'_>) -> NewRecord {
    let is_broadcast = audience.kind == AudienceKind::Broadcast;
    let payload = RawValue::from_string(payload).expect("a payload is JSON");
    let event_id = Uuid::now_v7().to_string();
    let envelope = EventEnvelope {
        event_id: event_id.as_str().into(),
        event_type: event_type.into(),
        timestamp: clock::now().to_string().into(),
        correlation_id: None,
        producer: PRODUCER_BACKEND.into(),
        actor: Actor::system(),
        audience,
        payload: &payload,
    };
    let mut headers = HeadersBuilder::default();
    headers
        .push(header::EVENT_ID, &event_id)
        .push(header::EVENT_TYPE, event_type);
    match is_broadcast {
        true => headers.push(header::AUDIENCE, "broadcast"),
        false => headers
            .push(header::AUDIENCE, "user")
            .push(header::RECIPIENTS, "[\"0\"]"),
    };
    NewRecord {
        topic: Topic::new(SYSTEM_EVENTS),
        partition: None,
        key: key.to_owned().into(),
        headers: headers.build(),
        payload: envelope.to_bytes().into(),
    }
}

/// The envelope of a record that is of one of these types; others are not parsed where their header tells.
pub(crate) fn envelope_of<'a>(record: &'a Record, types: &[&str]) -> Option<EventEnvelope<'a>> {
    let is_one = |found: &[u8]| types.iter().any(|known| found == known.as_bytes());
    let named = record.headers.get(header::EVENT_TYPE);
    if named.is_some_and(|named| !is_one(named)) {
        return None;
    }
    let envelope = EventEnvelope::parse(&record.payload).ok()?;
    is_one(envelope.event_type.as_bytes()).then_some(envelope)
}

/// What a record tells, if it does.
pub fn read(record: &Record) -> Option<Told> {
    let types = [ACCOUNT_BANNED, SIGNED_OUT, KEYS_IN_USE, LIVE_SETTINGS];
    let envelope = envelope_of(record, &types)?;
    match &*envelope.event_type {
        ACCOUNT_BANNED => {
            let fields = Fields::of(envelope.payload).ok()?;
            let user = fields.required("user_id").ok()?;
            Some(Told::Ban(user, fields.required("is_banned").ok()?))
        }
        SIGNED_OUT => {
            let fields = Fields::of(envelope.payload).ok()?;
            Some(Told::SignedOut(fields.required("user_id").ok()?))
        }
        KEYS_IN_USE => serde_json::from_str(envelope.payload.get())
            .ok()
            .map(Told::Keys),
        LIVE_SETTINGS => serde_json::from_str(envelope.payload.get())
            .ok()
            .map(Told::Live),
        _ => None,
    }
}

/// Hears of bans, from those of `since` on.
pub struct Bans {
    log: Arc<dyn EventLog>,
    subscription: Box<dyn Subscription>,
    /// Where each partition goes on.
    next: Vec<u64>,
}

impl Bans {
    /// Hears of all that has been said since then, and goes on with [`Bans::follow`].
    pub async fn since(
        log: Arc<dyn EventLog>,
        since: Millis,
        mut told: impl FnMut(Told),
    ) -> Result<Bans, LogError> {
        let topic = Topic::new(SYSTEM_EVENTS);
        let next = log.since(&topic, since).await?;
        let bounds = log.bounds(&topic).await?;
        let subscription = subscribe(&*log, &next)?;
        let mut bans = Bans {
            log,
            subscription,
            next,
        };
        let is_behind = |next: &[u64]| {
            let mut places = next.iter().zip(&bounds);
            places.any(|(next, bounds)| *next.max(&bounds.earliest) < bounds.end)
        };
        while is_behind(&bans.next) {
            let records = bans.subscription.next().await?;
            bans.take(records, &mut told);
            bans.pass();
        }
        Ok(bans)
    }

    /// Hears of what is said from now on, with [`Bans::follow`].
    pub async fn from_now(log: Arc<dyn EventLog>) -> Result<Bans, LogError> {
        let bounds = log.bounds(&Topic::new(SYSTEM_EVENTS)).await?;
        let next: Vec<u64> = bounds.iter().map(|bounds| bounds.end).collect();
        let subscription = subscribe(&*log, &next)?;
        Ok(Bans {
            log,
            subscription,
            next,
        })
    }

    /// Hears of every ban from now on, until the log is closed.
    pub async fn follow(mut self, mut told: impl FnMut(Told)) {
        loop {
            match self.subscription.next().await {
                Ok(records) => {
                    self.take(records, &mut told);
                    self.pass();
                }
                Err(LogError::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, "bans can not be heard of right now");
                    tokio::time::sleep(AGAIN_AFTER).await;
                    match subscribe(&*self.log, &self.next) {
                        Ok(subscription) => self.subscription = subscription,
                        Err(LogError::Closed) => return,
                        // The old one says the same again.
                        Err(error) => tracing::debug!(%error, "still not"),
                    }
                }
            }
        }
    }

    /// Goes on past what is no record.
    fn pass(&mut self) {
        for (_, partition, passed) in self.subscription.passed() {
            if let Some(next) = self.next.get_mut(partition as usize) {
                *next = passed.max(*next);
            }
        }
    }

    fn take(&mut self, records: Vec<Record>, told: &mut impl FnMut(Told)) {
        for record in records {
            if let Some(next) = self.next.get_mut(record.partition as usize) {
                *next = record.offset + 1;
            }
            if let Some(what) = read(&record) {
                told(what);
            }
        }
    }
}

fn subscribe(log: &dyn EventLog, next: &[u64]) -> Result<Box<dyn Subscription>, LogError> {
    let topic = Topic::new(SYSTEM_EVENTS);
    let from = (0..).zip(next);
    let from = from.map(|(partition, next)| (topic.clone(), partition, Start::Offset(*next)));
    log.subscribe(from.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Keys;
    use crate::log::memory::MemoryLog;
    use crate::topics::TopicSpec;
    use std::sync::mpsc;

    fn user(id: u64) -> UserId {
        UserId::new(id).unwrap()
    }

    #[tokio::test]
    async fn bans_are_heard_of_from_before_and_as_they_come() {
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::default());
        let topic = TopicSpec {
            name: SYSTEM_EVENTS.to_owned(),
            partitions: 3,
            retention_ms: -1,
        };
        log.ensure_topics(&[topic]).await.unwrap();
        let foreign = NewRecord {
            payload: "not json".into(),
            headers: Default::default(),
            ..record(user(9), true)
        };
        let keys = Keys::generate(Millis(0)).unwrap().in_use();
        let before = vec![
            record(user(7), true),
            foreign,
            keys_record(&keys),
            signed_out_record(user(9)),
            record(user(8), true),
        ];
        log.append_and_wait(before).await.unwrap();
        let mut heard = Vec::new();
        let bans = Bans::since(log.clone(), Millis(0), |told| heard.push(told));
        let bans = bans.await.unwrap();
        heard.sort_unstable_by_key(|told| format!("{told:?}"));
        let ban = |id| Told::Ban(user(id), true);
        let signed_out = Told::SignedOut(user(9));
        assert_eq!(heard, [ban(7), ban(8), Told::Keys(keys), signed_out]);

        let (sender, receiver) = mpsc::channel();
        let following = tokio::spawn(bans.follow(move |told| sender.send(told).unwrap()));
        log.append_and_wait(vec![record(user(7), false)])
            .await
            .unwrap();
        let heard = tokio::task::spawn_blocking(move || {
            receiver.recv_timeout(Duration::from_secs(10)).unwrap()
        });
        assert_eq!(heard.await.unwrap(), Told::Ban(user(7), false));
        following.abort();
    }
}
