//! What others see of a room.

use super::Membership;
use super::events::{Player, PlayerName, RoomUpdated, Timestamp};
use super::roster::Member;
use super::spectators::NAMED_MAX;
use super::state::{Room, Stage};
use crate::fairness::Commitment;
use crate::game::is_false;
use crate::ids::{RoomId, UserId};
use crate::money::Cents;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many of an open table's members `room_state` lists; `player_count` tells how many there are.
const OPEN_TABLE_LISTED: usize = 50;

/// Where a room stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoomStatus {
    /// Before play.
    Waiting,
    /// In play.
    InProgress,
    /// Played to the end.
    Finished,
    /// Ended otherwise.
    Abandoned,
}

/// A room's line in the list (without `can_rejoin` and `rejoin_role`, which depend on who asks).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RoomSummary {
    /// The room.
    pub room_id: RoomId,
    /// Its name.
    pub room_name: Arc<str>,
    /// Its game.
    pub game_type: Arc<str>,
    /// Its host.
    pub host_id: UserId,
    /// Its host's name.
    pub host_name: Arc<str>,
    /// Where it stands.
    pub status: RoomStatus,
    /// People in lobby and seats.
    pub player_count: u32,
    /// People watching.
    pub spectator_count: u32,
    /// Seats.
    pub max_players: u32,
    /// Whether joining asks for a password.
    pub is_password_protected: bool,
    /// Whether others may watch.
    pub allow_spectators: bool,
    /// What a seat costs.
    pub entry_fee_cents: Cents,
    /// What the winner gets if all seats are taken.
    pub prize_cents: Cents,
    /// Bots among the people; left out where there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bot_count: u32,
    /// Whether the host asks for the house's bot; left out where not.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invites_bot: bool,
}

pub(super) fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl From<RoomSummary> for RoomUpdated {
    fn from(summary: RoomSummary) -> RoomUpdated {
        RoomUpdated {
            room_name: summary.room_name,
            game_type: summary.game_type,
            host_id: summary.host_id,
            host_name: summary.host_name,
            status: summary.status,
            player_count: summary.player_count,
            spectator_count: summary.spectator_count,
            max_players: summary.max_players,
            is_password_protected: summary.is_password_protected,
            allow_spectators: summary.allow_spectators,
            entry_fee_cents: summary.entry_fee_cents,
            prize_cents: summary.prize_cents,
            bot_count: summary.bot_count,
            invites_bot: summary.invites_bot,
        }
    }
}

/// The whole room, as `room_state` carries it.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "RoomSnapshot")]
pub struct RoomView {
    /// The room.
    pub room_id: RoomId,
    /// Its name.
    pub room_name: Arc<str>,
    /// Its game.
    pub game_type: Arc<str>,
    /// Where it stands.
    pub status: RoomStatus,
    /// Its host.
    pub host_id: UserId,
    /// Who is selected or seated, in seat order.
    pub players: Vec<Player>,
    /// Who waits, in the order of coming.
    pub lobby: Vec<Player>,
    /// Who watches; of many the first 50, in the order of coming.
    pub spectators: Vec<UserId>,
    /// The same, with names.
    pub spectators_data: Vec<Player>,
    /// How many watch; left out where nobody does.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spectator_count: u32,
    /// Who may not come in.
    pub banned_users: Vec<UserId>,
    /// The same, with the names that they had; left out where nobody is banned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub banned_users_data: Vec<PlayerName>,
    /// The ids of `players`, before play and in it.
    pub selected_players: Vec<UserId>,
    /// Whose seat the server plays.
    pub auto_players: Vec<UserId>,
    /// Who may not chat.
    pub muted_users: Vec<UserId>,
    /// Whose turn it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_turn: Option<UserId>,
    /// From 1; 0 before play.
    pub turn_number: u64,
    /// When the server moves instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_deadline: Option<Timestamp>,
    /// By when everyone selected has to be ready: all seats are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_deadline: Option<Timestamp>,
    /// By when the seeds have to be revealed: the commitments are frozen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seeds_deadline: Option<Timestamp>,
    /// When the room was opened.
    pub created_at: Timestamp,
    /// When play began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Whether joining asks for a password.
    pub is_password_protected: bool,
    /// Seats wanted; at an open table, the people at it.
    pub player_count: u32,
    /// Whether others may watch.
    pub allow_spectators: bool,
    /// How many may watch.
    pub max_spectators: u32,
    /// What a seat costs.
    pub entry_fee_cents: Cents,
    /// What the winner gets: of what is paid in play, of all seats before.
    pub prize_cents: Cents,
    /// The commitment to the server seed in force.
    pub seed_commitment: Commitment,
    /// The last room-wide event that this state contains.
    pub room_seq: u64,
    /// Always false: whoever gets this has to replace what they knew.
    pub recovered: bool,
    /// Whether the host asks for the house's bot; left out where not.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invites_bot: bool,
}

impl Room {
    /// Its line in the list of rooms; none when it is not listed (an open table, an ended room).
    pub fn summary(&self) -> Option<RoomSummary> {
        if self.config.open_table || self.is_over() {
            return None;
        }
        Some(RoomSummary {
            room_id: self.config.room_id.clone(),
            room_name: self.config.room_name.clone(),
            game_type: self.config.game_type.clone(),
            host_id: self.roster.host.user_id,
            host_name: self.roster.host.username.clone(),
            status: self.status(),
            player_count: self.roster.members().len() as u32,
            spectator_count: self.spectators.count(),
            max_players: self.config.max_players,
            is_password_protected: self.config.is_password_protected,
            allow_spectators: self.config.allow_spectators,
            entry_fee_cents: self.config.entry_fee,
            prize_cents: self.full_prize(),
            bot_count: self.roster.bot_count() as u32,
            invites_bot: self.config.invites_bot,
        })
    }

    /// What of [`Room::summary`] can change while the room is listed.
    pub(super) fn listing(&self) -> Option<(UserId, usize, u32)> {
        let (host, players) = (self.roster.host.user_id, self.roster.members().len());
        let waiting = self.status() == RoomStatus::Waiting;
        waiting.then(|| (host, players, self.spectators.told()))
    }

    /// Where it stands.
    pub fn status(&self) -> RoomStatus {
        match &self.stage {
            Stage::Selecting
            | Stage::Deserted { .. }
            | Stage::Filled { .. }
            | Stage::Revealing { .. } => RoomStatus::Waiting,
            Stage::Unattended { .. } | Stage::Playing(_) => RoomStatus::InProgress,
            Stage::Over(end) => end.status,
        }
    }

    /// Everyone in the room. Who left a running game is not, though the seat may be taken again.
    pub fn members(&self) -> Vec<(UserId, Membership)> {
        if self.is_over() {
            return Vec::new();
        }
        let here = self
            .roster
            .members()
            .iter()
            .filter(|member| !member.has_left());
        let players = here.map(|member| (member.user_id(), self.membership(member.user_id())));
        let spectators = self.spectators.ids();
        players
            .chain(spectators.map(|user| (user, Membership::Spectator)))
            .collect()
    }

    /// Whether this user is the host.
    pub fn is_hosted_by(&self, user: UserId) -> bool {
        self.roster.host.user_id == user
    }

    /// What this user is here.
    pub fn standing(&self, user: UserId) -> Membership {
        let is_here = |member: &Member| !member.has_left();
        if self.roster.member(user).is_some_and(is_here) {
            self.membership(user)
        } else if self.spectators.get(user).is_some() {
            Membership::Spectator
        } else {
            Membership::None
        }
    }

    /// Whether `rejoin_room` would take this user in: everyone in the room, and who left a running
    /// game.
    pub fn can_rejoin(&self, user: UserId) -> bool {
        let is_known = self.roster.member(user).is_some() || self.spectators.get(user).is_some();
        !self.is_over() && is_known
    }

    pub(super) fn membership(&self, user: UserId) -> Membership {
        if self.spectators.get(user).is_some() {
            Membership::Spectator
        } else if self.config.open_table || self.roster.seat(user).is_some() {
            Membership::Player
        } else {
            Membership::Lobby
        }
    }

    pub(super) fn player(&self, user: UserId) -> Option<Player> {
        let member = self.roster.member(user)?;
        let seat = self.roster.seat_index(user);
        let score = seat
            .zip(self.play())
            .and_then(|(seat, play)| play.game.scores().get(seat).copied());
        Some(Player {
            user_id: user,
            username: member.player.username.clone(),
            score: score.unwrap_or_default(),
            is_ready: self.roster.seat(user).is_some_and(|seat| seat.is_ready),
            joined_at: Timestamp(member.joined_at),
            is_bot: member.player.is_bot,
        })
    }

    pub(super) fn seated_players(&self) -> Vec<Player> {
        self.roster
            .seats
            .iter()
            .filter_map(|seat| self.player(seat.user_id))
            .collect()
    }

    /// Who has paid into the room's escrow, and may be paid out of it.
    pub fn selected_ids(&self) -> Vec<UserId> {
        self.roster.seats.iter().map(|seat| seat.user_id).collect()
    }

    pub(super) fn view(&self) -> RoomView {
        let play = self.play();
        let members = self.roster.members();
        let open_table = self.config.open_table;
        let unseated = members
            .iter()
            .filter(|member| self.roster.seat(member.user_id()).is_none());
        let listed = unseated.take(if open_table {
            OPEN_TABLE_LISTED
        } else {
            usize::MAX
        });
        let waiting = listed
            .filter_map(|member| self.player(member.user_id()))
            .collect();
        let (players, lobby) = if open_table {
            (waiting, Vec::new())
        } else {
            (self.seated_players(), waiting)
        };
        let turn = play.and_then(|play| play.turn.as_ref());
        RoomView {
            room_id: self.config.room_id.clone(),
            room_name: self.config.room_name.clone(),
            game_type: self.config.game_type.clone(),
            status: self.status(),
            host_id: self.roster.host.user_id,
            players,
            lobby,
            spectators: self.spectators.ids().take(NAMED_MAX).collect(),
            spectators_data: self.spectators.named(),
            spectator_count: self.spectators.count(),
            banned_users: self.sanctions.banned.keys().copied().collect(),
            banned_users_data: self.sanctions.banned_names(),
            selected_players: self.selected_ids(),
            auto_players: self.auto_played(),
            muted_users: self.sanctions.muted.keys().copied().collect(),
            current_turn: turn.zip(play).map(|(turn, play)| play.user_at(turn.seat)),
            turn_number: play.map_or(0, |play| play.turn_number),
            turn_deadline: turn.and_then(|turn| turn.deadline).map(Timestamp),
            ready_deadline: match self.stage {
                Stage::Filled { deadline } => Some(Timestamp(deadline)),
                _ => None,
            },
            seeds_deadline: match self.stage {
                Stage::Revealing { deadline } => Some(Timestamp(deadline)),
                _ => None,
            },
            created_at: Timestamp(self.config.created_at),
            started_at: play.map(|play| Timestamp(play.started_at)),
            is_password_protected: self.config.is_password_protected,
            player_count: if open_table {
                members.len() as u32
            } else {
                self.config.max_players
            },
            allow_spectators: self.config.allow_spectators,
            max_spectators: self.config.limits.max_spectators,
            entry_fee_cents: self.config.entry_fee,
            prize_cents: if play.is_some() {
                self.prize()
            } else {
                self.full_prize()
            },
            seed_commitment: self.server_seed().commitment(),
            room_seq: self.room_seq,
            recovered: false,
            invites_bot: self.config.invites_bot,
        }
    }
}
