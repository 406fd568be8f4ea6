//! Where a tool finds a deployment: a folder, or Kafka and PostgreSQL where these are configured.

use crate::brokers::{kafka_options, unique_name};
use crate::cli::DataArgs;
use crate::config::{Config, ConfigError, Sources};
use crate::data_dir::existing_database;
use crate::topics::readers;
use anyhow::Context;
use blazing_sun_backbone::log::EventLog;
use blazing_sun_backbone::log::kafka::KafkaLog;
use blazing_sun_backbone::log::sqlite::SqliteLog;
use blazing_sun_console::Keeper;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A deployment's place.
#[derive(Clone)]
pub enum Place {
    /// A folder.
    Folder(PathBuf),
    /// Kafka, and perhaps PostgreSQL.
    Cluster(Box<Config>),
}

impl DataArgs {
    /// Where to look: the folder if one is named here, else what is configured.
    pub fn place(&self) -> Result<Place, ConfigError> {
        if let Some(data_dir) = &self.data_dir {
            return Ok(Place::Folder(data_dir.clone()));
        }
        let config = Sources::of_process(self.config.clone(), Vec::new()).load()?;
        let is_cluster = config.kafka.bootstrap_servers.is_some() || config.database.url.is_some();
        Ok(match is_cluster {
            true => Place::Cluster(Box::new(config)),
            false => Place::Folder(config.server.data_dir),
        })
    }
}

impl Place {
    /// The event log, to be read.
    pub async fn log(&self) -> anyhow::Result<Arc<dyn EventLog>> {
        match self {
            Place::Folder(folder) => {
                let database = existing_database(folder)?;
                Ok(Arc::new(read_only(&database)?))
            }
            Place::Cluster(config) => Ok(Arc::new(connect(config).await?)),
        }
    }
}

/// The event log to be read, and who keeps it.
pub async fn keeper(place: &Place) -> anyhow::Result<(Arc<dyn EventLog>, Keeper)> {
    match place {
        Place::Folder(folder) => {
            let log = read_only(&existing_database(folder)?)?;
            let keeper = Keeper::File {
                log: log.clone(),
                readers: Arc::new(readers::Asked(folder.clone())),
                store: None,
            };
            Ok((Arc::new(log), keeper))
        }
        Place::Cluster(config) => {
            let log = connect(config).await?;
            let keeper = Keeper::Cluster {
                log: Box::new(log.clone()),
                pool: None,
            };
            Ok((Arc::new(log), keeper))
        }
    }
}

/// The log of a folder's database.
pub fn read_only(database: &Path) -> anyhow::Result<SqliteLog> {
    let opened = SqliteLog::open_read_only(database);
    opened.with_context(|| format!("cannot read the event log in {}", database.display()))
}

/// Kafka's, for a tool: of no group.
pub async fn connect(config: &Config) -> anyhow::Result<KafkaLog> {
    let kafka = &config.kafka;
    let Some(servers) = &kafka.bootstrap_servers else {
        let why = "the topics to be read are on Kafka".to_owned();
        let key = "kafka.bootstrap_servers";
        return Err(ConfigError::Missing { key, why }.into());
    };
    let unreachable = format!("cannot reach Kafka at {servers}");
    let options = kafka_options(kafka, &unique_name())?;
    let connected = tokio::task::spawn_blocking(move || KafkaLog::connect(options, None)).await?;
    connected.context(unreachable)
}
