//! What gateways are asked on `system.events` about events that went to sockets, and what they answer there. They remember in
//! memory alone, so that a delivery costs no record.

use crate::bans;
use crate::log::{NewRecord, Record};
use crate::messages::typed_payload;
use blazing_sun_domain::UserId;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The question's type.
pub const DELIVERIES_ASKED: &str = "system.event.deliveries_asked";
/// The answer's.
pub const DELIVERIES_TOLD: &str = "system.event.deliveries_told";
/// Records of one question.
pub const RECORDS_MAX: usize = 200;

/// A record of an event topic.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct RecordPlace {
    /// The topic.
    pub topic: String,
    /// Its partition.
    pub partition: u32,
    /// The offset there.
    pub offset: u64,
}

/// Every gateway is asked to how many sockets it has handed these records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveriesAsked {
    /// Answers carry it.
    pub ask_id: Uuid,
    /// Whose connections are asked about, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// One of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<Uuid>,
    /// Which; of more than 200 the first.
    pub records: Vec<RecordPlace>,
}

/// What one gateway knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveriesTold {
    /// The question's.
    pub ask_id: Uuid,
    /// The gateway.
    pub gateway_id: String,
    /// Since when it remembers all, in milliseconds since 1970.
    pub remembers_since_ms: i64,
    /// What it has handed to sockets; what is neither here nor unread went to none of its own.
    pub delivered: Vec<Delivered>,
    /// What it has not read yet.
    pub unread: Vec<RecordPlace>,
    /// How many connections the user has to it.
    pub user_sockets: u32,
    /// Whether the connection that was asked about is one of them.
    pub is_connected: bool,
}

/// A record that was handed to sockets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Delivered {
    /// Which.
    #[serde(flatten)]
    pub record: RecordPlace,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// To how many.
    pub sockets: u32,
}

impl DeliveriesAsked {
    /// As a record.
    pub fn record(&self) -> NewRecord {
        let payload = typed_payload("deliveries_asked", self);
        // One key for all questions, so that they take turns.
        bans::event(DELIVERIES_ASKED, "deliveries", payload)
    }

    /// What a record asks, if it does.
    pub fn read(record: &Record) -> Option<DeliveriesAsked> {
        let mut asked: DeliveriesAsked = payload_of(record, DELIVERIES_ASKED)?;
        asked.records.truncate(RECORDS_MAX);
        Some(asked)
    }
}

impl DeliveriesTold {
    /// What a record answers, if it does.
    pub fn read(record: &Record) -> Option<DeliveriesTold> {
        payload_of(record, DELIVERIES_TOLD)
    }
}

fn payload_of<T: DeserializeOwned>(record: &Record, event_type: &str) -> Option<T> {
    let envelope = bans::envelope_of(record, &[event_type])?;
    serde_json::from_str(envelope.payload.get()).ok()
}
