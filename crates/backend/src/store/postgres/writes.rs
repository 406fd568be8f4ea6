//! A batch's writes as statements over arrays, one each for all rows of a kind.

use super::batch::{OwnerBatch, encode_consumed, encode_records};
use super::pipeline::{Calls, parameters};
use super::prefetch::{Known, stored};
use super::statements::Sql;
use super::wallet::put_wallets;
use crate::store::{
    InboxSnapshot, ListingChange, PresenceChange, QuarantinedRoom, RoomArchive, RoomSnapshot,
    Standing, StoreError, Writes,
};
use blazing_sun_backbone::is_planted;
use blazing_sun_backbone::messages::{DirectMessage, LobbyMessage};
use blazing_sun_domain::room::Membership;
use blazing_sun_domain::{Account, CommandId, RoomId, Transfer, TransferKind};
use std::collections::BTreeMap;

/// Expired messages that one sweep deletes of each kind at most, so that no batch takes long.
const DELETED_AT_ONCE: i64 = 500;

/// All that a batch writes, in the order in which it is written: the locks that are still missing, then the
/// batch with its place among all commits, then the rest.
pub(super) fn calls<'a>(
    partition: i32,
    batch_no: u64,
    batch: &'a OwnerBatch,
    writes: &'a Writes,
    known: &Known,
) -> Result<Calls<'a>, StoreError> {
    let mut calls = Calls::default();
    let transfers = with_planted(&writes.transfers);
    let changes = changes_of(&transfers);
    lock_accounts(&mut calls, &changes, known);
    put_batch(&mut calls, partition, batch_no, batch, writes)?;
    put_transfers(&mut calls, partition, batch_no, writes, transfers, changes);
    put_rooms(&mut calls, &writes.rooms);
    put_members(&mut calls, &writes.members);
    put_archives(&mut calls, &writes.archives);
    put_quarantined(&mut calls, writes);
    put_listings(&mut calls, writes);
    put_queues(&mut calls, &writes.queues);
    put_inboxes(&mut calls, writes);
    put_presence(&mut calls, partition, writes);
    put_direct_messages(&mut calls, &writes.direct_messages);
    put_lobby_messages(&mut calls, &writes.lobby_messages);
    put_messages_read(&mut calls, writes);
    put_wallets(&mut calls, writes)?;
    if let Some(kept_from) = writes.messages_kept_from {
        for sql in [Sql::SweepDirect, Sql::SweepLobby] {
            calls.push(sql, parameters![kept_from.0, DELETED_AT_ONCE]);
        }
    }
    Ok(calls)
}

type Moved = (Transfer, Option<CommandId>);

/// The transfers, with the faults of a fault run in them.
fn with_planted(transfers: &[Moved]) -> Vec<Moved> {
    let mut all = Vec::with_capacity(transfers.len());
    for (transfer, command) in transfers {
        if transfer.kind == TransferKind::Rake && is_planted!(RakeLost) {
            continue;
        }
        all.push((transfer.clone(), *command));
        let is_doubled = match transfer.kind {
            TransferKind::Fee => is_planted!(TransferDoubled),
            TransferKind::TopUp => is_planted!(CreditDoubled),
            _ => false,
        };
        if is_doubled {
            let mut again = transfer.clone();
            again.key.push_str("/again");
            all.push((again, *command));
        }
    }
    all
}

/// By how much each account with a balance changes, in the order of the accounts' names.
fn changes_of(transfers: &[Moved]) -> BTreeMap<String, i64> {
    let mut changes = BTreeMap::new();
    for (transfer, _) in transfers {
        for (account, change) in [
            (&transfer.from, -transfer.amount.0),
            (&transfer.to, transfer.amount.0),
        ] {
            if account.is_bounded() {
                let sum: &mut i64 = changes.entry(account.to_string()).or_default();
                *sum = sum.saturating_add(change);
            }
        }
    }
    changes
}

/// Makes the accounts that are missing, and locks those that are not locked yet.
fn lock_accounts(calls: &mut Calls<'_>, changes: &BTreeMap<String, i64>, known: &Known) {
    let locked = known
        .balances
        .iter()
        .filter(|(_, balance)| balance.is_some());
    let locked: Vec<String> = locked
        .map(|(user, _)| Account::Player(*user).to_string())
        .collect();
    let others: Vec<String> = changes
        .keys()
        .filter(|account| !locked.contains(account))
        .cloned()
        .collect();
    if !others.is_empty() {
        calls.push(Sql::NewAccounts, parameters![others.clone()]);
        calls.push(Sql::LockAccounts, parameters![others]);
    }
}

fn put_batch<'a>(
    calls: &mut Calls<'a>,
    partition: i32,
    batch_no: u64,
    batch: &'a OwnerBatch,
    writes: &'a Writes,
) -> Result<(), StoreError> {
    let records = encode_records(&batch.records)?;
    let consumed = encode_consumed(&batch.consumed);
    let (number, at) = (batch_no as i64, writes.now.0);
    calls.push(
        Sql::Batch,
        parameters![partition, number, at, consumed, records],
    );
    let alive = batch.silent_since.map_or(at, |since| since.0);
    let (floor, published_upto) = (writes.floor as i64, batch.published_upto as i64);
    calls.push(
        Sql::MoveOn,
        parameters![partition, number, alive, floor, published_upto],
    );
    let next = batch.next_offsets();
    if !next.is_empty() {
        let newest = next.keys().map(|topic| {
            let mut newest = batch.newest.iter();
            let found = newest.find(|(of, _)| of.as_str() == *topic);
            found.map_or(0, |(_, at)| at.0)
        });
        let newest: Vec<i64> = newest.collect();
        let (topics, offsets): (Vec<&str>, Vec<i64>) = next
            .into_iter()
            .map(|(topic, next)| (topic, next as i64))
            .unzip();
        calls.push(
            Sql::Offsets,
            parameters![partition, topics, offsets, newest],
        );
    }
    let forwarded = last_of(batch.forwarded.iter().map(|last| {
        let key = (last.source as i32, last.topic.as_str());
        (key, last.seq as i64)
    }));
    if !forwarded.is_empty() {
        let ((sources, topics), seqs) = columns_2_1(forwarded);
        calls.push(
            Sql::Forwarded,
            parameters![partition, sources, topics, seqs],
        );
    }
    let positions = last_of(batch.positions.iter().map(|position| {
        let key = (position.topic.as_str(), position.target as i32);
        (key, position.next_seq as i64)
    }));
    if !positions.is_empty() {
        let ((topics, targets), next) = columns_2_1(positions);
        calls.push(
            Sql::Positions,
            parameters![partition, topics, targets, next],
        );
    }
    Ok(())
}

/// Of several values under one key the last: one statement can not write a row twice.
fn last_of<K: Ord, V>(all: impl Iterator<Item = (K, V)>) -> BTreeMap<K, V> {
    all.collect()
}

fn columns_2_1<A, B, C>(rows: BTreeMap<(A, B), C>) -> ((Vec<A>, Vec<B>), Vec<C>) {
    rows.into_iter().unzip()
}

fn put_transfers(
    calls: &mut Calls<'_>,
    partition: i32,
    batch_no: u64,
    writes: &Writes,
    transfers: Vec<Moved>,
    changes: BTreeMap<String, i64>,
) {
    if transfers.is_empty() {
        return;
    }
    let text = |of: fn(&Transfer) -> String| -> Vec<String> {
        transfers.iter().map(|(transfer, _)| of(transfer)).collect()
    };
    let kinds: Vec<&'static str> = transfers
        .iter()
        .map(|moved| moved.0.kind.as_str())
        .collect();
    let amounts: Vec<i64> = transfers.iter().map(|moved| moved.0.amount.0).collect();
    let rooms: Vec<Option<String>> = transfers
        .iter()
        .map(|(transfer, _)| Some(transfer.room_id.as_ref()?.as_str().to_owned()))
        .collect();
    let users: Vec<Option<i64>> = transfers
        .iter()
        .map(|(transfer, _)| Some(stored(&transfer.player.as_ref()?.user_id)))
        .collect();
    let commands: Vec<Option<String>> = transfers
        .iter()
        .map(|(_, command)| Some((*command)?.to_string()))
        .collect();
    calls.push(
        Sql::Transfers,
        parameters![
            text(|transfer| transfer.key.clone()),
            kinds,
            text(|transfer| transfer.from.to_string()),
            text(|transfer| transfer.to.to_string()),
            amounts,
            rooms,
            users,
            commands,
            partition,
            batch_no as i64,
            writes.now.0,
        ],
    );
    let (accounts, changes): (Vec<String>, Vec<i64>) = changes.into_iter().unzip();
    calls.push(Sql::ChangeBalances, parameters![accounts, changes]);
}

fn put_rooms<'a>(calls: &mut Calls<'a>, rooms: &'a [(RoomSnapshot, Option<Vec<u8>>)]) {
    let last = last_of(rooms.iter().map(|(room, _)| (&room.room_id, room)));
    if last.is_empty() {
        return;
    }
    let rows: Vec<&'a RoomSnapshot> = last.into_values().collect();
    calls.push(
        Sql::Rooms,
        parameters![
            column(&rows, |room| room.room_id.as_str()),
            column(&rows, |room| room.partition as i32),
            column(&rows, |room| room.batch_no as i64),
            column(&rows, |room| room.sealed_secret.as_str()),
            column(&rows, |room| room
                .password_mac
                .as_ref()
                .map(<[u8; 32]>::as_slice)),
            column(&rows, |room| i64::from(room.journal_parts)),
            column(&rows, |room| room
                .journal_digest
                .as_ref()
                .map(|digest| digest.0.as_slice())),
            column(&rows, |room| room.chat.as_deref()),
            column(&rows, |room| room.state.as_slice()),
        ],
    );
    let parts: Vec<(&RoomSnapshot, &[u8])> = rooms
        .iter()
        .filter_map(|(room, part)| Some((room, part.as_deref()?)))
        .collect();
    if !parts.is_empty() {
        let ids: Vec<&str> = parts
            .iter()
            .map(|(room, _)| room.room_id.as_str())
            .collect();
        let numbers: Vec<i64> = parts
            .iter()
            .map(|(room, _)| i64::from(room.journal_parts) - 1)
            .collect();
        let inputs: Vec<&[u8]> = parts.iter().map(|(_, part)| *part).collect();
        calls.push(Sql::Journals, parameters![ids, numbers, inputs]);
    }
}

/// A column of rows.
fn column<'a, R, V>(rows: &[&'a R], of: impl Fn(&'a R) -> V) -> Vec<V> {
    rows.iter().map(|row| of(row)).collect()
}

fn put_members<'a>(
    calls: &mut Calls<'a>,
    members: &'a [(blazing_sun_domain::UserId, RoomId, Standing)],
) {
    let last = last_of(members.iter().map(|(user, room, standing)| {
        let name = match standing {
            Standing::In(Membership::Player) => Some("player"),
            Standing::In(Membership::Lobby) => Some("lobby"),
            Standing::In(Membership::Spectator) => Some("spectator"),
            Standing::Left => Some("left"),
            Standing::In(Membership::None) | Standing::Out => None,
        };
        ((stored(user), room.as_str()), name)
    }));
    let (mut put, mut gone) = ((vec![], vec![], vec![]), (vec![], vec![]));
    for ((user, room), name) in last {
        match name {
            Some(name) => {
                put.0.push(user);
                put.1.push(room);
                put.2.push(name);
            }
            None => {
                gone.0.push(user);
                gone.1.push(room);
            }
        }
    }
    if !put.0.is_empty() {
        calls.push(Sql::PutMembers, parameters![put.0, put.1, put.2]);
    }
    if !gone.0.is_empty() {
        calls.push(Sql::RemoveMembers, parameters![gone.0, gone.1]);
    }
}

fn put_archives<'a>(calls: &mut Calls<'a>, archives: &'a [RoomArchive]) {
    let last = last_of(archives.iter().map(|archive| (&archive.room_id, archive)));
    if last.is_empty() {
        return;
    }
    let rows: Vec<&'a RoomArchive> = last.into_values().collect();
    let digests: Vec<Option<Vec<u8>>> = rows
        .iter()
        .map(|archive| Some(archive.journal_digest?.seal(archive).to_vec()))
        .collect();
    calls.push(
        Sql::Archives,
        parameters![
            column(&rows, |archive| archive.room_id.as_str()),
            column(&rows, |archive| archive.partition as i32),
            column(&rows, |archive| archive.game_type.as_str()),
            column(&rows, |archive| archive.room_name.as_str()),
            column(&rows, |archive| i64::from(archive.game_version)),
            column(&rows, |archive| i64::from(archive.rules_version)),
            column(&rows, |archive| archive.ended.0),
            column(&rows, |archive| archive.sealed_secret.as_str()),
            digests,
            column(&rows, |archive| archive.last_inputs.as_slice()),
        ],
    );
    for sql in [
        Sql::ForgetJournals,
        Sql::ForgetSnapshots,
        Sql::ForgetMembers,
    ] {
        calls.push(
            sql,
            parameters![column(&rows, |archive| archive.room_id.as_str())],
        );
    }
}

fn put_quarantined<'a>(calls: &mut Calls<'a>, writes: &'a Writes) {
    let mut rooms: BTreeMap<&RoomId, QuarantinedRoom> = BTreeMap::new();
    for room in &writes.quarantined {
        match rooms.get_mut(&room.room_id) {
            Some(before) => {
                before.batch_no = room.batch_no;
                before.inputs.push_str(&room.inputs);
            }
            None => {
                rooms.insert(&room.room_id, room.clone());
            }
        }
    }
    if !rooms.is_empty() {
        let rows: Vec<QuarantinedRoom> = rooms.into_values().collect();
        let ids: Vec<String> = rows.iter().map(|room| room.room_id.to_string()).collect();
        let partitions: Vec<i32> = rows.iter().map(|room| room.partition as i32).collect();
        let batches: Vec<i64> = rows.iter().map(|room| room.batch_no as i64).collect();
        let since: Vec<i64> = rows.iter().map(|room| room.since.0).collect();
        let inputs: Vec<String> = rows.into_iter().map(|room| room.inputs).collect();
        calls.push(
            Sql::Quarantine,
            parameters![ids, partitions, batches, since, inputs],
        );
    }
    if !writes.released.is_empty() {
        let ids: Vec<&str> = writes.released.iter().map(RoomId::as_str).collect();
        calls.push(Sql::Release, parameters![ids]);
    }
}

fn put_listings<'a>(calls: &mut Calls<'a>, writes: &'a Writes) {
    let last = last_of(writes.listings.iter().map(|change| match change {
        ListingChange::Put(listing) => (&listing.room_id, Some(listing)),
        ListingChange::Remove(room) => (room, None),
    }));
    let gone: Vec<&str> = last
        .iter()
        .filter(|(_, listing)| listing.is_none())
        .map(|(room, _)| room.as_str())
        .collect();
    let put: Vec<_> = last.into_values().flatten().collect();
    if !put.is_empty() {
        calls.push(
            Sql::PutListings,
            parameters![
                column(&put, |listing| listing.room_id.as_str()),
                column(&put, |listing| listing.room_name.as_str()),
                column(&put, |listing| listing.game_type.as_str()),
                column(&put, |listing| listing.status.as_str()),
                column(&put, |listing| listing.summary.as_str()),
                writes.now.0,
            ],
        );
    }
    if !gone.is_empty() {
        calls.push(Sql::RemoveListings, parameters![gone]);
    }
}

fn put_queues<'a>(calls: &mut Calls<'a>, queues: &'a [(String, Option<Vec<u8>>)]) {
    let last = last_of(
        queues
            .iter()
            .map(|(game, state)| (game.as_str(), state.as_deref())),
    );
    let gone: Vec<&str> = last
        .iter()
        .filter(|(_, state)| state.is_none())
        .map(|(game, _)| *game)
        .collect();
    let (games, states): (Vec<&str>, Vec<&[u8]>) = last
        .into_iter()
        .filter_map(|(game, state)| Some((game, state?)))
        .unzip();
    if !games.is_empty() {
        calls.push(Sql::PutQueues, parameters![games, states]);
    }
    if !gone.is_empty() {
        calls.push(Sql::RemoveQueues, parameters![gone]);
    }
}

fn put_inboxes<'a>(calls: &mut Calls<'a>, writes: &'a Writes) {
    let key = |inbox: &InboxSnapshot| (inbox.partition, inbox.user);
    let last = last_of(writes.inboxes.iter().map(|inbox| (key(inbox), inbox)));
    let rows: Vec<&'a InboxSnapshot> = last.into_values().collect();
    if !rows.is_empty() {
        calls.push(
            Sql::PutInboxes,
            parameters![
                column(&rows, |inbox| inbox.partition as i32),
                column(&rows, |inbox| stored(&inbox.user)),
                column(&rows, |inbox| inbox.batch_no as i64),
                column(&rows, |inbox| inbox.answers.as_slice()),
            ],
        );
    }
    if !writes.forgotten.is_empty() {
        let (partitions, users): (Vec<i32>, Vec<i64>) = writes
            .forgotten
            .iter()
            .map(|(partition, user)| (*partition as i32, stored(user)))
            .unzip();
        calls.push(Sql::RemoveInboxes, parameters![partitions, users]);
    }
}

fn put_presence<'a>(calls: &mut Calls<'a>, partition: i32, writes: &'a Writes) {
    let last = last_of(writes.presence.iter().map(|change| match change {
        PresenceChange::Put(there) => (
            (stored(&there.user), there.connection_id.as_str()),
            Some(there),
        ),
        PresenceChange::Remove {
            user,
            connection_id,
        } => ((stored(user), connection_id.as_str()), None),
    }));
    let (users, connections): (Vec<i64>, Vec<&str>) = last
        .iter()
        .filter(|(_, there)| there.is_none())
        .map(|(key, _)| *key)
        .unzip();
    let put: Vec<_> = last.into_values().flatten().collect();
    if !put.is_empty() {
        calls.push(
            Sql::PutPresence,
            parameters![
                partition,
                column(&put, |there| stored(&there.user)),
                column(&put, |there| there.gateway_id.as_str()),
                column(&put, |there| there.boot_id.as_str()),
                column(&put, |there| there.connection_id.as_str()),
            ],
        );
    }
    if !users.is_empty() {
        calls.push(Sql::PutLastOnline, parameters![users.clone(), writes.now.0]);
        calls.push(
            Sql::RemovePresence,
            parameters![partition, users, connections],
        );
    }
}

fn put_direct_messages<'a>(calls: &mut Calls<'a>, messages: &'a [DirectMessage]) {
    let rows: Vec<&'a DirectMessage> = messages.iter().collect();
    if rows.is_empty() {
        return;
    }
    calls.push(
        Sql::DirectMessages,
        parameters![
            column(&rows, |message| message.message_id),
            column(&rows, |message| stored(&message.sender_id)),
            column(&rows, |message| message.sender_username.as_str()),
            column(&rows, |message| stored(&message.recipient_id)),
            column(&rows, |message| message.recipient_username.as_str()),
            column(&rows, |message| message.content.0.as_str()),
            column(&rows, |message| message.timestamp.0),
        ],
    );
}

fn put_lobby_messages<'a>(calls: &mut Calls<'a>, messages: &'a [LobbyMessage]) {
    let rows: Vec<&'a LobbyMessage> = messages.iter().collect();
    if rows.is_empty() {
        return;
    }
    calls.push(
        Sql::LobbyMessages,
        parameters![
            column(&rows, |message| message.message_id),
            column(&rows, |message| message.lobby_id.as_str()),
            column(&rows, |message| stored(&message.user_id)),
            column(&rows, |message| message.username.as_str()),
            column(&rows, |message| message.content.0.as_str()),
            column(&rows, |message| message.timestamp.0),
        ],
    );
}

fn put_messages_read(calls: &mut Calls<'_>, writes: &Writes) {
    let (readers, ids): (Vec<i64>, Vec<uuid::Uuid>) = writes
        .messages_read
        .iter()
        .flat_map(|(reader, ids)| ids.iter().map(|id| (stored(reader), *id)))
        .unzip();
    if !ids.is_empty() {
        calls.push(Sql::MessagesRead, parameters![readers, ids, writes.now.0]);
    }
}
