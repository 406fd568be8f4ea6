//! How a room ends, and where its money goes.

use super::events::{RemovalReason, RevealedSeed, RoomRemoved, SeedRevealed};
use super::pause::MatchCancelled;
use super::roster::TakenSeat;
use super::state::{Context, End, Out, Room, Stage, broadcast};
use super::view::RoomStatus;
use super::{Membership, RoomEvent};
use crate::game::{Ended, GameEvent, Outcome, SeatedPlayer};
use crate::ids::{Millis, UserId};
use crate::ledger::Transfer;
use crate::money::Cents;
use std::sync::Arc;

impl Out {
    /// Moving nothing is no transfer.
    pub(super) fn transfer(&mut self, transfer: Transfer) {
        if transfer.amount.0 > 0 {
            self.transfers.push(transfer);
        }
    }
}

/// That a room which can not be loaded, and waited for its players, is in no list any more.
pub fn removal_of_unloaded(room_name: &str) -> RoomEvent {
    cancelled(&room_name.into())
}

fn cancelled(room_name: &Arc<str>) -> RoomEvent {
    broadcast(&RoomRemoved {
        room_name: room_name.clone(),
        reason: RemovalReason::Cancelled,
    })
}

impl Room {
    /// Gives a seat's fee back.
    pub(super) fn refund(&self, player: &SeatedPlayer, seat: &TakenSeat, out: &mut Out) {
        let room = self.config.room_id.clone();
        out.transfer(Transfer::refund(room, player.clone(), seat.nth, seat.paid));
    }

    /// The game is over: the escrow is paid out, and everyone is free.
    pub(super) fn settle(&mut self, context: &Context<'_>, outcome: Outcome, out: &mut Out) {
        let now = context.now;
        if let Some(name) = context.game.spec.end_event {
            self.announce_end(name, outcome, out);
        }
        let winner = match outcome {
            Outcome::Winner(seat) => self.play().map(|play| play.players[seat.index()].clone()),
            Outcome::Draw => None,
        };
        match &winner {
            Some(winner) => self.pay_out(winner, out),
            None => self.refund_all(out),
        }
        self.end(
            RoomStatus::Finished,
            winner.map(|winner| winner.user_id),
            now,
            out,
        );
    }

    fn announce_end(&mut self, name: &'static str, outcome: Outcome, out: &mut Out) {
        let prize = self.prize();
        let Some(play) = self.play() else { return };
        let (winner, prize_cents) = match outcome {
            Outcome::Winner(seat) => (Some(&play.players[seat.index()]), prize),
            Outcome::Draw => (None, Cents::ZERO),
        };
        let scores = play.players.iter().zip(play.game.scores());
        let ended = Ended {
            winner_id: winner.map(|winner| winner.user_id),
            winner_username: winner.map(|winner| winner.username.clone()),
            final_scores: scores
                .map(|(player, score)| (player.user_id, player.username.clone(), score))
                .collect(),
            prize_cents,
        };
        self.announce_of_game(out, GameEvent::to_all(name, &ended));
    }

    fn pay_out(&self, winner: &SeatedPlayer, out: &mut Out) {
        let (room, escrow, prize) = (&self.config.room_id, self.roster.escrow(), self.prize());
        let players = self.roster.seats.len() as u32;
        out.transfer(Transfer::prize(
            room.clone(),
            winner.clone(),
            prize,
            players,
        ));
        out.transfer(Transfer::rake(room.clone(), escrow - prize));
    }

    pub(super) fn refund_all(&self, out: &mut Out) {
        for seat in &self.roster.seats {
            if let Some(member) = self.roster.member(seat.user_id) {
                self.refund(&member.player, seat, out);
            }
        }
    }

    /// The room ends through no fault of its players. Nothing of the game is called here.
    pub(super) fn call_off(&mut self, reason: &'static str, now: Millis, out: &mut Out) -> bool {
        self.cancel_listing(out);
        self.cancel(reason, now, out);
        true
    }

    /// What an owner has done to the room without having it: see [`removal_of_unloaded`].
    pub(super) fn close_unloaded(&mut self, now: Millis, out: &mut Out) -> bool {
        self.cancel_listing(out);
        self.refund_all(out);
        self.stage = Stage::Over(End {
            status: RoomStatus::Abandoned,
            winner: None,
            finished_at: now,
        });
        true
    }

    fn cancel_listing(&self, out: &mut Out) {
        if self.listing().is_some() {
            out.events.push(cancelled(&self.config.room_name));
        }
    }

    /// Everybody's fee goes back.
    pub(super) fn cancel(&mut self, reason: &'static str, now: Millis, out: &mut Out) {
        let seats = self.roster.seats.iter();
        let cancelled = MatchCancelled {
            reason,
            refunds: seats.map(|seat| (seat.user_id, seat.paid)).collect(),
        };
        if !self.config.open_table {
            self.announce_of_game(out, GameEvent::to_all("match_cancelled", &cancelled));
        }
        self.refund_all(out);
        self.end(RoomStatus::Abandoned, None, now, out);
    }

    /// Once spectators have left a room without players, nobody is there at all.
    pub(super) fn abandon_if_nobody_is_left(&mut self, now: Millis, out: &mut Out) {
        if matches!(self.stage, Stage::Deserted { .. }) && self.spectators.is_empty() {
            self.abandon(now, out);
        }
    }

    /// Nobody plays any more, and some still watch.
    pub(super) fn desert(&mut self, now: Millis, out: &mut Out) {
        let deadline = now.plus(self.config.limits.abandoned_after_ms);
        self.stage = Stage::Deserted { deadline };
        self.renew_seed(out);
    }

    /// Nobody is left before play, or at an open table: there is no money in it any more.
    pub(super) fn abandon(&mut self, now: Millis, out: &mut Out) {
        if !self.config.open_table {
            let room_name = self.config.room_name.clone();
            let reason = RemovalReason::Abandoned;
            self.broadcast(out, &RoomRemoved { room_name, reason });
        }
        self.end(RoomStatus::Abandoned, None, now, out);
    }

    pub(super) fn end(
        &mut self,
        status: RoomStatus,
        winner: Option<UserId>,
        now: Millis,
        out: &mut Out,
    ) {
        let seed = self.server_seed();
        let revealed = SeedRevealed {
            server_seed: RevealedSeed(seed),
            seed_commitment: seed.commitment(),
        };
        let members = self.members().into_iter();
        let free = members.map(|(user, _)| (user, Membership::None)).collect();
        self.announce_and_move(out, &revealed, free);
        self.stage = Stage::Over(End {
            status,
            winner,
            finished_at: now,
        });
    }
}
