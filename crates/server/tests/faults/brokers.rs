//! Brokers that are killed, that hang, and that are slow.

use crate::site::{Servers, Site};
use crate::tables::Tables;
use blazing_sun_harness::kafka::TestKafka;
use blazing_sun_harness::slow_proxy::SlowProxy;
use std::sync::Arc;
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(120);
/// Each way, on every connection to the broker.
const SLOW_BY: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_broker_loses_nothing() {
    let (kafka, servers) = Servers::own_kafka().await;
    let mut site = Site::open(&servers).await;
    let tables = Tables::sit(&mut site.cluster, 6).await;
    site.all_go_on(&tables, 20, WITHIN).await;
    let again = tokio::task::spawn_blocking(move || {
        kafka.kill();
        kafka.start_again();
    });
    again.await.expect("Kafka");
    let on = site.all_go_on(&tables, 1, WITHIN).await;
    println!("all players were served {on:.1?} after Kafka was up");
    site.all_go_on(&tables, 20, WITHIN).await;
    // What it says of leaders that a broker names while it starts, which it reads wrongly.
    let reads_hints = site.cluster.logs().contains("METADATAUPDATE");
    assert!(!reads_hints, "librdkafka reads leaders beside answers");
    site.assert_none_lost(&tables);
    site.verdict(tables).await;
}

/// Beyond its session, so that it names no broker to clients when it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_broker_loses_nothing_and_is_found_again() {
    let (kafka, servers) = Servers::own_kafka_by(TestKafka::own_given_up_when_frozen).await;
    let mut site = Site::open(&servers).await;
    let tables = Tables::sit(&mut site.cluster, 6).await;
    for freeze in [7, 14, 7].map(Duration::from_secs) {
        site.all_go_on(&tables, 10, WITHIN).await;
        kafka.stop_signal();
        // As long as the fault is to last.
        tokio::time::sleep(freeze).await;
        kafka.continue_signal();
        let on = site.all_go_on(&tables, 1, WITHIN).await;
        println!("frozen for {freeze:?}: all players were served {on:.1?} after Kafka was awake");
    }
    site.all_go_on(&tables, 10, WITHIN).await;
    site.assert_none_lost(&tables);
    site.verdict(tables).await;
}

/// Each leads some partitions; with two left, all are served.
#[tokio::test(flavor = "multi_thread")]
async fn one_of_three_brokers_after_the_other_is_killed() {
    let (brokers, servers) = Servers::own_brokers().await;
    let mut site = Site::open(&servers).await;
    let tables = Tables::sit(&mut site.cluster, 6).await;
    for id in [1, 2] {
        site.all_go_on(&tables, 10, WITHIN).await;
        brokers.broker(id).kill();
        let on = site.all_go_on(&tables, 3, WITHIN).await;
        println!("broker {id} was killed: all players were served three times within {on:.1?}");
        let again = Arc::clone(&brokers);
        let again = tokio::task::spawn_blocking(move || {
            again.broker(id).start_again();
            again.until_replicated();
        });
        again.await.expect("Kafka");
    }
    site.all_go_on(&tables, 10, WITHIN).await;
    site.assert_none_lost(&tables);
    site.verdict(tables).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_broker_costs_time_and_nothing_else() {
    let proxy = SlowProxy::bind().await;
    let advertised = format!("CLIENTS://{}", proxy.address());
    let starting = Servers::own_kafka_with(vec![("advertised.listeners", advertised)]);
    let (kafka, servers) = starting.await;
    proxy.leads_to(kafka.bootstrap_servers().parse().expect("an address"));
    let mut site = Site::open(&servers).await;
    let tables = Tables::sit(&mut site.cluster, 6).await;
    site.all_go_on(&tables, 20, WITHIN).await;
    let before = proxy.pieces();
    proxy.delay(SLOW_BY);
    let on = site.all_go_on(&tables, 4, WITHIN * 2).await;
    println!("four answers a table took {on:.1?} with {SLOW_BY:?} each way");
    assert!(on > SLOW_BY * 2, "it goes by the proxy");
    assert!(proxy.pieces() > before);
    proxy.delay(Duration::ZERO);
    site.all_go_on(&tables, 20, WITHIN).await;
    site.assert_none_lost(&tables);
    site.verdict(tables).await;
}
