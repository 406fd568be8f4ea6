//! A log on Kafka that a process begins to use before the brokers can be reached: until then it takes nothing.

use anyhow::Context;
use async_trait::async_trait;
use blazing_sun_backbone::log::kafka::{KafkaLog, KafkaOptions};
use blazing_sun_backbone::log::{
    Appended, Bounds, EventLog, LogError, NewRecord, Span, Start, Subscription, Topic, Walk, Way,
};
use blazing_sun_backbone::topics::TopicSpec;
use blazing_sun_domain::Millis;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

const TRY_AGAIN: Duration = Duration::from_millis(500);
/// A connection, and topics that a first backend makes, take no longer.
const USUAL: Duration = Duration::from_secs(5);
/// How often an outage is told of.
const TELL_AGAIN: Duration = Duration::from_secs(10);

/// A log that is perhaps not there yet. Clones are the same one.
#[derive(Clone)]
pub struct LateLog(Arc<OnceLock<KafkaLog>>);

impl LateLog {
    /// Begins to connect, and goes on with it in the background.
    pub fn connect(options: KafkaOptions, group: Option<String>) -> anyhow::Result<LateLog> {
        let late = Arc::default();
        let waiting = Arc::downgrade(&late);
        std::thread::Builder::new()
            .name("kafka-connect".to_owned())
            .spawn(move || connect(&waiting, &options, group.as_deref()))
            .context("cannot start a thread")?;
        Ok(LateLog(late))
    }

    /// Takes no more, and waits for what was taken; whether all of it was acknowledged.
    pub async fn close(&self) -> bool {
        match self.0.get() {
            Some(log) => log.close().await,
            None => true,
        }
    }

    fn log(&self) -> Result<&KafkaLog, LogError> {
        self.0.get().ok_or(LogError::Unavailable)
    }
}

/// What begins with every start, and is an outage only where it lasts.
pub struct Outage {
    began: Instant,
    told: Option<Instant>,
}

impl From<Instant> for Outage {
    fn from(began: Instant) -> Outage {
        Outage { began, told: None }
    }
}

impl Outage {
    /// Whether it is to be told of now; notes that it is.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let told = self.told.unwrap_or(self.began);
        let quiet = if self.told.is_some() {
            TELL_AGAIN
        } else {
            USUAL
        };
        let is_due = now.duration_since(told) > quiet;
        if is_due {
            self.told = Some(now);
        }
        is_due
    }
}

/// Whether an outage is to be told of again; notes that it is.
pub fn is_due(told: &mut Option<Instant>) -> bool {
    let is_due = told.is_none_or(|told| told.elapsed() > TELL_AGAIN);
    if is_due {
        *told = Some(Instant::now());
    }
    is_due
}

/// Tries until it has a connection, or nobody waits for one any more.
fn connect(waiting: &Weak<OnceLock<KafkaLog>>, options: &KafkaOptions, group: Option<&str>) {
    let mut told: Option<Instant> = None;
    while waiting.strong_count() > 0 {
        let error = match KafkaLog::connect(options.clone(), group.map(str::to_owned)) {
            Ok(log) => {
                if let Some(late) = waiting.upgrade() {
                    // Nobody else sets it.
                    let _ = late.set(log);
                }
                return;
            }
            Err(error) => error,
        };
        if is_due(&mut told) {
            let error = format!("{:#}", anyhow::Error::from(error));
            let servers = &options.bootstrap_servers;
            tracing::warn!(
                kafka.servers = servers,
                error,
                "Kafka can not be reached; trying again"
            );
        }
        std::thread::sleep(TRY_AGAIN);
    }
}

#[async_trait]
impl EventLog for LateLog {
    async fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        self.log()?.ensure_topics(topics).await
    }

    fn append(&self, records: Vec<NewRecord>, appended: Appended) -> Result<(), LogError> {
        self.log()?.append(records, appended)
    }

    fn subscribe(&self, from: Vec<(Topic, u32, Start)>) -> Result<Box<dyn Subscription>, LogError> {
        self.log()?.subscribe(from)
    }

    async fn bounds(&self, topic: &Topic) -> Result<Vec<Bounds>, LogError> {
        self.log()?.bounds(topic).await
    }

    async fn since(&self, topic: &Topic, at: Millis) -> Result<Vec<u64>, LogError> {
        self.log()?.since(topic, at).await
    }

    fn walk(&self, topic: &Topic, way: Way, spans: Vec<Span>) -> Result<Box<dyn Walk>, LogError> {
        self.log()?.walk(topic, way, spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_start_takes_is_no_outage_and_an_outage_is_told_of_now_and_then() {
        let began = Instant::now();
        let mut outage = Outage::from(began);
        let told = (0..30).filter(|s| outage.is_due(began + Duration::from_secs(*s)));
        assert_eq!(told.collect::<Vec<_>>(), [6, 17, 28]);
    }
}
