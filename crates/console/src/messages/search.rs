//! The search: bounded in what one call looks at, so that a topic of any size answers at once, and goes on by cursor.

use super::cursor::Cursor;
use super::filter::Filter;
use blazing_sun_backbone::log::{Bounds, EventLog, LogError, Record, Span, Topic, Way};
use blazing_sun_domain::Millis;
use std::time::{Duration, Instant};

/// Records that one call looks at.
pub const SCANNED_MAX: u64 = 20_000;
/// How long one call looks.
pub const LOOKS_FOR: Duration = Duration::from_secs(1);
/// How often it is looked whether something has come, where one waits.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Where a search begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// With the newest, and on to what is older.
    Newest,
    /// With the oldest that is kept, and on.
    Oldest,
    /// With what comes next.
    End,
    /// In each partition with this offset, and on.
    Offset(u64),
    /// With the first that is as new as this, and on.
    Time(Millis),
    /// Where another has stopped.
    Cursor(Cursor),
}

/// What is looked for.
#[derive(Debug, Clone)]
pub struct Search {
    /// In which topic.
    pub topic: Topic,
    /// In this partition alone.
    pub partition: Option<u32>,
    /// From where.
    pub begin: Begin,
    /// What is to be found.
    pub filter: Filter,
    /// How much of it, at most.
    pub limit: usize,
    /// How long to wait for something to come where nothing is left.
    pub wait: Duration,
}

/// What was found, in the order of the search.
#[derive(Debug)]
pub struct Found {
    /// The records.
    pub records: Vec<Record>,
    /// Where it goes on; none where nothing older is left.
    pub next: Option<Cursor>,
    /// How many records were looked at.
    pub scanned: u64,
    /// Whether nothing was left when it stopped.
    pub is_at_end: bool,
}

/// Why nothing can be looked for.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// There is no such topic.
    #[error("there is no topic `{0}`")]
    UnknownTopic(String),
    /// It has no such partition.
    #[error(
        "topic `{topic}` has {partitions} partitions, numbered from 0: {partition} is none of them"
    )]
    UnknownPartition {
        /// The topic.
        topic: String,
        /// How many it has.
        partitions: usize,
        /// The one asked for.
        partition: u32,
    },
    /// The log failed.
    #[error("the event log can not be read")]
    Log(#[source] LogError),
}

/// Looks for it.
pub async fn search(log: &dyn EventLog, search: &Search) -> Result<Found, SearchError> {
    let mut cursor = begin(log, search).await?;
    let give_up = Instant::now() + search.wait;
    loop {
        let bounds = bounds(log, &search.topic).await?;
        let (found, is_at_end) = look(log, search, &mut cursor, &bounds).await?;
        let is_awaited = found.records.is_empty() && is_at_end && cursor.way == Way::On;
        if is_awaited && Instant::now() < give_up {
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
            continue;
        }
        let is_over = is_at_end && cursor.way == Way::Back;
        return Ok(Found {
            next: (!is_over).then_some(cursor),
            is_at_end,
            ..found
        });
    }
}

/// The bounds of a topic that operators may see.
pub async fn bounds(log: &dyn EventLog, topic: &Topic) -> Result<Vec<Bounds>, SearchError> {
    match log.bounds(topic).await {
        Ok(bounds) if !topic.as_str().starts_with('_') => Ok(bounds),
        Ok(_) | Err(LogError::UnknownPartition { .. }) => {
            Err(SearchError::UnknownTopic(topic.to_string()))
        }
        Err(error) => Err(SearchError::Log(error)),
    }
}

async fn begin(log: &dyn EventLog, search: &Search) -> Result<Cursor, SearchError> {
    let topic = &search.topic;
    let bounds = bounds(log, topic).await?;
    let is_known = |partition: u32| (partition as usize) < bounds.len();
    let check = |partition: u32| match is_known(partition) {
        true => Ok(()),
        false => Err(SearchError::UnknownPartition {
            topic: topic.to_string(),
            partitions: bounds.len(),
            partition,
        }),
    };
    if let Some(partition) = search.partition {
        check(partition)?;
    }
    let every = |place: &dyn Fn(&Bounds) -> u64| {
        let places = (0..).zip(bounds.iter().map(place));
        let is_wanted =
            |(partition, _): &(u32, u64)| search.partition.is_none_or(|it| it == *partition);
        places.filter(is_wanted).collect::<Vec<_>>()
    };
    let (way, places) = match &search.begin {
        Begin::Cursor(cursor) => {
            cursor
                .places
                .iter()
                .try_for_each(|(partition, _)| check(*partition))?;
            return Ok(cursor.clone());
        }
        Begin::Newest => (Way::Back, every(&|bounds| bounds.end)),
        Begin::Oldest => (Way::On, every(&|bounds| bounds.earliest)),
        Begin::End => (Way::On, every(&|bounds| bounds.end)),
        Begin::Offset(offset) => (Way::On, every(&|_| *offset)),
        Begin::Time(at) => {
            let since = log.since(topic, *at).await.map_err(SearchError::Log)?;
            let places = every(&|_| 0).into_iter();
            let since = places.map(|(partition, _)| {
                (
                    partition,
                    since.get(partition as usize).copied().unwrap_or(0),
                )
            });
            (Way::On, since.collect())
        }
    };
    Ok(Cursor { way, places })
}

/// Looks through what there is, as far as one call may, and moves the cursor past it. Also whether all was looked at.
async fn look(
    log: &dyn EventLog,
    search: &Search,
    cursor: &mut Cursor,
    bounds: &[Bounds],
) -> Result<(Found, bool), SearchError> {
    let mut found = Found {
        records: Vec::new(),
        next: None,
        scanned: 0,
        is_at_end: false,
    };
    let mut left: Vec<Span> = spans(cursor, bounds);
    let mut walk = (log.walk(&search.topic, cursor.way, left.clone())).map_err(SearchError::Log)?;
    let until = Instant::now() + LOOKS_FOR;
    let mut is_whole = left.iter().all(Span::is_empty);
    'looking: while !is_whole {
        let records = walk.next().await.map_err(SearchError::Log)?;
        is_whole = records.is_empty();
        for record in records {
            if let Some(span) = left
                .iter_mut()
                .find(|span| span.partition == record.partition)
            {
                span.pass(cursor.way, record.offset);
            }
            found.scanned += 1;
            if search.filter.matches(&record) {
                found.records.push(record);
            }
            if found.records.len() >= search.limit || found.scanned >= SCANNED_MAX {
                break 'looking;
            }
        }
        if Instant::now() >= until {
            break;
        }
    }
    let is_at_end = is_whole || left.iter().all(Span::is_empty);
    for ((_, place), span) in cursor.places.iter_mut().zip(&left) {
        *place = match (cursor.way, is_at_end) {
            (Way::On, false) => span.from,
            // What is left are marks, which are no records.
            (Way::On, true) => span.to.max(span.from),
            (Way::Back, false) => span.to,
            (Way::Back, true) => span.from,
        };
    }
    Ok((found, is_at_end))
}

/// What lies before the cursor, in its order.
fn spans(cursor: &Cursor, bounds: &[Bounds]) -> Vec<Span> {
    let spans = cursor.places.iter().map(|(partition, place)| {
        let bounds = bounds.get(*partition as usize);
        let (earliest, end) = bounds.map_or((0, 0), |it| (it.earliest, it.end.max(it.earliest)));
        let (from, to) = match cursor.way {
            // What brokers have lost lies before where the partition ends now.
            Way::On => ((*place).clamp(earliest, end), end),
            Way::Back => (earliest, (*place).clamp(earliest, end)),
        };
        Span {
            partition: *partition,
            from,
            to,
        }
    });
    spans.collect()
}

#[cfg(test)]
mod tests;
