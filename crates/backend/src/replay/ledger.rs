//! The ledger's rows of a room against the transfers that its replay comes to.

use super::{ReplayedTransfer, Result};
use blazing_sun_domain::{Account, Millis, RoomId, Transfer};
use rusqlite::{Connection, OptionalExtension};

/// The ledger, as far as it concerns one room.
pub(super) struct LedgerRows<'c> {
    connection: &'c Connection,
    /// Keys of all rows that name the room or its escrow, in order.
    keys: Vec<String>,
}

struct LedgerRow {
    kind: String,
    from: String,
    to: String,
    amount_cents: i64,
    room_id: Option<String>,
    user_id: Option<i64>,
    at_ms: i64,
}

impl<'c> LedgerRows<'c> {
    pub fn read(connection: &'c Connection, room: &RoomId) -> Result<LedgerRows<'c>> {
        let mut statement = connection.prepare(
            "SELECT key FROM ledger_transfer
             WHERE room_id = ?1 OR from_account = ?2 OR to_account = ?2 ORDER BY id",
        )?;
        let escrow = Account::Escrow(room.clone()).to_string();
        let keys = statement.query_map([room.as_str(), &escrow], |row| row.get(0))?;
        let keys = keys.collect::<rusqlite::Result<_>>()?;
        Ok(LedgerRows { connection, keys })
    }

    /// What differs between a replayed transfer and its row.
    pub fn compare(
        &self,
        replayed: &ReplayedTransfer,
        transfer: &Transfer,
        now: Millis,
    ) -> Result<Option<String>> {
        let key = &replayed.key;
        let row = self
            .connection
            .prepare_cached(
                "SELECT kind, from_account, to_account, amount_cents, room_id, user_id, at_ms
                 FROM ledger_transfer WHERE key = ?1",
            )?
            .query_row([key], |row| {
                Ok(LedgerRow {
                    kind: row.get(0)?,
                    from: row.get(1)?,
                    to: row.get(2)?,
                    amount_cents: row.get(3)?,
                    room_id: row.get(4)?,
                    user_id: row.get(5)?,
                    at_ms: row.get(6)?,
                })
            })
            .optional()?;
        let Some(row) = row else {
            let amount = replayed.amount_cents;
            return Ok(Some(format!(
                "the ledger has no transfer {key} (of {amount})"
            )));
        };
        let user = transfer
            .player
            .as_ref()
            .map(|player| player.user_id.to_string());
        let room = transfer.room_id.as_ref().map(ToString::to_string);
        let none = || "nothing".to_owned();
        let columns = [
            ("kind", row.kind, replayed.kind.to_owned()),
            ("from_account", row.from, replayed.from.clone()),
            ("to_account", row.to, replayed.to.clone()),
            (
                "amount_cents",
                row.amount_cents.to_string(),
                replayed.amount_cents.to_string(),
            ),
            (
                "room_id",
                row.room_id.unwrap_or_else(none),
                room.unwrap_or_else(none),
            ),
            (
                "user_id",
                row.user_id.map_or_else(none, |user| user.to_string()),
                user.unwrap_or_else(none),
            ),
            ("at_ms", row.at_ms.to_string(), now.0.to_string()),
        ];
        let mut columns = columns.into_iter();
        let wrong = columns.find(|(_, stored, replayed)| stored != replayed);
        Ok(wrong.map(|(column, stored, replayed)| {
            format!("transfer {key}: {column} is {stored} in the ledger, replayed {replayed}")
        }))
    }

    /// What a player has after a transfer, by the ledger's rows; none where there is no such row.
    pub fn balance_after(&self, key: &str) -> Result<Option<i64>> {
        let balance = self
            .connection
            .prepare_cached(
                "SELECT (SELECT sum(CASE 'player/' || it.user_id
                                         WHEN earlier.to_account THEN earlier.amount_cents
                                         WHEN earlier.from_account THEN -earlier.amount_cents
                                         ELSE 0 END)
                         FROM ledger_transfer AS earlier
                         WHERE earlier.user_id = it.user_id AND earlier.id <= it.id)
                 FROM ledger_transfer AS it WHERE key = ?1",
            )?
            .query_row([key], |row| row.get::<_, Option<i64>>(0))
            .optional()?;
        Ok(balance.flatten())
    }

    /// What the ledger has of the room beside these transfers, or in another order.
    pub fn end(&self, replayed: &[ReplayedTransfer]) -> Vec<String> {
        let is_replayed = |key: &&String| replayed.iter().any(|transfer| transfer.key == **key);
        let extra = self.keys.iter().filter(|key| !is_replayed(key));
        let mut wrongs: Vec<String> = extra
            .map(|key| {
                format!("transfer {key} is in the ledger, and does not follow from the journal")
            })
            .collect();
        let stored = self.keys.iter().filter(is_replayed);
        let expected = replayed
            .iter()
            .filter(|transfer| self.keys.contains(&transfer.key));
        if !stored.eq(expected.map(|transfer| &transfer.key)) {
            wrongs.push("the room's transfers stand in another order in the ledger".to_owned());
        }
        wrongs
    }
}
