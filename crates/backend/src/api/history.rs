//! What users have played: a list in pages, what it comes to, and each room once more as its player saw it.

use super::ApiState;
use super::client::Bearer;
use super::endpoint::{CURSOR_EXAMPLE, Endpoint, cursor, example_user, next_page};
use super::limits::Rates;
use super::lists::game_type;
use super::page::{self, Page};
use super::problem::Problem;
use crate::store::played::{PlayedIn, PlayedRoom};
use crate::transcript::{Frame, TranscriptError, transcript};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use blazing_sun_backbone::rest::problem::*;
use blazing_sun_backbone::rest::{Access, Answer, Operation, Parameter, Place, Tag};
use blazing_sun_domain::{Cents, RoomId, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// `GET me/games`, `GET games/{game_type}/history`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PlayedGames {
    /// Newest first.
    pub games: Vec<PlayedGame>,
    /// For `?cursor=`, to read on; null at the end.
    pub next_cursor: Option<String>,
}

/// An ended room that the user had a paid seat in. Rooms without a fee are not among them.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PlayedGame {
    /// The room.
    pub room_id: String,
    /// Its name.
    pub room_name: String,
    /// As in commands and events: `bigger_dice`.
    pub game_type: String,
    /// When the user took the seat: RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub seated_at: String,
    /// When the room ended: RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub ended_at: String,
    /// How it ended for the user.
    pub result: GameResult,
    /// What the seat cost.
    pub fee_cents: Cents,
    /// What of it came back.
    pub returned_cents: Cents,
    /// The prize; 0 without one.
    pub prize_cents: Cents,
    /// The deployment's currency.
    pub currency: String,
    /// Everybody who had a seat to the end, the user among them, in the order of taking them.
    pub players: Vec<PlayedSeat>,
}

/// How a room ended for a player.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GameResult {
    /// The prize was the player's.
    Won,
    /// It was another's.
    Lost,
    /// A draw, or called off: all fees went back.
    Returned,
}

/// Who played.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PlayedSeat {
    /// Whose seat.
    pub user_id: UserId,
    /// The name that the user has now; null where there is no account any more.
    pub username: Option<String>,
    /// Whether it is the house's bot; left out for people.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_bot: bool,
    /// Whether the prize was theirs.
    pub has_won: bool,
}

/// `GET me/statistics`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Statistics {
    /// By game, each that the user has played for money.
    pub games: Vec<GameStatistics>,
    /// The deployment's currency.
    pub currency: String,
}

/// What a user's rooms of one game come to.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct GameStatistics {
    /// The game.
    pub game_type: String,
    /// Rooms that were won or lost.
    pub played: u64,
    /// Those that were won.
    pub won: u64,
    /// Rooms whose fees went back.
    pub returned: u64,
    /// Fees of rooms that were won or lost.
    pub fees_cents: Cents,
    /// Prizes.
    pub prizes_cents: Cents,
}

/// `GET games/{game_type}/history/{room_id}`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct GameTranscript {
    /// The room and its money; null for a room without a fee.
    pub game: Option<PlayedGame>,
    /// The room's events as the user's sockets got them, in order, but without chat and without `event_id` and
    /// `correlation_id`. The server's seed is in `games.event.seed_revealed`, the last one.
    pub frames: Vec<Frame>,
}

/// The query of `GET me/games`, beside the page.
#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    game_type: Option<String>,
}

/// What users have played.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let games = PlayedGames {
        games: vec![example()],
        next_cursor: Some(CURSOR_EXAMPLE.to_owned()),
    };
    let get = |path, id| Operation::get(path, id, Tag::History).access(Access::Bearer);
    vec![
        Endpoint::new(
            get("/api/v1/me/games", "playedGames")
                .says(
                    "List the games one has played",
                    "Ended rooms with a fee, newest first, 50 to a page.",
                )
                .parameter(game_type(Place::Query))
                .parameter(cursor())
                .answers(Answer::json(200, "A page of them.", &games).link(next_page("playedGames")))
                .refuses(&[INVALID_FORMAT, UNKNOWN_GAME]),
            mine,
        ),
        Endpoint::new(
            get("/api/v1/me/statistics", "statistics")
                .says("Read what they come to", "By game.")
                .answers(Answer::json(200, "The sums.", &example_statistics())),
            statistics,
        ),
        Endpoint::new(
            get("/api/v1/games/{game_type}/history", "gameHistory")
                .says(
                    "List what one has played of one game",
                    "As `playedGames` does.",
                )
                .parameter(game_type(Place::Path))
                .parameter(cursor())
                .answers(Answer::json(200, "A page of it.", &games))
                .refuses(&[INVALID_FORMAT, UNKNOWN_GAME_IN_PATH]),
            of_game,
        ),
        Endpoint::new(
            get("/api/v1/games/{game_type}/history/{room_id}", "transcript")
                .says(
                    "Read an ended room once more",
                    "Everything that the user's sockets got of it but for chat, as it follows from the room's journal. \
                     With it the room's proof can be checked.",
                )
                .parameter(game_type(Place::Path))
                .parameter(room_id())
                .answers(Answer::json(200, "The room.", &example_transcript()))
                .refuses(&[ROOM_NOT_FOUND, OTHER_RULES])
                .limited(&Rates::of_transcripts()),
            of_room,
        ),
    ]
}

fn room_id() -> Parameter {
    Parameter {
        place: Place::Path,
        name: "room_id",
        description: "The room.",
        is_required: true,
        schema: RoomId::json_schema(&mut schemars::SchemaGenerator::default()),
        example: ROOM_EXAMPLE.into(),
    }
}

const ROOM_EXAMPLE: &str = "0190a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b";

fn example() -> PlayedGame {
    let seat = |user_id, username: &str, has_won| PlayedSeat {
        user_id,
        username: Some(username.to_owned()),
        is_bot: false,
        has_won,
    };
    let other = UserId::new(42).unwrap_or(UserId::SYSTEM);
    PlayedGame {
        room_id: ROOM_EXAMPLE.to_owned(),
        room_name: "Friday night".to_owned(),
        game_type: "bigger_dice".to_owned(),
        seated_at: "2026-01-31T20:14:00.000Z".to_owned(),
        ended_at: "2026-01-31T20:15:00.000Z".to_owned(),
        result: GameResult::Won,
        fee_cents: Cents(1_000),
        returned_cents: Cents::ZERO,
        prize_cents: Cents(1_600),
        currency: "eur".to_owned(),
        players: vec![seat(example_user(), "Ada", true), seat(other, "Bo", false)],
    }
}

fn example_statistics() -> Statistics {
    Statistics {
        games: vec![GameStatistics {
            game_type: "bigger_dice".to_owned(),
            played: 3,
            won: 2,
            returned: 0,
            fees_cents: Cents(3_000),
            prizes_cents: Cents(3_200),
        }],
        currency: "eur".to_owned(),
    }
}

fn example_transcript() -> GameTranscript {
    let frame = serde_json::json!({
        "type": "games.event.turn_changed",
        "timestamp": "2026-01-31T20:14:30.000Z",
        "room_seq": 9,
    });
    GameTranscript {
        game: Some(example()),
        frames: frame.as_object().cloned().into_iter().collect(),
    }
}

async fn mine(
    State(state): State<ApiState>,
    Bearer(claims): Bearer,
    asked: Result<Query<Page>, QueryRejection>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<PlayedGames>, Problem> {
    let Query(filter) = filter.map_err(|_| unknown_game(UNKNOWN_GAME))?;
    let within = match filter.game_type {
        Some(game_type) if is_known(&state, &game_type) => PlayedIn::Game(game_type),
        Some(_) => return Err(unknown_game(UNKNOWN_GAME)),
        None => PlayedIn::AnyGame,
    };
    list(&state, claims.sub, &within, asked).await
}

async fn of_game(
    State(state): State<ApiState>,
    Bearer(claims): Bearer,
    game_type: Result<Path<String>, PathRejection>,
    asked: Result<Query<Page>, QueryRejection>,
) -> Result<Json<PlayedGames>, Problem> {
    let game_type = game_type.ok().map(|Path(game_type)| game_type);
    let game_type = game_type.filter(|game_type| is_known(&state, game_type));
    let game_type = game_type.ok_or_else(|| unknown_game(UNKNOWN_GAME_IN_PATH))?;
    list(&state, claims.sub, &PlayedIn::Game(game_type), asked).await
}

async fn statistics(
    State(state): State<ApiState>,
    Bearer(claims): Bearer,
) -> Result<Json<Statistics>, Problem> {
    let tallies = state.0.reads.tally(claims.sub).await?;
    let games = tallies.into_iter().map(|tally| GameStatistics {
        game_type: tally.game_type,
        played: tally.played,
        won: tally.won,
        returned: tally.returned,
        fees_cents: tally.paid,
        prizes_cents: tally.prizes,
    });
    Ok(Json(Statistics {
        games: games.collect(),
        currency: state.0.accounts.currency().to_owned(),
    }))
}

async fn of_room(
    State(state): State<ApiState>,
    Bearer(claims): Bearer,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let (user, room_not_found) = (claims.sub, || {
        let detail = "There is no ended room with this id that you have played in.";
        Problem::new(ROOM_NOT_FOUND, detail)
    });
    let path = path.ok().map(|Path(path)| path);
    let (game_type, room_id) = path.ok_or_else(room_not_found)?;
    let room_id: RoomId = room_id.parse().map_err(|_| room_not_found())?;
    state.0.limits.transcript(user)?;
    // Deciding a room again takes a core and its whole journal: many at once would take them from play. The place is held
    // until it is done, also where nobody waits for it any more.
    let permit = Arc::clone(&state.0.transcripts).acquire_owned().await;
    let reads = &state.0.reads;
    let archive = reads.ended_room(&room_id).await?;
    let archive = archive.filter(|archive| archive.game_type == game_type);
    let archive = archive.ok_or_else(room_not_found)?;
    let played = reads
        .played(user, &PlayedIn::Room(room_id.clone()), None, 1)
        .await?;
    let game = played.into_iter().next();
    let game = game.map(|room| told(&state, user, room));
    let shared = state.clone();
    let told = tokio::task::spawn_blocking(move || {
        let (_permit, shared) = (permit, &shared.0);
        let has_paid = game.is_some();
        let frames = transcript(&archive, &shared.games, &shared.sealer, user, has_paid)?;
        let told = frames.map(|frames| serde_json::to_vec(&GameTranscript { game, frames }));
        told.transpose()
            .map_err(|error| TranscriptError::Damaged(error.to_string()))
    });
    let told = told.await.map_err(|_| Problem::unavailable())?;
    let told = told.map_err(|error| untold(&error, &room_id))?;
    let json = [(header::CONTENT_TYPE, "application/json")];
    Ok((json, told.ok_or_else(room_not_found)?).into_response())
}

fn untold(error: &TranscriptError, room: &RoomId) -> Problem {
    match error {
        TranscriptError::OtherRules => {
            let detail = "This game was played by rules that this server does not have any more.";
            Problem::new(OTHER_RULES, detail)
        }
        // For good: who asks again is told the same.
        TranscriptError::Damaged(_) => {
            tracing::error!(room.id = %room, %error, "an ended room can not be shown again");
            Problem::new(OTHER_RULES, "This game can not be shown again.")
        }
    }
}

async fn list(
    state: &ApiState,
    user: UserId,
    within: &PlayedIn,
    asked: Result<Query<Page>, QueryRejection>,
) -> Result<Json<PlayedGames>, Problem> {
    let before = page::before(asked)?;
    let reads = &state.0.reads;
    let found = reads.played(user, within, before, page::ROWS + 1).await?;
    let (found, next_cursor) = page::cut(found, |room| room.position);
    let games = found.into_iter().map(|room| told(state, user, room));
    Ok(Json(PlayedGames {
        games: games.collect(),
        next_cursor,
    }))
}

fn told(state: &ApiState, user: UserId, room: PlayedRoom) -> PlayedGame {
    let own = room.players.iter().find(|seat| seat.user == user);
    let (paid, returned, won) = own.map_or((Cents::ZERO, Cents::ZERO, Cents::ZERO), |own| {
        (own.paid, own.returned, own.won)
    });
    let result = match (won > Cents::ZERO, returned > Cents::ZERO) {
        (true, _) => GameResult::Won,
        (false, true) => GameResult::Returned,
        (false, false) => GameResult::Lost,
    };
    let players = room.players.into_iter().map(|seat| PlayedSeat {
        user_id: seat.user,
        username: seat.username,
        is_bot: seat.is_bot,
        has_won: seat.won > Cents::ZERO,
    });
    PlayedGame {
        result,
        fee_cents: paid,
        returned_cents: returned,
        prize_cents: won,
        currency: state.0.accounts.currency().to_owned(),
        players: players.collect(),
        seated_at: room.seated.to_string(),
        ended_at: room.ended.to_string(),
        room_id: room.room_id,
        room_name: room.room_name,
        game_type: room.game_type,
    }
}

fn is_known(state: &ApiState, game_type: &str) -> bool {
    state.0.games.get(game_type).is_some()
}

fn unknown_game(kind: ProblemKind) -> Problem {
    let detail = "`game_type` must be one of this server's games.";
    Problem::new(kind, detail).in_field("game_type")
}
