//! The thread that owns a partition: it waits at its mailbox, takes the partition over when that is wanted,
//! and decides batch after batch for as long as it is the owner.

use super::batch::Work;
use super::failure::{BACKOFF_MS, BACKOFF_MS_MAX};
use super::hold::{BATCHES_AT_ONCE, Hold, NEVER, sent_of};
use super::horizon::{Ends, TOPICS};
use super::liveness::Liveness;
use super::mailbox::Wanted;
use super::shared::{Offsets, Shared, Told};
use crate::metrics::METRICS;
use crate::partition::{Held, ListAnswer, ListQuery};
use crate::store::StoreError;
use blazing_sun_backbone::log::Record;
use blazing_sun_domain::Millis;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// With so many records that are not published, or so old ones, nobody is let into games that cost something; …
const CONGESTED_RECORDS: u64 = 50_000;
const CONGESTED_MS: i64 = 30_000;
/// … and with so many nothing more is taken.
const BLOCKED_RECORDS: u64 = 100_000;
/// Who has lost a partition that the group still calls its own takes it over again after so long: a session's
/// time, in which a process that was stopped learns that it is not a member any more.
const RETAKE_AFTER: Duration = Duration::from_secs(7);
/// How long an owner rests at most.
const REST_MAX: Duration = Duration::from_secs(1);
/// How long what is published waits for a batch to be noted with.
const NOTED_AFTER: Duration = Duration::from_millis(500);
/// An owner that ends saves so much in its last batch, and what is more before it.
const SAVED_LAST: usize = 64;
/// How often old batches are deleted.
const FORGET_EVERY: Duration = Duration::from_secs(5);
/// How many at once.
const FORGOTTEN_AT_ONCE: u32 = 1_000;

/// An owner's thread.
pub(super) struct Actor {
    pub number: u32,
    pub shared: Arc<Shared>,
    /// When expired answers were last looked for.
    pub swept: Millis,
    /// When expired messages were last deleted.
    pub messages_swept: Millis,
    /// What it has taken note of last.
    pub acts_by: Wanted,
    /// Who waits for a list of rooms, since which batch.
    pub asked: Vec<(u64, ListQuery)>,
    pub hold: Option<Box<Hold>>,
}

/// Why an owner stops deciding.
pub(super) enum Stopped {
    /// Something else is wanted.
    Asked,
    /// Another process has taken the partition over.
    Fenced,
    /// Half of something is decided, or it is not known whether it was written: nobody goes on from there.
    Astray,
}

/// What an owner remembers from batch to batch of when things happen.
struct Pace {
    /// The ends of the topics are asked for.
    asked: bool,
    /// What was asked for, and is not all decided.
    ends: Option<(Millis, Ends)>,
    /// Up to there topics have no more than what was taken last, …
    passing: Offsets,
    /// … and what is decided.
    passed: Offsets,
    last_batch: Instant,
    last_forgotten: Instant,
}

impl Pace {
    /// What was taken before is decided, or is to be decided again.
    fn pass(&mut self, hold: &Hold) {
        if hold.again.is_empty() {
            self.passed.append(&mut self.passing);
            self.leave_out_passed(hold);
        }
    }

    /// Waits for no offset behind the last record of a topic: Kafka gives some to the marks of transactions.
    fn leave_out_passed(&mut self, hold: &Hold) {
        let Some((_, ends)) = &mut self.ends else {
            return;
        };
        for (topic, passed) in &self.passed {
            let of_topic = TOPICS.iter().position(|name| *name == topic.as_str());
            let Some(end) = of_topic.and_then(|at| ends.get_mut(at)) else {
                continue;
            };
            if *passed >= *end {
                *end = hold.next.get(topic).map_or(0, |next| *next.min(end));
            }
        }
    }
}

impl Actor {
    pub fn new(number: u32, shared: Arc<Shared>) -> Actor {
        Actor {
            number,
            shared,
            swept: Millis::default(),
            messages_swept: Millis::default(),
            acts_by: Wanted::Nothing,
            asked: Vec::new(),
            hold: None,
        }
    }

    /// Until it is wanted to end.
    pub fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mailbox = shared.mailbox(self.number);
        loop {
            let wanted = mailbox.wanted();
            self.acts_by = wanted;
            match wanted {
                Wanted::End | Wanted::Abandoned => {
                    if wanted == Wanted::End {
                        self.end();
                    }
                    mailbox.note(wanted);
                    return;
                }
                Wanted::Owned(generation) => {
                    mailbox.note(wanted);
                    let stopped = self.own(wanted, generation);
                    if let Stopped::Fenced = stopped {
                        METRICS.fenced.inc();
                        tracing::warn!(
                            partition = self.number,
                            "another process has taken the partition over"
                        );
                        self.let_go();
                        let partition = self.number;
                        shared.tell(Told::Lost { partition });
                        mailbox.forget_records();
                        mailbox.wait_for_change(wanted, RETAKE_AFTER);
                    }
                    continue;
                }
                Wanted::Nothing => {
                    self.let_go();
                    self.asked.clear();
                }
                Wanted::Parked => {
                    if let Some(mut hold) = self.hold.take() {
                        hold.store.roll_back();
                        hold.forget_taken();
                        if self.answer_before_rest(&mut hold) {
                            self.hold = Some(hold);
                        }
                    }
                }
            }
            mailbox.note(wanted);
            self.tell_held(mailbox.take_held_asked());
            mailbox.wait_for_question(wanted);
        }
    }

    /// The partition is another's.
    fn let_go(&mut self) {
        if self.hold.take().is_some_and(|hold| hold.was_congested) {
            METRICS.congested.dec();
        }
        self.shared.note_unpublished(self.number, 0);
        self.shared.publisher.lanes().forget(self.number);
    }

    pub(super) fn tell_held(&self, asked: Vec<tokio::sync::oneshot::Sender<Held>>) {
        for sender in asked {
            let mut held = Held::default();
            if let Some(hold) = &self.hold {
                hold.partition.add_held(&mut held);
            }
            // Who asked may have gone away.
            let _ = sender.send(held);
        }
    }

    /// Owns the partition for as long as that is wanted.
    fn own(&mut self, wanted: Wanted, generation: u64) -> Stopped {
        let shared = Arc::clone(&self.shared);
        let mailbox = shared.mailbox(self.number);
        let mut hold = match self.find(wanted) {
            Ok(found) => found,
            Err(stopped) => return stopped,
        };
        if let Err(stopped) = self.find_losses(&mut hold, wanted) {
            if let Stopped::Asked = stopped {
                self.hold = Some(hold);
            }
            return stopped;
        }
        mailbox.forget_records();
        hold.forget_taken();
        hold.asks_again = true;
        self.ask_directory_again();
        shared.tell(Told::Ready {
            partition: self.number,
            generation,
            offsets: hold.next.clone(),
        });
        mailbox.note_deciding(generation);
        let mut pace = Pace {
            asked: false,
            ends: None,
            passing: Offsets::new(),
            passed: Offsets::new(),
            last_batch: Instant::now(),
            last_forgotten: Instant::now(),
        };
        let stopped = loop {
            if mailbox.wanted() != wanted {
                break Stopped::Asked;
            }
            if let Err(stopped) = self.step(&mut hold, &mut pace, wanted) {
                break stopped;
            }
        };
        if let Stopped::Asked = stopped {
            self.hold = Some(hold);
        }
        stopped
    }

    /// Waits for something, and does it.
    fn step(&mut self, hold: &mut Hold, pace: &mut Pace, wanted: Wanted) -> Result<(), Stopped> {
        self.look_again(hold)?;
        self.publish_more(hold);
        self.shared
            .note_unpublished(self.number, hold.unpublished_records);
        pace.pass(hold);
        self.ask_for_ends(hold, pace);
        let most = match self.unpublished(hold) > BLOCKED_RECORDS {
            true => 0,
            false => hold.caution.records_most(),
        };
        let shared = Arc::clone(&self.shared);
        let mailbox = shared.mailbox(self.number);
        if !hold.is_first && hold.again.is_empty() && mailbox.take_astray() {
            return Err(Stopped::Asked);
        }
        let saves_ahead = self.saves_ahead(hold);
        let rest = match hold.again.is_empty() && !hold.is_first && !saves_ahead {
            true => self.rest(hold, pace),
            false => Duration::ZERO,
        };
        let most_new = if hold.again.is_empty() { most } else { 0 };
        let taken = mailbox.take(Instant::now() + rest, most_new, wanted);
        let answers = self.awaited(taken.answers);
        if mailbox.wanted() != wanted {
            for answer in answers {
                mailbox.put_answer(answer);
            }
            return Ok(());
        }
        let now = hold.clock.now();
        if let Some(answered) = taken.ends {
            pace.asked = false;
            hold.liveness.brokers_answered(now);
            pace.ends.get_or_insert(answered);
            pace.leave_out_passed(hold);
        }
        pace.passing.extend(taken.passed);
        for sender in taken.held_asked {
            let mut held = Held::default();
            hold.partition.add_held(&mut held);
            // Who asked may have gone away.
            let _ = sender.send(held);
        }
        let work = self.work(hold, pace, (taken.records, answers), now);
        let work = match work {
            Some(work) => Some(Work {
                saves_ahead,
                ..work
            }),
            None => saves_ahead.then(|| Work {
                saves_ahead,
                ..Work::default()
            }),
        };
        let Some(work) = work else {
            return self.keep_house(hold, pace);
        };
        let (fires, count) = (work.horizon > NEVER, work.records.len());
        let (is_first, asks_again) = (work.is_first, work.asks_again);
        let shifted = work.shift_ms.is_some();
        match self.one_batch(hold, now, work) {
            Ok(is_written) => {
                // What is published is noted soon, also while nothing comes of what falls due.
                if is_written {
                    pace.last_batch = Instant::now();
                } else {
                    self.keep_house(hold, pace)?;
                }
                if count > 0 {
                    hold.singly = hold.singly.saturating_sub(1);
                    hold.refused = None;
                }
                hold.asks_again &= !asks_again;
                hold.was_taken(count, fires, now);
                if fires && !hold.is_ready_to_fire(pace.ends) {
                    pace.ends = None;
                }
                if is_first {
                    hold.is_first = false;
                    hold.liveness = Liveness::at(now);
                } else if shifted {
                    hold.liveness.outage_told();
                }
                Ok(())
            }
            Err(failed) => self.after_failure(hold, *failed, wanted),
        }
    }

    /// Whether the owner is to save more than it has to, because it ends soon. One whose batches fail ends as it is.
    fn saves_ahead(&self, hold: &Hold) -> bool {
        let mailbox = self.shared.mailbox(self.number);
        if !mailbox.saves_all() {
            return false;
        }
        let is_able = !hold.is_first && hold.failures == 0 && hold.caution.verdict.is_none();
        let saves = is_able && hold.partition.unsaved() > SAVED_LAST;
        if !saves {
            mailbox.note_saved();
        }
        saves
    }

    /// What is to be done now; none: nothing.
    fn work(
        &self,
        hold: &mut Hold,
        pace: &Pace,
        (records, answers): (Vec<Record>, Vec<ListAnswer>),
        now: Millis,
    ) -> Option<Work> {
        let mut work = Work {
            answers,
            records,
            ..Work::default()
        };
        if !hold.again.is_empty() {
            let count = match hold.singly {
                0 => hold.again.len().min(hold.caution.records_most()),
                _ => 1,
            };
            work.records = hold.again.drain(..count).collect();
        }
        if hold.is_first {
            work.is_first = true;
            let alive = hold.ownership.last_alive;
            work.shift_ms = Some(alive.map_or(0, |alive| (now.0 - alive.0).max(0)));
            work.asks_again = hold.asks_again;
            return Some(work);
        }
        if hold.caution.verdict.is_some() {
            hold.take_back(std::mem::take(&mut work.records));
            work.verdict = hold.caution.verdict.clone();
            return Some(work);
        }
        if hold.liveness.is_outage(now) {
            work.shift_ms = hold.liveness.outage_over(now);
        } else if hold.singly == 0
            && let Some((at, ends)) = pace.ends
            && hold.partition.is_due(at)
            && Actor::has_decided(hold, &ends)
            && hold.caution.may_fire(work.records.len())
        {
            work.horizon = at;
            work.fires_most = hold.caution.fires_most();
            if hold.caution.keeps_apart() {
                hold.take_back(std::mem::take(&mut work.records));
            }
        }
        hold.asks_again &= hold.partition.awaits_rooms();
        work.asks_again = hold.asks_again;
        let has_something = work.asks_again
            || work.shift_ms.is_some()
            || work.horizon > NEVER
            || !work.records.is_empty()
            || !work.answers.is_empty();
        has_something.then_some(work)
    }

    /// Asks where the topics end when something is due, and now and then while something will be.
    fn ask_for_ends(&self, hold: &mut Hold, pace: &mut Pace) {
        let now = hold.clock.now();
        let waits = hold.partition.next_due().is_some();
        let for_store = !hold.partition.has_deadlines();
        hold.liveness.nothing_waits(now, for_store, !waits);
        if let Some((at, ends)) = &pace.ends
            && !hold.partition.is_due(*at)
            && Actor::has_decided(hold, ends)
        {
            // All was decided, and nothing was due.
            pace.ends = None;
        }
        let is_due = pace.ends.is_none() && hold.partition.is_due(now);
        if !pace.asked && waits && (is_due || now >= hold.liveness.brokers_due()) {
            pace.asked = true;
            self.shared.horizon.ask(self.number, now);
        }
    }

    /// How long nothing needs to be done if nothing comes.
    fn rest(&self, hold: &mut Hold, pace: &Pace) -> Duration {
        let now = hold.clock.now();
        let mut next = now.plus(REST_MAX.as_millis() as i64);
        if let Some(due) = hold.partition.next_due() {
            if !pace.asked {
                next = next.min(hold.liveness.brokers_due());
                if pace.ends.is_none() {
                    next = next.min(due);
                }
            }
            if hold.partition.has_deadlines() {
                next = next.min(hold.liveness.store_due());
            }
        }
        // Where a batch comes every second, there would be no moment in which nothing else is done.
        let acknowledged = self.shared.publisher.lanes().acknowledged(self.number);
        if acknowledged > hold.published_upto {
            let left = NOTED_AFTER.saturating_sub(pace.last_batch.elapsed());
            next = next.min(now.plus(left.as_millis() as i64 + 1));
        }
        if hold.caution.verdict.is_some() || hold.is_ready_to_fire(pace.ends) {
            return Duration::ZERO;
        }
        if hold.unpublished_from.is_some() && self.shared.publisher.lanes().has_room(self.number) {
            return Duration::ZERO;
        }
        Duration::from_millis((next.0 - now.0).max(0) as u64)
    }

    /// What is done when there is nothing else.
    fn keep_house(&mut self, hold: &mut Hold, pace: &mut Pace) -> Result<(), Stopped> {
        let now = hold.clock.now();
        if hold.partition.has_deadlines() && now >= hold.liveness.store_due() {
            let alive = hold.liveness.alive(now);
            match hold.store.show_alive(&hold.ownership, alive) {
                Ok(()) => hold.liveness.store_committed(now),
                Err(StoreError::Fenced { .. }) => return Err(Stopped::Fenced),
                Err(error) => {
                    tracing::debug!(%error, "the store hears no sign of life");
                    let wait = Duration::from_millis(BACKOFF_MS_MAX);
                    let mailbox = self.shared.mailbox(self.number);
                    mailbox.wait_for_change(mailbox.wanted(), wait);
                }
            }
        }
        let acknowledged = self.shared.publisher.lanes().acknowledged(self.number);
        if acknowledged > hold.published_upto && pace.last_batch.elapsed() > NOTED_AFTER {
            match hold.store.set_published_upto(&hold.ownership, acknowledged) {
                Ok(()) => hold.published_upto = acknowledged,
                Err(StoreError::Fenced { .. }) => return Err(Stopped::Fenced),
                Err(error) => tracing::debug!(%error, "it was not noted what is published"),
            }
            pace.last_batch = Instant::now();
        }
        if pace.last_forgotten.elapsed() > FORGET_EVERY {
            pace.last_forgotten = Instant::now();
            let before = hold.clock.now().plus(-self.shared.retention_ms);
            if let Err(error) = hold.store.delete_batches(before, FORGOTTEN_AT_ONCE) {
                tracing::warn!(%error, "old batches were not deleted");
            }
        }
        Ok(())
    }

    /// Hands the publisher what it had no room for.
    fn publish_more(&self, hold: &mut Hold) {
        let publisher = &self.shared.publisher;
        while let Some(from) = hold.unpublished_from {
            if !publisher.lanes().has_room(self.number) {
                return;
            }
            let batches = match hold.store.batches(from, BATCHES_AT_ONCE) {
                Ok(batches) => batches,
                Err(error) => {
                    tracing::warn!(partition = self.number, %error, "what is to be published can not be read");
                    std::thread::sleep(Duration::from_millis(BACKOFF_MS));
                    return;
                }
            };
            for batch in batches {
                let records = sent_of(batch.records);
                hold.unpublished_records = hold
                    .unpublished_records
                    .saturating_sub(records.len() as u64);
                publisher.publish(self.number, batch.batch_no, batch.at, records, None);
                hold.unpublished_from = Some(batch.batch_no + 1);
            }
            if hold.unpublished_from > Some(hold.ownership.batch_no)
                || hold.unpublished_from == Some(from)
            {
                hold.unpublished_from = None;
                hold.unpublished_records = 0;
            }
        }
    }

    fn unpublished(&self, hold: &Hold) -> u64 {
        let backlog = self.shared.publisher.lanes().backlog(self.number);
        backlog.records + hold.unpublished_records
    }

    /// Whether what is decided reaches nobody for long.
    pub(super) fn is_congested(&self, hold: &Hold) -> bool {
        let backlog = self.shared.publisher.lanes().backlog(self.number);
        backlog.oldest_ms > CONGESTED_MS
            || backlog.records + hold.unpublished_records > CONGESTED_RECORDS
    }

    /// Saves everything and notes what is published.
    fn end(&mut self) {
        let Some(mut hold) = self.hold.take() else {
            return;
        };
        if hold.is_first {
            // Deadlines are not moved yet: a sign of life would hide the outage from the next owner.
            return;
        }
        // The next owner looks again where this one can not.
        let _ = hold.look_again(&self.shared);
        self.publish_more(&mut hold);
        self.shared.publisher.flush_partition(self.number, REST_MAX);
        let now = hold.clock.now();
        let work = Work {
            answers: self.last_answers(),
            is_last: true,
            ..Work::default()
        };
        match self.one_batch(&mut hold, now, work) {
            Ok(_) => {
                self.publish_more(&mut hold);
                self.shared.publisher.flush_partition(self.number, REST_MAX);
                let acknowledged = self.shared.publisher.lanes().acknowledged(self.number);
                // The next owner publishes again what is not noted.
                let _ = hold.store.set_published_upto(&hold.ownership, acknowledged);
            }
            Err(failed) => {
                tracing::warn!(partition = self.number, error = %failed.error, "the last batch was not written");
            }
        }
    }
}
