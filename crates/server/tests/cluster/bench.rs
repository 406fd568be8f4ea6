//! A cluster that is measured.

use blazing_sun_harness::{Cluster, ClusterLaunch, program, within};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_measured_beside_its_floor_on_a_database_for_nothing_else() {
    let mut cluster = Cluster::launch(ClusterLaunch {
        gateways: 2,
        backends: 1,
        is_bench: true,
        ..ClusterLaunch::default()
    })
    .await;
    let gateways = [0, 1].map(|at| cluster.gateway(at).address());
    let backend = cluster.backend(0).address();
    let sockets = gateways.map(|address| address.to_string()).join(",");
    let gateway = format!("gateway={},{}", gateways[0].port(), gateways[1].port());
    let arguments = ["bench", "--url", &format!("http://{backend}"), "cluster"].map(str::to_owned);
    let mut arguments = arguments.to_vec();
    let load = "--partitions 6 --rooms 4 --seconds 2 --warmup 0.2 --rounds 1 --json";
    arguments.extend(load.split(' ').map(str::to_owned));
    let watched = format!("backend={}", backend.port());
    for (name, value) in [
        ("--gateways", &sockets),
        ("--watch", &gateway),
        ("--watch", &watched),
    ] {
        arguments.extend([name.to_owned(), value.clone()]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = cluster.tool(&arguments).await;
    let error = String::from_utf8_lossy(&output.stderr);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{error}{told}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for figure in [
        "floor_commands_per_s",
        "cluster_commands_per_s",
        "p50_ms_ratio",
        "p99_ms_ratio",
        "gateway_us_per_command",
        "backend_us_per_command",
        "load_tool_us_per_command",
    ] {
        let median = report[figure]["median"].as_f64().unwrap_or_default();
        assert!(median > 0.0, "{figure}: {report:#}");
    }
    for count in ["lost", "doubled", "errors"] {
        assert_eq!(report[count], json!(0), "{report:#}");
    }

    let playing = cluster.tool(&["backend", "--listen", "127.0.0.1:0"]).await;
    let error = String::from_utf8_lossy(&playing.stderr);
    assert!(
        !playing.status.success() && error.contains("for measuring"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_measured_on_a_database_that_is_played_on() {
    let cluster = Cluster::start(0, 1).await;
    let arguments = ["backend", "--bench", "--listen", "127.0.0.1:0"];
    let measuring = cluster.tool(&arguments).await;
    let error = String::from_utf8_lossy(&measuring.stderr);
    assert!(
        !measuring.status.success() && error.contains("for playing"),
        "{error}"
    );
    let proxied = program(&["serve", "--bench", "--listen", "127.0.0.1:0"])
        .env("BLAZING_SUN_GATEWAY__TRUSTED_PROXIES", r#"["127.0.0.1"]"#)
        .output();
    let proxied = within("a refusal", proxied).await.expect("an output");
    let error = String::from_utf8_lossy(&proxied.stderr);
    assert!(
        !proxied.status.success() && error.contains("trusted_proxies"),
        "{error}"
    );
}
