//! What Kafka's own tools show of a reader.

use super::*;

/// The lag by topic and partition that `kafka-consumer-groups` shows, sorted.
fn lags(kafka: &TestKafka, group: &str) -> Vec<(String, u64, u64, u64)> {
    let shown = kafka.tool("kafka-consumer-groups", &["--describe", "--group", group]);
    let mut lags: Vec<_> = shown
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [name, topic, partition, current, _, lag, ..] = fields[..] else {
                return None;
            };
            let number = |text: &str| text.parse().ok();
            let topic = topic.to_owned();
            (name == group).then_some((topic, number(partition)?, number(current)?, number(lag)?))
        })
        .collect();
    lags.sort();
    lags
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafkas_own_tool_shows_the_lag_of_a_reader() {
    let kafka = TestKafka::shared();
    let options = options_for(kafka);
    let group = options.full_name("ws_gateway");
    let log =
        KafkaLog::connect(options.clone(), Some("ws_gateway".into())).expect("the broker runs");
    let (a, b) = (topic(&log, "lag.a", 2).await, topic(&log, "lag.b", 1).await);
    let numbered = |topic: &Topic, partition, count: u64| -> Vec<NewRecord> {
        (0..count).map(|n| record(topic, partition, n)).collect()
    };
    append(&log, numbered(&a, 0, 3)).await;
    let from = vec![
        (a.clone(), 0, Start::End),
        (a.clone(), 1, Start::End),
        (b.clone(), 0, Start::End),
    ];
    let mut subscription = log.subscribe(from).expect("they can be read");
    let shown = |a0: (u64, u64), a1: (u64, u64), b0: (u64, u64)| {
        let (a, b) = (options.full_name("lag.a"), options.full_name("lag.b"));
        vec![
            (a.clone(), 0, a0.0, a0.1),
            (a, 1, a1.0, a1.1),
            (b, 0, b0.0, b0.1),
        ]
    };
    until("all are where they begin", async || {
        lags(kafka, &group) == shown((3, 0), (0, 0), (0, 0))
    })
    .await;
    append(&log, numbered(&a, 1, 5)).await;
    read(&mut *subscription, 5).await;
    until("what was read is", async || {
        lags(kafka, &group) == shown((3, 0), (5, 0), (0, 0))
    })
    .await;
    // Fetched ahead perhaps, but nobody has it yet.
    append(&log, numbered(&b, 0, 7)).await;
    assert_eq!(lags(kafka, &group), shown((3, 0), (5, 0), (0, 7)));
    read(&mut *subscription, 7).await;
    drop(subscription);
    until("the last positions are written at the end", async || {
        lags(kafka, &group) == shown((3, 0), (5, 0), (7, 0))
    })
    .await;
    assert!(log.close().await);
}
