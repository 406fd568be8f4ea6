//! Who may not sign in, told to gateways, which have no store to look into.

use super::header;
use crate::clock;
use crate::envelope::{Actor, Audience, EventEnvelope, PRODUCER_BACKEND};
use crate::log::{HeadersBuilder, NewRecord, Topic};
use crate::topics::SYSTEM_EVENTS;
use blazing_sun_domain::UserId;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

/// Everybody who may not sign in; who is not among them may. For gateways alone, never for clients.
pub const FORBIDDEN_USERS: &str = "system.event.forbidden_users";

/// Under one key, so that the last one stands.
const KEY: &str = "forbidden_users";
/// A record has to fit into what brokers take.
const USERS_MAX: usize = 50_000;

/// The record that tells gateways. Of more than can be told those with the highest ids are.
pub fn forbidden_users(users: &HashSet<UserId>) -> NewRecord {
    let sorted: BTreeSet<UserId> = users.iter().copied().collect();
    let told: Vec<UserId> = sorted.into_iter().rev().take(USERS_MAX).collect();
    if told.len() < users.len() {
        let untold = users.len() - told.len();
        tracing::warn!(untold, "too many are banned to tell gateways of all");
    }
    let payload = json!({ "type": "forbidden_users", "user_ids": told });
    let payload: Box<RawValue> = to_raw_value(&payload).expect("ids and names are JSON");
    let id = Uuid::now_v7().to_string();
    let envelope = EventEnvelope {
        event_id: id.as_str().into(),
        event_type: FORBIDDEN_USERS.into(),
        timestamp: clock::now().to_string().into(),
        correlation_id: None,
        producer: PRODUCER_BACKEND.into(),
        actor: Actor::system(),
        audience: Audience::broadcast(),
        payload: &payload,
    };
    let mut headers = HeadersBuilder::default();
    headers
        .push(header::EVENT_ID, &id)
        .push(header::EVENT_TYPE, FORBIDDEN_USERS)
        .push(header::AUDIENCE, "broadcast");
    NewRecord {
        topic: Topic::new(SYSTEM_EVENTS),
        partition: None,
        key: KEY.into(),
        headers: headers.build(),
        payload: envelope.to_bytes().into(),
    }
}

/// The users of a record by [`forbidden_users`].
pub fn read_forbidden_users(record: &[u8]) -> Result<HashSet<UserId>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Payload {
        user_ids: HashSet<UserId>,
    }
    #[derive(Deserialize)]
    struct Envelope {
        payload: Payload,
    }
    let envelope: Envelope = serde_json::from_slice(record)?;
    Ok(envelope.payload.user_ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read_and_fits_into_a_record() {
        let users = |count: u64| -> HashSet<UserId> {
            let id = |number| UserId::new((1 << 53) - 1 - number).unwrap();
            (0..count).map(id).collect()
        };
        for count in [0, 1, 3] {
            let record = forbidden_users(&users(count));
            assert_eq!(read_forbidden_users(&record.payload).unwrap(), users(count));
            assert_eq!(record.headers.text("audience"), Some("broadcast"));
        }
        let record = forbidden_users(&users(60_000));
        assert!(record.payload.len() < 1_000_000, "{}", record.payload.len());
        assert!(read_forbidden_users(&record.payload).unwrap().len() == USERS_MAX);
        assert!(read_forbidden_users(b"{}").is_err());
    }
}
