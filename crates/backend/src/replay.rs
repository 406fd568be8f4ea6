//! Plays a room again from its stored journal, by the domain's rules, and holds what comes of it
//! against the ledger and against what the topics still have. Reads one consistent snapshot, also
//! beside a running server, and changes nothing.

mod journal;
mod ledger;
mod topics;

use crate::outgoing::Outgoing;
use crate::partition::{panic_text, replayed};
use crate::store::StoreError;
use crate::store::sqlite::open_reader;
use blazing_sun_backbone::credentials::Sealer;
use blazing_sun_backbone::log::LogError;
use blazing_sun_domain::fairness::RoomSecret;
use blazing_sun_domain::room::{Effects, Input, Room};
use blazing_sun_domain::{Games, Millis, RoomId, SeatedPlayer, UserId};
use journal::Journal;
use ledger::LedgerRows;
use rusqlite::ErrorCode;
use serde::Serialize;
use serde_json::value::RawValue;
use std::path::Path;
use topics::ToldRecords;

/// Differences named; where one is found, later ones may follow from it.
const NAMED_MAX: usize = 20;

/// Why a room could not be played again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file is empty, something else's, or no database.
    #[error("this is no Blazing Sun database")]
    NotOurs,
    /// A program from before digests wrote the file.
    #[error("an earlier program wrote this database: start this one's server on it once")]
    EarlierSchema,
    /// Nothing is stored of such a room.
    #[error("there is no room `{0}`, neither running nor ended")]
    UnknownRoom(RoomId),
    /// The keys are another deployment's.
    #[error("the secret of room {0} does not open with these keys: they are not this deployment's")]
    ForeignKeys(RoomId),
    /// It was played by other rules.
    #[error("room {room} was played with version {then} of {what}, this program has {now}")]
    OtherVersion {
        /// The room.
        room: RoomId,
        /// `the rules`, or the game's name.
        what: String,
        /// When it was played.
        then: u32,
        /// Here.
        now: u32,
    },
    /// Nobody knew by which rules it was played who ended it, and these are others.
    #[error(
        "room {room} was ended without knowing with which version it was played, and with this program's it comes to \
         something else: {difference}"
    )]
    UnknownVersion {
        /// The room.
        room: RoomId,
        /// The first, in words.
        difference: String,
    },
    /// The game is not registered.
    #[error("room {room} plays `{game}`, which this program does not have")]
    UnknownGame {
        /// The room.
        room: RoomId,
        /// Its game.
        game: String,
    },
    /// It could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was replayed could not be handed on.
    #[error("cannot write")]
    Output(#[from] std::io::Error),
}

impl From<rusqlite::Error> for ReplayError {
    fn from(error: rusqlite::Error) -> ReplayError {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => ReplayError::NotOurs,
            _ => ReplayError::Store(error.into()),
        }
    }
}

impl From<LogError> for ReplayError {
    fn from(error: LogError) -> ReplayError {
        ReplayError::Store(error.into())
    }
}

type Result<T> = std::result::Result<T, ReplayError>;

/// An event as the room made it again.
#[derive(Debug, Serialize)]
pub struct ReplayedEvent<'a> {
    /// The input that it follows from, from 1.
    pub input: u64,
    /// When.
    pub timestamp: String,
    /// `games.event.player_selected`
    pub event_type: String,
    /// As in its envelope.
    pub audience: &'a RawValue,
    /// As in its envelope.
    pub payload: &'a RawValue,
}

/// What a replay found.
#[derive(Debug, Serialize)]
pub struct ReplayReport {
    /// The room.
    pub room_id: String,
    /// Its name.
    pub room_name: String,
    /// Its game.
    pub game_type: String,
    /// Whether it has ended.
    pub is_over: bool,
    /// Who won, if somebody did.
    pub winner_id: Option<UserId>,
    /// Who won, by name.
    pub winner_username: Option<String>,
    /// Money that moved, in order.
    pub transfers: Vec<ReplayedTransfer>,
    /// Inputs replayed.
    pub inputs: u64,
    /// Events that came of them.
    pub events: u64,
    /// Whether the stored journal is the one that was written; none where it has no digest.
    pub digest_is_right: Option<bool>,
    /// Records of topics that were compared.
    pub records_compared: u64,
    /// Records that the topics no longer keep.
    pub records_expired: u64,
    /// Answers in the topics to commands that changed nothing; those with the room's state were compared.
    pub answers: u64,
    /// What differs, in words.
    pub differences: Vec<String>,
}

/// Money that moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayedTransfer {
    /// Unique for ever.
    pub key: String,
    /// `fee`, `refund`, `prize`, `rake`.
    pub kind: &'static str,
    /// The account that paid.
    pub from: String,
    /// The account that was paid.
    pub to: String,
    /// In minor units.
    pub amount_cents: i64,
}

impl ReplayReport {
    /// Whether nothing differs.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty()
    }

    fn differ(&mut self, what: impl Into<String>) {
        if self.differences.len() < NAMED_MAX {
            self.differences.push(what.into());
        }
    }
}

/// Replays a room of the embedded store at `path`; `take` gets every event in order.
pub fn replay(
    path: &Path,
    room: &RoomId,
    games: &Games,
    sealer: &Sealer,
    take: &mut dyn FnMut(&ReplayedEvent<'_>) -> std::io::Result<()>,
) -> Result<ReplayReport> {
    let connection = open_reader(path)?;
    // One snapshot for everything that follows.
    connection.execute_batch("BEGIN")?;
    let journal = Journal::read(&connection, room)?;
    let mut report = ReplayReport {
        room_id: room.to_string(),
        room_name: String::new(),
        game_type: String::new(),
        is_over: false,
        winner_id: None,
        winner_username: None,
        transfers: Vec::new(),
        inputs: 0,
        events: 0,
        digest_is_right: journal.digest_is_right,
        records_compared: 0,
        records_expired: 0,
        answers: 0,
        differences: Vec::new(),
    };
    for wrong in &journal.wrongs {
        report.differ(wrong);
    }
    let sealed = &journal.sealed_secret;
    let opened = sealer.open(sealed, room.as_str().as_bytes()).ok();
    let secret = opened.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
    let Some(secret) = secret.map(RoomSecret) else {
        // A changed secret does not open either, and its digest has told already.
        if report.is_equal() {
            return Err(ReplayError::ForeignKeys(room.clone()));
        }
        report.differ("the room's sealed secret does not open with these keys");
        return Ok(report);
    };
    if let Err(other) = journal.check_versions(games) {
        return if report.is_equal() {
            Err(other)
        } else {
            Ok(report)
        };
    }
    let mut replay = Replay {
        room_id: room,
        games,
        secret,
        outgoing: Outgoing::new(1),
        ledger: LedgerRows::read(&connection, room)?,
        told: ToldRecords::new(&connection, &journal)?,
        report,
        room: None,
        last_now: None,
    };
    let was_equal = replay.report.is_equal();
    replay.run(&journal, take)?;
    let report = replay.report;
    match report.differences.first() {
        Some(difference) if was_equal && journal.is_of_unknown_version() => {
            Err(ReplayError::UnknownVersion {
                room: room.clone(),
                difference: difference.clone(),
            })
        }
        _ => Ok(report),
    }
}

struct Replay<'a> {
    room_id: &'a RoomId,
    games: &'a Games,
    secret: RoomSecret,
    outgoing: Outgoing,
    ledger: LedgerRows<'a>,
    told: ToldRecords<'a>,
    report: ReplayReport,
    room: Option<Room>,
    last_now: Option<Millis>,
}

impl Replay<'_> {
    fn run(
        &mut self,
        journal: &Journal,
        take: &mut dyn FnMut(&ReplayedEvent<'_>) -> std::io::Result<()>,
    ) -> Result<()> {
        let mut is_whole = true;
        for (index, entry) in journal.entries().enumerate() {
            let number = index as u64 + 1;
            match self.input(journal, number, entry.json, entry.after_seq, take)? {
                Ok(()) => self.report.inputs = number,
                Err(wrong) => {
                    self.report.differ(format!("input {number}{wrong}"));
                    is_whole = false;
                    break;
                }
            }
            if entry.is_last_saved
                && let Some(wrong) = self.compare_saved(journal)
            {
                self.report.differ(wrong);
            }
        }
        let Some(room) = &self.room else {
            if is_whole {
                self.report.differ("the journal has no input");
            }
            return Ok(());
        };
        self.report.is_over = room.is_over();
        self.report.winner_id = room.winner();
        if !is_whole {
            return Ok(());
        }
        for wrong in journal.compare_end(room, self.last_now) {
            self.report.differ(wrong);
        }
        for wrong in self.ledger.end(&self.report.transfers) {
            self.report.differ(wrong);
        }
        if let Some(wrong) = self.told.end(room, self.games)? {
            self.report.differ(wrong);
        }
        self.report.records_compared = self.told.compared;
        self.report.records_expired = self.told.expired;
        self.report.answers = self.told.answers;
        Ok(())
    }

    /// One input; the inner error says what is wrong with it, after its number.
    fn input(
        &mut self,
        journal: &Journal,
        number: u64,
        json: &[u8],
        after_seq: Option<u64>,
        take: &mut dyn FnMut(&ReplayedEvent<'_>) -> std::io::Result<()>,
    ) -> Result<std::result::Result<(), String>> {
        let input: Input = match serde_json::from_slice(json) {
            Ok(input) => input,
            Err(error) => return Ok(Err(format!(" can not be read: {error}"))),
        };
        let before = self.room.clone();
        let effects = match self.decide(&input, after_seq) {
            Ok(effects) => effects,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let Some(room) = &self.room else {
            return Ok(Err(" leaves no room".to_owned()));
        };
        if room.room_id() != self.room_id {
            return Ok(Err(format!(" makes room {}", room.room_id())));
        }
        self.report.room_name = room.room_name().to_owned();
        self.report.game_type = room.game_type().to_owned();
        self.last_now = Some(input.now);
        if !effects.changed {
            self.report.differ(format!(
                "input {number} changes nothing, and would not have been kept"
            ));
        }
        if let Some(winner) = winner_of(&effects) {
            self.report.winner_username = Some(winner.username.to_string());
        }

        let first = self.report.transfers.len();
        for transfer in &effects.transfers {
            let replayed = ReplayedTransfer {
                key: transfer.key.clone(),
                kind: transfer.kind.as_str(),
                from: transfer.from.to_string(),
                to: transfer.to.to_string(),
                amount_cents: transfer.amount.0,
            };
            if let Some(wrong) = self.ledger.compare(&replayed, transfer, input.now)? {
                self.report.differ(format!("input {number}: {wrong}"));
            }
            self.report.transfers.push(replayed);
        }
        self.outgoing.set_now(input.now);
        self.outgoing.records.clear();
        for event in &effects.events {
            self.outgoing
                .room_event(journal.partition, self.room_id, event, None);
        }
        let events = std::mem::take(&mut self.outgoing.records);
        for record in &events {
            let event: Told<'_> = serde_json::from_slice(&record.payload)
                .map_err(|error| StoreError::Corrupt(error.to_string()))?;
            self.report.events += 1;
            take(&ReplayedEvent {
                input: number,
                timestamp: input.now.to_string(),
                event_type: event.event_type,
                audience: event.audience,
                payload: event.payload,
            })?;
        }
        let balances: Vec<_> = self.report.transfers[first..]
            .iter()
            .map(|transfer| self.ledger.balance_after(&transfer.key))
            .collect::<Result<_>>()?;
        let step = topics::Step {
            now: input.now,
            before: before.as_ref(),
            room,
            events,
            transfers: &effects.transfers,
            balances: &balances,
        };
        if let Some(wrong) = self.told.compare(step, &mut self.outgoing, self.games)? {
            self.report.differ(format!("input {number}: {wrong}"));
        }
        Ok(Ok(()))
    }

    fn decide(
        &mut self,
        input: &Input,
        after_seq: Option<u64>,
    ) -> std::result::Result<Effects, String> {
        let action = action_name(input);
        if let Some(last) = self.last_now.filter(|last| input.now < *last) {
            return Err(format!(" ({action}) is of {}, before {last}", input.now));
        }
        if let (Some(room), Some(expected)) = (&self.room, after_seq)
            && room.room_seq() != expected
        {
            let found = room.room_seq();
            return Err(format!(
                " ({action}) found room_seq {expected}, replayed it is {found}"
            ));
        }
        match replayed(&mut self.room, input, self.games, self.secret) {
            Ok(Ok(effects)) => Ok(effects),
            Ok(Err(refusal)) => Err(format!(" ({action}) is refused: {refusal}")),
            Err(panic) => Err(format!(
                " ({action}) makes the game panic: {}",
                panic_text(&*panic)
            )),
        }
    }

    /// The saved state against the state that its inputs lead to.
    fn compare_saved(&self, journal: &Journal) -> Option<String> {
        let (room, saved) = (self.room.as_ref()?, journal.saved_state.as_ref()?);
        let loaded = match Room::load(saved, self.games, self.secret) {
            Ok(loaded) => loaded,
            Err(error) => return Some(format!("the saved state can not be loaded: {error}")),
        };
        let is_equal = matches!((loaded.save(), room.save()), (Ok(one), Ok(other)) if one == other);
        (!is_equal).then(|| "the saved state is not what the saved inputs lead to".to_owned())
    }
}

/// The parts of an envelope that a replay shows.
#[derive(serde::Deserialize)]
struct Told<'a> {
    event_type: String,
    #[serde(borrow)]
    audience: &'a RawValue,
    #[serde(borrow)]
    payload: &'a RawValue,
}

fn winner_of(effects: &Effects) -> Option<&SeatedPlayer> {
    let prize = blazing_sun_domain::TransferKind::Prize;
    let mut transfers = effects.transfers.iter();
    transfers
        .find(|transfer| transfer.kind == prize)?
        .player
        .as_ref()
}

/// `select by user 7`.
fn action_name(input: &Input) -> String {
    let action = serde_json::to_value(&input.action).unwrap_or_default();
    let name = match &action {
        serde_json::Value::String(name) => Some(name.as_str()),
        serde_json::Value::Object(fields) => fields.keys().next().map(String::as_str),
        _ => None,
    };
    format!("{} by user {}", name.unwrap_or("?"), input.by.user_id)
}
