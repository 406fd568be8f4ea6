use super::*;
use blazing_sun_backbone::log::memory::MemoryLog;
use blazing_sun_backbone::log::sqlite::{SqliteLog, SqliteLogOptions};
use blazing_sun_backbone::log::{Headers, NewRecord};
use blazing_sun_backbone::topics::TopicSpec;
use std::sync::Arc;

async fn filled(log: &dyn EventLog, records: u64, partitions: u32) -> Topic {
    let spec = TopicSpec {
        name: "searched".to_owned(),
        partitions,
        retention_ms: -1,
    };
    log.ensure_topics(&[spec]).await.unwrap();
    let topic = Topic::new("searched");
    append(log, &topic, 0..records, partitions).await;
    topic
}

async fn append(log: &dyn EventLog, topic: &Topic, numbers: std::ops::Range<u64>, partitions: u32) {
    let records = numbers.map(|n| NewRecord {
        topic: topic.clone(),
        partition: Some(n as u32 % partitions),
        key: n.to_string().into(),
        headers: Headers::default(),
        payload: format!("{{\"n\":{n}}}").into(),
    });
    log.append_and_wait(records.collect()).await.unwrap();
}

fn asking(topic: &Topic, begin: Begin, limit: usize) -> Search {
    Search {
        topic: topic.clone(),
        partition: None,
        begin,
        filter: Filter::default(),
        limit,
        wait: Duration::ZERO,
    }
}

fn keys(found: &Found) -> Vec<u64> {
    let key = |record: &Record| String::from_utf8_lossy(&record.key).parse().unwrap();
    found.records.iter().map(key).collect()
}

#[tokio::test]
async fn pages_go_through_everything_once_in_both_ways() {
    let log = MemoryLog::default();
    let topic = filled(&log, 1_000, 3).await;
    for (begin, way) in [(Begin::Newest, Way::Back), (Begin::Oldest, Way::On)] {
        let whole = keys(
            &search(&log, &asking(&topic, begin.clone(), 5_000))
                .await
                .unwrap(),
        );
        assert_eq!(whole.len(), 1_000);
        let (mut paged, mut begin) = (Vec::new(), begin);
        loop {
            let page = search(&log, &asking(&topic, begin, 33)).await.unwrap();
            paged.extend(keys(&page));
            match page.next {
                Some(next) if !page.is_at_end => begin = Begin::Cursor(next),
                next => {
                    assert_eq!(next.is_some(), way == Way::On);
                    break;
                }
            }
        }
        assert_eq!(paged, whole, "{way:?}");
    }
}

#[tokio::test]
async fn a_call_looks_at_so_many_records_and_the_next_goes_on_behind_them() {
    let log = MemoryLog::default();
    let topic = filled(&log, SCANNED_MAX + 10, 2).await;
    let mut wanted = asking(&topic, Begin::Newest, 10);
    wanted.filter.keys = vec!["4".to_owned()];
    let first = search(&log, &wanted).await.unwrap();
    assert_eq!(
        (first.records.len(), first.scanned, first.is_at_end),
        (0, SCANNED_MAX, false)
    );
    wanted.begin = Begin::Cursor(first.next.expect("it goes on"));
    let second = search(&log, &wanted).await.unwrap();
    assert_eq!(
        (keys(&second), second.scanned, second.is_at_end),
        (vec![4], 10, true)
    );
}

#[tokio::test]
async fn begins_where_it_is_asked_to() {
    let log = MemoryLog::default();
    let topic = filled(&log, 10, 2).await;
    let found = async |begin: Begin, partition: Option<u32>| {
        let wanted = Search {
            partition,
            ..asking(&topic, begin, 100)
        };
        let mut keys = keys(&search(&log, &wanted).await.unwrap());
        keys.sort_unstable();
        keys
    };
    assert_eq!(found(Begin::Offset(3), None).await, [6, 7, 8, 9]);
    assert_eq!(found(Begin::Offset(3), Some(1)).await, [7, 9]);
    assert_eq!(found(Begin::Offset(300), None).await, [0; 0]);
    assert_eq!(found(Begin::Newest, Some(0)).await, [0, 2, 4, 6, 8]);
    assert_eq!(found(Begin::End, None).await, [0; 0]);
    let unknown = search(&log, &asking(&Topic::new("x"), Begin::End, 1)).await;
    assert!(matches!(unknown, Err(SearchError::UnknownTopic(_))));
    let wanted = Search {
        partition: Some(2),
        ..asking(&topic, Begin::End, 1)
    };
    let unknown = search(&log, &wanted).await;
    assert!(matches!(unknown, Err(SearchError::UnknownPartition { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_at_the_end_gets_what_comes() {
    let log = MemoryLog::default();
    let topic = filled(&log, 10, 2).await;
    let at_end = search(&log, &asking(&topic, Begin::End, 100))
        .await
        .unwrap();
    assert!(at_end.is_at_end && at_end.records.is_empty());
    let wanted = Search {
        wait: Duration::from_secs(60),
        ..asking(&topic, Begin::Cursor(at_end.next.expect("it goes on")), 100)
    };
    let waiting = {
        let log = log.clone();
        tokio::spawn(async move { search(&log, &wanted).await.map(|found| keys(&found)) })
    };
    append(&log, &topic, 10..12, 2).await;
    assert_eq!(waiting.await.unwrap().unwrap(), [10, 11]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_are_found_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let now = Arc::new(std::sync::atomic::AtomicI64::new(0));
    let clock = Arc::clone(&now);
    let options = SqliteLogOptions {
        clock: Arc::new(move || Millis(clock.load(std::sync::atomic::Ordering::Relaxed))),
        ..SqliteLogOptions::default()
    };
    let log = SqliteLog::standalone(&folder.path().join("log.db"), options).unwrap();
    let topic = filled(&log, 0, 2).await;
    for at in 1..=600 {
        now.store(at * 10, std::sync::atomic::Ordering::Relaxed);
        append(&log, &topic, at as u64..at as u64 + 1, 2).await;
    }
    for (at, first) in [
        (0, 1),
        (10, 1),
        (11, 2),
        (3_000, 300),
        (5_999, 600),
        (6_000, 600),
    ] {
        let found = search(&log, &asking(&topic, Begin::Time(Millis(at)), 1))
            .await
            .unwrap();
        assert_eq!(keys(&found), [first], "{at}");
    }
    let found = search(&log, &asking(&topic, Begin::Time(Millis(6_001)), 1))
        .await
        .unwrap();
    assert!(found.records.is_empty() && found.is_at_end);
}
