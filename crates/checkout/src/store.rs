//! The store port: what the checkout keeps, and the transactions in which it changes. Adapters stand beside it.

mod books;
mod database;
mod postgres;
mod sql;
mod sqlite;

#[cfg(test)]
mod conformance;

pub use books::{Books, PaymentBooks};
pub use postgres::PgPaymentStore;
pub use sqlite::SqlitePaymentStore;

use crate::payment::{Change, Outgoing, Payment, ToldStage};
use async_trait::async_trait;
use blazing_sun_backbone::messages::CancelReason;
use blazing_sun_backbone::postgres::PgFailure;
use blazing_sun_domain::{Millis, UserId};
use std::time::Duration;
use uuid::Uuid;

/// Why the store could not do it. The texts leave out the rows concerned.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("the checkout's file failed")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL, or the way to it, refused.
    #[error("the checkout's database failed: {0}")]
    Postgres(PgFailure),
    /// What is stored can not be.
    #[error("the checkout's store holds what it can not hold: {0}")]
    Corrupt(String),
    /// It can not be brought to this program's schema.
    #[error("the checkout's store can not be used: {0}")]
    Unsuitable(String),
    /// No checkout has come to use it yet.
    #[error("the checkout's store has no schema yet: no checkout has used it")]
    Empty,
    /// A newer program has written it.
    #[error(
        "the checkout's store has schema {found}, this program knows up to {known}: start a newer one"
    )]
    Newer {
        /// Its schema's version.
        found: i64,
        /// The newest known here.
        known: i64,
    },
    /// It is closed.
    #[error("the checkout's store is closed")]
    Closed,
}

/// How far a topic's partition was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The topic.
    pub topic: String,
    /// Its partition.
    pub partition: u32,
    /// The first offset that was not read.
    pub next_offset: u64,
}

/// What was read from topics, to be kept in one transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// Payments asked for.
    pub requests: Vec<NewRequest>,
    /// Payments that are not to be made any more.
    pub cancellations: Vec<NewCancellation>,
    /// Payment records of games.
    pub journal: Vec<JournalRow>,
    /// What is told besides: dead letters.
    pub outgoing: Vec<Outgoing>,
    /// How far it was read.
    pub places: Vec<Place>,
}

/// A payment asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// As it stands at first.
    pub payment: Payment,
    /// What is told if it is new.
    pub outgoing: Vec<Outgoing>,
    /// What is told if it is known with another user, amount or currency.
    pub if_other: Outgoing,
}

/// A payment that is not to be made any more; its request may come later than this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCancellation {
    /// The request.
    pub request_id: Uuid,
    /// Who asked for it.
    pub user_id: UserId,
    /// Why.
    pub reason: CancelReason,
    /// What is told if it is known with another user.
    pub if_other: Outgoing,
}

/// A payment record of a game.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// The record's id.
    pub event_id: String,
    /// Whose balance it is about.
    pub user_id: UserId,
    /// When it was appended to its topic.
    pub at: Millis,
    /// The topic.
    pub topic: String,
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
    /// The record's text.
    pub record: String,
}

/// How an event came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventSource {
    /// The provider sent it.
    Webhook,
    /// It was in the provider's list.
    Listed,
}

impl EventSource {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            EventSource::Webhook => "webhook",
            EventSource::Listed => "listed",
        }
    }
}

/// An event of the provider's that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The provider's id.
    pub event_id: String,
    /// Its type.
    pub kind: String,
    /// All of it, as JSON.
    pub body: String,
    /// How it came.
    pub source: EventSource,
    /// When.
    pub received_at: Millis,
}

/// An event that is not dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingEvent {
    /// The provider's id.
    pub event_id: String,
    /// Its type.
    pub kind: String,
    /// All of it, as JSON.
    pub body: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it came in.
    pub received_at: Millis,
}

/// A record that waits to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its place in the order.
    pub seq: i64,
    /// The record.
    pub record: Outgoing,
}

/// How a payment is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find<'a> {
    /// By the request.
    Request(Uuid),
    /// By the provider's payment.
    PaymentIntent(&'a str),
}

/// What a payment is due for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueFor {
    /// Its page: a player waits.
    Page,
    /// A look at how it stands.
    Look,
}

/// How much there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Payments that are not at their end.
    pub open_payments: u64,
    /// Payments whose provider says something else than was asked for.
    pub held_payments: u64,
    /// Events that are not dealt with.
    pub events: u64,
    /// Records that are not published.
    pub outgoing: u64,
}

/// Decides on a payment and the stages of its disputes that were told.
pub type Decide = Box<dyn FnOnce(&Payment, &[ToldStage]) -> Change + Send>;

/// Keeps what the checkout knows.
///
/// Guarantees: each method is one transaction, durable once it is answered; an error means that it was not done, or
/// that this is unknown, and all of them may be called again. Whatever is added under a key that is there already
/// changes nothing.
#[async_trait]
pub trait PaymentStore: Send + Sync + 'static {
    /// Takes the lease, or keeps it, for so long by the store's own clock; false while another holds it.
    async fn hold_lease(&self, holder: Uuid, period: Duration) -> Result<bool, StoreError>;

    /// Lets another take the lease at once.
    async fn release_lease(&self, holder: Uuid) -> Result<(), StoreError>;

    /// How far each topic's partition was read.
    async fn places(&self) -> Result<Vec<Place>, StoreError>;

    /// Keeps what was read. A place never goes back.
    async fn take(&self, taken: Taken, now: Millis) -> Result<(), StoreError>;

    /// Reads on from these places, which may lie further back: the log has lost what was read.
    async fn rewind(&self, places: Vec<Place>) -> Result<(), StoreError>;

    /// A payment.
    async fn payment(&self, find: Find<'_>) -> Result<Option<Payment>, StoreError>;

    /// Payments that are due for this, the longest due first.
    async fn due_payments(
        &self,
        what: DueFor,
        now: Millis,
        limit: u32,
    ) -> Result<Vec<Payment>, StoreError>;

    /// Changes a payment, which nobody else changes meanwhile, and finishes the event that led to it. Nothing if there
    /// is no such payment.
    async fn change(
        &self,
        request_id: Uuid,
        event: Option<Finished>,
        now: Millis,
        decide: Decide,
    ) -> Result<Option<Payment>, StoreError>;

    /// Adds events; how many of them are new.
    async fn add_events(&self, events: Vec<NewEvent>) -> Result<u64, StoreError>;

    /// Events that are due, the longest due first. One that was never tried is due whenever it says that it came: another
    /// process took it, by a clock of its own.
    async fn due_events(&self, now: Millis, limit: u32) -> Result<Vec<WaitingEvent>, StoreError>;

    /// Tries an event again, not before `due_at`.
    async fn postpone_event(
        &self,
        event_id: &str,
        due_at: Millis,
        why: &str,
    ) -> Result<(), StoreError>;

    /// Is done with an event, and tells this.
    async fn finish_event(
        &self,
        event: Finished,
        outgoing: Vec<Outgoing>,
        now: Millis,
    ) -> Result<(), StoreError>;

    /// Records to publish, in their order.
    async fn waiting(&self, limit: u32) -> Result<Vec<Waiting>, StoreError>;

    /// These records are in the log.
    async fn published(&self, seqs: Vec<i64>, now: Millis) -> Result<(), StoreError>;

    /// Forgets so many records, at most, that were published before this; how many they were.
    async fn forget_published(&self, before: Millis, limit: u32) -> Result<u64, StoreError>;

    /// Forgets so many events, at most, that were finished before this; how many they were. One that comes again is new.
    async fn forget_events(&self, before: Millis, limit: u32) -> Result<u64, StoreError>;

    /// A number kept under a name.
    async fn mark(&self, name: &str) -> Result<Option<i64>, StoreError>;

    /// Keeps a number under a name.
    async fn set_mark(&self, name: &str, value: i64) -> Result<(), StoreError>;

    /// A player's payment records, the newest first, from those before this row on.
    async fn statement(
        &self,
        user: UserId,
        before: Option<(Millis, String)>,
        limit: u32,
    ) -> Result<Vec<JournalRow>, StoreError>;

    /// How much there is to do.
    async fn backlog(&self) -> Result<Backlog, StoreError>;
}

/// An event that is dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The provider's id.
    pub event_id: String,
    /// What came of it, for people.
    pub outcome: &'static str,
}
