//! JSON Schemas as values: an object's fields put together, and with it the definitions that it needs.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Definitions by name.
pub(crate) type Definitions = BTreeMap<String, Value>;

const IN_FILE: &str = "#/$defs/";

/// The dialect that all schemas are written in.
pub(crate) const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// An object that has the fields of all of these, those of the first first; of a field that several have the last counts.
pub(crate) fn merged(description: &str, parts: &[&Value]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for part in parts {
        for (name, field) in part["properties"].as_object().into_iter().flatten() {
            properties.insert(name.clone(), field.clone());
        }
        for name in part["required"].as_array().into_iter().flatten() {
            if !required.contains(name) {
                required.push(name.clone());
            }
        }
    }
    let mut object = json!({ "type": "object", "properties": properties });
    if !description.is_empty() {
        object["description"] = description.into();
    }
    if !required.is_empty() {
        object["required"] = required.into();
    }
    object
}

/// What a schema says of itself.
pub(crate) fn description(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

/// An object's schema less some fields.
pub(crate) fn without(schema: &Value, is_left_out: impl Fn(&str) -> bool) -> Value {
    let mut schema = schema.clone();
    if let Some(properties) = properties_mut(&mut schema) {
        properties.retain(|name, _| !is_left_out(name));
    }
    if let Some(required) = list_mut(&mut schema, "required") {
        required.retain(|name| !name.as_str().is_some_and(&is_left_out));
    }
    schema
}

/// From now on the field has to be there.
pub(crate) fn require(schema: &mut Value, field: &str) {
    match list_mut(schema, "required") {
        Some(required) if required.iter().any(|name| name == field) => {}
        Some(required) => required.push(field.into()),
        None => schema["required"] = json!([field]),
    }
}

/// Whether an object's field has to be there.
pub(crate) fn is_required(schema: &Value, field: &str) -> bool {
    let required = schema["required"].as_array();
    required.is_some_and(|required| required.iter().any(|name| name == field))
}

/// What this program leaves out where there is nothing is never null.
pub(crate) fn left_out_is_not_null(schema: &mut Value) {
    let required = schema["required"].clone();
    let is_required = |name: &str| {
        let required = required.as_array();
        required.is_some_and(|required| required.iter().any(|field| field == name))
    };
    for (name, field) in properties_mut(schema).into_iter().flatten() {
        if !is_required(name) {
            no_null(field);
        }
    }
}

fn properties_mut(schema: &mut Value) -> Option<&mut Map<String, Value>> {
    schema.get_mut("properties")?.as_object_mut()
}

fn list_mut<'a>(schema: &'a mut Value, key: &str) -> Option<&'a mut Vec<Value>> {
    schema.get_mut(key)?.as_array_mut()
}

fn no_null(field: &mut Value) {
    if let Some(kinds) = list_mut(field, "type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = &kinds[..] {
            field["type"] = kind.clone();
        }
    }
    let Some(choices) = list_mut(field, "anyOf") else {
        return;
    };
    choices.retain(|choice| choice["type"] != "null");
    if let [Value::Object(only)] = &choices[..] {
        let only = only.clone();
        if let Some(field) = field.as_object_mut() {
            field.remove("anyOf");
            field.extend(only);
        }
    }
}

/// The names of the definitions that a schema needs, and those that they need.
pub(crate) fn needed(schema: &Value, definitions: &Definitions) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(name) = fields.get("$ref").and_then(Value::as_str).and_then(named)
                    && found.insert(name.to_owned())
                {
                    open.extend(definitions.get(name));
                }
                open.extend(fields.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}

/// The definition that a reference names.
pub(crate) fn named(reference: &str) -> Option<&str> {
    reference.strip_prefix(IN_FILE)
}

/// What refers to a definition by its name.
pub(crate) fn reference(name: &str) -> String {
    format!("{IN_FILE}{name}")
}

/// A schema that needs nothing beside it.
pub(crate) fn standalone(title: &str, schema: &Value, definitions: &Definitions) -> Value {
    let mut whole = json!({ "$schema": DIALECT, "title": title });
    for (key, value) in schema.as_object().into_iter().flatten() {
        whole[key] = value.clone();
    }
    let needed: Map<String, Value> = needed(schema, definitions)
        .into_iter()
        .filter_map(|name| Some((name.clone(), definitions.get(&name)?.clone())))
        .collect();
    if !needed.is_empty() {
        whole["$defs"] = needed.into();
    }
    whole
}
