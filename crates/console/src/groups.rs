//! Consumer groups: how far they have read, and how their lag went.

use crate::messages::{in_path, unreadable};
use crate::{Admin, Console, Endpoint, Keeper, Readers, query};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use blazing_sun_backbone::log::kafka::{KafkaLog, KnownGroup};
use blazing_sun_backbone::log::{Bounds, EventLog, LogError, Topic};
use blazing_sun_backbone::rest::problem::{INVALID_FORMAT, NOT_FOUND};
use blazing_sun_backbone::rest::{Answer, Parameter, Place};
use blazing_sun_backbone::topics::{self, Party};
use blazing_sun_backend::api::Problem;
use blazing_sun_domain::Games;
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

const MINUTES_MAX: u32 = 60;

/// `GET groups`
#[derive(Debug, Serialize, JsonSchema)]
pub struct Groups {
    /// The groups of the contract, and those of gateways that were given an id.
    pub groups: Vec<GroupInfo>,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GroupInfo {
    /// Its name.
    pub group: String,
    /// How many members the brokers know: 0 where members are told their partitions by nobody; null without brokers.
    pub members: Option<usize>,
    /// How many records it has still to read, in all.
    pub lag: u64,
    /// What it reads.
    pub partitions: Vec<GroupPlace>,
}

/// A partition that a group reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GroupPlace {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: u32,
    /// The next offset that it reads; null where it has none.
    pub committed: Option<u64>,
    /// One past the newest.
    pub end: u64,
    /// What lies between; null where it has none.
    pub lag: Option<u64>,
}

/// `GET groups/{group}/lag`
#[derive(Debug, Serialize, JsonSchema)]
pub struct Lags {
    /// Oldest first, one every ten seconds, for an hour, of the process that answers.
    pub samples: Vec<LagSample>,
}

/// A group's lag at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LagSample {
    /// When: RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// How many records it had still to read.
    pub lag: u64,
}

#[derive(Deserialize)]
struct Asked {
    minutes: Option<u32>,
}

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let place = GroupPlace {
        topic: "games.commands".to_owned(),
        partition: 0,
        committed: Some(10),
        end: 12,
        lag: Some(2),
    };
    let group = GroupInfo {
        group: "blazing_sun".to_owned(),
        members: Some(2),
        lag: 2,
        partitions: vec![place],
    };
    let sample = LagSample {
        at: "2026-01-31T20:15:00.000Z".to_owned(),
        lag: 2,
    };
    let named = Parameter {
        place: Place::Path,
        name: "group",
        description: "The group's name.",
        is_required: true,
        schema: json_schema!({ "type": "string" }),
        example: "blazing_sun".into(),
    };
    let minutes = query::optional(
        "minutes",
        "How far back: 1 to 60 minutes, 60 where it is left out.",
        json_schema!({ "type": "integer", "minimum": 1, "maximum": MINUTES_MAX }),
        MINUTES_MAX,
    );
    let list = query::get("/api/v1/admin/groups", "groups")
        .says("List the consumer groups", "")
        .answers(Answer::json(
            200,
            "All of them.",
            &Groups {
                groups: vec![group],
            },
        ));
    let samples = Lags {
        samples: vec![sample],
    };
    let lag = query::get("/api/v1/admin/groups/{group}/lag", "groupLag")
        .says("Read how a group's lag went", "")
        .parameter(named)
        .parameter(minutes)
        .answers(Answer::json(200, "Its lag over time.", &samples))
        .refuses(&[INVALID_FORMAT, NOT_FOUND]);
    vec![Endpoint::new(list, groups), Endpoint::new(lag, lag_of)]
}

async fn groups(_: Admin, State(console): State<Console>) -> Result<Json<Groups>, Problem> {
    let read = read(&*console.log, &console.keeper, &console.games).await;
    let groups = read.map_err(|error| unreadable(&error))?;
    Ok(Json(Groups { groups }))
}

async fn lag_of(
    _: Admin,
    State(console): State<Console>,
    group: Result<Path<String>, PathRejection>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Lags>, Problem> {
    let group = in_path(group)?;
    let minutes = query::read(asked)?.minutes.unwrap_or(MINUTES_MAX);
    if !(1..=MINUTES_MAX).contains(&minutes) {
        let detail = "`minutes` must be a whole number from 1 to 60.";
        return Err(Problem::invalid_format(detail).in_field("minutes"));
    }
    let since = (console.clock)().plus(-i64::from(minutes) * 60_000);
    match console.lags.of_group(&group, since) {
        Some(samples) => Ok(Json(Lags { samples })),
        None => {
            let detail = "There is no such group, or nothing was sampled yet.";
            Err(Problem::new(NOT_FOUND, detail))
        }
    }
}

/// How far every group has read.
pub async fn read(
    log: &dyn EventLog,
    keeper: &Keeper,
    games: &Games,
) -> Result<Vec<GroupInfo>, LogError> {
    let names: Vec<&str> = games.iter().map(|game| game.name).collect();
    let known = match keeper {
        Keeper::Cluster { log, .. } => log.groups().await?,
        Keeper::File { .. } => Vec::new(),
    };
    let mut found = Vec::new();
    for party in Party::ALL {
        let topics = topics::read_by(party, &names);
        match keeper {
            Keeper::File { readers, .. } => {
                found.push(of_file(log, &**readers, party, &topics).await?);
            }
            Keeper::Cluster { log, .. } => {
                found.extend(of_brokers(log, party, &topics, &known).await?);
            }
        }
    }
    Ok(found)
}

/// One server has one group of each party, which the engine's own is at the end of.
async fn of_file(
    log: &dyn EventLog,
    readers: &dyn Readers,
    party: Party,
    topics: &[String],
) -> Result<GroupInfo, LogError> {
    // Asked before the ends are read, so that no lag is below 0.
    let positions = match party {
        Party::Backend => None,
        party => readers.positions(party).await,
    };
    let mut places = Vec::new();
    for name in topics {
        let topic = Topic::new(name);
        let bounds = match log.bounds(&topic).await {
            Err(LogError::UnknownPartition { .. }) => Vec::new(),
            bounds => bounds?,
        };
        for (partition, Bounds { earliest, end }) in (0..).zip(bounds) {
            let place = (name.clone(), partition);
            let position = positions.as_ref().map(|it| it.get(&place).copied());
            let committed = match party {
                Party::Backend => Some(end),
                Party::Gateway => position.flatten(),
                Party::Checkout => position.map(|at| at.unwrap_or(earliest)),
            };
            places.push(place_at(&topic, partition, committed, end));
        }
    }
    Ok(group(party.group().to_owned(), None, places))
}

async fn of_brokers(
    log: &KafkaLog,
    party: Party,
    topics: &[String],
    known: &[KnownGroup],
) -> Result<Vec<GroupInfo>, LogError> {
    let topics = topics.iter().map(|name| Topic::new(name)).collect();
    let places = log.places_of(topics).await?;
    let mut found = Vec::new();
    for name in groups_of(party, known.iter().map(|group| &*group.name)) {
        // Asked before the ends are, so that no lag is below 0.
        let committed = log.committed(&name, &places).await?;
        let bounds = log.bounds_of(&places).await?;
        let read = places.iter().zip(committed).zip(bounds);
        let read = read.map(|(((topic, partition), committed), bounds)| {
            place_at(topic, *partition, committed, bounds.end)
        });
        let its = known.iter().find(|group| group.name == name);
        found.push(group(
            name,
            Some(its.map_or(0, |it| it.members)),
            read.collect(),
        ));
    }
    Ok(found)
}

fn group(group: String, members: Option<usize>, partitions: Vec<GroupPlace>) -> GroupInfo {
    GroupInfo {
        group,
        members,
        lag: partitions.iter().filter_map(|place| place.lag).sum(),
        partitions,
    }
}

fn place_at(topic: &Topic, partition: u32, committed: Option<u64>, end: u64) -> GroupPlace {
    GroupPlace {
        topic: topic.to_string(),
        partition,
        committed,
        end,
        lag: committed.map(|committed| end.saturating_sub(committed)),
    }
}

/// By topic: one past the newest record, over all partitions.
pub(crate) fn ends(groups: &[GroupInfo]) -> HashMap<String, u64> {
    let mut ends: HashMap<(&str, u32), u64> = HashMap::new();
    for place in groups.iter().flat_map(|group| &group.partitions) {
        ends.insert((&place.topic, place.partition), place.end);
    }
    let mut of_topics = HashMap::new();
    for ((topic, _), end) in ends {
        *of_topics.entry(topic.to_owned()).or_insert(0) += end;
    }
    of_topics
}

/// The party's groups that there are; its own where there is none.
fn groups_of<'a>(party: Party, found: impl Iterator<Item = &'a str>) -> Vec<String> {
    let (own, each) = (party.group(), format!("{}.", party.group()));
    let is_of_party =
        |name: &&str| *name == own || (party == Party::Gateway && name.starts_with(&each));
    let mut groups: Vec<String> = found.filter(is_of_party).map(str::to_owned).collect();
    if groups.is_empty() {
        groups.push(own.to_owned());
    }
    groups.sort();
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gateway_that_was_given_an_id_has_a_group_and_others_are_not_ours() {
        let found = ["ws_gateway.b", "ws_gateway.a", "ws_gatewayx", "blazing_sun"];
        let groups = |party| groups_of(party, found.into_iter());
        assert_eq!(groups(Party::Gateway), ["ws_gateway.a", "ws_gateway.b"]);
        assert_eq!(groups(Party::Backend), ["blazing_sun"]);
        assert_eq!(groups(Party::Checkout), ["checkout-service"]);
        assert_eq!(groups_of(Party::Gateway, [].into_iter()), ["ws_gateway"]);
    }

    #[test]
    fn a_topic_that_two_groups_read_counts_once() {
        let place =
            |topic: &str, partition, end| place_at(&Topic::new(topic), partition, Some(0), end);
        let groups = [
            group(
                "a".to_owned(),
                None,
                vec![place("t", 0, 3), place("t", 1, 4)],
            ),
            group(
                "b".to_owned(),
                None,
                vec![place("t", 0, 3), place("u", 0, 9)],
            ),
        ];
        let ends = ends(&groups);
        assert_eq!((ends["t"], ends["u"], groups[0].lag), (7, 9, 7));
    }
}
