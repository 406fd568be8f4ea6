//! A log under load: numbers that are appended one after the other, and a reader of them.

use super::*;
use parking_lot::Mutex;
use std::sync::atomic::AtomicU64;
use tokio::task::JoinHandle;

const APPEND_EVERY: Duration = Duration::from_millis(5);

/// What a log under load has come to.
#[derive(Default)]
pub(super) struct Load {
    /// The next number that is appended.
    pub(super) next: AtomicU64,
    /// Numbers and where they were acknowledged.
    acknowledged: Mutex<Vec<(u64, u64)>>,
    answered: AtomicU64,
    /// Offsets and numbers as they were read.
    read: Mutex<Vec<(u64, u64)>>,
    is_over: AtomicBool,
}

impl Load {
    pub(super) fn last_acknowledged(&self) -> Option<u64> {
        self.acknowledged.lock().last().map(|(number, _)| *number)
    }

    /// How many were acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.lock().len() as u64
    }

    pub(super) fn last_read(&self) -> Option<u64> {
        self.read.lock().last().map(|(_, number)| *number)
    }

    /// Appends numbers, each once it is taken.
    pub(super) fn append(self: &Arc<Load>, log: &KafkaLog, topic: &Topic) -> JoinHandle<u64> {
        let (load, log, topic) = (Arc::clone(self), log.clone(), topic.clone());
        tokio::spawn(async move {
            let mut refused = 0;
            while !load.is_over.load(Ordering::Relaxed) {
                let (number, answers) = (load.next.load(Ordering::Relaxed), Arc::clone(&load));
                let appended: Appended = Box::new(move |outcome| {
                    if let Ok(positions) = outcome {
                        let at = (number, positions[0].offset);
                        answers.acknowledged.lock().push(at);
                    }
                    answers.answered.fetch_add(1, Ordering::Relaxed);
                });
                match log.append(vec![record(&topic, 0, number)], appended) {
                    Ok(()) => drop(load.next.fetch_add(1, Ordering::Relaxed)),
                    Err(LogError::Unavailable) => refused += 1,
                    Err(error) => panic!("{}", told(&error)),
                }
                tokio::time::sleep(APPEND_EVERY).await;
            }
            refused
        })
    }

    pub(super) fn read(
        self: &Arc<Load>,
        mut subscription: Box<dyn Subscription>,
    ) -> JoinHandle<()> {
        let load = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                let records = match subscription.next().await {
                    Ok(records) => records,
                    Err(LogError::Closed) => return,
                    Err(error) => panic!("{}", told(&error)),
                };
                let numbered = records.iter().map(|record| {
                    let number = text(record).parse().expect("a number");
                    (record.offset, number)
                });
                load.read.lock().extend(numbered);
            }
        })
    }

    /// Ends the load, and holds what was appended and read against what is there: nothing acknowledged is missing, and
    /// whatever is there came once and in order. Gives the numbers.
    pub(super) async fn check(
        &self,
        log: KafkaLog,
        topic: &Topic,
        appending: JoinHandle<u64>,
        reading: JoinHandle<()>,
    ) -> String {
        self.is_over.store(true, Ordering::Relaxed);
        let refused = appending.await.expect("no panic");
        let appended = self.next.load(Ordering::Relaxed);
        until("all are answered once", async || {
            self.answered.load(Ordering::Relaxed) == appended
        })
        .await;
        let end = log.bounds(topic).await.expect("bounds")[0].end;
        until("all is read", async || self.read.lock().len() as u64 >= end).await;
        assert!(log.close().await, "all of it ended");
        reading.await.expect("no panic");
        let read = self.read.lock();
        let offsets = read.iter().map(|(offset, _)| *offset);
        assert!(offsets.eq(0..end), "a reader has all, once and in order");
        assert!(read.is_sorted_by(|a, b| a.1 < b.1), "as they were appended");
        let acknowledged = self.acknowledged.lock();
        for (number, offset) in &*acknowledged {
            assert_eq!(read[*offset as usize], (*offset, *number));
        }
        let acknowledged = acknowledged.len();
        format!(
            "of {appended} appends {acknowledged} were acknowledged, {end} are there; {refused} attempts were refused"
        )
    }
}
