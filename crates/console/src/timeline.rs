//! What happened in a room, newest first, from the events that were told of it.

use blazing_sun_backbone::envelope::{AudienceKind, EventEnvelope};
use blazing_sun_backbone::log::{EventLog, LogError, Record, Span, Topic, Way};
use blazing_sun_backbone::messages::header;
use blazing_sun_backbone::partitioner::partition_of;
use blazing_sun_backbone::topics::GAMES_EVENTS;
use blazing_sun_domain::RoomId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// Records that one page looks through.
const LOOKED_THROUGH_MAX: u64 = 20_000;
const LOOKED_FOR_MAX: Duration = Duration::from_secs(1);
const SUMMARY_CHARS_MAX: usize = 200;

/// An event of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TimelineEntry {
    /// RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// Its place among the room's events; none where it was told to some alone.
    pub room_seq: Option<u64>,
    /// `games.event.player_selected`
    #[serde(rename = "type")]
    pub event_type: String,
    /// Who caused it: a user's id, or `system`.
    pub actor: String,
    /// The command that it follows from.
    pub correlation_id: Option<String>,
    /// The beginning of its fields.
    pub summary: String,
}

/// A page of what happened in a room.
#[derive(Debug, Default)]
pub struct Timeline {
    /// Newest first.
    pub entries: Vec<TimelineEntry>,
    /// Where the ones before these are.
    pub older: Option<u64>,
    /// The game's state, as everybody was told it last among what was looked through.
    pub state: Option<Value>,
}

/// At most `limit` events of a room before an offset of its partition.
pub async fn timeline(
    log: &dyn EventLog,
    room: &RoomId,
    before: Option<u64>,
    limit: usize,
) -> Result<Timeline, LogError> {
    let topic = Topic::new(GAMES_EVENTS);
    let bounds = log.bounds(&topic).await?;
    let partition = partition_of(room.as_str().as_bytes(), bounds.len() as u32);
    let Some(bounds) = bounds.get(partition as usize) else {
        return Ok(Timeline::default());
    };
    let end = before.map_or(bounds.end, |before| before.min(bounds.end));
    let from = end.saturating_sub(LOOKED_THROUGH_MAX).max(bounds.earliest);
    if from >= end {
        return Ok(Timeline::default());
    }
    let (mut found, mut state, mut reached) = (Vec::new(), None, end);
    let span = Span {
        partition,
        from,
        to: end,
    };
    // Backwards: where time runs out, what is missing is what is older.
    let mut walk = log.walk(&topic, Way::Back, vec![span])?;
    let deadline = Instant::now() + LOOKED_FOR_MAX;
    while found.len() <= limit || state.is_none() {
        let Ok(records) = tokio::time::timeout_at(deadline, walk.next()).await else {
            break;
        };
        let records = records?;
        if records.is_empty() {
            reached = from;
            break;
        }
        for record in records {
            reached = record.offset;
            if record.headers.text(header::ROOM_ID) == Some(room.as_str()) {
                state = state.or_else(|| state_of(&record));
                if found.len() <= limit {
                    found.push(record);
                }
            }
        }
    }
    let is_cut = found.len() > limit;
    found.truncate(limit);
    let older = match found.last() {
        Some(last) if is_cut => Some(last.offset),
        _ => Some(reached).filter(|reached| *reached > bounds.earliest),
    };
    Ok(Timeline {
        entries: found.iter().filter_map(entry_of).collect(),
        older,
        state,
    })
}

/// What a game tells everybody of where it stands: `games.event.<game>.state`.
fn state_of(record: &Record) -> Option<Value> {
    let event_type = record.headers.text(header::EVENT_TYPE)?;
    let is_to_all = record.headers.text(header::AUDIENCE) == Some(AudienceKind::Room.as_str());
    if !is_to_all || !event_type.ends_with(".state") {
        return None;
    }
    let envelope = EventEnvelope::parse(&record.payload).ok()?;
    serde_json::from_str(envelope.payload.get()).ok()
}

fn entry_of(record: &Record) -> Option<TimelineEntry> {
    let envelope = EventEnvelope::parse(&record.payload).ok()?;
    let payload = envelope.payload.get();
    let end = payload.char_indices().nth(SUMMARY_CHARS_MAX);
    Some(TimelineEntry {
        at: envelope.timestamp.to_string(),
        room_seq: record
            .headers
            .text(header::ROOM_SEQ)
            .and_then(|seq| seq.parse().ok()),
        event_type: envelope.event_type.to_string(),
        actor: match envelope.actor.user_id.get() {
            0 => "system".to_owned(),
            id => id.to_string(),
        },
        correlation_id: envelope.correlation_id.map(|id| id.to_string()),
        summary: payload[..end.map_or(payload.len(), |(at, _)| at)].to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_backbone::envelope::{Actor, Audience, PRODUCER_BACKEND};
    use blazing_sun_backbone::log::memory::MemoryLog;
    use blazing_sun_backbone::log::{HeadersBuilder, NewRecord};
    use blazing_sun_backbone::topics::TopicSpec;
    use serde_json::value::RawValue;

    fn event(room: &RoomId, name: &str, seq: u64) -> NewRecord {
        let event_type = format!("games.event.{name}");
        let fields = RawValue::from_string(format!(r#"{{"room_seq":{seq}}}"#)).unwrap();
        let envelope = EventEnvelope {
            event_id: "e".into(),
            event_type: event_type.as_str().into(),
            timestamp: "2026-01-31T20:15:00.000Z".into(),
            correlation_id: None,
            producer: PRODUCER_BACKEND.into(),
            actor: Actor::system(),
            audience: Audience::room(room),
            payload: &fields,
        };
        let mut headers = HeadersBuilder::default();
        headers
            .push(header::EVENT_TYPE, &event_type)
            .push(header::AUDIENCE, "room")
            .push(header::ROOM_ID, room.as_str())
            .push(header::ROOM_SEQ, seq.to_string());
        NewRecord {
            topic: Topic::new(GAMES_EVENTS),
            partition: Some(0),
            key: room.as_str().to_owned().into(),
            headers: headers.build(),
            payload: envelope.to_bytes().into(),
        }
    }

    #[tokio::test]
    async fn the_newest_come_first_and_every_page_goes_on_where_the_one_before_ended() {
        let log: &dyn EventLog = &MemoryLog::default();
        let topic = TopicSpec {
            name: GAMES_EVENTS.to_owned(),
            partitions: 1,
            retention_ms: -1,
        };
        log.ensure_topics(&[topic]).await.unwrap();
        let [room, other] = ["room", "other"].map(|id| id.parse::<RoomId>().unwrap());
        let mut records = vec![event(&room, "game.state", 0)];
        for seq in 1..=5 {
            records.extend((0..400).map(|seq| event(&other, "game.state", seq)));
            records.push(event(&room, "moved", seq));
        }
        log.append_and_wait(records).await.unwrap();
        let (mut before, mut seen) = (None, Vec::new());
        loop {
            let page = timeline(log, &room, before, 2).await.unwrap();
            assert!(page.entries.len() <= 2);
            assert_eq!(page.state.unwrap()["room_seq"], 0);
            seen.extend(page.entries.into_iter().filter_map(|entry| entry.room_seq));
            before = page.older;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, [5, 4, 3, 2, 1, 0]);
    }
}
