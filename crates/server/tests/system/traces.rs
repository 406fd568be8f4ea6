//! One command's trace through a server that has everything in one process.

use blazing_sun_harness::collector::{Collector, SentSpan, named, one, trace_of};
use blazing_sun_harness::{Client, Launch, TestServer};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_one_trace_from_its_frame_to_the_socket() {
    let collector = Collector::start().await;
    let server = TestServer::launch(Launch {
        environment: collector.environment(),
        ..Launch::default()
    })
    .await;
    let guest = server.guest().await;
    let mut client = Client::sign_in(&server, &guest).await;
    let fields = json!({ "game_type": "bigger_dice", "room_name": "traced", "max_players": 2 });
    let id = client.command("create_room", fields).await.to_string();
    client.event("games.event.room_state").await;
    let trace = collector.until("the trace", |spans| {
        let trace = trace_of(spans, "gateway.frame", &id)?;
        let has = |name: &str| trace.iter().any(|span| span.name == name);
        let is_whole = has("gateway.write") && has("backend.command") && has("gateway.frame");
        is_whole.then_some(trace)
    });
    let trace = trace.await;
    let frame = one(&trace, "gateway.frame", None);
    let append = one(&trace, "gateway.append", Some(frame));
    let command = one(&trace, "backend.command", Some(append));
    for step in ["backend.decide", "backend.commit", "backend.publish"] {
        one(&trace, step, Some(command));
    }
    let delivered = named(&trace, "gateway.deliver", Some(command)).into_iter();
    let written: Vec<&SentSpan> = delivered
        .flat_map(|deliver| named(&trace, "gateway.write", Some(deliver)))
        .collect();
    assert!(!written.is_empty(), "{trace:#?}");
    for span in &trace {
        assert_eq!(span.service, "blazing-sun-serve");
        assert_eq!(span.attributes["correlation_id"], id, "{span:#?}");
    }
    for write in written {
        assert_eq!(write.attributes["socket.id"], frame.attributes["socket.id"]);
    }
    let said = server.tool(&["trace", &id]).await;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let goes_on = format!("traceparent 00-{}-{}-01\n", frame.trace_id, append.span_id);
    assert!(said.contains(&goes_on), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_nothing_but_the_traces() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = gone.local_addr().expect("its address");
    drop(gone);
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}")),
        ("OTEL_TRACES_SAMPLER_ARG", "1.0".to_owned()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value));
    let mut server = TestServer::launch(Launch {
        environment: environment.to_vec(),
        ..Launch::default()
    })
    .await;
    let (mut client, _other, room) = blazing_sun_harness::whole_game(&server).await;
    let again = client
        .command("bigger_dice.roll", json!({ "room_id": room }))
        .await;
    client.refusal(again).await;
    assert!(server.log().contains("traces are sent to a collector"));
    let ended = server.terminate().await;
    assert!(ended.success(), "{}", server.log());
}
