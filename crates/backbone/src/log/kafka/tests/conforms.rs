//! The suite of all logs, and what this one adds about topics and offsets.

use super::*;
use crate::log::conformance::{self, Harness, Stalled};
use crate::log::kafka::settings::ClientLog;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, ResourceSpecifier};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::Once;

struct KafkaHarness(KafkaOptions);

/// Stops its broker before the first append.
struct StallingLog {
    log: KafkaLog,
    stop: Once,
    kafka: Arc<TestKafka>,
}

#[async_trait]
impl EventLog for StallingLog {
    async fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        self.log.ensure_topics(topics).await
    }

    fn append(&self, records: Vec<NewRecord>, appended: Appended) -> Result<(), LogError> {
        self.stop.call_once(|| self.kafka.stop_signal());
        self.log.append(records, appended)
    }

    fn subscribe(&self, from: Vec<(Topic, u32, Start)>) -> Result<Box<dyn Subscription>, LogError> {
        self.log.subscribe(from)
    }

    async fn bounds(&self, topic: &Topic) -> Result<Vec<Bounds>, LogError> {
        self.log.bounds(topic).await
    }
}

fn admin(options: &KafkaOptions) -> AdminClient<ClientLog> {
    settings::admin(options)
        .create_with_context(ClientLog::default())
        .expect("an admin client")
}

#[async_trait]
impl Harness for KafkaHarness {
    async fn open(&self) -> Arc<dyn EventLog> {
        Arc::new(connect(&self.0))
    }

    async fn stalled(&self, records_max: usize) -> Option<Stalled> {
        let kafka = Arc::new(TestKafka::own());
        let one = record(&Topic::new("full"), 0, "");
        let options = KafkaOptions {
            buffer_bytes: records_max * records::buffered_bytes(&one),
            append_wait: PATIENCE,
            ..options_for(&kafka)
        };
        let log = StallingLog {
            log: connect(&options),
            stop: Once::new(),
            kafka: Arc::clone(&kafka),
        };
        Some(Stalled {
            log: Arc::new(log),
            release: Box::new(move || kafka.continue_signal()),
        })
    }

    /// As retention does it, which looks only every few minutes and spares the newest segment.
    async fn expire(&self) -> bool {
        let log = connect(&self.0);
        let bounds = log.bounds(&Topic::new("retention")).await.expect("bounds");
        let name = self.0.full_name("retention");
        let mut before = TopicPartitionList::new();
        for (partition, Bounds { end, .. }) in bounds.iter().enumerate() {
            before
                .add_partition_offset(&name, partition as i32, Offset::Offset(*end as i64))
                .expect("an offset");
        }
        // An answer that comes after its client has gone is nobody's, and would be waited for for ever.
        let admin = admin(&self.0);
        let removed = admin.delete_records(&before, &AdminOptions::new());
        let removed = tokio::time::timeout(PATIENCE, removed).await;
        let removed = removed.expect("an answer in time");
        removed.expect("records are removed");
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    conformance::run(&KafkaHarness(options_for(TestKafka::shared()))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_make_the_same_topics_at_once_as_they_are_wanted() {
    let options = options_for(TestKafka::shared());
    let (one, other) = (connect(&options), connect(&options));
    let specs: Vec<TopicSpec> = (0..8)
        .map(|n| TopicSpec {
            name: format!("both.{n}"),
            partitions: 3,
            retention_ms: 86_400_000,
        })
        .collect();
    let (made, also_made) = tokio::join!(one.ensure_topics(&specs), other.ensure_topics(&specs));
    made.expect("made");
    also_made.expect("made by the other");
    // Both know them now, and so does who comes later.
    for log in [&one, &other, &connect(&options)] {
        append(log, vec![record(&Topic::new("both.7"), 2, "x")]).await;
    }
    let name = options.full_name("both.0");
    let described = admin(&options)
        .describe_configs(&[ResourceSpecifier::Topic(&name)], &AdminOptions::new())
        .await
        .expect("an answer");
    let config = described
        .first()
        .expect("of one topic")
        .as_ref()
        .expect("a topic");
    for (setting, value) in [
        ("retention.ms", "86400000"),
        ("compression.type", "producer"),
        ("message.timestamp.type", "CreateTime"),
    ] {
        let found = config.get(setting).and_then(|entry| entry.value.as_deref());
        assert_eq!(found, Some(value), "{setting}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_that_others_make_become_known() {
    let options = options_for(TestKafka::shared());
    let log = connect(&options);
    let made = topic(&connect(&options), "later", 2).await;
    // Reading looks at once, appending soon.
    log.subscribe(vec![(made.clone(), 1, Start::End)])
        .expect("it is found");
    let log = connect(&options);
    let made_again = topic(&connect(&options), "later.still", 1).await;
    until("appending knows it", async || {
        log.append(vec![record(&made_again, 0, "x")], Box::new(drop))
            .is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tells_the_ends_of_many_partitions_in_their_order() {
    let options = options_for(TestKafka::shared());
    let log = connect(&options);
    let (a, b) = (
        topic(&log, "ends.a", 12).await,
        topic(&log, "ends.b", 12).await,
    );
    append(&log, (0..5).map(|n| record(&b, 11, n)).collect()).await;
    append(&log, (0..3).map(|n| record(&a, 0, n)).collect()).await;
    let mut places: Vec<(Topic, u32)> = (0..12).map(|partition| (b.clone(), partition)).collect();
    places.push((a, 0));
    places.reverse();
    let offsets = KafkaOffsets::connect(&options).expect("the broker runs");
    let wait = options.request_wait;
    let ends = tokio::task::spawn_blocking(move || offsets.ends(&places, wait))
        .await
        .expect("no panic")
        .expect("an answer");
    let mut expected = vec![0; 13];
    (expected[0], expected[1]) = (3, 5);
    assert_eq!(ends, expected);
    let unknown = log
        .offsets()
        .ends(&[(Topic::new("no"), 0)], Duration::from_millis(300));
    unknown.expect_err("there is no such topic");
}

/// The library believes for minutes what it has heard of a topic, also from a broker that had just woken up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_knows_a_partition_no_more_is_replaced() {
    let options = options_for(TestKafka::shared());
    let log = connect(&options);
    let grown = topic(&log, "grown", 1).await;
    let offsets = KafkaOffsets::connect(&options).expect("the broker runs");
    let ends = |partition| {
        let (offsets, places) = (offsets.clone(), vec![(grown.clone(), partition)]);
        tokio::task::spawn_blocking(move || offsets.ends(&places, Duration::from_millis(500)))
    };
    let is_told = async |partition| ends(partition).await.expect("no panic").is_ok();
    until("the one that there is is known", async || is_told(0).await).await;
    let name = options.full_name("grown");
    let grown = [NewPartitions::new(&name, 2)];
    let admin = admin(&options);
    let made = admin.create_partitions(&grown, &AdminOptions::new()).await;
    made.expect("an answer")[0].as_ref().expect("it has two");
    until("the new one is known", async || is_told(1).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_no_broker_takes_is_refused_with_all_its_append() {
    let log = connect(&options_for(TestKafka::shared()));
    let topic = topic(&log, "large", 1).await;
    let just_fits = "x".repeat(settings::RECORD_BYTES_MAX - 1_024 - 1);
    let too_large = format!("{just_fits}x");
    let refused = log.append(
        vec![record(&topic, 0, "small"), record(&topic, 0, too_large)],
        Box::new(|_| panic!("a refused append is not called")),
    );
    assert!(matches!(refused, Err(LogError::TooLarge { .. })));
    assert_eq!(
        append(&log, vec![record(&topic, 0, just_fits)]).await[0].offset,
        0
    );
    assert!(
        append(&log, Vec::new()).await.is_empty(),
        "nothing is answered too"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_sends_what_was_taken_and_ends_all_readers() {
    let options = options_for(TestKafka::shared());
    let log = connect(&options);
    let topic = topic(&log, "closing", 1).await;
    let mut subscription = log
        .subscribe(vec![(topic.clone(), 0, Start::End)])
        .expect("it can be read");
    let (sender, mut answers) = tokio::sync::mpsc::unbounded_channel();
    for n in 0..500 {
        let sender = sender.clone();
        log.append(
            vec![record(&topic, 0, n)],
            Box::new(move |outcome| drop(sender.send(outcome))),
        )
        .expect("it is taken");
    }
    assert!(log.close().await, "all of it ended");
    drop(sender);
    for n in 0..500 {
        let positions = answers.recv().await.expect("answered").expect("durable");
        assert_eq!(positions[0].offset, n);
    }
    let refused = log.append(vec![record(&topic, 0, "late")], Box::new(drop));
    assert!(matches!(refused, Err(LogError::Closed)));
    assert!(matches!(
        log.subscribe(vec![(topic, 0, Start::End)]).err(),
        Some(LogError::Closed)
    ));
    let end = loop {
        if let Err(error) = subscription.next().await {
            break error;
        }
    };
    assert!(matches!(end, LogError::Closed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_copies_than_brokers_are_an_option_that_is_wrong() {
    let options = KafkaOptions {
        replication_factor: 3,
        ..options_for(TestKafka::shared())
    };
    let spec = TopicSpec {
        name: "copies".to_owned(),
        partitions: 1,
        retention_ms: -1,
    };
    let error = connect(&options).ensure_topics(&[spec]).await;
    let told = told(&error.expect_err("there is one broker"));
    assert!(told.contains("`replication_factor`"), "{told}");
}
