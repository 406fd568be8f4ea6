//! The stored form of a batch: a section table (which partitions, from which offsets) and one body
//! with all records in the order of their appends. Both carry a version and a checksum.
//!
//! Section table: version u8 · sections: count, then per section topic id, partition, base offset,
//! records · body length u32 LE · body CRC-32 LE · CRC-32 LE of all before. Body, per record: section
//! index · lengths of key, headers and payload · these three. Numbers without a type are LEB128.

use super::SqliteLogError;
use crate::log::NewRecord;
use crate::varint::{put_varint, take_varint};
use bytes::Bytes;

const VERSION: u8 = 1;

/// A batch's records of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section {
    pub topic_id: u32,
    pub partition: u32,
    pub base: u64,
    pub count: u64,
}

/// A decoded section table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SectionTable {
    pub sections: Vec<Section>,
    body_len: u32,
    body_crc: u32,
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    let (value, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*value))
}

fn take_small(bytes: &mut &[u8]) -> Option<u32> {
    take_varint(bytes)?.try_into().ok()
}

/// Appends a record to a body.
pub(super) fn put_record(body: &mut Vec<u8>, section: u32, record: &NewRecord) {
    let headers = record.headers.encoded();
    body.reserve(24 + record.key.len() + headers.len() + record.payload.len());
    put_varint(body, u64::from(section));
    put_varint(body, record.key.len() as u64);
    put_varint(body, headers.len() as u64);
    put_varint(body, record.payload.len() as u64);
    body.extend_from_slice(&record.key);
    body.extend_from_slice(headers);
    body.extend_from_slice(&record.payload);
}

/// Writes the section table that belongs to a body.
pub(super) fn put_table(
    out: &mut Vec<u8>,
    sections: impl ExactSizeIterator<Item = Section>,
    body: &[u8],
) {
    out.clear();
    out.push(VERSION);
    put_varint(out, sections.len() as u64);
    for section in sections {
        put_varint(out, u64::from(section.topic_id));
        put_varint(out, u64::from(section.partition));
        put_varint(out, section.base);
        put_varint(out, section.count);
    }
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    let crc = crc32fast::hash(out);
    out.extend_from_slice(&crc.to_le_bytes());
}

impl SectionTable {
    pub(super) fn decode(batch_no: u64, bytes: &[u8]) -> Result<SectionTable, SqliteLogError> {
        let damaged = |what| SqliteLogError::Damaged { batch_no, what };
        let Some((mut rest, crc)) = bytes.split_last_chunk::<4>() else {
            return Err(damaged("its section table is cut off"));
        };
        if crc32fast::hash(rest) != u32::from_le_bytes(*crc) {
            return Err(damaged("its section table does not match its checksum"));
        }
        match rest.split_first() {
            Some((&VERSION, after)) => rest = after,
            found => {
                let version = found.map_or(0, |(version, _)| *version);
                return Err(SqliteLogError::UnknownVersion { batch_no, version });
            }
        }
        Self::decode_fields(rest).ok_or_else(|| damaged("its section table is malformed"))
    }

    fn decode_fields(mut rest: &[u8]) -> Option<SectionTable> {
        let count = take_varint(&mut rest)?;
        let mut sections = Vec::new();
        for _ in 0..count {
            let section = Section {
                topic_id: take_small(&mut rest)?,
                partition: take_small(&mut rest)?,
                base: take_varint(&mut rest)?,
                count: take_varint(&mut rest)?,
            };
            section.base.checked_add(section.count)?;
            sections.push(section);
        }
        let (body_len, body_crc) = (take_u32(&mut rest)?, take_u32(&mut rest)?);
        rest.is_empty().then_some(SectionTable {
            sections,
            body_len,
            body_crc,
        })
    }

    /// Calls `take` with each record's section index, offset, key, headers and payload, in order.
    pub(super) fn decode_body(
        &self,
        batch_no: u64,
        body: &Bytes,
        mut take: impl FnMut(usize, u64, Bytes, Bytes, Bytes),
    ) -> Result<(), SqliteLogError> {
        let damaged = |what| SqliteLogError::Damaged { batch_no, what };
        if body.len() != self.body_len as usize || crc32fast::hash(body) != self.body_crc {
            return Err(damaged("its body does not match its checksum"));
        }
        let mut seen = vec![0_u64; self.sections.len()];
        let mut at = 0;
        while at < body.len() {
            let mut rest = &body[at..];
            let fields = (|| {
                let section = usize::try_from(take_varint(&mut rest)?).ok()?;
                let mut lengths = [0; 3];
                for length in &mut lengths {
                    *length = usize::try_from(take_varint(&mut rest)?).ok()?;
                }
                let [key, headers, payload] = lengths;
                let total = key.checked_add(headers)?.checked_add(payload)?;
                (total <= rest.len() && section < seen.len()).then_some((section, lengths))
            })();
            let Some((section, [key, headers, payload])) = fields else {
                return Err(damaged("its body is malformed"));
            };
            let start = body.len() - rest.len();
            let key_end = start + key;
            let headers_end = key_end + headers;
            at = headers_end + payload;
            let offset = self.sections[section].base + seen[section];
            seen[section] += 1;
            take(
                section,
                offset,
                body.slice(start..key_end),
                body.slice(key_end..headers_end),
                body.slice(headers_end..at),
            );
        }
        let counted = seen
            .iter()
            .zip(&self.sections)
            .all(|(seen, section)| *seen == section.count);
        counted
            .then_some(())
            .ok_or_else(|| damaged("its body and section table disagree"))
    }
}

/// Writes next offsets: per topic its id, its number of partitions, their next offsets; then a CRC-32.
pub(super) fn put_offsets<'a>(
    out: &mut Vec<u8>,
    topics: impl ExactSizeIterator<Item = (u32, &'a [u64])>,
) {
    out.clear();
    out.push(VERSION);
    put_varint(out, topics.len() as u64);
    for (topic_id, offsets) in topics {
        put_varint(out, u64::from(topic_id));
        put_varint(out, offsets.len() as u64);
        offsets.iter().for_each(|offset| put_varint(out, *offset));
    }
    let crc = crc32fast::hash(out);
    out.extend_from_slice(&crc.to_le_bytes());
}

/// Reads next offsets by topic id.
pub(super) fn decode_offsets(
    batch_no: u64,
    bytes: &[u8],
) -> Result<Vec<(u32, Vec<u64>)>, SqliteLogError> {
    let damaged = |what| SqliteLogError::Damaged { batch_no, what };
    let Some((rest, crc)) = bytes.split_last_chunk::<4>() else {
        return Err(damaged("its index row is cut off"));
    };
    if crc32fast::hash(rest) != u32::from_le_bytes(*crc) {
        return Err(damaged("its index row does not match its checksum"));
    }
    let Some((&VERSION, mut rest)) = rest.split_first() else {
        return Err(damaged("its index row has an unknown version"));
    };
    let fields = (|| {
        let count = take_varint(&mut rest)?;
        let mut topics = Vec::new();
        for _ in 0..count {
            let topic_id = take_small(&mut rest)?;
            let partitions = take_varint(&mut rest)?;
            let offsets = (0..partitions)
                .map(|_| take_varint(&mut rest))
                .collect::<Option<_>>()?;
            topics.push((topic_id, offsets));
        }
        rest.is_empty().then_some(topics)
    })();
    fields.ok_or_else(|| damaged("its index row is malformed"))
}

/// Decodes a batch of these bytes with their checksums made right; what decodes, encodes to the same again.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_batch(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first() else {
        return;
    };
    let (fields, body) = rest.split_at(usize::from(*length).min(rest.len()));
    let _ = SectionTable::decode(1, fields);
    let mut table = fields.to_vec();
    table.extend_from_slice(&(body.len() as u32).to_le_bytes());
    table.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    table.extend_from_slice(&crc32fast::hash(&table).to_le_bytes());
    let Ok(table) = SectionTable::decode(1, &table) else {
        return;
    };
    let mut again = Vec::new();
    let read = table.decode_body(
        1,
        &Bytes::copy_from_slice(body),
        |section, _, key, headers, payload| {
            let record = NewRecord {
                topic: crate::log::Topic::new("t"),
                partition: None,
                key,
                headers: crate::log::Headers::from_encoded(headers),
                payload,
            };
            put_record(&mut again, section as u32, &record);
        },
    );
    if read.is_ok() {
        let mut written = Vec::new();
        put_table(&mut written, table.sections.iter().copied(), &again);
        let read = SectionTable::decode(1, &written).expect("what was written decodes");
        assert_eq!(read.sections, table.sections);
        let mut records = 0;
        let decoded = read.decode_body(1, &again.into(), |_, _, _, _, _| records += 1);
        decoded.expect("what was written decodes");
        assert_eq!(
            records,
            read.sections
                .iter()
                .map(|section| section.count)
                .sum::<u64>()
        );
    }
}

/// Decodes an index row of these bytes, as they are and with their checksum made right.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_offsets(bytes: &[u8]) {
    let _ = decode_offsets(1, bytes);
    let mut sealed = bytes.to_vec();
    sealed.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
    if let Ok(topics) = decode_offsets(1, &sealed) {
        let mut written = Vec::new();
        put_offsets(
            &mut written,
            topics.iter().map(|(id, offsets)| (*id, offsets.as_slice())),
        );
        let read = decode_offsets(1, &written).expect("what was written decodes");
        assert_eq!(read, topics);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{HeadersBuilder, Topic};
    use proptest::prelude::*;

    fn record(key: &str, payload: &str) -> NewRecord {
        let mut headers = HeadersBuilder::default();
        headers.push("h", "v");
        NewRecord {
            topic: Topic::new("t"),
            partition: None,
            key: Bytes::copy_from_slice(key.as_bytes()),
            headers: headers.build(),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
        }
    }

    fn sample() -> (Vec<u8>, Bytes) {
        let mut body = Vec::new();
        put_record(&mut body, 0, &record("a", "1"));
        put_record(&mut body, 1, &record("b", "22"));
        put_record(&mut body, 0, &record("", ""));
        let sections = [
            Section {
                topic_id: 1,
                partition: 3,
                base: 300,
                count: 2,
            },
            Section {
                topic_id: 2,
                partition: 0,
                base: 0,
                count: 1,
            },
        ];
        let mut table = Vec::new();
        put_table(&mut table, sections.into_iter(), &body);
        (table, body.into())
    }

    #[test]
    fn the_stored_form_is_pinned() {
        let (table, body) = sample();
        assert_eq!(
            hex::encode(&table),
            "01020103ac020202000001260000003009a5e4cc0761eb"
        );
        assert_eq!(
            hex::encode(&body),
            "0001070161016801000000763101010702620168010000007632320000070001680100000076",
        );
    }

    #[test]
    fn a_batch_reads_as_written() {
        let (table, body) = sample();
        let table = SectionTable::decode(9, &table).unwrap();
        let mut read = Vec::new();
        table
            .decode_body(9, &body, |section, offset, key, _, payload| {
                read.push((section, offset, key, payload));
            })
            .unwrap();
        let text = |text: &'static str| Bytes::from_static(text.as_bytes());
        assert_eq!(
            read,
            [
                (0, 300, text("a"), text("1")),
                (1, 0, text("b"), text("22")),
                (0, 301, text(""), text("")),
            ],
        );
    }

    #[test]
    fn every_flipped_bit_is_noticed_and_names_the_batch() {
        let (table, body) = sample();
        for bit in 0..(table.len() + body.len()) * 8 {
            let (mut table, mut body) = (table.clone(), body.to_vec());
            match table.get_mut(bit / 8) {
                Some(byte) => *byte ^= 1 << (bit % 8),
                None => body[bit / 8 - table.len()] ^= 1 << (bit % 8),
            }
            let error = SectionTable::decode(77, &table)
                .and_then(|table| table.decode_body(77, &body.into(), |_, _, _, _, _| ()))
                .expect_err("a flipped bit");
            assert!(error.to_string().contains("77"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn numbers_read_as_written(value: u64) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(take_varint(&mut rest), Some(value));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>, body: Vec<u8>) {
            let mut sealed = bytes.clone();
            sealed.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
            for bytes in [bytes, sealed] {
                let _ = decode_offsets(1, &bytes);
                if let Ok(table) = SectionTable::decode(1, &bytes) {
                    let _ = table.decode_body(1, &body.clone().into(), |_, _, _, _, _| ());
                }
            }
        }

        #[test]
        fn offsets_read_as_written(topics: Vec<(u32, Vec<u64>)>) {
            let mut bytes = Vec::new();
            put_offsets(&mut bytes, topics.iter().map(|(id, offsets)| (*id, offsets.as_slice())));
            prop_assert_eq!(decode_offsets(1, &bytes).unwrap(), topics);
        }
    }
}
