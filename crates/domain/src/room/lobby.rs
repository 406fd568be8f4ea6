//! Coming and going: create, join, leave, come back, lose the connection.

use super::events::{
    HostChanged, LobbyJoined, NotInRoom, PlayerBanned, PlayerDisconnected, PlayerKicked,
    PlayerLeft, PlayerRejoined, RemovedFromGame, RoomCreated, RoomState, RoomUpdated, SeedVoided,
    Timestamp,
};
use super::roster::{Presence, Roster};
use super::state::{Config, Context, Out, Room, Stage};
use super::{Action, Effects, EventAudience, Input, Membership, Order, PasswordCheck, RoomEvent};
use crate::fairness::RoomSecret;
use crate::game::{GameDefinition, Games, OnDisconnect, Outcome, Seat, SeatedPlayer, Viewer};
use crate::ids::{Millis, UserId};
use crate::money::Cents;
use crate::refusal::{Refusal, RefusalCode};
use std::borrow::Cow;
use std::sync::Arc;

/// How many may wait in one lobby.
const LOBBY_PLACES: usize = 1_000;
/// How long a place before play is kept without a connection, and an open table without anyone.
pub(super) const ABSENCE_MS: i64 = 60_000;
/// The longest name, in characters.
const NAME_CHARACTERS_MAX: usize = 50;

/// How somebody goes out of a room.
#[derive(Debug, Clone, Copy)]
pub(super) enum Departure {
    Left,
    Kicked,
    Banned,
}

impl Room {
    /// A new room from [`super::Action::Create`]; the host enters its lobby, or sits down at once
    /// where the table is open. An open table that the system opens waits for its first member.
    pub fn create(
        input: &Input,
        games: &Games,
        secret: RoomSecret,
    ) -> Result<(Room, Effects), Refusal> {
        let Action::Create {
            room_id,
            game_type,
            room_name,
            max_players,
            allow_spectators,
            is_password_protected,
            entry_fee,
            prize_percent,
            invites_bot,
            seated,
            limits,
        } = &input.action
        else {
            return Err(RefusalCode::RoomNotFound.into());
        };
        let game = games.get(game_type).ok_or(RefusalCode::UnknownGame)?;
        let open_table = game.spec.open_table;
        let config = Config {
            room_id: room_id.clone(),
            room_name: valid_name(room_name)?,
            game_type: game.name.into(),
            created_at: input.now,
            max_players: seats_wanted(game, *max_players)?,
            allow_spectators: *allow_spectators,
            is_password_protected: *is_password_protected,
            open_table,
            entry_fee: if open_table {
                Cents::ZERO
            } else {
                (*entry_fee).max(Cents::ZERO)
            },
            prize_percent: (*prize_percent).min(100),
            invites_bot: *invites_bot,
            limits: *limits,
        };
        let mut room = Room {
            game_type: game.name,
            game_version: game.spec.version,
            secret,
            config: Arc::new(config),
            roster: Arc::new(Roster::new(input.by.clone())),
            spectators: Arc::default(),
            sanctions: Arc::default(),
            stage: Stage::Selecting,
            room_seq: 0,
            seed_number: 0,
            invited: Arc::default(),
            chat_count: 0,
        };
        let mut out = Out::default();
        if open_table && input.by.user_id == UserId::SYSTEM {
            let deadline = input.now.plus(ABSENCE_MS);
            room.stage = Stage::Unattended { deadline };
        } else {
            let alone = std::slice::from_ref(&input.by);
            let members = if seated.is_empty() { alone } else { seated };
            for member in members {
                room.roster_mut().add(member.clone(), input.now);
            }
            if open_table {
                room.open_the_table(game, input.now);
            } else {
                room.broadcast(&mut out, &room.created());
            }
            for member in members {
                room.answer_with_state(&mut out, member.user_id);
            }
            room.seat_the_matched(&Context::of(input, game), seated, &mut out)?;
        }
        Ok((
            room,
            Effects {
                events: out.events,
                transfers: out.transfers,
                changed: true,
            },
        ))
    }

    /// Seats those whom quick match has brought together.
    fn seat_the_matched(
        &mut self,
        context: &Context<'_>,
        matched: &[SeatedPlayer],
        out: &mut Out,
    ) -> Result<(), Refusal> {
        for player in matched {
            self.select(context, player.user_id, out)?;
        }
        // It was listed as a room with one who waits.
        if let Some(line) = self.summary().filter(|_| !matched.is_empty()) {
            self.broadcast(out, &RoomUpdated::from(line));
        }
        Ok(())
    }

    fn created(&self) -> RoomCreated {
        let config = &self.config;
        RoomCreated {
            room_name: config.room_name.clone(),
            game_type: config.game_type.clone(),
            host_id: self.roster.host.user_id,
            host_username: self.roster.host.username.clone(),
            is_password_protected: config.is_password_protected,
            player_count: config.max_players,
            allow_spectators: config.allow_spectators,
            entry_fee_cents: config.entry_fee,
            prize_cents: self.full_prize(),
            seed_commitment: self.server_seed().commitment(),
            invites_bot: config.invites_bot,
        }
    }

    /// `room_state`, and in play the game's state as this user may see it.
    pub(super) fn answer_with_state(&self, out: &mut Out, user: UserId) {
        let state = RoomState { room: self.view() };
        self.answer(out, user, &state, self.membership(user));
        let Some(play) = self.play().filter(|_| !self.config.open_table) else {
            return;
        };
        let seat = self.roster.seat_index(user).map(|at| Seat(at as u32));
        out.events.push(RoomEvent {
            name: Cow::Owned(format!("{}.state", self.game_type)),
            audience: EventAudience::User(user),
            order: Order::After(self.room_seq),
            body: play.body_of_view(seat.map_or(Viewer::Spectator, Viewer::Seat)),
            membership: Vec::new(),
        });
    }

    pub(super) fn join(
        &mut self,
        context: &Context<'_>,
        password: PasswordCheck,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        self.require_stranger(context.by.user_id)?;
        self.check_password(context, password)?;
        self.require_place_in_lobby(context)?;
        self.enter_lobby(context, out);
        Ok(true)
    }

    /// Into the lobby; a room without players gets its host again.
    pub(super) fn enter_lobby(&mut self, context: &Context<'_>, out: &mut Out) {
        let by = context.by;
        let was_deserted = matches!(self.stage, Stage::Deserted { .. });
        self.roster_mut().add(by.clone(), context.now);
        if was_deserted {
            self.roster_mut().host = by.clone();
            self.stage = Stage::Selecting;
        } else if let Stage::Unattended { .. } = self.stage {
            self.roster_mut().host = by.clone();
            self.open_the_table(context.game, context.now);
        } else if let Some(play) = self.play_mut() {
            Arc::make_mut(&mut play.players).push(by.clone());
        }
        self.answer_with_state(out, by.user_id);
        if let Some(player) = self.player(by.user_id) {
            self.announce(out, &LobbyJoined { player });
        }
        if was_deserted {
            self.announce_host(out);
        }
    }

    pub(super) fn require_place_in_lobby(&self, context: &Context<'_>) -> Result<(), RefusalCode> {
        let user = context.by.user_id;
        let full = self.roster.seats.len() >= self.config.max_players as usize;
        match &self.stage {
            Stage::Unattended { .. } => return Ok(()),
            // A bot hosts nothing.
            Stage::Deserted { .. } if context.by.is_bot => return Err(RefusalCode::RoomFull),
            Stage::Playing(_) if self.config.open_table => return Ok(()),
            Stage::Playing(_) => return Err(RefusalCode::GameInProgress),
            Stage::Revealing { .. } if !full => return Err(RefusalCode::GameInProgress),
            _ if full || self.roster.members().len() >= LOBBY_PLACES => {
                return Err(RefusalCode::RoomFull);
            }
            _ => {}
        }
        if context.balance(user) < self.config.entry_fee {
            return Err(RefusalCode::InsufficientBalance);
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, context: &Context<'_>, out: &mut Out) -> Result<bool, Refusal> {
        if self.spectators.get(context.by.user_id).is_some() {
            return self.stop_spectating(context, out);
        }
        self.require_member(context.by.user_id)?;
        if self.play().is_some() && !self.config.open_table {
            self.leave_seat_to_server(context, context.by, Presence::Left, out);
        } else {
            self.depart(context, context.by, Departure::Left, out);
        }
        Ok(true)
    }

    /// Takes someone out of a room that can go on without: before play, or at an open table.
    pub(super) fn depart(
        &mut self,
        context: &Context<'_>,
        who: &SeatedPlayer,
        how: Departure,
        out: &mut Out,
    ) {
        let user = who.user_id;
        let seat = self.roster_mut().free_seat(user);
        if let (Some(_), Stage::Revealing { .. }) = (&seat, &self.stage) {
            self.announce(out, &SeedVoided { user_id: user });
        }
        if let Some(seat) = &seat {
            self.refund(who, seat, out);
            self.stage = Stage::Selecting;
        }
        if let (Some(at), true) = (self.roster.position(user), self.config.open_table)
            && let Some(play) = self.play_mut()
        {
            Arc::make_mut(&mut play.players).remove(at);
        }
        self.roster_mut().remove(user);
        self.announce_departure(who, how, out);
        self.go_on_without(context, user, seat.is_some(), out);
    }

    fn announce_departure(&mut self, who: &SeatedPlayer, how: Departure, out: &mut Out) {
        let (user_id, username) = (who.user_id, who.username.clone());
        let out_of_it = vec![(user_id, Membership::None)];
        match how {
            Departure::Left => {
                self.announce_and_move(out, &PlayerLeft { user_id, username }, out_of_it);
            }
            Departure::Kicked => {
                self.announce_and_move(out, &PlayerKicked { user_id, username }, out_of_it);
            }
            Departure::Banned => {
                self.announce_and_move(out, &PlayerBanned { user_id, username }, out_of_it);
            }
        }
    }

    /// `user` is out of the lobby: what that means for those who are left.
    pub(super) fn go_on_without(
        &mut self,
        context: &Context<'_>,
        user: UserId,
        was_selected: bool,
        out: &mut Out,
    ) {
        if self.roster.members().is_empty() {
            if self.spectators.is_empty() {
                self.abandon(context.now, out);
            } else {
                self.desert(context.now, out);
            }
            return;
        }
        // Nobody is left that a bot would wait for.
        if let Some(bot) = self.roster.first_of_bots_alone() {
            self.depart(context, &bot, Departure::Left, out);
            return;
        }
        self.hand_over_from(user, out);
        if was_selected {
            self.renew_seed(out);
        }
    }

    /// Who has been away too long before play departs.
    pub(super) fn depart_overdue(&mut self, context: &Context<'_>, out: &mut Out) {
        while !self.is_over() {
            let next = self.roster.next_departure();
            let Some((_, who)) = next.filter(|(at, _)| *at <= context.now) else {
                return;
            };
            let who = who.clone();
            self.depart(context, &who, Departure::Left, out);
        }
    }

    /// Gives the room to the longest there, if `user` was its host.
    pub(super) fn hand_over_from(&mut self, user: UserId, out: &mut Out) {
        if self.roster.host.user_id != user {
            return;
        }
        if let Some(host) = self.roster.next_host() {
            self.roster_mut().host = host;
            self.announce_host(out);
        }
    }

    pub(super) fn announce_host(&mut self, out: &mut Out) {
        let host = &self.roster.host;
        let changed = HostChanged {
            host_id: host.user_id,
            host_username: host.username.clone(),
        };
        self.announce(out, &changed);
    }

    /// Takes everyone without a seat out: selection is closed.
    pub(super) fn remove_the_rest(&mut self, out: &mut Out) {
        let members = self.roster.members().iter().map(|member| member.user_id());
        let rest: Vec<_> = members
            .filter(|user| self.roster.seat(*user).is_none())
            .collect();
        for user in &rest {
            self.roster_mut().remove(*user);
            let removed = RemovedFromGame {
                user_id: *user,
                reason: "not_selected".into(),
                message: "The game starts without you: its seats went to others".into(),
            };
            self.answer(out, *user, &removed, Membership::None);
        }
        if rest.contains(&self.roster.host.user_id) {
            self.hand_over_from(self.roster.host.user_id, out);
        }
    }

    pub(super) fn rejoin(&mut self, context: &Context<'_>, out: &mut Out) -> Result<bool, Refusal> {
        let user = context.by.user_id;
        self.require_not_banned(user)?;
        if !self.can_rejoin(user) {
            return Err(RefusalCode::NotInRoom.into());
        }
        Ok(self.take_back(context, user, out))
    }

    pub(super) fn sync(
        &mut self,
        context: &Context<'_>,
        user: UserId,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        if self.standing(user) == Membership::None {
            let config = &self.config;
            let not_in_room = NotInRoom {
                room_name: config.room_name.clone(),
                status: self.status(),
                is_password_protected: config.is_password_protected,
                allow_spectators: config.allow_spectators,
            };
            self.answer(out, user, &not_in_room, Membership::None);
            return Ok(false);
        }
        Ok(self.take_back(context, user, out))
    }

    /// Answers with the room's state; whoever was away is back.
    fn take_back(&mut self, context: &Context<'_>, user: UserId, out: &mut Out) -> bool {
        if self.spectators.get(user).is_some() {
            let was_away = self.spectator_is_back(user);
            self.answer_with_state(out, user);
            return was_away;
        }
        let member = self
            .roster
            .member(user)
            .filter(|member| member.presence != Presence::Here);
        let Some(returning) = member.map(|member| member.player.clone()) else {
            self.answer_with_state(out, user);
            return false;
        };
        self.roster_mut().set_presence(user, Presence::Here);
        let resumes = self.stop_waiting_for(context, user);
        let retimed = self.retime(context);
        self.answer_with_state(out, user);
        let SeatedPlayer {
            user_id, username, ..
        } = returning;
        self.announce(out, &PlayerRejoined { user_id, username });
        if let Some(winner) = self.last_one_there().filter(|_| resumes) {
            self.settle(context, Outcome::Winner(winner), out);
            return true;
        }
        let seat = self.roster.seat_index(user).filter(|_| resumes);
        if let Some(seat) = seat {
            self.announce_resumption(Seat(seat as u32), out);
        }
        if retimed || resumes {
            self.announce_turn(out);
        }
        if self.play().is_some_and(|play| !play.allowances.is_empty()) {
            self.push_state_if_wanted(context, out);
        }
        true
    }

    pub(super) fn disconnected(
        &mut self,
        context: &Context<'_>,
        user: UserId,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        if self.spectators.get(user).is_some() {
            return Ok(self.spectator_is_away(context, user));
        }
        let member = self.roster.member(user).ok_or(RefusalCode::NotInRoom)?;
        if member.presence != Presence::Here {
            return Ok(false);
        }
        let who = member.player.clone();
        if self.config.open_table {
            self.depart(context, &who, Departure::Left, out);
        } else if self.play().is_some() {
            let absent = Presence::Absent { departs_at: None };
            self.leave_seat_to_server(context, &who, absent, out);
        } else {
            let departs_at = Some(context.now.plus(ABSENCE_MS));
            self.be_away(&who, Presence::Absent { departs_at }, departs_at, out);
        }
        Ok(true)
    }

    /// In play: the seat goes on without its player.
    fn leave_seat_to_server(
        &mut self,
        context: &Context<'_>,
        who: &SeatedPlayer,
        presence: Presence,
        out: &mut Out,
    ) {
        let spec = &context.game.spec;
        if let OnDisconnect::Pause { .. } = spec.on_disconnect {
            return self.wait_for(context, who, presence, out);
        }
        let from = context.now.plus(spec.auto_play_ms);
        self.be_away(who, presence, Some(from), out);
        if presence == Presence::Left {
            self.hand_over_from(who.user_id, out);
        }
        if self.retime(context) {
            self.announce_turn(out);
        }
    }

    pub(super) fn be_away(
        &mut self,
        who: &SeatedPlayer,
        presence: Presence,
        timeout_at: Option<Millis>,
        out: &mut Out,
    ) {
        self.roster_mut().set_presence(who.user_id, presence);
        let event = PlayerDisconnected {
            user_id: who.user_id,
            username: who.username.clone(),
            timeout_at: timeout_at.map(Timestamp),
        };
        let gone = presence == Presence::Left;
        let membership = if gone {
            vec![(who.user_id, Membership::None)]
        } else {
            Vec::new()
        };
        self.announce_and_move(out, &event, membership);
    }
}

/// The name as others will see it: without blanks around it.
fn valid_name(name: &str) -> Result<Arc<str>, RefusalCode> {
    let name = name.trim();
    let hidden = |c: char| {
        c.is_control()
            || matches!(
                c,
                '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
            )
            || ('\u{2028}'..='\u{202e}').contains(&c)
            || ('\u{2060}'..='\u{206f}').contains(&c)
    };
    let visible = name
        .chars()
        .any(|c| !c.is_whitespace() && !matches!(c, '\u{200c}' | '\u{200d}'));
    let fits = name.chars().take(NAME_CHARACTERS_MAX + 1).count() <= NAME_CHARACTERS_MAX;
    if visible && fits && !name.chars().any(hidden) {
        Ok(name.into())
    } else {
        Err(RefusalCode::InvalidName)
    }
}

fn seats_wanted(game: &GameDefinition, wanted: Option<u32>) -> Result<u32, RefusalCode> {
    let spec = &game.spec;
    if spec.open_table {
        return Ok(spec.max_seats);
    }
    let seats = wanted.unwrap_or(spec.quick_seats);
    let playable = (spec.min_seats..=spec.max_seats).contains(&seats);
    playable
        .then_some(seats)
        .ok_or(RefusalCode::InvalidPlayerCount)
}
