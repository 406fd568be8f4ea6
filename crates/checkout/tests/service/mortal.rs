//! A process that is killed between two steps, as its store sees it.

use async_trait::async_trait;
use blazing_sun_checkout::payment::{Outgoing, Payment};
use blazing_sun_checkout::store::{
    Backlog, Decide, DueFor, Find, Finished, JournalRow, NewEvent, PaymentStore, Place, StoreError,
    Taken, Waiting, WaitingEvent,
};
use blazing_sun_domain::{Millis, UserId};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// A store that fails for ever after so many changes, as for a process that is killed there.
pub struct Mortal {
    pub inner: Arc<dyn PaymentStore>,
    pub left: AtomicI64,
    /// Up to this request each change is a panic.
    pub panics_to: u128,
}

impl Mortal {
    pub fn after(steps: i64, inner: Arc<dyn PaymentStore>) -> Arc<Mortal> {
        Arc::new(Mortal {
            inner,
            left: AtomicI64::new(steps),
            panics_to: 0,
        })
    }

    pub fn has_died(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }
}

impl Mortal {
    fn alive(&self) -> Result<&dyn PaymentStore, StoreError> {
        match self.has_died() {
            true => Err(StoreError::Closed),
            false => Ok(&*self.inner),
        }
    }

    fn changes(&self) -> Result<&dyn PaymentStore, StoreError> {
        match self.left.fetch_sub(1, Ordering::SeqCst) {
            ..=0 => Err(StoreError::Closed),
            _ => Ok(&*self.inner),
        }
    }
}

#[async_trait]
impl PaymentStore for Mortal {
    async fn hold_lease(&self, holder: Uuid, period: Duration) -> Result<bool, StoreError> {
        self.alive()?.hold_lease(holder, period).await
    }
    async fn release_lease(&self, holder: Uuid) -> Result<(), StoreError> {
        self.alive()?.release_lease(holder).await
    }
    async fn places(&self) -> Result<Vec<Place>, StoreError> {
        self.alive()?.places().await
    }
    async fn take(&self, taken: Taken, now: Millis) -> Result<(), StoreError> {
        self.changes()?.take(taken, now).await
    }
    async fn rewind(&self, places: Vec<Place>) -> Result<(), StoreError> {
        self.changes()?.rewind(places).await
    }
    async fn payment(&self, find: Find<'_>) -> Result<Option<Payment>, StoreError> {
        self.alive()?.payment(find).await
    }
    async fn due_payments(
        &self,
        what: DueFor,
        now: Millis,
        limit: u32,
    ) -> Result<Vec<Payment>, StoreError> {
        self.alive()?.due_payments(what, now, limit).await
    }
    async fn change(
        &self,
        request_id: Uuid,
        event: Option<Finished>,
        now: Millis,
        decide: Decide,
    ) -> Result<Option<Payment>, StoreError> {
        if request_id.as_u128() <= self.panics_to {
            panic!("planted");
        }
        self.changes()?.change(request_id, event, now, decide).await
    }
    async fn add_events(&self, events: Vec<NewEvent>) -> Result<u64, StoreError> {
        self.changes()?.add_events(events).await
    }
    async fn due_events(&self, now: Millis, limit: u32) -> Result<Vec<WaitingEvent>, StoreError> {
        self.alive()?.due_events(now, limit).await
    }
    async fn postpone_event(&self, id: &str, due_at: Millis, why: &str) -> Result<(), StoreError> {
        self.changes()?.postpone_event(id, due_at, why).await
    }
    async fn finish_event(
        &self,
        event: Finished,
        outgoing: Vec<Outgoing>,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.changes()?.finish_event(event, outgoing, now).await
    }
    async fn waiting(&self, limit: u32) -> Result<Vec<Waiting>, StoreError> {
        self.alive()?.waiting(limit).await
    }
    async fn published(&self, seqs: Vec<i64>, now: Millis) -> Result<(), StoreError> {
        self.changes()?.published(seqs, now).await
    }
    async fn forget_published(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        self.alive()?.forget_published(before, limit).await
    }
    async fn forget_events(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        self.alive()?.forget_events(before, limit).await
    }
    async fn mark(&self, name: &str) -> Result<Option<i64>, StoreError> {
        self.alive()?.mark(name).await
    }
    async fn set_mark(&self, name: &str, value: i64) -> Result<(), StoreError> {
        self.changes()?.set_mark(name, value).await
    }
    async fn statement(
        &self,
        user: UserId,
        before: Option<(Millis, String)>,
        limit: u32,
    ) -> Result<Vec<JournalRow>, StoreError> {
        self.alive()?.statement(user, before, limit).await
    }
    async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.alive()?.backlog().await
    }
}
