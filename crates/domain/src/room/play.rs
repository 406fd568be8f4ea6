//! The running game: moves, turns and their deadlines, and seats that the server plays.

use super::events::{
    GameStarted, PlayerAutoDisabled, PlayerAutoEnabled, PlayerName, RemovalReason, RoomRemoved,
    Timestamp, TurnChanged,
};
use super::pause::allowances;
use super::roster::Presence;
use super::state::{Context, Out, Play, Room, Stage, Turn};
use super::{EventAudience, Order, RoomEvent};
use crate::game::{
    GameDefinition, GameEvent, OnDisconnect, Outcome, Seat, SeatedPlayer, Table, To, Viewer,
};
use crate::ids::{Millis, UserId};
use crate::json::JsonObject;
use crate::refusal::{Refusal, RefusalCode};
use serde_json::value::RawValue;
use std::borrow::Cow;

impl Play {
    pub(super) fn body_of_view(&self, viewer: Viewer) -> JsonObject {
        let mut view = self.game.view(viewer, &self.players);
        self.add_pause(&mut view);
        JsonObject::of(&view).expect("a view is a JSON object")
    }
}

impl Room {
    /// The seats and seeds stand: play begins.
    pub(super) fn start_game(&mut self, context: &Context<'_>, out: &mut Out) {
        let begun = self.begin(context.game, context.now);
        let first_turn = self.awaited_seat().and_then(|seat| self.user_at(seat));
        let names = self.players_in_order();
        let names = names.iter().map(|player| PlayerName {
            user_id: player.user_id,
            username: player.username.clone(),
            is_bot: player.is_bot,
        });
        let started = GameStarted {
            game_type: self.config.game_type.clone(),
            players: names.collect(),
            first_turn,
            commitments: self
                .roster
                .seats
                .iter()
                .map(|seat| seat.commitment)
                .collect(),
            seeds: self.roster.seats.iter().map(|seat| seat.revealed).collect(),
        };
        self.announce(out, &started);
        let over = self.follow_up(context, None, begun, out);
        self.announce_pauses(out);
        let room_name = self.config.room_name.clone();
        self.broadcast(
            out,
            &RoomRemoved {
                room_name,
                reason: RemovalReason::GameStarted,
            },
        );
        if let Some(outcome) = over {
            self.settle(context, outcome, out);
        }
    }

    /// An open table is in play from its first member on.
    pub(super) fn open_the_table(&mut self, game: &GameDefinition, now: Millis) {
        self.begin(game, now);
    }

    fn begin(&mut self, game: &GameDefinition, now: Millis) -> Vec<GameEvent> {
        let players = self.players_in_order();
        let mut dice = self.dice(0);
        let mut table = Table::new(&players, self.prize(), &mut dice);
        let running = game.start(&mut table);
        let events = table.into_events();
        self.game_version = game.spec.version;
        // From here on the seats of the absent stay.
        self.roster_mut().move_departures(|_| None);
        let members = players
            .iter()
            .map(|player| self.roster.member(player.user_id));
        let here = members.map(|member| member.is_some_and(|m| m.presence == Presence::Here));
        let allowances = allowances(game.spec.on_disconnect, here, now);
        self.stage = Stage::Playing(Play {
            game: running,
            on_disconnect: game.spec.on_disconnect,
            dice,
            players,
            started_at: now,
            turn_number: 0,
            turn: None,
            allowances,
        });
        events
    }

    pub(super) fn play_move(
        &mut self,
        context: &Context<'_>,
        game_type: &str,
        name: &str,
        fields: &RawValue,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        let user = context.by.user_id;
        self.require_member(user)?;
        if game_type != self.game_type {
            return Err(RefusalCode::WrongGame.into());
        }
        let open_table = self.config.open_table;
        let position = if open_table {
            self.roster.position(user)
        } else {
            self.roster.seat_index(user)
        };
        let prize = self.prize();
        let play = self.play_mut().ok_or(RefusalCode::GameNotStarted)?;
        let seat = Seat(position.ok_or(RefusalCode::NotYourTurn)? as u32);
        if play.is_paused() {
            let waiting = "The game is paused until everybody is back";
            return Err(Refusal::because(RefusalCode::NotYourTurn, waiting));
        }
        if !open_table && !play.game.to_act().contains(&seat) {
            return Err(RefusalCode::NotYourTurn.into());
        }
        // On copies: a game may have changed its state before it refuses.
        let (mut game, mut dice) = (play.game.copy(), play.dice.clone());
        let mut table = Table::new(&play.players, prize, &mut dice);
        game.apply(&mut table, seat, name, fields)?;
        let events = table.into_events();
        (play.game, play.dice) = (game, dice);
        if let Some(outcome) = self.follow_up(context, Some(seat), events, out) {
            self.settle(context, outcome, out);
        }
        Ok(true)
    }

    pub(super) fn auto_play(
        &mut self,
        context: &Context<'_>,
        enabled: bool,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        let SeatedPlayer {
            user_id, username, ..
        } = context.by.clone();
        self.require_member(user_id)?;
        if self.config.open_table {
            return Err(RefusalCode::WrongGame.into());
        }
        if let OnDisconnect::Pause { .. } = context.game.spec.on_disconnect {
            let waits = "This game waits for its players: the server plays for nobody";
            return Err(Refusal::because(RefusalCode::WrongGame, waits));
        }
        self.play().ok_or(RefusalCode::GameNotStarted)?;
        let seat = self
            .roster_mut()
            .seat_mut(user_id)
            .ok_or(RefusalCode::NotSelected)?;
        seat.auto_play = enabled;
        if enabled {
            self.announce(out, &PlayerAutoEnabled { user_id, username });
        } else {
            self.announce(out, &PlayerAutoDisabled { user_id, username });
        }
        if self.retime(context) {
            self.announce_turn(out);
        }
        Ok(true)
    }

    /// What is due, is done; whether anything was.
    pub(super) fn deadline(&mut self, context: &Context<'_>, out: &mut Out) -> bool {
        if self
            .next_deadline()
            .is_none_or(|deadline| context.now < deadline)
        {
            return false;
        }
        self.spectators_are_due(context.now, out);
        match &self.stage {
            Stage::Playing(play) if play.pause_ends().is_some_and(|at| at <= context.now) => {
                self.end_pauses(context, out);
            }
            Stage::Playing(play) => {
                let turn = play.turn.as_ref().and_then(|turn| turn.deadline);
                if turn.is_some_and(|deadline| deadline <= context.now) {
                    self.play_for_the_late(context, out);
                }
            }
            Stage::Unattended { deadline } | Stage::Deserted { deadline } => {
                if *deadline <= context.now {
                    self.abandon(context.now, out);
                }
            }
            Stage::Filled { deadline } | Stage::Revealing { deadline }
                if *deadline <= context.now =>
            {
                self.drop_the_late(out);
                self.depart_overdue(context, out);
            }
            _ => self.depart_overdue(context, out),
        }
        true
    }

    /// The turn's time is up.
    fn play_for_the_late(&mut self, context: &Context<'_>, out: &mut Out) {
        let prize = self.prize();
        let Some(play) = self.play_mut() else { return };
        let Some(seat) = play.turn.as_ref().map(|turn| turn.seat) else {
            return;
        };
        let mut table = Table::new(&play.players, prize, &mut play.dice);
        play.game.on_timeout(&mut table, seat);
        let events = table.into_events();
        if let Some(outcome) = self.follow_up(context, Some(seat), events, out) {
            self.settle(context, outcome, out);
        }
    }

    /// An outage costs nobody time.
    pub(super) fn shift(&mut self, by_ms: i64, out: &mut Out) -> bool {
        if by_ms <= 0 || self.next_deadline().is_none() {
            return false;
        }
        if self.roster.next_departure().is_some() {
            let later = |at: Millis| Some(at.plus(by_ms));
            self.roster_mut().move_departures(later);
        }
        if self.spectators.next_deadline().is_some() {
            self.spectators_mut().shift(by_ms);
        }
        match &mut self.stage {
            Stage::Unattended { deadline }
            | Stage::Deserted { deadline }
            | Stage::Filled { deadline }
            | Stage::Revealing { deadline } => {
                *deadline = deadline.plus(by_ms);
            }
            Stage::Playing(play) if play.is_paused() => self.shift_pauses(by_ms, out),
            Stage::Playing(Play {
                turn: Some(turn), ..
            }) => {
                turn.deadline = turn.deadline.map(|deadline| deadline.plus(by_ms));
                turn.full_deadline = turn.full_deadline.map(|deadline| deadline.plus(by_ms));
                self.announce_turn(out);
            }
            Stage::Selecting | Stage::Playing(_) | Stage::Over(_) => {}
        }
        true
    }

    /// After the game has acted: its events, the next turn, its state. Tells whether it is over.
    fn follow_up(
        &mut self,
        context: &Context<'_>,
        moved: Option<Seat>,
        events: Vec<GameEvent>,
        out: &mut Out,
    ) -> Option<Outcome> {
        for event in events {
            self.announce_of_game(out, event);
        }
        let outcome = self.play()?.game.outcome();
        let awaited = self.awaited_seat().filter(|_| outcome.is_none());
        let waited_for = self.play()?.turn.as_ref().map(|turn| turn.seat);
        if awaited != waited_for || (moved.is_some() && moved == waited_for) {
            self.begin_turn(context, awaited);
            self.announce_turn(out);
        }
        self.push_state_if_wanted(context, out);
        outcome
    }

    pub(super) fn push_state_if_wanted(&mut self, context: &Context<'_>, out: &mut Out) {
        if context.game.spec.push_state {
            self.push_state(context, out);
        }
    }

    fn begin_turn(&mut self, context: &Context<'_>, awaited: Option<Seat>) {
        let turn_ms = context.game.spec.turn_ms;
        let stands_still = self.play().is_some_and(Play::is_paused);
        let full_deadline = turn_ms.filter(|_| !stands_still);
        let full_deadline = full_deadline.map(|time| context.now.plus(time));
        let turn = awaited.map(|seat| Turn {
            seat,
            deadline: self.deadline_for(context, seat, full_deadline),
            full_deadline,
            left_ms: turn_ms.filter(|_| stands_still),
        });
        if let Some(play) = self.play_mut() {
            play.turn_number += u64::from(turn.is_some());
            play.turn = turn;
        }
    }

    /// Sets the turn's deadline anew after its player came, went, or switched auto-play; whether it
    /// has moved.
    pub(super) fn retime(&mut self, context: &Context<'_>) -> bool {
        let running = self.play().filter(|play| !play.is_paused());
        let Some(turn) = running.and_then(|play| play.turn.clone()) else {
            return false;
        };
        let mut deadline = self.deadline_for(context, turn.seat, turn.full_deadline);
        if self.is_server_played(turn.seat) {
            // A seat that the server plays already does not start waiting again.
            deadline = [deadline, turn.deadline].into_iter().flatten().min();
        }
        let moved = deadline != turn.deadline;
        if let Some(turn) = self.play_mut().and_then(|play| play.turn.as_mut()) {
            turn.deadline = deadline;
        }
        moved
    }

    fn deadline_for(
        &self,
        context: &Context<'_>,
        seat: Seat,
        full_deadline: Option<Millis>,
    ) -> Option<Millis> {
        if !self.is_server_played(seat) {
            return full_deadline;
        }
        let soon = context.now.plus(context.game.spec.auto_play_ms);
        Some(full_deadline.map_or(soon, |full| full.min(soon)))
    }

    fn is_server_played(&self, seat: Seat) -> bool {
        let taken = self.roster.seats.get(seat.index()).zip(self.play());
        taken.is_some_and(|(taken, play)| {
            let member = self.roster.member(taken.user_id);
            let away = member.is_some_and(|member| member.presence != Presence::Here);
            let plays_on = play.on_disconnect == OnDisconnect::AutoPlay || play.has_given_up(seat);
            taken.auto_play || (away && plays_on)
        })
    }

    /// Whose seat the server plays, by choice or by absence.
    pub(super) fn auto_played(&self) -> Vec<UserId> {
        let seats = self.roster.seats.iter().enumerate();
        let played = seats.filter(|(at, _)| self.is_server_played(Seat(*at as u32)));
        played.map(|(_, taken)| taken.user_id).collect()
    }

    fn awaited_seat(&self) -> Option<Seat> {
        if self.config.open_table {
            return None;
        }
        self.play()?.game.to_act().first().copied()
    }

    fn user_at(&self, seat: Seat) -> Option<UserId> {
        self.play().map(|play| play.user_at(seat))
    }

    pub(super) fn announce_turn(&mut self, out: &mut Out) {
        let Some((play, turn)) = self
            .play()
            .and_then(|play| Some((play, play.turn.as_ref()?)))
        else {
            return;
        };
        let changed = TurnChanged {
            current_turn: play.user_at(turn.seat),
            turn_number: play.turn_number,
            deadline: turn.deadline.map(Timestamp),
        };
        self.announce(out, &changed);
    }

    fn push_state(&mut self, context: &Context<'_>, out: &mut Out) {
        let Some(play) = self.play() else { return };
        let mut states = Vec::new();
        if context.game.spec.hidden_information {
            for (seat, player) in (0..).map(Seat).zip(play.players.iter()) {
                if self.require_member(player.user_id).is_ok() {
                    states.push((To::Seats(vec![seat]), play.body_of_view(Viewer::Seat(seat))));
                }
            }
            if self.config.allow_spectators {
                states.push((To::Spectators, play.body_of_view(Viewer::Spectator)));
            }
        } else {
            states.push((To::All, play.body_of_view(Viewer::Spectator)));
        }
        for (to, body) in states {
            self.announce_of_game(
                out,
                GameEvent {
                    to,
                    name: "state".into(),
                    body,
                },
            );
        }
    }

    pub(super) fn announce_of_game(&mut self, out: &mut Out, event: GameEvent) {
        let Some(play) = self.play() else { return };
        let audience = match event.to {
            To::All => EventAudience::Room,
            To::Spectators => EventAudience::Spectators,
            To::Seats(seats) => match seats[..] {
                [seat] => EventAudience::User(play.user_at(seat)),
                _ => EventAudience::Users(seats.iter().map(|seat| play.user_at(*seat)).collect()),
            },
        };
        let order = match audience {
            EventAudience::Room => self.next_order(),
            _ => Order::After(self.room_seq),
        };
        let name = Cow::Owned([self.game_type, ".", &event.name].concat());
        let (body, membership) = (event.body, Vec::new());
        out.events.push(RoomEvent {
            name,
            audience,
            order,
            body,
            membership,
        });
    }
}
