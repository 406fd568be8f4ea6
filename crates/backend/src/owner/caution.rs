//! What an owner has learned of batches that the store did not take: how much it tries at once, and which rooms'
//! deadlines it leaves alone.

use crate::store::StoreError;
use blazing_sun_domain::{Millis, RoomId};
use std::collections::BTreeMap;

/// Records taken into one transaction.
pub(super) const RECORDS_MAX: usize = 512;
/// So often something is tried that takes the store too long all by itself, before it is put aside: a database that
/// is slow for a while makes everything slow.
const TOO_LONG_MAX: u32 = 5;
/// A room's deadline that the store did not take fires again after so long.
pub(super) const PUT_OFF_MS: i64 = 5_000;

/// Why the store did not take a batch, as far as that says what to try next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Something in it: alone, all but that will be taken.
    Content,
    /// It takes longer than the store gives it: less of it may be taken.
    TooLong,
    /// Nothing in it.
    Elsewhere,
}

impl Fault {
    pub fn of(error: &StoreError) -> Fault {
        if error.is_of_what_was_written() {
            Fault::Content
        } else if error.took_too_long() {
            Fault::TooLong
        } else {
            Fault::Elsewhere
        }
    }
}

/// What becomes of a room whose deadline the store does not take.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub room: RoomId,
    pub reason: String,
    pub measure: Measure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// The deadline is put off, and a dead letter tells of it.
    PutOff,
    /// The room ends, and its fees go back.
    CallOff,
    /// It is quarantined.
    Withdraw,
}

/// A deadline that the store has not taken.
#[derive(Debug)]
struct PutOff {
    until: Millis,
    refusals: u32,
}

/// How much is tried at once.
#[derive(Debug)]
pub(super) struct Caution {
    /// Records in a batch.
    records_most: usize,
    /// Deadlines in a batch, and then no records beside them.
    fires_most: Option<usize>,
    /// Whether the last batch was one of deadlines.
    has_fired: bool,
    /// How often in a row something alone has taken too long.
    too_long_alone: u32,
    put_off: BTreeMap<RoomId, PutOff>,
    /// Who is first among those to be told as gone is told later.
    puts_off_gone: bool,
    /// What is to be done before anything else.
    pub verdict: Option<Verdict>,
}

impl Default for Caution {
    fn default() -> Caution {
        Caution {
            records_most: RECORDS_MAX,
            fires_most: None,
            has_fired: false,
            too_long_alone: 0,
            put_off: BTreeMap::new(),
            puts_off_gone: false,
            verdict: None,
        }
    }
}

impl Caution {
    pub fn records_most(&self) -> usize {
        self.records_most
    }

    pub fn fires_most(&self) -> usize {
        self.fires_most.unwrap_or(usize::MAX)
    }

    /// Whether what is due may fire beside so many records, or in their place.
    pub fn may_fire(&self, records: usize) -> bool {
        self.fires_most.is_none() || records == 0 || !self.has_fired
    }

    /// Whether deadlines and records are kept apart.
    pub fn keeps_apart(&self) -> bool {
        self.fires_most.is_some()
    }

    /// Deadlines and records were in one batch, and it is not known which of them the store did not take.
    pub fn keep_apart(&mut self) {
        self.fires_most.get_or_insert(RECORDS_MAX);
    }

    /// A batch of records was not taken. Whether the one that was left alone is to be put aside.
    pub fn records_took_too_long(&mut self, count: usize) -> bool {
        self.records_most = (count / 2).max(1);
        count <= 1 && self.is_enough()
    }

    /// A batch of deadlines was not taken. Whether the one that was left alone is at fault.
    pub fn fires_were_refused(&mut self, fault: Fault) -> bool {
        let most = self.fires_most.unwrap_or(RECORDS_MAX);
        self.has_fired = true;
        self.fires_most = Some(match fault {
            Fault::TooLong => (most / 2).max(1),
            _ => 1,
        });
        most == 1 && (fault == Fault::Content || self.is_enough())
    }

    fn is_enough(&mut self) -> bool {
        self.too_long_alone += 1;
        self.too_long_alone >= TOO_LONG_MAX
    }

    /// What is done about a room whose deadline the store does not take by itself.
    pub fn judge(&mut self, room: RoomId, now: Millis, reason: String) {
        self.too_long_alone = 0;
        let put_off = self.put_off.entry(room.clone()).or_insert(PutOff {
            until: now,
            refusals: 0,
        });
        put_off.until = now.plus(PUT_OFF_MS);
        put_off.refusals += 1;
        let measure = match put_off.refusals {
            1 => Measure::PutOff,
            _ => Measure::CallOff,
        };
        self.verdict = Some(Verdict {
            room,
            reason,
            measure,
        });
    }

    /// No room's deadline was in what the store did not take: it was that a user is gone.
    pub fn put_off_gone(&mut self) {
        self.too_long_alone = 0;
        self.puts_off_gone = true;
    }

    /// Whether a user's going is to be put off, once.
    pub fn take_put_off_gone(&mut self) -> bool {
        std::mem::take(&mut self.puts_off_gone)
    }

    /// The store did not take what was to be done either.
    pub fn judge_again(&mut self) {
        if let Some(verdict) = &mut self.verdict
            && verdict.measure == Measure::CallOff
        {
            verdict.measure = Measure::Withdraw;
        }
    }

    /// Rooms whose deadlines are put off, and until when.
    pub fn put_off(&self) -> impl Iterator<Item = (&RoomId, Millis)> {
        self.put_off
            .iter()
            .map(|(room, put_off)| (room, put_off.until))
    }

    /// A batch was taken: carefully more is tried again.
    pub fn was_taken(&mut self, records: usize, fired: bool) {
        let more = |most: usize| most + (most / 16).max(1);
        self.too_long_alone = 0;
        self.has_fired = fired;
        if records > 0 {
            self.records_most = more(self.records_most).min(RECORDS_MAX);
        }
        if fired {
            let most = self.fires_most.map(more);
            self.fires_most = most.filter(|most| *most < RECORDS_MAX);
        }
    }

    /// What was put off until before `now` has fired, unless it is still due.
    pub fn forget_fired(&mut self, now: Millis, is_due: impl Fn(&RoomId) -> bool) {
        self.put_off
            .retain(|room, put_off| put_off.until > now || is_due(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_is_halved_down_to_one_and_grows_again_slowly() {
        let mut caution = Caution::default();
        let mut count = RECORDS_MAX;
        let mut halvings = 0;
        while count > 1 {
            assert!(!caution.records_took_too_long(count));
            count = caution.records_most();
            halvings += 1;
        }
        assert_eq!(halvings, 9);
        let tries = (1..).find(|_| caution.records_took_too_long(1));
        assert_eq!(tries, Some(TOO_LONG_MAX));
        caution.was_taken(1, false);
        assert_eq!(caution.records_most(), 2);
        for _ in 0..200 {
            caution.was_taken(1, false);
        }
        assert_eq!(caution.records_most(), RECORDS_MAX);
    }

    #[test]
    fn deadlines_and_records_take_turns_for_as_long_as_one_may_be_at_fault() {
        let mut caution = Caution::default();
        assert!(caution.may_fire(9));
        caution.keep_apart();
        assert!(!caution.fires_were_refused(Fault::Content));
        assert_eq!(caution.fires_most(), 1);
        assert!(!caution.may_fire(9), "records first");
        caution.was_taken(9, false);
        assert!(caution.may_fire(9));
        caution.was_taken(0, true);
        assert!(!caution.may_fire(9), "records first");
        assert!(caution.may_fire(0));
        caution.was_taken(9, false);
        assert!(caution.may_fire(9));
    }

    #[test]
    fn a_room_whose_deadline_is_never_taken_is_called_off_and_then_withdrawn() {
        let (mut caution, room) = (Caution::default(), "r".parse::<RoomId>().unwrap());
        let mut measures = Vec::new();
        for now in [0, 5_000] {
            caution.judge(room.clone(), Millis(now), "why".to_owned());
            measures.push(caution.verdict.as_ref().unwrap().measure);
        }
        caution.judge_again();
        measures.push(caution.verdict.take().unwrap().measure);
        assert_eq!(
            measures,
            [Measure::PutOff, Measure::CallOff, Measure::Withdraw]
        );
        caution.forget_fired(Millis(10_000), |_| true);
        assert_eq!(caution.put_off().count(), 1, "it is due still");
        caution.forget_fired(Millis(10_000), |_| false);
        assert_eq!(caution.put_off().count(), 0);
    }
}
