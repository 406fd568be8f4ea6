//! Who keeps the log, and what that one tells beyond the port: a file, or the brokers.

use async_trait::async_trait;
use blazing_sun_backbone::log::kafka::KafkaLog;
use blazing_sun_backbone::log::sqlite::SqliteLog;
use blazing_sun_backbone::topics::Party;
use blazing_sun_backend::store::StoreError;
use blazing_sun_backend::store::postgres::PgPool;
use blazing_sun_backend::store::sqlite::SqliteAccess;
use std::collections::HashMap;
use std::sync::Arc;

/// By topic and partition: the next offset that is read.
pub type Positions = HashMap<(String, u32), u64>;

/// Who keeps the log.
#[derive(Clone)]
pub enum Keeper {
    /// One server, with all in files.
    File {
        /// The topics.
        log: SqliteLog,
        /// How far they are read, which the file does not tell.
        readers: Arc<dyn Readers>,
        /// The store; none where only topics are looked at.
        store: Option<SqliteAccess>,
    },
    /// Brokers, and the database that owners write.
    Cluster {
        /// The brokers.
        log: Box<KafkaLog>,
        /// The database; none where none is configured.
        pool: Option<PgPool>,
    },
}

/// Those who read the topics of a file, beside the engine, which decides a record in the transaction that appends it.
#[async_trait]
pub trait Readers: Send + Sync + 'static {
    /// How far gateway or checkout have read; none where there is none.
    async fn positions(&self, party: Party) -> Option<Positions>;
}

/// An owner of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerRow {
    /// The partition; none where one owner has all.
    pub partition: Option<u32>,
    /// The process that has it, as it is called in the database.
    pub owner: String,
    /// The number of take-overs.
    pub epoch: i64,
    /// Its last batch.
    pub batch_no: u64,
}

impl Keeper {
    /// The partitions' owners, as the database has them.
    pub async fn owners(&self) -> Result<Vec<OwnerRow>, StoreError> {
        match self {
            Keeper::File {
                store: Some(store), ..
            } => {
                let owner = store.owner().await?;
                let row = owner.map(|(epoch, batch_no)| OwnerRow {
                    partition: None,
                    owner: "serve".to_owned(),
                    epoch,
                    batch_no,
                });
                Ok(row.into_iter().collect())
            }
            Keeper::Cluster {
                pool: Some(pool), ..
            } => {
                let progress = pool.progress().await?;
                let rows = progress.into_iter().map(|it| OwnerRow {
                    partition: Some(it.partition),
                    owner: it.owner,
                    epoch: it.epoch,
                    batch_no: it.last,
                });
                Ok(rows.collect())
            }
            Keeper::File { .. } | Keeper::Cluster { .. } => Ok(Vec::new()),
        }
    }
}
