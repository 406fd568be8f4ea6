//! Puts many records on a topic, for tests of what has to stay fluent then:
//! `fill_topic FOLDER chat.events 100000` where no server has the folder, or `fill_topic BROKERS#PREFIX chat.events 100000`.
//! On `events.dead_letter` they are letters about commands that nobody can read.

use blazing_sun_backbone::log::kafka::{KafkaLog, KafkaOptions};
use blazing_sun_backbone::log::sqlite::{SqliteLog, SqliteLogOptions};
use blazing_sun_backbone::log::{EventLog, Headers, NewRecord, Topic};
use blazing_sun_backbone::topics::DEAD_LETTER;
use std::path::Path;
use std::sync::Arc;

const AT_ONCE: u64 = 2_000;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [place, topic, records] = args.as_slice() else {
        return Err("give a folder or BROKERS#PREFIX, a topic, and how many records".into());
    };
    let log = opened(place)?;
    let (topic, records) = (Topic::new(topic.as_str()), records.parse::<u64>()?);
    let mut written = 0;
    while written < records {
        let end = records.min(written + AT_ONCE);
        let batch = (written..end).map(|number| match topic.as_str() {
            DEAD_LETTER => letter(&topic, number),
            _ => record(&topic, number),
        });
        log.append_and_wait(batch.collect()).await?;
        written = end;
    }
    Ok(())
}

fn opened(place: &str) -> Result<Arc<dyn EventLog>, Failure> {
    Ok(match place.split_once('#') {
        Some((brokers, prefix)) => Arc::new(KafkaLog::connect(
            KafkaOptions {
                topic_prefix: prefix.to_owned(),
                ..KafkaOptions::new(brokers)
            },
            None,
        )?),
        None => {
            let file = Path::new(place).join("blazing-sun.db");
            Arc::new(SqliteLog::standalone(&file, SqliteLogOptions::default())?)
        }
    })
}

/// Its original, `{}`, is no command, and is on no topic.
fn letter(topic: &Topic, number: u64) -> NewRecord {
    let offset = 9_000_000_000 + number;
    let payload = format!(
        r#"{{"topic":"games.commands","partition":0,"offset":{offset},"key":"k{number}","error":"no event envelope, number {number}","failed_at":"2026-01-31T18:00:00.000Z","original":"e30="}}"#
    );
    NewRecord {
        topic: topic.clone(),
        partition: None,
        key: format!("k{number}").into(),
        headers: Headers::default(),
        payload: payload.into(),
    }
}

/// A message between two users that are nobody: whoever reads the topic passes over it.
fn record(topic: &Topic, number: u64) -> NewRecord {
    let user = 9_000_000_000 + number % 1_000;
    let payload = format!(
        r#"{{"event_id":"0190c2a4-0000-7000-8000-{number:012x}","event_type":"chat.event.message_received","timestamp":"2026-01-31T18:00:00.000Z","correlation_id":"0190c2a4-0000-7000-9000-{number:012x}","producer":"blazing_sun","actor":{{"user_id":{user},"username":"<b>Nobody</b>","socket_id":"","roles":[]}},"audience":{{"type":"user","user_ids":[{user}],"room_id":null,"game_id":null}},"payload":{{"content":"message number {number} of many"}}}}"#
    );
    NewRecord {
        topic: topic.clone(),
        partition: None,
        key: user.to_string().into(),
        headers: Headers::default(),
        payload: payload.into(),
    }
}
