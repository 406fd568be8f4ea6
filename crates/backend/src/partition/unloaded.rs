//! The end of a room that can not be loaded: what is stored of it is archived, and what the ledger still has in its
//! escrow goes back.

use super::journal::JournaledNow;
use super::money::{move_money, push_payment};
use super::rooms::system;
use super::{Asked, JournaledInput, Partition, Taken, Turn};
use crate::outgoing::{Event, Family};
use crate::store::{
    JournalDigest, ListingChange, RoomArchive, Store, UNKNOWN_VERSION, WithheldRoom,
};
use blazing_sun_backbone::envelope::AudienceKind;
use blazing_sun_backbone::messages;
use blazing_sun_domain::json::put_on_one_line;
use blazing_sun_domain::room::{
    Action, Input, Membership, Order, removal_of_unloaded, saved_versions,
};
use blazing_sun_domain::{Cents, Millis, RoomId, SeatedPlayer, Transfer, TransferKind, UserId};
use std::collections::{BTreeMap, BTreeSet};

/// How the directory names a room that others may still come into.
const WAITING: &str = "waiting";

/// What is known of the room from its inputs alone, whatever its game is.
struct Known {
    game_type: String,
    room_name: String,
    sealed_secret: String,
    players: BTreeMap<UserId, SeatedPlayer>,
    /// Those that are in no part of its journal, one a line.
    last_inputs: Vec<u8>,
}

impl Partition {
    /// Whether the room is here and can not be loaded.
    pub(super) fn is_quarantined(&self, room_id: &RoomId) -> bool {
        self.quarantined.contains_key(room_id)
    }

    /// Ends a room for an operator that can not be loaded: each fee that was not given back is, under the key under
    /// which the room itself would have done it. Where that can not be known nothing happens.
    pub(super) fn close_unloaded<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        room_id: &RoomId,
    ) -> Taken {
        if self.unkept_rooms().any(|(unkept, _)| unkept == room_id) {
            // It is written with this batch, and operators ask again.
            return Ok(());
        }
        let Some(room) = turn.store.withheld_room(room_id)? else {
            return Ok(());
        };
        let found = Known::of(&room).and_then(|known| {
            let refunds = refunds_of(&room, &known)?;
            Ok((known, refunds))
        });
        match found {
            Ok((known, refunds)) => self.end_unloaded(turn, asked, room, known, refunds),
            Err(reason) => {
                tracing::error!(room.id = %room_id, reason, "a room that can not be loaded can not be closed either");
                Ok(())
            }
        }
    }

    fn end_unloaded<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        room: WithheldRoom,
        mut known: Known,
        refunds: Vec<Transfer>,
    ) -> Taken {
        let (number, room_id) = (self.number, room.kept.room_id.clone());
        tracing::info!(room.id = %room_id, refunds = refunds.len(), "an operator closes a room that can not be loaded");
        // In the order of their ids, as accounts are locked.
        let payers = refunds.iter().filter_map(|refund| refund.player.as_ref());
        for payer in payers.map(|player| player.user_id).collect::<BTreeSet<_>>() {
            turn.balance(payer)?;
        }
        let game = (&*known.game_type, &*known.room_name);
        for refund in &refunds {
            push_payment(turn.outgoing, number, turn.now, game, refund);
        }
        if room.listed.as_deref() == Some(WAITING) {
            let removed = removal_of_unloaded(&known.room_name);
            let cause = Some(asked.cause());
            turn.outgoing.room_event(number, &room_id, &removed, cause);
        }
        for user in &room.members {
            self.tell_of_end(turn, asked, &room_id, &known.room_name, *user);
        }
        for refund in refunds {
            move_money(turn, number, refund, Some(asked))?;
        }
        let closed = Input {
            now: turn.now,
            by: system(),
            balances: Vec::new(),
            action: Action::CloseUnloaded,
        };
        let begin = known.last_inputs.len();
        closed.write_json(&mut known.last_inputs);
        let journaled = JournaledNow {
            room_id: &room_id,
            after_seq: 0,
            input: &known.last_inputs[begin..],
            opened: None,
        };
        self.journal(turn, Some(journaled), None);
        known.last_inputs.push(b'\n');
        self.quarantined.remove(&room_id);
        turn.writes.released.push(room_id.clone());
        turn.writes.listings.push(ListingChange::Remove(room_id));
        let archive = known.archive(room, turn.now);
        turn.writes.archives.push(archive);
        Ok(())
    }

    /// Tells somebody that the room is gone, and gateways that nobody is in it.
    fn tell_of_end<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        room_id: &RoomId,
        room_name: &str,
        user: UserId,
    ) {
        let event = Event {
            family: Family::Games,
            name: "not_in_room",
            room_id: Some(room_id),
            audience: AudienceKind::User,
            user_ids: &[user],
            order: Order::Outside,
            body: &messages::gone_room_body(room_name),
            membership: &[(user, Membership::None)],
            cause: Some(asked.cause()),
        };
        turn.outgoing.event(self.number, event);
    }
}

impl Known {
    fn of(room: &WithheldRoom) -> Result<Known, String> {
        let (mut last_inputs, mut opened) = (Vec::new(), None);
        for line in room.kept.inputs.lines() {
            let journaled: JournaledInput = serde_json::from_str(line)
                .map_err(|error| format!("what is kept of its inputs can not be read: {error}"))?;
            opened = opened.or(journaled.opened);
            let begin = last_inputs.len();
            last_inputs.extend_from_slice(journaled.input.get().as_bytes());
            put_on_one_line(&mut last_inputs[begin..]);
            last_inputs.push(b'\n');
        }
        let saved = room.snapshot.as_ref().map(|saved| &saved.sealed_secret);
        let sealed_secret = saved.cloned().or(opened.map(|opened| opened.sealed_secret));
        let sealed_secret = sealed_secret.ok_or("it has no secret")?;
        let mut players = BTreeMap::new();
        let (mut game_type, mut room_name) = (None, String::new());
        let all = room.saved_inputs.split(|byte| *byte == b'\n');
        for line in all.chain(last_inputs.split(|byte| *byte == b'\n')) {
            // What a later program has added moves no money that the ledger does not have.
            let Ok(input) = serde_json::from_slice::<Input>(line) else {
                continue;
            };
            match input.action {
                Action::Create {
                    game_type: game,
                    room_name: name,
                    seated,
                    ..
                } => {
                    (game_type, room_name) = (Some(game), name);
                    players.extend(seated.into_iter().map(|player| (player.user_id, player)));
                }
                Action::Join { .. } | Action::Spectate { .. } => {}
                _ => continue,
            }
            players.insert(input.by.user_id, input.by);
        }
        Ok(Known {
            game_type: game_type.ok_or("its inputs do not begin with its creation")?,
            room_name,
            sealed_secret,
            players,
            last_inputs,
        })
    }

    fn archive(self, room: WithheldRoom, ended: Millis) -> RoomArchive {
        let saved = room.snapshot.as_ref();
        let versions = saved.and_then(|saved| saved_versions(&saved.state).ok());
        let (rules_version, game_version) = versions.unwrap_or((UNKNOWN_VERSION, UNKNOWN_VERSION));
        let digest = saved.map_or(Some(JournalDigest::default()), |saved| saved.journal_digest);
        RoomArchive {
            room_id: room.kept.room_id,
            partition: room.kept.partition,
            game_type: self.game_type,
            room_name: self.room_name,
            game_version,
            rules_version,
            ended,
            sealed_secret: self.sealed_secret,
            journal_digest: digest.map(|digest| digest.after(&self.last_inputs)),
            last_inputs: self.last_inputs,
        }
    }
}

/// The fees that lie in the escrow, in the order in which they came there, on their way back.
fn refunds_of(room: &WithheldRoom, known: &Known) -> Result<Vec<Transfer>, String> {
    let mut held: Vec<(UserId, u32, Cents)> = Vec::new();
    for (key, kind, user, amount) in &room.transfers {
        let of = user.zip(Transfer::nth_of(key));
        match (kind.as_str(), of) {
            (kind, Some((user, nth))) if kind == TransferKind::Fee.as_str() => {
                held.push((user, nth, *amount));
            }
            (kind, Some((user, nth))) if kind == TransferKind::Refund.as_str() => {
                held.retain(|(payer, of, _)| (*payer, *of) != (user, nth));
            }
            _ => {
                return Err(format!(
                    "transfer {key} is neither a fee nor one given back"
                ));
            }
        }
    }
    let sum: i64 = held.iter().map(|(_, _, amount)| amount.0).sum();
    if sum != room.escrow.0 {
        let escrow = room.escrow.0;
        return Err(format!(
            "its escrow has {escrow}, and fees of {sum} were not given back"
        ));
    }
    let refund = |(user, nth, amount): (UserId, u32, Cents)| {
        let player = known.players.get(&user).cloned();
        let player = player.unwrap_or_else(|| SeatedPlayer::person(user, user.to_string()));
        Transfer::refund(room.kept.room_id.clone(), player, nth, amount)
    };
    Ok(held.into_iter().map(refund).collect())
}
