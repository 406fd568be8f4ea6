//! What all owners of this process share.

use super::OwnerError;
use super::horizon::Horizon;
use super::lists::Queries;
use super::mailbox::Mailbox;
use super::publisher::Publisher;
use crate::partition::Rules;
use crate::store::postgres::PgOptions;
use blazing_sun_backbone::log::Topic;
use blazing_sun_backbone::topics;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// The topics that partitions consume; all have the same number of partitions.
pub(super) const CONSUMED: [&str; 5] = [
    topics::GAMES_COMMANDS,
    topics::CHAT_COMMANDS,
    topics::SYSTEM_EVENTS,
    topics::GATEWAY_PRESENCE,
    topics::CHECKOUT_FINISHED,
];

/// The first offset that is not decided, by topic; of others nothing is.
pub(super) type Offsets = BTreeMap<Topic, u64>;

/// What owners tell the consumer.
pub(super) enum Told {
    /// Records are wanted from here on, for what was assigned by this change of members.
    Ready {
        partition: u32,
        generation: u64,
        offsets: Offsets,
    },
    /// Another process has the partition: no more records of it.
    Lost { partition: u32 },
}

/// Parts of the process that every owner needs.
pub(super) struct Shared {
    pub rules: Rules,
    pub postgres: PgOptions,
    /// How operators see this process.
    pub name: String,
    /// How long batches are kept.
    pub retention_ms: i64,
    pub mailboxes: Arc<Vec<Mailbox>>,
    pub publisher: Arc<Publisher>,
    pub horizon: Horizon,
    pub queries: Queries,
    pub commits: watch::Sender<u64>,
    pub told: Mutex<Vec<Told>>,
    /// What is decided, for Kafka's own tools.
    pub decided: Vec<Mutex<Offsets>>,
    /// Records of each partition that are committed and not with the publisher.
    pub unpublished: Vec<AtomicU64>,
    pub tails: super::tails::Tails,
    pub failed: OnceLock<Arc<OwnerError>>,
    pub ended: watch::Sender<bool>,
}

impl Shared {
    pub fn mailbox(&self, partition: u32) -> &Mailbox {
        &self.mailboxes[partition as usize]
    }

    /// So many records are committed and not with the publisher.
    pub fn note_unpublished(&self, partition: u32, records: u64) {
        self.unpublished[partition as usize].store(records, Ordering::Relaxed);
    }

    pub fn tell(&self, told: Told) {
        self.told.lock().push(told);
    }

    /// Says why this process can not go on.
    pub fn fail(&self, error: OwnerError) {
        tracing::error!(%error, "the backend can not go on");
        // The first says most.
        let _ = self.failed.set(Arc::new(error));
        self.ended.send_replace(true);
    }
}
