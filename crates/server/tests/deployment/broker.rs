//! The broker's configuration, its users and their rights.

use crate::{deploy, read, repository, run, succeeds};
use blazing_sun_backbone::topics::{Party, rows};
use blazing_sun_harness::kafka::{Settings, TestKafka};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

const USERS: [&str; 3] = ["gateway", "backend", "checkout"];

fn games() -> Vec<String> {
    let games = blazing_sun_domain::games::built_in();
    games.iter().map(|game| game.name.to_string()).collect()
}

/// `User:backend Write topic games.events`, and so on.
fn granted() -> BTreeSet<String> {
    let printed = succeeds(
        Command::new(deploy("kafka/acls.sh"))
            .arg("--print")
            .env("GAMES", games().join(" ")),
    );
    printed.lines().map(str::to_owned).collect()
}

fn principal(party: Party) -> &'static str {
    match party {
        Party::Gateway => "gateway",
        Party::Backend => "backend",
        Party::Checkout => "checkout",
    }
}

#[test]
fn rights_are_those_of_the_topic_table() {
    let granted = granted();
    let games = games();
    let mut written = BTreeSet::new();
    for (topic, row) in rows(&games) {
        for party in Party::ALL {
            let user = principal(party);
            let write = format!("User:{user} Write topic {topic}");
            let read = format!("User:{user} Read topic {topic}");
            assert_eq!(
                granted.contains(&write),
                row.writers.contains(&party),
                "{write}"
            );
            if row.writers.contains(&party) {
                written.insert(write);
            }
            // A backend that takes over also reads what the one before it has published.
            let reads = row.readers.contains(&party) || party == Party::Backend;
            assert_eq!(granted.contains(&read), reads, "{read}");
        }
        let create = format!("User:backend Create topic {topic}");
        assert!(granted.contains(&create), "{create}");
    }
    let writes: BTreeSet<_> = granted
        .iter()
        .filter(|line| line.contains(" Write "))
        .cloned()
        .collect();
    assert_eq!(writes, written, "nobody may write what is not in the table");
    for (party, group) in [
        (Party::Gateway, "ws_gateway..."),
        (Party::Backend, "blazing_sun"),
        (Party::Checkout, "checkout-service"),
    ] {
        assert!(group.starts_with(party.group()));
        let line = format!("User:{} Read group {group}", principal(party));
        assert!(granted.contains(&line), "{line}");
    }
}

#[test]
fn the_compose_file_names_the_games_that_have_rights() {
    let names = format!("GAMES: {}\n", games().join(" "));
    assert!(read("compose.yaml").contains(&names), "{names}");
}

/// The file as it is, but for the places of this machine.
fn configured_as_deployed(secrets: &Path) -> Settings {
    let text = read("kafka/server.properties")
        .replace("/run/secrets", secrets.to_str().expect("text"))
        .replace("/var/lib/kafka/data", "@DIR@/data")
        .replace(
            "LOOK://:9092,SECURE://:9094",
            "LOOK://127.0.0.1:@PORT@,SECURE://127.0.0.1:@SECURE_PORT@",
        )
        .replace("kafka:9092", "127.0.0.1:@PORT@")
        .replace("kafka:9094", "127.0.0.1:@SECURE_PORT@")
        .replace("localhost:9095", "127.0.0.1:@CONTROLLER_PORT@");
    assert!(!text.contains(":909"), "{text}");
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let properties = lines.map(|line| {
        let (name, value) = line.split_once('=').expect("name=value");
        (name.to_owned(), value.to_owned())
    });
    Settings {
        properties: properties.collect(),
        secure: Some("SASL_PLAINTEXT".to_owned()),
    }
}

struct Deployed {
    kafka: TestKafka,
    folder: tempfile::TempDir,
}

impl Deployed {
    fn start() -> Deployed {
        let folder = tempfile::tempdir().expect("a folder");
        for user in USERS.into_iter().chain(["admin"]) {
            let file = folder.path().join(format!("kafka-{user}"));
            std::fs::write(file, format!("password-of-{user}")).expect("written");
        }
        let kafka = TestKafka::own_with(&configured_as_deployed(folder.path()));
        let deployed = Deployed { kafka, folder };
        deployed.grant();
        deployed
    }

    fn grant(&self) {
        let tool = repository().join("dev/kafka.sh");
        let tool = |name| format!("{} tool {name}", tool.display());
        succeeds(
            Command::new(deploy("kafka/users.sh"))
                .env("SECRETS", self.folder.path())
                .env("GAMES", games().join(" "))
                .env(
                    "KAFKA_BOOTSTRAP_SERVERS",
                    self.kafka.secure_bootstrap_servers(),
                )
                .env("KAFKA_CONFIGS", tool("kafka-configs"))
                .env("KAFKA_ACLS", tool("kafka-acls")),
        );
    }

    /// A client's properties.
    fn properties_of(&self, user: &str) -> String {
        let file = self.folder.path().join(format!("{user}.properties"));
        let module = "org.apache.kafka.common.security.scram.ScramLoginModule";
        let text = format!(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\n\
             sasl.jaas.config={module} required username=\"{user}\" password=\"password-of-{user}\";\n\
             delivery.timeout.ms=8000\nrequest.timeout.ms=8000\nlinger.ms=0\n"
        );
        std::fs::write(&file, text).expect("written");
        file.to_str().expect("text").to_owned()
    }

    /// Whether the broker takes a record from a user, or from nobody in particular.
    fn takes_from(&self, user: Option<&str>, topic: &str) -> bool {
        let mut command = Command::new(repository().join("dev/kafka.sh"));
        command.args(["tool", "kafka-console-producer", "--topic", topic]);
        match user {
            Some(user) => command
                .args(["--producer.config", &self.properties_of(user)])
                .args(["--bootstrap-server", &self.kafka.secure_bootstrap_servers()]),
            None => command.args(["--bootstrap-server", self.kafka.bootstrap_servers()]),
        };
        let mut producer = command
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let sent = producer.stdin.take().expect("its input");
        std::io::Write::write_all(&mut &sent, b"record\n").expect("sent");
        drop(sent);
        let output = producer.wait_with_output().expect("an end");
        let complaint = String::from_utf8_lossy(&output.stderr);
        let refused = complaint.contains("AuthorizationException");
        assert!(refused || complaint.is_empty(), "{complaint}");
        !refused
    }
}

#[test]
fn the_broker_lets_each_write_what_is_its_own_and_anybody_look() {
    let deployed = Deployed::start();
    let backend = deployed.properties_of("backend");
    let servers = deployed.kafka.secure_bootstrap_servers();
    let as_backend = |arguments: &[&str]| {
        let mut command = Command::new(repository().join("dev/kafka.sh"));
        command
            .args(["tool", "kafka-topics", "--bootstrap-server", &servers])
            .args(["--command-config", &backend])
            .args(arguments);
        run(&mut command).status.success()
    };
    assert!(as_backend(&[
        "--create",
        "--topic",
        "games.commands",
        "--partitions",
        "2"
    ]));
    assert!(as_backend(&[
        "--create",
        "--topic",
        "games.events",
        "--partitions",
        "2"
    ]));
    assert!(!as_backend(&["--create", "--topic", "of.somebody.else"]));

    assert!(deployed.takes_from(Some("gateway"), "games.commands"));
    assert!(!deployed.takes_from(Some("gateway"), "games.events"));
    assert!(deployed.takes_from(Some("backend"), "games.events"));
    assert!(!deployed.takes_from(Some("checkout"), "games.commands"));
    assert!(!deployed.takes_from(None, "games.commands"));

    // As the contract's debugging commands ask, without a password.
    let listed = deployed.kafka.tool("kafka-topics.sh", &["--list"]);
    assert_eq!(
        listed.lines().collect::<Vec<_>>(),
        ["games.commands", "games.events"]
    );
    let consumed = deployed.kafka.tool(
        "kafka-console-consumer.sh",
        &[
            "--topic",
            "games.commands",
            "--from-beginning",
            "--max-messages",
            "1",
            "--timeout-ms",
            "20000",
        ],
    );
    assert_eq!(consumed.trim(), "record");
    deployed.kafka.tool("kafka-consumer-groups.sh", &["--list"]);

    // Both scripts run at every start of the deployment.
    deployed.grant();
}
