//! Every file that is made from the contract.

use crate::catalog::Catalog;
use crate::openapi;
use crate::typescript;
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
    files.insert(
        "docs/contract/openapi.json".to_owned(),
        pretty(&openapi::document()),
    );
    for message in catalog.messages() {
        let schema = catalog.frame_schema(message);
        files.insert(
            format!("docs/contract/schemas/{}.json", message.name),
            pretty(&schema),
        );
    }
    files
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("JSON values serialise");
    text.push('\n');
    text
}
