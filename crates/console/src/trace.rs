//! What became of one command: its record, the batch that decided it, the money that it moved and what was told of it, in
//! the order in which it happened, and one sentence for who asks.

mod find;
mod sockets;
mod verdict;

pub use sockets::{GatewayAnswers, ask_gateways};

use crate::messages::masked;
use blazing_sun_backbone::envelope::EventEnvelope;
use blazing_sun_backbone::log::{EventLog, LogError, Record};
use blazing_sun_backbone::messages::header;
use blazing_sun_backbone::topics::{self, CHAT_COMMANDS, GAMES_COMMANDS};
use blazing_sun_backend::store::StoreError;
use blazing_sun_backend::store::overview::{Overview, TransferRow};
use blazing_sun_backend::store::reads::ReadSide;
use blazing_sun_domain::{Games, Millis, RoomId, UserId};
use find::{Found, Search};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::time::Duration;
use uuid::Uuid;

/// Ledger rows of one command; a room's end has two for each seat.
const TRANSFERS_MAX: u32 = 200;

/// What is looked through.
pub struct Sources<'a> {
    /// The topics.
    pub log: &'a dyn EventLog,
    /// Ledger and batches.
    pub overview: &'a dyn Overview,
    /// Payments.
    pub reads: &'a dyn ReadSide,
    /// Whose topics there are.
    pub games: &'a Games,
}

/// How much may be looked through.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Records.
    pub records: u64,
    /// Time.
    pub time: Duration,
}

/// Why there is no trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// No UUID.
    #[error("`{0}` is no id: ids of commands, events and payments are UUIDs")]
    InvalidId(String),
    /// The topics could not be read.
    #[error("the topics can not be read")]
    Log(#[from] LogError),
    /// The store could not be read.
    #[error("the store can not be read")]
    Store(#[from] StoreError),
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Trace {
    /// The command's id, which all that follows from it carries.
    pub correlation_id: String,
    /// What happened, in order.
    pub steps: Vec<TraceStep>,
    /// What came of it, in one sentence.
    pub verdict: String,
    /// Whether all that the topics have of the time in question was looked through.
    pub complete: bool,
    /// How many records were looked through.
    pub scanned: u64,
    /// What gateways say that were asked which sockets it went to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<TraceGateway>,
    /// Gateways that live and did not say it in time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent_gateways: Vec<String>,
}

/// A gateway, and the connections of who gave the command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TraceGateway {
    /// Its id.
    pub gateway_id: String,
    /// Since when it remembers what it sent: RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub remembers_since: String,
    /// How many connections the user has to it now.
    pub user_sockets: u32,
    /// Whether the one by which the command came is still open.
    pub is_connected: bool,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TraceStep {
    /// RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// What kind of thing.
    pub what: StepKind,
    /// For people: the message's type, or what moved.
    pub title: String,
    /// Where it is to be found.
    #[serde(rename = "where")]
    pub place: StepPlace,
    /// Whom it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The room that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_id: Option<String>,
    /// Milliseconds since the first step.
    pub since_start_ms: i64,
    /// Milliseconds since the step before.
    pub since_previous_ms: i64,
    /// What else is known of it, without secrets.
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub data: Value,
}

/// What kind of thing happened.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// A gateway took a frame from a socket, or another part of the system asked.
    Frame,
    /// The command was written to its topic.
    Record,
    /// Its partition's owner decided it.
    Batch,
    /// Money moved.
    Ledger,
    /// It was refused.
    Refusal,
    /// Somebody was told.
    Event,
    /// It could not be decided and was put aside.
    DeadLetter,
    /// A gateway handed it to sockets, or the socket that had asked was closed.
    Socket,
}

/// Where a step is to be found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StepPlace {
    /// The topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Its partition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<u32>,
    /// The offset there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The place among what the partition's owner sent to the topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox_seq: Option<u64>,
    /// The batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_no: Option<u64>,
}

/// Finds out what became of the command with this id, of the event with this id, or of the payment that was asked for
/// under it.
pub async fn trace(sources: &Sources<'_>, id: &str, budget: Budget) -> Result<Trace, TraceError> {
    let invalid = || TraceError::InvalidId(id.chars().take(80).collect());
    let id = Uuid::try_parse(id.trim()).map_err(|_| invalid())?;
    let mut search = Search::new(sources, budget);
    search.around(id, made_at(sources, id).await?).await?;
    let correlation_id = search.correlation_of(id);
    if correlation_id != id {
        let at = time_of(correlation_id).or(search.first_at());
        search.around(correlation_id, at).await?;
    }
    search.follow(correlation_id).await?;
    let mut steps = Steps::default();
    for found in &search.found {
        steps.record(found);
    }
    let command = search.found.iter().find(|found| found.is_command());
    let mut undecided = None;
    if let Some(command) = command {
        let record = &command.record;
        let (topic, partition, offset) = (record.topic.as_str(), record.partition, record.offset);
        let decided = sources
            .overview
            .decided_in(topic, partition, offset, record.timestamp)
            .await?;
        match decided {
            Some(batch) => steps.batch(partition, batch.batch_no, batch.at),
            None => {
                let upto = sources.overview.decided_upto(topic, partition).await?;
                undecided = upto
                    .filter(|next| *next <= offset)
                    .map(|next| offset + 1 - next);
            }
        }
    }
    let about = command.or(search.found.first());
    let (room, user) = about.map_or((None, None), |found| (found.room(), found.user()));
    let correlation_id = correlation_id.to_string();
    let moved = sources
        .overview
        .transfers_after(&correlation_id, room.as_ref(), user, TRANSFERS_MAX)
        .await?;
    for transfer in &moved {
        steps.transfer(transfer);
    }
    let steps = steps.in_order();
    Ok(Trace {
        verdict: verdict::of(&steps, undecided, search.is_complete()),
        complete: search.is_complete(),
        scanned: search.scanned,
        correlation_id,
        steps,
        gateways: Vec::new(),
        silent_gateways: Vec::new(),
    })
}

/// When the id was made, as far as it or a payment says so.
async fn made_at(sources: &Sources<'_>, id: Uuid) -> Result<Option<Millis>, TraceError> {
    if let Some(at) = time_of(id) {
        return Ok(Some(at));
    }
    Ok(sources.reads.top_up(id).await?.map(|paid| paid.requested))
}

fn time_of(id: Uuid) -> Option<Millis> {
    let (seconds, nanos) = id
        .get_timestamp()
        .filter(|_| id.get_version_num() == 7)?
        .to_unix();
    let seconds = i64::try_from(seconds).ok()?;
    Some(Millis(
        seconds.checked_mul(1_000)? + i64::from(nanos / 1_000_000),
    ))
}

/// Steps, before they are in order.
#[derive(Default)]
struct Steps(Vec<(Millis, TraceStep)>);

impl Steps {
    fn add(
        &mut self,
        at: Millis,
        what: StepKind,
        title: impl Into<String>,
        place: StepPlace,
    ) -> &mut TraceStep {
        let step = TraceStep {
            at: at.to_string(),
            what,
            title: title.into(),
            place,
            user_id: None,
            room_id: None,
            since_start_ms: 0,
            since_previous_ms: 0,
            data: json!({}),
        };
        self.0.push((at, step));
        let last = self.0.len() - 1;
        &mut self.0[last].1
    }

    fn record(&mut self, found: &Found) {
        let record = &found.record;
        let place = StepPlace {
            topic: Some(record.topic.to_string()),
            partition: Some(record.partition),
            offset: Some(record.offset),
            outbox_seq: record
                .headers
                .text("outbox_seq")
                .and_then(|seq| seq.parse().ok()),
            batch_no: None,
        };
        let Ok(envelope) = EventEnvelope::parse(&record.payload) else {
            let kind = match record.topic.as_str() == topics::DEAD_LETTER {
                true => StepKind::DeadLetter,
                false => StepKind::Event,
            };
            let data = data_of(&record.payload);
            let title = data["error"]
                .as_str()
                .unwrap_or(record.topic.as_str())
                .to_owned();
            let step = self.add(record.timestamp, kind, title, place);
            step.data = data;
            return;
        };
        if found.is_closing() {
            let step = self.add(
                record.timestamp,
                StepKind::Socket,
                "the socket closed",
                place,
            );
            step.user_id = found.user();
            step.data = data_of(envelope.payload.get().as_bytes());
            return;
        }
        let kind = match () {
            () if found.is_command() => StepKind::Record,
            () if envelope.event_type.ends_with(".error") => StepKind::Refusal,
            () => StepKind::Event,
        };
        if kind == StepKind::Record {
            let from = match &*envelope.actor.socket_id {
                "" => json!({ "producer": envelope.producer }),
                socket => json!({ "producer": envelope.producer, "socket_id": socket }),
            };
            let at = instant(&envelope.timestamp).unwrap_or(record.timestamp);
            let frame = self.add(
                at,
                StepKind::Frame,
                &*envelope.event_type,
                StepPlace::default(),
            );
            frame.user_id = found.user();
            frame.room_id = found.room().map(|room| room.to_string());
            frame.data = from;
        }
        let payload = data_of(envelope.payload.get().as_bytes());
        let title = match kind {
            StepKind::Refusal => payload["code"].as_str().unwrap_or("refused").to_owned(),
            _ => envelope.event_type.to_string(),
        };
        let step = self.add(record.timestamp, kind, title, place);
        step.user_id = found.user();
        step.room_id = found.room().map(|room| room.to_string());
        step.data = json!({
            "event_type": envelope.event_type,
            "event_id": envelope.event_id,
            "producer": envelope.producer,
            "audience": envelope.audience,
            "payload": payload,
        });
        // The trace goes on where spans are sent to.
        if let Some(traceparent) = record.headers.text(header::TRACEPARENT) {
            step.data["traceparent"] = traceparent.into();
        }
    }

    fn batch(&mut self, partition: u32, batch_no: u64, at: Millis) {
        let place = StepPlace {
            partition: Some(partition),
            batch_no: Some(batch_no),
            ..StepPlace::default()
        };
        self.add(at, StepKind::Batch, "decided", place);
    }

    fn transfer(&mut self, row: &TransferRow) {
        let place = StepPlace {
            batch_no: Some(row.batch_no),
            ..StepPlace::default()
        };
        let title = format!(
            "{} {} cents, {} to {}",
            row.kind, row.amount, row.from, row.to
        );
        let step = self.add(row.at, StepKind::Ledger, title, place);
        step.user_id = row.user;
        step.room_id.clone_from(&row.room_id);
        step.data = json!({
            "key": row.key,
            "kind": row.kind,
            "from": row.from,
            "to": row.to,
            "amount_cents": row.amount,
        });
    }

    /// By time, and of one instant by what follows from what; with the durations between them.
    fn in_order(mut self) -> Vec<TraceStep> {
        self.0.sort_by(|(at, one), (other_at, other)| {
            let rank = |step: &TraceStep| (step.what, step.place.partition, step.place.offset);
            (at, rank(one)).cmp(&(other_at, rank(other)))
        });
        // What a clock that is late has written is still what came first.
        if let Some(first) = self
            .0
            .iter()
            .position(|(_, step)| step.what == StepKind::Frame)
        {
            let frame = self.0.remove(first);
            self.0.insert(0, frame);
        }
        let start = self.0.first().map_or(Millis(0), |(at, _)| *at);
        let mut previous = start;
        let timed = self.0.into_iter().map(|(at, mut step)| {
            step.since_start_ms = at.0 - start.0;
            step.since_previous_ms = at.0 - previous.0;
            previous = at;
            step
        });
        timed.collect()
    }
}

/// An envelope's instant.
fn instant(text: &str) -> Option<Millis> {
    blazing_sun_backbone::messages::parse_timestamp(text)
}

/// The fields of a JSON object, but for what is secret or as long as a record.
fn data_of(bytes: &[u8]) -> Value {
    let fields = serde_json::from_str::<Map<String, Value>>(&masked(bytes));
    let mut fields = fields.unwrap_or_default();
    fields.remove("original");
    fields.into()
}

/// Whether commands stand there.
fn is_of_commands(record: &Record) -> bool {
    [GAMES_COMMANDS, CHAT_COMMANDS].contains(&record.topic.as_str())
}

fn room_of(envelope: &EventEnvelope<'_>, key: &[u8]) -> Option<RoomId> {
    #[derive(Deserialize)]
    struct InRoom {
        #[serde(default)]
        room_id: Option<String>,
    }
    let about = envelope.audience.about().map(str::to_owned);
    let in_payload = || {
        let fields = serde_json::from_str::<InRoom>(envelope.payload.get()).ok()?;
        fields.room_id
    };
    let key = || {
        let key = std::str::from_utf8(key).ok()?;
        key.parse::<UserId>().is_err().then(|| key.to_owned())
    };
    about.or_else(in_payload).or_else(key)?.parse().ok()
}

#[cfg(test)]
mod tests;
