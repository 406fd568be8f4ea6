//! What stands on topics beside clients' commands and events: the envelope, and records without one.

use crate::schema;
use blazing_sun_backbone::messages as told;
use blazing_sun_backbone::topics;
use blazing_sun_domain::{Cents, Millis, RoomId, SeatedPlayer, UserId};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// A kind of record that has no envelope.
#[derive(Debug, Clone)]
pub struct Record {
    /// A topic's name, or for payments its end.
    pub topic: &'static str,
    /// What it is, for a person.
    pub summary: String,
    /// A JSON Schema of it.
    pub schema: Value,
    /// One that could be written.
    pub example: Value,
}

/// The headers of a record. Ours write them; whoever reads a record without them finds the same in its envelope.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "its schema is what it is for")]
pub(crate) struct RecordHeaders {
    /// The envelope's.
    event_id: String,
    /// The envelope's.
    event_type: String,
    /// The envelope's.
    #[schemars(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
    /// The room that it is about.
    #[schemars(skip_serializing_if = "Option::is_none")]
    room_id: Option<RoomId>,
    /// Its place among the room's events, in decimal.
    #[schemars(skip_serializing_if = "Option::is_none")]
    room_seq: Option<String>,
    /// Its place among the records of its topic's partition, in decimal: without holes. With `outbox_from` among those
    /// from there.
    #[schemars(skip_serializing_if = "Option::is_none")]
    outbox_seq: Option<String>,
    /// The partition whose owner sent it to another, in decimal.
    #[schemars(skip_serializing_if = "Option::is_none")]
    outbox_from: Option<String>,
    /// The audience's `type`.
    #[schemars(skip_serializing_if = "Option::is_none")]
    audience: Option<String>,
    /// The audience's users: a JSON array of ids.
    #[schemars(skip_serializing_if = "Option::is_none")]
    recipients: Option<String>,
    /// Who becomes what in the room: JSON `[[user_id, "player"|"lobby"|"spectator"|"none"]]`. Entering counts before the
    /// record is delivered, `none` after it.
    #[schemars(skip_serializing_if = "Option::is_none")]
    membership: Option<String>,
    /// W3C trace context.
    #[schemars(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
}

const NOW: Millis = Millis(1_705_746_601_000);
const REQUEST: Uuid = Uuid::from_u128(0x2400_5cd8_4cef_8268_a852_67ec_a5ae_ce4a);

fn value(record: &impl Serialize) -> Value {
    serde_json::to_value(record).expect("an example is JSON")
}

fn record<T: JsonSchema>(
    topic: &'static str,
    generator: &mut SchemaGenerator,
    example: &impl Serialize,
) -> Record {
    let mut schema = T::json_schema(generator).to_value();
    schema::left_out_is_not_null(&mut schema);
    Record {
        topic,
        summary: schema::description(&schema).to_owned(),
        schema,
        example: value(example),
    }
}

/// Every kind of record without an envelope. A game's payment records are here by the end of their topics' names.
pub(crate) fn all(generator: &mut SchemaGenerator) -> Vec<Record> {
    let user_id = UserId::new(123).expect("a small number is a user's");
    let request = told::CheckoutRequest {
        request_id: REQUEST,
        user_id,
        amount_cents: Cents(2_500),
        currency: "eur".to_owned(),
        purpose: told::PURPOSE_TOP_UP.to_owned(),
        timestamp: NOW.to_string(),
        success_url: Some("https://play.example/wallet".to_owned()),
        cancel_url: None,
    };
    let cancellation = told::CheckoutCancellation {
        request_id: REQUEST,
        user_id,
        reason: told::CancelReason::Cancelled,
    };
    let finished = told::CheckoutFinished {
        request_id: REQUEST,
        user_id,
        amount_cents: Cents(2_500),
        currency: "eur".to_owned(),
        purpose: told::PURPOSE_TOP_UP.to_owned(),
        status: told::CheckoutStatus::Success,
        session_id: Some("cs_1".to_owned()),
        session_url: None,
        payment_intent_id: Some("pi_1".to_owned()),
        error_message: None,
        timestamp: NOW.to_string(),
        livemode: Some(true),
        refunded_cents: None,
        dispute: None,
    };
    let letter = told::DeadLetter {
        topic: topics::GAMES_COMMANDS.to_owned(),
        partition: 3,
        offset: Some(41),
        key: Some("123".to_owned()),
        error: "not an event envelope".to_owned(),
        failed_at: NOW.to_string(),
        original: b"{}".to_vec(),
    };
    let mut records = vec![
        record::<told::CheckoutRequest>(topics::CHECKOUT_REQUESTS, generator, &request),
        record::<told::CheckoutCancellation>(
            topics::CHECKOUT_CANCELLATIONS,
            generator,
            &cancellation,
        ),
        record::<told::CheckoutFinished>(topics::CHECKOUT_FINISHED, generator, &finished),
        record::<told::DeadLetter>(topics::DEAD_LETTER, generator, &letter),
    ];
    for (row, (kind, summary, amount, players)) in topics::PAYMENT_TOPICS.iter().zip([
        (
            told::PaymentKind::Participation,
            "An entry fee was taken.",
            1_000,
            None,
        ),
        (
            told::PaymentKind::Prize,
            "A prize was paid.",
            1_600,
            Some(2),
        ),
        (
            told::PaymentKind::Refund,
            "An entry fee was given back.",
            1_000,
            None,
        ),
    ]) {
        let payment = payment(kind, amount, players);
        let event_type = payment["event_type"].clone();
        let mut payment = record::<told::PaymentRecord>(row.name, generator, &payment);
        payment.summary = summary.to_owned();
        payment.schema["description"] = summary.into();
        payment.schema["properties"]["event_type"] = json!({ "const": event_type });
        match players {
            Some(_) => schema::require(&mut payment.schema, "total_players"),
            None => {
                payment.schema = schema::without(&payment.schema, |field| field == "total_players");
            }
        }
        records.push(payment);
    }
    records
}

fn payment(kind: told::PaymentKind, amount: i64, total_players: Option<u32>) -> Value {
    let user = UserId::new(123).expect("a small number is a user's");
    let room = "room-abc123".parse().expect("a room's id");
    value(&told::PaymentRecord::new(
        kind,
        "fee/room-abc123/123/1",
        NOW,
        &SeatedPlayer::person(user, "Player1"),
        Cents(amount),
        "bigger_dice",
        &room,
        "My Game",
        total_players,
    ))
}
