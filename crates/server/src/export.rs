//! `blazing-sun export`: a deployment on Kafka and PostgreSQL as a folder that every tool reads; and such a copy, for
//! a moment, for tools that read nothing else.

use crate::brokers::postgres_options;
use crate::cli::ExportArgs;
use crate::config::{Config, Sources};
use crate::data_dir::{database_in, existing_database};
use crate::place::{Place, connect};
use crate::progress::Progress;
use anyhow::{Context, bail};
use blazing_sun_backbone::log::EventLog;
use blazing_sun_backend::audit::AuditCheck;
use blazing_sun_backend::export::{ExportOptions, Exported, compare_topics, export};
use blazing_sun_backend::store::postgres::PgPool;
use blazing_sun_domain::Games;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// A database to read: a deployment's own, or a copy of what it has in PostgreSQL.
pub struct Readable {
    /// The database.
    pub database: PathBuf,
    /// Where the copy came from; none if it is none.
    cluster: Option<(Box<Config>, PgPool)>,
    _folder: Option<TempDir>,
}

impl Readable {
    /// What there is at this place, as of now.
    pub async fn at(place: Place, games: &Games) -> anyhow::Result<Readable> {
        match place {
            Place::Folder(folder) => Ok(Readable {
                database: existing_database(&folder)?,
                cluster: None,
                _folder: None,
            }),
            Place::Cluster(config) => {
                let folder = tempfile::tempdir().context("cannot make a folder for the copy")?;
                let database = database_in(folder.path());
                let pool = pool(&config)?;
                copy(&config, &pool, games, &database, None).await?;
                Ok(Readable {
                    database,
                    cluster: Some((config, pool)),
                    _folder: Some(folder),
                })
            }
        }
    }

    /// Kafka's topics against the outbox, where there are these two.
    pub async fn compare_topics(&self) -> anyhow::Result<Option<AuditCheck>> {
        let Some((config, pool)) = &self.cluster else {
            return Ok(None);
        };
        let log = connect(config).await?;
        Ok(Some(compare_topics(pool, &log).await?))
    }
}

fn pool(config: &Config) -> anyhow::Result<PgPool> {
    if config.database.url.is_none() {
        bail!("DATABASE_URL (`database.url`) is missing: what there is to read is in PostgreSQL");
    }
    let options = postgres_options(&config.database)?;
    Ok(PgPool::new(&options)?)
}

async fn copy(
    config: &Config,
    pool: &PgPool,
    games: &Games,
    into: &Path,
    consumed_from: Option<Arc<dyn EventLog>>,
) -> anyhow::Result<Exported> {
    let options = ExportOptions {
        into: into.to_owned(),
        games: games.iter().map(|game| game.name.to_owned()).collect(),
        partitions: config.log.partitions,
        consumed_from,
    };
    let exported = export(pool, options).await;
    exported.context("cannot read the deployment in PostgreSQL")
}

/// Exports into a new folder; answers with what to print.
pub async fn run(args: &ExportArgs, games: &Games, is_json: bool) -> anyhow::Result<String> {
    let config = Sources::of_process(args.config.clone(), Vec::new()).load()?;
    let folder = &args.into;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let log: Option<Arc<dyn EventLog>> = match args.commands {
        true => Some(Arc::new(connect(&config).await?)),
        false => None,
    };
    let pool = pool(&config)?;
    let shown = Progress::of("exporting");
    let exported = copy(&config, &pool, games, &database_in(folder), log).await?;
    drop(shown);
    if is_json {
        let folder = folder.display().to_string();
        return Ok(json!({ "folder": folder, "exported": exported }).to_string());
    }
    let Exported {
        batches,
        consumed,
        expired,
        transfers,
    } = exported;
    let commands = match args.commands {
        true => format!(", {consumed} consumed records ({expired} have expired)"),
        false => String::new(),
    };
    Ok(format!(
        "exported {batches} batches{commands} and {transfers} transfers into {}",
        folder.display()
    ))
}
