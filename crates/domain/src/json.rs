//! JSON text by hand, for the few shapes that are read or written with every command: reading and
//! writing them through a data model costs more than deciding what they ask.

use serde::Serialize;
use std::fmt;

/// A JSON object as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonObject(String);

/// Room for an event's usual fields, so that writing them allocates once.
const OBJECT_BYTES: usize = 512;

impl JsonObject {
    /// The text of `fields`; none where they are no object, or not JSON at all.
    pub fn of(fields: &impl Serialize) -> Option<JsonObject> {
        let mut text = Vec::with_capacity(OBJECT_BYTES);
        serde_json::to_writer(&mut text, fields).ok()?;
        let text = String::from_utf8(text).ok()?;
        text.starts_with('{').then_some(JsonObject(text))
    }

    /// Its text.
    pub fn get(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JsonObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How many bytes stand before the first that ends or escapes a JSON string, or may not stand in one.
pub fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let (quote, backslash) = (word ^ (ONES * 0x22), word ^ (ONES * 0x5c));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = control
            | (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash);
        // A borrow reaches upwards only, so that the lowest mark is always a true one.
        let marks = found & HIGH;
        if marks != 0 {
            return at * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    let is_plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
    let in_rest = rest.iter().position(|byte| !is_plain(byte));
    words.len() * 8 + in_rest.unwrap_or(rest.len())
}

/// Adds a JSON string, byte for byte as serde writes it.
pub fn push_text(out: &mut Vec<u8>, text: &str) {
    if plain_length(text.as_bytes()) == text.len() {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("a text is JSON and a Vec takes it");
    }
}

/// Makes JSON one line: raw line breaks are white space between tokens, in strings they are escaped.
pub fn put_on_one_line(json: &mut [u8]) {
    for byte in json {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}

/// A number's decimal digits, at the end of the buffer.
pub fn digits(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    &digits[at..]
}

/// Adds a number in decimal digits.
pub fn push_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(digits(number, &mut [0; 20]));
}

/// Adds a number in decimal digits, with its sign where it is below 0.
pub fn push_signed(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    push_number(out, number.unsigned_abs());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_objects_are_taken() {
        let object = serde_json::json!({ "a": [1, "ä"] });
        assert_eq!(JsonObject::of(&object).unwrap().get(), r#"{"a":[1,"ä"]}"#);
        assert_eq!(JsonObject::of(&[1]), None);
        assert_eq!(JsonObject::of(&"{"), None);
    }

    proptest! {
        #[test]
        fn texts_and_numbers_are_written_as_serde_writes_them(text: String, number: u64, signed: i64) {
            let mut out = Vec::new();
            push_text(&mut out, &text);
            out.push(b',');
            push_number(&mut out, number);
            out.push(b',');
            push_signed(&mut out, signed);
            let expected = serde_json::to_string(&(text, number, signed)).unwrap();
            prop_assert_eq!(format!("[{}]", String::from_utf8(out).unwrap()), expected);
        }

        #[test]
        fn the_first_special_byte_is_found(bytes in prop::collection::vec(prop_oneof![
            8 => 0x20..0x7f_u8, 2 => 0x80..=0xff_u8, 1 => Just(b'"'), 1 => Just(b'\\'), 1 => 0..0x20_u8, 1 => 0x1f..0x24_u8,
        ], 0..60)) {
            let slowly = bytes.iter().position(|b| *b < 0x20 || *b == b'"' || *b == b'\\');
            prop_assert_eq!(plain_length(&bytes), slowly.unwrap_or(bytes.len()));
        }
    }
}
