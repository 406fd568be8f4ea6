//! The same asked of Kafka.

use super::{OffsetsRow, TopicRow};
use crate::brokers::{kafka_options, postgres_options, unique_name};
use crate::config::{Config, ConfigError};
use crate::place::connect;
use crate::serve::topic_specs;
use anyhow::Context;
use blazing_sun_backbone::log::{Bounds, EventLog, LogError, Topic};
use blazing_sun_backbone::topics::TopicSpec;
use blazing_sun_backend::owner::{Adopted, adopt_topics};
use blazing_sun_domain::Games;

const CANNOT_READ: &str = "cannot ask Kafka for its topics";

/// The topics of a server with these games that are there.
pub(super) async fn topics(config: &Config, games: &Games) -> anyhow::Result<Vec<TopicRow>> {
    let log = connect(config).await?;
    let mut rows = Vec::new();
    for spec in topic_specs(config, games) {
        if let Some(bounds) = bounds(&log, &spec.name).await? {
            rows.push(row(spec, &bounds));
        }
    }
    Ok(rows)
}

/// None: there is no such topic.
async fn bounds(log: &dyn EventLog, name: &str) -> anyhow::Result<Option<Vec<Bounds>>> {
    match log.bounds(&Topic::new(name)).await {
        Ok(bounds) => Ok(Some(bounds)),
        Err(LogError::UnknownPartition { .. }) => Ok(None),
        Err(error) => Err(error).context(CANNOT_READ),
    }
}

fn row(spec: TopicSpec, bounds: &[Bounds]) -> TopicRow {
    let offsets = bounds.iter().enumerate();
    let offsets = offsets.map(|(partition, bounds)| OffsetsRow {
        partition,
        first: bounds.earliest,
        next: bounds.end,
    });
    let records = bounds
        .iter()
        .map(|bounds| bounds.end.saturating_sub(bounds.earliest));
    TopicRow {
        topic: spec.name,
        partitions: bounds.len(),
        records: records.sum(),
        bytes: None,
        retention_days: None,
        oldest: None,
        newest: None,
        offsets: offsets.collect(),
    }
}

/// Makes the topics that are missing.
pub(super) async fn create(config: &Config, games: &Games, json: bool) -> anyhow::Result<String> {
    let log = connect(config).await?;
    let specs = topic_specs(config, games);
    let (mut exist, mut created) = (Vec::new(), Vec::new());
    for spec in &specs {
        match bounds(&log, &spec.name).await? {
            Some(_) => exist.push(spec.name.clone()),
            None => created.push(spec.name.clone()),
        }
    }
    let ensured = log.ensure_topics(&specs).await;
    ensured.context("cannot make the topics")?;
    if json {
        let missing: [&str; 0] = [];
        let told = serde_json::json!({ "created": created, "exist": exist, "missing": missing });
        return Ok(told.to_string());
    }
    let made = match created.is_empty() {
        true => "none was missing".to_owned(),
        false => format!("made: {}", created.join(", ")),
    };
    Ok(format!("{} topics are there; {made}", specs.len()))
}

/// Has the database belong to the configured topics from now on.
pub(super) async fn adopt(config: &Config, json: bool) -> anyhow::Result<String> {
    let database = &config.database;
    if database.url.is_none() {
        let why = "topics are adopted by a database".to_owned();
        let key = "database.url";
        return Err(ConfigError::Missing { key, why }.into());
    }
    let kafka = kafka_options(&config.kafka, &unique_name())?;
    let adopted = adopt_topics(kafka, &postgres_options(database)?).await;
    let Adopted { before, now } = adopted.context("the topics are not adopted")?;
    if json {
        return Ok(serde_json::json!({ "before": before, "now": now }).to_string());
    }
    Ok(match before {
        Some(before) if before == now => format!("the database belongs to {now} already"),
        Some(before) => format!("the database belonged to {before}, and belongs to {now} now"),
        None => format!("the database belongs to {now} now"),
    })
}
