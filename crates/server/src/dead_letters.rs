//! `blazing-sun dead-letters`: which records nobody could take, and what is to become of them.

use crate::brokers::postgres_options;
use crate::cli::{LetterStateArg, LettersAction};
use crate::config::Mode;
use crate::data_dir::existing_database;
use crate::operator::{Failure, Request, Target};
use crate::place::{connect, read_only};
use crate::topics::table;
use anyhow::Context;
use blazing_sun_backbone::log::EventLog;
use blazing_sun_backend::store::operators::OperatorLog;
use blazing_sun_backend::store::postgres::{PgOperators, PgPool};
use blazing_sun_backend::store::sqlite::{SqliteAccess, SqliteOperators, WriteJobs};
use blazing_sun_console::dead_letters::{Letter, LetterState, list};
use blazing_sun_console::messages::Begin;
use serde_json::Value;
use std::sync::Arc;

const HEADS: [&str; 7] = [
    "id",
    "failed at",
    "topic",
    "offset",
    "key",
    "state",
    "error",
];
/// Letters that are asked for at a time.
const PAGE: u32 = 200;
/// The longest error that is shown in a table.
const ERROR_CHARS_MAX: usize = 60;

/// Asks, and gives what to print.
pub async fn run(action: &LettersAction, json: bool, target: &Target) -> Result<String, Failure> {
    match action {
        LettersAction::List { state, max } => {
            let found = letters(target, state.map(state_of), *max as usize).await;
            let failed = |error| Failure::new("unavailable", format!("{error:#}"));
            let letters = found.map_err(failed)?;
            match json {
                true => Ok(serde_json::to_string_pretty(&letters).unwrap_or_default()),
                false => Ok(table(HEADS, letters.iter().map(cells).collect())),
            }
        }
        LettersAction::Retry { id } => {
            let request = Request::RetryDeadLetter { id: id.clone() };
            let told: Value = target.ask(&request).await?;
            Ok(match json {
                true => told.to_string(),
                false => format!(
                    "{id} is appended once more: {} {} at {}",
                    told["topic"].as_str().unwrap_or_default(),
                    told["partition"],
                    told["offset"]
                ),
            })
        }
        LettersAction::Discard { id, reason } => {
            let request = Request::DiscardDeadLetter {
                id: id.clone(),
                reason: reason.clone(),
            };
            let told: Value = target.ask(&request).await?;
            Ok(match json {
                true => told.to_string(),
                false => format!("{id} is discarded"),
            })
        }
    }
}

fn state_of(arg: LetterStateArg) -> LetterState {
    match arg {
        LetterStateArg::Waiting => LetterState::Waiting,
        LetterStateArg::Unknown => LetterState::Unknown,
        LetterStateArg::Retried => LetterState::Retried,
        LetterStateArg::Discarded => LetterState::Discarded,
    }
}

/// Newest first.
async fn letters(
    target: &Target,
    state: Option<LetterState>,
    max: usize,
) -> anyhow::Result<Vec<Letter>> {
    let (log, operators) = reach(target).await?;
    let (mut begin, mut letters) = (Begin::Newest, Vec::new());
    while letters.len() < max {
        let missing = u32::try_from(max - letters.len()).unwrap_or(PAGE).min(PAGE);
        let listed = list(&*log, &*operators, begin, state, missing).await;
        let (found, next) = listed.context("the dead letters can not be read")?;
        letters.extend(found);
        match next {
            Some(next) => begin = Begin::Cursor(next),
            None => break,
        }
    }
    Ok(letters)
}

/// The log and the operators' log, to be read alone: a server may run or not.
async fn reach(target: &Target) -> anyhow::Result<(Arc<dyn EventLog>, Arc<dyn OperatorLog>)> {
    let config = &target.config;
    if target.mode == Mode::Distributed {
        let pool = PgPool::new(&postgres_options(&config.database)?)?;
        let log = connect(config).await?;
        return Ok((Arc::new(log), Arc::new(PgOperators::new(pool))));
    }
    let database = existing_database(&config.server.data_dir)?;
    let log = read_only(&database)?;
    let access = SqliteAccess::beside_engine(&database, WriteJobs::new(|| {}));
    Ok((Arc::new(log), Arc::new(SqliteOperators::new(access))))
}

fn cells(letter: &Letter) -> [String; 7] {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let state = serde_json::to_value(letter.state).unwrap_or_default();
    let offset = letter
        .offset
        .map_or_else(|| "-".to_owned(), |it| it.to_string());
    let error = text(&letter.error);
    let error: String = error
        .chars()
        .filter(|c| !c.is_control())
        .take(ERROR_CHARS_MAX)
        .collect();
    [
        letter.id.clone(),
        text(&letter.failed_at),
        text(&letter.topic),
        offset,
        text(&letter.key),
        state.as_str().unwrap_or_default().to_owned(),
        error,
    ]
}
