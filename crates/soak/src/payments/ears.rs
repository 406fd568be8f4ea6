//! Who hears what the checkout tells, from the log's file: it is there whatever its writer is doing.

use super::books::Told;
use super::process::log_of;
use anyhow::Context;
use blazing_sun_backbone::log::sqlite::SqliteLog;
use blazing_sun_backbone::log::{EventLog, Record, Start, Topic};
use blazing_sun_backbone::messages::CheckoutFinished;
use blazing_sun_backbone::topics::{CHECKOUT_FINISHED, DEAD_LETTER, DEFAULT_PARTITIONS};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// How long the first word of a payment may take.
const FIRST_WITHIN: Duration = Duration::from_secs(120);

/// What was heard so far.
#[derive(Debug, Default)]
pub struct Heard {
    /// Records of `checkout.finished`, each partition's in order.
    pub told: Vec<Told>,
    /// Errors of dead letters.
    pub letters: Vec<String>,
    first: HashMap<Uuid, CheckoutFinished>,
}

/// Clones hear the same.
#[derive(Clone)]
pub struct Ears {
    heard: Arc<Mutex<Heard>>,
    count: watch::Receiver<usize>,
}

impl Ears {
    /// Listens until the log fails or nobody asks any more.
    pub fn open(folder: &Path) -> anyhow::Result<Ears> {
        let log = SqliteLog::open_read_only(&log_of(folder))?;
        let topics = [CHECKOUT_FINISHED, DEAD_LETTER];
        let from = topics.iter().flat_map(|topic| {
            (0..DEFAULT_PARTITIONS)
                .map(|partition| (Topic::new(topic), partition, Start::Offset(0)))
        });
        let mut subscription = log.subscribe(from.collect())?;
        let heard: Arc<Mutex<Heard>> = Arc::default();
        let (sender, count) = watch::channel(0);
        let to = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok(records) = subscription.next().await {
                let count = hear(&mut locked(&to), &records);
                if sender.send(count).is_err() {
                    break;
                }
            }
        });
        Ok(Ears { heard, count })
    }

    /// What was heard.
    pub fn heard(&self) -> MutexGuard<'_, Heard> {
        locked(&self.heard)
    }

    /// Waits for the first that is told of a request.
    pub async fn first(&self, request_id: Uuid) -> anyhow::Result<CheckoutFinished> {
        let mut count = self.count.clone();
        let told = async {
            loop {
                let told = self.heard().first.get(&request_id).cloned();
                if let Some(told) = told {
                    return Ok(told);
                }
                count.changed().await.context("the log can not be read")?;
            }
        };
        let told = tokio::time::timeout(FIRST_WITHIN, told).await;
        told.with_context(|| format!("nothing was told of request {request_id}"))?
    }
}

fn locked(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hear(heard: &mut Heard, records: &[Record]) -> usize {
    for record in records {
        if record.topic.as_str() == DEAD_LETTER {
            let letter: Value = serde_json::from_slice(&record.payload).unwrap_or_default();
            let error = letter["error"].as_str().unwrap_or("unreadable");
            heard.letters.push(error.to_owned());
            continue;
        }
        let Ok(finished) = serde_json::from_slice::<CheckoutFinished>(&record.payload) else {
            heard
                .letters
                .push("an unreadable record was told".to_owned());
            continue;
        };
        let first = heard.first.entry(finished.request_id);
        first.or_insert_with(|| finished.clone());
        heard.told.push(Told {
            event_id: record
                .headers
                .text("event_id")
                .unwrap_or_default()
                .to_owned(),
            record: finished,
        });
    }
    heard.told.len()
}
