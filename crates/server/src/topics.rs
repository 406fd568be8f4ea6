//! `blazing-sun topics`: what is on the log.

mod on_kafka;
pub(crate) mod readers;

use crate::cli::DataArgs;
use crate::data_dir::existing_database;
use crate::place::{Place, keeper, read_only};
use crate::tail::bounds_of;
use anyhow::{Context, bail};
use blazing_sun_backbone::log::Topic;
use blazing_sun_backbone::log::sqlite::TopicDescription;
use blazing_sun_backbone::topics;
use blazing_sun_domain::{Games, Millis};
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct TopicRow {
    topic: String,
    partitions: usize,
    records: u64,
    /// Null where the log does not tell.
    bytes: Option<u64>,
    retention_days: Option<i64>,
    oldest: Option<String>,
    newest: Option<String>,
    offsets: Vec<OffsetsRow>,
}

#[derive(Serialize)]
struct OffsetsRow {
    partition: usize,
    first: u64,
    next: u64,
}

const DAY_MS: i64 = 86_400_000;
const PARTITION_HEADS: [&str; 7] = [
    "partition",
    "first",
    "next",
    "bytes, about",
    "leader",
    "replicas",
    "in sync",
];

/// All topics with what is on them.
pub async fn topics(data: &DataArgs, games: &Games, json: bool) -> anyhow::Result<String> {
    let place = data.place()?;
    let is_on_kafka = matches!(place, Place::Cluster(_));
    let rows = match place {
        Place::Folder(folder) => {
            let described = described(&folder).await?;
            described.into_iter().map(topic_row).collect()
        }
        Place::Cluster(config) => on_kafka::topics(&config, games).await?,
    };
    if json {
        return Ok(serde_json::to_string_pretty(&rows)?);
    }
    if is_on_kafka {
        let cells = rows.iter().map(|row| {
            let (partitions, records) = (row.partitions.to_string(), row.records.to_string());
            let bytes = row
                .bytes
                .map_or_else(|| "unknown".to_owned(), |it| it.to_string());
            [row.topic.clone(), partitions, records, bytes]
        });
        let heads = ["topic", "partitions", "records", "bytes"];
        return Ok(table(heads, cells.collect()));
    }
    let heads = [
        "topic",
        "partitions",
        "records",
        "bytes",
        "days",
        "oldest",
        "newest",
    ];
    let cells = rows.iter().map(|row| {
        let kept = row.retention_days;
        let instant = |at: &Option<String>| at.clone().unwrap_or_else(|| "-".to_owned());
        [
            row.topic.clone(),
            row.partitions.to_string(),
            row.records.to_string(),
            text(row.bytes),
            kept.map_or_else(|| "for ever".to_owned(), |days| days.to_string()),
            instant(&row.oldest),
            instant(&row.newest),
        ]
    });
    Ok(table(heads, cells.collect()))
}

/// Makes what is missing on Kafka; of a folder it says what is missing: a server makes its topics when it starts.
pub async fn create(data: &DataArgs, games: &Games, json: bool) -> anyhow::Result<String> {
    let folder = match data.place()? {
        Place::Folder(folder) => folder,
        Place::Cluster(config) => return on_kafka::create(&config, games, json).await,
    };
    let there = described(&folder).await?;
    let there: Vec<String> = there.into_iter().map(|it| it.name).collect();
    let names: Vec<&str> = games.iter().map(|game| game.name).collect();
    let (exist, missing): (Vec<String>, Vec<String>) = topics::rows(&names)
        .map(|(name, _)| name)
        .partition(|name| there.contains(name));
    if json {
        let told = serde_json::json!({ "created": [], "exist": exist, "missing": missing });
        return Ok(told.to_string());
    }
    let missing = match missing.is_empty() {
        true => "none is missing".to_owned(),
        false => format!("made at the server's next start: {}", missing.join(", ")),
    };
    Ok(format!("{} topics are there; {missing}", exist.len()))
}

/// Has the database belong to the configured topics; a folder's topics and state are one file.
pub async fn adopt(data: &DataArgs, json: bool) -> anyhow::Result<String> {
    match data.place()? {
        Place::Folder(folder) => bail!(
            "{} has its topics in it: there are none elsewhere to adopt",
            folder.display()
        ),
        Place::Cluster(config) => on_kafka::adopt(&config, json).await,
    }
}

/// A topic with its partitions and settings.
pub async fn describe(
    data: &DataArgs,
    topic: &str,
    games: &Games,
    json: bool,
) -> anyhow::Result<String> {
    let (log, keeper) = keeper(&data.place()?).await?;
    let topic = Topic::new(topic);
    let bounds = bounds_of(&*log, &topic, games).await?;
    let described = blazing_sun_console::topics::describe(&*log, &keeper, &topic, &bounds).await;
    let described = described.context("cannot describe the topic")?;
    if json {
        return Ok(serde_json::to_string_pretty(&described)?);
    }
    let instant = |at: Option<String>| at.unwrap_or_else(|| "-".to_owned());
    let kept = match described.retention_ms {
        Some(ms) if ms >= 0 => format!("{ms} ms"),
        Some(_) => "for ever".to_owned(),
        None => "-".to_owned(),
    };
    let brokers = |ids: &[i32]| ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
    let cells = described.by_partition.iter().map(|it| {
        [
            it.partition.to_string(),
            it.begin.to_string(),
            it.end.to_string(),
            text(it.estimated_bytes),
            it.leader
                .map_or_else(|| "-".to_owned(), |leader| leader.to_string()),
            brokers(&it.replicas),
            brokers(&it.in_sync),
        ]
    });
    let mut told = format!(
        "{}: {} records in {} partitions, about {} bytes, kept {kept}, oldest {}, newest {}\n\n{}\n",
        described.name,
        described.records,
        described.partitions,
        text(described.estimated_bytes),
        instant(described.first_timestamp),
        instant(described.last_timestamp),
        table(PARTITION_HEADS, cells.collect()),
    );
    for (name, value) in described.settings {
        told.push_str(&format!("\n{name} = {}", value.as_deref().unwrap_or("***")));
    }
    Ok(told)
}

async fn described(folder: &Path) -> anyhow::Result<Vec<TopicDescription>> {
    let database = existing_database(folder)?;
    let cannot = || format!("cannot read the event log in {}", database.display());
    read_only(&database)?.describe().await.with_context(cannot)
}

fn topic_row(topic: TopicDescription) -> TopicRow {
    let offsets = topic.partitions.iter().enumerate();
    let offsets = offsets.map(|(partition, bounds)| OffsetsRow {
        partition,
        first: bounds.earliest,
        next: bounds.end,
    });
    let records = topic.partitions.iter();
    let records = records.map(|bounds| bounds.end.saturating_sub(bounds.earliest));
    let instant = |at: Option<Millis>| at.map(|at| at.to_string());
    TopicRow {
        partitions: topic.partitions.len(),
        records: records.sum(),
        bytes: Some(topic.bytes),
        retention_days: (topic.retention_ms >= 0).then_some(topic.retention_ms / DAY_MS),
        oldest: instant(topic.oldest),
        newest: instant(topic.newest),
        offsets: offsets.collect(),
        topic: topic.name,
    }
}

pub(crate) fn text(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), |it| it.to_string())
}

pub(crate) fn table<const N: usize>(heads: [&str; N], rows: Vec<[String; N]>) -> String {
    let heads = heads.map(str::to_owned);
    let width = |column: usize| {
        let cells = rows.iter().chain([&heads]);
        cells
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let lines = [&heads].into_iter().chain(&rows).map(line);
    lines.collect::<Vec<_>>().join("\n")
}
