//! What went to how many sockets, of the latest records that follow from a command: in memory, for operators who ask what
//! became of one. Written for each such record once, however many sockets it goes to.

use crate::shared::{Shared, now};
use blazing_sun_backbone::deliveries::{
    DELIVERIES_ASKED, DELIVERIES_TOLD, Delivered, DeliveriesAsked, DeliveriesTold, RecordPlace,
};
use blazing_sun_backbone::log::Record;
use blazing_sun_backbone::messages::typed_payload;
use blazing_sun_backbone::topics;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// 24 bytes each; so many are some minutes of a busy gateway.
const REMEMBERED_MAX: usize = 256 * 1024;

/// So many are looked through at once, and records are routed in between.
const CHUNK: usize = 4 * 1024;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivery {
    offset: u64,
    /// Milliseconds since the gateway's start.
    at_ms: u64,
    /// The partition, and whether it is one of chat.
    place: u32,
    sockets: u32,
}

/// Nothing for what is on another topic: nobody asks for it.
fn place_of(topic: &str, partition: u32) -> Option<u32> {
    match topic {
        topics::GAMES_EVENTS => Some(partition << 1),
        topics::CHAT_EVENTS => Some(partition << 1 | 1),
        _ => None,
    }
}

/// The latest of them.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    /// In the order in which they were read, so each partition's by offset.
    latest: VecDeque<Delivery>,
    /// How many are not there any more.
    forgotten: u64,
    /// All since then are there, in milliseconds since the gateway's start.
    since_ms: u64,
}

impl Deliveries {
    /// Notes that a record went to so many sockets.
    pub(crate) fn note(&mut self, record: &Record, sockets: usize, now_ms: u64) {
        if sockets == 0 {
            return;
        }
        let Some(place) = place_of(record.topic.as_str(), record.partition) else {
            return;
        };
        if self.latest.len() == REMEMBERED_MAX
            && let Some(oldest) = self.latest.pop_front()
        {
            self.forgotten += 1;
            self.since_ms = oldest.at_ms + 1;
        }
        self.latest.push_back(Delivery {
            offset: record.offset,
            at_ms: now_ms,
            place,
            sockets: u32::try_from(sockets).unwrap_or(u32::MAX),
        });
    }

    /// The latest of those before this position, in the order in which they were read, and the first one's position.
    fn before(&self, position: u64) -> (u64, Vec<Delivery>) {
        let end = position.saturating_sub(self.forgotten);
        let end = usize::try_from(end).map_or(self.latest.len(), |end| end.min(self.latest.len()));
        let begin = end.saturating_sub(CHUNK);
        let chunk = self.latest.range(begin..end).copied().collect();
        (self.forgotten + begin as u64, chunk)
    }
}

/// What is looked for, from the latest on.
struct Search<'a> {
    /// By partition, the lowest offset first.
    wanted: FxHashMap<u32, Vec<&'a RecordPlace>>,
    found: Vec<(&'a RecordPlace, Delivery)>,
}

impl<'a> Search<'a> {
    fn of(records: &'a [RecordPlace]) -> Search<'a> {
        let mut wanted: FxHashMap<u32, Vec<&RecordPlace>> = FxHashMap::default();
        for record in records {
            if let Some(place) = place_of(&record.topic, record.partition) {
                wanted.entry(place).or_default().push(record);
            }
        }
        for records in wanted.values_mut() {
            records.sort_unstable_by_key(|record| record.offset);
        }
        Search {
            wanted,
            found: Vec::new(),
        }
    }

    /// Looks at the next older one.
    fn look_at(&mut self, delivery: Delivery) {
        let Some(records) = self.wanted.get_mut(&delivery.place) else {
            return;
        };
        // What is asked for behind it is not there: all that is left of this partition is older.
        while let Some(record) = records.pop_if(|record| record.offset >= delivery.offset) {
            if record.offset == delivery.offset {
                self.found.push((record, delivery));
            }
        }
        if records.is_empty() {
            self.wanted.remove(&delivery.place);
        }
    }
}

/// Those of these records, in the order in which they were read. `before` is [`Deliveries::before`].
async fn find(
    records: &[RecordPlace],
    before: impl Fn(u64) -> (u64, Vec<Delivery>),
) -> Vec<(&RecordPlace, Delivery)> {
    let mut search = Search::of(records);
    let mut position = u64::MAX;
    while !search.wanted.is_empty() {
        let (first, chunk) = before(position);
        if chunk.is_empty() {
            break;
        }
        position = first;
        chunk.into_iter().rev().for_each(|it| search.look_at(it));
        tokio::task::yield_now().await;
    }
    search.found.reverse();
    search.found
}

/// Whether an event asks for deliveries.
pub(crate) fn is_question(event_type: Option<&str>) -> bool {
    event_type == Some(DELIVERIES_ASKED)
}

/// Answers a record that asks, beside the routing of others; `next_of` says where a partition is read next.
pub(crate) fn answer(
    shared: &Arc<Shared>,
    record: &Record,
    next_of: impl Fn(&str, u32) -> Option<u64>,
) {
    let asked = DeliveriesAsked::read(record);
    let Some(asked) = asked.filter(|_| record.topic.as_str() == topics::SYSTEM_EVENTS) else {
        return;
    };
    let is_unread = |record: &&RecordPlace| {
        next_of(&record.topic, record.partition).is_some_and(|next| next <= record.offset)
    };
    let unread = asked.records.iter().filter(is_unread).cloned().collect();
    let shared = shared.clone();
    tokio::spawn(async move {
        let told = told(&shared, &asked, unread).await;
        let answer = shared.own_event(DELIVERIES_TOLD, &typed_payload("deliveries_told", &told));
        // Who asked does not wait for long; a failure is logged with the append.
        let _ = shared.append(vec![answer], |_, _| {});
    });
}

/// `unread` is what had not been read when this was asked.
async fn told(
    shared: &Shared,
    asked: &DeliveriesAsked,
    mut unread: Vec<RecordPlace>,
) -> DeliveriesTold {
    let begun = now().0 - i64::try_from(shared.now_ms()).unwrap_or_default();
    let instant = |ms: u64| begun.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX));
    let before = |position| shared.tables.lock().deliveries().before(position);
    let delivered = find(&asked.records, before).await.into_iter();
    let delivered = delivered.map(|(record, delivery)| Delivered {
        record: record.clone(),
        at_ms: instant(delivery.at_ms),
        sockets: delivery.sockets,
    });
    let delivered: Vec<Delivered> = delivered.collect();
    unread.retain(|record| !delivered.iter().any(|it| it.record == *record));
    let tables = shared.tables.lock();
    let connections = asked.user_id.map(|user| tables.connections_of(user));
    let connections = connections.unwrap_or_default();
    DeliveriesTold {
        ask_id: asked.ask_id,
        gateway_id: shared.config.gateway_id.clone(),
        // Behind the search, as what was forgotten meanwhile was not found.
        remembers_since_ms: instant(tables.deliveries().since_ms),
        delivered,
        unread,
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
    use std::cell::{Cell, RefCell};

    impl Deliveries {
        pub(crate) fn sockets_of(&self, offset: u64) -> u32 {
            let told = self.latest.iter().find(|it| it.offset == offset);
            told.map_or(0, |it| it.sockets)
        }
    }

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

    /// The records found, and how many chunks were looked through. Meanwhile others are noted.
    async fn found(
        deliveries: &mut Deliveries,
        asked: &[RecordPlace],
        meanwhile: u64,
    ) -> (Vec<(String, u32, u64)>, u32) {
        let chunks = Cell::new(0);
        let deliveries = RefCell::new(deliveries);
        let before = |position| {
            chunks.set(chunks.get() + 1);
            let answer = deliveries.borrow().before(position);
            for offset in 0..meanwhile {
                let other = record(topics::GAMES_EVENTS, 90 + chunks.get(), offset);
                deliveries.borrow_mut().note(&other, 1, 20);
            }
            answer
        };
        let found = find(asked, before).await.into_iter();
        let found = found.map(|(place, it)| (place.topic.clone(), it.sockets, it.at_ms));
        (found.collect(), chunks.get())
    }

    #[tokio::test]
    async fn the_latest_are_remembered_and_the_oldest_forgotten() {
        let mut deliveries = Deliveries::default();
        let (games, chat) = (topics::GAMES_EVENTS, topics::CHAT_EVENTS);
        deliveries.note(&record(games, 3, 7), 2, 10);
        deliveries.note(&record(games, 3, 8), 0, 10);
        deliveries.note(&record(chat, 3, 7), 5, 11);
        deliveries.note(&record(topics::SYSTEM_EVENTS, 4, 7), 5, 11);
        let asked = [
            place(games, 3, 7),
            place(games, 3, 8),
            place(chat, 3, 7),
            place(games, 4, 7),
        ];
        let both = [(games.to_owned(), 2, 10), (chat.to_owned(), 5, 11)];
        assert_eq!(found(&mut deliveries, &asked, 0).await.0, both);
        assert_eq!(deliveries.since_ms, 0);
        for offset in 0..REMEMBERED_MAX as u64 - 1 {
            deliveries.note(&record(games, 0, offset), 1, 12);
        }
        assert_eq!(found(&mut deliveries, &asked, 0).await.0, both[1..]);
        assert_eq!(deliveries.since_ms, 11);
    }

    #[tokio::test]
    async fn no_more_is_looked_through_than_has_to_be_and_others_are_noted_meanwhile() {
        let mut deliveries = Deliveries::default();
        let games = topics::GAMES_EVENTS;
        for offset in 0..4 * CHUNK as u64 {
            deliveries.note(&record(games, 1, offset), 1, offset);
        }
        // One that went to nobody, between others of its partition.
        deliveries.note(&record(games, 2, 5), 1, 30);
        deliveries.note(&record(games, 2, 7), 1, 30);
        let untold = [place(games, 2, 6), place(games, 2, 8)];
        assert_eq!(found(&mut deliveries, &untold, 0).await, (Vec::new(), 1));
        let old = [place(games, 1, 9), place(games, 1, 3), place(games, 2, 7)];
        let all = [3, 9, 30].map(|at_ms| (games.to_owned(), 1, at_ms));
        assert_eq!(found(&mut deliveries, &old, 700).await.0, all);
        for offset in 4 * CHUNK as u64..REMEMBERED_MAX as u64 {
            deliveries.note(&record(games, 1, offset), 1, offset);
        }
        // The oldest are forgotten while they are looked for.
        let oldest = [place(games, 1, deliveries.forgotten), place(games, 2, 7)];
        let (told, _) = found(&mut deliveries, &oldest, 1).await;
        assert_eq!(told, [(games.to_owned(), 1, 30)]);
    }
}
