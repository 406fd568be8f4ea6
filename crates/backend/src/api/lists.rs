//! The games of this server and its rooms. Open to everyone: the page shows them before sign-in.

use super::ApiState;
use super::endpoint::{Endpoint, example_user};
use super::problem::Problem;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use blazing_sun_backbone::live::LiveSet;
use blazing_sun_backbone::rest::problem::UNKNOWN_GAME;
use blazing_sun_backbone::rest::{Answer, Operation, Parameter, Place, Tag};
use blazing_sun_domain::room::{RoomStatus, RoomSummary};
use blazing_sun_domain::{Cents, Games, RoomId};
use schemars::json_schema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;

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

/// The answer to `GET games`, with what operators had set when it was made: it stays the same until they change something.
pub(super) type GamesAnswer = (Arc<LiveSet>, String);

fn describe(games: &Games, currency: &str, bot_games: &[String]) -> String {
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

async fn games(State(state): State<ApiState>) -> Response {
    let shared = &state.0;
    let set = shared.config.live.get();
    let mut made = shared.games_answer.lock();
    let answer = match &*made {
        Some((of, answer)) if Arc::ptr_eq(of, &set) => answer.clone(),
        _ => {
            let games = shared.config.live.priced(&shared.games);
            let (currency, bot_games) = (shared.accounts.currency(), &shared.config.bot_games);
            let answer = describe(&games, currency, bot_games);
            *made = Some((set, answer.clone()));
            answer
        }
    };
    ([(header::CONTENT_TYPE, "application/json")], answer).into_response()
}

/// The query of `GET rooms`.
#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    game_type: Option<String>,
}

/// `GET rooms`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct RoomList {
    /// Those that wait first, then by name; 500 at most.
    #[schemars(with = "Vec<RoomSummary>")]
    rooms: Vec<Box<RawValue>>,
}

/// Games and rooms.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let dice = GameInfo {
        game_type: "bigger_dice".to_owned(),
        name: "Bigger Dice".to_owned(),
        min_players: 2,
        max_players: 10,
        entry_fee_cents: Cents(1_000),
        prize_percent: 80,
        currency: "eur".to_owned(),
        has_bot: true,
        page: None,
        moves: BTreeMap::from([("roll".to_owned(), serde_json::json!({ "type": "object" }))]),
    };
    let room_id = "0190a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b".parse();
    let room = room_id.ok().map(example_room);
    let games = GameList { games: vec![dice] };
    let rooms = RoomList {
        rooms: room
            .and_then(|room| serde_json::value::to_raw_value(&room).ok())
            .into_iter()
            .collect(),
    };
    let get = |path, id| Operation::get(path, id, Tag::Games);
    vec![
        Endpoint::new(
            get("/api/v1/games", "games")
                .says(
                    "List the games",
                    "What each costs, and what its moves take. The same until an operator changes it: read it again after \
                     `fee_changed`.",
                )
                .answers(Answer::json(200, "The games.", &games)),
            self::games,
        ),
        Endpoint::new(
            get("/api/v1/rooms", "rooms")
                .says(
                    "List the rooms",
                    "Those that wait and those in play. The socket tells what becomes of them.",
                )
                .parameter(game_type(Place::Query))
                .answers(Answer::json(200, "The rooms.", &rooms))
                .refuses(&[UNKNOWN_GAME]),
            self::rooms,
        ),
    ]
}

/// Which game.
pub(super) fn game_type(place: Place) -> Parameter {
    Parameter {
        place,
        name: "game_type",
        description: match place {
            Place::Path => "The game.",
            _ => "Only rooms of this game.",
        },
        is_required: place == Place::Path,
        schema: json_schema!({ "type": "string", "pattern": "^[a-z][a-z0-9_]*$" }),
        example: "bigger_dice".into(),
    }
}

fn example_room(room_id: RoomId) -> RoomSummary {
    RoomSummary {
        room_id,
        room_name: "Friday night".into(),
        game_type: "bigger_dice".into(),
        host_id: example_user(),
        host_name: "Ada".into(),
        status: RoomStatus::Waiting,
        player_count: 1,
        spectator_count: 0,
        max_players: 2,
        is_password_protected: false,
        allow_spectators: true,
        entry_fee_cents: Cents(1_000),
        prize_cents: Cents(1_600),
        bot_count: 0,
        invites_bot: false,
    }
}

async fn rooms(
    State(state): State<ApiState>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<RoomList>, Problem> {
    let unknown = || {
        let detail = "`game_type` must be one of this server's games.";
        Problem::new(UNKNOWN_GAME, detail).in_field("game_type")
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
