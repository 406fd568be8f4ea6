//! Lists of rooms that were asked for: read from the directory beside the batches, and answered by a later batch of
//! the partition that was asked. Who asks is answered also where that one goes to another owner, or hears that the
//! list is not to be had. A question is journaled by the batch that takes it, so that an owner after a kill finds it.

use super::actor::Actor;
use super::batch::Work;
use super::hold::Hold;
use super::mailbox::Mailbox;
use crate::outgoing::Outgoing;
use crate::partition::{JOURNAL_TOPIC, JournalRecord, ListAnswer, ListQuery, put_question};
use crate::store::StoreError;
use crate::store::postgres::PgDirectory;
use blazing_sun_backbone::log::{NewRecord, Topic};
use blazing_sun_backbone::messages::{header, room_list_body};
use blazing_sun_backbone::topics;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long the directory has to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long an owner that is to rest or to end waits for answers: other members wait for it.
const LAST_ANSWER_WITHIN: Duration = Duration::from_millis(300);

/// How the journal's record of a question begins.
const QUESTION: &[u8] = br#"{"l":"#;

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
            Ok(Ok(rooms)) => Some(room_list_body(rooms)),
            Ok(Err(error)) => {
                tracing::error!(%error, correlation_id = query.correlation_id, user.id = %query.user, "the directory could not be read");
                None
            }
            Err(_) => {
                tracing::warn!(correlation_id = query.correlation_id, user.id = %query.user, "the directory did not answer in time");
                None
            }
        };
        mailboxes[query.partition as usize].put_answer((query, body));
    }
}

/// Journals what is asked in a batch.
pub(super) fn note_questions(outgoing: &mut Outgoing, partition: u32, queries: &[ListQuery]) {
    for query in queries {
        let journal = Topic::new(JOURNAL_TOPIC);
        outgoing.plain(&journal, partition, |out| put_question(out, query));
    }
}

/// Takes note of what is asked and what is answered in a batch that was committed.
pub(super) fn note_asked(
    asked: &mut Vec<(u64, ListQuery)>,
    batch_no: u64,
    records: &[NewRecord],
) -> Result<(), StoreError> {
    // Answers stand before the questions of a batch.
    if !asked.is_empty() {
        for record in records {
            if record.topic.as_str() == topics::GAMES_EVENTS
                && let Some(answered) = record.headers.text(header::CORRELATION_ID)
            {
                asked.retain(|(_, query)| query.correlation_id != answered);
            }
        }
    }
    for record in records {
        if record.topic.as_str() != JOURNAL_TOPIC || !record.payload.starts_with(QUESTION) {
            continue;
        }
        let journaled = serde_json::from_slice::<JournalRecord>(&record.payload);
        let journaled = journaled.map_err(|error| {
            StoreError::Corrupt(format!("journal in batch {batch_no}: {error}"))
        })?;
        asked.extend(journaled.question.map(|query| (batch_no, query)));
    }
    Ok(())
}

impl Actor {
    /// Has the directory asked; each question is known since its batch.
    pub(super) fn ask_directory(&mut self, queries: Vec<(u64, ListQuery)>) {
        for (batch_no, query) in queries {
            self.asked.push((batch_no, query.clone()));
            // Nobody is there to answer only while the process ends.
            let _ = self.shared.queries.send((query, Instant::now()));
        }
    }

    /// Since which batch somebody waits for a list who does not get it now.
    pub(super) fn asked_since(&self, answers: &[ListAnswer]) -> Option<u64> {
        let is_answered = |query: &ListQuery| answers.iter().any(|(answered, _)| answered == query);
        let asked = self.asked.iter();
        let asked = asked.filter(|(_, query)| !is_answered(query));
        asked.map(|(batch_no, _)| *batch_no).min()
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
            .filter(|(query, _)| self.asked.iter().any(|(_, asked)| asked == query))
            .collect()
    }

    /// These answers are committed.
    pub(super) fn have_answered(&mut self, answers: &[ListAnswer]) {
        for (query, _) in answers {
            if let Some(at) = self.asked.iter().position(|(_, asked)| asked == query) {
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
        for (_, query) in &self.asked {
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
