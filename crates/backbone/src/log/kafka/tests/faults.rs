//! A broker that is killed, that hangs, that comes back.

use super::*;
use tokio::sync::mpsc;

/// An append's number, and how it was answered.
type Answer = (u64, Result<u64, LogError>);

/// Appends the number, if the log takes it.
fn append_number(
    log: &KafkaLog,
    topic: &Topic,
    n: u64,
    answers: &mpsc::UnboundedSender<Answer>,
) -> Result<(), LogError> {
    let answers = answers.clone();
    log.append(
        vec![record(topic, 0, n)],
        Box::new(move |outcome| {
            drop(answers.send((n, outcome.map(|positions| positions[0].offset))));
        }),
    )
}

async fn answer(answers: &mut mpsc::UnboundedReceiver<Answer>) -> Answer {
    let answer = tokio::time::timeout(PATIENCE, answers.recv()).await;
    answer
        .expect("it is answered in time")
        .expect("somebody appends")
}

fn number(record: &Record) -> u64 {
    text(record).parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goes_on_by_itself_after_the_brokers_faults() {
    let kafka = TestKafka::own();
    killed_under_appends(&kafka).await;
    let (log, topic, acknowledged) = hanging_for_longer_than_appends_wait(&kafka).await;
    hanging_for_longer_than_a_request_takes(&kafka).await;
    // By now has come whatever a producer that was given up may still have sent.
    check_order(&log, &topic, &acknowledged).await;
    closed_while_nothing_answers(&kafka).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goes_on_with_a_new_producer_where_the_library_gives_one_up() {
    let log = connect(&options_for(TestKafka::shared()));
    let topic = topic(&log, "fatal", 1).await;
    let (sender, mut answers) = mpsc::unbounded_channel();
    let (mut next, mut acknowledged) = (0, Vec::new());
    for _ in 0..3 {
        let first = next;
        for n in 0..100 {
            // After the fault it takes nothing until the new one is there.
            until("it takes appends", async || {
                append_number(&log, &topic, next, &sender).is_ok()
            })
            .await;
            next += 1;
            if n == 50 {
                log.handle.sender.make_fatal();
            }
        }
        let mut answered = Vec::new();
        for _ in first..next {
            let (number, outcome) = answer(&mut answers).await;
            answered.push(number);
            acknowledged.extend(outcome.ok().map(|offset| (number, offset)));
        }
        // What was only queued is given up before what was under way is acknowledged.
        answered.sort_unstable();
        assert_eq!(answered, (first..next).collect::<Vec<_>>(), "once each");
    }
    let last = acknowledged.last().map(|(number, _)| *number);
    assert_eq!(last, Some(next - 1), "the new one works");
    assert!(
        acknowledged.len() < next as usize,
        "the old one was given up"
    );
    check_order(&log, &topic, &acknowledged).await;
}

/// What was acknowledged is there, in order, and readers that were there go on.
async fn killed_under_appends(kafka: &TestKafka) {
    const KILLS: u64 = 2;
    const EACH: u64 = 300;
    let options = KafkaOptions {
        append_wait: PATIENCE,
        ..options_for(kafka)
    };
    let log = connect(&options);
    let topic = topic(&log, "killed", 1).await;
    let mut subscription = log
        .subscribe(vec![(topic.clone(), 0, Start::End)])
        .expect("it can be read");
    let (sender, mut answers) = mpsc::unbounded_channel();
    for kill in 0..KILLS {
        for n in kill * EACH..(kill + 1) * EACH {
            append_number(&log, &topic, n, &sender).expect("it has room");
            if n % EACH == EACH / 2 {
                kafka.kill();
            }
        }
        kafka.start_again();
    }
    for n in 0..KILLS * EACH {
        let (number, offset) = answer(&mut answers).await;
        assert_eq!((number, offset.expect("it came back")), (n, n));
    }
    let read = read(&mut *subscription, (KILLS * EACH) as usize).await;
    let numbers: Vec<u64> = read.iter().map(number).collect();
    assert_eq!(numbers, (0..KILLS * EACH).collect::<Vec<_>>());
}

/// Those that wait are answered, more are refused, and afterwards all is well. No order changes.
async fn hanging_for_longer_than_appends_wait(
    kafka: &TestKafka,
) -> (KafkaLog, Topic, Vec<(u64, u64)>) {
    let options = KafkaOptions {
        append_wait: Duration::from_millis(700),
        ..options_for(kafka)
    };
    let log = connect(&options);
    let topic = topic(&log, "hanging", 1).await;
    let (sender, mut answers) = mpsc::unbounded_channel();
    let mut acknowledged = Vec::new();
    append_number(&log, &topic, 0, &sender).expect("it has room");
    let (_, first) = answer(&mut answers).await;
    acknowledged.push((0, first.expect("the broker runs")));
    kafka.stop_signal();
    let mut next = 1;
    for _ in 0..50 {
        append_number(&log, &topic, next, &sender).expect("it has room");
        next += 1;
    }
    for n in 1..next {
        let (number, outcome) = answer(&mut answers).await;
        assert_eq!(number, n, "answered in order");
        assert!(matches!(outcome, Err(LogError::Storage(_))), "{outcome:?}");
    }
    let refused = append_number(&log, &topic, u64::MAX, &sender);
    assert!(matches!(refused, Err(LogError::Unavailable)), "{refused:?}");
    kafka.continue_signal();
    until("it takes appends again", async || {
        append_number(&log, &topic, next, &sender).is_ok()
    })
    .await;
    let (number_after, offset) = answer(&mut answers).await;
    assert_eq!(number_after, next);
    acknowledged.push((next, offset.expect("the broker runs")));
    (log, topic, acknowledged)
}

/// Whatever is in the log came in the order of the appends and once; what was acknowledged is where it was said.
async fn check_order(log: &KafkaLog, topic: &Topic, acknowledged: &[(u64, u64)]) {
    let end = log.bounds(topic).await.expect("bounds")[0].end;
    let mut subscription = log
        .subscribe(vec![(topic.clone(), 0, Start::Offset(0))])
        .expect("it can be read");
    let records = read(&mut *subscription, end as usize).await;
    let numbers: Vec<u64> = records.iter().map(number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    for (number, offset) in acknowledged {
        assert_eq!(numbers[*offset as usize], *number);
    }
}

/// The library leaves the connection, sends again on another, and neither loses nor doubles; nor does a new producer.
async fn hanging_for_longer_than_a_request_takes(kafka: &TestKafka) {
    /// Beyond `socket.timeout.ms`.
    const HANG: Duration = Duration::from_secs(12);
    let options = KafkaOptions {
        append_wait: PATIENCE,
        ..options_for(kafka)
    };
    let log = connect(&options);
    let topic = topic(&log, "hung", 1).await;
    let mut subscription = log
        .subscribe(vec![(topic.clone(), 0, Start::End)])
        .expect("it can be read");
    let (sender, mut answers) = mpsc::unbounded_channel();
    append_number(&log, &topic, 0, &sender).expect("it has room");
    answer(&mut answers).await.1.expect("the broker runs");
    kafka.stop_signal();
    let stopped = Instant::now();
    let mut next = 1;
    while stopped.elapsed() < HANG {
        append_number(&log, &topic, next, &sender).expect("it has room");
        next += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    kafka.continue_signal();
    let mut acknowledged = vec![(0, 0)];
    for n in 1..next {
        let (number, outcome) = answer(&mut answers).await;
        assert_eq!(number, n, "answered in order");
        match outcome {
            Ok(offset) => acknowledged.push((number, offset)),
            // Where the broker's controller has given it up, the producer has forgotten it and was replaced.
            Err(LogError::Storage(_)) => (),
            Err(error) => panic!("{}", told(&error)),
        }
    }
    until("it takes appends again", async || {
        append_number(&log, &topic, next, &sender).is_ok()
    })
    .await;
    let (_, last) = answer(&mut answers).await;
    acknowledged.push((next, last.expect("the broker runs")));
    let there = log.bounds(&topic).await.expect("bounds")[0].end;
    let read = read(&mut *subscription, there as usize).await;
    assert_eq!(read.last().map(number), Some(next), "the reader goes on");
    check_order(&log, &topic, &acknowledged).await;
}

/// The end waits for nobody without a bound, and answers all.
async fn closed_while_nothing_answers(kafka: &TestKafka) {
    let options = KafkaOptions {
        append_wait: Duration::from_millis(700),
        ..options_for(kafka)
    };
    let log = KafkaLog::connect(options, Some("closed".into())).expect("the broker runs");
    let topic = topic(&log, "closed", 1).await;
    let mut subscription = log
        .subscribe(vec![(topic.clone(), 0, Start::End)])
        .expect("it can be read");
    let (sender, mut answers) = mpsc::unbounded_channel();
    append_number(&log, &topic, 0, &sender).expect("it has room");
    answer(&mut answers).await.1.expect("the broker runs");
    read(&mut *subscription, 1).await;
    kafka.stop_signal();
    for n in 1..20 {
        append_number(&log, &topic, n, &sender).expect("it has room");
    }
    drop(sender);
    let closing = tokio::time::timeout(PATIENCE, log.close()).await;
    closing.expect("it comes to its end");
    for n in 1..20 {
        let (number, outcome) = answers.recv().await.expect("all are answered");
        assert_eq!(number, n);
        assert!(outcome.is_err(), "nothing was acknowledged");
    }
    assert!(answers.recv().await.is_none(), "once each");
    let end = tokio::time::timeout(PATIENCE, subscription.next()).await;
    assert!(matches!(end, Ok(Err(LogError::Closed))), "{end:?}");
    kafka.continue_signal();
}
