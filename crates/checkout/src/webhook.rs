//! What the provider calls: its notes that something happened.

pub mod signature;
