//! Records of other programs, which have what they like.

use super::*;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

/// A program that is not ours.
fn foreign_producer(options: &KafkaOptions, compression: &str) -> BaseProducer {
    rdkafka::ClientConfig::new()
        .set("bootstrap.servers", &options.bootstrap_servers)
        .set("compression.codec", compression)
        .create()
        .expect("the library has every compression")
}

/// A name that is no text, which the library has no safe way to write.
#[allow(unsafe_code)]
fn as_text(bytes: &[u8]) -> &str {
    // SAFETY: only its pointer and length are used, to copy the bytes.
    unsafe { std::str::from_utf8_unchecked(bytes) }
}

fn headers() -> OwnedHeaders {
    let header = |key, value| Header { key, value };
    OwnedHeaders::new()
        .insert(header("twice", Some(&b"1"[..])))
        .insert(header("null", None::<&[u8]>))
        .insert(header(as_text(&[0xff, 0xfe]), Some(&b"x"[..])))
        .insert(header("twice", Some(&[0, 255][..])))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn are_read_whatever_they_lack_and_however_they_are_compressed() {
    let options = options_for(TestKafka::shared());
    let log = connect(&options);
    for compression in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = topic(&log, &format!("foreign.{compression}"), 1).await;
        let mut subscription = log
            .subscribe(vec![(topic.clone(), 0, Start::End)])
            .expect("it can be read");
        let began = crate::clock::now();
        let producer = foreign_producer(&options, compression);
        let name = options.full_name(topic.as_str());
        let body = "{\"a\":1}".repeat(2_000);
        let to = || BaseRecord::<[u8], str>::to(&name).partition(0);
        for record in [
            to().key(&b"k"[..]).payload(&body).headers(headers()),
            to().payload(&body).timestamp(-1),
            to().key(&b"tombstone"[..]),
            to().timestamp(1_700_000_000_123),
        ] {
            producer
                .send(record)
                .map_err(|(error, _)| error)
                .expect("it is taken");
        }
        producer.flush(PATIENCE).expect("all are sent");
        let records = read(&mut *subscription, 4).await;
        let offsets: Vec<u64> = records.iter().map(|record| record.offset).collect();
        assert_eq!(offsets, [0, 1, 2, 3], "{compression}");
        let sizes: Vec<_> = records
            .iter()
            .map(|r| (&r.key[..], r.payload.len()))
            .collect();
        let expected: [(&[u8], usize); 4] = [
            (b"k", body.len()),
            (b"", body.len()),
            (b"tombstone", 0),
            (b"", 0),
        ];
        assert_eq!(sizes, expected, "{compression}");
        assert_eq!(text(&records[0]), body);
        let found: Vec<(&[u8], &[u8])> = records[0].headers.iter().collect();
        let expected: [(&[u8], &[u8]); 3] =
            [(b"twice", b"1"), (b"null", b""), (b"twice", &[0, 255])];
        assert_eq!(
            found, expected,
            "{compression}: what is no text is left out"
        );
        assert_eq!(records[1].headers.iter().count(), 0);
        assert!(
            records[1].timestamp >= began,
            "no time is the time of reading"
        );
        assert_eq!(records[3].timestamp.0, 1_700_000_000_123);
    }
}
