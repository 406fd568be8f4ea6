//! What corpora and fuzzers run: each function takes any bytes, and panics where something does not hold.

use crate::commands::{self, Message};
use crate::events;
use crate::frames::{Decoder, Frame};
use crate::limits::Addresses;
use crate::routing::Tables;
use crate::socket::{Identity, Pieces, Socket};
use blazing_sun_backbone::log::{HeadersBuilder, Record, Topic};
use blazing_sun_backbone::messages::{INTERNAL_COMMANDS, parse_command};
use blazing_sun_domain::{Millis, UserId};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

const MESSAGE_MAX: usize = 16 * 1024;

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Text(String),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
    Violation(u16),
}

fn read_frames(bytes: &[u8], piece: usize) -> Vec<Seen> {
    let (mut decoder, mut seen) = (Decoder::default(), Vec::new());
    for piece in bytes.chunks(piece) {
        let mut open = true;
        let fed = decoder.feed(&mut piece.to_vec(), MESSAGE_MAX, |frame| {
            seen.push(match frame {
                Frame::Text(text) => Seen::Text(text.to_owned()),
                Frame::Ping(body) => Seen::Ping(body.to_vec()),
                Frame::Pong => Seen::Pong,
                Frame::Close(code) => Seen::Close(code),
            });
            open = !matches!(frame, Frame::Close(_));
            open
        });
        if let Err(violation) = fed {
            seen.push(Seen::Violation(violation.close_code()));
            break;
        }
        if !open {
            break;
        }
    }
    seen
}

/// A client's bytes after the upgrade: however they are split, the same frames come of them.
pub fn client_frames(bytes: &[u8]) {
    let whole = read_frames(bytes, bytes.len().max(1));
    for piece in [1, 7, 1_000] {
        assert_eq!(read_frames(bytes, piece), whole, "in pieces of {piece}");
    }
    let longest = whole.iter().map(|seen| match seen {
        Seen::Text(text) => text.len(),
        Seen::Ping(body) => body.len(),
        _ => 0,
    });
    assert!(longest.max().unwrap_or(0) <= MESSAGE_MAX);
}

/// A client's text message: refused in words that are JSON, or a record that a backend reads.
pub fn client_message(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match commands::parse(text, Uuid::nil) {
        Err(refused) => {
            let frame = refused.frame();
            let frame: Value = serde_json::from_slice(&frame).expect("a refusal is JSON");
            assert!(frame.to_string().len() < 1_024, "{frame}");
        }
        Ok(Message::Command(command)) => {
            assert!(!INTERNAL_COMMANDS.contains(&&*command.event_type));
            let room = command.room_of(user(7));
            let mut out = Vec::new();
            command.write_payload(room.as_ref(), Some("sealed"), &mut out);
            let fields: HashMap<String, Box<RawValue>> =
                serde_json::from_slice(&out).expect("a payload is an object");
            assert!(!fields.contains_key("password"));
            assert_eq!(fields["password_sealed"].get(), "\"sealed\"");
            let payload = String::from_utf8(out).expect("a payload is text");
            let payload = RawValue::from_string(payload).expect("a payload is JSON");
            if let Err(refused) = parse_command(&command.event_type, &payload) {
                assert!(refused.refusal.message.len() < 1_024, "{}", refused.refusal);
            }
        }
        Ok(_) => {}
    }
}

fn user(id: u64) -> UserId {
    UserId::new(id).expect("an id below 2^53")
}

fn record(bytes: &[u8], offset: u64) -> Record {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n");
    let (head, payload) = match end {
        Some(end) => (&bytes[..end], &bytes[end + 2..]),
        None => (&[][..], bytes),
    };
    let mut headers = HeadersBuilder::default();
    for line in head.split(|byte| *byte == b'\n') {
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        headers.push(&String::from_utf8_lossy(name), value.trim_ascii());
    }
    Record {
        topic: Topic::new("games.events"),
        partition: 0,
        offset,
        timestamp: Millis(0),
        key: Default::default(),
        headers: headers.build(),
        payload: payload.to_vec().into(),
    }
}

const ROOM_STATE: &[u8] = b"event_type: games.event.room_state\naudience: user\nrecipients: [\"7\"]\n\
    room_id: r\nmembership: [[\"7\",\"lobby\"]]\n\n\
    {\"event_id\":\"e\",\"event_type\":\"games.event.room_state\",\"timestamp\":\"t\",\"producer\":\"p\",\
    \"actor\":{\"user_id\":\"0\"},\"audience\":{\"type\":\"user\",\"user_ids\":[\"7\"],\"room_id\":\"r\"},\
    \"payload\":{\"after_seq\":0,\"room\":{\"room_id\":\"r\",\"room_seq\":0}}}";

/// A record of an event topic: header lines, an empty line, the payload. What comes of it are whole frames,
/// and what names another user alone reaches nobody else.
pub fn event_record(bytes: &[u8]) {
    let addresses = Addresses::default();
    let address = addresses
        .enter([127, 0, 0, 1].into(), 9)
        .expect("the first");
    let socket = |id| {
        let socket = Arc::new(Socket::new(
            Uuid::from_u128(id),
            address.clone(),
            0,
            u64::MAX,
        ));
        let identity = Identity {
            user: user(id as u64),
            actor: "{}".into(),
            meter: Default::default(),
        };
        socket.state.lock().identity = Some(Arc::new(identity));
        socket
    };
    let (member, stranger) = (socket(7), socket(8));
    let mut tables = Tables::new(64 * 1024);
    tables.sign_in(user(7), &member);
    tables.sign_in(user(8), &stranger);
    let mut route = |record: &Record| tables.route(record, events::known(&record.headers));
    route(&record(ROOM_STATE, 0));
    for offset in 1..3 {
        route(&record(bytes, offset));
    }
    tables.finish();
    tables.flush_lobby();
    for socket in [&member, &stranger] {
        let mut pieces = Pieces::default();
        if socket.state.lock().read(&mut pieces).is_ok() {
            let written: Vec<u8> = pieces.iter().flatten().copied().collect();
            check_written(&written);
        }
    }
    tables.leave(&member);
    tables.leave(&stranger);
    tables.sweep(0, 0);
}

/// What a server writes is unmasked text frames, each one JSON object.
fn check_written(mut bytes: &[u8]) {
    while let [first, second, rest @ ..] = bytes {
        assert_eq!(*first, 0x81);
        let (length, rest) = match second {
            126 => {
                let (length, rest) = rest.split_first_chunk::<2>().expect("a length");
                (usize::from(u16::from_be_bytes(*length)), rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk::<8>().expect("a length");
                (u64::from_be_bytes(*length) as usize, rest)
            }
            short => (usize::from(*short), rest),
        };
        let (body, rest) = rest.split_at_checked(length).expect("a whole frame");
        let frame: HashMap<String, &RawValue> = serde_json::from_slice(body).expect("an object");
        assert!(frame.contains_key("type"));
        bytes = rest;
    }
    assert!(bytes.is_empty());
}
