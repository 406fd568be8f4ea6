//! The checkout's books against the ledger and the topics, to the cent.

use crate::brokers::postgres_options_of_checkout;
use crate::config::Config;
use crate::serve::CHECKOUT_DATABASE;
use anyhow::Context;
use blazing_sun_backbone::log::{EventLog, LogError, Start, Topic};
use blazing_sun_backbone::topics::{self, CHECKOUT_CANCELLATIONS, CHECKOUT_REQUESTS, Party};
use blazing_sun_backend::audit::{AuditCheck, BookedTopUp, BookedTransfer, LedgerBooks};
use blazing_sun_checkout::payment::{Payment, PaymentState};
use blazing_sun_checkout::store::{
    Books, JournalRow, PaymentBooks, PgPaymentStore, Place, SqlitePaymentStore, StoreError,
};
use blazing_sun_domain::Games;
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// Those of a folder; none where there never was a checkout.
pub async fn of_folder(folder: &Path) -> anyhow::Result<Option<Books>> {
    let Some(opened) = open_in(folder).await? else {
        return Ok(None);
    };
    let books = opened.books().await;
    Ok(Some(books.with_context(|| cannot_read(folder))?))
}

/// How far the checkout of a folder has read its topics; none where there never was one.
pub async fn places_of_folder(folder: &Path) -> anyhow::Result<Option<Vec<Place>>> {
    let Some(opened) = open_in(folder).await? else {
        return Ok(None);
    };
    let places = opened.places().await;
    Ok(Some(places.with_context(|| cannot_read(folder))?))
}

fn cannot_read(folder: &Path) -> String {
    format!("cannot read {}", folder.join(CHECKOUT_DATABASE).display())
}

async fn open_in(folder: &Path) -> anyhow::Result<Option<Arc<dyn PaymentBooks>>> {
    let file = folder.join(CHECKOUT_DATABASE);
    if !file.is_file() {
        return Ok(None);
    }
    let opened = tokio::task::spawn_blocking(move || SqlitePaymentStore::open_books(&file)).await?;
    match opened {
        Err(StoreError::Empty) => Ok(None),
        opened => Ok(Some(opened.with_context(|| cannot_read(folder))?)),
    }
}

/// Those of a cluster; none where its checkout's database is not configured.
pub async fn of_cluster(config: &Config) -> anyhow::Result<Option<Books>> {
    if config.payments.database_url.is_none() {
        return Ok(None);
    }
    let options = postgres_options_of_checkout(config)?;
    let cannot = "cannot read the checkout's database";
    let opened = PgPaymentStore::open_books(&options).await.context(cannot)?;
    Ok(Some(opened.books().await.context(cannot)?))
}

/// A payment record on a topic.
struct Published {
    topic: String,
    partition: u32,
    offset: u64,
    text: String,
}

/// All payment records that topics still have, by their ids.
pub struct OnTopics(HashMap<String, Published>);

impl OnTopics {
    /// Up to what is the end now: of these games, and of those whose rooms the ledger has or whose payments the
    /// checkout has read.
    pub async fn read(
        log: &dyn EventLog,
        games: &Games,
        books: &Books,
        ledger: &LedgerBooks,
    ) -> anyhow::Result<OnTopics> {
        let known = books.places.iter().map(|place| place.topic.as_str());
        let known = known.filter_map(topics::game_of_payments);
        let games: BTreeSet<&str> = (games.iter().map(|game| game.name))
            .chain(known)
            .chain(ledger.games.iter().map(String::as_str))
            .collect();
        let games: Vec<&str> = games.into_iter().collect();
        let mut found = HashMap::new();
        for name in topics::read_by(Party::Checkout, &games) {
            if ![CHECKOUT_REQUESTS, CHECKOUT_CANCELLATIONS].contains(&name.as_str()) {
                let read = read_topic(log, &Topic::new(&name), &mut found).await;
                read.with_context(|| format!("cannot read the topic {name}"))?;
            }
        }
        Ok(OnTopics(found))
    }
}

async fn read_topic(
    log: &dyn EventLog,
    topic: &Topic,
    found: &mut HashMap<String, Published>,
) -> Result<(), LogError> {
    let bounds = match log.bounds(topic).await {
        Err(LogError::UnknownPartition { .. }) => return Ok(()),
        bounds => bounds?,
    };
    let places = (0_u32..).zip(bounds);
    let mut ends: HashMap<u32, u64> = HashMap::new();
    let mut from = Vec::new();
    for (partition, bounds) in places.filter(|(_, bounds)| bounds.end > bounds.earliest) {
        ends.insert(partition, bounds.end);
        from.push((topic.clone(), partition, Start::Offset(bounds.earliest)));
    }
    if from.is_empty() {
        return Ok(());
    }
    let mut subscription = log.subscribe(from)?;
    while !ends.is_empty() {
        for record in subscription.next().await? {
            if ends
                .get(&record.partition)
                .is_some_and(|end| record.offset + 1 >= *end)
            {
                ends.remove(&record.partition);
            }
            let text = String::from_utf8_lossy(&record.payload).into_owned();
            let Ok(told) = serde_json::from_str::<Told>(&text) else {
                continue;
            };
            let published = Published {
                topic: topic.as_str().to_owned(),
                partition: record.partition,
                offset: record.offset,
                text,
            };
            found.entry(told.event_id).or_insert(published);
        }
    }
    Ok(())
}

/// As much of a payment record as the ledger says too.
#[derive(Deserialize)]
struct Told {
    event_id: String,
    user_id: i64,
    amount_cents: i64,
}

/// What differs. The books were read before the ledger, and the ledger before the topics.
pub fn compare(books: &Books, ledger: &LedgerBooks, topics: &OnTopics) -> Vec<AuditCheck> {
    vec![
        compare_journal(books, &ledger.transfers, topics),
        compare_payments(books, &ledger.top_ups),
    ]
}

fn compare_journal(books: &Books, transfers: &[BookedTransfer], topics: &OnTopics) -> AuditCheck {
    let mut check = AuditCheck::new(
        "the checkout's journal has every fee, prize and refund of the ledger as its topic does, and no other",
    );
    let mut journal: HashMap<&str, &JournalRow> = books
        .journal
        .iter()
        .map(|row| (row.event_id.as_str(), row))
        .collect();
    let places: HashMap<(&str, u32), u64> = books
        .places
        .iter()
        .map(|place| ((place.topic.as_str(), place.partition), place.next_offset))
        .collect();
    // What topics had forgotten before the checkout read them for the first time, it can not have.
    let began = books
        .journal
        .iter()
        .map(|row| row.at.0)
        .min()
        .unwrap_or(i64::MAX);
    for transfer in transfers {
        let published = topics.0.get(&transfer.event_id);
        match (journal.remove(transfer.event_id.as_str()), published) {
            (Some(row), published) => {
                check.expect(is_told(row, transfer), || said_otherwise(row, transfer));
                if let Some(published) = published {
                    check.expect(published.text == row.record, || {
                        format!(
                            "payment record {} stands on {} in other words than in the checkout's journal",
                            row.event_id, published.topic
                        )
                    });
                }
            }
            (None, Some(published)) => {
                let place = (published.topic.as_str(), published.partition);
                let next = places.get(&place).copied().unwrap_or(0);
                check.expect(published.offset >= next, || {
                    format!(
                        "{} is not in the checkout's journal, which has read {} partition {} up to {next}",
                        named(transfer), published.topic, published.partition
                    )
                });
            }
            (None, None) => check.expect(transfer.at_ms < began, || {
                format!(
                    "{} is neither in the checkout's journal nor on a topic",
                    named(transfer)
                )
            }),
        }
    }
    let mut unknown: Vec<&JournalRow> = journal.into_values().collect();
    unknown.sort_by_key(|row| (&row.topic, row.partition, row.offset));
    for row in unknown {
        check.expect(false, || {
            format!(
                "the checkout's journal has {} from {} partition {} offset {}, and the ledger no such transfer",
                row.event_id, row.topic, row.partition, row.offset
            )
        });
    }
    check
}

fn named(transfer: &BookedTransfer) -> String {
    format!(
        "transfer {} of {} cents (record {})",
        transfer.key, transfer.amount_cents, transfer.event_id
    )
}

fn is_told(row: &JournalRow, transfer: &BookedTransfer) -> bool {
    let told: Option<Told> = serde_json::from_str(&row.record).ok();
    told.is_some_and(|told| {
        told.event_id == transfer.event_id
            && told.user_id == transfer.user_id
            && told.amount_cents == transfer.amount_cents
    }) && row.user_id.get() == transfer.user_id.unsigned_abs()
}

fn said_otherwise(row: &JournalRow, transfer: &BookedTransfer) -> String {
    let told: Option<Told> = serde_json::from_str(&row.record).ok();
    let told = told.map_or_else(
        || "something unreadable".to_owned(),
        |told| format!("{} cents of user {}", told.amount_cents, told.user_id),
    );
    format!(
        "{} is of user {}; the checkout's journal says {told}",
        named(transfer),
        transfer.user_id
    )
}

fn compare_payments(books: &Books, top_ups: &[BookedTopUp]) -> AuditCheck {
    let mut check = AuditCheck::new(
        "every payment of the checkout's is credited and paid back in the ledger, and each credit is paid",
    );
    let mut top_ups: HashMap<Uuid, &BookedTopUp> = top_ups
        .iter()
        .map(|top_up| (top_up.request_id, top_up))
        .collect();
    for payment in &books.payments {
        let id = payment.request_id;
        let Some(top_up) = top_ups.remove(&id) else {
            // A request of somebody else's was refused.
            check.expect(payment.status == PaymentState::Failed, || {
                format!(
                    "payment {id} of the checkout's is {}, and nobody asked for it",
                    stated(payment)
                )
            });
            continue;
        };
        let is_same = top_up.user_id.unsigned_abs() == payment.user_id.get()
            && top_up.amount_cents == payment.amount.0
            && top_up.currency == payment.currency;
        let is_paid = payment.status == PaymentState::Success;
        // What is not told yet, the ledger can not know.
        let is_known = books.untold.contains(&id)
            || top_up.is_credited == is_paid
                && (!is_paid || top_up.refunded_cents == payment.refunded.0);
        // What was paid after the books were read.
        let is_newer = !is_paid && top_up.is_credited && payment.due_at.is_some();
        check.expect(is_same && (is_known || is_newer), || {
            format!(
                "payment {id} of the checkout's is {}; the ledger has {} {} of user {}, {}, {} of it paid back",
                stated(payment),
                top_up.amount_cents,
                top_up.currency,
                top_up.user_id,
                if top_up.is_credited { "credited" } else { "not credited" },
                top_up.refunded_cents
            )
        });
    }
    for top_up in top_ups.into_values().filter(|top_up| top_up.is_credited) {
        check.expect(false, || {
            format!(
                "{} {} of user {} are credited for request {}, of which the checkout knows nothing",
                top_up.amount_cents, top_up.currency, top_up.user_id, top_up.request_id
            )
        });
    }
    check
}

fn stated(payment: &Payment) -> String {
    format!(
        "{}, {} {} of user {}, {} of it paid back",
        payment.status.as_str(),
        payment.amount.0,
        payment.currency,
        payment.user_id.get(),
        payment.refunded.0
    )
}

#[cfg(test)]
mod tests;
