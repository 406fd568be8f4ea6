//! Starting, serving pages, ending.

use blazing_sun_harness::kafka::TestKafka;
use blazing_sun_harness::postgres::{self, TestPostgres};
use blazing_sun_harness::{Client, DEADLINE, TestServer, program, within};
use serde_json::json;

#[tokio::test]
async fn asked_to_end_it_sends_everyone_off_and_ends_well() {
    let mut server = TestServer::start().await;
    let guest = server.guest().await;
    let mut client = Client::sign_in(&server, &guest).await;
    let room = client.create_room("r").await;
    let status = server.terminate().await;
    assert!(status.success(), "{status}: {}", server.log());
    assert_eq!(client.closed().await, Some(1012));

    server.restart().await;
    let mut client = Client::sign_in(&server, &guest).await;
    client
        .command("rejoin_room", json!({ "room_id": room }))
        .await;
    let state = client.event("games.event.room_state").await;
    assert_eq!(state["room"]["room_id"], room.as_str());
}

#[tokio::test]
async fn a_folder_and_a_port_have_one_server() {
    let server = TestServer::start().await;
    let data_dir = server.data_dir();
    let data_dir = data_dir.to_str().expect("a path");
    let free = ["serve", "--data-dir", data_dir, "--listen", "127.0.0.1:0"];
    let same_folder = within("its end", program(&free).output())
        .await
        .expect("an output");
    assert!(!same_folder.status.success());
    let error = String::from_utf8_lossy(&same_folder.stderr).into_owned();
    assert!(error.contains("in use by another process"), "{error}");

    let folder = tempfile::tempdir().expect("a folder");
    let address = server.address().to_string();
    let taken = [
        "serve",
        "--data-dir",
        folder.path().to_str().expect("a path"),
        "--listen",
        &address,
    ];
    let same_port = within("its end", program(&taken).output())
        .await
        .expect("an output");
    assert!(!same_port.status.success());
    let error = String::from_utf8_lossy(&same_port.stderr).into_owned();
    assert!(
        error.contains(&address) && error.contains("in use"),
        "{error}"
    );
}

#[tokio::test]
async fn keys_are_made_once_and_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mut server = TestServer::start().await;
    let keys = server.data_dir().join("keys");
    let made = std::fs::read(&keys).expect("keys");
    let mode = std::fs::metadata(&keys).expect("keys").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let guest = server.guest().await;
    server.terminate().await;
    server.restart().await;
    assert_eq!(std::fs::read(&keys).expect("keys"), made);
    assert_eq!(
        server.balance_cents(&guest).await,
        5000,
        "a token outlives a restart"
    );
}

#[tokio::test]
async fn pages_and_answers_carry_their_headers() {
    let server = TestServer::start().await;
    for path in ["/", "/r/some-room", "/api/v1/games", "/nothing/here"] {
        let answer = server
            .http()
            .get(server.url(path))
            .send()
            .await
            .expect("an answer");
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        let policy = header("content-security-policy");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        if !path.starts_with("/api") {
            assert!(policy.contains("script-src 'self'"), "{path}: {policy}");
            assert!(
                policy.contains(&format!("ws://{}", server.address())),
                "{path}: {policy}"
            );
        }
    }
    let ready = server
        .http()
        .get(server.url("/readyz"))
        .send()
        .await
        .expect("an answer");
    assert!(ready.status().is_success());
}

#[tokio::test]
async fn measuring_has_its_own_game_and_tokens_that_last() {
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = folder.path().join("tokens");
    let asked = format!("{}:4", tokens.display());
    let server = TestServer::start_with(&["--bench", "--bench-tokens", &asked]).await;
    let lines = std::fs::read_to_string(&tokens).expect("tokens");
    assert_eq!(lines.lines().count(), 4);
    let run = within(
        "a short measurement",
        program(&[
            "bench",
            "rooms",
            "--url",
            &server.url(""),
            "--rooms",
            "2",
            "--seconds",
            "0.5",
        ])
        .args(["--warmup", "0.1", "--rounds", "1", "--json", "--tokens"])
        .arg(&tokens)
        .output(),
    );
    let output = run.await.expect("an output");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{error}{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["game"], "relay");
    assert!(
        report["commands_per_s"]["median"]
            .as_f64()
            .is_some_and(|rate| rate > 0.0),
        "{report:#}"
    );
    assert_eq!(
        (&report["lost"], &report["doubled"]),
        (&json!(0), &json!(0))
    );
    let p50_ms = report["p50_ms"]["median"].as_f64();
    assert!(p50_ms.is_some_and(|p50_ms| p50_ms > 0.01), "{report:#}");
    assert_eq!(server.audit().await["clean"], true);
}

#[tokio::test]
async fn measuring_plays_whole_games_too() {
    let server = TestServer::start().await;
    let output = within(
        "a short measurement",
        program(&[
            "bench",
            "rooms",
            "--url",
            &server.url(""),
            "--rooms",
            "2",
            "--seconds",
            "1",
        ])
        .args([
            "--warmup", "0.1", "--rounds", "1", "--json", "--rate", "100",
        ])
        .output(),
    );
    let output = output.await.expect("an output");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{error}{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["game"], "bigger_dice");
    assert!(
        report["commands_per_s"]["median"]
            .as_f64()
            .is_some_and(|rate| rate > 0.0),
        "{report:#}"
    );
    assert_eq!(server.audit().await["clean"], true);
}

async fn measured(arguments: &[&str]) -> serde_json::Value {
    let output = within("a short measurement", program(arguments).output());
    let output = output.await.expect("an output");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{error}{}",
        String::from_utf8_lossy(&output.stdout)
    );
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[tokio::test]
async fn the_floor_is_measured_on_topics_and_tables_that_are_gone_afterwards() {
    let asked = tokio::task::spawn_blocking(|| {
        let (kafka, postgres) = (TestKafka::shared(), TestPostgres::shared());
        (kafka.bootstrap_servers(), postgres.new_database())
    });
    let (brokers, database_url) = asked.await.expect("Kafka and PostgreSQL");
    for pace in [["--in-flight", "8"], ["--rate", "50"]] {
        let mut arguments = vec!["bench", "floor", "--json", "--partitions", "2"];
        arguments.extend(["--seconds", "0.5", "--warmup", "0.2", "--rounds", "1"]);
        arguments.extend(["--kafka", brokers, "--database-url", &database_url]);
        arguments.extend(pace);
        let report = measured(&arguments).await;
        let median = |figure: &str| report[figure]["median"].as_f64().unwrap_or_default();
        assert!(median("commands_per_s") > 0.0, "{report:#}");
        let (whole_ms, commit_ms) = (median("p50_ms"), median("commit_p50_ms"));
        assert!(whole_ms > commit_ms && commit_ms > 0.0, "{report:#}");
        assert_eq!(
            (&report["lost"], &report["doubled"]),
            (&json!(0), &json!(0))
        );
    }
    let topics = tokio::task::spawn_blocking(|| {
        let list = || TestKafka::shared().tool("kafka-topics", &["--list"]);
        // The broker answers before it has removed them.
        let is_left = || list().contains(".floor.");
        let until = std::time::Instant::now() + DEADLINE;
        while is_left() {
            assert!(std::time::Instant::now() < until, "topics are left");
        }
    });
    topics.await.expect("no topic is left");
    let none_left = "DO $$ BEGIN ASSERT NOT EXISTS (SELECT FROM pg_namespace WHERE nspname LIKE 'bench%'); END $$";
    let looked = tokio::task::spawn_blocking(move || postgres::execute(&database_url, none_left));
    looked.await.expect("no schema is left");
}

#[tokio::test]
async fn fan_out_and_rest_are_measured() {
    let server = TestServer::start_with(&["--bench"]).await;
    let url = server.url("");
    let report = measured(&[
        "bench",
        "fanout",
        "--url",
        &url,
        "--subscribers",
        "10",
        "--rate",
        "50",
        "--seconds",
        "0.5",
        "--warmup",
        "0.1",
        "--rounds",
        "1",
        "--json",
    ])
    .await;
    assert_eq!(report["subscribers"], 10);
    let rate = report["deliveries_per_s"]["median"].as_f64();
    assert!(rate.is_some_and(|rate| rate > 0.0), "{report:#}");
    assert_eq!(
        (&report["lost"], &report["doubled"]),
        (&json!(0), &json!(0))
    );

    let report = measured(&[
        "bench",
        "idle",
        "--url",
        &url,
        "--connections",
        "20",
        "--seconds",
        "0.2",
        "--rounds",
        "2",
        "--json",
    ])
    .await;
    assert_eq!(
        (&report["connections"], &report["lost"]),
        (&json!(20), &json!(0))
    );
    let rate = report["connections_per_s"]["median"].as_f64();
    assert!(rate.is_some_and(|rate| rate > 0.0), "{report:#}");
}

#[tokio::test]
async fn who_stops_reading_is_closed_while_fan_out_is_measured() {
    let server = TestServer::start_with(&["--bench"]).await;
    let report = measured(&[
        "bench",
        "fanout",
        "--url",
        &server.url(""),
        "--subscribers",
        "10",
        "--stalled",
        "20",
        "--rate",
        "100",
        "--payload-bytes",
        "8000",
        "--seconds",
        "0.5",
        "--warmup",
        "0.1",
        "--rounds",
        "1",
        "--json",
    ])
    .await;
    assert_eq!(
        (&report["lost"], &report["stalled_and_left_open"]),
        (&json!(0), &json!(0))
    );
    let closed = report["closed_after_stalling_s"]["max"].as_f64();
    assert!(closed.is_some_and(|seconds| seconds > 0.0), "{report:#}");
}

#[tokio::test]
async fn fan_out_is_measured_within_a_servers_limits() {
    let server = TestServer::start().await;
    let report = measured(&[
        "bench",
        "fanout",
        "--url",
        &server.url(""),
        "--subscribers",
        "12",
        "--seconds",
        "0.5",
        "--warmup",
        "0.1",
        "--rounds",
        "1",
        "--json",
    ])
    .await;
    assert_eq!(
        (&report["rate"], &report["lost"]),
        (&json!(15.0), &json!(0))
    );
    let notes = report["notes"].to_string();
    assert!(notes.contains("limits"), "{notes}");
}

/// Whole requests are served while half of one, sent bit by bit, is waited for no longer than configured.
#[tokio::test]
async fn half_a_request_is_closed_while_others_are_served() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.toml");
    std::fs::write(
        &file,
        "[server]\nrequest_head_within_s = 1\nconnections_per_address_max = 40\n",
    )
    .expect("written");
    let file = file.to_str().expect("a path");
    let server = TestServer::start_with(&["--config", file]).await;
    let guest = server.guest().await;
    let mut client = Client::sign_in(&server, &guest).await;

    let mut halves = Vec::new();
    for _ in 0..30 {
        let stream = tokio::net::TcpStream::connect(server.address()).await;
        let mut stream = stream.expect("a connection");
        let half = b"GET /readyz HTTP/1.1\r\nhost: x\r\n";
        stream.write_all(half).await.expect("sent");
        halves.push(stream);
    }
    // One connection a request: one that is kept for another may be closed just when that is sent.
    let http = reqwest::Client::builder().pool_max_idle_per_host(0).build();
    let http = http.expect("a client");
    let ready = || async {
        let answer = http.get(server.url("/readyz")).send().await;
        answer.expect("an answer").status()
    };
    assert!(ready().await.is_success());
    for half in &mut halves {
        let mut rest = Vec::new();
        // A header more every 300 ms does not keep it open.
        let closed = async {
            loop {
                let read = half.read_to_end(&mut rest);
                match tokio::time::timeout(std::time::Duration::from_millis(300), read).await {
                    Ok(_) => return,
                    Err(_) => drop(half.write_all(b"x: y\r\n").await),
                }
            }
        };
        within("the end of half a request", closed).await;
    }
    assert!(ready().await.is_success());

    // More than one address may have are closed at once, sockets apart; and they are given back.
    let mut held = Vec::new();
    let mut closed_at_once = 0;
    for _ in 0..60 {
        let stream = tokio::net::TcpStream::connect(server.address()).await;
        held.push(stream.expect("a connection"));
    }
    for stream in &mut held {
        let read = stream.read_u8();
        let soon = std::time::Duration::from_millis(10);
        closed_at_once += u32::from(tokio::time::timeout(soon, read).await.is_ok());
    }
    assert!(closed_at_once >= 20, "{closed_at_once}");
    drop(held);
    client.create_room("r").await;
    within("its turn", async {
        loop {
            let answer = reqwest::get(server.url("/readyz")).await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
}
