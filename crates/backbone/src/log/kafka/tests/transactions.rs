//! Other programs' transactions, whose marks take offsets and are no records.

use super::*;
use crate::bans::{self, Bans};
use crate::topics::SYSTEM_EVENTS;
use blazing_sun_domain::{Millis, UserId};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::sync::Arc;

/// Writes one record, and keeps it or not.
fn transact(options: &KafkaOptions, topic: &Topic, partition: i32, is_kept: bool) {
    let producer: BaseProducer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", &options.bootstrap_servers)
        .set(
            "transactional.id",
            options.full_name(&format!("foreign.{is_kept}")),
        )
        .create()
        .expect("a producer");
    producer.init_transactions(PATIENCE).expect("an id");
    producer.begin_transaction().expect("none was begun");
    let name = options.full_name(topic.as_str());
    let record = BaseRecord::<[u8], str>::to(&name)
        .partition(partition)
        .payload("foreign");
    producer
        .send(record)
        .map_err(|(error, _)| error)
        .expect("it is taken");
    match is_kept {
        true => producer.commit_transaction(PATIENCE),
        false => {
            // What was not sent yet would leave no mark.
            producer.flush(PATIENCE).expect("it is sent");
            producer.abort_transaction(PATIENCE)
        }
    }
    .expect("the transaction ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn are_passed_and_told_of() {
    let options = options_for(TestKafka::shared());
    let log = KafkaLog::connect(options.clone(), Some("passing".to_owned()));
    let log = log.expect("the broker runs");
    let topic = topic(&log, "transactions", 2).await;
    append(&log, vec![record(&topic, 0, "own")]).await;
    transact(&options, &topic, 0, true);
    transact(&options, &topic, 1, false);
    let ends = [3, 2];
    // The marks are written after the answer.
    until("the marks are written", async || {
        let bounds = log.bounds(&topic).await.expect("bounds");
        bounds.iter().map(|bounds| bounds.end).eq(ends)
    })
    .await;
    let from = (0..2).map(|partition| (topic.clone(), partition, Start::Offset(0)));
    let mut subscription = log.subscribe(from.collect()).expect("it can be read");
    let (mut texts, mut next) = (Vec::new(), [0, 0]);
    while next != ends {
        let records = tokio::time::timeout(PATIENCE, subscription.next()).await;
        let records = records.unwrap_or_else(|_| panic!("{next:?} of {ends:?} were read"));
        for record in records.expect("the log can be read") {
            next[record.partition as usize] = record.offset + 1;
            texts.push(text(&record).to_owned());
        }
        for (of, partition, passed) in subscription.passed() {
            assert_eq!(of, topic);
            next[partition as usize] = passed;
        }
    }
    assert_eq!(
        texts,
        ["own", "foreign"],
        "what was taken back is no record"
    );
    // Nor does it count as unread.
    let places = [(topic.clone(), 0), (topic.clone(), 1)];
    until("the group's offsets are the ends", async || {
        let (asked, places) = (options.clone(), places.clone());
        let committed = move || crate::log::kafka::groups::committed(&asked, "passing", &places);
        let committed = tokio::task::spawn_blocking(committed).await;
        committed.expect("asked").expect("an answer") == [Some(3), Some(2)]
    })
    .await;
    // What comes next is read all the same.
    append(&log, vec![record(&topic, 1, "later")]).await;
    let later = read(&mut *subscription, 1).await;
    assert_eq!((text(&later[0]), later[0].offset), ("later", 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_a_process_start_that_waits_for_the_end() {
    let options = options_for(TestKafka::shared());
    let log: Arc<dyn EventLog> = Arc::new(connect(&options));
    let spec = TopicSpec {
        name: SYSTEM_EVENTS.to_owned(),
        partitions: 1,
        retention_ms: 604_800_000,
    };
    log.ensure_topics(&[spec]).await.expect("made");
    let user = UserId::new(7).expect("an id");
    let told = vec![bans::record(user, true)];
    log.append_and_wait(told).await.expect("it is durable");
    transact(&options, &Topic::new(SYSTEM_EVENTS), 0, true);
    let mut heard = Vec::new();
    let began = Bans::since(log, Millis(0), |told| heard.push(told));
    let began = tokio::time::timeout(PATIENCE, began).await;
    drop(began.expect("it starts").expect("the log can be read"));
    assert_eq!(heard, [bans::Told::Ban(user, true)]);
}
