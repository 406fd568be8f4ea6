//! Kafka: whether it answers, and has the topics as they have to be.

use super::Examination;
use super::folder::CLOCK_MS;
use crate::brokers::{kafka_options, unique_name};
use crate::config::Config;
use crate::place::connect;
use crate::serve::topic_specs;
use blazing_sun_backbone::clock;
use blazing_sun_backbone::log::kafka::{KafkaLog, retention};
use blazing_sun_backbone::log::{EventLog, LogError, Topic};
use blazing_sun_backbone::topics::{self, TopicSpec};
use blazing_sun_domain::Games;
use std::collections::BTreeMap;

/// The brokers, if they answer.
pub(super) async fn examine(
    config: &Config,
    games: &Games,
    examination: &mut Examination,
) -> Option<KafkaLog> {
    examination.look("brokers");
    let remedy = "start the brokers, or correct KAFKA_BOOTSTRAP_SERVERS and `kafka.tls`, `kafka.sasl`; rights are in \
                  deploy/kafka/acls.sh";
    let log = examination.found(connect(config).await, remedy)?;
    let specs = topic_specs(config, games);
    examination.look("topics");
    let there = there(&log, &specs, examination).await;
    examination.look("retention");
    if let Err(error) = retention_of(config, &there, examination).await {
        examination.find(
            format!("{error:#}"),
            "give this user the right DescribeConfigs on the topics",
        );
    }
    examination.look("clock of records");
    if let Err(error) = clock_of_records(&log, &there, examination).await {
        examination.find(format!("{error:#}"), remedy);
    }
    Some(log)
}

async fn there<'s>(
    log: &KafkaLog,
    specs: &'s [TopicSpec],
    examination: &mut Examination,
) -> Vec<&'s TopicSpec> {
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for spec in specs {
        let name = spec.name.as_str();
        match log.bounds(&Topic::new(name)).await {
            Ok(bounds) if bounds.len() == spec.partitions as usize => there.push(spec),
            Ok(bounds) => {
                let (found, wanted) = (bounds.len(), spec.partitions);
                examination.find(
                    format!("`{name}` has {found} partitions, and `log.partitions` is {wanted}"),
                    format!("set `log.partitions` to what the other topics have; a topic that alone differs has to be made anew: stop all \
                             processes, delete `{name}`, then `blazing-sun topics create`"),
                );
            }
            Err(LogError::UnknownPartition { .. }) => missing.push(name),
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                examination.find(
                    format!("`{name}`: {error}"),
                    "give this user the right Describe on the topic",
                );
            }
        }
    }
    if !missing.is_empty() {
        examination.find(
            format!("topics are missing: {}", missing.join(", ")),
            "blazing-sun topics create",
        );
    }
    there
}

async fn retention_of(
    config: &Config,
    there: &[&TopicSpec],
    examination: &mut Examination,
) -> anyhow::Result<()> {
    let options = kafka_options(&config.kafka, &unique_name())?;
    let names: Vec<String> = there.iter().map(|spec| spec.name.clone()).collect();
    let kept = retention::of_topics(&options, &names).await?;
    let mut others: BTreeMap<(i64, i64), Vec<String>> = BTreeMap::new();
    for (spec, kept_ms) in there.iter().zip(kept) {
        if let Some(kept_ms) = kept_ms.filter(|kept_ms| *kept_ms != spec.retention_ms) {
            let alike = others.entry((kept_ms, spec.retention_ms)).or_default();
            alike.push(options.full_name(&spec.name));
        }
    }
    for ((kept_ms, wanted_ms), names) in others {
        let names = names.join(", ");
        examination.find(
            format!("records are kept for {kept_ms} ms, and `log.retention_days` says {wanted_ms} ms: {names}"),
            format!("set `log.retention_days`, or for each topic: kafka-configs.sh --alter --entity-type topics --entity-name TOPIC \
                     --add-config retention.ms={wanted_ms}"),
        );
    }
    Ok(())
}

/// Records that are dated ahead keep their segments, and ids of commands go by the clock.
async fn clock_of_records(
    log: &KafkaLog,
    there: &[&TopicSpec],
    examination: &mut Examination,
) -> anyhow::Result<()> {
    let written = [topics::GAMES_COMMANDS, topics::GAMES_EVENTS];
    for name in written
        .iter()
        .filter(|name| there.iter().any(|spec| spec.name == **name))
    {
        let topic = Topic::new(name);
        let ends = log.bounds(&topic).await?;
        let ahead = log.since(&topic, clock::now().plus(CLOCK_MS)).await?;
        let is_ahead = ahead
            .iter()
            .zip(&ends)
            .any(|(ahead, bounds)| *ahead < bounds.end);
        if is_ahead {
            examination.find(
                format!(
                    "`{name}` has records of more than {} s ahead of this machine's clock",
                    CLOCK_MS / 1_000
                ),
                "set the clocks of this machine, of the brokers and of all processes right (NTP)",
            );
        }
    }
    Ok(())
}
