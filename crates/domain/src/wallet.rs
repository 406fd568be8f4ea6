//! What is decided about money that comes in from outside: limits of deposits, and what payments, refunds and
//! disputes make of a player's money.

pub mod dispute;
pub mod limits;
mod purse;
mod transfers;

pub use dispute::{Dispute, DisputeFacts, DisputeOutcome, DisputeStage, DisputeState};
pub use limits::{Deposit, DepositLimits, DepositRules, Limit, PendingLimit, Period};
pub use purse::Purse;
