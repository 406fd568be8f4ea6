//! Answers kept by their Idempotency-Key: in the transaction of what they answer, so that a kill leaves both or neither.

use super::books::Books;
use super::error::Declined;
use rusqlite::{OptionalExtension, params};

/// For how long the same key means the same request.
const KEPT_S: i64 = 24 * 60 * 60;
const KEY_CHARS_MAX: usize = 255;

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) status: u16,
    pub(super) body: String,
    /// The id of the request that it was given to first.
    pub(super) request: String,
}

pub(super) fn check(key: &str) -> Result<(), Declined> {
    match (1..=KEY_CHARS_MAX).contains(&key.chars().count()) {
        true => Ok(()),
        false => {
            let message = format!("An Idempotency-Key has from 1 to {KEY_CHARS_MAX} characters.");
            Err(Declined::idempotency(message))
        }
    }
}

impl Books<'_> {
    /// The answer that this request was given before.
    pub(super) fn kept(
        &self,
        key: &str,
        path: &str,
        digest: &[u8; 32],
    ) -> Result<Option<Kept>, Declined> {
        let query = "SELECT path, digest, status, body, request FROM idempotency WHERE key = ?1 AND created_s > ?2";
        let read = |row: &rusqlite::Row<'_>| {
            let kept = Kept {
                status: row.get(2)?,
                body: row.get(3)?,
                request: row.get(4)?,
            };
            Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?, kept))
        };
        let oldest = self.now_s() - KEPT_S;
        let found = self
            .tx
            .prepare_cached(query)?
            .query_row(params![key, oldest], read)
            .optional()?;
        let Some((kept_path, kept_digest, kept)) = found else {
            return Ok(None);
        };
        if kept_path != path {
            let message = format!(
                "Keys for idempotent requests can only be used for the same endpoint they were first used for \
                 ('{path}' vs '{kept_path}'). Try using a key other than '{key}' if you meant to execute a different request."
            );
            return Err(Declined::idempotency(message));
        }
        if kept_digest != digest {
            let message = format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. \
                 Try using a key other than '{key}' if you meant to execute a different request."
            );
            return Err(Declined::idempotency(message));
        }
        Ok(Some(kept))
    }

    pub(super) fn keep(
        &self,
        key: &str,
        path: &str,
        digest: &[u8; 32],
        kept: &Kept,
    ) -> Result<(), Declined> {
        let query = "INSERT OR REPLACE INTO idempotency (key, path, digest, status, body, request, created_s)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let values = params![
            key,
            path,
            digest,
            kept.status,
            kept.body,
            kept.request,
            self.now_s()
        ];
        self.tx.prepare_cached(query)?.execute(values)?;
        Ok(())
    }

    pub(super) fn forget_old_keys(&self) -> Result<(), Declined> {
        let query = "DELETE FROM idempotency WHERE created_s <= ?1";
        self.tx
            .prepare_cached(query)?
            .execute([self.now_s() - KEPT_S])?;
        Ok(())
    }
}
