//! Reads the provider's list of events now and then, so that one whose webhook was lost comes in all the same; and
//! forgets what was published, or dealt with, long ago.

use super::events::KINDS;
use super::{Shared, ms};
use crate::clean::clean;
use crate::store::{EventSource, NewEvent, StoreError};
use crate::stripe::{EventFilter, StripeError, is_id};
use std::collections::BTreeSet;
use std::sync::Arc;

/// When the list was read last, in seconds by this server's clock.
const LISTED: &str = "events_listed_s";
/// When the newest event came into the list that was read, in seconds by the provider's clock: from where to read on
/// must not depend on what ours shows.
const NEWEST: &str = "events_newest_s";

/// When what was published or dealt with long ago was forgotten.
const FORGOTTEN: &str = "forgotten_s";
/// So often.
const FORGET_EVERY_S: i64 = 3_600;
/// Events that can not be read are named once each, as long as there are no more of them than this.
const NAMED_MAX: usize = 1_000;

/// When it was read with all that may have come into it late.
const LISTED_WIDELY: &str = "events_listed_widely_s";

/// So much is read again: an event may come into the list after a later one, …
const OVERLAP_S: i64 = 300;
/// … now and then, much later.
const WIDE_OVERLAP_S: i64 = 3_600;
/// So often.
const WIDELY_EVERY_S: i64 = 3_600;
/// So much is read when there is no list of before.
const FIRST_S: i64 = 86_400;
/// So much is forgotten at once: whoever waits for the store does not wait long.
const FORGOTTEN_AT_ONCE: u32 = 500;

#[derive(Debug, thiserror::Error)]
enum ListError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Stripe(#[from] StripeError),
    #[error("each of its pages ends with the same event")]
    Endless,
}

pub(super) async fn run(shared: Arc<Shared>) {
    let mut failures = 0;
    let mut named = BTreeSet::new();
    while shared.until_leading().await {
        // Whatever the provider says.
        if let Err(error) = forget_if_due(&shared).await {
            tracing::warn!(%error, "the checkout could not forget what is long over");
        }
        let listed = tokio::select! {
            () = shared.until_not_leading() => continue,
            listed = list_if_due(&shared, &mut named) => listed,
        };
        let pause = match listed {
            Ok(()) => {
                failures = 0;
                shared.options.pace.poll
            }
            Err(error) => {
                tracing::warn!(%error, "the payment provider's list of events could not be read");
                failures += 1;
                shared.pause(failures)
            }
        };
        if !shared.rests(pause).await {
            break;
        }
    }
}

async fn list_if_due(shared: &Shared, named: &mut BTreeSet<String>) -> Result<(), ListError> {
    let now = shared.now();
    let now_s = now.0.div_euclid(1000);
    let every_s = ms(shared.options.pace.list_every) / 1000;
    if !is_due(shared, LISTED, now_s, every_s).await? {
        return Ok(());
    }
    let is_wide = is_due(shared, LISTED_WIDELY, now_s, WIDELY_EVERY_S).await?;
    let overlap_s = if is_wide { WIDE_OVERLAP_S } else { OVERLAP_S };
    let newest_s = shared.store.mark(NEWEST).await?;
    let from_s = newest_s.map_or(now_s - FIRST_S, |newest_s| newest_s - overlap_s);
    let found_s = list(shared, from_s, named).await?;
    if let Some(found_s) = found_s.max(newest_s) {
        shared.store.set_mark(NEWEST, found_s).await?;
    }
    if is_wide {
        shared.store.set_mark(LISTED_WIDELY, now_s).await?;
    }
    Ok(shared.store.set_mark(LISTED, now_s).await?)
}

/// Whether what was done then is to be done again.
async fn is_due(shared: &Shared, mark: &str, now_s: i64, every_s: i64) -> Result<bool, StoreError> {
    let done_s = shared.store.mark(mark).await?;
    // Not yet, unless the clock was put back.
    let is_recent = |done_s: i64| (done_s..done_s.saturating_add(every_s)).contains(&now_s);
    Ok(!done_s.is_some_and(is_recent))
}

/// Forgets what nobody asks for any more, some of it at a time.
async fn forget_if_due(shared: &Shared) -> Result<(), StoreError> {
    let now = shared.now();
    let now_s = now.0.div_euclid(1000);
    if !is_due(shared, FORGOTTEN, now_s, FORGET_EVERY_S).await? {
        return Ok(());
    }
    let pace = shared.options.pace;
    let published_from = now.plus(-ms(pace.keep_published));
    let finished_from = now.plus(-ms(pace.keep_events));
    let (store, limit) = (&shared.store, FORGOTTEN_AT_ONCE);
    while store.forget_published(published_from, limit).await? == u64::from(limit) {}
    while store.forget_events(finished_from, limit).await? == u64::from(limit) {}
    store.set_mark(FORGOTTEN, now_s).await
}

/// Reads the list; when the newest event in it came.
async fn list(
    shared: &Shared,
    created_from_s: i64,
    named: &mut BTreeSet<String>,
) -> Result<Option<i64>, ListError> {
    let (mut before, mut newest_s) = (None, None);
    loop {
        let filter = EventFilter {
            kinds: KINDS,
            created_from_s,
            before: before.clone(),
        };
        let page = shared.stripe.list_events(&filter).await?;
        let last = page.last;
        for (id, why) in page.unreadable {
            name_unreadable(named, id.unwrap_or_default(), &why);
        }
        newest_s = newest_s.max(page.events.iter().map(|event| event.object.created).max());
        let received_at = shared.now();
        let events = page
            .events
            .into_iter()
            .filter(|event| is_id(&event.object.id));
        let events = events.map(|event| NewEvent {
            event_id: event.object.id,
            kind: clean(&event.object.kind),
            body: event.raw,
            source: EventSource::Listed,
            received_at,
        });
        let found = shared.store.add_events(events.collect()).await?;
        if found > 0 {
            tracing::warn!(
                events = found,
                "the payment provider lists events whose webhooks have not come"
            );
            shared.events_due.notify_one();
        }
        if !page.has_more || last.is_none() {
            return Ok(newest_s);
        }
        if last == before {
            return Err(ListError::Endless);
        }
        before = last;
    }
}

/// Its webhook, or a look at its payment, may tell the same.
fn name_unreadable(named: &mut BTreeSet<String>, id: String, why: &str) {
    let id = clean(&id);
    if named.len() < NAMED_MAX && named.insert(id.clone()) {
        tracing::warn!(
            event.id = id,
            why,
            "an event in the payment provider's list can not be read and is passed over"
        );
    }
}
