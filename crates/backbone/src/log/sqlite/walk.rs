//! Walks through the file. The index says which stretch of [`INDEX_EVERY`] batches may hold something, so that what
//! stands far apart is found without reading what lies between.

use super::codec::SectionTable;
use super::reader::{blob, read_off_thread};
use super::schema::{self, INDEX_EVERY};
use super::tail::Wanted;
use super::{Shared, SqliteLogError};
use crate::log::{Headers, LogError, Record, Span, Walk, Way};
use async_trait::async_trait;
use blazing_sun_domain::Millis;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What is handed out at once, about: whole batches.
const CHUNK_RECORDS: usize = 512;
const CHUNK_BYTES: usize = 1 << 20;

pub(super) struct SqliteWalk {
    pub shared: Arc<Shared>,
    /// Each span's partition has the span's place.
    pub wanted: Arc<Wanted>,
    pub place: WalkPlace,
}

/// How far a walk has come.
#[derive(Clone)]
pub(super) struct WalkPlace {
    way: Way,
    topic_id: u32,
    left: Vec<Span>,
    /// The batches of the present stretch that are still to be read.
    stretch: Option<RangeInclusive<u64>>,
    /// The stretches that were read lie on this side of it.
    passed: Option<u64>,
}

impl WalkPlace {
    pub(super) fn new(way: Way, topic_id: u32, spans: Vec<Span>) -> WalkPlace {
        WalkPlace {
            way,
            topic_id,
            left: spans,
            stretch: None,
            passed: None,
        }
    }

    /// The next records; none at the end.
    fn read(&mut self, conn: &Connection, wanted: &Wanted) -> Result<Vec<Record>, SqliteLogError> {
        let mut records = Vec::new();
        // What retention removes meanwhile is removed from all of this read or from nothing of it.
        let snapshot = conn.unchecked_transaction()?;
        while records.is_empty() {
            let stretch = match self.stretch.take() {
                Some(stretch) => stretch,
                None => match self.next_stretch(&snapshot)? {
                    Some(stretch) => stretch,
                    None => break,
                },
            };
            self.stretch = self.read_stretch(&snapshot, wanted, stretch, &mut records)?;
        }
        Ok(records)
    }

    /// The next batches among which there may be something.
    fn next_stretch(
        &mut self,
        conn: &Connection,
    ) -> Result<Option<RangeInclusive<u64>>, SqliteLogError> {
        let left = self.left.iter().filter(|span| !span.is_empty());
        let sought = left.map(|span| {
            let offset = match self.way {
                Way::On => span.from,
                Way::Back => span.to - 1,
            };
            schema::seek(conn, &[(self.topic_id, span.partition, offset)])
        });
        let starts = sought.collect::<Result<Vec<u64>, _>>()?;
        let start = match self.way {
            Way::On => starts.into_iter().min(),
            Way::Back => starts.into_iter().max(),
        };
        let Some(start) = start else {
            return Ok(None);
        };
        let last_of_stretch = start / INDEX_EVERY * INDEX_EVERY + (INDEX_EVERY - 1);
        let stretch = match (self.way, self.passed) {
            (_, None) => start..=last_of_stretch,
            (Way::Back, Some(passed)) => start..=last_of_stretch.min(passed.saturating_sub(1)),
            (Way::On, Some(passed)) => {
                let start = start.max(passed + 1);
                start..=(start / INDEX_EVERY * INDEX_EVERY + (INDEX_EVERY - 1))
            }
        };
        let is_beyond = stretch.is_empty()
            || (self.way == Way::On && *stretch.start() > schema::last_batch_no(conn)?);
        self.passed = Some(match self.way {
            Way::On => *stretch.end(),
            Way::Back => *stretch.start(),
        });
        Ok((!is_beyond).then_some(stretch))
    }

    /// Reads batches until the chunk is full; what is left of the stretch then.
    fn read_stretch(
        &mut self,
        conn: &Connection,
        wanted: &Wanted,
        stretch: RangeInclusive<u64>,
        records: &mut Vec<Record>,
    ) -> Result<Option<RangeInclusive<u64>>, SqliteLogError> {
        let mut statement = conn.prepare_cached(match self.way {
            Way::On => {
                "SELECT batch_no, at_ms, sections, body FROM log_batch WHERE batch_no BETWEEN ?1 AND ?2
                 ORDER BY batch_no"
            }
            Way::Back => {
                "SELECT batch_no, at_ms, sections, body FROM log_batch WHERE batch_no BETWEEN ?1 AND ?2
                 ORDER BY batch_no DESC"
            }
        })?;
        let bounds = [*stretch.start() as i64, *stretch.end() as i64];
        let mut rows = statement.query(bounds)?;
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let batch_no = row.get::<_, i64>(0)? as u64;
            bytes += self.read_batch(row, batch_no, wanted, records)?;
            if records.len() >= CHUNK_RECORDS || bytes >= CHUNK_BYTES {
                let left = match self.way {
                    Way::On => batch_no + 1..=*stretch.end(),
                    Way::Back => *stretch.start()..=batch_no.saturating_sub(1),
                };
                return Ok((!left.is_empty()).then_some(left));
            }
        }
        Ok(None)
    }

    /// Adds what the batch has of the spans, in the order of the appends or against it. Gives how much was read.
    fn read_batch(
        &mut self,
        row: &Row<'_>,
        batch_no: u64,
        wanted: &Wanted,
        records: &mut Vec<Record>,
    ) -> Result<usize, SqliteLogError> {
        let at = Millis(row.get(1)?);
        let table = SectionTable::decode(batch_no, blob(row, 2)?)?;
        let places: Vec<_> = (table.sections.iter())
            .map(|section| {
                let (topic, place) = wanted.place(section)?;
                let left = self.left[place];
                let is_in = section.base < left.to && section.base + section.count > left.from;
                is_in.then_some((topic, place))
            })
            .collect();
        if places.iter().all(Option::is_none) {
            return Ok(0);
        }
        let body = Bytes::copy_from_slice(blob(row, 3)?);
        let first = records.len();
        table.decode_body(batch_no, &body, |section, offset, key, headers, payload| {
            let Some((topic, place)) = places[section] else {
                return;
            };
            if self.left[place].covers(offset) {
                records.push(Record {
                    topic: topic.clone(),
                    partition: table.sections[section].partition,
                    offset,
                    timestamp: at,
                    key,
                    headers: Headers::from_encoded(headers),
                    payload,
                });
            }
        })?;
        if self.way == Way::Back {
            records[first..].reverse();
        }
        for (section, (_, place)) in (table.sections.iter().zip(places))
            .filter_map(|(section, place)| Some((section, place?)))
        {
            let met_last = match self.way {
                Way::On => section.base + section.count - 1,
                Way::Back => section.base,
            };
            self.left[place].pass(self.way, met_last);
        }
        Ok(body.len())
    }
}

#[async_trait]
impl Walk for SqliteWalk {
    async fn next(&mut self) -> Result<Vec<Record>, LogError> {
        let (mut place, wanted) = (self.place.clone(), Arc::clone(&self.wanted));
        let (place, records) = read_off_thread(&self.shared, move |conn| {
            let records = place.read(conn, &wanted)?;
            Ok((place, records))
        })
        .await?;
        self.place = place;
        Ok(records)
    }
}

/// Where the partitions of a topic stand before the first batch that is as new as this.
pub(super) fn since(
    conn: &Connection,
    topic_id: u32,
    partitions: u32,
    at: Millis,
) -> Result<Vec<u64>, SqliteLogError> {
    let snapshot = conn.unchecked_transaction()?;
    let batch_no = first_batch_since(&snapshot, at)?;
    schema::offsets_before(&snapshot, batch_no, topic_id, partitions)
}

/// By halves: numbers are dense, and times grow with them.
fn first_batch_since(conn: &Connection, at: Millis) -> Result<u64, SqliteLogError> {
    let mut statement = conn.prepare_cached(
        "SELECT at_ms FROM log_batch WHERE batch_no >= ?1 ORDER BY batch_no LIMIT 1",
    )?;
    let mut low = 0;
    let mut high = schema::last_batch_no(conn)? + 1;
    while low < high {
        let middle = low.midpoint(high);
        let found = statement.query_row([middle as i64], |row| row.get::<_, i64>(0));
        match found.optional()? {
            Some(at_ms) if at_ms < at.0 => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}
