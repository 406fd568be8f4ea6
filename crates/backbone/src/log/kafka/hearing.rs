//! Whether a client still hears the brokers. The library forgets all of them, also those it was configured with,
//! where one that has just gone on after a stop names none: only another client helps then.

use super::offsets::{KafkaOffsets, named};
use rdkafka::client::{Client, ClientContext};
use std::time::{Duration, Instant};

/// A client that has heard something so lately is not asked.
const QUIET: Duration = Duration::from_secs(1);
/// Between questions.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How long a question may take: the client's thread waits for it.
const ANSWER_WITHIN: Duration = Duration::from_millis(300);
/// A client that hears nothing for so long, while another of this process does, is deaf: one whose connection was lost
/// has a new one by then, for it tries at least every 1.5 s.
const DEAF_AFTER: Duration = Duration::from_secs(2);

/// What one client hears.
#[derive(Debug)]
pub struct Hearing {
    heard: Instant,
    asked: Option<Instant>,
    /// Since when others are answered and this client is not.
    alone_since: Option<Instant>,
}

impl Default for Hearing {
    fn default() -> Hearing {
        Hearing {
            heard: Instant::now(),
            asked: None,
            alone_since: None,
        }
    }
}

impl Hearing {
    /// The client has got something from the brokers.
    pub fn heard(&mut self) {
        self.heard = Instant::now();
        self.alone_since = None;
    }

    /// Asks the brokers by this client for a topic, or for any, where it has got nothing from them for a while, and if
    /// they do not answer, by another. Gives whether the client is to be replaced. Waits a moment for answers.
    pub fn is_deaf<C: ClientContext>(
        &mut self,
        client: &Client<C>,
        topic: impl FnOnce() -> Option<String>,
        others: &KafkaOffsets,
    ) -> bool {
        let is_asked = self.asked.is_some_and(|at| at.elapsed() < ASK_EVERY);
        if is_asked || self.heard.elapsed() < QUIET {
            return false;
        }
        let topic = topic().unwrap_or_else(|| others.probed());
        let is_heard = named(client.fetch_metadata(Some(&topic), ANSWER_WITHIN)).is_ok();
        let is_alone = !is_heard && others.metadata(Some(&topic), ANSWER_WITHIN).is_ok();
        self.asked = Some(Instant::now());
        if is_heard {
            self.heard();
        } else if !is_alone {
            self.alone_since = None;
        }
        is_alone && self.alone_since.get_or_insert_with(Instant::now).elapsed() > DEAF_AFTER
    }
}
