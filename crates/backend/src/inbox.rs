//! The answers already given: a command that comes again gets its answer again and changes nothing.

use blazing_sun_domain::json::{push_number, push_text};
use blazing_sun_domain::{CommandId, Millis, Refusal, RoomId};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use uuid::Uuid;

/// How many answers of a user a partition keeps.
pub const ANSWERS_MAX: usize = 128;
/// Below this, no more is reserved than is kept: most users who rest gave few commands.
const FEW_ANSWERS: usize = 4;
/// How long before its record an id may have been made.
pub const AGE_MS_MAX: i64 = 3_600_000;
/// How far ahead of its record an id may have been made: clocks differ.
pub const AHEAD_MS_MAX: i64 = 300_000;

/// What a command was answered with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Answer {
    /// By a room event, after which the room stood at this `room_seq`; none outside rooms.
    #[serde(rename = "a")]
    Applied(Option<RoomId>, u64),
    /// By a refusal.
    #[serde(rename = "r")]
    Refused(Option<RoomId>, Refusal),
    /// By the room's state, which is told as it stands when the command comes again: what it was
    /// then may not be the user's to see any more.
    #[serde(rename = "s")]
    State(RoomId),
    /// By the room that a name was found to stand for.
    #[serde(rename = "p")]
    Passed(RoomId),
    /// By a place in the queue of this game, which is told as it stands when the command comes again.
    #[serde(rename = "q")]
    Queued(String),
    /// By how a payment stands, which is told as it is when the command comes again.
    #[serde(rename = "t")]
    TopUp(Uuid),
    /// By what the user may pay in, as it is when the command comes again.
    #[serde(rename = "l")]
    Limits,
}

/// One answer as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answered(pub CommandId, pub Answer);

impl Answered {
    /// Adds its JSON, byte for byte as serde writes it: the usual answer by hand.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let Answered(id, Answer::Applied(room, room_seq)) = self else {
            return serde_json::to_writer(out, self).expect("answers are plain JSON values");
        };
        out.extend_from_slice(b"[\"");
        let mut text = Uuid::encode_buffer();
        out.extend_from_slice(id.0.hyphenated().encode_lower(&mut text).as_bytes());
        out.extend_from_slice(br#"",{"a":["#);
        match room {
            Some(room) => push_text(out, room.as_str()),
            None => out.extend_from_slice(b"null"),
        }
        out.push(b',');
        push_number(out, *room_seq);
        out.extend_from_slice(b"]}]");
    }
}

/// What is known of a command's id.
#[derive(Debug)]
pub enum Seen<'a> {
    /// Never answered here.
    New,
    /// Answered so.
    Before(&'a Answer),
    /// Made too long ago, or in the future, to know.
    Expired,
}

/// One user's answers in one partition, oldest first.
#[derive(Debug, Default)]
pub struct Inbox {
    answers: VecDeque<Answered>,
    /// The greatest id that was ever among them.
    newest: Option<CommandId>,
    /// The greatest timed id that is not among them any more.
    forgotten: Option<CommandId>,
}

impl Inbox {
    /// Looks a command up that was appended at `appended`.
    pub fn look_up(&self, id: CommandId, appended: Millis) -> Seen<'_> {
        // Most commands are newer than all before; of the others, the last come again most often.
        if self.newest.is_some_and(|newest| id <= newest)
            && let Some(found) = self.answers.iter().rev().find(|answered| answered.0 == id)
        {
            return Seen::Before(&found.1);
        }
        let Some(made) = id.made_at() else {
            return Seen::New;
        };
        let expired = made.0 < appended.0.saturating_sub(AGE_MS_MAX)
            || made.0 > appended.0.saturating_add(AHEAD_MS_MAX);
        let forgotten = self.forgotten.is_some_and(|forgotten| id <= forgotten);
        if expired || forgotten {
            Seen::Expired
        } else {
            Seen::New
        }
    }

    /// Keeps an answer; the oldest beyond the bound, and those older than an hour, are forgotten.
    pub fn keep(&mut self, answered: Answered, now: Millis) {
        self.newest = self.newest.max(Some(answered.0));
        if self.answers.len() < FEW_ANSWERS {
            self.answers.reserve_exact(1);
        }
        self.answers.push_back(answered);
        while self.answers.len() > ANSWERS_MAX {
            self.forget_oldest();
        }
        let too_old = |id: &CommandId| {
            id.made_at()
                .is_some_and(|made| made.0 < now.0.saturating_sub(2 * AGE_MS_MAX))
        };
        while self
            .answers
            .front()
            .is_some_and(|oldest| too_old(&oldest.0))
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.answers.pop_front().map(|answered| answered.0);
        // A random id tells no time, and so nothing of those before it.
        let timed = oldest.filter(|id| id.made_at().is_some());
        self.forgotten = self.forgotten.max(timed);
    }

    /// For a snapshot.
    pub fn save(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.answers.len() * 96 + 64);
        out.extend_from_slice(b"[[");
        for (at, answered) in self.answers.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            answered.write_json(&mut out);
        }
        out.extend_from_slice(b"],");
        serde_json::to_writer(&mut out, &self.forgotten).expect("an id is a plain JSON value");
        out.push(b']');
        out
    }

    /// From a snapshot.
    pub fn load(saved: &[u8]) -> Result<Inbox, serde_json::Error> {
        let (answers, forgotten): (VecDeque<Answered>, _) = serde_json::from_slice(saved)?;
        let newest = answers.iter().map(|answered| answered.0).max();
        Ok(Inbox {
            answers,
            newest,
            forgotten,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_domain::RefusalCode;
    use uuid::Builder;

    fn made_at(ms: u64, tail: u8) -> CommandId {
        let mut random = [0; 10];
        random[9] = tail;
        CommandId(Builder::from_unix_timestamp_millis(ms, &random).into_uuid())
    }

    #[test]
    fn answers_are_written_as_serde_writes_them() {
        let room: RoomId = "room-1".parse().unwrap();
        let mut inbox = Inbox::default();
        for answer in [
            Answer::Applied(Some(room.clone()), 0),
            Answer::Applied(None, u64::MAX),
            Answer::Refused(None, RefusalCode::RoomFull.into()),
            Answer::State(room.clone()),
            Answer::Passed(room),
            Answer::Queued("bigger_dice".to_owned()),
        ] {
            let answered = Answered(made_at(100 * HOUR, 1), answer);
            let mut out = Vec::new();
            answered.write_json(&mut out);
            assert_eq!(out, serde_json::to_vec(&answered).unwrap());
            inbox.keep(answered, NOW);
            let saved = serde_json::to_vec(&(&inbox.answers, inbox.forgotten)).unwrap();
            assert_eq!(inbox.save(), saved);
        }
    }

    const HOUR: u64 = 3_600_000;
    const NOW: Millis = Millis(100 * HOUR as i64);

    #[test]
    fn an_answer_is_found_again_also_after_a_save() {
        let mut inbox = Inbox::default();
        let room: RoomId = "r".parse().unwrap();
        let id = made_at(100 * HOUR, 1);
        assert!(matches!(inbox.look_up(id, NOW), Seen::New));
        inbox.keep(Answered(id, Answer::Applied(Some(room), 7)), NOW);
        let inbox = Inbox::load(&inbox.save()).unwrap();
        assert!(matches!(
            inbox.look_up(id, NOW),
            Seen::Before(Answer::Applied(Some(_), 7))
        ));
    }

    #[test]
    fn ids_from_too_long_ago_or_the_future_are_expired() {
        let inbox = Inbox::default();
        assert!(matches!(
            inbox.look_up(made_at(99 * HOUR - 1, 0), NOW),
            Seen::Expired
        ));
        assert!(matches!(
            inbox.look_up(made_at(99 * HOUR, 0), NOW),
            Seen::New
        ));
        assert!(matches!(
            inbox.look_up(made_at(100 * HOUR + 300_000, 0), NOW),
            Seen::New
        ));
        assert!(matches!(
            inbox.look_up(made_at(100 * HOUR + 300_001, 0), NOW),
            Seen::Expired
        ));
        let foreign = CommandId(Uuid::from_u128(0x7c8f_2d1e_9f3b_4c1a_8b1a_0123_4567_89ab));
        assert!(matches!(inbox.look_up(foreign, NOW), Seen::New));
    }

    #[test]
    fn what_fell_out_of_a_full_inbox_is_expired_and_not_new() {
        let mut inbox = Inbox::default();
        let first = made_at(100 * HOUR - 1_000, 0);
        inbox.keep(Answered(first, Answer::Applied(None, 0)), NOW);
        for n in 0..ANSWERS_MAX as u64 {
            inbox.keep(
                Answered(made_at(100 * HOUR + n, 0), Answer::Applied(None, 0)),
                NOW,
            );
        }
        assert!(matches!(inbox.look_up(first, NOW), Seen::Expired));
        assert!(matches!(
            inbox.look_up(made_at(100 * HOUR + 10_000, 0), NOW),
            Seen::New
        ));
    }

    #[test]
    fn an_id_ahead_of_time_is_not_new_again_once_it_was_forgotten() {
        let mut inbox = Inbox::default();
        let ahead = made_at(100 * HOUR + 200_000, 0);
        inbox.keep(Answered(ahead, Answer::Applied(None, 0)), NOW);
        for n in 0..ANSWERS_MAX as u64 {
            inbox.keep(
                Answered(made_at(100 * HOUR + n, 0), Answer::Applied(None, 0)),
                NOW,
            );
        }
        let inbox = Inbox::load(&inbox.save()).unwrap();
        assert!(matches!(inbox.look_up(ahead, NOW), Seen::Expired));
        assert!(matches!(
            inbox.look_up(made_at(100 * HOUR + 200_001, 0), NOW),
            Seen::New
        ));
    }
}
