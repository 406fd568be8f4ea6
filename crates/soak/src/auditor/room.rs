//! A room as the auditor understands it: places, seats and dice, as far as money depends on them.

use super::Tariff;
use crate::history::{number, text};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};

/// What an applied command moves, or why it is refused.
pub(super) type Verdict = Result<Moved, &'static str>;

/// Money on its way.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    pub fees: Vec<(i64, i64)>,
    pub refunds: Vec<(i64, i64)>,
    /// The winner, the prize, the house's share.
    pub paid_out: Option<(i64, i64, i64)>,
    pub is_over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Here,
    Away,
    Left,
}

#[derive(Debug)]
struct Seat {
    user: i64,
    is_ready: bool,
    commitment: Option<String>,
    has_revealed: bool,
}

impl Seat {
    fn of(user: i64) -> Seat {
        Seat {
            user,
            is_ready: false,
            commitment: None,
            has_revealed: false,
        }
    }
}

#[derive(Debug)]
enum Stage {
    Selecting,
    Revealing,
    Playing(Play),
}

/// A game in play.
#[derive(Debug)]
struct Play {
    players: Vec<i64>,
    points: HashMap<i64, u32>,
    round: usize,
    /// Who is still to roll, in order.
    pending: Vec<i64>,
    rolled: Vec<(i64, i64)>,
    steps: usize,
}

pub(super) struct Room {
    game: String,
    tariff: Tariff,
    seats_max: usize,
    host: i64,
    members: Vec<(i64, Presence)>,
    seats: Vec<Seat>,
    stage: Stage,
    banned: HashSet<i64>,
}

const POINTS_TO_WIN: u32 = 10;

impl Room {
    pub fn new(game: &str, tariff: Tariff, seats_max: usize, host: i64) -> Room {
        Room {
            game: game.to_owned(),
            tariff,
            seats_max,
            host,
            members: vec![(host, Presence::Here)],
            seats: Vec::new(),
            stage: Stage::Selecting,
            banned: HashSet::new(),
        }
    }

    /// Everybody sits from the first.
    pub fn seat_the_matched(&mut self, players: &[i64]) {
        self.members = players.iter().map(|user| (*user, Presence::Here)).collect();
        self.seats = players.iter().map(|user| Seat::of(*user)).collect();
    }

    pub fn command(
        &mut self,
        user: i64,
        name: &str,
        payload: &Value,
        die: Option<i64>,
        balance: &impl Fn(i64) -> i64,
    ) -> Verdict {
        let target = number(&payload["target_user_id"]).unwrap_or(-1);
        match name {
            "join_room" => self.join(user, balance(user)),
            "leave_room" => self.leave(user),
            "rejoin_room" => {
                self.presence(user).ok_or("not a member")?;
                self.come_back(user);
                Ok(Moved::default())
            }
            "select_player" => self.select(user, target, balance(target)),
            "deselect_player" => {
                self.require_host(user)?;
                self.require_selecting()?;
                self.seat(target).ok_or("the target has no seat")?;
                Ok(self.free(target))
            }
            "ready" | "set_ready" => self.ready(user, payload),
            "reveal_seed" => self.reveal(user, text(&payload["client_seed"])),
            "start_game" => {
                self.require_host(user)?;
                self.require_selecting()?;
                if !self.seats.iter().all(|seat| seat.is_ready) {
                    return Err("not all are ready");
                }
                if self.seats.len() < self.tariff.seats.0 {
                    return Err("too few play");
                }
                self.remove_the_rest();
                self.freeze();
                Ok(Moved::default())
            }
            "kick_player" | "ban_player" | "unban_player" | "mute_user" | "unmute_user" => {
                self.moderate(user, name, target)
            }
            _ => self.make_move(user, name, die),
        }
    }

    fn moderate(&mut self, user: i64, name: &str, target: i64) -> Verdict {
        self.require_host(user)?;
        if user == target {
            return Err("oneself");
        }
        match name {
            "kick_player" => {
                self.presence(target).ok_or("the target is not there")?;
                self.require_removable(target)?;
                Ok(self.depart(target))
            }
            "ban_player" => {
                self.require_removable(target)?;
                self.banned.insert(target);
                match self.presence(target) {
                    Some(_) => Ok(self.depart(target)),
                    None => Ok(Moved::default()),
                }
            }
            "unban_player" if !self.banned.remove(&target) => Err("the target is not banned"),
            _ => Ok(Moved::default()),
        }
    }

    fn require_removable(&self, target: i64) -> Result<(), &'static str> {
        match self.stage {
            Stage::Selecting => Ok(()),
            _ if self.seat(target).is_none() => Ok(()),
            _ => Err("the seat is for the whole game"),
        }
    }

    fn presence(&self, user: i64) -> Option<Presence> {
        let member = self.members.iter().find(|(member, _)| *member == user);
        member.map(|(_, presence)| *presence)
    }

    fn set_presence(&mut self, user: i64, presence: Presence) {
        for member in &mut self.members {
            if member.0 == user {
                member.1 = presence;
            }
        }
    }

    fn seat(&self, user: i64) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.user == user)
    }

    fn require_member(&self, user: i64) -> Result<(), &'static str> {
        match self.presence(user) {
            None | Some(Presence::Left) => Err("not a member"),
            _ => Ok(()),
        }
    }

    fn require_host(&self, user: i64) -> Result<(), &'static str> {
        self.require_member(user)?;
        if self.host == user {
            Ok(())
        } else {
            Err("not the host")
        }
    }

    fn require_selecting(&self) -> Result<(), &'static str> {
        match self.stage {
            Stage::Selecting => Ok(()),
            _ => Err("selection is closed"),
        }
    }

    fn is_full(&self) -> bool {
        self.seats.len() >= self.seats_max
    }

    fn join(&mut self, user: i64, balance: i64) -> Verdict {
        if self.banned.contains(&user) {
            return Err("banned");
        }
        if self.presence(user).is_some() {
            return Err("a member already");
        }
        if !matches!(self.stage, Stage::Selecting) || self.is_full() {
            return Err("the room takes nobody now");
        }
        if balance < self.tariff.fee_cents {
            return Err("too little money");
        }
        self.members.push((user, Presence::Here));
        Ok(Moved::default())
    }

    fn leave(&mut self, user: i64) -> Verdict {
        self.require_member(user)?;
        if matches!(self.stage, Stage::Playing(_)) {
            self.set_presence(user, Presence::Left);
            self.hand_over_from(user);
            return Ok(Moved::default());
        }
        Ok(self.depart(user))
    }

    fn come_back(&mut self, user: i64) {
        self.set_presence(user, Presence::Here);
    }

    /// The user signed in. Who has left a running game comes back only by asking for it.
    pub fn sign_in(&mut self, user: i64) {
        if self.presence(user) == Some(Presence::Away) {
            self.come_back(user);
        }
    }

    pub fn disconnect(&mut self, user: i64) -> Moved {
        if self.presence(user) == Some(Presence::Here) {
            self.set_presence(user, Presence::Away);
        }
        Moved::default()
    }

    fn depart(&mut self, user: i64) -> Moved {
        let mut moved = match self.seat(user) {
            Some(_) => self.free(user),
            None => Moved::default(),
        };
        self.members.retain(|(member, _)| *member != user);
        self.hand_over_from(user);
        moved.is_over = self.members.is_empty();
        moved
    }

    fn hand_over_from(&mut self, user: i64) {
        if self.host != user {
            return;
        }
        let first = |wanted: fn(Presence) -> bool| {
            self.members.iter().find(|(_, presence)| wanted(*presence))
        };
        let next = first(|presence| presence == Presence::Here)
            .or_else(|| first(|presence| presence != Presence::Left));
        if let Some((next, _)) = next {
            self.host = *next;
        }
    }

    fn select(&mut self, user: i64, target: i64, balance: i64) -> Verdict {
        self.require_host(user)?;
        self.require_selecting()?;
        if self.presence(target) != Some(Presence::Here) {
            return Err("the target is not there");
        }
        if self.seat(target).is_some() {
            return Err("the target has a seat");
        }
        if self.is_full() {
            return Err("all seats are taken");
        }
        let fee = self.tariff.fee_cents;
        if balance < fee {
            return Err("too little money");
        }
        self.seats.push(Seat::of(target));
        self.clear_readiness();
        if self.is_full() {
            self.remove_the_rest();
        }
        Ok(Moved {
            fees: vec![(target, fee)],
            ..Moved::default()
        })
    }

    /// Takes a seat back and returns its fee; its player stays.
    fn free(&mut self, user: i64) -> Moved {
        self.seats.retain(|seat| seat.user != user);
        self.stage = Stage::Selecting;
        self.clear_readiness();
        Moved {
            refunds: vec![(user, self.tariff.fee_cents)],
            ..Moved::default()
        }
    }

    fn clear_readiness(&mut self) {
        for seat in &mut self.seats {
            seat.is_ready = false;
            seat.commitment = None;
            seat.has_revealed = false;
        }
    }

    fn remove_the_rest(&mut self) {
        let seated: Vec<i64> = self.seats.iter().map(|seat| seat.user).collect();
        self.members.retain(|(member, _)| seated.contains(member));
        if !seated.contains(&self.host) {
            self.hand_over_from(self.host);
        }
    }

    fn ready(&mut self, user: i64, payload: &Value) -> Verdict {
        self.require_member(user)?;
        self.require_selecting()?;
        let is_ready = payload["is_ready"].as_bool();
        let is_ready = is_ready.or(payload["ready"].as_bool()).unwrap_or(true);
        let seats = self.seats.iter_mut();
        let seat = seats.into_iter().find(|seat| seat.user == user);
        let seat = seat.ok_or("no seat")?;
        seat.is_ready = is_ready;
        let commitment = payload["seed_commitment"].as_str().filter(|_| is_ready);
        seat.commitment = commitment.map(str::to_lowercase);
        if self.is_full() && self.seats.iter().all(|seat| seat.is_ready) {
            self.freeze();
        }
        Ok(Moved::default())
    }

    fn freeze(&mut self) {
        if self.seats.iter().any(|seat| seat.commitment.is_some()) {
            self.stage = Stage::Revealing;
        } else {
            self.start();
        }
    }

    fn reveal(&mut self, user: i64, seed: &str) -> Verdict {
        self.require_member(user)?;
        if !matches!(self.stage, Stage::Revealing) {
            return Err("no seeds are asked for");
        }
        let commitment = hex::decode(seed).map(|seed| hex::encode(Sha256::digest(seed)));
        let commitment = commitment.map_err(|_| "no seed")?;
        let seats = self.seats.iter_mut();
        let seat = seats.into_iter().find(|seat| seat.user == user);
        let seat = seat.ok_or("no seat")?;
        if seat.commitment.as_ref() != Some(&commitment) {
            return Err("another seed than was committed to");
        }
        seat.has_revealed = true;
        let kept = |seat: &Seat| seat.commitment.is_none() || seat.has_revealed;
        if self.seats.iter().all(kept) {
            self.start();
        }
        Ok(Moved::default())
    }

    fn start(&mut self) {
        let players: Vec<i64> = self.seats.iter().map(|seat| seat.user).collect();
        self.stage = Stage::Playing(Play {
            pending: players.clone(),
            points: HashMap::new(),
            round: 0,
            rolled: Vec::new(),
            steps: 0,
            players,
        });
    }

    fn make_move(&mut self, user: i64, name: &str, die: Option<i64>) -> Verdict {
        self.require_member(user)?;
        let (game, name) = name.split_once('.').ok_or("no such command")?;
        if game != self.game {
            return Err("another game");
        }
        let Stage::Playing(play) = &self.stage else {
            return Err("the game has not begun");
        };
        if play.pending.first() != Some(&user) {
            return Err("not this one's turn");
        }
        match name {
            "roll" => self.roll(user, die.ok_or("no die fell")?),
            "step" => self.step(user),
            "hide" => Ok(Moved::default()),
            _ => Err("no such move"),
        }
    }

    fn roll(&mut self, user: i64, die: i64) -> Verdict {
        let Stage::Playing(play) = &mut self.stage else {
            return Err("the game has not begun");
        };
        if play.pending.first() != Some(&user) {
            return Err("not this one's turn");
        }
        play.pending.remove(0);
        play.rolled.push((user, die));
        if !play.pending.is_empty() {
            return Ok(Moved::default());
        }
        let highest = play.rolled.iter().map(|(_, die)| *die).max();
        let rolled = std::mem::take(&mut play.rolled);
        let best = rolled.iter().filter(|(_, die)| Some(*die) == highest);
        let best: Vec<i64> = best.map(|(user, _)| *user).collect();
        let [winner] = best[..] else {
            play.pending = best;
            return Ok(Moved::default());
        };
        let points = play.points.entry(winner).or_default();
        *points += 1;
        if *points >= POINTS_TO_WIN {
            return Ok(self.pay_out(winner));
        }
        play.round += 1;
        play.pending = play.players.clone();
        let first = play.round % play.players.len();
        play.pending.rotate_left(first);
        Ok(Moved::default())
    }

    /// The game of the fault runs: in turn, and the last of so many steps wins.
    fn step(&mut self, user: i64) -> Verdict {
        let Stage::Playing(play) = &mut self.stage else {
            return Err("the game has not begun");
        };
        play.steps += 1;
        if play.steps >= crate::vault::STEPS {
            return Ok(self.pay_out(user));
        }
        play.pending.rotate_left(1);
        Ok(Moved::default())
    }

    fn pay_out(&mut self, winner: i64) -> Moved {
        let pot = self.tariff.fee_cents * self.seats.len() as i64;
        let prize = pot * self.tariff.prize_percent / 100;
        Moved {
            paid_out: Some((winner, prize, pot - prize)),
            is_over: true,
            ..Moved::default()
        }
    }

    /// An event that a deadline caused.
    pub fn deadline(&mut self, payload: &Value) -> Verdict {
        let user = number(&payload["user_id"]).or_else(|| number(&payload["player_id"]));
        let user = user.unwrap_or(-1);
        match text(&payload["type"]) {
            "player_deselected" => {
                self.seat(user).ok_or("who is late has no seat")?;
                Ok(self.free(user))
            }
            "player_left" => {
                self.require_member(user)?;
                Ok(self.depart(user))
            }
            "bigger_dice.rolled" => self.roll(user, payload["roll"].as_i64().unwrap_or(-1)),
            "vault.stepped" => self.step(user),
            _ => Ok(Moved::default()),
        }
    }
}
