//! Works on what is due, several at a time and none twice at once.

use super::Shared;
use crate::store::StoreError;
use futures_util::FutureExt;
use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::{Instrument, Span};

/// How many are worked on at a time.
pub(super) const AT_ONCE: usize = 16;

/// What may be due.
pub(super) trait Due: Send + Sync + 'static {
    /// One of it.
    type Item: Send + 'static;
    /// Tells one from another.
    type Key: Hash + Eq + Clone + Send + 'static;

    /// What it is called, for people.
    const NAME: &'static str;

    /// How many of one lane are worked on at a time: less than all where others must not wait for them.
    const OF_A_LANE: usize = AT_ONCE;

    /// Which lane it is of.
    fn lane(_: &Self::Item) -> u8 {
        0
    }

    /// Which it is.
    fn key(item: &Self::Item) -> Self::Key;

    /// What every line about it names, whatever the filter of lines leaves out.
    fn span(item: &Self::Item) -> Span;

    /// What wakes this before its time.
    fn wake(shared: &Shared) -> &Notify;

    /// Up to so many that are due.
    fn due(
        shared: &Shared,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Self::Item>, StoreError>> + Send;

    /// Works on one, after which it is not due, unless the store failed.
    fn work(
        shared: &Shared,
        item: Self::Item,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Works on what is due for as long as this process leads.
pub(super) async fn run<D: Due>(shared: Arc<Shared>) {
    // With their lanes.
    let mut busy: HashMap<D::Key, u8> = HashMap::new();
    // What could not be worked on, until when: it is due still, and must not keep others from their turn.
    let mut aside: HashMap<D::Key, Instant> = HashMap::new();
    let mut tasks: JoinSet<(D::Key, Option<Duration>)> = JoinSet::new();
    while shared.until_leading().await {
        let now = Instant::now();
        aside.retain(|_, until| *until > now);
        let limit = AT_ONCE + busy.len() + aside.len();
        match D::due(&shared, u32::try_from(limit).unwrap_or(u32::MAX)).await {
            Ok(due) => {
                for item in due {
                    let (key, lane) = (D::key(&item), D::lane(&item));
                    let of_its_lane = busy.values().filter(|busy| **busy == lane).count();
                    let is_free = busy.len() < AT_ONCE && of_its_lane < D::OF_A_LANE;
                    if is_free && !aside.contains_key(&key) && !busy.contains_key(&key) {
                        busy.insert(key.clone(), lane);
                        tasks.spawn(work::<D>(Arc::clone(&shared), key, item));
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the checkout can not see which {} are due", D::NAME)
            }
        }
        tokio::select! {
            () = shared.until_stopped() => break,
            () = D::wake(&shared).notified() => {}
            () = tokio::time::sleep(shared.options.pace.poll) => {}
            Some(done) = tasks.join_next(), if !tasks.is_empty() => {
                if let Ok((key, pause)) = done {
                    busy.remove(&key);
                    aside.extend(pause.map(|pause| (key, Instant::now() + pause)));
                }
            }
        }
    }
    // What is under way is done again by whoever leads next.
    tasks.shutdown().await;
}

/// Works on one; for how long it is left alone then, where that failed.
async fn work<D: Due>(
    shared: Arc<Shared>,
    key: D::Key,
    item: D::Item,
) -> (D::Key, Option<Duration>) {
    let pace = shared.options.pace;
    // Of a panic the runtime's hook has told; what is at fault must not take up a place for ever.
    let span = D::span(&item);
    let done = AssertUnwindSafe(D::work(&shared, item).instrument(span.clone()))
        .catch_unwind()
        .await;
    let pause = span.in_scope(|| match done {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the checkout's store failed over one of the {}", D::NAME);
            Some(pace.retry)
        }
        Err(_) => {
            tracing::error!(
                "the checkout has a bug: one of the {} is left alone for a while",
                D::NAME
            );
            Some(pace.retry_max)
        }
    });
    (key, pause)
}
