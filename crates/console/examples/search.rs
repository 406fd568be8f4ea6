//! How long searches take on a topic of many messages: `cargo run --release --example search -- [MESSAGES]`. It prints a line
//! for each kind of search, on a file and on a Kafka that it starts.

use blazing_sun_backbone::log::kafka::{KafkaLog, KafkaOptions};
use blazing_sun_backbone::log::sqlite::{SqliteLog, SqliteLogOptions};
use blazing_sun_backbone::log::{EventLog, HeadersBuilder, NewRecord, Topic};
use blazing_sun_backbone::topics::TopicSpec;
use blazing_sun_console::messages::{Begin, Filter, Search, instant, search};
use blazing_sun_harness::kafka::TestKafka;
use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

const PARTITIONS: u32 = 12;
const AT_ONCE: u64 = 1_000;
/// As large as a roll's event.
const TEXT_BYTES: usize = 500;

fn record(topic: &Topic, n: u64) -> NewRecord {
    let room = format!("room-{}", n % 500);
    let mut headers = HeadersBuilder::default();
    headers
        .push("event_type", "games.event.bigger_dice.rolled")
        .push("room_id", &room);
    let text = "x".repeat(TEXT_BYTES);
    NewRecord {
        topic: topic.clone(),
        partition: None,
        key: room.clone().into(),
        headers: headers.build(),
        payload: format!(
            r#"{{"event_type":"games.event.bigger_dice.rolled","n":{n},"room_id":"{room}","text":"{text}"}}"#
        )
        .into(),
    }
}

async fn measure(what: &str, log: &dyn EventLog, messages: u64) -> Result<(), Box<dyn Error>> {
    let spec = TopicSpec {
        name: "searched".to_owned(),
        partitions: PARTITIONS,
        retention_ms: -1,
    };
    log.ensure_topics(&[spec]).await?;
    let topic = Topic::new("searched");
    let mut from = 0;
    while from < messages {
        let to = messages.min(from + AT_ONCE);
        let records = (from..to).map(|n| record(&topic, n)).collect();
        log.append_and_wait(records).await?;
        from = to;
    }
    let last_room = format!("room-{}", (messages - 1) % 500);
    let filters = [
        ("newest 100", Begin::Newest, Filter::default()),
        ("oldest 100", Begin::Oldest, Filter::default()),
        ("offset 1000, 100", Begin::Offset(1_000), Filter::default()),
        (
            "since 2020, 100",
            Begin::Time(instant("2020-01-01T00:00:00Z").unwrap_or_default()),
            Filter::default(),
        ),
        (
            "100 of a room, back",
            Begin::Newest,
            Filter {
                rooms: vec![last_room],
                ..Filter::default()
            },
        ),
        (
            "a text that is not there, back",
            Begin::Newest,
            Filter {
                texts: vec!["absent".to_owned()],
                ..Filter::default()
            },
        ),
        (
            "a text that is not there, on",
            Begin::Oldest,
            Filter {
                texts: vec!["absent".to_owned()],
                ..Filter::default()
            },
        ),
    ];
    for (name, begin, filter) in filters {
        let mut took = Vec::new();
        let mut scanned = 0;
        for _ in 0..5 {
            let wanted = Search {
                topic: topic.clone(),
                partition: None,
                begin: begin.clone(),
                filter: filter.clone(),
                limit: 100,
                wait: Duration::ZERO,
            };
            let began = Instant::now();
            let found = search(log, &wanted).await?;
            took.push(began.elapsed().as_millis());
            scanned = found.scanned;
        }
        took.sort_unstable();
        writeln!(
            std::io::stdout(),
            "{what}: {name}: {} ms (median of 5; {scanned} looked at)",
            took[2]
        )?;
    }
    Ok(())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let messages = std::env::args()
        .nth(1)
        .map_or(Ok(120_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let file = SqliteLog::standalone(&folder.path().join("log.db"), SqliteLogOptions::default())?;
    measure("file", &file, messages).await?;
    let kafka = tokio::task::spawn_blocking(TestKafka::shared).await?;
    let options = KafkaOptions {
        topic_prefix: kafka.new_prefix(),
        ..KafkaOptions::new(kafka.bootstrap_servers())
    };
    let connected = tokio::task::spawn_blocking(|| KafkaLog::connect(options, None)).await??;
    measure("Kafka", &connected, messages).await?;
    connected.close().await;
    Ok(())
}
