//! What operators have done.

use crate::{Admin, Console, Endpoint, query};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use blazing_sun_backbone::rest::Answer;
use blazing_sun_backend::api::endpoint::{CURSOR_EXAMPLE, cursor, example_user, next_page};
use blazing_sun_backend::api::{Problem, page};
use blazing_sun_backend::store::operators::{Entry, EntryFilter};
use schemars::json_schema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// `GET log`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct LogEntries {
    /// Newest first.
    pub entries: Vec<LogEntry>,
    /// For `?cursor=`, to read on; null at the end.
    pub next_cursor: Option<String>,
}

/// An action: once as it was asked for, once with what came of it.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct LogEntry {
    /// Its place: a later one has a higher.
    pub id: i64,
    /// RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// A user's id, or `cli:` and a name of the operating system.
    pub operator: String,
    /// What: `user.ban`, `room.close`, …
    pub action: String,
    /// What it is done to.
    pub target: Option<String>,
    /// What else is to be known; where it says what came of it, `asked` is the id of the entry before.
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub detail: Value,
    /// How far it has come: `asked`, `done` or `failed`.
    #[schemars(extend("enum" = ["asked", "done", "failed"]))]
    pub outcome: &'static str,
}

impl LogEntry {
    fn of(row: Entry) -> LogEntry {
        let Entry { id, entry } = row;
        LogEntry {
            id,
            at: entry.at.to_string(),
            operator: entry.operator,
            action: entry.action,
            target: entry.target,
            detail: entry.detail,
            outcome: entry.outcome.as_str(),
        }
    }
}

#[derive(Deserialize)]
struct Asked {
    operator: Option<String>,
    action: Option<String>,
    target: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let ban = LogEntry {
        id: 12,
        at: "2026-01-31T20:15:00.000Z".to_owned(),
        operator: example_user().to_string(),
        action: "user.ban".to_owned(),
        target: Some("7204518834".to_owned()),
        detail: json!({ "reason": "abusive" }),
        outcome: "asked",
    };
    let entries = LogEntries {
        entries: vec![ban],
        next_cursor: Some(CURSOR_EXAMPLE.to_owned()),
    };
    let text = || json_schema!({ "type": "string" });
    let operation = query::get("/api/v1/admin/log", "operatorLog")
        .says("List what operators have done", "Newest first.")
        .parameter(query::optional(
            "operator",
            "Only what this operator did.",
            text(),
            "cli:ada",
        ))
        .parameter(query::optional(
            "action",
            "Only actions of this kind.",
            text(),
            "user.ban",
        ))
        .parameter(query::optional(
            "target",
            "Only what was done to this.",
            text(),
            "7204518834",
        ))
        .parameter(cursor())
        .answers(Answer::json(200, "A page of it.", &entries).link(next_page("operatorLog")));
    vec![Endpoint::new(query::in_pages(operation), log)]
}

async fn log(
    _: Admin,
    State(console): State<Console>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<LogEntries>, Problem> {
    let asked = query::read(asked)?;
    let limit = query::limit(asked.limit)?;
    let before = page::read_cursor(asked.cursor.as_deref())?;
    let filter = EntryFilter {
        operator: asked.operator,
        action: asked.action,
        target: asked.target,
    };
    let found = console.operators.list(&filter, before, limit + 1).await?;
    let (found, next_cursor) = query::cut(found, limit, |row| row.id);
    Ok(Json(LogEntries {
        entries: found.into_iter().map(LogEntry::of).collect(),
        next_cursor,
    }))
}
