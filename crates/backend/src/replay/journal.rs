//! Where a room's inputs are: in the archive once it has ended, otherwise in the saved parts, in a row of
//! their own where it could not be loaded, and in the log's `_journal` since.

use super::{ReplayError, Result};
use crate::partition::{JOURNAL_TOPIC, JournalRecord, JournaledInput};
use crate::store::UNKNOWN_VERSION;
use crate::store::sqlite::{archived_journal, has_digests, quarantined_room, saved_journal};
use blazing_sun_backbone::log::sqlite::SqliteLog;
use blazing_sun_domain::room::{RULES_VERSION, Room, saved_rules_version};
use blazing_sun_domain::{Games, Millis, RoomId};
use rusqlite::{Connection, OptionalExtension};
use serde::Deserialize;
use serde_json::value::RawValue;

/// All inputs of a room.
pub(super) struct Journal {
    pub room_id: RoomId,
    pub partition: u32,
    pub sealed_secret: String,
    pub digest_is_right: Option<bool>,
    /// What is wrong with the stored journal as such.
    pub wrongs: Vec<String>,
    /// Of a running room that has been saved: its state after the saved inputs.
    pub saved_state: Option<Vec<u8>>,
    saved_inputs: Vec<u8>,
    /// From the log: the `room_seq` before the input, and the input.
    later: Vec<(u64, Vec<u8>)>,
    archived: Option<Archived>,
}

struct Archived {
    game_type: String,
    room_name: String,
    game_version: u32,
    rules_version: u32,
    ended: Millis,
}

/// One input.
pub(super) struct Entry<'a> {
    pub json: &'a [u8],
    /// What the room's `room_seq` was before, where it was written down.
    pub after_seq: Option<u64>,
    /// Whether the saved state is as of this one.
    pub is_last_saved: bool,
}

impl Journal {
    pub fn read(connection: &Connection, room: &RoomId) -> Result<Journal> {
        let tables = "SELECT count(*) FROM sqlite_master
             WHERE type = 'table' AND name IN ('room_archive', 'room_snapshot', 'ledger_transfer')";
        if connection.query_row(tables, [], |row| row.get::<_, i64>(0))? != 3 {
            return Err(ReplayError::NotOurs);
        }
        if !has_digests(connection)? {
            return Err(ReplayError::EarlierSchema);
        }
        match archived_journal(connection, room)? {
            Some(found) => Ok(Journal::of_archive(found)),
            None => Journal::of_running(connection, room),
        }
    }

    fn of_archive(found: crate::store::sqlite::ArchivedJournal) -> Journal {
        let digest_is_right = found.is_as_written();
        let row = found.archive;
        let mut wrongs = Vec::new();
        if digest_is_right == Some(false) {
            let why = match (found.lacks, found.digest) {
                (true, None) => "SHA-256 is missing",
                (true, Some(_)) => "rules_version is missing",
                (false, _) => "SHA-256 is another",
            };
            wrongs.push(format!(
                "the archived journal is not the one that was written: its {why}"
            ));
        }
        Journal {
            room_id: row.room_id,
            partition: row.partition,
            sealed_secret: row.sealed_secret,
            digest_is_right,
            wrongs,
            saved_state: None,
            saved_inputs: row.last_inputs,
            later: Vec::new(),
            archived: Some(Archived {
                game_type: row.game_type,
                room_name: row.room_name,
                game_version: row.game_version,
                rules_version: row.rules_version,
                ended: row.ended,
            }),
        }
    }

    fn of_running(connection: &Connection, room: &RoomId) -> Result<Journal> {
        let saved = saved_journal(connection, room)?;
        let mut journal = Journal {
            room_id: room.clone(),
            partition: 0,
            sealed_secret: String::new(),
            digest_is_right: None,
            wrongs: Vec::new(),
            saved_state: None,
            saved_inputs: Vec::new(),
            later: Vec::new(),
            archived: None,
        };
        let mut is_found = false;
        let mut after_batch = 0;
        if let Some(saved) = saved {
            is_found = true;
            after_batch = saved.batch_no;
            journal.digest_is_right = saved.is_as_written();
            if saved.parts != saved.parts_found {
                let (wanted, found) = (saved.parts, saved.parts_found);
                let wrong = format!("there are {found} of the {wanted} parts of the saved journal");
                journal.wrongs.push(wrong);
            } else if journal.digest_is_right == Some(false) {
                let why = if saved.lacks { "missing" } else { "another" };
                journal.wrongs.push(format!(
                    "the saved journal is not the one that was written: its SHA-256 is {why}"
                ));
            }
            journal.partition = saved.partition;
            journal.sealed_secret = saved.sealed_secret;
            journal.saved_state = Some(saved.state);
            journal.saved_inputs = saved.inputs;
        }
        if let Some(kept) = quarantined_room(connection, room)? {
            is_found = true;
            after_batch = after_batch.max(kept.batch_no);
            journal.partition = kept.partition;
            journal.take_kept(&kept.inputs);
        }
        is_found |= journal.read_log(connection, after_batch)?;
        if !is_found {
            return Err(ReplayError::UnknownRoom(room.clone()));
        }
        Ok(journal)
    }

    /// Takes the inputs that were kept when the room could not be loaded.
    fn take_kept(&mut self, inputs: &str) {
        for line in inputs.lines() {
            match serde_json::from_str(line) {
                Ok(input) => self.take(input),
                Err(error) => {
                    let wrong = format!("what is kept of its inputs can not be read: {error}");
                    self.wrongs.push(wrong);
                }
            }
        }
    }

    fn take(&mut self, input: JournaledInput) {
        if let Some(opened) = input.opened {
            self.sealed_secret = opened.sealed_secret;
        }
        let json = input.input.get().as_bytes().to_vec();
        self.later.push((input.after_seq, json));
    }

    /// Takes the room's inputs after a batch from the log; whether it has opened the room.
    fn read_log(&mut self, connection: &Connection, after_batch: u64) -> Result<bool> {
        let floor = connection
            .query_row(
                "SELECT floor FROM partition_owner WHERE partition = -1",
                [],
                |row| row.get::<_, i64>(0),
            )
            .optional()?;
        let from = floor
            .map_or(0, |floor| floor.max(0) as u64)
            .max(after_batch + 1);
        let mut is_opened = false;
        for batch in SqliteLog::batches_from(connection, from)? {
            let (batch_no, _, records) = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    self.wrongs.push(unreadable(&error));
                    break;
                }
            };
            let journaled = records
                .iter()
                .filter(|record| record.topic.as_str() == JOURNAL_TOPIC);
            for record in journaled {
                let parsed: JournalRecord = match serde_json::from_slice(&record.payload) {
                    Ok(parsed) => parsed,
                    Err(error) => {
                        let wrong =
                            format!("the journal in batch {batch_no} can not be read: {error}");
                        self.wrongs.push(wrong);
                        continue;
                    }
                };
                let Some(input) = parsed.room.filter(|input| input.room_id == self.room_id) else {
                    continue;
                };
                if input.opened.is_some() {
                    is_opened = true;
                    self.partition = record.partition;
                }
                self.take(input);
            }
        }
        Ok(is_opened)
    }

    /// Every input, in order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut saved = json_values(&self.saved_inputs).peekable();
        let has_state = self.saved_state.is_some();
        let saved = std::iter::from_fn(move || {
            let json = saved.next()?;
            Some(Entry {
                json,
                after_seq: None,
                is_last_saved: has_state && saved.peek().is_none(),
            })
        });
        let later = self.later.iter().map(|(after_seq, json)| Entry {
            json,
            after_seq: Some(*after_seq),
            is_last_saved: false,
        });
        saved.chain(later)
    }

    /// When the room was opened, as far as its first input can be read.
    pub fn opened_at(&self) -> Option<Millis> {
        #[derive(Deserialize)]
        struct Head {
            now: Millis,
        }
        let first = self.entries().next()?;
        serde_json::from_slice::<Head>(first.json)
            .ok()
            .map(|head| head.now)
    }

    /// When the room ended.
    pub fn ended_at(&self) -> Option<Millis> {
        self.archived.as_ref().map(|row| row.ended)
    }

    /// Whether this program has the room's rules and game.
    pub fn check_versions(&self, games: &Games) -> Result<()> {
        let room = || self.room_id.clone();
        let other = |what: &str, then, now| ReplayError::OtherVersion {
            room: room(),
            what: what.to_owned(),
            then,
            now,
        };
        let rules = match (&self.archived, &self.saved_state) {
            (Some(row), _) => Some(row.rules_version),
            // A state that can not be read is told when it is compared.
            (None, Some(state)) => saved_rules_version(state).ok(),
            (None, None) => None,
        };
        let is_other = |then: &u32| ![RULES_VERSION, UNKNOWN_VERSION].contains(then);
        if let Some(then) = rules.filter(is_other) {
            return Err(other("the rules", then, RULES_VERSION));
        }
        let Some(row) = &self.archived else {
            return Ok(());
        };
        let game = games
            .get(&row.game_type)
            .ok_or_else(|| ReplayError::UnknownGame {
                room: room(),
                game: row.game_type.clone(),
            })?;
        let now = game.spec.version;
        if row.game_version != now && row.game_version != UNKNOWN_VERSION {
            return Err(other(game.name, row.game_version, now));
        }
        Ok(())
    }

    /// Whether nobody knew it who ended the room.
    pub fn is_of_unknown_version(&self) -> bool {
        let versions = |row: &Archived| [row.game_version, row.rules_version];
        let archived = self.archived.as_ref().map(versions);
        archived.is_some_and(|versions| versions.contains(&UNKNOWN_VERSION))
    }

    /// The room at its end against what is stored of it.
    pub fn compare_end(&self, room: &Room, last_now: Option<Millis>) -> Vec<String> {
        let Some(row) = &self.archived else {
            let is_over = room.is_over();
            return is_over
                .then(|| "the room is over by its journal, and is not archived".to_owned())
                .into_iter()
                .collect();
        };
        let mut wrongs = Vec::new();
        if !room.is_over() {
            wrongs.push("the room is archived, and not over by its journal".to_owned());
        }
        let ended = last_now.unwrap_or_default();
        let columns = [
            ("game_type", row.game_type.as_str(), room.game_type()),
            ("room_name", row.room_name.as_str(), room.room_name()),
            ("ended_ms", &row.ended.to_string(), &ended.to_string()),
        ];
        for (column, stored, replayed) in columns {
            if stored != replayed {
                wrongs.push(format!(
                    "{column}: archived is {stored}, replayed {replayed}"
                ));
            }
        }
        wrongs
    }
}

/// The values that stand one after another, by their form alone: white space in them may be a line
/// break too. What comes after the last that can be read is one more.
fn json_values(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<&RawValue>();
    std::iter::from_fn(move || {
        let from = values.byte_offset();
        match values.next()? {
            Ok(value) => Some(value.get().as_bytes()),
            Err(_) => bytes.get(from..),
        }
    })
}

pub(super) fn unreadable(error: &blazing_sun_backbone::log::LogError) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let why = cause.unwrap_or_else(|| error.to_string());
    format!("the log can not be read: {why}")
}
