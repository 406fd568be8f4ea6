//! What corpora and fuzzers run: each function takes any bytes, and panics where something does not hold.

use crate::client_address::parse_forwarded;
use crate::credentials::{Claims, Keys};
use crate::envelope::EventEnvelope;
use crate::log::Headers;
use crate::log::sqlite::codec;
use crate::messages::{
    CheckoutCancellation, CheckoutFinished, CheckoutRequest, Command, Entries, parse_command,
    parse_presence, parse_timestamp,
};
use blazing_sun_domain::{Millis, UserId};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::sync::LazyLock;

const NOW: Millis = Millis(1_700_000_000_000);

/// A record's payload: reads as written.
pub fn envelope(bytes: &[u8]) {
    let Ok(envelope) = EventEnvelope::parse(bytes) else {
        return;
    };
    let written = envelope.to_bytes();
    let again = EventEnvelope::parse(&written).expect("what was written reads");
    assert_eq!(again.to_bytes(), written);
}

/// The first line, and the rest as JSON.
fn line_and_json(bytes: &[u8]) -> Option<(&str, Box<RawValue>)> {
    let (line, json) = std::str::from_utf8(bytes).ok()?.split_once('\n')?;
    let json = RawValue::from_string(json.trim().to_owned()).ok()?;
    Some((line.trim(), json))
}

/// A line with the event type, then the payload: a command, or a refusal of bounded length.
pub fn command(bytes: &[u8]) {
    let Some((event_type, payload)) = line_and_json(bytes) else {
        return;
    };
    match parse_command(event_type, &payload) {
        Ok((_, command)) => {
            let password = match &command {
                Command::CreateRoom(create) => create.password.as_deref(),
                Command::JoinRoom(join) => join.password.as_deref(),
                _ => None,
            };
            // Said once, it is the password alone.
            if password == Some("hunter2") && payload.get().matches("hunter2").count() == 1 {
                assert!(!format!("{command:?}").contains("hunter2"));
            }
        }
        Err(invalid) => {
            let message = &invalid.refusal.message;
            assert!(!message.is_empty() && message.len() < 1_024, "{message}");
        }
    }
}

/// A line with the event type, then the payload of `gateway.presence`.
pub fn presence(bytes: &[u8]) {
    if let Some((event_type, payload)) = line_and_json(bytes)
        && let Err(invalid) = parse_presence(event_type, &payload)
    {
        assert!(invalid.to_string().len() < 1_024, "{invalid}");
    }
}

fn reads_as_written<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(read) = serde_json::from_slice::<T>(bytes) {
        let written = serde_json::to_vec(&read).expect("it serialises");
        let again: T = serde_json::from_slice(&written).expect("what was written reads");
        assert_eq!(again, read);
    }
}

/// A record of `checkout.requests`, `checkout.cancellations` or `checkout.finished`.
pub fn checkout(bytes: &[u8]) {
    reads_as_written::<CheckoutRequest>(bytes);
    reads_as_written::<CheckoutCancellation>(bytes);
    reads_as_written::<CheckoutFinished>(bytes);
}

/// A stored batch: its section table with a byte for its length before it, then its body. Checksums are made
/// right, so that what lies behind them is reached.
pub fn log_batch(bytes: &[u8]) {
    codec::fuzz_batch(bytes);
}

/// An index row of the log, without its checksum.
pub fn log_offsets(bytes: &[u8]) {
    codec::fuzz_offsets(bytes);
}

/// Encoded record headers.
pub fn headers(bytes: &[u8]) {
    let headers = Headers::from_encoded(Bytes::copy_from_slice(bytes));
    let all: Vec<_> = headers.iter().collect();
    let length: usize = all
        .iter()
        .map(|(name, value)| name.len() + value.len() + 5)
        .sum();
    assert!(length <= bytes.len());
    for (name, _) in &all {
        if let Ok(name) = std::str::from_utf8(name) {
            assert!(headers.get(name).is_some());
        }
    }
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::generate(NOW).expect("random bytes"));

/// An access token. Nothing that was not signed here is ever one.
pub fn token(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert!(KEYS.verifier().verify(&text, NOW).is_err(), "{text}");
    let claims = Claims::new(UserId::new(7).expect("an id"), "Ann", &[], NOW, 900);
    let good = KEYS.signer().sign(&claims);
    for forged in [
        format!("{text}.{}", good.split_once('.').expect("parts").1),
        format!("{}.{text}", good.rsplit_once('.').expect("parts").0),
        format!("{good}{text} "),
    ] {
        assert!(KEYS.verifier().verify(&forged, NOW).is_err(), "{forged}");
    }
}

/// The text of something sealed, such as a room's password or secret.
pub fn sealed(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert!(KEYS.sealer().open(&text, b"room").is_err(), "{text}");
}

/// A keys file. What is wrong with it is said without quoting it.
pub fn keys_file(bytes: &[u8]) {
    if let Err(problem) = Keys::parse(bytes) {
        assert!(problem.len() < 200, "{problem}");
    }
}

/// Instants, forwarded addresses, and fields in order.
pub fn texts(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines() {
        if let Some(instant) = parse_timestamp(line) {
            assert_eq!(
                parse_timestamp(&instant.to_string()),
                Some(instant),
                "{line}"
            );
        }
        let _ = parse_forwarded(line);
        let _ = serde_json::from_str::<Entries<'_>>(line);
    }
}
