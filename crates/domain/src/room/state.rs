//! The room's state, where inputs come in and what they cause is collected.

use super::events::{EventBody, RoomUpdated};
use super::moderation::Sanctions;
use super::pause::Allowance;
use super::roster::Roster;
use super::spectators::Spectators;
use super::view::RoomStatus;
use super::{Action, Effects, EventAudience, Input, Membership, Order, RoomEvent, RoomLimits};
use crate::fairness::{Dice, RoomSecret, Seed};
use crate::game::{GameDefinition, Games, OnDisconnect, RunningGame, Seat, SeatedPlayer, is_false};
use crate::ids::{Millis, RoomId, UserId};
use crate::json::JsonObject;
use crate::ledger::Transfer;
use crate::money::Cents;
use crate::refusal::{Refusal, RefusalCode};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A room.
#[derive(Clone)]
pub struct Room {
    pub(super) game_type: &'static str,
    /// The game's version when it started, or when the room was opened as long as it has not.
    pub(super) game_version: u32,
    pub(super) secret: RoomSecret,
    pub(super) config: Arc<Config>,
    pub(super) roster: Arc<Roster>,
    pub(super) spectators: Arc<Spectators>,
    pub(super) sanctions: Arc<Sanctions>,
    pub(super) stage: Stage,
    pub(super) room_seq: u64,
    /// Which of the secret's server seeds is in force.
    pub(super) seed_number: u32,
    /// Who comes in without a password.
    pub(super) invited: Arc<BTreeSet<UserId>>,
    /// Chat messages ever sent here, in all channels.
    pub(super) chat_count: u64,
}

/// What does not change after a room's creation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Config {
    pub room_id: RoomId,
    pub room_name: Arc<str>,
    pub game_type: Arc<str>,
    pub created_at: Millis,
    pub max_players: u32,
    pub allow_spectators: bool,
    pub is_password_protected: bool,
    pub open_table: bool,
    pub entry_fee: Cents,
    pub prize_percent: u8,
    #[serde(default, skip_serializing_if = "is_false")]
    pub invites_bot: bool,
    #[serde(flatten)]
    pub limits: RoomLimits,
}

#[derive(Clone)]
pub(super) enum Stage {
    /// An open table that nobody has come to yet.
    Unattended { deadline: Millis },
    /// The host selects.
    Selecting,
    /// Only spectators are left; who comes into the lobby hosts it.
    Deserted { deadline: Millis },
    /// All seats are taken; who is not ready in time loses the seat.
    Filled { deadline: Millis },
    /// The commitments are frozen; who does not reveal in time loses the seat.
    Revealing { deadline: Millis },
    /// In play.
    Playing(Play),
    /// Nothing can happen any more.
    Over(End),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct End {
    pub status: RoomStatus,
    pub winner: Option<UserId>,
    pub finished_at: Millis,
}

/// A game in play.
pub(super) struct Play {
    pub game: Box<dyn RunningGame>,
    pub on_disconnect: OnDisconnect,
    pub dice: Dice,
    /// In seat order.
    pub players: Arc<Vec<SeatedPlayer>>,
    pub started_at: Millis,
    pub turn_number: u64,
    pub turn: Option<Turn>,
    /// By seat, where the game waits for who is gone.
    pub allowances: Vec<Allowance>,
}

impl Clone for Play {
    fn clone(&self) -> Play {
        Play {
            game: self.game.copy(),
            on_disconnect: self.on_disconnect,
            dice: self.dice.clone(),
            players: self.players.clone(),
            started_at: self.started_at,
            turn_number: self.turn_number,
            turn: self.turn.clone(),
            allowances: self.allowances.clone(),
        }
    }
}

impl Play {
    pub fn user_at(&self, seat: Seat) -> UserId {
        self.players[seat.index()].user_id
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Turn {
    /// The seat that is waited for.
    pub seat: Seat,
    /// When the server moves for it.
    pub deadline: Option<Millis>,
    /// When it would if the player is there: switching auto-play on and off gains no time.
    pub full_deadline: Option<Millis>,
    /// What the turn has left while the game waits for somebody; none where it has no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_ms: Option<i64>,
}

/// What one input's decision depends on beside the room.
pub(super) struct Context<'a> {
    pub now: Millis,
    pub by: &'a SeatedPlayer,
    pub balances: &'a [(UserId, Cents)],
    pub game: &'a GameDefinition,
}

impl<'a> Context<'a> {
    pub fn of(input: &'a Input, game: &'a GameDefinition) -> Context<'a> {
        Context {
            now: input.now,
            by: &input.by,
            balances: &input.balances,
            game,
        }
    }

    pub fn balance(&self, user: UserId) -> Cents {
        let found = self.balances.iter().find(|(id, _)| *id == user);
        found.map_or(Cents::ZERO, |(_, balance)| *balance)
    }
}

/// What an input causes, while it is decided.
#[derive(Default)]
pub(super) struct Out {
    pub events: Vec<RoomEvent>,
    pub transfers: Vec<Transfer>,
}

pub(super) fn body_of(event: &impl EventBody) -> JsonObject {
    JsonObject::of(event).expect("events are structs of strings, numbers and lists")
}

/// To all who look at the lobby.
pub(super) fn broadcast<E: EventBody>(event: &E) -> RoomEvent {
    RoomEvent {
        name: Cow::Borrowed(E::NAME),
        audience: EventAudience::Broadcast,
        order: Order::Outside,
        body: body_of(event),
        membership: Vec::new(),
    }
}

impl Room {
    /// Applies one input. After a refusal the room is as it was; after a panic (a game's own) the
    /// caller goes on with the copy that it kept. Cloning a room is cheap.
    pub fn decide(&mut self, input: &Input, games: &Games) -> Result<Effects, Refusal> {
        if self.is_over() {
            return match input.action {
                Action::Deadline
                | Action::Shift { .. }
                | Action::Disconnected { .. }
                | Action::CallOff
                | Action::Close
                | Action::CloseUnloaded => Ok(Effects::default()),
                _ => Err(RefusalCode::RoomNotFound.into()),
            };
        }
        let game = games.get(self.game_type).ok_or(RefusalCode::UnknownGame)?;
        let context = Context::of(input, game);
        let listed = self.listing();
        let mut out = Out::default();
        let changed = self.apply(&context, &input.action, &mut out)?;
        if changed && listed.is_some() && self.listing().is_some_and(|now| Some(now) != listed) {
            let updated = self.summary().map(RoomUpdated::from);
            updated
                .into_iter()
                .for_each(|line| self.broadcast(&mut out, &line));
        }
        Ok(Effects {
            events: out.events,
            transfers: out.transfers,
            changed,
        })
    }

    /// Whether anything changed.
    fn apply(
        &mut self,
        context: &Context<'_>,
        action: &Action,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        match action {
            Action::Create { .. } => {
                let taken = "A room with this room_id exists already";
                Err(Refusal::because(RefusalCode::InvalidFormat, taken))
            }
            Action::Join { password } => self.join(context, *password, out),
            Action::Spectate { password } => self.spectate(context, *password, out),
            Action::StopSpectating => self.stop_spectating(context, out),
            Action::BecomeSpectator { target } => self.become_spectator(context, *target, out),
            Action::BecomePlayer => self.become_player(context, out),
            Action::WrongPassword => Ok(self.note_wrong_password(context)),
            Action::Moderate { measure, target } => self.moderate(context, *measure, *target, out),
            Action::Invite { users, rematch_of } => {
                self.invite(context, users, rematch_of.as_ref(), out)
            }
            Action::Leave => self.leave(context, out),
            Action::Rejoin => self.rejoin(context, out),
            Action::Sync { user } => self.sync(context, *user, out),
            Action::Disconnected { user } => self.disconnected(context, *user, out),
            Action::Select { target } => self.select(context, *target, out),
            Action::Deselect { target } => self.deselect(context, *target, out),
            Action::Ready {
                is_ready,
                seed_commitment,
            } => self.ready(context, *is_ready, *seed_commitment, out),
            Action::RevealSeed { client_seed } => self.reveal_seed(context, *client_seed, out),
            Action::Start => self.start_below_full(context, out),
            Action::AutoPlay { enabled } => self.auto_play(context, *enabled, out),
            Action::Move {
                game_type,
                name,
                fields,
            } => self.play_move(context, game_type, name, fields, out),
            Action::Chat { channel, content } => self.chat(context, *channel, content, out),
            Action::Deadline => Ok(self.deadline(context, out)),
            Action::Shift { by_ms } => Ok(self.shift(*by_ms, out)),
            Action::CallOff => Ok(self.call_off("game_failed", context.now, out)),
            Action::Close => Ok(self.call_off("closed_by_operator", context.now, out)),
            Action::CloseUnloaded => Ok(self.close_unloaded(context.now, out)),
        }
    }

    /// When [`super::Action::Deadline`] is due.
    pub fn next_deadline(&self) -> Option<Millis> {
        let departure = || self.roster.next_departure().map(|(at, _)| at);
        let (of_stage, departure) = match &self.stage {
            Stage::Selecting => (None, departure()),
            Stage::Filled { deadline } | Stage::Revealing { deadline } => {
                (Some(*deadline), departure())
            }
            Stage::Unattended { deadline } | Stage::Deserted { deadline } => {
                (Some(*deadline), None)
            }
            Stage::Playing(play) => {
                let turn = play.turn.as_ref().and_then(|turn| turn.deadline);
                let next = [turn, play.pause_ends()].into_iter().flatten().min();
                (next, None)
            }
            Stage::Over(_) => return None,
        };
        let of_spectators = self.spectators.next_deadline();
        [of_stage, departure, of_spectators]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether nothing can happen here any more.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over(_))
    }

    /// The last room_seq.
    pub fn room_seq(&self) -> u64 {
        self.room_seq
    }

    /// Its id.
    pub fn room_id(&self) -> &RoomId {
        &self.config.room_id
    }

    /// The game's name.
    pub fn game_type(&self) -> &'static str {
        self.game_type
    }

    /// The game's version when it started; before, the one registered when the room was opened.
    pub fn game_version(&self) -> u32 {
        self.game_version
    }

    /// The name its host gave it.
    pub fn room_name(&self) -> &str {
        &self.config.room_name
    }

    /// Who won, once it is over.
    pub fn winner(&self) -> Option<UserId> {
        match &self.stage {
            Stage::Over(end) => end.winner,
            _ => None,
        }
    }

    pub(super) fn play(&self) -> Option<&Play> {
        match &self.stage {
            Stage::Playing(play) => Some(play),
            _ => None,
        }
    }

    pub(super) fn play_mut(&mut self) -> Option<&mut Play> {
        match &mut self.stage {
            Stage::Playing(play) => Some(play),
            _ => None,
        }
    }

    pub(super) fn roster_mut(&mut self) -> &mut Roster {
        Arc::make_mut(&mut self.roster)
    }

    pub(super) fn server_seed(&self) -> Seed {
        self.secret.server_seed(self.seed_number)
    }

    /// The winner's share of what the escrow holds.
    pub(super) fn prize(&self) -> Cents {
        self.roster.escrow().percent(self.config.prize_percent)
    }

    /// The winner's share if all seats are taken.
    pub(super) fn full_prize(&self) -> Cents {
        let Config {
            entry_fee,
            max_players,
            prize_percent,
            ..
        } = *self.config;
        Cents(entry_fee.0.saturating_mul(i64::from(max_players))).percent(prize_percent)
    }

    /// The asker, if in the room.
    pub(super) fn require_member(&self, user: UserId) -> Result<(), Refusal> {
        match self.roster.member(user) {
            Some(member) if !member.has_left() => Ok(()),
            _ if self.spectators.get(user).is_some() => {
                let watching = "You only watch this room";
                Err(Refusal::because(RefusalCode::NotInRoom, watching))
            }
            _ => Err(RefusalCode::NotInRoom.into()),
        }
    }

    pub(super) fn require_host(&self, user: UserId) -> Result<(), Refusal> {
        self.require_member(user)?;
        if self.roster.host.user_id == user {
            Ok(())
        } else {
            Err(RefusalCode::NotHost.into())
        }
    }

    /// To everyone in the room.
    pub(super) fn announce(&mut self, out: &mut Out, event: &impl EventBody) {
        self.announce_and_move(out, event, Vec::new());
    }

    /// To everyone in the room, together with whose place in it changes.
    pub(super) fn announce_and_move<E: EventBody>(
        &mut self,
        out: &mut Out,
        event: &E,
        membership: Vec<(UserId, Membership)>,
    ) {
        let (name, order) = (Cow::Borrowed(E::NAME), self.next_order());
        let (audience, body) = (EventAudience::Room, body_of(event));
        out.events.push(RoomEvent {
            name,
            audience,
            order,
            body,
            membership,
        });
    }

    /// To one user.
    pub(super) fn answer<E: EventBody>(
        &self,
        out: &mut Out,
        user: UserId,
        event: &E,
        membership: Membership,
    ) {
        out.events.push(RoomEvent {
            name: Cow::Borrowed(E::NAME),
            audience: EventAudience::User(user),
            order: Order::After(self.room_seq),
            body: body_of(event),
            membership: vec![(user, membership)],
        });
    }

    /// To all who look at the lobby.
    pub(super) fn broadcast<E: EventBody>(&self, out: &mut Out, event: &E) {
        out.events.push(broadcast(event));
    }

    pub(super) fn next_order(&mut self) -> Order {
        self.room_seq += 1;
        Order::Room(self.room_seq)
    }
}
