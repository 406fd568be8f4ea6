//! Making commits durable. A commit writes the write-ahead log; the disk has it only once that file is synced.
//! Under load a thread of its own does so while the engine decides what comes next.

use crate::partition::panic_text;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Told whether what was committed is durable.
pub(super) type Outcome = Box<dyn FnOnce(bool) + Send>;

/// Commits that may wait while one sync runs. The next sync is for all of them.
const WAITING_MAX: usize = 1;

/// Syncs, and tells the outcomes in the order of their commits.
pub(super) struct Syncer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    sync: Box<dyn Fn() -> io::Result<()> + Send + Sync>,
    /// Called when nothing is left to sync, with whether all could be.
    rested: Box<dyn Fn(bool) + Send + Sync>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<Outcome>,
    is_syncing: bool,
    failure: Option<io::Error>,
    is_closed: bool,
}

impl State {
    fn is_at_rest(&self) -> bool {
        self.waiting.is_empty() && !self.is_syncing
    }
}

impl Syncer {
    /// A syncer at rest; `rested` is called whenever it comes to rest again.
    pub fn start(
        sync: impl Fn() -> io::Result<()> + Send + Sync + 'static,
        rested: impl Fn(bool) + Send + Sync + 'static,
    ) -> io::Result<Syncer> {
        let shared = Arc::new(Shared {
            sync: Box::new(sync),
            rested: Box::new(rested),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("sync".to_owned())
            .spawn(move || own.run())?;
        Ok(Syncer {
            shared,
            thread: Some(thread),
        })
    }

    /// Whether nothing waits and no sync runs.
    pub fn is_at_rest(&self) -> bool {
        self.shared.state.lock().is_at_rest()
    }

    /// Syncs beside the caller, who waits only while as much waits already as may.
    pub fn later(&self, outcome: Outcome) {
        let mut state = self.shared.state.lock();
        while state.waiting.len() >= WAITING_MAX {
            self.shared.changed.wait(&mut state);
        }
        state.waiting.push(outcome);
        self.shared.changed.notify_all();
    }

    /// Waits until nothing waits and no sync runs.
    pub fn rest(&self) {
        drop(self.shared.at_rest());
    }

    /// Syncs on the caller's thread, after all that waits.
    pub fn now(&self, outcome: Outcome) {
        let mut state = self.shared.at_rest();
        state.is_syncing = true;
        self.shared.sync(state, vec![outcome]);
    }

    /// Why nothing becomes durable any more. A file that could once not be synced can not be trusted again: what was
    /// to be written may be gone from memory.
    pub fn failure(&self) -> Option<io::Error> {
        let state = self.shared.state.lock();
        let failure = state.failure.as_ref()?;
        Some(io::Error::new(failure.kind(), failure.to_string()))
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.shared.state.lock().is_closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has told every outcome that it could.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self) {
        loop {
            let mut state = self.state.lock();
            while state.waiting.is_empty() || state.is_syncing {
                if state.is_closed && state.is_at_rest() {
                    return;
                }
                self.changed.wait(&mut state);
            }
            state.is_syncing = true;
            let outcomes = std::mem::take(&mut state.waiting);
            self.changed.notify_all();
            self.sync(state, outcomes);
        }
    }

    fn at_rest(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        while !state.is_at_rest() {
            self.changed.wait(&mut state);
        }
        state
    }

    fn sync(&self, state: MutexGuard<'_, State>, outcomes: Vec<Outcome>) {
        let has_failed = state.failure.is_some();
        drop(state);
        let mut failure = None;
        if !has_failed && let Err(error) = (self.sync)() {
            failure = Some(error);
        }
        let is_durable = !has_failed && failure.is_none();
        for outcome in outcomes {
            // Whoever waits for the end of this sync must not wait for ever.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| outcome(is_durable))) {
                let text = format!("telling of a commit panicked: {}", panic_text(&*panic));
                failure.get_or_insert(io::Error::other(text));
            }
        }
        let mut state = self.state.lock();
        state.failure = state.failure.take().or(failure);
        state.is_syncing = false;
        let (is_at_rest, is_well) = (state.is_at_rest(), state.failure.is_none());
        drop(state);
        self.changed.notify_all();
        if is_at_rest {
            (self.rested)(is_well);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    struct Gate {
        syncer: Syncer,
        began: Receiver<()>,
        let_end: Sender<io::Result<()>>,
        told: Receiver<(u32, bool)>,
        tell: Sender<(u32, bool)>,
        rested: Receiver<bool>,
    }

    impl Gate {
        fn new() -> Gate {
            let (begin, began) = channel();
            let (let_end, end) = channel();
            let (tell, told) = channel();
            let (rest, rested) = channel();
            let end = Mutex::new(end);
            let sync = move || {
                begin.send(()).unwrap();
                end.lock().recv().unwrap()
            };
            Gate {
                syncer: Syncer::start(sync, move |is_well| rest.send(is_well).unwrap_or_default())
                    .unwrap(),
                began,
                let_end,
                told,
                tell,
                rested,
            }
        }

        fn outcome(&self, number: u32) -> Outcome {
            let tell = self.tell.clone();
            Box::new(move |is_durable| tell.send((number, is_durable)).unwrap())
        }
    }

    #[test]
    fn nothing_is_told_before_its_sync_has_ended_and_what_waits_shares_the_next() {
        let gate = Gate::new();
        gate.syncer.later(gate.outcome(1));
        gate.began.recv().unwrap();
        gate.syncer.later(gate.outcome(2));
        assert!(gate.told.try_recv().is_err() && !gate.syncer.is_at_rest());
        gate.let_end.send(Ok(())).unwrap();
        assert_eq!(gate.told.recv().unwrap(), (1, true));
        gate.began.recv().unwrap();
        assert!(
            gate.told.try_recv().is_err(),
            "the first sync began before it was written"
        );
        gate.let_end.send(Ok(())).unwrap();
        assert_eq!(gate.told.recv().unwrap(), (2, true));
        assert!(gate.rested.recv().unwrap());
        assert!(gate.syncer.is_at_rest());
    }

    #[test]
    fn one_that_syncs_itself_comes_after_those_that_wait() {
        let gate = Gate::new();
        gate.syncer.later(gate.outcome(1));
        for _ in 0..2 {
            gate.let_end.send(Ok(())).unwrap();
        }
        gate.syncer.now(gate.outcome(2));
        let told: Vec<_> = gate.told.try_iter().collect();
        assert_eq!(told, [(1, true), (2, true)]);
    }

    #[test]
    fn after_a_failed_sync_nothing_is_durable_any_more() {
        let gate = Gate::new();
        gate.let_end.send(Err(io::Error::other("no disk"))).unwrap();
        gate.syncer.now(gate.outcome(1));
        assert_eq!(gate.syncer.failure().unwrap().to_string(), "no disk");
        assert!(!gate.rested.recv().unwrap());
        gate.syncer.later(gate.outcome(2));
        gate.syncer.now(gate.outcome(3));
        let told: Vec<_> = gate.told.try_iter().collect();
        assert_eq!(told, [(1, false), (2, false), (3, false)]);
    }

    #[test]
    fn a_panic_of_one_that_is_told_is_a_failure_and_the_others_are_told() {
        let gate = Gate::new();
        gate.let_end.send(Ok(())).unwrap();
        gate.syncer.now(Box::new(|_| panic!("at once")));
        assert!(
            gate.syncer
                .failure()
                .unwrap()
                .to_string()
                .contains("at once")
        );

        let gate = Gate::new();
        gate.syncer.later(Box::new(|_| panic!("beside")));
        gate.began.recv().unwrap();
        gate.syncer.later(gate.outcome(2));
        gate.let_end.send(Ok(())).unwrap();
        gate.syncer.rest();
        assert_eq!(gate.told.recv().unwrap(), (2, false));
        assert!(
            gate.syncer
                .failure()
                .unwrap()
                .to_string()
                .contains("beside")
        );
    }

    #[test]
    fn what_waits_is_synced_before_it_ends() {
        let gate = Gate::new();
        gate.let_end.send(Ok(())).unwrap();
        gate.syncer.later(gate.outcome(1));
        drop(gate.syncer);
        assert_eq!(gate.told.recv().unwrap(), (1, true));
    }
}
