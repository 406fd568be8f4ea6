//! The store port for one partition on PostgreSQL: a transaction a batch, of two round trips.

use super::batch::OwnerBatch;
use super::error::{is_answer, is_refusal};
use super::pipeline::{Calls, in_order};
use super::prefetch::{Asked, Declared, Known, Rows, room_of, user_of};
use super::session::{Link, Session};
use super::statements::Sql;
use super::writes;
use crate::store::wallet::{DisputeRow, TopUp, Wallet};
use crate::store::{
    Connection, InboxSnapshot, JournalDigest, Ownership, QuarantinedRoom, Recipient, RoomSnapshot,
    Store, StoreError, WithheldRoom, Writes,
};
use blazing_sun_backbone::kill_point;
use blazing_sun_backbone::postgres::{PgFailure, PgOptions};
use blazing_sun_domain::{Cents, Millis, RoomId, UserId};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::{Error, Row};
use uuid::Uuid;

/// The store of one partition's owner. Its methods block the calling thread, which must be none of an async
/// runtime's.
///
/// A batch is [`PgStore::begin`], reads, [`Store::commit`]. From the first to the last the fence and the declared
/// accounts are locked, for three seconds without a word from here at most. After an error the transaction is
/// over, or [`PgStore::roll_back`] ends it.
pub struct PgStore {
    pub(super) link: Link,
    pub(super) partition: i32,
    owner: String,
    /// What has been read in the transaction that is open.
    open: Option<Known>,
}

/// What became of the transaction that a lost connection cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landed {
    /// It is committed.
    Yes,
    /// It is not, and never will be.
    No,
}

impl PgStore {
    /// The store of this partition, for an owner whom operators see under this name. Connects when it is first
    /// used.
    pub fn new(options: &PgOptions, partition: u32, owner: &str) -> Result<PgStore, StoreError> {
        let too_high = |_| StoreError::Corrupt(format!("there can be no partition {partition}"));
        Ok(PgStore {
            link: Link::new(options, format!("blazing-sun partition {partition}"))?,
            partition: i32::try_from(partition).map_err(too_high)?,
            owner: owner.to_owned(),
            open: None,
        })
    }

    /// Begins a batch: takes the fence's row, then the declared accounts in the order of their ids, and reads
    /// what else is declared. One round trip.
    pub fn begin(&mut self, ownership: &Ownership, declared: &Declared) -> Result<(), StoreError> {
        let before = match self.open.take() {
            Some(_) => "ROLLBACK; BEGIN",
            None => "BEGIN",
        };
        let fence = (self.partition, ownership.epoch, ownership.batch_no as i64);
        let known = self.link.run_again(async |session| {
            let mut all: Vec<Asked<'_>> = vec![
                Box::pin(async {
                    session.client.batch_execute(before).await?;
                    Ok(Rows::Nothing)
                }),
                Box::pin(async {
                    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
                        [&fence.0, &fence.1, &fence.2];
                    let rows = session.query(Sql::Fence, &parameters).await?;
                    Ok(Rows::Held(!rows.is_empty()))
                }),
            ];
            all.extend(declared.ask(session, true));
            let answers: Result<Vec<Rows>, StoreError> = in_order(all).await.into_iter().collect();
            let known = answers.and_then(|answers| {
                if answers.iter().any(|rows| matches!(rows, Rows::Held(false))) {
                    let epoch = ownership.epoch;
                    return Err(StoreError::Fenced { epoch });
                }
                let mut known = Known::default();
                known.add(declared, answers)?;
                Ok(known)
            });
            if known.is_err() {
                roll_back(session).await;
            }
            known
        })?;
        self.open = Some(known);
        Ok(())
    }

    /// Whether a batch has been begun, and its transaction is open as far as is known.
    pub fn is_in_batch(&self) -> bool {
        self.open.is_some() && self.link.is_open()
    }

    /// Ends a batch that is not to be committed.
    pub fn roll_back(&mut self) {
        if self.open.take().is_none() || !self.link.is_open() {
            return;
        }
        let ended = self.link.run(async |session| {
            session.client.batch_execute("ROLLBACK").await?;
            Ok(())
        });
        if ended.is_err() {
            // The server rolls back what has no connection.
            self.link.close();
        }
    }

    /// After [`StoreError::CommitUnknown`]: whether the batch that follows `ownership` has landed, which is waited
    /// for if it may still be under way. Where it has, `ownership` moves on.
    pub fn landed(&mut self, ownership: &mut Ownership) -> Result<Landed, StoreError> {
        let partition = self.partition;
        let (epoch, batch_no) = self.link.run_again(async |session| {
            // With the row's lock, which the transaction holds until its end.
            let sql = "SELECT epoch, batch_no FROM partition_owner WHERE partition = $1 FOR UPDATE";
            let row = session.client.query_one(sql, &[&partition]).await?;
            Ok((row.try_get::<_, i64>(0)?, row.try_get::<_, i64>(1)?))
        })?;
        if epoch != ownership.epoch {
            let epoch = ownership.epoch;
            return Err(StoreError::Fenced { epoch });
        }
        match (batch_no as u64).checked_sub(ownership.batch_no) {
            Some(0) => Ok(Landed::No),
            Some(1) => {
                ownership.batch_no += 1;
                Ok(Landed::Yes)
            }
            _ => Err(StoreError::Corrupt(format!(
                "partition {partition} is at batch {batch_no}, its owner at {}",
                ownership.batch_no
            ))),
        }
    }

    /// What is declared, from what is known or else from the database.
    fn known<T>(
        &mut self,
        find: impl Fn(&Known) -> Option<T>,
        declared: impl FnOnce() -> Declared,
    ) -> Result<T, StoreError> {
        if let Some(found) = self.open.as_ref().and_then(&find) {
            return Ok(found);
        }
        let declared = declared();
        let read = match &self.open {
            Some(_) if !self.link.is_open() => return Err(no_transaction()),
            Some(_) => self
                .link
                .run(async |session| declared.read(session, true).await),
            None => self
                .link
                .run_again(async |session| declared.read(session, false).await),
        };
        let read = read?;
        let found = find(&read);
        if let Some(known) = &mut self.open {
            known.extend(read);
        }
        found.ok_or_else(|| StoreError::Corrupt("a question without an answer".to_owned()))
    }

    /// Reads rows outside of any batch, or as they were before it.
    pub(super) fn rows(
        &mut self,
        sql: &str,
        parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let query = async |session: &Session| Ok(session.client.query(sql, parameters).await?);
        match self.open {
            Some(_) if !self.link.is_open() => Err(no_transaction()),
            Some(_) => self.link.run(query),
            None => self.link.run_again(query),
        }
    }
}

/// The connection was lost since the batch began, and the transaction with it.
fn no_transaction() -> StoreError {
    StoreError::Unreachable(PgFailure::other("the batch has no transaction any more"))
}

async fn roll_back(session: &Session) {
    // Where it fails the connection is lost, and the transaction with it.
    let _ = session.client.batch_execute("ROLLBACK").await;
}

/// What became of a batch whose statements and COMMIT were all sent. A COMMIT that follows a failed statement is
/// taken by the server as ROLLBACK, and answered as if all were well.
fn outcome_of(batch_no: u64, outcomes: Vec<Result<(), Error>>) -> Result<(), StoreError> {
    let last = outcomes.len().saturating_sub(1);
    let failed = outcomes
        .into_iter()
        .enumerate()
        .find_map(|(at, outcome)| Some((at, outcome.err()?)));
    match failed {
        None => Ok(()),
        Some((at, error)) if is_refusal(&error) || at < last && is_answer(&error) => {
            Err(error.into())
        }
        // An end of the session that was answered to COMMIT may have come after it took effect.
        Some((_, error)) => Err(StoreError::CommitUnknown {
            batch_no,
            source: error.into(),
        }),
    }
}

impl Store for PgStore {
    type Batch = OwnerBatch;

    fn take_over(&mut self, now: Millis) -> Result<Ownership, StoreError> {
        self.roll_back();
        let (partition, owner) = (self.partition, self.owner.clone());
        let row = self.link.run_again(async |session| {
            // An older owner's transaction holds the row: it is waited for, as long as `lock_timeout` says.
            let sql = "INSERT INTO partition_owner
                           (partition, epoch, batch_no, alive_ms, floor, published_upto, owner)
                       VALUES ($1, 1, 0, $2, 0, 0, $3)
                       ON CONFLICT (partition) DO UPDATE
                           SET epoch = partition_owner.epoch + 1, owner = excluded.owner
                       RETURNING epoch, batch_no, alive_ms";
            Ok(session
                .client
                .query_one(sql, &[&partition, &now.0, &owner])
                .await?)
        })?;
        let epoch: i64 = row.try_get(0)?;
        let alive = Millis(row.try_get(2)?);
        Ok(Ownership {
            epoch,
            batch_no: row.try_get::<_, i64>(1)? as u64,
            last_alive: (epoch > 1).then_some(alive),
        })
    }

    fn balance(&mut self, user: UserId) -> Result<Cents, StoreError> {
        let found = self.known(
            |known| known.balances.get(&user).copied(),
            || Declared {
                accounts: BTreeSet::from([user]),
                ..Declared::default()
            },
        )?;
        Ok(found.unwrap_or(Cents::ZERO))
    }

    fn is_transferred(&mut self, key: &str) -> Result<bool, StoreError> {
        self.known(
            |known| known.transferred.get(key).copied(),
            || Declared {
                transfers: BTreeSet::from([key.to_owned()]),
                ..Declared::default()
            },
        )
    }

    fn rooms_of(&mut self, user: UserId) -> Result<Vec<RoomId>, StoreError> {
        self.known(
            |known| known.rooms_of.get(&user).cloned(),
            || Declared {
                rooms_of: BTreeSet::from([user]),
                ..Declared::default()
            },
        )
    }

    fn is_shut_out(&mut self, user: UserId) -> Result<bool, StoreError> {
        let account = self.recipient(user)?;
        Ok(account.is_some_and(|account| !account.is_active))
    }

    fn queues(&mut self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let rows = self.rows(
            "SELECT game_type, state FROM quick_queue ORDER BY game_type",
            &[],
        )?;
        let read = |row: &Row| Ok((row.try_get(0)?, row.try_get(1)?));
        rows.iter().map(read).collect()
    }

    fn rooms_named(&mut self, name: &str) -> Result<Vec<RoomId>, StoreError> {
        self.known(
            |known| known.rooms_named.get(name).cloned(),
            || Declared {
                rooms_named: BTreeSet::from([name.to_owned()]),
                ..Declared::default()
            },
        )
    }

    fn ended_room(&mut self, room: &RoomId) -> Result<Option<String>, StoreError> {
        self.known(
            |known| known.ended_rooms.get(room).cloned(),
            || Declared {
                ended_rooms: BTreeSet::from([room.clone()]),
                ..Declared::default()
            },
        )
    }

    fn recipient(&mut self, user: UserId) -> Result<Option<Recipient>, StoreError> {
        self.known(
            |known| known.users.get(&user).cloned(),
            || Declared {
                users: BTreeSet::from([user]),
                ..Declared::default()
            },
        )
    }

    fn wallet(&mut self, user: UserId) -> Result<Option<Wallet>, StoreError> {
        self.known(
            |known| known.wallets.get(&user).cloned(),
            || Declared {
                wallets: BTreeSet::from([user]),
                ..Declared::default()
            },
        )
    }

    fn top_up(&mut self, request_id: Uuid) -> Result<Option<TopUp>, StoreError> {
        self.known(
            |known| known.top_ups.get(&request_id).cloned(),
            || Declared {
                top_ups: BTreeSet::from([request_id]),
                ..Declared::default()
            },
        )
    }

    fn disputes(&mut self, request_id: Uuid) -> Result<Vec<DisputeRow>, StoreError> {
        self.known(
            |known| known.disputes.get(&request_id).cloned(),
            || Declared {
                top_ups: BTreeSet::from([request_id]),
                ..Declared::default()
            },
        )
    }

    fn counted_top_ups(&mut self, user: UserId, since: Millis) -> Result<Vec<TopUp>, StoreError> {
        self.known(
            |known| {
                let (from, counted) = known.counted.get(&user)?;
                (*from <= since).then(|| counted.clone())
            },
            || Declared {
                counted: BTreeMap::from([(user, since)]),
                ..Declared::default()
            },
        )
    }

    fn floor(&mut self) -> Result<u64, StoreError> {
        let sql = "SELECT floor FROM partition_owner WHERE partition = $1";
        let partition = self.partition;
        let rows = self.rows(sql, &[&partition])?;
        let floor = rows.first().map(|row| row.try_get::<_, i64>(0));
        Ok(floor.transpose()?.unwrap_or(0) as u64)
    }

    fn archived_inputs(&mut self, room: &RoomId) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT inputs FROM room_archive WHERE room_id = $1";
        let rows = self.rows(sql, &[&room.as_str()])?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
    }

    fn rooms(&mut self) -> Result<Vec<RoomSnapshot>, StoreError> {
        let sql = format!("{SNAPSHOT} WHERE partition = $1 ORDER BY room_id");
        let partition = self.partition;
        let rows = self.rows(&sql, &[&partition])?;
        rows.iter().map(snapshot_of).collect()
    }

    fn quarantined_rooms(&mut self) -> Result<Vec<QuarantinedRoom>, StoreError> {
        self.read_quarantined(None)
    }

    fn withheld_room(&mut self, room: &RoomId) -> Result<Option<WithheldRoom>, StoreError> {
        self.read_withheld(room)
    }

    fn inboxes(&mut self) -> Result<Vec<InboxSnapshot>, StoreError> {
        let sql =
            "SELECT partition, user_id, batch_no, answers FROM inbox_snapshot WHERE partition = $1";
        let partition = self.partition;
        let rows = self.rows(sql, &[&partition])?;
        let read = |row: &Row| {
            Ok(InboxSnapshot {
                partition: row.try_get::<_, i32>(0)? as u32,
                user: user_of(row, 1)?,
                batch_no: row.try_get::<_, i64>(2)? as u64,
                answers: row.try_get(3)?,
            })
        };
        rows.iter().map(read).collect()
    }

    fn connections(&mut self) -> Result<Vec<Connection>, StoreError> {
        let sql =
            "SELECT user_id, gateway_id, boot_id, connection_id FROM presence WHERE partition = $1";
        let partition = self.partition;
        let rows = self.rows(sql, &[&partition])?;
        let read = |row: &Row| {
            Ok(Connection {
                user: user_of(row, 0)?,
                gateway_id: row.try_get(1)?,
                boot_id: row.try_get(2)?,
                connection_id: row.try_get(3)?,
            })
        };
        rows.iter().map(read).collect()
    }

    fn commit(
        &mut self,
        ownership: &mut Ownership,
        batch: &OwnerBatch,
        writes: &Writes,
    ) -> Result<(), StoreError> {
        let Some(known) = self.open.take().filter(|_| self.link.is_open()) else {
            return Err(no_transaction());
        };
        let batch_no = ownership.batch_no + 1;
        let calls = writes::calls(self.partition, batch_no, batch, writes, &known);
        let calls: Calls<'_> = match calls {
            Ok(calls) => calls,
            Err(error) => {
                self.open = Some(known);
                self.roll_back();
                return Err(error);
            }
        };
        kill_point!(Written);
        let sent = self.link.run(async |session| {
            let outcomes = calls
                .send(&session.client, &session.statements, "COMMIT")
                .await;
            outcome_of(batch_no, outcomes)
        });
        match sent {
            Ok(()) => {
                ownership.batch_no = batch_no;
                Ok(())
            }
            // Without an answer in time it is unknown too.
            Err(StoreError::Unreachable(source)) if source.code().is_none() => {
                Err(StoreError::CommitUnknown { batch_no, source })
            }
            Err(error) => Err(error),
        }
    }
}

pub(super) const SNAPSHOT: &str = "SELECT room_id, partition, batch_no, sealed_secret, password_mac, journal_parts, journal_digest,
            state, chat FROM room_snapshot";

pub(super) fn snapshot_of(row: &Row) -> Result<RoomSnapshot, StoreError> {
    let room_id = room_of(row, 0)?;
    let corrupt = |what: &str| StoreError::Corrupt(format!("the {what} of room {room_id}"));
    let of_32_bytes = |column: usize, what: &str| -> Result<Option<[u8; 32]>, StoreError> {
        let bytes: Option<&[u8]> = row.try_get(column)?;
        let bytes = bytes.map(<[u8; 32]>::try_from);
        bytes.transpose().map_err(|_| corrupt(what))
    };
    Ok(RoomSnapshot {
        partition: row.try_get::<_, i32>(1)? as u32,
        batch_no: row.try_get::<_, i64>(2)? as u64,
        sealed_secret: row.try_get(3)?,
        password_mac: of_32_bytes(4, "password")?,
        journal_parts: u32::try_from(row.try_get::<_, i64>(5)?).map_err(|_| corrupt("journal"))?,
        journal_digest: of_32_bytes(6, "journal's digest")?.map(JournalDigest),
        state: row.try_get(7)?,
        chat: row.try_get(8)?,
        room_id,
    })
}
