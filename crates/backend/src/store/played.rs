//! What a player has played, by the ledger: a seat that was paid for and not given back before its room ended.

use blazing_sun_domain::{Cents, Millis, RoomId, UserId};

/// Which of a player's rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlayedIn {
    /// All.
    AnyGame,
    /// Those of this game.
    Game(String),
    /// This one alone.
    Room(RoomId),
}

impl PlayedIn {
    /// A statement's condition, and the value of its `$4`.
    pub(super) fn condition(&self) -> (&'static str, Option<&str>) {
        match self {
            PlayedIn::AnyGame => ("", None),
            PlayedIn::Game(game_type) => (" AND ended.game_type = $4", Some(game_type)),
            PlayedIn::Room(room) => (" AND fee.room_id = $4", Some(room.as_str())),
        }
    }
}

/// An ended room, as one of its players was in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayedRoom {
    /// The place of the fee in the ledger: grows with every transfer.
    pub position: i64,
    /// The room.
    pub room_id: String,
    /// Its name.
    pub room_name: String,
    /// Its game.
    pub game_type: String,
    /// When the player took the seat.
    pub seated: Millis,
    /// When the room ended.
    pub ended: Millis,
    /// Everybody who had a seat to the end, in the order of taking them.
    pub players: Vec<SeatMoney>,
}

/// What a seat cost its player and brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatMoney {
    /// Whose seat.
    pub user: UserId,
    /// The name that the user has now; none where there is no account.
    pub username: Option<String>,
    /// Whether it is the house's bot.
    pub is_bot: bool,
    /// The fee.
    pub paid: Cents,
    /// What of it came back.
    pub returned: Cents,
    /// The prize.
    pub won: Cents,
}

/// What a player's rooms of one game come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GameTally {
    /// The game.
    pub game_type: String,
    /// Rooms that were won or lost.
    pub played: u64,
    /// Those that were won.
    pub won: u64,
    /// Rooms whose fees went back: draws, and what was called off.
    pub returned: u64,
    /// Fees of rooms that were won or lost.
    pub paid: Cents,
    /// Prizes.
    pub prizes: Cents,
}

/// A player's rooms without their other players. `$1` is the player; the rest of a statement bounds and orders.
/// A seat that was given up before play had its fee back before the room ended, or nobody else did.
pub(super) const PLAYED: &str =
    "SELECT fee.id AS id, fee.room_id AS room_id, ended.room_name AS room_name, ended.game_type AS game_type,
            fee.at_ms AS seated_ms, ended.ended_ms AS ended_ms, fee.amount_cents AS paid,
            coalesce(back.amount_cents, 0) AS returned, coalesce(prize.amount_cents, 0) AS won
     FROM ledger_transfer AS fee
     JOIN room_archive AS ended ON ended.room_id = fee.room_id
     LEFT JOIN ledger_transfer AS back ON back.key = 'refund' || substr(fee.key, 4)
     LEFT JOIN ledger_transfer AS prize ON prize.key = 'prize/' || fee.room_id || '/' || fee.user_id
     WHERE fee.user_id = $1 AND fee.kind = 'fee'
       AND (back.key IS NULL
            OR back.at_ms = ended.ended_ms
               AND EXISTS (SELECT 1 FROM ledger_transfer AS others
                           WHERE others.room_id = fee.room_id AND others.kind = 'refund'
                             AND others.at_ms = ended.ended_ms AND others.user_id <> fee.user_id))";

/// What [`PLAYED`] comes to, by game.
pub(super) const TALLY: &str =
    "game_type, count(CASE WHEN returned = 0 THEN 1 END), count(CASE WHEN won > 0 THEN 1 END),
     count(CASE WHEN returned > 0 THEN 1 END), CAST(sum(paid - returned) AS BIGINT), CAST(sum(won) AS BIGINT)";

/// The seats' money of some rooms, in the order of the ledger; the names' table may lack a user.
pub(super) const MONEY: &str =
    "SELECT moved.room_id, moved.user_id, moved.kind, moved.amount_cents, moved.at_ms, users.username, users.roles
     FROM ledger_transfer AS moved LEFT JOIN users ON users.id = moved.user_id
     WHERE moved.user_id IS NOT NULL AND moved.kind IN ('fee', 'refund', 'prize')";

/// A row of [`MONEY`].
pub(super) struct MoneyRow {
    pub(super) user: UserId,
    pub(super) kind: String,
    pub(super) amount: Cents,
    pub(super) at: Millis,
    pub(super) username: Option<String>,
    pub(super) roles: Option<String>,
}

impl PlayedRoom {
    /// Takes the next row of the room's money.
    pub(super) fn take(&mut self, row: MoneyRow) {
        let known = self.players.iter().position(|seat| seat.user == row.user);
        match (row.kind.as_str(), known) {
            // Whoever takes a seat again paid for the one before in vain.
            ("fee", known) => {
                known.map(|at| self.players.remove(at));
                self.players.push(SeatMoney {
                    user: row.user,
                    username: row.username,
                    is_bot: row.roles.as_deref() == Some(r#"["bot"]"#),
                    paid: row.amount,
                    returned: Cents::ZERO,
                    won: Cents::ZERO,
                });
            }
            ("refund", Some(at)) if row.at == self.ended => self.players[at].returned = row.amount,
            ("refund", Some(at)) => {
                self.players.remove(at);
            }
            ("prize", Some(at)) => self.players[at].won = row.amount,
            _ => {}
        }
    }
}
