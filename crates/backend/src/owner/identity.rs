//! What a deployment never changes by accident: its topics, their partitions, its keys, its money. The database keeps
//! it from the first start on, and a backend that is configured for something else is refused.

use super::{OwnerError, OwnerOptions, blocking};
use crate::store::postgres::{PgOptions, PgPool};
use blazing_sun_backbone::log::kafka::{KafkaLog, KafkaOffsets, KafkaOptions};
use blazing_sun_backbone::log::{EventLog, Topic};
use blazing_sun_backbone::topics::{self, TopicSpec};

const TOPICS: &str = "topics";
const PARTITIONS: &str = "partitions";
const KEYS: &str = "keys";
const MONEY: &str = "money";
const PURPOSE: &str = "purpose";
/// What a deployment is for that has never said so.
const PLAYING: &str = "playing";
const MEASURING: &str = "measuring";

/// Where a deployment's topics are: the brokers' name for their cluster, and what stands before each topic.
fn place(cluster_id: &str, prefix: &str) -> String {
    match prefix {
        "" => format!("Kafka cluster `{cluster_id}`, no prefix"),
        prefix => format!("Kafka cluster `{cluster_id}`, prefix `{prefix}`"),
    }
}

async fn place_of(offsets: &KafkaOffsets, kafka: &KafkaOptions) -> Result<String, OwnerError> {
    let asking = offsets.clone();
    let cluster_id = blocking(move || asking.cluster_id()).await??;
    Ok(place(&cluster_id, &kafka.topic_prefix))
}

/// The database and the topics of a deployment, if they belong together and to these options. Nothing is made on the
/// brokers before that is known.
pub(super) async fn open(
    options: &OwnerOptions,
    log: &KafkaLog,
    offsets: &KafkaOffsets,
) -> Result<PgPool, OwnerError> {
    let purpose = match options.for_bench {
        true => MEASURING,
        false => PLAYING,
    };
    let wanted = [
        (PURPOSE, purpose.to_owned()),
        (TOPICS, place_of(offsets, &options.kafka).await?),
        (PARTITIONS, options.partitions.to_string()),
        (KEYS, options.mac.fingerprint()),
        (MONEY, options.wallet.money(&options.currency)),
    ];
    let pool = PgPool::open(&options.postgres).await?;
    if pool.kept(PURPOSE).await?.is_none() && pool.has_owners().await? {
        check(PURPOSE, PLAYING, purpose)?;
    }
    for (name, wanted) in &wanted {
        let found = pool.kept(name).await?;
        check(name, found.as_ref().unwrap_or(wanted), wanted)?;
    }
    log.ensure_topics(&topics_of(options)).await?;
    is_new_beside_written_topics(options, log, &pool).await?;
    for (name, wanted) in &wanted {
        check(name, &pool.keep(name, wanted).await?, wanted)?;
    }
    Ok(pool)
}

/// What a deployment is configured as.
#[derive(Debug, Clone)]
pub struct Configured {
    /// Where its topics are.
    pub kafka: KafkaOptions,
    /// How many partitions each has.
    pub partitions: u32,
    /// Of its keys; none where these are not known.
    pub keys: Option<String>,
    /// Its money, as the database keeps it.
    pub money: String,
}

/// In what a database belongs to something else than is configured; of one that no backend was started on, in nothing.
pub async fn mismatches(
    configured: &Configured,
    pool: &PgPool,
    offsets: &KafkaOffsets,
) -> Result<Vec<OwnerError>, OwnerError> {
    let topics = place_of(offsets, &configured.kafka).await?;
    let wanted = [
        (TOPICS, Some(topics)),
        (PARTITIONS, Some(configured.partitions.to_string())),
        (KEYS, configured.keys.clone()),
        (MONEY, Some(configured.money.clone())),
    ];
    let mut wrong = Vec::new();
    for (name, wanted) in &wanted {
        if let (Some(found), Some(wanted)) = (pool.kept(name).await?, wanted) {
            wrong.extend(check(name, &found, wanted).err());
        }
    }
    Ok(wrong)
}

fn check(name: &str, found: &str, wanted: &str) -> Result<(), OwnerError> {
    if found == wanted {
        return Ok(());
    }
    let (found, wanted) = (found.to_owned(), wanted.to_owned());
    Err(match name {
        TOPICS => OwnerError::OtherTopics { found, wanted },
        PARTITIONS => OwnerError::Partitions { found, wanted },
        MONEY => OwnerError::Money { found, wanted },
        PURPOSE => OwnerError::Purpose { found, wanted },
        _ => OwnerError::Keys,
    })
}

fn topics_of(options: &OwnerOptions) -> Vec<TopicSpec> {
    let names: Vec<&str> = options.games.iter().map(|game| game.name).collect();
    let mut specs = topics::all(&names, options.partitions);
    for spec in &mut specs {
        spec.retention_ms = options.retention_ms;
    }
    specs
}

async fn is_new_beside_written_topics(
    options: &OwnerOptions,
    log: &KafkaLog,
    pool: &PgPool,
) -> Result<(), OwnerError> {
    // Looked at first: whoever publishes has taken a partition in the database before.
    let mut written = None;
    for topic in [topics::GAMES_EVENTS, topics::CHAT_EVENTS] {
        let bounds = log.bounds(&Topic::new(topic)).await?;
        if bounds.iter().any(|bounds| bounds.end > 0) {
            written = Some(options.kafka.full_name(topic));
        }
    }
    match written {
        // Its numbers would begin again, and whoever has read the topic would drop them as known.
        Some(topic) if !pool.has_owners().await? => Err(OwnerError::Topics { topic }),
        _ => Ok(()),
    }
}

/// What a database belonged to, and belongs to now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// None: it was never used.
    pub before: Option<String>,
    /// As configured.
    pub now: String,
}

/// Has a database belong to the topics of these options from now on. No backend may run meanwhile.
pub async fn adopt_topics(
    kafka: KafkaOptions,
    postgres: &PgOptions,
) -> Result<Adopted, OwnerError> {
    let pool = PgPool::new(postgres)?;
    let connecting = kafka.clone();
    let offsets = blocking(move || KafkaOffsets::connect(&connecting)).await??;
    let now = place_of(&offsets, &kafka).await?;
    let before = pool.kept(TOPICS).await?;
    if before.as_ref() != Some(&now) {
        let partitions = pool.owners_connected().await?;
        if partitions > 0 {
            return Err(OwnerError::Running { partitions });
        }
        pool.keep_instead(TOPICS, &now).await?;
    }
    Ok(Adopted { before, now })
}
