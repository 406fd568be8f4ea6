//! Dead letters: records that nobody could take. One can be appended to its topic once more, or be discarded; both are
//! rows of the operators' log, and nothing of the topics is changed.

mod decide;

pub use decide::{DecideError, Decided, Decision, decide};

use crate::messages::{
    Begin, Cursor, Filter, Search, in_path, masked, record_at, search, unreadable,
};
use crate::{Admin, Console, Endpoint, query};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use blazing_sun_backbone::log::{EventLog, Record, Topic};
use blazing_sun_backbone::rest::problem::{INVALID_FORMAT, NOT_FOUND};
use blazing_sun_backbone::rest::{Answer, Operation, Parameter, Place};
use blazing_sun_backbone::topics::DEAD_LETTER;
use blazing_sun_backend::api::Problem;
use blazing_sun_backend::api::body::Fields;
use blazing_sun_backend::store::StoreError;
use blazing_sun_backend::store::operators::{Entry, EntryFilter, OperatorLog, Outcome};
use blazing_sun_domain::Millis;
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The action of who appends a record once more.
pub const RETRY: &str = "dead_letter.retry";
/// The action of who discards one.
pub const DISCARD: &str = "dead_letter.discard";
/// In a row's detail: when the letter was appended, in milliseconds.
const LETTER_AT: &str = "letter_at_ms";
/// How long one request looks through letters for those of a state.
const LOOKS_FOR: Duration = Duration::from_secs(1);
/// Rows of a letter in the operators' log that are looked at.
const ROWS_MAX: u32 = 200;
const REASON_CHARS_MAX: usize = 500;

/// What became of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LetterState {
    /// Nothing yet.
    Waiting,
    /// Somebody asked for it, and what came of that was never told: a process ended meanwhile.
    Unknown,
    /// It was appended once more.
    Retried,
    /// It was discarded.
    Discarded,
}

/// `GET dead-letters`
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeadLetters {
    /// Newest first.
    pub dead_letters: Vec<Letter>,
    /// For `?cursor=`, to read on; null at the end.
    pub next_cursor: Option<String>,
}

/// A dead letter.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Letter {
    /// Where the letter stands: partition and offset on `events.dead_letter`.
    pub id: String,
    /// When the record was put aside, as the letter says it.
    pub failed_at: Option<String>,
    /// Where the record was.
    pub topic: Option<String>,
    /// Its partition.
    pub partition: Option<u32>,
    /// Its offset, where one record is concerned.
    pub offset: Option<u64>,
    /// Its key, if that is text.
    pub key: Option<String>,
    /// Why it was put aside.
    pub error: Option<String>,
    /// What became of it.
    pub state: LetterState,
    /// Who decided so, or asked for it.
    pub operator: Option<String>,
    /// The command that the record follows from.
    pub correlation_id: Option<String>,
    /// The record's payload: JSON with passwords masked; a string of base64 where it is no JSON, and `***` where it
    /// may hold a password.
    pub original: Value,
}

/// What a letter says; other programs may leave out anything.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Told {
    topic: Option<String>,
    partition: Option<u32>,
    offset: Option<u64>,
    key: Option<String>,
    error: Option<String>,
    failed_at: Option<String>,
    original: Option<String>,
}

#[derive(Deserialize)]
struct Asked {
    state: Option<LetterState>,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// `POST dead-letters/{id}/discard`
#[derive(Debug, Serialize, JsonSchema)]
pub struct Discard {
    /// For the operators' log.
    pub reason: String,
}

/// What became of a letter that was decided on.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DecidedLetter {
    /// The letter.
    pub id: String,
    /// `retried` or `discarded`.
    pub state: LetterState,
    /// Where the record was appended: its topic; null for one that was discarded.
    pub topic: Option<String>,
    /// Its partition there.
    pub partition: Option<u32>,
    /// Its offset there.
    pub offset: Option<u64>,
}

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let letter = Letter {
        id: "0-3".to_owned(),
        failed_at: Some("2026-01-31T20:15:00.000Z".to_owned()),
        topic: Some("games.commands".to_owned()),
        partition: Some(0),
        offset: Some(12),
        key: Some("room-1".to_owned()),
        error: Some("not an event envelope".to_owned()),
        state: LetterState::Waiting,
        operator: None,
        correlation_id: None,
        original: "bm8gSlNPTg==".into(),
    };
    let letters = DeadLetters {
        dead_letters: vec![letter],
        next_cursor: None,
    };
    let state = query::optional(
        "state",
        "Only those of this state.",
        json_schema!({ "enum": ["waiting", "unknown", "retried", "discarded"] }),
        "waiting",
    );
    let cursor = query::optional(
        "cursor",
        "The `next_cursor` of an earlier answer, to read on from there.",
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,4000}$" }),
        "WzEsdHJ1ZSxbWzAsMTJdXV0",
    );
    let list = query::get("/api/v1/admin/dead-letters", "deadLetters")
        .says(
            "List the dead letters",
            "Newest first. A page may be short where only letters of a state are asked for: read on with `next_cursor`.",
        )
        .parameter(state)
        .parameter(cursor)
        .answers(Answer::json(200, "A page of them.", &letters))
        .refuses(&[INVALID_FORMAT]);
    vec![
        Endpoint::new(query::in_pages(list), list_letters),
        Endpoint::new(retry_operation(), retry),
        Endpoint::new(discard_operation(), discard),
    ]
}

fn id_parameter() -> Parameter {
    Parameter {
        place: Place::Path,
        name: "id",
        description: "The letter's `id`: partition and offset.",
        is_required: true,
        schema: json_schema!({ "type": "string", "pattern": "^[0-9]{1,10}-[0-9]{1,19}$" }),
        example: "0-3".into(),
    }
}

fn retry_operation() -> Operation {
    let retried = DecidedLetter {
        id: "0-3".to_owned(),
        state: LetterState::Retried,
        topic: Some("games.commands".to_owned()),
        partition: Some(0),
        offset: Some(31),
    };
    query::post("/api/v1/admin/dead-letters/{id}/retry", "retryDeadLetter")
        .says(
            "Append a dead letter's record once more",
            "With its key, its headers and its payload, as far as its topic still has it; otherwise with what the \
             letter has. Only once.",
        )
        .parameter(id_parameter())
        .answers(Answer::json(200, "It was appended.", &retried))
        .refuses(&[INVALID_FORMAT, NOT_FOUND, decide::ALREADY_DECIDED, decide::NOT_RETRYABLE])
}

fn discard_operation() -> Operation {
    let discarded = DecidedLetter {
        id: "0-3".to_owned(),
        state: LetterState::Discarded,
        topic: None,
        partition: None,
        offset: None,
    };
    let reason = Discard {
        reason: "poison of a test".to_owned(),
    };
    query::post(
        "/api/v1/admin/dead-letters/{id}/discard",
        "discardDeadLetter",
    )
    .says(
        "Discard a dead letter",
        "It stays on its topic, and is not retried.",
    )
    .parameter(id_parameter())
    .body(true, [("poison", reason)])
    .answers(Answer::json(200, "It is discarded.", &discarded))
    .refuses(&[INVALID_FORMAT, NOT_FOUND, decide::ALREADY_DECIDED])
}

async fn list_letters(
    _: Admin,
    State(console): State<Console>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<DeadLetters>, Problem> {
    let asked = query::read(asked)?;
    let limit = query::limit(asked.limit)?;
    let begin = match asked.cursor.as_deref().map(Cursor::read) {
        None => Begin::Newest,
        Some(Some(cursor)) => Begin::Cursor(cursor),
        Some(None) => {
            let detail = "`cursor` must be the `next_cursor` of an earlier answer.";
            return Err(Problem::invalid_format(detail).in_field("cursor"));
        }
    };
    let listed = list(
        &*console.log,
        &*console.operators,
        begin,
        asked.state,
        limit,
    )
    .await;
    let (dead_letters, next) = listed?;
    Ok(Json(DeadLetters {
        dead_letters,
        next_cursor: next.map(|cursor| cursor.write()),
    }))
}

/// Letters of a state, newest first, and where the list goes on.
pub async fn list(
    log: &dyn EventLog,
    operators: &dyn OperatorLog,
    begin: Begin,
    state: Option<LetterState>,
    limit: u32,
) -> Result<(Vec<Letter>, Option<Cursor>), ListError> {
    let until = Instant::now() + LOOKS_FOR;
    let mut begin = begin;
    let mut letters = Vec::new();
    loop {
        let missing = limit as usize - letters.len();
        let wanted = Search {
            topic: Topic::new(DEAD_LETTER),
            partition: None,
            begin,
            filter: Filter::default(),
            limit: missing,
            wait: Duration::ZERO,
        };
        let found = search(log, &wanted).await?;
        for record in &found.records {
            let letter = letter_of(record, operators).await?;
            if state.is_none_or(|state| letter.state == state) {
                letters.push(letter);
            }
        }
        match found.next {
            Some(next) if letters.len() < limit as usize && Instant::now() < until => {
                begin = Begin::Cursor(next);
            }
            next => return Ok((letters, next)),
        }
    }
}

/// Why letters can not be listed.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The topic can not be read.
    #[error(transparent)]
    Search(#[from] crate::messages::SearchError),
    /// The operators' log can not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ListError> for Problem {
    fn from(error: ListError) -> Problem {
        match error {
            ListError::Search(error) => error.into(),
            ListError::Store(error) => error.into(),
        }
    }
}

async fn letter_of(record: &Record, operators: &dyn OperatorLog) -> Result<Letter, StoreError> {
    let id = id_of(record);
    let told: Told = serde_json::from_slice(&record.payload).unwrap_or_default();
    let rows = rows_of(operators, &id, record.timestamp).await?;
    let decided = decided_by(&rows);
    let original = shown(told.original.as_deref());
    let correlation_id = original.get("correlation_id").and_then(Value::as_str);
    Ok(Letter {
        id,
        failed_at: told.failed_at,
        topic: told.topic,
        partition: told.partition,
        offset: told.offset,
        key: told.key,
        error: told.error,
        state: decided.map_or(LetterState::Waiting, state_after),
        operator: decided.map(|row| row.entry.operator.clone()),
        correlation_id: correlation_id.map(str::to_owned),
        original,
    })
}

fn id_of(record: &Record) -> String {
    format!("{}-{}", record.partition, record.offset)
}

/// What of an original may be seen.
fn shown(base64: Option<&str>) -> Value {
    let Some(original) = base64.map(|text| (text, BASE64_STANDARD.decode(text))) else {
        return Value::Null;
    };
    match original {
        (text, Ok(bytes)) => {
            let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok();
            let masked = masked(&bytes);
            match serde_json::from_str(&masked) {
                Ok(value) if is_json => value,
                // What can not be searched may hold a password.
                _ if *masked != *String::from_utf8_lossy(&bytes) => "***".into(),
                _ => text.into(),
            }
        }
        (text, Err(_)) => text.into(),
    }
}

/// The rows of the operators' log about this letter, newest first. Others of the same place are of another letter: the
/// topic was made anew since. Which one is meant they say by its own time, for clocks differ.
async fn rows_of(
    operators: &dyn OperatorLog,
    id: &str,
    letter_at: Millis,
) -> Result<Vec<Entry>, StoreError> {
    let filter = EntryFilter {
        target: Some(id.to_owned()),
        ..EntryFilter::default()
    };
    let mut rows = operators.list(&filter, None, ROWS_MAX).await?;
    rows.retain(|row| matches!(row.entry.action.as_str(), RETRY | DISCARD));
    let asks = rows
        .iter()
        .filter(|row| row.entry.outcome == Outcome::Asked && asks_of(row, letter_at));
    let asked: Vec<i64> = asks.map(|row| row.id).collect();
    rows.retain(|row| match row.entry.outcome {
        Outcome::Asked => asked.contains(&row.id),
        _ => asked_in(row).is_some_and(|id| asked.contains(&id)),
    });
    Ok(rows)
}

fn asks_of(row: &Entry, letter_at: Millis) -> bool {
    match row.entry.detail.get(LETTER_AT).and_then(Value::as_i64) {
        Some(at) => at == letter_at.0,
        // Earlier versions did not note it.
        None => row.entry.at >= letter_at,
    }
}

/// The row that an outcome belongs to.
fn asked_in(row: &Entry) -> Option<i64> {
    row.entry.detail.get("asked").and_then(Value::as_i64)
}

/// Those of the rows that ask for something of which it is not told that it failed.
fn standing(rows: &[Entry]) -> impl Iterator<Item = &Entry> {
    let asks = |row: &&Entry| row.entry.outcome == Outcome::Asked;
    let has_failed = |row: &Entry| {
        let is_its = |other: &Entry| {
            other.entry.outcome == Outcome::Failed && asked_in(other) == Some(row.id)
        };
        rows.iter().any(is_its)
    };
    rows.iter().filter(asks).filter(move |row| !has_failed(row))
}

/// The row that says what became of a letter.
fn decided_by(rows: &[Entry]) -> Option<&Entry> {
    let done = rows.iter().find(|row| row.entry.outcome == Outcome::Done);
    done.or_else(|| standing(rows).next())
}

fn state_after(row: &Entry) -> LetterState {
    match (row.entry.outcome, row.entry.action.as_str()) {
        (Outcome::Done, RETRY) => LetterState::Retried,
        (Outcome::Done, _) => LetterState::Discarded,
        _ => LetterState::Unknown,
    }
}

/// A letter's place from its id.
pub fn place_of(id: &str) -> Option<(u32, u64)> {
    let (partition, offset) = id.split_once('-')?;
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let is_plain = number(partition) && number(offset);
    let place = (partition.parse().ok()?, offset.parse().ok()?);
    let is_written_so = format!("{}-{}", place.0, place.1) == id;
    (is_plain && is_written_so).then_some(place)
}

async fn retry(
    admin: Admin,
    State(console): State<Console>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<DecidedLetter>, Problem> {
    let id = in_path(id)?;
    let (actions, by) = (console.actions(), admin.by());
    let decided = decide(&*console.log, &actions, &by, &id, Decision::Retry);
    Ok(Json(told(id.clone(), decided.await?)))
}

async fn discard(
    admin: Admin,
    State(console): State<Console>,
    id: Result<Path<String>, PathRejection>,
    fields: Fields,
) -> Result<Json<DecidedLetter>, Problem> {
    let id = in_path(id)?;
    let reason = fields.text("reason")?.to_owned();
    let (actions, by) = (console.actions(), admin.by());
    let decided = decide(&*console.log, &actions, &by, &id, Decision::Discard(reason));
    Ok(Json(told(id.clone(), decided.await?)))
}

/// As it is answered.
pub fn told(id: String, decided: Decided) -> DecidedLetter {
    let (topic, at) = match decided {
        Decided::Discarded => (None, None),
        Decided::Retried(topic, at) => (Some(topic), Some(at)),
    };
    DecidedLetter {
        id,
        state: match topic {
            Some(_) => LetterState::Retried,
            None => LetterState::Discarded,
        },
        topic: topic.map(|topic| topic.to_string()),
        partition: at.map(|at| at.partition),
        offset: at.map(|at| at.offset),
    }
}
