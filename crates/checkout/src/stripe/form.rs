//! Parameters as Stripe takes them: `application/x-www-form-urlencoded`, with what is nested in brackets.

use serde_json::Value;

/// An object's members, encoded; null is left out.
pub(super) fn encode(parameters: &Value) -> String {
    let mut out = form_urlencoded::Serializer::new(String::new());
    if let Value::Object(members) = parameters {
        for (name, value) in members {
            put(&mut out, name, value);
        }
    }
    out.finish()
}

fn put(out: &mut form_urlencoded::Serializer<'_, String>, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::String(text) => {
            out.append_pair(name, text);
        }
        Value::Bool(_) | Value::Number(_) => {
            out.append_pair(name, &value.to_string());
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                put(out, &format!("{name}[{at}]"), item);
            }
        }
        Value::Object(members) => {
            for (member, value) in members {
                put(out, &format!("{name}[{member}]"), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_nested_stands_in_brackets() {
        let parameters = json!({
            "mode": "payment",
            "line_items": [{ "quantity": 1, "price_data": { "unit_amount": 2500 } }],
            "nothing": null,
            "url": "https://a.example/?s={ID}&x=ü",
            "expand": ["a.b"],
            "live": true,
        });
        let mut pairs: Vec<(String, String)> =
            form_urlencoded::parse(encode(&parameters).as_bytes())
                .into_owned()
                .collect();
        pairs.sort();
        let expected = [
            ("expand[0]", "a.b"),
            ("line_items[0][price_data][unit_amount]", "2500"),
            ("line_items[0][quantity]", "1"),
            ("live", "true"),
            ("mode", "payment"),
            ("url", "https://a.example/?s={ID}&x=ü"),
        ];
        let expected: Vec<_> = expected
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        assert_eq!(pairs, expected);
        assert_eq!(encode(&json!({ "a": ["&="] })), "a%5B0%5D=%26%3D");
    }
}
