//! What a running checkout says of itself.

use super::Shared;
use crate::store::{Backlog, StoreError};
use std::sync::Arc;

/// Looks at a checkout, also when it has ended. Clones are the same one.
#[derive(Clone)]
pub struct Gauge(Arc<Shared>);

impl Gauge {
    pub(super) fn new(shared: Arc<Shared>) -> Gauge {
        Gauge(shared)
    }

    /// Whether this process does the work.
    pub fn is_leading(&self) -> bool {
        *self.0.leads.borrow()
    }

    /// How much there is to do. It fails where the store can not be reached.
    pub async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.0.store.backlog().await
    }
}
