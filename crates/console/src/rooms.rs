//! Rooms over HTTP: the list, one with its money and what happened in it, and its end.

use crate::closing::{ClosingError, RoomClosed};
use crate::timeline::{Timeline, TimelineEntry, timeline};
use crate::{Admin, Console, Endpoint, query};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use blazing_sun_backbone::rest::problem::{CONFLICT, INVALID_FORMAT, NOT_FOUND};
use blazing_sun_backbone::rest::{Answer, Parameter, Place};
use blazing_sun_backend::accounts::check_reason;
use blazing_sun_backend::api::Problem;
use blazing_sun_backend::api::body::{Body, Fields, Read};
use blazing_sun_backend::api::endpoint::{CURSOR_EXAMPLE, example_user, next_page};
use blazing_sun_backend::api::page;
use blazing_sun_backend::store::overview::{MemberRow, Overview, RoomFilter, RoomRow, TransferRow};
use blazing_sun_domain::{Cents, Millis, RoomId, UserId};
use schemars::json_schema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

const ROOM: &str = "0190a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b";
/// 1769890500000/0190
const ROOMS_CURSOR: &str = "MTc2OTg5MDUwMDAwMC8wMTkw";
/// A room's transfers that are shown with it.
const ENTRIES_MAX: u32 = 200;

/// `GET rooms`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct RoomLines {
    /// Those whose line changed last come first.
    pub rooms: Vec<OperatorRoom>,
    /// For `?cursor=`, to read on; null at the end.
    pub next_cursor: Option<String>,
}

/// A room, as operators see it.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OperatorRoom {
    /// The room.
    pub room_id: String,
    /// Its name.
    pub room_name: String,
    /// Its game.
    pub game_type: String,
    /// `waiting`, `in_progress` or `ended`.
    pub status: String,
    /// When its line last changed, or when it ended. RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub updated_at: String,
    /// Who opened it; null once it has ended.
    pub host_id: Option<UserId>,
    /// How many have a seat; null once it has ended.
    pub players: Option<u64>,
    /// How many seats there are; null once it has ended.
    pub max_players: Option<u64>,
    /// How many watch; null once it has ended.
    pub spectators: Option<u64>,
    /// What a seat costs; null once it has ended.
    pub entry_fee_cents: Option<i64>,
    /// Whether it can not be loaded.
    pub is_quarantined: bool,
}

impl OperatorRoom {
    /// Of its row.
    pub fn of(row: RoomRow) -> OperatorRoom {
        let line = row.summary.as_deref().map(serde_json::from_str);
        let line: Map<String, Value> = line.and_then(Result::ok).unwrap_or_default();
        let number = |name: &str| line.get(name).and_then(Value::as_u64);
        OperatorRoom {
            host_id: line
                .get("host_id")
                .and_then(Value::as_str)
                .and_then(|id| id.parse().ok()),
            players: number("player_count"),
            max_players: number("max_players"),
            spectators: number("spectator_count"),
            entry_fee_cents: line.get("entry_fee_cents").and_then(Value::as_i64),
            is_quarantined: row.quarantined.is_some(),
            updated_at: row.at.to_string(),
            room_id: row.room_id,
            room_name: row.room_name,
            game_type: row.game_type,
            status: row.status,
        }
    }
}

/// `GET rooms/{room_id}`
#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RoomDetails {
    /// Its line.
    pub room: OperatorRoom,
    /// Who is in it.
    pub members: Vec<RoomMember>,
    /// Its money.
    pub money: RoomMoney,
    /// The game's state, as everybody was told it last among the events that were looked through; null before play, and
    /// where the game tells none.
    #[schemars(with = "Option<Map<String, Value>>")]
    pub state: Option<Value>,
    /// What happened, newest first.
    pub timeline: Vec<TimelineEntry>,
    /// For `?cursor=`, to read on in the timeline; null at the end.
    pub next_cursor: Option<String>,
    /// Since when it can not be loaded. RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub quarantined: Option<String>,
}

/// Somebody in a room.
#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RoomMember {
    /// Who.
    pub user_id: UserId,
    /// The user's name; null where there is no account.
    pub username: Option<String>,
    /// `player`, `lobby`, `spectator` or `left`.
    pub membership: String,
}

/// What is in a room's escrow, and how it came there.
#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RoomMoney {
    /// What lies there now.
    pub escrow_cents: Cents,
    /// The newest 200 transfers, newest first.
    pub entries: Vec<LedgerEntry>,
}

/// A transfer.
#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LedgerEntry {
    /// RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// `fee`, `refund`, `prize`, …
    pub kind: String,
    /// The account that paid.
    pub from: String,
    /// The account that was paid.
    pub to: String,
    /// How much.
    pub amount_cents: Cents,
    /// Whose money, where it is a player's.
    pub user_id: Option<UserId>,
    /// The command that it follows from.
    pub correlation_id: Option<String>,
}

impl LedgerEntry {
    fn of(row: TransferRow) -> LedgerEntry {
        LedgerEntry {
            at: row.at.to_string(),
            kind: row.kind,
            from: row.from,
            to: row.to,
            amount_cents: row.amount,
            user_id: row.user,
            correlation_id: row.correlation_id,
        }
    }
}

/// The body of `close`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct Reason {
    /// For the log: 1 to 200 characters on one line.
    reason: String,
}

impl Read for Reason {
    fn read(fields: &Fields) -> Result<Reason, Problem> {
        let reason = fields.text("reason")?.to_owned();
        Ok(Reason { reason })
    }
}

/// The room and all around it, at most `limit` events of its timeline before an offset.
pub async fn details(
    overview: &dyn Overview,
    log: &dyn blazing_sun_backbone::log::EventLog,
    room: &RoomId,
    before: Option<u64>,
    limit: usize,
) -> Result<Option<(RoomDetails, Option<u64>)>, blazing_sun_backend::store::StoreError> {
    let members = overview.members(room).await?;
    let quarantined = overview.quarantined(room).await?;
    let row = match overview.room(room).await? {
        Some(row) => row,
        None if members.is_empty() && quarantined.is_none() => return Ok(None),
        // Everybody has left, or it is an open table that can not be loaded: it is in no list.
        None => RoomRow {
            room_id: room.to_string(),
            room_name: String::new(),
            game_type: String::new(),
            status: "unlisted".to_owned(),
            at: Millis(0),
            summary: None,
            quarantined,
        },
    };
    let entries = overview.transfers_of_room(room, None, ENTRIES_MAX).await?;
    let Timeline {
        entries: timeline,
        older,
        state,
    } = timeline(log, room, before, limit).await?;
    let member = |row: MemberRow| RoomMember {
        user_id: row.user,
        username: row.username,
        membership: row.membership,
    };
    let details = RoomDetails {
        quarantined: row.quarantined.map(|at| at.to_string()),
        room: OperatorRoom::of(row),
        members: members.into_iter().map(member).collect(),
        money: RoomMoney {
            escrow_cents: overview.escrow(room).await?,
            entries: entries.into_iter().map(LedgerEntry::of).collect(),
        },
        state,
        timeline,
        next_cursor: older.map(|offset| page::cursor(offset as i64)),
    };
    Ok(Some((details, older)))
}

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let room = OperatorRoom {
        room_id: ROOM.to_owned(),
        room_name: "Friday night".to_owned(),
        game_type: "bigger_dice".to_owned(),
        status: "in_progress".to_owned(),
        updated_at: "2026-01-31T20:15:00.000Z".to_owned(),
        host_id: Some(example_user()),
        players: Some(2),
        max_players: Some(2),
        spectators: Some(0),
        entry_fee_cents: Some(1_000),
        is_quarantined: false,
    };
    let rooms = RoomLines {
        rooms: vec![room.clone()],
        next_cursor: Some(ROOMS_CURSOR.to_owned()),
    };
    let details = RoomDetails {
        room,
        members: vec![RoomMember {
            user_id: example_user(),
            username: Some("Ada".to_owned()),
            membership: "player".to_owned(),
        }],
        money: RoomMoney {
            escrow_cents: Cents(2_000),
            entries: vec![LedgerEntry {
                at: "2026-01-31T20:14:00.000Z".to_owned(),
                kind: "fee".to_owned(),
                from: format!("player/{}", example_user()),
                to: format!("escrow/{ROOM}"),
                amount_cents: Cents(1_000),
                user_id: Some(example_user()),
                correlation_id: Some(ROOM.to_owned()),
            }],
        },
        state: Some(json!({ "current_turn": example_user(), "turn_number": 2 })),
        timeline: vec![TimelineEntry {
            at: "2026-01-31T20:14:00.000Z".to_owned(),
            room_seq: Some(3),
            event_type: "games.event.player_selected".to_owned(),
            actor: example_user().to_string(),
            correlation_id: Some(ROOM.to_owned()),
            summary: "{\"player_id\":\"7204518833\"}".to_owned(),
        }],
        next_cursor: None,
        quarantined: None,
    };
    let closed = RoomClosed {
        room_id: ROOM.to_owned(),
        is_new: true,
        command_id: Some(ROOM.to_owned()),
    };
    let reason = Reason {
        reason: "the game hangs".to_owned(),
    };
    let status = query::optional(
        "status",
        "Only rooms that wait, are in play, or have ended; those that have not ended where it is left out.",
        json_schema!({ "enum": ["waiting", "in_progress", "ended"] }),
        "in_progress",
    );
    let game = query::optional(
        "game_type",
        "Only rooms of this game.",
        json_schema!({ "type": "string" }),
        "bigger_dice",
    );
    let list = query::get("/api/v1/admin/rooms", "operatorRooms")
        .says(
            "List rooms",
            "Those whose line changed last, or that ended last, come first.",
        )
        .parameter(status)
        .parameter(game)
        .parameter(query::any_cursor(ROOMS_CURSOR))
        .answers(Answer::json(200, "A page of them.", &rooms).link(next_page("operatorRooms")));
    let show = query::get("/api/v1/admin/rooms/{room_id}", "operatorRoom")
        .says(
            "Read a room, its money, and what happened in it",
            "A page of the timeline looks through at most 20,000 events of the room's partition: it may be empty, and \
             still be followed by another.",
        )
        .parameter(room_id())
        .parameter(query::any_cursor(CURSOR_EXAMPLE))
        .answers(Answer::json(200, "The room.", &details))
        .refuses(&[NOT_FOUND]);
    let close = query::post("/api/v1/admin/rooms/{room_id}/close", "closeRoom")
        .says(
            "End a room",
            "By a command that its owner decides: all fees go back, the seed is revealed. Of a room that can not be loaded \
             the fees go back by the ledger, and its seed stays sealed. A room that has ended stays as it is.",
        )
        .parameter(room_id())
        .body(true, [("reason", reason)])
        .answers(Answer::json(200, "It has ended.", &closed))
        .refuses(&[NOT_FOUND, CONFLICT, INVALID_FORMAT]);
    vec![
        Endpoint::new(query::in_pages(list), rooms_list),
        Endpoint::new(query::in_pages(show), room_show),
        Endpoint::new(close, room_close),
    ]
}

fn room_id() -> Parameter {
    Parameter {
        place: Place::Path,
        name: "room_id",
        description: "The room.",
        is_required: true,
        schema: json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$" }),
        example: ROOM.into(),
    }
}

#[derive(Deserialize)]
struct Filter {
    status: Option<String>,
    game_type: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

async fn rooms_list(
    _: Admin,
    State(console): State<Console>,
    asked: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<RoomLines>, Problem> {
    let asked = query::read(asked)?;
    let limit = query::limit(asked.limit)?;
    let before = asked.cursor.as_deref().map(place_of).transpose()?;
    let (ended, status) = match asked.status.as_deref() {
        Some("ended") => (true, None),
        None | Some("waiting" | "in_progress") => (false, asked.status),
        Some(_) => {
            let detail = "`status` must be `waiting`, `in_progress` or `ended`.";
            return Err(Problem::invalid_format(detail).in_field("status"));
        }
    };
    let filter = RoomFilter {
        ended,
        status,
        game_type: asked.game_type,
    };
    let mut rows = console.overview.rooms(&filter, before, limit + 1).await?;
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let last = rows.last().filter(|_| has_more);
    let next_cursor =
        last.map(|last| BASE64_URL_SAFE_NO_PAD.encode(format!("{}/{}", last.at.0, last.room_id)));
    Ok(Json(RoomLines {
        rooms: rows.into_iter().map(OperatorRoom::of).collect(),
        next_cursor,
    }))
}

/// Instant and room of a cursor.
fn place_of(cursor: &str) -> Result<(Millis, String), Problem> {
    let read = || {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (at, room) = text.split_once('/')?;
        let room: RoomId = room.parse().ok()?;
        Some((Millis(at.parse().ok()?), room.to_string()))
    };
    let detail = "`cursor` must be the `next_cursor` of an earlier answer.";
    read().ok_or_else(|| Problem::invalid_format(detail).in_field("cursor"))
}

fn named(room: &str) -> Result<RoomId, Problem> {
    let not_found = || Problem::new(NOT_FOUND, "There is no such room.");
    room.parse().map_err(|_| not_found())
}

async fn room_show(
    _: Admin,
    State(console): State<Console>,
    Path(room): Path<String>,
    asked: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<RoomDetails>, Problem> {
    let room = named(&room)?;
    let asked = query::read(asked)?;
    let limit = query::limit(asked.limit)?;
    let before = page::read_cursor(asked.cursor.as_deref())?.map(i64::unsigned_abs);
    let found = details(
        &*console.overview,
        &*console.log,
        &room,
        before,
        limit as usize,
    );
    match found.await? {
        Some((details, _)) => Ok(Json(details)),
        None => Err(Problem::new(NOT_FOUND, "There is no such room.")),
    }
}

async fn room_close(
    admin: Admin,
    State(console): State<Console>,
    Path(room): Path<String>,
    Body(Reason { reason }): Body<Reason>,
) -> Result<Json<RoomClosed>, Problem> {
    let room = named(&room)?;
    let (closing, actions, by) = (console.closing(), console.actions(), admin.by());
    let closed = async {
        // Before it is in the log, which keeps what it takes for ever.
        check_reason(Some(&reason)).map_err(|_| ClosingError::InvalidReason)?;
        let detail = json!({ "reason": reason });
        let close = closing.close(&room, &reason);
        let closed = actions.run(&by, "room.close", Some(room.as_str()), detail, close);
        closed.await
    };
    closed.await.map(Json).map_err(|error| match error {
        ClosingError::InvalidReason => {
            Problem::invalid_format("`reason` has 1 to 200 characters on one line.")
                .in_field("reason")
        }
        ClosingError::NotFound(_) => Problem::new(NOT_FOUND, "There is no such room."),
        ClosingError::Quarantined(_) => Problem::new(
            CONFLICT,
            "The room can not be loaded, and its owner has not closed it: the owner's log says why. What was paid stays \
             in its escrow.",
        ),
        ClosingError::Pending(_) => Problem::unavailable(),
        ClosingError::Store(error) => error.into(),
    })
}
