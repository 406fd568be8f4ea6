//! What one connection said and heard.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One connection of one user, or what came over it since it was last looked at.
#[derive(Debug, Clone, Default)]
pub struct Transcript {
    /// Whose.
    pub user: i64,
    /// The connection's id, as the server gave it.
    pub socket_id: String,
    /// The last `room_seq` that is known, by room: at sign-in what it claimed to have.
    pub known: BTreeMap<String, u64>,
    /// The ids of the commands that it sent.
    pub sent: BTreeSet<String>,
    /// Whether it also sent commands without an id.
    pub sent_nameless: bool,
    /// Whether it ever asked to watch the lobby.
    pub has_watched: bool,
    /// What came, in order.
    pub frames: Vec<Value>,
}
