//! Bigger Dice: everybody rolls once a round, the highest roll takes the point, the first to ten
//! points takes the prize. Only those tied for the highest roll again, until one of them wins.

use crate::game::{Game, Outcome, Seat, SeatedPlayer, Spec, Table, To, Viewer};
use crate::ids::UserId;
use crate::money::Cents;
use crate::refusal::{Refusal, RefusalCode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Points that win.
pub const POINTS_TO_WIN: i64 = 10;

/// What a player can do.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    /// Rolls the die.
    Roll {},
}

/// A game in play.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BiggerDice {
    scores: Vec<i64>,
    /// From 1; a tie-breaker belongs to its round.
    round_number: u32,
    is_tiebreaker: bool,
    /// What has been rolled in this round, or in this run of its tie-breaker.
    rolls: Vec<(Seat, u8)>,
    /// Who is still to roll, in order.
    pending: Vec<Seat>,
    winner: Option<Seat>,
}

/// Somebody rolled.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Rolled {
    /// Who rolled.
    pub player_id: UserId,
    /// Who rolled, by name.
    pub player_username: Arc<str>,
    /// 1 to 6.
    pub roll: u8,
    /// The roller's points after this roll: one more where it decided the round.
    pub new_score: i64,
    /// Where the roll stands in the stream of draws.
    pub proof: Proof,
}

/// How to recompute a roll once the seeds are revealed.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Proof {
    /// The draw's counter.
    pub nonce: u64,
}

/// All have rolled.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct RoundResult {
    /// Who rolled what, in the order of rolling.
    pub rolls: Vec<(UserId, u8)>,
    /// Who took the point; none in a tie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winner_id: Option<UserId>,
    /// Whether several rolled the highest.
    pub is_tie: bool,
    /// Whether these were the rolls of a tie-breaker.
    pub is_tiebreaker: bool,
    /// Who rolls again; empty without a tie.
    pub tiebreaker_players: Vec<UserId>,
    /// All points, in seat order.
    pub scores: Vec<(UserId, i64)>,
}

/// Several rolled the highest, and roll again.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct TiebreakerStarted {
    /// Who rolls again, in order.
    pub tied_players: Vec<UserId>,
    /// What they rolled.
    pub tied_roll: u8,
}

/// Somebody has the points that win.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct GameOver {
    /// Who won.
    pub winner_id: UserId,
    /// Who won, by name.
    pub winner_username: Arc<str>,
    /// User, name and points, in seat order.
    pub final_scores: Vec<(UserId, Arc<str>, i64)>,
    /// What the winner gets, in minor units.
    pub prize_cents: Cents,
}

/// The game as it stands.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct State {
    /// From 1.
    pub round_number: u32,
    /// Who has rolled what in this round.
    pub current_rolls: Vec<(UserId, u8)>,
    /// Who is still to roll, in order.
    pub pending_rollers: Vec<UserId>,
    /// Whether only the tied roll.
    pub is_tiebreaker: bool,
}

impl BiggerDice {
    fn roll(&mut self, table: &mut Table<'_>, seat: Seat) {
        let (roll, nonce) = table.dice().roll();
        self.pending.retain(|pending| *pending != seat);
        self.rolls.push((seat, roll));
        let decided = self.pending.is_empty().then(|| self.highest());
        if let Some((_, tied)) = &decided
            && let [winner] = tied[..]
        {
            self.scores[winner.index()] += 1;
        }
        let player = table.player(seat);
        let rolled = Rolled {
            player_id: player.user_id,
            player_username: player.username.clone(),
            roll,
            new_score: self.scores[seat.index()],
            proof: Proof { nonce },
        };
        table.emit(To::All, "rolled", &rolled);
        if let Some((highest, tied)) = decided {
            self.end_round(table, highest, &tied);
        }
    }

    /// The highest roll and who rolled it, in the order of rolling.
    fn highest(&self) -> (u8, Vec<Seat>) {
        let highest = self
            .rolls
            .iter()
            .map(|(_, roll)| *roll)
            .max()
            .unwrap_or_default();
        let tied = self
            .rolls
            .iter()
            .filter(|(_, roll)| *roll == highest)
            .map(|(seat, _)| *seat);
        (highest, tied.collect())
    }

    fn end_round(&mut self, table: &mut Table<'_>, highest: u8, tied: &[Seat]) {
        let players = table.players();
        let id = |seat: &Seat| players[seat.index()].user_id;
        let tied_ids: Vec<UserId> = tied.iter().map(id).collect();
        let is_tie = tied.len() > 1;
        let result = RoundResult {
            rolls: self
                .rolls
                .iter()
                .map(|(seat, roll)| (id(seat), *roll))
                .collect(),
            winner_id: if is_tie {
                None
            } else {
                tied_ids.first().copied()
            },
            is_tie,
            is_tiebreaker: self.is_tiebreaker,
            tiebreaker_players: if is_tie { tied_ids.clone() } else { Vec::new() },
            scores: players
                .iter()
                .map(|player| player.user_id)
                .zip(self.scores.clone())
                .collect(),
        };
        table.emit(To::All, "round_result", &result);
        self.rolls.clear();
        self.is_tiebreaker = is_tie;
        if is_tie {
            self.pending = tied.to_vec();
            let started = TiebreakerStarted {
                tied_players: tied_ids,
                tied_roll: highest,
            };
            table.emit(To::All, "tiebreaker_started", &started);
            return;
        }
        if let Some(winner) = tied
            .iter()
            .find(|seat| self.scores[seat.index()] >= POINTS_TO_WIN)
        {
            self.winner = Some(*winner);
            self.emit_game_over(table, *winner);
        } else {
            self.round_number += 1;
            self.pending = order_of_round(self.round_number, self.scores.len());
        }
    }

    fn emit_game_over(&self, table: &mut Table<'_>, winner: Seat) {
        let player = table.player(winner);
        let scores = table.players().iter().zip(&self.scores);
        let game_over = GameOver {
            winner_id: player.user_id,
            winner_username: player.username.clone(),
            final_scores: scores
                .map(|(p, n)| (p.user_id, p.username.clone(), *n))
                .collect(),
            prize_cents: table.prize(),
        };
        table.emit(To::All, "game_over", &game_over);
    }
}

/// All seats, beginning one further with each round.
fn order_of_round(round_number: u32, seats: usize) -> Vec<Seat> {
    let seats = seats as u32;
    (0..seats)
        .map(|turn| Seat((round_number - 1 + turn) % seats))
        .collect()
}

impl Game for BiggerDice {
    const NAME: &'static str = "bigger_dice";
    type Move = Move;

    fn spec() -> Spec {
        Spec {
            min_seats: 2,
            max_seats: 10,
            turn_ms: Some(5_000),
            ..Spec::default()
        }
    }

    fn start(table: &mut Table<'_>) -> BiggerDice {
        let seats = table.players().len();
        BiggerDice {
            scores: vec![0; seats],
            round_number: 1,
            is_tiebreaker: false,
            rolls: Vec::new(),
            pending: order_of_round(1, seats),
            winner: None,
        }
    }

    fn to_act(&self) -> Vec<Seat> {
        self.pending.first().copied().into_iter().collect()
    }

    fn apply(&mut self, table: &mut Table<'_>, seat: Seat, chosen: Move) -> Result<(), Refusal> {
        if self.pending.first() != Some(&seat) {
            return Err(RefusalCode::NotYourTurn.into());
        }
        let Move::Roll {} = chosen;
        self.roll(table, seat);
        Ok(())
    }

    fn on_timeout(&mut self, table: &mut Table<'_>, seat: Seat) {
        if self.pending.first() == Some(&seat) {
            self.roll(table, seat);
        }
    }

    fn view(&self, _: Viewer, players: &[SeatedPlayer]) -> serde_json::Value {
        let id = |seat: &Seat| players[seat.index()].user_id;
        let state = State {
            round_number: self.round_number,
            current_rolls: self
                .rolls
                .iter()
                .map(|(seat, roll)| (id(seat), *roll))
                .collect(),
            pending_rollers: self.pending.iter().map(id).collect(),
            is_tiebreaker: self.is_tiebreaker,
        };
        serde_json::to_value(state).expect("a state of strings and numbers is JSON")
    }

    fn outcome(&self) -> Option<Outcome> {
        self.winner.map(Outcome::Winner)
    }

    fn scores(&self) -> Vec<i64> {
        self.scores.clone()
    }
}
