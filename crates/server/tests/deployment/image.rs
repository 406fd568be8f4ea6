//! The image: one program with its libraries, for a user who is nobody.

use crate::{deploy, read, succeeds};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn files(folder: &Path, found: &mut Vec<String>, root: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files(&path, found, root),
            false => found.push(
                path.strip_prefix(root)
                    .expect("inside")
                    .display()
                    .to_string(),
            ),
        }
    }
}

#[test]
fn the_image_holds_the_program_with_every_library_and_no_shell() {
    let program = blazing_sun_harness::built("blazing-sun");
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("image");
    succeeds(
        Command::new(deploy("image-root.sh"))
            .arg(&program)
            .arg(&root),
    );
    let mut found = Vec::new();
    files(&root, &mut found, &root);
    let expected = [
        "blazing-sun",
        "etc/passwd",
        "etc/group",
        "etc/ssl/certs/ca-certificates.crt",
    ];
    for name in expected {
        assert!(found.iter().any(|file| file == name), "{name} in {found:?}");
    }
    let others: Vec<_> = found
        .iter()
        .filter(|file| !expected.contains(&file.as_str()) && !file.contains(".so"))
        .collect();
    assert!(others.is_empty(), "{others:?}");

    // Its own loader, with its own folders alone, finds all that the program needs.
    let libraries = found.iter().filter(|file| file.contains(".so"));
    let folders: std::collections::BTreeSet<_> = libraries
        .map(|file| {
            root.join(file)
                .parent()
                .expect("a folder")
                .display()
                .to_string()
        })
        .collect();
    let folders: Vec<_> = folders.into_iter().collect();
    let loader = found
        .iter()
        .find(|file| {
            file.rsplit('/')
                .next()
                .is_some_and(|name| name.starts_with("ld-linux"))
        })
        .expect("a loader");
    let resolved = succeeds(
        Command::new(root.join(loader))
            .args([
                "--inhibit-cache",
                "--library-path",
                &folders.join(":"),
                "--list",
            ])
            .arg(root.join("blazing-sun")),
    );
    for line in resolved.lines().filter(|line| line.contains("=>")) {
        assert!(line.contains(root.to_str().expect("text")), "{line}");
    }
    let mode = std::fs::metadata(root.join("tmp"))
        .expect("a folder")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o1777);
}

#[test]
fn the_image_runs_as_nobody_and_is_built_with_this_compiler() {
    let recipe = read("Dockerfile");
    let (_, last) = recipe.rsplit_once("\nFROM ").expect("stages");
    assert!(last.starts_with("scratch\n"), "{last}");
    assert!(last.contains("\nUSER 10001:10001\n"), "{last}");
    assert!(last.contains("\nENTRYPOINT [\"/blazing-sun\"]\n"), "{last}");
    let toolchain =
        std::fs::read_to_string(crate::repository().join("rust-toolchain.toml")).expect("text");
    let channel = toolchain
        .lines()
        .find_map(|line| line.strip_prefix("channel = \"")?.strip_suffix('"'))
        .expect("a channel");
    let minor = channel.rsplit_once('.').map_or(channel, |(minor, _)| minor);
    assert!(
        recipe.contains(&format!("FROM rust:{channel}-bookworm AS program"))
            || recipe.contains(&format!("FROM rust:{minor}-bookworm AS program")),
        "{channel}"
    );
}
