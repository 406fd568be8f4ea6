//! What keeps a server's folder well: backups and the way back, migrations, and what `doctor` finds.

use crate::users::{answer, refusal};
use blazing_sun_harness::{Launch, TestServer, program, text, tool, whole_game, within};
use rusqlite::Connection;
use serde_json::Value;
use std::fs::{File, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

fn mode(path: &Path) -> u32 {
    let metadata = std::fs::metadata(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    metadata.permissions().mode() & 0o777
}

async fn run(arguments: &[&str]) -> Output {
    within(arguments[0], program(arguments).output())
        .await
        .expect("an output")
}

/// The same, where no file may grow beyond 64 KiB: a longer one fails to be written, or ends the program.
async fn run_without_room(is_killed: bool, arguments: &[&str]) -> Output {
    let program = program(&[]).as_std().get_program().to_owned();
    let trap = if is_killed { "" } else { "trap '' XFSZ; " };
    let script = format!("ulimit -c 0; ulimit -f 64; {trap}exec \"$0\" \"$@\"");
    let mut command = tokio::process::Command::new("bash");
    command.args(["-c", &script]).arg(program).args(arguments);
    within(arguments[0], command.output())
        .await
        .expect("an output")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path")
}

fn restoring<'a>(backup: &'a Path, into: &'a Path) -> [&'a str; 5] {
    ["restore", "--from", path(backup), "--data-dir", path(into)]
}

/// What operators' actions of a kind have come to: who, and with what detail.
fn rows_of(data_dir: &Path, action: &str) -> Vec<String> {
    let database = Connection::open(data_dir.join("blazing-sun.db")).expect("the database");
    let query = "SELECT outcome || ' ' || operator || ' ' || detail FROM operator_log WHERE action = ?1 ORDER BY id";
    let mut statement = database.prepare(query).expect(query);
    let rows = statement
        .query_map([action], |row| row.get(0))
        .expect(query);
    rows.collect::<Result<_, _>>().expect(query)
}

#[tokio::test]
async fn a_backup_of_a_running_server_becomes_a_server_again() {
    let server = TestServer::start().await;
    let guest = server.guest().await;
    whole_game(&server).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (backup, restored) = (folder.path().join("backup"), folder.path().join("restored"));
    let arguments = ["backup", "--with-keys", "--into", path(&backup)];
    let told = answer(&arguments, &server.data_dir()).await;
    let files = told["backup"]["files"].as_array().expect("files").clone();
    assert!(files.len() >= 3, "{told}");
    assert_eq!(mode(&backup), 0o700);
    for file in &files {
        assert_eq!(mode(&backup.join(text(&file["name"]))), 0o600, "{file}");
    }
    let rows = rows_of(&server.data_dir(), "backup");
    assert!(
        rows[0].starts_with("asked cli:") && rows[0].contains("\"with_keys\":true"),
        "{rows:?}"
    );
    assert!(
        rows[1].starts_with("done cli:") && rows.len() == 2,
        "{rows:?}"
    );
    assert_eq!(
        rows_of(&backup, "backup").len(),
        1,
        "made of what was asked for"
    );
    // What comes after it is not in it.
    let late = server.guest().await;

    let arguments = restoring(&backup, &restored);
    let output = run(&[&arguments[..], &["--json"]].concat()).await;
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(output.status.success() && told["clean"] == true, "{told}");
    assert_eq!(mode(&restored), 0o700);
    assert_eq!(mode(&restored.join("keys")), 0o600);
    let rows = rows_of(&restored, "restore");
    assert!(
        rows[0].starts_with("asked ") && rows[1].starts_with("done "),
        "{rows:?}"
    );
    let launch = Launch {
        data_dir: Some(restored.clone()),
        ..Launch::default()
    };
    let again = TestServer::launch(launch).await;
    assert_eq!(
        answer(&["user", "show", &guest.user_id], &restored).await["balance_cents"],
        5_000
    );
    assert_eq!(
        refusal(&["user", "show", &late.user_id], &restored).await.0,
        "user_not_found"
    );
    whole_game(&again).await;
    assert_eq!(again.audit().await["clean"], true);

    let refused = run(&arguments).await;
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{error}");
    assert!(error.contains("has something in it"), "{error}");
}

#[tokio::test]
async fn a_backup_that_was_touched_or_is_of_a_newer_program_is_not_restored() {
    let mut server = TestServer::start().await;
    whole_game(&server).await;
    server.terminate().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (backup, into) = (folder.path().join("backup"), folder.path().join("restored"));
    let output = tool(&["backup", "--into", path(&backup)], &server.data_dir()).await;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && told.contains("without the keys"),
        "{told}"
    );
    assert!(!backup.join("keys").exists());

    let restore = restoring(&backup, &into);
    let refused = async |why: &str| {
        let output = run(&restore).await;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(why), "{why}: {error}");
        assert!(!into.exists(), "{why}");
    };
    let (manifest, database) = (backup.join("backup.json"), backup.join("blazing-sun.db"));
    let whole = std::fs::read_to_string(&manifest).expect("a manifest");
    let mut newer: Value = serde_json::from_str(&whole).expect("JSON");
    newer["schema"] = 999.into();
    std::fs::write(&manifest, newer.to_string()).expect("written");
    refused("of a newer program").await;
    std::fs::write(
        &manifest,
        whole.replace("blazing-sun.db", "../blazing-sun.db"),
    )
    .expect("written");
    refused("is no backup").await;
    std::fs::write(&manifest, &whole).expect("written");

    let mut bytes = std::fs::read(&database).expect("the copy");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&database, &bytes).expect("written");
    refused("its checksum differs").await;
    bytes[middle] ^= 1;
    std::fs::write(&database, &bytes).expect("written");

    let output = run_without_room(false, &restore).await;
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("cannot write"), "{error}");
    assert!(!into.exists(), "as it was");
    std::fs::create_dir(&into).expect("a folder");
    std::fs::set_permissions(&into, Permissions::from_mode(0o755)).expect("a mode");
    let killed = run_without_room(true, &restore).await;
    assert!(killed.status.code().is_none(), "{killed:?}");
    let serve = async || {
        let arguments = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            path(&into),
        ];
        let output = run(&arguments).await;
        assert!(!into.join("keys").exists(), "no new keys");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let error = serve().await;
    assert!(error.contains("has not come to its end"), "{error}");
    let of_data = |(check, ..): &&(String, String, String)| check == "data";
    let told = found(&into, &[], &[]).await;
    let (_, problem, remedy) = told.iter().find(of_data).expect("a finding");
    assert!(problem.contains("has not come to its end") && remedy.contains("restore` again"));

    let output = run(&restore).await;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("no difference") && told.contains("put them into"),
        "{told}"
    );
    assert_eq!(mode(&into), 0o700);
    let error = serve().await;
    assert!(error.contains("makes no new keys"), "{error}");

    const A_CENT_MORE: &str = "UPDATE account_balance SET balance = balance + 1 WHERE account = \
        (SELECT min(account) FROM account_balance WHERE account LIKE 'player/%')";
    change(&server.data_dir(), A_CENT_MORE);
    let (backup, into) = (folder.path().join("wrong"), folder.path().join("as-it-is"));
    let filled = tool(
        &["backup", "--into", path(folder.path())],
        &server.data_dir(),
    )
    .await;
    assert_eq!(filled.status.code(), Some(2), "{filled:?}");
    let rows = rows_of(&server.data_dir(), "backup");
    assert!(
        rows[3].starts_with("failed ") && rows[3].contains("has something in it"),
        "{rows:?}"
    );
    let output = tool(&["backup", "--into", path(&backup)], &server.data_dir()).await;
    assert!(output.status.success(), "{output:?}");
    let restore = restoring(&backup, &into);
    let output = run(&restore).await;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.contains("restored, but its books differ"), "{told}");
    assert!(into.join("blazing-sun.db").is_file());
    assert!(rows_of(&into, "restore")[1].contains(r#""differences":"#));
}

fn change(data_dir: &Path, statements: &str) {
    let database = Connection::open(data_dir.join("blazing-sun.db")).expect("the database");
    database.execute_batch(statements).expect(statements);
}

const FORGET_THE_NEWEST_SCHEMA: &str =
    "DROP TABLE live_setting; DROP TABLE operator_log; DROP INDEX room_archive_by_end;
    DELETE FROM refinery_schema_history WHERE version = 11";
const OF_A_NEWER_PROGRAM: &str =
    "INSERT INTO refinery_schema_history (version, name) VALUES (999, 'later')";
const OF_THIS_PROGRAM: &str = "DELETE FROM refinery_schema_history WHERE version = 999";

#[tokio::test]
async fn a_schema_is_brought_up_to_date_and_a_newer_one_is_refused() {
    let mut server = TestServer::start().await;
    let data_dir = server.data_dir();
    let (_, code, error) = refusal(&["migrate"], &data_dir).await;
    assert_eq!(code, 2);
    assert!(error.contains("in use by another process"), "{error}");
    assert!(
        tool(&["migrate", "--check"], &data_dir)
            .await
            .status
            .success()
    );
    server.terminate().await;

    change(&data_dir, FORGET_THE_NEWEST_SCHEMA);
    let behind = tool(&["migrate", "--check"], &data_dir).await;
    let told = String::from_utf8_lossy(&behind.stdout).into_owned();
    assert_eq!(behind.status.code(), Some(1), "{told}");
    assert!(
        told.contains("store: its schema is 10, this program's 11"),
        "{told}"
    );
    let done = tool(&["migrate"], &data_dir).await;
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        told.contains("store: its schema was 10, and is 11 now"),
        "{told}"
    );
    let rows = rows_of(&data_dir, "migrate");
    assert!(
        rows[0].starts_with("asked ") && rows[1].starts_with("done "),
        "{rows:?}"
    );
    assert!(
        tool(&["migrate", "--check"], &data_dir)
            .await
            .status
            .success()
    );

    change(&data_dir, OF_A_NEWER_PROGRAM);
    for arguments in [&["migrate"][..], &["migrate", "--check"]] {
        let (_, code, error) = refusal(arguments, &data_dir).await;
        assert!(code == 2 && error.contains("of a newer program"), "{error}");
    }
    change(&data_dir, OF_THIS_PROGRAM);
    server.restart().await;
    assert_eq!(server.audit().await["clean"], true);
}

/// What `doctor` finds, as (what was looked at, the fault, the remedy).
async fn found(
    data_dir: &Path,
    environment: &[(&str, &str)],
    more: &[&str],
) -> Vec<(String, String, String)> {
    let arguments = [&["doctor", "--json", "--data-dir", path(data_dir)], more].concat();
    let mut command = program(&arguments);
    let output = command.envs(environment.iter().copied()).output();
    let output = within("doctor", output).await.expect("an output");
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no report: {}", String::from_utf8_lossy(&output.stderr)));
    let findings = report["findings"].as_array().expect("findings");
    let exit_code = if findings.is_empty() { 0 } else { 1 };
    assert_eq!(output.status.code(), Some(exit_code), "{report}");
    assert_eq!(report["healthy"], findings.is_empty());
    let findings = findings.iter().map(|it| {
        (
            text(&it["check"]),
            text(&it["problem"]),
            text(&it["remedy"]),
        )
    });
    findings.collect()
}

/// Exactly one fault, of which this is said.
async fn finds(
    data_dir: &Path,
    environment: &[(&str, &str)],
    more: &[&str],
    (check, problem, remedy): (&str, &str, &str),
) {
    let found = found(data_dir, environment, more).await;
    let is_it = |(its_check, its_problem, its_remedy): &(String, String, String)| {
        its_check == check && its_problem.contains(problem) && its_remedy.contains(remedy)
    };
    assert!(
        found.len() == 1 && is_it(&found[0]),
        "{check}: {problem}: {found:#?}"
    );
}

#[tokio::test]
async fn doctor_finds_what_is_amiss_with_a_folder_and_names_the_remedy() {
    let mut server = TestServer::start().await;
    let data_dir = server.data_dir();
    whole_game(&server).await;
    let healthy = [];
    assert_eq!(found(&data_dir, &[], &[]).await, healthy, "while it runs");
    server.terminate().await;
    assert_eq!(found(&data_dir, &[], &[]).await, healthy);

    let no_partitions = [("BLAZING_SUN_LOG__PARTITIONS", "0")];
    let told = (
        "configuration",
        "`log.partitions` takes a number from 1 to 1024",
        "docs/configuration.md",
    );
    finds(&data_dir, &no_partitions, &[], told).await;

    let keys = data_dir.join("keys");
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
    };
    set(&keys, 0o644);
    finds(&data_dir, &[], &[], ("keys", "644", "chmod 600")).await;
    set(&keys, 0o600);
    let away = data_dir.join("keys.away");
    std::fs::rename(&keys, &away).expect("moved");
    finds(
        &data_dir,
        &[],
        &[],
        (
            "keys",
            "No such file",
            "put the deployment's own keys file back",
        ),
    )
    .await;
    std::fs::rename(&away, &keys).expect("moved");

    set(&data_dir, 0o755);
    finds(
        &data_dir,
        &[],
        &[],
        ("file modes", "its mode is 755", "chmod 700"),
    )
    .await;
    set(&data_dir, 0o700);

    let much = ["--free-bytes-min", "9000000000000000000"];
    finds(
        &data_dir,
        &[],
        &much,
        ("disk space", "bytes are free", "make room"),
    )
    .await;

    let others = [("BLAZING_SUN_LOG__PARTITIONS", "5")];
    let told = (
        "topics",
        "the topics have 12 partitions, and `log.partitions` is 5",
        "set `log.partitions` to 12",
    );
    finds(&data_dir, &others, &[], told).await;

    change(&data_dir, OF_A_NEWER_PROGRAM);
    finds(
        &data_dir,
        &[],
        &[],
        (
            "schema",
            "the store's schema is 999",
            "run the newer program",
        ),
    )
    .await;
    change(&data_dir, OF_THIS_PROGRAM);

    const NEWEST: &str = "WHERE batch_no = (SELECT max(batch_no) FROM log_batch)";
    change(
        &data_dir,
        &format!("UPDATE log_batch SET at_ms = at_ms + 3600000 {NEWEST}"),
    );
    finds(
        &data_dir,
        &[],
        &[],
        ("clock", "after this machine's clock", "NTP"),
    )
    .await;
    change(
        &data_dir,
        &format!("UPDATE log_batch SET at_ms = at_ms - 3600000 {NEWEST}"),
    );

    const ROOM: &str = "0190c2a4-0000-7000-8000-000000000001";
    change(
        &data_dir,
        &format!("INSERT INTO room_quarantine VALUES ('{ROOM}', 0, 1, 1, '')"),
    );
    finds(
        &data_dir,
        &[],
        &[],
        (
            "rooms",
            "1 rooms can not be loaded",
            "start a program that has their games",
        ),
    )
    .await;
    change(&data_dir, "DELETE FROM room_quarantine");

    let lock = File::options()
        .write(true)
        .open(data_dir.join("lock"))
        .expect("the lock");
    lock.try_lock().expect("nobody has it");
    std::fs::write(data_dir.join("lock"), "starting").expect("written");
    assert_eq!(
        found(&data_dir, &[], &[]).await,
        healthy,
        "while it reads what there is"
    );
    std::fs::write(data_dir.join("lock"), "serving").expect("written");
    finds(
        &data_dir,
        &[],
        &[],
        ("server", "answers no operator", "fuser"),
    )
    .await;
    drop(lock);

    // A port that was free a moment ago, and nobody listens on.
    let listen = free_address();
    let home = format!("http://{listen}");
    let stripe = [
        ("STRIPE_SECRET_KEY", "sk_test_51NobodysKeyForTestsAlone"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_NobodysSecretForTestsAlone"),
        ("STRIPE_API_URL", "http://127.0.0.1:1"),
        ("BLAZING_SUN_PAYMENTS__PROVIDER", "stripe"),
        ("BLAZING_SUN_SERVER__PUBLIC_URL", &home),
    ];
    let told = (
        "webhooks",
        "can not be reached",
        "lead to a running checkout",
    );
    finds(&data_dir, &stripe, &[], told).await;
    let mut mistyped = stripe;
    mistyped[0].1 = "pk_test_1";
    let told = (
        "configuration",
        "is no secret key of the provider's",
        "docs/configuration.md",
    );
    finds(&data_dir, &mistyped, &[], told).await;
    let environment = stripe.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let launch = Launch {
        listen: Some(listen),
        environment: environment.into(),
        ..Launch::default()
    };
    let paid = TestServer::launch(launch).await;
    let found_there = found(&paid.data_dir(), &stripe, &[]).await;
    assert_eq!(found_there, healthy, "webhooks come through");

    assert_eq!(found(&data_dir, &[], &[]).await, healthy, "all is mended");
}

fn free_address() -> SocketAddr {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    port.local_addr().expect("an address")
}

#[tokio::test]
async fn shells_complete_the_command_line() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]).await;
        let script = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success(), "{shell}");
        assert!(
            script.contains("blazing-sun") && script.contains("doctor"),
            "{shell}: {script}"
        );
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("completions");
    std::fs::write(&file, run(&["completions", "bash"]).await.stdout).expect("written");
    let checked = tokio::process::Command::new("bash")
        .arg("-n")
        .arg(&file)
        .status();
    assert!(within("bash", checked).await.expect("bash").success());
}
