//! Payloads as one line for a terminal.

use super::masks::masked;
use serde_json::Value;
use std::borrow::Cow;

/// A payload as one line: passwords masked, and nothing in it that a terminal would obey.
pub fn line_of(payload: &[u8]) -> Cow<'_, str> {
    let text = masked(payload);
    match serde_json::from_str::<&serde_json::value::RawValue>(&text) {
        Ok(_) => on_one_line(text),
        Err(_) => on_one_line(Value::from(text.into_owned()).to_string().into()),
    }
}

/// Whether a terminal does something else with it than to show it.
pub fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// In JSON white space can only stand between tokens, and all other of these only in strings.
pub fn on_one_line(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return text;
    }
    let mut line = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => line.push(' '),
            c if is_obeyed(c) => line.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => line.push(c),
        }
    }
    line.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_without_control_characters() {
        assert_eq!(line_of(b"{\"a\":1,\n \"b\":2}"), r#"{"a":1,  "b":2}"#);
        for payload in [
            &b"\x1b[31m red\n"[..],
            b"\xff\xfe",
            b"",
            b"\"a\x07b\"",
            "\u{9b}31m".as_bytes(),
        ] {
            let line = line_of(payload);
            assert!(!line.chars().any(char::is_control), "{line:?}");
        }
        let name = "{\"username\":\"\u{202e}nna\u{9b}2J\"}";
        assert_eq!(
            line_of(name.as_bytes()),
            r#"{"username":"\u202enna\u009b2J"}"#
        );
    }
}
