//! What `doctor` finds on Kafka and PostgreSQL.

use blazing_sun_harness::postgres::execute;
use blazing_sun_harness::{Cluster, ClusterLaunch, text, within};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use serde_json::Value;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

type Finding = (String, String, String);

/// What it finds, as (what was looked at, the fault, the remedy).
async fn found(cluster: &Cluster, environment: &[(&str, &str)]) -> Vec<Finding> {
    let output = cluster.tool_with(&["doctor", "--json"], environment).await;
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no report: {}", String::from_utf8_lossy(&output.stderr)));
    let findings = report["findings"].as_array().expect("findings");
    let exit_code = if findings.is_empty() { 0 } else { 1 };
    assert_eq!(output.status.code(), Some(exit_code), "{report}");
    let findings = findings.iter().map(|it| {
        (
            text(&it["check"]),
            text(&it["problem"]),
            text(&it["remedy"]),
        )
    });
    findings.collect()
}

fn is_it(found: &Finding, (check, problem, remedy): (&str, &str, &str)) -> bool {
    found.0 == check && found.1.contains(problem) && found.2.contains(remedy)
}

/// Nothing but this, while no backend runs.
async fn finds(cluster: &Cluster, environment: &[(&str, &str)], told: (&str, &str, &str)) {
    let mut found = found(cluster, environment).await;
    found.retain(|(check, ..)| check != "owners");
    assert!(
        found.len() == 1 && is_it(&found[0], told),
        "{told:?}: {found:#?}"
    );
}

fn expired(folder: &std::path::Path) -> PathBuf {
    let mut parameters = rcgen::CertificateParams::new(["kafka".to_owned()]).expect("a name");
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = parameters.self_signed(&key).expect("a certificate");
    let path = folder.join("ca.pem");
    std::fs::write(&path, certificate.pem()).expect("written");
    path
}

struct Kafka {
    admin: AdminClient<DefaultClientContext>,
    producer: FutureProducer,
    prefix: String,
}

impl Kafka {
    fn of(cluster: &Cluster) -> Kafka {
        let (servers, prefix) = cluster.kafka();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", servers);
        Kafka {
            admin: config.create().expect("a client"),
            producer: config.create().expect("a client"),
            prefix: prefix.to_owned(),
        }
    }

    fn name(&self, topic: &str) -> String {
        format!("{}{topic}", self.prefix)
    }

    async fn add_partitions(&self, topic: &str, count: usize) {
        let name = self.name(topic);
        let more = NewPartitions::new(&name, count);
        let added = self.admin.create_partitions([&more], &AdminOptions::new());
        let added = within("partitions", added).await.expect("an answer");
        assert!(added.iter().all(Result::is_ok), "{added:?}");
    }

    async fn delete(&self, topic: &str) {
        let name = self.name(topic);
        let deleted = self.admin.delete_topics(&[&name], &AdminOptions::new());
        let deleted = within("a topic's end", deleted).await.expect("an answer");
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
        // A broker tells of it a little later than the controller knows.
        let is_told = || {
            let client = self.producer.client();
            let metadata = client.fetch_metadata(None, Duration::from_secs(10));
            // One that does not answer in time is asked again.
            metadata.is_ok_and(|it| it.topics().iter().all(|topic| topic.name() != name))
        };
        within("a broker that knows", async {
            while !tokio::task::block_in_place(is_told) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }

    async fn append_ahead(&self, topic: &str) {
        let (name, ahead) = (self.name(topic), Duration::from_secs(600));
        let at = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("a time")
            + ahead;
        let record = FutureRecord::<(), str>::to(&name)
            .payload("{}")
            .timestamp(at.as_millis() as i64);
        let sent = self.producer.send(record, Duration::from_secs(30)).await;
        sent.expect("a record");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_finds_what_is_amiss_with_a_cluster_and_names_the_remedy() {
    let launch = ClusterLaunch {
        gateways: 0,
        backends: 1,
        partitions: 3,
        ..ClusterLaunch::default()
    };
    let mut cluster = Cluster::launch(launch).await;
    cluster.guest_at(0).await;
    assert_eq!(found(&cluster, &[]).await, [], "all is well");

    let checked = cluster.tool(&["migrate", "--check", "--json"]).await;
    let stores: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
    let store = &stores["stores"][0];
    assert_eq!(
        (checked.status.code(), &store["found"]),
        (Some(0), &store["known"]),
        "{stores}"
    );
    let backup = cluster.tool(&["backup", "--into", "none"]).await;
    let told = String::from_utf8_lossy(&backup.stderr).into_owned();
    assert_eq!(backup.status.code(), Some(2), "{told}");
    assert!(
        told.contains("pg_dump") && told.contains("Kafka needs no backup"),
        "{told}"
    );

    cluster.backend(0).terminate().await;
    let told = (
        "owners",
        "nobody owns the partitions 0, 1, 2",
        "start a backend",
    );
    let ended = found(&cluster, &[]).await;
    assert!(ended.len() == 1 && is_it(&ended[0], told), "{ended:#?}");

    let folder = tempfile::tempdir().expect("a folder");
    let ca = expired(folder.path());
    let ca = [("BLAZING_SUN_DATABASE__CA", ca.to_str().expect("a path"))];
    finds(
        &cluster,
        &ca,
        (
            "certificates",
            "it has expired",
            "put a certificate that holds",
        ),
    )
    .await;

    let other = folder.path().join("keys");
    let other = other.to_str().expect("a path");
    assert!(
        cluster
            .tool(&["keys", "create", other])
            .await
            .status
            .success()
    );
    let keys = [("BLAZING_SUN_KEYS", other)];
    finds(
        &cluster,
        &keys,
        (
            "deployment",
            "other keys",
            "configure what the database belongs to",
        ),
    )
    .await;

    let nowhere = [(
        "DATABASE_URL",
        "postgres://nobody@127.0.0.1:1/none?sslmode=disable",
    )];
    finds(
        &cluster,
        &nowhere,
        ("database", "can not be reached", "start PostgreSQL"),
    )
    .await;

    let shorter = [("BLAZING_SUN_LOG__RETENTION_DAYS", "3")];
    finds(
        &cluster,
        &shorter,
        (
            "retention",
            "records are kept for 604800000 ms",
            "retention.ms=259200000",
        ),
    )
    .await;

    let url = cluster.database_url().to_owned();
    let change = async |statements: &'static str| {
        let url = url.clone();
        let changed = tokio::task::spawn_blocking(move || execute(&url, statements));
        changed.await.expect(statements);
    };
    change(
        "UPDATE partition_offset SET next_offset = next_offset + 1000000 WHERE (partition, topic) =
         (SELECT partition, topic FROM partition_offset ORDER BY topic, partition LIMIT 1)",
    )
    .await;
    let told = ("offsets", "was decided up to 1000", "restart one backend");
    finds(&cluster, &[], told).await;
    change(
        "UPDATE partition_offset SET next_offset = next_offset - 1000000
         WHERE next_offset >= 1000000",
    )
    .await;

    change("UPDATE partition_owner SET batch_no = batch_no + 5 WHERE partition = 2").await;
    let told = (
        "outbox",
        "5 batches of partition 2 are committed and not published",
        "look at the brokers",
    );
    finds(&cluster, &[], told).await;
    change("UPDATE partition_owner SET batch_no = batch_no - 5 WHERE partition = 2").await;

    change("INSERT INTO refinery_schema_history (version, name) VALUES (999, 'later')").await;
    finds(
        &cluster,
        &[],
        (
            "schema",
            "the store's schema is 999",
            "run the newer program",
        ),
    )
    .await;
    let refused = cluster.tool(&["migrate"]).await;
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(2) && told.contains("of a newer program"),
        "{told}"
    );
    change("DELETE FROM refinery_schema_history WHERE version = 999").await;
    let migrated = cluster.tool(&["migrate"]).await;
    assert!(migrated.status.success(), "{migrated:?}");
    change(
        "DO $$ BEGIN ASSERT (SELECT string_agg(outcome, ' ' ORDER BY id) FROM operator_log WHERE action = 'migrate')
         = 'asked done', 'the rows of a migration'; END $$",
    )
    .await;

    let kafka = Kafka::of(&cluster);
    kafka.append_ahead("games.events").await;
    finds(
        &cluster,
        &[],
        (
            "clock of records",
            "`games.events` has records of more than 60 s ahead",
            "NTP",
        ),
    )
    .await;
    kafka.delete("games.events").await;
    let told = (
        "topics",
        "topics are missing: games.events",
        "blazing-sun topics create",
    );
    finds(&cluster, &[], told).await;
    assert!(cluster.tool(&["topics", "create"]).await.status.success());
    kafka.add_partitions("chat.events", 4).await;
    let told = (
        "topics",
        "`chat.events` has 4 partitions, and `log.partitions` is 3",
        "has to be made anew",
    );
    finds(&cluster, &[], told).await;
}
