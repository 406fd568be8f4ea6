//! The one task that reads the event topics and hands every record to the tables.

use crate::deliveries;
use crate::events::{self, Known};
use crate::frames;
use crate::gateway::ReadPosition;
use crate::messages;
use crate::metrics::METRICS;
use crate::shared::{Answer, Shared, now};
use crate::socket::Closing;
use crate::starts;
use blazing_sun_backbone::kill_point;
use blazing_sun_backbone::log::{LogError, Record, Start, Subscription, Topic};
use blazing_sun_backbone::topics;
use blazing_sun_backbone::trace::{self, Parent, Span, SpanKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Answers to commands wait so long for events that came of them, to leave in the same write.
const ANSWERS_WAIT: Duration = Duration::from_millis(1);
/// Sockets get their turn after so much.
const SLICE_BYTES: usize = 128 * 1024;
const SLICE_RECORDS: usize = 256;
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// So many records of one partition are never missing at once: a number further on was written by somebody else, and
/// all that follow would be taken for repeats of it.
const JUMP_MAX: u64 = 1_000_000;

/// How often an outage is told of.
const TELL_AGAIN: Duration = Duration::from_secs(10);
/// A connection, and topics that a first backend makes, take no longer.
const USUAL: Duration = Duration::from_secs(5);

/// The event topics.
pub(crate) const READ: [&str; 3] = [
    topics::GAMES_EVENTS,
    topics::CHAT_EVENTS,
    topics::SYSTEM_EVENTS,
];

/// An error with what caused it.
struct Chain<'e>(&'e dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

/// Reads all partitions of the event topics, across failures of the log.
pub(crate) struct Reader {
    subscription: Box<dyn Subscription>,
    /// Where each partition goes on, by topic.
    places: Vec<(Topic, Vec<Place>)>,
    /// When it was last told that they cannot be read.
    told: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    next: u64,
    /// The highest `outbox_seq` so far: a backend that takes over may publish its predecessor's last ones again.
    outbox_seq: Option<u64>,
    /// Whether a number has followed on another: the first alone may be anybody's.
    is_sure: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Arrival {
    New,
    Repeated,
    /// No backend has come to this number.
    Impossible,
}

impl Place {
    fn take(&mut self, outbox_seq: Option<u64>) -> Arrival {
        let Some(seq) = outbox_seq else {
            return Arrival::New;
        };
        let Some(last) = self.outbox_seq else {
            self.outbox_seq = Some(seq);
            return Arrival::New;
        };
        let is_near = seq.abs_diff(last) <= JUMP_MAX;
        if !is_near && self.is_sure && seq > last {
            return Arrival::Impossible;
        }
        if seq <= last && (is_near || self.is_sure) {
            return Arrival::Repeated;
        }
        (self.outbox_seq, self.is_sure) = (Some(seq), is_near);
        Arrival::New
    }
}

impl Reader {
    /// Reads from the end on.
    pub(crate) async fn open(shared: &Shared) -> Result<Reader, LogError> {
        let mut places = Vec::new();
        for name in READ {
            let topic = Topic::new(name);
            let bounds = shared.log.bounds(&topic).await?;
            let of_topic = bounds.iter().map(|bounds| Place {
                next: bounds.end,
                ..Place::default()
            });
            places.push((topic, of_topic.collect()));
        }
        let subscription = subscribe(shared, &places)?;
        // From here on: who is let in before anything is read misses nothing.
        shared.reading.store(true, Ordering::Release);
        Ok(Reader {
            subscription,
            places,
            told: None,
        })
    }

    /// The same once the log lets it.
    pub(crate) async fn open_when_possible(shared: &Shared) -> Reader {
        let (began, mut is_told) = (Instant::now(), None);
        loop {
            let error = match Reader::open(shared).await {
                Ok(reader) => {
                    if is_told.is_some() {
                        tracing::info!("the event topics can be read");
                    }
                    return reader;
                }
                Err(error) => error,
            };
            let is_due = is_told.is_none_or(|told: Instant| told.elapsed() > TELL_AGAIN);
            if is_due && began.elapsed() > USUAL {
                let error = Chain(&error).to_string();
                tracing::warn!(error, "the event topics cannot be read yet; trying again");
                is_told = Some(Instant::now());
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    /// Goes on past what is no record.
    fn pass(&mut self) {
        for (topic, partition, next) in self.subscription.passed() {
            let mut all = self.places.iter_mut();
            let places = all.find(|(of, _)| *of == topic).map(|(_, places)| places);
            if let Some(place) = places.and_then(|places| places.get_mut(partition as usize)) {
                place.next = next.max(place.next);
            }
        }
    }

    /// Where a partition goes on.
    fn next_of(&self, topic: &str, partition: u32) -> Option<u64> {
        let (_, places) = self.places.iter().find(|(of, _)| of.as_str() == topic)?;
        Some(places.get(partition as usize)?.next)
    }

    /// Whether the record is new.
    fn admits(&mut self, record: &Record, outbox_seq: Option<u64>) -> bool {
        let of_topic = self
            .places
            .iter_mut()
            .find(|(topic, _)| *topic == record.topic);
        let Some(place) =
            of_topic.and_then(|(_, places)| places.get_mut(record.partition as usize))
        else {
            return true;
        };
        place.next = record.offset + 1;
        let arrival = place.take(outbox_seq);
        if arrival == Arrival::Impossible {
            tracing::error!(
                topic = record.topic.as_str(),
                partition = record.partition,
                offset = record.offset,
                correlation_id = record.headers.text("correlation_id"),
                found = outbox_seq,
                last = place.outbox_seq,
                "an event's number is none that a backend has come to; it is told to nobody"
            );
        }
        arrival == Arrival::New
    }
}

fn subscribe(
    shared: &Shared,
    places: &[(Topic, Vec<Place>)],
) -> Result<Box<dyn Subscription>, LogError> {
    let from = places.iter().flat_map(|(topic, places)| {
        let of_topic = (0..).zip(places);
        of_topic.map(|(partition, place)| (topic.clone(), partition, Start::Offset(place.next)))
    });
    shared.log.subscribe(from.collect())
}

/// Routes for ever, or until the log is closed.
pub(crate) async fn run(shared: Arc<Shared>, mut reader: Reader) {
    let mut answers = Vec::new();
    let (mut answers_due, mut lobby_due): (Option<Instant>, Option<Instant>) = (None, None);
    loop {
        let due = [answers_due, lobby_due].into_iter().flatten().min();
        let timer = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            records = reader.subscription.next() => match records {
                Ok(records) if records.is_empty() => reader.pass(),
                Ok(records) => {
                    answers_due = None;
                    route(&shared, &mut reader, &records, &mut answers).await;
                }
                Err(error) => {
                    if !recover(&shared, &mut reader, error).await {
                        return;
                    }
                }
            },
            () = shared.answered.notified(), if answers_due.is_none() => {
                answers_due = Some(Instant::now() + ANSWERS_WAIT);
            }
            () = shared.asked.notified() => {}
            () = timer => {}
        }
        tell_positions(&shared, &reader);
        let now = Instant::now();
        if answers_due.is_some_and(|due| due <= now) {
            answers_due = None;
            pass_on(&shared, &mut answers);
        }
        let mut tables = shared.tables.lock();
        if lobby_due.is_some_and(|due| due <= now) {
            lobby_due = None;
            tables.flush_lobby();
        }
        if lobby_due.is_none() && tables.lobby_waits() {
            lobby_due = Some(now + shared.config.lobby_every);
        }
    }
}

fn tell_positions(shared: &Shared, reader: &Reader) {
    for asked in shared.positions_asked.lock().drain(..) {
        let positions = reader.places.iter().flat_map(|(topic, places)| {
            let of_topic = (0..).zip(places);
            of_topic.map(|(partition, place)| ReadPosition {
                topic: topic.to_string(),
                partition,
                next: place.next,
            })
        });
        // Who asked may have gone away.
        let _ = asked.send(positions.collect());
    }
}

/// The span of a record that is part of a trace.
fn delivery(record: &Record, known: &Known<'_>) -> Option<Span> {
    let traceparent = known.traceparent.filter(|_| trace::is_on())?;
    let parent = Parent::parse(traceparent)?;
    let mut span = Span::child(
        parent,
        "gateway.deliver",
        SpanKind::Consumer,
        SystemTime::now(),
    );
    span.set("messaging.destination.name", record.topic.to_string());
    span.set(
        "messaging.destination.partition.id",
        i64::from(record.partition),
    );
    span.set("messaging.kafka.offset", record.offset as i64);
    if let Some(event_type) = known.event_type {
        span.set("event.type", event_type.to_owned());
    }
    if let Some(id) = known.correlation_id() {
        span.set("correlation_id", id.to_owned());
    }
    Some(span)
}

/// How old the newest is of what was read at once.
fn observe_age(records: &[Record]) {
    if let Some(last) = records.last() {
        let age_ms = (now().0 - last.timestamp.0).max(0);
        METRICS.event_age.observe(age_ms as f64 / 1_000.0);
    }
}

async fn route(
    shared: &Arc<Shared>,
    reader: &mut Reader,
    records: &[Record],
    answers: &mut Vec<Answer>,
) {
    observe_age(records);
    let mut asked = Vec::new();
    let mut rest = records;
    while !rest.is_empty() {
        {
            let mut tables = shared.tables.lock();
            tables.set_now(shared.now_ms());
            let (mut count, mut bytes) = (0, 0);
            while let Some(record) = rest.get(count)
                && count < SLICE_RECORDS
                && bytes < SLICE_BYTES
            {
                let known = events::known(&record.headers);
                if starts::is_start(known.event_type) {
                    starts::hear(shared, record);
                }
                if deliveries::is_question(known.event_type) {
                    asked.push(record);
                }
                METRICS.read(record.topic.as_str());
                if reader.admits(record, known.outbox_seq) {
                    kill_point!(Routed);
                    match delivery(record, &known) {
                        None => tables.route(record, known),
                        Some(span) => tables.route_traced(record, known, span),
                    }
                }
                count += 1;
                bytes += record.payload.len();
            }
            rest = &rest[count..];
            // Before anybody is woken, so that one write takes both.
            take_answers(shared, answers);
            tables.finish();
        }
        pass_taken(answers);
        // Those that were woken write before the next records are looked at.
        tokio::task::yield_now().await;
    }
    for question in asked {
        deliveries::answer(shared, question, |topic, partition| {
            reader.next_of(topic, partition)
        });
    }
}

/// Puts answers where their sockets find them; nobody is woken.
fn take_answers(shared: &Shared, answers: &mut Vec<Answer>) {
    shared.take_answers(answers);
    for answer in answers.iter() {
        let mut state = answer.socket.state.lock();
        if answer.durable {
            state.push_ack(answer.command_id);
        } else {
            let refused = messages::unavailable(Some(answer.command_id));
            state.push(frames::text(&refused.frame()));
        }
    }
}

/// Wakes those whose answers were taken.
fn pass_taken(answers: &mut Vec<Answer>) {
    for answer in answers.drain(..) {
        answer.socket.wake();
    }
}

fn pass_on(shared: &Shared, answers: &mut Vec<Answer>) {
    take_answers(shared, answers);
    pass_taken(answers);
}

/// Subscribes again where the reader was. Gives whether there is something to read.
async fn recover(shared: &Arc<Shared>, reader: &mut Reader, mut error: LogError) -> bool {
    loop {
        if matches!(error, LogError::Closed) {
            tracing::info!("the event log is closed");
            let open: Vec<_> = shared.connections.lock().values().cloned().collect();
            open.iter()
                .for_each(|socket| socket.close(Closing::DRAINING));
            return false;
        }
        if reader.told.is_none_or(|told| told.elapsed() > TELL_AGAIN) {
            tracing::warn!(%error, "the event topics cannot be read; trying again");
            reader.told = Some(Instant::now());
        }
        tokio::time::sleep(RETRY_AFTER).await;
        match subscribe(shared, &reader.places) {
            Ok(subscription) => {
                reader.subscription = subscription;
                return true;
            }
            Err(again) => error = again,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of records with these numbers, one after the other.
    fn arrivals(numbers: &[u64]) -> Vec<Arrival> {
        let mut place = Place::default();
        let numbers = numbers.iter();
        numbers.map(|number| place.take(Some(*number))).collect()
    }

    #[test]
    fn one_number_too_great_silences_no_partition() {
        use Arrival::{Impossible, New, Repeated};
        assert_eq!(arrivals(&[5, 6, 5, 9]), [New, New, Repeated, New]);
        assert_eq!(
            arrivals(&[5, 6, u64::MAX, 7, 7]),
            [New, New, Impossible, New, Repeated]
        );
        // The first after a start is not known to follow.
        assert_eq!(arrivals(&[u64::MAX, 5, 6, 6]), [New, New, New, Repeated]);
        assert_eq!(arrivals(&[0, 9_000_000, 9_000_001]), [New, New, New]);
        // A backend publishes again from far back.
        assert_eq!(arrivals(&[9_000_000, 9_000_001, 5]), [New, New, Repeated]);
        assert_eq!(Place::default().take(None), New);
    }
}
