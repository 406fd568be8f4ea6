//! Three brokers, whose leaders are killed.
#![allow(clippy::print_stdout, reason = "how long clients took is to be read")]

use super::load::Load;
use super::*;
use blazing_sun_harness::kafka::TestBrokers;

/// How many leaders are killed, one after the other.
const KILLS: usize = 2;

/// The leader of a topic's partition 0, and how many copies are up to date.
fn leader(log: &KafkaLog, options: &KafkaOptions, topic: &Topic) -> Option<(i32, usize)> {
    let name = options.full_name(topic.as_str());
    let metadata = log.offsets().metadata(Some(&name), options.request_wait);
    let metadata = metadata.ok()?;
    let partition = metadata.topics().first()?.partitions().first()?;
    (partition.leader() > 0).then(|| (partition.leader(), partition.isr().len()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goes_on_while_leaders_are_killed() {
    let started = tokio::task::spawn_blocking(TestBrokers::three);
    let brokers = started.await.expect("three brokers");
    let options = KafkaOptions {
        topic_prefix: brokers.broker(1).new_prefix(),
        append_wait: PATIENCE,
        ..KafkaOptions::new(brokers.bootstrap_servers())
    };
    let log = KafkaLog::connect(options.clone(), Some("leaders".into())).expect("they run");
    let moved = topic(&log, "moved", 1).await;
    let subscription = log
        .subscribe(vec![(moved.clone(), 0, Start::End)])
        .expect("it can be read");
    let load = Arc::new(Load::default());
    let reading = load.read(subscription);
    let appending = load.append(&log, &moved);
    for _ in 0..KILLS {
        let mut led = 0;
        until("all copies are up to date", async || {
            let found = leader(&log, &options, &moved);
            led = found.map_or(0, |(id, _)| id);
            found.is_some_and(|(_, copies)| copies == 3)
        })
        .await;
        let before = load.next.load(Ordering::Relaxed);
        until("it is under load", async || {
            load.last_read() >= Some(before)
        })
        .await;
        brokers.broker(led).kill();
        let killed = Instant::now();
        let first = load.next.load(Ordering::Relaxed);
        until("what is appended is acknowledged and read", async || {
            load.last_acknowledged() >= Some(first) && load.last_read() >= Some(first)
        })
        .await;
        println!(
            "the leader was killed: read on after {:.1?}",
            killed.elapsed()
        );
        until("another leads, and offsets are told", async || {
            let found = leader(&log, &options, &moved);
            found.is_some_and(|(id, _)| id != led) && log.bounds(&moved).await.is_ok()
        })
        .await;
        brokers.broker(led).start_again();
    }
    let told = load.check(log, &moved, appending, reading).await;
    println!("{told}");
    let appended = load.next.load(Ordering::Relaxed);
    assert_eq!(
        load.acknowledged(),
        appended,
        "two brokers are enough for every append: {told}"
    );
}
