//! The scanner against serde_json: both take the same texts and find the same in them.

use super::*;
use blazing_sun_backbone::messages::Entries;
use proptest::prelude::*;

/// What serde_json finds.
fn known_good(text: &str) -> Option<Vec<(String, String)>> {
    let Entries(list) = serde_json::from_str(text).ok()?;
    Some(
        list.into_iter()
            .map(|(key, value)| (key.into_owned(), value.get().to_owned()))
            .collect(),
    )
}

fn found(text: &str) -> Option<Vec<(String, String)>> {
    let fields = Fields::parse(text).ok()?;
    Some(
        fields
            .list
            .into_iter()
            .map(|(key, value)| (key.into_owned(), value.to_owned()))
            .collect(),
    )
}

#[test]
fn what_is_json_and_what_is_not() {
    for text in [
        "{}",
        " {\t\r\n} ",
        r#"{"a":1}"#,
        r#"{"a" : [ 1 , {"b":[]} ] , "c":-0.5e+7}"#,
        r#"{"a":"\u00e9\"\\\/","a":null,"":true}"#,
        r#"{"\u0061":"é", "b\n":false}"#,
        r#"{"long enough to be searched wide":"x y z x y z x y z x y z x y z x y z"}"#,
        "",
        "[]",
        "null",
        "{",
        "{}x",
        "{}{}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        r#"{a:1}"#,
        r#"{"a":01}"#,
        r#"{"a":1.}"#,
        r#"{"a":.5}"#,
        r#"{"a":+1}"#,
        r#"{"a":-}"#,
        r#"{"a":1e}"#,
        r#"{"a":tr}"#,
        r#"{"a":True}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\u12g4"}"#,
        r#"{"a":"\u12"}"#,
        r#"{"\ud800":1}"#,
        r#"{"a":"\ud800"}"#,
        "{\"a\":\"\u{1}\"}",
        "{\"a\":\"0123456789abcdef0123456789\n\"}",
        "{\"a\u{1f}\":1}",
        r#"{"a":"open}"#,
        r#"{"a":[1}"#,
        r#"{"a":{"b":1]}"#,
        r#"{"a":{1:2}}"#,
        r#"{"a":NaN}"#,
    ] {
        assert_eq!(found(text), known_good(text), "{text}");
    }
}

#[test]
fn what_is_deeper_than_its_bound_is_not_read() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(Fields::parse(&nested(DEPTH_MAX as usize - 1)).is_ok());
    assert_eq!(Fields::parse(&nested(DEPTH_MAX as usize)), Err(Invalid));
    assert!(Fields::parse_within(r#"{"a":[[]],"b":[[]]}"#, 3).is_ok());
    assert_eq!(Fields::parse_within(r#"{"a":[[]]}"#, 2), Err(Invalid));
    assert_eq!(Fields::parse(&nested(1_000_000)), Err(Invalid));
    assert_eq!(Fields::parse(&"{\"a\":".repeat(1_000_000)), Err(Invalid));
}

#[test]
fn fields_that_can_be_copied_are_told_from_those_that_can_not() {
    let compact = |text| Fields::parse(text).expect("an object").compact;
    assert_eq!(
        compact(r#"{"a":[1, 2],"b":"x"}"#),
        Some(r#""a":[1, 2],"b":"x""#)
    );
    assert_eq!(compact(" {} "), Some(""));
    for text in [
        r#"{ "a":1}"#,
        r#"{"a" :1}"#,
        r#"{"a": 1}"#,
        r#"{"a":1 }"#,
        r#"{"a":1, "b":2}"#,
        r#"{"\u0061":1}"#,
        "{ }",
    ] {
        assert_eq!(compact(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn the_first_special_byte_is_found(
        bytes in prop::collection::vec(
            prop_oneof![20 => 0x20_u8..=0x7e, 1 => any::<u8>(), 1 => prop::sample::select(b"\"\\!#[]\x1f\x20\x7f\x80\xff".to_vec())],
            0..90,
        ),
    ) {
        let special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
        prop_assert_eq!(plain(&bytes), bytes.iter().position(special).unwrap_or(bytes.len()));
    }
}

#[test]
fn strings_are_read() {
    assert_eq!(string(r#""a é""#).as_deref(), Some("a é"));
    assert_eq!(string(r#""a\n\u0041""#).as_deref(), Some("a\nA"));
    assert_eq!(string(r#""\ud800""#), None);
    assert_eq!(string("7"), None);
    assert_eq!(string("\""), None);
}

/// JSON of any kind, and texts near it.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(|number| serde_json::to_string(&number).expect("a number")),
        any::<String>().prop_map(|text| serde_json::to_string(&text).expect("a text")),
        "[a-z ]{0,60}".prop_map(|text| format!("\"{text}\"")),
        "\\PC{0,8}".prop_map(|text| format!("\"{text}\"")),
    ];
    let value = leaf.prop_recursive(4, 24, 4, |inner| {
        let key = prop_oneof!["[a-z_]{0,6}", any::<String>()]
            .prop_map(|key| serde_json::to_string(&key).expect("a key"));
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
            (proptest::collection::vec((key, inner), 0..4), "[ \n]?").prop_map(|(items, space)| {
                let items: Vec<String> = items
                    .into_iter()
                    .map(|(key, value)| format!("{key}:{space}{value}"))
                    .collect();
                format!("{{{}}}", items.join(&format!(",{space}")))
            }),
        ]
    });
    proptest::collection::vec(("[a-z\\\\\"]{0,5}", value), 0..5).prop_map(|fields| {
        let fields: Vec<String> = fields
            .into_iter()
            .map(|(key, value)| {
                let key = serde_json::to_string(&key).expect("a key");
                format!("{key}:{value}")
            })
            .collect();
        format!("{{{}}}", fields.join(","))
    })
}

proptest! {
    #[test]
    fn objects_read_as_serde_json_reads_them(text in json()) {
        prop_assert_eq!(found(&text), known_good(&text));
    }

    #[test]
    fn what_was_damaged_reads_alike_too(
        text in json(),
        at in any::<prop::sample::Index>(),
        with in prop_oneof![Just(None), any::<char>().prop_map(Some), "[]{}\",:\\\\ 0e.-]".prop_map(|text| text.chars().next())],
    ) {
        let mut characters: Vec<char> = text.chars().collect();
        let at = at.index(characters.len());
        match with {
            Some(with) => characters[at] = with,
            None => drop(characters.remove(at)),
        }
        let damaged: String = characters.into_iter().collect();
        prop_assert_eq!(found(&damaged), known_good(&damaged), "{}", damaged);
    }

    #[test]
    fn a_compact_object_is_its_fields_one_after_another(text in json()) {
        if let Ok(Fields { list, compact: Some(compact) }) = Fields::parse(&text) {
            let fields: Vec<String> = list
                .iter()
                .map(|(key, value)| format!("\"{key}\":{value}"))
                .collect();
            prop_assert_eq!(fields.join(","), compact);
        }
    }
}
