//! What a partition's owner is handed by the other threads, in one place that it waits at.

use super::horizon::Ends;
use super::shared::Offsets;
use crate::partition::{Held, ListAnswer};
use blazing_sun_backbone::log::kafka::record_bytes_read;
use blazing_sun_backbone::log::{Record, Topic};
use blazing_sun_domain::Millis;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Records that wait for an owner: with more of them its partition is read no further, …
const RECORDS_MAX: usize = 4_096;
/// … or with so many bytes, …
const BYTES_MAX: usize = 8 << 20;
/// … until so much of it is left.
const RECORDS_LOW: usize = RECORDS_MAX / 4;
const BYTES_LOW: usize = BYTES_MAX / 4;

/// What is wanted of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Another process has the partition.
    Nothing,
    /// Nobody is to act: the members of the group change. Its state is kept.
    Parked,
    /// It owns the partition, since this change of members.
    Owned(u64),
    /// It saves everything and ends.
    End,
    /// It ends where it stands.
    Abandoned,
}

/// A letter box with one reader.
pub(super) struct Mailbox {
    mail: Mutex<Mail>,
    changed: Condvar,
    /// What the owner has taken note of.
    noted: Condvar,
}

struct Mail {
    wanted: Wanted,
    noted: Option<Wanted>,
    records: VecDeque<Record>,
    bytes: usize,
    /// How far topics are read whose last offsets are no records.
    passed: Offsets,
    answers: Vec<ListAnswer>,
    ends: Option<(Millis, Ends)>,
    /// What is read next is not there, of one topic at least.
    is_astray: bool,
    held_asked: Vec<oneshot::Sender<Held>>,
    is_woken: bool,
    /// Since which change of members the owner decides.
    decides: Option<u64>,
    /// Everything is saved beside what is decided: the owner is soon to end.
    is_ending: bool,
    /// Little is left to be saved, or it can not be.
    is_saved: bool,
}

/// What was there.
#[derive(Default)]
pub(super) struct Taken {
    pub records: Vec<Record>,
    /// With these all is taken that topics have up to there.
    pub passed: Offsets,
    pub answers: Vec<ListAnswer>,
    /// The ends of the partition's topics, asked for at that instant.
    pub ends: Option<(Millis, Ends)>,
    pub held_asked: Vec<oneshot::Sender<Held>>,
}

impl Mailbox {
    pub fn new() -> Mailbox {
        Mailbox {
            mail: Mutex::new(Mail {
                wanted: Wanted::Nothing,
                noted: None,
                records: VecDeque::new(),
                bytes: 0,
                passed: Offsets::new(),
                answers: Vec::new(),
                ends: None,
                is_astray: false,
                held_asked: Vec::new(),
                is_woken: false,
                decides: None,
                is_ending: false,
                is_saved: false,
            }),
            changed: Condvar::new(),
            noted: Condvar::new(),
        }
    }

    /// Says what is wanted from now on. What waits for being decided goes: it will be read again.
    pub fn want(&self, wanted: Wanted) {
        let mut mail = self.mail.lock();
        if !matches!(mail.wanted, Wanted::End | Wanted::Abandoned) {
            mail.wanted = wanted;
        }
        mail.forget_records();
        mail.is_astray = false;
        self.changed.notify_one();
    }

    pub fn wanted(&self) -> Wanted {
        self.mail.lock().wanted
    }

    /// The owner acts by this from now on.
    pub fn note(&self, wanted: Wanted) {
        self.mail.lock().noted = Some(wanted);
        self.noted.notify_all();
    }

    /// The owner has the partition's state, and decides.
    pub fn note_deciding(&self, generation: u64) {
        self.mail.lock().decides = Some(generation);
    }

    /// Whether the owner is wanted, and does not decide yet.
    pub fn is_awaited(&self) -> bool {
        let mail = self.mail.lock();
        matches!(mail.wanted, Wanted::Owned(_)) && !mail.is_decided_in()
    }

    /// Waits until the owner acts by what is wanted; whether it does.
    pub fn wait_noted(&self, until: Instant) -> bool {
        let mut mail = self.mail.lock();
        while mail.noted != Some(mail.wanted) {
            if self.noted.wait_until(&mut mail, until).timed_out() {
                return mail.noted == Some(mail.wanted);
            }
        }
        true
    }

    /// The owner is to end soon: it saves everything while it goes on deciding.
    pub fn prepare_end(&self) {
        let mut mail = self.mail.lock();
        (mail.is_ending, mail.is_woken) = (true, true);
        self.changed.notify_one();
    }

    /// Whether the owner saves everything beside what it decides.
    pub fn saves_all(&self) -> bool {
        let mail = self.mail.lock();
        mail.is_ending && !mail.is_saved
    }

    /// The owner has done what it could beside deciding.
    pub fn note_saved(&self) {
        self.mail.lock().is_saved = true;
        self.noted.notify_all();
    }

    /// Waits until an owner that decides has saved everything; whether it has, or there is none.
    pub fn wait_saved(&self, until: Instant) -> bool {
        let mut mail = self.mail.lock();
        while !mail.is_saved && mail.is_decided_in() {
            if self.noted.wait_until(&mut mail, until).timed_out() {
                return mail.is_saved || !mail.is_decided_in();
            }
        }
        true
    }

    /// Puts records in; whether more of them can be taken.
    pub fn put(&self, records: impl Iterator<Item = Record>) -> bool {
        let mut mail = self.mail.lock();
        if !matches!(mail.wanted, Wanted::Owned(_)) {
            return true;
        }
        for record in records {
            mail.bytes += record_bytes_read(&record);
            mail.records.push_back(record);
        }
        self.changed.notify_one();
        mail.records.len() < RECORDS_MAX && mail.bytes < BYTES_MAX
    }

    /// A topic is read up to there, by what is no record.
    pub fn put_passed(&self, topic: &Topic, next: u64) {
        let mut mail = self.mail.lock();
        if matches!(mail.wanted, Wanted::Owned(_)) {
            mail.passed.insert(topic.clone(), next);
            self.changed.notify_one();
        }
    }

    /// Whether a full box has become empty enough.
    pub fn has_room(&self) -> bool {
        let mail = self.mail.lock();
        mail.records.len() <= RECORDS_LOW && mail.bytes <= BYTES_LOW
    }

    /// An answer of the directory.
    pub fn put_answer(&self, answer: ListAnswer) {
        self.mail.lock().answers.push(answer);
        self.changed.notify_one();
    }

    /// Where the partition's topics ended after `asked`.
    pub fn put_ends(&self, asked: Millis, ends: Ends) {
        self.mail.lock().ends = Some((asked, ends));
        self.changed.notify_one();
    }

    /// The topics may not have what is to be read next: the owner is to say anew from where on.
    pub fn put_astray(&self) {
        self.mail.lock().is_astray = true;
        self.changed.notify_one();
    }

    /// Whether that was said, once all is taken that was read before.
    pub fn take_astray(&self) -> bool {
        let mut mail = self.mail.lock();
        mail.records.is_empty() && std::mem::take(&mut mail.is_astray)
    }

    /// Asks how much is held.
    pub fn ask_held(&self, sender: oneshot::Sender<Held>) {
        self.mail.lock().held_asked.push(sender);
        self.changed.notify_one();
    }

    /// Waits for the directory to answer so many times; what there is by then.
    pub fn take_answers(&self, count: usize, until: Instant) -> Vec<ListAnswer> {
        let mut mail = self.mail.lock();
        while mail.answers.len() < count {
            if self.changed.wait_until(&mut mail, until).timed_out() {
                break;
            }
        }
        std::mem::take(&mut mail.answers)
    }

    /// Lets the owner look around.
    pub fn wake(&self) {
        self.mail.lock().is_woken = true;
        self.changed.notify_one();
    }

    /// Drops the records that wait.
    pub fn forget_records(&self) {
        self.mail.lock().forget_records();
    }

    /// Waits for something, at most until `until`; takes at most `most` records of it.
    pub fn take(&self, until: Instant, most: usize, acts_by: Wanted) -> Taken {
        let mut mail = self.mail.lock();
        while mail.wanted == acts_by && !mail.has_something(most) {
            if self.changed.wait_until(&mut mail, until).timed_out() {
                break;
            }
        }
        mail.is_woken = false;
        let mut taken = Taken {
            answers: std::mem::take(&mut mail.answers),
            ends: mail.ends.take(),
            held_asked: std::mem::take(&mut mail.held_asked),
            ..Taken::default()
        };
        if mail.wanted == acts_by {
            let count = mail.records.len().min(most);
            taken.records = mail.records.drain(..count).collect();
            mail.bytes -= bytes_of(&taken.records);
            if mail.records.is_empty() {
                taken.passed = std::mem::take(&mut mail.passed);
            }
        }
        taken
    }

    /// Waits until something else is wanted, for so long at most.
    pub fn wait_for_change(&self, acts_by: Wanted, wait: Duration) {
        let mut mail = self.mail.lock();
        let until = Instant::now() + wait;
        while mail.wanted == acts_by {
            if self.changed.wait_until(&mut mail, until).timed_out() {
                return;
            }
        }
    }

    /// Waits until something else is wanted, or somebody asks how much is held.
    pub fn wait_for_question(&self, acts_by: Wanted) {
        let mut mail = self.mail.lock();
        while mail.wanted == acts_by && mail.held_asked.is_empty() {
            self.changed.wait(&mut mail);
        }
    }

    /// Those who ask an owner that holds nothing.
    pub fn take_held_asked(&self) -> Vec<oneshot::Sender<Held>> {
        std::mem::take(&mut self.mail.lock().held_asked)
    }
}

impl Mail {
    fn has_something(&self, most: usize) -> bool {
        most > 0 && (!self.records.is_empty() || self.is_astray)
            || !self.answers.is_empty()
            || self.ends.is_some()
            || self.records.is_empty() && !self.passed.is_empty()
            || !self.held_asked.is_empty()
            || self.is_woken
    }

    fn is_decided_in(&self) -> bool {
        matches!(self.wanted, Wanted::Owned(generation) if self.decides == Some(generation))
    }

    fn forget_records(&mut self) {
        // An end that was asked for before may not be there any more.
        self.ends = None;
        self.passed.clear();
        self.records.clear();
        self.bytes = 0;
    }
}

fn bytes_of(records: &[Record]) -> usize {
    records.iter().map(record_bytes_read).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_backbone::log::HeadersBuilder;

    #[test]
    fn all_that_a_record_holds_counts() {
        let record = |key: usize, headers: usize, payload: usize| {
            let mut all = HeadersBuilder::default();
            all.push("x", vec![b'x'; headers]);
            Record {
                topic: Topic::new("t"),
                partition: 0,
                offset: 0,
                timestamp: Millis(0),
                key: vec![b'k'; key].into(),
                headers: all.build(),
                payload: vec![b'p'; payload].into(),
            }
        };
        let half = BYTES_MAX / 2;
        for (key, headers, payload) in [(half, 0, 0), (0, half, 0), (0, 0, half)] {
            let mailbox = Mailbox::new();
            mailbox.want(Wanted::Owned(1));
            let put = || mailbox.put(std::iter::once(record(key, headers, payload)));
            assert_eq!([put(), put()], [true, false], "{key} {headers} {payload}");
            assert!(!mailbox.has_room());
            let taken = mailbox.take(Instant::now(), 2, Wanted::Owned(1));
            assert_eq!(taken.records.len(), 2);
            assert!(mailbox.has_room());
        }
    }

    #[test]
    fn who_asks_how_much_is_held_ends_no_pause() {
        let mailbox = Mailbox::new();
        let (sender, _receiver) = oneshot::channel();
        mailbox.ask_held(sender);
        let (begun, pause) = (Instant::now(), Duration::from_millis(20));
        mailbox.wait_for_change(Wanted::Nothing, pause);
        assert!(begun.elapsed() >= pause);
        mailbox.wait_for_question(Wanted::Nothing);
        assert_eq!(mailbox.take_held_asked().len(), 1);
    }
}
