//! Events that brokers do not take: what is decided waits, and paid games are closed until it is published.

use crate::site::{PARTITIONS, Servers, Site};
use blazing_sun_backbone::partitioner::partition_of;
use blazing_sun_harness::kafka::TestKafka;
use blazing_sun_harness::{Client, text};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

const WITHIN: Duration = Duration::from_secs(120);
/// A backlog is too old after 30 s.
const CONGESTED_WITHIN: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Denies everyone to write to a topic, or allows it again.
async fn may_be_written(kafka: &Arc<TestKafka>, topic: &str, may: bool) {
    let (kafka, topic) = (Arc::clone(kafka), topic.to_owned());
    let denied = ["--deny-principal", "User:*", "--operation", "Write"];
    // Where a topic has rules, who is not named by one may nothing.
    let allowed = ["--allow-principal", "User:*", "--operation", "All"];
    let rules = match may {
        true => vec![("--remove", denied)],
        false => vec![("--add", allowed), ("--add", denied)],
    };
    let changed = tokio::task::spawn_blocking(move || {
        for (change, rule) in rules {
            let whole = [&[change, "--force", "--topic", &topic][..], &rule].concat();
            kafka.tool("kafka-acls", &whole);
        }
    });
    changed.await.expect("the rules are changed");
}

/// What a client is answered to a command.
async fn answer_to(client: &mut Client, command: Uuid) -> Value {
    let id = command.to_string();
    let is_answer = |frame: &Value| {
        frame["type"] != "system.ack"
            && (frame["correlation_id"] == id || frame["command_id"] == id)
    };
    client.until("an answer", is_answer).await
}

async fn decided(site: &Site, since: u64) {
    let decided = async {
        while site.commands().await == since || !site.is_decided().await {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let decided = tokio::time::timeout(WITHIN, decided).await;
    decided.expect("decided while nothing is published");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_of_events_closes_paid_games_until_it_is_gone_and_running_ones_go_on() {
    let authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned();
    let starting = Servers::own_kafka_with(vec![
        ("authorizer.class.name", authorizer),
        ("allow.everyone.if.no.acl.found", "true".to_owned()),
    ]);
    let (kafka, servers) = starting.await;
    let mut site = Site::open(&servers).await;
    let gateways = [0, 1].map(|at| site.cluster.gateway(at).address());
    let mut clients = Vec::new();
    for at in 0..3 {
        let guest = site.cluster.guest().await;
        clients.push(Client::sign_in_at(gateways[at % 2], &guest, &[]).await);
    }
    let [mut host, mut other, mut late] = clients.try_into().unwrap_or_else(|_| panic!("three"));
    let running = host.create_room("running").await;
    other.join_room(&running).await;
    host.event("games.event.lobby_joined").await;
    let players = [host.guest.clone(), other.guest.clone()];
    host.select(&running, &[&players[0], &players[1]]).await;
    host.ready(&running).await;
    other.ready(&running).await;
    let turn = host.event("games.event.turn_changed").await;
    let mut first = &mut other;
    if turn["current_turn"] == players[0].user_id.as_str() {
        first = &mut host;
    } else {
        first.event("games.event.turn_changed").await;
    }
    let mut owner = Client::sign_in_at(gateways[0], &site.cluster.guest().await, &[]).await;
    let open = owner.create_room("open").await;

    let topic = format!("{}games.events", site.cluster.kafka().1);
    may_be_written(&kafka, &topic, false).await;
    let before = site.commands().await;
    let roll = json!({ "room_id": running });
    let roll = first.command("bigger_dice.roll", roll).await;
    decided(&site, before).await;
    // Answers can not be published, nor what comes of anything else.
    let asking = Instant::now();
    let partition = format!(
        "\"partition\":{},",
        partition_of(open.as_bytes(), PARTITIONS)
    );
    let is_closed = |logs: &str| {
        let mut told = logs.lines().filter(|line| line.contains(&partition));
        told.any(|line| line.contains("nobody may join a paid game"))
    };
    loop {
        let logs = site.cluster.logs();
        if is_closed(&logs) {
            break;
        }
        assert!(asking.elapsed() < CONGESTED_WITHIN, "{logs}");
        let fields = json!({ "room_id": open });
        owner.command("rejoin_room", fields).await;
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let before = site.commands().await;
    let join = json!({ "room_id": open });
    let refused = late.command("join_room", join.clone()).await;
    decided(&site, before).await;

    may_be_written(&kafka, &topic, true).await;
    // Partitions are tried again within half a minute, and it is told once none is refused.
    let over = async {
        let told = |what: &str| site.cluster.logs().matches(what).count();
        while told("records are published again") < told("a record was not published") {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let over = tokio::time::timeout(CONGESTED_WITHIN, over).await;
    let logs = site.cluster.logs();
    over.unwrap_or_else(|_| panic!("it is not told that it is over: {logs}"));
    assert_eq!(late.refusal(refused).await, "unavailable");
    let rolled = answer_to(first, roll).await;
    // Its turn may have been over before it came: changing rules takes a tool of Kafka's seconds.
    assert_ne!(rolled["code"], "unavailable", "{rolled}");
    let until = Instant::now() + WITHIN;
    loop {
        let again = late.command("join_room", join.clone()).await;
        let answer = answer_to(&mut late, again).await;
        if answer["code"] != "unavailable" {
            assert_eq!(text(&answer["type"]), "games.event.room_state", "{answer}");
            break;
        }
        assert!(Instant::now() < until, "paid games stay closed");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    tokio::join!(host.play(&running), other.play(&running));
    let told = logs.matches("a record was not published").count();
    assert!((1..=4).contains(&told), "told {told} times: {logs}");
    site.close(Vec::new()).await;
}
