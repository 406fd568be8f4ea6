//! Takes what is asked and told on topics: requests for payments, their cancellations, and payment records of games for the journal. What
//! was read, and how far, is kept in one transaction.

use super::Shared;
use crate::clean::clean;
use crate::finished::{self, Origin, dead_letter};
use crate::metrics::METRICS;
use crate::payment::{Outgoing, Payment, PaymentState};
use crate::store::{JournalRow, NewCancellation, NewRequest, Place, StoreError, Taken};
use blazing_sun_backbone::log::{LogError, Record, Start, Topic};
use blazing_sun_backbone::messages::{
    CheckoutCancellation, CheckoutRequest, CheckoutStatus, PURPOSE_TOP_UP,
};
use blazing_sun_backbone::topics::{self, CHECKOUT_CANCELLATIONS, CHECKOUT_REQUESTS, Party};
use blazing_sun_domain::{Cents, Millis, UserId};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// How long texts of a request may be, and ids of payment records.
const URL_BYTES_MAX: usize = 2_048;
const ID_BYTES_MAX: usize = 128;

#[derive(Debug, thiserror::Error)]
enum IntakeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] LogError),
}

pub(super) async fn run(shared: Arc<Shared>) {
    let mut failures = 0;
    while shared.until_leading().await {
        let read = tokio::select! {
            () = shared.until_not_leading() => continue,
            read = read(&shared, &mut failures) => read,
        };
        if let Err(error) = read {
            tracing::warn!(%error, "the checkout can not read its topics");
            failures += 1;
            if !shared.rests(shared.pause(failures)).await {
                break;
            }
        }
    }
}

/// Reads from where it was read to, for ever.
async fn read(shared: &Shared, failures: &mut u32) -> Result<(), IntakeError> {
    let places = shared.store.places().await?.into_iter();
    let known: BTreeMap<(String, u32), u64> = places
        .map(|place| ((place.topic, place.partition), place.next_offset))
        .collect();
    let (mut from, mut lost) = (Vec::new(), Vec::new());
    let ours = &shared.options.games;
    let gone = gone_games(ours, &known);
    let games = [ours.as_slice(), gone.as_slice()].concat();
    for name in topics::read_by(Party::Checkout, &games) {
        let topic = Topic::new(&name);
        let game = topics::game_of_payments(&name);
        let is_gone = game.is_some_and(|game| gone.iter().any(|gone| gone == game));
        let bounds = match shared.log.bounds(&topic).await {
            Err(LogError::UnknownPartition { .. }) if is_gone => continue,
            bounds => bounds?,
        };
        for (partition, bounds) in (0..).zip(bounds) {
            let known = known.get(&(name.clone(), partition)).copied();
            let mut next = known.unwrap_or(bounds.earliest);
            if next > bounds.end {
                tracing::error!(%topic, partition, next_offset = next, log_end = bounds.end, "the log has lost what was read of it; all of it is read again");
                next = bounds.earliest;
                lost.push(Place {
                    topic: name.clone(),
                    partition,
                    next_offset: next,
                });
            }
            from.push((topic.clone(), partition, Start::Offset(next)));
        }
    }
    if !lost.is_empty() {
        shared.store.rewind(lost).await?;
    }
    let mut subscription = shared.log.subscribe(from)?;
    loop {
        let records = subscription.next().await?;
        let now = shared.now();
        let mut taken = taken(shared, &records, now);
        if records.is_empty() {
            let passed = subscription.passed().into_iter();
            taken.places = passed
                .map(|(topic, partition, next_offset)| Place {
                    topic: topic.as_str().to_owned(),
                    partition,
                    next_offset,
                })
                .collect();
        }
        let places = taken.places.clone();
        let (requests, cancellations) = (taken.requests.len(), taken.cancellations.len());
        shared.store.take(taken, now).await?;
        METRICS.requests.inc_by(requests as u64);
        METRICS.cancellations.inc_by(cancellations as u64);
        *failures = 0;
        shared.payments_due.notify_one();
        shared.outgoing_due.notify_one();
        if let Some(consumed) = &shared.options.consumed {
            consumed(&places);
        }
    }
}

/// Games that payments were read of and that are there no more. They have refunds to come: operators close their rooms.
fn gone_games(ours: &[String], known: &BTreeMap<(String, u32), u64>) -> Vec<String> {
    let topics = known.keys().map(|(topic, _)| topic.as_str());
    let games: BTreeSet<&str> = topics.filter_map(topics::game_of_payments).collect();
    let gone = games
        .into_iter()
        .filter(|game| !ours.iter().any(|ours| ours == game));
    gone.map(str::to_owned).collect()
}

fn taken(shared: &Shared, records: &[Record], now: Millis) -> Taken {
    let mut taken = Taken::default();
    let mut places: BTreeMap<(&str, u32), u64> = BTreeMap::new();
    for record in records {
        places.insert((record.topic.as_str(), record.partition), record.offset + 1);
        let read = match record.topic.as_str() {
            CHECKOUT_REQUESTS => request(shared, record, now).map(|asked| {
                taken.requests.push(asked);
            }),
            CHECKOUT_CANCELLATIONS => cancellation(record, now).map(|told| {
                taken.cancellations.push(told);
            }),
            _ => journal_row(record).map(|row| taken.journal.push(row)),
        };
        if let Err(error) = read {
            tracing::warn!(topic = %record.topic, partition = record.partition, offset = record.offset, correlation_id = record.headers.text("correlation_id"), error, "a record is put aside");
            METRICS.dead_letters.inc();
            taken.outgoing.push(dead_letter(
                Origin::Log(record),
                None,
                &error,
                &record.payload,
                now,
            ));
        }
    }
    let places = places
        .into_iter()
        .map(|((topic, partition), next_offset)| Place {
            topic: topic.to_owned(),
            partition,
            next_offset,
        });
    taken.places = places.collect();
    taken
}

fn request(shared: &Shared, record: &Record, now: Millis) -> Result<NewRequest, String> {
    let asked: CheckoutRequest = serde_json::from_slice(&record.payload)
        .map_err(|error| format!("no request for a payment: {error}"))?;
    if asked.purpose != PURPOSE_TOP_UP {
        return Err(format!(
            "a payment's purpose is `{PURPOSE_TOP_UP}`, not `{}`",
            clean(&asked.purpose)
        ));
    }
    let refused = refusal(shared, &asked);
    let kept_url = |url: Option<String>| url.filter(|url| is_text(url, URL_BYTES_MAX));
    let payment = Payment {
        request_id: asked.request_id,
        user_id: asked.user_id,
        amount: asked.amount_cents,
        currency: clean(&asked.currency),
        // Kept with it, so that it is asked for alike though the default changes meanwhile.
        success_url: kept_url(asked.success_url)
            .or_else(|| Some(shared.options.success_url.clone())),
        cancel_url: kept_url(asked.cancel_url),
        status: match refused {
            Some(_) => PaymentState::Failed,
            None => PaymentState::Requested,
        },
        session_id: None,
        session_url: None,
        expires_at_s: None,
        payment_intent_id: None,
        refunded: Cents::ZERO,
        error: refused.clone(),
        held: None,
        cancelled: None,
        requested_at: now,
        finished_at: refused.as_ref().map(|_| now),
        attempts: 0,
        due_at: refused.is_none().then_some(now),
    };
    let of_it = (payment.request_id, payment.user_id);
    let mut outgoing = Vec::new();
    if let Some(why) = &refused {
        tracing::warn!(
            correlation_id = %payment.request_id,
            payment.request_id = %payment.request_id,
            user.id = %payment.user_id,
            why,
            "a request for a payment is refused"
        );
        let livemode = shared.options.livemode;
        let failed = finished::record(&payment, CheckoutStatus::Failed, livemode, now);
        outgoing = vec![finished::outgoing(&failed), letter(record, of_it, why, now)];
    }
    let other = "it came before with another user, amount or currency";
    Ok(NewRequest {
        outgoing,
        if_other: letter(record, of_it, other, now),
        payment,
    })
}

fn cancellation(record: &Record, now: Millis) -> Result<NewCancellation, String> {
    let told: CheckoutCancellation = serde_json::from_slice(&record.payload)
        .map_err(|error| format!("no cancellation of a payment: {error}"))?;
    let CheckoutCancellation {
        request_id,
        user_id,
        reason,
    } = told;
    let other = "another user asked for it than cancels it";
    Ok(NewCancellation {
        request_id,
        user_id,
        reason,
        if_other: letter(record, (request_id, user_id), other, now),
    })
}

fn letter(
    record: &Record,
    (request_id, user_id): (Uuid, UserId),
    why: &str,
    now: Millis,
) -> Outgoing {
    let error = format!("request {request_id}: {why}");
    dead_letter(
        Origin::Log(record),
        Some(user_id),
        &error,
        &record.payload,
        now,
    )
}

/// Why the provider is not asked.
fn refusal(shared: &Shared, asked: &CheckoutRequest) -> Option<String> {
    let currency = &shared.options.currency;
    let urls = [
        ("success_url", &asked.success_url),
        ("cancel_url", &asked.cancel_url),
    ];
    let is_bad =
        |url: &&Option<String>| url.as_ref().is_some_and(|url| !is_text(url, URL_BYTES_MAX));
    if asked.amount_cents <= Cents::ZERO {
        Some(format!(
            "the amount is {}, it has to be above 0",
            asked.amount_cents
        ))
    } else if asked.currency != *currency {
        let found = clean(&asked.currency);
        Some(format!(
            "the currency is `{found}`, here it is `{currency}`"
        ))
    } else {
        let bad = urls.iter().find(|(_, url)| is_bad(url));
        bad.map(|(name, _)| {
            format!("the {name} has control characters or is longer than {URL_BYTES_MAX} bytes")
        })
    }
}

fn journal_row(record: &Record) -> Result<JournalRow, String> {
    #[derive(Deserialize)]
    struct Told {
        event_id: String,
        user_id: UserId,
    }
    let text = std::str::from_utf8(&record.payload)
        .map_err(|_| "no payment record: it is not UTF-8".to_owned())?;
    let told: Told =
        serde_json::from_str(text).map_err(|error| format!("no payment record: {error}"))?;
    if told.event_id.is_empty() || !is_text(&told.event_id, ID_BYTES_MAX) {
        return Err(format!(
            "no payment record: its event_id is empty, longer than {ID_BYTES_MAX} bytes, or has control characters"
        ));
    }
    Ok(JournalRow {
        event_id: told.event_id,
        user_id: told.user_id,
        at: record.timestamp,
        topic: record.topic.as_str().to_owned(),
        partition: record.partition,
        offset: record.offset,
        record: text.to_owned(),
    })
}

fn is_text(text: &str, bytes_max: usize) -> bool {
    text.len() <= bytes_max && !text.chars().any(char::is_control)
}
