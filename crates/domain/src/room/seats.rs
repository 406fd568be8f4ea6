//! See the wire.
