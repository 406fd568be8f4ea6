//! Games that wait for who is gone: each seat may be away for so long in all, the turn's time stands
//! still meanwhile, and whoever does not come back in time gives the game up.

use super::events::Timestamp;
use super::roster::Presence;
use super::state::{Context, Out, Play, Room};
use crate::game::{GameEvent, OnDisconnect, Outcome, Seat, SeatedPlayer};
use crate::ids::{Millis, UserId};
use crate::money::Cents;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// Why a match is cancelled that nobody came back to.
const EVERYBODY_GONE: &str = "all_players_gone";

/// How long a seat may still be away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Allowance {
    /// At the seat's next absence.
    left_ms: i64,
    /// The game waits for this seat, at most until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Millis>,
}

/// The game waits for a player who is gone; told again, with the same player, when `timeout_at` has moved.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct GamePaused {
    /// Who is gone.
    pub player_id: UserId,
    /// Who is gone, by name.
    pub player_username: Arc<str>,
    /// When the others win.
    pub timeout_at: Timestamp,
}

/// Nobody is waited for any more.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct GameResumed {
    /// Who was the last that was waited for.
    pub player_id: UserId,
    /// The same, by name.
    pub player_username: Arc<str>,
}

/// The game was called off: everybody's fee goes back.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct MatchCancelled {
    /// For a program: `all_players_gone`; `game_failed` where the server could not go on with the game; `closed_by_operator`.
    pub reason: &'static str,
    /// Who gets back how much, in seat order.
    pub refunds: Vec<(UserId, Cents)>,
}

/// What each of the seats has at the start, those of the absent already running.
pub(super) fn allowances(
    on_disconnect: OnDisconnect,
    seats: impl Iterator<Item = bool>,
    now: Millis,
) -> Vec<Allowance> {
    let OnDisconnect::Pause { max_ms } = on_disconnect else {
        return Vec::new();
    };
    let allowance = |is_here: bool| Allowance {
        left_ms: max_ms,
        until: (!is_here).then(|| now.plus(max_ms)),
    };
    seats.map(allowance).collect()
}

impl Play {
    pub(super) fn is_paused(&self) -> bool {
        self.pause_ends().is_some()
    }

    /// When the first of those who are waited for has no time left.
    pub(super) fn pause_ends(&self) -> Option<Millis> {
        self.waited_for().map(|(_, until)| until)
    }

    /// The seat whose time is over first, and when.
    fn waited_for(&self) -> Option<(Seat, Millis)> {
        let seats = (0..).map(Seat).zip(&self.allowances);
        let waited_for = seats.filter_map(|(seat, allowance)| Some((seat, allowance.until?)));
        waited_for.min_by_key(|(_, until)| *until)
    }

    /// Whether the seat's player was away for so long that the game no longer waits.
    pub(super) fn has_given_up(&self, seat: Seat) -> bool {
        let allowance = self.allowances.get(seat.index());
        allowance.is_some_and(|allowance| allowance.left_ms == 0 && allowance.until.is_none())
    }

    fn stop_turn(&mut self, now: Millis) {
        if let Some(turn) = &mut self.turn {
            turn.left_ms = turn
                .full_deadline
                .map(|deadline| (deadline.0 - now.0).max(0));
            (turn.deadline, turn.full_deadline) = (None, None);
        }
    }

    fn resume_turn(&mut self, now: Millis) {
        if let Some(turn) = &mut self.turn {
            turn.full_deadline = turn.left_ms.take().map(|left_ms| now.plus(left_ms));
            turn.deadline = turn.full_deadline;
        }
    }

    /// What the state of every game that can pause says beside the game's own fields.
    pub(super) fn add_pause(&self, view: &mut Value) {
        let (OnDisconnect::Pause { .. }, Some(fields)) = (self.on_disconnect, view.as_object_mut())
        else {
            return;
        };
        let gone = self.waited_for().map(|(seat, _)| self.user_at(seat));
        let deadline = self.turn.as_ref().and_then(|turn| turn.deadline);
        fields.insert("is_paused".into(), gone.is_some().into());
        fields.insert("disconnected_player".into(), json!(gone));
        fields.insert("move_deadline".into(), json!(deadline.map(Timestamp)));
    }
}

impl Room {
    /// In play, a player is gone, and the game waits.
    pub(super) fn wait_for(
        &mut self,
        context: &Context<'_>,
        who: &SeatedPlayer,
        presence: Presence,
        out: &mut Out,
    ) {
        let Some(seat) = self.roster.seat_index(who.user_id) else {
            return;
        };
        let member = self.roster.member(who.user_id);
        let was_here = member.is_some_and(|member| member.presence == Presence::Here);
        let mut until = None;
        if let Some(play) = self.play_mut() {
            let was_paused = play.is_paused();
            if let Some(allowance) = play.allowances.get_mut(seat) {
                if was_here {
                    allowance.until = Some(context.now.plus(allowance.left_ms));
                }
                until = allowance.until;
            }
            if !was_paused {
                play.stop_turn(context.now);
            }
        }
        self.be_away(who, presence, until, out);
        if presence == Presence::Left {
            self.hand_over_from(who.user_id, out);
        }
        if self.all_have_left() {
            self.cancel(EVERYBODY_GONE, context.now, out);
        } else if was_here {
            self.announce_pause(Seat(seat as u32), out);
            self.announce_turn(out);
            self.push_state_if_wanted(context, out);
        }
    }

    /// Who has come back is not waited for any more; whether that lets the game go on.
    pub(super) fn stop_waiting_for(&mut self, context: &Context<'_>, user: UserId) -> bool {
        let seat = self.roster.seat_index(user);
        let Some((seat, play)) = seat.zip(self.play_mut()) else {
            return false;
        };
        let Some(allowance) = play.allowances.get_mut(seat) else {
            return false;
        };
        let Some(until) = allowance.until.take() else {
            return false;
        };
        allowance.left_ms = (until.0 - context.now.0).max(0);
        if play.is_paused() {
            return false;
        }
        play.resume_turn(context.now);
        true
    }

    /// Who is due has given the game up. Whoever alone is left wins, once there; without anybody there
    /// is no match.
    pub(super) fn end_pauses(&mut self, context: &Context<'_>, out: &mut Out) {
        let mut last = None;
        while let Some((seat, _)) = self.due(context.now) {
            last = Some(seat);
            if let Some(play) = self.play_mut() {
                play.allowances[seat.index()] = Allowance {
                    left_ms: 0,
                    until: None,
                };
            }
        }
        if self.contenders().is_empty() {
            return self.cancel(EVERYBODY_GONE, context.now, out);
        }
        if let Some(winner) = self.last_one_there() {
            return self.settle(context, Outcome::Winner(winner), out);
        }
        let (Some(seat), Some(play)) = (last, self.play_mut()) else {
            return;
        };
        if !play.is_paused() {
            play.resume_turn(context.now);
            self.retime(context);
            self.announce_resumption(seat, out);
            self.announce_turn(out);
        }
        self.push_state_if_wanted(context, out);
    }

    fn due(&self, now: Millis) -> Option<(Seat, Millis)> {
        let waited_for = self.play()?.waited_for();
        waited_for.filter(|(_, until)| *until <= now)
    }

    /// Who may still win. Of two, one whose time is used up has lost; of more, such a one plays on
    /// while being there.
    fn contenders(&self) -> Vec<Seat> {
        let comes_back = self.roster.seats.len() > 2;
        self.seats_that_are(|presence, allowance| {
            let is_here = presence == Presence::Here;
            allowance.until.is_some() || is_here && (comes_back || allowance.left_ms > 0)
        })
    }

    /// The only one who may still win, if there.
    pub(super) fn last_one_there(&self) -> Option<Seat> {
        let [seat] = self.contenders()[..] else {
            return None;
        };
        let is_waited_for = self.play()?.allowances[seat.index()].until.is_some();
        (!is_waited_for).then_some(seat)
    }

    fn seats_that_are(&self, are: impl Fn(Presence, &Allowance) -> bool) -> Vec<Seat> {
        let allowances = self.play().map_or(&[][..], |play| &play.allowances);
        let seats = (0..)
            .map(Seat)
            .zip(self.roster.seats.iter().zip(allowances));
        let fitting = seats.filter(|(_, (taken, allowance))| {
            let member = self.roster.member(taken.user_id);
            member.is_some_and(|member| are(member.presence, allowance))
        });
        fitting.map(|(seat, _)| seat).collect()
    }

    fn all_have_left(&self) -> bool {
        let taken = self.roster.seats.iter();
        let mut members = taken.filter_map(|taken| self.roster.member(taken.user_id));
        members.all(|member| member.has_left())
    }

    /// An outage costs those who are waited for no time either.
    pub(super) fn shift_pauses(&mut self, by_ms: i64, out: &mut Out) {
        let Some(play) = self.play_mut() else { return };
        for allowance in &mut play.allowances {
            allowance.until = allowance.until.map(|until| until.plus(by_ms));
        }
        self.announce_pauses(out);
    }

    /// Tells of every seat that is waited for.
    pub(super) fn announce_pauses(&mut self, out: &mut Out) {
        for seat in self.seats_that_are(|_, allowance| allowance.until.is_some()) {
            self.announce_pause(seat, out);
        }
    }

    fn announce_pause(&mut self, seat: Seat, out: &mut Out) {
        let Some(play) = self.play() else { return };
        let Some(until) = play.allowances[seat.index()].until else {
            return;
        };
        let player = &play.players[seat.index()];
        let paused = GamePaused {
            player_id: player.user_id,
            player_username: player.username.clone(),
            timeout_at: Timestamp(until),
        };
        self.announce_of_game(out, GameEvent::to_all("game_paused", &paused));
    }

    pub(super) fn announce_resumption(&mut self, seat: Seat, out: &mut Out) {
        let Some(play) = self.play() else { return };
        let player = &play.players[seat.index()];
        let resumed = GameResumed {
            player_id: player.user_id,
            player_username: player.username.clone(),
        };
        self.announce_of_game(out, GameEvent::to_all("game_resumed", &resumed));
    }
}
