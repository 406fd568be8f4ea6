//! A lone broker that is frozen for longer than its session: its controller gives it up, and when it goes on it tells
//! clients of no broker, so that the library forgets the only one there is.
#![allow(clippy::print_stdout, reason = "how long clients took is to be read")]

use super::load::Load;
use super::*;

/// How long the broker is frozen each time.
const FREEZES: [Duration; 3] = [
    Duration::from_secs(7),
    Duration::from_secs(14),
    Duration::from_secs(7),
];

/// The library forgets brokers in most of such outages, not in all: this shows what is done about it each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_hear_nobody_are_replaced() {
    let log = KafkaLog::connect(options_for(TestKafka::shared()), Some("deaf".into()));
    let log = log.expect("the broker runs");
    let topic = topic(&log, "deaf", 1).await;
    let subscription = log
        .subscribe(vec![(topic.clone(), 0, Start::End)])
        .expect("it can be read");
    let load = Arc::new(Load::default());
    let reading = load.read(subscription);
    let appending = load.append(&log, &topic);
    for _ in 0..2 {
        let deafen: [(&str, &dyn Fn()); 3] = [
            ("the reader", &|| {
                log.handle.readers.deafens.store(true, Ordering::Relaxed);
            }),
            ("the sender", &|| log.handle.sender.deafen()),
            ("offsets", &|| log.offsets().deafen()),
        ];
        for (what, deafen) in deafen {
            let before = load.next.load(Ordering::Relaxed);
            until("it is under load", async || {
                load.last_read() >= Some(before)
            })
            .await;
            deafen();
            let begun = Instant::now();
            until("offsets are told", async || {
                log.bounds(&topic).await.is_ok()
            })
            .await;
            let next = load.next.load(Ordering::Relaxed);
            // Those under way are not what is waited for.
            until("all goes on", async || load.last_read() > Some(next + 20)).await;
            println!("{what} went on {:.1?} after it was deaf", begun.elapsed());
        }
    }
    println!("{}", load.check(log, &topic, appending, reading).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_broker_that_was_given_up_is_found_again() {
    let kafka = TestKafka::own_given_up_when_frozen();
    let options = options_for(&kafka);
    let log = KafkaLog::connect(options.clone(), Some("frozen".into())).expect("the broker runs");
    let (busy, quiet) = (topic(&log, "busy", 1).await, topic(&log, "quiet", 2).await);
    let subscribe = |topic: &Topic, partition| {
        log.subscribe(vec![(topic.clone(), partition, Start::End)])
            .expect("it can be read")
    };
    let load = Arc::new(Load::default());
    let mut rarely = subscribe(&quiet, 1);
    let reading = load.read(subscribe(&busy, 0));
    let appending = load.append(&log, &busy);
    for (freeze, length) in FREEZES.into_iter().enumerate() {
        let before = load.next.load(Ordering::Relaxed);
        until("it is under load", async || load.last_read() > Some(before)).await;
        kafka.stop_signal();
        // As long as the fault is to last.
        tokio::time::sleep(length).await;
        kafka.continue_signal();
        let woken = Instant::now();
        let coming = KafkaOptions {
            request_wait: PATIENCE,
            ..options.clone()
        };
        let coming = tokio::task::spawn_blocking(|| KafkaLog::connect(coming, None));
        let (first, mut took) = (load.next.load(Ordering::Relaxed), Vec::new());
        until("offsets are told", async || log.bounds(&busy).await.is_ok()).await;
        took.push(woken.elapsed());
        until("appends are acknowledged", async || {
            load.last_acknowledged() >= Some(first)
        })
        .await;
        took.push(woken.elapsed());
        until("what is appended is read", async || {
            load.last_read() >= Some(first)
        })
        .await;
        took.push(woken.elapsed());
        let any: &dyn EventLog = &log;
        until("it takes appends again", async || {
            let records = vec![record(&quiet, 1, freeze)];
            any.append_and_wait(records).await.is_ok()
        })
        .await;
        while text(&read(&mut *rarely, 1).await[0]) != freeze.to_string() {}
        let come = coming.await.expect("no panic");
        come.unwrap_or_else(|error| panic!("a client that comes then: {}", told(&error)));
        took.push(woken.elapsed());
        println!("frozen for {length:?}: offsets, appends, reader, idle reader after {took:.1?}");
    }
    println!("{}", load.check(log, &busy, appending, reading).await);
}
