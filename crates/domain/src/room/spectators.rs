//! Spectators: coming, going, and changing places with the lobby. Up to fifty are told by name; of
//! more, only how many they are is told, at most once a second.

use super::Membership;
use super::PasswordCheck;
use super::events::{Player, SpectatorJoined, SpectatorLeft, SpectatorsUpdated, Timestamp};
use super::lobby::ABSENCE_MS;
use super::roster::Presence;
use super::state::{Context, Out, Room};
use crate::game::SeatedPlayer;
use crate::ids::{Millis, UserId};
use crate::refusal::{Refusal, RefusalCode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many are told by name.
pub(super) const NAMED_MAX: usize = 50;
/// The least time between two tellings of how many they are.
const COUNT_EVERY_MS: i64 = 1_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Spectator {
    player: SeatedPlayer,
    came_at: Millis,
}

/// Who watches.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Spectators {
    /// In the order of coming.
    present: Vec<Spectator>,
    /// Who has no connection, and when the room goes on without.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    away: BTreeMap<UserId, Millis>,
    /// The number that everyone in the room knows.
    told: u32,
    #[serde(default)]
    told_at: Millis,
    /// When the number is told next, if it has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tell_at: Option<Millis>,
    /// Some came or went without being named, so that nobody knows all names.
    #[serde(default)]
    has_untold_names: bool,
}

impl Spectators {
    /// Whether there never were any.
    pub fn are_unknown(&self) -> bool {
        self.present.is_empty() && self.told_at == Millis::default()
    }

    pub fn is_empty(&self) -> bool {
        self.present.is_empty()
    }

    pub fn count(&self) -> u32 {
        self.present.len() as u32
    }

    /// How many everyone in the room knows of.
    pub fn told(&self) -> u32 {
        self.told
    }

    pub fn ids(&self) -> impl Iterator<Item = UserId> {
        self.present.iter().map(|one| one.player.user_id)
    }

    pub fn get(&self, user: UserId) -> Option<&SeatedPlayer> {
        let mut present = self.present.iter().map(|one| &one.player);
        present.find(|player| player.user_id == user)
    }

    /// The first of them, as a room's state lists them.
    pub fn named(&self) -> Vec<Player> {
        let first = self.present.iter().take(NAMED_MAX);
        let player = |one: &Spectator| Player {
            user_id: one.player.user_id,
            username: one.player.username.clone(),
            score: 0,
            is_ready: false,
            joined_at: Timestamp(one.came_at),
            is_bot: one.player.is_bot,
        };
        first.map(player).collect()
    }

    pub fn are_too_many_to_name(&self) -> bool {
        self.present.len() > NAMED_MAX || self.has_untold_names
    }

    fn add(&mut self, player: SeatedPlayer, came_at: Millis) {
        self.present.push(Spectator { player, came_at });
    }

    fn remove(&mut self, user: UserId) {
        self.present.retain(|one| one.player.user_id != user);
        self.away.remove(&user);
    }

    /// When something happens to them by itself.
    pub fn next_deadline(&self) -> Option<Millis> {
        let departures = self.away.values().copied();
        departures.chain(self.tell_at).min()
    }

    fn next_overdue(&self, now: Millis) -> Option<UserId> {
        let mut away = self.away.iter();
        away.find(|(_, at)| **at <= now).map(|(user, _)| *user)
    }

    /// An outage costs nobody time.
    pub fn shift(&mut self, by_ms: i64) {
        for at in self.away.values_mut().chain(&mut self.tell_at) {
            *at = at.plus(by_ms);
        }
    }
}

impl Room {
    pub(super) fn spectators_mut(&mut self) -> &mut Spectators {
        Arc::make_mut(&mut self.spectators)
    }

    /// `spectate`, `join_as_spectator`
    pub(super) fn spectate(
        &mut self,
        context: &Context<'_>,
        password: PasswordCheck,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        self.require_stranger(context.by.user_id)?;
        self.check_password(context, password)?;
        self.require_place_for_spectator()?;
        let player = context.by.clone();
        self.spectators_mut().add(player.clone(), context.now);
        self.answer_with_state(out, player.user_id);
        if self.spectators.are_too_many_to_name() {
            self.count_has_changed(context.now, out);
        } else {
            self.tell_of_new_spectator(&player, out);
        }
        Ok(true)
    }

    fn require_place_for_spectator(&self) -> Result<(), RefusalCode> {
        if !self.config.allow_spectators || self.config.open_table {
            Err(RefusalCode::SpectatorsNotAllowed)
        } else if self.spectators.count() >= self.config.limits.max_spectators {
            Err(RefusalCode::SpectatorsFull)
        } else {
            Ok(())
        }
    }

    fn tell_of_new_spectator(&mut self, player: &SeatedPlayer, out: &mut Out) {
        let spectator_count = self.spectators.count();
        self.spectators_mut().told = spectator_count;
        let joined = SpectatorJoined {
            spectator_id: player.user_id,
            spectator_name: player.username.clone(),
            spectator_count,
            user_id: player.user_id,
            username: player.username.clone(),
        };
        self.announce(out, &joined);
    }

    /// `leave_spectate`, `stop_spectating`
    pub(super) fn stop_spectating(
        &mut self,
        context: &Context<'_>,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        let user = context.by.user_id;
        self.spectators
            .get(user)
            .ok_or(RefusalCode::NotASpectator)?;
        self.spectator_departs(context.now, user, out);
        Ok(true)
    }

    fn spectator_departs(&mut self, now: Millis, user: UserId, out: &mut Out) {
        let Some(player) = self.spectators.get(user).cloned() else {
            return;
        };
        let is_named = !self.spectators.are_too_many_to_name();
        let left = SpectatorLeft {
            user_id: user,
            username: player.username,
            spectator_count: self.without_spectator(user, is_named),
        };
        if is_named {
            self.announce_and_move(out, &left, vec![(user, Membership::None)]);
        } else {
            self.answer(out, user, &left, Membership::None);
            self.count_has_changed(now, out);
        }
        self.abandon_if_nobody_is_left(now, out);
    }

    /// Takes a spectator off the list, and gives how many are left.
    pub(super) fn without_spectator(&mut self, user: UserId, is_told: bool) -> u32 {
        let spectators = self.spectators_mut();
        spectators.remove(user);
        let count = spectators.count();
        if is_told {
            spectators.told = count;
        }
        count
    }

    /// Too many are there to name who comes and goes.
    pub(super) fn count_has_changed(&mut self, now: Millis, out: &mut Out) {
        let spectators = self.spectators_mut();
        spectators.has_untold_names = true;
        let due = spectators.told_at.plus(COUNT_EVERY_MS);
        if due <= now {
            self.tell_count(now, out);
        } else {
            spectators.tell_at = Some(due);
        }
    }

    fn tell_count(&mut self, now: Millis, out: &mut Out) {
        let spectators = self.spectators_mut();
        let spectator_count = spectators.count();
        let is_named = spectators.present.len() <= NAMED_MAX;
        spectators.told = spectator_count;
        spectators.told_at = now;
        spectators.tell_at = None;
        spectators.has_untold_names = !is_named;
        let updated = SpectatorsUpdated {
            spectator_count,
            spectators_data: is_named.then(|| spectators.named()),
        };
        self.announce(out, &updated);
    }

    /// Who has been away too long goes; a number that waits to be told is told.
    pub(super) fn spectators_are_due(&mut self, now: Millis, out: &mut Out) {
        while let Some(user) = self.spectators.next_overdue(now) {
            self.spectator_departs(now, user, out);
        }
        if self.spectators.tell_at.is_some_and(|at| at <= now) && !self.is_over() {
            self.tell_count(now, out);
        }
    }

    /// The spectator's last connection is gone; whether that was news.
    pub(super) fn spectator_is_away(&mut self, context: &Context<'_>, user: UserId) -> bool {
        if self.spectators.away.contains_key(&user) {
            return false;
        }
        let departs_at = context.now.plus(ABSENCE_MS);
        self.spectators_mut().away.insert(user, departs_at);
        true
    }

    /// Whether the spectator had been away.
    pub(super) fn spectator_is_back(&mut self, user: UserId) -> bool {
        let was_away = self.spectators.away.contains_key(&user);
        if was_away {
            self.spectators_mut().away.remove(&user);
        }
        was_away
    }

    /// `become_spectator`, and `select_spectator` by the host: from the lobby.
    pub(super) fn become_spectator(
        &mut self,
        context: &Context<'_>,
        target: Option<UserId>,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        let user = target.unwrap_or(context.by.user_id);
        if user != context.by.user_id {
            self.require_host(context.by.user_id)?;
        }
        if self.spectators.get(user).is_some() {
            let already = "Already a spectator of this room";
            return Err(Refusal::because(RefusalCode::AlreadyInRoom, already));
        }
        if user == context.by.user_id {
            self.require_member(user)?;
        }
        self.require_removable(user)?;
        let member = self.roster.member(user).cloned();
        let member = member.ok_or(RefusalCode::PlayerNotInLobby)?;
        if self.roster.seat(user).is_some() {
            let first = "Who is selected has to be deselected first";
            return Err(Refusal::because(RefusalCode::AlreadySelected, first));
        }
        self.require_place_for_spectator()?;
        self.roster_mut().remove(user);
        let spectators = self.spectators_mut();
        spectators.add(member.player.clone(), context.now);
        if let Presence::Absent {
            departs_at: Some(at),
        } = member.presence
        {
            spectators.away.insert(user, at);
        }
        self.answer_with_state(out, user);
        // Always by name: the lobby has to know who is gone from it.
        self.tell_of_new_spectator(&member.player, out);
        self.go_on_without(context, user, false, out);
        Ok(true)
    }

    /// `become_player`: into the lobby, which is consent to the fee and so nobody else's to ask for.
    pub(super) fn become_player(
        &mut self,
        context: &Context<'_>,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        let user = context.by.user_id;
        self.spectators
            .get(user)
            .ok_or(RefusalCode::NotASpectator)?;
        self.require_place_in_lobby(context)?;
        let is_named = !self.spectators.are_too_many_to_name();
        self.without_spectator(user, is_named);
        self.enter_lobby(context, out);
        if !is_named {
            self.count_has_changed(context.now, out);
        }
        Ok(true)
    }
}
