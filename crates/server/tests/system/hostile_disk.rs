//! Data directories that cannot be used, are damaged, of a newer program, or full: named, or lived through.

use blazing_sun_harness::{
    Client, DEADLINE, Launch, TestServer, built, program, text, whole_game, within,
};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Instant;
use tokio::io::{AsyncBufReadExt, BufReader};

const DATABASE: &str = "blazing-sun.db";

/// What `serve` says where it cannot start.
async fn refusal_to_serve(fault: &str, data_dir: &Path, listen: &str) -> String {
    let data_dir = data_dir.to_str().expect("a path");
    let arguments = ["serve", "--listen", listen, "--data-dir", data_dir];
    let what = format!("the end of a server with {fault}");
    let output = within(&what, program(&arguments).output())
        .await
        .expect("an output");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    // Other keys have to be named; everything else may be well another time.
    let code = if fault.contains("keys") { 2 } else { 1 };
    assert_eq!(output.status.code(), Some(code), "{fault}: {error}");
    assert!(!error.contains("panicked"), "{error}");
    error
}

/// A folder that a server has worked in and left.
async fn used_folder() -> (TestServer, PathBuf) {
    let mut server = TestServer::start().await;
    whole_game(&server).await;
    server.terminate().await;
    let data_dir = server.data_dir();
    // What stands in the write-ahead log would make good what a test breaks in the file.
    let database = Connection::open(data_dir.join(DATABASE)).expect("a database");
    database
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .expect("one file");
    (server, data_dir)
}

fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("copied");
    }
    copy
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_used_is_named_with_why() {
    let (_server, used) = used_folder().await;
    let secret = fs::read_to_string(used.join("keys")).expect("the keys");
    let secret = secret.split("\"seed\": \"").nth(1).expect("a seed")[..20].to_owned();
    let change = |what: &dyn Fn(&Path)| {
        let copy = copy_of(&used);
        what(copy.path());
        copy
    };
    let cut_to = |name: &'static str, share: u64| {
        move |folder: &Path| {
            let file = fs::File::options().write(true).open(folder.join(name));
            let file = file.expect("a file");
            let length = file.metadata().expect("its length").len();
            file.set_len(length * share / 100).expect("cut");
        }
    };
    let sql = |statement: &'static str| {
        move |folder: &Path| {
            let connection = Connection::open(folder.join(DATABASE)).expect("a database");
            connection.execute_batch(statement).expect("changed");
        }
    };
    let replace = |name: &'static str, bytes: &'static [u8]| {
        move |folder: &Path| fs::write(folder.join(name), bytes).expect("written")
    };
    let later = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
                 VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')";
    for (fault, folder, parts) in [
        (
            "keys that are none",
            change(&replace("keys", b"hunter2")),
            &["keys file", "not valid"][..],
        ),
        (
            "empty keys",
            change(&replace("keys", b"")),
            &["keys file", "not valid"],
        ),
        (
            "keys cut in half",
            change(&cut_to("keys", 50)),
            &["keys file", "not valid"],
        ),
        (
            "keys that others can read",
            change(&|folder| {
                let open = fs::Permissions::from_mode(0o644);
                fs::set_permissions(folder.join("keys"), open).expect("opened");
            }),
            &["keys file", "chmod 600"],
        ),
        (
            "keys that are a folder",
            change(&|folder| {
                fs::remove_file(folder.join("keys")).expect("removed");
                fs::create_dir(folder.join("keys")).expect("made");
                fs::set_permissions(folder.join("keys"), fs::Permissions::from_mode(0o700))
                    .expect("closed");
            }),
            &["keys file"],
        ),
        (
            "a database that is none",
            change(&replace(DATABASE, &[b'x'; 9_000])),
            &[DATABASE, "not a database"],
        ),
        (
            "half a database",
            change(&cut_to(DATABASE, 50)),
            &[DATABASE, "malformed"],
        ),
        (
            "a database of a newer program",
            change(&sql(later)),
            &[DATABASE, "newer"],
        ),
        (
            "a deployment of another money",
            change(&sql(
                "UPDATE deployment SET value = 'demo usd' WHERE name = 'money'",
            )),
            &[DATABASE, "usd"],
        ),
        (
            "a lock that is a folder",
            change(&|folder| {
                fs::remove_file(folder.join("lock")).expect("removed");
                fs::create_dir(folder.join("lock")).expect("made");
            }),
            &["cannot write to the data directory"],
        ),
    ] {
        let error = refusal_to_serve(fault, folder.path(), "127.0.0.1:0").await;
        for part in parts {
            assert!(error.contains(part), "{fault}: {error} lacks {part}");
        }
        assert!(
            !error.contains("hunter2") && !error.contains(&secret),
            "{error}"
        );
    }
    // Nobody can write there, root neither.
    let error = refusal_to_serve("no right to write", Path::new("/proc"), "127.0.0.1:0").await;
    assert!(
        error.contains("cannot write to the data directory /proc"),
        "{error}"
    );
    let error = refusal_to_serve(
        "no right to make it",
        Path::new("/proc/nowhere"),
        "127.0.0.1:0",
    )
    .await;
    assert!(
        error.contains("cannot create the data directory /proc/nowhere"),
        "{error}"
    );
}

#[tokio::test]
async fn a_folder_or_port_in_use_is_named_and_its_server_serves_on() {
    let server = TestServer::start().await;
    let error = refusal_to_serve("a folder in use", &server.data_dir(), "127.0.0.1:0").await;
    assert!(error.contains("in use by another process"), "{error}");
    let folder = tempfile::tempdir().expect("a folder");
    let address = server.address().to_string();
    let error = refusal_to_serve("a port in use", folder.path(), &address).await;
    assert!(
        error.contains(&address) && error.contains("--listen"),
        "{error}"
    );
    server.guest().await;
}

/// Runs a tool to its end: it may fail, but by an error.
async fn ends_well(arguments: &[&str], folder: &Path) -> Output {
    let mut command = program(arguments);
    let output = within(arguments[0], command.arg("--data-dir").arg(folder).output()).await;
    let output = output.expect("an output");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code().is_some_and(|code| code < 100),
        "{arguments:?}: {error}"
    );
    assert!(!error.contains("panicked"), "{arguments:?}: {error}");
    assert!(output.status.success() || !error.is_empty() || !output.stdout.is_empty());
    output
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flipped_bits_are_errors_or_found_by_the_audit_and_never_a_panic() {
    let (_server, used) = used_folder().await;
    let length = fs::metadata(used.join(DATABASE)).expect("a database").len();
    let mut random = 0x5eed_u64;
    for round in 0..12 {
        let copy = copy_of(&used);
        let path = copy.path().join(DATABASE);
        let mut bytes = fs::read(&path).expect("a database");
        for _ in 0..=round {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            bytes[((random >> 20) % length) as usize] ^= 1 << (random >> 17 & 7);
        }
        fs::write(&path, bytes).expect("written");
        ends_well(&["audit"], copy.path()).await;
        ends_well(
            &["tail", "games.events", "--from-beginning", "--until-end"],
            copy.path(),
        )
        .await;
        starts_or_says_why(copy.path()).await;
    }
}

async fn starts_or_says_why(folder: &Path) {
    let mut command = program(&["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    command
        .arg(folder)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let line = within("an address or the end", lines.next_line()).await;
    if line.expect("readable output").is_some() {
        within("its end", child.kill()).await.expect("killed");
    }
    let output = within("its end", child.wait_with_output())
        .await
        .expect("an output");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!error.contains("panicked"), "{error}");
    assert!(output.status.code().is_none_or(|code| code == 1), "{error}");
}

/// How the disk is filled, and freed again.
enum Disk {
    /// The process may write no further into any file.
    FileSize,
    /// A small file system of its own with a file that takes all that is left.
    Small(PathBuf),
}

impl Disk {
    /// Every kind that this machine can do.
    fn kinds() -> Vec<Disk> {
        let mount = tempfile::tempdir().expect("a folder").keep();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m", "none"])
            .arg(&mount)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            vec![Disk::FileSize, Disk::Small(mount)]
        } else {
            fs::remove_dir(&mount).expect("removed");
            vec![Disk::FileSize]
        }
    }

    fn fill(&self, server: &TestServer) {
        match self {
            Disk::FileSize => server.limit_file_size(Some(1)),
            Disk::Small(mount) => {
                let ballast = fs::File::create(mount.join("ballast")).expect("a file");
                let mut ballast = std::io::BufWriter::with_capacity(512, ballast);
                while std::io::Write::write_all(&mut ballast, &[0; 512]).is_ok() {}
            }
        }
    }

    fn free(&self, server: &TestServer) {
        match self {
            Disk::FileSize => server.limit_file_size(None),
            Disk::Small(mount) => fs::remove_file(mount.join("ballast")).expect("removed"),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Disk::Small(mount) = self {
            let _ = std::process::Command::new("umount")
                .arg("-l")
                .arg(&*mount)
                .output();
            let _ = fs::remove_dir(mount);
        }
    }
}

/// The program with an error where a file may not grow, as on a full disk, and not the signal that ends it.
fn outliving_a_full_disk(folder: &Path) -> PathBuf {
    let script = folder.join("serve");
    let program = built("blazing-sun");
    let text = format!(
        "#!/bin/sh\ntrap '' XFSZ\nexec '{}' \"$@\"\n",
        program.display()
    );
    fs::write(&script, text).expect("written");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).expect("made a program");
    script
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_and_loses_nothing_and_goes_on_when_there_is_room() {
    for disk in Disk::kinds() {
        let folder = match &disk {
            Disk::FileSize => None,
            Disk::Small(mount) => Some(mount.clone()),
        };
        let scripts = tempfile::tempdir().expect("a folder");
        let launch = Launch {
            program: Some(outliving_a_full_disk(scripts.path())),
            data_dir: folder,
            ..Launch::default()
        };
        let mut server = TestServer::launch(launch).await;
        let mut client = Client::sign_in(&server, &server.guest().await).await;
        let before = client.create_room("before").await;
        disk.fill(&server);
        let name = json!({ "game_type": "bigger_dice", "room_name": "during" });
        let deadline = Instant::now() + DEADLINE;
        // Room that was set aside in the database's files may take some more.
        let refused = loop {
            assert!(Instant::now() < deadline, "nothing is refused");
            let id = client
                .command("create_room", name.clone())
                .await
                .to_string();
            let answer = client
                .until("an answer", |frame| {
                    frame["command_id"] == id.as_str() || frame["correlation_id"] == id.as_str()
                })
                .await;
            if answer["type"] == "system.error" {
                break answer;
            }
            if answer["code"] == "too_many_rooms" {
                panic!("nothing is refused: {answer}");
            }
        };
        assert_eq!(refused["code"], "unavailable", "{refused}");
        client.send(json!({ "type": "system.heartbeat" })).await;
        client.event("system.heartbeat_ack").await;
        let guest = server.http().post(server.url("/api/v1/auth/guest")).send();
        let problem = guest.await.expect("an answer");
        assert_eq!(problem.status(), 503);
        let problem: Value = problem.json().await.expect("JSON");
        assert_eq!(problem["code"], "unavailable", "{problem}");
        assert_eq!(
            server.balance_cents(&client.guest).await,
            client.guest.balance_cents
        );

        disk.free(&server);
        let deadline = Instant::now() + DEADLINE;
        loop {
            assert!(
                Instant::now() < deadline,
                "it does not go on: {}",
                server.log()
            );
            let id = client
                .command("leave_room", json!({ "room_id": before }))
                .await
                .to_string();
            let answer = client
                .until("an answer", |frame| {
                    frame["type"] != "system.ack"
                        && (frame["command_id"] == id.as_str()
                            || frame["correlation_id"] == id.as_str())
                })
                .await;
            if answer["code"] != "unavailable" {
                assert_ne!(text(&answer["type"]), "games.event.error", "{answer}");
                break;
            }
        }
        assert_eq!(server.audit().await["clean"], true);
        server.kill().await;
        server.restart().await;
        server.guest().await;
        assert_eq!(server.audit().await["clean"], true);
    }
}
