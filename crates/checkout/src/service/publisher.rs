//! Publishes what is to be told, in its order: after a failure the same is published again.

use super::Shared;
use crate::store::{StoreError, Waiting};
use blazing_sun_backbone::log::{Headers, LogError, NewRecord, Topic};
use std::sync::Arc;

/// How many records are published at a time.
const AT_ONCE: u32 = 256;

#[derive(Debug, thiserror::Error)]
enum PublishError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] LogError),
}

pub(super) async fn run(shared: Arc<Shared>) {
    let mut failures = 0;
    while shared.until_leading().await {
        let published = tokio::select! {
            () = shared.until_stopped() => break,
            published = publish(&shared) => published,
        };
        let pause = match published {
            Ok(0) => {
                failures = 0;
                shared.options.pace.poll
            }
            Ok(_) => {
                failures = 0;
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "the checkout can not publish");
                failures += 1;
                shared.pause(failures)
            }
        };
        tokio::select! {
            () = shared.until_stopped() => break,
            () = shared.outgoing_due.notified(), if failures == 0 => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn publish(shared: &Shared) -> Result<usize, PublishError> {
    let waiting = shared.store.waiting(AT_ONCE).await?;
    if waiting.is_empty() {
        return Ok(0);
    }
    let seqs: Vec<i64> = waiting.iter().map(|waiting| waiting.seq).collect();
    let records = waiting.into_iter().map(|Waiting { record, .. }| NewRecord {
        topic: Topic::new(&record.topic),
        partition: None,
        key: record.key.into(),
        headers: Headers::from_encoded(record.headers.into()),
        payload: record.payload.into(),
    });
    shared.log.append_and_wait(records.collect()).await?;
    let count = seqs.len();
    shared.store.published(seqs, shared.now()).await?;
    Ok(count)
}
