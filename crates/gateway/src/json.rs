//! A JSON object's fields, found in one pass that checks the whole text (RFC 8259) and copies
//! nothing. What is in the values is for others to read.

use memchr::memchr2;
use serde::Deserialize;
use std::borrow::Cow;

/// Arrays and objects inside each other, the outermost included; what is deeper is not read here.
const DEPTH_MAX: u32 = 96;

/// Not a JSON object, or nested too deeply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invalid;

/// The fields of a JSON object, in order, their values as they stand.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields<'a> {
    pub(crate) list: Vec<(Cow<'a, str>, &'a str)>,
    /// The text between the braces, where no key has escapes and nothing but the fields stands there: it can be copied.
    pub(crate) compact: Option<&'a str>,
}

impl<'a> Fields<'a> {
    /// Reads a whole text.
    pub(crate) fn parse(text: &'a str) -> Result<Fields<'a>, Invalid> {
        Fields::parse_within(text, DEPTH_MAX)
    }

    /// Reads a whole text that is no deeper than this; the object itself is one.
    pub(crate) fn parse_within(text: &'a str, depth_max: u32) -> Result<Fields<'a>, Invalid> {
        let depth_left = depth_max.min(DEPTH_MAX);
        let mut scan = Scan {
            text,
            at: 0,
            depth_left,
        };
        scan.space();
        let fields = scan.object()?;
        scan.space();
        if scan.at == text.len() {
            Ok(fields)
        } else {
            Err(Invalid)
        }
    }

    /// The value under this name, as it stands; null is as if it were not there.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        let found = self
            .list
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| *value);
        found.filter(|value| *value != "null")
    }

    /// The value under this name, if it reads as a `T`.
    pub(crate) fn read<T: Deserialize<'a>>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.get(name)?).ok()
    }

    /// The whole number under this name.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }
}

/// The text of a JSON string, borrowed unless it has escapes; none: it is something else.
pub(crate) fn string(value: &str) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(value).ok().map(Cow::Owned)
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    depth_left: u32,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over this byte, if it is next.
    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    fn expect(&mut self, byte: u8) -> Result<(), Invalid> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(Invalid)
        }
    }

    /// Passes over white space; whether there was any.
    fn space(&mut self) -> bool {
        let from = self.at;
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
        self.at > from
    }

    /// The outermost object.
    fn object(&mut self) -> Result<Fields<'a>, Invalid> {
        self.enter()?;
        self.expect(b'{')?;
        let start = self.at;
        let mut list = Vec::with_capacity(8);
        let mut compact = !self.space();
        if self.take(b'}') {
            return Ok(Fields {
                list,
                compact: compact.then_some(""),
            });
        }
        loop {
            let (key, escaped) = self.key()?;
            compact &= !escaped;
            compact &= !self.space();
            self.expect(b':')?;
            compact &= !self.space();
            let from = self.at;
            self.value()?;
            list.push((key, &self.text[from..self.at]));
            compact &= !self.space();
            if self.take(b'}') {
                return Ok(Fields {
                    list,
                    compact: compact.then_some(&self.text[start..self.at - 1]),
                });
            }
            self.expect(b',')?;
            compact &= !self.space();
        }
    }

    fn key(&mut self) -> Result<(Cow<'a, str>, bool), Invalid> {
        let from = self.at;
        let escaped = self.string()?;
        if !escaped {
            return Ok((Cow::Borrowed(&self.text[from + 1..self.at - 1]), false));
        }
        let key: String = serde_json::from_str(&self.text[from..self.at]).map_err(|_| Invalid)?;
        Ok((Cow::Owned(key), true))
    }

    /// Passes over a string; whether it has escapes.
    fn string(&mut self) -> Result<bool, Invalid> {
        self.expect(b'"')?;
        let mut escaped = false;
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let length = plain(rest);
            self.at += length;
            match rest.get(length) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    self.escape()?;
                }
                _ => return Err(Invalid),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Invalid> {
        let kind = self.peek().ok_or(Invalid)?;
        self.at += 1;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => {
                let digits = self.text.as_bytes().get(self.at..self.at + 4);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(Invalid);
                }
                self.at += 4;
                Ok(())
            }
            _ => Err(Invalid),
        }
    }

    /// Passes over a value.
    fn value(&mut self) -> Result<(), Invalid> {
        match self.peek().ok_or(Invalid)? {
            b'"' => self.string().map(|_| ()),
            b'{' => self.many(b'}', |scan| {
                scan.string()?;
                scan.space();
                scan.expect(b':')?;
                scan.space();
                scan.value()
            }),
            b'[' => self.many(b']', Scan::value),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => self.number(),
        }
    }

    /// Passes over what is separated by commas.
    fn many(
        &mut self,
        end: u8,
        mut item: impl FnMut(&mut Self) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        self.enter()?;
        self.at += 1;
        self.space();
        if self.take(end) {
            self.depth_left += 1;
            return Ok(());
        }
        loop {
            item(self)?;
            self.space();
            if self.take(end) {
                self.depth_left += 1;
                return Ok(());
            }
            self.expect(b',')?;
            self.space();
        }
    }

    /// One array or object deeper.
    fn enter(&mut self) -> Result<(), Invalid> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or(Invalid)?;
        Ok(())
    }

    fn literal(&mut self, literal: &str) -> Result<(), Invalid> {
        let rest = &self.text.as_bytes()[self.at..];
        if !rest.starts_with(literal.as_bytes()) {
            return Err(Invalid);
        }
        self.at += literal.len();
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Invalid> {
        let from = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > from { Ok(()) } else { Err(Invalid) }
    }

    fn number(&mut self) -> Result<(), Invalid> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(())
    }
}

const ONES: u64 = u64::MAX / 255;
const HIGH_BITS: u64 = ONES << 7;
/// So many bytes are looked at eight at a time; most strings end within them.
const SHORT: usize = 32;

/// The high bits of the bytes below `limit`; of those above the lowest such byte, some others too.
fn below(word: u64, limit: u64) -> u64 {
    word.wrapping_sub(ONES * limit) & !word & HIGH_BITS
}

/// How many bytes stand before the first that a string does not hold as it is.
pub(crate) fn plain(bytes: &[u8]) -> usize {
    let head = &bytes[..bytes.len().min(SHORT)];
    let (words, rest) = head.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        let special = below(word, 0x20) | quote | backslash;
        if special != 0 {
            return at * 8 + (special.trailing_zeros() / 8) as usize;
        }
    }
    let is_special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    if let Some(at) = rest.iter().position(is_special) {
        return words.len() * 8 + at;
    }
    let rest = &bytes[head.len()..];
    let end = memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
    // Without branches: the compiler makes wide instructions of it.
    let control = rest[..end]
        .iter()
        .fold(false, |found, byte| found | (*byte < 0x20));
    let length = if control {
        rest.iter().position(|byte| *byte < 0x20).unwrap_or(end)
    } else {
        end
    };
    head.len() + length
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
