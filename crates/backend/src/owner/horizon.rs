//! Where the consumed topics end: a deadline fires only once everything is decided that was there when it
//! came due. A thread of its own asks the brokers, for all partitions at once; while they can not be
//! reached it hears nothing, and nothing fires.

use super::mailbox::Mailbox;
use blazing_sun_backbone::log::kafka::KafkaOffsets;
use blazing_sun_backbone::log::{LogError, Topic};
use blazing_sun_backbone::topics;
use blazing_sun_domain::Millis;
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// The topics whose records may speak against a deadline.
pub(super) const TOPICS: [&str; 3] = [
    topics::GAMES_COMMANDS,
    topics::CHAT_COMMANDS,
    topics::GATEWAY_PRESENCE,
];
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_millis(2_000);
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// One past the last record of each of [`TOPICS`].
pub(super) type Ends = [u64; TOPICS.len()];

/// Who asks, and since when.
#[derive(Default)]
struct Asked {
    partitions: BTreeMap<u32, Millis>,
    is_over: bool,
}

/// The thread.
pub(super) struct Horizon {
    shared: Arc<(Mutex<Asked>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Horizon {
    pub fn start(offsets: KafkaOffsets, mailboxes: Arc<Vec<Mailbox>>) -> std::io::Result<Horizon> {
        let shared = Arc::new((Mutex::new(Asked::default()), Condvar::new()));
        let asking = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("horizon".to_owned())
            .spawn(move || answer_all(&offsets, &asking, &mailboxes))?;
        Ok(Horizon {
            shared,
            thread: Some(thread),
        })
    }

    /// Asks for the ends of a partition, at an instant that is not over yet. The answer comes to the
    /// partition's mailbox.
    pub fn ask(&self, partition: u32, now: Millis) {
        self.shared.0.lock().partitions.insert(partition, now);
        self.shared.1.notify_one();
    }
}

impl Drop for Horizon {
    fn drop(&mut self) {
        self.shared.0.lock().is_over = true;
        self.shared.1.notify_one();
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}

fn answer_all(
    offsets: &KafkaOffsets,
    (asked, changed): &(Mutex<Asked>, Condvar),
    mailboxes: &[Mailbox],
) {
    let topics = TOPICS.map(Topic::new);
    loop {
        let waiting = {
            let mut asked = asked.lock();
            while asked.partitions.is_empty() && !asked.is_over {
                changed.wait(&mut asked);
            }
            if asked.is_over {
                return;
            }
            std::mem::take(&mut asked.partitions)
        };
        match ends_of(offsets, &topics, &waiting) {
            Ok(all) => {
                for ((partition, now), ends) in waiting.into_iter().zip(all) {
                    if let Some(mailbox) = mailboxes.get(partition as usize) {
                        mailbox.put_ends(now, ends);
                    }
                }
            }
            Err(error) => {
                tracing::debug!(%error, "the ends of the topics could not be asked for");
                let mut asked = asked.lock();
                for (partition, now) in waiting {
                    // A question of its own comes after this one.
                    asked.partitions.entry(partition).or_insert(now);
                }
                if !asked.is_over {
                    changed.wait_for(&mut asked, AGAIN_AFTER);
                }
            }
        }
    }
}

fn ends_of(
    offsets: &KafkaOffsets,
    topics: &[Topic; TOPICS.len()],
    waiting: &BTreeMap<u32, Millis>,
) -> Result<Vec<Ends>, LogError> {
    let of_partition = |partition: &u32| topics.clone().map(|topic| (topic, *partition));
    let places: Vec<(Topic, u32)> = waiting.keys().flat_map(of_partition).collect();
    let ends = offsets.ends(&places, PATIENCE)?;
    let (ends, _) = ends.as_chunks::<{ TOPICS.len() }>();
    Ok(ends.to_vec())
}
