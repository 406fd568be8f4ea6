//! What is never shown: secrets, in a record and in the original that a dead letter holds.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// What a field with a secret is named: whoever reads records would join, sign in, pay or foresee with it.
const SECRETS: [&str; 5] = [
    "password",
    "password_sealed",
    "token",
    "client_seed",
    "session_url",
];
/// A dead letter's record, in base64.
const ORIGINAL: &str = "original";
const MASK: &str = "***";
const UNREADABLE: &str = "\"not JSON, and perhaps with what is never shown\"";

/// Whether something must be masked.
#[derive(PartialEq)]
enum Holds {
    Nothing,
    Something,
    /// It cannot be searched.
    Perhaps,
}

/// A payload's text, without what is never shown.
pub fn masked(payload: &[u8]) -> Cow<'_, str> {
    match search(payload) {
        Holds::Nothing => String::from_utf8_lossy(payload),
        Holds::Perhaps => UNREADABLE.into(),
        Holds::Something => match serde_json::from_slice::<Value>(payload) {
            Ok(mut value) => {
                mask(&mut value);
                value.to_string().into()
            }
            Err(_) => UNREADABLE.into(),
        },
    }
}

fn search(payload: &[u8]) -> Holds {
    let has = |needle: &str| memchr::memmem::find(payload, needle.as_bytes()).is_some();
    // A key can also be written with escapes.
    if !SECRETS.into_iter().any(has) && !has(ORIGINAL) && !has("\\u") {
        return Holds::Nothing;
    }
    let mut json = serde_json::Deserializer::from_slice(payload);
    let found = Search { is_original: false }.deserialize(&mut json);
    // What is JSON by its form alone (`1e999`, half a surrogate pair) cannot be searched.
    match found.and_then(|found| json.end().map(|()| found)) {
        Ok(true) => Holds::Something,
        Ok(false) => Holds::Nothing,
        Err(_) => Holds::Perhaps,
    }
}

fn is_secret_original(base64: &str) -> bool {
    let original = BASE64_STANDARD.decode(base64);
    original.is_ok_and(|original| search(&original) != Holds::Nothing)
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_secret = match (name.as_str(), &*value) {
                    (name, value) if SECRETS.contains(&name) => !value.is_null(),
                    (ORIGINAL, Value::String(text)) => is_secret_original(text),
                    _ => false,
                };
                match is_secret {
                    true => *value = MASK.into(),
                    false => mask(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(mask),
        _ => {}
    }
}

/// Looks at every field, also at those that are given twice, of which a [`Value`] keeps the last alone.
struct Search {
    is_original: bool,
}

impl<'de> DeserializeSeed<'de> for Search {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        Ok(self.is_original && is_secret_original(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(holds) = values.next_element_seed(Search { is_original: false })? {
            found |= holds;
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(name) = fields.next_key::<String>()? {
            found |= match name.as_str() {
                name if SECRETS.contains(&name) => {
                    fields.next_value::<Option<IgnoredAny>>()?.is_some()
                }
                name => fields.next_value_seed(Search {
                    is_original: name == ORIGINAL,
                })?,
            };
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn passwords_are_masked_however_deep_and_however_written() {
        for payload in [
            r#"{"payload":{"password":"secret","room_name":"r"}}"#,
            r#"[{"a":[{"password":"secret"}]}]"#,
            r#"{"pa\u0073sword":"secret"}"#,
            r#"[{"password":"a"},{"password":"secret"},{"x":{"password":"secret"}}]"#,
            r#"{"password":{"is":"secret"}}"#,
            r#"{"password":"secret""#,
            r#"{"pa\u0073sword":"secret""#,
            r#"{"password":"secret","x":1e999}"#,
            r#"{"password":"secret","x":"\ud800"}"#,
            r#"{"x":{"password":"secret","password":null}}"#,
            r#"{"x":{"password":"secret"},"x":1}"#,
            r#"{"payload":{"password_sealed":"secret"}}"#,
            r#"{"payload":{"client_seed":"secret"}}"#,
            r#"{"payload":[{"session_url":"secret"}]}"#,
            r#"{"to\u006ben":"secret"}"#,
            r#"{"original":{"password":"secret","password":null}}"#,
        ] {
            let text = masked(payload.as_bytes());
            assert!(!text.contains("secret"), "{text}");
            assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_holds_no_password_stays_as_it_is() {
        for payload in [
            r#"{"password_set":"k1.abc","content":"my password"}"#,
            r#"{"z":1.50,"password":null,"a":"\u0041"}"#,
            r#"{"original":"no base64, password","a":1}"#,
            "not JSON",
        ] {
            assert_eq!(masked(payload.as_bytes()), payload);
        }
    }

    #[test]
    fn a_dead_letter_keeps_its_original_only_if_there_is_no_password_in_it() {
        let letter = |original: &[u8]| {
            let original = BASE64_STANDARD.encode(original);
            json!({ "original": original, "error": "e" }).to_string()
        };
        for original in [
            &br#"{"payload":{"password":"secret"}}"#[..],
            br#"{"payload":{"password":"secret","password":null}}"#,
            b"\xff{\"password\":\"secret\"",
            letter(br#"{"password":"secret"}"#).as_bytes(),
        ] {
            let letter = letter(original);
            let text = masked(letter.as_bytes());
            assert_eq!(text, r#"{"error":"e","original":"***"}"#);
            let doubled = letter.replace("}", r#","original":null}"#);
            let text = masked(doubled.as_bytes());
            assert_eq!(text, r#"{"error":"e","original":null}"#);
        }
        for original in [&b"\xff poison"[..], br#"{"password":null}"#, b"{}"] {
            let letter = letter(original);
            assert_eq!(masked(letter.as_bytes()), letter);
        }
    }
}
