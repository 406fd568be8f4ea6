//! Which records are shown: all filters must match, each by one of its values.

use super::masks::masked;
use blazing_sun_backbone::log::Record;
use blazing_sun_domain::Millis;
use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;

/// What a record must be. What is empty asks for nothing.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Following from one of these commands.
    pub correlation_ids: Vec<String>,
    /// With one of these keys.
    pub keys: Vec<String>,
    /// Of one of these types; a `*` at the end stands for anything.
    pub types: Vec<String>,
    /// From, to or about one of these users.
    pub users: Vec<String>,
    /// Of one of these rooms.
    pub rooms: Vec<String>,
    /// With one of these texts in key or value, whatever the case. What is masked is not found.
    pub texts: Vec<String>,
    /// No older than this.
    pub since: Option<Millis>,
    /// Older than this.
    pub until: Option<Millis>,
}

/// The fields of an envelope, or of a payment record, that are looked at.
#[derive(Default, Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    event_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    correlation_id: Option<Cow<'a, str>>,
}

/// Fields that end as a user's do, and are none.
const NO_USERS: [&str; 10] = [
    "room_id",
    "game_id",
    "event_id",
    "command_id",
    "correlation_id",
    "socket_id",
    "message_id",
    "avatar_id",
    "request_id",
    "connection_id",
];

impl Filter {
    /// Whether the record is what is asked for.
    pub fn matches(&self, record: &Record) -> bool {
        let is_key = |key: &String| key.as_bytes() == record.key;
        let is_timely = self.since.is_none_or(|since| record.timestamp >= since)
            && self.until.is_none_or(|until| record.timestamp < until);
        is_timely
            && (self.keys.is_empty() || self.keys.iter().any(is_key))
            && self.is_named(record)
            && (self.rooms.is_empty() || is_of_room(&self.rooms, record))
            && (self.users.is_empty() || is_of_user(&self.users, record))
            && (self.texts.is_empty() || has_text(&self.texts, record))
    }

    fn is_named(&self, record: &Record) -> bool {
        if self.correlation_ids.is_empty() && self.types.is_empty() {
            return true;
        }
        // Other programs may write records without headers.
        let named: Named<'_> = serde_json::from_slice(&record.payload).unwrap_or_default();
        let header = |name| record.headers.text(name);
        let id = header("correlation_id").or(named.correlation_id.as_deref());
        let event_type = header("event_type").or(named.event_type.as_deref());
        is_one_of(&self.correlation_ids, id, |wanted, id| wanted == id)
            && is_one_of(&self.types, event_type, is_of_type)
    }
}

fn is_one_of(wanted: &[String], found: Option<&str>, fits: impl Fn(&str, &str) -> bool) -> bool {
    let is_found = |found: &str| wanted.iter().any(|wanted| fits(wanted, found));
    wanted.is_empty() || found.is_some_and(is_found)
}

fn is_of_type(wanted: &str, event_type: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(beginning) => event_type.starts_with(beginning),
        None => event_type == wanted,
    }
}

/// Those that stand in key or payload at all, which is cheap to see.
fn standing<'w>(wanted: &'w [String], record: &Record) -> Vec<&'w str> {
    let stands = |wanted: &&String| {
        let wanted = wanted.as_bytes();
        record.key == wanted || memmem::find(&record.payload, wanted).is_some()
    };
    wanted.iter().filter(stands).map(String::as_str).collect()
}

fn is_of_room(wanted: &[String], record: &Record) -> bool {
    let wanted = standing(wanted, record);
    let is_its = |value: &Value| value.as_str().is_some_and(|id| wanted.contains(&id));
    let is_room = |name: &str| matches!(name, "room_id" | "game_id");
    !wanted.is_empty()
        && (wanted.iter().any(|id| id.as_bytes() == record.key)
            || has_field(&value_of(record), &is_room, &is_its))
}

fn is_of_user(wanted: &[String], record: &Record) -> bool {
    let wanted = standing(wanted, record);
    let is_one = |value: &Value| match value {
        Value::String(id) => wanted.contains(&id.as_str()),
        Value::Number(id) => wanted.contains(&id.to_string().as_str()),
        _ => false,
    };
    let is_its = |value: &Value| match value {
        Value::Array(values) => values.iter().any(is_one),
        value => is_one(value),
    };
    let is_user =
        |name: &str| (name.ends_with("_id") || name.ends_with("_ids")) && !NO_USERS.contains(&name);
    !wanted.is_empty()
        && (wanted.iter().any(|id| id.as_bytes() == record.key)
            || has_field(&value_of(record), &is_user, &is_its))
}

fn value_of(record: &Record) -> Value {
    serde_json::from_slice(&record.payload).unwrap_or_default()
}

/// Whether a field of such a name has such a value, however deep.
fn has_field(
    value: &Value,
    is_named: &impl Fn(&str) -> bool,
    is_it: &impl Fn(&Value) -> bool,
) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            is_named(name) && is_it(value) || has_field(value, is_named, is_it)
        }),
        Value::Array(values) => values.iter().any(|value| has_field(value, is_named, is_it)),
        _ => false,
    }
}

fn has_text(wanted: &[String], record: &Record) -> bool {
    let key = String::from_utf8_lossy(&record.key).to_lowercase();
    let value = masked(&record.payload).to_lowercase();
    let mut wanted = wanted.iter().map(|text| text.to_lowercase());
    wanted.any(|text| key.contains(&text) || value.contains(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_backbone::log::{HeadersBuilder, Topic};
    use blazing_sun_domain::Millis;

    fn record(key: &str, headers: &[(&str, &str)], payload: &str) -> Record {
        let mut built = HeadersBuilder::default();
        for (name, value) in headers {
            built.push(name, value);
        }
        Record {
            topic: Topic::new("t"),
            partition: 0,
            offset: 0,
            timestamp: Millis(0),
            key: key.to_owned().into(),
            headers: built.build(),
            payload: payload.to_owned().into(),
        }
    }

    #[test]
    fn all_filters_must_match_each_by_one_value() {
        let by_header = record(
            "room",
            &[("event_type", "a.b.c"), ("correlation_id", "1")],
            "{}",
        );
        let by_payload = record(
            "room",
            &[],
            r#"{"event_type":"a.b.c","correlation_id":"1"}"#,
        );
        let nothing = record("room", &[], "not JSON");
        let texts = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        for (ids, keys, types, fits) in [
            (&[][..], &[][..], &[][..], true),
            (&["1"], &[], &[], true),
            (&["2", "1"], &["x", "room"], &["x", "a.b.c"], true),
            (&["2"], &["room"], &["a.b.c"], false),
            (&["1"], &["roo"], &["a.b.c"], false),
            (&["1"], &["room"], &["a.b"], false),
            (&[], &[], &["a.b*"], true),
            (&[], &[], &["*"], true),
            (&[], &[], &["b*"], false),
        ] {
            let (ids, keys, types) = (texts(ids), texts(keys), texts(types));
            let is_free = ids.is_empty() && types.is_empty();
            let label = format!("{ids:?} {keys:?} {types:?}");
            let filter = Filter {
                correlation_ids: ids,
                keys,
                types,
                ..Filter::default()
            };
            assert_eq!(filter.matches(&by_header), fits, "{label}");
            assert_eq!(filter.matches(&by_payload), fits, "{label}");
            assert_eq!(filter.matches(&nothing), is_free && fits);
        }
    }

    #[test]
    fn users_and_rooms_are_found_wherever_they_stand() {
        let found =
            |filter: &Filter, key: &str, payload: &str| filter.matches(&record(key, &[], payload));
        let users = Filter {
            users: vec!["12".to_owned()],
            ..Filter::default()
        };
        for payload in [
            r#"{"actor":{"user_id":"12"}}"#,
            r#"{"user_id":12,"amount_cents":1}"#,
            r#"{"audience":{"user_ids":["3","12"]}}"#,
            r#"{"payload":{"players":[{"player_id":"12"}]}}"#,
        ] {
            assert!(found(&users, "room", payload), "{payload}");
        }
        assert!(found(&users, "12", "no JSON"));
        for payload in [
            r#"{"actor":{"user_id":"123"}}"#,
            r#"{"payload":{"room_id":"12","roll":12}}"#,
            "12",
        ] {
            assert!(!found(&users, "room", payload), "{payload}");
        }
        let rooms = Filter {
            rooms: vec!["r-1".to_owned()],
            ..Filter::default()
        };
        assert!(found(&rooms, "r-1", ""));
        assert!(found(&rooms, "12", r#"{"audience":{"room_id":"r-1"}}"#));
        assert!(!found(&rooms, "12", r#"{"payload":{"content":"r-1"}}"#));
    }

    #[test]
    fn texts_are_found_in_any_case_and_never_what_is_masked() {
        let texts = |text: &str| Filter {
            texts: vec![text.to_owned()],
            ..Filter::default()
        };
        let sent = record("Key", &[], r#"{"content":"Grüße","password":"hunter2"}"#);
        assert!(texts("grÜße").matches(&sent));
        assert!(texts("key").matches(&sent));
        assert!(!texts("hunter").matches(&sent));
        assert!(!texts("absent").matches(&sent));
    }

    #[test]
    fn times_bound_what_is_found() {
        let at = |at| Record {
            timestamp: Millis(at),
            ..record("k", &[], "{}")
        };
        let filter = Filter {
            since: Some(Millis(5)),
            until: Some(Millis(7)),
            ..Filter::default()
        };
        let found: Vec<i64> = (3..9).filter(|ms| filter.matches(&at(*ms))).collect();
        assert_eq!(found, [5, 6]);
    }
}
