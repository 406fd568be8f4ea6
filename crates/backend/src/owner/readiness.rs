//! Whether a backend has come to own what the group gave to it at first.

use super::mailbox::Mailbox;
use super::member::Assigned;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Why a backend is not ready yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// It waits for the group.
    #[error("the group `blazing_sun` has not said yet which partitions this backend has")]
    NotAssigned,
    /// It waits for its owners.
    #[error("partitions that the group gave to this backend are not taken over yet: {0:?}")]
    NotTakenOver(Vec<u32>),
}

/// Tells it once it has all of its first partitions, or the group has given none to it; later changes of members are
/// every backend's at once, and no reason to ask nobody any more.
#[derive(Clone)]
pub struct Readiness {
    pub(super) assigned: Arc<Mutex<Assigned>>,
    pub(super) mailboxes: Arc<Vec<Mailbox>>,
    pub(super) was_ready: Arc<AtomicBool>,
}

impl Readiness {
    /// Why not, if it is not.
    pub fn check(&self) -> Result<(), NotReady> {
        if self.was_ready.load(Ordering::Relaxed) {
            return Ok(());
        }
        if !self.assigned.lock().is_member {
            return Err(NotReady::NotAssigned);
        }
        let mailboxes = (0..).zip(self.mailboxes.iter());
        let awaited = mailboxes.filter(|(_, mailbox)| mailbox.is_awaited());
        let awaited: Vec<u32> = awaited.map(|(partition, _)| partition).collect();
        if !awaited.is_empty() {
            return Err(NotReady::NotTakenOver(awaited));
        }
        self.was_ready.store(true, Ordering::Relaxed);
        Ok(())
    }
}
