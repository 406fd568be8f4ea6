//! What others see of a room.

use crate::ids::{RoomId, UserId};
use crate::money::Cents;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where a room stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomStatus {
    /// Before play.
    Waiting,
    /// In play.
    InProgress,
    /// Played to the end.
    Finished,
    /// Ended otherwise.
    Abandoned,
}

/// A room's line in the list (without `can_rejoin` and `rejoin_role`, which depend on who asks).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomSummary {
    /// The room.
    pub room_id: RoomId,
    /// Its name.
    pub room_name: Arc<str>,
    /// Its game.
    pub game_type: Arc<str>,
    /// Its host.
    pub host_id: UserId,
    /// Its host's name.
    pub host_name: Arc<str>,
    /// Where it stands.
    pub status: RoomStatus,
    /// People in lobby and seats.
    pub player_count: u32,
    /// People watching.
    pub spectator_count: u32,
    /// Seats.
    pub max_players: u32,
    /// Whether joining asks for a password.
    pub is_password_protected: bool,
    /// Whether others may watch.
    pub allow_spectators: bool,
    /// What a seat costs.
    pub entry_fee_cents: Cents,
    /// What the winner gets if all seats are taken.
    pub prize_cents: Cents,
}
