//! Topics: how large they are, how long they keep what, where their partitions are.

use crate::messages::{bounds, in_path, topic_parameter, unreadable};
use crate::{Admin, Console, Endpoint, Keeper, query};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use blazing_sun_backbone::log::kafka::{PartitionCopies, TopicSettings};
use blazing_sun_backbone::log::{Bounds, EventLog, LogError, Span, Topic, Way};
use blazing_sun_backbone::rest::Answer;
use blazing_sun_backbone::rest::problem::{INVALID_FORMAT, NOT_FOUND};
use blazing_sun_backend::api::Problem;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

const RETENTION: &str = "retention.ms";

/// `GET topics`
#[derive(Debug, Serialize, JsonSchema)]
pub struct Topics {
    /// By name.
    pub topics: Vec<TopicInfo>,
}

/// A topic.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TopicInfo {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: usize,
    /// Offsets that are kept, of all partitions; on Kafka some may be marks, which are no records.
    pub records: u64,
    /// Bytes of keys, headers and payloads, about: the oldest and the newest records' average, as often as there are
    /// records. Null in a list of Kafka's, where records are not looked at.
    pub estimated_bytes: Option<u64>,
    /// How long records are kept, in milliseconds; null where the log does not tell, below 0 for ever.
    pub retention_ms: Option<i64>,
    /// When the oldest record that is kept was appended; null where there is none, and in a list of Kafka's.
    #[schemars(extend("format" = "date-time"))]
    pub first_timestamp: Option<String>,
    /// When the newest was; null as before.
    #[schemars(extend("format" = "date-time"))]
    pub last_timestamp: Option<String>,
    /// Records a second over the last minute; null while that is not known yet.
    pub rate_per_s: Option<f64>,
}

/// `GET topics/{topic}`
#[derive(Debug, Serialize, JsonSchema)]
pub struct TopicDescribed {
    /// Its name.
    pub name: String,
    /// Offsets that are kept, of all partitions; on Kafka some may be marks, which are no records.
    pub records: u64,
    /// Bytes of keys, headers and payloads, about: the oldest and the newest records' average, as often as there are
    /// records. Brokers' copies, indexes and compression are not in it.
    pub estimated_bytes: Option<u64>,
    /// How long records are kept, in milliseconds; null where the log does not tell, below 0 for ever.
    pub retention_ms: Option<i64>,
    /// When the oldest record that is kept was appended; null where there is none.
    #[schemars(extend("format" = "date-time"))]
    pub first_timestamp: Option<String>,
    /// When the newest was; null as before.
    #[schemars(extend("format" = "date-time"))]
    pub last_timestamp: Option<String>,
    /// Records a second over the last minute; null while that is not known yet.
    pub rate_per_s: Option<f64>,
    /// How many partitions it has.
    pub partitions: usize,
    /// They, in their order.
    pub by_partition: Vec<PartitionInfo>,
    /// Its settings by name; null stands for a secret.
    pub settings: BTreeMap<String, Option<String>>,
}

/// A partition.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PartitionInfo {
    /// Its number.
    pub partition: usize,
    /// The oldest offset that is kept.
    pub begin: u64,
    /// One past the newest.
    pub end: u64,
    /// As of the topic, by the topic's average.
    pub estimated_bytes: Option<u64>,
    /// The broker that leads it; null where there are no brokers, or none leads it.
    pub leader: Option<i32>,
    /// The brokers that have it.
    pub replicas: Vec<i32>,
    /// Those of them that keep up.
    pub in_sync: Vec<i32>,
}

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let topic = TopicInfo {
        name: "games.events".to_owned(),
        partitions: 1,
        records: 12,
        estimated_bytes: Some(7_200),
        retention_ms: Some(604_800_000),
        first_timestamp: Some("2026-01-31T20:15:00.000Z".to_owned()),
        last_timestamp: Some("2026-01-31T20:16:00.000Z".to_owned()),
        rate_per_s: Some(0.2),
    };
    let partition = PartitionInfo {
        partition: 0,
        begin: 0,
        end: 12,
        estimated_bytes: Some(7_200),
        leader: None,
        replicas: Vec::new(),
        in_sync: Vec::new(),
    };
    let settings = [(RETENTION.to_owned(), Some("604800000".to_owned()))].into();
    let described = TopicDescribed::of(topic.clone(), vec![partition], settings);
    let list = query::get("/api/v1/admin/topics", "topics")
        .says("List the topics", "")
        .answers(Answer::json(
            200,
            "All of them.",
            &Topics {
                topics: vec![topic],
            },
        ));
    let one = query::get("/api/v1/admin/topics/{topic}", "topic")
        .says("Describe a topic", "")
        .parameter(topic_parameter())
        .answers(Answer::json(200, "The topic.", &described))
        .refuses(&[INVALID_FORMAT, NOT_FOUND]);
    vec![Endpoint::new(list, topics), Endpoint::new(one, topic_of)]
}

async fn topics(_: Admin, State(console): State<Console>) -> Result<Json<Topics>, Problem> {
    let listed = list(&*console.log, &console.keeper).await;
    let mut topics = listed.map_err(|error| unreadable(&error))?;
    for topic in &mut topics {
        topic.rate_per_s = console.lags.rate(&topic.name);
    }
    Ok(Json(Topics { topics }))
}

async fn topic_of(
    _: Admin,
    State(console): State<Console>,
    topic: Result<Path<String>, PathRejection>,
) -> Result<Json<TopicDescribed>, Problem> {
    let topic = Topic::new(&in_path(topic)?);
    let bounds = bounds(&*console.log, &topic).await?;
    let described = describe(&*console.log, &console.keeper, &topic, &bounds).await;
    let mut described = described.map_err(|error| unreadable(&error))?;
    described.rate_per_s = console.lags.rate(topic.as_str());
    Ok(Json(described))
}

/// All topics, by name.
pub async fn list(log: &dyn EventLog, keeper: &Keeper) -> Result<Vec<TopicInfo>, LogError> {
    let mut topics = Vec::new();
    match keeper {
        Keeper::File { log: file, .. } => {
            for spec in file.glance().await?.topics {
                let (topic, retention_ms) = (Topic::new(&spec.name), spec.retention_ms);
                let bounds = log.bounds(&topic).await?;
                let ends = ends(log, &topic, &bounds).await?;
                topics.push(info(&topic, &bounds, Some(retention_ms), ends));
            }
        }
        Keeper::Cluster { log: brokers, .. } => {
            let names = brokers.topic_names().await?;
            let all: Vec<Topic> = names.iter().map(|name| Topic::new(name)).collect();
            let places = brokers.places_of(all.clone()).await?;
            let bounds = brokers.bounds_of(&places).await?;
            // Rights to read settings are often not given.
            let settings = brokers.settings(&all).await.unwrap_or_default();
            for (at, topic) in all.iter().enumerate() {
                let own = places.iter().zip(&bounds);
                let own = own.filter(|((other, _), _)| other == topic);
                let own: Vec<Bounds> = own.map(|(_, bounds)| *bounds).collect();
                let retention_ms = settings.get(at).and_then(retention_of);
                topics.push(info(topic, &own, retention_ms, Ends::default()));
            }
        }
    }
    topics.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(topics)
}

/// A topic with its partitions and settings.
pub async fn describe(
    log: &dyn EventLog,
    keeper: &Keeper,
    topic: &Topic,
    bounds: &[Bounds],
) -> Result<TopicDescribed, LogError> {
    let (copies, settings) = match keeper {
        Keeper::File { log: file, .. } => {
            let mut specs = file.glance().await?.topics.into_iter();
            let spec = specs.find(|spec| spec.name == topic.as_str());
            let kept = spec.map(|spec| (RETENTION.to_owned(), Some(spec.retention_ms.to_string())));
            (Vec::new(), kept.into_iter().collect())
        }
        Keeper::Cluster { log: brokers, .. } => {
            let copies = brokers.copies(topic).await?;
            let settings = brokers.settings(std::slice::from_ref(topic)).await;
            let settings = settings.ok().and_then(|all| all.into_iter().next());
            let settings = settings.unwrap_or_default().into_iter();
            let values = settings.map(|(name, setting)| (name, setting.value));
            (copies, values.collect::<BTreeMap<_, _>>())
        }
    };
    let retention_ms = settings
        .get(RETENTION)
        .and_then(|kept| kept.as_ref()?.parse().ok());
    let ends = ends(log, topic, bounds).await?;
    let mut copies = copies.into_iter();
    let by_partition = bounds.iter().enumerate().map(|(partition, bounds)| {
        let nowhere = PartitionCopies {
            leader: None,
            replicas: Vec::new(),
            in_sync: Vec::new(),
        };
        let copies = copies.next().unwrap_or(nowhere);
        PartitionInfo {
            partition,
            begin: bounds.earliest,
            end: bounds.end,
            estimated_bytes: ends.bytes_of(bounds.end.saturating_sub(bounds.earliest)),
            leader: copies.leader,
            replicas: copies.replicas,
            in_sync: copies.in_sync,
        }
    });
    let by_partition = by_partition.collect();
    let info = info(topic, bounds, retention_ms, ends);
    Ok(TopicDescribed::of(info, by_partition, settings))
}

impl TopicDescribed {
    fn of(
        info: TopicInfo,
        by_partition: Vec<PartitionInfo>,
        settings: BTreeMap<String, Option<String>>,
    ) -> TopicDescribed {
        TopicDescribed {
            name: info.name,
            records: info.records,
            estimated_bytes: info.estimated_bytes,
            retention_ms: info.retention_ms,
            first_timestamp: info.first_timestamp,
            last_timestamp: info.last_timestamp,
            rate_per_s: info.rate_per_s,
            partitions: by_partition.len(),
            by_partition,
            settings,
        }
    }
}

fn info(topic: &Topic, bounds: &[Bounds], retention_ms: Option<i64>, ends: Ends) -> TopicInfo {
    let records = bounds.iter().map(|it| it.end.saturating_sub(it.earliest));
    let records = records.sum();
    TopicInfo {
        name: topic.to_string(),
        partitions: bounds.len(),
        records,
        estimated_bytes: ends.bytes_of(records),
        retention_ms,
        first_timestamp: ends.first_timestamp,
        last_timestamp: ends.last_timestamp,
        rate_per_s: None,
    }
}

fn retention_of(settings: &TopicSettings) -> Option<i64> {
    settings.get(RETENTION)?.value.as_ref()?.parse().ok()
}

/// What a look at the oldest and the newest records has shown.
#[derive(Default)]
struct Ends {
    first_timestamp: Option<String>,
    last_timestamp: Option<String>,
    /// Records looked at, and the bytes of all of them.
    seen: Option<(u64, u64)>,
}

impl Ends {
    /// Bytes of so many records, by the average of those that were seen.
    fn bytes_of(&self, records: u64) -> Option<u64> {
        let (seen, bytes) = self.seen?;
        let all = u128::from(bytes) * u128::from(records);
        Some(match seen {
            0 => 0,
            _ => u64::try_from(all / u128::from(seen)).unwrap_or(u64::MAX),
        })
    }
}

async fn ends(log: &dyn EventLog, topic: &Topic, bounds: &[Bounds]) -> Result<Ends, LogError> {
    let spans: Vec<Span> = (0..)
        .zip(bounds)
        .map(|(partition, bounds)| Span {
            partition,
            from: bounds.earliest,
            to: bounds.end,
        })
        .collect();
    let (mut seen, mut bytes) = (0, 0);
    let mut found = [None, None];
    if spans.iter().any(|span| !span.is_empty()) {
        for (way, found) in [Way::On, Way::Back].into_iter().zip(&mut found) {
            let mut walk = log.walk(topic, way, spans.clone())?;
            let records = walk.next().await?;
            *found = records.first().map(|record| record.timestamp.to_string());
            for record in &records {
                seen += 1;
                bytes += record.key.len() + record.headers.encoded().len() + record.payload.len();
            }
        }
    }
    let [first_timestamp, last_timestamp] = found;
    Ok(Ends {
        first_timestamp,
        last_timestamp,
        seen: Some((seen, bytes as u64)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_estimated_by_the_average_of_what_was_seen() {
        let of = |seen| Ends {
            seen,
            ..Ends::default()
        };
        assert_eq!(of(Some((4, 1_000))).bytes_of(10), Some(2_500));
        assert_eq!(of(Some((0, 0))).bytes_of(0), Some(0));
        assert_eq!(of(Some((1, u64::MAX))).bytes_of(2), Some(u64::MAX));
        assert_eq!(of(None).bytes_of(10), None, "nobody has looked");
    }
}
