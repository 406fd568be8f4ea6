//! The bounded queue between those who append and the one thread that commits.

use crate::log::{Appended, LogError, NewRecord};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::time::Instant;

/// An append that waits to be committed.
pub struct PendingAppend {
    /// Its records.
    pub records: Vec<NewRecord>,
    /// When it was queued.
    pub arrived: Instant,
    /// To be called once, when the records are durable or cannot be.
    pub appended: Appended,
}

/// What [`SqliteAppender::wait`](super::SqliteAppender::wait) took from the queue.
#[derive(Default)]
pub struct Waited {
    /// In order of arrival; whole appends.
    pub appends: Vec<PendingAppend>,
    /// Whether appends are left in the queue.
    pub more: bool,
    /// When the oldest one left arrived.
    pub oldest_left: Option<Instant>,
    /// Whether the log is closed: nothing comes after what is left.
    pub closed: bool,
}

#[derive(Default)]
struct State {
    appends: VecDeque<PendingAppend>,
    records: usize,
    bytes: usize,
    woken: bool,
    closed: bool,
    held: bool,
    waiting: bool,
}

/// As many records end a wait though the queue is held.
const HELD_RECORDS_MIN: usize = 16;

impl State {
    fn is_ready(&self) -> bool {
        let is_enough = !self.held || self.records >= HELD_RECORDS_MIN;
        self.woken || self.closed || (is_enough && !self.appends.is_empty())
    }
}

pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    records_max: usize,
    bytes_max: usize,
}

fn size(records: &[NewRecord]) -> usize {
    let one = |record: &NewRecord| {
        record.key.len() + record.headers.encoded().len() + record.payload.len()
    };
    records.iter().map(one).sum()
}

impl Queue {
    pub(super) fn new(records_max: usize, bytes_max: usize) -> Queue {
        Queue {
            state: Mutex::default(),
            arrived: Condvar::new(),
            records_max,
            bytes_max,
        }
    }

    /// Takes the append, or refuses it. What is larger than the whole queue passes only alone.
    pub(super) fn push(&self, records: Vec<NewRecord>, appended: Appended) -> Result<(), LogError> {
        let bytes = size(&records);
        let mut state = self.state.lock();
        if state.closed {
            return Err(LogError::Closed);
        }
        let is_full = state.records + records.len() > self.records_max
            || state.bytes.saturating_add(bytes) > self.bytes_max;
        if is_full && !state.appends.is_empty() {
            return Err(LogError::Unavailable);
        }
        state.records += records.len();
        state.bytes += bytes;
        state.appends.push_back(PendingAppend {
            records,
            arrived: Instant::now(),
            appended,
        });
        self.notify(state);
        Ok(())
    }

    pub(super) fn wake(&self) {
        let mut state = self.state.lock();
        state.woken = true;
        self.notify(state);
    }

    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        self.notify(state);
    }

    /// Closes, and takes all that is left.
    pub(super) fn close_and_drain(&self) -> VecDeque<PendingAppend> {
        let mut state = self.state.lock();
        state.closed = true;
        (state.records, state.bytes) = (0, 0);
        std::mem::take(&mut state.appends)
    }

    pub(super) fn has_appends(&self) -> bool {
        !self.state.lock().appends.is_empty()
    }

    pub(super) fn hold(&self) {
        self.state.lock().held = true;
    }

    pub(super) fn release(&self) {
        let mut state = self.state.lock();
        state.held = false;
        self.notify(state);
    }

    fn notify(&self, state: parking_lot::MutexGuard<'_, State>) {
        let waiting = state.waiting && state.is_ready();
        drop(state);
        if waiting {
            self.arrived.notify_one();
        }
    }

    /// Blocks until something is queued (much, while the queue is held), or the queue is woken or closed, or `until` has come. Takes
    /// whole appends while the sum of their records stays within `max_records`, and always one.
    pub(super) fn wait(&self, until: Option<Instant>, max_records: usize) -> Waited {
        let mut state = self.state.lock();
        while !state.is_ready() {
            state.waiting = true;
            let timed_out = match until {
                None => {
                    self.arrived.wait(&mut state);
                    false
                }
                Some(until) => self.arrived.wait_until(&mut state, until).timed_out(),
            };
            state.waiting = false;
            if timed_out {
                break;
            }
        }
        state.woken = false;
        let appends = if state.records <= max_records {
            (state.records, state.bytes) = (0, 0);
            std::mem::take(&mut state.appends)
        } else {
            let mut records = 0;
            let within = state.appends.iter().take_while(|append| {
                records += append.records.len();
                records <= max_records
            });
            let count = within.count().max(1);
            let taken: VecDeque<_> = state.appends.drain(..count).collect();
            for append in &taken {
                state.records -= append.records.len();
                state.bytes -= size(&append.records);
            }
            taken
        };
        Waited {
            appends: appends.into(),
            more: !state.appends.is_empty(),
            oldest_left: state.appends.front().map(|append| append.arrived),
            closed: state.closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Headers, Topic};
    use bytes::Bytes;
    use std::time::Duration;

    fn records(count: usize) -> Vec<NewRecord> {
        let record = NewRecord {
            topic: Topic::new("t"),
            partition: None,
            key: Bytes::from_static(b"key"),
            headers: Headers::default(),
            payload: Bytes::from_static(b"payload"),
        };
        vec![record; count]
    }

    fn push(queue: &Queue, count: usize) -> Result<(), LogError> {
        queue.push(records(count), Box::new(|_| ()))
    }

    #[test]
    fn takes_whole_appends_up_to_a_bound_and_always_one() {
        let queue = Queue::new(100, 10_000);
        for count in [3, 3, 9, 1] {
            push(&queue, count).unwrap();
        }
        let sizes = |waited: &Waited| -> Vec<usize> {
            waited
                .appends
                .iter()
                .map(|append| append.records.len())
                .collect()
        };
        let waited = queue.wait(None, 8);
        assert_eq!((sizes(&waited), waited.more), (vec![3, 3], true));
        assert!(waited.oldest_left.is_some());
        let waited = queue.wait(None, 8);
        assert_eq!((sizes(&waited), waited.more), (vec![9], true));
        let waited = queue.wait(None, 8);
        assert_eq!(
            (sizes(&waited), waited.more, waited.oldest_left),
            (vec![1], false, None)
        );
    }

    #[test]
    fn is_full_by_records_and_by_bytes_until_something_is_taken() {
        let by_records = Queue::new(4, 10_000);
        push(&by_records, 3).unwrap();
        assert!(matches!(push(&by_records, 2), Err(LogError::Unavailable)));
        push(&by_records, 1).unwrap();
        by_records.wait(None, 3);
        push(&by_records, 3).unwrap();
        by_records.wait(None, usize::MAX);
        push(&by_records, 5).expect("alone, even what is larger than the queue passes");

        let by_bytes = Queue::new(100, 25);
        push(&by_bytes, 2).unwrap();
        assert!(matches!(push(&by_bytes, 1), Err(LogError::Unavailable)));
    }

    #[test]
    fn while_it_is_held_few_records_wait_for_its_release() {
        let queue = Queue::new(100, 10_000);
        queue.hold();
        push(&queue, HELD_RECORDS_MIN - 1).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.wait(None, 100));
            while !queue.state.lock().waiting {
                std::thread::yield_now();
            }
            push(&queue, 1).unwrap();
            assert_eq!(
                waiting.join().unwrap().appends.len(),
                2,
                "as many as are enough"
            );

            push(&queue, 1).unwrap();
            let waiting = scope.spawn(|| queue.wait(None, 100));
            while !queue.state.lock().waiting {
                std::thread::yield_now();
            }
            queue.release();
            assert_eq!(waiting.join().unwrap().appends.len(), 1);
        });
        queue.hold();
        push(&queue, 1).unwrap();
        queue.wake();
        assert_eq!(
            queue.wait(None, 100).appends.len(),
            1,
            "woken, it takes what there is"
        );
    }

    #[test]
    fn wait_returns_when_woken_closed_or_late() {
        let queue = Queue::new(4, 100);
        queue.wake();
        assert!(queue.wait(None, 1).appends.is_empty());
        assert!(
            queue
                .wait(Some(Instant::now() + Duration::from_millis(1)), 1)
                .appends
                .is_empty()
        );
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.wait(None, 1));
            queue.close();
            assert!(waiting.join().unwrap().closed);
        });
        assert!(matches!(push(&queue, 1), Err(LogError::Closed)));
    }
}
