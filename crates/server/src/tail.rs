//! `blazing-sun tail`: prints topics' records as a console consumer does, beside a running server
//! and without ever getting in its way.

use crate::cli::TailArgs;
use crate::operator::Failure;
use anyhow::Context;
use blazing_sun_backbone::log::{Bounds, EventLog, LogError, Record, Start, Topic};
use blazing_sun_backbone::topics;
use blazing_sun_console::messages::{Filter, line_of};
use blazing_sun_domain::Games;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;

const CANNOT_READ: &str = "cannot read the event log";

/// Prints until it is told to stop, or as many as were asked for.
pub async fn run(
    args: &TailArgs,
    json: bool,
    games: &Games,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let log = args.data.place()?.log().await?;
    let filter = filter_of(args);
    let mut from = Vec::new();
    let mut ends = HashMap::new();
    for name in &args.topics {
        let topic = Topic::new(name);
        let bounds = bounds_of(&*log, &topic, games).await?;
        let since = match args.since {
            Some(at) => Some(log.since(&topic, at).await.context(CANNOT_READ)?),
            None => None,
        };
        for (partition, Bounds { earliest, end }) in (0..).zip(bounds) {
            let since = since
                .as_ref()
                .and_then(|since| since.get(partition as usize));
            let asked = args.from_beginning.then_some(earliest);
            let start = match asked.or(since.copied()) {
                Some(from) => {
                    if end > from {
                        ends.insert((topic.clone(), partition), end);
                    }
                    Start::Offset(from)
                }
                None => Start::End,
            };
            if !from
                .iter()
                .any(|(other, at, _)| *other == topic && *at == partition)
            {
                from.push((topic.clone(), partition, start));
            }
        }
    }
    let mut wanted = Wanted {
        records: args.max.unwrap_or(u64::MAX),
        ends: args.until_end.then_some(ends),
    };
    if wanted.is_over() {
        return Ok(());
    }
    let mut subscription = log.subscribe(from)?;
    loop {
        for record in subscription.next().await? {
            if wanted.may_take(&record) && filter.matches(&record) {
                wanted.records -= 1;
                match json {
                    true => writeln!(out, "{}", placed(&record))?,
                    false => writeln!(out, "{}", line_of(&record.payload))?,
                }
            }
            if wanted.is_over() {
                return Ok(out.flush()?);
            }
        }
        for (topic, partition, next) in subscription.passed() {
            wanted.pass((topic, partition), next);
        }
        out.flush()?;
        if wanted.is_over() {
            return Ok(());
        }
    }
}

fn filter_of(args: &TailArgs) -> Filter {
    Filter {
        correlation_ids: args.correlation_ids.clone(),
        keys: args.keys.clone(),
        types: args.types.clone(),
        users: args.users.clone(),
        rooms: args.rooms.clone(),
        texts: args.texts.clone(),
        since: args.since,
        until: args.until,
    }
}

/// The bounds of a topic; a failure that names those that there are where it is none.
pub(crate) async fn bounds_of(
    log: &dyn EventLog,
    topic: &Topic,
    games: &Games,
) -> anyhow::Result<Vec<Bounds>> {
    match log.bounds(topic).await {
        Ok(bounds) if !topic.as_str().starts_with('_') => Ok(bounds),
        Ok(_) | Err(LogError::UnknownPartition { .. }) => {
            let names = existing_topics(log, games).await.join(", ");
            let message = format!("there is no topic `{topic}`; there are: {names}");
            Err(Failure::new("topic_not_found", message).into())
        }
        Err(error) => Err(error).context(CANNOT_READ),
    }
}

async fn existing_topics(log: &dyn EventLog, games: &Games) -> Vec<String> {
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
    /// One past the last wanted offset of each partition in which one is still to come.
    ends: Option<HashMap<(Topic, u32), u64>>,
}

impl Wanted {
    /// Whether the record is not past the end.
    fn may_take(&mut self, record: &Record) -> bool {
        let Some(ends) = &mut self.ends else {
            return true;
        };
        let partition = (record.topic.clone(), record.partition);
        let Some(end) = ends.get(&partition).copied() else {
            return false;
        };
        if record.offset + 1 >= end {
            ends.remove(&partition);
        }
        record.offset < end
    }

    /// All before this offset has come.
    fn pass(&mut self, partition: (Topic, u32), next: u64) {
        if let Some(ends) = &mut self.ends
            && ends.get(&partition).is_some_and(|end| next >= *end)
        {
            ends.remove(&partition);
        }
    }

    fn is_over(&self) -> bool {
        self.records == 0 || self.ends.as_ref().is_some_and(HashMap::is_empty)
    }
}

/// A record with where it stands, as one line.
fn placed(record: &Record) -> Value {
    let line = line_of(&record.payload);
    let value: Value = serde_json::from_str(&line).unwrap_or_else(|_| line.into());
    json!({
        "topic": record.topic.as_str(),
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp.to_string(),
        "key": String::from_utf8_lossy(&record.key),
        "value": value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut wanted = Wanted {
            records: u64::MAX,
            ends: Some(HashMap::from([((Topic::new("t"), 0), 2)])),
        };
        assert!(wanted.may_take(&record(0, 0)) && !wanted.is_over());
        assert!(!wanted.may_take(&record(1, 3)));
        assert!(wanted.may_take(&record(0, 1)) && wanted.is_over());
        assert!(!wanted.may_take(&record(0, 2)));
        let mut endless = Wanted {
            records: 1,
            ends: None,
        };
        assert!(endless.may_take(&record(0, 9)) && !endless.is_over());
        endless.records -= 1;
        assert!(endless.is_over());
        let nothing = Wanted {
            records: 1,
            ends: Some(HashMap::new()),
        };
        assert!(nothing.is_over());
    }
}
