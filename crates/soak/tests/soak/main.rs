//! Short fault runs, with committed seeds.

// Not as the target's `required-features`: `cargo test --test '*'` would refuse to run without them.
#![cfg(feature = "failpoints")]

use blazing_sun_harness::{built, command};
use blazing_sun_soak::cluster::{ClusterPlan, run_cluster};
use blazing_sun_soak::crowd::crowd;
use blazing_sun_soak::drain::drain;
use blazing_sun_soak::payments::{On, PaymentsPlan, payments};
use blazing_sun_soak::planted::PLANTED;
use blazing_sun_soak::rolling::rolling;
use blazing_sun_soak::run::{Kill, PROGRAM, Plan, run};
use blazing_sun_soak::slow::slow;
use std::time::Duration;

const SEED: u64 = 0x5eed_b1a2;
/// Processes that end at each of the cluster's kill points.
const CLUSTER_ROUNDS: u64 = 20;
/// A fault that none of so many runs shows is not noticed.
const RUNS_OF_A_FAULT_MAX: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_every_point_lose_and_double_nothing() {
    let kills = ["K1", "K2", "K3", "K9"].map(Kill::Point);
    let plan = Plan {
        kills: [Kill::Signal, Kill::Drain]
            .into_iter()
            .chain(kills)
            .collect(),
        ..Plan::new(SEED, 18, 16)
    };
    let report = run(&plan, |_| ()).await.expect("a run");
    assert!(report.violations.is_empty(), "{report}");
    assert!(report.games > 0, "no game was played to its end: {report}");
    assert!(report.letters > 0 && report.panics > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_every_point_of_a_cluster_lose_and_double_nothing() {
    let plan = ClusterPlan::new(SEED, CLUSTER_ROUNDS, 16);
    let report = run_cluster(&plan, |_| ()).await.expect("a run");
    // The figures of a run that is well are worth a line, too.
    println!("{report}");
    assert!(report.violations.is_empty(), "{report}");
    assert!(report.games > 0, "no game was played to its end: {report}");
    assert!(report.letters > 0, "nothing was put aside: {report}");
    for (kill, times) in plan.kills {
        let found = report.kills.get(&kill.to_string());
        assert_eq!(found, Some(&times), "{report}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_of_a_cluster_loses_and_doubles_nothing() {
    let rolled = rolling(SEED, 60).await.expect("a run");
    println!("{rolled}");
    assert!(rolled.report.violations.is_empty(), "{rolled}");
    assert_eq!(rolled.restarts.len(), 4, "{rolled}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planted_faults_are_noticed_one_by_one() {
    for planted in PLANTED {
        let mut unnoticed = planted.noticed_by.to_vec();
        // Chance and time decide what a fault strikes in so short a run.
        for seed in SEED..SEED + RUNS_OF_A_FAULT_MAX {
            let report = planted.run(seed).await.expect("a run");
            unnoticed.retain(|name| {
                let mut found = report.violations.iter();
                !found.any(|violation| violation.invariant == *name)
            });
            if unnoticed.is_empty() {
                break;
            }
        }
        let fault = planted.fault;
        assert!(
            unnoticed.is_empty(),
            "{fault}: not noticed by {unnoticed:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_loses_no_command_and_all_come_back() {
    let drained = drain(SEED, 60).await.expect("a run");
    assert!(drained.violations.is_empty(), "{drained}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_are_credited_once_and_only_if_paid_wherever_a_server_is_killed() {
    let plan = PaymentsPlan::new(SEED, On::Folder, 300);
    let report = payments(&plan).await.expect("a run");
    println!("{report}");
    assert!(report.violations.is_empty(), "{report}");
    for point in ["K7", "K8"] {
        assert!(report.ends.contains_key(point), "{report}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_are_credited_once_and_only_if_paid_in_a_cluster_under_kills() {
    let plan = PaymentsPlan::new(SEED, On::Cluster, 120);
    let report = payments(&plan).await.expect("a run");
    println!("{report}");
    assert!(report.violations.is_empty(), "{report}");
    assert!(report.ends.contains_key("SIGKILL of a backend"), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_in_all_games_leaves_nothing_behind() {
    let crowded = crowd(SEED, 40, Duration::from_secs(12))
        .await
        .expect("a run");
    println!("{crowded}");
    assert!(crowded.report.violations.is_empty(), "{crowded}");
    assert!(crowded.report.commands > 400, "{crowded}");
    let channels: Vec<&str> = crowded.messages.keys().map(String::as_str).collect();
    assert_eq!(channels, ["lobby", "players", "spectators"], "{crowded}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_who_never_read_are_cut_off_and_the_others_miss_nothing() {
    slow(4, 2).await.expect("a run");
}

#[tokio::test]
async fn an_unknown_point_or_fault_is_refused_at_the_start() {
    let folder = std::env::temp_dir().join("blazing-sun-soak-refused");
    for (name, value) in [
        ("BLAZING_SUN_FAILPOINT", "K10:1"),
        ("BLAZING_SUN_FAULT", "gremlin"),
        ("BLAZING_SUN_POISON", "often"),
    ] {
        let output = command(&built(PROGRAM), &["serve", "--data-dir"])
            .arg(&folder)
            .env(name, value)
            .output()
            .await
            .expect("an output");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(name), "{said}");
    }
    assert!(!folder.exists());
}
