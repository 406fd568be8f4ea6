//! The servers beside the program, as tests use them: real, reached by all, killed by who owns one, and never left behind.

use blazing_sun_harness::DEADLINE;
use blazing_sun_harness::kafka::{Settings, TestKafka};
use blazing_sun_harness::postgres::{TestPostgres, execute};
use blazing_sun_harness::stripe_mock::{KEY, StripeMock};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const DEV: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dev");

fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < end, "waited {DEADLINE:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn listens(address: &str) -> bool {
    let mut addresses = address.to_socket_addrs().expect("an address");
    addresses.any(|address| TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok())
}

#[test]
fn the_shared_kafka_takes_topics_under_prefixes_of_their_own() {
    let kafka = TestKafka::shared();
    let (one, other) = (kafka.new_prefix(), kafka.new_prefix());
    assert_ne!(one, other);
    let topic = format!("{one}games.events");
    kafka.tool(
        "kafka-topics",
        &["--create", "--topic", &topic, "--partitions", "3"],
    );
    let listed = kafka.tool("kafka-topics.sh", &["--list"]);
    assert!(listed.lines().any(|line| line == topic), "{listed}");
    assert!(!listed.contains(&other), "{listed}");
    kafka.tool("kafka-topics", &["--delete", "--topic", &topic]);
}

#[test]
fn a_killed_kafka_comes_back_with_its_data_at_the_same_address() {
    let kafka = TestKafka::own();
    let address = kafka.bootstrap_servers().to_owned();
    kafka.tool("kafka-topics", &["--create", "--topic", "kept"]);
    kafka.kill();
    assert!(!listens(&address));
    kafka.start_again();
    assert_eq!(kafka.bootstrap_servers(), address);
    assert_eq!(kafka.tool("kafka-topics", &["--list"]).trim(), "kept");
    drop(kafka);
    assert!(!listens(&address), "it outlived its owner");
}

#[test]
fn a_kafka_with_a_second_listener_has_both() {
    let plain =
        "org.apache.kafka.common.security.plain.PlainLoginModule required user_player=\"secret\";";
    let properties = [
        ("sasl.enabled.mechanisms", "PLAIN"),
        ("listener.name.secure.plain.sasl.jaas.config", plain),
    ];
    let kafka = TestKafka::own_with(&Settings {
        properties: properties
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        secure: Some("SASL_PLAINTEXT".to_owned()),
    });
    assert!(listens(&kafka.secure_bootstrap_servers()));
    assert_ne!(kafka.secure_bootstrap_servers(), kafka.bootstrap_servers());
    // It listens before it has said that it has started.
    until("the log says so", || {
        kafka.log().contains("Kafka Server started")
    });
}

#[test]
fn databases_on_the_shared_postgres_know_nothing_of_each_other() {
    let postgres = TestPostgres::shared();
    let (one, other) = (postgres.new_database(), postgres.new_database());
    execute(&one, "CREATE TABLE mine (id bigint)");
    execute(&other, "CREATE TABLE mine (id text)");
    execute(&one, "INSERT INTO mine VALUES (1)");
}

#[tokio::test]
async fn postgres_databases_are_made_from_within_a_runtime_too() {
    let database = TestPostgres::shared().new_database();
    execute(&database, "CREATE TABLE mine (id bigint)");
}

#[test]
fn a_killed_postgres_comes_back_with_what_was_committed() {
    let postgres = TestPostgres::own_with(&[("log_statement", "ddl")]);
    postgres.execute("CREATE TABLE kept (id bigint PRIMARY KEY)");
    postgres.execute("INSERT INTO kept VALUES (1)");
    assert!(
        postgres.log().contains("CREATE TABLE kept"),
        "{}",
        postgres.log()
    );
    for _ in 0..2 {
        postgres.kill();
        postgres.start_again();
        postgres.execute("SELECT 1 / count(*) FROM kept");
    }
}

#[test]
fn a_frozen_postgres_answers_only_when_it_goes_on() {
    let postgres = TestPostgres::own();
    postgres.stop_signal();
    let answered = std::thread::scope(|scope| {
        let asked = scope.spawn(|| postgres.execute("SELECT 1"));
        // It cannot answer: however long this waits, only a server that was not frozen makes it fail.
        std::thread::sleep(Duration::from_millis(200));
        let answered = asked.is_finished();
        postgres.continue_signal();
        asked.join().expect("answered");
        answered
    });
    assert!(!answered, "it answered while it was frozen");
}

#[tokio::test]
async fn stripe_mock_takes_what_stripe_would_and_refuses_what_it_would_not() {
    let url = format!("{}/v1/refunds", StripeMock::shared().url());
    let refund = async |body: &'static str| {
        let client = reqwest::Client::new();
        let request = client.post(&url).bearer_auth(KEY).body(body).header(
            reqwest::header::CONTENT_TYPE,
            "application/x-www-form-urlencoded",
        );
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.text().await.expect("a body"))
    };
    let (status, body) = refund("payment_intent=pi_1&amount=4").await;
    assert!(status == 200 && body.contains(r#""amount":4,"#), "{body}");
    let (status, body) = refund("payment_intnt=pi_1").await;
    assert!(
        status == 400 && body.contains("invalid_request_error"),
        "{body}"
    );
}

/// As after a test program that was killed: nobody is left to clean up but the script.
#[test]
fn servers_whose_users_have_all_ended_are_removed() {
    let folder = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()
        .expect("a folder");
    for script in ["kafka.sh", "postgres.sh", "stripe-mock.sh"] {
        let users = folder.path().join("users");
        let dir = folder.path().join(script);
        let started = Command::new("flock")
            .args(["--shared", "--close"])
            .arg(&users)
            .arg(Path::new(DEV).join(script))
            .args(["start", "--dir"])
            .arg(&dir)
            .arg("--while-locked")
            .arg(&users)
            .stdout(Stdio::null())
            .status()
            .expect("flock runs");
        assert!(started.success());
        until("the end of the server", || !dir.exists());
    }
}

/// What the script of a server complains of where these programs are missing.
fn complaint_without(missing: &[&str], script: &str) -> String {
    let nowhere = tempfile::tempdir().expect("a folder");
    let output = Command::new("bash")
        .arg(Path::new(DEV).join(script))
        .arg("install")
        .env("PATH", path_without(missing, nowhere.path()))
        .env("BLAZING_SUN_TOOLS", nowhere.path().join("tools"))
        .output()
        .expect("bash runs");
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_missing_kafka_says_what_to_install() {
    let complaint = complaint_without(&["java", "mvn"], "kafka.sh");
    assert!(
        complaint.contains("apt-get install -y --no-install-recommends openjdk-17"),
        "{complaint}"
    );
}

#[test]
fn a_missing_stripe_mock_says_what_to_install() {
    let complaint = complaint_without(&["go"], "stripe-mock.sh");
    assert!(
        complaint.contains("apt-get install -y --no-install-recommends golang-go"),
        "{complaint}"
    );
}

/// A folder with links to every program on the PATH but these.
fn path_without(names: &[&str], folder: &Path) -> std::path::PathBuf {
    let bin = folder.join("bin");
    std::fs::create_dir(&bin).expect("a folder");
    let path = std::env::var_os("PATH").expect("a PATH");
    for entry in std::env::split_paths(&path)
        .filter_map(|place| place.read_dir().ok())
        .flatten()
    {
        let entry = entry.expect("an entry");
        if !names.iter().any(|name| entry.file_name() == *name) {
            // The first of a name counts.
            let _ = std::os::unix::fs::symlink(entry.path(), bin.join(entry.file_name()));
        }
    }
    bin
}
