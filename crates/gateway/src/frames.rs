//! WebSocket frames (RFC 6455) without I/O: a server's reading side that holds no memory between
//! whole messages, and the few frames that a server writes.

use bytes::Bytes;

/// A client's frame, as far as a session is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// A whole text message.
    Text(&'a str),
    /// To be answered with a pong of the same bytes.
    Ping(&'a [u8]),
    /// A sign of life.
    Pong,
    /// The client says goodbye, with its code.
    Close(Option<u16>),
}

/// What a client may not send. The connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    /// Not a WebSocket frame of a client.
    Protocol,
    /// A binary message.
    Binary,
    /// A text that is not UTF-8.
    Utf8,
    /// A message longer than allowed.
    TooLarge,
}

impl Violation {
    /// The close code that says so.
    pub(crate) fn close_code(self) -> u16 {
        match self {
            Violation::Protocol => 1002,
            Violation::Binary => 1003,
            Violation::Utf8 => 1007,
            Violation::TooLarge => 1009,
        }
    }
}

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Takes bytes as they come and gives frames. Between whole messages it is one empty pointer.
#[derive(Debug, Default)]
pub(crate) struct Decoder(Option<Box<Partial>>);

#[derive(Debug, Default)]
struct Partial {
    /// The beginning of a frame whose end has not come.
    frame: Vec<u8>,
    /// The fragments so far of a message.
    message: Option<Vec<u8>>,
}

struct Head {
    fin: bool,
    opcode: u8,
    mask: [u8; 4],
    /// Where the body begins and how long it is.
    start: usize,
    length: usize,
}

/// The head at the beginning of `bytes`; none if more bytes must come first.
fn head(
    bytes: &[u8],
    message_max: usize,
    gathered: Option<usize>,
) -> Result<Option<Head>, Violation> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
    let control = opcode >= CLOSE;
    if first & 0x70 != 0
        || second & 0x80 == 0
        || !matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG)
        || (control && (!fin || second & 0x7f > 125))
    {
        return Err(Violation::Protocol);
    }
    match (opcode, gathered) {
        (CONTINUATION, None) | (TEXT | BINARY, Some(_)) => return Err(Violation::Protocol),
        (BINARY, None) => return Err(Violation::Binary),
        _ => {}
    }
    let (length, after) = match second & 0x7f {
        126 => match rest.split_first_chunk::<2>() {
            Some((length, after)) => (u64::from(u16::from_be_bytes(*length)), after),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk::<8>() {
            Some((length, after)) => (u64::from_be_bytes(*length), after),
            None => return Ok(None),
        },
        length => (u64::from(length), rest),
    };
    let before = if control { 0 } else { gathered.unwrap_or(0) };
    let length = usize::try_from(length).ok().filter(|length| {
        control
            || length
                .checked_add(before)
                .is_some_and(|whole| whole <= message_max)
    });
    let length = length.ok_or(Violation::TooLarge)?;
    Ok(after.split_first_chunk::<4>().map(|(mask, after)| Head {
        fin,
        opcode,
        mask: *mask,
        start: bytes.len() - after.len(),
        length,
    }))
}

fn unmask(body: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    let (words, rest) = body.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

fn close_code(body: &[u8]) -> Result<Option<u16>, Violation> {
    let Some((code, reason)) = body.split_first_chunk::<2>() else {
        return if body.is_empty() {
            Ok(None)
        } else {
            Err(Violation::Protocol)
        };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::Protocol);
    }
    std::str::from_utf8(reason).map_err(|_| Violation::Utf8)?;
    Ok(Some(code))
}

impl Decoder {
    /// Takes the bytes (which it unmasks where they are) and gives every frame that they complete,
    /// until `take` says to stop. After a violation or a stop the decoder is of no more use.
    pub(crate) fn feed(
        &mut self,
        bytes: &mut [u8],
        message_max: usize,
        mut take: impl FnMut(Frame<'_>) -> bool,
    ) -> Result<(), Violation> {
        let Some(partial) = &mut self.0 else {
            let mut message = None;
            let used = decode(bytes, &mut message, message_max, &mut take)?;
            if used < bytes.len() || message.is_some() {
                let frame = bytes[used..].to_vec();
                self.0 = Some(Box::new(Partial { frame, message }));
            }
            return Ok(());
        };
        if partial.frame.is_empty() {
            let used = decode(bytes, &mut partial.message, message_max, &mut take)?;
            partial.frame.extend_from_slice(&bytes[used..]);
        } else {
            partial.frame.extend_from_slice(bytes);
            let used = decode(
                &mut partial.frame,
                &mut partial.message,
                message_max,
                &mut take,
            )?;
            if used == partial.frame.len() {
                partial.frame = Vec::new();
            } else {
                partial.frame.drain(..used);
            }
        }
        if partial.frame.is_empty() && partial.message.is_none() {
            self.0 = None;
        }
        Ok(())
    }
}

/// Gives the whole frames in `bytes` and says how many bytes these were.
fn decode(
    bytes: &mut [u8],
    message: &mut Option<Vec<u8>>,
    message_max: usize,
    take: &mut impl FnMut(Frame<'_>) -> bool,
) -> Result<usize, Violation> {
    let mut used = 0;
    loop {
        let rest = &mut bytes[used..];
        let Some(head) = head(rest, message_max, message.as_ref().map(Vec::len))? else {
            return Ok(used);
        };
        let Some(body) = rest.get_mut(head.start..head.start + head.length) else {
            return Ok(used);
        };
        used += head.start + head.length;
        unmask(body, head.mask);
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| Violation::Utf8);
        let go_on = match (head.opcode, head.fin) {
            (TEXT, true) => take(Frame::Text(text(body)?)),
            (PING, _) => take(Frame::Ping(body)),
            (PONG, _) => take(Frame::Pong),
            (CLOSE, _) => take(Frame::Close(close_code(body)?)),
            (_, false) => {
                message.get_or_insert_default().extend_from_slice(body);
                true
            }
            (_, true) => {
                let mut whole = message.take().unwrap_or_default();
                whole.extend_from_slice(body);
                take(Frame::Text(text(&whole)?))
            }
        };
        if !go_on {
            return Ok(bytes.len());
        }
    }
}

fn push_head(out: &mut Vec<u8>, opcode: u8, length: usize) {
    out.push(0x80 | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => out.push(short),
        (_, Ok(medium)) => {
            out.push(126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Adds a text message as the server sends it.
pub(crate) fn push_text(out: &mut Vec<u8>, body: &[u8]) {
    out.reserve(body.len() + 10);
    push_head(out, TEXT, body.len());
    out.extend_from_slice(body);
}

/// A text message as the server sends it.
pub(crate) fn text(body: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(body.len() + 10);
    push_text(&mut out, body);
    out.into()
}

/// A ping, which browsers answer by themselves.
pub(crate) const fn ping() -> Bytes {
    Bytes::from_static(&[0x80 | PING, 0])
}

/// The answer to a ping.
pub(crate) fn pong(body: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(body.len() + 2);
    push_head(&mut out, PONG, body.len().min(125));
    out.extend_from_slice(&body[..body.len().min(125)]);
    out.into()
}

/// A close frame; no code only in answer to one without.
pub(crate) fn close(code: Option<u16>, reason: &str) -> Bytes {
    let reason = if code.is_some() {
        reason.as_bytes()
    } else {
        &[]
    };
    let code = code.map(u16::to_be_bytes);
    let mut out = Vec::with_capacity(reason.len() + 4);
    push_head(
        &mut out,
        CLOSE,
        code.map_or(0, |code| code.len() + reason.len()),
    );
    out.extend(code.into_iter().flatten());
    out.extend_from_slice(reason);
    out.into()
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
