//! How a store's schema stands to this program's.

use serde::Serialize;

/// Versions of a store's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SchemaVersions {
    /// The store's; 0: it has none yet.
    pub found: i64,
    /// The newest that this program knows.
    pub known: i64,
}

impl SchemaVersions {
    /// Whether a newer program has written it.
    pub fn is_newer(self) -> bool {
        self.found > self.known
    }

    /// Whether it is to be brought up to date.
    pub fn is_behind(self) -> bool {
        self.found < self.known
    }
}
