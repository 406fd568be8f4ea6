use super::*;
use crate::stripe::Session;
use blazing_sun_backbone::messages::CheckoutFinished;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: Millis = Millis(1_700_000_000_000);
const TERMS: Terms = Terms {
    livemode: false,
    look_after_ms: 120_000,
    look_every_ms: 60_000,
};

fn asked() -> Payment {
    Payment {
        request_id: Uuid::from_u128(7),
        user_id: UserId::new(123).unwrap(),
        amount: Cents(2_500),
        currency: "eur".to_owned(),
        success_url: None,
        cancel_url: None,
        status: PaymentState::Requested,
        session_id: None,
        session_url: None,
        expires_at_s: Some(1_700_003_600),
        payment_intent_id: None,
        refunded: Cents::ZERO,
        error: None,
        held: None,
        cancelled: None,
        requested_at: NOW,
        finished_at: None,
        attempts: 1,
        due_at: Some(NOW),
    }
}

fn session(status: &str, payment_status: &str, intent: Option<Value>) -> Value {
    json!({
        "id": "cs_1", "status": status, "payment_status": payment_status, "amount_total": 2500,
        "currency": "eur", "client_reference_id": Uuid::from_u128(7).to_string(), "livemode": false,
        "url": (status == "open").then_some("https://pay.example/cs_1"), "payment_intent": intent,
    })
}

fn intent(status: &str, refunded: i64) -> Value {
    json!({
        "id": "pi_1", "status": status, "amount": 2500, "currency": "eur", "livemode": false,
        "amount_received": if status == "succeeded" { 2500 } else { 0 },
        "latest_charge": { "id": "ch_1", "amount": 2500, "amount_refunded": refunded },
        "last_payment_error": { "message": "Your bank\nsaid no", "code": "card_declined" },
    })
}

fn seen_at(payment: &Payment, session: &Value, now: Millis) -> Change {
    let raw = session.to_string();
    let session: Session = serde_json::from_str(&raw).unwrap();
    session_seen(payment, &session, &raw, TERMS, now)
}

fn seen(payment: &Payment, session: &Value) -> Change {
    seen_at(payment, session, NOW)
}

fn records(change: &Change) -> Vec<CheckoutFinished> {
    let told = change
        .outgoing
        .iter()
        .filter(|out| out.topic == "checkout.finished");
    told.map(|out| serde_json::from_slice(&out.payload).unwrap())
        .collect()
}

/// What is told, by status.
fn told(change: &Change) -> Vec<String> {
    let records = records(change);
    records
        .iter()
        .map(|record| record.status.as_str().to_owned())
        .collect()
}

fn letters(change: &Change) -> usize {
    let letters = change.outgoing.iter();
    letters
        .filter(|out| out.topic == "events.dead_letter")
        .count()
}

#[test]
fn a_page_is_told_once_with_its_address() {
    let open = session("open", "unpaid", None);
    let opened = seen(&asked(), &open);
    let record = &records(&opened)[0];
    assert_eq!(
        record.session_url.as_deref(),
        Some("https://pay.example/cs_1")
    );
    assert_eq!(
        (record.session_id.as_deref(), record.livemode),
        (Some("cs_1"), Some(false))
    );
    assert_eq!(opened.payment.status, PaymentState::SessionCreated);
    assert_eq!(opened.payment.due_at, Some(NOW.plus(120_000)));
    assert_eq!(told(&opened), ["session_created"]);
    assert!(seen(&opened.payment, &open).outgoing.is_empty());
    // As long as nobody has paid, the provider need not say how much it is.
    let mut unsaid = open;
    for field in ["amount_total", "currency"] {
        unsaid[field] = Value::Null;
    }
    assert_eq!(told(&seen(&asked(), &unsaid)), ["session_created"]);
}

#[test]
fn a_payer_who_is_done_has_no_page_any_more() {
    let open = session("open", "unpaid", None);
    let pending = session("complete", "unpaid", Some(intent("processing", 0)));
    for before in [asked(), seen(&asked(), &open).payment] {
        let done = seen(&before, &pending);
        assert_eq!(told(&done), ["processing"]);
        assert_eq!(records(&done)[0].session_url, None);
        // What was looked at before comes later.
        let late = seen(&done.payment, &open);
        assert_eq!((told(&late).len(), late.payment.session_url), (0, None));
    }
}

#[test]
fn only_what_is_paid_is_a_success() {
    let opened = seen(&asked(), &session("open", "unpaid", None)).payment;
    for (status, payment_status, intent, expected) in [
        ("complete", "paid", Some(intent("succeeded", 0)), "success"),
        (
            "complete",
            "unpaid",
            Some(intent("requires_payment_method", 0)),
            "failed",
        ),
        ("complete", "unpaid", Some(intent("canceled", 0)), "failed"),
        (
            "complete",
            "unpaid",
            Some(intent("processing", 0)),
            "processing",
        ),
        (
            "complete",
            "unpaid",
            Some(intent("requires_action", 0)),
            "processing",
        ),
        ("complete", "unpaid", Some(json!("pi_1")), "processing"),
        (
            "open",
            "unpaid",
            Some(intent("requires_payment_method", 0)),
            "",
        ),
        ("expired", "unpaid", None, "expired"),
        ("new_status", "unpaid", None, ""),
    ] {
        let session = session(status, payment_status, intent);
        let change = seen(&opened, &session);
        assert_eq!(told(&change).join(" "), expected, "{session}");
        assert_eq!(letters(&change), 0);
        assert_eq!(
            change.payment.due_at.is_some(),
            matches!(expected, "" | "processing"),
            "{session}"
        );
        assert!(
            seen(&change.payment, &session).outgoing.is_empty(),
            "{session}"
        );
    }
    let failed = session("complete", "unpaid", Some(intent("canceled", 0)));
    let record = &records(&seen(&opened, &failed))[0];
    assert_eq!(record.error_message.as_deref(), Some("Your bank said no"));
    let paid = session("complete", "paid", Some(intent("succeeded", 0)));
    let record = &records(&seen(&opened, &paid))[0];
    assert_eq!(record.payment_intent_id.as_deref(), Some("pi_1"));
    assert_eq!(
        (record.amount_cents, record.error_message.as_ref()),
        (Cents(2_500), None)
    );
}

#[test]
fn what_differs_is_held_and_told_to_people_once() {
    let good = session("complete", "paid", Some(intent("succeeded", 0)));
    let opened = seen(&asked(), &session("open", "unpaid", None)).payment;
    for (pointer, other, names) in [
        ("/amount_total", json!(2501), "amount is 2501, not 2500"),
        ("/amount_total", json!(null), "amount is 0"),
        ("/currency", json!("usd"), "currency is usd, not eur"),
        ("/livemode", json!(true), "livemode is true"),
        (
            "/client_reference_id",
            json!("x"),
            "client_reference_id is x",
        ),
        ("/id", json!("cs_2"), "session is cs_2, not cs_1"),
        (
            "/payment_status",
            json!("no_payment_required"),
            "NoPaymentRequired",
        ),
        (
            "/payment_intent/amount",
            json!(1),
            "amount of the payment is 1",
        ),
        (
            "/payment_intent/amount_received",
            json!(1),
            "amount received is 1",
        ),
        (
            "/payment_intent/currency",
            json!("usd"),
            "currency of the payment is usd",
        ),
        (
            "/payment_intent/livemode",
            json!(true),
            "livemode of the payment",
        ),
    ] {
        let mut differing = good.clone();
        *differing.pointer_mut(pointer).unwrap() = other;
        let change = seen(&opened, &differing);
        let held = change.payment.held.clone().unwrap();
        assert!(held.contains(names), "{held}");
        assert_eq!((told(&change).len(), letters(&change)), (0, 1), "{pointer}");
        assert_eq!(change.payment.status, PaymentState::SessionCreated);
        assert_eq!(change.payment.due_at, Some(NOW.plus(HELD_LOOK_MS)));
        let letter: Value = serde_json::from_slice(&change.outgoing[0].payload).unwrap();
        assert!(
            letter["error"].as_str().unwrap().contains(names),
            "{letter}"
        );
        let again = seen(&change.payment, &differing);
        assert!(again.outgoing.is_empty(), "told once");
        let put_right = seen(&again.payment, &good);
        assert_eq!(
            (told(&put_right).join(" "), put_right.payment.held),
            ("success".to_owned(), None)
        );
    }
}

#[test]
fn what_was_not_paid_in_another_amount_has_ended_all_the_same() {
    let opened = seen(&asked(), &session("open", "unpaid", None)).payment;
    let of_other_amount = |status, payment_status, intent| {
        let mut session = session(status, payment_status, intent);
        session["amount_total"] = json!(2_600);
        session
    };
    let waits = of_other_amount("complete", "unpaid", Some(intent("processing", 0)));
    let held = seen(&opened, &waits);
    assert_eq!((told(&held).len(), letters(&held)), (0, 1));
    let in_vain = Some(intent("requires_payment_method", 0));
    for (session, expected) in [
        (of_other_amount("complete", "unpaid", in_vain), "failed"),
        (of_other_amount("expired", "unpaid", None), "expired"),
    ] {
        let ended = seen(&held.payment, &session);
        assert_eq!(
            (told(&ended).join(" "), letters(&ended)),
            (expected.to_owned(), 0)
        );
        assert_eq!((ended.payment.held, ended.payment.due_at), (None, None));
        let mut other = session.clone();
        other["id"] = json!("cs_2");
        assert_eq!(
            told(&seen(&held.payment, &other)).len(),
            0,
            "another page's end"
        );
    }
}

#[test]
fn a_late_success_is_one() {
    let paid = session("complete", "paid", Some(intent("succeeded", 0)));
    for (status, ended) in [
        (
            PaymentState::Expired,
            seen(&asked(), &session("expired", "unpaid", None)),
        ),
        (
            PaymentState::Failed,
            given_up(&asked(), PaymentState::Failed, "no".to_owned(), TERMS, NOW),
        ),
    ] {
        assert_eq!(ended.payment.status, status);
        let change = seen(&ended.payment, &paid);
        assert_eq!(told(&change), ["success"]);
        assert_eq!(change.payment.error, None);
        let late = given_up(
            &change.payment,
            PaymentState::Failed,
            "no".to_owned(),
            TERMS,
            NOW,
        );
        assert!(late.outgoing.is_empty() && late.payment == change.payment);
    }
}

#[test]
fn what_is_given_back_is_told_in_all() {
    let refunded = |cents| session("complete", "paid", Some(intent("succeeded", cents)));
    let first = seen(&asked(), &refunded(500));
    assert_eq!(told(&first), ["success", "refunded"]);
    assert_eq!(records(&first)[1].refunded_cents, Some(Cents(500)));
    assert!(seen(&first.payment, &refunded(500)).outgoing.is_empty());
    assert!(
        seen(&first.payment, &refunded(400)).outgoing.is_empty(),
        "never less"
    );
    let all = seen(&first.payment, &refunded(2_500));
    assert_eq!(records(&all)[0].refunded_cents, Some(Cents(2_500)));
    assert_eq!(records(&all)[0].amount_cents, Cents(2_500));
}

#[test]
fn the_older_a_payment_is_the_more_seldom_it_is_looked_at() {
    let opened = seen(&asked(), &session("open", "unpaid", None)).payment;
    let pending = session("complete", "unpaid", Some(intent("processing", 0)));
    for (age_ms, pause_ms) in [
        (0, 120_000),
        (119_000, 60_000),
        (3_600_000, 60_000),
        (86_400_000, 1_440_000),
    ] {
        let now = NOW.plus(age_ms);
        let due_at = seen_at(&opened, &pending, now).payment.due_at;
        assert_eq!(due_at, Some(now.plus(pause_ms)), "{age_ms}");
        assert_eq!(looked_in_vain(&opened, TERMS, now).payment.due_at, due_at);
    }
}

fn dispute(status: &str, moved: &[i64]) -> Value {
    let moved: Vec<Value> = moved
        .iter()
        .map(|amount| json!({ "amount": amount }))
        .collect();
    json!({
        "id": "dp_1", "amount": 2000, "currency": "eur", "status": status, "livemode": false,
        "payment_intent": "pi_1", "balance_transactions": moved,
    })
}

fn disputed(told: &[ToldStage], dispute: &Value, event: &str) -> Change {
    let raw = dispute.to_string();
    let dispute: Dispute = serde_json::from_str(&raw).unwrap();
    let payment = seen(
        &asked(),
        &session("complete", "paid", Some(intent("succeeded", 0))),
    )
    .payment;
    dispute_seen(&payment, told, &dispute, &raw, event, TERMS, NOW)
}

#[test]
fn a_disputes_stages_are_told_each_once_in_their_order() {
    let stages = |change: &Change| {
        let records = records(change);
        let told = records.iter().filter_map(|record| record.dispute.as_ref());
        let texts = told.map(|dispute| match dispute.outcome {
            Some(outcome) => format!("{}:{outcome:?}", dispute.stage.as_str()),
            None => dispute.stage.as_str().to_owned(),
        });
        texts.collect::<Vec<_>>().join(" ")
    };
    let update = "charge.dispute.updated";
    for (status, moved, event, expected) in [
        ("needs_response", &[][..], update, "created"),
        ("warning_needs_response", &[], update, "created"),
        (
            "needs_response",
            &[-2000],
            update,
            "created funds_withdrawn",
        ),
        (
            "needs_response",
            &[],
            "charge.dispute.funds_withdrawn",
            "created funds_withdrawn",
        ),
        (
            "lost",
            &[-2000],
            update,
            "created funds_withdrawn closed:Lost",
        ),
        (
            "won",
            &[-2000, 2000],
            update,
            "created funds_withdrawn funds_reinstated closed:Won",
        ),
        (
            "won",
            &[],
            "charge.dispute.funds_reinstated",
            "created funds_reinstated closed:Won",
        ),
        ("warning_closed", &[], update, "created closed:Won"),
    ] {
        let change = disputed(&[], &dispute(status, moved), event);
        assert_eq!(stages(&change), expected, "{status}");
        let record = &records(&change)[0];
        assert_eq!(record.status.as_str(), "disputed");
        assert_eq!(record.amount_cents, Cents(2_500));
        assert_eq!(record.dispute.as_ref().unwrap().amount_cents, Cents(2_000));
        let again = disputed(&change.stages, &dispute(status, moved), event);
        assert!(
            again.outgoing.is_empty() && again.stages.is_empty(),
            "{status}"
        );
    }
    let mut other = dispute("won", &[]);
    other["currency"] = json!("usd");
    let change = disputed(&[], &other, update);
    assert_eq!((told(&change).len(), letters(&change)), (0, 1));
    assert!(change.stages.is_empty());
}

#[test]
fn records_told_twice_are_the_same_record() {
    let id = |change: &Change, at: usize| {
        let headers = change.outgoing[at].headers.clone();
        let headers = blazing_sun_backbone::log::Headers::from_encoded(headers.into());
        assert_eq!(headers.text("event_type"), Some("checkout.finished"));
        assert_eq!(
            headers.text("correlation_id"),
            Some(&*Uuid::from_u128(7).to_string())
        );
        headers.text("event_id").unwrap().to_owned()
    };
    let refunded = |cents| session("complete", "paid", Some(intent("succeeded", cents)));
    let one = seen(&asked(), &refunded(500));
    let same = seen_at(&asked(), &refunded(500), NOW.plus(9));
    let more = seen(&asked(), &refunded(600));
    assert_eq!((id(&one, 0), id(&one, 1)), (id(&same, 0), id(&same, 1)));
    assert_ne!(id(&one, 1), id(&more, 1));
    assert_eq!(one.outgoing[0].key, b"123");
}

#[test]
fn what_can_be_no_id_or_address_is_kept_nowhere() {
    let with = |path: &str, value: &str| {
        let mut session = session("complete", "paid", Some(intent("succeeded", 0)));
        *session.pointer_mut(path).unwrap() = json!(value);
        session
    };
    let long = format!("https://pay.example/{}", "a".repeat(8_192));
    for (session, names) in [
        (with("/id", "cs_1/../x"), "is no id"),
        (with("/id", "cs_\u{0}"), "is no id"),
        (with("/payment_intent/id", ""), "is no id"),
        (with("/url", "https://pay.example/\n"), "url is none"),
        (with("/url", &long), "url is none"),
        (with("/url", ""), "url is none"),
        (with("/url", "javascript:alert(1)"), "url is none"),
    ] {
        let held = seen(&asked(), &session);
        let why = held.payment.held.clone().unwrap();
        assert!(why.contains(names), "{why}");
        let kept = (&held.payment.session_id, &held.payment.session_url);
        assert_eq!(kept, (&None, &None));
        assert_eq!((told(&held).len(), letters(&held)), (0, 1));
    }
}

#[test]
fn what_is_held_without_a_page_is_asked_for_only_while_it_is_to_have_one() {
    let mut other = session("open", "unpaid", None);
    other["amount_total"] = json!(1);
    assert!(seen(&asked(), &other).payment.due_at.is_some());
    for status in [PaymentState::Failed, PaymentState::Expired] {
        let ended = Payment {
            status,
            due_at: None,
            ..asked()
        };
        let held = seen(&ended, &other);
        assert!(held.payment.held.is_some());
        assert_eq!(held.payment.due_at, None, "{status:?}");
    }
}

#[test]
fn a_page_that_the_provider_does_not_know_fails_a_day_after_its_end() {
    let opened = seen(&asked(), &session("open", "unpaid", None)).payment;
    let end = Millis(1_700_003_600_000);
    for at in [NOW, end, end.plus(86_399_000)] {
        let change = unknown_to_provider(&opened, TERMS, at);
        assert_eq!(change.payment.status, PaymentState::SessionCreated);
        assert!(change.payment.due_at.is_some() && change.outgoing.is_empty());
    }
    let failed = unknown_to_provider(&opened, TERMS, end.plus(86_400_000));
    assert_eq!(told(&failed), ["failed"]);
    assert_eq!(failed.payment.due_at, None);
    let paid = session("complete", "paid", Some(intent("succeeded", 0)));
    assert_eq!(told(&seen(&failed.payment, &paid)), ["success"]);
}

/// How a payment may go on, each as a later look at the session would find it.
fn courses() -> impl Strategy<Value = Vec<Value>> {
    let open = || session("open", "unpaid", None);
    let refunded = |cents| session("complete", "paid", Some(intent("succeeded", cents)));
    let pending = || session("complete", "unpaid", Some(intent("processing", 0)));
    let failed = session(
        "complete",
        "unpaid",
        Some(intent("requires_payment_method", 0)),
    );
    prop_oneof![
        Just(vec![open(), refunded(0), refunded(500), refunded(2_500)]),
        Just(vec![open(), pending(), refunded(0)]),
        Just(vec![open(), pending(), failed]),
        Just(vec![open(), session("expired", "unpaid", None)]),
    ]
}

proptest! {
    #[test]
    fn looks_in_any_order_and_number_come_to_the_same(
        course in courses(),
        looks in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let look = |(payment, mut told): (Payment, Vec<CheckoutFinished>), session: &Value| {
            let change = seen(&payment, session);
            told.extend(records(&change));
            (change.payment, told)
        };
        let last = course.last().unwrap();
        let expected = look((asked(), Vec::new()), last).0;
        let begun = (asked(), Vec::new());
        let looked = looks.iter().map(|at| at.get(&course)).fold(begun, look);
        let (payment, told) = look(looked, last);
        prop_assert_eq!(payment.status, expected.status);
        prop_assert_eq!(payment.refunded, expected.refunded);
        prop_assert_eq!(payment.due_at, None);
        let ends = |status: &str| told.iter().filter(|record| record.status.as_str() == status).count();
        for once in ["session_created", "processing", "success", "failed", "expired"] {
            prop_assert!(ends(once) <= 1, "{} {}", once, ends(once));
        }
        prop_assert_eq!(ends("success") == 1, expected.status == PaymentState::Success);
        let given_back: Vec<_> = told.iter().filter_map(|record| record.refunded_cents).collect();
        prop_assert!(given_back.is_sorted(), "{:?}", given_back);
    }
}
