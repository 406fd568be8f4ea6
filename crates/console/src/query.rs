//! What lists of the console have in common: their parameters, and pages of a length that is asked for.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use blazing_sun_backbone::rest::problem::INVALID_FORMAT;
use blazing_sun_backbone::rest::{Access, Operation, Parameter, Place, Tag};
use blazing_sun_backend::api::{Problem, page};
use schemars::{Schema, json_schema};
use serde_json::Value;

/// Entries of a page where no other number is asked for.
const ROWS: u32 = 50;
/// The most that may be asked for.
const ROWS_MAX: u32 = 200;

/// An operation of the console that reads.
pub(crate) fn get(path: &'static str, id: &'static str) -> Operation {
    Operation::get(path, id, Tag::Operators).access(Access::Operator)
}

/// An operation of the console that does something.
pub(crate) fn post(path: &'static str, id: &'static str) -> Operation {
    Operation::post(path, id, Tag::Operators).access(Access::Operator)
}

/// `cursor`, with one that fits.
pub(crate) fn any_cursor(example: &'static str) -> Parameter {
    optional(
        "cursor",
        "The `next_cursor` of an earlier answer, to read on from there.",
        json_schema!({ "type": "string" }),
        example,
    )
}

/// A value of the query that may be left out.
pub(crate) fn optional(
    name: &'static str,
    description: &'static str,
    schema: Schema,
    example: impl Into<Value>,
) -> Parameter {
    Parameter {
        place: Place::Query,
        name,
        description,
        is_required: false,
        schema,
        example: example.into(),
    }
}

/// With `limit`, and with what is refused where the query can not be read.
pub(crate) fn in_pages(operation: Operation) -> Operation {
    let limit = optional(
        "limit",
        "Entries of a page: 1 to 200, 50 where it is left out.",
        json_schema!({ "type": "integer", "minimum": 1, "maximum": ROWS_MAX }),
        ROWS,
    );
    operation.parameter(limit).refuses(&[INVALID_FORMAT])
}

/// A query as it was read; a problem that names what is wrong with it.
pub(crate) fn read<T>(asked: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    let invalid = |error: QueryRejection| {
        let detail = format!("The query can not be read: {}.", error.body_text());
        Problem::invalid_format(detail)
    };
    asked.map(|Query(query)| query).map_err(invalid)
}

/// How many are asked for, within bounds.
pub(crate) fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked.unwrap_or(ROWS) {
        limit @ 1..=ROWS_MAX => Ok(limit),
        _ => {
            let detail = "`limit` must be a whole number from 1 to 200.";
            Err(Problem::invalid_format(detail).in_field("limit"))
        }
    }
}

/// A page of what was found, of which one more was asked for, and where the next one begins.
pub(crate) fn cut<T>(
    mut found: Vec<T>,
    limit: u32,
    position_of: impl Fn(&T) -> i64,
) -> (Vec<T>, Option<String>) {
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let last = found.last().filter(|_| has_more);
    let next_cursor = last.map(|last| page::cursor(position_of(last)));
    (found, next_cursor)
}
