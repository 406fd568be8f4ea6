//! Operators' actions and settings in the embedded file.

use super::SqliteAccess;
use crate::store::StoreError;
use crate::store::operators::{
    ChangedSettings, Entry, EntryFilter, LiveSetting, LiveSettings, NewEntry, OperatorLog, Outcome,
    SETTING_ACTIONS,
};
use async_trait::async_trait;
use blazing_sun_domain::Millis;
use rusqlite::{Connection, params};
use serde_json::Value;

/// Operators' actions and settings in the embedded store's file.
#[derive(Clone)]
pub struct SqliteOperators {
    access: SqliteAccess,
}

impl SqliteOperators {
    /// In this file.
    pub fn new(access: SqliteAccess) -> SqliteOperators {
        SqliteOperators { access }
    }
}

#[async_trait]
impl OperatorLog for SqliteOperators {
    async fn append(&self, entry: NewEntry) -> Result<i64, StoreError> {
        let append = move |connection: &Connection| append(connection, &entry);
        self.access.write(append).await
    }

    async fn list(
        &self,
        filter: &EntryFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let (filter, before) = (filter.clone(), before.unwrap_or(i64::MAX));
        let read = move |connection: &Connection| list(connection, &filter, before, limit);
        self.access.read(read).await
    }
}

fn append(connection: &Connection, entry: &NewEntry) -> Result<i64, StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO operator_log (at_ms, operator, action, target, detail, outcome)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let id = insert.insert(params![
        entry.at.0,
        entry.operator,
        entry.action,
        entry.target,
        entry.detail.to_string(),
        entry.outcome.as_str(),
    ])?;
    Ok(id)
}

fn list(
    connection: &Connection,
    filter: &EntryFilter,
    before: i64,
    limit: u32,
) -> Result<Vec<Entry>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, at_ms, operator, action, target, detail, outcome FROM operator_log
         WHERE id < ?1 AND (?2 IS NULL OR operator = ?2) AND (?3 IS NULL OR action = ?3)
           AND (?4 IS NULL OR target = ?4)
         ORDER BY id DESC LIMIT ?5",
    )?;
    let given = params![before, filter.operator, filter.action, filter.target, limit];
    let mut rows = statement.query(given)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let corrupt = |what| StoreError::Corrupt(format!("{what} of operators' action {id}"));
        let (detail, outcome): (String, String) = (row.get(5)?, row.get(6)?);
        let entry = NewEntry {
            at: Millis(row.get(1)?),
            operator: row.get(2)?,
            action: row.get(3)?,
            target: row.get(4)?,
            detail: serde_json::from_str(&detail).map_err(|_| corrupt("detail"))?,
            outcome: Outcome::parse(&outcome).ok_or_else(|| corrupt("outcome"))?,
        };
        found.push(Entry { id, entry });
    }
    Ok(found)
}

/// All settings that were changed.
pub fn changed_settings(connection: &Connection) -> Result<ChangedSettings, StoreError> {
    // One statement sees one state of both tables.
    let mut statement = connection.prepare_cached(
        "SELECT newest.id, name, value, changed_ms, changed_by
         FROM (SELECT coalesce(max(id), 0) AS id FROM operator_log WHERE action IN (?1, ?2, ?3, ?4)) AS newest
         LEFT JOIN live_setting ON true ORDER BY name",
    )?;
    let mut rows = statement.query(SETTING_ACTIONS)?;
    let mut changed = ChangedSettings::default();
    while let Some(row) = rows.next()? {
        changed.revision = row.get(0)?;
        let name: Option<String> = row.get(1)?;
        let Some(name) = name else { continue };
        let value: String = row.get(2)?;
        let corrupt = |_| StoreError::Corrupt(format!("the setting {name}"));
        changed.settings.push(LiveSetting {
            value: serde_json::from_str(&value).map_err(corrupt)?,
            name,
            changed: Millis(row.get(3)?),
            changed_by: row.get(4)?,
        });
    }
    Ok(changed)
}

#[async_trait]
impl LiveSettings for SqliteOperators {
    async fn all(&self) -> Result<ChangedSettings, StoreError> {
        self.access.read(changed_settings).await
    }

    async fn set(
        &self,
        name: &str,
        value: Option<&Value>,
        entry: NewEntry,
    ) -> Result<(), StoreError> {
        let (name, value) = (name.to_owned(), value.map(Value::to_string));
        let set = move |connection: &Connection| {
            match value {
                Some(value) => connection.execute(
                    "INSERT INTO live_setting (name, value, changed_ms, changed_by) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (name) DO UPDATE SET
                         value = excluded.value, changed_ms = excluded.changed_ms, changed_by = excluded.changed_by",
                    params![name, value, entry.at.0, entry.operator],
                )?,
                None => connection.execute("DELETE FROM live_setting WHERE name = ?1", [name])?,
            };
            append(connection, &entry).map(|_| ())
        };
        self.access.write(set).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::operators::conformance;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn conforms_and_rows_are_only_added() {
        let folder = tempfile::tempdir().unwrap();
        let access = SqliteAccess::standalone(&folder.path().join("store.db")).unwrap();
        conformance::all(&SqliteOperators::new(access.clone())).await;
        for sql in [
            "UPDATE operator_log SET operator = ''",
            "DELETE FROM operator_log",
        ] {
            let run = move |connection: &Connection| Ok(connection.execute_batch(sql)?);
            let refused = access.write(run).await.unwrap_err();
            let refused = format!("{refused:?}");
            assert!(refused.contains("only added"), "{refused}");
        }
    }
}
