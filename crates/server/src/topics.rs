//! `blazing-sun topics` and `groups`: what is on the log, and how far each consumer group has read it.

mod on_kafka;

use crate::audit::checkout;
use crate::cli::DataArgs;
use crate::data_dir::existing_database;
use crate::operator::{GatewayPosition, Request, Target};
use crate::place::{Place, read_only};
use anyhow::{Context, bail};
use blazing_sun_backbone::log::sqlite::TopicDescription;
use blazing_sun_backbone::topics::{self, Party};
use blazing_sun_checkout::store::Place as ReadTo;
use blazing_sun_domain::{Games, Millis};
use serde::Serialize;
use std::collections::HashMap;
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

#[derive(Serialize)]
struct GroupRow {
    group: String,
    topic: String,
    partition: usize,
    /// The next offset that it reads; null where it has none.
    committed: Option<u64>,
    end: u64,
    lag: Option<u64>,
}

const DAY_MS: i64 = 86_400_000;
const GROUP_HEADS: [&str; 6] = ["group", "topic", "partition", "committed", "end", "lag"];

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
            [row.topic.clone(), partitions, records]
        });
        return Ok(table(["topic", "partitions", "records"], cells.collect()));
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

/// How far each group of the contract has read.
pub async fn groups(data: &DataArgs, games: &Games, json: bool) -> anyhow::Result<String> {
    let folder = match data.place()? {
        Place::Folder(folder) => folder,
        Place::Cluster(config) => {
            let rows = on_kafka::groups(&config, games).await?;
            return match json {
                true => Ok(serde_json::to_string_pretty(&rows)?),
                false => Ok(table(GROUP_HEADS, rows.iter().map(group_cells).collect())),
            };
        }
    };
    // Asked before the ends are read, so that no lag is below 0.
    let asked = Target::ask_running(&folder, &Request::GatewayPositions).await?;
    let positions: Option<Vec<GatewayPosition>> = asked;
    let places = checkout::places_of_folder(&folder).await?;
    let described = described(&folder).await?;
    let names: Vec<&str> = games.iter().map(|game| game.name).collect();
    let rows = group_rows(&described, positions.as_deref(), places.as_deref(), &names);
    if json {
        return Ok(serde_json::to_string_pretty(&rows)?);
    }
    let mut told = table(GROUP_HEADS, rows.iter().map(group_cells).collect());
    if positions.is_none() {
        told.push_str("\n\nno server runs: ws_gateway reads from the end when it starts");
    }
    told.push_str(
        "\nblazing_sun decides a record in the transaction that appends it, so it is at the end",
    );
    if places.is_none() {
        told.push_str(
            "\nno checkout was ever started here: nothing reads the topics of checkout-service",
        );
    }
    Ok(told)
}

fn group_cells(row: &GroupRow) -> [String; 6] {
    [
        row.group.clone(),
        row.topic.clone(),
        row.partition.to_string(),
        text(row.committed),
        row.end.to_string(),
        text(row.lag),
    ]
}

fn group_rows(
    described: &[TopicDescription],
    positions: Option<&[GatewayPosition]>,
    places: Option<&[ReadTo]>,
    games: &[&str],
) -> Vec<GroupRow> {
    let read: HashMap<(&str, usize), u64> = positions
        .unwrap_or_default()
        .iter()
        .map(|it| ((it.topic.as_str(), it.partition as usize), it.next))
        .collect();
    let taken: HashMap<(&str, usize), u64> = places
        .unwrap_or_default()
        .iter()
        .map(|it| ((it.topic.as_str(), it.partition as usize), it.next_offset))
        .collect();
    let mut rows = Vec::new();
    for party in Party::ALL {
        let of_party = topics::read_by(party, games);
        let topics = described
            .iter()
            .filter(|topic| of_party.contains(&topic.name));
        for topic in topics {
            for (partition, bounds) in topic.partitions.iter().enumerate() {
                let place = (topic.name.as_str(), partition);
                let committed = match party {
                    Party::Backend => Some(bounds.end),
                    Party::Gateway => read.get(&place).copied(),
                    Party::Checkout => {
                        places.map(|_| taken.get(&place).copied().unwrap_or(bounds.earliest))
                    }
                };
                rows.push(GroupRow {
                    group: party.group().to_owned(),
                    topic: topic.name.clone(),
                    partition,
                    committed,
                    end: bounds.end,
                    lag: committed.map(|committed| bounds.end.saturating_sub(committed)),
                });
            }
        }
    }
    rows
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

fn text(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), |it| it.to_string())
}

fn table<const N: usize>(heads: [&str; N], rows: Vec<[String; N]>) -> String {
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
