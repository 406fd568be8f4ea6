//! Against a real broker.

mod conforms;
mod faults;
mod foreign;
mod frozen;
mod groups;
mod leaders;
mod load;
mod paced;
mod security;
mod slow;
mod transactions;

use super::*;
use crate::log::{Position, Record};
use blazing_sun_harness::kafka::TestKafka;
use bytes::Bytes;
use std::error::Error;
use std::time::Instant;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

fn options_for(kafka: &TestKafka) -> KafkaOptions {
    KafkaOptions {
        topic_prefix: kafka.new_prefix(),
        ..KafkaOptions::new(kafka.bootstrap_servers())
    }
}

fn connect(options: &KafkaOptions) -> KafkaLog {
    KafkaLog::connect(options.clone(), None).expect("the broker runs")
}

async fn topic(log: &KafkaLog, name: &str, partitions: u32) -> Topic {
    let spec = TopicSpec {
        name: name.to_owned(),
        partitions,
        retention_ms: 604_800_000,
    };
    log.ensure_topics(&[spec]).await.expect("the topic is made");
    Topic::new(name)
}

fn record(topic: &Topic, partition: u32, payload: impl ToString) -> NewRecord {
    NewRecord {
        topic: topic.clone(),
        partition: Some(partition),
        key: Bytes::from_static(b"k"),
        headers: super::super::Headers::default(),
        payload: payload.to_string().into(),
    }
}

async fn append(log: &KafkaLog, records: Vec<NewRecord>) -> Vec<Position> {
    let log: &dyn EventLog = log;
    log.append_and_wait(records).await.expect("it is durable")
}

/// Reads until so many records are there.
async fn read(subscription: &mut dyn Subscription, count: usize) -> Vec<Record> {
    let mut records = Vec::new();
    while records.len() < count {
        let some = tokio::time::timeout(PATIENCE, subscription.next()).await;
        let some = some.unwrap_or_else(|_| panic!("{} of {count} records came", records.len()));
        records.extend(some.expect("the log can be read"));
    }
    records
}

fn text(record: &Record) -> &str {
    std::str::from_utf8(&record.payload).expect("the test writes text")
}

/// Asks until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An error with what it comes from.
fn told(error: &LogError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
