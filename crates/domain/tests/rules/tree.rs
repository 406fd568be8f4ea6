//! What the rules must not reach.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

fn cargo(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    let output = command
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let output = output.expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("cargo speaks UTF-8")
}

/// Names of all packages that `root` needs to be built, without tests.
fn normal_dependencies(root: &str) -> BTreeSet<String> {
    // For the host alone: other platforms' packages need not be there.
    let about = cargo(&["--version", "--verbose"]);
    let host = about
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("a host");
    let metadata = cargo(&["metadata", "--format-version=1", "--filter-platform", host]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let list = |value: &serde_json::Value| value.as_array().unwrap().clone();
    let names: BTreeMap<String, String> = list(&metadata["packages"])
        .iter()
        .map(|p| {
            (
                p["id"].as_str().unwrap().into(),
                p["name"].as_str().unwrap().into(),
            )
        })
        .collect();
    let nodes: BTreeMap<String, Vec<String>> = list(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| {
            let normal = list(&node["deps"]).into_iter().filter(|dependency| {
                list(&dependency["dep_kinds"])
                    .iter()
                    .any(|kind| kind["kind"].is_null())
            });
            let ids = normal.map(|dependency| dependency["pkg"].as_str().unwrap().to_owned());
            (node["id"].as_str().unwrap().to_owned(), ids.collect())
        })
        .collect();
    let start = names
        .iter()
        .find(|(_, name)| *name == root)
        .map(|(id, _)| id.clone());
    let mut waiting = vec![start.unwrap_or_else(|| panic!("no package {root}"))];
    let mut found = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if found.insert(names[&id].clone()) {
            waiting.extend(nodes[&id].iter().cloned());
        }
    }
    found
}

#[test]
fn the_rules_reach_no_runtime_and_no_storage() {
    let reached = normal_dependencies("blazing-sun-domain");
    assert!(
        reached.contains("serde_json"),
        "the search finds what is there"
    );
    for banned in [
        "tokio",
        "rusqlite",
        "tokio-postgres",
        "rdkafka",
        "tracing",
        "axum",
    ] {
        assert!(!reached.contains(banned), "domain reaches {banned}");
    }
}

#[test]
fn the_search_finds_what_it_looks_for() {
    assert!(normal_dependencies("blazing-sun-server").contains("tokio"));
}
