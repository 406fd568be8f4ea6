//! The tools that only look: topics, groups, tail's filters, the configuration in force; beside a running
//! server and on what a stopped one has left.

use crate::users::{answer, refusal};
use blazing_sun_harness::{Client, TestServer, program, text, tool, whole_game, within};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};

const LOOK_AGAIN: Duration = Duration::from_millis(50);

fn rows(answer: &Value) -> &Vec<Value> {
    answer.as_array().expect("a list")
}

async fn lines(arguments: &[&str], data_dir: &Path) -> Vec<Value> {
    let whole = ["--from-beginning", "--until-end"];
    let output = tool(&[&["tail"], arguments, &whole].concat(), data_dir).await;
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {error}");
    let lines = String::from_utf8(output.stdout).expect("text");
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    lines.collect()
}

#[tokio::test]
async fn topics_are_listed_as_they_stand() {
    let mut server = TestServer::start().await;
    let data_dir = server.data_dir();
    whole_game(&server).await;
    for round in 0..2 {
        let topics = answer(&["topics"], &data_dir).await;
        for name in [
            "games.events",
            "bigger_dice.win_prize",
            "events.dead_letter",
        ] {
            let topic = rows(&topics).iter().find(|topic| topic["topic"] == name);
            let topic = topic.unwrap_or_else(|| panic!("no {name}: {topics}"));
            let records = lines(&[name, "--json"], &data_dir).await;
            assert_eq!(topic["records"], records.len(), "{topic}");
            assert_eq!(
                (&topic["partitions"], &topic["retention_days"]),
                (&json!(12), &json!(7))
            );
            let instants: Vec<&str> = records
                .iter()
                .filter_map(|record| record["timestamp"].as_str())
                .collect();
            assert_eq!(topic["oldest"].as_str(), instants.iter().min().copied());
            assert_eq!(topic["newest"].as_str(), instants.iter().max().copied());
            let next: u64 = rows(&topic["offsets"])
                .iter()
                .filter_map(|it| it["next"].as_u64())
                .sum();
            assert_eq!(next, records.len() as u64);
            assert_eq!(topic["bytes"] == 0, records.is_empty());
        }
        assert!(!topics.to_string().contains("_journal"));
        let created = answer(&["topics", "create"], &data_dir).await;
        assert_eq!(
            (&created["created"], &created["missing"]),
            (&json!([]), &json!([]))
        );
        assert_eq!(rows(&created["exist"]).len(), rows(&topics).len());
        if round == 0 {
            server.terminate().await;
        }
    }
    let printed = tool(&["topics"], &data_dir).await;
    let printed = String::from_utf8(printed.stdout).expect("text");
    assert!(
        printed.starts_with("topic ") && printed.contains("\ngames.commands "),
        "{printed}"
    );
    for arguments in [&["topics"][..], &["topics", "create"], &["groups"]] {
        let (_, exit_code, message) = refusal(arguments, &data_dir.join("nowhere")).await;
        assert!(
            exit_code == 2 && message.contains("no data"),
            "{arguments:?}: {message}"
        );
    }
    assert_eq!(refusal(&["topics", "drop"], &data_dir).await.0, "usage");
}

#[tokio::test]
async fn groups_tell_how_far_each_has_read() {
    let mut server = TestServer::start().await;
    let data_dir = server.data_dir();
    whole_game(&server).await;
    let of = |groups: &Value, group: &str| -> Vec<Value> {
        let its = rows(groups).iter().filter(|row| row["group"] == group);
        its.cloned().collect()
    };
    let groups = answer(&["groups"], &data_dir).await;
    for group in ["ws_gateway", "blazing_sun"] {
        let rows = of(&groups, group);
        assert_eq!(rows.len() % 12, 0);
        assert!(
            rows.iter().any(|row| row["end"].as_u64() > Some(0)),
            "{group}"
        );
        for row in rows {
            let (committed, end) = (row["committed"].as_u64(), row["end"].as_u64());
            assert!(committed.is_some() && committed <= end, "{row}");
            assert_eq!(
                row["lag"].as_u64(),
                end.zip(committed).map(|(end, at)| end - at)
            );
        }
    }
    // The game is over and both players have heard so: the gateway has read what there is.
    let events: Vec<Value> = of(&groups, "ws_gateway");
    let events = events.iter().filter(|row| row["topic"] == "games.events");
    assert!(
        events.clone().count() == 12 && events.clone().all(|row| row["lag"] == 0),
        "{groups}"
    );
    let checkout = of(&groups, "checkout-service");
    assert!(!checkout.is_empty());
    for row in &checkout {
        let (committed, end) = (row["committed"].as_u64(), row["end"].as_u64());
        assert!(committed.is_some() && committed <= end, "{row}");
    }
    // It reads the fees and the prize of the game.
    let has_read = async {
        loop {
            let groups = answer(&["groups"], &data_dir).await;
            let rows = of(&groups, "checkout-service");
            let of_game = rows
                .iter()
                .filter(|row| row["topic"] != "checkout.requests");
            let read: u64 = of_game.filter_map(|row| row["committed"].as_u64()).sum();
            if read == 3 && rows.iter().all(|row| row["lag"] == 0) {
                return;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    within("the checkout's places", has_read).await;

    server.terminate().await;
    let groups = answer(&["groups"], &data_dir).await;
    let checkout = of(&groups, "checkout-service");
    assert!(checkout.iter().all(|row| row["lag"] == 0), "{groups}");
    let gateway = of(&groups, "ws_gateway");
    assert!(!gateway.is_empty() && gateway.iter().all(|row| row["committed"].is_null()));
    let printed = tool(&["groups"], &data_dir).await;
    let printed = String::from_utf8(printed.stdout).expect("text");
    assert!(printed.contains("no server runs"), "{printed}");
    assert!(!printed.contains("no checkout"), "{printed}");
    std::fs::remove_file(data_dir.join("checkout.sqlite3")).expect("removed");
    let groups = answer(&["groups"], &data_dir).await;
    let checkout = of(&groups, "checkout-service");
    assert!(
        checkout.iter().all(|row| row["committed"].is_null()),
        "{groups}"
    );
    let printed = tool(&["groups"], &data_dir).await;
    let printed = String::from_utf8(printed.stdout).expect("text");
    assert!(
        printed.contains("no checkout was ever started here"),
        "{printed}"
    );
}

#[tokio::test]
async fn tail_finds_what_is_asked_for() {
    let server = TestServer::start().await;
    let data_dir = server.data_dir();
    let guest = server.guest().await;
    let mut client = Client::sign_in(&server, &guest).await;
    let fields = json!({ "game_type": "bigger_dice", "room_name": "One", "max_players": 2 });
    let id = client.command("create_room", fields).await.to_string();
    let state = client.event("games.event.room_state").await;
    let room = text(&state["room"]["room_id"]);
    client.create_room("Two").await;

    let both = ["games.commands", "games.events"];
    let followed = lines(&[&both[..], &["--correlation-id", &id]].concat(), &data_dir).await;
    assert!(followed.len() >= 3, "{followed:#?}");
    assert!(
        followed
            .iter()
            .all(|record| record["correlation_id"] == id.as_str())
    );
    for producer in ["ws_gateway", "blazing_sun"] {
        assert!(
            followed.iter().any(|record| record["producer"] == producer),
            "{producer}"
        );
    }
    let of_room = lines(&["games.events", "--key", &room, "--json"], &data_dir).await;
    assert!(!of_room.is_empty());
    for record in &of_room {
        assert_eq!(
            (&record["key"], &record["topic"]),
            (&json!(room), &json!("games.events"))
        );
        assert!(record["offset"].is_u64() && record["partition"].is_u64());
        assert!(record["value"]["event_type"].is_string(), "{record}");
    }
    let created = ["games.events", "--type", "games.event.room_created"];
    assert_eq!(lines(&created, &data_dir).await.len(), 2);
    let one = [
        &created[..],
        &["--type", "wallet.*", "--correlation-id", &id],
    ]
    .concat();
    let one = lines(&one, &data_dir).await;
    assert_eq!(one.len(), 1, "{one:#?}");
    let wallet = lines(&["games.events", "--type", "wallet.*"], &data_dir).await;
    assert!(!wallet.is_empty());
    assert!(
        wallet
            .iter()
            .all(|record| text(&record["event_type"]).starts_with("wallet."))
    );
    assert!(
        lines(&["games.events", "--key", "no such"], &data_dir)
            .await
            .is_empty()
    );
    let first = ["games.events", "--type", "games.event.*", "--max", "1"];
    assert_eq!(lines(&first, &data_dir).await.len(), 1);

    let (code, exit_code, message) = refusal(&["tail", "games.events", "dice"], &data_dir).await;
    assert_eq!((code.as_str(), exit_code), ("topic_not_found", 2));
    assert!(
        message.contains("`dice`") && message.contains("games.commands"),
        "{message}"
    );
    for wrong in [&["tail"][..], &["tail", "games.events", "--type", "*.x"]] {
        assert_eq!(refusal(wrong, &data_dir).await.0, "usage", "{wrong:?}");
    }
}

#[tokio::test]
async fn the_configuration_in_force_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("sun.toml");
    std::fs::write(&file, "[log]\nretention_days = 9\n").expect("written");
    let file = file.to_str().expect("a path");
    let run = |arguments: &[&str]| {
        let mut command = program(&[&["config"], arguments].concat());
        command.env("BLAZING_SUN_LOG__PARTITIONS", "3");
        within_output(command)
    };
    let output = run(&["--json", "--config", file, "--listen", "127.0.0.1:0"]).await;
    let settings: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for expected in [
        json!({ "key": "log.retention_days", "value": 9, "source": "file", "from": file }),
        json!({
            "key": "log.partitions", "value": 3, "source": "environment",
            "from": "BLAZING_SUN_LOG__PARTITIONS",
        }),
        json!({
            "key": "server.listen", "value": "127.0.0.1:0", "source": "flag", "from": "--listen",
        }),
        json!({ "key": "gateway.id", "value": null, "source": "default", "from": null }),
    ] {
        assert!(
            rows(&settings).contains(&expected),
            "{expected} is not in {settings:#}"
        );
    }
    let printed = String::from_utf8(run(&[]).await.stdout).expect("text");
    let line = printed
        .lines()
        .find(|line| line.starts_with("log.partitions "));
    let line = line.unwrap_or_else(|| panic!("{printed}"));
    assert!(
        line.ends_with("environment: BLAZING_SUN_LOG__PARTITIONS"),
        "{line}"
    );

    // What `serve` refuses is refused in the same words.
    for arguments in [&["--listen", "here"][..], &["--config", "/no/such/file"]] {
        let of = async |command: &str| {
            let output = within_output(program(&[&[command], arguments].concat())).await;
            (
                output.status.code(),
                String::from_utf8_lossy(&output.stderr).into_owned(),
            )
        };
        let config = of("config").await;
        assert_eq!(config.0, Some(2));
        assert_eq!(config, of("serve").await);
    }
}

#[tokio::test]
async fn serve_tells_its_address_as_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = program(&["serve", "--json", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("started");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let line = within("an address", lines.next_line())
        .await
        .expect("read")
        .expect("a line");
    let told: Value = serde_json::from_str(&line).expect("JSON");
    let health = format!("{}/healthz", text(&told["url"]));
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    assert_eq!(
        client.get(health).send().await.expect("an answer").status(),
        200
    );
    within("its end", child.kill()).await.expect("killed");
}

async fn within_output(mut command: tokio::process::Command) -> std::process::Output {
    within("its end", command.output())
        .await
        .expect("an output")
}
