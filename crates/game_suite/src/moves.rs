//! Moves from a game's own schemas, and what nobody's schema allows.

use serde_json::{Map, Value, json};

/// Numbers from a number (SplitMix64): a script's choice decides all that follows from it.
#[derive(Debug, Clone)]
pub(crate) struct Choices(u64);

impl Choices {
    pub fn from(choice: u64) -> Choices {
        Choices(choice)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, count: usize) -> usize {
        (self.next() % count.max(1) as u64) as usize
    }

    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let at = self.below(all.len());
        all.get(at)
    }

    fn odds(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

/// How deep values go that no schema bounds.
const DEPTH_MAX: u32 = 3;

/// A value that the schema allows, as far as it uses the usual keywords.
pub(crate) fn allowed(schema: &Value, choices: &mut Choices) -> Value {
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    for alternatives in ["enum", "oneOf", "anyOf"] {
        let listed = schema.get(alternatives).and_then(Value::as_array);
        if let Some(chosen) = listed.and_then(|listed| choices.one_of(listed)) {
            return match alternatives {
                "enum" => chosen.clone(),
                _ => allowed(chosen, choices),
            };
        }
    }
    if let Some(first) = schema["allOf"].as_array().and_then(|all| all.first()) {
        return allowed(first, choices);
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    match choices.one_of(&kinds).copied() {
        Some("integer") => integer(schema, choices),
        Some("number") => json!(choices.below(2_000) as f64 / 8.0 - 100.0),
        Some("boolean") => choices.odds(2).into(),
        Some("string") => text(choices).into(),
        Some("null") => Value::Null,
        Some("array") => array(schema, choices),
        Some("object") => object(schema, choices),
        _ => anything(choices, DEPTH_MAX),
    }
}

/// Where a range is small, any of it; where it is large, what is usual and what lies at its ends.
fn integer(schema: &Value, choices: &mut Choices) -> Value {
    let least = schema["minimum"].as_i64().unwrap_or(i64::MIN);
    let greatest = schema["maximum"].as_i64().unwrap_or(i64::MAX);
    let (least, greatest) = (i128::from(least), i128::from(greatest));
    if choices.odds(8) {
        return json!([least as i64, greatest as i64][choices.below(2)]);
    }
    let from = least.max(-2).min(greatest);
    let span = (greatest - from + 1).clamp(1, 16);
    json!((from + choices.below(span as usize) as i128) as i64)
}

fn text(choices: &mut Choices) -> String {
    let texts = [
        "",
        "a",
        "rock",
        "0",
        "\u{1f600}\u{202e}",
        "\"}\n\\",
        "é".repeat(300).leak(),
    ];
    texts[choices.below(texts.len())].to_owned()
}

fn array(schema: &Value, choices: &mut Choices) -> Value {
    let least = schema["minItems"].as_u64().unwrap_or(0);
    let greatest = schema["maxItems"]
        .as_u64()
        .unwrap_or(least + 4)
        .min(least + 16);
    let count = least + choices.below((greatest - least + 1) as usize) as u64;
    let each = &schema["items"];
    (0..count).map(|_| allowed(each, choices)).collect()
}

fn object(schema: &Value, choices: &mut Choices) -> Value {
    let required = schema["required"].as_array();
    let mut fields = Map::new();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let is_required = required.is_some_and(|all| all.iter().any(|one| one == name));
        if is_required || choices.odds(2) {
            fields.insert(name.clone(), allowed(field, choices));
        }
    }
    fields.into()
}

fn anything(choices: &mut Choices, depth: u32) -> Value {
    match choices.below(if depth == 0 { 6 } else { 8 }) {
        0 => Value::Null,
        1 => choices.odds(2).into(),
        2 => json!(choices.next() as i64),
        3 => json!([0, -1, 255, 256, i64::MIN, i64::MAX][choices.below(6)]),
        4 => json!(choices.next() as f64 * 1e280),
        5 => text(choices).into(),
        6 => (0..choices.below(4))
            .map(|_| anything(choices, depth - 1))
            .collect(),
        _ => {
            let fields =
                (0..choices.below(4)).map(|_| (text(choices), anything(choices, depth - 1)));
            fields.collect::<Map<_, _>>().into()
        }
    }
}

/// Fields that are wrong in one way or in all.
pub(crate) fn garbage(schema: &Value, choices: &mut Choices) -> Value {
    let mut fields = allowed(schema, choices);
    let Some(known) = fields.as_object_mut().filter(|_| choices.odds(2)) else {
        return anything(choices, DEPTH_MAX);
    };
    let names: Vec<String> = known.keys().cloned().collect();
    match choices.one_of(&names) {
        Some(name) if choices.odds(2) => drop(known.remove(name)),
        Some(name) => drop(known.insert(name.clone(), anything(choices, DEPTH_MAX))),
        None => drop(known.insert(text(choices), anything(choices, DEPTH_MAX))),
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_is_of_the_schema() {
        let schema = json!({
            "type": "object", "required": ["hand", "count"],
            "properties": {
                "hand": { "type": "string", "enum": ["rock", "paper"] },
                "count": { "type": "integer", "minimum": 0, "maximum": 3 },
                "note": { "type": ["string", "null"] },
            },
        });
        let mut seen = std::collections::BTreeSet::new();
        for choice in 0..200 {
            let value = allowed(&schema, &mut Choices::from(choice));
            let count = value["count"].as_i64().unwrap_or(-1);
            assert!((0..=3).contains(&count), "{value}");
            assert!(
                matches!(value["hand"].as_str(), Some("rock" | "paper")),
                "{value}"
            );
            seen.insert((
                count,
                value["hand"].to_string(),
                value.get("note").is_some(),
            ));
        }
        assert_eq!(seen.len(), 16, "every choice is made sometimes");
    }

    #[test]
    fn the_ends_of_a_range_are_tried() {
        let schema = json!({ "type": "integer", "minimum": 0, "maximum": 255 });
        let tried: Vec<_> = (0..500)
            .map(|choice| allowed(&schema, &mut Choices::from(choice)))
            .collect();
        assert!(tried.contains(&json!(0)) && tried.contains(&json!(255)));
    }
}
