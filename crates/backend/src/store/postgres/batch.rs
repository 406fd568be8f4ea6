//! What a batch of one partition holds beside its writes, and the stored form of it.
//!
//! Records: version u8 · topics: count, then per topic its length and name · records: count, then per record
//! topic index, partition, lengths of key, headers and payload, and these three · CRC-32 LE of all before.
//! Consumed: version u8 · topics as above · runs: count, then per run topic index, first offset, count ·
//! CRC-32 LE of all before. Numbers without a type are LEB128.

use crate::store::StoreError;
use blazing_sun_backbone::log::{Headers, NewRecord, Topic};
use blazing_sun_backbone::varint::{put_varint, take_varint};
use blazing_sun_domain::Millis;
use bytes::Bytes;
use std::collections::BTreeMap;

const VERSION: u8 = 1;

/// Records of one topic that follow each other, decided one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The topic; the partition is the owner's.
    pub topic: Topic,
    /// The first offset.
    pub offset: u64,
    /// How many.
    pub count: u64,
}

/// The last record that was taken from another partition's outbox over a consumed topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded {
    /// The partition that sent it.
    pub source: u32,
    /// Over which topic.
    pub topic: Topic,
    /// Its `outbox_seq`.
    pub seq: u64,
}

/// Where the dense `outbox_seq` of a topic's partition goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxPosition {
    /// The topic.
    pub topic: Topic,
    /// Its partition.
    pub target: u32,
    /// The number of the next record.
    pub next_seq: u64,
}

/// What one batch of a partition's owner decides and sends.
#[derive(Debug, Clone, Default)]
pub struct OwnerBatch {
    /// What is decided, in that order.
    pub consumed: Vec<Run>,
    /// The newest instants of it, by topic.
    pub newest: BTreeMap<Topic, Millis>,
    /// What is sent and journaled, in order, each with its partition.
    pub records: Vec<NewRecord>,
    /// The last of what other partitions sent, where that has changed.
    pub forwarded: Vec<Forwarded>,
    /// Where the numberings go on, of those that have changed.
    pub positions: Vec<OutboxPosition>,
    /// Since when an outage goes on that deadlines have not been moved by: time counts up to here.
    pub silent_since: Option<Millis>,
    /// All records of batches up to this one are in the event log. A lower number than is stored changes nothing.
    pub published_upto: u64,
}

impl OwnerBatch {
    /// Adds a record to what is decided.
    pub fn consume(&mut self, topic: &Topic, offset: u64) {
        match self.consumed.last_mut() {
            Some(run) if run.topic == *topic && run.offset + run.count == offset => run.count += 1,
            _ => self.consumed.push(Run {
                topic: topic.clone(),
                offset,
                count: 1,
            }),
        }
    }

    /// Notes the instant of a record that is decided.
    pub fn note_instant(&mut self, topic: &Topic, at: Millis) {
        match self.newest.get_mut(topic) {
            Some(newest) => *newest = at.max(*newest),
            None => {
                self.newest.insert(topic.clone(), at);
            }
        }
    }

    /// The first offset that is not decided yet, of each topic that anything was decided of.
    pub fn next_offsets(&self) -> BTreeMap<&str, u64> {
        let mut next = BTreeMap::new();
        for run in &self.consumed {
            let end = next.entry(run.topic.as_str()).or_insert(0);
            *end = (*end).max(run.offset + run.count);
        }
        next
    }
}

/// A batch as stored.
#[derive(Debug, Clone)]
pub struct StoredBatch {
    /// Its number among the partition's batches.
    pub batch_no: u64,
    /// Its place in the order of all commits.
    pub commit_no: u64,
    /// Its instant.
    pub at: Millis,
    /// What was decided, in order.
    pub consumed: Vec<Run>,
    /// What was sent and journaled, in order.
    pub records: Vec<NewRecord>,
}

/// The names of topics in the order of their first use.
#[derive(Default)]
struct Names<'a>(Vec<&'a str>);

impl<'a> Names<'a> {
    fn index(&mut self, topic: &'a Topic) -> u64 {
        let name = topic.as_str();
        let found = self.0.iter().position(|known| *known == name);
        found.unwrap_or_else(|| {
            self.0.push(name);
            self.0.len() - 1
        }) as u64
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.0.len() as u64);
        for name in &self.0 {
            put_varint(out, name.len() as u64);
            out.extend_from_slice(name.as_bytes());
        }
    }
}

fn sealed(names: &Names<'_>, count: usize, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 64 + names.0.len() * 32);
    out.push(VERSION);
    names.put(&mut out);
    put_varint(&mut out, count as u64);
    out.extend_from_slice(body);
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// The stored form of records. Each must have its partition.
pub fn encode_records(records: &[NewRecord]) -> Result<Vec<u8>, StoreError> {
    let mut names = Names::default();
    let bytes = records.iter().map(|record| {
        24 + record.key.len() + record.headers.encoded().len() + record.payload.len()
    });
    let mut body = Vec::with_capacity(bytes.sum());
    for record in records {
        let Some(partition) = record.partition else {
            let topic = &record.topic;
            let what = format!("a record for topic `{topic}` without a partition");
            return Err(StoreError::Corrupt(what));
        };
        put_varint(&mut body, names.index(&record.topic));
        put_varint(&mut body, u64::from(partition));
        let parts: [&[u8]; 3] = [&record.key, record.headers.encoded(), &record.payload];
        for part in parts {
            put_varint(&mut body, part.len() as u64);
        }
        for part in parts {
            body.extend_from_slice(part);
        }
    }
    Ok(sealed(&names, records.len(), &body))
}

/// The stored form of what was consumed.
pub fn encode_consumed(runs: &[Run]) -> Vec<u8> {
    let mut names = Names::default();
    let mut body = Vec::with_capacity(runs.len() * 8);
    for run in runs {
        put_varint(&mut body, names.index(&run.topic));
        put_varint(&mut body, run.offset);
        put_varint(&mut body, run.count);
    }
    sealed(&names, runs.len(), &body)
}

/// A stored form that is being read.
struct Reader<'a> {
    rest: &'a [u8],
    topics: Vec<Topic>,
}

impl<'a> Reader<'a> {
    /// Checks the seal and reads the names; answers with how many entries follow.
    fn open(bytes: &'a [u8]) -> Result<(Reader<'a>, u64), &'static str> {
        let Some((sealed, crc)) = bytes.split_last_chunk::<4>() else {
            return Err("it is cut off");
        };
        if crc32fast::hash(sealed) != u32::from_le_bytes(*crc) {
            return Err("it does not match its checksum");
        }
        let Some((&VERSION, rest)) = sealed.split_first() else {
            return Err("a newer program has written it");
        };
        let mut reader = Reader {
            rest,
            topics: Vec::new(),
        };
        let count = reader.names();
        count
            .map(|count| (reader, count))
            .ok_or("its topics are malformed")
    }

    fn names(&mut self) -> Option<u64> {
        for _ in 0..self.number()? {
            let length = self.length()?;
            let (name, rest) = self.rest.split_at_checked(length)?;
            self.rest = rest;
            self.topics
                .push(Topic::new(std::str::from_utf8(name).ok()?));
        }
        self.number()
    }

    fn number(&mut self) -> Option<u64> {
        take_varint(&mut self.rest)
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn topic(&mut self) -> Option<Topic> {
        let index = self.length()?;
        self.topics.get(index).cloned()
    }

    fn run(&mut self) -> Option<Run> {
        let run = Run {
            topic: self.topic()?,
            offset: self.number()?,
            count: self.number()?,
        };
        run.offset.checked_add(run.count)?;
        Some(run)
    }

    /// A record whose bytes are a part of `whole`, which this reads.
    fn record(&mut self, whole: &Bytes) -> Option<NewRecord> {
        let topic = self.topic()?;
        let partition = u32::try_from(self.number()?).ok()?;
        let lengths = [self.length()?, self.length()?, self.length()?];
        let [key, headers, payload] = lengths.map(|length| {
            let (part, rest) = self.rest.split_at_checked(length)?;
            self.rest = rest;
            Some(whole.slice_ref(part))
        });
        Some(NewRecord {
            topic,
            partition: Some(partition),
            key: key?,
            headers: Headers::from_encoded(headers?),
            payload: payload?,
        })
    }

    fn all<T>(
        mut self,
        count: u64,
        take: impl Fn(&mut Reader<'a>) -> Option<T>,
    ) -> Result<Vec<T>, &'static str> {
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(take(&mut self).ok_or("its entries are malformed")?);
        }
        match self.rest.is_empty() {
            true => Ok(all),
            false => Err("it is longer than it says"),
        }
    }
}

/// Records from their stored form.
pub fn decode_records(batch_no: u64, bytes: &Bytes) -> Result<Vec<NewRecord>, StoreError> {
    Reader::open(bytes)
        .and_then(|(reader, count)| reader.all(count, |reader| reader.record(bytes)))
        .map_err(|what| StoreError::Corrupt(format!("the records of batch {batch_no}: {what}")))
}

/// What was consumed from its stored form.
pub fn decode_consumed(batch_no: u64, bytes: &[u8]) -> Result<Vec<Run>, StoreError> {
    Reader::open(bytes)
        .and_then(|(reader, count)| reader.all(count, Reader::run))
        .map_err(|what| StoreError::Corrupt(format!("what batch {batch_no} consumed: {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_backbone::log::HeadersBuilder;
    use proptest::prelude::*;

    fn record(topic: &str, partition: u32, key: &str, payload: &str) -> NewRecord {
        let mut headers = HeadersBuilder::default();
        headers.push("h", "v");
        NewRecord {
            topic: Topic::new(topic),
            partition: Some(partition),
            key: Bytes::copy_from_slice(key.as_bytes()),
            headers: headers.build(),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
        }
    }

    fn told(records: &[NewRecord]) -> Vec<String> {
        let tell = |record: &NewRecord| format!("{record:?}");
        records.iter().map(tell).collect()
    }

    fn sample() -> Vec<NewRecord> {
        vec![
            record("games.events", 3, "a", "1"),
            record("_journal", 300, "", "22"),
            record("games.events", 4, "b", ""),
        ]
    }

    fn runs() -> Vec<Run> {
        let run = |topic: &str, offset, count| Run {
            topic: Topic::new(topic),
            offset,
            count,
        };
        vec![run("a", 300, 2), run("b", 0, 1), run("a", 302, 1)]
    }

    /// Computed with Python's zlib.
    #[test]
    fn the_stored_form_is_pinned() {
        let records = encode_records(&sample()).unwrap();
        assert_eq!(
            hex::encode(records),
            "01020c67616d65732e6576656e7473085f6a6f75726e616c03000301070161016801000000763101ac0200\
             07020168010000007632320004010700620168010000007629b07975",
        );
        let consumed = encode_consumed(&runs());
        let hex = "0102016101620300ac020201000100ae0201bc7f915f";
        assert_eq!(hex::encode(consumed), hex);
    }

    #[test]
    fn a_batch_reads_as_written() {
        let records = Bytes::from(encode_records(&sample()).unwrap());
        let read = decode_records(1, &records).unwrap();
        assert_eq!(told(&read), told(&sample()));
        assert_eq!(
            decode_consumed(1, &encode_consumed(&runs())).unwrap(),
            runs()
        );
        let none = Bytes::from(encode_records(&[]).unwrap());
        assert!(decode_records(1, &none).unwrap().is_empty());
    }

    #[test]
    fn every_flipped_bit_is_noticed_and_names_the_batch() {
        let (records, consumed) = (encode_records(&sample()).unwrap(), encode_consumed(&runs()));
        let flipped = |bytes: &[u8], bit: usize| {
            let mut bytes = bytes.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        };
        for bit in 0..records.len() * 8 {
            let error = decode_records(77, &flipped(&records, bit).into()).unwrap_err();
            assert!(error.to_string().contains("batch 77"), "{error}");
        }
        for bit in 0..consumed.len() * 8 {
            let error = decode_consumed(77, &flipped(&consumed, bit)).unwrap_err();
            assert!(error.to_string().contains("batch 77"), "{error}");
        }
    }

    #[test]
    fn a_record_without_a_partition_is_refused() {
        let mut records = sample();
        records[1].partition = None;
        let error = encode_records(&records).unwrap_err().to_string();
        assert!(error.contains("_journal"), "{error}");
    }

    #[test]
    fn what_follows_each_other_is_one_run() {
        let (a, b) = (Topic::new("a"), Topic::new("b"));
        let mut batch = OwnerBatch::default();
        for (topic, offset) in [(&a, 300), (&a, 301), (&b, 0), (&a, 302), (&a, 305)] {
            batch.consume(topic, offset);
        }
        let mut expected = runs();
        expected.push(Run {
            topic: a,
            offset: 305,
            count: 1,
        });
        assert_eq!(batch.consumed, expected);
        assert_eq!(batch.next_offsets(), BTreeMap::from([("a", 306), ("b", 1)]));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>) {
            let mut sealed = vec![VERSION];
            sealed.extend_from_slice(&bytes);
            let crc = crc32fast::hash(&sealed);
            sealed.extend_from_slice(&crc.to_le_bytes());
            for bytes in [bytes, sealed] {
                let _ = decode_consumed(1, &bytes);
                let _ = decode_records(1, &bytes.into());
            }
        }
    }
}
