//! One batch of an owner: taken, decided, committed, published.

use super::actor::Actor;
use super::caution::{Measure, Verdict};
use super::failure::backoff;
use super::forwarded::{Arrival, arrival};
use super::hold::{BATCHES_AT_ONCE, Hold, NEVER, sent_of};
use super::horizon::TOPICS;
use super::lists::note_questions;
use super::losses::AHEAD_MS_MAX;
use crate::metrics::METRICS;
use crate::partition::{JOURNAL_TOPIC, ListAnswer, ListQuery, Partition, Turn};
use crate::quarantine::{self, Note};
use crate::recovery::SAVED_PER_BATCH;
use crate::store::postgres::{Declared, Landed, OutboxPosition, OwnerBatch, PgStore};
use crate::store::{Store, StoreError, Writes};
use crate::traced::{Committing, Publishing};
use blazing_sun_backbone::kill_point;
use blazing_sun_backbone::log::{NewRecord, Record};
use blazing_sun_domain::{Cents, Millis, RoomId, UserId};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How often expired answers are looked for.
const SWEEP_MS: i64 = 600_000;
/// How often expired messages are deleted.
const MESSAGES_SWEEP_MS: i64 = 1_000;
/// How long it is asked whether a batch has landed, before all is read again.
const LANDED_WITHIN: Duration = Duration::from_secs(10);
/// How much a batch saves before an owner ends: whoever sends a command meanwhile waits for it.
const SAVED_AHEAD: usize = 256;
/// Longer records are no commands; they would not fit on their way to another partition.
const RECORD_BYTES_MAX: usize = 512 * 1024;

/// What goes into one batch.
pub(super) struct Work {
    pub records: Vec<Record>,
    pub answers: Vec<ListAnswer>,
    /// Deadlines up to here fire, …
    pub horizon: Millis,
    /// … of so many rooms.
    pub fires_most: usize,
    /// What is done about a room whose deadline the store does not take.
    pub verdict: Option<Verdict>,
    /// By how much deadlines move.
    pub shift_ms: Option<i64>,
    /// Rooms of matches are asked for again.
    pub asks_again: bool,
    /// It is the first since the partition was taken over.
    pub is_first: bool,
    /// Much is saved, so that little is left for the last batch.
    pub saves_ahead: bool,
    /// Everything is saved.
    pub is_last: bool,
}

impl Default for Work {
    fn default() -> Work {
        Work {
            records: Vec::new(),
            answers: Vec::new(),
            horizon: NEVER,
            fires_most: usize::MAX,
            verdict: None,
            shift_ms: None,
            asks_again: false,
            is_first: false,
            saves_ahead: false,
            is_last: false,
        }
    }
}

/// A batch that was not committed.
pub(super) struct Failed {
    pub work: Work,
    pub error: StoreError,
    /// The room whose deadline was to fire first.
    pub firing: Option<RoomId>,
    /// Something was decided, which the state in memory shows.
    pub is_decided: bool,
}

impl Actor {
    /// Decides and commits; whether anything was written.
    pub(super) fn one_batch(
        &mut self,
        hold: &mut Hold,
        now: Millis,
        work: Work,
    ) -> Result<bool, Box<Failed>> {
        kill_point!(Taken);
        let declared = declared(hold, &work);
        let firing = hold.partition.first_due_room(work.horizon).cloned();
        if let Err(error) = begin(hold, &declared) {
            return Err(Box::new(Failed {
                work,
                error,
                firing,
                is_decided: false,
            }));
        }
        let mut batch = OwnerBatch {
            silent_since: match work.shift_ms {
                Some(_) => None,
                None => hold.liveness.silent_since(),
            },
            published_upto: self.shared.publisher.lanes().acknowledged(hold.number),
            ..OwnerBatch::default()
        };
        let mut writes = Writes {
            now,
            ..Writes::default()
        };
        let mut queries = Vec::new();
        let begun = Instant::now();
        let decided = self.decide(hold, &mut batch, &mut writes, &mut queries, &work);
        let decided_at = Instant::now();
        let committing = Committing::begin(hold.outgoing.take_traced());
        let outcome = match decided {
            Ok(false) => {
                hold.store.roll_back();
                return Ok(false);
            }
            Ok(true) => self.commit(hold, &batch, &writes),
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            METRICS.commit_failures.inc();
            return Err(Box::new(Failed {
                work,
                error,
                firing,
                is_decided: true,
            }));
        }
        if !work.records.is_empty() {
            METRICS.batch_records.observe(work.records.len() as f64);
            METRICS.decide.observe((decided_at - begun).as_secs_f64());
            METRICS.commit.observe(decided_at.elapsed().as_secs_f64());
        }
        METRICS.committed(&writes);
        self.have_answered(&work.answers);
        let publishing = committing.map(|committing| Box::new(committing.committed()));
        self.committed(hold, batch, now, queries, publishing);
        Ok(true)
    }

    fn decide(
        &mut self,
        hold: &mut Hold,
        batch: &mut OwnerBatch,
        writes: &mut Writes,
        queries: &mut Vec<ListQuery>,
        work: &Work,
    ) -> Result<bool, StoreError> {
        let is_congested = self.is_congested(hold);
        hold.note_congestion(is_congested);
        let Hold {
            partition,
            outgoing,
            store,
            ..
        } = hold;
        let since = hold.liveness.last();
        let (now, batch_no) = (writes.now, hold.ownership.batch_no + 1);
        let rules = &self.shared.rules;
        outgoing.set_now(now);
        partition.begin_batch();
        let mut balances: BTreeMap<UserId, Cents> = BTreeMap::new();
        let mut fresh_secret = || {
            let mut secret = [0; 32];
            getrandom::fill(&mut secret).ok().map(|()| secret)
        };
        let mut turn = Turn {
            now,
            batch_no,
            store,
            writes,
            outgoing,
            balances: &mut balances,
            queries,
            rules,
            live: rules.live.as_it_is(),
            is_congested,
            fresh_secret: &mut fresh_secret,
        };
        if let Some(by_ms) = work.shift_ms {
            partition.shift_deadlines(&mut turn, by_ms)?;
            if work.is_first {
                partition.ask_for_gateways(&mut turn);
            } else {
                partition.shift_presence(now, by_ms, rules.gateway_silence_ms);
            }
        }
        partition.bring_back(&mut turn)?;
        if work.asks_again {
            partition.ask_for_rooms_again(&mut turn);
        }
        for (query, body) in &work.answers {
            partition.answer_list(&mut turn, query, body.as_deref());
        }
        for record in &work.records {
            let next = hold.next.get(&record.topic).copied().unwrap_or(0);
            if record.offset < next {
                continue;
            }
            batch.consume(&record.topic, record.offset);
            let at = record.timestamp.min(now.plus(AHEAD_MS_MAX));
            batch.note_instant(&record.topic, at);
            let arrival = arrival(&hold.forwarded, batch, record, |source, topic| {
                turn.store.next_forwarded(source, topic)
            })?;
            if let Arrival::Repeated = arrival {
                continue;
            }
            if let Arrival::Impossible(reason) = arrival {
                tracing::error!(
                    partition = record.partition,
                    topic = record.topic.as_str(),
                    offset = record.offset,
                    correlation_id = record.headers.text("correlation_id"),
                    reason,
                    "a record is no other partition's, as it says"
                );
                partition.dead_record(&mut turn, &shortened(record), &reason);
            } else if let Some(reason) = &hold.refused {
                partition.dead_record(&mut turn, &shortened(record), reason);
            } else if record.payload.len() > RECORD_BYTES_MAX {
                let reason = format!(
                    "{} bytes; a record has at most {RECORD_BYTES_MAX}",
                    record.payload.len()
                );
                partition.dead_record(&mut turn, &shortened(record), &reason);
            } else {
                partition.take(&mut turn, record)?;
            }
        }
        partition.fire(&mut turn, work.horizon, work.fires_most)?;
        if let Some(verdict) = &work.verdict {
            carry_out(partition, &mut turn, verdict)?;
        }
        if now.0 - self.swept.0 >= SWEEP_MS {
            self.swept = now;
            partition.forget_old_answers(&mut turn);
        }
        if now.0 - self.messages_swept.0 >= MESSAGES_SWEEP_MS {
            self.messages_swept = now;
            turn.writes.messages_kept_from = Some(now.plus(-rules.chat.kept_ms));
        }
        let (until, most) = match (work.is_last, work.saves_ahead) {
            (true, _) => (u64::MAX, usize::MAX),
            (false, true) => (u64::MAX, SAVED_AHEAD),
            (false, false) => (hold.recent.first(), SAVED_PER_BATCH),
        };
        // Before others are saved, which may fail: of this batch's inputs the store has none yet.
        let only = std::slice::from_mut(partition);
        quarantine::keep(only, &mut turn, since, journal)?;
        partition.save(&mut turn, until, most)?;
        note_questions(outgoing, hold.number, queries);
        let asked = self.asked_since(&work.answers);
        let asked = asked.or((!queries.is_empty()).then_some(batch_no));
        let floor = partition.floor().unwrap_or(batch_no + 1);
        writes.floor = asked.map_or(floor, |asked| asked.min(floor));
        batch.records.append(&mut outgoing.records);
        for (topic, target, next_seq) in outgoing.outbox_positions() {
            let before = hold.positions.get(&(topic.clone(), target));
            if before != Some(&next_seq) {
                batch.positions.push(OutboxPosition {
                    topic: topic.clone(),
                    target,
                    next_seq,
                });
            }
        }
        Ok(work.is_first
            || work.is_last
            || work.verdict.is_some()
            || !batch.consumed.is_empty()
            || !batch.records.is_empty()
            || !writes.rooms.is_empty()
            || !writes.inboxes.is_empty()
            || !writes.presence.is_empty()
            || !writes.queues.is_empty()
            || !writes.forgotten.is_empty()
            || !writes.quarantined.is_empty())
    }

    /// Commits; where the connection is lost over it, it is found out what became of it, for as long as this
    /// owner is to go on.
    fn commit(
        &mut self,
        hold: &mut Hold,
        batch: &OwnerBatch,
        writes: &Writes,
    ) -> Result<(), StoreError> {
        let (batch_no, source) = match hold.store.commit(&mut hold.ownership, batch, writes) {
            Err(StoreError::CommitUnknown { batch_no, source }) => (batch_no, source),
            outcome => return outcome,
        };
        tracing::warn!(partition = hold.number, error = %source, "the database was lost in the middle of a commit");
        let mailbox = self.shared.mailbox(self.number);
        let begun = Instant::now();
        let mut failures = 0;
        loop {
            match hold.store.landed(&mut hold.ownership) {
                Ok(Landed::Yes) => return Ok(()),
                Ok(Landed::No) => return Err(StoreError::Unreachable(source)),
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error),
            }
            if mailbox.wanted() != self.acts_by || begun.elapsed() > LANDED_WITHIN {
                return Err(StoreError::CommitUnknown { batch_no, source });
            }
            failures += 1;
            mailbox.wait_for_change(self.acts_by, backoff(failures));
        }
    }

    /// What a commit means here, once it has happened.
    fn committed(
        &mut self,
        hold: &mut Hold,
        batch: OwnerBatch,
        now: Millis,
        queries: Vec<ListQuery>,
        publishing: Option<Box<Publishing>>,
    ) {
        kill_point!(Committed);
        let batch_no = hold.ownership.batch_no;
        for (topic, next) in batch.next_offsets() {
            if let Some(run) = batch
                .consumed
                .iter()
                .find(|run| run.topic.as_str() == topic)
            {
                hold.next.insert(run.topic.clone(), next);
            }
        }
        for (topic, at) in batch.newest {
            let newest = hold.newest.entry(topic).or_default();
            *newest = at.max(*newest);
        }
        for last in batch.forwarded {
            hold.forwarded.insert((last.source, last.topic), last.seq);
        }
        for position in batch.positions {
            let of = (position.topic, position.target);
            hold.positions.insert(of, position.next_seq);
        }
        hold.recent.note(batch_no, batch.records.len());
        hold.published_upto = hold.published_upto.max(batch.published_upto);
        hold.liveness.store_committed(now);
        hold.failures = 0;
        let records = sent_of(batch.records);
        let publisher = &self.shared.publisher;
        if hold.unpublished_from.is_none() && publisher.lanes().has_room(hold.number) {
            publisher.publish(hold.number, batch_no, now, records, publishing);
        } else {
            hold.unpublished_records += records.len() as u64;
            hold.unpublished_from.get_or_insert(batch_no);
        }
        *self.shared.decided[hold.number as usize].lock() = hold.next.clone();
        self.shared.commits.send_modify(|count| *count += 1);
        let queries = queries.into_iter();
        self.ask_directory(queries.map(|query| (batch_no, query)).collect());
    }

    /// Whether all of the topics' records up to these ends are decided.
    pub(super) fn has_decided(hold: &Hold, ends: &[u64; TOPICS.len()]) -> bool {
        TOPICS.iter().zip(ends).all(|(topic, end)| {
            let next = hold.next.iter();
            let mut next = next.filter(|(found, _)| found.as_str() == *topic);
            next.next().map_or(0, |(_, next)| *next) >= *end
        })
    }
}

/// All that was journaled from a batch on.
fn journal(store: &mut PgStore, mut from: u64, note: Note<'_>) -> Result<(), StoreError> {
    loop {
        let batches = store.batches(from, BATCHES_AT_ONCE)?;
        let Some(last) = batches.last() else {
            return Ok(());
        };
        from = last.batch_no + 1;
        for batch in &batches {
            let journal = |record: &&NewRecord| record.topic.as_str() == JOURNAL_TOPIC;
            for record in batch.records.iter().filter(journal) {
                note(batch.batch_no, &record.payload)?;
            }
        }
    }
}

fn declared(hold: &Hold, work: &Work) -> Declared {
    let mut declared = Declared::default();
    if hold.refused.is_none() {
        for record in &work.records {
            hold.partition.needs(record, &mut declared);
        }
    }
    hold.partition
        .needs_to_fire(work.horizon, work.fires_most, &mut declared);
    declared
}

fn begin(hold: &mut Hold, declared: &Declared) -> Result<(), StoreError> {
    let begun = hold.store.begin(&hold.ownership, declared);
    #[cfg(feature = "failpoints")]
    if let Err(StoreError::Fenced { .. }) = begun
        && blazing_sun_backbone::is_planted!(FenceOff)
    {
        hold.store.ignore_fence(&mut hold.ownership)?;
        return hold.store.begin(&hold.ownership, declared);
    }
    begun
}

/// Does about a room what is left to be done where the store does not take its deadline.
fn carry_out(
    partition: &mut Partition,
    turn: &mut Turn<'_, PgStore>,
    verdict: &Verdict,
) -> Result<(), StoreError> {
    let (room, reason) = (&verdict.room, &verdict.reason);
    match verdict.measure {
        Measure::PutOff => partition.deadline_refused(turn, room, reason),
        Measure::CallOff => {
            if !partition.call_off(turn, room, reason)? {
                partition.withdraw(room, turn.batch_no, reason);
            }
        }
        Measure::Withdraw => partition.withdraw(room, turn.batch_no, reason),
    }
    Ok(())
}

/// As much of a record as fits into a dead letter.
fn shortened(record: &Record) -> Record {
    Record {
        payload: record
            .payload
            .slice(..record.payload.len().min(RECORD_BYTES_MAX)),
        ..record.clone()
    }
}

impl Partition {
    /// Whether anything is due at `now`.
    pub(super) fn is_due(&self, now: Millis) -> bool {
        self.next_due().is_some_and(|due| due <= now)
    }
}
