//! Records as Kafka carries them. Other programs write to the topics too, so anything may be missing.

use crate::clock;
use crate::log::{Headers, HeadersBuilder, NewRecord, Record, Topic};
use blazing_sun_domain::Millis;
use bytes::Bytes;
use rdkafka::Message;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Header, Headers as _, OwnedHeaders};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a record takes in the library's memory and on the wire beside key, headers and payload.
const OVERHEAD_BYTES: usize = 256;

/// What a waiting record counts against the buffer.
pub(super) fn buffered_bytes(record: &NewRecord) -> usize {
    record_bytes(record) + OVERHEAD_BYTES
}

/// What a record counts against the largest that is taken.
pub(super) fn record_bytes(record: &NewRecord) -> usize {
    record.key.len() + record.headers.encoded().len() + record.payload.len()
}

/// What a record that was read holds.
pub fn record_bytes_read(record: &Record) -> usize {
    record.key.len() + record.headers.encoded().len() + record.payload.len()
}

/// Headers to be sent, none where there are none.
pub fn outgoing_headers(headers: &Headers) -> Option<OwnedHeaders> {
    let count = headers.iter().count();
    let mut owned = (count > 0).then(|| OwnedHeaders::new_with_capacity(count))?;
    for (name, value) in headers.iter() {
        owned = owned.insert(Header {
            key: &String::from_utf8_lossy(name),
            value: Some(value),
        });
    }
    Some(owned)
}

/// The record that was read.
pub fn incoming(topic: &Topic, message: &BorrowedMessage<'_>) -> Record {
    let bytes = |part: Option<&[u8]>| part.map_or_else(Bytes::new, Bytes::copy_from_slice);
    Record {
        topic: topic.clone(),
        partition: message.partition() as u32,
        offset: message.offset() as u64,
        // Who sets no time is taken to write now.
        timestamp: match message.timestamp().to_millis() {
            Some(at_ms) if at_ms >= 0 => Millis(at_ms),
            _ => clock::now(),
        },
        key: bytes(message.key()),
        headers: message.headers().map(incoming_headers).unwrap_or_default(),
        payload: bytes(message.payload()),
    }
}

fn incoming_headers(headers: &BorrowedHeaders) -> Headers {
    let mut builder = HeadersBuilder::default();
    for at in 0..headers.count() {
        // The library panics on a name that is no UTF-8. No header of ours is called so.
        let header = catch_unwind(AssertUnwindSafe(|| headers.try_get(at)));
        if let Ok(Some(header)) = header {
            builder.push(header.key, header.value.unwrap_or_default());
        }
    }
    builder.build()
}
