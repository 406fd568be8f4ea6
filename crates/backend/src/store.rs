//! The store port: what a partition's owner keeps beside the log, and its adapters.

pub mod accounts;
#[cfg(test)]
pub mod conformance;
mod digest;
pub mod operators;
pub mod overview;
pub mod played;
pub mod postgres;
pub mod reads;
pub mod sqlite;
pub mod wallet;

pub use digest::JournalDigest;

use self::postgres::PgFailure;
use self::wallet::{DisputeRow, TopUp, Wallet};
use blazing_sun_backbone::log::LogError;
use blazing_sun_backbone::messages::{DirectMessage, LobbyMessage};
use blazing_sun_domain::room::Membership;
use blazing_sun_domain::{Cents, CommandId, Millis, RoomId, Transfer, UserId};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process owns the partition now; nothing was written.
    #[error("another process has taken over this store (this one held epoch {epoch})")]
    Fenced {
        /// The epoch that this process held.
        epoch: i64,
    },
    /// SQLite failed; nothing was written.
    #[error("the SQLite store failed")]
    Sqlite(#[from] rusqlite::Error),
    /// The log beside it failed; nothing was written.
    #[error("the log beside the store failed")]
    Log(#[from] LogError),
    /// PostgreSQL refused it; nothing was written.
    #[error("the PostgreSQL store failed")]
    Postgres(#[source] PgFailure),
    /// Others were in the way: a deadlock, or a lock that did not come in time. Nothing was written, and the same
    /// may be tried at once.
    #[error("PostgreSQL could not do it beside what others do")]
    Conflict(#[source] PgFailure),
    /// The database can not be reached, or was lost. Of an owner's batch nothing was written; of any other change
    /// it is not known.
    #[error("the database can not be reached")]
    Unreachable(#[source] PgFailure),
    /// The database was lost while the batch was being committed. Whether it was, its owner has to ask.
    #[error("the database was lost while batch {batch_no} was being committed")]
    CommitUnknown {
        /// The batch.
        batch_no: u64,
        /// How.
        source: PgFailure,
    },
    /// The database can not hold the store as it is set up.
    #[error("the database is of no use: {0}")]
    Unsuitable(String),
    /// What is stored can not be read back.
    #[error("stored data can not be read: {0}")]
    Corrupt(String),
    /// The file is empty, something else's, or no database.
    #[error("this is no Blazing Sun database")]
    NotOurs,
    /// A newer program has changed how things are stored.
    #[error(
        "it is of a newer program: its schema has version {found}, this program knows none above {known}; \
         start the newer program, or restore a backup of before"
    )]
    Newer {
        /// As it is stored.
        found: i64,
        /// Here.
        known: i64,
    },
    /// The operating system gave no thread.
    #[error("the system gave no thread to the store")]
    Thread(#[source] std::io::Error),
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether it lies in what was to be written, and not in the store's present state.
    pub fn is_of_what_was_written(&self) -> bool {
        match self {
            StoreError::Sqlite(error) => {
                error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
            }
            StoreError::Postgres(error) => error.is_of_what_was_written(),
            StoreError::Log(LogError::UnknownPartition { .. } | LogError::TooLarge { .. })
            | StoreError::Corrupt(_) => true,
            _ => false,
        }
    }

    /// Whether it was given up because it took longer than the store gives a statement.
    pub fn took_too_long(&self) -> bool {
        match self {
            StoreError::Conflict(error) => error.is_of_time(),
            _ => false,
        }
    }

    /// Whether the same may well succeed when it is tried again: nothing was written, and neither what was to be
    /// written nor what is stored is at fault.
    pub fn is_transient(&self) -> bool {
        matches!(self, StoreError::Conflict(_) | StoreError::Unreachable(_))
    }
}

/// The right to write, as taken at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    /// Grows with every take-over.
    pub epoch: i64,
    /// The last batch that was committed.
    pub batch_no: u64,
    /// The last sign of life of the owner before; none if there was none.
    pub last_alive: Option<Millis>,
}

/// A room as of the end of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomSnapshot {
    /// The room.
    pub room_id: RoomId,
    /// Its partition.
    pub partition: u32,
    /// The batch.
    pub batch_no: u64,
    /// The room's secret, sealed.
    pub sealed_secret: String,
    /// HMAC of its password, if it has one.
    pub password_mac: Option<[u8; 32]>,
    /// How many parts its stored journal has, the one that comes with this snapshot included.
    pub journal_parts: u32,
    /// The chain over these parts; none where the room began before there was one.
    pub journal_digest: Option<JournalDigest>,
    /// The newest messages of its channels; none where nobody has said anything.
    pub chat: Option<Vec<u8>>,
    /// `Room::save`.
    pub state: Vec<u8>,
}

/// A room that can not be loaded, with what recovery needs of it beside its snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedRoom {
    /// The room.
    pub room_id: RoomId,
    /// Its partition.
    pub partition: u32,
    /// The batch up to which its inputs are here.
    pub batch_no: u64,
    /// When it was in play for the last time.
    pub since: Millis,
    /// Inputs that its snapshot does not hold, as they were journaled, one JSON object a line.
    pub inputs: String,
}

/// All that is stored of a room that can not be loaded, and of its money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithheldRoom {
    /// As it was saved last; none where it never was.
    pub snapshot: Option<RoomSnapshot>,
    /// The inputs that the snapshot holds, one JSON object a line.
    pub saved_inputs: Vec<u8>,
    /// What came after it.
    pub kept: QuarantinedRoom,
    /// Its status in the directory; none where it is not listed.
    pub listed: Option<String>,
    /// Who is in it, or has a place to come back to.
    pub members: Vec<UserId>,
    /// What moved in it, in order: key, kind, whose money, and how much.
    pub transfers: Vec<(String, String, Option<UserId>, Cents)>,
    /// What lies in its escrow.
    pub escrow: Cents,
}

/// Versions of games and of the rooms' own rules begin at 1.
pub const UNKNOWN_VERSION: u32 = 0;

/// The inputs of an ended room, from the first on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomArchive {
    /// The room.
    pub room_id: RoomId,
    /// Its partition.
    pub partition: u32,
    /// Its game.
    pub game_type: String,
    /// Its name.
    pub room_name: String,
    /// The game's version when it was played; [`UNKNOWN_VERSION`] where none knew it who ended it.
    pub game_version: u32,
    /// The version of the rooms' own rules when it ended, or [`UNKNOWN_VERSION`] likewise.
    pub rules_version: u32,
    /// When it ended.
    pub ended: Millis,
    /// The room's secret, sealed.
    pub sealed_secret: String,
    /// The inputs that came after the stored parts of its journal.
    pub last_inputs: Vec<u8>,
    /// The chain over all inputs; none where the room began before there was one.
    pub journal_digest: Option<JournalDigest>,
}

/// A room's line in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The room.
    pub room_id: RoomId,
    /// Its name.
    pub room_name: String,
    /// Its game.
    pub game_type: String,
    /// `waiting`, `in_progress`.
    pub status: String,
    /// JSON, as in `room_list`.
    pub summary: String,
}

/// A change of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListingChange {
    /// New, or changed.
    Put(Listing),
    /// Gone.
    Remove(RoomId),
}

/// The last answers of a user, as of the end of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxSnapshot {
    /// The partition that gave them.
    pub partition: u32,
    /// The user.
    pub user: UserId,
    /// The batch.
    pub batch_no: u64,
    /// Encoded by the inbox.
    pub answers: Vec<u8>,
}

/// One connection of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The user.
    pub user: UserId,
    /// The gateway.
    pub gateway_id: String,
    /// The gateway's start.
    pub boot_id: String,
    /// The socket.
    pub connection_id: String,
}

/// A change of presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PresenceChange {
    /// A connection is there.
    Put(Connection),
    /// It is gone.
    Remove {
        /// The user.
        user: UserId,
        /// The socket.
        connection_id: String,
    },
}

impl PresenceChange {
    /// The user, and the socket.
    pub fn connection(&self) -> (UserId, &str) {
        match self {
            PresenceChange::Put(there) => (there.user, &there.connection_id),
            PresenceChange::Remove {
                user,
                connection_id,
            } => (*user, connection_id),
        }
    }
}

/// How a user stands to a room from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// In it.
    In(Membership),
    /// Out of it, with a place to come back to for as long as the room runs.
    Left,
    /// Out of it.
    Out,
}

/// All that one batch writes beside its records.
#[derive(Debug, Default)]
pub struct Writes {
    /// The batch's instant.
    pub now: Millis,
    /// The first batch that recovery still needs, once this one is written.
    pub floor: u64,
    /// Money, in order, each with the command that moved it.
    pub transfers: Vec<(Transfer, Option<CommandId>)>,
    /// Rooms saved, each with the part that its journal grows by.
    pub rooms: Vec<(RoomSnapshot, Option<Vec<u8>>)>,
    /// Rooms ended: snapshot and journal parts become one archived row.
    pub archives: Vec<RoomArchive>,
    /// Rooms that can not be loaded: of one that is kept already, the inputs are added to those that it has.
    pub quarantined: Vec<QuarantinedRoom>,
    /// Rooms that can be loaded again, and were saved or have ended.
    pub released: Vec<RoomId>,
    /// The directory.
    pub listings: Vec<ListingChange>,
    /// Who is in which room, for finding a user's rooms.
    pub members: Vec<(UserId, RoomId, Standing)>,
    /// Queues of games, encoded by their partition; none: nobody waits.
    pub queues: Vec<(String, Option<Vec<u8>>)>,
    /// Answers saved.
    pub inboxes: Vec<InboxSnapshot>,
    /// Users whose answers have all expired, by partition.
    pub forgotten: Vec<(u32, UserId)>,
    /// Connections.
    pub presence: Vec<PresenceChange>,
    /// Messages of users to each other, in order.
    pub direct_messages: Vec<DirectMessage>,
    /// Messages in the lobby, in order.
    pub lobby_messages: Vec<LobbyMessage>,
    /// Who has read which messages; of others' and unknown ones nothing is written.
    pub messages_read: Vec<(UserId, Vec<Uuid>)>,
    /// What players owe, and want to be kept from.
    pub wallets: BTreeMap<UserId, Wallet>,
    /// Payments that players asked for.
    pub top_ups: BTreeMap<Uuid, TopUp>,
    /// Disputes of them, by payment and the provider's id.
    pub disputes: BTreeMap<(Uuid, String), DisputeRow>,
    /// Direct and lobby messages of before are deleted, the oldest first.
    pub messages_kept_from: Option<Millis>,
}

/// Somebody to write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The user's name.
    pub username: String,
    /// Whether the account is neither closed nor banned.
    pub is_active: bool,
}

/// What a partition's owner keeps beside the log.
///
/// Guarantees: [`Store::commit`] writes all or nothing, together with the batch's records and the
/// offsets they imply, and only for the owner that holds the fence; what it wrote survives a kill at
/// any instant; a transfer whose key exists, or that would take a player or an escrow below 0, makes
/// the whole commit fail; reads see everything committed before.
pub trait Store {
    /// The records of a batch, as this store's log holds them.
    type Batch;

    /// Takes the fence: from now on no earlier owner can commit.
    fn take_over(&mut self, now: Millis) -> Result<Ownership, StoreError>;

    /// A player's balance.
    fn balance(&mut self, user: UserId) -> Result<Cents, StoreError>;

    /// Whether a transfer with this key exists.
    fn is_transferred(&mut self, key: &str) -> Result<bool, StoreError>;

    /// The rooms that a user is in.
    fn rooms_of(&mut self, user: UserId) -> Result<Vec<RoomId>, StoreError>;

    /// Whether the user's account can not be used any more.
    fn is_shut_out(&mut self, user: UserId) -> Result<bool, StoreError>;

    /// The queues in which somebody waits, by game.
    fn queues(&mut self) -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    /// The listed rooms of this name.
    fn rooms_named(&mut self, name: &str) -> Result<Vec<RoomId>, StoreError>;

    /// Name and whether it has ended, of a room that is not running here.
    fn ended_room(&mut self, room: &RoomId) -> Result<Option<String>, StoreError>;

    /// A user with an account, as messages name them.
    fn recipient(&mut self, user: UserId) -> Result<Option<Recipient>, StoreError>;

    /// What a player owes, and wants to be kept from.
    fn wallet(&mut self, user: UserId) -> Result<Option<Wallet>, StoreError>;

    /// A payment that was asked for.
    fn top_up(&mut self, request_id: Uuid) -> Result<Option<TopUp>, StoreError>;

    /// The disputes of a payment, by their ids.
    fn disputes(&mut self, request_id: Uuid) -> Result<Vec<DisputeRow>, StoreError>;

    /// A player's payments that may still be paid, and those that were paid after `since`; perhaps with others.
    fn counted_top_ups(&mut self, user: UserId, since: Millis) -> Result<Vec<TopUp>, StoreError>;

    /// The first batch that recovery applies to what is saved.
    fn floor(&mut self) -> Result<u64, StoreError>;

    /// The inputs of an ended room, one JSON object a line.
    fn archived_inputs(&mut self, room: &RoomId) -> Result<Option<Vec<u8>>, StoreError>;

    /// The saved rooms.
    fn rooms(&mut self) -> Result<Vec<RoomSnapshot>, StoreError>;

    /// The rooms that could not be loaded.
    fn quarantined_rooms(&mut self) -> Result<Vec<QuarantinedRoom>, StoreError>;

    /// One of these, whole; none where it is no such room.
    fn withheld_room(&mut self, room: &RoomId) -> Result<Option<WithheldRoom>, StoreError>;

    /// The saved answers.
    fn inboxes(&mut self) -> Result<Vec<InboxSnapshot>, StoreError>;

    /// The connections that are known.
    fn connections(&mut self) -> Result<Vec<Connection>, StoreError>;

    /// Writes a batch and moves the fence on.
    fn commit(
        &mut self,
        ownership: &mut Ownership,
        batch: &Self::Batch,
        writes: &Writes,
    ) -> Result<(), StoreError>;
}
