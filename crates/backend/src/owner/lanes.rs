//! What is on its way to the topics, by partition: the records of committed batches, kept until each is acknowledged. Of
//! what brokers refuse no more is sent than a trial now and then; all else goes on beside it.

use super::retries::{Numbered, PAUSE, Retries, Target, Try};
use crate::metrics::METRICS;
use crate::traced::Publishing;
use blazing_sun_backbone::log::{NewRecord, Topic};
use blazing_sun_backbone::messages::header;
use blazing_sun_backbone::{clock, kill_point};
use blazing_sun_domain::Millis;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bytes of one partition's records that wait in memory; beyond, its owner reads them again from the store.
const LANE_BYTES_MAX: usize = 8 << 20;

/// A record that can never be taken is passed over after so many trials: in one of them the library may have sent
/// another partition's beside it.
const TRIALS: u32 = 2;

/// A committed batch on its way.
struct Sent {
    batch_no: u64,
    at: Millis,
    /// Those that are not acknowledged, at their places in the batch.
    records: Vec<Option<Outgoing>>,
    /// How many these are.
    left: usize,
    since: Instant,
    /// Commands of the batch that are part of a trace.
    publishing: Option<Box<Publishing>>,
}

struct Outgoing {
    record: NewRecord,
    /// A producer has it.
    is_under_way: bool,
}

/// What of one partition is on its way, in the order of its batches.
#[derive(Default)]
struct Lane {
    sent: VecDeque<Sent>,
    bytes: usize,
    under_way: usize,
    /// The last batch that was put here.
    newest: u64,
    /// The highest number of what was acknowledged since the lane began, by where it went.
    arrived: FxHashMap<Target, u64>,
    retries: Retries,
    /// From when on its owner is to look what the topics hold: nothing is sent before.
    doubted: Option<Instant>,
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
    index: u32,
    epoch: u64,
}

/// What became of a record that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    UnderWay,
    /// It is never sent, and nothing waits for it.
    PassedOver,
    Refused,
    /// The producer takes nothing any more.
    Stays,
}

/// Hands a record to a producer.
pub(super) type Hand<'a> = &'a mut dyn FnMut(&NewRecord, Millis, Place) -> Fate;

/// The lanes of all partitions.
pub(super) struct Lanes {
    lanes: Vec<Mutex<Lane>>,
    progress: Vec<Progress>,
    /// Told when a partition's acknowledgements have come further, or it is in doubt.
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
        *lane = Lane {
            epoch: lane.epoch + 1,
            newest: published_upto,
            ..Lane::default()
        };
        let progress = &self.progress[partition as usize];
        progress
            .acknowledged
            .store(published_upto, Ordering::Release);
        progress.waiting.store(0, Ordering::Relaxed);
    }

    /// A partition is another's: nothing more of it is sent.
    pub fn forget(&self, partition: u32) {
        self.begin(partition, self.acknowledged(partition));
    }

    /// Whether more of a partition may be on its way.
    pub fn has_room(&self, partition: u32) -> bool {
        self.lanes[partition as usize].lock().bytes < LANE_BYTES_MAX
    }

    /// Whether a partition's acknowledgements come no further by waiting for a moment.
    pub fn rests(&self, partition: u32) -> bool {
        let lane = self.lanes[partition as usize].lock();
        lane.under_way == 0 && lane.sent.iter().all(|sent| sent.is_held(&lane.retries))
    }

    /// Whether a producer has any record that is not acknowledged.
    pub fn any_under_way(&self) -> bool {
        self.lanes.iter().any(|lane| lane.lock().under_way > 0)
    }

    /// Whether any record is refused.
    pub fn any_refused(&self) -> bool {
        self.lanes
            .iter()
            .any(|lane| !lane.lock().retries.is_empty())
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

    /// Keeps a batch, which comes after all before, until it is acknowledged.
    pub fn put(&self, partition: u32, batch_no: u64, at: Millis, records: Vec<NewRecord>) {
        let mut lane = self.lanes[partition as usize].lock();
        lane.newest = batch_no;
        if records.is_empty() {
            return self.tell_progress(partition, &lane);
        }
        lane.bytes += records.iter().map(len_of).sum::<usize>();
        let waiting = &self.progress[partition as usize].waiting;
        waiting.fetch_add(records.len() as u64, Ordering::Relaxed);
        let left = records.len();
        let outgoing = |record| {
            let is_under_way = false;
            Some(Outgoing {
                record,
                is_under_way,
            })
        };
        lane.sent.push_back(Sent {
            batch_no,
            at,
            records: records.into_iter().map(outgoing).collect(),
            left,
            since: Instant::now(),
            publishing: None,
        });
    }

    /// Drops this once all records of a batch are acknowledged, which was put here just now.
    pub fn note(&self, partition: u32, batch_no: u64, publishing: Box<Publishing>) {
        let mut lane = self.lanes[partition as usize].lock();
        if let Some(sent) = lane.sent.back_mut()
            && sent.batch_no == batch_no
        {
            sent.publishing = Some(publishing);
        }
    }

    /// Sends what waits of a partition's batches from this one on, but for what is refused.
    pub fn send(&self, partition: u32, from: u64, now: Instant, hand: Hand<'_>) {
        let mut lane = self.lanes[partition as usize].lock();
        self.send_of(partition, &mut lane, from, None, now, hand);
    }

    /// The topics of which something that was refused is due.
    pub fn due(&self, now: Instant) -> BTreeSet<Topic> {
        let lanes = self.lanes.iter();
        let due = lanes.flat_map(|lane| lane.lock().retries.due(now));
        due.map(|((topic, _), _)| topic).collect()
    }

    /// Sends what is due of what was refused.
    pub fn send_due(&self, partition: u32, now: Instant, hand: Hand<'_>) {
        let mut lane = self.lanes[partition as usize].lock();
        for (target, which) in lane.retries.due(now) {
            if which == Try::All {
                lane.retries.let_go(&target);
            }
            let only = Some((&target, which));
            let most = self.send_of(partition, &mut lane, 0, only, now, hand);
            if which == Try::One && most == 0 {
                lane.retries.let_go(&target);
            }
        }
    }

    /// Sends what waits, of one target alone where that is given; how many records that were.
    fn send_of(
        &self,
        partition: u32,
        lane: &mut Lane,
        from: u64,
        only: Option<(&Target, Try)>,
        now: Instant,
        hand: Hand<'_>,
    ) -> usize {
        if lane.doubted.is_some() {
            return usize::from(only.is_some());
        }
        let (mut count, mut passed_over) = (0, false);
        let begin = lane.sent.partition_point(|sent| sent.batch_no < from);
        'all: for at in begin..lane.sent.len() {
            for index in 0..lane.sent[at].records.len() {
                let sent = &lane.sent[at];
                let Some(outgoing) = &sent.records[index] else {
                    continue;
                };
                let record = &outgoing.record;
                let goes = match only {
                    Some((target, Try::One)) => is_for(record, target),
                    Some((target, Try::All)) => is_for(record, target) && !lane.holds(record),
                    None => !lane.holds(record),
                };
                if outgoing.is_under_way || !goes {
                    continue;
                }
                let place = Place {
                    partition,
                    batch_no: sent.batch_no,
                    index: index as u32,
                    epoch: lane.epoch,
                };
                let (fate, target) = (hand(record, sent.at, place), target_of(record));
                count += 1;
                match fate {
                    Fate::UnderWay => lane.leave(at, index, &target),
                    Fate::PassedOver => {
                        self.take(partition, lane, at, index);
                        passed_over = true;
                    }
                    Fate::Refused => {
                        lane.retries.tried(&target, place.numbered());
                        lane.retries.refused(target, place.numbered(), now, PAUSE);
                    }
                    Fate::Stays => break 'all,
                }
                if matches!(only, Some((_, Try::One))) && fate != Fate::PassedOver {
                    break 'all;
                }
            }
        }
        if passed_over {
            lane.sent.retain(|sent| sent.left > 0);
            self.tell_progress(partition, lane);
        }
        count
    }

    /// A record is acknowledged.
    pub fn acknowledge(&self, place: Place) {
        self.with(place, |lane, at, index| {
            let outgoing = lane.sent[at].records[index].as_ref();
            if let Some(record) = outgoing.map(|outgoing| &outgoing.record) {
                let target = target_of(record);
                if let Some(seq) = number_of(record) {
                    let last = lane.arrived.entry(target.clone()).or_default();
                    *last = seq.max(*last);
                }
                lane.retries.taken(&target, place.numbered());
                self.take(place.partition, lane, at, index);
                self.come_further(place.partition, lane, at);
            }
        });
    }

    /// A record is not acknowledged: it is sent again in a while, with all that follows on its way to the same place.
    /// What can never be taken is passed over instead, once it was refused by itself; whether it was.
    pub fn refuse(&self, place: Place, is_for_good: bool, now: Instant) -> bool {
        let refused = self.with(place, |lane, at, index| {
            let Some(outgoing) = &mut lane.sent[at].records[index] else {
                return false;
            };
            lane.under_way -= usize::from(std::mem::take(&mut outgoing.is_under_way));
            let target = target_of(&outgoing.record);
            // Others may have been refused for its sake: which one it was is found at once.
            let pause = if is_for_good { Duration::ZERO } else { PAUSE };
            let trials = lane
                .retries
                .refused(target.clone(), place.numbered(), now, pause);
            let is_passed_over = is_for_good && trials >= TRIALS;
            if is_passed_over {
                lane.retries.passed_over(&target, now);
                self.take(place.partition, lane, at, index);
                self.come_further(place.partition, lane, at);
            }
            is_passed_over
        });
        refused.unwrap_or(false)
    }

    /// What a producer had is nowhere any more, and what it had acknowledged may be lost: owners look before more is
    /// sent.
    pub fn doubt(&self, now: Instant) {
        for (partition, lane) in (0..).zip(&self.lanes) {
            let mut lane = lane.lock();
            lane.doubted = Some(now);
            lane.under_way = 0;
            lane.retries.forget_trials(now);
            let sent = lane.sent.iter_mut();
            for outgoing in sent.flat_map(|sent| sent.records.iter_mut().flatten()) {
                outgoing.is_under_way = false;
            }
            drop(lane);
            (self.wake)(partition);
        }
    }

    /// Whether a partition's owner is to look now what the topics hold.
    pub fn is_to_be_looked_at(&self, partition: u32, now: Instant) -> bool {
        let doubted = self.lanes[partition as usize].lock().doubted;
        doubted.is_some_and(|from| from <= now)
    }

    /// It is to look again then.
    pub fn look_again_at(&self, partition: u32, then: Instant) {
        let mut lane = self.lanes[partition as usize].lock();
        lane.doubted = lane.doubted.map(|_| then);
    }

    /// There is no doubt any more.
    pub fn trust(&self, partition: u32) {
        self.lanes[partition as usize].lock().doubted = None;
    }

    /// Whether anything was acknowledged that has this number in its partition, or a later one.
    pub fn has_acknowledged(&self, partition: u32, target: &Target, seq: u64) -> bool {
        let lane = self.lanes[partition as usize].lock();
        lane.arrived.get(target).is_some_and(|last| *last >= seq)
    }

    fn with<T>(&self, place: Place, does: impl FnOnce(&mut Lane, usize, usize) -> T) -> Option<T> {
        let mut lane = self.lanes.get(place.partition as usize)?.lock();
        if lane.epoch != place.epoch {
            return None;
        }
        let found = lane
            .sent
            .binary_search_by_key(&place.batch_no, |sent| sent.batch_no);
        Some(does(&mut lane, found.ok()?, place.index as usize))
    }

    /// Nothing waits for a record any more.
    fn take(&self, partition: u32, lane: &mut Lane, at: usize, index: usize) {
        let sent = &mut lane.sent[at];
        if let Some(Outgoing {
            record,
            is_under_way,
        }) = sent.records[index].take()
        {
            sent.left -= 1;
            lane.bytes -= len_of(&record);
            lane.under_way -= usize::from(is_under_way);
            let waiting = &self.progress[partition as usize].waiting;
            waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Forgets the batch there, if it is acknowledged as a whole.
    fn come_further(&self, partition: u32, lane: &mut Lane, at: usize) {
        if lane.sent[at].left == 0 {
            kill_point!(Acknowledged);
            if let Some(sent) = lane.sent.remove(at) {
                METRICS.publish.observe(sent.since.elapsed().as_secs_f64());
            }
            self.tell_progress(partition, lane);
        }
    }

    fn tell_progress(&self, partition: u32, lane: &Lane) {
        let oldest = lane.sent.front().map(|sent| sent.batch_no - 1);
        let upto = oldest.unwrap_or(lane.newest);
        let progress = &self.progress[partition as usize];
        if progress.acknowledged.swap(upto, Ordering::AcqRel) != upto {
            (self.wake)(partition);
        }
    }
}

impl Lane {
    /// Whether a record is not sent for now, because of what was refused.
    fn holds(&self, record: &NewRecord) -> bool {
        is_held(record, &self.retries)
    }

    /// A producer has a record.
    fn leave(&mut self, at: usize, index: usize, target: &Target) {
        let sent = &mut self.sent[at];
        if let Some(outgoing) = &mut sent.records[index] {
            outgoing.is_under_way = true;
            self.under_way += 1;
            self.retries.tried(target, (sent.batch_no, index as u32));
        }
    }
}

impl Sent {
    /// Whether all that waits is refused.
    fn is_held(&self, retries: &Retries) -> bool {
        let mut waiting = self.records.iter().flatten();
        waiting.all(|outgoing| is_held(&outgoing.record, retries))
    }
}

impl Place {
    fn numbered(self) -> Numbered {
        (self.batch_no, self.index)
    }
}

fn is_held(record: &NewRecord, retries: &Retries) -> bool {
    retries.hold(&record.topic, record.partition.unwrap_or_default())
}

fn target_of(record: &NewRecord) -> Target {
    (record.topic.clone(), record.partition.unwrap_or_default())
}

fn is_for(record: &NewRecord, (topic, partition): &Target) -> bool {
    record.topic == *topic && record.partition.unwrap_or_default() == *partition
}

fn number_of(record: &NewRecord) -> Option<u64> {
    record.headers.text(header::OUTBOX_SEQ)?.parse().ok()
}

/// What a record takes in memory.
fn len_of(record: &NewRecord) -> usize {
    record.key.len() + record.headers.encoded().len() + record.payload.len()
}

#[cfg(test)]
mod tests;
