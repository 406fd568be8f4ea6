//! Kafka and PostgreSQL: whether they belong together, and who owns what.

use super::{Examination, brokers, folder, machine};
use crate::brokers::{kafka_options, postgres_options, unique_name};
use crate::config::{Config, Role};
use crate::place::Place;
use crate::serve::wallet_rules;
use blazing_sun_backbone::clock;
use blazing_sun_backbone::credentials::Keys;
use blazing_sun_backbone::log::kafka::KafkaLog;
use blazing_sun_backbone::log::{EventLog, Topic};
use blazing_sun_backend::owner::{Configured, mismatches};
use blazing_sun_backend::store::postgres::{PgPool, Progress};
use blazing_sun_domain::Games;
use std::collections::HashMap;
use std::time::Duration;

const CLOCK_MS: i64 = 5_000;
/// What is committed is published in this time, unless the brokers do not take it.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(2);

const REACH: &str = "start PostgreSQL, or correct DATABASE_URL and `database.ca`";

pub(super) async fn examine(
    config: &Config,
    role: Role,
    games: &Games,
    examination: &mut Examination,
) {
    let log = brokers::examine(config, games, examination).await;
    if matches!(role, Role::Gateway | Role::Checkout) {
        return;
    }
    examination.look("database");
    let pool = async {
        let pool = PgPool::new(&postgres_options(&config.database)?)?;
        let before = clock::now().0;
        let at_server = pool.clock_ms().await?;
        anyhow::Ok((pool, at_server, before, clock::now().0))
    };
    let Some((pool, at_server, before, after)) = examination.found(pool.await, REACH) else {
        return;
    };
    let is_early = at_server < before - CLOCK_MS;
    if is_early || at_server > after + CLOCK_MS {
        let apart_s = (at_server - before).abs() / 1_000;
        examination.find(
            format!("the database's clock and this machine's are {apart_s} s apart"),
            "set both right (NTP)",
        );
    }
    examination.look("schema");
    if !folder::schema(&Place::Cluster(Box::new(config.clone())), examination).await {
        return;
    }
    if let Err(error) = of_database(config, &pool, log.as_ref(), examination).await {
        examination.find(format!("{error:#}"), REACH);
    }
}

async fn of_database(
    config: &Config,
    pool: &PgPool,
    log: Option<&KafkaLog>,
    examination: &mut Examination,
) -> anyhow::Result<()> {
    if let Some(log) = log {
        examination.look("deployment");
        belongs(config, pool, log, examination).await?;
    }
    examination.look("owners");
    owners(config, pool, examination).await?;
    if let Some(log) = log {
        examination.look("offsets");
        offsets(pool, log, examination).await?;
    }
    examination.look("outbox");
    outbox(pool, examination).await?;
    examination.look("rooms");
    folder::quarantined(pool.quarantined_rooms().await?.unsigned_abs(), examination);
    Ok(())
}

async fn belongs(
    config: &Config,
    pool: &PgPool,
    log: &KafkaLog,
    examination: &mut Examination,
) -> anyhow::Result<()> {
    let keys = Keys::load(&machine::keys_path(config)).ok();
    let configured = Configured {
        kafka: kafka_options(&config.kafka, &unique_name())?,
        partitions: config.log.partitions,
        keys: keys.map(|keys| keys.cluster_mac().fingerprint()),
        money: wallet_rules(config).money(config.money.currency()),
    };
    for wrong in mismatches(&configured, pool, log.offsets()).await? {
        examination.find(
            format!("{:#}", anyhow::Error::from(wrong)),
            "configure what the database belongs to: no backend starts on it otherwise",
        );
    }
    Ok(())
}

async fn owners(
    config: &Config,
    pool: &PgPool,
    examination: &mut Examination,
) -> anyhow::Result<()> {
    let owners = pool.owners().await?;
    let named = |partitions: Vec<u32>| {
        let partitions: Vec<String> = partitions.iter().map(u32::to_string).collect();
        partitions.join(", ")
    };
    let of = |is_so: fn(u32) -> bool| -> Vec<u32> {
        let count = |partition: &u32| owners.get(partition).copied().unwrap_or(0);
        (0..config.log.partitions)
            .filter(|partition| is_so(count(partition)))
            .collect()
    };
    let (nobodys, of_several) = (of(|count| count == 0), of(|count| count > 1));
    if !nobodys.is_empty() {
        examination.find(
            format!(
                "nobody owns the partitions {}: their rooms stand still",
                named(nobodys)
            ),
            "start a backend; where one runs, ask its /readyz what it waits for, and read its log",
        );
    }
    if !of_several.is_empty() {
        examination.find(
            format!("several processes are connected as owners of the partitions {}", named(of_several)),
            "one of them was stopped or cut off, and the fence keeps it from writing: find it by `partition_owner.owner`, and end it",
        );
    }
    Ok(())
}

async fn offsets(
    pool: &PgPool,
    log: &KafkaLog,
    examination: &mut Examination,
) -> anyhow::Result<()> {
    // Before the ends, which only grow.
    let decided = pool.decided_offsets().await?;
    let mut bounds = HashMap::new();
    for (partition, topic) in decided.keys() {
        if !bounds.contains_key(topic) {
            bounds.insert(
                topic.clone(),
                log.bounds(&Topic::new(topic)).await.unwrap_or_default(),
            );
        }
        let of_topic = bounds.get(topic).and_then(|of| of.get(*partition as usize));
        let (Some(of_topic), Some(next)) = (of_topic, decided.get(&(*partition, topic.clone())))
        else {
            continue;
        };
        if *next > of_topic.end {
            examination.find(
                format!("partition {partition} of `{topic}` was decided up to {next}, and ends at {}", of_topic.end),
                "the brokers have lost its newest records, or the topic was made anew: restart one backend, which finds where to read on; \
                 look at unclean.leader.election.enable; docs/operations.md says what comes back by itself",
            );
        }
        if *next < of_topic.earliest {
            examination.find(
                format!("partition {partition} of `{topic}` was decided up to {next}, and begins at {}", of_topic.earliest),
                "records were deleted before anybody decided them: raise `log.retention_days`; clients send again what they wait for",
            );
        }
    }
    Ok(())
}

async fn outbox(pool: &PgPool, examination: &mut Examination) -> anyhow::Result<()> {
    let before = pool.progress().await?;
    if before.iter().all(|it| it.published_upto >= it.last) {
        return Ok(());
    }
    tokio::time::sleep(PUBLISHED_WITHIN).await;
    let after = pool.progress().await?;
    let stands = |it: &&Progress| {
        let then = before.iter().find(|then| then.partition == it.partition);
        then.is_some_and(|then| {
            then.published_upto == it.published_upto && it.published_upto < then.last
        })
    };
    for it in after.iter().filter(stands) {
        let (partition, owner) = (it.partition, &it.owner);
        let count = it.last - it.published_upto;
        examination.find(
            format!("{count} batches of partition {partition} are committed and not published"),
            format!("look at the brokers and at the log of its owner, `{owner}`; where none runs, start a backend"),
        );
    }
    Ok(())
}
