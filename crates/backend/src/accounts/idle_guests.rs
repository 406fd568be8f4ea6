//! Guests who have not come for long: their accounts are closed, and their money goes back by a command, a few at a time.

use super::ledger_commands::{LedgerCommand, Submitted};
use super::{Accounts, AccountsError};
use blazing_sun_backbone::bans;
use blazing_sun_backbone::messages::{CLOSE_GUEST, close_guest};
use blazing_sun_domain::UserId;
use uuid::Uuid;

/// How many guests one call closes at most.
pub const CLOSED_AT_ONCE: u32 = 50;

impl Accounts {
    /// Closes some of the guests who have been idle for long, and answers with them: whoever checks access tokens has
    /// to refuse theirs.
    pub async fn close_idle_guests(&self) -> Result<Vec<UserId>, AccountsError> {
        // Real money goes nowhere by itself.
        if !self.config.demo_grants {
            return Ok(Vec::new());
        }
        let now = self.now();
        let idle_ms = i64::try_from(self.config.guests_idle_max.as_millis()).unwrap_or(i64::MAX);
        let idle_since = now.plus(idle_ms.saturating_neg());
        let closed = self
            .store
            .close_idle_guests(idle_since, CLOSED_AT_ONCE, now);
        let closed = closed.await?;
        if !closed.is_empty() {
            tracing::info!(
                count = closed.len(),
                "closed guests who have not come for long"
            );
            let told = closed.iter().map(|user| bans::record(*user, true));
            if let Err(error) = self.ledger.log.append_and_wait(told.collect()).await {
                tracing::warn!(%error, "closed guests could not be told of; their tokens end by themselves");
            }
        }
        Ok(closed)
    }

    /// Has the money of some of the closed guests go back to `demo/mint`. What is left, also by a kill in between, is
    /// for the next call.
    pub async fn take_back_from_closed_guests(&self) -> Result<(), AccountsError> {
        let now = self.now();
        let owners = self.store.closed_guests_with_money(CLOSED_AT_ONCE, now);
        for user in owners.await? {
            self.take_back(user).await?;
        }
        Ok(())
    }

    /// Each try has an id of its own: what it finds is taken back, and a second one finds nothing.
    async fn take_back(&self, user: UserId) -> Result<(), AccountsError> {
        if self.reads.balance(user).await?.0 == 0 {
            return Ok(());
        }
        let id = Uuid::now_v7();
        let command = LedgerCommand {
            id,
            event_type: CLOSE_GUEST,
            user,
            payload: close_guest(id, user),
            transfer_key: format!("guest_closed/{id}"),
        };
        match self.ledger.submit(&command).await? {
            Submitted::Before | Submitted::Applied => {}
            Submitted::NotTaken(error) => {
                tracing::warn!(user.id = %user, %error, "a closed guest's money waits");
            }
            Submitted::Pending => tracing::debug!(user.id = %user, "a closed guest's money waits"),
        }
        Ok(())
    }
}
