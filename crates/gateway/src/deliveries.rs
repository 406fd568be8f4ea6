//! What went to how many sockets, of the latest records that follow from a command: in memory, for operators who ask what
//! became of one. Written for each such record once, however many sockets it goes to.

use crate::shared::{Addressee, Draft, SYSTEM_ACTOR, Shared, now};
use blazing_sun_backbone::deliveries::{
    DELIVERIES_ASKED, DELIVERIES_TOLD, Delivered, DeliveriesAsked, DeliveriesTold, RecordPlace,
};
use blazing_sun_backbone::log::Record;
use blazing_sun_backbone::messages::typed_payload;
use blazing_sun_backbone::topics;
use blazing_sun_domain::UserId;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// 24 bytes each; so many are some minutes of a busy gateway.
const REMEMBERED_MAX: usize = 256 * 1024;

#[derive(Debug, Clone, Copy)]
struct Delivery {
    offset: u64,
    /// Milliseconds since the gateway's start.
    at_ms: u64,
    /// The partition, and whether it is one of chat.
    place: u32,
    sockets: u32,
}

fn place_of(topic: &str, partition: u32) -> u32 {
    partition << 1 | u32::from(topic == topics::CHAT_EVENTS)
}

/// The latest of them.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    /// In the order in which they were read.
    latest: VecDeque<Delivery>,
    /// All since then are there, in milliseconds since the gateway's start.
    since_ms: u64,
}

impl Deliveries {
    /// Notes that a record went to so many sockets.
    pub(crate) fn note(&mut self, record: &Record, sockets: usize, now_ms: u64) {
        if sockets == 0 {
            return;
        }
        if self.latest.len() == REMEMBERED_MAX
            && let Some(oldest) = self.latest.pop_front()
        {
            self.since_ms = oldest.at_ms + 1;
        }
        self.latest.push_back(Delivery {
            offset: record.offset,
            at_ms: now_ms,
            place: place_of(record.topic.as_str(), record.partition),
            sockets: u32::try_from(sockets).unwrap_or(u32::MAX),
        });
    }

    /// Those of these records, in the order in which they were read.
    fn of<'a>(&self, records: &'a [RecordPlace]) -> Vec<(&'a RecordPlace, Delivery)> {
        let wanted = records.iter().map(|record| {
            let place = place_of(&record.topic, record.partition);
            ((place, record.offset), record)
        });
        let mut wanted: FxHashMap<(u32, u64), &RecordPlace> = wanted.collect();
        let mut found = Vec::new();
        for delivery in self.latest.iter().rev() {
            if let Some(record) = wanted.remove(&(delivery.place, delivery.offset)) {
                found.push((record, *delivery));
            }
            if wanted.is_empty() {
                break;
            }
        }
        found.reverse();
        found
    }
}

/// Whether an event asks for deliveries.
pub(crate) fn is_question(event_type: Option<&str>) -> bool {
    event_type == Some(DELIVERIES_ASKED)
}

/// Answers a record that asks; `next_of` says where a partition is read next.
pub(crate) fn answer(
    shared: &Arc<Shared>,
    record: &Record,
    next_of: impl Fn(&str, u32) -> Option<u64>,
) {
    let asked = DeliveriesAsked::read(record);
    let Some(asked) = asked.filter(|_| record.topic.as_str() == topics::SYSTEM_EVENTS) else {
        return;
    };
    let told = told(shared, &asked, next_of);
    let draft = Draft {
        topic: &shared.system_events,
        key: &shared.config.gateway_id,
        event_type: DELIVERIES_TOLD,
        correlation_id: None,
        actor: SYSTEM_ACTOR,
        addressee: Addressee::User(UserId::SYSTEM),
        trace: None,
        payload_bytes: 256,
    };
    let answer = shared.record(&draft, |out| {
        out.extend_from_slice(typed_payload("deliveries_told", &told).as_bytes());
    });
    // Who asked does not wait for long; a failure is logged with the append.
    let _ = shared.append(vec![answer], |_, _| {});
}

fn told(
    shared: &Shared,
    asked: &DeliveriesAsked,
    next_of: impl Fn(&str, u32) -> Option<u64>,
) -> DeliveriesTold {
    let begun = now().0 - i64::try_from(shared.now_ms()).unwrap_or_default();
    let instant = |ms: u64| begun.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX));
    let tables = shared.tables.lock();
    let deliveries = tables.deliveries();
    let delivered = deliveries.of(&asked.records).into_iter();
    let delivered = delivered.map(|(record, delivery)| Delivered {
        record: record.clone(),
        at_ms: instant(delivery.at_ms),
        sockets: delivery.sockets,
    });
    let is_unread = |record: &&RecordPlace| {
        next_of(&record.topic, record.partition).is_some_and(|next| next <= record.offset)
    };
    let connections = asked.user_id.map(|user| tables.connections_of(user));
    let connections = connections.unwrap_or_default();
    DeliveriesTold {
        ask_id: asked.ask_id,
        gateway_id: shared.config.gateway_id.clone(),
        remembers_since_ms: instant(deliveries.since_ms),
        delivered: delivered.collect(),
        unread: asked.records.iter().filter(is_unread).cloned().collect(),
        user_sockets: u32::try_from(connections.len()).unwrap_or(u32::MAX),
        is_connected: asked
            .connection_id
            .is_some_and(|id| connections.contains(&id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_backbone::log::Topic;
    use blazing_sun_domain::Millis;

    fn record(topic: &str, partition: u32, offset: u64) -> Record {
        Record {
            topic: Topic::new(topic),
            partition,
            offset,
            timestamp: Millis(0),
            key: Default::default(),
            headers: Default::default(),
            payload: Default::default(),
        }
    }

    fn place(topic: &str, partition: u32, offset: u64) -> RecordPlace {
        RecordPlace {
            topic: topic.to_owned(),
            partition,
            offset,
        }
    }

    #[test]
    fn the_latest_are_remembered_and_the_oldest_forgotten() {
        let mut deliveries = Deliveries::default();
        let (games, chat) = (topics::GAMES_EVENTS, topics::CHAT_EVENTS);
        deliveries.note(&record(games, 3, 7), 2, 10);
        deliveries.note(&record(games, 3, 8), 0, 10);
        deliveries.note(&record(chat, 3, 7), 5, 11);
        let asked = [
            place(games, 3, 7),
            place(games, 3, 8),
            place(chat, 3, 7),
            place(games, 4, 7),
        ];
        let found = deliveries.of(&asked);
        let found: Vec<_> = found
            .iter()
            .map(|(place, it)| (&*place.topic, it.sockets, it.at_ms))
            .collect();
        assert_eq!(found, [(games, 2, 10), (chat, 5, 11)]);
        assert_eq!(deliveries.since_ms, 0);
        for offset in 0..REMEMBERED_MAX as u64 - 1 {
            deliveries.note(&record(games, 0, offset), 1, 12);
        }
        assert_eq!(deliveries.of(&asked).len(), 1);
        assert_eq!(deliveries.since_ms, 11);
    }
}
