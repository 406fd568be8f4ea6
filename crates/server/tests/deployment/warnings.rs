//! docs/operations.md explains warnings that the program really writes.

use crate::repository;
use std::path::Path;

fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(&path).expect("text"));
        }
    }
}

/// A text in the source may go on in the next line.
fn joined(source: &str) -> String {
    let mut pieces = source.split("\\\n");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.trim_start())
}

#[test]
fn every_warning_that_is_explained_is_in_the_sources() {
    let guide = repository().join("docs/operations.md");
    let guide = std::fs::read_to_string(guide).expect("text");
    let (_, table) = guide
        .split_once("## What the warnings mean")
        .expect("a section");
    let (table, _) = table.split_once("\n## ").expect("a section after it");
    let messages: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(message, _)| message)
        .collect();
    assert!(messages.len() >= 20, "{messages:?}");
    let mut text = String::new();
    for part in ["backbone", "backend", "checkout", "gateway", "server"] {
        sources(
            &repository().join("crates").join(part).join("src"),
            &mut text,
        );
    }
    let text = joined(&text);
    let unknown: Vec<_> = messages
        .iter()
        .filter(|message| !text.contains(**message))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
