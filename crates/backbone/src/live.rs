//! Settings that operators change while processes run. All of them together are one record on `system.events`, said
//! again now and then, so that processes without a database hear of them too.

use crate::bans;
use crate::log::NewRecord;
use crate::messages::{Maintenance, typed_payload};
use blazing_sun_domain::Millis;
use blazing_sun_domain::room::events::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The record's type.
pub const LIVE_SETTINGS: &str = "system.event.live_settings";
/// What sockets are told of maintenance.
pub const MAINTENANCE: &str = "system.event.maintenance";
/// The setting under which maintenance is kept.
pub const MAINTENANCE_SETTING: &str = "maintenance";

/// What operators have set, by name; what is not in it is as configured. Of several the one of
/// the highest revision counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LiveSet {
    /// Where the last change stands in the operators' log. A revision stands for one set.
    pub revision: i64,
    /// The settings.
    pub settings: BTreeMap<String, Value>,
}

/// Maintenance, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// From then on no room is made, in milliseconds since 1970.
    pub starts_at_ms: i64,
    /// For players.
    pub message: String,
}

impl Announced {
    /// What sockets are told.
    pub fn told(&self, is_over: bool) -> Maintenance {
        Maintenance {
            starts_at: Timestamp(Millis(self.starts_at_ms)),
            message: self.message.clone(),
            is_over,
        }
    }

    /// As the payload of an event.
    pub fn payload(&self, is_over: bool) -> String {
        typed_payload(MAINTENANCE, &self.told(is_over))
    }
}

impl LiveSet {
    /// A setting of this form; none where it is not set, or has another.
    pub fn get<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Option<T> {
        let value = self.settings.get(name)?;
        T::deserialize(value).ok()
    }

    /// Maintenance that was announced.
    pub fn maintenance(&self) -> Option<Announced> {
        self.get(MAINTENANCE_SETTING)
    }

    /// As a record.
    pub fn record(&self) -> NewRecord {
        // One key for all, so that they have an order.
        let payload = typed_payload("live_settings", self);
        bans::event(LIVE_SETTINGS, "live_settings", payload)
    }
}

/// What all sockets hear of maintenance.
pub fn maintenance_record(announced: &Announced, is_over: bool) -> NewRecord {
    bans::broadcast(MAINTENANCE, "maintenance", announced.payload(is_over))
}
