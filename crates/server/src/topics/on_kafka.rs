//! The same asked of Kafka.

use super::{GroupRow, OffsetsRow, TopicRow};
use crate::brokers::{kafka_options, postgres_options, unique_name};
use crate::config::{Config, ConfigError};
use crate::place::connect;
use crate::serve::topic_specs;
use anyhow::Context;
use blazing_sun_backbone::log::kafka::{KafkaLog, KafkaOptions, groups};
use blazing_sun_backbone::log::{Bounds, EventLog, LogError, Topic};
use blazing_sun_backbone::topics::{self, Party, TopicSpec};
use blazing_sun_backend::owner::{Adopted, adopt_topics};
use blazing_sun_domain::Games;
use std::collections::HashMap;

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

/// How far each group of the contract has committed; a gateway that was given an id has a group of its own.
pub(super) async fn groups(config: &Config, games: &Games) -> anyhow::Result<Vec<GroupRow>> {
    let options = kafka_options(&config.kafka, &unique_name())?;
    let log = connect(config).await?;
    let asking = options.clone();
    let found = tokio::task::spawn_blocking(move || groups::names(&asking)).await?;
    let found = found.context("cannot ask Kafka for its groups")?;
    let names: Vec<&str> = games.iter().map(|game| game.name).collect();
    let mut rows = Vec::new();
    for party in Party::ALL {
        let mut places = Vec::new();
        for name in topics::read_by(party, &names) {
            let partitions = bounds(&log, &name).await?.map_or(0, |bounds| bounds.len());
            let partitions = (0_u32..).take(partitions);
            places.extend(partitions.map(|partition| (Topic::new(&name), partition)));
        }
        for group in groups_of(party, &found) {
            rows.extend(lag(&log, &options, group, &places).await?);
        }
    }
    Ok(rows)
}

/// The party's groups that there are; its own where there is none.
fn groups_of(party: Party, found: &[String]) -> Vec<String> {
    let (own, each) = (party.group(), format!("{}.", party.group()));
    let is_of_party =
        |name: &&String| **name == own || (party == Party::Gateway && name.starts_with(&each));
    let mut groups: Vec<String> = found.iter().filter(is_of_party).cloned().collect();
    if groups.is_empty() {
        groups.push(own.to_owned());
    }
    groups.sort();
    groups
}

async fn lag(
    log: &KafkaLog,
    options: &KafkaOptions,
    group: String,
    places: &[(Topic, u32)],
) -> anyhow::Result<Vec<GroupRow>> {
    let (asking, asked, of) = (options.clone(), places.to_vec(), group.clone());
    // Asked before the ends are read, so that no lag is below 0.
    let committed =
        tokio::task::spawn_blocking(move || groups::committed(&asking, &of, &asked)).await?;
    let committed = committed.context("cannot ask Kafka for a group's offsets")?;
    let mut ends: HashMap<&Topic, Vec<Bounds>> = HashMap::new();
    for (topic, _) in places {
        if !ends.contains_key(topic) {
            ends.insert(
                topic,
                bounds(log, topic.as_str()).await?.unwrap_or_default(),
            );
        }
    }
    let rows = places
        .iter()
        .zip(committed)
        .map(|((topic, partition), committed)| {
            let partition = *partition as usize;
            let of_topic = ends.get(topic).and_then(|bounds| bounds.get(partition));
            let end = of_topic.map_or(0, |bounds| bounds.end);
            GroupRow {
                group: group.clone(),
                topic: topic.to_string(),
                partition,
                committed,
                end,
                lag: committed.map(|committed| end.saturating_sub(committed)),
            }
        });
    Ok(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gateway_that_was_given_an_id_has_a_group_and_others_are_not_ours() {
        let found = ["ws_gateway.b", "ws_gateway.a", "ws_gatewayx", "blazing_sun"];
        let found: Vec<String> = found.map(str::to_owned).into();
        assert_eq!(
            groups_of(Party::Gateway, &found),
            ["ws_gateway.a", "ws_gateway.b"]
        );
        assert_eq!(groups_of(Party::Backend, &found), ["blazing_sun"]);
        assert_eq!(groups_of(Party::Checkout, &found), ["checkout-service"]);
        assert_eq!(groups_of(Party::Gateway, &[]), ["ws_gateway"]);
    }
}
