//! Deciding on a letter: once, whoever asks at the same time.

use super::{
    DISCARD, LETTER_AT, REASON_CHARS_MAX, RETRY, Told, place_of, record_at, rows_of, standing,
    unreadable,
};
use crate::messages::SearchError;
use crate::{Actions, By};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use blazing_sun_backbone::log::{
    EventLog, Headers, HeadersBuilder, LogError, NewRecord, Position, Record, Topic,
};
use blazing_sun_backbone::rest::problem::{NOT_FOUND, ProblemKind};
use blazing_sun_backbone::topics::{
    self, CHECKOUT_CANCELLATIONS, CHECKOUT_REQUESTS, DEAD_LETTER, Party,
};
use blazing_sun_backend::api::Problem;
use blazing_sun_backend::store::StoreError;
use blazing_sun_backend::store::operators::Entry;
use serde_json::json;

pub(super) use blazing_sun_backbone::rest::problem::{ALREADY_DECIDED, NOT_RETRYABLE};

/// What numbers a record in its sender's outbox: the one that is appended here has no such number.
const OF_OUTBOX: [&[u8]; 2] = [b"outbox_from", b"outbox_seq"];
/// How the letter of a record that was cut ends its error.
const CUT: &str = " bytes are kept)";

/// What is to become of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Its record is appended once more.
    Retry,
    /// It is discarded, for this reason.
    Discard(String),
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// Its record was appended here.
    Retried(Topic, Position),
    /// It is discarded.
    Discarded,
}

/// Why nothing becomes of it.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// It is no letter's id.
    #[error(
        "`{0}` is no dead letter's id: a partition, a dash and an offset of `events.dead_letter`"
    )]
    NoId(String),
    /// There is none, or none any more.
    #[error("there is no dead letter `{0}`, or none any more")]
    Missing(String),
    /// The reason is missing or too long.
    #[error("a reason has 1 to {REASON_CHARS_MAX} characters")]
    Reason,
    /// Somebody has decided on it, or is about to.
    #[error("`{operator}` has asked for {action} of it at {at}; that is done once")]
    Already {
        /// Who.
        operator: String,
        /// For what.
        action: String,
        /// When.
        at: String,
    },
    /// There is no whole record to append.
    #[error("it can not be retried: {0}")]
    NotRetryable(String),
    /// The topics failed.
    #[error("the event log failed: {0}")]
    Log(#[from] LogError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The topic can not be read.
    #[error(transparent)]
    Search(#[from] SearchError),
}

impl DecideError {
    /// For a program.
    pub fn code(&self) -> &'static str {
        match self {
            DecideError::NoId(_) | DecideError::Reason => "invalid_request",
            DecideError::Missing(_) => "dead_letter_not_found",
            DecideError::Already { .. } => ALREADY_DECIDED.code,
            DecideError::NotRetryable(_) => NOT_RETRYABLE.code,
            DecideError::Log(_) | DecideError::Store(_) | DecideError::Search(_) => "unavailable",
        }
    }
}

/// Decides on it, with rows in the operators' log: what was decided once is refused afterwards.
pub async fn decide(
    log: &dyn EventLog,
    actions: &Actions,
    by: &By,
    id: &str,
    decision: Decision,
) -> Result<Decided, DecideError> {
    let operators = actions.rows();
    let (partition, offset) = place_of(id).ok_or_else(|| DecideError::NoId(id.to_owned()))?;
    let topic = Topic::new(DEAD_LETTER);
    let letter = record_at(log, &topic, partition, offset).await?;
    let letter = letter.ok_or_else(|| DecideError::Missing(id.to_owned()))?;
    let is_decided = rows_of(operators, id, letter.timestamp).await?;
    if let Some(error) = already(&is_decided, 0) {
        return Err(error);
    }
    let mut detail = json!({ LETTER_AT: letter.timestamp.0 });
    let action = match &decision {
        Decision::Retry => RETRY,
        Decision::Discard(reason) if (1..=REASON_CHARS_MAX).contains(&reason.chars().count()) => {
            detail["reason"] = reason.as_str().into();
            DISCARD
        }
        Decision::Discard(_) => return Err(DecideError::Reason),
    };
    let record = match decision {
        Decision::Retry => Some(record_of(log, &letter).await?),
        Decision::Discard(_) => None,
    };
    let effect = async {
        // Of several who ask at once one at most is alone; the others' rows say that they failed.
        let rows = rows_of(operators, id, letter.timestamp).await?;
        if let Some(error) = already(&rows, 1) {
            return Err(error);
        }
        let Some(record) = record else {
            return Ok(Decided::Discarded);
        };
        let topic = record.topic.clone();
        let positions = log.append_and_wait(vec![record]).await?;
        let position = positions.first().copied().ok_or(LogError::Closed)?;
        Ok(Decided::Retried(topic, position))
    };
    actions.run(by, action, Some(id), detail, effect).await
}

/// That more than so many ask for something of it.
fn already(rows: &[Entry], own: usize) -> Option<DecideError> {
    if standing(rows).count() <= own {
        return None;
    }
    // The oldest, for the newest may be one's own.
    let first = standing(rows).last()?;
    Some(DecideError::Already {
        operator: first.entry.operator.clone(),
        action: first.entry.action.clone(),
        at: first.entry.at.to_string(),
    })
}

/// The record that a letter is about: as its topic has it, otherwise as the letter has it.
async fn record_of(log: &dyn EventLog, letter: &Record) -> Result<NewRecord, DecideError> {
    let not = |why: &str| DecideError::NotRetryable(why.to_owned());
    let told: Told =
        serde_json::from_slice(&letter.payload).map_err(|_| not("the letter can not be read"))?;
    let (Some(name), Some(offset)) = (told.topic, told.offset) else {
        return Err(not("it is about no record of a topic"));
    };
    if !may_be_repeated(&name) {
        return Err(not(
            "its topic tells what was decided, in numbers that have no repeats",
        ));
    }
    let topic = Topic::new(&name);
    let partition = told.partition.unwrap_or(0);
    let found = match record_at(log, &topic, partition, offset).await {
        Err(SearchError::UnknownTopic(_)) => return Err(not("there is no such topic any more")),
        found => found?,
    };
    let original = told.original.map(|text| BASE64_STANDARD.decode(text));
    let original = original
        .ok_or_else(|| not("the letter does not have it"))?
        .map_err(|_| not("what the letter has of it can not be read: it is no base64"))?;
    let is_cut = told
        .error
        .as_deref()
        .is_some_and(|error| error.ends_with(CUT));
    match found {
        // Where the topic was made anew, something else may stand there.
        Some(record) if record.payload.starts_with(&original) => Ok(NewRecord {
            partition: Some(record.partition),
            headers: without_outbox(&record.headers),
            topic,
            key: record.key,
            payload: record.payload,
        }),
        _ if is_cut => Err(not(
            "the letter has only its beginning, and its topic has it no more",
        )),
        _ => Ok(NewRecord {
            topic,
            partition: told.partition,
            key: letter.key.clone(),
            headers: Headers::default(),
            payload: original.into(),
        }),
    }
}

/// What backends read they know again, by its id or its sender's numbers, and so do checkouts what they are asked for.
/// Events are numbered by room, and payments go with their transfers.
fn may_be_repeated(topic: &str) -> bool {
    let no_games: [&str; 0] = [];
    let asked = [CHECKOUT_REQUESTS, CHECKOUT_CANCELLATIONS];
    let commands = topics::read_by(Party::Backend, &no_games);
    asked.contains(&topic) || commands.iter().any(|name| name == topic)
}

fn without_outbox(headers: &Headers) -> Headers {
    let mut kept = HeadersBuilder::default();
    for (name, value) in headers.iter() {
        if !OF_OUTBOX.contains(&name) {
            kept.push(&String::from_utf8_lossy(name), value);
        }
    }
    kept.build()
}

impl From<DecideError> for Problem {
    fn from(error: DecideError) -> Problem {
        let of = |kind: ProblemKind| Problem::new(kind, format!("{error}."));
        match error {
            DecideError::NoId(_) => Problem::invalid_format(format!("{error}.")).in_field("id"),
            DecideError::Reason => Problem::invalid_format(format!("{error}.")).in_field("reason"),
            DecideError::Missing(_) => of(NOT_FOUND),
            DecideError::Already { .. } => of(ALREADY_DECIDED),
            DecideError::NotRetryable(_) => of(NOT_RETRYABLE),
            DecideError::Log(error) => unreadable(&error),
            DecideError::Store(error) => error.into(),
            DecideError::Search(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests;
