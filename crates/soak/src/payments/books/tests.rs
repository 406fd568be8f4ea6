use super::*;
use blazing_sun_backbone::messages::{CheckoutDispute, PURPOSE_TOP_UP};
use blazing_sun_domain::wallet::DisputeStage;
use blazing_sun_domain::{Cents, UserId};

const ID: Uuid = Uuid::from_u128(1);

pub fn asked(id: Uuid) -> CheckoutRequest {
    CheckoutRequest {
        request_id: id,
        user_id: UserId::new(7).unwrap(),
        amount_cents: Cents(2_500),
        currency: "eur".to_owned(),
        purpose: PURPOSE_TOP_UP.to_owned(),
        timestamp: String::new(),
        success_url: None,
        cancel_url: None,
    }
}

fn told(id: Uuid, status: CheckoutStatus) -> Told {
    Told {
        event_id: format!("{id}/{}", status.as_str()),
        record: CheckoutFinished {
            request_id: id,
            user_id: UserId::new(7).unwrap(),
            amount_cents: Cents(2_500),
            currency: "eur".to_owned(),
            purpose: PURPOSE_TOP_UP.to_owned(),
            status,
            session_id: Some("cs_1".to_owned()),
            session_url: None,
            payment_intent_id: Some("pi_1".to_owned()),
            error_message: None,
            timestamp: String::new(),
            livemode: Some(false),
            refunded_cents: None,
            dispute: None,
        },
    }
}

fn paid(refunded: i64) -> Option<Paid> {
    Some(Paid {
        payment_intent: "pi_1".to_owned(),
        amount: 2_500,
        currency: "eur".to_owned(),
        refunded,
    })
}

/// One payment that was made, given back in part and disputed.
fn whole() -> Books {
    let mut refunded = told(ID, CheckoutStatus::Refunded);
    refunded.record.refunded_cents = Some(Cents(500));
    let mut disputed = told(ID, CheckoutStatus::Disputed);
    disputed.record.dispute = Some(CheckoutDispute {
        id: "dp_1".to_owned(),
        stage: DisputeStage::Created,
        amount_cents: Cents(2_000),
        outcome: None,
    });
    let truth = Truth {
        paid: paid(500),
        stages: vec!["created"],
        lost: 0,
    };
    Books {
        asked: BTreeMap::from([(ID, asked(ID))]),
        truth: BTreeMap::from([(ID, truth)]),
        told: vec![
            told(ID, CheckoutStatus::SessionCreated),
            told(ID, CheckoutStatus::Success),
            refunded,
            disputed,
        ],
        letters: Vec::new(),
    }
}

fn found(change: impl FnOnce(&mut Books)) -> String {
    let mut books = whole();
    change(&mut books);
    let (_, wrong) = books.check();
    let texts = wrong.iter().map(ToString::to_string);
    texts.collect::<Vec<_>>().join("\n")
}

fn truth(books: &mut Books) -> &mut Truth {
    books.truth.get_mut(&ID).unwrap()
}

#[test]
fn what_agrees_is_well_and_copies_are_no_harm() {
    let expected = Figures {
        paid: 1,
        credited: 2_500,
        received: 2_500,
        refunded: 500,
        disputed: 1,
        records: 4,
        ..Figures::default()
    };
    assert_eq!(whole().check(), (expected, Vec::new()));
    assert_eq!(found(|books| books.told.extend(books.told.clone())), "");
}

#[test]
fn each_fault_is_found() {
    let again = |books: &mut Books| {
        let mut again = told(ID, CheckoutStatus::Success);
        again.event_id = "other".to_owned();
        books.told.insert(2, again);
    };
    let cases: [(Box<dyn FnOnce(&mut Books)>, &str); 14] = [
        (Box::new(again), "credited 2 times"),
        (
            Box::new(|books| drop(books.told.remove(1))),
            "paid, and not credited",
        ),
        (Box::new(|books| books.told.clear()), "nothing was told"),
        (
            Box::new(|books| truth(books).paid = None),
            "credited, and not paid",
        ),
        (
            Box::new(|books| truth(books).paid.as_mut().unwrap().amount = 2_600),
            "credited for 2600 eur",
        ),
        (
            Box::new(|books| truth(books).paid.as_mut().unwrap().currency = "usd".to_owned()),
            "credited for 2500 usd",
        ),
        (
            Box::new(|books| {
                books.told.truncate(1);
                truth(books).paid.as_mut().unwrap().amount = 2_600;
            }),
            "nobody was told",
        ),
        (
            Box::new(|books| {
                books.told.truncate(1);
                *truth(books) = Truth::default();
            }),
            "over, and that was not told",
        ),
        (Box::new(|books| drop(books.told.remove(2))), "0 were told"),
        (
            Box::new(|books| drop(books.told.remove(3))),
            "of its dispute",
        ),
        (Box::new(|books| books.told.swap(0, 1)), "out of order"),
        (
            Box::new(|books| books.told[1].record.amount_cents = Cents(9_900)),
            "another user, amount",
        ),
        (
            Box::new(|books| {
                let mut other = books.told[1].clone();
                other.record.user_id = UserId::new(8).unwrap();
                books.told.push(other);
            }),
            "two things",
        ),
        (
            Box::new(|books| {
                let id = Uuid::from_u128(2);
                books.told.push(told(id, CheckoutStatus::Failed));
            }),
            "nobody has asked",
        ),
    ];
    for (change, names) in cases {
        let found = found(change);
        assert!(found.contains(names), "{names}: {found}");
    }
}

#[test]
fn one_payment_credits_one_request() {
    let found = found(|books| {
        let id = Uuid::from_u128(2);
        books.asked.insert(id, asked(id));
        let truth = Truth {
            paid: paid(0),
            ..Truth::default()
        };
        books.truth.insert(id, truth);
        books.told.push(told(id, CheckoutStatus::Success));
    });
    assert!(found.contains("another request's too"), "{found}");
}
