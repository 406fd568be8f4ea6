//! The checkers: each holds one invariant against what was written and what was heard.

mod chat;
mod commands;
mod events;
mod outage;
mod poison;
mod privacy;
mod sockets;

pub use chat::Chat;
pub use commands::{Commands, is_answer};
pub use events::Events;
pub use outage::Outage;
pub use poison::Poison;
pub use privacy::Canaries;
pub use sockets::check_transcript;

#[cfg(test)]
mod tests;
