//! Which records are printed: all filters must match, each by one of its values.

use crate::cli::TailArgs;
use blazing_sun_backbone::log::Record;
use serde::Deserialize;
use std::borrow::Cow;

/// What a record must be.
pub(super) struct Filter<'a> {
    correlation_ids: &'a [String],
    keys: &'a [String],
    types: &'a [String],
}

/// The fields of an envelope, or of a payment record, that are looked at.
#[derive(Default, Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    event_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    correlation_id: Option<Cow<'a, str>>,
}

impl Filter<'_> {
    pub(super) fn of(args: &TailArgs) -> Filter<'_> {
        Filter {
            correlation_ids: &args.correlation_ids,
            keys: &args.keys,
            types: &args.types,
        }
    }

    pub(super) fn matches(&self, record: &Record) -> bool {
        let is_key = |key: &String| key.as_bytes() == record.key;
        if !self.keys.is_empty() && !self.keys.iter().any(is_key) {
            return false;
        }
        if self.correlation_ids.is_empty() && self.types.is_empty() {
            return true;
        }
        // Other programs may write records without headers.
        let named: Named<'_> = serde_json::from_slice(&record.payload).unwrap_or_default();
        let header = |name| record.headers.text(name);
        let id = header("correlation_id").or(named.correlation_id.as_deref());
        let event_type = header("event_type").or(named.event_type.as_deref());
        is_one_of(self.correlation_ids, id, |wanted, id| wanted == id)
            && is_one_of(self.types, event_type, is_of_type)
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
            let filter = Filter {
                correlation_ids: &ids,
                keys: &keys,
                types: &types,
            };
            assert_eq!(
                filter.matches(&by_header),
                fits,
                "{ids:?} {keys:?} {types:?}"
            );
            assert_eq!(
                filter.matches(&by_payload),
                fits,
                "{ids:?} {keys:?} {types:?}"
            );
            let is_free = ids.is_empty() && types.is_empty();
            assert_eq!(filter.matches(&nothing), is_free && fits);
        }
    }
}
