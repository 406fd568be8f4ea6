//! The last record of a topic's partition: `acks=all` does not mean that it is on a disk, so that brokers
//! which lost their power may have lost what they acknowledged.

use super::aside::Aside;
use crate::store::postgres::OutboxPosition;
use blazing_sun_backbone::log::kafka::settings::{self, ClientLog};
use blazing_sun_backbone::log::kafka::{KafkaOffsets, KafkaOptions, incoming};
use blazing_sun_backbone::log::{LogError, Record, Topic};
use blazing_sun_backbone::messages::header;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Message, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is looked for topics whose last offset is no record.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Why the last records could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum TailError {
    #[error("the ends of the topics did not come")]
    Ends(#[from] LogError),
    #[error("the last records could not be read")]
    Read(#[from] KafkaError),
    #[error("the last records did not come in time")]
    Late,
}

/// Reads last records.
pub(super) struct Tails {
    pub options: KafkaOptions,
    pub offsets: KafkaOffsets,
}

impl Tails {
    /// Which number comes after the last record of each of these topics in this partition, where that is
    /// known: the last record may be somebody else's.
    pub fn next_seqs(
        &self,
        partition: u32,
        topics: &[Topic],
    ) -> Result<Vec<OutboxPosition>, TailError> {
        let until = Instant::now() + PATIENCE;
        let places: Vec<_> = topics
            .iter()
            .map(|topic| (topic.clone(), partition))
            .collect();
        let ends = self.offsets.ends(&places, PATIENCE)?;
        let mut found = Vec::new();
        let position = |topic: Topic, next_seq| OutboxPosition {
            topic,
            target: partition,
            next_seq,
        };
        let mut last = Vec::new();
        for (topic, end) in topics.iter().zip(ends) {
            match end.checked_sub(1) {
                Some(offset) => last.push((topic.clone(), offset)),
                None => found.push(position(topic.clone(), 0)),
            }
        }
        let wait = until.saturating_duration_since(Instant::now());
        for record in self.records(partition, last, wait)? {
            let seq = record.headers.text(header::OUTBOX_SEQ);
            let seq: Option<u64> = seq.and_then(|text| text.parse().ok());
            found.extend(seq.map(|seq| position(record.topic, seq + 1)));
        }
        Ok(found)
    }

    /// The first record from each of these offsets on, in this partition of each topic; none of a topic where no more
    /// than the mark of somebody's transaction follows.
    pub fn records(
        &self,
        partition: u32,
        from: Vec<(Topic, u64)>,
        wait: Duration,
    ) -> Result<Vec<Record>, TailError> {
        let until = Instant::now() + wait;
        let mut found = Vec::new();
        let mut list = TopicPartitionList::new();
        let mut asked = BTreeMap::new();
        for (topic, offset) in from {
            let name = self.options.full_name(topic.as_str());
            list.add_partition_offset(&name, partition as i32, Offset::Offset(offset as i64))?;
            asked.insert(name, topic);
        }
        if asked.is_empty() {
            return Ok(found);
        }
        let consumer: BaseConsumer<ClientLog> =
            settings::reader(&self.options, None).create_with_context(ClientLog::default())?;
        let consumer = Aside::new(consumer);
        consumer.assign(&list)?;
        while !asked.is_empty() {
            let wait = until.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                return Err(TailError::Late);
            }
            let Some(message) = consumer.poll(wait.min(LOOK_EVERY)) else {
                let positions = consumer.position()?;
                asked.retain(|name, _| {
                    let place = positions.find_partition(name, partition as i32);
                    !place.is_some_and(|place| matches!(place.offset(), Offset::Offset(_)))
                });
                continue;
            };
            let message = message?;
            if let Some(topic) = asked.remove(message.topic()) {
                found.push(incoming(&topic, &message));
            }
        }
        Ok(found)
    }
}
