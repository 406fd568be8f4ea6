//! Reading a payload field by field, so that an error can name the field.

use blazing_sun_domain::Millis;
use blazing_sun_domain::json::plain_length;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A field that is missing or not what it should be. Never quotes a value: it may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidField {
    /// The payload is no JSON object.
    #[error("the payload is not a JSON object")]
    NotAnObject,
    /// Not there, or null.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// There, but of another type or shape.
    #[error("`{name}`: {expected}")]
    Invalid {
        /// The field.
        name: &'static str,
        /// What it should be, and what was found.
        expected: String,
    },
    /// A text in it that databases can not hold.
    #[error("`{0}`: expected text without the character U+0000")]
    Nul(String),
}

/// Characters of a field's name that an error repeats.
const NAME_CHARS_MAX: usize = 80;

/// A JSON object's fields in order, their values as they stand.
pub struct Entries<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

/// A key, borrowed unless it has escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::with_capacity(8);
                while let Some((Key(name), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    entries.push((name, value));
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor)
    }
}

/// The fields of a payload, their values as JSON text. Of a field that is there twice the last counts.
pub struct Fields<'a>(Vec<(Cow<'a, str>, &'a str)>);

/// Goes through an object that is known to be JSON, so that it needs no checking again.
struct Scan<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space, and passes over it.
    fn next(&mut self) -> Option<u8> {
        while matches!(self.peek()?, b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
        self.at += 1;
        self.json.as_bytes().get(self.at - 1).copied()
    }

    /// Passes over a string, from behind its first quote to behind its last; whether it has escapes.
    fn string(&mut self) -> Option<bool> {
        let mut has_escapes = false;
        loop {
            self.at += plain_length(self.json.as_bytes().get(self.at..)?);
            if self.peek()? == b'"' {
                self.at += 1;
                return Some(has_escapes);
            }
            has_escapes = true;
            self.at += 2;
        }
    }

    /// Passes over the rest of a value that begins with this byte.
    fn value(&mut self, first: u8) -> Option<()> {
        match first {
            b'"' => {
                self.string()?;
            }
            b'{' | b'[' => {
                let mut depth = 1_usize;
                while depth > 0 {
                    let byte = self.peek()?;
                    self.at += 1;
                    match byte {
                        b'"' => {
                            self.string()?;
                        }
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth -= 1,
                        _ => {}
                    }
                }
            }
            _ => {
                while !matches!(self.peek()?, b',' | b'}' | b' ' | b'\n' | b'\r' | b'\t') {
                    self.at += 1;
                }
            }
        }
        Some(())
    }

    fn fields(&mut self) -> Option<Vec<(Cow<'a, str>, &'a str)>> {
        let mut fields = Vec::with_capacity(8);
        if self.next()? != b'{' {
            return None;
        }
        loop {
            match self.next()? {
                b'}' => return Some(fields),
                b'"' => {}
                // A comma.
                _ => continue,
            }
            let from = self.at;
            let name = match self.string()? {
                false => Cow::Borrowed(self.json.get(from..self.at - 1)?),
                true => serde_json::from_str(self.json.get(from - 1..self.at)?).ok()?,
            };
            // The colon.
            self.next()?;
            let first = self.next()?;
            let from = self.at - 1;
            self.value(first)?;
            fields.push((name, self.json.get(from..self.at)?));
        }
    }
}

impl<'a> Fields<'a> {
    /// The fields of a JSON object.
    pub fn of(payload: &'a RawValue) -> Result<Fields<'a>, InvalidField> {
        let json = payload.get();
        let fields = Scan { json, at: 0 }.fields();
        fields.map(Fields).ok_or(InvalidField::NotAnObject)
    }

    /// The field, if it is there and not null.
    pub fn optional<T: DeserializeOwned>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, InvalidField> {
        let found = self.0.iter().rev().find(|(found, _)| found == name);
        let Some((_, value)) = found.filter(|(_, value)| *value != "null") else {
            return Ok(None);
        };
        serde_json::from_str(value)
            .map(Some)
            .map_err(|error| InvalidField::Invalid {
                name,
                expected: expected(&error.to_string()),
            })
    }

    /// Whether the field is there, null or not.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(found, _)| found == name)
    }

    /// The field, if it is there and not null: an id, which reads from a string as it parses from text.
    pub fn optional_id<T: DeserializeOwned + FromStr>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, InvalidField> {
        let found = self.0.iter().rev().find(|(found, _)| found == name);
        let text = found.and_then(|(_, value)| value.strip_prefix('"')?.strip_suffix('"'));
        match text.and_then(|text| text.parse().ok()) {
            Some(id) => Ok(Some(id)),
            None => self.optional(name),
        }
    }

    /// Refuses texts, wherever they stand, that PostgreSQL can not hold: none may come to a statement.
    pub fn without_nul(&self) -> Result<(), InvalidField> {
        let found = self
            .0
            .iter()
            .find(|(name, value)| name.contains('\0') || has_nul(value));
        found.map_or(Ok(()), |(name, _)| {
            let name = name.chars().filter(|c| *c != '\0').take(NAME_CHARS_MAX);
            Err(InvalidField::Nul(name.collect()))
        })
    }

    /// The field, which must be there.
    pub fn required<T: DeserializeOwned>(&self, name: &'static str) -> Result<T, InvalidField> {
        self.optional(name)?.ok_or(InvalidField::Missing(name))
    }
}

/// Whether a text in this JSON has the character U+0000, which only an escape can write.
fn has_nul(json: &str) -> bool {
    if !json.contains("\\u0000") {
        return false;
    }
    let mut rest = json;
    while let Some((_, escape)) = rest.split_once('\\') {
        if escape.starts_with("u0000") {
            return true;
        }
        // Passes over what is escaped, which may be a backslash itself.
        let mut escape = escape.chars();
        escape.next();
        rest = escape.as_str();
    }
    false
}

/// serde's message, less where it is and less the value that it quotes.
fn expected(message: &str) -> String {
    let message = message
        .rfind(" at line ")
        .map_or(message, |end| &message[..end]);
    let quoting = ["invalid type: ", "invalid value: ", "invalid length "];
    let Some(found) = quoting
        .iter()
        .find_map(|prefix| message.strip_prefix(prefix))
    else {
        return message.chars().take(200).collect();
    };
    let expected = found
        .rsplit_once(", expected ")
        .map_or("something else", |(_, end)| end);
    let kind = found
        .split(['`', '"', ','])
        .next()
        .unwrap_or_default()
        .trim();
    if message.starts_with("invalid type: ") && !kind.is_empty() {
        format!("expected {expected}, got {kind}")
    } else {
        format!("expected {expected}")
    }
}

/// The instant of an RFC 3339 text, as `timestamp` holds it: of the years 0000 to 9999.
pub fn parse_timestamp(text: &str) -> Option<Millis> {
    const YEARS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;
    let at = text.parse::<jiff::Timestamp>().ok()?.as_millisecond();
    YEARS.contains(&at).then_some(Millis(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_domain::{CommandId, RoomId, UserId};
    use proptest::prelude::*;

    fn of(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    fn problem<T: DeserializeOwned>(value: &str) -> String {
        let payload = of(&format!(r#"{{"field":{value}}}"#));
        let outcome = Fields::of(&payload).unwrap().required::<T>("field");
        outcome.err().expect("a problem").to_string()
    }

    #[test]
    fn a_nul_is_found_wherever_it_stands_and_only_an_escape_is_one() {
        for (json, expected) in [
            (r#"{"a":"x","b":"y\u0000"}"#, Some("b")),
            (r#"{"a":{"c":["\\\u0000"]}}"#, Some("a")),
            (r#"{"a\u0000b":1}"#, Some("ab")),
            (r#"{"a":"\\u0000","b":"\\\\u0000","c":"u0000"}"#, None),
            (r#"{"a":"\n\"\u0001\u00000"}"#, Some("a")),
            ("{}", None),
        ] {
            let payload = of(json);
            let found = Fields::of(&payload).unwrap().without_nul();
            let expected = expected.map_or(Ok(()), |name| Err(InvalidField::Nul(name.to_owned())));
            assert_eq!(found, expected, "{json}");
        }
    }

    #[test]
    fn a_bad_field_is_named_with_what_was_expected() {
        let check = |problem: String, expected: &str| assert_eq!(problem, expected);
        check(
            problem::<String>("5"),
            "`field`: expected a string, got integer",
        );
        check(
            problem::<bool>(r#""yes""#),
            "`field`: expected a boolean, got string",
        );
        check(problem::<u32>("-1"), "`field`: expected u32");
        check(
            problem::<u32>("1.5"),
            "`field`: expected u32, got floating point",
        );
        check(
            problem::<UserId>("true"),
            "`field`: expected a user id below 2^53, as a string or an integer, got boolean",
        );
        check(
            problem::<UserId>(r#""x""#),
            "`field`: a user id is a decimal number below 2^53, got `x`",
        );
        check(
            problem::<RoomId>(r#""a b""#),
            "`field`: a room id is 1 to 64 characters of A-Z, a-z, 0-9, `_`, `-`, `.`, got `a b`",
        );
        assert!(problem::<CommandId>(r#""7""#).starts_with("`field`: UUID parsing failed"));
        check(problem::<String>("null"), "`field` is missing");
        assert_eq!(Fields::of(&of("[]")).err(), Some(InvalidField::NotAnObject));
    }

    #[test]
    fn a_value_of_the_wrong_type_is_never_quoted() {
        for secret in ["123456", "[\"hunter2\"]", "{\"hunter2\":1}", "1.23456"] {
            let problem = problem::<String>(secret);
            assert!(
                !problem.contains("hunter2") && !problem.contains("123456"),
                "{problem}"
            );
            assert!(!problem.contains("1.23456"), "{problem}");
        }
    }

    #[test]
    fn keys_with_escapes_are_found_and_the_last_of_two_counts() {
        let payload = of(r#"{"ro\u006fm":1,"room":2,"other":{"room":3}}"#);
        assert_eq!(Fields::of(&payload).unwrap().required("room"), Ok(2));
        let payload = of(r#"{"ro\u006fm":1}"#);
        assert_eq!(Fields::of(&payload).unwrap().optional("room"), Ok(Some(1)));
    }

    #[test]
    fn an_id_reads_as_any_other_field_does() {
        fn check<T: DeserializeOwned + FromStr + PartialEq + fmt::Debug>(value: &str) {
            let payload = of(&format!(r#"{{"field":{value}}}"#));
            let fields = Fields::of(&payload).unwrap();
            let (quick, any) = (fields.optional_id::<T>("field"), fields.optional("field"));
            assert_eq!(quick, any, "{value}");
        }
        for value in [
            "null",
            "7",
            "-7",
            "\"7\"",
            "\"\\u0037\"",
            "\"\"",
            "\"r\"",
            "[]",
            "true",
            "\"a b\"",
            "\"018d2661-3aa8-7000-8000-000000000000\"",
            "\"{018D26613AA870008000000000000000}\"",
            "\"018d26613aa870008000000000000000\"",
        ] {
            check::<UserId>(value);
            check::<RoomId>(value);
            check::<CommandId>(value);
        }
        let empty = of("{}");
        assert_eq!(
            Fields::of(&empty).unwrap().optional_id::<UserId>("field"),
            Ok(None)
        );
    }

    #[test]
    fn instants_read_in_every_form_of_rfc_3339() {
        for (text, expected) in [
            ("2024-01-20T10:30:01Z", Some(1_705_746_601_000)),
            ("2024-01-20T10:30:01.250Z", Some(1_705_746_601_250)),
            ("2024-01-20T11:30:01.25+01:00", Some(1_705_746_601_250)),
            (
                "2024-01-20T10:30:01.123456789+00:00",
                Some(1_705_746_601_123),
            ),
            ("0000-01-01T00:00:00Z", Some(-62_167_219_200_000)),
            ("-000001-12-31T23:59:59Z", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(parse_timestamp(text), expected.map(Millis), "{text}");
        }
        let now = Millis(1_700_000_000_123);
        assert_eq!(parse_timestamp(&now.to_string()), Some(now));
    }

    /// Any JSON value, with white space and escapes.
    fn json() -> impl Strategy<Value = String> {
        let space = || prop::sample::select(vec!["", "", " ", "\n\t\r "]);
        let text = prop_oneof![
            "[a-z]{0,9}".prop_map(|text| format!("\"{text}\"")),
            any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
            Just(r#""\\""#.to_owned()),
            Just(r#""\"}\u0022,{""#.to_owned()),
            Just(r#""command_id""#.to_owned()),
        ];
        let leaf = prop_oneof![
            2 => text.clone(),
            1 => prop::sample::select(vec!["null", "true", "-1.5e3", "0"]).prop_map(str::to_owned),
        ];
        leaf.prop_recursive(4, 24, 5, move |inner| {
            let list = prop::collection::vec((space(), inner.clone(), space()), 0..4);
            let object =
                prop::collection::vec((space(), text.clone(), space(), inner, space()), 0..5);
            prop_oneof![
                list.prop_map(|items| {
                    let items: Vec<_> = items
                        .iter()
                        .map(|(a, item, b)| format!("{a}{item}{b}"))
                        .collect();
                    format!("[{}]", items.join(","))
                }),
                object.prop_map(|items| {
                    let items: Vec<_> = items
                        .iter()
                        .map(|(a, key, b, item, c)| format!("{a}{key}{b}:{c}{item}{a}"))
                        .collect();
                    format!("{{{}}}", items.join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn fields_are_found_as_serde_finds_them(json in json()) {
            let payload = of(&json);
            let slowly: Option<Entries<'_>> = serde_json::from_str(&json).ok();
            let slowly = slowly.map(|Entries(entries)| {
                entries.into_iter().map(|(name, value)| (name, value.get())).collect::<Vec<_>>()
            });
            prop_assert_eq!(Fields::of(&payload).ok().map(|Fields(fields)| fields), slowly);
        }

        #[test]
        fn hostile_payloads_and_timestamps_never_panic(json in "[\\[\\]{}\":,0-9a-e\\\\u ]{0,60}", text in ".{0,40}") {
            let _ = parse_timestamp(&text);
            if let Ok(payload) = RawValue::from_string(json)
                && let Ok(fields) = Fields::of(&payload)
            {
                let _ = fields.optional::<UserId>("a");
                let _ = fields.optional::<String>("e");
            }
        }
    }
}
