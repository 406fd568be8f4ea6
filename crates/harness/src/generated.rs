//! Files that are made from the code: a test holds what is committed against what the code gives, and writes it where
//! `UPDATE_GENERATED` is set, as `make generated` does.

use std::path::{Path, PathBuf};

/// A file of the repository, by its path from the repository's root.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

/// Whether files are to be written.
pub fn is_to_be_written() -> bool {
    std::env::var_os("UPDATE_GENERATED").is_some()
}

/// Holds a whole file against what it has to be.
///
/// # Panics
/// Where it is another, or can not be read or written.
pub fn file(path: &str, wanted: &str) {
    let found = std::fs::read_to_string(repository(path)).unwrap_or_default();
    if found == wanted {
        return;
    }
    assert!(
        is_to_be_written(),
        "{path}: {}; run `make generated`",
        first_difference(&found, wanted)
    );
    let path = repository(path);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).expect("the folder can be made");
    }
    std::fs::write(path, wanted).expect("the file can be written");
}

/// Holds what stands between two lines of a file against what it has to be.
///
/// # Panics
/// As [`file`], and where the lines are not there.
pub fn section(path: &str, begin: &str, end: &str, wanted: &str) {
    let text = std::fs::read_to_string(repository(path)).expect("the file can be read");
    let (before, rest) = text.split_once(begin).expect("the line that begins it");
    let (_, after) = rest.split_once(end).expect("the line that ends it");
    file(path, &format!("{before}{begin}{wanted}{end}{after}"));
}

/// Holds the names in a folder against those that have to be there; others are removed where files are to be written.
///
/// # Panics
/// Where there are others.
pub fn nothing_else_in(folder: &str, wanted: &[&str]) {
    for entry in std::fs::read_dir(repository(folder)).expect("the folder can be read") {
        let entry = entry.expect("the folder can be read");
        if wanted.iter().any(|wanted| entry.file_name() == *wanted) {
            continue;
        }
        let name = entry.file_name();
        assert!(
            is_to_be_written(),
            "{folder}/{}: nothing makes this file; run `make generated`",
            name.display()
        );
        std::fs::remove_file(entry.path()).expect("the file can be removed");
    }
}

fn first_difference(found: &str, wanted: &str) -> String {
    let mut found = found.lines();
    for (at, wanted) in wanted.lines().enumerate() {
        match found.next() {
            Some(line) if line == wanted => {}
            Some(line) => return format!("line {} is `{line}`, not `{wanted}`", at + 1),
            None => return format!("line {} is not there: `{wanted}`", at + 1),
        }
    }
    "it goes on where it should end".to_owned()
}
