//! `blazing-sun topics` and `groups`: what is on the log, and how far each consumer group has read it.

use crate::cli::DataArgs;
use crate::data_dir::existing_database;
use crate::operator::{GatewayPosition, Request, Target};
use anyhow::Context;
use blazing_sun_backbone::log::sqlite::{SqliteLog, TopicDescription};
use blazing_sun_backbone::topics::{self, Party};
use blazing_sun_domain::{Games, Millis};
use serde::Serialize;
use std::collections::HashMap;

#[derive(Serialize)]
struct TopicRow {
    topic: String,
    partitions: usize,
    records: u64,
    bytes: u64,
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
    group: &'static str,
    topic: String,
    partition: usize,
    /// The next offset that it reads; null where it has none.
    committed: Option<u64>,
    end: u64,
    lag: Option<u64>,
}

const DAY_MS: i64 = 86_400_000;

/// All topics with what is on them.
pub async fn topics(data: &DataArgs, json: bool) -> anyhow::Result<String> {
    let rows: Vec<TopicRow> = described(data).await?.into_iter().map(topic_row).collect();
    if json {
        return Ok(serde_json::to_string_pretty(&rows)?);
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
            row.bytes.to_string(),
            kept.map_or_else(|| "for ever".to_owned(), |days| days.to_string()),
            instant(&row.oldest),
            instant(&row.newest),
        ]
    });
    Ok(table(heads, cells.collect()))
}

/// What `topics create` does here: a server makes its topics when it starts.
pub async fn create(data: &DataArgs, games: &Games, json: bool) -> anyhow::Result<String> {
    let there: Vec<String> = described(data)
        .await?
        .into_iter()
        .map(|it| it.name)
        .collect();
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

/// How far each group of the contract has read.
pub async fn groups(data: &DataArgs, games: &Games, json: bool) -> anyhow::Result<String> {
    // Asked before the ends are read, so that no lag is below 0.
    let asked = Target::ask_running(&data.data_dir, &Request::GatewayPositions).await?;
    let positions: Option<Vec<GatewayPosition>> = asked;
    let described = described(data).await?;
    let names: Vec<&str> = games.iter().map(|game| game.name).collect();
    let rows = group_rows(&described, positions.as_deref(), &names);
    if json {
        return Ok(serde_json::to_string_pretty(&rows)?);
    }
    let text = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |it| it.to_string());
    let heads = ["group", "topic", "partition", "committed", "end", "lag"];
    let cells = rows.iter().map(|row| {
        [
            row.group.to_owned(),
            row.topic.clone(),
            row.partition.to_string(),
            text(row.committed),
            row.end.to_string(),
            text(row.lag),
        ]
    });
    let mut told = table(heads, cells.collect());
    if positions.is_none() {
        told.push_str("\n\nno server runs: ws_gateway reads from the end when it starts");
    }
    told.push_str(
        "\nblazing_sun decides a record in the transaction that appends it, so it is at the end",
    );
    told.push_str("\ncheckout-service is not in this build: nothing reads its topics");
    Ok(told)
}

fn group_rows(
    described: &[TopicDescription],
    positions: Option<&[GatewayPosition]>,
    games: &[&str],
) -> Vec<GroupRow> {
    let read: HashMap<(&str, usize), u64> = positions
        .unwrap_or_default()
        .iter()
        .map(|it| ((it.topic.as_str(), it.partition as usize), it.next))
        .collect();
    let mut rows = Vec::new();
    for party in Party::ALL {
        let of_party = topics::read_by(party, games);
        let topics = described
            .iter()
            .filter(|topic| of_party.contains(&topic.name));
        for topic in topics {
            for (partition, bounds) in topic.partitions.iter().enumerate() {
                let committed = match party {
                    Party::Backend => Some(bounds.end),
                    Party::Gateway => read.get(&(topic.name.as_str(), partition)).copied(),
                    Party::Checkout => None,
                };
                rows.push(GroupRow {
                    group: party.group(),
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

async fn described(data: &DataArgs) -> anyhow::Result<Vec<TopicDescription>> {
    let database = existing_database(&data.data_dir)?;
    let cannot = || format!("cannot read the event log in {}", database.display());
    let log = SqliteLog::open_read_only(&database).with_context(cannot)?;
    log.describe().await.with_context(cannot)
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
        bytes: topic.bytes,
        retention_days: (topic.retention_ms >= 0).then_some(topic.retention_ms / DAY_MS),
        oldest: instant(topic.oldest),
        newest: instant(topic.newest),
        offsets: offsets.collect(),
        topic: topic.name,
    }
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
