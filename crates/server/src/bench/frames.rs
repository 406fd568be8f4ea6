//! WebSocket frames as a client sees them: masked text out, whole frames in, without copying.

const MASK: [u8; 4] = [0x6d, 0x2b, 0x91, 0x54];

/// Text, in one frame.
pub const TEXT: u8 = 1;
/// The peer closes.
pub const CLOSE: u8 = 8;
/// To be answered by a pong.
pub const PING: u8 = 9;
/// Answers a ping.
pub const PONG: u8 = 10;

/// A frame that has arrived whole.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is.
    pub opcode: u8,
    /// Its payload.
    pub body: &'a [u8],
    /// How many bytes it took, header included.
    pub length: usize,
}

/// Appends a masked frame.
pub fn write(out: &mut Vec<u8>, opcode: u8, body: &[u8]) {
    out.push(0x80 | opcode);
    match body.len() {
        length @ 0..126 => out.push(0x80 | length as u8),
        length @ 126..65_536 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    let start = out.len();
    out.extend_from_slice(body);
    // Whole words first: the mask costs a load tool more than anything else in a frame.
    let word = u64::from_ne_bytes([
        MASK[0], MASK[1], MASK[2], MASK[3], MASK[0], MASK[1], MASK[2], MASK[3],
    ]);
    let (words, rest) = out[start..].as_chunks_mut::<8>();
    for chunk in words {
        *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(MASK.iter().cycle()) {
        *byte ^= mask;
    }
}

/// The first frame in `bytes`; none while it is incomplete. A server sends neither masked nor
/// fragmented frames here: those are errors.
pub fn read(bytes: &[u8]) -> Result<Option<Frame<'_>>, &'static str> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    let (header, length) = match second & 0x7f {
        126 => match rest.first_chunk::<2>() {
            Some(length) => (4, u64::from(u16::from_be_bytes(*length))),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(length) => (10, u64::from_be_bytes(*length)),
            None => return Ok(None),
        },
        length => (2, u64::from(length)),
    };
    if second & 0x80 != 0 {
        return Err("the server sent a masked frame");
    }
    if first & 0x80 == 0 || first & 0x0f == 0 {
        return Err("the server sent a fragmented message");
    }
    let Some(length) = usize::try_from(length)
        .ok()
        .filter(|length| *length <= 1 << 24)
    else {
        return Err("the server sent a frame of more than 16 MiB");
    };
    let Some(body) = bytes.get(header..header + length) else {
        return Ok(None);
    };
    Ok(Some(Frame {
        opcode: first & 0x0f,
        body,
        length: header + length,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unmasked(frame: &[u8]) -> Vec<u8> {
        let header = match frame[1] & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        let mut plain = frame[..header].to_vec();
        plain[1] &= 0x7f;
        let (mask, body) = frame[header..].split_at(4);
        plain.extend(
            body.iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        plain
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(length in prop_oneof![0usize..300, 65_500usize..65_600]) {
            let body: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let mut out = Vec::new();
            write(&mut out, TEXT, &body);
            let plain = unmasked(&out);
            prop_assert_eq!(
                read(&plain),
                Ok(Some(Frame { opcode: TEXT, body: &body, length: plain.len() }))
            );
            prop_assert_eq!(read(&plain[..plain.len() - 1]), Ok(None));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = read(&bytes);
        }
    }

    #[test]
    fn masked_and_fragmented_frames_are_errors() {
        assert!(read(&[0x81, 0x80, 0, 0, 0, 0]).is_err());
        assert!(read(&[0x01, 0x01, b'x']).is_err());
        assert!(read(&[0x80, 0x01, b'x']).is_err());
    }
}
