//! The journal: what recovery applies to the last snapshots, one record an applied input or given answer; and questions
//! that an owner may leave to the next one.

use super::{ListQuery, Partition, Turn};
use crate::inbox::Answered;
use crate::store::Store;
use blazing_sun_domain::json::push_number;
use blazing_sun_domain::{RoomId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The topic that carries what recovery applies to the last snapshots.
pub const JOURNAL_TOPIC: &str = "_journal";

/// One applied input, given answer or open question, as recovery reads it.
#[derive(Debug, Deserialize)]
pub struct JournalRecord {
    /// The room, with its input.
    #[serde(rename = "r", default)]
    pub room: Option<JournaledInput>,
    /// The user, with the answer.
    #[serde(rename = "u", default)]
    pub answer: Option<(UserId, Answered)>,
    /// A list of rooms was asked for, and is told by a later batch.
    #[serde(rename = "l", default)]
    pub question: Option<ListQuery>,
}

/// Adds the JSON of a [`JournalRecord`] of a question.
pub fn put_question(out: &mut Vec<u8>, query: &ListQuery) {
    out.extend_from_slice(br#"{"l":"#);
    serde_json::to_writer(&mut *out, query).expect("a question is plain JSON values");
    out.push(b'}');
}

/// One applied input.
#[derive(Debug, Serialize, Deserialize)]
pub struct JournaledInput {
    /// The room.
    #[serde(rename = "r")]
    pub room_id: RoomId,
    /// The `room_seq` that the room had before it.
    #[serde(rename = "s")]
    pub after_seq: u64,
    /// `Input`.
    #[serde(rename = "i")]
    pub input: Box<RawValue>,
    /// With a room's first input.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<Opened>,
}

/// What a room is opened with and keeps.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Opened {
    /// The room's secret, sealed under its id.
    #[serde(rename = "s")]
    pub sealed_secret: String,
    /// HMAC of its password, if it has one.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub password_mac: Option<[u8; 32]>,
}

/// An applied input on its way into the journal.
pub(super) struct JournaledNow<'a> {
    pub(super) room_id: &'a RoomId,
    pub(super) after_seq: u64,
    /// JSON.
    pub(super) input: &'a [u8],
    pub(super) opened: Option<Opened>,
}

/// Adds the JSON of a [`JournalRecord`], around an input that is JSON already.
pub(super) fn put_journal(
    out: &mut Vec<u8>,
    input: Option<JournaledNow<'_>>,
    answer: Option<&(UserId, Answered)>,
) {
    out.push(b'{');
    if let Some(input) = &input {
        // Room ids are plain ASCII without quotes.
        out.extend_from_slice(br#""r":{"r":""#);
        out.extend_from_slice(input.room_id.as_str().as_bytes());
        out.extend_from_slice(br#"","s":"#);
        push_number(out, input.after_seq);
        out.extend_from_slice(br#","i":"#);
        out.extend_from_slice(input.input);
        if let Some(opened) = &input.opened {
            out.extend_from_slice(br#","o":"#);
            let plain = "what a room is opened with is plain JSON values";
            serde_json::to_writer(&mut *out, opened).expect(plain);
        }
        out.push(b'}');
    }
    if let Some((user, answered)) = answer {
        if input.is_some() {
            out.push(b',');
        }
        out.extend_from_slice(br#""u":[""#);
        push_number(out, user.get());
        out.extend_from_slice(br#"","#);
        answered.write_json(out);
        out.push(b']');
    }
    out.push(b'}');
}

impl Partition {
    /// Writes what recovery applies to the last snapshots.
    pub(super) fn journal<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        input: Option<JournaledNow<'_>>,
        answer: Option<&(UserId, Answered)>,
    ) {
        turn.outgoing
            .plain(&self.topics.journal, self.number, |out| {
                put_journal(out, input, answer);
            });
    }
}
