//! Works on what is due, several at a time and none twice at once.

use super::Shared;
use crate::store::StoreError;
use std::collections::HashSet;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// How many are worked on at a time.
const AT_ONCE: usize = 16;

/// What may be due.
pub(super) trait Due: Send + Sync + 'static {
    /// One of it.
    type Item: Send + 'static;
    /// Tells one from another.
    type Key: Hash + Eq + Clone + Send + 'static;

    /// What it is called, for people.
    const NAME: &'static str;

    /// Which it is.
    fn key(item: &Self::Item) -> Self::Key;

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
    let mut busy: HashSet<D::Key> = HashSet::new();
    let mut tasks: JoinSet<D::Key> = JoinSet::new();
    while shared.until_leading().await {
        let limit = (AT_ONCE + busy.len()) as u32;
        match D::due(&shared, limit).await {
            Ok(due) => {
                for item in due {
                    let key = D::key(&item);
                    if busy.len() < AT_ONCE && busy.insert(key.clone()) {
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
                if let Ok(key) = done {
                    busy.remove(&key);
                }
            }
        }
    }
    // What is under way is done again by whoever leads next.
    tasks.shutdown().await;
}

async fn work<D: Due>(shared: Arc<Shared>, key: D::Key, item: D::Item) -> D::Key {
    if let Err(error) = D::work(&shared, item).await {
        tracing::warn!(%error, "the checkout's store failed over one of the {}", D::NAME);
        // It is due still.
        shared.rests(shared.options.pace.retry).await;
    }
    key
}
