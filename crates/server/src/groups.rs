//! `blazing-sun groups`: how far each consumer group has read.

use crate::cli::{GroupsAction, GroupsArgs};
use crate::operator::Failure;
use crate::place::{Place, keeper};
use crate::topics::{table, text};
use anyhow::Context;
use blazing_sun_backbone::topics::Party;
use blazing_sun_console::groups::{self, GroupInfo};
use blazing_sun_domain::Games;
use serde::Serialize;
use serde_json::json;

#[derive(Serialize)]
struct GroupRow {
    group: String,
    topic: String,
    partition: u32,
    /// The next offset that it reads; null where it has none.
    committed: Option<u64>,
    end: u64,
    lag: Option<u64>,
}

const HEADS: [&str; 6] = ["group", "topic", "partition", "committed", "end", "lag"];

/// Asks, and gives what to print.
pub async fn run(args: &GroupsArgs, games: &Games, json: bool) -> anyhow::Result<String> {
    let place = args.data.place()?;
    let (log, keeper) = keeper(&place).await?;
    let read = groups::read(&*log, &keeper, games).await;
    let groups = read.context("cannot ask how far groups have read")?;
    match &args.action {
        Some(GroupsAction::List) => Ok(listed(&groups, json)),
        Some(GroupsAction::Describe { group }) => {
            let found = groups.iter().find(|it| it.group == *group);
            let found = found.ok_or_else(|| unknown(group, &groups))?;
            shown(std::slice::from_ref(found), json)
        }
        None => {
            let mut told = shown(&groups, json)?;
            if !json && matches!(place, Place::Folder(_)) {
                told.push_str(&notes(&groups));
            }
            Ok(told)
        }
    }
}

fn unknown(group: &str, groups: &[GroupInfo]) -> Failure {
    let names: Vec<&str> = groups.iter().map(|it| it.group.as_str()).collect();
    let message = format!(
        "there is no group `{group}`; there are: {}",
        names.join(", ")
    );
    Failure::new("group_not_found", message)
}

fn listed(groups: &[GroupInfo], json: bool) -> String {
    if json {
        let rows = groups.iter().map(|it| {
            json!({
                "group": it.group,
                "members": it.members,
                "partitions": it.partitions.len(),
                "lag": it.lag,
            })
        });
        return serde_json::Value::from_iter(rows).to_string();
    }
    let cells = groups.iter().map(|it| {
        [
            it.group.clone(),
            text(it.members.map(|members| members as u64)),
            it.partitions.len().to_string(),
            it.lag.to_string(),
        ]
    });
    table(["group", "members", "partitions", "lag"], cells.collect())
}

fn shown(groups: &[GroupInfo], json: bool) -> anyhow::Result<String> {
    let rows = groups.iter().flat_map(|group| {
        group.partitions.iter().map(|place| GroupRow {
            group: group.group.clone(),
            topic: place.topic.clone(),
            partition: place.partition,
            committed: place.committed,
            end: place.end,
            lag: place.lag,
        })
    });
    let rows: Vec<GroupRow> = rows.collect();
    if json {
        return Ok(serde_json::to_string_pretty(&rows)?);
    }
    let cells = rows.iter().map(|row| {
        [
            row.group.clone(),
            row.topic.clone(),
            row.partition.to_string(),
            text(row.committed),
            row.end.to_string(),
            text(row.lag),
        ]
    });
    Ok(table(HEADS, cells.collect()))
}

/// What is to be known of groups in a folder.
fn notes(groups: &[GroupInfo]) -> String {
    let is_silent = |party: Party| {
        let mut own = groups.iter().filter(|group| group.group == party.group());
        own.all(|group| {
            group
                .partitions
                .iter()
                .all(|place| place.committed.is_none())
        })
    };
    let mut told = String::new();
    if is_silent(Party::Gateway) {
        told.push_str("\n\nno server runs: ws_gateway reads from the end when it starts");
    }
    told.push_str(
        "\nblazing_sun decides a record in the transaction that appends it, so it is at the end",
    );
    if is_silent(Party::Checkout) {
        told.push_str(
            "\nno checkout was ever started here: nothing reads the topics of checkout-service",
        );
    }
    told
}
