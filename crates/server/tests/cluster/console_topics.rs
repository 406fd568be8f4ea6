//! What operators see of the topics, on Kafka and PostgreSQL.

use crate::console::operator;
use crate::topics_seen::{groups_and_members, letters, put_letter, topics_and_messages};
use blazing_sun_backbone::log::kafka::{KafkaLog, KafkaOptions};
use blazing_sun_harness::{Client, Cluster};
use serde_json::Value;

/// Two play on a gateway; gives their room.
async fn play(cluster: &mut Cluster) -> (Client, Client, String) {
    let (host, other) = (cluster.guest_at(0).await, cluster.guest_at(0).await);
    let address = cluster.gateway(0).address();
    let mut host_client = Client::sign_in_at(address, &host, &[]).await;
    let mut other_client = Client::sign_in_at(address, &other, &[]).await;
    let room = host_client.create_room("My Game").await;
    other_client.join_room(&room).await;
    host_client.select(&room, &[&host, &other]).await;
    host_client.ready(&room).await;
    other_client.ready(&room).await;
    tokio::join!(host_client.play(&room), other_client.play(&room));
    (host_client, other_client, room)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_backend_knows_topics_members_and_letters() {
    let mut cluster = Cluster::start(1, 2).await;
    let console = operator(&mut cluster, 1).await;
    let (_host, _other, room) = play(&mut cluster).await;
    topics_and_messages(&console, &room).await;
    groups_and_members(&console, None).await;
    let outbox = console.ok("outbox").await;
    let partitions = outbox["partitions"].as_array().expect("partitions");
    assert!(!partitions.is_empty(), "{outbox:#}");
    for partition in partitions {
        let upto = |name: &str| partition[name].as_u64().expect("a batch");
        assert!(upto("published_upto") <= upto("committed"), "{partition:#}");
        assert!(partition["owner"].is_string());
    }

    let (servers, prefix) = cluster.kafka();
    let options = KafkaOptions {
        topic_prefix: prefix.to_owned(),
        ..KafkaOptions::new(servers)
    };
    let connected = tokio::task::spawn_blocking(move || KafkaLog::connect(options, None));
    let log = connected.await.expect("asked").expect("Kafka answers");
    put_letter(&log, r#"{"password":"hunter2"}"#).await;
    put_letter(&log, "poison").await;
    letters(&console, async |arguments: &[&str]| {
        let arguments = [&["dead-letters"], arguments, &["--json"]].concat();
        let output = cluster.tool(&arguments).await;
        let told = match output.status.success() {
            true => output.stdout,
            false => output.stderr,
        };
        let told: Value = serde_json::from_slice(&told).expect("JSON");
        (output.status.code().unwrap_or(-1), told)
    })
    .await;
    for (arguments, has) in [
        (&["groups", "list"][..], "ws_gateway"),
        (&["groups", "describe", "blazing_sun"], "games.commands"),
        (&["topics", "list"], "events.dead_letter"),
        (&["topics", "describe", "games.events"], "retention.ms"),
    ] {
        let output = cluster.tool(arguments).await;
        let printed = String::from_utf8(output.stdout).expect("text");
        assert!(
            output.status.success() && printed.contains(has),
            "{arguments:?}: {printed}"
        );
    }
}
