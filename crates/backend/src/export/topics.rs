//! What the event log holds against what the outbox says.

use super::ExportError;
use crate::audit::AuditCheck;
use crate::audit::log::{is_shared, number, number_in};
use crate::partition::JOURNAL_TOPIC;
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

/// Reads all topics that the outbox writes, from the earliest record to the last of now, and holds each record against
/// the batch that sent it. What has expired on one side is not asked of the other. To be read: as many records as
/// both hold.
pub async fn compare_topics(pool: &PgPool, log: &dyn EventLog) -> Result<AuditCheck, ExportError> {
    let mut check = AuditCheck::new(
        "the topics hold every published record of the outbox, as it was written, in its order",
    );
    let mut sent = read_outbox(pool).await?;
    let mut topics: Vec<Topic> = sent.keys().map(|(topic, ..)| topic.clone()).collect();
    topics.dedup();
    let mut last: HashMap<Stream, u64> = HashMap::new();
    let kept_from =
        |of_stream: &BTreeMap<u64, Sent>| of_stream.first_key_value().map_or(0, |(seq, _)| *seq);
    let kept_from = sent
        .iter()
        .map(|(stream, of_stream)| (stream.clone(), kept_from(of_stream)));
    let kept_from: HashMap<Stream, u64> = kept_from.collect();
    let mut expired = BTreeSet::new();
    for topic in &topics {
        let mut ends = BTreeMap::new();
        let mut from = Vec::new();
        for (partition, bounds) in (0..).zip(log.bounds(topic).await?) {
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
                let is_wanted = ends
                    .get(&record.partition)
                    .is_some_and(|end| record.offset < *end);
                if is_wanted {
                    take(&mut check, &mut sent, &kept_from, &mut last, &record);
                }
                if ends
                    .get(&record.partition)
                    .is_some_and(|end| record.offset + 1 >= *end)
                {
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
    Ok(check)
}

async fn read_outbox(pool: &PgPool) -> Result<BTreeMap<Stream, BTreeMap<u64, Sent>>, ExportError> {
    let client = pool.get().await?;
    let query = "SELECT batch.partition, batch.batch_no, records, batch.batch_no <= published_upto
         FROM batch JOIN partition_owner USING (partition) ORDER BY batch.partition, batch.batch_no";
    let rows = client
        .query_raw(query, Vec::<i64>::new())
        .await
        .map_err(StoreError::from)?;
    let mut rows = std::pin::pin!(rows);
    let mut sent: BTreeMap<Stream, BTreeMap<u64, Sent>> = BTreeMap::new();
    while let Some(row) = rows.try_next().await.map_err(StoreError::from)? {
        let (source, batch_no) = (row.get::<_, i32>(0) as u32, row.get::<_, i64>(1) as u64);
        let is_published = row.get(3);
        for record in decode_records(batch_no, &Bytes::copy_from_slice(row.get(2)))? {
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
