//! `blazing-sun tail`: prints a topic's records as a console consumer does, beside a running server
//! and without ever getting in its way.

use crate::cli::TailArgs;
use crate::data_dir::existing_database;
use anyhow::{Context, bail};
use blazing_sun_backbone::log::sqlite::SqliteLog;
use blazing_sun_backbone::log::{Bounds, EventLog, LogError, Record, Start, Topic};
use blazing_sun_backbone::topics;
use blazing_sun_domain::Games;
use serde_json::Value;
use std::borrow::Cow;
use std::io::Write;
use std::path::Path;

const MASKED: &str = "password";
const UNREADABLE: &str = "\"not JSON, and perhaps with a password\"";

/// Prints until it is told to stop, or as many as were asked for.
pub async fn run(args: &TailArgs, games: &Games, out: &mut impl Write) -> anyhow::Result<()> {
    let database = existing_database(&args.data.data_dir)?;
    let log = open(&database)?;
    let topic = Topic::new(&args.topic);
    let bounds = match log.bounds(&topic).await {
        Ok(bounds) if !args.topic.starts_with('_') => bounds,
        Ok(_) | Err(LogError::UnknownPartition { .. }) => {
            let names = existing_topics(&log, games).await.join(", ");
            bail!("there is no topic `{}`; there are: {names}", args.topic);
        }
        Err(error) => return Err(error).context("cannot read the event log"),
    };
    let from = |partition: usize, bounds: &Bounds| {
        let start = if args.from_beginning {
            Start::Offset(bounds.earliest)
        } else {
            Start::End
        };
        (topic.clone(), partition as u32, start)
    };
    let from = bounds
        .iter()
        .enumerate()
        .map(|(partition, bounds)| from(partition, bounds))
        .collect();
    let mut wanted = Wanted {
        records: args.max.unwrap_or(u64::MAX),
        ends: args
            .until_end
            .then(|| Wanted::ends(&bounds, args.from_beginning)),
    };
    if wanted.is_over() {
        return Ok(());
    }
    let mut subscription = log.subscribe(from)?;
    loop {
        for record in subscription.next().await? {
            if wanted.takes(&record) {
                writeln!(out, "{}", line_of(&record.payload))?;
            }
            if wanted.is_over() {
                return Ok(out.flush()?);
            }
        }
        out.flush()?;
    }
}

fn open(database: &Path) -> anyhow::Result<SqliteLog> {
    let opened = SqliteLog::open_read_only(database);
    opened.with_context(|| format!("cannot read the event log in {}", database.display()))
}

async fn existing_topics(log: &SqliteLog, games: &Games) -> Vec<String> {
    let games: Vec<&str> = games.iter().map(|game| game.name).collect();
    let mut names = Vec::new();
    for (name, _) in topics::rows(&games) {
        if log.bounds(&Topic::new(&name)).await.is_ok() {
            names.push(name);
        }
    }
    names
}

/// When to stop.
struct Wanted {
    records: u64,
    /// Of each partition: one past the last wanted offset, while it has not come.
    ends: Option<Vec<Option<u64>>>,
}

impl Wanted {
    fn ends(bounds: &[Bounds], from_beginning: bool) -> Vec<Option<u64>> {
        let end = |bounds: &Bounds| {
            Some(bounds.end).filter(|end| from_beginning && *end > bounds.earliest)
        };
        bounds.iter().map(end).collect()
    }

    fn takes(&mut self, record: &Record) -> bool {
        if let Some(end) = self
            .ends
            .as_mut()
            .and_then(|ends| ends.get_mut(record.partition as usize))
        {
            let Some(last) = *end else { return false };
            if record.offset + 1 >= last {
                *end = None;
            }
            if record.offset >= last {
                return false;
            }
        }
        self.records = self.records.saturating_sub(1);
        true
    }

    fn is_over(&self) -> bool {
        let ended = |ends: &Vec<Option<u64>>| ends.iter().all(Option::is_none);
        self.records == 0 || self.ends.as_ref().is_some_and(ended)
    }
}

/// A payload as one line: passwords masked, and nothing in it that a terminal would obey.
pub(crate) fn line_of(payload: &[u8]) -> Cow<'_, str> {
    let may_hold = |needle: &[u8]| payload.windows(needle.len()).any(|window| window == needle);
    match serde_json::from_slice::<&serde_json::value::RawValue>(payload) {
        // A key can also be written with escapes.
        Ok(_) if may_hold(MASKED.as_bytes()) || may_hold(b"\\u") => {
            // What is JSON by its form alone (`1e999`, half a surrogate pair) cannot be searched.
            let Ok(mut value) = serde_json::from_slice::<Value>(payload) else {
                return UNREADABLE.into();
            };
            if mask(&mut value) {
                return on_one_line(value.to_string().into());
            }
            on_one_line(String::from_utf8_lossy(payload))
        }
        Ok(_) => on_one_line(String::from_utf8_lossy(payload)),
        Err(_) if may_hold(MASKED.as_bytes()) => UNREADABLE.into(),
        Err(_) => {
            let text = Value::from(String::from_utf8_lossy(payload).into_owned());
            on_one_line(text.to_string().into())
        }
    }
}

/// Whether a terminal does something else with it than to show it.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// In JSON white space can only stand between tokens, and all other of these only in strings.
fn on_one_line(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return text;
    }
    let mut line = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => line.push(' '),
            c if is_obeyed(c) => line.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => line.push(c),
        }
    }
    line.into()
}

/// Masks in all of it; whether there was anything to mask.
fn mask(value: &mut Value) -> bool {
    let mut masked = false;
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == MASKED && !value.is_null() {
                    *value = Value::from("***");
                    masked = true;
                } else {
                    masked |= mask(value);
                }
            }
        }
        Value::Array(values) => {
            for value in values {
                masked |= mask(value);
            }
        }
        _ => {}
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_however_deep_and_however_written() {
        for payload in [
            r#"{"payload":{"password":"secret","room_name":"r"}}"#,
            r#"[{"a":[{"password":"secret"}]}]"#,
            r#"{"pa\u0073sword":"secret"}"#,
            r#"[{"password":"a"},{"password":"secret"},{"x":{"password":"secret"}}]"#,
            r#"{"password":{"is":"secret"}}"#,
            r#"{"password":"secret""#,
            r#"{"password":"secret","x":1e999}"#,
            r#"{"password":"secret","x":"\ud800"}"#,
        ] {
            let line = line_of(payload.as_bytes());
            assert!(!line.contains("secret"), "{line}");
        }
        let sealed = r#"{"password_sealed":"k1.abc","content":"my password"}"#;
        assert_eq!(line_of(sealed.as_bytes()), sealed);
    }

    #[test]
    fn a_record_is_one_line_without_control_characters() {
        assert_eq!(line_of(b"{\"a\":1,\n \"b\":2}"), r#"{"a":1,  "b":2}"#);
        for payload in [
            &b"\x1b[31m red\n"[..],
            b"\xff\xfe",
            b"",
            b"\"a\x07b\"",
            "\u{9b}31m".as_bytes(),
        ] {
            let line = line_of(payload);
            assert!(!line.chars().any(char::is_control), "{line:?}");
        }
        let name = "{\"username\":\"\u{202e}nna\u{9b}2J\"}";
        assert_eq!(
            line_of(name.as_bytes()),
            r#"{"username":"\u202enna\u009b2J"}"#
        );
    }

    #[test]
    fn it_ends_after_so_many_or_at_the_end() {
        let record = |partition, offset| Record {
            topic: Topic::new("t"),
            partition,
            offset,
            timestamp: blazing_sun_domain::Millis(0),
            key: Default::default(),
            headers: Default::default(),
            payload: Default::default(),
        };
        let bounds = [
            Bounds {
                earliest: 0,
                end: 2,
            },
            Bounds {
                earliest: 3,
                end: 3,
            },
        ];
        let mut wanted = Wanted {
            records: u64::MAX,
            ends: Some(Wanted::ends(&bounds, true)),
        };
        assert!(wanted.takes(&record(0, 0)) && !wanted.is_over());
        assert!(!wanted.takes(&record(1, 3)));
        assert!(wanted.takes(&record(0, 1)) && wanted.is_over());
        let mut wanted = Wanted {
            records: 1,
            ends: None,
        };
        assert!(wanted.takes(&record(0, 9)) && wanted.is_over());
        assert!(
            Wanted {
                records: 1,
                ends: Some(Wanted::ends(&bounds, false))
            }
            .is_over()
        );
    }
}
