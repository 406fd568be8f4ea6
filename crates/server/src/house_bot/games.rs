//! Which games the house's bot plays, and how it chooses a move. A game without an entry is not played.

use serde_json::{Value, json};

/// How one game is played.
pub trait Strategy: Sync {
    /// `bigger_dice`
    fn game_type(&self) -> &'static str;

    /// The move of the player whose turn it is, from the game's last `<game>.state` (null where none
    /// has come yet); none to let the time run out.
    fn choose(&self, state: &Value, user_id: &str) -> Option<Move>;
}

/// A move: its name, and the fields of its command beside `room_id`.
#[derive(Debug, PartialEq)]
pub struct Move {
    /// `roll`
    pub name: &'static str,
    /// A JSON object.
    pub fields: Value,
}

struct BiggerDice;

impl Strategy for BiggerDice {
    fn game_type(&self) -> &'static str {
        "bigger_dice"
    }

    fn choose(&self, _: &Value, _: &str) -> Option<Move> {
        Some(Move {
            name: "roll",
            fields: json!({}),
        })
    }
}

const ALL: [&dyn Strategy; 1] = [&BiggerDice];

/// How this game is played, if the bot can.
pub fn strategy(game_type: &str) -> Option<&'static dyn Strategy> {
    let known = |strategy: &&&dyn Strategy| strategy.game_type() == game_type;
    ALL.iter().find(known).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_bot_plays_are_games_that_come_with_the_program() {
        let games = blazing_sun_domain::games::built_in();
        for strategy in ALL {
            let game = games
                .get(strategy.game_type())
                .expect("a game of the program's");
            let chosen = strategy.choose(&Value::Null, "1").expect("a move");
            assert!(game.moves.contains_key(chosen.name), "{chosen:?}");
        }
        assert!(strategy("chess").is_none());
    }
}
