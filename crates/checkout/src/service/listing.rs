//! Reads the provider's list of events now and then, so that one whose webhook was lost comes in all the same; and
//! forgets what was published long ago.

use super::events::KINDS;
use super::{Shared, ms};
use crate::clean::clean;
use crate::store::{EventSource, NewEvent, StoreError};
use crate::stripe::{EventFilter, StripeError};
use std::sync::Arc;

/// Until when the list was read, in seconds.
const LISTED: &str = "events_listed_s";

/// So much is read again: an event may come into the list after a later one.
const OVERLAP_S: i64 = 3_600;
/// So much is read when there is no list of before.
const FIRST_S: i64 = 86_400;

#[derive(Debug, thiserror::Error)]
enum ListError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Stripe(#[from] StripeError),
}

pub(super) async fn run(shared: Arc<Shared>) {
    let mut failures = 0;
    while shared.until_leading().await {
        let listed = tokio::select! {
            () = shared.until_not_leading() => continue,
            listed = list_if_due(&shared) => listed,
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

async fn list_if_due(shared: &Shared) -> Result<(), ListError> {
    let now = shared.now();
    let now_s = now.0.div_euclid(1000);
    let listed = shared.store.mark(LISTED).await?;
    let is_due = |listed_s: i64| {
        now.0
            >= listed_s
                .saturating_mul(1000)
                .saturating_add(ms(shared.options.pace.list_every))
    };
    if !listed.is_none_or(is_due) {
        return Ok(());
    }
    let from_s = listed.map_or(now_s - FIRST_S, |listed_s| listed_s - OVERLAP_S);
    list(shared, from_s).await?;
    let kept_from = now.plus(-ms(shared.options.pace.keep_published));
    shared.store.forget_published(kept_from).await?;
    Ok(shared.store.set_mark(LISTED, now_s).await?)
}

async fn list(shared: &Shared, created_from_s: i64) -> Result<(), ListError> {
    let mut before = None;
    loop {
        let filter = EventFilter {
            kinds: KINDS,
            created_from_s,
            before: before.take(),
        };
        let page = shared.stripe.list_events(&filter).await?;
        before = page.events.last().map(|event| event.object.id.clone());
        let received_at = shared.now();
        let events = page.events.into_iter().map(|event| NewEvent {
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
        if !page.has_more || before.is_none() {
            return Ok(());
        }
    }
}
