//! The commands and events of the games that come with the program.

use crate::schema;
use blazing_sun_backbone::messages::AutoPlay;
use blazing_sun_domain::game::{Ended, Games};
use blazing_sun_domain::games::bigger_dice;
use blazing_sun_domain::room::events::Timestamp;
use blazing_sun_domain::room::pause::{GamePaused, GameResumed, MatchCancelled};
use blazing_sun_domain::{RoomId, UserId};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

/// Each game's moves, and the switch that every game has.
pub(crate) fn commands(games: &Games, generator: &mut SchemaGenerator) -> Vec<(String, Schema)> {
    let mut commands = Vec::new();
    for game in games.iter() {
        let named = |name: &str| format!("games.command.{}.{name}", game.name);
        for (name, fields) in &*game.moves {
            commands.push((named(name), in_room(name, fields, generator)));
        }
        commands.push((named("enable_auto_play"), AutoPlay::json_schema(generator)));
    }
    commands
}

/// Each game's events. What the machinery around games says is here under the names of those games that it says it of.
pub(crate) fn events(generator: &mut SchemaGenerator) -> Vec<(String, Schema)> {
    let dice = [
        ("rolled", bigger_dice::Rolled::json_schema(generator)),
        (
            "round_result",
            bigger_dice::RoundResult::json_schema(generator),
        ),
        (
            "tiebreaker_started",
            bigger_dice::TiebreakerStarted::json_schema(generator),
        ),
        ("state", bigger_dice::State::json_schema(generator)),
        ("game_over", bigger_dice::GameOver::json_schema(generator)),
        ("match_cancelled", MatchCancelled::json_schema(generator)),
    ];
    let cells = [
        ("moved", Moved::json_schema(generator)),
        ("game_result", GameResult::json_schema(generator)),
        ("turn_timeout", TurnTimeout::json_schema(generator)),
        ("state", CellsState::json_schema(generator)),
        ("game_paused", GamePaused::json_schema(generator)),
        ("game_resumed", GameResumed::json_schema(generator)),
        ("match_ended", Ended::json_schema(generator)),
        ("match_cancelled", MatchCancelled::json_schema(generator)),
    ];
    let dice = dice
        .into_iter()
        .map(|(name, fields)| (format!("games.event.bigger_dice.{name}"), fields));
    let cells = cells
        .into_iter()
        .map(|(name, fields)| (format!("games.event.tic_tac_toe.{name}"), fields));
    dice.chain(cells).collect()
}

/// The room that a move is made in.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "its schema is what it is for")]
struct InRoom {
    /// Where.
    room_id: RoomId,
}

/// A move's command: the room, and the move's own fields.
fn in_room(name: &str, fields: &Value, generator: &mut SchemaGenerator) -> Schema {
    let room = InRoom::json_schema(generator).to_value();
    let summary = match schema::description(fields) {
        "" => format!("Makes the move `{name}`."),
        summary => summary.to_owned(),
    };
    let whole = schema::merged(&summary, &[&room, fields]);
    whole.try_into().expect("an object is a schema")
}

// Tic-tac-toe shows how little a game needs, and makes its events of loose fields: what they are is said here, and held
// against whole games by a test.

/// A player's sign.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "its schema is what it is for")]
enum Mark {
    /// Begins.
    X,
    /// Follows.
    O,
}

/// Somebody marked a cell.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "its schema is what it is for")]
struct Moved {
    /// Who.
    player_id: UserId,
    /// Who, by name.
    player_username: String,
    /// 0 to 8, row by row.
    #[schemars(range(max = 8))]
    position: u8,
    /// The sign that stands there now.
    mark: Mark,
    /// All cells, row by row; null where one is free.
    board: [Option<Mark>; 9],
}

/// A game of the match is over, and the next begins.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "its schema is what it is for")]
struct GameResult {
    /// Who won; null in a draw.
    winner_id: Option<UserId>,
    /// Who won, by name.
    winner_username: Option<String>,
    /// The three cells; null in a draw, and where time ran out.
    winning_line: Option<Vec<u8>>,
    /// Whether nobody won.
    is_draw: bool,
    /// All points, in seat order.
    scores: Vec<(UserId, i64)>,
    /// Of the game that is over, from 1.
    game_number: u32,
    /// Who begins the next.
    next_first_player: UserId,
}

/// Somebody's time is over, and with it the game of the match.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "its schema is what it is for")]
struct TurnTimeout {
    /// Who.
    player_id: UserId,
    /// Who, by name.
    player_username: String,
}

/// The game as it stands.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "its schema is what it is for")]
struct CellsState {
    /// All cells, row by row; null where one is free.
    board: [Option<Mark>; 9],
    /// Who plays X.
    player_x_id: UserId,
    /// Who plays O.
    player_o_id: UserId,
    /// Whose turn it is.
    current_turn: UserId,
    /// All points, in seat order.
    scores: Vec<(UserId, i64)>,
    /// From 1.
    game_number: u32,
    /// Whether the game waits for somebody who is gone.
    is_paused: bool,
    /// For whom; null where it does not wait.
    disconnected_player: Option<UserId>,
    /// When the turn is lost; null while the game waits.
    move_deadline: Option<Timestamp>,
}
