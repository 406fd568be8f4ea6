//! What the event log holds against what the outbox says.

use super::{ExportError, PATIENT};
use crate::audit::AuditCheck;
use crate::audit::log::{is_shared, number, number_in};
use crate::partition::{JOURNAL_TOPIC, Partition};
use crate::store::StoreError;
use crate::store::postgres::{PgPool, decode_records};
use blazing_sun_backbone::log::{EventLog, Headers, Record, Start, Topic};
use blazing_sun_backbone::messages::header;
use bytes::Bytes;
use futures_util::TryStreamExt;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The dense numbering that a record belongs to: topic, its partition, and whose outbox it came from.
type Stream = (Topic, u32, u32);

#[derive(Debug, Clone, Copy)]
struct Sent {
    digest: u64,
    is_published: bool,
}

/// What is known of the outbox, by stream and number.
type Outbox = BTreeMap<Stream, BTreeMap<u64, Sent>>;

/// Reads all topics that the outbox writes, from the earliest record to the last of now, and holds each record against
/// the batch that sent it. What has expired on one side is not asked of the other. To be read: as many records as
/// both hold. One partition's outbox is kept in memory at a time, and what partitions have sent each other.
pub async fn compare_topics(pool: &PgPool, log: &dyn EventLog) -> Result<AuditCheck, ExportError> {
    let mut check = AuditCheck::new(
        "the topics hold every published record of the outbox, as it was written, in its order",
    );
    let mut read: BTreeSet<(Topic, u32)> = BTreeSet::new();
    let mut others = Outbox::new();
    for source in sources(pool).await? {
        let mut own = Outbox::new();
        for (stream, sent) in read_outbox(pool, source).await? {
            let is_own = stream.1 == stream.2 && !Partition::consumes(stream.0.as_str());
            let kept = if is_own { &mut own } else { &mut others };
            kept.insert(stream, sent);
        }
        let places = own
            .keys()
            .map(|(topic, partition, _)| (topic.clone(), *partition));
        let places: BTreeSet<_> = places.collect();
        read.extend(places.iter().cloned());
        compare(&mut check, log, &places, own).await?;
    }
    let topics = read.iter().map(|(topic, _)| topic);
    let topics: BTreeSet<_> = topics
        .chain(others.keys().map(|(topic, ..)| topic))
        .collect();
    let mut rest = BTreeSet::new();
    for topic in topics {
        let all = (0..).zip(log.bounds(topic).await?);
        let all = all.map(|(partition, _)| (topic.clone(), partition));
        rest.extend(all.filter(|place| !read.contains(place)));
    }
    let sent_to = others
        .keys()
        .map(|(topic, partition, _)| (topic.clone(), *partition));
    rest.extend(sent_to);
    compare(&mut check, log, &rest, others).await?;
    Ok(check)
}

/// Holds these partitions of topics against what was sent to them.
async fn compare(
    check: &mut AuditCheck,
    log: &dyn EventLog,
    places: &BTreeSet<(Topic, u32)>,
    mut sent: Outbox,
) -> Result<(), ExportError> {
    let mut last: HashMap<Stream, u64> = HashMap::new();
    let kept_from =
        |of_stream: &BTreeMap<u64, Sent>| of_stream.first_key_value().map_or(0, |(seq, _)| *seq);
    let kept_from = sent
        .iter()
        .map(|(stream, of_stream)| (stream.clone(), kept_from(of_stream)));
    let kept_from: HashMap<Stream, u64> = kept_from.collect();
    let mut expired = BTreeSet::new();
    let topics: BTreeSet<&Topic> = places.iter().map(|(topic, _)| topic).collect();
    for topic in topics {
        let mut ends = BTreeMap::new();
        let mut from = Vec::new();
        for (partition, bounds) in (0..).zip(log.bounds(topic).await?) {
            if !places.contains(&(topic.clone(), partition)) {
                continue;
            }
            if bounds.earliest > 0 {
                expired.insert((topic.clone(), partition));
            }
            if bounds.end > bounds.earliest {
                ends.insert(partition, bounds.end);
                from.push((topic.clone(), partition, Start::Offset(bounds.earliest)));
            }
        }
        if from.is_empty() {
            continue;
        }
        let mut subscription = log.subscribe(from)?;
        while !ends.is_empty() {
            for record in subscription.next().await? {
                let Some(end) = ends.get(&record.partition).copied() else {
                    continue;
                };
                if record.offset < end {
                    take(check, &mut sent, &kept_from, &mut last, &record);
                }
                if record.offset + 1 >= end {
                    ends.remove(&record.partition);
                }
            }
            for (_, partition, next) in subscription.passed() {
                if ends.get(&partition).is_some_and(|end| next >= *end) {
                    ends.remove(&partition);
                }
            }
        }
    }
    for (stream, missing) in sent {
        let (topic, partition, source) = &stream;
        let last = last.get(&stream).copied();
        let may_have_expired = last.is_none() && expired.contains(&(topic.clone(), *partition));
        for (seq, sent) in missing {
            // Holes before the last one that is there have been found; those before the first have expired.
            let is_due =
                sent.is_published && !may_have_expired && last.is_none_or(|last| seq > last);
            check.expect(!is_due, || {
                format!("{topic} {partition}: outbox_seq {seq} of partition {source} is not there")
            });
        }
    }
    Ok(())
}

/// The partitions that have an outbox.
async fn sources(pool: &PgPool) -> Result<Vec<u32>, ExportError> {
    let client = pool.get().await?;
    let query = "SELECT partition FROM partition_owner ORDER BY partition";
    let rows = client.query(query, &[]).await.map_err(StoreError::from)?;
    Ok(rows.iter().map(|row| row.get::<_, i32>(0) as u32).collect())
}

async fn read_outbox(pool: &PgPool, source: u32) -> Result<Outbox, ExportError> {
    let mut client = pool.get().await?;
    let reading = client.transaction().await.map_err(StoreError::from)?;
    // A week of records takes longer than a session's statements may.
    reading
        .batch_execute(PATIENT)
        .await
        .map_err(StoreError::from)?;
    let query = "SELECT batch.batch_no, records, batch.batch_no <= published_upto
         FROM batch JOIN partition_owner USING (partition) WHERE partition = $1 ORDER BY batch.batch_no";
    let rows = reading
        .query_raw(query, [source as i32])
        .await
        .map_err(StoreError::from)?;
    let mut rows = std::pin::pin!(rows);
    let mut sent = Outbox::new();
    while let Some(row) = rows.try_next().await.map_err(StoreError::from)? {
        let batch_no = row.get::<_, i64>(0) as u64;
        let is_published = row.get(2);
        for record in decode_records(batch_no, &Bytes::copy_from_slice(row.get(1)))? {
            if record.topic.as_str() == JOURNAL_TOPIC {
                continue;
            }
            let partition = record.partition.unwrap_or_default();
            let Some(seq) = number_in(&record.headers, header::OUTBOX_SEQ) else {
                let topic = &record.topic;
                let what = format!(
                    "batch {batch_no} of partition {source} sends {topic} a record without outbox_seq"
                );
                return Err(StoreError::Corrupt(what).into());
            };
            let entry = Sent {
                digest: digest(&record.key, &record.headers, &record.payload),
                is_published,
            };
            let stream = (record.topic, partition, source);
            sent.entry(stream).or_default().insert(seq, entry);
        }
    }
    Ok(sent)
}

fn take(
    check: &mut AuditCheck,
    sent: &mut BTreeMap<Stream, BTreeMap<u64, Sent>>,
    kept_from: &HashMap<Stream, u64>,
    last: &mut HashMap<Stream, u64>,
    record: &Record,
) {
    let (topic, partition) = (&record.topic, record.partition);
    let at = || format!("{topic} {partition}/{}", record.offset);
    let Some(seq) = number(record, header::OUTBOX_SEQ) else {
        check.expect(is_shared(topic.as_str()), || {
            format!("{}: no backend has written it: it has no outbox_seq", at())
        });
        return;
    };
    let source = number(record, header::OUTBOX_FROM);
    let source = source
        .and_then(|source| u32::try_from(source).ok())
        .unwrap_or(partition);
    let stream = (topic.clone(), partition, source);
    let before = last.get(&stream).copied();
    if before.is_some_and(|before| seq <= before) {
        // Published again after a take-over.
        return;
    }
    last.insert(stream.clone(), seq);
    check.expect(before.is_none_or(|before| seq == before + 1), || {
        let next = before.map_or(0, |before| before + 1);
        format!(
            "{}: outbox_seq {seq} of partition {source} where {next} comes",
            at()
        )
    });
    let Some(of_stream) = sent.get_mut(&stream) else {
        return;
    };
    let is_kept = kept_from.get(&stream).is_some_and(|first| *first <= seq);
    match of_stream.remove(&seq) {
        Some(sent) => {
            let found = digest(&record.key, &record.headers, &record.payload);
            check.expect(sent.digest == found, || {
                format!(
                    "{}: it is not what the outbox holds as {seq} of partition {source}",
                    at()
                )
            });
        }
        None => check.expect(!is_kept, || {
            format!("{}: no batch of partition {source} has sent {seq}", at())
        }),
    }
}

fn digest(key: &[u8], headers: &Headers, payload: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key, headers.encoded().as_ref(), payload).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_backbone::log::memory::MemoryLog;
    use blazing_sun_backbone::postgres::PgOptions;
    use blazing_sun_harness::postgres::TestPostgres;
    use std::time::{Duration, Instant};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn reading_the_outbox_may_take_longer_than_other_statements() {
        let postgres = tokio::task::spawn_blocking(TestPostgres::shared);
        let url = postgres.await.unwrap().new_database();
        let options = PgOptions::parse(&url).unwrap();
        let pool = PgPool::open(&options).await.unwrap();
        let lock = pool.get().await.unwrap();
        let owned = "INSERT INTO partition_owner VALUES (0, 1, 0, 0, 0, 0, 'test'); COMMIT; SET idle_in_transaction_session_timeout = 0; BEGIN; LOCK TABLE batch";
        lock.batch_execute(owned).await.unwrap();
        // The session that the outbox is read by, and that a short time is set for.
        let reads = pool.get().await.unwrap();
        reads
            .batch_execute("SET statement_timeout = 1000")
            .await
            .unwrap();
        let watch = pool.get().await.unwrap();
        drop(reads);
        let reading = tokio::spawn({
            let pool = pool.clone();
            async move { compare_topics(&pool, &MemoryLog::default()).await }
        });
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
             AND wait_event_type = 'Lock' AND now() - query_start > interval '2 seconds'";
        let deadline = Instant::now() + Duration::from_secs(30);
        while watch.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            assert!(!reading.is_finished(), "{:?}", reading.await);
            assert!(Instant::now() < deadline, "nobody reads");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        lock.batch_execute("COMMIT").await.unwrap();
        assert_eq!(reading.await.unwrap().unwrap().differences, 0);
    }
}
