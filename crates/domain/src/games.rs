//! The games that come with the program, one file each.

pub mod bigger_dice;
pub mod relay;
mod tic_tac_toe;

use crate::game::Games;

/// The games that everyone gets; `relay` exists for measuring and is added by `serve --bench` alone.
pub fn built_in() -> Games {
    let mut games = Games::default();
    games.add::<bigger_dice::BiggerDice>();
    games.add::<tic_tac_toe::TicTacToe>();
    games
}
