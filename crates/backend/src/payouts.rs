//! The payouts port: how money leaves the deployment. No provider has an adapter yet; the ledger's side of it are the
//! transfers `withdrawal_hold`, `withdrawal_release` and `withdrawal_settle`.

use async_trait::async_trait;
use blazing_sun_domain::{Cents, UserId};
use uuid::Uuid;

/// Money that is held for a player and is to be paid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payout {
    /// Its id, which the keys of its transfers end with.
    pub withdrawal_id: Uuid,
    /// Whose money it is.
    pub user: UserId,
    /// How much.
    pub amount: Cents,
    /// Lower case.
    pub currency: String,
}

/// What became of a payout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayoutOutcome {
    /// It was paid: what is held is settled.
    Paid,
    /// It will never be: what is held is released.
    Refused {
        /// Why, for the player.
        reason: String,
    },
}

/// The provider can not say yet what becomes of a payout; it has to be asked again.
#[derive(Debug, thiserror::Error)]
#[error("the provider can not say what becomes of the payout")]
pub struct PayoutPending(#[source] pub Option<Box<dyn std::error::Error + Send + Sync>>);

/// Pays out.
///
/// Guarantees: however often it is asked for one `withdrawal_id`, it pays once at most, and what it has once answered
/// it answers for ever.
#[async_trait]
pub trait Payouts: Send + Sync + 'static {
    /// Pays out what is held, or says what became of it.
    async fn pay_out(&self, payout: &Payout) -> Result<PayoutOutcome, PayoutPending>;
}
