use super::*;
use proptest::prelude::*;
use std::io::{Cursor, Read, Write};
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
use tungstenite::{Error, Message};

const MAX: usize = 4 * 1024;

/// What came out, the same for both decoders.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Text(String),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
    /// The connection cannot go on.
    Broken,
}

fn client_frame(first: u8, mask: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match body.len() {
        short @ 0..126 => out.push(0x80 | short as u8),
        medium @ 126..65536 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(
        body.iter()
            .zip(mask.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    out
}

/// Feeds the bytes in pieces of these sizes, in turn.
fn ours(bytes: &[u8], sizes: &[usize]) -> Vec<Seen> {
    let (mut decoder, mut seen, mut rest) = (Decoder::default(), Vec::new(), bytes);
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = sizes
            .next()
            .copied()
            .unwrap_or(rest.len())
            .clamp(1, rest.len());
        let mut piece = rest[..size].to_vec();
        rest = &rest[size..];
        let mut closed = false;
        let fed = decoder.feed(&mut piece, MAX, |frame| {
            seen.push(match frame {
                Frame::Text(text) => Seen::Text(text.to_owned()),
                Frame::Ping(body) => Seen::Ping(body.to_vec()),
                Frame::Pong => Seen::Pong,
                Frame::Close(code) => Seen::Close(code),
            });
            closed = matches!(frame, Frame::Close(_));
            !closed
        });
        if fed.is_err() {
            seen.push(Seen::Broken);
        }
        if closed || fed.is_err() {
            break;
        }
    }
    seen
}

/// Reads the bytes and then blocks; swallows what is written.
struct Wire(Cursor<Vec<u8>>);

impl Read for Wire {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(out)? {
            0 => Err(std::io::ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn theirs(bytes: &[u8]) -> Vec<Seen> {
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MAX))
        .max_frame_size(Some(MAX));
    let wire = Wire(Cursor::new(bytes.to_vec()));
    let mut socket = WebSocket::from_raw_socket(wire, Role::Server, Some(limits));
    let mut seen = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => seen.push(Seen::Text(text.as_str().to_owned())),
            Ok(Message::Ping(body)) => seen.push(Seen::Ping(body.to_vec())),
            Ok(Message::Pong(_)) => seen.push(Seen::Pong),
            Ok(Message::Close(close)) => {
                seen.push(Seen::Close(close.map(|close| close.code.into())));
                return seen;
            }
            // It takes binary messages, we do not.
            Ok(_) => {
                seen.push(Seen::Broken);
                return seen;
            }
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => return seen,
            Err(_) => {
                seen.push(Seen::Broken);
                return seen;
            }
        }
    }
}

/// Frames that are mostly right, so that sequences get somewhere.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let body = prop_oneof![
        8 => "[a-zäöü€🎲]{0,60}".prop_map(String::into_bytes),
        2 => "[a-z]{120,300}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (0..MAX + 40).prop_map(|length| vec![b'x'; length]),
    ];
    let first = prop_oneof![
        10 => Just(0x81_u8), 3 => Just(0x01), 3 => Just(0x00), 3 => Just(0x80),
        3 => Just(0x89), 2 => Just(0x8a), 1 => Just(0x88), 1 => any::<u8>(),
    ];
    (first, any::<[u8; 4]>(), body).prop_map(|(first, mask, body)| {
        let control = first & 0x08 != 0;
        let body = if control && body.len() > 125 {
            &body[..125]
        } else {
            &body[..]
        };
        client_frame(first, mask, body)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn reads_as_tungstenite_does_however_the_bytes_are_split(
        frames in prop::collection::vec(frame(), 1..8),
        sizes in prop::collection::vec(1_usize..200, 1..8),
    ) {
        let bytes = frames.concat();
        let whole = ours(&bytes, &[usize::MAX]);
        prop_assert_eq!(&ours(&bytes, &sizes), &whole);
        prop_assert_eq!(&ours(&bytes, &[1]), &whole);
        let reference = theirs(&bytes);
        // Both must see the same until one of them is broken: a fragment is refused by one at its head, by the
        // other at its end; a message's UTF-8 by one in its first fragment, by the other when it is whole.
        if whole != reference {
            let ours_ends = whole.last() == Some(&Seen::Broken);
            let theirs_ends = reference.last() == Some(&Seen::Broken);
            prop_assert!(ours_ends || theirs_ends, "{whole:?} {reference:?}");
            let shared = (whole.len() - usize::from(ours_ends))
                .min(reference.len() - usize::from(theirs_ends));
            prop_assert_eq!(&whole[..shared], &reference[..shared]);
            prop_assert!(
                shared + 1 >= whole.len().min(reference.len()),
                "{:?} {:?}", whole, reference
            );
        }
    }

    #[test]
    fn survives_any_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..2_000),
        sizes in prop::collection::vec(1_usize..50, 1..8),
    ) {
        ours(&bytes, &sizes);
    }
}

fn check(frames: &[Vec<u8>], expected: &[Seen]) {
    let bytes = frames.concat();
    for sizes in [&[usize::MAX][..], &[1], &[3, 7]] {
        assert_eq!(ours(&bytes, sizes), expected, "{sizes:?}");
    }
}

const KEY: [u8; 4] = [1, 2, 3, 4];

#[test]
fn control_frames_come_between_fragments() {
    check(
        &[
            client_frame(0x01, KEY, "dör".as_bytes()),
            client_frame(0x89, KEY, b"now"),
            client_frame(0x00, KEY, b""),
            client_frame(0x80, KEY, b" open"),
            client_frame(0x81, KEY, b"next"),
        ],
        &[
            Seen::Ping(b"now".to_vec()),
            Seen::Text("dör open".into()),
            Seen::Text("next".into()),
        ],
    );
}

#[test]
fn a_character_may_be_split_between_fragments() {
    let euro = "€".as_bytes();
    check(
        &[
            client_frame(0x01, KEY, &euro[..1]),
            client_frame(0x80, KEY, &euro[1..]),
        ],
        &[Seen::Text("€".into())],
    );
}

#[test]
fn what_a_client_may_not_send_ends_the_connection() {
    let unmasked = vec![0x81, 0x02, b'h', b'i'];
    let long_ping = [vec![0x89, 0x80 | 126, 0, 126], vec![0; 130]].concat();
    let endless = vec![
        0x81,
        0x80 | 127,
        0xff,
        0xff,
        0xff,
        0xff,
        0xff,
        0xff,
        0xff,
        0xff,
    ];
    for (name, frames, violation) in [
        ("unmasked", vec![unmasked], Violation::Protocol),
        (
            "reserved bit",
            vec![client_frame(0xc1, KEY, b"x")],
            Violation::Protocol,
        ),
        (
            "reserved opcode",
            vec![client_frame(0x83, KEY, b"x")],
            Violation::Protocol,
        ),
        (
            "fragmented ping",
            vec![client_frame(0x09, KEY, b"x")],
            Violation::Protocol,
        ),
        ("long ping", vec![long_ping], Violation::Protocol),
        (
            "continuation of nothing",
            vec![client_frame(0x80, KEY, b"x")],
            Violation::Protocol,
        ),
        (
            "text inside a message",
            vec![client_frame(0x01, KEY, b"x"), client_frame(0x81, KEY, b"y")],
            Violation::Protocol,
        ),
        (
            "binary",
            vec![client_frame(0x82, KEY, b"x")],
            Violation::Binary,
        ),
        (
            "not UTF-8",
            vec![client_frame(0x81, KEY, &[0xff])],
            Violation::Utf8,
        ),
        (
            "too large",
            vec![client_frame(0x81, KEY, &vec![b'x'; MAX + 1])],
            Violation::TooLarge,
        ),
        ("an endless length", vec![endless], Violation::TooLarge),
        (
            "too large in fragments",
            vec![
                client_frame(0x01, KEY, &vec![b'x'; MAX]),
                client_frame(0x80, KEY, b"x"),
            ],
            Violation::TooLarge,
        ),
        (
            "close with half a code",
            vec![client_frame(0x88, KEY, &[3])],
            Violation::Protocol,
        ),
        (
            "close with no code",
            vec![client_frame(0x88, KEY, &[3, 237])],
            Violation::Protocol,
        ),
    ] {
        let mut bytes = frames.concat();
        let fed = Decoder::default().feed(&mut bytes, MAX, |_| true);
        assert_eq!(fed, Err(violation), "{name}");
    }
}

#[test]
fn nothing_is_held_between_messages() {
    let mut decoder = Decoder::default();
    let bytes = client_frame(0x81, KEY, b"hello");
    for piece in bytes.chunks(2) {
        decoder.feed(&mut piece.to_vec(), MAX, |_| true).unwrap();
    }
    assert!(decoder.0.is_none());
    assert_eq!(size_of::<Decoder>(), size_of::<usize>());
}

#[test]
fn a_client_reads_what_the_server_writes() {
    for length in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
        let body = "x".repeat(length);
        let mut bytes = text(body.as_bytes()).to_vec();
        bytes.extend_from_slice(&pong(b"there"));
        bytes.extend_from_slice(&close(Some(1008), "why"));
        let mut client = WebSocket::from_raw_socket(Wire(Cursor::new(bytes)), Role::Client, None);
        assert_eq!(client.read().unwrap(), Message::text(body));
        assert_eq!(
            client.read().unwrap(),
            Message::Pong(b"there".to_vec().into())
        );
        let Message::Close(Some(close)) = client.read().unwrap() else {
            panic!()
        };
        assert_eq!(
            (u16::from(close.code), close.reason.as_str()),
            (1008, "why")
        );
    }
}
