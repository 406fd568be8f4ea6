use super::standalone::Driver;
use super::*;
use crate::log::conformance::{self, Harness, Stalled};
use crate::log::{HeadersBuilder, Position};
use bytes::Bytes;
use rusqlite::params;
use std::sync::atomic::AtomicI64;

const START: i64 = 1_700_000_000_000;
const DAY: i64 = 86_400_000;

struct SqliteHarness {
    folder: tempfile::TempDir,
    now: Arc<AtomicI64>,
    options: SqliteLogOptions,
    drivers: Arc<Mutex<Vec<Driver>>>,
}

impl SqliteHarness {
    fn new(options: SqliteLogOptions) -> SqliteHarness {
        let now = Arc::new(AtomicI64::new(START));
        let clock = Arc::clone(&now);
        SqliteHarness {
            folder: tempfile::tempdir().unwrap(),
            now,
            drivers: Arc::default(),
            options: SqliteLogOptions {
                clock: Arc::new(move || Millis(clock.load(Ordering::SeqCst))),
                ..options
            },
        }
    }
}

#[async_trait]
impl Harness for SqliteHarness {
    async fn open(&self) -> Arc<dyn EventLog> {
        let path = self.folder.path().join("log.db");
        Arc::new(SqliteLog::standalone(&path, self.options.clone()).unwrap())
    }

    async fn stalled(&self, records_max: usize) -> Option<Stalled> {
        let path = self.folder.path().join("stalled.db");
        let conn = Connection::open(&path).unwrap();
        let options = SqliteLogOptions {
            queue_records: records_max,
            ..self.options.clone()
        };
        let (log, appender) = SqliteLog::open(&conn, &path, options).unwrap();
        let (shared, drivers) = (Arc::clone(&log.shared), Arc::clone(&self.drivers));
        let release = Box::new(move || {
            let options = shared.options.clone();
            drivers
                .lock()
                .push(Driver::start(conn, appender, shared, &options).unwrap());
        });
        Some(Stalled {
            log: Arc::new(log),
            release,
        })
    }

    async fn expire(&self) -> bool {
        self.now.fetch_add(8 * DAY, Ordering::SeqCst);
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    conformance::run(&SqliteHarness::new(SqliteLogOptions::default())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms_where_every_reader_always_lags() {
    let options = SqliteLogOptions {
        tail_records: 3,
        tail_bytes: 200,
        ..Default::default()
    };
    conformance::run(&SqliteHarness::new(options)).await;
}

struct Engine {
    folder: tempfile::TempDir,
    conn: Connection,
    log: SqliteLog,
    appender: SqliteAppender,
}

fn specs() -> [TopicSpec; 2] {
    [("t", 4), ("_journal", 1)].map(|(name, partitions)| TopicSpec {
        name: name.to_owned(),
        partitions,
        retention_ms: DAY,
    })
}

impl Engine {
    fn new() -> Engine {
        let folder = tempfile::tempdir().unwrap();
        let mut engine = Engine::open(folder);
        engine
            .appender
            .ensure_topics(&specs(), &engine.conn)
            .unwrap();
        engine
    }

    fn open(folder: tempfile::TempDir) -> Engine {
        let path = folder.path().join("log.db");
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch("CREATE TABLE IF NOT EXISTS ledger (n INTEGER)")
            .unwrap();
        let (log, appender) = SqliteLog::open(&conn, &path, SqliteLogOptions::default()).unwrap();
        Engine {
            folder,
            conn,
            log,
            appender,
        }
    }

    fn restart(self) -> Engine {
        let Engine {
            folder,
            conn,
            log,
            appender,
        } = self;
        drop((conn, log, appender));
        Engine::open(folder)
    }

    fn commit(&mut self, now: i64, records: impl IntoIterator<Item = NewRecord>) -> Vec<Position> {
        let mut batch = self.appender.begin(Millis(now));
        let positions = records
            .into_iter()
            .map(|record| batch.push(record).unwrap())
            .collect();
        self.conn.execute_batch("BEGIN IMMEDIATE").unwrap();
        self.conn
            .execute(
                "INSERT INTO ledger VALUES (?1)",
                params![batch.batch_no() as i64],
            )
            .unwrap();
        self.appender.write(&batch, &self.conn).unwrap();
        self.conn.execute_batch("COMMIT").unwrap();
        self.appender.committed(batch);
        positions
    }

    fn batches(&self, from: u64) -> Vec<(u64, Millis, Vec<Record>)> {
        SqliteLog::batches_from(&self.conn, from)
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }
}

fn record(topic: &str, partition: u32, payload: &str) -> NewRecord {
    let mut headers = HeadersBuilder::default();
    headers.push("event_type", "x");
    NewRecord {
        topic: Topic::new(topic),
        partition: Some(partition),
        key: Bytes::from_static(b"k"),
        headers: headers.build(),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
    }
}

fn payloads(records: &[Record]) -> Vec<&str> {
    records
        .iter()
        .map(|record| std::str::from_utf8(&record.payload).unwrap())
        .collect()
}

#[test]
fn a_rolled_back_batch_leaves_no_trace_and_its_offsets_are_given_again() {
    let mut engine = Engine::new();
    engine.commit(START, [record("t", 0, "a")]);
    let mut batch = engine.appender.begin(Millis(START));
    assert_eq!(batch.push(record("t", 0, "lost")).unwrap().offset, 1);
    engine.conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    engine.appender.write(&batch, &engine.conn).unwrap();
    engine.conn.execute_batch("ROLLBACK").unwrap();
    engine.appender.rolled_back(batch);
    assert_eq!(engine.appender.next_batch_no(), 2);
    assert_eq!(engine.commit(START, [record("t", 0, "b")])[0].offset, 1);
    let batches = engine.restart().batches(0);
    let read: Vec<_> = batches
        .iter()
        .map(|(no, _, records)| (*no, payloads(records)))
        .collect();
    assert_eq!(read, [(1, vec!["a"]), (2, vec!["b"])]);
}

#[test]
fn recovery_reads_batches_whole_in_the_order_of_their_pushes() {
    let mut engine = Engine::new();
    engine.commit(
        START,
        [
            record("t", 1, "1"),
            record("_journal", 0, "2"),
            record("t", 0, "3"),
            record("t", 1, "4"),
        ],
    );
    let pushed = {
        let mut batch = engine.appender.begin(Millis(START + 1));
        batch.push(record("t", 3, "5")).unwrap();
        batch.records().to_vec()
    };
    engine.commit(START + 1, [record("t", 3, "5")]);
    let engine = engine.restart();
    let batches = engine.batches(1);
    assert_eq!(payloads(&batches[0].2), ["1", "2", "3", "4"]);
    assert_eq!(batches[0].2[3].offset, 1);
    assert_eq!(batches[0].2[1].topic.as_str(), "_journal");
    assert_eq!((batches[1].1, &batches[1].2), (Millis(START + 1), &pushed));
    assert_eq!(engine.batches(2).len(), 1);
}

#[tokio::test]
async fn internal_topics_reach_no_reader_and_take_no_appends() {
    let mut engine = Engine::new();
    let internal = Topic::new("_journal");
    assert!(
        engine
            .log
            .subscribe(vec![(internal, 0, Start::End)])
            .is_err()
    );
    assert!(
        engine
            .log
            .append(vec![record("_journal", 0, "x")], Box::new(|_| ()))
            .is_err()
    );
    let from = vec![(Topic::new("t"), 0, Start::End)];
    let mut subscription = engine.log.subscribe(from).unwrap();
    engine.commit(
        START,
        [record("_journal", 0, "secret"), record("t", 0, "public")],
    );
    assert_eq!(payloads(&subscription.next().await.unwrap()), ["public"]);
}

#[test]
fn offsets_are_restored_from_index_and_tail_at_any_number_of_batches() {
    let mut engine = Engine::new();
    for n in 0..600_u64 {
        let positions = engine.commit(START, [record("t", (n % 3) as u32, &n.to_string())]);
        assert_eq!(positions[0].offset, n / 3);
        if [0, 1, 254, 255, 256, 257, 511, 512, 599].contains(&n) {
            engine = engine.restart();
            assert_eq!(engine.appender.next_batch_no(), n + 2);
        }
    }
    let rows = |sql| {
        engine
            .conn
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(rows("SELECT count(*) FROM log_index"), 2);
    for (place, expected) in [
        ((0, 0), 0..=0),
        ((0, 84), 0..=256),
        ((0, 86), 256..=259),
        ((2, 199), 512..=600),
    ] {
        let id = engine
            .log
            .shared
            .catalog()
            .get(&Topic::new("t"))
            .unwrap()
            .id;
        let found = schema::seek(&engine.conn, &[(id, place.0, place.1)]).unwrap();
        assert!(expected.contains(&found), "{place:?} from batch {found}");
    }
}

#[tokio::test]
async fn reading_from_any_offset_finds_it() {
    let mut engine = Engine::new();
    for n in 0..1_100_u64 {
        engine.commit(START, [record("t", (n % 2) as u32, &(n / 2).to_string())]);
    }
    for offset in (0..550).step_by(13) {
        let from = vec![(Topic::new("t"), 1, Start::Offset(offset))];
        let mut subscription = engine.log.subscribe(from).unwrap();
        let first = subscription.next().await.unwrap().remove(0);
        assert_eq!(
            (first.offset, &*first.payload),
            (offset, offset.to_string().as_bytes())
        );
    }
}

#[test]
fn retention_stops_at_the_floor_and_takes_a_few_batches_at_a_time() {
    let mut engine = Engine::new();
    let stored = |engine: &Engine| -> Vec<u64> {
        engine
            .batches(0)
            .iter()
            .map(|(batch_no, _, _)| *batch_no)
            .collect()
    };
    for _ in 0..20 {
        engine.commit(START, [record("t", 0, "old")]);
    }
    let later = START + 2 * DAY;
    engine.commit(later, [record("t", 1, "new")]);
    assert_eq!(stored(&engine).len(), 21, "without a floor all is kept");
    engine.appender.set_floor(11);
    engine.commit(later, [record("t", 1, "new")]);
    assert_eq!(stored(&engine)[0], 5, "four go with each new one");
    for _ in 0..10 {
        engine.commit(later, [record("t", 1, "new")]);
    }
    assert_eq!(stored(&engine)[0], 11);
    let bounds = |engine: &Engine| {
        engine
            .log
            .shared
            .catalog()
            .get(&Topic::new("t"))
            .unwrap()
            .bounds()
    };
    assert_eq!(
        bounds(&engine)[0],
        Bounds {
            earliest: 10,
            end: 20
        }
    );
    let before = bounds(&engine);
    engine = engine.restart();
    assert_eq!(bounds(&engine), before);

    engine.appender.set_floor(u64::MAX);
    for _ in 0..10 {
        engine.commit(later + 2 * DAY, [record("t", 1, "newest")]);
    }
    assert_eq!(
        stored(&engine)[0],
        33,
        "only what is not older than the retention is left"
    );
    let engine = engine.restart();
    assert_eq!(
        bounds(&engine)[0],
        Bounds {
            earliest: 20,
            end: 20
        }
    );
    assert_eq!(engine.appender.next_batch_no(), 43);
}

#[test]
fn a_removal_that_is_rolled_back_leaves_the_bounds() {
    let mut engine = Engine::new();
    engine.commit(START, [record("t", 0, "old")]);
    engine.appender.set_floor(u64::MAX);
    let mut batch = engine.appender.begin(Millis(START + 2 * DAY));
    batch.push(record("t", 1, "new")).unwrap();
    engine.conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    engine.appender.write(&batch, &engine.conn).unwrap();
    engine.conn.execute_batch("ROLLBACK").unwrap();
    engine.appender.rolled_back(batch);
    engine.commit(START, [record("t", 1, "new")]);
    let bounds = engine
        .log
        .shared
        .catalog()
        .get(&Topic::new("t"))
        .unwrap()
        .bounds();
    assert_eq!(
        bounds[0],
        Bounds {
            earliest: 0,
            end: 1
        }
    );
    assert_eq!(engine.batches(0).len(), 2);
}

#[tokio::test]
async fn a_damaged_batch_is_an_error_that_names_it() {
    let mut engine = Engine::new();
    for n in 0..3 {
        engine.commit(START, [record("t", 0, &n.to_string())]);
    }
    engine
        .conn
        .execute(
            "UPDATE log_batch SET body = zeroblob(length(body)) WHERE batch_no = 2",
            [],
        )
        .unwrap();
    let read: Vec<_> = SqliteLog::batches_from(&engine.conn, 1).unwrap().collect();
    assert_eq!(read.len(), 2, "it ends there");
    let named = |error: &LogError| {
        std::error::Error::source(error)
            .unwrap()
            .to_string()
            .contains("batch 2 of the log is damaged")
    };
    assert!(named(read[1].as_ref().unwrap_err()));
    let from = vec![(Topic::new("t"), 0, Start::Offset(0))];
    let mut subscription = engine.log.subscribe(from).unwrap();
    assert!(named(&subscription.next().await.unwrap_err()));

    engine
        .conn
        .execute(
            "UPDATE log_batch SET sections = x'0102' WHERE batch_no = 3",
            [],
        )
        .unwrap();
    let path = engine.folder.path().join("log.db");
    let error = SqliteLog::open(&engine.conn, &path, SqliteLogOptions::default());
    let error = std::error::Error::source(&error.err().unwrap())
        .unwrap()
        .to_string();
    assert!(error.contains("batch 3"), "{error}");
}

#[tokio::test]
async fn a_log_opened_for_reading_follows_the_writer_and_refuses_writes() {
    let mut engine = Engine::new();
    engine.commit(START, [record("t", 0, "before")]);
    let beside = SqliteLog::open_read_only(&engine.folder.path().join("log.db")).unwrap();
    let topic = Topic::new("t");
    let mut all = beside
        .subscribe(vec![(topic.clone(), 0, Start::Offset(0))])
        .unwrap();
    let mut new = beside
        .subscribe(vec![(topic.clone(), 0, Start::End)])
        .unwrap();
    assert_eq!(payloads(&all.next().await.unwrap()), ["before"]);
    engine.commit(START, [record("t", 0, "after")]);
    assert_eq!(payloads(&all.next().await.unwrap()), ["after"]);
    assert_eq!(payloads(&new.next().await.unwrap()), ["after"]);
    assert_eq!(
        beside.bounds(&topic).await.unwrap()[0],
        Bounds {
            earliest: 0,
            end: 2
        }
    );
    assert!(
        beside
            .append(vec![record("t", 0, "x")], Box::new(|_| ()))
            .is_err()
    );
    assert!(beside.ensure_topics(&specs()).await.is_err());

    let folder = engine.restart().folder;
    let alone = SqliteLog::open_read_only(&folder.path().join("log.db")).unwrap();
    assert_eq!(
        alone.bounds(&topic).await.unwrap()[0].end,
        2,
        "with no writer at all too"
    );
}

#[tokio::test]
async fn appends_that_nobody_will_commit_are_answered_when_the_appender_goes() {
    let engine = Engine::new();
    let log: Arc<dyn EventLog> = Arc::new(engine.log.clone());
    let from = vec![(Topic::new("t"), 0, Start::End)];
    let mut subscription = log.subscribe(from).unwrap();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    log.append(
        vec![record("t", 0, "x")],
        Box::new(|outcome| drop(sender.send(outcome))),
    )
    .unwrap();
    drop(engine.appender);
    assert!(matches!(receiver.await, Ok(Err(LogError::Closed))));
    assert!(matches!(subscription.next().await, Err(LogError::Closed)));
}

#[tokio::test]
async fn what_a_reader_gave_up_waiting_for_comes_with_its_next_read() {
    let mut engine = Engine::new();
    for n in 0..10 {
        engine.commit(START, [record("t", 0, &n.to_string())]);
    }
    let from = vec![(Topic::new("t"), 0, Start::Offset(0))];
    let mut subscription = engine.log.subscribe(from).unwrap();
    let mut read = Vec::new();
    for _ in 0..5 {
        tokio::select! {
            biased;
            records = subscription.next() => read.extend(records.unwrap()),
            () = std::future::ready(()) => (),
        }
    }
    while read.len() < 10 {
        read.extend(subscription.next().await.unwrap());
    }
    assert_eq!(
        read.iter().map(|record| record.offset).collect::<Vec<_>>(),
        (0..10).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_reader_that_joins_the_tail_first_reads_all_that_lies_before() {
    let mut engine = Engine::new();
    let large = "x".repeat(700_000);
    for _ in 0..7 {
        engine.commit(START, [record("t", 0, &large)]);
    }
    let from = vec![(Topic::new("t"), 0, Start::Offset(0))];
    let mut subscription = engine.log.subscribe(from).unwrap();
    let mut offsets = Vec::new();
    while offsets.len() < 8 {
        let next = tokio::time::timeout(Duration::from_secs(60), subscription.next()).await;
        let records = next.expect("no gap").unwrap();
        offsets.extend(records.iter().map(|record| record.offset));
        if offsets.len() == 4 {
            engine.commit(START, [record("t", 0, "while it is joining")]);
        }
    }
    assert_eq!(offsets, (0..8).collect::<Vec<_>>());
}
