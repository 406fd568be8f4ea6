//! Kafka's own tools over our topics and groups.

use crate::site::{Servers, Site};
use crate::tables::Tables;
use blazing_sun_harness::kafka::TestKafka;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const WITHIN: Duration = Duration::from_secs(120);

async fn tool(name: &'static str, arguments: Vec<String>) -> String {
    let run = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        TestKafka::shared().tool(name, &arguments)
    });
    run.await.expect("a tool of Kafka")
}

/// By topic: how many records are behind the group's offsets.
async fn lag(group: &str) -> Vec<(String, u64)> {
    let arguments = ["--describe", "--group", group].map(str::to_owned);
    let told = tool("kafka-consumer-groups", arguments.to_vec()).await;
    let rows = told
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    // GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG …
    let of_group = rows.filter(|row| row.first() == Some(&group) && row.len() > 5);
    let lags = of_group.map(|row| {
        // Without an offset of the group all of the partition is to be read.
        let lag = row[5].parse().or_else(|_| row[4].parse());
        (row[1].to_owned(), lag.unwrap_or_default())
    });
    let lags: Vec<(String, u64)> = lags.collect();
    assert!(!lags.is_empty(), "{group}: {told}");
    lags
}

async fn until_lag(group: &str, what: &str, is_so: impl Fn(u64) -> bool) {
    let until = Instant::now() + WITHIN;
    loop {
        let lags = lag(group).await;
        if is_so(lags.iter().map(|(_, lag)| lag).sum()) {
            return;
        }
        assert!(Instant::now() < until, "{group} is not {what}: {lags:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kafkas_own_tools_read_topics_and_groups() {
    let mut site = Site::open(&Servers::default()).await;
    let tables = Tables::sit(&mut site.cluster, 2).await;
    site.all_go_on(&tables, 20, WITHIN).await;
    let prefix = site.cluster.kafka().1.to_owned();
    for topic in ["games.commands", "games.events"] {
        let topic = format!("{prefix}{topic}");
        let arguments = [
            "--topic",
            &topic,
            "--from-beginning",
            "--max-messages",
            "20",
        ];
        let arguments = arguments.map(str::to_owned).to_vec();
        let records = tool("kafka-console-consumer", arguments).await;
        let records: Vec<Value> = records
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
            })
            .collect();
        assert_eq!(records.len(), 20, "{topic}");
        let fields = [
            "actor",
            "audience",
            "correlation_id",
            "event_id",
            "event_type",
            "payload",
            "producer",
            "timestamp",
        ];
        for record in &records {
            let keys = record.as_object().expect("an envelope").keys();
            let keys: BTreeSet<&str> = keys.map(String::as_str).collect();
            assert_eq!(keys, BTreeSet::from(fields), "{record}");
        }
    }

    let backends = format!("{prefix}blazing_sun");
    for at in 0..2 {
        site.cluster.backend(at).stop_signal();
    }
    // Each table has a command under way that nobody decides.
    until_lag(&backends, "behind while backends are frozen", |lag| lag > 0).await;
    for at in 0..2 {
        site.cluster.backend(at).continue_signal();
    }
    site.all_go_on(&tables, 3, WITHIN).await;
    let wrong = tables.rise().await;
    until_lag(&backends, "at the end when all is at rest", |lag| lag == 0).await;
    for gateway in ["g0", "g1"] {
        let group = format!("{prefix}ws_gateway.{gateway}");
        until_lag(&group, "at the end when all is at rest", |lag| lag == 0).await;
    }
    site.close(wrong).await;
}
