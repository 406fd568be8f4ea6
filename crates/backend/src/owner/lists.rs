//! Lists of rooms that were asked for: read from the directory beside the batches, and answered by a later batch of
//! the partition that was asked. Who asks is answered also where that one goes to another owner, or hears that the
//! list is not to be had.

use super::actor::Actor;
use super::batch::Work;
use super::hold::Hold;
use super::mailbox::Mailbox;
use crate::partition::{ListAnswer, ListQuery};
use crate::store::postgres::PgDirectory;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long the directory has to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long an owner that is to rest or to end waits for answers: other members wait for it.
const LAST_ANSWER_WITHIN: Duration = Duration::from_millis(300);

/// Questions for the directory, each with when it was asked.
pub(super) type Queries = mpsc::UnboundedSender<(ListQuery, Instant)>;

/// Answers what is asked of the directory, beside the batches.
pub(super) async fn answer_all(
    directory: PgDirectory,
    mut asked: mpsc::UnboundedReceiver<(ListQuery, Instant)>,
    mailboxes: Arc<Vec<Mailbox>>,
) {
    while let Some((query, since)) = asked.recv().await {
        let until = since + ANSWER_WITHIN;
        let body = match tokio::time::timeout_at(until, directory.room_list(&query)).await {
            Ok(Ok(rooms)) => Some(serde_json::json!({ "rooms": rooms }).to_string()),
            Ok(Err(error)) => {
                tracing::error!(%error, "the directory could not be read");
                None
            }
            Err(_) => {
                tracing::warn!("the directory did not answer in time");
                None
            }
        };
        mailboxes[query.partition as usize].put_answer((query, body));
    }
}

impl Actor {
    /// Has the directory asked.
    pub(super) fn ask_directory(&mut self, queries: Vec<ListQuery>) {
        for query in queries {
            self.asked.push(query.clone());
            // Nobody is there to answer only while the process ends.
            let _ = self.shared.queries.send((query, Instant::now()));
        }
    }

    /// Has the directory asked again what an owner before this change of members has not answered.
    pub(super) fn ask_directory_again(&mut self) {
        let asked = std::mem::take(&mut self.asked);
        self.ask_directory(asked);
    }

    /// Those answers that somebody still waits for.
    pub(super) fn awaited(&self, answers: Vec<ListAnswer>) -> Vec<ListAnswer> {
        let awaited = answers.into_iter();
        awaited
            .filter(|(query, _)| self.asked.contains(query))
            .collect()
    }

    /// These answers are committed.
    pub(super) fn have_answered(&mut self, answers: &[ListAnswer]) {
        for (query, _) in answers {
            if let Some(at) = self.asked.iter().position(|asked| asked == query) {
                self.asked.swap_remove(at);
            }
        }
    }

    /// An answer for everybody who waits for one, for a last batch: the list where it comes soon.
    pub(super) fn last_answers(&self) -> Vec<ListAnswer> {
        if self.asked.is_empty() {
            return Vec::new();
        }
        let mailbox = self.shared.mailbox(self.number);
        let until = std::time::Instant::now() + LAST_ANSWER_WITHIN;
        let mut answers = self.awaited(mailbox.take_answers(self.asked.len(), until));
        for query in &self.asked {
            if !answers.iter().any(|(answered, _)| answered == query) {
                answers.push((query.clone(), None));
            }
        }
        answers
    }

    /// Answers everybody before somebody else may own the partition. Whether the state in memory still holds.
    pub(super) fn answer_before_rest(&mut self, hold: &mut Hold) -> bool {
        let answers = self.last_answers();
        if answers.is_empty() || hold.is_first {
            return true;
        }
        let now = hold.clock.now();
        let work = Work {
            answers,
            ..Work::default()
        };
        match self.one_batch(hold, now, work) {
            Ok(_) => true,
            Err(failed) => {
                tracing::warn!(
                    partition = self.number,
                    error = %failed.error,
                    "who asked for the list of rooms was not answered"
                );
                !failed.is_decided
            }
        }
    }
}
