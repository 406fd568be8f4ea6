//! A log whose last offsets are no records: on Kafka other programs' transactions leave marks behind them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use async_trait::async_trait;
use blazing_sun_backbone::log::memory::MemoryLog;
use blazing_sun_backbone::log::{
    Appended, Bounds, EventLog, LogError, NewRecord, Record, Start, Subscription, Topic,
};
use blazing_sun_backbone::topics::{SYSTEM_EVENTS, TopicSpec};
use blazing_sun_gateway::{GatewayConfig, NotReady};
use std::sync::Arc;
use support::{DEADLINE, World};
use tokio::sync::watch;

/// Its `system.events` end with so many marks.
struct Marked {
    inner: MemoryLog,
    marks: watch::Sender<u64>,
}

#[async_trait]
impl EventLog for Marked {
    async fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        self.inner.ensure_topics(topics).await
    }

    fn append(&self, records: Vec<NewRecord>, appended: Appended) -> Result<(), LogError> {
        self.inner.append(records, appended)
    }

    fn subscribe(&self, from: Vec<(Topic, u32, Start)>) -> Result<Box<dyn Subscription>, LogError> {
        Ok(Box::new(Reader {
            inner: self.inner.subscribe(from)?,
            log: self.inner.clone(),
            marks: self.marks.subscribe(),
            passed: Vec::new(),
        }))
    }

    async fn bounds(&self, topic: &Topic) -> Result<Vec<Bounds>, LogError> {
        let mut bounds = self.inner.bounds(topic).await?;
        if topic.as_str() == SYSTEM_EVENTS {
            bounds[0].end += *self.marks.borrow();
        }
        Ok(bounds)
    }
}

struct Reader {
    inner: Box<dyn Subscription>,
    log: MemoryLog,
    marks: watch::Receiver<u64>,
    passed: Vec<(Topic, u32, u64)>,
}

#[async_trait]
impl Subscription for Reader {
    async fn next(&mut self) -> Result<Vec<Record>, LogError> {
        tokio::select! {
            records = self.inner.next() => records,
            changed = self.marks.changed() => {
                changed.map_err(|_| LogError::Closed)?;
                let marks = *self.marks.borrow_and_update();
                let topic = Topic::new(SYSTEM_EVENTS);
                let end = self.log.bounds(&topic).await?[0].end;
                self.passed = vec![(topic, 0, end + marks)];
                Ok(Vec::new())
            }
        }
    }

    fn passed(&mut self) -> Vec<(Topic, u32, u64)> {
        std::mem::take(&mut self.passed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_has_passed_them_is_ready() {
    let marks = watch::Sender::new(0);
    let log = Marked {
        inner: MemoryLog::default(),
        marks: marks.clone(),
    };
    let world = World::on(Arc::new(log), GatewayConfig::for_testing()).await;
    let control = world.gateway.control();
    while let Err(NotReady::Starting) = control.is_at_end(DEADLINE).await {
        tokio::task::yield_now().await;
    }
    marks.send_replace(1);
    control.is_at_end(DEADLINE).await.unwrap();
}
