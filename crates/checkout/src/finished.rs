//! What the checkout tells: records of `checkout.finished`, and of `events.dead_letter` for what nobody could use.

use crate::clean::clean;
use crate::payment::{Outgoing, Payment, ToldStage};
use blazing_sun_backbone::derived_id::derived_id;
use blazing_sun_backbone::log::{HeadersBuilder, Record};
use blazing_sun_backbone::messages::{
    CheckoutDispute, CheckoutFinished, CheckoutStatus, DeadLetter, PURPOSE_TOP_UP, header,
};
use blazing_sun_backbone::topics::{CHECKOUT_FINISHED, DEAD_LETTER};
use blazing_sun_domain::{Millis, UserId};
use serde::Serialize;

/// The event's type in records' headers.
pub const FINISHED_EVENT: &str = CHECKOUT_FINISHED;

/// The topic that a dead letter names for what the provider said.
pub const PROVIDER: &str = "stripe";

/// How the payment stands, as a record.
pub(crate) fn record(
    payment: &Payment,
    status: CheckoutStatus,
    livemode: bool,
    now: Millis,
) -> CheckoutFinished {
    let is_refunded = status == CheckoutStatus::Refunded;
    CheckoutFinished {
        request_id: payment.request_id,
        user_id: payment.user_id,
        amount_cents: payment.amount,
        currency: payment.currency.clone(),
        purpose: PURPOSE_TOP_UP.to_owned(),
        status,
        session_id: payment.session_id.clone(),
        session_url: payment.session_url.clone(),
        payment_intent_id: payment.payment_intent_id.clone(),
        error_message: payment.error.clone(),
        timestamp: now.to_string(),
        livemode: Some(livemode),
        refunded_cents: is_refunded.then_some(payment.refunded),
        dispute: None,
    }
}

/// A stage of a dispute, as a record.
pub(crate) fn dispute(
    payment: &Payment,
    told: &ToldStage,
    livemode: bool,
    now: Millis,
) -> CheckoutFinished {
    CheckoutFinished {
        dispute: Some(CheckoutDispute {
            id: told.dispute_id.clone(),
            stage: told.stage,
            amount_cents: told.amount,
            outcome: told.outcome,
        }),
        ..record(payment, CheckoutStatus::Disputed, livemode, now)
    }
}

/// The record as it is published. Its event id follows from what it tells: sent twice it is the same.
pub(crate) fn outgoing(record: &CheckoutFinished) -> Outgoing {
    let request_id = record.request_id.to_string();
    let refunded = record.refunded_cents.map(|cents| cents.to_string());
    let dispute = record.dispute.as_ref();
    let stage = dispute.map(|dispute| format!("{}/{}", dispute.id, dispute.stage.as_str()));
    let which = refunded.or(stage).unwrap_or_default();
    let parts = [
        "checkout.finished/",
        &request_id,
        "/",
        record.status.as_str(),
        "/",
        &which,
    ];
    let mut headers = HeadersBuilder::default();
    headers
        .push(header::EVENT_ID, derived_id(parts).to_string())
        .push(header::EVENT_TYPE, FINISHED_EVENT)
        .push(header::CORRELATION_ID, &request_id);
    Outgoing {
        topic: CHECKOUT_FINISHED.to_owned(),
        key: record.user_id.to_string().into_bytes(),
        headers: headers.build().encoded().to_vec(),
        payload: json(record),
    }
}

/// Where something came from that nobody can use.
pub(crate) enum Origin<'a> {
    /// From a topic.
    Log(&'a Record),
    /// From the provider.
    Provider,
}

/// How much of an original is put aside: in base64 and with all else it has to fit into a record of Kafka's.
const ORIGINAL_BYTES_MAX: usize = 512 << 10;
/// How much of its key.
const KEY_BYTES_MAX: usize = 256;

/// What nobody can use, put aside for people.
pub(crate) fn dead_letter(
    origin: Origin<'_>,
    user: Option<UserId>,
    error: &str,
    original: &[u8],
    now: Millis,
) -> Outgoing {
    let (topic, partition, offset, key) = match origin {
        Origin::Log(record) => {
            let key = record.key[..record.key.len().min(KEY_BYTES_MAX)].to_vec();
            (
                record.topic.as_str(),
                record.partition,
                Some(record.offset),
                key,
            )
        }
        Origin::Provider => {
            let key = user.map(|user| user.to_string()).unwrap_or_default();
            (PROVIDER, 0, None, key.into_bytes())
        }
    };
    let kept = original.len().min(ORIGINAL_BYTES_MAX);
    let mut error = clean(error);
    if kept < original.len() {
        error += &format!(
            " (the first {kept} of its {} bytes are kept)",
            original.len()
        );
    }
    let letter = DeadLetter {
        topic: topic.to_owned(),
        partition,
        offset,
        key: String::from_utf8(key.clone())
            .ok()
            .filter(|key| !key.is_empty()),
        error,
        failed_at: now.to_string(),
        original: original[..kept].to_vec(),
    };
    Outgoing {
        topic: DEAD_LETTER.to_owned(),
        key,
        headers: Vec::new(),
        payload: json(&letter),
    }
}

fn json(record: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(record).expect("records have text for keys and no maps that fail")
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_backbone::log::{Headers, Topic};
    use serde_json::Value;

    /// What Kafka takes, less what frames a record.
    const RECORD_BYTES_MAX: usize = 990_000;

    #[test]
    fn a_letter_fits_into_a_record_whatever_it_is_about() {
        let record = |bytes: usize| Record {
            topic: Topic::new("checkout.requests"),
            partition: 1,
            offset: 7,
            timestamp: Millis(0),
            key: vec![b'k'; bytes].into(),
            headers: Headers::default(),
            payload: vec![b'x'; bytes].into(),
        };
        let letter = |bytes: usize| {
            let record = record(bytes);
            let error = "\n".repeat(bytes);
            let origin = Origin::Log(&record);
            dead_letter(origin, None, &error, &record.payload, Millis(0))
        };
        let large = letter(1 << 20);
        assert!(large.payload.len() + large.key.len() < RECORD_BYTES_MAX);
        let told: Value = serde_json::from_slice(&large.payload).unwrap();
        let error = told["error"].as_str().unwrap();
        assert!(error.ends_with("of its 1048576 bytes are kept)"), "{error}");
        let small: Value = serde_json::from_slice(&letter(9).payload).unwrap();
        assert_eq!(small["original"], "eHh4eHh4eHh4");
        assert_eq!(
            (&small["key"], &small["error"]),
            (&"kkkkkkkkk".into(), &" ".repeat(9).into())
        );
    }
}
