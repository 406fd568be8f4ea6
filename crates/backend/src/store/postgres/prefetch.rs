//! What the decisions of a batch read of the database, asked for in one round trip and kept for as long as the
//! batch is decided.

use super::pipeline::in_order;
use super::session::Session;
use super::statements::Sql;
use super::wallet::{dispute_of, top_up_of, wallet_of};
use crate::store::wallet::{DisputeRow, TopUp, Wallet};
use crate::store::{Recipient, StoreError};
use blazing_sun_domain::{Account, Cents, Millis, RoomId, UserId};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use tokio_postgres::Row;
use uuid::Uuid;

/// What a batch's records are known to need, as far as that can be seen before they are decided. What is missing
/// here is asked for when it is read, a round trip each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// Players whose balances may change: locked, in the order of their ids.
    pub accounts: BTreeSet<UserId>,
    /// Keys of transfers that may exist.
    pub transfers: BTreeSet<String>,
    /// Users whose rooms are asked for.
    pub rooms_of: BTreeSet<UserId>,
    /// Users whose accounts are looked at: shut out, or to be written to.
    pub users: BTreeSet<UserId>,
    /// Names of rooms to look up.
    pub rooms_named: BTreeSet<String>,
    /// Rooms that may have ended.
    pub ended_rooms: BTreeSet<RoomId>,
    /// Users who may have excluded themselves, or owe something.
    pub wallets: BTreeSet<UserId>,
    /// Payments, with their disputes.
    pub top_ups: BTreeSet<Uuid>,
    /// Users whose payments are counted, and from when on.
    pub counted: BTreeMap<UserId, Millis>,
}

/// What has been read, by what was asked.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The balances of locked accounts; none where there is no account.
    pub(super) balances: BTreeMap<UserId, Option<Cents>>,
    pub(super) transferred: BTreeMap<String, bool>,
    pub(super) rooms_of: BTreeMap<UserId, Vec<RoomId>>,
    pub(super) users: BTreeMap<UserId, Option<Recipient>>,
    pub(super) rooms_named: BTreeMap<String, Vec<RoomId>>,
    pub(super) ended_rooms: BTreeMap<RoomId, Option<String>>,
    pub(super) wallets: BTreeMap<UserId, Option<Wallet>>,
    pub(super) top_ups: BTreeMap<Uuid, Option<TopUp>>,
    pub(super) disputes: BTreeMap<Uuid, Vec<DisputeRow>>,
    /// Each with the instant from which on they were read.
    pub(super) counted: BTreeMap<UserId, (Millis, Vec<TopUp>)>,
}

pub(super) type Asked<'a> = Pin<Box<dyn Future<Output = Result<Rows, StoreError>> + 'a>>;

/// The answer to one question.
pub(super) enum Rows {
    Nothing,
    /// Whether the fence is held.
    Held(bool),
    Balances(Vec<Row>),
    Transferred(Vec<Row>),
    RoomsOf(Vec<Row>),
    Users(Vec<Row>),
    RoomsNamed(Vec<Row>),
    EndedRooms(Vec<Row>),
    Wallets(Vec<Row>),
    TopUps(Vec<Row>),
    Disputes(Vec<Row>),
    Counted(Vec<Row>),
}

impl Declared {
    /// The questions, to be polled in this order.
    pub(super) fn ask<'a>(&'a self, session: &'a Session, is_locking: bool) -> Vec<Asked<'a>> {
        let mut all: Vec<Asked<'a>> = Vec::new();
        if !self.accounts.is_empty() {
            let accounts: Vec<String> = self.accounts.iter().map(account_of).collect();
            let sql = match is_locking {
                true => Sql::Balances,
                false => Sql::BalancesUnlocked,
            };
            all.push(Box::pin(async move {
                Ok(Rows::Balances(session.query(sql, &[&accounts]).await?))
            }));
        }
        if !self.transfers.is_empty() {
            let keys: Vec<&str> = self.transfers.iter().map(String::as_str).collect();
            all.push(Box::pin(async move {
                Ok(Rows::Transferred(
                    session.query(Sql::Transferred, &[&keys]).await?,
                ))
            }));
        }
        if !self.rooms_of.is_empty() {
            let users: Vec<i64> = self.rooms_of.iter().map(stored).collect();
            all.push(Box::pin(async move {
                Ok(Rows::RoomsOf(session.query(Sql::RoomsOf, &[&users]).await?))
            }));
        }
        if !self.users.is_empty() {
            let users: Vec<i64> = self.users.iter().map(stored).collect();
            all.push(Box::pin(async move {
                Ok(Rows::Users(session.query(Sql::Users, &[&users]).await?))
            }));
        }
        if !self.rooms_named.is_empty() {
            let names: Vec<&str> = self.rooms_named.iter().map(String::as_str).collect();
            all.push(Box::pin(async move {
                Ok(Rows::RoomsNamed(
                    session.query(Sql::RoomsNamed, &[&names]).await?,
                ))
            }));
        }
        if !self.ended_rooms.is_empty() {
            let rooms: Vec<&str> = self.ended_rooms.iter().map(RoomId::as_str).collect();
            all.push(Box::pin(async move {
                Ok(Rows::EndedRooms(
                    session.query(Sql::EndedRooms, &[&rooms]).await?,
                ))
            }));
        }
        self.ask_for_payments(session, &mut all);
        all
    }

    fn ask_for_payments<'a>(&'a self, session: &'a Session, all: &mut Vec<Asked<'a>>) {
        if !self.wallets.is_empty() {
            let users: Vec<i64> = self.wallets.iter().map(stored).collect();
            all.push(Box::pin(async move {
                Ok(Rows::Wallets(session.query(Sql::Wallets, &[&users]).await?))
            }));
        }
        if !self.top_ups.is_empty() {
            let ids: Vec<Uuid> = self.top_ups.iter().copied().collect();
            let of_disputes = ids.clone();
            all.push(Box::pin(async move {
                Ok(Rows::TopUps(session.query(Sql::TopUps, &[&ids]).await?))
            }));
            all.push(Box::pin(async move {
                Ok(Rows::Disputes(
                    session.query(Sql::Disputes, &[&of_disputes]).await?,
                ))
            }));
        }
        if let Some(since) = self.counted.values().min() {
            let since = since.0;
            let users: Vec<i64> = self.counted.keys().map(stored).collect();
            let of_paid = users.clone();
            all.push(Box::pin(async move {
                Ok(Rows::Counted(
                    session.query(Sql::OpenTopUps, &[&users]).await?,
                ))
            }));
            all.push(Box::pin(async move {
                Ok(Rows::Counted(
                    session.query(Sql::PaidTopUps, &[&of_paid, &since]).await?,
                ))
            }));
        }
    }

    /// Asks for all of it, and adds it to what is known.
    pub(super) async fn read(
        &self,
        session: &Session,
        is_locking: bool,
    ) -> Result<Known, StoreError> {
        let mut known = Known::default();
        let answers = in_order(self.ask(session, is_locking)).await;
        known.add(self, answers.into_iter().collect::<Result<_, _>>()?)?;
        Ok(known)
    }
}

impl Known {
    /// Adds the answers to what was declared.
    pub(super) fn add(
        &mut self,
        declared: &Declared,
        answers: Vec<Rows>,
    ) -> Result<(), StoreError> {
        self.expect_payments(declared);
        for rows in answers {
            match rows {
                Rows::Wallets(rows) => {
                    for row in &rows {
                        let wallet = wallet_of(row)?;
                        self.wallets.insert(wallet.user, Some(wallet));
                    }
                }
                Rows::TopUps(rows) => {
                    for row in &rows {
                        let top_up = top_up_of(row)?;
                        self.top_ups.insert(top_up.request_id, Some(top_up));
                    }
                }
                Rows::Disputes(rows) => {
                    for row in &rows {
                        let row = dispute_of(row)?;
                        self.disputes.entry(row.request_id).or_default().push(row);
                    }
                }
                Rows::Counted(rows) => {
                    for row in &rows {
                        let top_up = top_up_of(row)?;
                        if let Some((_, counted)) = self.counted.get_mut(&top_up.user) {
                            counted.push(top_up);
                        }
                    }
                }
                Rows::Nothing | Rows::Held(_) => {}
                Rows::Balances(rows) => self.add_balances(declared, &rows)?,
                Rows::Transferred(rows) => {
                    let keys = declared.transfers.iter();
                    self.transferred
                        .extend(keys.map(|key| (key.clone(), false)));
                    for row in &rows {
                        self.transferred.insert(row.try_get(0)?, true);
                    }
                }
                Rows::RoomsOf(rows) => {
                    let users = declared.rooms_of.iter();
                    self.rooms_of.extend(users.map(|user| (*user, Vec::new())));
                    for row in &rows {
                        let rooms = self.rooms_of.entry(user_of(row, 0)?).or_default();
                        rooms.push(room_of(row, 1)?);
                    }
                }
                Rows::Users(rows) => {
                    self.users
                        .extend(declared.users.iter().map(|user| (*user, None)));
                    for row in &rows {
                        let recipient = Recipient {
                            username: row.try_get(1)?,
                            is_active: row.try_get::<_, &str>(2)? == "active",
                        };
                        self.users.insert(user_of(row, 0)?, Some(recipient));
                    }
                }
                Rows::RoomsNamed(rows) => {
                    let names = declared.rooms_named.iter();
                    self.rooms_named
                        .extend(names.map(|name| (name.clone(), Vec::new())));
                    for row in &rows {
                        let rooms = self.rooms_named.entry(row.try_get(0)?).or_default();
                        rooms.push(room_of(row, 1)?);
                    }
                }
                Rows::EndedRooms(rows) => {
                    let rooms = declared.ended_rooms.iter();
                    self.ended_rooms
                        .extend(rooms.map(|room| (room.clone(), None)));
                    for row in &rows {
                        self.ended_rooms
                            .insert(room_of(row, 0)?, Some(row.try_get(1)?));
                    }
                }
            }
        }
        Ok(())
    }

    /// Of what is asked for and not answered there is nothing.
    fn expect_payments(&mut self, declared: &Declared) {
        let wallets = declared.wallets.iter();
        self.wallets.extend(wallets.map(|user| (*user, None)));
        for id in &declared.top_ups {
            self.top_ups.insert(*id, None);
            self.disputes.insert(*id, Vec::new());
        }
        if let Some(since) = declared.counted.values().min() {
            let users = declared.counted.keys();
            self.counted
                .extend(users.map(|user| (*user, (*since, Vec::new()))));
        }
    }

    fn add_balances(&mut self, declared: &Declared, rows: &[Row]) -> Result<(), StoreError> {
        let found = rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        let found: BTreeMap<&str, i64> = found.collect::<Result<_, tokio_postgres::Error>>()?;
        for user in &declared.accounts {
            let balance = found.get(account_of(user).as_str());
            self.balances.insert(*user, balance.copied().map(Cents));
        }
        Ok(())
    }

    /// Takes over what has been read since.
    pub(super) fn extend(&mut self, mut other: Known) {
        self.balances.append(&mut other.balances);
        self.transferred.append(&mut other.transferred);
        self.rooms_of.append(&mut other.rooms_of);
        self.users.append(&mut other.users);
        self.rooms_named.append(&mut other.rooms_named);
        self.ended_rooms.append(&mut other.ended_rooms);
        self.wallets.append(&mut other.wallets);
        self.top_ups.append(&mut other.top_ups);
        self.disputes.append(&mut other.disputes);
        self.counted.append(&mut other.counted);
    }
}

fn account_of(user: &UserId) -> String {
    Account::Player(*user).to_string()
}

pub(super) fn stored(user: &UserId) -> i64 {
    user.get() as i64
}

/// The user in a column.
pub(super) fn user_of(row: &Row, column: usize) -> Result<UserId, StoreError> {
    let id: i64 = row.try_get(column)?;
    let user = u64::try_from(id).ok().and_then(UserId::new);
    user.ok_or_else(|| StoreError::Corrupt(format!("{id} is no user id")))
}

/// The room in a column.
pub(super) fn room_of(row: &Row, column: usize) -> Result<RoomId, StoreError> {
    let id: &str = row.try_get(column)?;
    id.parse()
        .map_err(|error| StoreError::Corrupt(format!("{error}")))
}
