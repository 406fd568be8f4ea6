//! Where the log must begin and end, by what is written beside it.

use super::{Result, has_table, one};
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;

/// Next offsets by topic id and partition.
pub(super) type Offsets = BTreeMap<(u32, u32), u64>;

/// What the log is held to.
pub(super) struct LogFrame {
    /// The first batch that retention has left.
    pub first: u64,
    /// The last batch that the store has committed.
    pub last: u64,
    /// The first batch that recovery reads.
    pub floor: u64,
    /// The first offsets that retention has left; 0 where none is written.
    pub next: Offsets,
    /// What is wrong with these rows themselves.
    pub wrongs: Vec<String>,
}

impl LogFrame {
    pub fn read(connection: &Connection) -> Result<LogFrame> {
        let owner = connection
            .query_row(
                "SELECT batch_no, floor FROM partition_owner WHERE partition = -1",
                [],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
            )
            .optional()?;
        let mut frame = LogFrame {
            first: 1,
            last: owner.map_or(0, |(last, _)| last.max(0) as u64),
            floor: owner.map_or(0, |(_, floor)| floor.max(0) as u64),
            next: Offsets::new(),
            wrongs: Vec::new(),
        };
        if owner.is_none() && one::<i64>(connection, "SELECT id FROM ledger_transfer")?.is_some() {
            frame
                .wrongs
                .push("there are transfers, but partition_owner has no row".to_owned());
        }
        if !has_table(connection, "log_batch")? {
            if frame.last > 0 {
                frame.wrongs.push("there is no table log_batch".to_owned());
            }
            return Ok(frame);
        }
        let earliest = connection
            .query_row(
                "SELECT batch_no, next_offsets FROM log_earliest",
                [],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)),
            )
            .optional()?;
        if let Some((first, offsets)) = earliest {
            frame.first = first.max(0) as u64;
            match decode_offsets(&offsets) {
                Some(offsets) => frame.next = offsets,
                None => frame.wrongs.push("log_earliest is not readable".to_owned()),
            }
        }
        let (first, last, floor) = (frame.first, frame.last, frame.floor);
        if floor > last + 1 {
            frame.wrongs.push(format!(
                "recovery begins at batch {floor}, the last one is {last}"
            ));
        }
        if first > 1 && first > floor {
            frame.wrongs.push(format!(
                "batches before {first} were removed, recovery needs them from {floor} on"
            ));
        }
        for table in ["room_snapshot", "inbox_snapshot", "room_quarantine"] {
            if !has_table(connection, table)? {
                continue;
            }
            let sql = format!("SELECT max(batch_no) FROM {table}");
            let found = one::<Option<i64>>(connection, &sql)?.flatten().unwrap_or(0);
            if found > last as i64 {
                frame.wrongs.push(format!(
                    "{table} is as of batch {found}, the last one is {last}"
                ));
            }
        }
        Ok(frame)
    }

    /// Whether nothing was ever removed.
    pub fn is_whole(&self) -> bool {
        self.first <= 1
    }
}

/// A form of the log's: version, topics, per topic id, partitions and their offsets, checksum.
pub(super) fn decode_offsets(bytes: &[u8]) -> Option<Offsets> {
    let (mut rest, _checksum) = bytes.split_last_chunk::<4>()?;
    let mut next = || {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, after) = rest.split_first()?;
            rest = after;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    };
    let mut offsets = Offsets::new();
    let (_version, topics) = (next()?, next()?);
    for _ in 0..topics {
        let (topic, partitions) = (u32::try_from(next()?).ok()?, u32::try_from(next()?).ok()?);
        for partition in 0..partitions {
            offsets.insert((topic, partition), next()?);
        }
    }
    Some(offsets)
}
