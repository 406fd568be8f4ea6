//! Fields and their types as people read them.

use crate::schema;
use serde_json::Value;
use std::fmt::Write as _;

/// A heading's address, as code hosts make it.
pub(super) fn anchor(title: &str) -> String {
    title
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// An object's fields as a table, those first that have to be there.
pub(super) fn table(out: &mut String, schema: &Value) {
    out.push_str("| field | type | meaning |\n|---|---|---|\n");
    let properties = schema["properties"].as_object();
    let mut fields: Vec<(&String, &Value)> = properties.into_iter().flatten().collect();
    fields.sort_by_key(|(name, _)| !schema::is_required(schema, name));
    for (name, field) in fields {
        let mark = match schema::is_required(schema, name) {
            true => "",
            false => "?",
        };
        let kind = type_of(field);
        // That it may be left out says so already.
        let kind = match mark {
            "" => kind.as_str(),
            _ => kind.strip_suffix(" or null").unwrap_or(&kind),
        };
        let what = schema::description(field);
        let what = what.replace('\n', " ").replace('|', "\\|");
        let _ = writeln!(out, "| `{name}`{mark} | {kind} | {what} |");
    }
    out.push('\n');
}

/// The texts that a value is one of, each with what it means.
pub(super) fn choices(schema: &Value) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    let plain = schema["enum"].as_array().into_iter().flatten();
    found.extend(plain.map(|literal| (plain_text(literal), "")));
    for choice in schema["oneOf"].as_array().into_iter().flatten() {
        match choice.get("const") {
            Some(literal) => found.push((plain_text(literal), schema::description(choice))),
            None => found.extend(choices(choice)),
        }
    }
    found
}

fn plain_text(literal: &Value) -> String {
    match literal.as_str() {
        Some(text) => text.to_owned(),
        None => literal.to_string(),
    }
}

/// A value's type in words, with links to named types.
pub(super) fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(schema::named) {
        return match name {
            "RefusalCode" | "GatewayCode" => "[code](#error-codes)".to_owned(),
            _ => format!("[{name}](#{})", anchor(name)),
        };
    }
    if let Some(literal) = schema.get("const") {
        return format!("`{literal}`");
    }
    let literals = choices(schema);
    if !literals.is_empty() {
        let literals: Vec<String> = literals.iter().map(|(it, _)| format!("`{it}`")).collect();
        return literals.join(" or ");
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[key].as_array() {
            let types: Vec<String> = choices.iter().map(type_of).collect();
            return types.join(" or ");
        }
    }
    match &schema["type"] {
        Value::String(kind) => named_kind(kind, schema),
        Value::Array(kinds) => {
            let kinds = kinds.iter().filter_map(Value::as_str);
            let types: Vec<String> = kinds.map(|kind| named_kind(kind, schema)).collect();
            types.join(" or ")
        }
        _ => "any value".to_owned(),
    }
}

fn named_kind(kind: &str, schema: &Value) -> String {
    match kind {
        "string" => match schema["format"].as_str() {
            Some("uuid") => "UUID".to_owned(),
            _ => "text".to_owned(),
        },
        "integer" => bounded("whole number", schema),
        "number" => "number".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" => match schema["prefixItems"].as_array() {
            Some(items) => {
                let items: Vec<String> = items.iter().map(type_of).collect();
                format!("\\[{}\\]", items.join(", "))
            }
            None => format!("list of {}", type_of(&schema["items"])),
        },
        other => other.to_owned(),
    }
}

fn bounded(kind: &str, schema: &Value) -> String {
    match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
        (Some(min), Some(max)) if max < 1 << 32 => format!("{kind}, {min} to {max}"),
        _ => kind.to_owned(),
    }
}
