//! The store port on the embedded file: everything of a batch in one transaction.

use super::access::{JobOutcome, WriteJob, WriteJobs};
use super::messages;
use super::quarantine;
use super::wallet;
use super::write_back::{Progress, WriteBack, checkpoint};
use crate::store::wallet::{DisputeRow, TopUp, Wallet};
use crate::store::{
    Connection as UserConnection, InboxSnapshot, JournalDigest, ListingChange, Ownership,
    PresenceChange, QuarantinedRoom, Recipient, RoomArchive, RoomSnapshot, Standing, Store,
    StoreError, WithheldRoom, Writes,
};
use blazing_sun_backbone::log::sqlite::{Batch, SqliteAppender};
use blazing_sun_backbone::{is_planted, kill_point};
use blazing_sun_domain::room::Membership;
use blazing_sun_domain::{
    Account, Cents, CommandId, Millis, RoomId, Transfer, TransferKind, UserId,
};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// The embedded engine owns all partitions under this one row of `partition_owner`.
const ALL_PARTITIONS: i64 = -1;

pub(super) const SNAPSHOT: &str =
    "SELECT room_id, partition, batch_no, sealed_secret, password_mac, journal_parts, journal_digest,
            state, chat FROM room_snapshot";

/// The one writing connection, with the log's writing side.
pub struct SqliteStore {
    connection: Connection,
    /// The log's writing side.
    pub appender: SqliteAppender,
    /// Changes of the HTTP API that go with the next commit.
    jobs: Vec<WriteJob>,
    outcomes: Vec<JobOutcome>,
    /// About how much has come into the write-ahead log since it was last written back.
    wal_bytes: usize,
    write_back: Option<WriteBack>,
    /// To be told that a commit begins, where it is durable only later.
    readers: Option<Arc<WriteJobs>>,
}

/// From so much more on the write-ahead log is written back beside the engine, …
const WAL_BYTES_MIN: usize = 1 << 20;
/// … and from so many pages on the engine writes the rest, so that it begins anew: it does so only when
/// all of it is in the file, which batch upon batch prevents.
const WAL_PAGES_MAX: i64 = (16 << 20) / 4_096;
/// What a commit takes of it beside its records: the pages that every commit changes.
const WAL_BYTES_PER_COMMIT: usize = 6 * 4_096;

impl SqliteStore {
    /// A store on a migrated connection.
    pub fn new(connection: Connection, appender: SqliteAppender) -> SqliteStore {
        SqliteStore {
            connection,
            appender,
            jobs: Vec::new(),
            outcomes: Vec::new(),
            wal_bytes: 0,
            write_back: None,
            readers: None,
        }
    }

    /// From now on the write-ahead log is written back by [`SqliteStore::write_back`] alone: SQLite would do it
    /// within a commit, before anybody hears of that.
    pub fn write_back_is_ours(&mut self, path: &Path) -> Result<(), StoreError> {
        self.connection
            .pragma_update(None, "wal_autocheckpoint", 0)?;
        self.write_back = Some(WriteBack::start(path)?);
        Ok(())
    }

    /// Brings all that earlier owners committed into the file, which is synced. What they could not sync may look
    /// as if it were on the disk.
    pub fn write_back_all(&mut self) -> Result<(), StoreError> {
        let query = "PRAGMA wal_checkpoint(TRUNCATE)";
        let is_busy: bool = self
            .connection
            .query_row(query, [], |row| row.get::<_, i64>(0).map(|busy| busy != 0))?;
        if is_busy {
            tracing::warn!("another process reads the file: its write-ahead log goes on as it is");
        }
        Ok(())
    }

    /// From now on a commit is durable only once its owner has synced the write-ahead log; `readers` wait for that.
    /// The commits before are synced by SQLite: that of the take-over also syncs what a killed owner left.
    pub fn sync_is_ours(&mut self, readers: Arc<WriteJobs>) -> Result<(), StoreError> {
        // The file itself is changed only by what has been synced before, in this mode too.
        self.connection
            .pragma_update(None, "synchronous", "NORMAL")?;
        self.readers = Some(readers);
        Ok(())
    }

    /// Sees to it that the write-ahead log is written back into the file, for the most part while the engine
    /// goes on.
    pub fn write_back(&mut self) {
        let Some(beside) = &mut self.write_back else {
            return;
        };
        let ended = beside.ended();
        let is_long = |progress: &Progress| progress.logged >= WAL_PAGES_MAX;
        let written = match ended {
            Some(Ok(progress)) if is_long(&progress) => checkpoint(&self.connection).map(|_| ()),
            Some(ended) => ended.map(|_| ()),
            None => Ok(()),
        };
        if let Err(error) = written {
            // Nothing is lost: all of it is in the write-ahead log.
            tracing::warn!(error = %error, "the write-ahead log was not written back");
        }
        if self.wal_bytes >= WAL_BYTES_MIN && beside.begin() {
            self.wal_bytes = 0;
        }
    }

    /// The writing connection, for recovery.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Adds changes to the next commit; the outcomes of those of the last one are told first.
    pub fn add_jobs(&mut self, jobs: Vec<WriteJob>) {
        self.jobs.extend(jobs);
    }

    /// Whether changes wait for a commit.
    pub fn has_jobs(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Those of the last commit's changes, to be told what became of it.
    pub fn take_outcomes(&mut self) -> Vec<JobOutcome> {
        std::mem::take(&mut self.outcomes)
    }

    fn write_all(
        &mut self,
        ownership: &Ownership,
        batch: &Batch,
        writes: &Writes,
    ) -> Result<(), StoreError> {
        let jobs = std::mem::take(&mut self.jobs);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let held = transaction
            .prepare_cached(
                "UPDATE partition_owner SET batch_no = ?1, alive_ms = ?2, floor = ?6
                 WHERE partition = ?3 AND epoch = ?4 AND batch_no = ?5",
            )?
            .execute(params![
                ownership.batch_no as i64 + 1,
                writes.now.0,
                ALL_PARTITIONS,
                ownership.epoch,
                ownership.batch_no as i64,
                writes.floor as i64,
            ])?;
        if held != 1 {
            return Err(StoreError::Fenced {
                epoch: ownership.epoch,
            });
        }
        // Written even without records: a snapshot counts for its whole batch, so that no later
        // batch may bear its number.
        self.appender.write(batch, &transaction)?;
        for (transfer, command) in &writes.transfers {
            if transfer.kind == TransferKind::Rake && is_planted!(RakeLost) {
                continue;
            }
            write_transfer(
                &transaction,
                transfer,
                *command,
                batch.batch_no(),
                writes.now,
            )?;
            let is_doubled = match transfer.kind {
                TransferKind::Fee => is_planted!(TransferDoubled),
                TransferKind::TopUp => is_planted!(CreditDoubled),
                _ => false,
            };
            if is_doubled {
                let mut again = transfer.clone();
                again.key.push_str("/again");
                let batch_no = batch.batch_no();
                write_transfer(&transaction, &again, *command, batch_no, writes.now)?;
            }
        }
        for (room, part) in &writes.rooms {
            write_room(&transaction, room, part.as_deref())?;
        }
        quarantine::write(&transaction, writes)?;
        // Before the archives, which take all members of an ended room out.
        for (user, room, standing) in &writes.members {
            write_member(&transaction, *user, room, *standing)?;
        }
        for archive in &writes.archives {
            write_archive(&transaction, archive)?;
        }
        for change in &writes.listings {
            write_listing(&transaction, change, writes.now)?;
        }
        for (game_type, state) in &writes.queues {
            write_queue(&transaction, game_type, state.as_deref())?;
        }
        for inbox in &writes.inboxes {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO inbox_snapshot (partition, user_id, batch_no, answers)
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![
                    inbox.partition,
                    inbox.user.get() as i64,
                    inbox.batch_no as i64,
                    inbox.answers
                ])?;
        }
        for (partition, user) in &writes.forgotten {
            transaction
                .prepare_cached("DELETE FROM inbox_snapshot WHERE partition = ?1 AND user_id = ?2")?
                .execute(params![partition, user.get() as i64])?;
        }
        for change in &writes.presence {
            write_presence(&transaction, change, writes.now)?;
        }
        messages::write(&transaction, writes)?;
        wallet::write(&transaction, writes)?;
        self.outcomes
            .extend(jobs.into_iter().map(|job| job(&transaction)));
        kill_point!(Written);
        if let Some(readers) = &self.readers {
            readers.begin_commit();
        }
        transaction.commit()?;
        Ok(())
    }
}

impl Store for SqliteStore {
    type Batch = Batch;

    fn take_over(&mut self, now: Millis) -> Result<Ownership, StoreError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = transaction
            .query_row(
                "SELECT epoch, batch_no, alive_ms, floor FROM partition_owner WHERE partition = ?1",
                [ALL_PARTITIONS],
                |row| {
                    Ok((
                        row.get::<_, i64>(0)?,
                        row.get::<_, i64>(1)?,
                        row.get(2)?,
                        row.get::<_, i64>(3)?,
                    ))
                },
            )
            .optional()?;
        let (epoch, batch_no, alive_ms, floor) = before.unwrap_or((0, 0, now.0, 0));
        transaction.execute(
            "INSERT OR REPLACE INTO partition_owner (partition, epoch, batch_no, alive_ms, floor)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![ALL_PARTITIONS, epoch + 1, batch_no, alive_ms, floor],
        )?;
        transaction.commit()?;
        Ok(Ownership {
            epoch: epoch + 1,
            batch_no: batch_no as u64,
            last_alive: before.map(|_| Millis(alive_ms)),
        })
    }

    fn balance(&mut self, user: UserId) -> Result<Cents, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT balance FROM account_balance WHERE account = ?1")?;
        let balance = statement.query_row([Account::Player(user).to_string()], |row| row.get(0));
        Ok(Cents(balance.optional()?.unwrap_or(0)))
    }

    fn is_transferred(&mut self, key: &str) -> Result<bool, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM ledger_transfer WHERE key = ?1")?;
        Ok(statement.exists([key])?)
    }

    fn rooms_of(&mut self, user: UserId) -> Result<Vec<RoomId>, StoreError> {
        let query = "SELECT room_id FROM room_member WHERE user_id = ?1 AND membership <> 'left'
             ORDER BY room_id";
        room_ids(&self.connection, query, params![user.get() as i64])
    }

    fn is_shut_out(&mut self, user: UserId) -> Result<bool, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM users WHERE id = ?1 AND status <> 'active'")?;
        Ok(statement.exists([user.get() as i64])?)
    }

    fn queues(&mut self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let mut statement = self
            .connection
            .prepare("SELECT game_type, state FROM quick_queue ORDER BY game_type")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn rooms_named(&mut self, name: &str) -> Result<Vec<RoomId>, StoreError> {
        let query =
            "SELECT room_id FROM room_directory WHERE room_name = ?1 ORDER BY room_id LIMIT 2";
        room_ids(&self.connection, query, params![name])
    }

    fn ended_room(&mut self, room: &RoomId) -> Result<Option<String>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT room_name FROM room_archive WHERE room_id = ?1")?;
        Ok(statement
            .query_row([room.as_str()], |row| row.get(0))
            .optional()?)
    }

    fn recipient(&mut self, user: UserId) -> Result<Option<Recipient>, StoreError> {
        messages::recipient(&self.connection, user)
    }

    fn wallet(&mut self, user: UserId) -> Result<Option<Wallet>, StoreError> {
        wallet::wallet(&self.connection, user)
    }

    fn top_up(&mut self, request_id: Uuid) -> Result<Option<TopUp>, StoreError> {
        wallet::top_up(&self.connection, request_id)
    }

    fn disputes(&mut self, request_id: Uuid) -> Result<Vec<DisputeRow>, StoreError> {
        wallet::disputes(&self.connection, request_id)
    }

    fn counted_top_ups(&mut self, user: UserId, since: Millis) -> Result<Vec<TopUp>, StoreError> {
        wallet::counted(&self.connection, user, since)
    }

    fn archived_inputs(&mut self, room: &RoomId) -> Result<Option<Vec<u8>>, StoreError> {
        let query = "SELECT inputs FROM room_archive WHERE room_id = ?1";
        let inputs = self
            .connection
            .query_row(query, [room.as_str()], |row| row.get(0));
        Ok(inputs.optional()?)
    }

    fn floor(&mut self) -> Result<u64, StoreError> {
        let query = "SELECT floor FROM partition_owner WHERE partition = ?1";
        let floor = self
            .connection
            .query_row(query, [ALL_PARTITIONS], |row| row.get::<_, i64>(0));
        Ok(floor.optional()?.unwrap_or(0) as u64)
    }

    fn rooms(&mut self) -> Result<Vec<RoomSnapshot>, StoreError> {
        let query = format!("{SNAPSHOT} ORDER BY room_id");
        let mut statement = self.connection.prepare(&query)?;
        let mut rows = statement.query([])?;
        let mut rooms = Vec::new();
        while let Some(row) = rows.next()? {
            rooms.push(snapshot_of(row)?);
        }
        Ok(rooms)
    }

    fn quarantined_rooms(&mut self) -> Result<Vec<QuarantinedRoom>, StoreError> {
        quarantine::all(&self.connection)
    }

    fn withheld_room(&mut self, room: &RoomId) -> Result<Option<WithheldRoom>, StoreError> {
        quarantine::withheld(&self.connection, room)
    }

    fn inboxes(&mut self) -> Result<Vec<InboxSnapshot>, StoreError> {
        let mut statement = self
            .connection
            .prepare("SELECT partition, user_id, batch_no, answers FROM inbox_snapshot")?;
        let mut rows = statement.query([])?;
        let mut inboxes = Vec::new();
        while let Some(row) = rows.next()? {
            inboxes.push(InboxSnapshot {
                partition: row.get(0)?,
                user: parse_user(row.get(1)?)?,
                batch_no: row.get::<_, i64>(2)? as u64,
                answers: row.get(3)?,
            });
        }
        Ok(inboxes)
    }

    fn connections(&mut self) -> Result<Vec<UserConnection>, StoreError> {
        let mut statement = self
            .connection
            .prepare("SELECT user_id, gateway_id, boot_id, connection_id FROM presence")?;
        let mut rows = statement.query([])?;
        let mut connections = Vec::new();
        while let Some(row) = rows.next()? {
            connections.push(UserConnection {
                user: parse_user(row.get(0)?)?,
                gateway_id: row.get(1)?,
                boot_id: row.get(2)?,
                connection_id: row.get(3)?,
            });
        }
        Ok(connections)
    }

    fn commit(
        &mut self,
        ownership: &mut Ownership,
        batch: &Batch,
        writes: &Writes,
    ) -> Result<(), StoreError> {
        self.write_all(ownership, batch, writes)?;
        self.wal_bytes += batch.len_bytes() + WAL_BYTES_PER_COMMIT;
        ownership.batch_no += 1;
        Ok(())
    }
}

pub(super) fn parse_room(text: &str) -> Result<RoomId, StoreError> {
    text.parse()
        .map_err(|error| StoreError::Corrupt(format!("{error}")))
}

pub(super) fn parse_user(id: i64) -> Result<UserId, StoreError> {
    let user = u64::try_from(id).ok().and_then(UserId::new);
    user.ok_or_else(|| StoreError::Corrupt(format!("{id} is no user id")))
}

fn room_ids(
    connection: &Connection,
    query: &str,
    parameters: &[&dyn rusqlite::ToSql],
) -> Result<Vec<RoomId>, StoreError> {
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query(parameters)?;
    let mut rooms = Vec::new();
    while let Some(row) = rows.next()? {
        rooms.push(parse_room(
            row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?,
        )?);
    }
    Ok(rooms)
}

fn write_transfer(
    connection: &Connection,
    transfer: &Transfer,
    command: Option<CommandId>,
    batch_no: u64,
    now: Millis,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO ledger_transfer
             (key, kind, from_account, to_account, amount_cents, room_id, user_id, correlation_id, batch_no, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            transfer.key,
            transfer.kind.as_str(),
            transfer.from.to_string(),
            transfer.to.to_string(),
            transfer.amount.0,
            transfer.room_id.as_ref().map(RoomId::as_str),
            transfer.player.as_ref().map(|player| player.user_id.get() as i64),
            command.map(|command| command.to_string()),
            batch_no as i64,
            now.0,
        ])?;
    for (account, change) in [
        (&transfer.from, -transfer.amount.0),
        (&transfer.to, transfer.amount.0),
    ] {
        if !account.is_bounded() {
            continue;
        }
        // Updated first: an insert of a negative amount would fail the CHECK even where the account
        // has the money.
        let account = account.to_string();
        let updated = connection
            .prepare_cached("UPDATE account_balance SET balance = balance + ?2 WHERE account = ?1")?
            .execute(params![account, change])?;
        if updated == 0 {
            connection
                .prepare_cached("INSERT INTO account_balance (account, balance) VALUES (?1, ?2)")?
                .execute(params![account, change])?;
        }
    }
    Ok(())
}

fn write_room(
    connection: &Connection,
    room: &RoomSnapshot,
    part: Option<&[u8]>,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO room_snapshot
             (room_id, partition, batch_no, sealed_secret, password_mac, journal_parts, journal_digest,
              state, chat)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            room.room_id.as_str(),
            room.partition,
            room.batch_no as i64,
            room.sealed_secret,
            room.password_mac,
            room.journal_parts,
            room.journal_digest.map(|digest| digest.0),
            room.state,
            room.chat,
        ])?;
    if let Some(inputs) = part {
        connection
            .prepare_cached("INSERT INTO room_journal (room_id, part, inputs) VALUES (?1, ?2, ?3)")?
            .execute(params![
                room.room_id.as_str(),
                room.journal_parts - 1,
                inputs
            ])?;
    }
    Ok(())
}

pub(super) fn snapshot_of(row: &Row<'_>) -> Result<RoomSnapshot, StoreError> {
    Ok(RoomSnapshot {
        room_id: parse_room(&row.get::<_, String>(0)?)?,
        partition: row.get(1)?,
        batch_no: row.get::<_, i64>(2)? as u64,
        sealed_secret: row.get(3)?,
        password_mac: row.get(4)?,
        journal_parts: row.get(5)?,
        journal_digest: row.get::<_, Option<_>>(6)?.map(JournalDigest),
        state: row.get(7)?,
        chat: row.get(8)?,
    })
}

fn write_archive(connection: &Connection, archive: &RoomArchive) -> Result<(), StoreError> {
    let room = archive.room_id.as_str();
    let mut inputs = Vec::new();
    let mut parts = connection
        .prepare_cached("SELECT inputs FROM room_journal WHERE room_id = ?1 ORDER BY part")?;
    let mut rows = parts.query([room])?;
    while let Some(row) = rows.next()? {
        inputs.extend_from_slice(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
    }
    inputs.extend_from_slice(&archive.last_inputs);
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO room_archive
             (room_id, partition, game_type, room_name, game_version, ended_ms, sealed_secret, inputs,
              rules_version, digest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            room,
            archive.partition,
            archive.game_type,
            archive.room_name,
            archive.game_version,
            archive.ended.0,
            archive.sealed_secret,
            inputs,
            archive.rules_version,
            archive.journal_digest.map(|digest| digest.seal(archive)),
        ])?;
    for query in [
        "DELETE FROM room_journal WHERE room_id = ?1",
        "DELETE FROM room_snapshot WHERE room_id = ?1",
        "DELETE FROM room_member WHERE room_id = ?1",
    ] {
        connection.prepare_cached(query)?.execute([room])?;
    }
    Ok(())
}

fn write_listing(
    connection: &Connection,
    change: &ListingChange,
    now: Millis,
) -> Result<(), StoreError> {
    match change {
        ListingChange::Put(listing) => connection
            .prepare_cached(
                "INSERT INTO room_directory (room_id, room_name, game_type, status, summary, listed_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (room_id) DO UPDATE SET room_name = excluded.room_name,
                 status = excluded.status, summary = excluded.summary",
            )?
            .execute(params![
                listing.room_id.as_str(),
                listing.room_name,
                listing.game_type,
                listing.status,
                listing.summary,
                now.0,
            ])?,
        ListingChange::Remove(room) => connection
            .prepare_cached("DELETE FROM room_directory WHERE room_id = ?1")?
            .execute([room.as_str()])?,
    };
    Ok(())
}

fn write_member(
    connection: &Connection,
    user: UserId,
    room: &RoomId,
    standing: Standing,
) -> Result<(), StoreError> {
    let name = match standing {
        Standing::In(Membership::Player) => "player",
        Standing::In(Membership::Lobby) => "lobby",
        Standing::In(Membership::Spectator) => "spectator",
        Standing::Left => "left",
        Standing::In(Membership::None) | Standing::Out => {
            connection
                .prepare_cached("DELETE FROM room_member WHERE user_id = ?1 AND room_id = ?2")?
                .execute(params![user.get() as i64, room.as_str()])?;
            return Ok(());
        }
    };
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO room_member (user_id, room_id, membership) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![user.get() as i64, room.as_str(), name])?;
    Ok(())
}

fn write_queue(
    connection: &Connection,
    game_type: &str,
    state: Option<&[u8]>,
) -> Result<(), StoreError> {
    match state {
        Some(state) => connection
            .prepare_cached(
                "INSERT OR REPLACE INTO quick_queue (game_type, state) VALUES (?1, ?2)",
            )?
            .execute(params![game_type, state])?,
        None => connection
            .prepare_cached("DELETE FROM quick_queue WHERE game_type = ?1")?
            .execute([game_type])?,
    };
    Ok(())
}

fn write_presence(
    connection: &Connection,
    change: &PresenceChange,
    now: Millis,
) -> Result<(), StoreError> {
    match change {
        PresenceChange::Put(there) => connection
            .prepare_cached(
                "INSERT OR REPLACE INTO presence (user_id, gateway_id, boot_id, connection_id)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                there.user.get() as i64,
                there.gateway_id,
                there.boot_id,
                there.connection_id
            ])?,
        PresenceChange::Remove {
            user,
            connection_id,
        } => {
            connection
                .prepare_cached("DELETE FROM presence WHERE user_id = ?1 AND connection_id = ?2")?
                .execute(params![user.get() as i64, connection_id])?;
            connection
                .prepare_cached(
                    "INSERT INTO user_online (user_id, last_ms) VALUES (?1, ?2)
                     ON CONFLICT (user_id) DO UPDATE SET last_ms = max(last_ms, excluded.last_ms)",
                )?
                .execute(params![user.get() as i64, now.0])?
        }
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{self, Subject};
    use crate::store::overview::{self, Overview};
    use crate::store::reads::ReadSide;
    use crate::store::sqlite::{SqliteAccess, SqliteOverview, SqliteReads, migrate, open_writer};
    use blazing_sun_backbone::log::sqlite::{SqliteLog, SqliteLogOptions};
    use blazing_sun_backbone::log::{Headers, NewRecord, Topic};
    use blazing_sun_backbone::topics::TopicSpec;
    use bytes::Bytes;

    struct File(tempfile::TempDir);

    impl Subject for File {
        type S = SqliteStore;

        fn open(&self) -> SqliteStore {
            let path = self.0.path().join("store.db");
            let mut connection = open_writer(&path).unwrap();
            migrate(&mut connection).unwrap();
            let options = SqliteLogOptions::default();
            let (_, appender) = SqliteLog::open(&connection, &path, options).unwrap();
            SqliteStore::new(connection, appender)
        }

        fn reads(&self) -> Box<dyn ReadSide> {
            let path = self.0.path().join("store.db");
            Box::new(SqliteReads::new(SqliteAccess::standalone(&path).unwrap()))
        }

        fn overview(&self) -> Box<dyn Overview> {
            let path = self.0.path().join("store.db");
            Box::new(SqliteOverview::new(SqliteAccess::read_only(&path)))
        }

        fn add_user(&self, store: &mut SqliteStore, user: UserId, username: &str, status: &str) {
            let query = "INSERT INTO users (id, username, roles, status, created_ms, last_seen_ms)
                         VALUES (?1, ?2, '[]', ?3, 0, 0)";
            let row = params![user.get() as i64, username, status];
            store.connection.execute(query, row).unwrap();
        }

        fn commit(
            &self,
            store: &mut SqliteStore,
            by: &mut Ownership,
            writes: &Writes,
        ) -> Result<(), StoreError> {
            let batch = store.appender.begin(writes.now);
            let outcome = store.commit(by, &batch, writes);
            match outcome {
                Ok(()) => store.appender.committed(batch),
                Err(_) => store.appender.rolled_back(batch),
            }
            outcome
        }
    }

    #[test]
    fn the_write_ahead_log_stays_bounded_while_batch_follows_batch() {
        let file = File(tempfile::tempdir().unwrap());
        let mut store = file.open();
        store
            .write_back_is_ours(&file.0.path().join("store.db"))
            .unwrap();
        let topic = TopicSpec {
            name: "topic".to_owned(),
            partitions: 1,
            retention_ms: -1,
        };
        store
            .appender
            .ensure_topics(&[topic], &store.connection)
            .unwrap();
        let mut by = store.take_over(Millis(1)).unwrap();
        for _ in 0..1_000 {
            let mut batch = store.appender.begin(Millis(1));
            let record = NewRecord {
                topic: Topic::new("topic"),
                partition: Some(0),
                key: Bytes::new(),
                headers: Headers::default(),
                payload: vec![b'x'; 100_000].into(),
            };
            batch.push(record).unwrap();
            store.commit(&mut by, &batch, &Writes::default()).unwrap();
            store.appender.committed(batch);
            store.write_back();
        }
        let wal = file.0.path().join("store.db-wal");
        let bytes = std::fs::metadata(wal).unwrap().len() as i64;
        assert!(bytes < 3 * WAL_PAGES_MAX * 4_096, "{bytes}");
    }

    #[test]
    fn the_embedded_store_conforms() {
        conformance::run(|| File(tempfile::tempdir().unwrap()));
    }

    #[test]
    fn what_operators_read_conforms() {
        overview::conformance::run(|| File(tempfile::tempdir().unwrap()));
    }

    #[test]
    fn who_is_banned_is_shut_out() {
        let file = File(tempfile::tempdir().unwrap());
        let mut store = file.open();
        for (id, status) in [(1, "active"), (2, "banned"), (3, "closed")] {
            let query = "INSERT INTO users (id, username, roles, status, created_ms, last_seen_ms)
                         VALUES (?1, 'P', '[]', ?2, 0, 0)";
            store
                .connection()
                .execute(query, params![id, status])
                .unwrap();
        }
        // The fourth is another deployment's.
        let shut_out = (1..=4).map(|id| store.is_shut_out(UserId::new(id).unwrap()).unwrap());
        assert_eq!(shut_out.collect::<Vec<_>>(), [false, true, true, false]);
    }

    #[test]
    fn ledger_rows_are_never_changed() {
        let file = File(tempfile::tempdir().unwrap());
        let mut store = file.open();
        let mut by = store.take_over(Millis(1)).unwrap();
        let player = blazing_sun_domain::SeatedPlayer::person(UserId::new(7).unwrap(), "P");
        let transfers = vec![(Transfer::demo_grant(player, Cents(1)), None)];
        file.commit(
            &mut store,
            &mut by,
            &Writes {
                transfers,
                ..Writes::default()
            },
        )
        .unwrap();
        for query in [
            "UPDATE ledger_transfer SET amount_cents = 2",
            "DELETE FROM ledger_transfer",
        ] {
            let error = store
                .connection()
                .execute(query, [])
                .unwrap_err()
                .to_string();
            assert!(error.contains("only added"), "{error}");
        }
    }
}
