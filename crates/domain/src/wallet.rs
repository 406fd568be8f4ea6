//! What is decided about money that comes in from outside: limits of deposits, and disputes of what was paid.

pub mod dispute;

pub use dispute::{DisputeFacts, DisputeOutcome, DisputeStage, DisputeState};
