//! Whether a gateway may be given clients: it reads, and has read what is there.

use crate::gateway::Control;
use blazing_sun_backbone::log::{LogError, Topic};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Why a gateway may not be given clients.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotReady {
    /// It has not begun to read.
    #[error("the event topics could not be read yet")]
    Starting,
    /// It is told to end.
    #[error("the gateway is draining")]
    Draining,
    /// A later start has its id.
    #[error(
        "another gateway has started with this one's `gateway.id`: give each its own, and start this one again"
    )]
    Replaced,
    /// The log does not answer.
    #[error("the event log does not answer")]
    Unreachable(#[source] LogError),
    /// Records that were there have not been read in time.
    #[error("the gateway is behind the end of the event topics, or they do not answer in time")]
    Behind,
}

/// Waits until all that was there at the call has been read.
pub(crate) async fn is_at_end(control: &Control) -> Result<(), NotReady> {
    let shared = control.shared();
    if shared.draining.load(Ordering::Acquire) {
        return Err(NotReady::Draining);
    }
    if shared.starts.is_replaced() {
        return Err(NotReady::Replaced);
    }
    if !shared.reading.load(Ordering::Acquire) {
        return Err(NotReady::Starting);
    }
    let mut ends = HashMap::new();
    for name in crate::router::READ {
        let bounds = shared.log.bounds(&Topic::new(name)).await;
        let bounds = bounds.map_err(NotReady::Unreachable)?;
        let of_topic = (0_u32..).zip(bounds);
        ends.extend(of_topic.map(|(partition, bounds)| ((name, partition), bounds.end)));
    }
    loop {
        // The router answers between two batches: one that is stuck is not ready.
        let positions = control.positions().await.ok_or(NotReady::Behind)?;
        let is_behind = positions.iter().any(|at| {
            let end = ends.get(&(at.topic.as_str(), at.partition));
            end.is_some_and(|end| at.next < *end)
        });
        if !is_behind {
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
