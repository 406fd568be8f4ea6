//! The house's bot where several processes could have it.

use blazing_sun_harness::{Cluster, ClusterLaunch, within};
use std::time::Duration;

const PLAYS: &str = "the house's bot plays from this process";
const STANDS_BY: &str = "the house's bot plays from another process";

/// Waits until a server has said it.
async fn until_said(cluster: &mut Cluster, server: usize, what: &str) {
    within(what, async {
        while !cluster.backend(server).log().contains(what) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_servers_one_has_the_bot_and_another_one_after_it() {
    let mut cluster = Cluster::prepare(ClusterLaunch {
        environment: vec![("BLAZING_SUN_BOT__ENABLED".to_owned(), "true".to_owned())],
        ..ClusterLaunch::default()
    })
    .await;
    cluster.add_server().await;
    until_said(&mut cluster, 0, PLAYS).await;
    cluster.add_server().await;
    until_said(&mut cluster, 1, STANDS_BY).await;
    cluster.until_ready().await;
    assert!(!cluster.backend(1).log().contains(PLAYS));
    cluster.backend(0).kill().await;
    until_said(&mut cluster, 1, PLAYS).await;
}
