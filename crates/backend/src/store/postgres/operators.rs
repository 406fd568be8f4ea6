//! Operators' actions and settings in PostgreSQL.

use super::pool::PgPool;
use crate::store::StoreError;
use crate::store::operators::{
    ChangedSettings, Entry, EntryFilter, LiveSetting, LiveSettings, NewEntry, OperatorLog, Outcome,
    SETTING_ACTIONS,
};
use async_trait::async_trait;
use blazing_sun_domain::Millis;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

const APPEND: &str = "INSERT INTO operator_log (at_ms, operator, action, target, detail, outcome)
                      VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";

/// Operators' actions and settings in PostgreSQL.
#[derive(Debug, Clone)]
pub struct PgOperators {
    pool: PgPool,
}

impl PgOperators {
    /// On these connections.
    pub fn new(pool: PgPool) -> PgOperators {
        PgOperators { pool }
    }
}

#[async_trait]
impl OperatorLog for PgOperators {
    async fn append(&self, entry: NewEntry) -> Result<i64, StoreError> {
        let (detail, outcome) = (entry.detail.to_string(), entry.outcome.as_str());
        let given: [&(dyn ToSql + Sync); 6] = [
            &entry.at.0,
            &entry.operator,
            &entry.action,
            &entry.target,
            &detail,
            &outcome,
        ];
        let rows = self.pool.rows(APPEND, &given).await?;
        let row = rows.first();
        let row = row.ok_or_else(|| StoreError::Corrupt("an added row".to_owned()))?;
        Ok(row.try_get(0)?)
    }

    async fn list(
        &self,
        filter: &EntryFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let given = [&filter.operator, &filter.action, &filter.target];
        if given.into_iter().flatten().any(|text| text.contains('\0')) {
            return Ok(Vec::new());
        }
        let sql = "SELECT id, at_ms, operator, action, target, detail, outcome FROM operator_log
                   WHERE id < $1 AND ($2::text IS NULL OR operator = $2) AND ($3::text IS NULL OR action = $3)
                     AND ($4::text IS NULL OR target = $4)
                   ORDER BY id DESC LIMIT $5";
        let (before, limit) = (before.unwrap_or(i64::MAX), i64::from(limit));
        let [operator, action, target] = given;
        let given: [&(dyn ToSql + Sync); 5] = [&before, operator, action, target, &limit];
        let rows = self.pool.rows(sql, &given).await?;
        rows.iter().map(entry_of).collect()
    }
}

fn entry_of(row: &Row) -> Result<Entry, StoreError> {
    let id: i64 = row.try_get(0)?;
    let corrupt = |what| StoreError::Corrupt(format!("{what} of operators' action {id}"));
    let (detail, outcome): (&str, &str) = (row.try_get(5)?, row.try_get(6)?);
    let entry = NewEntry {
        at: Millis(row.try_get(1)?),
        operator: row.try_get(2)?,
        action: row.try_get(3)?,
        target: row.try_get(4)?,
        detail: serde_json::from_str(detail).map_err(|_| corrupt("detail"))?,
        outcome: Outcome::parse(outcome).ok_or_else(|| corrupt("outcome"))?,
    };
    Ok(Entry { id, entry })
}

fn setting_of(name: String, row: &Row) -> Result<LiveSetting, StoreError> {
    let value: &str = row.try_get(2)?;
    let corrupt = |_| StoreError::Corrupt(format!("the setting {name}"));
    Ok(LiveSetting {
        value: serde_json::from_str(value).map_err(corrupt)?,
        name,
        changed: Millis(row.try_get(3)?),
        changed_by: row.try_get(4)?,
    })
}

#[async_trait]
impl LiveSettings for PgOperators {
    async fn all(&self) -> Result<ChangedSettings, StoreError> {
        // One statement sees one state of both tables.
        let sql = "SELECT newest.id, name, value, changed_ms, changed_by
                   FROM (SELECT coalesce(max(id), 0) AS id FROM operator_log WHERE action = ANY($1)) AS newest
                   LEFT JOIN live_setting ON true ORDER BY name";
        let rows = self.pool.rows(sql, &[&SETTING_ACTIONS.as_slice()]).await?;
        let mut changed = ChangedSettings::default();
        for row in &rows {
            changed.revision = row.try_get(0)?;
            let name: Option<String> = row.try_get(1)?;
            if let Some(name) = name {
                changed.settings.push(setting_of(name, row)?);
            }
        }
        Ok(changed)
    }

    async fn set(
        &self,
        name: &str,
        value: Option<&Value>,
        entry: NewEntry,
    ) -> Result<(), StoreError> {
        let mut client = self.pool.get().await?;
        let change = async {
            let transaction = client.transaction().await?;
            // Rows get their places in the order in which changes are committed.
            let lock = "LOCK TABLE live_setting IN SHARE ROW EXCLUSIVE MODE";
            transaction.batch_execute(lock).await?;
            match value.map(Value::to_string) {
                Some(value) => {
                    let sql = "INSERT INTO live_setting (name, value, changed_ms, changed_by) VALUES ($1, $2, $3, $4)
                               ON CONFLICT (name) DO UPDATE SET value = excluded.value,
                                   changed_ms = excluded.changed_ms, changed_by = excluded.changed_by";
                    transaction
                        .execute(sql, &[&name, &value, &entry.at.0, &entry.operator])
                        .await?
                }
                None => {
                    let sql = "DELETE FROM live_setting WHERE name = $1";
                    transaction.execute(sql, &[&name]).await?
                }
            };
            transaction
                .query(
                    APPEND,
                    &[
                        &entry.at.0,
                        &entry.operator,
                        &entry.action,
                        &entry.target,
                        &entry.detail.to_string(),
                        &entry.outcome.as_str(),
                    ],
                )
                .await?;
            Ok(transaction.commit().await?)
        };
        self.pool.answer(change).await
    }
}
