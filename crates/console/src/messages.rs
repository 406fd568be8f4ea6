//! What is on the topics: looked through, filtered, followed; one record by where it stands.

mod cursor;
mod filter;
mod line;
mod masks;
mod search;
mod shown;

pub use cursor::Cursor;
pub use filter::Filter;
pub use line::{is_obeyed, line_of, on_one_line};
pub use masks::masked;
pub use search::{Begin, Found, Search, SearchError, bounds, search};
pub use shown::Message;

use crate::{Admin, Console, Endpoint, query};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use blazing_sun_backbone::log::{EventLog, LogError, Record, Span, Topic, Way};
use blazing_sun_backbone::rest::problem::{INVALID_FORMAT, NOT_FOUND, UNAVAILABLE};
use blazing_sun_backbone::rest::{Answer, Operation, Parameter, Place};
use blazing_sun_backend::api::Problem;
use blazing_sun_domain::Millis;
use cursor::CURSOR_PATTERN;
use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

const MESSAGES: usize = 100;
const MESSAGES_MAX: usize = 500;
const WAIT_MS_MAX: u64 = 25_000;
const TEXT_BYTES_MAX: usize = 200;

/// `GET topics/{topic}/messages`
#[derive(Debug, Serialize, JsonSchema)]
pub struct Messages {
    /// Newest first where the search goes back, oldest first where it goes on.
    pub messages: Vec<Message>,
    /// For `?cursor=`, to go on; null where nothing older is left.
    pub next_cursor: Option<String>,
    /// How many records were looked at.
    pub scanned: u64,
    /// Whether nothing was left to look at; what is appended later comes with `next_cursor` all the same.
    pub is_at_end: bool,
}

#[derive(Default, Deserialize)]
struct Asked {
    start: Option<String>,
    partition: Option<u32>,
    key: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    user: Option<String>,
    room: Option<String>,
    correlation_id: Option<String>,
    text: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
    wait_ms: Option<u64>,
}

pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(messages_operation(), messages),
        Endpoint::new(message_operation(), message),
    ]
}

/// The topic of the path.
pub(crate) fn topic_parameter() -> Parameter {
    Parameter {
        place: Place::Path,
        name: "topic",
        description: "The topic's name.",
        is_required: true,
        schema: json_schema!({ "type": "string" }),
        example: "games.events".into(),
    }
}

fn number_in_path(name: &'static str, description: &'static str, example: u64) -> Parameter {
    Parameter {
        place: Place::Path,
        name,
        description,
        is_required: true,
        schema: json_schema!({ "type": "integer", "minimum": 0 }),
        example: example.into(),
    }
}

fn messages_operation() -> Operation {
    let text = || json_schema!({ "type": "string", "minLength": 1, "maxLength": TEXT_BYTES_MAX });
    let number = |max: u64| json_schema!({ "type": "integer", "minimum": 0, "maximum": max });
    let filters: [(&str, &str, Schema, Value); 10] = [
        (
            "start",
            "`newest` (the default) goes back; `oldest`, `end`, `offset:N` and `time:` with an RFC 3339 time go on.",
            json_schema!({ "type": "string", "pattern": "^(newest|oldest|end|offset:[0-9]{1,18}|time:.{1,40})$" }),
            json!("newest"),
        ),
        (
            "partition",
            "Only this partition.",
            number(u64::from(u32::MAX)),
            json!(0),
        ),
        (
            "key",
            "Only records with this key.",
            text(),
            json!("room-1"),
        ),
        (
            "type",
            "Only this type of event or command; a `*` at the end stands for anything.",
            text(),
            json!("games.event.*"),
        ),
        (
            "user",
            "Only what is from, to or about this user.",
            text(),
            json!("7204518833"),
        ),
        (
            "room",
            "Only what is about this room.",
            text(),
            json!("room-1"),
        ),
        (
            "correlation_id",
            "Only what follows from this command.",
            text(),
            json!("0193c8a0-0000-7000-8000-000000000001"),
        ),
        (
            "text",
            "Only records with this text in key or value, in any case; what is masked is not found.",
            text(),
            json!("rolled"),
        ),
        (
            "cursor",
            "The `next_cursor` of an earlier answer, to go on from there; `start` and `partition` do not count then.",
            json_schema!({ "type": "string", "pattern": CURSOR_PATTERN }),
            json!("WzEsZmFsc2UsW1swLDEyXV1d"),
        ),
        (
            "wait_ms",
            "How long to wait for something to come where nothing is left, at most 25000.",
            number(WAIT_MS_MAX),
            json!(0),
        ),
    ];
    let found = Messages {
        messages: vec![example()],
        next_cursor: Some("WzEsdHJ1ZSxbWzAsMTJdXV0".to_owned()),
        scanned: 1,
        is_at_end: false,
    };
    let operation = query::get("/api/v1/admin/topics/{topic}/messages", "topicMessages")
        .says(
            "Look through a topic's messages",
            "One request looks at 20,000 records, or for a second, and may find nothing in them: go on with `next_cursor`.",
        )
        .parameter(topic_parameter());
    let with_filters = filters.into_iter().fold(operation, |operation, filter| {
        let (name, description, schema, example) = filter;
        operation.parameter(query::optional(name, description, schema, example))
    });
    with_filters
        .parameter(query::optional(
            "limit",
            "Messages of an answer: 1 to 500, 100 where it is left out.",
            json_schema!({ "type": "integer", "minimum": 1, "maximum": MESSAGES_MAX }),
            json!(MESSAGES),
        ))
        .answers(Answer::json(200, "What was found.", &found))
        .refuses(&[INVALID_FORMAT, NOT_FOUND])
}

fn message_operation() -> Operation {
    query::get(
        "/api/v1/admin/topics/{topic}/messages/{partition}/{offset}",
        "topicMessage",
    )
    .says("Read one message", "")
    .parameter(topic_parameter())
    .parameter(number_in_path("partition", "Its partition.", 0))
    .parameter(number_in_path("offset", "Its offset there.", 12))
    .answers(Answer::json(200, "The message.", &example()))
    .refuses(&[INVALID_FORMAT, NOT_FOUND])
}

fn example() -> Message {
    Message {
        topic: "games.events".to_owned(),
        partition: 0,
        offset: 12,
        timestamp: "2026-01-31T20:15:00.000Z".to_owned(),
        key: "room-1".to_owned(),
        kind: Some("games.event.turn_changed".to_owned()),
        correlation_id: None,
        user_id: None,
        room_id: Some("room-1".to_owned()),
        headers: [("room_id".to_owned(), "room-1".to_owned())].into(),
        value: json!({ "event_type": "games.event.turn_changed" }),
        size: 512,
    }
}

async fn messages(
    _: Admin,
    State(console): State<Console>,
    topic: Result<Path<String>, PathRejection>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Messages>, Problem> {
    let wanted = wanted(&in_path(topic)?, query::read(asked)?)?;
    let found = search(&*console.log, &wanted).await?;
    Ok(Json(Messages {
        messages: found.records.iter().map(Message::of).collect(),
        next_cursor: found.next.map(|cursor| cursor.write()),
        scanned: found.scanned,
        is_at_end: found.is_at_end,
    }))
}

async fn message(
    _: Admin,
    State(console): State<Console>,
    place: Result<Path<(String, u32, u64)>, PathRejection>,
) -> Result<Json<Message>, Problem> {
    let (topic, partition, offset) = in_path(place)?;
    let record = record_at(&*console.log, &Topic::new(&topic), partition, offset).await?;
    let missing = || Problem::new(NOT_FOUND, "There is no record here, or none any more.");
    Ok(Json(Message::of(&record.ok_or_else(missing)?)))
}

/// The record that stands there; none if it is not kept.
pub async fn record_at(
    log: &dyn EventLog,
    topic: &Topic,
    partition: u32,
    offset: u64,
) -> Result<Option<Record>, SearchError> {
    let bounds = bounds(log, topic).await?;
    let is_kept = |it: &blazing_sun_backbone::log::Bounds| (it.earliest..it.end).contains(&offset);
    if !bounds.get(partition as usize).is_some_and(is_kept) {
        return Ok(None);
    }
    let span = Span {
        partition,
        from: offset,
        to: offset + 1,
    };
    let mut walk = (log.walk(topic, Way::On, vec![span])).map_err(SearchError::Log)?;
    let mut records = walk.next().await.map_err(SearchError::Log)?;
    Ok(records.pop().filter(|record| record.offset == offset))
}

/// What the path says; a problem that says what it takes.
pub(crate) fn in_path<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Problem> {
    let invalid = |error: PathRejection| {
        let detail = format!("The path can not be read: {}.", error.body_text());
        Problem::invalid_format(detail)
    };
    path.map(|Path(parts)| parts).map_err(invalid)
}

fn wanted(topic: &str, asked: Asked) -> Result<Search, Problem> {
    let invalid = |field: &'static str, takes: &str| {
        Problem::invalid_format(format!("`{field}` must be {takes}.")).in_field(field)
    };
    let begin = match (&asked.cursor, asked.start.as_deref()) {
        (Some(cursor), _) => {
            let cursor = Cursor::read(cursor);
            let takes = "the `next_cursor` of an earlier answer";
            Begin::Cursor(cursor.ok_or_else(|| invalid("cursor", takes))?)
        }
        (None, start) => begin_of(start.unwrap_or("newest")).ok_or_else(|| {
            invalid(
                "start",
                "newest, oldest, end, offset:N, or time: with an RFC 3339 time",
            )
        })?,
    };
    let limit = asked.limit.unwrap_or(MESSAGES);
    if !(1..=MESSAGES_MAX).contains(&limit) {
        return Err(invalid("limit", "a whole number from 1 to 500"));
    }
    let wait_ms = asked.wait_ms.unwrap_or(0);
    if wait_ms > WAIT_MS_MAX {
        return Err(invalid("wait_ms", "a whole number up to 25000"));
    }
    let one = |field: &'static str, value: Option<String>| match value {
        Some(text) if text.is_empty() || text.len() > TEXT_BYTES_MAX => {
            Err(invalid(field, "a text of 1 to 200 bytes"))
        }
        value => Ok(value.into_iter().collect::<Vec<_>>()),
    };
    let filter = Filter {
        correlation_ids: one("correlation_id", asked.correlation_id)?,
        keys: one("key", asked.key)?,
        types: one("type", asked.kind)?,
        users: one("user", asked.user)?,
        rooms: one("room", asked.room)?,
        texts: one("text", asked.text)?,
        ..Filter::default()
    };
    Ok(Search {
        topic: Topic::new(topic),
        partition: asked.partition,
        begin,
        filter,
        limit,
        wait: Duration::from_millis(wait_ms),
    })
}

/// Where a search begins, as it is written.
pub fn begin_of(start: &str) -> Option<Begin> {
    match start {
        "newest" => Some(Begin::Newest),
        "oldest" => Some(Begin::Oldest),
        "end" => Some(Begin::End),
        other => match other.split_once(':')? {
            ("offset", offset) => offset
                .parse()
                .ok()
                .filter(|it| *it <= i64::MAX as u64)
                .map(Begin::Offset),
            ("time", time) => instant(time).map(Begin::Time),
            _ => None,
        },
    }
}

/// An instant from its RFC 3339 form.
pub fn instant(text: &str) -> Option<Millis> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Millis(at.as_millisecond()))
}

impl From<SearchError> for Problem {
    fn from(error: SearchError) -> Problem {
        match error {
            SearchError::UnknownTopic(_) => Problem::new(NOT_FOUND, format!("{error}.")),
            SearchError::UnknownPartition { .. } => {
                Problem::invalid_format(format!("{error}.")).in_field("partition")
            }
            SearchError::Log(source) => unreadable(&source),
        }
    }
}

/// For a log that can not be read just now.
pub(crate) fn unreadable(error: &LogError) -> Problem {
    let told: &dyn std::error::Error = error;
    tracing::warn!(error = told, "the event log can not be read");
    let detail = "The event log can not be read right now; try again in a moment.";
    Problem::new(UNAVAILABLE, detail).retry_after(Duration::from_secs(1))
}
