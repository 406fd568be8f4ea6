use super::*;
use crate::store::postgres::{Forwarded, OutboxPosition, Run};
use blazing_sun_backbone::log::{HeadersBuilder, NewRecord, Topic};
use bytes::Bytes;

fn record(topic: &Topic, target: u32, seq: u64) -> NewRecord {
    let mut headers = HeadersBuilder::default();
    headers.push("outbox_seq", seq.to_string());
    NewRecord {
        topic: topic.clone(),
        partition: Some(target),
        key: Bytes::from_static(b"key"),
        headers: headers.build(),
        payload: format!("record {seq}").into(),
    }
}

fn position(topic: &Topic, target: u32, next_seq: u64) -> OutboxPosition {
    OutboxPosition {
        topic: topic.clone(),
        target,
        next_seq,
    }
}

/// Commits a batch with these records, and where their numbering goes on.
fn send(store: &mut PgStore, by: &mut Ownership, now: i64, floor: u64, records: Vec<NewRecord>) {
    let next = |record: &NewRecord| {
        let seq: u64 = record.headers.text("outbox_seq").unwrap().parse().unwrap();
        position(&record.topic, record.partition.unwrap(), seq + 1)
    };
    let batch = OwnerBatch {
        positions: records.iter().map(next).collect(),
        records,
        ..OwnerBatch::default()
    };
    let writes = Writes {
        now: Millis(now),
        floor,
        ..Writes::default()
    };
    store.begin(by, &Declared::default()).unwrap();
    store.commit(by, &batch, &writes).unwrap();
}

#[test]
fn only_the_owner_moves_to_where_a_topic_is_read_on() {
    let database = Database::new();
    let commands = Topic::new("games.commands");
    let (mut old_store, mut old) = database.owner(3);
    for (offset, at) in [(40, 9), (41, 7)] {
        let mut batch = OwnerBatch::default();
        batch.consume(&commands, offset);
        batch.note_instant(&commands, Millis(at));
        old_store.begin(&old, &Declared::default()).unwrap();
        let writes = Writes::default();
        old_store.commit(&mut old, &batch, &writes).unwrap();
    }
    let (mut store, by) = database.owner(3);
    let refused = old_store.move_offset(&old, &commands, 5);
    assert!(matches!(refused, Err(StoreError::Fenced { .. })));
    assert_eq!(store.state().unwrap().next_offsets[0].1, 42);
    store.move_offset(&by, &commands, 6).unwrap();
    let state = store.state().unwrap();
    assert_eq!(state.next_offsets, [(commands.clone(), 6)]);
    assert_eq!(state.newest, [(commands, Millis(9))], "the newest of all");
}

#[test]
fn a_later_owner_goes_on_where_the_one_before_ended() {
    let database = Database::new();
    let (events, commands) = (Topic::new("games.events"), Topic::new("games.commands"));
    let (mut store, mut by) = database.owner(3);
    assert_eq!(store.state().unwrap(), Default::default());
    let forwarded = |seq| Forwarded {
        source: 9,
        topic: commands.clone(),
        seq,
    };
    for (first, upto) in [(40, 0), (42, 1), (44, 0)] {
        let mut batch = OwnerBatch {
            forwarded: vec![forwarded(first), forwarded(first + 1)],
            positions: vec![position(&events, 3, first), position(&events, 3, first + 2)],
            published_upto: upto,
            ..OwnerBatch::default()
        };
        batch.consume(&commands, first);
        batch.consume(&events, 7);
        batch.consume(&commands, first + 1);
        batch.records = vec![record(&events, 3, first), record(&commands, 5, first)];
        store.begin(&by, &Declared::default()).unwrap();
        let writes = Writes {
            now: Millis(first as i64),
            ..Writes::default()
        };
        store.commit(&mut by, &batch, &writes).unwrap();
    }
    drop(store);
    let mut store = database.store(3);
    let mut state = store.state().unwrap();
    state.next_offsets.sort();
    assert_eq!(state.published_upto, 1, "a lower number changes nothing");
    assert_eq!(
        state.next_offsets,
        [(commands.clone(), 46), (events.clone(), 8)]
    );
    assert_eq!(state.forwarded, [forwarded(45)]);
    assert_eq!(state.positions, [position(&events, 3, 46)]);

    let batches = store.batches(state.published_upto + 1, 9).unwrap();
    let numbers: Vec<_> = batches
        .iter()
        .map(|batch| (batch.batch_no, batch.at))
        .collect();
    assert_eq!(numbers, [(2, Millis(42)), (3, Millis(44))]);
    assert!(batches[0].commit_no < batches[1].commit_no);
    let run = |topic: &Topic, offset| Run {
        topic: topic.clone(),
        offset,
        count: 1,
    };
    assert_eq!(
        batches[0].consumed,
        [run(&commands, 42), run(&events, 7), run(&commands, 43)]
    );
    let sent: Vec<_> = batches[1]
        .records
        .iter()
        .map(|record| format!("{record:?}"))
        .collect();
    let expected = [record(&events, 3, 44), record(&commands, 5, 44)];
    assert_eq!(sent, expected.map(|record| format!("{record:?}")));
    assert_eq!(store.batches(1, 1).unwrap().len(), 1);
    assert!(database.store(4).batches(1, 9).unwrap().is_empty());
}

#[test]
fn the_owner_notes_what_is_published_and_that_it_lives() {
    let database = Database::new();
    let (mut store, mut by) = database.owner(3);
    send(&mut store, &mut by, 5, 1, vec![]);
    store.set_published_upto(&by, 1).unwrap();
    store.set_published_upto(&by, 0).unwrap();
    assert_eq!(store.state().unwrap().published_upto, 1);
    store.rewind(&by, 0).unwrap();
    assert_eq!(store.state().unwrap().published_upto, 0);
    store.show_alive(&by, Millis(9)).unwrap();
    let (_, next) = database.owner(3);
    assert_eq!(next.last_alive, Some(Millis(9)));
}

#[test]
fn only_batches_that_nobody_needs_are_deleted() {
    let database = Database::new();
    let topic = Topic::new("games.events");
    let (mut store, mut by) = database.owner(3);
    for number in 1..=10 {
        send(
            &mut store,
            &mut by,
            number,
            7,
            vec![record(&topic, 3, number as u64)],
        );
    }
    let (mut other, mut by_other) = database.owner(4);
    send(&mut other, &mut by_other, 1, 9, vec![]);
    let left = |store: &mut PgStore| -> Vec<u64> {
        let batches = store.batches(0, 99).unwrap();
        batches.iter().map(|batch| batch.batch_no).collect()
    };
    assert_eq!(
        store.delete_batches(Millis(99), 99).unwrap(),
        0,
        "not published"
    );
    store.set_published_upto(&by, 4).unwrap();
    assert_eq!(
        store.delete_batches(Millis(99), 2).unwrap(),
        2,
        "some at a time"
    );
    assert_eq!(left(&mut store), [3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(
        store.delete_batches(Millis(4), 99).unwrap(),
        1,
        "young ones stay"
    );
    assert_eq!(store.delete_batches(Millis(99), 99).unwrap(), 1);
    store.set_published_upto(&by, 10).unwrap();
    assert_eq!(store.delete_batches(Millis(99), 99).unwrap(), 2);
    assert_eq!(
        left(&mut store),
        [7, 8, 9, 10],
        "recovery begins at the seventh"
    );
    assert_eq!(left(&mut other), [1]);
}

#[test]
fn what_the_log_has_lost_is_found() {
    let database = Database::new();
    let (a, b) = (Topic::new("a"), Topic::new("b"));
    let (mut store, mut by) = database.owner(3);
    // a: 0 1 | 2 | – | 3 4 5, b: 0 | – | 1 | –
    let batches = [
        vec![record(&a, 3, 0), record(&a, 3, 1), record(&b, 3, 0)],
        vec![record(&a, 3, 2)],
        vec![record(&b, 3, 1)],
        vec![record(&a, 3, 3), record(&a, 3, 4), record(&a, 3, 5)],
    ];
    for records in batches {
        send(&mut store, &mut by, 1, 1, records);
    }
    let mut missing = |next_a, next_b| {
        let next = [position(&a, 3, next_a), position(&b, 3, next_b)];
        store.first_missing(&next).unwrap()
    };
    assert_eq!(missing(6, 2), None);
    assert_eq!(missing(5, 2), Some(4));
    assert_eq!(missing(4, 2), Some(4));
    assert_eq!(missing(3, 2), Some(4));
    assert_eq!(missing(2, 2), Some(2));
    assert_eq!(missing(1, 2), Some(1));
    assert_eq!(missing(6, 1), Some(3));
    assert_eq!(missing(5, 0), Some(1));
    assert_eq!(missing(9, 9), None, "a log that is ahead lacks nothing");
    assert_eq!(store.first_missing(&[]).unwrap(), None);
}

#[test]
fn no_more_is_read_at_once_than_fits() {
    let database = Database::new();
    let topic = Topic::new("games.events");
    let (mut store, mut by) = database.owner(3);
    for number in 0..4 {
        let large = NewRecord {
            payload: vec![b'x'; 5 << 20].into(),
            ..record(&topic, 3, number)
        };
        send(&mut store, &mut by, 1, 1, vec![large]);
    }
    let mut numbers = |from| -> Vec<u64> {
        let batches = store.batches(from, 99).unwrap();
        batches.iter().map(|batch| batch.batch_no).collect()
    };
    assert_eq!(numbers(0), [1, 2]);
    assert_eq!(numbers(3), [3, 4]);
    assert_eq!(numbers(4), [4]);
    let next = [position(&topic, 3, 1)];
    assert_eq!(store.first_missing(&next).unwrap(), Some(2));
}
