//! What an owner does when a batch fails.

use super::actor::{Actor, Stopped};
use super::batch::Failed;
use super::caution::Fault;
use super::hold::{Hold, NEVER};
use super::mailbox::Wanted;
use crate::store::StoreError;
use blazing_sun_domain::RoomId;
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
            firing,
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
        for answer in work.answers {
            mailbox.put_answer(answer);
        }
        let tried = Tried {
            records: work.records.len(),
            fires: work.horizon > NEVER,
            firing,
        };
        hold.take_back(work.records);
        if !hold.learn(tried, &error) {
            let is_conflict = matches!(error, StoreError::Conflict(_));
            if !is_conflict || hold.failures > 3 {
                mailbox.wait_for_change(wanted, backoff(hold.failures));
            }
        }
        if !is_decided {
            hold.put_off_deadlines();
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

/// What was in a batch that failed.
struct Tried {
    records: usize,
    fires: bool,
    /// The room whose deadline was to fire first.
    firing: Option<RoomId>,
}

impl Hold {
    /// Makes out what to try next. Whether that is something else, for which nothing needs to be waited for.
    fn learn(&mut self, tried: Tried, error: &StoreError) -> bool {
        let fault = Fault::of(error);
        if fault == Fault::Elsewhere {
            return false;
        }
        if self.caution.verdict.is_some() {
            self.caution.judge_again();
            return false;
        }
        if tried.fires {
            if tried.records > 0 {
                self.caution.keep_apart();
            } else if self.caution.fires_were_refused(fault) {
                match tried.firing {
                    Some(room) => {
                        let now = self.clock.now();
                        self.caution.judge(room, now, with_sources(error));
                    }
                    None => {
                        tracing::error!(
                            partition = self.number,
                            error = with_sources(error),
                            "the store can not take that a user is gone; it is put off"
                        );
                        self.caution.put_off_gone();
                    }
                }
                return true;
            }
            return fault == Fault::Content && tried.firing.is_some();
        }
        match (fault, tried.records) {
            (_, 0) => false,
            (Fault::TooLong, count) => {
                let why = "it takes the store too long";
                if self.refused.take().is_none() && self.caution.records_took_too_long(count) {
                    self.singly = self.singly.max(1);
                    self.refused = Some(format!("{why}: {}", with_sources(error)));
                }
                false
            }
            // It may have been the fault of what was saved beside it.
            (_, 1) if self.singly == 0 => {
                self.singly = 1;
                true
            }
            // Its dead letter is what the store can not take.
            (_, 1) if self.refused.is_some() => false,
            (_, 1) => {
                let why = "the store can not take it";
                self.refused = Some(format!("{why}: {}", with_sources(error)));
                true
            }
            (_, count) => {
                self.singly = count;
                true
            }
        }
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
