//! Rooms of a partition that can not be loaded.

use super::owner_store::{PgStore, SNAPSHOT, snapshot_of};
use super::prefetch::{room_of, user_of};
use crate::store::{QuarantinedRoom, StoreError, WithheldRoom};
use blazing_sun_domain::{Account, Cents, Millis, RoomId, UserId};
use tokio_postgres::Row;

impl PgStore {
    /// All of them, or one.
    pub(super) fn read_quarantined(
        &mut self,
        room: Option<&RoomId>,
    ) -> Result<Vec<QuarantinedRoom>, StoreError> {
        let sql = "SELECT room_id, partition, batch_no, since_ms, inputs FROM room_quarantine
                   WHERE partition = $1 AND ($2::text IS NULL OR room_id = $2) ORDER BY room_id";
        let partition = self.partition;
        let rows = self.rows(sql, &[&partition, &room.map(RoomId::as_str)])?;
        let read = |row: &Row| {
            Ok(QuarantinedRoom {
                room_id: room_of(row, 0)?,
                partition: row.try_get::<_, i32>(1)? as u32,
                batch_no: row.try_get::<_, i64>(2)? as u64,
                since: Millis(row.try_get(3)?),
                inputs: row.try_get(4)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// One room, whole.
    pub(super) fn read_withheld(
        &mut self,
        room: &RoomId,
    ) -> Result<Option<WithheldRoom>, StoreError> {
        let Some(kept) = self.read_quarantined(Some(room))?.pop() else {
            return Ok(None);
        };
        let id = room.as_str();
        let saved = self.rows(&format!("{SNAPSHOT} WHERE room_id = $1"), &[&id])?;
        let parts = "SELECT inputs FROM room_journal WHERE room_id = $1 ORDER BY part";
        let mut saved_inputs = Vec::new();
        for part in self.rows(parts, &[&id])? {
            saved_inputs.extend_from_slice(part.try_get(0)?);
        }
        let listed = self.rows(
            "SELECT status FROM room_directory WHERE room_id = $1",
            &[&id],
        )?;
        let members = "SELECT user_id FROM room_member WHERE room_id = $1 ORDER BY user_id";
        let members = self.rows(members, &[&id])?;
        let transfers = "SELECT key, kind, user_id, amount_cents FROM ledger_transfer
                         WHERE room_id = $1 ORDER BY id";
        let transfers = self.rows(transfers, &[&id])?;
        let transfer = |row: &Row| {
            let user: Option<i64> = row.try_get(2)?;
            let user = user.and_then(|user| UserId::new(u64::try_from(user).ok()?));
            Ok((
                row.try_get(0)?,
                row.try_get(1)?,
                user,
                Cents(row.try_get(3)?),
            ))
        };
        let account = Account::Escrow(room.clone()).to_string();
        let balance = "SELECT balance FROM account_balance WHERE account = $1";
        let balance = self.rows(balance, &[&account])?;
        let balance = balance.first().map(|row| row.try_get(0)).transpose()?;
        Ok(Some(WithheldRoom {
            snapshot: saved.first().map(snapshot_of).transpose()?,
            saved_inputs,
            kept,
            listed: listed.first().map(|row| row.try_get(0)).transpose()?,
            members: members
                .iter()
                .map(|row| user_of(row, 0))
                .collect::<Result<_, _>>()?,
            transfers: transfers
                .iter()
                .map(transfer)
                .collect::<Result<_, StoreError>>()?,
            escrow: balance.map_or(Cents::ZERO, Cents),
        }))
    }
}
