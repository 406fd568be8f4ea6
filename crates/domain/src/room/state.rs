//! The room's state, and how it is saved and loaded.

use super::{Effects, Input, Membership, RoomSummary};
use crate::fairness::RoomSecret;
use crate::game::Games;
use crate::ids::{Millis, RoomId, UserId};
use crate::refusal::Refusal;

/// A room.
#[derive(Clone)]
pub struct Room {
    room_id: RoomId,
}

/// A saved room that this program cannot play on.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are not a room.
    #[error("the saved room is not readable")]
    Unreadable(#[source] serde_json::Error),
    /// The game is not registered.
    #[error("the room plays `{0}`, which this server does not have")]
    UnknownGame(String),
}

impl Room {
    /// A new room from [`super::Action::Create`]; the host enters its lobby.
    pub fn create(_input: &Input, _games: &Games, _secret: RoomSecret) -> Result<(Room, Effects), Refusal> {
        todo!()
    }

    /// Applies one input. After a refusal the room is as it was; after a panic (a game's own) the
    /// caller goes on with the copy that it kept. Cloning a room is cheap.
    pub fn decide(&mut self, _input: &Input, _games: &Games) -> Result<Effects, Refusal> {
        todo!()
    }

    /// The room as bytes, without its secret.
    pub fn save(&self) -> Result<Vec<u8>, serde_json::Error> {
        todo!()
    }

    /// The room from [`Room::save`]'s bytes and its secret.
    pub fn load(_saved: &[u8], _games: &Games, _secret: RoomSecret) -> Result<Room, LoadError> {
        todo!()
    }

    /// When [`super::Action::Deadline`] is due.
    pub fn next_deadline(&self) -> Option<Millis> {
        todo!()
    }

    /// Whether nothing can happen here any more.
    pub fn is_over(&self) -> bool {
        todo!()
    }

    /// Its line in the list of rooms; none when it is not listed (an open table, an ended room).
    pub fn summary(&self) -> Option<RoomSummary> {
        todo!()
    }

    /// Everyone in the room.
    pub fn members(&self) -> Vec<(UserId, Membership)> {
        todo!()
    }

    /// The last room_seq.
    pub fn room_seq(&self) -> u64 {
        todo!()
    }

    /// Its id.
    pub fn room_id(&self) -> &RoomId {
        &self.room_id
    }

    /// The game's name.
    pub fn game_type(&self) -> &'static str {
        todo!()
    }

    /// The name its host gave it.
    pub fn room_name(&self) -> &str {
        todo!()
    }
}
