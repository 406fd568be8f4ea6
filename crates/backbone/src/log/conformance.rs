//! The suite that every adapter of the event log passes: [`run`] with a [`Harness`] around it.

use super::{
    Bounds, EventLog, Headers, HeadersBuilder, LogError, NewRecord, Position, Record, Span, Start,
    Subscription, Topic, Way,
};
use crate::partitioner::partition_of;
use crate::topics::TopicSpec;
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How the suite gets at an adapter.
#[async_trait]
pub trait Harness: Send + Sync {
    /// Opens the log on the harness's one storage. The suite has dropped what it opened before, so
    /// that opening again is a restart.
    async fn open(&self) -> Arc<dyn EventLog>;

    /// A log on another storage that takes at most this many records at once and commits nothing
    /// before `release` is called; none where the adapter has no such bound.
    async fn stalled(&self, records_max: usize) -> Option<Stalled>;

    /// Lets everything appended so far grow older than the longest retention; false where the adapter
    /// can not. It may take some more appends until it has an effect.
    async fn expire(&self) -> bool;
}

/// A log that commits nothing yet.
pub struct Stalled {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// Lets it commit.
    pub release: Box<dyn FnOnce() + Send>,
}

const PATIENCE: Duration = Duration::from_secs(60);
/// How long one case may take, on the slowest of machines.
const CASE_WITHIN: Duration = Duration::from_secs(180);

/// The whole suite on one storage, case by case.
pub async fn run(harness: &dyn Harness) {
    macro_rules! cases {
        ($($case:ident),+ $(,)?) => {
            $(
                let done = tokio::time::timeout(CASE_WITHIN, $case(harness)).await;
                done.unwrap_or_else(|_| panic!("{} takes longer than {CASE_WITHIN:?}", stringify!($case)));
            )+
        };
    }
    cases! {
        topics_are_made_once_and_keep_their_partitions,
        unknown_places_are_errors,
        partitions_are_the_ones_asked_for_or_murmur2,
        records_come_back_whole_and_in_order,
        reading_begins_where_asked,
        a_restart_keeps_everything_and_continues_offsets,
        concurrent_writers_lose_nothing_and_keep_their_order,
        readers_that_join_while_writing_miss_and_repeat_nothing,
        a_slow_reader_delays_nobody_and_gets_everything,
        appends_are_refused_when_full_and_answered_once,
        walks_go_both_ways_and_on_from_where_one_stopped,
        walks_cover_their_spans_alone,
        retention_moves_the_earliest_offset,
    }
}

fn spec(name: &str, partitions: u32) -> TopicSpec {
    TopicSpec {
        name: name.to_owned(),
        partitions,
        retention_ms: 604_800_000,
    }
}

fn record(
    topic: &Topic,
    partition: impl Into<Option<u32>>,
    key: &str,
    payload: String,
) -> NewRecord {
    NewRecord {
        topic: topic.clone(),
        partition: partition.into(),
        key: Bytes::copy_from_slice(key.as_bytes()),
        headers: Headers::default(),
        payload: payload.into(),
    }
}

async fn topic(log: &dyn EventLog, name: &str, partitions: u32) -> Topic {
    log.ensure_topics(&[spec(name, partitions)])
        .await
        .expect("the topic is made");
    Topic::new(name)
}

async fn append(log: &dyn EventLog, records: Vec<NewRecord>) -> Vec<Position> {
    log.append_and_wait(records)
        .await
        .expect("the append is durable")
}

/// Reads until `count` records are there, and asserts that offsets are dense in each partition.
async fn read(subscription: &mut dyn Subscription, count: usize) -> Vec<Record> {
    let mut records = Vec::new();
    let mut next: BTreeMap<(Topic, u32), u64> = BTreeMap::new();
    while records.len() < count {
        let some = tokio::time::timeout(PATIENCE, subscription.next()).await;
        let some = some.unwrap_or_else(|_| panic!("{} of {count} records came", records.len()));
        let some = some.expect("the log can be read");
        assert!(!some.is_empty(), "`next` gives at least one record");
        for record in &some {
            let place = (record.topic.clone(), record.partition);
            let dense = next
                .insert(place, record.offset + 1)
                .is_none_or(|next| next == record.offset);
            assert!(dense, "a gap or repetition before {record:?}");
        }
        records.extend(some);
    }
    assert_eq!(records.len(), count, "more records than expected");
    records
}

fn text(record: &Record) -> &str {
    std::str::from_utf8(&record.payload).expect("the suite writes text")
}

/// All that a walk gives.
async fn walked(log: &dyn EventLog, topic: &Topic, way: Way, spans: &[Span]) -> Vec<Record> {
    let mut walk = log
        .walk(topic, way, spans.to_vec())
        .expect("it can be walked");
    let mut records = Vec::new();
    loop {
        let some = tokio::time::timeout(PATIENCE, walk.next()).await;
        let some = some.expect("a walk ends").expect("the log can be read");
        if some.is_empty() {
            return records;
        }
        records.extend(some);
    }
}

async fn whole(log: &dyn EventLog, topic: &Topic) -> Vec<Span> {
    let bounds = log.bounds(topic).await.expect("bounds");
    let spans = (0..).zip(bounds).map(|(partition, bounds)| Span {
        partition,
        from: bounds.earliest,
        to: bounds.end,
    });
    spans.collect()
}

async fn walks_go_both_ways_and_on_from_where_one_stopped(harness: &dyn Harness) {
    const RECORDS: u64 = 2_000;
    let log = harness.open().await;
    let walked_topic = topic(&*log, "walked", 3).await;
    let beside = topic(&*log, "walked.beside", 1).await;
    // One partition has little, far apart.
    for chunk in 0..RECORDS / 100 {
        let records = (0..100).map(|i| {
            let n = chunk * 100 + i;
            let partition = if n.is_multiple_of(500) {
                2
            } else {
                (n % 2) as u32
            };
            record(&walked_topic, partition, "k", n.to_string())
        });
        append(&*log, records.collect()).await;
        append(&*log, vec![record(&beside, 0, "k", "beside".to_owned())]).await;
    }
    let spans = whole(&*log, &walked_topic).await;
    let on = walked(&*log, &walked_topic, Way::On, &spans).await;
    let mut numbers: Vec<u64> = on.iter().map(|it| text(it).parse().expect("n")).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..RECORDS), "each comes once");
    for partition in 0..3 {
        let of_partition = on.iter().filter(|it| it.partition == partition);
        let offsets: Vec<u64> = of_partition.map(|it| it.offset).collect();
        assert!(offsets.iter().copied().eq(0..offsets.len() as u64));
    }
    let mut back = walked(&*log, &walked_topic, Way::Back, &spans).await;
    for way in [Way::On, Way::Back] {
        let whole = if way == Way::On { &on } else { &back };
        for stop in [1, 7, 499, 1_003, 1_999] {
            let mut left = spans.clone();
            for record in &whole[..stop] {
                left[record.partition as usize].pass(way, record.offset);
            }
            let rest = walked(&*log, &walked_topic, way, &left).await;
            assert!(rest == whole[stop..], "{way:?} after {stop}");
        }
    }
    back.sort_by_key(|record| (record.partition, record.offset));
    let mut sorted = on;
    sorted.sort_by_key(|record| (record.partition, record.offset));
    assert!(back == sorted);
}

async fn walks_cover_their_spans_alone(harness: &dyn Harness) {
    let log = harness.open().await;
    let topic = topic(&*log, "spans", 2).await;
    let records = (0..40).map(|n| record(&topic, n % 2, "k", n.to_string()));
    append(&*log, records.collect()).await;
    let span = |partition, from, to| Span {
        partition,
        from,
        to,
    };
    for (spans, expected) in [
        (vec![span(1, 3, 6)], vec!["7", "9", "11"]),
        (vec![span(0, 5, 6), span(1, 4, 4)], vec!["10"]),
        (vec![span(0, 20, 20)], vec![]),
        (vec![], vec![]),
    ] {
        let on = walked(&*log, &topic, Way::On, &spans).await;
        assert_eq!(on.iter().map(text).collect::<Vec<_>>(), expected);
        let back = walked(&*log, &topic, Way::Back, &spans).await;
        assert!(back.iter().rev().eq(on.iter()), "{spans:?}");
    }
    let unknown = log.walk(&topic, Way::On, vec![span(2, 0, 1)]);
    assert!(matches!(
        unknown.err(),
        Some(LogError::UnknownPartition { .. })
    ));
    let far = log
        .since(&topic, blazing_sun_domain::Millis(i64::MAX))
        .await;
    assert_eq!(far.expect("offsets").len(), 2);
    let asked = [topic.clone(), Topic::new("spans.of.none")];
    let written = log.written_since(&asked, blazing_sun_domain::Millis(0));
    let whole = vec![span(0, 0, 20), span(1, 0, 20)];
    assert_eq!(written.await.expect("spans"), [(topic, whole)]);
}

async fn topics_are_made_once_and_keep_their_partitions(harness: &dyn Harness) {
    let log = harness.open().await;
    let both = [spec("topics.a", 3), spec("topics.b", 2)];
    log.ensure_topics(&both)
        .await
        .expect("missing topics are made");
    log.ensure_topics(&both)
        .await
        .expect("and again nothing happens");
    drop(log);
    let log = harness.open().await;
    let error = log
        .ensure_topics(&[spec("topics.new", 1), spec("topics.a", 4)])
        .await;
    match error.expect_err("another number of partitions") {
        LogError::PartitionCount {
            topic,
            found: 3,
            wanted: 4,
        } => assert_eq!(topic, "topics.a"),
        other => panic!("{other}"),
    }
    let bounds = log
        .bounds(&Topic::new("topics.b"))
        .await
        .expect("a topic has bounds");
    assert_eq!(
        bounds,
        vec![
            Bounds {
                earliest: 0,
                end: 0
            };
            2
        ]
    );
}

async fn unknown_places_are_errors(harness: &dyn Harness) {
    let log = harness.open().await;
    let known = topic(&*log, "unknown.known", 2).await;
    let missing = Topic::new("unknown.missing");
    let is_unknown = |error| matches!(error, Some(LogError::UnknownPartition { .. }));
    for bad in [
        record(&missing, None, "k", "x".into()),
        record(&known, 2, "k", "x".into()),
    ] {
        let good = record(&known, 0, "k", "x".into());
        let refused = log.append(
            vec![good, bad],
            Box::new(|_| panic!("a refused append is not called")),
        );
        assert!(is_unknown(refused.err()));
    }
    assert!(is_unknown(
        log.subscribe(vec![(missing.clone(), 0, Start::End)]).err()
    ));
    assert!(is_unknown(
        log.subscribe(vec![(known.clone(), 2, Start::End)]).err()
    ));
    assert!(is_unknown(log.bounds(&missing).await.err()));
    let bounds = log.bounds(&known).await.expect("a topic has bounds");
    assert!(
        bounds.iter().all(|bounds| bounds.end == 0),
        "a refused append leaves nothing"
    );
}

async fn partitions_are_the_ones_asked_for_or_murmur2(harness: &dyn Harness) {
    let log = harness.open().await;
    let topic = topic(&*log, "partitions", 12).await;
    let keys: Vec<String> = (0..40).map(|n| format!("key-{n}")).collect();
    let by_key = keys
        .iter()
        .map(|key| record(&topic, None, key, String::new()))
        .collect();
    let positions = append(&*log, by_key).await;
    for (key, position) in keys.iter().zip(&positions) {
        assert_eq!(
            position.partition,
            partition_of(key.as_bytes(), 12),
            "{key}"
        );
    }
    let asked = (0..12).map(|partition| record(&topic, partition, "same key", String::new()));
    let positions = append(&*log, asked.collect()).await;
    let partitions: Vec<u32> = positions
        .iter()
        .map(|position| position.partition)
        .collect();
    assert_eq!(partitions, (0..12).collect::<Vec<_>>());
}

async fn records_come_back_whole_and_in_order(harness: &dyn Harness) {
    let log = harness.open().await;
    let topic = topic(&*log, "whole", 4).await;
    let mut headers = HeadersBuilder::default();
    headers
        .push("event_id", "1")
        .push("empty", "")
        .push("event_id", "again")
        .push("raw", [0, 255]);
    let full = NewRecord {
        headers: headers.build(),
        ..record(&topic, 3, "key", "first".into())
    };
    let big = "b".repeat(300_000);
    let written = vec![
        full.clone(),
        record(&topic, 3, "", String::new()),
        record(&topic, 3, "ключ", big),
    ];
    let positions = append(&*log, written.clone()).await;
    let expected: Vec<Position> = (0..3)
        .map(|offset| Position {
            partition: 3,
            offset,
        })
        .collect();
    assert_eq!(positions, expected);
    let from = vec![(topic.clone(), 3, Start::Offset(0))];
    let mut subscription = log.subscribe(from).expect("the topic can be read");
    let records = read(&mut *subscription, 3).await;
    for (read, written) in records.iter().zip(&written) {
        assert_eq!((&read.key, &read.payload), (&written.key, &written.payload));
        assert_eq!(
            read.headers.iter().collect::<Vec<_>>(),
            written.headers.iter().collect::<Vec<_>>(),
        );
        assert!(read.timestamp.0 > 0);
    }
}

async fn reading_begins_where_asked(harness: &dyn Harness) {
    let log = harness.open().await;
    let topic = topic(&*log, "begin", 2).await;
    let numbered = |from: u64, to: u64| {
        (from..to)
            .map(|n| record(&topic, 0, "k", n.to_string()))
            .collect::<Vec<_>>()
    };
    append(&*log, numbered(0, 10)).await;
    append(
        &*log,
        vec![record(&topic, 1, "k", "other partition".into())],
    )
    .await;
    let open = |start| {
        log.subscribe(vec![(topic.clone(), 0, start)])
            .expect("the topic can be read")
    };
    let mut from_end = open(Start::End);
    let mut from_seven = open(Start::Offset(7));
    let mut from_future = open(Start::Offset(12));
    append(&*log, numbered(10, 14)).await;
    for (subscription, first) in [
        (&mut from_end, 10),
        (&mut from_seven, 7),
        (&mut from_future, 12),
    ] {
        let records = read(&mut **subscription, 14 - first).await;
        let expected: Vec<String> = (first..14).map(|n| n.to_string()).collect();
        assert_eq!(records.iter().map(text).collect::<Vec<_>>(), expected);
        assert_eq!(records[0].offset, first as u64);
    }
    let bounds = log.bounds(&topic).await.expect("a topic has bounds");
    assert_eq!(
        bounds.iter().map(|bounds| bounds.end).collect::<Vec<_>>(),
        [14, 1]
    );
}

async fn a_restart_keeps_everything_and_continues_offsets(harness: &dyn Harness) {
    const ROUNDS: u64 = 5;
    for round in 0..ROUNDS {
        let log = harness.open().await;
        let topic = topic(&*log, "restart", 3).await;
        for n in 0..20 {
            let records = (0..3)
                .map(|p| record(&topic, p, "k", format!("{round}/{n}")))
                .collect();
            for position in append(&*log, records).await {
                assert_eq!(position.offset, round * 20 + n);
            }
        }
    }
    let log = harness.open().await;
    let topic = Topic::new("restart");
    let from = (0..3)
        .map(|partition| (topic.clone(), partition, Start::Offset(0)))
        .collect();
    let mut subscription = log.subscribe(from).expect("the topic can be read");
    read(&mut *subscription, 3 * 20 * ROUNDS as usize).await;
}

async fn write_concurrently(log: &Arc<dyn EventLog>, topic: &Topic, writers: u64, each: u64) {
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let (log, topic) = (Arc::clone(log), topic.clone());
            tokio::spawn(async move {
                let mut waiting = Vec::new();
                for n in 0..each {
                    let records = vec![record(
                        &topic,
                        None,
                        &writer.to_string(),
                        format!("{writer}/{n}"),
                    )];
                    waiting.push(append_when_free(&log, records).await);
                    if n % 16 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
                for waiting in waiting {
                    waiting
                        .await
                        .expect("it is answered")
                        .expect("it is durable");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the writer ends");
    }
}

type Answer = tokio::sync::oneshot::Receiver<Result<Vec<Position>, LogError>>;

async fn append_when_free(log: &Arc<dyn EventLog>, records: Vec<NewRecord>) -> Answer {
    loop {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        match log.append(
            records.clone(),
            Box::new(|outcome| drop(sender.send(outcome))),
        ) {
            Ok(()) => return receiver,
            Err(LogError::Unavailable) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Every writer's records are there once and in order.
fn check_writers(records: &[Record], writers: u64, each: u64) {
    let mut next: BTreeMap<&str, u64> = BTreeMap::new();
    for record in records {
        let (writer, n) = text(record).split_once('/').expect("as written");
        let next = next.entry(writer).or_default();
        assert_eq!(n.parse(), Ok(*next), "writer {writer}");
        *next += 1;
    }
    assert_eq!(next.len() as u64, writers);
    assert!(next.values().all(|count| *count == each));
}

async fn concurrent_writers_lose_nothing_and_keep_their_order(harness: &dyn Harness) {
    let (writers, each) = (8, 300);
    let log = harness.open().await;
    let topic = topic(&*log, "concurrent", 4).await;
    write_concurrently(&log, &topic, writers, each).await;
    let from = (0..4)
        .map(|partition| (topic.clone(), partition, Start::Offset(0)))
        .collect();
    let mut subscription = log.subscribe(from).expect("the topic can be read");
    check_writers(
        &read(&mut *subscription, (writers * each) as usize).await,
        writers,
        each,
    );
}

async fn readers_that_join_while_writing_miss_and_repeat_nothing(harness: &dyn Harness) {
    let (writers, each) = (4, 500);
    let log = harness.open().await;
    let topic = topic(&*log, "join", 3).await;
    let writing = {
        let (log, topic) = (Arc::clone(&log), topic.clone());
        tokio::spawn(async move { write_concurrently(&log, &topic, writers, each).await })
    };
    let mut readers = Vec::new();
    for n in 0..8 {
        let from = (0..3)
            .map(|partition| (topic.clone(), partition, Start::Offset(0)))
            .collect();
        let mut subscription = log.subscribe(from).expect("the topic can be read");
        readers.push(tokio::spawn(async move {
            check_writers(
                &read(&mut *subscription, (writers * each) as usize).await,
                writers,
                each,
            );
        }));
        for _ in 0..n * 20 {
            tokio::task::yield_now().await;
        }
    }
    writing.await.expect("the writers end");
    for reader in readers {
        reader
            .await
            .expect("the reader has everything once and in order");
    }
}

async fn a_slow_reader_delays_nobody_and_gets_everything(harness: &dyn Harness) {
    let (writers, each) = (4, 500);
    let log = harness.open().await;
    let topic = topic(&*log, "slow", 1).await;
    let from = || vec![(topic.clone(), 0, Start::End)];
    let mut slow = log.subscribe(from()).expect("the topic can be read");
    let mut quick = log.subscribe(from()).expect("the topic can be read");
    let abandoned = log.subscribe(from()).expect("the topic can be read");
    // Nobody reads while this writes: had a reader to keep up, it would never end.
    write_concurrently(&log, &topic, writers, each).await;
    check_writers(
        &read(&mut *quick, (writers * each) as usize).await,
        writers,
        each,
    );
    check_writers(
        &read(&mut *slow, (writers * each) as usize).await,
        writers,
        each,
    );
    drop(abandoned);
    append(&*log, vec![record(&topic, 0, "k", "after".into())]).await;
    for reader in [&mut slow, &mut quick] {
        assert_eq!(text(&read(&mut **reader, 1).await[0]), "after");
    }
}

async fn appends_are_refused_when_full_and_answered_once(harness: &dyn Harness) {
    let Some(Stalled { log, release }) = harness.stalled(10).await else {
        return;
    };
    let topic = topic(&*log, "full", 1).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let (sender, mut answers) = tokio::sync::mpsc::unbounded_channel();
    let mut accepted = 0;
    let refused = loop {
        let (calls, sender) = (Arc::clone(&calls), sender.clone());
        let appended = Box::new(move |outcome| {
            calls.fetch_add(1, Ordering::SeqCst);
            sender.send(outcome).expect("the suite listens");
        });
        match log.append(vec![record(&topic, 0, "k", String::new())], appended) {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted <= 20, "the buffer has no bound");
    };
    assert!(matches!(refused, LogError::Unavailable), "{refused}");
    assert_eq!(calls.load(Ordering::SeqCst), 0, "nothing is durable yet");
    release();
    for offset in 0..accepted {
        let answer = tokio::time::timeout(PATIENCE, answers.recv())
            .await
            .expect("it is answered");
        let positions = answer.expect("the suite sends").expect("it is durable");
        assert_eq!(
            positions,
            [Position {
                partition: 0,
                offset
            }]
        );
    }
    append(&*log, vec![record(&topic, 0, "k", "free again".into())]).await;
    assert_eq!(
        calls.load(Ordering::SeqCst) as u64,
        accepted,
        "each callback ran once"
    );
}

async fn retention_moves_the_earliest_offset(harness: &dyn Harness) {
    let mut log = harness.open().await;
    let topic = topic(&*log, "retention", 2).await;
    for n in 0..50 {
        append(&*log, vec![record(&topic, 0, "k", n.to_string())]).await;
    }
    if !harness.expire().await {
        return;
    }
    let mut end = 50;
    let expire_all = async |log: &dyn EventLog, end: &mut u64| loop {
        append(log, vec![record(&topic, 1, "k", "keeps it going".into())]).await;
        append(log, vec![record(&topic, 0, "k", end.to_string())]).await;
        *end += 1;
        let bounds = log.bounds(&topic).await.expect("a topic has bounds");
        if bounds[0].earliest >= 50 {
            return bounds;
        }
        assert!(*end < 20_000, "nothing is ever removed");
    };
    let bounds = expire_all(&*log, &mut end).await;
    assert_eq!((bounds[0].earliest, bounds[0].end), (50, end));
    drop(log);
    log = harness.open().await;
    let after_restart = log.bounds(&topic).await.expect("a topic has bounds");
    assert_eq!(after_restart, bounds, "a restart knows the same bounds");
    let below = vec![(topic.clone(), 0, Start::Offset(3))];
    let mut subscription = log.subscribe(below).expect("the topic can be read");
    let records = read(&mut *subscription, (end - 50) as usize).await;
    assert_eq!(records[0].offset, 50, "reading below gets the earliest");
    assert_eq!(
        append(&*log, vec![record(&topic, 0, "k", String::new())]).await[0].offset,
        end
    );
}
