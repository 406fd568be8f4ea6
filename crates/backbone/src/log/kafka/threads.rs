//! Threads for what blocks: the library's calls may wait for brokers, and its clients may take long to
//! end. None of it happens on the runtime, and nobody waits for it without a bound.

use super::error::KafkaLogError;
use crate::log::LogError;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Threads that were started and have not ended. Clones count together.
#[derive(Clone, Default)]
pub(super) struct Threads(Arc<(Mutex<usize>, Condvar)>);

struct Running(Threads);

impl Drop for Running {
    fn drop(&mut self) {
        let (running, ended) = &*self.0.0;
        *running.lock() -= 1;
        ended.notify_all();
    }
}

impl Threads {
    /// Starts a thread that nobody joins.
    pub(super) fn start(
        &self,
        name: &str,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<(), KafkaLogError> {
        *self.0.0.lock() += 1;
        let running = Running(self.clone());
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let _running = running;
                run();
            })?;
        Ok(())
    }

    /// Drops a client where its end may block.
    pub(super) fn retire(&self, client: impl Send + 'static) {
        if let Err(error) = self.start("kafka-end", move || drop(client)) {
            tracing::warn!(%error, "a Kafka client is dropped where it was used");
        }
    }

    /// Does what blocks on a thread of its own.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce() -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.start("kafka-ask", move || drop(sender.send(question())))?;
        receiver.await.unwrap_or(Err(LogError::Closed))
    }

    /// Waits for all to end, at most so long. Gives whether they have.
    pub(super) fn wait(&self, at_most: Duration) -> bool {
        let deadline = Instant::now() + at_most;
        let (running, ended) = &*self.0;
        let mut running = running.lock();
        while *running > 0 {
            if ended.wait_until(&mut running, deadline).timed_out() {
                return *running == 0;
            }
        }
        true
    }
}
