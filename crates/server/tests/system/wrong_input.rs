//! Wrong input on each surface: a clear answer, and everyone else is served on.

use blazing_sun_harness::{Client, TestServer, program, text, tool, within};
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::test]
async fn the_socket_answers_wrong_frames_and_serves_on() {
    let server = TestServer::start().await;
    let guest = server.guest().await;
    let mut client = Client::sign_in(&server, &guest).await;
    for bad in [
        "",
        "x",
        "[]",
        "null",
        "{}",
        r#"{"type":7}"#,
        r#"{"type":"games.command.join_room","room_id":5}"#,
    ] {
        client.send_text(bad).await;
        let answer = client.until("an error", is_error).await;
        assert_eq!(answer["code"], "invalid_format", "{bad}: {answer}");
    }
    for unknown in [
        "dance",
        "open_matched_room",
        "sync_room",
        "player_disconnected",
    ] {
        let id = client.command(unknown, json!({ "room_id": "r" })).await;
        assert_eq!(client.refusal(id).await, "unknown_command", "{unknown}");
    }
    let id = client
        .command(
            "join_room",
            json!({ "room_id": Uuid::new_v4().to_string() }),
        )
        .await;
    assert_eq!(client.refusal(id).await, "room_not_found");
    let fields = json!({ "game_type": "chess", "room_name": "r" });
    let id = client.command("create_room", fields).await;
    assert_eq!(client.refusal(id).await, "unknown_game");
    let fields = json!({ "game_type": "bigger_dice", "room_name": "r", "max_players": 99 });
    let id = client.command("create_room", fields).await;
    assert_eq!(client.refusal(id).await, "invalid_player_count");
    client.create_room("still served").await;
}

#[tokio::test]
async fn the_socket_closes_on_who_does_not_keep_to_it() {
    let server = TestServer::start().await;
    let guest = server.guest().await;
    let mut unsigned = Client::connect(&server, &guest).await;
    unsigned
        .command(
            "create_room",
            json!({ "game_type": "bigger_dice", "room_name": "r" }),
        )
        .await;
    let answer = unsigned.until("an error", is_error).await;
    assert_eq!(answer["code"], "unauthenticated");

    let mut forged = Client::connect(&server, &guest).await;
    let (head, signature) = guest.token.rsplit_once('.').expect("a JWT");
    let token = format!("{head}.{}", signature.chars().rev().collect::<String>());
    forged
        .send(json!({ "type": "system.authenticate", "token": token }))
        .await;
    let answer = forged.until("an error", is_error).await;
    assert_eq!(answer["code"], "auth_failed");
    assert_eq!(forged.closed().await, Some(1008));

    let mut large = Client::sign_in(&server, &guest).await;
    large
        .send_text(&format!(r#"{{"type":"{}"}}"#, "x".repeat(20_000)))
        .await;
    assert_eq!(large.closed().await, Some(1009));
}

#[tokio::test]
async fn the_http_api_answers_with_problems() {
    let server = TestServer::start().await;
    let http = server.http();
    let wrong = [
        http.get(server.url("/api/v1/me")),
        http.get(server.url("/api/v1/me/balance"))
            .bearer_auth("no token"),
        http.post(server.url("/api/v1/auth/login"))
            .body("x")
            .header("content-type", "application/json"),
        http.post(server.url("/api/v1/auth/login"))
            .json(&json!({ "email": "a@b.example", "password": "wrong" })),
        http.post(server.url("/api/v1/auth/register"))
            .json(&json!({ "email": 5 })),
        http.get(server.url("/api/v1/no/such/thing")),
    ];
    for request in wrong {
        let answer = request.send().await.expect("an answer");
        assert!(answer.status().is_client_error(), "{}", answer.status());
        let kind = answer
            .headers()
            .get("content-type")
            .and_then(|kind| kind.to_str().ok());
        assert_eq!(kind, Some("application/problem+json"), "{}", answer.url());
        let problem: Value = answer.json().await.expect("JSON");
        assert!(problem["code"].is_string(), "{problem}");
    }
    server.guest().await;
}

#[tokio::test]
async fn the_command_line_says_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "[log]\npartition = 3\n").expect("written");
    let file = file.to_str().expect("a path");
    let nowhere = folder.path().join("nowhere");
    let nowhere = nowhere.to_str().expect("a path");
    let under_a_file = format!("{file}/data");
    for (arguments, parts) in [
        (
            vec!["serve", "--config", file],
            vec!["log.partition", "did you mean `log.partitions`"],
        ),
        (
            vec!["serve", "--config", nowhere],
            vec!["cannot read", nowhere],
        ),
        (
            vec!["serve", "--listen", "here"],
            vec!["server.listen", "ADDRESS:PORT", "--listen"],
        ),
        (
            vec![
                "serve",
                "--data-dir",
                &under_a_file,
                "--listen",
                "127.0.0.1:0",
            ],
            vec!["data directory", file],
        ),
        (
            vec![
                "serve",
                "--bench",
                "--listen",
                "0.0.0.0:0",
                "--data-dir",
                nowhere,
            ],
            vec!["--bench", "loopback"],
        ),
        (
            vec!["tail", "games.events", "--data-dir", nowhere],
            vec!["no data", nowhere],
        ),
        (
            vec!["audit", "--data-dir", nowhere],
            vec!["no data", nowhere],
        ),
        (
            vec!["bench", "rooms", "--url", "ftp://x"],
            vec!["http://ADDRESS:PORT"],
        ),
        (
            vec!["bench", "rooms", "--url", "http://127.0.0.1:9"],
            vec!["127.0.0.1:9"],
        ),
        (vec!["dance"], vec!["dance"]),
    ] {
        let output = within("its end", program(&arguments).output())
            .await
            .expect("an output");
        assert!(!output.status.success(), "{arguments:?}");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        for part in parts {
            assert!(error.contains(part), "{arguments:?}: {error} lacks {part}");
        }
    }
    let kafka = program(&["serve", "--data-dir", nowhere])
        .env("KAFKA_HOST", "kafka")
        .output()
        .await;
    let error = String::from_utf8_lossy(&kafka.expect("an output").stderr).into_owned();
    assert!(
        error.contains("DATABASE_URL") && error.contains("is missing"),
        "{error}"
    );
    let bank = program(&["test-bank", "--dir", nowhere])
        .env("STRIPE_SECRET_KEY", "sk_live_hidden")
        .output();
    let bank = within("its end", bank).await.expect("an output");
    let error = String::from_utf8_lossy(&bank.stderr).into_owned();
    assert_eq!(bank.status.code(), Some(2), "{error}");
    assert!(
        error.contains("is a live key") && !error.contains("hidden"),
        "{error}"
    );
}

/// What nobody can take or nobody listens to is not asked wrongly: 1, and not 2.
#[tokio::test]
async fn what_may_go_well_another_time_has_its_own_exit_code() {
    let server = TestServer::start().await;
    server.guest().await;
    let data_dir = server.data_dir();
    let folder = data_dir.to_str().expect("plain text");
    for arguments in [
        vec!["topics"],
        vec!["groups"],
        vec!["audit"],
        vec!["tail", "games.commands", "--from-beginning", "--until-end"],
        vec!["user", "show", "1"],
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full");
        // Not by `output`, which pipes standard output whatever was said.
        let child = program(&arguments)
            .args(["--data-dir", folder])
            .stdout(full.expect("a device that is always full"))
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("started");
        let output = within("its end", child.wait_with_output());
        let output = output.await.expect("an output");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.contains("No space left"), "{arguments:?}: {error}");
    }
    let arguments = ["bench", "rooms", "--json", "--url", "http://127.0.0.1:9"];
    let output = within("its end", program(&arguments).output()).await;
    let output = output.expect("an output");
    let error: Value = serde_json::from_slice(&output.stderr).expect("JSON");
    assert_eq!(
        (output.status.code(), &error["code"]),
        (Some(1), &Value::from("unavailable"))
    );
}

#[tokio::test]
async fn an_unknown_topic_names_those_that_are_there() {
    let server = TestServer::start().await;
    for topic in ["games.event", "_journal", ""] {
        let output = tool(&["tail", topic, "--from-beginning"], &server.data_dir()).await;
        assert!(!output.status.success(), "{topic}");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            error.contains("games.events") && error.contains("bigger_dice.win_prize"),
            "{error}"
        );
        assert!(!error.contains("there are: _journal"), "{error}");
    }
}

fn is_error(frame: &Value) -> bool {
    text(&frame["type"]).ends_with(".error")
}
