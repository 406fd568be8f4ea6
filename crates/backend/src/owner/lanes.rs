//! What is on its way to the topics, by partition: committed batches, kept until all their records are acknowledged.

use blazing_sun_backbone::log::NewRecord;
use blazing_sun_backbone::{clock, kill_point};
use blazing_sun_domain::Millis;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of one partition's records that wait in memory; beyond, its owner reads them again from the store.
const LANE_BYTES_MAX: usize = 8 << 20;

/// A committed batch on its way.
struct Sent {
    batch_no: u64,
    at: Millis,
    records: Vec<NewRecord>,
    bytes: usize,
    /// Records that are not acknowledged.
    left: usize,
}

/// What of one partition is on its way, in the order of its batches.
#[derive(Default)]
struct Lane {
    sent: VecDeque<Sent>,
    bytes: usize,
    /// Grows when what was on its way is forgotten: acknowledgements from before count for nothing.
    epoch: u64,
}

/// How far a partition has come.
#[derive(Default)]
struct Progress {
    /// All records of all batches up to this one are acknowledged.
    acknowledged: AtomicU64,
    /// Records that wait for it.
    waiting: AtomicU64,
}

/// What a partition's records wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Backlog {
    /// Records.
    pub records: u64,
    /// How long the oldest has waited, in milliseconds.
    pub oldest_ms: i64,
}

/// Where in a lane a record stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub partition: u32,
    pub batch_no: u64,
    epoch: u64,
}

/// A batch to be sent.
pub(super) struct Parcel {
    pub place: Place,
    pub at: Millis,
    pub records: Vec<NewRecord>,
}

/// The lanes of all partitions.
pub(super) struct Lanes {
    lanes: Vec<Mutex<Lane>>,
    progress: Vec<Progress>,
    /// Told when a partition's acknowledgements have come further.
    wake: Box<dyn Fn(u32) + Send + Sync>,
}

impl Lanes {
    pub fn new(partitions: u32, wake: impl Fn(u32) + Send + Sync + 'static) -> Lanes {
        Lanes {
            lanes: (0..partitions).map(|_| Mutex::default()).collect(),
            progress: (0..partitions).map(|_| Progress::default()).collect(),
            wake: Box::new(wake),
        }
    }

    pub fn partitions(&self) -> impl Iterator<Item = u32> + use<> {
        0..self.lanes.len() as u32
    }

    /// A partition begins anew: nothing of it is on its way, and all batches up to this one are published.
    pub fn begin(&self, partition: u32, published_upto: u64) {
        let mut lane = self.lanes[partition as usize].lock();
        lane.epoch += 1;
        lane.sent.clear();
        lane.bytes = 0;
        let progress = &self.progress[partition as usize];
        progress
            .acknowledged
            .store(published_upto, Ordering::Release);
        progress.waiting.store(0, Ordering::Relaxed);
    }

    /// Whether more of a partition may be on its way.
    pub fn has_room(&self, partition: u32) -> bool {
        self.lanes[partition as usize].lock().bytes < LANE_BYTES_MAX
    }

    /// Whether nothing of a partition is on its way.
    pub fn is_empty(&self, partition: u32) -> bool {
        self.lanes[partition as usize].lock().sent.is_empty()
    }

    /// Whether any record waits to be acknowledged.
    pub fn any_waits(&self) -> bool {
        let mut progress = self.progress.iter();
        progress.any(|of| of.waiting.load(Ordering::Relaxed) > 0)
    }

    /// All records of the partition's batches up to this one are acknowledged.
    pub fn acknowledged(&self, partition: u32) -> u64 {
        self.progress[partition as usize]
            .acknowledged
            .load(Ordering::Acquire)
    }

    /// What waits in memory.
    pub fn backlog(&self, partition: u32) -> Backlog {
        let lane = self.lanes[partition as usize].lock();
        let waiting = &self.progress[partition as usize].waiting;
        let oldest = lane.sent.front();
        Backlog {
            records: waiting.load(Ordering::Relaxed),
            oldest_ms: oldest.map_or(0, |sent| (clock::now().0 - sent.at.0).max(0)),
        }
    }

    /// Keeps a batch, which comes after all before, until it is acknowledged; what is to be sent.
    pub fn put(
        &self,
        partition: u32,
        batch_no: u64,
        at: Millis,
        records: Vec<NewRecord>,
    ) -> Parcel {
        let mut lane = self.lanes[partition as usize].lock();
        let bytes = records.iter().map(len_of).sum();
        let progress = &self.progress[partition as usize];
        progress
            .waiting
            .fetch_add(records.len() as u64, Ordering::Relaxed);
        lane.bytes += bytes;
        lane.sent.push_back(Sent {
            batch_no,
            at,
            left: records.len(),
            records: records.clone(),
            bytes,
        });
        if records.is_empty() {
            self.come_further(partition, &mut lane);
        }
        Parcel {
            place: Place {
                partition,
                batch_no,
                epoch: lane.epoch,
            },
            at,
            records,
        }
    }

    /// All that is on its way of a partition, to be sent again: no record of it counts as acknowledged any more.
    pub fn take_again(&self, partition: u32) -> Vec<Parcel> {
        let mut lane = self.lanes[partition as usize].lock();
        let (epoch, waiting) = (lane.epoch, &self.progress[partition as usize].waiting);
        let sent = lane.sent.iter_mut();
        sent.map(|sent| {
            let acknowledged = sent.records.len() - sent.left;
            waiting.fetch_add(acknowledged as u64, Ordering::Relaxed);
            sent.left = sent.records.len();
            Parcel {
                place: Place {
                    partition,
                    batch_no: sent.batch_no,
                    epoch,
                },
                at: sent.at,
                records: sent.records.clone(),
            }
        })
        .collect()
    }

    /// One more record there is acknowledged.
    pub fn acknowledge(&self, place: Place) {
        let partition = place.partition as usize;
        let (Some(lane), Some(progress)) =
            (self.lanes.get(partition), self.progress.get(partition))
        else {
            return;
        };
        let mut lane = lane.lock();
        if lane.epoch != place.epoch {
            return;
        }
        let mut sent = lane.sent.iter_mut();
        if let Some(sent) = sent.find(|sent| sent.batch_no == place.batch_no) {
            sent.left = sent.left.saturating_sub(1);
            progress.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        self.come_further(place.partition, &mut lane);
    }

    /// Forgets batches that are acknowledged as a whole, the oldest first.
    fn come_further(&self, partition: u32, lane: &mut Lane) {
        let mut acknowledged = None;
        while lane.sent.front().is_some_and(|sent| sent.left == 0) {
            if let Some(sent) = lane.sent.pop_front() {
                kill_point!(Acknowledged);
                lane.bytes -= sent.bytes;
                acknowledged = Some(sent.batch_no);
            }
        }
        if let Some(batch_no) = acknowledged {
            self.progress[partition as usize]
                .acknowledged
                .store(batch_no, Ordering::Release);
            (self.wake)(partition);
        }
    }
}

/// What a record takes in memory.
fn len_of(record: &NewRecord) -> usize {
    record.key.len() + record.headers.encoded().len() + record.payload.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_backbone::log::{Headers, Topic};
    use bytes::Bytes;
    use std::sync::Arc;

    fn records(count: usize) -> Vec<NewRecord> {
        let record = NewRecord {
            topic: Topic::new("events"),
            partition: Some(1),
            key: Bytes::from_static(b"k"),
            headers: Headers::default(),
            payload: Bytes::from_static(b"x"),
        };
        vec![record; count]
    }

    fn lanes() -> (Lanes, Arc<AtomicU64>) {
        let woken = Arc::<AtomicU64>::default();
        let wakes = Arc::clone(&woken);
        let wake = move |_| {
            wakes.fetch_add(1, Ordering::Relaxed);
        };
        (Lanes::new(2, wake), woken)
    }

    fn put(lanes: &Lanes, batch_no: u64, count: usize) -> Place {
        lanes.put(1, batch_no, Millis(0), records(count)).place
    }

    #[test]
    fn a_partition_has_come_as_far_as_its_oldest_batch_that_waits() {
        let (lanes, woken) = lanes();
        lanes.begin(1, 4);
        let (fifth, sixth) = (put(&lanes, 5, 2), put(&lanes, 6, 1));
        lanes.acknowledge(sixth);
        lanes.acknowledge(fifth);
        assert_eq!((lanes.acknowledged(1), lanes.backlog(1).records), (4, 1));
        lanes.acknowledge(fifth);
        assert_eq!((lanes.acknowledged(1), lanes.backlog(1).records), (6, 0));
        assert!(lanes.is_empty(1) && !lanes.any_waits());
        put(&lanes, 7, 0);
        assert_eq!((lanes.acknowledged(1), lanes.acknowledged(0)), (7, 0));
        assert_eq!(woken.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn what_is_sent_again_is_acknowledged_again() {
        let (lanes, _) = lanes();
        let first = put(&lanes, 1, 2);
        lanes.acknowledge(first);
        let again = lanes.take_again(1);
        assert_eq!((again.len(), again[0].records.len()), (1, 2));
        assert_eq!(lanes.backlog(1).records, 2);
        for _ in 0..2 {
            assert_eq!(lanes.acknowledged(1), 0);
            lanes.acknowledge(again[0].place);
        }
        assert_eq!(lanes.acknowledged(1), 1);
    }

    #[test]
    fn what_was_forgotten_is_not_acknowledged_any_more() {
        let (lanes, _) = lanes();
        let before = put(&lanes, 1, 1);
        lanes.begin(1, 0);
        let now = put(&lanes, 1, 1);
        lanes.acknowledge(before);
        assert_eq!((lanes.acknowledged(1), lanes.backlog(1).records), (0, 1));
        lanes.acknowledge(now);
        assert_eq!(lanes.acknowledged(1), 1);
    }
}
