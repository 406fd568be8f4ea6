//! The checkout against the test bank: whatever befalls either of them, a payment is told as what it is, and once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cancellations;
mod hold_ups;
mod intake;
mod kills;
mod leaders;
mod money;
mod mortal;
mod outages;
mod rig;
mod webhooks;
