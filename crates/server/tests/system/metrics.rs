//! Figures for Prometheus: counted on the real server, scraped by the real Prometheus, and asked for by every query of the
//! dashboard and every alert.

use blazing_sun_harness::prometheus::{Prometheus, promtool};
use blazing_sun_harness::{Client, Launch, TestServer, text, whole_game};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use uuid::Uuid;

const JOB: &str = "blazing-sun";

fn of_repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(of_repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The dashboard's queries, as Grafana would ask them.
fn queries() -> Vec<String> {
    let dashboard: Value =
        serde_json::from_str(&read("deploy/grafana/blazing-sun.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array());
    let queries = targets.flatten().map(|target| {
        text(&target["expr"])
            .replace("$job", ".*")
            .replace("$instance", ".*")
            .replace("$__rate_interval", "10s")
    });
    let queries: Vec<String> = queries.collect();
    assert!(queries.len() > 40 && queries.iter().all(|query| !query.contains('$')));
    queries
}

/// The rules' names, expressions and texts.
fn alerts() -> Vec<(String, String, String)> {
    let rules: Value =
        serde_yaml_ng::from_str(&read("deploy/prometheus/alerts.yml")).expect("YAML");
    let groups = rules["groups"].as_array().expect("groups").iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().expect("rules"));
    let alerts = rules.map(|rule| {
        let annotations = &rule["annotations"];
        assert!(annotations["summary"].is_string(), "{rule}");
        let runbook = text(&annotations["runbook"]);
        (text(&rule["alert"]), text(&rule["expr"]), runbook)
    });
    alerts.collect()
}

/// The names of metrics of ours, of processes' and of Prometheus's own in an expression.
fn names_in(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let of_ours = |word: &&str| {
        word.starts_with("blazing_sun_") || word.starts_with("process_") || *word == "up"
    };
    words.filter(of_ours).map(str::to_owned).collect()
}

async fn figures(server: &TestServer) -> String {
    let answer = server.http().get(server.url("/metrics")).send().await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.text().await.expect("text")
}

fn figure(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap_or_else(|| panic!("no {name} in {text}")).trim();
    value.parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_the_dashboard_and_every_alert_evaluates_against_a_server_that_is_played_on()
{
    let server = TestServer::start().await;
    let rules = of_repository("deploy/prometheus/alerts.yml");
    let mut prometheus = Prometheus::start(JOB, server.address(), &rules).await;
    let (mut one, _other, room) = whole_game(&server).await;
    let refused = one
        .command("bigger_dice.roll", json!({ "room_id": room }))
        .await;
    one.refusal(refused).await;
    one.command("nothing", json!({})).await;
    one.event("games.event.error").await;

    // Twice scraped since, so that there are rates.
    let of_game = r#"blazing_sun_backend_commands_total{type="other",outcome="refused"} > 0"#;
    prometheus.until(of_game).await;
    prometheus
        .until("rate(blazing_sun_gateway_commands_total[10s]) >= 0")
        .await;
    let mut names = BTreeSet::new();
    for query in queries() {
        names.append(&mut names_in(&query));
        if let Err(error) = prometheus.series(&query).await {
            panic!("{query}: {error}");
        }
    }
    let alerts = alerts();
    assert!(alerts.len() > 15);
    let sections = read("docs/alerts.md");
    for (name, expression, runbook) in &alerts {
        names.append(&mut names_in(expression));
        if let Err(error) = prometheus.series(expression).await {
            panic!("{name}: {expression}: {error}");
        }
        assert_eq!(*runbook, format!("docs/alerts.md#{}", name.to_lowercase()));
        let heading = format!("## {name}");
        assert!(
            sections.lines().any(|line| line == heading),
            "docs/alerts.md says nothing of {name}"
        );
    }
    let written = sections.lines().filter(|line| line.starts_with("## "));
    assert_eq!(written.count(), alerts.len(), "a section of no alert");
    for name in &names {
        let found = prometheus.series(&format!("count({name})")).await;
        let found = found.expect("an answer");
        assert!(!found.is_empty(), "there is no {name}");
    }
    prometheus
        .until("count(ALERTS) >= 0 or absent(ALERTS)")
        .await;
    let told = prometheus.ask("rules", &[]).await.expect("rules");
    let rules = told["groups"].as_array().expect("groups").iter();
    for rule in rules.flat_map(|group| group["rules"].as_array().expect("rules")) {
        assert!(rule["lastError"].is_null(), "{rule}");
        assert_ne!(rule["state"], "firing", "{rule}");
    }

    let sum = async |expression: &str| prometheus.sum(expression).await;
    assert_eq!(sum("blazing_sun_backend_books_difference_cents").await, 0.0);
    assert_eq!(sum("blazing_sun_gateway_sockets").await, 2.0);
    let of_kind =
        |kind: &str| format!("blazing_sun_backend_money_moved_cents_total{{kind='{kind}'}}");
    assert_eq!(sum(&of_kind("fee")).await, 2_000.0);
    assert_eq!(sum(&of_kind("prize")).await, 1_600.0);
    assert_eq!(sum(&of_kind("rake")).await, 400.0);
    let rolled =
        "blazing_sun_backend_commands_total{type='games.command.bigger_dice',outcome='applied'}";
    assert!(sum(rolled).await >= 2.0);
    assert!(sum("blazing_sun_backend_refusals_total{code='unknown_command'}").await >= 1.0);
    let guests = "blazing_sun_http_requests_total{method='POST',route='/api/v1/auth/guest'}";
    assert_eq!(sum(guests).await, 2.0);
    assert_eq!(
        sum("blazing_sun_http_request_seconds_count{route='/api/v1/auth/guest'}").await,
        2.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_well_formed_and_their_labels_are_nobodys() {
    let server = TestServer::start().await;
    let (mut one, other, room) = whole_game(&server).await;
    for type_name in 0..50 {
        let name = format!("made_up_{type_name}");
        let id = one.command(&name, json!({})).await;
        assert_eq!(one.refusal(id).await, "unknown_command");
    }
    one.send(json!({ "type": "games.command.Bad", "command_id": Uuid::now_v7() }))
        .await;
    one.event("system.error").await;
    for path in ["/made-up/n0body", "/api/v1/rooms/n0body"] {
        let method = "MADEUP".parse().expect("a method");
        let request = server.http().request(method, server.url(path));
        request.send().await.expect("an answer");
    }
    let text = figures(&server).await;
    assert!(
        !text.contains("n0body") && !text.contains("MADEUP"),
        "{text}"
    );
    let checked = promtool(&["check", "metrics"], &text).await;
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(checked.status.success() && said.is_empty(), "{said}");
    let labels: BTreeSet<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| line.split(['{', ',']).filter(|part| part.contains("=\"")))
        .filter(|label| !label.starts_with("le="))
        .filter_map(|label| label.split('"').nth(1))
        .collect();
    assert!(labels.contains("invalid_signature") && labels.contains("games.events"));
    for private in [&room, &one.guest.user_id, &other.guest.user_id] {
        assert!(!labels.contains(private.as_str()), "{private}");
    }
    assert!(!text.contains("made_up_"), "{text}");
    let other_types = "blazing_sun_backend_commands_total{outcome=\"refused\",type=\"other\"}";
    assert!(figure(&text, other_types) >= 50.0);
    let unknown = "blazing_sun_gateway_refusals_total{code=\"unknown_command\"}";
    assert!(figure(&text, unknown) >= 1.0);
    assert!(figure(&text, "process_resident_memory_bytes") > 1e6);
    let build = format!(
        "blazing_sun_build_info{{mode=\"embedded\",role=\"serve\",version=\"{}\"}}",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(figure(&text, &build), 1.0);
    for kept in [
        "leads 1",
        "open_payments 0",
        "held_payments 0",
        "waiting_events 0",
        "waiting_records 0",
    ] {
        let line = format!("blazing_sun_checkout_{kept}");
        assert!(text.lines().any(|found| found == line), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deployed_with_prometheus_passes_its_own_check() {
    for arguments in [
        ["check", "config", "deploy/prometheus/prometheus.yml"],
        ["check", "rules", "deploy/prometheus/alerts.yml"],
    ] {
        let [check, what, file] = arguments;
        let file = of_repository(file).display().to_string();
        let output = promtool(&[check, what, &file], "").await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{file}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_for_this_machine_or_for_an_address_of_their_own() {
    let server = TestServer::start().await;
    let proxied = server.http().get(server.url("/metrics"));
    let proxied = proxied.header("X-Forwarded-For", "127.0.0.1").send().await;
    assert_eq!(proxied.expect("an answer").status(), 404);

    let own = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let listen = own.local_addr().expect("its address").to_string();
    drop(own);
    let server = TestServer::launch(Launch {
        environment: vec![(
            "BLAZING_SUN_TELEMETRY__METRICS_LISTEN".to_owned(),
            listen.clone(),
        )],
        ..Launch::default()
    })
    .await;
    let guest = server.guest().await;
    let _client = Client::sign_in(&server, &guest).await;
    let beside = server.http().get(server.url("/metrics")).send().await;
    assert_eq!(beside.expect("an answer").status(), 404);
    let answer = server.http().get(format!("http://{listen}/metrics"));
    let answer = answer.header("X-Forwarded-For", "10.0.0.1").send().await;
    let text = answer.expect("an answer").text().await.expect("text");
    assert_eq!(figure(&text, "blazing_sun_gateway_users"), 1.0);
    let nothing_else = server.http().get(format!("http://{listen}/api/v1/games"));
    let status = nothing_else.send().await.expect("an answer").status();
    assert_eq!(status, 404);
}
