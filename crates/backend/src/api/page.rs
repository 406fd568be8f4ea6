//! Lists in pages: a cursor says where the last page ended.

use super::problem::Problem;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;

/// Entries of one page.
pub const ROWS: u32 = 50;

/// What [`cursor`] makes: base64url of 8 bytes.
pub const CURSOR_PATTERN: &str = "^[A-Za-z0-9_-]{10}[AEIMQUYcgkosw048]$";

/// The query of every list in pages.
#[derive(Debug, Deserialize)]
pub struct Page {
    cursor: Option<String>,
}

/// The position before which the page begins; none for the first page.
pub fn before(asked: Result<Query<Page>, QueryRejection>) -> Result<Option<i64>, Problem> {
    let Query(page) = asked.map_err(|_| invalid_cursor())?;
    read_cursor(page.cursor.as_deref())
}

/// The position that a cursor stands for; none for none.
pub fn read_cursor(cursor: Option<&str>) -> Result<Option<i64>, Problem> {
    cursor
        .map(|cursor| position(cursor).ok_or_else(invalid_cursor))
        .transpose()
}

fn invalid_cursor() -> Problem {
    let detail = "`cursor` must be the `next_cursor` of an earlier answer.";
    Problem::invalid_format(detail).in_field("cursor")
}

/// A page of what was found, of which one more than [`ROWS`] was asked for, and where the next one begins.
pub fn cut<T>(mut found: Vec<T>, position_of: impl Fn(&T) -> i64) -> (Vec<T>, Option<String>) {
    let has_more = found.len() > ROWS as usize;
    found.truncate(ROWS as usize);
    let last = found.last().filter(|_| has_more);
    let next_cursor = last.map(|last| cursor(position_of(last)));
    (found, next_cursor)
}

/// Where the page after the entry at this position begins.
pub fn cursor(position: i64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(position.to_be_bytes())
}

fn position(cursor: &str) -> Option<i64> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
    Some(i64::from_be_bytes(bytes.try_into().ok()?))
}
