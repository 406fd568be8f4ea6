//! What a host may do to others, who may not come in or speak, and how often a password may be guessed.

use super::events::{
    PlayerBanned, PlayerName, PlayerUnbanned, SpectatorKicked, UserMuted, UserUnmuted,
};
use super::lobby::Departure;
use super::state::{Context, Out, Room, Stage};
use super::{Membership, PasswordCheck};
use crate::ids::{Millis, UserId};
use crate::refusal::{Refusal, RefusalCode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many one room may ban, and how many it may mute.
const LISTED_MAX: usize = 1_000;
/// Wrong passwords that are heard before one has to wait.
const GUESSES_MAX: u32 = 5;
/// For how long after the last of them.
const GUESSES_REST_MS: i64 = 60_000;
/// Of how many people a room remembers wrong passwords.
const GUESSERS_MAX: usize = 1_000;

/// What a host does to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// `kick_player`
    KickPlayer,
    /// `kick_spectator`
    KickSpectator,
    /// `ban_player`
    Ban,
    /// `unban_player`
    Unban,
    /// `mute_user`
    Mute,
    /// `unmute_user`
    Unmute,
}

/// Who may not come in or speak, with the names that they had, and who guesses at the password.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Sanctions {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub banned: BTreeMap<UserId, Arc<str>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub muted: BTreeMap<UserId, Arc<str>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    guesses: BTreeMap<UserId, Guesses>,
}

/// Somebody's wrong passwords.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Guesses {
    wrong: u32,
    /// When they are forgotten.
    until: Millis,
}

impl Sanctions {
    pub fn are_none(&self) -> bool {
        self.banned.is_empty() && self.muted.is_empty() && self.guesses.is_empty()
    }

    pub fn banned_names(&self) -> Vec<PlayerName> {
        let name = |(user, name): (&UserId, &Arc<str>)| PlayerName {
            user_id: *user,
            username: name.clone(),
            is_bot: false,
        };
        self.banned.iter().map(name).collect()
    }

    /// How long this one's passwords are not looked at.
    fn has_to_wait_ms(&self, user: UserId, now: Millis) -> Option<i64> {
        let guesses = self.guesses.get(&user)?;
        let wait_ms = guesses.until.0.saturating_sub(now.0);
        (guesses.wrong >= GUESSES_MAX && wait_ms > 0).then_some(wait_ms)
    }

    fn note_guess(&mut self, user: UserId, now: Millis) {
        self.guesses.retain(|_, guesses| guesses.until > now);
        if self.guesses.len() >= GUESSERS_MAX && !self.guesses.contains_key(&user) {
            let oldest = self.guesses.iter().min_by_key(|(_, guesses)| guesses.until);
            if let Some(oldest) = oldest.map(|(user, _)| *user) {
                self.guesses.remove(&oldest);
            }
        }
        let until = now.plus(GUESSES_REST_MS);
        let guesses = self.guesses.entry(user);
        let guesses = guesses.or_insert(Guesses { wrong: 0, until });
        guesses.wrong += 1;
        guesses.until = until;
    }
}

impl Room {
    fn sanctions_mut(&mut self) -> &mut Sanctions {
        Arc::make_mut(&mut self.sanctions)
    }

    /// Whether the host has muted this one here.
    pub fn is_muted(&self, user: UserId) -> bool {
        self.sanctions.muted.contains_key(&user)
    }

    /// Nobody comes in twice, and who is banned not at all.
    pub(super) fn require_stranger(&self, user: UserId) -> Result<(), Refusal> {
        self.require_not_banned(user)?;
        if self.roster.member(user).is_some() {
            return Err(RefusalCode::AlreadyInRoom.into());
        }
        if self.spectators.get(user).is_some() {
            let already = "You watch this room already";
            return Err(Refusal::because(RefusalCode::AlreadyInRoom, already));
        }
        Ok(())
    }

    pub(super) fn require_not_banned(&self, user: UserId) -> Result<(), RefusalCode> {
        if self.sanctions.banned.contains_key(&user) {
            Err(RefusalCode::Banned)
        } else {
            Ok(())
        }
    }

    pub(super) fn check_password(
        &self,
        context: &Context<'_>,
        password: PasswordCheck,
    ) -> Result<(), Refusal> {
        if !self.config.is_password_protected || self.is_invited(context.by.user_id) {
            return Ok(());
        }
        // The right one is not looked at either, or the wait would tell it from wrong ones.
        if let Some(wait_ms) = (self.sanctions).has_to_wait_ms(context.by.user_id, context.now) {
            let wait_s = wait_ms.unsigned_abs().div_ceil(1_000);
            let wait = format!("Too many wrong passwords; try again in {wait_s} s");
            return Err(Refusal::because(RefusalCode::RateLimited, wait));
        }
        match password {
            PasswordCheck::Match => Ok(()),
            PasswordCheck::Absent | PasswordCheck::Mismatch => {
                Err(RefusalCode::WrongPassword.into())
            }
        }
    }

    /// Somebody was refused for a wrong password.
    pub(super) fn note_wrong_password(&mut self, context: &Context<'_>) -> bool {
        let (user, now) = (context.by.user_id, context.now);
        let counts =
            self.config.is_password_protected && self.sanctions.has_to_wait_ms(user, now).is_none();
        if counts {
            self.sanctions_mut().note_guess(user, now);
        }
        counts
    }

    /// From the frozen commitments on, a seat is for the whole game.
    pub(super) fn require_removable(&self, user: UserId) -> Result<(), RefusalCode> {
        let is_frozen = matches!(self.stage, Stage::Revealing { .. } | Stage::Playing(_));
        if is_frozen && self.roster.seat(user).is_some() {
            Err(RefusalCode::GameInProgress)
        } else {
            Ok(())
        }
    }

    pub(super) fn moderate(
        &mut self,
        context: &Context<'_>,
        measure: Measure,
        target: UserId,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        self.require_host(context.by.user_id)?;
        if target == context.by.user_id {
            return Err(RefusalCode::CannotTargetSelf.into());
        }
        match measure {
            Measure::KickPlayer => self.kick_player(context, target, out)?,
            Measure::KickSpectator => self.kick_spectator(context.now, target, out)?,
            Measure::Ban => self.ban(context, target, out)?,
            Measure::Unban => self.unban(target, out)?,
            Measure::Mute => self.mute(target, out)?,
            Measure::Unmute => self.unmute(target, out),
        }
        Ok(true)
    }

    fn kick_player(
        &mut self,
        context: &Context<'_>,
        target: UserId,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let Some(member) = self.roster.member(target) else {
            let absent = "This user is not a player in the room";
            return Err(Refusal::because(RefusalCode::PlayerNotInLobby, absent));
        };
        let player = member.player.clone();
        self.require_removable(target)?;
        self.depart(context, &player, Departure::Kicked, out);
        Ok(())
    }

    fn kick_spectator(
        &mut self,
        now: Millis,
        target: UserId,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let Some(player) = self.spectators.get(target).cloned() else {
            let no_spectator = "This user is not a spectator of the room";
            return Err(Refusal::because(RefusalCode::NotASpectator, no_spectator));
        };
        let is_counted = self.spectators.are_too_many_to_name();
        let kicked = SpectatorKicked {
            user_id: target,
            username: player.username,
            spectator_count: self.without_spectator(target, !is_counted),
        };
        self.announce_and_move(out, &kicked, vec![(target, Membership::None)]);
        if is_counted {
            self.count_has_changed(now, out);
        }
        Ok(())
    }

    fn ban(&mut self, context: &Context<'_>, target: UserId, out: &mut Out) -> Result<(), Refusal> {
        self.require_removable(target)?;
        let username = self.name_of(target);
        let sanctions = self.sanctions_mut();
        put(&mut sanctions.banned, target, username.clone())?;
        if let Some(member) = self.roster.member(target) {
            let player = member.player.clone();
            self.depart(context, &player, Departure::Banned, out);
            return Ok(());
        }
        let is_here = self.spectators.get(target).is_some();
        let is_counted = self.spectators.are_too_many_to_name();
        if is_here {
            self.without_spectator(target, !is_counted);
        }
        let banned = PlayerBanned {
            user_id: target,
            username,
        };
        let left = is_here.then_some((target, Membership::None));
        self.announce_and_move(out, &banned, left.into_iter().collect());
        if is_here && is_counted {
            self.count_has_changed(context.now, out);
        }
        Ok(())
    }

    fn unban(&mut self, target: UserId, out: &mut Out) -> Result<(), Refusal> {
        self.require_banned(target)?;
        let username = self.name_of(target);
        self.sanctions_mut().banned.remove(&target);
        let unbanned = PlayerUnbanned {
            user_id: target,
            username,
        };
        self.announce(out, &unbanned);
        Ok(())
    }

    fn require_banned(&self, target: UserId) -> Result<(), RefusalCode> {
        match self.require_not_banned(target) {
            Ok(()) => Err(RefusalCode::NotBanned),
            Err(_) => Ok(()),
        }
    }

    fn mute(&mut self, target: UserId, out: &mut Out) -> Result<(), Refusal> {
        let target_username = self.name_of(target);
        let sanctions = self.sanctions_mut();
        put(&mut sanctions.muted, target, target_username.clone())?;
        let muted = UserMuted {
            target_user_id: target,
            target_username,
        };
        self.announce(out, &muted);
        Ok(())
    }

    fn unmute(&mut self, target: UserId, out: &mut Out) {
        let unmuted = UserUnmuted {
            target_user_id: target,
            target_username: self.name_of(target),
        };
        self.sanctions_mut().muted.remove(&target);
        self.announce(out, &unmuted);
    }

    /// What the room knows a user by; of one who was never here, the id.
    fn name_of(&self, user: UserId) -> Arc<str> {
        let member = self.roster.member(user).map(|member| &member.player);
        let present = member.or_else(|| self.spectators.get(user));
        let name = present.map(|player| &player.username);
        let name = name.or_else(|| self.sanctions.banned.get(&user));
        let name = name.or_else(|| self.sanctions.muted.get(&user));
        name.cloned().unwrap_or_else(|| user.to_string().into())
    }
}

fn put(list: &mut BTreeMap<UserId, Arc<str>>, user: UserId, name: Arc<str>) -> Result<(), Refusal> {
    if list.len() >= LISTED_MAX && !list.contains_key(&user) {
        let full = format!("The room's list has its {LISTED_MAX} names; take one off first");
        return Err(Refusal::because(RefusalCode::TooLong, full));
    }
    list.insert(user, name);
    Ok(())
}
