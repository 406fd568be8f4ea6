//! What an owner does when a batch fails.

use super::actor::{Actor, Stopped};
use super::batch::Failed;
use super::hold::Hold;
use super::mailbox::Wanted;
use crate::store::StoreError;
use std::time::Duration;

/// Waits after failures, doubled up to the most.
pub(super) const BACKOFF_MS: u64 = 50;
pub(super) const BACKOFF_MS_MAX: u64 = 800;

impl Actor {
    /// Nothing of the batch was written: the same is decided again, on the state as it is stored. Where one
    /// of several records is what the store can not take, each is tried alone, and that one is put aside.
    pub(super) fn after_failure(
        &mut self,
        hold: &mut Hold,
        failed: Failed,
        wanted: Wanted,
    ) -> Result<(), Stopped> {
        let Failed {
            work,
            error,
            is_decided,
        } = failed;
        match error {
            StoreError::Fenced { .. } => return Err(Stopped::Fenced),
            // The next owner waits for it, and reads what became of it.
            StoreError::CommitUnknown { .. } => return Err(Stopped::Astray),
            _ => {}
        }
        hold.failures += 1;
        if hold.failures == 1 || hold.failures.is_multiple_of(32) {
            tracing::warn!(
                partition = self.number,
                error = with_sources(&error),
                records = work.records.len(),
                failures = hold.failures,
                "a batch was not committed; the same is decided again"
            );
        }
        let mailbox = self.shared.mailbox(self.number);
        for (query, body) in work.answers {
            mailbox.put_answer(query, body);
        }
        let count = work.records.len();
        for record in work.records.into_iter().rev() {
            hold.again.push_front(record);
        }
        if error.is_of_what_was_written() {
            match count {
                0 => {}
                // It may have been a deadline's fault.
                1 if hold.singly == 0 => hold.singly = 1,
                1 => {
                    hold.refused = Some(format!(
                        "the store can not take it: {}",
                        with_sources(&error)
                    ));
                }
                _ => hold.singly = count,
            }
        }
        if count == 0 || !error.is_of_what_was_written() {
            let is_conflict = matches!(error, StoreError::Conflict(_));
            if !is_conflict || hold.failures > 3 {
                mailbox.wait_for_change(wanted, backoff(hold.failures));
            }
        }
        if !is_decided {
            return Ok(());
        }
        loop {
            if mailbox.wanted() != wanted {
                return Err(Stopped::Astray);
            }
            match hold.reload(&self.shared.rules) {
                Ok(()) => break,
                Err(error) => {
                    hold.failures += 1;
                    tracing::warn!(
                        partition = self.number,
                        error = with_sources(&error),
                        "the state can not be read again yet"
                    );
                    mailbox.wait_for_change(wanted, backoff(hold.failures));
                }
            }
        }
        Ok(())
    }
}

/// How long to wait after so many failures.
pub(super) fn backoff(failures: u32) -> Duration {
    let wait_ms = BACKOFF_MS << failures.saturating_sub(1).min(8);
    Duration::from_millis(wait_ms.min(BACKOFF_MS_MAX))
}

/// An error with all that caused it, on one line.
pub(super) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
