//! Fault runs over whole systems: random players on real sockets, kills at named instants, planted
//! faults, and checkers that hold what was written and heard against the invariants. Nothing here is
//! part of the product.

pub mod auditor;
pub mod checks;
pub mod cluster;
pub mod crew;
pub mod crowd;
pub mod drain;
pub mod history;
pub mod payments;
pub mod planted;
pub mod player;
pub mod rolling;
pub mod run;
pub mod slow;
pub mod transcript;
pub mod vault;

use std::fmt;

/// Something that must never be, and is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant.
    pub invariant: &'static str,
    /// What was found.
    pub what: String,
}

impl Violation {
    /// Of this invariant.
    pub fn of(invariant: &'static str, what: impl Into<String>) -> Violation {
        Violation {
            invariant,
            what: what.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}
