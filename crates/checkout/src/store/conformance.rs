//! What every adapter of the store has to hold, on each of them.

use super::*;
use crate::payment::PaymentState;
use blazing_sun_backbone::postgres::PgOptions;
use blazing_sun_domain::Cents;
use blazing_sun_domain::wallet::{DisputeOutcome, DisputeStage};
use blazing_sun_harness::postgres::TestPostgres;
use std::sync::Arc;
use tempfile::TempDir;

const NOW: Millis = Millis(1_700_000_000_000);

/// One storage, opened as often as asked.
enum Storage {
    Sqlite(TempDir),
    Postgres(String),
}

impl Storage {
    async fn open(&self) -> Arc<dyn PaymentStore> {
        self.try_open().await.unwrap()
    }

    async fn try_open(&self) -> Result<Arc<dyn PaymentStore>, StoreError> {
        match self {
            Storage::Sqlite(folder) => SqlitePaymentStore::open(&folder.path().join("c.sqlite3")),
            Storage::Postgres(url) => PgPaymentStore::open(&PgOptions::parse(url).unwrap()).await,
        }
    }
}

macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        $(mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(Storage::Sqlite(tempfile::tempdir().unwrap())).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                let url = tokio::task::spawn_blocking(|| TestPostgres::shared().new_database());
                super::$name(Storage::Postgres(url.await.unwrap())).await;
            }
        })*
    };
}

on_both!(
    a_request_is_one_payment_however_often_it_comes,
    a_cancellation_is_kept_before_and_after_its_request,
    a_change_is_one_transaction,
    changes_of_one_payment_wait_for_each_other,
    payments_are_found,
    stages_of_disputes_are_kept_once,
    an_event_is_kept_once_and_waits_until_it_is_finished,
    events_are_forgotten_once_they_are_finished,
    what_is_told_waits_in_order_until_it_is_published,
    places_go_back_only_where_the_log_has_lost_them,
    a_decision_that_panics_harms_no_other,
    a_statement_has_the_newest_first,
    all_is_there_after_a_restart,
);

fn payment(id: u128) -> Payment {
    Payment {
        request_id: Uuid::from_u128(id),
        user_id: UserId::new(123).unwrap(),
        amount: Cents(2_500),
        currency: "eur".to_owned(),
        success_url: Some("https://play.example/ok".to_owned()),
        cancel_url: None,
        status: PaymentState::Requested,
        session_id: None,
        session_url: None,
        expires_at_s: None,
        payment_intent_id: None,
        refunded: Cents::ZERO,
        error: None,
        held: None,
        cancelled: None,
        requested_at: NOW,
        finished_at: None,
        attempts: 0,
        due_at: Some(NOW),
    }
}

fn outgoing(name: &str) -> Outgoing {
    Outgoing {
        topic: "checkout.finished".to_owned(),
        key: b"123".to_vec(),
        headers: vec![0, 255],
        payload: name.as_bytes().to_vec(),
    }
}

fn asked(payment: Payment) -> Taken {
    Taken {
        requests: vec![NewRequest {
            payment,
            outgoing: vec![outgoing("new")],
            if_other: outgoing("other"),
        }],
        ..Taken::default()
    }
}

fn cancelled(id: u128, user: u64) -> Taken {
    Taken {
        cancellations: vec![NewCancellation {
            request_id: Uuid::from_u128(id),
            user_id: UserId::new(user).unwrap(),
            reason: CancelReason::SelfExcluded,
            if_other: outgoing("other"),
        }],
        ..Taken::default()
    }
}

async fn a_cancellation_is_kept_before_and_after_its_request(storage: Storage) {
    let store = storage.open().await;
    let later = NOW.plus(5_000);
    let kept = async |id| {
        let payment = store.payment(Find::Request(Uuid::from_u128(id))).await;
        let payment = payment.unwrap().unwrap();
        (payment.cancelled, payment.due_at)
    };
    let reason = Some(CancelReason::SelfExcluded);
    for _ in 0..2 {
        store.take(cancelled(1, 123), later).await.unwrap();
        store.take(cancelled(2, 124), later).await.unwrap();
    }
    for id in [1, 2, 3, 4] {
        store.take(asked(payment(id)), NOW).await.unwrap();
    }
    assert_eq!(kept(1).await, (reason, Some(NOW)));
    // Another's, before and after.
    assert_eq!(kept(2).await, (None, Some(NOW)));
    store.take(cancelled(4, 124), later).await.unwrap();
    assert_eq!(kept(4).await, (None, Some(NOW)));
    let telling = told(&store).await;
    assert_eq!(telling, ["new", "new", "new", "new", "other"]);
    store.take(cancelled(3, 123), later).await.unwrap();
    assert_eq!(kept(3).await, (reason, Some(later)));
    // Said again it is not due at once again; at its end it is not due at all.
    store.take(cancelled(3, 123), later.plus(1)).await.unwrap();
    assert_eq!(kept(3).await, (reason, Some(later)));
    let ended = Payment {
        status: PaymentState::Success,
        due_at: None,
        ..payment(5)
    };
    store.take(asked(ended), NOW).await.unwrap();
    store.take(cancelled(5, 123), later).await.unwrap();
    assert_eq!(kept(5).await, (None, None));
}

fn event(id: &str, received_at: Millis) -> NewEvent {
    NewEvent {
        event_id: id.to_owned(),
        kind: "checkout.session.completed".to_owned(),
        body: format!(r#"{{"id":"{id}","text":"\u0000ü"}}"#),
        source: EventSource::Webhook,
        received_at,
    }
}

fn done(id: &str) -> Finished {
    Finished {
        event_id: id.to_owned(),
        outcome: "applied",
    }
}

async fn told(store: &Arc<dyn PaymentStore>) -> Vec<String> {
    let waiting = store.waiting(100).await.unwrap();
    let payloads = waiting.into_iter().map(|waiting| waiting.record.payload);
    payloads
        .map(|payload| String::from_utf8(payload).unwrap())
        .collect()
}

/// Changes the payment, and tells `name` of it.
async fn change(
    store: &Arc<dyn PaymentStore>,
    id: u128,
    event: Option<Finished>,
    name: &str,
    to: impl FnOnce(&mut Payment) + Send + 'static,
) -> Option<Payment> {
    let outgoing = vec![outgoing(name)];
    let decide: Decide = Box::new(move |payment, _| {
        let mut change = Change::none(payment);
        to(&mut change.payment);
        change.outgoing = outgoing;
        change
    });
    store
        .change(Uuid::from_u128(id), event, NOW, decide)
        .await
        .unwrap()
}

async fn find(store: &Arc<dyn PaymentStore>, id: u128) -> Option<Payment> {
    store
        .payment(Find::Request(Uuid::from_u128(id)))
        .await
        .unwrap()
}

async fn a_request_is_one_payment_however_often_it_comes(storage: Storage) {
    let store = storage.open().await;
    store.take(asked(payment(1)), NOW).await.unwrap();
    assert_eq!(find(&store, 1).await, Some(payment(1)));
    change(&store, 1, None, "changed", |payment| {
        payment.status = PaymentState::Success
    })
    .await;
    store.take(asked(payment(1)), NOW).await.unwrap();
    assert_eq!(find(&store, 1).await.unwrap().status, PaymentState::Success);
    assert_eq!(told(&store).await, ["new", "changed"]);
    for other in [
        Payment {
            amount: Cents(1),
            ..payment(1)
        },
        Payment {
            user_id: UserId::new(9).unwrap(),
            ..payment(1)
        },
        Payment {
            currency: "usd".to_owned(),
            ..payment(1)
        },
    ] {
        store.take(asked(other), NOW).await.unwrap();
    }
    assert_eq!(
        told(&store).await,
        ["new", "changed", "other", "other", "other"]
    );
    assert_eq!(find(&store, 1).await.unwrap().amount, Cents(2_500));
}

async fn a_change_is_one_transaction(storage: Storage) {
    let store = storage.open().await;
    store.take(asked(payment(1)), NOW).await.unwrap();
    store.add_events(vec![event("evt_1", NOW)]).await.unwrap();
    let full = |payment: &mut Payment| {
        payment.status = PaymentState::Success;
        payment.session_id = Some("cs_1".to_owned());
        payment.session_url = Some("https://pay.example".to_owned());
        payment.expires_at_s = Some(7);
        payment.payment_intent_id = Some("pi_1".to_owned());
        payment.refunded = Cents(3);
        payment.error = Some("e".to_owned());
        payment.held = Some("h".to_owned());
        payment.finished_at = Some(NOW.plus(1));
        payment.attempts = 4;
        payment.due_at = None;
    };
    let mut expected = payment(1);
    full(&mut expected);
    let changed = change(&store, 1, Some(done("evt_1")), "changed", full).await;
    assert_eq!(changed.as_ref(), Some(&expected));
    assert_eq!(find(&store, 1).await, changed);
    assert_eq!(store.due_events(NOW, 9).await.unwrap(), []);

    // What can not be written in part is not written at all.
    store.add_events(vec![event("evt_2", NOW)]).await.unwrap();
    let decide: Decide = Box::new(|payment, _| {
        let mut change = Change::none(payment);
        change.payment.refunded = Cents(-1);
        change.outgoing = vec![outgoing("never")];
        change
    });
    let event = Some(done("evt_2"));
    let refused = store.change(Uuid::from_u128(1), event, NOW, decide).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(find(&store, 1).await, changed);
    assert_eq!(told(&store).await, ["new", "changed"]);
    assert_eq!(store.due_events(NOW, 9).await.unwrap().len(), 1);

    assert_eq!(
        change(&store, 2, Some(done("evt_2")), "unknown", |_| ()).await,
        None
    );
    assert_eq!(store.due_events(NOW, 9).await.unwrap().len(), 1);
}

async fn changes_of_one_payment_wait_for_each_other(storage: Storage) {
    let (one, other) = (storage.open().await, storage.open().await);
    one.take(asked(payment(1)), NOW).await.unwrap();
    let add = |store: Arc<dyn PaymentStore>| async move {
        for _ in 0..20 {
            change(&store, 1, None, "added", |payment| payment.attempts += 1).await;
        }
    };
    tokio::join!(add(Arc::clone(&one)), add(other));
    assert_eq!(find(&one, 1).await.unwrap().attempts, 40);
}

async fn payments_are_found(storage: Storage) {
    let store = storage.open().await;
    for (id, due_at) in [
        (1, Some(NOW.plus(2))),
        (2, Some(NOW)),
        (3, None),
        (4, Some(NOW.plus(9))),
    ] {
        let payment = Payment {
            due_at,
            ..payment(id)
        };
        store.take(asked(payment), NOW).await.unwrap();
    }
    let due = |now, limit| {
        let store = Arc::clone(&store);
        async move {
            let due = store.due_payments(DueFor::Page, now, limit).await.unwrap();
            due.iter()
                .map(|payment| payment.request_id.as_u128())
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(due(NOW.plus(2), 9).await, [2, 1]);
    assert_eq!(due(NOW.plus(9), 1).await, [2]);
    let looked_at = || store.due_payments(DueFor::Look, NOW.plus(9), 9);
    assert_eq!(looked_at().await.unwrap(), []);
    let has_page = |payment: &mut Payment| payment.session_id = Some("cs_1".to_owned());
    let changed = change(&store, 1, None, "x", has_page).await;
    assert_eq!(looked_at().await.unwrap(), changed.as_slice());
    assert_eq!(due(NOW.plus(2), 9).await, [2]);
    change(&store, 3, None, "x", |payment| {
        payment.payment_intent_id = Some("pi_3".to_owned())
    })
    .await;
    let found = store.payment(Find::PaymentIntent("pi_3")).await.unwrap();
    assert_eq!(found.unwrap().request_id, Uuid::from_u128(3));
    assert_eq!(
        store.payment(Find::PaymentIntent("pi_4")).await.unwrap(),
        None
    );
    change(&store, 4, None, "x", |payment| {
        payment.held = Some("why".to_owned())
    })
    .await;
    let backlog = store.backlog().await.unwrap();
    let expected = Backlog {
        open_payments: 3,
        held_payments: 1,
        events: 0,
        outgoing: 7,
    };
    assert_eq!(backlog, expected);
}

async fn stages_of_disputes_are_kept_once(storage: Storage) {
    let store = storage.open().await;
    store.take(asked(payment(1)), NOW).await.unwrap();
    let stages = [
        ToldStage {
            dispute_id: "dp_1".to_owned(),
            stage: DisputeStage::Created,
            amount: Cents(5),
            outcome: None,
        },
        ToldStage {
            dispute_id: "dp_1".to_owned(),
            stage: DisputeStage::Closed,
            amount: Cents(5),
            outcome: Some(DisputeOutcome::Lost),
        },
    ];
    for expected in [0, 2, 2] {
        let stages = stages.to_vec();
        let decide: Decide = Box::new(move |payment, told| {
            assert_eq!(told.len(), expected);
            assert!(told.iter().all(|told| stages.contains(told)), "{told:?}");
            Change {
                stages,
                ..Change::none(payment)
            }
        });
        store
            .change(Uuid::from_u128(1), None, NOW, decide)
            .await
            .unwrap();
    }
}

async fn an_event_is_kept_once_and_waits_until_it_is_finished(storage: Storage) {
    let store = storage.open().await;
    let both = vec![event("evt_2", NOW.plus(1)), event("evt_1", NOW)];
    assert_eq!(store.add_events(both.clone()).await.unwrap(), 2);
    assert_eq!(store.add_events(both.clone()).await.unwrap(), 0);
    let due = store.due_events(NOW.plus(1), 9).await.unwrap();
    let ids: Vec<&str> = due.iter().map(|event| event.event_id.as_str()).collect();
    assert_eq!(ids, ["evt_1", "evt_2"]);
    assert_eq!((&due[0].body, due[0].attempts), (&both[1].body, 0));
    // By the clock of whoever took it the second came after now.
    assert_eq!(store.due_events(NOW, 9).await.unwrap(), due);
    store
        .postpone_event("evt_1", NOW.plus(5), "later")
        .await
        .unwrap();
    let due = store.due_events(NOW.plus(4), 9).await.unwrap();
    assert_eq!(due.len(), 1);
    let due = store.due_events(NOW.plus(5), 9).await.unwrap();
    assert_eq!((due[1].event_id.as_str(), due[1].attempts), ("evt_1", 1));
    let letter = vec![outgoing("letter")];
    store
        .finish_event(done("evt_1"), letter, NOW)
        .await
        .unwrap();
    store
        .postpone_event("evt_1", NOW, "too late")
        .await
        .unwrap();
    assert_eq!(store.due_events(NOW.plus(5), 9).await.unwrap().len(), 1);
    assert_eq!(
        store.add_events(both).await.unwrap(),
        0,
        "finished ones too"
    );
    assert_eq!(told(&store).await, ["letter"]);
}

async fn events_are_forgotten_once_they_are_finished(storage: Storage) {
    let store = storage.open().await;
    let ids = ["evt_1", "evt_2", "evt_3", "evt_4"];
    let events: Vec<NewEvent> = ids.iter().map(|id| event(id, NOW)).collect();
    store.add_events(events.clone()).await.unwrap();
    for (at, id) in ids.iter().take(3).enumerate() {
        let finished_at = NOW.plus(at as i64);
        let finished = store.finish_event(done(id), vec![], finished_at).await;
        finished.unwrap();
    }
    assert_eq!(store.forget_events(NOW, 9).await.unwrap(), 0);
    for forgotten in [1, 1, 0] {
        let found = store.forget_events(NOW.plus(2), 1).await;
        assert_eq!(found.unwrap(), forgotten);
    }
    let all = store.forget_events(Millis(i64::MAX), 9).await.unwrap();
    assert_eq!(all, 1, "one waits still");
    assert_eq!(store.due_events(NOW, 9).await.unwrap().len(), 1);
    assert_eq!(store.add_events(events).await.unwrap(), 3);
}

async fn what_is_told_waits_in_order_until_it_is_published(storage: Storage) {
    let store = storage.open().await;
    let names = ["a", "b", "c"];
    let taken = Taken {
        outgoing: names.iter().map(|name| outgoing(name)).collect(),
        ..Taken::default()
    };
    store.take(taken, NOW).await.unwrap();
    assert_eq!(told(&store).await, names);
    let waiting = store.waiting(2).await.unwrap();
    assert_eq!(waiting[0].record, outgoing("a"));
    let seqs = waiting.iter().map(|waiting| waiting.seq).collect();
    store.published(seqs, NOW).await.unwrap();
    assert_eq!(told(&store).await, ["c"]);
    assert_eq!(store.forget_published(NOW, 9).await.unwrap(), 0);
    for forgotten in [1, 1, 0] {
        let found = store.forget_published(NOW.plus(1), 1).await;
        assert_eq!(found.unwrap(), forgotten);
    }
    assert_eq!(told(&store).await, ["c"]);
}

async fn places_go_back_only_where_the_log_has_lost_them(storage: Storage) {
    let store = storage.open().await;
    let place = |partition, next_offset| Place {
        topic: "checkout.requests".to_owned(),
        partition,
        next_offset,
    };
    for places in [
        vec![place(0, 5), place(1, 1)],
        vec![place(0, 3), place(1, 2)],
    ] {
        let taken = Taken {
            places,
            ..Taken::default()
        };
        store.take(taken, NOW).await.unwrap();
    }
    let mut places = store.places().await.unwrap();
    places.sort_by_key(|place| place.partition);
    assert_eq!(places, [place(0, 5), place(1, 2)]);
    store.rewind(vec![place(0, 3), place(2, 1)]).await.unwrap();
    let mut places = store.places().await.unwrap();
    places.sort_by_key(|place| place.partition);
    assert_eq!(places, [place(0, 3), place(1, 2), place(2, 1)]);
}

async fn a_decision_that_panics_harms_no_other(storage: Storage) {
    let store = storage.open().await;
    store.take(asked(payment(1)), NOW).await.unwrap();
    let broken = Arc::clone(&store);
    let changed = tokio::spawn(async move {
        let decide: Decide = Box::new(|_, _| panic!("a bug"));
        broken.change(Uuid::from_u128(1), None, NOW, decide).await
    });
    assert!(!matches!(changed.await, Ok(Ok(_))));
    let changed = change(&store, 1, None, "changed", |payment| payment.attempts = 7);
    assert!(changed.await.is_some());
    assert_eq!(find(&store, 1).await.unwrap().attempts, 7);
}

async fn a_statement_has_the_newest_first(storage: Storage) {
    let store = storage.open().await;
    let row = |id: &str, user, at| JournalRow {
        event_id: id.to_owned(),
        user_id: UserId::new(user).unwrap(),
        at: NOW.plus(at),
        topic: "dice.win_prize".to_owned(),
        partition: 3,
        offset: 41,
        record: format!(r#"{{"event_id":"{id}"}}"#),
    };
    let rows = [
        row("a", 1, 1),
        row("b", 1, 2),
        row("c", 1, 2),
        row("d", 2, 3),
    ];
    for _ in 0..2 {
        let taken = Taken {
            journal: rows.to_vec(),
            ..Taken::default()
        };
        store.take(taken, NOW).await.unwrap();
    }
    let user = UserId::new(1).unwrap();
    let [a, b, c, _] = rows;
    assert_eq!(
        store.statement(user, None, 2).await.unwrap(),
        [c, b.clone()]
    );
    let before = Some((b.at, b.event_id));
    assert_eq!(store.statement(user, before, 9).await.unwrap(), [a]);
}

async fn all_is_there_after_a_restart(storage: Storage) {
    let store = storage.open().await;
    store.take(asked(payment(1)), NOW).await.unwrap();
    store.add_events(vec![event("evt_1", NOW)]).await.unwrap();
    assert_eq!(store.mark("m").await.unwrap(), None);
    store.set_mark("m", 5).await.unwrap();
    store.set_mark("m", -6).await.unwrap();
    drop(store);
    let store = storage.open().await;
    assert_eq!(find(&store, 1).await, Some(payment(1)));
    assert_eq!(store.due_events(NOW, 9).await.unwrap().len(), 1);
    assert_eq!(told(&store).await, ["new"]);
    assert_eq!(store.mark("m").await.unwrap(), Some(-6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_several_processes_holds_the_lease() {
    let url = tokio::task::spawn_blocking(|| TestPostgres::shared().new_database());
    let storage = Storage::Postgres(url.await.unwrap());
    let (one, other) = tokio::join!(storage.open(), storage.open());
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let long = Duration::from_secs(600);
    assert!(one.hold_lease(first, long).await.unwrap());
    assert!(!other.hold_lease(second, long).await.unwrap());
    assert!(one.hold_lease(first, long).await.unwrap(), "kept");
    other.release_lease(second).await.unwrap();
    assert!(
        !other.hold_lease(second, long).await.unwrap(),
        "not another's to release"
    );
    one.release_lease(first).await.unwrap();
    assert!(other.hold_lease(second, Duration::ZERO).await.unwrap());
    assert!(
        one.hold_lease(first, long).await.unwrap(),
        "the other's has ended"
    );
}

#[tokio::test]
async fn files_of_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.sqlite3");
    std::fs::write(&path, "no database, but long enough to be looked at as one").unwrap();
    let refused = |path: &std::path::Path| match SqlitePaymentStore::open(path) {
        Ok(_) => panic!("opened"),
        Err(error) => error.to_string(),
    };
    assert!(
        refused(&path).contains("no SQLite database"),
        "{}",
        refused(&path)
    );
    std::fs::remove_file(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE shopping (item TEXT)")
        .unwrap();
    assert!(
        refused(&path).contains("another program's"),
        "{}",
        refused(&path)
    );
    other.execute_batch("DROP TABLE shopping").unwrap();
    drop(other);
    drop(SqlitePaymentStore::open(&path).unwrap());
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer
        .execute_batch("INSERT INTO refinery_schema_history VALUES (999, 'later', '', '')")
        .unwrap();
    assert!(refused(&path).contains("schema 999"), "{}", refused(&path));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemas_of_others_are_refused() {
    let url = tokio::task::spawn_blocking(|| {
        let url = TestPostgres::shared().new_database();
        let shop = "CREATE SCHEMA checkout; CREATE TABLE checkout.shopping (item TEXT)";
        blazing_sun_harness::postgres::execute(&url, shop);
        url
    });
    let url = url.await.unwrap();
    let storage = Storage::Postgres(url.clone());
    let refused = storage.try_open().await.err().unwrap().to_string();
    assert!(refused.contains("another program's"), "{refused}");
    let run = |url: String, sql: &'static str| {
        tokio::task::spawn_blocking(move || blazing_sun_harness::postgres::execute(&url, sql))
    };
    run(url.clone(), "DROP TABLE checkout.shopping")
        .await
        .unwrap();
    drop(storage.open().await);
    let newer = "INSERT INTO checkout.refinery_schema_history VALUES (999, 'later', '', '')";
    run(url, newer).await.unwrap();
    let refused = storage.try_open().await.err().unwrap().to_string();
    assert!(refused.contains("schema 999"), "{refused}");
}
