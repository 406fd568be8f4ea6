//! How an owner begins: with the state that it holds if that is still its own, or by taking the partition over, and
//! by a look at what the topics have lost.

use super::actor::{Actor, Stopped};
use super::failure::{backoff, with_sources};
use super::hold::Hold;
use super::losses::LossError;
use super::mailbox::Wanted;
use crate::store::StoreError;
use crate::store::postgres::Declared;
use std::sync::Arc;

impl Actor {
    /// The state that is still this owner's, or that of a partition newly taken over.
    pub(super) fn find(&mut self, wanted: Wanted) -> Result<Box<Hold>, Stopped> {
        let shared = Arc::clone(&self.shared);
        let mailbox = shared.mailbox(self.number);
        let mut failures = 0;
        loop {
            if mailbox.wanted() != wanted {
                return Err(Stopped::Asked);
            }
            let found = match self.hold.take() {
                Some(mut hold) => match hold.store.begin(&hold.ownership, &Declared::default()) {
                    Ok(()) => {
                        hold.store.roll_back();
                        return Ok(hold);
                    }
                    Err(StoreError::Fenced { .. }) => continue,
                    Err(error) => {
                        self.hold = Some(hold);
                        Err(error)
                    }
                },
                None => Hold::take_over(&self.shared, self.number),
            };
            match found {
                Ok(mut hold) => {
                    // What this process still knows of from before was answered by those in between, or is among these.
                    self.asked = std::mem::take(&mut hold.asked);
                    return Ok(Box::new(hold));
                }
                Err(error) => {
                    if u32::is_multiple_of(failures, 16) {
                        tracing::warn!(
                            partition = self.number,
                            error = with_sources(&error),
                            "the partition can not be taken over yet"
                        );
                    }
                    failures += 1;
                    self.tell_held(mailbox.take_held_asked());
                    mailbox.wait_for_change(wanted, backoff(failures));
                }
            }
        }
    }

    /// Looks for what the topics have lost since they were last read, and written to.
    pub(super) fn find_losses(&self, hold: &mut Hold, wanted: Wanted) -> Result<(), Stopped> {
        let mailbox = self.shared.mailbox(self.number);
        let mut failures: u32 = 0;
        loop {
            let found = hold.find_losses(&self.shared);
            let found = found.and_then(|()| Ok(hold.find_unpublished(&self.shared)?));
            match found {
                Ok(()) => return Ok(()),
                Err(LossError::Store(StoreError::Fenced { .. })) => return Err(Stopped::Fenced),
                Err(error) => {
                    if failures.is_multiple_of(16) {
                        tracing::warn!(
                            partition = self.number,
                            error = with_sources(&error),
                            "the partition is not read yet: whether its topics have lost anything is not known"
                        );
                    }
                }
            }
            failures += 1;
            mailbox.wait_for_change(wanted, backoff(failures));
            if mailbox.wanted() != wanted {
                return Err(Stopped::Asked);
            }
        }
    }

    /// Looks what the topics hold, where a producer has failed.
    pub(super) fn look_again(&self, hold: &mut Hold) -> Result<(), Stopped> {
        match hold.look_again(&self.shared) {
            Ok(()) => Ok(()),
            Err(StoreError::Fenced { .. }) => Err(Stopped::Fenced),
            Err(error) => {
                tracing::debug!(partition = self.number, %error, "what is published was not looked at");
                Ok(())
            }
        }
    }
}
