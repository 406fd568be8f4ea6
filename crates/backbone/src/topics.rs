//! Every topic of the contract in one table: direction, key, partitions, retention.

/// A topic as it must exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// How many partitions.
    pub partitions: u32,
    /// How long records are kept, in milliseconds.
    pub retention_ms: i64,
}
