//! `blazing-sun verify`: a room's seeds and rolls, checked from its public events alone, without keys.

use crate::cli::VerifyArgs;
use anyhow::{Context, bail};
use blazing_sun_backbone::log::{EventLog, LogError, Start, Topic};
use blazing_sun_backbone::topics;
use blazing_sun_console::messages::on_one_line;
use blazing_sun_domain::fairness::{Findings, PublicRecord};
use blazing_sun_domain::{Games, RoomId, UserId};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

/// The longest line of a transcript, in bytes.
const LINE_BYTES_MAX: u64 = 1 << 20;
const EVENTS: &str = "games.event.";
const READY: [&str; 2] = ["games.command.ready", "games.command.set_ready"];

/// Checks and prints; whether nothing contradicts itself.
pub async fn run(args: &VerifyArgs, games: &Games, out: &mut impl Write) -> anyhow::Result<bool> {
    let mut rooms = Rooms::default();
    let path = Path::new(&args.source);
    if args.source == "-" {
        rooms.read(io::stdin().lock(), "standard input")?;
    } else if path.is_file() {
        let file = File::open(path).with_context(|| format!("cannot read {}", args.source))?;
        rooms.read(BufReader::new(file), &args.source)?;
    } else {
        let Ok(room) = args.source.parse::<RoomId>() else {
            bail!("`{}` is neither a file nor a room's id", args.source);
        };
        let log = args.data.place()?.log().await?;
        rooms.read_topics(&*log, &room).await?;
    }
    if rooms.0.is_empty() {
        bail!("there are no events of a room in it");
    }
    let mut is_right = true;
    let has_nothing = |found: &Findings| found.checked.is_empty() && found.wrong.is_empty();
    let all = rooms
        .0
        .iter()
        .map(|(room, record)| (room, record.check(games)));
    let all: Vec<_> = all.collect();
    if all.iter().all(|(_, found)| has_nothing(found)) {
        bail!("there is nothing to check: the events tell of no seed and no commitment");
    }
    for (room, found) in all {
        is_right &= found.wrong.is_empty();
        if args.json {
            let mut line = json!(found);
            line["room_id"] = json!(room);
            line["right"] = found.wrong.is_empty().into();
            writeln!(out, "{line}")?;
        } else {
            print(out, room, &found)?;
        }
    }
    Ok(is_right)
}

fn print(out: &mut impl Write, room: &RoomId, found: &Findings) -> io::Result<()> {
    writeln!(out, "room {room}")?;
    for (verdict, sentences) in [
        ("ok", &found.checked),
        ("open", &found.unchecked),
        ("WRONG", &found.wrong),
    ] {
        for sentence in sentences {
            writeln!(out, "{verdict:<6}{}", on_one_line(sentence.into()))?;
        }
    }
    match found.wrong.len() {
        0 => writeln!(out, "right: nothing contradicts itself"),
        count => writeln!(out, "{count} contradictions"),
    }
}

/// What is said of a transcript, room by room.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_transcript(bytes: &[u8], games: &Games) -> Vec<u8> {
    let mut rooms = Rooms::default();
    let mut said = Vec::new();
    if let Err(error) = rooms.read(bytes, "it") {
        assert!(error.to_string().starts_with("it, line "), "{error}");
    }
    for (room, record) in &rooms.0 {
        print(&mut said, room, &record.check(games)).expect("a Vec takes it");
    }
    said
}

#[derive(Default)]
struct Rooms(BTreeMap<RoomId, PublicRecord>);

impl Rooms {
    /// Takes a transcript: JSON lines of frames, envelopes, or both.
    fn read(&mut self, mut lines: impl BufRead, name: &str) -> anyhow::Result<()> {
        let mut line = Vec::new();
        for number in 1_u64.. {
            line.clear();
            let mut bounded = io::Read::take(&mut lines, LINE_BYTES_MAX + 1);
            let length = bounded
                .read_until(b'\n', &mut line)
                .with_context(|| format!("cannot read {name}"))?;
            if length == 0 {
                break;
            }
            if length as u64 > LINE_BYTES_MAX {
                bail!("{name}, line {number}: it is longer than {LINE_BYTES_MAX} bytes");
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let value: Value = serde_json::from_slice(&line)
                .with_context(|| format!("{name}, line {number}: it is not JSON"))?;
            if !self.take(&value) {
                bail!(
                    "{name}, line {number}: it is neither a frame (`type`) nor an envelope (`event_type`)"
                );
            }
        }
        Ok(())
    }

    /// Takes a frame or an envelope; whether it is one.
    fn take(&mut self, value: &Value) -> bool {
        let (event_type, fields, sender) = match (&value["event_type"], &value["type"]) {
            (Value::String(event_type), _) if value["payload"].is_object() => {
                (event_type, &value["payload"], &value["actor"]["user_id"])
            }
            (_, Value::String(event_type)) => (event_type, value, &value["user_id"]),
            // The last line of a replay.
            _ => return value.get("summary").is_some(),
        };
        let room = fields["room_id"]
            .as_str()
            .or(fields["room"]["room_id"].as_str());
        let Some(room) = room.and_then(|room| room.parse::<RoomId>().ok()) else {
            return true;
        };
        let record = || PublicRecord::new(room.clone());
        if let Some(name) = event_type.strip_prefix(EVENTS) {
            self.0
                .entry(room.clone())
                .or_insert_with(record)
                .event(name, fields);
        } else if READY.contains(&event_type.as_str())
            && let Ok(user) = serde_json::from_value::<UserId>(sender.clone())
        {
            let commitment = fields["seed_commitment"].as_str();
            self.0
                .entry(room.clone())
                .or_insert_with(record)
                .ready(user, commitment);
        }
        true
    }

    /// Takes a room's events, and what its players sent, from the topics.
    async fn read_topics(&mut self, log: &dyn EventLog, room: &RoomId) -> anyhow::Result<()> {
        for name in [topics::GAMES_EVENTS, topics::GAMES_COMMANDS] {
            let topic = Topic::new(name);
            let bounds = match log.bounds(&topic).await {
                Ok(bounds) => bounds,
                Err(LogError::UnknownPartition { .. }) => Vec::new(),
                Err(error) => return Err(error).context("cannot read the event log"),
            };
            let mut left: Vec<u64> = bounds
                .iter()
                .map(|it| it.end - it.earliest.min(it.end))
                .collect();
            let from = bounds.iter().enumerate().map(|(partition, bounds)| {
                (
                    topic.clone(),
                    partition as u32,
                    Start::Offset(bounds.earliest),
                )
            });
            let mut subscription = log.subscribe(from.collect())?;
            while left.iter().any(|left| *left > 0) {
                for record in subscription.next().await? {
                    let partition = record.partition as usize;
                    let (Some(left), Some(bounds)) =
                        (left.get_mut(partition), bounds.get(partition))
                    else {
                        continue;
                    };
                    *left = bounds.end.saturating_sub(record.offset + 1);
                    if record.key == room.as_str()
                        && let Ok(value) = serde_json::from_slice::<Value>(&record.payload)
                    {
                        self.take(&value);
                    }
                }
                for (_, partition, next) in subscription.passed() {
                    let partition = partition as usize;
                    if let (Some(left), Some(bounds)) =
                        (left.get_mut(partition), bounds.get(partition))
                    {
                        *left = bounds.end.saturating_sub(next);
                    }
                }
            }
        }
        self.0.retain(|found, _| found == room);
        if self.0.is_empty() {
            bail!(
                "the topics have no events of a room `{room}`: there was none, or they have expired"
            );
        }
        Ok(())
    }
}
