//! What a cluster keeps, looked at from outside: whether it is at rest, who owns what, and whether all of it
//! is as it must be.

use super::{LOOK_AGAIN, PARTITIONS};
use crate::Violation;
use crate::crew::Crew;
use crate::run::Watch;
use anyhow::{Context, bail};
use blazing_sun_backbone::log::kafka::{KafkaLog, KafkaOptions};
use blazing_sun_backbone::log::{EventLog, Topic};
use blazing_sun_backbone::topics;
use blazing_sun_backend::export::{ExportOptions, compare_topics, export};
use blazing_sun_backend::store::postgres::{PgOptions, PgPool};
use blazing_sun_harness::Cluster;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Everything is decided and published so soon after the last command.
const AT_REST_WITHIN: Duration = Duration::from_secs(60);

/// What a cluster keeps.
pub struct Stores {
    pool: PgPool,
    /// Its topics.
    pub log: Arc<dyn EventLog>,
}

impl Stores {
    /// Those of this cluster.
    pub fn open(cluster: &Cluster) -> anyhow::Result<Stores> {
        let (brokers, prefix) = cluster.kafka();
        let options = KafkaOptions {
            topic_prefix: prefix.to_owned(),
            ..KafkaOptions::new(brokers.to_owned())
        };
        Ok(Stores {
            pool: PgPool::new(&PgOptions::parse(cluster.database_url())?)?,
            log: Arc::new(KafkaLog::connect(options, None)?),
        })
    }

    /// Waits until every consumed record is decided, and every batch that there is now is published: more come
    /// for as long as owners play for those who are away.
    pub async fn until_at_rest(&self) -> anyhow::Result<Vec<Violation>> {
        let until = Instant::now() + AT_REST_WITHIN;
        let owners = self.pool.progress().await?;
        let last: BTreeMap<u32, u64> = owners
            .iter()
            .map(|owner| (owner.partition, owner.last))
            .collect();
        loop {
            let waits_for = self.waits_for(&last).await?;
            if waits_for.is_empty() {
                return Ok(Vec::new());
            }
            if Instant::now() > until {
                let what = format!("after {AT_REST_WITHIN:?}: {}", waits_for.join(", "));
                return Ok(vec![Violation::of("I4 reaches the log", what)]);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The processes that have partitions, by the names that they go by.
    pub(super) async fn owners(&self) -> anyhow::Result<BTreeSet<String>> {
        let owners = self.pool.progress().await?;
        Ok(owners.into_iter().map(|owner| owner.owner).collect())
    }

    async fn waits_for(&self, last: &BTreeMap<u32, u64>) -> anyhow::Result<Vec<String>> {
        let mut waits_for = Vec::new();
        let decided = self.pool.decided_offsets().await?;
        for name in [topics::GAMES_COMMANDS, topics::CHAT_COMMANDS] {
            let bounds = self.log.bounds(&Topic::new(name)).await?;
            for (partition, bounds) in (0_u32..).zip(bounds) {
                let decided = decided
                    .get(&(partition, name.to_owned()))
                    .copied()
                    .unwrap_or(0);
                if decided < bounds.end {
                    waits_for.push(format!("{name} {partition}: {decided} of {}", bounds.end));
                }
            }
        }
        for owner in self.pool.progress().await? {
            let (partition, published) = (owner.partition, owner.published_upto);
            let last = last.get(&partition).copied().unwrap_or(0);
            if published < last {
                waits_for.push(format!(
                    "partition {partition}: batch {published} of {last} is published"
                ));
            }
        }
        Ok(waits_for)
    }

    /// Holds everything against everything, at rest.
    pub async fn look(&self, watch: &mut Watch, crew: &Crew) -> anyhow::Result<Vec<Violation>> {
        let folder = tempfile::tempdir()?;
        let database = folder.path().join("blazing-sun.db");
        let options = ExportOptions {
            into: database.clone(),
            games: ["bigger_dice", "tic_tac_toe", "vault"]
                .map(str::to_owned)
                .to_vec(),
            partitions: PARTITIONS,
            consumed_from: Some(Arc::clone(&self.log)),
        };
        let exported = export(&self.pool, options).await.context("no export")?;
        if exported.batches == 0 || exported.consumed == 0 {
            bail!("the cluster has done nothing: {exported:?}");
        }
        let mut found = watch.look(&database, crew)?;
        found.extend(Watch::audit(&database)?);
        let topics = compare_topics(&self.pool, &*self.log).await?;
        if topics.differences > 0 {
            let what = format!("{}: {}", topics.name, topics.named.join("; "));
            found.push(Violation::of("I4 reaches the log", what));
        }
        Ok(found)
    }
}
