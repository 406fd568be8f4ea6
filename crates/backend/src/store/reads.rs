//! What the HTTP API may read of ledger, payments and directory. Nothing here writes.

use super::played::{GameTally, PlayedIn, PlayedRoom};
use super::wallet::{TopUp, Wallet};
use super::{RoomArchive, StoreError};
use async_trait::async_trait;
use blazing_sun_backbone::messages::{DirectMessage, LobbyMessage};
use blazing_sun_domain::{Cents, Millis, RoomId, UserId};
use serde_json::value::RawValue;
use uuid::Uuid;

/// A change of a player's balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Its place in the ledger: grows with every transfer.
    pub position: i64,
    /// Why: `fee`, `prize`, `demo_grant`, …
    pub kind: String,
    /// Above 0 what came in, below 0 what went out.
    pub change: Cents,
    /// The room, where one is concerned.
    pub room_id: Option<String>,
    /// The room's game, where the room is listed or archived.
    pub game_type: Option<String>,
    /// The room's name, where the room is listed or archived.
    pub room_name: Option<String>,
    /// When.
    pub at: Millis,
}

/// A message and its place: one written later has a higher one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<T> {
    /// The place.
    pub position: i64,
    /// The message.
    pub message: T,
}

/// Reads beside the partitions' owners, who alone write.
///
/// Guarantees: each method sees everything that was committed before it was called.
#[async_trait]
pub trait ReadSide: Send + Sync + 'static {
    /// A player's balance; 0 for one without transfers.
    async fn balance(&self, user: UserId) -> Result<Cents, StoreError>;

    /// Whose money the transfer with this key moved, and how much of it; none if there is no such.
    async fn transferred(&self, key: &str) -> Result<Option<(Option<UserId>, Cents)>, StoreError>;

    /// What the deployment's one money is: `demo eur`.
    async fn money(&self) -> Result<String, StoreError>;

    /// The newest `limit` movements of a player, newest first; of those before a position, if given.
    async fn movements(
        &self,
        user: UserId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Movement>, StoreError>;

    /// The newest `limit` ended rooms that a player had a paid seat in to the end, newest first; of those before a
    /// position, if given.
    async fn played(
        &self,
        user: UserId,
        within: &PlayedIn,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<PlayedRoom>, StoreError>;

    /// What all of them come to, by game.
    async fn tally(&self, user: UserId) -> Result<Vec<GameTally>, StoreError>;

    /// An ended room with all of its inputs; none where there is no such, or it still runs.
    async fn ended_room(&self, room: &RoomId) -> Result<Option<RoomArchive>, StoreError>;

    /// A payment that was asked for.
    async fn top_up(&self, request_id: Uuid) -> Result<Option<TopUp>, StoreError>;

    /// A player's wallet, and the payments that may still be paid or were paid after `since`.
    async fn limits(
        &self,
        user: UserId,
        since: Millis,
    ) -> Result<(Option<Wallet>, Vec<TopUp>), StoreError>;

    /// The newest `limit` messages from and to a user, newest first, each with when its recipient read
    /// it; of those before a position, if given.
    async fn direct_messages(
        &self,
        user: UserId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Placed<(DirectMessage, Option<Millis>)>>, StoreError>;

    /// How many messages to a user are unread.
    async fn unread_messages(&self, user: UserId) -> Result<u64, StoreError>;

    /// The newest `limit` messages of a lobby, newest first; of those before a position, if given.
    async fn lobby_messages(
        &self,
        lobby_id: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Placed<LobbyMessage>>, StoreError>;

    /// The summaries of at most `limit` listed rooms, of one game if given: those that wait for
    /// players first, then by name.
    async fn rooms(
        &self,
        game_type: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Box<RawValue>>, StoreError>;

    /// Whether the store answers.
    async fn ping(&self) -> Result<(), StoreError>;
}
