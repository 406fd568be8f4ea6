//! What operators see of the topics, on one folder.

use crate::console::operator;
use crate::topics_seen::{groups_and_members, letters, put_letter, topics_and_messages};
use blazing_sun_backbone::log::sqlite::{SqliteLog, SqliteLogOptions};
use blazing_sun_harness::{TestServer, tool, whole_game};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn topics_messages_groups_and_members_are_seen() {
    let server = TestServer::start().await;
    let (_, console) = operator(&server).await;
    let (_host, _other, room) = whole_game(&server).await;
    topics_and_messages(&console, &room).await;
    groups_and_members(&console, Some("gateway-1")).await;
    let outbox = console.ok("outbox").await;
    assert_eq!(outbox, serde_json::json!({ "partitions": [] }));

    // The command line finds the same.
    let rolled = "type=games.event.bigger_dice.rolled&text=ROLL&limit=500";
    let path = format!("topics/games.events/messages?start=oldest&{rolled}&room={room}");
    let found = console.ok(&path).await;
    let found = found["messages"].as_array().expect("messages");
    let tail = |since: &'static str| {
        let (room, data_dir) = (room.clone(), server.data_dir());
        async move {
            let topic = ["tail", "games.events", "--until-end", "--since", since];
            let filters = ["--type", "games.event.bigger_dice.rolled", "--text", "ROLL"];
            let room = ["--room", &room, "--json"];
            let output = tool(&[&topic[..], &filters, &room].concat(), &data_dir).await;
            assert!(output.status.success());
            let lines = String::from_utf8(output.stdout).expect("text");
            lines.lines().count()
        }
    };
    assert_eq!(tail("1h").await, found.len());
    assert_eq!(tail("2100-01-01T00:00:00Z").await, 0);
    let wrong = tool(
        &["tail", "games.events", "--since", "1y"],
        &server.data_dir(),
    )
    .await;
    assert_eq!(wrong.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_decided_on_once() {
    let mut server = TestServer::start().await;
    server.kill().await;
    {
        let path = server.data_dir().join("blazing-sun.db");
        let log = SqliteLog::standalone(&path, SqliteLogOptions::default()).expect("the log");
        put_letter(&log, r#"{"password":"hunter2"}"#).await;
        put_letter(&log, "poison").await;
    }
    server.restart().await;
    let (_, console) = operator(&server).await;
    let data_dir = server.data_dir();
    letters(&console, async |arguments: &[&str]| {
        let arguments = [&["dead-letters"], arguments, &["--json"]].concat();
        let output = tool(&arguments, &data_dir).await;
        let told = match output.status.success() {
            true => output.stdout,
            false => output.stderr,
        };
        let told: Value = serde_json::from_slice(&told).expect("JSON");
        (output.status.code().unwrap_or(-1), told)
    })
    .await;
}
