//! Who hears what the checkout tells, from the topics themselves.

use super::books::Told;
use blazing_sun_backbone::log::{EventLog, Record, Start, Topic};
use blazing_sun_backbone::messages::CheckoutFinished;
use blazing_sun_backbone::topics::{CHECKOUT_FINISHED, DEAD_LETTER};
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A log that can not be read is tried again so soon.
const AGAIN: Duration = Duration::from_millis(200);

/// What was heard so far.
#[derive(Debug, Default)]
pub struct Heard {
    /// Records of `checkout.finished`, each partition's in order.
    pub told: Vec<Told>,
    /// Errors of dead letters.
    pub letters: Vec<String>,
}

/// Hears until it is dropped.
pub struct Ears {
    heard: Arc<Mutex<Heard>>,
    listening: tokio::task::JoinHandle<()>,
}

impl Ears {
    /// Listens from the first record on.
    pub async fn open(log: Arc<dyn EventLog>) -> anyhow::Result<Ears> {
        let mut from = Vec::new();
        for topic in [CHECKOUT_FINISHED, DEAD_LETTER].map(Topic::new) {
            let partitions = log.bounds(&topic).await?;
            let partitions = (0..).zip(partitions).map(|(partition, _)| partition);
            from.extend(partitions.map(|partition| (topic.clone(), partition, Start::Offset(0))));
        }
        let mut subscription = log.subscribe(from)?;
        let heard: Arc<Mutex<Heard>> = Arc::default();
        let to = Arc::clone(&heard);
        let listening = tokio::spawn(async move {
            // Its writer may be restarted meanwhile.
            loop {
                match subscription.next().await {
                    Ok(records) => hear(&mut locked(&to), &records),
                    Err(_) => tokio::time::sleep(AGAIN).await,
                }
            }
        });
        Ok(Ears { heard, listening })
    }

    /// What was heard.
    pub fn heard(&self) -> MutexGuard<'_, Heard> {
        locked(&self.heard)
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

fn locked(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hear(heard: &mut Heard, records: &[Record]) {
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
        heard.told.push(Told {
            event_id: record
                .headers
                .text("event_id")
                .unwrap_or_default()
                .to_owned(),
            record: finished,
        });
    }
}
