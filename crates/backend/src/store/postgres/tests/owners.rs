use super::*;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

#[test]
fn of_two_owners_the_older_is_fenced() {
    let database = Database::new();
    let (mut old_store, mut old) = database.owner(3);
    commit(&mut old_store, &mut old, [grant(7, 100)]).unwrap();
    let (mut new_store, mut new) = database.owner(3);
    assert_eq!((new.epoch, new.batch_no), (old.epoch + 1, 1));
    let begun = old_store.begin(&old, &accounts([7]));
    assert!(matches!(begun, Err(StoreError::Fenced { epoch }) if epoch == old.epoch));
    assert!(matches!(
        old_store.set_published_upto(&old, 1),
        Err(StoreError::Fenced { .. })
    ));
    assert!(matches!(
        old_store.show_alive(&old, Millis(99)),
        Err(StoreError::Fenced { .. })
    ));
    commit(&mut new_store, &mut new, [grant(8, 100)]).unwrap();
    assert_eq!((database.balance_of(7), database.balance_of(8)), (100, 100));

    let (_, other) = database.owner(4);
    assert_eq!((other.epoch, other.last_alive), (1, None), "each by itself");
}

#[test]
fn a_take_over_waits_for_the_batch_that_is_being_decided() {
    let database = Database::new();
    let (mut old_store, mut old) = database.owner(3);
    old_store.begin(&old, &accounts([7])).unwrap();
    let mut new_store = database.store(3);
    let (sender, taken) = channel();
    let waiting = std::thread::spawn(move || {
        let taken = new_store.take_over(Millis(2));
        sender.send(()).unwrap();
        taken
    });
    while database.waiting() == 0 {
        std::thread::yield_now();
    }
    assert!(
        taken.try_recv().is_err(),
        "the older owner is in the middle of it"
    );
    let batch = OwnerBatch::default();
    old_store
        .commit(&mut old, &batch, &moves([grant(7, 100)]))
        .unwrap();
    let new = waiting.join().unwrap().unwrap();
    assert_eq!(
        (new.epoch, new.batch_no),
        (2, 1),
        "with what the older committed"
    );
    let begun = old_store.begin(&old, &Declared::default());
    assert!(matches!(begun, Err(StoreError::Fenced { .. })));
}

/// An owner that is stopped in the middle of a batch, as by SIGSTOP, is waited for no longer than the server lets
/// a silent transaction live.
#[test]
fn an_owner_that_stalls_in_its_batch_is_taken_over_and_fenced() {
    let database = Database::new();
    let (mut old_store, mut old) = database.owner(3);
    commit(&mut old_store, &mut old, [grant(7, 100)]).unwrap();
    old_store.begin(&old, &accounts([7])).unwrap();
    let since = Instant::now();
    let (mut new_store, mut new) = database.owner(3);
    assert!(
        since.elapsed() < Duration::from_secs(9),
        "{:?}",
        since.elapsed()
    );
    commit(&mut new_store, &mut new, [fee("new", 7, "r", 30)]).unwrap();

    let batch = OwnerBatch::default();
    let late = old_store.commit(&mut old, &batch, &moves([fee("old", 7, "r", 60)]));
    // Its connection was cut: what became of COMMIT it has to ask.
    let unknown = matches!(late, Err(StoreError::CommitUnknown { batch_no: 2, .. }));
    assert!(
        unknown || matches!(late, Err(StoreError::Unreachable(_))),
        "{late:?}"
    );
    assert!(matches!(
        old_store.landed(&mut old),
        Err(StoreError::Fenced { .. })
    ));
    assert_eq!(database.balance_of(7), 70);
    assert_eq!(
        database.number("SELECT count(*) FROM ledger_transfer WHERE key = 'old'"),
        0
    );
}

#[test]
fn accounts_stay_as_read_until_the_batch_ends() {
    let database = Database::new();
    let ((mut one, mut by_one), (mut two, mut by_two)) = (database.owner(1), database.owner(2));
    commit(&mut one, &mut by_one, [grant(7, 100), grant(8, 100)]).unwrap();
    one.begin(&by_one, &accounts([7, 8])).unwrap();
    assert_eq!(one.balance(user(7)).unwrap(), Cents(100));
    let waiting = std::thread::spawn(move || {
        // Asked for only while it decides.
        two.begin(&by_two, &Declared::default()).unwrap();
        let balance = two.balance(user(7)).unwrap();
        let batch = OwnerBatch::default();
        two.commit(&mut by_two, &batch, &moves([fee("two", 7, "b", 70)]))
            .unwrap();
        balance
    });
    while database.waiting() == 0 {
        std::thread::yield_now();
    }
    let batch = OwnerBatch::default();
    one.commit(&mut by_one, &batch, &moves([fee("one", 7, "a", 30)]))
        .unwrap();
    assert_eq!(
        waiting.join().unwrap(),
        Cents(70),
        "as the other has left it"
    );
    assert_eq!(database.balance_of(7), 0);
    let order =
        "SELECT count(*) FROM ledger_transfer AS one JOIN ledger_transfer AS two ON two.key = 'two'
                 JOIN batch AS a ON a.partition = 1 AND a.batch_no = one.batch_no
                 JOIN batch AS b ON b.partition = 2 AND b.batch_no = two.batch_no
                 WHERE one.key = 'one' AND one.id < two.id AND a.commit_no < b.commit_no";
    assert_eq!(
        database.number(order),
        1,
        "numbers follow the order of commits"
    );
}

#[test]
fn what_is_declared_is_known_without_asking() {
    let database = Database::new();
    let (mut store, mut by) = database.owner(3);
    commit(&mut store, &mut by, [grant(7, 100)]).unwrap();
    let declared = Declared {
        transfers: ["demo_grant/7".to_owned(), "none".to_owned()].into(),
        rooms_of: [user(7)].into(),
        users: [user(7)].into(),
        rooms_named: ["none".to_owned()].into(),
        ended_rooms: ["r".parse().unwrap()].into(),
        ..accounts([7, 8])
    };
    store.begin(&by, &declared).unwrap();
    // From now on nobody answers.
    let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                     WHERE application_name LIKE '%partition 3' AND datname = current_database()";
    assert_eq!(database.number(terminate), 1);
    assert_eq!(store.balance(user(7)).unwrap(), Cents(100));
    assert_eq!(store.balance(user(8)).unwrap(), Cents::ZERO);
    assert!(store.is_transferred("demo_grant/7").unwrap());
    assert!(!store.is_transferred("none").unwrap());
    assert!(store.rooms_of(user(7)).unwrap().is_empty());
    assert!(!store.is_shut_out(user(7)).unwrap());
    assert_eq!(store.recipient(user(7)).unwrap(), None);
    assert!(store.rooms_named("none").unwrap().is_empty());
    assert_eq!(store.ended_room(&"r".parse().unwrap()).unwrap(), None);
    let lost = store.balance(user(9));
    assert!(matches!(lost, Err(StoreError::Unreachable(_))), "{lost:?}");
    assert!(!store.is_in_batch());
    let batch = OwnerBatch::default();
    let committed = store.commit(&mut by, &batch, &moves([grant(8, 1)]));
    assert!(
        matches!(committed, Err(StoreError::Unreachable(_))),
        "never on another transaction"
    );
    commit(&mut store, &mut by, [grant(8, 1)]).unwrap();
}

#[test]
fn who_is_banned_is_shut_out() {
    let database = Database::new();
    for (id, status) in [(1, "active"), (2, "banned"), (3, "closed")] {
        database
            .execute(&format!(
                "INSERT INTO users (id, username, roles, status, created_ms, last_seen_ms)
                 VALUES ({id}, 'P', '[]', '{status}', 0, 0)"
            ))
            .unwrap();
    }
    let mut store = database.store(3);
    let shut_out = (1..=4).map(|id| store.is_shut_out(user(id)).unwrap());
    assert_eq!(shut_out.collect::<Vec<_>>(), [false, true, true, false]);
}
