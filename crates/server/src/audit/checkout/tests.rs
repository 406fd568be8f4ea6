//! Each difference is planted and found.

use super::*;
use blazing_sun_backbone::log::NewRecord;
use blazing_sun_backbone::log::memory::MemoryLog;
use blazing_sun_backbone::topics::TopicSpec;
use blazing_sun_checkout::store::Place;
use blazing_sun_domain::{Cents, Millis, UserId};

const TOPIC: &str = "bigger_dice.win_prize";

fn transfer(n: i64) -> BookedTransfer {
    BookedTransfer {
        key: format!("prize/room-{n}"),
        event_id: format!("event-{n}"),
        user_id: 7,
        amount_cents: 1_600 + n,
        at_ms: 1_000 + n,
    }
}

fn record(n: i64) -> String {
    let transfer = transfer(n);
    serde_json::json!({
        "event_id": transfer.event_id, "user_id": 7, "amount_cents": transfer.amount_cents,
    })
    .to_string()
}

fn row(n: i64) -> JournalRow {
    JournalRow {
        event_id: format!("event-{n}"),
        user_id: UserId::new(7).unwrap(),
        at: Millis(1_000 + n),
        topic: TOPIC.to_owned(),
        partition: 0,
        offset: n as u64,
        record: record(n),
    }
}

fn payment(status: PaymentState) -> Payment {
    Payment {
        request_id: Uuid::from_u128(1),
        user_id: UserId::new(7).unwrap(),
        amount: Cents(2_000),
        currency: "eur".to_owned(),
        success_url: None,
        cancel_url: None,
        status,
        session_id: None,
        session_url: None,
        expires_at_s: None,
        payment_intent_id: None,
        refunded: Cents(500),
        error: None,
        held: None,
        cancelled: None,
        requested_at: Millis(1),
        finished_at: None,
        attempts: 0,
        due_at: None,
    }
}

fn top_up() -> BookedTopUp {
    BookedTopUp {
        request_id: Uuid::from_u128(1),
        user_id: 7,
        amount_cents: 2_000,
        currency: "eur".to_owned(),
        is_credited: true,
        refunded_cents: 500,
    }
}

/// Three transfers, of which the checkout has read two, and one payment.
struct Case {
    books: Books,
    ledger: LedgerBooks,
    topics: OnTopics,
}

impl Case {
    fn new() -> Case {
        let published = (0..3).map(|n| {
            let published = Published {
                topic: TOPIC.to_owned(),
                partition: 0,
                offset: n as u64,
                text: record(n),
            };
            (format!("event-{n}"), published)
        });
        Case {
            books: Books {
                payments: vec![payment(PaymentState::Success)],
                places: vec![Place {
                    topic: TOPIC.to_owned(),
                    partition: 0,
                    next_offset: 2,
                }],
                journal: vec![row(0), row(1)],
                ..Books::default()
            },
            ledger: LedgerBooks {
                transfers: (0..3).map(transfer).collect(),
                top_ups: vec![top_up()],
                games: Vec::new(),
            },
            topics: OnTopics(published.collect()),
        }
    }

    fn named(&self) -> Vec<String> {
        let checks = compare(&self.books, &self.ledger, &self.topics);
        checks.into_iter().flat_map(|check| check.named).collect()
    }
}

fn plant(fault: impl FnOnce(&mut Case)) -> Vec<String> {
    let mut case = Case::new();
    fault(&mut case);
    case.named()
}

#[test]
fn what_agrees_and_what_is_under_way_is_no_difference() {
    assert_eq!(Case::new().named(), [""; 0]);
    let under_way = plant(|case| {
        case.ledger.top_ups[0].is_credited = false;
        case.books.untold.insert(Uuid::from_u128(1));
    });
    assert_eq!(under_way, [""; 0]);
    // Older than all that there is: nobody could have read it.
    let forgotten = plant(|case| {
        case.ledger.transfers.push(transfer(-5));
    });
    assert_eq!(forgotten, [""; 0]);
    let refused = plant(|case| {
        case.ledger.top_ups.clear();
        case.books.payments = vec![payment(PaymentState::Failed)];
    });
    assert_eq!(refused, [""; 0]);
}

#[test]
fn every_planted_difference_is_named() {
    type Fault = fn(&mut Case);
    let faults: [(Fault, &str); 11] = [
        (
            |case| drop(case.books.journal.remove(1)),
            "prize/room-1 of 1601 cents (record event-1) is not in",
        ),
        (
            |case| case.books.journal[1].record = record(2),
            "the checkout's journal says 1602 cents of user 7",
        ),
        (
            |case| case.ledger.transfers[0].amount_cents += 1,
            "prize/room-0 of 1601 cents (record event-0) is of user 7; the checkout's journal says 1600 cents",
        ),
        (|case| case.ledger.transfers[0].user_id = 8, "is of user 8"),
        (
            |case| drop(case.ledger.transfers.remove(0)),
            "event-0 from bigger_dice.win_prize partition 0 offset 0",
        ),
        (
            |case| case.topics.0.get_mut("event-0").unwrap().text.push(' '),
            "event-0 stands on bigger_dice.win_prize in other words",
        ),
        (
            |case| drop(case.topics.0.remove("event-2")),
            "prize/room-2 of 1602 cents (record event-2) is neither in",
        ),
        (
            |case| case.ledger.top_ups[0].is_credited = false,
            "not credited",
        ),
        (
            |case| case.ledger.top_ups[0].amount_cents = 2_001,
            "the ledger has 2001 eur of user 7",
        ),
        (
            |case| case.books.payments[0].refunded = Cents(0),
            "500 of it paid back",
        ),
        (
            |case| case.books.payments.clear(),
            "of which the checkout knows nothing",
        ),
    ];
    for (fault, expected) in faults {
        let named = plant(fault);
        assert!(
            named.iter().any(|named| named.contains(expected)),
            "{expected}: {named:#?}"
        );
    }
}

#[tokio::test]
async fn payments_of_a_game_that_is_gone_are_looked_for_on_its_topics() {
    let log = MemoryLog::default();
    let topic = topics::participation_refunded("gone");
    let spec = TopicSpec {
        name: topic.clone(),
        partitions: 1,
        retention_ms: -1,
    };
    log.ensure_topics(&[spec]).await.unwrap();
    let refund = NewRecord {
        topic: Topic::new(&topic),
        partition: Some(0),
        key: Default::default(),
        headers: Default::default(),
        payload: record(3).into(),
    };
    let log: &dyn EventLog = &log;
    log.append_and_wait(vec![refund]).await.unwrap();
    let mut case = Case::new();
    case.ledger.transfers.push(transfer(3));
    let read = async |case: &Case| {
        let games = Games::default();
        OnTopics::read(log, &games, &case.books, &case.ledger).await
    };
    // Known of the ledger's rooms, or of what the checkout has read.
    case.ledger.games = vec!["gone".to_owned()];
    let of_rooms = read(&case).await.unwrap();
    assert!(of_rooms.0.contains_key("event-3"));
    case.topics.0.extend(of_rooms.0);
    assert_eq!(case.named(), [""; 0]);
    case.ledger.games.clear();
    assert!(read(&case).await.unwrap().0.is_empty());
    case.books.places.push(Place {
        topic: topics::participation_payed("gone"),
        partition: 0,
        next_offset: 1,
    });
    assert!(read(&case).await.unwrap().0.contains_key("event-3"));
}
