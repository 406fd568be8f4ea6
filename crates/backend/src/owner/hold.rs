//! What an owner holds of its partition, and how it finds it: by taking the partition over, or by reading
//! all of it again where a batch has failed.

use super::actor::Actor;
use super::caution::{Caution, Measure, PUT_OFF_MS};
use super::horizon::Ends;
use super::lists::note_asked;
use super::liveness::Liveness;
use super::losses::Newest;
use super::shared::{Offsets, Shared};
use crate::metrics::METRICS;
use crate::outgoing::Outgoing;
use crate::partition::{JOURNAL_TOPIC, ListQuery, Partition, Rules};
use crate::recovery::{RecentBatches, Recovery};
use crate::steady_clock::SteadyClock;
use crate::store::postgres::{PartitionState, PgStore};
use crate::store::{Ownership, Store, StoreError};
use blazing_sun_backbone::clock;
use blazing_sun_backbone::log::{NewRecord, Record, Topic};
use blazing_sun_backbone::messages::queue_key;
use blazing_sun_backbone::partitioner::partition_of;
use blazing_sun_domain::Millis;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::time::Instant;

/// Batches that are read at once.
pub(super) const BATCHES_AT_ONCE: u32 = 256;

/// The state of an owned partition.
pub(super) struct Hold {
    pub number: u32,
    pub store: PgStore,
    pub ownership: Ownership,
    pub clock: SteadyClock,
    pub partition: Partition,
    pub outgoing: Outgoing,
    /// What is decided.
    pub next: Offsets,
    /// The newest instants of it.
    pub newest: Newest,
    /// The last that each partition has forwarded, by topic.
    pub forwarded: FxHashMap<(u32, Topic), u64>,
    /// Where the numberings go on, as stored.
    pub positions: FxHashMap<(Topic, u32), u64>,
    pub recent: RecentBatches,
    /// Taken, and not decided because a batch failed.
    pub again: VecDeque<Record>,
    /// So many of these are decided one by one.
    pub singly: usize,
    pub caution: Caution,
    /// What the store can not take: the next record is put aside for this reason.
    pub refused: Option<String>,
    pub liveness: Liveness,
    /// The batches from here on are not with the publisher.
    pub unpublished_from: Option<u64>,
    /// How many records they have, as far as is known.
    pub unpublished_records: u64,
    /// As stored.
    pub published_upto: u64,
    pub failures: u32,
    /// Something was lost of what it reads: what was sent to others may be, too.
    pub has_lost: bool,
    /// Lists of rooms that an owner before was asked for and has not told, each with the batch that took the question.
    pub asked: Vec<(u64, ListQuery)>,
    /// How often it was looked in vain what the topics hold since a producer failed.
    pub looks: u32,
    /// Since records were last read anew, rooms of matches were not asked for again.
    pub asks_again: bool,
    /// Nothing is committed since the partition was taken over: deadlines are where the owner before left them.
    pub is_first: bool,
    /// Whether paid joins were refused in the last batch.
    pub was_congested: bool,
}

impl Hold {
    /// Tells once when paid joins begin to be refused, and once when they are taken again.
    pub fn note_congestion(&mut self, is_congested: bool) {
        match (self.was_congested, is_congested) {
            (false, true) => {
                METRICS.congested.inc();
                tracing::warn!(
                    partition = self.number,
                    "what is decided is not published: nobody may join a paid game for now"
                );
            }
            (true, false) => {
                METRICS.congested.dec();
                tracing::info!(
                    partition = self.number,
                    "what is decided is published again: paid games may be joined"
                );
            }
            _ => {}
        }
        self.was_congested = is_congested;
    }

    /// Takes the partition from whoever had it, and finds its state.
    pub fn take_over(shared: &Shared, number: u32) -> Result<Hold, StoreError> {
        let begun = Instant::now();
        let mut store = PgStore::new(&shared.postgres, number, &shared.name)?;
        let ownership = store.take_over(clock::now())?;
        let mut clock = SteadyClock::after(ownership.last_alive.unwrap_or_default());
        let now = clock.now();
        let outage = ownership
            .last_alive
            .map_or(0, |alive| (now.0 - alive.0).max(0));
        let mut hold = Hold {
            number,
            store,
            ownership,
            clock,
            partition: Partition::new(number),
            outgoing: Outgoing::new(random()?),
            next: Offsets::new(),
            newest: Newest::new(),
            forwarded: FxHashMap::default(),
            positions: FxHashMap::default(),
            recent: RecentBatches::default(),
            again: VecDeque::new(),
            singly: 0,
            caution: Caution::default(),
            refused: None,
            liveness: Liveness::at(ownership.last_alive.unwrap_or(now)),
            unpublished_from: None,
            unpublished_records: 0,
            published_upto: 0,
            failures: 0,
            has_lost: false,
            asked: Vec::new(),
            looks: 0,
            asks_again: true,
            is_first: true,
            was_congested: false,
        };
        hold.outgoing.number_forwarded(number);
        hold.load(&shared.rules)?;
        hold.load_presence(&shared.rules)?;
        shared.publisher.lanes().begin(number, hold.published_upto);
        if hold.published_upto < hold.ownership.batch_no {
            hold.unpublished_from = Some(hold.published_upto + 1);
        }
        METRICS.take_overs.inc();
        tracing::info!(
            partition = number,
            engine.epoch = hold.ownership.epoch,
            engine.rooms = hold.partition.room_count(),
            engine.outage_ms = outage,
            engine.took_ms = begun.elapsed().as_millis() as u64,
            unpublished = hold.ownership.batch_no - hold.published_upto,
            "the partition is taken over"
        );
        Ok(hold)
    }

    /// Forgets what was taken: it will be read again.
    pub fn forget_taken(&mut self) {
        self.again.clear();
        self.singly = 0;
        self.refused = None;
    }

    /// Whether more is due that was not fired, because little is tried at once.
    pub fn is_ready_to_fire(&mut self, ends: Option<(Millis, Ends)>) -> bool {
        let now = self.clock.now();
        self.caution.keeps_apart()
            && !self.liveness.is_outage(now)
            && ends.is_some_and(|(at, ends)| {
                self.partition.is_due(at) && Actor::has_decided(self, &ends)
            })
    }

    /// Deadlines that the store did not take fire later.
    pub fn put_off_deadlines(&mut self) {
        if self.caution.take_put_off_gone() {
            let now = self.clock.now();
            self.partition.put_off_gone(now, PUT_OFF_MS);
        }
        for (room, until) in self.caution.put_off() {
            self.partition.put_off_deadline(room, until);
        }
    }

    /// Decides these before all others that are taken.
    pub fn take_back(&mut self, records: Vec<Record>) {
        for record in records.into_iter().rev() {
            self.again.push_front(record);
        }
    }

    /// The store has taken a batch of so many records, or of what was due.
    pub fn was_taken(&mut self, records: usize, fired: bool, now: Millis) {
        if let Some(verdict) = self.caution.verdict.take() {
            if verdict.measure == Measure::PutOff {
                tracing::error!(
                    partition = self.number,
                    room.id = %verdict.room,
                    reason = verdict.reason,
                    "the store can not take a room's deadline; it is put off"
                );
            }
            return;
        }
        self.caution.was_taken(records, fired);
        if fired {
            let partition = &self.partition;
            self.caution
                .forget_fired(now, |room| partition.is_room_due(room, now));
        }
    }

    /// Reads all state again but who is connected.
    pub fn reload(&mut self, rules: &Rules) -> Result<(), StoreError> {
        self.store.roll_back();
        let now = self.clock.now();
        let before = std::mem::replace(&mut self.partition, Partition::new(self.number));
        self.partition
            .keep_presence_of(before, now, rules.gateway_silence_ms);
        self.load(rules)?;
        self.put_off_deadlines();
        Ok(())
    }

    fn load(&mut self, rules: &Rules) -> Result<(), StoreError> {
        let (number, count) = (self.number, rules.partitions);
        self.outgoing.forget();
        self.positions.clear();
        let PartitionState {
            published_upto,
            next_offsets,
            newest,
            forwarded,
            positions,
        } = self.store.state()?;
        self.published_upto = published_upto;
        for position in positions {
            let (topic, target) = (position.topic, position.target);
            self.outgoing
                .set_outbox_seq(topic.clone(), target, position.next_seq);
            self.positions.insert((topic, target), position.next_seq);
        }
        self.next = next_offsets.into_iter().collect();
        self.newest = newest.into_iter().collect();
        let forwarded = forwarded.into_iter();
        self.forwarded = forwarded
            .map(|last| ((last.source, last.topic), last.seq))
            .collect();

        let now = self.clock.now();
        let partition = &mut self.partition;
        let mut recovery = Recovery::new(rules);
        for snapshot in self.store.rooms()? {
            recovery.room(partition, snapshot);
        }
        let floor = self.store.floor()?;
        for kept in self.store.quarantined_rooms()? {
            recovery.quarantined(partition, kept, floor);
        }
        for snapshot in self.store.inboxes()? {
            recovery.inbox(partition, &snapshot, now)?;
        }
        for (game_type, state) in self.store.queues()? {
            let mut owner = Partition::new(number);
            let is_ours = partition_of(queue_key(&game_type).as_bytes(), count) == number;
            let queue_of = if is_ours { &mut *partition } else { &mut owner };
            for user in queue_of.restore_queue(&game_type, &state)? {
                if partition_of(user.to_string().as_bytes(), count) == number {
                    partition.restore_place(user, &game_type);
                }
            }
        }
        self.recent = RecentBatches::default();
        self.asked.clear();
        let mut from = floor;
        loop {
            let batches = self.store.batches(from, BATCHES_AT_ONCE)?;
            let Some(last) = batches.last().map(|batch| batch.batch_no) else {
                break;
            };
            for batch in batches {
                let journal = |record: &&NewRecord| record.topic.as_str() == JOURNAL_TOPIC;
                for record in batch.records.iter().filter(journal) {
                    let at = (number, &mut *partition);
                    recovery.journal(at, batch.batch_no, batch.at, &record.payload)?;
                }
                note_asked(&mut self.asked, batch.batch_no, &batch.records)?;
                self.recent.note(batch.batch_no, batch.records.len());
            }
            from = last + 1;
        }
        let store = &mut self.store;
        self.partition
            .forget_ended(|room| Ok(store.ended_room(room)?.is_some()))
    }

    /// Takes back who was connected: whether they still are, those say who hear their gateways.
    fn load_presence(&mut self, rules: &Rules) -> Result<(), StoreError> {
        let now = self.clock.now();
        let gone_at = now.plus(rules.gone_after_restart_ms);
        for connection in self.store.connections()? {
            self.partition.restore_connection(connection, gone_at);
        }
        let gateways = self.store.gateways()?;
        self.partition.expect_gateways(rules, &gateways, now);
        Ok(())
    }
}

/// The records of a batch that others are to read.
pub(super) fn sent_of(records: Vec<NewRecord>) -> Vec<NewRecord> {
    let mut records = records;
    records.retain(|record| record.topic.as_str() != JOURNAL_TOPIC);
    records
}

pub(super) fn random() -> Result<u64, StoreError> {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(u64::from_le_bytes(bytes)),
        Err(error) => Err(StoreError::Thread(std::io::Error::other(error.to_string()))),
    }
}

/// Nothing is due before anything happens.
pub(super) const NEVER: Millis = Millis(i64::MIN);
