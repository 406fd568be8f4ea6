//! Delivery from memory of what has just been committed, to readers that keep up.

use super::codec::Section;
use crate::log::{Record, Topic};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Notify;

/// A committed batch.
pub(super) struct Delivered {
    pub batch_no: u64,
    pub bytes: usize,
    pub records: Vec<Record>,
    pub section_of_record: Vec<u32>,
    pub sections: Vec<Section>,
}

/// Which partitions a reader wants, each with its place in the reader's list.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    by_topic: Vec<Option<WantedTopic>>,
}

#[derive(Debug)]
struct WantedTopic {
    topic: Topic,
    places: Vec<Option<u32>>,
}

impl Wanted {
    pub(super) fn add(&mut self, topic_id: u32, topic: &Topic, partition: u32, place: usize) {
        let (index, partition) = (topic_id as usize, partition as usize);
        if self.by_topic.len() <= index {
            self.by_topic.resize_with(index + 1, || None);
        }
        let wanted = self.by_topic[index].get_or_insert_with(|| WantedTopic {
            topic: topic.clone(),
            places: Vec::new(),
        });
        if wanted.places.len() <= partition {
            wanted.places.resize(partition + 1, None);
        }
        wanted.places[partition] = Some(place as u32);
    }

    /// The topic of a section and its place in the reader's list, if the reader wants it.
    pub(super) fn place(&self, section: &Section) -> Option<(&Topic, usize)> {
        let wanted = self.by_topic.get(section.topic_id as usize)?.as_ref()?;
        let place = (*wanted.places.get(section.partition as usize)?)?;
        Some((&wanted.topic, place as usize))
    }

    pub(super) fn any(&self, sections: &[Section]) -> bool {
        sections.iter().any(|section| self.place(section).is_some())
    }
}

/// A reader's queue.
pub(super) struct Feed {
    pub wanted: Wanted,
    pub arrived: Notify,
    state: Mutex<FeedState>,
    records_max: usize,
    bytes_max: usize,
}

#[derive(Default)]
struct FeedState {
    queue: VecDeque<Arc<Delivered>>,
    records: usize,
    bytes: usize,
    /// Every batch up to this one was queued or is of no interest.
    seen: u64,
    attached: bool,
    closed: bool,
}

/// What a reader finds in its queue.
pub(super) enum Taken {
    Batches(VecDeque<Arc<Delivered>>),
    /// The queue overflowed: batches from this one on must be read from the file.
    Lagging {
        from: u64,
    },
    Nothing,
    Closed,
}

impl Feed {
    pub(super) fn new(wanted: Wanted, records_max: usize, bytes_max: usize) -> Feed {
        Feed {
            wanted,
            arrived: Notify::new(),
            state: Mutex::default(),
            records_max,
            bytes_max,
        }
    }

    fn offer(&self, delivered: &Arc<Delivered>) {
        let mut state = self.state.lock();
        if !state.attached {
            return;
        }
        let is_wanted = self.wanted.any(&delivered.sections);
        let is_full = state.records + delivered.records.len() > self.records_max
            || state.bytes + delivered.bytes > self.bytes_max;
        if is_wanted && is_full && !state.queue.is_empty() {
            state.attached = false;
            return;
        }
        state.seen = delivered.batch_no;
        if is_wanted {
            state.records += delivered.records.len();
            state.bytes += delivered.bytes;
            state.queue.push_back(Arc::clone(delivered));
            drop(state);
            self.arrived.notify_one();
        }
    }

    pub(super) fn take(&self) -> Taken {
        let mut state = self.state.lock();
        if !state.queue.is_empty() {
            (state.records, state.bytes) = (0, 0);
            return Taken::Batches(std::mem::take(&mut state.queue));
        }
        match (state.attached, state.closed) {
            (false, _) => Taken::Lagging {
                from: state.seen + 1,
            },
            (true, false) => Taken::Nothing,
            (true, true) => Taken::Closed,
        }
    }
}

/// All readers' queues, and what they have been given.
#[derive(Default)]
pub(super) struct Tails {
    feeds: Vec<Arc<Feed>>,
    pub last_batch_no: u64,
    closed: bool,
}

impl Tails {
    pub(super) fn register(&mut self, feed: Arc<Feed>) {
        feed.state.lock().closed = self.closed;
        self.feeds.push(feed);
    }

    /// From the batch after the one returned on, the feed gets everything. Its queue must be empty.
    pub(super) fn attach(&self, feed: &Feed) -> u64 {
        let mut state = feed.state.lock();
        state.attached = true;
        state.seen = self.last_batch_no;
        self.last_batch_no
    }

    pub(super) fn deliver(&mut self, delivered: impl FnOnce() -> Delivered) {
        // A feed that nobody reads any more is held by this list alone.
        self.feeds.retain(|feed| Arc::strong_count(feed) > 1);
        if self.feeds.is_empty() {
            return;
        }
        let delivered = Arc::new(delivered());
        for feed in &self.feeds {
            feed.offer(&delivered);
        }
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
        for feed in &self.feeds {
            feed.state.lock().closed = true;
            feed.arrived.notify_one();
        }
    }
}
