//! Every file that is made from the contract.

use crate::catalog::{Catalog, Flow};
use crate::{asyncapi, openapi, outcomes, protocol, text, typescript};
use serde_json::Value;
use std::collections::BTreeMap;

/// The files' content by their path from the repository's root.
pub fn files() -> BTreeMap<String, String> {
    let catalog = Catalog::of_the_program();
    let mut files = BTreeMap::new();
    files.insert(
        "web/sdk/src/generated/contract.ts".to_owned(),
        typescript::module(&catalog),
    );
    let document = openapi::document();
    files.insert(
        "web/sdk/src/generated/rest.ts".to_owned(),
        typescript::rest::module(&document, &catalog),
    );
    files.insert("docs/protocol.md".to_owned(), protocol::page(&catalog));
    files.insert(
        "docs/contract/asyncapi.json".to_owned(),
        text::document(&asyncapi::document(&catalog)),
    );
    files.insert(
        "docs/contract/openapi.json".to_owned(),
        text::document(&document),
    );
    let of_operators = openapi::operators_document();
    files.insert(
        "docs/contract/openapi-operators.json".to_owned(),
        text::document(&of_operators),
    );
    files.insert(
        "web/console/src/generated/rest.ts".to_owned(),
        typescript::rest::module_alone(&of_operators, &catalog),
    );
    let mut add = |name: &str, schema: &Value| {
        files.insert(
            format!("docs/contract/schemas/{name}.json"),
            text::document(schema),
        );
    };
    add("envelope", &catalog.envelope_schema());
    for record in catalog.records() {
        add(record.topic, &catalog.plain_schema(record));
    }
    for message in catalog.messages() {
        let mut schema = match message.is_on_the_socket() {
            true => catalog.frame_schema(message),
            false => catalog.record_schema(message),
        };
        if message.flow == Flow::Command {
            schema["x-refusals"] = outcomes::refusals(&message.name).into();
        }
        add(&message.name, &schema);
        for other in &message.other_names {
            let mut schema = schema.clone();
            schema["title"] = other.as_str().into();
            schema["properties"]["type"]["const"] = other.as_str().into();
            add(other, &schema);
        }
    }
    files
}
