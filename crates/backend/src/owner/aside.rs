//! Clients of the brokers whose end nobody waits for: it may take as long as the brokers like. So may that of a thread
//! that uses one.

use std::ops::Deref;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between looks whether a thread has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Ends a client on a thread of its own. What is given hears of it by the sender's going.
fn end(client: impl Send + 'static) -> Receiver<()> {
    let (ended, has_ended) = channel::<()>();
    let spawned = std::thread::Builder::new()
        .name("kafka-end".to_owned())
        .spawn(move || {
            drop(client);
            drop(ended);
        });
    if let Err(error) = spawned {
        tracing::warn!(%error, "a Kafka client is ended where it was used");
    }
    has_ended
}

/// Ends a client without waiting for it.
pub(super) fn end_aside(client: impl Send + 'static) {
    drop(end(client));
}

/// Ends a client, and waits for that, at most so long.
pub(super) fn end_within(client: impl Send + 'static, within: Duration) {
    // Ends by the sender's going.
    let _ = end(client).recv_timeout(within);
}

/// Waits for a thread, which has nothing to tell, for so long at most; whether it has ended.
pub(super) fn has_ended(thread: &JoinHandle<()>, within: Duration) -> bool {
    let until = Instant::now() + within;
    while !thread.is_finished() {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    true
}

/// A client that is ended aside on whichever way its user leaves it.
pub(super) struct Aside<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Aside<T> {
    pub fn new(client: T) -> Aside<T> {
        Aside(Some(client))
    }
}

impl<T: Send + 'static> Deref for Aside<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<T: Send + 'static> Drop for Aside<T> {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            end_aside(client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that ends once the other side lets it.
    struct Slow(Receiver<()>);

    impl Drop for Slow {
        fn drop(&mut self) {
            let _ = self.0.recv();
        }
    }

    #[test]
    fn a_thread_that_does_not_end_is_not_waited_for_for_ever() {
        let (end, ends) = channel::<()>();
        let thread = std::thread::spawn(move || {
            let _ = ends.recv();
        });
        assert!(!has_ended(&thread, LOOK_AGAIN * 3));
        drop(end);
        assert!(has_ended(&thread, Duration::from_secs(30)));
    }

    #[test]
    fn nobody_waits_for_longer_than_is_said() {
        let (_held, hold) = channel();
        let client = Aside::new(Slow(hold));
        drop(client);
        let (_held, hold) = channel();
        end_aside(Slow(hold));
        let (_held, hold) = channel();
        let begun = Instant::now();
        end_within(Slow(hold), Duration::from_millis(20));
        assert!(begun.elapsed() >= Duration::from_millis(20));
        let (let_go, hold) = channel();
        drop(let_go);
        end_within(Slow(hold), Duration::MAX);
    }
}
