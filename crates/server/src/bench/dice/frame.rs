//! The few fields that playing needs, found in an event's text without parsing it.

use memchr::memmem::find;

/// The frame's type.
pub fn kind(text: &[u8]) -> &[u8] {
    match text.strip_prefix(br#"{"type":""#) {
        Some(rest) => until_quote(rest),
        None => string(text, br#""type":""#).unwrap_or_default(),
    }
}

/// The string behind `key`, which is given with its quotes, colon and opening quote.
pub fn string<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    find(text, key).map(|at| until_quote(&text[at + key.len()..]))
}

/// The whole number behind `key`, which is given with its quotes and colon.
pub fn number(text: &[u8], key: &[u8]) -> Option<i64> {
    let rest = &text[find(text, key)? + key.len()..];
    let digits = rest
        .iter()
        .take_while(|byte| byte.is_ascii_digit() || **byte == b'-')
        .count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

fn until_quote(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(b'"', text).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found() {
        let text = br#"{"type":"games.event.turn_changed","room_seq":12,"current_turn":"7","change_cents":-3}"#;
        assert_eq!(kind(text), b"games.event.turn_changed");
        assert_eq!(kind(br#"{"event_id":"x","type":"y"}"#), b"y");
        assert_eq!(string(text, br#""current_turn":""#), Some(&b"7"[..]));
        assert_eq!(string(text, br#""next":""#), None);
        assert_eq!(number(text, br#""room_seq":"#), Some(12));
        assert_eq!(number(text, br#""change_cents":"#), Some(-3));
        assert_eq!(number(text, br#""current_turn":"#), None);
        assert_eq!(kind(b"{\"type\":\"cut"), b"cut");
    }
}
