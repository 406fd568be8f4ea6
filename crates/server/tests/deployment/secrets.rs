//! Secrets as the script makes them, and that the program takes them with the environment of its services.

use crate::compose::{Compose, keys};
use crate::{deploy, succeeds};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

#[test]
fn secrets_are_files_that_the_script_makes_for_their_readers_alone() {
    let compose = Compose::read();
    let declared = keys(&compose.0["secrets"]);
    let used: BTreeSet<_> = compose
        .services()
        .into_iter()
        .flat_map(|name| compose.list(name, "secrets"))
        .collect();
    assert_eq!(used, declared);
    let folder = made_secrets();
    for name in declared {
        let file = compose.0["secrets"][name]["file"].as_str().expect("a file");
        let file = folder.path().join(file);
        let made = std::fs::metadata(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(made.len() > 0, "{name}");
        let whole = matches!(
            name,
            "keys" | "keys-of-gateways" | "backend.toml" | "checkout.toml"
        );
        let mode = if whole { 0o600 } else { 0o644 };
        assert_eq!(made.permissions().mode() & 0o777, mode, "{name}");
    }
    let secrets = std::fs::metadata(folder.path().join("secrets")).expect("a folder");
    assert_eq!(secrets.permissions().mode() & 0o777, 0o700);

    let before = contents(&folder.path().join("secrets"));
    make_secrets(folder.path());
    assert_eq!(
        contents(&folder.path().join("secrets")),
        before,
        "a second run changes nothing"
    );
    let ignored = std::fs::read_to_string(crate::repository().join(".gitignore")).expect("text");
    assert!(ignored.contains("\n/deploy/secrets/\n") && ignored.contains("\n/deploy/.env\n"));
}

/// The program itself says that it knows every variable and file, and that they belong together.
#[test]
fn the_program_takes_the_environment_of_its_services() {
    let compose = Compose::read();
    let folder = made_secrets();
    let secrets = folder.path().join("secrets");
    for name in [
        "gateway-1",
        "gateway-2",
        "backend-1",
        "backend-2",
        "checkout",
    ] {
        let role = name.split('-').next().expect("a role");
        let mut command = Command::new(blazing_sun_harness::built("blazing-sun"));
        command
            .args(["config", "--json", "--role", role])
            .env_clear();
        for (variable, value) in compose.environment(name) {
            let value = value
                .replace("/run/secrets", secrets.to_str().expect("text"))
                .replace(
                    "${PUBLIC_ORIGIN:-http://localhost:8080}",
                    "http://localhost:8080",
                )
                .replace("${MONEY:-demo}", "demo")
                .replace("${PAYMENTS_PROVIDER:-none}", "stripe");
            assert!(!value.contains("${"), "{variable}: {value}");
            command.env(variable, value);
        }
        let printed = succeeds(&mut command);
        assert!(printed.contains("\"kafka:9094\""), "{printed}");
        assert!(
            !printed.contains(&postgres_password(&secrets)),
            "a password is printed"
        );
        assert_eq!(
            printed.contains("@postgres:5432/blazing_sun"),
            role == "backend",
            "{printed}"
        );
        assert_eq!(
            printed.contains("@postgres-checkout:5432/blazing_sun"),
            role == "checkout",
            "{printed}"
        );
        assert!(!printed.contains("hidden"), "{printed}");
    }
}

fn postgres_password(secrets: &Path) -> String {
    std::fs::read_to_string(secrets.join("postgres")).expect("a password")
}

fn made_secrets() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    make_secrets(folder.path());
    folder
}

fn make_secrets(folder: &Path) {
    succeeds(
        Command::new(deploy("secrets.sh"))
            .env("DEPLOY_DIR", folder)
            .env("STRIPE_SECRET_KEY", "sk_test_hidden")
            .env("STRIPE_WEBHOOK_SECRET", "whsec_hidden")
            .env("BLAZING_SUN_BIN", blazing_sun_harness::built("blazing-sun")),
    );
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let read = entries.map(|entry| {
        let entry = entry.expect("an entry");
        let bytes = std::fs::read(entry.path()).expect("a file");
        (entry.file_name().to_string_lossy().into_owned(), bytes)
    });
    read.collect()
}
