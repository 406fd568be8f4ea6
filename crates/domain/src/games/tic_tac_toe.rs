//! Tic-tac-toe: three in a row take a game, five games the prize. X begins, X and O swap each game.

use crate::prelude::*;

/// Each cell is a bit, and so each row an octal digit.
const LINES: [u16; 8] = [0o7, 0o70, 0o700, 0o111, 0o222, 0o444, 0o124, 0o421];

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    Move {
        /// 0 to 8, row by row.
        #[schemars(range(max = 8))]
        position: u8,
    },
}

/// A match in play: whose cells are which, and the points, by seat.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct TicTacToe {
    marks: [u16; 2],
    scores: [i64; 2],
    games_played: u32,
    draws_in_a_row: u32,
}

impl TicTacToe {
    fn board(&self) -> [Option<&'static str>; 9] {
        let mark = |seat: usize| ["X", "O"][(seat + self.games_played as usize) % 2];
        std::array::from_fn(|at| (0..2).find(|s| self.marks[*s] >> at & 1 == 1).map(mark))
    }

    fn end_game(&mut self, table: &mut Table<'_>, winner: Option<Seat>, line: Option<u16>) {
        self.draws_in_a_row = winner.map_or(self.draws_in_a_row + 1, |_| 0);
        winner.iter().for_each(|won| self.scores[won.index()] += 1);
        (self.marks, self.games_played) = ([0; 2], self.games_played + 1);
        table.emit_won(winner, "game_result", &json!({
            "winning_line": line.map(|l| (0..9).filter(|at| l >> at & 1 == 1).collect::<Value>()),
            "scores": scores_of(table.players(), &self.scores), "game_number": self.games_played,
            "next_first_player": table.player(self.to_act()[0]).user_id, "is_draw": winner.is_none(),
        }));
    }
}

impl Game for TicTacToe {
    const NAME: &'static str = "tic_tac_toe";
    type Move = Move;

    fn spec() -> Spec {
        Spec::timed(60_000).pausing(600_000).ending("match_ended")
    }

    fn start(_: &mut Table<'_>) -> TicTacToe {
        TicTacToe::default()
    }

    fn to_act(&self) -> Vec<Seat> {
        vec![Seat(
            (self.games_played + (self.marks[0] | self.marks[1]).count_ones()) % 2,
        )]
    }

    fn apply(&mut self, table: &mut Table<'_>, seat: Seat, chosen: Move) -> Result<(), Refusal> {
        let Move::Move { position } = chosen;
        let free = 0o777 & !(self.marks[0] | self.marks[1]);
        let cell = 1_u16.checked_shl(position.into()).filter(|c| c & free != 0);
        self.marks[seat.index()] |= cell.ok_or(RefusalCode::InvalidMove)?;
        let (board, mine, at) = (self.board(), self.marks[seat.index()], position as usize);
        let moved = json!({ "position": at, "mark": board[at], "board": board });
        table.emit_by(seat, "moved", &moved);
        let line = LINES.into_iter().find(|line| mine & line == *line);
        if line.is_some() || cell == Some(free) {
            self.end_game(table, line.map(|_| seat), line);
        }
        Ok(())
    }

    fn on_timeout(&mut self, table: &mut Table<'_>, seat: Seat) {
        table.emit_by(seat, "turn_timeout", &json!({}));
        self.end_game(table, Some(Seat(1 - seat.0)), None);
    }

    fn view(&self, _: Viewer, players: &[SeatedPlayer]) -> Value {
        let id = |seat: u32| players[seat as usize % 2].user_id;
        json!({
            "board": self.board(), "scores": scores_of(players, &self.scores),
            "player_x_id": id(self.games_played), "player_o_id": id(self.games_played + 1),
            "current_turn": id(self.to_act()[0].0), "game_number": self.games_played + 1,
        })
    }

    fn outcome(&self) -> Option<Outcome> {
        let is_drawn = self.draws_in_a_row == 10;
        Outcome::at_points(&self.scores, 5).or(is_drawn.then_some(Outcome::Draw))
    }

    fn scores(&self) -> Vec<i64> {
        self.scores.into()
    }
}
