//! What of a partition the library is handed at once.

use super::*;
use crate::log::kafka::paced::{DeliveryContext, PacedProducer};
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::error::KafkaError;

/// The offsets of numbered records as they came, and the numbers of those that were not taken.
#[derive(Default)]
struct Arrivals(Mutex<Vec<(u32, u64, u64)>>, Mutex<Vec<u64>>);

impl ClientContext for Arrivals {}

impl DeliveryContext for Arrivals {
    type Receipt = u64;
    const GIVES_BACK: bool = true;

    fn delivered(&self, outcome: Result<Position, KafkaError>, number: u64) {
        match outcome {
            Ok(at) => self.0.lock().push((at.partition, at.offset, number)),
            Err(_) => self.1.lock().push(number),
        }
    }
}

/// Twenty are few, so that five follow five; three hundred are many.
#[tokio::test(flavor = "multi_thread")]
async fn the_library_has_no_more_of_a_partition_than_it_sends_and_order_is_kept() {
    let kafka = tokio::task::spawn_blocking(TestKafka::own);
    let kafka = kafka.await.expect("Kafka");
    let options = options_for(&kafka);
    let topic = topic(&connect(&options), "paced", 2).await;
    let producer = PacedProducer::new(&options, Arrivals::default()).expect("a producer");
    let send = |partition: u32, number: u64| {
        let record = record(&topic, partition, number);
        producer
            .send(partition, &record, None, number)
            .map_err(|(error, _)| error)
            .expect("it is taken");
    };
    let arrived = |count: usize| {
        let until = Instant::now() + PATIENCE;
        while producer.context().0.lock().len() < count {
            assert!(Instant::now() < until, "not all arrive");
            producer.poll(Duration::from_millis(10));
        }
    };
    // Once it is connected.
    send(0, 0);
    send(1, 0);
    arrived(2);
    kafka.stop_signal();
    for number in 1..=20 {
        send(0, number);
    }
    assert_eq!(producer.held_by_library(), 5);
    for number in 1..=300 {
        send(1, number);
    }
    assert_eq!(producer.held_by_library(), 10);
    kafka.continue_signal();
    arrived(322);
    assert_eq!(producer.held_by_library(), 0);
    let arrivals = producer.context().0.lock();
    for (partition, count) in [(0, 21), (1, 301)] {
        let of_partition = arrivals.iter().filter(|(of, ..)| *of == partition);
        let found: Vec<_> = of_partition.map(|(_, at, number)| (*at, *number)).collect();
        assert_eq!(found, (0..count).map(|n| (n, n)).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_behind_a_record_that_is_refused_is_given_back() {
    const LARGE: u64 = 3;
    let kafka = tokio::task::spawn_blocking(TestKafka::own);
    let kafka = kafka.await.expect("Kafka");
    let options = options_for(&kafka);
    let topic = topic(&connect(&options), "refused", 1).await;
    let name = options.full_name(topic.as_str());
    let limited = tokio::task::spawn_blocking(move || {
        let limit = [
            "--alter",
            "--topic",
            &name,
            "--add-config",
            "max.message.bytes=2000",
        ];
        kafka.tool("kafka-configs", &limit);
        kafka
    });
    let kafka = limited.await.expect("it is limited");
    let producer = PacedProducer::new(&options, Arrivals::default()).expect("a producer");
    let send = |number: u64| {
        let mut record = record(&topic, 0, number);
        if number == LARGE {
            record.payload = vec![b'x'; 5_000].into();
        }
        let sent = producer.send(0, &record, None, number);
        sent.map_err(|(error, _)| error).expect("it is given");
    };
    let Arrivals(came, refused) = producer.context();
    let answered = |count: usize| {
        let until = Instant::now() + PATIENCE;
        while came.lock().len() + refused.lock().len() < count {
            assert!(Instant::now() < until, "not all are answered");
            producer.poll(Duration::from_millis(10));
        }
    };
    send(0);
    answered(1);
    kafka.stop_signal();
    (1..=20).for_each(send);
    kafka.continue_signal();
    answered(21);
    let mut given_back = std::mem::take(&mut *refused.lock());
    given_back.sort_unstable();
    assert!(given_back.contains(&LARGE), "{given_back:?}");
    assert!(
        given_back.ends_with(&(6..=20).collect::<Vec<_>>()),
        "{given_back:?}"
    );
    // Then it goes on.
    (6..=20).for_each(send);
    answered(21 - given_back.len() + 15);
    let came = came.lock();
    let numbers: Vec<u64> = came.iter().map(|(_, _, number)| *number).collect();
    assert!(
        numbers.is_sorted() && numbers.ends_with(&(6..=20).collect::<Vec<_>>()),
        "{numbers:?}"
    );
}
