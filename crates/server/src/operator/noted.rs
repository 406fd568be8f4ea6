//! What a tool does by itself, beside a server or without one, and its rows in the operators' log.

use super::Target;
use super::client::own;
use super::protocol::{Noting, Request, Stage};
use crate::brokers::postgres_options;
use crate::data_dir::database_in;
use crate::place::Place;
use blazing_sun_backbone::clock;
use blazing_sun_backend::store::StoreError;
use blazing_sun_backend::store::operators::OperatorLog;
use blazing_sun_backend::store::postgres::{PgOperators, PgPool};
use blazing_sun_backend::store::sqlite::{SqliteAccess, SqliteOperators};
use blazing_sun_console::Actions;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// Where the log is.
pub enum LogOf<'a> {
    /// In a folder that a server may run on.
    Folder(&'a Path),
    /// Where nobody else writes: in a folder that this process holds, or in a database.
    Held(&'a Place),
}

/// Does it, with a row before and one after. A log that can not be written is told of: it keeps nobody from a backup.
/// Where nobody else writes it is tried again afterwards, for a migration may have made it.
pub async fn noted<T>(
    log: LogOf<'_>,
    noting: Noting,
    detail: Value,
    effect: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let mut asked = append(&log, noting, Stage::Asked, detail.clone()).await;
    let outcome = effect.await;
    if asked.is_err() && matches!(log, LogOf::Held(_)) {
        asked = append(&log, noting, Stage::Asked, detail).await;
    }
    let told = match asked {
        Ok(asked) => {
            let (stage, detail) = match &outcome {
                Ok(_) => (Stage::Done, json!({ "asked": asked })),
                Err(error) => {
                    let error = format!("{error:#}");
                    (Stage::Failed, json!({ "asked": asked, "error": error }))
                }
            };
            append(&log, noting, stage, detail).await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = told {
        // The exit code says how the work itself went.
        let _ = writeln!(
            std::io::stderr(),
            "blazing-sun: this is not in the operators' log: {error:#}"
        );
    }
    outcome
}

async fn append(
    log: &LogOf<'_>,
    noting: Noting,
    stage: Stage,
    detail: Value,
) -> anyhow::Result<i64> {
    match log {
        LogOf::Folder(folder) => {
            let request = Request::Note {
                noting,
                stage,
                detail: detail.clone(),
            };
            let directly =
                async |_held| Ok(append_to(&of_folder(folder)?, noting, stage, detail).await?);
            let appended = Target::ask_or(folder, &request, directly).await;
            appended.map_err(anyhow::Error::from)
        }
        LogOf::Held(Place::Folder(folder)) => {
            Ok(append_to(&of_folder(folder)?, noting, stage, detail).await?)
        }
        LogOf::Held(Place::Cluster(config)) => {
            let pool = PgPool::new(&postgres_options(&config.database)?)?;
            let log: Arc<dyn OperatorLog> = Arc::new(PgOperators::new(pool));
            Ok(append_to(&log, noting, stage, detail).await?)
        }
    }
}

fn of_folder(folder: &Path) -> Result<Arc<dyn OperatorLog>, StoreError> {
    let access = SqliteAccess::unmigrated(&database_in(folder))?;
    Ok(Arc::new(SqliteOperators::new(access)))
}

async fn append_to(
    log: &Arc<dyn OperatorLog>,
    noting: Noting,
    stage: Stage,
    detail: Value,
) -> Result<i64, StoreError> {
    let actions = Actions::new(log.clone(), Arc::new(clock::now));
    let by = own();
    let row = actions.entry(&by, noting.action(), None, detail, stage.into());
    log.append(row).await
}
