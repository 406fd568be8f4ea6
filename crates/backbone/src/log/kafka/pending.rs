//! Appends that were taken and are not answered yet: who waits, for how long, and how much memory it takes.

use super::error::KafkaLogError;
use crate::log::{Appended, LogError, Position};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Beyond so many it is worth to look for answered ones behind the oldest.
const WAITING_USUALLY: usize = 4_096;

/// The appends of one log, oldest first, and the bytes that they hold.
pub(super) struct Pending {
    bytes: Arc<AtomicUsize>,
    bytes_max: usize,
    appends: Mutex<VecDeque<Arc<Append>>>,
    /// Those that can be answered although no acknowledgement comes for them.
    settled: Mutex<Vec<Arc<Append>>>,
}

/// One append: its records are acknowledged one by one, and answered once.
pub(super) struct Append {
    since: Instant,
    bytes: usize,
    buffered: Arc<AtomicUsize>,
    state: Mutex<AppendState>,
}

struct AppendState {
    missing: usize,
    positions: Vec<Position>,
    failure: Option<LogError>,
    appended: Option<Appended>,
}

impl Pending {
    pub(super) fn new(bytes_max: usize) -> Pending {
        Pending {
            bytes: Arc::default(),
            bytes_max,
            appends: Mutex::default(),
            settled: Mutex::default(),
        }
    }

    /// Takes an append of so many records and bytes; gives the callback back if it has no room.
    pub(super) fn take(
        &self,
        records: usize,
        bytes: usize,
        appended: Appended,
    ) -> Result<Arc<Append>, Appended> {
        let buffered = self.bytes.load(Ordering::Acquire);
        // What is larger than the buffer goes alone.
        if buffered > 0 && buffered.saturating_add(bytes) > self.bytes_max {
            return Err(appended);
        }
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        let empty = Position {
            partition: 0,
            offset: 0,
        };
        let append = Arc::new(Append {
            since: Instant::now(),
            bytes,
            buffered: Arc::clone(&self.bytes),
            state: Mutex::new(AppendState {
                missing: records,
                positions: vec![empty; records],
                failure: None,
                appended: Some(appended),
            }),
        });
        self.appends.lock().push_back(Arc::clone(&append));
        Ok(append)
    }

    /// Has the append answered by the log's own thread, with what is known by then.
    pub(super) fn settle(&self, append: Arc<Append>) {
        self.settled.lock().push(append);
    }

    pub(super) fn answer_settled(&self) {
        for append in std::mem::take(&mut *self.settled.lock()) {
            append.answer();
        }
    }

    /// How long the oldest has waited; none waits: none.
    pub(super) fn oldest(&self) -> Option<Duration> {
        let mut appends = self.appends.lock();
        while appends.front().is_some_and(|append| append.is_answered()) {
            appends.pop_front();
        }
        // One partition without a leader holds up its own appends only.
        if appends.len() > WAITING_USUALLY {
            appends.retain(|append| !append.is_answered());
        }
        appends.front().map(|append| append.since.elapsed())
    }

    /// Answers all that wait, in their order: what became of them is not known.
    pub(super) fn give_up(&self, reason: &str) -> usize {
        let all = std::mem::take(&mut *self.appends.lock());
        let mut given_up = 0;
        for append in all {
            append.fail(KafkaLogError::Unacknowledged(reason.to_owned()).into());
            given_up += usize::from(append.answer());
        }
        given_up
    }
}

impl Append {
    /// A record's acknowledgement came.
    pub(super) fn acknowledged(&self, index: usize, outcome: Result<Position, LogError>) {
        let mut state = self.state.lock();
        match outcome {
            // Gone if it was answered without this.
            Ok(position) => drop(state.positions.get_mut(index).map(|at| *at = position)),
            Err(error) => drop(state.failure.get_or_insert(error)),
        }
        state.missing = state.missing.saturating_sub(1);
        let is_complete = state.missing == 0;
        drop(state);
        if is_complete {
            self.answer();
        }
    }

    /// It can not succeed any more.
    pub(super) fn fail(&self, error: LogError) {
        self.state.lock().failure.get_or_insert(error);
    }

    /// It was not taken after all: nobody is called.
    pub(super) fn withdraw(&self) {
        if self.state.lock().appended.take().is_some() {
            self.buffered.fetch_sub(self.bytes, Ordering::AcqRel);
        }
    }

    fn is_answered(&self) -> bool {
        self.state.lock().appended.is_none()
    }

    /// Answers, if nobody has. Gives whether it did.
    fn answer(&self) -> bool {
        let mut state = self.state.lock();
        let Some(appended) = state.appended.take() else {
            return false;
        };
        let positions = std::mem::take(&mut state.positions);
        let outcome = match state.failure.take() {
            Some(error) => Err(error),
            None => Ok(positions),
        };
        drop(state);
        self.buffered.fetch_sub(self.bytes, Ordering::AcqRel);
        // The thread that hears acknowledgements has to live on, whatever a caller does.
        if catch_unwind(AssertUnwindSafe(|| appended(outcome))).is_err() {
            tracing::error!("what was to be done after an append has panicked");
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers() -> (
        Appended,
        std::sync::mpsc::Receiver<Result<Vec<Position>, LogError>>,
    ) {
        let (sender, receiver) = std::sync::mpsc::channel();
        let appended = Box::new(move |outcome| sender.send(outcome).expect("the test listens"));
        (appended, receiver)
    }

    fn at(offset: u64) -> Position {
        Position {
            partition: 1,
            offset,
        }
    }

    #[test]
    fn is_answered_once_with_the_positions_in_the_order_of_the_records() {
        let pending = Pending::new(100);
        let (appended, answers) = answers();
        let append = pending
            .take(2, 10, appended)
            .map_err(drop)
            .expect("it has room");
        append.acknowledged(1, Ok(at(7)));
        assert!(answers.try_recv().is_err(), "one is missing");
        assert!(pending.oldest().is_some());
        append.acknowledged(0, Ok(at(6)));
        let positions = answers.try_recv().expect("it is answered");
        assert_eq!(positions.expect("all are there"), [at(6), at(7)]);
        assert_eq!((pending.oldest(), pending.give_up("late")), (None, 0));
        append.acknowledged(0, Ok(at(6)));
        assert!(answers.try_recv().is_err(), "only once");
    }

    #[test]
    fn a_panic_of_who_is_answered_stays_there() {
        let pending = Pending::new(100);
        let appended = Box::new(|_| panic!("as a caller may"));
        let append = pending
            .take(1, 10, appended)
            .map_err(drop)
            .expect("it has room");
        append.acknowledged(0, Ok(at(1)));
        let full = pending.take(1, 100, answers().0);
        full.map_err(drop)
            .expect("nothing is held any more")
            .withdraw();
    }

    #[test]
    fn has_a_bound_that_answers_free_again() {
        let pending = Pending::new(100);
        let take = |bytes| pending.take(1, bytes, answers().0);
        let (appended, heard) = answers();
        let first = pending
            .take(1, 60, appended)
            .map_err(drop)
            .expect("it has room");
        assert!(take(41).is_err(), "it is full");
        take(40).map_err(drop).expect("it just fits").withdraw();
        first.acknowledged(0, Err(LogError::Unavailable));
        assert!(heard.try_recv().expect("it is answered").is_err());
        let (appended, heard) = answers();
        pending
            .take(1, 500, appended)
            .map_err(drop)
            .expect("alone it is taken");
        assert_eq!(pending.give_up("the broker is gone"), 1);
        assert!(matches!(heard.try_recv(), Ok(Err(LogError::Storage(_)))));
        take(100)
            .map_err(drop)
            .expect("nothing is held any more")
            .withdraw();
    }
}
