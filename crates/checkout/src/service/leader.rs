//! Who leads: whoever holds the lease.

use super::Shared;
use std::sync::Arc;
use uuid::Uuid;

pub(super) async fn run(shared: Arc<Shared>, holder: Uuid) {
    let pace = shared.options.pace;
    loop {
        let held = shared.store.hold_lease(holder, pace.lease).await;
        let leads = held.unwrap_or_else(|error| {
            tracing::warn!(%error, "the checkout can not reach its store");
            false
        });
        let has_changed = shared
            .leads
            .send_if_modified(|before| std::mem::replace(before, leads) != leads);
        if has_changed {
            tracing::info!(leads, "this process does the checkout's work, or not");
        }
        if !shared.rests(pace.lease_renewal).await {
            break;
        }
    }
    shared.leads.send_replace(false);
}
