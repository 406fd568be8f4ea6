//! Brokers that are killed.

use crate::site::{Servers, Site};
use crate::tables::Tables;
use std::sync::atomic::Ordering;
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_broker_loses_nothing() {
    let (kafka, servers) = Servers::own_kafka().await;
    let mut site = Site::open(&servers).await;
    let tables = Tables::sit(&mut site.cluster, 6).await;
    tables.all_go_on(20, WITHIN).await;
    let again = tokio::task::spawn_blocking(move || {
        kafka.kill();
        kafka.start_again();
    });
    again.await.expect("Kafka");
    let on = tables.all_go_on(1, WITHIN).await;
    println!("all players were served {on:.1?} after Kafka was up");
    tables.all_go_on(20, WITHIN).await;
    let lost = tables.counts.lost.load(Ordering::Relaxed);
    assert_eq!(lost, 0, "gateways keep their sockets");
    site.verdict(tables).await;
}
