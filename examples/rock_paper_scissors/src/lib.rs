//! Rock, paper, scissors: both choose in secret, then both hands are shown. Three rounds take the
//! prize; a tie counts nothing, and ten ties in a row give everybody the fee back. A round in which
//! neither chooses is a tie; who lets the other wait gives the match up.

use blazing_sun_domain::prelude::*;

/// Rounds that win.
pub const ROUNDS_TO_WIN: i64 = 3;
/// Ties in a row after which nobody wins.
pub const TIES_MAX: u32 = 10;

/// What a hand shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Hand {
    /// Blunts scissors.
    Rock,
    /// Wraps rock.
    Paper,
    /// Cut paper.
    Scissors,
}

impl Hand {
    /// Whether it wins against `other`.
    pub fn beats(self, other: Hand) -> bool {
        use Hand::{Paper, Rock, Scissors};
        matches!(
            (self, other),
            (Rock, Scissors) | (Paper, Rock) | (Scissors, Paper)
        )
    }
}

/// What a player can do.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    /// Chooses, once a round and for good.
    Choose {
        /// Seen by nobody else before the other has chosen too.
        hand: Hand,
    },
}

/// A match in play.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RockPaperScissors {
    /// By seat, as in all that follows.
    chosen: [Option<Hand>; 2],
    scores: [i64; 2],
    rounds_played: u32,
    ties_in_a_row: u32,
    given_up: Option<Seat>,
}

impl RockPaperScissors {
    /// Shows the hands, which are both chosen or both not.
    fn end_round(&mut self, table: &mut Table<'_>) {
        let hands = std::mem::take(&mut self.chosen);
        let winner = match hands {
            [Some(first), Some(second)] if first.beats(second) => Some(Seat(0)),
            [Some(first), Some(second)] if second.beats(first) => Some(Seat(1)),
            _ => None,
        };
        match winner {
            Some(seat) => {
                self.scores[seat.index()] += 1;
                self.ties_in_a_row = 0;
            }
            None => self.ties_in_a_row += 1,
        }
        self.rounds_played += 1;
        let shown = table.players().iter().zip(hands);
        let result = json!({
            "round_number": self.rounds_played,
            "hands": shown.map(|(player, hand)| json!([player.user_id, hand])).collect::<Value>(),
            "scores": scores_of(table.players(), &self.scores),
        });
        table.emit_won(winner, "round_result", &result);
    }
}

impl Game for RockPaperScissors {
    const NAME: &'static str = "rock_paper_scissors";
    type Move = Move;

    fn spec() -> Spec {
        Spec {
            // Each player gets a state of their own.
            hidden_information: true,
            ..Spec::timed(20_000).pausing(120_000).ending("game_over")
        }
    }

    fn start(_: &mut Table<'_>) -> RockPaperScissors {
        RockPaperScissors::default()
    }

    /// Whoever has not chosen yet, in any order.
    fn to_act(&self) -> Vec<Seat> {
        let seats = (0..).map(Seat).zip(self.chosen);
        let waited_for = seats.filter(|(_, chosen)| chosen.is_none());
        waited_for.map(|(seat, _)| seat).collect()
    }

    fn apply(&mut self, table: &mut Table<'_>, seat: Seat, chosen: Move) -> Result<(), Refusal> {
        let Move::Choose { hand } = chosen;
        self.chosen[seat.index()] = Some(hand);
        // That somebody has chosen is for all to see; what, is not.
        table.emit_by(seat, "chosen", &json!({}));
        if self.chosen.iter().all(Option::is_some) {
            self.end_round(table);
        }
        Ok(())
    }

    /// Who lets the other wait gives the match up; nobody gains by it where both are late.
    fn on_timeout(&mut self, table: &mut Table<'_>, seat: Seat) {
        for late in self.to_act() {
            table.emit_by(late, "turn_timeout", &json!({}));
        }
        match self.chosen[1 - seat.index()] {
            Some(_) => self.given_up = Some(seat),
            None => self.end_round(table),
        }
    }

    fn view(&self, viewer: Viewer, players: &[SeatedPlayer]) -> Value {
        let own = match viewer {
            Viewer::Seat(seat) => self.chosen[seat.index()],
            Viewer::Spectator => None,
        };
        let seats = players.iter().zip(self.chosen);
        let ready = seats.filter(|(_, chosen)| chosen.is_some());
        json!({
            "round_number": self.rounds_played + 1,
            "own_hand": own,
            "have_chosen": ready.map(|(player, _)| player.user_id).collect::<Vec<_>>(),
            "scores": scores_of(players, &self.scores),
        })
    }

    fn secrets(&self) -> Vec<Secret> {
        let seats = (0..).map(Seat).zip(self.chosen);
        let secret = seats.filter(|(_, chosen)| chosen.is_some());
        secret
            .map(|(seat, _)| Secret::of(seat, format!("/chosen/{}", seat.0)))
            .collect()
    }

    fn outcome(&self) -> Option<Outcome> {
        let forfeit = self.given_up.map(|seat| Outcome::Winner(Seat(1 - seat.0)));
        let is_drawn = self.ties_in_a_row == TIES_MAX;
        forfeit
            .or(Outcome::at_points(&self.scores, ROUNDS_TO_WIN))
            .or(is_drawn.then_some(Outcome::Draw))
    }

    fn scores(&self) -> Vec<i64> {
        self.scores.into()
    }
}
