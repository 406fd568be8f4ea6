//! Gateways alone: what they do before there is anything to read, what they tell, how they end.

use blazing_sun_backbone::clock;
use blazing_sun_backbone::credentials::{Claims, Keys};
use blazing_sun_domain::UserId;
use blazing_sun_harness::{Client, Cluster, ClusterLaunch, Guest, program, within};
use serde_json::Value;

async fn without_backends(kafka: Option<(String, String)>) -> Cluster {
    let launch = ClusterLaunch {
        kafka,
        // Never connected to.
        database_url: Some("postgres://nobody@127.0.0.1:1/none".to_owned()),
        ..ClusterLaunch::default()
    };
    Cluster::prepare(launch).await
}

/// Somebody with a token under the cluster's keys, known to no database.
fn somebody(cluster: &Cluster) -> Guest {
    let keys = Keys::load(&cluster.keys()).expect("keys");
    let user = UserId::new(7).expect("an id");
    let claims = Claims::new(user, "Ann", &["player"], clock::now(), 900);
    Guest {
        token: keys.signer().sign(&claims),
        user_id: "7".to_owned(),
        username: "Ann".to_owned(),
        balance_cents: 0,
    }
}

async fn get(cluster: &mut Cluster, path: &str) -> (u16, String) {
    let url = cluster.gateway(0).url(path);
    let answer = cluster.http().get(url).send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.text().await.expect("a body"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_takes_clients_once_its_topics_are_there_and_sends_them_off_when_it_ends() {
    let mut cluster = without_backends(None).await;
    cluster.add_gateway().await;
    assert_eq!(get(&mut cluster, "/healthz").await, (200, "ok".to_owned()));
    let (status, why) = get(&mut cluster, "/readyz").await;
    assert_eq!(status, 503, "{why}");
    assert!(why.contains("could not be read yet"), "{why}");
    assert_eq!(get(&mut cluster, "/").await.0, 200);
    assert_eq!(get(&mut cluster, "/api/v1/games").await.0, 404);
    let address = cluster.gateway(0).address();
    assert!(Client::socket(address).await.is_err(), "not yet");

    let made = cluster.tool(&["topics", "create", "--json"]).await;
    let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let created = made["created"].as_array().expect("a list");
    assert!(created.contains(&"games.events".into()), "{made}");
    let listed = cluster.tool(&["topics"]).await;
    let listed = String::from_utf8(listed.stdout).expect("text");
    for (at, line) in listed.lines().enumerate() {
        let cells: Vec<&str> = line.split_whitespace().collect();
        assert!(cells.len() == 4 && !cells.contains(&"-"), "{listed}");
        let heads = ["topic", "partitions", "records", "bytes"];
        assert_eq!(cells == heads, at == 0, "{listed}");
    }
    cluster.until_ready().await;

    let guest = somebody(&cluster);
    let mut client = Client::sign_in_at(address, &guest, &[]).await;
    let tailed = ["tail", "games.commands", "--from-beginning", "--max", "1"];
    let tailed = cluster.tool(&tailed).await;
    let record: Value = serde_json::from_slice(&tailed.stdout).expect("JSON");
    assert_eq!(record["event_type"], "games.command.sync_user");
    assert_eq!(record["actor"]["user_id"], "7");

    // Offsets are committed about once a second.
    let read = within("the gateway's group", async {
        loop {
            let groups = cluster.tool(&["groups", "--json"]).await;
            let groups: Vec<Value> = serde_json::from_slice(&groups.stdout).expect("JSON");
            let of_gateway = |row: &&Value| row["group"] == "ws_gateway.g0";
            let rows: Vec<Value> = groups.iter().filter(of_gateway).cloned().collect();
            let has_read = |row: &Value| row["topic"] == "system.events" && row["lag"] == 0;
            if rows.iter().any(has_read) {
                break rows;
            }
        }
    });
    assert_eq!(read.await.len(), 3 * 6);

    cluster.gateway(0).ask_to_end();
    assert_eq!(client.closed().await, Some(1012));
    let ended = cluster.gateway(0).ended().await;
    let log = cluster.gateway(0).log();
    assert!(ended.success(), "{log}");
    assert!(!log.contains("\"ERROR\""), "{log}");
    assert!(!log.contains("postgres"), "it knows of no database: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_brokers_a_gateway_says_so_waits_and_can_be_ended() {
    let nobody = ("127.0.0.1:1".to_owned(), "none.".to_owned());
    let mut cluster = without_backends(Some(nobody)).await;
    cluster.add_gateway().await;
    assert_eq!(get(&mut cluster, "/healthz").await.0, 200);
    let (status, why) = get(&mut cluster, "/readyz").await;
    assert_eq!(status, 503, "{why}");
    within("a warning", async {
        while !cluster
            .gateway(0)
            .log()
            .contains("Kafka can not be reached")
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    let ended = cluster.gateway(0).terminate().await;
    assert!(ended.success(), "{}", cluster.gateway(0).log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_lacks_something_says_what() {
    let nobody = ("127.0.0.1:1".to_owned(), "none.".to_owned());
    let cluster = without_backends(Some(nobody)).await;
    let keys = cluster.keys();
    let keys = keys.to_str().expect("a path");
    for (role, environment, expected) in [
        ("gateway", &[][..], "KAFKA_BOOTSTRAP_SERVERS"),
        (
            "backend",
            &[("KAFKA_HOST", "127.0.0.1")][..],
            "DATABASE_URL",
        ),
        (
            "serve",
            &[("DATABASE_URL", "postgres://u:hidden@127.0.0.1:1/x")][..],
            "KAFKA_BOOTSTRAP_SERVERS",
        ),
        (
            "gateway",
            &[("KAFKA_HOST", "127.0.0.1")][..],
            "BLAZING_SUN_KEYS",
        ),
        (
            "gateway",
            &[
                ("KAFKA_HOST", "127.0.0.1"),
                ("BLAZING_SUN_KEYS", "/no/keys"),
            ][..],
            "/no/keys",
        ),
        (
            "backend",
            &[
                ("KAFKA_HOST", "127.0.0.1"),
                ("DATABASE_URL", "postgres://127.0.0.1/x?sslmode=maybe"),
                ("BLAZING_SUN_KEYS", keys),
            ][..],
            "it takes disable, prefer, require or verify-full",
        ),
        (
            "gateway",
            &[
                ("KAFKA_HOST", "127.0.0.1"),
                ("BLAZING_SUN_KAFKA__TLS__ENABLED", "true"),
                ("BLAZING_SUN_KAFKA__TLS__CA", "/no/ca.pem"),
                ("BLAZING_SUN_KEYS", keys),
            ][..],
            "`kafka.tls.ca`: `/no/ca.pem`",
        ),
    ] {
        let started = program(&[role, "--listen", "127.0.0.1:0"])
            .envs(environment.iter().copied())
            .output();
        let output = within("its end", started).await.expect("an output");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{role}: {error}");
        assert!(error.contains(expected), "{role}: {error}");
        assert!(!error.contains("hidden"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tool_takes_a_folder_for_a_deployment_on_kafka() {
    let nobody = ("127.0.0.1:1".to_owned(), "none.".to_owned());
    let cluster = without_backends(Some(nobody)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().to_str().expect("a path");
    for tool in [&["audit"][..], &["replay", "r"][..]] {
        let output = cluster.tool(tool).await;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{tool:?}");
        assert!(error.contains("in PostgreSQL"), "{tool:?}: {error}");
        // Named, a folder is meant.
        let named: Vec<&str> = tool.iter().copied().chain(["--data-dir", folder]).collect();
        let output = cluster.tool(&named).await;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            error.contains("no data of a server in"),
            "{tool:?}: {error}"
        );
    }
    let output = cluster.tool(&["serve", "--data-dir", folder]).await;
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("--data-dir names a folder"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_with_other_keys_than_the_backends_is_not_ready_and_names_its_file() {
    let mut cluster = Cluster::start(1, 1).await;
    let (whole, own) = (cluster.keys(), cluster.gateway_keys());
    // Another deployment's, of which it has a gateway's part.
    let other = whole.with_file_name("other");
    let others = whole.with_file_name("other-gateway");
    for arguments in [
        &["keys", "create"][..],
        &["keys", "gateway", "--keys", other.to_str().expect("a path")],
    ] {
        let file = if arguments.len() == 2 {
            &other
        } else {
            &others
        };
        let made = program(arguments).arg(file).output();
        let made = within("keys", made).await.expect("an output");
        assert!(made.status.success(), "{made:?}");
    }
    let with = |file: &std::path::Path| {
        let file = file.to_str().expect("a path").to_owned();
        vec![("BLAZING_SUN_KEYS".to_owned(), file)]
    };
    cluster.gateway(0).terminate().await;
    cluster.restart_gateway_with(0, &with(&others)).await;
    let why = within("the reason", async {
        loop {
            let (status, why) = get(&mut cluster, "/readyz").await;
            if status == 503 && why.contains("is not of this deployment") {
                break why;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    let why = why.await;
    assert!(why.contains(others.to_str().expect("a path")), "{why}");
    let log = cluster.gateway(0).log();
    assert!(
        log.contains("a gateway with other keys than the backends"),
        "{log}"
    );
    let secrets: Value =
        serde_json::from_slice(&std::fs::read(&others).expect("keys")).expect("JSON");
    let secret = secrets["password_keys"][0]["key"].as_str().expect("a key");
    assert!(!log.contains(secret) && !why.contains(secret));
    cluster.gateway(0).terminate().await;
    cluster.restart_gateway_with(0, &with(&own)).await;
    cluster.until_ready().await;
}
