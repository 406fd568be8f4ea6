//! TypeScript's types of the schemas that the operations of the HTTP API share.

use super::{HEAD, define, used};
use crate::catalog::Catalog;
use crate::openapi;
use crate::schema::{self, Definitions};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The whole module, of an OpenAPI document. What the messages' module has in the same words is taken from there.
pub(crate) fn module(document: &Value, catalog: &Catalog) -> String {
    let elsewhere: BTreeMap<String, String> = used(catalog)
        .into_iter()
        .filter_map(|name| {
            let text = text_of(&name, catalog.definitions.get(&name)?);
            Some((name, text))
        })
        .collect();
    let mut own = Definitions::new();
    let mut text = String::new();
    for (name, definition) in schemas(document) {
        let defined = text_of(&name, &definition);
        if elsewhere.get(&name) != Some(&defined) {
            text.push_str(&defined);
            own.insert(name, definition);
        }
    }
    let mut imported = schema::needed(&json!(own), &Definitions::new());
    imported.retain(|name| !own.contains_key(name));
    let imported: Vec<String> = imported.into_iter().collect();
    let mut out = HEAD.to_owned();
    if !imported.is_empty() {
        let imported = imported.join(", ");
        let _ = writeln!(
            out,
            "\nimport type {{ {imported} }} from \"./contract.js\";"
        );
    }
    out.push_str(&text);
    out
}

/// The whole module, of an OpenAPI document, that needs no other module.
pub(crate) fn module_alone(document: &Value, catalog: &Catalog) -> String {
    let mut own = schemas(document);
    for name in schema::needed(&json!(own), &catalog.definitions) {
        if !own.contains_key(&name)
            && let Some(definition) = catalog.definitions.get(&name)
        {
            own.insert(name, definition.clone());
        }
    }
    let mut out = HEAD.to_owned();
    for (name, definition) in &own {
        out.push_str(&text_of(name, definition));
    }
    out
}

fn text_of(name: &str, definition: &Value) -> String {
    let mut text = String::new();
    define(&mut text, name, definition);
    text
}

/// The document's schemas, written as the messages' are.
fn schemas(document: &Value) -> Definitions {
    let schemas = document["components"]["schemas"].as_object();
    let mut schemas: Definitions = schemas
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.clone(), schema.clone()))
        .collect();
    for schema in schemas.values_mut() {
        rewrite(schema);
    }
    schemas
}

/// References lead to definitions beside the schema, and instants have their type's name.
fn rewrite(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let in_document = fields.get("$ref").and_then(Value::as_str);
            if let Some(name) = in_document.and_then(openapi::named) {
                let reference = schema::reference(name);
                fields.insert("$ref".to_owned(), reference.into());
            }
            if fields.get("format").is_some_and(|it| it == "date-time") {
                let instant = json!({ "$ref": schema::reference("Timestamp") });
                let choices = match fields.remove("type") {
                    Some(Value::Array(_)) => json!([instant, { "type": "null" }]),
                    _ => json!([instant]),
                };
                fields.insert("anyOf".to_owned(), choices);
            }
            fields.values_mut().for_each(rewrite);
        }
        Value::Array(items) => items.iter_mut().for_each(rewrite),
        _ => {}
    }
}
