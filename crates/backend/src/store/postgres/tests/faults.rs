use super::*;
use crate::store::postgres::{Landed, PgReads};
use crate::store::reads::ReadSide;
use parking_lot::{Condvar, Mutex};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;

fn terminate(database: &Database, partition: u32) {
    let sql = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE application_name = 'blazing-sun partition {partition}' AND datname = current_database()"
    );
    assert_eq!(database.number(&sql), 1);
}

#[test]
fn a_connection_that_was_lost_between_batches_is_made_anew() {
    let database = Database::new();
    let (mut store, mut by) = database.owner(3);
    commit(&mut store, &mut by, [grant(7, 100)]).unwrap();
    terminate(&database, 3);
    commit(&mut store, &mut by, [grant(8, 100)]).unwrap();
    terminate(&database, 3);
    assert_eq!(store.balance(user(8)).unwrap(), Cents(100));
}

#[test]
fn a_connection_that_is_lost_before_commit_leaves_nothing() {
    let database = Database::new();
    let (mut store, mut by) = database.owner(3);
    store.begin(&by, &accounts([7])).unwrap();
    terminate(&database, 3);
    let batch = OwnerBatch::default();
    let lost = store.commit(&mut by, &batch, &moves([grant(7, 100)]));
    match lost {
        Err(StoreError::Unreachable(_)) => {}
        Err(StoreError::CommitUnknown { batch_no: 1, .. }) => {
            assert_eq!(store.landed(&mut by).unwrap(), Landed::No);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((by.batch_no, database.balance_of(7)), (0, 0));
    commit(&mut store, &mut by, [grant(7, 100)]).unwrap();
    assert_eq!((by.batch_no, database.balance_of(7)), (1, 100));
}

#[test]
fn nothing_is_read_or_written_in_a_batch_once_its_connection_is_lost() {
    let database = Database::new();
    let (mut store, mut by) = database.owner(3);
    store.begin(&by, &accounts([7])).unwrap();
    terminate(&database, 3);
    for _ in 0..2 {
        let lost = store.floor();
        assert!(matches!(lost, Err(StoreError::Unreachable(_))), "{lost:?}");
    }
    let batch = OwnerBatch::default();
    let lost = store.commit(&mut by, &batch, &moves([grant(7, 100)]));
    assert!(matches!(lost, Err(StoreError::Unreachable(_))), "{lost:?}");
    assert_eq!((by.batch_no, database.balance_of(7)), (0, 0));
}

/// Where a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// The server never gets COMMIT.
    BeforeCommit,
    /// The server gets COMMIT once the proxy is told to let it through.
    LateCommit,
    /// At the first answer, whatever the server does with what it has got.
    AtAnswer,
    /// The server's answer to COMMIT gets lost.
    AfterCommit,
}

/// Passes bytes on, and cuts a connection once where it is told to.
#[derive(Clone)]
struct Proxy {
    port: u16,
    cut: Arc<Mutex<Option<Cut>>>,
    late: Arc<(Mutex<bool>, Condvar)>,
}

impl Proxy {
    fn before(url: &str) -> Proxy {
        let (_, rest) = url.split_once('@').unwrap();
        let server = rest.split('/').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Proxy {
            port: listener.local_addr().unwrap().port(),
            cut: Arc::default(),
            late: Arc::default(),
        };
        let ours = proxy.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = TcpStream::connect(&server).unwrap();
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (requests, answers) = (ours.clone(), ours.clone());
                std::thread::spawn(move || requests.pass_on(from, to, false));
                std::thread::spawn(move || answers.pass_on(server, client, true));
            }
        });
        proxy
    }

    fn url(&self, url: &str) -> String {
        let (user, rest) = url.split_once('@').unwrap();
        let (_, database) = rest.split_once('/').unwrap();
        format!("{user}@127.0.0.1:{}/{database}", self.port)
    }

    fn let_through(&self) {
        *self.late.0.lock() = true;
        self.late.1.notify_all();
    }

    fn pass_on(&self, mut from: TcpStream, mut to: TcpStream, is_answer: bool) {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let bytes = &buffer[..length];
            match self.cut_at(bytes, is_answer) {
                None => {}
                Some(Cut::LateCommit) => {
                    let _ = from.shutdown(Shutdown::Both);
                    let mut is_late = self.late.0.lock();
                    while !*is_late {
                        self.late.1.wait(&mut is_late);
                    }
                    // The server is to work it off, and so must not hear that nobody listens.
                    let _ = to.write_all(bytes);
                    return;
                }
                Some(_) => break,
            }
            if to.write_all(bytes).is_err() && !is_answer {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }

    fn cut_at(&self, bytes: &[u8], is_answer: bool) -> Option<Cut> {
        let mut cut = self.cut.lock();
        let has_commit = || bytes.windows(7).any(|window| window == b"COMMIT\0");
        let is_here = match (*cut)? {
            Cut::BeforeCommit | Cut::LateCommit => !is_answer && has_commit(),
            Cut::AtAnswer => is_answer,
            Cut::AfterCommit => is_answer && has_commit(),
        };
        is_here.then(|| cut.take()).flatten()
    }
}

#[test]
fn what_is_still_under_way_is_waited_for() {
    let database = Database::new();
    let proxy = Proxy::before(&database.url);
    let options = PgOptions::parse(&proxy.url(&database.url)).unwrap();
    let mut store = PgStore::new(&options, 3, "test").unwrap();
    let mut by = store.take_over(Millis(1)).unwrap();
    store.begin(&by, &accounts([7])).unwrap();
    *proxy.cut.lock() = Some(Cut::LateCommit);
    let batch = OwnerBatch::default();
    let lost = store.commit(&mut by, &batch, &moves([grant(7, 100)]));
    assert!(
        matches!(lost, Err(StoreError::CommitUnknown { .. })),
        "{lost:?}"
    );
    let asked = std::thread::spawn(move || store.landed(&mut by));
    while !asked.is_finished() && database.waiting() == 0 {
        std::thread::yield_now();
    }
    proxy.let_through();
    assert_eq!(asked.join().unwrap().unwrap(), Landed::Yes);
    assert_eq!(database.balance_of(7), 100);
}

#[test]
fn a_connection_that_is_cut_during_commit_is_asked_after() {
    let database = Database::new();
    let proxy = Proxy::before(&database.url);
    let options = PgOptions::parse(&proxy.url(&database.url)).unwrap();
    let mut store = PgStore::new(&options, 3, "test").unwrap();
    let mut by = store.take_over(Millis(1)).unwrap();
    let cuts = [Cut::BeforeCommit, Cut::AtAnswer, Cut::AfterCommit];
    for (id, cut) in (10..40).zip(cuts.into_iter().cycle()) {
        let before = by.batch_no;
        store.begin(&by, &accounts([id])).unwrap();
        *proxy.cut.lock() = Some(cut);
        let batch = OwnerBatch::default();
        let lost = store.commit(&mut by, &batch, &moves([grant(id, 100)]));
        let Err(StoreError::CommitUnknown { batch_no, .. }) = lost else {
            panic!("{cut:?}: {lost:?}");
        };
        assert_eq!((batch_no, by.batch_no), (before + 1, before));
        let landed = store.landed(&mut by).unwrap();
        match cut {
            Cut::BeforeCommit => assert_eq!(landed, Landed::No),
            Cut::AtAnswer | Cut::LateCommit => {}
            Cut::AfterCommit => assert_eq!(landed, Landed::Yes),
        }
        if landed == Landed::No {
            assert_eq!(
                (by.batch_no, database.balance_of(id)),
                (before, 0),
                "{cut:?}"
            );
            store.begin(&by, &accounts([id])).unwrap();
            store
                .commit(&mut by, &batch, &moves([grant(id, 100)]))
                .unwrap();
        }
        assert_eq!(
            (by.batch_no, database.balance_of(id)),
            (before + 1, 100),
            "{cut:?}"
        );
    }
    let count = database.number("SELECT count(*) FROM ledger_transfer");
    assert_eq!(count, 30, "none lost, none twice");
}

#[test]
fn a_deadlock_of_two_partitions_may_be_tried_again() {
    let database = Database::new();
    let ((mut one, mut by_one), (mut two, by_two)) = (database.owner(1), database.owner(2));
    commit(&mut one, &mut by_one, [grant(7, 100), grant(8, 100)]).unwrap();
    one.begin(&by_one, &accounts([7])).unwrap();
    two.begin(&by_two, &accounts([8])).unwrap();
    let other = std::thread::spawn(move || {
        let balance = two.balance(user(7));
        if balance.is_err() {
            two.roll_back();
        }
        (balance.map(|_| ()), two, by_two)
    });
    let mine = one.balance(user(8)).map(|_| ());
    if mine.is_err() {
        one.roll_back();
    } else {
        let batch = OwnerBatch::default();
        one.commit(&mut by_one, &batch, &moves([])).unwrap();
    }
    let (others, mut two, mut by_two) = other.join().unwrap();
    let failed: Vec<StoreError> = [mine, others].into_iter().filter_map(Result::err).collect();
    assert!(
        matches!(&failed[..], [StoreError::Conflict(_)]),
        "one gives way: {failed:?}"
    );
    assert!(failed[0].is_transient() && !failed[0].is_of_what_was_written());
    for (store, by, key) in [(&mut one, &mut by_one, "a"), (&mut two, &mut by_two, "b")] {
        store.roll_back();
        store.begin(by, &accounts([7, 8])).unwrap();
        let batch = OwnerBatch::default();
        store
            .commit(by, &batch, &moves([fee(key, 7, "r", 1)]))
            .unwrap();
    }
    assert_eq!(database.balance_of(7), 98);
}

/// The server takes COMMIT of a failed transaction for ROLLBACK, and answers as if all were well.
#[test]
fn what_breaks_a_constraint_rolls_the_whole_batch_back() {
    let database = Database::new();
    let (mut store, mut by) = database.owner(3);
    commit(&mut store, &mut by, [grant(7, 100)]).unwrap();
    let before = by;
    for transfers in [
        vec![grant(8, 5), fee("new", 7, "r", 101)],
        vec![grant(8, 5), grant(7, 1)],
        vec![grant(8, 5), fee("new", 7, "r", 0)],
    ] {
        store.begin(&by, &accounts([7, 8])).unwrap();
        let topic = blazing_sun_backbone::log::Topic::new("games.commands");
        let mut batch = OwnerBatch::default();
        batch.consume(&topic, 0);
        let failed = store
            .commit(&mut by, &batch, &moves(transfers))
            .unwrap_err();
        assert!(
            failed.is_of_what_was_written() && !failed.is_transient(),
            "{failed:?}"
        );
    }
    assert_eq!(by, before, "the fence has not moved");
    assert_eq!((database.balance_of(7), database.balance_of(8)), (100, 0));
    for (table, rows) in [
        ("batch", 1),
        ("ledger_transfer", 1),
        ("partition_offset", 0),
    ] {
        assert_eq!(
            database.number(&format!("SELECT count(*) FROM {table}")),
            rows,
            "{table}"
        );
    }
    let nul = store.rooms_named("a\0b").unwrap_err();
    assert!(nul.is_of_what_was_written(), "{nul:?}");
}

#[test]
fn errors_do_not_show_rows() {
    let database = Database::new();
    let shown = database
        .execute(
            "INSERT INTO users (id, email, username, roles, password_hash, status, created_ms, last_seen_ms)
             VALUES (1, 'a', 'b', '[]', 's3cret', 'odd', 0, 0)",
        )
        .unwrap_err();
    let source = std::error::Error::source(&shown).unwrap().to_string();
    assert!(source.contains("users_status_check"), "{source}");
    for text in [source, format!("{shown:?}"), shown.to_string()] {
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn after_a_restart_of_the_server_all_goes_on() {
    let server = TestPostgres::own();
    let database = Database::on(&server);
    let (mut store, mut by) = database.owner(3);
    commit(&mut store, &mut by, [grant(7, 100)]).unwrap();
    let reads = PgReads::new(database.pool.clone());
    let read = || database.runtime.block_on(reads.balance(user(7)));
    assert_eq!(read().unwrap(), Cents(100));
    store.begin(&by, &accounts([7])).unwrap();
    server.kill();
    let batch = OwnerBatch::default();
    let lost = store
        .commit(&mut by, &batch, &moves([fee("f", 7, "r", 1)]))
        .unwrap_err();
    assert!(!lost.is_of_what_was_written(), "{lost:?}");
    assert!(matches!(
        store.landed(&mut by),
        Err(StoreError::Unreachable(_))
    ));
    assert!(matches!(read(), Err(StoreError::Unreachable(_))));
    server.start_again();
    assert_eq!(store.landed(&mut by).unwrap(), Landed::No);
    assert_eq!(read().unwrap(), Cents(100));
    commit(&mut store, &mut by, [fee("f", 7, "r", 1)]).unwrap();
    assert_eq!(read().unwrap(), Cents(99));
}
