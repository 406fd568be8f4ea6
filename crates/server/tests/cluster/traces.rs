//! One command's trace over all processes: from the frame that brought it to the writes that told of it.

use blazing_sun_backbone::log::kafka::{KafkaLog, KafkaOptions};
use blazing_sun_backbone::log::{EventLog, HeadersBuilder, NewRecord, Topic};
use blazing_sun_harness::collector::{Collector, SentSpan, named, one, trace_of};
use blazing_sun_harness::{Client, Cluster, ClusterLaunch};
use serde_json::json;
use uuid::Uuid;

const FOREIGN_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const FOREIGN_SPAN: &str = "00f067aa0ba902b7";
/// What a client would like to be part of.
const INJECTED_TRACE: &str = "11111111111111111111111111111111";

async fn traced_cluster(collector: &Collector) -> Cluster {
    Cluster::launch(ClusterLaunch {
        gateways: 2,
        backends: 1,
        environment: collector.environment(),
        ..ClusterLaunch::default()
    })
    .await
}

/// Whether it has come as far as the sockets of both players.
fn is_whole(trace: &[SentSpan], name: &str) -> bool {
    let delivered = trace.iter().filter(|span| {
        span.name == "gateway.deliver"
            && span.attributes.get("event.type").map(String::as_str) == Some(name)
    });
    let written = delivered.filter(|delivered| {
        let mut all = trace.iter();
        all.any(|span| span.name == "gateway.write" && span.parent_id == delivered.span_id)
    });
    let has = |name: &str| trace.iter().any(|span| span.name == name);
    written.count() == 2
        && ["gateway.frame", "backend.command", "backend.publish"]
            .into_iter()
            .all(has)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_is_one_trace_from_its_frame_over_kafka_to_the_sockets() {
    let collector = Collector::start().await;
    let mut cluster = traced_cluster(&collector).await;
    let (host, other) = (cluster.guest_at(0).await, cluster.guest_at(0).await);
    let addresses = [cluster.gateway(0).address(), cluster.gateway(1).address()];
    let mut hosts = Client::sign_in_at(addresses[0], &host, &[]).await;
    let mut others = Client::sign_in_at(addresses[1], &other, &[]).await;
    let room = hosts.create_room("traced").await;
    others.join_room(&room).await;
    hosts.event("games.event.lobby_joined").await;
    hosts.select(&room, &[&host, &other]).await;
    hosts.ready(&room).await;
    others.ready(&room).await;
    let turn = hosts.event("games.event.turn_changed").await;
    let mover = match turn["current_turn"] == host.user_id.as_str() {
        true => &mut hosts,
        false => &mut others,
    };
    let injected = format!("00-{INJECTED_TRACE}-2222222222222222-01");
    let fields =
        json!({ "room_id": room, "traceparent": injected, "headers": { "traceparent": injected } });
    let roll = mover.command("bigger_dice.roll", fields).await.to_string();
    for client in [&mut hosts, &mut others] {
        client.event("games.event.bigger_dice.rolled").await;
    }

    const ROLLED: &str = "games.event.bigger_dice.rolled";
    let trace = collector.until("the roll's trace", |spans| {
        trace_of(spans, "gateway.frame", &roll).filter(|trace| is_whole(trace, ROLLED))
    });
    let trace = trace.await;
    let frame = one(&trace, "gateway.frame", None);
    let append = one(&trace, "gateway.append", Some(frame));
    let command = one(&trace, "backend.command", Some(append));
    let decide = one(&trace, "backend.decide", Some(command));
    let commit = one(&trace, "backend.commit", Some(command));
    let publish = one(&trace, "backend.publish", Some(command));
    let delivered = named(&trace, "gateway.deliver", Some(command));
    let of_roll: Vec<&&SentSpan> = delivered
        .iter()
        .filter(|span| span.attributes["event.type"] == ROLLED)
        .collect();
    assert_eq!(of_roll.len(), 2, "{trace:#?}");
    let mut sockets: Vec<&String> = Vec::new();
    for deliver in &of_roll {
        let write = one(&trace, "gateway.write", Some(deliver));
        assert!(write.start_ns >= deliver.start_ns, "{trace:#?}");
        sockets.push(&write.attributes["socket.id"]);
    }
    assert_ne!(sockets[0], sockets[1]);
    assert!(sockets.contains(&&frame.attributes["socket.id"]));
    // One after the other, on one machine's clock.
    let order = [frame, append, command, decide, commit, publish];
    for pair in order.windows(2) {
        assert!(pair[0].start_ns <= pair[1].start_ns, "{trace:#?}");
    }
    assert!(decide.end_ns <= commit.end_ns && commit.end_ns <= publish.end_ns);
    assert!(publish.end_ns <= command.end_ns && append.end_ns <= frame.end_ns);
    for span in &trace {
        assert_eq!(span.attributes["correlation_id"], roll, "{span:#?}");
        assert!(span.end_ns >= span.start_ns);
        let service = match span.name.starts_with("backend.") {
            true => "blazing-sun-backend",
            false => "blazing-sun-gateway",
        };
        assert_eq!(span.service, service);
    }
    assert_eq!(
        frame.attributes["command.type"],
        "games.command.bigger_dice.roll"
    );
    assert_eq!(frame.attributes["room.id"], room);
    assert_eq!(
        append.attributes["messaging.destination.name"],
        "games.commands"
    );
    let told = cluster.tool(&["trace", &roll, "--json"]).await;
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let steps = told["steps"].as_array().expect("steps").iter();
    let sent: Vec<u64> = steps
        .filter(|step| {
            step["what"] == "socket" && step["data"]["events"][0]["event_type"] == ROLLED
        })
        .filter_map(|step| step["data"]["sockets"].as_u64())
        .collect();
    assert_eq!(sent, [1, 1], "{told:#}");
    assert_eq!(told["silent_gateways"], serde_json::Value::Null, "{told:#}");
    let connected = told["gateways"].as_array().expect("gateways").iter();
    let connected = connected.filter(|gateway| gateway["is_connected"] == true);
    assert_eq!(connected.count(), 1, "{told:#}");
    let spans = collector.spans();
    assert!(spans.iter().all(|span| span.trace_id != INJECTED_TRACE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_another_program_goes_on_with_its_trace() {
    let collector = Collector::start().await;
    let mut cluster = traced_cluster(&collector).await;
    let guest = cluster.guest_at(0).await;
    let mut client = Client::sign_in_at(cluster.gateway(1).address(), &guest, &[]).await;
    let (servers, prefix) = cluster.kafka();
    let options = KafkaOptions {
        topic_prefix: prefix.to_owned(),
        ..KafkaOptions::new(servers)
    };
    let connected = tokio::task::spawn_blocking(|| KafkaLog::connect(options, None));
    let log = connected.await.expect("a thread").expect("a connection");
    let id = Uuid::now_v7().to_string();
    let envelope = json!({
        "event_id": Uuid::now_v7(), "event_type": "games.command.join_room", "timestamp": "2026-01-01T00:00:00.000Z",
        "correlation_id": id, "producer": "another",
        "actor": { "user_id": guest.user_id, "username": guest.username, "socket_id": "", "roles": [] },
        "audience": { "type": "user", "user_ids": [guest.user_id], "room_id": null, "game_id": null },
        "payload": { "command_id": id, "room_id": "nowhere" },
    });
    let mut headers = HeadersBuilder::default();
    headers.push(
        "traceparent",
        format!("00-{FOREIGN_TRACE}-{FOREIGN_SPAN}-01"),
    );
    let record = NewRecord {
        topic: Topic::new("games.commands"),
        partition: None,
        key: "nowhere".into(),
        headers: headers.build(),
        payload: envelope.to_string().into_bytes().into(),
    };
    let log: &dyn EventLog = &log;
    log.append_and_wait(vec![record]).await.expect("appended");
    client.event("games.event.error").await;
    let found = collector.until("the foreign trace", |spans| {
        let of_trace = spans.iter().filter(|span| span.trace_id == FOREIGN_TRACE);
        let of_trace: Vec<SentSpan> = of_trace.cloned().collect();
        let has = |name: &str| of_trace.iter().any(|span| span.name == name);
        // Processes send at their own times.
        let is_whole = has("backend.command") && has("gateway.write");
        is_whole.then_some(of_trace)
    });
    let trace = found.await;
    let command = trace.iter().find(|span| span.name == "backend.command");
    let command = command.unwrap_or_else(|| panic!("{trace:#?}"));
    assert_eq!(command.parent_id, FOREIGN_SPAN);
    assert_eq!(command.attributes["correlation_id"], id);
    // Every gateway reads it, and one has a socket that it is for.
    let delivered = named(&trace, "gateway.deliver", Some(command)).into_iter();
    let written = delivered.flat_map(|deliver| named(&trace, "gateway.write", Some(deliver)));
    assert_eq!(written.count(), 1, "{trace:#?}");
}
