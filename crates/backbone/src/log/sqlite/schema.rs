//! The log's tables: making them, restoring from them, finding places in them.

use super::SqliteLogError;
use super::catalog::Catalog;
use super::codec::{self, SectionTable};
use crate::log::{Bounds, LogError};
use crate::topics::TopicSpec;
use blazing_sun_domain::Millis;
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::atomic::Ordering;

/// An index row stands before every batch whose number is a multiple of this.
pub(super) const INDEX_EVERY: u64 = 256;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS log_topic (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        partitions INTEGER NOT NULL CHECK (partitions > 0),
        retention_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS log_batch (
        batch_no INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        sections BLOB NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS log_index (
        batch_no INTEGER PRIMARY KEY,
        next_offsets BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS log_earliest (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        batch_no INTEGER NOT NULL,
        next_offsets BLOB NOT NULL
    ) STRICT;
";

type Result<T> = std::result::Result<T, SqliteLogError>;

/// Sets what durability needs and makes missing tables.
pub(super) fn prepare(conn: &Connection) -> Result<()> {
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.execute_batch(TABLES)?;
    Ok(())
}

/// Makes missing topics and sets retentions, in one transaction or savepoint of its own; nothing is
/// changed if one has another number of partitions.
pub(super) fn ensure_topics(
    conn: &Connection,
    topics: &[TopicSpec],
) -> std::result::Result<(), LogError> {
    let mut changed = Vec::new();
    for spec in topics {
        let found: Option<(u32, i64)> = conn
            .prepare_cached("SELECT partitions, retention_ms FROM log_topic WHERE name = ?1")?
            .query_row([&spec.name], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match found {
            Some((found, _)) if found != spec.partitions => {
                return Err(LogError::PartitionCount {
                    topic: spec.name.clone(),
                    found,
                    wanted: spec.partitions,
                });
            }
            Some((_, retention_ms)) if retention_ms == spec.retention_ms => (),
            _ => changed.push(spec),
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    let own = conn.is_autocommit();
    conn.execute_batch(if own {
        "BEGIN IMMEDIATE"
    } else {
        "SAVEPOINT log_topics"
    })?;
    let outcome = changed.iter().try_for_each(|spec| {
        conn.prepare_cached(
            "INSERT INTO log_topic (name, partitions, retention_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET retention_ms = excluded.retention_ms",
        )?
        .execute(params![spec.name, spec.partitions, spec.retention_ms])
        .map(|_| ())
    });
    conn.execute_batch(match (own, outcome.is_ok()) {
        (true, true) => "COMMIT",
        (true, false) => "ROLLBACK",
        (false, true) => "RELEASE log_topics",
        (false, false) => "ROLLBACK TO log_topics; RELEASE log_topics",
    })?;
    Ok(outcome?)
}

/// Adds the stored topics to the catalog. Returns the longest retention; none: for ever.
pub(super) fn load_topics(conn: &Connection, catalog: &mut Catalog) -> Result<Option<i64>> {
    let mut longest = Some(0);
    let mut statement = conn
        .prepare_cached("SELECT id, name, partitions, retention_ms FROM log_topic ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        catalog.add(
            row.get(0)?,
            row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?,
            row.get(2)?,
        );
        let retention_ms: i64 = row.get(3)?;
        longest = longest
            .filter(|_| retention_ms >= 0)
            .map(|longest| retention_ms.max(longest));
    }
    Ok(longest)
}

/// Sets the catalog's offsets from the last index row and the batches since. Returns the number of
/// the last batch.
pub(super) fn restore_offsets(conn: &Connection, catalog: &Catalog) -> Result<u64> {
    let earliest = earliest_row(conn)?;
    if let Some((_, offsets)) = &earliest {
        for (entry, partition, offset) in known(catalog, offsets) {
            entry.earliest[partition].store(offset, Ordering::Release);
        }
    }
    let (from, offsets) = index_row(
        conn,
        "SELECT batch_no, next_offsets FROM log_index ORDER BY batch_no DESC LIMIT 1",
        0,
    )?
    .max_by_batch(earliest)
    .unwrap_or_default();
    for (entry, partition, offset) in known(catalog, &offsets) {
        entry.ends[partition].store(offset, Ordering::Release);
    }
    let mut last = from.saturating_sub(1);
    for_sections(conn, from, u64::MAX, |batch_no, _, table| {
        last = batch_no;
        for section in &table.sections {
            let entry = catalog.entry_of(section);
            let end = entry.map(|entry| &entry.ends[section.partition as usize]);
            let Some(end) = end.filter(|end| end.load(Ordering::Acquire) == section.base) else {
                let what = "its offsets do not follow those of the batch before";
                return Err(SqliteLogError::Damaged { batch_no, what });
            };
            end.store(section.base + section.count, Ordering::Release);
        }
        Ok(true)
    })?;
    for entry in catalog.entries() {
        for (next, end) in entry.next.iter().zip(&entry.ends) {
            next.store(end.load(Ordering::Acquire), Ordering::Release);
        }
    }
    Ok(last)
}

type IndexRow = (u64, Vec<(u32, Vec<u64>)>);

trait Later {
    fn max_by_batch(self, other: Self) -> Self;
}

impl Later for Option<IndexRow> {
    fn max_by_batch(self, other: Self) -> Self {
        self.into_iter()
            .chain(other)
            .max_by_key(|(batch_no, _)| *batch_no)
    }
}

fn known<'a>(
    catalog: &'a Catalog,
    offsets: &'a [(u32, Vec<u64>)],
) -> impl Iterator<Item = (&'a super::catalog::TopicEntry, usize, u64)> {
    offsets
        .iter()
        .filter_map(|(id, offsets)| Some((catalog.by_id(*id)?, offsets)))
        .flat_map(|(entry, offsets)| {
            let in_range = offsets.iter().take(entry.ends.len()).enumerate();
            in_range.map(move |(partition, offset)| (&**entry, partition, *offset))
        })
}

fn index_row(conn: &Connection, sql: &str, from: u64) -> Result<Option<IndexRow>> {
    let mut statement = conn.prepare_cached(sql)?;
    let from = from as i64;
    let arguments: &[&dyn rusqlite::ToSql] = if statement.parameter_count() == 0 {
        &[]
    } else {
        &[&from]
    };
    let mut rows = statement.query(arguments)?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let batch_no = row.get::<_, i64>(0)? as u64;
    let blob = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
    Ok(Some((batch_no, codec::decode_offsets(batch_no, blob)?)))
}

fn earliest_row(conn: &Connection) -> Result<Option<IndexRow>> {
    index_row(conn, "SELECT batch_no, next_offsets FROM log_earliest", 0)
}

/// Calls `take` with number, time and section table of each batch from `from` up to and including
/// `upto`, until it returns false.
pub(super) fn for_sections(
    conn: &Connection,
    from: u64,
    upto: u64,
    mut take: impl FnMut(u64, Millis, SectionTable) -> Result<bool>,
) -> Result<()> {
    let mut statement = conn.prepare_cached(
        "SELECT batch_no, at_ms, sections FROM log_batch WHERE batch_no BETWEEN ?1 AND ?2
         ORDER BY batch_no",
    )?;
    let upto = i64::try_from(upto).unwrap_or(i64::MAX);
    let mut rows = statement.query([i64::try_from(from).unwrap_or(i64::MAX), upto])?;
    while let Some(row) = rows.next()? {
        let batch_no = row.get::<_, i64>(0)? as u64;
        let blob = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        if !take(
            batch_no,
            Millis(row.get(1)?),
            SectionTable::decode(batch_no, blob)?,
        )? {
            break;
        }
    }
    Ok(())
}

/// The number of the newest stored batch; 0 where there is none.
pub(super) fn last_batch_no(conn: &Connection) -> Result<u64> {
    let last: Option<i64> = conn
        .prepare_cached("SELECT max(batch_no) FROM log_batch")?
        .query_row([], |row| row.get(0))?;
    Ok(last.unwrap_or(0) as u64)
}

/// A batch from which to scan in order to miss none of the places, at most [`INDEX_EVERY`] batches
/// before the first of them: binary search over the index.
pub(super) fn seek(conn: &Connection, places: &[(u32, u32, u64)]) -> Result<u64> {
    let is_before_all = |offsets: &[(u32, Vec<u64>)]| {
        places.iter().all(|(topic_id, partition, offset)| {
            let found = offsets.iter().find(|(id, _)| id == topic_id);
            // A topic that an index row does not know began after it.
            found
                .and_then(|(_, offsets)| offsets.get(*partition as usize))
                .is_none_or(|n| n <= offset)
        })
    };
    let mut found = earliest_row(conn)?.map_or(0, |(batch_no, _)| batch_no);
    let (mut low, mut high) = (found / INDEX_EVERY, last_batch_no(conn)? / INDEX_EVERY + 1);
    while low < high {
        let middle = low.midpoint(high);
        let row = index_row(
            conn,
            "SELECT batch_no, next_offsets FROM log_index WHERE batch_no >= ?1
             ORDER BY batch_no LIMIT 1",
            middle * INDEX_EVERY,
        )?;
        match row {
            Some((batch_no, offsets)) if is_before_all(&offsets) => {
                found = found.max(batch_no);
                low = batch_no / INDEX_EVERY + 1;
            }
            _ => high = middle,
        }
    }
    Ok(found)
}

/// The next offsets of a topic's partitions before this batch.
pub(super) fn offsets_before(
    conn: &Connection,
    batch_no: u64,
    topic_id: u32,
    partitions: u32,
) -> Result<Vec<u64>> {
    let mut next = vec![0; partitions as usize];
    let indexed = index_row(
        conn,
        "SELECT batch_no, next_offsets FROM log_index WHERE batch_no <= ?1
         ORDER BY batch_no DESC LIMIT 1",
        batch_no,
    )?;
    let (from, offsets) = indexed
        .max_by_batch(earliest_row(conn)?)
        .unwrap_or_default();
    let of_topic = offsets.into_iter().find(|(id, _)| *id == topic_id);
    for (next, known) in next.iter_mut().zip(of_topic.unwrap_or_default().1) {
        *next = known;
    }
    for_sections(conn, from, batch_no.saturating_sub(1), |_, _, table| {
        for section in table.sections.iter().filter(|it| it.topic_id == topic_id) {
            if let Some(next) = next.get_mut(section.partition as usize) {
                *next = section.base + section.count;
            }
        }
        Ok(true)
    })?;
    Ok(next)
}

/// The bounds of a topic's partitions, read from the file alone.
pub(super) fn bounds(conn: &Connection, name: &str) -> Result<Option<Vec<Bounds>>> {
    let snapshot = conn.unchecked_transaction()?;
    let mut catalog = Catalog::default();
    load_topics(&snapshot, &mut catalog)?;
    restore_offsets(&snapshot, &catalog)?;
    Ok(catalog
        .get(&crate::log::Topic::new(name))
        .map(|entry| entry.bounds()))
}
