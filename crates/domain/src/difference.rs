//! Where two JSON values differ, in words.

use serde_json::Value;

/// `payload.roll is 6, must be 3`, for the first field that differs.
pub fn first_difference(right: &Value, is: &Value) -> Option<String> {
    differing("", right, is)
}

fn differing(at: &str, right: &Value, is: &Value) -> Option<String> {
    match (right, is) {
        (Value::Object(one), Value::Object(other)) => {
            let names = one
                .keys()
                .chain(other.keys().filter(|name| !one.contains_key(*name)));
            names.into_iter().find_map(|name| {
                let dot = if at.is_empty() { "" } else { "." };
                let at = format!("{at}{dot}{name}");
                match (one.get(name), other.get(name)) {
                    (Some(right), Some(is)) => differing(&at, right, is),
                    (Some(_), None) => Some(format!("{at} is missing")),
                    (None, _) => Some(format!("{at} must not be there")),
                }
            })
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let mut pairs = one.iter().zip(other).enumerate();
            pairs.find_map(|(index, (right, is))| differing(&format!("{at}[{index}]"), right, is))
        }
        _ => (right != is).then(|| format!("{at} is {is}, must be {right}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_field_that_differs_is_named() {
        let right = json!({ "a": [1, { "b": "x" }], "c": null });
        let of = |is: Value| first_difference(&right, &is);
        assert_eq!(of(right.clone()), None);
        let named = [
            (
                json!({ "a": [1, { "b": "y" }], "c": null }),
                r#"a[1].b is "y", must be "x""#,
            ),
            (
                json!({ "a": [1], "c": null }),
                r#"a is [1], must be [1,{"b":"x"}]"#,
            ),
            (json!({ "a": [1, { "b": "x" }] }), "c is missing"),
            (
                json!({ "a": [1, { "b": "x" }], "c": null, "d": 1 }),
                "d must not be there",
            ),
            (
                json!({ "a": [1, { "b": "x" }], "c": false }),
                "c is false, must be null",
            ),
        ];
        for (is, words) in named {
            assert_eq!(of(is).as_deref(), Some(words));
        }
    }
}
