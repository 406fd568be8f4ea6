//! From selection to the first turn: seats and their fees, readiness, and the seeds of the draw.

use super::Membership;
use super::events::{
    GameStarting, PlayerDeselected, PlayerReadyChanged, PlayerSelected, RevealedSeed, SeedRenewed,
    SeedVoided, SeedsRequested, SelectedPlayersUpdated, Timestamp,
};
use super::roster::{Presence, TakenSeat};
use super::state::{Context, Out, Room, Stage};
use crate::fairness::{Commitment, Dice, Seed};
use crate::game::SeatedPlayer;
use crate::ids::UserId;
use crate::ledger::Transfer;
use crate::refusal::{Refusal, RefusalCode};
use std::sync::Arc;

/// Time to be ready once all seats are taken.
pub(super) const READY_MS: i64 = 30_000;
/// Time to reveal a seed once the commitments are frozen.
pub(super) const REVEAL_MS: i64 = 5_000;

impl Room {
    pub(super) fn select(
        &mut self,
        context: &Context<'_>,
        target: UserId,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        self.require_host(context.by.user_id)?;
        self.require_open_selection()?;
        let fee = self.config.entry_fee;
        let member = self
            .roster
            .member(target)
            .ok_or(RefusalCode::PlayerNotInLobby)?;
        if self.roster.seat(target).is_some() {
            return Err(RefusalCode::AlreadySelected.into());
        }
        if member.presence != Presence::Here {
            let away = "The player is not connected right now";
            return Err(Refusal::because(RefusalCode::PlayerNotInLobby, away));
        }
        if self.seats_are_full() {
            return Err(RefusalCode::RoomFull.into());
        }
        if member.player.is_bot && self.free_seats_count() <= self.people_waiting() {
            let wanted = "The seats that are left are for the people who wait here";
            return Err(Refusal::because(RefusalCode::RoomFull, wanted));
        }
        if context.balance(target) < fee {
            return Err(RefusalCode::InsufficientBalance.into());
        }
        let player = member.player.clone();
        let nth = self.roster_mut().take_seat(target, fee);
        out.transfer(Transfer::fee(self.config.room_id.clone(), player, nth, fee));
        if let Some(player) = self.player(target) {
            let membership = vec![(target, Membership::Player)];
            self.announce_and_move(out, &PlayerSelected { player }, membership);
        }
        self.renew_seed(out);
        if self.seats_are_full() {
            self.remove_the_rest(out);
            let deadline = context.now.plus(READY_MS);
            self.stage = Stage::Filled { deadline };
            let players = self.seated_players();
            self.announce(
                out,
                &GameStarting {
                    players,
                    deadline: Timestamp(deadline),
                },
            );
        }
        Ok(true)
    }

    pub(super) fn deselect(
        &mut self,
        context: &Context<'_>,
        target: UserId,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        self.require_host(context.by.user_id)?;
        self.require_open_selection()?;
        if self.roster.seat(target).is_none() {
            return Err(RefusalCode::NotSelected.into());
        }
        self.free_seats(&[target], out);
        Ok(true)
    }

    pub(super) fn ready(
        &mut self,
        context: &Context<'_>,
        is_ready: bool,
        commitment: Option<Commitment>,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        let user = context.by.user_id;
        self.require_member(user)?;
        self.require_open_selection()?;
        let seat = self
            .roster_mut()
            .seat_mut(user)
            .ok_or(RefusalCode::NotSelected)?;
        seat.is_ready = is_ready;
        seat.commitment = commitment.filter(|_| is_ready);
        let username = context.by.username.clone();
        self.announce(
            out,
            &PlayerReadyChanged {
                user_id: user,
                username,
                is_ready,
            },
        );
        if self.seats_are_full() && self.all_are_ready() {
            self.freeze_commitments(context, out);
        }
        Ok(true)
    }

    /// `start_game`: the host does not wait for the remaining seats.
    pub(super) fn start_below_full(
        &mut self,
        context: &Context<'_>,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        self.require_host(context.by.user_id)?;
        self.require_open_selection()?;
        if !self.all_are_ready() {
            return Err(RefusalCode::NotAllReady.into());
        }
        if self.roster.seats.len() < context.game.spec.min_seats as usize {
            return Err(RefusalCode::NotEnoughPlayers.into());
        }
        self.remove_the_rest(out);
        self.freeze_commitments(context, out);
        Ok(true)
    }

    /// The commitments stand; play begins when their seeds are known, or at once if there are none.
    fn freeze_commitments(&mut self, context: &Context<'_>, out: &mut Out) {
        let commitments: Vec<_> = self
            .roster
            .seats
            .iter()
            .map(|seat| seat.commitment)
            .collect();
        if commitments.iter().all(Option::is_none) {
            self.start_game(context, out);
            return;
        }
        let deadline = context.now.plus(REVEAL_MS);
        self.stage = Stage::Revealing { deadline };
        let requested = SeedsRequested {
            seed_commitment: self.server_seed().commitment(),
            commitments,
            deadline: Timestamp(deadline),
        };
        self.announce(out, &requested);
    }

    pub(super) fn reveal_seed(
        &mut self,
        context: &Context<'_>,
        client_seed: Seed,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        let user = context.by.user_id;
        self.require_member(user)?;
        match &self.stage {
            Stage::Playing(_) => return Err(RefusalCode::GameInProgress.into()),
            Stage::Revealing { .. } => {}
            _ => {
                let early = "Seeds have not been requested";
                return Err(Refusal::because(RefusalCode::GameNotStarted, early));
            }
        }
        let seat = self.roster.seat(user).ok_or(RefusalCode::NotSelected)?;
        if seat.commitment != Some(client_seed.commitment()) {
            return Err(RefusalCode::SeedMismatch.into());
        }
        if seat.revealed.is_some() {
            return Ok(false);
        }
        if let Some(seat) = self.roster_mut().seat_mut(user) {
            seat.revealed = Some(RevealedSeed(client_seed));
        }
        if self.roster.seats.iter().all(has_kept_its_word) {
            self.start_game(context, out);
        }
        Ok(true)
    }

    /// Who is late loses the seat, and selection is open again.
    pub(super) fn drop_the_late(&mut self, out: &mut Out) {
        let revealing = matches!(self.stage, Stage::Revealing { .. });
        let in_time = |seat: &&TakenSeat| {
            if revealing {
                has_kept_its_word(seat)
            } else {
                seat.is_ready
            }
        };
        let seats = self.roster.seats.iter();
        let late: Vec<_> = seats
            .filter(|seat| !in_time(seat))
            .map(|seat| seat.user_id)
            .collect();
        if revealing {
            late.iter()
                .for_each(|user| self.announce(out, &SeedVoided { user_id: *user }));
        }
        self.free_seats(&late, out);
    }

    /// Takes seats back before play, with refund; their players wait in the lobby again.
    fn free_seats(&mut self, users: &[UserId], out: &mut Out) {
        for user in users {
            let Some(member) = self.roster.member(*user) else {
                continue;
            };
            let player = member.player.clone();
            let Some(seat) = self.roster_mut().free_seat(*user) else {
                continue;
            };
            self.refund(&player, &seat, out);
            let deselected = PlayerDeselected {
                user_id: *user,
                username: player.username,
            };
            self.announce_and_move(out, &deselected, vec![(*user, Membership::Lobby)]);
        }
        self.stage = Stage::Selecting;
        let selected_players = self.selected_ids();
        self.announce(out, &SelectedPlayersUpdated { selected_players });
        self.renew_seed(out);
    }

    /// The set of selected players changed: a new server seed, before anyone commits again.
    pub(super) fn renew_seed(&mut self, out: &mut Out) {
        let previous_server_seed = RevealedSeed(self.server_seed());
        self.seed_number += 1;
        for seat in &mut self.roster_mut().seats {
            seat.is_ready = false;
            seat.commitment = None;
            seat.revealed = None;
        }
        let seed_commitment = self.server_seed().commitment();
        self.announce(
            out,
            &SeedRenewed {
                seed_commitment,
                previous_server_seed,
            },
        );
    }

    /// The dice of the seats' seeds, from draw `nonce` on.
    pub(super) fn dice(&self, nonce: u64) -> Dice {
        let seats = self.roster.seats.iter();
        let seeds: Vec<_> = seats
            .map(|seat| seat.revealed.map(|revealed| revealed.0))
            .collect();
        Dice::new(self.server_seed(), &self.config.room_id, &seeds, nonce)
    }

    /// Who plays, in seat order; at an open table everyone in the order of coming.
    pub(super) fn players_in_order(&self) -> Arc<Vec<SeatedPlayer>> {
        if self.config.open_table {
            let members = self.roster.members().iter();
            return Arc::new(members.map(|member| member.player.clone()).collect());
        }
        let seats = self.roster.seats.iter();
        let members = seats.filter_map(|seat| self.roster.member(seat.user_id));
        Arc::new(members.map(|member| member.player.clone()).collect())
    }

    /// Until the commitments are frozen.
    pub(super) fn require_open_selection(&self) -> Result<(), RefusalCode> {
        match &self.stage {
            Stage::Selecting | Stage::Filled { .. } => Ok(()),
            Stage::Unattended { .. }
            | Stage::Deserted { .. }
            | Stage::Revealing { .. }
            | Stage::Playing(_)
            | Stage::Over(_) => Err(RefusalCode::GameInProgress),
        }
    }

    fn seats_are_full(&self) -> bool {
        self.roster.seats.len() >= self.config.max_players as usize
    }

    fn free_seats_count(&self) -> usize {
        (self.config.max_players as usize).saturating_sub(self.roster.seats.len())
    }

    fn people_waiting(&self) -> usize {
        let members = self.roster.members().iter();
        members
            .filter(|member| !member.player.is_bot && member.presence == Presence::Here)
            .filter(|member| self.roster.seat(member.user_id()).is_none())
            .count()
    }

    fn all_are_ready(&self) -> bool {
        self.roster.seats.iter().all(|seat| seat.is_ready)
    }
}

fn has_kept_its_word(seat: &TakenSeat) -> bool {
    seat.commitment.is_none() || seat.revealed.is_some()
}
