//! The games of this server and its rooms. Open to everyone: the page shows them before sign-in.

use super::ApiState;
use super::problem::Problem;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use blazing_sun_domain::{Cents, Games};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

const ROOMS_MAX: u32 = 500;

/// `GET games`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct GameList {
    /// By name.
    pub games: Vec<GameInfo>,
}

/// What a game costs and how it is played.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct GameInfo {
    /// As in commands and events: `bigger_dice`.
    pub game_type: String,
    /// For people: `Bigger Dice`.
    pub name: String,
    /// Fewest seats.
    pub min_players: u32,
    /// Most seats.
    pub max_players: u32,
    /// What a seat costs in rooms made from now on.
    pub entry_fee_cents: Cents,
    /// The winner's share of all fees, in percent.
    pub prize_percent: u8,
    /// The deployment's currency.
    pub currency: String,
    /// Whether the house's bot plays it with lone visitors; left out where it does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_bot: bool,
    /// Where the module of its own page is; left out where it brings none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// A JSON Schema of each move's fields.
    pub moves: BTreeMap<String, serde_json::Value>,
}

/// The answer to `GET games`, which stays the same while the server runs.
pub(super) type GamesAnswer = String;

pub(super) fn describe(games: &Games, currency: &str, bot_games: &[String]) -> GamesAnswer {
    let info = |game: &blazing_sun_domain::GameDefinition| GameInfo {
        game_type: game.name.to_owned(),
        name: title(game.name),
        min_players: game.spec.min_seats,
        max_players: game.spec.max_seats,
        entry_fee_cents: game.entry_fee,
        prize_percent: game.prize_percent,
        currency: currency.to_owned(),
        has_bot: bot_games.iter().any(|name| name == game.name),
        page: game.page.clone(),
        moves: (*game.moves).clone(),
    };
    let list = GameList {
        games: games.iter().map(info).collect(),
    };
    serde_json::to_string(&list).unwrap_or_default()
}

/// `bigger_dice` → `Bigger Dice`
fn title(game_type: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    game_type
        .split('_')
        .map(capital)
        .collect::<Vec<_>>()
        .join(" ")
}

pub(super) async fn games(State(state): State<ApiState>) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        state.0.games_answer.clone(),
    )
        .into_response()
}

/// The query of `GET rooms`.
#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    game_type: Option<String>,
}

/// `GET rooms`
#[derive(Debug, Serialize)]
pub(super) struct RoomList {
    rooms: Vec<Box<RawValue>>,
}

pub(super) async fn rooms(
    State(state): State<ApiState>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<RoomList>, Problem> {
    let unknown = || {
        let detail = "`game_type` must be one of this server's games.";
        Problem::new(StatusCode::BAD_REQUEST, "unknown_game", detail).in_field("game_type")
    };
    let Query(filter) = filter.map_err(|_| unknown())?;
    let game_type = filter.game_type.as_deref();
    if game_type.is_some_and(|wanted| state.0.games.get(wanted).is_none()) {
        return Err(unknown());
    }
    Ok(Json(RoomList {
        rooms: state.0.reads.rooms(game_type, ROOMS_MAX).await?,
    }))
}
