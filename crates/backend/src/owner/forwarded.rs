//! What partitions send each other over consumed topics: numbered by its sender, and decided once.

use crate::store::StoreError;
use crate::store::postgres::{Forwarded, OwnerBatch};
use blazing_sun_backbone::log::{Record, Topic};
use blazing_sun_backbone::messages::header;
use rustc_hash::FxHashMap;

/// Of a record that says to be another partition's.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It is, or says nothing of the kind, and has not come before.
    New,
    /// It has come before.
    Repeated,
    /// That partition has never sent it.
    Impossible(String),
}

/// Whether a record of another partition's outbox has come before; if not, it is noted. `next_sent` knows the number
/// that the sender's next one will have: it is asked where a number is not the one that follows, for anybody who can
/// write to the topic can write any.
pub(super) fn arrival(
    forwarded: &FxHashMap<(u32, Topic), u64>,
    batch: &mut OwnerBatch,
    record: &Record,
    next_sent: impl FnOnce(u32, &Topic) -> Result<u64, StoreError>,
) -> Result<Arrival, StoreError> {
    let number = |name| record.headers.text(name)?.parse::<u64>().ok();
    let (Some(from), Some(seq)) = (number(header::OUTBOX_FROM), number(header::OUTBOX_SEQ)) else {
        return Ok(Arrival::New);
    };
    let Ok(source) = u32::try_from(from) else {
        return Ok(Arrival::Impossible(format!("there is no partition {from}")));
    };
    let in_batch = batch
        .forwarded
        .iter_mut()
        .find(|last| last.source == source && last.topic == record.topic);
    let before = match &in_batch {
        Some(last) => Some(last.seq),
        None => forwarded.get(&(source, record.topic.clone())).copied(),
    };
    if before.is_some_and(|before| seq <= before) {
        return Ok(Arrival::Repeated);
    }
    let expected = before.map_or(0, |before| before + 1);
    if seq != expected {
        let (topic, target) = (&record.topic, record.partition);
        let next = next_sent(source, topic)?;
        if seq >= next {
            return Ok(Arrival::Impossible(format!(
                "it has number {seq} of partition {source}, which has sent {next} records"
            )));
        }
        tracing::error!(
            partition = target,
            source,
            topic = topic.as_str(),
            expected,
            found = seq,
            "another partition's records are missing"
        );
    }
    match in_batch {
        Some(last) => last.seq = seq,
        None => batch.forwarded.push(Forwarded {
            source,
            topic: record.topic.clone(),
            seq,
        }),
    }
    Ok(Arrival::New)
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_backbone::log::HeadersBuilder;
    use blazing_sun_domain::Millis;

    const SOURCE: u32 = 3;
    /// So many records the source has sent.
    const SENT: u64 = 9;

    fn record(from: &str, seq: &str) -> Record {
        let mut headers = HeadersBuilder::default();
        headers
            .push(header::OUTBOX_FROM, from)
            .push(header::OUTBOX_SEQ, seq);
        Record {
            topic: Topic::new("games.commands"),
            partition: 1,
            offset: 0,
            timestamp: Millis(0),
            key: Default::default(),
            headers: headers.build(),
            payload: Default::default(),
        }
    }

    #[test]
    fn only_what_was_sent_moves_the_numbers_on() {
        let known = FxHashMap::from_iter([((SOURCE, Topic::new("games.commands")), 4)]);
        let mut batch = OwnerBatch::default();
        let mut come = |from: &str, seq: &str| {
            let next_sent = |source, _: &Topic| Ok(if source == SOURCE { SENT } else { 0 });
            match arrival(&known, &mut batch, &record(from, seq), next_sent) {
                Ok(Arrival::New) => "new",
                Ok(Arrival::Repeated) => "repeated",
                Ok(Arrival::Impossible(_)) => "impossible",
                Err(error) => panic!("{error}"),
            }
        };
        for (from, seq, expected) in [
            ("3", "4", "repeated"),
            ("3", "5", "new"),
            ("3", "9223372036854775807", "impossible"),
            ("3", "18446744073709551615", "impossible"),
            ("3", "9", "impossible"),
            ("4294967296", "0", "impossible"),
            ("7", "1", "impossible"),
            ("3", "6", "new"),
            // One is missing, and those before it come no more.
            ("3", "8", "new"),
            ("3", "7", "repeated"),
            ("three", "0", "new"),
        ] {
            assert_eq!(come(from, seq), expected, "{from}: {seq}");
        }
        assert_eq!(batch.forwarded.len(), 1);
        assert_eq!(batch.forwarded[0].seq, 8);
    }
}
