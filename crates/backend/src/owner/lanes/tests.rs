use super::*;
use blazing_sun_backbone::log::HeadersBuilder;
use bytes::Bytes;
use std::sync::Arc;

/// Records for one partition of these topics, numbered from there on.
fn records(topics: &[&str], first: u64) -> Vec<NewRecord> {
    let numbered = topics.iter().zip(first..);
    let record = |(topic, seq): (&&str, u64)| {
        let mut headers = HeadersBuilder::default();
        headers.push(header::OUTBOX_SEQ, seq.to_string().as_bytes());
        NewRecord {
            topic: Topic::new(topic),
            partition: Some(1),
            key: Bytes::from_static(b"k"),
            headers: headers.build(),
            payload: Bytes::from(seq.to_string()),
        }
    };
    numbered.map(record).collect()
}

fn lanes() -> (Lanes, Arc<AtomicU64>) {
    let woken = Arc::<AtomicU64>::default();
    let wakes = Arc::clone(&woken);
    let wake = move |_| {
        wakes.fetch_add(1, Ordering::Relaxed);
    };
    (Lanes::new(2, wake), woken)
}

/// Puts a batch; the records that were handed over.
fn put(lanes: &Lanes, batch_no: u64, topics: &[&str]) -> Vec<Place> {
    lanes.put(1, batch_no, Millis(0), records(topics, batch_no * 10));
    let mut handed = Vec::new();
    lanes.send(1, batch_no, Instant::now(), &mut |_, _, place| {
        handed.push(place);
        Fate::UnderWay
    });
    handed
}

/// What is handed over of what is due then, by payload.
fn due(lanes: &Lanes, then: Instant) -> Vec<(String, Place)> {
    let mut handed = Vec::new();
    lanes.send_due(1, then, &mut |record, _, place| {
        let payload = String::from_utf8_lossy(&record.payload).into_owned();
        handed.push((payload, place));
        Fate::UnderWay
    });
    handed
}

fn payloads(handed: &[(String, Place)]) -> Vec<&str> {
    handed.iter().map(|(payload, _)| payload.as_str()).collect()
}

#[test]
fn a_partition_has_come_as_far_as_its_oldest_batch_that_waits() {
    let (lanes, woken) = lanes();
    lanes.begin(1, 4);
    let (fifth, sixth) = (put(&lanes, 5, &["a", "a"]), put(&lanes, 6, &["a"]));
    lanes.acknowledge(sixth[0]);
    lanes.acknowledge(fifth[0]);
    // Told twice it counts once.
    lanes.acknowledge(fifth[0]);
    assert_eq!((lanes.acknowledged(1), lanes.backlog(1).records), (4, 1));
    lanes.acknowledge(fifth[1]);
    assert_eq!((lanes.acknowledged(1), lanes.backlog(1).records), (6, 0));
    assert!(lanes.rests(1) && !lanes.any_under_way());
    put(&lanes, 7, &[]);
    assert_eq!((lanes.acknowledged(1), lanes.acknowledged(0)), (7, 0));
    assert_eq!(woken.load(Ordering::Relaxed), 2);
}

#[test]
fn what_was_forgotten_is_not_acknowledged_any_more() {
    let (lanes, _) = lanes();
    let before = put(&lanes, 1, &["a"]);
    lanes.begin(1, 0);
    let now = put(&lanes, 1, &["a"]);
    lanes.acknowledge(before[0]);
    assert_eq!((lanes.acknowledged(1), lanes.backlog(1).records), (0, 1));
    lanes.acknowledge(now[0]);
    assert_eq!(lanes.acknowledged(1), 1);
}

#[test]
fn what_is_refused_waits_in_its_order_and_nothing_else_waits_or_is_sent_again() {
    let (lanes, _) = lanes();
    let now = Instant::now();
    let first = put(&lanes, 1, &["a", "refused", "a", "refused"]);
    for place in [first[0], first[2]] {
        lanes.acknowledge(place);
    }
    for place in [first[1], first[3]] {
        assert!(!lanes.refuse(place, false, now));
    }
    let second = put(&lanes, 2, &["refused", "a"]);
    assert_eq!(second.len(), 1, "only what goes elsewhere");
    lanes.acknowledge(second[0]);
    assert_eq!((lanes.acknowledged(1), lanes.backlog(1).records), (0, 3));
    assert!(lanes.rests(1), "it is not waited for at an end");
    assert_eq!(payloads(&due(&lanes, now)), [""; 0]);

    let trial = due(&lanes, now + PAUSE);
    assert_eq!(payloads(&trial), ["11"]);
    assert!(!lanes.rests(1) && due(&lanes, now + PAUSE).is_empty());
    lanes.refuse(trial[0].1, false, now + PAUSE);
    assert!(due(&lanes, now + PAUSE * 2).is_empty(), "the pause grows");
    let trial = due(&lanes, now + PAUSE * 3);
    lanes.acknowledge(trial[0].1);
    assert!(lanes.any_refused());
    let all = due(&lanes, now + PAUSE * 3);
    assert_eq!(payloads(&all), ["13", "20"]);
    for (_, place) in all {
        lanes.acknowledge(place);
    }
    assert_eq!((lanes.acknowledged(1), lanes.backlog(1).records), (2, 0));
    assert!(!lanes.any_refused());
}

#[test]
fn what_can_never_be_taken_is_passed_over_by_itself() {
    let (lanes, _) = lanes();
    let now = Instant::now();
    let places = put(&lanes, 1, &["a", "a", "a"]);
    for place in &places {
        assert!(!lanes.refuse(*place, true, now), "with others");
    }
    let trial = due(&lanes, now);
    lanes.acknowledge(trial[0].1);
    let all = due(&lanes, now);
    assert_eq!(payloads(&all), ["11", "12"]);
    for (_, place) in &all {
        assert!(!lanes.refuse(*place, true, now), "with others");
    }
    let trial = due(&lanes, now);
    assert_eq!(payloads(&trial), ["11"]);
    assert!(!lanes.refuse(trial[0].1, true, now), "once");
    let trial = due(&lanes, now + PAUSE * 2);
    assert!(lanes.refuse(trial[0].1, true, now), "twice by itself");
    let next = due(&lanes, now);
    assert_eq!(payloads(&next), ["12"]);
    lanes.acknowledge(next[0].1);
    assert_eq!((lanes.acknowledged(1), lanes.backlog(1).records), (1, 0));
}

#[test]
fn a_partition_that_is_anothers_is_sent_no_more() {
    let (lanes, _) = lanes();
    let now = Instant::now();
    lanes.begin(1, 3);
    let places = put(&lanes, 4, &["refused"]);
    lanes.refuse(places[0], false, now);
    lanes.forget(1);
    assert!(due(&lanes, now + PAUSE).is_empty() && !lanes.any_refused());
    assert_eq!((lanes.acknowledged(1), lanes.backlog(1).records), (3, 0));
}

#[test]
fn in_doubt_nothing_is_sent_until_its_owner_has_looked_and_then_what_has_no_receipt() {
    let (lanes, woken) = lanes();
    let now = Instant::now();
    let first = put(&lanes, 1, &["a", "a", "b"]);
    lanes.acknowledge(first[0]);
    lanes.doubt(now);
    assert!(lanes.is_to_be_looked_at(1, now) && !lanes.any_under_way());
    assert_eq!(woken.load(Ordering::Relaxed), 2, "both owners");
    assert!(put(&lanes, 2, &["a"]).is_empty());
    lanes.look_again_at(1, now + PAUSE);
    assert!(!lanes.is_to_be_looked_at(1, now));
    let target = |topic: &str| (Topic::new(topic), 1);
    assert!(lanes.has_acknowledged(1, &target("a"), 10));
    assert!(!lanes.has_acknowledged(1, &target("a"), 11));
    assert!(!lanes.has_acknowledged(1, &target("b"), 0));
    lanes.trust(1);
    let mut sent = Vec::new();
    lanes.send(1, 0, now, &mut |record, _, _| {
        sent.push(record.payload.clone());
        Fate::UnderWay
    });
    assert_eq!(sent, ["11", "12", "20"]);
}
