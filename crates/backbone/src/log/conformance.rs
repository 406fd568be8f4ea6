//! The suite that every adapter of the event log passes.
