//! What operators read beside what players may: rooms and their money, sessions, totals, and where records were decided.
//! Nothing here writes.

#[cfg(test)]
pub mod conformance;

use super::StoreError;
use async_trait::async_trait;
use blazing_sun_domain::{Cents, Millis, RoomId, UserId};
use uuid::Uuid;

/// Which rooms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomFilter {
    /// Those that have ended; else those that have not.
    pub ended: bool,
    /// `waiting`, `in_progress`; of rooms that have not ended.
    pub status: Option<String>,
    /// Of this game.
    pub game_type: Option<String>,
}

/// A room, as it is listed or archived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRow {
    /// The room.
    pub room_id: String,
    /// Its name.
    pub room_name: String,
    /// Its game.
    pub game_type: String,
    /// `waiting`, `in_progress`, `ended`.
    pub status: String,
    /// When its line last changed, or when it ended.
    pub at: Millis,
    /// Its line in the directory as JSON, until it ends.
    pub summary: Option<String>,
    /// Since when it can not be loaded.
    pub quarantined: Option<Millis>,
}

/// Who is in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// Who.
    pub user: UserId,
    /// The user's name; none where there is no account.
    pub username: Option<String>,
    /// `player`, `lobby`, `spectator`, `left`.
    pub membership: String,
}

/// A transfer, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferRow {
    /// Its place in the ledger.
    pub position: i64,
    /// Its own for ever.
    pub key: String,
    /// `fee`, `prize`, …
    pub kind: String,
    /// The account that paid.
    pub from: String,
    /// The account that was paid.
    pub to: String,
    /// How much.
    pub amount: Cents,
    /// The room, where one is concerned.
    pub room_id: Option<String>,
    /// The player, where one is concerned.
    pub user: Option<UserId>,
    /// The command that it follows from.
    pub correlation_id: Option<String>,
    /// The batch that moved it; with several owners it is of one partition.
    pub batch_no: u64,
    /// When.
    pub at: Millis,
}

/// What has followed from one sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyRow {
    /// Its own.
    pub family: Uuid,
    /// When it was begun, as far as its tokens are kept.
    pub begun: Millis,
    /// When its token was last renewed.
    pub renewed: Millis,
    /// When it ends, unless it is renewed.
    pub expires: Millis,
}

/// A user's connections and sign-ins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sessions {
    /// What can be renewed, the last renewed first.
    pub families: Vec<FamilyRow>,
    /// Gateway and connection of each open socket.
    pub sockets: Vec<(String, String)>,
}

/// Where the money is and what moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// By what an account's name begins with (`player`, `escrow`, …), of the house's accounts by the whole name: how
    /// many have money, and how much.
    pub balances: Vec<(String, u64, Cents)>,
    /// The sum of what came into each of the house's own accounts, less what went out, by the transfers; and what players
    /// owe, below 0, as `receivable`.
    pub house: Vec<(String, Cents)>,
    /// What moved since the instant that was asked for, by kind: how many transfers, and how much.
    pub moved: Vec<(String, u64, Cents)>,
}

/// One statement, and so one instant of the books, for both stores: rows of [`Totals::of`]. `kind` is the SQL of what an
/// `account`'s name begins with; `$1` and `$2` are the first transfer that is looked at, and the instant since when.
pub(super) fn totals_sql(kind: &str) -> String {
    format!(
        "SELECT 0, {kind}, count(*) FILTER (WHERE balance > 0), CAST(sum(balance) AS bigint)
         FROM account_balance GROUP BY 2
         UNION ALL SELECT 1, account, CAST(0 AS bigint), CAST(sum(cents) AS bigint) FROM (
             SELECT to_account AS account, sum(amount_cents) AS cents FROM ledger_transfer
             WHERE to_account IN ({HOUSE}) GROUP BY to_account
             UNION ALL SELECT from_account, -sum(amount_cents) FROM ledger_transfer
             WHERE from_account IN ({HOUSE}) GROUP BY from_account) AS house
         GROUP BY account
         UNION ALL SELECT 2, 'receivable', CAST(0 AS bigint), -CAST(coalesce(sum(owed_cents), 0) AS bigint) FROM wallet
         UNION ALL SELECT 3, kind, count(*), CAST(sum(amount_cents) AS bigint) FROM ledger_transfer
         WHERE id >= $1 AND at_ms >= $2 GROUP BY kind"
    )
}

/// Changes of a player's balance for both stores: a [`TransferRow`], and the balance after the first of them, which is
/// today's less what came later. `$1` to `$4` are the user, the place before which, the account, and how many.
pub(super) fn statement_sql() -> String {
    let is_own = "user_id = $1 AND (to_account = $3 OR from_account = $3)";
    format!(
        "SELECT page.*,
             coalesce((SELECT balance FROM account_balance WHERE account = $3), 0)
             - CAST(coalesce((SELECT sum(CASE to_account WHEN $3 THEN amount_cents ELSE -amount_cents END)
                              FROM ledger_transfer WHERE {is_own} AND id >= $2), 0) AS bigint)
         FROM (SELECT {TRANSFER} WHERE {is_own} AND id < $2 ORDER BY id DESC LIMIT $4) AS page
         ORDER BY page.id DESC"
    )
}

/// The rows of [`statement_sql`], each with the balance after it.
pub(super) fn with_balances(
    rows: Vec<(TransferRow, Cents)>,
    account: &str,
) -> Vec<(TransferRow, Cents)> {
    let mut balance = rows.first().map_or(Cents::ZERO, |(_, newest)| *newest);
    let after = |(row, _): (TransferRow, Cents)| {
        let after = balance;
        balance = match row.to == account {
            true => balance - row.amount,
            false => balance + row.amount,
        };
        (row, after)
    };
    rows.into_iter().map(after).collect()
}

impl Totals {
    /// Of the rows of [`totals_sql`].
    pub(super) fn of(mut rows: Vec<(i32, String, u64, Cents)>) -> Totals {
        rows.sort();
        let mut totals = Totals::default();
        for (part, name, count, sum) in rows {
            match part {
                0 => totals.balances.push((name, count, sum)),
                1 | 2 => totals.house.push((name, sum)),
                _ => totals.moved.push((name, count, sum)),
            }
        }
        totals
    }
}

/// The batch that decided a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedIn {
    /// Its number, among its partition's where there are several owners.
    pub batch_no: u64,
    /// Its instant.
    pub at: Millis,
}

/// Accounts of the house whose balance is what their transfers come to.
const HOUSE: &str = "'house/rake', 'stripe/clearing', 'test/clearing', 'demo/mint'";

/// What a [`TransferRow`] is read from, in its order.
pub(super) const TRANSFER: &str =
    "id, key, kind, from_account, to_account, amount_cents, room_id, user_id,
     correlation_id, batch_no, at_ms FROM ledger_transfer";

/// What a [`RoomRow`] of a listed room is read from, in its order.
pub(super) const LISTED: &str = "SELECT listed.room_id, listed.room_name, listed.game_type, listed.status, listed.listed_ms,
            listed.summary, kept.since_ms
     FROM room_directory AS listed LEFT JOIN room_quarantine AS kept ON kept.room_id = listed.room_id";

/// Reads for operators.
///
/// Guarantees: each method sees everything that was committed before it was called; none locks what owners write.
#[async_trait]
pub trait Overview: Send + Sync + 'static {
    /// The `limit` rooms whose line changed last, or that ended last; of those before an instant and an id, if given.
    async fn rooms(
        &self,
        filter: &RoomFilter,
        before: Option<(Millis, String)>,
        limit: u32,
    ) -> Result<Vec<RoomRow>, StoreError>;

    /// A room; none where there is none, or it is in nobody's list.
    async fn room(&self, room: &RoomId) -> Result<Option<RoomRow>, StoreError>;

    /// Since when a room can not be loaded; none where it can be.
    async fn quarantined(&self, room: &RoomId) -> Result<Option<Millis>, StoreError>;

    /// Who is in it.
    async fn members(&self, room: &RoomId) -> Result<Vec<MemberRow>, StoreError>;

    /// What lies in its escrow.
    async fn escrow(&self, room: &RoomId) -> Result<Cents, StoreError>;

    /// The newest `limit` transfers of a room, newest first; of those before a place, if given.
    async fn transfers_of_room(
        &self,
        room: &RoomId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<TransferRow>, StoreError>;

    /// The newest `limit` changes of a player's balance, newest first, each with the balance after it; of those before a
    /// place, if given.
    async fn transfers_of_player(
        &self,
        user: UserId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<(TransferRow, Cents)>, StoreError>;

    /// Transfers of a room or a user that follow from a command, in order; at most `limit`.
    async fn transfers_after(
        &self,
        correlation_id: &str,
        room: Option<&RoomId>,
        user: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<TransferRow>, StoreError>;

    /// The rooms that a user is in: room and membership.
    async fn rooms_of(&self, user: UserId) -> Result<Vec<(String, String)>, StoreError>;

    /// Users whose name begins so, by name; at most `limit`.
    async fn users_beginning(&self, name: &str, limit: u32) -> Result<Vec<UserId>, StoreError>;

    /// A user's sign-ins that can be renewed at this instant, and open sockets.
    async fn sessions(&self, user: UserId, now: Millis) -> Result<Sessions, StoreError>;

    /// Where the money is, and what moved since an instant: all as of one instant.
    async fn totals(&self, since: Millis) -> Result<Totals, StoreError>;

    /// The batch that decided a record, which was written at this instant; none where that is not known (any more).
    async fn decided_in(
        &self,
        topic: &str,
        partition: u32,
        offset: u64,
        written: Millis,
    ) -> Result<Option<DecidedIn>, StoreError>;

    /// The first offset of a topic's partition that is not decided yet; none where nothing can wait to be decided.
    async fn decided_upto(&self, topic: &str, partition: u32) -> Result<Option<u64>, StoreError>;
}
